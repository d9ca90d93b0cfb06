"""checks: each rule fires on an invoice that breaks just that, and on no other."""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import WrongUsage
from connector.ingest.checks import PROFILES, check_invoice, document
from connector.ingest.checks.document import Document, round_2
from connector.ingest.findings import MOST_IN_ALL, MOST_PER_RULE, Findings
from connector.ingest.tree import Tree
from connector.invoice import Finding, Severity

from .conftest import SAMPLES

Sample = Callable[[str], bytes]


def broken_rules(xml: bytes, *, rules: str | None = None) -> set[str]:
    findings = check_invoice(xml, rules=rules)[1]
    return {finding.rule for finding in findings if finding.severity is Severity.FATAL}


@pytest.mark.parametrize(
    "name", ["nlcius-invoice", "nlcius-credit-note", "peppol-bis-invoice", "si-ubl-1.2-invoice", "bare-ubl-invoice"]
)
def test_good_invoices_have_no_finding(sample: Sample, name: str) -> None:
    """The samples keep the rules of their formats."""
    assert check_invoice(sample(name))[1] == ()


LEGAL_SELLER = b'<cbc:CompanyID schemeID="0106">12345670</cbc:CompanyID>'
LEGAL_BUYER = b'<cbc:CompanyID schemeID="0106">76543210</cbc:CompanyID>'
BUYER_STREET = b"<cbc:StreetName>Verzonnenlaan 2</cbc:StreetName>"


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (b"<cbc:ID>2026-0042</cbc:ID>\n  <cbc:IssueDate>", b"<cbc:IssueDate>", {"BR-02"}),
        (b"<cbc:IssueDate>2026-11-02</cbc:IssueDate>", b"<cbc:IssueDate> </cbc:IssueDate>", {"BR-03"}),
        (b"<cbc:RegistrationName>Bakkerij Voorbeeld B.V.</cbc:RegistrationName>", b"", {"BR-06"}),
        (b"<cbc:RegistrationName>Fictief Vastgoed B.V.</cbc:RegistrationName>", b"", {"BR-07"}),
        (b'<cbc:InvoicedQuantity unitCode="HUR">2<', b"<cbc:InvoicedQuantity>2<", {"BR-23"}),
        (b"<cbc:Name>Brood</cbc:Name>", b"", {"BR-25"}),
        (b'<cbc:LineExtensionAmount currencyID="EUR">150.00', b'<cbc:LineExtensionAmount currencyID="EUR">150.01',
         {"BR-CO-10", "BR-CO-13"}),
        (b'PayableAmount currencyID="EUR">175.50', b'PayableAmount currencyID="EUR">175.51', {"BR-CO-16"}),
        (b'PayableAmount currencyID="EUR">175.50', b'PayableAmount currencyID="EUR">175.500',
         {"BR-DEC-18", "UBL-DT-01"}),
        (b'TaxAmount currencyID="EUR">25.50', b'TaxAmount currencyID="EUR">25.51', {"BR-CO-14", "BR-CO-15"}),
        (b'TaxAmount currencyID="EUR">4.50', b'TaxAmount currencyID="EUR">5.50', {"BR-CO-14", "BR-CO-17", "BR-S-09"}),
        (b'TaxableAmount currencyID="EUR">50.00', b'TaxableAmount currencyID="EUR">51.00', {"BR-S-08"}),
        (b"380</cbc:InvoiceTypeCode>", b"381</cbc:InvoiceTypeCode>", {"BR-CL-01", "BR-NL-8"}),
        (b"380</cbc:InvoiceTypeCode>", b"393</cbc:InvoiceTypeCode>", {"BR-NL-7"}),
        (b"380</cbc:InvoiceTypeCode>", b"384</cbc:InvoiceTypeCode>", {"BR-NL-9"}),
        (LEGAL_SELLER, b"", {"BR-NL-1"}),
        (LEGAL_BUYER, b"", {"BR-NL-10"}),
        (b"<cbc:BuyerReference>INKOOP-7</cbc:BuyerReference>", b"", {"BR-NL-2"}),
        (b"<cbc:CityName>Voorbeeldstad</cbc:CityName>", b"", {"BR-NL-3"}),
        (BUYER_STREET, b"", {"BR-NL-4"}),
        (b"30</cbc:PaymentMeansCode>", b"31</cbc:PaymentMeansCode>", {"BR-NL-12"}),
        (b"30</cbc:PaymentMeansCode>", b"12345</cbc:PaymentMeansCode>", {"BR-NL-12", "BR-CL-16"}),
        (b'unitCode="HUR"', b'unitCode="HOUR"', {"BR-CL-23"}),
        (b"<cbc:ID>NL91ABNA0417164300</cbc:ID>", b"", {"BR-50", "BR-61"}),
        (b"EUR</cbc:DocumentCurrencyCode>",
         b"EUR</cbc:DocumentCurrencyCode><cbc:TaxCurrencyCode>USD</cbc:TaxCurrencyCode>", {"BR-53"}),
        (b"EUR</cbc:DocumentCurrencyCode>", b"EURO</cbc:DocumentCurrencyCode>", {"BR-CL-04", "BR-CO-15"}),
        (b"<cbc:IdentificationCode>NL<", b"<cbc:IdentificationCode>NLD<", {"BR-CL-14"}),
        (b"<cbc:CompanyID>NL123456782B90<", b"<cbc:CompanyID>123456782B90<", {"BR-CO-09"}),
        (b"<cbc:DueDate>", b"<cbc:IssueDate>2026-11-02</cbc:IssueDate><cbc:DueDate>", {"CON-REPEATED"}),
        (b"<cac:PaymentMeans>", b"<cac:PaymentTerms><cbc:Note>a</cbc:Note><cbc:Note>b</cbc:Note></cac:PaymentTerms>"
         b"<cac:PaymentMeans>", {"UBL-SR-05"}),
    ],
)  # fmt: skip
def test_one_fault_breaks_just_its_rules(sample: Sample, old: bytes, new: bytes, rules: set[str]) -> None:
    """A fault in a good NLCIUS invoice fires the rules about it."""
    xml = sample("nlcius-invoice")
    assert old in xml

    assert broken_rules(xml.replace(old, new, 1)) == rules


