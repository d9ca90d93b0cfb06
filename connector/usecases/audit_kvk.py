"""Audit the KvK numbers of a division's customers, from the database as last synced."""

from datetime import date

from connector.customer import Division
from connector.customers import audit as kvk_audit
from connector.customers.audit import Audit, InvoiceFact
from connector.storage import customers, divisions, sales_invoices
from connector.storage.database import Database
from connector.usecases.look_up_kvk import valid_evidence


def audit_kvk(database: Database, division: Division, *, today: date) -> Audit:
    """Judge every active customer's number, with what its invoices of the last 12 months add up to.

    What the KVK register answered in the last 30 days counts, whoever asked; nobody is asked here.
    """
    with database.reading() as session:
        everybody = customers.all_customers(session, division)
        facts = sales_invoices.facts(session, division, date.min)
        pinned = divisions.get(session, division)
        evidence = valid_evidence(session, today)
    return kvk_audit.audit(
        everybody,
        [InvoiceFact(customer=customer, date=day, amount=amount) for customer, day, amount in facts],
        own_kvk=pinned.kvk if pinned else "",
        today=today,
        register=evidence,
    )
