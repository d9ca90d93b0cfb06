"""Read UBL invoices and credit notes of every flavour: SI-UBL 1.x, NLCIUS, Peppol BIS 3, bare UBL.

Reading is lenient, so that the checks have something to speak about: what is missing is empty, what is doubtful
becomes a finding. Whether an invoice keeps the rules is `checks`' affair; the bytes received stay what is delivered.

Source: e-invoicing.md sections 1-5 and 12.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice

from lxml import etree

from connector.errors import ConnectorError, InvoiceUnreadable, NotAnInvoice
from connector.identifiers import (
    KvkStatus,
    check_kvk,
    check_vat,
    kvk_of_oin,
    normalise,
    normalise_scheme,
)
from connector.ingest.findings import Findings
from connector.ingest.tree import CAC, CBC, Node, short_name
from connector.ingest.unpack import LARGEST_FILE, MEGABYTE, clean_name
from connector.invoice import (
    Address,
    Allowance,
    Finding,
    Identifier,
    Invoice,
    InvoiceType,
    Line,
    Party,
    PaymentMeans,
    Severity,
    VatBreakdown,
)

INVOICE = "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice"
CREDIT_NOTE = "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote"
OTHER_DOCUMENTS = {
    "Order": "an order",
    "OrderChange": "a change of an order",
    "OrderCancellation": "the cancellation of an order",
    "OrderResponse": "the answer to an order",
    "OrderResponseSimple": "the answer to an order",
    "Quotation": "a quotation",
    "DespatchAdvice": "a despatch advice",
    "ReceiptAdvice": "a receipt advice",
    "Catalogue": "a catalogue",
    "ApplicationResponse": "an answer to another document",
    "AttachedDocument": "an envelope around another document",
    "StandardBusinessDocument": "an envelope around another document",
    "Reminder": "a reminder",
    "Statement": "a statement of account",
    "DebitNote": "a debit note",
    "SelfBilledInvoice": "a self-billed invoice of its own kind",
    "SelfBilledCreditNote": "a self-billed credit note of its own kind",
    "eExact": "a file of Exact's own format",
    "XMLAuditFile": "an audit file",
}
"""Roots that arrive where an invoice is expected, in words."""
DEEPEST = 100
"""Elements inside each other; a UBL invoice has about ten."""
MOST_ELEMENTS = 600_000
"""Elements and attributes; each takes a hundred bytes or two, however short it is in the file. Ten thousand lines with
all that UBL offers have about half a million."""
MOST_LINES = 20_000
"""Real invoices have up to ten thousand."""
MOST_CHILDREN = 1000
"""Of any element, but for the lines and what extensions hold; what is repeated there is compared with each other."""
MOST_ALLOWANCES = 50_000
"""Of all lines together."""
LONGEST_TEXT = 1_000_000
"""Characters of a text that is no embedded file."""
MOST_EMBEDDED = 100
"""Files inside the XML; NLCIUS advises ten at most."""
LONGEST_NUMBER = 40
"""Characters of an amount; more would not be summed exactly."""
LONGEST_IDENTIFIER = 200
"""Characters of an invoice number or of a party's number; what makes numbers comparable is not made for books."""
LONGEST_URN = 1000
MOST_IDENTIFIERS = 100
"""Of one party."""

ZERO = Decimal(0)