@pytest.mark.parametrize("category", [b"S", b"E", b"O"])
def test_empty_rate_of_the_breakdown_is_missing(sample: Sample, category: bytes) -> None:
    """Also where the VAT is nothing, and no rate at all would do."""
    xml = sample("nlcius-invoice").replace(b"<cbc:ID>S</cbc:ID><cbc:Percent>21<", b"<cbc:ID>%s</cbc:ID><cbc:Percent><")

    assert "BR-48" in broken_rules(xml.replace(b"%s", category))


ALLOWANCE = (
    b"<cac:AllowanceCharge><cbc:ChargeIndicator>%s</cbc:ChargeIndicator>%s"
    b'<cbc:Amount currencyID="EUR">%s</cbc:Amount></cac:AllowanceCharge>'
)
"""Of a line: true or false, more, amount."""
REASON = b"<cbc:AllowanceChargeReason>x</cbc:AllowanceChargeReason>"
TENTH = REASON + b"<cbc:MultiplierFactorNumeric>10</cbc:MultiplierFactorNumeric>"
LINE_END = b"100.00</cbc:LineExtensionAmount>"


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (b"billing:01:1.0", b"billing:03:1.0", {"PEPPOL-EN16931-R007"}),
        (b"<cbc:BuyerReference>INKOOP-7</cbc:BuyerReference>", b"", {"PEPPOL-EN16931-R003"}),
        (b"<cbc:StreetName>Broodweg 1</cbc:StreetName>", b"<cbc:StreetName/>", {"PEPPOL-EN16931-R008"}),
        (b'<cbc:EndpointID schemeID="0106">12345670</cbc:EndpointID>', b"", {"PEPPOL-EN16931-R020"}),
        (b'<cbc:EndpointID schemeID="0106">12345670<', b'<cbc:EndpointID schemeID="0088">8712345000005<',
         {"PEPPOL-COMMON-R040"}),
        (b'<cbc:EndpointID schemeID="0106">', b'<cbc:EndpointID schemeID="EM">', {"PEPPOL-EN16931-CL008"}),
        (b"2026-11-02</cbc:IssueDate>", b"2026-11-02Z</cbc:IssueDate>", {"PEPPOL-EN16931-F001"}),
        (b"380</cbc:InvoiceTypeCode>", b"384</cbc:InvoiceTypeCode>", {"PEPPOL-EN16931-P0112"}),
        (b"<cbc:DueDate>", b"<cbc:ProfileID>x</cbc:ProfileID><cbc:DueDate>", {"CON-REPEATED"}),
        (b"30</cbc:PaymentMeansCode>", b"59</cbc:PaymentMeansCode>", {"PEPPOL-EN16931-R061"}),
        (b"30</cbc:PaymentMeansCode>", b"31</cbc:PaymentMeansCode>", {"NL-R-008"}),
        (b"<cbc:CityName>Voorbeeldstad</cbc:CityName>", b"", {"NL-R-002"}),
        (b'<cbc:CompanyID schemeID="0106">', b'<cbc:CompanyID schemeID="0002">', {"NL-R-003"}),
        (LINE_END, LINE_END + ALLOWANCE % (b"false", REASON, b"0.02"), set()),
        (LINE_END, LINE_END + ALLOWANCE % (b"false", REASON, b"0.03"), {"PEPPOL-EN16931-R120"}),
        (LINE_END, LINE_END + ALLOWANCE % (b"true", TENTH, b"0.00"), {"PEPPOL-EN16931-R041"}),
        (LINE_END, LINE_END + ALLOWANCE % (b"1", REASON, b"0.00"), {"PEPPOL-EN16931-R043"}),
    ],
)  # fmt: skip
def test_peppol_asks_more(sample: Sample, old: bytes, new: bytes, rules: set[str]) -> None:
    """A fault in a good Peppol invoice fires Peppol's own rules, and the Dutch ones among them."""
    xml = sample("peppol-bis-invoice")
    assert old in xml

    assert broken_rules(xml.replace(old, new, 1)) == rules


