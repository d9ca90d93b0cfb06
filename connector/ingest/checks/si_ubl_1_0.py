"""SI-UBL 1.0, in UBL 2.0: BIIRULE-T10 and SI-UBL-INV, the fatal ones, for invoices; its credit notes have no rules.

Not here, because as published nothing can break it: BIIRULE-T10-R044. The sums that are compared unrounded are made in
floating point, as published: 0.10 + 0.20 is not 0.30 there, so that the set refuses some invoices that are right.

Source: SI-UBL 1.0; e-invoicing.md section 10.
"""

from decimal import Decimal
from xml.etree.ElementTree import Element

from connector.ingest.checks import codes
from connector.ingest.checks.document import BUYER, SELLER, TOTALS, Document, Places, number_of, round_2, total
from connector.ingest.checks.rule import Broken, Family, each_has, each_once, needs, only_if, root_has, table
from connector.ingest.checks.si_ubl import (
    DATES_ONCE,
    NO_CLAIM,
    TOTALS_ONCE,
    category_incomplete,
    has_vat,
    line_sum,
    negative_percentage,
    own_twice,
    period_backwards,
    schemes_of,
    sums_to,
    tax_sum,
    taxable_sum_differs,
    vat_totals,
)
from connector.ingest.checks.syntax import REPEATED, repeated
from connector.ingest.tree import find_all

_CLAIM = (
    "urn:www.cenbii.eu:transaction:biicoretrdm010:ver1.0:#urn:www.peppol.eu:bis:peppol4a:ver1.0#"
    "urn:www.simplerinvoicing.org:si-ubl:invoice:ver1.0.x"
)
_OF_CREDIT_NOTES = "urn:www.simplerinvoicing.org:si-ubl:credit-note:ver1.0"


def _claims_other(document: Document) -> Places:
    for one in document.named("cbc:CustomizationID"):
        claim = " ".join((one.text or "").split())
        if _CLAIM.rpartition("#")[2] not in claim and _OF_CREDIT_NOTES not in claim:
            yield one


def _claims(document: Document) -> bool:
    """Tell whether it is an invoice that claims the version in full, or several things."""
    claims = document.named("cbc:CustomizationID")
    return not document.is_credit_note and (len(claims) > 1 or any(_CLAIM in (one.text or "") for one in claims))


def _if_claimed(broken_at: Broken) -> Broken:
    """The rule holds for invoices that claim the version."""
    return only_if(_claims, broken_at)


def _without_vat_total(document: Document) -> bool:
    """There is VAT, and no amount of it."""
    return has_vat(document) and not any(one.findall("cbc:TaxAmount") for one in vat_totals(document))


def _seller_without_vat_number(document: Document) -> Places:
    has_number = document.has(f"{SELLER}/cac:PartyTaxScheme/cbc:CompanyID")
    if has_vat(document) and (_without_vat_total(document) or not has_number):
        yield document.root, f"{SELLER}/cac:PartyTaxScheme/cbc:CompanyID"


def _category_codes(document: Document) -> list[str]:
    return [one.text or "" for one in document.under("cac:TaxCategory", "cbc:ID")]


def _reverse_charge(broken_at: Broken) -> Broken:
    return needs("VAT AE")(lambda document: broken_at(document) if "AE" in _category_codes(document) else ())


def _reverse_charge_taxable_differs(document: Document) -> Places:
    """Compared as they are written: 50.0 is not 50.00."""
    without = {one.text for one in document.named("cbc:TaxExclusiveAmount")}
    rows = [
        row
        for row in document.under("cac:TaxTotal", "cac:TaxSubtotal")
        if any(code.text == "AE" for code in find_all(row, "cac:TaxCategory/cbc:ID"))
    ]
    if not any(amount.text in without for row in rows for amount in row.findall("cbc:TaxableAmount")):
        yield document.total_place("cbc:TaxExclusiveAmount")


def _reverse_charge_taxed(document: Document) -> Places:
    if not any(number_of(one) == 0 for one in document.under("cac:TaxTotal", "cbc:TaxAmount")):
        yield document.root, "cac:TaxTotal/cbc:TaxAmount"


def _other_currency(document: Document) -> Places:
    currencies = [one.text or "" for one in document.named("cbc:DocumentCurrencyCode")]
    for code, written in document.attributed("currencyID").items():
        if any(code != currency for currency in currencies):
            yield from ((one, "@currencyID") for one in written)


def _own_without_vat_category(document: Document) -> Places:
    if has_vat(document):
        for one in document.all("cac:AllowanceCharge"):
            schemes = find_all(one, "cac:TaxCategory/cac:TaxScheme/cbc:ID")
            if _without_vat_total(document) or not any(scheme.text == "VAT" for scheme in schemes):
                yield one, "cac:TaxCategory"


