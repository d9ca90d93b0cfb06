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
    """What is to be told of one connection: to each address of the divisions that it hears of, and of no others.

    Expiry is told only when a renewal was tried and brought nothing: one that nobody tried yet is tried first.
    """
    left = connections.days_left(connection, now)
    near = [days for days in WARN_DAYS if 0 < left <= days]
    lost = connection.state is ConnectionState.NEEDS_PERSON
    if not lost and not (near and connection.trouble is not None):
        return
    incident = f"connection {connection.fence} {connection.version} " + ("lost" if lost else f"expires in {min(near)}")
    names: dict[str, list[str]] = {}
    for division in theirs:
        for address in handling.told(division):
            names.setdefault(address, []).append(f"{division.code} {division.name}")
    for address, told in names.items():
        subject, text = _words(connection, told, left, lost=lost, language=handling.language)
        yield _Notice(incident=incident, address=address, subject=subject, text=text)


def _words(connection: Connection, names: list[str], left: int, *, lost: bool, language: str) -> tuple[str, str]:
    if lost:
        assert connection.cause is not None
        return texts.lost_mail(language=language, cause=connection.cause, divisions=names)
    assert connection.trouble is not None
    return texts.expiring_mail(language=language, days_left=left, divisions=names, trouble=connection.trouble)
