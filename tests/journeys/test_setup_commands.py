"""`setup plan`, `apply`, `status`, `undo` and `learn` on every kind of customer, held against the world's facts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connector.exact_sandbox import Mailbox, SandboxOptions, SandboxServer, expectations
from connector.usecases.ownership import Lease

from .installation import DIVISION, SPEED, Installation


@pytest.fixture
def exact(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    """Every kind of customer occurs among 40; minutes are short unless a test gives another speed."""
    with SandboxServer(SandboxOptions(invoices=3, speed=getattr(request, "param", SPEED))) as server:
        yield server


@pytest.fixture
def planned(synced: Installation) -> dict[str, expectations.ExpectedSetup]:
    """By customer code, what the world says the plan should hold."""
    return expectations.setup(synced.world, DIVISION)


def code_to_invoice_by_mail(planned: dict[str, expectations.ExpectedSetup]) -> str:
    """The first customer whose invoicing method the set-up changes."""
    return next(code for code, one in planned.items() if "set_invoicing" in one.actions)


def cards(installation: Installation) -> dict[str, Any]:
    """What Exact holds of customers and contacts, without versions and dates of change."""
    state = installation.server.state
    own = ("ID", "Code", "InvoicingMethod", "InvoiceAttachmentType", "ChamberOfCommerce", "MainContact")
    accounts = {row["ID"]: [row[name] for name in own] for row in state.accounts(DIVISION)}
    contacts = {row["ID"]: [row["Account"], row["Email"], row["FirstName"]] for row in state.contacts(DIVISION)}
    return {"accounts": accounts, "contacts": contacts}


def test_plan_is_what_the_world_needs(synced: Installation, planned: dict[str, expectations.ExpectedSetup]) -> None:
    """`setup plan --json` holds for each customer the world's changes in order, or its reason to be left alone."""
    plan = synced.run("setup", "plan", "--json").json

    changes: dict[str, list[str]] = {}
    for change in plan["changes"]:
        changes.setdefault(change["customer"]["code"], []).append(change["action"])
    assert changes == {code: list(one.actions) for code, one in planned.items() if one.actions}
    assert {skip["customer"]["code"]: skip["reason"] for skip in plan["skipped"]} == {
        code: one.skipped for code, one in planned.items() if one.skipped
    }
    assert plan["summary"] | {"api_calls_needed": 0} == expectations.setup_summary(planned) | {"api_calls_needed": 0}


def test_overridden_plan_is_what_the_world_needs(synced: Installation) -> None:
    """With --override the customers with that conflict are changed too."""
    overridden = expectations.setup(synced.world, DIVISION, overrides={"uses_peppol", "uses_postbox"})

    plan = synced.run("setup", "plan", "--override", "uses_peppol", "--override", "uses_postbox", "--json").json

    assert {change["customer"]["code"] for change in plan["changes"]} == {
        code for code, one in overridden.items() if one.actions
    }


def test_plan_asks_exact_nothing(synced: Installation, exact: SandboxServer) -> None:
    """A plan reads the database only; --check ends with 5 when something would change."""
    exact.reset_calls()

    ended = synced.run("setup", "plan", "--check")

    assert (ended.code, exact.calls_total) == (5, 0)


