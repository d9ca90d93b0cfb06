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
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, XMLParser

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
from connector.ingest.tree import CBC, WHITE_SPACE, Tree, find_all, in_one_line, line_of, short_name
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
MANY_ELEMENTS = 100_000
"""And attributes: from here on the different names are counted; below, all may be different."""
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
LONGEST_NAME = 200
"""Characters of a namespace, where the file is not small; a name may have as many besides. UBL's have less than 100."""
MOST_NAMES = 5000
"""Different names of elements and attributes; UBL has some hundreds that an invoice uses."""
LONGEST_NUMBER = 40
"""Characters of an amount; more would not be summed exactly."""
LONGEST_IDENTIFIER = 200
"""Characters of an invoice number or of a party's number; what makes numbers comparable is not made for books."""
LONGEST_URN = 1000
MOST_IDENTIFIERS = 100
"""Of one party."""

ZERO = Decimal(0)

_EMBEDDED = f"{{{CBC}}}EmbeddedDocumentBinaryObject"
_LONG_NAMESPACE = re.compile(
    rb"xmlns(?::[^\s=:\"'<>]*+)?\s*+=\s*+(?:\"[^\"]{%d}|'[^']{%d})" % (LONGEST_NAME + 1, LONGEST_NAME + 1)
)
"""The parser writes the namespace into each name: a long one would be multiplied by the number of names."""
_UNUSUAL_NAMESPACE = re.compile(
    rb"xmlns(?::[^\s=:\"'<>]*+)?\s*+=\s*+(?:\"[^\"\x80-\xff]{0,80}+[^\"]|'[^'\x80-\xff]{0,80}+[^'])"
)
"""Longer than UBL's, or with letters that make every character take four bytes."""
_HARMLESS = 16_384
"""Bytes in which no such product comes to much."""
_UTF_8 = re.compile(rb"utf-?8", re.IGNORECASE)
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
_WHITE_SPACE = WHITE_SPACE.encode()
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*+<")
_BOM = b"\xef\xbb\xbf"
_SPACES = re.compile(rb"\s*")
_NAME = re.compile(rb"<[^\s/>!?<]++|\s[^\s=<>\"'/]++\s*+=")
_VERSION = re.compile(rb"\s*version\s*=\s*[\"']1\.[0-9]+[\"']")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2}|T[0-9:.]{4,20}Z?)?")
_PLACES = (
    ("endpoint", "cbc:EndpointID"),
    ("legal", "cac:PartyLegalEntity/cbc:CompanyID"),
    ("party", "cac:PartyIdentification/cbc:ID"),
)
"""Where a party's numbers stand, in the order in which routing believes them (identifier guideline v1.2)."""
_ITEM_CODES = tuple(f"cac:{kind}ItemIdentification" for kind in ("Sellers", "Standard", "Buyers"))
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

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was doubtful while reading; the rules come with `checks.check_tree`."""
        return self.doubts.listed()


def read_invoice(xml: bytes) -> Reading:
    """Read an invoice or credit note, in the encoding that it declares.

    Raises:
        InvoiceUnreadable: a document type (DTD), or what looks like UBL and is no XML (code NOT-WELL-FORMED,
            ENCODING), too large or too deep (TOO-LARGE, TOO-DEEP), or without anything in it (EMPTY).
        NotAnInvoice: XML with another root, named in the message; anything else that cannot be read.
    """
    return read_tree(parse_tree(xml))


def parse_tree(xml: bytes) -> Tree:
    """Parse an invoice or credit note, for `read_tree` and the rules; raises what `read_invoice` raises.

    The tree is many times as large as the bytes: let go of it before the next.
    """
    try:
        root = _parse(xml)
    except InvoiceUnreadable as error:
        raise _unreadable(xml, error) from error
    if root.tag not in (INVOICE, CREDIT_NOTE):
        raise NotAnInvoice(_say_what_it_is(root.tag))
    tree = Tree(root)
    if tree.longest_tag > 2 * LONGEST_NAME:
        raise InvoiceUnreadable("holds a name that is too long", code="TOO-LARGE")
    if len(tree.parents) > DEEPEST and _is_too_deep(root):
        raise InvoiceUnreadable(f"elements are nested more than {DEEPEST} deep", code="TOO-DEEP")
    if not any(child.tag.startswith(("cac:", "cbc:")) for child in root):
        raise InvoiceUnreadable("has nothing in it", code="EMPTY")
    lines = len(_lines_of(tree))
    if sum(len(tree.elements.get(name, ())) for name in ("cac:InvoiceLine", "cac:CreditNoteLine")) > MOST_LINES:
        raise InvoiceUnreadable(f"has more than {MOST_LINES} lines", code="TOO-LARGE")
    if len(root) - lines > MOST_CHILDREN or (tree.size > MOST_CHILDREN and _repeats_too_much(root)):
        raise InvoiceUnreadable(f"has more than {MOST_CHILDREN} of a thing other than lines", code="TOO-LARGE")
    return tree


def read_tree(tree: Tree) -> Reading:
    """Give what `read_invoice` gives, of a document that is parsed."""
    doubts = _Doubts(tree)
    invoice = _read_root(tree, doubts)
    embedded = _read_embedded(tree, invoice.number, doubts)
    return Reading(
        invoice=invoice,
        format=recognise_format(invoice.customization_id),
        doubts=doubts.findings,
        embedded=embedded,
    )


def _lines_of(tree: Tree) -> list[Element]:
    """Give the lines that belong to this kind of document."""
    return tree.root.findall("cac:InvoiceLine" if tree.root.tag == "Invoice" else "cac:CreditNoteLine")


def _repeats_too_much(root: Element) -> bool:
    """Tell whether anything but the lines and what extensions hold is repeated beyond measure."""
    subtotals = len(find_all(root, "cac:TaxTotal/cac:TaxSubtotal"))
    files = len(find_all(root, "cac:AdditionalDocumentReference/cac:Attachment"))
    return (
        subtotals + files > MOST_CHILDREN
        or any(len(one) > MOST_CHILDREN for part in root if part.tag.startswith("cac:") for one in part.iter())
        or sum(len(part.findall("cac:AllowanceCharge")) for part in root if part.tag.startswith("cac:"))
        > MOST_ALLOWANCES
    )


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
    text = text.strip(WHITE_SPACE)
    return _decimal(text) if len(text) <= LONGEST_NUMBER else None


@lru_cache(maxsize=1024)  # an amount stands in an invoice several times, and the rules ask again
def _decimal(text: str) -> Decimal | None:
    is_plain = text.isascii() and text.replace(".", "", 1).isdigit()
    return Decimal(text) if is_plain or _DECIMAL.fullmatch(text) else None


def parse_date(text: str) -> date | None:
    """Read a date as xs:date, a time zone or time after it is left out; None when it is none."""
    match = _DATE.fullmatch(text.strip())
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _parse(xml: bytes) -> Element:
    """Look at the bytes before they are parsed, so that no more is built than we mean to read."""
    if len(xml) > LARGEST_FILE:
        raise InvoiceUnreadable(f"larger than {LARGEST_FILE // MEGABYTE} MB", code="TOO-LARGE")
    text = _in_utf_8(xml)
    if not _START.match(text):
        raise InvoiceUnreadable("does not begin as XML does", code="NOT-WELL-FORMED")
    if _has_doctype(text):
        raise InvoiceUnreadable("has a document type declaration (DTD), which no invoice needs", code="DTD")
    # Never less than there are, as every start tag has its "<" and every attribute its "=".
    is_short = len(text) <= MANY_ELEMENTS * len("<a/>")
    marks = 0 if is_short else text.count(b"<") - text.count(b"</") + text.count(b"=")
    if marks > MOST_ELEMENTS:
        raise InvoiceUnreadable(f"has more than {MOST_ELEMENTS} elements and attributes", code="TOO-LARGE")
    if len(text) > _HARMLESS and _LONG_NAMESPACE.search(text):
        raise InvoiceUnreadable("holds a name that is too long", code="TOO-LARGE")
    if len(text) > _HARMLESS and _has_too_many_names(text, marks):
        raise InvoiceUnreadable(f"has more than {MOST_NAMES} different names", code="TOO-LARGE")
    try:
        root = ElementTree.fromstring(text, XMLParser(encoding="utf-8"))
    except ElementTree.ParseError as error:
        raise _explain(text, error) from error
    if len(text) > LONGEST_TEXT and any(map(_is_too_long, root.iter())):
        raise InvoiceUnreadable(f"holds a text of more than {LONGEST_TEXT} characters", code="TOO-LARGE")
    return root


def _has_doctype(text: bytes) -> bool:
    """Tell whether a document type stands before the root, where alone it may stand."""
    at = len(_BOM) if text.startswith(_BOM) else 0
    while True:
        at = _SPACES.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing too
        if text.startswith(b"<!--", at):
            end = text.find(b"-->", at + 4) + 3
        elif text.startswith(b"<?", at):
            end = text.find(b"?>", at + 2) + 2
        else:
            return text.startswith(b"<!DOCTYPE", at)
        if end < at:  # it does not end
            return False
        at = end


def _has_too_many_names(text: bytes, marks: int) -> bool:
    """Count the names where they may be too much: below a long namespace, or in a large document."""
    if marks <= MANY_ELEMENTS and not _UNUSUAL_NAMESPACE.search(text):
        return False
    names = set()
    for match in _NAME.finditer(text):
        names.add(match[0])
        if len(names) > MOST_NAMES:
            return True
    return False


def _is_too_deep(root: Element) -> bool:
    level = [root]
    for _ in range(DEEPEST):
        level = [child for element in level if len(element) for child in element]
        if not level:
            return False
    return True


def _is_too_long(element: Element) -> bool:
    texts = [element.tail, *element.attrib, *element.attrib.values()]
    if element.tag != _EMBEDDED:
        texts.append(element.text)
    return any(text is not None and len(text) > LONGEST_TEXT for text in texts)


def _in_utf_8(xml: bytes) -> bytes:
    """Give the document in UTF-8, whatever it is declared in; then `<` and `=` are the bytes of ASCII.

    Raises:
        InvoiceUnreadable: It is in an encoding that hides markup or in none that we know, or not in the one that it
            declares (code ENCODING). Broken UTF-8 is left to the parser.
    """
    wide = {b"\xff\xfe": "utf-16-le", b"<\0": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\0<": "utf-16-be"}.get(xml[:2])
    text, allowed = (xml, _ENCODINGS) if wide is None else (_recode(xml, wide), _WIDE)
    if wide is not None and b"\0" in text:  # UTF-32
        raise _wrong_encoding()
    declaration = _DECLARATION.match(text)
    if declaration and not _VERSION.match(declaration[1]):
        raise InvoiceUnreadable("is of no version of XML that we know", code="NOT-WELL-FORMED")
    declared = _DECLARED.search(b" " + declaration[1]) if declaration else None
    if declared is None:
        return text
    encoding = declared[1].strip()
    if not allowed.fullmatch(encoding):
        raise _wrong_encoding()
    is_utf_8 = wide or xml.startswith(_BOM) or _UTF_8.fullmatch(encoding)  # a byte order mark tells the truth
    return text if is_utf_8 else _recode(text, encoding.decode())


def _recode(text: bytes, encoding: str) -> bytes:
    try:
        return text.decode(encoding).removeprefix("\ufeff").encode()
    except (UnicodeError, LookupError) as error:
        raise _wrong_encoding() from error


def _unreadable(xml: bytes, error: InvoiceUnreadable) -> ConnectorError:
    """Give the error for what looks like an invoice or has a document type, and for anything else that it is none."""
    if error.code == "DTD":
        return error
    text = xml[:_CHUNK].replace(b"\0", b"")  # so that UTF-16 and UTF-32 read as ASCII
    return error if _UBL_MARK.search(text) else NotAnInvoice("no XML that can be read")


def _wrong_encoding(where: str = "") -> InvoiceUnreadable:
    return InvoiceUnreadable(
        f"is not in the encoding that it declares, or in none that we read{where}", code="ENCODING"
    )


def _explain(text: bytes, error: ElementTree.ParseError) -> InvoiceUnreadable:
    """Sort the parser's complaint; only the place is passed on, as the file is nobody's business."""
    line = error.position[0]
    where = f", line {line}"
    try:
        text.decode()
    except UnicodeDecodeError as wrong:
        if text.count(b"\n", 0, wrong.start) + 1 == line:
            return _wrong_encoding(where)
    return InvoiceUnreadable(f"is not well-formed XML{where}", code="NOT-WELL-FORMED")


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


def _words_for_long(english: str, dutch: str) -> tuple[str, str]:
    return (
        f"the {english} has more than {LONGEST_IDENTIFIER} characters",
        f"het {dutch} heeft meer dan {LONGEST_IDENTIFIER} tekens",
    )


class _Doubts:
    """Findings while reading, each with the XPath of its place."""

    def __init__(self, tree: Tree) -> None:
        self.findings = Findings()
        self.path_of = tree.path_of

    def add(self, finding: Finding) -> None:
        """Take one more."""
        self.findings.add(finding)


def _amount(element: Element | None, name: str, doubts: _Doubts) -> Decimal | None:
    """Read a number; None when it is absent or, with a finding, when it is none."""
    return _number(element.find(name), doubts) if element is not None else None


def _number(element: Element | None, doubts: _Doubts) -> Decimal | None:
    if element is None or not element.text:
        return None
    amount = parse_decimal(element.text)
    if amount is not None:
        return amount
    text = in_one_line(element.text)
    amount = parse_decimal(text)
    if amount is None and text:
        doubts.add(
            _doubt(
                "CON-AMOUNT",
                doubts.path_of(element),
                f"{element.tag} is not a number",
                f"{element.tag} is geen getal",
                Severity.FATAL,
            )
        )
    return amount


def _date(element: Element | None, name: str, doubts: _Doubts) -> date | None:
    child = element.find(name) if element is not None else None
    if child is None or not (text := line_of(child)):
        return None
    found = parse_date(text)
    if found is None:
        doubts.add(_doubt("CON-DATE", doubts.path_of(child), f"{name} is not a date", f"{name} is geen datum"))
    return found


def _texts(elements: list[Element]) -> list[str]:
    """Give the texts that are not empty, each with its own line breaks."""
    return [text for one in elements if (text := (one.text or "").strip())]


def _first_line(elements: list[Element]) -> str:
    """Give the first text that is not empty, in one line."""
    return next((text for one in elements if (text := line_of(one))), "")


def _attribute(element: Element, name: str) -> str:
    """Give an attribute in one line; empty when absent."""
    return in_one_line(element.get(name, ""))


def _read_root(tree: Tree, doubts: _Doubts) -> Invoice:
    root = tree.root
    is_invoice = root.tag == "Invoice"
    number = tree.line("cbc:ID")
    if len(number) > LONGEST_IDENTIFIER:
        words = _words_for_long("invoice number", "factuurnummer")
        doubts.add(_doubt("CON-LONG", doubts.path_of((root, "cbc:ID")), *words, Severity.FATAL))
    means = tree.all("cac:PaymentMeans")
    due = [_date(root, "cbc:DueDate", doubts), *(_date(m, "cbc:PaymentDueDate", doubts) for m in means)]
    totals = next(iter(tree.all("cac:LegalMonetaryTotal") or tree.all("cac:RequestedMonetaryTotal")), root)
    currency, vat_currency = tree.line("cbc:DocumentCurrencyCode"), tree.line("cbc:TaxCurrencyCode")
    vat_total, vat_total_in_vat_currency = _read_vat_totals(tree, currency, vat_currency, doubts)
    delivery, place = tree.first("cac:Delivery"), tree.first("cac:Delivery/cac:DeliveryLocation/cac:Address")
    return Invoice(
        type=InvoiceType.INVOICE if is_invoice else InvoiceType.CREDIT_NOTE,
        type_code=tree.line("cbc:InvoiceTypeCode" if is_invoice else "cbc:CreditNoteTypeCode"),
        number=number[:LONGEST_IDENTIFIER],
        issue_date=_date(root, "cbc:IssueDate", doubts),
        due_date=next((found for found in due if found), None),
        currency=currency,
        vat_currency="" if vat_currency == currency else vat_currency,
        vat_total_in_vat_currency=vat_total_in_vat_currency,
        customization_id=" ".join(tree.line("cbc:CustomizationID")[:LONGEST_URN].split()),
        profile_id=" ".join(tree.line("cbc:ProfileID")[:LONGEST_URN].split()),
        note="\n".join(_texts(tree.all("cbc:Note"))),
        buyer_reference=tree.line("cbc:BuyerReference"),
        order_reference=tree.line("cac:OrderReference/cbc:ID"),
        contract_reference=tree.line("cac:ContractDocumentReference/cbc:ID"),
        project_reference=_read_project(tree),
        preceding_invoice=tree.line("cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"),
        delivery_date=_date(delivery, "cbc:ActualDeliveryDate", doubts),
        delivery_name=_first_line(find_all(delivery, "cac:DeliveryParty/cac:PartyName/cbc:Name")),
        delivery_address=_read_address(place) if place is not None else None,
        payment_terms="\n".join(_texts(tree.all("cac:PaymentTerms/cbc:Note"))),
        payment_means=tuple(_read_means(one) for one in means),
        seller=_read_party(tree.first("cac:AccountingSupplierParty/cac:Party"), ("seller", "verkoper"), doubts),
        buyer=_read_party(tree.first("cac:AccountingCustomerParty/cac:Party"), ("buyer", "koper"), doubts),
        lines=tuple(_read_line(line, doubts) for line in _lines_of(tree)),
        allowances=_read_allowances(tree.all("cac:AllowanceCharge"), doubts),
        vat=tuple(_read_subtotal(one, doubts) for one in tree.all("cac:TaxTotal/cac:TaxSubtotal")),
        line_total=_amount(totals, "cbc:LineExtensionAmount", doubts),
        allowance_total=_amount(totals, "cbc:AllowanceTotalAmount", doubts),
        charge_total=_amount(totals, "cbc:ChargeTotalAmount", doubts),
        total_without_vat=_amount(totals, "cbc:TaxExclusiveAmount", doubts),
        vat_total=vat_total,
        total_with_vat=_amount(totals, "cbc:TaxInclusiveAmount", doubts),
        prepaid=_amount(totals, "cbc:PrepaidAmount", doubts),
        rounding=_amount(totals, "cbc:PayableRoundingAmount", doubts),
        payable=_amount(totals, "cbc:PayableAmount", doubts),
    )


def _read_vat_totals(
    tree: Tree, currency: str, vat_currency: str, doubts: _Doubts
) -> tuple[Decimal | None, Decimal | None]:
    """Sum the VAT in the invoice's currency, and that in the other one; SI-UBL 1.x may have several TaxTotals."""
    own: list[Decimal] = []
    other: Decimal | None = None
    for total in tree.all("cac:TaxTotal"):
        stated = total.find("cbc:TaxAmount")
        amount = _number(stated, doubts)
        if stated is None or amount is None:
            continue
        written = _attribute(stated, "currencyID") or currency
        if vat_currency and vat_currency != currency and written == vat_currency:
            other = amount
        else:
            own.append(amount)
    return (sum(own, ZERO) if own else None), other


