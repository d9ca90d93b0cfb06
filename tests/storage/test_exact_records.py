"""What is kept of Exact: divisions, cursors, sales invoices, documents, reference lists."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from connector.customer import Division
from connector.errors import Busy, NothingFound
from connector.invoice import InvoiceType
from connector.storage import (
    connections,
    cursors,
    divisions,
    documents,
    envelopes,
    files,
    invoices,
    reference,
    sales_invoices,
)
from connector.storage.connections import Connection
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.documents import Attachment, Document
from connector.storage.invoices import ReceivedInvoice
from connector.storage.sales_invoices import SalesInvoice, SalesRow

from .conftest import NOON

CODE = Division(123456)
LATER = NOON + timedelta(days=30)
HEADER = SalesInvoice(
    id="i-1",
    number=42,
    status=50,
    type=8020,
    invoice_date=date(2026, 11, 2),
    invoice_to="c-2",
    ordered_by="c-1",
    amount=Decimal("12345678901234.56"),
    currency="EUR",
    modified_at=NOON,
    timestamp=10,
)
DOCUMENT = Document(
    id="d-1",
    type=10,
    subject="Invoice: 42",
    account="c-1",
    invoice_id="i-1",
    invoice_number=42,
    date=date(2026, 11, 2),
    timestamp=11,
)
ATTACHMENT = Attachment(
    id="a-1",
    document_id="d-1",
    file_name="inv42.PDF",
    url="https://start.exactonline.nl/docs/SysAttachment.aspx?ID=a-1",
    size=9,
    timestamp=12,
)


@pytest.fixture
def pinned(database: Database, connection: Connection) -> PinnedDivision:
    """A pinned division."""
    with database.transaction() as session:
        return divisions.pin(
            session,
            PinnedDivision(
                code=CODE,
                connection_id=connection.id,
                name="Bakkerij Voorbeeld B.V.",
                kvk="01234567",
                pinned_at=NOON,
                start_date=date(2026, 11, 2),
            ),
        )


def test_pinning_again_keeps_the_start_date(database: Database, pinned: PinnedDivision) -> None:
    """Connecting once more renews what Exact says, not from when invoices are sent."""
    with database.transaction() as session:
        divisions.update(session, CODE, last_synced_at=NOON)

        again = divisions.pin(
            session, replace(pinned, name="Nieuwe naam", pinned_at=LATER, start_date=date(2026, 12, 2))
        )

    assert again == replace(pinned, name="Nieuwe naam", last_synced_at=NOON)


def test_pinning_after_unpinning_starts_anew(database: Database, pinned: PinnedDivision) -> None:
    """What was invoiced while a division was not connected is history."""
    anew = replace(pinned, pinned_at=LATER, start_date=date(2026, 12, 2))
    with database.transaction() as session:
        divisions.unpin(session, CODE)

        assert divisions.pin(session, anew) == anew


def test_connection_goes_after_its_last_division(
    database: Database, pinned: PinnedDivision, connection: Connection
) -> None:
    """An unpinned division is not listed and does not hold on to its connection."""
    with database.transaction() as session:
        divisions.unpin(session, CODE)
        connections.remove(session, connection.id)

        assert divisions.all(session) == ()
        assert [each.code for each in divisions.all(session, active=None)] == [CODE]


def test_unknown_division_cannot_change(database: Database) -> None:
    """A change of a division that was never pinned is said, not swallowed."""
    with pytest.raises(NothingFound), database.transaction() as session:
        divisions.update(session, 1, name="x")
    with pytest.raises(NothingFound), database.reading() as session:
        divisions.require(session, 1)


def test_cursor_moves_on_only(database: Database) -> None:
    """A cursor goes forward or stays; going back means that somebody else was there, and changes nothing."""
    with database.transaction() as session:
        cursors.move(session, CODE, "accounts", 10, caught_up=True, now=NOON)
        cursors.move(session, CODE, "accounts", 10, caught_up=False, now=LATER)

        with pytest.raises(Busy):
            cursors.move(session, CODE, "accounts", 9, caught_up=True, now=LATER)

        assert cursors.read(session, CODE, "accounts") == cursors.Cursor(
            division=CODE, stream="accounts", timestamp=10, caught_up=False, complete_to=10, at=LATER
        )


def test_header_comes_back_whole(database: Database) -> None:
    """Every field of a header comes back as stored."""
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, [HEADER])

        assert sales_invoices.get(session, CODE, "i-1") == HEADER


@pytest.mark.parametrize("together", [True, False], ids=["within a page", "over pages"])
def test_newest_row_wins(database: Database, together: bool) -> None:
    """Of a repeated key the row with the highest Timestamp stays, whatever the order, on one page or on two."""
    row = SalesRow(id="i-1", invoice_id="i-1", line_number=0, timestamp=10, record={"AmountFC": "1"})
    with database.transaction() as session:

        def both(save: Callable[[Session, int, Any], int], new: Any, old: Any) -> None:
            for page in [[new, old]] if together else [[new], [old]]:
                save(session, CODE, page)

        both(sales_invoices.save_rows, row, replace(row, timestamp=9, record={"AmountFC": "2"}))
        both(sales_invoices.save_headers, HEADER, replace(HEADER, timestamp=9, amount=Decimal(2)))
        both(documents.save_documents, DOCUMENT, replace(DOCUMENT, timestamp=9, subject="old"))
        both(documents.save_attachments, ATTACHMENT, replace(ATTACHMENT, timestamp=9, file_name="old.pdf"))

        assert sales_invoices.rows_of(session, CODE, "i-1") == (row,)
        assert sales_invoices.get(session, CODE, "i-1") == HEADER
        assert documents.attachments_of_invoice(session, CODE, "i-1", 42) == (ATTACHMENT,)
        assert session.connection().execute(documents.DOCUMENTS.select()).one().subject == DOCUMENT.subject


def test_restarted_cursor_compares(database: Database) -> None:
    """A stream that starts anew counts what it holds, and what the reading does not see again is known after it."""
    with database.transaction() as session:
        cursors.move(session, CODE, "documents", 12, caught_up=True, now=NOON)
        documents.save_documents(session, CODE, [DOCUMENT, replace(DOCUMENT, id="d-2", timestamp=12)])

        cursors.restart(session, CODE, "documents", [documents.DOCUMENTS], now=LATER)
        begun = cursors.read(session, CODE, "documents")
        changed = documents.save_documents(session, CODE, [replace(DOCUMENT, timestamp=3)])
        gone = documents.forget_unseen_documents(session, CODE)
        cursors.end_comparison(session, CODE, "documents", kept=0, now=LATER)
        ended = cursors.read(session, CODE, "documents")

    assert (begun.timestamp, begun.caught_up, begun.comparing, begun.held) == (0, False, True, 2)
    assert (changed, gone) == (0, 1)
    assert (ended.comparing, ended.compared_at) == (False, LATER)


def test_forgotten_invoice_that_was_received_is_not_taken(database: Database, pinned: PinnedDivision) -> None:
    """An invoice whose header went and came back was taken: it is among the received ones."""
    with database.transaction() as session:
        envelope = envelopes.add(session, origin=envelopes.Origin.EXACT, division=CODE, now=NOON)
        received = ReceivedInvoice(
            id="r-1",
            division=CODE,
            origin=envelopes.Origin.EXACT,
            envelope_id=envelope.id,
            exact_id=HEADER.id,
            number="42",
            type=InvoiceType.INVOICE,
            seller_name="",
            seller_key="",
            buyer_name="",
            currency="EUR",
            created_at=NOON,
            updated_at=NOON,
        )
        invoices.add(session, received)

        sales_invoices.save_headers(session, CODE, [HEADER, replace(HEADER, id="new", number=43)])

        assert [each.id for each in sales_invoices.to_take(session, CODE, 9)] == ["new"]


def test_only_finished_untaken_invoices_are_taken(database: Database) -> None:
    """What is open, unnumbered, taken or of another division is not to be taken; the rest by date and number."""
    headers = [
        replace(HEADER, id="later", invoice_date=date(2026, 11, 3), number=1),
        replace(HEADER, id="second", number=43),
        replace(HEADER, id="first", number=42),
        replace(HEADER, id="open", status=20),
        replace(HEADER, id="unnumbered", number=None),
        replace(HEADER, id="taken", number=1),
    ]
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, headers)
        sales_invoices.save_headers(session, 7, [HEADER])
        taken = sales_invoices.mark_taken(session, CODE, "taken", now=NOON)
        again = sales_invoices.mark_taken(session, CODE, "taken", now=NOON)

        assert (taken, again) == (True, False)
        assert [each.id for each in sales_invoices.to_take(session, CODE, 9)] == ["first", "second", "later"]
        assert [each.id for each in sales_invoices.to_take(session, CODE, 1)] == ["first"]


def test_finished_numbers_are_those_of_one_customer(database: Database) -> None:
    """Of the numbers asked for, only finished invoices of the type that go to the customer count."""
    mine = replace(HEADER, id="mine", number=1, status=50, type=8020, invoice_to="me", ordered_by="you")
    headers = [
        mine,
        replace(mine, id="ordered", number=2, invoice_to=None, ordered_by="me"),
        replace(mine, id="not asked", number=3),
        replace(mine, id="open", number=4, status=20),
        replace(mine, id="credit", number=5, type=8021),
        replace(mine, id="other", number=6, invoice_to="you", ordered_by="me"),
    ]
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, headers)
        sales_invoices.save_headers(session, 7, [replace(mine, id="elsewhere", number=7)])

    with database.reading() as session:
        found = sales_invoices.finished_numbers(session, CODE, "me", among={1, 2, 4, 5, 6, 7}, types={8020, 8023})

    assert found == {1, 2}


def test_taken_stays_taken_after_a_change(database: Database) -> None:
    """A newer header does not bring an invoice back, nor does a reset of the cursors."""
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, [HEADER])
        sales_invoices.mark_taken(session, CODE, "i-1", now=NOON)

        sales_invoices.save_headers(session, CODE, [replace(HEADER, amount=Decimal(1), timestamp=20)])
        cursors.restart(session, CODE, "invoices", [sales_invoices.ROWS, sales_invoices.HEADERS], now=NOON)
        sales_invoices.save_headers(session, CODE, [replace(HEADER, timestamp=2)])

        assert sales_invoices.to_take(session, CODE, 9) == ()
        assert sales_invoices.count(session, CODE) == 1


def test_rows_come_by_line_and_go_with_their_invoice(database: Database) -> None:
    """An invoice's rows come in order of line; deleting the invoice deletes them."""
    rows = [
        SalesRow(
            id=f"r-{line}", invoice_id="i-1", line_number=line, timestamp=line, record={"AmountFC": Decimal("0.10")}
        )
        for line in (3, 1, 2)
    ]
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, [HEADER])
        changed = sales_invoices.save_rows(session, CODE, rows), sales_invoices.save_rows(session, CODE, rows)
        found = sales_invoices.rows_of(session, CODE, "i-1")

        deleted = sales_invoices.delete_invoices(session, CODE, ["i-1"])

        assert changed == (3, 0)
        assert [(row.line_number, row.record) for row in found] == [(n, {"AmountFC": "0.10"}) for n in (1, 2, 3)]
        assert deleted == 1
        assert sales_invoices.rows_of(session, CODE, "i-1") == ()


