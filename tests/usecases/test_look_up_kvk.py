"""The KVK register is asked once in 30 days what the audit wants to know, and a fault makes nobody's number wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from servers.register import KEY, Business, Register, fault, serving

from connector.customers.audit import Audit
from connector.errors import RegisterUnavailable
from connector.exact_sandbox.expectations import audit as expected_audit
from connector.exact_sandbox.people import FOREIGN, PRIVATE, Kind
from connector.kvk import KvkClient, make_http_client
from connector.storage.register import answers
from connector.usecases.audit_kvk import audit_kvk
from connector.usecases.look_up_kvk import LookUpReport, look_up_kvk, price_of, questions_open
from connector.usecases.plan_setup import setup_status

from .office import DIVISION, TODAY, Office, OpenOffice


class Bureau:
    """An office with a key to a register that knows every good number of the world under the card's own name."""

    def __init__(self, office: Office, register: Register, client: KvkClient) -> None:
        self.office = office
        self.register = register
        self.client = client

    def look_up(self, *, days: int = 0) -> LookUpReport:
        """Ask what is open, so many days later."""
        self.office.clock.forward(days=days)
        today = TODAY + timedelta(days=days)
        questions = questions_open(self.office.database, [self.office.division.code], today=today)
        return look_up_kvk(self.office.database, self.client, questions, clock=self.office.clock)

    def audit(self) -> Audit:
        return audit_kvk(self.office.database, self.office.division.code, today=TODAY)

    def statuses(self) -> dict[str, str]:
        return {finding.customer.code: finding.status.value for finding in self.audit().findings}

    @property
    def numbers(self) -> set[str]:
        """The KvK numbers of Dutch organisations in the world that can be asked about."""
        return {each.number for each in self.register.businesses}


@pytest.fixture
def bureau(open_office: OpenOffice) -> Iterator[Bureau]:
    office = open_office(customers=28, invoices=0)
    office.sync()
    active = expected_audit(office.world, DIVISION)
    businesses = {
        number: Business(number=number, name=card.name, trade_names=(f"Ook {card.name}",))
        for card in office.world.division(DIVISION).customers
        if card.registration and str(card.code) in active
        and card.kind not in {Kind.OWN_NUMBER, Kind.GOVERNMENT_RSIN, *FOREIGN, *PRIVATE}
        for number in [card.registration[8:16] if len(card.registration) == 20 else card.registration]
    }  # fmt: skip
    with serving(*businesses.values()) as register, make_http_client(register.base_url, KEY, "test") as http:
        client = KvkClient(http, base_url=register.base_url, clock=office.clock, sleep=office.clock.sleep)
        yield Bureau(office, register, client)


def test_each_number_is_paid_for_once(bureau: Bureau) -> None:
    """Every number on an active Dutch organisation's card is asked for once, shared ones too, and the price is told."""
    today = bureau.office.wiring.today
    questions = questions_open(bureau.office.database, [bureau.office.division.code], today=today)

    report = bureau.look_up()

    assert sorted(bureau.register.paid) == sorted(bureau.numbers)
    assert report.paid_calls == price_of(questions)[0] == len(bureau.numbers)
    assert price_of(questions)[1] * 1000 == 16 * len(bureau.numbers)
    assert (report.not_checked, report.stopped_by) == (0, None)


@pytest.mark.parametrize(("days", "asked_again"), [(0, False), (30, False), (31, True)])
def test_answers_are_kept_for_thirty_days(bureau: Bureau, days: int, asked_again: bool) -> None:
    """Within 30 days nothing is asked twice, after that everything is."""
    bureau.look_up()
    bureau.register.calls.clear()

    bureau.look_up(days=days)

    assert bool(bureau.register.calls) is asked_again


def test_answers_that_no_longer_count_are_forgotten(bureau: Bureau) -> None:
    """What was asked long ago is not kept: a later look-up deletes it."""
    bureau.look_up()

    bureau.office.clock.forward(days=40)
    look_up_kvk(bureau.office.database, bureau.client, [], clock=bureau.office.clock)

    with bureau.office.database.reading() as session:
        assert answers(session, since=datetime(2000, 1, 1, tzinfo=UTC)) == {}


