"""Leases: things that only one process may do at a time, as rows that run out by themselves.

Names of holders, and whether one is gone, are `usecases.ownership`'s affair.
"""

from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlmodel import Session

from connector.storage.tables import LeaseRow, insert_into, table_of

LEASES = table_of(LeaseRow)


def take(session: Session, name: str, *, owner: str, now: datetime, until: datetime) -> bool:
    """Take a lease, or make one's own last longer; False while somebody else holds it."""
    statement = insert_into(session, LEASES).values(name=name, owner=owner, until=until)
    taken = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"owner": statement.excluded.owner, "until": statement.excluded.until},
        where=or_(LEASES.c.owner == owner, LEASES.c.until <= now),
    ).returning(LEASES.c.name)
    return session.connection().execute(taken).one_or_none() is not None


def release(session: Session, name: str, *, owner: str) -> None:
    """Give a lease back; nothing happens when it is somebody else's."""
    session.connection().execute(delete(LEASES).where(LEASES.c.name == name, LEASES.c.owner == owner))


def holder(session: Session, name: str) -> str | None:
    """Who took it last and did not give it back, whether it has run out or not."""
    return session.connection().execute(select(LEASES.c.owner).where(LEASES.c.name == name)).scalar_one_or_none()
