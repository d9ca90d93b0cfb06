"""Connections: log-ins at Exact. Their tokens are `tokens`' affair, their administrations `divisions`'."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from sqlalchemy import case, delete, select
from sqlmodel import Session

from connector.storage.tables import ConnectionRow, columns_for, insert_into, storable, table_of

ConnectionId = NewType("ConnectionId", int)

CONNECTIONS = table_of(ConnectionRow)
REFRESH_TOKEN_DAYS = 30
"""A refresh token lives 30 days from its issue. Source: exact-online-api.md 1.4 [docs; clients]."""


class ConnectionState(StrEnum):
    """Whether it works by itself, or waits for somebody to connect again."""

    ACTIVE = "active"
    NEEDS_PERSON = "needs_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A log-in and an app at one host of Exact's, without its tokens."""

    id: ConnectionId
    base_url: str
    client_id: str
    user_id: str
    user_name: str
    version: int
    """Fencing number: how often tokens were stored."""
    state: ConnectionState
    state_since: datetime
    cause: str | None
    """A fixed word: why it waits for somebody, or what the last renewal was suspected of."""
    token_issued_at: datetime | None
    token_expires_at: datetime | None
    refresh_issued_at: datetime | None
    retry_at: datetime | None
    """No renewal is asked for before it; None: when one is due."""
    trouble: str | None
    """A fixed word: why the last renewal brought nothing."""
    fence: str
    """Names the chain of tokens of its last consent beside the key file (`fences`); no other chain ever has it."""
    created_at: datetime


COLUMNS = columns_for(CONNECTIONS, Connection)


def add_or_find(
    session: Session, *, base_url: str, client_id: str, user_id: str, user_name: str, now: datetime
) -> Connection:
    """The connection of this user through this app at this host; made or renamed when need be."""
    key = {"base_url": base_url, "client_id": client_id, "user_id": user_id}
    statement = insert_into(session, CONNECTIONS).values(
        **key,
        user_name=storable(user_name),
        version=0,
        failed_renewals=0,
        fence="",
        state=ConnectionState.ACTIVE.value,
        state_since=now,
        created_at=now,
    )
    found = statement.on_conflict_do_update(
        index_elements=list(key), set_={"user_name": statement.excluded.user_name}
    ).returning(*COLUMNS)
    return _read(session.connection().execute(found).one()._asdict())


def get(session: Session, connection_id: ConnectionId) -> Connection | None:
    """One connection."""
    row = session.connection().execute(select(*COLUMNS).where(CONNECTIONS.c.id == connection_id)).one_or_none()
    return None if row is None else _read(row._asdict())


def all(session: Session) -> tuple[Connection, ...]:
    """Every connection, oldest first."""
    rows = session.connection().execute(select(*COLUMNS).order_by(CONNECTIONS.c.id))
    return tuple(_read(row._asdict()) for row in rows)


def days_left(connection: Connection, now: datetime) -> int:
    """Whole days that a log-in still lasts without use; 0 when it ran out or never had tokens."""
    issued = connection.refresh_issued_at
    return max(REFRESH_TOKEN_DAYS - (now - issued).days, 0) if issued else 0


def holds_tokens(session: Session) -> bool:
    """Whether any connection has sealed tokens, which only the key they were sealed with opens."""
    sealed = select(CONNECTIONS.c.id).where(CONNECTIONS.c.sealed_tokens.is_not(None)).limit(1)
    return session.connection().execute(sealed).one_or_none() is not None


def state_values(state: ConnectionState, now: datetime) -> dict[str, Any]:
    """What an update sets to bring a connection into a state: since when changes only when the state does."""
    c = CONNECTIONS.c
    return {"state": state.value, "state_since": case((c.state == state.value, c.state_since), else_=now)}


def remove(session: Session, connection_id: ConnectionId) -> None:
    """Forget it with its tokens. Its divisions have to be unpinned first."""
    session.connection().execute(delete(CONNECTIONS).where(CONNECTIONS.c.id == connection_id))


def _read(row: dict[str, object]) -> Connection:
    return Connection(**{**row, "state": ConnectionState(str(row["state"]))})  # type: ignore[arg-type]  # as stored
