"""The journal: what set-up was about to write to Exact, what became of it, and what undid it.

The writing, and looking up what became of it, is left to the use cases.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from sqlalchemy import Select, func, or_, select, update
from sqlmodel import Session

from connector.customer import ContactId, CustomerId, Division
from connector.storage.ids import sortable_id
from connector.storage.tables import SetupRunRow, SetupStepRow, columns_for, storable, table_of

RunId = NewType("RunId", str)
StepId = NewType("StepId", int)

RUNS = table_of(SetupRunRow)
STEPS = table_of(SetupStepRow)
SET_UP_ACTIONS = ("create_contact", "update_contact", "set_invoicing")
"""What makes Exact mail a customer's invoices to the upload address; `set_kvk` does not."""


NOT_READ_BACK = "not read back yet"
"""What stands as the error of a step that is done until Exact has shown that it lasted."""


class RunKind(StrEnum):
    """What a run does."""

    APPLY = "apply"
    UNDO = "undo"
    SEND = "send"
    """Not of the cards but of invoices: printing cannot be undone."""


class StepState(StrEnum):
    """What is known of a write; `intended` after a crash means: look it up in Exact."""

    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupRun:
    """One apply or undo on one division."""

    id: RunId
    division: Division
    kind: RunKind
    undoes: RunId | None
    upload_address: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStep:
    """One write to one customer's card."""

    id: StepId
    run_id: RunId
    division: Division
    customer_id: CustomerId
    customer_code: str
    customer_name: str
    action: str
    contact_id: ContactId | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]
    """In Exact's field names, as in a plan."""
    state: StepState
    error: str | None
    undone_by: RunId | None
    at: datetime
    """When it was intended, or when what became of it was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoableRun:
    """An apply run of which something was done and not taken back."""

    id: RunId
    division: Division
    started_at: datetime
    steps: int
    """How many changes are left to undo."""
    customers: int
    """Of how many customers."""


RUN_COLUMNS = columns_for(RUNS, SetupRun)
STEP_COLUMNS = columns_for(STEPS, SetupStep)


def start_run(
    session: Session,
    division: Division,
    kind: RunKind,
    *,
    undoes: RunId | None = None,
    upload_address: str = "",
    now: datetime,
) -> SetupRun:
    """Begin a run."""
    run = SetupRun(
        id=RunId(sortable_id("run", now)),
        division=division,
        kind=kind,
        undoes=undoes,
        upload_address=upload_address,
        started_at=now,
        ended_at=None,
    )
    statement = RUNS.insert().values(
        id=run.id,
        division=division,
        kind=kind.value,
        undoes=undoes,
        upload_address=upload_address,
        started_at=now,
    )
    session.connection().execute(statement)
    return run


def end_run(session: Session, run_id: RunId, *, now: datetime) -> None:
    """Say that a run came to its end."""
    session.connection().execute(update(RUNS).where(RUNS.c.id == run_id).values(ended_at=now))


def get_run(session: Session, run_id: str) -> SetupRun | None:
    """One run."""
    row = session.connection().execute(select(*RUN_COLUMNS).where(RUNS.c.id == run_id)).one_or_none()
    return None if row is None else SetupRun(**{**row._asdict(), "kind": RunKind(row.kind)})


def add_step(
    session: Session,
    run: SetupRun,
    *,
    customer_id: CustomerId,
    customer_code: str,
    customer_name: str,
    action: str,
    contact_id: ContactId | None = None,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    now: datetime,
) -> StepId:
    """Write down what is about to be written; commit this before it is."""
    statement = (
        STEPS.insert()
        .values(
            run_id=run.id,
            division=run.division,
            customer_id=customer_id,
            customer_code=customer_code,
            customer_name=customer_name,
            action=action,
            contact_id=contact_id,
            before=None if before is None else dict(before),
            after=dict(after),
            state=StepState.INTENDED.value,
            at=now,
        )
        .returning(STEPS.c.id)
    )
    return StepId(session.connection().execute(statement).scalar_one())


def finish_step(
    session: Session,
    step_id: StepId,
    state: StepState,
    *,
    contact_id: ContactId | None = None,
    error: str | None = None,
    now: datetime,
) -> None:
    """Say what became of a write; `contact_id` names a contact that it made."""
    values: dict[str, Any] = {"state": state.value, "error": error and storable(error), "at": now}
    if contact_id is not None:
        values["contact_id"] = contact_id
    session.connection().execute(update(STEPS).where(STEPS.c.id == step_id).values(values))


def confirm_steps(session: Session, ids: Collection[StepId]) -> None:
    """Say of steps that are done that Exact has shown it."""
    s = STEPS.c
    session.connection().execute(update(STEPS).where(s.id.in_(ids), s.error == NOT_READ_BACK).values(error=None))


def correct_step(
    session: Session,
    step_id: StepId,
    state: StepState,
    *,
    error: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> None:
    """Say that a write turned out otherwise: what of it was kept is what an undo takes back."""
    values = {"state": state.value, "error": storable(error), "before": before and dict(before), "after": dict(after)}
    session.connection().execute(update(STEPS).where(STEPS.c.id == step_id).values(values))


def unconfirmed_steps(session: Session, division: int) -> tuple[SetupStep, ...]:
    """Steps of apply runs that are done and were not read back: the run ended before it came to that."""
    s = STEPS.c
    statement = (
        select(*STEP_COLUMNS)
        .join(RUNS, RUNS.c.id == s.run_id)
        .where(s.division == division, RUNS.c.kind == RunKind.APPLY.value)
        .where(s.state == StepState.DONE.value, s.error == NOT_READ_BACK, s.undone_by.is_(None))
    )
    return _steps(session, statement)


def get_step(session: Session, step_id: StepId) -> SetupStep:
    """One step that is there."""
    return _steps(session, select(*STEP_COLUMNS).where(STEPS.c.id == step_id))[0]


def open_steps(
    session: Session, division: int, kinds: Collection[RunKind] = (RunKind.APPLY, RunKind.UNDO)
) -> tuple[SetupStep, ...]:
    """Steps of runs of these kinds that were intended and of which nothing more is known."""
    s = STEPS.c
    statement = (
        select(*STEP_COLUMNS)
        .join(RUNS, RUNS.c.id == s.run_id)
        .where(s.division == division, s.state == StepState.INTENDED.value)
        .where(RUNS.c.kind.in_([kind.value for kind in kinds]))
    )
    return _steps(session, statement)


def mark_undone(session: Session, step_id: StepId, *, by: RunId) -> None:
    """Say which undo took a step back."""
    session.connection().execute(update(STEPS).where(STEPS.c.id == step_id).values(undone_by=by))


def mark_original_undone(session: Session, step: SetupStep) -> None:
    """After a step of an undo run turned out to be done: say so on the step that it took back.

    That is the newest step of an apply run with the same customer and contact whose action it reverses.
    """
    run = get_run(session, step.run_id)
    if run is None or run.kind is not RunKind.UNDO:
        return
    s = STEPS.c
    reversed_action = "create_contact" if step.action == "delete_contact" else step.action
    same_contact = s.contact_id.is_(None) if step.contact_id is None else s.contact_id == step.contact_id
    original = (
        select(s.id)
        .join(RUNS, RUNS.c.id == s.run_id)
        .where(
            RUNS.c.kind == RunKind.APPLY.value,
            s.division == step.division,
            s.customer_id == step.customer_id,
            s.action == reversed_action,
            same_contact,
            s.state == StepState.DONE.value,
            s.undone_by.is_(None),
        )
    )
    found = session.connection().execute(original.order_by(s.id.desc()).limit(1)).scalar_one_or_none()
    if found is not None:
        mark_undone(session, StepId(found), by=step.run_id)


def undoable_steps(session: Session, division: int, run_id: str | None = None) -> tuple[SetupStep, ...]:
    """Steps of apply runs, of all or of one, that were done and not taken back, in the order of writing."""
    s = STEPS.c
    statement = (
        select(*STEP_COLUMNS)
        .join(RUNS, RUNS.c.id == s.run_id)
        .where(s.division == division, RUNS.c.kind == RunKind.APPLY.value)
        .where(s.state == StepState.DONE.value, s.undone_by.is_(None))
    )
    return _steps(session, statement if run_id is None else statement.where(s.run_id == run_id))


def undoable_runs(session: Session, division: int) -> tuple[UndoableRun, ...]:
    """The runs of `undoable_steps`, the newest first."""
    r, s = RUNS.c, STEPS.c
    statement = (
        select(
            r.id,
            r.division,
            r.started_at,
            func.count().label("steps"),
            func.count(s.customer_id.distinct()).label("customers"),
        )
        .join(STEPS, r.id == s.run_id)
        .where(r.division == division, r.kind == RunKind.APPLY.value)
        .where(s.state == StepState.DONE.value, s.undone_by.is_(None))
        .group_by(r.id, r.division, r.started_at)
        .order_by(r.id.desc())
    )
    return tuple(UndoableRun(**row._asdict()) for row in session.connection().execute(statement))


def contact_updated_at(session: Session, division: int, contact_id: str) -> datetime | None:
    """When we last changed a contact after it was made; None: never."""
    s = STEPS.c
    statement = select(func.max(s.at)).where(s.division == division, s.contact_id == contact_id)
    statement = statement.where(s.action == "update_contact", s.state == StepState.DONE.value)
    found: datetime | None = session.connection().execute(statement).scalar_one_or_none()
    return found


def created_with(session: Session, division: int, contact_id: str) -> Mapping[str, Any] | None:
    """The `before` of the step in which we made a contact; None when we did not make it, or nothing stood before."""
    s = STEPS.c
    statement = select(s.before).where(s.division == division, s.contact_id == contact_id, s.action == "create_contact")
    return session.connection().execute(statement.order_by(s.id.desc()).limit(1)).scalar_one_or_none()


def set_up_since(session: Session, division: int) -> dict[CustomerId, datetime]:
    """By customer, when an apply run first changed its contact or invoicing in a way that was not taken back."""
    s = STEPS.c
    statement = (
        select(s.customer_id, func.min(s.at))
        .join(RUNS, RUNS.c.id == s.run_id)
        .where(s.division == division, RUNS.c.kind == RunKind.APPLY.value, s.action.in_(SET_UP_ACTIONS))
        .where(s.state == StepState.DONE.value, s.undone_by.is_(None))
        .where(or_(s.action != "update_contact", s.contact_id.is_not(None)))  # else only who is the main contact
        .group_by(s.customer_id)
    )
    return {CustomerId(customer): at for customer, at in session.connection().execute(statement)}


def _steps(session: Session, statement: Select[Any]) -> tuple[SetupStep, ...]:
    rows = session.connection().execute(statement.order_by(STEPS.c.id))
    return tuple(SetupStep(**{**row._asdict(), "state": StepState(row.state)}) for row in rows)
