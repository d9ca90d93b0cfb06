"""Where Exact refuses a sync endpoint, the same rows are read the slow way, and nothing is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from connector.cli.sync import describe
from connector.customer import Division
from connector.errors import RightsMissing
from connector.exact import records
from connector.exact.records import Stream
from connector.storage import documents, sales_invoices
from connector.usecases.take_invoices import take_invoices

from .office import DIVISION, START, Killed, Office, OpenOffice
from .test_sync_compare import ids, open_invoice, our_ids, touch_invoice, vanish
from .test_sync_division import assert_all_here, our_rows, their_rows

CODE = Division(DIVISION)
WITH_TWIN = [stream for stream in records.STREAMS if stream.plain is not None]
EVERYTHING = "refuse:403:sync/*"
by_name = pytest.mark.parametrize("stream", WITH_TWIN, ids=lambda stream: stream.name)


def refuse(office: Office, endpoint: str, status: int = 403) -> None:
    office.server.state.faults.on(f"refuse:{status}:{endpoint}")


def allow(office: Office) -> None:
    office.server.state.faults.off()


def asked(office: Office, endpoint: str) -> int:
    return office.server.calls(DIVISION, "GET", endpoint)


def documents_here(office: Office) -> tuple[set[str], dict[str, str]]:
    """Documents, and the files of those that matter, with their names."""
    with office.database.reading() as session:
        files = session.connection().execute(documents.ATTACHMENTS.select()).mappings()
        return our_ids(office, "documents"), {row["id"]: row["file_name"] for row in files}


def documents_there(office: Office) -> tuple[set[str], dict[str, str]]:
    """The same of the sandbox: files of finished invoices since the start date."""
    state = office.server.state
    recent = {
        row["InvoiceID"]
        for row in state.rows(DIVISION, "invoices")
        if row["Status"] == sales_invoices.FINISHED and str(row["InvoiceDate"])[:10] >= START.isoformat()
    }
    papers = {row["ID"] for row in state.rows(DIVISION, "documents") if row["FinancialTransactionEntryID"] in recent}
    files = {
        str(row["ID"]): str(row["FileName"]) for row in state.rows(DIVISION, "attachments") if row["Document"] in papers
    }
    return set(ids(office, "documents")), files


def assert_documents_here(office: Office) -> None:
    ours, our_files = documents_here(office)
    theirs, their_files = documents_there(office)
    assert ours == theirs
    assert their_files.items() <= our_files.items()


@pytest.mark.parametrize("status", [401, 403, 404])
@by_name
def test_refused_stream_is_read_the_slow_way(open_office: OpenOffice, stream: Stream, status: int) -> None:
    """Whatever stream is refused, and however: everything arrives, and the report says how."""
    office = open_office(customers=70, invoices=90)
    refuse(office, stream.path, status)

    report = office.sync()

    assert_all_here(office)
    assert_documents_here(office)
    assert [note.partition(":")[0] for note in report.notes] == [stream.name]
    assert asked(office, stream.path) == 1


def test_invoices_read_the_slow_way_are_the_same(open_office: OpenOffice) -> None:
    """Every finished invoice says the same in its header and lines, read by one way or the other."""
    office = open_office(customers=30, invoices=80)
    office.sync()
    quick = facts(office)
    refuse(office, "sync/*")

    office.sync(full=True)

    assert facts(office) == quick


def facts(office: Office) -> Mapping[str, Any]:
    """Of every row what a header or a line says; a line of the stream repeats the header's values as well."""
    found = {}
    with office.database.reading() as session:
        for invoice in ids(office, "invoices", "InvoiceID"):
            for row in sales_invoices.rows_of(session, CODE, invoice):
                names = (
                    records.SalesInvoiceRow.LINE_FIELDS if row.line_number else records.SalesInvoiceRow.HEADER_FIELDS
                )
                found[row.id] = {name: str(row.record.get(name)) for name in names}
    return found


def test_invoices_of_a_refused_office_go_out(open_office: OpenOffice) -> None:
    """With every sync endpoint refused, each invoice gets where the world says it should."""
    office = open_office(customers=20, invoices=30)
    refuse(office, "sync/*")

    office.sync()
    office.work()

    sent = {int(stored.number) for stored in office.all_invoices() if stored.state == "delivered"}
    assert sent == set(office.expected_numbers("deliver"))
    assert sent


def test_changes_arrive_the_slow_way(open_office: OpenOffice) -> None:
    """Changed cards, contacts and invoices arrive, a deleted line goes, and unchanged rows count as no change."""
    office = open_office(customers=20, invoices=60)
    refuse(office, "sync/*")
    office.sync()
    office.clock.forward(days=3)
    state = office.server.state
    state.ui_change_account(DIVISION, 2, Email="nieuw@klant.example")
    state.ui_change_contact(DIVISION, ids(office, "contacts")[0], LastName="Andersom")
    invoice = open_invoice(office)
    line = next(row for row in state.rows(DIVISION, "lines") if row["InvoiceID"] == invoice)
    state.ui_delete(DIVISION, "lines", str(line["ID"]))
    touch_invoice(office, invoice)

    first, second = office.sync(), office.sync()

    assert_all_here(office)
    assert (first.customers.changed, first.contacts.changed, first.invoices.changed) == (1, 1, 1)
    assert (second.customers.changed, second.contacts.changed, second.invoices.changed) == (0, 0, 0)


