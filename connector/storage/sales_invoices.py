"""Exact's sales invoices as read: the stream's rows, and headers by which invoices are found and taken.

A taken invoice has become a received invoice (`invoices`); what it says is read from its rows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlmodel import Session

from connector.customer import CustomerId
from connector.storage.tables import (
    ReceivedInvoiceRow,
    SalesInvoiceRow,
    SalesInvoiceRowRow,
    columns_for,
    delete_ids,
    save_newest,
    table_of,
    unseen_ids,
)

FINISHED = 50
"""Exact's Status of an invoice that was printed and cannot change any more (exact-online-api.md 4.4)."""
OPEN = 20
"""Exact's Status of an invoice that can still be edited and waits to be printed. Source: the same."""

ROWS = table_of(SalesInvoiceRowRow)
HEADERS = table_of(SalesInvoiceRow)
RECEIVED = table_of(ReceivedInvoiceRow)
HEADER_LINE = 0
"""The LineNumber of a header in the stream. Source: exact-online-api.md 4.9 [docs]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesRow:
    """A row of Exact's stream: a header or a line, in Exact's own field names."""

    id: str
    invoice_id: str
    line_number: int
    timestamp: int
    record: Mapping[str, Any]
    """JSON; Decimals come back as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesInvoice:
    """What we search sales invoices by."""

    id: str
    number: int | None
    status: int
    type: int
    invoice_date: date | None
    invoice_to: str | None
    ordered_by: str | None
    amount: Decimal | None
    """In the currency of the division, with VAT (AmountDC)."""
    currency: str
    modified_at: datetime | None
    timestamp: int
    taken_at: datetime | None = None


ROW_COLUMNS = columns_for(ROWS, SalesRow)
HEADER_COLUMNS = columns_for(HEADERS, SalesInvoice)


def save_rows(session: Session, division: int, rows: Sequence[SalesRow]) -> int:
    """Store rows as read; returns how many are new or changed."""
    return save_newest(session, ROWS, [{"division": division, **asdict(row)} for row in rows])


def save_headers(session: Session, division: int, headers: Sequence[SalesInvoice]) -> int:
    """Store headers; returns how many are new or changed. Whether one was taken stays as it is."""
    rows = [{"division": division, **asdict(header)} for header in headers]
    for row in rows:
        del row["taken_at"]
    return save_newest(session, HEADERS, rows)


def get(session: Session, division: int, invoice_id: str) -> SalesInvoice | None:
    """One header."""
    statement = select(*HEADER_COLUMNS).where(HEADERS.c.division == division, HEADERS.c.id == invoice_id)
    row = session.connection().execute(statement).one_or_none()
    return None if row is None else SalesInvoice(**row._asdict())


def open_ones(session: Session, division: int) -> tuple[SalesInvoice, ...]:
    """Invoices that wait to be printed (Status 20), the oldest first."""
    c = HEADERS.c
    statement = select(*HEADER_COLUMNS).where(c.division == division, c.status == OPEN)
    rows = session.connection().execute(statement.order_by(c.invoice_date, c.number, c.id))
    return tuple(SalesInvoice(**row._asdict()) for row in rows)


def rows_of(session: Session, division: int, invoice_id: str) -> tuple[SalesRow, ...]:
    """All rows of one invoice, by line number."""
    statement = select(*ROW_COLUMNS).where(ROWS.c.division == division, ROWS.c.invoice_id == invoice_id)
    rows = session.connection().execute(statement.order_by(ROWS.c.line_number, ROWS.c.id))
    return tuple(SalesRow(**row._asdict()) for row in rows)


def delete_invoices(session: Session, division: int, ids: Sequence[str]) -> int:
    """Forget invoices with their rows; returns how many there were. Received invoices stay."""
    delete_ids(session, ROWS, division, ids, by="invoice_id")
    return delete_ids(session, HEADERS, division, ids)


def modified_of(session: Session, division: int, ids: Collection[str]) -> dict[str, datetime | None]:
    """When the headers that are here of these invoices were last changed in Exact."""
    statement = select(HEADERS.c.id, HEADERS.c.modified_at).where(HEADERS.c.division == division)
    rows = session.connection().execute(statement.where(HEADERS.c.id.in_(ids)))
    return {row.id: row.modified_at for row in rows}


