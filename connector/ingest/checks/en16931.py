"""EN 16931: what has to be there, the sums, the decimals, and the code lists (BR-nn, BR-CO-nn, BR-DEC-nn, BR-CL-nn).

The VAT categories are in `vat`, how often an element may stand in `syntax`. Not here, because as published nothing
can break them: BR-CO-05 to -08 (they only bind people) and BR-DEC-13, -15 (their condition looks in the wrong place).

Source: CEN EN 16931 UBL rules 1.3.16; e-invoicing.md section 7.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from connector.ingest.checks import codes
from connector.ingest.checks.document import (
    BUYER,
    DECIMALS,
    SELLER,
    TOTALS,
    Category,
    Document,
    Line,
    Places,
    has_more_decimals,
    is_allowance,
    is_charge,
    number_of,
    round_0,
    round_2,
    total,
)
from connector.ingest.checks.rule import (
    Broken,
    Family,
    child_code_in,
    code_in,
    each_has,
    each_text,
    needs,
    path_attribute,
    path_text,
    root_has,
    root_text,
    scheme_in,
    table,
)
from connector.ingest.checks.vat import is_near
from connector.ingest.tree import each, find, find_all, has_any, strip, text_of, texts_of
from connector.ingest.ubl import ZERO, parse_date
from connector.invoice import Severity

_COUNTRY = "cac:Country/cbc:IdentificationCode"
_ADDRESS = "cac:PostalAddress"
_REASONS = ("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode")
_PREFIXES = " ".join(sorted(codes.VAT_PREFIXES))


@dataclass(frozen=True, slots=True)
class _Group:
    """Elements of one name that several rules speak of."""

    name: str
    of: Callable[[Document], list[Element]]


_ALLOWANCES = _Group("cac:AllowanceCharge", lambda document: document.allowances)
_CHARGES = _Group("cac:AllowanceCharge", lambda document: document.charges)
_LINE_ALLOWANCES = _Group("cac:AllowanceCharge", lambda document: document.line_allowances)
_LINE_CHARGES = _Group("cac:AllowanceCharge", lambda document: document.line_charges)
_SUBTOTALS = _Group("cac:TaxSubtotal", lambda document: document.subtotals)
_PERIODS = _Group("cac:InvoicePeriod", lambda document: document.periods)
_LINE_PERIODS = _Group("cac:InvoicePeriod", lambda document: document.line_periods)
_TOTALS = _Group(TOTALS, lambda document: document.named(TOTALS))


# Presence


def _type_missing(document: Document) -> Places:
    if not document.text("cbc:InvoiceTypeCode") and not document.text("cbc:CreditNoteTypeCode"):
        yield document.root, "cbc:CreditNoteTypeCode" if document.is_credit_note else "cbc:InvoiceTypeCode"


def _no_line(document: Document) -> Places:
    if not document.has("cac:InvoiceLine") and not document.has("cac:CreditNoteLine"):
        yield document.root, "cac:CreditNoteLine" if document.is_credit_note else "cac:InvoiceLine"


def _totals_missing(document: Document) -> Places:
    """The schema asks for the totals; the official rules speak only of what is in them."""
    if document.totals is None:
        yield document.root, TOTALS


@needs("cac:AllowanceCharge/cbc:ChargeIndicator")
def _indicator_unclear(document: Document) -> Places:
    """An official rule set stops with an error on it, which counts as invalid."""
    indicators = document.under("cac:AllowanceCharge", "cbc:ChargeIndicator")
    return [one for one in indicators if text_of(one) not in ("true", "false", "1", "0")]


def _lines_where(is_broken: Callable[[Line], object], path: str) -> Broken:
    return lambda document: [(line.element, path) for line in document.lines if is_broken(line)]


def _unit_missing(line: Line) -> bool:
    return line.quantity is None or all(
        one.get("unitCode") is None
        for one in line.element
        if one.tag in ("cbc:InvoicedQuantity", "cbc:CreditedQuantity")
    )


def _is_negative(amounts: Iterable[Element]) -> bool:
    """Tell that there are amounts and none is zero or more."""
    found = [number_of(one) for one in amounts]
    return bool(found) and not any(amount is not None and amount >= 0 for amount in found)


def _price_negative(line: Line) -> bool:
    return not line.price or "cbc:PriceAmount" not in line.price or _is_negative([line.price["cbc:PriceAmount"]])


def _gross_price_negative(line: Line) -> bool:
    return "cac:AllowanceCharge" in line.price and _is_negative(
        find_all(line.element, "cac:Price/cac:AllowanceCharge/cbc:BaseAmount")
    )


def _each_needs(group: _Group, *paths: str) -> Broken:
    """Every element of a group has an element on one of the paths."""

    @needs(group.name)
    def broken_at(document: Document) -> Places:
        return [(one, paths[0]) for one in group.of(document) if not has_any(one, paths)]

    return broken_at


def _without_vat_category(group: _Group) -> Broken:
    return needs(group.name)(
        lambda document: [
            (one, "cac:TaxCategory/cbc:ID")
            for one in group.of(document)
            if not any(category.is_vat and category.has_code for category in document.categories(one))
        ]
    )


def _ends_before_start(period: Element) -> bool:
    start, end = find(period, "cbc:StartDate"), find(period, "cbc:EndDate")
    if start is None or end is None:
        return False
    first, last = parse_date(text_of(start)), parse_date(text_of(end))
    return first is None or last is None or last < first


def _periods_backwards(group: _Group) -> Broken:
    return needs(group.name)(lambda document: [period for period in group.of(document) if _ends_before_start(period)])


def _categories(document: Document, subtotal: Element) -> list[Category]:
    return [category for category in document.categories(subtotal) if category.is_vat]


@needs("cac:TaxSubtotal")
def _subtotals_without_category(document: Document) -> Places:
    for subtotal in document.subtotals:
        if not any(category.has_code for category in _categories(document, subtotal)):
            yield subtotal, "cac:TaxCategory/cbc:ID"


@needs("cac:TaxSubtotal")
def _subtotals_without_rate(document: Document) -> Places:
    """At an empty rate the official set stops with an error, whatever the category."""
    for subtotal in document.subtotals:
        categories = _categories(document, subtotal)
        is_told = any(category.has_rate or category.code == "O" for category in categories)
        if not is_told or any(category.has_rate and category.rate is None for category in categories):
            yield subtotal, "cac:TaxCategory/cbc:Percent"


def _lines_without_vat_category(line: Line) -> bool:
    return not any(category.is_vat and category.has_code for category in line.categories)


# Parties and payment


@needs("cac:PayeeParty")
def _payee_is_seller(document: Document) -> Places:
    names = set(document.texts(f"{SELLER}/cac:PartyName/cbc:Name"))
    numbers = set(document.texts(f"{SELLER}/cac:PartyIdentification/cbc:ID"))
    for payee in document.named("cac:PayeeParty"):
        own_names = texts_of(payee, "cac:PartyName/cbc:Name")
        own_numbers = texts_of(payee, "cac:PartyIdentification/cbc:ID")
        if not own_names or names.intersection(own_names) or numbers.intersection(own_numbers):
            yield payee, "cac:PartyName/cbc:Name"


@needs("cac:TaxRepresentativeParty")
def _representative_without_vat_number(document: Document) -> Places:
    for party in document.named("cac:TaxRepresentativeParty"):
        if not any(
            document.is_vat(one) and find_all(one, "cbc:CompanyID") for one in party.findall("cac:PartyTaxScheme")
        ):
            yield party, "cac:PartyTaxScheme/cbc:CompanyID"


@needs("cac:TaxRepresentativeParty", _ADDRESS)
def _representative_country_missing(document: Document) -> Places:
    addresses = document.under("cac:TaxRepresentativeParty", _ADDRESS)
    return [(one, _COUNTRY) for one in addresses if not text_of(one, _COUNTRY)]


def _seller_unidentified(document: Document) -> Places:
    for seller in document.named("cac:AccountingSupplierParty"):
        numbers = find_all(seller, "cac:Party/cac:PartyIdentification/cbc:ID")
        registrations = find_all(seller, "cac:Party/cac:PartyTaxScheme")
        if (
            not any(number.get("schemeID") != "SEPA" for number in numbers)
            and not find_all(seller, "cac:Party/cac:PartyLegalEntity/cbc:CompanyID")
            and not any(document.is_vat(one) and find_all(one, "cbc:CompanyID") for one in registrations)
        ):
            yield seller, "cac:Party"


@needs("cac:PartyTaxScheme")
def _vat_number_without_country(document: Document) -> Places:
    for registration in document.named("cac:PartyTaxScheme"):
        number = find(registration, "cbc:CompanyID")
        if document.is_vat(registration) and ((number.text or "") if number is not None else "")[:2] not in _PREFIXES:
            yield registration, "cbc:CompanyID"


@needs("cac:PaymentMeans/cac:PayeeFinancialAccount")
def _account_empty(document: Document) -> Places:
    for means in document.named("cac:PaymentMeans"):
        code = find(means, "cbc:PaymentMeansCode")
        if code is not None and code.text in ("30", "58"):
            accounts = means.findall("cac:PayeeFinancialAccount")
            yield from ((account, "cbc:ID") for account in accounts if not text_of(account, "cbc:ID"))


@needs("cac:PaymentMeans")
def _account_missing(document: Document) -> Places:
    for means in document.named("cac:PaymentMeans"):
        is_transfer = text_of(means, "cbc:PaymentMeansCode") in ("30", "58")
        if is_transfer and not find_all(means, "cac:PayeeFinancialAccount/cbc:ID"):
            yield means, "cac:PayeeFinancialAccount/cbc:ID"


@needs("cac:CardAccount")
def _card_number_whole(document: Document) -> Places:
    numbers = document.under("cac:PaymentMeans", "cac:CardAccount/cbc:PrimaryAccountNumberID")
    return [number for number in numbers if len(text_of(number)) > 10]


@needs("cbc:TaxCurrencyCode")
def _vat_currency_without_total(document: Document) -> Places:
    totals = {amount.get("currencyID") for amount in document.under("cac:TaxTotal", "cbc:TaxAmount")}
    return [code for code in document.all("cbc:TaxCurrencyCode") if (code.text or "") not in totals]


@needs("cbc:TaxPointDate")
def _two_tax_points(document: Document) -> Places:
    if document.has("cbc:TaxPointDate"):
        yield from document.all("cac:InvoicePeriod/cbc:DescriptionCode")


@needs("cac:DeliveryLocation/cac:Address")
def _delivery_country_missing(document: Document) -> Places:
    addresses = document.under("cac:Delivery", "cac:DeliveryLocation/cac:Address")
    return [(address, _COUNTRY) for address in addresses if not find_all(address, _COUNTRY)]


def _item_attributes_missing(path: str, attribute: str) -> Broken:
    @needs(path)
    def broken_at(document: Document) -> Places:
        top = path.partition("/")[0]
        lines = (line for line in document.lines if top in line.item)
        found = each((line.element for line in lines), f"cac:Item/{path}")
        return [(one, f"@{attribute}") for one in found if one.get(attribute) is None]

    return broken_at


# Sums


def _line_sum(document: Document) -> Places:
    """BT-106 is the sum of the lines."""
    if document.totals is not None and document.total("cbc:LineExtensionAmount") != round_2(document.line_total):
        yield document.total_place("cbc:LineExtensionAmount")


def _sums_to(name: str, group: _Group) -> Broken:
    """The total of the document's allowances (charges) is their sum; it may be absent only without any."""

    def broken_at(document: Document) -> Places:
        if document.totals is None:
            return
        parts, stated = group.of(document), document.total(name)
        if stated is None:
            if parts or find(document.totals, name) is not None:
                yield document.total_place(name)
        elif stated != round_2(total(number_of(part, "cbc:Amount") for part in parts)):
            yield document.total_place(name)

    return broken_at


