"""customers/fill.py: each filled-in row gets its verdict, and only good rows change anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.customer import Customer, Division
from connector.customers.fill import Filled, Office, Verdict, judge, plans
from connector.customers.setup import Action, Wanted, plans_as_file, plans_from_file, require_wanted
from connector.customers.sheet import SheetRow, Written
from connector.identifiers import check_kvk

from .cards import make_customer

OWN = "55667788"
GOOD, OTHER_GOOD = "20147376", "20147377"


def row(code: str = "6", kvk: str = GOOD, *, number: int = 2, **fields: Any) -> SheetRow:
    """A row in which somebody filled in a number."""
    facts: dict[str, Any] = {
        "number": number,
        "division": "123456",
        "code": code,
        "name": None,
        "new_kvk": Written(text=kvk),
    }
    return SheetRow(**facts | fields)


def judged(*rows: SheetRow, cards: tuple[Customer, ...] = (make_customer("6"), make_customer("7"))) -> Filled:
    """The verdicts on rows of the one connected division."""
    return judge(rows, [Office(division=Division(123456), customers=cards, own_kvk=OWN)])


@pytest.mark.parametrize(
    ("filled_in", "verdict"),
    [
        (row(), Verdict.SET),
        (row(kvk="KvK 2014.7376"), Verdict.SET),
        (row(new_kvk=Written(text=GOOD, is_number=True)), Verdict.SET),
        (row(kvk="123"), Verdict.WRONG_NUMBER),
        (row(kvk="5807003"), Verdict.WRONG_NUMBER),
        (row(kvk="n.v.t."), Verdict.WRONG_NUMBER),
        (row(kvk="NL123456782B90"), Verdict.WRONG_NUMBER),
        (row(kvk="00000001808345756000"), Verdict.WRONG_NUMBER),
        (row(new_kvk=Written(is_formula=True)), Verdict.WRONG_NUMBER),
        (row(kvk=OWN), Verdict.OWN_NUMBER),
        (row(code="99"), Verdict.UNKNOWN_CUSTOMER),
        (row(division="654321"), Verdict.DIVISION_NOT_CONNECTED),
        (row(division=""), Verdict.DIVISION_NOT_CONNECTED),
        (row(name="Bakkerij Voorbeeld 7 B.V."), Verdict.OTHER_CUSTOMER),
        (row(name=""), Verdict.OTHER_CUSTOMER),
        (row(name="bakkerij voorbeeld 6 bv"), Verdict.SET),
    ],
)
def test_verdict(filled_in: SheetRow, verdict: Verdict) -> None:
    """Each kind of row gets its word, and a reason in both languages unless it is good."""
    (one,) = judged(filled_in).verdicts

    assert one.verdict == verdict
    assert (one.kvk, all(one.detail)) == ((GOOD, False) if verdict is Verdict.SET else (None, True))


def test_number_cell_with_seven_digits_is_named_not_mended() -> None:
    """A number that Excel took the zero from is refused, with how to put it right."""
    (one,) = judged(row(new_kvk=Written(text="5807003", is_number=True))).verdicts

    assert (one.verdict, one.kvk) == (Verdict.WRONG_NUMBER, None)
    assert "make the cell text" in one.detail[0]


def test_name_that_lost_its_accents_is_the_same() -> None:
    """What a code page makes of a letter with an accent is no other name."""
    cards = (make_customer("6", name="Café Reünie"),)

    names = ("Caf? Re?nie", "CafÃ© ReÃ¼nie", "Café Reünie")

    assert [judged(row(name=name), cards=cards).verdicts[0].verdict for name in names] == [Verdict.SET] * 3


def test_same_number_changes_nothing() -> None:
    """A number that is there already needs no write; one that only looks the same is written clean."""
    cards = (make_customer("6", kvk=GOOD), make_customer("7", kvk="KvK 2014 7377"))

    filled = judged(row("6", GOOD), row("7", OTHER_GOOD, number=3), cards=cards)

    assert [one.verdict for one in filled.verdicts] == [Verdict.SAME, Verdict.SET]
    (made,) = plans_from_file(plans_as_file(plans(filled)))
    assert [change.customer.code for change in made.changes] == ["7"]
    assert (made.customers, made.in_order, made.to_change) == (2, 1, 1)


def test_customer_with_two_numbers_gets_none() -> None:
    """When the list says two things of one customer, neither is done; said twice it counts once."""
    two = judged(row("6", GOOD, number=2), row("6", OTHER_GOOD, number=3), row("7", GOOD, number=4))
    again = judged(row("6", GOOD, number=2), row("6", GOOD, number=3))
    unclear = judged(row("6", GOOD, number=2), row("6", "123", number=3))

    assert [one.verdict for one in two.verdicts] == [Verdict.DUPLICATE_ROW, Verdict.DUPLICATE_ROW, Verdict.SET]
    assert [one.verdict for one in again.verdicts] == [Verdict.SET, Verdict.DUPLICATE_ROW]
    assert [one.verdict for one in unclear.verdicts] == [Verdict.DUPLICATE_ROW, Verdict.WRONG_NUMBER]
    assert again.verdicts[1].detail[0] == "the same as in row 2"
    assert len(plans(again)[0].changes) == 1


@pytest.mark.parametrize("elsewhere", ["card", "list"])
def test_number_of_somebody_else_is_a_warning(elsewhere: str) -> None:
    """A number that another customer has, on its card or in this list, is set and told."""
    cards = (make_customer("6"), make_customer("12", kvk="KvK 2014 7376" if elsewhere == "card" else ""))
    rows = [row("6", GOOD)] + ([row("12", GOOD, number=3)] if elsewhere == "list" else [])

    one = judged(*rows, cards=cards).verdicts[0]

    assert (one.verdict, one.warnings) == (
        Verdict.SET,
        (("customer 12 has this number as well", "relatie 12 heeft dit nummer ook"),),
    )


def test_number_in_another_administration_is_no_warning() -> None:
    """Two offices may well have the same customer."""
    offices = [
        Office(division=Division(code), customers=[make_customer("6", division=Division(code))]) for code in (1, 2)
    ]

    filled = judge([row(division="1"), row(division="2", number=3)], offices)

    assert [(one.verdict, one.warnings) for one in filled.verdicts] == [(Verdict.SET, ()), (Verdict.SET, ())]


def test_foreign_customer_is_a_warning() -> None:
    """A KvK number for somebody in another country may be meant; it is told."""
    (one,) = judged(row(), cards=(make_customer("6", country="BE"),)).verdicts

    assert (one.verdict, one.warnings[0][0]) == (Verdict.SET, "the customer is in another country")


def test_code_that_lost_its_zeros_is_found_when_only_one_can_be_meant() -> None:
    """Excel makes 6 of 0006: found, unless there is another 06."""
    found = judged(row("6"), cards=(make_customer("0006"),)).verdicts[0]
    unclear = judged(row("6"), cards=(make_customer("0006"), make_customer("06"))).verdicts[0]

    assert (found.verdict, found.customer and found.customer.code) == (Verdict.SET, "0006")
    assert unclear.verdict is Verdict.UNKNOWN_CUSTOMER


def test_empty_rows_are_counted_only() -> None:
    """A row without a number asks for nothing."""
    filled = judged(row(kvk=""), row("7", GOOD))

    assert (filled.empty, [one.code for one in filled.verdicts]) == (1, ["7"])


def test_bad_row_does_not_keep_the_others_from_going_on() -> None:
    """The plan holds the good rows of each division, with what stood there before."""
    offices = [
        Office(division=Division(code), customers=[make_customer("6", division=Division(code), kvk=kvk)])
        for code, kvk in ((2, "n.v.t."), (1, ""))
    ]

    made = plans(judge([row(division="2"), row(division="1"), row("99", division="2")], offices))

    assert [(each.division, each.to_change) for each in made] == [(1, 1), (2, 1)]
    assert [dict(each.changes[0].before or {}) for each in made] == [
        {"ChamberOfCommerce": None},
        {"ChamberOfCommerce": "n.v.t."},
    ]


def test_plan_can_be_applied() -> None:
    """What is written is a plan file that comes back as it went and writes nothing that the settings do not want."""
    (made,) = plans(judged(row("6", GOOD), row("7", "bad", number=3)))

    (read,) = plans_from_file(plans_as_file([made]))

    require_wanted(read, Wanted(upload_address="abcdefghij@uploads.is", contact_name="InvoiceSharing Email"))
    assert [(change.action, dict(change.after)) for change in read.changes] == [
        (Action.SET_KVK, {"ChamberOfCommerce": GOOD})
    ]
    assert read.api_calls_needed == 1 + 4


typed = st.sampled_from([GOOD, OTHER_GOOD, OWN, "5807003", "NL123456782B90", "=1+1", "20 14 73 76"]) | st.text(
    max_size=20
)


@given(st.lists(st.tuples(st.sampled_from(["6", "7", "8", ""]), typed), max_size=6))
def test_only_real_numbers_are_ever_set(rows: list[tuple[str, str]]) -> None:
    """Whatever is typed: a row has one verdict, a number that is set eight digits, a card one change."""
    filled = judged(*(row(code, kvk, number=at) for at, (code, kvk) in enumerate(rows, start=2)))

    assert len(filled.verdicts) + filled.empty == len(rows)
    changes = [change for made in plans(filled) for change in made.changes]
    numbers = [str(change.after["ChamberOfCommerce"]) for change in changes]
    assert all(len(number) == 8 and check_kvk(number).number == number != OWN for number in numbers)
    assert len({change.customer.id for change in changes}) == len(changes)


@pytest.mark.parametrize(
    ("ours", "written", "same"),
    [
        ("Ελληνικά", "Ελληνικά", True),
        ("Ελληνικά", "北京公司", False),
        ("Café Zes", "Cafe\u0301 Zes", True),
        ("Żółw B.V.", "?ó?w B.V.", True),
        ("北京公司", "????", False),
        ("!!!", "???", False),
    ],
)
def test_names_are_compared_in_any_script(ours: str, written: str, same: bool) -> None:
    """Rows that were mixed up are seen whatever the letters; what Windows' code page made of a name is known."""
    (one,) = judged(row(name=written), cards=(make_customer("6", name=ours),)).verdicts

    assert one.verdict is (Verdict.SET if same else Verdict.OTHER_CUSTOMER)


