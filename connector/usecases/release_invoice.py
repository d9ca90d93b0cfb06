"""What a person does with an invoice that stopped: try again, let it go, or say that it did arrive."""

from collections.abc import Callable
from datetime import datetime

from connector.delivery import Kind, State
from connector.errors import NothingFound, WrongUsage
from connector.routing.decision import Target
from connector.routing.directory import Recipient, valid_address
from connector.storage import deliveries, divisions, invoices, recipients
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.envelopes import Origin
from connector.storage.invoices import InvoiceState, ReceivedInvoice
from connector.usecases.cards import Cards
from connector.usecases.handling import Handling
from connector.usecases.route_invoice import read_directory, route_invoice
from connector.usecases.take_invoices import take_again

STOPPED = frozenset({InvoiceState.HELD, InvoiceState.INVALID, InvoiceState.FAILED, InvoiceState.ROUTED})


def find_invoice(database: Database, invoice_id: str) -> ReceivedInvoice:
    """One invoice by its id.

    Raises:
        NothingFound: No such invoice.
    """
    with database.reading() as session:
        stored = invoices.get(session, invoice_id)
    if stored is None:
        raise NothingFound(f"there is no invoice {invoice_id}", hint="see `connector invoices list`")
    return stored


def retry_invoice(
    database: Database,
    invoice_id: str,
    handling: Handling,
    *,
    refresh: Callable[[PinnedDivision], None],
    clock: Callable[[], datetime],
) -> ReceivedInvoice:
    """Try again what stopped: decide anew after something was put right, or send again what is uncertain.

    What was never delivered is rendered anew from the card as it is now, and goes where it should go now. Sending an
    uncertain one again can make it arrive twice: the caller asks first.

    Args:
        refresh: Reads a division's cards from Exact, so that what was just put right there counts.

    Raises:
        WrongUsage: Nothing stopped: it is delivered, a repeat or history.
    """
    stored = find_invoice(database, invoice_id)
    if stored.state not in STOPPED:
        raise WrongUsage(
            f"invoice {invoice_id} is {stored.state}; there is nothing to try again",
            hint="see `connector invoices show`",
        )
    if stored.state is InvoiceState.ROUTED or stored.reason == "delivery_uncertain":
        return _send_again(database, stored, clock())
    with database.reading() as session:
        division = divisions.get(session, stored.division) if stored.division is not None else None
        sent = deliveries.of_invoice(session, invoice_id)
    arrived = any(row.state is State.DELIVERED for row in sent if row.kind is Kind.INVOICE)
    if division is not None and division.active and stored.origin is Origin.EXACT and not arrived:
        refresh(division)
        if stored.xml in {None, "rendered"}:
            stored = take_again(database, division, stored, language=handling.language, clock=clock)
            if stored.xml_sha256 is None:
                return stored
    return route_invoice(
        database, invoice_id, handling, Cards(database, handling), read_directory(database), clock=clock
    )


def _send_again(database: Database, stored: ReceivedInvoice, now: datetime) -> ReceivedInvoice:
    """Make what waits or is uncertain due at once, to the same address."""
    with database.transaction() as session:
        again = deliveries.requeue(session, stored.id, now=now)
        if again and stored.state is not InvoiceState.ROUTED:
            invoices.set_state(session, stored.id, InvoiceState.ROUTED, now=now)
        invoices.add_event(session, stored.id, "retried", {"deliveries": again}, now=now)
    return find_invoice(database, stored.id)


def release_invoice(
    database: Database,
    invoice_id: str,
    handling: Handling,
    *,
    to: str | None = None,
    clock: Callable[[], datetime],
) -> ReceivedInvoice:
    """Let a held, invalid or failed invoice go, in spite of what stopped it.

    Args:
        to: A recipient of the directory by its id, or a mail address; None: whom routing finds.

    Raises:
        WrongUsage: It is not held, it cannot be read at all, or its delivery is uncertain (that is `retry`'s).
        NothingFound: No such invoice or recipient.
    """
    stored = find_invoice(database, invoice_id)
    if stored.state is InvoiceState.ROUTED and not _sent_before(database, invoice_id):
        pass  # left to others by routing.deliver; a person decides otherwise
    elif stored.state not in {InvoiceState.HELD, InvoiceState.INVALID, InvoiceState.FAILED}:
        raise WrongUsage(f"invoice {invoice_id} is {stored.state}, not held", hint="see `connector invoices show`")
    if stored.reason == "delivery_uncertain":
        raise WrongUsage(
            f"invoice {invoice_id} may have arrived",
            hint="ask the recipient; then `connector invoices settle ID --delivered`, or `connector invoices retry ID`",
        )
    if stored.xml_sha256 is None or stored.reason == "unreadable":
        raise WrongUsage(
            f"invoice {invoice_id} has no XML that can be sent",
            hint="put right what is missing, then `connector invoices retry`",
        )
    targets = [_target(database, to)] if to is not None else None
    return route_invoice(
        database,
        invoice_id,
        handling,
        Cards(database, handling),
        read_directory(database),
        clock=clock,
        released=True,
        release_to=targets,
    )


def settle_delivered(database: Database, invoice_id: str, *, clock: Callable[[], datetime]) -> ReceivedInvoice:
    """Say that an uncertain invoice did arrive.

    Raises:
        WrongUsage: None of its deliveries is uncertain.
    """
    find_invoice(database, invoice_id)
    now = clock()
    with database.transaction() as session:
        if not deliveries.settle(session, invoice_id, now=now):
            raise WrongUsage(f"no delivery of invoice {invoice_id} is uncertain", hint="see `connector invoices show`")
        rows = deliveries.of_invoice(session, invoice_id)
        if all(row.state is State.DELIVERED for row in rows if row.kind is Kind.INVOICE):
            invoices.set_state(session, invoice_id, InvoiceState.DELIVERED, now=now)
        invoices.add_event(session, invoice_id, "settled", {}, now=now)
    return find_invoice(database, invoice_id)


def _sent_before(database: Database, invoice_id: str) -> bool:
    with database.reading() as session:
        return any(row.kind is Kind.INVOICE for row in deliveries.of_invoice(session, invoice_id))


def _target(database: Database, to: str) -> Target:
    """Whom a person named: an entry of the directory, or an address."""
    with database.reading() as session:
        entries: dict[str, Recipient] = {str(entry.id): entry for entry in recipients.all(session)}
    entry = entries.get(to)
    if entry is not None:
        return Target(
            channel=entry.channel,
            address=entry.address,
            name=entry.name,
            language=entry.language or "nl",
            recipient=entry.id,
        )
    if not valid_address(to):
        raise NothingFound(
            f"there is no recipient {to}", hint="give an id of `connector recipients list`, or an address"
        )
    return Target(channel="email", address=to, name="", language="nl")
