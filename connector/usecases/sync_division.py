"""Bring one division's customers, contacts, invoices, documents and deletions into the database, as changes come.

Each page and its cursor are one transaction; a page seen twice changes nothing. Which fields mean what is
`exact.records`' and `exact.mapping`'s affair; what becomes of the invoices is left to `take_invoices`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session

from connector.customer import ContactId, CustomerId, Division
from connector.errors import (
    ConnectorError,
    ExactRateLimited,
    ExactUnavailable,
    NeedsPerson,
    Permanent,
    RightsMissing,
)
from connector.exact import mapping, records
from connector.exact.client import ExactClient
from connector.exact.protocol import parse_int
from connector.storage import cursors, customers, divisions, documents, files, reference, sales_invoices
from connector.storage.database import Database
from connector.usecases.ownership import Lease

log = structlog.get_logger()

REFERENCE_EVERY = timedelta(days=1)
FILE_PAUSES = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
"""Before a refused file is asked for again: every refusal counts for the hour in which Exact takes ten of them."""
CARDS_WAIT = timedelta(minutes=10)
"""How long the set-up waits for a sync that is under way."""
VAT_CODE = "vat_code"

Progress = Callable[[str, int], None]
"""Told what is being read and how many rows of it are in so far."""


@dataclass(slots=True, kw_only=True)
class Count:
    """Rows of one kind in one sync."""

    changed: int = 0
    deleted: int = 0
    total: int = 0


@dataclass(slots=True, kw_only=True)
class SyncReport:
    """What one sync of one division did; `as_json` is the shape of interfaces.md."""

    division: int
    customers: Count = field(default_factory=Count)
    contacts: Count = field(default_factory=Count)
    invoices: Count = field(default_factory=Count)
    fetched: int = 0
    api_calls: int = 0
    error: ConnectorError | None = None

    def as_json(self) -> dict[str, Any]:
        """One entry of `divisions` in `sync --json`."""
        return {
            "division": self.division,
            "customers": asdict(self.customers),
            "contacts": asdict(self.contacts),
            "invoices": asdict(self.invoices),
            "documents": {"fetched": self.fetched},
            "api_calls": self.api_calls,
            "error": self.error.message if self.error else None,
        }


def sync_division(
    database: Database,
    client: ExactClient,
    division: Division,
    *,
    clock: Callable[[], datetime],
    start_date: date | None = None,
    full: bool = False,
    progress: Progress = lambda what, rows: None,
) -> SyncReport:
    """Read all that changed since the last time; a failure ends up in `error`, with what was read kept.

    Args:
        start_date: Files of invoices dated before it are not fetched; None: the day of connecting.
        full: Read everything again from the first row on; what is here already changes only where Exact differs.
    """
    report = SyncReport(division=division)
    calls_before = client.calls
    try:
        with Lease(database, f"sync:{division}", now=clock()) as lease:
            _Sync(database, client, division, clock, progress, report, lease).run(full=full, start_date=start_date)
    except ConnectorError as error:
        report.error = error
        log.warning("sync.failed", division=division, error=type(error).__name__)
    report.api_calls = client.calls - calls_before
    _count_totals(database, division, report)
    log.info("sync.done", division=division, api_calls=report.api_calls, complete=report.error is None)
    return report


def sync_cards(
    database: Database,
    client: ExactClient,
    division: Division,
    *,
    facts: bool = False,
    clock: Callable[[], datetime],
) -> None:
    """Read only accounts and contacts: what the set-up looks at before, between and after its writes.

    Two calls when nothing changed. Deletions come with the next whole sync.

    Args:
        facts: Also what is otherwise read once a day: the division's own data, VAT codes, bank accounts.
    """
    report = SyncReport(division=division)
    with Lease(database, f"sync:{division}", now=clock(), wait=CARDS_WAIT) as lease:
        sync = _Sync(database, client, division, clock, lambda what, rows: None, report, lease)
        if facts:
            sync.read_division(clock())
        sync.stream(records.ACCOUNTS)
        sync.stream(records.CONTACTS)


class _Sync:
    """One run over one division."""

    def __init__(
        self,
        database: Database,
        client: ExactClient,
        division: Division,
        clock: Callable[[], datetime],
        progress: Progress,
        report: SyncReport,
        lease: Lease,
    ) -> None:
        self.database = database
        self.client = client
        self.division = division
        self.clock = clock
        self.progress = progress
        self.report = report
        self.lease = lease

    def run(self, *, full: bool, start_date: date | None) -> None:
        """All streams in the order in which one may refer to another, then the files."""
        self.check_division()
        if full:
            with self.database.transaction() as session:
                cursors.reset(session, self.division)
        for stream in records.STREAMS:
            self.stream(stream)
        self.fetch_files(start_date)
        with self.database.transaction() as session:
            divisions.update(session, self.division, last_synced_at=self.clock())

    def check_division(self) -> None:
        """At most once a day: has the division moved, and what are its VAT codes and bank accounts.

        All timestamps start anew when a division moves or is linked to HR: then every stream is read from 1.
        Source: exact-online-api.md 4.9 [docs].
        """
        with self.database.reading() as session:
            known = divisions.require(session, self.division)
        now = self.clock()
        if known.reference_at is None or now - known.reference_at >= REFERENCE_EVERY:
            self.read_division(now)

    def read_division(self, now: datetime) -> None:
        """The division's own data, its VAT codes and its IBAN."""
        with self.database.reading() as session:
            known = divisions.require(session, self.division)
        found = {record.code: record for record in self.client.divisions()}.get(self.division)
        rows = self.client.read_all(records.VatCode.PATH, select=records.VatCode.FIELDS)
        vat_codes = [records.VatCode.from_json(row) for row in rows]
        iban = self.own_iban()
        with self.database.transaction() as session:
            changes: dict[str, Any] = {"reference_at": now}
            if found is not None:
                changes |= division_facts(found) | {"checked_at": now}
                moved = (changes["move_date"], changes["hr_link"]) != (known.move_date, known.hr_link)
                if moved and known.checked_at is not None:
                    log.warning("sync.division_moved", division=self.division)
                    cursors.reset(session, self.division)
            if iban:
                changes["bank_iban"] = iban
            divisions.update(session, self.division, **changes)
            reference.replace(session, self.division, VAT_CODE, {code.code: code.as_record() for code in vat_codes})

    def own_iban(self) -> str:
        """The IBAN of the division itself, for rendered invoices; empty where Exact does not show it.

        The company's own accounts are those of Type R, the main one first. Source: exact-online-api.md 4.3 [assumed].
        """
        try:
            rows = self.client.read_all(
                records.BankAccount.PATH, select=records.BankAccount.FIELDS, filter="Type eq 'R'"
            )
        except (Permanent, NeedsPerson) as error:
            log.warning("sync.no_bank_accounts", division=self.division, error=type(error).__name__)
            return ""
        accounts = [records.BankAccount.from_json(row) for row in rows]
        usable = [account for account in accounts if account.bank_account and not account.blocked]
        usable.sort(key=lambda account: (not account.main, account.bank_account))
        return usable[0].bank_account or "" if usable else ""

    def stream(self, stream: records.Stream) -> None:
        """Read one stream to its end; rows and cursor of a page in one transaction."""
        with self.database.reading() as session:
            cursor = cursors.read(session, self.division, stream.path)
        highest = cursor.timestamp
        rows_read = 0
        for page in self.client.sync_pages(stream, since=highest):
            highest = max([highest, *(parse_int(row.get("Timestamp")) or 0 for row in page.rows)])
            rows_read += len(page.rows)
            now = self.clock()
            with self.database.transaction() as session:
                self.store(session, stream, page.rows)
                caught_up = page.next_url is None
                cursors.move(session, self.division, stream.path, timestamp=highest, caught_up=caught_up, now=now)
            self.lease.take(now)
            self.progress(stream.path.rpartition("/")[2], rows_read)

    def store(self, session: Session, stream: records.Stream, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store a page of `stream`."""
        division = self.division
        if stream is records.ACCOUNTS:
            accounts = [records.Account.from_json(row) for row in rows]
            self.report.customers.changed += customers.save_customers(
                session, [(mapping.to_customer(read, division=division), read.timestamp or 0) for read in accounts]
            )
        elif stream is records.CONTACTS:
            contacts = [records.Contact.from_json(row) for row in rows]
            self.report.contacts.changed += customers.save_contacts(
                session, [(mapping.to_contact(read, division=division), read.timestamp or 0) for read in contacts]
            )
        elif stream is records.SALES_INVOICES:
            self.store_invoices(session, rows)
        elif stream is records.DOCUMENTS:
            documents.save_documents(session, division, [_document(row) for row in rows])
        elif stream is records.ATTACHMENTS:
            documents.save_attachments(session, division, [_attachment(row) for row in rows])
        else:
            self.store_deletions(session, [records.Deleted.from_json(row) for row in rows])

    def store_invoices(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep every row as read; header rows also fill the columns that we search by."""
        read = [records.SalesInvoiceRow.from_json(row) for row in rows]
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
                for row in read
            ],
        )
        headers = [row for row in read if row.is_header]
        self.report.invoices.changed += sales_invoices.save_headers(
            session,
            self.division,
            [
                sales_invoices.SalesInvoice(
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
                for row in headers
            ],
        )

    def store_deletions(self, session: Session, deleted: Iterable[records.Deleted]) -> None:
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

    def fetch_files(self, start_date: date | None) -> None:
        """Fetch the attachments of invoices dated on or after the start date; history keeps its metadata only."""
        with self.database.reading() as session:
            since = start_date or divisions.require(session, self.division).start_date
            missing = documents.unfetched(session, self.division, since=since, now=self.clock())
        for number, attachment in enumerate(missing, start=1):
            try:
                content = self.client.download(attachment.url)
            except ExactRateLimited:
                raise  # the day is spent, or too many files were refused: the rest comes next time
            except (Permanent, RightsMissing, ExactUnavailable) as error:
                # gone, not for us, larger than we read, a page in its place: that keeps no other file back
                log.warning("sync.file_refused", division=self.division, error=error.message)
                retry_at = self.clock() + FILE_PAUSES[min(attachment.tries, len(FILE_PAUSES) - 1)]
                with self.database.transaction() as session:
                    documents.mark_refused(session, self.division, attachment.id, retry_at=retry_at)
                continue
            with self.database.transaction() as session:
                sha256 = files.save(session, content)
                documents.mark_fetched(session, self.division, attachment.id, sha256=sha256, now=self.clock())
            self.report.fetched += 1
            self.lease.take(self.clock())
            self.progress("files", number)


def division_facts(record: records.DivisionRecord) -> dict[str, Any]:
    """The columns of a stored division that Exact knows."""
    return {
        "name": record.description or record.customer_name or str(record.code),
        "kvk": record.chamber_of_commerce_number or "",
        "vat_number": record.vat_number or "",
        "address_line": " ".join(part for part in (record.address_line1, record.address_line2) if part),
        "postcode": record.postcode or "",
        "city": record.city or "",
        "country": record.country or "",
        "email": record.email or "",
        "phone": record.phone or "",
        "currency": record.currency or "",
        "move_date": record.division_move_date.isoformat() if record.division_move_date else None,
        "hr_link": record.division_hr_link_unlink_date.isoformat() if record.division_hr_link_unlink_date else None,
    }


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


def _count_totals(database: Database, division: Division, report: SyncReport) -> None:
    with database.reading() as session:
        report.customers.total = customers.count(session, division)
        report.contacts.total = customers.count_contacts(session, division)
        report.invoices.total = sales_invoices.count(session, division)
