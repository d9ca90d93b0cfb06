"""One connection, many processes, and processes that die: no token is lost that could be kept.

The sandbox tells from its side what was used up and what was refused. Time passes by moving both sides' dates back, so
that nobody has to wait for it. SOAK_SEED repeats a run, SOAK_ROUNDS=10 makes ten times as many rounds.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event

import pytest

from connector.errors import AuthorizationLost
from connector.exact_sandbox import Mailbox, SandboxOptions, SandboxServer
from connector.exact_sandbox.http import Answer, Request
from connector.exact_sandbox.oauth import Chain
from connector.storage import connections, tokens
from connector.storage.tokens import StoredTokens

from .installation import PATIENCE_SECONDS, SPEED, Installation, running, wait_until
from .renewal import keeper_of, renew, sync

SOAK_ROUNDS = int(os.environ.get("SOAK_ROUNDS", "1"))
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1_000_000))
LIFE = 40
"""Seconds that an access token lives; it is renewed in the last 25 of them."""
FRESH_SECONDS = LIFE - 25
EXACTS_LIFE = 600
DIVISIONS = 8
PROCESSES = multiprocessing.get_context("forkserver")
"""Real processes that start in a moment, from one that has imported the program."""
PROCESSES.set_forkserver_preload(["connector.usecases.sync_division", "connector.composition"])
KILLS = 20 * SOAK_ROUNDS
LONGEST_SECONDS = 0.012
"""That the sandbox dawdles before and after it uses a token up, so that a kill meets each of these moments."""


@pytest.fixture
def exact() -> Iterator[SandboxServer]:
    """Eight divisions with few customers."""
    options = SandboxOptions(customers=2, invoices=0, divisions=DIVISIONS, speed=SPEED, token_life=LIFE)
    with SandboxServer(options) as server:
        yield server


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Chance, told on failure so that it can be repeated."""
    print(f"to repeat: SOAK_SEED={SEED} SOAK_ROUNDS={SOAK_ROUNDS} pytest '{request.node.nodeid}'")  # noqa: T201
    return random.Random(f"{SEED} {request.node.name}")


@dataclass(slots=True, kw_only=True)
class TokenOffice:
    """What happens around the token endpoint, and how long it takes."""

    server: SandboxServer
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    begun: Event = field(default_factory=Event)
    at_work: int = 0

    def answer(self, real: Callable[[Request], Answer], request: Request) -> Answer:
        if request.path != "/api/oauth2/token":
            return real(request)
        self.at_work += 1
        self.begun.set()
        try:
            self.before()
            answer = real(request)
            self.after()
            return answer
        finally:
            self.at_work -= 1

    def quiet(self) -> None:
        """Wait until every request that was sent has its answer."""
        time.sleep(0.03)
        wait_until(lambda: self.at_work == 0, what="the token endpoint")


@contextmanager
def watched(server: SandboxServer) -> Iterator[TokenOffice]:
    """Stand between the server and the sandbox's answers, where faults are injected."""
    api, office = server._api, TokenOffice(server=server)
    real = api.answer
    api.answer = lambda request: office.answer(real, request)  # type: ignore[method-assign]  # the one way in
    try:
        yield office
    finally:
        del api.answer


def chain_of(installation: Installation) -> Chain:
    return installation.server.state.office.chains[-1]


def stored(installation: Installation) -> StoredTokens:
    with installation.wiring() as wiring, wiring.database.reading() as session:
        return tokens.read(session, wiring.vault, connections.all(session)[0].id)


def is_whole(installation: Installation) -> bool:
    """Whether the refresh token in the database is the one that Exact takes next."""
    pair = stored(installation).pair
    return pair is not None and pair.refresh_token == chain_of(installation).refresh_token


def let_pass(installation: Installation, seconds: float) -> None:
    """Make the tokens older by so many seconds, here and at Exact's."""
    chain, by = chain_of(installation), timedelta(seconds=seconds)
    with installation.server.state.lock:
        chain.issued_at = (datetime.fromisoformat(chain.issued_at) - by).isoformat()
        chain.access = {
            token: (datetime.fromisoformat(until) - by).isoformat() for token, until in chain.access.items()
        }
    with installation.wiring() as wiring, wiring.database.transaction() as session:
        connection = connections.all(session)[0]
        pair = tokens.read(session, wiring.vault, connection.id).pair
        assert pair is not None
        older = replace(pair, issued_at=pair.issued_at - by)
        tokens.store_pair(
            session, wiring.vault, connection.id, version=connection.version, pair=older, now=wiring.clock()
        )


