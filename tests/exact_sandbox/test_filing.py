"""Documents and attachments that are sent, the functions, and the log of deletions."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer

from .helpers import DIVISION, TODAY, Client, Clock


def file_document(client: Client, **fields: Any) -> dict[str, Any]:
    answer = client.send("POST", "documents/Documents", {"Subject": "Inkoopfactuur 7", "Type": 20, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["d"]
    return made


def attach(client: Client, document: str, name: str, content: str) -> httpx.Response:
    body = {"Document": document, "FileName": name, "Attachment": content}
    return client.send("POST", "documents/DocumentAttachments", body)


def test_document_is_filed(client: Client) -> None:
    """It answers with nearly the whole entity, and stands in list and stream."""
    account = client.server.state.account(DIVISION, 7)

    made = file_document(client, Account=account["ID"], DocumentDate="2026-10-31")

    streamed = client.rows("sync/Documents/Documents", filter="Timestamp gt 1", select="ID,Subject,Type")[-1]
    assert (made["AccountName"], made["TypeDescription"]) == (account["Name"], "Inkoopfactuur")
    assert (streamed["ID"], streamed["Subject"], streamed["Type"]) == (made["ID"], "Inkoopfactuur 7", 20)


def test_attachment_comes_back_as_it_was(client: Client) -> None:
    """The bytes of the base64 are what a download gives; the read shows name and size, never the bytes."""
    content = b"<Invoice/>\r\n\x00\xff"

    answer = attach(client, file_document(client)["ID"], "7.xml", base64.b64encode(content).decode())

    made = answer.json()["d"]
    assert (answer.status_code, made["FileName"], made["FileSize"], made["Attachment"]) == (201, "7.xml", 14, None)
    assert client.http.get(made["Url"] + "&Download=1").content == content


def test_bad_base64_is_a_400(client: Client) -> None:
    """The text names property and type."""
    answer = attach(client, file_document(client)["ID"], "7.xml", "%%eA==")

    assert answer.status_code == 400
    assert "property 'Attachment' to type 'Byte[]'" in answer.json()["error"]["message"]["value"]


@pytest.mark.parametrize(
    ("endpoint", "body", "text"),
    [
        ("documents/Documents", {}, "Verplicht: Onderwerp\r\nVerplicht: Type"),
        ("documents/Documents", {"Subject": "X", "Type": 9999}, "Ongeldige referentie: Type"),
        (
            "documents/Documents",
            {"Subject": "X", "Type": 20, "Account": "00000000-0000-0000-0000-000000000000"},
            "Ongeldige referentie: Relatie",
        ),
        (
            "documents/DocumentAttachments",
            {"FileName": "x", "Attachment": "eA==", "Document": "00000000-0000-0000-0000-000000000000"},
            "Ongeldige referentie: Document",
        ),
        ("documents/DocumentAttachments", {"FileName": "x", "Attachment": "eA=="}, "Verplicht: Document"),
    ],
)
def test_rules_of_filing(client: Client, endpoint: str, body: dict[str, Any], text: str) -> None:
    """What is missing or refers to nothing is named in a 500."""
    answer = client.send("POST", endpoint, body)

    assert (answer.status_code, answer.json()["error"]["message"]["value"]) == (500, text)


def test_types_of_documents(client: Client) -> None:
    """Those that are publicly known."""
    rows = client.rows("documents/DocumentTypes", select="ID,DocumentIsCreatable")

    assert {row["ID"] for row in rows} == {10, 20, 55}


def test_filed_bytes_survive(tmp_path: Path, clock: Clock) -> None:
    """A kept sandbox gives them back after it was stopped."""
    options = SandboxOptions(today=TODAY, clock=clock, database=tmp_path / "sandbox.db")
    with SandboxServer(options) as server:
        client = Client(server)
        attach(client, file_document(client)["ID"], "7.xml", base64.b64encode(b"<Invoice/>").decode())
        headers = dict(client.http.headers)
        client.http.close()
    with SandboxServer(options) as again:
        where = f"{again.base_url}/api/v1/{DIVISION}/documents/DocumentAttachments?$filter=FileName eq '7.xml'"
        row = httpx.get(where, headers=headers).json()["d"]["results"][0]
        content = httpx.get(row["Url"] + "&Download=1", headers=headers).content

    assert content == b"<Invoice/>"


def ask_rights(client: Client, endpoint: str, action: str) -> bool:
    where = f"/api/v1/{DIVISION}/users/UserHasRights?endpoint='{endpoint}'&action='{action}'"
    answer: bool = client.http.get(where).json()["d"]["UserHasRights"]
    return answer


def test_rights_of_the_user(client: Client) -> None:
    """The user may do what an endpoint offers, until a fault refuses it."""
    before = ask_rights(client, "crm/Contacts", "POST"), ask_rights(client, "crm/BankAccounts", "POST")
    client.server.state.faults.on("refuse:403:POST:crm/Contacts")

    after = ask_rights(client, "crm/Contacts", "POST"), ask_rights(client, "crm/Contacts", "GET")

    assert (before, after) == ((True, False), (False, True))


def sync_timestamp(client: Client, endpoint: str, moment: str) -> httpx.Response:
    where = f"/api/v1/{DIVISION}/read/sync/Sync/SyncTimestamp?modified=datetime'{moment}'&endPoint='{endpoint}'"
    return client.http.get(where)


def test_timestamp_of_a_moment(client: Client, clock: Clock) -> None:
    """From the Timestamp of a moment on, the stream has just what was changed since."""
    client.server.state.ui_change_account(DIVISION, 7, Phone="085-5550000")
    clock.forward(minutes=5)
    changed = client.server.state.ui_change_account(DIVISION, 9, Phone="085-5550000")

    found = sync_timestamp(client, "Accounts", "2026-11-02T13:02:00").json()["d"]["results"][0]  # 12:02 UTC
    rows = client.rows("sync/CRM/Accounts", filter=f"Timestamp gt {found['TimeStampAsBigInt']}", select="ID")

    assert (found["API"], [row["ID"] for row in rows]) == ("Accounts", [changed["ID"]])


def test_timestamp_of_nothing(client: Client) -> None:
    """An unknown endpoint and a bad literal are refused."""
    assert sync_timestamp(client, "Nothing", "2026-11-02T13:30:00").status_code == 400
    assert sync_timestamp(client, "Accounts", "yesterday").status_code == 400


def test_deletions_are_kept_for_two_months(client: Client, clock: Clock) -> None:
    """A deletion of 60 days ago still stands in the log, one of 62 days does not."""
    first, second = (row["ID"] for row in client.server.state.contacts(DIVISION)[:2])
    client.server.state.ui_delete(DIVISION, "contacts", str(first))
    clock.forward(days=2)
    client.server.state.ui_delete(DIVISION, "contacts", str(second))
    clock.forward(days=60)
    client.exchange(client.code())

    log = client.rows("sync/Deleted", filter="Timestamp gt 1", select="EntityKey")

    assert [row["EntityKey"] for row in log] == [second]
