"""Shows an `Invoice` as one HTML file, labelled as a rendering: the XML is the invoice.

Whatever the invoice holds is text to show: never markup, a link or a script. The file asks nobody for anything and says
so to the browser (Content-Security-Policy). What is shown is contents.py's, how it looks invoice.html's.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from connector.invoice import Invoice, Line, Party
from connector.rendering import contents
from connector.rendering.contents import Pair
from connector.rendering.wording import Wording, amount_text, number_text, wording_in


def render_html(invoice: Invoice, *, language: str) -> str:
    """Write the invoice as a page of its own, A4 when printed; the same text for the same invoice and language.

    Args:
        language: nl or en; any other is English.
    """
    words = wording_in(language)
    return _template().render(
        words=words,
        name=_visible(f"{contents.document_kind(invoice, words)} {invoice.number}".strip()),
        disclaimer=words.disclaimer % words.web_page,
        parties=[_party(invoice.seller, words.seller, words), _party(invoice.buyer, words.buyer, words)],
        facts=_shown(contents.facts(invoice, words)),
        currency=_visible(invoice.currency),
        lines=[_line(each, words) for each in invoice.lines],
        allowances=[
            (
                _visible(contents.allowance_name(each, words)),
                _visible(contents.vat_name(each.vat_category, each.vat_rate, words)),
                contents.allowance_effect(each, words),
            )
            for each in invoice.allowances
        ],
        breakdown=[
            (
                _visible(contents.vat_name(row.category, row.rate, words)),
                _visible(row.exemption_reason),
                number_text(row.taxable, words.language, decimals=2),
                number_text(row.tax, words.language, decimals=2),
            )
            for row in invoice.vat
        ],
        totals=_shown(
            (label, amount_text(value, invoice.currency, words.language))
            for label, value in contents.totals(invoice, words)
            if value is not None
        ),
        payable=_shown([contents.payable(invoice, words)]),
        vat_elsewhere=_shown(_vat_elsewhere(invoice, words)),
        payments=[_shown(pairs) for pairs in contents.payments(invoice, words)],
        notes=_shown([(words.terms, invoice.payment_terms), (words.note, invoice.note)]),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("invoice.html")


def _party(party: Party, heading: str, words: Wording) -> dict[str, object]:
    trade_name = party.trade_name if party.trade_name != party.name else ""
    return {
        "heading": heading,
        "name": _visible(party.name),
        "address": _texts([trade_name, *contents.address_lines(party.address, words)]),
        "numbers": _shown(contents.party_numbers(party, words)),
        "people": _texts([party.contact_name, party.phone, party.email]),
    }


def _line(line: Line, words: Wording) -> dict[str, object]:
    small = [
        line.description if line.description != line.name else "",
        line.note,
        f"{words.item_code} {line.item_code}" if line.item_code else "",
        *(f"{contents.allowance_name(one, words)}: {contents.allowance_effect(one, words)}" for one in line.allowances),
    ]
    return {
        "id": _visible(line.id),
        "name": _visible(line.name),
        "small": _texts(small),
        "quantity": _visible(contents.line_quantity(line, words)),
        "price": contents.line_price(line, words),
        "vat": _visible(contents.vat_name(line.vat_category, line.vat_rate, words)),
        "amount": number_text(line.amount, words.language, decimals=2),
    }


def _vat_elsewhere(invoice: Invoice, words: Wording) -> list[Pair]:
    if not invoice.vat_currency:
        return []
    amount = amount_text(invoice.vat_total_in_vat_currency, invoice.vat_currency, words.language)
    return [(f"{words.vat_in} {invoice.vat_currency}", amount)]


def _shown(pairs: Iterable[Pair]) -> list[Pair]:
    return [(_visible(label), text) for label, value in pairs if (text := _visible(value))]


def _texts(texts: Iterable[str]) -> list[str]:
    return [shown for text in texts if (shown := _visible(text))]


def _visible(text: str) -> str:
    """Take out what HTML cannot hold or what turns text around; line breaks stay.

    >>> _visible("a\\x00b\\u202ec\\r\\nd ")
    'abc\\nd'
    """
    lined = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(c for c in lined if c == "\n" or not unicodedata.category(c).startswith("C")).strip()
