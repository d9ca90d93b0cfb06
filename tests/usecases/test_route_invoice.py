"""Every finished invoice ends as the world expects, is sent once, and whatever is repeated is recognised."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connector.delivery import Kind as DeliveryKind
from connector.exact_sandbox import ReceivedMail
from connector.exact_sandbox.people import Kind
from connector.storage import deliveries, divisions, files, invoices
from connector.storage.database import Database
from connector.storage.invoices import InvoiceState, ReceivedInvoice
from connector.usecases.release_invoice import retry_invoice
from connector.usecases.run_once import tally
from connector.usecases.take_invoices import take_invoices

from .office import DIVISION, NOON, NOTIFY, START, TODAY, Office, OpenOffice

ADDRESS = "4f7c2b9a6d1e8035acbd@uploads.is"
STATES = {"history": InvoiceState.HISTORY, "hold": InvoiceState.HELD, "deliver": InvoiceState.DELIVERED}


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """An office whose division is synced: some invoices to deliver, to hold and of before the start date."""
    office = open_office(customers=3, invoices=4)
    office.sync()
    return office


def xml_of(mail: ReceivedMail) -> bytes:
    return next(content for name, content in mail.attachments().items() if name.endswith(".xml"))


def number_of(mail: ReceivedMail) -> str:
    return first(xml_of(mail), "ID")


def first(xml: bytes, name: str) -> str:
    """The text of the first element with this local name."""
    return next(element.text or "" for element in etree.fromstring(xml).iter("{*}" + name))


def mail_file(mail: ReceivedMail, folder: Path, **headers: str) -> Path:
    """The mail as a file, with some headers changed."""
    message = mail.message
    for name, value in headers.items():
        del message[name.replace("_", "-")]
        message[name.replace("_", "-")] = value
    path = folder / "again.eml"
    path.write_bytes(message.as_bytes())
    return path


def deliverable(office: Office) -> int:
    return office.expected_numbers("deliver")[0]


# Outcomes


@pytest.mark.parametrize(
    ("seed", "customers", "invoices", "directory"), [(1, 42, 44, False), (2, 14, 16, False), (2, 16, 20, True)]
)
def test_outcomes_are_what_the_world_expects(
    open_office: OpenOffice, seed: int, customers: int, invoices: int, directory: bool
) -> None:
    """State, reason and recipient of every finished invoice, before set-up, with and without a directory."""
    office = open_office(seed=seed, customers=customers, invoices=invoices)
    office.sync()
    if directory:
        office.know_recipients()
    expected = office.expected(directory=directory)

    office.work()

    found = {int(stored.number): stored for stored in office.all_invoices()}
    assert {number: (stored.state, stored.reason) for number, stored in found.items()} == {
        number: (STATES[one.outcome], one.reason) for number, one in expected.items()
    }
    sent = {number: [row.address for row in office.deliveries_of(stored)] for number, stored in found.items()}
    assert sent == {number: [one.address] if one.address else [] for number, one in expected.items()}


@pytest.mark.parametrize("seed", [4])
def test_outcomes_are_the_same_after_set_up(open_office: OpenOffice, seed: int) -> None:
    """That a customer's invoices also go to the upload address changes nothing about who gets them from us."""
    office = open_office(seed=seed, customers=20, invoices=30)
    office.sync()
    office.apply()

    office.work()

    found = {int(stored.number): (stored.state, stored.reason) for stored in office.all_invoices()}
    assert found == {number: (STATES[one.outcome], one.reason) for number, one in office.expected().items()}


@pytest.mark.parametrize(("seed", "customers", "invoices"), [(6, 12, 24)])
def test_each_is_delivered_once_with_xml_and_pdf(
    open_office: OpenOffice, seed: int, customers: int, invoices: int
) -> None:
    """What is delivered arrives in one mail at the expected address, XML and PDF under one stem."""
    office = open_office(seed=seed, customers=customers, invoices=invoices)
    office.sync()
    expected = {number: one for number, one in office.expected().items() if one.outcome == "deliver"}

    office.work()

    mails = office.mails()
    assert Counter(int(number_of(mail)) for mail in mails) == Counter(expected.keys())
    for mail in mails:
        number = number_of(mail)
        assert mail.recipients == (expected[int(number)].address,)
        assert list(mail.attachments())[:2] == [f"{number}.xml", f"{number}.pdf"]
        assert mail.attachments()[f"{number}.pdf"].startswith(b"%PDF")