_TOO_DEEP = etree.XPath("boolean(" + "/*" * (DEEPEST + 1) + ")")
_TOO_MANY = etree.XPath(
    f"boolean(/*/cac:*/descendant-or-self::*[*[{MOST_CHILDREN + 1}]])"
    f" or count(/*/cac:TaxTotal/cac:TaxSubtotal | /*/cac:AdditionalDocumentReference/cac:Attachment) > {MOST_CHILDREN}"
    f" or count(/*/cac:*/cac:AllowanceCharge) > {MOST_ALLOWANCES}",
    namespaces={"cac": CAC},
)
_TOO_LONG = etree.XPath(
    f"boolean(//text()[string-length() > {LONGEST_TEXT}][not(parent::cbc:EmbeddedDocumentBinaryObject)])",
    namespaces={"cbc": CBC},
)
_HUGE = 10_000_000
"""Bytes of one text, from which on lxml wants to be asked for it (`huge_tree`)."""
_ENCODINGS = re.compile(rb"utf-?8|us-ascii|iso-?8859-?[0-9]{1,2}|latin-?1|(?:windows-|cp)125[0-8]", re.IGNORECASE)
"""Those in which markup is ASCII, besides UTF-16; e-invoices are in UTF-8."""
_WIDE = re.compile(rb"utf-?16(?:le|be)?", re.IGNORECASE)
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s(.{0,1000}?)\?>", re.DOTALL)
_DECLARED = re.compile(rb"\sencoding\s{0,9}=\s{0,9}[\"']([^\"']{0,100})[\"']")
_CHUNK = 65_536
_UBL_MARK = re.compile(
    rb"urn:oasis:names:specification:ubl:schema:xsd:(?:Invoice|CreditNote)-2"
    rb"|<(?:[^\s<>/:!?]{1,100}:)?(?:Invoice|CreditNote)(?:[\s/>]|\Z)"
)
_WHITE_SPACE = dict.fromkeys(map(ord, " \t\r\n"))
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*+<")
_DOCTYPE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s++|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2}|T[0-9:.]{4,20}Z?)?")
_EN = "urn:cen.eu:en16931:2017"
_PEPPOL = _EN + "#compliant#urn:fdc:peppol.eu:2017:poacc:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A file inside the XML (BG-24)."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    is_invoice_image: bool
    """It is the invoice itself, to look at: e-invoicing.md section 12."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an XML says."""

    invoice: Invoice
    format: str
    """A word of interfaces.md (`check`): nlcius, si-ubl-1.2, peppol-bis-3 …"""
    doubts: Findings = field(repr=False)
    embedded: tuple[Embedded, ...]
    xml: bytes = field(compare=False, repr=False)
    """The bytes that were read. The rules parse them again: their tree is many times as large, and not kept."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was doubtful while reading; the rules come with `checks.check_invoice`."""
        return self.doubts.listed()


def read_invoice(xml: bytes) -> Reading:
    """Read an invoice or credit note, in the encoding that it declares.

    Raises:
        InvoiceUnreadable: a document type (DTD), or what looks like UBL and is no XML (code NOT-WELL-FORMED,
            ENCODING), too large or too deep (TOO-LARGE, TOO-DEEP), or without anything in it (EMPTY).
        NotAnInvoice: XML with another root, named in the message; anything else that cannot be read.
    """
    root = read_tree(xml).indexed()
    doubts = Findings()
    invoice = _read_root(root, doubts)
    embedded = _read_embedded(root, invoice.number, doubts)
    return Reading(
        invoice=invoice,
        format=recognise_format(invoice.customization_id),
        doubts=doubts,
        embedded=embedded,
        xml=xml,
    )


def read_tree(xml: bytes) -> Node:
    """Give the root of an invoice or credit note; raises what `read_invoice` raises."""
    element = _parse(xml)
    if element.tag not in (INVOICE, CREDIT_NOTE):
        raise NotAnInvoice(_say_what_it_is(str(element.tag)))
    root = Node(element, "/Invoice" if element.tag == INVOICE else "/CreditNote")
    if root.is_empty():
        raise InvoiceUnreadable("has nothing in it", code="EMPTY")
    lines = len(lines_of(root))
    if lines > MOST_LINES:
        raise InvoiceUnreadable(f"has more than {MOST_LINES} lines", code="TOO-LARGE")
    if len(element) - lines > MOST_CHILDREN or (len(xml) > MOST_CHILDREN * len("<a/>") and _TOO_MANY(element)):
        raise InvoiceUnreadable(f"has more than {MOST_CHILDREN} of a thing other than lines", code="TOO-LARGE")
    return root


def lines_of(root: Node) -> list[Node]:
    """Give the lines that belong to this kind of document."""
    return root.nodes("cac:InvoiceLine" if root.path == "/Invoice" else "cac:CreditNoteLine")


def parse_invoice(xml: bytes) -> Invoice:
    """Give only the invoice of `read_invoice`; raises the same."""
    return read_invoice(xml).invoice


