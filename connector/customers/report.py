"""The audit as a table, as JSON and as csv; the shapes and columns are those of interfaces.md, `audit kvk`.

What is found is `audit`'s affair; where the report goes is the caller's.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.customer import Division
from connector.customers.audit import FINE, Audit, AuditSummary, FindingStatus, KvkFinding
from connector.texts import money, one_line, spreadsheet_cell

COLUMNS = (
    "division", "customer_code", "customer_name", "country", "postcode", "city", "kvk", "status", "detail",
    "proposal", "last_invoice_date", "invoices_12m", "amount_12m", "new_kvk",
)  # fmt: skip
"""Of the csv in English, in this order; `new_kvk` is for the accountant to fill in."""
DUTCH_COLUMNS = (
    "administratie", "relatiecode", "relatienaam", "land", "postcode", "plaats", "kvk", "status", "bijzonderheid",
    "voorstel", "laatste_factuur", "facturen_12m", "bedrag_12m", "nieuw_kvk",
)  # fmt: skip
"""The same columns in Dutch."""

_TABLE_COLUMNS = {
    "nl": ("Code", "Klant", "KvK", "Status", "Bijzonderheid", "Voorstel", "Facturen", "Bedrag"),
    "en": ("Code", "Customer", "KvK", "Status", "Detail", "Proposal", "Invoices", "Amount"),
}
_STATUS_NL = {
    FindingStatus.OK: "in orde",
    FindingStatus.MISSING: "ontbreekt",
    FindingStatus.MALFORMED: "onjuist",
    FindingStatus.PLACEHOLDER: "opvulling",
    FindingStatus.OTHER_IDENTIFIER: "ander nummer",
    FindingStatus.DUPLICATE: "dubbel",
    FindingStatus.OWN_NUMBER: "eigen nummer",
    FindingStatus.UNKNOWN_IN_REGISTER: "niet in register",
    FindingStatus.DEREGISTERED: "uitgeschreven",
    FindingStatus.NAME_DIFFERS: "andere naam",
    FindingStatus.NOT_APPLICABLE: "niet nodig",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionAudit:
    """The audit of one division, with what a report says around it."""

    division: Division
    name: str
    generated_at: datetime
    audit: Audit
    currency: str = "EUR"
    """The division's own, of all amounts."""


def as_json(audits: Iterable[DivisionAudit], *, language: str = "en", everybody: bool = False) -> dict[str, object]:
    """Give the one document of `audit kvk --format json`.

    Args:
        language: Of `detail`; every other word is fixed.
        everybody: Also the customers about whom nothing has to be done.
    """
    return {
        "divisions": [
            {
                "division": each.division,
                "name": each.name,
                "generated_at": each.generated_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "summary": _summary_as_json(each.audit.summary),
                "findings": [_finding_as_json(finding, language) for finding in _shown(each, everybody)],
            }
            for each in audits
        ]
    }


