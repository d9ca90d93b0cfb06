"""The rules an invoice is held to: the parts of EN 16931, NLCIUS and SI-UBL 1.x that we lean on.

A rule is a row of `RULES`: its official id, the formats it belongs to, a function from the document to the places
where it is broken, and a sentence in both languages. Reading is `ubl`'s affair, what a finding leads to routing's.

Source: e-invoicing.md sections 3, 7, 9 and 10; formulas as the official rule sets test them.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext

from connector.errors import WrongUsage
from connector.ingest.tree import Node
from connector.ingest.ubl import ZERO, Reading, lines_of, parse_decimal, read_tree
from connector.invoice import Finding, Severity

NLCIUS = frozenset({"nlcius", "si-ubl-2.0-gaccount"})
SI_1_1, SI_1_2 = frozenset({"si-ubl-1.1"}), frozenset({"si-ubl-1.2"})
SI_1 = SI_1_1 | SI_1_2
OTHER_EN = {"en16931", "en16931-other-cius", "peppol-bis-3", "peppol-bis-3-selfbilling", "xrechnung-3.0"}
EN = NLCIUS | OTHER_EN
UNPROMISED = frozenset({"si-ubl-1.0", "other", "no-customization-id"})
"""Files that promise no rules we know; the basic ones are told as warnings."""
FORMATS = EN | SI_1 | UNPROMISED

INVOICE_TYPES = frozenset({
    "71", "80", "81", "82", "84", "102", "130", "202", "203", "204", "211", "218", "219", "295", "325", "326",
    "331", "380", "382", "383", "384", "385", "386", "387", "388", "389", "390", "393", "394", "395", "456", "457",
    "471", "472", "473", "500", "501", "527", "553", "575", "623", "633", "751", "780", "817", "870", "875", "876",
    "877", "935",
})  # fmt: skip
CREDIT_NOTE_TYPES = frozenset({
    "81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532",
})  # fmt: skip
DUTCH_TYPES = frozenset({"380", "381", "384", "389"})
DUTCH_MEANS = frozenset({"30", "48", "49", "57", "58", "59"})
PRECISION = 100
"""Digits; amounts have at most 40, so that every sum and product is exact."""

CENT = Decimal("0.01")


def check_invoice(reading: Reading, *, rules: str | None = None) -> tuple[Finding, ...]:
    """Give the findings, those of the reading first, as many as `Findings` lists.

    Args:
        rules: The format whose rules apply; None: the one that the invoice claims.

    Raises:
        WrongUsage: no such format.
    """
    applied = rules or reading.format
    if applied not in FORMATS:
        raise WrongUsage(f"unknown format {applied}", hint=f"one of {', '.join(sorted(FORMATS))}")
    findings = reading.doubts.copy()
    with localcontext() as context:
        context.prec = PRECISION
        document = Document(read_tree(reading.xml))
        for rule in RULES:
            if applied in rule.formats:
                severity = rule.severity
            elif applied in UNPROMISED and rule.basic:
                severity = Severity.WARNING
            else:
                continue
            for path in rule.broken_at(document):
                findings.add(rule.found_at(path, severity))
    if applied in NLCIUS and reading.format not in NLCIUS:
        findings.add(_NOT_NLCIUS)
    return findings.listed()


def round_2(amount: Decimal) -> Decimal:
    """Round to two decimals as XPath does: a half goes towards plus infinity.

    >>> round_2(Decimal("-2.005")), round_2(Decimal("2.005"))
    (Decimal('-2.00'), Decimal('2.01'))
    """
    return math.floor(100 * amount + Decimal("0.5")) * CENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtotal:
    """A row of the VAT breakdown."""

    node: Node
    rate: Decimal | None
    taxable: Decimal | None
    tax: Decimal | None


class Document:
    """The document's parts that many rules speak of, looked up once."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.is_credit_note = root.path == "/CreditNote"
        self.type_code = root.text("cbc:CreditNoteTypeCode" if self.is_credit_note else "cbc:InvoiceTypeCode")
        self.currency = root.text("cbc:DocumentCurrencyCode")
        self.seller = root.first("cac:AccountingSupplierParty", "cac:Party")
        self.buyer = root.first("cac:AccountingCustomerParty", "cac:Party")
        self.lines = lines_of(root)
        self.totals = root.first("cac:LegalMonetaryTotal")
        self.subtotals = root.all("cac:TaxTotal", "cac:TaxSubtotal")
        self.allowances = [n for n in root.nodes("cac:AllowanceCharge") if not is_charge(n)]
        self.charges = [n for n in root.nodes("cac:AllowanceCharge") if is_charge(n)]
        self.taxed = self._sum_taxed()
        """The lines, charges and (negative) allowances by VAT category and rate."""
        self.vat = self._collect_vat()
        """The VAT breakdown by category."""

    def total(self, name: str) -> Decimal | None:
        """Give an amount of the totals; None when absent or no number."""
        return number(self.totals, name) if self.totals else None

    def total_path(self, name: str) -> str:
        """Give the place of an amount of the totals, also when it is not there."""
        return f"{self.root.path}/cac:LegalMonetaryTotal/{name}"

    def _sum_taxed(self) -> dict[tuple[str, Decimal | None], Decimal]:
        sums: dict[tuple[str, Decimal | None], Decimal] = {}

        def add(category: Node, amount: Decimal) -> None:
            key = category.text("cbc:ID"), number(category, "cbc:Percent")
            sums[key] = sums.get(key, ZERO) + amount

        for line in self.lines:
            for category in line.all("cac:Item", "cac:ClassifiedTaxCategory"):
                add(category, number(line, "cbc:LineExtensionAmount") or ZERO)
        for one in self.allowances + self.charges:
            amount = number(one, "cbc:Amount") or ZERO
            for category in one.nodes("cac:TaxCategory"):
                add(category, amount if is_charge(one) else -amount)
        return sums

    def _collect_vat(self) -> dict[str, list[Subtotal]]:
        found: dict[str, list[Subtotal]] = {}
        for node in self.subtotals:
            if node.text("cac:TaxCategory", "cac:TaxScheme", "cbc:ID").upper() == "VAT":
                subtotal = Subtotal(
                    node=node,
                    rate=number(node, "cac:TaxCategory", "cbc:Percent"),
                    taxable=number(node, "cbc:TaxableAmount"),
                    tax=number(node, "cbc:TaxAmount"),
                )
                found.setdefault(node.text("cac:TaxCategory", "cbc:ID"), []).append(subtotal)
        return found


