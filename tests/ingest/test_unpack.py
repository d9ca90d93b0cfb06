"""unpack: the files inside mails and zips, the pairs among them, and what strangers may try."""

import io
import time
import zipfile
import zlib
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.ingest import unpack as unpack_module
from connector.ingest.unpack import LARGEST_FILE, MEGABYTE, MOST_FILES, RawFile, Unpacked, clean_name, pair, unpack

XML = b"<Invoice/>"
PDF = b"%PDF-1.4 made up"
NESTS = range(3000)


def mail_with(*files: tuple[str, bytes]) -> bytes:
    message = EmailMessage()
    message["From"] = "facturen@bakkerij.example"
    message["To"] = "Upload <ABC@uploads.example>, kopie@kantoor.example"
    message["Subject"] = "Factuur € 2026-0042"
    message["Message-ID"] = "<42@bakkerij.example>"
    message.set_content("Met vriendelijke groet")
    for name, content in files:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def zip_with(*files: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def names(unpacked: Unpacked) -> list[str]:
    return [file.name for file in unpacked.files]


def test_mail_gives_its_attachments_and_facts() -> None:
    """A mail's attachments come out in order, with the addresses, the id and the subject of the mail."""
    mail = mail_with(("factuur.xml", XML), ("factuur.pdf", PDF))

    unpacked = unpack("bericht.eml", mail)

    assert [(f.name, f.content) for f in unpacked.files] == [("factuur.xml", XML), ("factuur.pdf", PDF)]
    assert unpacked.sent_to == ("abc@uploads.example", "kopie@kantoor.example")
    assert (unpacked.message_id, unpacked.subject) == ("<42@bakkerij.example>", "Factuur € 2026-0042")
    assert unpacked.trouble == ()


def test_mail_is_recognised_without_its_extension() -> None:
    """Files of a Maildir have no extension."""
    assert names(unpack("1700000000.M1P1.host:2,S", mail_with(("a.xml", XML)))) == ["a.xml"]


def test_forwarded_mail_is_opened() -> None:
    """An invoice in a mail in a mail is found."""
    outer = EmailMessage()
    outer["From"] = "boekhouder@kantoor.example"
    outer.set_content("Zie bijlage")
    inner = EmailMessage()
    inner["From"] = "facturen@bakkerij.example"
    inner.add_attachment(XML, maintype="application", subtype="xml", filename="binnen.xml")
    outer.add_attachment(inner)

    assert names(unpack("doorgestuurd.eml", outer.as_bytes())) == ["binnen.xml"]


def test_zip_in_a_zip_is_opened_and_no_deeper() -> None:
    """One zip inside another is read; the next one is told as trouble."""
    third = zip_with(("diep.xml", XML))
    second = zip_with(("een.xml", XML), ("derde.zip", third))

    unpacked = unpack("alles.zip", zip_with(("map/twee.xml", XML), ("tweede.zip", second)))

    assert names(unpacked) == ["twee.xml", "een.xml"]
    assert "derde.zip" in unpacked.trouble[0]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\factuur.xml", "factuur.xml"),
        ("..", "unnamed"),
        ("a\x00b\r\n.pdf", "ab.pdf"),
        ("\u202efdp.exe", "fdp.exe"),
        ("", "unnamed"),
    ],
)
def test_names_are_made_harmless(name: str, clean: str) -> None:
    """No path, no control character and no direction mark is left in a name."""
    assert clean_name(name) == clean


def test_path_in_a_zip_is_only_a_name() -> None:
    """A path that climbs out of its folder leaves its last part."""
    assert names(unpack("post.zip", zip_with(("../../etc/factuur.xml", XML)))) == ["factuur.xml"]


def test_bomb_is_not_opened() -> None:
    """What is compressed more than any document is, stays closed; the rest is read."""
    unpacked = unpack("bom.zip", zip_with(("bom.xml", b"<" + b" " * 20_000_000), ("goed.xml", XML)))

    assert names(unpacked) == ["goed.xml"]
    assert "bom.xml" in unpacked.trouble[0]


def test_protected_zip_is_trouble() -> None:
    """A password is told as such."""
    content = bytearray(zip_with(("geheim.xml", XML)))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1

    assert unpack("geheim.zip", bytes(content)).trouble == ("geheim.xml: is protected with a password",)


