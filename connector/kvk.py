"""KvkClient: the KVK register over its API, Zoeken v2 and Basisprofiel v1.

What is worth asking and what an answer means is decided in `customers.register`; keeping answers is storage's affair.

Sources: libraries.md, "KvK register"; the shapes are those of developers.kvk.nl [docs], the meaning of the error codes
is from open clients [clients]: IPD0005 and IPD5200 know nobody, IPD1002 and IPD1003 ask to come back later.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

from connector.customers.register import ProfileQuestion, Question, Registration, SearchQuestion
from connector.errors import InvalidSetting, RegisterUnavailable, RegisterUnexpected
from connector.identifiers import KvkNumber
from connector.texts import one_line

BETWEEN_CALLS = timedelta(milliseconds=500)
"""At most two calls a second (libraries.md)."""
ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 1.0
RESULTS = 100
"""The most that one page of Zoeken gives [docs]."""
NOBODY = frozenset({"IPD0005", "IPD5200"})
LATER = frozenset({"IPD1002", "IPD1003"})
MOST_TEXT = 200
"""Characters of a name or a place that are searched for; the longest trade names are shorter."""
NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""After these the question cannot have arrived, and costs nothing."""
MAX_ANSWER_BYTES = 2 * 1024 * 1024


def make_http_client(base_url: str, api_key: str, version: str) -> httpx.Client:
    """Open the HTTP client for the register, which sends the key there and nowhere else; the caller closes it.

    Raises:
        InvalidSetting: What is given as key can be none.
    """
    if not re.fullmatch(r"[!-~]+", api_key):
        raise InvalidSetting(
            "the key of the KVK register has characters that no key has",
            hint="correct kvk.api_key_file: the key alone, on one line",
        )
    home = _origin(base_url)

    def refuse_foreign(request: httpx.Request) -> None:
        if _origin(str(request.url)) != home:
            raise RegisterUnexpected(f"refused to call {request.url.host}: not the configured host of the register")

    return httpx.Client(
        headers={"User-Agent": f"connector/{version}", "Accept": "application/json", "apikey": api_key}
        | {"Accept-Encoding": "identity"},  # what is packed can unpack to anything
        timeout=httpx.Timeout(20, connect=5),
        follow_redirects=False,
        event_hooks={"request": [refuse_foreign]},
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


class KvkClient:
    """Asks the register one question after another, at its pace."""

    def __init__(
        self,
        http: httpx.Client,
        *,
        base_url: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        """Take the parts; `base_url` may have a path, as that of the test environment has (``…/test``)."""
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._sleep = sleep
        self._next_at: datetime | None = None
        self.paid_calls = 0
        """Basisprofielen that were answered so far, or may have been, repeats included."""

    def ask(self, question: Question) -> tuple[Registration, ...]:
        """Give what the register has in answer; nothing when it knows nobody.

        Raises:
            RegisterUnavailable: No answer for the moment: nothing is known, good or bad.
            RegisterUnexpected: An answer that cannot be used, for this question at least.
            InvalidSetting: The key is not accepted.
        """
        if isinstance(question, ProfileQuestion):
            body = self._get(f"/api/v1/basisprofielen/{question.number}", {}, is_paid=True)
            return () if body is None else (_read_profile(body, question.number),)
        return self._search(question)

    def require_access(self) -> None:
        """Make sure that the register answers and takes the key, with a call that is free; raises like `ask`."""
        self._search(SearchQuestion(name="connector"))

    def _search(self, question: SearchQuestion) -> tuple[Registration, ...]:
        texts = {
            "naam": question.name,
            "postcode": question.postcode,
            "straatnaam": question.street,
            "plaats": question.city,
        }
        given = {name: _sendable(text) for name, text in texts.items()} | {"resultatenPerPagina": str(RESULTS)}
        body = self._get("/api/v2/zoeken", {name: value for name, value in given.items() if value}, is_paid=False)
        return () if body is None else tuple(_read_results(body))

    def _get(self, path: str, query: Mapping[str, str], *, is_paid: bool) -> dict[str, Any] | None:
        """Call, again where the register is away for a moment; None: it knows nobody."""
        for attempt in stamina.retry_context(on=_is_worth_another, attempts=ATTEMPTS, timeout=None):
            if attempt.num > 1:
                self._sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt.num - 2))
            with attempt:
                return self._once(path, query, is_paid=is_paid)
        raise AssertionError("unreachable: the loop returns or raises")

    def _once(self, path: str, query: Mapping[str, str], *, is_paid: bool) -> dict[str, Any] | None:
        self._wait()
        arrived = False
        try:
            with self._http.stream("GET", self._base_url + path, params=dict(query)) as answer:
                arrived = True
                return _read_answer(answer, _read_body(answer))
        except httpx.InvalidURL as error:
            raise InvalidSetting(
                "the KVK register has no address that can be called", hint="correct kvk.base_url"
            ) from error
        except httpx.RequestError as error:
            arrived = arrived or not isinstance(error, NEVER_ARRIVED)
            raise RegisterUnavailable(
                f"the KVK register cannot be reached ({type(error).__name__})",
                hint="check the network and kvk.base_url; run the command again later",
            ) from error
        finally:
            self.paid_calls += is_paid and arrived

    def _wait(self) -> None:
        now = self._clock()
        if self._next_at is not None and now < self._next_at:
            self._sleep((self._next_at - now).total_seconds())
        self._next_at = max(self._clock(), self._next_at or now) + BETWEEN_CALLS


