"""customers/setup.py: which changes a card needs, who is left alone, and plan files."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.customers import setup
from connector.customers.setup import (
    Action,
    Change,
    NoteKind,
    Plan,
    SkipReason,
    Standing,
    Wanted,
    calls_needed,
    count_steps,
    left_of,
    plan_as_json,
    plans_as_file,
    plans_from_file,
    require_cards,
    require_wanted,
    standing,
    step_as_json,
    upload_contact,
)
from connector.errors import WrongUsage

from .cards import TODAY, make_contact, make_customer

UPLOAD = "abcdefghij@uploads.is"


def plan(customers: Iterable[Customer], contacts: Iterable[Contact], wanted: Wanted, **options: Any) -> Plan:
    """A plan of the division that the made-up cards belong to."""
    return setup.plan(customers, contacts, wanted, **{"division": Division(123456), **options})


def test_new_customer_gets_contact_then_method(wanted: Wanted) -> None:
    """A card that nobody has touched needs our contact first, and then the invoicing method."""
    customer = make_customer(invoicing_method=1)

    made = plan([customer], [], wanted, today=TODAY)

    assert [(c.action, c.before, c.after) for c in made.changes] == [
        (Action.CREATE_CONTACT, None, {"FirstName": "InvoiceSharing", "LastName": "Email", "Email": UPLOAD}),
        (Action.SET_INVOICING, {"InvoicingMethod": 1}, {"InvoicingMethod": 2}),
    ]


def test_one_word_is_a_last_name(wanted: Wanted) -> None:
    """Exact wants a last name; a contact name of one word is that."""
    wanted = replace(wanted, contact_name="Uploads")

    made = plan([make_customer()], [], wanted, today=TODAY)

    assert made.changes[0].after == {"LastName": "Uploads", "Email": UPLOAD}


@pytest.mark.parametrize("email", ["ABCdefghij@Uploads.IS", f" {UPLOAD} "])
def test_set_up_customer_is_in_order(wanted: Wanted, email: str) -> None:
    """Address in any case, the right method and type: nothing to do, whatever the contact is called by now."""
    wanted = replace(wanted, attachment_type=4097)
    customer = make_customer(invoicing_method=2, attachment_type=4097)
    contact = make_contact(customer, email, first_name="Iemand", last_name="Anders")

    made = plan([customer], [contact], wanted, today=TODAY)

    assert (made.changes, made.skips, made.in_order) == ((), (), 1)


@pytest.mark.parametrize("attachment_type", [None, 1, 4097])
def test_unknown_attachment_type_keeps_from_being_in_order(wanted: Wanted, attachment_type: int | None) -> None:
    """Without a known type nobody can say that a card is in order, whatever it has; invoices go out all the same."""
    customer = make_customer(invoicing_method=2, attachment_type=attachment_type)
    contact = make_contact(customer, UPLOAD)

    made = plan([customer], [contact], wanted, today=TODAY)

    assert [skip.reason for skip in made.skips] == [SkipReason.ATTACHMENT_TYPE_UNKNOWN]
    assert (made.in_order, made.to_change, made.skipped) == (0, 0, 1)


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("oud@uploads.is", {"first_name": "Jip", "last_name": "Voorbeeld"}),
        ("", {"first_name": "invoicesharing", "last_name": "EMAIL"}),
        ("", {"full_name": "Invoicesharing  email"}),
    ],
)
def test_outdated_contact_gets_the_address_only(wanted: Wanted, email: str, name: dict[str, str]) -> None:
    """Our contact with an older address is recognised by domain, one without by its name; its name is kept."""
    customer = make_customer(invoicing_method=2)
    contact = make_contact(customer, email, **name)

    made = plan([customer], [contact], wanted, today=TODAY)

    (change,) = made.changes
    assert (change.action, change.contact) == (Action.UPDATE_CONTACT, contact.id)
    assert (change.before, change.after) == ({"Email": email}, {"Email": UPLOAD})


@pytest.mark.parametrize("email", ["jip@klant.example", "administratie@klant.example"])
def test_stranger_with_our_name_is_not_ours(wanted: Wanted, email: str) -> None:
    """Whoever is called what our contact is called, and has an address elsewhere, keeps it: the card is left alone."""
    wanted = replace(wanted, contact_name="Administratie")
    customer = make_customer(invoicing_method=2)

    made = plan([customer], [make_contact(customer, email, last_name="Administratie")], wanted, today=TODAY)

    assert made.changes == ()
    assert [skip.reason for skip in made.skips] == [SkipReason.HAS_OTHER_INVOICE_CONTACT]


@pytest.mark.parametrize("email", ["facturen@kantoor.example", "jip@kantoor.example"])
def test_neighbours_of_the_upload_address_are_not_ours(wanted: Wanted, email: str) -> None:
    """At another host than InvoiceSharing's own, people have addresses too: nobody's is overwritten."""
    wanted = replace(wanted, upload_address="upload@kantoor.example")
    customer = make_customer(invoicing_method=2)
    contact = make_contact(customer, email)

    made = plan([customer], [contact], wanted, today=TODAY)

    reason = SkipReason.HAS_OTHER_INVOICE_CONTACT
    assert [skip.reason for skip in made.skips] == ([reason] if email.startswith("facturen") else [])
    assert [change.action for change in made.changes] == ([] if made.skips else [Action.CREATE_CONTACT])


def test_nameless_contact_is_not_ours(wanted: Wanted) -> None:
    """Without a contact name in the settings, nobody is recognised by having none either."""
    wanted = replace(wanted, contact_name="")
    customer = make_customer(invoicing_method=2)

    made = plan([customer], [make_contact(customer, "jip@klant.example")], wanted, today=TODAY)

    assert [change.action for change in made.changes] == [Action.CREATE_CONTACT]


def test_old_address_elsewhere_is_not_ours(wanted: Wanted) -> None:
    """An upload address at another host says nothing about contacts at InvoiceSharing's."""
    wanted = replace(wanted, upload_address="upload@kantoor.example")
    customer = make_customer(invoicing_method=2)

    made = plan([customer], [make_contact(customer, "iemand@uploads.is")], wanted, today=TODAY)

    assert [change.action for change in made.changes] == [Action.CREATE_CONTACT]


