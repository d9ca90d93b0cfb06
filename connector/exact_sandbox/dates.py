"""Dutch wall clock: how Exact shows instants and days, and how it reads literals (exact-online-api.md 2.7)."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def utc_now() -> datetime:
    """The real time, aware."""
    return datetime.now(UTC)


def today_in_amsterdam(now: datetime) -> date:
    """The calendar day at that instant for a Dutch bookkeeper."""
    return now.astimezone(AMSTERDAM).date()


def wall_clock(instant: datetime) -> datetime:
    """The aware instant as Dutch local time without a zone."""
    return instant.astimezone(AMSTERDAM).replace(tzinfo=None)


def exact_date(local: datetime) -> str:
    """``/Date(ms)/`` with local time written as if it were UTC [live].

    >>> exact_date(datetime(2026, 7, 1, 16, 0))
    '/Date(1782921600000)/'
    """
    return f"/Date({calendar.timegm(local.timetuple()) * 1000 + local.microsecond // 1000})/"


def stored_instant(instant: datetime) -> str:
    """How an instant is kept in a row: ISO, UTC, milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")


def local_of_stored(text: str) -> datetime:
    """A stored value (instant or bare day) as Dutch wall clock."""
    if len(text) == len("2026-01-01"):
        return datetime.combine(date.fromisoformat(text), time())
    return wall_clock(datetime.fromisoformat(text))


def at_local(day: date, hour: int, minute: int = 0) -> datetime:
    """The aware instant at this local hour of this day."""
    return datetime.combine(day, time(hour, minute), tzinfo=AMSTERDAM).astimezone(UTC)
