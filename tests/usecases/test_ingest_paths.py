"""Mails, archives, folders and Maildirs come into the same core, every file named once."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.errors import NothingFound
from connector.exact_sandbox import build_world
from connector.exact_sandbox.ubl import write_ubl
from connector.storage import envelopes, files
from connector.storage.envelopes import Origin
from connector.storage.invoices import InvoiceState

from .office import DIVISION, START, Office, OpenOffice

PDF = b"%PDF-1.4\n% an invoice\n%%EOF\n"
BROKEN = b"<?xml version='1.0'?><Invoice xmlns='urn:oasis:names:specification:ubl:schema:xsd:Invoice-2'><cbc"
OTHER_PDF = b"%PDF-1.4\n% something else\n%%EOF\n"


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """A connected office; its invoices come as files here."""
    office = open_office(customers=3, invoices=0)
    office.sync()
    return office


@pytest.fixture
def xmls(office: Office) -> list[bytes]:
    """Three invoices of the connected division to its good customer, numbered 1 to 3."""
    world = build_world(customers=1, invoices=30, seed=1, today=START)
    invoice = next(one for one in world.divisions[0].invoices if one.finished and one.kind.value == "standard")
    seller = office.world.division(DIVISION).seller
    buyer = next(card for card in office.world.division(DIVISION).customers if card.kind.value == "good")
    return [
        write_ubl(
            replace(
                invoice,
                number=number,
                invoice_to=buyer,
                ordered_by=buyer,
                invoice_date=START + timedelta(days=3),
                due_date=START + timedelta(days=33),
            ),
            seller,
        )
        for number in (1, 2, 3)
    ]


def make_mail(path: Path, attached: dict[str, bytes], *, message_id: str) -> Path:
    message = EmailMessage()
    message["From"] = "verkoop@klant.example"
    message["To"] = "4f7c2b9a6d1e8035acbd@uploads.is"
    message["Message-ID"] = message_id
    message.set_content("Bijgaand de factuur.")
    for name, content in attached.items():
        kind = ("application", "pdf") if name.lower().endswith("pdf") else ("text", "xml")
        message.add_attachment(content, maintype=kind[0], subtype=kind[1], filename=name)
    path.write_bytes(message.as_bytes())
    return path


def test_mail_with_xml_and_pdf(office: Office, xmls: list[bytes], tmp_path: Path) -> None:
    """A mail with an XML and its PDF becomes one invoice that is sent on with both, byte for byte."""
    path = make_mail(tmp_path / "a.eml", {"f1.xml": xmls[0], "F1.PDF": PDF}, message_id="<1@klant.example>")

    outcomes = office.ingest(path)
    office.deliver()

    stored = office.invoice(1)
    assert [(outcome.file, outcome.invoices) for outcome in outcomes] == [(str(path), [stored.id])]
    assert (stored.origin, stored.xml, stored.pdf, stored.division) == (Origin.EMAIL, "received", "attached", DIVISION)
    assert stored.state is InvoiceState.DELIVERED
    assert office.mails()[0].attachments() == {"1.xml": xmls[0], "1.pdf": PDF}


def test_mail_with_several_invoices(office: Office, xmls: list[bytes], tmp_path: Path) -> None:
    """Each XML of a mail is an invoice of its own, with the PDF of the same name."""
    attached = {"a.xml": xmls[0], "a.pdf": PDF, "b.xml": xmls[1], "B.pdf": OTHER_PDF}

    outcomes = office.ingest(make_mail(tmp_path / "a.eml", attached, message_id="<1@klant.example>"))

    assert len(outcomes) == 1
    assert outcomes[0].invoices == [office.invoice(1).id, office.invoice(2).id]
    with office.database.reading() as session:
        pdfs = [files.load(session, office.invoice(number).pdf_sha256 or "") for number in (1, 2)]
    assert pdfs == [PDF, OTHER_PDF]


def test_zip(office: Office, xmls: list[bytes], tmp_path: Path) -> None:
    """An archive is opened; it is one file that was given, and is named once."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, xml in enumerate(xmls, start=1):
            archive.writestr(f"{number}.xml", xml)

    outcomes = office.ingest(path)

    assert [(outcome.file, len(outcome.invoices)) for outcome in outcomes] == [(str(path), 3)]
    assert office.invoice(3).origin is Origin.FILE


def test_loose_files_are_paired_by_stem(office: Office, xmls: list[bytes], tmp_path: Path) -> None:
    """An XML and the PDF beside it with the same stem are one invoice; both files are named with it."""
    (tmp_path / "in").mkdir()
    for name, content in {"x.xml": xmls[0], "X.pdf": PDF, "y.xml": xmls[1], "lonely.pdf": OTHER_PDF}.items():
        (tmp_path / "in" / name).write_bytes(content)

    outcomes = {Path(outcome.file).name: outcome.invoices for outcome in office.ingest(tmp_path / "in")}

    assert outcomes == {
        "x.xml": [office.invoice(1).id],
        "X.pdf": [office.invoice(1).id],
        "y.xml": [office.invoice(2).id],
        "lonely.pdf": [],
    }
    assert office.invoice(2).pdf == "rendered"


