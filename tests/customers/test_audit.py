"""customers/audit.py: who needs a KvK number, what is wrong with it, and the money that hangs on it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.customer import Customer
from connector.customers.audit import (
    FINE,
    Audit,
    Before,
    FindingStatus,
    InvoicedNumber,
    InvoiceFact,
    KvkFinding,
    audit,
    compare,
)
from connector.identifiers import KvkNumber

from .cards import TODAY, make_customer

OWN = "55667788"


def judge(*customers: Customer, own_kvk: str = OWN) -> dict[str, KvkFinding]:
    """The findings by customer code."""
    made = audit(customers, [], own_kvk=own_kvk, today=TODAY)
    return {finding.customer.code: finding for finding in made.findings}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"kvk": "KvK 2014 7376"}, "ok"),
        ({"kvk": ""}, "missing"),
        ({"kvk": "5807003"}, "malformed"),
        ({"kvk": "n.v.t."}, "placeholder"),
        ({"kvk": "NL123456782B90"}, "other_identifier"),
        ({"kvk": OWN}, "own_number"),
        ({"kvk": "00000001808345756000"}, "ok"),
        ({"kvk": "", "oin": "00000001808345756000"}, "ok"),
        ({"kvk": "5807003", "oin": "00000001808345756000"}, "malformed"),
        ({"kvk": "", "country": "BE"}, "not_applicable"),
        ({"kvk": "20147376", "country": "DE"}, "not_applicable"),
        ({"kvk": "", "country": ""}, "missing"),
        ({"kvk": "", "name": "Mevr. J. Voorbeeld"}, "not_applicable"),
        ({"kvk": "geen", "name": "Fam. Voorbeeld"}, "not_applicable"),
        ({"kvk": "20147376", "name": "De heer Voorbeeld"}, "ok"),
        ({"kvk": "", "name": "Dhr. Voorbeeld", "vat_number": "NL123456782B90"}, "missing"),
        ({"kvk": "", "name": "Familiehotel Voorbeeld"}, "missing"),
        ({"kvk": "", "name": "Dhr/Mevr Voorbeeld"}, "not_applicable"),
        ({"kvk": "", "name": "Mw Voorbeeld"}, "not_applicable"),
    ],
)
def test_status(fields: dict[str, Any], status: str) -> None:
    """Each kind of card gets the word of interfaces.md."""
    findings = judge(make_customer("6", **fields))

    assert findings["6"].status == status


def test_safe_repair_is_proposed() -> None:
    """A number that lost its leading zero comes with the number that was meant."""
    findings = judge(make_customer("6", kvk="5807003"))

    assert findings["6"].proposal == "05807003"


def test_shared_number_names_the_others() -> None:
    """One number on several cards is told on each, with the codes of the others, also when it is inside an OIN."""
    findings = judge(
        make_customer("1", kvk="20147376"),
        make_customer("12", kvk="00000003201473760000"),
        make_customer("3", kvk="20147377"),
    )

    assert {code: finding.status.value for code, finding in findings.items()} == {
        "1": "duplicate",
        "12": "duplicate",
        "3": "ok",
    }
    assert (findings["1"].detail_en, findings["12"].detail_nl) == ("also on customer 12", "ook bij relatie 1")


@pytest.mark.parametrize("fields", [{"blocked": True}, {"status": "P"}, {"ends_on": date(2026, 11, 1)}])
def test_inactive_customers_do_not_count(fields: dict[str, Any]) -> None:
    """Who gets no invoices any more is neither counted nor a double of somebody else."""
    findings = judge(make_customer("1", kvk="20147376"), make_customer("2", kvk="20147376", **fields))

    assert {code: finding.status.value for code, finding in findings.items()} == {"1": "ok"}


def test_foreign_customer_is_no_double() -> None:
    """Eight digits on a foreign card mean nothing here."""
    findings = judge(make_customer("1", kvk="20147376"), make_customer("2", kvk="20147376", country="BE"))

    assert findings["1"].status == "ok"


def test_no_own_number_no_own_number() -> None:
    """Without a KvK number of the division, an empty field is missing and not the own number."""
    assert judge(make_customer("1", kvk=""), own_kvk="")["1"].status == "missing"


def at_risk() -> Audit:
    """Two customers at risk and a good one; the window of twelve months begins on 3 November 2025."""
    missing, wrong, good = make_customer("10"), make_customer("9", kvk="1"), make_customer("8", kvk="20147376")
    facts = [
        InvoiceFact(customer=missing.id, date=date(2025, 11, 3), amount=Decimal("121.00")),
        InvoiceFact(customer=missing.id, date=date(2025, 11, 2), amount=Decimal("1000.00")),
        InvoiceFact(customer=missing.id, date=TODAY, amount=Decimal("-21.50")),
        InvoiceFact(customer=wrong.id, date=TODAY, amount=Decimal("99.50")),
        InvoiceFact(customer=good.id, date=TODAY, amount=Decimal("5000.00")),
        InvoiceFact(customer=wrong.id, date=TODAY + timedelta(days=1), amount=Decimal("7.00")),
    ]
    return audit([missing, wrong, good], facts, own_kvk=OWN, today=TODAY)


def test_money_at_risk() -> None:
    """Twelve months of invoices of customers without a good number count; a credit note takes off."""
    summary = at_risk().summary

    assert (summary.customers, summary.ok, summary.missing, summary.invalid) == (3, 1, 1, 1)
    assert (summary.invoices_at_risk, summary.amount_at_risk) == (3, Decimal("199.00"))


def test_sorted_by_money_then_code() -> None:
    """Of equal amounts the lower code comes first, and who is fine comes last."""
    findings = at_risk().findings

    assert [(f.customer.code, f.amount_12m) for f in findings] == [
        ("9", Decimal("99.50")),
        ("10", Decimal("99.50")),
        ("8", Decimal("5000.00")),
    ]


def test_most_money_comes_first() -> None:
    """The customer with most at risk stands at the top."""
    little, much = make_customer("1"), make_customer("2")
    facts = [
        InvoiceFact(customer=customer.id, date=TODAY, amount=Decimal(amount))
        for customer, amount in ((little, 5), (much, 50))
    ]

    made = audit([little, much], facts, own_kvk=OWN, today=TODAY)

    assert [finding.customer.code for finding in made.findings] == ["2", "1"]


def test_last_invoice_may_be_older() -> None:
    """The last invoice is told whenever it was, though it is not at risk any more."""
    customer = make_customer("1")
    fact = InvoiceFact(customer=customer.id, date=date(2023, 5, 1), amount=Decimal(10))

    made = audit([customer], [fact], own_kvk=OWN, today=TODAY)

    assert (made.findings[0].last_invoice_date, made.findings[0].invoices_12m) == (date(2023, 5, 1), 0)


def test_shared_numbers_are_not_at_risk() -> None:
    """Invoices of customers that share a number are routed: told, counted as invalid, but after all money at risk."""
    cards = [make_customer("1", kvk="20147376"), make_customer("2", kvk="20147376"), make_customer("3")]
    facts = [
        InvoiceFact(customer=card.id, date=TODAY, amount=Decimal(amount))
        for card, amount in zip(cards, (500, 600, 7), strict=True)
    ]

    made = audit(cards, facts, own_kvk=OWN, today=TODAY)

    assert (made.summary.missing, made.summary.invalid) == (1, 2)
    assert (made.summary.invoices_at_risk, made.summary.amount_at_risk) == (1, 7)
    assert [finding.customer.code for finding in made.findings] == ["3", "2", "1"]
    assert made.findings[1].amount_12m == 600


@given(
    st.lists(
        st.builds(
            make_customer,
            code=st.integers(1, 999).map(str),
            kvk=st.sampled_from(["", "20147376", "20147377", "5807003", "-", OWN]) | st.text(max_size=12),
            country=st.sampled_from(["", "NL", "BE"]),
            blocked=st.booleans(),
        ),
        unique_by=lambda customer: customer.code,
    )
)
def test_counts_add_up(customers: list[Customer]) -> None:
    """Whatever stands on the cards: every active customer is counted under exactly one heading."""
    summary = audit(customers, [], own_kvk=OWN, today=TODAY).summary

    parts = summary.ok + summary.missing + summary.invalid + summary.not_applicable
    assert parts == summary.customers == sum(not customer.blocked for customer in customers)


VAT, OTHER_VAT = "NL123456782B90", "NL001234567B01"


def with_invoice(in_invoice: str, **fields: Any) -> KvkFinding:
    """The finding on a customer whose newest e-invoice from elsewhere has this number."""
    customer = make_customer("6", **fields)
    invoiced = InvoicedNumber(kvk=KvkNumber(in_invoice), invoice="2026-12", date=date(2026, 10, 1))
    return audit([customer], [], own_kvk=OWN, today=TODAY, in_invoices={customer.id: invoiced}).findings[0]


def test_number_in_the_e_invoice_that_differs_is_a_doubt() -> None:
    """The card's number stays good by its form; the detail says which e-invoice has which other number."""
    finding = with_invoice("20147377", kvk="20147376")

    assert (finding.status, finding.doubtful, finding.proposal) == ("ok", True, None)
    assert finding.detail_en == "the e-invoice 2026-12 of 1 October 2026 has 20147377"
    assert finding.detail_nl == "de e-factuur 2026-12 van 1 oktober 2026 heeft 20147377"


