"""Functions: GET with plain query parameters in place of OData options (exact-online-api.md 2.6).

The shape of both answers, and which Timestamp is the answer for a moment, are [assumed].
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connector.exact_sandbox.dates import exact_date, local_of_stored
from connector.exact_sandbox.http import Answer, Request, json_answer
from connector.exact_sandbox.odata import moment_of
from connector.exact_sandbox.reading import RESOURCES, Place
from connector.exact_sandbox.refusal import malformed
from connector.exact_sandbox.sandbox import Sandbox
from connector.exact_sandbox.store import timestamp_of

_QUOTED = re.compile(r"'(.*)'")


def _quoted(request: Request, name: str) -> str:
    match = _QUOTED.fullmatch(request.options().get(name, ""))
    if match is None:
        raise malformed(f"Bad Request - Error in query syntax: parameter '{name}'.")
    return match[1]


def _user_has_rights(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """The sandbox's user may do what an endpoint offers, unless the fault `refuse` takes it away."""
    endpoint, action = _quoted(request, "endpoint"), _quoted(request, "action").upper()
    resource = RESOURCES.get(endpoint)
    refusal = sandbox.faults.refusal_of(action, endpoint)
    may = resource is not None and action in resource.methods and (refusal is None or refusal.status not in (401, 403))
    return json_answer({"d": {"UserHasRights": may}})


def _sync_timestamp(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """The highest Timestamp of rows last changed before a moment, else 1. `endPoint` is the last word of a stream."""
    name = _quoted(request, "endPoint")
    stream = next((path for path in RESOURCES if path.startswith("sync/") and path.endswith("/" + name)), None)
    if stream is None:
        raise malformed("Bad Request - Error in query syntax: parameter 'endPoint'.")
    moment = moment_of(request.options().get("modified", ""))
    rows = sandbox.stores[place.division].rows(RESOURCES[stream].table)
    before = [row for row in rows if "Modified" in row and local_of_stored(str(row["Modified"])) < moment]
    newest = max((timestamp_of(row) for row in before), default=1)
    found = {"Modified": exact_date(moment), "API": name, "TimeStampAsBigInt": str(newest)}
    return json_answer({"d": {"results": [found]}})


FUNCTIONS: dict[str, Callable[[Sandbox, Request, Place], Answer]] = {
    "users/UserHasRights": _user_has_rights,
    "read/sync/Sync/SyncTimestamp": _sync_timestamp,
}
