"""Tokens are renewed by one at a time, stored before they are used, and believed dead only when they are."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event

from connector.errors import AuthorizationLost, Busy, ExactUnavailable
from connector.exact.client import ExactClient
from connector.exact.oauth import ExactOAuth, token_http_client
from connector.exact.protocol import TokenAnswer
from connector.exact_sandbox.http import Answer, Request
from connector.scheduler import Stopping
from connector.storage import connections, tokens
from connector.storage.connections import Connection, ConnectionId, ConnectionState
from connector.storage.tokens import StoredTokens
from connector.usecases import ownership
from connector.usecases.keep_token import TokenKeeper

from .office import Killed, Office, OpenOffice

LIFE = 40
"""Seconds that the sandbox's access tokens live; it refuses to renew in the first 10."""
FAULT = Answer(
    status=500,
    body=b'{"fault":{"faultstring":"Failed to execute the ExtractVariables: ExtractAccessToken",'
    b'"detail":{"errorcode":"steps.extractvariables.ExecutionFailed"}}}',
)
"""As of Exact's gateway at night (exact-online-api.md 1.5)."""
TOKEN_CALL = (None, "POST", "oauth2/token")


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """A connected office whose tokens live 40 s, with the calls so far forgotten."""
    office = open_office(customers=1, invoices=0, token_life=LIFE)
    office.server.reset_calls()
    return office


@pytest.fixture
def connection(office: Office) -> ConnectionId:
    return read_connection(office).id


def read_connection(office: Office) -> Connection:
    with office.database.reading() as session:
        return connections.all(session)[0]


def stored(office: Office) -> StoredTokens:
    with office.database.reading() as session:
        return tokens.read(session, office.wiring.vault, read_connection(office).id)


def access_token(office: Office) -> str:
    pair = stored(office).pair
    assert pair is not None
    return pair.access_token


def token_calls(office: Office) -> int:
    return office.server.calls(*TOKEN_CALL)


def keeper(office: Office, connection: ConnectionId, oauth: ExactOAuth | None = None) -> TokenKeeper:
    """A keeper that really waits for others, but not for long at a time."""
    return TokenKeeper(
        office.database,
        office.wiring.vault,
        oauth or office.wiring.oauth,
        connection,
        fences=office.wiring.fences,
        clock=office.clock,
        sleep=lambda seconds: time.sleep(seconds / 10),
    )


def lease_to(office: Office, connection: ConnectionId, owner: str) -> None:
    """Let somebody else hold the lease for three minutes."""
    with office.database.transaction() as session:
        now = office.clock()
        version = read_connection(office).version
        until = now + timedelta(minutes=3)
        assert tokens.take_lease(session, connection, version=version, owner=owner, now=now, until=until)


def test_fresh_token_costs_no_call(office: Office, connection: ConnectionId) -> None:
    """A token that is good for a while is given out as it is."""
    office.clock.forward(seconds=LIFE - 26)

    given = keeper(office, connection)()

    assert given == access_token(office)
    assert token_calls(office) == 0


def test_renewed_in_the_last_25_seconds(office: Office, connection: ConnectionId) -> None:
    """From 25 s before its end a token is exchanged for a new one, and the stored version counts on."""
    before, version = access_token(office), stored(office).version
    office.clock.forward(seconds=LIFE - 24)

    given = keeper(office, connection)()

    assert given == access_token(office) != before
    assert stored(office).version == version + 1
    assert stored(office).lease_by is None


@pytest.mark.parametrize("age", [LIFE - 20, LIFE + 20])
def test_eight_threads_renew_once(office: Office, connection: ConnectionId, age: int) -> None:
    """Eight at once cost one token call; each gets a token that Exact takes, whether the old one still lives or not."""
    office.clock.forward(seconds=age)
    given: list[str] = []
    start = threading.Barrier(8)

    def work() -> None:
        own = keeper(office, connection)
        start.wait()
        given.append(own())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert token_calls(office) == 1
    assert len(given) == 8
    assert all(office.server.state.office.divisions_of(token) for token in given)


