"""What render_pdf draws, read back from the page: facts, languages, page breaks, and text from strangers."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from connector.invoice import Address, Allowance, Invoice, InvoiceType, Party, PaymentMeans
from connector.rendering.pdf import render_pdf
from connector.rendering.wording import amount_text, number_text

from .made_invoices import SELLER, invoice, line

WIDEST = "\u2e3b" * 10_000
"""The three-em dash, the widest sign of the font."""
MARKUP = "<b>vet</b> & <para>x</b> \x00\x07 \u202eomgekeerd\u2066 שלום 😀 " + "W" * 10_000


def pages(made: Invoice, language: str = "nl") -> list[str]:
    """Render and read the text of every page, white space folded."""
    reader = PdfReader(BytesIO(render_pdf(made, language=language)))
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def plain(**more: object) -> Invoice:
    """Make a one-page invoice."""
    return invoice([line(1, "1200.00"), line(2, "50.50", rate="9", unit="C62")], **more)


@pytest.mark.parametrize(
    ("language", "facts"),
    [
        (
            "nl",
            [
                "Weergave van de e-factuur",
                "De factuur zelf is het XML-bestand",
                "Factuur 2026-00042",
                "2 november 2026",
                "KvK-nummer 90000011",
                "Btw-nummer NL900000116B01",
                "OIN 00000003900000220000",
                "Te betalen € 1.507,05",
                "NL00 TEST 0123 4567 89",
                "pagina 1 van 1",
                "2 uur",
                "Ordernummer PO-7781",
            ],
        ),
        (
            "en",
            [
                "Rendering of the e-invoice",
                "The invoice itself is the XML file",
                "Invoice 2026-00042",
                "2 November 2026",
                "KvK number 90000011",
                "VAT number NL900000116B01",
                "Amount due € 1,507.05",
                "page 1 of 1",
                "2 hour",
            ],
        ),
    ],
)
def test_page_tells_the_facts_in_its_language(language: str, facts: list[str]) -> None:
    """1200 at 21 % and 50.50 at 9 % come to 1507.05 (VAT 252.00 and 4.545, so 4.55)."""
    (text,) = pages(plain(), language)

    assert [fact for fact in facts if fact not in text] == []


def test_same_invoice_gives_same_bytes() -> None:
    """The same invoice and language give the same file, also with another one rendered in between."""
    first = render_pdf(plain(), language="nl")
    render_pdf(plain(note="ander teken: Ω"), language="en")

    assert render_pdf(plain(), language="nl") == first


def test_four_hundred_lines_break_over_pages() -> None:
    """Every line is there once, every page repeats the head of the table and counts the pages."""
    made = invoice([line(number, "12.34") for number in range(1, 401)])

    found = pages(made)

    numbers = [int(number) for text in found for number in re.findall(r"Advies over hoofdstuk (\d+)", text)]
    assert numbers == list(range(1, 401))
    assert all("Omschrijving" in text for text in found if "Advies over hoofdstuk" in text)
    assert all(f"pagina {at} van {len(found)}" in text for at, text in enumerate(found, start=1))
    assert all("Weergave van de e-factuur" in text for text in found)


@pytest.mark.parametrize("lines", range(14, 30))
def test_heading_stays_with_its_text(lines: int) -> None:
    """Wherever the page ends, the terms and the note stand under their heading."""
    made = invoice([line(n, "12.34") for n in range(lines)], payment_terms="Na 30 dagen.", note="Dank u.")

    found = pages(made)

    for heading, text in (("Betalingsvoorwaarden", "Na 30 dagen."), ("Opmerking", "Dank u.")):
        assert [heading in page for page in found] == [text in page for page in found]


def test_many_ways_to_pay_are_all_shown() -> None:
    """Two accounts stand apart, and hundreds go on over the page."""
    means = tuple(PaymentMeans(code="58", iban=f"NL00TEST{n:010}") for n in range(200))

    text = " ".join(pages(plain(payment_means=means)))

    assert len(set(re.findall(r"NL00 TEST \d{4} \d{4} \d\d", text))) == 200


def test_credit_note_says_so() -> None:
    """A credit note is called one, names the invoice it is about, and asks for no payment."""
    (text,) = pages(plain(type=InvoiceType.CREDIT_NOTE, type_code="381", preceding_invoice="2026-00007"))

    assert "Creditnota 2026-00042" in text
    assert "Betreft factuur 2026-00007" in text
    assert "Te betalen" not in text


def test_allowances_show_their_effect() -> None:
    """Allowances are shown negative, charges positive, with reason and percentage, on line and document."""
    on_line = Allowance(amount=Decimal("5.00"), reason="Trouwe klant", percentage=Decimal("2.5"))
    on_document = Allowance(
        amount=Decimal("10.00"), is_charge=True, reason="Porto", vat_category="S", vat_rate=Decimal(21)
    )

    (text,) = pages(invoice([line(1, "195.00", allowances=(on_line,))], [on_document]))

    assert "Korting (Trouwe klant) 2,5%: -5,00" in text
    assert "Toeslag (Porto) 21% 10,00" in text
    assert "Toeslagen € 10,00" in text


@pytest.mark.parametrize(("category", "name"), [("AE", "Btw verlegd"), ("E", "Vrijgesteld"), ("K", "Intra-EU")])
def test_exemption_is_told_in_words(category: str, name: str) -> None:
    """A line without VAT says why, and the breakdown gives the invoice's own reason."""
    (text,) = pages(invoice([line(1, "100.00", category=category, rate="0")]))

    assert name in text
    assert f"Reden bij {category}" in text


