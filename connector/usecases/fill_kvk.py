"""Take a filled-in KvK report back: a verdict on each row, against the cards as last synced; nothing is changed."""

from collections.abc import Iterable

from connector.customers import fill
from connector.customers.fill import Filled, Office
from connector.customers.sheet import read_sheet
from connector.storage import customers
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision


def fill_kvk(database: Database, content: bytes, pinned: Iterable[PinnedDivision]) -> Filled:
    """Read the list and judge its rows; `customers.fill.plans` makes the set-up plans of what comes back.

    Args:
        content: An xlsx or a csv.
        pinned: The connected divisions; rows of others are refused.

    Raises:
        WrongUsage: The file is no such list; the message says what is missing.
    """
    rows = read_sheet(content)
    with database.reading() as session:
        offices = [
            Office(division=each.code, customers=customers.all_customers(session, each.code), own_kvk=each.kvk)
            for each in pinned
        ]
    return fill.judge(rows, offices)
