"""Put a page of one of Exact's streams into the stores, and take out of them what is gone.

A row with a field of another type than we know is not stored, because what we do not understand may be wrong: what
was stored of it before stays. Rows of sales invoices are kept with the reason, so that their invoice is held.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlmodel import Session

from connector.customer import ContactId, CustomerId, Division
from connector.errors import ExactUnexpected
from connector.exact import mapping, records
from connector.exact.protocol import Row, parse_int
from connector.exact.records import SalesInvoiceRow, Stream
from connector.storage import customers, documents, sales_invoices
from connector.storage.tables import mark_seen
from connector.usecases.sync_report import SyncReport

Record = TypeVar("Record")
TABLES: Mapping[str, tuple[Table, ...]] = {
    records.ACCOUNTS.path: (customers.CUSTOMERS,),
    records.CONTACTS.path: (customers.CONTACTS,),
    records.SALES_INVOICES.path: (sales_invoices.ROWS, sales_invoices.HEADERS),
    records.DOCUMENTS.path: (documents.DOCUMENTS,),
    records.ATTACHMENTS.path: (documents.ATTACHMENTS,),
    records.DELETED.path: (),
}
"""Where the rows of a stream end up; the first table has one for each of them."""
KEYS = ("ID", "InvoiceID")
"""The fields with the keys of a row in those tables."""


def timestamp_of(stream: Stream, row: Row) -> int:
    """The row version, without which no cursor can be kept.

    Raises:
        ExactUnexpected: There is none, or it is no whole number.
    """
    try:
        found = parse_int(row.get("Timestamp"))
    except ExactUnexpected:
        found = None
    if found is None:
        raise ExactUnexpected(
            f"{stream.path}: Timestamp is no whole number",
            hint="Exact may have changed its API: look for a newer version of the connector.",
        )
    return found


class RowStore:
    """The stores of one division, during one sync."""

    def __init__(self, division: Division, report: SyncReport) -> None:
        self.division = division
        self.report = report
        self._unread: Counter[tuple[str, str]] = Counter()
        self._nameless: set[str] = set()
        self.unread_cards: dict[CustomerId, str] = {}
        """The customers of whose card or contacts something could not be read, and why."""
        self.is_anybodys = False
        """Whether it cannot be told whose card a row that could not be read belongs to."""

    def unread(self, stream: Stream) -> list[ExactUnexpected]:
        """What could not be read of a stream so far, an error for each field and kind of trouble."""
        return [
            ExactUnexpected(
                f"{path}: {why} ({rows} {'row' if rows == 1 else 'rows'})",
                hint="Such rows are left out and read again each time. Correct the field in Exact; when all rows have "
                "it, Exact has changed its API: look for a newer version of the connector.",
            )
            for (path, why), rows in self._unread.items()
            if path == stream.path
        ]

    def has_nameless(self, stream: Stream) -> bool:
        """Whether a row of a stream had no key that can be read, so that nobody knows which one was seen."""
        return stream.path in self._nameless

    def store(self, session: Session, stream: Stream, rows: Sequence[Row]) -> int | None:
        """Store a page; of rows that cannot be read what was stored before counts as seen again.

        Returns:
            The lowest Timestamp of the rows that could not be read; None when all could.
        """
        division, report = self.division, self.report
        unread: list[tuple[Row, str]] = []
        if stream is records.SALES_INVOICES:
            self._store_invoices(session, rows, unread)
        elif stream is records.ACCOUNTS:
            accounts = self._read(stream, rows, records.Account.from_json, unread)
            report.customers.changed += customers.save_customers(
                session, [(mapping.to_customer(each, division=division), each.timestamp or 0) for each in accounts]
            )
        elif stream is records.CONTACTS:
            contacts = self._read(stream, rows, records.Contact.from_json, unread)
            report.contacts.changed += customers.save_contacts(
                session, [(mapping.to_contact(each, division=division), each.timestamp or 0) for each in contacts]
            )
        elif stream is records.DOCUMENTS:
            documents.save_documents(session, division, self._read(stream, rows, _document, unread))
        elif stream is records.ATTACHMENTS:
            documents.save_attachments(session, division, self._read(stream, rows, _attachment, unread))
        else:
            self._delete(session, self._read(stream, rows, records.Deleted.from_json, unread))
        for row, why in unread:
            self._note_card(session, stream, row, why)
        for table, name in zip(TABLES[stream.path], KEYS, strict=False):
            keys = [key.strip() for row, _ in unread if isinstance(key := row.get(name), str) and key.strip()]
            mark_seen(session, table, division, keys)
            if len(keys) < len(unread):
                self._nameless.add(stream.path)
        return min((timestamp_of(stream, row) for row, _ in unread), default=None)

    def _note_card(self, session: Session, stream: Stream, row: Row, why: str) -> None:
        """Remember whose card a row that cannot be read belongs to; a contact that moved belongs to two."""
        if stream is records.ACCOUNTS:
            owners = [row.get("ID")]
        elif stream is records.CONTACTS:
            contact = ContactId(str(row.get("ID")).strip())
            owners = [row.get("Account"), customers.owner_of(session, self.division, contact)]
        else:
            return
        for owner in owners:
            if isinstance(owner, str):
                self.unread_cards[CustomerId(owner.strip())] = why
        account = row.get("ID" if stream is records.ACCOUNTS else "Account")
        if not isinstance(account, str | None) or (stream is records.ACCOUNTS and not account):
            self.is_anybodys = True

    def _read(
        self, stream: Stream, rows: Iterable[Row], read: Callable[[Row], Record], unread: list[tuple[Row, str]]
    ) -> list[Record]:
        """Turn rows into records; those that cannot be go to `unread`, each with the reason."""
        found = []
        for row in rows:
            try:
                found.append(read(row))
            except ExactUnexpected as error:
                self._unread[stream.path, error.message] += 1
                unread.append((row, error.message))
        return found

    def _store_invoices(self, session: Session, rows: Sequence[Row], unread: list[tuple[Row, str]]) -> None:
        """Keep every row as read; header rows also fill the columns that we search by."""
        read = self._read(records.SALES_INVOICES, rows, SalesInvoiceRow.from_json, unread)
        kept = list(read)
        for row, why in unread:
            with suppress(ExactUnexpected):  # of which invoice, not even that can be read
                kept.append(SalesInvoiceRow.unreadable(row, why))
        sales_invoices.save_rows(
            session,
            self.division,
            [
                sales_invoices.SalesRow(
                    id=row.id,
                    invoice_id=row.invoice_id,
                    line_number=row.line_number,
                    timestamp=row.timestamp or 0,
                    record=dict(row.record),
                )
                for row in kept
            ],
        )
        self.report.invoices.changed += sales_invoices.save_headers(
            session, self.division, [_header(row) for row in read if row.is_header]
        )

    def _delete(self, session: Session, deleted: Iterable[records.Deleted]) -> None:
        """Take out what Exact says is gone; files and received invoices stay."""
        keys: dict[int | None, list[str]] = {}
        for row in deleted:
            keys.setdefault(row.entity_type, []).append(row.entity_key or "")
        division, report, entity = self.division, self.report, records.Deleted
        accounts = [CustomerId(key) for key in keys.get(entity.ACCOUNT, [])]
        contacts = [ContactId(key) for key in keys.get(entity.CONTACT, [])]
        report.customers.deleted += customers.delete_customers(session, division, accounts)
        report.contacts.deleted += customers.delete_contacts(session, division, contacts)
        report.invoices.deleted += sales_invoices.delete_invoices(session, division, keys.get(entity.SALES_INVOICE, []))
        documents.delete_documents(session, division, keys.get(entity.DOCUMENT, []))
        documents.delete_attachments(session, division, keys.get(entity.ATTACHMENT, []))

    def forget_unseen(self, session: Session, stream: Stream) -> None:
        """Take out what a whole reading of a stream did not see again."""
        division, report = self.division, self.report
        if stream is records.ACCOUNTS:
            report.customers.deleted += customers.forget_unseen_customers(session, division)
        elif stream is records.CONTACTS:
            report.contacts.deleted += customers.forget_unseen_contacts(session, division)
        elif stream is records.SALES_INVOICES:
            report.invoices.deleted += sales_invoices.forget_unseen(session, division)
        elif stream is records.DOCUMENTS:
            documents.forget_unseen_documents(session, division)
        elif stream is records.ATTACHMENTS:
            documents.forget_unseen_attachments(session, division)


def _header(row: SalesInvoiceRow) -> sales_invoices.SalesInvoice:
    return sales_invoices.SalesInvoice(
        id=row.invoice_id,
        number=row.invoice_number,
        status=row.status or 0,
        type=row.type or 0,
        invoice_date=row.invoice_date,
        invoice_to=row.invoice_to,
        ordered_by=row.ordered_by,
        amount=row.amount_dc,
        currency=row.currency or "",
        modified_at=row.modified,
        timestamp=row.timestamp or 0,
    )


def _document(row: Mapping[str, Any]) -> documents.Document:
    read = records.Document.from_json(row)
    return documents.Document(
        id=read.id,
        type=read.type or 0,
        subject=read.subject or "",
        account=read.account,
        invoice_id=read.financial_transaction_entry_id,
        invoice_number=read.sales_invoice_number,
        date=read.document_date,
        modified_at=read.modified,
        timestamp=read.timestamp or 0,
    )


def _attachment(row: Mapping[str, Any]) -> documents.Attachment:
    read = records.DocumentAttachment.from_json(row)
    return documents.Attachment(
        id=read.id,
        document_id=read.document or "",
        file_name=read.file_name or "",
        url=read.url or "",
        size=None if read.file_size is None else int(read.file_size),
        timestamp=read.timestamp or 0,
    )
