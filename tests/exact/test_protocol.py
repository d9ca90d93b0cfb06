"""Exact's HTTP conventions: expectations are the facts of exact-online-api.md, or a formula."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import (
    AnswerLost,
    ConnectorError,
    ExactRateLimited,
    ExactRejected,
    ExactUnavailable,
    ExactUnexpected,
    RightsMissing,
)
from connector.exact import protocol
from connector.exact.protocol import Dead, Granted, Later, MinuteSpent, StillValid, TokenExpired

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def error_body(text: str) -> bytes:
    """The error JSON of section 2.9."""
    return json.dumps({"error": {"code": "", "message": {"lang": "nl-NL", "value": text}}}).encode()


def wall_clock_ms(local: datetime) -> int:
    """A naive local time written as Exact does: as if it were UTC."""
    return int((local - datetime(1970, 1, 1)) / timedelta(milliseconds=1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("body", "count", "next_url"),
    [
        ({"d": [{"ID": "1"}, {"ID": "2"}]}, 2, None),
        ({"d": {"results": [{"ID": "1"}]}}, 1, None),
        ({"d": {"results": [{"ID": "1"}], "__next": "https://a.example/x"}}, 1, "https://a.example/x"),
        ({"d": {"results": []}}, 0, None),
        ({"d": []}, 0, None),
        ({"d": {"ID": "1"}}, 1, None),
        ({"d": None}, 0, None),
    ],
)
def test_page_shapes(body: dict[str, Any], count: int, next_url: str | None) -> None:
    """All shapes of `d` come out as rows and the address of the next page."""
    page = protocol.read_page(200, {}, json.dumps(body).encode())

    assert (len(page.rows), page.next_url) == (count, next_url)


def test_page_keeps_decimals() -> None:
    """A number with a point is exact, not a float."""
    page = protocol.read_page(200, {}, b'{"d":[{"A":12345678901234.56}]}')

    assert page.rows[0]["A"] == Decimal("12345678901234.56")


@pytest.mark.parametrize("body", [b"", b"<html>Log in</html>", b'{"d":[{"ID":', b"[" * 100_000, b'{"d":[NaN]}'])
def test_page_that_is_no_json_is_an_outage(body: bytes) -> None:
    """Empty, HTML or cut short means: Exact is not there."""
    with pytest.raises(ExactUnavailable):
        protocol.read_page(200, {}, body)


@pytest.mark.parametrize("body", [b"{}", b'{"d":[1]}', b'{"d":{"results":[],"__next":1}}', b'"d"'])
def test_page_of_unknown_shape_is_named(body: bytes) -> None:
    """JSON in a shape that Exact never sends is not guessed at."""
    with pytest.raises(ExactUnexpected):
        protocol.read_page(200, {}, body)


@given(st.binary(max_size=200), st.integers(100, 599))
def test_any_answer_is_a_page_or_an_error_of_ours(body: bytes, status: int) -> None:
    """Whatever bytes come with whatever status, nothing but our own errors comes out."""
    with suppress(ConnectorError):
        assert protocol.read_page(status, {}, body, endpoint="crm/Accounts").rows is not None


@pytest.mark.parametrize(
    ("status", "body", "is_write", "kind"),
    [
        (400, error_body("Bad"), False, ExactRejected),
        (404, b"", False, ExactRejected),
        (405, b"", True, ExactRejected),
        (500, error_body("Verplicht: Factuur voor\r\nVerplicht: Besteld door"), True, ExactRejected),
        (500, error_body("A problem has occurred. The cause of this issue will be investigated."), True, AnswerLost),
        (500, error_body("Gegeven bestaat reeds."), False, ExactUnavailable),
        (500, b"<html>", True, AnswerLost),
        (502, b"", True, AnswerLost),
        (503, b"", False, ExactUnavailable),
        (503, b"", True, ExactUnavailable),
        (408, b"", False, ExactUnavailable),
        (401, b"", False, RightsMissing),
        (403, error_body("Forbidden"), False, RightsMissing),
        (302, b"", False, ExactUnexpected),
    ],
)
def test_status_decides_the_error(status: int, body: bytes, is_write: bool, kind: type[ConnectorError]) -> None:
    """Section 2.9: what the caller does next depends on status, body and whether it was a write."""
    with pytest.raises(kind) as caught:
        protocol.raise_for_status(status, {}, body, is_write=is_write, endpoint="crm/Accounts")

    assert type(caught.value) is kind


def test_validation_messages_are_joined() -> None:
    """Several messages in one answer become one line."""
    with pytest.raises(ExactRejected, match="Verplicht: A; Verplicht: B"):
        protocol.raise_for_status(500, {}, error_body("Verplicht: A\r\nVerplicht: B"), is_write=True, endpoint="x")


@pytest.mark.parametrize("text", ["Bearer error%3d%22message+expired%22", 'error="access token expired"'])
def test_expired_token_is_told_apart(text: str) -> None:
    """Only a 401 that says so means that the token ran out."""
    with pytest.raises(TokenExpired):
        protocol.raise_for_status(401, {"WWW-Authenticate": text}, b"", is_write=False, endpoint="x")


@pytest.mark.parametrize(
    ("headers", "text", "reason", "hint"),
    [
        ({"Reason": "NoDivisionAccess"}, "Forbidden", "NoDivisionAccess", "administration"),
        ({"reason": "LicenseExpired"}, "Forbidden", "LicenseExpired", "renew"),
        ({}, "Forbidden - Application Scope Violated. Cannot read", "scope", "Sales invoices"),
        ({}, "Forbidden - User division is not within division scope.", "NoDivisionAccess", "tick"),
    ],
)
def test_forbidden_names_reason_and_remedy(headers: dict[str, str], text: str, reason: str, hint: str) -> None:
    """A 403 says what is missing and what to do about it."""
    with pytest.raises(RightsMissing) as caught:
        protocol.raise_for_status(
            403, headers, error_body(text), is_write=False, endpoint="sync/SalesInvoice/SalesInvoices"
        )

    assert (caught.value.reason, hint in caught.value.hint) == (reason, True)


def test_spent_minute_says_until_when() -> None:
    """A 429 with the minute's headers ends with the minute."""
    reset = int(NOON.timestamp() * 1000)

    with pytest.raises(MinuteSpent) as caught:
        protocol.raise_for_status(429, {"X-RateLimit-Minutely-Reset": str(reset)}, b"", is_write=False, endpoint="x")

    assert caught.value.retry_at == NOON


