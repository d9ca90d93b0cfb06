"""checks: a rule fires on the fault that it names, put into a good invoice: a row for each, also of the rare ones."""

from collections.abc import Callable

import pytest

from connector.ingest.checks import check_invoice
from connector.invoice import Severity

Sample = Callable[[str], bytes]
Change = Callable[[bytes], bytes]
Row = tuple[str, Change]
"""A rule's id, and what is done to a good invoice to break it."""


def fatal_rules(xml: bytes, rules: str) -> set[str]:
    return {one.rule for one in check_invoice(xml, rules=rules)[1] if one.severity is Severity.FATAL}


def swap(*texts: str) -> Change:
    """Replace the first, third … text, where it stands first, by the one that follows it here."""

    def change(xml: bytes) -> bytes:
        for old, new in zip(texts[::2], texts[1::2], strict=True):
            assert old.encode() in xml, old
            xml = xml.replace(old.encode(), new.encode(), 1)
        return xml

    return change


def everywhere(old: str, new: str) -> Change:
    return lambda xml: xml.replace(old.encode(), new.encode())


def before(anchor: str, new: str) -> Change:
    return swap(anchor, new + anchor)


def after(anchor: str, new: str) -> Change:
    return swap(anchor, anchor + new)


def without(text: str) -> Change:
    return swap(text, "")


def twice(text: str) -> Change:
    return swap(text, text * 2)


def cut(name: str) -> Change:
    """Take the first element of the name away, with all that is in it."""

    def change(xml: bytes) -> bytes:
        start, end = f"<{name}".encode(), f"</{name}>".encode()
        return xml[: xml.index(start)] + xml[xml.index(end) + len(end) :]

    return change


def both(*changes: Change) -> Change:
    def change(xml: bytes) -> bytes:
        for one in changes:
            xml = one(xml)
        return xml

    return change


def cbc(name: str, text: str = "x", /, **attributes: str) -> str:
    written = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<cbc:{name}{written}>{text}</cbc:{name}>"


def cac(name: str, *parts: str) -> str:
    return f"<cac:{name}>{''.join(parts)}</cac:{name}>"


def amount(name: str, text: str) -> str:
    return cbc(name, text, currencyID="EUR")


def allowance(indicator: str, *parts: str, value: str = "0.00") -> str:
    """A discount (false) or surcharge (true)."""
    return cac("AllowanceCharge", cbc("ChargeIndicator", indicator), *parts, amount("Amount", value))


def named(*names: str) -> str:
    return "".join(cac("PartyName", cbc("Name", name)) for name in names)


def numbered(*numbers: str, **attributes: str) -> str:
    return "".join(cac("PartyIdentification", cbc("ID", number, **attributes)) for number in numbers)


def reference(name: str, *parts: str) -> str:
    return cac(f"{name}DocumentReference", cbc("ID", "1"), *parts)


SELLER = "<cac:AccountingSupplierParty>"
"""Before it stand references and periods of the invoice."""
MEANS = "<cac:PaymentMeans>"
"""Before it stand parties and deliveries."""
TAX = "<cac:TaxTotal>"
"""Before it stand ways to pay, discounts and surcharges."""
LINE = "</cbc:LineExtensionAmount>\n    <cac:Item>"
ITEM = "<cbc:Name>Advies</cbc:Name>"
SELLER_NAME = named("Bakkerij Voorbeeld B.V.")
BUYER_NAME = named("Fictief Vastgoed B.V.")
PRICE = '<cbc:PriceAmount currencyID="EUR">50.00</cbc:PriceAmount>'
VAT = cac("TaxScheme", cbc("ID", "VAT"))
VAT_NUMBER = cac("PartyTaxScheme", cbc("CompanyID", "NL111222333B01"), VAT)
ADDRESS = cac("PostalAddress", cac("Country", cbc("IdentificationCode", "BE")))
OBJECT = cbc("DocumentTypeCode", "130")
REASON = cbc("AllowanceChargeReason")
CATEGORY = cac("TaxCategory", cbc("ID", "S"), cbc("Percent", "21"), VAT)
FIRST_ROW = "<cbc:ID>S</cbc:ID><cbc:Percent>21</cbc:Percent>"


