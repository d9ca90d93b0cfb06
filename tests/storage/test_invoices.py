"""Received invoices: whole, unique where they have to be, found again."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from connector.customer import CustomerId, Division
from connector.errors import NothingFound
from connector.invoice import Finding, InvoiceType, Severity
from connector.storage import files, invoices
from connector.storage.database import Database
from connector.storage.envelopes import Envelope, Origin
from connector.storage.invoices import InvoiceState, ReceivedInvoice

from .conftest import NOON


@pytest.fixture
def full(database: Database, envelope: Envelope) -> ReceivedInvoice:
    """An invoice with every field filled; not stored yet."""
    with database.transaction() as session:
        sha256 = files.save(session, b"<Invoice/>")
    return ReceivedInvoice(
        id=invoices.new_id(NOON),
        division=Division(123456),
        origin=Origin.EXACT,
        envelope_id=envelope.id,
        exact_id="e-1",
        customer_id=CustomerId("c-1"),
        number="2026-0042",
        type=InvoiceType.CREDIT_NOTE,
        issue_date=date(2026, 11, 2),
        seller_name="Bakkerij Voorbeeld B.V.",
        seller_kvk="01234567",
        seller_key="kvk:01234567",
        buyer_name="Gemeente Voorbeeldstad",
        buyer_kvk="76543210",
        currency="EUR",
        payable=Decimal("12345678901234.56"),
        state=InvoiceState.HELD,
        reason="without_kvk",
        detail="geen nummer",
        format="nlcius",
        xml="rendered",
        pdf="attached",
        xml_sha256=sha256,
        pdf_sha256=sha256,
        extras=(("uren.xlsx", sha256),),
        findings=(Finding(rule="BR-1", severity=Severity.FATAL, path="/Invoice", message_en="no", message_nl="nee"),),
        created_at=NOON,
        updated_at=NOON,
    )


def test_invoice_comes_back_whole(database: Database, full: ReceivedInvoice) -> None:
    """Every field comes back as it was stored, 16-digit amounts to the cent."""
    with database.transaction() as session:
        invoices.add(session, full)

    with database.reading() as session:
        assert invoices.get(session, full.id) == full


@given(
    amount=st.one_of(
        st.none(),
        st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**20), max_value=10**20),
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_amounts_come_back_digit_for_digit(database: Database, full: ReceivedInvoice, amount: Decimal | None) -> None:
    """Any amount comes back with the digits it had."""
    invoice = replace(full, id=invoices.new_id(NOON), exact_id=None, payable=amount)

    with database.transaction() as session:
        invoices.add(session, invoice)
        found = invoices.get(session, invoice.id)

    assert found is not None
    assert str(found.payable) == str(amount)


def test_instants_come_back_aware_in_utc(database: Database, full: ReceivedInvoice) -> None:
    """An instant given with another offset comes back as the same one in UTC."""
    amsterdam = datetime(2026, 11, 2, 13, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))

    with database.transaction() as session:
        invoices.add(session, replace(full, created_at=amsterdam))
        found = invoices.get(session, full.id)

    assert found is not None
    assert found.created_at == amsterdam
    assert found.created_at.tzinfo == UTC


def test_exact_invoice_is_stored_once(database: Database, full: ReceivedInvoice) -> None:
    """The same Exact invoice of a division cannot be there twice; without an Exact id anything can."""
    with database.transaction() as session:
        invoices.add(session, full)
        invoices.add(session, replace(full, id="inv_2", exact_id=None))
        invoices.add(session, replace(full, id="inv_3", exact_id=None))
        invoices.add(session, replace(full, id="inv_4", division=Division(7)))

    with pytest.raises(IntegrityError), database.transaction() as session:
        invoices.add(session, replace(full, id="inv_5"))


def test_repeats_are_found_by_number_year_and_type(database: Database, full: ReceivedInvoice) -> None:
    """A repeat has the same seller, number, year and type; repeats themselves are not originals."""
    with database.transaction() as session:
        invoices.add(session, replace(full, id="inv_0", exact_id=None, state=InvoiceState.DUPLICATE))
        invoices.add(session, full)

    def find(key: str, number: str, year: int | None, type: InvoiceType, but: str | None = None) -> object:
        with database.reading() as session:
            return invoices.find_by_number(session, key, number, year, type, division=123456, but=but)

    credit = InvoiceType.CREDIT_NOTE
    assert find("kvk:01234567", "2026-0042", 2026, credit) == full
    assert find("kvk:01234567", "2026-0042", 2025, credit) is None
    assert find("kvk:01234567", "2026-0042", None, credit) is None
    assert find("kvk:01234567", "2026-0043", 2026, credit) is None
    assert find("kvk:76543210", "2026-0042", 2026, credit) is None
    assert find("kvk:01234567", "2026-0042", 2026, InvoiceType.INVOICE) is None
    assert find("kvk:01234567", "2026-0042", 2026, credit, but=full.id) is None


def test_repeats_are_found_by_bytes(database: Database, full: ReceivedInvoice) -> None:
    """The same XML is found whatever it says, the invoice itself left out."""
    assert full.xml_sha256 is not None
    with database.transaction() as session:
        invoices.add(session, full)

        assert invoices.find_by_bytes(session, full.xml_sha256, division=123456) == full
        assert invoices.find_by_bytes(session, full.xml_sha256, division=123456, but=full.id) is None


def test_a_repeat_is_of_the_same_division(database: Database, full: ReceivedInvoice) -> None:
    """What another division has, or no division, is no original of this one; without a division only those without."""
    assert full.xml_sha256 is not None
    nobodys = replace(full, id="inv_nobody", exact_id=None, division=None)
    with database.transaction() as session:
        invoices.add(session, full)
        invoices.add(session, nobodys)

        def found(division: int | None) -> tuple[object, object]:
            by_bytes = invoices.find_by_bytes(session, full.xml_sha256 or "", division=division)
            by_number = invoices.find_by_number(
                session, full.seller_key, full.number, 2026, full.type, division=division
            )
            return by_bytes, by_number

        assert found(123456) == (full, full)
        assert found(7) == (None, None)
        assert found(None) == (nobodys, nobodys)


def test_state_takes_the_place_of_the_former(database: Database, full: ReceivedInvoice) -> None:
    """A new state brings its own reason and time."""
    later = NOON + timedelta(hours=1)
    with database.transaction() as session:
        invoices.add(session, full)

        invoices.set_state(session, full.id, InvoiceState.ROUTED, now=later)

        expected = replace(full, state=InvoiceState.ROUTED, reason=None, detail=None, updated_at=later)
        assert invoices.get(session, full.id) == expected


def test_unknown_invoice_has_no_state(database: Database) -> None:
    """Changing an invoice that is not there is said, not swallowed."""
    with pytest.raises(NothingFound), database.transaction() as session:
        invoices.set_state(session, "inv_none", InvoiceState.HELD, now=NOON)


def test_list_is_in_order_and_limited_to_the_last(database: Database, full: ReceivedInvoice) -> None:
    """A list is by time of arrival; a limit keeps the newest; division and state narrow it."""
    with database.transaction() as session:
        for number in range(4):
            id = invoices.new_id(NOON + timedelta(seconds=number))
            state = InvoiceState.DELIVERED if number == 1 else InvoiceState.HELD
            invoices.add(session, replace(full, id=id, exact_id=None, number=str(number), state=state))

        def listed(**narrowed: object) -> str:
            return "".join(each.number for each in invoices.all(session, **narrowed))  # type: ignore[arg-type]

        assert listed() == "0123"
        assert listed(limit=2) == "23"
        assert listed(division=123456, state=InvoiceState.DELIVERED) == "1"
        assert listed(division=7) == ""


def test_files_can_be_set_later(database: Database, full: ReceivedInvoice) -> None:
    """A PDF that is rendered later is found with the invoice."""
    with database.transaction() as session:
        invoices.add(session, replace(full, pdf="none", pdf_sha256=None))
        pdf = files.save(session, b"%PDF")

        invoices.set_files(
            session, full.id, xml=full.xml, xml_sha256=full.xml_sha256, pdf="rendered", pdf_sha256=pdf, now=NOON
        )

        assert invoices.get(session, full.id) == replace(full, pdf="rendered", pdf_sha256=pdf)


def test_reading_is_kept(database: Database, full: ReceivedInvoice) -> None:
    """What reading found takes the place of what was known before."""
    with database.transaction() as session:
        invoices.add(session, replace(full, findings=(), format=None, payable=None, customer_id=None))

        invoices.set_reading(
            session,
            full.id,
            format="nlcius",
            findings=full.findings,
            customer_id=full.customer_id,
            seller_key=full.seller_key,
            currency="EUR",
            payable=full.payable,
            now=NOON,
        )

        assert invoices.get(session, full.id) == full


def test_timeline_is_in_order(database: Database, full: ReceivedInvoice) -> None:
    """Events come back in the order in which they were added, with their facts."""
    with database.transaction() as session:
        invoices.add(session, full)
        invoices.add_event(session, full.id, "received", now=NOON)
        invoices.add_event(session, full.id, "held", {"amount": Decimal("1.10")}, now=NOON)

        assert [(each.event, each.facts) for each in invoices.events(session, full.id)] == [
            ("received", {}),
            ("held", {"amount": "1.10"}),
        ]


def test_file_that_was_never_kept_is_not_found(database: Database) -> None:
    """Asking for unknown bytes is an error with a name."""
    with pytest.raises(NothingFound), database.reading() as session:
        files.load(session, "0" * 64)


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({"xml": "attached"}, "76543210"),
        ({"xml": "received"}, "76543210"),
        ({"xml": "rendered"}, None),
        ({"xml": "attached", "buyer_kvk": None}, None),
        ({"xml": "attached", "state": InvoiceState.INVALID}, None),
        ({"xml": "attached", "state": InvoiceState.DUPLICATE}, None),
        ({"xml": "attached", "division": Division(7)}, None),
        ({"xml": "attached", "issue_date": date(2025, 1, 1)}, None),
    ],
)
def test_numbers_of_buyers_are_those_of_foreign_e_invoices(
    database: Database, full: ReceivedInvoice, changes: dict[str, Any], number: str | None
) -> None:
    """Only what somebody else wrote, of this division and recent, says a buyer's number."""
    with database.transaction() as session:
        invoices.add(session, replace(full, **changes))

    with database.reading() as session:
        found = invoices.numbers_of_buyers(session, Division(123456), since=date(2025, 11, 3))

    assert {customer: one.kvk for customer, one in found.items()} == ({"c-1": number} if number else {})


def test_newest_e_invoice_says_the_buyers_number(database: Database, full: ReceivedInvoice) -> None:
    """Of several the one with the latest date counts, whatever came in last."""
    with database.transaction() as session:
        for at, (number, day) in enumerate([("11112222", 30), ("33334444", 2)]):
            changed = replace(
                full,
                id=f"inv-{at}",
                exact_id=f"e-{at}",
                xml="attached",
                buyer_kvk=number,
                issue_date=date(2026, 10, day),
                number=f"2026-{day}",
            )
            invoices.add(session, changed)

    with database.reading() as session:
        (found,) = invoices.numbers_of_buyers(session, Division(123456), since=date(2025, 11, 3)).values()

    assert (found.kvk, found.invoice, found.date) == ("11112222", "2026-30", date(2026, 10, 30))