def test_g_account_splits_the_amount_due(sample: Sample) -> None:
    """Two parts, each paid in its own way, together the amount due; one of them goes to the blocked account."""
    means = b"<cac:PaymentMeans><cbc:ID>%s</cbc:ID><cbc:PaymentMeansCode>58</cbc:PaymentMeansCode>"
    means += (
        b"<cac:PayeeFinancialAccount><cbc:ID>NL91ABNA0417164300</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>"
    )
    part = b"<cac:PaymentTerms><cbc:PaymentMeansID>%s</cbc:PaymentMeansID>"
    part += b'<cbc:Amount currencyID="EUR">%s</cbc:Amount></cac:PaymentTerms>'
    xml = sample("nlcius-invoice").replace(b"nlcius:v1.0", b"nlcius:v1.0#conformant#urn:fdc:nen.nl:gaccount:v1.0")
    start, end = xml.index(b"<cac:PaymentMeans>"), xml.index(b"<cac:TaxTotal>")

    def split(first: bytes, second: bytes, *, account: bytes = b"GACCOUNT") -> set[str]:
        parts = means % b"BANK" + means % account + part % (b"BANK", first) + part % (b"GACCOUNT", second)
        return broken_rules(xml[:start] + parts + xml[end:])

    assert split(b"150.00", b"25.50") == set()
    assert split(b"150.00", b"25.51") == {"BR-GA-3"}
    assert split(b"150.00", b"25.50", account=b"OTHER") == {"BR-GA-6", "BR-GA-7"}
    assert broken_rules(xml) == {f"BR-GA-{number}" for number in (1, 2, 3, 5, 7)}
    credit_note = sample("nlcius-credit-note").replace(
        b"nlcius:v1.0", b"nlcius:v1.0#conformant#urn:fdc:nen.nl:gaccount:v1.0"
    )
    assert broken_rules(credit_note) == set()


def test_dutch_rules_are_for_dutch_sellers(sample: Sample) -> None:
    """A seller elsewhere has no KvK number and may be paid in other ways."""
    xml = sample("nlcius-invoice").replace(b'schemeID="0106"', b'schemeID="0002"')
    xml = xml.replace(b"30</cbc:PaymentMeansCode>", b"31</cbc:PaymentMeansCode>")
    abroad = xml.replace(b"<cbc:IdentificationCode>NL<", b"<cbc:IdentificationCode>BE<", 1)

    assert broken_rules(xml) == {"BR-NL-1", "BR-NL-10", "BR-NL-12"}
    assert broken_rules(abroad) == set()


NLCIUS_CLAIM = b"urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0"


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (b"<cbc:CustomizationID>" + NLCIUS_CLAIM + b"</cbc:CustomizationID>", b"", {"BII2-T10-R001", "BR-01"}),
        (NLCIUS_CLAIM, b"urn:cen.eu:en16931:2017", {"SI-V20-INV-R000"}),
        (NLCIUS_CLAIM, b"#compliant#urn:fdc:nen.nl:nlcius:v1.0", {"SI-V20-INV-R000", "BR-NL-2"}),
        (NLCIUS_CLAIM, b"  " + NLCIUS_CLAIM + b"#more", {"BR-NL-2"}),
    ],
)
def test_dutch_rules_are_for_what_claims_them(sample: Sample, old: bytes, new: bytes, rules: set[str]) -> None:
    """NLCIUS is asked of a file that says to keep to it; that it says nothing is a fault by itself."""
    xml = sample("nlcius-invoice").replace(b"<cbc:BuyerReference>INKOOP-7</cbc:BuyerReference>", b"")
    assert old in xml

    assert broken_rules(xml.replace(old, new, 1), rules="nlcius") == rules


