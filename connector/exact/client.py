"""ExactClient: reads and writes of one administration over the httpx.Client it is given.

It keeps to Exact's manners (budget, paging, same host only, no blind repeat of a write) and translates every
fault into our errors. Tokens are kept elsewhere: it asks for one before each request. What rows mean is left to
`records`.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import stamina

from connector.errors import (
    AnswerLost,
    Busy,
    ConnectorError,
    ExactRejected,
    ExactUnavailable,
    ExactUnexpected,
    InvalidSetting,
)
from connector.exact import budget, protocol
from connector.exact.budget import Budget, Go, Priority, Wait
from connector.exact.protocol import MinuteSpent, Page, TokenExpired
from connector.exact.records import DivisionRecord, Me, Stream

ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 1.0
AWAY = timedelta(minutes=5)
"""When to try again after all attempts found nobody."""
MAX_DOWNLOAD_BYTES = 25 * 1024 * 1024
"""The largest file that the connector takes (design.md section 6); Exact itself takes 10 MB in a request."""
SHORTEST_NAP_SECONDS = 0.05
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""With these no connection was made, so that even a write may be repeated."""


def require_safe_base(base_url: str) -> None:
    """Refuse an address of Exact that would carry tokens in the clear.

    Raises:
        InvalidSetting: Neither https nor http on a loopback address.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return
    if parts.scheme == "http" and _is_loopback(host):
        return
    raise InvalidSetting(
        f"exact.base_url {base_url!r} is not safe",
        hint="Use https; http is only for a loopback address such as http://127.0.0.1:8080.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin_guard(base_url: str) -> Callable[[httpx.Request], None]:
    """Make a request hook that stops what is on its way to another scheme, host or port before it is sent."""

    def refuse_foreign(request: httpx.Request) -> None:
        if not protocol.same_origin(base_url, str(request.url)):
            raise ExactUnexpected(f"refused to call {request.url.host}: not the configured host of Exact")

    return refuse_foreign


def make_http_client(base_url: str, version: str) -> httpx.Client:
    """Open the HTTP client for one host of Exact; to be closed by the caller (`with`).

    Raises:
        InvalidSetting: See `require_safe_base`.
    """
    require_safe_base(base_url)
    return httpx.Client(
        base_url=base_url,
        headers={"User-Agent": f"connector/{version}", "Accept": "application/json"},
        timeout=httpx.Timeout(30, connect=5),
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
        follow_redirects=False,
        event_hooks={"request": [origin_guard(base_url)]},
    )


class Limiter:
    """Takes calls off the stored budget of one administration; the minute is waited out here.

    `change` applies a function to the stored `Budget` as one step, whoever else is at it: so threads and processes
    that share an administration (the set-up beside the sync) take each call off once.
    """

    def __init__(
        self,
        *,
        change: Callable[[Callable[[Budget], Budget]], None],
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        priority: Priority | None = None,
    ) -> None:
        """Take the parts; `priority` is that of all its calls, None: each by its endpoint, as the sync's are."""
        self._change = change
        self._clock = clock
        self._sleep = sleep
        self._priority = priority
        self.calls = 0
        """Calls that went out through this limiter."""

    def acquire(self, endpoint: str) -> None:
        """Take one call, after waiting for the next minute where needed.

        Raises:
            ExactRateLimited: The day is spent, or the endpoint rests.
        """
        while True:
            decision = self._take(endpoint)
            if isinstance(decision, Go):
                self.calls += 1
                return
            self._sleep(max(decision.seconds, SHORTEST_NAP_SECONDS))

    def _take(self, endpoint: str) -> Go | Wait:
        priority = self._priority if self._priority is not None else budget.priority_of(endpoint)
        decisions: list[Go | Wait] = []

        def take(stored: Budget) -> Budget:
            decisions.append(budget.before_call(stored, endpoint, self._clock(), priority=priority))
            return decisions[-1].budget

        self._change(take)
        return decisions[-1]

    def settle(self, endpoint: str, status: int, headers: Mapping[str, str]) -> None:
        """Store what an answer says about the limits."""
        now = self._clock()
        self._change(lambda stored: budget.after_call(stored, endpoint, status, headers, now))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is sent, apart from the token; `endpoint` is what budgets and errors call it."""

    method: str
    url: str
    endpoint: str
    content: bytes | None = None
    accept: str = "application/json"
    max_bytes: int = protocol.MAX_PAGE_BYTES

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class ExactClient:
    """Reads and writes of one administration.

    Every method may raise `ExactUnavailable`, `ExactRateLimited`, `RightsMissing`, `ExactRejected` and
    `ExactUnexpected` (see `protocol.raise_for_status`), and whatever `token` raises.
    """

    def __init__(
        self,
        http: httpx.Client,
        *,
        base_url: str,
        division: int,
        token: Callable[[str | None], str],
        limiter: Limiter,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        """Take the parts.

        Args:
            division: The pinned code in every URL; 0 before one is chosen: only `me` and `divisions` work then.
            token: Called with None before each request, and with the token that Exact has just called expired.
            sleep: Pauses between two attempts.
        """
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._division = division
        self._token = token
        self._limiter = limiter
        self._clock = clock
        self._sleep = sleep
        self._latest: datetime | None = None

    @contextmanager
    def writing_until(self, latest: datetime) -> Iterator[None]:
        """Let writes inside the block go out before a moment or not at all; then they raise Busy."""
        self._latest = latest
        try:
            yield
        finally:
            self._latest = None

    @property
    def calls(self) -> int:
        """Calls that went out so far, repeats included."""
        return self._limiter.calls

    def me(self) -> Me:
        """Return who is connected; needs no division and no scope."""
        query = protocol.build_query(select=Me.FIELDS)
        url = f"{self._base_url}/api/v1/current/Me?{query}"
        page = self._read(_Request(method="GET", url=url, endpoint="current/Me"))
        if not page.rows:
            raise ExactUnexpected("Exact's answer for current/Me is empty")
        return Me.from_json(page.rows[0])

    def divisions(self) -> list[DivisionRecord]:
        """Return the administrations that the user may open and granted, over all licences."""
        code = self._division or self.me().current_division
        if not code:
            raise ExactUnexpected("Exact names no current administration for this user")
        query = protocol.build_query(select=DivisionRecord.FIELDS)
        url = f"{self._base_url}/api/v1/{code}/system/Divisions?{query}"
        pages = self._follow(_Request(method="GET", url=url, endpoint="system/Divisions"))
        return [DivisionRecord.from_json(row) for page in pages for row in page.rows]

    def has_right(self, endpoint: str, action: str) -> bool | None:
        """Ask whether the user may do something, which a refusal in answer does not count for as an error.

        Whether it takes the app's scopes into account is not established.

        Args:
            endpoint: Such as ``crm/Accounts``.
            action: ``GET``, ``POST``, ``PUT`` or ``DELETE``.

        Returns:
            None: the answer has a shape that we do not know. Source: exact-online-api.md 2.6 [docs: PiDocs]; the shape
            of the answer is [assumed].
        """
        path = "users/UserHasRights"
        query = f"endpoint={protocol.quote_option(endpoint)}&action={protocol.quote_option(action)}"
        page = self._read(_Request(method="GET", url=f"{self._url(path)}?{query}", endpoint=path))
        values = [value for row in page.rows for value in row.values() if isinstance(value, bool)]
        return values[0] if len(values) == 1 else None

    def pages(self, path: str, *, select: Sequence[str], filter: str = "", orderby: str = "") -> Iterator[Page]:
        """Read a collection page by page, one after another (parallel reads repeat and skip rows).

        Args:
            path: Below the division, in Exact's own case, such as ``crm/Accounts``.
        """
        query = protocol.build_query(select=select, filter=filter, orderby=orderby)
        return self._follow(_Request(method="GET", url=f"{self._url(path)}?{query}", endpoint=path))

    def sync_pages(self, stream: Stream, *, since: int) -> Iterator[Page]:
        """Read what changed after a Timestamp; 0 or 1 reads everything. Keep the highest Timestamp seen."""
        return self.pages(stream.path, select=stream.fields, filter=f"Timestamp gt {max(since, 1)}L")

    def read_all(self, path: str, select: Sequence[str], filter: str = "") -> list[dict[str, Any]]:
        """Read a whole, small collection."""
        return [dict(row) for page in self.pages(path, select=select, filter=filter) for row in page.rows]

    def get_one(self, path: str, guid: str, select: Sequence[str]) -> dict[str, Any] | None:
        """Read one entity by its key; None when it is not there."""
        url = f"{self._url(path)}({protocol.quote_guid(guid)})?{protocol.build_query(select=select)}"
        try:
            page = self._read(_Request(method="GET", url=url, endpoint=path))
        except ExactRejected as error:
            if error.status == 404:
                return None
            raise
        return dict(page.rows[0]) if page.rows else None

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create an entity and return what Exact answers: often only its key is filled, so read it back.

        Raises:
            AnswerLost: It may or may not have happened: look for the record by a key of its own first.
        """
        answer = self._call(self._write("POST", self._url(path), path, body))
        try:
            page = protocol.read_page(answer.status, answer.headers, answer.body, endpoint=path)
        except ExactUnavailable as error:
            raise AnswerLost(f"Exact's answer after creating at {path} cannot be read") from error
        return dict(page.rows[0]) if page.rows else {}

    def put(self, path: str, guid: str, changes: Mapping[str, Any]) -> None:
        """Change the given fields of an entity, never the whole; raises AnswerLost like `post`."""
        url = f"{self._url(path)}({protocol.quote_guid(guid)})"
        self._call(self._write("PUT", url, path, changes))

    def delete(self, path: str, guid: str) -> bool:
        """Delete an entity; False when it was not there. Raises AnswerLost like `post`."""
        url = f"{self._url(path)}({protocol.quote_guid(guid)})"
        try:
            self._call(_Request(method="DELETE", url=url, endpoint=path))
        except ExactRejected as error:
            if error.status == 404:
                return False
            raise
        return True

    def download(self, url: str, name: str = "") -> bytes:
        """Fetch the original bytes of an attachment from its `Url`.

        Args:
            name: The file's name: one that is no web page by its name is not taken for one by its bytes either.

        Raises:
            ExactUnexpected: Another host, or more than 25 MB.
            ExactUnavailable: A page instead of the file, as Exact sends for a session it does not know.
        """
        if "Download" not in parse_qs(urlsplit(url).query):
            url += ("&" if "?" in url else "?") + "Download=1"
        answer = self._call(
            _Request(
                method="GET",
                url=url,
                endpoint="docs/SysAttachment",
                accept="*/*",
                max_bytes=MAX_DOWNLOAD_BYTES,
            )
        )
        if _is_page(answer, name):
            raise ExactUnavailable(
                "Exact answered a web page instead of the attachment",
                hint="It is fetched again later; when it stays, open the document in Exact. "
                "A file that is a web page needs a name that ends in .html.",
            )
        return answer.body

    def _url(self, path: str) -> str:
        if not self._division:
            raise ExactUnexpected("no administration is chosen yet")
        return f"{self._base_url}/api/v1/{self._division}/{path}"

    def _write(self, method: str, url: str, path: str, body: Mapping[str, Any]) -> _Request:
        return _Request(method=method, url=url, endpoint=path, content=json.dumps(dict(body)).encode())

    def _follow(self, first: _Request) -> Iterator[Page]:
        request, seen = first, set[str]()
        while True:
            page = self._read(request)
            yield page
            if page.next_url is None:
                return
            if page.next_url in seen:
                raise ExactUnexpected(f"Exact's pages of {first.endpoint} go round in a circle")
            seen.add(page.next_url)
            request = _Request(method="GET", url=page.next_url, endpoint=first.endpoint)

    def _read(self, request: _Request) -> Page:
        answer = self._call(request)
        return protocol.read_page(answer.status, answer.headers, answer.body, endpoint=request.endpoint)

    def _call(self, request: _Request) -> _Answer:
        """Send, again where that is safe, and translate what the network does."""
        if not protocol.same_origin(self._base_url, request.url):
            raise ExactUnexpected(f"Exact pointed to another host for {request.endpoint}; not followed")
        again = _again_write if request.is_write else _again_read
        try:
            for attempt in stamina.retry_context(on=again, attempts=ATTEMPTS, timeout=None):
                if attempt.num > 1:
                    self._sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt.num - 2) * random.uniform(0.5, 1.5))
                with attempt:
                    return self._with_token(request)
        except httpx.RequestError as error:
            kind = type(error).__name__
            if request.is_write and not isinstance(error, NEVER_SENT):
                raise AnswerLost(f"no answer from Exact to a write at {request.endpoint} ({kind})") from error
            raise ExactUnavailable(
                f"Exact cannot be reached for {request.endpoint} ({kind})",
                hint="Check the network and exact.base_url; it is tried again later.",
                retry_at=self._clock() + AWAY,
            ) from error
        raise AssertionError("unreachable: the loop returns or raises")

    def _with_token(self, request: _Request) -> _Answer:
        """Send with a token, and once more with a newer one when Exact says it expired."""
        token = self._token(None)
        try:
            return self._once(request, token)
        except TokenExpired:
            return self._once(request, self._token(token))

    def _once(self, request: _Request, token: str) -> _Answer:
        self._limiter.acquire(request.endpoint)
        if request.is_write and self._latest is not None and self._clock() >= self._latest:
            raise Busy(f"a write at {request.endpoint} came too late and was not sent", hint="run the command again")
        headers = {"Authorization": f"Bearer {token}", "Accept": request.accept}
        if request.content is not None:
            headers["Content-Type"] = "application/json"
        body = bytearray()
        with self._http.stream(request.method, request.url, headers=headers, content=request.content) as response:
            self._limiter.settle(request.endpoint, response.status_code, response.headers)
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > request.max_bytes:
                    raise ExactUnexpected(
                        f"Exact's answer for {request.endpoint} is larger than {request.max_bytes} bytes"
                    )
        answer = _Answer(status=response.status_code, headers=response.headers, body=bytes(body))
        protocol.raise_for_status(
            answer.status,
            answer.headers,
            answer.body,
            is_write=request.is_write,
            endpoint=request.endpoint,
        )
        return answer


NO_PAUSE = 0.0
"""What the hooks tell stamina for yes: we pause ourselves, and after a 429 the limiter waits for the minute."""


def _again_read(error: Exception) -> bool | float:
    """Whether a read is worth another attempt."""
    if isinstance(error, ConnectorError):
        return NO_PAUSE if type(error) in (ExactUnavailable, MinuteSpent) else False
    return NO_PAUSE if isinstance(error, httpx.TransportError) else False


def _again_write(error: Exception) -> bool | float:
    """A write is repeated only when it cannot have happened: refused for the minute, or never connected."""
    return NO_PAUSE if isinstance(error, (MinuteSpent, *NEVER_SENT)) else False


def _is_page(answer: _Answer, name: str) -> bool:
    """An HTML page in place of the file: by its bytes, whatever the headers say, unless the file may be one."""
    is_file = "attachment" in answer.headers.get("content-disposition", "").lower()
    if is_file and name.lower().endswith((".htm", ".html")):
        return False
    start = answer.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    is_html = "text/html" in answer.headers.get("content-type", "").lower() and not is_file
    return is_html or start.startswith((b"<!doctype html", b"<html"))
