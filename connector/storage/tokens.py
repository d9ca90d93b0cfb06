"""Tokens of a connection: the sealed pair, its fencing number, and the lease of the one who renews it.

The order is the caller's (exact-online-api.md 1.6): take the lease, commit; call; store the pair, commit; use.
"""

import uuid
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlmodel import Session

from connector.errors import NothingFound, Superseded
from connector.storage.connections import CONNECTIONS, ConnectionId, ConnectionState, state_values
from connector.storage.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """An access token with the refresh token that came with it. Neither shows in its repr."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    issued_at: datetime
    expires_in: int
    """Seconds that the access token lives from `issued_at`, as Exact said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTokens:
    """What is known of a connection's tokens at one moment."""

    pair: TokenPair | None
    version: int
    lease_by: str | None
    lease_until: datetime | None
    state: ConnectionState
    cause: str | None
    """Why it is lost; while it is not: what the last refusal is suspected to mean."""
    fence: str
    renewal_begun_at: datetime | None
    """Since when a renewal of this pair is without an answer: Exact may have used it up."""
    failed_renewals: int
    """In a row, since the pair was stored."""
    retry_at: datetime | None
    """Nobody asks for a renewal before it."""
    trouble: str | None


NOTHING_UNDER_WAY: dict[str, Any] = {
    "lease_by": None, "lease_until": None, "renewal_begun_at": None, "failed_renewals": 0, "retry_at": None,
    "trouble": None,
}  # fmt: skip
STATE_OF_RENEWAL = (
    "version", "lease_by", "lease_until", "fence", "renewal_begun_at", "failed_renewals", "retry_at", "trouble",
)  # fmt: skip


def read(session: Session, vault: Vault, connection_id: ConnectionId) -> StoredTokens:
    """Read the pair and who holds the lease.

    Raises:
        NothingFound: No such connection.
        MissingSecret: The pair was sealed with another key.
    """
    c = CONNECTIONS.c
    names = (*STATE_OF_RENEWAL, "sealed_tokens", "state", "cause")
    row = session.connection().execute(select(*(c[name] for name in names)).where(c.id == connection_id)).one_or_none()
    if row is None:
        raise NothingFound(f"there is no connection {connection_id}", hint="connector connect")
    return StoredTokens(
        pair=None if row.sealed_tokens is None else _opened(vault, connection_id, row.sealed_tokens),
        state=ConnectionState(row.state),
        cause=row.cause,
        **{name: row._mapping[name] for name in STATE_OF_RENEWAL},
    )


def take_lease(
    session: Session, connection_id: ConnectionId, *, version: int, owner: str, now: datetime, until: datetime
) -> bool:
    """Become the one who renews, if nobody else is and the pair is still the one that was seen as `version`.

    That a renewal was begun stays known until a pair is stored, or `postpone` says how it ended: who dies in between
    leaves it behind.

    Args:
        owner: Names one attempt, not one process: two threads with one name would both believe it theirs.
    """
    c = CONNECTIONS.c
    statement = (
        update(CONNECTIONS)
        .where(c.id == connection_id, c.version == version, or_(c.lease_by.is_(None), c.lease_until <= now))
        .values(lease_by=owner, lease_until=until, renewal_begun_at=func.coalesce(c.renewal_begun_at, now))
    )
    return session.connection().execute(statement).rowcount == 1


def store_pair(
    session: Session,
    vault: Vault,
    connection_id: ConnectionId,
    *,
    version: int,
    pair: TokenPair,
    now: datetime,
) -> int:
    """Keep a renewed pair, whoever holds the lease now: a chain has one newest pair. Returns the new fencing number.

    Args:
        version: Of the pair that was exchanged for this one.

    Raises:
        Superseded: Somebody stored another pair meanwhile. Nothing was kept.
    """
    c = CONNECTIONS.c
    statement = (
        update(CONNECTIONS)
        .where(c.id == connection_id, c.version == version)
        .values(_pair_values(vault, connection_id, pair, now))
        .returning(c.version)
    )
    stored = session.connection().execute(statement).scalar_one_or_none()
    if stored is None:
        raise Superseded(f"connection {connection_id} was connected again meanwhile")
    return int(stored)