def _read_project(tree: Tree) -> str:
    """On a credit note the project is a document reference of type 50."""
    typed = (
        line_of(reference, "cbc:ID")
        for reference in tree.all("cac:AdditionalDocumentReference")
        if line_of(reference, "cbc:DocumentTypeCode") == "50"
    )
    return tree.line("cac:ProjectReference/cbc:ID") or next(typed, "")


def _read_address(address: Element | None) -> Address:
    if address is None:
        return Address()
    street = f"{line_of(address, 'cbc:StreetName')} {line_of(address, 'cbc:BuildingNumber')}".strip()
    return Address(
        street=street,
        additional=line_of(address, "cbc:AdditionalStreetName"),
        city=line_of(address, "cbc:CityName"),
        postcode=line_of(address, "cbc:PostalZone"),
        subdivision=line_of(address, "cbc:CountrySubentity"),
        country=line_of(address, "cac:Country/cbc:IdentificationCode").upper(),
    )


def _read_means(means: Element) -> PaymentMeans:
    account = means.find("cac:PayeeFinancialAccount")
    branch = account.find("cac:FinancialInstitutionBranch") if account is not None else None
    return PaymentMeans(
        code=line_of(means, "cbc:PaymentMeansCode"),
        iban="".join(line_of(account, "cbc:ID").split()),
        bic=line_of(branch, "cac:FinancialInstitution/cbc:ID") or line_of(branch, "cbc:ID"),
        account_name=line_of(account, "cbc:Name"),
        remittance=" ".join(_texts(means.findall("cbc:PaymentID"))),
    )