def _total_without_vat(document: Document) -> Places:
    if document.totals is None:
        return
    lines, stated = document.total("cbc:LineExtensionAmount"), document.total("cbc:TaxExclusiveAmount")
    less, more = document.total("cbc:AllowanceTotalAmount"), document.total("cbc:ChargeTotalAmount")
    expected = lines
    if lines is not None and not (less is None and more is None):
        expected = round_2(lines - (less or ZERO) + (more or ZERO))
    if stated is None or stated != expected:
        yield document.total_place("cbc:TaxExclusiveAmount")


def _vat_sum(document: Document) -> Places:
    """The VAT total is the sum of its breakdown, where it has one."""
    for tax_total in document.all("cac:TaxTotal"):
        parts = tax_total.findall("cac:TaxSubtotal")
        if parts and number_of(tax_total, "cbc:TaxAmount") != round_2(
            total(number_of(part, "cbc:TaxAmount") for part in parts)
        ):
            yield tax_total, "cbc:TaxAmount"


def _total_with_vat(document: Document) -> Places:
    if not document.has("cbc:DocumentCurrencyCode"):
        return
    amounts = document.all("cac:TaxTotal/cbc:TaxAmount")
    own = [number_of(one) for one in amounts if one.get("currencyID", "") == document.currency]
    stated, without = document.total("cbc:TaxInclusiveAmount"), document.total("cbc:TaxExclusiveAmount")
    vat = own[0] if len(own) == 1 else None
    if vat is None or without is None or stated != round_2(without + vat):
        yield document.total_place("cbc:TaxInclusiveAmount")


