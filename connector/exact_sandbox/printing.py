"""POST salesinvoice/PrintedSalesInvoices: the number, the PDF in the archive, and what became of each way of sending.

Nothing is really sent. What fails in sending arrives as a text in a field of a good answer [docs], 4.5. [assumed] are
the texts, which address a mail goes to (the contact's on the invoice, else the account's), that drafts may be printed,
and what a second print gives.
"""

from __future__ import annotations

from datetime import date
from uuid import uuid4

from connector.exact_sandbox import entities
from connector.exact_sandbox.filing import keep_file
from connector.exact_sandbox.http import Answer, Request, json_answer
from connector.exact_sandbox.invoicing import PROCESSED
from connector.exact_sandbox.odata import encode_row
from connector.exact_sandbox.papers import SALES_INVOICE_DOCUMENT
from connector.exact_sandbox.pdf import one_page_pdf
from connector.exact_sandbox.reading import Place
from connector.exact_sandbox.receiving import refuse_if, sent_fields
from connector.exact_sandbox.rows import Row
from connector.exact_sandbox.sandbox import Sandbox

_EMAIL, _POSTBOX, _PEPPOL = 2, 4, 32  # InvoicingMethod [docs], 4.1
_SERIES = 700_000  # of the seeded invoices: 26700001 is the first of 2026


def print_invoice(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """Give the number, set Status 50, file the PDF; 201 with what became of each channel."""
    sent = sent_fields(request, entities.PRINTED_SALES_INVOICE)
    store = sandbox.stores[place.division]
    header = store.get("invoices", str(sent.get("InvoiceID") or ""))
    refuse_if(["Verplicht: Factuur"] if not sent.get("InvoiceID") else [])
    refuse_if(["Ongeldige referentie: Factuur"] if header is None else [])
    assert header is not None
    if header["Status"] == PROCESSED:
        refuse_if([] if sandbox.faults.strikes("reprint") else ["Factuur is al verwerkt"])
        printed = (
            row for row in store.rows("documents") if row.get("FinancialTransactionEntryID") == header["InvoiceID"]
        )
        document = next(printed, None)
    else:
        header = _process(sandbox, place.division, header, sent)
        document = _file(sandbox, place.division, header)
    result: Row = {
        **sent, "Division": place.division, "Document": document["ID"] if document else None,
        "DocumentCreationSuccess": "Document aangemaakt" if document else None,
        "DocumentCreationError": None if document else "Document niet gevonden",
        **_outputs(sandbox, place.division, header, sent),
    }  # fmt: skip
    uri = f"{request.base_url}/api/v1/{place.division}/{place.endpoint}(guid'{header['InvoiceID']}')"
    return json_answer({"d": encode_row(entities.PRINTED_SALES_INVOICE, result, None, uri)}, 201)


def _process(sandbox: Sandbox, division: int, header: Row, sent: Row) -> Row:
    old = date.fromisoformat(str(header["InvoiceDate"]))
    day = date.fromisoformat(str(sent["InvoiceDate"])) if sent.get("InvoiceDate") else old
    due = date.fromisoformat(str(header["DueDate"])) + (day - old)
    year = day.year % 100 * 1_000_000
    given = [
        number
        for row in sandbox.stores[division].rows("invoices")
        if isinstance(number := row.get("InvoiceNumber"), int) and year <= number < year + 1_000_000
    ]
    return sandbox.change_invoice(
        division, header, InvoiceNumber=max(given, default=year + _SERIES) + 1, InvoiceDate=day.isoformat(),
        DueDate=due.isoformat(), Status=PROCESSED, StatusDescription="Verwerkt",
    )  # fmt: skip


def _file(sandbox: Sandbox, division: int, header: Row) -> Row:
    """A document of type 10 with the PDF in it [live]."""
    store = sandbox.stores[division]
    number = header["InvoiceNumber"]
    payer = store.get("accounts", str(header["InvoiceTo"])) or {}
    document = sandbox.write(
        division, "documents",
        {
            "ID": str(uuid4()), "HID": store.next_number("documents"), "Account": header["InvoiceTo"],
            "AccountCode": payer.get("Code"),
            "AccountName": header["InvoiceToName"], "AmountFC": header["AmountFC"], "Currency": header["Currency"],
            "DocumentDate": header["InvoiceDate"], "FinancialTransactionEntryID": header["InvoiceID"],
            "SalesInvoiceNumber": number, "Subject": f"Invoice: {number}", "Type": SALES_INVOICE_DOCUMENT,
            "TypeDescription": "Verkoopfactuur", "HasEmptyBody": True, "InheritShare": True,
        },
    )  # fmt: skip
    lines = [f"Factuur {number}", "", str(header["InvoiceToName"]), f"Datum {header['InvoiceDate']}", ""]
    lines += [
        f"{line['Quantity']} x {line['Description']}   {line['AmountFC']}"
        for line in store.lines_of(str(header["InvoiceID"]))
    ]
    lines += ["", f"Totaal {header['Currency']} {header['AmountFC']}"]
    keep_file(sandbox, division, str(document["ID"]), f"inv{number}.PDF", one_page_pdf(lines))
    return document


def _outputs(sandbox: Sandbox, division: int, header: Row, sent: Row) -> Row:
    """The channels that were asked for; the account's own preference counts when no flag names one [docs], 4.5."""
    store = sandbox.stores[division]
    account = store.get("accounts", str(header["InvoiceTo"])) or {}
    method = account.get("InvoicingMethod")
    wanted = {
        _EMAIL: bool(sent.get("SendEmailToCustomer")),
        _POSTBOX: bool(sent.get("SendInvoiceToCustomerPostbox")) and not sent.get("SendEmailToCustomer"),
        _PEPPOL: bool(sent.get("SendInvoiceViaPeppol")),
    }
    if sent.get("SendOutputBasedOnAccount") and not any(wanted.values()):
        wanted[method if isinstance(method, int) else 0] = True
    result: Row = {}
    if wanted[_EMAIL]:
        contact = store.get("contacts", str(header.get("InvoiceToContactPerson"))) or {}
        address = contact.get("Email") or account.get("Email")
        if sandbox.faults.strikes("mail-fails"):
            result["EmailCreationError"] = "De e-mail kon niet worden aangemaakt"
        elif not address:
            result["EmailCreationError"] = "Geen e-mailadres bekend"
        else:
            result["EmailCreationSuccess"] = f"E-mail verzonden naar {address}"
    if wanted[_POSTBOX]:
        ready = method == _POSTBOX
        result[f"PostboxMessageCreation{'Success' if ready else 'Error'}"] = (
            "Bericht verzonden" if ready else "De relatie heeft geen digitale postbus"
        )
    if wanted[_PEPPOL]:
        ready = method == _PEPPOL
        result[f"PeppolCreation{'Success' if ready else 'Error'}"] = (
            "Verzonden via Peppol" if ready else "De relatie is niet bereikbaar via Peppol"
        )
    return result
