"""Keep a connection's tokens alive: one renewal at a time over threads, processes and hosts.

The lease is a row; whoever holds it calls Exact with no transaction open, commits the new pair, and only then does
anyone use it. Source of the rules: exact-online-api.md 1.4-1.6, design.md section 3.
"""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from connector.errors import AuthorizationLost, ConnectorError, ExactUnavailable, Superseded
from connector.exact import protocol
from connector.exact.oauth import ExactOAuth
from connector.storage import tokens
from connector.storage.connections import ConnectionId, ConnectionState
from connector.storage.database import Database
from connector.storage.vault import Vault
from connector.usecases.ownership import is_gone, new_owner

log = structlog.get_logger()

LEASE = timedelta(seconds=180)
"""Longer than a token call may take in total (120 s), so that a slow answer still finds its lease."""
POLL_SECONDS = 0.25
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
CONNECT_AGAIN = "connect the division again: connector connect; its cursors and history stay"


class NoTokenNow(ExactUnavailable):
    """There is no usable token at the moment; a type of its own, so that the client does not ask again at once."""


class TokenKeeper:
    """Gives out access tokens of one connection; `__call__` is what `ExactClient` asks before each request."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        oauth: ExactOAuth,
        connection: ConnectionId,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._vault = vault
        self._oauth = oauth
        self._connection = connection
        self._clock = clock
        self._sleep = sleep

    def __call__(self, rejected: str | None = None) -> str:
        """An access token to use now.

        Args:
            rejected: A token that Exact has just called expired; it is not given out again.

        Raises:
            AuthorizationLost: A person has to connect again.
            ExactUnavailable: No valid token and no new one to be had at the moment.
        """
        deadline = self._clock() + LEASE
        while True:
            stored = self._read()
            if stored.pair is None or stored.state is not ConnectionState.ACTIVE:
                cause = stored.cause or "no_tokens"
                raise AuthorizationLost(f"the connection with Exact is lost ({cause})", cause=cause, hint=CONNECT_AGAIN)
            age = protocol.refresh_due(stored.pair.issued_at, stored.pair.expires_in, self._clock())
            usable = stored.pair.access_token != rejected
            doubted = stored.cause is not None  # asking again at once would only confirm a hiccup
            if usable and (age is protocol.TokenAge.FRESH or (age is protocol.TokenAge.RENEW and doubted)):
                return stored.pair.access_token
            owner = new_owner()
            if self._take_lease(stored, owner):
                renewed = _undisturbed(partial(self._renew, stored, owner, rejected))
                if renewed is not None:
                    return renewed
                continue
            if age is protocol.TokenAge.RENEW and usable:
                return stored.pair.access_token
            if self._clock() >= deadline:
                raise NoTokenNow(
                    "another process has been renewing the access token for too long", retry_at=self._clock() + LEASE
                )
            self._sleep(POLL_SECONDS)

    def _read(self) -> tokens.StoredTokens:
        with self._database.reading() as session:
            return tokens.read(session, self._vault, self._connection)

    def _take_lease(self, stored: tokens.StoredTokens, owner: str) -> bool:
        now = self._clock()
        with self._database.transaction() as session:
            if stored.lease_by is not None and is_gone(stored.lease_by):
                tokens.release_lease(session, self._connection, owner=stored.lease_by)
            return tokens.take_lease(
                session, self._connection, version=stored.version, owner=owner, now=now, until=now + LEASE
            )

    def _renew(self, stored: tokens.StoredTokens, owner: str, rejected: str | None) -> str | None:
        """Exchange the refresh token; the caller holds the lease. None: others stored a pair meanwhile, read it."""
        assert stored.pair is not None
        answer = self._oauth.refresh(stored.pair.refresh_token)
        if isinstance(answer, protocol.Granted):
            pair = tokens.TokenPair(
                access_token=answer.access_token,
                refresh_token=answer.refresh_token,
                issued_at=self._clock(),
                expires_in=answer.expires_in,
            )
            try:
                self._store(pair, stored, owner)
            except Superseded:
                return None  # somebody connected again during the call: what they hold counts
            log.info("token.renewed", connection=self._connection, version=stored.version + 1)
            return pair.access_token
        if isinstance(answer, protocol.Dead) and answer.needs_repeat and stored.cause != answer.cause:
            # false ones at night have healed on retry: dead only when the next attempt says the same
            with self._database.transaction() as session:
                tokens.suspect(session, self._connection, owner=owner, cause=answer.cause)
            answer = protocol.Later(reason=answer.cause)
        if isinstance(answer, protocol.Dead):
            with self._database.transaction() as session:
                current = tokens.read(session, self._vault, self._connection)
                if (current.version, current.lease_by) != (stored.version, owner):
                    return None  # what is dead is no longer what is stored
                tokens.mark_lost(session, self._connection, answer.cause, now=self._clock())
            log.error("token.lost", connection=self._connection, cause=answer.cause)
            raise AuthorizationLost(
                f"Exact no longer accepts the connection ({answer.cause})", cause=answer.cause, hint=CONNECT_AGAIN
            )
        if answer.refresh_token:
            # a refusal may bring a new refresh token all the same [one: picqer#559]
            self._store(replace(stored.pair, refresh_token=answer.refresh_token), stored, owner)
        with self._database.transaction() as session:
            tokens.release_lease(session, self._connection, owner=owner)
        reason = "too_early" if isinstance(answer, protocol.StillValid) else answer.reason
        log.warning("token.kept", connection=self._connection, reason=reason)
        age = protocol.refresh_due(stored.pair.issued_at, stored.pair.expires_in, self._clock())
        alive = isinstance(answer, protocol.StillValid) or age is not protocol.TokenAge.OLD
        if alive and stored.pair.access_token != rejected:
            return stored.pair.access_token
        raise NoTokenNow(
            f"Exact gives no new access token at the moment ({reason})",
            hint="nothing is lost; try again later",
            retry_at=self._clock() + timedelta(minutes=5),
        )

    def _store(self, pair: tokens.TokenPair, seen: tokens.StoredTokens, owner: str) -> None:
        """Commit a pair before anyone uses it; the lease goes with it.

        Exact knows the old pair no more, so a database that is busy or full is tried again until the lease ends.

        Raises:
            Superseded: Somebody connected again meanwhile.
        """
        deadline = self._clock() + LEASE
        while True:
            try:
                with self._database.transaction() as session:
                    tokens.store_pair(
                        session,
                        self._vault,
                        self._connection,
                        owner=owner,
                        version=seen.version,
                        pair=pair,
                        now=self._clock(),
                    )
                return
            except Superseded:
                raise
            except ConnectorError as error:
                log.warning("token.not_stored_yet", connection=self._connection, error=type(error).__name__)
                if self._clock() >= deadline:
                    raise
            self._sleep(POLL_SECONDS)


def _undisturbed(work: Callable[[], str | None]) -> str | None:
    """Let `work` come to its end though somebody presses Ctrl-C or stops the process: half a renewal loses all.

    Signals reach Python in the main thread only; there they are kept until the end, and then count.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    kept: list[int] = []
    handlers = {number: signal.signal(number, lambda came, _: kept.append(came)) for number in INTERRUPTS}
    try:
        return work()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        if kept:
            signal.raise_signal(kept[0])