def recognise_format(customization_id: str) -> str:
    """Tell which format a CustomizationID claims, as a word of interfaces.md; white space in it means nothing.

    >>> recognise_format("urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0"), recognise_format("")
    ('nlcius', 'no-customization-id')
    """
    claimed = "".join(customization_id.split())
    if not claimed:
        return "no-customization-id"
    contained = (
        ("urn:fdc:nen.nl:gaccount", "si-ubl-2.0-gaccount"),
        ("urn:fdc:nen.nl:nlcius:v1.0", "nlcius"),
        ("urn:www.simplerinvoicing.org:si:si-ubl:ver1.2", "si-ubl-1.2"),
        ("urn:www.simplerinvoicing.org:si:si-ubl:ver1.1", "si-ubl-1.1"),
        ("urn:www.simplerinvoicing.org:si-ubl:invoice:ver1.0", "si-ubl-1.0"),
        ("urn:www.simplerinvoicing.org:si-ubl:credit-note:ver1.0", "si-ubl-1.0"),
    )
    for part, word in contained:
        if part in claimed:
            return word
    started = (
        (_PEPPOL + "selfbilling:3.0", "peppol-bis-3-selfbilling"),
        (_PEPPOL + "billing:3.0", "peppol-bis-3"),
        (_EN + "#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0", "xrechnung-3.0"),
        (_EN + "#", "en16931-other-cius"),
    )
    for start, word in started:
        if claimed.startswith(start):
            return word
    return "en16931" if claimed == _EN else "other"


def parse_decimal(text: str) -> Decimal | None:
    """Read a number as xs:decimal: white space around, a sign, `.5` and `5.`; no exponent. None when it is none.

    >>> parse_decimal(" +5. "), parse_decimal("-.5"), parse_decimal("1e3"), parse_decimal("1,50")
    (Decimal('5'), Decimal('-0.5'), None, None)
    """
    text = text.strip(" \t\r\n")
    return Decimal(text) if len(text) <= LONGEST_NUMBER and _DECIMAL.fullmatch(text) else None


def parse_date(text: str) -> date | None:
    """Read a date as xs:date, a time zone or time after it is left out; None when it is none."""
    match = _DATE.fullmatch(text.strip())
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _parse(xml: bytes) -> etree._Element:
    try:
        return _parse_within_bounds(xml)
    except InvoiceUnreadable as error:
        raise _unreadable(xml, error) from error


def _parse_within_bounds(xml: bytes) -> etree._Element:
    """Look at the bytes before they are parsed, so that no more is built than we mean to read."""
    if len(xml) > LARGEST_FILE:
        raise InvoiceUnreadable(f"larger than {LARGEST_FILE // MEGABYTE} MB", code="TOO-LARGE")
    text = _in_ascii_markup(xml)
    if not _START.match(text):
        raise InvoiceUnreadable("does not begin as XML does", code="NOT-WELL-FORMED")
    if _DOCTYPE.match(text):
        raise _refused_doctype()
    # Never less than there are, as every start tag has its "<" and every attribute its "=".
    marks = text.count(b"<") - text.count(b"</") + text.count(b"=")
    if marks > MOST_ELEMENTS:
        raise InvoiceUnreadable(f"has more than {MOST_ELEMENTS} elements and attributes", code="TOO-LARGE")
    try:
        element = etree.fromstring(xml, _parser(xml))
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        raise _explain(error) from error
    if element.getroottree().docinfo.doctype:
        raise _refused_doctype()
    if marks > DEEPEST and _TOO_DEEP(element):
        raise InvoiceUnreadable(f"elements are nested more than {DEEPEST} deep", code="TOO-DEEP")
    if len(xml) > LONGEST_TEXT and _TOO_LONG(element):
        raise InvoiceUnreadable(f"holds a text of more than {LONGEST_TEXT} characters", code="TOO-LARGE")
    return element


