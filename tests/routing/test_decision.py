"""routing/decision.py: who gets an invoice, who waits, and on which facts."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.customer import Customer
from connector.invoice import Invoice
from connector.routing.decision import Decision, Deliver, Hold, Rules, Skip, route
from connector.routing.directory import Directory, Recipient

from .parties import (
    KVK,
    OIN_OF_KVK,
    OTHER_KVK,
    OTHER_OIN,
    OWN_KVK,
    make_card,
    make_invoice,
    make_recipient,
)

ADDRESS = "facturen@klant.example"
UPLOAD = "abcdefghij@uploads.is"


def decide(
    invoice: Invoice,
    *recipients: Recipient,
    customer: Customer | None = None,
    rules: dict[str, Any] | None = None,
    **more: Any,
) -> Decision:
    """Route with the default rules but for those given, for a customer whose address is known."""
    options: dict[str, Any] = {"customer_address": ADDRESS, "own_kvk": OWN_KVK}
    return route(invoice, Directory(recipients), Rules(**rules or {}), customer, **options | more)


def outcome(decision: Decision) -> str:
    """The reason, or the address it goes to."""
    return decision.targets[0].address if isinstance(decision, Deliver) else decision.reason


def test_directory_decides() -> None:
    """A recipient whom the directory knows by the endpoint gets it, and the fact is told."""
    recipient = make_recipient(5, kvk=KVK, language="en", channel="upload")

    decision = decide(make_invoice(("kvk", KVK)), recipient, customer=make_card())

    assert isinstance(decision, Deliver)
    (target,) = decision.targets
    assert (target.address, target.channel, target.language, target.recipient) == (
        recipient.address, "upload", "en", 5,
    )  # fmt: skip
    assert decision.facts == (f"endpoint kvk {KVK} found in directory as Ontvanger 5",)


def test_identifiers_are_tried_in_order() -> None:
    """The identifier that is believed first decides, though a later one is known too."""
    by_gln, by_oin = make_recipient(1, gln="8712345000004"), make_recipient(2, oin=OTHER_OIN)
    invoice = make_invoice(("kvk", KVK), ("oin", OTHER_OIN), ("gln", "8712345000004"))

    decision = decide(invoice, by_gln, by_oin, customer=make_card())

    assert outcome(decision) == by_oin.address
    assert decision.facts == (
        f"endpoint kvk {KVK} not in directory",
        f"invoice oin {OTHER_OIN} found in directory as Ontvanger 2",
    )


def test_card_helps_when_the_invoice_has_no_number() -> None:
    """Without a KvK number on the invoice the card's counts, and the facts say so."""
    decision = decide(make_invoice(), make_recipient(1, kvk=KVK), customer=make_card())

    assert outcome(decision) == "ap1@gemeente.example"
    assert decision.facts == (
        f"customer card, the invoice has none, kvk {KVK} found in directory as Ontvanger 1",
    )  # fmt: skip


def test_government_buyer_is_found_by_the_oin_on_the_card() -> None:
    """A 20-digit OIN in the KvK field of the card is looked up as an OIN."""
    decision = decide(make_invoice(), make_recipient(1, oin=OTHER_OIN), customer=make_card(kvk=OTHER_OIN))

    assert outcome(decision) == "ap1@gemeente.example"


def test_never_found_by_name() -> None:
    """A recipient of the same name with another number is somebody else."""
    recipient = make_recipient(1, name="Gemeente Nergenshuizen", kvk=OTHER_KVK)

    decision = decide(make_invoice(("kvk", KVK)), recipient, customer=make_card())

    assert outcome(decision) == ADDRESS


def test_two_recipients_for_one_number() -> None:
    """Two different places for one number: somebody has to choose."""
    decision = decide(
        make_invoice(("kvk", KVK)), make_recipient(1, kvk=KVK), make_recipient(2, kvk=KVK), customer=make_card()
    )

    assert isinstance(decision, Hold)
    assert (decision.reason, decision.detail) == ("ambiguous_recipient", f"kvk {KVK}: Ontvanger 1, Ontvanger 2")


def test_one_place_listed_twice_is_one_recipient() -> None:
    """The same address listed twice is no contradiction; the first listed is named."""
    twice = [
        make_recipient(number, kvk=KVK, address=address) for number, address in ((1, "A@b.example"), (2, "a@B.example"))
    ]

    decision = decide(make_invoice(("kvk", KVK)), *twice, customer=make_card())

    assert isinstance(decision, Deliver)
    assert [target.recipient for target in decision.targets] == [1]