def test_second_contact_of_ours_is_left_alone(wanted: Wanted) -> None:
    """With the right one there, an outdated one beside it needs no change."""
    customer = make_customer(invoicing_method=2)
    contacts = [make_contact(customer, "oud@uploads.is", "a"), make_contact(customer, UPLOAD, "b")]

    made = plan([customer], contacts, wanted, today=TODAY)

    assert made.changes == ()


def test_only_one_of_several_outdated_is_updated(wanted: Wanted) -> None:
    """Of two outdated contacts the one that is not the main contact gets the address."""
    customer = make_customer(invoicing_method=2)
    contacts = [make_contact(customer, "x@uploads.is", "a", is_main=True), make_contact(customer, "y@uploads.is", "b")]

    made = plan([customer], contacts, wanted, today=TODAY)

    assert [change.contact for change in made.changes] == ["b"]


def test_our_contact_is_not_the_main_one(wanted: Wanted) -> None:
    """Made the main contact by hand, ours loses that again; who else it should be is nobody's guess."""
    customer = make_customer(invoicing_method=2, main_contact=ContactId("ours"))
    contacts = [make_contact(customer, UPLOAD, "ours", is_main=True), make_contact(customer, "jan@x.example", "jan")]

    made = plan([customer], contacts, wanted, today=TODAY)

    assert [(c.action, c.contact, c.before, c.after) for c in made.changes] == [
        (Action.UPDATE_CONTACT, "ours", {"MainContact": "ours"}, {"MainContact": None})
    ]


def test_outdated_main_contact_needs_both(wanted: Wanted) -> None:
    """An outdated contact of ours that is the main one gets the address, and then loses its place."""
    customer = make_customer(invoicing_method=2, main_contact=ContactId("ours"))

    made = plan([customer], [make_contact(customer, "oud@uploads.is", "ours", is_main=True)], wanted, today=TODAY)

    assert [c.after for c in made.changes] == [{"Email": UPLOAD}, {"MainContact": None}]


def test_somebody_else_stays_main_contact(wanted: Wanted) -> None:
    """A main contact that is not ours is left alone."""
    customer = make_customer(invoicing_method=2, main_contact=ContactId("jan"))
    contacts = [make_contact(customer, UPLOAD, "ours"), make_contact(customer, "jan@x.example", "jan", is_main=True)]

    assert plan([customer], contacts, wanted, today=TODAY).changes == ()


def test_doubles_are_noted_and_left(wanted: Wanted) -> None:
    """Two contacts of ours are told with their ids; the card counts by the one with the right address."""
    wanted = replace(wanted, attachment_type=1)
    customer = make_customer(invoicing_method=2, attachment_type=1)
    contacts = [make_contact(customer, UPLOAD, "b"), make_contact(customer, "oud@uploads.is", "a")]

    made = plan([customer], contacts, wanted, today=TODAY)

    assert [(note.kind, note.contacts) for note in made.notes] == [(NoteKind.DOUBLE_CONTACT, ("a", "b"))]
    assert (made.changes, made.in_order) == ((), 1)


def test_of_two_with_the_address_the_first_by_id_is_named(wanted: Wanted) -> None:
    """Whatever order they are read in, an invoice is addressed to the same one of two contacts with the address."""
    customer = make_customer()
    contacts = [make_contact(customer, UPLOAD, "b"), make_contact(customer, UPLOAD, "a")]

    assert [found and found.id for found in map(upload_contact, (contacts, contacts[::-1]), (wanted, wanted))] == [
        "a",
        "a",
    ]


