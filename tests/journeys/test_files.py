"""Invoices from files and the directory of recipients: good, repeated, hostile and wrapped in mails and archives."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from connector.exact_sandbox import Mailbox

from .installation import Installation, run_program

SAMPLE = Path(__file__).parents[1] / "samples" / "ubl" / "nlcius-invoice.xml"
NUMBER, BUYER = "2026-0042", "76543210"
"""What stands in the sample."""
PDF = b"%PDF-1.4\n% not much of one\n%%EOF\n"
HEADER = "name,kvk,oin,gln,vat,channel,address,language\n"
SECRET = "nobody may read this"
ROOT = '<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2">'


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with one good invoice and its PDF."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.xml").write_bytes(SAMPLE.read_bytes())
    (folder / "A.pdf").write_bytes(PDF)
    return folder


@pytest.fixture
def known(office: Installation) -> Installation:
    """An installation whose directory knows the sample's buyer."""
    add_buyer(office)
    return office


def add_buyer(office: Installation, address: str = "ap@koper.example") -> None:
    ended = office.run("recipients", "add", "--name", "Koper", "--kvk", BUYER, "--email", address)
    assert ended.code == 0, ended.err


def test_file_for_a_known_recipient_is_delivered(known: Installation, files: Path, mailbox: Mailbox) -> None:
    """XML and PDF of one stem go as they came, to the directory's address, named after the invoice."""
    ended = known.run("ingest", files, "--json")

    assert (ended.code, ended.json["delivered"]) == (0, 1)
    assert [(mail.recipients, mail.attachments()) for mail in mailbox.messages()] == [
        (("ap@koper.example",), {f"{NUMBER}.xml": SAMPLE.read_bytes(), f"{NUMBER}.pdf": PDF})
    ]


def test_file_for_an_unknown_recipient_is_held(office: Installation, files: Path, mailbox: Mailbox) -> None:
    """Addresses inside an XML are never mailed: a stranger's invoice for nobody we know is held."""
    ended = office.run("ingest", files, "--json")

    assert (ended.code, ended.json["held"], {one["reason"] for one in ended.json["files"]}) == (0, 1, {"no_address"})
    assert mailbox.messages() == []


def test_same_file_twice_is_sent_once(known: Installation, files: Path, mailbox: Mailbox) -> None:
    """The same bytes under another name, now or later, are a repeat."""
    (files / "b.xml").write_bytes(SAMPLE.read_bytes())

    first = known.run("ingest", files, "--json").json
    second = known.run("ingest", files / "b.xml", "--json").json

    assert [(one["delivered"], one["duplicates"]) for one in (first, second)] == [(1, 1), (0, 1)]
    assert len(mailbox.messages()) == 1


def test_other_content_under_the_same_number_is_held(known: Installation, files: Path, mailbox: Mailbox) -> None:
    """A second invoice with a used number is a conflict, not a repeat."""
    changed = SAMPLE.read_bytes().replace(b"<cbc:DueDate>2026-12-02", b"<cbc:DueDate>2026-12-03")
    changed = changed.replace(b"2026-11-02</cbc:IssueDate>", b"2026-11-03</cbc:IssueDate>")
    assert known.run("ingest", files).code == 0
    (files / "c.xml").write_bytes(changed)

    ended = known.run("ingest", files / "c.xml", "--json").json

    assert [one["reason"] for one in ended["files"]] == ["number_conflict"]
    assert len(mailbox.messages()) == 1


def as_mail(folder: Path) -> Path:
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = "a@b.example", "c@d.example", "<1@b.example>"
    message.set_content("Bijgaand de factuur.")
    message.add_attachment(SAMPLE.read_bytes(), maintype="application", subtype="xml", filename="x.xml")
    message.add_attachment(PDF, maintype="application", subtype="pdf", filename="x.pdf")
    (folder / "one.eml").write_bytes(message.as_bytes())
    return folder / "one.eml"


def as_archive(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "one.zip", "w") as archive:
        archive.writestr("x.xml", SAMPLE.read_bytes())
        archive.writestr("x.pdf", PDF)
    return folder / "one.zip"