@pytest.mark.parametrize(
    ("invoice", "card_kvk", "reason"),
    [
        (make_invoice(("kvk", OTHER_KVK)), KVK, "kvk_differs"),
        (make_invoice(("gln", "8712345000004"), kvk=OTHER_KVK), KVK, "kvk_differs"),
        (make_invoice(("kvk", KVK), ("kvk", OTHER_KVK)), KVK, "kvk_differs"),
        (make_invoice(("oin", OIN_OF_KVK)), OTHER_KVK, "kvk_differs"),
        (make_invoice(("oin", OIN_OF_KVK)), KVK, ADDRESS),
        (make_invoice(("oin", OTHER_OIN)), KVK, ADDRESS),
        (make_invoice(("kvk", KVK)), "n.v.t.", ADDRESS),
        (make_invoice(("kvk", "123")), KVK, ADDRESS),
        (make_invoice(("kvk", OWN_KVK)), KVK, "own_number"),
        (make_invoice(), OWN_KVK, "own_number"),
    ],
)
def test_contradictions_wait(invoice: Invoice, card_kvk: str, reason: str) -> None:
    """Two valid KvK numbers for one buyer, or the seller's own: held; what is no number contradicts nothing."""
    decision = decide(invoice, customer=make_card(kvk=card_kvk))

    assert outcome(decision) == reason


def test_contradiction_goes_before_the_directory() -> None:
    """An invoice whose number differs from the card waits though the directory knows that number."""
    decision = decide(make_invoice(("kvk", OTHER_KVK)), make_recipient(1, kvk=OTHER_KVK), customer=make_card())

    assert isinstance(decision, Hold)
    assert (decision.reason, decision.detail) == ("kvk_differs", f"{OTHER_KVK} / {KVK}")


def test_own_number_without_a_connected_division() -> None:
    """The seller's own number on the invoice is enough to see that the buyer is the seller."""
    decision = decide(make_invoice(("kvk", OWN_KVK)), make_recipient(1, kvk=OWN_KVK), own_kvk="")

    assert outcome(decision) == "own_number"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "without_kvk"),
        ({"kvk": "5807003"}, "without_kvk"),
        ({"country": ""}, "without_kvk"),
        ({"country": "BE"}, ADDRESS),
        ({"name": "Mevrouw Voorbeeld"}, ADDRESS),
        ({"name": "Mevrouw Voorbeeld", "vat_number": "NL123456782B90"}, "without_kvk"),
        ({"oin": OTHER_OIN}, ADDRESS),
    ],
)
def test_without_kvk(fields: dict[str, Any], expected: str) -> None:
    """Dutch organisations wait without a valid number; foreign customers and private persons need none."""
    decision = decide(make_invoice(), customer=make_card(**{"kvk": ""} | fields))

    assert outcome(decision) == expected


def test_without_kvk_may_be_let_pass() -> None:
    """With routing.without_kvk = send such a customer is like any unknown recipient, and the facts say so."""
    decision = decide(make_invoice(), customer=make_card(kvk=""), rules={"without_kvk": "send"})

    assert outcome(decision) == ADDRESS
    assert any("routing.without_kvk" in fact for fact in decision.facts)


def test_directory_knows_who_has_no_kvk() -> None:
    """Who is known by GLN needs no KvK number."""
    invoice = make_invoice(("gln", "8712345000004"))

    decision = decide(invoice, make_recipient(1, gln="8712345000004"), customer=make_card(kvk=""))

    assert outcome(decision) == "ap1@gemeente.example"


@pytest.mark.parametrize(
    ("policy", "channel", "expected"),
    [("email", "email", ADDRESS), ("upload", "upload", UPLOAD), ("hold", None, "unknown_recipient")],
)
def test_unknown_recipient(policy: str, channel: str | None, expected: str) -> None:
    """Whom the directory does not know is treated as the settings say."""
    rules = {"unknown_recipient": policy, "upload_address": UPLOAD}

    decision = decide(make_invoice(("kvk", KVK)), customer=make_card(), rules=rules)

    assert outcome(decision) == expected
    assert not isinstance(decision, Deliver) or decision.targets[0].channel == channel


@pytest.mark.parametrize("address", ["", "geen", "a@b.example; c@d.example", UPLOAD.upper()])
def test_no_usable_address(address: str) -> None:
    """Nothing, no address, two at once, or an upload address of ours (mail in a circle): the invoice waits."""
    rules = {"upload_addresses": frozenset({UPLOAD})}

    decision = decide(make_invoice(("kvk", KVK)), customer=make_card(), customer_address=address, rules=rules)

    assert outcome(decision) == "no_address"


def test_upload_without_an_upload_address() -> None:
    """A division without an upload address cannot send there."""
    decision = decide(make_invoice(), customer=make_card(), rules={"unknown_recipient": "upload"})

    assert outcome(decision) == "no_address"


