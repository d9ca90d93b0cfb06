"""Decide what becomes of one stored invoice, and put what follows into the outbox: the core behind both front doors.

Reading, checking and routing are pure and done elsewhere; here their verdicts are gathered, and one transaction makes
state, timeline, deliveries and notice true together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from sqlmodel import Session

from connector import texts
from connector.customer import Customer
from connector.delivery import Kind
from connector.errors import InvoiceUnreadable, NotAnInvoice, NothingFound
from connector.ingest.checks import check_tree
from connector.ingest.ubl import Reading, parse_tree, read_invoice, read_tree
from connector.invoice import Finding, Invoice, InvoiceType, Severity
from connector.rendering.pdf import render_pdf
from connector.routing.decision import Deliver, Hold, Target, route
from connector.routing.directory import Directory
from connector.storage import deliveries, divisions, files, invoices, recipients
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.invoices import InvoiceState, ReceivedInvoice
from connector.usecases.cards import Card, Cards
from connector.usecases.handling import Handling

log = structlog.get_logger()

NOTICE_CHANNEL = "email"


def read_directory(database: Database) -> Directory:
    """The directory as it is now; built once for a run of many invoices."""
    with database.reading() as session:
        return Directory(recipients.all(session))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What shall become of an invoice, and everything that has to be stored with it."""

    state: InvoiceState
    reason: str | None = None
    detail: str | None = None
    facts: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    findings: tuple[Finding, ...] = ()
    customer: Customer | None = None
    reading: Reading | None = None
    pdf: str = "none"
    pdf_content: bytes | None = field(default=None, repr=False)


def route_invoice(
    database: Database,
    invoice_id: str,
    handling: Handling,
    cards: Cards,
    directory: Directory,
    *,
    clock: Callable[[], datetime],
    release_to: Sequence[Target] | None = None,
    released: bool = False,
) -> ReceivedInvoice:
    """Decide one invoice anew and store the outcome; returns the invoice as it then stands.

    Args:
        released: A person lets it go in spite of findings and rules; what is impossible still holds it.
        release_to: Where that person wants it, in place of what routing says.

    Raises:
        NothingFound: No such invoice.
    """
    with database.reading() as session:
        stored = invoices.get(session, invoice_id)
        if stored is None:
            raise NothingFound(f"there is no invoice {invoice_id}", hint="see `connector invoices list`")
        xml = files.load(session, stored.xml_sha256) if stored.xml_sha256 else None
        division = divisions.get(session, stored.division) if stored.division is not None else None
    if xml is None:
        return stored  # nothing to read yet: what its rows lack is put right in Exact, then taken again
    if released:
        handling = replace(handling, without_kvk="send", unknown_recipient=_let_go(handling), deliver="all")
    verdict = _judge(stored, xml, division, directory, handling, cards, released=released)
    if release_to and verdict.reading is not None and verdict.state is not InvoiceState.HISTORY:
        verdict = replace(verdict, state=InvoiceState.ROUTED, reason=None, detail=None, targets=tuple(release_to))
    if verdict.targets:
        verdict = _with_pdf(database, stored, verdict)
    with database.transaction() as session:
        if not released:
            verdict = _unless_repeat(session, stored, verdict)
        _store(session, stored, verdict, division, handling, clock())
        return _must_get(session, invoice_id)


def _let_go(handling: Handling) -> str:
    """What a release does with an unknown recipient: what the settings say, but never hold again."""
    return "email" if handling.unknown_recipient == "hold" else handling.unknown_recipient


def _judge(
    stored: ReceivedInvoice,
    xml: bytes,
    division: PinnedDivision | None,
    directory: Directory,
    handling: Handling,
    cards: Cards,
    *,
    released: bool,
) -> Verdict:
    """Read, check, route. Repeats are looked for later, inside the transaction."""
    try:
        tree = parse_tree(xml)
    except (InvoiceUnreadable, NotAnInvoice) as error:
        return Verdict(state=InvoiceState.INVALID, reason="unreadable", detail=error.message)
    reading = read_tree(tree)
    invoice = reading.invoice
    start = handling.start_of(division)
    if start and invoice.issue_date and invoice.issue_date < start:
        facts = (f"dated {invoice.issue_date}, start date is {start}",)
        return Verdict(state=InvoiceState.HISTORY, facts=facts, reading=reading)
    findings = check_tree(tree, reading)
    fatal = [finding for finding in findings if finding.severity is Severity.FATAL]
    if fatal and not released:
        detail = "; ".join(f"{finding.rule}: {_words(finding, handling.language)}" for finding in fatal[:3])
        return Verdict(
            state=InvoiceState.INVALID, reason="fatal_findings", detail=detail, findings=findings, reading=reading
        )
    card = cards.find(stored, invoice) if division is not None else Card()
    decision = route(
        invoice,
        directory,
        handling.rules_of(division),
        card.customer,
        customer_address=card.address,
        is_set_up=card.is_set_up,
        own_kvk=division.kvk if division else "",
    )
    verdict = Verdict(
        state=InvoiceState.ROUTED,
        facts=(*card.facts, *decision.facts),
        findings=findings,
        customer=card.customer,
        reading=reading,
    )
    if isinstance(decision, Deliver):
        return replace(verdict, targets=decision.targets)
    if isinstance(decision, Hold):
        return replace(verdict, state=InvoiceState.HELD, reason=decision.reason, detail=decision.detail)
    return replace(verdict, reason=decision.reason)


