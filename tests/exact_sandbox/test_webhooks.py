"""Webhooks: a subscription is checked, changes are told, and what is told can be trusted."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import httpx
import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer
from connector.exact_sandbox.people import Kind

from .helpers import DIVISION, TODAY, Client, Clock
from .test_writing import card_id, create

ENDPOINT = "webhooks/WebhookSubscriptions"
WAIT = 10


class Receiver:
    """What a program that subscribes runs: an HTTP server that keeps each body and answers as it is told."""

    def __init__(self) -> None:
        self.bodies: Queue[bytes] = Queue()
        self.status = 200
        self.before_answer: Callable[[], object] = lambda: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.bodies.put(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.before_answer()
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/exact/hook"

    def notice(self, secret: str) -> dict[str, Any]:
        """The Content of the next notice, once its signature is proven on the raw bytes."""
        body = self.bodies.get(timeout=WAIT)
        content, _, rest = body.removeprefix(b'{"Content":').rpartition(b',"HashCode":"')
        expected = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().upper()
        assert rest == expected.encode() + b'"}'
        found: dict[str, Any] = json.loads(content)
        return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    thread = Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    thread.join()


def subscribe(client: Client, receiver: Receiver, topic: str) -> dict[str, Any]:
    """A subscription, its check already taken out of the queue."""
    answer = client.send("POST", ENDPOINT, {"CallbackURL": receiver.url, "Topic": topic})
    assert answer.status_code == 201, answer.text
    assert receiver.bodies.get(timeout=WAIT) == b""
    made: dict[str, Any] = answer.json()["d"]
    return made


def told(client: Client, receiver: Receiver, times: int) -> list[tuple[str, str, str]]:
    """Topic, action and key of the next notices."""
    notices = (receiver.notice(client.server.webhook_secret) for _ in range(times))
    return [(notice["Topic"], notice["Action"], notice["Key"]) for notice in notices]


def test_subscription_is_listed_and_deleted(client: Client, receiver: Receiver) -> None:
    """It comes back with its id and our client's, stands in the list, and is gone after DELETE."""
    made = subscribe(client, receiver, "Accounts")
    listed = client.rows(ENDPOINT, select="ID,Topic,CallbackURL,ClientID")
    deleted = client.send("DELETE", f"{ENDPOINT}(guid'{made['ID']}')")

    assert [(row["ID"], row["Topic"], row["CallbackURL"], row["ClientID"]) for row in listed] == [
        (made["ID"], "Accounts", receiver.url, client.server.client_id)
    ]
    assert (deleted.status_code, client.rows(ENDPOINT)) == (204, [])


@pytest.mark.parametrize("status", [404, 503])
def test_address_has_to_answer_200(client: Client, receiver: Receiver, status: int) -> None:
    """Else there is no subscription, and a 500 says what it answered."""
    receiver.status = status

    answer = client.send("POST", ENDPOINT, {"CallbackURL": receiver.url, "Topic": "Accounts"})

    text = answer.json()["error"]["message"]["value"]
    assert (answer.status_code, client.rows(ENDPOINT)) == (500, [])
    assert text.startswith(f"Invalid: Post to callback URL endpoint returns {status} ")
    assert "X-RateLimit-Remaining" in answer.headers


def test_address_has_to_be_there(client: Client, receiver: Receiver) -> None:
    """Where nobody listens the text is that of Exact's own server."""
    receiver.server.server_close()

    answer = client.send("POST", ENDPOINT, {"CallbackURL": receiver.url, "Topic": "Accounts"})

    text = answer.json()["error"]["message"]["value"]
    assert text == "Invalid: Post to callback URL endpoint returns 500 An error occurred while sending the request."


def test_sandbox_serves_while_it_checks(client: Client, receiver: Receiver) -> None:
    """The program may call the sandbox before it answers the check: nothing is locked meanwhile."""
    seen: list[int] = []
    receiver.before_answer = lambda: seen.append(client.http.get("/api/v1/current/Me").status_code)

    subscribe(client, receiver, "Accounts")

    assert seen == [200]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Verplicht: CallbackURL\r\nVerplicht: Topic"),
        ({"CallbackURL": "https://elsewhere.example/hook", "Topic": "Accounts"}, "Ongeldig: CallbackURL"),
        ({"CallbackURL": "http://127.0.0.1@elsewhere.example/", "Topic": "Accounts"}, "Ongeldig: CallbackURL"),
        ({"CallbackURL": "ftp://127.0.0.1/hook", "Topic": "Accounts"}, "Ongeldig: CallbackURL"),
        ({"CallbackURL": "http://[::1/hook", "Topic": "Accounts"}, "Ongeldig: CallbackURL"),
        ({"CallbackURL": "http://127.0.0.1:9/hook", "Topic": "Weather"}, "Ongeldige waarde: Topic"),
        ({"CallbackURL": "http://127.0.0.1:9/", "Topic": "Accounts", "IsInstant": True}, "Ongeldig: IsInstant"),
    ],
)
def test_rules_of_subscribing(client: Client, fields: dict[str, Any], text: str) -> None:
    """Only addresses on this machine, and topics of what the sandbox holds."""
    answer = client.send("POST", ENDPOINT, fields)

    assert (answer.status_code, answer.json()["error"]["message"]["value"]) == (500, text)


def test_notice_names_the_change(client: Client, receiver: Receiver) -> None:
    """No data of the entity, but where to read it: the address in the notice gives the changed row."""
    subscribe(client, receiver, "Accounts")
    account = card_id(client.server, Kind.GOOD)
    client.send("PUT", f"crm/Accounts(guid'{account}')", {"Phone": "085-5551111"})

    notice = receiver.notice(client.server.webhook_secret)

    where = notice.pop("ExactOnlineEndpoint")
    assert client.http.get(where).json()["d"]["Phone"] == "085-5551111"
    assert notice == {
        "Topic": "Accounts", "ClientId": client.server.client_id, "Division": DIVISION, "Action": "Update",
        "Key": account,
    }  # fmt: skip


