"""A delivery's states, and `after`: what follows an attempt. Storage claims and sending works on the same `Claimed`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from connector.errors import ConnectorError, NeedsPerson, Transient

DeliveryId = NewType("DeliveryId", int)

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
GIVE_UP_AFTER = timedelta(days=5)
"""design.md section 8: as long as mail servers themselves keep trying (RFC 5321 4.5.4.1: at least 4-5 days)."""


class State(StrEnum):
    """Where a delivery stands; `sending` is never the last word."""

    DUE = "due"
    SENDING = "sending"
    DELIVERED = "delivered"
    UNCERTAIN = "uncertain"
    FAILED = "failed"


class Kind(StrEnum):
    """What is delivered: an invoice to its recipient, or a notice to the office about an invoice or a connection."""

    INVOICE = "invoice"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with a mail: its name, media type and bytes."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that this process holds the lease of, with all that a channel needs to send it."""

    id: DeliveryId
    kind: Kind
    channel: str
    address: str
    attempts: int
    """Attempts begun so far, this one included."""
    first_due_at: datetime
    message_id: str
    invoice_id: str | None
    """None for a notice about a connection."""
    subject: str
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt led to: the next state, when it is due again, and the error in words."""

    state: State
    due_at: datetime | None = None
    error: str | None = None


def after(error: ConnectorError | None, *, attempts: int, first_due_at: datetime, now: datetime) -> Outcome:
    """Say what follows an attempt; pure.

    Args:
        error: What the channel raised, None when it returned.
        attempts: How many attempts were begun, this one included (from 1).
        first_due_at: When the delivery became due for the first time; it is given up 5 days later.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 2, 12, tzinfo=UTC)
    >>> after(None, attempts=1, first_due_at=noon, now=noon).state
    <State.DELIVERED: 'delivered'>
    """
    if error is None:
        return Outcome(state=State.DELIVERED)
    if isinstance(error, NeedsPerson):
        return Outcome(state=State.UNCERTAIN, error=error.message)
    if not isinstance(error, Transient):
        return Outcome(state=State.FAILED, error=error.message)
    pause = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
    due_at = max(now + pause, error.retry_at) if error.retry_at else now + pause
    if due_at - first_due_at > GIVE_UP_AFTER:
        return Outcome(state=State.FAILED, error=error.message)
    return Outcome(state=State.DUE, due_at=due_at, error=error.message)
