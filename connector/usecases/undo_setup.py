"""Put back what a set-up run changed, from the journal, newest first; what somebody changed since is left alone."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog

from connector.customer import ContactId, Customer, CustomerId, Division
from connector.customers.setup import Action, Skip, SkipReason, holds
from connector.errors import AnswerLost, NeedsPerson, NothingFound, Permanent, Transient
from connector.exact import records
from connector.exact.client import ExactClient
from connector.storage import customers, journal
from connector.storage.database import Database
from connector.storage.journal import RunKind, SetupRun, SetupStep, StepId, StepState
from connector.usecases.apply_setup import (
    ACCOUNTS,
    CONTACTS,
    DELETE_CONTACT,
    Progress,
    SetupReport,
    settle_intentions,
)
from connector.usecases.ownership import Lease
from connector.usecases.sync_division import sync_cards

log = structlog.get_logger()


def undoable_steps(
    database: Database,
    chosen: Sequence[Division],
    *,
    run: str | None = None,
    codes: frozenset[str] = frozenset(),
) -> dict[Division, list[SetupStep]]:
    """What an undo would put back, by division, newest first.

    Args:
        run: The run to undo; None: the newest apply with something left to undo, of these customers.
        codes: Only customers with these codes; empty: all.

    Raises:
        NothingFound: No such run, or nothing left to undo.
    """
    with database.reading() as session:
        left = [step for division in chosen for step in journal.undoable_steps(session, division, run)]
    wanted = [step for step in left if not codes or step.customer_code in codes]
    if run is None and wanted:
        newest = max(step.run_id for step in wanted)
        wanted = [step for step in wanted if step.run_id == newest]
    found: dict[Division, list[SetupStep]] = {}
    for step in sorted(wanted, key=lambda step: step.id, reverse=True):
        found.setdefault(step.division, []).append(step)
    if not found:
        what = f"of run {run}" if run else "of the set-up"
        raise NothingFound(f"there is nothing to undo {what}", hint="see `connector setup status`")
    return found


def undo_setup(
    database: Database,
    client: ExactClient,
    division: Division,
    *,
    steps: list[SetupStep],
    clock: Callable[[], datetime],
    progress: Progress = lambda done, all_of_them: None,
) -> SetupReport:
    """Put back the values that stood before, and remove contacts that a run made itself.

    Returns:
        `applied` counts what was put back; `skipped` what somebody changed since.
    """
    calls_before = client.calls
    with Lease(database, f"setup:{division}", now=clock()) as lease:
        with database.transaction() as session:
            undoes = steps[0].run_id if steps else None
            run = journal.start_run(session, division, RunKind.UNDO, undoes=undoes, now=clock())
        report = SetupReport(run=run.id, division=division)
        try:
            settle_intentions(database, client, division, clock=clock)
            sync_cards(database, client, division, clock=clock)
            taken_back: list[tuple[SetupStep, StepId]] = []
            for number, step in enumerate(steps, start=1):
                done = _undo_step(database, client, division, run, step, report, clock)
                taken_back += [(step, done)] if done is not None else []
                lease.take(clock())
                progress(number, len(steps))
            sync_cards(database, client, division, clock=clock)
            for step, done in taken_back:
                _check(database, division, step, done, report, clock)
        except (NeedsPerson, Transient) as error:
            report.stopped_by = error
        report.remaining = len(steps) - report.applied - len(report.skipped) - len(report.failed)
        with database.transaction() as session:
            journal.end_run(session, run.id, now=clock())
    report.api_calls = client.calls - calls_before
    log.info("setup.undone", division=division, run=run.id, undone=report.applied)
    return report


def _undo_step(
    database: Database,
    client: ExactClient,
    division: Division,
    run: SetupRun,
    step: SetupStep,
    report: SetupReport,
    clock: Callable[[], datetime],
) -> StepId | None:
    """One step back: intent, write, outcome; gives the step of this run that did it."""
    customer = CustomerId(step.customer_id)
    with database.reading() as session:
        card = customers.get(session, division, customer)
        contacts = customers.contacts_of(session, division, customer)
    ours = next((contact for contact in contacts if contact.id == step.contact_id), None)
    target = ours if step.contact_id is not None else card
    if card is None:
        gone = Customer(division=division, id=customer, code=step.customer_code, name=step.customer_name, status="")
        report.skipped.append(Skip(customer=gone, reason=SkipReason.CHANGED_MEANWHILE))
        return None
    if target is None or not holds(target, step.after):
        report.skipped.append(Skip(customer=card, reason=SkipReason.CHANGED_MEANWHILE))
        return None
    creates = step.action == Action.CREATE_CONTACT
    action = DELETE_CONTACT if creates else step.action
    after: dict[str, Any] = {} if creates else dict(step.before or {})
    with database.transaction() as session:
        taken_back = journal.add_step(
            session,
            run,
            customer_id=card.id,
            customer_code=card.code,
            customer_name=card.name,
            action=action,
            contact_id=step.contact_id,
            before=dict(step.after),
            after=after,
            now=clock(),
        )
    try:
        _write_back(client, step.contact_id, customer, after, deletes=creates)
    except Permanent as error:
        with database.transaction() as session:
            journal.finish_step(session, taken_back, StepState.FAILED, error=error.message, now=clock())
        report.failed.append((card, action, error.message))
        return None
    with database.transaction() as session:
        journal.finish_step(session, taken_back, StepState.DONE, contact_id=step.contact_id, now=clock())
        journal.mark_undone(session, step.id, by=run.id)
        if creates and step.contact_id is not None:
            customers.delete_contacts(session, division, [step.contact_id])
    report.applied += 1
    return taken_back


def _check(
    database: Database,
    division: Division,
    step: SetupStep,
    taken_back: StepId,
    report: SetupReport,
    clock: Callable[[], datetime],
) -> None:
    """What Exact did not keep on reading back is a failure that says so, and stays to be undone."""
    with database.reading() as session:
        card = customers.get(session, division, step.customer_id)
        contacts = customers.contacts_of(session, division, step.customer_id)
    ours = next((contact for contact in contacts if contact.id == step.contact_id), None)
    target = ours if step.contact_id is not None else card
    if card is None or target is None or (step.action != Action.CREATE_CONTACT and holds(target, step.before or {})):
        return
    is_kept = step.action == Action.CREATE_CONTACT
    error = "Exact did not remove the contact" if is_kept else "Exact did not keep the value: " + ", ".join(step.after)
    with database.transaction() as session:
        journal.finish_step(session, taken_back, StepState.FAILED, error=error, now=clock())
        journal.mark_undone(session, step.id, by=None)
    report.applied -= 1
    report.failed.append((card, step.action, error))


def _write_back(
    client: ExactClient, contact: ContactId | None, customer: CustomerId, after: dict[str, Any], *, deletes: bool
) -> None:
    """The write; deleting and putting a value are the same when done twice, so a lost answer is simply looked at."""
    try:
        if deletes and contact is not None:
            client.delete(CONTACTS, contact)
        elif contact is not None:
            client.put(CONTACTS, contact, after)
        else:
            client.put(ACCOUNTS, customer, after)
    except AnswerLost:
        if deletes and contact is not None and client.get_one(CONTACTS, contact, select=records.Contact.FIELDS):
            raise
        if not deletes:
            raise
