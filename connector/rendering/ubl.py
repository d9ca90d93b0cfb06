"""Writes an `Invoice` as UBL 2.1; NLCIUS (SI-UBL 2.0) unless it names another customisation.

What the invoice has is written, in the order of the UBL 2.1 schemas; what it lacks is left out, never written
empty. Whether that makes a valid e-invoice is for `ingest.checks` to say, which totals are right for
`exact.mapping`. Nothing is computed here.
"""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from lxml import etree

from connector.invoice import (
    BILLING_PROFILE,
    NLCIUS,
    Address,
    Allowance,
    Identifier,
    Invoice,
    InvoiceType,
    Line,
    Party,
    PaymentMeans,
    VatBreakdown,
)

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CAC = _UBL + "CommonAggregateComponents-2"
_CBC = _UBL + "CommonBasicComponents-2"
_NAMESPACES = {"cac": _CAC, "cbc": _CBC}

SCHEME_CODES = {"kvk": "0106", "oin": "0190", "gln": "0088", "vat": "9944", "iban": "9918", "email": "EM"}
"""EAS codes (BR-CL-25) of the schemes that `Identifier` knows by a word; any other is written as it is."""

EXEMPTION_REASONS = {
    "AE": "Btw verlegd",
    "E": "Vrijgesteld van btw",
    "G": "Uitvoer buiten de Europese Unie",
    "K": "Intracommunautaire levering",
    "O": "Buiten het toepassingsgebied van de btw",
}
"""BT-120 when the invoice has none, for the categories whose breakdown must give one (BR-AE-10 and so on)."""

_PROJECT_DOCUMENT = "50"
"""UNTDID 1001 code that marks the project reference on a credit note, which has no cac:ProjectReference."""

