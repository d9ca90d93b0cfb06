"""Learn the attachment type from a customer that was set by hand in Exact: its number is not published officially.

What wins over a learnt value is `composition`'s affair, and what it changes is shown by a plan.
"""

from dataclasses import dataclass
from datetime import datetime

from connector.customer import Customer, Division
from connector.errors import WrongUsage
from connector.storage import divisions, learned
from connector.storage.database import Database
from connector.storage.learned import ATTACHMENT_TYPE
from connector.usecases.plan_setup import find_customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What could be learnt from one customer."""

    customer: Customer
    value: int
    before: int | None
    """What was learnt before; None: nothing."""
    last_synced_at: datetime | None
    """How old what we know of the card is; None: never synced."""


def find_lesson(database: Database, division: Division, code: str) -> Lesson:
    """Look at a customer's card, as last synced.

    Raises:
        NothingFound: No such customer.
        WrongUsage: Its card has no attachment type.
    """
    card = find_customer(database, division, code)
    if not card.attachment_type:
        raise WrongUsage(
            f"customer {code} has no attachment type",
            hint="choose it on the card in Exact, then `connector sync`",
        )
    with database.reading() as session:
        before = learned.read(session, division, ATTACHMENT_TYPE)
        last_synced_at = divisions.require(session, division).last_synced_at
    return Lesson(customer=card, value=card.attachment_type, before=before, last_synced_at=last_synced_at)


def learn(database: Database, lesson: Lesson) -> None:
    """Keep the value for the customer's division."""
    with database.transaction() as session:
        learned.save(session, lesson.customer.division, ATTACHMENT_TYPE, lesson.value)