def _read_category(category: Element | None, doubts: _Doubts) -> tuple[str, Decimal | None]:
    return line_of(category, "cbc:ID"), _amount(category, "cbc:Percent", doubts)


def _read_allowances(elements: list[Element], doubts: _Doubts) -> tuple[Allowance, ...]:
    found = []
    for one in elements:
        category, rate = _read_category(one.find("cac:TaxCategory"), doubts)
        found.append(
            Allowance(
                amount=_amount(one, "cbc:Amount", doubts) or ZERO,
                is_charge=line_of(one, "cbc:ChargeIndicator").lower() in ("true", "1"),
                reason=line_of(one, "cbc:AllowanceChargeReason"),
                base_amount=_amount(one, "cbc:BaseAmount", doubts),
                percentage=_amount(one, "cbc:MultiplierFactorNumeric", doubts),
                vat_category=category,
                vat_rate=rate,
            )
        )
    return tuple(found)


def _read_subtotal(subtotal: Element, doubts: _Doubts) -> VatBreakdown:
    taxes = subtotal.find("cac:TaxCategory")
    category, rate = _read_category(taxes, doubts)
    return VatBreakdown(
        category=category,
        rate=_amount(subtotal, "cbc:Percent", doubts) if rate is None else rate,
        taxable=_amount(subtotal, "cbc:TaxableAmount", doubts) or ZERO,
        tax=_amount(subtotal, "cbc:TaxAmount", doubts) or ZERO,
        exemption_reason=line_of(taxes, "cbc:TaxExemptionReason"),
        exemption_code=line_of(taxes, "cbc:TaxExemptionReasonCode"),
    )


