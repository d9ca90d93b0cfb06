"""Cursors: how far each of Exact's streams was read, and how. One moves in the transaction that stores its page.

A stream is read by row versions (`timestamp`), or, where Exact refuses that, by the time of the last change
(`modified_at`); then `timestamp` only counts pages, so that what was read later is newer. A reading that began at the
start compares: rows that it does not see are gone. What that means for rows is the callers' affair.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, select, update
from sqlmodel import Session

from connector.errors import Busy
from connector.storage.tables import CursorRow, columns_for, insert_into, table_of

CURSORS = table_of(CursorRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a stream stands."""

    division: int
    stream: str
    timestamp: int = 0
    """The highest row version read; while the stream is refused, a count of pages that goes on from there."""
    caught_up: bool = False
    """Whether the last reading came to the stream's end; not so while one is under way or was broken off."""
    complete_to: int = 0
    """The timestamp at which it last came to its end."""
    at: datetime | None = None
    """When it last moved; None for a stream that was never read."""
    comparing: bool = True
    """Whether the reading that is under way or comes next began at the start and will have seen every row."""
    held: int = 0
    """How many rows there were when that reading began."""
    kept: int = 0
    """How many rows the last whole reading missed, too many to believe that they are gone."""
    compared_at: datetime | None = None
    """When the last whole reading ended."""
    refused_at: datetime | None = None
    """When Exact last refused the sync endpoint; None: it does not."""
    modified_at: datetime | None = None
    """While refused: the highest Modified read; None: begin at the start."""


COLUMNS = columns_for(CURSORS, Cursor)


def read(session: Session, division: int, stream: str) -> Cursor:
    """Where a stream stands; at 0 when it was never read or starts anew."""
    statement = select(*COLUMNS).where(CURSORS.c.division == division, CURSORS.c.stream == stream)
    row = session.connection().execute(statement).one_or_none()
    return Cursor(division=division, stream=stream) if row is None else Cursor(**row._asdict())


def move(
    session: Session,
    division: int,
    stream: str,
    timestamp: int,
    *,
    caught_up: bool,
    now: datetime,
    modified_at: datetime | None = None,
) -> None:
    """Move on to a timestamp, or stay.

    Args:
        modified_at: Of a stream that is read by it; None leaves what is stored.

    Raises:
        Busy: The stored one is further: another process reads this stream too. Keep nothing of this page.
    """
    c = CURSORS.c
    statement = insert_into(session, CURSORS).values(
        division=division,
        stream=stream,
        timestamp=timestamp,
        caught_up=caught_up,
        complete_to=timestamp if caught_up else 0,
        at=now,
        modified_at=modified_at,
    )
    new = statement.excluded
    moved = statement.on_conflict_do_update(
        index_elements=["division", "stream"],
        set_={
            "timestamp": new.timestamp,
            "caught_up": new.caught_up,
            "complete_to": new.complete_to if caught_up else c.complete_to,
            "at": new.at,
            "modified_at": func.coalesce(new.modified_at, c.modified_at),
        },
        where=new.timestamp >= c.timestamp,
    ).returning(c.timestamp)
    if session.connection().execute(moved).one_or_none() is None:
        raise Busy(f"stream {stream} of division {division} was read further meanwhile")


def restart(session: Session, division: int, stream: str, tables: Sequence[Table], *, now: datetime) -> None:
    """Let a stream start from the beginning; what comes next overrules what is stored in its tables.

    The timestamps there turn negative, so that after a whole reading those that still are were not seen again.

    Args:
        tables: The one whose rows are counted first.
    """
    connection = session.connection()
    for table in tables:
        stamped = update(table).where(table.c.division == division, table.c.timestamp > 0)
        connection.execute(stamped.values(timestamp=-table.c.timestamp))
    held = 0
    if tables:
        unseen = select(func.count()).where(tables[0].c.division == division, tables[0].c.timestamp < 0)
        held = int(connection.execute(unseen).scalar_one())
    _set(
        session,
        division,
        stream,
        now,
        timestamp=0,
        caught_up=False,
        complete_to=0,
        comparing=True,
        held=held,
        modified_at=None,
    )


def end_comparison(session: Session, division: int, stream: str, *, kept: int, now: datetime) -> None:
    """Say that a whole reading came to its end, and how many rows it missed that stay all the same."""
    _set(session, division, stream, now, comparing=False, held=0, kept=kept, compared_at=now)


def refuse(session: Session, division: int, stream: str, *, now: datetime) -> None:
    """Say that Exact refuses the sync endpoint of a stream."""
    _set(session, division, stream, now, refused_at=now)


def accept(session: Session, division: int, stream: str, *, now: datetime) -> None:
    """Say that Exact does not refuse it any more."""
    _set(session, division, stream, now, refused_at=None)


def _set(session: Session, division: int, stream: str, now: datetime, **values: Any) -> None:
    """Change a cursor, one that was never stored too; when it last moved stays."""
    fresh: dict[str, Any] = {"timestamp": 0, "caught_up": False, "at": now}
    statement = insert_into(session, CURSORS).values(division=division, stream=stream, **(fresh | values))
    session.connection().execute(statement.on_conflict_do_update(index_elements=["division", "stream"], set_=values))