def _parser(xml: bytes) -> etree.XMLParser[etree._Element]:
    """Make a parser that fetches nothing; texts over 10 MB, as an embedded PDF may be, only where there is room."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=len(xml) > _HUGE,
        remove_blank_text=True,
        remove_comments=True,
        remove_pis=True,
    )


def _in_ascii_markup(xml: bytes) -> bytes:
    """Give the document in an encoding in which `<` and `=` are the bytes of ASCII and nothing else is.

    Raises:
        InvoiceUnreadable: It is in another encoding than UTF-16 and those (code ENCODING).
    """
    wide = {b"\xff\xfe": "utf-16-le", b"<\0": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\0<": "utf-16-be"}.get(xml[:2])
    if wide is None:
        text, allowed = xml, _ENCODINGS
    else:
        try:
            text, allowed = xml.decode(wide).removeprefix("\ufeff").encode(), _WIDE
        except UnicodeError as error:
            raise _explain(error) from error
        if b"\0" in text:  # UTF-32
            raise _wrong_encoding()
    declaration = _DECLARATION.match(text)
    declared = _DECLARED.search(b" " + declaration[1]) if declaration else None
    if declared and not allowed.fullmatch(declared[1].strip()):
        raise _wrong_encoding()
    return text


def _unreadable(xml: bytes, error: InvoiceUnreadable) -> ConnectorError:
    """Give the error for what looks like an invoice or has a document type, and for anything else that it is none."""
    if error.code == "DTD":
        return error
    text = xml[:_CHUNK].replace(b"\0", b"")  # so that UTF-16 and UTF-32 read as ASCII
    return error if _UBL_MARK.search(text) else NotAnInvoice("no XML that can be read")


def _refused_doctype() -> InvoiceUnreadable:
    return InvoiceUnreadable("has a document type declaration (DTD), which no invoice needs", code="DTD")


def _wrong_encoding(where: str = "") -> InvoiceUnreadable:
    return InvoiceUnreadable(
        f"is not in the encoding that it declares, or in none that we read{where}", code="ENCODING"
    )


def _explain(error: Exception) -> InvoiceUnreadable:
    """Sort the parser's complaint; its text may quote the file, so only the place is passed on."""
    text = str(error).lower()
    line = f", line {error.lineno}" if isinstance(error, etree.XMLSyntaxError) and error.lineno else ""
    if "depth" in text:
        return InvoiceUnreadable("elements are nested too deep", code="TOO-DEEP")
    if "huge" in text or "too long" in text or "too big" in text:
        return InvoiceUnreadable("holds a name or an attribute that is too long", code="TOO-LARGE")
    if "encoding" in text or "utf-8" in text or isinstance(error, (LookupError, UnicodeError)):
        return _wrong_encoding(line)
    return InvoiceUnreadable(f"is not well-formed XML{line}", code="NOT-WELL-FORMED")


def _say_what_it_is(tag: str) -> str:
    """Name a document by its root; what people take for an invoice, and send instead, by its kind."""
    local = short_name(tag).rpartition("}")[2].removeprefix("cac:").removeprefix("cbc:")[:80]
    if local.startswith("CrossIndustry"):
        return "Cross Industry Invoice (CII) is not supported; only UBL is"
    if local in ("Invoice", "CreditNote"):
        return f"{local} is not in the UBL 2 namespace"
    kind = OTHER_DOCUMENTS.get(local)
    return f"{local} is {kind}, not an invoice" if kind else f"{local} is not an invoice"


def _doubt(rule: str, path: str, english: str, dutch: str, severity: Severity = Severity.WARNING) -> Finding:
    return Finding(rule=rule, severity=severity, path=path, message_en=english, message_nl=dutch)


def _too_long(path: str, english: str, dutch: str, severity: Severity = Severity.WARNING) -> Finding:
    return _doubt(
        "CON-LONG",
        path,
        f"the {english} has more than {LONGEST_IDENTIFIER} characters",
        f"het {dutch} heeft meer dan {LONGEST_IDENTIFIER} tekens",
        severity,
    )


def _path(node: Node, name: str) -> str:
    """Give the place of the first child of this name."""
    child = node.first(name)
    return child.path if child else node.below(name)


def _amount(node: Node, name: str, findings: Findings) -> Decimal | None:
    """Read a number; None when it is absent or, with a finding, when it is none."""
    text = node.text(name)
    if not text:
        return None
    amount = parse_decimal(text)
    if amount is None:
        findings.add(
            _doubt(
                "CON-AMOUNT",
                _path(node, name),
                f"{name} is not a number",
                f"{name} is geen getal",
                Severity.FATAL,
            )
        )
    return amount


def _date(node: Node, name: str, findings: Findings) -> date | None:
    text = node.text(name)
    if not text:
        return None
    found = parse_date(text)
    if found is None:
        findings.add(_doubt("CON-DATE", _path(node, name), f"{name} is not a date", f"{name} is geen datum"))
    return found


