"""Keep a connection's tokens alive: one renewal at a time over threads, processes and hosts.

The lease is a row; whoever holds it calls Exact with no transaction open, commits the new pair, and only then does
anyone use it. Source of the rules: exact-online-api.md 1.4-1.6, design.md section 3.
"""

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import structlog
from sqlmodel import Session

from connector import texts
from connector.errors import AuthorizationLost, ConnectorError, ExactUnavailable, LossCause, Superseded
from connector.exact import protocol
from connector.exact.oauth import ExactOAuth
from connector.storage import connections, tokens
from connector.storage.connections import ConnectionId, ConnectionState
from connector.storage.database import Database
from connector.storage.fences import Fences
from connector.storage.vault import Vault
from connector.usecases.ownership import is_gone, new_owner

log = structlog.get_logger()

LEASE = timedelta(seconds=180)
"""Longer than a token call may take in total (120 s), so that a slow answer still finds its lease."""
STORE_WITHIN = timedelta(hours=1)
"""How long a new pair is held for a database that does not take it: there is no other copy."""
POLL_SECONDS = 0.25
RENEW_AFTER = timedelta(days=7)
"""A connection without use is renewed so often. Source: exact-online-api.md 1.6 [clients]."""
INTERRUPTS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""Everything that asks a process to end and lets it: a closed terminal sends SIGHUP."""
PAUSES = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""Between renewals that bring nothing, the last one from then on. Source: exact-online-api.md 1.6 [one: Chef]."""
LONGEST_FOR_A_PERSON = timedelta(hours=1)
"""When somebody has to put a setting right, and then waits for it to work."""
SHORT_PAUSE = timedelta(minutes=1)
"""When the token service is not to blame: it was not reached, or it says that the token we hold is good."""


class Trouble(StrEnum):
    """Why a renewal brought nothing, as it is stored."""

    TOO_EARLY = "too_early"
    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    """Also one that says nothing of the tokens: a fault of a gateway, an empty body."""
    CLIENT_REFUSED = "client_refused"
    REFUSED = "refused"


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
        fences: Fences,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._vault = vault
        self._oauth = oauth
        self._connection = connection
        self._fences = fences
        self._fenced = 1  # the first pair of a consent needs no fence: no older copy knows this chain
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
            if stored.state is not ConnectionState.ACTIVE and stored.cause is not None:
                raise _lost(stored.cause)
            if stored.pair is None:
                raise AuthorizationLost("the connection with Exact has no tokens", cause="", hint="connector connect")
            self._fence(stored.fence, stored.version)
            age = protocol.refresh_due(stored.pair.issued_at, stored.pair.expires_in, self._clock())
            usable = stored.pair.access_token != rejected
            if usable and age is protocol.TokenAge.FRESH:
                return stored.pair.access_token
            retry_at = _paused_until(stored, self._clock())
            if retry_at is not None:
                if usable and (age is protocol.TokenAge.RENEW or stored.trouble == Trouble.TOO_EARLY):
                    return stored.pair.access_token
                raise _not_now(stored.trouble or "", retry_at)
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
        """Exchange the refresh token; the caller holds the lease. None: what is stored has changed, read it."""
        assert stored.pair is not None
        if self._fences.read(stored.fence) > stored.version:
            self._lose(LossCause.RESTORED, stored, owner)
            return None
        answer = self._oauth.refresh(stored.pair.refresh_token)
        if isinstance(answer, protocol.Granted):
            return self._keep_granted(answer, stored)
        if isinstance(answer, protocol.Dead) and (not answer.needs_repeat or stored.cause == answer.cause):
            self._lose(_cause(answer, stored), stored, owner)
            return None
        trouble, pause = what_follows(answer, stored.failed_renewals)
        retry_at = self._clock() + pause
        self._postpone(answer, trouble, retry_at, stored, owner)
        reason = answer.reason if isinstance(answer, protocol.Later) else trouble.value
        log.warning("token.kept", connection=self._connection, reason=reason, retry_at=retry_at.isoformat())
        age = protocol.refresh_due(stored.pair.issued_at, stored.pair.expires_in, self._clock())
        alive = trouble is Trouble.TOO_EARLY or age is not protocol.TokenAge.OLD
        if alive and stored.pair.access_token != rejected:
            return stored.pair.access_token
        raise _not_now(trouble, retry_at)

    def _keep_granted(self, answer: protocol.Granted, stored: tokens.StoredTokens) -> str | None:
        """Commit the new pair before anyone uses it; the lease goes with it."""
        pair = tokens.TokenPair(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            issued_at=self._clock(),
            expires_in=answer.expires_in,
        )
        try:
            self._commit(partial(self._store, pair, stored.version))
        except Superseded:
            return None  # somebody connected again during the call: what they hold counts
        log.info("token.renewed", connection=self._connection, version=stored.version + 1)
        self._fence(stored.fence, stored.version + 1)
        return pair.access_token

    def _fence(self, fence: str, version: int) -> None:
        """Write down beside the key file which pair is stored. Only afterwards: a fence is never ahead by a crash."""
        if version <= self._fenced:
            return
        try:
            self._fences.raise_to(fence, version)
        except OSError as error:  # `doctor` says so; the tokens are safe all the same
            log.warning("token.not_fenced", connection=self._connection, error=type(error).__name__)
        self._fenced = version

    def _store(self, pair: tokens.TokenPair, version: int, session: Session) -> int:
        return tokens.store_pair(session, self._vault, self._connection, version=version, pair=pair, now=self._clock())

    def _postpone(
        self,
        answer: protocol.StillValid | protocol.Later | protocol.Dead,
        trouble: Trouble,
        until: datetime,
        stored: tokens.StoredTokens,
        owner: str,
    ) -> None:
        """Commit that this renewal brought nothing, so that every process keeps to the pause."""
        assert stored.pair is not None
        brought = "" if isinstance(answer, protocol.Dead) else answer.refresh_token
        # a refusal may bring a new refresh token all the same [one: picqer#559]
        pair = replace(stored.pair, refresh_token=brought) if brought else None
        unanswered = isinstance(answer, protocol.Later) and answer.lost and pair is None

        def write(session: Session) -> None:
            version = self._store(pair, stored.version, session) if pair else stored.version
            tokens.postpone(
                session,
                self._connection,
                owner=owner,
                version=version,
                until=until,
                failed_renewals=stored.failed_renewals + (trouble is not Trouble.UNREACHABLE),
                trouble=trouble,
                cause=answer.cause if isinstance(answer, protocol.Dead) else stored.cause,
                renewal_begun_at=self._clock() if unanswered else None if pair else stored.renewal_begun_at,
            )

        with suppress(Superseded):
            self._commit(write)

    def _lose(self, cause: str, stored: tokens.StoredTokens, owner: str) -> None:
        """Say that only a new consent helps; nothing happens when what is dead is no longer what is stored."""
        done: list[bool] = []

        def write(session: Session) -> None:
            version = stored.version
            done.append(
                tokens.mark_lost(session, self._connection, cause, version=version, owner=owner, now=self._clock())
            )

        self._commit(write)
        if done[-1]:
            log.error("token.lost", connection=self._connection, cause=cause)
            raise _lost(cause)

    def _commit(self, write: Callable[[Session], object]) -> None:
        """Write what Exact answered, which it says once: a database that is busy or full is tried again.

        Raises:
            Superseded: Somebody connected again meanwhile.
        """
        deadline = self._clock() + STORE_WITHIN
        told = False
        while True:
            try:
                with self._database.transaction() as session:
                    write(session)
                return
            except Superseded:
                raise
            except ConnectorError as error:
                if not told:
                    log.error("token.not_stored_yet", connection=self._connection, error=type(error).__name__)
                told = True
                if self._clock() >= deadline:
                    raise
            try:
                self._sleep(POLL_SECONDS)
            except ConnectorError:  # asked to stop: not before the pair is stored
                time.sleep(POLL_SECONDS)