def test_pair_is_committed_before_it_is_used(office: Office, connection: ConnectionId) -> None:
    """At the first request with a new token, that token is already in the database."""
    client = office.client
    office.clock.forward(seconds=LIFE + 1)
    seen: list[tuple[str, str]] = []

    def look(request: object) -> None:
        header = request.headers["Authorization"]  # type: ignore[attr-defined]  # httpx.Request
        seen.append((header.removeprefix("Bearer "), access_token(office)))

    office.wiring.http.event_hooks["request"].append(look)
    client.me()

    assert [used == in_database for used, in_database in seen] == [True]
    assert token_calls(office) == 1


def age_pair(office: Office, *, seconds: int) -> None:
    """Let our pair look older than it is, as when our clock runs ahead of Exact's."""
    pair = stored(office).pair
    assert pair is not None
    early = dataclasses.replace(pair, issued_at=pair.issued_at - timedelta(seconds=seconds))
    with office.database.transaction() as session:
        tokens.accept_pair(session, office.wiring.vault, read_connection(office).id, pair=early, now=office.clock())


def test_refused_as_too_early_keeps_the_pair(open_office: OpenOffice) -> None:
    """When Exact says that the token has not expired yet, the pair we hold goes on being used."""
    office = open_office(customers=1, invoices=0, token_life=600)
    ours = keeper(office, read_connection(office).id)
    pair = stored(office).pair
    assert pair is not None
    age_pair(office, seconds=599)

    given = ours()

    assert given == pair.access_token
    assert office.server.refusals(400) == 1
    assert stored(office).state is ConnectionState.ACTIVE
    assert stored(office).lease_by is None


def break_chain(office: Office) -> None:
    """Let the refresh token that we hold be an old one, as after an answer that was lost."""
    chain = office.server.state.office.chains[-1]
    chain.used.append(chain.refresh_token)


def test_old_refresh_token_needs_a_person(office: Office, connection: ConnectionId) -> None:
    """The word that the refresh token was used before ends the connection at once, with exit code 3."""
    break_chain(office)
    office.clock.forward(seconds=LIFE + 1)

    with pytest.raises(AuthorizationLost) as lost:
        keeper(office, connection)()

    assert lost.value.cause == "old_refresh_token"
    assert lost.value.exit_code == 3
    assert stored(office).state is ConnectionState.NEEDS_PERSON


def test_no_call_after_the_connection_is_lost(office: Office, connection: ConnectionId) -> None:
    """Once a person is needed Exact is not asked again."""
    break_chain(office)
    office.clock.forward(seconds=LIFE + 1)
    with pytest.raises(AuthorizationLost):
        keeper(office, connection)()
    office.server.reset_calls()

    with pytest.raises(AuthorizationLost):
        keeper(office, connection)()

    assert token_calls(office) == 0


def test_invalid_grant_is_doubted_once(office: Office, connection: ConnectionId) -> None:
    """The first invalid_grant is taken for a hiccup: try again later, nothing is lost."""
    office.server.state.revoke_consent()
    office.clock.forward(seconds=LIFE + 1)

    with pytest.raises(ExactUnavailable):
        keeper(office, connection)()

    assert stored(office).state is ConnectionState.ACTIVE
    assert stored(office).lease_by is None


def test_invalid_grant_twice_is_believed(office: Office, connection: ConnectionId) -> None:
    """The second invalid_grant means that the consent is gone."""
    office.server.state.revoke_consent()
    office.clock.forward(seconds=LIFE + 1)
    with pytest.raises(ExactUnavailable):
        keeper(office, connection)()
    office.clock.forward(minutes=5)

    with pytest.raises(AuthorizationLost) as lost:
        keeper(office, connection)()

    assert lost.value.cause == "invalid_grant"


def test_doubted_token_is_used_to_its_end(office: Office, connection: ConnectionId) -> None:
    """While the old token still lives, a doubt is not put to the test: Exact is asked once only."""
    office.server.state.office.chains[-1].broken = True
    office.clock.forward(seconds=LIFE - 20)

    given = [keeper(office, connection)() for _ in range(3)]

    assert set(given) == {access_token(office)}
    assert token_calls(office) == 1
    assert stored(office).state is ConnectionState.ACTIVE


