"""Requests and answers as plain values, so that all but `server` is free of a web framework."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from connector.exact_sandbox.refusal import malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. Header names in lower case, `query` as it stood in the URL."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    def options(self) -> dict[str, str]:
        """Query parameters decoded once; of a repeated one the last counts."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def form(self) -> dict[str, str]:
        """A form body decoded once."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; anything else is a 400."""
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise malformed("Error processing request stream. JSON text specified is not valid.") from error
        if not isinstance(value, dict):
            text = "Error processing request stream. The request should be a valid top-level resource object."
            raise malformed(text)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer.

    Args:
        waits: Seconds until it is sent; nothing is locked meanwhile.
        closes_at: After so many bytes of the body the connection is closed; -1: without any answer; None: it is not.
        unlocked: What has yet to be done while the sandbox is not locked; what it returns is the answer.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    waits: float = 0.0
    closes_at: int | None = None
    unlocked: Callable[[], Answer] | None = None


def json_answer(value: Any, status: int = 200) -> Answer:
    """A JSON body."""
    return Answer(status=status, body=json.dumps(value, ensure_ascii=False).encode())


def html_answer(text: str, status: int = 200) -> Answer:
    """An HTML page."""
    return Answer(status=status, body=text.encode(), content_type="text/html; charset=utf-8")
