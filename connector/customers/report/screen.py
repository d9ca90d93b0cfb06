"""The report as a table on the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from connector.customers.audit import KvkFinding
from connector.customers.report.rows import DivisionAudit, detail, outcome, shown
from connector.customers.report.wording import STATUSES, WORDS
from connector.listing import Column, Listing, Narrow
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


def _table(findings: Iterable[KvkFinding], language: str, currency: str) -> Listing:
    words = WORDS[language]
    table = Listing(
        Column(heading=words.code, is_whole=True),
        Column(heading=words.customer),
        Column(heading=words.kvk, is_whole=True),
        Column(heading=words.status, narrow=Narrow.BENEATH),
        Column(heading=words.detail, narrow=Narrow.BENEATH),
        Column(heading=words.proposal, is_whole=True),
        Column(heading=words.invoices, is_whole=True, is_right=True, narrow=Narrow.LEFT_OUT),
        Column(heading=words.amount, is_whole=True, is_right=True),
    )
    for finding in findings:
        table.add_row(
            finding.customer.code,
            finding.customer.name,
            finding.kvk,
            STATUSES["nl"][finding.status].word if language == "nl" else finding.status.value,
            detail(finding, language),
            finding.proposal or "",
            str(finding.invoices_12m),
            money(finding.amount_12m, currency, language),
        )
    return table
