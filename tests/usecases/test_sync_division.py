"""A sync brings everything over once, costs little when nothing changed, and can be broken off anywhere."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.customer import Division
from connector.errors import Busy, ExactUnavailable, RightsMissing
from connector.exact.records import SALES_INVOICES
from connector.storage import cursors, customers, documents, files, sales_invoices
from connector.usecases.ownership import Lease
from connector.usecases.take_invoices import take_invoices

from .office import DIVISION, START, TODAY, Killed, Office, OpenOffice

CODE = Division(DIVISION)
SYNC_STREAMS = 6


def text(value: Any) -> str:
    return str(value or "").strip()


def our_customers(office: Office) -> dict[str, tuple[object, ...]]:
    with office.database.reading() as session:
        found = customers.all_customers(session, CODE)
    assert len({card.id for card in found}) == len(found)
    return {
        card.id: (card.code, card.name, card.email, card.kvk, card.invoicing_method or 0, card.main_contact)
        for card in found
    }


def their_customers(office: Office) -> dict[str, tuple[object, ...]]:
    return {
        str(row["ID"]): (
            text(row["Code"]),
            row["Name"],
            text(row["Email"]),
            text(row["ChamberOfCommerce"]),
            row["InvoicingMethod"] or 0,
            row["MainContact"],
        )
        for row in office.server.state.accounts(DIVISION)
    }


def our_contacts(office: Office) -> dict[str, tuple[object, ...]]:
    with office.database.reading() as session:
        found = customers.all_contacts(session, CODE)
    return {contact.id: (contact.customer, contact.email, contact.last_name) for contact in found}


def their_contacts(office: Office) -> dict[str, tuple[object, ...]]:
    return {
        str(row["ID"]): (row["Account"], text(row["Email"]), text(row["LastName"]))
        for row in office.server.state.contacts(DIVISION)
    }


def our_rows(office: Office) -> dict[str, Counter[tuple[int, str]]]:
    """By invoice, its header and lines with their amounts."""
    found: dict[str, Counter[tuple[int, str]]] = {}
    with office.database.reading() as session:
        for row in office.server.state.rows(DIVISION, "invoices"):
            invoice = str(row["InvoiceID"])
            stored = sales_invoices.rows_of(session, CODE, invoice)
            found[invoice] = Counter((each.line_number, str(Decimal(str(each.record["AmountFC"])))) for each in stored)
    return found


def their_rows(office: Office) -> dict[str, Counter[tuple[int, str]]]:
    found: dict[str, Counter[tuple[int, str]]] = {}
    for row in office.server.state.rows(DIVISION, "invoices"):
        found[str(row["InvoiceID"])] = Counter([(0, str(Decimal(str(row["AmountFC"]))))])
    for line in office.server.state.rows(DIVISION, "lines"):
        number = line["LineNumber"]
        assert isinstance(number, int)
        found[str(line["InvoiceID"])][number, str(Decimal(str(line["AmountFC"])))] += 1
    return found


def assert_all_here(office: Office) -> None:
    """Customers, contacts, invoices and lines are the sandbox's own, none missing, none twice."""
    assert our_customers(office) == their_customers(office)
    assert our_contacts(office) == their_contacts(office)
    assert our_rows(office) == their_rows(office)
    with office.database.reading() as session:
        assert sales_invoices.count(session, CODE) == len(their_rows(office))


@pytest.mark.parametrize(("seed", "customers", "invoices"), [(1, 42, 40), (3, 1, 1), (4, 3, 0)])
def test_first_sync_brings_everything(open_office: OpenOffice, seed: int, customers: int, invoices: int) -> None:
    """After the first sync the database holds just what Exact holds."""
    office = open_office(seed=seed, customers=customers, invoices=invoices)

    report = office.sync()

    assert_all_here(office)
    assert (report.customers.total, report.invoices.total) == (customers, invoices)


def test_idle_sync_costs_six_calls(office: Office) -> None:
    """A second sync asks each of the six streams once and nothing else."""
    office.sync()
    office.server.reset_calls()

    report = office.sync()

    assert report.api_calls == office.server.calls_total == SYNC_STREAMS
    assert (report.customers.changed, report.contacts.changed, report.invoices.changed, report.fetched) == (0, 0, 0, 0)


def test_division_and_vat_codes_once_a_day(office: Office) -> None:
    """Divisions and VAT codes are read again only after a day."""
    office.sync()
    office.server.reset_calls()
    asked = []

    for hours in (23, 2):
        office.clock.forward(hours=hours)
        office.sync()
        asked.append(
            (
                office.server.calls(DIVISION, "GET", "system/Divisions"),
                office.server.calls(DIVISION, "GET", "vat/VATCodes"),
            )
        )

    assert asked == [(0, 0), (1, 1)]


