"""Killed at a random moment and started again, nothing happens twice and nothing is lost.

Rounds are seeded; SOAK_SEED repeats one, SOAK_ROUNDS=10 makes ten times as many. Only the connector is killed: the
sandbox and the mailbox live in the test's process and see what an undisturbed outside world would see.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector.exact_sandbox import Mailbox, SandboxOptions, SandboxServer
from connector.exact_sandbox.expectations import setup

from .installation import DIVISION, SPEED, Ended, Installation, delivered, mailed_numbers, running, wait_until

pytestmark = pytest.mark.soak
ROUNDS = 3 * int(os.environ.get("SOAK_ROUNDS", "1"))
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1_000_000))
MOST_STARTS = 5
LATEST_SECONDS = {"setup": 0.02, "run": 0.004}
"""So long after an effect its outcome may not be recorded yet: the most dangerous moments. A contact counts when it is
asked for, a mail when it is stored."""

APPLY = ("setup", "apply", "--yes", "--json")
PASS = ("run", "--once", "--json")


@pytest.fixture
def exact() -> Iterator[SandboxServer]:
    """Every kind of customer occurs among 40."""
    with SandboxServer(SandboxOptions(speed=SPEED)) as server:
        yield server


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Chance, told on failure so that it can be repeated."""
    print(f"to repeat: SOAK_SEED={SEED} pytest '{request.node.nodeid}'")  # noqa: T201
    return random.Random(f"{SEED} {request.node.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a command does undisturbed, from its first request on."""

    seconds: float
    effects: int


@pytest.fixture(scope="session")
def work(once: Callable[[str, Callable[[Path], None]], Path]) -> dict[str, Work]:
    """The work of each command, by its first word."""

    def make(folder: Path) -> None:
        measured = {}
        with SandboxServer(SandboxOptions(speed=SPEED)) as server, Mailbox(folder / "mails") as mailbox:
            installation = Installation(folder / "office", server, mailbox)
            installation.make_database()
            installation.connect()
            for command in (PASS, APPLY):
                with at_work(installation, command) as process:
                    begun, before = time.monotonic(), effects(installation, command)
                    assert process.wait(120) == 0
                    seconds = time.monotonic() - begun
                measured[command[0]] = {"seconds": seconds, "effects": effects(installation, command) - before}
        (folder / "work.json").write_text(json.dumps(measured))

    found = json.loads((once("work", make) / "work.json").read_text())
    return {command: Work(**facts) for command, facts in found.items()}


def effects(installation: Installation, command: tuple[str, ...]) -> int:
    """How often the outside world was changed so far: mails stored, or contacts asked for."""
    if command is PASS:
        return sum(1 for _ in (installation.mailbox.folder / "new").iterdir())
    return installation.server.calls(DIVISION, "POST", "crm/Contacts")


@contextmanager
def at_work(installation: Installation, command: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
    """A started command that has asked Exact for something, or has ended."""
    server = installation.server
    before = server.calls_total
    with running(*command, folder=installation.folder) as process:
        wait_until(lambda: server.calls_total > before or process.poll() is not None, what="the first request")
        yield process


def disturb(installation: Installation, command: tuple[str, ...], work: Work, dice: random.Random) -> Ended:
    """Kill the command twice, at any moment and right after an effect, then start it until it ends well."""
    for right_after_an_effect in dice.sample([False, True], 2):
        with at_work(installation, command) as process:
            if right_after_an_effect:
                left = max(1, work.effects - effects(installation, command))
                wanted = effects(installation, command) + dice.randint(1, left)
                while effects(installation, command) < wanted and process.poll() is None:
                    time.sleep(0.001)
                time.sleep(dice.uniform(0, LATEST_SECONDS[command[0]]))
            else:
                time.sleep(dice.uniform(0, work.seconds))
            process.kill()
    for _ in range(MOST_STARTS):
        ended = installation.run(*command)
        if ended.code == 0:
            return ended
    raise AssertionError(f"it does not end well any more: {ended}")


def contacts_of_ours(installation: Installation) -> dict[str, int]:
    """By customer code, how many contacts with the upload address Exact holds."""
    state, address = installation.server.state, installation.world.upload_address(DIVISION)
    owners = Counter(row["Account"] for row in state.contacts(DIVISION) if row["Email"] == address)
    return {str(row["Code"]): owners[row["ID"]] for row in state.accounts(DIVISION)}


def main_contacts(installation: Installation) -> dict[str, Any]:
    return {str(row["Code"]): row["MainContact"] for row in installation.server.state.accounts(DIVISION)}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_setup_is_resumed_without_a_second_contact(
    synced: Installation, work: dict[str, Work], dice: random.Random, number: int
) -> None:
    """After kills Exact holds what an undisturbed set-up makes: one contact each, main contacts as before, no plan."""
    wanted = contacts_of_ours(synced) | {
        code: 1 for code, one in setup(synced.world, DIVISION).items() if one.skipped is None
    }
    main_before = main_contacts(synced)

    disturb(synced, APPLY, work["setup"], dice)

    assert contacts_of_ours(synced) == wanted
    assert main_contacts(synced) == main_before
    assert synced.run("setup", "plan", "--json").json["changes"] == []


@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_pass_is_resumed_without_a_second_mail(
    connected: Installation, work: dict[str, Work], dice: random.Random, number: int
) -> None:
    """After kills every deliverable invoice was mailed once, or is held as uncertain and was mailed at most once."""
    disturb(connected, PASS, work["run"], dice)

    stored = {int(entry["number"]): entry for entry in connected.run("invoices", "list", "--json").json}
    uncertain = {number for number, entry in stored.items() if entry["reason"] == "delivery_uncertain"}
    mails = connected.mailbox.messages()
    mailed = mailed_numbers(mails)
    assert set(mailed) | uncertain == delivered(connected.expected())
    assert {number for number, times in mailed.items() if times > 1} == set()
    assert {number for number in mailed if stored[number]["state"] != "delivered"} <= uncertain
    assert len({mail.message["Message-ID"] for mail in mails}) == len(mails)
