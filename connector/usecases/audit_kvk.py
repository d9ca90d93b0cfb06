"""Audit the KvK numbers of a division's customers, from the database as last synced, and remember what was reported."""

from datetime import date

from connector.customer import Division
from connector.customers import audit as kvk_audit
from connector.customers.audit import Audit, Before, InvoiceFact
from connector.errors import NothingFound
from connector.storage import customers, divisions, invoices, kvk_reports, sales_invoices
from connector.storage.database import Database
from connector.usecases.look_up_kvk import valid_evidence


def audit_kvk(database: Database, division: Division, *, today: date) -> Audit:
    """Judge every active customer's number, with what its invoices of the last 12 months add up to.

    What the KVK register answered in the last 30 days counts, whoever asked; nobody is asked here.
    """
    with database.reading() as session:
        everybody = customers.all_customers(session, division)
        facts = sales_invoices.facts(session, division, date.min)
        in_invoices = invoices.numbers_of_buyers(session, division, since=kvk_audit.year_before(today))
        pinned = divisions.get(session, division)
        evidence = valid_evidence(session, today)
    return kvk_audit.audit(
        everybody,
        [InvoiceFact(customer=customer, date=day, amount=amount) for customer, day, amount in facts],
        own_kvk=pinned.kvk if pinned else "",
        own_vat=pinned.vat_number if pinned else "",
        in_invoices=in_invoices,
        today=today,
        register=evidence,
    )


def remember_report(database: Database, division: Division, audit: Audit, *, today: date) -> None:
    """Keep what a report says of every customer, for `changes_since`."""
    findings = {one.customer.id: Before(status=one.status, kvk=one.kvk) for one in audit.findings}
    with database.transaction() as session:
        kvk_reports.save(session, division, today, findings)


def changes_since(database: Database, division: Division, audit: Audit, day: date) -> tuple[Audit, date]:
    """Keep what differs from the newest report that was remembered on or before `day`; also gives that one's day.

    Raises:
        NothingFound: There is none so early.
    """
    with database.reading() as session:
        found = kvk_reports.find(session, division, on_or_before=day)
        first = kvk_reports.first_day(session, division)
    if found is None:
        hint = f"the first is of {first}" if first else "make one first, with --format xlsx for example"
        raise NothingFound(f"no report of division {division} is remembered from {day} or before", hint=hint)
    earlier, before = found
    return kvk_audit.compare(audit, before), earlier
