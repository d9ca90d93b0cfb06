"""EN 16931 in UBL: how often an element may stand, where UBL itself allows more (UBL-SR, -DT, -CR; the fatal ones).

The warnings of these sets (UBL-CR, UBL-DT-08 and on) are left out: they name elements that the core invoice does not
know, which an accountant can do nothing about and nobody refuses an invoice for.

Source: CEN EN 16931 UBL rules 1.3.16; e-invoicing.md section 7.
"""

from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element

from connector.ingest.checks.codes import listed
from connector.ingest.checks.document import BUYER, DECIMALS, SELLER, Document, Line, Places, is_allowance, is_charge
from connector.ingest.checks.rule import Broken, Family, each_has, each_once, needs, root_once, table
from connector.ingest.tree import find_all, texts_of

_SCHEME = "cac:TaxScheme/cbc:ID"


def _registrations(party: str, is_of: Callable[[str], bool]) -> Broken:
    """At most one number for VAT (or for what is not VAT)."""

    @needs("cac:PartyTaxScheme")
    def broken_at(document: Document) -> Places:
        found = [
            number
            for one in document.all(f"{party}/cac:PartyTaxScheme")
            if any(is_of(scheme.upper()) for scheme in _schemes(one))
            for number in one.findall("cbc:CompanyID")
        ]
        return found[1:2]

    return broken_at


def _schemes(registration: Element) -> list[str]:
    """The schemes of a registration as they are written; one without a name counts too."""
    found = [scheme.findall("cbc:ID") for scheme in registration.findall("cac:TaxScheme")]
    return [(names[0].text or "") if names else "" for names in found]


def _one_value(name: str) -> Broken:
    """All elements of the name have the same text."""

    @needs(name)
    def broken_at(document: Document) -> Places:
        found = document.named(name)
        return [one for one in found if (one.text or "") != (found[0].text or "")][:1]

    return broken_at


@needs("cac:PaymentMeans/cbc:PaymentMeansCode")
def _two_means_texts(document: Document) -> Places:
    codes = document.all("cac:PaymentMeans/cbc:PaymentMeansCode")
    return [one for one in codes if one.get("name") is not None][1:2]


@needs("cac:PartyIdentification")
def _two_creditors(document: Document) -> Places:
    numbers = document.under("cac:PartyIdentification", "cbc:ID")
    return [one for one in numbers if one.get("schemeID", "").upper() == "SEPA"][1:2]


@needs("cac:AdditionalDocumentReference")
def _two_objects(document: Document) -> Places:
    numbers = [
        number
        for reference in document.all("cac:AdditionalDocumentReference")
        if _is_object(reference)
        for number in reference.findall("cbc:ID")
    ]
    return numbers[1:2]


def _is_object(reference: Element) -> bool:
    """It names what is invoiced, and is no attachment."""
    return "130" in [one.text for one in reference.findall("cbc:DocumentTypeCode")]


def _objects_with(name: str) -> Broken:
    return needs("cac:AdditionalDocumentReference", name)(
        lambda document: [
            found
            for reference in document.named("cac:AdditionalDocumentReference")
            if _is_object(reference)
            for found in reference.findall(name)[:1]
        ]
    )


@needs("cac:AdditionalDocumentReference")
def _other_document_type(document: Document) -> Places:
    """The type 130 (an object), 50 on a credit note (a project), or none and then no scheme either."""
    for reference in document.named("cac:AdditionalDocumentReference"):
        types = [one.text for one in reference.findall("cbc:DocumentTypeCode")]
        if "130" in types or (document.is_credit_note and "50" in types):
            continue
        if types or any(one.get("schemeID") is not None for one in reference.findall("cbc:ID")):
            yield reference, "cbc:DocumentTypeCode"


