"""NLCIUS (SI-UBL 2.0) on top of EN 16931: BR-NL, for sellers in the Netherlands; and its G-account extension, BR-GA.

Not here, because as published nothing can break them: BR-NL-32-2, -32-3 and -34. BR-NL-6, -22 and -23 do not exist.

Source: SI-UBL 2.0.3.13 and its G-account extension 1.0.13; e-invoicing.md section 9.
"""

from decimal import Decimal
from xml.etree.ElementTree import Element

from connector.ingest.checks.document import BUYER, SELLER, TOTALS, Document, Places, number_of, total
from connector.ingest.checks.rule import Broken, Family, needs, only_if, root_has, table
from connector.ingest.tree import find_all, text_of
from connector.ingest.ubl import ZERO
from connector.invoice import Severity

_STARTS = "urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0"
_CLAIMS = ("#compliant#urn:fdc:nen.nl:nlcius:v1.0", "#conformant#urn:fdc:nen.nl:gaccount:v1.0")
DUTCH_SCHEMES = frozenset({"0106", "0190"})
"""KvK number and OIN."""
_TYPES = frozenset({"380", "381", "384", "389"})
DUTCH_MEANS = frozenset({"30", "48", "49", "57", "58", "59"})
ADDRESS_PARTS = ("cbc:StreetName", "cbc:CityName", "cbc:PostalZone")
_COUNTRY = "cac:Country/cbc:IdentificationCode"


def _not_nlcius(document: Document) -> Places:
    claims = document.named("cbc:CustomizationID")
    return [one for one in claims if not " ".join((one.text or "").split()).startswith(_STARTS)]


def _if_claimed(broken_at: Broken) -> Broken:
    """The rule holds for files that claim NLCIUS or its extension."""
    return only_if(_claims, broken_at)


def _claims(document: Document) -> bool:
    claim = document.text("cbc:CustomizationID")
    return any(part in claim for part in _CLAIMS)


def _if_dutch(broken_at: Broken) -> Broken:
    """The rule holds for sellers in the Netherlands."""
    return only_if(_is_dutch, broken_at)


def _is_dutch(document: Document) -> bool:
    return document.seller_country == "NL" and document.once(_claims)


def _are_dutch(numbers: list[Element]) -> bool:
    """One of the numbers is of a Dutch kind; white space around the kind means nothing."""
    return any(not DUTCH_SCHEMES.isdisjoint(one.get("schemeID", "").split(" ")) for one in numbers)


def _seller_legal_id(document: Document) -> Places:
    for seller in document.all(SELLER):
        numbers = find_all(seller, "cac:PartyLegalEntity/cbc:CompanyID")
        if not _are_dutch(numbers) or not any(map(text_of, numbers)):
            yield seller, "cac:PartyLegalEntity/cbc:CompanyID"


def _buyer_legal_id(document: Document) -> Places:
    """It hangs on the buyer's PartyLegalEntity: without that element nothing is asked."""
    countries = [one.text for one in document.all(f"{BUYER}/cac:PostalAddress/{_COUNTRY}")]
    numbers = document.all(f"{BUYER}/cac:PartyLegalEntity/cbc:CompanyID")
    is_known = "NL" not in countries or _are_dutch(numbers)
    for entity in document.all(f"{BUYER}/cac:PartyLegalEntity"):
        own = entity.findall("cbc:CompanyID")
        if not is_known or (own and not any(map(text_of, own))):
            yield entity, "cbc:CompanyID"


def _reference_missing(document: Document) -> Places:
    if not document.has("cbc:BuyerReference") and not document.has("cac:OrderReference/cbc:ID"):
        yield document.root, "cbc:BuyerReference"


def _address_incomplete(path: str, *, only_dutch: bool) -> Broken:
    @needs(path)
    def broken_at(document: Document) -> Places:
        for address in document.all(path):
            country = find_all(address, _COUNTRY)
            if only_dutch and any(one.text != "NL" for one in country):
                continue
            missing = [part for part in ADDRESS_PARTS if not address.findall(part)]
            if missing:
                yield address, missing[0]

    return broken_at


def _types(document: Document) -> list[Element]:
    return document.named_any("cbc:InvoiceTypeCode", "cbc:CreditNoteTypeCode")