def test_white_space_around_a_kind_of_number_means_nothing(sample: Sample) -> None:
    """BR-NL-1 and -10 look for 0106 between spaces."""
    xml = sample("nlcius-invoice").replace(b'<cbc:CompanyID schemeID="0106">', b'<cbc:CompanyID schemeID=" 0106 ">')

    assert broken_rules(xml) == set()


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        (b'PayableAmount currencyID="EUR">175.50', b'PayableAmount currencyID="EUR">175.51', {"BII2-T10-R056"}),
        (b'TaxInclusiveAmount currencyID="EUR">175.50', b'TaxInclusiveAmount currencyID="EUR">175.49',
         {"BII2-T10-R053", "BII2-T10-R056"}),
        (b"<cbc:UBLVersionID>2.1</cbc:UBLVersionID>", b"", {"SI-V12-INV-R001"}),
        (b"<cbc:IssueDate>2026-11-02</cbc:IssueDate>", b"", {"BII2-T10-R004"}),
        (b'<cbc:TaxAmount currencyID="EUR">', b'<cbc:TaxAmount currencyID="EURO">', {"CL-T10-R003", "SI-V12-INV-R026"}),
    ],
)  # fmt: skip
def test_si_ubl_has_rules_of_its_own(sample: Sample, old: bytes, new: bytes, rules: set[str]) -> None:
    """The older format is held to its own rule ids."""
    assert broken_rules(sample("si-ubl-1.2-invoice").replace(old, new, 1)) == rules


CLAIM_1_0 = (
    b"urn:www.cenbii.eu:transaction:biicoretrdm010:ver1.0:#urn:www.peppol.eu:bis:peppol4a:ver1.0#"
    b"urn:www.simplerinvoicing.org:si-ubl:invoice:ver1.0.x"
)


def test_si_ubl_1_0_has_rules_of_its_own(sample: Sample) -> None:
    """The oldest format asks for names and positive amounts; its credit notes are not held to rules for invoices."""
    xml = sample("si-ubl-1.2-invoice")
    old = xml[xml.index(b"<cbc:CustomizationID>") + 21 : xml.index(b"</cbc:CustomizationID>")]
    xml = xml.replace(old, CLAIM_1_0).replace(b">2.1</cbc:UBLVersionID>", b">2.0</cbc:UBLVersionID>")

    assert broken_rules(xml) == set()
    assert broken_rules(xml.replace(b">175.50<", b">-175.50<")) >= {"SI-UBL-INV-R440", "BIIRULE-T10-R014"}
    assert broken_rules(xml.replace(b"<cbc:Name>Brood<", b"<cbc:Name>x</cbc:Name><cbc:Name>Brood<")) == {"CON-REPEATED"}
    day = b"<cbc:IssueDate>2026-11-02</cbc:IssueDate>"
    assert broken_rules(xml.replace(day, day * 2)) == {"CON-REPEATED"}
    assert (
        broken_rules(xml.replace(b"Invoice", b"CreditNote").replace(b"si-ubl:invoice", b"si-ubl:credit-note")) == set()
    )


def si_ubl_1_1(xml: bytes) -> bytes:
    return xml.replace(b"si-ubl:ver1.2<", b"si-ubl:ver1.1<")


UNIT = b'unitCode="HUR"'
REFERENCE = b"<cac:%sDocumentReference><cbc:ID>1</cbc:ID>%s</cac:%sDocumentReference><cac:AccountingSupplierParty>"
CONTRACT = b'<cbc:DocumentTypeCode listID="UNCL1001">%s</cbc:DocumentTypeCode>'
FILE = b'<cac:Attachment><cbc:EmbeddedDocumentBinaryObject mimeCode="%s"/></cac:Attachment>'
ORIGIN = b'<cac:OriginCountry><cbc:IdentificationCode listID="ISO3166-1:Alpha2">%s</cbc:IdentificationCode>'
"""What a contract, an attachment and the origin of an item consist of."""


def contract(code: bytes) -> bytes:
    return REFERENCE % (b"Contract", CONTRACT % code, b"Contract")


def attachment(media_type: bytes) -> bytes:
    return REFERENCE % (b"Additional", FILE % media_type, b"Additional")