def forget_old_lines(session: Session, division: int, *, since: int) -> int:
    """Forget the lines that a changed invoice has no more; returns how many.

    A change of an invoice gives its header and all its lines new row versions [assumed]. So once
    everything after `since` was read, the older lines of an invoice with a newer header are gone. Where only the header
    is newer they stay: an invoice without any line is likelier a reading that we do not understand.
    """
    c = ROWS.c
    changed = select(c.invoice_id).where(c.division == division, c.timestamp > since)
    gone = delete(ROWS).where(
        c.division == division,
        c.line_number != HEADER_LINE,
        c.timestamp <= since,
        c.invoice_id.in_(changed.where(c.line_number == HEADER_LINE)),
        c.invoice_id.in_(changed.where(c.line_number != HEADER_LINE)),
    )
    return session.connection().execute(gone).rowcount


def forget_unseen(session: Session, division: int) -> int:
    """Forget the invoices and lines that a whole reading did not see again; returns how many invoices."""
    gone = delete_invoices(session, division, unseen_ids(session, HEADERS, division))
    delete_ids(session, ROWS, division, unseen_ids(session, ROWS, division))
    return gone


def to_take(session: Session, division: int, limit: int) -> tuple[SalesInvoice, ...]:
    """Finished, numbered invoices that were not taken yet, the oldest first.

    One whose header was forgotten and came back was taken all the same: it is among the received ones.
    """
    c, received = HEADERS.c, RECEIVED.c
    was_taken = exists().where(received.division == division, received.exact_id == c.id)
    statement = (
        select(*HEADER_COLUMNS)
        .where(c.division == division, c.taken_at.is_(None), c.status == FINISHED, c.number.is_not(None), ~was_taken)
        .order_by(c.invoice_date, c.number, c.id)
        .limit(limit)
    )
    return tuple(SalesInvoice(**row._asdict()) for row in session.connection().execute(statement))


def finished_numbers(
    session: Session, division: int, customer: str, *, among: Collection[int], types: Collection[int]
) -> frozenset[int]:
    """Which of some numbers are those of finished invoices of these types that go to a customer."""
    c = HEADERS.c
    statement = select(c.number).where(
        c.division == division,
        c.status == FINISHED,
        func.coalesce(c.invoice_to, c.ordered_by) == customer,
        c.number.in_(sorted(among)),
        c.type.in_(sorted(types)),
    )
    return frozenset(session.connection().execute(statement).scalars())


def mark_taken(session: Session, division: int, invoice_id: str, *, now: datetime) -> bool:
    """Say that an invoice was taken; False when somebody took it before."""
    c = HEADERS.c
    statement = update(HEADERS).where(c.division == division, c.id == invoice_id, c.taken_at.is_(None))
    return session.connection().execute(statement.values(taken_at=now)).rowcount == 1


def facts(session: Session, division: int, since: date) -> tuple[tuple[CustomerId, date, Decimal], ...]:
    """Who was invoiced how much when: (customer, date, AmountDC) of finished invoices.

    Those dated on or after `since`. The customer is the one the invoice goes to.
    """
    c = HEADERS.c
    customer = func.coalesce(c.invoice_to, c.ordered_by)
    statement = select(customer, c.invoice_date, c.amount).where(
        c.division == division,
        c.status == FINISHED,
        c.invoice_date >= since,
        customer.is_not(None),
        c.amount.is_not(None),
    )
    rows = session.connection().execute(statement.order_by(c.invoice_date, c.number, c.id))
    return tuple((CustomerId(who), on, amount) for who, on, amount in rows)


def count_finished_and_open(session: Session, division: int, since: date) -> tuple[int, int]:
    """How many invoices dated on or after `since` were finished, and how many still stand open (Status 20)."""
    c = HEADERS.c
    statement = select(func.count()).where(c.division == division)
    finished = session.connection().execute(statement.where(c.status == FINISHED, c.invoice_date >= since))
    still_open = session.connection().execute(statement.where(c.status == OPEN))
    return int(finished.scalar_one()), int(still_open.scalar_one())


def count(session: Session, division: int) -> int:
    """How many sales invoices a division has."""
    statement = select(func.count()).where(HEADERS.c.division == division)
    return int(session.connection().execute(statement).scalar_one())


def count_rows(session: Session, division: int) -> int:
    """How many rows, headers and lines, the sales invoices of a division have."""
    statement = select(func.count()).where(ROWS.c.division == division)
    return int(session.connection().execute(statement).scalar_one())
