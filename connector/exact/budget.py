"""The call budget of one administration: minute, day and refusals, and whose work goes first.

Pure: `before_call` and `after_call` take a stored `Budget` and the time, and give the next one. Waiting and storing
are left to `client.Limiter` and its callers. Numbers are from exact-online-api.md section 3, the order of importance
from design.md section 3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Self

from connector.errors import ExactRateLimited
from connector.exact.protocol import Limits, by_area, read_epoch, read_limits

MINUTE_LIMIT = 60
DAY_LIMIT = 5000
"""Calls per app and administration (section 3), believed until the first answer tells."""
MINUTE_MS = 60_000
DAY_MS = 86_400_000
"""Days begin at 00:00 UTC until an answer tells [one: picqer#646]."""
HOUR_MS = 3_600_000
ERRORS_PER_HOUR = 5
"""An endpoint rests after so many refusals; Exact blocks the key after 10 (design.md section 3)."""
COUNTED_ERRORS = frozenset({400, 401, 403, 404})
AFTER_RESET_MS = 1000
"""Wait a second longer than the window says: clocks differ a little."""
SAME_WINDOW_MS = 500
"""Two resets this close together are the end of one and the same window."""
SKEWED_PAUSE_MS = 15_000
"""Pause after a 429 whose window has already ended by our clock: then our clock is ahead of Exact's."""


LEFT_TO_OTHERS_PERCENT = 10
"""What is left of each minute to less urgent work while more urgent work waits for its calls."""


class Priority(IntEnum):
    """Whose work goes first. A token call comes before all of them: it counts in no administration's budget."""

    SETUP = 0
    """What a person asked for and waits for: the set-up's writes, and the reads that they need."""
    INVOICES = 1
    DOCUMENTS = 2
    CUSTOMERS = 3
    HISTORY = 4
    """Reading everything again (`sync --full`)."""


KEPT_PERCENT = {
    Priority.SETUP: 0,
    Priority.INVOICES: 1,
    Priority.DOCUMENTS: 2,
    Priority.CUSTOMERS: 3,
    Priority.HISTORY: 20,
}
"""Of the day's calls, what each kind of work leaves for more urgent work."""
_PRIORITIES = (
    ("salesinvoice/", Priority.INVOICES),
    ("documents/", Priority.DOCUMENTS),
    ("docs/", Priority.DOCUMENTS),
)


def priority_of(endpoint: str) -> Priority:
    """Say how urgent a call of the background sync is.

    >>> priority_of("sync/SalesInvoice/SalesInvoices").name, priority_of("docs/SysAttachment").name
    ('INVOICES', 'DOCUMENTS')
    >>> priority_of("sync/CRM/Accounts").name
    'CUSTOMERS'
    """
    return by_area(_PRIORITIES, endpoint, Priority.CUSTOMERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may still be called in one administration; a reset of 0 means that the window is not known yet.

    `is_minute_guessed`: the end of the minute is our guess (the clock minute), not Exact's word.
    """

    minute_limit: int = MINUTE_LIMIT
    minute_left: int = MINUTE_LIMIT
    minute_reset_ms: int = 0
    is_minute_guessed: bool = True
    day_limit: int = DAY_LIMIT
    day_left: int = DAY_LIMIT
    day_reset_ms: int = 0
    errors: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Per endpoint the moments (epoch ms) of refusals within the last hour, oldest first."""
    waiting: Mapping[Priority, int] = field(default_factory=dict)
    """Until when (epoch ms) work of a priority that had to wait for a minute counts as still wanting calls."""

    def as_json(self) -> dict[str, Any]:
        """Return a JSON-able dict that `from_json` reads back."""
        return {
            "minute_limit": self.minute_limit,
            "minute_left": self.minute_left,
            "minute_reset_ms": self.minute_reset_ms,
            "is_minute_guessed": self.is_minute_guessed,
            "day_limit": self.day_limit,
            "day_left": self.day_left,
            "day_reset_ms": self.day_reset_ms,
            "errors": {endpoint: list(moments) for endpoint, moments in self.errors.items()},
            "waiting": {priority.name: until for priority, until in self.waiting.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote; an empty mapping gives a fresh budget."""
        plain = set(cls.__dataclass_fields__) - {"errors", "waiting"}
        known = {name: data[name] for name in plain if name in data}
        errors = {str(endpoint): tuple(moments) for endpoint, moments in data.get("errors", {}).items()}
        waiting = {Priority[name]: until for name, until in data.get("waiting", {}).items()}
        return cls(**known, errors=errors, waiting=waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Call later: so many seconds until the minute is over; `budget` remembers who waits and is to be stored."""

    seconds: float
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Call now; `budget` has this call taken off and is to be stored before it."""

    budget: Budget


def before_call(budget: Budget, endpoint: str, now: datetime, *, priority: Priority = Priority.SETUP) -> Wait | Go:
    """Decide whether a call may go out.

    Raises:
        ExactRateLimited: The day is spent but for what more urgent work is left, or the endpoint rests after too many
            refusals; until `retry_at`.
    """
    now_ms = _ms(now)
    budget = _roll(budget, now_ms)
    rest = resting_until(budget, endpoint)
    if rest is not None:
        raise ExactRateLimited(
            f"{endpoint} rests: Exact refused it {len(budget.errors[endpoint])} times within the hour",
            hint="See the refusals in the log; Exact blocks the whole key after ten.",
            retry_at=rest,
        )
    kept = _kept(budget, priority)
    if budget.day_left <= kept:
        left = f" but for {kept} that are kept for more urgent work" if kept and budget.day_left > 0 else ""
        raise ExactRateLimited(
            f"the calls that Exact allows per day are spent{left}",
            hint="The rest is done after the day's limit is renewed.",
            retry_at=read_epoch(budget.day_reset_ms),
        )
    if budget.minute_left <= _left_alone(budget, priority):
        until = budget.minute_reset_ms + MINUTE_MS
        return Wait(
            seconds=(budget.minute_reset_ms - now_ms) / 1000,
            budget=replace(budget, waiting={**budget.waiting, priority: until}),
        )
    return Go(budget=replace(budget, minute_left=budget.minute_left - 1, day_left=budget.day_left - 1))


def resting_until(budget: Budget, endpoint: str) -> datetime | None:
    """Until when an endpoint is not called after too many refusals; None when it may be."""
    recent = budget.errors.get(endpoint, ())
    return read_epoch(recent[-ERRORS_PER_HOUR] + HOUR_MS) if len(recent) >= ERRORS_PER_HOUR else None


def current(budget: Budget, now: datetime) -> Budget:
    """The budget as it stands at `now`: windows that have ended are begun anew, refusals of long ago forgotten."""
    return _roll(budget, _ms(now))


def ready_at(budget: Budget, calls: int, now: datetime, *, priority: Priority = Priority.SETUP) -> datetime:
    """Say when so many calls will have gone out at the earliest, when nothing else uses the administration.

    Calls take no time here but for the limits: a minute's share at once, then the next minute's; what the day does not
    allow goes on when the next one begins.

    >>> noon = datetime(2026, 11, 2, 12, 0, 30, tzinfo=UTC)
    >>> [ready_at(Budget(), calls, noon).isoformat() for calls in (60, 61, 5001)]
    ['2026-11-02T12:00:30+00:00', '2026-11-02T12:01:01+00:00', '2026-11-03T00:00:01+00:00']
    """
    at = now
    while True:
        budget = current(budget, at)
        spare = budget.day_left - _kept(budget, priority)
        taken = max(min(calls, budget.minute_left, spare), 0)
        calls -= taken
        if calls <= 0:
            return at
        reset = budget.day_reset_ms if taken == max(spare, 0) else budget.minute_reset_ms
        budget = replace(budget, minute_left=budget.minute_left - taken, day_left=budget.day_left - taken)
        at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=reset)


def _kept(budget: Budget, priority: Priority) -> int:
    return budget.day_limit * KEPT_PERCENT[priority] // 100


def _left_alone(budget: Budget, priority: Priority) -> int:
    """How many calls of this minute are not for work of this priority, because more urgent work waits."""
    if any(more_urgent < priority for more_urgent in budget.waiting):
        return budget.minute_limit - budget.minute_limit * LEFT_TO_OTHERS_PERCENT // 100
    return 0


def after_call(budget: Budget, endpoint: str, status: int, headers: Mapping[str, str], now: datetime) -> Budget:
    """Take in what an answer says about the limits; within one window a count is only ever lowered."""
    now_ms = _ms(now)
    budget = _roll(budget, now_ms)
    limits = _believable(read_limits(headers), now_ms)
    budget = _settle_day(_settle_minute(budget, limits), limits, now_ms)
    if status == 429:
        budget = _spent(budget, limits, now_ms)
    if status in COUNTED_ERRORS:
        moments = (*budget.errors.get(endpoint, ()), now_ms)
        budget = replace(budget, errors={**budget.errors, endpoint: moments})
    return budget


def _roll(budget: Budget, now_ms: int) -> Budget:
    """Begin new windows where the old ones have ended, and forget refusals older than an hour."""
    if not now_ms < budget.minute_reset_ms <= now_ms + MINUTE_MS + AFTER_RESET_MS:  # over, or by a wrong clock
        budget = replace(
            budget,
            minute_left=budget.minute_limit,
            minute_reset_ms=(now_ms // MINUTE_MS + 1) * MINUTE_MS + AFTER_RESET_MS,
            is_minute_guessed=True,
        )
    if now_ms >= budget.day_reset_ms:
        budget = replace(
            budget, day_left=budget.day_limit, day_reset_ms=(now_ms // DAY_MS + 1) * DAY_MS + AFTER_RESET_MS
        )
    recent = {
        endpoint: kept
        for endpoint, moments in budget.errors.items()
        if (kept := tuple(moment for moment in moments if moment > now_ms - HOUR_MS))
    }
    waiting = {priority: until for priority, until in budget.waiting.items() if until > now_ms}
    return replace(budget, errors=recent, waiting=waiting)


def _believable(limits: Limits, now_ms: int) -> Limits:
    """A minute that ends later than in a minute is one by another clock than ours, which is behind: it begins now."""
    latest = now_ms + MINUTE_MS
    if limits.minute_reset_ms is None or limits.minute_reset_ms <= latest:
        return limits
    return replace(limits, minute_reset_ms=latest)


def _settle_minute(budget: Budget, limits: Limits) -> Budget:
    limit = limits.minute_limit or budget.minute_limit
    taken = max(budget.minute_limit - budget.minute_left, 0)
    left = max(limit - taken, 0)
    if limits.minute_left is None:
        return replace(budget, minute_limit=limit, minute_left=left)
    reset = (limits.minute_reset_ms or 0) + AFTER_RESET_MS
    if limits.minute_reset_ms is None or abs(reset - budget.minute_reset_ms) <= SAME_WINDOW_MS:
        return replace(budget, minute_limit=limit, minute_left=min(left, limits.minute_left))
    if budget.is_minute_guessed:  # Exact's word replaces our guess of the window, not our own count
        return replace(
            budget,
            minute_limit=limit,
            minute_left=min(left, limits.minute_left),
            minute_reset_ms=reset,
            is_minute_guessed=False,
        )
    if reset < budget.minute_reset_ms:  # a late answer about a window that is over
        return budget
    left = min(limit, limits.minute_left)
    return replace(budget, minute_limit=limit, minute_left=left, minute_reset_ms=reset)


def _settle_day(budget: Budget, limits: Limits, now_ms: int) -> Budget:
    limit = limits.day_limit or budget.day_limit
    left = max(limit - max(budget.day_limit - budget.day_left, 0), 0)
    reset = budget.day_reset_ms
    if limits.day_reset_ms is not None and limits.day_reset_ms + AFTER_RESET_MS > now_ms:
        reset = limits.day_reset_ms + AFTER_RESET_MS
    if limits.day_left is not None:
        is_new_day = reset > budget.day_reset_ms + SAME_WINDOW_MS
        left = min(limit, limits.day_left) if is_new_day else min(left, limits.day_left)
    return replace(budget, day_limit=limit, day_left=left, day_reset_ms=reset)


def _spent(budget: Budget, limits: Limits, now_ms: int) -> Budget:
    if limits.is_day_spent:
        reset = budget.day_reset_ms
        return replace(budget, day_left=0, day_reset_ms=reset if reset > now_ms else now_ms + HOUR_MS)
    reset = budget.minute_reset_ms
    if limits.minute_reset_ms is not None:
        reset = limits.minute_reset_ms + AFTER_RESET_MS
    reset = reset if reset > now_ms else now_ms + SKEWED_PAUSE_MS
    return replace(budget, minute_left=0, minute_reset_ms=reset)


def _ms(now: datetime) -> int:
    return int(now.timestamp() * 1000)