@pytest.mark.parametrize(("seed", "customers", "invoices"), [(1, 20, 28)])
def test_totals_are_exacts_own(open_office: OpenOffice, seed: int, customers: int, invoices: int) -> None:
    """Amount to pay, VAT and date in the XML that goes out are Exact's to the cent, attached or rendered."""
    office = open_office(seed=seed, customers=customers, invoices=invoices)
    office.sync()
    facts = {invoice.number: invoice for invoice in office.world.division(DIVISION).invoices}

    office.work()

    assert {stored.xml for stored in office.all_invoices() if stored.xml} == {"attached", "rendered"}
    for mail in office.mails():
        xml = xml_of(mail)
        exact = facts[int(first(xml, "ID"))]
        assert Decimal(first(xml, "PayableAmount")) == abs(exact.amount_fc)
        assert Decimal(first(xml, "TaxExclusiveAmount")) == abs(exact.amount_fc_excl_vat)
        assert first(xml, "DocumentCurrencyCode") == exact.currency
        assert date.fromisoformat(first(xml, "IssueDate")) == exact.invoice_date


def test_attached_xml_goes_out_as_it_came(open_office: OpenOffice) -> None:
    """Bytes that Exact has attached are the bytes that are sent."""
    office = open_office(customers=12, invoices=24)
    office.sync()
    attached = {
        file.content
        for document in office.world.division(DIVISION).documents
        for file in document.attachments
        if file.file_name.endswith(".xml") and document.invoice.number in office.expected_numbers("deliver")
    }

    office.work()

    assert attached
    assert attached <= {xml_of(mail) for mail in office.mails()}


def test_nothing_before_the_start_date_is_mailed(office: Office) -> None:
    """History stays history: no mail about it, to nobody."""
    history = {str(number) for number in office.expected_numbers("history")}

    office.work()

    assert history
    assert not history & {number_of(mail) for mail in office.mails()}
    assert not any(number in mail.message["Subject"] for mail in office.mailbox.messages() for number in history)


def test_start_date_is_the_day_of_connecting_unless_set(office: Office) -> None:
    """Without a start date in the settings only invoices from the day of connecting on are sent."""
    from_today = {str(number) for number, one in office.expected(start_date=TODAY).items() if one.outcome == "deliver"}

    office.work(start_date=None)

    assert {number_of(mail) for mail in office.mails()} == from_today


def test_second_pass_sends_nothing(office: Office) -> None:
    """When nothing changed, another pass takes, decides and sends nothing."""
    office.work()
    before = len(office.mailbox.messages())

    office.sync()
    counts = office.work()

    assert len(office.mailbox.messages()) == before > 0
    assert counts["received"] == 0


def test_invoice_that_is_finished_later_is_sent_then(open_office: OpenOffice) -> None:
    """A draft is left alone until Exact has finished it, with its number."""
    office = open_office(customers=12, invoices=24)
    office.sync()
    office.work()
    before = len(office.mails())
    state = office.server.state
    draft = next(row for row in state.rows(DIVISION, "invoices") if row["Status"] == 20)
    good = next(card for card in office.world.division(DIVISION).customers if card.kind is Kind.GOOD)
    changes: dict[str, Any] = {"Status": 50, "InvoiceNumber": 26999999, "InvoiceDate": TODAY.isoformat()}
    changes |= {"InvoiceTo": good.id, "OrderedBy": good.id, "InvoiceToContactPerson": None}
    state.write(DIVISION, "invoices", {**draft, **changes})
    for line in state.rows(DIVISION, "lines"):
        if line["InvoiceID"] == draft["InvoiceID"]:
            state.write(DIVISION, "lines", line)

    office.sync()
    office.work()

    assert office.invoice(26999999).state is InvoiceState.DELIVERED
    assert len(office.mails()) == before + 1


# Rules


