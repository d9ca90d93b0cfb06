"""An authorised client for a sandbox, and a clock that tests move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from connector.exact_sandbox import SandboxServer

TODAY = date(2026, 11, 2)
NOON = datetime(2026, 11, 2, 12, 0, 5, tzinfo=UTC)
DIVISION = 123456
REDIRECT = "http://127.0.0.1:9/callback"


@dataclass
class Clock:
    """The time as the sandbox sees it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> None:
        self.now += timedelta(**parts)


class Client:
    """A bare HTTP client that went through consent."""

    def __init__(self, server: SandboxServer) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.base_url, headers={"Accept": "application/json"})
        self.tokens = self.exchange(self.code())

    def code(self, **extra: str) -> str:
        """A fresh authorization code, decoded once."""
        return parse_qs(urlsplit(self.authorize(**extra).headers["location"]).query)["code"][0]

    def authorize(self, **extra: str) -> httpx.Response:
        asked = {"client_id": self.server.client_id, "redirect_uri": REDIRECT, "response_type": "code", **extra}
        return self.http.get("/api/oauth2/auth", params=asked)

    def token(self, **form: str) -> httpx.Response:
        secret = {"client_id": self.server.client_id, "client_secret": self.server.client_secret}
        return self.http.post("/api/oauth2/token", data={**secret, **form})

    def exchange(self, code: str) -> dict[str, str]:
        answer = self.token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self.tokens = answer.json()
        return self.tokens

    def refresh(self) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=self.tokens["refresh_token"])

    def get(self, endpoint: str, **options: str) -> httpx.Response:
        """GET with options given as select=…, filter=…, top=… (the $ is added)."""
        params = {f"${name}": value for name, value in options.items()}
        return self.http.get(f"/api/v1/{DIVISION}/{endpoint}", params=params)

    def rows(self, endpoint: str, **options: str) -> list[dict[str, Any]]:
        """All rows over all pages."""
        answer = self.get(endpoint, **options)
        found: list[dict[str, Any]] = []
        while True:
            assert answer.status_code == 200, answer.text
            data = answer.json()["d"]
            if isinstance(data, list):
                return found + data
            found += data["results"]
            if "__next" not in data:
                return found
            answer = self.http.get(data["__next"])

    def send(self, method: str, endpoint: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.http.request(method, f"/api/v1/{DIVISION}/{endpoint}", json=body, headers=headers)