@pytest.mark.parametrize(
    ("old", "new", "in_1_2", "in_1_1"),
    [
        (b">NL</cbc:Id", b">RE</cbc:Id", {"CL-T10-R004"}, set()),
        (b">NL</cbc:Id", b">AN</cbc:Id", set(), set()),
        (b">NL</cbc:Id", b">SS</cbc:Id", {"CL-T10-R004"}, {"CL-T10-R004"}),
        (b"<cbc:Name>Brood</cbc:Name>", b"<cbc:Name>Brood</cbc:Name>" + ORIGIN % b"RE" + b"</cac:OriginCountry>",
         set(), {"SI-V11-INV-R021"}),
        (b"<cbc:Name>Brood</cbc:Name>", b"<cbc:Name>Brood</cbc:Name>" + ORIGIN % b"BQ" + b"</cac:OriginCountry>",
         {"SI-V12-CODE-R003"}, {"SI-V11-INV-R021"}),
        (b'<cbc:CompanyID schemeID="NL:KVK"', b'<cbc:CompanyID schemeID="FR:VAT"', set(), {"OP-T10-R008"}),
        (b'<cbc:EndpointID schemeID="NL:KVK"', b'<cbc:EndpointID schemeID="NL:OINO"', set(), {"OP-T10-R002"}),
        (b'<cbc:ID schemeID="UN/ECE 5153">VAT<', b'<cbc:ID schemeID="UN/ECE 5153">AAL<',
         {"SI-V12-CODE-R002"}, {"SI-V11-CODE-R002"}),
        (b'<cbc:ID schemeID="UN/ECE 5153">VAT<', b'<cbc:ID schemeID="UN/ECE 5153">AAK<', set(), set()),
        (UNIT, b'unitCode="K29"', {"OP-T10-R006"}, {"OP-T10-R006"}),
        (UNIT, b'unitCode="K72"', {"OP-T10-R006"}, {"OP-T10-R006"}),
        (b"<cac:AccountingSupplierParty>", contract(b"470"), set(), set()),
        (b"<cac:AccountingSupplierParty>", contract(b"471"), {"OP-T10-R001"}, {"OP-T10-R001"}),
        (b"<cac:AccountingSupplierParty>", contract(b"973"), {"OP-T10-R001"}, {"OP-T10-R001"}),
        (b"<cac:AccountingSupplierParty>", attachment(b"application/vnd.ms-excel"), set(), set()),
        (b"<cac:AccountingSupplierParty>", attachment(b"text/javascript (obsolete)"), set(), set()),
        (b"<cac:AccountingSupplierParty>",
         attachment(b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
         {"CL-T10-R008"}, {"CL-T10-R008"}),
    ],
)  # fmt: skip
def test_si_ubl_keeps_to_the_lists_of_its_time(
    sample: Sample, old: bytes, new: bytes, in_1_2: set[str], in_1_1: set[str]
) -> None:
    """A code is judged by the list that the version of the format has published, however old."""
    xml = sample("si-ubl-1.2-invoice").replace(old, new, 1)

    assert (broken_rules(xml), broken_rules(si_ubl_1_1(xml))) == (in_1_2, in_1_1)


SECOND_NUMBER = (
    b'<cac:PartyTaxScheme><cbc:CompanyID schemeID="NL:VAT">NL111222333B01</cbc:CompanyID><cac:TaxScheme>'
    b'<cbc:ID schemeID="UN/ECE 5153">VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme><cac:PartyLegalEntity>'
)
MEANS = b'<cac:PaymentMeans>%s</cac:PaymentMeans><cac:TaxTotal>\n    <cbc:TaxAmount currencyID="EUR">25.50'
CODE = b'<cbc:PaymentMeansCode listID="UNCL4461">42</cbc:PaymentMeansCode>'
TOTAL = MEANS[MEANS.index(b"<cac:TaxTotal>") :]
FIRST_LINE = b'<cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>'
HALF_LINE = FIRST_LINE.replace(b"100.00", b"50.00")


def test_reverse_charge_of_a_line_is_not_that_of_the_invoice(sample: Sample) -> None:
    """SI-UBL 1.1 asks no VAT only in the invoice's own total (R050), 1.2 in every total."""
    tax = sample("si-ubl-1.2-invoice")
    start, end = tax.index(b"<cac:TaxTotal>"), tax.index(b"</cac:TaxTotal>") + len(b"</cac:TaxTotal>")
    of_line = tax[start:end].replace(b">S<", b">AE<")
    xml = tax.replace(b"<cac:Item>", of_line + b"<cac:Item>", 1)

    assert broken_rules(si_ubl_1_1(xml)) == set()
    assert broken_rules(xml) == {"BII2-T10-R049", "BII2-T10-R050"}


@pytest.mark.parametrize(
    ("old", "new", "in_1_2", "in_1_1"),
    [
        (TOTAL, MEANS % (CODE + CODE), {"CON-REPEATED"}, {"CON-REPEATED"}),
        (b"<cac:PartyLegalEntity>", SECOND_NUMBER, set(), {"CON-REPEATED"}),
        (b"<cbc:Percent>21</cbc:Percent>", b"<cbc:Percent>21</cbc:Percent>" * 2, {"CON-REPEATED"}, {"CON-REPEATED"}),
        (FIRST_LINE, HALF_LINE + HALF_LINE, {"CON-REPEATED"}, set()),
    ],
)  # fmt: skip
def test_what_si_ubl_reads_as_one_value_stands_once(
    sample: Sample, old: bytes, new: bytes, in_1_2: set[str], in_1_1: set[str]
) -> None:
    """The official sets stop with an error at a second one; 1.1 does so at a second tax number of the seller."""
    xml = sample("si-ubl-1.2-invoice").replace(old, new, 1)

    assert (broken_rules(xml), broken_rules(si_ubl_1_1(xml))) == (in_1_2, in_1_1)


@pytest.mark.parametrize(
    ("rules", "broken"),
    [
        ("si-ubl-1.0", {"BII2-T10-R001"}),
        ("si-ubl-1.1", {"BII2-T10-R001"}),
        ("si-ubl-1.2", {"BII2-T10-R001", "BII2-T10-R004"}),
    ],
)
def test_si_ubl_holds_only_what_claims_it(sample: Sample, rules: str, broken: set[str]) -> None:
    """Of a file without a claim 1.0 and 1.1 ask nothing but that; 1.2 asks what it has from others, not its own."""
    xml = sample("si-ubl-1.2-invoice").replace(b"<cbc:UBLVersionID>2.1</cbc:UBLVersionID>", b"")
    xml = xml.replace(b"<cbc:IssueDate>2026-11-02</cbc:IssueDate>", b"")
    start, end = xml.index(b"<cbc:CustomizationID>"), xml.index(b"<cbc:ProfileID>")

    assert broken_rules(xml[:start] + xml[end:], rules=rules) == broken


@pytest.mark.parametrize(
    ("start", "end", "rules"),
    [
        (b"2026-10-01", b"2026-10-31", set()),
        (b"20261001", b"2026-10-31", set()),
        (b"2026-02-30", b"2026-10-31", set()),
        (b"2026-11-01", b"2026-10-31", {"BII2-T10-R031"}),
        (b"2026-10-01Z", b"2026-10-31", {"BII2-T10-R031"}),
        (b"2026-10-01", b"October", {"BII2-T10-R031"}),
    ],
)
def test_si_ubl_compares_days_as_numbers(sample: Sample, start: bytes, end: bytes, rules: set[str]) -> None:
    """R031 takes the hyphens out and compares what is left; it is no calendar."""
    period = b"<cac:InvoicePeriod><cbc:StartDate>%s</cbc:StartDate><cbc:EndDate>%s</cbc:EndDate></cac:InvoicePeriod>"
    xml = sample("si-ubl-1.2-invoice")
    xml = xml.replace(b"<cac:AccountingSupplierParty>", period % (start, end) + b"<cac:AccountingSupplierParty>")

    assert broken_rules(xml) == rules


def test_units_of_extensions_are_not_those_of_si_ubl(sample: Sample) -> None:
    """The lists are about UBL's own quantities; the energy extension has units of its own."""
    quantity = (
        b'<x:Meter xmlns:x="urn:www.energie-efactuur.nl:profile:invoice:ver1.0" unitCode="stand" currencyID="x"/>'
    )
    xml = sample("si-ubl-1.2-invoice").replace(b"<cac:Item>", quantity + b"<cac:Item>", 1)

    assert (broken_rules(xml), broken_rules(si_ubl_1_1(xml))) == (set(), set())


def test_empty_total_is_no_total_in_si_ubl_1_1(sample: Sample) -> None:
    """R012 is content with the element, and the sums stop with an error at what is no number."""
    xml = si_ubl_1_1(sample("si-ubl-1.2-invoice"))
    empty = xml.replace(b'TaxInclusiveAmount currencyID="EUR">175.50', b'TaxInclusiveAmount currencyID="EUR">')

    assert broken_rules(empty) == {"BII2-T10-R053", "BII2-T10-R056"}


def test_total_vat_in_no_currency_is_in_another_one(sample: Sample) -> None:
    """SI-V12-INV-R026 asks the currency of the VAT total; of other amounts it looks only at one that is written."""
    xml = sample("si-ubl-1.2-invoice")

    assert broken_rules(xml.replace(b'TaxAmount currencyID="EUR">25.50', b"TaxAmount>25.50")) == {"SI-V12-INV-R026"}
    assert broken_rules(xml.replace(b'TaxAmount currencyID="EUR">21.00', b"TaxAmount>21.00")) == set()


def test_si_ubl_1_0_and_1_1_subtract_in_floating_point(sample: Sample) -> None:
    """1200.30 - 1000.10 is 200.20, and in binary it is not; the sets that compare it so refuse what is right."""
    xml = sample("si-ubl-1.2-invoice").replace(b">175.50<", b">%s<")
    claim = xml[xml.index(b"<cbc:CustomizationID>") + 21 : xml.index(b"</cbc:CustomizationID>")]
    prepaid = b'<cbc:PrepaidAmount currencyID="EUR">1000.10</cbc:PrepaidAmount><cbc:PayableAmount'
    rounding = b'<cbc:PayableRoundingAmount currencyID="EUR">1000.10</cbc:PayableRoundingAmount><cbc:PayableAmount'

    def broken(more: bytes, stated: bytes, payable: bytes, *, rules: str) -> set[str]:
        claimed = {"si-ubl-1.0": CLAIM_1_0, "si-ubl-1.1": claim.replace(b"ver1.2", b"ver1.1")}.get(rules, claim)
        return broken_rules(
            xml.replace(claim, claimed).replace(b"<cbc:PayableAmount", more) % (stated, payable), rules=rules
        )

    assert 1200.30 - 1000.10 != 200.20
    assert "BIIRULE-T10-R017" in broken(prepaid, b"1200.30", b"200.20", rules="si-ubl-1.0")
    assert "BIIRULE-T10-R017" not in broken(prepaid, b"1000.60", b"0.50", rules="si-ubl-1.0")
    assert "BII2-T10-R056" in broken(rounding, b"200.20", b"1200.30", rules="si-ubl-1.1")
    assert "BII2-T10-R056" not in broken(prepaid, b"1200.30", b"200.20", rules="si-ubl-1.1")
    assert "BII2-T10-R056" not in broken(prepaid, b"1200.30", b"200.20", rules="si-ubl-1.2")


def test_rounding_is_inside_the_total_with_vat_in_si_ubl(sample: Sample) -> None:
    """SI-UBL 1.x: with VAT = without + VAT + rounding (R053), unlike EN 16931."""
    xml = sample("si-ubl-1.2-invoice").replace(b">175.50<", b">175.52<")
    rounding = b'<cbc:PayableRoundingAmount currencyID="EUR">0.02</cbc:PayableRoundingAmount><cbc:PayableAmount'

    assert broken_rules(xml.replace(b"<cbc:PayableAmount", rounding)) == set()


def test_finding_names_its_place(sample: Sample) -> None:
    """The path counts elements of the same name, and also names what is missing."""
    xml = sample("nlcius-invoice").replace(b"<cbc:Name>Brood</cbc:Name>", b"")

    (finding,) = check_invoice(xml)[1]

    assert finding.path == "/Invoice/cac:InvoiceLine[2]/cac:Item/cbc:Name"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "windows-1252", "utf8"])
