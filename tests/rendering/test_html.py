"""render_html: what people see in the browser, and that nothing in an invoice becomes more than text."""

import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.invoice import Address, Allowance, Invoice, InvoiceType, Party, PaymentMeans
from connector.rendering.html import render_html

from .made_invoices import SELLER, invoice, line


class Page(HTMLParser):
    """The elements with their attributes, and the text that people see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._is_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._is_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._is_style = False

    def handle_data(self, data: str) -> None:
        if not self._is_style:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def full() -> Invoice:
    """An invoice with something in every place that is shown."""
    return invoice(
        [
            line(1, "100.00", description="Uitleg", note="Let op", item_code="A-1"),
            line(2, "50.00", category="AE", rate="0"),
        ],
        [Allowance(amount=Decimal(10), reason="Kwantum", vat_category="S", vat_rate=Decimal(21))],
        prepaid=Decimal(5),
        note="eerste regel\ntweede regel",
        preceding_invoice="2026-00041",
        delivery_name="Filiaal Test",
        delivery_address=Address(street="Magazijn 3", city="Teststad", country="BE"),
        vat_currency="USD",
        vat_total_in_vat_currency=Decimal("21.50"),
    )


@pytest.mark.parametrize(
    ("language", "facts"),
    [
        ("nl", ["Weergave van de e-factuur", "Factuur 2026-00042", "2 november 2026", "Btw verlegd", "Reden bij AE",
                "Te betalen € 153,90", "Korting (Kwantum)", "Betreft factuur 2026-00041", "Let op", "Artikel A-1",
                "Filiaal Test, Magazijn 3, Teststad, België", "NL00 TEST 0123 4567 89", "Btw in USD USD 21,50",
                "Voorbeeld Bouwadvies B.V.", "KvK-nummer 90000011", "OIN 00000003900000220000", "tweede regel"]),
        ("en", ["Rendering of the e-invoice", "Invoice 2026-00042", "2 November 2026", "Amount due € 153.90",
                "Already paid € -5.00", "readable rendering"]),
    ],
)  # fmt: skip
def test_page_tells_the_facts_in_its_language(language: str, facts: list[str]) -> None:
    """Label, parties, dates, lines, VAT, totals, payment and notes are there, in words of the language."""
    text = Page(render_html(full(), language=language)).text

    assert [fact for fact in facts if fact not in text] == []


def test_same_invoice_gives_the_same_page() -> None:
    """Made anew, it is the same text."""
    assert render_html(full(), language="nl") == render_html(replace(full()), language="nl")


def test_page_asks_nobody_for_anything() -> None:
    """No script, link, picture or address of another place, and the browser is told to load nothing."""
    html = render_html(full(), language="nl")
    page = Page(html)

    loading = {"script", "link", "img", "iframe", "object", "a", "form", "base"}
    assert {tag for tag, _ in page.elements} & loading == set()
    assert not re.search(r"://|url\(|@import|\son[a-z]+=", html)
    policies = [a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_credit_note_and_an_empty_invoice_are_shown() -> None:
    """A credit note says so, and an invoice that says nothing gives a page all the same."""
    credit = replace(full(), type=InvoiceType.CREDIT_NOTE, type_code="381")
    nobody = Party(name="")
    empty = Invoice(
        type=InvoiceType.INVOICE, type_code="", number="", issue_date=None, currency="", seller=nobody, buyer=nobody
    )

    assert "Creditnota 2026-00042" in Page(render_html(credit, language="nl")).text
    assert "Te betalen" not in Page(render_html(empty, language="nl")).text


TEMPLATE = "{{ 7*7 }}{% raw %}"
MARKUP = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;", "]]>-->", "a\x00b", "\u202egnp"]
hostile = st.sampled_from([TEMPLATE, *MARKUP]) | st.text(max_size=20)


@given(text=hostile, language=st.sampled_from(["nl", "en", "xx"]))
@settings(max_examples=100, deadline=None)
def test_whatever_an_invoice_holds_stays_text(text: str, language: str) -> None:
    """The page has the very elements of one with plain words, and no character that turns text around."""

    def made(word: str) -> str:
        address = Address(street=word, country=word)
        party = replace(SELLER, name=word, trade_name=f"{word}!", contact_name=word, address=address)
        lines = tuple(replace(one, name=word, description=f"{word}?", note=word, unit=word) for one in full().lines)
        shown = replace(
            full(), number=word, currency=word, note=word, payment_terms=word, seller=party, buyer=party, lines=lines,
            payment_means=(PaymentMeans(code=word, iban=word, remittance=word),), delivery_name=word,
        )  # fmt: skip
        return render_html(shown, language=language)

    plain = Page(made("woord"))
    page = Page(made(f"woord{text}"))

    assert page.elements == plain.elements
    assert not set("\x00\u202e\u2066") & set(page.text)
    if text == TEMPLATE:
        assert text in page.text