def _reasons(indicator: Callable[[Element], bool]) -> Broken:
    return needs("cac:AllowanceCharge/cbc:AllowanceChargeReason")(
        lambda document: [
            extra
            for one in document.named("cac:AllowanceCharge")
            if indicator(one)
            for extra in one.findall("cbc:AllowanceChargeReason")[1:2]
        ]
    )


def _payee(has_more: Callable[[Element], bool]) -> Broken:
    """At most one of something, of a payee whose name is not the seller's."""

    @needs("cac:PayeeParty")
    def broken_at(document: Document) -> Places:
        sellers = document.texts(f"{SELLER}/cac:PartyLegalEntity/cbc:RegistrationName")
        for payee in document.named("cac:PayeeParty"):
            names = texts_of(payee, "cac:PartyName/cbc:Name")
            if has_more(payee) or not names or not sellers or len({*names, *sellers}) == 1:
                yield payee

    return broken_at


def _payee_numbers(payee: Element) -> bool:
    numbers = find_all(payee, "cac:PartyIdentification/cbc:ID")
    return sum(one.get("schemeID", "").upper() != "SEPA" for one in numbers) > 1


def _lines_with(is_broken: Callable[[Line], bool], *names: str) -> Broken:
    return needs(*names)(lambda document: [line.element for line in document.lines if is_broken(line)])


def _more(name: str) -> Callable[[Line], bool]:
    return lambda line: name in line.parts and len(line.element.findall(name)) > 1


def _two_order_lines(line: Line) -> bool:
    return (
        "cac:OrderLineReference" in line.parts and len(find_all(line.element, "cac:OrderLineReference/cbc:LineID")) > 1
    )


def _two_price_discounts(line: Line) -> bool:
    path = "cac:Price/cac:AllowanceCharge/cbc:Amount"
    return "cac:AllowanceCharge" in line.price and len(find_all(line.element, path)) > 1


def _two_descriptions(line: Line) -> bool:
    return "cbc:Description" in line.item and len(find_all(line.element, "cac:Item/cbc:Description")) > 1


@needs(DECIMALS)
def _too_many_decimals(document: Document) -> Places:
    """At most two characters after the point in every amount but prices and what is discounted from them."""
    parts = document.under("cac:Price", "cac:AllowanceCharge")
    in_prices = {one for part in parts for one in part.iter()}
    return [amount for amount in document.long_amounts if amount not in in_prices]


def _binary_objects(attribute: str) -> Broken:
    return lambda document: [(one, f"@{attribute}") for one in document.binary_objects if one.get(attribute) is None]


_SINGLE: dict[str, frozenset[str]] = {
    "Invoice": listed("""
        cbc:CustomizationID cbc:ID cbc:IssueDate cbc:InvoiceTypeCode cbc:DocumentCurrencyCode cac:LegalMonetaryTotal
        cac:AccountingSupplierParty cac:AccountingCustomerParty
        """),
    "CreditNote": listed("""
        cbc:CustomizationID cbc:ID cbc:IssueDate cbc:CreditNoteTypeCode cbc:DocumentCurrencyCode cac:LegalMonetaryTotal
        cac:AccountingSupplierParty cac:AccountingCustomerParty
        """),
    "cac:AccountingSupplierParty": listed("cac:Party"),
    "cac:AccountingCustomerParty": listed("cac:Party"),
    "cac:Party": listed("cac:PostalAddress"),
    "cac:PartyLegalEntity": listed("cbc:RegistrationName cbc:CompanyID"),
    "cac:PostalAddress": listed("cac:Country"),
    "cac:Country": listed("cbc:IdentificationCode"),
    "cac:LegalMonetaryTotal": listed("""
        cbc:LineExtensionAmount cbc:TaxExclusiveAmount cbc:TaxInclusiveAmount cbc:AllowanceTotalAmount
        cbc:ChargeTotalAmount cbc:PrepaidAmount cbc:PayableRoundingAmount cbc:PayableAmount
        """),
    "cac:AllowanceCharge": listed("cbc:ChargeIndicator cbc:Amount cbc:BaseAmount"),
    "cac:TaxTotal": listed("cbc:TaxAmount"),
    "cac:TaxSubtotal": listed("cbc:TaxableAmount cbc:TaxAmount cac:TaxCategory"),
    "cac:TaxCategory": listed("cbc:ID cbc:Percent cac:TaxScheme"),
    "cac:ClassifiedTaxCategory": listed("cbc:ID cbc:Percent cac:TaxScheme"),
    "cac:TaxScheme": listed("cbc:ID"),
    "cac:PartyTaxScheme": listed("cbc:CompanyID cac:TaxScheme"),
    "cac:PaymentMeans": listed("cbc:PaymentMeansCode"),
    "cac:PayeeFinancialAccount": listed("cbc:ID"),
    "cac:AdditionalDocumentReference": listed("cbc:ID"),
    "cac:InvoicePeriod": listed("cbc:StartDate cbc:EndDate"),
    "cac:InvoiceLine": listed("cbc:ID cbc:LineExtensionAmount cac:Item cac:Price"),
    "cac:CreditNoteLine": listed("cbc:ID cbc:LineExtensionAmount cac:Item cac:Price"),
    "cac:Item": listed("cbc:Name"),
    "cac:Price": listed("cbc:PriceAmount"),
}  # fmt: skip
"""What UBL has once, and the rules read as one value."""


