"""What `connector doctor` looks at: everything the connector stands on, each with what is wrong and what helps.

Nothing is written to Exact and no mail is sent.
"""

import os
import shutil
import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

import httpx

from connector import texts
from connector.composition import Wiring, connection_of
from connector.customers.setup_wording import address_warning
from connector.errors import ConnectorError, LossCause, RightsMissing
from connector.exact.budget import Priority, resting_until
from connector.exact.protocol import read_epoch, scope_of
from connector.settings import Settings
from connector.storage import connections, divisions, reference
from connector.storage.connections import Connection, ConnectionState
from connector.usecases.warn_of_connections import WARN_DAYS

CLOCK_TOLERANCE = timedelta(seconds=5)
"""Several hosts that share tokens must agree about the time to less than the lease's margins."""
LEAST_DISK = 1_000_000_000
RIGHTS_OF = 5
"""Divisions that are asked about rights: eleven calls each, and most of it is the same for all of one user."""
RIGHT = "right"
BELIEVED_FOR = timedelta(days=1)
NEEDED_RIGHTS = (
    ("crm/Accounts", "GET", "read customers"),
    ("crm/Accounts", "PUT", "set the invoicing method"),
    ("crm/Contacts", "GET", "read contacts"),
    ("crm/Contacts", "POST", "make the InvoiceSharing contact"),
    ("crm/Contacts", "PUT", "correct the InvoiceSharing contact"),
    ("crm/Contacts", "DELETE", "undo the set-up"),
    ("salesinvoice/SalesInvoices", "GET", "read invoices"),
    ("documents/Documents", "GET", "find the PDF of an invoice"),
    ("documents/DocumentAttachments", "GET", "fetch the PDF of an invoice"),
    ("vat/VATCodes", "GET", "write the VAT of an e-invoice"),
    ("crm/BankAccounts", "GET", "write the IBAN on an e-invoice"),
)
"""Endpoint, verb, and what it is for."""


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    message: str
    remedy: str = ""
    exit_code: int = 1

    def as_json(self) -> dict[str, str]:
        """One entry of `doctor --json`."""
        return {
            "name": self.name,
            "status": self.status.value,
            "message": self.message,
            "remedy": self.remedy,
        }


def diagnose(load: Callable[[], Settings], language: str) -> list[Check]:
    """Look at everything that can be looked at; without readable settings at nothing else."""
    try:
        settings = load()
    except ConnectorError as error:
        return [_failed("settings", error)]
    checks = [Check(name="settings", status=Status.OK, message=f"read; deliver = {settings.routing.deliver}")]
    with Wiring(settings, language=language) as wiring:
        for name, look in (
            ("secret key", _key),
            ("database", _database),
            ("disk", _disk),
            ("Exact", _exact),
            ("connections", _connections),
            ("limits", _limits),
            ("rights", _rights),
            ("set-up", _setup),
            ("mail", _mail),
            ("KVK register", _register),
        ):
            try:
                checks += list(look(wiring))
            except ConnectorError as error:
                checks.append(_failed(name, error))
    return checks


def _failed(name: str, error: ConnectorError) -> Check:
    return Check(name=name, status=Status.ERROR, message=error.message, remedy=error.hint, exit_code=error.exit_code)


def _key(wiring: Wiring) -> Iterator[Check]:
    wiring.vault  # noqa: B018  # opening it is the check
    yield Check(name="secret key", status=Status.OK, message="found")


def _database(wiring: Wiring) -> Iterator[Check]:
    size = wiring.database.size
    yield Check(name="database", status=Status.OK, message=f"current, {size / 1_000_000:.1f} MB")


def _disk(wiring: Wiring) -> Iterator[Check]:
    free = shutil.disk_usage(wiring.settings.folder).free
    low = free < LEAST_DISK
    yield Check(
        name="disk",
        status=Status.WARNING if low else Status.OK,
        message=f"{free / 1_000_000_000:.1f} GB free",
        remedy="make room: documents are kept in the database" if low else "",
    )


def _exact(wiring: Wiring) -> Iterator[Check]:
    """Reach the host without a token, which costs no budget, and compare clocks."""
    site = wiring.settings.exact.site
    missing = [name for name in ("client_id", "redirect_uri") if not getattr(wiring.settings.exact, name)]
    if missing:
        yield Check(
            name="Exact",
            status=Status.ERROR,
            message=f"exact.{missing[0]} is empty",
            remedy="fill in what your app registration with Exact says",
            exit_code=2,
        )
        return
    wiring.settings.client_secret()
    try:
        answer = httpx.get(f"{site}/api/oauth2/token", timeout=10, follow_redirects=False)
    except httpx.HTTPError as error:
        yield Check(
            name="Exact",
            status=Status.ERROR,
            message=f"{site} cannot be reached ({type(error).__name__})",
            remedy="check the network, the proxy (HTTPS_PROXY) and the CA certificates (SSL_CERT_FILE)",
            exit_code=4,
        )
        return
    yield Check(name="Exact", status=Status.OK, message=f"{site} answers")
    yield from _clock(answer)


