"""ExactOAuth: authorize, exchange, refresh. Authlib computes, the httpx.Client it is given sends.

Which token is kept, for how long, and who may renew it is left to the use case; what an answer means is
`protocol.classify_token_answer`'s. Source: exact-online-api.md section 1.
"""

import hmac
import time
from collections.abc import Callable, Iterator, Mapping

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.client import OAuth2Client

from connector.errors import AuthorizationDenied, ExactUnavailable, ExactUnexpected
from connector.exact.client import NEVER_SENT, origin_guard, require_safe_base
from connector.exact.protocol import (
    CLIENT_REFUSED,
    Dead,
    Granted,
    Later,
    StillValid,
    TokenAnswer,
    classify_token_answer,
)

READ_SECONDS = 90
"""Chains died because clients gave up on a 35 s answer: the old token was used up, the new one lost (1.6)."""
TOTAL_SECONDS = 120
"""Well inside the lease of 180 s (design.md section 3)."""
MAX_ANSWER_BYTES = 256 * 1024


class _Answered(Exception):
    """Carries the answer past Authlib's own reading of it, which knows none of Exact's refusals."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__("answered")
        self.response = response


class _Deadlined(httpx.SyncByteStream):
    """A body that must be complete before a moment of the monotonic clock; looked at between two reads."""

    def __init__(self, stream: httpx.SyncByteStream, until: float, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._until = until
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if self._clock() > self._until or size > MAX_ANSWER_BYTES:
                raise httpx.ReadTimeout("the whole answer took too long")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def token_http_client(base_url: str, version: str = "", *, clock: Callable[[], float] = time.monotonic) -> httpx.Client:
    """Open the HTTP client for token calls only: 90 s to read, 120 s in total, no repeats, no redirects.

    Raises:
        InvalidSetting: The base URL is neither https nor http on a loopback address.
    """
    require_safe_base(base_url)

    def begin(request: httpx.Request) -> None:
        request.extensions["connector_until"] = clock() + TOTAL_SECONDS

    def limit(response: httpx.Response) -> None:
        until = response.request.extensions["connector_until"]
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _Deadlined(response.stream, until, clock)

    return httpx.Client(
        base_url=base_url,
        headers={"User-Agent": f"connector/{version}".rstrip("/")},
        timeout=httpx.Timeout(10, read=READ_SECONDS),
        limits=httpx.Limits(max_connections=4, max_keepalive_connections=0),
        follow_redirects=False,
        event_hooks={"request": [origin_guard(base_url), begin], "response": [limit]},
    )


def read_callback(query: Mapping[str, str], expected_state: str) -> str:
    """Take the code out of the address Exact redirected to.

    Args:
        query: The redirect's parameters, percent-decoded once (a code often holds a ``!``).
        expected_state: What `ExactOAuth.start` gave out for this very browser.

    Raises:
        AuthorizationDenied: Another state, an error instead of a code, or neither.
    """
    state = query.get("state", "")
    if not expected_state or not hmac.compare_digest(state.encode(), expected_state.encode()):
        raise AuthorizationDenied(
            "the answer from Exact does not belong to the question we asked",
            hint="Start connecting again, and paste the address of that attempt.",
        )
    error = query.get("error", "")
    if error == "access_denied":
        raise AuthorizationDenied("consent was refused in Exact", hint="Start again and agree in Exact.")
    if error or not query.get("code"):
        raise AuthorizationDenied(
            f"Exact gave no code ({error[:60] or 'none in the address'})", hint="Start connecting again."
        )
    return query["code"]


class ExactOAuth:
    """The token endpoint and consent page of one app at one host of Exact."""

    def __init__(
        self, http: httpx.Client, *, base_url: str, client_id: str, client_secret: str, redirect_uri: str
    ) -> None:
        """Take the parts; `http` is a client from `token_http_client`."""
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri

    def start(self) -> tuple[str, str]:
        """Return the address of the consent page, and the state to keep for `read_callback`."""
        state = generate_token(48)
        url, _ = self._client().create_authorization_url(self._base_url + "/api/oauth2/auth", state=state)
        return str(url), state

    def exchange(self, code: str) -> Granted:
        """Turn the code of a consent into the first pair of tokens; a code lives 3 minutes and works once.

        Raises:
            AuthorizationDenied: Exact refused the code or the app.
            ExactUnavailable: No usable answer. The code may have been used up: start again.
        """
        answer = self._ask(
            lambda client: client.fetch_token(
                grant_type="authorization_code", code=code, **self._credentials(), auth=httpx.Auth()
            )
        )
        if isinstance(answer, Granted):
            return answer
        if isinstance(answer, Later) and answer.reason == CLIENT_REFUSED:
            raise AuthorizationDenied(
                "Exact does not know this app",
                hint="Check exact.client_id, the client secret and exact.country against the registration.",
            )
        reason = answer.reason if isinstance(answer, Later) else type(answer).__name__
        if isinstance(answer, StillValid | Dead) or reason.startswith(("invalid_", "access_denied")):
            raise AuthorizationDenied(
                "Exact refused the code of this consent",
                hint="It lives 3 minutes and works once; start connecting again.",
            )
        raise ExactUnavailable(f"Exact's token service gave no answer ({reason})", hint="Connect again later.")

    def refresh(self, refresh_token: str) -> TokenAnswer:
        """Renew a pair; what Exact or the network does is never raised, a lost answer is `Later(lost=True)`."""
        return self._ask(
            lambda client: client.refresh_token(refresh_token=refresh_token, **self._credentials(), auth=httpx.Auth())
        )

    def _credentials(self) -> dict[str, str]:
        """In the body, as Exact wants them; the empty `auth` beside them keeps Authlib from adding a header."""
        return {"client_id": self._client_id, "client_secret": self._client_secret}

    def _client(self) -> OAuth2Client:
        """One object an operation: Authlib's client keeps state."""
        client = OAuth2Client(
            session=self._http,
            client_id=self._client_id,
            redirect_uri=self._redirect_uri,
            token_endpoint=self._base_url + "/api/oauth2/token",
        )
        for hook in ("access_token_response", "refresh_token_response"):
            client.register_compliance_hook(hook, _hand_over)
        return client

    def _ask(self, call: Callable[[OAuth2Client], object]) -> TokenAnswer:
        try:
            call(self._client())
        except _Answered as answered:
            response = answered.response
            return classify_token_answer(response.status_code, response.headers, response.content)
        except httpx.RequestError as error:
            asked = not isinstance(error, NEVER_SENT)
            return Later(reason=type(error).__name__, lost=asked, asked=asked)
        raise ExactUnexpected("the token call ended without an answer")


def _hand_over(response: httpx.Response) -> httpx.Response:
    raise _Answered(response)