def test_doubles_out_of_reach_are_not_told(wanted: Wanted) -> None:
    """Nobody is asked to look at two contacts of ours on a card that the set-up has nothing to do with."""
    customer = make_customer(blocked=True)
    contacts = [make_contact(customer, UPLOAD, "b"), make_contact(customer, "oud@uploads.is", "a")]

    assert plan([customer], contacts, wanted, today=TODAY).notes == ()


def test_invoice_accounts_are_followed(wanted: Wanted) -> None:
    """A's invoices go to B and B's to C: both are skipped, and C is named as the one that gets them."""
    cards = [
        make_customer("1", invoice_account=CustomerId("customer-2")),
        make_customer("2", invoice_account=CustomerId("customer-3")),
        make_customer("3"),
    ]

    made = plan(cards, [], wanted, today=TODAY, only=frozenset({"1", "2"}))

    assert [(skip.customer.code, skip.invoiced_to and skip.invoiced_to.code) for skip in made.skips] == [
        ("1", "3"),
        ("2", "3"),
    ]
    assert made.notes == ()


@given(st.lists(st.integers(0, 7), min_size=1, max_size=7))
def test_loops_of_invoice_accounts_end(follows: list[int]) -> None:
    """Whatever accounts lead to, the plan ends; who is led round in a circle is noted and has nobody."""
    wanted = Wanted(upload_address=UPLOAD, contact_name="InvoiceSharing Email")
    cards = [
        make_customer(str(number), invoice_account=CustomerId(f"customer-{to}")) for number, to in enumerate(follows)
    ]

    made = plan(cards, [], wanted, today=TODAY)

    def circles(number: int) -> bool:
        seen = []
        while number < len(follows) and follows[number] != number and number not in seen:
            seen.append(number)
            number = follows[number]
        return number in seen

    assert {note.customer.code for note in made.notes} == {str(n) for n in range(len(follows)) if circles(n)}
    assert {skip.customer.code for skip in made.skips if skip.invoiced_to is None} == {
        note.customer.code for note in made.notes
    }


@pytest.mark.parametrize(
    "spoil",
    [
        {"after": {"MainContact": "somebody"}},
        {"before": {"MainContact": "somebody"}},
        {"after": {"MainContact": None, "Email": UPLOAD}, "before": {"MainContact": "ours", "Email": "x@uploads.is"}},
    ],
)
def test_plan_file_takes_the_main_contact_away_only(wanted: Wanted, spoil: dict[str, Any]) -> None:
    """A plan file may empty the main contact where it is ours, and make nobody the main contact."""
    customer = make_customer(invoicing_method=2, main_contact=ContactId("ours"))
    made = plan([customer], [make_contact(customer, UPLOAD, "ours")], wanted, today=TODAY)
    file = plans_as_file([made])
    require_wanted(plans_from_file(file)[0], wanted)
    data = json.loads(json.dumps(file))
    data["plans"][0]["changes"][0] |= spoil

    with pytest.raises(WrongUsage):
        require_wanted(plans_from_file(data)[0], wanted)


def test_attachment_type_only_when_known(wanted: Wanted) -> None:
    """Without a learnt value the attachment type is left alone; with one, only what differs is written."""
    customer = make_customer(invoicing_method=2, attachment_type=1)
    contact = make_contact(customer, UPLOAD)

    unknown = plan([customer], [contact], wanted, today=TODAY)
    known = plan([customer], [contact], replace(wanted, attachment_type=4097), today=TODAY)

    assert unknown.changes == ()
    assert [(c.before, c.after) for c in known.changes] == [
        ({"InvoiceAttachmentType": 1}, {"InvoiceAttachmentType": 4097})
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "P", "blocked": True}, "not_a_customer"),
        ({"blocked": True, "ends_on": date(2020, 1, 1)}, "blocked"),
        ({"ends_on": TODAY - timedelta(days=1), "invoicing_method": 32}, "ended"),
        ({"invoice_account": CustomerId("other"), "invoicing_method": 32}, "invoiced_to_other_account"),
        ({"invoicing_method": 32}, "uses_peppol"),
        ({"invoicing_method": 4}, "uses_postbox"),
    ],
)
def test_first_reason_counts(wanted: Wanted, fields: dict[str, Any], reason: str) -> None:
    """A customer is skipped for the first reason that holds, in the order of interfaces.md."""
    customer = make_customer(**fields)

    made = plan([customer], [], wanted, today=TODAY)

    assert [skip.reason for skip in made.skips] == [reason]
    assert made.changes == ()


@pytest.mark.parametrize("fields", [{"ends_on": TODAY}, {"invoice_account": CustomerId("customer-6")}])
def test_not_yet_out_of_reach(wanted: Wanted, fields: dict[str, Any]) -> None:
    """The last day still counts, and being one's own invoice account is nothing special."""
    made = plan([make_customer(**fields)], [], wanted, today=TODAY)

    assert made.to_change == 1


