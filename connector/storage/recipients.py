"""The rows of the directory that routing looks numbers up in.

What is a good row, and what a hit means, is `routing`'s affair.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session

from connector.routing.directory import Recipient
from connector.storage.tables import RecipientRow, columns_for, storable, table_of

RECIPIENTS = table_of(RecipientRow)
COLUMNS = columns_for(RECIPIENTS, Recipient)


def add(session: Session, recipient: Recipient, *, now: datetime) -> Recipient:
    """Add a recipient; returns it with its id. The id that it comes with does not count."""
    values = {each.name: getattr(recipient, each.name) for each in fields(recipient) if each.name != "id"}
    values = {name: storable(value) for name, value in values.items()}
    statement = RECIPIENTS.insert().values(**values, added_at=now).returning(*COLUMNS)
    return Recipient(**session.connection().execute(statement).one()._asdict())


def add_new(session: Session, found: Sequence[Recipient], *, now: datetime) -> int:
    """Add those that are not there yet, word for word; returns how many were added."""
    known = {replace(recipient, id=0) for recipient in all(session)}
    added = 0
    for recipient in found:
        if replace(recipient, id=0) not in known:
            known.add(replace(recipient, id=0))
            add(session, recipient, now=now)
            added += 1
    return added


def remove(session: Session, recipient_id: int) -> bool:
    """Take one out; False when it was not there."""
    statement = delete(RECIPIENTS).where(RECIPIENTS.c.id == recipient_id)
    return session.connection().execute(statement).rowcount == 1


def all(session: Session) -> tuple[Recipient, ...]:
    """Everybody in the directory, in the order of adding."""
    rows = session.connection().execute(select(*COLUMNS).order_by(RECIPIENTS.c.id))
    return tuple(Recipient(**row._asdict()) for row in rows)