def test_too_large_a_file_is_trouble() -> None:
    """More than 25 MB is refused in words."""
    unpacked = unpack("groot.xml", b"<" + b" " * LARGEST_FILE)

    assert (unpacked.files, unpacked.trouble) == ((), ("groot.xml: larger than 25 MB",))


def test_too_many_files_are_bounded() -> None:
    """A zip of many files gives the first thousand and says so."""
    unpacked = unpack("veel.zip", zip_with(*((f"{n}.xml", XML) for n in range(MOST_FILES + 5))))

    assert len(unpacked.files) == MOST_FILES
    assert unpacked.trouble


def test_mail_of_thousands_of_parts_is_bounded() -> None:
    """Parts beyond the two thousandth are left, in seconds."""
    part = b'--q\r\nContent-Disposition: attachment; filename="../x.xml"\r\n\r\n<a/>\r\n'
    began = time.monotonic()

    unpacked = unpack("veel.eml", b"From: a@b\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n" + part * 6000)

    assert len(unpacked.files) == MOST_FILES
    assert any("2000 parts" in sentence for sentence in unpacked.trouble)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "mail",
    [
        b"From: a@b\n" + b"".join(b"Content-Type: multipart/mixed; boundary=q%d\n\n--q%d\n" % (n, n) for n in NESTS),
        b"From: a@b\nContent-Type: a/b; x=" + b'"y; ' * 200_000 + b"\n\nhi",
        b'From: a@b\nContent-Type: multipart/mixed; x="' + (b"y; " * 300 + b"\n ") * 400 + b'"\n\nhi',
        b"From: a@b\n\n" + b"\n" * 3_000_000,
    ],
)
def test_mails_made_to_exhaust_are_refused(mail: bytes) -> None:
    """Nests and headers over which the parser would take minutes are told as trouble, in seconds."""
    began = time.monotonic()

    unpacked = unpack("kwaad.eml", mail)

    assert unpacked.trouble
    assert time.monotonic() - began < 20


@pytest.fixture
def inflated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all that zlib inflates."""
    sizes: list[int] = []
    make = zlib.decompressobj

    class Counting:
        def __init__(self, *args: int) -> None:
            self._real = make(*args)

        def decompress(self, *args: Any) -> bytes:
            content = self._real.decompress(*args)
            sizes.append(len(content))
            return content

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    return sizes


def patched(archive: bytes, offset: int, value: int) -> bytes:
    """The archive with a number of four bytes changed in each entry of its directory."""
    content = bytearray(archive)
    entry = content.find(b"PK\x01\x02")
    while entry >= 0:
        content[entry + offset : entry + offset + 4] = value.to_bytes(4, "little")
        entry = content.find(b"PK\x01\x02", entry + 4)
    return bytes(content)


def test_zip_too_deep_is_not_inflated(inflated: list[int]) -> None:
    """What would not be opened is recognised by its first bytes."""
    deepest = zip_with(*((f"{n}.zip", b"PK\x03\x04" + bytes(MEGABYTE - 4)) for n in range(30)))

    unpacked = unpack("a.zip", zip_with(("b.zip", deepest)))

    assert unpacked.files == ()
    assert len(unpacked.trouble) == 30
    assert sum(inflated) < len(deepest) + 30 * 4096 + 1


def test_size_that_lies_is_all_that_is_inflated(inflated: list[int]) -> None:
    """A member is inflated up to the size that its zip says and no further."""
    archive = zip_with(*((f"{n}.xml", b"<" + b" " * 2 * MEGABYTE) for n in range(20)))

    unpacked = unpack("a.zip", patched(archive, 24, 10_000))

    assert unpacked.files == ()
    assert sum(inflated) <= 20 * (10_000 + 2 * 4096)


def test_what_is_thrown_away_counts(monkeypatch: pytest.MonkeyPatch, inflated: list[int]) -> None:
    """Damaged members use up the budget as good ones do."""
    monkeypatch.setattr(unpack_module, "LARGEST_OPENED", MEGABYTE)
    archive = zip_with(*((f"{n}.xml", b"<" + b" " * (MEGABYTE // 4)) for n in range(20)))

    unpacked = unpack("a.zip", patched(archive, 16, 1))  # a wrong check sum

    assert unpacked.files == ()
    assert any("in all" in sentence for sentence in unpacked.trouble)
    assert sum(inflated) <= MEGABYTE


def test_members_count_in_the_whole_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders and files of all zips together are bounded before any of them is listed."""
    monkeypatch.setattr(unpack_module, "MOST_MEMBERS", 20)
    inner = zip_with(*((f"map{n}/", b"") for n in range(8)), ("a.xml", XML))

    unpacked = unpack("a.zip", zip_with(*((f"{n}.zip", inner) for n in range(5))))

    assert names(unpacked) == ["a.xml"]
    assert unpacked.trouble[0] == "1.zip: more than 20 files"