def repeated(single: Mapping[str, frozenset[str]]) -> Broken:
    """An official rule set stops with an error on what stands twice, which counts as invalid."""
    ordered = {parent: sorted(names) for parent, names in single.items()}

    def broken_at(document: Document) -> Places:
        for one in document.repeating:
            for name in ordered.get(one.tag, ()):
                yield from one.findall(name)[1:]

    return broken_at


REPEATED = ("Something stands twice that can stand only once", "Iets staat er tweemaal dat er maar eenmaal kan staan")


_ONCE = (
    ("01", "cac:ContractDocumentReference/cbc:ID", "contract number", "contractnummer"),
    ("02", "cac:ReceiptDocumentReference/cbc:ID", "receipt number", "ontvangstnummer"),
    ("03", "cac:DespatchDocumentReference/cbc:ID", "despatch number", "verzendnummer"),
    ("05", "cac:PaymentTerms/cbc:Note", "text of the payment terms", "tekst van de betaalvoorwaarden"),
    ("08", "cac:InvoicePeriod", "invoicing period", "factuurperiode"),
    ("09", f"{SELLER}/cac:PartyLegalEntity/cbc:RegistrationName", "seller's name", "naam van de verkoper"),
    ("10", f"{SELLER}/cac:PartyName/cbc:Name", "seller's trade name", "handelsnaam van de verkoper"),
    ("11", f"{SELLER}/cac:PartyLegalEntity/cbc:CompanyID", "seller's registration number",
     "registratienummer van de verkoper"),
    ("14", f"{SELLER}/cac:PartyLegalEntity/cbc:CompanyLegalForm", "seller's legal form", "rechtsvorm van de verkoper"),
    ("15", f"{BUYER}/cac:PartyLegalEntity/cbc:RegistrationName", "buyer's name", "naam van de koper"),
    ("16", f"{BUYER}/cac:PartyIdentification/cbc:ID", "number of the buyer", "nummer van de koper"),
    ("17", f"{BUYER}/cac:PartyLegalEntity/cbc:CompanyID", "buyer's registration number",
     "registratienummer van de koper"),
    ("24", "cac:Delivery", "delivery", "levering"),
    ("39", "cac:ProjectReference/cbc:ID", "project", "project"),
    ("40", f"{BUYER}/cac:PartyName/cbc:Name", "buyer's trade name", "handelsnaam van de koper"),
    ("45", "cac:PaymentMeans/cbc:PaymentDueDate", "due date", "vervaldatum"),
    ("49", "cac:InvoicePeriod/cbc:DescriptionCode", "code of the tax point", "code van de btw-datum"),
    ("54", "cac:PaymentMeans/cac:CardAccount", "payment card", "betaalkaart"),
    ("55", "cac:PaymentMeans/cac:PaymentMandate", "mandate", "machtiging"),
    ("56", "cac:OriginatorDocumentReference/cbc:ID", "tender", "aanbesteding"),
)  # fmt: skip

