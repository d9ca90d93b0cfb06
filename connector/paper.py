"""What every PDF of ours stands on: the shipped fonts, the colours, and text from outside made fit to be drawn.

The fonts are Noto Sans (fonts/OFL.txt): Latin, Greek and Cyrillic. What is drawn, and where, is each page's own.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path

from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

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
