"""Accounts and invoices that a program makes, and what becomes of documents: so that others can make their own data."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from connector.exact_sandbox.people import Kind

from .helpers import DIVISION, Client
from .test_filing import attach, file_document
from .test_writing import card_id

ACCOUNTS = "crm/Accounts"
INVOICES = "salesinvoice/SalesInvoices"
NOBODY = "00000000-0000-0000-0000-000000000000"
ITEM = "11111111-2222-3333-4444-555555555555"
LINES = [
    {"Item": ITEM, "Description": "Appels", "Quantity": 3, "UnitPrice": 9.99, "VATCode": "4"},
    {"Item": ITEM, "Description": "Peren", "Quantity": 2, "UnitPrice": 10, "Discount": 0.1, "VATCode": "2"},
]
"""29.97 with 21 % of 6.29 (6.2937) and 18.00 with 9 % of 1.62."""


def refused(client: Client, method: str, endpoint: str, body: Any = None) -> tuple[int, str]:
    """Status and text."""
    answer = client.send(method, endpoint, body)
    return answer.status_code, answer.json()["error"]["message"]["value"]


def create_account(client: Client, **fields: Any) -> str:
    answer = client.send("POST", ACCOUNTS, {"Name": "Nieuwe klant", **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["d"]["ID"])


def create_invoice(client: Client, **fields: Any) -> dict[str, Any]:
    body = {"OrderedBy": card_id(client.server, Kind.GOOD), "SalesInvoiceLines": LINES, **fields}
    answer = client.send("POST", INVOICES, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["d"]
    return made


def read(client: Client, endpoint: str, key: object) -> dict[str, Any]:
    row: dict[str, Any] = client.get(f"{endpoint}(guid'{key}')").json()["d"]
    return row


# Accounts


def test_account_is_made(client: Client) -> None:
    """The answer has the key only; the next code is given, and what Exact was seen to set stands on the card."""
    highest = max(int(str(row["Code"])) for row in client.server.state.accounts(DIVISION))

    answer = client.send("POST", ACCOUNTS, {"Name": "Nieuwe klant", "ChamberOfCommerce": "12345678", "Status": "C"})

    made = answer.json()["d"]
    assert {name for name, value in made.items() if value is not None} <= {"ID", "__metadata", "BankAccounts"}
    card = read(client, ACCOUNTS, made["ID"])
    assert card["Code"] == str(highest + 1).rjust(18)
    assert (card["InvoicingMethod"], card["InvoiceAttachmentType"], card["IsSales"]) == (0, 1, True)
    assert client.rows("sync/CRM/Accounts", filter="Timestamp gt 1", select="ID")[-1]["ID"] == made["ID"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Verplicht: Naam"),
        ({"Name": "X", "Code": "7"}, "Gegeven bestaat reeds."),
        (
            {"Name": "X", "Status": "Z", "InvoicingMethod": 3},
            "Ongeldige waarde: Factureringsmethode\r\nOngeldige waarde: Status",
        ),
        ({"Name": "X", "InvoiceAccount": NOBODY}, "Ongeldige referentie: Factuur voor"),
    ],
)
def test_rules_of_accounts(client: Client, fields: dict[str, Any], text: str) -> None:
    """What is missing, taken or refers to nothing is named."""
    assert refused(client, "POST", ACCOUNTS, fields) == (500, text)


def test_code_that_is_put_exists_already(client: Client) -> None:
    """Even the account's own, as somebody found out [one: picqer#432]."""
    account = client.server.state.account(DIVISION, 7)["ID"]

    assert refused(client, "PUT", f"{ACCOUNTS}(guid'{account}')", {"Code": "7"}) == (500, "Gegeven bestaat reeds.")


# Invoices


def test_invoice_is_computed(client: Client) -> None:
    """Header and lines have the amounts of their lines; there is no number, and the status is open."""
    made = create_invoice(client)

    header = read(client, INVOICES, made["InvoiceID"])
    lines = client.rows("salesinvoice/SalesInvoiceLines", filter=f"InvoiceID eq guid'{made['InvoiceID']}'")
    assert (header["Status"], header["InvoiceNumber"], header["OrderedByName"]) == (20, None, made["OrderedByName"])
    assert (header["AmountFCExclVat"], header["VATAmountFC"], header["AmountFC"]) == (47.97, 7.91, 55.88)
    found = {line["LineNumber"]: (line["Description"], line["AmountFC"], line["VATAmountFC"]) for line in lines}
    assert found == {1: ("Appels", 29.97, 6.29), 2: ("Peren", 18.0, 1.62)}


