"""Minute, day and error limits."""

from __future__ import annotations

from datetime import UTC, datetime

from connector.exact_sandbox import SandboxOptions, SandboxServer

from .helpers import NOON, TODAY, Client, Clock


def test_ordinary_answers_carry_both_families(client: Client) -> None:
    """Remaining counts down; resets are UTC epoch milliseconds of the minute's and the day's end."""
    headers = client.get("crm/Accounts", top="1").headers

    assert (headers["X-RateLimit-Minutely-Remaining"], headers["X-RateLimit-Remaining"]) == ("59", "4999")
    minute = datetime(2026, 11, 2, 12, 1, tzinfo=UTC)
    day = datetime(2026, 11, 3, tzinfo=UTC)
    assert headers["X-RateLimit-Minutely-Reset"] == str(int(minute.timestamp() * 1000))
    assert headers["X-RateLimit-Reset"] == str(int(day.timestamp() * 1000))


def test_minute_is_a_clock_minute(client: Client, clock: Clock) -> None:
    """The 61st call is refused with the minute's headers only and no body, until the minute turns."""
    for _ in range(60):
        assert client.get("crm/Accounts", top="1", select="ID").status_code == 200
    refused = client.get("crm/Accounts", top="1")
    clock.forward(seconds=55)
    later = client.get("crm/Accounts", top="1")

    assert (refused.status_code, refused.content) == (429, b"")
    assert refused.headers["X-RateLimit-Minutely-Remaining"] == "0"
    assert "X-RateLimit-Remaining" not in refused.headers
    assert later.status_code == 200


def test_day_limit_shows_only_its_own_headers(client: Client) -> None:
    """When the day is spent, the minute's headers are absent."""
    client.server.state.limiter.per_day = 1
    client.get("crm/Accounts", top="1")

    refused = client.get("crm/Accounts", top="1")

    assert (refused.status_code, refused.headers["X-RateLimit-Remaining"]) == (429, "0")
    assert "X-RateLimit-Minutely-Reset" not in refused.headers


def test_calls_without_division_are_free(client: Client) -> None:
    """Me carries no headers."""
    assert "X-RateLimit-Limit" not in client.http.get("/api/v1/current/Me").headers


def test_ten_errors_block_the_endpoint(client: Client, clock: Clock) -> None:
    """Ten 4xx on one endpoint block it for an hour, others go on."""
    for _ in range(10):
        assert client.get("crm/Accounts", select="Nonsense").status_code == 400
    blocked = client.get("crm/Accounts", top="1")
    other = client.get("crm/Contacts", top="1")

    assert (blocked.status_code, other.status_code) == (403, 200)


def test_speed_shortens_the_minute(clock: Clock) -> None:
    """With speed 60 the minute is a second."""
    with SandboxServer(SandboxOptions(today=TODAY, clock=clock, speed=60)) as server:
        client = Client(server)
        reset = client.get("crm/Accounts", top="1").headers["X-RateLimit-Minutely-Reset"]
        client.http.close()

    assert 0 < int(reset) - NOON.timestamp() * 1000 <= 1000


def test_limits_can_be_off(clock: Clock) -> None:
    """Without limits there are no headers."""
    with SandboxServer(SandboxOptions(today=TODAY, clock=clock, limits=False)) as server:
        client = Client(server)
        headers = client.get("crm/Accounts", top="1").headers
        client.http.close()

    assert "X-RateLimit-Limit" not in headers


def test_calls_are_counted(client: Client) -> None:
    """Tests can ask what was called how often."""
    client.get("crm/Accounts", top="1")
    client.get("crm/Accounts", top="1")

    assert client.server.calls(123456, "GET", "crm/Accounts") == 2
    assert client.server.calls_total == 4
