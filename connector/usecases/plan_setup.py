"""Plan the set-up of a division and count how far it is, from the database as last synced; Exact is not asked."""

from dataclasses import dataclass
from datetime import date, datetime

from connector.customer import Customer, Division
from connector.customers import audit as kvk_audit
from connector.customers import setup
from connector.errors import NothingFound
from connector.storage import customers, divisions, sales_invoices
from connector.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSetup:
    """A plan with the moment of the data that it was made from (None: never synced)."""

    plan: setup.Plan
    last_synced_at: datetime | None


def plan_setup(
    database: Database,
    division: Division,
    wanted: setup.Wanted,
    *,
    today: date,
    overrides: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
) -> PlannedSetup:
    """Make the plan of one division.

    Args:
        only: Codes of the customers to look at; None: all.

    Raises:
        NothingFound: A code in `only` belongs to no customer.
    """
    with database.reading() as session:
        everybody = customers.all_customers(session, division)
        contacts = customers.all_contacts(session, division)
        last_synced_at = divisions.require(session, division).last_synced_at
    if only is not None:
        unknown = only - {customer.code for customer in everybody}
        if unknown:
            raise NothingFound(
                f"division {division} has no customer {', '.join(sorted(unknown))}",
                hint="codes are those on the customer's card; run `connector sync` when the card is new",
            )
    plan = setup.plan(everybody, contacts, wanted, division=division, today=today, overrides=overrides, only=only)
    return PlannedSetup(plan=plan, last_synced_at=last_synced_at)


def find_customer(database: Database, division: Division, code: str) -> Customer:
    """One customer by the code on its card.

    Raises:
        NothingFound: No such customer.
    """
    with database.reading() as session:
        found = customers.find_by_code(session, division, code)
    if found is None:
        raise NothingFound(
            f"division {division} has no customer {code}",
            hint="codes are those on the customer's card; run `connector sync` when the card is new",
        )
    return found


def setup_status(
    database: Database, division: Division, wanted: setup.Wanted, *, today: date
) -> tuple[setup.StepCount, ...]:
    """Count the five steps of one division."""
    with database.reading() as session:
        everybody = customers.all_customers(session, division)
        contacts = customers.all_contacts(session, division)
        pinned = divisions.require(session, division)
        finished, still_open = sales_invoices.count_finished_and_open(session, division, since=pinned.start_date)
    report = kvk_audit.audit(everybody, (), own_kvk=pinned.kvk, today=today)
    summary = report.summary
    return setup.count_steps(
        everybody,
        contacts,
        wanted,
        today=today,
        kvk_done=summary.ok,
        kvk_to_do=summary.missing + summary.invalid,
        finished=finished,
        open_invoices=still_open,
    )
