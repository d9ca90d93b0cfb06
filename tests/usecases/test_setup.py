"""Plan, apply and undo the set-up on a real sandbox: exactly the plan, once, and back again."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.customer import Division
from connector.customers.setup import (
    CONFLICTS,
    WRITES_PER_CHECK,
    Action,
    Change,
    Plan,
    SkipReason,
    plans_as_file,
    plans_from_file,
)
from connector.errors import (
    AnswerLost,
    Busy,
    ExactDoubtful,
    ExactRejected,
    ExactUnexpected,
    NothingFound,
    RightsMissing,
)
from connector.exact.client import ExactClient
from connector.exact_sandbox import expectations
from connector.exact_sandbox.people import Kind
from connector.storage import customers, journal
from connector.storage.journal import StepState
from connector.usecases.apply_setup import SetupReport, apply_setup
from connector.usecases.ownership import Lease
from connector.usecases.plan_setup import find_customer, plan_setup, require_customers, setup_status
from connector.usecases.undo_setup import undo_setup, undoable_steps

from .office import ATTACHMENT_TYPE, DIVISION, TODAY, Killed, Office, OpenOffice

ADDRESS = "4f7c2b9a6d1e8035acbd@uploads.is"
E_MAIL = 2
WORLDS = [(1, 41), (3, 9)]
NEVER_THE_SAME = {"Timestamp", "Modified", "Modifier", "ModifierFullName"}


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """One customer of most kinds, synced."""
    office = open_office(customers=28, invoices=0)
    office.sync()
    return office


@pytest.fixture
def few(open_office: OpenOffice) -> Office:
    """The twelve most ordinary kinds only."""
    office = open_office(customers=12, invoices=0)
    office.sync()
    return office


def cards(office: Office) -> dict[str, dict[str, Any]]:
    """Every account and contact in Exact, without what any write changes."""
    state = office.server.state
    rows = [*state.accounts(DIVISION), *state.contacts(DIVISION)]
    return {str(row["ID"]): {name: value for name, value in row.items() if name not in NEVER_THE_SAME} for row in rows}


def code_of(office: Office, kind: Kind) -> str:
    """The code of the customer of one kind."""
    return next(str(card.code) for card in office.world.division(DIVISION).customers if card.kind is kind)


def only(office: Office, *kinds: Kind) -> Plan:
    """A plan for the customers of some kinds."""
    return office.plan(only=frozenset(code_of(office, kind) for kind in kinds))


def ours_on(office: Office, code: str) -> list[dict[str, Any]]:
    """Our contacts on a card in Exact."""
    return [row for row in office.server.state.contacts_of(DIVISION, code) if row["Email"] == ADDRESS]


def writes(office: Office) -> int:
    return sum(office.server.calls(DIVISION, method) for method in ("POST", "PUT", "DELETE"))


def steps_of(office: Office, run: str) -> list[journal.SetupStep]:
    with office.database.reading() as session:
        return [
            step
            for customer in customers.all_customers(session, office.division.code)
            for step in journal.undoable_steps(session, DIVISION, run)
            if step.customer_id == customer.id
        ]


# Plan


@pytest.mark.parametrize(("seed", "customers"), WORLDS)
@pytest.mark.parametrize("overrides", [frozenset[str](), frozenset({"uses_peppol", "has_other_invoice_contact"})])
def test_plan_is_what_the_world_expects(
    open_office: OpenOffice, seed: int, customers: int, overrides: frozenset[str]
) -> None:
    """For every customer the actions or the reason are the world's own, and so are the counts."""
    office = open_office(seed=seed, customers=customers, invoices=0)
    office.sync()
    expected = expectations.setup(office.world, DIVISION, overrides=overrides)

    plan = office.plan(overrides=overrides)

    actions: dict[str, tuple[str, ...]] = {}
    for change in plan.changes:
        actions[change.customer.code] = (*actions.get(change.customer.code, ()), change.action.value)
    assert actions == {code: one.actions for code, one in expected.items() if one.actions}
    assert {skip.customer.code: skip.reason.value for skip in plan.skips} == {
        code: one.skipped for code, one in expected.items() if one.skipped
    }
    summary = {"customers": plan.customers, "in_order": plan.in_order, "to_change": plan.to_change}
    assert {**summary, "skipped": plan.skipped} == expectations.setup_summary(expected)


def test_plan_asks_exact_nothing(few: Office) -> None:
    """A plan is made from the database alone, and says how old that is."""
    few.server.reset_calls()

    planned = plan_setup(few.database, few.division.code, few.wiring.wanted(DIVISION), today=TODAY)

    assert few.server.calls_total == 0
    assert planned.last_synced_at == few.division.last_synced_at is not None


def test_code_that_nobody_has(few: Office) -> None:
    """A customer code that does not exist is an error, not an empty plan; one that exists is none."""
    require_customers(few.database, [Division(999), few.division.code], frozenset({"3"}))

    with pytest.raises(NothingFound, match="nobody"):
        require_customers(few.database, [few.division.code], frozenset({"3", "nobody"}))


def test_customer_by_code(few: Office) -> None:
    """A customer is found by the code on its card, and an unknown code is said to be one."""
    assert find_customer(few.database, few.division.code, "3").code == "3"

    with pytest.raises(NothingFound):
        find_customer(few.database, few.division.code, "300")


def test_status_counts_move_from_to_do_to_done(few: Office) -> None:
    """After an apply nothing is left to do in the steps that apply works on."""
    wanted = few.wiring.wanted(DIVISION)
    before = setup_status(few.database, few.division.code, wanted, today=TODAY)
    few.apply()

    after = setup_status(few.database, few.division.code, wanted, today=TODAY)

    assert [step.step for step in after] == [1, 2, 3, 4, 5]
    assert [step.to_do > 0 for step in before if step.key in ("contact", "invoicing")] == [True, True]
    assert [step.to_do for step in after if step.key in ("contact", "invoicing")] == [0, 0]


@pytest.mark.parametrize("days", [0, 60, 3650])
def test_sent_invoices_are_counted_from_the_start_date(open_office: OpenOffice, days: int) -> None:
    """Step 5 counts what Exact finished since the start date of the settings, and what stands open."""
    office = open_office(customers=12, invoices=60)
    office.sync(start_date=TODAY - timedelta(days=3650))
    start = TODAY - timedelta(days=days)
    wanted = office.wiring.wanted(DIVISION)

    sent = setup_status(office.database, office.division.code, wanted, today=TODAY, start_date=start)[-1]

    rows = office.server.state.rows(DIVISION, "invoices")
    finished = [row for row in rows if row["Status"] == 50 and str(row["InvoiceDate"])[:10] >= start.isoformat()]
    assert (sent.key, sent.done, sent.to_do) == ("sent", len(finished), sum(row["Status"] == 20 for row in rows))


# Apply


@pytest.mark.parametrize(("seed", "customers"), WORLDS)
def test_apply_brings_exact_into_the_wanted_state(open_office: OpenOffice, seed: int, customers: int) -> None:
    """Every changed customer has one contact of ours, the main contact it had before, method and type."""
    office = open_office(seed=seed, customers=customers, invoices=0)
    office.sync()
    before = cards(office)
    plan = office.plan()

    report = office.apply(plan)

    assert (report.applied, report.remaining) == (len(plan.changes), 0)
    assert (report.failed, report.skipped, report.stopped_by) == ([], [], None)
    for code in {change.customer.code for change in plan.changes}:
        row = office.server.state.account(DIVISION, code)
        assert len(ours_on(office, code)) == 1
        assert (row["InvoicingMethod"], row["InvoiceAttachmentType"]) == (E_MAIL, ATTACHMENT_TYPE)
        assert row["MainContact"] == before[str(row["ID"])]["MainContact"]


def test_apply_touches_nothing_else(few: Office) -> None:
    """Cards that are not in the plan stay as they are, and on the others no other field changes."""
    before = cards(few)
    plan = few.plan()
    changed = {change.customer.id for change in plan.changes}

    few.apply(plan)

    after = cards(few)
    written = {"InvoicingMethod", "InvoiceAttachmentType"}
    for key, row in before.items():
        allowed = written if key in changed else set()
        if row.get("Account") in changed:
            allowed = {"FirstName", "LastName", "FullName", "Email", "BusinessEmail"}
        assert {name for name in row if after[key][name] != row[name]} <= allowed


def test_contact_is_named_as_configured(office: Office) -> None:
    """The contact is called InvoiceSharing Email, in the two fields that Exact has for it."""
    office.apply(only(office, Kind.NO_CONTACT))

    made = ours_on(office, code_of(office, Kind.NO_CONTACT))[0]
    assert (made["FirstName"], made["LastName"]) == ("InvoiceSharing", "Email")


def test_plan_after_apply_is_empty_without_a_sync(few: Office) -> None:
    """What was applied is known at once, also to a database that is not synced again."""
    few.apply()

    assert few.plan().changes == ()