def test_encoding_changes_nothing(sample: Sample, encoding: str) -> None:
    """Whatever the reading can read can be checked."""
    text = sample("nlcius-invoice").decode().replace("<cbc:Name>Brood</cbc:Name>", "").replace(">Broodweg", ">Brôdweg")
    xml = text.replace('encoding="UTF-8"', f'encoding="{encoding.removesuffix("-sig")}"').encode(encoding)

    assert broken_rules(xml) == {"BR-25"}


def test_files_that_promise_nothing_get_warnings(sample: Sample) -> None:
    """A wrong total in bare UBL is told and does not hold the invoice."""
    xml = sample("bare-ubl-invoice").replace(
        b'PayableAmount currencyID="EUR">175.50', b'PayableAmount currencyID="EUR">1'
    )

    findings = check_invoice(xml)[1]

    assert [(f.rule, f.severity) for f in findings] == [("BR-CO-16", Severity.WARNING)]


def test_rules_of_another_format_can_be_asked(sample: Sample) -> None:
    """A Peppol invoice is no NLCIUS invoice, which the NLCIUS rules say; unknown formats are refused."""
    xml = sample("peppol-bis-invoice")

    assert broken_rules(xml, rules="nlcius") == {"SI-V20-INV-R000"}
    with pytest.raises(WrongUsage):
        check_invoice(xml, rules="klingon")[1]


