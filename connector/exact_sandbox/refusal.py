"""What the sandbox says when it says no: a status, Exact's error JSON or nothing, and sometimes a header."""

from __future__ import annotations

import json


class Refused(Exception):
    """An answer that is not a success. `text` None gives an empty body."""

    def __init__(self, status: int, text: str | None, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text
        self.headers = headers or {}

    def body(self) -> bytes:
        """``{"error":{"code":"","message":{"lang":"","value":…}}}`` [clients], 2.9."""
        if self.text is None:
            return b""
        return json.dumps({"error": {"code": "", "message": {"lang": "", "value": self.text}}}).encode()


def malformed(text: str) -> Refused:
    """400: the request itself is wrong."""
    return Refused(400, text)


def invalid(*messages: str) -> Refused:
    """500: the request is well-formed, but the business rules say no; several messages joined by CRLF [clients]."""
    return Refused(500, "\r\n".join(messages))


def not_found() -> Refused:
    """404 for a path or key that is unknown."""
    return Refused(404, "Resource not found.")