def _read_line(line: Element, doubts: _Doubts) -> Line:
    parts = {child.tag: child for child in reversed(line)}
    quantity = parts.get("cbc:InvoicedQuantity")
    if quantity is None:
        quantity = parts.get("cbc:CreditedQuantity")
    item = parts.get("cac:Item", line)
    described = {child.tag: child for child in reversed(item)}
    category, rate = _read_category(described.get("cac:ClassifiedTaxCategory"), doubts)
    price = parts.get("cac:Price")
    return Line(
        id=line_of(parts.get("cbc:ID")),
        name=line_of(described.get("cbc:Name")),
        description="\n".join(_texts(item.findall("cbc:Description"))) if "cbc:Description" in described else "",
        quantity=_number(quantity, doubts),
        unit=_attribute(quantity, "unitCode") if quantity is not None else "",
        price=_amount(price, "cbc:PriceAmount", doubts),
        base_quantity=_amount(price, "cbc:BaseQuantity", doubts),
        amount=_number(parts.get("cbc:LineExtensionAmount"), doubts) or ZERO,
        vat_category=category,
        vat_rate=rate,
        item_code=next((code for name in _ITEM_CODES if (code := line_of(described.get(name), "cbc:ID"))), ""),
        allowances=_read_allowances(line.findall("cac:AllowanceCharge"), doubts)
        if "cac:AllowanceCharge" in parts
        else (),
        note="\n".join(_texts(line.findall("cbc:Note"))) if "cbc:Note" in parts else "",
    )


