"""`audit kvk` and `doctor` with a key to the KVK register, on the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers.register import KEY, Register, serving

from .installation import Ended, Installation


@pytest.fixture
def register() -> Iterator[Register]:
    """A register that knows nobody."""
    with serving() as running:
        yield running


@pytest.fixture
def asking(synced: Installation, register: Register) -> Installation:
    """An installation with a key."""
    (synced.folder / "kvk.key").write_text(KEY + "\n", encoding="utf-8")
    synced.change("kvk", api_key_file="kvk.key", base_url=register.base_url)
    return synced


def statuses(ended: Ended) -> set[str]:
    return {finding["status"] for finding in ended.json["divisions"][0]["findings"]}


def test_audit_asks_once_and_says_what_it_costs(asking: Installation, register: Register) -> None:
    """The first audit asks and tells the price, the second one asks nothing; the key is never shown."""
    first = asking.run("audit", "kvk", "--format", "json")
    paid = len(register.paid)
    second = asking.run("audit", "kvk", "--format", "json")

    assert (first.code, second.code, len(register.paid)) == (0, 0, paid)
    assert f"asking for {paid} numbers (paid, about € {paid * 0.016:.2f})" in first.err
    assert "unknown_in_register" in statuses(first)
    assert first.json["divisions"][0]["findings"] == second.json["divisions"][0]["findings"]
    assert KEY not in first.out + first.err


def test_register_away_is_told_and_the_report_is_whole(asking: Installation, register: Register) -> None:
    """Without the register the report is as without a key, and exit 4 says that something is missing."""
    asking.change("kvk", base_url="http://127.0.0.1:9")
    away = asking.run("audit", "kvk", "--format", "json", "--all")
    asking.change("kvk", api_key_file="")

    without = asking.run("audit", "kvk", "--format", "json", "--all")

    assert (away.code, without.code) == (4, 0)
    assert away.json["divisions"][0]["findings"] == without.json["divisions"][0]["findings"]
    assert away.errors == ["the KVK register cannot be reached (ConnectError)"]
    assert register.calls == []


def test_half_an_answer_is_not_taken_for_the_whole(asking: Installation) -> None:
    """With --fail-on a register that is away still ends with 4, and nothing was paid."""
    asking.change("kvk", base_url="http://127.0.0.1:9")

    ended = asking.run("audit", "kvk", "--fail-on", "any")

    assert (ended.code, "0 paid calls" in ended.err) == (4, True)


def test_doctor_tries_the_key_for_free(asking: Installation, register: Register) -> None:
    """`doctor` says that the register takes the key, without a paid call; a wrong key is an error with exit 2."""
    good = asking.run("doctor", "--json")
    wrong = asking.run("doctor", "--json", env={"CONNECTOR_KVK_API_KEY": "something-else"})

    check = next(each for each in good.json["checks"] if each["name"] == "KVK register")
    assert (check["status"], register.paid) == ("ok", [])
    check = next(each for each in wrong.json["checks"] if each["name"] == "KVK register")
    assert (check["status"], wrong.code) == ("error", 2)
    assert "something-else" not in wrong.out + wrong.err
