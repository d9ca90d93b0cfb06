"""Plan the set-up of a division and count how far it is, from the database as last synced; Exact is not asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from connector.customer import Customer, Division
from connector.customers import audit as kvk_audit
from connector.customers import setup
from connector.customers.drift import Applied, Drift, find_drift
from connector.errors import NothingFound
from connector.storage import customers, divisions, journal, sales_invoices
from connector.storage.database import Database
from connector.usecases.look_up_kvk import valid_evidence

LOOK_AT_THE_CARD = "codes are those on the customer's card; run `connector sync` when the card is new"


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

    """
    with database.reading() as session:
        everybody = customers.all_customers(session, division)
        contacts = customers.all_contacts(session, division)
        last_synced_at = divisions.require(session, division).last_synced_at
    plan = setup.plan(everybody, contacts, wanted, division=division, today=today, overrides=overrides, only=only)
    return PlannedSetup(plan=plan, last_synced_at=last_synced_at)


def require_saved(database: Database, plan: setup.Plan, wanted: setup.Wanted) -> None:
    """Make sure that a plan from a file, which anybody could edit, does what it shows and what the settings want.

    Raises:
        WrongUsage: It does not; the message names the customer.
    """
    setup.require_wanted(plan, wanted)
    with database.reading() as session:
        everybody = customers.all_customers(session, plan.division)
        contacts = customers.all_contacts(session, plan.division)
    setup.require_cards(plan, everybody, contacts, wanted)


def left_of_plan(
    database: Database, plan: setup.Plan, wanted: setup.Wanted, *, today: date, limit: int | None
) -> setup.Plan:
    """What is left to do of a plan: see `setup.left_of`."""
    with database.reading() as session:
        everybody = customers.all_customers(session, plan.division)
        contacts = customers.all_contacts(session, plan.division)
    return setup.left_of(plan, everybody, contacts, wanted, today=today, limit=limit)


def require_customers(database: Database, chosen: Sequence[Division], codes: frozenset[str]) -> None:
    """Make sure that somebody in these divisions has each of these codes.

    Raises:
        NothingFound: A code that nobody has.
    """
    with database.reading() as session:
        for code in sorted(codes):
            if not any(customers.find_by_code(session, division, code) for division in chosen):
                raise NothingFound(f"there is no customer {code}", hint=LOOK_AT_THE_CARD)


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
            hint=LOOK_AT_THE_CARD,
        )
    return found


def setup_status(
    database: Database,
    division: Division,
    wanted: setup.Wanted,
    *,
    today: date,
    start_date: date | None = None,
) -> tuple[setup.StepCount, ...]:
    """Count the five steps of one division.

    Args:
        start_date: Invoices dated before it are history and not counted; None: the day of connecting.
    """
    with database.reading() as session:
        everybody = customers.all_customers(session, division)
        contacts = customers.all_contacts(session, division)
        pinned = divisions.require(session, division)
        finished, still_open = sales_invoices.count_finished_and_open(
            session, division, since=start_date or pinned.start_date
        )
        evidence = valid_evidence(session, today)
    report = kvk_audit.audit(everybody, (), own_kvk=pinned.kvk, today=today, register=evidence)
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


def setup_drift(database: Database, division: Division, wanted: setup.Wanted, *, today: date) -> tuple[Drift, ...]:
    """Say what was changed in Exact, as last synced, of all that the set-up wrote and did not take back."""
    with database.reading() as session:
        everybody = customers.all_customers(session, division)
        contacts = customers.all_contacts(session, division)
        steps = journal.undoable_steps(session, division)
    plan = setup.plan(everybody, contacts, wanted, division=division, today=today)
    applied = [Applied(customer=step.customer_id, contact=step.contact_id, after=step.after) for step in steps]
    return find_drift(applied, everybody, contacts, plan)
