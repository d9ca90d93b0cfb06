"""log: one event a line on stderr, and nothing secret in it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from connector.log import hide_secrets

SECRET = "stampNL001.abcDEF-123_x!y~z"


@pytest.mark.parametrize(
    "field",
    ["token", "access_token", "refreshToken", "client_secret", "password", "Authorization", "Set-Cookie", "api_key"],
)
def test_secret_fields_are_hidden(field: str) -> None:
    """A field whose name speaks of a secret is never written."""
    assert hide_secrets(None, "info", {"event": "x", field: SECRET}) == {"event": "x", field: "***"}


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"GET /callback?state=1&code={SECRET}&x=y",
        f"grant_type=refresh_token&refresh_token={SECRET}",
        f"client_id=1&client_secret={SECRET}",
        f'{{"access_token": "{SECRET}", "expires_in": "600"}}',
        f"{{'refresh_token': '{SECRET}'}}",
        "Authorization: Basic c3RhbXBOTDAwMS5hYmNERUYtMTIz",
    ],
)
@pytest.mark.parametrize("field", ["event", "exception", "url"])
def test_secret_values_are_hidden_in_any_text(text: str, field: str) -> None:
    """What has the shape of a secret is taken out of every text, tracebacks and foreign lines included."""
    written = hide_secrets(None, "info", {field: text})[field]

    assert [part for part in (SECRET, "abcDEF", "c3RhbX") if part in written] == []


def test_secrets_inside_values_are_hidden() -> None:
    """Lists and tables inside a field are looked through as well."""
    event = {"event": "x", "facts": {"headers": [{"authorization": SECRET}, f"code={SECRET}"]}}

    assert SECRET not in json.dumps(hide_secrets(None, "info", event))


def test_other_words_stay() -> None:
    """What only sounds alike is left alone."""
    event = {"event": "delivery.delivered", "delivery": 17, "status": "code 404", "url": "/a?vat_code=1", "ids": [1, 2]}

    assert hide_secrets(None, "info", dict(event)) == event


PROGRAM = f"""
import logging, structlog
from connector import log
log.configure(logging.INFO)
structlog.get_logger().info("delivery.delivered", delivery=17, token="{SECRET}")
structlog.get_logger().debug("not.wanted")
logging.getLogger("somewhere").warning("Bearer {SECRET}")
logging.getLogger("httpx").info("GET /callback?code={SECRET}")
try:
    raise ValueError("refresh_token={SECRET}")
except ValueError:
    structlog.get_logger().exception("job.broken")
"""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """What a process writes that logs all kinds of things."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ended.stdout == ""
    return ended.stderr.splitlines()


def test_each_line_is_one_json_event(lines: list[str]) -> None:
    """Not on a terminal every line is JSON with event, level and time; foreign lines and tracebacks too."""
    events = [json.loads(line) for line in lines]

    assert [(event["event"].split()[0], event["level"]) for event in events] == [
        ("delivery.delivered", "info"),
        ("Bearer", "warning"),
        ("job.broken", "error"),
    ]
    assert all(event["timestamp"].endswith("Z") for event in events)


def test_no_line_holds_a_secret(lines: list[str]) -> None:
    """Neither fields nor foreign lines nor tracebacks show it."""
    assert [line for line in lines if "abcDEF" in line] == []
