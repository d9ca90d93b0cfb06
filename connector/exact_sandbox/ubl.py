"""The sandbox's own small writer of SI-UBL 2.0 (NLCIUS), for the XML attachments in its worlds.

Writes only what its invoices need: categories S and Z, euro, Dutch seller and buyer with a legal id, invoice and credit
note. Reading and checking UBL is the business of whoever uses the sandbox. Rules: e-invoicing.md 4, 5, 7 and 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from connector.exact_sandbox.invoicing import CREDIT_NOTE, Invoice, Line, VatCode, cents
from connector.exact_sandbox.people import Customer

CUSTOMIZATION = "urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0"
PROFILE = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CAC = f"{{{_UBL}CommonAggregateComponents-2}}"
_CBC = f"{{{_UBL}CommonBasicComponents-2}}"
OIN_LENGTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Who sends the invoice, as printed on it."""

    name: str
    kvk: str
    vat_number: str
    street: str
    postcode: str
    city: str
    email: str
    iban: str


def _amount(value: Decimal) -> str:
    return f"{cents(value):.2f}"


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _leaf(parent: etree._Element, name: str, text: str, **attributes: str) -> None:
    element = etree.SubElement(parent, _CBC + name, attrib=attributes)
    element.text = text


def _group(parent: etree._Element, *names: str) -> etree._Element:
    for name in names:
        parent = etree.SubElement(parent, _CAC + name)
    return parent


def _scheme(legal_id: str) -> str:
    return "0190" if len(legal_id) == OIN_LENGTH else "0106"


def _party(
    parent: etree._Element, *, name: str, legal_id: str, vat: str | None, street: str, city: str, postcode: str
) -> etree._Element:
    party = _group(parent, "Party")
    _leaf(party, "EndpointID", legal_id, schemeID=_scheme(legal_id))
    _leaf(_group(party, "PartyName"), "Name", name)
    address = _group(party, "PostalAddress")
    _leaf(address, "StreetName", street)
    _leaf(address, "CityName", city)
    _leaf(address, "PostalZone", postcode)
    _leaf(_group(address, "Country"), "IdentificationCode", "NL")
    if vat:
        tax = _group(party, "PartyTaxScheme")
        _leaf(tax, "CompanyID", vat)
        _leaf(_group(tax, "TaxScheme"), "ID", "VAT")
    legal = _group(party, "PartyLegalEntity")
    _leaf(legal, "RegistrationName", name)
    _leaf(legal, "CompanyID", legal_id, schemeID=_scheme(legal_id))
    return party


def _category(parent: etree._Element, element: str, vat: VatCode) -> None:
    category = _group(parent, element)
    _leaf(category, "ID", vat.category)
    _leaf(category, "Percent", _plain(vat.percentage * 100))
    _leaf(_group(category, "TaxScheme"), "ID", "VAT")


def can_write(invoice: Invoice) -> bool:
    """Whether this writer covers the invoice: finished, euro, S and Z only, Dutch buyer with a KvK number or OIN."""
    buyer: Customer = invoice.invoice_to
    return (
        invoice.finished
        and invoice.currency == "EUR"
        and not invoice.discount
        and all(line.vat.category in ("S", "Z") and line.vat.type != "I" for line in invoice.lines)
        and buyer.country == "NL"
        and buyer.registration is not None
    )