def _payable(document: Document) -> Places:
    if document.totals is None:
        return
    payable, stated = document.total("cbc:PayableAmount"), document.total("cbc:TaxInclusiveAmount")
    prepaid, rounding = document.total("cbc:PrepaidAmount"), document.total("cbc:PayableRoundingAmount")
    if payable is None or stated is None:
        yield document.total_place("cbc:PayableAmount")
        return
    left = payable if rounding is None else round_2(payable - rounding)
    if left != (stated if prepaid is None else round_2(stated - prepaid)):
        yield document.total_place("cbc:PayableAmount")


@needs("cac:TaxSubtotal")
def _subtotal_tax(document: Document) -> Places:
    """The tax is the taxable amount times the rate, less than one unit off; no tax at a rate that rounds to 0."""
    for subtotal in document.subtotals:
        tax, taxable = number_of(subtotal, "cbc:TaxAmount"), number_of(subtotal, "cbc:TaxableAmount")
        rate = next((category.rate for category in _categories(document, subtotal)), None)
        if rate is None or round_0(rate) == 0:
            if tax is None or round_0(tax) != 0:
                yield subtotal, "cbc:TaxAmount"
        elif not is_near(taxable, rate, tax):
            yield subtotal, "cbc:TaxAmount"


# Decimals


def _two_decimals(group: _Group, name: str) -> Broken:
    """At most two characters after the point."""

    @needs(group.name, name, DECIMALS)
    def broken_at(document: Document) -> Places:
        amounts = (find(one, name) for one in group.of(document))
        return [one for one in amounts if one is not None and has_more_decimals(one)]

    return broken_at


