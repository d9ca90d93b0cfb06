"""Bring one division's customers, contacts, invoices, documents and deletions into the database, as changes come.

When to read what, and when to begin at the start; how a stream is read is left to `read_stream`, what becomes of the
invoices to `take_invoices`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session

from connector.customer import CustomerId, Division
from connector.errors import (
    ConnectorError,
    ExactDoubtful,
    ExactRateLimited,
    ExactRejected,
    ExactUnavailable,
    NeedsPerson,
    Permanent,
    RightsMissing,
)
from connector.exact import protocol, records
from connector.exact.budget import Budget, current, resting_until
from connector.exact.client import ExactClient
from connector.exact.protocol import refuses_endpoint
from connector.storage import budgets, cursors, customers, divisions, documents, files, reference, sales_invoices
from connector.storage.database import Database
from connector.storage.documents import Attachment
from connector.usecases.keep_token import NoTokenNow
from connector.usecases.ownership import Lease
from connector.usecases.read_stream import Progress, StreamReader, restart
from connector.usecases.sync_report import SyncReport

log = structlog.get_logger()

REFERENCE_EVERY = timedelta(days=1)
DELETIONS_LAST = timedelta(days=60)
"""Most time between two readings of sync/Deleted, which goes back two months (exact-online-api.md 4.9 [docs])."""
COMPARE_EVERY = timedelta(days=7)
"""How often everything is read again where Exact refuses sync/Deleted."""
ANEW_EVERY = timedelta(hours=1)
"""Timestamps that do not fit make everything be read again, but not more often."""
FILES = "docs/SysAttachment"
FILE_PAUSES = (timedelta(hours=1), timedelta(hours=6))
"""Before a refused file is asked for again: every refusal counts for the hour in which Exact takes ten of them."""
FILE_AGAIN = timedelta(minutes=10)
"""Before a file is asked for again when Exact could not be reached or gave a page: the next sync may try."""
CARDS_WAIT = timedelta(minutes=10)
"""How long the set-up waits for a sync that is under way."""
VAT_CODE = "vat_code"

Foresee = Callable[[int], None]
"""Told how many calls are still to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardsRead:
    """How far the cards in the database can be relied on after a reading."""

    unread: Mapping[CustomerId, str] = field(default_factory=dict)
    """The customers whose card or contacts may be older here than in Exact, and why."""
    doubt: ConnectorError | None = None
    """Why no card can be relied on; None: those that are not `unread` can."""


def sync_division(
    database: Database,
    client: ExactClient,
    division: Division,
    *,
    clock: Callable[[], datetime],
    start_date: date | None = None,
    full: bool = False,
    accept_fewer: bool = False,
    progress: Progress = lambda what, rows: None,
    foresee: Foresee = lambda calls: None,
) -> SyncReport:
    """Read all that changed since the last time; a failure ends up in `error`, with what was read kept.

    Args:
        foresee: Told how many files are to be fetched, a call each, once that is known.
        start_date: Files of invoices dated before it are not fetched; None: the day of connecting.
        full: Read everything again from the first row on; what is here already changes only where Exact differs, and
            what Exact has no more goes.
        accept_fewer: Believe Exact when it shows far fewer rows than before.
    """
    report = SyncReport(division=division)
    calls_before = client.calls
    try:
        with Lease(database, f"sync:{division}", now=clock()) as lease:
            sync = _Sync(database, client, division, clock, progress, report, lease, foresee)
            sync.run(full=full, accept_fewer=accept_fewer, start_date=start_date)
    except ConnectorError as error:
        report.error = error
        log.warning("sync.failed", division=division, error=type(error).__name__)
    for trouble in report.troubles:
        log.warning("sync.trouble", division=division, message=trouble.message)
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
) -> CardsRead:
    """Read only accounts and contacts: what the set-up looks at before, between and after its writes.

    Two calls when nothing changed, and one more when the newest row that we hold is not shown: was it deleted? Other
    deletions come with the next whole sync.

    Args:
        facts: Also what is otherwise read once a day: the division's own data, VAT codes, bank accounts.
    """
    report = SyncReport(division=division)
    with Lease(database, f"sync:{division}", now=clock(), wait=CARDS_WAIT) as lease:
        sync = _Sync(database, client, division, clock, lambda what, rows: None, report, lease)
        if facts:
            sync.read_division(clock())
        reader = sync.reader(None)
        reader.read(records.ACCOUNTS)
        reader.read(records.CONTACTS)
        if reader.misses_a_row:
            reader.read(records.DELETED)
    for trouble in report.troubles:
        log.warning("sync.trouble", division=division, message=trouble.message)
    with database.reading() as session:
        gone = customers.unseen_cards(session, division)
    return CardsRead(
        unread=dict.fromkeys(gone, "Exact did not show it any more") | reader.rows.unread_cards,
        doubt=_old_cards() if reader.rows.is_anybodys or reader.has_regressed() else None,
    )


