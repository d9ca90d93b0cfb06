"""ubl: what invoices of every flavour say, and what hostile bytes get as an answer."""

import base64
import gc
import tracemalloc
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import InvoiceUnreadable, NotAnInvoice
from connector.identifiers import normalise
from connector.ingest import ubl
from connector.ingest.checks import check_invoice
from connector.ingest.tree import Tree
from connector.ingest.ubl import (
    LONGEST_IDENTIFIER,
    MOST_CHILDREN,
    MOST_ELEMENTS,
    MOST_IDENTIFIERS,
    MOST_LINES,
    Reading,
    parse_date,
    parse_decimal,
    read_invoice,
    recognise_format,
)
from connector.invoice import Identifier, InvoiceType, Severity

from .conftest import SAMPLES

Sample = Callable[[str], bytes]
ROOT = b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"'
TAX = Decimal(21)
CBC = b' xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"'


def test_nlcius_invoice_is_read_whole(sample: Sample) -> None:
    """Numbers, dates, parties, totals, breakdown and lines are those in the file."""
    invoice = read_invoice(sample("nlcius-invoice")).invoice

    assert (invoice.type, invoice.type_code, invoice.number) == (InvoiceType.INVOICE, "380", "2026-0042")
    assert (invoice.issue_date, invoice.due_date) == (date(2026, 11, 2), date(2026, 12, 2))
    assert (invoice.seller.name, invoice.seller.kvk) == ("Bakkerij Voorbeeld B.V.", "12345670")
    assert (invoice.buyer.kvk, invoice.buyer.vat) == ("76543210", "NL111222333B01")
    assert (invoice.line_total, invoice.vat_total) == (Decimal(150), Decimal("25.50"))
    assert invoice.payable == Decimal("175.50")
    assert [(vat.rate, vat.tax) for vat in invoice.vat] == [(TAX, TAX), (Decimal(9), Decimal("4.50"))]
    assert [(line.name, line.quantity) for line in invoice.lines] == [("Advies", Decimal(2)), ("Brood", Decimal(1))]
    assert {line.unit for line in invoice.lines} == {"HUR"}
    assert invoice.payment_means[0].iban == "NL91ABNA0417164300"
    assert invoice.buyer.address.postcode == "4321 ZZ"


def test_identifiers_come_in_the_order_of_belief(sample: Sample) -> None:
    """Endpoint, legal id, VAT number: the order of the identifier guideline, each once."""
    buyer = read_invoice(sample("nlcius-invoice")).invoice.buyer

    assert buyer.identifiers == (
        Identifier(scheme="kvk", value="76543210"),
        Identifier(scheme="vat", value="NL111222333B01"),
    )
    assert buyer.endpoint == Identifier(scheme="kvk", value="76543210")


def test_due_date_of_a_credit_note_stands_in_the_payment_means(sample: Sample) -> None:
    """UBL 2.1 has no DueDate on a CreditNote."""
    invoice = read_invoice(sample("nlcius-credit-note")).invoice

    assert (invoice.type, invoice.type_code) == (InvoiceType.CREDIT_NOTE, "381")
    assert (invoice.due_date, invoice.preceding_invoice) == (date(2026, 12, 5), "2026-0042")
    assert invoice.lines[0].quantity == 1


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("nlcius-invoice", "nlcius"),
        ("nlcius-credit-note", "nlcius"),
        ("peppol-bis-invoice", "peppol-bis-3"),
        ("si-ubl-1.2-invoice", "si-ubl-1.2"),
        ("bare-ubl-invoice", "no-customization-id"),
    ],
)
def test_every_flavour_is_recognised_and_read(sample: Sample, name: str, word: str) -> None:
    """The format is named, the KvK number of the seller found, and nothing is doubted."""
    reading = read_invoice(sample(name))

    assert (reading.format, reading.invoice.seller.kvk, reading.findings) == (word, "12345670", ())


EN = "urn:cen.eu:en16931:2017"
NLCIUS = EN + "#compliant#urn:fdc:nen.nl:nlcius:v1.0"
PEPPOL = EN + "#compliant#urn:fdc:peppol.eu:2017:poacc:"
SI_1 = "urn:www.cenbii.eu:transaction:biitrns010:ver2.0:extended:urn:www.peppol.eu:bis:peppol4a:ver2.0:extended:"
SI_1_0 = "urn:www.cenbii.eu:transaction:biicoretrdm010:ver1.0:#urn:www.peppol.eu:bis:peppol4a:ver1.0#"