def test_idle_slow_sync_is_cheap(open_office: OpenOffice) -> None:
    """Nothing changed for long: one call for each stream that has Modified, none for files and lines."""
    office = open_office(customers=20, invoices=30)
    refuse(office, "sync/*")
    office.sync()
    office.sync()
    office.server.reset_calls()

    report = office.sync()

    assert report.api_calls == sum(stream is not records.ATTACHMENTS for stream in WITH_TWIN)


def test_refused_lately_is_not_asked_again(open_office: OpenOffice) -> None:
    """A day long the refused endpoint is left alone; then it is asked once, and refused for another day."""
    office = open_office()
    refuse(office, "sync/CRM/Contacts")
    office.sync()
    counts = []

    for hours in (12, 11, 2, 12):
        office.clock.forward(hours=hours)
        office.sync()
        counts.append(asked(office, "sync/CRM/Contacts"))

    assert counts == [1, 1, 2, 2]


@by_name
def test_right_given_back_is_used(open_office: OpenOffice, stream: Stream) -> None:
    """Once the endpoint is allowed again, the stream is read by it from the start, and what vanished goes."""
    office = open_office(customers=20, invoices=30)
    refuse(office, stream.path)
    office.sync()
    office.clock.forward(days=1, minutes=1)
    if stream is not records.ATTACHMENTS and stream is not records.SALES_INVOICES:
        vanish(office, stream.name.lower(), ids(office, stream.name.lower())[0])
    allow(office)

    report = office.sync()
    idle = office.sync()

    assert_all_here(office)
    assert_documents_here(office)
    assert report.notes == []
    assert idle.api_calls == len(records.STREAMS)


@pytest.mark.parametrize(
    ("stream", "scope"),
    [
        (records.CONTACTS, "Crm accounts"),
        (records.SALES_INVOICES, "Sales invoices"),
        (records.DOCUMENTS, "Organization documents"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_refused_in_both_ways_names_the_scope(office: Office, stream: Stream, scope: str) -> None:
    """When the plain endpoint is refused as well, the error says which right and scope are missing."""
    assert stream.plain is not None
    refuse(office, stream.path)
    refuse(office, stream.plain.path)

    report = office.try_sync()

    assert isinstance(report.error, RightsMissing)
    assert stream.path in report.error.message
    assert stream.plain.path in report.error.message
    assert scope in report.error.hint


def test_both_ways_refused_stays_below_the_limit(open_office: OpenOffice) -> None:
    """An hour of syncs every five minutes at a closed door: fewer than the ten refusals that block the key."""
    office = open_office(limits=True)
    refuse(office, "sync/CRM/Contacts")
    refuse(office, "crm/Contacts")

    for _ in range(12):
        office.try_sync()
        office.clock.forward(minutes=5)

    assert asked(office, "sync/CRM/Contacts") <= 5
    assert asked(office, "crm/Contacts") <= 5


@pytest.mark.parametrize("reason", ["LicenseExpired", "BlockedUser", "NoDivisionAccess"])
def test_refusal_of_everything_is_no_reason_for_the_slow_way(office: Office, reason: str) -> None:
    """When the user, the licence or the division is refused, another endpoint of theirs is not tried."""
    office.sync()
    office.server.state.faults.on(f"refuse:403:sync/CRM/Accounts:{reason}")
    office.server.reset_calls()

    report = office.try_sync()

    assert isinstance(report.error, RightsMissing)
    assert report.error.reason == reason
    assert asked(office, "crm/Accounts") == 0


def test_deletions_without_their_log_are_found_weekly(open_office: OpenOffice) -> None:
    """Without sync/Deleted everything is read again once a week, and what is gone goes then."""
    office = open_office(customers=12, invoices=10)
    refuse(office, "sync/Deleted")
    office.sync()
    office.server.state.ui_delete(DIVISION, "contacts", ids(office, "contacts")[0])
    stale = []

    for _ in range(9):
        office.clock.forward(days=1)
        office.sync()
        stale.append(len(our_ids(office, "contacts") - set(ids(office, "contacts"))))

    assert stale == [1, 1, 1, 1, 1, 1, 0, 0, 0]


def test_slow_reading_goes_on_where_it_stopped(open_office: OpenOffice) -> None:
    """Killed between two pages, the next sync reads on from the last Modified, and no half invoice is taken."""
    office = open_office(customers=30, invoices=200)
    refuse(office, "sync/*")
    pages = []

    def end(stream: str, rows: int) -> None:
        pages.append(stream)
        if pages.count("SalesInvoices") == 2:
            raise Killed

    with pytest.raises(Killed):
        office.sync(progress=end)
    too_early = take_invoices(office.database, office.division, office.handling(), clock=office.clock)
    office.server.reset_calls()
    office.sync()

    assert too_early == []
    assert_all_here(office)
    assert asked(office, "salesinvoice/SalesInvoices") < 4  # 200 headers are four pages; one at least is not read again
    assert our_rows(office) == their_rows(office)


def test_report_says_the_slow_way(office: Office) -> None:
    """The line of `sync` and its JSON name the endpoint that is refused."""
    refuse(office, "sync/CRM/Contacts")

    report = office.sync()

    document = json.loads(json.dumps(report.as_json()))
    assert "Exact refuses sync/CRM/Contacts" in document["notes"][0]
    assert document["notes"][0] in describe(report)
    assert document["troubles"] == []


def test_report_says_what_was_kept(open_office: OpenOffice) -> None:
    """A sync says how many rows were kept though Exact shows them no more."""
    office = open_office(customers=40, invoices=0)
    office.sync()
    office.server.state.faults.on("empty-stream:sync/CRM/Accounts")

    report = office.try_sync(full=True)

    assert "Accounts: Exact no longer shows 40 rows" in report.troubles[0].message
    assert report.customers.total == 40
