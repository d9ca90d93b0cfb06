"""One whole pass of the background sync: sync, take, decide, deliver; and the tally of what became of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connector.errors import Busy, ConnectorError
from connector.exact.client import ExactClient
from connector.sending.channel import Channel
from connector.storage import invoices
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.invoices import InvoiceState, ReceivedInvoice
from connector.usecases.cards import Cards
from connector.usecases.deliver_next import DeliveryReport, deliver_due
from connector.usecases.handling import Handling
from connector.usecases.ownership import Lease
from connector.usecases.route_invoice import read_directory, route_invoice
from connector.usecases.sync_division import sync_division
from connector.usecases.sync_report import SyncReport
from connector.usecases.take_invoices import take_invoices

Progress = Callable[[str, int], None]
ROUTE_WAIT = timedelta(minutes=2)
RENEW_EVERY = 50
"""Invoices decided before the lease is renewed: seconds, against its ten minutes."""


@dataclass(slots=True, kw_only=True)
class PassReport:
    """What one pass did; `as_json` is the shape of interfaces.md."""

    syncs: list[SyncReport] = field(default_factory=list)
    tally: dict[str, int] = field(default_factory=dict)
    deliveries: DeliveryReport = field(default_factory=DeliveryReport)
    troubles: list[ConnectorError] = field(default_factory=list)
    """Parts of the work that another process is at."""

    def as_json(self) -> dict[str, Any]:
        """The document of `run --once --json`."""
        return {**self.tally, "no_invoice": 0, "sync": {"divisions": [sync.as_json() for sync in self.syncs]}}

    @property
    def errors(self) -> list[ConnectorError]:
        """What kept parts of the pass from their end."""
        found = [error for sync in self.syncs for error in sync.errors] + self.troubles
        return [*found, *self.deliveries.errors.values()]


def run_once(
    database: Database,
    divisions: Sequence[PinnedDivision],
    client_of: Callable[[PinnedDivision], ExactClient],
    channels: Mapping[str, Channel],
    handling: Handling,
    *,
    clock: Callable[[], datetime],
    progress: Progress = lambda what, number: None,
    stop: Callable[[], bool] = lambda: False,
) -> PassReport:
    """Make one pass over these divisions; one that fails does not keep the others back."""
    report = PassReport()
    for division in divisions:
        if stop():
            break
        report.syncs.append(
            sync_division(
                database,
                client_of(division),
                division.code,
                start_date=handling.start_date,
                clock=clock,
                progress=progress,
            )
        )
    fresh = [division for division, sync in zip(divisions, report.syncs, strict=False) if sync.error is None]
    ids = take_and_route(database, fresh, handling, clock=clock, progress=progress, troubles=report.troubles)
    report.deliveries = deliver_due(
        database, channels, handling, clock=clock, progress=lambda sent: progress("mails", sent), stop=stop
    )
    report.tally = tally(database, ids)
    return report


def take_and_route(
    database: Database,
    divisions: Sequence[PinnedDivision],
    handling: Handling,
    *,
    clock: Callable[[], datetime],
    progress: Progress = lambda what, number: None,
    troubles: list[ConnectorError] | None = None,
) -> list[str]:
    """Take what is new from Exact, and decide it and whatever an earlier pass left undecided; returns their ids.

    Args:
        troubles: Gets what another process is at, and the rest goes on; None: that is raised.
    """
    ids: list[str] = []
    waiting: list[str] = []
    for division in divisions:
        with _told(troubles):
            ids += take_invoices(
                database, division, handling, clock=clock, progress=lambda taken: progress("invoices", taken)
            )
    with _told(troubles):
        waiting = route_received(database, handling, clock=clock)
    return list(dict.fromkeys([*ids, *waiting]))


@contextmanager
def _told(troubles: list[ConnectorError] | None) -> Iterator[None]:
    try:
        yield
    except Busy as error:
        if troubles is None:
            raise
        troubles.append(error)


def route_received(database: Database, handling: Handling, *, clock: Callable[[], datetime]) -> list[str]:
    """Decide every invoice that is stored and undecided; returns their ids.

    One process at a time, because repeats are recognised among all invoices; another one is waited for.

    Raises:
        Busy: Another process took longer than `ROUTE_WAIT`; it decides what is waiting here, too.
    """
    with Lease(database, "route", now=clock(), wait=ROUTE_WAIT) as lease:
        with database.reading() as session:
            waiting = [stored.id for stored in invoices.all(session, state=InvoiceState.RECEIVED)]
        cards, directory = Cards(database, handling), read_directory(database)
        for number, invoice_id in enumerate(waiting, start=1):
            route_invoice(database, invoice_id, handling, cards, directory, clock=clock)
            if number % RENEW_EVERY == 0:
                lease.take(clock())
    return waiting


def tally(database: Database, ids: Sequence[str]) -> dict[str, int]:
    """Count what became of these invoices: received is the sum of all ends but delivered and uncertain."""
    with database.reading() as session:
        found = [stored for stored in (invoices.get(session, each) for each in ids) if stored is not None]
    counts = dict.fromkeys(("received", "duplicates", "history", "invalid", "held", "routed"), 0)
    counts |= dict.fromkeys(("delivered", "uncertain", "failed"), 0)
    for stored in found:
        counts["received"] += 1
        for name in _counted_as(stored):
            counts[name] += 1
    return counts


def _counted_as(stored: ReceivedInvoice) -> tuple[str, ...]:
    match stored.state:
        case InvoiceState.DELIVERED:
            return ("routed", "delivered")
        case InvoiceState.HELD if stored.reason == "delivery_uncertain":
            return ("routed", "uncertain")
        case InvoiceState.DUPLICATE:
            return ("duplicates",)
        case InvoiceState.RECEIVED:
            return ("held",)  # stopped before it was decided; the next pass goes on
        case state:
            return (state.value,)