def _read_root(root: Node, findings: Findings) -> Invoice:
    is_invoice = root.path == "/Invoice"
    number = root.text("cbc:ID")
    if len(number) > LONGEST_IDENTIFIER:
        findings.add(_too_long(root.below("cbc:ID"), "invoice number", "factuurnummer", Severity.FATAL))
    kind = "cbc:InvoiceTypeCode" if is_invoice else "cbc:CreditNoteTypeCode"
    means = root.nodes("cac:PaymentMeans")
    due = [_date(root, "cbc:DueDate", findings), *(_date(m, "cbc:PaymentDueDate", findings) for m in means)]
    totals = root.first("cac:LegalMonetaryTotal") or root.first("cac:RequestedMonetaryTotal") or root
    currency, vat_currency = root.text("cbc:DocumentCurrencyCode"), root.text("cbc:TaxCurrencyCode")
    vat_total, vat_total_in_vat_currency = _read_vat_totals(root, currency, vat_currency, findings)
    delivery = root.first("cac:Delivery")
    place = delivery.first("cac:DeliveryLocation", "cac:Address") if delivery else None
    return Invoice(
        type=InvoiceType.INVOICE if is_invoice else InvoiceType.CREDIT_NOTE,
        type_code=root.text(kind),
        number=number[:LONGEST_IDENTIFIER],
        issue_date=_date(root, "cbc:IssueDate", findings),
        due_date=next((found for found in due if found), None),
        currency=currency,
        vat_currency="" if vat_currency == currency else vat_currency,
        vat_total_in_vat_currency=vat_total_in_vat_currency,
        customization_id=" ".join(root.text("cbc:CustomizationID")[:LONGEST_URN].split()),
        profile_id=" ".join(root.text("cbc:ProfileID")[:LONGEST_URN].split()),
        note="\n".join(root.texts("cbc:Note")),
        buyer_reference=root.text("cbc:BuyerReference"),
        order_reference=root.text("cac:OrderReference", "cbc:ID"),
        contract_reference=root.text("cac:ContractDocumentReference", "cbc:ID"),
        project_reference=_read_project(root),
        preceding_invoice=root.text("cac:BillingReference", "cac:InvoiceDocumentReference", "cbc:ID"),
        delivery_date=_date(delivery, "cbc:ActualDeliveryDate", findings) if delivery else None,
        delivery_name=delivery.first_text("cac:DeliveryParty", "cac:PartyName", "cbc:Name") if delivery else "",
        delivery_address=_read_address(place) if place else None,
        payment_terms="\n".join(root.texts("cac:PaymentTerms", "cbc:Note")),
        payment_means=tuple(_read_means(one) for one in means),
        seller=_read_party(root, "cac:AccountingSupplierParty", ("seller", "verkoper"), findings),
        buyer=_read_party(root, "cac:AccountingCustomerParty", ("buyer", "koper"), findings),
        lines=tuple(_read_line(line, findings) for line in lines_of(root)),
        allowances=_read_allowances(root, findings),
        vat=tuple(_read_subtotal(one, findings) for one in root.all("cac:TaxTotal", "cac:TaxSubtotal")),
        line_total=_amount(totals, "cbc:LineExtensionAmount", findings),
        allowance_total=_amount(totals, "cbc:AllowanceTotalAmount", findings),
        charge_total=_amount(totals, "cbc:ChargeTotalAmount", findings),
        total_without_vat=_amount(totals, "cbc:TaxExclusiveAmount", findings),
        vat_total=vat_total,
        total_with_vat=_amount(totals, "cbc:TaxInclusiveAmount", findings),
        prepaid=_amount(totals, "cbc:PrepaidAmount", findings),
        rounding=_amount(totals, "cbc:PayableRoundingAmount", findings),
        payable=_amount(totals, "cbc:PayableAmount", findings),
    )


