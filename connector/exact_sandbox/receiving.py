"""The body of a POST or PUT: which fields count, which values they take, what is said when they are wrong; the 201.

Malformed is 400; against the business rules is 500 with the error JSON in the user's language [docs], 2.9. Read-only
fields are ignored without a word, as Exact was seen to do [live], 2.8.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import Any

from connector.exact_sandbox.entities import Entity, Field
from connector.exact_sandbox.http import Answer, Request, json_answer
from connector.exact_sandbox.odata import encode_row, known_field
from connector.exact_sandbox.reading import RESOURCES, Place, entity_uri, shown
from connector.exact_sandbox.refusal import Refused, invalid, malformed
from connector.exact_sandbox.rows import Row, Value
from connector.exact_sandbox.sandbox import Sandbox

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MAX_BYTES = 10 * 1024 * 1024
_MAX_NUMBER = 1e15  # what a float holds to the cent, and no infinity
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(T[\d:.]*)?")


def sent_fields(request: Request, entity: Entity) -> Row:
    """Writable fields of the body, checked by type; unknown names are a 400, read-only ones fall away.

    A body over 10 MB is refused; of base64 the bytes count that it stands for [docs: KB-limits]. With 413: [assumed].
    """
    body = request.json()
    binary = (len(value) for name, value in body.items() if isinstance(value, str) and _is_binary(entity, name))
    if len(request.body) - sum(length // 4 for length in binary) > _MAX_BYTES:
        raise Refused(413, "The request exceeds the maximum size of 10 MB.")
    return accepted_fields(body, entity)


def _is_binary(entity: Entity, name: str) -> bool:
    return name in entity.fields and entity.fields[name].type == "x"


def accepted_fields(body: dict[str, Any], entity: Entity) -> Row:
    """The same of an object that lies inside a body."""
    sent: Row = {}
    for name, value in body.items():
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
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if field.type == "d" and is_number and abs(value) < _MAX_NUMBER:
        return float(value)
    if field.type in "tD" and isinstance(value, str):
        match = _DAY.fullmatch(value)
        if match:
            with suppress(ValueError):  # 2026-02-30: a date by its form only, refused below
                return date.fromisoformat(match[1]).isoformat()
    raise unconvertible(field.name)


def unconvertible(name: str, kind: str = "") -> Refused:
    """400 for a value that is not of the field's type."""
    text = f"Error encountered in converting the value from request payload for property '{name}'"
    return malformed(f"{text} to type '{kind}'" if kind else text)


def refuse_if(messages: list[str]) -> None:
    """500 with all messages, when there are any."""
    if messages:
        raise invalid(*messages)


def prefers_all(request: Request) -> bool:
    """Whether the client asks for the whole entity [docs second-hand], 2.3."""
    return "return=representation" in request.headers.get("prefer", "").replace(" ", "")


def created(sandbox: Sandbox, request: Request, place: Place, made: Row, *, key_only: bool = False) -> Answer:
    """201 with the new entity; with `key_only` just its key, unless the client prefers the whole [live], 2.3."""
    resource = RESOURCES[place.endpoint]
    uri = entity_uri(request.base_url, place, resource, made)
    if key_only and not prefers_all(request):
        known = {resource.entity.key: made[resource.entity.key]}
    else:
        known = shown(sandbox, place, resource.table, [made], request.base_url)[0]
    return json_answer({"d": encode_row(resource.entity, known, None, uri)}, 201)
