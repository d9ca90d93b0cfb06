"""The body of a POST or PUT: which fields count, which values they take, and what is said when they are wrong.

Malformed is 400; against the business rules is 500 with the error JSON in the user's language [docs], 2.9. Read-only
fields are ignored without a word, as Exact was seen to do [live], 2.8.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from connector.exact_sandbox.entities import Entity, Field
from connector.exact_sandbox.http import Request
from connector.exact_sandbox.odata import known_field
from connector.exact_sandbox.refusal import Refused, invalid, malformed
from connector.exact_sandbox.rows import Row, Value

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(T[\d:.]*)?")


def sent_fields(request: Request, entity: Entity) -> Row:
    """Writable fields of the body, checked by type; unknown names are a 400, read-only ones fall away."""
    sent: Row = {}
    for name, value in request.json().items():
        field = known_field(entity, name)
        if field.writable:
            sent[name] = _accepted(field, value)
    return sent


def _accepted(field: Field, value: Any) -> Value:
    if value is None:
        return None
    if field.type == "g" and isinstance(value, str) and _GUID.fullmatch(value):
        return value.lower()
    if field.type in "sx" and isinstance(value, str):
        return value.strip() if field.pad else value
    if field.type == "b" and isinstance(value, bool):
        return value
    if field.type in "il" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if field.type == "d" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if field.type in "tD" and isinstance(value, str):
        match = _DAY.fullmatch(value)
        if match:
            try:
                return date.fromisoformat(match[1]).isoformat()
            except ValueError:
                pass
    raise unconvertible(field.name)


def unconvertible(name: str, kind: str = "") -> Refused:
    """400 for a value that is not of the field's type."""
    text = f"Error encountered in converting the value from request payload for property '{name}'"
    return malformed(f"{text} to type '{kind}'" if kind else text)


def refuse_if(messages: list[str]) -> None:
    """500 with all messages, when there are any."""
    if messages:
        raise invalid(*messages)