NO_PAUSE = 0.0
"""What tells stamina yes: we pause ourselves."""


def _is_worth_another(error: Exception) -> bool | float:
    return NO_PAUSE if isinstance(error, RegisterUnavailable) else False


def _sendable(text: str) -> str:
    """A text as a register can search for it: whole characters, and no more than a name has."""
    return text.encode("utf-8", errors="ignore").decode()[:MOST_TEXT]


def _read_body(answer: httpx.Response) -> bytes:
    """Read no more than an answer may have; nothing of one that is packed, for which we did not ask."""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        return b""
    body = bytearray()
    for piece in answer.iter_raw():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            return b""
    return bytes(body)


def _read_answer(answer: httpx.Response, body: bytes) -> dict[str, Any] | None:
    """Give the document of an answer, None for nobody."""
    if answer.status_code in {401, 403}:
        raise InvalidSetting(
            f"the KVK register does not accept the key ({answer.status_code})",
            hint="correct kvk.api_key_file; the subscription has to include Zoeken and Basisprofiel",
        )
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):  # a page of a proxy or gateway, or brackets without end
        document = None
    codes = _error_codes(document)
    if answer.status_code == 404 and codes & NOBODY:
        return None
    if answer.status_code == 200 and isinstance(document, dict):
        return document
    said = f"{answer.status_code} {' '.join(sorted(codes))}".strip()
    if answer.status_code >= 500 or answer.status_code == 429 or codes & LATER:
        raise RegisterUnavailable(f"the KVK register is away ({said})", hint="run the command again later")
    raise RegisterUnexpected(f"the KVK register gives no answer that can be used ({said})")


def _error_codes(document: Any) -> set[str]:
    faults = document.get("fout") if isinstance(document, dict) else None
    codes = (fault.get("code") for fault in faults if isinstance(fault, dict)) if isinstance(faults, list) else ()
    return {code for code in codes if isinstance(code, str) and re.fullmatch(r"[A-Z]{3}[0-9]{4}", code)}


def _read_profile(body: Mapping[str, Any], asked: KvkNumber) -> Registration:
    if body.get("kvkNummer") != asked:
        raise RegisterUnexpected("the KVK register answered about another number than was asked")
    parts = [body, *_mappings(_mapping(body.get("_embedded")).values())]
    names = [body.get("statutaireNaam"), body.get("naam")]
    names += [trade.get("naam") for part in parts for trade in _mappings(part.get("handelsnamen"))]
    registered = _mapping(body.get("materieleRegistratie"))
    addresses = [address for part in parts for address in _mappings(part.get("adressen"))]
    closed = registered.get("datumEinde")
    if closed is not None and not re.fullmatch(r"[0-9]{8}|", str(closed)):
        raise RegisterUnexpected("the KVK register gives an end date that is none")
    return _registration(asked, names, addresses, closed=closed)


def _read_results(body: Mapping[str, Any]) -> Iterator[Registration]:
    if not isinstance(body.get("resultaten"), list):
        raise RegisterUnexpected("the KVK register answered a search without results")
    for result in _mappings(body.get("resultaten")):
        number = str(result.get("kvkNummer") or "")
        if re.fullmatch(r"[0-9]{8}", number):
            address = _mapping(_mapping(result.get("adres")).get("binnenlandsAdres"))
            closed = "" if result.get("actief", "Ja") == "Ja" else "unknown"
            yield _registration(KvkNumber(number), [result.get("naam")], [address], closed=closed)


def _registration(
    number: KvkNumber, names: list[Any], addresses: list[Mapping[str, Any]], *, closed: Any
) -> Registration:
    """Put a registration together, each name and address once."""
    places = [(str(each.get("straatnaam") or ""), str(each.get("plaats") or "")) for each in addresses]
    postcodes = [str(each.get("postcode") or "").replace(" ", "").upper() for each in addresses]
    return Registration(
        number=number,
        names=tuple(dict.fromkeys(one_line(name) for name in names if isinstance(name, str) and one_line(name))),
        postcodes=tuple(dict.fromkeys(postcode for postcode in postcodes if postcode)),
        streets=tuple(dict.fromkeys(place for place in places if all(place))),
        is_closed=bool(closed),
        closed_on=_day(closed),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(values: Any) -> list[Mapping[str, Any]]:
    return [each for each in values if isinstance(each, dict)] if isinstance(values, Iterable) else []


def _day(text: Any) -> date | None:
    """Read a date such as 20240229; the register has days and months 00 where it does not know them."""
    try:
        return datetime.strptime(str(text), "%Y%m%d").date() if text else None  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return None