@pytest.mark.parametrize(
    ("kvk", "fields"),
    [
        ("20147376", {"kvk": "KvK 2014 7376"}),
        ("20147376", {"kvk": "00000001808345756000"}),
        ("20147376", {"kvk": "20147377", "country": "BE"}),
        (OWN, {"kvk": "20147377"}),
    ],
)
def test_number_in_the_e_invoice_that_says_nothing(kvk: str, fields: dict[str, Any]) -> None:
    """The same number, a government known by its OIN, a foreign customer and our own number raise no doubt."""
    finding = with_invoice(kvk, **fields)

    assert (finding.doubtful, "e-invoice" in finding.detail_en) == (False, False)


@pytest.mark.parametrize(
    ("on_card", "in_invoice", "proposal"),
    [
        ("", "20147376", "20147376"),
        ("n.v.t.", "20147376", "20147376"),
        ("5807003", "05807003", "05807003"),
        ("5807003", "20147376", None),
        ("", OWN, None),
    ],
)
def test_number_in_the_e_invoice_is_proposed(on_card: str, in_invoice: str, proposal: str | None) -> None:
    """Where the card has none, that of the e-invoice is proposed, unless a repair of the card gives another."""
    finding = with_invoice(in_invoice, kvk=on_card)

    assert (finding.proposal, finding.doubtful) == (proposal, False)


