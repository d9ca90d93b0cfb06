"""Logging: structlog to stderr, one event with fields a line; foreign log lines go the same way.

JSON unless stderr is a terminal. Fields that could hold a secret are replaced before anything is written.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRET_FIELDS = re.compile(r"token|secret|password|authorization|cookie|api_?key|code_verifier", re.IGNORECASE)
SECRET_VALUES = re.compile(
    r"""((?:Bearer|Basic)\s+)[\w.~+/=!-]+"""
    r"""|((?:access_token|refresh_token|client_secret|apikey)["']?\s*[=:]\s*["']?|\bcode=)[^&\s"',}]+"""
)
"""A value with the words before it, as it stands in a header, an address, a form, JSON or a dict."""


def hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what looks like a secret, by the field's name or by the value's shape, however deep it lies."""
    for key, value in event.items():
        event[key] = "***" if key != "event" and SECRET_FIELDS.search(key) else _hidden(value)
    return event


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return SECRET_VALUES.sub(lambda match: (match[1] or match[2]) + "***", value)
    if isinstance(value, dict):
        return hide_secrets(None, "", {str(key): inner for key, inner in value.items()})
    if isinstance(value, (list, tuple)):
        return [_hidden(inner) for inner in value]
    return value


def configure(level: int) -> None:
    """Send the log lines of this process from `level` on to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    terminal = sys.stderr.isatty()
    renderer: Any = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "mail.log", "mail.debug", "asyncio", "alembic", "apscheduler"):
        # httpx logs whole addresses at INFO, and an address can hold a code
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
