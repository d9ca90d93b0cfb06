"""The client against the look-alike over real HTTP: consent, streams, writes, files and rendered invoices."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from time import sleep
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connector.customer import Division
from connector.errors import ExactRejected
from connector.exact import mapping, protocol, records
from connector.exact.budget import Budget
from connector.exact.client import ExactClient, Limiter, make_http_client
from connector.exact.oauth import ExactOAuth, read_callback, token_http_client
from connector.exact.protocol import Granted, StillValid
from connector.exact_sandbox.options import SandboxOptions
from connector.exact_sandbox.server import SandboxServer

from .test_mapping import assert_lines_hold, assert_sums_hold


def connect(server: SandboxServer) -> tuple[ExactOAuth, Granted, httpx.Client]:
    """Consent as a browser would give it, and the first pair."""
    http = token_http_client(server.base_url)
    oauth = ExactOAuth(
        http,
        base_url=server.base_url,
        client_id=server.state.client_id,
        client_secret=server.state.client_secret,
        redirect_uri="http://127.0.0.1:9/callback",
    )
    url, state = oauth.start()
    redirect = httpx.get(url).headers["location"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(redirect).query).items()}
    return oauth, oauth.exchange(read_callback(query, state)), http


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    """A sandbox with a short minute."""
    with SandboxServer(SandboxOptions(customers=40, invoices=80, speed=60)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: SandboxServer) -> Iterator[ExactClient]:
    """A client for the first administration."""
    _, granted, token_http = connect(server)
    kept = [Budget()]

    def change(step: Callable[[Budget], Budget]) -> None:
        kept[0] = step(kept[0])

    limiter = Limiter(
        change=change,
        clock=lambda: datetime.now(UTC),
        sleep=sleep,
    )
    with make_http_client(server.base_url, "test") as http, closing(token_http):
        yield ExactClient(
            http,
            base_url=server.base_url,
            division=server.state.current_division,
            token=lambda rejected: granted.access_token,
            limiter=limiter,
            clock=lambda: datetime.now(UTC),
            sleep=sleep,
        )


def read(client: ExactClient, stream: records.Stream) -> list[protocol.Row]:
    """A whole stream."""
    return [row for page in client.sync_pages(stream, since=1) for row in page.rows]


def test_early_renewal_is_harmless(server: SandboxServer) -> None:
    """Right after a grant the answer is: what you have is still good."""
    oauth, granted, http = connect(server)

    with closing(http):
        assert isinstance(oauth.refresh(granted.refresh_token), StillValid)


def test_every_finished_invoice_renders_to_the_cent(client: ExactClient) -> None:
    """All of a world's finished invoices render, with sums that hold."""
    division = client.divisions()[0]
    rows = client.read_all(records.VatCode.PATH, records.VatCode.FIELDS)
    codes = {code.code: code for code in map(records.VatCode.from_json, rows)}
    accounts = [records.Account.from_json(row) for row in read(client, records.ACCOUNTS)]
    cards = {each.id: mapping.to_customer(each, division=Division(division.code)) for each in accounts}
    invoices = defaultdict(list)
    for row in map(records.SalesInvoiceRow.from_json, read(client, records.SALES_INVOICES)):
        invoices[row.invoice_id].append(row)
    finished = [rows for rows in invoices.values() if mapping.to_sales_header(rows).status == 50]

    rendered = [
        mapping.to_invoice(
            header := mapping.to_sales_header(rows),
            rows,
            vat_codes=codes,
            seller=division,
            seller_iban="",
            buyer=cards[header.invoice_to or ""],
        )
        for rows in finished
    ]

    assert len(rendered) > 50
    for invoice in rendered:
        assert_sums_hold(invoice)
        assert_lines_hold(invoice)


def test_a_contact_comes_and_goes(client: ExactClient) -> None:
    """What is created is found by its key, changed in part, deleted once, and then gone."""
    account = read(client, records.ACCOUNTS)[0]["ID"]
    body = {"Account": account, "FirstName": "InvoiceSharing", "LastName": "Email", "Email": "x@uploads.example"}

    guid = client.post("crm/Contacts", body)["ID"]
    client.put("crm/Contacts", guid, {"LastName": "Mail"})
    found = client.get_one("crm/Contacts", guid, records.Contact.FIELDS)
    deleted = client.delete("crm/Contacts", guid), client.delete("crm/Contacts", guid)

    assert found is not None
    contact = records.Contact.from_json(found)
    assert (contact.last_name, contact.email, contact.account) == ("Mail", "x@uploads.example", account)
    assert deleted == (True, False)
    assert client.get_one("crm/Contacts", guid, ("ID",)) is None


def test_validation_message_is_shown(client: ExactClient) -> None:
    """A refused write says what Exact says."""
    with pytest.raises(ExactRejected, match="Relatie"):
        client.post("crm/Contacts", {"LastName": "Email"})


def test_file_is_fetched_as_it_is(client: ExactClient) -> None:
    """The bytes behind an attachment's address are the file itself."""
    attachment = records.DocumentAttachment.from_json(read(client, records.ATTACHMENTS)[0])

    content = client.download(attachment.url or "")

    assert len(content) == attachment.file_size


def test_code_is_found_with_its_padding(client: ExactClient) -> None:
    """A filter on the padded code finds the one account."""
    account = records.Account.from_json(read(client, records.ACCOUNTS)[0])
    padded = protocol.quote_text(protocol.pad_code(account.code or ""))

    rows = client.read_all("crm/Accounts", records.Account.FIELDS, f"Code eq {padded}")

    assert [row["ID"] for row in rows] == [account.id]


def test_more_calls_than_a_minute_allows_all_succeed(client: ExactClient) -> None:
    """The limiter waits out the minutes; nobody outside notices."""
    for _ in range(70):
        list(client.sync_pages(records.DELETED, since=1))

    assert client.calls > 70