def test_client_does_not_press_a_doubt(office: Office) -> None:
    """One request of the client is one attempt at the token service: its own repeats do not confirm a hiccup."""
    client = office.client
    office.server.state.revoke_consent()
    office.clock.forward(seconds=LIFE + 1)

    with pytest.raises(ExactUnavailable):
        client.me()

    assert token_calls(office) == 1
    assert stored(office).state is ConnectionState.ACTIVE


def test_a_good_renewal_clears_the_doubt(office: Office, connection: ConnectionId) -> None:
    """invalid_grant, then a pair, then invalid_grant again: the doubt starts anew."""
    chain = office.server.state.office.chains[-1]
    chain.broken = True
    office.clock.forward(seconds=LIFE + 1)
    with pytest.raises(ExactUnavailable):
        keeper(office, connection)()
    chain.broken = False
    office.clock.forward(minutes=5)
    keeper(office, connection)()
    chain.broken = True
    office.clock.forward(seconds=LIFE + 1)

    with pytest.raises(ExactUnavailable):
        keeper(office, connection)()

    assert stored(office).state is ConnectionState.ACTIVE


def test_revoked_consent_stops_a_sync(open_office: OpenOffice) -> None:
    """After the user withdrew permission, two syncs are enough to know that a person is needed."""
    office = open_office()
    office.sync()
    office.server.state.revoke_consent()

    first = office.try_sync()
    office.clock.forward(minutes=5)
    second = office.try_sync()

    assert isinstance(first.error, ExactUnavailable)
    assert isinstance(second.error, AuthorizationLost)
    assert second.error.cause == "invalid_grant"


def test_lease_of_a_dead_process_is_taken_over(office: Office, connection: ConnectionId) -> None:
    """A process that died while renewing keeps nobody waiting."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ours = ownership.new_owner().split("/")
    lease_to(office, connection, "/".join([ours[0], str(dead.pid), "another", "1"]))
    office.clock.forward(seconds=LIFE + 1)
    begun = office.clock()

    given = keeper(office, connection)()

    assert given == access_token(office)
    assert office.clock() - begun < timedelta(seconds=1)


def test_killed_during_the_call_the_old_token_is_tried_again(office: Office, connection: ConnectionId) -> None:
    """A process that died before Exact heard of it costs nothing: the next one renews with the same token."""

    class Dying(ExactOAuth):
        def refresh(self, refresh_token: str) -> TokenAnswer:
            raise Killed

    dying = Dying(
        office.wiring.oauth._http, base_url=office.server.base_url, client_id="", client_secret="", redirect_uri=""
    )
    office.clock.forward(seconds=LIFE + 1)
    with pytest.raises(Killed):
        keeper(office, connection, dying)()
    office.clock.forward(minutes=3)

    given = keeper(office, connection)()

    assert given == access_token(office)


def test_used_up_by_a_dead_process_is_called_lost_in_flight(office: Office, connection: ConnectionId) -> None:
    """A process that died after Exact had answered took the new pair with it: that is what the loss is called."""

    def die() -> None:
        raise Killed

    office.clock.forward(seconds=LIFE + 1)
    with pytest.raises(Killed):
        keeper(office, connection, overtaken_by(office, die))()
    office.clock.forward(minutes=3)

    with pytest.raises(AuthorizationLost) as lost:
        keeper(office, connection)()

    assert lost.value.cause == "lost_in_flight"
    assert read_connection(office).cause == "lost_in_flight"


def test_refusal_after_a_lost_answer_is_lost_in_flight(office: Office, connection: ConnectionId) -> None:
    """When the answer was lost on the way and the token turns out to be used up, the one led to the other."""
    office.clock.forward(seconds=LIFE + 1)
    with token_answers(office, lambda answer: FAULT), pytest.raises(ExactUnavailable):
        keeper(office, connection)()
    office.clock.forward(minutes=5)

    with pytest.raises(AuthorizationLost) as lost:
        keeper(office, connection)()

    assert lost.value.cause == "lost_in_flight"


def test_refusal_clears_what_a_dead_process_left(office: Office, connection: ConnectionId) -> None:
    """Exact's own no proves that the pair was not used up: an old token later on was used by somebody else."""
    office.clock.forward(seconds=LIFE + 1)
    chain = office.server.state.office.chains[-1]
    chain.broken = True
    with pytest.raises(ExactUnavailable):
        keeper(office, connection)()
    break_chain(office)
    office.clock.forward(minutes=5)

    with pytest.raises(AuthorizationLost) as lost:
        keeper(office, connection)()

    assert lost.value.cause == "old_refresh_token"


