"""What faults do to calls and answers: when a call arrives, before it is worked on, and to its answer `afterwards`.

Which faults there are is in `faults`. Bodies of 503 pages, and which text goes with which refusal where the reference
names none, are [assumed].
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from connector.exact_sandbox.faults import Faults, Refusal
from connector.exact_sandbox.http import Answer, Request, html_answer
from connector.exact_sandbox.refusal import Refused, malformed, not_found
from connector.exact_sandbox.sandbox import Sandbox

LOGIN = '<!doctype html><html lang="nl"><head><title>Exact Online</title></head><body><h1>Inloggen</h1></body></html>'
_BUSY = "<!doctype html><html><head><title>503 Service Unavailable</title></head><body></body></html>"
_GENERIC = "A problem has occurred. The cause of this issue will be investigated as soon as possible."  # [clients], 2.9
_TEXTS = {"LicenseExpired": "Forbidden - Customer's license expired."}  # [one: Invantive]
_NO_RIGHT = 'Bearer error="invalid_token", error_description="not%20authorized"'  # not expiry's text [one], 1.7
_NEW_FIELDS: dict[str, Any] = {"AddedSince": "2027", "AddedToo": {"results": [{"Deeper": 1}]}, "AddedNumber": "7"}
_LOST = {"POST": "lost-posts", "PUT": "lost-puts", "DELETE": "lost-deletes"}


def arrived(sandbox: Sandbox, request: Request) -> Answer | None:
    """A call came in, its bearer not yet looked at: the 503 it gets instead of being worked on, or None."""
    _let_token_die(sandbox, request)
    return html_answer(_BUSY, 503) if sandbox.faults.strikes("busy") else None


def counted(sandbox: Sandbox, division: int) -> None:
    """A call of a good bearer is about to be counted: 429 in place of that, or a move of the division."""
    moving = sandbox.faults.find("division-move")
    if moving is not None and moving.reached():
        sandbox.move_division(division)
    for family in ("minute", "day"):
        if sandbox.faults.strikes(f"{family}-429"):
            raise sandbox.limiter.spent(division, family)


def refuse(faults: Faults, method: str, endpoint: str) -> None:
    """Raise what was asked to be said at this endpoint."""
    refusal = faults.refusal_of(method, endpoint)
    if refusal is not None:
        raise _refused(refusal, method, endpoint)


def _let_token_die(sandbox: Sandbox, request: Request) -> None:
    """A page that was refused once is given when it is asked for again."""
    dying = sandbox.faults.find("token-dies")
    page = f"{request.path}?{request.query}"
    if dying is None or "$skiptoken" not in request.options() or dying.seen == page:
        return
    if dying.strikes():
        dying.seen = page
        sandbox.office.age(request.headers.get("authorization", "").partition(" ")[2])


def _refused(refusal: Refusal, method: str, endpoint: str) -> Refused:
    if refusal.status == 400 and method == "GET":
        return malformed("Please add a $select or a $top=1 statement to the query string.")
    if refusal.status == 400:
        return malformed("Error processing request stream. The request should be a valid top-level resource object.")
    if refusal.status == 401:
        return Refused(401, None, {"WWW-Authenticate": _NO_RIGHT})
    if refusal.status == 403 and refusal.reason is not None:
        return Refused(403, _TEXTS.get(refusal.reason, "Forbidden"), {"Reason": refusal.reason})
    if refusal.status == 403:
        verb = "read" if method == "GET" else "manage"
        return Refused(403, f"Forbidden - Application Scope Violated. Cannot {verb} {endpoint}.")
    if refusal.status == 404:
        return not_found()
    return Refused(refusal.status, _GENERIC)


def afterwards(faults: Faults, request: Request, answer: Answer) -> Answer:
    """The answer as it leaves, whole or not."""
    if not request.path.startswith(("/api/v1/", "/docs/")) or answer.status >= 300:
        return answer
    if request.method in _LOST:
        return replace(answer, closes_at=-1) if faults.strikes(_LOST[request.method]) else answer
    if request.method != "GET":
        return answer
    if request.path.startswith("/docs/"):
        if answer.content_type.startswith("text/html"):
            return answer
        if faults.strikes("html-file"):
            return replace(answer, body=LOGIN.encode(), content_type="text/html; charset=utf-8")
    elif answer.content_type.startswith("application/json"):
        if faults.strikes("html"):
            return replace(answer, body=LOGIN.encode(), content_type="text/html; charset=utf-8")
        if faults.strikes("empty"):
            return replace(answer, body=b"")
        answer = _with_other_rows(faults, answer)
    return replace(answer, closes_at=len(answer.body) // 2) if faults.strikes("cut") else answer


def _with_other_rows(faults: Faults, answer: Answer) -> Answer:
    changed = faults.find("changed-type")
    foreign = faults.find("foreign-next")
    new = faults.find("unknown-fields")
    if changed is None and foreign is None and new is None:
        return answer
    body = json.loads(answer.body)
    data = body["d"]
    for row in _rows(data):
        if changed is not None and changed.parameter in row:
            row[changed.parameter] = _other_type(row[changed.parameter])
        if new is not None:
            row.update(_NEW_FIELDS)
    if foreign is not None and isinstance(data, dict) and "__next" in data:
        there = urlsplit(foreign.parameter)
        data["__next"] = urlsplit(data["__next"])._replace(scheme=there.scheme, netloc=there.netloc).geturl()
    return replace(answer, body=json.dumps(body, ensure_ascii=False).encode())


def _rows(data: Any) -> Iterator[dict[str, Any]]:
    yield from data if isinstance(data, list) else data.get("results", [data])


def _other_type(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return {"value": value} if isinstance(value, str) else value