def _type_in_wrong_document(document: Document) -> Places:
    return [code for code in _types(document) if (code.text == "381") != document.is_credit_note]


def _correction_of_nothing(document: Document) -> Places:
    path = "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"
    if not document.has(path) and any(code.text == "384" for code in _types(document)):
        yield document.root, path


def _no_payment_means(document: Document) -> Places:
    if document.is_credit_note or document.named("cac:PaymentMeans"):
        return
    for totals in document.root.findall(TOTALS):
        payable = number_of(totals, "cbc:PayableAmount")
        if payable is None or payable > 0:
            yield document.root, "cac:PaymentMeans"


@needs("cac:PaymentMeans")
def _means_not_dutch(document: Document) -> Places:
    return [
        one for one in document.named("cac:PaymentMeans") if text_of(one, "cbc:PaymentMeansCode") not in DUTCH_MEANS
    ]


@needs("cac:OrderLineReference")
def order_line_without_order(document: Document) -> Places:
    """An order line is named, the order is not."""
    if not document.has("cac:OrderReference/cbc:ID"):
        yield from document.under("cac:OrderLineReference", "cbc:LineID")


# What is advised against


def _used(name: str, path: str = "") -> Broken:
    return needs(name, path)(lambda document: document.under(name, path) if path else document.named(name))


def _address_uses(party: str, path: str) -> Broken:
    return needs(party, path)(lambda document: document.all(f"{party}/{path}"))


@needs("cac:PaymentMeans/cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch")
def _bic_with_sepa(document: Document) -> Places:
    for means in document.named("cac:PaymentMeans"):
        if text_of(means, "cbc:PaymentMeansCode") in ("58", "59"):
            yield from find_all(means, "cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID")


@needs("cac:PartyTaxScheme")
def _other_tax_number(document: Document) -> Places:
    for registration in document.all(f"{SELLER}/cac:PartyTaxScheme"):
        schemes = [one.text for one in find_all(registration, "cac:TaxScheme/cbc:ID")]
        if registration.findall("cbc:CompanyID") and "VAT" not in schemes:
            yield registration, "cbc:CompanyID"


@needs("cac:PaymentMeans/cbc:PaymentMeansCode")
def _means_text(document: Document) -> Places:
    codes = document.under("cac:PaymentMeans", "cbc:PaymentMeansCode")
    return [(one, "@name") for one in codes if one.get("name") is not None]


@needs("cac:TaxTotal")
def _vat_in_other_currency(document: Document) -> Places:
    currencies = {one.text for one in document.named("cbc:DocumentCurrencyCode")}
    return [one for one in document.under("cac:TaxTotal", "cbc:TaxAmount") if one.get("currencyID") not in currencies]


