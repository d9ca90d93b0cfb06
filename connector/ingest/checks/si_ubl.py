"""SI-UBL 1.1 and 1.2: BII2-T10, CL-T10, EUGEN-T10, OP-T10, and SI-V11 or SI-V12. The two versions are near-twins.

Numbers are exact decimals here and floating-point there: of sums that are rounded only half a cent differs; the one
that is not (R056 of 1.1, with a rounding) is computed as there. The warnings about elements outside the core are left
out, as in EN 16931.

Source: SI-UBL 1.1 and 1.2.4; e-invoicing.md section 10.
"""

import re
from collections.abc import Callable, Collection
from decimal import Decimal
from xml.etree.ElementTree import Element

from connector.ingest.checks import codes
from connector.ingest.checks.document import (
    BUYER,
    DECIMALS,
    SELLER,
    TOTALS,
    Document,
    Places,
    has_more_decimals,
    number_of,
    round_2,
    total,
)
from connector.ingest.checks.rule import (
    Broken,
    Family,
    Row,
    each_has,
    each_once,
    needs,
    only_if,
    root_has,
    table,
)
from connector.ingest.checks.syntax import REPEATED, repeated
from connector.ingest.tree import find_all, has_any, strip, text_of
from connector.ingest.ubl import ZERO
from connector.invoice import Severity

_CLAIM = (
    "urn:www.cenbii.eu:transaction:biitrns010:ver2.0:extended:urn:www.peppol.eu:bis:peppol4a:ver2.0:extended:"
    "urn:www.simplerinvoicing.org:si:si-ubl:ver"
)
_DIGITS = re.compile(r"\d+(?:\.\d*)?|\.\d+")
_ACCOUNT = "cac:PayeeFinancialAccount/cbc:ID"
_BANK = "cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cac:FinancialInstitution/cbc:ID"


def no_invoice(document: Document) -> Places:
    """It is a credit note, which these rules do not know."""
    if document.is_credit_note:
        yield document.root


def of_invoice(broken_at: Broken) -> Broken:
    """The rule is about the invoice itself."""
    return only_if(_is_invoice, broken_at)


def _is_invoice(document: Document) -> bool:
    return not document.is_credit_note


# What both versions ask, and partly SI-UBL 1.0


def vat_totals(document: Document) -> list[Element]:
    """The document's tax totals that are of VAT."""
    return document.once(_vat_totals)


def _vat_totals(document: Document) -> list[Element]:
    path = "cac:TaxSubtotal/cac:TaxCategory/cac:TaxScheme/cbc:ID"
    totals = document.all("cac:TaxTotal")
    return [one for one in totals if any(scheme.text == "VAT" for scheme in find_all(one, path))]


def has_vat(document: Document) -> bool:
    """Tell whether a row of the document's tax totals is of VAT."""
    return bool(vat_totals(document))


def _vat_rows(document: Document) -> list[Element]:
    return document.once(_rows_of_vat)


def _rows_of_vat(document: Document) -> list[Element]:
    path = "cac:TaxCategory/cac:TaxScheme/cbc:ID"
    rows = document.named("cac:TaxSubtotal")
    return [row for row in rows if any(scheme.text == "VAT" for scheme in find_all(row, path))]


def _codes_of_rows(document: Document) -> list[str]:
    return [one.text or "" for one in document.all("cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:ID")]


def named_or_numbered(party: str) -> Broken:
    """The party has a name or a number."""
    return root_has(f"{party}/cac:PartyName/cbc:Name", f"{party}/cac:PartyIdentification/cbc:ID")


@needs("cac:InvoiceLine/cac:TaxTotal")
def _line_vat_without_total(document: Document) -> Places:
    has_total = any(one.findall("cbc:TaxAmount") for one in vat_totals(document))
    if not has_total and document.has("cac:InvoiceLine/cac:TaxTotal"):
        yield document.root, "cac:TaxTotal/cbc:TaxAmount"


@needs("cac:TaxTotal/cbc:TaxAmount")
def _vat_without_details(document: Document) -> Places:
    schemes = document.under("cac:TaxScheme", "cbc:ID")
    if document.has("cac:TaxTotal/cbc:TaxAmount") and not any(one.text == "VAT" for one in schemes):
        yield document.root, "cac:TaxTotal/cac:TaxSubtotal"


def _seller_without_vat_number(document: Document) -> Places:
    if has_vat(document) and not document.has(f"{SELLER}/cac:PartyTaxScheme/cbc:CompanyID"):
        yield document.root, f"{SELLER}/cac:PartyTaxScheme/cbc:CompanyID"


@needs("VAT AE")
def _buyer_without_vat_number(document: Document) -> Places:
    if "AE" in _codes_of_rows(document) and not document.has(f"{BUYER}/cac:PartyTaxScheme/cbc:CompanyID"):
        yield document.root, f"{BUYER}/cac:PartyTaxScheme/cbc:CompanyID"


@needs("VAT AE")
def _beside_reverse_charge(document: Document) -> Places:
    used = set(_codes_of_rows(document))
    if "AE" in used and len(used) > 1:
        yield document.root, "cac:TaxTotal/cac:TaxSubtotal"


def _reverse_charge_totals(document: Document) -> list[Element]:
    return [one for one in document.named("cac:TaxTotal") if _is_reverse_charge(one)]


def _is_reverse_charge(tax_total: Element) -> bool:
    return any(code.text == "AE" for code in find_all(tax_total, "cac:TaxSubtotal/cac:TaxCategory/cbc:ID"))


def _own_reverse_charge_totals(document: Document) -> list[Element]:
    return [one for one in document.root.findall("cac:TaxTotal") if _is_reverse_charge(one)]


def _reverse_charge_rows(tax_total: Element) -> list[Element]:
    rows = tax_total.findall("cac:TaxSubtotal")
    return [row for row in rows if any(code.text == "AE" for code in find_all(row, "cac:TaxCategory/cbc:ID"))]


@needs("cac:TaxTotal/cbc:TaxableAmount")
def _stray_taxable_differs(document: Document) -> Places:
    """SI-UBL 1.1 looks for a taxable amount beside the rows, where the schema has none."""
    without = {one.text for one in document.all(f"{TOTALS}/cbc:TaxExclusiveAmount")}
    stray = [amount for one in _own_reverse_charge_totals(document) for amount in one.findall("cbc:TaxableAmount")]
    if stray and not any(amount.text in without for amount in stray):
        yield from stray


@needs("VAT AE")
def _reverse_charge_taxed(document: Document) -> Places:
    amounts = [amount for one in _own_reverse_charge_totals(document) for amount in one.findall("cbc:TaxAmount")]
    if amounts and not any(number_of(amount) == 0 for amount in amounts):
        yield from amounts


@needs("VAT AE")
def _reverse_charge_taxable_differs(document: Document) -> Places:
    """A total of a line has no total without VAT beside it, so that it always differs."""
    without, own = document.total("cbc:TaxExclusiveAmount"), _own_reverse_charge_totals(document)
    for one in _reverse_charge_totals(document):
        if one not in own or total(number_of(row, "cbc:TaxableAmount") for row in _reverse_charge_rows(one)) != without:
            yield one, "cac:TaxSubtotal/cbc:TaxableAmount"


