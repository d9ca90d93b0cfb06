"""The report as a csv that a spreadsheet opens without asking, and in which nothing is a formula."""

import csv
import io
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from connector.customers.report.rows import Cell, DivisionAudit, cells, columns, shown
from connector.texts import spreadsheet_cell


def as_csv(
    audits: Iterable[DivisionAudit], *, language: str, delimiter: str | None = None, everybody: bool = False
) -> bytes:
    """Give the csv: UTF-8 with a byte order mark and CRLF, as Excel likes it.

    Amounts have a decimal comma in Dutch.

    Args:
        delimiter: None for what a spreadsheet in that language expects: ; in Dutch, , in English.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter or (";" if language == "nl" else ","), lineterminator="\r\n")
    writer.writerow(columns(language))
    for each in audits:
        for finding in shown(each, everybody=everybody):
            writer.writerow([_text(cell, language) for cell in cells(each.division, finding, language)])
    return out.getvalue().encode("utf-8-sig")


def _text(cell: Cell, language: str) -> str:
    match cell:
        case str():
            return spreadsheet_cell(cell)
        case Decimal():
            amount = f"{cell:.2f}"
            return amount.replace(".", ",") if language == "nl" else amount
        case date():
            return cell.isoformat()
        case None:
            return ""
    return str(cell)