@pytest.mark.parametrize("exact", [1.0], indirect=True, ids=["real minutes"])
def test_plan_says_when_it_would_be_done(synced: Installation, exact: SandboxServer) -> None:
    """More calls than this minute still has, and fewer than two have, are done a second into the next clock minute."""
    before = time.time()

    plan = synced.run("setup", "plan", "--json").json

    assert 60 < plan["summary"]["api_calls_needed"] <= 120 - exact.calls_total
    ready = datetime.fromisoformat(plan["ready_at"]).timestamp()
    assert ready in {(int(moment) // 60 + 1) * 60 + 1 for moment in (before, time.time())}


def test_saved_plan_is_applied(synced: Installation, planned: dict[str, expectations.ExpectedSetup]) -> None:
    """`apply FILE` makes exactly the planned changes, and says so in the words of interfaces.md."""
    plan = synced.run("setup", "plan", "--out", "plan.json", "--json").json

    report = synced.run("setup", "apply", "plan.json", "--yes", "--json").json

    assert json.loads((synced.folder / "plan.json").read_text())["version"] == 1
    assert isinstance(report.pop("run"), str)
    assert report.pop("api_calls") >= len(plan["changes"])
    assert report == {
        "division": DIVISION,
        "applied": len(plan["changes"]),
        "already_so": 0,
        "skipped": [],
        "failed": [],
        "remaining": 0,
    }
    assert synced.run("setup", "plan", "--check", "--json").json["changes"] == []


@pytest.mark.parametrize(("divisions", "code"), [([], 1), (["--division", str(DIVISION)], 2)])
def test_plan_of_another_division_is_refused(synced: Installation, divisions: list[str], code: int) -> None:
    """A plan file that was made for another division does nothing here, and says so."""
    file = synced.folder / "plan.json"
    synced.run("setup", "plan", "--out", file)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f'"division": {DIVISION}', '"division": 999'), encoding="utf-8")

    ended = synced.run("setup", "apply", file, "--yes", *divisions)

    assert ended.code == code
    assert ended.errors != []
    assert synced.server.calls(DIVISION, "POST") == synced.server.calls(DIVISION, "PUT") == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        ("folder", "cannot be read: Is a directory"),
        ("{", "not JSON"),
        ("[" * 200_000, "not JSON"),
        ("[]", "not an object"),
        ('{"version": 1, "plans": [{"division": 999, "changes": []}]}', "summary is missing"),
    ],
    ids=["missing", "folder", "broken", "deep", "list", "half"],
)
def test_file_that_is_no_plan(synced: Installation, content: str | None, said: str) -> None:
    """What is no plan file is refused with what is the matter with it, and nothing is done."""
    file = synced.folder / "plan.json"
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_text(content, encoding="utf-8")

    ended = synced.run("setup", "apply", file, "--yes")

    assert ended.code == 2
    assert said in ended.err


def test_edited_plan_is_refused_before_anything_is_asked(synced: Installation) -> None:
    """A plan file that shows one customer and would change another is refused, by the name of the customer."""
    file = synced.folder / "plan.json"
    made = synced.run("setup", "plan", "--out", file, "--json").json
    plan = json.loads(file.read_text(encoding="utf-8"))
    first, other = (made["changes"][number]["customer"] for number in (0, -1))
    for change in plan["plans"][0]["changes"]:
        if change["customer"]["id"] == first["id"]:
            change["customer"]["id"] = "00000000-0000-4000-8000-000000000001"
    file.write_text(json.dumps(plan), encoding="utf-8")

    ended = synced.run("setup", "apply", file)

    assert ended.code == 2
    assert other["id"] != first["id"]
    assert f"customer {first['code']} " in ended.err
    assert "terminal" not in ended.err


def test_saved_plan_counts_what_it_will_do(synced: Installation) -> None:
    """Half done, a saved plan shows what is left, and with --limit what of it is made now."""
    file = synced.folder / "plan.json"
    changes = len(synced.run("setup", "plan", "--out", file, "--json").json["changes"])

    first = synced.run("setup", "apply", file, "--yes", "--limit", "3")
    second = synced.run("setup", "apply", file, "--yes", "--limit", "2")
    third = synced.run("setup", "apply", file, "--yes")

    assert "the first 3 changes now" in first.out
    assert "the first 2 changes now" in second.out
    assert f"{changes - 5} changed, 5 already so" in third.out
    assert synced.run("setup", "plan", "--check").code == 0


def test_applied_plan_is_known_after_a_sync(synced: Installation) -> None:
    """After an apply a sync brings nothing that a plan would change again."""
    assert synced.run("setup", "apply", "--yes").code == 0
    synced.sync()

    assert synced.run("setup", "plan", "--check").code == 0