@pytest.mark.parametrize("policy", ["email", "upload", "hold"])
def test_without_a_card_only_the_directory(policy: str) -> None:
    """Of an unknown seller's invoice nothing is mailed but to a listed recipient, whatever the policy."""
    rules = {"unknown_recipient": policy, "upload_address": UPLOAD}

    unknown = decide(make_invoice(("kvk", KVK)), rules=rules)
    known = decide(make_invoice(("kvk", KVK)), make_recipient(1, kvk=KVK), rules=rules)

    assert (outcome(unknown), outcome(known)) == ("no_address", "ap1@gemeente.example")


@pytest.mark.parametrize(
    ("rules", "is_set_up", "expected"),
    [
        ({"deliver": "none"}, False, "deliver_none"),
        ({"deliver": "not_set_up"}, True, "delivered_by_invoicesharing"),
        ({"deliver": "not_set_up"}, False, ADDRESS),
        ({"deliver": "all"}, True, ADDRESS),
    ],
)
def test_who_delivers(rules: dict[str, Any], is_set_up: bool, expected: str) -> None:
    """routing.deliver says whether this installation delivers at all, or only for who is not set up."""
    decision = decide(make_invoice(("kvk", KVK)), customer=make_card(), rules=rules, is_set_up=is_set_up)

    assert outcome(decision) == expected
    assert isinstance(decision, Deliver | Skip)


@pytest.mark.parametrize(
    ("card", "fact"),
    [(make_card(), "would go to Gemeente Nergenshuizen over email"), (make_card(kvk=""), "would be held: without_kvk")],
)
def test_looking_on_tells_what_would_happen(card: Customer, fact: str) -> None:
    """With routing.deliver = none people still see what would have been decided."""
    decision = decide(make_invoice(), customer=card, rules={"deliver": "none"})

    assert decision.facts[-1] == fact


@pytest.mark.parametrize(
    ("issued", "expected"), [(date(2026, 10, 31), "history"), (date(2026, 11, 1), ADDRESS), (None, ADDRESS)]
)
def test_nothing_before_the_start_date(issued: date | None, expected: str) -> None:
    """The start date itself is the first day that is sent."""
    invoice = make_invoice(("kvk", KVK), issue_date=issued)

    decision = decide(invoice, customer=make_card(), rules={"start_date": date(2026, 11, 1)})

    assert outcome(decision) == expected


@pytest.mark.parametrize(
    ("language", "expected"), [("", "nl"), ("NL", "nl"), ("nl-BE", "nl"), ("EN", "en"), ("DE", "en")]
)
def test_language_of_the_card(language: str, expected: str) -> None:
    """Dutch unless the card says otherwise, then English."""
    decision = decide(make_invoice(("kvk", KVK)), customer=make_card(language=language))

    assert isinstance(decision, Deliver)
    assert decision.targets[0].language == expected


def test_vat_numbers_are_not_told() -> None:
    """A sole trader's VAT number may hold a BSN: the facts only say that there was one."""
    invoice = make_invoice(("vat", "NL123456782B90"))

    found = decide(invoice, make_recipient(1, vat="NL123456782B90"), customer=make_card())
    not_found = decide(invoice, customer=make_card())

    assert not any("123456782" in fact for fact in (*found.facts, *not_found.facts))


schemes = st.sampled_from(["kvk", "oin", "vat", "gln", "email", "0208", ""])
values = (
    st.sampled_from([KVK, OTHER_KVK, OWN_KVK, OIN_OF_KVK, OTHER_OIN, "123", "in-de-xml@gemeente.example"]) | st.text()
)


@given(
    st.lists(st.tuples(schemes, values), max_size=4),
    st.none() | st.builds(make_card, kvk=values, oin=values, name=st.text(), country=st.sampled_from(["", "NL", "BE"])),
    st.builds(
        Rules,
        deliver=st.sampled_from(["all", "not_set_up", "none"]),
        unknown_recipient=st.sampled_from(["email", "upload", "hold"]),
        without_kvk=st.sampled_from(["hold", "send"]),
        upload_address=st.sampled_from([None, UPLOAD]),
    ),
    st.booleans(),
)
def test_goes_only_where_somebody_put_it(
    numbers: list[tuple[str, str]], card: Customer | None, rules: Rules, is_set_up: bool
) -> None:
    """Whatever an invoice says, it goes to the directory's, the card's or the upload address or nowhere; with facts."""
    recipients = [make_recipient(1, kvk=KVK), make_recipient(2, oin=OTHER_OIN)]

    decision = route(
        make_invoice(*numbers), Directory(recipients), rules, card,
        customer_address=ADDRESS, is_set_up=is_set_up, own_kvk=OWN_KVK,
    )  # fmt: skip

    assert decision.facts
    if isinstance(decision, Deliver):
        assert len(decision.targets) == 1
        assert {target.address for target in decision.targets} <= {r.address for r in recipients} | {ADDRESS, UPLOAD}
