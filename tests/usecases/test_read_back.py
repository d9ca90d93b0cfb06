"""Reading back: what counts is what Exact gives after a write, never our own copy of the card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.customer import Contact, ContactId, Customer
from connector.storage import customers
from connector.usecases.read_back import CONTACTS, Written, held_version, read_back

from .office import DIVISION, Office, OpenOffice


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """A handful of customers, synced."""
    office = open_office(customers=6, invoices=0)
    office.sync()
    return office


def card_of(office: Office, code: str) -> Customer:
    with office.database.reading() as session:
        found = customers.find_by_code(session, office.division.code, code)
    assert found is not None
    return found


def contact_of(office: Office, code: str) -> Contact:
    with office.database.reading() as session:
        return customers.contacts_of(session, office.division.code, card_of(office, code).id)[0]


def method_written(office: Office, code: str, method: int) -> Written:
    """What a write of the invoicing method claims, with our own copy already brought along."""
    card = card_of(office, code)
    version = held_version(office.database, card.division, card.id, None)
    with office.database.transaction() as session:
        customers.note_customer(session, replace(card, invoicing_method=method))
    return Written(customer=card.id, contact=None, values={"InvoicingMethod": method}, version=version)


def test_write_that_lasted(office: Office) -> None:
    """A row that is newer than before the write and holds the value is proof, and needs no look-up."""
    written = method_written(office, "1", 8)
    office.server.state.ui_change_account(DIVISION, "1", InvoicingMethod=8)
    office.server.reset_calls()

    (kept,) = read_back(office.database, office.client, office.division.code, [written], clock=office.clock)

    assert kept.trouble == ""
    assert office.server.calls(DIVISION, "GET", "crm/Accounts") == 0


def test_writes_that_changed_nothing_are_looked_up_together(office: Office) -> None:
    """No newer row comes of them: one call for all, each is told, and our copy says again what Exact does."""
    before = [card_of(office, code).invoicing_method for code in ("1", "2")]
    written = [method_written(office, code, 8) for code in ("1", "2")]
    office.server.reset_calls()

    kept = read_back(office.database, office.client, office.division.code, written, clock=office.clock)

    assert ["InvoicingMethod" in each.trouble for each in kept] == [True, True]
    assert office.server.calls(DIVISION, "GET", "crm/Accounts") == 1
    assert [card_of(office, code).invoicing_method for code in ("1", "2")] == before


def test_row_that_cannot_be_read_proves_nothing(office: Office) -> None:
    """Where neither sync nor the look-up can be read, nobody knows; that is no success."""
    written = method_written(office, "1", 8)
    office.server.state.ui_change_account(DIVISION, "1", InvoicingMethod=8)
    office.server.state.faults.on("changed-type:VATNumber")

    (kept,) = read_back(office.database, office.client, office.division.code, [written], clock=office.clock)

    assert (kept.record, kept.is_unknown) == (None, True)
    assert "VATNumber" in kept.trouble


@pytest.mark.parametrize("deleted", [True, False])
def test_deletion_is_looked_up(office: Office, deleted: bool) -> None:
    """That a contact is gone is believed when Exact does not have it any more."""
    contact = contact_of(office, "1")
    written = Written(customer=contact.customer, contact=contact.id, values=None)
    if deleted:
        office.client.delete(CONTACTS, contact.id)

    (kept,) = read_back(office.database, office.client, office.division.code, [written], clock=office.clock)

    assert (kept.trouble == "") == deleted


def test_contact_that_was_never_made(office: Office) -> None:
    """A contact that only our copy has is told, and goes from our copy."""
    card = card_of(office, "1")
    made = Contact(division=card.division, id=ContactId("0" * 8 + "-0000-0000-0000-" + "0" * 12), customer=card.id)
    with office.database.transaction() as session:
        customers.note_contact(session, made)
    written = Written(customer=card.id, contact=made.id, values={"Email": ""})

    (kept,) = read_back(office.database, office.client, card.division, [written], clock=office.clock)

    assert kept.record is None
    assert kept.trouble != ""
    with office.database.reading() as session:
        assert made.id not in [contact.id for contact in customers.contacts_of(session, card.division, card.id)]
