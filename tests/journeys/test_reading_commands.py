"""Commands that only read what is stored: sync's report, the audit, lists and shows. Exact is not there any more."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connector.exact_sandbox import Mailbox, SandboxOptions, SandboxServer, World, build_world, expectations

from .installation import DIVISION, HISTORY, SPEED, Ended, Installation, run_program


@pytest.fixture(scope="module")
def stored(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A folder with an installation that made one pass, and the output of its `sync` and `run --once`."""

    def make(folder: Path) -> None:
        with SandboxServer(SandboxOptions(speed=SPEED)) as server, Mailbox(folder / "mails") as mailbox:
            installation = Installation(folder / "office", server, mailbox)
            installation.make_database()
            installation.connect()
            for name, words in (("sync", ("sync", "--json")), ("pass", ("run", "--once", "--json"))):
                ended = installation.run(*words)
                assert ended.code == 0, ended.err
                (folder / f"{name}.json").write_text(ended.out, encoding="utf-8")
            (folder / "today").write_text(installation.world.today.isoformat())

    return once("stored", make)


@pytest.fixture(scope="module")
def world(stored: Path) -> World:
    return build_world(today=date.fromisoformat((stored / "today").read_text()))


@pytest.fixture(scope="module")
def statuses(world: World) -> dict[str, str]:
    """By customer code, the status that the world says the audit should find."""
    return expectations.audit(world, DIVISION)


@pytest.fixture(scope="module")
def listed(stored: Path) -> Any:
    return on(stored, "invoices", "list", "--json").json


def on(stored: Path, *words: str) -> Ended:
    return run_program(*words, folder=stored / "office")


def test_sync_counts_are_the_world_s(stored: Path, world: World) -> None:
    """`sync --json` counts what is in Exact, in the shape of interfaces.md."""
    report = json.loads((stored / "sync.json").read_text())["divisions"][0]
    facts = world.division(DIVISION)

    assert report.pop("api_calls") > 0
    assert report.pop("documents").keys() == {"fetched"}
    assert report == {
        "division": DIVISION,
        "customers": {"changed": len(facts.customers), "deleted": 0, "total": len(facts.customers)},
        "contacts": {"changed": (n := sum(len(card.contacts) for card in facts.customers)), "deleted": 0, "total": n},
        "invoices": {"changed": len(facts.invoices), "deleted": 0, "total": len(facts.invoices)},
        "notes": [],
        "troubles": [],
        "error": None,
    }


def test_second_sync_is_one_call_a_stream(stored: Path) -> None:
    """The pass after the sync found nothing changed and asked once for each of the six streams."""
    report = json.loads((stored / "pass.json").read_text())["sync"]["divisions"][0]

    assert (report["customers"]["changed"], report["invoices"]["changed"], report["api_calls"]) == (0, 0, 6)


def test_pass_counts_add_up(stored: Path) -> None:
    """received = duplicates + history + invalid + held + routed + failed."""
    report = json.loads((stored / "pass.json").read_text())
    parts = ("duplicates", "history", "invalid", "held", "routed", "failed")

    assert sum(report[part] for part in parts) == report["received"] > 0


def test_audit_json_is_the_world_s(stored: Path, world: World, statuses: dict[str, str]) -> None:
    """`audit kvk --format json` finds exactly who needs attention, and its summary is the world's."""
    report = on(stored, "audit", "kvk", "--format", "json").json["divisions"][0]

    assert {one["customer"]["code"]: one["status"] for one in report["findings"]} == {
        code: word for code, word in statuses.items() if word not in {"ok", "not_applicable"}
    }
    counts = expectations.audit_summary(statuses)
    assert {name: report["summary"][name] for name in counts} == counts


def test_audit_of_everybody_names_everybody(stored: Path, statuses: dict[str, str]) -> None:
    """With --all every audited customer is there with its status."""
    report = on(stored, "audit", "kvk", "--format", "json", "--all").json["divisions"][0]

    assert {one["customer"]["code"]: one["status"] for one in report["findings"]} == statuses


@pytest.mark.parametrize(
    ("words", "delimiter", "first"),
    [(("--lang", "en"), ",", "division"), ((), ";", "administratie"), (("--delimiter", "\t"), "\t", "administratie")],
)
def test_audit_csv_can_be_read_by_a_spreadsheet(
    stored: Path, statuses: dict[str, str], words: tuple[str, ...], delimiter: str, first: str
) -> None:
    """The csv has the columns of interfaces.md, one row a finding, and the delimiter that the language expects."""
    glob, local = (words, ()) if "--lang" in words else ((), words)
    ended = on(stored, *glob, "audit", "kvk", "--format", "csv", *local)

    rows = list(csv.DictReader(io.StringIO(ended.out.removeprefix("\ufeff")), delimiter=delimiter))

    assert len(rows[0]) == 14
    assert next(iter(rows[0])).lower() == first
    assert len(rows) == sum(word not in {"ok", "not_applicable"} for word in statuses.values())