def test_apply_tells_calls_left_and_expected_end(synced: Installation) -> None:
    """On the way an apply says how many calls are left of the day's 5,000, and when it will be done."""
    ended = synced.run("setup", "apply", "--yes", "--json")

    told = re.search(r"set-up: 50 of \d+; (\d+) calls left today, done at about \d{4}-", ended.err)
    assert told is not None, ended.err
    assert 5000 - synced.server.calls_total <= int(told[1]) < 5000 - 50


def test_status_tells_drift(synced: Installation, exact: SandboxServer) -> None:
    """`setup status --json` names what somebody changed since the set-up, and what the plan does about it."""
    ended = synced.run("setup", "apply", "--yes", "--json")
    assert ended.code == 0
    code = code_to_invoice_by_mail(expectations.setup(synced.world, DIVISION))
    exact.state.ui_change_account(DIVISION, code, InvoiceAttachmentType=1)
    synced.sync()

    status = synced.run("setup", "status", "--json").json["divisions"][0]
    table = synced.run("setup", "status")

    assert [(each["customer"]["code"], each["field"], each["now"], each["repair"]) for each in status["drift"]] == [
        (code, "InvoiceAttachmentType", 1, "set_invoicing")
    ]
    assert "changed in Exact since" in table.out


def test_limit_stops_and_the_rest_remains(synced: Installation, planned: dict[str, expectations.ExpectedSetup]) -> None:
    """--limit N makes N changes; the others count as remaining and are made the next time."""
    changes = sum(len(one.actions) for one in planned.values())

    first = synced.run("setup", "apply", "--yes", "--limit", "4", "--json").json
    second = synced.run("setup", "apply", "--yes", "--json").json

    assert [(one["applied"], one["remaining"]) for one in (first, second)] == [(4, changes - 4), (changes - 4, 0)]


def test_card_changed_meanwhile_is_skipped(
    synced: Installation, exact: SandboxServer, planned: dict[str, expectations.ExpectedSetup]
) -> None:
    """What somebody changed in Exact since the last sync is left alone and reported."""
    code = code_to_invoice_by_mail(planned)
    exact.state.ui_change_account(DIVISION, code, InvoicingMethod=32)

    report = synced.run("setup", "apply", "--yes", "--json").json

    assert [(one["customer"]["code"], one["reason"]) for one in report["skipped"]] == [(code, "changed_meanwhile")]
    assert exact.state.account(DIVISION, code)["InvoicingMethod"] == 32


def test_only_the_named_customer_is_planned(
    synced: Installation, planned: dict[str, expectations.ExpectedSetup]
) -> None:
    """--customer keeps the plan to that card."""
    code = code_to_invoice_by_mail(planned)

    plan = synced.run("setup", "plan", "--customer", code, "--json").json

    assert {change["customer"]["code"] for change in plan["changes"]} == {code}


def test_undo_puts_everything_back(synced: Installation) -> None:
    """After `undo` Exact holds what it held before; the report has the shape of `apply`'s."""
    before = cards(synced)
    applied = synced.run("setup", "apply", "--yes", "--json").json["applied"]
    assert cards(synced) != before

    report = synced.run("setup", "undo", "--yes", "--json").json

    assert {name: report[name] for name in ("applied", "skipped", "failed", "remaining")} == {
        "applied": applied,
        "skipped": [],
        "failed": [],
        "remaining": 0,
    }
    assert cards(synced) == before


def test_undo_leaves_what_somebody_changed_since(
    synced: Installation, exact: SandboxServer, planned: dict[str, expectations.ExpectedSetup]
) -> None:
    """A card that a person changed after the apply keeps that, and is reported."""
    code = code_to_invoice_by_mail(planned)
    assert synced.run("setup", "apply", "--yes").code == 0
    exact.state.ui_change_account(DIVISION, code, InvoicingMethod=32)

    report = synced.run("setup", "undo", "--yes", "--json").json

    assert [(one["customer"]["code"], one["reason"]) for one in report["skipped"]] == [(code, "changed_meanwhile")]
    assert exact.state.account(DIVISION, code)["InvoicingMethod"] == 32