def test_rules_are_told_in_both_languages() -> None:
    """Every rule of every format has a sentence in Dutch and one in English; an official one is in one family only."""
    for families in PROFILES.values():
        rules = [rule for family in families for rule in family]
        ids = [{rule.id for rule in family if not rule.id.startswith("CON-")} for family in families]

        assert all(rule.english and rule.dutch and rule.english != rule.dutch for rule in rules)
        assert sum(map(len, ids)) == len(set().union(*ids))


UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
OPENING = (
    f'<Invoice xmlns="{UBL}Invoice-2" xmlns:cac="{UBL}CommonAggregateComponents-2" '
    f'xmlns:cbc="{UBL}CommonBasicComponents-2"><cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>'
).encode()


def test_findings_are_bounded_and_fatality_is_not_lost() -> None:
    """At most a hundred of a rule and five hundred in all, the fatal ones first; the rest is one fatal sum."""
    xml = OPENING + b"<cac:InvoiceLine/>" * 10_000 + b"</Invoice>"

    *listed, more = check_invoice(xml)[1]

    assert len(listed) == MOST_IN_ALL
    assert max(Counter(finding.rule for finding in listed).values()) == MOST_PER_RULE
    assert (more.rule, more.severity) == ("CON-MORE", Severity.FATAL)
    assert int(more.message_en.split()[0]) + len(listed) > 60_000