def test_plan_after_apply_is_empty_with_a_sync(few: Office) -> None:
    """And Exact's own rows say the same."""
    few.apply()
    few.sync()
    few.sync(full=True)

    assert few.plan().changes == ()


def test_apply_twice_writes_once(few: Office) -> None:
    """The same plan a second time finds everything already so: not one write, and nothing is told as changed."""
    plan = few.plan()
    few.apply(plan)
    few.server.reset_calls()

    report = few.apply(plan)

    assert writes(few) == 0
    assert (report.applied, report.skipped, report.remaining) == (0, [], 0)
    assert report.already_so == len(plan.changes)


@pytest.mark.parametrize("writes_per_check", [WRITES_PER_CHECK, 5])
def test_calls_of_an_apply(few: Office, writes_per_check: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call for each change, two for each bulk check (before, after so many writes at most, at the end), and one
    between two checks for all cards on which Exact may have made our contact the main one."""
    monkeypatch.setattr("connector.usecases.apply_setup.WRITES_PER_CHECK", writes_per_check)
    office = few
    plan = office.plan()
    office.server.reset_calls()

    report = office.apply(plan)

    between = office.server.calls(DIVISION, "GET", "sync/CRM/Accounts") - 1
    assert between >= len(plan.changes) / writes_per_check
    checks = 1 + -(-len(plan.changes) // (writes_per_check - 1))
    assert writes(office) == len(plan.changes)
    looks = office.server.calls(DIVISION, "GET", "crm/Accounts")
    assert 1 <= looks < checks
    assert report.api_calls == office.server.calls_total <= len(plan.changes) + 2 * checks + looks
    assert max(Counter(change.customer.id for change in plan.changes).values()) == 2


def test_nothing_is_checked_between_two_writes_to_a_card(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between contact and method our contact is the main one for a moment: that is no failure."""
    monkeypatch.setattr("connector.usecases.apply_setup.WRITES_PER_CHECK", 2)

    report = office.apply(only(office, Kind.NO_CONTACT))

    assert (report.applied, report.failed) == (2, [])


def test_limit_stops_after_so_many_changes(few: Office) -> None:
    """`limit` applies the first changes only; what remains is counted, and the next run does it."""
    plan = few.plan()

    first = few.apply(plan, limit=3)
    second = few.apply()

    assert (first.applied, first.remaining) == (3, len(plan.changes) - 3)
    assert second.applied == len(plan.changes) - 3
    assert few.plan().changes == ()


def test_limit_gets_through_a_saved_plan(few: Office) -> None:
    """The same plan file with the same limit, again and again, comes to its end: what is so already takes no part."""
    plan = plans_from_file(plans_as_file([few.plan()]))[0]

    reports = [few.apply(plan, limit=4) for _ in range(-(-len(plan.changes) // 4))]

    assert sum(report.applied for report in reports) == len(plan.changes)
    assert [skip for report in reports for skip in report.skipped] == []
    assert (reports[-1].remaining, few.plan().changes) == (0, ())


def test_limit_between_contact_and_method_leaves_no_main_contact(office: Office) -> None:
    """Cut off between the two writes to a card without contacts, our contact does not stay its main contact."""
    code = code_of(office, Kind.NO_CONTACT)

    office.apply(only(office, Kind.NO_CONTACT), limit=1)

    assert len(ours_on(office, code)) == 1
    assert office.server.state.account(DIVISION, code)["MainContact"] is None


def test_card_changed_by_hand_is_left_alone(office: Office) -> None:
    """What somebody changed after the plan was made is skipped and reported; the others go on."""
    code = code_of(office, Kind.METHOD_ONLY)
    plan = only(office, Kind.METHOD_ONLY, Kind.NO_CONTACT)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=32)

    report = office.apply(plan)

    assert {(skip.customer.code, skip.reason) for skip in report.skipped} == {(code, SkipReason.CHANGED_MEANWHILE)}
    assert ours_on(office, code) == []
    assert office.server.state.account(DIVISION, code)["InvoicingMethod"] == 32
    assert len(ours_on(office, code_of(office, Kind.NO_CONTACT))) == 1


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize("change", ["ended", "invoiced_to_other_account", "uses_peppol", "has_other_invoice_contact"])
def test_card_is_judged_anew(office: Office, change: str, saved: bool) -> None:
    """What would keep the plan from a card today keeps apply from it, and the report says what there is now."""
    code = code_of(office, Kind.NO_EMAIL)
    state = office.server.state
    state.ui_change_account(DIVISION, code, InvoicingMethod=E_MAIL, InvoiceAttachmentType=1)
    office.sync()
    plan = only(office, Kind.NO_EMAIL)
    if saved:
        plan = plans_from_file(plans_as_file([plan]))[0]
    other = state.account(DIVISION, code_of(office, Kind.NO_CONTACT))["ID"]
    new = {"ended": {"EndDate": "2026-11-01"}, "invoiced_to_other_account": {"InvoiceAccount": other}}
    if change == "has_other_invoice_contact":
        contact = state.contacts_of(DIVISION, code)[0]["ID"]
        state.ui_change_contact(DIVISION, contact, Email="facturen@klant.example")
    else:
        state.ui_change_account(DIVISION, code, **new.get(change, {"InvoicingMethod": 32}))

    report = office.apply(plan)

    assert writes(office) == 0
    assert [(skip.reason, skip.now) for skip in report.skipped] == [(SkipReason.CHANGED_MEANWHILE, change)]
    assert report.remaining == 0


def test_card_changed_in_part_is_left_alone_as_a_whole(office: Office) -> None:
    """The method was changed since to one that is no conflict: there is no contact either on a card half set up."""
    code = code_of(office, Kind.NO_EMAIL)
    plan = only(office, Kind.NO_EMAIL)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=8)

    report = office.apply(plan)

    assert writes(office) == 0
    assert len(report.skipped) == 1
    assert "InvoicingMethod 8" in report.skipped[0].now


def test_what_a_saved_plan_overrides_is_no_change(office: Office) -> None:
    """A choice that the plan sets aside by name is set aside when it is carried out from its file."""
    plan = office.plan(only=frozenset({code_of(office, Kind.PEPPOL)}), overrides=frozenset({"uses_peppol"}))

    report = office.apply(plans_from_file(plans_as_file([plan]))[0])

    assert (report.applied, report.skipped) == (len(plan.changes), [])


@pytest.mark.parametrize("change", [{"Blocked": True}, {"Status": "P"}])
def test_card_blocked_by_hand_is_left_alone(office: Office, change: dict[str, Any]) -> None:
    """A customer that was blocked or made a prospect after the plan was made gets no contact any more."""
    code = code_of(office, Kind.NO_CONTACT)
    plan = only(office, Kind.NO_CONTACT)
    office.server.state.ui_change_account(DIVISION, code, **change)

    report = office.apply(plan)

    assert {skip.reason for skip in report.skipped} == {SkipReason.CHANGED_MEANWHILE}
    assert ours_on(office, code) == []


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (Kind.METHOD_ONLY, 4),
        (Kind.DOTS, 8),
        (Kind.NO_CONTACT, 32),
        (Kind.DOTS, 32),
        (Kind.SET_UP, 4),
        (Kind.SET_UP, 32),
    ],
)
def test_card_changed_since_a_saved_plan_is_left_alone(office: Office, kind: Kind, method: int) -> None:
    """A plan from a file knows only what it changes: who chose another way meanwhile keeps the card as it is."""
    code = code_of(office, kind)
    office.server.state.ui_change_account(DIVISION, code, InvoiceAttachmentType=1)
    office.sync()
    plan = plans_from_file(plans_as_file([only(office, kind)]))[0]
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=method)
    office.sync()
    before = cards(office)

    report = office.apply(plan)

    assert plan.changes
    assert cards(office) == before
    assert [skip.customer.code for skip in report.skipped] == [code]


def test_attachment_type_chosen_meanwhile_is_kept(office: Office) -> None:
    """A type that somebody chose after the plan was made is no longer the one that the plan saw."""
    code = code_of(office, Kind.HALF_SET_UP)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=E_MAIL, InvoiceAttachmentType=1)
    office.sync()
    plan = only(office, Kind.HALF_SET_UP)
    office.server.state.ui_change_account(DIVISION, code, InvoiceAttachmentType=2)

    report = office.apply(plan)

    assert [skip.reason for skip in report.skipped] == [SkipReason.CHANGED_MEANWHILE]
    assert office.server.state.account(DIVISION, code)["InvoiceAttachmentType"] == 2


def set_kvk(office: Office, code: str, number: str) -> Plan:
    """A plan that sets one customer's number, as `kvk fill` makes it."""
    card = find_customer(office.database, office.division.code, code)
    change = Change(
        customer=card,
        action=Action.SET_KVK,
        before={"ChamberOfCommerce": card.kvk or None},
        after={"ChamberOfCommerce": number},
    )
    return replace(office.plan(only=frozenset({code})), changes=(change,))


