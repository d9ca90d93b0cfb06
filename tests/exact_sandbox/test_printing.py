"""Printing and sending of sales invoices: the number, the document, and a text for each channel."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from connector.exact_sandbox.rows import Row
from connector.exact_sandbox.store import newest

from .helpers import DIVISION, Client

ENDPOINT = "salesinvoice/PrintedSalesInvoices"
CHANNELS = ("EmailCreation", "PostboxMessageCreation", "PeppolCreation")


def open_invoice(client: Client) -> Row:
    """An invoice that was not printed yet."""
    return next(row for row in client.server.state.rows(DIVISION, "invoices") if row["Status"] == 20)


def printed(client: Client, invoice: Row, **flags: Any) -> dict[str, Any]:
    answer = client.send("POST", ENDPOINT, {"InvoiceID": invoice["InvoiceID"], **flags})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["d"]
    return found


def payer(client: Client, invoice: Row) -> str:
    accounts = client.server.state.accounts(DIVISION)
    return next(str(row["Code"]) for row in accounts if row["ID"] == invoice["InvoiceTo"])


def test_printing_gives_the_next_number_and_status_50(client: Client) -> None:
    """The header is processed with a number one higher than the highest of its year; lines come along in the stream."""
    invoice = open_invoice(client)
    rows = client.server.state.rows(DIVISION, "invoices")
    year = int(str(invoice["InvoiceDate"])[2:4])
    highest = max(
        number for row in rows if isinstance(number := row["InvoiceNumber"], int) and number // 1_000_000 == year
    )
    seen = newest(client.server.state.rows(DIVISION, "lines") + rows)

    printed(client, invoice)

    stream = client.rows(
        "sync/SalesInvoice/SalesInvoices", filter=f"Timestamp gt {seen}", select="InvoiceID,LineNumber"
    )
    now = client.get(f"salesinvoice/SalesInvoices(guid'{invoice['InvoiceID']}')").json()["d"]
    assert (now["Status"], now["InvoiceNumber"], now["Document"]) == (50, highest + 1, None)
    lines = [row for row in client.server.state.rows(DIVISION, "lines") if row["InvoiceID"] == invoice["InvoiceID"]]
    assert sorted(row["LineNumber"] for row in stream) == list(range(len(lines) + 1))


def test_printing_files_the_pdf(client: Client) -> None:
    """A document of type 10 names the invoice, and inv<number>.PDF hangs on it and can be downloaded."""
    invoice = open_invoice(client)

    answer = printed(client, invoice)

    number = client.get(f"salesinvoice/SalesInvoices(guid'{invoice['InvoiceID']}')").json()["d"]["InvoiceNumber"]
    document = client.get(f"documents/Documents(guid'{answer['Document']}')").json()["d"]
    file = client.rows("documents/DocumentAttachments", filter=f"Document eq guid'{answer['Document']}'")[0]
    assert (document["Type"], document["Subject"]) == (10, f"Invoice: {number}")
    assert document["FinancialTransactionEntryID"] == invoice["InvoiceID"]
    assert file["FileName"] == f"inv{number}.PDF"
    assert client.http.get(file["Url"] + "&Download=1").content.startswith(b"%PDF")
    assert (answer["DocumentCreationSuccess"] is None, answer["DocumentCreationError"]) == (False, None)


@pytest.mark.parametrize(
    ("method", "channel"),
    [(0, None), (1, None), (2, "EmailCreation"), (4, "PostboxMessageCreation"), (32, "PeppolCreation")],
)
def test_output_based_on_the_account(client: Client, method: int, channel: str | None) -> None:
    """The invoicing method of the account that pays decides the channel; only its fields are filled."""
    invoice = open_invoice(client)
    client.server.state.ui_change_account(DIVISION, payer(client, invoice), InvoicingMethod=method, Email="a@b.example")

    answer = printed(client, invoice, SendOutputBasedOnAccount=True)

    assert [name for name in CHANNELS if answer[name + "Success"]] == ([channel] if channel else [])
    assert [name for name in CHANNELS if answer[name + "Error"]] == []


def test_explicit_flags_overrule(client: Client) -> None:
    """With SendEmailToCustomer the account's preference does not count, nor does the postbox flag."""
    invoice = open_invoice(client)
    client.server.state.ui_change_account(DIVISION, payer(client, invoice), InvoicingMethod=4, Email="a@b.example")
    flags = {"SendOutputBasedOnAccount": True, "SendEmailToCustomer": True, "SendInvoiceToCustomerPostbox": True}

    answer = printed(client, invoice, **flags)

    assert [name for name in CHANNELS if answer[name + "Success"]] == ["EmailCreation"]


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        ({"SendInvoiceToCustomerPostbox": True}, "PostboxMessageCreationError"),
        ({"SendInvoiceViaPeppol": True}, "PeppolCreationError"),
    ],
)
def test_unready_channel_is_an_error_in_a_good_answer(client: Client, flags: dict[str, bool], field: str) -> None:
    """A customer without postbox or Peppol: 201, the document is made, and the error stands in its field."""
    invoice = open_invoice(client)
    client.server.state.ui_change_account(DIVISION, payer(client, invoice), InvoicingMethod=2)

    answer = printed(client, invoice, **flags)

    assert answer[field]
    assert answer["Document"]


