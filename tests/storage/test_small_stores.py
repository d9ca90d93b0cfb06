"""Journal, leases, consents under way, recipients, budgets."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connector.customer import ContactId, CustomerId, Division
from connector.routing.directory import Recipient
from connector.storage import budgets, journal, learned, leases, oauth_states, recipients
from connector.storage.database import Database
from connector.storage.ids import sortable_id
from connector.storage.journal import RunKind, SetupRun, StepId, StepState

from .conftest import NOON

CODE = Division(123456)
LATER = NOON + timedelta(minutes=10)


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

        (done,) = journal.steps(session, run.id)
        assert (opened.state, opened.before, opened.contact_id) == (StepState.INTENDED, None, None)
        assert done == replace(opened, state=StepState.DONE, contact_id=ContactId("p-9"), at=LATER)
        assert journal.open_steps(session, CODE) == ()


def test_undo_is_a_run_of_its_own(database: Database, run: SetupRun) -> None:
    """An undo names what it undoes, marks its steps, and is not the newest apply."""
    step = add_step(database, run)
    with database.transaction() as session:
        journal.finish_step(session, step, StepState.DONE, now=NOON)
        journal.end_run(session, run.id, now=NOON)
        undo = journal.start_run(session, CODE, RunKind.UNDO, undoes=run.id, now=LATER)

        journal.mark_undone(session, step, by=undo.id)

        ended = replace(run, ended_at=NOON)
        assert journal.steps(session, run.id)[0].undone_by == undo.id
        assert journal.newest_run(session, CODE) == ended == journal.get_run(session, run.id)
        assert journal.all_runs(session, CODE) == (ended, undo) == journal.all_runs(session)
        assert journal.newest_run(session, 7) is None


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