def in_line(new: str) -> Change:
    """Put something into the first line, before its item."""
    return swap(LINE, LINE.replace("<cac:Item>", new + "<cac:Item>"))


def means(*parts: str, code: str = cbc("PaymentMeansCode", "30")) -> str:
    return cac("PaymentMeans", code, *parts)


def total(name: str, text: str) -> Change:
    return before("<cbc:PayableAmount", amount(name, text))


def own(indicator: str, *parts: str, value: str = "0.00") -> Change:
    """Put a discount or surcharge of nothing into the invoice, with its total."""
    name = {"false": "AllowanceTotalAmount", "true": "ChargeTotalAmount"}[indicator]
    return both(before(TAX, allowance(indicator, *parts, value=value)), total(name, "0.00"))


def more_decimals(name: str, value: str) -> Change:
    """Write a third decimal, a nought, behind an amount of the sample."""
    text = f'<cbc:{name} currencyID="EUR">{value}'
    return swap(text, text + "0")


NLCIUS: tuple[Row, ...] = (
    ("UBL-SR-01", before(SELLER, reference("Contract") * 2)),
    ("UBL-SR-02", before(SELLER, reference("Receipt") * 2)),
    ("UBL-SR-03", before(SELLER, reference("Despatch") * 2)),
    ("UBL-SR-04", before(SELLER, reference("Additional", OBJECT) * 2)),
    ("UBL-SR-06", before(SELLER, cac("BillingReference", reference("Invoice") * 2))),
    ("UBL-SR-10", twice(SELLER_NAME)),
    ("UBL-SR-14", after(cbc("CompanyID", "12345670", schemeID="0106"), cbc("CompanyLegalForm") * 2)),
    ("UBL-SR-15", twice(cbc("RegistrationName", "Fictief Vastgoed B.V."))),
    ("UBL-SR-16", before(BUYER_NAME, numbered("1", "2"))),
    ("UBL-SR-18", after(BUYER_NAME, VAT_NUMBER)),
    ("UBL-SR-19", before(MEANS, cac("PayeeParty", named("Bank van Nergens", "Bank van Ergens")))),
    ("UBL-SR-20", before(MEANS, cac("PayeeParty", numbered("1", "2"), named("Bank van Nergens")))),
    ("UBL-SR-21", before(MEANS, cac("PayeeParty", named("Bank van Nergens"),
                                    cac("PartyLegalEntity", cbc("CompanyID", "1")) * 2))),
    ("UBL-SR-22", before(MEANS, cac("TaxRepresentativeParty", named("A", "B"), ADDRESS, VAT_NUMBER))),
    ("UBL-SR-23", before(MEANS, cac("TaxRepresentativeParty", named("A"), ADDRESS, VAT_NUMBER * 2))),
    ("UBL-SR-24", before(MEANS, cac("Delivery", cbc("ActualDeliveryDate", "2026-11-01")) * 2)),
    ("UBL-SR-25", before(MEANS, cac("Delivery", cac("DeliveryParty", named("A", "B"))))),
    ("UBL-SR-26", twice(cbc("PaymentID", "2026-0042"))),
    ("UBL-SR-27", twice(cbc("PaymentMeansCode", "30"))),
    ("UBL-SR-28", after(cbc("PaymentID", "2026-0042"), cac("PaymentMandate", cbc("ID", "1") * 2))),
    ("UBL-SR-29", before(SELLER_NAME, numbered("NL1", "NL2", schemeID="SEPA"))),
    ("UBL-SR-30", own("false", REASON * 2, CATEGORY)),
    ("UBL-SR-31", own("true", REASON * 2, CATEGORY)),
    ("UBL-SR-32", after(FIRST_ROW, cbc("TaxExemptionReason") * 2)),
    ("UBL-SR-33", twice(cbc("DocumentDescription", "Commercial invoice"))),
    ("UBL-SR-34", in_line(cbc("Note") * 2)),
    ("UBL-SR-35", in_line(cac("OrderLineReference", cbc("LineID", "1")) * 2)),
    ("UBL-SR-36", in_line(cac("InvoicePeriod", cbc("StartDate", "2026-10-01")) * 2)),
    ("UBL-SR-37", after(PRICE, allowance("false") * 2)),
    ("UBL-SR-39", before(SELLER, cac("ProjectReference", cbc("ID", "1")) * 2)),
    ("UBL-SR-40", twice(BUYER_NAME)),
    ("UBL-SR-44", before(TAX, means(cbc("PaymentID", "another")))),
    ("UBL-SR-45", both(after(cbc("PaymentMeansCode", "30"), cbc("PaymentDueDate", "2026-12-02")),
                       before(TAX, means(cbc("PaymentDueDate", "2026-12-02"))))),
    ("UBL-SR-46", both(swap("<cbc:PaymentMeansCode>", '<cbc:PaymentMeansCode name="a">'),
                       before(TAX, means(code=cbc("PaymentMeansCode", "30", name="b"))))),
    ("UBL-SR-50", before(ITEM, cbc("Description") * 2)),
    ("UBL-SR-51", after(cbc("PostalZone", "1234 AB"), cac("AddressLine", cbc("Line")) * 2)),
    ("UBL-SR-54", before(TAX, means(cac("CardAccount", cbc("PrimaryAccountNumberID", "1234"), cbc("NetworkID")) * 2))),
    ("UBL-SR-55", before(TAX, means(cac("PaymentMandate", cbc("ID", "1"))) * 2)),
    ("UBL-SR-56", before(SELLER, reference("Originator") * 2)),
    ("UBL-CR-666", before(SELLER, reference("Additional", OBJECT, cac("Attachment",
                   cac("ExternalReference", cbc("URI", "https://example.com/")))))),
    ("UBL-CR-673", before(SELLER, reference("Additional", OBJECT, cbc("DocumentDescription")))),
    ("BR-DEC-01", own("false", REASON, CATEGORY, value="0.000")),
    ("BR-DEC-02", own("false", REASON, amount("BaseAmount", "1.000"), CATEGORY)),
    ("BR-DEC-05", own("true", REASON, CATEGORY, value="0.000")),
    ("BR-DEC-06", own("true", REASON, amount("BaseAmount", "1.000"), CATEGORY)),
    ("BR-DEC-09", more_decimals("LineExtensionAmount", "150.00")),
    ("BR-DEC-10", total("AllowanceTotalAmount", "0.000")),
    ("BR-DEC-11", total("ChargeTotalAmount", "0.000")),
    ("BR-DEC-12", more_decimals("TaxExclusiveAmount", "150.00")),
    ("BR-DEC-14", more_decimals("TaxInclusiveAmount", "175.50")),
    ("BR-DEC-16", total("PrepaidAmount", "0.000")),
    ("BR-DEC-17", total("PayableRoundingAmount", "0.000")),
    ("BR-DEC-19", more_decimals("TaxableAmount", "100.00")),
    ("BR-DEC-20", more_decimals("TaxAmount", "21.00")),
    ("BR-DEC-23", more_decimals("LineExtensionAmount", "100.00")),
    ("BR-DEC-24", in_line(allowance("false", REASON, value="0.000"))),
    ("BR-DEC-25", in_line(allowance("false", REASON, amount("BaseAmount", "1.000")))),
    ("BR-DEC-27", in_line(allowance("true", REASON, value="0.000"))),
    ("BR-DEC-28", in_line(allowance("true", REASON, amount("BaseAmount", "1.000")))),
    ("BR-17", before(MEANS, cac("PayeeParty", numbered("1")))),
    ("BR-B-01", everywhere("<cbc:ID>S<", "<cbc:ID>B<")),
    ("BR-B-02", both(everywhere(">NL</cbc:Ident", ">IT</cbc:Ident"), swap("<cbc:ID>S<", "<cbc:ID>B<"))),
    ("BR-CL-08", after("380</cbc:InvoiceTypeCode>", cbc("Note", "#QQQ#x"))),
    ("BR-CL-11", swap('<cbc:CompanyID schemeID="0106">', '<cbc:CompanyID schemeID="9999">')),
    ("BR-CL-15", after(ITEM, cac("OriginCountry", cbc("IdentificationCode", "QQ")))),
    ("BR-CL-26", before(MEANS, cac("Delivery", cac("DeliveryLocation", cbc("ID", "1", schemeID="9999"))))),
    ("BR-CO-19", before(SELLER, cac("InvoicePeriod", cbc("Description", "October")))),
    ("BR-CO-20", in_line(cac("InvoicePeriod", cbc("Description", "October")))),
    ("BR-NL-13", in_line(cac("OrderLineReference", cbc("LineID", "1")))),
    ("CON-INDICATOR", before(TAX, allowance("maybe", REASON, CATEGORY))),
    ("CON-TOTALS", cut("cac:LegalMonetaryTotal")),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), NLCIUS, ids=[row[0] for row in NLCIUS])