def _lines_without_vat_category(document: Document) -> Places:
    if has_vat(document):
        for one in document.under("cac:Item", "cac:ClassifiedTaxCategory"):
            if _without_vat_total(document) or not one.findall("cbc:ID"):
                yield one, "cbc:ID"


def _negative(elements: list[Element], name: str) -> Places:
    for one in elements:
        amount = number_of(one, name)
        if amount is None or amount < 0:
            yield one, name


def _several_taxes(document: Document) -> Places:
    for one in document.all("cac:TaxTotal"):
        schemes = [each.text for each in find_all(one, "cac:TaxSubtotal/cac:TaxCategory/cac:TaxScheme/cbc:ID")]
        if "VAT" in schemes and set(schemes) != {"VAT"}:
            yield one


def _tax_total_wrong(document: Document) -> Places:
    for one in document.all("cac:TaxTotal"):
        parts = find_all(one, "cac:TaxSubtotal/cbc:TaxAmount")
        if number_of(one, "cbc:TaxAmount") != round_2(total(number_of(part) for part in parts)):
            yield one, "cbc:TaxAmount"


def _float(document: Document, name: str) -> float | None:
    amount = document.total(name)
    return None if amount is None else float(amount)


def _total_without_vat(document: Document) -> Places:
    lines, stated = _float(document, "cbc:LineExtensionAmount"), _float(document, "cbc:TaxExclusiveAmount")
    less, more = _float(document, "cbc:AllowanceTotalAmount"), _float(document, "cbc:ChargeTotalAmount")
    if document.totals is not None and (
        stated is None or lines is None or stated != lines + (more or 0.0) - (less or 0.0)
    ):
        yield document.total_place("cbc:TaxExclusiveAmount")


def _total_with_vat(document: Document) -> Places:
    """With the rounding or without it."""
    stated, without = _float(document, "cbc:TaxInclusiveAmount"), _float(document, "cbc:TaxExclusiveAmount")
    rounding, tax = _float(document, "cbc:PayableRoundingAmount") or 0.0, float(round_2(tax_sum(document)))
    if document.totals is None:
        return
    if stated is None or without is None or stated not in (without + tax, without + tax + rounding):
        yield document.total_place("cbc:TaxInclusiveAmount")


def _payable(document: Document) -> Places:
    """The total with VAT as it is written, or less what is prepaid."""
    if document.totals is None:
        return
    payable, stated = _float(document, "cbc:PayableAmount"), _float(document, "cbc:TaxInclusiveAmount")
    prepaid = _float(document, "cbc:PrepaidAmount")
    texts = [
        {one.text for one in document.totals.findall(name)} for name in ("cbc:PayableAmount", "cbc:TaxInclusiveAmount")
    ]
    is_less = prepaid is not None and payable is not None and stated is not None and payable == stated - prepaid
    if not is_less and not texts[0] & texts[1]:
        yield document.total_place("cbc:PayableAmount")


def _line_amount_wrong(document: Document) -> Places:
    for line in document.named("cac:InvoiceLine"):
        if not line.findall("cbc:InvoicedQuantity") or not find_all(line, "cac:Price/cbc:PriceAmount"):
            continue
        quantity, price = number_of(line, "cbc:InvoicedQuantity"), number_of(line, "cac:Price/cbc:PriceAmount")
        base = (
            number_of(line, "cac:Price/cbc:BaseQuantity")
            if find_all(line, "cac:Price/cbc:BaseQuantity")
            else Decimal(1)
        )
        if quantity is None or price is None or not base:
            yield line, "cbc:LineExtensionAmount"
            continue
        whole = float(round_2(price / base * quantity))
        computed = whole + float(_sum_of(line, "true")) - float(_sum_of(line, "false"))
        stated = number_of(line, "cbc:LineExtensionAmount")
        if stated is None or float(stated) != computed:
            yield line, "cbc:LineExtensionAmount"


def _sum_of(line: Element, indicator: str) -> Decimal:
    chosen = [
        one
        for one in line.findall("cac:AllowanceCharge")
        if any(each.text == indicator for each in one.findall("cbc:ChargeIndicator"))
    ]
    return round_2(total(number_of(amount) for one in chosen for amount in one.findall("cbc:Amount")))


def _rows_without(name: str) -> Broken:
    def broken_at(document: Document) -> Places:
        for row in document.all("cac:TaxTotal/cac:TaxSubtotal"):
            schemes = [one.text for one in find_all(row, "cac:TaxCategory/cac:TaxScheme/cbc:ID")]
            if not ("VAT" in schemes and row.findall(name)) and not any(scheme != "VAT" for scheme in schemes):
                yield row, name

    return broken_at