@needs("VAT AE")
def _reverse_charge_rows_taxed(document: Document) -> Places:
    for one in _reverse_charge_totals(document):
        yield from (amount for amount in find_all(one, "cac:TaxSubtotal/cbc:TaxAmount") if number_of(amount) != 0)


@needs("cac:TaxTotal")
def taxable_sum_differs(document: Document) -> Places:
    """With VAT, the taxable amounts are together the total without VAT."""
    of_vat = vat_totals(document)
    if not of_vat:
        return
    taxable = round_2(total(number_of(one) for one in document.all("cac:TaxTotal/cac:TaxSubtotal/cbc:TaxableAmount")))
    has_amount = any(one.findall("cbc:TaxAmount") for one in of_vat)
    if not has_amount or taxable != document.total("cbc:TaxExclusiveAmount"):
        yield document.total_place("cbc:TaxExclusiveAmount")


def _each_line(*paths: str) -> Broken:
    """Every line has an element on one of the paths."""
    return each_has("cac:InvoiceLine", *paths)


@needs("cac:InvoiceLine")
def _unit_missing(document: Document) -> Places:
    for line in document.named("cac:InvoiceLine"):
        if not any(one.get("unitCode") is not None for one in line.findall("cbc:InvoicedQuantity")):
            yield line, "cbc:InvoicedQuantity/@unitCode"


@needs("cac:InvoicePeriod")
def period_backwards(document: Document) -> Places:
    """A period lacks start or end, or ends before it starts; a date is compared as the number that its digits make."""
    for period in document.named("cac:InvoicePeriod"):
        start, end = _day(text_of(period, "cbc:StartDate")), _day(text_of(period, "cbc:EndDate"))
        if start is None or end is None or end < start:
            yield period


def _day(text: str) -> Decimal | None:
    digits = strip(text.replace("-", ""))
    return Decimal(digits) if _DIGITS.fullmatch(digits) else None


@needs("cac:PaymentMeans")
def _account_missing(document: Document) -> Places:
    for means in document.named("cac:PaymentMeans"):
        if "31" in [one.text for one in means.findall("cbc:PaymentMeansCode")] and not find_all(means, _ACCOUNT):
            yield means, _ACCOUNT


def _bank_missing(*, with_scheme: bool) -> Broken:
    """An IBAN needs the number of its bank, which is a BIC."""

    @needs("cac:PaymentMeans", _ACCOUNT)
    def broken_at(document: Document) -> Places:
        for means in document.named("cac:PaymentMeans"):
            schemes = [one.get("schemeID") for one in find_all(means, _ACCOUNT)]
            banks = find_all(means, _BANK)
            is_known = any(one.get("schemeID") == "BIC" for one in banks) if with_scheme else bool(banks)
            if "IBAN" in schemes and not is_known:
                yield means, _BANK

    return broken_at


def line_sum(document: Document) -> Places:
    """The sum of lines is the sum of the line amounts."""
    lines = round_2(total(number_of(one) for one in document.under("cac:InvoiceLine", "cbc:LineExtensionAmount")))
    if document.totals is not None and document.total("cbc:LineExtensionAmount") != lines:
        yield document.total_place("cbc:LineExtensionAmount")


def _total_without_vat(document: Document) -> Places:
    if document.totals is None:
        return
    lines = document.total("cbc:LineExtensionAmount")
    less, more = document.total("cbc:AllowanceTotalAmount"), document.total("cbc:ChargeTotalAmount")
    expected = lines
    if lines is not None and not (less is None and more is None):
        expected = round_2(lines - (less or ZERO) + (more or ZERO))
    stated = document.total("cbc:TaxExclusiveAmount")
    if stated is None or stated != expected:
        yield document.total_place("cbc:TaxExclusiveAmount")


def tax_sum(document: Document) -> Decimal:
    """The sum of the document's tax totals."""
    return total(number_of(one) for one in document.all("cac:TaxTotal/cbc:TaxAmount"))


def _total_with_vat_1_1(document: Document) -> Places:
    """With the rounding or without it; both sides are rounded."""
    stated, without = document.total("cbc:TaxInclusiveAmount"), document.total("cbc:TaxExclusiveAmount")
    rounding = document.total("cbc:PayableRoundingAmount") or ZERO
    if not document.has(f"{TOTALS}/cbc:TaxInclusiveAmount"):
        return
    expected = set() if without is None else {
        round_2(without + tax_sum(document)), round_2(without + tax_sum(document) + rounding)
    }  # fmt: skip
    if stated is None or round_2(stated) not in expected:
        yield document.total_place("cbc:TaxInclusiveAmount")


def _total_with_vat_1_2(document: Document) -> Places:
    """The rounding is inside the total with VAT."""
    if document.totals is None:
        return
    stated, without = document.total("cbc:TaxInclusiveAmount"), document.total("cbc:TaxExclusiveAmount")
    rounding = document.total("cbc:PayableRoundingAmount") or ZERO
    if stated is None or without is None or stated != round_2(without + tax_sum(document) + rounding):
        yield document.total_place("cbc:TaxInclusiveAmount")


def sums_to(name: str, indicator: str) -> Broken:
    """The total of the document's allowances (charges), where it is given, is their sum."""

    def broken_at(document: Document) -> Places:
        stated = document.total(name)
        parts = (
            amount
            for one in document.all("cac:AllowanceCharge")
            if any(each.text == indicator for each in one.findall("cbc:ChargeIndicator"))
            for amount in one.findall("cbc:Amount")
        )
        if stated is not None and stated != round_2(total(number_of(part) for part in parts)):
            yield document.total_place(name)

    return broken_at


def _payable_1_1(document: Document) -> Places:
    payable, stated = document.total("cbc:PayableAmount"), document.total("cbc:TaxInclusiveAmount")
    if not document.has(f"{TOTALS}/cbc:TaxInclusiveAmount"):
        return
    prepaid, rounding = document.total("cbc:PrepaidAmount"), document.total("cbc:PayableRoundingAmount")
    left = stated if stated is None or prepaid is None else round_2(stated - prepaid)
    is_right = payable is not None and (
        payable == left
        or (
            rounding is not None
            and float(payable) - float(rounding) in [float(one) for one in (left, stated) if one is not None]
        )
    )
    if not is_right:
        yield document.total_place("cbc:PayableAmount")


def _payable_1_2(document: Document) -> Places:
    if document.totals is None:
        return
    payable, stated = document.total("cbc:PayableAmount"), document.total("cbc:TaxInclusiveAmount")
    prepaid = document.total("cbc:PrepaidAmount")
    left = stated if prepaid is None or stated is None else round_2(stated - prepaid)
    if payable is None or payable != left:
        yield document.total_place("cbc:PayableAmount")


def _own_without(*paths: str) -> Broken:
    """Each of the document's own allowances and charges has an element on one of the paths."""
    return needs("cac:AllowanceCharge")(
        lambda document: [(one, paths[0]) for one in document.all("cac:AllowanceCharge") if not has_any(one, paths)]
    )


