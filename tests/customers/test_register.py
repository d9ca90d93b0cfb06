"""customers/register.py: what is asked about whom, and what the register's answers mean."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.customer import Customer
from connector.customers.audit import InvoiceFact, audit
from connector.customers.register import (
    ProfileQuestion,
    Question,
    RegisterEvidence,
    Registration,
    SearchQuestion,
    is_similar_name,
    questions_about,
)
from connector.identifiers import KvkNumber

from .cards import TODAY, make_customer

OWN = "55667788"
NUMBER = KvkNumber("20147376")
OTHER = KvkNumber("20147377")
ASKED_AT = datetime(2026, 11, 1, 9, tzinfo=UTC)
HERE: dict[str, Any] = {"address_line": "Dorpsstraat 12", "postcode": "1234 ab", "city": "Ons Dorp"}


def ask(customer: Customer) -> Question | None:
    return questions_about([customer], own_kvk=OWN, today=TODAY).get(customer.id)


@pytest.mark.parametrize(
    ("fields", "question"),
    [
        ({"kvk": "KvK 2014 7376"}, ProfileQuestion(number=NUMBER)),
        ({"kvk": "00000003201473760000"}, ProfileQuestion(number=NUMBER)),
        ({"kvk": "", **HERE}, SearchQuestion(name="Bakkerij Voorbeeld 6 B.V.", postcode="1234AB")),
        ({"kvk": "n.v.t.", **HERE}, SearchQuestion(name="Bakkerij Voorbeeld 6 B.V.", postcode="1234AB")),
        (
            {"kvk": "123", **HERE, "postcode": "1234"},
            SearchQuestion(name="Bakkerij Voorbeeld 6 B.V.", street="Dorpsstraat", city="Ons Dorp"),
        ),
        ({"kvk": ""}, None),
        ({"kvk": OWN}, None),
        ({"kvk": "00000001808345756000", **HERE}, None),
        ({"kvk": "20147376", "country": "BE"}, None),
        ({"kvk": "", "name": "Fam. Voorbeeld", **HERE}, None),
        ({"kvk": "20147376", "blocked": True}, None),
        ({"kvk": "20147376", "status": "P"}, None),
    ],
)
def test_question(fields: dict[str, Any], question: Question | None) -> None:
    """A number that can be one is asked by itself, else name and place are; who needs no number is not asked about."""
    assert ask(make_customer("6", **fields)) == question


def registered(number: KvkNumber = NUMBER, *names: str, **fields: Any) -> Registration:
    """A business at the customers' own address."""
    facts: dict[str, Any] = {"postcodes": ("1234AB",), "streets": (("Dorpsstraat", "Ons Dorp"),)}
    return Registration(number=number, names=names or ("Bakkerij Voorbeeld 6 B.V.",), **facts | fields)


def judged(customer: Customer, *found: Registration) -> tuple[str, str | None, str]:
    """Status, proposal and detail of the audit when the register answers this."""
    question = ask(customer)
    evidence = {question: RegisterEvidence(asked_at=ASKED_AT, found=found)} if question else {}
    finding = audit([customer], [], own_kvk=OWN, today=TODAY, register=evidence).findings[0]
    return finding.status.value, finding.proposal, finding.detail_en


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([registered()], "ok"),
        ([registered(NUMBER, "Holding X B.V.", "Bakkerij Voorbeeld 6")], "ok"),
        ([], "unknown_in_register"),
        ([registered(OTHER)], "unknown_in_register"),
        ([registered(is_closed=True, closed_on=date(2024, 2, 29))], "deregistered"),
        ([registered(is_closed=True)], "deregistered"),
        ([registered(NUMBER, "Schildersbedrijf Anders")], "name_differs"),
    ],
)
def test_verdict(found: list[Registration], status: str) -> None:
    """What the register has against a number decides the word; a trade name is as good as the statutory one."""
    assert judged(make_customer("6", kvk=NUMBER), *found)[0] == status


def test_shared_number_that_the_register_does_not_know() -> None:
    """A number on two cards that nobody has in the register is unknown on both: no invoice would arrive."""
    cards = [make_customer(code, kvk=NUMBER) for code in "67"]
    evidence: dict[Question, RegisterEvidence] = {ProfileQuestion(number=NUMBER): RegisterEvidence(asked_at=ASKED_AT)}

    made = audit(cards, [], own_kvk=OWN, today=TODAY, register=evidence)

    assert [each.status.value for each in made.findings] == ["unknown_in_register", "unknown_in_register"]


def test_verdict_says_its_date() -> None:
    """A finding from the register says on which day the register was asked, and since when a business is gone."""
    closed = registered(is_closed=True, closed_on=date(2024, 2, 29))

    detail = judged(make_customer("6", kvk=NUMBER), closed)[2]

    assert detail == "deregistered since 2024-02-29 (KVK register, 2026-11-01)"


@pytest.mark.parametrize(
    ("kvk", "found"),
    [
        (NUMBER, []),
        (NUMBER, [registered(is_closed=True)]),
        (NUMBER, [registered(NUMBER, "Schildersbedrijf Anders")]),
        ("", [registered()]),
    ],
)
def test_evidence_has_its_date(kvk: str, found: list[Registration]) -> None:
    """Whatever the register says against a number or proposes comes with the day it was asked, in both languages."""
    customer = make_customer("6", kvk=kvk, **HERE)
    question = ask(customer)
    assert question is not None
    evidence = {question: RegisterEvidence(asked_at=ASKED_AT, found=tuple(found))}

    finding = audit([customer], [], own_kvk=OWN, today=TODAY, register=evidence).findings[0]

    assert ["2026-11-01" in detail for detail in (finding.detail_en, finding.detail_nl)] == [True, True]


