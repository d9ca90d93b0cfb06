"""Tell the office, once an incident, that a connection with Exact is lost or about to be.

The mails go through the outbox like all others; whether a connection is lost is `keep_token`'s verdict.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from connector import texts
from connector.delivery import Kind
from connector.storage import connections, deliveries, divisions
from connector.storage.connections import Connection, ConnectionState
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.usecases.handling import Handling
from connector.usecases.route_invoice import NOTICE_CHANNEL

WARN_DAYS = (14, 7, 3)
"""Days left at which a connection that is not renewed any more is told of; weekly renewals keep it above 22."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notice:
    incident: str
    address: str
    subject: str
    text: str


def warn_of_connections(database: Database, handling: Handling, *, now: datetime) -> None:
    """Put what there is to tell into the outbox; what was told of the same pair of tokens is not told again."""
    with database.reading() as session:
        known, pinned = connections.all(session), divisions.all(session)
    found = [
        notice
        for connection in known
        for notice in _notices(connection, [one for one in pinned if one.connection_id == connection.id], handling, now)
    ]
    if not found:
        return
    with database.transaction() as session:
        for notice in found:
            deliveries.add(
                session,
                invoice_id=None,
                division=None,
                kind=Kind.NOTICE,
                cause=notice.incident,
                channel=NOTICE_CHANNEL,
                address=notice.address,
                language=handling.language,
                subject=notice.subject,
                text=notice.text,
                message_domain=handling.message_domain,
                now=now,
            )


def _notices(
    connection: Connection, theirs: list[PinnedDivision], handling: Handling, now: datetime
) -> Iterator[_Notice]:
    """What is to be told of one connection, to everybody who hears of one of its divisions."""
    names = [f"{division.code} {division.name}" for division in theirs]
    left = connections.days_left(connection, now)
    near = [days for days in WARN_DAYS if left <= days]
    if connection.state is ConnectionState.NEEDS_PERSON:
        kind = "lost"
        assert connection.cause is not None
        subject, text = texts.lost_mail(language=handling.language, cause=connection.cause, divisions=names)
    elif near and connection.refresh_issued_at is not None:
        kind = f"expires in {min(near)}"
        subject, text = texts.expiring_mail(
            language=handling.language, days_left=left, divisions=names, trouble=connection.trouble
        )
    else:
        return
    incident = f"connection {connection.fence} {connection.version} {kind}"
    for address in dict.fromkeys(each for division in theirs for each in handling.told(division)):
        yield _Notice(incident=incident, address=address, subject=subject, text=text)
