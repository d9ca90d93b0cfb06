"""Take a division's finished sales invoices out of what was synced and make received invoices of them.

The XML is the one attached in Exact, else rendered here from the invoice's rows; the PDF the one attached. What is
missing or does not add up holds the invoice. Deciding and delivering is left to `route_invoice` and `deliver_next`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from sqlmodel import Session

from connector.customer import Customer, CustomerId
from connector.errors import CannotRender, ExactUnexpected, InvoiceUnreadable, NotAnInvoice
from connector.exact import mapping
from connector.exact.records import SALES_INVOICES, DivisionRecord, SalesInvoiceRow, VatCode
from connector.identifiers import check_kvk
from connector.ingest.ubl import read_invoice
from connector.ingest.unpack import RawFile, is_pdf, is_xml
from connector.invoice import InvoiceType
from connector.rendering.ubl import render_ubl
from connector.storage import (
    cursors,
    customers,
    documents,
    envelopes,
    files,
    invoices,
    reference,
    sales_invoices,
)
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.envelopes import Origin
from connector.storage.invoices import InvoiceState, ReceivedInvoice
from connector.usecases.handling import Handling
from connector.usecases.ownership import Lease
from connector.usecases.route_invoice import notify_sender
from connector.usecases.sync_division import VAT_CODE

log = structlog.get_logger()

BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What Exact gives of one invoice: its XML and PDF, where they are from, and what else hangs on it."""

    xml: bytes | None = field(default=None, repr=False)
    xml_source: str | None = None
    pdf: bytes | None = field(default=None, repr=False)
    extras: tuple[RawFile, ...] = ()
    reason: str | None = None
    """Why there is no XML: a fixed word."""
    detail: str | None = None


def _vat_codes(session: Session, division: PinnedDivision) -> dict[str, VatCode]:
    stored = reference.all(session, division.code, VAT_CODE)
    return {code: VatCode.from_json(record) for code, record in stored.items()}


def take_invoices(
    database: Database,
    division: PinnedDivision,
    handling: Handling,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[int], None] = lambda taken: None,
) -> list[str]:
    """Make a received invoice of every finished one that is new; returns their ids, oldest first.

    Invoices dated before the start date become history at once: nothing of them is fetched or rendered. Nothing is
    taken before the stream of invoices was read to its end, so that a half-read invoice is never taken for whole.
    """
    taken: list[str] = []
    with database.reading() as session:
        vat_codes = _vat_codes(session, division)
    start = handling.start_of(division)
    waiting = 0
    with Lease(database, f"take:{division.code}", now=clock()) as lease:
        while True:
            with database.reading() as session:
                if not cursors.read(session, division.code, SALES_INVOICES.path).caught_up:
                    return taken  # a sync is under way or was broken off: asked in one reading with the headers
                batch = sales_invoices.to_take(session, division.code, waiting + BATCH)[waiting:]
            history = [header for header in batch if start and header.invoice_date and header.invoice_date < start]
            taken += _take_history(database, division, history, clock())
            for header in batch:
                if header in history:
                    continue
                if _waits_for_files(database, division, header):
                    waiting += 1  # it stays among those to take, before the ones that come next
                else:
                    taken.append(_take(database, division, header, vat_codes, handling, clock))
                progress(len(taken))
            if len(batch) < BATCH:
                return taken
            lease.take(clock())


def _waits_for_files(database: Database, division: PinnedDivision, header: sales_invoices.SalesInvoice) -> bool:
    """Whether a file of the invoice could not be fetched yet: it may be the XML, so nothing is rendered instead."""
    with database.reading() as session:
        attached = documents.attachments_of_invoice(session, division.code, header.id, header.number)
    return any(file.sha256 is None and file.tries < documents.MOST_TRIES for file in attached)


def _take_history(
    database: Database, division: PinnedDivision, headers: Sequence[sales_invoices.SalesInvoice], now: datetime
) -> list[str]:
    """Invoices from before the start date, all in one transaction: there may be a hundred thousand of them."""
    taken: list[str] = []
    if not headers:
        return taken
    with database.transaction() as session:
        envelope = envelopes.add(session, origin=Origin.EXACT, division=division.code, now=now)
        for header in headers:
            described = _describe(session, division, header, now)
            stored = replace(described, envelope_id=envelope.id, state=InvoiceState.HISTORY)
            invoices.add(session, stored)
            sales_invoices.mark_taken(session, division.code, header.id, now=now)
            taken.append(stored.id)
    return taken