def test_number_that_somebody_typed_meanwhile_is_kept(office: Office) -> None:
    """A KvK number that was put on the card after the list was filled in is not overwritten."""
    code = code_of(office, Kind.MISSING)
    plan = set_kvk(office, code, "20147376")
    office.server.state.ui_change_account(DIVISION, code, ChamberOfCommerce="20147377")

    report = office.apply(plan)

    assert [skip.reason for skip in report.skipped] == [SkipReason.CHANGED_MEANWHILE]
    assert office.server.state.account(DIVISION, code)["ChamberOfCommerce"] == "20147377"


def test_number_is_set_on_a_card_that_gets_no_invoices(office: Office) -> None:
    """A KvK number is no matter of who gets invoices how: it is set on a card that was blocked meanwhile, too."""
    code = code_of(office, Kind.NO_CONTACT)
    plan = set_kvk(office, code, "20147376")
    office.server.state.ui_change_account(DIVISION, code, Blocked=True)

    report = office.apply(plan)

    assert (report.applied, report.skipped) == (1, [])
    assert office.server.state.account(DIVISION, code)["ChamberOfCommerce"] == "20147376"


def test_saved_plan_is_applied(few: Office) -> None:
    """A plan that went through a file does the same as a fresh one."""
    plan = plans_from_file(plans_as_file([few.plan()]))[0]

    report = few.apply(plan)

    assert (report.applied, report.remaining) == (len(plan.changes), 0)
    assert few.plan().changes == ()


def test_contact_made_by_hand_is_not_made_again(office: Office) -> None:
    """Somebody adds the contact between plan and apply: there is no second one."""
    code = code_of(office, Kind.NO_CONTACT)
    plan = only(office, Kind.NO_CONTACT)
    account = office.server.state.account(DIVISION, code)["ID"]
    office.client.post("crm/Contacts", {"Account": account, "LastName": "Met de hand", "Email": ADDRESS})

    report = office.apply(plan)

    assert len(ours_on(office, code)) == 1
    assert (report.skipped, report.already_so) == ([], 1)


def bad_attachment_type(office: Office, code: str) -> Plan:
    """A plan in which one customer gets an attachment type that Exact does not know."""
    plan = office.plan(only=frozenset({code, code_of(office, Kind.METHOD_ONLY)}))
    for change in plan.changes:
        if change.customer.code == code and change.action is Action.SET_INVOICING:
            assert isinstance(change.after, dict)
            change.after["InvoiceAttachmentType"] = 8
    return plan


def test_refusal_is_told_in_exacts_words(office: Office) -> None:
    """A validation error of Exact's ends up in the report as Exact said it, and the other customers go on."""
    code = code_of(office, Kind.NO_EMAIL)
    plan = bad_attachment_type(office, code)

    report = office.apply(plan)

    assert [(customer.code, action) for customer, action, _ in report.failed] == [(code, "set_invoicing")]
    assert "Ongeldige referentie: Type factuurbijlage" in report.failed[0][2]
    assert report.applied == len(plan.changes) - 1


def test_refusal_leaves_no_main_contact(office: Office) -> None:
    """When Exact refuses the second write to a card without contacts, our contact does not stay its main contact."""
    code = code_of(office, Kind.NO_CONTACT)
    plan = bad_attachment_type(office, code)

    report = office.apply(plan)

    assert office.server.state.account(DIVISION, code)["MainContact"] is None
    assert [(customer.code, action) for customer, action, _ in report.failed] == [(code, "set_invoicing")]


def test_refused_contact_leaves_the_method_alone(office: Office) -> None:
    """When Exact refuses the contact the customer is not turned to e-mail: its invoices would go to somebody else."""
    code = code_of(office, Kind.NO_CONTACT)
    plan = only(office, Kind.NO_CONTACT)
    before = office.server.state.account(DIVISION, code)["InvoicingMethod"]
    for change in plan.changes:
        if change.action is Action.CREATE_CONTACT:
            assert isinstance(change.after, dict)
            change.after.update(FirstName="", LastName="")

    report = office.apply(plan)

    assert office.server.state.account(DIVISION, code)["InvoicingMethod"] == before
    assert [action for _, action, _ in report.failed] == ["create_contact", "set_invoicing"]


def test_contact_changed_meanwhile_leaves_the_method_alone(office: Office) -> None:
    """A contact that was to be corrected and was changed by hand is left, and so is the method that relies on it."""
    code = code_of(office, Kind.OUTDATED)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1)
    office.sync()
    plan = only(office, Kind.OUTDATED)
    outdated = next(change.contact for change in plan.changes if change.action is Action.UPDATE_CONTACT)
    assert outdated is not None
    office.server.state.ui_change_contact(DIVISION, outdated, Email="iemand@anders.example")

    report = office.apply(plan)

    assert office.server.state.account(DIVISION, code)["InvoicingMethod"] == 1
    assert [skip.reason for skip in report.skipped] == [SkipReason.CHANGED_MEANWHILE]


def test_contact_corrected_by_hand_lets_the_method_go_on(office: Office) -> None:
    """Somebody gave the outdated contact the right address before we did: the customer is turned to e-mail."""
    code = code_of(office, Kind.OUTDATED)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1)
    office.sync()
    plan = only(office, Kind.OUTDATED)
    outdated = next(change.contact for change in plan.changes if change.action is Action.UPDATE_CONTACT)
    assert outdated is not None
    office.server.state.ui_change_contact(DIVISION, outdated, Email=ADDRESS)

    report = office.apply(plan)

    assert office.server.state.account(DIVISION, code)["InvoicingMethod"] == E_MAIL
    assert (report.failed, report.skipped, report.already_so) == ([], [], 1)


def test_progress_is_told_change_by_change(few: Office) -> None:
    """Whoever waits hears of each change, skipped ones included, how many are done of how many."""
    plan = few.plan()
    few.server.state.ui_change_account(DIVISION, plan.changes[0].customer.code, Blocked=True)
    told: list[tuple[int, int]] = []

    few.apply(plan, progress=lambda done, total: told.append((done, total)))

    assert told == [(done, len(plan.changes)) for done in range(1, len(plan.changes) + 1)]


@pytest.mark.parametrize("work", ["apply", "undo"])
def test_long_run_keeps_its_turn(few: Office, work: str) -> None:
    """However long it takes, nobody else begins with the set-up of the division in the meantime."""
    if work == "undo":
        few.apply()
    refused: list[int] = []

    def somebody_else(done: int, total: int) -> None:
        few.clock.forward(minutes=9)
        with pytest.raises(Busy), Lease(few.database, f"setup:{DIVISION}", now=few.clock()):
            pass  # pragma: no cover
        refused.append(done)

    if work == "apply":
        few.apply(progress=somebody_else)
    else:
        code = few.division.code
        steps = undoable_steps(few.database, [code])[code]
        undo_setup(few.database, few.client, code, steps=steps, clock=few.clock, progress=somebody_else)

    assert len(refused) > 2


def test_missing_right_stops_the_run(few: Office) -> None:
    """Without the right to write the run ends early and says why; nothing is lost."""
    plan = few.plan()
    few.server.state.office.chains[-1].divisions.remove(DIVISION)

    report = few.apply(plan)

    assert isinstance(report.stopped_by, RightsMissing)
    assert report.remaining == len(plan.changes)


def test_set_up_under_way_elsewhere(few: Office) -> None:
    """Two processes do not set up one division at the same time."""
    plan = few.plan()

    with Lease(few.database, f"setup:{DIVISION}", now=few.clock()), pytest.raises(Busy):
        few.apply(plan)

    assert writes(few) == 0


@pytest.mark.parametrize("kind", [Kind.SET_UP, Kind.HALF_SET_UP, Kind.OUTDATED])
def test_main_contact_set_by_hand_is_repaired_and_undone(office: Office, kind: Kind) -> None:
    """Somebody makes our contact the main one: the plan takes that back, at once, and an undo restores it."""
    code = code_of(office, kind)
    address = {ADDRESS, "oldoldoldoldoldoldold@uploads.is"}
    contact = next(row for row in office.server.state.contacts_of(DIVISION, code) if row["Email"] in address)
    office.server.state.ui_change_account(DIVISION, code, MainContact=contact["ID"])
    office.sync()
    before = cards(office)

    report = office.apply(plans_from_file(plans_as_file([only(office, kind)]))[0])

    assert (report.failed, report.skipped, report.remaining) == ([], [], 0)
    assert office.server.state.account(DIVISION, code)["MainContact"] is None
    assert only(office, kind).changes == ()
    office.undo()
    assert cards(office) == before


@pytest.mark.parametrize("when", ["before", "after"])
def test_main_contact_repair_survives_a_kill(office: Office, when: str) -> None:
    """Killed around the write that frees the main contact, the next run finishes it, and it can be undone."""
    code = code_of(office, Kind.SET_UP)
    contact = ours_on(office, code)[0]["ID"]
    office.server.state.ui_change_account(DIVISION, code, MainContact=contact)
    office.sync()
    before = cards(office)
    with pytest.raises(Killed):
        office.apply(only(office, Kind.SET_UP), client=client_that(office, "put", when=when, error=Killed()))

    office.apply(only(office, Kind.SET_UP))
    office.apply(only(office, Kind.SET_UP))

    assert office.server.state.account(DIVISION, code)["MainContact"] is None
    office.undo()
    assert cards(office) == before


