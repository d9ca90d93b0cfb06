"""The directory: recipients that are known by number, and its csv form.

Look-ups are exact, on normalised numbers, never by name. What a hit means is `decision`'s affair; keeping the
rows is storage's.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connector.errors import WrongUsage
from connector.identifiers import kvk_of_oin, normalise
from connector.texts import from_spreadsheet_cell, spreadsheet_cell

COLUMNS = ("name", "kvk", "oin", "gln", "vat", "channel", "address", "language")
"""Of the csv, in this order (interfaces.md, `recipients`)."""
CHANNELS = ("email", "upload")
LANGUAGES = ("nl", "en")

_LONGEST_ADDRESS = 254
"""RFC 5321 4.5.3.1.3: a path of 256 octets, the angle brackets included."""
_LONGEST_LOCAL_PART = 64
"""RFC 5321 4.5.3.1.1."""
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_LABEL}(?:\.{_LABEL})+)")
"""Dot-atom @ domain of RFC 5322 3.4.1; quoted local parts and bare host names are not taken."""
_WRONG_LINES_SHOWN = 5
_SHAPES = {"kvk": "8 digits", "oin": "20 digits", "gln": "13 digits", "vat": "a country and a VAT number"}


def valid_address(text: str) -> bool:
    """Say whether mail can be sent to this: one address, ASCII, nothing around it.

    >>> valid_address("ap@gemeente.example"), valid_address("a@b.example; c@d.example")
    (True, False)
    """
    match = _ADDRESS.fullmatch(text)
    return match is not None and len(text) <= _LONGEST_ADDRESS and len(match[1]) <= _LONGEST_LOCAL_PART


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A known recipient and where its invoices go; numbers normalised, empty when not known."""

    id: int
    """Given by storage; 0 for one that is not stored yet."""
    name: str
    kvk: str = ""
    oin: str = ""
    gln: str = ""
    vat: str = ""
    channel: str
    address: str
    language: str = "nl"


class Directory:
    """Finds recipients by number; built once for many look-ups."""

    def __init__(self, recipients: Iterable[Recipient]) -> None:
        self._exact: dict[tuple[str, str], list[Recipient]] = {}
        self._inside_oin: dict[str, list[Recipient]] = {}
        for recipient in recipients:
            numbers = {"kvk": recipient.kvk, "oin": recipient.oin, "gln": recipient.gln, "vat": recipient.vat}
            for key in {normalise(scheme, value) for scheme, value in numbers.items() if value}:
                if key is None:
                    continue
                self._exact.setdefault(key, []).append(recipient)
                if kvk := _kvk_inside(*key):
                    self._inside_oin.setdefault(kvk, []).append(recipient)

    def find(self, scheme: str, value: str) -> tuple[Recipient, ...]:
        """Give every recipient with this number, empty when nobody has it.

        An OIN of the form 00000003 + KvK + 0000 and that KvK are one number, but whoever is listed under the
        number exactly as asked comes alone.

        Args:
            scheme: Any spelling that `identifiers.normalise` knows: kvk, 0106, NL:OIN …
        """
        key = normalise(scheme, value)
        if key is None:
            return ()
        if found := self._exact.get(key):
            return tuple(found)
        if key[0] == "kvk":
            return tuple(self._inside_oin.get(key[1], ()))
        if kvk := _kvk_inside(*key):
            return tuple(self._exact.get(("kvk", kvk), ()))
        return ()


def _kvk_inside(scheme: str, value: str) -> str | None:
    return kvk_of_oin(value) if scheme == "oin" else None


def rows_from_csv(text: str) -> tuple[Recipient, ...]:
    """Read recipients from csv with a heading line; comma or semicolon, whichever the heading line has.

    Columns may stand in any order, numbers and language may be left out. Ids are 0.

    Raises:
        WrongUsage: A column is unknown or missing, or lines cannot be used; the message names the lines.
    """
    text = text.removeprefix("\ufeff")
    heading = text.partition("\n")[0]
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Recipient] = []
    wrong: list[str] = []
    try:
        reader.fieldnames = _checked_columns(reader.fieldnames or ())
        for cells in reader:
            try:
                rows.append(read_recipient(_texts(cells)))
            except ValueError as error:
                wrong.append(f"line {reader.line_num}: {error}")
    except csv.Error as error:
        wrong.append(f"line {reader.line_num + 1}: not csv ({error})")
    if wrong:
        more = f"; and {len(wrong) - _WRONG_LINES_SHOWN} more lines" if len(wrong) > _WRONG_LINES_SHOWN else ""
        raise WrongUsage(
            "; ".join(wrong[:_WRONG_LINES_SHOWN]) + more,
            hint="correct these lines and import the file again; nothing was imported",
        )
    return tuple(rows)


def read_recipient(row: Mapping[str, str]) -> Recipient:
    """Make a recipient of its columns as text; numbers and language may be missing or empty. Its id is 0.

    Raises:
        ValueError: Says which column cannot be used.
    """
    if not row.get("name"):
        raise ValueError("name is empty")
    kvk, oin, gln, vat = (_number(row, scheme) for scheme in _SHAPES)
    if not (kvk or oin or gln or vat):
        raise ValueError("none of kvk, oin, gln and vat is given")
    channel, language = row.get("channel", "").lower(), row.get("language", "").lower() or LANGUAGES[0]
    if channel not in CHANNELS:
        raise ValueError(f"channel {channel!r} is none of {', '.join(CHANNELS)}")
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is none of {', '.join(LANGUAGES)}")
    address = row.get("address", "")
    if not valid_address(address):
        raise ValueError(f"{address!r} is no mail address")
    numbers = {"kvk": kvk, "oin": oin, "gln": gln, "vat": vat}
    return Recipient(id=0, name=row["name"], channel=channel, address=address, language=language, **numbers)


def rows_to_csv(recipients: Iterable[Recipient], *, delimiter: str = ",") -> str:
    """Write recipients as csv that `rows_from_csv` reads back; text a spreadsheet would calculate gets a `'`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for recipient in recipients:
        writer.writerow(spreadsheet_cell(getattr(recipient, column)) for column in COLUMNS)
    return out.getvalue()


def _texts(cells: Mapping[str | None, str | list[str] | None]) -> dict[str, str]:
    """Give the cells of one csv line by column, as `DictReader` has them; missing ones are left out."""
    if None in cells:
        raise ValueError("more cells than columns")
    return {str(name): from_spreadsheet_cell(cell.strip()) for name, cell in cells.items() if isinstance(cell, str)}


def _checked_columns(names: Iterable[str]) -> list[str]:
    columns = [name.strip().lower() for name in names]
    for name in columns:
        if name not in COLUMNS:
            raise WrongUsage(f"unknown column {name!r}", hint=f"the columns are {','.join(COLUMNS)}")
        if columns.count(name) > 1:
            raise WrongUsage(f"column {name} stands there twice", hint=f"the columns are {','.join(COLUMNS)}")
    for name in ("name", "channel", "address"):
        if name not in columns:
            raise WrongUsage(f"missing column {name}", hint=f"the columns are {','.join(COLUMNS)}")
    return columns


def _number(row: Mapping[str, str], scheme: str) -> str:
    """Give a number of a csv line, normalised; check digits do not matter (e-invoicing.md section 6)."""
    text = row.get(scheme, "")
    if not text:
        return ""
    found = normalise(scheme, text)
    if found is None or found[0] != scheme:
        raise ValueError(f"{scheme} {text!r} is not {_SHAPES[scheme]}")
    return found[1]