def test_answer_that_outlives_its_lease_still_counts(office: Office, connection: ConnectionId) -> None:
    """When the machine slept through the lease and another process has taken over, the pair that came is kept."""

    def sleep() -> None:
        office.clock.forward(minutes=4)
        with pytest.raises(AuthorizationLost):
            keeper(office, connection)()

    office.clock.forward(seconds=LIFE + 1)

    given = keeper(office, connection, overtaken_by(office, sleep))()

    assert given == access_token(office)
    assert holds_the_newest(office)
    assert stored(office).state is ConnectionState.ACTIVE


def test_lease_of_a_living_process_is_respected(office: Office, connection: ConnectionId) -> None:
    """While another process renews, the old token is used as long as it lives."""
    living = "/".join([ownership.new_owner().split("/")[0], str(os.getppid()), "another", "1"])
    lease_to(office, connection, living)
    office.clock.forward(seconds=LIFE - 10)

    given = keeper(office, connection)()

    assert given == access_token(office)
    assert token_calls(office) == 0


def test_rejected_token_is_replaced(office: Office, connection: ConnectionId) -> None:
    """A token that Exact calls expired while it should live is exchanged, and the request succeeds."""
    chain = office.server.state.office.chains[-1]
    chain.access.clear()
    office.clock.forward(seconds=12)  # fresh to us, and Exact lets us renew

    me = office.client.me()

    assert me.full_name
    assert token_calls(office) == 1


def test_rejected_token_is_not_given_out_again(office: Office, connection: ConnectionId) -> None:
    """When a rejected token cannot be replaced now, that is said, and the token is not handed out once more."""
    rejected = access_token(office)
    office.server.state.office.chains[-1].access.clear()

    with pytest.raises(ExactUnavailable):
        keeper(office, connection)(rejected)  # Exact says: too early to renew


def test_consent_given_during_a_renewal_wins(office: Office, connection: ConnectionId) -> None:
    """A renewal that fails because somebody connected again meanwhile does not call the new connection lost."""

    def consent_again() -> None:
        break_chain(office)
        office.connect()

    office.clock.forward(seconds=LIFE + 1)

    given = keeper(office, connection, overtaken_by(office, consent_again, before=True))()

    assert given == access_token(office)
    assert stored(office).state is ConnectionState.ACTIVE


def test_client_goes_on_over_many_token_lives(office: Office) -> None:
    """A client that works for ten token lives renews once in each and never shows an expired token."""
    client: ExactClient = office.client

    for _ in range(10):
        office.clock.forward(seconds=LIFE)
        client.me()
        client.me()

    assert token_calls(office) == 10
    assert office.server.refusals(401) == 0


def overtaken_by(office: Office, happening: Callable[[], None], *, before: bool = False) -> ExactOAuth:
    """A token service at which something happens after Exact has answered, or before it is asked."""
    real = office.wiring.oauth

    class Overtaken(ExactOAuth):
        def refresh(self, refresh_token: str) -> TokenAnswer:
            if before:
                happening()
            answer = real.refresh(refresh_token)
            if not before:
                happening()
            return answer

    return Overtaken(real._http, base_url=office.server.base_url, client_id="", client_secret="", redirect_uri="")


@contextmanager
def token_answers(office: Office, change: Callable[[Answer], Answer], *, asked: bool = True) -> Iterator[None]:
    """Let every answer of the token endpoint be another one; with `asked=False` its work is not done either."""
    api = office.server._api
    real = api.answer

    def answer(request: Request) -> Answer:
        if request.path != "/api/oauth2/token":
            return real(request)
        if asked:
            return change(real(request))
        api.calls[TOKEN_CALL] += 1
        return change(Answer())

    api.answer = answer  # type: ignore[method-assign]  # the one way in, where faults are injected
    try:
        yield
    finally:
        del api.answer