def json_bytes(document: dict[str, object]) -> bytes:
    """Give a document as a JSON file: UTF-8, indented, one line end at its end."""
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def as_csv(
    audits: Iterable[DivisionAudit], *, language: str, delimiter: str | None = None, everybody: bool = False
) -> bytes:
    """Give the csv: UTF-8 with a byte order mark and CRLF, as Excel likes it.

    Amounts have a decimal comma in Dutch. The words of `status` are the fixed ones; `detail` explains them.

    Args:
        delimiter: None for what a spreadsheet in that language expects: ; in Dutch, , in English.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter or (";" if language == "nl" else ","), lineterminator="\r\n")
    writer.writerow(DUTCH_COLUMNS if language == "nl" else COLUMNS)
    for each in audits:
        for finding in _shown(each, everybody):
            writer.writerow(_csv_row(each.division, finding, language))
    return out.getvalue().encode("utf-8-sig")


def as_table(audits: Sequence[DivisionAudit], *, language: str, everybody: bool = False) -> RenderableType:
    """Give what a terminal shows: for each division the outcome in plain words, then the customers to look at."""
    parts: list[RenderableType] = []
    for each in audits:
        parts.append(Text(f"{each.division} {one_line(each.name)}", style="bold"))
        parts.append(Text(summary_line(each.audit.summary, language, currency=each.currency)))
        if shown := _shown(each, everybody):
            parts.append(_table(shown, language, each.currency))
    return Group(*parts)


def summary_line(summary: AuditSummary, language: str, *, currency: str = "EUR") -> str:
    """Put the counts into one or two sentences.

    >>> counts = {"customers": 2, "ok": 1, "missing": 1, "invalid": 0, "not_applicable": 0}
    >>> from decimal import Decimal
    >>> summary_line(AuditSummary(**counts, invoices_at_risk=1, amount_at_risk=Decimal(5)), "en")
    '1 of 2 customers has no KvK number. At risk: 1 invoice of the last 12 months, € 5.00.'
    """
    missing, invalid, invoices = summary.missing, summary.invalid, summary.invoices_at_risk
    amount = money(summary.amount_at_risk, currency, language)
    if language == "nl":
        if not missing and not invalid:
            return f"Bij alle {summary.customers} klanten is het KvK-nummer in orde of niet nodig."
        text = f"{missing} van {summary.customers} klanten {'mist' if missing == 1 else 'missen'} een KvK-nummer"
        if invalid:
            text += f"; bij {invalid} {'klant' if invalid == 1 else 'klanten'} klopt het nummer niet"
        counted = "1 factuur" if invoices == 1 else f"{invoices} facturen"
        return f"{text}. Risico: {counted} van de laatste 12 maanden, {amount}."
    if not missing and not invalid:
        return f"All {summary.customers} customers have a good KvK number or need none."
    text = f"{missing} of {summary.customers} customers {'has' if missing == 1 else 'have'} no KvK number"
    if invalid:
        text += f"; {invalid} {'has' if invalid == 1 else 'have'} one that is wrong"
    counted = "1 invoice" if invoices == 1 else f"{invoices} invoices"
    return f"{text}. At risk: {counted} of the last 12 months, {amount}."


def _shown(each: DivisionAudit, everybody: bool) -> list[KvkFinding]:
    return [finding for finding in each.audit.findings if everybody or finding.status not in FINE]


def _detail(finding: KvkFinding, language: str) -> str:
    return finding.detail_nl if language == "nl" else finding.detail_en


def _summary_as_json(summary: AuditSummary) -> dict[str, object]:
    return {
        "customers": summary.customers,
        "ok": summary.ok,
        "missing": summary.missing,
        "invalid": summary.invalid,
        "not_applicable": summary.not_applicable,
        "invoices_at_risk": summary.invoices_at_risk,
        "amount_at_risk": f"{summary.amount_at_risk:.2f}",
    }


def _finding_as_json(finding: KvkFinding, language: str) -> dict[str, object]:
    customer = finding.customer
    return {
        "customer": {
            "id": customer.id,
            "code": customer.code,
            "name": customer.name,
            "country": customer.country,
            "postcode": customer.postcode,
            "city": customer.city,
        },
        "kvk": finding.kvk,
        "status": finding.status.value,
        "detail": _detail(finding, language),
        "proposal": finding.proposal,
        "last_invoice_date": finding.last_invoice_date.isoformat() if finding.last_invoice_date else None,
        "invoices_12m": finding.invoices_12m,
        "amount_12m": f"{finding.amount_12m:.2f}",
    }


def _csv_row(division: Division, finding: KvkFinding, language: str) -> list[str | int]:
    customer = finding.customer
    texts = [
        customer.code, customer.name, customer.country, customer.postcode, customer.city, finding.kvk,
        finding.status.value, _detail(finding, language), finding.proposal or "",
    ]  # fmt: skip
    amount = f"{finding.amount_12m:.2f}"
    return [
        division,
        *(spreadsheet_cell(text) for text in texts),
        finding.last_invoice_date.isoformat() if finding.last_invoice_date else "",
        finding.invoices_12m,
        amount.replace(".", ",") if language == "nl" else amount,
        "",
    ]


def _table(findings: Iterable[KvkFinding], language: str, currency: str) -> Table:
    headings = _TABLE_COLUMNS[language]
    table = Table()
    for heading in headings:
        table.add_column(heading, justify="right" if heading in headings[-2:] else "left")
    for finding in findings:
        cells = (
            finding.customer.code,
            finding.customer.name,
            finding.kvk,
            _STATUS_NL[finding.status] if language == "nl" else finding.status.value,
            _detail(finding, language),
            finding.proposal or "",
            str(finding.invoices_12m),
            money(finding.amount_12m, currency, language),
        )
        # Text, not markup: a customer may be called [red]; and no control characters reach the terminal.
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    return table
