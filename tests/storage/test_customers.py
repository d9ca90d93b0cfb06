"""Customers and contacts: the newest wins, a page seen twice changes nothing."""

import time
from dataclasses import replace
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.customer import Contact, ContactId, Customer, CustomerId, Division
from connector.storage import cursors, customers
from connector.storage.database import Database

from .conftest import NOON

DIVISION = Division(123456)
FULL = Customer(
    division=DIVISION,
    id=CustomerId("c-1"),
    code="6",
    name="Bakkerij Voorbeeld B.V.",
    status="C",
    blocked=True,
    starts_on=date(2024, 2, 29),
    ends_on=date(2027, 1, 1),
    kvk="01234567",
    vat_number="NL000000000B01",
    oin="00000003012345670000",
    gln="8712345000004",
    email="info@bakkerij.example",
    phone="000",
    address_line="Dorpsstraat 1",
    postcode="1000 AA",
    city="Voorbeeldstad",
    country="NL",
    language="nl",
    main_contact=ContactId("p-1"),
    invoice_account=CustomerId("c-2"),
    invoicing_method=2,
    attachment_type=4097,
    modified_at=NOON,
    modified_by="Kim",
)
CONTACT = Contact(
    division=DIVISION,
    id=ContactId("p-1"),
    customer=CustomerId("c-1"),
    first_name="Kim",
    last_name="Voorbeeld",
    full_name="Kim Voorbeeld",
    email="kim@bakkerij.example",
    is_main=True,
    modified_at=NOON,
    modified_by="Kim",
)


def test_customer_comes_back_whole(database: Database) -> None:
    """Every field of a customer comes back as it was stored."""
    with database.transaction() as session:
        customers.save_customers(session, [(FULL, 1)])

    with database.reading() as session:
        assert customers.get(session, DIVISION, FULL.id) == FULL
        assert customers.find_by_code(session, DIVISION, "6") == FULL
        assert customers.all_customers(session, DIVISION) == (FULL,)


def test_contact_comes_back_whole(database: Database) -> None:
    """Every field of a contact comes back as it was stored."""
    with database.transaction() as session:
        customers.save_contacts(session, [(CONTACT, 1)])

    with database.reading() as session:
        assert customers.contacts_of(session, DIVISION, CONTACT.customer) == (CONTACT,)
        assert customers.all_contacts(session, DIVISION) == (CONTACT,)


def test_page_seen_twice_changes_nothing(database: Database) -> None:
    """Storing the same page again counts no change."""
    page = [(FULL, 5), (replace(FULL, id=CustomerId("c-9"), code="9"), 6)]

    with database.transaction() as session:
        first = customers.save_customers(session, page)
        second = customers.save_customers(session, page)

    assert (first, second) == (2, 0)


def test_key_repeated_in_a_page_keeps_the_newest(database: Database) -> None:
    """Of two rows with one id in a page, the one with the higher timestamp stays, whichever comes last."""
    newest, older = replace(FULL, name="Nieuw"), replace(FULL, name="Oud")

    with database.transaction() as session:
        customers.save_customers(session, [(newest, 9), (older, 8)])

    with database.reading() as session:
        assert customers.get(session, DIVISION, FULL.id) == newest


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from("abc")), max_size=8))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_newest_wins_in_any_order(database: Database, seen: list[tuple[int, str]]) -> None:
    """Whatever the order of arrival, the highest timestamp stays; of equal ones the last to arrive."""
    expected = ""
    highest = 0
    for timestamp, name in seen:
        if timestamp >= highest:
            highest, expected = timestamp, name

    with database.transaction() as session:
        customers.delete_customers(session, DIVISION, [FULL.id])
        for timestamp, name in seen:
            customers.save_customers(session, [(replace(FULL, name=name), timestamp)])
        stored = customers.get(session, DIVISION, FULL.id)

    assert (stored.name if stored else "") == expected


def test_divisions_do_not_mix(database: Database) -> None:
    """The same id in two divisions is two customers, and deleting one leaves the other."""
    other = replace(FULL, division=Division(7), name="Elders")

    with database.transaction() as session:
        customers.save_customers(session, [(FULL, 1), (other, 1)])
        gone = customers.delete_customers(session, DIVISION, [FULL.id, CustomerId("never")])

    with database.reading() as session:
        assert gone == 1
        assert customers.count(session, DIVISION) == 0
        assert customers.all_customers(session, Division(7)) == (other,)


def test_what_we_wrote_is_overruled_by_the_next_sync(database: Database) -> None:
    """A customer noted after our own write is seen at once, and Exact's next row wins."""
    noted, synced = replace(FULL, invoicing_method=1), replace(FULL, invoicing_method=32)
    with database.transaction() as session:
        customers.save_customers(session, [(FULL, 5)])

        customers.note_customer(session, noted)
        seen_at_once = customers.get(session, DIVISION, FULL.id)
        customers.save_customers(session, [(FULL, 4)])
        after_old_page = customers.get(session, DIVISION, FULL.id)
        customers.save_customers(session, [(synced, 6)])

        assert seen_at_once == noted
        assert after_old_page == noted
        assert customers.get(session, DIVISION, FULL.id) == synced


def test_contact_we_made_is_there_before_the_sync(database: Database) -> None:
    """A contact noted before any sync is stored, and the sync's row takes its place."""
    with database.transaction() as session:
        customers.note_contact(session, CONTACT)
        assert customers.count_contacts(session, DIVISION) == 1

        customers.save_contacts(session, [(replace(CONTACT, full_name="K. Voorbeeld"), 1)])

        assert customers.contacts_of(session, DIVISION, CONTACT.customer)[0].full_name == "K. Voorbeeld"


def test_after_a_move_lower_timestamps_overrule(database: Database) -> None:
    """Once the cursors are reset, rows with lower timestamps count again; unchanged rows count as no change."""
    moved, same = replace(FULL, name="Verhuisd"), replace(FULL, id=CustomerId("c-2"), code="7")
    with database.transaction() as session:
        customers.save_customers(session, [(FULL, 900), (same, 901)])
        cursors.move(session, DIVISION, "accounts", 901, caught_up=True, now=NOON)

        cursors.restart(session, DIVISION, "accounts", [customers.CUSTOMERS], now=NOON)
        changed = customers.save_customers(session, [(moved, 3), (same, 901)])

        assert changed == 1
        assert customers.get(session, DIVISION, FULL.id) == moved
        assert cursors.read(session, DIVISION, "accounts").timestamp == 0


def test_twenty_thousand_customers_load_in_a_second(database: Database) -> None:
    """An office with 20,000 customers is read in under a second (twice that on a busy machine)."""
    with database.transaction() as session:
        rows = [(replace(FULL, id=CustomerId(f"c-{number}"), code=str(number)), number) for number in range(20_000)]
        customers.save_customers(session, rows)

    started = time.perf_counter()
    with database.reading() as session:
        loaded = customers.all_customers(session, DIVISION)
    seconds = time.perf_counter() - started

    assert len(loaded) == 20_000
    assert seconds < 2
