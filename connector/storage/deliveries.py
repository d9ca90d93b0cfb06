"""The outbox: deliveries that are due, under way, done or stuck; what follows an attempt is `delivery.after`.

A claim is compare-and-set on the state, so of any number of processes one gets each delivery. A row that stays
too long at `sending` was left by a process that died: `recover_stalled` goes by whether its body was begun.
"""

import mimetypes
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlmodel import Session

from connector.customer import Division
from connector.delivery import Attachment, Claimed, DeliveryId, Kind, Outcome, State
from connector.errors import Busy
from connector.storage import files
from connector.storage.invoices import INVOICES
from connector.storage.tables import DeliveryRow, columns_for, insert_into, storable, table_of

DELIVERIES = table_of(DeliveryRow)
UNSAFE = re.compile(r"[^\w.-]+|^\.+", re.ASCII)
"""What has no place in the name of a file that other people's programs open."""
LONGEST_STEM = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """A delivery as lists show it."""

    id: DeliveryId
    invoice_id: str
    kind: Kind
    cause: str
    """For notices, the fixed word that they are about."""
    channel: str
    address: str
    name: str
    language: str
    state: State
    attempts: int
    due_at: datetime | None
    message_id: str
    last_error: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of deliveries whose process died."""

    due_again: int
    uncertain: tuple[str, ...]
    """The invoices whose body was on its way: somebody has to look."""


COLUMNS = columns_for(DELIVERIES, StoredDelivery)


def add(
    session: Session,
    *,
    invoice_id: str | None,
    division: Division | None,
    kind: Kind,
    cause: str = "",
    channel: str,
    address: str,
    name: str = "",
    language: str = "nl",
    subject: str,
    text: str,
    message_domain: str = "connector.invalid",
    now: datetime,
) -> DeliveryId | None:
    """Put a delivery into the outbox, due now; None when this invoice was already given to this address.

    The Message-ID is made from what makes the delivery the only one of its kind: the same at every attempt.

    Args:
        invoice_id: None for a notice that is about no invoice.
        cause: For a notice, what it is about: one notice per invoice and cause; without an invoice one per cause.
        message_domain: Right-hand side of the Message-ID: the domain that the mail is from.
    """
    key = {"kind": kind.value, "channel": channel, "address": storable(address), "cause": cause}
    digest = sha256("\n".join([invoice_id or "", *key.values()]).encode()).hexdigest()[:32]
    statement = insert_into(session, DELIVERIES).values(
        **key,
        invoice_id=invoice_id,
        division=division,
        name=storable(name),
        language=language,
        subject=storable(subject),
        text=storable(text),
        state=State.DUE.value,
        attempts=0,
        due_at=now,
        first_due_at=now,
        message_id=f"<{digest}@{message_domain}>",
        updated_at=now,
    )
    if invoice_id is None:
        once = statement.on_conflict_do_nothing(index_elements=list(key), index_where=DELIVERIES.c.invoice_id.is_(None))
    else:
        once = statement.on_conflict_do_nothing(index_elements=["invoice_id", *key])
    added = once.returning(DELIVERIES.c.id)
    found = session.connection().execute(added).scalar_one_or_none()
    return None if found is None else DeliveryId(found)


def claim_next(
    session: Session,
    *,
    now: datetime,
    owner: str,
    lease: timedelta,
) -> Claimed | None:
    """Take the delivery that is due the longest, with all it needs; None when nothing is due.

    Args:
        owner: Names the process and the thread.
        lease: How long it may take; after that `recover_stalled` takes it for dead.
    """
    d = DELIVERIES.c
    due = select(d.id).where(d.state == State.DUE.value, d.due_at <= now)
    # SKIP LOCKED is PostgreSQL's; SQLite has one writer at a time and leaves the clause out.
    due = due.order_by(d.due_at, d.id).limit(1).with_for_update(skip_locked=True)
    claim = (
        update(DELIVERIES)
        .where(d.id == due.scalar_subquery(), d.state == State.DUE.value)
        .values(
            state=State.SENDING.value,
            owner=owner,
            lease_until=now + lease,
            attempts=d.attempts + 1,
            body_started_at=None,
            updated_at=now,
        )
        .returning(DELIVERIES)
    )
    row = session.connection().execute(claim).one_or_none()
    if row is None:
        return None
    return Claimed(
        id=DeliveryId(row.id),
        kind=Kind(row.kind),
        channel=row.channel,
        address=row.address,
        attempts=row.attempts,
        first_due_at=row.first_due_at,
        message_id=row.message_id,
        invoice_id=row.invoice_id,
        subject=row.subject,
        text=row.text,
        attachments=_attachments(session, row.invoice_id) if row.kind == Kind.INVOICE.value else (),
    )


def begin_body(session: Session, delivery_id: DeliveryId, *, owner: str, now: datetime) -> None:
    """Say that the body is about to go out; commit this before it does.

    Raises:
        Busy: The delivery is no longer ours: it took longer than its lease. Nothing may be sent.
    """
    d = DELIVERIES.c
    ours = update(DELIVERIES).where(d.id == delivery_id, d.owner == owner, d.state == State.SENDING.value)
    if session.connection().execute(ours.values(body_started_at=now, updated_at=now)).rowcount != 1:
        raise Busy(f"delivery {delivery_id} is no longer this process's")


def record(session: Session, delivery_id: DeliveryId, *, owner: str, outcome: Outcome, now: datetime) -> bool:
    """Store what an attempt led to; False when the delivery is no longer ours, and nothing changes then.

    Also resolves one that was taken for uncertain while its own process was still at it.
    """
    d = DELIVERIES.c
    ours = update(DELIVERIES).where(
        d.id == delivery_id, d.owner == owner, d.state.in_([State.SENDING.value, State.UNCERTAIN.value])
    )
    values = {
        "state": outcome.state.value,
        "due_at": outcome.due_at,
        "last_error": None if outcome.error is None else storable(outcome.error),
        "owner": None,
        "lease_until": None,
        "updated_at": now,
    }
    return session.connection().execute(ours.values(values)).rowcount == 1


def recover_stalled(
    session: Session, *, now: datetime, is_gone: Callable[[str], bool] = lambda owner: False
) -> Recovered:
    """Deal with deliveries whose lease ran out or whose owner is gone: due again, or uncertain with a body begun.

    Args:
        is_gone: Says of an owner that it can no longer be at work; its leases need not run out then.
    """
    d, connection = DELIVERIES.c, session.connection()
    under_way = select(d.owner).where(d.state == State.SENDING.value).distinct()
    gone = [owner for owner in connection.execute(under_way).scalars() if owner and is_gone(owner)]
    left = or_(d.lease_until <= now, d.owner.in_(gone))
    stalled = update(DELIVERIES).where(d.state == State.SENDING.value, left)
    due = stalled.where(d.body_started_at.is_(None)).values(
        state=State.DUE.value, due_at=now, owner=None, lease_until=None, updated_at=now
    )
    # The owner stays: should it be alive after all, it may still say how it ended.
    uncertain = (
        stalled.where(d.body_started_at.is_not(None))
        .values(
            state=State.UNCERTAIN.value,
            due_at=None,
            lease_until=None,
            last_error="stopped while the message was on its way",
            updated_at=now,
        )
        .returning(d.invoice_id)
    )
    due_again = connection.execute(due).rowcount
    invoices = connection.execute(uncertain).scalars()
    return Recovered(due_again=due_again, uncertain=tuple(sorted({one for one in invoices if one is not None})))


def of_invoice(session: Session, invoice_id: str) -> tuple[StoredDelivery, ...]:
    """The deliveries of an invoice and the notices about it, in the order of adding."""
    return of_invoices(session, [invoice_id]).get(invoice_id, ())


def of_invoices(session: Session, invoice_ids: Sequence[str]) -> dict[str, tuple[StoredDelivery, ...]]:
    """The same for many invoices, by invoice; those without any are left out."""
    found: dict[str, tuple[StoredDelivery, ...]] = {}
    for start in range(0, len(invoice_ids), 500):  # databases limit the parameters of a statement
        some = DELIVERIES.c.invoice_id.in_(invoice_ids[start : start + 500])
        for row in session.connection().execute(select(*COLUMNS).where(some).order_by(DELIVERIES.c.id)):
            stored = _read(row._asdict())
            found[stored.invoice_id] = (*found.get(stored.invoice_id, ()), stored)
    return found


def counts(session: Session) -> dict[State, int]:
    """How many deliveries are in each state that occurs."""
    statement = select(DELIVERIES.c.state, func.count()).group_by(DELIVERIES.c.state)
    return {State(state): number for state, number in session.connection().execute(statement)}


def requeue(session: Session, invoice_id: str, *, now: datetime) -> int:
    """Make an invoice's failed and uncertain deliveries due again, with five new days; returns how many.

    Those that already wait for their next attempt become due now. Notices are left alone.
    """
    d = DELIVERIES.c
    again = or_(
        d.state.in_([State.FAILED.value, State.UNCERTAIN.value]),
        and_(d.state == State.DUE.value, d.due_at > now),
    )
    statement = update(DELIVERIES).where(d.invoice_id == invoice_id, d.kind == Kind.INVOICE.value, again)
    values = {"state": State.DUE.value, "attempts": 0, "due_at": now, "first_due_at": now, "owner": None}
    return session.connection().execute(statement.values(**values, updated_at=now)).rowcount


def drop_failed(session: Session, invoice_id: str, *, keep: Collection[tuple[str, str]]) -> int:
    """Forget an invoice's failed deliveries to where it does not go any more; returns how many. Notices stay.

    Args:
        keep: (channel, address) of where it still goes.
    """
    d = DELIVERIES.c
    failed = select(d.id, d.channel, d.address).where(
        d.invoice_id == invoice_id, d.kind == Kind.INVOICE.value, d.state == State.FAILED.value
    )
    kept = {(channel, storable(address)) for channel, address in keep}
    gone = [row.id for row in session.connection().execute(failed) if (row.channel, row.address) not in kept]
    if not gone:
        return 0
    statement = delete(DELIVERIES).where(d.id.in_(gone), d.state == State.FAILED.value)
    return session.connection().execute(statement).rowcount


def settle(session: Session, invoice_id: str, *, now: datetime) -> int:
    """Say that an invoice's uncertain deliveries did arrive; returns how many there were."""
    d = DELIVERIES.c
    statement = update(DELIVERIES).where(d.invoice_id == invoice_id, d.state == State.UNCERTAIN.value)
    values = {"state": State.DELIVERED.value, "owner": None, "updated_at": now}
    return session.connection().execute(statement.values(values)).rowcount