def test_rule_of_nlcius_fires(sample: Sample, rule: str, change: Change) -> None:
    """One fault in a good NLCIUS invoice is told under the id of the rule that is about it."""
    xml = sample("nlcius-invoice")
    assert rule not in fatal_rules(xml, "nlcius")

    assert rule in fatal_rules(change(xml), "nlcius")


def endpoint(scheme: str, number: str) -> Change:
    return swap('<cbc:EndpointID schemeID="0106">12345670<', f'<cbc:EndpointID schemeID="{scheme}">{number}<')


PEPPOL: tuple[Row, ...] = (
    ("NL-R-004", without(cbc("StreetName", "Verzonnenlaan 2"))),
    ("PEPPOL-COMMON-R041", endpoint("0192", "974760674")),
    ("PEPPOL-COMMON-R043", endpoint("0208", "0403170702")),
    ("PEPPOL-COMMON-R052", endpoint("0096", "123456789")),
    ("PEPPOL-COMMON-R053", endpoint("0198", "12345678")),
    ("PEPPOL-EN16931-CL002", own("false", cbc("AllowanceChargeReasonCode", "AA"), CATEGORY)),
    ("PEPPOL-EN16931-P0105", after(FIRST_ROW, cbc("TaxExemptionReasonCode", "VATEX-EU-O"))),
    ("PEPPOL-EN16931-P0107", after(FIRST_ROW, cbc("TaxExemptionReasonCode", "VATEX-EU-AE"))),
    ("PEPPOL-EN16931-P0110", after(FIRST_ROW, cbc("TaxExemptionReasonCode", "VATEX-EU-I"))),
    ("PEPPOL-EN16931-R002", after("380</cbc:InvoiceTypeCode>", cbc("Note") * 2)),
    ("PEPPOL-EN16931-R101", in_line(cac("DocumentReference", cbc("ID", "1"), cbc("DocumentTypeCode", "50")))),
    ("PEPPOL-EN16931-R130", after(PRICE, cbc("BaseQuantity", "1", unitCode="DAY"))),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), PEPPOL, ids=[row[0] for row in PEPPOL])
