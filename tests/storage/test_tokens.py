"""Connections, their tokens, and the lease of who renews them."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy
from sqlmodel import Session

from connector.errors import Busy, MissingSecret, NothingFound
from connector.storage import connections, tokens
from connector.storage.connections import Connection, ConnectionId, ConnectionState
from connector.storage.database import Database
from connector.storage.tokens import TokenPair
from connector.storage.vault import Vault, new_key

from .conftest import NOON

PAIR = TokenPair(access_token="access-1", refresh_token="refresh-1", issued_at=NOON, expires_in=600)
LATER = NOON + timedelta(minutes=3)


def test_pair_comes_back_and_is_sealed(database: Database, vault: Vault, connection: Connection) -> None:
    """A pair comes back as stored, and neither token can be read in the database or a repr."""
    with database.transaction() as session:
        version = tokens.accept_pair(session, vault, connection.id, pair=PAIR, now=NOON)
        stored = tokens.read(session, vault, connection.id)
        raw = session.connection().execute(sqlalchemy.text("SELECT sealed_tokens FROM connection")).scalar_one()

    assert (version, stored.version, stored.pair) == (1, 1, PAIR)
    assert "refresh-1" not in raw + repr(PAIR)


def test_other_key_does_not_open_tokens(database: Database, vault: Vault, connection: Connection) -> None:
    """Tokens sealed with another key are a missing secret."""
    with database.transaction() as session:
        tokens.accept_pair(session, vault, connection.id, pair=PAIR, now=NOON)

        with pytest.raises(MissingSecret):
            tokens.read(session, Vault([new_key()]), connection.id)


def test_one_of_many_gets_the_lease(database: Database, connection: Connection) -> None:
    """Of eight threads that want to renew the same version at once, one may."""
    barrier, won = threading.Barrier(8), []

    def take(owner: str) -> None:
        barrier.wait()
        with database.transaction() as session:
            if tokens.take_lease(session, connection.id, version=0, owner=owner, now=NOON, until=LATER):
                won.append(owner)

    threads = [threading.Thread(target=take, args=(f"thread-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1


@pytest.mark.parametrize(
    ("version", "minutes", "taken"), [(0, 2, False), (0, 3, True), (1, 3, False)], ids=["held", "run out", "renewed"]
)
def test_lease_is_taken_only_when_free_and_seen(
    database: Database, connection: Connection, version: int, minutes: int, taken: bool
) -> None:
    """A lease passes on when it has run out, and only to who saw the newest pair."""
    with database.transaction() as session:
        tokens.take_lease(session, connection.id, version=0, owner="first", now=NOON, until=LATER)
        now = NOON + timedelta(minutes=minutes)

        got = tokens.take_lease(
            session, connection.id, version=version, owner="second", now=now, until=now + timedelta(minutes=3)
        )

    assert got is taken


def postpone(session: Session, connection: Connection, *, owner: str, cause: str | None = None) -> None:
    """Say that a renewal of the first version was refused, and may be tried again a minute later."""
    tokens.postpone(
        session,
        connection.id,
        owner=owner,
        version=0,
        until=LATER + timedelta(minutes=1),
        failed_renewals=1,
        trouble="refused",
        cause=cause,
        renewal_begun_at=None,
    )


def test_storing_releases_and_counts(database: Database, vault: Vault, connection: Connection) -> None:
    """A renewed pair raises the fencing number, frees the lease and clears what was suspected."""
    with database.transaction() as session:
        tokens.take_lease(session, connection.id, version=0, owner="us", now=NOON, until=LATER)
        postpone(session, connection, owner="us", cause="invalid_grant")
        tokens.take_lease(session, connection.id, version=0, owner="us", now=LATER, until=LATER + timedelta(minutes=3))

        tokens.store_pair(session, vault, connection.id, version=0, pair=PAIR, now=LATER)

        stored = tokens.read(session, vault, connection.id)
    assert stored == tokens.StoredTokens(
        pair=PAIR,
        version=1,
        lease_by=None,
        lease_until=None,
        state=ConnectionState.ACTIVE,
        cause=None,
        fence=connection.fence,
        renewal_begun_at=None,
        failed_renewals=0,
        retry_at=None,
        trouble=None,
    )


def test_pair_of_an_ended_chain_is_not_stored(database: Database, vault: Vault, connection: Connection) -> None:
    """Whose pair was overtaken by a new consent keeps nothing and is told."""
    with database.transaction() as session:
        tokens.take_lease(session, connection.id, version=0, owner="slow", now=NOON, until=LATER)
        tokens.accept_pair(session, vault, connection.id, pair=PAIR, now=NOON)

        with pytest.raises(Busy):
            tokens.store_pair(
                session, vault, connection.id, version=0, pair=replace(PAIR, access_token="stale"), now=NOON
            )

        assert tokens.read(session, vault, connection.id).pair == PAIR


def test_begun_renewal_is_known_until_it_ended(database: Database, connection: Connection, vault: Vault) -> None:
    """That a renewal was begun outlives its lease and the lease of the next one, until one ends with an answer."""
    begun = []
    with database.transaction() as session:
        tokens.take_lease(session, connection.id, version=0, owner="dead", now=NOON, until=LATER)
        begun.append(tokens.read(session, vault, connection.id).renewal_begun_at)
        tokens.release_lease(session, connection.id, owner="dead")
        begun.append(tokens.read(session, vault, connection.id).renewal_begun_at)
        tokens.take_lease(session, connection.id, version=0, owner="us", now=LATER, until=LATER + timedelta(minutes=3))
        begun.append(tokens.read(session, vault, connection.id).renewal_begun_at)

        postpone(session, connection, owner="us")

        begun.append(tokens.read(session, vault, connection.id).renewal_begun_at)
    assert begun == [NOON, NOON, NOON, None]


@pytest.mark.parametrize(("owner", "ended"), [("us", True), ("them", False)])
def test_only_the_owner_postpones(
    database: Database, vault: Vault, connection: Connection, owner: str, ended: bool
) -> None:
    """Who holds the lease says when to try again and gives it back; nobody else does."""
    with database.transaction() as session:
        tokens.take_lease(session, connection.id, version=0, owner="us", now=NOON, until=LATER)

        postpone(session, connection, owner=owner)

        stored = tokens.read(session, vault, connection.id)
    assert (stored.lease_by is None, stored.retry_at is not None) == (ended, ended)


@pytest.mark.parametrize(("version", "owner"), [(1, "us"), (0, "them")])
def test_only_who_holds_the_lease_calls_it_lost(
    database: Database, connection: Connection, version: int, owner: str
) -> None:
    """Neither of another pair than is stored, nor by another process, can a connection be called lost."""
    with database.transaction() as session:
        tokens.take_lease(session, connection.id, version=0, owner="us", now=NOON, until=LATER)

        told = tokens.mark_lost(session, connection.id, "revoked", version=version, owner=owner, now=LATER)

        kept = connections.get(session, connection.id)
    assert not told
    assert kept is not None
    assert kept.state is ConnectionState.ACTIVE


def test_lost_connection_waits_for_somebody_since_then(
    database: Database, vault: Vault, connection: Connection
) -> None:
    """A lost connection keeps its cause and since when; saying it twice does not move that; consent ends it."""
    with database.transaction() as session:
        for day in range(2):
            tokens.take_lease(session, connection.id, version=0, owner="us", now=NOON, until=LATER)
            at = LATER + timedelta(days=day)
            assert tokens.mark_lost(session, connection.id, "revoked", version=0, owner="us", now=at)
        lost = connections.get(session, connection.id)

        tokens.accept_pair(session, vault, connection.id, pair=PAIR, now=LATER + timedelta(days=2))

        again = connections.get(session, connection.id)
    assert lost is not None
    assert again is not None
    assert (lost.state, lost.cause, lost.state_since) == (ConnectionState.NEEDS_PERSON, "revoked", LATER)
    assert (again.state, again.cause, again.state_since) == (
        ConnectionState.ACTIVE,
        None,
        LATER + timedelta(days=2),
    )
    assert again.token_expires_at == NOON + timedelta(seconds=600)


def test_connecting_again_finds_the_same_connection(database: Database, connection: Connection) -> None:
    """The same user through the same app at the same host is one connection, with the newest name."""
    with database.transaction() as session:
        again = connections.add_or_find(
            session,
            base_url=connection.base_url,
            client_id=connection.client_id,
            user_id=connection.user_id,
            user_name="Kim V.",
            now=LATER,
        )

        assert again == replace(connection, user_name="Kim V.")
        assert connections.all(session) == (again,)


def test_removed_connection_has_no_tokens(database: Database, vault: Vault, connection: Connection) -> None:
    """Removing a connection takes its tokens with it."""
    with database.transaction() as session:
        tokens.accept_pair(session, vault, connection.id, pair=PAIR, now=NOON)

        connections.remove(session, connection.id)

        with pytest.raises(NothingFound):
            tokens.read(session, vault, ConnectionId(connection.id))
