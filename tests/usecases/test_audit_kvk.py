"""usecases/audit_kvk.py: the audit is fed with everything that is stored and speaks for or against a number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.customer import Customer, CustomerId, Division
from connector.errors import NothingFound
from connector.invoice import InvoiceType
from connector.storage import connections, customers, divisions, envelopes, invoices
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.envelopes import Origin
from connector.storage.invoices import ReceivedInvoice
from connector.usecases.audit_kvk import audit_kvk, changes_since, remember_report

from .office import OpenOffice

TODAY = date(2026, 11, 2)
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
CODE = Division(123456)
VAT = "NL123456782B90"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with one division that has no customers yet."""
    made = Database(f"sqlite:///{tmp_path / 'connector.db'}")
    made.migrate()
    with made.transaction() as session:
        connection = connections.add_or_find(
            session, base_url="https://x.example", client_id="app", user_id="u", user_name="Kim", now=NOON
        )
        divisions.pin(
            session,
            PinnedDivision(
                code=CODE,
                connection_id=connection.id,
                name="Kantoor",
                kvk="55667788",
                vat_number=VAT,
                pinned_at=NOON,
                start_date=TODAY,
            ),
        )
    yield made
    made.dispose()


def store(database: Database, **fields: Any) -> None:
    """Store the one customer."""
    card = Customer(division=CODE, id=CustomerId("c-1"), code="1", name="Bakkerij B.V.", status="C", **fields)
    with database.transaction() as session:
        customers.note_customer(session, card)


def test_e_invoice_of_somebody_else_is_heard(database: Database) -> None:
    """The number in a stored e-invoice that was attached in Exact is proposed for a card without one."""
    store(database)
    with database.transaction() as session:
        envelope = envelopes.add(session, origin=Origin.EXACT, division=CODE, now=NOON)
        invoices.add(
            session,
            ReceivedInvoice(
                id="inv-1",
                division=CODE,
                origin=Origin.EXACT,
                envelope_id=envelope.id,
                exact_id="e-1",
                customer_id=CustomerId("c-1"),
                number="2026-12",
                type=InvoiceType.INVOICE,
                issue_date=date(2026, 10, 1),
                seller_name="Kantoor",
                seller_key="kvk:55667788",
                buyer_name="Bakkerij B.V.",
                buyer_kvk="20147376",
                currency="EUR",
                xml="attached",
                created_at=NOON,
                updated_at=NOON,
            ),
        )

    made = audit_kvk(database, CODE, today=TODAY)

    assert [(finding.status, finding.proposal) for finding in made.findings] == [("missing", "20147376")]


def test_own_vat_number_is_known(database: Database) -> None:
    """A card with the division's own VAT number raises a doubt."""
    store(database, kvk="20147376", vat_number=VAT)

    assert audit_kvk(database, CODE, today=TODAY).summary.doubtful == 1


def test_own_number_is_known(database: Database) -> None:
    """A card with the division's own KvK number is told to have it."""
    store(database, kvk="55667788")

    assert [finding.status for finding in audit_kvk(database, CODE, today=TODAY).findings] == ["own_number"]


def test_money_is_that_of_the_finished_invoices(open_office: OpenOffice) -> None:
    """By customer, count and sum are those of its finished invoices of twelve months in Exact; open ones are none."""
    office = open_office(customers=12, invoices=60)
    office.sync(start_date=date(2025, 1, 1))
    expected: dict[str, tuple[int, Decimal]] = {}
    for row in office.server.state.rows(CODE, "invoices"):
        if row["Status"] == 50 and str(row["InvoiceDate"])[:10] > "2025-11-02":
            count, amount = expected.get(row["InvoiceTo"], (0, Decimal(0)))
            expected[row["InvoiceTo"]] = (count + 1, amount + Decimal(str(row["AmountDC"])))

    made = audit_kvk(office.database, CODE, today=TODAY)

    assert expected
    assert {one.customer.id: (one.invoices_12m, one.amount_12m) for one in made.findings if one.invoices_12m} == {
        customer: sums for customer, sums in expected.items() if customer in {one.customer.id for one in made.findings}
    }


def test_remembered_report_is_compared_with(database: Database) -> None:
    """What was remembered on Monday is what Tuesday's report is held against; before Monday there is nothing."""
    store(database)
    remember_report(database, CODE, audit_kvk(database, CODE, today=TODAY), today=TODAY)
    store(database, kvk="20147376")
    tuesday = audit_kvk(database, CODE, today=date(2026, 11, 3))

    compared, day = changes_since(database, CODE, tuesday, date(2026, 11, 3))

    assert (day, [finding.change for finding in compared.findings]) == (TODAY, ["solved"])
    with pytest.raises(NothingFound, match="2026-11-01") as caught:
        changes_since(database, CODE, tuesday, date(2026, 11, 1))
    assert caught.value.hint == "the first is of 2026-11-02"