def test_create_and_delete_are_told(client: Client, receiver: Receiver) -> None:
    """A contact that comes and goes, and nothing of other topics."""
    subscribe(client, receiver, "Contacts")
    made = create(client, card_id(client.server, Kind.NO_CONTACT))["ID"]
    client.send("PUT", f"crm/Contacts(guid'{made}')", {"LastName": "Anders"})
    client.send("DELETE", f"crm/Contacts(guid'{made}')")

    notices = told(client, receiver, 3)

    assert notices == [("Contacts", action, made) for action in ("Create", "Update", "Delete")]


def test_screens_tell_too(client: Client, receiver: Receiver) -> None:
    """What a person does in Exact is told as what a program does."""
    for topic in ("Accounts", "Contacts", "SalesInvoices"):
        subscribe(client, receiver, topic)
    state = client.server.state
    contact = str(state.contacts(DIVISION)[0]["ID"])
    invoice = next(row for row in state.rows(DIVISION, "invoices") if row["InvoiceNumber"])

    state.ui_change_account(DIVISION, 7, Phone="085-5550000")
    state.ui_change_contact(DIVISION, contact, LastName="Anders")
    state.ui_change_invoice(DIVISION, int(str(invoice["InvoiceNumber"])), YourRef="PO-1")
    state.ui_delete(DIVISION, "contacts", contact)

    assert told(client, receiver, 4) == [
        ("Accounts", "Update", state.account(DIVISION, 7)["ID"]),
        ("Contacts", "Update", contact),
        ("SalesInvoices", "Update", invoice["InvoiceID"]),
        ("Contacts", "Delete", contact),
    ]


def test_printing_tells_of_all_it_does(client: Client, receiver: Receiver) -> None:
    """The invoice, its document and the file."""
    for topic in ("SalesInvoices", "Documents", "DocumentAttachments"):
        subscribe(client, receiver, topic)
    invoice = next(row for row in client.server.state.rows(DIVISION, "invoices") if row["Status"] == 20)

    client.send("POST", "salesinvoice/PrintedSalesInvoices", {"InvoiceID": invoice["InvoiceID"]})

    notices = told(client, receiver, 3)
    assert [notice[:2] for notice in notices] == [
        ("SalesInvoices", "Update"), ("Documents", "Create"), ("DocumentAttachments", "Create"),
    ]  # fmt: skip


def test_deleted_subscription_is_silent(client: Client, receiver: Receiver) -> None:
    """After DELETE only the other one is told."""
    first = subscribe(client, receiver, "Accounts")
    subscribe(client, receiver, "Contacts")
    client.send("DELETE", f"{ENDPOINT}(guid'{first['ID']}')")
    client.server.state.ui_change_account(DIVISION, 7, Phone="085-5550000")
    made = create(client, card_id(client.server, Kind.GOOD))["ID"]

    assert told(client, receiver, 1) == [("Contacts", "Create", made)]


def test_lost_notice_is_lost(client: Client, receiver: Receiver) -> None:
    """A notice that was answered with an error is not repeated, and the next one comes."""
    subscribe(client, receiver, "Accounts")
    receiver.status = 500
    for code in (7, 9):
        client.server.state.ui_change_account(DIVISION, code, Phone="085-5550000")

    keys = [client.server.state.account(DIVISION, code)["ID"] for code in (7, 9)]
    assert [notice[2] for notice in told(client, receiver, 2)] == keys


def test_notices_come_twice_on_order(client: Client, receiver: Receiver) -> None:
    """With `webhook-twice:2` every second one is a pair of the same bytes."""
    subscribe(client, receiver, "Accounts")
    client.server.state.faults.on("webhook-twice:2")
    for code in (7, 9):
        client.server.state.ui_change_account(DIVISION, code, Phone="085-5550000")

    bodies = [receiver.bodies.get(timeout=WAIT) for _ in range(3)]

    assert bodies[1] == bodies[2] != bodies[0]


def test_notices_come_late_on_order(client: Client, receiver: Receiver) -> None:
    """A notice that is late is overtaken by the one of a later change."""
    subscribe(client, receiver, "Accounts")
    client.server.state.faults.on("webhook-late:1")
    late = client.server.state.ui_change_account(DIVISION, 7, Phone="085-5550000")["ID"]
    client.server.state.faults.off()
    soon = client.server.state.ui_change_account(DIVISION, 9, Phone="085-5550000")["ID"]

    assert [notice[2] for notice in told(client, receiver, 2)] == [soon, late]


def test_subscriptions_survive(tmp_path: Path, clock: Clock, receiver: Receiver) -> None:
    """A kept sandbox goes on telling after it was stopped."""
    options = SandboxOptions(today=TODAY, clock=clock, database=tmp_path / "sandbox.db")
    with SandboxServer(options) as server:
        client = Client(server)
        subscribe(client, receiver, "Accounts")
        client.http.close()
    with SandboxServer(options) as again:
        again.state.ui_change_account(DIVISION, 7, Phone="085-5550000")
        notice = receiver.notice(again.webhook_secret)

    assert notice["Action"] == "Update"


def test_subscribing_needs_a_token(client: Client, receiver: Receiver) -> None:
    """Nothing is sent on the word of somebody without one."""
    where = f"{client.server.base_url}/api/v1/{DIVISION}/{ENDPOINT}"

    answer = httpx.post(where, json={"CallbackURL": receiver.url, "Topic": "Accounts"})

    assert (answer.status_code, receiver.bodies.empty()) == (401, True)