def test_mails_in_a_mail_share_its_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of all mails in a nest together are bounded, and so is what comes out of them."""
    long = b"From: a@b\nContent-Type: text/plain\n\n" + b"\n" * 600
    nest = mail_with(("1.eml", long), ("2.eml", long), ("a.xml", XML))

    monkeypatch.setattr(unpack_module, "MOST_MAIL_LINES", 1000)
    by_lines = unpack("a.eml", nest)
    monkeypatch.setattr(unpack_module, "LARGEST_OPENED", 700)
    by_size = unpack("a.eml", nest)

    assert by_lines.trouble == ("2.eml: cannot be read as a mail",)
    assert (names(by_lines), names(by_size)) == (["a.xml"], [])
    assert any("in all" in sentence for sentence in by_size.trouble)


def test_endless_names_are_cut() -> None:
    """Of a path beyond all measure the end counts."""
    assert clean_name("a" + "b" * 5000) == "b" * 200


def paired(unpacked: Unpacked) -> list[tuple[str, str, list[str]]]:
    """XML, PDF and others of each package by what they hold: the names may be the same."""
    return [
        (
            package.xml.content.decode() if package.xml else "",
            package.pdf.content.decode() if package.pdf else "",
            [other.name for other in package.others],
        )
        for package in pair(unpacked.files)
    ]


def test_forwarded_mails_keep_their_own_files_together() -> None:
    """Of two mails in a mail with files of the same names, no XML gets the other's PDF, and every file its own XML."""
    outer = EmailMessage()
    outer["From"] = "boekhouder@kantoor.example"
    outer.set_content("Zie bijlagen")
    for mail in (
        mail_with(("factuur.xml", b"<a/>"), ("uren.csv", b"7")),
        mail_with(("factuur.xml", b"<b/>"), ("factuur.pdf", b"%PDF-b"), ("foto.png", b"png")),
        mail_with(("ubl.xml", b"<c/>"), ("Factuur 9.pdf", b"%PDF-c")),
    ):
        outer.add_attachment(message_from_bytes(mail, policy=default))

    assert paired(unpack("alles.eml", outer.as_bytes())) == [
        ("<a/>", "", ["uren.csv"]),
        ("<b/>", "%PDF-b", ["foto.png"]),
        ("<c/>", "%PDF-c", []),
    ]


def test_folders_of_a_zip_keep_their_files_together() -> None:
    """Same names in two folders belong to their own folder; PDFs in a folder of their own are found by name."""
    by_folder = zip_with(("1/f.xml", b"<a/>"), ("2/f.xml", b"<b/>"), ("2/f.pdf", b"%PDF-b"), ("1/f.pdf", b"%PDF-a"))
    by_kind = zip_with(
        ("xml/1.xml", b"<a/>"), ("xml/2.xml", b"<b/>"), ("pdf/2.PDF", b"%PDF-b"), ("pdf/1.pdf", b"%PDF-a")
    )

    expected = [("<a/>", "%PDF-a", []), ("<b/>", "%PDF-b", [])]
    assert paired(unpack("a.zip", by_folder)) == expected
    assert paired(unpack("a.zip", by_kind)) == expected