def test_answer_to_an_invoice(client: Client) -> None:
    """Nearly all of it: VAT amounts are null and lines deferred, unless the whole is asked for [live]."""
    made = create_invoice(client)
    body = {"OrderedBy": made["OrderedBy"], "SalesInvoiceLines": LINES}
    whole = client.send("POST", INVOICES, body, Prefer="return=representation").json()["d"]

    assert (made["AmountFC"], made["VATAmountFC"], whole["VATAmountFC"]) == (55.88, None, 7.91)
    assert len(client.http.get(made["SalesInvoiceLines"]["__deferred"]["uri"]).json()["d"]["results"]) == 2


def test_invoice_goes_to_whom_the_card_says(client: Client) -> None:
    """InvoiceTo is the card's InvoiceAccount, the contact that one's main contact, and the date may be given."""
    payer = read(client, ACCOUNTS, card_id(client.server, Kind.GOOD))
    account = create_account(client, Status="C", InvoiceAccount=payer["ID"], PaymentConditionSales="14")

    made = create_invoice(client, OrderedBy=account, InvoiceDate="2026-10-01", PaymentCondition="14")

    assert (made["OrderedBy"], made["DeliverTo"], made["InvoiceTo"]) == (account, account, payer["ID"])
    assert made["InvoiceToContactPerson"] == payer["MainContact"]
    assert [int(made[name][6:-2]) // 86_400_000 for name in ("InvoiceDate", "DueDate")] == [20727, 20741]


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"OrderedBy": None}, 500, "Verplicht: Factuur voor\r\nVerplicht: Besteld door"),
        (
            {"OrderedBy": NOBODY},
            500,
            "\r\n".join(f"Ongeldige referentie: {name}" for name in ("Leveren aan", "Besteld door", "Factuur voor")),
        ),
        ({"SalesInvoiceLines": []}, 500, "Verplicht: Factuurregels"),
        (
            {"SalesInvoiceLines": LINES[0]},
            400,
            "Error processing request stream. The request should be a valid top-level resource object.",
        ),
        ({"SalesInvoiceLines": [{"UnitPrice": 1}]}, 500, "Verplicht: Artikel"),
        ({"SalesInvoiceLines": [{**LINES[0], "VATCode": "99"}]}, 500, "Ongeldige referentie: Btw-code"),
        ({"SalesInvoiceLines": [{**LINES[0], "Discount": 10}]}, 500, "Ongeldige waarde: Korting"),
        ({"Currency": "XXX", "Journal": "1"}, 500, "Ongeldige referentie: Dagboek\r\nOngeldige referentie: Valuta"),
    ],
)
def test_rules_of_invoices(client: Client, fields: dict[str, Any], status: int, text: str) -> None:
    """In the words of Exact where they are known; nothing is written."""
    before = len(client.server.state.rows(DIVISION, "flat"))
    body = {"OrderedBy": card_id(client.server, Kind.GOOD), "SalesInvoiceLines": LINES, **fields}

    assert refused(client, "POST", INVOICES, body) == (status, text)
    assert len(client.server.state.rows(DIVISION, "flat")) == before


@pytest.mark.parametrize(
    "fields", [{"UnitPrice": 1e300}, {"UnitPrice": "9.99"}, {"UnitPrice": 9e14, "Quantity": 9e14}], ids=str
)
def test_amounts_have_to_make_sense(client: Client, fields: dict[str, Any]) -> None:
    """What does not fit into money is a 400, as what is no number at all."""
    body = {"OrderedBy": card_id(client.server, Kind.GOOD), "SalesInvoiceLines": [{**LINES[0], **fields}]}

    assert refused(client, "POST", INVOICES, body)[0] == 400


def test_only_customers_are_invoiced(client: Client) -> None:
    """An account that is no customer is refused in Exact's words [one: picqer#172], and taken once it is one."""
    account = create_account(client)
    body = {"OrderedBy": account, "SalesInvoiceLines": LINES}

    assert refused(client, "POST", INVOICES, body) == (500, "Ongeldig: Factuur voor (Type)")
    client.send("PUT", f"{ACCOUNTS}(guid'{account}')", {"Status": "C"})
    assert client.send("POST", INVOICES, body).status_code == 201


def test_entered_invoice_can_be_printed(client: Client) -> None:
    """It gets number, status and document as the others do."""
    made = create_invoice(client)

    printed = client.send("POST", "salesinvoice/PrintedSalesInvoices", {"InvoiceID": made["InvoiceID"]}).json()["d"]

    header = read(client, INVOICES, made["InvoiceID"])
    document = read(client, "documents/Documents", printed["Document"])
    assert (header["Status"], document["SalesInvoiceNumber"]) == (50, header["InvoiceNumber"])
    assert (document["AmountFC"], document["FinancialTransactionEntryID"]) == (55.88, made["InvoiceID"])