class _Written(NamedTuple):
    """An identifier as the file has it, and what it is once made comparable."""

    element: Element
    place: str
    """endpoint, legal, party or tax."""
    scheme: str
    value: str
    known: Identifier | None
    is_too_long: bool


def _read_party(party: Element | None, who: tuple[str, str], doubts: _Doubts) -> Party:
    if party is None:
        return Party(name="")
    address = _read_address(party.find("cac:PostalAddress"))
    written = list(islice(_identifiers(party), MOST_IDENTIFIERS))
    for one in written:
        if doubt := _doubt_identifier(one, who, address.country):
            doubts.add(_doubt(doubt[0], doubts.path_of(one.element), doubt[1], doubt[2]))
    known = {(one.known.scheme, one.place): one.known for one in reversed(written) if one.known}  # the first of each
    trade_name = _first_line(find_all(party, "cac:PartyName/cbc:Name"))
    legal_name = _first_line(find_all(party, "cac:PartyLegalEntity/cbc:RegistrationName"))
    contact = party.find("cac:Contact")
    oin = _pick(known, "oin")
    return Party(
        name=legal_name or trade_name,
        trade_name=trade_name,
        kvk=_pick(known, "kvk") or (kvk_of_oin(oin) if oin else None),
        oin=oin,
        vat=_pick(known, "vat"),
        gln=_pick(known, "gln"),
        endpoint=next((one.known for one in written if one.known and one.place == "endpoint"), None),
        identifiers=tuple(dict.fromkeys([one.known for one in written if one.known])),
        address=address,
        contact_name=line_of(contact, "cbc:Name"),
        email=line_of(contact, "cbc:ElectronicMail"),
        phone=line_of(contact, "cbc:Telephone"),
    )