@needs("cac:AllowanceCharge")
def _own_without_category(document: Document) -> Places:
    if document.has("cac:TaxTotal"):
        for one in document.all("cac:AllowanceCharge"):
            if not has_vat(document) or not find_all(one, "cac:TaxCategory/cbc:ID"):
                yield one, "cac:TaxCategory/cbc:ID"


def _rows_without(*paths: str) -> Broken:
    return lambda document: [(row, paths[0]) for row in _vat_rows(document) if not has_any(row, paths)]


@needs("cac:TaxSubtotal")
def _standard_rows_without_rate(document: Document) -> Places:
    for row in _vat_rows(document):
        is_standard = any(one.text == "S" for one in find_all(row, "cac:TaxCategory/cbc:ID"))
        if is_standard and not find_all(row, "cac:TaxCategory/cbc:Percent"):
            yield row, "cac:TaxCategory/cbc:Percent"


def _row_tax_wrong(rows: Callable[[Document], list[Element]]) -> Broken:
    """The tax is the taxable amount times the rate, less than one unit off."""

    def broken_at(document: Document) -> Places:
        for row in rows(document):
            if not row.findall("cbc:TaxableAmount") or not find_all(row, "cac:TaxCategory/cbc:Percent"):
                continue
            taxable, rate = number_of(row, "cbc:TaxableAmount"), number_of(row, "cac:TaxCategory/cbc:Percent")
            tax = number_of(row, "cbc:TaxAmount")
            if taxable is None or rate is None or tax is None or abs(tax - taxable * rate / 100) >= 1:
                yield row, "cbc:TaxAmount"

    return broken_at


def _own_rows(document: Document) -> list[Element]:
    return document.all("cac:TaxTotal/cac:TaxSubtotal")


def _tax_total_wrong(*, rounded: bool) -> Broken:
    """Each of the document's tax totals is the sum of its rows."""

    def broken_at(document: Document) -> Places:
        for one in document.all("cac:TaxTotal"):
            stated = number_of(one, "cbc:TaxAmount")
            parts = round_2(total(number_of(part) for part in find_all(one, "cac:TaxSubtotal/cbc:TaxAmount")))
            if stated is None or (round_2(stated) if rounded else stated) != parts:
                yield one, "cbc:TaxAmount"

    return broken_at


@needs("cac:AllowanceCharge/cbc:MultiplierFactorNumeric")
def negative_percentage(document: Document) -> Places:
    """The percentage of an allowance or charge is negative, or no number."""
    for one in document.under("cac:AllowanceCharge", "cbc:MultiplierFactorNumeric"):
        factor = number_of(one)
        if factor is None or factor < 0:
            yield one


@needs("cac:AllowanceCharge/cbc:MultiplierFactorNumeric")
def _own_percentage_negative(document: Document) -> Places:
    own = set(document.all("cac:AllowanceCharge/cbc:MultiplierFactorNumeric"))
    return [place for place in negative_percentage(document) if place in own]


@needs("cac:TaxCategory")
def category_incomplete(document: Document) -> Places:
    """A category, other than of an allowance or charge, has no code or no rate; reverse charge needs no rate."""
    of_allowances = set(document.under("cac:AllowanceCharge", "cac:TaxCategory"))
    for category in document.named("cac:TaxCategory"):
        numbers = category.findall("cbc:ID")
        is_whole = bool(numbers) and (bool(category.findall("cbc:Percent")) or any(one.text == "AE" for one in numbers))
        if category not in of_allowances and not is_whole:
            yield category, "cbc:Percent"


def _attribute(name: str, wanted: str | None, elements: str, path: str = "") -> Broken:
    """The attribute is there, and is the wanted one where one is wanted."""

    @needs(elements, path)
    def broken_at(document: Document) -> Places:
        for one in document.under(elements, path) if path else document.named(elements):
            written = one.get(name)
            if written is None or (wanted is not None and written != wanted):
                yield one, f"@{name}"

    return broken_at


def _in_other_currency(document: Document) -> bool:
    code = [one.text for one in document.all("cbc:TaxCurrencyCode")]
    return bool(code) and code[0] != document.currency


@needs("cbc:TaxCurrencyCode")
def _exchange_rate_missing(document: Document) -> Places:
    if _in_other_currency(document) and not document.has("cac:TaxExchangeRate"):
        yield document.root, "cac:TaxExchangeRate"


@needs("cbc:TaxCurrencyCode")
def _any_exchange_rate_missing(document: Document) -> Places:
    if document.named("cbc:TaxCurrencyCode") and not document.named("cac:TaxExchangeRate"):
        yield document.root, "cac:TaxExchangeRate"


def _row_currencies_missing(rows: Callable[[Document], list[Element]], is_asked: Callable[[Document], bool]) -> Broken:
    def broken_at(document: Document) -> Places:
        if is_asked(document):
            for row in rows(document):
                if not row.findall("cbc:TaxAmount") or not row.findall("cbc:TransactionCurrencyTaxAmount"):
                    yield row, "cbc:TransactionCurrencyTaxAmount"

    return broken_at


def _decimals(path: str) -> Broken:
    """At most two characters after the point, of the first amount on the path in each of its parents."""
    return needs(path, DECIMALS)(lambda document: list(filter(has_more_decimals, document.all(path))))


def _total_decimals(document: Document) -> Places:
    amounts = (amount for totals in document.named(TOTALS) for amount in totals)
    return list(filter(has_more_decimals, amounts))


# SI's own


def _claims(version: str) -> Callable[[Document], bool]:
    """Whether the file claims the version; of one that claims several things the official sets think so."""

    def claims(document: Document) -> bool:
        found = document.named("cbc:CustomizationID")
        return len(found) > 1 or any(_CLAIM + version in (one.text or "") for one in found)

    return claims


_CLAIMS = {version: _claims(version) for version in ("1.1", "1.2")}


def _claims_other(version: str) -> Broken:
    return lambda document: [
        one
        for one in document.named("cbc:CustomizationID")
        if _CLAIM + version not in " ".join((one.text or "").split())
    ]


def _version(document: Document) -> Places:
    if not any(one.text == "2.1" for one in document.all("cbc:UBLVersionID")):
        yield document.root, "cbc:UBLVersionID"


def _correction_of_nothing(document: Document) -> Places:
    types = document.all("cbc:InvoiceTypeCode")
    if not any(one.text != "384" for one in types) and not document.has("cac:BillingReference"):
        yield document.root, "cac:BillingReference"


def _texts(name: str, path: str = "") -> Broken:
    """Each element of the name, or the first on the path below each, has a text."""
    return needs(name)(lambda document: [one for one in document.named(name) if not text_of(one, path)])


@needs("cbc:MathematicOperatorCode")
def _operator_unknown(document: Document) -> Places:
    operators = document.named("cbc:MathematicOperatorCode")
    return [one for one in operators if (one.text or "").lower() not in ("multiply", "divide")]