@pytest.mark.parametrize(
    ("email", "skipped"),
    [
        ("Facturen@klant.example", True),
        ("administratie+exact@klant.example", True),
        ("ap@klant.example", True),
        (" factuur@klant.example", True),
        ("ap.voorbeeld@klant.example", False),
        ("jip@facturen.example", False),
        ("", False),
    ],
)
def test_other_invoice_contact_is_a_conflict(wanted: Wanted, email: str, skipped: bool) -> None:
    """A mailbox that somebody made for invoices is not overruled; a person's address is no such mailbox."""
    customer = make_customer()

    made = plan([customer], [make_contact(customer, email)], wanted, today=TODAY)

    assert [s.reason.value for s in made.skips] == (["has_other_invoice_contact"] if skipped else [])


def test_our_own_address_is_no_conflict() -> None:
    """An upload address that happens to be called invoices@ is ours all the same."""
    wanted = Wanted(upload_address="invoices@uploads.is", contact_name="InvoiceSharing Email")
    customer = make_customer(invoicing_method=1)

    made = plan([customer], [make_contact(customer, "invoices@uploads.is")], wanted, today=TODAY)

    assert [change.action for change in made.changes] == [Action.SET_INVOICING]


def test_in_order_beats_a_conflict(wanted: Wanted) -> None:
    """A customer that needs nothing is in order, whatever other mailbox it has."""
    wanted = replace(wanted, attachment_type=4097)
    customer = make_customer(invoicing_method=2, attachment_type=4097)
    contacts = [make_contact(customer, UPLOAD, "a"), make_contact(customer, "factuur@klant.example", "b")]

    made = plan([customer], contacts, wanted, today=TODAY)

    assert (made.in_order, made.skipped) == (1, 0)


def test_override_lets_one_conflict_pass(wanted: Wanted) -> None:
    """An override covers the reason it names, and no other."""
    peppol, postbox = make_customer("1", invoicing_method=32), make_customer("2", invoicing_method=4)

    made = plan([peppol, postbox], [], wanted, today=TODAY, overrides=frozenset({"uses_peppol"}))

    assert {change.customer.code for change in made.changes} == {"1"}
    assert [(s.customer.code, s.reason) for s in made.skips] == [("2", SkipReason.USES_POSTBOX)]


def test_override_of_one_leaves_the_other_conflict(wanted: Wanted) -> None:
    """Who gets invoices by Peppol and has a mailbox for them is skipped until both are overridden."""
    customer = make_customer(invoicing_method=32)
    mailbox = [make_contact(customer, "factuur@klant.example")]
    peppol, other = "uses_peppol", "has_other_invoice_contact"

    one = plan([customer], mailbox, wanted, today=TODAY, overrides=frozenset({peppol}))
    both = plan([customer], mailbox, wanted, today=TODAY, overrides=frozenset({peppol, other}))

    assert [skip.reason.value for skip in one.skips] == [other]
    assert [change.action for change in both.changes] == [Action.CREATE_CONTACT, Action.SET_INVOICING]


@pytest.mark.parametrize("method", [4, 32])
def test_wanted_method_is_no_conflict(wanted: Wanted, method: int) -> None:
    """Where the settings want invoices to go by Peppol or to the postbox, who has that already has chosen the same."""
    wanted = replace(wanted, invoicing_method=method)

    made = plan([make_customer(invoicing_method=method)], [], wanted, today=TODAY)

    assert (made.skips, [change.action for change in made.changes]) == ((), [Action.CREATE_CONTACT])


def test_override_does_not_reach_the_blocked(wanted: Wanted) -> None:
    """What no choice of somebody's is, cannot be overridden."""
    made = plan([make_customer(blocked=True)], [], wanted, today=TODAY, overrides=frozenset({"blocked"}))

    assert made.changes == ()


def test_only_named_customers_are_counted(wanted: Wanted) -> None:
    """A plan for named customers says nothing about the others."""
    made = plan([make_customer("1"), make_customer("2")], [], wanted, today=TODAY, only=frozenset({"2"}))

    assert (made.customers, [change.customer.code for change in made.changes]) == (1, ["2", "2"])


def test_customers_come_in_the_order_of_their_codes(wanted: Wanted) -> None:
    """Customer 9 comes before customer 10, as in Exact, in whatever order they were stored."""
    cards = [make_customer(code, invoicing_method=2) for code in ("10", "2", "9")]

    made = plan(cards, [], wanted, today=TODAY)

    assert [change.customer.code for change in made.changes] == ["2", "9", "10"]


def test_no_customers_no_changes(wanted: Wanted) -> None:
    """An empty division makes an empty plan."""
    made = plan([], [], wanted, today=TODAY, division=Division(7))

    assert (made.division, made.customers, made.api_calls_needed) == (7, 0, 0)


def test_first_contact_costs_one_more_call(wanted: Wanted) -> None:
    """Exact makes the first contact the main one: a look and a PUT take that back, together with the method if it may;
    4 calls are for checks."""
    alone, accompanied = make_customer("1", invoicing_method=2), make_customer("2", invoicing_method=2)
    contact = make_contact(accompanied, "jip@klant.example")

    first = plan([alone], [], wanted, today=TODAY)
    second = plan([accompanied], [contact], wanted, today=TODAY)
    with_method = plan([replace(alone, invoicing_method=1)], [], wanted, today=TODAY)

    assert (first.api_calls_needed, second.api_calls_needed) == (3 + 4, 1 + 4)
    assert with_method.api_calls_needed == 2 + 1 + 4


