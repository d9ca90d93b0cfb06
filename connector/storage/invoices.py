"""Received invoices: what came in through either door, where its bytes are, what became of it and why.

The bytes are `files`' affair, where they go `deliveries`'; what becomes of an invoice is decided elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, select, update
from sqlmodel import Session

from connector.customer import CustomerId, Division
from connector.customers.audit import InvoicedNumber
from connector.errors import NothingFound
from connector.identifiers import KvkNumber
from connector.invoice import Finding, InvoiceType, Severity
from connector.storage.envelopes import Origin
from connector.storage.ids import sortable_id
from connector.storage.tables import InvoiceEventRow, ReceivedInvoiceRow, columns_for, storable, table_of

INVOICES = table_of(ReceivedInvoiceRow)
EVENTS = table_of(InvoiceEventRow)


LONGEST_NUMBER = 200


class InvoiceState(StrEnum):
    """What became of a received invoice (interfaces.md)."""

    RECEIVED = "received"
    INVALID = "invalid"
    DUPLICATE = "duplicate"
    HISTORY = "history"
    HELD = "held"
    ROUTED = "routed"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedInvoice:
    """An invoice in our hands; `id` from `new_id`."""

    id: str
    division: Division | None = None
    origin: Origin
    envelope_id: str
    exact_id: str | None = None
    """Exact's InvoiceID, for one that Exact gave us."""
    customer_id: CustomerId | None = None
    number: str
    type: InvoiceType
    issue_date: date | None = None
    seller_name: str
    seller_kvk: str | None = None
    seller_key: str
    """The seller as repeats compare it: the normalised number that identifies it best, else its name."""
    buyer_name: str
    buyer_kvk: str | None = None
    currency: str
    payable: Decimal | None = None
    state: InvoiceState = InvoiceState.RECEIVED
    reason: str | None = None
    """A fixed word; wording and remedy are in `texts`."""
    detail: str | None = None
    format: str | None = None
    xml: str | None = None
    """attached, rendered or received; None when there is none."""
    pdf: str = "none"
    """attached, embedded, rendered or none."""
    xml_sha256: str | None = None
    pdf_sha256: str | None = None
    extras: tuple[tuple[str, str], ...] = ()
    """Files that are passed on as well, as (name, SHA-256)."""
    findings: tuple[Finding, ...] = ()
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceEvent:
    """What was decided or done at one moment, on which facts."""

    at: datetime
    event: str
    facts: Mapping[str, Any]


COLUMNS = columns_for(INVOICES, ReceivedInvoice)


def new_id(now: datetime) -> str:
    """An id for an invoice: short enough to type, later ones sort after earlier ones."""
    return sortable_id("inv", now)


def add(session: Session, invoice: ReceivedInvoice) -> None:
    """Store an invoice; its envelope and its files are there already.

    Raises:
        sqlalchemy.exc.IntegrityError: The id, or the Exact invoice of this division, is there already.
    """
    session.connection().execute(INVOICES.insert().values(**_values(invoice)))


def get(session: Session, invoice_id: str) -> ReceivedInvoice | None:
    """One invoice."""
    return _first(session, select(*COLUMNS).where(INVOICES.c.id == invoice_id))


def all(
    session: Session,
    *,
    division: int | None = None,
    state: InvoiceState | None = None,
    limit: int | None = None,
) -> tuple[ReceivedInvoice, ...]:
    """Invoices in the order in which they came in; with a limit the last ones."""
    statement = select(*COLUMNS).order_by(INVOICES.c.id.desc()).limit(limit)
    if division is not None:
        statement = statement.where(INVOICES.c.division == division)
    if state is not None:
        statement = statement.where(INVOICES.c.state == state.value)
    newest_first = [_read(row._asdict()) for row in session.connection().execute(statement)]
    return tuple(reversed(newest_first))


def find_by_bytes(
    session: Session, xml_sha256: str, *, division: int | None, but: str | None = None
) -> ReceivedInvoice | None:
    """The first invoice of a division with these very bytes of XML that is no repeat itself.

    Args:
        division: None finds those that belong to no division.
        but: An id to leave out.
    """
    return _first(session, _originals(division, but).where(INVOICES.c.xml_sha256 == xml_sha256))


def find_by_number(
    session: Session,
    seller_key: str,
    number: str,
    year: int | None,
    type: InvoiceType,
    *,
    division: int | None,
    but: str | None = None,
) -> ReceivedInvoice | None:
    """The first invoice of a seller with this number, year of issue and type that is no repeat itself.

    Args:
        year: None finds those without a date.
        division: Only of this one; None finds those that belong to no division.
        but: An id to leave out.
    """
    c = INVOICES.c
    statement = _originals(division, but).where(
        c.seller_key == storable(seller_key), c.number == _findable(number), c.type == type.value
    )
    if year is None:
        return _first(session, statement.where(c.issue_date.is_(None)))
    return _first(session, statement.where(c.issue_date.between(date(year, 1, 1), date(year, 12, 31))))


