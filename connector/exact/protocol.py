"""Exact Online's HTTP conventions as functions: paging, errors, dates, queries, call budget, token age.

Pure: statuses, headers and bytes come in as arguments, and so does the time. Sending is left to `client` and
`oauth`, what the rows mean to `records`. Numbers and quirks are from exact-online-api.md sections 1-3 and 5.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo

from connector.errors import (
    AnswerLost,
    ConnectorError,
    ExactRateLimited,
    ExactRejected,
    ExactUnavailable,
    ExactUnexpected,
    LossCause,
    RightsMissing,
)
from connector.texts import right_remedy

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MAX_PAGE_BYTES = 64 * 1024 * 1024
"""1,000 rows of the widest stream are about 3 MB; more than this is not an answer to our questions."""
SYNC_PAGE = 1000
"""Rows on a page of a sync endpoint (section 2.5) [docs, clients]."""
MAX_MESSAGE = 500
"""Characters of Exact's own error text that we show."""

Row = Mapping[str, Any]


# Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer to a read: its rows, and the address of the next page when there is one."""

    rows: tuple[Row, ...]
    next_url: str | None = None


def read_page(status: int, headers: Mapping[str, str], body: bytes, *, endpoint: str = "") -> Page:
    """Read the answer to a GET on a collection or on one entity (a page of one row).

    Args:
        body: Undecoded; ``{"d": {"results": [...], "__next": url}}``, the bare ``{"d": [...]}`` or, for one
            entity, ``{"d": {...}}``.
        endpoint: Named in errors, such as ``crm/Accounts``.

    Returns:
        Rows with numbers as `int` or `Decimal`. `next_url` is opaque and unchecked: see `same_origin`.

    Raises:
        ExactUnavailable: A 2xx that is empty, HTML or cut short; and what `raise_for_status` raises.
        ExactUnexpected: JSON, but not in one of the shapes above.
    """
    raise_for_status(status, headers, body, is_write=False, endpoint=endpoint)
    if len(body) > MAX_PAGE_BYTES:
        raise ExactUnexpected(f"Exact's answer for {endpoint} is larger than {MAX_PAGE_BYTES} bytes")
    data = read_json(body, endpoint=endpoint)
    if not isinstance(data, dict) or "d" not in data:
        raise ExactUnexpected(f"Exact's answer for {endpoint} has no 'd'")
    inner = data["d"]
    next_url: object = None
    if isinstance(inner, dict) and "results" in inner:
        next_url = inner.get("__next")
        inner = inner["results"]
    rows = [] if inner is None else inner if isinstance(inner, list) else [inner]
    if not all(isinstance(row, dict) for row in rows):
        raise ExactUnexpected(f"Exact's answer for {endpoint} has rows that are no objects")
    if next_url is not None and not isinstance(next_url, str):
        raise ExactUnexpected(f"Exact's answer for {endpoint} has a '__next' that is no text")
    return Page(rows=tuple(rows), next_url=next_url or None)


