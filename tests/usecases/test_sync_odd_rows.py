"""Rows that come twice, old, with more fields or with other types: nothing wrong is stored, and what is odd is told."""

from __future__ import annotations

import pytest

from connector.customer import Division
from connector.errors import ExactDoubtful, ExactUnexpected
from connector.exact.records import SalesInvoiceRow
from connector.storage import customers, documents, sales_invoices

from .office import DIVISION, Office, OpenOffice
from .test_sync_compare import our_ids
from .test_sync_division import assert_all_here, our_contacts, our_customers, their_contacts, their_customers

CODE = Division(DIVISION)


@pytest.mark.parametrize("fault", ["repeated-rows", "old-versions", "empty-last-page", "unknown-fields"])
def test_odd_pages_change_nothing(open_office: OpenOffice, fault: str) -> None:
    """Rows that are repeated, rows as they were before, an empty last page and unknown fields do no harm."""
    office = open_office(customers=20, invoices=420, faults=fault)
    office.sync(start_date=office.world.today)
    state = office.server.state
    state.ui_change_account(DIVISION, 2, Email="een@klant.example")
    state.ui_change_account(DIVISION, 2, Email="twee@klant.example")
    state.ui_change_contact(DIVISION, str(state.contacts(DIVISION)[0]["ID"]), LastName="Andersom")

    report = office.sync(start_date=office.world.today)

    assert_all_here(office)
    assert report.errors == []
    assert (report.customers.changed, report.contacts.changed) == (1, 1)


def test_row_of_another_type_keeps_nothing_else_back(open_office: OpenOffice) -> None:
    """A changed card with an object for its phone number is left out; cards, contacts and invoices beside it arrive."""
    office = open_office(customers=12, invoices=12)
    office.sync()
    before = our_customers(office)
    state = office.server.state
    state.faults.on("changed-type:Phone")
    odd = str(state.ui_change_account(DIVISION, 2, Phone="020 123 45 67", Email="vreemd@klant.example")["ID"])
    plain = str(state.ui_change_account(DIVISION, 3, Phone=None, Email="gewoon@klant.example")["ID"])

    report = office.try_sync()

    assert report.error is None
    assert {type(trouble) for trouble in report.troubles} == {ExactUnexpected}
    assert report.troubles[0].message.startswith("sync/CRM/Accounts: Account.Phone is not text but an object (")
    assert "020" not in report.troubles[0].message
    ours, theirs = our_customers(office), their_customers(office)
    assert ours[plain] == theirs[plain]
    assert ours[odd] == before[odd] != theirs[odd]
    assert our_contacts(office) == their_contacts(office)


def test_row_that_became_readable_arrives_by_itself(open_office: OpenOffice) -> None:
    """What was left out is asked for again each time: once it can be read it is here, with no change in Exact."""
    office = open_office(customers=12, invoices=0, faults="changed-type:Phone")
    troubled = office.try_sync()
    with_phone = {str(row["ID"]) for row in office.server.state.accounts(DIVISION) if row["Phone"]}
    missing = set(their_customers(office)) - our_ids(office, "accounts")
    office.server.state.faults.off()

    healed = office.sync()

    assert missing == with_phone
    assert troubled.troubles
    assert healed.errors == []
    assert_all_here(office)


def test_invoice_with_an_unreadable_line_is_held(open_office: OpenOffice) -> None:
    """An invoice of which a line cannot be read is held and says which field; it is never rendered without the line."""
    office = open_office(customers=12, invoices=30, faults="changed-type:ItemDescription")
    due = set(office.expected_numbers("deliver"))

    report = office.try_sync()
    office.work()

    stored = {int(each.number): each for each in office.all_invoices() if int(each.number) in due}
    assert [trouble.message.partition(" is not")[0] for trouble in report.troubles] == [
        "sync/SalesInvoice/SalesInvoices: SalesInvoice.ItemDescription"
    ]
    assert {(each.state.value, each.reason) for each in stored.values() if each.xml != "attached"} == {
        ("held", "fact_missing")
    }
    assert all("ItemDescription" in (each.detail or "") for each in stored.values() if each.state == "held")