def test_deliver_none_mails_nothing(office: Office) -> None:
    """With deliver = none everything is decided and shown, and nothing is mailed: no invoice, no notice."""
    counts = office.work(deliver="none")

    assert office.mailbox.messages() == []
    assert counts["routed"] > 0
    assert {stored.reason for stored in office.all_invoices() if stored.state is InvoiceState.ROUTED} == {
        "deliver_none"
    }


def test_not_set_up_leaves_set_up_customers_to_others(open_office: OpenOffice) -> None:
    """With deliver = not_set_up, customers set up by hand are left to InvoiceSharing."""
    office = open_office(customers=14, invoices=20)
    office.sync()
    set_up = {
        card.id
        for card in office.world.division(DIVISION).customers
        if card.invoicing_method == 2 and any((one.email or "").endswith("@uploads.is") for one in card.contacts)
    }
    facts = {invoice.number: invoice for invoice in office.world.division(DIVISION).invoices}

    office.work(deliver="not_set_up")

    left = [int(one.number) for one in office.all_invoices() if one.reason == "delivered_by_invoicesharing"]
    sent = [int(number_of(mail)) for mail in office.mails()]
    assert left
    assert sent
    assert {facts[number].invoice_to.id for number in left} <= set_up
    assert not {facts[number].invoice_to.id for number in sent} & set_up


def test_not_set_up_goes_by_the_moment_of_set_up(office: Office) -> None:
    """An invoice printed before we set up its customer is still sent from here, one printed after is not."""
    before, after = office.expected_numbers("deliver")
    office.apply()
    office.server.state.ui_change_invoice(DIVISION, after)
    office.sync()

    office.work(deliver="not_set_up")

    assert office.invoice(before).state is InvoiceState.DELIVERED
    assert office.invoice(after).reason == "delivered_by_invoicesharing"


def test_unknown_recipients_go_to_the_upload_address(office: Office) -> None:
    """With unknown_recipient = upload every deliverable invoice goes to the division's upload address."""
    office.work(unknown_recipient="upload")

    assert {mail.recipients for mail in office.mails()} == {(ADDRESS,)}


def test_unknown_recipients_are_held(office: Office) -> None:
    """With unknown_recipient = hold nothing goes to who is not in the directory."""
    office.work(unknown_recipient="hold")

    assert office.mails() == []
    assert office.invoice(deliverable(office)).reason == "unknown_recipient"


def test_one_notice_for_each_held_invoice(office: Office) -> None:
    """Each held invoice is told once to the sender, even after several passes and retries."""
    for _ in range(3):
        office.sync()
        office.work()
    held = office.expected_numbers("hold")

    assert held
    assert len(office.notices()) == len(held)
    assert {mail.recipients for mail in office.notices()} == {(NOTIFY,)}
    assert {mail.message["Auto-Submitted"] for mail in office.notices()} == {"auto-generated"}


# Repeats


def test_polled_and_mailed_counts_once(office: Office, tmp_path: Path) -> None:
    """An invoice that was polled, and comes in by mail as well, is a repeat and not sent again."""
    office.work()
    mail = office.mails()[0]
    sent = len(office.mails())

    office.ingest(mail_file(mail, tmp_path, To=ADDRESS, Message_ID="<exact@exact.example>"))
    office.deliver()

    again = office.all_invoices()[-1]
    assert again.state is InvoiceState.DUPLICATE
    assert again.detail == office.invoice(number_of(mail)).id
    assert len(office.mails()) == sent


def test_mailed_and_then_polled_counts_once(office: Office, tmp_path: Path) -> None:
    """The other way round too: what came by mail first is not sent again when Exact has it."""
    (tmp_path / "one.xml").write_bytes(_own_xml(office))
    number = str(deliverable(office))
    (tmp_path / "first").mkdir()
    other = _second_office(office, tmp_path / "first")
    other.sync()
    other.ingest(tmp_path / "one.xml")
    other.deliver()

    other.work()

    assert [number_of(mail) for mail in other.mails()].count(number) == 1
    states = [stored.state for stored in other.all_invoices() if stored.number == number]
    assert states == [InvoiceState.DELIVERED, InvoiceState.DUPLICATE]
    other.wiring.__exit__(None, None, None)