def test_finished_are_counted_since_and_open_always(database: Database) -> None:
    """Step 5 counts what was finished since a day, and what still stands open whatever its date."""
    headers = [
        HEADER,
        replace(HEADER, id="i-2", invoice_date=date(2026, 11, 1)),
        replace(HEADER, id="i-3", status=20, invoice_date=None),
        replace(HEADER, id="i-4", status=10),
    ]
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, headers)

        assert sales_invoices.count_finished_and_open(session, CODE, since=date(2026, 11, 2)) == (1, 1)


def test_facts_are_of_finished_invoices_since(database: Database) -> None:
    """The audit sees who was invoiced what, from a day on, credit notes below zero."""
    headers = [
        HEADER,
        replace(HEADER, id="i-2", number=43, invoice_to=None, amount=Decimal("-1.50"), type=8021),
        replace(HEADER, id="i-3", status=20),
        replace(HEADER, id="i-4", invoice_date=date(2026, 11, 1)),
    ]
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, headers)

        assert sales_invoices.facts(session, CODE, date(2026, 11, 2)) == (
            ("c-2", date(2026, 11, 2), Decimal("12345678901234.56")),
            ("c-1", date(2026, 11, 2), Decimal("-1.50")),
        )


@pytest.mark.parametrize(
    ("changes", "belongs"),
    [
        ({}, True),
        ({"invoice_number": None, "type": 20}, True),
        ({"invoice_id": None}, True),
        ({"invoice_id": None, "type": 20}, False),
        ({"invoice_id": None, "invoice_number": 43}, False),
    ],
)
def test_document_belongs_by_entry_or_printed_number(
    database: Database, changes: dict[str, object], belongs: bool
) -> None:
    """A document is an invoice's by its entry id, or as a printed invoice by its number; its files are wanted."""
    expected = (ATTACHMENT,) if belongs else ()
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, [HEADER])
        documents.save_documents(session, CODE, [replace(DOCUMENT, **changes)])  # type: ignore[arg-type]
        documents.save_attachments(session, CODE, [ATTACHMENT])

        assert documents.attachments_of_invoice(session, CODE, "i-1", 42) == expected
        assert documents.unfetched(session, CODE, date(2026, 11, 2)) == expected
        assert documents.unfetched(session, CODE, date(2026, 11, 3)) == ()


