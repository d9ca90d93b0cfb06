"""Exact's times: Dutch wall clock without a zone, days that are never shifted, and filters that miss nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from connector.exact import protocol
from connector.exact.protocol import AMSTERDAM

HOUR = timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (a wall clock has no zone)


def wall(instant: datetime) -> datetime:
    """What a clock in Amsterdam shows at an instant."""
    return instant.astimezone(AMSTERDAM).replace(tzinfo=None)


def literal(filter: str) -> datetime:
    """The wall clock in a filter on Modified."""
    return datetime.fromisoformat(filter.removeprefix("Modified ge datetime'").removesuffix("'"))


def last_sunday(year: int, month: int) -> date:
    """The day on which Europe's clocks change."""
    end = date(year, month, 31)
    return end - timedelta(days=(end.weekday() + 1) % 7)


def change_of_clock(year: int, month: int) -> datetime:
    """When clocks change: 01:00 UTC on the last Sundays of March and October, since 1996."""
    return datetime.combine(last_sunday(year, month), time(1), UTC)


def shown_as(local: datetime) -> str:
    """A wall clock as Exact writes it: as if it were UTC (exact-online-api.md 2.7)."""
    return f"/Date({(local - EPOCH) // MILLISECOND})/"


years = st.integers(2000, 2036)
changes = st.builds(change_of_clock, years, st.sampled_from([3, 10]))
moments = st.integers(0, 86_400_000).map(lambda ms: ms * MILLISECOND)
near_a_change = st.builds(lambda change, ms: change + ms * MILLISECOND, changes, st.integers(-7_200_000, 7_200_000))
anywhere = st.builds(
    lambda day, later: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=day) + later, st.integers(0, 13_000), moments
)
instants = st.one_of(near_a_change, anywhere)


def is_repeated(instant: datetime) -> bool:
    """Whether it lies in the second round of October's repeated hour: then its wall clock was shown before."""
    return bool(instant.astimezone(AMSTERDAM).fold)


@given(instants)
def test_instants_come_back(instant: datetime) -> None:
    """What Exact shows is read as the instant it was; in the second round of October's hour as the first one."""
    read = protocol.parse_instant(shown_as(wall(instant)))

    assert read == (instant - HOUR if is_repeated(instant) else instant)


@given(years, st.integers(0, 3_599_999))
def test_march_hour_that_never_was_lies_after_the_change(year: int, ms: int) -> None:
    """A wall clock within the hour that March skips, which no clock shows, is read as after the change."""
    change = change_of_clock(year, 3)
    skipped = wall(change - MILLISECOND) + MILLISECOND + ms * MILLISECOND

    assert protocol.parse_instant(shown_as(skipped)) == change + ms * MILLISECOND


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_days_are_never_shifted(day: date) -> None:
    """A day comes as midnight without a zone, or as ISO text, and stays that day on both days of a change too."""
    assert protocol.parse_date(f"/Date({(day - EPOCH.date()).days * 86_400_000})/") == day
    assert protocol.parse_date(f"{day.isoformat()}T00:00:00") == day


@given(instants, moments)
def test_filter_with_overlap_misses_nothing(last_seen: datetime, later: timedelta) -> None:
    """Whatever is modified at or after the last instant seen shows a wall clock that the next filter takes in."""
    cursor = protocol.parse_instant(shown_as(wall(last_seen)))

    asked = literal(protocol.modified_since(cursor))

    assert wall(last_seen + later) >= asked


@given(instants)
def test_filter_reaches_no_further_back_than_needed(last_seen: datetime) -> None:
    """Rows a day older than the last one seen are not read again: the overlap is two hours, not days."""
    asked = literal(protocol.modified_since(last_seen))

    assert wall(last_seen) - 3 * HOUR - timedelta(seconds=1) < asked <= wall(last_seen) - HOUR
