"""customers/sheet.py: a filled-in list is read however Excel saved it, and what is no list is refused by name."""

from __future__ import annotations

import io
import random
import tracemalloc
import zipfile
from collections.abc import Sequence

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.customers.report.rows import COLUMNS, DUTCH_COLUMNS
from connector.customers.sheet import LARGEST, SheetRow, Written, read_sheet
from connector.customers.workbook_limits import MOST_ROWS
from connector.errors import WrongUsage
from connector.texts import spreadsheet_cell

HEADINGS = {"nl": DUTCH_COLUMNS, "en": COLUMNS}
VALUES = {"division": 123456, "customer_code": "6", "customer_name": "Café Zes", "kvk": "1", "new_kvk": "20147376"}
ROW = SheetRow(number=2, division="123456", code="6", name="Café Zes", new_kvk=Written(text="20147376"))


def xlsx(*rows: Sequence[object], sheets_before: int = 0) -> bytes:
    """A workbook as somebody else's program writes it."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for _ in range(sheets_before):
        sheet = workbook.create_sheet()
    for row in rows:
        sheet.append(list(row))
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def filled(language: str = "en", order: Sequence[int] | None = None, **changes: object) -> list[list[object]]:
    """Headings and one filled-in row, its columns in any order."""
    values = VALUES | changes
    chosen = range(len(COLUMNS)) if order is None else order
    return [[HEADINGS[language][at] for at in chosen], [values.get(COLUMNS[at], "") for at in chosen]]


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_columns_may_have_moved(language: str, seed: int | None) -> None:
    """The headings say what is where, in Dutch and in English, in sheet and csv."""
    order = list(range(len(COLUMNS)))
    if seed is not None:
        random.Random(seed).shuffle(order)
    rows = filled(language, order)

    from_sheet = read_sheet(xlsx(*rows))
    from_csv = read_sheet("\r\n".join(";".join(map(str, row)) for row in rows).encode("utf-8-sig"))

    assert from_sheet == from_csv == (ROW,)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_csv_as_excel_may_save_it(encoding: str, delimiter: str) -> None:
    """Any delimiter, and every encoding that Excel writes."""
    text = "\n".join(delimiter.join(map(str, row)) for row in filled())

    assert read_sheet(text.encode(encoding)) == (ROW,)


def test_headings_may_be_lower_down_and_on_another_sheet() -> None:
    """A title above the list, an empty sheet before it and headings in capitals do no harm."""
    headings, row = filled()
    spoken = [str(heading).replace("_", " ").title() for heading in headings]

    (read,) = read_sheet(xlsx(["Bij te werken"], [], spoken, row, sheets_before=1))

    assert (read.number, read.code, read.new_kvk.text) == (4, "6", "20147376")


@pytest.mark.parametrize("column", ["division", "customer_code", "new_kvk"])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_missing_heading_is_named(column: str, language: str) -> None:
    """Without a column that is needed nothing is read, and the error names it in both languages."""
    at = COLUMNS.index(column)
    rows = filled(language, [each for each in range(len(COLUMNS)) if each != at])

    with pytest.raises(WrongUsage) as caught:
        read_sheet(xlsx(*rows))

    assert caught.value.message == f"the list has no column {column} ({DUTCH_COLUMNS[at]})"


def test_twice_the_same_heading_is_refused() -> None:
    """With two columns of that name nobody knows which one counts."""
    headings, row = filled()

    with pytest.raises(WrongUsage, match="two columns nieuw_kvk"):
        read_sheet(xlsx([*headings, "nieuw_kvk"], [*row, "1"]))


def test_name_column_may_be_gone() -> None:
    """Without the names there is nothing to compare, and the list is read."""
    order = [at for at, name in enumerate(COLUMNS) if name != "customer_name"]

    assert read_sheet(xlsx(*filled(order=order)))[0].name is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("05807003", Written(text="05807003")),
        (5807003, Written(text="5807003", is_number=True)),
        (20147376.0, Written(text="20147376", is_number=True)),
        ("=A1", Written(is_formula=True)),
        (None, Written()),
        ("  20147376 ", Written(text="20147376")),
    ],
)
def test_cell_is_what_was_typed(value: object, written: Written) -> None:
    """A text is a text, a number is known to be one, and a formula is not calculated."""
    assert read_sheet(xlsx(*filled(new_kvk=value)))[0].new_kvk == written


def test_what_a_formula_gave_before_is_not_taken() -> None:
    """The value that Excel keeps beside a formula is nobody's choice of a number."""
    content = change_member(
        xlsx(*filled(new_kvk="=A1")), "xl/worksheets/sheet1.xml", b"<v></v>", b"<v>20147376</v>", b"<v />", b"<v/>"
    )

    assert read_sheet(content)[0].new_kvk == Written(is_formula=True)


