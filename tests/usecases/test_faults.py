"""Whatever Exact does to a sync, it ends with a report, and once the trouble is over the database is Exact's image."""

from __future__ import annotations

from typing import Any

import pytest

from connector.exact_sandbox.faults import KINDS
from connector.storage import customers, sales_invoices

from .office import DIVISION, Office, OpenOffice

REFUSED = ("refuse:403:sync/CRM/Contacts:LicenseExpired", "refuse:400:sync/SalesInvoice/SalesInvoices")
OF_WRITES = {"lost-posts", "lost-puts", "lost-deletes", "mail-fails", "reprint", "webhook-twice", "webhook-late"}
"""Of writes, printing and webhooks: a sync has none of them."""
LEFT_OUT = OF_WRITES | {"refuse", "slow-token", "token-lost"}
"""Written out below; really takes its time; and loses the connection, which nobody can mend but a person."""
WRITTEN = sorted(KINDS.keys() - LEFT_OUT) + list(REFUSED)


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """More than a page of customers; tokens that have to be renewed between two syncs."""
    return open_office(customers=1010, invoices=12, limits=True, token_life=300)


def image(office: Office) -> dict[str, Any]:
    """What of a division we hold, by id."""
    code = office.division.code
    with office.database.reading() as session:
        cards = {card.id: (card.code, card.name) for card in customers.all_customers(session, code)}
        contacts = {contact.id: contact.email for contact in customers.all_contacts(session, code)}
        headers = {row["InvoiceID"] for row in office.server.state.rows(DIVISION, "invoices")}
        rows = {row.id: row.timestamp for each in headers for row in sales_invoices.rows_of(session, code, str(each))}
    return {"cards": cards, "contacts": contacts, "invoice rows": rows}


def truth(office: Office) -> dict[str, Any]:
    """The same of the sandbox."""
    state = office.server.state
    return {
        "cards": {row["ID"]: (row["Code"], row["Name"]) for row in state.accounts(DIVISION)},
        "contacts": {row["ID"]: row["Email"] or "" for row in state.contacts(DIVISION)},
        "invoice rows": {row["ID"]: row["Timestamp"] for row in state.rows(DIVISION, "flat")},
    }


@pytest.mark.parametrize("written", WRITTEN)
def test_after_a_fault_the_database_is_exacts_image(office: Office, written: str) -> None:
    """A first sync under a fault, twice; when the fault is over and a day has passed, one more makes it whole."""
    office.server.state.faults.on(written)
    for _ in range(2):
        office.try_sync()
        office.clock.forward(minutes=6)
    office.server.state.faults.off()
    office.clock.forward(days=1)

    office.sync()

    assert image(office) == truth(office)
