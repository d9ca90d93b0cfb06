"""What somebody changes in Exact after the set-up is told: what, by whom, when, and what the plan does about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connector.customers.drift import Applied, Drift, find_drift
from connector.customers.setup import Change
from connector.exact_sandbox import expectations
from connector.exact_sandbox.rows import USER_NAME
from connector.storage import customers, journal
from connector.usecases.plan_setup import setup_drift

from .office import ATTACHMENT_TYPE, DIVISION, TODAY, Office, OpenOffice

E_MAIL = 2


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """An office whose customers are set up."""
    office = open_office(customers=12, invoices=0)
    office.sync()
    office.apply()
    office.sync()
    return office


def drift(office: Office) -> tuple[Drift, ...]:
    office.sync()
    return setup_drift(office.database, office.division.code, office.wiring.wanted(DIVISION), today=TODAY)


def turned(office: Office) -> str:
    """The code of a customer that got a contact and was turned to e-mail."""
    expected = expectations.setup(office.world, DIVISION)
    return next(
        str(card.code)
        for card in office.world.division(DIVISION).customers
        if card.invoicing_method != E_MAIL and len(expected[str(card.code)].actions) == 2
    )


def our_contact(office: Office, code: str) -> dict[str, Any]:
    address = office.world.upload_address(DIVISION)
    return next(row for row in office.server.state.contacts_of(DIVISION, code) if row["Email"] == address)


def told(each: Drift) -> tuple[str, str, object, object, str | None, str | None]:
    return each.customer.code, each.field, each.set_to, each.now, each.repair, each.reason


def test_nothing_changed_no_drift(office: Office) -> None:
    """Right after the set-up, and after a sync, nothing is told."""
    assert drift(office) == ()


def test_changed_method_is_told_with_who_and_when(office: Office) -> None:
    """A method changed by hand is told with the value before and now, the last change, and the repair."""
    code = turned(office)
    row = office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1)

    found = drift(office)

    assert [told(each) for each in found] == [(code, "InvoicingMethod", E_MAIL, 1, "set_invoicing", None)]
    assert found[0].changed_by == USER_NAME
    assert found[0].changed_at is not None
    assert found[0].changed_at.isoformat()[:19] == str(row["Modified"])[:19]


@pytest.mark.parametrize(
    ("changes", "field", "set_to", "now", "repair", "reason"),
    [
        ({"InvoicingMethod": 32}, "InvoicingMethod", E_MAIL, 32, None, "uses_peppol"),
        ({"InvoiceAttachmentType": 1}, "InvoiceAttachmentType", ATTACHMENT_TYPE, 1, "set_invoicing", None),
    ],
)
def test_drift_says_what_the_plan_does(
    office: Office, changes: dict[str, Any], field: str, set_to: int, now: int, repair: str | None, reason: str | None
) -> None:
    """What the plan repairs names the action, a choice that it respects names the reason."""
    code = turned(office)
    office.server.state.ui_change_account(DIVISION, code, **changes)

    assert [told(each) for each in drift(office)] == [(code, field, set_to, now, repair, reason)]


def test_contact_of_ours(office: Office) -> None:
    """An address, a name and the place of main contact are told; the name is kept, the rest repaired."""
    code = turned(office)
    contact = our_contact(office, code)["ID"]
    office.server.state.ui_change_contact(DIVISION, contact, Email="oud@uploads.is", LastName="Mail")
    office.server.state.ui_change_account(DIVISION, code, MainContact=contact)

    assert [told(each) for each in drift(office)] == [
        (code, "Email", office.world.upload_address(DIVISION), "oud@uploads.is", "update_contact", None),
        (code, "LastName", "Email", "Mail", None, None),
        (code, "MainContact", None, contact, "update_contact", None),
    ]


def test_contact_that_is_gone(office: Office) -> None:
    """A contact of ours that somebody deleted is told, and would be made again."""
    code = turned(office)
    contact = our_contact(office, code)["ID"]
    office.server.state.ui_delete(DIVISION, "contacts", contact)

    assert [told(each) for each in drift(office)] == [(code, "Contact", contact, None, "create_contact", None)]


def test_what_was_undone_is_no_drift(office: Office) -> None:
    """After an undo the values from before are not taken for somebody's change."""
    office.undo()

    assert drift(office) == ()


def test_repair_ends_the_drift(office: Office) -> None:
    """Once the plan is applied again nothing has drifted any more."""
    office.server.state.ui_change_account(DIVISION, turned(office), InvoicingMethod=1)
    office.sync()

    office.apply()

    assert drift(office) == ()


class CountedPlan(tuple[Change, ...]):
    """Counts how often it is looked through."""

    looks = 0

    def __iter__(self) -> Iterator[Change]:
        self.looks += 1
        return super().__iter__()


def test_plan_is_looked_through_once(office: Office) -> None:
    """Whatever drifted, the plan is not searched anew for each of it: a large office would wait for hours."""
    for card in office.world.division(DIVISION).customers:
        office.server.state.ui_change_account(DIVISION, str(card.code), InvoiceAttachmentType=1)
    office.sync()
    with office.database.reading() as session:
        everybody = customers.all_customers(session, office.division.code)
        applied = [
            Applied(customer=step.customer_id, contact=step.contact_id, after=step.after)
            for step in journal.undoable_steps(session, DIVISION)
        ]
    changes = CountedPlan(office.plan().changes)

    found = find_drift(applied, everybody, (), replace(office.plan(), changes=changes))

    assert (len(found) > 1, changes.looks) == (True, 1)