def _own_total_missing(name: str, indicator: str) -> Broken:
    @needs("cac:AllowanceCharge/cbc:ChargeIndicator")
    def broken_at(document: Document) -> Places:
        indicators = document.all("cac:AllowanceCharge/cbc:ChargeIndicator")
        if any(one.text == indicator for one in indicators):
            yield from ((one, name) for one in document.named(TOTALS) if not one.findall(name))

    return broken_at


def _country_without_code(document: Document) -> Places:
    countries = document.named_any("cac:Country", "cac:OriginCountry")
    return [(one, "cbc:IdentificationCode") for one in countries if not one.findall("cbc:IdentificationCode")]


@needs("cac:TaxCategory")
def _standard_category_without_rate(document: Document) -> Places:
    for category in document.named("cac:TaxCategory"):
        numbers = category.findall("cbc:ID")
        if numbers and numbers[0].text == "S" and not category.findall("cbc:Percent"):
            yield category, "cbc:Percent"


@needs("cac:InvoiceLine/cac:TaxTotal")
def _line_without_vat(document: Document) -> Places:
    if not any(one.findall("cbc:TaxAmount") for one in vat_totals(document)):
        return
    for tax_total in document.all("cac:InvoiceLine/cac:TaxTotal"):
        schemes = find_all(tax_total, "cac:TaxSubtotal/cac:TaxCategory/cac:TaxScheme/cbc:ID")
        if any(one.text != "VAT" for one in schemes):
            yield tax_total


@needs("cac:AllowanceCharge")
def _base_without_percentage(document: Document) -> Places:
    for one in document.named("cac:AllowanceCharge"):
        if bool(one.findall("cbc:MultiplierFactorNumeric")) != bool(one.findall("cbc:BaseAmount")):
            yield one, "cbc:BaseAmount"


_IN_CURRENCY = (
    "cbc:Amount",
    "cbc:TaxAmount",
    "cbc:TaxableAmount",
    "cbc:LineExtensionAmount",
    "cbc:PriceAmount",
    "cbc:BaseAmount",
)


def _other_currency_1_1(document: Document) -> Places:
    """Every amount is in the invoice's currency, but the tax in another one."""
    in_return = document.has("cbc:TaxCurrencyCode")
    for code, written in document.attributed("currencyID").items():
        if code != document.currency:
            for one in written:
                if one.tag.startswith("cbc:") and not (in_return and one.tag == "cbc:TransactionCurrencyTaxAmount"):
                    yield one, "@currencyID"


def _other_currency_1_2(document: Document) -> Places:
    amounts = (*document.named_any(*_IN_CURRENCY), *(one for totals in document.named(TOTALS) for one in totals))
    for one in dict.fromkeys(amounts):
        if one.get("currencyID", document.currency) != document.currency:
            yield one, "@currencyID"
    for tax_total in vat_totals(document):
        for one in tax_total.findall("cbc:TaxAmount"):
            if one.get("currencyID") is None:
                yield one, "@currencyID"


@needs("cbc:TransactionCurrencyTaxAmount")
def _vat_return_currency(document: Document) -> Places:
    codes_written = document.all("cbc:TaxCurrencyCode")
    if codes_written:
        for one in document.named("cbc:TransactionCurrencyTaxAmount"):
            if one.get("currencyID", codes_written[0].text or "") != (codes_written[0].text or ""):
                yield one, "@currencyID"


# Codes


def codes_of(known: Collection[str], name: str, path: str = "") -> Broken:
    """The text of each element of the name, or on the path below it, is in a code list."""
    return needs(name, path)(
        lambda document: [
            one for one in (document.under(name, path) if path else document.named(name)) if text_of(one) not in known
        ]
    )


def schemes_of(known: Collection[str], attribute: str, name: str, path: str = "") -> Broken:
    """The attribute, where it is written, is in a code list."""

    @needs(name, path)
    def broken_at(document: Document) -> Places:
        for one in document.under(name, path) if path else document.named(name):
            written = one.get(attribute)
            if written is not None and strip(written) not in known:
                yield one, f"@{attribute}"

    return broken_at


def _any_attribute(attribute: str, is_right: Callable[[str], bool]) -> Broken:
    def broken_at(document: Document) -> Places:
        for value, written in document.attributed(attribute).items():
            if not is_right(value):
                yield from ((one, f"@{attribute}") for one in written if one.tag.startswith("cbc:"))

    return broken_at


NO_CLAIM: Row = ("BII2-T10-R001", of_invoice(root_has("cbc:CustomizationID")),
                 "Missing: which kind of invoice this is (CustomizationID)",
                 "Ontbreekt: welk soort e-factuur dit is (CustomizationID)")  # fmt: skip

_HEADER: tuple[Row, ...] = (
    ("R002", root_has("cbc:ProfileID"), "Missing: the business process (ProfileID)",
     "Ontbreekt: het bedrijfsproces (ProfileID)"),
    ("R003", root_has("cbc:ID"), "Missing: invoice number", "Ontbreekt: factuurnummer"),
    ("R004", root_has("cbc:IssueDate"), "Missing: issue date", "Ontbreekt: factuurdatum"),
    ("R005", root_has("cbc:DocumentCurrencyCode"), "Missing: currency", "Ontbreekt: valuta"),
    ("R006", named_or_numbered(SELLER), "Missing: seller's name or number",
     "Ontbreekt: naam of nummer van de verkoper"),
    ("R008", named_or_numbered(BUYER), "Missing: buyer's name or number", "Ontbreekt: naam of nummer van de koper"),
    ("R010", root_has(f"{TOTALS}/cbc:LineExtensionAmount"), "Missing: sum of lines", "Ontbreekt: totaal van de regels"),
    ("R011", root_has(f"{TOTALS}/cbc:TaxExclusiveAmount"), "Missing: total without VAT",
     "Ontbreekt: totaal zonder btw"),
    ("R012", root_has(f"{TOTALS}/cbc:TaxInclusiveAmount"), "Missing: total with VAT", "Ontbreekt: totaal met btw"),
    ("R013", root_has(f"{TOTALS}/cbc:PayableAmount"), "Missing: amount due", "Ontbreekt: te betalen bedrag"),
    ("R014", root_has("cac:InvoiceLine"), "Missing: a line", "Ontbreekt: een regel"),
    ("R015", _line_vat_without_total, "Lines have VAT, and the invoice no VAT total",
     "Regels hebben btw, en de factuur geen btw-totaal"),
    ("R025", _own_without("cbc:AllowanceChargeReason"), "Missing: reason of a discount or surcharge",
     "Ontbreekt: reden van een korting of toeslag"),
    ("R026", _vat_without_details, "There is a VAT total without VAT details",
     "Er staat een btw-totaal zonder btw-gegevens"),
    ("R043", _own_without_category, "Missing: VAT category of a discount or surcharge",
     "Ontbreekt: btw-categorie van een korting of toeslag"),
    ("R044", _seller_without_vat_number, "Missing: VAT number of the seller", "Ontbreekt: btw-nummer van de verkoper"),
    ("R047", _buyer_without_vat_number, "Reverse charge: missing VAT number of the buyer",
     "Btw verlegd: btw-nummer van de koper ontbreekt"),
    ("R048", _beside_reverse_charge, "Reverse charge: there is another VAT category",
     "Btw verlegd: er is nog een btw-categorie"),
    ("R058", taxable_sum_differs, "The taxable amounts are not the total without VAT",
     "De grondslagen zijn samen niet het totaal zonder btw"),
)  # fmt: skip

