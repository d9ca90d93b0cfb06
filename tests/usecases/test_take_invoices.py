"""Exact's finished invoices become SI-UBL 2.0: every kind of them, with the world's own facts and totals."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest

from connector.exact_sandbox import invoicing
from connector.exact_sandbox.invoicing import InvoiceKind
from connector.ingest.checks import check_invoice
from connector.ingest.ubl import read_invoice
from connector.invoice import Address, Identifier, InvoiceType, Severity
from connector.storage import files

from .office import DIVISION, Office, OpenOffice

NOT_FINISHED = {InvoiceKind.DRAFT, InvoiceKind.OPEN}


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """Every kind of customer and invoice, taken and rendered."""
    office = open_office(customers=45, invoices=130)
    office.sync()
    office.work(deliver="none")
    return office


def rendered(office: Office) -> list[tuple[invoicing.Invoice, bytes]]:
    """Each rendered invoice beside the world's own."""
    worlds = {str(one.number): one for one in office.world.division(DIVISION).invoices if one.finished}
    found = []
    with office.database.reading() as session:
        for stored in office.all_invoices():
            if stored.xml == "rendered" and stored.xml_sha256 is not None:
                found.append((worlds[stored.number], files.load(session, stored.xml_sha256)))
    return found


def test_every_kind_is_rendered_without_a_fatal_finding(office: Office) -> None:
    """What we render passes our own checks, whatever kind of invoice and customer it is."""
    found = rendered(office)

    assert {one.kind for one, _ in found} == set(InvoiceKind) - NOT_FINISHED
    fatal = {
        (one.kind, finding.rule)
        for one, xml in found
        for finding in check_invoice(xml)[1]
        if finding.severity is Severity.FATAL
    }
    assert fatal == set()


def test_rendered_invoices_say_what_the_world_says(office: Office) -> None:
    """Totals to the cent, VAT per category and rate, lines, parties and references are those of the world."""
    for one, xml in rendered(office):
        invoice, sign = read_invoice(xml).invoice, -1 if one.kind is InvoiceKind.CREDIT else 1
        totals = (one.amount_fc_excl_vat, one.vat_amount_fc, one.amount_fc)
        assert (invoice.total_without_vat, invoice.vat_total, invoice.payable) == tuple(sign * each for each in totals)
        assert [line.amount for line in invoice.lines] == [sign * line.amount_fc for line in one.lines]
        categories = {(line.vat.category, line.vat.percentage * 100) for line in one.lines}
        assert {(row.category, row.rate or Decimal(0)) for row in invoice.vat} == categories
        assert (invoice.issue_date, invoice.due_date) == (one.invoice_date, one.due_date)
        assert (invoice.currency, invoice.buyer.name) == (one.currency, one.invoice_to.name)
        assert invoice.type is (InvoiceType.CREDIT_NOTE if sign < 0 else InvoiceType.INVOICE)
        if one.your_ref:
            assert invoice.buyer_reference == one.your_ref
        if one.currency != "EUR":
            assert invoice.vat_currency == "EUR"
            assert invoice.vat_total_in_vat_currency == invoicing.cents(one.vat_amount_fc * one.rate)
        if one.invoice_to.registration and len(one.invoice_to.registration) == 20:
            assert invoice.buyer.endpoint == Identifier(scheme="oin", value=one.invoice_to.registration)


def test_credit_note_names_the_invoice_that_its_text_names(office: Office) -> None:
    """ "Credit op factuur N" is believed where the customer has a finished invoice N, and nothing else is."""
    credits = [(one, read_invoice(xml).invoice) for one, xml in rendered(office) if one.kind is InvoiceKind.CREDIT]

    assert any(one.credited_number for one, _ in credits)
    expected = [str(one.credited_number or "") for one, _ in credits]
    assert [invoice.preceding_invoice for _, invoice in credits] == expected


def test_goods_of_another_account_are_delivered_there(office: Office) -> None:
    """Where the invoice goes to another account than the goods, the UBL names the one and its address."""
    by_difference = defaultdict(list)
    for one, xml in rendered(office):
        by_difference[one.ordered_by.id != one.invoice_to.id].append((one, read_invoice(xml).invoice))

    assert by_difference[True]
    for one, invoice in by_difference[True]:
        who = one.ordered_by
        place = Address(street=who.street, city=who.city, postcode=who.postcode, country=who.country)
        assert (invoice.delivery_name, invoice.delivery_address) == (who.name, place)
    for one, invoice in by_difference[False]:
        assert invoice.delivery_name == ""
        assert (invoice.delivery_address is not None) == (one.kind is InvoiceKind.INTRA_COMMUNITY)