def _read_vat_totals(
    root: Node, currency: str, vat_currency: str, findings: Findings
) -> tuple[Decimal | None, Decimal | None]:
    """Sum the VAT in the invoice's currency, and that in the other one; SI-UBL 1.x may have several TaxTotals."""
    own: list[Decimal] = []
    other: Decimal | None = None
    for total in root.nodes("cac:TaxTotal"):
        amount = _amount(total, "cbc:TaxAmount", findings)
        stated = ((node := total.first("cbc:TaxAmount")) is not None and node.attribute("currencyID")) or currency
        if amount is None:
            continue
        if vat_currency and vat_currency != currency and stated == vat_currency:
            other = amount
        else:
            own.append(amount)
    return (sum(own, ZERO) if own else None), other


def _read_project(root: Node) -> str:
    """On a credit note the project is a document reference of type 50."""
    typed = (
        reference.text("cbc:ID")
        for reference in root.nodes("cac:AdditionalDocumentReference")
        if reference.text("cbc:DocumentTypeCode") == "50"
    )
    return root.text("cac:ProjectReference", "cbc:ID") or next(typed, "")


def _read_address(node: Node | None) -> Address:
    if node is None:
        return Address()
    street = f"{node.text('cbc:StreetName')} {node.text('cbc:BuildingNumber')}".strip()
    return Address(
        street=street,
        additional=node.text("cbc:AdditionalStreetName"),
        city=node.text("cbc:CityName"),
        postcode=node.text("cbc:PostalZone"),
        subdivision=node.text("cbc:CountrySubentity"),
        country=node.text("cac:Country", "cbc:IdentificationCode").upper(),
    )


def _read_means(node: Node) -> PaymentMeans:
    account = node.first("cac:PayeeFinancialAccount")
    branch = account.first("cac:FinancialInstitutionBranch") if account else None
    return PaymentMeans(
        code=node.text("cbc:PaymentMeansCode"),
        iban="".join(account.text("cbc:ID").split()) if account else "",
        bic=(branch.text("cac:FinancialInstitution", "cbc:ID") or branch.text("cbc:ID")) if branch else "",
        account_name=account.text("cbc:Name") if account else "",
        remittance=" ".join(node.texts("cbc:PaymentID")),
    )


def _read_category(node: Node | None, findings: Findings) -> tuple[str, Decimal | None]:
    if node is None:
        return "", None
    return node.text("cbc:ID"), _amount(node, "cbc:Percent", findings)


def _read_allowances(node: Node, findings: Findings) -> tuple[Allowance, ...]:
    found = []
    for one in node.nodes("cac:AllowanceCharge"):
        category, rate = _read_category(one.first("cac:TaxCategory"), findings)
        found.append(
            Allowance(
                amount=_amount(one, "cbc:Amount", findings) or ZERO,
                is_charge=one.text("cbc:ChargeIndicator").lower() in ("true", "1"),
                reason=one.text("cbc:AllowanceChargeReason"),
                base_amount=_amount(one, "cbc:BaseAmount", findings),
                percentage=_amount(one, "cbc:MultiplierFactorNumeric", findings),
                vat_category=category,
                vat_rate=rate,
            )
        )
    return tuple(found)


def _read_subtotal(node: Node, findings: Findings) -> VatBreakdown:
    taxes = node.first("cac:TaxCategory")
    category, rate = _read_category(taxes, findings)
    return VatBreakdown(
        category=category,
        rate=_amount(node, "cbc:Percent", findings) if rate is None else rate,
        taxable=_amount(node, "cbc:TaxableAmount", findings) or ZERO,
        tax=_amount(node, "cbc:TaxAmount", findings) or ZERO,
        exemption_reason=taxes.text("cbc:TaxExemptionReason") if taxes else "",
        exemption_code=taxes.text("cbc:TaxExemptionReasonCode") if taxes else "",
    )