_PARTS: tuple[Row, ...] = (
    ("R017", _each_line("cbc:ID"), "Missing: number of the line", "Ontbreekt: nummer van de regel"),
    ("R018", _each_line("cbc:InvoicedQuantity"), "Missing: quantity of the line", "Ontbreekt: aantal van de regel"),
    ("R019", _unit_missing, "Missing: unit of the line", "Ontbreekt: eenheid van de regel"),
    ("R020", _each_line("cbc:LineExtensionAmount"), "Missing: amount of the line", "Ontbreekt: bedrag van de regel"),
    ("R021", _each_line("cac:Item/cbc:Name", "cac:Item/cac:StandardItemIdentification/cbc:ID",
                        "cac:Item/cac:SellersItemIdentification/cbc:ID"),
     "Missing: name or number of the item", "Ontbreekt: naam of nummer van het artikel"),
    ("R023", each_has("cac:InvoicePeriod", "cbc:StartDate"), "Missing: start of the invoicing period",
     "Ontbreekt: begin van de factuurperiode"),
    ("R024", each_has("cac:InvoicePeriod", "cbc:EndDate"), "Missing: end of the invoicing period",
     "Ontbreekt: eind van de factuurperiode"),
    ("R027", _rows_without("cbc:TaxableAmount"), "Missing: taxable amount in the VAT breakdown",
     "Ontbreekt: grondslag in de btw-specificatie"),
    ("R028", _rows_without("cbc:TaxAmount"), "Missing: VAT amount in the VAT breakdown",
     "Ontbreekt: btw-bedrag in de btw-specificatie"),
    ("R029", _rows_without("cac:TaxCategory/cbc:ID"), "Missing: category in the VAT breakdown",
     "Ontbreekt: categorie in de btw-specificatie"),
    ("R030", _standard_rows_without_rate, "Missing: rate in the VAT breakdown",
     "Ontbreekt: tarief in de btw-specificatie"),
    ("R031", period_backwards, "The invoicing period lacks start or end, or ends before it starts",
     "Van de factuurperiode ontbreekt begin of eind, of zij eindigt voor zij begint"),
    ("R039", _account_missing, "Missing: account number to pay to", "Ontbreekt: rekeningnummer om op te betalen"),
    ("R040", _bank_missing(with_scheme=False), "Missing: bank (BIC) of the IBAN", "Ontbreekt: bank (BIC) bij de IBAN"),
    ("R041", each_has("cac:PaymentMeans", "cbc:PaymentMeansCode"), "Missing: code of how to pay",
     "Ontbreekt: code van de betaalwijze"),
    ("R042", _bank_missing(with_scheme=True), "The bank of the IBAN is not given as BIC",
     "De bank bij de IBAN staat er niet als BIC"),
    ("R051", line_sum, "The sum of lines is not the sum of the line amounts",
     "Het totaal van de regels is niet de som van de regelbedragen"),
    ("R052", _total_without_vat, "The total without VAT is not lines - discounts + surcharges",
     "Het totaal zonder btw is niet regels - kortingen + toeslagen"),
    ("R053", _total_with_vat_1_2, "The total with VAT is not the total without VAT + VAT + rounding",
     "Het totaal met btw is niet het totaal zonder btw + btw + afronding"),
    ("R054", sums_to("cbc:AllowanceTotalAmount", "false"), "The total of discounts is not their sum",
     "Het totaal van de kortingen is niet hun som"),
    ("R055", sums_to("cbc:ChargeTotalAmount", "true"), "The total of surcharges is not their sum",
     "Het totaal van de toeslagen is niet hun som"),
    ("R056", _payable_1_2, "The amount due is not the total with VAT - prepaid",
     "Het te betalen bedrag is niet het totaal met btw - vooruitbetaald"),
)  # fmt: skip

_VAT_ALL = ("Reverse charge: the taxable amount is not the total without VAT",
            "Btw verlegd: de grondslag is niet het totaal zonder btw")  # fmt: skip
_NO_VAT = ("Reverse charge: the VAT is not 0", "Btw verlegd: de btw is niet 0")
_ITEM_SCHEME = ("A standard item number does not say of which kind it is",
                "Van een standaard artikelnummer ontbreekt de soort")  # fmt: skip
_ITEM_LIST = ("An item's classification does not say of which list it is",
              "Van een artikelclassificatie ontbreekt de lijst")  # fmt: skip


@needs("cac:Item/cac:StandardItemIdentification")
def _item_without_scheme(document: Document) -> Places:
    for item in document.named("cac:Item"):
        numbers = find_all(item, "cac:StandardItemIdentification/cbc:ID")
        if item.findall("cac:StandardItemIdentification") and all(one.get("schemeID") is None for one in numbers):
            yield item, "cac:StandardItemIdentification/cbc:ID/@schemeID"


@needs("cac:Item/cac:CommodityClassification")
def _classification_without_list(document: Document) -> Places:
    for one in document.under("cac:Item", "cac:CommodityClassification"):
        if all(code.get("listID") is None for code in one.findall("cbc:ItemClassificationCode")):
            yield one, "cbc:ItemClassificationCode/@listID"


def _instead(rows: tuple[Row, ...], **other: Broken) -> tuple[Row, ...]:
    """Give rows of which some have another function."""
    return tuple((row[0], other.get(row[0], row[1]), row[2], row[3]) for row in rows)


def _bii_1_1() -> Family:
    header = _instead(_HEADER, R025=_own_without("cbc:AllowanceChargeReason", "cbc:AllowanceChargeReasonCode"))
    parts = _instead(_PARTS, R053=_total_with_vat_1_1, R056=_payable_1_1)
    return table(
        *((row[0], of_invoice(row[1]), row[2], row[3]) for row in header),
        *parts,
        ("R032", _item_without_scheme, *_ITEM_SCHEME),
        ("R033", _classification_without_list, *_ITEM_LIST),
        ("R049", _stray_taxable_differs, *_VAT_ALL),
        ("R050", _reverse_charge_taxed, *_NO_VAT),
        prefix="BII2-T10-",
    )


def _bii_1_2() -> Family:
    return table(
        *((row[0], of_invoice(row[1]), row[2], row[3]) for row in _HEADER),
        *_PARTS,
        ("R032", _item_without_scheme, *_ITEM_SCHEME),
        ("R033", _attribute("listID", None, "cac:CommodityClassification", "cbc:ItemClassificationCode"), *_ITEM_LIST),
        ("R049", _reverse_charge_taxable_differs, *_VAT_ALL),
        ("R050", _reverse_charge_rows_taxed, *_NO_VAT),
        prefix="BII2-T10-",
    )