SYNTAX: Family = (
    *table(
        *((serial, root_once(path), f"There is more than one {english}", f"Er staat meer dan één {dutch}")
          for serial, path, english, dutch in _ONCE),
        ("04", _two_objects, "There is more than one invoiced object", "Er staat meer dan één gefactureerd object"),
        ("06", each_once("cac:BillingReference", "cac:InvoiceDocumentReference"),
         "A reference names more than one earlier invoice", "Een verwijzing noemt meer dan één eerdere factuur"),
        ("07", each_has("cac:BillingReference", "cac:InvoiceDocumentReference/cbc:ID"),
         "Missing: number of the earlier invoice", "Ontbreekt: nummer van de eerdere factuur"),
        ("12", _registrations(SELLER, lambda scheme: scheme == "VAT"), "The seller has more than one VAT number",
         "De verkoper heeft meer dan één btw-nummer"),
        ("13", _registrations(SELLER, lambda scheme: scheme != "VAT"),
         "The seller has more than one other tax number", "De verkoper heeft meer dan één ander belastingnummer"),
        ("18", _registrations(BUYER, lambda scheme: scheme == "VAT"), "The buyer has more than one VAT number",
         "De koper heeft meer dan één btw-nummer"),
        ("19", _payee(lambda payee: len(find_all(payee, "cac:PartyName/cbc:Name")) > 1),
         "The payee has more than one name, or the seller's",
         "De begunstigde heeft meer dan één naam, of die van de verkoper"),
        ("20", _payee(_payee_numbers), "The payee has more than one number, or the seller's name",
         "De begunstigde heeft meer dan één nummer, of de naam van de verkoper"),
        ("21", _payee(lambda payee: len(find_all(payee, "cac:PartyLegalEntity/cbc:CompanyID")) > 1),
         "The payee has more than one registration number, or the seller's name",
         "De begunstigde heeft meer dan één registratienummer, of de naam van de verkoper"),
        ("22", each_once("cac:TaxRepresentativeParty", "cac:PartyName/cbc:Name"),
         "The tax representative has more than one name", "De fiscaal vertegenwoordiger heeft meer dan één naam"),
        ("23", each_once("cac:TaxRepresentativeParty", "cac:PartyTaxScheme/cbc:CompanyID"),
         "The tax representative has more than one VAT number",
         "De fiscaal vertegenwoordiger heeft meer dan één btw-nummer"),
        ("25", each_once("cac:Delivery", "cac:DeliveryParty/cac:PartyName/cbc:Name"),
         "A delivery goes to more than one name", "Een levering gaat naar meer dan één naam"),
        ("26", each_once("cac:PaymentMeans", "cbc:PaymentID"), "A way to pay has more than one payment reference",
         "Een betaalwijze heeft meer dan één betalingskenmerk"),
        ("27", each_once("cac:PaymentMeans", "cbc:PaymentMeansCode"), "A way to pay has more than one code",
         "Een betaalwijze heeft meer dan één code"),
        ("28", each_once("cac:PaymentMeans", "cac:PaymentMandate/cbc:ID"), "A way to pay has more than one mandate",
         "Een betaalwijze heeft meer dan één machtiging"),
        ("29", _two_creditors, "There is more than one creditor number for direct debit",
         "Er staat meer dan één incassantnummer"),
        ("30", _reasons(is_allowance), "A discount has more than one reason", "Een korting heeft meer dan één reden"),
        ("31", _reasons(is_charge), "A surcharge has more than one reason", "Een toeslag heeft meer dan één reden"),
        ("32", each_once("cac:TaxSubtotal", "cac:TaxCategory/cbc:TaxExemptionReason"),
         "A row of the VAT breakdown has more than one reason",
         "Een rij van de btw-specificatie heeft meer dan één reden"),
        ("33", each_once("cac:AdditionalDocumentReference", "cbc:DocumentDescription"),
         "An attachment has more than one description", "Een bijlage heeft meer dan één omschrijving"),
        ("34", _lines_with(_more("cbc:Note"), "cbc:Note"), "A line has more than one note",
         "Een regel heeft meer dan één opmerking"),
        ("35", _lines_with(_two_order_lines, "cac:OrderLineReference"), "A line names more than one order line",
         "Een regel noemt meer dan één orderregel"),
        ("36", _lines_with(_more("cac:InvoicePeriod"), "cac:InvoicePeriod"), "A line has more than one period",
         "Een regel heeft meer dan één periode"),
        ("37", _lines_with(_two_price_discounts, "cac:Price/cac:AllowanceCharge"), "A price has more than one discount",
         "Een prijs heeft meer dan één korting"),
        ("42", lambda document: [
            extra for party in document.all(SELLER) for extra in party.findall("cac:PartyTaxScheme")[2:3]
         ], "The seller has more than two tax numbers", "De verkoper heeft meer dan twee belastingnummers"),
        ("43", _other_document_type, "An attachment has a document type that it may not have",
         "Een bijlage heeft een documentsoort die niet mag"),
        ("44", _one_value("cbc:PaymentID"), "There are different payment references",
         "Er staan verschillende betalingskenmerken"),
        ("46", _two_means_texts, "There is more than one text of how to pay",
         "Er staat meer dan één tekst van de betaalwijze"),
        ("47", _one_value("cbc:PaymentMeansCode"), "There are different codes of how to pay",
         "Er staan verschillende codes van de betaalwijze"),
        ("48", _lines_with(lambda line: len(line.categories) != 1), "A line has not just one VAT category",
         "Een regel heeft niet precies één btw-categorie"),
        ("50", _lines_with(_two_descriptions, "cbc:Description"), "An item has more than one description",
         "Een artikel heeft meer dan één omschrijving"),
        ("51", lambda document: [
            extra for address in document.named_any("cac:PostalAddress", "cac:Address")
            for extra in address.findall("cac:AddressLine")[1:2]
         ], "An address has more than one extra line", "Een adres heeft meer dan één extra regel"),
        ("52", _lines_with(_more("cac:DocumentReference"), "cac:DocumentReference"),
         "A line names more than one document", "Een regel noemt meer dan één document"),
        ("53", each_has("cac:PartyTaxScheme", "cbc:CompanyID"), "A tax registration has no number",
         "Een belastingregistratie heeft geen nummer"),
        ("53", each_has("cac:PartyTaxScheme", _SCHEME), "A tax registration does not say of which tax",
         "Een belastingregistratie noemt de belasting niet"),
        prefix="UBL-SR-",
    ),
    *table(
        ("CON-REPEATED", repeated(_SINGLE), *REPEATED),
        ("UBL-DT-01", _too_many_decimals, "An amount has more than two decimals",
         "Een bedrag heeft meer dan twee decimalen"),
        ("UBL-DT-06", _binary_objects("mimeCode"), "An attachment does not say what kind of file it is",
         "Van een bijlage ontbreekt de bestandssoort"),
        ("UBL-DT-07", _binary_objects("filename"), "An attachment has no file name",
         "Een bijlage heeft geen bestandsnaam"),
        ("UBL-CR-666", _objects_with("cac:Attachment"), "An invoiced object has a file with it",
         "Bij een gefactureerd object zit een bestand"),
        ("UBL-CR-673", _objects_with("cbc:DocumentDescription"), "An invoiced object has a description",
         "Bij een gefactureerd object staat een omschrijving"),
    ),
)  # fmt: skip
