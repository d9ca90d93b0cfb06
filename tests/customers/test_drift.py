"""customers/drift.py: of all that was written to a field the last counts; each change is told with its own maker."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from connector.customer import Contact, ContactId, Customer, Division
from connector.customers.drift import Applied, Drift, find_drift
from connector.customers.setup import SkipReason, Wanted, plan

from .cards import TODAY, make_contact, make_customer

UPLOAD = "abcdefghij@uploads.is"
OURS = ContactId("ours")
MONDAY, TUESDAY = datetime(2026, 10, 26, 9, tzinfo=UTC), datetime(2026, 10, 27, 9, tzinfo=UTC)


def wrote(customer: Customer, contact: ContactId | None = None, **after: Any) -> Applied:
    """A write of ours that was done."""
    return Applied(customer=customer.id, contact=contact, after=after)


def drift(applied: list[Applied], customers: list[Customer], contacts: list[Contact], wanted: Wanted) -> list[Drift]:
    """What has drifted, with the plan that the same cards give."""
    made = plan(customers, contacts, wanted, today=TODAY, division=Division(123456))
    return list(find_drift(applied, customers, contacts, made))


def test_last_write_counts(wanted: Wanted) -> None:
    """A field that was set twice has drifted when it is not what was set last."""
    customer = make_customer(invoicing_method=2, attachment_type=4097)
    applied = [wrote(customer, InvoiceAttachmentType=1), wrote(customer, InvoiceAttachmentType=4097)]

    assert drift(applied, [customer], [], wanted) == []
    assert [each.set_to for each in drift(applied[::-1], [customer], [], wanted)] == [1]


def test_earlier_write_to_another_field_still_counts(wanted: Wanted) -> None:
    """A KvK number that is set later does not make the method forgotten."""
    customer = make_customer(invoicing_method=1, kvk="20147376")
    applied = [wrote(customer, InvoicingMethod=2), wrote(customer, ChamberOfCommerce="20147376")]

    assert [(each.field, each.set_to, each.now) for each in drift(applied, [customer], [], wanted)] == [
        ("InvoicingMethod", 2, 1)
    ]


def test_each_change_has_its_own_maker(wanted: Wanted) -> None:
    """Who the main contact is stands on the account, the address on the contact: each is told with who changed that."""
    customer = make_customer(
        invoicing_method=2, main_contact=OURS, modified_at=MONDAY, modified_by="account changed by"
    )
    contact = make_contact(customer, "oud@uploads.is", OURS, modified_at=TUESDAY, modified_by="contact changed by")

    found = drift([wrote(customer, OURS, Email=UPLOAD)], [customer], [contact], wanted)

    assert [(each.field, each.changed_at, each.changed_by) for each in found] == [
        ("Email", TUESDAY, "contact changed by"),
        ("MainContact", MONDAY, "account changed by"),
    ]


def test_other_change_to_the_card_is_no_repair(wanted: Wanted) -> None:
    """Our contact is gone, and another has the address: the plan turns the method back, and makes no contact."""
    customer = make_customer(invoicing_method=1)
    applied = [wrote(customer, OURS, Email=UPLOAD), wrote(customer, InvoicingMethod=2)]

    found = drift(applied, [customer], [make_contact(customer, UPLOAD, "another")], wanted)

    assert [(each.field, each.repair) for each in found] == [("Contact", None), ("InvoicingMethod", "set_invoicing")]


@pytest.mark.parametrize(
    ("field", "set_to", "facts"),
    [("InvoiceAttachmentType", 0, {"attachment_type": None}), ("InvoicingMethod", None, {"invoicing_method": 0})],
)
def test_nothing_chosen_is_one_value(wanted: Wanted, field: str, set_to: object, facts: dict[str, Any]) -> None:
    """Exact gives an empty number for 0 and the other way round: that is nobody's change."""
    customer = make_customer(**facts)

    assert drift([wrote(customer, **{field: set_to})], [customer], [], wanted) == []


def test_deleted_customer_has_no_drift(wanted: Wanted) -> None:
    """Of a customer that is gone nothing can be put right, and the others are told."""
    gone, here = make_customer("1"), make_customer("2", invoicing_method=1)
    applied = [wrote(gone, InvoicingMethod=2), wrote(here, InvoicingMethod=2)]

    assert [each.customer.code for each in drift(applied, [here], [], wanted)] == ["2"]


def test_reason_is_the_customers_own(wanted: Wanted) -> None:
    """Why the plan leaves a card alone is told of that card, in the order of the codes."""
    ended = make_customer("10", invoicing_method=1, ends_on=date(2026, 1, 1))
    peppol, turned = make_customer("9", invoicing_method=32), make_customer("8", invoicing_method=1)
    applied = [wrote(each, InvoicingMethod=2) for each in (ended, peppol, turned)]

    found = drift(applied, [ended, peppol, turned], [], wanted)

    assert [(each.customer.code, each.reason) for each in found] == [
        ("8", None),
        ("9", SkipReason.USES_PEPPOL),
        ("10", SkipReason.ENDED),
    ]
