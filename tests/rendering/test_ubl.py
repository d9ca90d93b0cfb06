"""What render_ubl writes: where each fact stands, in which order, and that the sums still hold in the XML."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connector.invoice import Address, Allowance, Identifier, Invoice, InvoiceType, Party, PaymentMeans
from connector.rendering.ubl import render_ubl

from .made_invoices import BUYER, SELLER, invoice, line

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
PREFIXES = {"cac": f"{UBL}CommonAggregateComponents-2", "cbc": f"{UBL}CommonBasicComponents-2"}
NLCIUS = "urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0"
EN_16931 = "urn:cen.eu:en16931:2017"

# The sequences of the UBL 2.1 schemas (OASIS, 2013), by element name; what EN 16931 has no use for is left out.
_PARTY = "EndpointID PartyIdentification PartyName PostalAddress PartyTaxScheme PartyLegalEntity Contact"
_ADDRESS = "StreetName AdditionalStreetName CityName PostalZone CountrySubentity AddressLine Country"
_TAX_CATEGORY = "ID Name Percent TaxExemptionReasonCode TaxExemptionReason TaxScheme"
_LINE = (
    "ID Note {quantity} LineExtensionAmount AccountingCost InvoicePeriod OrderLineReference DocumentReference "
    "AllowanceCharge TaxTotal Item Price"
)
SEQUENCES = {
    "Invoice": "UBLVersionID CustomizationID ProfileID ID IssueDate IssueTime DueDate InvoiceTypeCode Note "
    "TaxPointDate DocumentCurrencyCode TaxCurrencyCode AccountingCost BuyerReference InvoicePeriod OrderReference "
    "BillingReference DespatchDocumentReference ReceiptDocumentReference OriginatorDocumentReference "
    "ContractDocumentReference AdditionalDocumentReference ProjectReference AccountingSupplierParty "
    "AccountingCustomerParty PayeeParty TaxRepresentativeParty Delivery PaymentMeans PaymentTerms AllowanceCharge "
    "TaxTotal LegalMonetaryTotal InvoiceLine",
    "CreditNote": "UBLVersionID CustomizationID ProfileID ID IssueDate IssueTime TaxPointDate CreditNoteTypeCode Note "
    "DocumentCurrencyCode TaxCurrencyCode AccountingCost BuyerReference InvoicePeriod OrderReference "
    "BillingReference DespatchDocumentReference ReceiptDocumentReference ContractDocumentReference "
    "AdditionalDocumentReference OriginatorDocumentReference AccountingSupplierParty AccountingCustomerParty "
    "PayeeParty TaxRepresentativeParty Delivery PaymentMeans PaymentTerms AllowanceCharge TaxTotal "
    "LegalMonetaryTotal CreditNoteLine",
    "Party": _PARTY,
    "PostalAddress": _ADDRESS,
    "Address": _ADDRESS,
    "PartyTaxScheme": "RegistrationName CompanyID ExemptionReason TaxScheme",
    "PartyLegalEntity": "RegistrationName CompanyID CompanyLegalForm",
    "Contact": "ID Name Telephone Telefax ElectronicMail",
    "Delivery": "ActualDeliveryDate DeliveryLocation DeliveryParty",
    "DeliveryParty": "PartyName",
    "PaymentMeans": "ID PaymentMeansCode PaymentDueDate PaymentID CardAccount PayeeFinancialAccount PaymentMandate",
    "PayeeFinancialAccount": "ID Name FinancialInstitutionBranch",
    "AllowanceCharge": "ChargeIndicator AllowanceChargeReasonCode AllowanceChargeReason MultiplierFactorNumeric "
    "Amount BaseAmount TaxCategory",
    "TaxTotal": "TaxAmount TaxSubtotal",
    "TaxSubtotal": "TaxableAmount TaxAmount TaxCategory",
    "TaxCategory": _TAX_CATEGORY,
    "ClassifiedTaxCategory": _TAX_CATEGORY,
    "LegalMonetaryTotal": "LineExtensionAmount TaxExclusiveAmount TaxInclusiveAmount AllowanceTotalAmount "
    "ChargeTotalAmount PrepaidAmount PayableRoundingAmount PayableAmount",
    "InvoiceLine": _LINE.format(quantity="InvoicedQuantity"),
    "CreditNoteLine": _LINE.format(quantity="CreditedQuantity"),
    "Item": "Description Name BuyersItemIdentification SellersItemIdentification StandardItemIdentification "
    "OriginCountry CommodityClassification ClassifiedTaxCategory AdditionalItemProperty",
    "Price": "PriceAmount BaseQuantity AllowanceCharge",
    "AdditionalDocumentReference": "ID IssueDate DocumentTypeCode DocumentType DocumentDescription Attachment",
}


def full(kind: InvoiceType = InvoiceType.INVOICE, **more: object) -> Invoice:
    """Make an invoice in which every field of Invoice has a value."""
    party = replace(
        SELLER,
        gln="8790000000012",
        identifiers=(*SELLER.identifiers, Identifier(scheme="gln", value="8790000000012")),
        address=replace(SELLER.address, additional="Gebouw B", subdivision="Utrecht"),
    )
    lines = [
        line(1, "300.00", description="Uitleg", item_code="A-1", note="Let op", base_quantity=Decimal(10)),
        line(2, "90.00", rate="9", allowances=(Allowance(amount=Decimal("10.00"), reason="Trouw"),)),
        line(3, "50.00", category="E", rate="0"),
    ]
    allowances = [
        Allowance(
            amount=Decimal("15.00"),
            reason="Korting",
            base_amount=Decimal("300.00"),
            percentage=Decimal(5),
            vat_category="S",
            vat_rate=Decimal(21),
        ),
        Allowance(amount=Decimal("5.00"), is_charge=True, reason="Porto", vat_category="S", vat_rate=Decimal(21)),
    ]
    values: dict[str, object] = {
        "type": kind,
        "type_code": "381" if kind is InvoiceType.CREDIT_NOTE else "380",
        "customization_id": EN_16931,
        "currency": "USD",
        "vat_currency": "EUR",
        "vat_total_in_vat_currency": Decimal("60.00"),
        "note": "Dank u",
        "buyer_reference": "Afdeling 7",
        "contract_reference": "C-1",
        "project_reference": "P-1",
        "preceding_invoice": "2026-00001",
        "delivery_date": date(2026, 10, 30),
        "delivery_name": "Magazijn Verzonnendam",
        "delivery_address": Address(street="Kade 1", city="Verzonnendam", postcode="4321 ZX", country="NL"),
        "seller": party,
        "rounding": Decimal("0.00"),
        "payment_means": (
            PaymentMeans(
                code="30",
                iban="NL00TEST0123456789",
                bic="TESTNL2A",
                account_name="Voorbeeld",
                remittance="2026-00042",
            ),
        ),
    }
    return invoice(lines, allowances, prepaid=Decimal("20.00"), **{**values, **more})


def read(made: Invoice) -> etree._Element:
    """Parse what render_ubl wrote."""
    return etree.fromstring(render_ubl(made))


def texts(made: Invoice, path: str) -> list[str]:
    """Find the texts (or attribute values) at an XPath below the root."""
    found = read(made).xpath(path, namespaces=PREFIXES)
    return [item if isinstance(item, str) else item.text or "" for item in found]


def out_of_order(root: etree._Element) -> Iterator[str]:
    """Name every element whose children are not in the order of its sequence."""
    for element in root.iter():
        name = etree.QName(element).localname
        if name in SEQUENCES:
            places = [SEQUENCES[name].split().index(etree.QName(child).localname) for child in element]
            if any(after < before for before, after in pairwise(places)):
                yield name


@pytest.mark.parametrize("kind", list(InvoiceType))
def test_elements_follow_the_schema(kind: InvoiceType) -> None:
    """UBL is a sequence: every element of a full document stands where the schema wants it."""
    made = full(kind)

    root = read(made)

    assert list(out_of_order(root)) == []
    assert len({etree.QName(element).localname for element in root.iter()}) > 60


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("cbc:UBLVersionID", ["2.1"]),
        ("cbc:ProfileID", ["urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"]),
        ("cbc:ID", ["2026-00042"]),
        ("cbc:IssueDate", ["2026-11-02"]),
        ("cbc:DueDate", ["2026-12-02"]),
        ("cbc:InvoiceTypeCode", ["380"]),
        ("cbc:Note", ["Dank u"]),
        ("cbc:DocumentCurrencyCode", ["USD"]),
        ("cbc:TaxCurrencyCode", ["EUR"]),
        ("cbc:BuyerReference", ["Afdeling 7"]),
        ("cac:OrderReference/cbc:ID", ["PO-7781"]),
        ("cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID", ["2026-00001"]),
        ("cac:ContractDocumentReference/cbc:ID", ["C-1"]),
        ("cac:ProjectReference/cbc:ID", ["P-1"]),
        ("cac:Delivery/cbc:ActualDeliveryDate", ["2026-10-30"]),
        ("cac:Delivery/cac:DeliveryLocation/cac:Address/cbc:StreetName", ["Kade 1"]),
        ("cac:PaymentMeans/cbc:PaymentMeansCode", ["30"]),
        ("cac:PaymentMeans/cbc:PaymentDueDate", []),
        ("cac:Delivery/cac:DeliveryParty/cac:PartyName/cbc:Name", ["Magazijn Verzonnendam"]),
        ("cac:PaymentMeans/cbc:PaymentID", ["2026-00042"]),
        ("cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID", ["NL00TEST0123456789"]),
        ("cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:Name", ["Voorbeeld"]),
        ("cac:PaymentMeans/cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID", ["TESTNL2A"]),
        ("cac:PaymentTerms/cbc:Note", ["Binnen 30 dagen"]),
        ("cac:AllowanceCharge/cbc:ChargeIndicator", ["false", "true"]),
        ("cac:AllowanceCharge/cac:TaxCategory/cac:TaxScheme/cbc:ID", ["VAT", "VAT"]),
        ("cac:TaxTotal[1]/cac:TaxSubtotal/cac:TaxCategory/cbc:ID", ["S", "S", "E"]),
        ("cac:TaxTotal[1]/cac:TaxSubtotal/cac:TaxCategory/cbc:TaxExemptionReason", ["Reden bij E"]),
        ("cac:TaxTotal[2]/cbc:TaxAmount[@currencyID='EUR']", ["60.00"]),
        ("cac:TaxTotal[2]/cac:TaxSubtotal", []),
        ("cac:InvoiceLine/cbc:InvoicedQuantity/@unitCode", ["HUR", "HUR", "HUR"]),
        ("cac:InvoiceLine[1]/cac:Price/cbc:BaseQuantity[@unitCode='HUR']", ["10"]),
        ("cac:InvoiceLine[1]/cac:Item/cac:SellersItemIdentification/cbc:ID", ["A-1"]),
        ("cac:InvoiceLine[1]/cac:Item/cbc:Description", ["Uitleg"]),
        ("cac:InvoiceLine[1]/cbc:Note", ["Let op"]),
        ("cac:InvoiceLine[2]/cac:AllowanceCharge/cbc:Amount", ["10.00"]),
        ("cac:InvoiceLine[2]/cac:AllowanceCharge/cac:TaxCategory", []),
        ("cac:InvoiceLine/cac:Item/cac:ClassifiedTaxCategory/cbc:Percent", ["21", "9", "0"]),
    ],
)
def test_facts_stand_in_their_places(path: str, expected: list[str]) -> None:
    """Each term stands at the path that e-invoicing.md section 4 names."""
    assert texts(full(), path) == expected


SELLER_PATH = "cac:AccountingSupplierParty/cac:Party/"
BUYER_PATH = "cac:AccountingCustomerParty/cac:Party/"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (SELLER_PATH + "cbc:EndpointID[@schemeID='0106']", ["90000011"]),
        (SELLER_PATH + "cac:PartyLegalEntity/cbc:RegistrationName", ["Voorbeeld Bouwadvies B.V."]),
        (SELLER_PATH + "cac:PartyLegalEntity/cbc:CompanyID[@schemeID='0106']", ["90000011"]),
        (SELLER_PATH + "cac:PartyName/cbc:Name", ["Bouwadvies Voorbeeld"]),
        (SELLER_PATH + "cac:PartyTaxScheme/cbc:CompanyID[not(@schemeID)]", ["NL900000116B01"]),
        (SELLER_PATH + "cac:PartyIdentification/cbc:ID[@schemeID='0088']", ["8790000000012"]),
        (SELLER_PATH + "cac:PartyIdentification/cbc:ID", ["8790000000012"]),
        (SELLER_PATH + "cac:Contact/cbc:ElectronicMail", ["administratie@voorbeeld-bouwadvies.example"]),
        (SELLER_PATH + "cac:PostalAddress/cac:Country/cbc:IdentificationCode", ["NL"]),
        (BUYER_PATH + "cbc:EndpointID[@schemeID='0190']", ["00000003900000220000"]),
        (BUYER_PATH + "cac:PartyLegalEntity/cbc:CompanyID[@schemeID='0190']", ["00000003900000220000"]),
        (BUYER_PATH + "cac:PartyIdentification", []),
        (BUYER_PATH + "cac:PartyTaxScheme", []),
        (BUYER_PATH + "cac:Contact", []),
    ],
)
def test_parties_keep_their_numbers(path: str, expected: list[str]) -> None:
    """KvK number and OIN go out under 0106 and 0190, the VAT number without a scheme, the rest as party ids."""
    assert texts(full(), path) == expected


@pytest.mark.parametrize(
    ("scheme", "code"),
    [
        ("kvk", "0106"),
        ("oin", "0190"),
        ("vat", "9944"),
        ("gln", "0088"),
        ("iban", "9918"),
        ("email", "EM"),
        ("0208", "0208"),
    ],
)
def test_endpoint_goes_out_under_its_eas_code(scheme: str, code: str) -> None:
    """A scheme word becomes its EAS code again; a code that we have no word for stays (section 5)."""
    buyer = replace(BUYER, endpoint=Identifier(scheme=scheme, value="12345678"))

    assert texts(full(buyer=buyer), BUYER_PATH + "cbc:EndpointID/@schemeID") == [code]


@pytest.mark.parametrize("scheme", ["vat", "email", "NL:KVK"])
def test_party_id_has_no_scheme_outside_iso_6523(scheme: str) -> None:
    """BR-CL-10 refuses 99xx and letters on a party id: the number goes out without a scheme."""
    buyer = replace(BUYER, identifiers=(Identifier(scheme=scheme, value="X1"),))

    assert texts(full(buyer=buyer), BUYER_PATH + "cac:PartyIdentification/cbc:ID[not(@schemeID)]") == ["X1"]


@pytest.mark.parametrize(
    ("kvk", "oin", "code"),
    [
        ("90000022", None, "0106"),
        (None, "00000003900000220000", "0190"),
        ("90000022", "00000003900000220000", "0190"),
        ("90000022", "00000001900000116000", "0106"),
    ],
)
def test_legal_id_is_kvk_unless_known_by_oin(kvk: str | None, oin: str | None, code: str) -> None:
    """A KvK number that is only a part of the OIN does not replace it; a number of its own goes first."""
    buyer = Party(name="Verzonnen", kvk=kvk, oin=oin)

    assert texts(full(buyer=buyer), BUYER_PATH + "cac:PartyLegalEntity/cbc:CompanyID/@schemeID") == [code]


def test_second_registration_becomes_a_party_id() -> None:
    """A party with a KvK number and an unrelated OIN keeps both."""
    buyer = Party(name="Verzonnen", kvk="90000022", oin="00000001900000116000")

    found = texts(full(buyer=buyer), BUYER_PATH + "cac:PartyIdentification/cbc:ID[@schemeID='0190']")

    assert found == ["00000001900000116000"]


def test_credit_note_has_its_own_elements() -> None:
    """Type code, lines and quantities have other names; the due date goes with the payment, the project as type 50."""
    made = full(InvoiceType.CREDIT_NOTE)

    root = read(made)

    assert root.tag == f"{{{UBL}CreditNote-2}}CreditNote"
    assert texts(made, "cbc:CreditNoteTypeCode") == ["381"]
    assert texts(made, "cbc:DueDate | cac:ProjectReference") == []
    assert texts(made, "cac:PaymentMeans/cbc:PaymentDueDate") == ["2026-12-02"]
    assert texts(made, "cac:AdditionalDocumentReference[cbc:DocumentTypeCode='50']/cbc:ID") == ["P-1"]
    assert len(texts(made, "cac:CreditNoteLine/cbc:CreditedQuantity")) == 3


def test_due_date_stands_once_over_several_payment_means() -> None:
    """UBL-SR lets a credit note give one due date, however many ways to pay."""
    means = PaymentMeans(code="30", iban="NL00TEST0123456789")
    made = full(InvoiceType.CREDIT_NOTE, payment_means=(means, replace(means, iban="NL00TEST0000000001")))

    assert texts(made, "cac:PaymentMeans/cbc:PaymentDueDate") == ["2026-12-02"]


def test_customization_is_nlcius_unless_told() -> None:
    """Without an id of its own the document is NLCIUS; with one it says so."""
    assert texts(full(customization_id=""), "cbc:CustomizationID") == [NLCIUS]
    assert texts(full(customization_id="urn:x", profile_id="urn:y"), "cbc:CustomizationID | cbc:ProfileID") == [
        "urn:x",
        "urn:y",
    ]


def test_dutch_nlcius_goes_without_what_the_rules_advise_against() -> None:
    """BR-NL-30, -31 and -35 warn about account name, BIC of a SEPA payment and exemption code: none is there."""
    base = full(customization_id="")
    vat = tuple(replace(row, exemption_code="VATEX-EU-E") for row in base.vat)
    made = replace(base, vat=vat, payment_means=(replace(base.payment_means[0], code="58"),))

    assert texts(made, "//cac:PayeeFinancialAccount/cbc:Name | //cac:FinancialInstitutionBranch") == []
    assert texts(made, "//cbc:TaxExemptionReasonCode") == []
    assert texts(replace(made, customization_id=EN_16931), "//cbc:TaxExemptionReasonCode") == ["VATEX-EU-E"] * 3


@pytest.mark.parametrize("category", ["AE", "K", "G", "E", "O"])
def test_exempt_category_always_gives_a_reason(category: str) -> None:
    """BR-AE/IC/G/E/O-10: the breakdown has a reason, also when the invoice has none."""
    made = invoice([line(1, "100.00", category=category, rate="0")])
    made = replace(made, vat=(replace(made.vat[0], exemption_reason=""),))

    assert all(text for text in texts(made, "//cac:TaxSubtotal//cbc:TaxExemptionReason"))
    assert len(texts(made, "//cac:TaxSubtotal//cbc:TaxExemptionReason")) == 1


def test_standard_rate_gives_no_reason() -> None:
    """BR-S-10: no exemption reason beside a rate."""
    assert texts(invoice([line(1, "100.00")]), "//cbc:TaxExemptionReason") == []


def test_outside_scope_has_no_rate() -> None:
    """BR-O-05: category O goes without a Percent, on the line and in the breakdown, even when we read a 0."""
    made = invoice([line(1, "100.00", category="O", rate="0")])

    assert texts(made, "//cbc:Percent") == []


def test_numbers_have_no_exponent() -> None:
    """XML Schema's decimal knows no exponent."""
    made = invoice([replace(line(1, "100.00"), quantity=Decimal("1E+2"), price=Decimal("1E-7"))])

    assert texts(made, "//cbc:InvoicedQuantity | //cbc:PriceAmount") == ["100", "0.0000001"]