@pytest.mark.parametrize(
    ("written", "word"),
    [
        (EN, "en16931"),
        (NLCIUS, "nlcius"),
        (f"\n  {EN}#compliant#\n  urn:fdc:nen.nl:nlcius:v1.0 ", "nlcius"),
        (NLCIUS + "#conformant#urn:fdc:nen.nl:gaccount:v1.0", "si-ubl-2.0-gaccount"),
        (NLCIUS + "#conformant#urn:fdc:energie-efactuur.nl:invoice:v3.1", "nlcius"),
        (PEPPOL + "billing:3.0", "peppol-bis-3"),
        (PEPPOL + "selfbilling:3.0", "peppol-bis-3-selfbilling"),
        (EN + "#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0", "xrechnung-3.0"),
        (EN + "#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0",
         "xrechnung-3.0"),
        (EN + "#compliant#urn:example:another", "en16931-other-cius"),
        (SI_1 + "urn:www.simplerinvoicing.org:si:si-ubl:ver1.2", "si-ubl-1.2"),
        (SI_1 + "urn:www.simplerinvoicing.org:si:si-ubl:ver1.1.3", "si-ubl-1.1"),
        (SI_1_0 + "urn:www.simplerinvoicing.org:si-ubl:invoice:ver1.0.x", "si-ubl-1.0"),
        ("urn:www.simplerinvoicing.org:si-ubl:credit-note:ver1.0.x", "si-ubl-1.0"),
        ("urn:example:e-fff", "other"),
        (" ", "no-customization-id"),
    ],
)  # fmt: skip
def test_format_is_what_the_customization_claims(written: str, word: str) -> None:
    """The table of e-invoicing.md section 2, with the white space that senders put in."""
    assert recognise_format(written) == word


def test_embedded_picture_of_the_invoice_is_known_as_such(sample: Sample) -> None:
    """Base64 with line breaks is decoded, and the description marks the invoice's own PDF."""
    (embedded,) = read_invoice(sample("nlcius-invoice")).embedded

    assert embedded.content.startswith(b"%PDF-1.4\n")
    assert (embedded.name, embedded.media_type, embedded.is_invoice_image) == ("2026-0042.pdf", "application/pdf", True)


def test_damaged_base64_is_a_warning(sample: Sample) -> None:
    """A file inside that cannot be decoded is left out with a finding."""
    xml = sample("nlcius-invoice").replace(b"JVBERi0", b"J*BERi0", 1)

    reading = read_invoice(xml)

    assert reading.embedded == ()
    assert [(f.rule, f.severity) for f in reading.findings] == [("CON-ATTACHMENT", Severity.WARNING)]


@pytest.mark.parametrize(
    ("written", "kvk", "oin", "rule"),
    [
        (b'schemeID="0106">76543210', "76543210", None, None),
        (b'schemeID="106"> 76543210 ', "76543210", None, None),
        (b'schemeID="0106">00000001808345756000', None, "00000001808345756000", None),
        (b'schemeID="0106">00000003765432100000', "76543210", "00000003765432100000", None),
        (b'schemeID="0190">00000001808345756000', None, "00000001808345756000", None),
        (b'schemeID="0106">76543210000', None, None, "CON-KVK"),
        (b'schemeID="0106">765432100001', None, None, "CON-KVK"),
        (b'schemeID="0106">6543210', None, None, "CON-KVK"),
        (b'schemeID="0106">NL111222333B01', None, None, "CON-KVK"),
        (b'schemeID="0106">SITEST00000', None, None, "CON-KVK"),
        (b'schemeID="0106">12345678', "12345678", None, "CON-KVK"),
        (b'schemeID="0190">76543210', None, None, "CON-OIN"),
        (b">76543210", None, None, "CON-SCHEME"),
    ],
)
def test_kvk_number_is_read_or_doubted(
    sample: Sample, written: bytes, kvk: str | None, oin: str | None, rule: str | None
) -> None:
    """Eight digits under a KvK scheme and twenty under either are believed; all else is told."""
    xml = sample("si-ubl-1.2-invoice").replace(b'schemeID="NL:KVK" schemeAgencyID="ZZZ">76543210', written)

    reading = read_invoice(xml)

    assert (reading.invoice.buyer.kvk, reading.invoice.buyer.oin) == (kvk, oin)
    assert {f.rule for f in reading.findings} == ({rule} if rule else set())
    assert all(f.severity is Severity.WARNING for f in reading.findings)


