"""Connect an Exact log-in by consent, and pin the divisions to work for; and take them off again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import structlog

from connector.customer import Division
from connector.errors import AuthorizationDenied, NothingFound
from connector.exact.client import ExactClient
from connector.exact.oauth import ExactOAuth, read_callback
from connector.exact.records import DivisionRecord, Me
from connector.storage import connections, divisions, oauth_states, tokens
from connector.storage.connections import Connection, ConnectionId
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision
from connector.storage.vault import Vault
from connector.usecases.sync_division import division_facts

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A granted log-in whose divisions are still to be chosen."""

    connection: Connection
    divisions: tuple[DivisionRecord, ...]


def start_consent(database: Database, oauth: ExactOAuth, *, now: datetime) -> tuple[str, str]:
    """The address of Exact's consent page, and the state that its answer has to bring back."""
    url, state = oauth.start()
    with database.transaction() as session:
        oauth_states.add(session, state, now=now)
    return url, state


def finish_consent(
    database: Database,
    vault: Vault,
    oauth: ExactOAuth,
    client_of: Callable[[ConnectionId], ExactClient],
    query: Mapping[str, str],
    *,
    state: str,
    base_url: str,
    client_id: str,
    clock: Callable[[], datetime],
) -> Consent:
    """Turn the answer of the consent page into a connection; each state counts once, within ten minutes.

    The pair is committed before it is used. Connecting again as the same user revives the connection with its
    divisions, cursors and history.

    Args:
        query: The parameters of the redirect, percent-decoded once.
        client_of: Makes a client for what needs no division yet.

    Raises:
        AuthorizationDenied: Refused by the person or by Exact, or an answer to another question.
    """
    code = read_callback(query, state)
    with database.transaction() as session:
        if not oauth_states.use(session, state, now=clock()):
            raise AuthorizationDenied(
                "this consent was used before, or is more than ten minutes old", hint="start again: connector connect"
            )
    granted = oauth.exchange(code)
    pair = tokens.TokenPair(
        access_token=granted.access_token,
        refresh_token=granted.refresh_token,
        issued_at=clock(),
        expires_in=granted.expires_in,
    )
    waiting = _store(database, vault, pair, Me(user_id=f"pending:{state[:16]}"), base_url, client_id, clock())
    try:
        me = client_of(waiting.id).me()
        connection = _store(database, vault, pair, me, base_url, client_id, clock())
    finally:
        with database.transaction() as session:
            connections.remove(session, waiting.id)
    found = client_of(connection.id).divisions()
    log.info("connection.granted", connection=connection.id, divisions=len(found))
    return Consent(connection=connection, divisions=tuple(sorted(found, key=lambda record: record.code)))


def _store(
    database: Database,
    vault: Vault,
    pair: tokens.TokenPair,
    me: Me,
    base_url: str,
    client_id: str,
    now: datetime,
) -> Connection:
    """Keep a new pair under the user it belongs to; whatever was there before is superseded by this consent."""
    with database.transaction() as session:
        connection = connections.add_or_find(
            session,
            base_url=base_url,
            client_id=client_id,
            user_id=me.user_id,
            user_name=me.full_name or "",
            now=now,
        )
        tokens.accept_pair(session, vault, connection.id, pair=pair, now=now)
    return connection


def pin_divisions(
    database: Database, consent: Consent, codes: Sequence[int], *, now: datetime, today: date
) -> list[PinnedDivision]:
    """Pin the chosen divisions to the connection; from now on all work carries their codes.

    Raises:
        NothingFound: A code that was not granted.
    """
    granted = {record.code: record for record in consent.divisions}
    for code in codes:
        if code not in granted:
            raise NothingFound(
                f"division {code} was not granted", hint="granted are: " + ", ".join(str(code) for code in granted)
            )
    pinned = []
    with database.transaction() as session:
        for code in codes:
            facts = division_facts(granted[code])
            division = PinnedDivision(
                code=Division(code),
                connection_id=consent.connection.id,
                pinned_at=now,
                start_date=today,
                checked_at=now,
                **facts,
            )
            pinned.append(divisions.pin(session, division))
    log.info("division.pinned", connection=consent.connection.id, divisions=len(pinned))
    return pinned


def forget_unused(database: Database, connection: ConnectionId) -> None:
    """Remove a log-in that no division was chosen for: nobody could see it, and its tokens would lie about."""
    with database.transaction() as session:
        if not any(division.connection_id == connection for division in divisions.all(session)):
            connections.remove(session, connection)


def disconnect_division(database: Database, code: int) -> bool:
    """Unpin a division; with the last one of a connection its tokens go too.

    What was stored of the division stays, so that its history can still be explained.

    Returns:
        Whether the tokens went.

    Raises:
        NothingFound: It is not connected.
    """
    with database.transaction() as session:
        division = divisions.get(session, code)
        if division is None or not division.active or division.connection_id is None:
            raise NothingFound(f"division {code} is not connected", hint="see `connector connections`")
        divisions.unpin(session, code)
        last = not any(other.connection_id == division.connection_id for other in divisions.all(session))
        if last:
            connections.remove(session, division.connection_id)
    log.info("division.unpinned", division=code, tokens_removed=last)
    return last