def _read(row: dict[str, Any]) -> StoredDelivery:
    return StoredDelivery(**{**row, "kind": Kind(row["kind"]), "state": State(row["state"])})


def _attachments(session: Session, invoice_id: str) -> tuple[Attachment, ...]:
    """The invoice's files: XML and PDF with one stem, then what came with them under names of its own."""
    i = INVOICES.c
    statement = select(i.number, i.xml_sha256, i.pdf_sha256, i.extras).where(i.id == invoice_id)
    row = session.connection().execute(statement).one()
    stem = safe_name(row.number)[:LONGEST_STEM] or "invoice"
    wanted = [(f"{stem}.xml", row.xml_sha256), (f"{stem}.pdf", row.pdf_sha256)]
    attachments: list[Attachment] = []
    taken: set[str] = set()
    for name, digest in [*wanted, *((safe_name(name) or "file", digest) for name, digest in row.extras)]:
        if digest is None:
            continue
        own_name = _free_name(name, taken)
        taken.add(own_name.lower())
        attachments.append(
            Attachment(name=own_name, media_type=_media_type(own_name), content=files.load(session, digest))
        )
    return tuple(attachments)


def safe_name(name: str) -> str:
    """A name with ASCII letters, digits, dots, hyphens and underscores only.

    >>> safe_name("2026/0042"), safe_name("../../etc/passwd")
    ('2026_0042', 'etc_passwd')
    """
    return UNSAFE.sub("_", UNSAFE.sub("_", name).lstrip("._")) if name else ""


def _free_name(name: str, taken: set[str]) -> str:
    stem, dot, ending = name.rpartition(".") if "." in name else (name, "", "")
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{stem}-{number}{dot}{ending}"
    return free


def _media_type(name: str) -> str:
    if name.lower().endswith(".xml"):
        return "application/xml"  # the operating system's table may say text/xml
    return mimetypes.guess_type(name, strict=True)[0] or "application/octet-stream"
