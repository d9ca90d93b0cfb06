"""What every format of the report shows: the same rows with the same columns, and the outcome in a sentence or two.

The columns are those of interfaces.md, `audit kvk`. What is found is `audit`'s affair; where it goes is the caller's.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from connector.customer import Division
from connector.customers.audit import FINE, Audit, AuditSummary, Before, Change, KvkFinding
from connector.customers.report.wording import CHANGES, STATUSES, WORDS
from connector.texts import day, money

COLUMNS = (
    "division", "customer_code", "customer_name", "country", "postcode", "city", "kvk", "status", "detail",
    "proposal", "last_invoice_date", "invoices_12m", "amount_12m", "new_kvk",
)  # fmt: skip
"""Of the csv and the sheet in English, in this order; `new_kvk` is for the accountant to fill in."""
DUTCH_COLUMNS = (
    "administratie", "relatiecode", "relatienaam", "land", "postcode", "plaats", "kvk", "status", "bijzonderheid",
    "voorstel", "laatste_factuur", "facturen_12m", "bedrag_12m", "nieuw_kvk",
)  # fmt: skip
"""The same columns in Dutch."""

Cell = str | int | Decimal | date | None
_AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionAudit:
    """The audit of one division, with what a report says around it."""

    division: Division
    name: str
    generated_at: datetime
    audit: Audit
    currency: str = "EUR"
    """The division's own, of all amounts."""
    since: date | None = None
    """The day of the report that this one was compared with; None: it was not."""


def columns(language: str) -> tuple[str, ...]:
    """The headings of csv and sheet."""
    return DUTCH_COLUMNS if language == "nl" else COLUMNS


def shown(each: DivisionAudit, *, everybody: bool) -> tuple[KvkFinding, ...]:
    """The findings to show: those that somebody has to look at, or all of them.

    Of a comparison also those that are fine now and were not before.
    """
    return tuple(f for f in each.audit.findings if everybody or f.status not in FINE or f.change is Change.SOLVED)


def cells(division: Division, finding: KvkFinding, language: str) -> tuple[Cell, ...]:
    """One row, in the order of the columns; the words of `status` are the fixed ones, `detail` explains them."""
    customer = finding.customer
    return (
        division, customer.code, customer.name, customer.country, customer.postcode, customer.city, finding.kvk,
        finding.status.value, detail(finding, language), finding.proposal or "", finding.last_invoice_date,
        finding.invoices_12m, finding.amount_12m, "",
    )  # fmt: skip


def detail(finding: KvkFinding, language: str) -> str:
    """What is the matter in words, after a comparison with what changed."""
    text = finding.detail_nl if language == "nl" else finding.detail_en
    if finding.change is None:
        return text
    change = f"{CHANGES[language][finding.change]} ({_before(finding.before, language)})"
    return f"{change}; {text}" if text else change


def _before(before: Before | None, language: str) -> str:
    was = "was"  # the same word in both
    if before is None:
        return f"{was}: {WORDS[language].none_before}"
    return f"{was}: {', '.join(filter(None, [STATUSES[language][before.status].word, before.kvk]))}"


def made_on(each: DivisionAudit, language: str) -> str:
    """When the report was made, by the clock in Amsterdam."""
    local = each.generated_at.astimezone(_AMSTERDAM)
    return WORDS[language].made_on.format(day=day(local.date(), language), time=f"{local:%H:%M}")


def date_text(value: date | None, language: str) -> str:
    """A date short enough for a column, as a reader of that language writes it; empty for none.

    >>> date_text(date(2026, 11, 2), "nl"), date_text(date(2026, 11, 2), "en"), date_text(None, "nl")
    ('02-11-2026', '2026-11-02', '')
    """
    if value is None:
        return ""
    return f"{value:%d-%m-%Y}" if language == "nl" else value.isoformat()


def outcome(each: DivisionAudit, language: str, *, everybody: bool) -> str:
    """The outcome for a division in a few sentences; after a comparison also with what, and how many rows differ."""
    text = summary_line(each.audit.summary, language, currency=each.currency)
    if each.since is None:
        return text
    count, since = len(shown(each, everybody=everybody)), day(each.since, language)
    if language == "nl":
        return f"{text} Sinds het rapport van {since}: {count} {'verschil' if count == 1 else 'verschillen'}."
    return f"{text} Since the report of {since}: {count} {'difference' if count == 1 else 'differences'}."


def summary_line(summary: AuditSummary, language: str, *, currency: str = "EUR") -> str:
    """Put the counts into one or two sentences.

    >>> counts = {"customers": 2, "ok": 1, "missing": 1, "invalid": 0, "not_applicable": 0}
    >>> summary_line(AuditSummary(**counts, invoices_at_risk=1, amount_at_risk=Decimal(5)), "en")
    '1 of 2 customers has no KvK number. At risk: 1 invoice of the last 12 months, € 5.00.'
    """
    text = _counts_nl(summary, currency) if language == "nl" else _counts_en(summary, currency)
    if not summary.doubtful:
        return text
    if language == "nl":
        who = "1 klant" if summary.doubtful == 1 else f"{summary.doubtful} klanten"
        return f"{text} Bij {who} met een goed nummer is iets na te kijken; het volledige rapport zegt wat."
    who = "1 customer" if summary.doubtful == 1 else f"{summary.doubtful} customers"
    return f"{text} {who} with a good number should be looked at; the whole report says why."


def _counts_nl(summary: AuditSummary, currency: str) -> str:
    missing, invalid, invoices = summary.missing, summary.invalid, summary.invoices_at_risk
    if not missing and not invalid:
        return f"Bij alle {summary.customers} klanten is het KvK-nummer in orde of niet nodig."
    text = f"{missing} van {summary.customers} klanten {'mist' if missing == 1 else 'missen'} een KvK-nummer"
    if invalid:
        text += f"; bij {invalid} {'klant' if invalid == 1 else 'klanten'} klopt het nummer niet"
    counted = "1 factuur" if invoices == 1 else f"{invoices} facturen"
    amount = money(summary.amount_at_risk, currency, "nl")
    return f"{text}. Risico: {counted} van de laatste 12 maanden, {amount}."


def _counts_en(summary: AuditSummary, currency: str) -> str:
    missing, invalid, invoices = summary.missing, summary.invalid, summary.invoices_at_risk
    if not missing and not invalid:
        return f"All {summary.customers} customers have a good KvK number or need none."
    text = f"{missing} of {summary.customers} customers {'has' if missing == 1 else 'have'} no KvK number"
    if invalid:
        text += f"; {invalid} {'has' if invalid == 1 else 'have'} one that is wrong"
    counted = "1 invoice" if invoices == 1 else f"{invoices} invoices"
    amount = money(summary.amount_at_risk, currency, "en")
    return f"{text}. At risk: {counted} of the last 12 months, {amount}."