@pytest.mark.parametrize("rates", [8, 9, 60])
def test_every_vat_rate_is_shown(rates: int) -> None:
    """The breakdown has a row per rate, beside the totals or above them, over a page when it must."""
    made = invoice([line(rate, f"{1000 + rate}.00", rate=str(rate)) for rate in range(1, rates + 1)])

    text = " ".join(pages(made))
    breakdown = text[text.index("Btw-specificatie") :]

    assert all(f"{rate}% 1.{rate:03},00" in breakdown for rate in range(1, rates + 1))
    assert breakdown.count("Btw-specificatie") > rates // 60


def test_vat_in_another_currency_is_shown() -> None:
    """VAT stated in the seller's currency stands below the total with its own currency."""
    made = plain(currency="USD", vat_currency="EUR", vat_total_in_vat_currency=Decimal("240.10"))

    (text,) = pages(made)

    assert "Te betalen USD 1.507,05 Btw in EUR € 240,10" in text


def test_file_names_itself() -> None:
    """Title, author and language are in the file's own facts."""
    reader = PdfReader(BytesIO(render_pdf(plain(), language="nl")))

    assert reader.metadata is not None
    assert reader.metadata.title == "Factuur 2026-00042 – Weergave van de e-factuur"
    assert reader.metadata.author == SELLER.name
    assert reader.trailer["/Root"]["/Lang"] == "nl-NL"


def test_markup_is_shown_as_text() -> None:
    """Markup in an invoice is letters; control and bidirectional characters are gone."""
    (text,) = pages(plain(note="<b>vet</b> &amp; \u202eom\x07gekeerd <para>"))

    assert "<b>vet</b> &amp; omgekeerd <para>" in text


