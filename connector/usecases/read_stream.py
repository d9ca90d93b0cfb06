"""Read one of Exact's streams to its end: by row version, or the slow way where Exact refuses that.

Each page and its cursor are one transaction. A reading that began at the start ends with a comparison: what it did not
see again is gone, unless that is too much to believe. What rows are is left to `store_rows`, when streams are read and
what follows from a division that moved to `sync_division`.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

import structlog
from sqlmodel import Session

from connector.customer import Division
from connector.errors import ConnectorError, ExactDoubtful, ExactRejected, ExactUnexpected, RightsMissing
from connector.exact import protocol, records
from connector.exact.client import ExactClient
from connector.exact.protocol import Row, parse_instant, refuses_endpoint
from connector.exact.records import Endpoint, SalesInvoiceRow, Stream
from connector.storage import cursors, documents, sales_invoices
from connector.storage.cursors import Cursor
from connector.storage.database import Database
from connector.storage.tables import count_unseen, is_stored, newest
from connector.usecases.ownership import Lease
from connector.usecases.store_rows import TABLES, RowStore, timestamp_of
from connector.usecases.sync_report import SyncReport

log = structlog.get_logger()

REFUSED_FOR = timedelta(days=1)
"""A refused endpoint is asked again after a day: rights change, and refusals count (ten an hour block the key)."""
FEW = 10
"""So many rows may be gone at once from any stream; more only when they are no more than half of it."""
KEPT_FOR = timedelta(hours=6)
"""How long after a doubtful reading the whole stream is read again; an empty one by row version is at once."""
ASKED_TOGETHER = 30
"""Keys in one filter: 72 characters each; a whole address may have 6,000 (exact-online-api.md 2.1 [one])."""

Progress = Callable[[str, int], None]
"""Told what is being read and how many rows of it are in so far."""


class StreamReader:
    """Reads the streams of one division, during one sync."""

    def __init__(
        self,
        database: Database,
        client: ExactClient,
        division: Division,
        *,
        clock: Callable[[], datetime],
        progress: Progress,
        report: SyncReport,
        lease: Lease,
        since: date,
        accept_fewer: bool = False,
    ) -> None:
        """Take the parts.

        Args:
            since: Files are listed for invoices dated on or after it, where that takes a call for each few documents.
            accept_fewer: Believe Exact when it shows far fewer rows than before.
        """
        self.database = database
        self.client = client
        self.division = division
        self.clock = clock
        self.progress = progress
        self.report = report
        self.lease = lease
        self.since = since
        self.accept_fewer = accept_fewer
        self.rows = RowStore(division, report)
        self._missed: list[tuple[Stream, str, int]] = []

    def read(self, stream: Stream) -> None:
        """Read what is new of a stream.

        Raises:
            RightsMissing: Exact refuses it in either way; the hint says what is missing.
        """
        cursor = self._cursor(stream)
        if cursor.kept and self._is_to_be_read_again(cursor):
            self.restart(stream)
            cursor = self._cursor(stream)
        refused_lately = cursor.refused_at is not None and self.clock() - cursor.refused_at < REFUSED_FOR
        if refused_lately:
            self._read_plain(stream, cursor, None)
        else:
            try:
                self._read_sync(stream, cursor)
            except (RightsMissing, ExactRejected) as error:
                if not refuses_endpoint(error):
                    raise
                self._read_plain(stream, self._cursor(stream), error)
        self._report(stream)

    def restart(self, stream: Stream) -> None:
        """Let a stream begin at the start."""
        with self.database.transaction() as session:
            restart(session, self.division, stream, now=self.clock())

    @property
    def misses_a_row(self) -> bool:
        """Whether the newest row that we hold was not shown: it was deleted, or else `has_regressed`."""
        return bool(self._missed)

    def has_regressed(self) -> bool:
        """Whether a row that we hold is not where Exact said it was, though nothing says that it was deleted.

        To be asked once `records.DELETED` was read. Then Exact counts anew, and what is new may lie below our cursors.
        """
        with self.database.reading() as session:
            return any(
                is_stored(session, TABLES[stream.path][0], self.division, key, timestamp)
                for stream, key, timestamp in self._missed
            )

    def _cursor(self, stream: Stream) -> Cursor:
        with self.database.reading() as session:
            return cursors.read(session, self.division, stream.path)

    def _is_to_be_read_again(self, cursor: Cursor) -> bool:
        if self.accept_fewer or not cursor.timestamp or cursor.compared_at is None:
            return True
        return self.clock() - cursor.compared_at >= KEPT_FOR

    # By row version

    def _read_sync(self, stream: Stream, cursor: Cursor) -> None:
        """Ask for what is newer than what we have, and for the newest row that we have: see `has_regressed`."""
        is_back = cursor.refused_at is not None
        anchor = None if is_back or not cursor.caught_up else self._newest(stream)
        highest = 0 if is_back else cursor.timestamp
        asked_from = highest if anchor is None else min(highest, anchor[1] - 1)
        seen_anchor = anchor is None
        held_at: int | None = None
        rows_read = 0
        for number, page in enumerate(self.client.sync_pages(stream, since=asked_from)):
            read_to = max([highest, *(timestamp_of(stream, row) for row in page.rows)])
            rows_read += len(page.rows)
            seen_anchor = seen_anchor or any(row.get("ID") == anchor[0] for row in page.rows if anchor)
            now = self.clock()
            with self.database.transaction() as session:
                if is_back and number == 0:
                    cursors.accept(session, self.division, stream.path, now=now)
                    restart(session, self.division, stream, now=now)
                    cursor = cursors.read(session, self.division, stream.path)
                unread_at = self.rows.store(session, stream, page.rows)
                if held_at is None and unread_at is not None:
                    held_at = max(highest, unread_at - 1)  # not past a row that could not be read
                highest = read_to if held_at is None else held_at
                caught_up = page.next_url is None
                if caught_up:
                    self._end(session, stream, cursor, now)
                cursors.move(session, self.division, stream.path, timestamp=highest, caught_up=caught_up, now=now)
            self.lease.take(now)
            self.progress(stream.name, rows_read)
        if anchor is not None and not seen_anchor:
            self._missed.append((stream, *anchor))

    def _newest(self, stream: Stream) -> tuple[str, int] | None:
        tables = TABLES[stream.path]
        if not tables:
            return None
        with self.database.reading() as session:
            return newest(session, tables[0], self.division)

    def _end(self, session: Session, stream: Stream, cursor: Cursor, now: datetime) -> None:
        """Once a stream was read to its end: forget what is no more."""
        if cursor.comparing:
            self._compare(session, stream, cursor, now)
        elif stream is records.SALES_INVOICES:
            sales_invoices.forget_old_lines(session, self.division, since=cursor.complete_to)

    def _compare(self, session: Session, stream: Stream, cursor: Cursor, now: datetime) -> None:
        """Forget what a whole reading did not see again, unless that is too much to believe."""
        tables = TABLES[stream.path]
        unseen = count_unseen(session, tables[0], self.division) if tables else 0
        is_much = unseen >= cursor.held > 0 or (unseen > FEW and unseen * 2 > cursor.held)
        is_doubtful = is_much or self.rows.has_nameless(stream)
        kept = unseen if is_doubtful and not self.accept_fewer else 0
        if not kept:
            self.rows.forget_unseen(session, stream)
        cursors.end_comparison(session, self.division, stream.path, kept=kept, now=now)

    # The slow way

    def _read_plain(self, stream: Stream, cursor: Cursor, refusal: ConnectorError | None) -> None:
        """Read the plain endpoint; a refusal of the sync endpoint is remembered once that works."""
        if refusal is not None:
            log.warning("sync.refused", division=self.division, stream=stream.path, error=refusal.message)
        try:
            if stream.plain is None:
                self._remember(stream, refusal)
            elif stream is records.ATTACHMENTS:
                self._read_attachments(stream, stream.plain, cursor, refusal)
            else:
                self._read_modified(stream, stream.plain, cursor, refusal)
        except (RightsMissing, ExactRejected) as error:
            if stream.plain is None or not refuses_endpoint(error):
                raise
            reason = error.reason if isinstance(error, RightsMissing) else ""
            message = f"Exact gives {stream.name} neither at {stream.path} nor at {stream.plain.path}: {error.message}"
            raise protocol.rights_missing(message, reason, stream.plain.path) from error

    def _remember(self, stream: Stream, refusal: ConnectorError | None) -> None:
        with self.database.transaction() as session:
            self._note_refusal(session, stream, refusal)

    def _note_refusal(self, session: Session, stream: Stream, refusal: ConnectorError | None) -> None:
        if refusal is not None:
            cursors.refuse(session, self.division, stream.path, now=self.clock())

    def _read_modified(self, stream: Stream, plain: Endpoint, cursor: Cursor, refusal: ConnectorError | None) -> None:
        """Read what was modified since the last time, in that order, so that a broken-off reading can go on."""
        since = cursor.modified_at
        if since is None and cursor.caught_up:
            since = cursor.at  # by our clock; the overlap covers a difference
        filter = protocol.modified_since(since)
        last, reached, version, rows_read = since, since, cursor.timestamp, 0
        first: datetime | None = None
        in_order, all_read = True, True
        before: list[datetime] = []
        for page in self.client.pages(plain.path, select=plain.fields, filter=filter, orderby="Modified"):
            version += 1
            rows = self._with_lines(page.rows, cursor) if stream is records.SALES_INVOICES else page.rows
            times = [time for time in map(_modified, page.rows) if time is not None]
            in_order = in_order and all(one <= other for one, other in pairwise([*before, *times]))
            before = [*before, *times][-1:]
            last = max([*([last] if last else []), *times], default=None)
            first = min([*([first] if first else []), *times], default=None)
            rows_read += len(page.rows)
            now, caught_up = self.clock(), page.next_url is None
            with self.database.transaction() as session:
                self._note_refusal(session, stream, refusal)
                refusal = None
                unread_at = self.rows.store(session, stream, [{**row, "Timestamp": version} for row in rows])
                all_read = all_read and unread_at is None
                if all_read and (in_order or caught_up):
                    reached = last
                elif caught_up and reached is None:
                    reached = first  # without it the next reading would begin at our clock, past what could not be read
                if caught_up:
                    self._end(session, stream, cursor, now)
                cursors.move(
                    session,
                    self.division,
                    stream.path,
                    timestamp=version,
                    caught_up=caught_up,
                    now=now,
                    modified_at=reached,
                )
            self.lease.take(now)
            self.progress(stream.name, rows_read)

    def _with_lines(self, headers: Sequence[Row], cursor: Cursor) -> list[Row]:
        """Invoices with all their lines, so that none is ever stored half; without those that we have as they are."""
        ids = [key for row in headers if isinstance(key := row.get("InvoiceID"), str)]
        with self.database.reading() as session:
            known = {} if cursor.comparing else sales_invoices.modified_of(session, self.division, ids)
        changed = [row for row in headers if (time := _modified(row)) is None or known.get(row["InvoiceID"]) != time]
        wanted = [key for row in changed if isinstance(key := row.get("InvoiceID"), str)]
        lines = [
            line for some in _in_groups(wanted) for line in self._of(records.SALES_INVOICE_LINES, "InvoiceID", some)
        ]
        return SalesInvoiceRow.joined(changed, lines)

    def _read_attachments(
        self, stream: Stream, plain: Endpoint, cursor: Cursor, refusal: ConnectorError | None
    ) -> None:
        """List the files of the documents that matter and changed; what we know of others stays as it is."""
        with self.database.reading() as session:
            wanted = documents.unlisted(session, self.division, self.since)
        version, rows_read = cursor.timestamp, 0
        for some in [*_in_groups(wanted), ()]:
            rows = self._of(plain, "Document", some) if some else []
            version += 1
            rows_read += len(rows)
            now = self.clock()
            with self.database.transaction() as session:
                self._note_refusal(session, stream, refusal)
                refusal = None
                unread_at = self.rows.store(session, stream, [{**row, "Timestamp": version} for row in rows])
                if unread_at is None:
                    documents.mark_listed(session, self.division, some, now=now)
                if not some:
                    cursors.end_comparison(session, self.division, stream.path, kept=0, now=now)
                cursors.move(session, self.division, stream.path, timestamp=version, caught_up=not some, now=now)
            self.lease.take(now)
            self.progress(stream.name, rows_read)

    def _of(self, endpoint: Endpoint, owner: str, keys: Sequence[str]) -> list[Row]:
        """The rows that belong to these invoices or documents."""
        filter = " or ".join(f"{owner} eq {protocol.quote_guid(key)}" for key in keys)
        return list(self.client.read_all(endpoint.path, endpoint.fields, filter))

    # What is said

    def _report(self, stream: Stream) -> None:
        cursor, report = self._cursor(stream), self.report
        if cursor.refused_at is not None:
            instead = "read by date of change" if stream.plain else "compared as a whole once a week"
            report.notes.append(
                f"{stream.name}: Exact refuses {stream.path}, so they are {instead}; asked again once a day"
            )
        if cursor.kept:
            report.troubles.append(
                ExactDoubtful(
                    f"{stream.name}: Exact no longer shows {cursor.kept} rows that were there before; all are kept",
                    hint="They are read again by themselves. If they are gone for good: connector sync --accept-fewer",
                )
            )
        report.troubles += self.rows.unread(stream)


def restart(session: Session, division: Division, stream: Stream, *, now: datetime) -> None:
    """Let a stream begin at the start: see `cursors.restart`."""
    cursors.restart(session, division, stream.path, TABLES[stream.path], now=now)


def _modified(row: Row) -> datetime | None:
    """When a row was last changed; None when that cannot be read, which `store_rows` reports."""
    try:
        return parse_instant(row.get("Modified"))
    except ExactUnexpected:
        return None


def _in_groups(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start : start + ASKED_TOGETHER] for start in range(0, len(keys), ASKED_TOGETHER)]