def _words(finding: Finding, language: str) -> str:
    return finding.message_nl if language == "nl" else finding.message_en


def _with_pdf(database: Database, stored: ReceivedInvoice, verdict: Verdict) -> Verdict:
    """Find the PDF that goes along: the one that came, the one inside the XML, else one of ours."""
    assert verdict.reading is not None
    if stored.pdf_sha256 is not None:
        return replace(verdict, pdf=stored.pdf)
    embedded = [file for file in verdict.reading.embedded if file.media_type == "application/pdf"]
    images = [file for file in embedded if file.is_invoice_image]
    if images:
        return replace(verdict, pdf="embedded", pdf_content=images[0].content)
    language = verdict.targets[0].language
    content = render_pdf(verdict.reading.invoice, language=language)
    return replace(verdict, pdf="rendered", pdf_content=content)


def _unless_repeat(session: Session, stored: ReceivedInvoice, verdict: Verdict) -> Verdict:
    """Recognise what came before: the same bytes, or the same number of the same seller in the same year."""
    assert stored.xml_sha256 is not None
    same = invoices.find_by_bytes(session, stored.xml_sha256, division=stored.division, but=stored.id)
    if same is not None and _came_before(session, same, stored):
        facts = (f"the same bytes as {same.id}",)
        return Verdict(state=InvoiceState.DUPLICATE, detail=same.id, facts=facts, reading=verdict.reading)
    if verdict.reading is None or not verdict.reading.invoice.number or not verdict.reading.invoice.seller.key:
        return verdict
    invoice = verdict.reading.invoice
    year = invoice.issue_date.year if invoice.issue_date else None
    other = invoices.find_by_number(
        session, invoice.seller.key, invoice.number, year, invoice.type, division=stored.division, but=stored.id
    )
    is_decided = verdict.state in (InvoiceState.HISTORY, InvoiceState.INVALID)
    if other is None or other.xml_sha256 is None or is_decided:
        return verdict  # an invalid one says what is wrong with it, whatever came before
    if not _came_before(session, other, stored):
        return verdict
    if _same_content(session, other, verdict.reading):
        facts = (f"the same invoice as {other.id}",)
        return Verdict(state=InvoiceState.DUPLICATE, detail=other.id, facts=facts, reading=verdict.reading)
    return replace(
        verdict,
        state=InvoiceState.HELD,
        reason="number_conflict",
        detail=other.id,
        facts=(f"another invoice has this number: {other.id}",),
        targets=(),
    )


def _came_before(session: Session, other: ReceivedInvoice, stored: ReceivedInvoice) -> bool:
    """Whether `other` counts as the first of two: it came in earlier, or it was sent already, when ours was held."""
    return other.id < stored.id or any(row.kind is Kind.INVOICE for row in deliveries.of_invoice(session, other.id))


def _same_content(session: Session, other: ReceivedInvoice, reading: Reading) -> bool:
    """Whether two invoices ask the same of the same buyer, however they are written down."""
    if other.xml_sha256 is None:
        return False
    try:
        theirs = read_invoice(files.load(session, other.xml_sha256)).invoice
    except (InvoiceUnreadable, NotAnInvoice):
        return False
    ours = reading.invoice

    def essence(invoice: Invoice) -> tuple[Any, ...]:
        breakdown = sorted((row.rate or 0, row.taxable, row.tax) for row in invoice.vat)
        buyer = invoice.buyer.kvk or invoice.buyer.oin or invoice.buyer.vat or invoice.buyer.name.casefold()
        amounts = sorted(line.amount for line in invoice.lines if line.amount)
        return (invoice.issue_date, invoice.currency, invoice.payable, breakdown, buyer, amounts)

    return essence(ours) == essence(theirs) and _same_accounts(ours, theirs)