def number(node: Node, *names: str) -> Decimal | None:
    """Give the number at a path; None when absent or no number (which the reading has told already)."""
    return parse_decimal(node.text(*names))


def is_charge(allowance: Node) -> bool:
    """Tell a charge from an allowance."""
    return allowance.text("cbc:ChargeIndicator") in ("true", "1")


Places = Iterable[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: where is it broken, and how to say so."""

    id: str
    formats: frozenset[str]
    broken_at: Callable[[Document], Places]
    english: str
    dutch: str
    severity: Severity = Severity.FATAL
    basic: bool = False
    """Worth a warning also where the file promises no rules."""

    def found_at(self, path: str, severity: Severity) -> Finding:
        """Make the finding for one place."""
        return Finding(rule=self.id, severity=severity, path=path, message_en=self.english, message_nl=self.dutch)


_NOT_NLCIUS = Finding(
    rule="SI-V20-INV-R000",
    severity=Severity.FATAL,
    path="/*/cbc:CustomizationID",
    message_en="The CustomizationID is not that of NLCIUS",
    message_nl="De CustomizationID is niet die van NLCIUS",
)


# Presence: the rules' functions, made from paths.


def _needs_text(*names: str) -> Callable[[Document], Places]:
    """The path has a text; a missing parent counts as missing text."""

    def broken_at(document: Document) -> Places:
        if not any(document.root.texts(*names)):
            yield f"{document.root.path}/{'/'.join(names)}"

    return broken_at


def _needs_element(*names: str) -> Callable[[Document], Places]:
    def broken_at(document: Document) -> Places:
        if not document.root.all(*names):
            yield f"{document.root.path}/{'/'.join(names)}"

    return broken_at


def _totals_need(name: str) -> Callable[[Document], Places]:
    def broken_at(document: Document) -> Places:
        if document.totals is not None and not document.totals.texts(name):
            yield document.total_path(name)

    return broken_at


def _totals_missing(document: Document) -> Places:
    """The schema asks for the totals; the rules speak only of what is in them."""
    if document.totals is None:
        yield document.root.below("cac:LegalMonetaryTotal")


def _address_needs(party: str, *names: str) -> Callable[[Document], Places]:
    """The path below a party's address has a text, where there is an address."""

    def broken_at(document: Document) -> Places:
        addresses = document.root.all(party, "cac:Party", "cac:PostalAddress")
        return (one.below("/".join(names)) for one in addresses if not one.texts(*names))

    return broken_at


def _each_line_needs(*names: str) -> Callable[[Document], Places]:
    def broken_at(document: Document) -> Places:
        return (line.below("/".join(names)) for line in document.lines if not any(line.texts(*names)))

    return broken_at


def _type_code_missing(document: Document) -> Places:
    if not document.type_code:
        yield document.root.below("cbc:CreditNoteTypeCode" if document.is_credit_note else "cbc:InvoiceTypeCode")


def _no_line(document: Document) -> Places:
    if not document.lines:
        yield document.root.below("cac:CreditNoteLine" if document.is_credit_note else "cac:InvoiceLine")


def _quantity_missing(document: Document) -> Places:
    name = _quantity(document)
    return (line.below(name) for line in document.lines if not line.nodes(name))


def _unit_missing(document: Document) -> Places:
    name = _quantity(document)
    for line in document.lines:
        if not any(quantity.element.get("unitCode") is not None for quantity in line.nodes(name)):
            yield line.below(f"{name}/@unitCode")


def _quantity(document: Document) -> str:
    return "cbc:CreditedQuantity" if document.is_credit_note else "cbc:InvoicedQuantity"


def _unknown_type_code(document: Document) -> Places:
    allowed = CREDIT_NOTE_TYPES if document.is_credit_note else INVOICE_TYPES
    if document.type_code and document.type_code not in allowed:
        yield document.root.path


def _seller_unidentified(document: Document) -> Places:
    """BR-CO-26: a VAT id, a party id other than SEPA's, or a legal id."""
    if document.seller is None:
        yield from (node.below("cac:Party") for node in document.root.nodes("cac:AccountingSupplierParty"))
        return
    seller = document.seller
    ids = [n for n in seller.all("cac:PartyIdentification", "cbc:ID") if n.attribute("schemeID") != "SEPA"]
    legal = seller.all("cac:PartyLegalEntity", "cbc:CompanyID")
    vat = [
        tax
        for tax in seller.nodes("cac:PartyTaxScheme")
        if tax.nodes("cbc:CompanyID") and tax.text("cac:TaxScheme", "cbc:ID").upper() == "VAT"
    ]
    if not (ids or legal or vat):
        yield seller.path


# Arithmetic. As in the official rules, a sum with an absent amount is wrong where the totals are there at all.


def _sum_of_lines(document: Document) -> Places:
    total = document.total("cbc:LineExtensionAmount")
    amounts = (number(line, "cbc:LineExtensionAmount") or ZERO for line in document.lines)
    if document.totals is not None and total != round_2(sum(amounts, ZERO)):
        yield document.total_path("cbc:LineExtensionAmount")


def _sums_to(name: str, group: str) -> Callable[[Document], Places]:
    """BR-CO-11, -12: the total of document allowances (or charges) is their sum; absent only without any."""

    def broken_at(document: Document) -> Places:
        parts = document.allowances if group == "allowances" else document.charges
        total = document.total(name)
        expected = round_2(sum((number(part, "cbc:Amount") or ZERO for part in parts), ZERO))
        if document.totals is None:
            return
        if (total is None and parts) or (total is not None and total != expected):
            yield document.total_path(name)

    return broken_at


def _total_without_vat(document: Document) -> Places:
    total, lines = document.total("cbc:TaxExclusiveAmount"), document.total("cbc:LineExtensionAmount")
    less = document.total("cbc:AllowanceTotalAmount")
    more = document.total("cbc:ChargeTotalAmount")
    if document.totals is None:
        return
    plain = less is None and more is None
    expected = lines if plain or lines is None else round_2(lines - (less or ZERO) + (more or ZERO))
    if total is None or total != expected:
        yield document.total_path("cbc:TaxExclusiveAmount")


def _vat_total(document: Document) -> Places:
    for total in document.root.nodes("cac:TaxTotal"):
        parts, amount = total.nodes("cac:TaxSubtotal"), number(total, "cbc:TaxAmount")
        if parts and amount != round_2(sum((number(part, "cbc:TaxAmount") or ZERO for part in parts), ZERO)):
            yield total.below("cbc:TaxAmount")


def _total_with_vat(document: Document) -> Places:
    amounts = document.root.all("cac:TaxTotal", "cbc:TaxAmount")
    own = [amount for amount in amounts if amount.attribute("currencyID") == document.currency]
    total, without = document.total("cbc:TaxInclusiveAmount"), document.total("cbc:TaxExclusiveAmount")
    if not document.currency:
        return
    vat = number(own[0]) if len(own) == 1 else None
    if vat is None or without is None or total != round_2(without + vat):
        yield document.total_path("cbc:TaxInclusiveAmount")


def _payable(document: Document) -> Places:
    payable, total = document.total("cbc:PayableAmount"), document.total("cbc:TaxInclusiveAmount")
    if document.totals is None:
        return
    if payable is None or total is None:
        yield document.total_path("cbc:PayableAmount")
        return
    prepaid = document.total("cbc:PrepaidAmount")
    rounding = document.total("cbc:PayableRoundingAmount")
    left = payable if rounding is None else round_2(payable - rounding)
    if left != (total if prepaid is None else round_2(total - prepaid)):
        yield document.total_path("cbc:PayableAmount")


def _is_near(taxable: Decimal, rate: Decimal, tax: Decimal) -> bool:
    return abs(abs(tax) - round_2(abs(taxable) * rate / 100)) < 1


def _subtotal_tax(document: Document) -> Places:
    """BR-CO-17: the tax is the taxable amount times the rate, less than one unit off."""
    for subtotal in document.subtotals:
        rate = number(subtotal, "cac:TaxCategory", "cbc:Percent")
        taxable, tax = number(subtotal, "cbc:TaxableAmount"), number(subtotal, "cbc:TaxAmount")
        if tax is None or (taxable is None and rate):
            yield subtotal.path
        elif taxable is None or rate is None or math.floor(rate + Decimal("0.5")) == 0:
            if math.floor(tax + Decimal("0.5")) != 0:
                yield subtotal.path
        elif not _is_near(taxable, rate, tax):
            yield subtotal.path


def _no_subtotal(document: Document) -> Places:
    if not document.subtotals:
        yield document.root.below("cac:TaxTotal/cac:TaxSubtotal")


def _taxable_per_rate(category: str) -> Callable[[Document], Places]:
    """BR-S-08 and its like: per rate, less than one unit off, and something must have that rate."""

    def broken_at(document: Document) -> Places:
        for one in document.vat.get(category, ()):
            if one.rate is None:
                continue  # BR-48 asks for it
            expected = document.taxed.get((category, one.rate))
            if expected is None or one.taxable is None or abs(one.taxable - expected) >= 1:
                yield one.node.below("cbc:TaxableAmount")

    return broken_at


def _taxable_exactly(category: str) -> Callable[[Document], Places]:
    """BR-Z-08 and its like: exactly the sum of what has the category, whatever the rate."""

    def broken_at(document: Document) -> Places:
        expected = sum((amount for (of, _), amount in document.taxed.items() if of == category), ZERO)
        for one in document.vat.get(category, ()):
            if one.taxable != expected:
                yield one.node.below("cbc:TaxableAmount")

    return broken_at


def _tax_per_rate(category: str) -> Callable[[Document], Places]:
    def broken_at(document: Document) -> Places:
        for one in document.vat.get(category, ()):
            taxable, rate, tax = one.taxable, one.rate, one.tax
            if taxable is None or rate is None or tax is None or not _is_near(taxable, rate, tax):
                yield one.node.below("cbc:TaxAmount")

    return broken_at


def _tax_is_zero(category: str) -> Callable[[Document], Places]:
    def broken_at(document: Document) -> Places:
        for one in document.vat.get(category, ()):
            if one.tax != 0:
                yield one.node.below("cbc:TaxAmount")

    return broken_at


def _two_decimals(*names: str, group: str = "") -> Callable[[Document], Places]:
    """BR-DEC-nn: at most two characters after the point, whatever they are; `100.000` fails."""

    def broken_at(document: Document) -> Places:
        for node in _group(document, group):
            for amount in node.all(*names):
                if len(amount.text().partition(".")[2]) > 2:
                    yield amount.path

    return broken_at


def _group(document: Document, group: str) -> list[Node]:
    if group == "allowances":
        return document.allowances
    if group == "charges":
        return document.charges
    if group == "lines":
        return document.lines
    if group in ("line allowances", "line charges"):
        every = [one for line in document.lines for one in line.nodes("cac:AllowanceCharge")]
        return [one for one in every if is_charge(one) == (group == "line charges")]
    return [document.root]


# NLCIUS: rules for sellers in the Netherlands.


def _country(party: Node | None) -> str:
    return party.text("cac:PostalAddress", "cac:Country", "cbc:IdentificationCode") if party else ""


def _is_dutch(document: Document) -> bool:
    return _country(document.seller).upper() == "NL"


def _when_dutch(rule: Callable[[Document], Places]) -> Callable[[Document], Places]:
    return lambda document: rule(document) if _is_dutch(document) else ()


def _has_dutch_legal_id(party: Node) -> bool:
    ids = party.all("cac:PartyLegalEntity", "cbc:CompanyID")
    return any(one.attribute("schemeID") in ("0106", "0190") and one.text() for one in ids)


def _seller_legal_id(document: Document) -> Places:
    if document.seller is not None and not _has_dutch_legal_id(document.seller):
        yield document.seller.below("cac:PartyLegalEntity/cbc:CompanyID")


def _buyer_legal_id(document: Document) -> Places:
    """BR-NL-10 hangs on the buyer's PartyLegalEntity: without that element it cannot fire."""
    buyer = document.buyer
    if buyer is None or _country(buyer) != "NL" or not buyer.nodes("cac:PartyLegalEntity"):
        return
    if not _has_dutch_legal_id(buyer):
        yield buyer.below("cac:PartyLegalEntity/cbc:CompanyID")


def _reference_missing(document: Document) -> Places:
    root = document.root
    if not root.nodes("cbc:BuyerReference") and not root.all("cac:OrderReference", "cbc:ID"):
        yield root.below("cbc:BuyerReference")


def _address_incomplete(party: Node | None) -> Places:
    address = party.first("cac:PostalAddress") if party else None
    if address is not None:
        wanted = ("cbc:StreetName", "cbc:CityName", "cbc:PostalZone")
        missing = [name for name in wanted if not address.nodes(name)]
        if missing:
            yield address.below(missing[0])


def _buyer_address_incomplete(document: Document) -> Places:
    return _address_incomplete(document.buyer) if _country(document.buyer) == "NL" else ()


def _type_not_dutch(document: Document) -> Places:
    if document.type_code not in DUTCH_TYPES:
        yield document.root.path


def _type_in_wrong_root(document: Document) -> Places:
    if (document.type_code == "381") != document.is_credit_note:
        yield document.root.path


def _correction_of_nothing(document: Document) -> Places:
    reference = ("cac:BillingReference", "cac:InvoiceDocumentReference", "cbc:ID")
    if document.type_code == "384" and not document.root.all(*reference):
        yield f"{document.root.path}/{'/'.join(reference)}"


def _no_payment_means(document: Document) -> Places:
    payable = document.total("cbc:PayableAmount")
    if document.is_credit_note or payable is None or payable <= 0:
        return
    if not document.root.nodes("cac:PaymentMeans"):
        yield document.root.below("cac:PaymentMeans")


def _means_not_dutch(document: Document) -> Places:
    for code in document.root.all("cac:PaymentMeans", "cbc:PaymentMeansCode"):
        if code.text() not in DUTCH_MEANS:
            yield code.path


# SI-UBL 1.1 and 1.2 have their own arithmetic: the rounding is inside the total with VAT.


def _si_total_without_vat(document: Document) -> Places:
    total, lines = document.total("cbc:TaxExclusiveAmount"), document.total("cbc:LineExtensionAmount")
    less = document.total("cbc:AllowanceTotalAmount") or ZERO
    more = document.total("cbc:ChargeTotalAmount") or ZERO
    if total is None or lines is None or total != round_2(lines - less + more):
        yield document.total_path("cbc:TaxExclusiveAmount")


def _si_total_with_vat(document: Document) -> Places:
    total, without = document.total("cbc:TaxInclusiveAmount"), document.total("cbc:TaxExclusiveAmount")
    vat = [number(one) or ZERO for one in document.root.all("cac:TaxTotal", "cbc:TaxAmount")]
    rounding = document.total("cbc:PayableRoundingAmount") or ZERO
    if total is None or without is None or total != round_2(without + sum(vat, ZERO) + rounding):
        yield document.total_path("cbc:TaxInclusiveAmount")


def _si_sums_to(name: str, group: str) -> Callable[[Document], Places]:
    """R054, R055: where the total is given it is the sum."""

    def broken_at(document: Document) -> Places:
        total = document.total(name)
        amounts = (number(part, "cbc:Amount") or ZERO for part in _group(document, group))
        if total is not None and total != round_2(sum(amounts, ZERO)):
            yield document.total_path(name)

    return broken_at


def _si_payable(document: Document) -> Places:
    payable, total = document.total("cbc:PayableAmount"), document.total("cbc:TaxInclusiveAmount")
    prepaid = document.total("cbc:PrepaidAmount") or ZERO
    if payable is None or total is None or payable != round_2(total - prepaid):
        yield document.total_path("cbc:PayableAmount")


def _si_taxable_total(document: Document) -> Places:
    """R058: when there is VAT, the taxable amounts are the total without it."""
    total = document.total("cbc:TaxExclusiveAmount")
    taxable = [number(one, "cbc:TaxableAmount") or ZERO for one in document.subtotals]
    if taxable and round_2(sum(taxable, ZERO)) != total:
        yield document.total_path("cbc:TaxExclusiveAmount")


def _si_subtotal_tax(document: Document) -> Places:
    for subtotal in document.subtotals:
        rate = number(subtotal, "cac:TaxCategory", "cbc:Percent")
        taxable, tax = number(subtotal, "cbc:TaxableAmount"), number(subtotal, "cbc:TaxAmount")
        if rate is None or taxable is None or tax is None:
            continue  # other rules ask for them
        if abs(tax - taxable * rate / 100) >= 1:
            yield subtotal.path


def _si_unnamed(name: str) -> Callable[[Document], Places]:
    def broken_at(document: Document) -> Places:
        party = document.root.first(name, "cac:Party")
        if party is None or not (
            party.texts("cac:PartyName", "cbc:Name") or party.texts("cac:PartyIdentification", "cbc:ID")
        ):
            yield f"{document.root.path}/{name}/cac:Party/cac:PartyName/cbc:Name"

    return broken_at


def _si_version(document: Document) -> Places:
    if document.root.text("cbc:UBLVersionID") != "2.1":
        yield document.root.below("cbc:UBLVersionID")


def _rows() -> Iterator[Rule]:
    yield from _presence_rows()
    yield from _arithmetic_rows()
    yield from _vat_rows()
    yield from _decimal_rows()
    yield from _dutch_rows()
    yield from _si_rows()
    yield from _si_breakdown_rows()


def _presence_rows() -> Iterator[Rule]:
    party = "cac:Party"
    seller, buyer = "cac:AccountingSupplierParty", "cac:AccountingCustomerParty"
    address, country = "cac:PostalAddress", ("cac:Country", "cbc:IdentificationCode")
    name = ("cac:PartyLegalEntity", "cbc:RegistrationName")
    rows: tuple[tuple[str, Callable[[Document], Places], str, str, bool], ...] = (
        ("BR-01", _needs_text("cbc:CustomizationID"), "specification (BT-24)", "specificatie (BT-24)", False),
        ("BR-02", _needs_text("cbc:ID"), "invoice number (BT-1)", "factuurnummer (BT-1)", True),
        ("BR-03", _needs_text("cbc:IssueDate"), "issue date (BT-2)", "factuurdatum (BT-2)", True),
        ("BR-04", _type_code_missing, "type code (BT-3)", "soort factuur (BT-3)", True),
        ("BR-05", _needs_text("cbc:DocumentCurrencyCode"), "currency (BT-5)", "valuta (BT-5)", True),
        ("BR-06", _needs_text(seller, party, *name), "seller's name (BT-27)", "naam van de verkoper (BT-27)", True),
        ("BR-07", _needs_text(buyer, party, *name), "buyer's name (BT-44)", "naam van de koper (BT-44)", True),
        ("BR-08", _needs_element(seller, party, address), "seller's address (BG-5)", "adres verkoper (BG-5)", False),
        ("BR-09", _address_needs(seller, *country), "seller's country", "land van de verkoper", False),
        ("BR-10", _needs_element(buyer, party, address), "buyer's address (BG-8)", "adres koper (BG-8)", False),
        ("BR-11", _address_needs(buyer, *country), "buyer's country", "land van de koper", False),
        ("BR-12", _totals_need("cbc:LineExtensionAmount"), "sum of lines (BT-106)", "regelsom (BT-106)", True),
        ("BR-13", _totals_need("cbc:TaxExclusiveAmount"), "total without VAT", "totaal zonder btw", True),
        ("BR-14", _totals_need("cbc:TaxInclusiveAmount"), "total with VAT", "totaal met btw", True),
        ("BR-15", _totals_need("cbc:PayableAmount"), "amount due (BT-115)", "te betalen (BT-115)", True),
        ("BR-16", _no_line, "invoice line (BG-25)", "factuurregel (BG-25)", True),
        ("BR-21", _each_line_needs("cbc:ID"), "line number (BT-126)", "regelnummer (BT-126)", False),
        ("BR-22", _quantity_missing, "quantity (BT-129)", "aantal (BT-129)", False),
        ("BR-23", _unit_missing, "unit of the quantity (BT-130)", "eenheid van het aantal (BT-130)", False),
        ("BR-24", _each_line_needs("cbc:LineExtensionAmount"), "line amount", "regelbedrag", True),
        ("BR-25", _each_line_needs("cac:Item", "cbc:Name"), "item name (BT-153)", "artikelnaam (BT-153)", False),
        ("BR-26", _each_line_needs("cac:Price", "cbc:PriceAmount"), "item price (BT-146)", "prijs (BT-146)", False),
        ("CON-TOTALS", _totals_missing, "totals (BG-22)", "totalen (BG-22)", True),
        ("BR-CO-18", _no_subtotal, "VAT breakdown (BG-23)", "btw-specificatie (BG-23)", False),
        ("BR-CO-26", _seller_unidentified, "VAT number or other identifier of the seller",
         "btw-nummer of ander nummer van de verkoper", False),
    )  # fmt: skip
    for rule, broken_at, english, dutch, basic in rows:
        yield Rule(
            id=rule,
            formats=EN,
            broken_at=broken_at,
            english=f"Missing: {english}",
            dutch=f"Ontbreekt: {dutch}",
            basic=basic,
        )
    yield Rule(
        id="BR-CL-01",
        formats=EN,
        broken_at=_unknown_type_code,
        english="The type code (BT-3) does not exist for this kind of document",
        dutch="De code voor de soort factuur (BT-3) bestaat niet voor dit soort document",
    )


def _arithmetic_rows() -> Iterator[Rule]:
    less, more = "cbc:AllowanceTotalAmount", "cbc:ChargeTotalAmount"
    rows = (
        ("BR-CO-10", _sum_of_lines, "The sum of lines is not the sum of the line amounts",
         "Het totaal van de regels is niet de som van de regelbedragen"),
        ("BR-CO-11", _sums_to(less, "allowances"), "The total of allowances is not their sum",
         "Het totaal van de kortingen is niet hun som"),
        ("BR-CO-12", _sums_to(more, "charges"), "The total of charges is not their sum",
         "Het totaal van de toeslagen is niet hun som"),
        ("BR-CO-13", _total_without_vat, "The total without VAT is not lines - allowances + charges",
         "Het totaal zonder btw is niet regels - kortingen + toeslagen"),
        ("BR-CO-14", _vat_total, "The VAT total is not the sum of the VAT breakdown",
         "Het btw-totaal is niet de som van de btw-specificatie"),
        ("BR-CO-15", _total_with_vat, "The total with VAT is not the total without VAT + VAT",
         "Het totaal met btw is niet het totaal zonder btw + btw"),
        ("BR-CO-16", _payable, "The amount due is not the total with VAT - prepaid + rounding",
         "Het te betalen bedrag is niet het totaal met btw - vooruitbetaald + afronding"),
        ("BR-CO-17", _subtotal_tax, "The VAT of a breakdown row is not its taxable amount x rate",
         "De btw van een specificatieregel is niet grondslag x tarief"),
    )  # fmt: skip
    for rule, broken_at, english, dutch in rows:
        yield Rule(id=rule, formats=EN, broken_at=broken_at, english=english, dutch=dutch, basic=True)


def _vat_rows() -> Iterator[Rule]:
    families = {"S": "S", "L": "AF", "M": "AG", "Z": "Z", "E": "E", "AE": "AE", "K": "IC", "G": "G", "O": "O"}
    for category, family in families.items():
        per_rate = category in ("S", "L", "M")
        yield Rule(
            id=f"BR-{family}-08",
            formats=EN,
            broken_at=_taxable_per_rate(category) if per_rate else _taxable_exactly(category),
            english=f"The taxable amount of VAT category {category} is not the sum of its lines and charges",
            dutch=f"De grondslag van btw-categorie {category} is niet de som van de regels en toeslagen ervan",
        )
        yield Rule(
            id=f"BR-{family}-09",
            formats=EN,
            broken_at=_tax_per_rate(category) if per_rate else _tax_is_zero(category),
            english=f"The VAT of category {category} is wrong",
            dutch=f"De btw van categorie {category} klopt niet",
        )


def _decimal_rows() -> Iterator[Rule]:
    amount, base, totals = ("cbc:Amount",), ("cbc:BaseAmount",), "cac:LegalMonetaryTotal"
    breakdown = ("cac:TaxTotal", "cac:TaxSubtotal")
    rows: tuple[tuple[int, tuple[str, ...], str], ...] = (
        (1, amount, "allowances"), (2, base, "allowances"), (5, amount, "charges"), (6, base, "charges"),
        (9, (totals, "cbc:LineExtensionAmount"), ""), (10, (totals, "cbc:AllowanceTotalAmount"), ""),
        (11, (totals, "cbc:ChargeTotalAmount"), ""), (12, (totals, "cbc:TaxExclusiveAmount"), ""),
        (13, ("cac:TaxTotal", "cbc:TaxAmount"), ""), (14, (totals, "cbc:TaxInclusiveAmount"), ""),
        (16, (totals, "cbc:PrepaidAmount"), ""), (17, (totals, "cbc:PayableRoundingAmount"), ""),
        (18, (totals, "cbc:PayableAmount"), ""), (19, (*breakdown, "cbc:TaxableAmount"), ""),
        (20, (*breakdown, "cbc:TaxAmount"), ""), (23, ("cbc:LineExtensionAmount",), "lines"),
        (24, amount, "line allowances"), (25, base, "line allowances"),
        (27, amount, "line charges"), (28, base, "line charges"),
    )  # fmt: skip
    for serial, names, group in rows:
        yield Rule(
            id=f"BR-DEC-{serial:02}",
            formats=EN,
            broken_at=_two_decimals(*names, group=group),
            english=f"{names[-1]} has more than two decimals",
            dutch=f"{names[-1]} heeft meer dan twee decimalen",
        )


def _dutch_rows() -> Iterator[Rule]:
    rows = (
        ("BR-NL-1", _seller_legal_id, "Missing: KvK number or OIN of the seller with schemeID 0106 or 0190",
         "Ontbreekt: KvK-nummer of OIN van de verkoper met schemeID 0106 of 0190"),
        ("BR-NL-2", _reference_missing, "Missing: buyer reference or order number",
         "Ontbreekt: referentie van de koper of ordernummer"),
        ("BR-NL-3", lambda document: _address_incomplete(document.seller),
         "The seller's address lacks street, city or postcode",
         "In het adres van de verkoper ontbreekt straat, plaats of postcode"),
        ("BR-NL-4", _buyer_address_incomplete, "The buyer's address lacks street, city or postcode",
         "In het adres van de koper ontbreekt straat, plaats of postcode"),
        ("BR-NL-7", _type_not_dutch, "The type code is not 380, 381, 384 or 389",
         "De soort factuur is niet 380, 381, 384 of 389"),
        ("BR-NL-8", _type_in_wrong_root, "The type code does not fit an invoice or a credit note",
         "De soort factuur past niet bij een factuur of een creditnota"),
        ("BR-NL-9", _correction_of_nothing, "A corrected invoice does not name the invoice it corrects",
         "Een gecorrigeerde factuur noemt de factuur niet die zij corrigeert"),
        ("BR-NL-10", _buyer_legal_id, "Missing: KvK number or OIN of the buyer with schemeID 0106 or 0190",
         "Ontbreekt: KvK-nummer of OIN van de koper met schemeID 0106 of 0190"),
        ("BR-NL-11", _no_payment_means, "Missing: how to pay", "Ontbreekt: hoe te betalen"),
        ("BR-NL-12", _means_not_dutch, "The payment means code is not 30, 48, 49, 57, 58 or 59",
         "De betaalwijze is niet 30, 48, 49, 57, 58 of 59"),
    )  # fmt: skip
    for rule, broken_at, english, dutch in rows:
        yield Rule(id=rule, formats=NLCIUS, broken_at=_when_dutch(broken_at), english=english, dutch=dutch)


def _si_rows() -> Iterator[Rule]:
    totals, less, more = "cac:LegalMonetaryTotal", "cbc:AllowanceTotalAmount", "cbc:ChargeTotalAmount"
    rows = (
        ("R002", _needs_text("cbc:ProfileID"), "Missing: ProfileID", "Ontbreekt: ProfileID"),
        ("R003", _needs_text("cbc:ID"), "Missing: invoice number", "Ontbreekt: factuurnummer"),
        ("R004", _needs_text("cbc:IssueDate"), "Missing: issue date", "Ontbreekt: factuurdatum"),
        ("R005", _needs_text("cbc:DocumentCurrencyCode"), "Missing: currency", "Ontbreekt: valuta"),
        ("R006", _si_unnamed("cac:AccountingSupplierParty"), "Missing: seller's name or number",
         "Ontbreekt: naam of nummer van de verkoper"),
        ("R008", _si_unnamed("cac:AccountingCustomerParty"), "Missing: buyer's name or number",
         "Ontbreekt: naam of nummer van de koper"),
        ("R010", _needs_text(totals, "cbc:LineExtensionAmount"), "Missing: sum of lines", "Ontbreekt: regelsom"),
        ("R011", _needs_text(totals, "cbc:TaxExclusiveAmount"), "Missing: total without VAT",
         "Ontbreekt: totaal zonder btw"),
        ("R012", _needs_text(totals, "cbc:TaxInclusiveAmount"), "Missing: total with VAT",
         "Ontbreekt: totaal met btw"),
        ("R013", _needs_text(totals, "cbc:PayableAmount"), "Missing: amount due", "Ontbreekt: te betalen bedrag"),
        ("R014", _no_line, "Missing: a line", "Ontbreekt: een regel"),
        ("R051", _sum_of_lines, "The sum of lines is not the sum of the line amounts",
         "Het totaal van de regels is niet de som van de regelbedragen"),
        ("R052", _si_total_without_vat, "The total without VAT is not lines - allowances + charges",
         "Het totaal zonder btw is niet regels - kortingen + toeslagen"),
        ("R053", _si_total_with_vat, "The total with VAT is not the total without VAT + VAT + rounding",
         "Het totaal met btw is niet het totaal zonder btw + btw + afronding"),
        ("R054", _si_sums_to(less, "allowances"), "The total of allowances is not their sum",
         "Het totaal van de kortingen is niet hun som"),
        ("R055", _si_sums_to(more, "charges"), "The total of charges is not their sum",
         "Het totaal van de toeslagen is niet hun som"),
        ("R056", _si_payable, "The amount due is not the total with VAT - prepaid",
         "Het te betalen bedrag is niet het totaal met btw - vooruitbetaald"),
        ("R058", _si_taxable_total, "The taxable amounts are not the total without VAT",
         "De grondslagen zijn samen niet het totaal zonder btw"),
    )  # fmt: skip
    for rule, broken_at, english, dutch in rows:
        yield Rule(id=f"BII2-T10-{rule}", formats=SI_1, broken_at=broken_at, english=english, dutch=dutch)


def _si_breakdown_rows() -> Iterator[Rule]:
    yield Rule(
        id="EUGEN-T10-R042",
        formats=SI_1,
        broken_at=_si_subtotal_tax,
        english="The VAT of a breakdown row is not its taxable amount x rate",
        dutch="De btw van een specificatieregel is niet grondslag x tarief",
    )
    yield Rule(
        id="EUGEN-T10-R043",
        formats=SI_1,
        broken_at=_vat_total,
        english="The VAT total is not the sum of the VAT breakdown",
        dutch="Het btw-totaal is niet de som van de btw-specificatie",
    )
    for formats, family in ((SI_1_1, "SI-V11"), (SI_1_2, "SI-V12")):
        yield Rule(
            id=f"{family}-INV-R001",
            formats=formats,
            broken_at=_si_version,
            english="The UBL version is not 2.1",
            dutch="De UBL-versie is niet 2.1",
        )
        yield Rule(
            id=f"{family}-INV-R002",
            formats=formats,
            broken_at=_type_code_missing,
            english="Missing: type code",
            dutch="Ontbreekt: soort factuur",
        )


RULES: tuple[Rule, ...] = tuple(_rows())