def renew_idle(
    database: Database,
    keeper_of: Callable[[ConnectionId], TokenKeeper],
    *,
    base_url: str,
    client_id: str,
    now: datetime,
) -> list[ConnectorError]:
    """Renew every connection of this app that nobody has used for a week; Exact ends them after 30 days.

    Returns:
        What kept some of them from it; the others are renewed all the same.
    """
    with database.reading() as session:
        known = connections.all(session)
    errors: list[ConnectorError] = []
    for connection in known:
        ours = (connection.base_url, connection.client_id) == (base_url, client_id)
        if not ours or connection.state is not ConnectionState.ACTIVE:
            continue
        if connection.refresh_issued_at is None or now - connection.refresh_issued_at < RENEW_AFTER:
            continue
        try:
            keeper_of(connection.id)()
        except ConnectorError as error:
            errors.append(error)
    return errors


def what_follows(
    answer: protocol.StillValid | protocol.Later | protocol.Dead, failed_renewals: int
) -> tuple[Trouble, timedelta]:
    """Say why a renewal brought nothing and how long nobody tries again; pure.

    Args:
        failed_renewals: How many failed before this one, in a row.

    >>> [what_follows(protocol.Later(reason="status_500", lost=True), failed)[1] // SHORT_PAUSE for failed in range(6)]
    [5, 15, 60, 360, 1440, 1440]
    """
    if isinstance(answer, protocol.Later) and not answer.asked:
        return Trouble.UNREACHABLE, SHORT_PAUSE
    if isinstance(answer, protocol.StillValid):
        return Trouble.TOO_EARLY, (SHORT_PAUSE, *PAUSES)[min(failed_renewals, len(PAUSES))]
    if isinstance(answer, protocol.Later) and answer.reason == protocol.CLIENT_REFUSED:
        return Trouble.CLIENT_REFUSED, min(PAUSES[min(failed_renewals, len(PAUSES) - 1)], LONGEST_FOR_A_PERSON)
    pause = PAUSES[min(failed_renewals, len(PAUSES) - 1)]
    lost = isinstance(answer, protocol.Later) and answer.lost
    return Trouble.NO_ANSWER if lost else Trouble.REFUSED, pause


def _paused_until(stored: tokens.StoredTokens, now: datetime) -> datetime | None:
    """Until when nobody asks; None when somebody may. A longer pause than ours was set by a clock that ran ahead."""
    if stored.retry_at is None or not timedelta(0) < stored.retry_at - now <= PAUSES[-1]:
        return None
    return stored.retry_at


def _cause(answer: protocol.Dead, stored: tokens.StoredTokens) -> str:
    """The cause of a loss. An old token after a renewal that nobody saw the answer to: that was the answer."""
    if answer.cause == LossCause.OLD_REFRESH_TOKEN and stored.renewal_begun_at is not None:
        return LossCause.LOST_IN_FLIGHT
    return answer.cause


def _lost(cause: str) -> AuthorizationLost:
    hint = texts.loss_remedy(cause, "en")
    return AuthorizationLost(f"the connection with Exact is lost ({cause})", cause=cause, hint=hint)


def _not_now(trouble: str, retry_at: datetime) -> NoTokenNow:
    return NoTokenNow(
        f"Exact gives no new access token at the moment ({trouble})",
        hint="Nothing is lost.",
        retry_at=retry_at,
    )


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
