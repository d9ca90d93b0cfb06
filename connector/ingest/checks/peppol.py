"""Peppol BIS Billing 3.0, and Self-Billing, on top of EN 16931: PEPPOL-EN16931, PEPPOL-COMMON, and NL-R.

The rules of other countries (SE-R, DE-R …) are left out; for a Dutch seller those of the Netherlands hold.

Source: Peppol BIS Billing 3.0 release 2026.5; e-invoicing.md sections 6 and 8.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import Element

from connector.ingest.checks import codes
from connector.ingest.checks.document import (
    BUYER,
    LINE,
    SELLER,
    TOTALS,
    Document,
    Line,
    Places,
    number_of,
    round_2,
    total,
)
from connector.ingest.checks.en16931 import amounts, currencies, currencies_in
from connector.ingest.checks.nlcius import ADDRESS_PARTS, DUTCH_MEANS, DUTCH_SCHEMES, order_line_without_order
from connector.ingest.checks.rule import (
    Broken,
    Family,
    child_code_in,
    needs,
    only_if,
    root_has,
    root_once,
    scheme_in,
    table,
)
from connector.ingest.checks.syntax import REPEATED, repeated
from connector.ingest.tree import WHITE_SPACE, find, find_all, strip, text_of
from connector.ingest.ubl import ZERO, parse_date
from connector.invoice import Severity

_CLAIM = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:"
_OTHER_PROCESSES = frozenset({
    "urn:peppol:france:billing:regulated",
    "urn:peppol:france:billing:non-regulated",
    "urn:peppol:bis:billing_with_response",
})  # fmt: skip
_BILLING_PROCESSES = _OTHER_PROCESSES | {"urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"}
_SELF_BILLING_PROCESSES = _OTHER_PROCESSES | {"urn:fdc:peppol.eu:2017:poacc:selfbilling:01:1.0"}
_INVOICE_TYPES = codes.listed(
    "71 80 82 84 102 218 219 326 331 380 382 383 384 386 388 393 395 553 575 623 780 817 870 875 876 877"
)
_CREDIT_NOTE_TYPES = codes.listed("381 396 81 83 532")
_GERMAN_TYPES = frozenset({"326", "384"})
SLACK = Decimal("0.02")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATES = ("cbc:IssueDate", "cbc:DueDate", "cbc:TaxPointDate", "cbc:StartDate", "cbc:EndDate", "cbc:ActualDeliveryDate")
_ADDRESS = "cac:PostalAddress"


def _is_near(stated: Decimal, computed: Decimal) -> bool:
    return abs(stated - computed) <= SLACK


# The document


def _empty(document: Document) -> Places:
    return [one for one in document.root.iter() if not (one.text and one.text.strip(WHITE_SPACE)) and not len(one)]


def _process_unknown(processes: Collection[str]) -> Broken:
    def broken_at(document: Document) -> Places:
        if document.text("cbc:ProfileID") not in processes:
            yield document.root, "cbc:ProfileID"

    return broken_at


def _are_german(document: Document) -> bool:
    return document.seller_country == document.buyer_country == "DE"


def _two_notes(document: Document) -> Places:
    return () if _are_german(document) else document.all("cbc:Note")[1:2]


def _claims_other(start: str) -> Broken:
    def broken_at(document: Document) -> Places:
        claim = " ".join(document.text("cbc:CustomizationID").split())
        if not claim.startswith(_CLAIM + start) or "::" in claim:
            yield document.root, "cbc:CustomizationID"

    return broken_at


def _vat_totals(document: Document, *, with_rows: bool) -> list[Element]:
    return [one for one in document.all("cac:TaxTotal") if bool(one.findall("cac:TaxSubtotal")) == with_rows]


def _not_one_breakdown(document: Document) -> Places:
    if len(_vat_totals(document, with_rows=True)) != 1:
        yield document.root, "cac:TaxTotal"


def _other_vat_total(document: Document) -> Places:
    """One VAT total without breakdown when there is a currency of the VAT return, and none otherwise."""
    if len(_vat_totals(document, with_rows=False)) != int(document.has("cbc:TaxCurrencyCode")):
        yield document.root, "cac:TaxTotal"


@needs("cbc:TaxCurrencyCode")
def _signs_differ(document: Document) -> Places:
    if not document.has("cbc:TaxCurrencyCode"):
        return
    amounts = document.all("cac:TaxTotal/cbc:TaxAmount")
    own, other = (
        [number for one in amounts if one.get("currencyID") == code and (number := number_of(one)) is not None]
        for code in (document.text("cbc:DocumentCurrencyCode"), document.text("cbc:TaxCurrencyCode"))
    )
    both_low = any(one <= 0 for one in own) and any(one <= 0 for one in other)
    both_high = any(one >= 0 for one in own) and any(one >= 0 for one in other)
    if not both_low and not both_high:
        yield document.root, "cac:TaxTotal/cbc:TaxAmount"


@needs("cbc:TaxCurrencyCode")
def _same_vat_currency(document: Document) -> Places:
    return [one for one in document.named("cbc:TaxCurrencyCode") if strip(one.text) == strip(document.currency)]


def _parties_without(party: str, name: str) -> Broken:
    return lambda document: [(one, name) for one in document.under(party, "cac:Party") if not one.findall(name)]


@needs("cac:AdditionalDocumentReference")
def _two_projects(document: Document) -> Places:
    if not document.is_credit_note:
        return []
    references = document.all("cac:AdditionalDocumentReference")
    return [one for one in references if "50" in [code.text for code in one.findall("cbc:DocumentTypeCode")]][1:2]


# Discounts and surcharges, of the document and of lines


def _own_allowances(document: Document) -> list[Element]:
    lines = document.all(LINE[document.is_credit_note])
    return [
        *document.all("cac:AllowanceCharge"),
        *(a for one in lines for a in one.findall("cac:AllowanceCharge")),
    ]


def _lacks(present: str, missing: str) -> Broken:
    return needs("cac:AllowanceCharge", present)(
        lambda document: [
            (one, missing) for one in _own_allowances(document) if one.findall(present) and not one.findall(missing)
        ]
    )


def _whole_allowances(document: Document) -> list[Element]:
    """Those with both base and percentage, or neither."""
    return [
        one
        for one in _own_allowances(document)
        if bool(one.findall("cbc:MultiplierFactorNumeric")) == bool(one.findall("cbc:BaseAmount"))
    ]


@needs("cac:AllowanceCharge/cbc:BaseAmount")
def _percentage_wrong(document: Document) -> Places:
    for one in _whole_allowances(document):
        if one.findall("cbc:BaseAmount"):
            base, percentage = number_of(one, "cbc:BaseAmount"), number_of(one, "cbc:MultiplierFactorNumeric")
            amount = number_of(one, "cbc:Amount") or ZERO
            if base is None or percentage is None or not _is_near(amount, base * percentage / 100):
                yield one, "cbc:Amount"


@needs("cac:AllowanceCharge")
def _indicator_wrong(document: Document) -> Places:
    for one in _whole_allowances(document):
        if text_of(one, "cbc:ChargeIndicator") not in ("true", "false"):
            yield one, "cbc:ChargeIndicator"


@needs("cac:Price/cac:AllowanceCharge")
def _price_charge(document: Document) -> Places:
    for one in document.under("cac:Price", "cac:AllowanceCharge"):
        if text_of(one, "cbc:ChargeIndicator") != "false":
            yield one, "cbc:ChargeIndicator"


@needs("cac:Price/cac:AllowanceCharge/cbc:BaseAmount")
def _net_price_wrong(document: Document) -> Places:
    for price in document.named("cac:Price"):
        for one in price.findall("cac:AllowanceCharge"):
            if one.findall("cbc:BaseAmount"):
                net, gross = number_of(price, "cbc:PriceAmount"), number_of(one, "cbc:BaseAmount")
                less = number_of(one, "cbc:Amount")
                if net is None or gross is None or less is None or net != gross - less:
                    yield price, "cbc:PriceAmount"


@needs("cac:PaymentMeans")
def _mandate_missing(document: Document) -> Places:
    for means in document.named("cac:PaymentMeans"):
        is_debit = text_of(means, "cbc:PaymentMeansCode") in ("49", "59")
        if is_debit and not find_all(means, "cac:PaymentMandate/cbc:ID"):
            yield means, "cac:PaymentMandate/cbc:ID"


def _other_currency(document: Document) -> Places:
    if document.once(currencies) <= {document.currency}:
        return
    totals = document.under("cac:TaxTotal", "cbc:TaxAmount")
    in_return = set(totals).difference(
        amount for one in document.named("cac:TaxTotal") if one.findall("cac:TaxSubtotal")
        for amount in one.findall("cbc:TaxAmount")
    )  # fmt: skip
    for one in document.once(amounts):
        if one.get("currencyID") != document.currency and one not in in_return:
            yield one, "@currencyID"


# Lines


def _outside_period(name: str, is_outside: Callable[[date, date], bool]) -> Broken:
    @needs("cac:InvoicePeriod", name)
    def broken_at(document: Document) -> Places:
        limits = document.all(f"cac:InvoicePeriod/{name}")
        if not limits:
            return
        limit = parse_date(text_of(limits[0]))
        for one in document.all(f"{LINE[document.is_credit_note]}/cac:InvoicePeriod/{name}"):
            day = parse_date(text_of(one))
            if limit is None or day is None or is_outside(day, limit):
                yield one

    return broken_at


def _amount_wrong(document: Document) -> Places:
    """Quantity x price / base quantity + surcharges - discounts, at most two cents off."""
    counted = "cbc:CreditedQuantity" if document.is_credit_note else "cbc:InvoicedQuantity"
    for line in document.lines:
        quantity = number_of(line.parts[counted]) if counted in line.parts else Decimal(1)
        base = number_of(line.price["cbc:BaseQuantity"]) if "cbc:BaseQuantity" in line.price else None
        computed = (quantity or ZERO) * (number_of(line.price.get("cbc:PriceAmount")) or ZERO) / (base or Decimal(1))
        if "cac:AllowanceCharge" in line.parts:
            computed += _sum_of(line, "true") - _sum_of(line, "false")
        if not _is_near(line.amount or ZERO, computed):
            yield line.element, "cbc:LineExtensionAmount"


def _sum_of(line: Line, indicator: str) -> Decimal:
    parts = line.element.findall("cac:AllowanceCharge")
    chosen = [one for one in parts if text_of(one, "cbc:ChargeIndicator") == indicator]
    return round_2(total(number_of(amount) for one in chosen for amount in one.findall("cbc:Amount")))


@needs("cbc:BaseQuantity")
def _base_quantity_wrong(document: Document) -> Places:
    for line in document.lines:
        if "cbc:BaseQuantity" in line.price:
            base = number_of(line.price["cbc:BaseQuantity"])
            if base is None or base <= 0:
                yield line.price["cbc:BaseQuantity"]


@needs("cbc:BaseQuantity")
def _base_unit_differs(document: Document) -> Places:
    counted = "cbc:CreditedQuantity" if document.is_credit_note else "cbc:InvoicedQuantity"
    for line in document.lines:
        base = line.price.get("cbc:BaseQuantity")
        if base is not None and base.get("unitCode") is not None and line.quantity is not None:
            quantity = line.parts.get(counted)
            if quantity is None or base.get("unitCode") != quantity.get("unitCode"):
                yield base, "@unitCode"


@needs("cac:DocumentReference")
def _two_line_objects(document: Document) -> Places:
    lines = (line for line in document.lines if "cac:DocumentReference" in line.parts)
    return [extra for line in lines for extra in line.element.findall("cac:DocumentReference")[1:2]]


@needs("cac:DocumentReference")
def _other_line_document(document: Document) -> Places:
    for line in document.lines:
        if "cac:DocumentReference" in line.parts:
            types = find_all(line.element, "cac:DocumentReference/cbc:DocumentTypeCode")
            if not any(one.text == "130" for one in types):
                yield line.parts["cac:DocumentReference"], "cbc:DocumentTypeCode"


# Numbers with a check digit, by their scheme


def _numbers(scheme: str, is_right: Callable[[str], bool], *, exact: bool = False) -> Broken:
    """Endpoints, party and company numbers of a scheme have the form that it prescribes."""

    def broken_at(document: Document) -> Places:
        numbers = document.once(_by_scheme).get(scheme, ())
        return [one for one in numbers if not is_right((one.text or "") if exact else strip(one.text))]

    return broken_at


def _by_scheme(document: Document) -> dict[str | None, list[Element]]:
    found: dict[str | None, list[Element]] = defaultdict(list)
    for group in (
        document.named("cbc:EndpointID"),
        document.named("cbc:CompanyID"),
        document.under("cac:PartyIdentification", "cbc:ID"),
    ):
        for one in group:
            found[one.get("schemeID")].append(one)
    return found


def _form(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _digits(text: str, length: int | None = None) -> list[int]:
    """The digits of a text that has only those, as many as wanted; else none."""
    is_number = text.isascii() and text.isdigit() and (length is None or len(text) == length)
    return [int(digit) for digit in text] if is_number else []


def is_gln(text: str) -> bool:
    """GS1's check digit, whatever the length.

    >>> is_gln("8712345000004"), is_gln("8712345000005")
    (True, False)
    """
    digits = _digits(text)
    weighted = sum(digit * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits[:-1])))
    return bool(digits) and (10 - weighted % 10) % 10 == digits[-1]


def is_norwegian(text: str) -> bool:
    """Nine digits, mod 11.

    >>> is_norwegian("974760673"), is_norwegian("974760674")
    (True, False)
    """
    digits = _digits(text, 9)
    weighted = sum(digit * (place % 6 + 2) for place, digit in enumerate(reversed(digits[:-1])))
    return any(digits) and (11 - weighted % 11) % 11 == digits[-1]


def is_belgian(text: str) -> bool:
    """Ten digits, the last two 97 minus the first eight mod 97.

    >>> is_belgian("0403170701"), is_belgian("0403170702")
    (True, False)
    """
    return bool(_digits(text, 10)) and 97 - int(text[:8]) % 97 == int(text[8:])


def is_swedish(text: str) -> bool:
    """Ten digits, Luhn.

    >>> is_swedish("5560160680"), is_swedish("5560160681")
    (True, False)
    """
    digits = _digits(text, 10)
    doubled = [2 * digit if place % 2 == 0 else digit for place, digit in enumerate(digits)]
    return bool(digits) and sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def is_australian(text: str) -> bool:
    """Eleven digits, mod 89 with the first less one.

    >>> is_australian("51824753556"), is_australian("51824753557")
    (True, False)
    """
    digits = _digits(text, 11)
    weights = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
    return bool(digits) and (sum(map(int.__mul__, digits, weights)) - 10) % 89 == 0


def is_italian_vat(text: str) -> bool:
    """Eleven digits after IT, Luhn; without IT anything.

    >>> is_italian_vat("IT00743110157"), is_italian_vat("IT00743110158"), is_italian_vat("x")
    (True, False, True)
    """
    if text[:2] not in ("IT", "it"):
        return True
    digits = _digits(text[2:], 11)
    doubled = [2 * digit if place % 2 else digit for place, digit in enumerate(digits)]
    return bool(digits) and sum(value // 10 + value % 10 for value in doubled) % 10 == 0


_ITALIAN_TAX_CODE = r"[A-Za-z]{6}[0-9]{2}[A-Za-z][0-9]{2}[A-Za-z].{2}[0-9][A-Za-z]|[0-9]{11}"


@needs("cac:PartyTaxScheme/cbc:CompanyID")
def _dutch_vat_form(document: Document) -> Places:
    for registration in document.named("cac:PartyTaxScheme"):
        if "VAT" in [strip(one.text) for one in find_all(registration, "cac:TaxScheme/cbc:ID")]:
            for number in registration.findall("cbc:CompanyID"):
                if strip(number.text).startswith("NL") and not _DUTCH_VAT(strip(number.text)):
                    yield number


_DUTCH_VAT = _form(r"NL[0-9]{9}B[0-9]{2}")


# Codes


def _type_not_of_process(name: str, known: Collection[str], processes: Collection[str]) -> Broken:
    return lambda document: [
        one for one in document.named(name) if document.text("cbc:ProfileID") in processes and text_of(one) not in known
    ]


def _german_type(document: Document) -> Places:
    if not _are_german(document):
        yield from (one for one in document.named("cbc:InvoiceTypeCode") if text_of(one) in _GERMAN_TYPES)


def _not_a_date(document: Document) -> Places:
    for one in document.named_any(*_DATES):
        if not _DATE.fullmatch(one.text or "") or parse_date(one.text or "") is None:
            yield one


def _reasons(known: Collection[str], indicator: str) -> Broken:
    return needs("cac:AllowanceCharge/cbc:AllowanceChargeReasonCode")(
        lambda document: [
            code
            for one in document.named("cac:AllowanceCharge")
            if any(each.text == indicator for each in one.findall("cbc:ChargeIndicator"))
            for code in one.findall("cbc:AllowanceChargeReasonCode")
            if text_of(code) not in known
        ]
    )


def _category_of_reason(reason: str, category: str) -> Broken:
    @needs("cac:TaxCategory/cbc:TaxExemptionReasonCode")
    def broken_at(document: Document) -> Places:
        for one in document.named("cac:TaxCategory"):
            code = find(one, "cbc:TaxExemptionReasonCode")
            if code is not None and (code.text or "").upper() == reason and text_of(one, "cbc:ID") != category:
                yield one, "cbc:ID"

    return broken_at


# The Netherlands


def _if_dutch(broken_at: Broken, *, both: bool = False) -> Broken:
    """The rule holds for sellers in the Netherlands, or for those with buyers there."""
    return only_if(_between_dutch if both else _from_the_netherlands, broken_at)


def _from_the_netherlands(document: Document) -> bool:
    return document.seller_country == "NL"


def _between_dutch(document: Document) -> bool:
    return document.seller_country == document.buyer_country == "NL"


def _credit_of_nothing(document: Document) -> Places:
    path = "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"
    if document.named("cbc:CreditNoteTypeCode") and not document.has(path):
        yield document.root, path


def _address_incomplete(path: str) -> Broken:
    return lambda document: [
        (address, next(part for part in ADDRESS_PARTS if not address.findall(part)))
        for address in document.all(path)
        if not all(address.findall(part) for part in ADDRESS_PARTS)
    ]


def _legal_id_not_dutch(party: str) -> Broken:
    return lambda document: [
        number
        for number in document.all(f"{party}/cac:PartyLegalEntity/cbc:CompanyID")
        if number.get("schemeID") not in DUTCH_SCHEMES or not text_of(number)
    ]


def _representative_incomplete(document: Document) -> Places:
    path = f"cac:TaxRepresentativeParty/{_ADDRESS}"
    if document.text(f"{path}/cac:Country/cbc:IdentificationCode").upper() == "NL":
        yield from _address_incomplete(path)(document)


def _no_payment_means(document: Document) -> Places:
    if document.named("cac:PaymentMeans"):
        return
    for totals in document.root.findall(TOTALS):
        payable = number_of(totals, "cbc:PayableAmount")
        if payable is None or (payable < 0 if document.is_credit_note else payable > 0):
            yield document.root, "cac:PaymentMeans"


def _means_not_dutch(document: Document) -> Places:
    return [
        one for one in document.named("cac:PaymentMeans") if text_of(one, "cbc:PaymentMeansCode") not in DUTCH_MEANS
    ]


_GENERAL = table(
    ("R001", root_has("cbc:ProfileID"), "Missing: the business process (ProfileID)",
     "Ontbreekt: het bedrijfsproces (ProfileID)"),
    ("R003", root_has("cbc:BuyerReference", "cac:OrderReference/cbc:ID"), "Missing: buyer's reference or order number",
     "Ontbreekt: referentie van de koper of ordernummer"),
    ("R005", _same_vat_currency, "The currency of the VAT return is that of the invoice",
     "De valuta van de btw-aangifte is die van de factuur"),
    ("R008", _empty, "An element is empty", "Een element is leeg"),
    ("R010", _parties_without("cac:AccountingCustomerParty", "cbc:EndpointID"),
     "Missing: electronic address of the buyer", "Ontbreekt: elektronisch adres van de koper"),
    ("R020", _parties_without("cac:AccountingSupplierParty", "cbc:EndpointID"),
     "Missing: electronic address of the seller", "Ontbreekt: elektronisch adres van de verkoper"),
    ("R040", _percentage_wrong, "A discount or surcharge is not its base x percentage",
     "Een korting of toeslag is niet de grondslag x het percentage"),
    ("R041", _lacks("cbc:MultiplierFactorNumeric", "cbc:BaseAmount"),
     "A discount or surcharge has a percentage without the amount it is of",
     "Een korting of toeslag heeft een percentage zonder het bedrag waarover"),
    ("R042", _lacks("cbc:BaseAmount", "cbc:MultiplierFactorNumeric"),
     "A discount or surcharge has a base amount without a percentage",
     "Een korting of toeslag heeft een grondslag zonder percentage"),
    ("R043", _indicator_wrong, "It is unclear whether something is a discount or a surcharge",
     "Het is onduidelijk of iets een korting of een toeslag is"),
    ("R044", _price_charge, "A price has a surcharge; only a discount is allowed there",
     "Een prijs heeft een toeslag; daar mag alleen een korting"),
    ("R046", _net_price_wrong, "The price is not the gross price - discount",
     "De prijs is niet de brutoprijs - korting"),
    ("R051", _other_currency, "An amount is not in the invoice's currency",
     "Een bedrag is niet in de valuta van de factuur"),
    ("R053", _not_one_breakdown, "There is not just one VAT breakdown", "Er staat niet precies één btw-specificatie"),
    ("R054", _other_vat_total, "A VAT total in the currency of the VAT return is missing, or one too many",
     "Een btw-totaal in de valuta van de btw-aangifte ontbreekt, of is te veel"),
    ("R055", _signs_differ, "One VAT total is positive, the other negative",
     "Het ene btw-totaal is positief, het andere negatief"),
    ("R061", _mandate_missing, "Missing: mandate of the direct debit", "Ontbreekt: machtiging van de incasso"),
    ("R080", _two_projects, "There is more than one project", "Er staat meer dan één project"),
    ("R100", _two_line_objects, "A line names more than one invoiced object",
     "Een regel noemt meer dan één gefactureerd object"),
    ("R101", _other_line_document, "A line names a document that is no invoiced object",
     "Een regel noemt een document dat geen gefactureerd object is"),
    ("R110", _outside_period("cbc:StartDate", lambda day, limit: day < limit),
     "A line's period starts before that of the invoice", "De periode van een regel begint voor die van de factuur"),
    ("R111", _outside_period("cbc:EndDate", lambda day, limit: day > limit),
     "A line's period ends after that of the invoice", "De periode van een regel eindigt na die van de factuur"),
    ("R120", _amount_wrong, "The amount of the line is not quantity x price + surcharges - discounts",
     "Het bedrag van de regel is niet aantal x prijs + toeslagen - kortingen"),
    ("R121", _base_quantity_wrong, "The quantity that the price is for is not above 0",
     "Het aantal waarvoor de prijs geldt is niet hoger dan 0"),
    ("R130", _base_unit_differs, "Price and quantity of the line have different units",
     "Prijs en aantal van de regel hebben verschillende eenheden"),
    ("CL001", scheme_in(codes.ATTACHMENT_TYPES, "mimeCode", "cbc:EmbeddedDocumentBinaryObject"),
     "An attachment is no PDF, PNG, JPEG, CSV, Excel or OpenDocument sheet",
     "Een bijlage is geen pdf, png, jpeg, csv, Excel- of OpenDocument-blad"),
    ("CL002", _reasons(codes.ALLOWANCE_REASONS, "false"), "The reason code of a discount does not exist (UNTDID 5189)",
     "De redencode van een korting bestaat niet (UNTDID 5189)"),
    ("CL003", _reasons(codes.CHARGE_REASONS, "true"), "The reason code of a surcharge does not exist (UNTDID 7161)",
     "De redencode van een toeslag bestaat niet (UNTDID 7161)"),
    ("CL006", child_code_in(codes.PERIOD_CODES, "cac:InvoicePeriod", "cbc:DescriptionCode"),
     "The code of the tax point is not 3, 35 or 432", "De code van de btw-datum is niet 3, 35 of 432"),
    ("CL007", currencies_in(codes.PEPPOL_CURRENCIES), "An amount's currency does not exist",
     "De valuta van een bedrag bestaat niet"),
    ("CL008", scheme_in(codes.PEPPOL_ADDRESS_SCHEMES, "schemeID", "cbc:EndpointID"),
     "The kind of an electronic address is not used in Peppol (KvK is 0106, OIN 0190)",
     "De soort van een elektronisch adres wordt in Peppol niet gebruikt (KvK is 0106, OIN 0190)"),
    ("F001", _not_a_date, "A date is not written as year-month-day", "Een datum staat er niet als jaar-maand-dag"),
    *((f"P0{number}", _category_of_reason(f"VATEX-EU-{reason}", category),
       f"The reason without VAT (VATEX-EU-{reason}) belongs to category {category}",
       f"De reden zonder btw (VATEX-EU-{reason}) hoort bij categorie {category}")
      for number, reason, category in ((104, "G", "G"), (105, "O", "O"), (106, "IC", "K"), (107, "AE", "AE"),
                                       (108, "D", "E"), (109, "F", "E"), (110, "I", "E"), (111, "J", "E"))),
    prefix="PEPPOL-EN16931-",
)  # fmt: skip

_WRONG_PROCESS = ("The business process (ProfileID) is not one of Peppol's",
                  "Het bedrijfsproces (ProfileID) is er geen van Peppol")  # fmt: skip
_WRONG_CLAIM = ("The CustomizationID is not that of this Peppol document",
                "De CustomizationID is niet die van dit Peppol-document")  # fmt: skip
_TWO_NOTES = ("There is more than one note", "Er staat meer dan één opmerking")
_WRONG_TYPE = ("The type code is not allowed in this process", "De soort factuur mag niet in dit proces")

_BILLING = table(
    ("R002", _two_notes, *_TWO_NOTES),
    ("R004", _claims_other("billing:3.0"), *_WRONG_CLAIM),
    ("R007", _process_unknown(_BILLING_PROCESSES), *_WRONG_PROCESS),
    ("P0100", _type_not_of_process("cbc:InvoiceTypeCode", _INVOICE_TYPES, _BILLING_PROCESSES), *_WRONG_TYPE),
    ("P0101", _type_not_of_process("cbc:CreditNoteTypeCode", _CREDIT_NOTE_TYPES, _BILLING_PROCESSES), *_WRONG_TYPE),
    ("P0112", _german_type, "The types 326 and 384 are for German parties only",
     "De soorten 326 en 384 zijn alleen voor Duitse partijen"),
    prefix="PEPPOL-EN16931-",
)  # fmt: skip

_SELF_BILLING = table(
    ("R002", root_once("cbc:Note"), *_TWO_NOTES),
    ("R004", _claims_other("selfbilling:3.0"), *_WRONG_CLAIM),
    ("R007", _process_unknown(_SELF_BILLING_PROCESSES), *_WRONG_PROCESS),
    ("P0100", _type_not_of_process("cbc:InvoiceTypeCode", {"389", "527"}, _SELF_BILLING_PROCESSES), *_WRONG_TYPE),
    ("P0101", _type_not_of_process("cbc:CreditNoteTypeCode", {"261"}, _SELF_BILLING_PROCESSES), *_WRONG_TYPE),
    prefix="PEPPOL-EN16931-",
)  # fmt: skip

_NUMBERS = table(
    ("R040", _numbers("0088", is_gln), "A GLN is wrong (check digit)", "Een GLN klopt niet (controlecijfer)"),
    ("R041", _numbers("0192", is_norwegian), "A Norwegian organisation number is wrong",
     "Een Noors organisatienummer klopt niet"),
    ("R042", _numbers("0184", _form(r"(?:DK)?[0-9]{8}"), exact=True), "A Danish CVR number is wrong",
     "Een Deens CVR-nummer klopt niet"),
    ("R043", _numbers("0208", is_belgian), "A Belgian enterprise number is wrong",
     "Een Belgisch ondernemingsnummer klopt niet"),
    ("R049", _numbers("0007", is_swedish), "A Swedish organisation number is wrong",
     "Een Zweeds organisatienummer klopt niet"),
    ("R050", _numbers("0151", is_australian), "An Australian business number is wrong",
     "Een Australisch bedrijfsnummer klopt niet"),
    ("R052", _numbers("0096", _form(r"[0-9]{10}"), exact=True), "A Danish P number is wrong",
     "Een Deens P-nummer klopt niet"),
    ("R053", _numbers("0198", _form(r"DK[0-9]{8}"), exact=True), "A Danish SE number is wrong",
     "Een Deens SE-nummer klopt niet"),
    prefix="PEPPOL-COMMON-",
)  # fmt: skip

_FORMS = table(
    ("R044", _numbers("0201", _form(r"[A-Za-z0-9]{6}")), "An Italian IPA code has a wrong form",
     "Een Italiaanse IPA-code heeft een onjuiste vorm"),
    ("R045", _numbers("0210", _form(_ITALIAN_TAX_CODE)), "An Italian tax code has a wrong form",
     "Een Italiaanse fiscale code heeft een onjuiste vorm"),
    ("R046", _numbers("9907", _form(_ITALIAN_TAX_CODE)), "An Italian tax code has a wrong form",
     "Een Italiaanse fiscale code heeft een onjuiste vorm"),
    ("R047", _numbers("0211", is_italian_vat), "An Italian VAT number is wrong", "Een Italiaans btw-nummer klopt niet"),
    ("R054", _numbers("0106", _form(r"[0-9]{8}")), "A KvK number has not 8 digits",
     "Een KvK-nummer heeft geen 8 cijfers"),
    ("R055", _numbers("0190", _form(r"[0-9]{20}")), "An OIN has not 20 digits", "Een OIN heeft geen 20 cijfers"),
    ("R056-1", _numbers("9944", _DUTCH_VAT), "A Dutch VAT number has a wrong form",
     "Een Nederlands btw-nummer heeft een onjuiste vorm"),
    ("R056-2", _dutch_vat_form, "A Dutch VAT number has a wrong form",
     "Een Nederlands btw-nummer heeft een onjuiste vorm"),
    ("R057", _numbers("0217", _form(r"[0-9]{12}")), "A KvK branch number has not 12 digits",
     "Een vestigingsnummer heeft geen 12 cijfers"),
    prefix="PEPPOL-COMMON-",
    severity=Severity.WARNING,
)  # fmt: skip

_NETHERLANDS = table(
    ("001", _if_dutch(_credit_of_nothing), "A credit note does not name the invoice it credits",
     "Een creditnota noemt de factuur niet die zij crediteert"),
    ("002", _if_dutch(_address_incomplete(f"{SELLER}/{_ADDRESS}")),
     "The seller's address lacks street, city or postcode",
     "In het adres van de verkoper ontbreekt straat, plaats of postcode"),
    ("003", _if_dutch(_legal_id_not_dutch(SELLER)), "The seller's registration number is no KvK number or OIN",
     "Het registratienummer van de verkoper is geen KvK-nummer of OIN"),
    ("004", _if_dutch(_address_incomplete(f"{BUYER}/{_ADDRESS}"), both=True),
     "The buyer's address lacks street, city or postcode",
     "In het adres van de koper ontbreekt straat, plaats of postcode"),
    ("005", _if_dutch(_legal_id_not_dutch(BUYER), both=True), "The buyer's registration number is no KvK number or OIN",
     "Het registratienummer van de koper is geen KvK-nummer of OIN"),
    ("006", _if_dutch(_representative_incomplete),
     "The tax representative's address lacks street, city or postcode",
     "In het adres van de fiscaal vertegenwoordiger ontbreekt straat, plaats of postcode"),
    ("007", _if_dutch(_no_payment_means), "Missing: how to pay", "Ontbreekt: hoe te betalen"),
    ("008", _if_dutch(_means_not_dutch, both=True), "The code of how to pay is not 30, 48, 49, 57, 58 or 59",
     "De code van de betaalwijze is niet 30, 48, 49, 57, 58 of 59"),
    ("009", _if_dutch(order_line_without_order), "A line names an order line, and the invoice no order",
     "Een regel noemt een orderregel, en de factuur geen order"),
    prefix="NL-R-",
)  # fmt: skip

_SINGLE: dict[str, frozenset[str]] = {
    "Invoice": codes.listed("cbc:ProfileID cbc:TaxCurrencyCode"),
    "CreditNote": codes.listed("cbc:ProfileID cbc:TaxCurrencyCode"),
    "cac:AllowanceCharge": codes.listed("cbc:MultiplierFactorNumeric"),
    "cac:InvoiceLine": codes.listed("cbc:InvoicedQuantity"),
    "cac:CreditNoteLine": codes.listed("cbc:CreditedQuantity"),
    "cac:Price": codes.listed("cbc:BaseQuantity"),
    "cac:TaxCategory": codes.listed("cbc:TaxExemptionReasonCode"),
}
"""What Peppol's rules read as one value, besides what those of EN 16931 do."""
_REPEATED = table(("CON-REPEATED", repeated(_SINGLE), *REPEATED))

PEPPOL: Family = (*_REPEATED, *_GENERAL, *_BILLING, *_NUMBERS, *_FORMS, *_NETHERLANDS)
PEPPOL_SELF_BILLING: Family = (*_REPEATED, *_GENERAL, *_SELF_BILLING, *_NUMBERS, *_FORMS)
