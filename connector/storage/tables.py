"""The tables, as SQLModel rows. They do not validate: stores build them from checked domain values.

Rows stay inside storage; what callers get are domain values and frozen dataclasses. Every table that belongs
to a division has `division` in its key or in an index. A change here needs a migration (migrations/versions).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Dialect,
    Index,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.base import ColumnCollection
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, Session, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names that are the same on every database, so that a later migration can name them."""


class Money(TypeDecorator[Decimal]):
    """A Decimal that comes back digit for digit: text on SQLite, NUMERIC without scale on PostgreSQL.

    SQLite's own numbers are floats (12345678901234.56 came back as ...5605), so sums are made in Python.
    """

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text where the database has no exact numbers."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write it out without an exponent, so that the text is what people write."""
        return format(value, "f") if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Make a Decimal of the text again."""
        return None if value is None else Decimal(value)


JSON_TYPE = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL refuses (NUL) and UTF-8 cannot write (lone surrogates); hostile file names have both."""


def storable(words: str) -> str:
    r"""Replace what no database can hold.

    >>> storable("a\x00b")
    'a\ufffdb'
    """
    return UNSTORABLE.sub("\ufffd", words)


class Row(SQLModel):
    """Base of all rows, with metadata of our own."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


def table_of(row: type[Row]) -> Table:
    """The table behind a row class; stores write statements on it, as thousands of row objects are slow."""
    return cast(Table, row.__table__)  # type: ignore[attr-defined]  # SQLModel sets it on table classes


def columns_for(table: Table, value_class: type[Any]) -> list[Column[Any]]:
    """The columns of a table that carry the fields of a dataclass, in the order of its fields."""
    return [table.c[field.name] for field in fields(value_class)]


def insert_into(session: Session, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the dialect of the session."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def save_newest(
    session: Session,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    besides: Callable[[Table, ColumnCollection[str, Any]], Mapping[str, ColumnElement[Any]]] | None = None,
) -> int:
    """Insert rows or update those that are there, keyed by division and id, the newest `timestamp` winning.

    Columns that the rows do not name keep their value. A negative timestamp (`cursors.restart`) gives way to any.

    Args:
        rows: All with the same keys; a list of dicts is the driver's fast path. Of a repeated key the newest counts,
            and among equals the last.
        besides: Given the table and the incoming row, what else an update of a row that differs sets.

    Returns:
        How many rows are new or say something else than what was there; a page seen twice gives 0.
    """
    if not rows:
        return 0
    statement = insert_into(session, table)
    new = statement.excluded
    names = [name for name in rows[0] if not table.c[name].primary_key]
    changes: dict[str, ColumnElement[Any]] = {name: new[name] for name in names}
    if besides is not None:
        changes.update(besides(table, new))
    update_changed = statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_=changes,
        where=and_(
            new["timestamp"] >= table.c["timestamp"],
            or_(*(table.c[name].is_distinct_from(new[name]) for name in names if name != "timestamp")),
        ),
    )
    connection = session.connection()
    result = connection.execute(update_changed, list(rows), execution_options={"preserve_rowcount": True})
    c = table.c
    # a row that says the same has not changed, yet it was seen: else a whole reading would take it for gone
    stamp = update(table).where(
        c.division == bindparam("of"), c.id == bindparam("key"), c.timestamp < bindparam("seen")
    )
    seen = [{"of": row["division"], "key": row["id"], "seen": row["timestamp"]} for row in rows]
    connection.execute(stamp.values(timestamp=bindparam("seen")), seen)
    return result.rowcount


def count_unseen(session: Session, table: Table, division: int) -> int:
    """How many rows of a division were not seen again since `cursors.restart`: their timestamps are negative."""
    statement = select(func.count()).where(table.c.division == division, table.c.timestamp < 0)
    return int(session.connection().execute(statement).scalar_one())


def unseen_ids(session: Session, table: Table, division: int) -> list[str]:
    """Which rows of a division those are."""
    statement = select(table.c.id).where(table.c.division == division, table.c.timestamp < 0)
    return list(session.connection().execute(statement).scalars())


def mark_seen(session: Session, table: Table, division: int, ids: Sequence[str]) -> None:
    """Say that rows were seen again since `cursors.restart`, though not what they say now.

    They get the lowest timestamp there is, so that every version of them still overrules what is stored.
    """
    if not ids:
        return
    c = table.c
    statement = update(table).where(c.division == division, c.id == bindparam("key"), c.timestamp < 0)
    session.connection().execute(statement.values(timestamp=1), [{"key": one} for one in ids])


def newest(session: Session, table: Table, division: int) -> tuple[str, int] | None:
    """The row of a division with the highest timestamp, as (id, timestamp); None when none has one."""
    statement = select(table.c.id, table.c.timestamp).where(table.c.division == division, table.c.timestamp > 0)
    row = session.connection().execute(statement.order_by(table.c.timestamp.desc()).limit(1)).one_or_none()
    return None if row is None else (row.id, row.timestamp)


def is_stored(session: Session, table: Table, division: int, key: str, timestamp: int) -> bool:
    """Whether a row is there with just this timestamp."""
    c = table.c
    found = select(c.id).where(c.division == division, c.id == key, c.timestamp == timestamp)
    return session.connection().execute(found).one_or_none() is not None


def delete_ids(session: Session, table: Table, division: int, ids: Sequence[str], *, by: str = "id") -> int:
    """Delete rows of a division by a column; those that are not there are no error. Returns how many were."""
    if not ids:
        return 0
    statement = delete(table).where(table.c.division == division, table.c[by] == bindparam("gone"))
    return session.connection().execute(statement, [{"gone": one} for one in ids]).rowcount


class ConnectionRow(Row, table=True):
    """A log-in at Exact through one app: its tokens, and the lease of who renews them."""

    __tablename__ = "connection"
    __table_args__ = (UniqueConstraint("base_url", "client_id", "user_id"),)

    id: int | None = Field(default=None, primary_key=True)
    base_url: str
    client_id: str
    user_id: str
    user_name: str = ""
    sealed_tokens: str | None = Field(default=None, sa_type=Text)
    version: int = 0
    lease_by: str | None = None
    lease_until: datetime | None = None
    token_issued_at: datetime | None = None
    token_expires_at: datetime | None = None
    refresh_issued_at: datetime | None = None
    renewal_begun_at: datetime | None = None
    failed_renewals: int = 0
    retry_at: datetime | None = None
    trouble: str | None = None
    fence: str
    state: str = "active"
    state_since: datetime
    cause: str | None = None
    created_at: datetime


class DivisionRow(Row, table=True):
    """A pinned administration."""

    __tablename__ = "division"

    code: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    connection_id: int | None = Field(default=None, foreign_key="connection.id", index=True)
    name: str
    kvk: str = ""
    vat_number: str = ""
    address_line: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    email: str = ""
    phone: str = ""
    currency: str = ""
    bank_iban: str = ""
    pinned_at: datetime
    start_date: date
    move_date: str | None = None
    hr_link: str | None = None
    checked_at: datetime | None = None
    reference_at: datetime | None = None
    last_synced_at: datetime | None = None
    active: bool = True


class CursorRow(Row, table=True):
    """How far a stream of a division has been read."""

    __tablename__ = "cursor"

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    stream: str = Field(primary_key=True)
    timestamp: int = Field(sa_type=BigInteger)
    caught_up: bool
    complete_to: int = Field(default=0, sa_type=BigInteger)
    at: datetime
    comparing: bool = True
    held: int = 0
    kept: int = 0
    compared_at: datetime | None = None
    refused_at: datetime | None = None
    modified_at: datetime | None = None


class CustomerRow(Row, table=True):
    """An account of a division, with the fields of `customer.Customer`."""

    __tablename__ = "customer"
    __table_args__ = (Index(None, "division", "code"),)

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    id: str = Field(primary_key=True)
    code: str
    name: str
    status: str
    blocked: bool
    starts_on: date | None
    ends_on: date | None
    kvk: str
    vat_number: str
    oin: str
    gln: str
    email: str
    phone: str
    address_line: str
    postcode: str
    city: str
    country: str
    language: str
    main_contact: str | None
    invoice_account: str | None
    invoicing_method: int | None
    attachment_type: int | None
    modified_at: datetime | None
    modified_by: str
    timestamp: int = Field(sa_type=BigInteger)


class ContactRow(Row, table=True):
    """A contact of an account, with the fields of `customer.Contact`."""

    __tablename__ = "contact"
    __table_args__ = (Index(None, "division", "customer"),)

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    id: str = Field(primary_key=True)
    customer: str
    first_name: str
    last_name: str
    full_name: str
    email: str
    is_main: bool
    modified_at: datetime | None
    modified_by: str
    timestamp: int = Field(sa_type=BigInteger)


class SalesInvoiceRowRow(Row, table=True):
    """One row of Exact's stream of sales invoices, as read: header fields and one line's."""

    __tablename__ = "sales_invoice_row"
    __table_args__ = (Index(None, "division", "invoice_id"),)

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    id: str = Field(primary_key=True)
    invoice_id: str
    line_number: int
    timestamp: int = Field(sa_type=BigInteger)
    record: dict[str, Any] = Field(sa_type=JSON_TYPE)


class SalesInvoiceRow(Row, table=True):
    """The header of a sales invoice; `taken_at` is when it became a received invoice."""

    __tablename__ = "sales_invoice"
    __table_args__ = (
        Index(None, "division", "number"),
        Index(None, "division", "invoice_date"),
        Index(
            "ix_sales_invoice_to_take",
            "division",
            "invoice_date",
            "number",
            sqlite_where=text("taken_at IS NULL"),
            postgresql_where=text("taken_at IS NULL"),
        ),
    )

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    id: str = Field(primary_key=True)
    number: int | None
    status: int
    type: int
    invoice_date: date | None
    invoice_to: str | None
    ordered_by: str | None
    amount: Decimal | None = Field(sa_type=Money)
    currency: str
    modified_at: datetime | None
    timestamp: int = Field(sa_type=BigInteger)
    taken_at: datetime | None = None


class DocumentRow(Row, table=True):
    """A document of Exact's; its files are in `attachment`."""

    __tablename__ = "document"
    __table_args__ = (Index(None, "division", "invoice_id"), Index(None, "division", "invoice_number"))

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    id: str = Field(primary_key=True)
    type: int
    subject: str
    account: str | None
    invoice_id: str | None
    invoice_number: int | None
    date: date | None
    modified_at: datetime | None = None
    timestamp: int = Field(sa_type=BigInteger)
    listed_at: datetime | None = None


