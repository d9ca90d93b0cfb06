"""The report as an Excel workbook: the list with a column to fill in, and a sheet that explains it.

Every text is written as text: zeros in front stay, and nothing that begins with = is ever a formula.
"""

import io
from collections.abc import Sequence
from datetime import UTC, date
from decimal import Decimal
from typing import Any

import xlsxwriter

from connector.customers.report.rows import COLUMNS, Cell, DivisionAudit, cells, columns, made_on, outcome, shown
from connector.customers.report.wording import STATUSES, WORDS

A4 = 9
"""Excel's number of the paper size."""
_WIDTHS = (14, 14, 34, 6, 10, 20, 18, 16, 52, 12, 15, 13, 14, 14)
"""Of the columns, in characters."""
_LONGEST = 32_767
"""Characters that Excel allows in a cell."""
_NEW_KVK = COLUMNS.index("new_kvk")
_INK, _ACCENT, _TO_FILL_IN, _RULE = "#1C2530", "#1F4E79", "#FFF2CC", "#BFBFBF"


def as_xlsx(audits: Sequence[DivisionAudit], *, language: str, everybody: bool = False) -> bytes:
    """Give the workbook; the same bytes for the same audits."""
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, {"constant_memory": True, "in_memory": False})
    words = WORDS[language]
    created = max((each.generated_at for each in audits), default=None)
    workbook.set_properties(
        {"title": words.title, "created": created.astimezone(UTC).replace(tzinfo=None) if created else None}
    )
    _list(workbook, audits, language, everybody)
    _explanation(workbook, audits, language, everybody)
    workbook.close()
    return out.getvalue()


def _list(workbook: Any, audits: Sequence[DivisionAudit], language: str, everybody: bool) -> None:
    sheet = workbook.add_worksheet("KvK")
    words = WORDS[language]
    heading = workbook.add_format(
        {"bold": True, "font_color": "#FFFFFF", "bg_color": _ACCENT, "valign": "vcenter", "num_format": "@"}
    )
    heading_to_fill_in = workbook.add_format(
        {"bold": True, "font_color": _INK, "bg_color": "#FFD966", "valign": "vcenter", "num_format": "@"}
    )
    to_fill_in = workbook.add_format(
        {"num_format": "@", "bg_color": _TO_FILL_IN, "border": 1, "border_color": _RULE, "locked": False}
    )
    formats = {
        str: workbook.add_format({"num_format": "@"}),  # stays text also when somebody edits it
        int: workbook.add_format({"num_format": "0"}),
        Decimal: workbook.add_format({"num_format": "#,##0.00"}),
        date: workbook.add_format({"num_format": "dd-mm-yyyy" if language == "nl" else "yyyy-mm-dd"}),
    }
    division = workbook.add_format({"num_format": "0", "align": "left"})
    sheet.set_row(0, 22)
    for column, title in enumerate(columns(language)):
        sheet.set_column(column, column, _WIDTHS[column])
        sheet.write_string(0, column, title, heading_to_fill_in if column == _NEW_KVK else heading)
    row = 0
    for each in audits:
        for finding in shown(each, everybody=everybody):
            row += 1
            for column, cell in enumerate(cells(each.division, finding, language)):
                if column == _NEW_KVK:
                    sheet.write_blank(row, column, None, to_fill_in)
                elif column == 0:
                    sheet.write_number(row, column, each.division, division)
                else:
                    _write(sheet, row, column, cell, formats)
    sheet.freeze_panes(1, 3)
    sheet.autofilter(0, 0, max(row, 1), len(COLUMNS) - 1)
    if row:
        first = f"{chr(ord('A') + _NEW_KVK)}2"
        sheet.data_validation(
            1,
            _NEW_KVK,
            row,
            _NEW_KVK,
            {
                "validate": "custom",
                "value": eight_digits(first),
                "input_title": words.input_title,
                "input_message": words.input_message,
                "error_title": words.input_title,
                "error_message": words.input_error,
            },
        )
        sheet.ignore_errors({"number_stored_as_text": f"A2:{chr(ord('A') + _NEW_KVK)}{row + 1}"})
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.print_area(0, 0, max(row, 1), len(COLUMNS) - 1)
    sheet.set_footer("&L&A&R&P / &N")


def eight_digits(cell: str) -> str:
    """The formula that holds for eight digits and nothing else.

    A number is no measure: 1E+10 and -1234567 are numbers of eight characters. Each character has to be one, with no
    reference to rows, which change when somebody deletes some, and no list of constants, which Excel forbids here.

    >>> len(eight_digits("N2")) < 255  # the most that Excel takes
    True
    """
    digits = "*".join(f"MID({cell},{place},1)" for place in range(1, 9))
    return f"=AND(LEN({cell})=8,ISNUMBER({digits}))"


def _write(sheet: Any, row: int, column: int, cell: Cell, formats: dict[type, Any]) -> None:
    match cell:
        case str():
            sheet.write_string(row, column, _drawable(cell), formats[str])
        case int():
            sheet.write_number(row, column, cell, formats[int])
        case Decimal():
            sheet.write_number(row, column, cell, formats[Decimal])
        case date():
            sheet.write_datetime(row, column, cell, formats[date])
        case None:
            sheet.write_blank(row, column, None, formats[date])


def _explanation(workbook: Any, audits: Sequence[DivisionAudit], language: str, everybody: bool) -> None:
    words = WORDS[language]
    sheet = workbook.add_worksheet(words.explanation)
    title = workbook.add_format({"bold": True, "font_size": 16, "font_color": _ACCENT, "num_format": "@"})
    heading = workbook.add_format({"bold": True, "font_color": _ACCENT, "bottom": 1, "num_format": "@"})
    bold = workbook.add_format({"bold": True, "valign": "top", "num_format": "@"})
    text = workbook.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
    sheet.hide_gridlines(2)
    for column, width in enumerate((24, 20, 84, 70)):
        sheet.set_column(column, column, width)
    rows: list[tuple[float | None, list[tuple[str, Any]]]] = [(26, [(words.title, title)])]
    for each in audits:
        rows.append((None, []))
        rows.append((None, [(f"{each.division} {each.name}", bold)]))
        rows.append((None, [(f"{made_on(each, language)}.", None)]))
        rows.append((None, [(outcome(each, language, everybody=everybody), None)]))
    rows += [(None, []), (None, [(words.note, None)]), (None, []), (None, [(words.how_to, heading)])]
    rows += [(None, [(f"{number}. {step}", None)]) for number, step in enumerate(words.steps, start=1)]
    rows += [(None, []), (None, [(each, heading) for each in ("status", "", words.meaning, words.remedy)])]
    rows += [
        (None, [(status.value, bold), (told.word, text), (told.meaning, text), (told.remedy, text)])
        for status, told in STATUSES[language].items()
    ]
    for number, (height, entries) in enumerate(rows):
        if height is not None:
            sheet.set_row(number, height)
        for column, (entry, style) in enumerate(entries):
            sheet.write_string(number, column, _drawable(entry), style)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)


def _drawable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:_LONGEST]