def test_open_invoice_is_changed(client: Client) -> None:
    """A discount is computed through to the amounts; header and lines all come again in the stream."""
    made = create_invoice(client)
    seen = client.server.state.stores[DIVISION].counter

    answer = client.send("PUT", f"{INVOICES}(guid'{made['InvoiceID']}')", {"Discount": 0.5, "YourRef": "PO-1"})

    header = read(client, INVOICES, made["InvoiceID"])
    rows = client.rows("sync/SalesInvoice/SalesInvoices", filter=f"Timestamp gt {seen}", select="LineNumber,YourRef")
    assert answer.status_code == 204
    # 29.97 less 14.99 (14.985) with 21 %: 14.98 and 3.15 (3.1458); 18.00 less 9.00 with 9 %: 9.00 and 0.81
    assert (header["AmountFCExclVat"], header["VATAmountFC"], header["AmountFC"]) == (23.98, 3.96, 27.94)
    assert sorted((row["LineNumber"], row["YourRef"]) for row in rows) == [(0, "PO-1"), (1, "PO-1"), (2, "PO-1")]


def test_processed_invoice_takes_a_document_only(client: Client) -> None:
    """Its fields stay, and it cannot be deleted; a document can be linked to it."""
    row = next(row for row in client.server.state.rows(DIVISION, "invoices") if row["Status"] == 50)
    where = f"{INVOICES}(guid'{row['InvoiceID']}')"
    document = file_document(client)

    assert refused(client, "PUT", where, {"YourRef": "PO-1"}) == (500, "Factuur is al verwerkt")
    assert refused(client, "DELETE", where) == (500, "Factuur is al verwerkt")
    assert client.send("PUT", where, {"Document": document["ID"]}).status_code == 204
    after = read(client, INVOICES, row["InvoiceID"])
    assert (after["Document"], after["DocumentSubject"]) == (document["ID"], document["Subject"])
    assert [after[name] for name in ("AmountFC", "VATAmountFC", "AmountDC")] == [
        row[name] for name in ("AmountFC", "VATAmountFC", "AmountDC")
    ]


def test_open_invoice_is_deleted(client: Client) -> None:
    """With its lines; the log has it as type 13."""
    made = create_invoice(client)

    answer = client.send("DELETE", f"{INVOICES}(guid'{made['InvoiceID']}')")

    lines = client.rows("salesinvoice/SalesInvoiceLines", filter=f"InvoiceID eq guid'{made['InvoiceID']}'")
    log = client.rows("sync/Deleted", filter="Timestamp gt 1")
    assert (answer.status_code, lines) == (204, [])
    assert [(row["EntityType"], row["EntityKey"]) for row in log] == [(13, made["InvoiceID"])]


# Documents


def test_document_is_changed(client: Client) -> None:
    """Only what was sent; what refers to nothing is refused."""
    made = file_document(client, Account=client.server.state.account(DIVISION, 7)["ID"])
    where = f"documents/Documents(guid'{made['ID']}')"

    answer = client.send("PUT", where, {"Subject": "Anders", "Account": None})

    after = read(client, "documents/Documents", made["ID"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert (after["Subject"], after["Type"], after["AccountName"], after["HID"]) == ("Anders", 20, None, made["HID"])
    assert refused(client, "PUT", where, {"Type": 9999}) == (500, "Ongeldige referentie: Type")


def test_document_goes_with_its_files(client: Client) -> None:
    """Neither can be read or downloaded any more; the log has the file as type 4 and the document as type 6."""
    document = file_document(client)["ID"]
    files = [attach(client, document, name, base64.b64encode(b"x").decode()).json()["d"] for name in ("a", "b")]
    one = client.send("DELETE", f"documents/DocumentAttachments(guid'{files[0]['ID']}')")

    all_of_it = client.send("DELETE", f"documents/Documents(guid'{document}')")

    log = client.rows("sync/Deleted", filter="Timestamp gt 1")
    assert (one.status_code, all_of_it.status_code) == (204, 204)
    assert [client.http.get(file["Url"] + "&Download=1").status_code for file in files] == [404, 404]
    assert [(row["EntityType"], row["EntityKey"]) for row in log] == [
        (4, files[0]["ID"]), (4, files[1]["ID"]), (6, document),
    ]  # fmt: skip


def test_files_are_not_changed(client: Client) -> None:
    """There is no PUT for them [docs]."""
    file = client.rows("documents/DocumentAttachments", top="1", select="ID")[0]["ID"]

    assert refused(client, "PUT", f"documents/DocumentAttachments(guid'{file}')", {"FileName": "x"})[0] == 405