def numbers_of_buyers(session: Session, division: Division, *, since: date) -> dict[CustomerId, InvoicedNumber]:
    """By customer, the KvK number in the newest e-invoice dated on or after `since` that has one.

    Only e-invoices that came from elsewhere: what we rendered ourselves says what the card said.
    """
    c = INVOICES.c
    statement = select(c.customer_id, c.buyer_kvk, c.number, c.issue_date).where(
        c.division == division,
        c.customer_id.is_not(None),
        c.buyer_kvk.is_not(None),
        c.xml.in_(("attached", "received")),
        c.state.not_in((InvoiceState.DUPLICATE.value, InvoiceState.INVALID.value)),
        c.issue_date >= since,
    )
    rows = session.connection().execute(statement.order_by(c.issue_date, c.id))
    return {
        CustomerId(customer): InvoicedNumber(kvk=KvkNumber(kvk), invoice=number, date=day)
        for customer, kvk, number, day in rows  # the newest comes last
    }


def set_state(
    session: Session,
    invoice_id: str,
    state: InvoiceState,
    *,
    reason: str | None = None,
    detail: str | None = None,
    now: datetime,
) -> None:
    """Say what became of an invoice and why; `reason` and `detail` take the place of earlier ones.

    Raises:
        NothingFound: No such invoice.
    """
    said = None if detail is None else storable(detail)
    _update(session, invoice_id, {"state": state.value, "reason": reason, "detail": said, "updated_at": now})


def set_files(
    session: Session,
    invoice_id: str,
    *,
    xml: str | None,
    xml_sha256: str | None,
    pdf: str,
    pdf_sha256: str | None,
    now: datetime,
) -> None:
    """Say which bytes are the invoice's, and where they are from.

    Raises:
        NothingFound: No such invoice.
    """
    files = {"xml": xml, "xml_sha256": xml_sha256, "pdf": pdf, "pdf_sha256": pdf_sha256}
    _update(session, invoice_id, {**files, "updated_at": now})


def set_reading(
    session: Session,
    invoice_id: str,
    *,
    format: str,
    findings: Sequence[Finding],
    customer_id: CustomerId | None,
    seller_key: str,
    currency: str,
    payable: Decimal | None,
    now: datetime,
) -> None:
    """Say what the XML turned out to be, and whose card it belongs to.

    Raises:
        NothingFound: No such invoice.
    """
    values = {
        "format": format,
        "findings": [asdict(finding) for finding in findings],
        "customer_id": customer_id,
        "seller_key": storable(seller_key),
        "currency": storable(currency),
        "payable": payable,
        "updated_at": now,
    }
    _update(session, invoice_id, values)


def add_event(
    session: Session, invoice_id: str, event: str, facts: Mapping[str, Any] | None = None, *, now: datetime
) -> None:
    """Add a line to an invoice's timeline. Facts are JSON; Decimals and dates in them become text."""
    values = {"invoice_id": invoice_id, "at": now, "event": event, "facts": dict(facts or {})}
    session.connection().execute(EVENTS.insert().values(values))


def events(session: Session, invoice_id: str) -> tuple[InvoiceEvent, ...]:
    """An invoice's timeline, in order."""
    e = EVENTS.c
    statement = select(e.at, e.event, e.facts).where(e.invoice_id == invoice_id).order_by(e.id)
    return tuple(InvoiceEvent(**row._asdict()) for row in session.connection().execute(statement))


def _originals(division: int | None, but: str | None) -> Select[Any]:
    c = INVOICES.c
    theirs = c.division.is_(None) if division is None else c.division == division
    # an invalid one is no original: what its sender corrects and sends again is not a repeat of it
    no_originals = (InvoiceState.DUPLICATE.value, InvoiceState.INVALID.value)
    statement = select(*COLUMNS).where(theirs, c.state.not_in(no_originals))
    return statement if but is None else statement.where(INVOICES.c.id != but)


def _findable(number: str) -> str:
    """An invoice number as it is stored and looked up: databases limit what they index."""
    return storable(number[:LONGEST_NUMBER])


def _first(session: Session, statement: Select[Any]) -> ReceivedInvoice | None:
    row = session.connection().execute(statement.order_by(INVOICES.c.id).limit(1)).one_or_none()
    return None if row is None else _read(row._asdict())


def _update(session: Session, invoice_id: str, values: Mapping[str, Any]) -> None:
    statement = update(INVOICES).where(INVOICES.c.id == invoice_id).values(values)
    if session.connection().execute(statement).rowcount != 1:
        raise NothingFound(f"there is no invoice {invoice_id}", hint="connector invoices list")


def _values(invoice: ReceivedInvoice) -> dict[str, Any]:
    values = {each.name: getattr(invoice, each.name) for each in fields(invoice)}
    values = {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}
    values["number"] = _findable(invoice.number)
    values["extras"] = [list(extra) for extra in invoice.extras]
    values["findings"] = [asdict(finding) for finding in invoice.findings]
    return values


def _read(row: dict[str, Any]) -> ReceivedInvoice:
    row["origin"] = Origin(row["origin"])
    row["type"] = InvoiceType(row["type"])
    row["state"] = InvoiceState(row["state"])
    row["extras"] = _pairs(row["extras"])
    row["findings"] = tuple(
        Finding(**{**finding, "severity": Severity(finding["severity"])}) for finding in row["findings"]
    )
    return ReceivedInvoice(**row)


def _pairs(lists: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, sha256) for name, sha256 in lists)