@needs(DECIMALS)
def _line_decimals(document: Document) -> Places:
    amounts = (line.parts.get("cbc:LineExtensionAmount") for line in document.lines)
    return [one for one in amounts if one is not None and has_more_decimals(one)]


# Codes


AMOUNTS = (
    "cbc:Amount", "cbc:BaseAmount", "cbc:PriceAmount", "cbc:TaxAmount", "cbc:TaxableAmount",
    "cbc:LineExtensionAmount", "cbc:TaxExclusiveAmount", "cbc:TaxInclusiveAmount", "cbc:AllowanceTotalAmount",
    "cbc:ChargeTotalAmount", "cbc:PrepaidAmount", "cbc:PayableRoundingAmount", "cbc:PayableAmount",
)  # fmt: skip


def currencies_in(known: frozenset[str]) -> Broken:
    """The currency of every amount is known."""

    def broken_at(document: Document) -> Places:
        wrong = {code for code in document.once(currencies) if strip(code) not in known}
        return (
            [(one, "@currencyID") for one in document.once(amounts) if one.get("currencyID") in wrong] if wrong else ()
        )

    return broken_at


def currencies(document: Document) -> set[str | None]:
    """The currencies of all amounts, as they are written."""
    return {one.get("currencyID") for one in document.once(amounts)}


def amounts(document: Document) -> list[Element]:
    """Every amount of money."""
    return document.named_any(*AMOUNTS)


def _unknown_type(document: Document) -> Places:
    yield from (one for one in document.named("cbc:InvoiceTypeCode") if text_of(one) not in codes.INVOICE_TYPES)
    yield from (one for one in document.named("cbc:CreditNoteTypeCode") if text_of(one) not in codes.CREDIT_NOTE_TYPES)


@needs("cbc:DocumentTypeCode")
def _unknown_object_scheme(document: Document) -> Places:
    for reference in document.named_any("cac:AdditionalDocumentReference", "cac:DocumentReference"):
        if "130" in [one.text for one in reference.findall("cbc:DocumentTypeCode")]:
            for number in reference.findall("cbc:ID"):
                scheme = number.get("schemeID")
                if scheme is not None and strip(scheme) not in codes.OBJECT_SCHEMES:
                    yield number, "@schemeID"


@needs("cbc:Note")
def _unknown_note_subject(document: Document) -> Places:
    """A note may begin with its subject, `#AAI#`; three characters between two hashes have to be a known one."""
    for note in document.all("cbc:Note"):
        subject, hash_found, _ = (note.text or "").partition("#")[2].partition("#")
        if hash_found and len(subject) == 3 and subject not in codes.NOTE_SUBJECTS:
            yield note


def _unknown_party_scheme(document: Document) -> Places:
    """SEPA, a creditor's number for direct debit, is for the seller and the payee only."""
    creditors = document.under("cac:AccountingSupplierParty", "cac:Party/cac:PartyIdentification/cbc:ID")
    sepa = {*creditors, *document.under("cac:PayeeParty", "cac:PartyIdentification/cbc:ID")}
    for number in document.under("cac:PartyIdentification", "cbc:ID"):
        scheme = number.get("schemeID")
        if scheme is None or strip(scheme) in codes.IDENTIFIER_SCHEMES:
            continue
        if strip(scheme) != "SEPA" or number not in sepa:
            yield number, "@schemeID"


def _reason_codes(known: frozenset[str], indicator: Callable[[Element], bool]) -> Broken:
    return needs("cac:AllowanceCharge/cbc:AllowanceChargeReasonCode")(
        lambda document: [
            code
            for one in document.named("cac:AllowanceCharge")
            if indicator(one)
            for code in one.findall("cbc:AllowanceChargeReasonCode")
            if text_of(code) not in known
        ]
    )


def _unknown_units(document: Document) -> Places:
    for quantity in document.named_any("cbc:InvoicedQuantity", "cbc:BaseQuantity", "cbc:CreditedQuantity"):
        unit = quantity.get("unitCode")
        if unit is not None and strip(unit) not in codes.UNITS:
            yield quantity, "@unitCode"