def test_undo_says_which_run_and_where(synced: Installation) -> None:
    """Before anything is taken back, the run, when it was and the name of the division are told."""
    run = synced.run("setup", "apply", "--yes", "--json").json["run"]
    name = synced.world.division(DIVISION).seller.name

    undone = synced.run("setup", "undo")

    assert undone.code == 2  # nobody to ask
    assert re.search(rf"division {DIVISION} {re.escape(name)}: run {run} of \d{{4}}-", undone.err)


def test_undo_of_an_unknown_customer_is_refused(synced: Installation) -> None:
    """A code that nobody has is an error that names it, and nothing is taken back."""
    assert synced.run("setup", "apply", "--yes").code == 0
    applied = cards(synced)

    ended = synced.run("setup", "undo", "--customer", "1", "--customer", "nobody", "--yes")

    assert (ended.code, ended.errors) == (1, ["there is no customer nobody"])
    assert cards(synced) == applied


def test_status_lists_the_runs_that_can_be_undone(synced: Installation) -> None:
    """`setup status` names a run with how much of it can be undone, and no longer once it is undone."""
    applied = synced.run("setup", "apply", "--yes", "--json").json

    before = synced.run("setup", "status", "--json").json["divisions"][0]["runs"]
    table = synced.run("setup", "status").out
    synced.run("setup", "undo", "--yes")
    after = synced.run("setup", "status", "--json").json["divisions"][0]["runs"]

    assert [(run["run"], run["changes"]) for run in before] == [(applied["run"], applied["applied"])]
    assert (applied["run"] in table, after) == (True, [])


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Installation, int]]:
    """Two divisions that are set up, and the code of the second."""
    options = SandboxOptions(customers=3, invoices=1, divisions=2, speed=SPEED)
    with SandboxServer(options) as server, Mailbox(tmp_path / "mails") as mailbox:
        installation = Installation(tmp_path / "office", server, mailbox)
        codes = [division.code for division in server.state.world.divisions]
        for code in codes:
            installation.change(f"setup.divisions.{code}", upload_address=server.state.world.upload_address(code))
        installation.make_database()
        installation.connect()
        installation.sync()
        assert installation.run("setup", "apply", "--yes").code == 0
        yield installation, next(code for code in codes if code != DIVISION)


def test_undo_names_the_division_that_it_leaves_out(two: tuple[Installation, int]) -> None:
    """A run is of one division: the other one that has something to undo is named, with how."""
    installation, _ = two
    divisions = installation.run("setup", "status", "--json").json["divisions"]
    newest = {each["division"]: each["runs"][0]["run"] for each in divisions}

    undone = installation.run("setup", "undo", "--yes", "--json")

    older = min(newest, key=lambda division: str(newest[division]))
    assert re.search(rf"division {older} .* has something to undo, too: --division {older}", undone.err)


def test_undo_that_fails_in_one_division_tells_of_the_other(two: tuple[Installation, int]) -> None:
    """Customers of two divisions have one code: while another process is at the second, the first is still told."""
    installation, other = two
    with installation.wiring() as wiring, Lease(wiring.database, f"setup:{other}", now=wiring.clock()):
        undone = installation.run("setup", "undo", "--customer", "1", "--yes", "--json")

    assert (undone.code, undone.json["applied"] > 0) == (4, True)


def test_status_counts_the_five_steps(synced: Installation, planned: dict[str, expectations.ExpectedSetup]) -> None:
    """`setup status --json` names the steps in order; those of contact and invoicing add up to the customers."""
    steps = synced.run("setup", "status", "--json").json["divisions"][0]["steps"]

    assert [(step["step"], step["key"]) for step in steps] == [
        (1, "upload_address"),
        (2, "contact"),
        (3, "kvk"),
        (4, "invoicing"),
        (5, "sent"),
    ]
    contact = steps[1]
    needing = sum(bool({"create_contact", "update_contact"} & set(one.actions)) for one in planned.values())
    assert contact["to_do"] == needing
    assert contact["done"] + contact["to_do"] + contact["skipped"] + contact["conflict"] == len(planned)