def _eugen(*, is_1_2: bool) -> Family:
    rows = _own_rows if is_1_2 else _vat_rows
    other = (lambda document: bool(document.all("cbc:TaxCurrencyCode"))) if is_1_2 else _in_other_currency
    found: list[Row] = [
        ("R008", category_incomplete, "A VAT category has no code or no rate",
         "Van een btw-categorie ontbreekt de code of het tarief"),
        ("R012", _own_percentage_negative, "The percentage of a discount or surcharge is negative",
         "Het percentage van een korting of toeslag is negatief"),
        ("R023", _attribute("schemeID", None, "cbc:EndpointID"),
         "An electronic address does not say of which kind it is",
         "Van een elektronisch adres ontbreekt de soort"),
        ("R024", _attribute("schemeID", None, "cac:PartyIdentification", "cbc:ID"),
         "A party's number does not say of which kind it is", "Van een nummer van een partij ontbreekt de soort"),
        ("R025", _attribute("listID", "UNCL1001", "cbc:InvoiceTypeCode"),
         "The type code does not name its list, UNCL1001", "De soort factuur noemt haar lijst niet, UNCL1001"),
        ("R027", _attribute("listID", "ISO3166-1:Alpha2", "cac:Country", "cbc:IdentificationCode"),
         "A country does not name its list, ISO3166-1:Alpha2", "Een land noemt zijn lijst niet, ISO3166-1:Alpha2"),
        ("R028", _attribute("listID", "UNCL4461", "cbc:PaymentMeansCode"),
         "The code of how to pay does not name its list, UNCL4461",
         "De code van de betaalwijze noemt haar lijst niet, UNCL4461"),
        ("R029", _attribute("listID", "UNCL4465", "cbc:AllowanceChargeReasonCode"),
         "A reason code does not name its list, UNCL4465", "Een redencode noemt haar lijst niet, UNCL4465"),
        ("R031", _attribute("schemeID", None, "cac:PayeeFinancialAccount", "cbc:ID"),
         "An account does not say of which kind it is", "Van een rekening ontbreekt de soort"),
        ("R032", _attribute("schemeID", "UNCL5305", "cac:TaxCategory", "cbc:ID"),
         "A VAT category does not name its list, UNCL5305", "Een btw-categorie noemt haar lijst niet, UNCL5305"),
        ("R033", _attribute("listID", "UNCL1001", "cbc:DocumentTypeCode"),
         "A document type does not name its list, UNCL1001", "Een documentsoort noemt haar lijst niet, UNCL1001"),
        ("R034", _attribute("schemeID", None, "cac:DeliveryLocation", "cbc:ID"),
         "A delivery location's number does not say of which kind it is",
         "Van een nummer van een afleverplaats ontbreekt de soort"),
        ("R042", _row_tax_wrong(rows), "The VAT of a breakdown row is not its taxable amount x rate",
         "De btw van een specificatieregel is niet grondslag x tarief"),
        ("R043", of_invoice(_tax_total_wrong(rounded=not is_1_2)), "The VAT total is not the sum of the VAT breakdown",
         "Het btw-totaal is niet de som van de btw-specificatie"),
        ("R044", of_invoice(_any_exchange_rate_missing if is_1_2 else _exchange_rate_missing),
         "Missing: exchange rate of the currency of the VAT return",
         "Ontbreekt: wisselkoers van de valuta van de btw-aangifte"),
        ("R045", each_has("cac:TaxExchangeRate", "cbc:CalculationRate"), "The exchange rate is incomplete",
         "De wisselkoers is onvolledig"),
        ("R045", each_has("cac:TaxExchangeRate", "cbc:MathematicOperatorCode"), "The exchange rate is incomplete",
         "De wisselkoers is onvolledig"),
        ("R046", _row_currencies_missing(rows, other), "Missing: VAT in the currency of the VAT return",
         "Ontbreekt: btw in de valuta van de btw-aangifte"),
    ]  # fmt: skip
    if is_1_2:
        more, meer = "An amount has more than two decimals", "Een bedrag heeft meer dan twee decimalen"
        found += [
            ("R048", _total_decimals, more, meer),
            ("R049", _decimals("cac:TaxTotal/cbc:TaxAmount"), more, meer),
            ("R050", _decimals("cac:TaxTotal/cac:TaxSubtotal/cbc:TaxableAmount"), more, meer),
            ("R051", _decimals("cac:TaxTotal/cac:TaxSubtotal/cbc:TaxAmount"), more, meer),
            ("R052", _decimals("cac:AllowanceCharge/cbc:Amount"), more, meer),
            ("R053", of_invoice(root_has("cbc:InvoiceTypeCode")), "Missing: type code", "Ontbreekt: soort factuur"),
            ("R055", _each_line("cac:Item/cbc:Name"), "Missing: name of the item", "Ontbreekt: naam van het artikel"),
        ]
    return table(*found, prefix="EUGEN-T10-")


