"""Seeded worlds: the same again from the same seed, amounts that add up, every kind present, expectations that fit."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from io import BytesIO

import pytest
from lxml import etree
from pypdf import PdfReader
from stdnum import iban
from stdnum.nl import btw

from connector.exact_sandbox import World, build_world, expectations
from connector.exact_sandbox.invoicing import InvoiceKind
from connector.exact_sandbox.people import Kind
from connector.exact_sandbox.rows import tables_of

from .helpers import DIVISION, TODAY

START = TODAY - timedelta(days=30)
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
NS = {"cac": f"{_UBL}CommonAggregateComponents-2", "cbc": f"{_UBL}CommonBasicComponents-2"}


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(today=TODAY, invoices=300, divisions=2, customers=60)


def test_same_seed_same_world(world: World) -> None:
    """Parameters decide everything, ids and file bytes included."""
    again = build_world(today=TODAY, invoices=300, divisions=2, customers=60)

    assert again == world
    assert tables_of(again, again.divisions[0]) == tables_of(world, world.divisions[0])


def test_other_seed_other_world(world: World) -> None:
    """Another seed shares no ids."""
    other = build_world(today=TODAY, seed=2)

    assert not {card.id for card in other.divisions[0].customers} & {card.id for card in world.divisions[0].customers}


def test_every_kind_of_customer_occurs() -> None:
    """From 40 customers on there is one of each kind."""
    assert {card.kind for card in build_world(today=TODAY).divisions[0].customers} == set(Kind)


def test_small_worlds_are_ordinary() -> None:
    """A single customer is a good one."""
    assert [card.kind for card in build_world(today=TODAY, customers=1).divisions[0].customers] == [Kind.GOOD]


def test_every_kind_of_invoice_occurs(world: World) -> None:
    """With enough invoices each kind is there."""
    assert {invoice.kind for invoice in world.divisions[0].invoices} == set(InvoiceKind)


def test_two_thirds_are_recent(world: World) -> None:
    """So that a demo that starts 30 days back has something to show."""
    invoices = world.divisions[0].invoices
    recent = sum(invoice.invoice_date >= START for invoice in invoices)

    assert 0.5 < recent / len(invoices) < 0.8
    assert all(TODAY - timedelta(days=400) <= invoice.invoice_date <= TODAY for invoice in invoices)


def _round(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_amounts_follow_the_formula(world: World) -> None:
    """VAT is taken over the sum per code less the discount; with inclusive codes it is what the price contains."""
    for invoice in (invoice for division in world.divisions for invoice in division.invoices):
        excl = vat = Decimal(0)
        for code in {line.vat for line in invoice.lines}:
            lines = [line for line in invoice.lines if line.vat == code]
            asked = sum((_round(line.quantity * line.net_price) for line in lines), Decimal(0))
            if code.type == "I":
                parts = [_round(_round(line.quantity * line.net_price) / (1 + code.percentage)) for line in lines]
                excl += sum(parts)
                vat += asked - sum(parts)
            else:
                base = asked - _round(asked * invoice.discount)
                excl += base
                vat += _round(base * code.percentage)
        assert (invoice.amount_fc_excl_vat, invoice.vat_amount_fc) == (excl, vat), invoice.number
        assert invoice.amount_fc == excl + vat


def test_credit_notes_are_negative(world: World) -> None:
    """Type 8021 has negative amounts, everything else positive ones."""
    for invoice in world.divisions[0].invoices:
        assert (invoice.amount_fc < 0) == (invoice.type == 8021)


def test_rows_show_the_same_amounts(world: World) -> None:
    """As Double the amounts print back to the cent."""
    rows = {row["InvoiceID"]: row for row in tables_of(world, world.divisions[0])["invoices"]}

    for invoice in world.divisions[0].invoices:
        row = rows[invoice.id]
        assert Decimal(str(row["AmountFC"])) == invoice.amount_fc
        assert Decimal(str(row["AmountDC"])) == _round(invoice.amount_fc * invoice.rate)
        assert Decimal(str(row["VATAmountDC"])) == _round(invoice.vat_amount_fc * invoice.rate)


def _sum(root: etree._Element, path: str) -> Decimal:
    return sum((Decimal(text) for text in root.xpath(f"({path})/text()", namespaces=NS)), Decimal(0))


def test_xml_attachments_add_up(world: World) -> None:
    """About one in six invoices has a UBL; lines, VAT and totals agree with each other and with the invoice."""
    documents = world.divisions[0].documents
    files = [
        (paper.invoice, file) for paper in documents for file in paper.attachments if file.file_name[-4:] == ".xml"
    ]
    assert abs(len(files) - len(documents) / 6) <= 1

    for invoice, file in files:
        root = etree.fromstring(file.content)
        total = abs(invoice.amount_fc_excl_vat)
        assert (
            _sum(root, "//cac:InvoiceLine/cbc:LineExtensionAmount|//cac:CreditNoteLine/cbc:LineExtensionAmount")
            == total
        )
        assert _sum(root, "//cac:TaxSubtotal/cbc:TaxableAmount") == total
        assert _sum(root, "//cac:TaxSubtotal/cbc:TaxAmount") == abs(invoice.vat_amount_fc)
        assert _sum(root, "//cac:LegalMonetaryTotal/cbc:PayableAmount") == abs(invoice.amount_fc)
        schemes = root.xpath("//cac:PartyLegalEntity/cbc:CompanyID/@schemeID", namespaces=NS)
        assert len(schemes) == 2
        assert set(schemes) <= {"0106", "0190"}


def test_pdf_attachments_open(world: World) -> None:
    """The PDFs are real, with one page that names the invoice; a few invoices have none."""
    documents = world.divisions[0].documents
    printed = [paper for paper in documents if any(file.file_name.endswith(".PDF") for file in paper.attachments)]
    pages = PdfReader(BytesIO(printed[0].attachments[0].content)).pages

    assert len(pages) == 1
    assert str(printed[0].invoice.number) in pages[0].extract_text()
    assert 0 < len(documents) - len(printed) < len(documents) / 10


def test_numbers_have_right_check_digits(world: World) -> None:
    """VAT numbers and IBANs of divisions and Dutch customers pass their tests."""
    for division in world.divisions:
        assert btw.is_valid(division.seller.vat_number)
        assert iban.is_valid(division.seller.iban)
        for card in division.customers:
            assert card.country != "NL" or card.vat_number is None or btw.is_valid(card.vat_number)


def test_each_division_has_its_own_upload_address(world: World) -> None:
    """The first has the one asked for, the second another."""
    first, second = (world.upload_address(division.code) for division in world.divisions)

    assert first == "4f7c2b9a6d1e8035acbd@uploads.is"
    assert second.endswith("@uploads.is")
    assert first != second


def test_setup_counts_add_up(world: World) -> None:
    """In order, to change and skipped make all customers, and every reason occurs."""
    expected = expectations.setup(world, DIVISION)
    counts = expectations.setup_summary(expected)

    assert counts["in_order"] + counts["to_change"] + counts["skipped"] == counts["customers"] == 60
    assert {one.skipped for one in expected.values()} - {None} == {
        "not_a_customer", "blocked", "ended", "invoiced_to_other_account", "uses_peppol", "uses_postbox",
        "has_other_invoice_contact",
    }  # fmt: skip


def test_without_an_attachment_type_nobody_is_in_order(world: World) -> None:
    """Who needs nothing else is skipped for that, whatever the card has; changes stay those of contact and method."""
    known = expectations.setup(world, DIVISION)
    unknown = expectations.setup(world, DIVISION, attachment_type=None)

    reasons = {unknown[code].skipped for code, one in known.items() if one.in_order}
    assert reasons == {"attachment_type_unknown"}
    assert expectations.setup_summary(unknown)["in_order"] == 0


def test_override_brings_the_change_back(world: World) -> None:
    """An overridden reason no longer skips."""
    expected = expectations.setup(world, DIVISION, overrides=["uses_peppol"])
    peppol = next(str(card.code) for card in world.divisions[0].customers if card.kind is Kind.PEPPOL)

    assert expected[peppol].actions == ("create_contact", "set_invoicing")


def test_audit_knows_every_status(world: World) -> None:
    """All statuses that need no register occur; both duplicates are told."""
    statuses = expectations.audit(world, DIVISION)
    counts = Counter(statuses.values())

    assert set(counts) == {
        "ok", "missing", "malformed", "placeholder", "other_identifier", "duplicate", "own_number", "not_applicable",
    }  # fmt: skip
    assert counts["duplicate"] == 2
    assert expectations.audit_summary(statuses)["customers"] == len(statuses)


def test_directory_wins_over_own_address(world: World) -> None:
    """Who is in the recipients' file gets its invoices there; a government buyer is found by OIN."""
    rows = world.directory_rows()
    with_file = expectations.invoices(world, DIVISION, start_date=START, directory=rows)
    without = expectations.invoices(world, DIVISION, start_date=START)

    changed = [with_file[number] for number in with_file if with_file[number] != without[number]]
    assert changed
    assert all((one.address or "").endswith("@boekhouding.example") for one in changed)
    assert any(row["oin"] and not row["kvk"] for row in rows)


def test_every_outcome_occurs(world: World) -> None:
    """History, delivery and all three reasons to hold; nothing goes to an upload address."""
    expected = expectations.invoices(world, DIVISION, start_date=START).values()

    assert {(one.outcome, one.reason) for one in expected} == {
        ("history", None), ("deliver", None), ("hold", "without_kvk"), ("hold", "no_address"), ("hold", "own_number"),
    }  # fmt: skip
    assert not any((one.address or "").endswith("@uploads.is") for one in expected)
