"""Cursors: how far each of Exact's streams was read. One moves in the transaction that stores its page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlmodel import Session

from connector.errors import Busy
from connector.storage.tables import CursorRow, Row, columns_for, insert_into, table_of

CURSORS = table_of(CursorRow)
STAMPED = tuple(
    table
    for name, table in Row.metadata.tables.items()
    if name != CURSORS.name and {"division", "timestamp"} <= set(table.c.keys())
)
"""The tables whose rows carry the timestamp of Exact's stream that they came in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The highest timestamp read of a stream."""

    division: int
    stream: str
    timestamp: int
    caught_up: bool
    """Whether the last reading came to the stream's end; not so while one is under way or was broken off."""
    at: datetime | None
    """When it last moved; None for a stream that was never read."""


COLUMNS = columns_for(CURSORS, Cursor)


def read(session: Session, division: int, stream: str) -> Cursor:
    """Where a stream stands; at 0 when it was never read or starts anew."""
    statement = select(*COLUMNS).where(CURSORS.c.division == division, CURSORS.c.stream == stream)
    row = session.connection().execute(statement).one_or_none()
    if row is None:
        return Cursor(division=division, stream=stream, timestamp=0, caught_up=False, at=None)
    return Cursor(**row._asdict())


def move(session: Session, division: int, stream: str, timestamp: int, *, caught_up: bool, now: datetime) -> None:
    """Move on to a timestamp, or stay.

    Raises:
        Busy: The stored one is further: another process reads this stream too. Keep nothing of this page.
    """
    statement = insert_into(session, CURSORS).values(
        division=division, stream=stream, timestamp=timestamp, caught_up=caught_up, at=now
    )
    new = statement.excluded
    moved = statement.on_conflict_do_update(
        index_elements=["division", "stream"],
        set_={"timestamp": new.timestamp, "caught_up": new.caught_up, "at": new.at},
        where=new.timestamp >= CURSORS.c.timestamp,
    ).returning(CURSORS.c.timestamp)
    if session.connection().execute(moved).one_or_none() is None:
        raise Busy(f"stream {stream} of division {division} was read further meanwhile")


def reset(session: Session, division: int) -> None:
    """Let all streams of a division start from the beginning; what comes next overrules what is stored.

    After a move of a division (`DivisionMoveDate`) all its timestamps are lower than before.
    """
    connection = session.connection()
    connection.execute(delete(CURSORS).where(CURSORS.c.division == division))
    for table in STAMPED:
        stamped = update(table).where(table.c.division == division, table.c.timestamp > 0)
        connection.execute(stamped.values(timestamp=-table.c.timestamp))