_ISO_6523 = re.compile(r"0[0-9]{3}|SEPA")
"""What BR-CL-10 takes as the scheme of a party's further identifiers."""
_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters outside the `Char` production of XML 1.0."""

Element: TypeAlias = etree._Element
Part: TypeAlias = Element | Iterable[Element | None] | None


def render_ubl(invoice: Invoice) -> bytes:
    """Write an invoice as UBL 2.1: UTF-8 with an XML declaration, the same bytes for the same invoice.

    A Dutch NLCIUS invoice goes without what BR-NL-30, -31 and -35 advise against and something else says
    already: the account's name, the BIC of a SEPA payment, the exemption code. EN 16931 has no place for
    the VAT of line allowances, nor for the due date of a credit note without payment means.
    """
    is_credit = invoice.type is InvoiceType.CREDIT_NOTE
    name = "CreditNote" if is_credit else "Invoice"
    namespace = f"{_UBL}{name}-2"
    root = etree.Element(f"{{{namespace}}}{name}", nsmap={None: namespace, "cac": _CAC, "cbc": _CBC})
    lean = _is_dutch_nlcius(invoice)
    parts: list[Part] = [
        _header(invoice, is_credit),
        _references(invoice, is_credit),
        _group("AccountingSupplierParty", _party(invoice.seller)),
        _group("AccountingCustomerParty", _party(invoice.buyer)),
        _delivery(invoice),
        _payment(invoice, is_credit, lean),
        [_allowance(each, invoice.currency, on_document=True) for each in invoice.allowances],
        _vat_totals(invoice, lean),
        _totals(invoice),
        [_line(each, invoice.currency, is_credit) for each in invoice.lines],
    ]
    root.extend(_present(parts))
    etree.cleanup_namespaces(root, keep_ns_prefixes=["cac", "cbc"])
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _is_dutch_nlcius(invoice: Invoice) -> bool:
    """Tell whether the warnings of BR-NL-* apply (e-invoicing.md section 9)."""
    return "nen.nl:nlcius" in (invoice.customization_id or NLCIUS) and invoice.seller.address.country == "NL"


def _header(invoice: Invoice, is_credit: bool) -> Iterable[Element | None]:
    yield _leaf("UBLVersionID", "2.1")
    yield _leaf("CustomizationID", invoice.customization_id or NLCIUS)
    yield _leaf("ProfileID", invoice.profile_id or BILLING_PROFILE)
    yield _leaf("ID", invoice.number)
    yield _date("IssueDate", invoice.issue_date)
    if not is_credit:
        yield _date("DueDate", invoice.due_date)
    yield _leaf("CreditNoteTypeCode" if is_credit else "InvoiceTypeCode", invoice.type_code)
    yield _leaf("Note", invoice.note)
    yield _leaf("DocumentCurrencyCode", invoice.currency)
    yield _leaf("TaxCurrencyCode", invoice.vat_currency)
    yield _leaf("BuyerReference", invoice.buyer_reference)


def _references(invoice: Invoice, is_credit: bool) -> Iterable[Element | None]:
    project = _leaf("ID", invoice.project_reference)
    yield _group("OrderReference", _leaf("ID", invoice.order_reference))
    yield _group("BillingReference", _group("InvoiceDocumentReference", _leaf("ID", invoice.preceding_invoice)))
    yield _group("ContractDocumentReference", _leaf("ID", invoice.contract_reference))
    if project is not None and is_credit:
        code = _leaf("DocumentTypeCode", _PROJECT_DOCUMENT)
        yield _group("AdditionalDocumentReference", project, code)
    elif project is not None:
        yield _group("ProjectReference", project)


def _party(party: Party) -> Element | None:
    legal = _legal_identifier(party)
    endpoint = party.endpoint
    vat = _group("PartyTaxScheme", _leaf("CompanyID", party.vat or ""), _vat_scheme()) if party.vat else None
    return _group(
        "Party",
        _leaf("EndpointID", endpoint.value, schemeID=_scheme_code(endpoint.scheme)) if endpoint else None,
        [_party_identification(each) for each in _further_identifiers(party, legal)],
        _group("PartyName", _leaf("Name", party.trade_name)),
        _address("PostalAddress", party.address),
        vat,
        _group(
            "PartyLegalEntity",
            _leaf("RegistrationName", party.name),
            _leaf("CompanyID", legal.value, schemeID=_scheme_code(legal.scheme)) if legal else None,
        ),
        _group(
            "Contact",
            _leaf("Name", party.contact_name),
            _leaf("Telephone", party.phone),
            _leaf("ElectronicMail", party.email),
        ),
    )


def _legal_identifier(party: Party) -> Identifier | None:
    """Choose between the KvK number and the OIN (BR-NL-1, BR-NL-10 take either).

    The party's own order decides; without one the KvK number, unless it is only known as a part of the OIN: a
    government body is registered by its OIN.
    """
    registrations = [
        Identifier(scheme=scheme, value=value) for scheme, value in (("kvk", party.kvk), ("oin", party.oin)) if value
    ]
    for identifier in party.identifiers:
        if identifier in registrations and identifier != party.endpoint:
            return identifier
    if party.oin and (not party.kvk or party.kvk in party.oin):
        return Identifier(scheme="oin", value=party.oin)
    return Identifier(scheme="kvk", value=party.kvk) if party.kvk else None


def _further_identifiers(party: Party, legal: Identifier | None) -> list[Identifier]:
    """List what goes into PartyIdentification: everything without an element of its own, once."""
    told = [party.endpoint, legal, Identifier(scheme="vat", value=party.vat or "")]
    known = [*party.identifiers]
    known += [
        Identifier(scheme=scheme, value=value) for scheme, value in (("oin", party.oin), ("gln", party.gln)) if value
    ]
    return [each for each in dict.fromkeys(known) if each not in told]


def _party_identification(identifier: Identifier) -> Element | None:
    code = _scheme_code(identifier.scheme)
    return _group(
        "PartyIdentification",
        _leaf("ID", identifier.value, schemeID=code if _ISO_6523.fullmatch(code) else ""),
    )


def _scheme_code(scheme: str) -> str:
    return SCHEME_CODES.get(scheme, scheme.upper())  # letter codes of the list (AN, AU) are upper case


def _address(name: str, address: Address) -> Element | None:
    return _group(
        name,
        _leaf("StreetName", address.street),
        _leaf("AdditionalStreetName", address.additional),
        _leaf("CityName", address.city),
        _leaf("PostalZone", address.postcode),
        _leaf("CountrySubentity", address.subdivision),
        _group("Country", _leaf("IdentificationCode", address.country)),
    )


def _delivery(invoice: Invoice) -> Element | None:
    address = invoice.delivery_address
    return _group(
        "Delivery",
        _date("ActualDeliveryDate", invoice.delivery_date),
        _group("DeliveryLocation", _address("Address", address)) if address else None,
        _group("DeliveryParty", _group("PartyName", _leaf("Name", invoice.delivery_name))),
    )


def _payment(invoice: Invoice, is_credit: bool, lean: bool) -> Iterable[Element | None]:
    due = invoice.due_date if is_credit else None
    for position, means in enumerate(invoice.payment_means):
        yield _payment_means(means, due if position == 0 else None, lean)
    yield _group("PaymentTerms", _leaf("Note", invoice.payment_terms))


def _payment_means(means: PaymentMeans, due: date | None, lean: bool) -> Element | None:
    account_name = "" if lean else means.account_name
    bic = "" if lean and means.code in ("58", "59") else means.bic
    account = _leaf("ID", means.iban)
    return _group(
        "PaymentMeans",
        _leaf("PaymentMeansCode", means.code),
        _date("PaymentDueDate", due),
        _leaf("PaymentID", means.remittance),
        _group(
            "PayeeFinancialAccount",
            account,
            _leaf("Name", account_name),
            _group("FinancialInstitutionBranch", _leaf("ID", bic)),
        ),
    )


def _allowance(allowance: Allowance, currency: str, *, on_document: bool) -> Element | None:
    rate = allowance.vat_rate
    return _group(
        "AllowanceCharge",
        _leaf("ChargeIndicator", "true" if allowance.is_charge else "false"),
        _leaf("AllowanceChargeReason", allowance.reason),
        _number("MultiplierFactorNumeric", allowance.percentage),
        _amount("Amount", allowance.amount, currency),
        _amount("BaseAmount", allowance.base_amount, currency),
        _vat_category("TaxCategory", allowance.vat_category, rate) if on_document else None,
    )


def _vat_totals(invoice: Invoice, lean: bool) -> Iterable[Element | None]:
    yield _group(
        "TaxTotal",
        _amount("TaxAmount", invoice.vat_total, invoice.currency),
        [_vat_subtotal(each, invoice.currency, lean) for each in invoice.vat],
    )
    if invoice.vat_currency:
        own_total = _amount("TaxAmount", invoice.vat_total_in_vat_currency, invoice.vat_currency)
        yield _group("TaxTotal", own_total)


def _vat_subtotal(row: VatBreakdown, currency: str, lean: bool) -> Element | None:
    reason = row.exemption_reason or EXEMPTION_REASONS.get(row.category, "")
    return _group(
        "TaxSubtotal",
        _amount("TaxableAmount", row.taxable, currency),
        _amount("TaxAmount", row.tax, currency),
        _vat_category("TaxCategory", row.category, row.rate, reason, "" if lean else row.exemption_code),
    )


def _vat_category(name: str, category: str, rate: Decimal | None, reason: str = "", code: str = "") -> Element | None:
    if not category and rate is None:
        return None
    return _group(
        name,
        _leaf("ID", category),
        _number("Percent", None if category == "O" else rate),  # BR-O-05: outside the scope there is no rate
        _leaf("TaxExemptionReasonCode", code),
        _leaf("TaxExemptionReason", reason),
        _vat_scheme(),
    )


def _vat_scheme() -> Element | None:
    return _group("TaxScheme", _leaf("ID", "VAT"))


def _totals(invoice: Invoice) -> Element | None:
    currency = invoice.currency
    return _group(
        "LegalMonetaryTotal",
        _amount("LineExtensionAmount", invoice.line_total, currency),
        _amount("TaxExclusiveAmount", invoice.total_without_vat, currency),
        _amount("TaxInclusiveAmount", invoice.total_with_vat, currency),
        _amount("AllowanceTotalAmount", invoice.allowance_total, currency),
        _amount("ChargeTotalAmount", invoice.charge_total, currency),
        _amount("PrepaidAmount", invoice.prepaid, currency),
        _amount("PayableRoundingAmount", invoice.rounding, currency),
        _amount("PayableAmount", invoice.payable, currency),
    )


def _line(line: Line, currency: str, is_credit: bool) -> Element | None:
    return _group(
        "CreditNoteLine" if is_credit else "InvoiceLine",
        _leaf("ID", line.id),
        _leaf("Note", line.note),
        _number("CreditedQuantity" if is_credit else "InvoicedQuantity", line.quantity, unitCode=line.unit),
        _amount("LineExtensionAmount", line.amount, currency),
        [_allowance(each, currency, on_document=False) for each in line.allowances],
        _group(
            "Item",
            _leaf("Description", line.description),
            _leaf("Name", line.name),
            _group("SellersItemIdentification", _leaf("ID", line.item_code)),
            _vat_category("ClassifiedTaxCategory", line.vat_category, line.vat_rate),
        ),
        _group(
            "Price",
            _amount("PriceAmount", line.price, currency),
            _number("BaseQuantity", line.base_quantity, unitCode=line.unit),
        ),
    )


def _group(name: str, *parts: Part) -> Element | None:
    """Make an aggregate of what is present; None when nothing is."""
    children = _present(parts)
    if not children:
        return None
    element = etree.Element(f"{{{_CAC}}}{name}", nsmap=_NAMESPACES)
    element.extend(children)
    return element


def _present(parts: Iterable[Part]) -> list[Element]:
    found: list[Element] = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, etree._Element):  # itself an iterable, of its own children
            found.append(part)
        else:
            found.extend(each for each in part if each is not None)
    return found


def _leaf(name: str, text: str, **attributes: str) -> Element | None:
    """Make an element with text; None when there is no text. Attributes without a value are left out."""
    value = _clean(text)
    if not value:
        return None
    element = etree.Element(f"{{{_CBC}}}{name}", nsmap=_NAMESPACES)
    element.text = value
    for key, attribute in attributes.items():
        if _clean(attribute):
            element.set(key, _clean(attribute))
    return element


def _clean(text: str) -> str:
    """Take out what XML 1.0 cannot hold, and the white space around the rest."""
    return _FORBIDDEN.sub("", text).strip()


def _date(name: str, value: date | None) -> Element | None:
    return _leaf(name, value.isoformat() if value else "")


def _number(name: str, value: Decimal | None, **attributes: str) -> Element | None:
    """Write a decimal with all its digits, never with an exponent."""
    return _leaf(name, "" if value is None else format(value, "f"), **attributes)


def _amount(name: str, value: Decimal | None, currency: str) -> Element | None:
    return _number(name, value, currencyID=currency)
