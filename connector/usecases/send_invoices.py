"""Print and send open invoices in Exact, "based on customer": step 5 of InvoiceSharing's instruction.

For each invoice the intention is committed, then Exact prints, then the outcome is committed. Printing cannot be taken
back and is never repeated by itself: after a lost answer the invoice's own Status tells whether it happened.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import structlog

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.customers.setup import Wanted, upload_contact
from connector.errors import AnswerLost, ConnectorError, NeedsPerson, NothingFound, Permanent, Transient, WrongUsage
from connector.exact import records
from connector.exact.client import ExactClient
from connector.storage import customers, journal, sales_invoices
from connector.storage.database import Database
from connector.storage.journal import RunKind, SetupRun, StepState
from connector.storage.sales_invoices import FINISHED, OPEN, SalesInvoice
from connector.usecases.ownership import Lease

log = structlog.get_logger()

INVOICES = "salesinvoice/SalesInvoices"
PRINTED = "salesinvoice/PrintedSalesInvoices"
PRINT_INVOICE = "print_invoice"
"""The action of a journal step that prints."""
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNKNOWN_OUTCOME = "printed, but Exact's answer was lost: whether it was sent is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvoice:
    """An invoice that waits to be printed, as last synced."""

    division: Division
    invoice: SalesInvoice
    customer: Customer
    """Who pays it, and whose card says how it goes out."""
    contact_id: ContactId | None
    """The contact person that it is addressed to in Exact now; `contact` is what we know of it."""
    contact: Contact | None = None
    new_contact: Contact | None = None
    """The contact at the upload address, where nobody is named on the invoice."""

    @property
    def name(self) -> str:
        """What it is called: its number, or its id where Exact gives the number only on printing."""
        return str(self.invoice.number) if self.invoice.number is not None else self.invoice.id


@dataclass(slots=True, kw_only=True)
class SendReport:
    """What a run did; `as_json` is the document of `send --json`."""

    run: str
    division: Division
    sent: list[tuple[OpenInvoice, int | None, Mapping[str, str]]] = field(default_factory=list)
    """With the number that Exact gave, and what it said of each way of sending."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Invoice and what Exact said; also of printed ones that could not be sent."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Invoice and why: already_printed or changed_meanwhile."""
    uncertain: dict[str, str] = field(default_factory=dict)
    """By id, what to call the invoices that are printed, but of which Exact's answer was lost."""
    remaining: int = 0
    api_calls: int = 0
    stopped_by: ConnectorError | None = None

    def as_json(self) -> dict[str, Any]:
        """One document per division."""
        return {
            "run": self.run,
            "division": self.division,
            "sent": [
                {"invoice": each.invoice.id, "number": number, "customer": each.customer.code, "said": dict(said)}
                for each, number, said in self.sent
            ],
            "failed": [{"invoice": name, "error": error} for name, error in self.failed],
            "skipped": [{"invoice": name, "reason": reason} for name, reason in self.skipped],
            "uncertain": [{"invoice": invoice, "name": name} for invoice, name in self.uncertain.items()],
            "remaining": self.remaining,
            "api_calls": self.api_calls,
        }


def open_invoices(database: Database, division: Division, wanted: Wanted) -> list[OpenInvoice]:
    """Every open invoice of a division, as last synced, the oldest first."""
    found = []
    with database.reading() as session:
        for invoice in sales_invoices.open_ones(session, division):
            payer = CustomerId(invoice.invoice_to or invoice.ordered_by or "")
            customer = customers.get(session, division, payer)
            if customer is None:
                continue
            contacts = customers.contacts_of(session, division, payer)
            rows = sales_invoices.rows_of(session, division, invoice.id)
            named = next((row.record.get("InvoiceToContactPerson") for row in rows if row.line_number == 0), None)
            found.append(
                OpenInvoice(
                    division=division,
                    invoice=invoice,
                    customer=customer,
                    contact_id=ContactId(str(named)) if named else None,
                    contact=next((contact for contact in contacts if contact.id == named), None),
                    new_contact=None if named else upload_contact(contacts, wanted),
                )
            )
    return found


def choose(candidates: Sequence[OpenInvoice], ids: Sequence[str], start_dates: Mapping[int, date]) -> list[OpenInvoice]:
    """The invoices with these ids or numbers, each once.

    Args:
        start_dates: By division; nothing dated before is ever sent.

    Raises:
        NothingFound: No open invoice has this id or number.
        WrongUsage: Several have this number, or it is dated before the start date.
    """
    chosen: dict[str, OpenInvoice] = {}
    for text in ids:
        word = text.strip().strip("{}").lower()
        found = [each for each in candidates if word in (each.invoice.id.lower(), str(each.invoice.number))]
        if not found:
            raise NothingFound(
                f"there is no open invoice {text}",
                hint="`connector send` without an ID lists them; run `connector sync` when it is new",
            )
        if len(found) > 1:
            raise WrongUsage(f"{len(found)} open invoices have the number {text}", hint="name it by its id")
        one = found[0]
        start = start_dates[one.division]
        if one.invoice.invoice_date is not None and one.invoice.invoice_date < start:
            raise WrongUsage(
                f"invoice {text} is dated before the start date {start}, and such invoices are never sent",
                hint="print it in Exact Online",
            )
        chosen[one.invoice.id] = one
    return list(chosen.values())


