"""Budgets: what the last process knew of Exact's limits; what that means is `exact.protocol`'s affair."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from connector.storage.tables import BudgetRow, insert_into, table_of

BUDGETS = table_of(BudgetRow)


def read(session: Session, division: int) -> dict[str, Any] | None:
    """What was last stored; None at first. In a writing transaction nobody else changes it until that ends."""
    statement = select(BUDGETS.c.state).where(BUDGETS.c.division == division)
    connection = session.connection()
    if not connection.get_execution_options().get("read_only"):
        statement = statement.with_for_update()
    return connection.execute(statement).scalar_one_or_none()


def save(session: Session, division: int, state: Mapping[str, Any]) -> None:
    """Store the state, as JSON."""
    statement = insert_into(session, BUDGETS).values(division=division, state=dict(state))
    session.connection().execute(
        statement.on_conflict_do_update(index_elements=["division"], set_={"state": statement.excluded.state})
    )