def _own(version: str) -> Family:
    """SI's own rules, of files that claim the version; `SI-V12-INV` and its like."""
    is_1_2 = version == "1.2"
    list_of_origin = "ISO3166-1:Alpha2" if is_1_2 else "3166-1:Alpha2"  # as published
    rows: list[Row] = [
        ("R001", of_invoice(_version), "The UBL version is not 2.1", "De UBL-versie is niet 2.1"),
        ("R002", of_invoice(root_has("cbc:InvoiceTypeCode")), "Missing: type code", "Ontbreekt: soort factuur"),
        ("R453", of_invoice(_correction_of_nothing), "A corrected invoice does not name the invoice it corrects",
         "Een gecorrigeerde factuur noemt de factuur niet die zij corrigeert"),
        ("R003", _attribute("schemeID", None, "cbc:CompanyID"),
         "A registration number does not say of which kind it is",
         "Van een registratienummer ontbreekt de soort"),
        ("R004", _texts("cac:ExternalReference", "cbc:URI"), "An attachment elsewhere has no address",
         "Van een bijlage elders ontbreekt het adres"),
        ("R005", _country_without_code, "A country has no code", "Een land heeft geen code"),
        ("R006", lambda document: [
            (one, "cbc:ID/@schemeID") for one in document.named("cac:TaxScheme")
            if not any(number.get("schemeID") == "UN/ECE 5153" for number in one.findall("cbc:ID"))
         ], "A tax does not name its list, UN/ECE 5153", "Een belasting noemt haar lijst niet, UN/ECE 5153"),
        ("R007", each_has("cac:PartyLegalEntity", "cbc:CompanyID"), "A legal entity has no registration number",
         "Een rechtspersoon heeft geen registratienummer"),
        ("R008", _texts("cac:DeliveryTerms", "cbc:SpecialTerms"), "Delivery terms have no text",
         "Leveringsvoorwaarden hebben geen tekst"),
        ("R009", _texts("cbc:PrimaryAccountNumberID"), "A payment card has no number",
         "Een betaalkaart heeft geen nummer"),
        ("R010", _texts("cbc:NetworkID"), "A payment card has no network", "Een betaalkaart heeft geen netwerk"),
        ("R011", each_has("cac:PayeeFinancialAccount", "cbc:ID"), "Missing: account number to pay to",
         "Ontbreekt: rekeningnummer om op te betalen"),
        ("R012", lambda document: [
            one for one in document.under("cac:PayeeFinancialAccount", "cbc:ID") if not text_of(one)
         ], "An account number is empty", "Een rekeningnummer is leeg"),
        ("R013", each_has("cac:FinancialInstitution", "cbc:ID"), "A bank has no number", "Een bank heeft geen nummer"),
        ("R014", lambda document: [
            one for one in document.under("cac:FinancialInstitution", "cbc:ID") if not text_of(one)
         ], "The number of a bank is empty", "Het nummer van een bank is leeg"),
        ("R015", each_has("cac:TaxCategory", "cbc:ID"), "A VAT category has no code",
         "Een btw-categorie heeft geen code"),
        ("R016", _standard_category_without_rate, "Standard rate: missing rate", "Gewoon tarief: tarief ontbreekt"),
        ("R017", _operator_unknown, "An exchange rate neither multiplies nor divides",
         "Een wisselkoers vermenigvuldigt niet en deelt niet"),
        ("R018", of_invoice(_own_total_missing("cbc:AllowanceTotalAmount", "false")), "Missing: total of discounts",
         "Ontbreekt: totaal van de kortingen"),
        ("R019", of_invoice(_own_total_missing("cbc:ChargeTotalAmount", "true")), "Missing: total of surcharges",
         "Ontbreekt: totaal van de toeslagen"),
        ("R020", each_has("cac:Item", "cbc:Name"), "Missing: name of the item", "Ontbreekt: naam van het artikel"),
        ("R021", _attribute("listID", list_of_origin, "cac:OriginCountry", "cbc:IdentificationCode"),
         f"A country of origin does not name its list, {list_of_origin}",
         f"Een land van herkomst noemt zijn lijst niet, {list_of_origin}"),
        ("R022", each_has("cac:AdditionalItemProperty", "cbc:Value"), "An item's property lacks its value",
         "Van een artikeleigenschap ontbreekt de waarde"),
        ("R022", each_has("cac:AdditionalItemProperty", "cbc:Name"), "An item's property lacks its name",
         "Van een artikeleigenschap ontbreekt de naam"),
        ("R023", _each_line("cac:Price"), "Missing: price of the item", "Ontbreekt: prijs van het artikel"),
        ("R024", of_invoice(lambda document: [
            (one, "cac:PartyName/cbc:Name") for one in document.all("cac:PayeeParty")
            if not find_all(one, "cac:PartyName/cbc:Name")
         ]), "Missing: name of the payee", "Ontbreekt: naam van de begunstigde"),
        ("R025", of_invoice(_vat_return_currency), "VAT is not in the currency of the VAT return",
         "Btw staat niet in de valuta van de btw-aangifte"),
        ("R026", _other_currency_1_2 if is_1_2 else _other_currency_1_1, "An amount is not in the invoice's currency",
         "Een bedrag is niet in de valuta van de factuur"),
        ("R027", of_invoice(_line_without_vat), "A line's tax is not VAT", "De belasting van een regel is geen btw"),
        ("R028", negative_percentage, "The percentage of a discount or surcharge is negative",
         "Het percentage van een korting of toeslag is negatief"),
        ("R029", _base_without_percentage, "A discount or surcharge has a percentage or a base, not both",
         "Een korting of toeslag heeft een percentage of een grondslag, niet beide"),
    ]  # fmt: skip
    if is_1_2:
        rows += [
            ("R030", lambda document: [
                (one, "cbc:ID") for one in document.under("cac:Item", "cac:ClassifiedTaxCategory")
                if not one.findall("cbc:ID")
             ], "The VAT category of a line has no code", "De btw-categorie van een regel heeft geen code"),
            ("R031", each_has("cac:TaxRepresentativeParty", "cac:PartyTaxScheme"),
             "Missing: VAT number of the tax representative", "Ontbreekt: btw-nummer van de fiscaal vertegenwoordiger"),
        ]  # fmt: skip
    prefix = f"SI-V{version.replace('.', '')}-INV-"
    return table(
        *((number, _if_claimed(version, broken_at), english, dutch) for number, broken_at, english, dutch in rows),
        ("R200", _claims_other(version), f"The CustomizationID is not that of SI-UBL {version}",
         f"De CustomizationID is niet die van SI-UBL {version}"),
        prefix=prefix,
    )  # fmt: skip


def _if_claimed(version: str, broken_at: Broken) -> Broken:
    """The rule holds for files that claim the version."""
    return only_if(_CLAIMS[version], broken_at)


def _claimed(version: str, family: Family) -> Family:
    return tuple(rule.only_if(_CLAIMS[version]) for rule in family)


def _own_codes(version: str) -> Family:
    origins = codes.SI_1_2_ORIGINS if version == "1.2" else codes.SI_COUNTRIES
    return table(
        *((number, _if_claimed(version, broken_at), english, dutch) for number, broken_at, english, dutch in (
            ("R002", codes_of(codes.TAXES, "cac:TaxScheme", "cbc:ID"), "A tax does not exist (UN/ECE 5153; VAT)",
             "Een belasting bestaat niet (UN/ECE 5153; btw is VAT)"),
            ("R003", codes_of(origins, "cac:OriginCountry", "cbc:IdentificationCode"),
             "An item's country of origin does not exist", "Het land van herkomst van een artikel bestaat niet"),
            ("R004", schemes_of({"GTIN"}, "schemeID", "cac:StandardItemIdentification", "cbc:ID"),
             "A standard item number is no GTIN", "Een standaard artikelnummer is geen GTIN"),
        )),
        prefix=f"SI-V{version.replace('.', '')}-CODE-",
    )  # fmt: skip


_MEANS: Row = ("R006", codes_of(codes.SI_PAYMENT_MEANS, "cac:PaymentMeans", "cbc:PaymentMeansCode"),
               "The code of how to pay does not exist (UNCL 4461)",
               "De code van de betaalwijze bestaat niet (UNCL 4461)")  # fmt: skip
_CATEGORIES: Row = ("R007", codes_of(codes.SI_VAT_CATEGORIES, "cac:TaxCategory", "cbc:ID"),
                    "A VAT category does not exist", "Een btw-categorie bestaat niet")  # fmt: skip
_CODES: tuple[Row, ...] = (
    ("R001", codes_of({"380", "393", "384"}, "cbc:InvoiceTypeCode"), "The type code is not 380, 384 or 393",
     "De soort factuur is niet 380, 384 of 393"),
    ("R002", codes_of(codes.SI_CURRENCIES, "cbc:DocumentCurrencyCode"), "The invoice's currency does not exist",
     "De valuta van de factuur bestaat niet"),
    ("R003", _any_attribute("currencyID", lambda code: strip(code) in codes.SI_CURRENCIES),
     "An amount's currency does not exist", "De valuta van een bedrag bestaat niet"),
    ("R008", _any_attribute("mimeCode", lambda media_type: media_type in codes.SI_MEDIA_TYPES),
     "The kind of an attachment does not exist", "De bestandssoort van een bijlage bestaat niet"),
)  # fmt: skip


def _countries(known: Collection[str]) -> Row:
    return ("R004", codes_of(known, "cac:Country", "cbc:IdentificationCode"), "A country does not exist",
            "Een land bestaat niet")  # fmt: skip


