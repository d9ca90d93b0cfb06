"""Exact's documents and their attachments, and which of their bytes are here (`files` keeps those)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, case, null, or_, select, union, update
from sqlalchemy.sql.base import ColumnCollection
from sqlmodel import Session

from connector.storage.sales_invoices import FINISHED, HEADERS
from connector.storage.tables import (
    AttachmentRow,
    DocumentRow,
    columns_for,
    delete_ids,
    save_newest,
    table_of,
    unseen_ids,
)

SALES_INVOICE_TYPE = 10
"""Exact's document type of a printed sales invoice. Source: exact-online-api.md 4.5."""

MOST_TRIES = 3
"""A file that was refused so often is given up: its invoice goes on without it."""

DOCUMENTS = table_of(DocumentRow)
ATTACHMENTS = table_of(AttachmentRow)

_INVOICE_OF = (
    HEADERS.c.id == DOCUMENTS.c.invoice_id,
    and_(
        DOCUMENTS.c.invoice_id.is_(None),
        DOCUMENTS.c.type == SALES_INVOICE_TYPE,
        HEADERS.c.number == DOCUMENTS.c.invoice_number,
    ),
)
"""How a document finds its invoice: two questions that each have an index; one with OR has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document of a division."""

    id: str
    type: int
    subject: str
    account: str | None
    invoice_id: str | None
    """FinancialTransactionEntryID, which for sales invoices is the InvoiceID."""
    invoice_number: int | None
    date: date | None
    modified_at: datetime | None = None
    """Of the slow way only: a change makes the row differ, and so lets its files be listed anew."""
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a document; `sha256` names its bytes once they were fetched."""

    id: str
    document_id: str
    file_name: str
    url: str
    size: int | None
    timestamp: int
    sha256: str | None = None
    fetched_at: datetime | None = None
    tries: int = 0
    """How often its bytes were refused."""


ATTACHMENT_COLUMNS = columns_for(ATTACHMENTS, Attachment)


def save_documents(session: Session, division: int, documents: Sequence[Document]) -> int:
    """Store documents; returns how many are new or changed. Of a changed one the files are to be listed anew."""
    rows = [{"division": division, **asdict(each)} for each in documents]
    return save_newest(session, DOCUMENTS, rows, besides=lambda stored, new: {"listed_at": null()})


def save_attachments(session: Session, division: int, attachments: Sequence[Attachment]) -> int:
    """Store what is known of attachments; returns how many are new or changed.

    Bytes that were fetched stay so, and refusals count, unless the file's address or size changed.
    """
    rows = [{"division": division, **asdict(each)} for each in attachments]
    for row in rows:
        del row["sha256"], row["fetched_at"], row["tries"]
    return save_newest(session, ATTACHMENTS, rows, besides=_keep_fetched)


def _keep_fetched(stored: Table, new: ColumnCollection[str, Any]) -> dict[str, ColumnElement[Any]]:
    same = and_(stored.c.url == new["url"], stored.c.size.is_not_distinct_from(new["size"]))
    anew = {"sha256": None, "fetched_at": None, "tries": 0, "retry_at": None}
    return {name: case((same, stored.c[name]), else_=value) for name, value in anew.items()}


def delete_documents(session: Session, division: int, ids: Sequence[str]) -> int:
    """Forget documents with their attachments; returns how many there were. Bytes stay."""
    delete_ids(session, ATTACHMENTS, division, ids, by="document_id")
    return delete_ids(session, DOCUMENTS, division, ids)


def delete_attachments(session: Session, division: int, ids: Sequence[str]) -> int:
    """Forget attachments; returns how many there were. Bytes stay."""
    return delete_ids(session, ATTACHMENTS, division, ids)


def forget_unseen_documents(session: Session, division: int) -> int:
    """Forget the documents that a whole reading did not see again, with their attachments; returns how many."""
    return delete_documents(session, division, unseen_ids(session, DOCUMENTS, division))


def forget_unseen_attachments(session: Session, division: int) -> int:
    """Forget the attachments that a whole reading did not see again; returns how many."""
    return delete_attachments(session, division, unseen_ids(session, ATTACHMENTS, division))


def unlisted(session: Session, division: int, since: date) -> tuple[str, ...]:
    """The documents of finished invoices dated on or after `since` whose files were not listed since they changed."""
    d, i = DOCUMENTS.c, HEADERS.c
    wanted = select(d.id, d.timestamp).where(
        d.division == division,
        d.listed_at.is_(None),
        i.division == division,
        i.status == FINISHED,
        i.invoice_date >= since,
    )
    found = union(*(wanted.join(HEADERS, same) for same in _INVOICE_OF)).subquery()
    return tuple(session.connection().execute(select(found.c.id).order_by(found.c.timestamp, found.c.id)).scalars())


def mark_listed(session: Session, division: int, ids: Sequence[str], *, now: datetime) -> None:
    """Say that the files of these documents were asked for one document at a time."""
    d = DOCUMENTS.c
    session.connection().execute(update(DOCUMENTS).where(d.division == division, d.id.in_(ids)).values(listed_at=now))


def attachments_of_invoice(
    session: Session, division: int, invoice_id: str, number: int | None
) -> tuple[Attachment, ...]:
    """The files of an invoice's documents, oldest document first.

    A document belongs to an invoice by FinancialTransactionEntryID, or as a printed invoice with its number.
    """
    d, a = DOCUMENTS.c, ATTACHMENTS.c
    belongs = d.invoice_id == invoice_id
    if number is not None:
        by_number = and_(d.invoice_id.is_(None), d.type == SALES_INVOICE_TYPE, d.invoice_number == number)
        belongs = or_(belongs, by_number)
    statement = _attachments(division).where(belongs).order_by(d.date, d.id, a.file_name, a.id)
    return tuple(Attachment(**row._asdict()) for row in session.connection().execute(statement))


def unfetched(
    session: Session, division: int, since: date, *, now: datetime | None = None, limit: int | None = None
) -> tuple[Attachment, ...]:
    """Attachments of finished invoices dated on or after `since` whose bytes are not here yet; none that was given up.

    Args:
        now: Leaves out those that were refused and are not to be tried before later; None: all.
    """
    a, i = ATTACHMENTS.c, HEADERS.c
    wanted = _attachments(division).where(
        a.sha256.is_(None),
        a.tries < MOST_TRIES,
        i.division == division,
        i.status == FINISHED,
        i.invoice_date >= since,
    )
    if now is not None:
        wanted = wanted.where(or_(a.retry_at.is_(None), a.retry_at <= now))
    found = union(*(wanted.join(HEADERS, same) for same in _INVOICE_OF)).subquery()
    statement = select(found).order_by(found.c.timestamp, found.c.id).limit(limit)
    return tuple(Attachment(**row._asdict()) for row in session.connection().execute(statement))


def mark_fetched(session: Session, division: int, attachment_id: str, *, sha256: str, now: datetime) -> None:
    """Say where an attachment's bytes are."""
    a = ATTACHMENTS.c
    statement = update(ATTACHMENTS).where(a.division == division, a.id == attachment_id)
    session.connection().execute(statement.values(sha256=sha256, fetched_at=now))


def put_off(session: Session, division: int, attachment_id: str, *, tries: int, retry_at: datetime) -> None:
    """Say how often Exact refused an attachment's bytes by now, and when they may be asked for again."""
    a = ATTACHMENTS.c
    statement = update(ATTACHMENTS).where(a.division == division, a.id == attachment_id)
    session.connection().execute(statement.values(tries=tries, retry_at=retry_at))


def _attachments(division: int) -> Select[Any]:
    d, a = DOCUMENTS.c, ATTACHMENTS.c
    joined = ATTACHMENTS.join(DOCUMENTS, and_(d.division == a.division, d.id == a.document_id))
    return select(*ATTACHMENT_COLUMNS).select_from(joined).where(a.division == division)
