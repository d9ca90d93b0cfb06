"""The audit: which customers miss a KvK number or have a wrong one, and what that puts at risk.

Pure: form checks, cross-checks, and what the KVK register says where it was asked. Showing it is `report`'s affair.
What each status and each doubt means, with sources: docs/kvk-audit.md.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from connector.customer import Customer, CustomerId, is_active, needs_kvk, valid_numbers
from connector.customers import register as kvk_register
from connector.customers.register import Evidence, RegisterFinding
from connector.identifiers import KvkNumber, KvkStatus, check_kvk, compact_vat
from connector.texts import day as in_words
from connector.texts import one_line

NOTHING = Decimal("0.00")


class FindingStatus(StrEnum):
    """What the audit says of a customer's number; the words of interfaces.md."""

    OK = "ok"
    MISSING = "missing"
    MALFORMED = "malformed"
    PLACEHOLDER = "placeholder"
    OTHER_IDENTIFIER = "other_identifier"
    DUPLICATE = "duplicate"
    OWN_NUMBER = "own_number"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN_IN_REGISTER = "unknown_in_register"
    DEREGISTERED = "deregistered"
    NAME_DIFFERS = "name_differs"


FINE = frozenset({FindingStatus.OK, FindingStatus.NOT_APPLICABLE})
"""Nobody has to do anything about these."""
ROUTED = FINE | {FindingStatus.DUPLICATE, FindingStatus.NAME_DIFFERS}
"""Invoices of these reach somebody: a number that two customers share, or that is another's, is a real one."""