def test_no_address_is_an_email_error(client: Client) -> None:
    """Where neither contact nor account has an address no mail is made."""
    invoice = open_invoice(client)
    state = client.server.state
    state.ui_change_account(DIVISION, payer(client, invoice), Email=None)
    for contact in state.contacts_of(DIVISION, payer(client, invoice)):
        state.ui_change_contact(DIVISION, str(contact["ID"]), Email=None)

    answer = printed(client, invoice, SendEmailToCustomer=True)

    assert (answer["EmailCreationSuccess"], bool(answer["EmailCreationError"])) == (None, True)


def test_failing_mail_on_order(client: Client) -> None:
    """With the fault mail-fails the invoice is processed and the mail is not made."""
    invoice = open_invoice(client)
    client.server.state.faults.on("mail-fails")

    answer = printed(client, invoice, SendEmailToCustomer=True)

    assert (answer["EmailCreationSuccess"], bool(answer["EmailCreationError"])) == (None, True)
    assert answer["Document"]


def test_second_print_is_refused(client: Client) -> None:
    """A processed invoice is a 500 with a text, and nothing changes."""
    invoice = open_invoice(client)
    printed(client, invoice)
    before = len(client.server.state.rows(DIVISION, "documents"))

    answer = client.send("POST", ENDPOINT, {"InvoiceID": invoice["InvoiceID"]})

    assert (answer.status_code, answer.json()["error"]["message"]["value"]) == (500, "Factuur is al verwerkt")
    assert len(client.server.state.rows(DIVISION, "documents")) == before


def test_second_print_on_order(client: Client) -> None:
    """With the fault reprint it gives the same document again, and no new number."""
    invoice = open_invoice(client)
    first = printed(client, invoice)
    client.server.state.faults.on("reprint")

    second = printed(client, invoice)

    assert second["Document"] == first["Document"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Verplicht: Factuur"),
        ({"InvoiceID": "00000000-0000-0000-0000-000000000000"}, "Ongeldige referentie: Factuur"),
    ],
)
def test_unknown_invoice(client: Client, body: dict[str, str], text: str) -> None:
    """An invoice has to be named and to exist."""
    answer = client.send("POST", ENDPOINT, body)

    assert (answer.status_code, answer.json()["error"]["message"]["value"]) == (500, text)


def test_printing_cannot_be_read(client: Client) -> None:
    """The endpoint takes POST only."""
    assert client.get(ENDPOINT).status_code == 405


def test_invoice_date_moves_the_due_date(client: Client) -> None:
    """Another invoice date is taken over; the term of payment stays as long as it was."""
    invoice = open_invoice(client)
    term = date.fromisoformat(str(invoice["DueDate"])) - date.fromisoformat(str(invoice["InvoiceDate"]))

    printed(client, invoice, InvoiceDate="2026-01-01T00:00:00")

    now = client.server.state.rows(DIVISION, "invoices")[-1]
    assert (now["InvoiceID"], now["InvoiceDate"]) == (invoice["InvoiceID"], "2026-01-01")
    assert date.fromisoformat(str(now["DueDate"])) == date(2026, 1, 1) + term
