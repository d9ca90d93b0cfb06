"""Tables on a terminal of any width: held against what was put into them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from connector.listing import LEAST_WRAPPED, Column, Listing, Narrow

CODE, AMOUNT = "123456789012", "€ 148.210,55"


def lines_of(listing: Listing, width: int) -> list[str]:
    """What a terminal of so many columns shows."""
    console = Console(width=width, legacy_windows=False)
    with console.capture() as shown:
        console.print(listing)
    return shown.get().splitlines()


def listing_of(*rows: tuple[str, str, str, str, str]) -> Listing:
    """Code, name, detail, count and amount, as most tables have them."""
    made = Listing(
        Column(heading="code", is_whole=True),
        Column(heading="customer"),
        Column(heading="detail", narrow=Narrow.BENEATH),
        Column(heading="count", is_whole=True, narrow=Narrow.LEFT_OUT),
        Column(heading="amount", is_whole=True, is_right=True),
    )
    for row in rows:
        made.add_row(*row)
    return made


@pytest.mark.parametrize("width", [60, 80, 110, 200])
def test_code_and_amount_are_never_broken(width: int) -> None:
    """What identifies a customer, and the money, stand on one line at any usual width."""
    listing = listing_of((CODE, "Stichting Openbaar Onderwijs " * 3, "no KvK number " * 5, "3", AMOUNT))

    shown = lines_of(listing, width)

    assert any(CODE in line and AMOUNT in line for line in shown)


@pytest.mark.parametrize("width", [60, 80, 110])
def test_no_word_is_lost_where_it_is_narrow(width: int) -> None:
    """Name and detail go on over more lines; nothing of them is cut off."""
    words = [f"woord{number}" for number in range(30)]
    listing = listing_of((CODE, " ".join(words[:15]), " ".join(words[15:]), "3", AMOUNT))

    shown = " ".join(lines_of(listing, width))

    assert [word for word in words if word not in shown] == []


def test_long_word_is_folded() -> None:
    """An address without a space that is longer than its column goes on in the next line, whole."""
    address = "".join(chr(ord("a") + number % 26) for number in range(70))
    listing = listing_of((CODE, address, "", "3", AMOUNT))

    parts = [line.split("│")[2].strip() for line in lines_of(listing, 80) if line.count("│") > 2]

    assert "".join(parts).startswith(address)


def test_what_matters_least_is_left_out_first() -> None:
    """Of the five columns that do not fit, the detail goes beneath the name, and only the count goes."""
    listing = listing_of((CODE, "N" * LEAST_WRAPPED, "D" * LEAST_WRAPPED, "777", AMOUNT))

    wide, narrow = "\n".join(lines_of(listing, 100)), "\n".join(lines_of(listing, 55))

    assert ("777" in wide, "777" in narrow) == (True, False)
    assert "D" * LEAST_WRAPPED in narrow


def test_empty_column_makes_room() -> None:
    """Where something has to be folded, a column in which nothing stands is left out, whatever it is."""
    name = "Stichting Openbaar Onderwijs " * 2

    shown = "\n".join(lines_of(listing_of((CODE, name, "", "3", ""), (CODE, name, "", "3", "")), 70))

    assert "amount" not in shown
    assert "detail" not in shown
    assert CODE in shown


@given(st.text(max_size=60), st.integers(30, 200))
def test_any_text_fits(text: str, width: int) -> None:
    """Markup, control characters, wide letters and nothing at all: no line is longer than the terminal."""
    listing = listing_of((CODE, text, text, "3", AMOUNT))

    shown = lines_of(listing, width)

    assert max(map(cell_len, shown)) <= width


@pytest.mark.parametrize("text", ["[/b]", "[red]x[/red]", "\x1b[31mx", "a\nb"])
def test_text_is_no_markup(text: str) -> None:
    """Text of others is shown, less what would steer the terminal."""
    listing = listing_of((CODE, text, "", "3", AMOUNT))

    shown = "\n".join(lines_of(listing, 120))

    assert " ".join("".join(c if c.isprintable() else " " for c in text).split()) in shown
    assert "\x1b[31m" not in shown
