"""Reads a filled-in list, xlsx or csv, back into rows of text: which columns it has may have moved, not what they mean.

Bytes from outside: nothing in them is calculated, and what unpacks to more than a list can be is refused first. What
the rows say is `fill`'s affair.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from connector.customers.report.rows import COLUMNS, DUTCH_COLUMNS
from connector.errors import ConnectorError, WrongUsage
from connector.texts import from_spreadsheet_cell

LARGEST = 25 * 1024 * 1024
"""Bytes of a file that is read at all, as for every other file that comes in (design.md section 6)."""
LARGEST_UNPACKED = 200 * 1024 * 1024
"""Bytes that an xlsx may unpack to; a report of 5,000 customers unpacks to 4 MB."""
MOST_ROWS = 100_000
MOST_COLUMNS = 50
HEADING_WITHIN = 20
"""Rows at the top in which the headings are looked for: somebody may have written a title above them."""
NEEDED = ("division", "customer_code", "new_kvk")
WANTED = (*NEEDED, "customer_name")

_COLUMN_OF = dict(zip(DUTCH_COLUMNS, COLUMNS, strict=True)) | {name: name for name in COLUMNS}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How an .xls begins, and an .xlsx with a password ([MS-CFB], 2.2)."""
_DELIMITERS = (";", ",", "\t", "|")
_SAVE_AS = "open it in Excel and save it as .xlsx (Excel workbook) without a password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What stands in a cell."""

    text: str = ""
    is_number: bool = False
    """Whether the spreadsheet keeps it as a number: then zeros in front are lost."""
    is_formula: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """One row of the list, as it was filled in."""

    number: int
    """Of the row in the sheet, the first one is 1."""
    division: str
    code: str
    name: str | None
    """None when the list has no such column."""
    new_kvk: Written


def read_sheet(content: bytes) -> tuple[SheetRow, ...]:
    """Read every row below the headings in which a customer is named.

    Raises:
        WrongUsage: It is no xlsx and no csv, is too large, or a heading is missing; the message says which.
    """
    if len(content) > LARGEST:
        raise too_large(len(content))
    if content.startswith(_OLE):
        raise WrongUsage("this is an old Excel file (.xls), or one with a password", hint=_SAVE_AS)
    if content.startswith(b"PK"):
        try:
            return _read_tables(_workbook(content))
        except ConnectorError:
            raise
        except Exception as error:  # a damaged file makes openpyxl stumble in any way there is
            raise WrongUsage("this Excel file is damaged", hint=_SAVE_AS) from error
    return _read_tables(_csv_tables(content))


def too_large(size: int, *, what: str = "file", most: int = LARGEST) -> WrongUsage:
    """The error for a file that is not read."""
    return WrongUsage(
        f"the {what} has {size // 1024 // 1024} MB, at most {most // 1024 // 1024} are read",
        hint="give the list that `connector audit kvk --format xlsx` wrote, filled in",
    )


Table = Iterable[Sequence[Written]]


def _workbook(content: bytes) -> Iterator[Table]:
    """Give the sheets one by one; a member that is larger than it says ends in an error of zipfile's."""
    import openpyxl  # takes a third of a second, and `kvk check` and a csv do without

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(each.file_size for each in archive.infolist())
        if "xl/workbook.xml" not in archive.namelist():
            raise WrongUsage("this is no Excel file", hint=_SAVE_AS)
    if unpacked > LARGEST_UNPACKED:
        raise too_large(unpacked, what="unpacked file", most=LARGEST_UNPACKED)
    # not data_only: what a formula last gave is nobody's choice of a number
    workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    for sheet in workbook.worksheets:
        yield _cells(sheet)


def _cells(sheet: object) -> Table:
    for row in sheet.iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS):  # type: ignore[attr-defined]  # untyped
        yield [_written(cell) for cell in row]


def _written(cell: object) -> Written:
    value, kind = getattr(cell, "value", None), getattr(cell, "data_type", "n")
    if value is None:
        return Written()
    if kind == "f":
        return Written(is_formula=True)
    match value:
        case bool() | date():
            return Written(text=str(value))
        case int():
            return Written(text=str(value), is_number=True)
        case float():
            return Written(text=f"{value:.0f}" if value.is_integer() else str(value), is_number=True)
    return Written(text=str(value).strip())


def _csv_tables(content: bytes) -> Iterator[Table]:
    text = _decoded(content)
    head = text.splitlines()[:HEADING_WITHIN]
    delimiter = max(_DELIMITERS, key=lambda one: max((line.count(one) for line in head), default=0))
    try:
        yield [
            [Written(text=from_spreadsheet_cell(cell.strip())) for cell in row[:MOST_COLUMNS]]
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        ]
    except csv.Error as error:
        raise WrongUsage(f"this file is no csv: {error}", hint=_SAVE_AS) from error


def _decoded(content: bytes) -> str:
    """Excel writes a csv in UTF-8 with a mark, in UTF-16 with a mark, or in the code page of Western Windows."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _read_tables(tables: Iterable[Table]) -> tuple[SheetRow, ...]:
    """Read the first table that has the headings."""
    missing: list[str] = list(NEEDED)
    for table in tables:
        columns: dict[str, int] = {}
        rows: list[SheetRow] = []
        for number, cells in enumerate(table, start=1):
            if number > MOST_ROWS:
                raise WrongUsage(f"the list has more than {MOST_ROWS} rows", hint="remove the empty rows below it")
            if columns:
                rows += _row(number, cells, columns)
                continue
            if number > HEADING_WITHIN:
                break
            found = _columns(cells)
            lacking = [name for name in NEEDED if name not in found]
            if not lacking:
                columns = found
            elif len(lacking) < len(missing):
                missing = lacking
        if columns:
            return tuple(rows)
    dutch = dict(zip(COLUMNS, DUTCH_COLUMNS, strict=True))
    names = ", ".join(f"{name} ({dutch[name]})" for name in missing)
    raise WrongUsage(
        f"the list has no column {names}",
        hint="the headings are those of `connector audit kvk --format xlsx`; columns may be moved, not renamed",
    )


def _columns(cells: Sequence[Written]) -> dict[str, int]:
    """By the English name of each column that we want, where it is.

    Raises:
        WrongUsage: A heading stands there twice.
    """
    found: dict[str, int] = {}
    for place, cell in enumerate(cells):
        name = _COLUMN_OF.get(re.sub(r"[\W_]+", "_", cell.text.casefold()).strip("_"))
        if name in WANTED:
            if name in found:
                raise WrongUsage(f"the list has two columns {cell.text}", hint="remove the one that does not count")
            found[name] = place
    return found


def _row(number: int, cells: Sequence[Written], columns: dict[str, int]) -> list[SheetRow]:
    def at(name: str) -> Written:
        place = columns[name]
        return cells[place] if place < len(cells) else Written()

    division, code, new_kvk = at("division").text, at("customer_code").text, at("new_kvk")
    if not (division or code or new_kvk.text or new_kvk.is_formula):
        return []
    name = at("customer_name").text if "customer_name" in columns else None
    return [SheetRow(number=number, division=division, code=code, name=name, new_kvk=new_kvk)]
