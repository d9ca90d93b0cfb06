"""What every PDF of ours stands on: the shipped fonts, the colours, and text from outside made fit to be drawn.

The fonts are Noto Sans (fonts/OFL.txt): Latin, Greek and Cyrillic. What is drawn, and where, is each page's own.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

REGULAR, BOLD = "ConnectorSans", "ConnectorSans-Bold"
_FONT_FILES = {REGULAR: "NotoSans-Regular.ttf", BOLD: "NotoSans-Bold.ttf"}

INK, GREY, ACCENT = HexColor("#1C2530"), HexColor("#66707C"), HexColor("#1F4E79")
RULE, TINT = HexColor("#D5DBE1"), HexColor("#EEF3F8")


@cache
def register_fonts() -> None:
    """Make the two fonts known to reportlab; needed before anything is drawn or measured."""
    for name, file in _FONT_FILES.items():
        pdfmetrics.registerFont(TTFont(name, Path(__file__).parent / "fonts" / file))


@cache
def _glyphs() -> frozenset[int]:
    """List the code points that the font can draw."""
    font = pdfmetrics.getFont(REGULAR)
    return frozenset(font.face.charToGlyph)  # type: ignore[attr-defined]  # it is a TTFont, we registered it


def text_style(
    name: str, size: float, *, font: str = REGULAR, color: Color = INK, right: bool = False
) -> ParagraphStyle:
    """Give the style of a paragraph; `size` in points."""
    return ParagraphStyle(
        name,
        fontName=font,
        fontSize=size,
        leading=size * 1.32,
        textColor=color,
        alignment=TA_RIGHT if right else 0,
        splitLongWords=1,
    )


class PageCountingCanvas(Canvas):
    """Keeps the pages back until their number is known, then has head and foot drawn on each."""

    def __init__(self, draw: Callable[[Canvas, int, int], None], *arguments: object, **options: object) -> None:
        """Take what draws them: it is given the canvas, the number of the page, and how many there are."""
        super().__init__(*arguments, **options)  # type: ignore[arg-type]  # handed through as platypus gives them
        self._draw = draw
        self._pages: list[dict[str, object]] = []

    def showPage(self) -> None:
        """End a page, for now."""
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]  # as in reportlab's own showPage

    def save(self) -> None:
        """Write all pages."""
        pages = self._pages
        for number, page in enumerate(pages, start=1):
            self.__dict__.update(page)
            self._draw(self, number, len(pages))
            super().showPage()
        super().save()


def cut_to_width(text: str, width: float, size: float) -> str:
    """Shorten one line of text to so many points in the regular font."""
    if pdfmetrics.stringWidth(text, REGULAR, size) <= width:
        return text
    while text and pdfmetrics.stringWidth(text + "…", REGULAR, size) > width:
        text = text[:-1]
    return text + "…"


def line_of(text: str, most: int) -> str:
    """Make one drawable line of at most `most` characters."""
    return " ".join(bounded(text, most).split("\n"))


def bounded(text: str, most: int) -> str:
    """Take out what cannot be shown or turns text around, fold spaces, and cut at `most` characters.

    Line breaks stay. Format characters (bidirectional controls, zero width) go with the other control
    characters. What the font lacks would leave no trace at all, so a replacement character stands for it.
    """
    # Everything after the cut is thrown away: do not walk through megabytes for it.
    rough = text[: most * 4].replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    kept = "".join(
        character if character == "\n" or ord(character) in _glyphs() else "\ufffd"
        for character in rough
        if character == "\n" or not unicodedata.category(character).startswith("C")
    )
    lines = [re.sub(" +", " ", line).strip(" ") for line in kept.split("\n")]
    shown = "\n".join(lines).strip()
    return shown if len(shown) <= most and len(text) <= most * 4 else shown[: most - 1].rstrip() + "…"