class AttachmentRow(Row, table=True):
    """A file of a document; `sha256` once its bytes are in `file`, `retry_at` after Exact refused them."""

    __tablename__ = "attachment"
    __table_args__ = (Index(None, "division", "document_id"),)

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    id: str = Field(primary_key=True)
    document_id: str
    file_name: str
    url: str
    size: int | None = Field(sa_type=BigInteger)
    timestamp: int = Field(sa_type=BigInteger)
    sha256: str | None = None
    fetched_at: datetime | None = None
    tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    retry_at: datetime | None = None


class ReferenceRow(Row, table=True):
    """A record of a small list that changes seldom: VAT codes and the like."""

    __tablename__ = "reference"

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(primary_key=True)
    code: str = Field(primary_key=True)
    record: dict[str, Any] = Field(sa_type=JSON_TYPE)


class FileRow(Row, table=True):
    """Bytes by their SHA-256 (hex)."""

    __tablename__ = "file"

    sha256: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)
    content: bytes = Field(sa_type=LargeBinary)


class EnvelopeRow(Row, table=True):
    """What arrived in one piece: a mail, an archive, a file, the documents of one Exact invoice."""

    __tablename__ = "envelope"

    id: str = Field(primary_key=True)
    origin: str
    division: int | None = Field(default=None, sa_type=BigInteger, index=True)
    message_id: str | None = Field(default=None, index=True)
    received_at: datetime
    files: list[list[str]] = Field(sa_type=JSON_TYPE)