def test_kvk_number_of_the_endpoint_counts_where_the_legal_id_is_another(sample: Sample) -> None:
    """Some SI-UBL files put the VAT number where the KvK number belongs."""
    legal = b'<cbc:CompanyID schemeID="0106">76543210'
    xml = sample("nlcius-invoice").replace(legal, b'<cbc:CompanyID schemeID="NL:VAT">NL111222333B01')

    buyer = read_invoice(xml).invoice.buyer

    assert (buyer.kvk, buyer.vat) == ("76543210", "NL111222333B01")


def test_amount_that_is_no_number_is_fatal(sample: Sample) -> None:
    """A comma for a point leaves the amount empty and is told with its place."""
    xml = sample("nlcius-invoice").replace(
        b'PayableAmount currencyID="EUR">175.50', b'PayableAmount currencyID="EUR">175,50'
    )

    reading = read_invoice(xml)

    assert reading.invoice.payable is None
    (finding,) = reading.findings
    assert (finding.rule, finding.severity) == ("CON-AMOUNT", Severity.FATAL)
    assert finding.path == "/Invoice/cac:LegalMonetaryTotal/cbc:PayableAmount"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15))
def test_decimals_are_read_exactly(number: Decimal) -> None:
    """What is written plainly comes back, with white space around it."""
    assert parse_decimal(f"\n {number:f} ") == number


@pytest.mark.parametrize("text", ["", "1e3", "1,5", "--1", "1.2.3", "NaN", "Infinity", "+", ".", "1 0", "١", "9" * 41])
def test_what_is_no_decimal_is_none(text: str) -> None:
    """No exponent, no comma, no other digits, no endless numbers."""
    assert parse_decimal(text) is None


def test_dates_with_and_without_zone() -> None:
    """xs:date may carry a zone; a day that does not exist is no date."""
    assert parse_date("2026-11-02Z") == parse_date("2026-11-02+01:00") == date(2026, 11, 2)
    assert parse_date("2026-02-30") is parse_date("02-11-2026") is None


def test_declared_encoding_is_followed(sample: Sample) -> None:
    """UTF-16 and Latin-1 files are read as they declare."""
    text = sample("bare-ubl-invoice").decode().replace("Fictief", "Café")
    latin = text.replace('encoding="UTF-8"', 'encoding="ISO-8859-1"').encode("latin-1")
    wide = text.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")

    assert read_invoice(latin).invoice.buyer.name == read_invoice(wide).invoice.buyer.name == "Café Vastgoed B.V."


def test_byte_order_mark_is_believed(sample: Sample) -> None:
    """What begins with the mark of UTF-8 is in UTF-8, whatever it declares."""
    marked = b"\xef\xbb\xbf" + sample("nlcius-invoice").replace(b"UTF-8", b"ISO-8859-1", 1)

    assert read_invoice(marked).invoice == read_invoice(sample("nlcius-invoice")).invoice


