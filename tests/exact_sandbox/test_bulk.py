"""The bulk endpoints, and lists that want certain options."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import httpx
import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer
from connector.exact_sandbox.rows import Row
from connector.exact_sandbox.store import key_of

from .helpers import DIVISION, TODAY, Client, Clock

TABLES = {
    "bulk/CRM/Accounts": "accounts",
    "bulk/CRM/Contacts": "contacts",
    "bulk/SalesInvoice/SalesInvoices": "invoices",
    "bulk/SalesInvoice/SalesInvoiceLines": "lines",
    "bulk/Documents/Documents": "documents",
    "bulk/Documents/DocumentAttachments": "attachments",
}
GUID = "guid'00000000-0000-0000-0000-000000000000'"


@pytest.fixture(scope="module")
def wide() -> Iterator[Client]:
    """More than a bulk page of customers."""
    options = SandboxOptions(today=TODAY, clock=Clock(), customers=1100, invoices=80, limits=False)
    with SandboxServer(options) as server:
        connected = Client(server)
        yield connected
        connected.http.close()


def text_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["message"]["value"])


@pytest.mark.parametrize("endpoint", TABLES)
def test_bulk_lists_everything(wide: Client, endpoint: str) -> None:
    """All rows of the table behind it, each once."""
    key = key_of(TABLES[endpoint])

    found = [row[key] for row in wide.rows(endpoint, select=key)]

    stored: list[Row] = wide.server.state.rows(DIVISION, TABLES[endpoint])
    assert sorted(found) == sorted(str(row[key]) for row in stored)


def test_bulk_pages_have_a_thousand_rows(wide: Client) -> None:
    """The rest stands behind `__next`, and a `$top` above a page is spread over pages."""
    first = wide.get("bulk/CRM/Accounts", select="ID").json()["d"]
    rest = wide.http.get(first["__next"]).json()["d"]
    topped = wide.rows("bulk/CRM/Accounts", select="ID", top="1050")

    assert (len(first["results"]), len(rest["results"]), len(topped)) == (1000, 100, 1050)


@pytest.mark.parametrize("endpoint", TABLES)
def test_bulk_wants_a_select(wide: Client, endpoint: str) -> None:
    """Without one it is a 400, but for a single row."""
    refused, single = wide.get(endpoint), wide.get(endpoint, top="1")

    assert (refused.status_code, single.status_code) == (400, 200)
    assert text_of(refused) == "Please add a $select or a $top=1 statement to the query string."


@pytest.mark.parametrize(
    ("endpoint", "good", "bad", "named"),
    [
        ("bulk/CRM/Accounts", "Status eq 'C'", f"Classification1 eq {GUID}", "Classification1"),
        ("bulk/CRM/Contacts", f"Account eq {GUID}", f"Email eq 'x' and Account eq {GUID}", "Email"),
        ("bulk/Documents/Documents", "Type eq 10", "Currency eq 'EUR'", "Currency"),
        ("bulk/Documents/DocumentAttachments", f"Document eq {GUID}", "FileName eq 'x'", "FileName"),
    ],
)
def test_bulk_has_few_filters(wide: Client, endpoint: str, good: str, bad: str, named: str) -> None:
    """A field that it cannot be filtered by is named in a 400."""
    accepted, refused = (wide.get(endpoint, select="ID", filter=each) for each in (good, bad))

    assert (accepted.status_code, refused.status_code) == (200, 400)
    assert text_of(refused) == f"Filtering on these fields is not supported: {named}"


def test_deferred_lines_of_bulk_can_be_followed(wide: Client) -> None:
    """An invoice's lines, by the address in it."""
    invoice = wide.rows("bulk/SalesInvoice/SalesInvoices", top="1", select="InvoiceID,SalesInvoiceLines")[0]

    answer = wide.http.get(invoice["SalesInvoiceLines"]["__deferred"]["uri"] + "?$select=InvoiceID")

    assert {row["InvoiceID"] for row in answer.json()["d"]["results"]} == {invoice["InvoiceID"]}


def test_filtering_is_mandatory_on_order(client: Client) -> None:
    """With the fault a list of accounts has to name one of the fields; single accounts and other lists need not."""
    client.server.state.faults.on("mandatory-filter")
    account = client.server.state.account(DIVISION, 7)["ID"]

    without, other, good, single, contacts = (
        client.get("crm/Accounts", select="ID"),
        client.get("crm/Accounts", select="ID", filter="Language eq 'NL'"),
        client.get("crm/Accounts", select="ID", filter="Language eq 'NL' and Modified gt datetime'2020-01-01'"),
        client.get(f"crm/Accounts(guid'{account}')"),
        client.get("crm/Contacts", select="ID"),
    )

    assert [each.status_code for each in (without, other, good, single, contacts)] == [400, 400, 200, 200, 200]
    assert text_of(other).startswith("This endpoint has mandatory filtering applied.")


def test_bodies_over_ten_megabytes_are_refused(client: Client) -> None:
    """A body may have 10 MB; of an attachment the bytes count, not their base64."""
    document = client.rows("documents/Documents", top="1", select="ID")[0]["ID"]
    text = base64.b64encode(bytes(9 * 1024 * 1024)).decode()

    file = client.send(
        "POST", "documents/DocumentAttachments", {"Document": document, "FileName": "a.pdf", "Attachment": text}
    )
    bigger = client.send(
        "POST", "documents/DocumentAttachments", {"Document": document, "FileName": "b.pdf", "Attachment": text * 2}
    )
    words = client.send("POST", "documents/Documents", {"Subject": "X", "Type": 55, "Body": text})

    assert len(text) > 10 * 1024 * 1024
    assert [answer.status_code for answer in (file, bigger, words)] == [201, 413, 413]