class ReceivedInvoiceRow(Row, table=True):
    """An invoice in our hands: what it says, where its bytes are and what became of it."""

    __tablename__ = "received_invoice"
    __table_args__ = (
        Index(
            "uq_received_invoice_division_exact_id",
            "division",
            "exact_id",
            unique=True,
            sqlite_where=text("exact_id IS NOT NULL"),
            postgresql_where=text("exact_id IS NOT NULL"),
        ),
        Index(None, "seller_key", "number"),
        Index(None, "division", "state"),
        Index(None, "state"),
    )

    id: str = Field(primary_key=True)
    division: int | None = Field(default=None, sa_type=BigInteger)
    origin: str
    envelope_id: str = Field(foreign_key="envelope.id", index=True)
    exact_id: str | None = None
    customer_id: str | None = None
    number: str
    type: str
    issue_date: date | None = None
    seller_name: str
    seller_kvk: str | None = None
    seller_key: str
    buyer_name: str
    buyer_kvk: str | None = None
    currency: str
    payable: Decimal | None = Field(default=None, sa_type=Money)
    state: str
    reason: str | None = None
    detail: str | None = Field(default=None, sa_type=Text)
    format: str | None = None
    xml: str | None = None
    pdf: str = "none"
    xml_sha256: str | None = Field(default=None, foreign_key="file.sha256", index=True)
    pdf_sha256: str | None = Field(default=None, foreign_key="file.sha256")
    extras: list[list[str]] = Field(default_factory=list, sa_type=JSON_TYPE)
    findings: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON_TYPE)
    created_at: datetime
    updated_at: datetime