def test_changes_arrive(office: Office) -> None:
    """A changed card, contact and invoice are brought over, counted, and nothing else is."""
    office.sync()
    state = office.server.state
    state.ui_change_account(DIVISION, 2, Email="nieuw@klant.example")
    state.ui_change_contact(DIVISION, str(state.contacts(DIVISION)[0]["ID"]), LastName="Andersom")
    number = next(row["InvoiceNumber"] for row in state.rows(DIVISION, "invoices") if row["InvoiceNumber"])
    assert isinstance(number, int)
    state.ui_change_invoice(DIVISION, number, AmountFC=1.23)

    report = office.sync()

    assert_all_here(office)
    assert (report.customers.changed, report.contacts.changed, report.invoices.changed) == (1, 1, 1)


def test_deletions_arrive(office: Office) -> None:
    """What was deleted in Exact goes here as well: a card, a contact, an invoice with its lines."""
    office.sync()
    state = office.server.state
    state.ui_delete(DIVISION, "contacts", str(state.contacts(DIVISION)[-1]["ID"]))
    state.ui_delete(DIVISION, "accounts", str(state.accounts(DIVISION)[-1]["ID"]))
    invoice = str(state.rows(DIVISION, "invoices")[0]["InvoiceID"])
    for line in state.rows(DIVISION, "lines"):
        if line["InvoiceID"] == invoice:
            state.ui_delete(DIVISION, "lines", str(line["ID"]))
    state.ui_delete(DIVISION, "invoices", invoice)

    report = office.sync()

    assert_all_here(office)
    assert (report.customers.deleted, report.contacts.deleted, report.invoices.deleted) == (1, 1, 1)
    with office.database.reading() as session:
        assert not sales_invoices.rows_of(session, CODE, invoice)


def interrupt_at(what: str, after_pages: int) -> Any:
    """A progress callback that ends the process after so many pages of one stream."""
    pages = Counter[str]()

    def progress(stream: str, rows: int) -> None:
        pages[stream] += 1
        if stream == what and pages[stream] == after_pages:
            raise Killed

    return progress


@pytest.mark.parametrize("stream", ["Accounts", "Contacts", "SalesInvoices", "Documents", "Deleted"])
def test_interrupted_sync_goes_on(open_office: OpenOffice, stream: str) -> None:
    """Killed between two streams or pages, the next sync completes it: nothing is missing, nothing twice."""
    office = open_office(customers=12, invoices=12)
    with pytest.raises(Killed):
        office.sync(progress=interrupt_at(stream, 1))

    office.sync()

    assert_all_here(office)


def test_half_read_invoices_are_not_taken(open_office: OpenOffice) -> None:
    """Killed in the middle of the invoice stream, no invoice is taken until the rest has been read."""
    office = open_office(customers=10, invoices=300)
    with pytest.raises(Killed):
        office.sync(start_date=TODAY, progress=interrupt_at("SalesInvoices", 1))

    too_early = take_invoices(office.database, office.division, office.handling(), clock=office.clock)
    office.sync(start_date=TODAY)

    assert too_early == []
    assert_all_here(office)
    with pytest.raises(Killed):
        take_invoices(office.database, office.division, office.handling(), clock=office.clock, progress=end_process)


def end_process(taken: int) -> None:
    """Called once the first invoice was taken."""
    raise Killed


def test_resumed_sync_does_not_read_pages_again(open_office: OpenOffice) -> None:
    """After a kill the finished page is not asked for again."""
    office = open_office(customers=10, invoices=300)
    with pytest.raises(Killed):
        office.sync(start_date=TODAY, progress=interrupt_at("SalesInvoices", 1))
    with office.database.reading() as session:
        before = cursors.read(session, CODE, SALES_INVOICES.path)

    report = office.sync(start_date=TODAY)

    assert before.timestamp > 0
    assert not before.caught_up
    assert 0 < report.invoices.changed < 300


def test_full_sync_changes_nothing_that_is_the_same(office: Office) -> None:
    """`full` reads every row again and finds that nothing changed."""
    office.sync()

    office.sync(full=True)

    assert_all_here(office)


