"""What Exact has no more goes here too, and nothing else does, whatever happens to Exact's row versions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector.customer import Division
from connector.errors import ExactDoubtful
from connector.exact import records
from connector.storage import cursors, customers, documents, sales_invoices
from connector.usecases.read_stream import FEW, KEPT_FOR

from .office import DIVISION, Office, OpenOffice
from .test_sync_division import SYNC_STREAMS, assert_all_here, our_rows, their_rows

CODE = Division(DIVISION)


def vanish(office: Office, table: str, *keys: str) -> None:
    """Let rows be gone in Exact without any word in sync/Deleted, as after two months."""
    for key in keys:
        office.server.state.stores[DIVISION].take_away(table, key)


def ids(office: Office, table: str, key: str = "ID") -> list[str]:
    return [str(row[key]) for row in office.server.state.rows(DIVISION, table)]


def our_ids(office: Office, what: str) -> set[str]:
    with office.database.reading() as session:
        if what == "accounts":
            return {str(card.id) for card in customers.all_customers(session, CODE)}
        if what == "contacts":
            return {str(contact.id) for contact in customers.all_contacts(session, CODE)}
        table = {"documents": documents.DOCUMENTS, "attachments": documents.ATTACHMENTS}[what]
        return set(session.connection().execute(table.select()).scalars("id"))


def open_invoice(office: Office) -> str:
    """An invoice of several lines that can still be edited."""
    lines = office.server.state.rows(DIVISION, "lines")
    return next(
        str(row["InvoiceID"])
        for row in office.server.state.rows(DIVISION, "invoices")
        if row["Status"] == sales_invoices.OPEN and sum(line["InvoiceID"] == row["InvoiceID"] for line in lines) > 1
    )


def touch_invoice(office: Office, invoice: str) -> None:
    """Change an invoice as a person does: header and lines all get new versions [assumed]."""
    state = office.server.state
    for table, key in (("invoices", "InvoiceID"), ("lines", "InvoiceID")):
        for row in state.rows(DIVISION, table):
            if row[key] == invoice:
                state.write(DIVISION, table, row)


def test_line_deleted_from_an_open_invoice_goes(open_office: OpenOffice) -> None:
    """A line taken off an invoice is gone with the invoice's next change; the other lines stay."""
    office = open_office(customers=20, invoices=60)
    office.sync()
    invoice = open_invoice(office)
    line = next(row for row in office.server.state.rows(DIVISION, "lines") if row["InvoiceID"] == invoice)
    office.server.state.ui_delete(DIVISION, "lines", str(line["ID"]))
    touch_invoice(office, invoice)

    office.sync()

    assert our_rows(office) == their_rows(office)


def test_header_alone_keeps_its_lines(open_office: OpenOffice) -> None:
    """When only the header comes anew, the lines that are here stay: an invoice without lines is no invoice."""
    office = open_office(customers=20, invoices=60)
    office.sync()
    state = office.server.state
    header = next(row for row in state.rows(DIVISION, "invoices") if row["InvoiceID"] == open_invoice(office))
    state.write(DIVISION, "invoices", header)

    office.sync()

    assert our_rows(office) == their_rows(office)


def test_deletions_are_read_over_all_pages(open_office: OpenOffice) -> None:
    """More deletions than a page holds: all of them count."""
    office = open_office(customers=1100, invoices=0)
    office.sync()
    for key in ids(office, "contacts"):
        office.server.state.ui_delete(DIVISION, "contacts", key)
    assert len(office.server.state.rows(DIVISION, "deleted")) > 1000
    office.server.reset_calls()

    office.sync()

    assert our_ids(office, "contacts") == set()
    assert office.server.calls(DIVISION, "GET", "sync/Deleted") == 2


