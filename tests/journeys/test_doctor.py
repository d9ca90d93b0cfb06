"""`doctor` on a healthy installation, on one that lacks rights, and on one whose calls are spent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer

from .installation import DIVISION, SPEED, Installation


@pytest.fixture
def exact() -> Iterator[SandboxServer]:
    """A small world with limits."""
    with SandboxServer(SandboxOptions(customers=3, invoices=1, speed=SPEED)) as server:
        yield server


def checks(installation: Installation, code: int, *words: str) -> dict[str, list[dict[str, Any]]]:
    """What doctor says, by the name of what it looked at; it has to end with `code`."""
    ended = installation.run(*words, "doctor", "--json")
    assert ended.code == code, ended
    found: dict[str, list[dict[str, Any]]] = {}
    for check in ended.json["checks"]:
        found.setdefault(check["name"], []).append(check)
    return found


def test_healthy_installation(synced: Installation) -> None:
    """Nothing is wrong: exit 0, and every check says so."""
    found = checks(synced, 0)

    assert {check["status"] for each in found.values() for check in each} == {"ok"}
    assert {"settings", "database", "Exact", "mail", f"rights {DIVISION}", f"limits {DIVISION}"} <= found.keys()


def test_upload_address_of_another_host_is_a_warning(synced: Installation) -> None:
    """Every invoice would go to whoever has that address."""
    synced.change("setup", upload_address="someone@post.example")

    found = checks(synced, 0)[f"division {DIVISION}"]

    assert [check["status"] for check in found if "someone@post.example" in check["message"]] == ["warning"]


def test_missing_right_is_named_with_its_scope(synced: Installation, exact: SandboxServer) -> None:
    """A right that the user lacks is an error, exit 3, with the verb, what it is for, and the scope of the app."""
    exact.state.faults.on("refuse:403:PUT:crm/Accounts")

    found = checks(synced, 3)[f"rights {DIVISION}"]

    assert [check["status"] for check in found] == ["error"]
    assert "PUT crm/Accounts" in found[0]["message"]
    assert "Crm accounts" in found[0]["remedy"]


def test_remedy_is_dutch_on_request(synced: Installation, exact: SandboxServer) -> None:
    """With --lang nl what helps against a missing right is said in Dutch."""
    exact.state.faults.on("refuse:403:PUT:crm/Accounts")

    dutch = checks(synced, 3, "--lang", "nl")[f"rights {DIVISION}"]
    english = checks(synced, 3)[f"rights {DIVISION}"]

    assert dutch[0]["remedy"].startswith("Geef de gebruiker dit recht in Exact")
    assert english[0]["remedy"].startswith("Give the user this right in Exact")


def test_asking_about_rights_costs_no_error(synced: Installation, exact: SandboxServer) -> None:
    """However much is refused, Exact counts no error: the question itself is answered."""
    exact.state.faults.on("refuse:403:crm/Accounts,refuse:403:crm/Contacts,refuse:403:documents/Documents")
    exact.reset_calls()

    checks(synced, 3)

    assert exact.calls(DIVISION, "GET", "users/UserHasRights") == 11
    assert exact.refusals(403) == 0


def test_rights_are_asked_once_a_day(synced: Installation, exact: SandboxServer) -> None:
    """What the user may do is not asked again on the same day; what is missing is."""
    exact.state.faults.on("refuse:403:PUT:crm/Accounts")
    checks(synced, 3)
    exact.reset_calls()
    exact.state.faults.off()

    checks(synced, 0)
    checks(synced, 0)

    assert exact.calls(DIVISION, "GET", "users/UserHasRights") == 1


def test_rights_that_cannot_be_asked(synced: Installation, exact: SandboxServer) -> None:
    """Where Exact refuses the question itself doctor warns after one call, and goes on."""
    exact.state.faults.on("refuse:403:users/UserHasRights")
    exact.reset_calls()

    found = checks(synced, 0)[f"rights {DIVISION}"]

    assert [check["status"] for check in found] == ["warning"]
    assert "Organization administration" in found[0]["remedy"]
    assert exact.refusals(403) == 1


def test_resting_endpoint_is_shown(synced: Installation, exact: SandboxServer) -> None:
    """What is left alone after five refusals stands in the list, with until when."""
    exact.state.faults.on("refuse:400:sync/CRM/Contacts")
    for _ in range(5):
        synced.run("sync")

    found = checks(synced, 0)[f"limits {DIVISION}"]

    resting = [check for check in found if check["status"] == "warning"]
    assert ["sync/CRM/Contacts" in check["message"] for check in resting] == [True]