@pytest.mark.parametrize("field", ["InvoiceAttachmentType", "InvoicingMethod"])
def test_value_that_exact_does_not_keep_is_an_error(office: Office, field: str) -> None:
    """A value that is not there on reading back is told with its customer and field; it does not count as applied."""
    client = office.client
    real = client.put

    def put(path: str, guid: str, changes: Any) -> None:
        real(path, guid, {name: value for name, value in changes.items() if name != field})

    client.put = put  # type: ignore[method-assign]
    code = code_of(office, Kind.NO_EMAIL)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1, InvoiceAttachmentType=1)
    office.sync()
    plan = only(office, Kind.NO_EMAIL)

    report = office.apply(plan, client=client)

    assert [(customer.code, action) for customer, action, _ in report.failed] == [(code, "set_invoicing")]
    assert "Exact did not keep the value" in report.failed[0][2]
    assert field in report.failed[0][2]
    assert report.applied == len(plan.changes) - 1


def test_main_contact_that_exact_does_not_give_up_is_told(office: Office) -> None:
    """Where Exact keeps our contact as the main one that is an error; the contact is there, and an undo removes it."""
    code = code_of(office, Kind.NO_CONTACT)
    before = office.server.state.account(DIVISION, code)
    client = office.client
    real = client.put

    def put(path: str, guid: str, changes: Any) -> None:
        real(path, guid, {name: value for name, value in changes.items() if name != "MainContact"})

    client.put = put  # type: ignore[method-assign]

    report = office.apply(only(office, Kind.NO_CONTACT), client=client)

    assert [(customer.code, action, error) for customer, action, error in report.failed] == [
        (code, "create_contact", "Exact keeps our contact as the main contact")
    ]
    assert (report.applied, report.remaining) == (1, 0)
    office.undo()
    after = office.server.state.account(DIVISION, code)
    assert ours_on(office, code) == []
    assert after["InvoicingMethod"] == before["InvoicingMethod"]


def test_yes_without_a_change_is_no_success(office: Office) -> None:
    """Exact says yes to every PUT and changes nothing: none of them counts, and the plan still wants them all."""
    client = office.client
    client.put = lambda *args: None  # type: ignore[method-assign]
    plan = only(office, Kind.NO_EMAIL, Kind.OUTDATED, Kind.METHOD_ONLY, Kind.NO_CONTACT)
    puts = [(c.customer.code, c.action) for c in plan.changes if c.action is not Action.CREATE_CONTACT]

    report = office.apply(plan, client=client)

    told = [(card.code, Action(action)) for card, action, _ in report.failed]
    first = [(code_of(office, Kind.NO_CONTACT), Action.CREATE_CONTACT)]  # it stays the main contact
    assert sorted(told) == sorted(puts + first)
    after = only(office, Kind.NO_EMAIL, Kind.OUTDATED, Kind.METHOD_ONLY, Kind.NO_CONTACT)
    assert set(puts) <= {(change.customer.code, change.action) for change in after.changes}


# Cards that may be older here than in Exact


@pytest.mark.parametrize("trouble", ["empty-stream", "moved"])
def test_nothing_is_written_on_old_cards(office: Office, trouble: str) -> None:
    """Exact shows nothing, or counts its rows anew: what stands on the cards is not known, and nothing is written."""
    code = code_of(office, Kind.METHOD_ONLY)
    plan = only(office, Kind.METHOD_ONLY)
    if trouble == "moved":
        office.server.state.move_division(DIVISION)
    else:
        office.server.state.faults.on(trouble)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=32)

    report = office.apply(plan)

    assert isinstance(report.stopped_by, ExactDoubtful)
    assert "connector sync" in report.stopped_by.hint
    assert (writes(office), report.remaining) == (0, len(plan.changes))


def test_deleted_newest_row_is_no_doubt(office: Office) -> None:
    """The newest row that we hold was deleted in Exact, which says so: the set-up goes on."""
    state = office.server.state
    contact = state.contacts_of(DIVISION, code_of(office, Kind.OTHER_CONTACT))[-1]
    state.ui_change_contact(DIVISION, contact["ID"], Phone="0000")
    office.sync()
    plan = only(office, Kind.METHOD_ONLY)
    state.ui_delete(DIVISION, "contacts", contact["ID"])

    report = office.apply(plan)

    assert (report.stopped_by, report.applied) == (None, len(plan.changes))


@pytest.mark.parametrize("field", ["VATNumber", "FullName"])
def test_card_that_cannot_be_read_is_left_alone(office: Office, field: str) -> None:
    """A newer row of a card or of its contact that cannot be read may say anything: skipped, and the others go on."""
    code = code_of(office, Kind.METHOD_ONLY)
    plan = only(office, Kind.METHOD_ONLY, Kind.NO_CONTACT)
    state = office.server.state
    state.ui_change_account(DIVISION, code, VATNumber="NL0")
    for row in state.contacts_of(DIVISION, code):
        state.ui_change_contact(DIVISION, row["ID"], FirstName="Jip")
    client = office.client
    odd_rows(client, field, {code, *(str(row["ID"]) for row in state.contacts_of(DIVISION, code))})

    report = office.apply(plan, client=client)

    assert {skip.customer.code for skip in report.skipped} == {code}
    assert all(field in skip.now for skip in report.skipped)
    assert state.account(DIVISION, code)["InvoicingMethod"] == plan.changes[0].customer.invoicing_method
    assert len(ours_on(office, code_of(office, Kind.NO_CONTACT))) == 1


def odd_rows(client: ExactClient, field: str, keys: set[str]) -> None:
    """Let a field of some rows, named by code or id, arrive with another type."""
    real = client.sync_pages

    def pages(stream: Any, *, since: int) -> Any:
        for page in real(stream, since=since):
            for row in page.rows:
                if field in row and {str(row.get("Code", "")).strip(), row["ID"]} & keys:
                    row[field] = {}
            yield page

    client.sync_pages = pages  # type: ignore[method-assign]


def test_what_was_kept_in_part_is_undone(office: Office) -> None:
    """Of two values Exact keeps one: that is told, stands in the journal, and an undo takes just that one back."""
    code = code_of(office, Kind.NO_EMAIL)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1, InvoiceAttachmentType=1)
    office.sync()
    before = cards(office)
    client = office.client
    real = client.put
    client.put = lambda path, guid, values: real(  # type: ignore[method-assign]
        path, guid, {name: value for name, value in values.items() if name != "InvoiceAttachmentType"}
    )

    report = office.apply(only(office, Kind.NO_EMAIL), client=client)

    steps = [step for step in steps_of(office, report.run) if step.action == "set_invoicing"]
    assert [(step.before, step.after) for step in steps] == [({"InvoicingMethod": 1}, {"InvoicingMethod": E_MAIL})]
    assert "InvoiceAttachmentType" in str(steps[0].error)
    office.undo()
    assert cards(office) == before


@pytest.mark.parametrize(("changed", "left"), [({"LastName": "E-mail"}, 0), ({"Email": "jip@klant.example"}, 1)])
def test_contact_changed_during_the_run(office: Office, changed: dict[str, str], left: int) -> None:
    """Renamed during the run, our contact is told and an undo removes it; with another address it is not ours."""
    code = code_of(office, Kind.NO_EMAIL)
    many = len(office.server.state.contacts_of(DIVISION, code))
    client = office.client
    real = client.post

    def post(path: str, body: Any) -> Any:
        answer = real(path, body)
        office.server.state.ui_change_contact(DIVISION, ours_on(office, code)[0]["ID"], **changed)
        return answer

    client.post = post  # type: ignore[method-assign]

    report = office.apply(only(office, Kind.NO_EMAIL), client=client)

    assert [action for _, action, _ in report.failed] == ["create_contact"]
    office.undo()
    assert len(office.server.state.contacts_of(DIVISION, code)) == many + left


def test_odd_answer_to_a_new_contact_is_looked_up(office: Office) -> None:
    """Exact made the contact and answered what nobody can read: it is looked up, counts as made, and can be undone."""
    before = cards(office)
    plan = only(office, Kind.NO_EMAIL)
    client = client_that(office, "post", when="after", error=ExactUnexpected("no 'd'"))

    report = office.apply(plan, client=client)

    assert (report.applied, report.failed) == (len(plan.changes), [])
    office.undo()
    assert cards(office) == before


def test_answer_without_a_key_is_looked_up(office: Office) -> None:
    """An answer that names no contact is no contact: it is looked up."""
    client = office.client
    real = client.post
    client.post = lambda path, body: {"ID": real(path, body) and "?"}  # type: ignore[method-assign]

    report = office.apply(only(office, Kind.NO_EMAIL), client=client)

    assert report.failed == []
    made = ours_on(office, code_of(office, Kind.NO_EMAIL))[0]["ID"]
    assert made in [step.contact_id for step in steps_of(office, report.run)]