def _reference_without_number(name: str) -> Broken:
    def broken_at(document: Document) -> Places:
        if document.has(name) and not document.has(f"{name}/cbc:ID"):
            yield document.root, f"{name}/cbc:ID"

    return broken_at


_ONCE = {
    "Invoice": codes.listed("cbc:IssueDate cac:LegalMonetaryTotal"),
    TOTALS: TOTALS_ONCE,
    "cac:InvoicePeriod": DATES_ONCE,
    "cac:PaymentMeans": codes.listed("cbc:PaymentDueDate"),
    "cac:AllowanceCharge": codes.listed("cbc:MultiplierFactorNumeric cbc:Amount"),
    "cac:InvoiceLine": codes.listed("cbc:InvoicedQuantity cbc:LineExtensionAmount"),
    "cac:Item": codes.listed("cbc:Name"),
}
"""What the rules read as one value."""


def _vat_prefix_unclear(document: Document) -> Places:
    """BIIRULE-T10-R003 and -R005, warnings, compare VAT number and country across a border, and stop at a second."""
    country = "cac:PostalAddress/cac:Country/cbc:IdentificationCode"
    sides = {side: [one.text for one in document.all(f"{side}/{country}")] for side in (SELLER, BUYER)}
    if all(sides.values()) and not set(sides[SELLER]) & set(sides[BUYER]):
        for side in sides:
            numbers = document.all(f"{side}/cac:PartyTaxScheme/cbc:CompanyID")
            schemes = document.all(f"{side}/cac:PartyTaxScheme/cac:TaxScheme/cbc:ID")
            if numbers and any(one.text == "VAT" for one in schemes):
                yield from (*numbers[1:], *document.all(f"{side}/{country}")[1:])


_SCHEMES = codes.SI_1_0_PARTY_SCHEMES
_PARTY = ("The kind of a party's number does not exist (NL:KVK, NL:OIN, NL:VAT, GLN …)",
          "De soort van een nummer van een partij bestaat niet (NL:KVK, NL:OIN, NL:VAT, GLN …)")  # fmt: skip