def test_other_files_go_with_the_invoice_whose_name_they_begin_with() -> None:
    """Number 10 is no attachment of number 1; what has no invoice's name belongs to none of several."""
    mail = mail_with(
        ("2026-1.xml", b"<a/>"), ("2026-10.xml", b"<b/>"), ("2026-10 uren.csv", b"7"), ("2026-1_bijlage.pdf", PDF),
        ("2026-1.xlsx", b"PK\x03\x04"), ("voorwaarden.pdf", PDF), ("2026-100.csv", b"8"),
    )  # fmt: skip

    assert paired(unpack("a.eml", mail)) == [
        ("<a/>", "", ["2026-1_bijlage.pdf", "2026-1.xlsx"]),
        ("<b/>", "", ["2026-10 uren.csv"]),
        ("", PDF.decode(), []),
        ("", "", ["2026-100.csv"]),
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("winmail.dat", b"\x78\x9f\x3e\x22\x01\x00", "TNEF"),
        ("facturen.rar", b"Rar!\x1a\x07\x00", "RAR"),
        ("facturen.7z", b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        ("factuur.xml.gz", b"\x1f\x8b\x08\x00", "gzip"),
        ("Factuur.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".msg"),
    ],
)
def test_containers_that_are_not_opened_are_named(name: str, content: bytes, words: str) -> None:
    """Who sends an invoice in one of these hears which it is; the file is kept as any other."""
    unpacked = unpack("post.eml", mail_with((name, content), ("factuur.xml", XML)))

    assert names(unpacked) == [name, "factuur.xml"]
    assert [words in sentence and name in sentence for sentence in unpacked.trouble] == [True]


@given(st.text(max_size=20), st.binary(max_size=400))
@settings(max_examples=200)
def test_any_bytes_are_unpacked(name: str, content: bytes) -> None:
    """No content raises, whatever its name says."""
    unpacked = unpack(name, content)

    assert all("/" not in file.name and file.name.isprintable() for file in unpacked.files)


@given(st.lists(st.tuples(st.sampled_from("abAB"), st.sampled_from(["xml", "pdf", "csv", "PDF"])), max_size=12))
def test_every_file_is_in_one_package(found: list[tuple[str, str]]) -> None:
    """No file is lost and none comes twice, whatever their names are."""
    start = {"xml": b"<a/>", "pdf": PDF, "PDF": PDF, "csv": b"7"}
    files = [
        RawFile(name=f"{stem}.{kind}", content=start[kind] + b"%d" % number, place=(stem.lower(),) * (number % 3))
        for number, (stem, kind) in enumerate(found)
    ]

    packages = pair(files)

    packed = [file for p in packages for file in (p.xml, p.pdf, *p.others) if file is not None]
    assert sorted(file.content for file in packed) == sorted(file.content for file in files)


@given(st.data())
@settings(max_examples=150)
def test_damaged_mails_and_zips_are_unpacked(data: st.DataObject) -> None:
    """A container with some bytes changed gives files or trouble, never an exception."""
    good = data.draw(st.sampled_from([mail_with(("a.xml", XML)), zip_with(("a.xml", XML), ("b.pdf", PDF))]))
    content = bytearray(good)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    assert isinstance(unpack("post.eml", bytes(content)), Unpacked)


def test_pairs_by_name_whatever_its_case() -> None:
    """XML and PDF of one name before the extension belong together; what is left stands alone."""
    a_xml, a_pdf = RawFile(name="Factuur1.XML", content=XML), RawFile(name="factuur1.pdf", content=PDF)
    b_xml, c_pdf = RawFile(name="f2.xml", content=XML), RawFile(name="voorwaarden.pdf", content=PDF)

    packages = pair([a_xml, c_pdf, b_xml, a_pdf])

    assert [(p.xml, p.pdf) for p in packages] == [(a_xml, a_pdf), (b_xml, None), (None, c_pdf)]


def test_the_only_two_belong_together() -> None:
    """One XML and one PDF pair whatever their names, and other files go with them."""
    xml, pdf = RawFile(name="ubl.xml", content=XML), RawFile(name="Factuur 7.pdf", content=PDF)
    sheet = RawFile(name="uren.csv", content=b"uren;7")

    packages = pair([pdf, sheet, xml])

    assert [(p.xml, p.pdf, p.others) for p in packages] == [(xml, pdf, (sheet,))]
