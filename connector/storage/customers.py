"""Customers and their contacts, as Exact last gave them.

The newest timestamp wins, whatever order pages come in. What the fields mean is `connector.customer`'s affair.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Table, func, select
from sqlmodel import Session

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.storage.tables import (
    ContactRow,
    CustomerRow,
    columns_for,
    delete_ids,
    insert_into,
    save_newest,
    table_of,
    unseen_ids,
)

CUSTOMERS = table_of(CustomerRow)
CONTACTS = table_of(ContactRow)
CUSTOMER_COLUMNS = columns_for(CUSTOMERS, Customer)
CONTACT_COLUMNS = columns_for(CONTACTS, Contact)
CUSTOMER_FIELDS = tuple(each.name for each in fields(Customer))
CONTACT_FIELDS = tuple(each.name for each in fields(Contact))


def save_customers(session: Session, rows: Sequence[tuple[Customer, int]]) -> int:
    """Store customers with their timestamps; returns how many are new or changed."""
    return save_newest(session, CUSTOMERS, [_values(CUSTOMER_FIELDS, each, at) for each, at in rows])


def note_customer(session: Session, customer: Customer) -> None:
    """Store a customer as we wrote it to Exact ourselves; its timestamp stays: the next sync overrules it."""
    _note(session, CUSTOMERS, _values(CUSTOMER_FIELDS, customer, 0))


def delete_customers(session: Session, division: Division, ids: Sequence[str]) -> int:
    """Forget customers by the ids that Exact deleted; returns how many were there."""
    return delete_ids(session, CUSTOMERS, division, ids)


def forget_unseen_customers(session: Session, division: Division) -> int:
    """Forget the customers that a whole reading did not see again; returns how many."""
    return delete_customers(session, division, unseen_ids(session, CUSTOMERS, division))


def all_customers(session: Session, division: Division) -> tuple[Customer, ...]:
    """Every account of a division, by code."""
    statement = select(*CUSTOMER_COLUMNS).where(CUSTOMERS.c.division == division).order_by(CUSTOMERS.c.code)
    rows = session.connection().execute(statement)
    return tuple(Customer(**dict(zip(CUSTOMER_FIELDS, row, strict=True))) for row in rows)


def get(session: Session, division: Division, customer_id: CustomerId) -> Customer | None:
    """One customer by its id."""
    return _one_customer(session, division, "id", customer_id)


def customer_version(session: Session, division: Division, customer_id: CustomerId) -> int:
    """The row version of a stored customer; 0 when there is none, negative until it is seen again (`cursors`)."""
    return _version(session, CUSTOMERS, division, customer_id)


def contact_version(session: Session, division: Division, contact_id: ContactId) -> int:
    """The same of a contact; 0 also of one that sync has not given yet."""
    return _version(session, CONTACTS, division, contact_id)


def find_by_code(session: Session, division: Division, code: str) -> Customer | None:
    """One customer by its code as people type it, without padding."""
    return _one_customer(session, division, "code", code)


def count(session: Session, division: Division) -> int:
    """How many accounts a division has."""
    statement = select(func.count()).where(CUSTOMERS.c.division == division)
    return int(session.connection().execute(statement).scalar_one())


def save_contacts(session: Session, rows: Sequence[tuple[Contact, int]]) -> int:
    """Store contacts with their timestamps; returns how many are new or changed."""
    return save_newest(session, CONTACTS, [_values(CONTACT_FIELDS, each, at) for each, at in rows])


def note_contact(session: Session, contact: Contact) -> None:
    """Store a contact as we wrote it to Exact ourselves; the next sync overrules it."""
    _note(session, CONTACTS, _values(CONTACT_FIELDS, contact, 0))


def delete_contacts(session: Session, division: Division, ids: Sequence[str]) -> int:
    """Forget contacts by the ids that Exact deleted; returns how many were there."""
    return delete_ids(session, CONTACTS, division, ids)


def forget_unseen_contacts(session: Session, division: Division) -> int:
    """Forget the contacts that a whole reading did not see again; returns how many."""
    return delete_contacts(session, division, unseen_ids(session, CONTACTS, division))


def all_contacts(session: Session, division: Division) -> tuple[Contact, ...]:
    """Every contact of a division, customer by customer."""
    statement = select(*CONTACT_COLUMNS).where(CONTACTS.c.division == division)
    rows = session.connection().execute(statement.order_by(CONTACTS.c.customer, CONTACTS.c.id))
    return tuple(Contact(**dict(zip(CONTACT_FIELDS, row, strict=True))) for row in rows)


def contacts_of(session: Session, division: Division, customer_id: CustomerId) -> tuple[Contact, ...]:
    """The contacts of one customer."""
    statement = select(*CONTACT_COLUMNS).where(CONTACTS.c.division == division, CONTACTS.c.customer == customer_id)
    rows = session.connection().execute(statement.order_by(CONTACTS.c.id))
    return tuple(Contact(**row._asdict()) for row in rows)


def owner_of(session: Session, division: Division, contact_id: ContactId) -> CustomerId | None:
    """Whose card a stored contact is on."""
    statement = select(CONTACTS.c.customer).where(CONTACTS.c.division == division, CONTACTS.c.id == contact_id)
    found = session.connection().execute(statement).scalar_one_or_none()
    return None if found is None else CustomerId(found)


def unseen_cards(session: Session, division: Division) -> frozenset[CustomerId]:
    """The customers that a whole reading did not see again, or one of whose contacts it did not."""
    cards = select(CUSTOMERS.c.id).where(CUSTOMERS.c.division == division, CUSTOMERS.c.timestamp < 0)
    people = select(CONTACTS.c.customer).where(CONTACTS.c.division == division, CONTACTS.c.timestamp < 0)
    return frozenset(CustomerId(key) for key in session.connection().execute(cards.union(people)).scalars())


def count_contacts(session: Session, division: Division) -> int:
    """How many contacts a division has."""
    statement = select(func.count()).where(CONTACTS.c.division == division)
    return int(session.connection().execute(statement).scalar_one())


def _values(names: tuple[str, ...], value: Customer | Contact, timestamp: int) -> dict[str, Any]:
    values = {name: getattr(value, name) for name in names}
    values["timestamp"] = timestamp
    return values


def _note(session: Session, table: Any, values: dict[str, Any]) -> None:
    statement = insert_into(session, table).values(values)
    changes = {name: statement.excluded[name] for name in values if name not in ("division", "id", "timestamp")}
    session.connection().execute(statement.on_conflict_do_update(index_elements=["division", "id"], set_=changes))


def _version(session: Session, table: Table, division: Division, key: str) -> int:
    c = table.c
    statement = select(c.timestamp).where(c.division == division, c.id == key)
    return session.connection().execute(statement).scalar_one_or_none() or 0


def _one_customer(session: Session, division: Division, column: str, value: str) -> Customer | None:
    statement = select(*CUSTOMER_COLUMNS).where(CUSTOMERS.c.division == division, CUSTOMERS.c[column] == value)
    row = session.connection().execute(statement.order_by(CUSTOMERS.c.id).limit(1)).one_or_none()
    return None if row is None else Customer(**row._asdict())
