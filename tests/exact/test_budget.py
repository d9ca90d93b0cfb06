"""The call budget: no window is overdrawn, refusals rest an endpoint, and what matters most goes first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import ExactRateLimited
from connector.exact.budget import (
    KEPT_PERCENT,
    Budget,
    Go,
    Priority,
    Wait,
    after_call,
    before_call,
    ready_at,
)

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@given(st.lists(st.tuples(st.integers(0, 40_000), st.booleans()), max_size=300), st.integers(1, 60))
def test_no_window_is_ever_overdrawn(steps: list[tuple[int, bool]], limit: int) -> None:
    """Whatever the pace, no more calls go out in a clock minute than Exact allows, headers or not."""
    now, budget = NOON, Budget(minute_limit=limit, minute_left=limit)
    sent: dict[int, int] = {}
    for pause_ms, has_headers in steps:
        now += timedelta(milliseconds=pause_ms)
        decision = before_call(budget, "x", now)
        if isinstance(decision, Wait):
            now += timedelta(seconds=decision.seconds)
            decision = before_call(budget, "x", now)
        assert isinstance(decision, Go)
        minute = int(now.timestamp()) // 60
        sent[minute] = sent.get(minute, 0) + 1
        headers = {
            "X-RateLimit-Minutely-Limit": str(limit),
            "X-RateLimit-Minutely-Remaining": str(limit - sent[minute]),
            "X-RateLimit-Minutely-Reset": str((minute + 1) * 60_000),
        }
        budget = after_call(decision.budget, "x", 200, headers if has_headers else {}, now)

    assert all(count <= limit for count in sent.values())


def test_spent_minute_waits_until_its_end() -> None:
    """With nothing left, the wait ends a second after the window."""
    headers = {"X-RateLimit-Minutely-Remaining": "0", "X-RateLimit-Minutely-Reset": str(_ms(NOON) + 20_000)}
    budget = after_call(Budget(), "x", 200, headers, NOON)

    decision = before_call(budget, "x", NOON)

    assert isinstance(decision, Wait)
    assert decision.seconds == 21.0


def test_clock_that_is_behind_waits_a_minute_at_most() -> None:
    """A minute that ends an hour from now, by a clock that is behind Exact's, is waited for no longer than a minute."""
    headers = {"X-RateLimit-Minutely-Remaining": "0", "X-RateLimit-Minutely-Reset": str(_ms(NOON) + 3_600_000)}
    budget = after_call(Budget(), "x", 200, headers, NOON)

    decision = before_call(budget, "x", NOON)

    assert isinstance(decision, Wait)
    assert decision.seconds <= 61


def test_count_is_only_lowered_within_a_window() -> None:
    """An answer that comes late does not give calls back."""
    reset = str(_ms(NOON) + 60_000)

    def answer(left: int) -> dict[str, str]:
        return {"X-RateLimit-Minutely-Remaining": str(left), "X-RateLimit-Minutely-Reset": reset}

    budget = after_call(Budget(), "x", 200, answer(10), NOON)
    budget = after_call(budget, "x", 200, answer(30), NOON)

    assert budget.minute_left == 10


def test_minute_refusal_empties_the_minute() -> None:
    """After a 429 nothing goes out before the minute is over, even if our clock runs ahead."""
    past = {"X-RateLimit-Minutely-Reset": str(_ms(NOON) - 5_000)}

    budget = after_call(Budget(), "x", 429, past, NOON)

    assert isinstance(before_call(budget, "x", NOON), Wait)


def test_spent_day_stops_until_tomorrow() -> None:
    """With the day spent, the error says when there is a new one."""
    midnight = NOON.replace(hour=0) + timedelta(days=1)
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(_ms(midnight))}
    budget = after_call(Budget(), "x", 200, headers, NOON)

    with pytest.raises(ExactRateLimited) as caught:
        before_call(budget, "x", NOON)

    assert caught.value.retry_at == midnight + timedelta(seconds=1)
    assert isinstance(before_call(budget, "x", midnight + timedelta(seconds=1)), Go)


def test_new_day_by_the_headers_gives_calls_back() -> None:
    """When Exact's day begins before ours, its word counts."""
    today, tomorrow = _ms(NOON) + 1_000, _ms(NOON) + 86_401_000
    low = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "3", "X-RateLimit-Reset": str(today)}
    high = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": str(tomorrow)}

    budget = after_call(after_call(Budget(), "x", 200, low, NOON), "x", 200, high, NOON)

    assert budget.day_left == 4999


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_endpoint_rests_after_five_refusals(status: int) -> None:
    """Five refusals within the hour stop this endpoint, and no other, until the first of them is an hour old."""
    budget = Budget()
    for minute in range(5):
        budget = after_call(budget, "crm/Accounts", status, {}, NOON + timedelta(minutes=minute))
    now = NOON + timedelta(minutes=5)

    with pytest.raises(ExactRateLimited) as caught:
        before_call(budget, "crm/Accounts", now)

    assert caught.value.retry_at == NOON + timedelta(hours=1)
    assert isinstance(before_call(budget, "crm/Contacts", now), Go)
    assert isinstance(before_call(budget, "crm/Accounts", NOON + timedelta(hours=1)), Go)