def _read_line(node: Node, findings: Findings) -> Line:
    counted = "cbc:InvoicedQuantity" if node.first("cbc:InvoicedQuantity") else "cbc:CreditedQuantity"
    quantity = node.first(counted)
    item, price = node.first("cac:Item") or node, node.first("cac:Price")
    category, rate = _read_category(item.first("cac:ClassifiedTaxCategory"), findings)
    codes = [item.text(f"cac:{kind}ItemIdentification", "cbc:ID") for kind in ("Sellers", "Standard", "Buyers")]
    return Line(
        id=node.text("cbc:ID"),
        name=item.text("cbc:Name"),
        description="\n".join(item.texts("cbc:Description")),
        quantity=_amount(node, counted, findings),
        unit=quantity.attribute("unitCode") if quantity else "",
        price=_amount(price, "cbc:PriceAmount", findings) if price else None,
        base_quantity=_amount(price, "cbc:BaseQuantity", findings) if price else None,
        amount=_amount(node, "cbc:LineExtensionAmount", findings) or ZERO,
        vat_category=category,
        vat_rate=rate,
        item_code=next((code for code in codes if code), ""),
        allowances=_read_allowances(node, findings),
        note="\n".join(node.texts("cbc:Note")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """An identifier as the file has it, and what it is once made comparable."""

    node: Node
    place: str
    """endpoint, legal, party or tax."""
    scheme: str
    value: str
    known: Identifier | None
    is_too_long: bool


def _read_party(root: Node, name: str, who: tuple[str, str], findings: Findings) -> Party:
    party = root.first(name, "cac:Party")
    if party is None:
        return Party(name="")
    address = _read_address(party.first("cac:PostalAddress"))
    written = _read_identifiers(party)
    for one in written:
        if doubt := _doubt_identifier(one, who, address.country):
            findings.add(doubt)
    known = [one for one in written if one.known]
    trade_name = party.first_text("cac:PartyName", "cbc:Name")
    legal_name = party.first_text("cac:PartyLegalEntity", "cbc:RegistrationName")
    contact = party.first("cac:Contact")
    oin = _pick(known, "oin")
    return Party(
        name=legal_name or trade_name,
        trade_name=trade_name,
        kvk=_pick(known, "kvk") or (kvk_of_oin(oin) if oin else None),
        oin=oin,
        vat=_pick(known, "vat"),
        gln=_pick(known, "gln"),
        endpoint=next((one.known for one in known if one.place == "endpoint"), None),
        identifiers=tuple(dict.fromkeys(one.known for one in known if one.known)),
        address=address,
        contact_name=contact.text("cbc:Name") if contact else "",
        email=contact.text("cbc:ElectronicMail") if contact else "",
        phone=contact.text("cbc:Telephone") if contact else "",
    )


def _read_identifiers(party: Node) -> list[_Written]:
    """Give all numbers in the order in which routing believes them (identifier guideline v1.2)."""
    return list(islice(_each_identifier(party), MOST_IDENTIFIERS))


def _each_identifier(party: Node) -> Iterator[_Written]:
    places = (
        ("endpoint", party.nodes("cbc:EndpointID")),
        ("legal", party.all("cac:PartyLegalEntity", "cbc:CompanyID")),
        ("party", party.all("cac:PartyIdentification", "cbc:ID")),
    )
    for place, nodes in places:
        for node in nodes:
            scheme = node.attribute("schemeID")
            if node.text() and scheme.upper() != "SEPA":  # a creditor's id for direct debit says nothing of a party
                yield _identify(node, place, scheme)
    for tax in party.nodes("cac:PartyTaxScheme"):
        company = tax.first("cbc:CompanyID")
        if company is not None and company.text() and tax.text("cac:TaxScheme", "cbc:ID").upper() in ("VAT", ""):
            yield _identify(company, "tax", "VAT")


def _identify(node: Node, place: str, scheme: str) -> _Written:
    value = node.text()
    is_too_long = len(value) > LONGEST_IDENTIFIER or len(scheme) > LONGEST_IDENTIFIER
    same = None if is_too_long else normalise(scheme, value)
    known = Identifier(scheme=same[0], value=same[1]) if same else None
    return _Written(
        node=node, place=place, scheme=normalise_scheme(scheme), value=value, known=known, is_too_long=is_too_long
    )


def _pick(known: list[_Written], scheme: str) -> str | None:
    """Take the first number of a scheme: the legal id before the endpoint before the others; VAT from the tax part."""
    order = ("tax", "legal", "endpoint", "party") if scheme == "vat" else ("legal", "endpoint", "party")
    for place in order:
        for one in known:
            if one.place == place and one.known is not None and one.known.scheme == scheme:
                return one.known.value
    return None


def _doubt_identifier(one: _Written, who: tuple[str, str], country: str) -> Finding | None:
    """Say what is doubtful about a number, without repeating it: it may hold a BSN."""
    english, dutch, path = who[0], who[1], one.node.path
    if one.is_too_long:
        return _too_long(path, f"number of the {english}", f"nummer van de {dutch}")
    if one.scheme == "kvk" and (one.known is None or one.known.scheme == "kvk"):
        check = check_kvk(one.value)
        if check.status is not KvkStatus.OK:
            return _doubt(
                "CON-KVK",
                path,
                f"KvK number of the {english}: {check.detail_en}",
                f"KvK-nummer van de {dutch}: {check.detail_nl}",
            )
    elif one.scheme == "vat" and (one.known is None or not check_vat(one.value)):
        return _doubt(
            "CON-VAT",
            path,
            f"VAT number of the {english} has a wrong form or check digit",
            f"btw-nummer van de {dutch} heeft een onjuiste vorm of een onjuist controlegetal",
        )
    elif one.scheme in ("oin", "gln", "iban", "email") and one.known is None:
        return _doubt(
            f"CON-{one.scheme.upper()}",
            path,
            f"{one.scheme.upper()} of the {english} has a wrong form",
            f"{one.scheme.upper()} van de {dutch} heeft een onjuiste vorm",
        )
    elif one.place == "legal" and not one.scheme and country in ("NL", ""):
        return _doubt(
            "CON-SCHEME",
            path,
            f"registration number of the {english} has no schemeID, so it does not count as a KvK number",
            f"registratienummer van de {dutch} heeft geen schemeID en telt daarom niet als KvK-nummer",
        )
    return None


def _read_embedded(root: Node, number: str, findings: Findings) -> tuple[Embedded, ...]:
    found: list[Embedded] = []
    nodes = list(islice(_embedded_nodes(root), MOST_EMBEDDED + 1))
    for reference, node in nodes[:MOST_EMBEDDED]:
        content = _decode(node.element.text or "")
        if not content:
            findings.add(
                _doubt(
                    "CON-ATTACHMENT",
                    node.path,
                    "the embedded file is empty or damaged (no valid base64)",
                    "het ingesloten bestand is leeg of beschadigd (geen geldige base64)",
                )
            )
            continue
        found.append(
            Embedded(
                name=_name_embedded(reference, node),
                media_type=node.attribute("mimeCode").lower(),
                content=content,
                is_invoice_image=_is_invoice_image(reference, node, content, number),
            )
        )
    if len(nodes) > MOST_EMBEDDED:
        findings.add(
            _doubt(
                "CON-ATTACHMENT",
                root.below("cac:AdditionalDocumentReference"),
                f"holds more than {MOST_EMBEDDED} embedded files; the others stay in the XML",
                f"bevat meer dan {MOST_EMBEDDED} ingesloten bestanden; de overige blijven in de XML",
            )
        )
    return tuple(found)


def _embedded_nodes(root: Node) -> Iterator[tuple[Node, Node]]:
    """Give each embedded file with the reference that it belongs to."""
    for reference in root.nodes("cac:AdditionalDocumentReference"):
        for node in reference.all("cac:Attachment", "cbc:EmbeddedDocumentBinaryObject"):
            yield reference, node


def _decode(text: str) -> bytes:
    """Decode base64 with any white space in it; empty when it is none."""
    try:
        return base64.b64decode(text.translate(_WHITE_SPACE), validate=True)
    except ValueError:
        return b""


def _name_embedded(reference: Node, node: Node) -> str:
    name = clean_name(node.attribute("filename") or reference.text("cbc:ID"))
    is_pdf = node.attribute("mimeCode").lower() == "application/pdf"
    return name + ".pdf" if is_pdf and not name.lower().endswith(".pdf") else name


def _is_invoice_image(reference: Node, node: Node, content: bytes, number: str) -> bool:
    """Recognise the invoice's own PDF by one of the conventions of e-invoicing.md section 12."""
    if b"%PDF" not in content[:1024]:
        return False
    described = {"".join(text.split()).lower() for text in reference.texts("cbc:DocumentDescription")}
    names = {reference.text("cbc:ID").lower(), node.attribute("filename").lower()}
    return (
        "commercialinvoice" in described
        or reference.text("cbc:DocumentType").lower() == "primaryimage"
        or (number != "" and f"{number}.pdf".lower() in names)
    )