@pytest.mark.parametrize("table", ["accounts", "contacts", "documents", "attachments"])
def test_full_sync_finds_what_vanished(open_office: OpenOffice, table: str) -> None:
    """Rows that are gone without a word are found by reading everything again."""
    office = open_office(customers=20, invoices=30)
    office.sync()
    vanish(office, table, *ids(office, table)[:3])
    kept = our_ids(office, table)

    office.sync()
    before = our_ids(office, table)
    office.sync(full=True)

    assert before == kept
    assert our_ids(office, table) == set(ids(office, table)) < kept


def test_full_sync_finds_invoices_that_vanished(open_office: OpenOffice) -> None:
    """An invoice that is gone goes with its lines, and a line that is gone goes alone."""
    office = open_office(customers=20, invoices=60)
    office.sync()
    gone, shortened = ids(office, "invoices", "InvoiceID")[0], open_invoice(office)
    lines = office.server.state.rows(DIVISION, "lines")
    vanish(office, "invoices", gone)
    vanish(office, "lines", *(str(row["ID"]) for row in lines if row["InvoiceID"] == gone))
    vanish(office, "lines", next(str(row["ID"]) for row in lines if row["InvoiceID"] == shortened))

    report = office.sync(full=True)

    assert_all_here(office)
    assert report.invoices.deleted == 1
    with office.database.reading() as session:
        assert not sales_invoices.rows_of(session, CODE, gone)


def test_after_two_months_everything_is_compared(office: Office) -> None:
    """Away for longer than Exact remembers deletions: what vanished meanwhile is found without being asked to."""
    office.sync()
    vanish(office, "accounts", ids(office, "accounts")[0])
    office.clock.forward(days=61)
    office.connect()

    report = office.sync()

    assert our_ids(office, "accounts") == set(ids(office, "accounts"))
    assert any("60 days" in note for note in report.notes)


def test_comparison_goes_on_after_an_end(open_office: OpenOffice) -> None:
    """A comparison that is broken off is ended by the next sync, not begun again."""
    office = open_office(customers=12, invoices=300)
    office.sync()
    vanish(office, "contacts", ids(office, "contacts")[0])

    def end(stream: str, rows: int) -> None:
        if stream == "SalesInvoices":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.sync(full=True, progress=end)
    office.server.reset_calls()
    office.sync()

    assert our_ids(office, "contacts") == set(ids(office, "contacts"))
    assert_all_here(office)
    assert office.server.calls(DIVISION, "GET", "sync/CRM/Accounts") == 1


def empty(office: Office, table: str, keep: int = 0) -> dict[str, Any]:
    """Let Exact show only so many rows of a table; returns what to put back."""
    rows = office.server.state.stores[DIVISION].tables[table]
    taken = dict(list(rows.items())[keep:])
    vanish(office, table, *taken)
    return taken


def put_back(office: Office, table: str, rows: dict[str, Any]) -> None:
    for row in rows.values():
        office.server.state.stores[DIVISION].put(table, row, timestamp=row["Timestamp"])


@pytest.mark.parametrize("keep", [0, 5])
def test_too_many_at_once_are_kept(open_office: OpenOffice, keep: int) -> None:
    """When Exact suddenly shows none or few of the customers, all are kept, it is told, and asked again."""
    office = open_office(customers=40, invoices=10)
    office.sync()
    taken = empty(office, "accounts", keep)
    held = our_ids(office, "accounts")

    report = office.try_sync(full=True)
    kept = our_ids(office, "accounts")
    put_back(office, "accounts", taken)
    office.clock.forward(seconds=KEPT_FOR.total_seconds())
    healed = office.try_sync()

    assert kept == held == our_ids(office, "accounts")
    assert report.error is None
    assert [type(trouble) for trouble in report.troubles] == [ExactDoubtful]
    assert report.troubles[0].exit_code == 4
    assert healed.troubles == []


def test_half_may_go(open_office: OpenOffice) -> None:
    """Half of the customers, and a handful of any number, may really have been deleted."""
    office = open_office(customers=40, invoices=0)
    office.sync()
    empty(office, "accounts", keep=20)
    empty(office, "contacts", keep=max(1, len(ids(office, "contacts")) - FEW))

    report = office.sync(full=True)

    assert report.troubles == []
    assert our_ids(office, "accounts") == set(ids(office, "accounts"))
    assert our_ids(office, "contacts") == set(ids(office, "contacts"))