_MODEL = table(
    ("BR-01", root_text("cbc:CustomizationID"), "Missing: which kind of invoice this is (CustomizationID)",
     "Ontbreekt: welk soort e-factuur dit is (CustomizationID)"),
    ("BR-02", root_text("cbc:ID"), "Missing: invoice number", "Ontbreekt: factuurnummer"),
    ("BR-03", root_text("cbc:IssueDate"), "Missing: issue date", "Ontbreekt: factuurdatum"),
    ("BR-04", _type_missing, "Missing: type code", "Ontbreekt: soort factuur"),
    ("BR-05", root_text("cbc:DocumentCurrencyCode"), "Missing: currency", "Ontbreekt: valuta"),
    ("BR-06", root_text(f"{SELLER}/cac:PartyLegalEntity/cbc:RegistrationName"), "Missing: seller's name",
     "Ontbreekt: naam van de verkoper"),
    ("BR-07", root_text(f"{BUYER}/cac:PartyLegalEntity/cbc:RegistrationName"), "Missing: buyer's name",
     "Ontbreekt: naam van de koper"),
    ("BR-08", root_has(f"{SELLER}/{_ADDRESS}"), "Missing: seller's address", "Ontbreekt: adres van de verkoper"),
    ("BR-09", path_text(f"{SELLER}/{_ADDRESS}", _COUNTRY), "Missing: seller's country",
     "Ontbreekt: land van de verkoper"),
    ("BR-10", root_has(f"{BUYER}/{_ADDRESS}"), "Missing: buyer's address", "Ontbreekt: adres van de koper"),
    ("BR-11", path_text(f"{BUYER}/{_ADDRESS}", _COUNTRY), "Missing: buyer's country", "Ontbreekt: land van de koper"),
    ("BR-12", each_has(TOTALS, "cbc:LineExtensionAmount"), "Missing: sum of lines",
     "Ontbreekt: totaal van de regels"),
    ("BR-13", each_has(TOTALS, "cbc:TaxExclusiveAmount"), "Missing: total without VAT",
     "Ontbreekt: totaal zonder btw"),
    ("BR-14", each_has(TOTALS, "cbc:TaxInclusiveAmount"), "Missing: total with VAT", "Ontbreekt: totaal met btw"),
    ("BR-15", each_has(TOTALS, "cbc:PayableAmount"), "Missing: amount due", "Ontbreekt: te betalen bedrag"),
    ("BR-16", _no_line, "Missing: a line", "Ontbreekt: een regel"),
    ("BR-17", _payee_is_seller, "The payee has no name, or is the seller",
     "De begunstigde heeft geen naam, of is de verkoper zelf"),
    ("BR-18", each_text("cac:TaxRepresentativeParty", "cac:PartyName/cbc:Name"),
     "Missing: name of the tax representative", "Ontbreekt: naam van de fiscaal vertegenwoordiger"),
    ("BR-19", each_has("cac:TaxRepresentativeParty", _ADDRESS), "Missing: address of the tax representative",
     "Ontbreekt: adres van de fiscaal vertegenwoordiger"),
    ("BR-20", _representative_country_missing, "Missing: country of the tax representative",
     "Ontbreekt: land van de fiscaal vertegenwoordiger"),
    ("BR-21", _lines_where(lambda line: not text_of(line.parts.get("cbc:ID")), "cbc:ID"),
     "Missing: number of the line", "Ontbreekt: nummer van de regel"),
    ("BR-22", _lines_where(lambda line: line.quantity is None, "cbc:InvoicedQuantity"),
     "Missing: quantity of the line", "Ontbreekt: aantal van de regel"),
    ("BR-23", _lines_where(_unit_missing, "cbc:InvoicedQuantity/@unitCode"), "Missing: unit of the line",
     "Ontbreekt: eenheid van de regel"),
    ("BR-24", _lines_where(lambda line: "cbc:LineExtensionAmount" not in line.parts, "cbc:LineExtensionAmount"),
     "Missing: amount of the line", "Ontbreekt: bedrag van de regel"),
    ("BR-25", _lines_where(lambda line: not text_of(line.item.get("cbc:Name")), "cac:Item/cbc:Name"),
     "Missing: name of the item", "Ontbreekt: naam van het artikel"),
    ("BR-26", _lines_where(lambda line: "cbc:PriceAmount" not in line.price, "cac:Price/cbc:PriceAmount"),
     "Missing: price of the item", "Ontbreekt: prijs van het artikel"),
    ("BR-27", _lines_where(_price_negative, "cac:Price/cbc:PriceAmount"), "The price is missing or negative",
     "De prijs ontbreekt of is negatief"),
    ("BR-28", _lines_where(_gross_price_negative, "cac:Price/cac:AllowanceCharge/cbc:BaseAmount"),
     "The gross price is negative", "De brutoprijs is negatief"),
    ("BR-29", _periods_backwards(_PERIODS), "The invoicing period ends before it starts",
     "De factuurperiode eindigt voor zij begint"),
    ("BR-30", _periods_backwards(_LINE_PERIODS), "The line's period ends before it starts",
     "De periode van de regel eindigt voor zij begint"),
    ("BR-31", _each_needs(_ALLOWANCES, "cbc:Amount"), "Missing: amount of a discount",
     "Ontbreekt: bedrag van een korting"),
    ("BR-32", _without_vat_category(_ALLOWANCES), "Missing: VAT category of a discount",
     "Ontbreekt: btw-categorie van een korting"),
    ("BR-33", _each_needs(_ALLOWANCES, *_REASONS), "Missing: reason of a discount",
     "Ontbreekt: reden van een korting"),
    ("BR-36", _each_needs(_CHARGES, "cbc:Amount"), "Missing: amount of a surcharge",
     "Ontbreekt: bedrag van een toeslag"),
    ("BR-37", _without_vat_category(_CHARGES), "Missing: VAT category of a surcharge",
     "Ontbreekt: btw-categorie van een toeslag"),
    ("BR-38", _each_needs(_CHARGES, *_REASONS), "Missing: reason of a surcharge",
     "Ontbreekt: reden van een toeslag"),
    ("BR-41", _each_needs(_LINE_ALLOWANCES, "cbc:Amount"),
     "Missing: amount of a line's discount", "Ontbreekt: bedrag van een korting op een regel"),
    ("BR-42", _each_needs(_LINE_ALLOWANCES, *_REASONS),
     "Missing: reason of a line's discount", "Ontbreekt: reden van een korting op een regel"),
    ("BR-43", _each_needs(_LINE_CHARGES, "cbc:Amount"),
     "Missing: amount of a line's surcharge", "Ontbreekt: bedrag van een toeslag op een regel"),
    ("BR-44", _each_needs(_LINE_CHARGES, *_REASONS),
     "Missing: reason of a line's surcharge", "Ontbreekt: reden van een toeslag op een regel"),
    ("BR-45", _each_needs(_SUBTOTALS, "cbc:TaxableAmount"),
     "Missing: taxable amount in the VAT breakdown", "Ontbreekt: grondslag in de btw-specificatie"),
    ("BR-46", _each_needs(_SUBTOTALS, "cbc:TaxAmount"),
     "Missing: VAT amount in the VAT breakdown", "Ontbreekt: btw-bedrag in de btw-specificatie"),
    ("BR-47", _subtotals_without_category, "Missing: category in the VAT breakdown",
     "Ontbreekt: categorie in de btw-specificatie"),
    ("BR-48", _subtotals_without_rate, "Missing: rate in the VAT breakdown",
     "Ontbreekt: tarief in de btw-specificatie"),
    ("BR-49", each_has("cac:PaymentMeans", "cbc:PaymentMeansCode"), "Missing: code of how to pay",
     "Ontbreekt: code van de betaalwijze"),
    ("BR-50", _account_empty, "Missing: account number to pay to", "Ontbreekt: rekeningnummer om op te betalen"),
    ("BR-52", each_text("cac:AdditionalDocumentReference", "cbc:ID"), "Missing: name or number of an attachment",
     "Ontbreekt: naam of nummer van een bijlage"),
    ("BR-53", _vat_currency_without_total, "Missing: VAT total in the currency of the VAT return",
     "Ontbreekt: btw-totaal in de valuta van de btw-aangifte"),
    ("BR-54", each_has("cac:AdditionalItemProperty", "cbc:Name"), "An item's property lacks its name",
     "Van een artikeleigenschap ontbreekt de naam"),
    ("BR-54", each_has("cac:AdditionalItemProperty", "cbc:Value"), "An item's property lacks its value",
     "Van een artikeleigenschap ontbreekt de waarde"),
    ("BR-55", each_has("cac:BillingReference", "cac:InvoiceDocumentReference/cbc:ID"),
     "Missing: number of the earlier invoice", "Ontbreekt: nummer van de eerdere factuur"),
    ("BR-56", _representative_without_vat_number, "Missing: VAT number of the tax representative",
     "Ontbreekt: btw-nummer van de fiscaal vertegenwoordiger"),
    ("BR-57", _delivery_country_missing, "Missing: country of delivery", "Ontbreekt: land van levering"),
    ("BR-61", _account_missing, "Missing: account number to pay to", "Ontbreekt: rekeningnummer om op te betalen"),
    ("BR-62", path_attribute(f"{SELLER}/cbc:EndpointID", "schemeID"),
     "The seller's electronic address does not say of which kind it is",
     "Van het elektronisch adres van de verkoper ontbreekt de soort"),
    ("BR-63", path_attribute(f"{BUYER}/cbc:EndpointID", "schemeID"),
     "The buyer's electronic address does not say of which kind it is",
     "Van het elektronisch adres van de koper ontbreekt de soort"),
    ("BR-64", _item_attributes_missing("cac:StandardItemIdentification/cbc:ID", "schemeID"),
     "An item's standard number does not say of which kind it is",
     "Van een standaard artikelnummer ontbreekt de soort"),
    ("BR-65", _item_attributes_missing("cac:CommodityClassification/cbc:ItemClassificationCode", "listID"),
     "An item's classification does not say of which list it is",
     "Van een artikelclassificatie ontbreekt de lijst"),
    ("BR-CO-03", _two_tax_points, "There is both a tax point date and a code for it",
     "Er staat zowel een btw-datum als een code daarvoor"),
    ("BR-CO-04", _lines_where(_lines_without_vat_category, "cac:Item/cac:ClassifiedTaxCategory"),
     "Missing: VAT category of the line", "Ontbreekt: btw-categorie van de regel"),
    ("BR-CO-09", _vat_number_without_country, "A VAT number does not begin with a country",
     "Een btw-nummer begint niet met een landcode"),
    ("BR-CO-18", root_has("cac:TaxTotal/cac:TaxSubtotal"), "Missing: VAT breakdown", "Ontbreekt: btw-specificatie"),
    ("BR-CO-19", _each_needs(_PERIODS, "cbc:StartDate", "cbc:EndDate", "cbc:DescriptionCode"),
     "The invoicing period has neither start nor end", "De factuurperiode heeft geen begin en geen eind"),
    ("BR-CO-20", _each_needs(_LINE_PERIODS, "cbc:StartDate", "cbc:EndDate"),
     "The line's period has neither start nor end", "De periode van de regel heeft geen begin en geen eind"),
    ("BR-CO-21", _each_needs(_ALLOWANCES, *_REASONS), "Missing: reason of a discount",
     "Ontbreekt: reden van een korting"),
    ("BR-CO-22", _each_needs(_CHARGES, *_REASONS), "Missing: reason of a surcharge",
     "Ontbreekt: reden van een toeslag"),
    ("BR-CO-23", _each_needs(_LINE_ALLOWANCES, *_REASONS),
     "Missing: reason of a line's discount", "Ontbreekt: reden van een korting op een regel"),
    ("BR-CO-24", _each_needs(_LINE_CHARGES, *_REASONS),
     "Missing: reason of a line's surcharge", "Ontbreekt: reden van een toeslag op een regel"),
    ("BR-CO-26", _seller_unidentified, "Missing: VAT number or other number of the seller",
     "Ontbreekt: btw-nummer of ander nummer van de verkoper"),
)  # fmt: skip