def test_rule_of_peppol_fires(sample: Sample, rule: str, change: Change) -> None:
    """One fault in a good Peppol invoice is told under the id of the rule that is about it."""
    xml = sample("peppol-bis-invoice")
    assert rule not in fatal_rules(xml, "peppol-bis-3")

    assert rule in fatal_rules(change(xml), "peppol-bis-3")


def test_dutch_credit_note_names_its_invoice_in_peppol(sample: Sample) -> None:
    """NL-R-001: a credit note of a Dutch seller needs the number of the invoice."""
    xml = sample("nlcius-credit-note")
    assert "NL-R-001" not in fatal_rules(xml, "peppol-bis-3")

    assert "NL-R-001" in fatal_rules(cut("cac:BillingReference")(xml), "peppol-bis-3")


G_ACCOUNT_PART = cac("PaymentTerms", cbc("PaymentMeansID", "GACCOUNT"), amount("Amount", "25.50"))
G_ACCOUNT: tuple[Row, ...] = (
    ("BR-GA-0", without("#conformant#urn:fdc:nen.nl:gaccount:v1.0")),
    ("BR-GA-4", before(TAX, G_ACCOUNT_PART.replace(cbc("PaymentMeansID", "GACCOUNT"), ""))),
)


@pytest.mark.parametrize(("rule", "change"), G_ACCOUNT, ids=[row[0] for row in G_ACCOUNT])
def test_rule_of_the_g_account_fires(sample: Sample, rule: str, change: Change) -> None:
    """One fault in an invoice that claims the extension is told under the id of the rule that is about it."""
    xml = both(
        swap("nlcius:v1.0<", "nlcius:v1.0#conformant#urn:fdc:nen.nl:gaccount:v1.0<"), before(TAX, G_ACCOUNT_PART)
    )(sample("nlcius-invoice"))
    assert rule not in fatal_rules(xml, "si-ubl-2.0-gaccount")

    assert rule in fatal_rules(change(xml), "si-ubl-2.0-gaccount")