def test_main_contact_that_exact_keeps(office: Office) -> None:
    """Exact does not let our contact go as the main one: told, and the contact is in the journal for an undo."""
    code = code_of(office, Kind.NO_CONTACT)
    plan = only(office, Kind.NO_CONTACT)
    office.server.state.faults.on("refuse:400:PUT:crm/Accounts")

    report = office.apply(plan, limit=1)

    assert [(action, "main contact" in said) for _, action, said in report.failed] == [("create_contact", True)]
    assert report.applied == 0
    office.server.state.faults.off()
    office.undo()
    assert ours_on(office, code) == []


@pytest.mark.parametrize("limit", [1, None])
def test_first_contact_that_a_person_made_just_before(office: Office, limit: int | None) -> None:
    """A person makes a first contact between our look and our write: it stays the main contact."""
    code = code_of(office, Kind.NO_CONTACT)
    account = office.server.state.account(DIVISION, code)["ID"]
    client = office.client
    real = client.post

    def post(path: str, body: Any) -> Any:
        real(path, {"Account": account, "LastName": "Medewerker", "Email": "een@klant.example"})
        return real(path, body)

    client.post = post  # type: ignore[method-assign]

    report = office.apply(only(office, Kind.NO_CONTACT), client=client, limit=limit)

    person = next(row for row in office.server.state.contacts_of(DIVISION, code) if row["Email"] != ADDRESS)
    assert office.server.state.account(DIVISION, code)["MainContact"] == person["ID"]
    assert report.failed == []


# Killed in between


def client_that(office: Office, method: str, *, when: str, error: BaseException, at: int = 1) -> ExactClient:
    """A client whose write number `at` really happens (`when` after) or does not (before), and then fails."""
    client = office.client
    real = getattr(client, method)
    count = 0

    def write(*args: Any) -> Any:
        nonlocal count
        count += 1
        if count != at:
            return real(*args)
        if when == "after":
            real(*args)
        raise error

    setattr(client, method, write)
    return client


@pytest.mark.parametrize("method", ["post", "put"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", [Kind.NO_CONTACT, Kind.NO_EMAIL])
def test_killed_at_a_write_is_settled_by_the_next_run(office: Office, method: str, when: str, kind: Kind) -> None:
    """Killed just before or after a write reached Exact, the next run finishes it: one contact, the wanted state."""
    code = code_of(office, kind)
    before = office.server.state.account(DIVISION, code)["MainContact"]
    try:
        office.apply(only(office, kind), client=client_that(office, method, when=when, error=Killed()))
    except Killed:
        with office.database.reading() as session:
            assert journal.open_steps(session, office.division.code)

    office.apply(only(office, kind))
    office.apply()

    row = office.server.state.account(DIVISION, code)
    assert len(ours_on(office, code)) == 1
    assert (row["InvoicingMethod"], row["InvoiceAttachmentType"]) == (E_MAIL, ATTACHMENT_TYPE)
    assert row["MainContact"] == before
    with office.database.reading() as session:
        assert not journal.open_steps(session, office.division.code)


def test_killed_run_leaves_a_main_contact_chosen_since(office: Office) -> None:
    """Killed after our contact became the main one, and somebody made another that: the next run leaves it so."""
    code = code_of(office, Kind.NO_CONTACT)
    with pytest.raises(Killed):
        office.apply(only(office, Kind.NO_CONTACT), client=client_that(office, "post", when="after", error=Killed()))
    account = office.server.state.account(DIVISION, code)["ID"]
    person = office.client.post("crm/Contacts", {"Account": account, "LastName": "Met de hand"})["ID"]
    office.server.state.ui_change_account(DIVISION, code, MainContact=person)

    office.apply(limit=0)

    assert office.server.state.account(DIVISION, code)["MainContact"] == person


def test_killed_run_frees_the_main_contact_of_a_card_turned_since(office: Office) -> None:
    """Killed before the method was set, and somebody chose Peppol: our contact does not stay the main one."""
    code = code_of(office, Kind.NO_CONTACT)
    plan = only(office, Kind.NO_CONTACT)
    with pytest.raises(Killed):
        office.apply(plan, client=client_that(office, "put", when="before", error=Killed()))
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=32)

    office.apply(plan)

    assert office.server.state.account(DIVISION, code)["MainContact"] is None
    assert office.server.state.account(DIVISION, code)["InvoicingMethod"] == 32


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("kind", "method", "action"),
    [
        (Kind.HALF_SET_UP, "put", "set_invoicing"),
        (Kind.OUTDATED, "put", "update_contact"),
        (Kind.NO_EMAIL, "post", "create_contact"),
    ],
)
def test_journal_says_what_happened(office: Office, kind: Kind, method: str, action: str, when: str) -> None:
    """After a kill the next run finds out whether the write arrived: only then it counts as done."""
    with pytest.raises(Killed):
        office.apply(only(office, kind), client=client_that(office, method, when=when, error=Killed()))

    office.apply(limit=0)

    with office.database.reading() as session:
        done = [step.action for step in journal.undoable_steps(session, office.division.code)]
        assert not journal.open_steps(session, office.division.code)
    assert done == ([action] if when == "after" else [])


def test_lost_put_is_not_taken_for_done(office: Office) -> None:
    """A change whose answer was lost and that Exact does not have stops the run; the next one makes it."""
    code = code_of(office, Kind.HALF_SET_UP)
    plan = only(office, Kind.HALF_SET_UP)

    first = office.apply(plan, client=client_that(office, "put", when="before", error=AnswerLost("lost")))
    office.apply(plan)

    assert (first.applied, isinstance(first.stopped_by, AnswerLost)) == (0, True)
    assert office.server.state.account(DIVISION, code)["InvoicingMethod"] == E_MAIL


@pytest.mark.parametrize("method", ["post", "put"])
def test_lost_answer_is_looked_up(office: Office, method: str) -> None:
    """A write that happened and whose answer was lost counts as done, without a second write."""
    plan = only(office, Kind.NO_EMAIL)
    office.server.reset_calls()

    report = office.apply(plan, client=client_that(office, method, when="after", error=AnswerLost("lost")))

    assert (report.applied, report.stopped_by) == (len(plan.changes), None)
    assert writes(office) == len(plan.changes)
    assert len(ours_on(office, code_of(office, Kind.NO_EMAIL))) == 1


def test_answer_without_an_id_is_looked_up(office: Office) -> None:
    """Where Exact answers a POST with nothing that names the contact, it is found by account and address."""
    client = office.client
    real = client.post
    client.post = lambda path, body: dict.fromkeys(real(path, body))  # type: ignore[method-assign]

    report = office.apply(only(office, Kind.NO_EMAIL), client=client)

    made = ours_on(office, code_of(office, Kind.NO_EMAIL))
    steps = [step for step in steps_of(office, report.run) if step.action == "create_contact"]
    assert report.failed == []
    assert [step.contact_id for step in steps] == [row["ID"] for row in made]


def test_lost_request_stops_the_run(office: Office) -> None:
    """A write that did not arrive stops the run; the next one does it."""
    plan = only(office, Kind.NO_EMAIL)

    first = office.apply(plan, client=client_that(office, "post", when="before", error=AnswerLost("lost")))
    office.apply()

    assert isinstance(first.stopped_by, AnswerLost)
    assert first.remaining == len(plan.changes)
    assert len(ours_on(office, code_of(office, Kind.NO_EMAIL))) == 1


@pytest.mark.parametrize("by", ["later", "another"])
def test_contact_made_by_a_person_after_a_kill(office: Office, by: str) -> None:
    """Killed before the write, and then a person adds the contact by the manual: no undo removes theirs."""
    code = code_of(office, Kind.NO_EMAIL)
    plan = only(office, Kind.NO_EMAIL)
    with pytest.raises(Killed):
        office.apply(plan, client=client_that(office, "post", when="before", error=Killed()))
    if by == "later":
        office.clock.forward(hours=1)
    account = office.server.state.account(DIVISION, code)["ID"]
    office.client.post("crm/Contacts", {"Account": account, "LastName": "Email", "Email": ADDRESS})
    if by == "another":
        made = str(ours_on(office, code)[0]["ID"])
        office.server.state.ui_change_contact(DIVISION, made, Creator="00000000-0000-4000-8000-000000000001")

    office.apply(plan)

    with office.database.reading() as session:
        done = journal.undoable_steps(session, office.division.code)
    assert [step.action for step in done] == ["set_invoicing"]
    assert len(ours_on(office, code)) == 1