_PARTY = ("The kind of a party's number does not exist (NL:KVK, NL:OIN, NL:VAT, GLN …)",
          "De soort van een nummer van een partij bestaat niet (NL:KVK, NL:OIN, NL:VAT, GLN …)")  # fmt: skip


def _schemes(known: Collection[str]) -> tuple[Row, ...]:
    return (
        ("R002", schemes_of(known, "schemeID", "cbc:EndpointID"), *_PARTY),
        ("R003", schemes_of(known, "schemeID", "cac:PartyIdentification", "cbc:ID"), *_PARTY),
        ("R008", schemes_of(known, "schemeID", "cbc:CompanyID"), *_PARTY),
    )


_PEPPOL_CODES: tuple[Row, ...] = (
    ("R001", codes_of(codes.SI_DOCUMENT_TYPES, "cac:ContractDocumentReference", "cbc:DocumentTypeCode"),
     "The kind of a contract does not exist (UNCL 1001)", "De soort van een contract bestaat niet (UNCL 1001)"),
    ("R004", schemes_of({"IBAN", "LOCAL"}, "schemeID", "cac:PayeeFinancialAccount", "cbc:ID"),
     "The kind of an account is not IBAN or LOCAL", "De soort van een rekening is niet IBAN of LOCAL"),
    ("R006", _any_attribute("unitCode", lambda unit: strip(unit) in codes.SI_UNITS),
     "The unit of a quantity does not exist (UN/ECE 20)", "De eenheid van een aantal bestaat niet (UN/ECE 20)"),
    ("R009", codes_of(codes.SI_CURRENCIES, "cbc:TaxCurrencyCode"), "The currency of the VAT return does not exist",
     "De valuta van de btw-aangifte bestaat niet"),
    ("R010", codes_of(codes.SI_CURRENCIES, "cbc:SourceCurrencyCode"), "A currency of the exchange rate does not exist",
     "Een valuta van de wisselkoers bestaat niet"),
    ("R011", codes_of(codes.SI_CURRENCIES, "cbc:TargetCurrencyCode"), "A currency of the exchange rate does not exist",
     "Een valuta van de wisselkoers bestaat niet"),
)  # fmt: skip
_NO_INVOICE: Family = table(
    ("SI-INV-R000", no_invoice, "This format knows no credit notes", "Dit formaat kent geen creditnota's"),
    NO_CLAIM,
)  # fmt: skip

TOTALS_ONCE = codes.listed("""
    cbc:LineExtensionAmount cbc:TaxExclusiveAmount cbc:TaxInclusiveAmount cbc:AllowanceTotalAmount
    cbc:ChargeTotalAmount cbc:PrepaidAmount cbc:PayableRoundingAmount cbc:PayableAmount
    """)
DATES_ONCE = codes.listed("cbc:StartDate cbc:EndDate")
_ONCE = {
    "Invoice": codes.listed("cbc:DocumentCurrencyCode cbc:TaxCurrencyCode cac:LegalMonetaryTotal"),
    TOTALS: TOTALS_ONCE,
    "cac:InvoicePeriod": DATES_ONCE,
    "cac:PaymentMeans": codes.listed("cbc:PaymentMeansCode"),
    "cac:AllowanceCharge": codes.listed("cbc:MultiplierFactorNumeric"),
    "cac:ExternalReference": codes.listed("cbc:URI"),
    "cac:DeliveryTerms": codes.listed("cbc:SpecialTerms"),
}
"""What the rules read as one value, wherever it is."""
_OWN_ONCE = (
    ("cac:TaxTotal", "cbc:TaxAmount"),
    ("cac:TaxTotal/cac:TaxSubtotal", "cbc:TaxableAmount"),
    ("cac:TaxTotal/cac:TaxSubtotal", "cbc:TaxAmount"),
    ("cac:TaxTotal/cac:TaxSubtotal", "cac:TaxCategory/cbc:Percent"),
)
"""And what they read so of the document's own: below each element on the first path, one on the second."""


def own_twice(*paths: tuple[str, str]) -> Broken:
    """Below each element on the first path of a pair, there is more than one on the second."""
    pairs = [(parent, path, {*parent.split("/")[-1:], *path.split("/")[:-1]}) for parent, path in paths]
    return lambda document: [
        extra
        for parent, path, between in pairs
        if not between.isdisjoint(document.repeating_names)
        for one in document.all(parent)
        for extra in find_all(one, path)[1:]
    ]


def _seller_twice(*paths: str) -> Broken:
    """EUGEN-T10-R041, a warning, compares the seller's VAT number with his country, and stops at a second one."""

    def broken_at(document: Document) -> Places:
        if has_vat(document):
            for seller in document.named("cac:AccountingSupplierParty"):
                for path in paths:
                    yield from find_all(seller, path)[1:]

    return broken_at


_REGISTRATION = "cac:Party/cac:PartyTaxScheme/cbc:CompanyID"
_COUNTRY = "cac:Party/cac:PostalAddress/cac:Country/cbc:IdentificationCode"

SI_UBL_1_1: Family = (
    *_NO_INVOICE,
    *_claimed(
        "1.1",
        (
            *_bii_1_1(),
            *_eugen(is_1_2=False),
            *table(*_CODES, _countries(codes.SI_COUNTRIES), prefix="CL-T10-"),
            *table(_MEANS, _CATEGORIES, prefix="CL-T10-", severity=Severity.WARNING),
            *table(*_PEPPOL_CODES, *_schemes(codes.SI_1_1_PARTY_SCHEMES), prefix="OP-T10-"),
            *table(
                ("CON-REPEATED", repeated(_ONCE), *REPEATED),
                ("CON-REPEATED", own_twice(_OWN_ONCE[0]), *REPEATED),
                *(("CON-REPEATED", each_once("cac:TaxSubtotal", path), *REPEATED) for _, path in _OWN_ONCE[1:]),
                ("CON-REPEATED", _seller_twice(_REGISTRATION, _COUNTRY), *REPEATED),
            ),
        ),
    ),
    *_own("1.1"),
    *_own_codes("1.1"),
)
SI_UBL_1_2: Family = (
    *_NO_INVOICE,
    *_bii_1_2(),
    *_eugen(is_1_2=True),
    *_own("1.2"),
    *_own_codes("1.2"),
    *table(*_CODES, _countries(codes.SI_1_2_COUNTRIES), _MEANS, _CATEGORIES, prefix="CL-T10-"),
    *table(*_PEPPOL_CODES, *_schemes(codes.SI_PARTY_SCHEMES), prefix="OP-T10-"),
    *table(
        ("CON-REPEATED", repeated(_ONCE), *REPEATED),
        ("CON-REPEATED", own_twice(*_OWN_ONCE, ("cac:AllowanceCharge", "cbc:Amount")), *REPEATED),
        ("CON-REPEATED", each_once("cac:InvoiceLine", "cbc:LineExtensionAmount"), *REPEATED),
        ("CON-REPEATED", _seller_twice(_COUNTRY), *REPEATED),
    ),
)