BOMB = b"<!DOCTYPE x [" + b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 9) for n in range(1, 12)) + b"]>"


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (ROOT, "NOT-WELL-FORMED"),
        (ROOT + b">", "NOT-WELL-FORMED"),
        (b"<Invoice><ID>1</ID>", "NOT-WELL-FORMED"),
        (b'<?xml version="1.0"?><in:CreditNote\n', "NOT-WELL-FORMED"),
        (("\ufeff" + ROOT.decode() + "><x>").encode("utf-16-le"), "NOT-WELL-FORMED"),
        (ROOT.decode().encode("utf-16-be"), "NOT-WELL-FORMED"),
        (ROOT + b">\x00</Invoice>", "NOT-WELL-FORMED"),
        (BOMB + ROOT + b">&e11;</Invoice>", "DTD"),
        (b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + ROOT + b">&f;</Invoice>", "DTD"),
        (b'<?xml version="1.0"?><!-- x --> <!DOCTYPE Invoice SYSTEM "http://dtd.example/x.dtd">' + ROOT + b"/>", "DTD"),
        (('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x>' + ROOT.decode() + "/>").encode("utf-16"), "DTD"),
        (ROOT + b">" + b"<a>" * 150 + b"</a>" * 150 + b"</Invoice>", "TOO-DEEP"),
        (ROOT + b">" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</Invoice>", "TOO-DEEP"),
        (ROOT + b">" + b"<a>" * 100_000, "NOT-WELL-FORMED"),
        (ROOT + b' a="' + b"x" * 11_000_000 + b'"/>', "TOO-LARGE"),
        (ROOT + b"><" + b"x" * 1000 + b"/></Invoice>", "TOO-LARGE"),
        (ROOT + b'><x:a xmlns:x="' + b"x" * 1000 + b'"/></Invoice>', "TOO-LARGE"),
        (ROOT + b">" + b"x" * 11_000_000 + b"</Invoice>", "TOO-LARGE"),
        (ROOT + b">" + b" " * (26 * 1024 * 1024), "TOO-LARGE"),
        (b"<!DOCTYPE html><html><br></html>", "DTD"),
        (b'<?xml version="1.0" encoding="UTF-8"?>' + ROOT + b">\xff\xfe</Invoice>", "ENCODING"),
        (b'<?xml version="1.0" encoding="klingon"?>' + ROOT + b"/>", "ENCODING"),
        (b'<?xml version="2.0"?>' + ROOT + b"/>", "NOT-WELL-FORMED"),
        (ROOT + b"><a></b>\n\xff</Invoice>", "NOT-WELL-FORMED"),
        (ROOT + b"/>", "EMPTY"),
    ],
)
def test_hostile_bytes_have_a_named_answer(xml: bytes, code: str) -> None:
    """Bombs, nests, document types and wrong encodings are refused by name, and nothing is fetched."""
    with pytest.raises(InvoiceUnreadable) as caught:
        read_invoice(xml)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        (
            b'<r:CrossIndustryInvoice xmlns:r="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"/>',
            "Cross Industry Invoice (CII) is not supported; only UBL is",
        ),
        (
            b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>',
            "Order is an order, not an invoice",
        ),
        (b"<eExact/>", "eExact is a file of Exact's own format, not an invoice"),
        (b"<Recept/>", "Recept is not an invoice"),
        (b"<a>" * 200 + b"</a>" * 200, "a is not an invoice"),
        (b"<Invoice/>", "Invoice is not in the UBL 2 namespace"),
    ],
)
def test_other_documents_are_named(xml: bytes, words: str) -> None:
    """XML that is no UBL invoice is told apart from broken XML."""
    with pytest.raises(NotAnInvoice, match=words.replace("(", r"\(").replace(")", r"\)")):
        read_invoice(xml)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"geen xml",
        b"<",
        b"<html><br></html>",
        b"<Order><ID>Invoice</Order>",
        b"<InvoiceX><CreditNotes>",
        b"%PDF-1.7",
        "<Order>".encode("utf-16"),
        b" " * (26 * 1024 * 1024),
        b"x" * 70_000 + ROOT,
    ],
)
def test_what_cannot_be_read_and_looks_like_no_invoice_is_none(content: bytes) -> None:
    """Only what has the mark of UBL in its first 64 KB is told to somebody as an invoice that is broken."""
    with pytest.raises(NotAnInvoice, match="no XML that can be read"):
        read_invoice(content)


ALL = CBC + b' xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"'


def test_number_of_lines_is_bounded() -> None:
    """Twenty thousand lines are read, one more is refused."""
    line = b"<cac:InvoiceLine/>"

    reading = read_invoice(ROOT + ALL + b">" + line * MOST_LINES + b"</Invoice>")

    assert len(reading.invoice.lines) == MOST_LINES
    with pytest.raises(InvoiceUnreadable, match="20000 lines") as caught:
        read_invoice(ROOT + ALL + b">" + line * (MOST_LINES + 1) + b"</Invoice>")
    assert caught.value.code == "TOO-LARGE"


