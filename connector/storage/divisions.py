"""Divisions: the administrations an accountant chose, pinned by code, with what Exact says of them.

The log-in that works for them is `connections`' affair, how far they were read `cursors`'.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import select
from sqlalchemy import update as update_of
from sqlmodel import Session

from connector.customer import Division
from connector.errors import NothingFound
from connector.storage.connections import ConnectionId
from connector.storage.tables import DivisionRow, columns_for, insert_into, table_of

DIVISIONS = table_of(DivisionRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedDivision:
    """An administration as it was pinned and last read."""

    code: Division
    connection_id: ConnectionId | None
    """None once it is unpinned."""
    name: str
    kvk: str = ""
    vat_number: str = ""
    address_line: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""
    email: str = ""
    phone: str = ""
    currency: str = ""
    bank_iban: str = ""
    pinned_at: datetime
    start_date: date
    """Invoices dated before it are history."""
    move_date: str | None = None
    hr_link: str | None = None
    """As Exact writes them; a change of either means that all timestamps may have jumped back."""
    checked_at: datetime | None = None
    """When the division itself was last read."""
    reference_at: datetime | None = None
    """When its VAT codes were last read."""
    last_synced_at: datetime | None = None
    active: bool = True


class DivisionChanges(TypedDict, total=False):
    """What `update` can change."""

    name: str
    kvk: str
    vat_number: str
    address_line: str
    postcode: str
    city: str
    country: str
    email: str
    phone: str
    currency: str
    bank_iban: str
    start_date: date
    move_date: str | None
    hr_link: str | None
    checked_at: datetime | None
    reference_at: datetime | None
    last_synced_at: datetime | None


COLUMNS = columns_for(DIVISIONS, PinnedDivision)
KEPT_WHILE_PINNED = ("pinned_at", "start_date", "move_date", "hr_link", "reference_at", "last_synced_at")


def pin(session: Session, division: PinnedDivision) -> PinnedDivision:
    """Pin a division, or pin it again; returns what is stored.

    One that is still pinned keeps its dates and how far it was read. One that was unpinned starts anew: what
    was invoiced in between was dealt with in another way.
    """
    before = get(session, division.code)
    values = _values(division)
    if before is not None and before.active:
        values.update({name: getattr(before, name) for name in KEPT_WHILE_PINNED})
    statement = insert_into(session, DIVISIONS).values(values)
    changes = {name: statement.excluded[name] for name in values if name != "code"}
    stored = statement.on_conflict_do_update(index_elements=["code"], set_=changes).returning(*COLUMNS)
    return PinnedDivision(**session.connection().execute(stored).one()._asdict())


def get(session: Session, code: int) -> PinnedDivision | None:
    """One division, also when it is no longer pinned."""
    row = session.connection().execute(select(*COLUMNS).where(DIVISIONS.c.code == code)).one_or_none()
    return None if row is None else PinnedDivision(**row._asdict())


def require(session: Session, code: int) -> PinnedDivision:
    """One division, also when it is no longer pinned.

    Raises:
        NothingFound: It never was.
    """
    found = get(session, code)
    if found is None:
        raise NothingFound(f"division {code} is not connected", hint="connector connect")
    return found


def all(session: Session, *, active: bool | None = True) -> tuple[PinnedDivision, ...]:
    """The pinned divisions by code; with `active=None` also those that once were."""
    statement = select(*COLUMNS).order_by(DIVISIONS.c.code)
    if active is not None:
        statement = statement.where(DIVISIONS.c.active == active)
    return tuple(PinnedDivision(**row._asdict()) for row in session.connection().execute(statement))


def unpin(session: Session, code: int) -> None:
    """Stop working for a division; what was stored of it stays. After the last, its connection can go."""
    statement = update_of(DIVISIONS).where(DIVISIONS.c.code == code)
    session.connection().execute(statement.values(active=False, connection_id=None))


def update(session: Session, code: int, **changes: Unpack[DivisionChanges]) -> None:
    """Change what is known of a division.

    Raises:
        NothingFound: It was never pinned.
    """
    statement = update_of(DIVISIONS).where(DIVISIONS.c.code == code).values(**changes)
    if session.connection().execute(statement).rowcount != 1:
        raise NothingFound(f"division {code} is not connected", hint="connector connect")


def _values(division: PinnedDivision) -> dict[str, Any]:
    return {each.name: getattr(division, each.name) for each in fields(division)}