_REPRESENTATIVE = "cac:TaxRepresentativeParty/cac:PostalAddress"
_DELIVERY = "cac:Delivery/cac:DeliveryLocation/cac:Address"
_ADVISED_AGAINST: tuple[tuple[str, Broken, str, str], ...] = (
    ("19", _used("cbc:TaxCurrencyCode"), "a currency of the VAT return", "een valuta van de btw-aangifte"),
    ("20", _used("cbc:TaxPointDate"), "a tax point date", "een btw-datum"),
    ("21", _used("cac:InvoicePeriod", "cbc:DescriptionCode"), "a code of the tax point", "een code van de btw-datum"),
    ("24", _used("cac:BillingReference", "cac:InvoiceDocumentReference/cbc:IssueDate"),
     "the date of the earlier invoice", "de datum van de eerdere factuur"),
    ("25", _other_tax_number, "a tax number of the seller other than for VAT",
     "een ander belastingnummer van de verkoper dan voor de btw"),
    ("26", _used("cac:AccountingSupplierParty", "cac:Party/cac:PartyLegalEntity/cbc:CompanyLegalForm"),
     "the seller's legal form", "de rechtsvorm van de verkoper"),
    ("27-1", _address_uses(f"{SELLER}/cac:PostalAddress", "cac:AddressLine/cbc:Line"),
     "an extra line in the seller's address", "een extra regel in het adres van de verkoper"),
    ("27-2", _address_uses(f"{BUYER}/cac:PostalAddress", "cac:AddressLine/cbc:Line"),
     "an extra line in the buyer's address", "een extra regel in het adres van de koper"),
    ("27-3", _address_uses(_REPRESENTATIVE, "cac:AddressLine/cbc:Line"),
     "an extra line in the representative's address", "een extra regel in het adres van de vertegenwoordiger"),
    ("27-4", _address_uses(_DELIVERY, "cac:AddressLine/cbc:Line"), "an extra line in the delivery address",
     "een extra regel in het afleveradres"),
    ("28-1", _address_uses(f"{SELLER}/cac:PostalAddress", "cbc:CountrySubentity"),
     "a province in the seller's address", "een provincie in het adres van de verkoper"),
    ("28-2", _address_uses(f"{BUYER}/cac:PostalAddress", "cbc:CountrySubentity"), "a province in the buyer's address",
     "een provincie in het adres van de koper"),
    ("28-3", _address_uses(_REPRESENTATIVE, "cbc:CountrySubentity"), "a province in the representative's address",
     "een provincie in het adres van de vertegenwoordiger"),
    ("28-4", _address_uses(_DELIVERY, "cbc:CountrySubentity"), "a province in the delivery address",
     "een provincie in het afleveradres"),
    ("29", _means_text, "a text of how to pay", "een tekst van de betaalwijze"),
    ("30", _used("cac:PaymentMeans", "cac:PayeeFinancialAccount/cbc:Name"), "the name of the account",
     "de naam van de rekening"),
    ("31", _bic_with_sepa, "the BIC of a SEPA payment", "de BIC van een SEPA-betaling"),
    ("32-1", _used("cac:AllowanceCharge", "cbc:AllowanceChargeReasonCode"),
     "the reason code of a discount or surcharge", "de redencode van een korting of toeslag"),
    ("33", _vat_in_other_currency, "a VAT total in another currency", "een btw-totaal in een andere valuta"),
    ("35", _used("cac:TaxSubtotal", "cac:TaxCategory/cbc:TaxExemptionReasonCode"),
     "a code of why there is no VAT", "een code van de reden zonder btw"),
)  # fmt: skip

_NO_CLAIM = table(
    ("BII2-T10-R001", root_has("cbc:CustomizationID"), "Missing: which kind of invoice this is (CustomizationID)",
     "Ontbreekt: welk soort e-factuur dit is (CustomizationID)"),
)  # fmt: skip

_CLAIM = table(
    ("SI-V20-INV-R000", _not_nlcius, "The CustomizationID is not that of NLCIUS",
     "De CustomizationID is niet die van NLCIUS"),
)  # fmt: skip

_RULES = table(
    *((f"BR-NL-{number}", _if_dutch(broken_at), english, dutch) for number, broken_at, english, dutch in (
        ("1", _seller_legal_id, "Missing: KvK number or OIN of the seller with schemeID 0106 or 0190",
         "Ontbreekt: KvK-nummer of OIN van de verkoper met schemeID 0106 of 0190"),
        ("2", _reference_missing, "Missing: buyer's reference or order number",
         "Ontbreekt: referentie van de koper of ordernummer"),
        ("3", _address_incomplete(f"{SELLER}/cac:PostalAddress", only_dutch=False),
         "The seller's address lacks street, city or postcode",
         "In het adres van de verkoper ontbreekt straat, plaats of postcode"),
        ("4", _address_incomplete(f"{BUYER}/cac:PostalAddress", only_dutch=True),
         "The buyer's address lacks street, city or postcode",
         "In het adres van de koper ontbreekt straat, plaats of postcode"),
        ("5", _address_incomplete(_REPRESENTATIVE, only_dutch=True),
         "The tax representative's address lacks street, city or postcode",
         "In het adres van de fiscaal vertegenwoordiger ontbreekt straat, plaats of postcode"),
        ("7", lambda document: [code for code in _types(document) if code.text not in _TYPES],
         "The type code is not 380, 381, 384 or 389", "De soort factuur is niet 380, 381, 384 of 389"),
        ("8", _type_in_wrong_document, "The type code does not fit an invoice or a credit note",
         "De soort factuur past niet bij een factuur of een creditnota"),
        ("9", _correction_of_nothing, "A corrected invoice does not name the invoice it corrects",
         "Een gecorrigeerde factuur noemt de factuur niet die zij corrigeert"),
        ("10", _buyer_legal_id, "Missing: KvK number or OIN of the buyer with schemeID 0106 or 0190",
         "Ontbreekt: KvK-nummer of OIN van de koper met schemeID 0106 of 0190"),
        ("11", _no_payment_means, "Missing: how to pay", "Ontbreekt: hoe te betalen"),
        ("12", _means_not_dutch, "The code of how to pay is not 30, 48, 49, 57, 58 or 59",
         "De code van de betaalwijze is niet 30, 48, 49, 57, 58 of 59"),
    )),
    ("BR-NL-13", _if_claimed(order_line_without_order), "A line names an order line, and the invoice no order",
     "Een regel noemt een orderregel, en de factuur geen order"),
)  # fmt: skip