def _second_office(office: Office, folder: Path) -> Office:
    """Another installation beside the same sandbox and mailbox, with a database of its own."""
    second = Office(folder, office.server, office.mailbox, office.clock)
    made = Database(f"sqlite:///{folder / 'connector.db'}")
    made.migrate()
    made.dispose()
    second.connect()
    return second


def test_same_bytes_are_a_repeat(office: Office, tmp_path: Path) -> None:
    """The very same file twice is delivered once."""
    xml = _own_xml(office)
    (tmp_path / "a.xml").write_bytes(xml.replace(b"<cbc:ID>", b"<cbc:ID>X-", 1))
    (tmp_path / "b.xml").write_bytes((tmp_path / "a.xml").read_bytes())

    office.ingest(tmp_path / "a.xml")
    office.ingest(tmp_path / "b.xml")
    office.deliver()

    assert [stored.state for stored in _named(office, "X-")] == [InvoiceState.DELIVERED, InvoiceState.DUPLICATE]


def test_same_invoice_written_differently_is_a_repeat(office: Office, tmp_path: Path) -> None:
    """Other bytes with the same number, buyer, amounts and VAT are the same invoice."""
    xml = _own_xml(office).replace(b"<cbc:ID>", b"<cbc:ID>X-", 1)
    (tmp_path / "a.xml").write_bytes(xml)
    (tmp_path / "b.xml").write_bytes(xml + b"\n<!-- again -->\n")

    office.ingest(tmp_path / "a.xml", tmp_path / "b.xml")

    assert [stored.state for stored in _named(office, "X-")] == [InvoiceState.ROUTED, InvoiceState.DUPLICATE]


def test_same_number_with_other_content_is_held(office: Office, tmp_path: Path) -> None:
    """Another invoice under a number that was used is not sent; the sender is told once."""
    xml = _own_xml(office).replace(b"<cbc:ID>", b"<cbc:ID>X-", 1)
    due = first(xml, "IssueDate").encode()
    other = xml.replace(due, TODAY.isoformat().encode() if due != TODAY.isoformat().encode() else b"2026-11-01")
    (tmp_path / "a.xml").write_bytes(xml)
    (tmp_path / "b.xml").write_bytes(other)

    office.ingest(tmp_path / "a.xml")
    office.ingest(tmp_path / "b.xml")
    office.deliver()

    states = [(stored.state, stored.reason) for stored in _named(office, "X-")]
    assert states == [(InvoiceState.DELIVERED, None), (InvoiceState.HELD, "number_conflict")]
    assert [number_of(mail) for mail in office.mails()].count("X-" + str(deliverable(office))) == 1
    assert len(office.deliveries_of(_named(office, "X-")[1], DeliveryKind.NOTICE)) == 1


def test_invalid_invoice_with_a_used_number_stays_invalid(office: Office, tmp_path: Path) -> None:
    """What its rules refuse is told as that, and not as a number to release: a release asks no rules."""
    xml = _own_xml(office).replace(b"<cbc:ID>", b"<cbc:ID>X-", 1)
    (tmp_path / "a.xml").write_bytes(xml)
    (tmp_path / "b.xml").write_bytes(xml.replace(b"<cbc:DocumentCurrencyCode>", b"<cbc:DocumentCurrencyCode>X", 1))

    office.ingest(tmp_path / "a.xml")
    office.ingest(tmp_path / "b.xml")

    states = [(stored.state, stored.reason) for stored in _named(office, "X-")]
    assert states == [(InvoiceState.ROUTED, None), (InvoiceState.INVALID, "fatal_findings")]


def test_same_invoice_with_another_bank_account_is_held(office: Office, tmp_path: Path) -> None:
    """A copy that asks for payment to another account is no repeat: a person has to look at it."""
    xml = _own_xml(office).replace(b"<cbc:ID>", b"<cbc:ID>X-", 1)
    account = office.division.bank_iban.encode()
    assert account in xml
    (tmp_path / "a.xml").write_bytes(xml)
    (tmp_path / "b.xml").write_bytes(xml.replace(account, b"NL39RABO0300065264"))

    office.ingest(tmp_path / "a.xml")
    office.ingest(tmp_path / "b.xml")

    states = [(stored.state, stored.reason) for stored in _named(office, "X-")]
    assert states == [(InvoiceState.ROUTED, None), (InvoiceState.HELD, "number_conflict")]