def _clock(answer: httpx.Response) -> Iterator[Check]:
    stamp = answer.headers.get("Date")
    if not stamp:
        return
    try:
        skew = abs(datetime.now(UTC) - parsedate_to_datetime(stamp))
    except (ValueError, TypeError):
        return
    wrong = skew > CLOCK_TOLERANCE
    yield Check(
        name="clock",
        status=Status.WARNING if wrong else Status.OK,
        message=f"differs from Exact's by {skew.total_seconds():.0f} s",
        remedy="let the system keep time by NTP" if wrong else "",
    )


def _connections(wiring: Wiring) -> Iterator[Check]:
    with wiring.database.reading() as session:
        fenced = {one.fence: wiring.fences.read(one.fence) for one in connections.all(session)}
    with wiring.database.reading() as session:  # read after the fences: it may be ahead of them, never behind
        known = connections.all(session)
        pinned = divisions.all(session)
    behind = {one.id for one in known if fenced.get(one.fence, 0) > one.version}
    if not pinned:
        yield Check(
            name="connections",
            status=Status.WARNING,
            message="no division is connected yet",
            remedy="run `connector connect`",
        )
    for connection in known:
        yield _connection(connection, behind=connection.id in behind, now=wiring.clock(), language=wiring.language)
    if known and not os.access(wiring.fences.folder, os.W_OK):
        yield Check(
            name="fences",
            status=Status.WARNING,
            message="the folder of the key file cannot be written: a restored database would not be recognised",
            remedy=f"let the connector write to {wiring.fences.folder}",
        )


def _connection(connection: Connection, *, behind: bool, now: datetime, language: str) -> Check:
    """How one log-in stands: lost, about to be, paused, or in order."""
    name = f"connection {connection.id}"
    left = connections.days_left(connection, now)
    lost = connection.state is ConnectionState.NEEDS_PERSON
    if lost or behind or left == 0:
        cause = (
            connection.cause if lost else LossCause.RESTORED if behind else None
        ) or LossCause.REFRESH_TOKEN_EXPIRED
        return Check(
            name=name,
            status=Status.ERROR,
            message=f"lost ({cause}): {texts.cause_text(cause, language).explanation}",
            remedy=texts.loss_remedy(cause, language),
            exit_code=3,
        )
    days = f"{connection.user_name}: {left} days left without use"
    if connection.trouble is not None and connection.retry_at is not None:
        return Check(
            name=name,
            status=Status.WARNING,
            message=f"{days}; {texts.trouble_text(connection.trouble, language)}",
            remedy=f"nothing is lost; the next attempt is at {connection.retry_at:%Y-%m-%d %H:%M} UTC",
        )
    low = left <= WARN_DAYS[0]
    return Check(
        name=name,
        status=Status.WARNING if low else Status.OK,
        message=days,
        remedy="`connector run` or `connector sync` keeps it alive" if low else "",
    )


def _limits(wiring: Wiring) -> Iterator[Check]:
    """What is left of the calls that Exact allows, and which endpoints are left alone after too many refusals."""
    for division in _pinned(wiring):
        name = f"limits {division.code}"
        budget = wiring.budget(division.code)
        said = f"{budget.day_left} of {budget.day_limit} calls left today, {budget.minute_limit} a minute"
        low = budget.day_left * 10 < budget.day_limit
        yield Check(
            name=name,
            status=Status.WARNING if low else Status.OK,
            message=said,
            remedy=f"work goes on when the day's limit is renewed, at {_clock_time(budget.day_reset_ms)}"
            if low
            else "",
        )
        for endpoint in budget.errors:
            until = resting_until(budget, endpoint)
            if until is not None:
                yield Check(
                    name=name,
                    status=Status.WARNING,
                    message=f"{endpoint} was refused {len(budget.errors[endpoint])} times within the hour",
                    remedy=f"it is left alone until {until:%H:%M} UTC; Exact would block the app after ten. "
                    f"See `connector sync` for what Exact said",
                )


def _asked(wiring: Wiring, division: divisions.PinnedDivision) -> dict[tuple[str, str], bool | None]:
    """What Exact says of each right; a yes is believed for a day: doctor on a timer must not use up the calls."""
    now = wiring.clock()
    with wiring.database.reading() as session:
        known = reference.all(session, division.code, RIGHT)
    fresh = {code: kept for code, kept in known.items() if now - datetime.fromisoformat(kept["at"]) < BELIEVED_FOR}
    client = wiring.exact(division, priority=Priority.HISTORY)
    answers: dict[tuple[str, str], bool | None] = {}
    for endpoint, verb, _ in NEEDED_RIGHTS:
        code = f"{verb} {endpoint}"
        answers[endpoint, verb] = True if code in fresh else client.has_right(endpoint, verb)
        if answers[endpoint, verb]:
            fresh.setdefault(code, {"at": now.isoformat()})
    with wiring.database.transaction() as session:
        reference.replace(session, division.code, RIGHT, fresh)
    return answers


