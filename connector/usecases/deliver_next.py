"""Hand over what is due: claim one delivery, send it with no transaction open, record what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import stamina
import structlog
from sqlmodel import Session

from connector import delivery
from connector.delivery import Claimed, Kind, Outcome, State
from connector.errors import Busy, ConnectorError, DeliveryRefused
from connector.sending.channel import Channel
from connector.storage import deliveries, divisions, invoices
from connector.storage.database import Database
from connector.storage.invoices import InvoiceState
from connector.usecases.handling import Handling
from connector.usecases.ownership import is_gone, new_owner
from connector.usecases.route_invoice import notify_sender
from connector.usecases.warn_of_connections import warn_of_connections

log = structlog.get_logger()

LEASE = timedelta(minutes=15)
"""Longer than a mail of 25 MB takes with every step at its time limit."""
RECORD_WITHIN = timedelta(minutes=5)


@dataclass(slots=True, kw_only=True)
class DeliveryReport:
    """What a round of deliveries came to; `deferred` wait for their next attempt."""

    delivered: int = 0
    deferred: int = 0
    uncertain: int = 0
    failed: int = 0
    errors: dict[State, ConnectorError] = field(default_factory=dict)
    """The last error that left deliveries in each of these states."""


def deliver_due(
    database: Database,
    channels: Mapping[str, Channel],
    handling: Handling,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[int], None] = lambda sent: None,
    stop: Callable[[], bool] = lambda: False,
) -> DeliveryReport:
    """Send everything that is due now, one after another, until nothing is left or `stop` says so.

    With `routing.deliver = "none"` nothing leaves, also nothing that was put into the outbox before.
    """
    recover(database, handling, clock=clock)
    report = DeliveryReport()
    if handling.deliver == "none":
        return report
    warn_of_connections(database, handling, now=clock())
    sent = 0
    while not stop():
        outcome = deliver_next(database, channels, handling, clock=clock, report=report)
        if outcome is None:
            break
        sent += 1
        progress(sent)
    log.info(
        "delivery.round",
        delivered=report.delivered,
        deferred=report.deferred,
        uncertain=report.uncertain,
        failed=report.failed,
    )
    return report


def recover(database: Database, handling: Handling, *, clock: Callable[[], datetime]) -> None:
    """Pick up deliveries that a process left when it died: due again, or uncertain when the body was begun."""
    now = clock()
    with database.transaction() as session:
        recovered = deliveries.recover_stalled(session, now=now, is_gone=is_gone)
        for invoice_id in recovered.uncertain:
            settle_invoice(session, invoice_id, handling, now=now)


def deliver_next(
    database: Database,
    channels: Mapping[str, Channel],
    handling: Handling,
    *,
    clock: Callable[[], datetime],
    report: DeliveryReport,
) -> Outcome | None:
    """Send the delivery that is due the longest; None when nothing is due."""
    owner = new_owner()
    with database.transaction() as session:  # 1 claim
        claimed = deliveries.claim_next(session, now=clock(), owner=owner, lease=LEASE)
    if claimed is None:
        return None
    error = _send(database, channels, claimed, owner, clock)  # 2 act
    outcome = delivery.after(error, attempts=claimed.attempts, first_due_at=claimed.first_due_at, now=clock())
    _record(database, claimed, owner, outcome, handling, clock)  # 3 record
    _count(report, outcome, error)
    log.info(f"delivery.{outcome.state}", delivery=claimed.id, attempts=claimed.attempts, kind=claimed.kind.value)
    return outcome


def _record(
    database: Database,
    claimed: Claimed,
    owner: str,
    outcome: Outcome,
    handling: Handling,
    clock: Callable[[], datetime],
) -> None:
    """Store what came of it. It was sent, or not, whatever the database does: one that is busy is asked again."""
    for attempt in stamina.retry_context(on=Busy, timeout=RECORD_WITHIN, attempts=None):
        with attempt, database.transaction() as session:
            deliveries.record(session, claimed.id, owner=owner, outcome=outcome, now=clock())
            if claimed.kind is Kind.INVOICE and claimed.invoice_id is not None:
                settle_invoice(session, claimed.invoice_id, handling, now=clock())


def _send(
    database: Database,
    channels: Mapping[str, Channel],
    claimed: Claimed,
    owner: str,
    clock: Callable[[], datetime],
) -> ConnectorError | None:
    def before_body() -> None:
        with database.transaction() as session:
            deliveries.begin_body(session, claimed.id, owner=owner, now=clock())

    channel = channels.get(claimed.channel)
    try:
        if channel is None:
            raise DeliveryRefused(f"there is no channel {claimed.channel}", hint="correct the recipient's channel")
        channel.send(claimed, before_body=before_body)
    except ConnectorError as error:
        return error
    return None


def _count(report: DeliveryReport, outcome: Outcome, error: ConnectorError | None) -> None:
    if error is not None:
        report.errors[outcome.state] = error
    if outcome.state is State.DELIVERED:
        report.delivered += 1
    elif outcome.state is State.DUE:
        report.deferred += 1
    elif outcome.state is State.UNCERTAIN:
        report.uncertain += 1
    else:
        report.failed += 1


def settle_invoice(session: Session, invoice_id: str, handling: Handling, *, now: datetime) -> None:
    """Let an invoice follow its deliveries: delivered when all are, else what the worst of them says.

    An uncertain one holds the invoice; nothing repeats it but a person (docs/decisions/0005).
    """
    stored = invoices.get(session, invoice_id)
    if stored is None:
        return
    ours = [row for row in deliveries.of_invoice(session, invoice_id) if row.kind is Kind.INVOICE]
    states = {row.state for row in ours}
    errors = "; ".join(row.last_error for row in ours if row.last_error)
    division = divisions.get(session, stored.division) if stored.division is not None else None
    if State.UNCERTAIN in states:
        state, reason = InvoiceState.HELD, "delivery_uncertain"
    elif State.FAILED in states:
        state, reason = InvoiceState.FAILED, "delivery_failed"
    elif states == {State.DELIVERED}:
        state, reason = InvoiceState.DELIVERED, None
    else:
        return
    if (stored.state, stored.reason) == (state, reason):
        return
    invoices.set_state(session, invoice_id, state, reason=reason, detail=errors if reason else None, now=now)
    facts = {"deliveries": [{"channel": row.channel, "state": row.state.value} for row in ours]}
    invoices.add_event(session, invoice_id, str(state), facts, now=now)
    if reason is not None:
        notify_sender(session, stored, division, handling, reason, errors, now=now)
