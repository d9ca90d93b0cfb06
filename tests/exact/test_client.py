"""ExactClient against single exchanges: what is sent, what is repeated, and what never leaves."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
import respx

from connector.errors import (
    AnswerLost,
    ConnectorError,
    ExactRejected,
    ExactUnavailable,
    ExactUnexpected,
    InvalidSetting,
)
from connector.exact import records
from connector.exact.budget import Budget
from connector.exact.client import MAX_DOWNLOAD_BYTES, ExactClient, Limiter, make_http_client

BASE = "https://start.exactonline.example"
API = BASE + "/api/v1/123456"
GUID = "11111111-2222-3333-4444-555555555555"
EXPIRED = {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="access%20token%20expired"'}


class Bench:
    """A client with a clock that only sleeping moves, and tokens that count up when one is rejected."""

    def __init__(self, http: httpx.Client, base_url: str = BASE) -> None:
        self.now = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
        self.budget = Budget()
        self.slept: list[float] = []
        self.rejected: list[str] = []
        self.limiter = Limiter(change=self._change, clock=lambda: self.now, sleep=self._sleep)
        self.client = ExactClient(
            http,
            base_url=base_url,
            division=123456,
            token=self._token,
            limiter=self.limiter,
            clock=lambda: self.now,
            sleep=self._sleep,
        )

    def _change(self, step: Callable[[Budget], Budget]) -> None:
        self.budget = step(self.budget)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def _token(self, rejected: str | None) -> str:
        if rejected is not None:
            self.rejected.append(rejected)
        return f"token-{len(self.rejected)}"


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A bench over the HTTP client of production."""
    with make_http_client(BASE, "1.0") as http:
        yield Bench(http)


@pytest.fixture
def exact() -> Iterator[respx.MockRouter]:
    """Answers in Exact's place."""
    with respx.mock(assert_all_called=False) as router:
        yield router


def page(*rows: dict[str, Any], next_url: str | None = None) -> httpx.Response:
    """A page of a collection."""
    results: dict[str, Any] = {"results": list(rows)}
    return httpx.Response(200, json={"d": results | ({"__next": next_url} if next_url else {})})


def test_read_says_who_and_what(bench: Bench, exact: respx.MockRouter) -> None:
    """A read goes to the pinned division, with a token, for JSON, with the fields asked for."""
    route = exact.get(url__startswith=API).mock(return_value=page({"ID": "1"}))

    rows = bench.client.read_all("crm/Accounts", ("ID", "Name"), "Code eq '                 6'")

    sent = route.calls.last.request
    assert rows == [{"ID": "1"}]
    assert str(sent.url).startswith(API + "/crm/Accounts?$select=ID,Name&$filter=Code%20eq%20'%20%20")
    assert sent.headers["Authorization"] == "Bearer token-0"
    assert sent.headers["Accept"] == "application/json"


def test_sync_asks_for_what_is_newer(bench: Bench, exact: respx.MockRouter) -> None:
    """A stream is read from its Timestamp on, with the stream's own fields."""
    route = exact.get(url__startswith=API + "/sync/CRM/Contacts").mock(return_value=page())

    list(bench.client.sync_pages(records.CONTACTS, since=42))

    query = route.calls.last.request.url.query.decode()
    assert query.endswith("$filter=Timestamp%20gt%2042L")
    assert query.startswith("$select=Timestamp,ID,Account")


def test_next_page_is_followed_as_it_stands(bench: Bench, exact: respx.MockRouter) -> None:
    """The address of the next page is opaque: nothing is added, and an empty last page is fine."""
    second = API + "/crm/Accounts?$select=ID&$skiptoken=guid'" + GUID + "'"
    exact.get(API + "/crm/Accounts?$select=ID").mock(return_value=page({"ID": "1"}, next_url=second))
    route = exact.get(second).mock(return_value=page())

    pages = list(bench.client.pages("crm/Accounts", select=("ID",)))

    assert [len(each.rows) for each in pages] == [1, 0]
    assert str(route.calls.last.request.url) == second


@pytest.mark.parametrize(
    "foreign",
    ["https://evil.example/api", "http://start.exactonline.example/api", BASE + "@evil.example/", "/api/v1/x"],
)
def test_foreign_next_page_is_refused_unsent(bench: Bench, exact: respx.MockRouter, foreign: str) -> None:
    """A forged next page gets no request, so no token either."""
    exact.get(url__startswith=API).mock(return_value=page({"ID": "1"}, next_url=foreign))
    other = exact.route().mock(return_value=page())

    with pytest.raises(ExactUnexpected):
        list(bench.client.pages("crm/Accounts", select=("ID",)))

    assert not other.called