def test_spent_day_is_no_spent_minute() -> None:
    """A 429 with only the day's headers ends with the day."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOON.timestamp() * 1000))}

    with pytest.raises(ExactRateLimited) as caught:
        protocol.raise_for_status(429, headers, b"", is_write=False, endpoint="x")

    assert (type(caught.value), caught.value.retry_at) == (ExactRateLimited, NOON)


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("https://start.exactonline.nl/api/v1/1/x?$skiptoken=guid'1'", True),
        ("https://START.exactonline.nl:443/x", True),
        ("http://start.exactonline.nl/x", False),
        ("https://start.exactonline.nl:8443/x", False),
        ("https://start.exactonline.nl.evil.example/x", False),
        ("https://start.exactonline.nl@evil.example/x", False),
        ("https://evil.example\\@start.exactonline.nl/x", False),
        ("//start.exactonline.nl/x", False),
        ("/api/v1/1/x", False),
        ("https://start.exactonline.nl:99999/x", False),
        ("", False),
    ],
)
def test_same_origin(url: str, is_same: bool) -> None:
    """Only the very scheme, host and port may get a token."""
    assert protocol.same_origin("https://start.exactonline.nl", url) is is_same


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        (datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # noqa: DTZ001
        (datetime(2026, 6, 25, 16, 14, 12), datetime(2026, 6, 25, 14, 14, 12, tzinfo=UTC)),  # noqa: DTZ001
    ],
    ids=["repeated hour: the earlier", "missing hour: after the change", "recorded: section 2.7"],
)
def test_hours_around_the_clock_change(local: datetime, instant: datetime) -> None:
    """The repeated hour is read as its first round, the missing one lands after the change."""
    assert protocol.parse_instant(f"/Date({wall_clock_ms(local)})/") == instant


@given(st.integers(min_value=-(2**64), max_value=2**64))
def test_whole_numbers_come_as_numbers_or_as_text(number: int) -> None:
    """An Int64 reads the same whether JSON has it as a number, as text, or with a point and zeros."""
    read = [protocol.parse_int(value) for value in (number, str(number), Decimal(f"{number}.0"))]

    assert read == [number] * 3


@pytest.mark.parametrize("value", [True, False, 1.5, Decimal("1.5"), "1.5", "12a", "NaN", "²", 2**64 + 1, "9" * 21, []])
def test_what_is_no_whole_number_is_unexpected(value: object) -> None:
    """A Boolean, a fraction, words and what no column of Exact's holds are refused."""
    with pytest.raises(ExactUnexpected):
        protocol.parse_int(value)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_literal_reads_back_as_the_same_instant(instant: datetime) -> None:
    """A filter literal names the instant it was made of, to the second; in the repeated hour at most one earlier."""
    instant = instant.replace(microsecond=0)

    literal = protocol.format_literal(instant)

    back = protocol.parse_instant(literal.removeprefix("datetime'").removesuffix("'"))
    assert back is not None
    assert instant - back in (timedelta(0), timedelta(hours=1))


