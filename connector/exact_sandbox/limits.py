"""The limits Exact sets per app and division: the clock minute, the day, and errors (exact-online-api.md 3).

Counting only; the HTTP side asks before each call and tells afterwards what the answer was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from connector.exact_sandbox.refusal import Refused

PER_MINUTE = 60
PER_DAY = 5000
ERRORS_PER_HOUR = 10
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_COUNTED_ERRORS = (400, 401, 403, 404)


@dataclass(slots=True)
class _Window:
    number: int = -1
    used: int = 0


@dataclass(slots=True)
class _Errors:
    window: _Window = field(default_factory=_Window)
    blocked_until: float = 0.0


@dataclass(slots=True, kw_only=True)
class Limiter:
    """Counts calls. `speed` shortens minute, hour and day alike; windows are aligned to the clock."""

    clock: Callable[[], datetime]
    speed: float = 1.0
    enabled: bool = True
    per_minute: int = PER_MINUTE
    per_day: int = PER_DAY
    _minutes: dict[int, _Window] = field(default_factory=dict)
    _days: dict[int, _Window] = field(default_factory=dict)
    _errors: dict[tuple[int, str], _Errors] = field(default_factory=dict)

    def _now(self) -> float:
        return self.clock().timestamp()

    def _window(self, windows: dict[int, _Window], division: int, seconds: float) -> tuple[_Window, str]:
        number = math.floor(self._now() / seconds)
        window = windows.setdefault(division, _Window())
        if window.number != number:
            window.number, window.used = number, 0
        return window, str(math.ceil((number + 1) * seconds * 1000))

    def take(self, division: int) -> dict[str, str]:
        """Count one call; the headers of an ordinary answer (both families, ms epoch). Raises 429 with one family."""
        if not self.enabled:
            return {}
        minute, minute_reset = self._window(self._minutes, division, _MINUTE / self.speed)
        day, day_reset = self._window(self._days, division, _DAY / self.speed)
        if day.used >= self.per_day:
            raise self.spent(division, "day")
        if minute.used >= self.per_minute:
            raise self.spent(division, "minute")
        minute.used += 1
        day.used += 1
        return {
            **_family("X-RateLimit-", self.per_day, self.per_day - day.used, day_reset),
            **_family("X-RateLimit-Minutely-", self.per_minute, self.per_minute - minute.used, minute_reset),
        }

    def spent(self, division: int, family: str) -> Refused:
        """The 429 of the minute or of the day: no body, and the headers of that family only [clients]."""
        if family == "day":
            _day, reset = self._window(self._days, division, _DAY / self.speed)
            return Refused(429, None, _family("X-RateLimit-", self.per_day, 0, reset))
        _minute, reset = self._window(self._minutes, division, _MINUTE / self.speed)
        return Refused(429, None, _family("X-RateLimit-Minutely-", self.per_minute, 0, reset))

    def refuse_blocked(self, division: int, endpoint: str) -> None:
        """403 while this endpoint is blocked for its errors; status and body of the block are [assumed]."""
        errors = self._errors.get((division, endpoint))
        if self.enabled and errors is not None and self._now() < errors.blocked_until:
            raise Refused(403, "Forbidden - Error limit exceeded.")

    def note(self, division: int, endpoint: str, status: int) -> None:
        """Tell what an answer was: the tenth 4xx within an hour blocks the endpoint for an hour [docs]."""
        if not self.enabled or status not in _COUNTED_ERRORS:
            return
        errors = self._errors.setdefault((division, endpoint), _Errors())
        number = math.floor(self._now() / (_HOUR / self.speed))
        if errors.window.number != number:
            errors.window = _Window(number, 0)
        errors.window.used += 1
        if errors.window.used >= ERRORS_PER_HOUR and errors.blocked_until <= self._now():
            errors.blocked_until = self._now() + _HOUR / self.speed


def _family(prefix: str, limit: int, remaining: int, reset_ms: str) -> dict[str, str]:
    return {f"{prefix}Limit": str(limit), f"{prefix}Remaining": str(remaining), f"{prefix}Reset": reset_ms}
