"""Print and send open invoices in Exact, "based on customer": step 5 of InvoiceSharing's instruction.

Each invoice is compared in Exact with what was shown, card and contact included. Then the intention is committed, Exact
prints, the outcome is committed. Printing cannot be taken back and is never repeated by itself: after a lost answer the
invoice's own Status tells whether it happened, and nothing is ordered again while Exact may still be at it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.customers.setup import Wanted, is_same, upload_contact
from connector.errors import (
    AnswerLost,
    ConnectorError,
    ExactUnavailable,
    ExactUnexpected,
    NothingFound,
    Permanent,
    WrongUsage,
)
from connector.exact import mapping, records
from connector.exact.client import ExactClient
from connector.storage import customers, journal, sales_invoices
from connector.storage.database import Database
from connector.storage.journal import RunKind, SetupRun, StepId, StepState
from connector.storage.sales_invoices import FINISHED, OPEN, SalesInvoice
from connector.usecases.apply_setup import ACCOUNTS, CONTACTS, WRITE_WITHIN
from connector.usecases.ownership import Lease

log = structlog.get_logger()

INVOICES = "salesinvoice/SalesInvoices"
PRINTED = "salesinvoice/PrintedSalesInvoices"
PRINT_INVOICE = "print_invoice"
"""The action of a journal step that prints."""
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNKNOWN_OUTCOME = "printed, but Exact's answer was lost: whether it was sent is not known"
MAY_STILL_PRINT = timedelta(minutes=10)
"""How long an order without an answer may still be carried out; until then nothing is ordered again. Ours [assumed]."""


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
    goes_to_upload: bool = False
    """Whether Exact mails it to the upload address, as far as card and contact tell."""

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
    waiting: list[tuple[str, datetime]] = field(default_factory=list)
    """Invoices that were ordered without an answer, and until when Exact may still print them."""
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
            "skipped": [
                *({"invoice": name, "reason": reason} for name, reason in self.skipped),
                *({"invoice": name, "reason": "answer_awaited", "until": until} for name, until in self.waiting),
            ],
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
            contact = next((contact for contact in contacts if contact.id == named), None)
            new_contact = None if named else upload_contact(contacts, wanted)
            addressee = contact or new_contact
            address = addressee.email if addressee else customer.email
            is_mailed = customer.invoicing_method == wanted.invoicing_method
            found.append(
                OpenInvoice(
                    division=division,
                    invoice=invoice,
                    customer=customer,
                    contact_id=ContactId(str(named)) if named else None,
                    contact=contact,
                    new_contact=new_contact,
                    goes_to_upload=is_mailed and bool(address) and is_same(address, wanted.upload_address),
                )
            )
    return found


def is_history(each: OpenInvoice, start_dates: Mapping[int, date]) -> bool:
    """Whether an invoice is dated before the start date of its division, so that it is never sent from here."""
    return each.invoice.invoice_date is not None and each.invoice.invoice_date < start_dates[each.division]


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
        if is_history(one, start_dates):
            start = start_dates[one.division]
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

    Returns:
        What was done. `stopped_by` says why it ended early; what was sent before that is in it all the same.

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
            sending = _Sending(database, client, run, report, clock, lease)
            sending.settle()
            for each in chosen:
                sending.send(each)
                done += 1
                lease.take(clock())
        except ConnectorError as error:
            report.stopped_by = error
        report.remaining = len(chosen) - done
        with database.transaction() as session:
            journal.end_run(session, run.id, now=clock())
    report.api_calls = client.calls - calls_before
    log.info("invoices.sent", division=division, run=run.id, sent=len(report.sent), failed=len(report.failed))
    return report


class _Sending:
    """One run over one division."""

    def __init__(
        self,
        database: Database,
        client: ExactClient,
        run: SetupRun,
        report: SendReport,
        clock: Callable[[], datetime],
        lease: Lease,
    ) -> None:
        self.lease = lease
        self.database = database
        self.client = client
        self.run = run
        self.report = report
        self.clock = clock
        self.may_still_print: dict[str, datetime] = {}
        """By id, invoices that an earlier run ordered without an answer, and how long that may still happen."""

    def settle(self) -> None:
        """Find out what became of invoices that an earlier run was about to print; nothing is written to Exact."""
        with self.database.reading() as session:
            unsettled = journal.open_steps(session, self.run.division, (RunKind.SEND,))
        for step in unsettled:
            invoice = str(step.after["InvoiceID"])
            until = step.at + MAY_STILL_PRINT
            try:
                header = self.look(invoice)
            except Permanent:  # it stays open, and keeps no other invoice back
                self.may_still_print[invoice] = until
                continue
            printed = header is not None and header.status == FINISHED
            if header is not None and not printed and self.clock() < until:
                self.may_still_print[invoice] = until
                continue
            error = UNKNOWN_OUTCOME if printed else "interrupted before Exact had it"
            self.finish(step.id, StepState.DONE if printed else StepState.FAILED, error)
            if printed and header is not None:
                name = f"{header.invoice_number or header.invoice_id} ({step.customer_code} {step.customer_name})"
                self.report.uncertain[header.invoice_id] = name

    def send(self, each: OpenInvoice) -> None:
        """Look, intend, print, record."""
        if each.invoice.id in self.may_still_print:
            self.report.waiting.append((each.name, self.may_still_print[each.invoice.id]))
            return
        try:
            header = self.look(each.invoice.id)
            is_printed = header is not None and header.status == FINISHED
            is_as_shown = header is not None and _is_as_shown(header, each) and self.goes_as_shown(each)
        except Permanent as error:  # what cannot be read cannot be compared
            self.report.failed.append((each.name, error.message))
            return
        if is_printed:
            if each.invoice.id not in self.report.uncertain:
                self.report.skipped.append((each.name, "already_printed"))
        elif is_as_shown:
            self.print(each)
        else:
            self.report.skipped.append((each.name, "changed_meanwhile"))

    def look(self, invoice: str) -> records.SalesInvoiceHeader | None:
        """The invoice as it stands in Exact; None when it is not there."""
        row = self.client.get_one(INVOICES, invoice, select=records.SalesInvoiceHeader.FIELDS)
        return None if row is None else records.SalesInvoiceHeader.from_json(row)

    def goes_as_shown(self, each: OpenInvoice) -> bool:
        """Whether card and contact in Exact still say what somebody said yes to: how it goes, and to which address."""
        row = self.client.get_one(ACCOUNTS, each.customer.id, select=records.Account.FIELDS)
        if row is None:
            return False
        card = mapping.to_customer(records.Account.from_json(row), division=each.division)
        if not all(is_same(getattr(card, name), getattr(each.customer, name)) for name in _SHOWN_OF_A_CARD):
            return False
        shown = each.contact or each.new_contact
        if shown is None:
            return True
        row = self.client.get_one(CONTACTS, shown.id, select=records.Contact.FIELDS)
        return row is not None and is_same(records.Contact.from_json(row).email or "", shown.email)

    def print(self, each: OpenInvoice) -> None:
        """Address it where nobody is named, and let Exact print it; both are in the journal first."""
        contact = each.new_contact.id if each.new_contact else None
        started_at = self.clock()
        with self.database.transaction() as session:
            self.lease.keep(session, started_at)
            step = journal.add_step(
                session,
                self.run,
                customer_id=each.customer.id,
                customer_code=each.customer.code,
                customer_name=each.customer.name,
                action=PRINT_INVOICE,
                before={"InvoiceID": each.invoice.id, "Status": OPEN},
                after={"InvoiceID": each.invoice.id, "Status": FINISHED} | _addressed_to(contact),
                now=started_at,
            )
        try:
            with self.client.writing_until(started_at + WRITE_WITHIN):
                if contact is not None:
                    self.address(each, contact)
                said = self.order(each)
        except AnswerLost:
            self.after_lost_answer(step, each)
            return
        except ConnectorError as error:
            self.finish(step, StepState.FAILED, error.message)
            if not isinstance(error, Permanent):
                raise
            self.report.failed.append((each.name, error.message))
            return
        errors = "; ".join(f"{name}: {text}" for name, text in said.errors.items())
        self.finish(step, StepState.DONE, errors or None)
        number = self.number_of(each)
        if errors:
            self.report.failed.append((str(number or each.name), f"printed, but not sent: {errors}"))
        else:
            self.report.sent.append((each, number, said.successes))

    def address(self, each: OpenInvoice, contact: ContactId) -> None:
        """Name the contact person on the invoice.

        Raises:
            ExactUnavailable: Also where the answer was lost: nothing is printed yet, and twice is the same as once.
        """
        try:
            self.client.put(INVOICES, each.invoice.id, _addressed_to(contact))
        except AnswerLost as error:
            raise ExactUnavailable(error.message, hint="run the command again") from error

    def order(self, each: OpenInvoice) -> records.PrintedSalesInvoice:
        """Let Exact print and send.

        Raises:
            AnswerLost: It may have happened: there is no answer, or one that cannot be read.
        """
        try:
            answer = self.client.post(PRINTED, {"InvoiceID": each.invoice.id, "SendOutputBasedOnAccount": True})
            return records.PrintedSalesInvoice.from_json(answer)
        except (ExactUnavailable, ExactUnexpected) as error:
            raise AnswerLost(error.message) from error

    def number_of(self, each: OpenInvoice) -> int | None:
        """The number that Exact gave it; None where that cannot be asked now: what was done is told all the same."""
        try:
            printed = self.look(each.invoice.id)
        except ConnectorError as error:
            log.warning("invoices.number_unknown", division=each.division, error=type(error).__name__)
            return None
        return printed.invoice_number if printed else None

    def after_lost_answer(self, step: StepId, each: OpenInvoice) -> None:
        """Say that it was printed when it was.

        Raises:
            AnswerLost: It is not printed so far, or nobody can tell; the step stays intended, and a later run looks.
        """
        try:
            header = self.look(each.invoice.id)
        except ConnectorError as error:
            raise self.not_known(each, "whether it is printed cannot be asked now") from error
        if header is None or header.status != FINISHED:
            raise self.not_known(each, "it is not printed so far")
        self.finish(step, StepState.DONE, UNKNOWN_OUTCOME)
        name = f"{header.invoice_number or each.name} ({each.customer.code} {each.customer.name})"
        self.report.uncertain[each.invoice.id] = name

    def not_known(self, each: OpenInvoice, what: str) -> AnswerLost:
        """The error of an order that may still be carried out."""
        return AnswerLost(
            f"Exact gave no answer about invoice {each.name}, and {what}",
            hint="Exact may still print it: look at it in Exact Online before you print it there.",
            retry_at=self.clock() + MAY_STILL_PRINT,
        )

    def finish(self, step: StepId, state: StepState, error: str | None) -> None:
        """Record what became of an order."""
        with self.database.transaction() as session:
            journal.finish_step(session, step, state, error=error, now=self.clock())


_SHOWN_OF_A_CARD = ("invoicing_method", "email", "blocked")


def _addressed_to(contact: ContactId | None) -> dict[str, Any]:
    return {"InvoiceToContactPerson": contact} if contact else {}


def _is_as_shown(header: records.SalesInvoiceHeader, each: OpenInvoice) -> bool:
    """Whether it is still open, with the date, payer, amount and contact person that somebody said yes to."""
    contacts = {each.contact_id, each.new_contact.id if each.new_contact else each.contact_id}
    return (
        header.status == OPEN
        and header.invoice_date == each.invoice.invoice_date
        and header.invoice_to == each.customer.id
        and header.amount_dc == each.invoice.amount
        and header.invoice_to_contact_person in contacts
    )
