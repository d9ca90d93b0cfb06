"""Consent, codes and tokens: what Exact's OAuth 2 endpoints grant and refuse (exact-online-api.md 1).

Knows no HTTP: it is asked with values and answers with values or raises `TokenRefused`. What outlives a process is
in `Chain`, which `database` keeps.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

CODE_LIFE = timedelta(minutes=3)
REFRESH_LIFE = timedelta(days=30)
EARLY_SECONDS = 30  # a refresh is refused until so many seconds before the end: 570 of 600 s
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class TokenRefused(Exception):
    """An error answer of the token endpoint, in OAuth's own JSON."""

    def __init__(self, status: int, error: str, description: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {error}: {description}")
        self.status = status
        self.error = error
        self.description = description
        self.headers = headers or {}


@dataclass(slots=True, kw_only=True)
class Chain:
    """One consent and the tokens that descend from it. Times are ISO text, so that it can be kept as JSON."""

    id: str
    divisions: list[int]
    refresh_token: str
    issued_at: str
    used: list[str] = field(default_factory=list)
    access: dict[str, str] = field(default_factory=dict)  # access token -> valid until
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    divisions: tuple[int, ...]
    redirect_uri: str
    until: datetime


def acceptable_redirect(uri: str, registered: tuple[str, ...]) -> bool:
    """Exact match with a registered https address; here any http address on a loopback host is accepted as well."""
    parts = urlsplit(uri)
    return uri in registered or (parts.scheme == "http" and parts.hostname in LOOPBACK and not parts.query)


@dataclass(slots=True, kw_only=True)
class TokenOffice:
    """Hands out codes and tokens for one app and one user."""

    client_id: str
    client_secret: str
    token_life: int
    clock: Callable[[], datetime]
    store: Callable[[Chain], None]
    chains: list[Chain] = field(default_factory=list)
    _codes: dict[str, _Code] = field(default_factory=dict)

    def grant_code(self, divisions: tuple[int, ...], redirect_uri: str) -> str:
        """A fresh code, single use, three minutes; contains a ``!`` so that double encoding shows [clients]."""
        code = f"stampNL001.{secrets.token_urlsafe(12)}!{secrets.token_urlsafe(48)}"
        self._codes[code] = _Code(divisions=divisions, redirect_uri=redirect_uri, until=self.clock() + CODE_LIFE)
        return code

    def answer(self, form: dict[str, str], *, early_status: int = 400) -> dict[str, str]:
        """The token endpoint. Form fields as posted, client credentials included however they came.

        Args:
            early_status: For a refresh that comes too early: 400 as in 2026, or 401 as in 2021 [clients], 1.5.
        """
        if form.get("client_id", "").strip("{}") != self.client_id or form.get("client_secret") != self.client_secret:
            raise TokenRefused(400, "invalid_client", "Client authentication failed.")  # [assumed], 1.5
        grant = form.get("grant_type")
        if grant == "authorization_code":
            return self._exchange(form.get("code", ""), form.get("redirect_uri", ""))
        if grant == "refresh_token":
            return self._refresh(form.get("refresh_token", ""), early_status)
        raise TokenRefused(400, "unsupported_grant_type", f"Unsupported grant type '{grant}'.")

    def _exchange(self, code: str, redirect_uri: str) -> dict[str, str]:
        kept = self._codes.pop(code, None)
        if kept is None or kept.until < self.clock() or kept.redirect_uri != redirect_uri:
            raise TokenRefused(400, "invalid_grant", "Invalid or expired authorization code.")
        for (
            old
        ) in self.chains:  # authorizing the same app again can kill the older chain [clients]; here it always does
            if not old.broken:
                old.broken = True
                self.store(old)
        chain = Chain(
            id=secrets.token_hex(8),
            divisions=list(kept.divisions),
            refresh_token="",
            issued_at=self.clock().isoformat(),
        )
        self.chains.append(chain)
        return self._issue(chain)

    def _refresh(self, token: str, early_status: int) -> dict[str, str]:
        for chain in self.chains:
            if token in chain.used:
                raise TokenRefused(401, "unauthorized_client", "Old refresh token used.")
            if token == chain.refresh_token:
                return self._rotate(chain, early_status)
        raise TokenRefused(400, "invalid_grant", "Token is not allowed, because of invalid or empty chainId")

    def _rotate(self, chain: Chain, early_status: int) -> dict[str, str]:
        now, issued = self.clock(), datetime.fromisoformat(chain.issued_at)
        if chain.broken:
            raise TokenRefused(400, "invalid_grant", "Token is not allowed, because of invalid or empty chainId")
        if now - issued > REFRESH_LIFE:
            text = f"The refresh token expired at {_american(issued + REFRESH_LIFE)} and it is now {_american(now)}."
            raise TokenRefused(400, "invalid_request", text)
        if (now - issued).total_seconds() < max(0, self.token_life - EARLY_SECONDS):
            if early_status == 401:
                raise TokenRefused(401, "access_denied", "Access Token not expired")
            raise TokenRefused(
                400, "access_denied", "Rate limit exceeded: access_token not expired",
                {"Reason": "TooEarlyToRefreshTokens: access_token not expired"},
            )  # fmt: skip
        chain.used.append(chain.refresh_token)
        return self._issue(chain)

    def _issue(self, chain: Chain) -> dict[str, str]:
        now = self.clock()
        access = f"stampNL001.{secrets.token_urlsafe(64)}"
        chain.refresh_token = f"stampNL001.{secrets.token_urlsafe(12)}!{secrets.token_urlsafe(32)}"
        chain.issued_at = now.isoformat()
        chain.access = {token: until for token, until in chain.access.items() if datetime.fromisoformat(until) > now}
        chain.access[access] = (now + timedelta(seconds=self.token_life)).isoformat()
        self.store(chain)
        return {
            "access_token": access, "token_type": "bearer", "expires_in": str(self.token_life),  # text [clients]
            "refresh_token": chain.refresh_token,
        }  # fmt: skip

    def divisions_of(self, access_token: str) -> list[int] | None:
        """The divisions a bearer may use; None when it is unknown or expired."""
        for chain in self.chains:
            until = chain.access.get(access_token)
            if until is not None and self.clock() < datetime.fromisoformat(until):
                return chain.divisions
        return None

    def age(self, access_token: str) -> None:
        """As if the life of this token had passed: it is expired, and refreshing is allowed."""
        for chain in self.chains:
            if access_token in chain.access:
                now = self.clock()
                passed = now - timedelta(seconds=self.token_life)
                chain.access[access_token] = now.isoformat()
                chain.issued_at = min(datetime.fromisoformat(chain.issued_at), passed).isoformat()
                self.store(chain)

    def revoke(self) -> None:
        """As when the user withdraws the app's permission in Exact: all chains are dead at once."""
        for chain in self.chains:
            chain.broken = True
            chain.access = {}
            self.store(chain)


def chain_to_json(chain: Chain) -> dict[str, Any]:
    """For keeping."""
    return asdict(chain)


def chain_from_json(kept: dict[str, Any]) -> Chain:
    """Back from keeping."""
    return Chain(**kept)


def _american(moment: datetime) -> str:
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment:%M:%S} {half}"
