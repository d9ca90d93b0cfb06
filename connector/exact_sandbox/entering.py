"""Writes to salesinvoice/SalesInvoices: invoices that a program enters (exact-online-api.md 4.4).

Amounts are computed here and never taken over. [assumed] are the defaults of payment condition (that of the customer,
else 30 days), VAT code (the customer's, else 4) and quantity (1); that an Item needs no more than an id, and lends a
line what earlier lines with it have; that a processed invoice takes a document and nothing else; and the texts, unless
a source stands beside them.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from connector.exact_sandbox import entities
from connector.exact_sandbox.dates import today_in_amsterdam
from connector.exact_sandbox.http import Answer, Request
from connector.exact_sandbox.invoicing import (
    CREDIT_NOTE,
    INVOICE,
    OPEN,
    PAYMENT_CONDITIONS,
    PROCESSED,
    RATES,
    VAT_CODES,
    Line,
    add_up,
    make_line,
)
from connector.exact_sandbox.reading import Place
from connector.exact_sandbox.receiving import (
    accepted_fields,
    created,
    prefers_all,
    refuse_if,
    sent_fields,
    unconvertible,
)
from connector.exact_sandbox.refusal import malformed
from connector.exact_sandbox.rows import Row, Value, header_amounts, line_fields
from connector.exact_sandbox.sandbox import Sandbox
from connector.exact_sandbox.store import DivisionStore

_TYPES = {INVOICE: "Verkoopfactuur", CREDIT_NOTE: "Creditnota"}
_JOURNAL = "70"
_CONTACTS = ("OrderedByContactPerson", "InvoiceToContactPerson", "DeliverToContactPerson")


def create_invoice(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """An open invoice with its lines, without a number until it is printed. VAT amounts are null in the answer [live].

    An InvoiceDate is kept although the field is read-only [live], 2.8.
    """
    store = sandbox.stores[place.division]
    today = today_in_amsterdam(sandbox.clock()).isoformat()
    before: Row = {
        "InvoiceID": str(uuid4()), "Status": OPEN, "StatusDescription": "Open", "Type": INVOICE, "Journal": _JOURNAL,
        "JournalDescription": "Verkoopboek", "Currency": "EUR", "InvoiceDate": today, "OrderDate": today,
        "Discount": 0.0, "DiscountType": 1, "GAccountAmountFC": 0.0, "ExtraDutyAmountFC": 0.0, "IsExtraDuty": False,
        "StarterSalesInvoiceStatus": 0,
    }  # fmt: skip
    sent = sent_fields(request, entities.SALES_INVOICE)
    header = _header(store, before, {name: value for name, value in sent.items() if value is not None})
    payer = store.get("accounts", str(header["InvoiceTo"])) or {}
    bodies = [accepted_fields(body, entities.SALES_INVOICE_LINE) for body in _posted_lines(request)]
    refuse_if([text for body in bodies for text in _wrong_with_line(body)])
    earlier = [_earlier(store, body) for body in bodies]
    lines = [
        _line(number, body, known, payer) for number, (body, known) in enumerate(zip(bodies, earlier, strict=True), 1)
    ]
    rate = RATES[str(header["Currency"])]
    amounts = _amounts(header, lines)
    made = sandbox.write(place.division, "invoices", {**header, **amounts})
    for line, body, known in zip(lines, bodies, earlier, strict=True):
        names = {name: known.get(name) for name in ("ItemCode", "ItemDescription")}
        row = {**body, **names, "InvoiceID": header["InvoiceID"], **line_fields(place.division, line, rate)}
        sandbox.write(place.division, "lines", row)
    hidden: Row = {} if prefers_all(request) else {"VATAmountFC": None, "VATAmountDC": None}
    return created(sandbox, request, place, {**made, **hidden})


def change_invoice(sandbox: Sandbox, request: Request, place: Place, row: Row) -> None:
    """Change fields of the header; lines are for POST only [docs]. Header and lines get new versions."""
    store = sandbox.stores[place.division]
    sent = sent_fields(request, entities.SALES_INVOICE)
    sent.pop("InvoiceDate", None)
    refuse_if(["Factuur is al verwerkt"] if row["Status"] == PROCESSED and sent.keys() - {"Document"} else [])
    header = _header(store, row, sent)
    rows = store.lines_of(str(row["InvoiceID"]))
    lines = [_line_of(line) for line in rows]
    sandbox.write(place.division, "invoices", {**header, **_amounts(header, lines)})
    for line, old in zip(lines, rows, strict=True):
        rate = RATES[str(header["Currency"])]
        sandbox.write(place.division, "lines", {**old, **line_fields(place.division, line, rate)})


def delete_invoice(sandbox: Sandbox, place: Place, row: Row) -> None:
    """Delete an invoice that was not processed, with its lines."""
    refuse_if(["Factuur is al verwerkt"] if row["Status"] == PROCESSED else [])
    for line in sandbox.stores[place.division].lines_of(str(row["InvoiceID"])):
        sandbox.delete(place.division, "lines", str(line["ID"]))
    sandbox.delete(place.division, "invoices", str(row["InvoiceID"]))


def _header(store: DivisionStore, before: Row, sent: Row) -> Row:
    """The header as it will stand, without amounts; 500 with all that is wrong."""
    row: Row = {**before, **sent}
    ordered_by = store.get("accounts", str(row.get("OrderedBy"))) or {}
    row["InvoiceTo"] = row.get("InvoiceTo") or ordered_by.get("InvoiceAccount") or row.get("OrderedBy")
    row["DeliverTo"] = row.get("DeliverTo") or row.get("OrderedBy")
    payer = store.get("accounts", str(row["InvoiceTo"])) or {}
    if not row.get("PaymentCondition"):
        row["PaymentCondition"] = payer.get("PaymentConditionSales") or "30"
    refuse_if([*_wrong_with_parties(store, row), *_wrong_with_codes(store, row)])
    for name, account in (("OrderedByContactPerson", ordered_by), ("InvoiceToContactPerson", payer)):
        row.setdefault(name, account.get("MainContact"))  # [live] of InvoiceTo
    for name in _CONTACTS:
        row[f"{name}FullName"] = (store.get("contacts", str(row.get(name))) or {}).get("FullName")
    for name in ("OrderedBy", "InvoiceTo", "DeliverTo"):
        row[f"{name}Name"] = (store.get("accounts", str(row[name])) or {}).get("Name")
    description, days = PAYMENT_CONDITIONS[str(row["PaymentCondition"])]
    if not row.get("DueDate"):
        row["DueDate"] = (date.fromisoformat(str(row["InvoiceDate"])) + timedelta(days=days)).isoformat()
    document = store.get("documents", str(row.get("Document"))) or {}
    kind = row["Type"]
    assert isinstance(kind, int)
    return {
        **row, "PaymentConditionDescription": description, "TypeDescription": _TYPES[kind],
        "DocumentNumber": document.get("HID"), "DocumentSubject": document.get("Subject"),
    }  # fmt: skip


def _wrong_with_parties(store: DivisionStore, row: Row) -> list[str]:
    """In the words and the order in which Exact was seen to say it [one: picqer#10, #172, #249]."""
    if not row.get("OrderedBy"):
        return [*([] if row["InvoiceTo"] else ["Verplicht: Factuur voor"]), "Verplicht: Besteld door"]
    words = {"DeliverTo": "Leveren aan", "OrderedBy": "Besteld door", "InvoiceTo": "Factuur voor"}
    found = {name: store.get("accounts", str(row[name])) for name in words}
    wrong = [f"Ongeldige referentie: {words[name]}" for name, account in found.items() if account is None]
    customers = ["InvoiceTo"] if row["InvoiceTo"] == row["OrderedBy"] else ["OrderedBy", "InvoiceTo"]
    wrong += [
        f"Ongeldig: {words[name]} (Type)"
        for name in customers
        if (account := found[name]) is not None and account["Status"] != "C"
    ]
    return wrong


def _wrong_with_codes(store: DivisionStore, row: Row) -> list[str]:
    wrong = []
    if row["Type"] not in _TYPES:
        wrong.append("Ongeldige waarde: Type")
    if row["Journal"] != _JOURNAL:
        wrong.append("Ongeldige referentie: Dagboek")
    if row["Currency"] not in RATES:
        wrong.append("Ongeldige referentie: Valuta")
    if not _is_fraction(row.get("Discount")):
        wrong.append("Ongeldige waarde: Korting")
    if row["PaymentCondition"] not in PAYMENT_CONDITIONS:
        wrong.append("Ongeldige referentie: Betalingsconditie")
    if row.get("Document") and store.get("documents", str(row["Document"])) is None:
        wrong.append("Ongeldige referentie: Document")
    if any(row.get(name) and store.get("contacts", str(row[name])) is None for name in _CONTACTS):
        wrong.append("Ongeldige referentie: Contactpersoon")
    return wrong


def _posted_lines(request: Request) -> list[dict[str, Any]]:
    """A JSON array; a single object is a 400 [clients: picqer#117, #277], 2.8."""
    lines = request.json().get("SalesInvoiceLines")
    refuse_if([] if lines else ["Verplicht: Factuurregels"])
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        text = "Error processing request stream. The request should be a valid top-level resource object."
        raise malformed(text)
    return lines


def _wrong_with_line(body: Row) -> list[str]:
    wrong = [] if body.get("Item") else ["Verplicht: Artikel"]
    if body.get("VATCode") and body["VATCode"] not in VAT_CODES:
        wrong.append("Ongeldige referentie: Btw-code")
    if not _is_fraction(body.get("Discount")):
        wrong.append("Ongeldige waarde: Korting")
    return wrong


def _is_fraction(value: Value) -> bool:
    return value is None or (isinstance(value, float) and 0 <= value <= 1)


def _earlier(store: DivisionStore, body: Row) -> Row:
    """The newest line with the same item, or nothing."""
    return next((line for line in reversed(store.rows("lines")) if line.get("Item") == body["Item"]), {})


def _line(number: int, body: Row, known: Row, payer: Row) -> Line:
    """NetPrice goes before UnitPrice and Discount."""
    price, discount = body.get("UnitPrice"), body.get("Discount")
    if price is None:
        price = known.get("UnitPrice")
    if body.get("NetPrice") is not None:
        price, discount = body["NetPrice"], None
    description = body.get("Description") or known.get("ItemDescription") or ""
    return _line_of(
        {
            "ID": str(uuid4()), "LineNumber": number, "Description": description,
            "UnitCode": body.get("UnitCode") or known.get("UnitCode") or "stuk", "UnitPrice": price or 0.0,
            "Quantity": 1.0 if body.get("Quantity") is None else body["Quantity"], "Discount": discount or 0.0,
            "VATCode": body.get("VATCode") or payer.get("SalesVATCode") or "4",
        }
    )  # fmt: skip


def _line_of(row: Row) -> Line:
    """A row as a line, with its amounts computed anew."""
    try:
        return make_line(
            id=str(row["ID"]), number=int(str(row["LineNumber"])),
            goods=(str(row["Description"]), str(row["UnitCode"]), str(row["UnitPrice"])),
            quantity=Decimal(str(row["Quantity"])), discount=Decimal(str(row["Discount"])),
            vat=VAT_CODES[str(row["VATCode"])],
        )  # fmt: skip
    except InvalidOperation as error:  # not a number, or more digits than money has
        raise unconvertible("UnitPrice") from error


def _amounts(header: Row, lines: list[Line]) -> Row:
    totals = add_up(lines, Decimal(str(header["Discount"] or 0)))
    return header_amounts(totals, lines, RATES[str(header["Currency"])])
