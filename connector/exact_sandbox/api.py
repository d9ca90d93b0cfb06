"""Every request in one place: what it asks for, whether it may, what it counts as, and who answers it.

`Api.answer` is the single way in. What faults do before and afterwards is in `trouble`; framework and threads are in
`server`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

from connector.exact_sandbox import consent, trouble
from connector.exact_sandbox.functions import FUNCTIONS
from connector.exact_sandbox.http import Answer, Request, html_answer
from connector.exact_sandbox.reading import NAVIGATION, RESOURCES, Place, me, read
from connector.exact_sandbox.refusal import Refused, malformed, not_found
from connector.exact_sandbox.sandbox import Sandbox
from connector.exact_sandbox.writing import write

_API = re.compile(
    r"/api/v1/(?P<division>\d+)/(?P<endpoint>[\w/]+?)"
    r"(?:\((?P<key>[^()]*)\)(?:/(?P<property>\w+))?)?(?P<count>/\$count)?"
)
_DOWNLOAD = "/docs/SysAttachment.aspx"
_EXPIRED = 'Bearer error="invalid_token", error_description="access%20token%20expired"'  # [one], 1.7
_ATOM = (
    b'<?xml version="1.0" encoding="utf-8"?>\n'
    b'<feed xmlns="http://www.w3.org/2005/Atom"><title type="text">Exact</title></feed>'
)

Call = tuple[int | None, str, str]


class Api:
    """Answers requests for one sandbox, and counts them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.calls: Counter[Call] = Counter()
        self.refused: Counter[int] = Counter()

    def answer(self, request: Request) -> Answer:
        """The one way in. Never raises for what a client did."""
        with self.sandbox.lock:
            answer = _tried(lambda: self._routed(request))
        if answer.unlocked is not None:
            last = _tried(answer.unlocked)
            answer = _as_asked(request, replace(last, headers={**answer.headers, **last.headers}))
        with self.sandbox.lock:
            answer = trouble.afterwards(self.sandbox.faults, request, answer)
        if answer.status >= 400:
            self.refused[answer.status] += 1
        return answer

    def _routed(self, request: Request) -> Answer:
        if request.path == "/api/oauth2/auth" and request.method in ("GET", "POST"):
            self.calls[None, request.method, "oauth2/auth"] += 1
            return consent.authorize(self.sandbox, request)
        if request.path == "/api/oauth2/token" and request.method == "POST":
            self.calls[None, "POST", "oauth2/token"] += 1
            return consent.token(self.sandbox, request)
        if request.path == _DOWNLOAD and request.method == "GET":
            return self._download(request)
        if request.path == "/api/v1/current/Me" and request.method == "GET":
            self.calls[None, "GET", "current/Me"] += 1
            spoiled = trouble.arrived(self.sandbox, request)
            if spoiled is not None:
                return spoiled
            self._granted(request)
            trouble.refuse(self.sandbox.faults, "GET", "current/Me")
            return _as_asked(request, me(self.sandbox, request))
        match = _API.fullmatch(request.path)
        if match is None:
            raise not_found()
        return self._call(request, _place(match))

    def _call(self, request: Request, place: Place) -> Answer:
        """One counted call on a division: right first, then limits, then the work; errors are counted at the end."""
        self.calls[place.division, request.method, place.endpoint] += 1
        spoiled = trouble.arrived(self.sandbox, request)
        if spoiled is not None:
            return spoiled
        limiter = self.sandbox.limiter
        headers: dict[str, str] = {}
        try:
            limiter.refuse_blocked(place.division, place.endpoint)
            # Any division number may stand in the URL of system/Divisions [one: picqer#470, Exact support], 2.2.
            granted = self._granted(request, None if place.endpoint == "system/Divisions" else place.division)
            trouble.counted(self.sandbox, place.division)
            headers = limiter.take(place.division)
            trouble.refuse(self.sandbox.faults, request.method, place.endpoint)
            answer = _as_asked(request, self._worked(request, place, granted))
        except Refused as refused:
            limiter.note(place.division, place.endpoint, refused.status)
            refused.headers = {**headers, **refused.headers}
            raise
        return replace(answer, headers={**headers, **answer.headers})

    def _worked(self, request: Request, place: Place, granted: list[int]) -> Answer:
        function = FUNCTIONS.get(place.endpoint)
        if function is not None and request.method == "GET" and place.key is None:
            return function(self.sandbox, request, place)
        resource = RESOURCES.get(place.endpoint)
        if resource is None:
            raise not_found()
        keyed = place.key is not None
        if request.method not in resource.methods or (request.method != "GET" and keyed == (request.method == "POST")):
            raise Refused(405, "The requested resource does not support http method.")
        if request.method == "GET":
            return read(self.sandbox, request, place, granted)
        return write(self.sandbox, request, place)

    def _granted(self, request: Request, division: int | None = None) -> list[int]:
        """The divisions of the bearer; 401 without a good one, 403 when `division` is not among them."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        granted = self.sandbox.office.divisions_of(token) if scheme.lower() == "bearer" else None
        if granted is None:
            raise Refused(401, None, {"WWW-Authenticate": _EXPIRED})  # the body is not established
        if division is not None and division not in granted:
            text = "Forbidden - User division is not within division scope."
            raise Refused(403, text, {"Reason": "NoDivisionAccess"})
        return granted

    def _download(self, request: Request) -> Answer:
        """An attachment; without a good bearer or ``Download=1`` a page, with status 200 [docs, clients], 4.6."""
        options = request.options()
        division = int(options["_Division_"]) if options.get("_Division_", "").isdecimal() else 0
        self.calls[division, "GET", "docs/SysAttachment.aspx"] += 1
        spoiled = trouble.arrived(self.sandbox, request)
        if spoiled is not None:
            return spoiled
        try:
            self._granted(request, division)
        except Refused:
            return html_answer(trouble.LOGIN)
        trouble.counted(self.sandbox, division)
        headers = self.sandbox.limiter.take(division)
        trouble.refuse(self.sandbox.faults, "GET", "docs/SysAttachment.aspx")
        key = options.get("ID", "").strip("{}").lower()
        if self.sandbox.stores[division].get("attachments", key) is None:
            raise not_found()
        if options.get("Download") != "1":
            return html_answer(trouble.LOGIN)
        name, content = self.sandbox.contents[key]
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        kind = "application/pdf" if name.lower().endswith(".pdf") else "text/xml"
        return Answer(body=content, content_type=kind, headers={**headers, **disposition})


def _tried(work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except Refused as refused:
        return Answer(status=refused.status, body=refused.body(), headers=refused.headers)


def _place(match: re.Match[str]) -> Place:
    key = match["key"]
    if key is not None:
        key = unquote(key)
        if key.startswith("guid'") and key.endswith("'"):
            key = key[5:-1]
        elif not key.isdecimal():
            raise malformed("Syntax error in the key of the resource.")
    place = Place(
        division=int(match["division"]), endpoint=match["endpoint"], key=key, count=match["count"] is not None
    )
    if match["property"] is None:
        return place
    endpoint, field = NAVIGATION.get((place.endpoint, match["property"]), (None, ""))
    if endpoint is None:
        raise not_found()
    return replace(place, endpoint=endpoint, key=None, within=(field, str(key)))


def _as_asked(request: Request, answer: Answer) -> Answer:
    """Without a JSON Accept Exact answers Atom; application/xml is refused [docs], 2.3."""
    accept = request.headers.get("accept", "")
    if not answer.content_type.startswith("application/json") or not answer.body or "application/json" in accept:
        return answer
    if "application/xml" in accept and "*/*" not in accept:
        raise Refused(415, "Unsupported media type requested.")
    return replace(answer, body=_ATOM, content_type="application/atom+xml; charset=utf-8")
