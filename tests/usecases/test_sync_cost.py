"""A sync costs as few calls as Exact's pages allow: the formula is rows / 1,000, from the sandbox's own counts."""

from __future__ import annotations

from datetime import timedelta
from math import ceil

import pytest
from sqlalchemy import select

from connector.storage import sales_invoices

from .office import DIVISION, TODAY, Office, OpenOffice
from .test_sync_division import our_contacts, our_customers, their_contacts, their_customers

SYNC_PAGE = 1000
"""Rows on a page of a sync endpoint (exact-online-api.md 2.5 [docs, clients])."""
DAILY = {"system/Divisions": 1, "vat/VATCodes": 1, "crm/BankAccounts": 1}
TABLES = {
    "sync/CRM/Accounts": ("accounts",),
    "sync/CRM/Contacts": ("contacts",),
    "sync/SalesInvoice/SalesInvoices": ("invoices", "lines"),
    "sync/Documents/Documents": ("documents",),
    "sync/Documents/DocumentAttachments": ("attachments",),
    "sync/Deleted": ("deleted",),
}


def rows(office: Office, endpoint: str) -> int:
    return sum(len(office.server.state.rows(DIVISION, table)) for table in TABLES[endpoint])


def asked(office: Office, *endpoints: str) -> dict[str, int]:
    return {endpoint: office.server.calls(DIVISION, "GET", endpoint) for endpoint in endpoints}


def our_row_ids(office: Office) -> set[str]:
    with office.database.reading() as session:
        return set(session.connection().execute(select(sales_invoices.ROWS.c.id)).scalars())


def test_first_sync_of_a_large_office(open_office: OpenOffice) -> None:
    """2,000 customers and contacts and 20,000 rows of invoices cost one call a thousand rows, and one a file."""
    office = open_office(customers=2000, invoices=5000)
    since = TODAY - timedelta(days=1)
    files = [
        file
        for document in office.world.division(DIVISION).documents
        if document.invoice.invoice_date >= since
        for file in document.attachments
    ]
    assert rows(office, "sync/CRM/Accounts") >= 2000
    assert rows(office, "sync/CRM/Contacts") >= 2000
    assert rows(office, "sync/SalesInvoice/SalesInvoices") >= 20_000
    office.server.reset_calls()

    report = office.sync(start_date=since)

    pages = {endpoint: max(1, ceil(rows(office, endpoint) / SYNC_PAGE)) for endpoint in TABLES}
    assert asked(office, *TABLES, *DAILY) == pages | DAILY
    assert report.api_calls == office.server.calls_total == sum(pages.values()) + sum(DAILY.values()) + len(files)
    assert report.fetched == len(files) > 0
    assert our_customers(office) == their_customers(office)
    assert our_contacts(office) == their_contacts(office)
    assert our_row_ids(office) == {
        str(row[key])
        for table, key in (("invoices", "InvoiceID"), ("lines", "ID"))
        for row in office.server.state.rows(DIVISION, table)
    }


@pytest.mark.parametrize(("customers", "calls"), [(999, 1), (1000, 2), (1001, 2)])
def test_full_last_page_costs_one_more(open_office: OpenOffice, customers: int, calls: int) -> None:
    """A last page that is full may lead to an empty one, and that is followed, too."""
    office = open_office(customers=customers, invoices=0, faults="empty-last-page")

    office.sync()

    assert asked(office, "sync/CRM/Accounts") == {"sync/CRM/Accounts": calls}


def test_idle_day(office: Office) -> None:
    """A day of syncs every other hour: one call a stream each time, what is daily once."""
    office.sync()
    office.server.reset_calls()
    times = 12

    for _ in range(times):
        office.clock.forward(hours=2)
        office.sync()

    assert asked(office, *TABLES, *DAILY) == dict.fromkeys(TABLES, times) | DAILY
    assert office.server.calls(DIVISION) == times * len(TABLES) + sum(DAILY.values())
