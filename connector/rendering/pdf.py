"""Draws an `Invoice` as an A4 page that people can read, labelled as a rendering: the XML is the invoice.

Whatever the invoice holds is text to show: never markup, never more than a page can bear, never an error.
Words, numbers and dates are wording.py's; nothing is computed here. Fonts and fitting text are paper.py's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from io import BytesIO
from xml.sax.saxutils import escape

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepInFrame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from connector.invoice import Allowance, Invoice, Line, Party, VatBreakdown
from connector.paper import (
    ACCENT,
    BOLD,
    GREY,
    REGULAR,
    RULE,
    TINT,
    PageCountingCanvas,
    bounded,
    cut_to_width,
    line_of,
    register_fonts,
    text_style,
)
from connector.rendering import contents
from connector.rendering.wording import Wording, amount_text, number_text, wording_in

_SIDE = 18 * mm
_TOP, _BOTTOM = 20 * mm, 20 * mm
_WIDTH = A4[0] - 2 * _SIDE
_TALLEST = 120 * mm
"""What a block that cannot go on over the page may take of it; a longer one is shrunk."""

_NAME, _DESCRIPTION, _SHORT, _NUMBER, _CURRENCY, _NOTE = 200, 600, 100, 40, 12, 5_000
"""Most characters shown of a name, a description, a reference, a number, a currency and a note. EN 16931 has no
bounds, but a row of a table has to fit on a page, even in the widest letters of the font."""
_NOTE_LINES = 200
_CELL_GAP = 6
_WORDY = 250
"""Characters from which the texts of a line may be taller than a page."""
_MOST_LINE_ALLOWANCES = 6
_MOST_VAT_ROWS_BESIDE = 8
"""With more rows than this the VAT breakdown stands above the totals, where it can go on over the page."""


_BODY = text_style("body", 8.5)
_BODY_RIGHT = text_style("body-right", 8.5, right=True)
_SMALL = text_style("small", 7.5, color=GREY)
_HEAD = text_style("head", 7.5, font=BOLD, color=ACCENT)
_HEAD_RIGHT = text_style("head-right", 7.5, font=BOLD, color=ACCENT, right=True)
_NOTE_HEAD = ParagraphStyle("note-head", parent=_HEAD, spaceAfter=1.2 * mm, keepWithNext=1)
"""Not left alone at the foot of a page."""
_LABEL = text_style("label", 8.5, color=GREY)
_TITLE = text_style("title", 19, font=BOLD, color=ACCENT)
_PARTY_NAME = text_style("party", 9.5, font=BOLD)
_PAYABLE = text_style("payable", 10.5, font=BOLD, color=ACCENT)
_PAYABLE_RIGHT = text_style("payable-right", 10.5, font=BOLD, color=ACCENT, right=True)


_BARE = [(side, (0, 0), (-1, -1), 0) for side in ("LEFTPADDING", "RIGHTPADDING", "TOPPADDING", "BOTTOMPADDING")]


def render_pdf(invoice: Invoice, *, language: str) -> bytes:
    """Draw the invoice on A4, as many pages as it takes; the same bytes for the same invoice and language.

    Args:
        language: nl or en; any other is English.
    """
    register_fonts()
    words = wording_in(language)
    name = _document_name(invoice, words)
    output = BytesIO()
    document = BaseDocTemplate(
        output,
        pagesize=A4,
        invariant=1,
        lang="nl-NL" if words.language == "nl" else "en",
        title=f"{name} – {words.label}",
        author=line_of(invoice.seller.name, _NAME),
        subject=words.disclaimer % words.pdf,
        creator="connector",
    )
    frame = Frame(_SIDE, _BOTTOM, _WIDTH, A4[1] - _TOP - _BOTTOM, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate(frames=[frame]))
    running_head = f"{name}  ·  {line_of(invoice.seller.name, _NAME)}"

    draw = partial(_draw_surroundings, words=words, running_head=running_head)

    def new_canvas(*arguments: object, **options: object) -> Canvas:
        return PageCountingCanvas(draw, *arguments, **options)

    document.build(_story(invoice, words), canvasmaker=new_canvas)
    return output.getvalue()


def _draw_surroundings(canvas: Canvas, number: int, count: int, *, words: Wording, running_head: str) -> None:
    right, top = A4[0] - _SIDE, A4[1]
    canvas.setFillColor(ACCENT)
    canvas.rect(0, top - 3 * mm, A4[0], 3 * mm, stroke=0, fill=1)
    canvas.setFont(BOLD, 10)
    canvas.drawString(_SIDE, top - 12 * mm, words.label)
    if number > 1:
        room = _WIDTH - pdfmetrics.stringWidth(words.label, BOLD, 10) - 10 * mm
        canvas.setFillColor(GREY)
        canvas.setFont(REGULAR, 8)
        canvas.drawRightString(right, top - 12 * mm, cut_to_width(running_head, room, 8))
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(_SIDE, 15 * mm, right, 15 * mm)
    canvas.setFillColor(GREY)
    canvas.setFont(REGULAR, 7.5)
    canvas.drawString(_SIDE, 10.5 * mm, words.disclaimer % words.pdf)
    canvas.drawRightString(right, 10.5 * mm, words.page % (number, count))


def _story(invoice: Invoice, words: Wording) -> list[Flowable]:
    return [
        Paragraph(escape(_document_name(invoice, words)), _TITLE),
        Spacer(0, 5 * mm),
        _opening(invoice, words),
        Spacer(0, 7 * mm),
        _lines(invoice, words),
        Spacer(0, 5 * mm),
        *_document_allowances(invoice, words),
        *_closing(invoice, words),
        *_payment(invoice, words),
        *_notes(invoice, words),
    ]


def _document_name(invoice: Invoice, words: Wording) -> str:
    return f"{contents.document_kind(invoice, words)} {line_of(invoice.number, _NUMBER)}".strip()


# --- who, to whom, and the facts


def _opening(invoice: Invoice, words: Wording) -> Table:
    gap, facts_width = 6 * mm, 60 * mm
    party_width = (_WIDTH - facts_width - 2 * gap) / 2
    facts = _pairs(contents.facts(invoice, words), facts_width, 27 * mm)
    blocks: list[tuple[list[Flowable], float]] = [
        (_party(invoice.seller, words.seller, words), party_width),
        (_party(invoice.buyer, words.buyer, words), party_width),
        ([Paragraph(words.details, _HEAD), Spacer(0, 1.2 * mm), facts], facts_width),
    ]
    cells = [_shrunk(content, width) for content, width in blocks]
    return Table(
        [[cells[0], "", cells[1], "", cells[2]]],
        colWidths=[party_width, gap, party_width, gap, facts_width],
        style=[("VALIGN", (0, 0), (-1, -1), "TOP"), *_BARE],
    )


def _party(party: Party, heading: str, words: Wording) -> list[Flowable]:
    numbers = contents.party_numbers(party, words)
    people = [party.contact_name, party.phone, party.email]
    return [
        Paragraph(heading, _HEAD),
        Spacer(0, 1.2 * mm),
        _paragraph(party.name, _PARTY_NAME, _NAME),
        *_texts([party.trade_name if party.trade_name != party.name else ""]),
        *_texts(contents.address_lines(party.address, words)),
        Spacer(0, 1.2 * mm),
        *_texts(f"{label} {value}" for label, value in numbers if value),
        Spacer(0, 1.2 * mm),
        *_texts(people),
    ]


def _texts(texts: Iterable[str]) -> list[Flowable]:
    return [_paragraph(text, _BODY, _SHORT) for text in texts if line_of(text, _SHORT)]


def _pairs(pairs: Sequence[tuple[str, str]], width: float, label_width: float) -> Table | Spacer:
    """Set label and value beside each other, those without a value left out."""
    rows = [
        [Paragraph(label, _LABEL), _paragraph(value, _BODY, _NAME)] for label, value in pairs if line_of(value, _NAME)
    ]
    if not rows:
        return Spacer(0, 0)
    return Table(
        rows,
        colWidths=[label_width, width - label_width],
        hAlign="LEFT",
        style=[("VALIGN", (0, 0), (-1, -1), "TOP"), *_BARE, ("BOTTOMPADDING", (0, 0), (-1, -1), 1)],
    )


# --- the lines


def _lines(invoice: Invoice, words: Wording) -> Table:
    widths = [11 * mm, 0, 23 * mm, 24 * mm, 25 * mm, 28 * mm]
    widths[1] = _WIDTH - sum(widths)
    head = [
        Paragraph(words.line, _HEAD),
        Paragraph(words.description, _HEAD),
        *(
            Paragraph(text, _HEAD_RIGHT)
            for text in (
                words.quantity,
                words.price,
                words.vat,
                _with_currency(words.amount, invoice.currency),
            )
        ),
    ]
    return _ruled([head, *(_line(each, widths[1] - _CELL_GAP, words) for each in invoice.lines)], widths)


def _line(line: Line, width: float, words: Wording) -> list[object]:
    return [
        _paragraph(line.id, _LABEL, 12),
        _line_texts(line, width, words),
        _paragraph(contents.line_quantity(line, words), _BODY_RIGHT, _NUMBER),
        _paragraph(contents.line_price(line, words), _BODY_RIGHT, _NUMBER),
        _paragraph(contents.vat_name(line.vat_category, line.vat_rate, words), _BODY_RIGHT, _NUMBER),
        _paragraph(number_text(line.amount, words.language, decimals=2), _BODY_RIGHT, _NUMBER),
    ]


def _line_texts(line: Line, width: float, words: Wording) -> list[Flowable]:
    texts: list[Flowable] = [_paragraph(line.name, _BODY, _NAME)]
    small = [(line.description if line.description != line.name else "", _DESCRIPTION), (line.note, _NAME)]
    if line.item_code:
        small.append((f"{words.item_code} {line.item_code}", _SHORT))
    for each in line.allowances[:_MOST_LINE_ALLOWANCES]:
        small.append((f"{_allowance_name(each, words)}: {contents.allowance_effect(each, words)}", _SHORT))
    if len(line.allowances) > _MOST_LINE_ALLOWANCES:
        small.append((f"… ({len(line.allowances)})", _SHORT))
    texts += [_paragraph(text, _SMALL, most) for text, most in small if line_of(text, most)]
    is_wordy = len(line.name) + sum(len(text) for text, _ in small) > _WORDY
    return [_shrunk(texts, width)] if is_wordy else texts


def _allowance_name(allowance: Allowance, words: Wording) -> str:
    return contents.allowance_name(replace(allowance, reason=line_of(allowance.reason, _SHORT)), words)


def _document_allowances(invoice: Invoice, words: Wording) -> list[Flowable]:
    if not invoice.allowances:
        return []
    head = [
        Paragraph(words.allowances, _HEAD),
        Paragraph(words.vat, _HEAD_RIGHT),
        Paragraph(_with_currency(words.amount, invoice.currency), _HEAD_RIGHT),
    ]
    rows = [
        [
            _paragraph(_allowance_name(each, words), _BODY, _NAME),
            _paragraph(contents.vat_name(each.vat_category, each.vat_rate, words), _BODY_RIGHT, _NUMBER),
            _paragraph(contents.allowance_effect(each, words), _BODY_RIGHT, _NUMBER),
        ]
        for each in invoice.allowances
    ]
    return [_ruled([head, *rows], [_WIDTH - 56 * mm, 28 * mm, 28 * mm]), Spacer(0, 5 * mm)]


# --- VAT and totals


def _closing(invoice: Invoice, words: Wording) -> list[Flowable]:
    totals_width, gap = 78 * mm, 8 * mm
    totals = _totals(invoice, words, totals_width)
    if len(invoice.vat) > _MOST_VAT_ROWS_BESIDE:
        return [
            _breakdown(invoice, words, _WIDTH),
            Spacer(0, 5 * mm),
            KeepTogether([totals]),
            Spacer(0, 7 * mm),
        ]
    rest = _WIDTH - totals_width - gap
    left: list[Flowable] = [_breakdown(invoice, words, rest)] if invoice.vat else []
    both = Table(
        [[_shrunk(left, rest) if left else "", "", _shrunk([totals], totals_width)]],
        colWidths=[rest, gap, totals_width],
        style=[("VALIGN", (0, 0), (-1, -1), "TOP"), *_BARE],
    )
    return [KeepTogether([both]), Spacer(0, 7 * mm)]


def _breakdown(invoice: Invoice, words: Wording, width: float) -> Table:
    number_width = 26 * mm
    head = [
        Paragraph(words.breakdown, _HEAD),
        Paragraph(words.taxable, _HEAD_RIGHT),
        Paragraph(words.vat_amount, _HEAD_RIGHT),
    ]
    rows = [
        [
            _vat_texts(row, words),
            _paragraph(number_text(row.taxable, words.language, decimals=2), _BODY_RIGHT, _NUMBER),
            _paragraph(number_text(row.tax, words.language, decimals=2), _BODY_RIGHT, _NUMBER),
        ]
        for row in invoice.vat
    ]
    return _ruled([head, *rows], [width - 2 * number_width, number_width, number_width])


def _vat_texts(row: VatBreakdown, words: Wording) -> list[Flowable]:
    name = contents.vat_name(row.category, row.rate, words)
    reason = line_of(row.exemption_reason, _NAME)
    texts: list[Flowable] = [_paragraph(name, _BODY, _SHORT)]
    if reason and reason.lower() != name.lower():
        texts.append(_paragraph(reason, _SMALL, _NAME))
    return texts


def _totals(invoice: Invoice, words: Wording, width: float) -> Table:
    currency = line_of(invoice.currency, _CURRENCY)
    cells = [
        _total(label, value, currency, words) for label, value in contents.totals(invoice, words) if value is not None
    ]
    label, payable = contents.payable(replace(invoice, currency=currency), words)
    cells.append([Paragraph(label, _PAYABLE), _paragraph(payable, _PAYABLE_RIGHT, _CURRENCY + _NUMBER)])
    last = len(cells) - 1
    if invoice.vat_currency:
        other = line_of(invoice.vat_currency, _CURRENCY)
        cells.append(_total(f"{words.vat_in} {other}", invoice.vat_total_in_vat_currency, other, words))
    return Table(
        cells,
        colWidths=[width - 36 * mm, 36 * mm],
        hAlign="RIGHT",
        style=[
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("LEFTPADDING", (0, 0), (-1, -1), 4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ("BACKGROUND", (0, last), (-1, last), TINT),
            ("LINEABOVE", (0, last), (-1, last), 1, ACCENT),
            ("TOPPADDING", (0, last), (-1, last), 4),
            ("BOTTOMPADDING", (0, last), (-1, last), 6),
        ],
    )


def _total(label: str, value: Decimal | None, currency: str, words: Wording) -> list[Flowable]:
    return [
        _paragraph(label, _BODY, _SHORT),
        _paragraph(amount_text(value, currency, words.language), _BODY_RIGHT, _CURRENCY + _NUMBER),
    ]


# --- payment and notes


def _payment(invoice: Invoice, words: Wording) -> list[Flowable]:
    ways = contents.payments(invoice, words)
    if not ways:
        return []
    block: list[Flowable] = [Paragraph(words.payment, _HEAD)]
    for pairs in ways:
        block += [Spacer(0, 1.2 * mm), _pairs(pairs, _WIDTH, 40 * mm)]
    return [KeepTogether(block), Spacer(0, 4 * mm)]


def _notes(invoice: Invoice, words: Wording) -> list[Flowable]:
    flowables: list[Flowable] = []
    for heading, text in ((words.terms, invoice.payment_terms), (words.note, invoice.note)):
        shown = bounded(text, _NOTE)
        if shown:
            rows = shown.split("\n", _NOTE_LINES)
            markup = "<br/>".join(escape(row) for row in rows[:_NOTE_LINES])
            markup += "<br/>…" if len(rows) > _NOTE_LINES else ""
            flowables += [Paragraph(heading, _NOTE_HEAD), Paragraph(markup, _BODY)]
            flowables.append(Spacer(0, 4 * mm))
    return flowables


# --- text and tables


def _shrunk(content: list[Flowable], width: float) -> KeepInFrame:
    """Keep content within a block of the page: drawn smaller when it is taller, as it is otherwise."""
    return KeepInFrame(width, _TALLEST, content, mode="shrink")


def _ruled(rows: Sequence[Sequence[object]], widths: Sequence[float]) -> Table:
    """Lay out rows under a head that every page repeats; a thin rule under each."""
    return Table(
        [list(row) for row in rows],
        colWidths=list(widths),
        repeatRows=1,
        hAlign="LEFT",
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-2, -1), _CELL_GAP),
            ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 2.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ("LINEBELOW", (0, 0), (-1, 0), 1, ACCENT),
            ("LINEBELOW", (0, 1), (-1, -1), 0.5, RULE),
        ],
    )


def _with_currency(heading: str, currency: str) -> str:
    return escape(f"{heading} ({line_of(currency, _CURRENCY)})" if currency else heading)


def _paragraph(text: str, style: ParagraphStyle, most: int) -> Paragraph:
    """Make a paragraph of one line of text, escaped and bounded."""
    return Paragraph(escape(line_of(text, most)), style)