def _old_cards() -> ExactDoubtful:
    return ExactDoubtful(
        "what Exact shows of the cards does not go with what it showed before",
        hint="run `connector sync`, which reads everything anew where it has to, and then the same command again",
    )


def least_calls(
    database: Database, division: Division, *, now: datetime, start_date: date | None = None, full: bool = False
) -> int:
    """How many calls the next sync takes at least, going by what is known before it.

    One for each stream, three for what is read once a day, one for each file that waits; with `full` also one for
    each 1,000 rows that are here. What has changed in Exact since comes on top.
    """
    with database.reading() as session:
        known = divisions.require(session, division)
        since = start_date or known.start_date
        waiting = len(documents.unfetched(session, division, since=since, now=now))
        rows = [
            customers.count(session, division),
            customers.count_contacts(session, division),
            sales_invoices.count_rows(session, division),
        ]
    is_due = known.reference_at is None or now - known.reference_at >= REFERENCE_EVERY
    more_pages = sum(number // protocol.SYNC_PAGE for number in rows) if full else 0
    return len(records.STREAMS) + more_pages + 3 * is_due + waiting


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
        foresee: Foresee = lambda calls: None,
    ) -> None:
        self.database = database
        self.client = client
        self.division = division
        self.clock = clock
        self.progress = progress
        self.report = report
        self.lease = lease
        self.foresee = foresee

    def run(self, *, full: bool, accept_fewer: bool, start_date: date | None) -> None:
        """All streams in the order in which one may refer to another, then the files."""
        self.check_division()
        with self.database.transaction() as session:
            reason = "asked for" if full else self.why_compare(session)
            if reason:
                self.begin_anew(session, reason)
        reader = self.reader(start_date, accept_fewer=accept_fewer)
        held_up = self.read_streams(reader)
        if held_up is None and reader.has_regressed():
            held_up = self.read_anew(start_date, accept_fewer)
        self.fetch_files(reader.since)
        if held_up is not None:
            raise held_up
        with self.database.transaction() as session:
            divisions.update(session, self.division, last_synced_at=self.clock())

    def read_streams(self, reader: StreamReader) -> ConnectorError | None:
        """Read all streams; one that Exact refuses, that rests or that is put off holds none of the others up.

        Returns what held up the first of them; the sync is not complete then.
        """
        held_up: ConnectorError | None = None
        for stream in records.STREAMS:
            try:
                reader.read(stream)
            except (ExactRateLimited, ExactRejected, RightsMissing) as error:
                if isinstance(error, RightsMissing) and not refuses_endpoint(error):
                    raise  # the user, the licence or the division: the other streams are refused, too
                log.warning("sync.held_up", division=self.division, stream=stream.path, error=type(error).__name__)
                held_up = held_up or error
        return held_up

    def reader(self, start_date: date | None, *, accept_fewer: bool = False) -> StreamReader:
        """What reads the streams in this run."""
        with self.database.reading() as session:
            since = start_date or divisions.require(session, self.division).start_date
        return StreamReader(
            self.database,
            self.client,
            self.division,
            clock=self.clock,
            progress=self.progress,
            report=self.report,
            lease=self.lease,
            since=since,
            accept_fewer=accept_fewer,
        )

    def why_compare(self, session: Session) -> str:
        """Say why deletions can only be found by reading everything again; "" when sync/Deleted tells them all."""
        deleted = cursors.read(session, self.division, records.DELETED.path)
        accounts = cursors.read(session, self.division, records.ACCOUNTS.path)
        if deleted.at is None or accounts.comparing or accounts.compared_at is None:
            return ""  # the first reading, or one that began at the start, is still to be ended
        now = self.clock()
        if deleted.refused_at is not None:
            return "Exact refuses sync/Deleted" if now - accounts.compared_at >= COMPARE_EVERY else ""
        is_too_late = not deleted.comparing and now - deleted.at > DELETIONS_LAST
        return "away for more than 60 days" if is_too_late else ""

    def begin_anew(self, session: Session, reason: str) -> None:
        """Let all streams begin at the start; what they do not show again is gone."""
        log.warning("sync.anew", division=self.division, reason=reason)
        self.report.notes.append(f"everything is read again: {reason}")
        for stream in records.STREAMS:
            restart(session, self.division, stream, now=self.clock())

    def read_anew(self, start_date: date | None, accept_fewer: bool) -> ConnectorError | None:
        """Exact counts its rows anew: begin at the start, unless that was done just now and did not help.

        Returns the same as `read_streams`.
        """
        with self.database.transaction() as session:
            compared_at = cursors.read(session, self.division, records.ACCOUNTS.path).compared_at
            if compared_at is not None and self.clock() - compared_at < ANEW_EVERY:
                trouble = ExactDoubtful(
                    "Exact's row versions do not go with those read before",
                    hint="Everything is read again after an hour.",
                )
                self.report.troubles.append(trouble)
                return None
            self.begin_anew(session, "Exact counts its rows anew")
        return self.read_streams(self.reader(start_date, accept_fewer=accept_fewer))

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
                    self.begin_anew(session, "the division was moved")
            if iban:
                changes["bank_iban"] = iban
            divisions.update(session, self.division, **changes)
            if vat_codes or not reference.all(session, self.division, VAT_CODE):
                codes = {code.code: code.as_record() for code in vat_codes}
                reference.replace(session, self.division, VAT_CODE, codes)
            else:
                self.report.troubles.append(
                    ExactDoubtful("Exact shows no VAT codes any more; those read before are kept")
                )

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

    def fetch_files(self, since: date) -> None:
        """Fetch the attachments of invoices dated on or after a day; history keeps its metadata only."""
        with self.database.reading() as session:
            missing = documents.unfetched(session, self.division, since=since, now=self.clock())
        if missing:
            self.foresee(len(missing))
        late: list[ConnectorError] = []
        given_up: list[ConnectorError] = []
        for number, attachment in enumerate(missing, start=1):
            self.lease.take(self.clock())
            try:
                content = self.client.download(attachment.url, attachment.file_name)
            except NoTokenNow:
                raise  # Exact was not asked
            except ExactRateLimited as error:
                if not self.rests(FILES):
                    raise  # the day is spent
                self.report.troubles.append(error)  # files that Exact refuses keep back only invoices with files
                break
            except ExactUnavailable as error:
                # nobody at home says nothing of the file
                self.put_off(attachment, error, attachment.tries, FILE_AGAIN)
                late.append(error)
                continue
            except (Permanent, RightsMissing) as error:
                # gone, not for us, larger than we read: that keeps no other file back
                is_gone = isinstance(error, ExactRejected) and error.status == 404
                tries = documents.MOST_TRIES if is_gone else attachment.tries + 1
                self.put_off(attachment, error, tries, FILE_PAUSES[min(tries, len(FILE_PAUSES)) - 1])
                (late if tries < documents.MOST_TRIES else given_up).append(error)
                continue
            with self.database.transaction() as session:
                sha256 = files.save(session, content)
                documents.mark_fetched(session, self.division, attachment.id, sha256=sha256, now=self.clock())
            self.report.fetched += 1
            self.progress("files", number)
        if late:
            self.report.troubles.append(
                ExactUnavailable(
                    f"{_files(late)} could not be fetched, and their invoices wait: {late[0].message}",
                    hint=f"They are asked for again by themselves. {late[0].hint}",
                )
            )
        if given_up:
            self.report.troubles.append(
                ExactRejected(
                    f"{_files(given_up)} given up, and their invoices go on without them: {given_up[0].message}",
                    hint="The log says which (sync.file_refused). A file that is added anew in Exact is fetched.",
                )
            )

    def rests(self, endpoint: str) -> bool:
        """Whether an endpoint is not called for a while after too many refusals."""
        with self.database.reading() as session:
            known = Budget.from_json(budgets.read(session, self.division) or {})
        return resting_until(current(known, self.clock()), endpoint) is not None

    def put_off(self, attachment: Attachment, error: ConnectorError, tries: int, pause: timedelta) -> None:
        """Ask for a file again later."""
        log.warning("sync.file_refused", division=self.division, attachment=attachment.id, error=error.message)
        with self.database.transaction() as session:
            documents.put_off(session, self.division, attachment.id, tries=tries, retry_at=self.clock() + pause)


def _files(errors: Sequence[ConnectorError]) -> str:
    return f"{len(errors)} {'file' if len(errors) == 1 else 'files'} of invoices"


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


def _count_totals(database: Database, division: Division, report: SyncReport) -> None:
    with database.reading() as session:
        report.customers.total = customers.count(session, division)
        report.contacts.total = customers.count_contacts(session, division)
        report.invoices.total = sales_invoices.count(session, division)
