"""Fills an installation for `benchmarks.office`: an office's customers and the invoices of two years, in a SQLite file.

Called with the number of customers and a folder. The cards come from the sandbox by the first sync; the invoices, five
for each customer, go in through the stores: headers, and what became of them, as those are all that the reports read.
"""

import logging
import sys
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import structlog

from benchmarks.installation import install
from benchmarks.site import DIVISION, serve_customers
from connector.customer import Customer, Division, valid_numbers
from connector.invoice import InvoiceType
from connector.storage import customers, divisions, envelopes, invoices, sales_invoices
from connector.storage.database import Database
from connector.storage.envelopes import Origin
from connector.storage.invoices import InvoiceState, ReceivedInvoice
from connector.storage.sales_invoices import FINISHED, SalesInvoice
from connector.usecases.sync_division import sync_cards

INVOICES_EACH = 5
DAYS = 730
"""How far back the invoices go; a report counts those of the last 12 months."""
ATTACHED_EACH = 10
"""One invoice in so many had an e-invoice that somebody else made: those are held against the card."""
INVOICE = 8020
"""Exact's Type of a sales invoice. Source: exact-online-api.md 4.4."""


def main() -> None:
    """Make the installation, read the cards, add the invoices."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    count, folder = int(sys.argv[1]), Path(sys.argv[2])
    with serve_customers(count) as site, install(folder, site) as wiring:
        [division] = wiring.pinned()
        sync_cards(wiring.database, wiring.exact(division), division.code, clock=wiring.clock)
        with wiring.database.transaction() as session:
            divisions.update(session, division.code, last_synced_at=wiring.clock())
            cards = customers.all_customers(session, Division(DIVISION))
        add_invoices(wiring.database, cards, now=wiring.clock())


def add_invoices(database: Database, cards: tuple[Customer, ...], *, now: datetime) -> None:
    """Give every card its invoices, finished and delivered, spread over the days."""
    total = len(cards) * INVOICES_EACH
    with database.transaction() as session:
        envelope = envelopes.add(session, origin=Origin.EXACT, division=Division(DIVISION), now=now)
        headers = []
        for place in range(total):
            card = cards[place % len(cards)]
            header = _header(place, total, card, now)
            headers.append(header)
            invoices.add(session, _received(place, header, card, envelope.id, now))
        sales_invoices.save_headers(session, DIVISION, headers)


def _header(place: int, total: int, card: Customer, now: datetime) -> SalesInvoice:
    day = now.date() - timedelta(days=DAYS - DAYS * place // total)
    return SalesInvoice(
        id=f"00000000-0000-0000-0000-{place:012d}",
        number=place + 1,
        status=FINISHED,
        type=INVOICE,
        invoice_date=day,
        invoice_to=card.id,
        ordered_by=card.id,
        amount=Decimal(place * 7919 % 1_000_000) / 100,
        currency="EUR",
        modified_at=datetime.combine(day, time(9), tzinfo=UTC),
        timestamp=place + 1,
    )


def _received(place: int, header: SalesInvoice, card: Customer, envelope: str, now: datetime) -> ReceivedInvoice:
    return ReceivedInvoice(
        id=invoices.new_id(now + timedelta(milliseconds=place)),
        division=Division(DIVISION),
        origin=Origin.EXACT,
        envelope_id=envelope,
        exact_id=header.id,
        customer_id=card.id,
        number=str(header.number),
        type=InvoiceType.INVOICE,
        issue_date=header.invoice_date,
        seller_name="",
        seller_key="",
        buyer_name=card.name,
        buyer_kvk=valid_numbers(card)[0],
        currency="EUR",
        payable=header.amount,
        state=InvoiceState.DELIVERED,
        format="nlcius",
        xml="rendered" if place % ATTACHED_EACH else "attached",
        pdf="attached",
        created_at=now,
        updated_at=now,
    )


if __name__ == "__main__":
    main()