def test_card_that_refuses_everything_blocks_no_other(office: Office) -> None:
    """An account that Exact lets nobody read keeps its own intent open; the others are set up, and it is left alone."""
    code = code_of(office, Kind.NO_EMAIL)
    plan = only(office, Kind.NO_EMAIL, Kind.METHOD_ONLY)
    with pytest.raises(Killed):
        office.apply(only(office, Kind.NO_EMAIL), client=client_that(office, "put", when="after", error=Killed()))
    client = office.client
    real, bad = client.get_one, office.server.state.account(DIVISION, code)["ID"]

    def get_one(path: str, guid: str, select: Any) -> Any:
        if guid == bad:
            raise ExactRejected("Exact refused crm/Accounts: Verplicht: Naam", status=400)
        return real(path, guid, select)

    client.get_one = get_one  # type: ignore[method-assign]

    report = office.apply(plan, client=client)

    assert report.stopped_by is None
    assert {card.code for card, _, _ in report.failed} == {code}
    assert all("Verplicht: Naam" in said for _, _, said in report.failed)
    assert len(ours_on(office, code_of(office, Kind.METHOD_ONLY))) == 1


def test_report_survives_a_failed_reading(few: Office) -> None:
    """Reading back fails for good: what was written is told with the reason, and the next run reads it back."""
    plan = few.plan()
    client = few.client
    real = client.sync_pages
    count = 0

    def pages(stream: Any, *, since: int) -> Any:
        nonlocal count
        count += 1
        if count > 2:
            raise ExactUnexpected("a next page at another host")
        return real(stream, since=since)

    client.sync_pages = pages  # type: ignore[method-assign]

    report = few.apply(plan, client=client)

    assert (report.applied, report.remaining) == (len(plan.changes), 0)
    assert isinstance(report.stopped_by, ExactUnexpected)
    few.server.reset_calls()
    few.apply()
    with few.database.reading() as session:
        assert journal.unconfirmed_steps(session, few.division.code) == ()
    assert 0 < few.server.calls(DIVISION, "GET", "crm/Accounts") < len(plan.changes)


def test_next_run_finds_what_was_never_kept(office: Office) -> None:
    """A run ends before it reads back, and Exact had changed nothing: the next one tells it and writes it again."""
    plan = only(office, Kind.NO_EMAIL)
    client = office.client

    def read_nothing(*_: Any, **__: Any) -> Any:
        raise ExactUnexpected("nothing to read")

    def put(*_: Any) -> None:
        client.sync_pages = read_nothing  # type: ignore[method-assign]

    client.put = put  # type: ignore[method-assign]

    first = office.apply(plan, client=client)
    second = office.apply(plan)

    assert first.stopped_by is not None
    assert [action for _, action, _ in second.failed] == ["set_invoicing"]
    assert second.applied == 1
    assert only(office, Kind.NO_EMAIL).changes == ()


# Two at work


def test_writer_that_was_asleep_writes_no_second_contact(office: Office) -> None:
    """Suspended for longer than its lease just before the write, while another run did the work: it writes nothing."""
    plan = only(office, Kind.NO_EMAIL)
    client = office.client
    real = client.post

    def post(path: str, body: Any) -> Any:
        office.clock.forward(minutes=11)
        assert office.apply(plan).applied == len(plan.changes)
        return real(path, body)

    client.post = post  # type: ignore[method-assign]

    report = office.apply(plan, client=client)

    assert isinstance(report.stopped_by, Busy)
    assert len(ours_on(office, code_of(office, Kind.NO_EMAIL))) == 1


def test_lost_lease_intends_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspended before the intent, while another run was at it and ended: there is no intent of ours either."""
    plan = only(office, Kind.NO_EMAIL)
    real = journal.created_with

    def asleep(*args: Any) -> Any:
        monkeypatch.setattr(journal, "created_with", real)
        office.clock.forward(minutes=11)
        office.apply(plan)
        return real(*args)

    state = office.server.state
    code = code_of(office, Kind.NO_EMAIL)
    contact = state.contacts_of(DIVISION, code)[0]["ID"]
    state.ui_change_account(DIVISION, code, MainContact=contact)
    office.sync()
    monkeypatch.setattr(journal, "created_with", asleep)

    report = office.apply(plan)

    assert isinstance(report.stopped_by, Busy)
    with office.database.reading() as session:
        assert journal.open_steps(session, office.division.code) == ()


def test_killed_run_can_be_undone(office: Office) -> None:
    """What a killed run wrote is undone as well, once it is settled."""
    before = cards(office)
    with pytest.raises(Killed):
        office.apply(only(office, Kind.NO_CONTACT), client=client_that(office, "post", when="after", error=Killed()))
    office.apply(limit=0)

    office.undo()

    assert cards(office) == before


# Undo


@pytest.mark.parametrize("seed", [1, 5])
def test_undo_puts_every_kind_back(open_office: OpenOffice, seed: int) -> None:
    """Every kind of customer, every conflict overridden, and odd values on the cards: undo gives back each one."""
    office = open_office(seed=seed, customers=len(Kind), invoices=0)
    state = office.server.state
    odd = {Kind.MISSING: None, Kind.MALFORMED: 0, Kind.PLACEHOLDER: 8}
    for kind, method in odd.items():
        state.ui_change_account(DIVISION, code_of(office, kind), InvoicingMethod=method, InvoiceAttachmentType=None)
    outdated = code_of(office, Kind.OUTDATED)
    old = next(row for row in state.contacts_of(DIVISION, outdated) if str(row["Email"]).endswith("@uploads.is"))
    address = "Oud.Adres@Uploads.IS"
    name = {"FirstName": "Met de hand", "FullName": "Met de hand Email"}
    state.ui_change_contact(DIVISION, str(old["ID"]), Email=address, BusinessEmail=address, **name)
    state.ui_change_account(DIVISION, outdated, MainContact=old["ID"])
    twice = code_of(office, Kind.SET_UP)
    account = state.account(DIVISION, twice)["ID"]
    office.client.post("crm/Contacts", {"Account": account, "LastName": "Dubbel", "Email": "dubbel@uploads.is"})
    circle = [state.account(DIVISION, code_of(office, kind)) for kind in (Kind.SPACES, Kind.DOTS)]
    for one, other in (circle, reversed(circle)):
        state.ui_change_account(DIVISION, str(one["Code"]), InvoiceAccount=other["ID"])
    office.sync()
    before = cards(office)

    applied = office.apply(office.plan(overrides=frozenset(CONFLICTS)))
    changed = {key for key, row in cards(office).items() if row != before.get(key)}
    undone = office.undo()

    assert (applied.failed, applied.skipped, undone.failed, undone.skipped) == ([], [], [], [])
    touched = {code_of(office, kind) for kind in (Kind.PEPPOL, Kind.POSTBOX, Kind.OTHER_CONTACT, *odd)}
    assert {str(state.account(DIVISION, code)["ID"]) for code in touched} <= changed
    assert cards(office) == before


@pytest.mark.parametrize(("seed", "customers"), [(1, 28), (3, 9)])
def test_undo_puts_everything_back(open_office: OpenOffice, seed: int, customers: int) -> None:
    """After apply and undo every card and contact in Exact is what it was, field by field."""
    office = open_office(seed=seed, customers=customers, invoices=0)
    office.sync()
    before = cards(office)
    applied = office.apply()

    report = office.undo()

    assert cards(office) == before
    assert (report.applied, report.remaining, report.skipped, report.failed) == (applied.applied, 0, [], [])


def test_after_undo_the_plan_is_as_before(few: Office) -> None:
    """The database follows an undo: the same plan as before it all, also after a sync."""
    before = few.plan()
    few.apply()
    few.undo()

    after = few.plan()
    few.sync()

    assert [(change.customer.code, change.action) for change in after.changes] == [
        (change.customer.code, change.action) for change in before.changes
    ]
    assert few.plan().changes == after.changes


def test_undo_then_apply_again(few: Office) -> None:
    """Applying again after an undo works as the first time."""
    few.apply()
    few.undo()

    report = few.apply()

    assert report.failed == []
    assert few.plan().changes == ()
    assert len(ours_on(few, code_of(few, Kind.NO_CONTACT))) == 1


def test_undo_leaves_what_somebody_changed(office: Office) -> None:
    """A method that was changed by hand since stays; the rest goes back."""
    code = code_of(office, Kind.HALF_SET_UP)
    office.apply(only(office, Kind.HALF_SET_UP, Kind.NO_CONTACT))
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=32)

    report = office.undo()

    assert [(skip.customer.code, skip.reason) for skip in report.skipped] == [(code, SkipReason.CHANGED_MEANWHILE)]
    assert office.server.state.account(DIVISION, code)["InvoicingMethod"] == 32
    assert ours_on(office, code_of(office, Kind.NO_CONTACT)) == []


def test_undo_leaves_a_contact_that_somebody_took_over(office: Office) -> None:
    """A contact of ours that got another address by hand is not removed."""
    code = code_of(office, Kind.NO_EMAIL)
    office.apply(only(office, Kind.NO_EMAIL))
    contact = str(ours_on(office, code)[0]["ID"])
    office.server.state.ui_change_contact(DIVISION, contact, Email="mens@klant.example")

    report = office.undo()

    assert [skip.reason for skip in report.skipped] == [SkipReason.CHANGED_MEANWHILE]
    assert contact in [row["ID"] for row in office.server.state.contacts_of(DIVISION, code)]


def test_undo_of_one_customer(office: Office) -> None:
    """With a customer's code only that card goes back."""
    office.apply(only(office, Kind.NO_EMAIL, Kind.NO_CONTACT))

    office.undo(codes=frozenset({code_of(office, Kind.NO_EMAIL)}))

    assert ours_on(office, code_of(office, Kind.NO_EMAIL)) == []
    assert len(ours_on(office, code_of(office, Kind.NO_CONTACT))) == 1


