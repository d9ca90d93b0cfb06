"""The plain endpoints by Modified, for clients that may not use sync."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer
from connector.exact_sandbox.dates import local_of_stored
from connector.exact_sandbox.rows import Row

from .helpers import DIVISION, TODAY, Client, Clock

TABLES = {
    "crm/Accounts": "accounts",
    "crm/Contacts": "contacts",
    "salesinvoice/SalesInvoices": "invoices",
    "salesinvoice/SalesInvoiceLines": "lines",
    "documents/Documents": "documents",
}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Several pages of everything."""
    options = SandboxOptions(today=TODAY, clock=Clock(), customers=150, invoices=150, limits=False)
    with SandboxServer(options) as server:
        connected = Client(server)
        yield connected
        connected.http.close()


def key_of(row: Row) -> str:
    return str(row["InvoiceID"] if "InvoiceNumber" in row else row["ID"])


def moment(row: Row) -> datetime:
    return local_of_stored(str(row["Modified"]))


@pytest.mark.parametrize("endpoint", TABLES)
@pytest.mark.parametrize("operator", ["gt", "ge"])
def test_modified_filter_over_pages(client: Client, endpoint: str, operator: str) -> None:
    """All rows changed since a moment, each once, in the order of Modified; `ge` takes the moment itself along."""
    rows = sorted(client.server.state.rows(DIVISION, TABLES[endpoint]), key=moment)
    since = moment(rows[len(rows) // 3])
    wanted = {key_of(row) for row in rows if moment(row) > since or (operator == "ge" and moment(row) == since)}

    found = client.rows(
        endpoint, filter=f"Modified {operator} datetime'{since.isoformat(timespec='milliseconds')}'", orderby="Modified"
    )

    keys = [key_of(row) for row in found]
    times = [int(row["Modified"][6:-2]) for row in found]
    assert (set(keys), len(keys)) == (wanted, len(wanted))
    assert len(keys) > 60
    assert times == sorted(times)


def test_rows_of_one_moment_are_all_paged(client: Client) -> None:
    """Rows that share their Modified to the millisecond are still each found once: the key decides the order."""
    for row in client.server.state.accounts(DIVISION)[:100]:
        client.server.state.ui_change_account(DIVISION, str(row["Code"]), Phone="085-5550000")
    local = local_of_stored("2026-11-02T12:00:05+00:00")

    rows = client.rows("crm/Accounts", filter=f"Modified ge datetime'{local.isoformat()}'", orderby="Modified")

    assert len(rows) == len({row["ID"] for row in rows}) == 100


def test_page_follows_the_modified_and_the_key(client: Client) -> None:
    """``__next`` names where to go on: ``$skiptoken=datetime'…',guid'…'`` [live]."""
    page = client.get("crm/Accounts", orderby="Modified", select="ID").json()["d"]

    token = page["__next"].partition("$skiptoken=")[2]
    assert token.startswith("datetime%27")
    assert f"%2Cguid%27{page['results'][-1]['ID']}%27" in token


def test_attachments_have_no_modified(client: Client) -> None:
    """Exact lists six fields of an attachment, and Modified is none of them [docs]: they are found by document."""
    moment = (TODAY - timedelta(days=10)).isoformat()
    document = client.rows("documents/Documents", top="1", select="ID")[0]["ID"]

    refused = client.get("documents/DocumentAttachments", filter=f"Modified gt datetime'{moment}T00:00:00'")
    found = client.rows("documents/DocumentAttachments", filter=f"Document eq guid'{document}'", select="ID,FileName")

    stored = client.server.state.rows(DIVISION, "attachments")
    assert refused.status_code == 400
    assert {row["ID"] for row in found} == {row["ID"] for row in stored if row["Document"] == document}