def write_ubl(invoice: Invoice, seller: Seller) -> bytes:
    """The invoice as NLCIUS bytes; a credit note gets a CreditNote root and positive amounts."""
    credit = invoice.type == CREDIT_NOTE
    root_name = "CreditNote" if credit else "Invoice"
    namespaces: dict[str | None, str] = {
        None: f"{_UBL}{root_name}-2", "cac": _CAC[1:-1], "cbc": _CBC[1:-1],
    }  # fmt: skip
    root = etree.Element(f"{{{_UBL}{root_name}-2}}{root_name}", nsmap=namespaces)
    _header(root, invoice, credit=credit)
    supplier = _party(
        _group(root, "AccountingSupplierParty"), name=seller.name, legal_id=seller.kvk, vat=seller.vat_number,
        street=seller.street, city=seller.city, postcode=seller.postcode,
    )  # fmt: skip
    _leaf(_group(supplier, "Contact"), "ElectronicMail", seller.email)
    buyer = invoice.invoice_to
    _party(
        _group(root, "AccountingCustomerParty"), name=buyer.name, legal_id=buyer.registration or "",
        vat=buyer.vat_number,
        street=buyer.street, city=buyer.city, postcode=buyer.postcode,
    )  # fmt: skip
    means = _group(root, "PaymentMeans")
    _leaf(means, "PaymentMeansCode", "58" if invoice.invoice_to.code % 2 else "30")
    if credit:
        _leaf(means, "PaymentDueDate", invoice.due_date.isoformat())
    _leaf(means, "PaymentID", str(invoice.number))
    _leaf(_group(means, "PayeeFinancialAccount"), "ID", seller.iban)
    sign = Decimal(-1) if credit else Decimal(1)
    _totals(root, invoice, sign)
    for line in invoice.lines:
        _line(root, line, sign, credit=credit)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _header(root: etree._Element, invoice: Invoice, *, credit: bool) -> None:
    _leaf(root, "CustomizationID", CUSTOMIZATION)
    _leaf(root, "ProfileID", PROFILE)
    _leaf(root, "ID", str(invoice.number))
    _leaf(root, "IssueDate", invoice.invoice_date.isoformat())
    if credit:
        _leaf(root, "CreditNoteTypeCode", "381")
    else:
        _leaf(root, "DueDate", invoice.due_date.isoformat())
        _leaf(root, "InvoiceTypeCode", "380")
    if invoice.description:
        _leaf(root, "Note", invoice.description)
    _leaf(root, "DocumentCurrencyCode", invoice.currency)
    _leaf(root, "BuyerReference", invoice.your_ref or f"Relatie {invoice.invoice_to.code}")
    if invoice.your_ref:
        _leaf(_group(root, "OrderReference"), "ID", invoice.your_ref)
    if invoice.credited_number:
        _leaf(_group(root, "BillingReference", "InvoiceDocumentReference"), "ID", str(invoice.credited_number))


def _totals(root: etree._Element, invoice: Invoice, sign: Decimal) -> None:
    currency = {"currencyID": invoice.currency}
    tax = _group(root, "TaxTotal")
    _leaf(tax, "TaxAmount", _amount(sign * invoice.vat_amount_fc), **currency)
    for code in sorted({line.vat.code for line in invoice.lines}):
        group = [line for line in invoice.lines if line.vat.code == code]
        base = sum((line.amount_fc for line in group), Decimal(0))
        subtotal = _group(tax, "TaxSubtotal")
        _leaf(subtotal, "TaxableAmount", _amount(sign * base), **currency)
        _leaf(subtotal, "TaxAmount", _amount(sign * cents(base * group[0].vat.percentage)), **currency)
        _category(subtotal, "TaxCategory", group[0].vat)
    money = _group(root, "LegalMonetaryTotal")
    _leaf(money, "LineExtensionAmount", _amount(sign * invoice.amount_fc_excl_vat), **currency)
    _leaf(money, "TaxExclusiveAmount", _amount(sign * invoice.amount_fc_excl_vat), **currency)
    _leaf(money, "TaxInclusiveAmount", _amount(sign * invoice.amount_fc), **currency)
    _leaf(money, "PayableAmount", _amount(sign * invoice.amount_fc), **currency)


def _line(root: etree._Element, line: Line, sign: Decimal, *, credit: bool) -> None:
    currency = {"currencyID": "EUR"}
    element = _group(root, "CreditNoteLine" if credit else "InvoiceLine")
    _leaf(element, "ID", str(line.number))
    _leaf(element, "CreditedQuantity" if credit else "InvoicedQuantity", _plain(sign * line.quantity), unitCode="C62")
    _leaf(element, "LineExtensionAmount", _amount(sign * line.amount_fc), **currency)
    gross = cents(line.quantity * line.unit_price)
    if line.discount:
        allowance = _group(element, "AllowanceCharge")
        _leaf(allowance, "ChargeIndicator", "false")
        _leaf(allowance, "AllowanceChargeReason", "Regelkorting")
        _leaf(allowance, "Amount", _amount(sign * (gross - line.amount_fc)), **currency)
    item = _group(element, "Item")
    _leaf(item, "Name", line.description)
    _category(item, "ClassifiedTaxCategory", line.vat)
    _leaf(_group(element, "Price"), "PriceAmount", _plain(line.unit_price), **currency)
