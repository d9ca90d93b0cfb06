"""Read back what was written to cards, and believe nothing but what Exact gave: our own copy of a card proves nothing.

What a write was for, and what follows when it did not last, is the callers' affair.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.customers.setup import FIELD_OF, is_same
from connector.errors import ExactUnexpected
from connector.exact import mapping, protocol, records
from connector.exact.client import ExactClient
from connector.storage import customers
from connector.storage.database import Database
from connector.usecases.read_stream import ASKED_TOGETHER
from connector.usecases.sync_division import sync_cards

ACCOUNTS = "crm/Accounts"
CONTACTS = "crm/Contacts"
NOT_KEPT = "Exact did not keep the value"
LOWEST_VERSION = 1
"""What a row gets that was seen and could not be read: it says nothing of what the row holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write that Exact said yes to."""

    customer: CustomerId
    contact: ContactId | None
    """The contact that was made, changed or deleted; None: the account itself."""
    values: Mapping[str, object] | None
    """What should stand there now, by Exact's field names; None: the contact should be gone."""
    version: int | None = 0
    """`held_version` of the record before the write, 0 of one that we did not hold; None: the record is looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What Exact holds of one write."""

    record: Customer | Contact | None
    """As Exact gave it after the write; None: it is not there, or cannot be read."""
    trouble: str = ""
    """What is not as written; empty: all is."""
    is_unknown: bool = False
    """The record cannot be read, so that nobody knows."""


def held_version(database: Database, division: Division, customer: CustomerId, contact: ContactId | None) -> int:
    """The row version of a record as last synced, to be taken before it is written; 0 when we do not hold it."""
    with database.reading() as session:
        if contact is not None:
            return customers.contact_version(session, division, contact)
        return customers.customer_version(session, division, customer)


def read_back(
    database: Database,
    client: ExactClient,
    division: Division,
    written: Sequence[Written],
    *,
    clock: Callable[[], datetime],
) -> list[Kept]:
    """Compare writes with what Exact holds now, in bulk: two calls for what sync shows, one for 30 records in doubt.

    A row that sync gave anew has a higher version than before the write. Where none has, Exact may have said yes and
    changed nothing; deletions are not in those streams either. Those records are looked up.

    Returns:
        One for each write, in their order. The database holds the records as Exact gave them.
    """
    sync_cards(database, client, division, clock=clock)
    return prove(database, client, division, written)


def prove(database: Database, client: ExactClient, division: Division, written: Sequence[Written]) -> list[Kept]:
    """The same right after a `sync_cards` of the caller's."""
    doubtful = [each for each in written if each.values is None or not _was_given(database, division, each)]
    accounts = {each.customer for each in doubtful if each.contact is None}
    contacts = {each.contact for each in doubtful if each.contact is not None}
    unread = {
        **look_up_accounts(database, client, division, sorted(accounts)),
        **_look_up_contacts(database, client, division, sorted(contacts)),
    }
    return [_compare(database, division, each, unread) for each in written]


def _was_given(database: Database, division: Division, written: Written) -> bool:
    """Whether sync brought the record since the write."""
    if written.version is None:
        return False
    now = held_version(database, division, written.customer, written.contact)
    return now > max(written.version, LOWEST_VERSION)


def look_up_accounts(
    database: Database, client: ExactClient, division: Division, keys: Sequence[CustomerId]
) -> dict[str, str]:
    """Bring our copy of these accounts along, thirty in a call; returns why some cannot be read, by id."""
    if not keys:
        return {}
    unread: dict[str, str] = {}
    found: list[Customer] = []
    for row in _rows(client, ACCOUNTS, keys, records.Account.FIELDS):
        try:
            found.append(mapping.to_customer(records.Account.from_json(row), division=division))
        except ExactUnexpected as error:
            unread[str(row.get("ID"))] = error.message
    gone = set(keys) - {card.id for card in found} - unread.keys()
    with database.transaction() as session:
        for card in found:
            customers.note_customer(session, card)
        customers.delete_customers(session, division, sorted(gone))
    return unread


def _look_up_contacts(
    database: Database, client: ExactClient, division: Division, keys: Sequence[ContactId]
) -> dict[str, str]:
    """Bring our copy of these contacts along; returns why some cannot be read."""
    if not keys:
        return {}
    unread: dict[str, str] = {}
    found: list[Contact] = []
    for row in _rows(client, CONTACTS, keys, records.Contact.FIELDS):
        try:
            found.append(mapping.to_contact(records.Contact.from_json(row), division=division))
        except ExactUnexpected as error:
            unread[str(row.get("ID"))] = error.message
    gone = set(keys) - {contact.id for contact in found} - unread.keys()
    with database.transaction() as session:
        for contact in found:
            customers.note_contact(session, contact)
        customers.delete_contacts(session, division, sorted(gone))
    return unread


def _rows(client: ExactClient, path: str, keys: Sequence[str], fields: Sequence[str]) -> Iterable[protocol.Row]:
    for start in range(0, len(keys), ASKED_TOGETHER):
        some = keys[start : start + ASKED_TOGETHER]
        filter = " or ".join(f"ID eq {protocol.quote_guid(key)}" for key in some)
        yield from client.read_all(path, fields, filter)


def _compare(database: Database, division: Division, written: Written, unread: Mapping[str, str]) -> Kept:
    key = written.contact or written.customer
    if key in unread:
        return Kept(record=None, trouble=f"Exact's answer cannot be read: {unread[key]}", is_unknown=True)
    with database.reading() as session:
        contacts = customers.contacts_of(session, division, written.customer)
        record: Customer | Contact | None = (
            customers.get(session, division, written.customer)
            if written.contact is None
            else next((contact for contact in contacts if contact.id == written.contact), None)
        )
    if written.values is None:
        return Kept(record=record, trouble="" if record is None else "Exact did not delete it")
    if record is None:
        return Kept(record=None, trouble=f"{NOT_KEPT}: " + ", ".join(written.values))
    wrong = [name for name, value in written.values.items() if not is_same(getattr(record, FIELD_OF[name]), value)]
    return Kept(record=record, trouble=f"{NOT_KEPT}: " + ", ".join(wrong) if wrong else "")