SI_VAT = cac("TaxScheme", cbc("ID", "VAT", schemeID="UN/ECE 5153"))
SI_CATEGORY = cac("TaxCategory", cbc("ID", "S", schemeID="UNCL5305"), cbc("Percent", "21"), SI_VAT)
SI_CODE = cbc("PaymentMeansCode", "42", listID="UNCL4461")
SI_TYPE = cbc("InvoiceTypeCode", "380", listID="UNCL1001")
SI_ROW = cbc("ID", "S", schemeID="UNCL5305") + cbc("Percent", "21")
SI_CURRENCY = cbc("DocumentCurrencyCode", "EUR", listID="ISO4217")
LEGAL_NUMBER = cbc("CompanyID", "12345670", schemeID="NL:KVK", schemeAgencyID="ZZZ")
IN_DOLLARS = after(SI_CURRENCY, cbc("TaxCurrencyCode", "USD", listID="ISO4217"))
PERIOD = cac("InvoicePeriod", cbc("StartDate", "2026-10-01"))


def exchange(source: str = "EUR", target: str = "USD", operator: str = "Multiply") -> Change:
    rate = (cbc("SourceCurrencyCode", source), cbc("TargetCurrencyCode", target), cbc("CalculationRate", "1.1"))
    return before(TAX, cac("TaxExchangeRate", *rate, cbc("MathematicOperatorCode", operator)))


def account(*parts: str) -> Change:
    return before(TAX, means(cac("PayeeFinancialAccount", *parts), code=SI_CODE))


def bank(*parts: str) -> Change:
    branch = cac("FinancialInstitutionBranch", cac("FinancialInstitution", *parts))
    return account(cbc("ID", "NL91ABNA0417164300", schemeID="LOCAL"), branch)


def card(number: str, network: str) -> Change:
    parts = cbc("PrimaryAccountNumberID", number), cbc("NetworkID", network)
    return before(TAX, means(cac("CardAccount", *parts), code=SI_CODE))


CREDIT_NOTE = swap("<Invoice ", "<CreditNote ", "xsd:Invoice-2", "xsd:CreditNote-2", "</Invoice>", "</CreditNote>")
TRANSACTION = amount("TransactionCurrencyTaxAmount", "23.10")