def test_fetched_stays_fetched_until_the_file_changes(database: Database) -> None:
    """Bytes are fetched once, and again only when the file has another address or size."""
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, [HEADER])
        documents.save_documents(session, CODE, [DOCUMENT])
        documents.save_attachments(session, CODE, [ATTACHMENT])
        sha256 = files.save(session, b"%PDF-1.7\n")
        documents.mark_fetched(session, CODE, "a-1", sha256=sha256, now=NOON)

        documents.save_attachments(session, CODE, [replace(ATTACHMENT, file_name="new.pdf", timestamp=20)])
        kept = documents.attachments_of_invoice(session, CODE, "i-1", 42)
        wanted = documents.unfetched(session, CODE, date(2026, 11, 2))
        documents.save_attachments(session, CODE, [replace(ATTACHMENT, size=10, timestamp=21)])
        changed = documents.unfetched(session, CODE, date(2026, 11, 2))

    assert (kept[0].sha256, kept[0].fetched_at, kept[0].file_name) == (sha256, NOON, "new.pdf")
    assert wanted == ()
    assert changed == (replace(ATTACHMENT, size=10, timestamp=21),)


def test_refused_attachment_waits_for_its_time(database: Database) -> None:
    """What Exact refused is wanted again when its time comes, each refusal counted; a changed file starts anew."""
    with database.transaction() as session:
        sales_invoices.save_headers(session, CODE, [HEADER])
        documents.save_documents(session, CODE, [DOCUMENT])
        documents.save_attachments(session, CODE, [ATTACHMENT])
        documents.put_off(session, CODE, "a-1", tries=1, retry_at=NOON)
        documents.put_off(session, CODE, "a-1", tries=2, retry_at=LATER)

        def wanted(now: datetime | None) -> tuple[Attachment, ...]:
            return documents.unfetched(session, CODE, date(2026, 11, 2), now=now)

        documents.save_attachments(session, CODE, [replace(ATTACHMENT, file_name="new.pdf", timestamp=20)])
        waiting = wanted(LATER - timedelta(seconds=1)), wanted(LATER), wanted(None)
        documents.save_attachments(session, CODE, [replace(ATTACHMENT, size=10, timestamp=21)])
        changed = wanted(NOON)

    refused_twice = replace(ATTACHMENT, file_name="new.pdf", timestamp=20, tries=2)
    assert waiting == ((), (refused_twice,), (refused_twice,))
    assert changed == (replace(ATTACHMENT, size=10, timestamp=21),)


def test_deleted_document_takes_its_attachments(database: Database) -> None:
    """Documents and attachments that Exact deleted are gone."""
    with database.transaction() as session:
        documents.save_documents(session, CODE, [DOCUMENT])
        documents.save_attachments(session, CODE, [ATTACHMENT, replace(ATTACHMENT, id="a-2")])

        one = documents.delete_attachments(session, CODE, ["a-2"])
        gone = documents.delete_documents(session, CODE, ["d-1"])

        assert (one, gone) == (1, 1)
        assert documents.attachments_of_invoice(session, CODE, "i-1", 42) == ()


def test_reference_is_replaced_as_a_whole(database: Database) -> None:
    """A new list takes the place of the old one, of this division and kind only."""
    with database.transaction() as session:
        reference.replace(session, CODE, "vat_code", {"1": {"Percentage": Decimal("0.06")}, "4": {}})
        reference.replace(session, CODE, "bank", {"x": {}})

        reference.replace(session, CODE, "vat_code", {"4": {"Percentage": Decimal("0.21")}})

        assert reference.all(session, CODE, "vat_code") == {"4": {"Percentage": "0.21"}}
        assert reference.all(session, CODE, "bank") == {"x": {}}