@pytest.mark.parametrize(
    ("filled_in", "verdict"),
    [
        (row("12", name="Bakkerij A"), Verdict.AMBIGUOUS_CUSTOMER),
        (row("12"), Verdict.AMBIGUOUS_CUSTOMER),
        (row("12", name="Bakkerij A", code_is_text=True), Verdict.SET),
        (row("0012", name="Bakkerij A"), Verdict.SET),
        (row("13", name="Bakkerij B"), Verdict.SET),
    ],
)
def test_code_that_may_have_lost_its_zeros_is_refused(filled_in: SheetRow, verdict: Verdict) -> None:
    """12 may have been 0012, whose name is the same; as text, with its zeros or with another name it cannot."""
    names = {"12": "Bakkerij A", "0012": "Bakkerij A", "13": "Bakkerij B", "0013": "Bakkerij C"}
    cards = tuple(make_customer(code, name=name) for code, name in names.items())

    (one,) = judged(filled_in, cards=cards).verdicts

    assert (one.verdict, one.customer and one.customer.code) == (verdict, filled_in.code)


def test_row_that_runs_into_the_next_is_named() -> None:
    """Nothing of it counts, though something in it looks like a number."""
    (one,) = judged(row(is_broken=True)).verdicts

    assert (one.verdict, one.kvk, one.code) == (Verdict.BROKEN_ROW, None, "")
