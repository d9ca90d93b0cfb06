"""The set-up of three hundred customers: what it costs, and what becomes of it when Exact's answers get lost."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from connector.exact_sandbox import expectations
from connector.storage import journal

from .office import DIVISION, Office, OpenOffice

CUSTOMERS = 300
LOST = 3 * int(os.environ.get("SOAK_ROUNDS", "1"))


def ours(office: Office) -> dict[str, str]:
    """Every contact with the upload address in Exact, with its customer."""
    address = office.world.upload_address(DIVISION)
    rows = office.server.state.contacts(DIVISION)
    return {str(row["ID"]): str(row["Account"]) for row in rows if row["Email"] == address}


def test_calls_for_three_hundred_customers(open_office: OpenOffice) -> None:
    """At most two writes a customer, and at most five per cent more calls for all reading back."""
    office = open_office(customers=CUSTOMERS, invoices=0)
    office.sync()
    to_change = sum(bool(one.actions) for one in expectations.setup(office.world, DIVISION).values())
    office.server.reset_calls()

    report = office.apply()

    writes = sum(office.server.calls(DIVISION, method) for method in ("POST", "PUT", "DELETE"))
    assert report.remaining == 0
    assert to_change > 100
    assert writes <= 2 * to_change
    assert office.server.calls_total <= 2 * to_change * 1.05


@pytest.mark.soak
@pytest.mark.parametrize("fault", ["lost-posts", "lost-puts"])
def test_lost_answers_make_no_second_contact(open_office: OpenOffice, fault: str) -> None:
    """With many an answer lost: one contact each, nothing failed, and journal and Exact name the same contacts."""
    office = open_office(customers=CUSTOMERS, invoices=0)
    office.sync()
    before = {row["ID"] for row in office.server.state.contacts(DIVISION)}
    expected = expectations.setup(office.world, DIVISION)
    action = {"lost-posts": "create_contact", "lost-puts": "set_invoicing"}[fault]
    to_make = sum("create_contact" in one.actions for one in expected.values())
    often = sum(action in one.actions for one in expected.values()) // LOST
    office.server.state.faults.on(f"{fault}:{often}")

    report = office.apply()

    made = {contact: owner for contact, owner in ours(office).items() if contact not in before}
    assert (report.failed, report.skipped, report.remaining) == ([], [], 0)
    assert len(made) == to_make
    assert max(Counter(ours(office).values()).values()) == 1
    with office.database.reading() as session:
        done = journal.undoable_steps(session, office.division.code)
        assert journal.open_steps(session, office.division.code) == ()
    assert {step.contact_id: step.customer_id for step in done if step.action == "create_contact"} == made
    office.server.state.faults.off()
    office.sync()
    assert office.plan().changes == ()