def _clock_time(epoch_ms: int) -> str:
    instant = read_epoch(epoch_ms)
    return f"{instant:%H:%M} UTC" if instant is not None else "an unknown time"


def _rights(wiring: Wiring) -> Iterator[Check]:
    """Ask Exact what the user may do, endpoint by endpoint and verb by verb; a no costs no error there."""
    pinned = [division for division in _pinned(wiring) if _is_connected(wiring, division)]
    for division in pinned[:RIGHTS_OF]:
        name = f"rights {division.code}"
        try:
            answers = _asked(wiring, division)
        except RightsMissing as error:
            yield Check(
                name=name,
                status=Status.WARNING,
                message="Exact does not let us ask what the user may do",
                remedy=error.hint_in(wiring.language),
            )
            continue
        except ConnectorError as error:
            yield _failed(name, error)
            continue
        missing = [right for right in NEEDED_RIGHTS if answers[right[:2]] is False]
        unknown = sum(answer is None for answer in answers.values())
        for endpoint, verb, purpose in missing:
            yield Check(
                name=name,
                status=Status.ERROR,
                message=f"no right to {verb} {endpoint}, needed to {purpose}",
                remedy=texts.right_remedy("", scope_of(endpoint), wiring.language),
                exit_code=3,
            )
        if unknown:
            yield Check(name=name, status=Status.WARNING, message=f"{unknown} answers of Exact's cannot be read")
        elif not missing:
            yield Check(name=name, status=Status.OK, message=f"all {len(answers)} that are needed")
    if len(pinned) > RIGHTS_OF:
        message = f"asked for {RIGHTS_OF} of {len(pinned)} divisions only"
        yield Check(name="rights", status=Status.OK, message=message)


def _pinned(wiring: Wiring) -> tuple[divisions.PinnedDivision, ...]:
    with wiring.database.reading() as session:
        return divisions.all(session)


def _is_connected(wiring: Wiring, division: divisions.PinnedDivision) -> bool:
    with wiring.database.reading() as session:
        connection = connections.get(session, connection_of(division)) if division.connection_id else None
    return connection is not None and connection.state is ConnectionState.ACTIVE


def _setup(wiring: Wiring) -> Iterator[Check]:
    for division in _pinned(wiring):
        name = f"division {division.code}"
        try:
            wanted = wiring.wanted(division.code)
        except ConnectorError as error:
            yield Check(name=name, status=Status.WARNING, message=error.message, remedy=error.hint)
            continue
        if warning := address_warning(wanted.upload_address):
            yield Check(
                name=name, status=Status.WARNING, message=warning, remedy="compare it with what InvoiceSharing gave you"
            )
        if wanted.attachment_type is None:
            yield Check(
                name=name,
                status=Status.WARNING,
                message="the attachment type is not known; it is left alone",
                remedy="set one customer by hand in Exact, then `connector setup learn --customer CODE`; "
                "what Exact's numbers mean is not published",
            )
        else:
            yield Check(name=name, status=Status.OK, message=f"set up with attachment type {wanted.attachment_type}")
        if not division.kvk:
            yield Check(
                name=name,
                status=Status.WARNING,
                message="no KvK number of the division itself; invoices without an attached UBL will be held",
                remedy="fill it in at the company's data in Exact",
            )


def _mail(wiring: Wiring) -> Iterator[Check]:
    """Connect, encrypt and log in; nothing is sent."""
    mail = wiring.settings.mail
    wiring.channels  # noqa: B018  # says when the address or the password is missing
    try:
        if mail.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                mail.host, mail.port, timeout=10, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(mail.host, mail.port, timeout=10)
        with server:
            if mail.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if mail.username:
                server.login(mail.username, wiring.settings.smtp_password())
    except (OSError, smtplib.SMTPException) as error:
        yield Check(
            name="mail",
            status=Status.ERROR,
            message=f"{mail.host}:{mail.port} does not take our mail ({type(error).__name__})",
            remedy="check [mail] in the settings",
            exit_code=4,
        )
        return
    yield Check(name="mail", status=Status.OK, message=f"{mail.host}:{mail.port} answers")
    if not mail.notify:
        yield Check(
            name="mail",
            status=Status.WARNING,
            message="mail.notify is empty: notices go to the division's own address",
            remedy="name who should hear of invoices that could not be delivered",
        )


def _register(wiring: Wiring) -> Iterator[Check]:
    """Ask the register for a name, which is free."""
    client = wiring.register()
    if client is None:
        yield Check(name="KVK register", status=Status.OK, message="no key; numbers are checked by their form only")
        return
    client.require_access()
    yield Check(name="KVK register", status=Status.OK, message=f"{wiring.settings.kvk.base_url} takes our key")