@pytest.mark.parametrize("piece", ["<x/>", '<x y="" z=""/>', "<!---->"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_too_many_elements_are_not_parsed(monkeypatch: pytest.MonkeyPatch, piece: str, encoding: str) -> None:
    """Elements and attributes are counted in the bytes, before any of them is built."""
    parsed: list[bytes] = []
    monkeypatch.setattr(ElementTree, "fromstring", lambda xml, parser: parsed.append(xml))
    text = f'<?xml version="1.0" encoding="{encoding}"?>{ROOT.decode()}>{piece * MOST_ELEMENTS}</Invoice>'

    with pytest.raises(InvoiceUnreadable, match="elements and attributes") as caught:
        read_invoice(text.encode(encoding))

    assert (caught.value.code, parsed) == ("TOO-LARGE", [])


@pytest.mark.parametrize("encoding", ["cp037", "utf-7", "utf-32", "shift_jis"])
def test_encodings_that_hide_markup_are_not_parsed(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """Where `<` need not be the byte of ASCII, nothing could be counted."""
    parsed: list[bytes] = []
    monkeypatch.setattr(ElementTree, "fromstring", lambda xml, parser: parsed.append(xml))

    with pytest.raises((InvoiceUnreadable, NotAnInvoice)):
        read_invoice(f'<?xml version="1.0" encoding="{encoding}"?>{ROOT.decode()}/>'.encode(encoding))

    assert parsed == []


def test_what_is_repeated_beyond_measure_is_refused() -> None:
    """A thousand of a thing that stands once or twice in an invoice are read, one more is not."""
    note = b"<cbc:Note/>"
    subtotal = b"<cac:TaxSubtotal/>"
    allowed = ROOT + ALL + b">" + note * MOST_CHILDREN + b"</Invoice>"

    assert read_invoice(allowed).invoice.note == ""
    for more in (
        note * (MOST_CHILDREN + 1),
        b"<cac:TaxTotal>" + subtotal * (MOST_CHILDREN + 1) + b"</cac:TaxTotal>",
        (b"<cac:TaxTotal>" + subtotal * 600 + b"</cac:TaxTotal>") * 2,
        (b"<cac:InvoiceLine>" + b"<cac:AllowanceCharge/>" * 600 + b"</cac:InvoiceLine>") * 90,
    ):
        with pytest.raises(InvoiceUnreadable, match="other than lines"):
            read_invoice(ROOT + ALL + b">" + more + b"</Invoice>")


def test_embedded_files_are_bounded() -> None:
    """The first hundred are taken out, the others stay in the XML, and that is told."""
    embedded = b"<cbc:EmbeddedDocumentBinaryObject>eA==</cbc:EmbeddedDocumentBinaryObject>"
    reference = (
        b"<cac:AdditionalDocumentReference><cac:Attachment>%s</cac:Attachment></cac:AdditionalDocumentReference>"
    )

    reading = read_invoice(ROOT + ALL + b">" + reference % (embedded * 150) + b"</Invoice>")

    assert [one.content for one in reading.embedded] == [b"x"] * 100
    assert [(f.rule, f.severity) for f in reading.findings] == [("CON-ATTACHMENT", Severity.WARNING)]


def test_a_large_pdf_inside_is_read(sample: Sample) -> None:
    """18 MB of PDF make 25 MB of XML, the most that we take; its text is longer than any other may be."""
    pdf = b"%PDF-1.7" + bytes(range(256)) * 70_000
    xml = sample("nlcius-invoice")
    start = xml.index(b">", xml.index(b"<cbc:EmbeddedDocumentBinaryObject")) + 1
    xml = xml[:start] + base64.encodebytes(pdf) + xml[xml.index(b"</cbc:EmbeddedDocumentBinaryObject") :]

    (embedded,) = read_invoice(xml).embedded

    assert len(xml) > 24_000_000
    assert embedded.content == pdf


@pytest.mark.parametrize("written", ["Bakkerij&#13;&#10;Bcc: x", "Bakkerij\u202e Bcc: x", "Bakkerij\n\t Bcc: x"])
def test_what_stands_in_one_line_is_read_in_one_line(sample: Sample, written: str) -> None:
    """No line break or turn of direction comes out of a name or a number."""
    xml = sample("nlcius-invoice").decode()
    xml = xml.replace("Bakkerij Voorbeeld B.V.", written).replace(">2026-0042<", f">{written}<", 1)

    invoice = read_invoice(xml.encode()).invoice

    assert (invoice.seller.name, invoice.number) == ("Bakkerij Bcc: x", "Bakkerij Bcc: x")


def test_reading_keeps_no_tree(sample: Sample) -> None:
    """What stays in memory after reading is the invoice: no element hangs on it."""
    reading = read_invoice(sample("nlcius-invoice"))

    seen: set[int] = set()
    waiting: list[object] = [reading]
    while waiting:
        each = waiting.pop()
        assert not isinstance(each, (ElementTree.Element, Tree))
        if id(each) not in seen and not isinstance(each, type):
            seen.add(id(each))
            waiting += gc.get_referents(each)


def test_large_invoices_take_little_memory(sample: Sample) -> None:
    """Reading and checking take less than 13 times the file: it is parsed once, and the tree is all there is."""
    xml = sample("nlcius-invoice")
    end = xml.index(b"</cac:InvoiceLine>") + len(b"</cac:InvoiceLine>")
    line = xml[xml.index(b"<cac:InvoiceLine>") : end]
    xml = xml[:end] + line * 3000 + xml[end:]
    tracemalloc.start()
    try:
        check_invoice(xml)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 13 * len(xml)


def test_doubts_are_bounded() -> None:
    """A hundred findings of a rule are listed, the others counted."""
    date = b"<cac:PaymentMeans><cbc:PaymentDueDate>gisteren</cbc:PaymentDueDate></cac:PaymentMeans>"

    findings = read_invoice(ROOT + ALL + b">" + date * 900 + b"</Invoice>").findings

    assert [finding.rule for finding in findings] == ["CON-DATE"] * 100 + ["CON-MORE"]
    assert findings[99].path == "/Invoice/cac:PaymentMeans[100]/cbc:PaymentDueDate"
    assert findings[-1].message_en == "800 more findings are not listed: 800 x CON-DATE"


def test_endless_numbers_are_not_made_comparable(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """A party's number of a megabyte is told and does not count; an invoice number so long is fatal."""
    compared: list[int] = []
    monkeypatch.setattr(ubl, "normalise", lambda scheme, value: compared.append(len(value)) or normalise(scheme, value))
    good = sample("nlcius-invoice")
    buyer = good.replace(b'schemeID="0106">76543210', b'schemeID="0106">' + b"nr " * 300_000)
    number = good.replace(b">2026-0042<", b">" + b"9" * 300 + b"<", 1)

    by_buyer, by_number = read_invoice(buyer), read_invoice(number)

    assert max(compared) <= LONGEST_IDENTIFIER
    assert by_buyer.invoice.buyer.kvk is None
    assert {(f.rule, f.severity) for f in by_buyer.findings} == {("CON-LONG", Severity.WARNING)}
    assert len(by_number.invoice.number) == LONGEST_IDENTIFIER
    assert [(f.rule, f.severity) for f in by_number.findings] == [("CON-LONG", Severity.FATAL)]


def test_numbers_of_a_party_are_bounded(sample: Sample) -> None:
    """The first hundred are compared, the others left."""
    party = b'<cac:PartyIdentification><cbc:ID schemeID="X">%d</cbc:ID></cac:PartyIdentification>'
    place = b"<cac:PartyName>"
    many = b"".join(party % n for n in range(900)) + place

    seller = read_invoice(sample("si-ubl-1.2-invoice").replace(place, many)).invoice.seller

    assert 50 < len(seller.identifiers) <= MOST_IDENTIFIERS


def answer(xml: bytes) -> bool:
    try:
        return isinstance(read_invoice(xml), Reading)
    except (InvoiceUnreadable, NotAnInvoice):
        return True


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes_have_an_answer(xml: bytes) -> None:
    """A reading, or one of two errors."""
    assert answer(xml)
    assert answer(ROOT + CBC + b"><cbc:ID>" + xml + b"</cbc:ID></Invoice>")


@given(st.data())
@settings(max_examples=200)
def test_damaged_invoices_have_an_answer(data: st.DataObject) -> None:
    """A real invoice with a piece cut out, doubled or overwritten is read or refused."""
    xml = (SAMPLES / data.draw(st.sampled_from(["nlcius-invoice.xml", "si-ubl-1.2-invoice.xml"]))).read_bytes()
    start = data.draw(st.integers(0, len(xml)))
    end = data.draw(st.integers(start, min(len(xml), start + 400)))
    piece = data.draw(st.sampled_from([b"", xml[start:end] * 2, b"\x00", b"x", b"<cbc:ID/>"]))

    assert answer(xml[:start] + piece + xml[end:])