def test_no_answer_says_nothing() -> None:
    """Without an answer a number of the right form is in order: not checked is not wrong."""
    other = ProfileQuestion(number=OTHER)
    evidence = {other: RegisterEvidence(asked_at=ASKED_AT)}

    made = audit([make_customer("6", kvk=NUMBER)], [], own_kvk=OWN, today=TODAY, register=evidence)

    assert made.findings[0].status == "ok"


@pytest.mark.parametrize(
    ("found", "proposal"),
    [
        ([registered()], NUMBER),
        ([registered(postcodes=("9999ZZ",))], NUMBER),
        ([registered(streets=(("Elders", "Ons Dorp"),))], NUMBER),
        ([registered(), registered()], NUMBER),
        ([registered(), registered(OTHER, "Iets anders")], NUMBER),
        ([registered(), registered(OTHER)], None),
        ([registered(NUMBER, "Schildersbedrijf Anders")], None),
        ([registered(postcodes=("9999ZZ",), streets=(("Dorpsstraat", "Elders"),))], None),
        ([registered(postcodes=(), streets=())], None),
        ([registered(is_closed=True)], None),
        ([], None),
    ],
)
def test_proposal(found: list[Registration], proposal: str | None) -> None:
    """Proposed is the one open business with a similar name at the same postcode or street of the same place."""
    assert judged(make_customer("6", kvk="", **HERE), *found)[:2] == ("missing", proposal)


def test_register_knows_better_than_a_repair() -> None:
    """Where a lost zero gives one number and the register another at that address, the register's is proposed."""
    assert judged(make_customer("6", kvk="5807003", **HERE), registered())[:2] == ("malformed", NUMBER)


def test_proposal_stands_beside_what_is_wrong() -> None:
    """A proposal from the register does not hide what is wrong with the number on the card."""
    status, proposal, detail = judged(make_customer("6", kvk="NL123456782B90", **HERE), registered())

    assert (status, proposal) == ("other_identifier", NUMBER)
    assert detail.startswith("a VAT number; Bakkerij Voorbeeld 6 B.V. at the same address has 20147376")


@pytest.mark.parametrize(
    ("ours", "theirs", "similar"),
    [
        ("Bakkerij Jansen BV", "BAKKERIJ JANSEN B.V.", True),
        ("Bakkerij Jansen B V", "Bakkerij Jansen N.V.", True),
        ("V.O.F. De Brug", "de Brug v.o.f.", True),
        ("Stichting Ons Huis", "Ons Huis", True),
        ("Café Één", "Cafe Een", True),
        ("Fruit & Groente", "Fruit en Groente U.A.", True),
        ("Bakkerij-Jansen", "Bakkerij Jansen", True),
        ("Jansn Bouw", "Jansen Bouw", True),
        ("Jansen", "Jansen Installatietechniek B.V.", True),
        ("Bakkerij Jansen", "Bakkerij Pietersen", False),
        ("Alpha Advies", "Omega Transport", False),
        ("Bouw", "Bouwmeester Advies", True),
        ("Ome", "Omega Transport", False),
        ("", "Bakkerij", False),
        ("***", "Bakkerij", False),
    ],
)
def test_similar_names(ours: str, theirs: str, similar: bool) -> None:
    """Legal form, case, accents and punctuation do not make two names differ; another family name does."""
    assert is_similar_name(ours, theirs) is similar


@given(st.text(), st.text())
def test_similarity_is_mutual(one: str, other: str) -> None:
    """Whatever the two texts are, it does not matter which is on the card."""
    assert is_similar_name(one, other) == is_similar_name(other, one)


def test_name_that_cannot_be_compared_differs_from_nobody() -> None:
    """A card whose name has no letters that we know is not said to be another's."""
    assert judged(make_customer("6", name="東京", kvk=NUMBER), registered())[0] == "ok"


def test_money_at_risk_without_a_registration() -> None:
    """Who is unknown or gone is at risk; who has another's number is told but gets the invoice."""
    cards = [make_customer(code, kvk=f"2014737{code}") for code in "678"]
    answers = [(registered(KvkNumber("20147376"), "Anders"),), (registered(KvkNumber("20147377"), is_closed=True),), ()]
    facts = [InvoiceFact(customer=card.id, date=TODAY, amount=Decimal(10)) for card in cards]
    evidence: dict[Question, RegisterEvidence] = {}
    for card, found in zip(cards, answers, strict=True):
        question = ask(card)
        assert question is not None
        evidence[question] = RegisterEvidence(asked_at=ASKED_AT, found=found)

    made = audit(cards, facts, own_kvk=OWN, today=TODAY, register=evidence)

    assert [(each.customer.code, each.status.value) for each in made.findings] == [
        ("7", "deregistered"),
        ("8", "unknown_in_register"),
        ("6", "name_differs"),
    ]
    assert (made.summary.invalid, made.summary.invoices_at_risk, made.summary.amount_at_risk) == (3, 2, Decimal(20))
