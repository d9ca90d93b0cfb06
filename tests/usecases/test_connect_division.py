"""Consent counts once, pins what was chosen, and connecting again goes on where it was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.errors import AuthorizationDenied, NothingFound
from connector.exact.records import ACCOUNTS
from connector.storage import connections, cursors, customers
from connector.usecases.connect_division import disconnect_division, pin_divisions

from .office import DIVISION, TODAY, Office, OpenOffice

OTHER = DIVISION + 1


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """An office that is not connected yet, in front of a log-in with two divisions."""
    return open_office(connected=False, customers=3, invoices=0, divisions=2)


def connection_count(office: Office) -> int:
    with office.database.reading() as session:
        return len(connections.all(session))


def test_consent_pins_the_chosen_division(office: Office) -> None:
    """The chosen division is pinned with what Exact says of it, from today on."""
    office.connect(OTHER)

    pinned = office.wiring.pinned()
    assert [division.code for division in pinned] == [OTHER]
    assert pinned[0].name == office.world.division(OTHER).seller.name
    assert pinned[0].kvk == office.world.division(OTHER).seller.kvk
    assert pinned[0].start_date == TODAY


def test_consent_shows_all_granted_divisions(office: Office) -> None:
    """Before the choice every granted division is listed, by code."""
    consent = office.finish(*office.ask())

    assert [record.code for record in consent.divisions] == [DIVISION, OTHER]
    assert connection_count(office) == 1


def test_ungranted_division_is_refused(office: Office) -> None:
    """A division that was not granted cannot be pinned, nor any beside it."""
    consent = office.finish(*office.ask())

    with pytest.raises(NothingFound, match="999"):
        pin_divisions(office.database, consent, [DIVISION, 999], now=office.clock(), today=TODAY)

    with pytest.raises(NothingFound):
        office.wiring.pinned()


def test_state_counts_once(office: Office) -> None:
    """The same answer a second time is refused, before Exact is asked anything."""
    query, state = office.ask()
    office.finish(query, state)
    office.server.reset_calls()

    with pytest.raises(AuthorizationDenied, match="used before"):
        office.finish(query, state)

    assert office.server.calls_total == 0


def test_state_runs_out(office: Office) -> None:
    """An answer eleven minutes after the question is refused."""
    query, state = office.ask()
    office.clock.forward(minutes=11)

    with pytest.raises(AuthorizationDenied, match="ten minutes"):
        office.finish(query, state)


def test_answer_to_another_question_is_refused(office: Office) -> None:
    """The state in the redirect has to be the one of this browser."""
    query, _ = office.ask()
    _, other = office.ask()

    with pytest.raises(AuthorizationDenied, match="does not belong"):
        office.finish(query, other)

    assert connection_count(office) == 0


def test_unknown_state_is_refused(office: Office) -> None:
    """A state that we never gave out is refused even when question and answer agree on it."""
    query, _ = office.ask()

    with pytest.raises(AuthorizationDenied):
        office.finish({**query, "state": "made-up"}, "made-up")

    assert connection_count(office) == 0


def test_denied_consent(office: Office) -> None:
    """Who says no on Exact's page is told so, and nothing is stored."""
    _, state = office.ask()

    with pytest.raises(AuthorizationDenied, match="refused"):
        office.finish({"error": "access_denied", "state": state}, state)

    assert connection_count(office) == 0


def test_code_that_ran_out(office: Office) -> None:
    """A code older than its three minutes gives no connection."""
    query, state = office.ask()
    office.clock.forward(minutes=4)

    with pytest.raises(AuthorizationDenied, match="code"):
        office.finish(query, state)

    assert connection_count(office) == 0


def test_connecting_again_keeps_what_was_read(office: Office) -> None:
    """The same user connects again: same connection, same start date, and the streams go on where they were."""
    office.connect()
    office.sync()
    before = office.division
    with office.database.reading() as session:
        cursor = cursors.read(session, DIVISION, ACCOUNTS.path)
    office.clock.forward(days=40)

    office.connect()

    with office.database.reading() as session:
        assert cursors.read(session, DIVISION, ACCOUNTS.path) == cursor
    assert office.division.connection_id == before.connection_id
    assert office.division.start_date == before.start_date
    assert connection_count(office) == 1


def test_connecting_again_revives_a_lost_connection(office: Office) -> None:
    """After a person was needed, a new consent is all it takes."""
    office.connect()
    office.server.state.revoke_consent()
    assert office.try_sync().error is not None
    assert office.try_sync().error is not None

    office.connect()

    assert office.try_sync().error is None


def test_disconnecting_one_of_two_keeps_the_tokens(office: Office) -> None:
    """The connection stays while another division needs it."""
    office.connect(DIVISION, OTHER)

    tokens_gone = disconnect_division(office.database, DIVISION)

    assert not tokens_gone
    assert [division.code for division in office.wiring.pinned()] == [OTHER]
    assert connection_count(office) == 1


def test_disconnecting_the_last_removes_the_tokens(office: Office) -> None:
    """With the last division the connection and its tokens go; what was read stays."""
    office.connect()
    office.sync()

    tokens_gone = disconnect_division(office.database, DIVISION)

    assert tokens_gone
    assert connection_count(office) == 0
    with office.database.reading() as session:
        assert customers.count(session, office.world.divisions[0].code) == 3  # type: ignore[arg-type]  # a Division


def test_disconnecting_twice_is_an_error(office: Office) -> None:
    """What is not connected cannot be disconnected."""
    office.connect()
    disconnect_division(office.database, DIVISION)

    with pytest.raises(NothingFound):
        disconnect_division(office.database, DIVISION)


def test_a_division_that_comes_back_starts_anew(office: Office) -> None:
    """After a disconnect the start date is the day of the new connecting: what lay between was sent otherwise."""
    office.connect()
    disconnect_division(office.database, DIVISION)
    office.clock.forward(days=40)

    office.connect()

    assert office.division.start_date == TODAY + timedelta(days=40)
