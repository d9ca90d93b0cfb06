"""Webhooks: subscribing with a check of the address, and signed notices of changes (exact-online-api.md 4.10).

Exact wants https on the domain of the app's redirect address. The sandbox is a tool for one machine: addresses lie on
a loopback host, with http or https, and nothing is ever sent anywhere else. Not established is how often Exact tries
again; here a notice is sent once, whatever comes back.
"""

from __future__ import annotations

import hmac
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from threading import Condition, Thread
from uuid import uuid4

import httpx

from connector.exact_sandbox import entities
from connector.exact_sandbox.http import Answer, Request
from connector.exact_sandbox.oauth import LOOPBACK
from connector.exact_sandbox.reading import Place
from connector.exact_sandbox.receiving import created, refuse_if, sent_fields
from connector.exact_sandbox.refusal import invalid
from connector.exact_sandbox.rows import USER_ID, Row
from connector.exact_sandbox.sandbox import Change, Sandbox

TOPICS = {
    "accounts": ("Accounts", "crm/Accounts"),
    "contacts": ("Contacts", "crm/Contacts"),
    "invoices": ("SalesInvoices", "salesinvoice/SalesInvoices"),
    "documents": ("Documents", "documents/Documents"),
    "attachments": ("DocumentAttachments", "documents/DocumentAttachments"),
}
_SECONDS = 5.0
_STOP_SECONDS = 10.0


def create_subscription(sandbox: Sandbox, request: Request, place: Place) -> Answer:
    """A subscription, made once its address answered 200 to an empty POST.

    That a wrong answer is told as a 500 was seen in 2020 and 2022 [one: picqer#438, #522]; in 2026 the POST came a
    second after the answer [one]. The texts on topic and address are [assumed].
    """
    sent = sent_fields(request, entities.WEBHOOK_SUBSCRIPTION)
    url, topic = str(sent.get("CallbackURL") or ""), sent.get("Topic")
    wrong = [f"Verplicht: {name}" for name in ("CallbackURL", "Topic") if not sent.get(name)]
    if url and not _on_loopback(url):
        wrong.append("Ongeldig: CallbackURL")
    if topic and topic not in [name for name, _endpoint in TOPICS.values()]:
        wrong.append("Ongeldige waarde: Topic")
    if sent.get("IsInstant"):  # GoodsDeliveries only [docs]
        wrong.append("Ongeldig: IsInstant")
    refuse_if(wrong)

    def checked() -> Answer:
        _check(url)
        row: Row = {"ID": str(uuid4()), "ClientID": sandbox.client_id, "UserID": USER_ID, "IsInstant": False, **sent}
        return created(sandbox, request, place, sandbox.write(place.division, "subscriptions", row))

    return Answer(unlocked=checked)


def delete_subscription(sandbox: Sandbox, place: Place, row: Row) -> None:
    """Tell this subscriber nothing any more."""
    sandbox.delete(place.division, "subscriptions", str(row["ID"]))


def _on_loopback(url: str) -> bool:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parts.scheme in ("http", "https") and parts.host in LOOPBACK


def _client() -> httpx.Client:
    """Past any proxy of the environment, without following redirects; nobody has a proven certificate for loopback."""
    return httpx.Client(timeout=_SECONDS, trust_env=False, verify=False)


def _check(url: str) -> None:
    """500 unless an empty POST is answered with 200."""
    said = "500 An error occurred while sending the request."
    with _client() as http, suppress(httpx.HTTPError), http.stream("POST", url) as answer:
        if answer.status_code == 200:
            return
        said = f"{answer.status_code} {answer.reason_phrase}"
    raise invalid(f"Invalid: Post to callback URL endpoint returns {said}")


def signed(content: str, secret: str) -> bytes:
    """A notice around the raw text of its Content [clients].

    >>> signed('{"Topic":"Accounts"}', "geheim").startswith(b'{"Content":{"Topic":"Accounts"},"HashCode":"')
    True
    """
    code = hmac.new(secret.encode(), content.encode(), "sha256").hexdigest().upper()
    return f'{{"Content":{content},"HashCode":"{code}"}}'.encode()


@dataclass(order=True, frozen=True, slots=True)
class _Notice:
    """Ordered by when it is due, on the monotonic clock, then as it came."""

    due: float
    place: int
    url: str = field(compare=False)
    body: bytes = field(compare=False)


class Notifier:
    """Tells subscribers of changes, from a thread of its own."""

    def __init__(self, sandbox: Sandbox, base_url: str) -> None:
        self._sandbox = sandbox
        self._base_url = base_url
        self._places = count()
        self._notices: list[_Notice] = []
        self._news = Condition()
        self._stopped = False
        self._thread = Thread(target=self._serve, daemon=True, name="sandbox-webhooks")

    def start(self) -> None:
        """Send from now on what `changed` is told."""
        self._thread.start()
        self._sandbox.on_change = self.changed

    def stop(self) -> None:
        """Drop what was not sent yet."""
        self._sandbox.on_change = None
        with self._news:
            self._stopped = True
            self._news.notify()
        self._thread.join(_STOP_SECONDS)

    def changed(self, change: Change) -> None:
        """Queue a notice for each subscriber to the topic of a change. Called with the sandbox's lock held."""
        topic, endpoint = TOPICS.get(change.table, ("", ""))
        faults = self._sandbox.faults
        for row in self._sandbox.stores[change.division].rows("subscriptions"):
            if row["Topic"] != topic:
                continue
            where = f"{self._base_url}/api/v1/{change.division}/{endpoint}(guid'{change.key}')"
            content = {
                "Topic": topic, "ClientId": self._sandbox.client_id, "Division": change.division,
                "Action": change.action, "Key": change.key, "ExactOnlineEndpoint": where,
            }  # fmt: skip
            body = signed(json.dumps(content, separators=(",", ":")), self._sandbox.webhook_secret)
            late = faults.find("webhook-late")
            due = time.monotonic() + (late.seconds if late is not None else 0.0)
            with self._news:
                for _ in range(2 if faults.strikes("webhook-twice") else 1):
                    heappush(self._notices, _Notice(due, next(self._places), str(row["CallbackURL"]), body))
                self._news.notify()

    def _serve(self) -> None:
        with _client() as http:
            while (notice := self._next()) is not None:
                headers = {"Content-Type": "application/json"}
                with suppress(httpx.HTTPError):
                    http.post(notice.url, content=notice.body, headers=headers)

    def _next(self) -> _Notice | None:
        """The next notice when it is due; None when it is time to stop."""
        with self._news:
            while not self._stopped:
                wait = self._notices[0].due - time.monotonic() if self._notices else None
                if wait is not None and wait <= 0:
                    return heappop(self._notices)
                self._news.wait(wait)
        return None