def test_folder_in_folder(office: Office, xmls: list[bytes], tmp_path: Path) -> None:
    """A folder is read with all that is below it, and a file that is also given by itself counts once."""
    inner = tmp_path / "in" / "deeper"
    inner.mkdir(parents=True)
    (tmp_path / "in" / "a.xml").write_bytes(xmls[0])
    (inner / "b.xml").write_bytes(xmls[1])

    outcomes = office.ingest(inner / "b.xml", tmp_path / "in")

    assert sorted(Path(outcome.file).name for outcome in outcomes) == ["a.xml", "b.xml"]
    assert len(office.all_invoices()) == 2


def test_maildir(office: Office, xmls: list[bytes], tmp_path: Path) -> None:
    """A Maildir is a folder of mails whose names say nothing."""
    for name in ("new", "cur", "tmp"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    make_mail(tmp_path / "Maildir" / "new" / "1.host", {"a.xml": xmls[0]}, message_id="<1@klant.example>")
    make_mail(tmp_path / "Maildir" / "cur" / "2.host:2,S", {"b.xml": xmls[1]}, message_id="<2@klant.example>")

    outcomes = office.ingest(tmp_path / "Maildir")

    assert [len(outcome.invoices) for outcome in outcomes] == [1, 1]
    assert {stored.origin for stored in office.all_invoices()} == {Origin.EMAIL}


def test_same_mail_twice(office: Office, xmls: list[bytes], tmp_path: Path) -> None:
    """A mail that comes again under its Message-ID is a repeat, whatever its file is called."""
    office.ingest(make_mail(tmp_path / "a.eml", {"a.xml": xmls[0]}, message_id="<1@klant.example>"))
    office.ingest(make_mail(tmp_path / "b.eml", {"a.xml": xmls[0]}, message_id="<1@klant.example>"))
    office.deliver()

    assert [stored.state for stored in office.all_invoices()] == [InvoiceState.DELIVERED, InvoiceState.DUPLICATE]
    assert len(office.mails()) == 1


def test_same_invoice_in_another_mail(office: Office, xmls: list[bytes], tmp_path: Path) -> None:
    """The same bytes in another mail are a repeat as well."""
    office.ingest(make_mail(tmp_path / "a.eml", {"a.xml": xmls[0]}, message_id="<1@klant.example>"))
    office.ingest(make_mail(tmp_path / "b.eml", {"a.xml": xmls[0]}, message_id="<2@klant.example>"))

    assert [stored.state for stored in office.all_invoices()] == [InvoiceState.ROUTED, InvoiceState.DUPLICATE]


def test_files_without_an_invoice(office: Office, tmp_path: Path) -> None:
    """What holds no invoice is named, with what it is, and not stored."""
    (tmp_path / "a.txt").write_text("hallo")
    (tmp_path / "b.xml").write_text("<Order xmlns='urn:example'/>")
    (tmp_path / "winmail.dat").write_bytes(b"\x78\x9f\x3e\x22")

    outcomes = office.ingest(tmp_path / "a.txt", tmp_path / "b.xml", tmp_path / "winmail.dat")

    assert [outcome.invoices for outcome in outcomes] == [[], [], []]
    told = {Path(outcome.file).name: outcome.trouble for outcome in outcomes}
    assert told["b.xml"] == "b.xml: Order is an order, not an invoice"
    assert "TNEF" in told["winmail.dat"]
    assert office.all_invoices() == ()
    with office.database.reading() as session:
        assert session.connection().execute(select(envelopes.ENVELOPES)).all() == []


def test_unreadable_xml_is_invalid_and_told_when_it_came_to_our_address(office: Office, tmp_path: Path) -> None:
    """An XML that breaks off is kept as invalid; at a division's upload address its sender is told once."""
    path = make_mail(tmp_path / "a.eml", {"a.xml": BROKEN}, message_id="<1@klant.example>")

    office.ingest(path)
    office.deliver()

    stored = office.all_invoices()[0]
    assert (stored.state, stored.reason, stored.division) == (InvoiceState.INVALID, "unreadable", DIVISION)
    assert len(office.notices()) == 1


def test_deliver_none_tells_nobody(office: Office, tmp_path: Path) -> None:
    """With deliver = none not even the sender of an unreadable invoice gets a notice."""
    path = make_mail(tmp_path / "a.eml", {"a.xml": BROKEN}, message_id="<1@klant.example>")

    office.ingest(path, deliver="none")
    office.deliver(deliver="none")

    assert office.all_invoices()[0].reason == "unreadable"
    assert office.mailbox.messages() == []


def test_missing_path_stores_nothing(office: Office, xmls: list[bytes], tmp_path: Path) -> None:
    """One path that does not exist, and nothing of the others is read."""
    (tmp_path / "a.xml").write_bytes(xmls[0])

    with pytest.raises(NothingFound, match=r"nowhere\.xml"):
        office.ingest(tmp_path / "a.xml", tmp_path / "nowhere.xml")

    assert office.all_invoices() == ()
