"""A table for a terminal of any width: what is in it is text and never markup, and what identifies is never broken.

Where the width is not enough, empty columns go first; then columns move beneath the first one that wraps, or are left
out, as whoever makes the table says. Whether there is a terminal, and how wide it is, is the command's affair.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from connector.texts import one_line

MOST_WHOLE = 16
"""Columns of the screen up to which a text is never broken: a KvK field may hold anything."""
LEAST_WRAPPED = 16
"""Columns of the screen that a name or a value needs to stay readable."""
BORDERS = 3
"""What each column takes beside its text, and one for the last border."""


class Narrow(StrEnum):
    """What becomes of a column where the width is not enough for all."""

    STAYS = "stays"
    BENEATH = "beneath"
    """Its text goes beneath that of the first column that wraps."""
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column and how it behaves."""

    heading: str = ""
    is_whole: bool = False
    """Never broken, such as a code, a number or an amount; only what is longer than `most` is."""
    most: int = MOST_WHOLE
    is_right: bool = False
    narrow: Narrow = Narrow.STAYS


class Listing:
    """The table, to be printed with rich; a row is added with as many texts as there are columns."""

    def __init__(self, *columns: Column, title: str = "") -> None:
        self._columns, self._title = columns, one_line(title)
        self._rows: list[tuple[list[str], str]] = []

    def add_row(self, *texts: str, style: str = "") -> None:
        """Add a row; each text comes on one line, whatever it holds."""
        if len(texts) != len(self._columns):
            raise ValueError(f"{len(texts)} texts for {len(self._columns)} columns")
        self._rows.append(([one_line(text) for text in texts], style))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay the table out for this width."""
        places, widths, beneath = self._layout(options.max_width)
        table = Table(title=Text(self._title) if self._title else None, show_lines=bool(beneath))
        for place, width in zip(places, widths, strict=True):
            column = self._columns[place]
            table.add_column(
                Text(column.heading), width=width, overflow="fold", justify="right" if column.is_right else "left"
            )
        host = self._host()
        for texts, style in self._rows:
            cells = []
            for place in places:
                text = Text(texts[place])
                for each in beneath if place == host else ():
                    text.append(f"\n{texts[each]}" if texts[each] else "", style="dim")
                cells.append(text)
            table.add_row(*cells, style=style)
        yield table

    def _layout(self, width: int) -> tuple[list[int], list[int], list[int]]:
        """Say which columns stay, how wide each is, and which go beneath the first that wraps."""
        places = list(range(len(self._columns)))
        beneath: list[int] = []
        if sum(map(self._natural, places)) + _borders(places) > width:
            places = [place for place in places if self._is_told(place)] or places
        if not self._fits(places, width):
            beneath = [place for place in places if self._columns[place].narrow is Narrow.BENEATH]
            places = [place for place in places if place not in beneath]
        while not self._fits(places, width):
            spare = [place for place in places if self._columns[place].narrow is Narrow.LEFT_OUT]
            if not spare:
                break
            places.remove(spare[-1])
        return places, self._widths(places, width), beneath

    def _fits(self, places: Sequence[int], width: int) -> bool:
        return sum(self._least(place) for place in places) + _borders(places) <= width

    def _least(self, place: int) -> int:
        return self._natural(place) if self._columns[place].is_whole else min(self._natural(place), LEAST_WRAPPED)

    def _natural(self, place: int) -> int:
        """The width that a column would like: of its widest text, or the longest word of its heading."""
        column = self._columns[place]
        texts = [*(texts[place] for texts, _ in self._rows), *column.heading.split()]
        widest = max(map(cell_len, texts), default=1)
        return max(1, min(widest, column.most) if column.is_whole else widest)

    def _widths(self, places: Sequence[int], width: int) -> list[int]:
        """Give whole columns what they need; the others share what is left, and none gets more than it needs."""
        widths = {place: self._natural(place) for place in places if self._columns[place].is_whole}
        room = width - _borders(places) - sum(widths.values())
        sharing = sorted((place for place in places if place not in widths), key=self._natural)
        for number, place in enumerate(sharing):
            widths[place] = max(1, min(self._natural(place), room // (len(sharing) - number)))
            room -= widths[place]
        return [widths[place] for place in places]

    def _is_told(self, place: int) -> bool:
        return any(texts[place] for texts, _ in self._rows)

    def _host(self) -> int:
        return next((place for place, column in enumerate(self._columns) if not column.is_whole), 0)


def _borders(places: Iterable[int]) -> int:
    return BORDERS * len(tuple(places)) + 1
