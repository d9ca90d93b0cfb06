"""The report as A4 pages, landscape: a section a division, its head repeated on every page, then the explanation."""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from connector.customers.audit import FINE, KvkFinding
from connector.customers.report.rows import DivisionAudit, date_text, detail, made_on, outcome, shown
from connector.customers.report.wording import STATUSES, WORDS
from connector.paper import (
    ACCENT,
    BOLD,
    GREY,
    REGULAR,
    RULE,
    TINT,
    PageCountingCanvas,
    cut_to_width,
    line_of,
    register_fonts,
    text_style,
)
from connector.texts import money

_WIDTH, _HEIGHT = landscape(A4)
_SIDE, _TOP, _BOTTOM = 14 * mm, 12 * mm, 17 * mm
_ROOM = _WIDTH - 2 * _SIDE
_NAME, _NUMBER, _DETAIL = 120, 60, 300
"""Most characters shown of a name, a number and a detail, so that a row fits on a page."""
_BAD, _FINE = HexColor("#8A2C0D"), HexColor("#1E5631")
_LINE_WIDTHS = (14 * mm, 49 * mm, 26 * mm, 23 * mm, 49 * mm, 18 * mm, 19 * mm, 15 * mm, 21 * mm)
"""Of all columns but the last, which takes the rest: eight digits by hand need some 35 mm."""
_COLUMN_WIDTHS = (*_LINE_WIDTHS, _ROOM - sum(_LINE_WIDTHS))
_LEAST_HEIGHT = 8 * mm
"""Of a row, as somebody writes in it."""
_LEFT, _RIGHT, _ABOVE, _BELOW = 0, 5, 2.5, 4
"""Between the text of a cell and its edges, in points."""
_ROWS_STYLE = (
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), _LEFT),
    ("RIGHTPADDING", (0, 0), (-1, -1), _RIGHT),
    ("TOPPADDING", (0, 0), (-1, -1), _ABOVE),
    ("BOTTOMPADDING", (0, 0), (-1, -1), _BELOW),
    ("LINEBELOW", (0, 0), (-1, 0), 1, ACCENT),
    ("LINEBELOW", (0, 1), (-1, -1), 0.5, RULE),
    ("BOX", (-1, 1), (-1, -1), 0.5, RULE),
)

_TITLE = text_style("title", 18, font=BOLD, color=ACCENT)
_DIVISION = text_style("division", 12, font=BOLD)
_BODY = text_style("body", 9)
_GREY_BODY = text_style("grey", 9, color=GREY)
_CELL = text_style("cell", 8)
_CELL_BOLD = text_style("cell-bold", 8, font=BOLD)
_CELL_RIGHT = text_style("cell-right", 8, right=True)
_CELL_BAD = text_style("cell-bad", 8, font=BOLD, color=_BAD)
_CELL_FINE = text_style("cell-fine", 8, font=BOLD, color=_FINE)
_HEAD = text_style("head", 8, font=BOLD, color=ACCENT)
_HEAD_RIGHT = text_style("head-right", 8, font=BOLD, color=ACCENT, right=True)
_COUNT = text_style("count", 13, font=BOLD)


def as_pdf(audits: Sequence[DivisionAudit], *, language: str, everybody: bool = False) -> bytes:
    """Draw the report; the same bytes for the same audits."""
    register_fonts()
    words = WORDS[language]
    output = BytesIO()
    document = BaseDocTemplate(
        output,
        pagesize=(_WIDTH, _HEIGHT),
        invariant=1,
        lang="nl-NL" if language == "nl" else "en",
        title=words.title,
        author=", ".join(line_of(each.name, _NAME) for each in audits),
        subject=words.title,
        creator="connector",
    )
    frame = Frame(_SIDE, _BOTTOM, _ROOM, _HEIGHT - _TOP - _BOTTOM, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate(frames=[frame]))
    foot = "  ·  ".join([words.title, *(f"{each.division} {line_of(each.name, _NAME)}" for each in audits)])

    draw = partial(_draw_surroundings, page=words.page, foot=foot)

    def new_canvas(*arguments: object, **options: object) -> Canvas:
        return PageCountingCanvas(draw, *arguments, **options)

    story: list[Flowable] = [Paragraph(words.title, _TITLE), Spacer(0, 4 * mm)]
    for number, each in enumerate(audits):
        story += [PageBreak()] if number else []
        story += _section(each, language, everybody)
    story += _explanation(language)
    document.build(story, canvasmaker=new_canvas)
    return output.getvalue()


def _draw_surroundings(canvas: Canvas, number: int, count: int, *, page: str, foot: str) -> None:
    canvas.setFillColor(ACCENT)
    canvas.rect(0, _HEIGHT - 3 * mm, _WIDTH, 3 * mm, stroke=0, fill=1)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.5)
    canvas.line(_SIDE, 13 * mm, _WIDTH - _SIDE, 13 * mm)
    canvas.setFillColor(GREY)
    canvas.setFont(REGULAR, 7.5)
    canvas.drawString(_SIDE, 9 * mm, cut_to_width(foot, _ROOM - 40 * mm, 7.5))
    canvas.drawRightString(_WIDTH - _SIDE, 9 * mm, page % (number, count))


def _section(each: DivisionAudit, language: str, everybody: bool) -> list[Flowable]:
    words, findings = WORDS[language], shown(each, everybody=everybody)
    return [
        _paragraph(f"{each.name}  ({each.division})", _DIVISION, _NAME),
        _paragraph(made_on(each, language), _GREY_BODY, _NAME),
        Spacer(0, 2 * mm),
        _paragraph(outcome(each, language, everybody=everybody), _BODY, _DETAIL * 2),
        Spacer(0, 3 * mm),
        _counts(each, language),
        Spacer(0, 5 * mm),
        _Rows(findings, each, language) if findings else _paragraph(words.nothing_to_show, _BODY, _DETAIL),
    ]


