"""Which files are inside a mail, a zip or a plain file, and which PDF belongs to which XML.

Everything here comes from strangers: names are kept as text only, sizes and counts are bounded, and what cannot be
opened is told in words (`Unpacked.trouble`), never raised. Whether an XML is an invoice is `ubl`'s affair.
"""

import hashlib
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default as mail_policy
from email.utils import getaddresses
from itertools import takewhile
from typing import cast

MEGABYTE = 1024 * 1024
LARGEST_FILE = 25 * MEGABYTE
"""design.md section 6: at most 25 MB each."""
LARGEST_CONTAINER = 40 * MEGABYTE
"""A mail of a 25 MB file, which base64 makes a third longer, and its text."""
LARGEST_TOTAL = 100 * MEGABYTE
LARGEST_OPENED = 2 * LARGEST_TOTAL
"""All that comes out of mails and zips, also what is thrown away, and mails and zips inside them."""
MOST_FILES = 1000
MOST_MEMBERS = 10 * MOST_FILES
"""What the zips in one nest list, folders and all; listing them costs as much as reading small ones."""
MOST_MAIL_PARTS = 2000
DEEPEST_MAIL = 20
"""Multiparts and forwarded mails inside each other; what people send has five or six."""
DEEPEST_ZIP = 2
"""A zip in a zip is opened, one deeper is not."""
MOST_MAIL_LINES = 2_000_000
"""Of a mail and those in it; a 25 MB file in base64 has 450 thousand."""
MOST_MAIL_HEADERS = 20_000
HEADER_BUDGET = 10**9
"""Sum of the squared lengths of the headers that we read: their parser is quadratic, this is about a second."""
LONGEST_NAME = 4096
"""Characters of a path as it is given; of a longer one the end counts."""
HIGHEST_RATIO = 200
"""Uncompressed to compressed; XML reaches 50, a bomb 1000."""