def test_audit_csv_has_the_fixed_columns(stored: Path) -> None:
    """With --lang en the columns are those that `kvk fill` will take, in that order, `new_kvk` empty."""
    assert on(stored, "--lang", "en", "audit", "kvk", "--format", "csv", "--output", "kvk.csv").out == ""
    with (stored / "office" / "kvk.csv").open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)

    assert ",".join(reader.fieldnames or []) == (
        "division,customer_code,customer_name,country,postcode,city,kvk,status,detail,proposal,"
        "last_invoice_date,invoices_12m,amount_12m,new_kvk"
    )
    assert {row["new_kvk"] for row in rows} == {""}


def test_audit_table_names_who_needs_attention(stored: Path, world: World, statuses: dict[str, str]) -> None:
    """The table for people holds the name of every customer that needs attention."""
    table = on(stored, "audit", "kvk").out
    names = {str(card.code): card.name for card in world.division(DIVISION).customers}

    missing = [names[code] for code, word in statuses.items() if word not in {"ok", "not_applicable"}]

    assert [name for name in missing if name not in table] == []


def test_audit_fails_on_request(stored: Path) -> None:
    """--fail-on ends with 5 when there is something, so that a script can ask."""
    assert on(stored, "audit", "kvk", "--fail-on", "missing", "--format", "json").code == 5


def test_list_has_every_finished_invoice_with_its_outcome(listed: Any, world: World) -> None:
    """`invoices list --json` says of each invoice what the world expects."""
    words = {"deliver": "delivered", "hold": "held", "history": "history"}
    expected = expectations.invoices(world, DIVISION, start_date=world.today - HISTORY)

    assert {int(entry["number"]): (entry["state"], entry["reason"]) for entry in listed} == {
        number: (words[one.outcome], one.reason) for number, one in expected.items()
    }


def test_list_can_be_narrowed(stored: Path, listed: Any) -> None:
    """--state shows only what is in that state."""
    held = on(stored, "invoices", "list", "--state", "held", "--json").json

    assert held == [entry for entry in listed if entry["state"] == "held"] != []


def test_list_entry_has_the_shape_of_the_contract(listed: Any) -> None:
    """An entry has the keys of interfaces.md; a delivered one its delivery."""
    entry = next(entry for entry in listed if entry["state"] == "delivered")

    assert " ".join(entry).startswith(
        "id division origin number type issue_date seller buyer currency payable_amount state reason xml pdf"
    )
    assert [{**delivery, "address": ""} for delivery in entry["deliveries"]] == [
        {"channel": "email", "address": "", "state": "delivered", "attempts": 1, "last_error": None}
    ]


def test_show_tells_what_was_decided_and_why(stored: Path, listed: Any) -> None:
    """`invoices show --json` has the timeline of a held invoice, from its receipt to the decision with its reason."""
    held = next(entry for entry in listed if entry["reason"] == "without_kvk")

    shown = on(stored, "invoices", "show", held["id"], "--json").json

    assert [event["event"] for event in shown["timeline"]] == ["received", "decided.held"]
    assert shown["timeline"][-1]["facts"]["reason"] == "without_kvk"


def test_show_tells_people_the_remedy(stored: Path, listed: Any) -> None:
    """For people `invoices show` says state, reason and what helps, in their language."""
    held = next(entry for entry in listed if entry["reason"] == "without_kvk")

    shown = on(stored, "--lang", "nl", "invoices", "show", held["id"]).out

    assert "held (without_kvk)" in shown
    assert "KvK" in shown


def test_show_writes_a_page_of_what_the_invoice_says(stored: Path, listed: Any, tmp_path: Path) -> None:
    """--html writes a page, Dutch unless asked; an invoice without XML ends with 1 and leaves no file."""
    delivered = next(entry for entry in listed if entry["state"] == "delivered")
    history = next(entry for entry in listed if entry["state"] == "history")

    on(stored, "invoices", "show", delivered["id"], "--html", str(tmp_path / "a.html"))
    none = on(stored, "invoices", "show", history["id"], "--html", str(tmp_path / "b.html"))

    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Weergave van de e-factuur" in page
    assert f" {delivered['number']}</h1>" in page
    assert (none.code, "has no XML" in none.errors[0], (tmp_path / "b.html").exists()) == (1, True, False)


def test_unknown_invoice_is_said(stored: Path) -> None:
    """An id that nobody has ends with 1 and one sentence."""
    ended = on(stored, "invoices", "show", "inv_nobody")

    assert (ended.code, len(ended.errors), "inv_nobody" in ended.errors[0]) == (1, 1, True)


def test_lists_stay_apart_from_hints(stored: Path) -> None:
    """A list on stdout comes with nothing on stderr."""
    assert on(stored, "invoices", "list").err == ""


@pytest.mark.parametrize(
    ("numbers", "code", "statuses"),
    [
        (("69599084", "NL:KVK 6959.9084"), 0, ["ok", "ok"]),
        (("6959908", "n.v.t.", "NL001234567B01"), 5, ["malformed", "placeholder", "other_identifier"]),
    ],
)
def test_kvk_check_judges_numbers(tmp_path: Path, numbers: tuple[str, ...], code: int, statuses: list[str]) -> None:
    """`kvk check` ends with 5 when one of the numbers is not right."""
    ended = run_program("kvk", "check", *numbers, "--json", folder=tmp_path)

    assert (ended.code, [row["status"] for row in ended.json]) == (code, statuses)