def test_http_client_itself_refuses_other_hosts(exact: respx.MockRouter) -> None:
    """Even past our own check, the HTTP client stops a request to another host before it is sent."""
    other = exact.route().mock(return_value=page())

    with make_http_client(BASE, "1.0") as http, pytest.raises(ExactUnexpected):
        http.get("https://evil.example/", headers={"Authorization": "Bearer x"})

    assert not other.called


def test_pages_in_a_circle_end(bench: Bench, exact: respx.MockRouter) -> None:
    """A next page that comes round again is an error, not an endless read."""
    again = API + "/crm/Accounts?$skiptoken=1"
    exact.get(url__startswith=API).mock(return_value=page({"ID": "1"}, next_url=again))

    with pytest.raises(ExactUnexpected, match="circle"):
        list(bench.client.pages("crm/Accounts", select=("ID",)))


@pytest.mark.parametrize("base", ["http://start.exactonline.nl", "ftp://127.0.0.1", "start.exactonline.nl", "https://"])
def test_unsafe_base_is_refused(base: str) -> None:
    """Tokens travel over https only."""
    with pytest.raises(InvalidSetting):
        make_http_client(base, "1.0")


@pytest.mark.parametrize("base", ["http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:1", BASE])
def test_loopback_may_do_without_tls(base: str) -> None:
    """The sandbox runs on a loopback address."""
    with make_http_client(base, "1.0") as http:
        assert str(http.base_url).rstrip("/") == base


def test_expired_token_is_renewed_once(bench: Bench, exact: respx.MockRouter) -> None:
    """On a 401 that says expired, the token is named as rejected and the next one is used."""
    route = exact.get(url__startswith=API)
    route.side_effect = [httpx.Response(401, headers=EXPIRED), page({"ID": "1"})]

    bench.client.read_all("crm/Accounts", ("ID",))

    assert bench.rejected == ["token-0"]
    assert route.calls.last.request.headers["Authorization"] == "Bearer token-1"


def test_second_expiry_is_not_chased(bench: Bench, exact: respx.MockRouter) -> None:
    """A token that is refused as expired right after its renewal ends the request."""
    route = exact.get(url__startswith=API).mock(return_value=httpx.Response(401, headers=EXPIRED))

    with pytest.raises(ExactUnavailable):
        bench.client.read_all("crm/Accounts", ("ID",))

    assert route.call_count == 2


@pytest.mark.parametrize("fault", [httpx.Response(503), httpx.ReadTimeout("slow"), httpx.ConnectError("away")])
def test_reads_are_repeated(bench: Bench, exact: respx.MockRouter, fault: httpx.Response | Exception) -> None:
    """A read that meets an outage is tried again, after a pause."""
    route = exact.get(url__startswith=API)
    route.side_effect = [fault, page({"ID": "1"})]

    rows = bench.client.read_all("crm/Accounts", ("ID",))

    assert (rows, route.call_count, len(bench.slept)) == ([{"ID": "1"}], 2, 1)


def test_reads_give_up(bench: Bench, exact: respx.MockRouter) -> None:
    """After a few attempts an outage is an outage, with a time to come back."""
    exact.get(url__startswith=API).mock(side_effect=httpx.ConnectError("away"))

    with pytest.raises(ExactUnavailable) as caught:
        bench.client.read_all("crm/Accounts", ("ID",))

    assert caught.value.retry_at is not None
    assert bench.client.calls == 4


def test_spent_minute_is_waited_out_inside_the_call(bench: Bench, exact: respx.MockRouter) -> None:
    """A 429 of the minute is invisible outside: the call waits until the minute is over."""
    end = bench.now + timedelta(seconds=30)
    spent = {"X-RateLimit-Minutely-Remaining": "0", "X-RateLimit-Minutely-Reset": str(int(end.timestamp() * 1000))}
    exact.get(url__startswith=API).side_effect = [httpx.Response(429, headers=spent), page({"ID": "1"})]

    rows = bench.client.read_all("crm/Accounts", ("ID",))

    assert rows == [{"ID": "1"}]
    assert bench.now >= end


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x"), httpx.WriteError("x")])
def test_lost_answer_to_a_write_is_never_repeated(bench: Bench, exact: respx.MockRouter, fault: Exception) -> None:
    """Once a write may have arrived, only a look-up can tell."""
    route = exact.post(API + "/crm/Contacts").mock(side_effect=fault)

    with pytest.raises(AnswerLost):
        bench.client.post("crm/Contacts", {"LastName": "Email"})

    assert route.call_count == 1