def take_again(
    database: Database,
    division: PinnedDivision,
    stored: ReceivedInvoice,
    *,
    language: str,
    clock: Callable[[], datetime],
) -> ReceivedInvoice:
    """Gather and render once more an invoice of Exact's that was never delivered, after something was put right."""
    assert stored.exact_id is not None
    with database.reading() as session:
        vat_codes = _vat_codes(session, division)
        header = sales_invoices.get(session, division.code, stored.exact_id)
    if header is None:
        return stored
    gathered = gather(database, division, header, vat_codes, language)
    now = clock()
    with database.transaction() as session:
        if gathered.xml is None:
            invoices.set_state(
                session, stored.id, InvoiceState.HELD, reason=gathered.reason, detail=gathered.detail, now=now
            )
        else:
            invoices.set_files(session, stored.id, now=now, **_file_columns(session, gathered))
            invoices.set_state(session, stored.id, InvoiceState.RECEIVED, now=now)
        invoices.add_event(session, stored.id, "gathered", {"reason": gathered.reason}, now=now)
        again = invoices.get(session, stored.id)
    assert again is not None
    return again


def _take(
    database: Database,
    division: PinnedDivision,
    header: sales_invoices.SalesInvoice,
    vat_codes: Mapping[str, VatCode],
    handling: Handling,
    clock: Callable[[], datetime],
) -> str:
    """Make one received invoice; bytes, facts and the mark on Exact's invoice in one transaction."""
    gathered = gather(database, division, header, vat_codes, handling.language)
    now = clock()
    with database.transaction() as session:
        envelope = envelopes.add(session, origin=Origin.EXACT, division=division.code, now=now)
        stored = _describe(session, division, header, now)
        stored = replace(
            stored,
            envelope_id=envelope.id,
            state=InvoiceState.RECEIVED if gathered.reason is None else InvoiceState.HELD,
            reason=gathered.reason,
            detail=gathered.detail,
            extras=tuple((extra.name, files.save(session, extra.content)) for extra in gathered.extras),
            **_file_columns(session, gathered),
        )
        invoices.add(session, stored)
        invoices.add_event(session, stored.id, "received", {"exact": header.id, "xml": gathered.xml_source}, now=now)
        sales_invoices.mark_taken(session, division.code, header.id, now=now)
        if stored.reason is not None:
            notify_sender(session, stored, division, handling, stored.reason, stored.detail or "", now=now)
    return stored.id


def _file_columns(session: Session, gathered: Gathered) -> dict[str, Any]:
    return {
        "xml": gathered.xml_source,
        "xml_sha256": files.save(session, gathered.xml) if gathered.xml is not None else None,
        "pdf": "attached" if gathered.pdf is not None else "none",
        "pdf_sha256": files.save(session, gathered.pdf) if gathered.pdf is not None else None,
    }


def _describe(
    session: Session, division: PinnedDivision, header: sales_invoices.SalesInvoice, now: datetime
) -> ReceivedInvoice:
    """The facts of an invoice as Exact's own columns give them."""
    buyer = _buyer(session, division, header)
    kvk = check_kvk(division.kvk).number
    amount = header.amount
    for row in sales_invoices.rows_of(session, division.code, header.id):
        with suppress(ExactUnexpected):  # `gather` holds the invoice for it
            read = SalesInvoiceRow.from_record(row.record)
            amount = read.amount_fc if read.is_header else amount
    type_ = InvoiceType.CREDIT_NOTE if header.type in mapping.CREDIT_TYPES else InvoiceType.INVOICE
    return ReceivedInvoice(
        id=invoices.new_id(now),
        division=division.code,
        origin=Origin.EXACT,
        envelope_id="",
        exact_id=header.id,
        customer_id=buyer.id if buyer else None,
        number=str(header.number),
        type=type_,
        issue_date=header.invoice_date,
        seller_name=division.name,
        seller_kvk=kvk,
        seller_key=f"kvk:{kvk}" if kvk else f"name:{division.name.casefold()}",
        buyer_name=buyer.name if buyer else "",
        buyer_kvk=check_kvk(buyer.kvk).number if buyer else None,
        currency=header.currency,
        payable=_positive(amount) if type_ is InvoiceType.CREDIT_NOTE else amount,
        created_at=now,
        updated_at=now,
    )


def _positive(amount: Decimal | None) -> Decimal | None:
    """A credit note's amount as UBL writes it."""
    return None if amount is None else abs(amount)


def _buyer(session: Session, division: PinnedDivision, header: sales_invoices.SalesInvoice) -> Customer | None:
    """The account that the invoice goes to."""
    return _customer(session, division, header.invoice_to or header.ordered_by)


def _customer(session: Session, division: PinnedDivision, account: str | None) -> Customer | None:
    return customers.get(session, division.code, CustomerId(account)) if account else None


