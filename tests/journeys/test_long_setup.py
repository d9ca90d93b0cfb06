"""One set-up of three hundred customers, killed over and over: one contact each, and the journal knows every one.

Rounds are seeded; SOAK_SEED repeats one, SOAK_ROUNDS=10 kills ten times as often.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer
from connector.exact_sandbox.expectations import setup
from connector.storage import journal

from .installation import DIVISION, SPEED, Installation, running

pytestmark = pytest.mark.soak
KILLS = 3 * int(os.environ.get("SOAK_ROUNDS", "1"))
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(1_000_000))
STARTS = 2
"""After the last kill: one that settles what was open and does the rest, one for what that skipped."""
CUSTOMERS = 300
LATEST_SECONDS = 0.02
"""So long after a contact was asked for its outcome may not be recorded yet: the most dangerous moments."""
APPLY = ("setup", "apply", "--yes", "--json")


@pytest.fixture
def exact() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxOptions(customers=CUSTOMERS, invoices=0, speed=SPEED)) as server:
        yield server


def asked_for(installation: Installation) -> int:
    return installation.server.calls(DIVISION, "POST", "crm/Contacts")


def ours(installation: Installation) -> dict[str, str]:
    """Every contact with the upload address in Exact, with its customer."""
    address = installation.world.upload_address(DIVISION)
    rows = installation.server.state.contacts(DIVISION)
    return {str(row["ID"]): str(row["Account"]) for row in rows if row["Email"] == address}


def test_one_long_apply_killed_again_and_again(synced: Installation) -> None:
    """However often it is killed: what was to change has one contact of ours, and the journal names each one made."""
    print(f"to repeat: SOAK_SEED={SEED} SOAK_ROUNDS={KILLS // 3}")  # noqa: T201
    dice = random.Random(SEED)
    before = {row["ID"] for row in synced.server.state.contacts(DIVISION)}
    expected = setup(synced.world, DIVISION)
    to_make = sum("create_contact" in one.actions for one in expected.values())

    for kill in range(KILLS):
        most = max(1, (to_make - asked_for(synced)) // (KILLS - kill))
        wanted = asked_for(synced) + dice.randint(1, most)
        with running(*APPLY, folder=synced.folder) as process:
            while asked_for(synced) < wanted and process.poll() is None:
                time.sleep(0.001)
            time.sleep(dice.uniform(0, LATEST_SECONDS))
            process.kill()
    codes = [synced.run(*APPLY).code for _ in range(STARTS)]

    made = {contact: owner for contact, owner in ours(synced).items() if contact not in before}
    assert codes[-1] == 0
    assert synced.run("setup", "plan", "--json").json["changes"] == []
    assert len(made) == to_make
    assert max(Counter(ours(synced).values()).values()) == 1
    with synced.wiring() as wiring, wiring.database.reading() as session:
        done = journal.undoable_steps(session, DIVISION)
        assert journal.open_steps(session, DIVISION) == ()
    assert {step.contact_id: step.customer_id for step in done if step.action == "create_contact"} == made