def test_validation_messages_do_not_count_as_refusals() -> None:
    """A 500 never makes an endpoint rest."""
    budget = Budget()
    for _ in range(20):
        budget = after_call(budget, "x", 500, {}, NOON)

    assert isinstance(before_call(budget, "x", NOON), Go)


def test_budget_survives_storing() -> None:
    """What is stored as JSON reads back as the same budget."""
    budget = after_call(Budget(minute_left=3), "x", 404, {"X-RateLimit-Remaining": "9"}, NOON)

    assert Budget.from_json(json.loads(json.dumps(budget.as_json()))) == budget


@given(st.dictionaries(st.sampled_from([f"X-RateLimit-{n}" for n in ("Limit", "Reset", "Minutely-Reset")]), st.text()))
def test_odd_limit_headers_do_no_harm(headers: dict[str, str]) -> None:
    """Headers that are no numbers are as good as missing."""
    budget = after_call(Budget(), "x", 200, headers, NOON)

    assert 0 <= budget.minute_left <= budget.minute_limit


# Whose work goes first


def spend(budget: Budget, now: datetime, priority: Priority) -> int:
    """Take calls until the budget says wait or stop; how many there were."""
    taken = 0
    while True:
        try:
            decision = before_call(budget, "x", now, priority=priority)
        except ExactRateLimited:
            return taken
        budget = decision.budget
        if isinstance(decision, Wait):
            now += timedelta(seconds=decision.seconds)
        else:
            taken += 1


@pytest.mark.parametrize("priority", list(Priority))
def test_each_kind_of_work_leaves_the_day_to_more_urgent_work(priority: Priority) -> None:
    """The less urgent stops earlier: of a day's calls its share is left to the others."""
    taken = spend(Budget(day_limit=1000, day_left=1000), NOON, priority)

    assert taken == 1000 - 10 * KEPT_PERCENT[priority]


def test_the_more_urgent_the_longer() -> None:
    """The order is that of the design: set-up, invoices, documents, customers, history."""
    taken = [spend(Budget(day_limit=1000, day_left=1000), NOON, priority) for priority in Priority]

    assert taken == sorted(taken, reverse=True)
    assert len(set(taken)) == len(Priority)


def test_waiting_set_up_gets_nine_tenths_of_the_next_minute() -> None:
    """While the set-up waits for a minute, the sync takes only a tenth of it."""
    budget = Budget(minute_left=0, minute_reset_ms=_ms(NOON) + 30_000)
    waits = before_call(budget, "x", NOON, priority=Priority.SETUP)
    assert isinstance(waits, Wait)
    budget, now = waits.budget, NOON + timedelta(seconds=waits.seconds)

    taken = 0
    while isinstance(decision := before_call(budget, "x", now, priority=Priority.CUSTOMERS), Go):
        budget, taken = decision.budget, taken + 1

    assert taken == 6
    assert isinstance(before_call(budget, "x", now, priority=Priority.SETUP), Go)


def test_nobody_waits_for_work_that_is_done() -> None:
    """When the set-up asks no more, the sync has whole minutes again."""
    budget = Budget(minute_left=0, minute_reset_ms=_ms(NOON) + 30_000)
    waits = before_call(budget, "x", NOON, priority=Priority.SETUP)
    now = NOON + timedelta(minutes=3)

    taken = 0
    budget = waits.budget
    while isinstance(decision := before_call(budget, "x", now, priority=Priority.CUSTOMERS), Go):
        budget, taken = decision.budget, taken + 1

    assert taken == 60


def test_less_urgent_work_holds_nobody_up() -> None:
    """That the sync waits for a minute takes nothing from the set-up."""
    budget = Budget(minute_left=0, minute_reset_ms=_ms(NOON) + 30_000)
    waits = before_call(budget, "x", NOON, priority=Priority.HISTORY)
    now = NOON + timedelta(seconds=31)

    assert spend_minute(waits.budget, now, Priority.SETUP) == 60


def spend_minute(budget: Budget, now: datetime, priority: Priority) -> int:
    """Take calls until one has to wait."""
    taken = 0
    while isinstance(decision := before_call(budget, "x", now, priority=priority), Go):
        budget, taken = decision.budget, taken + 1
    return taken


# When it will be done


@given(
    st.integers(0, 400),
    st.integers(1, 60),
    st.integers(0, 59),
    st.integers(20, 200),
    st.sampled_from(Priority),
)
def test_forecast_is_what_happens(calls: int, minute: int, second: int, day: int, priority: Priority) -> None:
    """Calls that take no time are done when the forecast says, whatever is left of minute and day."""
    begin = datetime(2026, 11, 2, 23, 58, second, tzinfo=UTC)
    fresh = Budget(minute_limit=minute, minute_left=minute, day_limit=day, day_left=day)
    now, budget, left = begin, fresh, calls
    while left:
        try:
            decision = before_call(budget, "x", now, priority=priority)
        except ExactRateLimited as spent:
            now = spent.retry_at or now
            continue
        budget = decision.budget
        if isinstance(decision, Wait):
            now += timedelta(seconds=decision.seconds)
        else:
            left -= 1

    assert ready_at(fresh, calls, begin, priority=priority) == now