@pytest.mark.parametrize("value", [1, True, "/Date(x)/", "/Date(999999999999999)/", "soon", {}])
def test_a_date_that_is_none_is_named(value: object) -> None:
    """Anything else than a date is an error of ours."""
    with pytest.raises(ExactUnexpected):
        protocol.parse_instant(value)


@given(st.text(max_size=40))
def test_text_literals_stay_one_literal(text: str) -> None:
    """Within the quotes every quote is doubled, so that no text ends its own literal."""
    literal = protocol.quote_text(text)

    inner = literal[1:-1]
    assert (literal[0], literal[-1], inner.replace("''", "").count("'")) == ("'", "'", 0)
    assert inner.replace("''", "'") == text


@given(st.text(max_size=40))
def test_query_is_ascii_and_reads_back(text: str) -> None:
    """Whatever a filter holds, the query is safe in an address and means the same."""
    query = protocol.build_query(select=("ID",), filter=text or "x")

    assert query.isascii()
    assert not set(query.partition("$filter=")[2]) & set(" &#+?")
    assert unquote(query.partition("$filter=")[2]) == (text or "x")


@pytest.mark.parametrize("guid", ["", "1", "x' or 1 eq 1 or ID eq guid'"])
def test_guid_literal_takes_only_guids(guid: str) -> None:
    """Nothing but a GUID gets into a key or a filter."""
    with pytest.raises(ExactUnexpected):
        protocol.quote_guid(guid)


NOT_EXPIRED = {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"}
OLD_TOKEN = {"error": "unauthorized_client", "error_description": "Old refresh token used."}
EXPIRED = {
    "error": "invalid_request",
    "error_description": "The refresh token expired at 10/11/2022 9:18:20 PM and it is now 10/28/2022 9:00:00 AM",
}
CHAIN = {"error": "invalid_grant", "error_description": "Token is not allowed, because of invalid or empty chainId"}
PAIR = {"access_token": "a", "token_type": "bearer", "expires_in": "600", "refresh_token": "r"}


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, PAIR, Granted(access_token="a", refresh_token="r", expires_in=600)),
        (200, PAIR | {"expires_in": None}, Granted(access_token="a", refresh_token="r", expires_in=600)),
        (400, NOT_EXPIRED, StillValid()),
        (401, {"error": "x", "error_description": "Access Token not expired"}, StillValid()),
        (400, NOT_EXPIRED | {"refresh_token": "new"}, StillValid(refresh_token="new")),
        (401, OLD_TOKEN, Dead(cause="old_refresh_token")),
        (400, OLD_TOKEN, Dead(cause="old_refresh_token")),
        (400, EXPIRED, Dead(cause="refresh_token_expired")),
        (400, CHAIN, Dead(cause="invalid_grant", needs_repeat=True)),
        (401, {"error": "invalid_client"}, Later(reason="client_refused")),
        (500, {"fault": {"faultstring": "Failed"}}, Later(reason="status_500", lost=True)),
        (503, None, Later(reason="no_json (503)", lost=True)),
        (200, None, Later(reason="no_json (200)", lost=True)),
        (200, {"access_token": "a"}, Later(reason="no_token_in_answer", lost=True)),
        (400, {"error": "server_busy"}, Later(reason="server_busy")),
        (400, None, Later(reason="no_json (400)")),
        (429, {}, Later(reason="status_429")),
    ],
)
def test_token_answers(status: int, body: dict[str, Any] | None, answer: protocol.TokenAnswer) -> None:
    """The table of section 1.5: only proven-dead answers mean dead."""
    raw = b"" if body is None else json.dumps(body).encode()

    assert protocol.classify_token_answer(status, {}, raw) == answer


def test_too_early_is_known_by_its_header() -> None:
    """The Reason header alone tells that the pair is still good."""
    headers = {"Reason": "TooEarlyToRefreshTokens: 20 s"}

    assert protocol.classify_token_answer(400, headers, b'{"error":"access_denied"}') == StillValid()


def test_tokens_do_not_show_in_a_repr() -> None:
    """A pair that ends up in a log line or traceback shows no token."""
    shown = repr(Granted(access_token="geheim-a", refresh_token="geheim-r", expires_in=600))

    assert "geheim" not in shown


@given(st.binary(max_size=100), st.integers(100, 599))
def test_any_token_answer_has_one_meaning(body: bytes, status: int) -> None:
    """Whatever comes, nothing raises, and noise never means that the connection is dead."""
    answer = protocol.classify_token_answer(status, {}, body)

    assert isinstance(answer, Later | StillValid)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