def holds_the_newest(office: Office) -> bool:
    """Whether the refresh token in the database is the one that Exact will take next."""
    pair = stored(office).pair
    return pair is not None and pair.refresh_token == office.server.state.office.chains[-1].refresh_token


PAUSES = [5, 15, 60, 6 * 60, 24 * 60, 24 * 60]
"""Minutes from one attempt to the next (exact-online-api.md 1.6)."""


@pytest.mark.parametrize("answer", [FAULT, Answer(status=200, body=b"")], ids=["fault", "empty"])
def test_pauses_grow(office: Office, connection: ConnectionId, answer: Answer) -> None:
    """While the token service stumbles, attempts come after 5 and 15 minutes, 1, 6 and 24 hours, and none between."""
    begun, calls = office.clock() + timedelta(seconds=LIFE + 1), []
    with token_answers(office, lambda _: answer, asked=False):
        office.clock.forward(seconds=LIFE + 1)
        while len(calls) < len(PAUSES) + 1:
            before = token_calls(office)
            with pytest.raises(ExactUnavailable):
                keeper(office, connection)()
            if token_calls(office) > before:
                calls.append((office.clock() - begun) // timedelta(minutes=1))
            office.clock.forward(minutes=1)

    assert calls == list(itertools.accumulate(PAUSES, initial=0))
    assert stored(office).state is ConnectionState.ACTIVE


def test_an_hour_of_faults_is_survived(office: Office, connection: ConnectionId) -> None:
    """After an hour in which every token answer is a fault, of many processes that ask, the connection lives."""
    client = office.client
    with token_answers(office, lambda _: FAULT, asked=False):
        office.clock.forward(seconds=LIFE + 1)
        for _ in range(60):
            with pytest.raises(ExactUnavailable):
                client.me()
            with pytest.raises(ExactUnavailable):
                keeper(office, connection)()
            office.clock.forward(minutes=1)
    calls = token_calls(office)
    office.clock.forward(minutes=25)

    me = client.me()

    assert me.full_name
    assert calls == 3  # at 0, 5 and 20 minutes
    assert stored(office).failed_renewals == 0


def test_pause_of_a_clock_that_ran_ahead_ends(office: Office, connection: ConnectionId) -> None:
    """A pause that a wrong clock has put years ahead keeps nobody from renewing once the clock is right."""
    office.clock.forward(days=800)
    with token_answers(office, lambda _: FAULT, asked=False), pytest.raises(ExactUnavailable):
        keeper(office, connection)()
    office.clock.forward(days=-790)

    given = keeper(office, connection)()

    assert given == access_token(office)


def test_service_out_of_reach_is_tried_each_minute(office: Office, connection: ConnectionId) -> None:
    """What never reached Exact costs nothing there: a network that comes back is noticed within a minute."""
    office.clock.forward(seconds=LIFE + 1)
    nowhere = token_http_client("http://127.0.0.1:9")
    oauth = ExactOAuth(nowhere, base_url="http://127.0.0.1:9", client_id="", client_secret="", redirect_uri="")
    for _ in range(3):
        with pytest.raises(ExactUnavailable):
            keeper(office, connection, oauth)()
        office.clock.forward(minutes=1)
    nowhere.close()

    given = keeper(office, connection)()

    assert given == access_token(office)


def test_brought_refresh_token_is_kept(office: Office, connection: ConnectionId) -> None:
    """A refusal that brings a new refresh token is stored with its pause, and the next renewal uses it."""
    chain = office.server.state.office.chains[-1]

    def refuse(_: Answer) -> Answer:
        chain.used.append(chain.refresh_token)
        chain.refresh_token = "brought"
        body = b'{"error":"access_denied","error_description":"access_token not expired","refresh_token":"brought"}'
        return Answer(status=400, body=body)

    office.clock.forward(seconds=LIFE + 1)
    with token_answers(office, refuse, asked=False):
        keeper(office, connection)()
    paused = stored(office)
    office.clock.forward(minutes=1)

    given = keeper(office, connection)()

    assert paused.pair is not None
    assert (paused.pair.refresh_token, paused.trouble, paused.lease_by) == ("brought", "too_early", None)
    assert paused.retry_at is not None
    assert given == access_token(office)


def test_too_early_is_not_asked_again_at_once(open_office: OpenOffice) -> None:
    """Many requests with a token that Exact calls unexpired cost one token call a minute."""
    office = open_office(customers=1, invoices=0, token_life=600)
    ours = keeper(office, read_connection(office).id)
    age_pair(office, seconds=580)
    office.server.reset_calls()

    given = {ours() for _ in range(20)}

    assert given == {access_token(office)}
    assert token_calls(office) == 1


@pytest.mark.parametrize("times", [1, 3])
def test_interrupt_waits_for_the_renewal(office: Office, connection: ConnectionId, times: int) -> None:
    """Ctrl-C during the token call, pressed once or again and again, is heard only once the new pair is stored."""

    def press() -> None:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)  # the answer is still on its way

    office.clock.forward(seconds=LIFE + 1)

    with pytest.raises(KeyboardInterrupt):
        keeper(office, connection, overtaken_by(office, press))()

    assert token_calls(office) == 1
    assert holds_the_newest(office)
    assert stored(office).lease_by is None