def accept_pair(session: Session, vault: Vault, connection_id: ConnectionId, *, pair: TokenPair, now: datetime) -> int:
    """Keep the first pair of a new consent, whatever was there; a renewal that is under way loses its lease.

    A new chain begins, with a fence of its own: also in a restored database.

    Returns the new fencing number.

    Raises:
        NothingFound: No such connection.
    """
    statement = (
        update(CONNECTIONS)
        .where(CONNECTIONS.c.id == connection_id)
        .values({**_pair_values(vault, connection_id, pair, now), "fence": uuid.uuid4().hex})
        .returning(CONNECTIONS.c.version)
    )
    stored = session.connection().execute(statement).scalar_one_or_none()
    if stored is None:
        raise NothingFound(f"there is no connection {connection_id}", hint="connector connect")
    return int(stored)


def release_lease(session: Session, connection_id: ConnectionId, *, owner: str) -> None:
    """Take the lease from a holder that died; nothing happens when it is no longer theirs."""
    c = CONNECTIONS.c
    statement = update(CONNECTIONS).where(c.id == connection_id, c.lease_by == owner)
    session.connection().execute(statement.values(lease_by=None, lease_until=None))


def postpone(
    session: Session,
    connection_id: ConnectionId,
    *,
    owner: str,
    version: int,
    until: datetime,
    failed_renewals: int,
    trouble: str,
    cause: str | None,
    renewal_begun_at: datetime | None,
) -> None:
    """Say that a renewal brought no pair and when the next one may be tried; gives the lease back.

    Nothing happens when another pair is stored by now, or another process has the lease.

    Args:
        trouble: Why, a fixed word.
        cause: What it is suspected to mean; the next pair clears it.
        renewal_begun_at: None when Exact has said no, so that the pair is certainly not used up.
    """
    c = CONNECTIONS.c
    ours = update(CONNECTIONS).where(
        c.id == connection_id, c.version == version, or_(c.lease_by == owner, c.lease_by.is_(None))
    )
    session.connection().execute(
        ours.values(
            lease_by=None,
            lease_until=None,
            retry_at=until,
            failed_renewals=failed_renewals,
            trouble=trouble,
            cause=cause,
            renewal_begun_at=renewal_begun_at,
        )
    )


def mark_lost(
    session: Session, connection_id: ConnectionId, cause: str, *, version: int, owner: str, now: datetime
) -> bool:
    """Say that only a new consent helps; `cause` is a fixed word. The old pair is kept as evidence.

    False, and nothing is changed: the lease is no longer ours, or somebody connected again meanwhile.
    """
    c = CONNECTIONS.c
    ours = update(CONNECTIONS).where(c.id == connection_id, c.version == version, c.lease_by == owner)
    values = {"cause": cause, **NOTHING_UNDER_WAY, **state_values(ConnectionState.NEEDS_PERSON, now)}
    return session.connection().execute(ours.values(values)).rowcount == 1


def _context(connection_id: ConnectionId) -> str:
    return f"connection:{connection_id}"


def _pair_values(vault: Vault, connection_id: ConnectionId, pair: TokenPair, now: datetime) -> dict[str, Any]:
    sealed = vault.seal(_context(connection_id), {**asdict(pair), "issued_at": pair.issued_at.isoformat()})
    return {
        "sealed_tokens": sealed,
        "version": CONNECTIONS.c.version + 1,
        **NOTHING_UNDER_WAY,
        "token_issued_at": pair.issued_at,
        "token_expires_at": pair.issued_at + timedelta(seconds=pair.expires_in),
        "refresh_issued_at": pair.issued_at,
        "cause": None,
        **state_values(ConnectionState.ACTIVE, now),
    }


def _opened(vault: Vault, connection_id: ConnectionId, sealed: str) -> TokenPair:
    values = vault.open(_context(connection_id), sealed)
    return TokenPair(**{**values, "issued_at": datetime.fromisoformat(values["issued_at"])})