@pytest.mark.parametrize(
    ("first", "second", "doubtful"),
    [
        ({"kvk": "20147376", "vat_number": VAT}, {"kvk": "20147377", "vat_number": "nl 1234.56.782.b90"}, True),
        ({"kvk": "20147376", "vat_number": VAT}, {"kvk": "20147377", "vat_number": OTHER_VAT}, False),
        ({"kvk": "20147376", "vat_number": VAT}, {"kvk": "", "vat_number": VAT}, False),
        ({"kvk": "", "vat_number": VAT}, {"kvk": "20147376", "vat_number": VAT}, False),
        ({"kvk": "20147376", "vat_number": ""}, {"kvk": "20147377", "vat_number": ""}, False),
        ({"kvk": "20147376", "vat_number": VAT}, {"kvk": "20147377", "vat_number": VAT, "country": "BE"}, False),
    ],
)
def test_one_vat_number_with_two_kvk_numbers_is_a_doubt(
    first: dict[str, Any], second: dict[str, Any], doubtful: bool
) -> None:
    """Two Dutch customers with one VAT number and different KvK numbers name each other, without the VAT number."""
    findings = judge(make_customer("1", **first), make_customer("12", **second))

    assert findings["1"].doubtful is doubtful
    assert ("customer 12" in findings["1"].detail_en) is doubtful
    assert "123456782" not in findings["1"].detail_en + findings["1"].detail_nl