_ADVICE = table(
    *((f"BR-NL-{number}", _if_dutch(broken_at), f"Not advised in the Netherlands: {english}",
       f"In Nederland niet aangeraden: {dutch}") for number, broken_at, english, dutch in _ADVISED_AGAINST),
    severity=Severity.WARNING,
)  # fmt: skip

_SHARED: Family = (*_CLAIM, *_RULES, *_ADVICE)
NLCIUS: Family = (*_NO_CLAIM, *_SHARED)


# The G-account extension: part of the amount goes to a blocked account


def _extension_unnamed(document: Document) -> Places:
    claims = document.named("cbc:CustomizationID")
    return [one for one in claims if "#conformant#urn:fdc:nen.nl:gaccount:v1.0" not in (one.text or "")]


def _not_two(name: str) -> Broken:
    return lambda document: [] if len(document.all(name)) == 2 else [(document.root, name)]


def _parts_differ(document: Document) -> Places:
    parts: list[Decimal | None] = [number_of(one) for one in document.all("cac:PaymentTerms/cbc:Amount")]
    if document.total("cbc:PayableAmount") != (total(parts) if parts else ZERO):
        yield document.total_place("cbc:PayableAmount")


def _not_one(parent: str, name: str) -> Broken:
    return lambda document: [(one, name) for one in document.all(parent) if len(one.findall(name)) != 1]


def _means_unknown(document: Document) -> Places:
    known = {one.text for one in document.all("cac:PaymentMeans/cbc:ID")}
    return [one for one in document.all("cac:PaymentTerms/cbc:PaymentMeansID") if one.text not in known]


def _no_blocked_account(document: Document) -> Places:
    if [one.text for one in document.all("cac:PaymentMeans/cbc:ID")].count("GACCOUNT") != 1:
        yield document.root, "cac:PaymentMeans/cbc:ID"


def _on_invoices(broken_at: Broken) -> Broken:
    return only_if(_is_invoice, broken_at)


def _is_invoice(document: Document) -> bool:
    return not document.is_credit_note


G_ACCOUNT: Family = (*_SHARED, *table(
    ("0", _extension_unnamed, "The CustomizationID does not name the G-account",
     "De CustomizationID noemt de G-rekening niet"),
    *((number, _on_invoices(broken_at), english, dutch) for number, broken_at, english, dutch in (
        ("1", _not_two("cac:PaymentTerms"), "There are not just two parts to pay",
         "Er staan niet precies twee delen om te betalen"),
        ("2", _not_two("cac:PaymentMeans"), "There are not just two ways to pay",
         "Er staan niet precies twee betaalwijzen"),
        ("3", _parts_differ, "The two parts are not together the amount due",
         "De twee delen zijn samen niet het te betalen bedrag"),
        ("4", _not_one("cac:PaymentTerms", "cbc:PaymentMeansID"), "A part does not say how it is to be paid",
         "Een deel zegt niet hoe het betaald moet worden"),
        ("5", _not_one("cac:PaymentMeans", "cbc:ID"), "A way to pay has no name of its own",
         "Een betaalwijze heeft geen eigen naam"),
        ("6", _means_unknown, "A part names a way to pay that is not there",
         "Een deel noemt een betaalwijze die er niet is"),
        ("7", _no_blocked_account, "There is not just one way to pay to the blocked account (GACCOUNT)",
         "Er staat niet precies één betaalwijze naar de G-rekening (GACCOUNT)"),
    )),
    prefix="BR-GA-",
))  # fmt: skip