_OURS = table(
    ("CON-TOTALS", _totals_missing, "Missing: totals of the invoice", "Ontbreken: totalen van de factuur"),
    ("CON-INDICATOR", _indicator_unclear, "It is unclear whether something is a discount or a surcharge",
     "Het is onduidelijk of iets een korting of een toeslag is"),
)  # fmt: skip

_WARNINGS = table(
    ("BR-51", _card_number_whole, "A payment card's number stands there in full",
     "Het nummer van een betaalkaart staat er helemaal"),
    severity=Severity.WARNING,
)  # fmt: skip

_SUMS = table(
    ("BR-CO-10", _line_sum, "The sum of lines is not the sum of the line amounts",
     "Het totaal van de regels is niet de som van de regelbedragen"),
    ("BR-CO-11", _sums_to("cbc:AllowanceTotalAmount", _ALLOWANCES),
     "The total of discounts is not their sum", "Het totaal van de kortingen is niet hun som"),
    ("BR-CO-12", _sums_to("cbc:ChargeTotalAmount", _CHARGES),
     "The total of surcharges is not their sum", "Het totaal van de toeslagen is niet hun som"),
    ("BR-CO-13", _total_without_vat, "The total without VAT is not lines - discounts + surcharges",
     "Het totaal zonder btw is niet regels - kortingen + toeslagen"),
    ("BR-CO-14", _vat_sum, "The VAT total is not the sum of the VAT breakdown",
     "Het btw-totaal is niet de som van de btw-specificatie"),
    ("BR-CO-15", _total_with_vat, "The total with VAT is not the total without VAT + VAT",
     "Het totaal met btw is niet het totaal zonder btw + btw"),
    ("BR-CO-16", _payable, "The amount due is not the total with VAT - prepaid + rounding",
     "Het te betalen bedrag is niet het totaal met btw - vooruitbetaald + afronding"),
    ("BR-CO-17", _subtotal_tax, "The VAT of a breakdown row is not its taxable amount x rate",
     "De btw van een specificatieregel is niet grondslag x tarief"),
)  # fmt: skip