class Change(StrEnum):
    """What became of a customer since an earlier report."""

    NEW = "new"
    SOLVED = "solved"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What an earlier report said of a customer."""

    status: FindingStatus
    kvk: str
    """As it stood on the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFact:
    """What the audit needs of a finished invoice."""

    customer: CustomerId
    date: date
    amount: Decimal
    """VAT included, in the division's currency; negative on a credit note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicedNumber:
    """The customer's KvK number in the newest e-invoice that somebody else than we made."""

    kvk: KvkNumber
    invoice: str
    """Its number."""
    date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class KvkFinding:
    """One customer, its number, and the invoices that hang on it."""

    customer: Customer
    kvk: str
    """As it stands on the card."""
    status: FindingStatus
    detail_en: str = ""
    detail_nl: str = ""
    proposal: KvkNumber | None = None
    doubtful: bool = False
    """Whether another fact speaks against the number; `detail` says which."""
    last_invoice_date: date | None = None
    invoices_12m: int = 0
    amount_12m: Decimal = NOTHING
    change: Change | None = None
    """Since an earlier report; None when it was not compared with one."""
    before: Before | None = None
    """What that report said; None when it did not know the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSummary:
    """The counts: ok + missing + invalid + not_applicable = customers."""

    customers: int
    """Active ones only."""
    ok: int
    missing: int
    invalid: int
    not_applicable: int
    invoices_at_risk: int
    amount_at_risk: Decimal
    """Of the invoices that cannot be routed: of customers with a missing or invalid number, shared ones left out."""
    doubtful: int = 0
    """Of `ok`: those that another fact speaks against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Every active customer of a division, most money at risk first, and the counts."""

    findings: tuple[KvkFinding, ...]
    summary: AuditSummary


def audit(
    customers: Iterable[Customer],
    invoices: Iterable[InvoiceFact],
    *,
    own_kvk: str,
    today: date,
    own_vat: str = "",
    in_invoices: Mapping[CustomerId, InvoicedNumber] | None = None,
    register: Evidence | None = None,
) -> Audit:
    """Check the KvK number of every active customer.

    Args:
        invoices: Finished ones, of any date.
        own_kvk: The division's own number, as typed; empty when it has none.
        today: The invoices of the twelve months up to it count as at risk.
        own_vat: The division's own VAT number, as typed.
        in_invoices: By customer, the number in its newest e-invoice that we did not make from the card ourselves.
        register: What the KVK register answered; about customers without an answer it says nothing.
    """
    active = [customer for customer in customers if is_active(customer, today)]
    first_day = year_before(today)
    by_customer: dict[CustomerId, list[InvoiceFact]] = {}
    for invoice in invoices:
        by_customer.setdefault(invoice.customer, []).append(invoice)
    own_number = check_kvk(own_kvk).number
    cards = [_Card(customer) for customer in active]
    sharers, vat_sharers = _sharers(cards), _vat_sharers(cards)
    own_vat = _dutch_vat(own_vat)
    questions = kvk_register.questions_about(active, own_kvk=own_kvk, today=today) if register else {}
    findings = []
    for card in cards:
        customer = card.customer
        question = questions.get(customer.id)
        registered = kvk_register.judge(customer, question, (register or {}).get(question)) if question else NO_FINDING
        verdict = _judge(card, own_number, sharers, registered)
        doubts = _doubts(card, own_vat, vat_sharers) if verdict[0] is not FindingStatus.NOT_APPLICABLE else []
        invoiced = (in_invoices or {}).get(customer.id)
        if invoiced is not None and invoiced.kvk != own_number:
            verdict, doubt = _beside_invoice(card, verdict, invoiced)
            doubts += doubt
        status, detail_en, detail_nl, proposal = verdict
        theirs = by_customer.get(customer.id, [])
        counted = [invoice.amount for invoice in theirs if first_day <= invoice.date <= today]
        findings.append(
            KvkFinding(
                customer=customer,
                kvk=customer.kvk,
                status=status,
                detail_en="; ".join(filter(None, [detail_en, *(doubt[0] for doubt in doubts)])),
                detail_nl="; ".join(filter(None, [detail_nl, *(doubt[1] for doubt in doubts)])),
                proposal=proposal,
                doubtful=bool(doubts),
                last_invoice_date=max((invoice.date for invoice in theirs), default=None),
                invoices_12m=len(counted),
                amount_12m=sum(counted, NOTHING),
            )
        )
    findings.sort(key=most_at_risk_first)
    return Audit(findings=tuple(findings), summary=_summarise(findings))


def most_at_risk_first(finding: KvkFinding) -> tuple[bool, bool, Decimal, int, str]:
    """Sort findings: the most money that cannot be routed, then what is routed all the same, then what is fine."""
    code = finding.customer.code
    return finding.status in FINE, finding.status in ROUTED, -finding.amount_12m, len(code), code


def compare(audit: Audit, before: Mapping[CustomerId, Before]) -> Audit:
    """Keep the findings that differ from an earlier report, each with its `change`; the summary stays of all.

    `new` begins to need attention, `solved` no longer does, `changed` has another status or number otherwise. A
    customer that is no longer active has no finding, and so none here.
    """
    differing = []
    for finding in audit.findings:
        earlier = before.get(finding.customer.id)
        if earlier is not None and (earlier.status, earlier.kvk) == (finding.status, finding.kvk):
            continue
        was_fine, is_fine = earlier is None or earlier.status in FINE, finding.status in FINE
        change = Change.CHANGED
        if was_fine and (not is_fine or earlier is None):
            change = Change.NEW
        elif is_fine and not was_fine:
            change = Change.SOLVED
        differing.append(replace(finding, change=change, before=earlier))
    return replace(audit, findings=tuple(differing))


def year_before(day: date) -> date:
    """Give the first day of the twelve months that end with `day`.

    >>> year_before(date(2026, 11, 2)), year_before(date(2028, 2, 29))
    (datetime.date(2025, 11, 3), datetime.date(2027, 3, 1))
    """
    try:
        same_day = day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        same_day = date(day.year - 1, 2, 28)
    return same_day + timedelta(days=1)


Verdict = tuple[FindingStatus, str, str, KvkNumber | None]
NO_FINDING = RegisterFinding()


class _Card:
    """A customer with what its texts turn out to be, which is looked at once: that is most of an audit's work."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.number, self.oin = valid_numbers(customer)
        self.vat = _dutch_vat(customer.vat_number)
        self.needs, why_not = needs_kvk(customer)
        self.is_foreign = why_not == "other_country"


def _judge(card: _Card, own_number: str | None, sharers: dict[str, list[str]], registered: RegisterFinding) -> Verdict:
    customer, number = card.customer, card.number
    check = check_kvk(customer.kvk)
    if card.is_foreign:
        return FindingStatus.NOT_APPLICABLE, "another country", "ander land", None
    if number and number == own_number:
        return FindingStatus.OWN_NUMBER, "the KvK number of the administration itself", _OWN_NL, None
    if registered.verdict:
        return FindingStatus(registered.verdict.value), registered.detail_en, registered.detail_nl, None
    if number and len(sharers[number]) > 1:
        others = ", ".join(code for code in sharers[number] if code != customer.code)
        return FindingStatus.DUPLICATE, f"also on customer {others}", f"ook bij relatie {others}", None
    if check.status is KvkStatus.OK:
        return FindingStatus.OK, check.detail_en, check.detail_nl, None
    if not card.needs:
        return FindingStatus.NOT_APPLICABLE, "a private person, by the name", "particulier, naar de naam", None
    if check.status is KvkStatus.MISSING and card.oin:
        return FindingStatus.OK, "an OIN in its own field", "een OIN in het eigen veld", None
    return (
        FindingStatus(check.status.value),
        "; ".join(filter(None, (check.detail_en, registered.detail_en))),
        "; ".join(filter(None, (check.detail_nl, registered.detail_nl))),
        registered.proposal or check.proposal,
    )


