"""Reads: shapes, pages, padding, dates, filters, downloads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer

from .helpers import DIVISION, TODAY, Client, Clock


@pytest.fixture(scope="module")
def big() -> Iterator[Client]:
    """More customers than fit on a sync page."""
    options = SandboxOptions(today=TODAY, customers=1001, invoices=130, limits=False)
    with SandboxServer(options) as server:
        connected = Client(server)
        yield connected
        connected.http.close()


def test_small_top_gives_a_bare_array(big: Client) -> None:
    """A ``$top`` that fits on the page is answered with ``d`` as an array."""
    assert isinstance(big.get("crm/Accounts", top="60", select="ID").json()["d"], list)


def test_larger_top_is_spread_over_pages(big: Client) -> None:
    """``$top=100`` gives 60 rows and a next page that asks for the remaining 40."""
    first = big.get("crm/Accounts", top="100", select="ID").json()["d"]
    second = big.http.get(first["__next"]).json()["d"]

    assert (len(first["results"]), len(second["results"])) == (60, 40)
    assert "%24top=40" in first["__next"] or "$top=40" in first["__next"]
    assert "__next" not in second


def test_pages_are_sixty(big: Client) -> None:
    """A plain list comes in pages of 60 and holds every row once."""
    rows = big.rows("salesinvoice/SalesInvoices", select="InvoiceID", orderby="Modified desc")

    assert len(rows) == len({row["InvoiceID"] for row in rows}) == 130


def test_sync_pages_are_a_thousand(big: Client) -> None:
    """A sync endpoint gives 1,000 rows and then the rest, in row version order."""
    first = big.get("sync/CRM/Accounts", filter="Timestamp gt 1", select="ID,Timestamp").json()["d"]
    rows = big.rows("sync/CRM/Accounts", filter="Timestamp gt 1L", select="ID,Timestamp")

    versions = [int(row["Timestamp"]) for row in rows]
    assert (len(first["results"]), len(rows)) == (1000, 1001)
    assert versions == sorted(set(versions))


def test_no_next_when_the_last_page_is_full(big: Client) -> None:
    """Exactly as many rows as fit means no further page."""
    first = big.get("sync/CRM/Accounts", filter="Timestamp gt 1", select="Timestamp").json()["d"]["results"][0]
    page = big.get("sync/CRM/Accounts", filter=f"Timestamp gt {first['Timestamp']}", select="ID").json()["d"]

    assert (len(page["results"]), "__next" in page) == (1000, False)


def test_int64_is_text(reader: Client) -> None:
    """Timestamp and Hid arrive as JSON strings."""
    assert isinstance(reader.rows("system/Divisions", select="Hid")[0]["Hid"], str)
    assert isinstance(reader.rows("sync/CRM/Accounts", top="1", select="Timestamp")[0]["Timestamp"], str)


def test_codes_are_padded(reader: Client) -> None:
    """Code is 18 wide and right-aligned, Country 3, VAT codes 3 and left-aligned."""
    account = reader.rows("crm/Accounts", filter="trim(Code) eq '7'", select="Code,Country")[0]
    vat = reader.rows("vat/VATCodes", select="Code")

    assert (account["Code"], account["Country"]) == ("7".rjust(18), "NL ")
    assert "4  " in {row["Code"] for row in vat}


def test_filter_on_code_needs_the_padding(reader: Client) -> None:
    """Without leading spaces nothing is found."""
    assert reader.rows("crm/Accounts", filter="Code eq '7'", select="ID") == []
    assert len(reader.rows("crm/Accounts", filter=f"Code eq '{'7'.rjust(18)}'", select="ID")) == 1


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        (datetime(2026, 11, 2, 14, 0, tzinfo=UTC), datetime(2026, 11, 2, 15, 0, tzinfo=UTC)),
        (datetime(2026, 7, 2, 14, 0, tzinfo=UTC), datetime(2026, 7, 2, 16, 0, tzinfo=UTC)),
    ],
)
def test_instants_are_dutch_wall_clock(server: SandboxServer, clock: Clock, utc: datetime, local: datetime) -> None:
    """``/Date(ms)/`` writes local time as if it were UTC, an hour off in winter and two in summer."""
    clock.now = utc
    client = Client(server)
    server.state.ui_change_account(DIVISION, 7, Phone="085-5550000")

    modified = client.rows("crm/Accounts", filter="trim(Code) eq '7'", select="Modified")[0]["Modified"]
    client.http.close()

    assert modified == f"/Date({int(local.timestamp() * 1000)})/"


def test_days_are_midnight(reader: Client) -> None:
    """Date-only fields decode to midnight of that very day."""
    row = reader.rows("salesinvoice/SalesInvoices", top="1", select="InvoiceID,InvoiceDate")[0]
    facts = {invoice.id: invoice for invoice in reader.server.state.world.divisions[0].invoices}

    moment = datetime.fromtimestamp(int(row["InvoiceDate"][6:-2]) / 1000, UTC)
    assert moment.replace(tzinfo=None).isoformat() == f"{facts[row['InvoiceID']].invoice_date}T00:00:00"


def test_modified_filter_is_local_time(client: Client, clock: Clock) -> None:
    """``datetime'…'`` is compared in Dutch local time."""
    client.server.state.ui_change_account(DIVISION, 7, Phone="085-5550000")
    local = clock.now + timedelta(hours=1)
    before, after = (f"{local + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}" for minutes in (-1, 1))

    assert len(client.rows("crm/Accounts", filter=f"Modified gt datetime'{before}'", select="ID")) == 1
    assert client.rows("crm/Accounts", filter=f"Modified gt datetime'{after}'", select="ID") == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Status eq 'P' or Blocked eq true", 2),
        ("not (Status eq 'C') and Blocked eq false", 2),
        ("substringof('uploads',Email) eq true", 0),
        ("startswith(tolower(Name),'gemeente') eq true or InvoicingMethod ge 32", 1),
        ("InvoiceAccount ne null", 1),
    ],
)
def test_filters(reader: Client, text: str, count: int) -> None:
    """The documented operators and functions work."""
    assert len(reader.rows("crm/Accounts", filter=text, select="ID")) == count


@pytest.mark.parametrize(
    ("endpoint", "options"),
    [
        ("crm/Accounts", {"select": "ID,AttachmentUrl"}),
        ("crm/Accounts", {"filter": "ID eq guid''", "select": "ID"}),
        ("crm/Accounts", {"filter": "substringof('x',Name)", "select": "ID"}),
        ("crm/Accounts", {"filter": "Modified gt datetime'2026-01-01T00:00:00Z'", "select": "ID"}),
        ("sync/CRM/Accounts", {"filter": "Modified gt datetime'2026-01-01T00:00:00'", "select": "ID"}),
        ("crm/Accounts", {"top": "many"}),
        ("documents/DocumentAttachments", {"select": "AttachmentFileName"}),
    ],
)
def test_malformed_reads_are_400(reader: Client, endpoint: str, options: dict[str, str]) -> None:
    """Unknown names, bad literals and unsupported filters are refused with the error JSON."""
    answer = reader.get(endpoint, **options)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"]["value"]


def test_unknown_key_and_path_are_404(reader: Client) -> None:
    """What is not there is a 404."""
    missing = "00000000-0000-0000-0000-000000000000"

    assert reader.get(f"crm/Accounts(guid'{missing}')").status_code == 404
    assert reader.get("crm/Nothing").status_code == 404


def test_count_is_plain_text(reader: Client) -> None:
    """``/$count`` is a number."""
    assert reader.get("crm/Accounts/$count").text == "40"


def test_inlinecount(reader: Client) -> None:
    """``$inlinecount=allpages`` tells how many match."""
    assert reader.get("crm/Accounts", inlinecount="allpages", select="ID").json()["d"]["__count"] == "40"


def test_without_json_accept_it_is_atom(reader: Client) -> None:
    """Exact answers Atom unless JSON is asked for."""
    answer = reader.http.get(f"/api/v1/{DIVISION}/crm/Accounts", headers={"Accept": "*/*"})

    assert answer.headers["content-type"].startswith("application/atom+xml")


def test_expanded_lines_and_deferred(reader: Client) -> None:
    """Lines are deferred unless expanded."""
    plain = reader.rows("salesinvoice/SalesInvoices", top="1")[0]
    expanded = reader.rows("salesinvoice/SalesInvoices", top="1", expand="SalesInvoiceLines")[0]

    assert "__deferred" in plain["SalesInvoiceLines"]
    assert expanded["SalesInvoiceLines"]["results"][0]["InvoiceID"] == plain["InvoiceID"]


def test_sync_invoices_are_flat(reader: Client) -> None:
    """Header rows have LineNumber 0 and the invoice's id; line rows repeat the header."""
    rows = reader.rows("sync/SalesInvoice/SalesInvoices", filter="Timestamp gt 1")
    headers = {row["InvoiceID"]: row for row in rows if row["LineNumber"] == 0}

    assert len(headers) == 60
    assert all(header["ID"] == header["InvoiceID"] for header in headers.values())
    assert all(row["InvoiceTo"] == headers[row["InvoiceID"]]["InvoiceTo"] for row in rows)
    assert len({row["ID"] for row in rows}) == len(rows)


