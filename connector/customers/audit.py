"""The audit: which customers miss a KvK number or have a wrong one, and what that puts at risk.

Pure: form checks, cross-checks, and what the KVK register says where it was asked. Showing it is `report`'s affair.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from connector.customer import Customer, CustomerId, is_active, needs_kvk, valid_numbers
from connector.customers import register as kvk_register
from connector.customers.register import Evidence, RegisterFinding
from connector.identifiers import KvkNumber, KvkStatus, check_kvk

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


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFact:
    """What the audit needs of a finished invoice."""

    customer: CustomerId
    date: date
    amount: Decimal
    """VAT included, in the division's currency; negative on a credit note."""


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
    last_invoice_date: date | None = None
    invoices_12m: int = 0
    amount_12m: Decimal = NOTHING


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
    register: Evidence | None = None,
) -> Audit:
    """Check the KvK number of every active customer.

    Args:
        invoices: Finished ones, of any date.
        own_kvk: The division's own number, as typed; empty when it has none.
        today: The invoices of the twelve months up to it count as at risk.
        register: What the KVK register answered; about customers without an answer it says nothing.
    """
    active = [customer for customer in customers if is_active(customer, today)]
    first_day = year_before(today)
    by_customer: dict[CustomerId, list[InvoiceFact]] = {}
    for invoice in invoices:
        by_customer.setdefault(invoice.customer, []).append(invoice)
    own_number, sharers = check_kvk(own_kvk).number, _sharers(active)
    questions = kvk_register.questions_about(active, own_kvk=own_kvk, today=today) if register else {}
    findings = []
    for customer in active:
        question = questions.get(customer.id)
        registered = kvk_register.judge(customer, question, (register or {}).get(question)) if question else NO_FINDING
        status, detail_en, detail_nl, proposal = _judge(customer, own_number, sharers, registered)
        theirs = by_customer.get(customer.id, [])
        counted = [invoice.amount for invoice in theirs if first_day <= invoice.date <= today]
        findings.append(
            KvkFinding(
                customer=customer,
                kvk=customer.kvk,
                status=status,
                detail_en=detail_en,
                detail_nl=detail_nl,
                proposal=proposal,
                last_invoice_date=max((invoice.date for invoice in theirs), default=None),
                invoices_12m=len(counted),
                amount_12m=sum(counted, NOTHING),
            )
        )
    findings.sort(
        key=lambda f: (f.status in FINE, f.status in ROUTED, -f.amount_12m, len(f.customer.code), f.customer.code)
    )
    return Audit(findings=tuple(findings), summary=_summarise(findings))


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


def _judge(
    customer: Customer, own_number: str | None, sharers: dict[str, list[str]], registered: RegisterFinding
) -> Verdict:
    needs, why_not = needs_kvk(customer)
    number, oin = valid_numbers(customer)
    check = check_kvk(customer.kvk)
    if why_not == "other_country":
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
    if not needs:
        return FindingStatus.NOT_APPLICABLE, "a private person, by the name", "particulier, naar de naam", None
    if check.status is KvkStatus.MISSING and oin:
        return FindingStatus.OK, "an OIN in its own field", "een OIN in het eigen veld", None
    return (
        FindingStatus(check.status.value),
        "; ".join(filter(None, (check.detail_en, registered.detail_en))),
        "; ".join(filter(None, (check.detail_nl, registered.detail_nl))),
        registered.proposal or check.proposal,
    )


_OWN_NL = "het KvK-nummer van de administratie zelf"


def _sharers(customers: Iterable[Customer]) -> dict[str, list[str]]:
    """List the codes of the Dutch customers that have each number, in the order of their codes."""
    found: dict[str, list[str]] = {}
    for customer in sorted(customers, key=lambda c: (len(c.code), c.code)):
        number = valid_numbers(customer)[0]
        if number and needs_kvk(customer)[1] != "other_country":
            found.setdefault(number, []).append(customer.code)
    return found


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
    )