def test_forbidden_characters_are_dropped() -> None:
    """What XML 1.0 cannot hold goes; markup and everything else stays text."""
    made = full(note="a\x00b\x1f<c>&\ud800\ufffe é €\U0001f600")

    assert texts(made, "cbc:Note") == ["ab<c>& é €\U0001f600"]


def test_empty_elements_are_never_written() -> None:
    """SI-UBL-2 and Peppol R008: what is not known has no element; attributes neither."""
    nobody = Party(name="")
    made = Invoice(
        type=InvoiceType.INVOICE,
        type_code="",
        number="\x01 ",
        issue_date=None,
        currency="",
        seller=nobody,
        buyer=nobody,
    )

    root = read(made)

    assert [element.tag for element in root.iter() if len(element) == 0 and not (element.text or "").strip()] == []
    assert {etree.QName(child).localname for child in root} == {"UBLVersionID", "CustomizationID", "ProfileID"}


def test_same_invoice_gives_same_bytes() -> None:
    """Rendering is deterministic, UTF-8 with its declaration, each namespace declared once."""
    first, second = render_ubl(full()), render_ubl(full())

    assert first == second
    assert first.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    assert first.count(b"xmlns") == 3


def r2(value: Decimal) -> Decimal:
    """Round as XPath does: a half goes up (e-invoicing.md section 7)."""
    return (value * 100 + Decimal("0.5")).to_integral_value(ROUND_FLOOR) / 100