def test_shared_own_number_is_the_own_number() -> None:
    """The administration's own number on two cards is that on both, and no number that two customers share."""
    findings = judge(make_customer("1", kvk=OWN), make_customer("2", kvk=OWN))

    assert [finding.status.value for finding in findings.values()] == ["own_number", "own_number"]


def test_only_good_numbers_are_counted_as_doubtful() -> None:
    """A customer whose number is wrong anyhow is not counted a second time among the doubtful."""
    cards = [make_customer("1", kvk="20147376", vat_number=VAT), make_customer("2", kvk="123", vat_number=VAT)]

    made = audit(cards, [], own_kvk=OWN, own_vat=VAT, today=TODAY)

    assert [finding.doubtful for finding in made.findings] == [True, True]
    assert (made.summary.ok, made.summary.invalid, made.summary.doubtful) == (1, 1, 1)


def test_foreign_customer_is_not_doubted() -> None:
    """Of a customer in another country nothing is said, whatever VAT number its card has."""
    customer = make_customer("1", kvk="", vat_number=VAT, country="BE")

    made = audit([customer], [], own_kvk=OWN, own_vat=VAT, today=TODAY)

    assert (made.findings[0].doubtful, made.findings[0].detail_en) == (False, "another country")


def test_vat_number_of_the_administration_itself_is_a_doubt() -> None:
    """A customer cannot have the VAT number of who invoices it."""
    customer = make_customer("1", kvk="20147376", vat_number=VAT)

    made = audit([customer], [], own_kvk=OWN, own_vat="123456782B90", today=TODAY)

    assert (made.findings[0].detail_en, made.findings[0].status) == (
        "the VAT number is that of the administration itself",
        "ok",
    )
    assert (made.summary.ok, made.summary.doubtful) == (1, 1)


def before(status: str, kvk: str = "") -> Before:
    return Before(status=FindingStatus(status), kvk=kvk)


@pytest.mark.parametrize(
    ("earlier", "kvk", "change"),
    [
        (before("missing"), "", None),
        (before("ok", "20147376"), "20147376", None),
        (before("missing"), "20147376", "solved"),
        (before("ok", "20147376"), "", "new"),
        (before("missing"), "5807003", "changed"),
        (before("malformed", "5807004"), "5807003", "changed"),
        (before("ok", "20147377"), "20147376", "changed"),
        (None, "", "new"),
        (None, "20147376", "new"),
    ],
)
def test_change_since_an_earlier_report(earlier: Before | None, kvk: str, change: str | None) -> None:
    """What needs attention since is new, what no longer does solved, and any other difference changed."""
    customer = make_customer("6", kvk=kvk)
    made = audit([customer], [], own_kvk=OWN, today=TODAY)

    compared = compare(made, {} if earlier is None else {customer.id: earlier})

    assert [finding.change for finding in compared.findings] == ([change] if change else [])
    assert [finding.before for finding in compared.findings] == ([earlier] if change else [])
    assert compared.summary == made.summary


@given(
    st.lists(st.sampled_from(["", "20147376", "20147377", "5807003", "-"]), max_size=5),
    st.lists(st.sampled_from(["", "20147376", "20147377", "5807003", "-"]), max_size=5),
)
def test_comparison_is_whole(then: list[str], now: list[str]) -> None:
    """A customer is left out exactly when status and number are what they were; with itself a report has no changes."""
    earlier, later = (
        audit([make_customer(str(code), kvk=kvk) for code, kvk in enumerate(cards)], [], own_kvk=OWN, today=TODAY)
        for cards in (then, now)
    )
    said = {f.customer.id: Before(status=f.status, kvk=f.kvk) for f in earlier.findings}

    compared = compare(later, said)

    differing = {f.customer.id for f in later.findings if said.get(f.customer.id) != Before(status=f.status, kvk=f.kvk)}
    assert {finding.customer.id for finding in compared.findings} == differing
    assert compare(earlier, said).findings == ()
    assert all(finding.status in FINE for finding in compared.findings if finding.change == "solved")
