"""Faults: which there are, how they are written, which are on and whose turn it is.

They are counted, never random, so that a run can be repeated. What a fault does is done where it happens: tokens in
`consent`, rows in `reading`, answers and calls in `trouble`, printing in `printing`, webhooks in `webhooks`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from textwrap import wrap

REASONS = ("BlockedUser", "InactiveUser", "BlockedCustomer", "LicenseExpired", "DivisionBlocked", "NoDivisionAccess")
_STATUSES = (400, 401, 403, 404, 500, 503)
_METHODS = ("GET", "POST", "PUT", "DELETE")


class WrongFault(ValueError):
    """A fault that does not exist, or a parameter that it does not take; `hint` says what would do."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A fault there is. `parameter` says what may follow the colon; `default` is taken when nothing does."""

    name: str
    parameter: str = ""
    default: str | None = None
    effect: str

    @property
    def written(self) -> str:
        """As it is written, e.g. ``slow-token[:SECONDS]``."""
        if not self.parameter:
            return self.name
        return f"{self.name}:{self.parameter}" if self.default is None else f"{self.name}[:{self.parameter}]"


OFTEN, SECONDS, ENDPOINT, FIELD, URL, CALLS = "OFTEN", "SECONDS", "ENDPOINT", "FIELD", "URL", "CALLS"
OFTEN_MEANS = "5 is every fifth call that it concerns, 2/5 the last two of every five"
REFUSAL = "STATUS:[METHOD:]ENDPOINT[:REASON]"
KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="slow-token", parameter=SECONDS, default="40",
             effect="a refresh is carried out, the old token is dead, and then the answer waits"),
        Kind(name="token-500", parameter=OFTEN, default="1",
             effect="the token endpoint answers 500 with its fault JSON; nothing is consumed"),
        Kind(name="token-empty", parameter=OFTEN, default="1",
             effect="the token endpoint answers 200 with an empty body; nothing is consumed"),
        Kind(name="token-lost", parameter=OFTEN, default="1",
             effect="a refresh is carried out, the old token is dead, and the body is empty"),
        Kind(name="token-early-401", effect="a refresh that comes too early gets 401 and the wording of 2021"),
        Kind(name="token-dies", parameter=OFTEN, default="1",
             effect="the access token expires between two pages: asking for a next page gets 401, once a page"),
        Kind(name="busy", parameter=OFTEN, default="2/5", effect="503 with an HTML page"),
        Kind(name="minute-429", parameter=OFTEN, default="10",
             effect="429 as when the minute is spent: the minute's headers only, no body"),
        Kind(name="day-429", parameter=OFTEN, default="10",
             effect="429 as when the day is spent: the day's headers only, no body"),
        Kind(name="refuse", parameter=REFUSAL,
             effect="refuses an endpoint (sync/* for all of them) with the body that belongs to the status; "
                    "REASON goes into the header of that name, with 403; may be given several times"),
        Kind(name="mandatory-filter",
             effect="a list of crm/Accounts has to be filtered by one of the fields Exact names"),
        Kind(name="html", parameter=OFTEN, default="1", effect="a read is answered with an HTML page and status 200"),
        Kind(name="empty", parameter=OFTEN, default="1", effect="a read is answered with nothing and status 200"),
        Kind(name="html-file", parameter=OFTEN, default="1",
             effect="a download is answered with the log-in page and status 200"),
        Kind(name="cut", parameter=OFTEN, default="3",
             effect="the connection is closed after half of the body of a read or download"),
        Kind(name="lost-posts", parameter=OFTEN, default="1",
             effect="a POST is carried out, then the connection is closed without an answer"),
        Kind(name="lost-puts", parameter=OFTEN, default="1", effect="the same with a PUT"),
        Kind(name="lost-deletes", parameter=OFTEN, default="1", effect="the same with a DELETE"),
        Kind(name="division-move", parameter=CALLS, default="5",
             effect="after so many calls the division moves: all row versions start anew, DivisionMoveDate is set"),
        Kind(name="foreign-next", parameter=URL, default="https://elsewhere.example",
             effect="__next points to another host"),
        Kind(name="empty-last-page", effect="a last page that is full has a __next, which leads to an empty page"),
        Kind(name="repeated-rows", effect="a next page begins with the row that ended the page before it"),
        Kind(name="old-versions", effect="behind a changed row of a sync stream comes the row as it was before"),
        Kind(name="empty-stream", parameter=ENDPOINT, default="sync/*", effect="a stream reads empty all at once"),
        Kind(name="unknown-fields", effect="rows have fields that nobody asked for"),
        Kind(name="changed-type", parameter=FIELD, default="Division",
             effect="numbers and booleans of this field arrive as text, texts as an object"),
        Kind(name="mail-fails", parameter=OFTEN, default="1",
             effect="printing with e-mail succeeds, and EmailCreationError says that no mail went out"),
        Kind(name="reprint", parameter=OFTEN, default="1",
             effect="printing a processed invoice again gives the same document; else it is refused"),
        Kind(name="webhook-twice", parameter=OFTEN, default="1", effect="a notice to a webhook is sent twice"),
        Kind(name="webhook-late", parameter=SECONDS, default="30", effect="notices to webhooks come late"),
    )
}  # fmt: skip