@pytest.mark.parametrize("fault", [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.Response(429)])
def test_write_that_never_happened_is_repeated(
    bench: Bench, exact: respx.MockRouter, fault: httpx.Response | Exception
) -> None:
    """Without a connection, or refused for the minute, a write may go out again."""
    route = exact.post(API + "/crm/Contacts")
    route.side_effect = [fault, httpx.Response(201, json={"d": {"ID": GUID, "LastName": None}})]

    created = bench.client.post("crm/Contacts", {"LastName": "Email"})

    assert created["ID"] == GUID
    assert json.loads(route.calls.last.request.content) == {"LastName": "Email"}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(500, json={"error": {"message": {"value": "Gegeven bestaat reeds."}}}), ExactRejected),
        (httpx.Response(500, text="<html>"), AnswerLost),
        (httpx.Response(503), ExactUnavailable),
        (httpx.Response(201, text=""), AnswerLost),
    ],
)
def test_refused_write_goes_out_once(
    bench: Bench, exact: respx.MockRouter, answer: httpx.Response, kind: type[ConnectorError]
) -> None:
    """Whatever else a write is answered, it is not sent a second time."""
    route = exact.post(API + "/crm/Contacts").mock(return_value=answer)

    with pytest.raises(kind) as caught:
        bench.client.post("crm/Contacts", {})

    assert (type(caught.value), route.call_count) == (kind, 1)


def test_put_sends_only_the_changes(bench: Bench, exact: respx.MockRouter) -> None:
    """A change goes to the keyed address with nothing but the changed fields; the answer is empty."""
    route = exact.put(f"{API}/crm/Accounts(guid'{GUID}')").mock(return_value=httpx.Response(204))

    bench.client.put("crm/Accounts", GUID, {"InvoicingMethod": 2})

    assert json.loads(route.calls.last.request.content) == {"InvoicingMethod": 2}


@pytest.mark.parametrize(("status", "was_there"), [(204, True), (404, False)])
def test_delete_says_whether_it_was_there(bench: Bench, exact: respx.MockRouter, status: int, was_there: bool) -> None:
    """Deleting what is gone is no error."""
    exact.delete(f"{API}/crm/Contacts(guid'{GUID}')").mock(return_value=httpx.Response(status))

    assert bench.client.delete("crm/Contacts", GUID) is was_there


def test_one_that_is_not_there_is_none(bench: Bench, exact: respx.MockRouter) -> None:
    """A 404 on a key means: not there."""
    exact.get(url__startswith=API).mock(return_value=httpx.Response(404))

    assert bench.client.get_one("crm/Accounts", GUID, ("ID",)) is None


def test_download_asks_for_the_original(bench: Bench, exact: respx.MockRouter) -> None:
    """Only with the token and Download=1 does Exact give the bytes themselves."""
    url = f"{BASE}/docs/SysAttachment.aspx?ID={GUID}&_Division_=123456"
    route = exact.get(url__startswith=BASE).mock(return_value=httpx.Response(200, content=b"%PDF-1.7"))

    content = bench.client.download(url)

    assert content == b"%PDF-1.7"
    assert str(route.calls.last.request.url) == url + "&Download=1"
    assert route.calls.last.request.headers["Authorization"] == "Bearer token-0"


def test_download_of_a_log_in_page_is_refused(bench: Bench, exact: respx.MockRouter) -> None:
    """A page instead of the file is an outage, not an invoice."""
    answer = httpx.Response(200, text="\ufeff <!DOCTYPE html><html>")
    exact.get(url__startswith=BASE).mock(return_value=answer)

    with pytest.raises(ExactUnavailable):
        bench.client.download(BASE + "/docs/SysAttachment.aspx?ID=1")


@pytest.mark.parametrize(
    ("name", "is_refused"), [("factuur.PDF", True), ("factuur.xml", True), ("voorwaarden.HTML", False)]
)
def test_download_of_a_page_sent_as_a_file(bench: Bench, exact: respx.MockRouter, name: str, is_refused: bool) -> None:
    """A page that Exact calls an attachment is one only when the file's name says that it is a page."""
    body = b"\r\n<!DOCTYPE html><html>"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Type": "application/pdf"}
    exact.get(url__startswith=BASE).mock(return_value=httpx.Response(200, headers=headers, content=body))
    refused = pytest.raises(ExactUnavailable, match="web page") if is_refused else nullcontext()

    with refused:
        assert bench.client.download(BASE + "/docs/SysAttachment.aspx?ID=1", name) == body