def test_locked_database_does_not_lose_the_pair(office: Office, connection: ConnectionId) -> None:
    """A database that somebody else writes to when the answer comes is tried again until it takes the new pair."""
    event.listen(office.database.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=1"))
    office.database.dispose()  # what is open already waits longer
    file = office.database.engine.url.database
    assert file is not None
    waits: list[float] = []
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        oauth = overtaken_by(office, lambda: other.execute("BEGIN IMMEDIATE"))
        ours = TokenKeeper(
            office.database,
            office.wiring.vault,
            oauth,
            connection,
            fences=office.wiring.fences,
            clock=office.clock,
            sleep=lambda seconds: (waits.append(seconds), other.rollback() if len(waits) == 3 else None)[0],
        )
        office.clock.forward(seconds=LIFE + 1)

        given = ours()

    assert len(waits) == 3
    assert given == access_token(office)
    assert holds_the_newest(office)
    assert token_calls(office) == 1


def test_pair_of_a_new_consent_is_not_overwritten(office: Office, connection: ConnectionId) -> None:
    """A pair that comes in after somebody connected again is dropped: the new consent has ended its chain."""
    oauth = overtaken_by(office, lambda: office.connect() and None)
    office.clock.forward(seconds=LIFE + 1)

    given = keeper(office, connection, oauth)()

    assert given == access_token(office)
    assert holds_the_newest(office)


def test_wrong_secret_loses_nothing(office: Office, connection: ConnectionId) -> None:
    """An app that Exact does not recognise is waited for, however often that is said; then the tokens work again."""
    right = office.server.state.office.client_secret
    office.server.state.office.client_secret = "changed"
    office.clock.forward(seconds=LIFE + 1)
    for _ in range(6):
        with pytest.raises(ExactUnavailable):
            keeper(office, connection)()
        office.clock.forward(hours=1)
    office.server.state.office.client_secret = right

    given = keeper(office, connection)()

    assert given == access_token(office)
    assert stored(office).state is ConnectionState.ACTIVE


def test_stop_does_not_throw_a_new_pair_away(
    office: Office, connection: ConnectionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is asked to stop while the database is busy stores the new pair before it ends."""
    real, refused = tokens.store_pair, []

    def store_pair(*args: object, **kwargs: object) -> int:
        if len(refused) < 2:
            refused.append(1)
            raise Busy("the database is busy")
        return real(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    def stopping(seconds: float) -> None:
        raise Stopping("stopped while waiting")

    monkeypatch.setattr(tokens, "store_pair", store_pair)
    ours = TokenKeeper(
        office.database, office.wiring.vault, office.wiring.oauth, connection,
        fences=office.wiring.fences, clock=office.clock, sleep=stopping,
    )  # fmt: skip
    office.clock.forward(seconds=LIFE + 1)

    given = ours()

    assert given == access_token(office)
