"""Reads a filled-in list, xlsx or csv, back into rows of text: which columns it has may have moved, not what they mean.

Bytes from outside: nothing in them is calculated, and what unpacks to more than a list can be is refused first. What
the rows say is `fill`'s affair.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from connector.customers.report.rows import COLUMNS, DUTCH_COLUMNS
from connector.customers.workbook_limits import MOST_ROWS, require_ordinary, too_large, too_many_rows
from connector.errors import ConnectorError, WrongUsage
from connector.texts import from_spreadsheet_cell

LARGEST = 25 * 1024 * 1024
"""Bytes of a file that is read at all, as for every other file that comes in (design.md section 6)."""
MOST_COLUMNS = 50
LONGEST_ROW = 1_000_000
"""Characters of a row in a csv; a cell of Excel holds at most 32,767."""
CHUNK = 64 * 1024
HEADING_WITHIN = 20
"""Rows at the top in which the headings are looked for: somebody may have written a title above them."""
NEEDED = ("division", "customer_code", "new_kvk")
WANTED = (*NEEDED, "customer_name")

_COLUMN_OF = dict(zip(DUTCH_COLUMNS, COLUMNS, strict=True)) | {name: name for name in COLUMNS}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How an .xls begins, and an .xlsx with a password ([MS-CFB], 2.2)."""
_DELIMITERS = (";", ",", "\t", "|")
_OTHERS = (b"%", b"<", b"{", b"[")
"""How PDF, HTML, JSON and settings begin, and no heading."""
_GIVE_THE_LIST = "give the list that `connector audit kvk --format xlsx` or csv wrote, filled in"
_SAVE_AS = "open it in Excel and save it as .xlsx (Excel workbook) without a password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What stands in a cell."""

    text: str = ""
    is_text: bool = field(default=False, compare=False)
    """Whether the spreadsheet keeps it as text; a csv does not tell."""
    is_number: bool = False
    """Whether the spreadsheet keeps it as a number: then zeros in front are lost."""
    is_formula: bool = False
    is_broken: bool = False
    """Whether its row runs into another one, for want of a quotation mark."""


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
    is_broken: bool = False
    """Whether the row runs into another one: then nothing in it counts."""
    code_is_text: bool = field(default=False, compare=False)
    """Whether the spreadsheet keeps the code as text, zeros in front and all; a csv does not tell."""


def read_sheet(content: bytes) -> tuple[SheetRow, ...]:
    """Read every row below the headings in which a customer is named.

    Raises:
        WrongUsage: It is no xlsx and no csv, is too large, or a heading is missing; the message says which.
    """
    if len(content) > LARGEST:
        raise too_large(len(content), most=LARGEST)
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


Table = Iterable[Sequence[Written]]


def _workbook(content: bytes) -> Iterator[Table]:
    """Give the sheets one by one; a member that is larger than it says ends in an error of zipfile's."""
    import openpyxl  # takes a third of a second, and `kvk check` and a csv do without

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if "xl/workbook.xml" not in archive.namelist():
            raise WrongUsage("this is no Excel file", hint=_SAVE_AS)
        require_ordinary(archive)
    # not data_only: what a formula last gave is nobody's choice of a number
    workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    for sheet in workbook.worksheets:
        yield _cells(sheet)


def _cells(sheet: object) -> Table:
    for row in sheet.iter_rows(max_row=MOST_ROWS + 1, max_col=MOST_COLUMNS):  # type: ignore[attr-defined]  # untyped
        yield [_written(cell) for cell in row] if any(cell.value is not None for cell in row) else ()


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
    return Written(text=str(value).strip(), is_text=True)


def _csv_tables(content: bytes) -> Iterator[Table]:
    encoding = _encoding(content)
    head = list(islice(_lines(content, encoding), HEADING_WITHIN))

    def most(delimiter: str) -> int:
        return max((line.count(delimiter) for line in head), default=0)

    delimiter = max(_DELIMITERS, key=most)
    if content.lstrip()[:1] in _OTHERS or not most(delimiter):
        raise WrongUsage("this is no xlsx and no csv", hint=_GIVE_THE_LIST)
    yield _csv_rows(content, encoding, delimiter)


def _csv_rows(content: bytes, encoding: str, delimiter: str) -> Iterator[Sequence[Written]]:
    """Give row after row; a row that goes over more lines, as one with a lost quote does, has to end somewhere."""
    length = widest = 0

    def counted() -> Iterator[str]:
        nonlocal length
        for line in _lines(content, encoding):
            length += len(line)
            if length > LONGEST_ROW:
                raise WrongUsage("a row of this csv does not end; is a quotation mark missing?", hint=_SAVE_AS)
            yield line

    try:
        for row in csv.reader(counted(), delimiter=delimiter):
            length = 0
            broken = _is_broken(row, delimiter, widest)
            widest = max(widest, len(row))
            yield [Written(text=from_spreadsheet_cell(cell.strip()), is_broken=broken) for cell in row[:MOST_COLUMNS]]
    except csv.Error as error:
        raise WrongUsage(f"this file is no csv: {error}", hint=_SAVE_AS) from error


def _is_broken(row: Sequence[str], delimiter: str, widest: int) -> bool:
    """Say whether a quotation mark is missing: the cells of a report hold no line breaks, and no row is too short."""
    return any(set(cell) & {"\r", "\n"} for cell in row) or (
        len(row) < widest and any(delimiter in cell for cell in row)
    )


def _lines(content: bytes, encoding: str) -> Iterator[str]:
    """Give line after line with its end, a line that is too long in pieces; nothing is decoded before it is wanted."""
    with io.TextIOWrapper(io.BytesIO(content), encoding=encoding, errors="replace", newline="") as text:
        while line := text.readline(LONGEST_ROW + 1):
            yield line


def _encoding(content: bytes) -> str:
    """Excel writes a csv in UTF-8 with a mark, in UTF-16 with a mark, or in the code page of Western Windows."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(content), CHUNK):
            decoder.decode(content[start : start + CHUNK])
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _read_tables(tables: Iterable[Table]) -> tuple[SheetRow, ...]:
    """Read the first table that has the headings."""
    missing: list[str] = list(NEEDED)
    for table in tables:
        columns: dict[str, int] = {}
        rows: list[SheetRow] = []
        for number, cells in enumerate(table, start=1):
            if number > MOST_ROWS:
                raise too_many_rows()
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
    is_broken = any(cell.is_broken for cell in cells)
    if not (division or code or new_kvk.text or new_kvk.is_formula or is_broken):
        return []
    name = at("customer_name").text if "customer_name" in columns else None
    return [
        SheetRow(
            number=number,
            division=division,
            code=code,
            name=name,
            new_kvk=new_kvk,
            is_broken=is_broken,
            code_is_text=at("customer_code").is_text,
        )
    ]
