"""Values learnt from a division rather than configured, such as the attachment type set by hand.

What wins over them is `composition`'s affair.
"""

from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from connector.storage.tables import LearnedRow, insert_into, table_of

LEARNED = table_of(LearnedRow)
ATTACHMENT_TYPE = "attachment_type"
"""The name of what `setup learn` learnt."""


def read(session: Session, division: int, name: str) -> Any:
    """A learnt value; None when nothing was learnt."""
    statement = select(LEARNED.c.value).where(LEARNED.c.division == division, LEARNED.c.name == name)
    return session.connection().execute(statement).scalar_one_or_none()


def save(session: Session, division: int, name: str, value: Any) -> None:
    """Keep a learnt value: what JSON can hold, not None."""
    statement = insert_into(session, LEARNED).values(division=division, name=name, value=value)
    session.connection().execute(
        statement.on_conflict_do_update(index_elements=["division", "name"], set_={"value": statement.excluded.value})
    )