_OWN_NL = "het KvK-nummer van de administratie zelf"


def _sharers(cards: Iterable[_Card]) -> dict[str, list[str]]:
    """List the codes of the Dutch customers that have each number, in the order of their codes."""
    found: dict[str, list[str]] = {}
    for card in sorted(cards, key=_by_code):
        if card.number and not card.is_foreign:
            found.setdefault(card.number, []).append(card.customer.code)
    return found


Doubt = tuple[str, str]
"""In English and in Dutch. A VAT number itself is never repeated: that of a sole trader may hold a BSN."""


def _doubts(card: _Card, own_vat: str, vat_sharers: Mapping[str, Mapping[str, str]]) -> list[Doubt]:
    """Say what the VAT number on the card says against it.

    A Dutch VAT number of a legal entity holds its RSIN, which is another number than the KvK number and cannot be
    turned into it: only the comparison with other cards tells something.
    """
    if not card.vat:
        return []
    if card.vat == own_vat:
        return [("the VAT number is that of the administration itself", "het btw-nummer is dat van uw administratie")]
    numbers = vat_sharers.get(card.vat, {})
    mine = numbers.get(card.customer.code)
    others = ", ".join(one_line(code) for code, number in numbers.items() if mine and number != mine)
    if not others:
        return []
    return [
        (
            f"the same VAT number as customer {others} with another KvK number: a fiscal unity, or a mistake",
            f"hetzelfde btw-nummer als relatie {others} met een ander KvK-nummer: een fiscale eenheid, of een "
            "vergissing",
        )
    ]


def _beside_invoice(card: _Card, verdict: Verdict, invoiced: InvoicedNumber) -> tuple[Verdict, list[Doubt]]:
    """Hold the card against the customer's number in its newest e-invoice.

    A number that differs is a doubt; where the card has none, that of the invoice is the proposal, unless a repair
    of what is on the card gives yet another.
    """
    status, detail_en, detail_nl, proposal = verdict
    number, oin = card.number, card.oin
    invoice = one_line(invoiced.invoice)
    found = (
        f"the e-invoice {invoice} of {in_words(invoiced.date, 'en')} has {invoiced.kvk}",
        f"de e-factuur {invoice} van {in_words(invoiced.date, 'nl')} heeft {invoiced.kvk}",
    )
    if status is FindingStatus.NOT_APPLICABLE or number == invoiced.kvk or (oin and not number):
        return verdict, []
    if number:
        return verdict, [found]
    agreed = invoiced.kvk if proposal in (None, invoiced.kvk) else None
    details = (f"{detail_en}; {found[0]}", f"{detail_nl}; {found[1]}")
    return (status, *details, agreed), []


def _dutch_vat(text: str) -> str:
    value = compact_vat(text)
    return value if re.fullmatch(r"NL[0-9]{9}B[0-9]{2}", value) else ""


def _vat_sharers(cards: Iterable[_Card]) -> dict[str, dict[str, str]]:
    """By Dutch VAT number, the KvK numbers of the customers that have it, by code."""
    found: dict[str, dict[str, str]] = {}
    for card in sorted(cards, key=_by_code):
        if card.vat and card.number and not card.is_foreign:
            found.setdefault(card.vat, {})[card.customer.code] = card.number
    return found


def _by_code(card: _Card) -> tuple[int, str]:
    return len(card.customer.code), card.customer.code


def _summarise(findings: Iterable[KvkFinding]) -> AuditSummary:
    everybody = list(findings)
    at_risk = [finding for finding in everybody if finding.status not in ROUTED]
    ok, missing, not_applicable = (
        sum(finding.status is status for finding in everybody)
        for status in (FindingStatus.OK, FindingStatus.MISSING, FindingStatus.NOT_APPLICABLE)
    )
    return AuditSummary(
        customers=len(everybody),
        ok=ok,
        missing=missing,
        invalid=len(everybody) - ok - missing - not_applicable,
        not_applicable=not_applicable,
        invoices_at_risk=sum(finding.invoices_12m for finding in at_risk),
        amount_at_risk=sum((finding.amount_12m for finding in at_risk), NOTHING),
        doubtful=sum(finding.doubtful for finding in everybody if finding.status is FindingStatus.OK),
    )