def change_member(content: bytes, name: str, *pairs: bytes) -> bytes:
    """A workbook with one of its files changed: the second text takes the place of the first, or of the later ones."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            data = old.read(each)
            if each == name:
                for text in (pairs[0], *pairs[2:]):
                    data = data.replace(text, pairs[1])
                assert pairs[1] in data
            new.writestr(each, data)
    return out.getvalue()


@pytest.mark.parametrize("name", ["=1+1", "+31 Bellen", "-10 Korting", "@Thuis", "'t Hoekje"])
def test_apostrophe_of_the_csv_is_taken_back(name: str) -> None:
    """What the report put in front of a name that looks like a formula is taken away again, and nothing else."""
    rows = filled(customer_name=spreadsheet_cell(name))
    text = "\n".join(",".join(map(str, row)) for row in rows)

    assert read_sheet(text.encode())[0].name == name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, "old Excel file"),
        (b"PK\x03\x04 and then nothing", "damaged"),
        (b"", "no xlsx and no csv"),
        (b"a;b;c\n1;2;3\n", "no column division"),
        (b"%PDF-1.7\n1;2;3\n", "no xlsx and no csv"),
        (b"<!DOCTYPE html>\n<p>division;customer_code;new_kvk\n", "no xlsx and no csv"),
        (b'{"divisions": [{"division": 1}]}', "no xlsx and no csv"),
        (b"# settings\n[exact]\nclient_id = 1\n", "no xlsx and no csv"),
        (b"\0\xff" * 1000, "no xlsx and no csv"),
    ],
)
def test_what_is_no_list_is_refused(content: bytes, message: str) -> None:
    """Each with one sentence that says what it is, and what to do."""
    with pytest.raises(WrongUsage, match=message) as caught:
        read_sheet(content)

    assert caught.value.hint


def test_zip_that_is_no_workbook_is_refused() -> None:
    """Any other zip, such as an .ods, is told to be saved as .xlsx."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("content.xml", "<office/>")

    with pytest.raises(WrongUsage, match="no Excel file"):
        read_sheet(out.getvalue())


def test_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    """What says that it unpacks to more than any list is not read at all."""
    out = io.BytesIO(xlsx(*filled()))
    with (
        zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("xl/media/bomb.bin", "w") as member,
    ):
        for _ in range(210):
            member.write(bytes(1024 * 1024))

    assert len(out.getvalue()) < 1024 * 1024
    with pytest.raises(WrongUsage, match="the unpacked file has 210 MB, at most 200 are read"):
        read_sheet(out.getvalue())


def test_file_over_the_limit_is_refused() -> None:
    """25 MB and no more."""
    with pytest.raises(WrongUsage, match="the file has 25 MB, at most 25 are read"):
        read_sheet(bytes(LARGEST + 1))


def test_entities_do_not_multiply() -> None:
    """A document type that makes gigabytes out of a few letters is refused, not unfolded."""
    laughs = b'<!ENTITY a0 "ha">' + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
    sheet = "xl/worksheets/sheet1.xml"
    content = change_member(
        xlsx(*filled()), sheet, b"<worksheet ", b"<!DOCTYPE worksheet [" + laughs + b"]><worksheet "
    )

    with pytest.raises(WrongUsage, match="damaged"):
        read_sheet(change_member(content, sheet, b"<sheetData>", b"<sheetData>&a9;"))


@pytest.mark.parametrize(("above", "found"), [(19, True), (20, False)])
def test_headings_are_looked_for_at_the_top(above: int, found: bool) -> None:
    """Twenty rows are looked through for headings: a table far below, of something else perhaps, is no list."""
    content = xlsx(*[["Toelichting"]] * above, *filled())

    if found:
        assert read_sheet(content)[0].number == above + 2
        return
    with pytest.raises(WrongUsage, match="no column"):
        read_sheet(content)