@pytest.mark.parametrize(("writes", "calls"), [(0, 0), (1, 5), (60, 64), (61, 67), (4000, 4136)])
def test_calls_stay_few(writes: int, calls: int) -> None:
    """Two calls before, two after each 60 writes, two at the end (which may be the same): design.md section 4."""
    assert calls_needed(writes) == calls


customers = st.lists(
    st.builds(
        make_customer,
        code=st.integers(1, 10**6).map(str),
        status=st.sampled_from("CPSA"),
        blocked=st.booleans(),
        invoicing_method=st.sampled_from([None, 0, 1, 2, 4, 8, 32]),
        attachment_type=st.sampled_from([None, 1, 4097]),
    ),
    unique_by=lambda customer: customer.code,
    min_size=1,
)


@given(customers, st.sampled_from([None, 4097]))
def test_counts_add_up(cards: list[Any], attachment_type: int | None) -> None:
    """Every account is in order, to change or skipped, and a plan comes back from its file as it went."""
    wanted = Wanted(upload_address=UPLOAD, contact_name="InvoiceSharing Email", attachment_type=attachment_type)

    made = plan(cards, [], wanted, today=TODAY)
    read = plans_from_file(json.loads(json.dumps(plans_as_file([made]))))[0]

    assert made.in_order + made.to_change + made.skipped == made.customers == len(cards)
    assert made.to_change == len({change.customer.code for change in made.changes})
    assert plan_as_json(read) == plan_as_json(made)


def test_overrides_come_back_from_a_plan_file(wanted: Wanted) -> None:
    """What a plan sets aside is in its file; a word that cannot be overridden is refused, none at all is fine."""
    overrides = frozenset({"uses_peppol", "uses_postbox"})
    made = plan([make_customer(invoicing_method=32)], [], wanted, today=TODAY, overrides=overrides)
    file: dict[str, Any] = json.loads(json.dumps(plans_as_file([made])))

    read = plans_from_file(file)[0].overrides

    assert read == overrides
    del file["plans"][0]["overrides"]
    assert plans_from_file(file)[0].overrides == frozenset()
    for wrong in (["blocked"], "uses_peppol", [1], None):
        file["plans"][0]["overrides"] = wrong
        with pytest.raises(WrongUsage, match="overrides"):
            plans_from_file(file)


# A planned change on the card as it is now


def judged(customer: Customer, contacts: list[Contact], wanted: Wanted, now: Customer, **options: Any) -> list[Any]:
    """Plan on the card as it was, and judge each change on the card as it is now."""
    overrides = options.get("overrides", frozenset())
    made = plan([customer], contacts, wanted, today=TODAY, overrides=overrides)
    theirs = options.get("contacts_now", contacts)
    return [standing(each, now, theirs, wanted, today=TODAY, overrides=overrides) for each in made.changes]


@pytest.mark.parametrize(
    ("fields", "now"),
    [
        ({"ends_on": TODAY - timedelta(days=1)}, "ended"),
        ({"invoice_account": CustomerId("other")}, "invoiced_to_other_account"),
        ({"blocked": True}, "blocked"),
        ({"status": "P"}, "not_a_customer"),
        ({"invoicing_method": 32}, "uses_peppol"),
        ({"invoicing_method": 4}, "uses_postbox"),
    ],
)
def test_card_that_a_plan_would_leave_now(wanted: Wanted, fields: dict[str, Any], now: str) -> None:
    """What would keep the plan from changing a card keeps each planned change from it, and is named."""
    card = make_customer()

    assert judged(card, [], wanted, replace(card, **fields)) == [(Standing.CHANGED, now)] * 2


def test_invoice_contact_that_came_since(wanted: Wanted) -> None:
    """Somebody made a contact for invoices since: a choice, and each planned change gives way to it."""
    card = make_customer()
    came = [make_contact(card, "facturen@klant.example")]

    found = judged(card, [], wanted, card, contacts_now=came)

    assert found == [(Standing.CHANGED, "has_other_invoice_contact")] * 2


def test_overridden_choice_is_no_change(wanted: Wanted) -> None:
    """What the plan set aside when it was made, it sets aside when it is carried out."""
    card = make_customer(invoicing_method=32)

    found = judged(card, [], wanted, card, overrides=frozenset({"uses_peppol"}))

    assert found == [(Standing.DUE, "")] * 2


def test_values_of_now_are_named(wanted: Wanted) -> None:
    """A value that is neither what stood there nor what is wanted is named; what is already so is no change."""
    card = make_customer(invoicing_method=1)
    came = [make_contact(card, UPLOAD, last_name="Met de hand")]

    found = judged(card, [], wanted, replace(card, invoicing_method=8), contacts_now=came)

    assert found == [(Standing.ALREADY_SO, ""), (Standing.CHANGED, "InvoicingMethod 8, InvoiceAttachmentType -")]