def test_held_invoice_that_came_by_mail_meanwhile_is_a_repeat(office: Office, tmp_path: Path) -> None:
    """An invoice of Exact's without an XML is held; it comes by mail and is sent; tried again, it is a repeat."""
    xml = _own_xml(office)
    number = deliverable(office)
    with office.database.transaction() as session:
        stored = office.invoice(number)
        invoices.set_files(session, stored.id, xml=None, xml_sha256=None, pdf="none", pdf_sha256=None, now=NOON)
        invoices.set_state(session, stored.id, InvoiceState.HELD, reason="fact_missing", now=NOON)
    (tmp_path / "mailed.xml").write_bytes(xml)
    office.ingest(tmp_path / "mailed.xml")
    office.deliver()

    held = office.invoice(number)
    again = retry_invoice(office.database, held.id, office.handling(), refresh=office.refresh, clock=office.clock)
    office.deliver()

    assert again.state is InvoiceState.DUPLICATE
    assert [number_of(mail) for mail in office.mails()].count(str(number)) == 1


def _own_xml(office: Office) -> bytes:
    """An invoice of the division's own to a good customer, as bytes; nothing has been sent yet."""
    take_invoices(office.database, office.division, office.handling(), clock=office.clock)
    with office.database.reading() as session:
        return files.load(session, office.invoice(deliverable(office)).xml_sha256 or "")


def _named(office: Office, start: str) -> list[ReceivedInvoice]:
    return [stored for stored in office.all_invoices() if stored.number.startswith(start)]


# Sellers


def test_files_of_unknown_sellers_are_never_mailed(office: Office, tmp_path: Path) -> None:
    """A seller that is no connected division: without a directory entry nothing goes out and nobody is told."""
    own = office.division.kvk.encode()
    stranger = _own_xml(office).replace(own, b"20000006").replace(b"<cbc:ID>", b"<cbc:ID>S-", 1)
    (tmp_path / "s.xml").write_bytes(stranger)

    office.ingest(tmp_path / "s.xml")
    with office.database.reading() as session:
        assert divisions.get(session, DIVISION) is not None
    stored = _named(office, "S-")[0]

    assert stored.division is None
    assert (stored.state, stored.reason) == (InvoiceState.HELD, "no_address")
    assert office.deliveries_of(stored) == []
    with office.database.reading() as session:
        assert deliveries.of_invoice(session, stored.id) == ()


def test_old_file_of_a_connected_seller_is_history(office: Office, tmp_path: Path) -> None:
    """The start date counts for files as well."""
    xml = _own_xml(office)
    old = xml.replace(first(xml, "IssueDate").encode(), (START - timedelta(days=1)).isoformat().encode())
    (tmp_path / "old.xml").write_bytes(old.replace(b"<cbc:ID>", b"<cbc:ID>O-", 1))

    office.ingest(tmp_path / "old.xml")
    office.deliver()

    assert _named(office, "O-")[0].state is InvoiceState.HISTORY
    assert "O-" not in {number_of(mail)[:2] for mail in office.mails()}


def test_tally_adds_up(open_office: OpenOffice) -> None:
    """received is the sum of all ends (interfaces.md), and counts the finished invoices of the world."""
    office = open_office(customers=12, invoices=20)
    office.sync()
    office.mailbox.recipient_answers[
        next(one.address or "" for one in office.expected().values() if one.outcome == "deliver")
    ] = "554 no"

    office.work()

    ids = [stored.id for stored in office.all_invoices()]
    counts = tally(office.database, ids)
    ends = ("duplicates", "history", "invalid", "held", "routed", "failed")
    assert counts["received"] == len(office.expected()) == sum(counts[end] for end in ends)
    assert counts["failed"] > 0
    assert counts["history"] == len(office.expected_numbers("history"))
    assert counts["held"] == len(office.expected_numbers("hold"))