@pytest.mark.parametrize("hostile", [WIDEST, MARKUP, "\n" * 10_000 + "x\n" * 10_000, "\x00\ud800\ufffe"])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_hostile_text_never_raises(hostile: str, language: str) -> None:
    """Any text in every field at once gives a page."""
    address = Address(
        street=hostile, additional=hostile, city=hostile, postcode=hostile, subdivision=hostile, country=hostile
    )
    party = Party(
        name=hostile, trade_name=hostile + "x", kvk=hostile, oin=hostile, vat=hostile, gln=hostile, address=address,
        contact_name=hostile, email=hostile, phone=hostile,
    )  # fmt: skip
    extra = Allowance(amount=Decimal("1.00"), reason=hostile, vat_category=hostile, vat_rate=None)
    one = line(1, "1.00", id=hostile, name=hostile, description=hostile + "x", unit=hostile, item_code=hostile,
               note=hostile, vat_category=hostile, rate=None, allowances=(extra,) * 20)  # fmt: skip
    means = PaymentMeans(code=hostile, iban=hostile, bic=hostile, account_name=hostile, remittance=hostile)
    made = invoice(
        [one], [extra], number=hostile, currency=hostile, vat_currency=hostile, seller=party, buyer=party,
        note=hostile, payment_terms=hostile, payment_means=(means, means), delivery_address=address,
        buyer_reference=hostile, order_reference=hostile, contract_reference=hostile, project_reference=hostile,
        preceding_invoice=hostile, vat_total_in_vat_currency=Decimal(1),
    )  # fmt: skip
    made = replace(made, vat=tuple(replace(row, exemption_reason=hostile) for row in made.vat * 8))

    assert render_pdf(made, language=language).startswith(b"%PDF-")


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.text(max_size=300), st.decimals())
def test_any_text_and_number_give_a_page(text: str, number: Decimal) -> None:
    """Whatever a parser lets through, the page comes out: also NaN, infinities and huge exponents."""
    made = plain(number=text, note=text)
    made = replace(made, payable=number, lines=(replace(made.lines[0], name=text, quantity=number, price=number),))

    assert render_pdf(made, language="nl").startswith(b"%PDF-")


def test_invoice_without_facts_gives_a_page() -> None:
    """A reading with nothing but two empty parties still is a page."""
    nobody = Party(name="")
    made = Invoice(
        type=InvoiceType.INVOICE, type_code="", number="", issue_date=None, currency="", seller=nobody, buyer=nobody
    )

    assert render_pdf(made, language="en").startswith(b"%PDF-")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_number_keeps_every_digit(value: Decimal) -> None:
    """What stands on the page is the Decimal itself: undoing the separators gives it back, in both languages."""
    dutch = number_text(value, "nl", decimals=2)
    english = number_text(value, "en", decimals=2)

    assert Decimal(dutch.replace(".", "").replace(",", ".")) == value
    assert Decimal(english.replace(",", "")) == value


@pytest.mark.parametrize(
    ("value", "currency", "language", "text"),
    [
        ("1234567.5", "EUR", "nl", "€\u00a01.234.567,50"),
        ("-0.05", "EUR", "en", "€\u00a0-0.05"),
        ("1E+3", "USD", "nl", "USD\u00a01.000,00"),
        ("0.005", "EUR", "nl", "€\u00a00,005"),
        ("7", "", "nl", "7,00"),
    ],
)
def test_amount_is_written_as_the_language_does(value: str, currency: str, language: str, text: str) -> None:
    """Dutch has points between thousands and a comma before cents, English the other way round."""
    assert amount_text(Decimal(value), currency, language) == text


def test_delivery_is_told() -> None:
    """Delivery date and address stand among the facts."""
    place = Address(street="Kade 1", postcode="4321 ZX", city="Verzonnendam", country="BE")

    (text,) = pages(plain(delivery_date=date(2026, 10, 1), delivery_address=place))

    assert "Leverdatum 1 oktober 2026" in text
    assert "Kade 1, 4321 ZX Verzonnendam, België" in text


def test_sign_without_glyph_leaves_a_trace() -> None:
    """What the font cannot draw does not vanish: each sign becomes a replacement character."""
    (text,) = pages(plain(note="a שלום b 😀 c"))

    assert "a \ufffd\ufffd\ufffd\ufffd b \ufffd c" in text


def test_long_note_is_cut_with_a_sign() -> None:
    """A note of thousands of rows shows 200 of them, and that there is more."""
    text = " ".join(pages(plain(note="\n".join(f"rij-{row}." for row in range(400)))))

    assert "rij-199. …" in text
    assert "rij-200." not in text