def test_more_to_do_than_planned_is_a_change(wanted: Wanted) -> None:
    """Only the attachment type was planned, and the method was changed since: the type alone is not written."""
    wanted = replace(wanted, attachment_type=4097)
    card = make_customer(invoicing_method=2, attachment_type=1)
    contacts = [make_contact(card, UPLOAD)]

    found = judged(card, contacts, wanted, replace(card, invoicing_method=1))

    assert found == [(Standing.CHANGED, "InvoicingMethod 1, InvoiceAttachmentType 1")]


def test_contact_to_correct_is_gone(wanted: Wanted) -> None:
    """Our contact that was to be corrected is not there any more."""
    card = make_customer(invoicing_method=2)

    found = judged(card, [make_contact(card, "oud@uploads.is")], wanted, card, contacts_now=[])

    assert found == [(Standing.CHANGED, "no such contact")]


def one_plan(wanted: Wanted) -> dict[str, Any]:
    """A plan with each kind of change, as JSON."""
    new, old = make_customer("1"), make_customer("2")
    made = plan([new, old], [make_contact(old, "oud@uploads.is")], wanted, today=TODAY)
    data: dict[str, Any] = json.loads(json.dumps(plan_as_json(made)))
    return data


def test_plan_json_has_the_shape_of_the_contract(wanted: Wanted) -> None:
    """The keys are those of interfaces.md."""
    data = one_plan(wanted)

    assert data["changes"][0] == {
        "customer": {"id": "customer-1", "code": "1", "name": "Bakkerij Voorbeeld 1 B.V."},
        "action": "create_contact",
        "contact": None,
        "before": None,
        "after": {"FirstName": "InvoiceSharing", "LastName": "Email", "Email": UPLOAD},
    }
    assert data["summary"] == {"customers": 2, "in_order": 0, "to_change": 2, "skipped": 0, "api_calls_needed": 9}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.pop("division"), "division is missing"),
        (lambda p: p.update(division="x"), "division is not a whole number"),
        (lambda p: p.update(changes={}), "changes is not a list"),
        (lambda p: p.update(changes=[1]), "changes 1 is not an object"),
        (lambda p: p["changes"][0].update(action="delete"), "action 'delete' is unknown"),
        (lambda p: p["changes"][0]["after"].update(Blocked=1), "'Blocked' is not a field of create_contact"),
        (lambda p: p["changes"][0]["after"].pop("Email"), "needs LastName and Email"),
        (lambda p: p["changes"][0].update(before={"Email": ""}), "not there yet"),
        (lambda p: p["changes"][1]["after"].update(InvoicingMethod=True), "InvoicingMethod is not a whole number"),
        (lambda p: p["changes"][1]["after"].update(InvoicingMethod=None), "InvoicingMethod is not a whole number"),
        (lambda p: p["changes"][1].update(before={}), "not have the same fields"),
        (lambda p: p["changes"][1].update(after={}), "after is empty"),
        (lambda p: p["changes"][2].update(contact=None), "contact is not a text"),
        (lambda p: p["changes"][2]["customer"].pop("id"), "id is missing"),
        (lambda p: p["summary"].update(in_order=5), "not customers together"),
        (lambda p: p["summary"].update(to_change=1, in_order=1), "not the customers of changes"),
        (lambda p: p["summary"].update(skipped=1, customers=3), "not the customers of changes"),
        (lambda p: p["changes"].append(p["changes"][0]), "create_contact of customer 1 is there twice"),
        (lambda p: p.update(skipped=[{"customer": {}, "reason": "blocked"}]), "id is missing"),
    ],
)
def test_spoilt_plan_is_refused(wanted: Wanted, spoil: Any, message: str) -> None:
    """A plan that somebody edited wrongly is refused, and the message names the place."""
    data = one_plan(wanted)
    spoil(data)

    with pytest.raises(WrongUsage, match=message):
        plans_from_file({"version": 1, "plans": [data]})


@pytest.mark.parametrize("number", ["n.v.t.", "123"])
def test_set_kvk_wants_a_number(wanted: Wanted, number: str) -> None:
    """A plan file cannot write something into the KvK field that is no KvK number."""
    data = one_plan(wanted)
    data["changes"][1] |= {
        "action": "set_kvk",
        "before": {"ChamberOfCommerce": ""},
        "after": {"ChamberOfCommerce": number},
    }

    with pytest.raises(WrongUsage, match="no KvK number"):
        plans_from_file({"version": 1, "plans": [data]})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "not an object"),
        ({"version": 2, "plans": []}, "version 2"),
        ({"version": True, "plans": []}, "version is not a whole number"),
        ({"version": 1}, "plans is missing"),
    ],
)
def test_other_files_are_no_plan_files(data: object, message: str) -> None:
    """Another file, or one of a later version, is refused."""
    with pytest.raises(WrongUsage, match=message):
        plans_from_file(data)