def test_a_person_may_believe_it(open_office: OpenOffice) -> None:
    """With --accept-fewer what was kept goes, without another option."""
    office = open_office(customers=40, invoices=0)
    office.sync()
    empty(office, "accounts", keep=2)
    assert office.try_sync(full=True).troubles

    report = office.sync(accept_fewer=True)

    assert report.troubles == []
    assert our_ids(office, "accounts") == set(ids(office, "accounts"))


def test_invoices_that_come_back_are_not_taken_again(open_office: OpenOffice) -> None:
    """An invoice that Exact hid for a while and shows again was delivered once and stays so."""
    office = open_office(customers=12, invoices=30)
    office.sync()
    office.work()
    mails, taken = len(office.mailbox.messages()), len(office.all_invoices())
    hidden = {table: empty(office, table) for table in ("invoices", "lines")}
    office.try_sync(accept_fewer=True, full=True)
    with office.database.reading() as session:
        assert sales_invoices.count(session, CODE) == 0
    for table, rows in hidden.items():
        put_back(office, table, rows)

    office.sync(full=True)
    office.work()

    assert_all_here(office)
    assert len(office.all_invoices()) == taken > 0
    assert len(office.mailbox.messages()) == mails > 0


def test_unnoticed_move_is_noticed(open_office: OpenOffice) -> None:
    """Row versions that begin anew between two looks at the division: the next sync sees it and repeats nothing."""
    office = open_office(customers=12, invoices=20)
    office.sync()
    office.work()
    mails, taken = len(office.mailbox.messages()), len(office.all_invoices())
    assert mails > 0
    office.clock.forward(hours=2)
    office.server.state.stores[DIVISION].reset_timestamps()
    office.server.state.ui_change_account(DIVISION, 1, Email="verhuisd@klant.example")

    report = office.sync()
    office.work()

    assert_all_here(office)
    assert report.customers.changed == 1
    assert any("anew" in note for note in report.notes)
    assert (len(office.mailbox.messages()), len(office.all_invoices())) == (mails, taken)


def test_unnoticed_move_is_looked_into_once_an_hour(office: Office) -> None:
    """Right after everything was read, versions that do not fit are told and wait."""
    office.sync()
    office.server.state.stores[DIVISION].reset_timestamps()

    troubled = office.try_sync()
    office.clock.forward(hours=1)
    healed = office.try_sync()

    assert [type(trouble) for trouble in troubled.troubles] == [ExactDoubtful]
    assert healed.troubles == []
    assert_all_here(office)


@pytest.mark.parametrize("table", ["accounts", "contacts", "documents", "attachments"])
def test_deletion_of_the_newest_row_is_no_move(open_office: OpenOffice, table: str) -> None:
    """When the newest row is deleted, sync/Deleted explains it: nothing is read again."""
    office = open_office(customers=12, invoices=20)
    office.sync()
    office.clock.forward(hours=2)
    office.server.state.ui_delete(DIVISION, table, ids(office, table)[-1])

    report = office.sync()

    assert report.api_calls == SYNC_STREAMS
    assert report.notes == []
    assert our_ids(office, table) == set(ids(office, table))


def test_move_counts_only_real_changes(office: Office) -> None:
    """After a move, rows that say the same under another version are no changes."""
    office.sync()
    office.server.state.move_division(DIVISION)
    office.clock.forward(days=1, minutes=1)

    report = office.sync()

    assert (report.customers.changed, report.contacts.changed, report.invoices.changed) == (0, 0, 0)
    with office.database.reading() as session:
        cursor = cursors.read(session, CODE, records.ACCOUNTS.path)
    assert not cursor.comparing
    assert office.clock() - timedelta(minutes=1) < (cursor.compared_at or office.clock() - timedelta(days=9))
