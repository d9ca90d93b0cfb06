"""States of consents under way: kept as hashes, good for one use within ten minutes.

What follows a good answer is `connect_division`'s affair.
"""

from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete
from sqlmodel import Session

from connector.storage.tables import OAuthStateRow, table_of

LIFE = timedelta(minutes=10)

STATES = table_of(OAuthStateRow)


def add(session: Session, state: str, *, now: datetime) -> None:
    """Remember a state that was sent to Exact; those that ran out are forgotten."""
    connection = session.connection()
    connection.execute(delete(STATES).where(STATES.c.created_at <= now - LIFE))
    connection.execute(STATES.insert().values(state_hash=_hash(state), created_at=now))


def use(session: Session, state: str, *, now: datetime) -> bool:
    """Whether this state was ours and is used for the first time, not later than ten minutes after."""
    statement = delete(STATES).where(STATES.c.state_hash == _hash(state), STATES.c.created_at > now - LIFE)
    return session.connection().execute(statement).rowcount == 1


def _hash(state: str) -> str:
    return sha256(state.encode()).hexdigest()