def test_register_that_agrees_changes_no_status(bureau: Bureau) -> None:
    """When the register knows every number under the card's name, the audit says what it says without a register."""
    bureau.look_up()

    different = {Kind.DUPLICATE_FIRST, Kind.DUPLICATE_SECOND}  # of these the register knows one by name
    codes = {str(card.code) for card in bureau.office.world.division(DIVISION).customers if card.kind in different}
    expected = expected_audit(bureau.office.world, DIVISION)
    assert {code: status for code, status in bureau.statuses().items() if code not in codes} == {
        code: status for code, status in expected.items() if code not in codes
    }


def test_findings_reach_audit_and_status(bureau: Bureau) -> None:
    """An unknown, a closed and another's number are told by the audit, and step 3 of the status counts them."""
    good = [card for card in bureau.office.world.division(DIVISION).customers if card.kind in {
        Kind.GOOD, Kind.SPACES, Kind.SET_UP, Kind.OTHER_CONTACT}][:3]  # fmt: skip
    numbers = [str(card.registration) for card in good]
    kept = [each for each in bureau.register.businesses if each.number not in numbers]
    bureau.register.businesses = [
        *kept,
        Business(number=numbers[1], name=good[1].name, closed="20250131"),
        Business(number=numbers[2], name="Zzyx Qqwv"),
    ]
    wanted = bureau.office.wiring.wanted(DIVISION)
    before = setup_status(bureau.office.database, bureau.office.division.code, wanted, today=TODAY)[2]

    bureau.look_up()

    after = setup_status(bureau.office.database, bureau.office.division.code, wanted, today=TODAY)[2]
    statuses = bureau.statuses()
    assert [statuses[str(card.code)] for card in good] == ["unknown_in_register", "deregistered", "name_differs"]
    assert (before.done - after.done, after.to_do - before.to_do) == (3, 3)


def test_number_is_proposed_from_the_register(bureau: Bureau) -> None:
    """A card without a number gets a proposal when the register has the name at the same postcode; only a proposal."""
    card = next(card for card in bureau.office.world.division(DIVISION).customers if card.kind is Kind.MISSING)
    postcode = card.postcode.replace(" ", "")
    bureau.register.businesses.append(Business(number="20147376", name=card.name.upper(), postcode=postcode))

    bureau.look_up()

    finding = next(each for each in bureau.audit().findings if each.customer.code == str(card.code))
    assert (finding.status.value, finding.proposal, finding.kvk) == ("missing", "20147376", "")


def test_register_away_makes_nobody_wrong(bureau: Bureau) -> None:
    """A register that cannot be reached stops the asking, and the audit says what the form says."""
    bureau.register.faults = [(0, "")] * 9

    report = bureau.look_up()

    assert isinstance(report.stopped_by, RegisterUnavailable)
    assert (report.answered, report.not_checked > 0) == (0, True)
    assert bureau.statuses() == expected_audit(bureau.office.world, DIVISION)


def test_interrupted_look_up_pays_nothing_twice(bureau: Bureau) -> None:
    """What was answered before the register went away is kept: the next run asks for the rest."""
    today = bureau.office.wiring.today
    questions = questions_open(bureau.office.database, [bureau.office.division.code], today=today)
    look_up_kvk(bureau.office.database, bureau.client, questions[:5], clock=bureau.office.clock)
    bureau.register.faults = [(503, "")] * 3
    first = bureau.look_up()

    second = bureau.look_up()

    assert (first.answered, second.stopped_by) == (0, None)
    repeats = len(bureau.register.paid) - len(set(bureau.register.paid))
    assert repeats <= 3  # those of the one question that was asked in vain
    assert set(bureau.register.paid) == bureau.numbers


def test_refused_question_does_not_stop_the_others(bureau: Bureau) -> None:
    """An answer that cannot be used leaves one customer unchecked; the others are checked, and the refusal is told."""
    bureau.register.faults = [(400, fault("IPD0010", "Dat mag niet."))] * 2

    report = bureau.look_up()

    assert (report.not_checked, report.stopped_by) == (2, None)
    assert report.refusals == ["the KVK register gives no answer that can be used (400 IPD0010)"]
    assert len(bureau.register.calls) > 5