def test_printed_invoice_is_found_through_its_document(reader: Client) -> None:
    """The invoice itself names no document; documents of type 10 name the invoice."""
    invoices = reader.rows(
        "salesinvoice/SalesInvoices", filter="Status eq 50", select="InvoiceID,InvoiceNumber,Document"
    )
    documents = reader.rows("sync/Documents/Documents", filter="Timestamp gt 1")

    linked = {row["FinancialTransactionEntryID"]: row["SalesInvoiceNumber"] for row in documents if row["Type"] == 10}
    assert linked == {row["InvoiceID"]: row["InvoiceNumber"] for row in invoices}
    assert all(row["Document"] is None for row in invoices)


def test_download_needs_bearer_and_flag(reader: Client) -> None:
    """Only both together give the bytes; else a page with status 200."""
    files = reader.rows("sync/Documents/DocumentAttachments", filter="Timestamp gt 1")
    url = next(row["Url"] for row in files if row["FileName"].endswith(".PDF"))

    good = reader.http.get(url + "&Download=1")
    without_flag = reader.http.get(url)
    without_bearer = reader.http.get(url + "&Download=1", headers={"Authorization": ""})

    assert good.content.startswith(b"%PDF")
    for page in (without_flag, without_bearer):
        assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")


def test_attachment_reads_are_without_bytes(reader: Client) -> None:
    """Attachment is always null; FileSize is what a download gives."""
    row = reader.rows("documents/DocumentAttachments", top="1")[0]

    assert row["Attachment"] is None
    assert len(reader.http.get(row["Url"] + "&Download=1").content) == row["FileSize"]