_ROWS = (
    ("BIIRULE-T10-R001", period_backwards, "The invoicing period lacks start or end, or ends before it starts",
     "Van de factuurperiode ontbreekt begin of eind, of zij eindigt voor zij begint"),
    ("BIIRULE-T10-R009", _several_taxes, "A tax total is of more than one tax",
     "Een belastingtotaal is van meer dan één belasting"),
    ("BIIRULE-T10-R010", _tax_total_wrong, "The VAT total is not the sum of the VAT breakdown",
     "Het btw-totaal is niet de som van de btw-specificatie"),
    ("BIIRULE-T10-R011", line_sum, "The sum of lines is not the sum of the line amounts",
     "Het totaal van de regels is niet de som van de regelbedragen"),
    ("BIIRULE-T10-R012", _total_without_vat, "The total without VAT is not lines - discounts + surcharges",
     "Het totaal zonder btw is niet regels - kortingen + toeslagen"),
    ("BIIRULE-T10-R013", _total_with_vat, "The total with VAT is not the total without VAT + VAT + rounding",
     "Het totaal met btw is niet het totaal zonder btw + btw + afronding"),
    ("BIIRULE-T10-R014", lambda document: _negative(document.named(TOTALS), "cbc:TaxInclusiveAmount"),
     "The total with VAT is negative", "Het totaal met btw is negatief"),
    ("BIIRULE-T10-R015", sums_to("cbc:AllowanceTotalAmount", "false"), "The total of discounts is not their sum",
     "Het totaal van de kortingen is niet hun som"),
    ("BIIRULE-T10-R016", sums_to("cbc:ChargeTotalAmount", "true"), "The total of surcharges is not their sum",
     "Het totaal van de toeslagen is niet hun som"),
    ("BIIRULE-T10-R017", _payable, "The amount due is not the total with VAT - prepaid",
     "Het te betalen bedrag is niet het totaal met btw - vooruitbetaald"),
    ("BIIRULE-T10-R018", _line_amount_wrong, "The amount of the line is not quantity x price + surcharges - discounts",
     "Het bedrag van de regel is niet aantal x prijs + toeslagen - kortingen"),
    ("BIIRULE-T10-R022", lambda document: [
        one for one in document.under("cac:InvoiceLine", "cac:Price/cbc:PriceAmount")
        if (price := number_of(one)) is None or price < 0
     ], "A price is negative", "Een prijs is negatief"),
    ("BIIRULE-T10-R023", root_has("cbc:IssueDate"), "Missing: issue date", "Ontbreekt: factuurdatum"),
    ("BIIRULE-T10-R024", root_has("cbc:ID"), "Missing: invoice number", "Ontbreekt: factuurnummer"),
    ("BIIRULE-T10-R025", each_has("cac:InvoiceLine", "cac:Item/cbc:Name"), "Missing: name of the item",
     "Ontbreekt: naam van het artikel"),
    ("BIIRULE-T10-R026", root_has(f"{SELLER}/cac:PartyName/cbc:Name"), "Missing: seller's name",
     "Ontbreekt: naam van de verkoper"),
    ("BIIRULE-T10-R027", root_has(f"{BUYER}/cac:PartyName/cbc:Name"), "Missing: buyer's name",
     "Ontbreekt: naam van de koper"),
    ("BIIRULE-T10-R028", taxable_sum_differs, "The taxable amounts are not the total without VAT",
     "De grondslagen zijn samen niet het totaal zonder btw"),
    ("BIIRULE-T10-R029", root_has("cbc:UBLVersionID"), "Missing: UBL version", "Ontbreekt: UBL-versie"),
    ("BIIRULE-T10-R030", root_has("cbc:CustomizationID"), "Missing: which kind of invoice this is (CustomizationID)",
     "Ontbreekt: welk soort e-factuur dit is (CustomizationID)"),
    ("BIIRULE-T10-R031", root_has("cbc:ProfileID"), "Missing: the business process (ProfileID)",
     "Ontbreekt: het bedrijfsproces (ProfileID)"),
    ("BIIRULE-T10-R032", each_has("cac:InvoiceLine", "cbc:ID"), "Missing: number of the line",
     "Ontbreekt: nummer van de regel"),
    ("BIIRULE-T10-R033", root_has("cac:InvoiceLine"), "Missing: a line", "Ontbreekt: een regel"),
    ("BIIRULE-T10-R034", root_has("cbc:DocumentCurrencyCode"), "Missing: currency", "Ontbreekt: valuta"),
    ("BIIRULE-T10-R035", _reference_without_number("cac:OrderReference"), "Missing: order number",
     "Ontbreekt: ordernummer"),
    ("BIIRULE-T10-R036", _reference_without_number("cac:ContractDocumentReference"), "Missing: contract number",
     "Ontbreekt: contractnummer"),
    ("BIIRULE-T10-R037", each_has("cac:AdditionalDocumentReference", "cbc:ID"),
     "Missing: name or number of an attachment", "Ontbreekt: naam of nummer van een bijlage"),
    ("BIIRULE-T10-R038", root_has(f"{TOTALS}/cbc:PayableAmount"), "Missing: amount due",
     "Ontbreekt: te betalen bedrag"),
    ("BIIRULE-T10-R039", root_has(f"{TOTALS}/cbc:TaxInclusiveAmount"), "Missing: total with VAT",
     "Ontbreekt: totaal met btw"),
    ("BIIRULE-T10-R040", each_has("cac:Country", "cbc:IdentificationCode"), "A country has no code",
     "Een land heeft geen code"),
    ("BIIRULE-T10-R041", each_has("cac:PartyLegalEntity", "cbc:CompanyID"), "A legal entity has no registration number",
     "Een rechtspersoon heeft geen registratienummer"),
    ("BIIRULE-T10-R042", root_has(f"{TOTALS}/cbc:TaxExclusiveAmount"), "Missing: total without VAT",
     "Ontbreekt: totaal zonder btw"),
    ("BIIRULE-T10-R043", root_has(f"{TOTALS}/cbc:LineExtensionAmount"), "Missing: sum of lines",
     "Ontbreekt: totaal van de regels"),
    ("BIIRULE-T10-R046", _rows_without("cbc:TaxableAmount"), "Missing: taxable amount in the VAT breakdown",
     "Ontbreekt: grondslag in de btw-specificatie"),
    ("BIIRULE-T10-R047", _rows_without("cbc:TaxAmount"), "Missing: VAT amount in the VAT breakdown",
     "Ontbreekt: btw-bedrag in de btw-specificatie"),
    ("BIIRULE-T10-R048", each_has("cac:TaxCategory", "cbc:ID"), "A VAT category has no code",
     "Een btw-categorie heeft geen code"),
    ("BIIRULE-T10-R049", each_has("cac:TaxScheme", "cbc:ID"), "A tax has no code", "Een belasting heeft geen code"),
    ("BIIRULE-T10-R050", each_has("cac:InvoiceLine", "cbc:LineExtensionAmount"), "Missing: amount of the line",
     "Ontbreekt: bedrag van de regel"),
    ("SI-UBL-INV-R428", _own_without_vat_category, "Missing: VAT category of a discount or surcharge",
     "Ontbreekt: btw-categorie van een korting of toeslag"),
    ("SI-UBL-INV-R429", _seller_without_vat_number, "Missing: VAT number of the seller",
     "Ontbreekt: btw-nummer van de verkoper"),
    ("SI-UBL-INV-R430", category_incomplete, "A VAT category has no code or no rate",
     "Van een btw-categorie ontbreekt de code of het tarief"),
    ("SI-UBL-INV-R432", lambda document: [
        (one, "cac:PartyName/cbc:Name") for one in document.all("cac:PayeeParty")
        if not find_all(one, "cac:PartyName/cbc:Name")
     ], "Missing: name of the payee", "Ontbreekt: naam van de begunstigde"),
    ("SI-UBL-INV-R433", _lines_without_vat_category, "Missing: VAT category of the line",
     "Ontbreekt: btw-categorie van de regel"),
    ("SI-UBL-INV-R434", negative_percentage, "The percentage of a discount or surcharge is negative",
     "Het percentage van een korting of toeslag is negatief"),
    ("SI-UBL-INV-R436", _reverse_charge(root_has(f"{BUYER}/cac:PartyTaxScheme/cbc:CompanyID")),
     "Reverse charge: missing VAT number of the buyer", "Btw verlegd: btw-nummer van de koper ontbreekt"),
    ("SI-UBL-INV-R437", _reverse_charge(lambda document: [
        one for one in document.under("cac:TaxCategory", "cbc:ID") if one.text != "AE"
     ]), "Reverse charge: there is another VAT category", "Btw verlegd: er is nog een btw-categorie"),
    ("SI-UBL-INV-R438", _reverse_charge(_reverse_charge_taxable_differs),
     "Reverse charge: the taxable amount is not the total without VAT",
     "Btw verlegd: de grondslag is niet het totaal zonder btw"),
    ("SI-UBL-INV-R439", _reverse_charge(_reverse_charge_taxed), "Reverse charge: the VAT is not 0",
     "Btw verlegd: de btw is niet 0"),
    ("SI-UBL-INV-R440", lambda document: _negative(document.named(TOTALS), "cbc:PayableAmount"),
     "The amount due is missing or negative", "Het te betalen bedrag ontbreekt of is negatief"),
    ("SI-UBL-INV-R441", each_has("cac:InvoicePeriod", "cbc:StartDate"), "Missing: start of the invoicing period",
     "Ontbreekt: begin van de factuurperiode"),
    ("SI-UBL-INV-R442", each_has("cac:InvoicePeriod", "cbc:EndDate"), "Missing: end of the invoicing period",
     "Ontbreekt: eind van de factuurperiode"),
    ("SI-UBL-INV-R443", lambda document: _negative(document.named("cac:AllowanceCharge"), "cbc:Amount"),
     "The amount of a discount or surcharge is missing or negative",
     "Het bedrag van een korting of toeslag ontbreekt of is negatief"),
    ("SI-UBL-INV-R445", _other_currency, "An amount is not in the invoice's currency",
     "Een bedrag is niet in de valuta van de factuur"),
    ("SI-UBL-INV-R451", schemes_of(_SCHEMES, "schemeID", "cac:PartyIdentification", "cbc:ID"), *_PARTY),
    ("SI-UBL-INV-R452", schemes_of(_SCHEMES, "schemeID", "cbc:EndpointID"), *_PARTY),
    ("CON-REPEATED", repeated(_ONCE), *REPEATED),
    ("CON-REPEATED", own_twice(("cac:TaxTotal", "cbc:TaxAmount")), *REPEATED),
    ("CON-REPEATED", each_once("cac:InvoiceLine", "cac:Price/cbc:PriceAmount"), *REPEATED),
    ("CON-REPEATED", each_once("cac:InvoiceLine", "cac:Price/cbc:BaseQuantity"), *REPEATED),
    ("CON-REPEATED", _vat_prefix_unclear, *REPEATED),
)  # fmt: skip

SI_UBL_1_0: Family = (
    *table(*((rule, _if_claimed(broken_at), english, dutch) for rule, broken_at, english, dutch in _ROWS)),
    *table(
        NO_CLAIM,
        ("SI-V10-INV-R200", _claims_other, "The CustomizationID is not that of SI-UBL 1.0",
         "De CustomizationID is niet die van SI-UBL 1.0"),
    ),
)  # fmt: skip