def test_division_is_planned_once(wanted: Wanted) -> None:
    """A file with two plans for one division is refused: the second would be made from cards that the first changed."""
    data = one_plan(wanted)

    with pytest.raises(WrongUsage, match="a division twice"):
        plans_from_file({"version": 1, "plans": [data, data]})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["version", "plans", "division", "changes", "skipped", "summary"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_a_plan_or_wrong_usage(data: object) -> None:
    """Nothing that is JSON breaks the reader."""
    try:
        plans = plans_from_file(data)
    except WrongUsage:
        plans = ()

    assert all(isinstance(read, Plan) for read in plans)


@pytest.mark.parametrize(("attachment_type", "done", "skipped"), [(4097, 1, 1), (None, 0, 2)])
def test_steps_count_every_account(wanted: Wanted, attachment_type: int | None, done: int, skipped: int) -> None:
    """Each account is done, to do, skipped or in conflict, for the contact and for the invoicing by itself.

    Without a known attachment type the invoicing of no account is done.
    """
    wanted = replace(wanted, attachment_type=attachment_type)
    ready = make_customer("1", invoicing_method=2, attachment_type=4097)
    half = make_customer("2", invoicing_method=1)
    peppol, blocked = make_customer("3", invoicing_method=32), make_customer("4", blocked=True)
    contacts = [make_contact(ready, UPLOAD, "a"), make_contact(half, UPLOAD, "b")]

    steps = count_steps(
        [ready, half, peppol, blocked], contacts, wanted, today=TODAY,
        kvk_done=1, kvk_to_do=2, finished=7, open_invoices=3,
    )  # fmt: skip

    assert [tuple(step_as_json(step).values()) for step in steps] == [
        (1, "upload_address", 1, 0, 0, 0),
        (2, "contact", 2, 0, 1, 1),
        (3, "kvk", 1, 2, 1, 0),
        (4, "invoicing", done, 1, skipped, 1),
        (5, "sent", 7, 3, 0, 0),
    ]


def test_set_up_customer_with_another_mailbox_is_done(wanted: Wanted) -> None:
    """What is done already is no conflict any more, whatever other mailbox for invoices the card has."""
    wanted = replace(wanted, attachment_type=4097)
    customer = make_customer(invoicing_method=2, attachment_type=4097)
    contacts = [make_contact(customer, UPLOAD, "a"), make_contact(customer, "factuur@klant.example", "b")]

    steps = count_steps([customer], contacts, wanted, today=TODAY, kvk_done=1, kvk_to_do=0, finished=0, open_invoices=0)

    assert [(step.done, step.conflict) for step in (steps[1], steps[3])] == [(1, 0), (1, 0)]


def test_without_upload_address_nobody_is_set_up(wanted: Wanted) -> None:
    """An address that is not configured is to do, and no contact is taken for ours: none without an address either."""
    wanted = replace(wanted, upload_address="")
    customer = make_customer(invoicing_method=2)
    contact = make_contact(customer, "", "a", first_name="InvoiceSharing", last_name="Email")
    mailbox = make_contact(customer, "factuur@", "b")

    steps = count_steps(
        [customer], [contact], wanted, today=TODAY, kvk_done=0, kvk_to_do=1, finished=0, open_invoices=0
    )
    made = plan([customer], [contact], wanted, today=TODAY)
    beside_mailbox = plan([customer], [contact, mailbox], wanted, today=TODAY)

    assert [(step.done, step.to_do) for step in steps[:2]] == [(0, 1), (0, 1)]
    assert [change.action for change in made.changes] == [Action.CREATE_CONTACT]
    assert [skip.reason for skip in beside_mailbox.skips] == [SkipReason.HAS_OTHER_INVOICE_CONTACT]


# A saved plan against the settings


@pytest.mark.parametrize(
    ("number", "field", "value"),
    [
        (0, "Email", "iemand.anders@uploads.is"),
        (0, "LastName", "Iemand Anders"),
        (1, "InvoicingMethod", 1),
        (2, "Email", "iemand.anders@uploads.is"),
    ],
)
def test_saved_plan_writes_only_what_the_settings_want(wanted: Wanted, number: int, field: str, value: object) -> None:
    """A plan file in which somebody changed an address, a name or a method is refused, with the customer named."""
    data = one_plan(wanted)
    data["changes"][number]["after"][field] = value
    made = plans_from_file({"version": 1, "plans": [data]})[0]

    with pytest.raises(WrongUsage, match=f"customer [12], {data['changes'][number]['action']}: {field}"):
        require_wanted(made, wanted)


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("set_kvk", {"ChamberOfCommerce": None}, {"ChamberOfCommerce": "KvK 2014 7376"}),
        ("set_invoicing", {"InvoiceAttachmentType": 1}, {"InvoiceAttachmentType": 2}),
        ("update_contact", {"LastName": "Voorbeeld"}, {"LastName": "Email"}),
    ],
)
def test_saved_plan_with_an_edited_change_is_refused(
    wanted: Wanted, action: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """A KvK number with words around it, another attachment type and a new name for a contact are nobody's wish."""
    data = one_plan(wanted)
    data["changes"][2] |= {"action": action, "before": before, "after": after}
    del data["changes"][3]
    made = plans_from_file({"version": 1, "plans": [data]})[0]

    with pytest.raises(WrongUsage, match=f"customer 2, {action}: {next(iter(after))}"):
        require_wanted(made, replace(wanted, attachment_type=4097))


@pytest.mark.parametrize("after", [{}, {"InvoiceAttachmentType": None}])
def test_change_that_sets_nothing_is_refused(wanted: Wanted, after: dict[str, Any]) -> None:
    """Also where no attachment type is known, none is emptied."""
    change = Change(customer=make_customer(), action=Action.SET_INVOICING, before=after, after=after)
    made = replace(plan([make_customer()], [], wanted, today=TODAY), changes=(change,))

    with pytest.raises(WrongUsage, match=r"set_invoicing: (nothing to set|InvoiceAttachmentType)"):
        require_wanted(made, wanted)


def test_saved_plan_as_it_was_made_is_wanted(wanted: Wanted) -> None:
    """A plan file that nobody touched passes."""
    require_wanted(plans_from_file({"version": 1, "plans": [one_plan(wanted)]})[0], wanted)


# A saved plan against the cards


def saved(customer: Customer, contacts: list[Contact], wanted: Wanted) -> dict[str, Any]:
    """A plan for one customer, as it comes from its file."""
    made = plan([customer], contacts, wanted, today=TODAY)
    data: dict[str, Any] = json.loads(json.dumps(plan_as_json(made)))
    return data


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda change: change["customer"].update(id="customer-99"), "no customer with the id 'customer-99'"),
        (lambda change: change["customer"].update(id="customer-7"), "that customer is 7"),
        (lambda change: change["customer"].update(code="7"), "that customer is 6"),
        (lambda change: change["customer"].update(name="Iemand anders"), "that customer is 6"),
        (lambda change: change.update(contact="nobody"), "no contact with the id 'nobody'"),
        (lambda change: change.update(contact="elsewhere"), "no contact with the id 'elsewhere'"),
        (lambda change: change.update(contact="person"), "the contact 'Jip' is not ours"),
    ],
)
def test_plan_that_shows_something_else_is_refused(wanted: Wanted, spoil: Any, message: str) -> None:
    """A file that shows one customer and names another, or a contact that is not ours on that card, is refused."""
    card, other = make_customer("6", invoicing_method=2), make_customer("7")
    contacts = [
        make_contact(card, "oud@uploads.is", "ours"),
        make_contact(card, "jip@klant.example", "person", full_name="Jip"),
        make_contact(other, "oud@uploads.is", "elsewhere"),
    ]
    data = saved(card, contacts, wanted)
    require_cards(plans_from_file({"version": 1, "plans": [data]})[0], [card, other], contacts, wanted)
    spoil(data["changes"][0])
    made = plans_from_file({"version": 1, "plans": [data]})[0]

    with pytest.raises(WrongUsage, match=message):
        require_cards(made, [card, other], contacts, wanted)