def _same_accounts(ours: Invoice, theirs: Invoice) -> bool:
    """Whether both ask for payment to the same accounts, where both say so; a forged copy differs just here."""
    accounts = [
        {means.iban.replace(" ", "").upper() for means in each.payment_means if means.iban} for each in (ours, theirs)
    ]
    return not all(accounts) or accounts[0] == accounts[1]


def _store(
    session: Session,
    stored: ReceivedInvoice,
    verdict: Verdict,
    division: PinnedDivision | None,
    handling: Handling,
    now: datetime,
) -> None:
    """Everything that follows from a verdict, in the caller's transaction."""
    if verdict.reading is not None:
        invoices.set_reading(
            session,
            stored.id,
            format=verdict.reading.format,
            findings=verdict.findings,
            customer_id=verdict.customer.id if verdict.customer else stored.customer_id,
            seller_key=verdict.reading.invoice.seller.key,
            currency=verdict.reading.invoice.currency,
            payable=verdict.reading.invoice.payable,
            now=now,
        )
    if verdict.pdf_content is not None:
        invoices.set_files(
            session,
            stored.id,
            xml=stored.xml,
            xml_sha256=stored.xml_sha256,
            pdf=verdict.pdf,
            pdf_sha256=files.save(session, verdict.pdf_content),
            now=now,
        )
    facts = {"reason": verdict.reason, "facts": list(verdict.facts)}
    invoices.set_state(session, stored.id, verdict.state, reason=verdict.reason, detail=verdict.detail, now=now)
    invoices.add_event(session, stored.id, f"decided.{verdict.state}", facts, now=now)
    if verdict.targets:
        places = {(target.channel, target.address) for target in verdict.targets}
        deliveries.drop_failed(session, stored.id, keep=places)
        added = sum(_add_delivery(session, stored, verdict, target, handling, now) for target in verdict.targets)
        if added < len(verdict.targets):
            deliveries.requeue(session, stored.id, now=now)
    if verdict.state in {InvoiceState.HELD, InvoiceState.INVALID}:
        notify_sender(session, stored, division, handling, verdict.reason or "", verdict.detail or "", now=now)
    log.info("invoice.decided", invoice=stored.id, state=verdict.state.value, reason=verdict.reason)


def _add_delivery(
    session: Session,
    stored: ReceivedInvoice,
    verdict: Verdict,
    target: Target,
    handling: Handling,
    now: datetime,
) -> int:
    """Put one delivery into the outbox; 0 when this invoice was already given to this address."""
    assert verdict.reading is not None
    invoice = verdict.reading.invoice
    subject, text = texts.invoice_mail(
        language=target.language,
        number=invoice.number,
        seller=invoice.seller.name,
        amount=invoice.payable,
        currency=invoice.currency,
        due_date=invoice.due_date,
        is_credit_note=invoice.type is InvoiceType.CREDIT_NOTE,
        has_pdf=True,
    )
    added = deliveries.add(
        session,
        invoice_id=stored.id,
        division=stored.division,
        kind=Kind.INVOICE,
        channel=target.channel,
        address=target.address,
        name=target.name,
        language=target.language,
        subject=subject,
        text=text,
        message_domain=handling.message_domain,
        now=now,
    )
    return 0 if added is None else 1


def notify_sender(
    session: Session,
    stored: ReceivedInvoice,
    division: PinnedDivision | None,
    handling: Handling,
    reason: str,
    detail: str,
    *,
    now: datetime,
) -> None:
    """Tell the sender, once per invoice and cause, why an invoice does not reach its recipient and what helps.

    Nobody is told of an invoice whose seller is no connected division (docs/decisions/0009).
    """
    for address in handling.told(division):
        subject, text = texts.notice_mail(
            language=handling.language,
            number=stored.number,
            customer=stored.buyer_name,
            reason=reason,
            detail=detail,
            invoice_id=stored.id,
        )
        deliveries.add(
            session,
            invoice_id=stored.id,
            division=stored.division,
            kind=Kind.NOTICE,
            cause=reason,
            channel=NOTICE_CHANNEL,
            address=address,
            language=handling.language,
            subject=subject,
            text=text,
            message_domain=handling.message_domain,
            now=now,
        )


def _must_get(session: Session, invoice_id: str) -> ReceivedInvoice:
    found = invoices.get(session, invoice_id)
    assert found is not None
    return found