def test_rows_of_a_workbook_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet with a row too many is refused as a whole: none of its rows is left out in silence."""
    headings, row = filled()
    for module in ("sheet", "workbook_limits"):
        monkeypatch.setattr(f"connector.customers.{module}.MOST_ROWS", 4)

    assert len(read_sheet(xlsx(headings, row, row, row))) == 3
    with pytest.raises(WrongUsage, match="more than 4 rows"):
        read_sheet(xlsx(headings, row, row, row, row))


def test_rows_of_a_csv_may_be_short() -> None:
    """A program that leaves empty cells away at the end of a row has left the number empty."""
    text = "division,customer_code,new_kvk\n123456,6\n123456,7,20147376\n"

    assert [(row.code, row.new_kvk.text) for row in read_sheet(text.encode())] == [("6", ""), ("7", "20147376")]


@pytest.mark.parametrize("value", ["20147376", "=A1"])
def test_number_without_a_customer_is_not_passed_over(value: str) -> None:
    """A row in which only a number stands is read: whoever filled it in hears that it belongs to nobody."""
    rows = xlsx(["division", "customer_code", "new_kvk"], ["", "", value], ["", "", ""])

    assert [(row.number, row.division, row.code) for row in read_sheet(rows)] == [(2, "", "")]


def test_rows_have_an_end() -> None:
    """A csv of more rows than any office has customers is refused."""
    text = "division,customer_code,new_kvk\n" + "1,2,\n" * MOST_ROWS

    with pytest.raises(WrongUsage, match=f"more than {MOST_ROWS} rows"):
        read_sheet(text.encode())


@settings(max_examples=60)
@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda rest: b"PK\x03\x04" + rest))
def test_any_bytes_get_rows_or_an_error(content: bytes) -> None:
    """Whatever the file holds: rows, or one of our errors."""
    try:
        rows = read_sheet(content)
    except WrongUsage:
        return
    assert isinstance(rows, tuple)


@pytest.mark.parametrize(
    "lines",
    [
        ['"1;10;Jansen;69599084', "1;11;Smit;64660216"],
        ['1;10;"Jansen;69599084', '1;11;"Smit";64660216'],
        ['1;10;Jansen;"69599084', "1;11;Smit;64660216"],
        ['1;"10;Jansen;69599084'],
    ],
)
def test_lost_quotation_mark_breaks_the_row(lines: list[str]) -> None:
    """A row that runs into the next ones is marked, wherever the mark is missing; those before it are read."""
    text = "\n".join(["division;customer_code;customer_name;new_kvk", "1;9;Visser;20147376", *lines])

    good, *others = read_sheet(text.encode())

    assert (good.code, good.is_broken) == ("9", False)
    assert {each.is_broken for each in others} == {True}


def test_row_without_an_end_is_refused() -> None:
    """A quotation mark that swallows the rest of a large file is named."""
    text = "division;customer_code;new_kvk\n1;10;20147376\n" + '"' + "\n".join(['a";"b'] * 200_000)

    with pytest.raises(WrongUsage, match="does not end"):
        read_sheet(text.encode())


MANY = {
    "styles": ("xl/styles.xml", b"</cellXfs>", b'<xf numFmtId="%d"/>', 300_000),
    "cells in a row": ("xl/worksheets/sheet1.xml", b"</sheetData>", b'<c s="%d"/>', 20_000),
    "rows": ("xl/worksheets/sheet1.xml", b"</sheetData>", b'<row r="%d"/>', MOST_ROWS + 1),
    "columns": ("xl/worksheets/sheet1.xml", b"<sheetData>", b'<col min="%d"/>', 300_000),
}


@pytest.mark.parametrize("what", MANY)
def test_more_than_a_list_can_be_is_refused_before_it_is_built(what: str) -> None:
    """Thousands of styles, cells or rows that are no list: counted as they pass, and kept nowhere."""
    name, place, element, number = MANY[what]
    many = b"".join(element % each for each in range(1, number + 1))
    if what == "cells in a row":
        many = b"<row>" + many + b"</row>"
    content = change_member(xlsx(*filled()), name, place, many + place)

    tracemalloc.start()
    with pytest.raises(WrongUsage, match=r"too many|more than"):
        read_sheet(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 30 * 1024 * 1024


def test_file_packed_too_small_is_refused() -> None:
    """A megabyte of the same few letters is no sheet that anybody filled in."""
    content = change_member(
        xlsx(*filled()), "xl/worksheets/sheet1.xml", b"</sheetData>", b"<c/>" * 400_000 + b"</sheetData>"
    )

    with pytest.raises(WrongUsage, match="packed suspiciously small"):
        read_sheet(content)


def test_csv_is_read_no_further_than_it_counts() -> None:
    """25 MB of line ends are refused after the last row that counts, with little in memory."""
    content = b"division;customer_code;new_kvk\n" + b"\n" * (LARGEST - 100)

    tracemalloc.start()
    with pytest.raises(WrongUsage, match=f"more than {MOST_ROWS} rows"):
        read_sheet(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 60 * 1024 * 1024
