"""Reports on KvK numbers as they were made, one a day and only where it differs from the one before.

What changed between two of them is `customers.audit`'s affair.
"""

from collections.abc import Mapping
from datetime import date

from sqlalchemy import func, select
from sqlmodel import Session

from connector.customer import CustomerId
from connector.customers.audit import Before, FindingStatus
from connector.storage.tables import KvkReportRow, insert_into, table_of

REPORTS = table_of(KvkReportRow)


def save(session: Session, division: int, day: date, findings: Mapping[CustomerId, Before]) -> None:
    """Keep what the report of a day says; a later one of the same day takes its place."""
    newest = find(session, division, on_or_before=day)
    if newest is not None and newest[1] == findings:
        return
    values = {customer: [said.status.value, said.kvk] for customer, said in findings.items()}
    statement = insert_into(session, REPORTS).values(division=division, day=day, findings=values)
    session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["division", "day"], set_={"findings": statement.excluded.findings}
        )
    )


def find(session: Session, division: int, *, on_or_before: date) -> tuple[date, dict[CustomerId, Before]] | None:
    """The newest report of that day or earlier, with its own day."""
    r = REPORTS.c
    statement = select(r.day, r.findings).where(r.division == division, r.day <= on_or_before)
    row = session.connection().execute(statement.order_by(r.day.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return row.day, {
        CustomerId(customer): Before(status=FindingStatus(status), kvk=kvk)
        for customer, (status, kvk) in row.findings.items()
    }


def first_day(session: Session, division: int) -> date | None:
    """The day of the oldest report."""
    statement = select(func.min(REPORTS.c.day)).where(REPORTS.c.division == division)
    found: date | None = session.connection().execute(statement).scalar_one()
    return found
