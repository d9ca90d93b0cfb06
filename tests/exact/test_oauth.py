"""ExactOAuth against single exchanges: what is sent to the token endpoint and what an answer leads to."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx

from connector.errors import AuthorizationDenied, ExactUnavailable, ExactUnexpected
from connector.exact.oauth import ExactOAuth, read_callback, token_http_client
from connector.exact.protocol import Dead, Granted, Later

BASE = "https://start.exactonline.example"
TOKEN = BASE + "/api/oauth2/token"
PAIR = {"access_token": "a", "token_type": "bearer", "expires_in": "600", "refresh_token": "r2"}


@pytest.fixture
def exact() -> Iterator[respx.MockRouter]:
    """Answers in Exact's place."""
    with respx.mock(assert_all_called=False) as router:
        yield router


@pytest.fixture
def oauth() -> Iterator[ExactOAuth]:
    """The app of these tests, over the HTTP client of production."""
    with token_http_client(BASE, "1.0") as http:
        yield ExactOAuth(
            http,
            base_url=BASE,
            client_id="{app}",
            client_secret="geheim",
            redirect_uri="https://kantoor.example/callback",
        )


def sent(route: respx.Route) -> dict[str, list[str]]:
    """The form of the last request."""
    return parse_qs(route.calls.last.request.content.decode())


def test_consent_address_holds_what_exact_wants(oauth: ExactOAuth) -> None:
    """Client, redirect and a fresh state; no scope."""
    url, state = oauth.start()

    query = parse_qs(urlsplit(url).query)
    assert url.startswith(BASE + "/api/oauth2/auth?")
    assert query == {
        "client_id": ["{app}"],
        "redirect_uri": ["https://kantoor.example/callback"],
        "response_type": ["code"],
        "state": [state],
    }
    assert oauth.start()[1] != state


def test_code_is_exchanged_as_it_was_decoded(oauth: ExactOAuth, exact: respx.MockRouter) -> None:
    """A code with a ! arrives at Exact as that very code, the secret in the body and no header beside it."""
    route = exact.post(TOKEN).respond(json=PAIR)

    granted = oauth.exchange("stamp.Nl!ab+/c==")

    assert granted == Granted(access_token="a", refresh_token="r2", expires_in=600)
    assert sent(route) == {
        "grant_type": ["authorization_code"],
        "code": ["stamp.Nl!ab+/c=="],
        "redirect_uri": ["https://kantoor.example/callback"],
        "client_id": ["{app}"],
        "client_secret": ["geheim"],
    }
    assert "Authorization" not in route.calls.last.request.headers


def test_refresh_sends_token_and_client(oauth: ExactOAuth, exact: respx.MockRouter) -> None:
    """A renewal is one form with the refresh token and the client's credentials."""
    route = exact.post(TOKEN).respond(json=PAIR)

    answer = oauth.refresh("r1!/+")

    assert answer == Granted(access_token="a", refresh_token="r2", expires_in=600)
    assert sent(route) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["r1!/+"],
        "client_id": ["{app}"],
        "client_secret": ["geheim"],
    }


@pytest.mark.parametrize(
    ("fault", "lost"),
    [(httpx.ReadTimeout("x"), True), (httpx.RemoteProtocolError("x"), True), (httpx.ConnectError("x"), False)],
)
def test_lost_answer_is_known_as_lost(oauth: ExactOAuth, exact: respx.MockRouter, fault: Exception, lost: bool) -> None:
    """Whether the refresh token may be used up depends on whether the question arrived; it is asked once."""
    route = exact.post(TOKEN).mock(side_effect=fault)

    answer = oauth.refresh("r1")

    assert answer == Later(reason=type(fault).__name__, lost=lost, asked=lost)
    assert route.call_count == 1


@pytest.mark.parametrize("status", [200, 302, 400, 401, 500, 503])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 5}', b'{"expires_in": "x"}'])
def test_refresh_never_raises(oauth: ExactOAuth, exact: respx.MockRouter, status: int, body: bytes) -> None:
    """Whatever the token endpoint answers, there is a meaning for it."""
    exact.post(TOKEN).respond(status, content=body, headers={"Location": "https://evil.example/"})

    assert isinstance(oauth.refresh("r1"), Later)


def test_used_up_token_is_dead(oauth: ExactOAuth, exact: respx.MockRouter) -> None:
    """The refusal of an old refresh token comes through Authlib as what it is."""
    body = {"error": "unauthorized_client", "error_description": "Old refresh token used."}
    exact.post(TOKEN).respond(401, json=body)

    assert oauth.refresh("r1") == Dead(cause="old_refresh_token")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_grant"}, AuthorizationDenied),
        (400, {"error": "invalid_request"}, AuthorizationDenied),
        (401, {"error": "invalid_client"}, AuthorizationDenied),
        (500, {"fault": {}}, ExactUnavailable),
        (503, {}, ExactUnavailable),
    ],
)
def test_refused_code_needs_a_person(
    oauth: ExactOAuth, exact: respx.MockRouter, status: int, body: dict[str, object], kind: type[Exception]
) -> None:
    """A refused consent is for a person to repeat, an outage for later."""
    exact.post(TOKEN).respond(status, json=body)

    with pytest.raises(kind):
        oauth.exchange("code")


def test_callback_gives_the_code() -> None:
    """The code of our own question is taken as it is."""
    assert read_callback({"code": "a!b", "state": "s1"}, "s1") == "a!b"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"code": "c", "state": "other"}, "s1"),
        ({"code": "c"}, "s1"),
        ({"code": "c", "state": ""}, ""),
        ({"code": "c", "state": "é"}, "s1"),
        ({"error": "access_denied", "state": "s1"}, "s1"),
        ({"error": "x", "code": "c", "state": "s1"}, "s1"),
        ({"state": "s1"}, "s1"),
    ],
)
def test_callback_of_somebody_else_is_refused(query: dict[str, str], expected: str) -> None:
    """Another state, an error, or no code: no exchange."""
    with pytest.raises(AuthorizationDenied):
        read_callback(query, expected)


def test_token_client_stays_at_its_host(exact: respx.MockRouter) -> None:
    """Secrets do not go to another host."""
    other = exact.route().mock(return_value=httpx.Response(200))

    with token_http_client(BASE) as http, pytest.raises(ExactUnexpected):
        http.post("https://evil.example/api/oauth2/token", data={"client_secret": "geheim"})

    assert not other.called


def test_answer_in_dribbles_ends_in_time(exact: respx.MockRouter) -> None:
    """The whole answer has to be there within 120 s, however steadily it drips."""
    ticks = iter(range(0, 10_000, 50))
    exact.post(TOKEN).mock(return_value=httpx.Response(200, stream=Dribble()))

    with token_http_client(BASE, clock=lambda: float(next(ticks))) as http:
        oauth = ExactOAuth(http, base_url=BASE, client_id="c", client_secret="s", redirect_uri="https://k.example/")
        answer = oauth.refresh("r1")

    assert answer == Later(reason="ReadTimeout", lost=True)


class Dribble(httpx.SyncByteStream):
    """A body that comes in ten pieces."""

    def __iter__(self) -> Iterator[bytes]:
        yield from [b" "] * 10