def test_what_is_left_is_counted_anew(wanted: Wanted) -> None:
    """Of a saved plan: who is in order by now, who is no longer as planned, and the calls for what is left."""
    cards = [make_customer(code) for code in "1234"]
    made = plans_from_file(json.loads(json.dumps(plans_as_file([plan(cards, [], wanted, today=TODAY)]))))[0]
    now = [replace(cards[0], invoicing_method=2), cards[1], replace(cards[2], blocked=True)]
    contacts = [make_contact(cards[0], UPLOAD, "a"), make_contact(cards[1], UPLOAD, "b")]

    left = left_of(made, now, contacts, wanted, today=TODAY)

    assert [(each.customer.code, each.action) for each in left.changes] == [("2", Action.SET_INVOICING)]
    assert [(skip.customer.code, skip.now) for skip in left.skips] == [("3", "blocked"), ("4", "")]
    assert (left.customers, left.in_order, left.to_change, left.skipped) == (4, 1, 1, 2)
    assert left.api_calls_needed == 1 + 4


@pytest.mark.parametrize(("limit", "changes", "calls"), [(1, 1, 3 + 4), (2, 2, 3 + 4), (3, 3, 6 + 4), (None, 4, 6 + 4)])
def test_limit_keeps_changes_and_calls_few(wanted: Wanted, limit: int | None, changes: int, calls: int) -> None:
    """With a limit the changes and calls are those of this run; the customers to change are all of them."""
    cards = [make_customer(code) for code in "12"]

    left = left_of(plan(cards, [], wanted, today=TODAY), cards, [], wanted, today=TODAY, limit=limit)

    assert (len(left.changes), left.to_change, left.api_calls_needed) == (changes, 2, calls)