_ENCRYPTED = 0x1
_ZIP_TOO_DEEP = "a zip in a zip in a zip is not opened"
# What the standard library's mail parser is known to raise on malformed headers, besides its own errors.
_MAIL_TROUBLE = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
_ZIP_TROUBLE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
    ValueError, LookupError, OverflowError,
)  # fmt: skip
_UNSUPPORTED = (
    (b"\x78\x9f\x3e\x22", "is in Outlook's own format (TNEF, winmail.dat), which is not supported; send plain mail"),
    (b"Rar!\x1a\x07", "is a RAR archive, which is not supported; send a zip"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive, which is not supported; send a zip"),
    (b"\x1f\x8b\x08", "is compressed with gzip, which is not supported; send a zip"),
)
"""Containers that we do not open, by their first bytes."""
_OUTLOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UUENCODE = ("uuencode", "uue", "x-uuencode", "x-uue")
_OFFICE = (".xlsx", ".docx", ".pptx", ".ods", ".odt", ".odp", ".jar", ".epub")
_MARKUP_NOT_XML = (".html", ".htm", ".xhtml", ".svg")
_HEADER_LINE = re.compile(rb"[!-9;-~]{1,70}:[^\n]*")
_MAIL_HEADER = re.compile(
    rb"^(?:received|from|message-id|mime-version|return-path|delivered-to):", re.IGNORECASE | re.MULTILINE
)
_COSTLY_HEADER = re.compile(
    rb"^(?:content-[a-z-]{1,40}|message-id|subject|to|cc|delivered-to|x-original-to|envelope-to):"
    rb"(?:[^\r\n]|\r?\n[ \t]|\r[ \t]?)*+",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFile:
    """A file as received; `name` is a bare file name without folders or control characters."""

    name: str
    content: bytes = field(repr=False)
    place: tuple[str, ...] = ()
    """The mails, archives and folders that it was in, the outermost first; empty for a file of its own."""

    @property
    def sha256(self) -> str:
        """Hexadecimal, lower case."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """The files that were inside, in their order; the mail's own facts are empty when it was no mail."""

    files: tuple[RawFile, ...] = ()
    message_id: str = ""
    sent_to: tuple[str, ...] = ()
    """Mail addresses in lower case, those of the delivery before those of the letter head."""
    subject: str = ""
    trouble: tuple[str, ...] = ()
    """What could not be opened and why, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One XML with its PDF and what else came along; without an XML a file that belongs to none."""

    xml: RawFile | None = None
    pdf: RawFile | None = None
    others: tuple[RawFile, ...] = ()


def unpack(name: str, content: bytes) -> Unpacked:
    """Open a mail (also those in it), a zip (one more inside) or take the file as it is; never raises for content.

    What a file is, its bytes say, not its name.
    """
    found = _Found()
    container = _is_zip(name, content) or is_mail(name, content)
    limit = LARGEST_CONTAINER if container else LARGEST_FILE
    if len(content) > limit:
        return Unpacked(trouble=(f"{clean_name(name)}: larger than {limit // MEGABYTE} MB",))
    mail = _parse_mail(clean_name(name), content, found) if is_mail(name, content) else None
    if mail is None:
        _take(name, content, found, _Depth())
        return Unpacked(files=tuple(found.files), trouble=tuple(found.trouble))
    _walk_mail(mail, found, _Depth())
    return Unpacked(
        files=tuple(found.files),
        message_id=_header(mail, "Message-ID"),
        sent_to=_recipients(mail),
        subject=_header(mail, "Subject"),
        trouble=tuple(found.trouble),
    )


def pair(files: Iterable[RawFile]) -> tuple[Package, ...]:
    """Put with every XML its PDF and what else belongs to it.

    The PDF is the one of the same name before the extension, whatever its case, the nearest of several; else the only
    one beside the only XML in a mail, an archive or all that came. Any other file goes with the XML whose name it
    begins with, else with the only XML near it; what belongs to none makes a package of its own.

    Source: e-invoicing.md section 13 (UBL Ketentest).
    """
    listed = list(files)
    xmls = [number for number, file in enumerate(listed) if is_xml(file)]
    pdfs = [number for number, file in enumerate(listed) if is_pdf(file)]
    pdf_of = _pair_pdfs(listed, xmls, pdfs)
    taken = {*xmls, *pdf_of.values()}
    xmls_in = _by_place(listed, xmls)
    stems = {number: _stem(listed[number]) for number in xmls}
    others: dict[int | None, list[RawFile]] = {}
    for number, file in enumerate(listed):
        if number not in taken:
            others.setdefault(_owner(file, listed, stems, xmls_in), []).append(file)
    packages = [
        Package(
            xml=listed[number],
            pdf=listed[pdf_of[number]] if number in pdf_of else None,
            others=tuple(others.get(number, ())),
        )
        for number in xmls
    ]
    alone = others.get(None, [])
    return (*packages, *(Package(pdf=file) if is_pdf(file) else Package(others=(file,)) for file in alone))


def _pair_pdfs(listed: list[RawFile], xmls: list[int], pdfs: list[int]) -> dict[int, int]:
    """Give each XML's PDF, both by their number; the nearest pairs of one name first."""
    named: dict[str, list[int]] = {}
    for pdf in pdfs:
        named.setdefault(_stem(listed[pdf]), []).append(pdf)
    same_name = [
        (-_nearness(listed[xml], listed[pdf]), xml, pdf) for xml in xmls for pdf in named.get(_stem(listed[xml]), ())
    ]
    pdf_of: dict[int, int] = {}
    taken: set[int] = set()
    for _, xml, pdf in sorted(same_name):
        if xml not in pdf_of and pdf not in taken:
            pdf_of[xml] = pdf
            taken.add(pdf)
    pdfs_in = _by_place(listed, pdfs)
    for place, inside in sorted(_by_place(listed, xmls).items(), key=lambda item: -len(item[0])):
        beside = pdfs_in.get(place, [])
        if len(inside) == len(beside) == 1 and inside[0] not in pdf_of and beside[0] not in taken:
            pdf_of[inside[0]] = beside[0]
            taken.add(beside[0])
    return pdf_of


def _owner(
    file: RawFile, listed: list[RawFile], stems: dict[int, str], xmls_in: dict[tuple[str, ...], list[int]]
) -> int | None:
    """Find the XML that a file belongs to: by its name, else because there is no other near."""
    own = _stem(file)
    named = [
        (len(stem), _nearness(listed[xml], file), -xml)
        for xml, stem in stems.items()
        if own == stem or (own.startswith(stem) and not own[len(stem)].isalnum())
    ]
    if named:
        return -max(named)[2]
    for length in range(len(file.place), -1, -1):
        near = xmls_in.get(file.place[:length], [])
        if near:
            return near[0] if len(near) == 1 else None
    return None


def _by_place(listed: list[RawFile], numbers: list[int]) -> dict[tuple[str, ...], list[int]]:
    """Give the files in every mail, archive and folder, those further inside too."""
    found: dict[tuple[str, ...], list[int]] = {}
    for number in numbers:
        place = listed[number].place
        for length in range(len(place) + 1):
            found.setdefault(place[:length], []).append(number)
    return found


def _nearness(one: RawFile, other: RawFile) -> int:
    """Count the mails, archives and folders that hold both."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one.place, other.place, strict=False)))


def is_xml(file: RawFile) -> bool:
    """Tell whether the bytes are markup other than a web page or a drawing."""
    if is_pdf(file) or file.name.lower().endswith(_MARKUP_NOT_XML):
        return False
    start = _text_start(file.content)
    web_page = start.startswith((b"<!doctype html", b"<html"))
    return not web_page and (start.startswith(b"<") or file.name.lower().endswith(".xml"))


def is_pdf(file: RawFile) -> bool:
    """Tell whether the bytes are a PDF; readers take one whose mark is in the first kilobyte."""
    return b"%PDF" in file.content[:1024] and not _text_start(file.content).startswith(b"<")


def is_mail(name: str, content: bytes) -> bool:
    """Tell whether the bytes are a mail: by its header lines, or by the name when the bytes are nothing else."""
    start = content[:16_384].replace(b"\r\n", b"\n").lstrip(b"\n")
    if start.startswith(b"From "):  # as mailboxes in one file keep them
        start = start.partition(b"\n")[2]
    if _HEADER_LINE.match(start):
        head = start.partition(b"\n\n")[0]
        return name.lower().endswith(".eml") or _MAIL_HEADER.search(head) is not None
    return False


def clean_name(name: str) -> str:
    """Make a stranger's file name harmless: the last part of the path, no control characters, at most 200 long.

    >>> clean_name("../../etc/passwd"), clean_name("C:\\\\in\\\\Factuur 1.XML"), clean_name("a\\r\\nb.pdf")
    ('passwd', 'Factuur 1.XML', 'ab.pdf')
    """
    spaced = (" " if unicodedata.category(c) == "Zs" else c for c in name[-LONGEST_NAME:])
    visible = "".join(c for c in spaced if c.isprintable())
    last = re.split(r"[/\\]", visible)[-1].strip().lstrip(".").strip()
    if len(last) > 200:
        stem, dot, extension = last.rpartition(".")
        last = stem[: 199 - len(extension)] + dot + extension if dot and len(extension) < 20 else last[:200]
    return last or "unnamed"


@dataclass(slots=True)
class _Found:
    """What was found so far, and the budget that the whole nest of containers shares."""

    files: list[RawFile] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    size: int = 0
    opened: int = 0
    """Bytes that came out of containers so far, whatever became of them."""
    members: int = 0
    containers: int = 0
    parts: int = 0
    mail_lines: int = 0
    mail_headers: int = 0
    header_cost: int = 0

    def is_full(self) -> bool:
        return len(self.files) >= MOST_FILES or self.size >= LARGEST_TOTAL or self.opened > LARGEST_OPENED

    def may_open(self, size: int) -> bool:
        """Count what is about to be taken out of a container; when it is too much, say so and open nothing more."""
        self.opened += size
        if self.opened > LARGEST_OPENED:
            self.complain(f"more than {LARGEST_OPENED // MEGABYTE} MB in all; the rest was not read")
        return self.opened <= LARGEST_OPENED

    def may_read_mail(self, content: bytes) -> bool:
        """Count what a mail costs; no when the standard library would take minutes over the headers or the lines."""
        self.mail_lines += content.count(b"\n")
        if self.mail_lines > MOST_MAIL_LINES:
            return False
        for match in _COSTLY_HEADER.finditer(content):
            self.mail_headers += 1
            self.header_cost += (match.end() - match.start()) ** 2
        return self.mail_headers <= MOST_MAIL_HEADERS and self.header_cost <= HEADER_BUDGET

    def inside(self, place: tuple[str, ...], name: str) -> tuple[str, ...]:
        """Give the place inside one more container, another one for each even when the names are the same."""
        self.containers += 1
        return (*place, f"{self.containers} {name}")

    def complain(self, sentence: str) -> None:
        if sentence not in self.trouble and len(self.trouble) < 100:
            self.trouble.append(sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Depth:
    """Where in the nest we are."""

    mail: int = 0
    zip: int = 0
    place: tuple[str, ...] = ()


def _take(name: str, content: bytes, found: _Found, depth: _Depth) -> None:
    """Keep a file, or what is in it when it is a container."""
    name = clean_name(name)
    if not content:
        found.complain(f"{name}: is empty")
    elif len(content) > LARGEST_FILE:
        found.complain(f"{name}: larger than {LARGEST_FILE // MEGABYTE} MB")
    elif len(found.files) >= MOST_FILES:
        found.complain(f"more than {MOST_FILES} files; the rest was not read")
    elif found.size + len(content) > LARGEST_TOTAL:
        found.complain(f"more than {LARGEST_TOTAL // MEGABYTE} MB in all; the rest was not read")
    elif _is_zip(name, content):
        _walk_zip(name, content, found, replace(depth, zip=depth.zip + 1))
    elif is_mail(name, content) and (depth.mail or depth.zip):
        mail = _parse_mail(name, content, found)
        if mail is not None:
            _walk_mail(mail, found, replace(depth, mail=depth.mail + 1, place=found.inside(depth.place, name)))
    else:
        if unsupported := _name_unsupported(name, content):
            found.complain(f"{name}: {unsupported}")
        found.files.append(RawFile(name=name, content=content, place=depth.place))
        found.size += len(content)


def _name_unsupported(name: str, content: bytes) -> str:
    """Say in which container a file is that may hold an invoice and that we do not open; empty for all others."""
    if content.startswith(_OUTLOOK) and name.lower().endswith(".msg"):
        return "is a message as Outlook saves it (.msg), which is not supported; forward the mail, or save it as .eml"
    return next((words for start, words in _UNSUPPORTED if content.startswith(start)), "")


def _is_zip(name: str, content: bytes) -> bool:
    return content.startswith((b"PK\x03\x04", b"PK\x05\x06")) and not name.lower().endswith(_OFFICE)


def _walk_zip(name: str, content: bytes, found: _Found, depth: _Depth) -> None:
    if depth.zip > DEEPEST_ZIP:
        found.complain(f"{name}: {_ZIP_TOO_DEEP}")
        return
    found.members += content.count(b"PK\x01\x02")  # before the standard library lists them all
    if found.members > MOST_MEMBERS:
        found.complain(f"{name}: more than {MOST_MEMBERS} files")
        return
    depth = replace(depth, place=found.inside(depth.place, name))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                if found.is_full():
                    found.complain(f"{name}: too many files or too large; the rest was not read")
                    return
                _take_from_zip(archive, info, found, depth)
    except _ZIP_TROUBLE:
        found.complain(f"{name}: is damaged and cannot be opened")


def _take_from_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, found: _Found, depth: _Depth) -> None:
    name = clean_name(info.filename)
    if info.is_dir() or info.filename.startswith("__MACOSX/") or name == "DS_Store":
        return
    if info.flag_bits & _ENCRYPTED:
        found.complain(f"{name}: is protected with a password")
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found.complain(f"{name}: is compressed in an unusual way")
    elif info.file_size > LARGEST_FILE:
        found.complain(f"{name}: larger than {LARGEST_FILE // MEGABYTE} MB")
    elif info.file_size > MEGABYTE and info.file_size > HIGHEST_RATIO * info.compress_size:
        found.complain(f"{name}: is compressed more than any document is")
    elif found.may_open(info.file_size):
        try:
            with archive.open(info) as member:
                start = member.read(4)
                if depth.zip >= DEEPEST_ZIP and _is_zip(name, start):
                    found.complain(f"{name}: {_ZIP_TOO_DEEP}")
                    return
                # no more than is said and counted: the library would inflate all that it is asked for
                content = start + member.read(max(info.file_size - len(start), 0) + 1)
        except _ZIP_TROUBLE:
            found.complain(f"{name}: is damaged and cannot be opened")
        else:
            folder = info.filename[-LONGEST_NAME:].replace("\\", "/").rpartition("/")[0]
            _take(name, content, found, replace(depth, place=(*depth.place, folder)) if folder else depth)


def _parse_mail(name: str, content: bytes, found: _Found) -> EmailMessage | None:
    if not found.may_read_mail(content):
        found.complain(f"{name}: cannot be read as a mail")
        return None
    try:
        return message_from_bytes(content, policy=mail_policy)
    except _MAIL_TROUBLE:
        found.complain(f"{name}: cannot be read as a mail")
        return None


def _walk_mail(mail: EmailMessage, found: _Found, depth: _Depth) -> None:
    """Take every attachment, depth first and without recursion, so that no nest of parts exhausts the stack."""
    stack: list[tuple[Message, _Depth]] = [(mail, depth)]
    while stack:
        part, at = stack.pop()
        found.parts += 1
        if found.parts > MOST_MAIL_PARTS:
            found.complain(f"the mail has more than {MOST_MAIL_PARTS} parts; the rest was not read")
            return
        if at.mail > DEEPEST_MAIL:
            found.complain("the mail has parts nested too deep; they were not read")
        elif part.is_multipart():
            place = found.inside(at.place, "") if _is_forwarded(part) else at.place
            inner = cast(list[Message], part.get_payload())
            stack.extend((child, replace(at, mail=at.mail + 1, place=place)) for child in reversed(inner))
        else:
            _take_part(part, found, at)


def _is_forwarded(part: Message) -> bool:
    """Tell whether the one part inside is a mail of its own."""
    try:
        return part.get_content_maintype() == "message"
    except _MAIL_TROUBLE:
        return False


def _take_part(part: Message, found: _Found, depth: _Depth) -> None:
    try:
        name = part.get_filename() or ""
        kind = part.get_content_type()
        is_attachment = part.get_content_disposition() == "attachment"
        if str(part.get("Content-Transfer-Encoding", "")).strip().lower() in _UUENCODE:
            found.complain(f"{clean_name(name)}: is encoded in a way that is no longer in use (uuencode)")
            return
        content = part.get_payload(decode=True)  # never longer than the part
    except _MAIL_TROUBLE:
        found.complain("a part of the mail is damaged and was not read")
        return
    if not isinstance(content, bytes) or not found.may_open(len(content)):
        return
    if not name and not is_attachment and kind in ("text/plain", "text/html"):
        return  # what the person wrote
    if kind.startswith("image/") and not is_attachment and "Content-ID" in part:
        return  # a picture in the text, such as a logo
    _take(name or _unnamed(kind, found.parts), content, found, depth)


def _unnamed(kind: str, number: int) -> str:
    extension = {"application/xml": "xml", "text/xml": "xml", "application/pdf": "pdf"}.get(kind, "bin")
    return f"part-{number}.{extension}"


def _header(mail: EmailMessage, name: str) -> str:
    try:
        value = str(mail.get(name, ""))
    except _MAIL_TROUBLE:
        return ""
    return "".join(c for c in " ".join(value.split()) if unicodedata.category(c)[0] != "C")[:998]


def _recipients(mail: EmailMessage) -> tuple[str, ...]:
    try:
        values = [str(value) for name in _ADDRESS_HEADERS for value in mail.get_all(name, [])]
        addresses = [address.lower() for _, address in getaddresses(values) if "@" in address]
    except _MAIL_TROUBLE:
        return ()
    harmless = (a for a in addresses if a.isprintable() and " " not in a)
    return tuple(dict.fromkeys(harmless))[:100]


def _stem(file: RawFile) -> str:
    stem = file.name.rpartition(".")[0] or file.name
    return unicodedata.normalize("NFKC", stem).strip().casefold()


def _text_start(content: bytes) -> bytes:
    """Give the first letters in lower-case ASCII, whatever Unicode encoding they are in."""
    return content[:64].replace(b"\xef\xbb\xbf", b"").strip(b"\xff\xfe\x00 \t\r\n").replace(b"\x00", b"").lower()