def _identifiers(party: Element) -> Iterator[_Written]:
    for place, path in _PLACES:
        for element in find_all(party, path):
            scheme = _attribute(element, "schemeID")
            value = line_of(element)
            if value and scheme.upper() != "SEPA":  # a creditor's id for direct debit says nothing of a party
                yield _identify(element, place, scheme, value)
    for tax in party.findall("cac:PartyTaxScheme"):
        company = tax.find("cbc:CompanyID")
        value = line_of(company)
        if company is not None and value and line_of(tax, "cac:TaxScheme/cbc:ID").upper() in ("VAT", ""):
            yield _identify(company, "tax", "VAT", value)


def _identify(element: Element, place: str, scheme: str, value: str) -> _Written:
    is_too_long = len(value) > LONGEST_IDENTIFIER or len(scheme) > LONGEST_IDENTIFIER
    same = None if is_too_long else normalise(scheme, value)
    known = Identifier(scheme=same[0], value=same[1]) if same else None
    return _Written(element, place, normalise_scheme(scheme), value, known, is_too_long)


def _pick(known: dict[tuple[str, str], Identifier], scheme: str) -> str | None:
    """Take the first number of a scheme: the legal id before the endpoint before the others; VAT from the tax part."""
    for place in ("tax", "legal", "endpoint", "party"):
        if (found := known.get((scheme, place))) is not None:
            return found.value
    return None