def _decimals() -> Family:
    rows: tuple[tuple[int, _Group, str], ...] = (
        (1, _ALLOWANCES, "cbc:Amount"),
        (2, _ALLOWANCES, "cbc:BaseAmount"),
        (5, _CHARGES, "cbc:Amount"),
        (6, _CHARGES, "cbc:BaseAmount"),
        (9, _TOTALS, "cbc:LineExtensionAmount"),
        (10, _TOTALS, "cbc:AllowanceTotalAmount"),
        (11, _TOTALS, "cbc:ChargeTotalAmount"),
        (12, _TOTALS, "cbc:TaxExclusiveAmount"),
        (14, _TOTALS, "cbc:TaxInclusiveAmount"),
        (16, _TOTALS, "cbc:PrepaidAmount"),
        (17, _TOTALS, "cbc:PayableRoundingAmount"),
        (18, _TOTALS, "cbc:PayableAmount"),
        (19, _SUBTOTALS, "cbc:TaxableAmount"),
        (20, _SUBTOTALS, "cbc:TaxAmount"),
        (24, _LINE_ALLOWANCES, "cbc:Amount"),
        (25, _LINE_ALLOWANCES, "cbc:BaseAmount"),
        (27, _LINE_CHARGES, "cbc:Amount"),
        (28, _LINE_CHARGES, "cbc:BaseAmount"),
    )
    english, dutch = "An amount has more than two decimals", "Een bedrag heeft meer dan twee decimalen"
    found = [(f"BR-DEC-{number:02}", _two_decimals(group, name), english, dutch) for number, group, name in rows]
    return table(*found, ("BR-DEC-23", _line_decimals, english, dutch))