SI_1_2_AND_1_1: tuple[Row, ...] = (
    ("BII2-T10-R002", cut("cbc:ProfileID")),
    ("BII2-T10-R020", without(amount("LineExtensionAmount", "100.00"))),
    ("BII2-T10-R021", without(ITEM)),
    ("BII2-T10-R024", before(SELLER, PERIOD)),
    ("BII2-T10-R029", without(cbc("ID", "S", schemeID="UNCL5305"))),
    ("BII2-T10-R030", swap(SI_ROW, cbc("ID", "S", schemeID="UNCL5305"))),
    ("BII2-T10-R041", before(TAX, means(cbc("PaymentID", "1"), code=""))),
    ("BII2-T10-R055", own("true", REASON, SI_CATEGORY, value="1.00")),
    ("CL-T10-R002", swap(">EUR</cbc:DocumentCurrencyCode>", ">QQQ</cbc:DocumentCurrencyCode>")),
    ("EUGEN-T10-R012", own("false", REASON, cbc("MultiplierFactorNumeric", "-1"), SI_CATEGORY)),
    ("EUGEN-T10-R027", swap('<cbc:IdentificationCode listID="ISO3166-1:Alpha2">', "<cbc:IdentificationCode>")),
    ("EUGEN-T10-R031", account(cbc("ID", "NL91ABNA0417164300"))),
    ("EUGEN-T10-R033", before(SELLER, reference("Contract", cbc("DocumentTypeCode", "1")))),
    ("EUGEN-T10-R044", IN_DOLLARS),
    ("EUGEN-T10-R046", both(IN_DOLLARS, exchange())),
    ("OP-T10-R003", before(BUYER_NAME, numbered("1", schemeID="QQ:QQQ"))),
    ("OP-T10-R004", account(cbc("ID", "417164300", schemeID="BBAN"))),
    ("OP-T10-R009", after(SI_CURRENCY, cbc("TaxCurrencyCode", "QQQ", listID="ISO4217"))),
    ("OP-T10-R010", both(IN_DOLLARS, exchange(source="QQQ"))),
    ("OP-T10-R011", both(IN_DOLLARS, exchange(target="QQQ"))),
    ("SI-INV-R000", CREDIT_NOTE),
    ("SI-*-INV-R008", before(TAX, cac("DeliveryTerms", cbc("ID", "1")))),
    ("SI-*-INV-R009", card("", "x")),
    ("SI-*-INV-R010", card("1234", "")),
    ("SI-*-INV-R011", account(cbc("Name"))),
    ("SI-*-INV-R012", account(cbc("ID", "", schemeID="LOCAL"))),
    ("SI-*-INV-R013", bank(cbc("Name"))),
    ("SI-*-INV-R014", bank(cbc("ID", "", schemeID="BIC"))),
    ("SI-*-INV-R017", both(IN_DOLLARS, exchange(operator="Add"))),
    ("SI-*-INV-R018", before(TAX, allowance("false", REASON, SI_CATEGORY))),
    ("SI-*-INV-R019", before(TAX, allowance("true", REASON, SI_CATEGORY))),
    ("SI-*-INV-R024", before(TAX, cac("PayeeParty", numbered("1", schemeID="NL:KVK")))),
    ("SI-*-INV-R025", both(IN_DOLLARS, exchange(), after(amount("TaxAmount", "21.00"), TRANSACTION))),
    ("SI-*-INV-R029", own("false", REASON, cbc("MultiplierFactorNumeric", "10"), SI_CATEGORY)),
    ("SI-*-INV-R200", swap("si:si-ubl:ver1.", "si:si-ubl:ver9.")),
)  # fmt: skip
"""The rules of both versions; their own have the version in the id, V12 or V11, for the asterisk."""
SI_1_2: tuple[Row, ...] = (
    ("CL-T10-R007", swap(SI_ROW, SI_ROW.replace(">S<", ">Q<"))),
    ("EUGEN-T10-R052", own("false", REASON, SI_CATEGORY, value="0.000")),
    ("EUGEN-T10-R053", without(SI_TYPE)),
    ("SI-V12-INV-R002", without(SI_TYPE)),
    ("SI-V12-INV-R004", before(SELLER, reference("Additional", cac("Attachment",
                        cac("ExternalReference", cbc("URI", "")))))),
    ("SI-V12-INV-R005", without(cbc("IdentificationCode", "NL", listID="ISO3166-1:Alpha2"))),
    ("SI-V12-INV-R015", without(cbc("ID", "S", schemeID="UNCL5305"))),
    ("SI-V12-INV-R016", swap(SI_ROW, cbc("ID", "S", schemeID="UNCL5305"))),
    ("SI-V12-INV-R021", after(ITEM, cac("OriginCountry", cbc("IdentificationCode", "NL")))),
    ("SI-V12-INV-R031", before(TAX, cac("TaxRepresentativeParty", named("A")))),
)  # fmt: skip
SI_1_1: tuple[Row, ...] = (
    ("SI-V11-INV-R001", swap("2.1</cbc:UBLVersionID>", "2.0</cbc:UBLVersionID>")),
    ("SI-V11-INV-R007", without(LEGAL_NUMBER)),
    ("SI-V11-INV-R023", cut("cac:Price")),
    ("SI-V11-INV-R027", in_line(cac("TaxTotal", amount("TaxAmount", "1.00"), cac("TaxSubtotal",
                        amount("TaxAmount", "1.00"), SI_CATEGORY.replace(">VAT<", ">AAK<"))))),
)  # fmt: skip
SI_UBL = [
    (f"si-ubl-{version}", rule.replace("*", f"V{version.replace('.', '')}"), change)
    for version, rows in (("1.2", SI_1_2_AND_1_1 + SI_1_2), ("1.1", SI_1_2_AND_1_1 + SI_1_1))
    for rule, change in rows
]


