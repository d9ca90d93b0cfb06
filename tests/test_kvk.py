"""connector/kvk.py: questions to the KVK register over HTTP, and what each kind of answer becomes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from servers.register import KEY, Business, Register, fault, serving

from connector.customers.register import ProfileQuestion, Registration, SearchQuestion
from connector.errors import ConnectorError, InvalidSetting, RegisterUnavailable, RegisterUnexpected
from connector.identifiers import KvkNumber
from connector.kvk import MAX_ANSWER_BYTES, KvkClient, make_http_client

OURS = Business(number="20147376", name="Bakkerij Verzonnen B.V.", trade_names=("De Korst", "Banket & Co"))
NUMBER = ProfileQuestion(number=KvkNumber(OURS.number))
NAME = SearchQuestion(name="Bakkerij Verzonnen", postcode="1234AB")


@pytest.fixture
def register() -> Iterator[Register]:
    with serving(OURS) as running:
        yield running


class Asking:
    """A client with a clock that moves only when it sleeps."""

    def __init__(self, register: Register, key: str = KEY) -> None:
        self.now = datetime(2026, 11, 2, 12, tzinfo=UTC)
        self.slept: list[float] = []
        self.http = make_http_client(register.base_url, key, "test")
        self.client = KvkClient(self.http, base_url=register.base_url, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def asking(register: Register) -> Iterator[Asking]:
    asking = Asking(register)
    with asking.http:
        yield asking


def test_profile_is_read(asking: Asking) -> None:
    """A number gives statutory and trade names, each once, and the address."""
    found = asking.client.ask(NUMBER)

    assert found == (
        Registration(
            number=KvkNumber("20147376"),
            names=("Bakkerij Verzonnen B.V.", "De Korst", "Banket & Co"),
            postcodes=("1234AB",),
            streets=(("Dorpsstraat", "Ons Dorp"),),
        ),
    )


@pytest.mark.parametrize(("closed", "day"), [("20240229", date(2024, 2, 29)), ("20240000", None)])
def test_closed_business(register: Register, asking: Asking, closed: str, day: date | None) -> None:
    """An end date means closed, also one whose day and month the register does not know."""
    register.businesses = [Business(number=OURS.number, name="Weg", closed=closed)]

    found = asking.client.ask(NUMBER)[0]

    assert (found.is_closed, found.closed_on) == (True, day)


def test_closed_business_among_the_results(register: Register, asking: Asking) -> None:
    """A search that gives a business that is no longer active says so: its number is nothing to propose."""
    gone = Business(number="20147377", name="Bakkerij Verzonnen", closed="20240229")
    register.faults = [(200, json.dumps({"resultaten": [OURS.result(), gone.result()]}))]

    found = asking.client.ask(NAME)

    assert [(each.number, each.is_closed) for each in found] == [("20147376", False), ("20147377", True)]


def test_address_of_the_owner_counts(register: Register, asking: Asking) -> None:
    """A legal entity has its addresses at the owner as well: they are places where it is."""
    profile = OURS.profile()
    elsewhere = {"type": "postadres", "straatnaam": "Postbus", "postcode": "4321 ba", "plaats": "Elders"}
    profile["_embedded"]["eigenaar"] = {"adressen": [elsewhere]}
    register.faults = [(200, json.dumps(profile))]

    (found,) = asking.client.ask(NUMBER)

    assert (found.postcodes, found.streets) == (
        ("1234AB", "4321BA"),
        (("Dorpsstraat", "Ons Dorp"), ("Postbus", "Elders")),
    )


@pytest.mark.parametrize("question", [NUMBER, NAME])
def test_nobody_is_an_answer(register: Register, asking: Asking, question: ProfileQuestion | SearchQuestion) -> None:
    """Not found, of which both endpoints have a code of their own, is an empty answer and no fault."""
    register.businesses = []

    assert asking.client.ask(question) == ()


def test_search_asks_by_name_and_place(register: Register, asking: Asking) -> None:
    """A search names what is known of the place and nothing else: unknown parameters fail."""
    by_postcode = asking.client.ask(NAME)
    by_street = asking.client.ask(SearchQuestion(name="Verzonnen", street="Dorpsstraat", city="Ons Dorp"))

    assert [each.number for each in (*by_postcode, *by_street)] == [OURS.number, OURS.number]
    assert register.paid == []


def test_search_takes_the_longest_page(register: Register, asking: Asking) -> None:
    """Of eleven namesakes at one postcode all are given: the only one on a short page might be the wrong one."""
    register.businesses = [Business(number=str(20147300 + at), name="Bakkerij Verzonnen") for at in range(11)]

    assert len(asking.client.ask(NAME)) == 11


def test_base_url_may_end_in_a_slash(register: Register) -> None:
    """The address of the register, which has a path in its test environment, is taken as people write it."""
    asking = Asking(register)
    client = KvkClient(asking.http, base_url=f"{register.base_url}/test/", clock=lambda: asking.now, sleep=asking.sleep)

    with asking.http, pytest.raises(RegisterUnexpected):
        client.ask(NUMBER)

    assert register.calls == [f"/test/api/v1/basisprofielen/{OURS.number}"]


@pytest.mark.parametrize("status", [503, 0])
def test_only_profiles_are_paid(register: Register, asking: Asking, status: int) -> None:
    """A search costs nothing, a profile does, and its repeat after a fault or a line that dropped too."""
    register.faults = [(status, "")]

    asking.client.ask(NUMBER)
    asking.client.ask(NAME)

    assert asking.client.paid_calls == len(register.paid) == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((503, "<html>busy</html>"), RegisterUnavailable),
        ((429, ""), RegisterUnavailable),
        ((400, fault("IPD1002", "Probeer het later.")), RegisterUnavailable),
        ((404, fault("IPD1003", "Probeer het over 5 minuten.")), RegisterUnavailable),
        ((0, ""), RegisterUnavailable),
        ((404, "<html>a gateway's page</html>"), RegisterUnexpected),
        ((404, fault("IPD9999", "Iets anders.")), RegisterUnexpected),
        ((400, fault("IPD0010", "Onbekende parameter.")), RegisterUnexpected),
        ((200, "no JSON"), RegisterUnexpected),
        ((200, '{"kvkNummer": "99999999"}'), RegisterUnexpected),
        ((200, json.dumps(OURS.profile() | {"naam": "x" * 2 * 1024 * 1024})), RegisterUnexpected),
        ((200, "[" * 900_000), RegisterUnexpected),
        ((200, '{"kvkNummer": "20147376", "materieleRegistratie": {"datumEinde": {"x": 1}}}'), RegisterUnexpected),
        ((200, '{"kvkNummer": "20147376", "materieleRegistratie": {"datumEinde": true}}'), RegisterUnexpected),
        ((200, '{"kvkNummer": "20147376"' + " " * MAX_ANSWER_BYTES + "}"), RegisterUnexpected),
        ((302, ""), RegisterUnexpected),
        ((403, ""), InvalidSetting),
    ],
)
def test_faults_are_never_an_answer(
    register: Register, asking: Asking, answer: tuple[int, str], expected: type[ConnectorError]
) -> None:
    """Whatever goes wrong is an error that says whether to wait, to correct the key, or to go on with the next."""
    register.faults = [answer] * 9

    with pytest.raises(expected):
        asking.client.ask(NUMBER)


def test_moment_of_absence_is_waited_out(register: Register, asking: Asking) -> None:
    """A register that is away for two calls has answered at the third."""
    register.faults = [(503, ""), (0, "")]

    assert asking.client.ask(NUMBER)[0].number == OURS.number
    assert len(register.calls) == 3


def test_register_that_is_away_is_given_more_time(register: Register, asking: Asking) -> None:
    """Before the second call a second passes, before the third two: a register in trouble is not asked at once."""
    register.faults = [(503, ""), (503, "")]

    asking.client.ask(NUMBER)

    assert asking.slept == pytest.approx([1.0, 2.0])


def test_two_calls_a_second(asking: Asking) -> None:
    """Ten calls take at least four and a half seconds."""
    for _ in range(10):
        asking.client.ask(NAME)

    assert sum(asking.slept) == pytest.approx(4.5)


def test_wrong_key(register: Register) -> None:
    """A key that is not accepted is a wrong setting; it is not repeated in the message."""
    asking = Asking(register, key="wrong-key")

    with asking.http, pytest.raises(InvalidSetting) as caught:
        asking.client.require_access()
    assert "wrong-key" not in caught.value.message + caught.value.hint
    assert len(register.calls) == 1


def test_key_goes_to_the_configured_host_only(register: Register, asking: Asking) -> None:
    """A request to another port is stopped before it is sent."""
    with serving() as other, pytest.raises(RegisterUnexpected):
        asking.http.get(other.base_url)
    assert other.calls == []


def test_packed_answer_is_not_unpacked(register: Register, asking: Asking) -> None:
    """Nothing packed was asked for: what comes packed all the same may unpack to anything, and is no answer."""
    register.headers = {"Content-Encoding": "gzip"}

    with pytest.raises(RegisterUnexpected):
        asking.client.ask(NUMBER)


@pytest.mark.parametrize("name", ["\ud800 Verzonnen", "Verzonnen " + "é" * 40_000, "Verzonnen\n\0"])
def test_any_name_can_be_asked(asking: Asking, name: str) -> None:
    """Half a character, a name longer than an address may be, control characters: asked for as far as it goes."""
    assert isinstance(asking.client.ask(SearchQuestion(name=name, postcode="1234AB")), tuple)


@pytest.mark.parametrize("key", ["sleutel-é", "two\nlines", "", "with space"])
def test_key_that_can_be_none_is_a_wrong_setting(register: Register, key: str) -> None:
    """It is said before anything is sent, and not repeated."""
    with pytest.raises(InvalidSetting) as caught:
        make_http_client(register.base_url, key, "test")

    assert not key or key not in caught.value.message + caught.value.hint


def test_search_without_results_is_no_answer(register: Register, asking: Asking) -> None:
    """Only the register's own words for nobody mean nobody."""
    register.faults = [(200, '{"melding": "?"}')]

    with pytest.raises(RegisterUnexpected):
        asking.client.ask(NAME)


def test_names_can_be_kept(register: Register, asking: Asking) -> None:
    """Half a character and a NUL in a name, which no database takes, do not come in."""
    register.faults = [(200, '{"kvkNummer": "20147376", "statutaireNaam": "Korst\\ud800\\u0000 B.V."}')]

    assert asking.client.ask(NUMBER)[0].names == ("Korst B.V.",)


def test_register_that_is_away_costs_nothing(register: Register) -> None:
    """A question that cannot have arrived is not counted as paid; one whose answer was lost is."""
    asking = Asking(register)
    register.faults = [(0, "")] * 3
    with asking.http:
        with pytest.raises(RegisterUnavailable):
            asking.client.ask(NUMBER)
        lost = asking.client.paid_calls
        closed = make_http_client("http://127.0.0.1:1", KEY, "test")
        away = KvkClient(closed, base_url="http://127.0.0.1:1", clock=lambda: asking.now, sleep=asking.sleep)
        with closed, pytest.raises(RegisterUnavailable):
            away.ask(NUMBER)

    assert (lost, away.paid_calls) == (3, 0)