def test_current_division_may_lie_elsewhere(client: Client) -> None:
    """Me follows the user's screen, not the grant."""
    client.server.state.ui_switch_division(999999)

    me = client.http.get("/api/v1/current/Me").json()["d"]["results"][0]

    assert me["CurrentDivision"] == 999999
    assert (me["ServerTime"], me["ServerUtcOffset"]) == ("2026-11-02T13:00:05", 3600)


def test_moved_division_starts_its_versions_anew(client: Client) -> None:
    """After a move all versions are lower, ids stay, and the division tells."""
    before = client.rows("sync/CRM/Accounts", filter="Timestamp gt 1", select="ID,Timestamp")
    client.server.state.move_division(DIVISION)

    after = client.rows("sync/CRM/Accounts", filter="Timestamp gt 1", select="ID,Timestamp")

    assert {row["ID"] for row in before} == {row["ID"] for row in after}
    assert max(int(row["Timestamp"]) for row in after) < min(int(row["Timestamp"]) for row in before)
    assert client.rows("system/Divisions", select="DivisionMoveDate")[0]["DivisionMoveDate"]


def test_deferred_lines_can_be_followed(reader: Client) -> None:
    """What is not expanded is `__deferred`, and its address leads to just those rows."""
    invoice = reader.rows("salesinvoice/SalesInvoices", top="1", select="InvoiceID,SalesInvoiceLines")[0]

    lines = reader.http.get(invoice["SalesInvoiceLines"]["__deferred"]["uri"]).json()["d"]["results"]

    stored = reader.server.state.rows(DIVISION, "lines")
    assert {row["ID"] for row in lines} == {row["ID"] for row in stored if row["InvoiceID"] == invoice["InvoiceID"]}
    assert reader.http.get(invoice["__metadata"]["uri"] + "/Nothing").status_code == 404


def test_older_list_of_divisions(reader: Client) -> None:
    """hrm/Divisions writes HID, and a division in use has status 0 there and 1 in system/Divisions."""
    old = reader.rows("hrm/Divisions", select="Code,HID,Status")[0]
    new = reader.rows("system/AllDivisions", select="Code,Hid,Status")[0]

    assert (old["HID"], old["Status"], new["Status"]) == (new["Hid"], 0, 1)
