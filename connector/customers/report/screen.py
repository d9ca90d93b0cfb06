"""The report as a table on the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.customers.audit import KvkFinding
from connector.customers.report.rows import DivisionAudit, detail, outcome, shown
from connector.customers.report.wording import STATUSES, WORDS
from connector.texts import money, one_line


def as_table(audits: Sequence[DivisionAudit], *, language: str, everybody: bool = False) -> RenderableType:
    """Give what a terminal shows: for each division the outcome in plain words, then the customers to look at."""
    parts: list[RenderableType] = []
    for each in audits:
        parts.append(Text(f"{each.division} {one_line(each.name)}", style="bold"))
        parts.append(Text(outcome(each, language, everybody=everybody)))
        if found := shown(each, everybody=everybody):
            parts.append(_table(found, language, each.currency))
    return Group(*parts)


def _table(findings: Iterable[KvkFinding], language: str, currency: str) -> Table:
    words = WORDS[language]
    table = Table()
    for heading in (words.code, words.customer, words.kvk, words.status, words.detail, words.proposal):
        table.add_column(heading)
    for heading in (words.invoices, words.amount):
        table.add_column(heading, justify="right")
    for finding in findings:
        row = (
            finding.customer.code,
            finding.customer.name,
            finding.kvk,
            STATUSES["nl"][finding.status].word if language == "nl" else finding.status.value,
            detail(finding, language),
            finding.proposal or "",
            str(finding.invoices_12m),
            money(finding.amount_12m, currency, language),
        )
        # Text, not markup: a customer may be called [red]; and no control characters reach the terminal.
        table.add_row(*(Text(one_line(cell)) for cell in row))
    return table