@pytest.mark.soak
def test_eight_processes_renew_once(connected: Installation, exact: SandboxServer, dice: random.Random) -> None:
    """Eight processes that sync eight divisions across the end of a token cost one renewal and not one refusal.

    A round that takes so long that the new token is about to end as well, on a busy machine, may cost one more.
    """
    codes = [division.code for division in exact.state.world.divisions]
    connected.sync()
    for number in range(2 * SOAK_ROUNDS):
        left = dice.choice([20, 4, 1, -5])  # seconds: may be renewed, is about to end, must be renewed, has ended
        let_pass(connected, LIFE - left - stored_age(connected))
        before = stored(connected).version
        exact.reset_calls()

        start = PROCESSES.Barrier(DIVISIONS)
        workers = [PROCESSES.Process(target=sync, args=(str(connected.folder), code, start)) for code in codes]
        for worker in workers:
            worker.start()
        begun = time.monotonic()
        for worker in workers:
            worker.join(PATIENCE_SECONDS)

        now = f"round {number}, {left} s left"
        renewals = exact.calls(None, "POST", "oauth2/token")
        assert [worker.exitcode for worker in workers] == [0] * DIVISIONS, now
        assert 1 <= renewals <= 1 + int((time.monotonic() - begun) // FRESH_SECONDS), now
        assert [exact.refusals(status) for status in (400, 401, 403)] == [0, 0, 0], now
        assert stored(connected).version == before + renewals, now
        assert is_whole(connected), now


def stored_age(installation: Installation) -> float:
    """Seconds since the stored pair was issued."""
    pair = stored(installation).pair
    assert pair is not None
    with installation.wiring() as wiring:
        return (wiring.clock() - pair.issued_at).total_seconds()


@pytest.mark.soak
def test_killed_around_a_renewal(connected: Installation, exact: SandboxServer, dice: random.Random) -> None:
    """Killed at any moment, a connection lives whenever the pair was stored or Exact had not used the old one up.

    Every other time the next start says `lost_in_flight`, and a new consent ends that.
    """
    outcomes = {True: 0, False: 0}
    with watched(exact) as office:
        for number in range(KILLS):
            let_pass(connected, LIFE + 1)
            delays = [dice.uniform(0, LONGEST_SECONDS) for _ in range(2)]
            office.before, office.after = (lambda seconds=seconds: time.sleep(seconds) for seconds in delays)
            office.begun.clear()

            process = PROCESSES.Process(target=renew, args=(str(connected.folder),))
            process.start()
            if number % 8:  # else at any moment from its start on
                wait_until(lambda p=process: office.begun.is_set() or not p.is_alive(), what="the renewal")
            time.sleep(dice.uniform(0, 3 * LONGEST_SECONDS))
            process.kill()
            process.join()
            process.close()
            office.quiet()

            lives = is_whole(connected)
            outcomes[lives] += 1
            with connected.wiring() as wiring:
                if lives:
                    assert exact.state.office.divisions_of(keeper_of(wiring)()) is not None, number
                    continue
                with pytest.raises(AuthorizationLost) as lost:
                    keeper_of(wiring)()
            assert lost.value.cause == stored(connected).cause == "lost_in_flight", number
            connected.connect()

    assert all(outcomes.values()), f"the kills missed the moments that matter: {outcomes}"


@pytest.mark.soak
def test_slow_answer_is_waited_for(connected: Installation, exact: SandboxServer) -> None:
    """An answer that comes 40 s after the old token was used up still brings the connection on.

    Chains died because clients gave up after 35 s (exact-online-api.md 1.6 [one: dotnet#152]).
    """
    exact.state.office.token_life = EXACTS_LIFE  # the new one has to live longer than its answer takes
    let_pass(connected, EXACTS_LIFE + 1)
    with watched(exact) as office:
        office.after = lambda: time.sleep(40)

        ended = connected.run("sync", "--division", str(exact.state.world.divisions[0].code))

    assert ended.code == 0, ended
    assert is_whole(connected)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_command_finishes_its_renewal(
    connected: Installation, exact: SandboxServer, number: signal.Signals
) -> None:
    """A command that is stopped while Exact's answer is on its way stores the new pair first, then ends."""
    let_pass(connected, LIFE + 1)
    with watched(exact) as office:
        used = Event()
        office.after = lambda: (used.set(), time.sleep(1))[1]
        with running("sync", folder=connected.folder) as process:
            wait_until(used.is_set, what="the renewal")
            process.send_signal(number)
            process.communicate(timeout=60)
        office.quiet()

    assert process.returncode != 0
    assert is_whole(connected)


def test_lost_in_flight_is_told_by_one_mail(connected: Installation, exact: SandboxServer, mailbox: Mailbox) -> None:
    """Killed while the new pair was on its way: the next pass ends with 3 and the word, and mails it once."""
    let_pass(connected, LIFE + 1)
    with watched(exact) as office:
        used = Event()
        office.after = lambda: (used.set(), time.sleep(1))[1]
        with running("sync", folder=connected.folder) as process:
            wait_until(used.is_set, what="the renewal")
            process.kill()
        office.quiet()

    first, second = (connected.run("run", "--once") for _ in range(2))

    assert (first.code, second.code) == (3, 3), first
    assert all("(lost_in_flight)" in error for error in first.errors)
    assert ["connector connect" in str(mail.message.get_content()) for mail in mailbox.messages()] == [True]