class InvoiceEventRow(Row, table=True):
    """A line in the timeline of an invoice."""

    __tablename__ = "invoice_event"

    id: int | None = Field(default=None, primary_key=True)
    invoice_id: str = Field(foreign_key="received_invoice.id", index=True)
    at: datetime
    event: str
    facts: dict[str, Any] = Field(sa_type=JSON_TYPE)


class DeliveryRow(Row, table=True):
    """The outbox: one mail to one address."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("invoice_id", "kind", "channel", "address", "cause"),
        Index(
            "uq_delivery_without_invoice",
            "kind",
            "channel",
            "address",
            "cause",
            unique=True,
            sqlite_where=text("invoice_id IS NULL"),
            postgresql_where=text("invoice_id IS NULL"),
        ),
        UniqueConstraint("message_id"),
        Index(None, "state", "due_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    invoice_id: str | None = Field(default=None, foreign_key="received_invoice.id")
    division: int | None = Field(default=None, sa_type=BigInteger, index=True)
    kind: str
    cause: str = ""
    channel: str
    address: str
    name: str
    language: str
    subject: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)
    state: str = "due"
    attempts: int = 0
    due_at: datetime | None
    first_due_at: datetime
    owner: str | None = None
    lease_until: datetime | None = None
    body_started_at: datetime | None = None
    message_id: str
    last_error: str | None = Field(default=None, sa_type=Text)
    updated_at: datetime


class RecipientRow(Row, table=True):
    """An entry of the directory that routing uses."""

    __tablename__ = "recipient"
    __table_args__: ClassVar[dict[str, Any]] = {"sqlite_autoincrement": True}  # an id is never given to another

    id: int | None = Field(default=None, primary_key=True)
    name: str
    kvk: str = ""
    oin: str = ""
    gln: str = ""
    vat: str = ""
    channel: str
    address: str
    language: str
    added_at: datetime


class SetupRunRow(Row, table=True):
    """One `setup apply` or `setup undo` on one division."""

    __tablename__ = "setup_run"

    id: str = Field(primary_key=True)
    division: int = Field(sa_type=BigInteger, index=True)
    kind: str
    undoes: str | None = Field(default=None, foreign_key="setup_run.id")
    upload_address: str = ""
    started_at: datetime
    ended_at: datetime | None = None


class SetupStepRow(Row, table=True):
    """One write to one customer's card, recorded before it is made."""

    __tablename__ = "setup_step"
    __table_args__ = (Index(None, "division", "contact_id"),)

    id: int | None = Field(default=None, primary_key=True)
    run_id: str = Field(foreign_key="setup_run.id", index=True)
    division: int = Field(sa_type=BigInteger)
    customer_id: str
    customer_code: str
    customer_name: str
    action: str
    contact_id: str | None = None
    before: dict[str, Any] | None = Field(default=None, sa_type=JSON_TYPE)
    after: dict[str, Any] = Field(sa_type=JSON_TYPE)
    state: str = "intended"
    error: str | None = Field(default=None, sa_type=Text)
    undone_by: str | None = Field(default=None, foreign_key="setup_run.id")
    at: datetime


class BudgetRow(Row, table=True):
    """What is left of Exact's limits for a division, as its last answers said."""

    __tablename__ = "budget"

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    state: dict[str, Any] = Field(sa_type=JSON_TYPE)


class OAuthStateRow(Row, table=True):
    """A consent that was asked for and not answered yet."""

    __tablename__ = "oauth_state"

    state_hash: str = Field(primary_key=True)
    created_at: datetime


class LeaseRow(Row, table=True):
    """Who may do a thing that only one process may do at a time."""

    __tablename__ = "lease"

    name: str = Field(primary_key=True)
    owner: str
    until: datetime


class LearnedRow(Row, table=True):
    """A value that was learnt from a division rather than configured."""

    __tablename__ = "learned"

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    name: str = Field(primary_key=True)
    value: Any = Field(sa_type=JSON_TYPE)


class RegisterAnswerRow(Row, table=True):
    """What the KVK register answered to a question; public data, of no division."""

    __tablename__ = "register_answer"

    question: str = Field(primary_key=True)
    asked_at: datetime = Field(index=True)
    found: list[dict[str, Any]] = Field(sa_type=JSON_TYPE)


class KvkReportRow(Row, table=True):
    """What a KvK report said of every customer, so that a later one can say what changed."""

    __tablename__ = "kvk_report"

    division: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    day: date = Field(primary_key=True)
    findings: dict[str, list[str]] = Field(sa_type=JSON_TYPE)
