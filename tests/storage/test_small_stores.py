"""Journal, leases, consents under way, recipients, budgets, remembered reports."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from connector.customer import ContactId, CustomerId, Division
from connector.customers.audit import Before, FindingStatus
from connector.routing.directory import Recipient
from connector.storage import budgets, connections, journal, kvk_reports, learned, leases, oauth_states, recipients
from connector.storage.connections import Connection
from connector.storage.database import Database
from connector.storage.ids import sortable_id
from connector.storage.journal import RunKind, SetupRun, StepId, StepState
from connector.storage.tokens import TokenPair, accept_pair
from connector.storage.vault import Vault

from .conftest import NOON

CODE = Division(123456)
LATER = NOON + timedelta(minutes=10)
LONG_AGO = timedelta(days=40)


def add_step(database: Database, run: SetupRun) -> StepId:
    """Intend to make a contact."""
    with database.transaction() as session:
        return journal.add_step(
            session,
            run,
            customer_id=CustomerId("c-1"),
            customer_code="6",
            customer_name="Bakkerij Voorbeeld B.V.",
            action="create_contact",
            before=None,
            after={"Email": "x@uploads.example"},
            now=NOON,
        )


@pytest.fixture
def run(database: Database) -> SetupRun:
    """An apply that was begun."""
    with database.transaction() as session:
        return journal.start_run(session, CODE, RunKind.APPLY, upload_address="x@uploads.example", now=NOON)


def test_intended_step_is_open_until_finished(database: Database, run: SetupRun) -> None:
    """A step is open from its intent on, until what became of it is stored."""
    step = add_step(database, run)
    with database.transaction() as session:
        (opened,) = journal.open_steps(session, CODE)

        journal.finish_step(session, step, StepState.DONE, contact_id=ContactId("p-9"), now=LATER)

        done = journal.get_step(session, step)
        assert (opened.state, opened.before, opened.contact_id) == (StepState.INTENDED, None, None)
        assert done == replace(opened, state=StepState.DONE, contact_id=ContactId("p-9"), at=LATER)
        assert journal.open_steps(session, CODE) == ()


def test_done_step_is_unconfirmed_until_read_back(database: Database, run: SetupRun) -> None:
    """A step is done at once, and stands among those to look up until Exact has shown it; another error stays."""
    shown, wrong = add_step(database, run), add_step(database, run)
    with database.transaction() as session:
        for step in (shown, wrong):
            journal.finish_step(session, step, StepState.DONE, error=journal.NOT_READ_BACK, now=NOON)
        assert [step.id for step in journal.unconfirmed_steps(session, CODE)] == [shown, wrong]

        journal.correct_step(session, wrong, StepState.DONE, error="not kept", before={"a": 1}, after={"a": 2})
        journal.confirm_steps(session, [shown, wrong])

        assert journal.unconfirmed_steps(session, CODE) == ()
        assert journal.get_step(session, shown).error is None
        corrected = journal.get_step(session, wrong)
        assert (corrected.error, corrected.before, corrected.after) == ("not kept", {"a": 1}, {"a": 2})
        assert corrected.at == NOON


def test_undo_is_a_run_of_its_own(database: Database, run: SetupRun) -> None:
    """An undo names what it undoes, marks its steps, and leaves the run that it undoes as it was."""
    step = add_step(database, run)
    with database.transaction() as session:
        journal.finish_step(session, step, StepState.DONE, now=NOON)
        journal.end_run(session, run.id, now=NOON)
        undo = journal.start_run(session, CODE, RunKind.UNDO, undoes=run.id, now=LATER)

        journal.mark_undone(session, step, by=undo.id)

        assert journal.get_step(session, step).undone_by == undo.id
        assert journal.get_run(session, run.id) == replace(run, ended_at=NOON)
        assert journal.get_run(session, undo.id) == undo
        assert journal.get_run(session, "run_none") is None


def test_set_up_since_is_the_first_change_that_stands(database: Database, run: SetupRun) -> None:
    """Done steps of contact and invoicing count, each customer's first; not those taken back, nor a main contact's."""
    steps = [
        ("c-1", "set_kvk", StepState.DONE, 1),
        ("c-1", "set_invoicing", StepState.FAILED, 2),
        ("c-1", "create_contact", StepState.DONE, 3),
        ("c-1", "set_invoicing", StepState.DONE, 4),
        ("c-2", "update_contact", StepState.DONE, 5),
        ("c-3", "set_kvk", StepState.DONE, 6),
        ("c-5", "update_contact", StepState.DONE, 6),
        ("c-4", "create_contact", StepState.DONE, 7),
    ]

    def add(of: SetupRun, customer: str, action: str, state: StepState, minute: int) -> StepId:
        at = NOON + timedelta(minutes=minute)
        step = journal.add_step(
            session, of, customer_id=CustomerId(customer), customer_code="6", customer_name="Bakkerij",
            action=action, before=None, after={"Email": "x@uploads.example"}, now=NOON,
            contact_id=ContactId("contact") if customer == "c-2" else None,  # c-5: only the main contact
        )  # fmt: skip
        journal.finish_step(session, step, state, now=at)
        return step

    with database.transaction() as session:
        added = [add(run, *step) for step in steps]
        undo = journal.start_run(session, CODE, RunKind.UNDO, undoes=run.id, now=LATER)
        journal.mark_undone(session, added[-1], by=undo.id)
        add(undo, "c-4", "update_contact", StepState.DONE, 8)
        elsewhere = journal.start_run(session, Division(7), RunKind.APPLY, now=NOON)
        add(elsewhere, "c-9", "set_invoicing", StepState.DONE, 9)

        assert journal.set_up_since(session, CODE) == {
            "c-1": NOON + timedelta(minutes=3),
            "c-2": NOON + timedelta(minutes=5),
        }


@pytest.mark.parametrize(("age", "left"), [(timedelta(0), 30), (timedelta(days=29, hours=23), 1), (LONG_AGO, 0)])
def test_days_left_of_a_log_in(connection: Connection, age: timedelta, left: int) -> None:
    """A log-in lasts 30 days from its last renewal, never less than none; without tokens it has none."""
    renewed = replace(connection, refresh_issued_at=NOON - age)

    assert connections.days_left(renewed, NOON) == left
    assert connections.days_left(connection, NOON) == 0


def test_tokens_are_known_to_be_there(database: Database, vault: Vault, connection: Connection) -> None:
    """A connection alone holds no tokens; once it was answered it does."""
    with database.transaction() as session:
        before = connections.holds_tokens(session)
        pair = TokenPair(access_token="a", refresh_token="r", issued_at=NOON, expires_in=600)
        accept_pair(session, vault, connection.id, pair=pair, now=NOON)

        assert (before, connections.holds_tokens(session)) == (False, True)


def test_lease_has_one_holder(database: Database) -> None:
    """Somebody else's lease is not taken before it runs out; one's own is made longer."""
    with database.transaction() as session:

        def take(owner: str, minutes: int) -> bool:
            now = NOON + timedelta(minutes=minutes)
            return leases.take(session, "scheduler", owner=owner, now=now, until=now + timedelta(minutes=10))

        taken = [take("a", 0), take("b", 5), take("a", 5), take("b", 14), take("b", 15), take("a", 16)]
        leases.release(session, "scheduler", owner="a")
        holder = leases.holder(session, "scheduler")
        leases.release(session, "scheduler", owner="b")

        assert taken == [True, False, True, False, True, False]
        assert holder == "b"
        assert leases.holder(session, "scheduler") is None


@pytest.mark.parametrize(
    ("state", "after", "ours"),
    [("s", timedelta(minutes=9), True), ("s", timedelta(minutes=10), False), ("other", timedelta(0), False)],
)
def test_consent_is_used_within_ten_minutes(database: Database, state: str, after: timedelta, ours: bool) -> None:
    """A consent is ours when its state was given out in the last ten minutes, and only once."""
    with database.transaction() as session:
        oauth_states.add(session, "s", now=NOON)

        first = oauth_states.use(session, state, now=NOON + after)
        second = oauth_states.use(session, state, now=NOON + after)

    assert (first, second) == (ours, False)


def test_recipients_come_back_with_an_id(database: Database) -> None:
    """Recipients are listed as added, and one that is removed is gone."""
    wanted = Recipient(id=0, name="Gemeente", kvk="01234567", channel="email", address="ap@gemeente.example")
    with database.transaction() as session:
        first = recipients.add(session, wanted, now=NOON)
        second = recipients.add(session, wanted, now=NOON)

        removed = recipients.remove(session, first.id), recipients.remove(session, first.id)

        assert removed == (True, False)
        assert recipients.all(session) == (second,) == (replace(wanted, id=second.id),)


def test_learned_and_budget_are_replaced(database: Database) -> None:
    """The last value stored is the one read; nothing stored is None."""
    with database.transaction() as session:
        before = learned.read(session, CODE, "attachment_type"), budgets.read(session, CODE)
        for value in (4096, 4097):
            learned.save(session, CODE, "attachment_type", value)
            budgets.save(session, CODE, {"minute": value})

        assert before == (None, None)
        assert learned.read(session, CODE, "attachment_type") == 4097
        assert budgets.read(session, CODE) == {"minute": 4097}


def test_ids_sort_by_time() -> None:
    """An id made a millisecond later sorts after, and two of the same millisecond differ."""
    earlier, again = sortable_id("inv", NOON), sortable_id("inv", NOON)

    later = sortable_id("inv", NOON + timedelta(milliseconds=1))

    assert earlier != again
    assert max(earlier, again) < later
    assert len(later) == len("inv_") + 18


MISSING = {CustomerId("c-1"): Before(status=FindingStatus.MISSING, kvk="")}
SOLVED = {CustomerId("c-1"): Before(status=FindingStatus.OK, kvk="01234567")}


def test_newest_report_on_or_before_a_day_is_found(database: Database) -> None:
    """A day finds its own report or the newest before it, of its own division; a day before all finds none."""
    with database.transaction() as session:
        kvk_reports.save(session, CODE, date(2026, 11, 2), MISSING)
        kvk_reports.save(session, CODE, date(2026, 11, 5), SOLVED)
        kvk_reports.save(session, CODE + 1, date(2026, 11, 4), MISSING)

    with database.reading() as session:
        found = {day: kvk_reports.find(session, CODE, on_or_before=date(2026, 11, day)) for day in (1, 2, 4, 5, 30)}
        first = kvk_reports.first_day(session, CODE)

    assert found == {
        1: None,
        2: (date(2026, 11, 2), MISSING),
        4: (date(2026, 11, 2), MISSING),
        5: (date(2026, 11, 5), SOLVED),
        30: (date(2026, 11, 5), SOLVED),
    }
    assert first == date(2026, 11, 2)


def test_report_that_says_the_same_is_not_kept_again(database: Database) -> None:
    """A report every day costs nothing while nothing changes; a later one of the same day takes the earlier's place."""
    with database.transaction() as session:
        for day in (2, 3, 4):
            kvk_reports.save(session, CODE, date(2026, 11, day), MISSING)
        unchanged = kvk_reports.find(session, CODE, on_or_before=date(2026, 11, 4))
        kvk_reports.save(session, CODE, date(2026, 11, 2), SOLVED)
        replaced = kvk_reports.find(session, CODE, on_or_before=date(2026, 11, 4))

    assert (unchanged, replaced) == ((date(2026, 11, 2), MISSING), (date(2026, 11, 2), SOLVED))


def test_no_report_is_none(database: Database) -> None:
    """Without a report there is no first day."""
    with database.reading() as session:
        assert kvk_reports.first_day(session, CODE) is None