@pytest.fixture
def unlearnt(synced: Installation) -> Installation:
    """An installation without a setting for the attachment type."""
    synced.settings["setup"].pop("attachment_type")
    synced.write()
    return synced


def set_by_hand(installation: Installation, attachment_type: int) -> None:
    """Set customer 1 by hand in Exact, and sync."""
    installation.server.state.ui_change_account(DIVISION, 1, InvoiceAttachmentType=attachment_type)
    installation.sync()


def learnt(installation: Installation) -> int | None:
    """What is kept as learnt."""
    with installation.wiring() as wiring:
        return wiring.wanted(DIVISION).attachment_type


def test_learnt_attachment_type_is_used(unlearnt: Installation) -> None:
    """Without the setting the attachment type learnt from a card that was set by hand is planned for the others."""
    set_by_hand(unlearnt, 1025)

    ended = unlearnt.run("setup", "learn", "--customer", "1")

    changes = unlearnt.run("setup", "plan", "--json").json["changes"]
    assert ended.code == 0
    assert 1025 in {change["after"].get("InvoiceAttachmentType") for change in changes}


def test_pdf_only_is_not_learnt_unasked(unlearnt: Installation) -> None:
    """Type 1 is what every new card in Exact has; without a yes it is refused with exit 2, and nothing is kept."""
    set_by_hand(unlearnt, 1)

    ended = unlearnt.run("setup", "learn", "--customer", "1")

    assert (ended.code, learnt(unlearnt)) == (2, None)
    assert "PDF only" in ended.err


def test_pdf_only_is_learnt_with_a_yes(unlearnt: Installation) -> None:
    """Who says --yes gets it."""
    set_by_hand(unlearnt, 1)

    ended = unlearnt.run("setup", "learn", "--customer", "1", "--yes")

    assert (ended.code, learnt(unlearnt)) == (0, 1)


def test_learn_says_what_the_value_means_and_was(unlearnt: Installation) -> None:
    """The number is taken apart into what is known of it, and the one learnt before is named."""
    set_by_hand(unlearnt, 1025)
    unlearnt.run("setup", "learn", "--customer", "1")
    set_by_hand(unlearnt, 4097)

    ended = unlearnt.run("setup", "learn", "--customer", "1")

    assert "PDF (1) and Simplerinvoicing 2.0 (4096)" in ended.out
    assert "learnt before: 1025" in ended.out


def test_learn_says_what_a_plan_would_change(unlearnt: Installation) -> None:
    """The number of customers is the plan's own, and the command that shows them is given."""
    set_by_hand(unlearnt, 4097)

    ended = unlearnt.run("setup", "learn", "--customer", "1")

    summary = unlearnt.run("setup", "plan", "--json").json["summary"]
    assert f"would now change {summary['to_change']} of {summary['customers']} customers" in ended.out
    assert f"connector setup plan --division {DIVISION}" in ended.out


@pytest.mark.parametrize(("section", "wins"), [("setup", False), (f"setup.divisions.{DIVISION}", True)])
def test_learn_says_when_a_setting_wins(unlearnt: Installation, section: str, wins: bool) -> None:
    """A division's own setting wins over what is learnt, the common one does not; learn says so."""
    set_by_hand(unlearnt, 1025)
    unlearnt.change(section, attachment_type=4097)

    ended = unlearnt.run("setup", "learn", "--customer", "1")

    assert ("the settings win" in ended.out, learnt(unlearnt)) == (wins, 4097 if wins else 1025)


def test_learn_says_how_old_the_card_is(unlearnt: Installation) -> None:
    """The card is as last synced, and the time since is told."""
    set_by_hand(unlearnt, 1025)

    assert "was synced 0 minutes ago" in unlearnt.run("setup", "learn", "--customer", "1").err