def explained() -> str:
    """For a terminal: how each fault is written, what it does, and what it takes when nothing is said."""
    lines = []
    for kind in KINDS.values():
        given = f" (default: {kind.default})" if kind.default is not None else ""
        lines += [kind.written, *wrap(f"{kind.effect}{given}", 76, initial_indent="    ", subsequent_indent="    ")]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What `refuse` was given."""

    status: int
    method: str | None
    endpoint: str
    reason: str | None

    def concerns(self, method: str, endpoint: str) -> bool:
        """Whether this call is refused."""
        return self.method in (None, method) and fnmatchcase(endpoint, self.endpoint)


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault that is on."""

    kind: Kind
    parameter: str
    calls: int = 0
    seen: str = ""

    @property
    def seconds(self) -> float:
        """The parameter of a fault that takes seconds."""
        return float(self.parameter)

    @property
    def refusal(self) -> Refusal:
        """The parameter of `refuse`."""
        return _refusal(self.parameter)

    def strikes(self) -> bool:
        """Count a call that it concerns; whether this is one of those it spoils."""
        if self.kind.parameter != OFTEN:
            return True
        spoiled, of = _often(self.parameter)
        self.calls += 1
        return (self.calls - 1) % of >= of - spoiled

    def reached(self) -> bool:
        """Count a call; True at the one that its number names, and at no other."""
        self.calls += 1
        return self.calls == int(self.parameter)


class Faults:
    """The faults of one sandbox. Switch them with `on` and `off` at any time, also while it serves."""

    def __init__(self, written: str = "") -> None:
        self._on: list[Fault] = []
        self.on(written)

    def on(self, written: str) -> None:
        """Switch on, e.g. ``on("slow-token:5,lost-posts")``; counting starts anew. `WrongFault` when it is none."""
        for fault in [_parse(part) for part in written.split(",") if part.strip()]:
            self.off(fault.kind.name if fault.kind.parameter != REFUSAL else f"refuse:{fault.parameter}")
            self._on = [*self._on, fault]

    def off(self, written: str | None = None) -> None:
        """Switch off what has this name, or name and parameter; without one, everything."""
        self._on = [fault for fault in self._on if written is not None and written not in _names(fault)]

    def find(self, name: str) -> Fault | None:
        """The fault of this name if it is on."""
        return next((fault for fault in self._on if fault.kind.name == name), None)

    def strikes(self, name: str) -> bool:
        """Count a call for the fault of this name; whether it spoils this one."""
        fault = self.find(name)
        return fault is not None and fault.strikes()

    def refusal_of(self, method: str, endpoint: str) -> Refusal | None:
        """What refuses this call."""
        refusals = (fault.refusal for fault in self._on if fault.kind.name == "refuse")
        return next((refusal for refusal in refusals if refusal.concerns(method, endpoint)), None)


def _names(fault: Fault) -> Iterable[str]:
    return fault.kind.name, f"{fault.kind.name}:{fault.parameter}"


def _parse(written: str) -> Fault:
    name, _, parameter = written.strip().partition(":")
    kind = KINDS.get(name)
    if kind is None:
        near = difflib.get_close_matches(name, KINDS, n=1, cutoff=0)
        raise WrongFault(f"there is no fault {name!r}", f"the nearest is {near[0]}")
    if parameter and not kind.parameter:
        raise WrongFault(f"the fault {name} takes no parameter", f"write {kind.written}")
    fault = Fault(kind=kind, parameter=parameter or kind.default or "")
    try:
        _check(fault)
    except ValueError as error:
        hint = f"write {kind.written}"
        if kind.parameter == OFTEN:
            hint += f", where {OFTEN_MEANS}"
        raise WrongFault(f"the fault {name} cannot have the parameter {parameter!r}", hint) from error
    return fault


def _check(fault: Fault) -> None:
    """ValueError when the parameter is not what the kind takes."""
    kind = fault.kind
    if kind.parameter == OFTEN:
        _often(fault.parameter)
    elif kind.parameter == REFUSAL:
        _refusal(fault.parameter)
    elif (kind.parameter == SECONDS and not 0 <= fault.seconds < 3600) or (
        kind.parameter == CALLS and int(fault.parameter) < 1
    ):
        raise ValueError(fault.parameter)


def _often(text: str) -> tuple[int, int]:
    """How many of how many.

    >>> _often("5"), _often("2/5")
    ((1, 5), (2, 5))
    """
    first, slash, second = text.partition("/")
    spoiled, of = (int(first), int(second)) if slash else (1, int(first))
    if not 1 <= spoiled <= of:
        raise ValueError(text)
    return spoiled, of


def _refusal(text: str) -> Refusal:
    """
    >>> _refusal("403:PUT:crm/Accounts:LicenseExpired")
    Refusal(status=403, method='PUT', endpoint='crm/Accounts', reason='LicenseExpired')
    """
    first, *rest = text.split(":")
    method = rest.pop(0) if rest and rest[0] in _METHODS else None
    reason = rest.pop() if len(rest) > 1 else None
    if int(first) not in _STATUSES or len(rest) != 1 or not rest[0]:
        raise ValueError(text)
    if reason is not None and (reason not in REASONS or first != "403"):
        raise ValueError(text)
    return Refusal(status=int(first), method=method, endpoint=rest[0], reason=reason)