def _doubt_identifier(one: _Written, who: tuple[str, str], country: str) -> tuple[str, str, str] | None:
    """Say what is doubtful about a number, by rule and in both languages, without repeating it: it may hold a BSN."""
    english, dutch = who
    if one.is_too_long:
        return ("CON-LONG", *_words_for_long(f"number of the {english}", f"nummer van de {dutch}"))
    if one.scheme == "kvk" and (one.known is None or one.known.scheme == "kvk"):
        check = check_kvk(one.value)
        if check.status is not KvkStatus.OK:
            return (
                "CON-KVK",
                f"KvK number of the {english}: {check.detail_en}",
                f"KvK-nummer van de {dutch}: {check.detail_nl}",
            )
    elif one.scheme == "vat" and (one.known is None or not check_vat(one.value)):
        return (
            "CON-VAT",
            f"VAT number of the {english} has a wrong form or check digit",
            f"btw-nummer van de {dutch} heeft een onjuiste vorm of een onjuist controlegetal",
        )
    elif one.scheme in ("oin", "gln", "iban", "email") and one.known is None:
        return (
            f"CON-{one.scheme.upper()}",
            f"{one.scheme.upper()} of the {english} has a wrong form",
            f"{one.scheme.upper()} van de {dutch} heeft een onjuiste vorm",
        )
    elif one.place == "legal" and not one.scheme and country in ("NL", ""):
        return (
            "CON-SCHEME",
            f"registration number of the {english} has no schemeID, so it does not count as a KvK number",
            f"registratienummer van de {dutch} heeft geen schemeID en telt daarom niet als KvK-nummer",
        )
    return None


