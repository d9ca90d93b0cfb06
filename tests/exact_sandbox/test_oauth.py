"""Consent, codes and tokens as Exact gives and refuses them."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer

from .helpers import DIVISION, REDIRECT, TODAY, Client, Clock


def test_state_comes_back_unchanged(client: Client) -> None:
    """Consent redirects to the given address with the state as it was sent."""
    answer = client.authorize(state="a b&c=%21")

    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert (answer.status_code, query["state"]) == (302, ["a b&c=%21"])


def test_code_holds_an_encoded_exclamation_mark(client: Client) -> None:
    """Codes contain a ``!`` that travels as %21, so that double encoding shows."""
    location = client.authorize().headers["location"]

    assert "%21" in location
    assert "!" not in location


def test_foreign_redirect_is_refused(client: Client) -> None:
    """An address that is neither registered nor a loopback one gets a page, not a redirect."""
    answer = client.authorize(redirect_uri="https://elsewhere.example/callback")

    assert answer.status_code == 400


def test_code_works_once(client: Client) -> None:
    """A second exchange of the same code is a 400."""
    code = client.code()
    client.exchange(code)

    again = client.token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT)

    assert again.status_code == 400


def test_code_lives_three_minutes(client: Client, clock: Clock) -> None:
    """A late exchange is a 400."""
    code = client.code()
    clock.forward(minutes=3, seconds=1)

    late = client.token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT)

    assert late.status_code == 400


def test_expires_in_is_text(client: Client) -> None:
    """The life of a token is the text "600"."""
    assert client.tokens["expires_in"] == "600"


@pytest.mark.parametrize(("age", "status"), [(569, 400), (570, 200), (601, 200)])
def test_refresh_waits_570_seconds(client: Client, clock: Clock, age: int, status: int) -> None:
    """A refresh is refused until 30 s before the end."""
    clock.forward(seconds=age)

    answer = client.refresh()

    assert answer.status_code == status


def test_early_refresh_leaves_the_tokens_alive(client: Client) -> None:
    """The refusal names its reason and harms nothing."""
    answer = client.refresh()

    assert answer.headers["Reason"].startswith("TooEarlyToRefreshTokens")
    assert answer.json()["error_description"] == "Rate limit exceeded: access_token not expired"
    assert client.get("crm/Accounts", top="1").status_code == 200


def test_refresh_rotates(client: Client, clock: Clock) -> None:
    """Each refresh gives a new refresh token, and the one before is dead."""
    clock.forward(seconds=580)
    fresh = client.refresh().json()
    clock.forward(seconds=580)

    again = client.refresh()

    assert fresh["refresh_token"] != client.tokens["refresh_token"]
    assert (again.status_code, again.json()["error"]) == (401, "unauthorized_client")
    assert again.json()["error_description"] == "Old refresh token used."


def test_old_access_token_lives_to_its_end(client: Client, clock: Clock) -> None:
    """A refresh does not kill the access token that is still in use."""
    clock.forward(seconds=580)
    client.refresh()
    clock.forward(seconds=10)

    assert client.get("crm/Accounts", top="1").status_code == 200


def test_refresh_token_dies_after_thirty_days(client: Client, clock: Clock) -> None:
    """An idle connection is lost, with both times in the text."""
    clock.forward(days=30, seconds=1)

    answer = client.refresh()

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "expired at 12/2/2026" in answer.json()["error_description"]


def test_new_consent_breaks_the_older_chain(client: Client, clock: Clock) -> None:
    """Authorizing the same app again leaves the first refresh token worthless."""
    first = client.tokens
    client.exchange(client.code())
    clock.forward(seconds=600)

    answer = client.token(grant_type="refresh_token", refresh_token=first["refresh_token"])

    assert "chainId" in answer.json()["error_description"]


def test_credentials_may_come_as_basic(client: Client) -> None:
    """HTTP Basic does as well as the body."""
    pair = f"{client.server.client_id}:{client.server.client_secret}".encode()
    form = {"grant_type": "authorization_code", "code": client.code(), "redirect_uri": REDIRECT}
    headers = {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    answer = client.http.post("/api/oauth2/token", data=form, headers=headers)

    assert answer.status_code == 200


def test_wrong_secret_is_refused(client: Client) -> None:
    """A wrong client secret is invalid_client."""
    answer = client.token(grant_type="refresh_token", refresh_token="x", client_secret="wrong")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_expired_access_token_is_named_in_the_header(client: Client, clock: Clock) -> None:
    """After 600 s the API answers 401 and says so, percent-encoded."""
    clock.forward(seconds=601)

    answer = client.get("crm/Accounts", top="1")

    assert answer.status_code == 401
    assert "access%20token%20expired" in answer.headers["WWW-Authenticate"]


def test_revoked_consent_ends_everything(client: Client) -> None:
    """After the user withdraws the permission no token works."""
    client.server.state.revoke_consent()

    assert client.get("crm/Accounts", top="1").status_code == 401


def _decide(server: SandboxServer, **decision: str) -> httpx.Response:
    form = {"client_id": server.client_id, "redirect_uri": REDIRECT, "response_type": "code", "state": "s", **decision}
    return httpx.post(f"{server.base_url}/api/oauth2/auth", data=form)


def test_consent_page_limits_the_divisions(clock: Clock) -> None:
    """Only what was ticked is granted; the other division is a 403 with its reason."""
    with SandboxServer(SandboxOptions(today=TODAY, clock=clock, consent=True, divisions=2)) as server:
        asked = {"client_id": server.client_id, "redirect_uri": REDIRECT, "response_type": "code"}
        page = httpx.get(f"{server.base_url}/api/oauth2/auth", params=asked)
        answer = _decide(server, decision="allow", division="123457")
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
        pair = {"client_id": server.client_id, "client_secret": server.client_secret}
        bearer = httpx.post(f"{server.base_url}/api/oauth2/token", data={**form, **pair}).json()["access_token"]
        headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
        refused = httpx.get(f"{server.base_url}/api/v1/{DIVISION}/crm/Accounts", headers=headers)
        shown = httpx.get(f"{server.base_url}/api/v1/123457/system/Divisions", headers=headers).json()

    assert page.text.count("checkbox") == 2
    assert (refused.status_code, refused.headers["Reason"]) == (403, "NoDivisionAccess")
    assert "not within division scope" in refused.json()["error"]["message"]["value"]
    assert [row["Code"] for row in shown["d"]["results"]] == [123457]


def test_denied_consent(server: SandboxServer) -> None:
    """Refusing on the page redirects with access_denied."""
    answer = _decide(server, decision="deny", division="123456")

    assert "error=access_denied" in answer.headers["location"]