def send_invoices(
    database: Database,
    client: ExactClient,
    division: Division,
    chosen: Sequence[OpenInvoice],
    *,
    clock: Callable[[], datetime],
) -> SendReport:
    """Print and send these invoices; what was printed or changed since it was shown is skipped.

    Raises:
        Busy: Another process is sending in this division.
    """
    calls_before = client.calls
    with Lease(database, f"send:{division}", now=clock()) as lease:
        with database.transaction() as session:
            run = journal.start_run(session, division, RunKind.SEND, now=clock())
        report = SendReport(run=run.id, division=division)
        done = 0
        try:
            _settle(database, client, division, report, clock)
            for each in chosen:
                _send(database, client, run, each, report, clock)
                done += 1
                lease.take(clock())
        except (NeedsPerson, Transient) as error:
            report.stopped_by = error
        report.remaining = len(chosen) - done
        with database.transaction() as session:
            journal.end_run(session, run.id, now=clock())
    report.api_calls = client.calls - calls_before
    log.info("invoices.sent", division=division, run=run.id, sent=len(report.sent), failed=len(report.failed))
    return report


def _settle(
    database: Database, client: ExactClient, division: Division, report: SendReport, clock: Callable[[], datetime]
) -> None:
    """Find out what became of invoices that an earlier run was about to print; nothing is written to Exact."""
    with database.reading() as session:
        unsettled = journal.open_steps(session, division, (RunKind.SEND,))
    for step in unsettled:
        header = _look(client, str(step.after["InvoiceID"]))
        printed = header is not None and header.status == FINISHED
        error = UNKNOWN_OUTCOME if printed else "interrupted before Exact had it"
        with database.transaction() as session:
            state = StepState.DONE if printed else StepState.FAILED
            journal.finish_step(session, step.id, state, error=error, now=clock())
        if printed and header is not None:
            name = f"{header.invoice_number or header.invoice_id} ({step.customer_code} {step.customer_name})"
            report.uncertain[header.invoice_id] = name


def _look(client: ExactClient, invoice: str) -> records.SalesInvoiceHeader | None:
    row = client.get_one(INVOICES, invoice, select=records.SalesInvoiceHeader.FIELDS)
    return None if row is None else records.SalesInvoiceHeader.from_json(row)


def _send(
    database: Database,
    client: ExactClient,
    run: SetupRun,
    each: OpenInvoice,
    report: SendReport,
    clock: Callable[[], datetime],
) -> None:
    """Look, intend, print, record."""
    header = _look(client, each.invoice.id)
    if header is not None and header.status == FINISHED:
        if header.invoice_id not in report.uncertain:
            report.skipped.append((each.name, "already_printed"))
        return
    if header is None or not _is_as_shown(header, each):
        report.skipped.append((each.name, "changed_meanwhile"))
        return
    contact = each.new_contact.id if each.new_contact else None
    with database.transaction() as session:
        step = journal.add_step(
            session,
            run,
            customer_id=each.customer.id,
            customer_code=each.customer.code,
            customer_name=each.customer.name,
            action=PRINT_INVOICE,
            before={"InvoiceID": each.invoice.id, "Status": OPEN},
            after={"InvoiceID": each.invoice.id, "Status": FINISHED} | _addressed_to(contact),
            now=clock(),
        )
    try:
        if contact is not None:
            client.put(INVOICES, each.invoice.id, _addressed_to(contact))  # twice is the same as once
        answer = client.post(PRINTED, {"InvoiceID": each.invoice.id, "SendOutputBasedOnAccount": True})
        said = records.PrintedSalesInvoice.from_json(answer)
    except AnswerLost:
        _after_lost_answer(database, client, step, each, report, clock)
        return
    except Permanent as error:
        with database.transaction() as session:
            journal.finish_step(session, step, StepState.FAILED, error=error.message, now=clock())
        report.failed.append((each.name, error.message))
        return
    errors = "; ".join(f"{name}: {text}" for name, text in said.errors.items())
    with database.transaction() as session:
        journal.finish_step(session, step, StepState.DONE, error=errors or None, now=clock())
    printed = _look(client, each.invoice.id)
    number = printed.invoice_number if printed else None
    if errors:
        report.failed.append((str(number or each.name), f"printed, but not sent: {errors}"))
    else:
        report.sent.append((each, number, said.successes))


def _addressed_to(contact: ContactId | None) -> dict[str, Any]:
    return {"InvoiceToContactPerson": contact} if contact else {}


def _is_as_shown(header: records.SalesInvoiceHeader, each: OpenInvoice) -> bool:
    """Whether the invoice is still open, for the same payer, amount and contact person that somebody said yes to."""
    contacts = {each.contact_id, each.new_contact.id if each.new_contact else each.contact_id}
    return (
        header.status == OPEN
        and header.invoice_to == each.customer.id
        and header.amount_dc == each.invoice.amount
        and header.invoice_to_contact_person in contacts
    )


def _after_lost_answer(
    database: Database,
    client: ExactClient,
    step: journal.StepId,
    each: OpenInvoice,
    report: SendReport,
    clock: Callable[[], datetime],
) -> None:
    """Say that it was printed when it was.

    Raises:
        AnswerLost: It is not printed, or not yet; the step stays intended, and the next run looks again.
    """
    header = _look(client, each.invoice.id)
    if header is None or header.status != FINISHED:
        raise AnswerLost(
            f"Exact did not answer, and invoice {each.name} is not printed so far",
            hint="look at the invoice in Exact Online before you send it again",
        )
    with database.transaction() as session:
        journal.finish_step(session, step, StepState.DONE, error=UNKNOWN_OUTCOME, now=clock())
    name = f"{header.invoice_number or each.name} ({each.customer.code} {each.customer.name})"
    report.uncertain[each.invoice.id] = name