def _corrected_invoice(session: Session, division: PinnedDivision, header: SalesInvoiceRow, buyer: Customer) -> str:
    """The number of the invoice that a credit note corrects: the only one of the customer's that its texts name."""
    named = mapping.named_invoices(header) if header.type in mapping.CREDIT_TYPES else frozenset()
    if not named:
        return ""
    found = sales_invoices.finished_numbers(session, division.code, buyer.id, among=named, types=mapping.INVOICE_TYPES)
    return str(next(iter(found))) if len(found) == 1 else ""


def gather(
    database: Database,
    division: PinnedDivision,
    header: sales_invoices.SalesInvoice,
    vat_codes: Mapping[str, VatCode],
    language: str,
) -> Gathered:
    """Collect an invoice's files from its documents, and render the XML where Exact has none; pure but for reading.

    Args:
        language: Of `detail`, which goes into the notice.
    """
    with database.reading() as session:
        attached = documents.attachments_of_invoice(session, division.code, header.id, header.number)
        raw = [
            RawFile(name=attachment.file_name, content=files.load(session, attachment.sha256))
            for attachment in attached
            if attachment.sha256 is not None
        ]
        stored = sales_invoices.rows_of(session, division.code, header.id)
        buyer = _buyer(session, division, header)
    pdf = _invoice_pdf(raw, str(header.number))
    own = next((file for file in raw if is_xml(file) and _is_invoice(file.content, str(header.number))), None)
    extras = tuple(file for file in raw if file not in (pdf, own) and not _is_false_pdf(file))
    found = Gathered(pdf=pdf.content if pdf else None, extras=extras)
    if own is not None:
        return replace(found, xml=own.content, xml_source="attached")
    try:
        xml = _render(database, division, _read(stored), vat_codes, buyer)
        return replace(found, xml=xml, xml_source="rendered")
    except CannotRender as error:
        return replace(found, reason=error.reason, detail=error.in_words(language))


def _invoice_pdf(raw: list[RawFile], number: str) -> RawFile | None:
    """The printed invoice among the PDFs: the one named after the invoice, else the only one."""
    pdfs = [file for file in raw if is_pdf(file)]
    named = [file for file in pdfs if re.search(rf"(?<!\d){number}(?!\d)", file.name)]
    if named:
        return named[0]
    return pdfs[0] if len(pdfs) == 1 else None


def _is_false_pdf(file: RawFile) -> bool:
    """Whether a file is called a PDF and is none: a recipient would take it for the printed invoice."""
    return file.name.lower().endswith(".pdf") and not is_pdf(file)


def _is_invoice(content: bytes, number: str) -> bool:
    """Whether an attached XML is this invoice; one that cannot be read counts, so that its fault is seen."""
    try:
        return read_invoice(content).invoice.number.strip() == number
    except NotAnInvoice:
        return False
    except InvoiceUnreadable:
        return True


def _read(stored: Sequence[sales_invoices.SalesRow]) -> list[SalesInvoiceRow]:
    """The rows of an invoice.

    Raises:
        CannotRender: One has a field of another type than we know.
    """
    try:
        return [SalesInvoiceRow.from_record(row.record) for row in stored]
    except ExactUnexpected as error:
        raise CannotRender(
            f"cannot be read: {error.message}",
            reason="fact_missing",
            hint="Correct it in Exact, sync, and retry the invoice.",
            message_nl=f"niet te lezen: {error.message}",
            hint_nl="Verbeter dit in Exact Online, haal de gegevens opnieuw op en probeer de factuur nogmaals.",
        ) from error


def _render(
    database: Database,
    division: PinnedDivision,
    rows: list[SalesInvoiceRow],
    vat_codes: Mapping[str, VatCode],
    buyer: Customer | None,
) -> bytes:
    """SI-UBL 2.0 from the invoice's rows.

    Raises:
        CannotRender: A mandatory fact is missing, or the totals are not Exact's own.
    """
    header = mapping.to_sales_header(rows)
    if buyer is None:
        raise CannotRender(
            "missing: the customer that the invoice goes to",
            reason="fact_missing",
            hint="Read the customers again: connector sync --full.",
        )
    seller = DivisionRecord(
        code=division.code,
        description=division.name,
        chamber_of_commerce_number=division.kvk,
        vat_number=division.vat_number,
        address_line1=division.address_line,
        postcode=division.postcode,
        city=division.city,
        country=division.country,
        email=division.email,
        phone=division.phone,
        currency=division.currency,
    )
    with database.reading() as session:
        deliver_to = _customer(session, division, header.deliver_to)
        corrected = _corrected_invoice(session, division, header, buyer)
    invoice = mapping.to_invoice(
        header,
        rows,
        vat_codes=vat_codes,
        seller=seller,
        seller_iban=division.bank_iban,
        buyer=buyer,
        deliver_to=deliver_to,
        preceding_invoice=corrected,
    )
    return render_ubl(invoice)