def read_json(body: bytes, *, endpoint: str) -> object:
    """Decode a JSON answer with Decimal for numbers with a point.

    Raises:
        ExactUnavailable: Empty, HTML, cut short: what an overloaded server sends with any status.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ExactUnavailable(
            f"Exact answered {endpoint} with something that is no JSON",
            hint="Exact may be overloaded; it is tried again later.",
        ) from error


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def same_origin(base_url: str, url: str) -> bool:
    """Say whether `url` has the scheme, host and port of `base_url`; only then may a bearer token go there.

    >>> same_origin("https://start.exactonline.nl", "https://start.exactonline.nl:443/api/v1/1/x")
    True
    >>> same_origin("https://start.exactonline.nl", "https://start.exactonline.nl@other.example/")
    False
    """
    if re.search(r"[\\\x00-\x20\x7f]", url):  # parsers disagree about these, so nobody gets to exploit it
        return False
    try:
        ours, theirs = urlsplit(base_url), urlsplit(url)
        if theirs.username is not None or theirs.password is not None:
            return False
        return bool(theirs.hostname) and _origin(ours) == _origin(theirs)
    except ValueError:
        return False


def _origin(parts: Any) -> tuple[str, str | None, int | None]:
    scheme = parts.scheme.lower()
    return scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(scheme)


# Errors

GENERIC_FAILURE = "a problem has occurred"
"""How the text of a 500 begins that is a real failure, not a validation message (exact-online-api.md 2.9)."""

SCOPES = (
    ("crm/", "Crm accounts"),
    ("salesinvoice/", "Sales invoices"),
    ("documents/", "Organization documents"),
    ("system/", "Organization administration"),
    ("deleted", "Organization administration"),
    ("users/", "Organization administration"),
    ("vat/", "Financial accounting"),
    ("financial/", "Financial accounting"),
)
"""Which scope of the app registration an endpoint needs, by how its path begins (section 2.11)."""


WHOLE_REASONS = frozenset(
    {"BlockedUser", "InactiveUser", "BlockedCustomer", "LicenseExpired", "DivisionBlocked", "NoDivisionAccess"}
)
"""The `Reason`s that refuse the user, the licence or the division, not one endpoint (2.9 [docs])."""


def refuses_endpoint(error: ConnectorError) -> bool:
    """Whether Exact refuses one endpoint, and not the user, the licence or the division as a whole.

    A 404 may mean a module that is switched off [one: Chef], a 401 that says nothing of expiry a missing right [one:
    Airbyte]; sections 1.7 and 2.9.
    """
    if isinstance(error, RightsMissing):
        return error.reason.split(":")[0].strip() not in WHOLE_REASONS
    return isinstance(error, ExactRejected) and error.status == 404


class MinuteSpent(ExactRateLimited):
    """429 for the minute: waited out inside the client, so nobody else meets it."""


class TokenExpired(ExactUnavailable):
    """401 because the access token ran out: the client asks for another one, once."""


def raise_for_status(status: int, headers: Mapping[str, str], body: bytes, *, is_write: bool, endpoint: str) -> None:
    """Raise what an answer other than 2xx means; source: exact-online-api.md 2.9 and 3.

    Raises:
        ExactRejected: 400, 404, 405 and other 4xx; and a 500 with a validation message on a write.
        RightsMissing: 401 (other than an expired token) and 403; `reason` is Exact's `Reason`, where it gave
            one, else ``scope``, ``NoDivisionAccess`` or ``LicenseExpired`` when the text says so.
        TokenExpired: 401 whose WWW-Authenticate says so.
        MinuteSpent: 429 with the minute's family of X-RateLimit headers (or none); `retry_at` is its end.
        ExactRateLimited: 429 with only the day's family.
        ExactUnavailable: Everything else; for a write `AnswerLost`, because nobody knows whether it happened.
    """
    if 200 <= status < 300:
        return
    text = error_text(body)
    if status == 429:
        raise _rate_limited(headers)
    if status == 401:
        raise _unauthorised(headers, text, endpoint)
    if status == 403:
        raise _forbidden(headers, text, endpoint)
    if 300 <= status < 400:
        raise ExactUnexpected(f"Exact answered {endpoint} with a redirect, which is never followed")
    if status < 500 and status != 408:
        detail = text or "no reason given"
        raise ExactRejected(f"Exact refused {endpoint} ({status}): {detail}", status=status)
    if status == 500 and is_write and text and not text.lower().startswith(GENERIC_FAILURE):
        raise ExactRejected(f"Exact refused {endpoint}: {text}", status=status)
    message = f"Exact failed at {endpoint} ({status})" + (f": {text}" if text else "")
    if is_write and status != 503:
        raise AnswerLost(message, hint="Whether it was done is looked up before it is tried again.")
    raise ExactUnavailable(message, hint="Exact is overloaded or in maintenance; it is tried again later.")


def error_text(body: bytes) -> str:
    """Return the text of ``{"error": {"message": {"value": text}}}``, its lines joined by "; "; else "".

    >>> error_text(b'{"error":{"code":"","message":{"lang":"","value":"Verplicht: A\\\\r\\\\nVerplicht: B"}}}')
    'Verplicht: A; Verplicht: B'
    """
    try:
        message = json.loads(body.decode("utf-8-sig"))["error"]["message"]
        value = message["value"] if isinstance(message, dict) else message
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    lines = [" ".join(line.split()) for line in str(value or "").splitlines()]
    return "; ".join(line for line in lines if line)[:MAX_MESSAGE]


def _rate_limited(headers: Mapping[str, str]) -> ExactRateLimited:
    limits = read_limits(headers)
    if limits.is_day_spent:
        return ExactRateLimited(
            "Exact's calls of this day are spent",
            hint="The rest is done after the day's limit is renewed.",
            retry_at=read_epoch(limits.day_reset_ms),
        )
    return MinuteSpent("Exact's calls of this minute are spent", retry_at=read_epoch(limits.minute_reset_ms))


def _unauthorised(headers: Mapping[str, str], text: str, endpoint: str) -> ConnectorError:
    challenge = unquote(_lower(headers).get("www-authenticate", "")).replace("+", " ").lower()
    if "message expired" in challenge or "access token expired" in challenge:
        return TokenExpired("Exact says the access token has expired", hint="Check this computer's clock.")
    message = f"Exact does not accept us at {endpoint} (401)" + (f": {text}" if text else "")
    return rights_missing(message, "unauthorized", endpoint)


def _forbidden(headers: Mapping[str, str], text: str, endpoint: str) -> RightsMissing:
    reason = " ".join(_lower(headers).get("reason", "").split())[:100]
    word = reason.split(":")[0].strip()
    lowered = text.lower()
    if not word and "scope violated" in lowered:
        reason = word = "scope"
    elif not word and "division scope" in lowered:
        reason = word = "NoDivisionAccess"
    elif not word and "license expired" in lowered:
        reason = word = "LicenseExpired"
    detail = text or reason or "no reason given"
    return rights_missing(f"Exact forbids {endpoint} (403): {detail}", reason, endpoint)


def rights_missing(message: str, reason: str, endpoint: str) -> RightsMissing:
    """Make the error of a missing right, with what helps in both languages."""
    scope = scope_of(endpoint)
    return RightsMissing(
        message, reason=reason, hint=right_remedy(reason, scope, "en"), hint_nl=right_remedy(reason, scope, "nl")
    )


def scope_of(endpoint: str) -> str:
    """Return the scope of the app registration that an endpoint needs, "" when we know none.

    >>> scope_of("sync/CRM/Accounts")
    'Crm accounts'
    """
    return by_area(SCOPES, endpoint, "")


Value = TypeVar("Value")


def by_area(table: Iterable[tuple[str, Value]], endpoint: str, default: Value) -> Value:
    """Look an endpoint up by how its path begins in lower case, whether it is plain, sync or bulk."""
    path = endpoint.lower().removeprefix("sync/").removeprefix("bulk/")
    return next((value for start, value in table if path.startswith(start)), default)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


# Values

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (Exact's wall clock has no zone; it gets one in parse_instant)
_EXACT_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
CODE_WIDTH = 18
OVERLAP = timedelta(hours=2)
"""How far a filter on Modified goes back before what was seen last (design.md section 3)."""
BEGINNING = datetime(1990, 1, 1, tzinfo=UTC)
"""Before anything in Exact Online: a list may demand a filter, so that even a whole one is read with it (2.6)."""


def parse_date(value: object) -> date | None:
    """Read a date-only field: midnight of the calendar day, never shifted (section 2.7).

    >>> parse_date("/Date(1717027200000)/")
    datetime.date(2024, 5, 30)
    """
    local = _wall_clock(value)
    return None if local is None else local.date()


def parse_instant(value: object) -> datetime | None:
    """Read an instant: Dutch wall clock written as if it were UTC -> aware UTC.

    In the repeated hour of October the earlier instant is taken (fold 0): a filter from there misses nothing.
    A wall clock that never was (March) is read with the offset before the change, so it lands after it.

    >>> parse_instant("/Date(1782397952000)/")
    datetime.datetime(2026, 6, 25, 12, 32, 32, tzinfo=datetime.timezone.utc)
    """
    local = _wall_clock(value)
    if local is None:
        return None
    try:
        return local.replace(tzinfo=AMSTERDAM, fold=0).astimezone(UTC)
    except OverflowError as error:
        raise ExactUnexpected(f"not a date of Exact's: {value!r}") from error


def _wall_clock(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ExactUnexpected(f"not a date of Exact's: {value!r}")
    try:
        if found := _EXACT_DATE.fullmatch(value):
            return EPOCH + timedelta(milliseconds=int(found[1]))
        return datetime.fromisoformat(value).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise ExactUnexpected(f"not a date of Exact's: {value[:40]!r}") from error


def format_literal(instant: datetime) -> str:
    """Write an aware instant as an OData literal in Dutch local time, cut to the second (zones are refused).

    >>> format_literal(datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    "datetime'2026-07-01T14:00:00'"
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return f"datetime'{instant.astimezone(AMSTERDAM).replace(tzinfo=None).isoformat(timespec='seconds')}'"


def modified_since(instant: datetime | None) -> str:
    """Write the filter for what was modified at or after an instant, overlapped by `OVERLAP`; None: for everything.

    The overlap covers the hour that October repeats, in which later changes show an earlier wall clock, and rows
    that became visible a little after their own time (section 2.7).

    >>> modified_since(datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    "Modified ge datetime'2026-07-01T12:00:00'"
    """
    return f"Modified ge {format_literal(BEGINNING if instant is None else instant - OVERLAP)}"


def parse_decimal(value: object) -> Decimal | None:
    """Read a number, also one that came as text; None stays None."""
    if value is None or value == "":
        return None
    if isinstance(value, int | Decimal | str) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise ExactUnexpected(f"not a number: {value!r}")


LARGEST_INT = 2**64


def parse_int(value: object) -> int | None:
    """Read a whole number; Int64 arrives as text (Timestamp, Hid, Legislation)."""
    if value is None:
        return None
    if type(value) is str and len(value) < 20 and value.isascii() and value.isdigit():
        value = int(value)  # what rows are full of; the way over Decimal takes several times as long
    if type(value) is int and -LARGEST_INT <= value <= LARGEST_INT:
        return value
    number = parse_decimal(value)
    if number is None:
        return None
    if number != number.to_integral_value() or abs(number) > LARGEST_INT:
        raise ExactUnexpected(f"not a whole number: {value!r}")
    return int(number)


def strip(value: object) -> str:
    """Take the padding off a text; None gives ""."""
    return "" if value is None else str(value).strip()


def pad_code(code: str) -> str:
    """Put an account code into the 18 characters that a filter on Code has to have.

    >>> pad_code("11")
    '                11'
    """
    return code.strip().rjust(CODE_WIDTH)


# Queries

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


QUERY_SAFE = "$',()/:"
"""Characters that Exact wants to see as they are."""


def build_query(*, select: Sequence[str] = (), filter: str = "", top: int | None = None, orderby: str = "") -> str:
    """Write the query of a read, percent-encoded, without the question mark.

    >>> build_query(select=("ID", "Name"), filter="Name eq 'A & B'", top=1)
    "$select=ID,Name&$filter=Name%20eq%20'A%20%26%20B'&$top=1"
    """
    options = {
        "$select": ",".join(select),
        "$filter": filter,
        "$orderby": orderby,
        "$top": "" if top is None else str(top),
    }
    return "&".join(f"{name}={quote(value, safe=QUERY_SAFE)}" for name, value in options.items() if value)


def quote_text(value: str) -> str:
    """Write a text as an OData literal.

    >>> quote_text("'t Hart")
    "'''t Hart'"
    """
    return "'" + value.replace("'", "''") + "'"


def quote_option(value: str) -> str:
    """Write a text as a literal in a query, percent-encoded: what functions take instead of a ``$filter``.

    >>> quote_option("crm/Accounts")
    "'crm/Accounts'"
    """
    return quote(quote_text(value), safe=QUERY_SAFE)


def quote_guid(value: str) -> str:
    """Write a GUID as an OData literal; ExactUnexpected when it is none (to an empty one Exact says 400)."""
    if not _GUID.fullmatch(value):
        raise ExactUnexpected(f"not a GUID: {value[:50]!r}")
    return f"guid'{value}'"


# Call limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The X-RateLimit headers of one answer; each may be missing. Resets are UTC epoch milliseconds."""

    minute_limit: int | None = None
    minute_left: int | None = None
    minute_reset_ms: int | None = None
    day_limit: int | None = None
    day_left: int | None = None
    day_reset_ms: int | None = None

    @property
    def has_minute(self) -> bool:
        """Whether the answer says anything about the minute."""
        return self.minute_left is not None or self.minute_reset_ms is not None

    @property
    def is_day_spent(self) -> bool:
        """On a 429: whether it is about the day. Only the family that was hit is present."""
        if self.has_minute:
            return self.day_left == 0 and self.minute_left != 0
        return self.day_left is not None or self.day_reset_ms is not None


def read_limits(headers: Mapping[str, str]) -> Limits:
    """Read the X-RateLimit headers; what is missing or no number is None."""
    low = _lower(headers)

    def number(name: str) -> int | None:
        text = low.get(f"x-ratelimit-{name}", "").strip()
        return int(text) if re.fullmatch(r"\d{1,18}", text) else None

    return Limits(
        minute_limit=number("minutely-limit"),
        minute_left=number("minutely-remaining"),
        minute_reset_ms=number("minutely-reset"),
        day_limit=number("limit"),
        day_left=number("remaining"),
        day_reset_ms=number("reset"),
    )


def read_epoch(epoch_ms: int | None) -> datetime | None:
    """Read an X-RateLimit reset, UTC epoch milliseconds; None when it is no instant."""
    if epoch_ms is None:
        return None
    try:
        return datetime.fromtimestamp(epoch_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


# Tokens

RENEW_SECONDS = 25
"""Before the end: Exact refuses a renewal in the first 570 of the 600 seconds (section 1.6)."""
LAST_SECONDS = 2
"""An access token with less than this left is not sent any more."""
DEFAULT_LIFE_SECONDS = 600


class TokenAge(StrEnum):
    """What to do with an access token: use it; use it or renew it; renew it first."""

    FRESH = "fresh"
    RENEW = "renew"
    OLD = "old"


def refresh_due(issued_at: datetime, expires_in: int, now: datetime) -> TokenAge:
    """Say how old an access token is.

    >>> noon = datetime(2026, 11, 2, 12, tzinfo=UTC)
    >>> [refresh_due(noon, 600, noon + timedelta(seconds=age)).value for age in (574, 575, 598)]
    ['fresh', 'renew', 'old']
    """
    left = expires_in - (now - issued_at).total_seconds()
    if left > RENEW_SECONDS:
        return TokenAge.FRESH
    return TokenAge.RENEW if left > LAST_SECONDS else TokenAge.OLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A new pair. It has to be stored before anything else: the old refresh token is dead."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillValid:
    """Too early: the pair we hold is good. `refresh_token` is filled when the refusal brought a new one."""

    refresh_token: str = field(default="", repr=False)


CLIENT_REFUSED = "client_refused"
"""The reason of a `Later` when Exact does not know the app or its secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """No verdict: keep what we hold, pause, try again.

    `lost`: Exact may have used up the refresh token in answering, and we did not get the new one. `asked`: False
    when no connection was made, so that Exact never heard of it.
    """

    reason: str
    lost: bool = False
    asked: bool = True
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """The chain is broken and only a new consent helps.

    With `needs_repeat` it
    is believed only when the next attempt says the same: false ones at night have healed on retry (section 1.6).
    """

    cause: LossCause
    needs_repeat: bool = False


TokenAnswer = Granted | StillValid | Later | Dead


def classify_token_answer(status: int, headers: Mapping[str, str], body: bytes) -> TokenAnswer:
    """Say what an answer of the token endpoint means; the table of exact-online-api.md 1.5."""
    try:
        data = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        return Later(reason=f"no_json ({status})", lost=200 <= status < 300 or status >= 500)
    brought = data.get("refresh_token")
    refresh_token = brought if isinstance(brought, str) else ""
    if 200 <= status < 300:
        access_token = data.get("access_token")
        if isinstance(access_token, str) and access_token and refresh_token:
            life = _life(data.get("expires_in"))
            return Granted(access_token=access_token, refresh_token=refresh_token, expires_in=life)
        return Later(reason="no_token_in_answer", lost=True, refresh_token=refresh_token)
    error = str(data.get("error") or "").lower()
    text = str(data.get("error_description") or "").lower()
    if "not expired" in text or _lower(headers).get("reason", "").lower().startswith("tooearly"):
        return StillValid(refresh_token=refresh_token)
    if status not in (400, 401):
        return Later(reason=f"status_{status}", lost=status >= 500, refresh_token=refresh_token)
    if "old refresh token" in text:
        return Dead(cause=LossCause.OLD_REFRESH_TOKEN)
    if "refresh token expired" in text:
        return Dead(cause=LossCause.REFRESH_TOKEN_EXPIRED)
    if error == "invalid_grant":
        return Dead(cause=LossCause.INVALID_GRANT, needs_repeat=True)
    if error in ("invalid_client", "unauthorized_client"):
        return Later(reason=CLIENT_REFUSED)  # it says nothing of the tokens: with the right secret they work
    return Later(reason=error or f"status_{status}", refresh_token=refresh_token)


def _life(value: object) -> int:
    """Exact sends the seconds as text."""
    try:
        seconds = int(str(value))
    except ValueError:
        return DEFAULT_LIFE_SECONDS
    return seconds if seconds > 0 else DEFAULT_LIFE_SECONDS