def test_download_has_a_limit(bench: Bench, exact: respx.MockRouter) -> None:
    """A file beyond the limit is refused while it comes in."""
    exact.get(url__startswith=BASE).mock(return_value=httpx.Response(200, content=b"x" * (MAX_DOWNLOAD_BYTES + 1)))

    with pytest.raises(ExactUnexpected, match="larger"):
        bench.client.download(BASE + "/docs/SysAttachment.aspx?ID=1")


def test_download_from_elsewhere_is_refused_unsent(bench: Bench, exact: respx.MockRouter) -> None:
    """An attachment on another host gets no request."""
    other = exact.route().mock(return_value=httpx.Response(200))

    with pytest.raises(ExactUnexpected):
        bench.client.download("https://evil.example/docs/SysAttachment.aspx?ID=1")

    assert not other.called


def test_divisions_before_one_is_chosen(exact: respx.MockRouter) -> None:
    """Without a pinned division the list is read through the user's current one."""
    exact.get(url__startswith=BASE + "/api/v1/current/Me").mock(
        return_value=page({"UserID": GUID, "CurrentDivision": 77})
    )
    exact.get(url__startswith=BASE + "/api/v1/77/system/Divisions").mock(
        return_value=page({"Code": 123456, "Description": "Kantoor Voorbeeld", "Country": "NL "})
    )

    with make_http_client(BASE, "1.0") as http:
        bench = Bench(http)
        client = ExactClient(
            http,
            base_url=BASE,
            division=0,
            token=lambda rejected: "t",
            limiter=bench.limiter,
            clock=lambda: bench.now,
            sleep=bench._sleep,
        )
        found = client.divisions()

    assert [(each.code, each.description, each.country) for each in found] == [(123456, "Kantoor Voorbeeld", "NL")]


def test_resting_endpoint_is_not_called(bench: Bench, exact: respx.MockRouter) -> None:
    """After five refusals the sixth call does not go out."""
    route = exact.get(url__startswith=API).mock(return_value=httpx.Response(400))
    for _ in range(5):
        with pytest.raises(ExactRejected):
            bench.client.read_all("crm/Accounts", ("Nonsense",))

    with pytest.raises(ConnectorError, match="rests"):
        bench.client.read_all("crm/Accounts", ("Nonsense",))

    assert route.call_count == 5


class Listener(ThreadingHTTPServer):
    """A real server on a loopback port; `requests` holds what reached it, headers included."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"{}")
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Listener)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.path, dict(self.headers)))
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def listening() -> Iterator[Listener]:
    with Listener() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def read_pages(client: ExactClient) -> object:
    return list(client.pages("crm/Accounts", select=("ID",)))


@pytest.mark.parametrize("redirect", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("way", ["read", "write", "download"])
def test_redirect_to_another_server_is_not_followed(way: str, redirect: int) -> None:
    """A redirect is an error, and the server that it leads to never hears of us."""
    with listening() as exact, listening() as other, make_http_client(exact.url, "1.0") as http:
        exact.answer = redirect, {"Location": other.url + "/api/v1/123456/crm/Accounts"}, b""
        client = Bench(http, exact.url).client
        calls: dict[str, Callable[[], object]] = {
            "read": lambda: read_pages(client),
            "write": lambda: client.put("crm/Accounts", GUID, {"InvoicingMethod": 2}),
            "download": lambda: client.download(f"{exact.url}/docs/SysAttachment.aspx?ID={GUID}"),
        }

        with pytest.raises(ExactUnexpected, match="redirect"):
            calls[way]()

        assert [headers.get("Authorization") for _, headers in exact.requests] == ["Bearer token-0"]
        assert other.requests == []


def test_next_page_on_another_server_is_not_fetched() -> None:
    """Even on the same host, a next page on another port gets nothing."""
    with listening() as exact, listening() as other, make_http_client(exact.url, "1.0") as http:
        body = {"d": {"results": [{"ID": GUID}], "__next": other.url + "/api/v1/123456/crm/Accounts"}}
        exact.answer = 200, {}, json.dumps(body).encode()

        with pytest.raises(ExactUnexpected, match="another host"):
            read_pages(Bench(http, exact.url).client)

        assert len(exact.requests) == 1
        assert other.requests == []


def test_attachment_on_another_server_is_not_fetched() -> None:
    """An attachment's address on another port gets nothing, and neither does Exact."""
    with listening() as exact, listening() as other, make_http_client(exact.url, "1.0") as http:
        with pytest.raises(ExactUnexpected, match="another host"):
            Bench(http, exact.url).client.download(f"{other.url}/docs/SysAttachment.aspx?ID={GUID}")

        assert exact.requests == other.requests == []