def test_undo_takes_the_newest_run_first(office: Office) -> None:
    """Two runs are undone one after the other, the newest first, and then there is nothing left."""
    office.apply(only(office, Kind.NO_EMAIL))
    office.apply(only(office, Kind.NO_CONTACT))

    office.undo()
    after_one = (
        len(ours_on(office, code_of(office, Kind.NO_EMAIL))),
        len(ours_on(office, code_of(office, Kind.NO_CONTACT))),
    )
    office.undo()

    assert after_one == (1, 0)
    with pytest.raises(NothingFound, match="nothing to undo"):
        office.undo()


def undo_with(office: Office, client: ExactClient) -> SetupReport:
    """Undo the newest run through a client of the test's own."""
    code = office.division.code
    steps = undoable_steps(office.database, [code])[code]
    return undo_setup(office.database, client, code, steps=steps, clock=office.clock)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["delete", "put"])
def test_killed_undo_goes_on(office: Office, when: str, method: str) -> None:
    """Killed at a write of an undo, the next undo finishes it and every card is as it was."""
    before = cards(office)
    office.apply(only(office, Kind.NO_EMAIL, Kind.OUTDATED))
    with pytest.raises(Killed):
        undo_with(office, client_that(office, method, when=when, error=Killed()))

    office.apply(limit=0)
    with suppress(NothingFound):  # when the write that was settled was the last one
        office.undo()

    assert cards(office) == before


def test_killed_undo_leaves_nothing_open(office: Office) -> None:
    """What a killed undo wrote is settled by the next run: nothing is left to look up, or to undo again."""
    office.apply(only(office, Kind.NO_EMAIL))
    with pytest.raises(Killed):
        undo_with(office, client_that(office, "delete", when="after", error=Killed()))

    office.apply(limit=0)

    with office.database.reading() as session:
        assert not journal.open_steps(session, office.division.code)
        assert not journal.undoable_steps(session, office.division.code)


def _undo_with(office: Office, client: ExactClient) -> SetupReport:
    code = office.division.code
    steps = undoable_steps(office.database, [code])[code]
    return undo_setup(office.database, client, code, steps=steps, clock=office.clock)


@pytest.mark.parametrize("method", ["delete", "put"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_lost_answer_in_an_undo(office: Office, method: str, when: str) -> None:
    """What was not put back does not count as undone; the next undo does it, and every card is as it was."""
    before = cards(office)
    office.apply(only(office, Kind.NO_EMAIL))
    steps = journal_steps(office)

    report = _undo_with(office, client_that(office, method, when=when, error=AnswerLost("lost")))

    put_back = steps - journal_steps(office)
    assert report.applied == put_back
    office.apply(limit=0)
    with suppress(NothingFound):
        office.undo()
    assert cards(office) == before
    assert journal_steps(office) == 0


def journal_steps(office: Office) -> int:
    """How many writes are done and not taken back."""
    with office.database.reading() as session:
        return len(journal.undoable_steps(session, office.division.code))


def test_undo_settles_what_an_undo_left_open(office: Office) -> None:
    """After a killed undo the next one finds out what became of the open write, whatever else it does."""
    office.apply(only(office, Kind.NO_EMAIL))
    with pytest.raises(Killed):
        _undo_with(office, client_that(office, "put", when="before", error=Killed()))

    office.undo()

    with office.database.reading() as session:
        assert not journal.open_steps(session, office.division.code)
    assert journal_steps(office) == 0


def test_refusal_in_an_undo_is_told_in_exacts_words(office: Office) -> None:
    """What Exact does not let us put back is told and stays in the journal; the other changes go back."""
    office.apply(only(office, Kind.NO_EMAIL))
    refusal = ExactRejected("Exact refused crm/Accounts: Relatie is vergrendeld")

    report = _undo_with(office, client_that(office, "put", when="before", error=refusal))

    kept = [(step.action, step.state, step.error) for step in office.steps_of(report.run)]
    assert [(action, error) for _, action, error in report.failed] == [("set_invoicing", refusal.message)]
    assert ("set_invoicing", StepState.FAILED, refusal.message) in kept
    assert (report.applied, report.remaining, journal_steps(office)) == (1, 0, 1)
    assert ours_on(office, code_of(office, Kind.NO_EMAIL)) == []


@pytest.mark.parametrize(("method", "action"), [("put", "set_invoicing"), ("delete", "delete_contact")])
def test_value_that_exact_does_not_put_back_is_an_error(office: Office, method: str, action: str) -> None:
    """What does not stand there again on reading back is told, does not count as undone, and the next undo does it."""
    before = cards(office)
    office.apply(only(office, Kind.NO_EMAIL))
    client = office.client
    setattr(client, method, lambda *_: None)

    report = _undo_with(office, client)

    assert [each for _, each, _ in report.failed] == [action]
    assert report.failed[0][2].startswith("Exact did not")
    assert (report.applied, report.remaining, journal_steps(office)) == (1, 0, 1)
    office.undo()
    assert cards(office) == before


def test_settled_undo_counts_for_the_newest_of_two_writes(office: Office) -> None:
    """Set, changed by hand and set again: a killed undo that arrived took back the second write, not the first."""
    code = code_of(office, Kind.HALF_SET_UP)
    older = office.apply(only(office, Kind.HALF_SET_UP))
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=8)
    office.sync()
    office.apply(only(office, Kind.HALF_SET_UP))
    with pytest.raises(Killed):
        _undo_with(office, client_that(office, "put", when="after", error=Killed()))

    office.apply(limit=0)

    with office.database.reading() as session:
        left = journal.undoable_steps(session, office.division.code)
    assert [step.run_id for step in left] == [older.run]


def test_undo_goes_backwards(office: Office) -> None:
    """The last change is taken back first: the method, before the contact that it relies on."""
    office.apply(only(office, Kind.NO_EMAIL))
    code = office.division.code

    steps = undoable_steps(office.database, [code])[code]

    assert [step.action for step in steps] == ["set_invoicing", "create_contact"]


def test_undo_of_a_named_run(office: Office) -> None:
    """With the name of an older run that one is undone, and the newer one stays."""
    older = office.apply(only(office, Kind.NO_EMAIL))
    office.apply(only(office, Kind.NO_CONTACT))

    office.undo(run=older.run)

    assert ours_on(office, code_of(office, Kind.NO_EMAIL)) == []
    assert len(ours_on(office, code_of(office, Kind.NO_CONTACT))) == 1


def test_undo_that_wakes_up_too_late_writes_nothing(office: Office) -> None:
    """Asleep between intent and write for longer than the lease lasts: another run may be at it, nothing goes out."""
    office.apply(only(office, Kind.NO_EMAIL))
    client = office.client
    real = client.put

    def put(path: str, guid: str, changes: Any) -> None:
        office.clock.forward(minutes=11)
        real(path, guid, changes)

    client.put = put  # type: ignore[method-assign]
    office.server.reset_calls()

    report = undo_with(office, client)

    assert isinstance(report.stopped_by, Busy)
    assert writes(office) == 0


@pytest.mark.parametrize("fault", ["lost-puts", "lost-deletes"])
def test_undo_whose_answers_are_lost(office: Office, fault: str) -> None:
    """Writes that happened without an answer are seen in the reading back, and count."""
    before = cards(office)
    office.apply(only(office, Kind.NO_EMAIL, Kind.OUTDATED))
    office.server.state.faults.on(fault)

    report = office.undo()

    assert (cards(office), report.failed, report.remaining) == (before, [], 0)


def test_undo_puts_back_the_fields_that_are_still_ours(office: Office) -> None:
    """Of a write of two fields, the one that somebody changed is left and named, the other one is put back."""
    code = code_of(office, Kind.NO_EMAIL)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1, InvoiceAttachmentType=2)
    office.sync()
    office.apply(only(office, Kind.NO_EMAIL))
    office.server.state.ui_change_account(DIVISION, code, InvoiceAttachmentType=1024)

    report = office.undo()

    row = office.server.state.account(DIVISION, code)
    assert (row["InvoicingMethod"], row["InvoiceAttachmentType"]) == (1, 1024)
    assert [skip.now for skip in report.skipped] == ["InvoiceAttachmentType 1024"]


def test_undo_keeps_the_contact_that_invoices_are_mailed_to(office: Office) -> None:
    """While a later run's invoicing method stands, its contact stays: by e-mail, invoices would go to somebody else."""
    code = code_of(office, Kind.NO_EMAIL)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1)
    office.sync()
    first = office.apply(only(office, Kind.NO_EMAIL), limit=1)
    second = office.apply(only(office, Kind.NO_EMAIL))

    report = office.undo(run=first.run)

    assert len(ours_on(office, code)) == 1
    assert [second.run in skip.now for skip in report.skipped] == [True]


