"""The browser's side of OAuth: the consent page and the redirect back; and the token endpoint over HTTP."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import replace
from html import escape
from urllib.parse import parse_qsl, unquote_plus, urlencode

from connector.exact_sandbox.http import Answer, Request, html_answer
from connector.exact_sandbox.oauth import TokenRefused, acceptable_redirect
from connector.exact_sandbox.sandbox import Sandbox

_PAGE = """<!doctype html><html lang="nl"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1>{content}</body></html>"""
_TICK = '<p><label><input type="checkbox" name="division" value="{code}" checked> {code} {name}</label></p>'
_GATEWAY_FAULT = {
    "fault": {
        "faultstring": "Failed to execute the ExtractVariables: ExtractAccessToken",
        "detail": {"errorcode": "steps.extractvariables.ExecutionFailed"},
    }
}  # [one: dotnet#152], 1.5
_BUTTONS = (
    '<button name="decision" value="allow">Toestaan</button> '
    '<button name="decision" value="deny">Weigeren</button></form>'
)


def authorize(sandbox: Sandbox, request: Request) -> Answer:
    """GET: grant at once, or show the page. POST: what was decided on the page."""
    asked = request.options() if request.method == "GET" else request.form()
    wrong = _wrong_with(sandbox, asked)
    if wrong:
        return html_answer(_PAGE.format(title="Fout", content=f"<p>{escape(wrong)}</p>"), 400)
    granted = tuple(sandbox.stores)
    if request.method == "POST":
        ticked = {value for name, value in parse_qsl(request.body.decode("utf-8", "replace")) if name == "division"}
        granted = tuple(code for code in sandbox.stores if str(code) in ticked)
        if asked.get("decision") != "allow" or not granted:
            return _back(asked, error="access_denied")  # [assumed], 1.3
    elif sandbox.options.consent:
        return _consent_page(sandbox, asked)
    with sandbox.lock:
        return _back(asked, code=sandbox.office.grant_code(granted, asked["redirect_uri"]))


def _wrong_with(sandbox: Sandbox, asked: dict[str, str]) -> str | None:
    if asked.get("client_id", "").strip("{}") != sandbox.client_id:
        return "client_id is onbekend."
    if not acceptable_redirect(asked.get("redirect_uri", ""), sandbox.options.redirect_uris):
        return "redirect_uri is niet geregistreerd."
    if asked.get("response_type") != "code":
        return "response_type moet code zijn."
    return None


def _back(asked: dict[str, str], **result: str) -> Answer:
    if "state" in asked:
        result["state"] = asked["state"]
    joint = "&" if "?" in asked["redirect_uri"] else "?"
    location = asked["redirect_uri"] + joint + urlencode(result)  # the code's ! travels as %21
    return Answer(status=302, content_type="text/html", headers={"Location": location})


def _consent_page(sandbox: Sandbox, asked: dict[str, str]) -> Answer:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(asked[name])}">'
        for name in ("client_id", "redirect_uri", "response_type", "state")
        if name in asked
    )
    ticks = "".join(
        _TICK.format(code=code, name=escape(str(row["Description"]))) for code, row in sandbox.division_rows.items()
    )
    form = f'<form method="post" action="/api/oauth2/auth">{hidden}{ticks}{_BUTTONS}'
    return html_answer(_PAGE.format(title="Toegang tot administraties", content=form))


def token(sandbox: Sandbox, request: Request) -> Answer:
    """POST to the token endpoint: credentials in the form body or as HTTP Basic, both work [clients]."""
    faults = sandbox.faults
    if faults.strikes("token-500"):
        return Answer(status=500, body=json.dumps(_GATEWAY_FAULT).encode())
    if faults.strikes("token-empty"):
        return Answer()
    form = request.form()
    form.update(_basic(request.headers.get("authorization", "")))
    try:
        with sandbox.lock:
            granted = sandbox.office.answer(form, early_status=401 if faults.find("token-early-401") else 400)
    except TokenRefused as refused:
        body = json.dumps({"error": refused.error, "error_description": refused.description}).encode()
        return Answer(status=refused.status, body=body, headers=refused.headers)
    whole = Answer(body=json.dumps(granted).encode(), headers={"Cache-Control": "no-store"})
    if form.get("grant_type") != "refresh_token":
        return whole
    slow = faults.find("slow-token")
    body = b"" if faults.strikes("token-lost") else whole.body
    return replace(whole, body=body, waits=slow.seconds if slow is not None else 0.0)


def _basic(header: str) -> dict[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return {}
    return {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}