def test_moved_division_is_read_anew_without_effects(open_office: OpenOffice) -> None:
    """After a move everything is re-read: no invoice comes in and no mail goes out a second time."""
    office = open_office(customers=12, invoices=20)
    office.sync()
    office.work()
    mails, taken = len(office.mailbox.messages()), len(office.all_invoices())
    office.server.state.move_division(DIVISION)
    office.server.state.ui_change_account(DIVISION, 1, Email="verhuisd@klant.example")
    office.clock.forward(days=1, minutes=1)
    office.server.reset_calls()

    office.sync()
    office.work()

    assert_all_here(office)
    assert len(office.all_invoices()) == taken > 0
    assert len(office.mailbox.messages()) == mails > 0
    assert office.server.calls(DIVISION, "GET", "docs/SysAttachment.aspx") == 0


def test_deleted_customer_does_not_come_back_after_a_move(office: Office) -> None:
    """Re-reading everything after a move does not bring back what was deleted before it."""
    office.sync()
    office.server.state.ui_delete(DIVISION, "accounts", str(office.server.state.accounts(DIVISION)[-1]["ID"]))
    office.sync()
    office.server.state.move_division(DIVISION)
    office.clock.forward(days=1, minutes=1)

    office.sync()

    assert_all_here(office)


def test_files_only_from_the_start_date_on(open_office: OpenOffice) -> None:
    """Files are fetched for finished invoices on or after the start date; of older ones only the metadata."""
    office = open_office(customers=12, invoices=30)
    wanted = {
        file.id
        for document in office.world.division(DIVISION).documents
        if document.invoice.invoice_date >= START
        for file in document.attachments
    }
    everything = {
        file.id: file.content for document in office.world.division(DIVISION).documents for file in document.attachments
    }

    report = office.sync()

    fetched = {}
    with office.database.reading() as session:
        for document in office.world.division(DIVISION).documents:
            for found in documents.attachments_of_invoice(session, DIVISION, document.invoice.id, None):
                if found.sha256:
                    fetched[found.id] = files.load(session, found.sha256)
    assert set(fetched) == wanted < set(everything)
    assert report.fetched == len(wanted) == office.server.calls(DIVISION, "GET", "docs/SysAttachment.aspx")
    assert all(everything[key] == content for key, content in fetched.items())


def test_attachment_that_is_too_large_keeps_nothing_back(open_office: OpenOffice) -> None:
    """One file of more than 25 MB is left out; the sync ends well and the invoices can be taken."""
    office = open_office(customers=6, invoices=8)
    recent = next(
        document
        for document in office.world.division(DIVISION).documents
        if document.invoice.invoice_date >= START and document.attachments
    )
    name = recent.attachments[0].file_name
    office.server.state.contents[recent.attachments[0].id] = (name, b"%PDF" + bytes(26 * 1024 * 1024))

    report = office.try_sync()

    assert report.error is None
    assert report.fetched > 0


def test_division_in_use_elsewhere(office: Office) -> None:
    """While another process syncs the division, the report says so and Exact is not asked."""
    office.server.reset_calls()
    with Lease(office.database, f"sync:{DIVISION}", now=office.clock()):
        report = office.try_sync()

    assert isinstance(report.error, Busy)
    assert office.server.calls_total == 0


def test_lease_is_given_back(office: Office) -> None:
    """After a sync, also after one that failed, the division is free."""
    office.server.state.office.chains[-1].divisions.remove(DIVISION)
    assert office.try_sync().error is not None

    with Lease(office.database, f"sync:{DIVISION}", now=office.clock()):
        pass


def test_missing_right_ends_in_the_report(office: Office) -> None:
    """A division that the log-in may no longer open is reported, with exit code 3."""
    office.sync()
    office.server.state.office.chains[-1].divisions.remove(DIVISION)

    report = office.try_sync()

    assert isinstance(report.error, RightsMissing)
    assert report.error.exit_code == 3
    assert report.as_json()["error"] == report.error.message


def test_exact_away_ends_in_the_report(office: Office) -> None:
    """Without an answer from Exact the report says that it is unavailable, and keeps the totals."""
    office.sync()
    office.server.stop()

    report = office.try_sync()

    assert isinstance(report.error, ExactUnavailable)
    assert report.customers.total == 6


def test_limits_are_waited_out(open_office: OpenOffice) -> None:
    """With sixty calls a minute a sync of more than that ends well, without a single 429."""
    office = open_office(customers=12, invoices=110, limits=True)
    begun = office.clock()

    report = office.sync()

    assert report.api_calls > 60
    assert office.server.refusals(429) == 0
    assert timedelta(minutes=10) > office.clock() - begun > timedelta(seconds=50)


def test_report_is_json(office: Office) -> None:
    """The report has the shape of interfaces.md."""
    document = json.loads(json.dumps(office.sync().as_json()))

    assert document["division"] == DIVISION
    assert document["customers"] == {"changed": 6, "deleted": 0, "total": 6}
    assert document["error"] is None