amounts = st.decimals(min_value=-100_000, max_value=100_000, places=2)
categories = st.sampled_from([("S", "21"), ("S", "9"), ("Z", "0"), ("E", "0"), ("AE", "0")])


@given(
    st.lists(st.tuples(amounts, categories), min_size=1, max_size=5),
    st.lists(st.tuples(amounts, categories, st.booleans()), max_size=3),
    st.none() | amounts,
    st.sampled_from(list(InvoiceType)),
)
def test_sums_hold_in_the_xml(
    sums: list[tuple[Decimal, tuple[str, str]]],
    extras: list[tuple[Decimal, tuple[str, str], bool]],
    prepaid: Decimal | None,
    kind: InvoiceType,
) -> None:
    """BR-CO-10 to -16 hold over the amounts as they stand in the document."""
    lines = [line(i, str(amount), category=c, rate=r) for i, (amount, (c, r)) in enumerate(sums, start=1)]
    allowances = [
        Allowance(amount=amount, is_charge=up, reason="x", vat_category=c, vat_rate=Decimal(r))
        for amount, (c, r), up in extras
    ]

    root = read(invoice(lines, allowances, prepaid=prepaid, type=kind))

    def total(path: str) -> Decimal:
        found = root.xpath(path, namespaces=PREFIXES)
        return sum((Decimal(str(element.text)) for element in found), Decimal(0))

    without, tax = total("cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount"), total("cac:TaxTotal/cbc:TaxAmount")
    line_total, down, up = (
        total(f"cac:LegalMonetaryTotal/cbc:{name}")
        for name in ("LineExtensionAmount", "AllowanceTotalAmount", "ChargeTotalAmount")
    )
    with_vat = total("cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount")
    payable = total("cac:LegalMonetaryTotal/cbc:PayableAmount")
    assert line_total == r2(
        total("cac:InvoiceLine/cbc:LineExtensionAmount | cac:CreditNoteLine/cbc:LineExtensionAmount")
    )
    assert down == r2(total("cac:AllowanceCharge[cbc:ChargeIndicator='false']/cbc:Amount"))
    assert up == r2(total("cac:AllowanceCharge[cbc:ChargeIndicator='true']/cbc:Amount"))
    assert without == r2(line_total - down + up)
    assert tax == r2(total("cac:TaxTotal/cac:TaxSubtotal/cbc:TaxAmount"))
    assert with_vat == r2(without + tax)
    assert payable == r2(with_vat - total("cac:LegalMonetaryTotal/cbc:PrepaidAmount"))