def _counts(each: DivisionAudit, language: str) -> Table:
    words, summary = WORDS[language], each.audit.summary
    counts = (
        (str(summary.customers), words.customers),
        (str(summary.ok), words.ok),
        (str(summary.missing), words.missing),
        (str(summary.invalid), words.invalid),
        (str(summary.not_applicable), words.not_applicable),
        (money(summary.amount_at_risk, each.currency, language), words.at_risk),
    )
    return Table(
        [[[Paragraph(escape(count), _COUNT), Paragraph(label, _CELL)] for count, label in counts]],
        colWidths=[_ROOM / len(counts)] * len(counts),
        style=[
            ("BACKGROUND", (0, 0), (-1, -1), TINT),
            ("LINEAFTER", (0, 0), (-2, -1), 3, HexColor("#FFFFFF")),
            ("LEFTPADDING", (0, 0), (-1, -1), 8),
            ("TOPPADDING", (0, 0), (-1, -1), 4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
        ],
    )


class _Rows(Flowable):
    """The table of findings, made a page at a time.

    One `Table` of all of them copies what is left and measures every cell of it anew for every page, and holds every
    cell till the end: twenty thousand rows took minutes and 700 MiB.
    """

    def __init__(self, findings: Sequence[KvkFinding], each: DivisionAudit, language: str) -> None:
        super().__init__()
        self._findings, self._each, self._language = findings, each, language

    def wrap(self, availWidth: float, availHeight: float) -> tuple[float, float]:
        """Ask for more than there is: it is always split, and never drawn itself."""
        return availWidth, availHeight + 1

    def split(self, availWidth: float, availHeight: float) -> list[Flowable]:
        """Give a table of the rows that fit, and all that are left; nothing when not even one fits."""
        rows = [_head(self._language)]
        heights = [_height(rows[0])]
        for finding in self._findings:
            row = _row(finding, self._each.currency, self._language)
            height = _height(row)
            if sum(heights) + height > availHeight:
                break
            rows.append(row)
            heights.append(height)
        shown = len(rows) - 1
        if not shown:
            return []
        left = self._findings[shown:]
        table = Table(rows, colWidths=_COLUMN_WIDTHS, rowHeights=heights, style=_ROWS_STYLE)
        return [table, _Rows(left, self._each, self._language)] if left else [table]


def _height(row: Sequence[Sequence[Paragraph]]) -> float:
    """The height of a row as a `Table` would find it."""
    cells = (
        sum(paragraph.wrap(width - _LEFT - _RIGHT, _HEIGHT)[1] for paragraph in cell)
        for cell, width in zip(row, _COLUMN_WIDTHS, strict=True)
    )
    return max(max(cells) + _ABOVE + _BELOW, _LEAST_HEIGHT)


def _head(language: str) -> list[list[Paragraph]]:
    words = WORDS[language]
    titles = (words.code, words.customer, words.kvk, words.status, words.detail, words.proposal, words.last_invoice)
    return [
        *([Paragraph(title, _HEAD)] for title in titles),
        [Paragraph(words.invoices, _HEAD_RIGHT)],
        [Paragraph(words.amount, _HEAD_RIGHT)],
        [Paragraph(words.new_kvk, _HEAD)],
    ]


def _row(finding: KvkFinding, currency: str, language: str) -> list[list[Paragraph]]:
    customer = finding.customer
    place = " ".join(filter(None, [customer.postcode, customer.city, customer.country]))
    status = STATUSES[language][finding.status].word
    return [
        [_paragraph(customer.code, _CELL, _NUMBER)],
        [_paragraph(customer.name, _CELL_BOLD, _NAME), _paragraph(place, _CELL, _NAME)],
        [_paragraph(finding.kvk, _CELL, _NUMBER)],
        [_paragraph(status, _CELL_FINE if finding.status in FINE else _CELL_BAD, _NUMBER)],
        [_paragraph(detail(finding, language), _CELL, _DETAIL)],
        [_paragraph(finding.proposal or "", _CELL, _NUMBER)],
        [_paragraph(date_text(finding.last_invoice_date, language), _CELL, _NUMBER)],
        [_paragraph(str(finding.invoices_12m), _CELL_RIGHT, _NUMBER)],
        [_paragraph(money(finding.amount_12m, currency, language), _CELL_RIGHT, _NUMBER)],
        [],
    ]


def _explanation(language: str) -> list[Flowable]:
    words = WORDS[language]
    head = [Paragraph(title, _HEAD) for title in (words.status, words.meaning, words.remedy)]
    rows = [
        [Paragraph(told.word, _CELL_BOLD), Paragraph(told.meaning, _CELL), Paragraph(told.remedy, _CELL)]
        for told in STATUSES[language].values()
    ]
    table = Table(
        [head, *rows],
        colWidths=[35 * mm, (_ROOM - 35 * mm) / 2, (_ROOM - 35 * mm) / 2],
        repeatRows=1,
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ("LINEBELOW", (0, 0), (-1, 0), 1, ACCENT),
            ("LINEBELOW", (0, 1), (-1, -1), 0.5, RULE),
        ],
    )
    title = Paragraph(words.explanation, _DIVISION)
    return [Spacer(0, 8 * mm), KeepTogether([title, Paragraph(words.note, _BODY), Spacer(0, 2 * mm), table])]


def _paragraph(text: str, style: ParagraphStyle, most: int) -> Paragraph:
    return Paragraph(escape(line_of(text, most)), style)