def _read_embedded(tree: Tree, number: str, doubts: _Doubts) -> tuple[Embedded, ...]:
    found: list[Embedded] = []
    files = list(islice(_embedded_files(tree), MOST_EMBEDDED + 1))
    for reference, file in files[:MOST_EMBEDDED]:
        content = _decode(file.text or "")
        if not content:
            doubts.add(
                _doubt(
                    "CON-ATTACHMENT",
                    doubts.path_of(file),
                    "the embedded file is empty or damaged (no valid base64)",
                    "het ingesloten bestand is leeg of beschadigd (geen geldige base64)",
                )
            )
            continue
        found.append(
            Embedded(
                name=_name_embedded(reference, file),
                media_type=_attribute(file, "mimeCode").lower(),
                content=content,
                is_invoice_image=_is_invoice_image(reference, file, content, number),
            )
        )
    if len(files) > MOST_EMBEDDED:
        doubts.add(
            _doubt(
                "CON-ATTACHMENT",
                doubts.path_of((tree.root, "cac:AdditionalDocumentReference")),
                f"holds more than {MOST_EMBEDDED} embedded files; the others stay in the XML",
                f"bevat meer dan {MOST_EMBEDDED} ingesloten bestanden; de overige blijven in de XML",
            )
        )
    return tuple(found)


def _embedded_files(tree: Tree) -> Iterator[tuple[Element, Element]]:
    """Give each embedded file with the reference that it belongs to."""
    for reference in tree.all("cac:AdditionalDocumentReference"):
        for file in find_all(reference, "cac:Attachment/cbc:EmbeddedDocumentBinaryObject"):
            yield reference, file


def _decode(text: str) -> bytes:
    """Decode base64 with any white space in it; empty when it is none."""
    try:
        return base64.b64decode(text.encode("ascii").translate(None, _WHITE_SPACE), validate=True)
    except ValueError:
        return b""


def _name_embedded(reference: Element, file: Element) -> str:
    name = clean_name(_attribute(file, "filename") or line_of(reference, "cbc:ID"))
    is_pdf = _attribute(file, "mimeCode").lower() == "application/pdf"
    return name + ".pdf" if is_pdf and not name.lower().endswith(".pdf") else name


def _is_invoice_image(reference: Element, file: Element, content: bytes, number: str) -> bool:
    """Recognise the invoice's own PDF by one of the conventions of e-invoicing.md section 12."""
    if b"%PDF" not in content[:1024]:
        return False
    described = {"".join(text.split()).lower() for text in _texts(reference.findall("cbc:DocumentDescription"))}
    names = {line_of(reference, "cbc:ID").lower(), _attribute(file, "filename").lower()}
    return (
        "commercialinvoice" in described
        or line_of(reference, "cbc:DocumentType").lower() == "primaryimage"
        or (number != "" and f"{number}.pdf".lower() in names)
    )