def test_invoice_rows_become_readable(open_office: OpenOffice) -> None:
    """After the type is right again the rows of every invoice are whole."""
    office = open_office(customers=12, invoices=30, faults="changed-type:ItemDescription")
    office.try_sync()
    office.server.state.faults.off()

    office.sync()

    assert_all_here(office)
    with office.database.reading() as session:
        for row in office.server.state.rows(DIVISION, "invoices"):
            for stored in sales_invoices.rows_of(session, CODE, str(row["InvoiceID"])):
                assert SalesInvoiceRow.from_record(stored.record)


def test_stream_without_row_versions_stops(office: Office) -> None:
    """A Timestamp that is no number ends the sync with an error that names the stream; what is here stays."""
    office.sync()
    held = our_customers(office)
    office.server.state.faults.on("changed-type:Timestamp")

    report = office.try_sync()

    assert isinstance(report.error, ExactUnexpected)
    assert report.error.message == "sync/CRM/Accounts: Timestamp is no whole number"
    assert our_customers(office) == held
    with office.database.reading() as session:
        assert customers.count(session, CODE) == len(held)


@pytest.mark.parametrize("field", ["Phone", "LastName", "Currency", "Subject", "FileName"])
def test_unreadable_rows_are_not_taken_for_gone(open_office: OpenOffice, field: str) -> None:
    """Reading everything again forgets no card, contact, invoice, document or file that came but cannot be read."""
    office = open_office(customers=30, invoices=30)
    state = office.server.state
    with_phone = [str(row["Code"]).strip() for row in state.accounts(DIVISION) if row["Phone"]]
    for code in with_phone[3:]:
        state.ui_change_account(DIVISION, int(code), Phone=None)  # few enough to be believed gone
    office.sync()
    before = all_ids(office)
    state.faults.on(f"changed-type:{field}")

    report = office.try_sync(full=True)

    assert report.error is None
    assert {type(trouble) for trouble in report.troubles} == {ExactUnexpected}
    assert all_ids(office) == before


def test_what_came_unreadable_is_overruled_once_it_can_be_read(open_office: OpenOffice) -> None:
    """After a whole reading in which a changed card could not be read, what it says now arrives by itself."""
    office = open_office(customers=12, invoices=0)
    office.sync()
    state = office.server.state
    state.ui_change_account(DIVISION, 2, Phone="020 123 45 67", Email="nieuw@klant.example")
    state.faults.on("changed-type:Phone")
    office.try_sync(full=True)
    state.faults.off()

    office.sync()

    assert_all_here(office)


def test_row_without_a_key_makes_nothing_gone(open_office: OpenOffice) -> None:
    """When a row came of which not even the key can be read, it may be any of those not seen: all are kept and told."""
    office = open_office(customers=30, invoices=0)
    office.sync()
    before = all_ids(office)
    rows = office.server.state.stores[DIVISION].tables["accounts"]
    odd = next(iter(rows.values()))
    key, odd["ID"] = odd["ID"], None

    report = office.try_sync(full=True)
    kept = all_ids(office)
    odd["ID"] = key
    office.clock.forward(hours=6)
    healed = office.sync()

    assert kept == before == all_ids(office)
    assert [type(trouble) for trouble in report.troubles] == [ExactDoubtful, ExactUnexpected]
    assert healed.errors == []


def all_ids(office: Office) -> dict[str, set[str]]:
    """The keys of everything that is here."""
    tables = (
        customers.CUSTOMERS,
        customers.CONTACTS,
        sales_invoices.HEADERS,
        sales_invoices.ROWS,
        documents.DOCUMENTS,
        documents.ATTACHMENTS,
    )
    with office.database.reading() as session:
        return {table.name: set(session.connection().execute(table.select()).scalars("id")) for table in tables}


def test_unreadable_row_of_a_first_slow_reading_is_read_again(open_office: OpenOffice) -> None:
    """A card that could not be read when the slow way began arrives later, though nothing changed in Exact."""
    office = open_office(customers=12, invoices=0, faults="refuse:403:sync/CRM/Accounts,changed-type:Phone")
    office.try_sync()
    office.clock.forward(hours=6)
    office.server.state.faults.off("changed-type")

    office.sync()

    assert_all_here(office)
