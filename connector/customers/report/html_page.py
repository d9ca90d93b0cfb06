"""The report as one page that needs nothing else: no script, no picture, no other file; made to be printed as well."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from connector.customers.report.rows import DivisionAudit, date_text, detail, made_on, outcome, shown
from connector.customers.report.wording import STATUSES, WORDS
from connector.texts import money


def as_html(audits: Sequence[DivisionAudit], *, language: str, everybody: bool = False) -> bytes:
    """Give the page, in UTF-8: a section a division, with its outcome and its rows, then the explanation."""
    sections = [
        {
            "division": each.division,
            "name": each.name,
            "made_on": made_on(each, language),
            "outcome": outcome(each, language, everybody=everybody),
            "summary": each.audit.summary,
            "amount_at_risk": money(each.audit.summary.amount_at_risk, each.currency, language),
            "currency": each.currency,
            "findings": [(finding, detail(finding, language)) for finding in shown(each, everybody=everybody)],
        }
        for each in audits
    ]

    def amount(value: Decimal, currency: str) -> str:
        return money(value, currency, language)

    def written(value: date | None) -> str:
        return date_text(value, language)

    return (
        _page()
        .render(
            language=language,
            words=WORDS[language],
            statuses=STATUSES[language],
            sections=sections,
            money=amount,
            date=written,
        )
        .encode()
    )


DIRECTIONS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Unicode's marks that turn the text around them about (UAX 9): a name may not rearrange a row."""


def _without_direction(value: object) -> object:
    return value.translate(DIRECTIONS) if isinstance(value, str) else value


@cache
def _page() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_without_direction,
    )
    return environment.get_template("page.html")
