"""What strangers send to do harm, and what chance makes of real invoices: a named answer within bounds.

Everything is read in a process of its own, which the operating system kills when one input takes more CPU or more
memory than it may.
"""

import base64
import io
import json
import os
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import SAMPLES, read_expectations

pytest.importorskip("resource", reason="only Unix limits the resources of a process")

SECONDS = 10
"""Of CPU, for one input that is made to exhaust."""
FUZZ_SECONDS = 2
MOST_MEGABYTES = 300
ADDRESS_SPACE = 1000
"""MB; beyond what is used: libraries and the gaps that allocators leave."""
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "1"))
ROOT = (
    '<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"'
    ' xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"'
    ' xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2">'
)
MEGABYTE = 1024 * 1024


class ReadingProcess:
    """Asks the process, and starts it anew when it was killed."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, name: str, content: bytes) -> dict[str, Any]:
        """Have it read; fails the test when it raised, was killed or took too much."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        written = name.encode()
        with suppress(BrokenPipeError):
            process.stdin.write(struct.pack("<II", len(written), len(content)) + written + content)
            process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            self.stop()
            pytest.fail(f"the process that reads was killed by signal {-process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        assert "raised" not in answer, answer["raised"]
        assert answer["megabytes"] < MOST_MEGABYTES
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        script = Path(__file__).with_name("reading_process.py")
        self._process = subprocess.Popen(
            [sys.executable, script, str(self._seconds), str(ADDRESS_SPACE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self._process

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            with suppress(BrokenPipeError):
                self._process.communicate()
            self._process = None


@pytest.fixture
def reading() -> Iterator[ReadingProcess]:
    """A process for this one test, so that its memory is that of one input."""
    process = ReadingProcess(SECONDS)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def lasting() -> Iterator[ReadingProcess]:
    """A process that goes on from one input to the next."""
    process = ReadingProcess(FUZZ_SECONDS)
    yield process
    process.stop()


def zip_with(*files: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def mail_of(part: bytes, times: int = 1) -> bytes:
    head = b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n"
    return head + (b"--q\r\n" + part + b"\r\n") * times + b"--q--\r\n"


def attached(content: bytes, name: str = "a.xml") -> bytes:
    head = f'Content-Disposition: attachment; filename="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return head.encode() + base64.encodebytes(content)


def invoice(inside: str, times: int = 1) -> bytes:
    return f"{ROOT}{inside * times}</Invoice>".encode()


def sample() -> str:
    return (SAMPLES / "nlcius-invoice.xml").read_text(encoding="utf-8")


UUENCODED = b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n" + b"#86%A\r\n" * 1_900_000
PART = b'Content-Disposition: attachment; filename="../x.xml"\r\n\r\n<a/>'


def with_lines(number: int) -> bytes:
    text = sample()
    end = text.index("</cac:InvoiceLine>") + len("</cac:InvoiceLine>")
    line = text[text.index("<cac:InvoiceLine>") : end]
    return (text[:end] + line * number + text[end:]).encode()


def with_embedded(content: bytes) -> bytes:
    text = sample()
    start = text.index(">", text.index("<cbc:EmbeddedDocumentBinaryObject")) + 1
    rest = text[text.index("</cbc:EmbeddedDocumentBinaryObject") :]
    return text[:start].encode() + base64.encodebytes(content) + rest.encode()


def spaced(namespace: str, number: int = 300_000) -> bytes:
    """Each of many names is one of the namespace, which the parser writes before all of them; it is in quotes."""
    names = "".join(f"<x:n{place}/>" for place in range(number))
    return invoice(f"<a xmlns:x={namespace}>{names}</a>")


EN16931 = "<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>"


def paid_to_the_seller(number: int) -> bytes:
    """A payee with so many names, all of them the seller's, who has nearly a thousand."""
    seller = "<cac:PartyLegalEntity><cbc:RegistrationName>x</cbc:RegistrationName></cac:PartyLegalEntity>" * 990
    payees = "<cac:PayeeParty>" + "<cac:PartyName><cbc:Name>x</cbc:Name></cac:PartyName>" * 990 + "</cac:PayeeParty>"
    supplier = f"<cac:AccountingSupplierParty><cac:Party>{seller}</cac:Party></cac:AccountingSupplierParty>"
    return invoice(EN16931 + supplier + payees * (number // 1000))


def broken_down(number: int) -> bytes:
    """So many rows of VAT, and as many discounts at another rate, which are not to be compared with each other."""
    tax = "<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>{}</cbc:Percent>"
    tax += "<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory>"
    rows = f"<cac:TaxTotal><cac:TaxSubtotal>{tax.format(21) * 900}</cac:TaxSubtotal></cac:TaxTotal>" * (number // 900)
    line = f"<cac:InvoiceLine>{f'<cac:AllowanceCharge>{tax.format(9)}</cac:AllowanceCharge>' * 900}</cac:InvoiceLine>"
    return invoice(EN16931 + rows + line * (number // 900))


BOMB = "<!DOCTYPE x [" + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 9}">' for n in range(1, 12)) + "]>"
DEFAULTS = "<!DOCTYPE x [<!ATTLIST a " + " ".join(f'a{n} CDATA "x"' for n in range(3000)) + ">]>"
EXTERNAL = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
PARAMETER = '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://dtd.example/p.dtd"> %p;]>'
ALLOWANCE = "<cac:AllowanceCharge><cbc:Amount>x</cbc:Amount></cac:AllowanceCharge>"
CATEGORIES = "<cac:ClassifiedTaxCategory><cbc:ID>{}</cbc:ID></cac:ClassifiedTaxCategory>"
REFERENCE = "<cac:AdditionalDocumentReference>" + "<cac:Attachment/>" * 999 + "</cac:AdditionalDocumentReference>"
DESCRIBED = (
    "<cac:AdditionalDocumentReference><cac:Attachment>"
    + "<cbc:EmbeddedDocumentBinaryObject>JVBERg==</cbc:EmbeddedDocumentBinaryObject>" * 900
    + "</cac:Attachment>"
    + "<cbc:DocumentDescription>a</cbc:DocumentDescription>" * 900
    + "</cac:AdditionalDocumentReference>"
)


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (lambda: (BOMB + ROOT + "&e11;</Invoice>").encode(), "DTD"),
        (lambda: (DEFAULTS + ROOT + "<a/>" * 100_000 + "</Invoice>").encode(), "DTD"),
        (lambda: ("\ufeff<!--\u2d2d> -->" + DEFAULTS + ROOT + "<a/>" * 9999).encode("utf-16-le"), "DTD"),
        (lambda: (" " * 2 * MEGABYTE + DEFAULTS + ROOT + "<a/>" * 100_000 + "</Invoice>").encode(), "DTD"),
        (lambda: (EXTERNAL + ROOT + "<cbc:ID>&f;</cbc:ID></Invoice>").encode(), "DTD"),
        (lambda: (PARAMETER + ROOT + "<cbc:ID>1</cbc:ID></Invoice>").encode(), "DTD"),
        (lambda: invoice("<a>" * 200 + "</a>" * 200), "TOO-DEEP"),
        (lambda: invoice("<a>" * 250_000), "NOT-WELL-FORMED"),
        (lambda: invoice("<a>" * 500_000 + "</a>" * 500_000), "TOO-DEEP"),
        (lambda: invoice("<cbc:Note>" + "x" * 24 * MEGABYTE + "</cbc:Note>"), "TOO-LARGE"),
        (lambda: invoice("<cbc:Note>" + "<![CDATA[]]>x" * 1_500_000 + "</cbc:Note>"), "TOO-LARGE"),
        (lambda: invoice("<cbc:Note>" + "&#65;" * 4_000_000 + "</cbc:Note>"), "TOO-LARGE"),
        (lambda: invoice("<cbc:Note>" + "x" * 900_000 + "\U0001f600</cbc:Note>", 26), "read"),
        (lambda: invoice("<cbc:ID schemeID='" + "a" * 9_000_000 + "'/>"), "TOO-LARGE"),
        (lambda: invoice("<" + "n" * 60_000 + "/>", 300), "TOO-LARGE"),
        (lambda: spaced('"' + "u" * 100_000 + '"'), "TOO-LARGE"),
        (lambda: spaced('"' + "'u" * 3000 + '"', 1500), "TOO-LARGE"),
        (lambda: spaced("'" + "u" * 190 + "\U0001f600'"), "TOO-LARGE"),
        (lambda: invoice("<cbc:Note>" + "xmlns:" * 4_000_000 + "</cbc:Note>"), "TOO-LARGE"),
        (lambda: invoice("<cbc:Note>" + "xmlns:" * 150_000 + "</cbc:Note>"), "read"),
        (lambda: invoice("<cbc:ID/><x:a xmlns:x='u'>" + "<cac:InvoiceLine/>" * 300_000 + "</x:a>"), "TOO-LARGE"),
        (lambda: paid_to_the_seller(300_000), "read"),
        (lambda: broken_down(8000), "read"),
        (lambda: invoice("<a/>", 590_000), "EMPTY"),
        (lambda: invoice("<a/>", 700_000), "TOO-LARGE"),
        (lambda: invoice("<a " + " ".join(f'a{n}=""' for n in range(700_000)) + "/>"), "TOO-LARGE"),
        (lambda: invoice("<a " + " ".join(f'xmlns:a{n}="u"' for n in range(300_000)) + "/>"), "TOO-LARGE"),
        (lambda: invoice("<cbc:ID " + " ".join(f'cbc:a{n}=""' for n in range(300_000)) + "/>"), "TOO-LARGE"),
        (lambda: invoice(ALLOWANCE, 250_000), "TOO-LARGE"),
        (lambda: invoice(ALLOWANCE, 990), "read"),
        (lambda: invoice("<cac:InvoiceLine>" + ALLOWANCE * 2 + "</cac:InvoiceLine>", 19_000), "read"),
        (lambda: invoice("<cac:InvoiceLine>" + ALLOWANCE * 14 + "</cac:InvoiceLine>", 19_000), "TOO-LARGE"),
        (lambda: invoice("<cac:TaxTotal>" + "<cac:TaxSubtotal/>" * 500 + "</cac:TaxTotal>", 900), "TOO-LARGE"),
        (lambda: invoice(REFERENCE, 500), "TOO-LARGE"),
        (lambda: invoice(DESCRIBED, 100), "read"),
        (lambda: invoice("<cac:InvoiceLine/>", 20_001), "TOO-LARGE"),
        (lambda: with_lines(10_000), "read"),
        (lambda: with_embedded(b"%PDF-1.7" + random.Random(1).randbytes(18_000_000)), "read"),
        (lambda: f'<?xml version="1.0" encoding="utf-7"?>{ROOT}</Invoice>'.encode(), "ENCODING"),
        (lambda: f'<?xml version="1.0" encoding="utf-16"?>{ROOT}<a/></Invoice>'.encode(), "ENCODING"),
        (lambda: sample().replace("Bakkerij", "B\udcff").encode(errors="surrogateescape"), "ENCODING"),
        (lambda: sample().encode("utf-16")[:-1], "ENCODING"),
        (lambda: sample().replace("Bakkerij", "B\0").encode(), "NOT-WELL-FORMED"),
        (lambda: sample().replace("Bakkerij", "B&#0;").encode(), "NOT-WELL-FORMED"),
        (lambda: sample().replace("Bakkerij", "B&#13;&#10;Bcc: x").encode(), "read"),
    ],
)  # fmt: skip
def test_hostile_xml_has_a_named_answer(reading: ReadingProcess, make: Callable[[], bytes], outcome: str) -> None:
    """Bombs, entities, nests, endless texts and wrong encodings: refused by name or read, within the limits."""
    answer = reading.read("factuur.xml", make())

    assert answer["outcomes"] == [outcome]


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("veel.eml", lambda: mail_of(PART, 10_000), "parts"),
        ("diep.eml", lambda: b"From: a@b\r\nContent-Type: message/rfc822\r\n\r\n" * 2000, "cannot be read as a mail"),
        ("kop.eml", lambda: b"From: a@b\r\nSubject: " + b"a" * 10 * MEGABYTE + b"\r\n\r\nx", "cannot be read"),
        ("regels.eml", lambda: b"From: a@b\r\n\r\n" + b"\n" * 3_000_000, "cannot be read as a mail"),
        ("bom.zip", lambda: zip_with(("a.xml", b"<" + b" " * 24 * MEGABYTE)), "compressed more than any document"),
        ("grote.zip", lambda: zip_with(("a.xml", b"\0" * 100 * MEGABYTE)), "larger than 25 MB"),
        ("lid.zip", lambda: zip_with(*((f"{n}.xml", b"<a/>") for n in range(20_000))), "more than 10000 files"),
        ("uu.eml", lambda: mail_of(UUENCODED), "uuencode"),
        ("paden.zip", lambda: zip_with(("../../etc/x.xml", b"<a/>"), ("C:\\..\\y.rar", b"Rar!\x1a\x07")), "RAR"),
        ("post.eml", lambda: mail_of(attached(b"\x78\x9f\x3e\x22rest", "winmail.dat")), "TNEF"),
    ],
)  # fmt: skip
def test_hostile_containers_have_a_named_answer(
    reading: ReadingProcess, name: str, make: Callable[[], bytes], words: str
) -> None:
    """Bombs, thousands of parts, endless headers and paths: told in words, within the limits."""
    answer = reading.read(name, make())

    assert any(words in sentence for sentence in answer["trouble"])
    assert not any(mark in file for file in answer["files"] for mark in ("/", "\\", ".."))


# Fuzz


def real_invoices() -> list[bytes]:
    """The corpora where they are, else our samples; the large ones would only make it slower."""
    found = [Path(str(expected["place"])).read_bytes() for expected in read_expectations()]
    return [xml for xml in found if len(xml) < 60_000] or [path.read_bytes() for path in sorted(SAMPLES.glob("*.xml"))]


INVOICES = real_invoices()
PIECES = [
    b"", b"\0", b"<", b">", b"&", b"]]>", b"<!--", b"<![CDATA[", b"<?x", b"&#0;", b"&#xD;&#xA;", b"\xff\xfe", b"\xc3",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<cbc:ID/>", b"1e999", b"-0.00", b"9" * 60, b"NaN", b"../../x", b"\r\nBcc: x",
    b"xmlns:cbc='urn:x'", b"</cac:Party>", b"<a>" * 300, b"2026-02-30", b"EUR", b"\xe2\x80\xae", b"x" * 5000,
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A real invoice with pieces cut out, doubled, moved, overwritten or put in, maybe in a mail or a zip."""
    xml = draw(st.sampled_from(INVOICES))
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(xml)))
        end = draw(st.integers(start, min(len(xml), start + 600)))
        piece = draw(st.sampled_from([*PIECES, xml[start:end] * 2, xml[start:end] * 50]) | st.binary(max_size=12))
        to = draw(st.integers(0, len(xml)))
        xml = draw(st.sampled_from([xml[:start] + piece + xml[end:], xml[:to] + xml[start:end] + xml[to:]]))
    kind = draw(st.sampled_from(["xml", "xml", "xml", "utf-16", "eml", "zip"]))
    if kind == "utf-16":
        return "a.xml", xml.decode("utf-8", "replace").replace("UTF-8", "UTF-16").encode("utf-16")
    if kind == "eml":
        mail = bytearray(mail_of(attached(xml)))
        mail[draw(st.integers(0, len(mail) - 1))] = draw(st.integers(0, 255))
        return "a.eml", bytes(mail)
    if kind == "zip":
        archive = bytearray(zip_with(("a.xml", xml)))
        archive[draw(st.integers(0, len(archive) - 1))] = draw(st.integers(0, 255))
        return "a.zip", bytes(archive)
    return "a.xml", xml


fuzz = settings(
    max_examples=1000 * ROUNDS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.soak
@fuzz
@given(mutated())
def test_mutated_invoices_have_a_named_answer(lasting: ReadingProcess, sent: tuple[str, bytes]) -> None:
    """No exception but the named ones, none cut off, whatever chance makes of real invoices."""
    answer = lasting.read(*sent)

    assert answer["outcomes"] or answer["files"] or answer["trouble"] or sent[0] == "a.eml"


@pytest.mark.soak
@fuzz
@given(st.text(max_size=30), st.binary(max_size=2000), st.sampled_from(["%s", ROOT + "<cbc:ID>%s</cbc:ID></Invoice>"]))
def test_any_bytes_have_a_named_answer(lasting: ReadingProcess, name: str, content: bytes, around: str) -> None:
    """No exception but the named ones, none cut off, whatever the bytes and the name."""
    start, _, end = around.encode().partition(b"%s")

    assert lasting.read(name, start + content + end)["megabytes"] > 0