@pytest.mark.parametrize("wrap", [as_mail, as_archive])
def test_wrapped_invoice_is_delivered(
    known: Installation, tmp_path: Path, mailbox: Mailbox, wrap: Callable[[Path], Path]
) -> None:
    """What lies in a mail or an archive goes the same way as loose files."""
    ended = known.run("ingest", wrap(tmp_path), "--json")

    assert [(one["outcome"], len(one["invoices"])) for one in ended.json["files"]] == [("delivered", 1)]
    assert [set(mail.attachments()) for mail in mailbox.messages()] == [{f"{NUMBER}.xml", f"{NUMBER}.pdf"}]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of files that mean harm, or are just broken."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text(SECRET)
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>{ROOT}&e;</Invoice>'
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "ha">{laughs}]>{ROOT}&e11;</Invoice>'
    contents = {
        "entity.xml": entity.encode(),
        "bomb.xml": bomb.encode(),
        "deep.xml": (ROOT + "<a>" * 5000 + "</a>" * 5000 + "</Invoice>").encode(),
        "cut.xml": SAMPLE.read_bytes()[:1000],
        "empty.xml": ROOT.encode() + b"</Invoice>",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def test_hostile_files_are_invalid(office: Installation, hostile: Path) -> None:
    """`ingest` keeps them as invalid with a reason and ends well; nothing is expanded."""
    ended = office.run("ingest", hostile, "--json")

    assert ended.code == 0
    assert {Path(one["file"]).name: (one["outcome"], one["reason"]) for one in ended.json["files"]} == {
        path.name: ("invalid", "unreadable") for path in hostile.iterdir()
    }
    assert SECRET not in ended.out + ended.err


def test_hostile_files_fail_the_check(hostile: Path, tmp_path: Path) -> None:
    """`check` ends with 5, with one fatal finding a file that names the trouble; nothing is expanded."""
    ended = run_program("check", hostile, "--json", folder=tmp_path)

    assert ended.code == 5
    assert {Path(one["file"]).name: [finding["rule"] for finding in one["findings"]] for one in ended.json} == {
        "entity.xml": ["DTD"],
        "bomb.xml": ["DTD"],
        "deep.xml": ["TOO-DEEP"],
        "cut.xml": ["NOT-WELL-FORMED"],
        "empty.xml": ["EMPTY"],
    }
    assert SECRET not in ended.out + ended.err


def test_what_could_not_be_opened_is_told_beside_what_could(known: Installation, tmp_path: Path) -> None:
    """A file that came along and is not read is named by `check` and `ingest`, to scripts and to people."""
    with zipfile.ZipFile(tmp_path / "post.zip", "w") as archive:
        archive.writestr("x.xml", SAMPLE.read_bytes())
        archive.writestr("rest.rar", b"Rar!\x1a\x07")

    checked = run_program("check", tmp_path / "post.zip", "--json", folder=tmp_path)
    taken = known.run("ingest", tmp_path / "post.zip", "--json")
    told = known.run("ingest", tmp_path / "post.zip")

    assert (checked.code, [one["valid"] for one in checked.json]) == (0, [True, False])
    assert [finding["rule"] for finding in checked.json[1]["findings"]] == ["NOT-READ"]
    assert "rest.rar: is a RAR archive" in taken.json["files"][0]["trouble"]
    assert "rest.rar: is a RAR archive" in told.out


def test_good_file_passes_the_check_without_an_installation(files: Path, tmp_path: Path) -> None:
    """`check` needs neither settings nor database, and leaves nothing behind."""
    before = set(tmp_path.rglob("*"))

    ended = run_program("check", files / "a.xml", "--json", folder=tmp_path)

    assert (ended.code, [one["valid"] for one in ended.json]) == (0, [True])
    assert set(tmp_path.rglob("*")) == before


def test_missing_file_is_said(office: Installation) -> None:
    """A path that does not exist is named; nothing is read then."""
    ended = office.run("ingest", "nowhere.xml")

    assert (ended.code, len(ended.errors), "nowhere.xml" in ended.errors[0]) == (1, 1, True)


def test_ingest_needs_no_sender_where_nothing_is_sent(office: Installation, files: Path) -> None:
    """Right after `init`, without mail.from_address, files can be taken in all the same."""
    office.change("mail", from_address="")

    ended = office.run("ingest", files, "--json")

    assert (ended.code, ended.json["held"]) == (0, 1), ended


def test_directory_survives_export_and_import(known: Installation) -> None:
    """What was exported can be imported elsewhere; a second import adds nothing."""
    assert known.run("recipients", "export", "out.csv").code == 0
    before = known.run("recipients", "list", "--json").json
    assert known.run("recipients", "remove", str(before[0]["id"])).code == 0

    said = [known.run("recipients", "import", "out.csv").out for _ in range(2)]

    after = known.run("recipients", "list", "--json").json
    assert [{**entry, "id": 0} for entry in after] == [{**entry, "id": 0} for entry in before]
    assert ["added 1" in said[0], "added 0" in said[1]] == [True, True]


def test_exported_directory_has_the_fixed_columns(known: Installation) -> None:
    """The csv has the columns of interfaces.md."""
    known.run("recipients", "export", "out.csv")

    with (known.folder / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row.keys() for row in rows] == [dict.fromkeys(HEADER.strip().split(",")).keys()]
    assert (rows[0]["kvk"], rows[0]["address"]) == (BUYER, "ap@koper.example")


def test_wrong_line_imports_nothing(office: Installation) -> None:
    """A file with a wrong number in one line is refused as a whole, and the line is named."""
    good, wrong = f"A,{BUYER},,,,email,a@b.example,nl\n", "B,123,,,,email,b@b.example,nl\n"
    (office.folder / "in.csv").write_text(HEADER + good + wrong)

    ended = office.run("recipients", "import", "in.csv")

    assert (ended.code, len(ended.errors), "3" in ended.errors[0]) == (2, 1, True), ended
    assert office.run("recipients", "list", "--json").json == []
