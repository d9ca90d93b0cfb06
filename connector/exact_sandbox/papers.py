"""Documents that Exact keeps with printed invoices, and what is attached to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.exact_sandbox.invoicing import Invoice
from connector.exact_sandbox.numbers import guid
from connector.exact_sandbox.pdf import one_page_pdf
from connector.exact_sandbox.ubl import Seller, can_write, write_ubl

SALES_INVOICE_DOCUMENT = 10  # document type, [live]
_XML_ONE_IN = 6
_WITHOUT_PDF = (15, 7)  # every 15th, from the 7th on
_WITH_WORKSHEET = (11, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file with a document."""

    id: str
    file_name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The printed invoice in Exact's archive."""

    id: str
    invoice: Invoice
    subject: str
    attachments: tuple[Attachment, ...]


def _with_xml(finished: Sequence[Invoice]) -> frozenset[str]:
    """About one in six of all, spread over those the UBL writer covers."""
    able = [invoice for invoice in finished if can_write(invoice)]
    wanted = min(len(able), -(-len(finished) // _XML_ONE_IN))
    return frozenset(able[place * len(able) // wanted].id for place in range(wanted))


def _printed(invoice: Invoice, seller: Seller) -> bytes:
    lines = [
        f"{'Creditnota' if invoice.amount_fc < 0 else 'Factuur'} {invoice.number}", "", seller.name,
        f"{seller.street}, {seller.postcode} {seller.city}", f"KvK {seller.kvk}  Btw {seller.vat_number}", "",
        invoice.invoice_to.name, f"Datum {invoice.invoice_date:%d-%m-%Y}  Vervaldatum {invoice.due_date:%d-%m-%Y}", "",
    ]  # fmt: skip
    lines += [f"{line.quantity:f} x {line.description}   {line.amount_fc}" for line in invoice.lines]
    lines += [
        "",
        f"Btw {invoice.vat_amount_fc}",
        f"Totaal {invoice.currency} {invoice.amount_fc}",
        f"IBAN {seller.iban}",
    ]
    return one_page_pdf(lines)


def make_documents(invoices: Sequence[Invoice], seller: Seller) -> tuple[Document, ...]:
    """One document for each finished invoice: nearly always a PDF, sometimes the UBL, now and then a worksheet."""
    finished = [invoice for invoice in invoices if invoice.finished]
    with_xml = _with_xml(finished)
    made = []
    for place, invoice in enumerate(finished):
        files: list[tuple[str, bytes]] = []
        if place % _WITHOUT_PDF[0] != _WITHOUT_PDF[1]:
            files.append((f"inv{invoice.number}.PDF", _printed(invoice, seller)))
        if invoice.id in with_xml:
            files.append((f"inv{invoice.number}.xml", write_ubl(invoice, seller)))
        if place % _WITH_WORKSHEET[0] == _WITH_WORKSHEET[1]:
            files.append(("werkbon.pdf", one_page_pdf(["Werkbon", f"Bij factuur {invoice.number}"])))
        attachments = tuple(
            Attachment(id=guid(invoice.id, "attachment", name), file_name=name, content=content)
            for name, content in files
        )
        made.append(
            Document(
                id=guid(invoice.id, "document"),
                invoice=invoice,
                subject=f"Invoice: {invoice.number}",
                attachments=attachments,
            )
        )
    return tuple(made)