def without_accounts(office: Office) -> ExactClient:
    """A client whose changes to accounts Exact answers with yes, and does not make."""
    client = office.client
    real = client.put

    def put(path: str, guid: str, changes: Any) -> None:
        if path != "crm/Accounts":
            real(path, guid, changes)

    client.put = put  # type: ignore[method-assign]
    return client


def test_undo_that_exact_does_not_keep_is_a_failure(office: Office) -> None:
    """A value that Exact said yes to and did not put back is told, and can be undone again."""
    code = code_of(office, Kind.NO_EMAIL)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1)
    office.sync()
    before = cards(office)
    office.apply(only(office, Kind.NO_EMAIL))

    report = undo_with(office, without_accounts(office))
    office.undo()

    assert [(customer.code, action) for customer, action, _ in report.failed] == [(code, "set_invoicing")]
    assert cards(office) == before


def test_undo_keeps_the_contact_while_exact_keeps_the_method(office: Office) -> None:
    """When Exact does not put the invoicing method back, the contact that invoices now go to stays."""
    code = code_of(office, Kind.NO_EMAIL)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1)
    office.sync()
    office.apply(only(office, Kind.NO_EMAIL))

    undo_with(office, without_accounts(office))

    assert len(ours_on(office, code)) == 1


@pytest.mark.parametrize("field", ["Phone", "Mobile", "JobTitleDescription", "Notes"])
def test_undo_leaves_a_contact_that_somebody_filled_in(office: Office, field: str) -> None:
    """A contact with something that only a person writes is in use, and stays."""
    code = code_of(office, Kind.NO_EMAIL)
    office.apply(only(office, Kind.NO_EMAIL))
    office.server.state.ui_change_contact(DIVISION, str(ours_on(office, code)[0]["ID"]), **{field: "06 12345678"})

    report = office.undo()

    assert len(ours_on(office, code)) == 1
    assert [skip.now for skip in report.skipped] == [f"{field} filled in"]


def test_undo_leaves_a_contact_that_somebody_made_the_main_one(office: Office) -> None:
    """A contact of ours that a person chose as the main contact stays."""
    code = code_of(office, Kind.NO_EMAIL)
    office.apply(only(office, Kind.NO_EMAIL))
    office.server.state.ui_change_account(DIVISION, code, MainContact=ours_on(office, code)[0]["ID"])

    report = office.undo()

    assert len(ours_on(office, code)) == 1
    assert [skip.now for skip in report.skipped] == ["it is the main contact"]


@pytest.mark.parametrize(("minutes", "left"), [(4, 0), (6, 1)])
def test_undo_leaves_a_contact_that_was_changed_later(office: Office, minutes: int, left: int) -> None:
    """What was changed more than five minutes after it was made, somebody else changed, whatever it was."""
    code = code_of(office, Kind.NO_EMAIL)
    office.apply(only(office, Kind.NO_EMAIL))
    office.clock.forward(minutes=minutes)
    office.server.state.ui_change_contact(DIVISION, str(ours_on(office, code)[0]["ID"]), Gender="V")

    office.undo()

    assert len(ours_on(office, code)) == left


def test_undo_of_a_contact_that_we_corrected_later(open_office: OpenOffice) -> None:
    """Our own later write to a contact of ours makes it nobody else's: both runs are taken back."""
    office = open_office(customers=6, invoices=0)
    office.sync()
    before = cards(office)
    office.apply()
    office.clock.forward(days=1)
    wanted = replace(office.wiring.wanted(DIVISION), upload_address="new@uploads.is")
    plan = plan_setup(office.database, office.division.code, wanted, today=TODAY).plan
    apply_setup(office.database, office.client, plan, wanted=wanted, today=TODAY, clock=office.clock)
    office.clock.forward(days=1)

    office.undo()
    office.undo()

    assert cards(office) == before


def test_undo_of_a_contact_that_somebody_deleted(office: Office) -> None:
    """A contact that is gone is told, and does not count as taken back by us."""
    report = office.apply(only(office, Kind.NO_EMAIL, Kind.NO_CONTACT))
    code = min((code_of(office, kind) for kind in (Kind.NO_EMAIL, Kind.NO_CONTACT)), key=int)  # not the newest row
    office.server.state.ui_delete(DIVISION, "contacts", str(ours_on(office, code)[0]["ID"]))

    undone = office.undo()

    assert [(skip.customer.code, skip.now) for skip in undone.skipped] == [(code, "the contact is gone")]
    assert undone.applied == report.applied - 1


def test_undo_writes_on_no_card_that_cannot_be_read(office: Office) -> None:
    """Somebody chose Peppol, in a row that we cannot read: nothing is written by the older card that is here."""
    code = code_of(office, Kind.NO_EMAIL)
    office.apply(only(office, Kind.NO_EMAIL))
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=32)
    office.server.state.faults.on("changed-type:VATNumber")
    office.server.reset_calls()

    report = office.undo()

    assert (writes(office), report.applied) == (0, 0)
    assert {skip.now.partition(":")[0] for skip in report.skipped} == {"unreadable"}


def test_undo_stops_when_exact_shows_nothing(office: Office) -> None:
    """A stream that reads empty all at once is no reason to believe the cards here."""
    office.apply(only(office, Kind.NO_EMAIL))
    office.server.state.faults.on("empty-stream")
    office.server.reset_calls()

    report = office.undo()

    assert isinstance(report.stopped_by, ExactDoubtful)
    assert writes(office) == 0


def test_undo_takes_back_only_what_was_shown(few: Office) -> None:
    """Shown, then undone and applied anew by somebody else: a yes to the old list takes nothing of the new run back."""
    few.apply()
    code = few.division.code
    shown = undoable_steps(few.database, [code])[code]
    few.undo()
    few.apply()
    after = cards(few)

    report = undo_setup(few.database, few.client, code, steps=shown, clock=few.clock)

    assert cards(few) == after
    assert (report.applied, len(report.skipped), report.remaining) == (0, len(shown), 0)


def test_undo_that_stops_tells_what_it_did(office: Office) -> None:
    """A right that is missing at the second kind of write: what was taken back before counts, the rest remains."""
    code = code_of(office, Kind.NO_EMAIL)
    office.server.state.ui_change_account(DIVISION, code, InvoicingMethod=1)
    office.sync()
    office.apply(only(office, Kind.NO_EMAIL))

    report = undo_with(office, client_that(office, "delete", when="before", error=RightsMissing("no")))

    assert isinstance(report.stopped_by, RightsMissing)
    assert (report.applied, report.remaining) == (1, 1)


def test_undo_of_customers_takes_the_newest_run_of_each(office: Office) -> None:
    """Two customers of two runs, named together, both go back."""
    kinds = (Kind.NO_EMAIL, Kind.NO_CONTACT)
    for kind in kinds:
        office.apply(only(office, kind))
    codes = frozenset(code_of(office, kind) for kind in kinds)

    office.undo(codes=codes)

    assert [ours_on(office, code) for code in codes] == [[], []]


def test_undo_of_a_customer_that_nobody_knows(few: Office) -> None:
    """A code that no customer has is refused, also beside one that has something to undo."""
    few.apply()

    with pytest.raises(NothingFound, match="nobody"):
        undoable_steps(few.database, [few.division.code], codes=frozenset({"1", "nobody"}))


def test_runs_that_can_be_undone(office: Office) -> None:
    """Every run with something left is listed with when it was and how much is left, the newest first."""
    first = office.apply(only(office, Kind.NO_EMAIL))
    second = office.apply(only(office, Kind.NO_CONTACT))
    office.undo(run=second.run)
    third = office.apply(only(office, Kind.OUTDATED))

    with office.database.reading() as session:
        found = journal.undoable_runs(session, DIVISION)

    assert [(run.id, run.steps, run.customers) for run in found] == [
        (third.run, third.applied, 1),
        (first.run, first.applied, 1),
    ]


def test_undo_of_a_deleted_customer_is_not_left_over(office: Office) -> None:
    """A customer that was deleted since has nothing to put back: it is reported, and does not remain for ever."""
    code = code_of(office, Kind.NO_EMAIL)
    office.apply(only(office, Kind.NO_EMAIL))
    state = office.server.state
    for row in state.contacts_of(DIVISION, code):
        state.ui_delete(DIVISION, "contacts", str(row["ID"]))
    state.ui_delete(DIVISION, "accounts", str(state.account(DIVISION, code)["ID"]))
    office.sync()

    report = office.undo()

    assert report.remaining == 0
    assert len(report.skipped) > 0
    assert report.skipped[0].customer.code == code


def test_failed_steps_are_in_the_journal(office: Office) -> None:
    """What Exact refused is kept with its words, and is not undone later."""
    report = office.apply(bad_attachment_type(office, code_of(office, Kind.NO_EMAIL)))

    states = Counter(step.state for step in steps_of(office, report.run))
    assert states == {StepState.DONE: report.applied}
