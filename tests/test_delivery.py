"""delivery.py: what follows an attempt."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector import errors
from connector.delivery import GIVE_UP_AFTER, State, after
from connector.errors import ConnectorError, NeedsPerson, Transient

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ConnectorError)]


def make_error(kind: type[ConnectorError], retry_at: datetime | None = None) -> ConnectorError:
    """An error of this kind with what it needs."""
    fields: dict[type[ConnectorError], dict[str, str]] = {
        errors.CannotRender: {"reason": "totals_differ"},
        errors.AuthorizationLost: {"cause": "revoked"},
    }
    if issubclass(kind, Transient):
        return kind("iets", retry_at=retry_at)
    return kind("iets", **fields.get(kind, {}))


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (errors.DeliveryRefused, State.FAILED),
        (errors.DeliveryDeferred, State.DUE),
        (errors.DeliveryUncertain, State.UNCERTAIN),
        (errors.InvalidSetting, State.FAILED),
    ],
)
def test_error_decides_state(kind: type[ConnectorError], state: State) -> None:
    """A refusal is the end, a delay is not, and an uncertain delivery waits for a person."""
    outcome = after(make_error(kind), attempts=1, first_due_at=NOON, now=NOON)

    assert (outcome.state, outcome.error) == (state, "iets")


def test_no_error_is_delivered() -> None:
    """A channel that returns has delivered."""
    outcome = after(None, attempts=3, first_due_at=NOON, now=NOON)

    assert (outcome.state, outcome.due_at, outcome.error) == (State.DELIVERED, None, None)


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (9, 256), (10, 360), (1000, 360)])
def test_pause_doubles_up_to_six_hours(attempts: int, minutes: int) -> None:
    """A minute, then twice as long each time, never longer than six hours (design.md section 8)."""
    outcome = after(make_error(errors.DeliveryDeferred), attempts=attempts, first_due_at=NOON, now=NOON)

    assert outcome.due_at == NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(("asked", "minutes"), [(30, 30), (0, 1)])
def test_not_before_the_other_side_says(asked: int, minutes: int) -> None:
    """A time that the other side names counts when it is later than our own pace."""
    error = make_error(errors.DeliveryDeferred, retry_at=NOON + timedelta(minutes=asked))

    outcome = after(error, attempts=1, first_due_at=NOON, now=NOON)

    assert outcome.due_at == NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(("late", "state"), [(timedelta(0), State.DUE), (timedelta(seconds=1), State.FAILED)])
def test_given_up_after_five_days(late: timedelta, state: State) -> None:
    """The attempt that would come later than five days after the first due time is not made."""
    now = NOON + timedelta(days=5) - timedelta(hours=6) + late

    outcome = after(make_error(errors.DeliveryDeferred), attempts=20, first_due_at=NOON, now=now)

    assert outcome.state == state


@given(
    st.sampled_from(KINDS),
    st.integers(1, 10_000),
    st.timedeltas(timedelta(0), timedelta(days=30)),
    st.none() | st.timedeltas(timedelta(days=-30), timedelta(days=30)),
)
def test_every_error_has_one_next_step(
    kind: type[ConnectorError], attempts: int, age: timedelta, retry_in: timedelta | None
) -> None:
    """Whatever went wrong, the delivery is due again later, uncertain or failed, never still being sent."""
    now = NOON + age
    error = make_error(kind, None if retry_in is None else now + retry_in)

    outcome = after(error, attempts=attempts, first_due_at=NOON, now=now)

    assert outcome.error == "iets"
    assert (outcome.due_at is not None) == (outcome.state is State.DUE)
    if outcome.due_at is not None:
        assert isinstance(error, Transient)
        assert now < outcome.due_at <= NOON + GIVE_UP_AFTER
    else:
        assert outcome.state is (State.UNCERTAIN if isinstance(error, NeedsPerson) else State.FAILED)