def test_fatal_finding_is_listed_behind_any_number_of_warnings() -> None:
    """Where not all can be listed, warnings make room."""
    found = Findings()
    for rule in range(10):
        for _ in range(MOST_PER_RULE + 7):
            found.add(made(f"W{rule}", Severity.WARNING))
    found.add(made("F", Severity.FATAL))

    first, *_, more = found.listed()

    assert (first.rule, more.severity) == ("F", Severity.WARNING)
    assert more.message_en.startswith("571 more findings")


def made(rule: str, severity: Severity) -> Finding:
    return Finding(rule=rule, severity=severity, path="", message_en="x", message_nl="y")


def without_each_element(xml: bytes) -> Iterator[Document]:
    """The invoice as often as it has elements, each time without another one."""
    for number in range(1, len(list(ElementTree.fromstring(xml).iter()))):
        root = ElementTree.fromstring(xml)
        child = list(root.iter())[number]
        next(parent for parent in root.iter() if child in parent).remove(child)
        yield Document(Tree(root))


@pytest.mark.parametrize("name", [path.stem for path in sorted(SAMPLES.glob("*.xml"))])
def test_a_rule_is_broken_only_where_what_it_needs_is(sample: Sample, name: str) -> None:
    """No rule of any format would find anything in an invoice for which it need not be asked."""
    rules = {rule for families in PROFILES.values() for family in families for rule in family}
    missed = set()
    for checked in without_each_element(sample(name)):
        unasked = (rule for rule in rules if not rule.needs <= checked.names)
        missed |= {rule.id for rule in unasked if list(rule.broken_at(checked))}

    assert missed == set()


def test_place_inside_a_foreign_element_has_a_path() -> None:
    """An element of another namespace may have any name, points included."""
    amount = b'<x:a.b xmlns:x="u"><cbc:Amount currencyID="XYZ">1</cbc:Amount></x:a.b>'

    findings = check_invoice(OPENING + amount + b"</Invoice>", rules="en16931")[1]

    assert [one.path for one in findings if one.rule == "BR-CL-03"] == ["/Invoice/{u}a.b/cbc:Amount/@currencyID"]


def test_rows_of_the_breakdown_are_not_compared_with_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are summed once by rate: the rates compared grow with lines plus rows, not with their product."""
    tax = b"<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
    line = b"<cac:InvoiceLine><cac:Item><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>21</cbc:Percent>"
    line += b"</cac:ClassifiedTaxCategory></cac:Item>"
    line += b"<cbc:LineExtensionAmount>1</cbc:LineExtensionAmount></cac:InvoiceLine>"
    row = b"<cac:TaxSubtotal><cbc:TaxableAmount>1</cbc:TaxableAmount>"
    row += b"<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>21</cbc:Percent>" + tax
    row += b"</cac:TaxCategory></cac:TaxSubtotal>"
    xml = OPENING + line * 300 + b"<cac:TaxTotal>" + row * 300 + b"</cac:TaxTotal></Invoice>"
    compared = 0

    class Rate(Decimal):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return super().__eq__(other)

        __hash__ = Decimal.__hash__

    monkeypatch.setattr(document, "parse_decimal", lambda text: Rate(text) if text else None)

    check_invoice(xml)

    assert 0 < compared < 20 * (300 + 300)


@given(st.integers(-(10**9), 10**9))
def test_a_half_is_rounded_up(thousandths: int) -> None:
    """r2(x) = floor(100 x + 0.5) / 100, in whole numbers: floor((x1000 + 5) / 10)."""
    assert round_2(Decimal(thousandths) / 1000) == Decimal((thousandths + 5) // 10) / 100