@pytest.mark.parametrize(("rules", "rule", "change"), SI_UBL, ids=[f"{row[1]} {row[0]}" for row in SI_UBL])
def test_rule_of_si_ubl_fires(sample: Sample, rules: str, rule: str, change: Change) -> None:
    """One fault in a good SI-UBL 1.2 or 1.1 invoice is told under the id of the rule that is about it."""
    xml = swap("si-ubl:ver1.2<", f"si-ubl:ver{rules.removeprefix('si-ubl-')}<")(sample("si-ubl-1.2-invoice"))
    assert rule not in fatal_rules(xml, rules)

    assert rule in fatal_rules(change(xml), rules)


CLAIM_1_0 = (
    "urn:www.cenbii.eu:transaction:biicoretrdm010:ver1.0:#urn:www.peppol.eu:bis:peppol4a:ver1.0#"
    "urn:www.simplerinvoicing.org:si-ubl:invoice:ver1.0.x"
)
REVERSED = 'schemeID="UNCL5305">AE<'
BUYER_VAT = cbc("CompanyID", "NL111222333B01", schemeID="NL:VAT", schemeAgencyID="ZZZ")
SI_1_0: tuple[Row, ...] = (
    ("BIIRULE-T10-R010", swap(amount("TaxAmount", "25.50"), amount("TaxAmount", "25.51"))),
    ("BIIRULE-T10-R013", swap(amount("TaxInclusiveAmount", "175.50"), amount("TaxInclusiveAmount", "175.51"))),
    ("BIIRULE-T10-R030", both(cut("cbc:CustomizationID"), after(SELLER, cbc("CustomizationID", CLAIM_1_0)))),
    ("BIIRULE-T10-R034", without(SI_CURRENCY)),
    ("BIIRULE-T10-R039", without(amount("TaxInclusiveAmount", "175.50"))),
    ("BIIRULE-T10-R041", without(LEGAL_NUMBER)),
    ("BIIRULE-T10-R042", without(amount("TaxExclusiveAmount", "150.00"))),
    ("BIIRULE-T10-R048", without(cbc("ID", "S", schemeID="UNCL5305"))),
    ("SI-UBL-INV-R432", before(TAX, cac("PayeeParty", numbered("1", schemeID="NL:KVK")))),
    ("SI-UBL-INV-R434", own("false", REASON, cbc("MultiplierFactorNumeric", "-1"), SI_CATEGORY)),
    ("SI-UBL-INV-R436", both(swap('schemeID="UNCL5305">S<', REVERSED), without(BUYER_VAT))),
    ("SI-UBL-INV-R438", swap('schemeID="UNCL5305">S<', REVERSED)),
    ("SI-UBL-INV-R442", before(SELLER, PERIOD)),
    ("SI-UBL-INV-R443", before(TAX, allowance("false", REASON, SI_CATEGORY, value="-1.00"))),
    ("SI-UBL-INV-R445", swap('<cbc:TaxAmount currencyID="EUR">21', '<cbc:TaxAmount currencyID="USD">21')),
    ("SI-UBL-INV-R451", before(BUYER_NAME, numbered("1", schemeID="QQ:QQQ"))),
    ("SI-UBL-INV-R452", swap('<cbc:EndpointID schemeID="NL:KVK"', '<cbc:EndpointID schemeID="QQ:QQQ"')),
    ("SI-V10-INV-R200", swap("si-ubl:invoice:ver1.0.x", "si-ubl:invoice:ver9.x")),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), SI_1_0, ids=[row[0] for row in SI_1_0])
def test_rule_of_si_ubl_1_0_fires(sample: Sample, rule: str, change: Change) -> None:
    """One fault in a good SI-UBL 1.0 invoice is told under the id of the rule that is about it."""
    xml = sample("si-ubl-1.2-invoice")
    claim = xml[xml.index(b"<cbc:CustomizationID>") + 21 : xml.index(b"</cbc:CustomizationID>")].decode()
    xml = swap(claim, CLAIM_1_0, "2.1</cbc:UBLVersionID>", "2.0</cbc:UBLVersionID>")(xml)
    assert rule not in fatal_rules(xml, "si-ubl-1.0")

    assert rule in fatal_rules(change(xml), "si-ubl-1.0")