_CODES = table(
    ("01", _unknown_type, "The type code does not exist for this kind of document",
     "De code voor de soort factuur bestaat niet voor dit soort document"),
    ("03", currencies_in(codes.CURRENCIES), "An amount's currency does not exist",
     "De valuta van een bedrag bestaat niet"),
    ("04", code_in(codes.CURRENCIES, "cbc:DocumentCurrencyCode"), "The invoice's currency does not exist",
     "De valuta van de factuur bestaat niet"),
    ("05", code_in(codes.CURRENCIES, "cbc:TaxCurrencyCode"), "The currency of the VAT return does not exist",
     "De valuta van de btw-aangifte bestaat niet"),
    ("06", child_code_in(codes.PERIOD_CODES, "cac:InvoicePeriod", "cbc:DescriptionCode"),
     "The code of the tax point is not 3, 35 or 432", "De code van de btw-datum is niet 3, 35 of 432"),
    ("07", _unknown_object_scheme, "The kind of the invoiced object does not exist (UNTDID 1153)",
     "De soort van het gefactureerde object bestaat niet (UNTDID 1153)"),
    ("08", _unknown_note_subject, "The subject of a note does not exist (UNTDID 4451)",
     "Het onderwerp van een opmerking bestaat niet (UNTDID 4451)"),
    ("10", _unknown_party_scheme, "The kind of a party's number does not exist (ISO 6523)",
     "De soort van een nummer van een partij bestaat niet (ISO 6523)"),
    ("11", scheme_in(codes.IDENTIFIER_SCHEMES, "schemeID", "cac:PartyLegalEntity", "cbc:CompanyID"),
     "The kind of a registration number does not exist (ISO 6523; KvK is 0106)",
     "De soort van een registratienummer bestaat niet (ISO 6523; KvK is 0106)"),
    ("13", scheme_in(codes.ITEM_CLASSIFICATIONS, "listID", "cac:CommodityClassification", "cbc:ItemClassificationCode"),
     "The list of an item's classification does not exist (UNTDID 7143)",
     "De lijst van een artikelclassificatie bestaat niet (UNTDID 7143)"),
    ("14", child_code_in(codes.COUNTRIES, "cac:Country", "cbc:IdentificationCode"), "A country does not exist",
     "Een land bestaat niet"),
    ("15", child_code_in(codes.COUNTRIES, "cac:OriginCountry", "cbc:IdentificationCode"),
     "An item's country of origin does not exist", "Het land van herkomst van een artikel bestaat niet"),
    ("16", child_code_in(codes.PAYMENT_MEANS, "cac:PaymentMeans", "cbc:PaymentMeansCode"),
     "The code of how to pay does not exist (UNTDID 4461)", "De code van de betaalwijze bestaat niet (UNTDID 4461)"),
    ("17", child_code_in(codes.VAT_CATEGORIES, "cac:TaxCategory", "cbc:ID"), "A VAT category does not exist",
     "Een btw-categorie bestaat niet"),
    ("18", child_code_in(codes.VAT_CATEGORIES, "cac:ClassifiedTaxCategory", "cbc:ID"),
     "The VAT category of a line does not exist", "De btw-categorie van een regel bestaat niet"),
    ("19", _reason_codes(codes.ALLOWANCE_REASONS, is_allowance),
     "The reason code of a discount does not exist (UNTDID 5189)",
     "De redencode van een korting bestaat niet (UNTDID 5189)"),
    ("20", _reason_codes(codes.CHARGE_REASONS, is_charge),
     "The reason code of a surcharge does not exist (UNTDID 7161)",
     "De redencode van een toeslag bestaat niet (UNTDID 7161)"),
    ("21", scheme_in(codes.IDENTIFIER_SCHEMES, "schemeID", "cac:StandardItemIdentification", "cbc:ID"),
     "The kind of a standard item number does not exist (ISO 6523)",
     "De soort van een standaard artikelnummer bestaat niet (ISO 6523)"),
    ("22", lambda document: [
        one for one in document.named("cbc:TaxExemptionReasonCode") if text_of(one).upper() not in codes.EXEMPTIONS
     ],
     "The code of why there is no VAT does not exist (VATEX)",
     "De code van de reden zonder btw bestaat niet (VATEX)"),
    ("23", _unknown_units, "The unit of a quantity does not exist (UN/ECE 20 and 21)",
     "De eenheid van een aantal bestaat niet (UN/ECE 20 en 21)"),
    ("24", scheme_in(codes.ATTACHMENT_TYPES, "mimeCode", "cbc:EmbeddedDocumentBinaryObject"),
     "An attachment is no PDF, PNG, JPEG, CSV, Excel or OpenDocument sheet",
     "Een bijlage is geen pdf, png, jpeg, csv, Excel- of OpenDocument-blad"),
    ("25", scheme_in(codes.ADDRESS_SCHEMES, "schemeID", "cbc:EndpointID"),
     "The kind of an electronic address does not exist (EAS; KvK is 0106, OIN 0190)",
     "De soort van een elektronisch adres bestaat niet (EAS; KvK is 0106, OIN 0190)"),
    ("26", scheme_in(codes.IDENTIFIER_SCHEMES, "schemeID", "cac:DeliveryLocation", "cbc:ID"),
     "The kind of a delivery location's number does not exist (ISO 6523)",
     "De soort van een nummer van een afleverplaats bestaat niet (ISO 6523)"),
    prefix="BR-CL-",
)  # fmt: skip

EN16931: Family = (*_MODEL, *_OURS, *_SUMS, *_decimals(), *_CODES, *_WARNINGS)
