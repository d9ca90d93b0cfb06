"""Writes: what is accepted, what is refused, and what happens besides."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from connector.exact_sandbox import SandboxServer
from connector.exact_sandbox.people import Kind
from connector.exact_sandbox.rows import Row
from connector.exact_sandbox.store import newest

from .helpers import DIVISION, Client


def card_id(server: SandboxServer, kind: Kind) -> str:
    """The id of the first customer of a kind."""
    return next(card.id for card in server.state.world.divisions[0].customers if card.kind is kind)


def create(client: Client, account: str, **headers: str) -> dict[str, Any]:
    body = {"Account": account, "FirstName": "InvoiceSharing", "LastName": "Email", "Email": "key@uploads.is"}
    answer = client.send("POST", "crm/Contacts", body, **headers)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()["d"]
    return created


def test_post_answers_the_key_only(client: Client) -> None:
    """A new contact comes back with its id and nothing else."""
    made = create(client, card_id(client.server, Kind.GOOD))

    assert made.pop("ID")
    made.pop("__metadata")
    assert set(made.values()) == {None}


def test_prefer_gives_the_representation(client: Client) -> None:
    """With the Prefer header the whole contact comes back, both mail fields equal."""
    made = create(client, card_id(client.server, Kind.GOOD), Prefer="return=representation")

    assert (made["FullName"], made["BusinessEmail"], made["Gender"]) == ("InvoiceSharing Email", "key@uploads.is", "O")


def test_put_is_204_and_partial(client: Client) -> None:
    """Only what was sent changes, and the answer is empty."""
    account = card_id(client.server, Kind.GOOD)
    before = client.get(f"crm/Accounts(guid'{account}')").json()["d"]

    answer = client.send("PUT", f"crm/Accounts(guid'{account}')", {"InvoicingMethod": 2, "InvoiceAttachmentType": 4097})

    after = client.get(f"crm/Accounts(guid'{account}')").json()["d"]
    assert (answer.status_code, answer.content) == (204, b"")
    assert {name for name in before if before[name] != after[name]} <= {
        "InvoicingMethod", "InvoiceAttachmentType", "Modified", "Modifier", "ModifierFullName",
    }  # fmt: skip
    assert (after["InvoicingMethod"], after["InvoiceAttachmentType"]) == (2, 4097)


def test_first_contact_becomes_main(client: Client) -> None:
    """On a card without contacts the new one is the main contact at once."""
    account = card_id(client.server, Kind.NO_CONTACT)

    made = create(client, account, Prefer="return=representation")

    assert made["IsMainContact"] is True
    assert client.get(f"crm/Accounts(guid'{account}')").json()["d"]["MainContact"] == made["ID"]


def test_second_contact_does_not(client: Client) -> None:
    """On a card with a contact the main contact stays."""
    made = create(client, card_id(client.server, Kind.GOOD), Prefer="return=representation")

    assert made["IsMainContact"] is False


def test_main_contact_is_put_on_the_account(client: Client) -> None:
    """MainContact is writable on the account and may be emptied."""
    account = card_id(client.server, Kind.NO_CONTACT)
    made = create(client, account)

    answer = client.send("PUT", f"crm/Accounts(guid'{account}')", {"MainContact": None})

    assert answer.status_code == 204
    assert client.get(f"crm/Contacts(guid'{made['ID']}')").json()["d"]["IsMainContact"] is False


def test_is_main_contact_is_ignored(client: Client) -> None:
    """A read-only field is swallowed without effect."""
    made = create(client, card_id(client.server, Kind.GOOD))

    answer = client.send("PUT", f"crm/Contacts(guid'{made['ID']}')", {"IsMainContact": True})

    assert answer.status_code == 204
    assert client.get(f"crm/Contacts(guid'{made['ID']}')").json()["d"]["IsMainContact"] is False


def test_delete_is_logged(client: Client) -> None:
    """A deleted contact is gone and stands in sync/Deleted as type 5."""
    made = create(client, card_id(client.server, Kind.GOOD))

    answer = client.send("DELETE", f"crm/Contacts(guid'{made['ID']}')")

    log = client.rows("sync/Deleted", filter="Timestamp gt 1")
    assert answer.status_code == 204
    assert client.get(f"crm/Contacts(guid'{made['ID']}')").status_code == 404
    assert [(row["EntityType"], row["EntityKey"]) for row in log] == [(5, made["ID"])]


def test_write_moves_the_row_to_the_end_of_its_stream(client: Client) -> None:
    """A change gives the highest version, so that the next sync finds just that row."""
    seen = newest(client.server.state.accounts(DIVISION))
    account = card_id(client.server, Kind.GOOD)
    client.send("PUT", f"crm/Accounts(guid'{account}')", {"Phone": "085-5551111"})

    rows = client.rows("sync/CRM/Accounts", filter=f"Timestamp gt {seen}L", select="ID")

    assert [row["ID"] for row in rows] == [account]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"LastName": "X"}, "Verplicht: Relatie"),
        ({"Account": "GOOD"}, "Verplicht: Achternaam"),
        ({"Account": "00000000-0000-0000-0000-000000000000", "LastName": "X"}, "Ongeldige referentie: Relatie"),
        ({}, "Verplicht: Relatie\r\nVerplicht: Achternaam"),
    ],
)
def test_contact_rules_answer_500(client: Client, body: dict[str, str], text: str) -> None:
    """What is missing is named in Dutch in a 500 with the error JSON; several are joined by CRLF."""
    if body.get("Account") == "GOOD":
        body = {**body, "Account": card_id(client.server, Kind.GOOD)}

    answer = client.send("POST", "crm/Contacts", body)

    assert (answer.status_code, answer.json()["error"]["message"]["value"]) == (500, text)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"InvoiceAttachmentType": 4097}, 204),
        ({"InvoiceAttachmentType": 8}, 500),
        ({"InvoicingMethod": 3}, 500),
        ({"Name": ""}, 500),
        ({"MainContact": "00000000-0000-0000-0000-000000000000"}, 500),
        ({"Nonsense": 1}, 400),
        ({"InvoicingMethod": "2"}, 400),
        ([1], 400),
    ],
)
def test_account_rules(client: Client, body: Any, status: int) -> None:
    """Business rules are 500, malformed bodies 400."""
    account = card_id(client.server, Kind.GOOD)

    assert client.send("PUT", f"crm/Accounts(guid'{account}')", body).status_code == status


def test_methods_are_limited(client: Client) -> None:
    """What an endpoint does not offer is a 405."""
    account = card_id(client.server, Kind.GOOD)

    assert client.send("DELETE", f"crm/Accounts(guid'{account}')").status_code == 405
    assert client.send("PATCH", f"crm/Accounts(guid'{account}')", {}).status_code == 405


class Unread(dict[str, Row]):
    """A table that may be asked for a key, and not be gone through."""

    def values(self) -> NoReturn:
        raise AssertionError("went through all rows")


def test_new_contact_is_placed_without_reading_the_others(client: Client) -> None:
    """The next HID and whether it is the first on its card are known without going through all contacts."""
    tables = client.server.state.stores[DIVISION].tables
    highest = max(int(str(row["HID"])) for row in tables["contacts"].values())
    tables["contacts"] = Unread(tables["contacts"])

    made = create(client, card_id(client.server, Kind.NO_CONTACT), Prefer="return=representation")

    assert (made["HID"], made["IsMainContact"]) == (highest + 1, True)


def test_contact_that_moves_leaves_its_card(client: Client) -> None:
    """After its only contact went to another card, or was deleted, a card's next contact is its main one again."""
    account, other = card_id(client.server, Kind.NO_CONTACT), card_id(client.server, Kind.GOOD)
    client.send("PUT", f"crm/Contacts(guid'{create(client, account)['ID']}')", {"Account": other})
    client.send("PUT", f"crm/Accounts(guid'{account}')", {"MainContact": None})
    second = create(client, account, Prefer="return=representation")
    client.send("DELETE", f"crm/Contacts(guid'{second['ID']}')")

    third = create(client, account, Prefer="return=representation")

    assert (second["IsMainContact"], third["IsMainContact"]) == (True, True)
