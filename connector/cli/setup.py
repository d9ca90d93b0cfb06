"""`connector setup`: the plan of changes to customers' cards, applying it, undoing it, and how far it is.

What has to change is decided in `customers.setup`; the writing is the use cases' affair.
"""

import json as json_module
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli.files import write_file
from connector.cli.setup_tables import drift_table, plan_counts, plan_table, runs_table, status_table, undo_table
from connector.cli.terminal import (
    Show,
    ask,
    data_age,
    finish,
    local_time,
    note,
    print_json,
    progress,
    say,
    screen,
    terminal_of,
)
from connector.composition import Wiring
from connector.customers import attachment_types, setup
from connector.customers.drift import drift_as_json
from connector.customers.setup import CONFLICTS, Plan
from connector.customers.setup_wording import UNKNOWN_ATTACHMENT_TYPE, address_warning
from connector.errors import ConnectorError, InvalidSetting, Permanent, WrongUsage
from connector.exact.budget import Priority, ready_at
from connector.storage.divisions import PinnedDivision
from connector.storage.journal import SetupStep, UndoableRun
from connector.texts import counted
from connector.usecases.apply_setup import SetupReport, apply_setup
from connector.usecases.learn_attachment_type import find_lesson, learn
from connector.usecases.plan_setup import (
    PlannedSetup,
    left_of_plan,
    plan_setup,
    require_customers,
    require_saved,
    setup_drift,
    setup_status,
)
from connector.usecases.undo_setup import undo_setup, undoable_runs, undoable_steps

app = typer.Typer(no_args_is_help=True)
TELL_EVERY = 50
"""After so many changes, about as many as Exact allows a minute, the expected end is told anew."""

DivisionOption = Annotated[list[int] | None, typer.Option("--division", help="Only this one; may be repeated.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def register(program: typer.Typer) -> None:
    """Add the group."""
    program.add_typer(app, name="setup", help="The set-up of customers' cards: plan, apply, undo, status.")


OVERRIDE_HELP = "Change these customers too: " + ", ".join(sorted(CONFLICTS)) + "; may be repeated."


@app.command("status")
def status(context: typer.Context, division: DivisionOption = None, json: JsonOption = False) -> None:
    """The five steps per division: done, to do, skipped, conflict; and what was changed in Exact since."""
    with terminal_of(context).wiring() as wiring:
        start = wiring.settings.routing.start_date
        found = []
        hints = []
        for pinned in wiring.pinned(division):
            wanted = _wanted(wiring, pinned.code)
            if wanted.attachment_type is None:
                hints.append(f"division {pinned.code}: {UNKNOWN_ATTACHMENT_TYPE}")
            steps = setup_status(wiring.database, pinned.code, wanted, today=wiring.today, start_date=start)
            drift = setup_drift(wiring.database, pinned.code, wanted, today=wiring.today)
            found.append((pinned, steps, drift, undoable_runs(wiring.database, [pinned.code])))
    if json:
        print_json(
            {
                "divisions": [
                    {
                        "division": pinned.code,
                        "steps": [setup.step_as_json(step) for step in steps],
                        "drift": [drift_as_json(each) for each in drift],
                        "runs": [_run_as_json(run) for run in runs],
                    }
                    for pinned, steps, drift, runs in found
                ]
            }
        )
        return
    for pinned, steps, drift, runs in found:
        screen().print(status_table(pinned, steps))
        if drift:
            screen().print(drift_table(drift))
        if runs:
            screen().print(runs_table(runs))
    for hint in hints:
        note(context, hint)


def _run_as_json(run: UndoableRun) -> dict[str, object]:
    return {"run": run.id, "started_at": run.started_at, "changes": run.steps, "customers": run.customers}


def _wanted(wiring: Wiring, division: int) -> setup.Wanted:
    """What the set-up aims at; with one division the upload address may still be to come: that is step 1."""
    try:
        return wiring.wanted(division)
    except InvalidSetting:
        if len(wiring.pinned()) > 1:
            raise
        return setup.Wanted(upload_address="", contact_name=wiring.settings.setup.contact_name)


@app.command("plan")
def plan(
    context: typer.Context,
    division: DivisionOption = None,
    customer: Annotated[
        list[str] | None, typer.Option("--customer", help="Only the customer with this code; may be repeated.")
    ] = None,
    override: Annotated[list[str] | None, typer.Option("--override", metavar="REASON", help=OVERRIDE_HELP)] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the plan to this file.")] = None,
    check: Annotated[bool, typer.Option("--check", help="End with exit code 5 when something would change.")] = False,
    json: JsonOption = False,
) -> None:
    """What would change in Exact, customer by customer; nothing is changed."""
    overrides = _overrides(override)
    with terminal_of(context).wiring() as wiring:
        chosen = wiring.synced(division)
        only = frozenset(customer) if customer else None
        require_customers(wiring.database, [pinned.code for pinned in chosen], only or frozenset())
        planned = [_plan(wiring, pinned, overrides, only) for pinned in chosen]
        _warn_of_addresses(context, wiring, [pinned.code for pinned in chosen])
        now = wiring.clock()
        ready = {each.plan.division: _ready_at(wiring, each.plan) for each in planned}
    if out is not None:
        document = setup.plans_as_file(each.plan for each in planned)
        write_file(out, (json_module.dumps(document, ensure_ascii=False, indent=2) + "\n").encode())
        note(context, f"written to {out}; apply it with: connector setup apply {out}")
    for each in planned:
        note(context, data_age(each.plan.division, each.last_synced_at, now))
    if json:
        documents = [setup.plan_as_json(each.plan) | {"ready_at": ready[each.plan.division]} for each in planned]
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        for each in planned:
            show_plan(each.plan, done_at=ready[each.plan.division])
    if check and any(each.plan.changes for each in planned):
        raise typer.Exit(5)


def _plan(
    wiring: Wiring, pinned: PinnedDivision, overrides: frozenset[str], only: frozenset[str] | None
) -> PlannedSetup:
    return plan_setup(
        wiring.database,
        pinned.code,
        wiring.wanted(pinned.code),
        today=wiring.today,
        overrides=overrides,
        only=only,
    )


def _warn_of_addresses(context: typer.Context, wiring: Wiring, divisions: Sequence[int]) -> None:
    """Say where invoices would go that InvoiceSharing does not get."""
    for code in divisions:
        if warning := address_warning(wiring.wanted(code).upload_address):
            note(context, f"warning: division {code}: {warning}")


def _overrides(words: list[str] | None) -> frozenset[str]:
    known = {reason.value for reason in CONFLICTS}
    for word in words or []:
        if word not in known:
            raise WrongUsage(f"--override {word} is not possible", hint="one of: " + ", ".join(sorted(known)))
    return frozenset(words or [])


def _ready_at(wiring: Wiring, plan: Plan) -> datetime:
    """When the plan would be carried out, going by what is left of Exact's limits."""
    return ready_at(wiring.budget(plan.division), plan.api_calls_needed, wiring.clock(), priority=Priority.SETUP)


def show_plan(plan: Plan, *, done_at: datetime, limit: int | None = None) -> None:
    """The plan as a table with before and after, its counts in words, and when it would be done.

    Args:
        limit: What keeps the changes few, though more customers are to change.
    """
    if plan.changes or plan.skips or plan.notes:
        screen().print(plan_table(plan))
    say(
        plan_counts(plan, limited=limit is not None)
        + (f", done at about {local_time(done_at)}" if plan.api_calls_needed else "")
    )


@app.command("apply")
def apply(
    context: typer.Context,
    planfile: Annotated[Path | None, typer.Argument(help="A plan written by `setup plan --out`.")] = None,
    division: DivisionOption = None,
    override: Annotated[list[str] | None, typer.Option("--override", metavar="REASON", help=OVERRIDE_HELP)] = None,
    yes: YesOption = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Stop after so many changes.")] = None,
    json: JsonOption = False,
) -> None:
    """Carry out a plan in Exact: the saved one, or a fresh one that is shown first."""
    reports: list[SetupReport] = []
    errors: list[ConnectorError] = []
    with terminal_of(context).wiring() as wiring:
        plans = _plans(wiring, planfile, division, _overrides(override))
        if plans:
            wiring.synced([each.division for each in plans])
        _warn_of_addresses(context, wiring, [each.division for each in plans])
        left = [
            left_of_plan(wiring.database, each, wiring.wanted(each.division), today=wiring.today, limit=limit)
            for each in plans
        ]
        if not json:
            for each in left:
                show_plan(each, done_at=_ready_at(wiring, each), limit=limit)
        changes = sum(len(each.changes) for each in left)
        if changes:
            ask(f"Make {counted(changes, 'change')} in Exact Online?", yes=yes)
        elif any(each.changes for each in plans):  # the cards as last synced are not always those of now
            ask("Nothing is left to do, as last synced. Make what Exact needs all the same?", yes=yes)
        with progress(context) as show:
            for each in plans:
                try:
                    reports.append(_apply(wiring, each, limit, _telling(wiring, each.division, "set-up", show)))
                except ConnectorError as error:  # what was done for other divisions is still told
                    errors.append(error)
    _show_reports(reports, json=json, verb="changed", errors=errors)


def _telling(wiring: Wiring, division: int, what: str, show: Show) -> Callable[[int, int], None]:
    """Progress that also says how many calls Exact allows today, and when the work ends by its limits."""

    def tell(done: int, total: int) -> None:
        detail = ""
        if done < total and done % TELL_EVERY == 0:
            budget = wiring.budget(division)
            end = ready_at(budget, setup.calls_needed(total - done), wiring.clock(), priority=Priority.SETUP)
            detail = f"{budget.day_left} calls left today, done at about {local_time(end)}"
        show(f"{division} {what}", done, total, detail)

    return tell


def _apply(wiring: Wiring, plan: Plan, limit: int | None, show: Callable[[int, int], None]) -> SetupReport:
    """Carry out the plan of one division."""
    return apply_setup(
        wiring.database,
        wiring.exact(wiring.pinned([plan.division])[0], priority=Priority.SETUP),
        plan,
        wanted=wiring.wanted(plan.division),
        today=wiring.today,
        clock=wiring.clock,
        limit=limit,
        progress=show,
    )


def _plans(wiring: Wiring, planfile: Path | None, division: list[int] | None, overrides: frozenset[str]) -> list[Plan]:
    """The plans to apply: those of a file, refused when the settings want something else, or fresh ones."""
    if planfile is None:
        return [_plan(wiring, pinned, overrides, None).plan for pinned in wiring.synced(division)]
    if overrides:
        raise WrongUsage(
            "--override goes with making a plan, not with a saved one", hint="connector setup plan --override"
        )
    saved = setup.plans_from_file(_read_plan_file(planfile))
    for code in division or []:
        if code not in {each.division for each in saved}:
            raise WrongUsage(
                f"{planfile} holds no plan for division {code}",
                hint=f"make one: connector setup plan --division {code}",
            )
    plans = [each for each in saved if not division or each.division in division]
    if plans:
        wiring.pinned([each.division for each in plans])  # is it connected? before what its settings want
    for each in plans:
        require_saved(wiring.database, each, wiring.wanted(each.division))
    return plans


def _read_plan_file(planfile: Path) -> Any:
    hint = "make one with: connector setup plan --out FILE"
    try:
        return json_module.loads(planfile.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUsage(f"{planfile} cannot be read: {error.strerror}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise WrongUsage(f"{planfile} is no plan file: it is not JSON that can be read", hint=hint) from error


@app.command("undo")
def undo(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            help="The run to undo, as `setup status` lists them; else the newest, with --customer that of each.",
        ),
    ] = None,
    customer: Annotated[
        list[str] | None, typer.Option("--customer", help="Only the customer with this code; may be repeated.")
    ] = None,
    division: DivisionOption = None,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Put back what a run changed; what somebody changed since is left alone."""
    reports: list[SetupReport] = []
    errors: list[ConnectorError] = []
    with terminal_of(context).wiring() as wiring:
        pinned = {each.code: each for each in wiring.pinned(division)}
        chosen = undoable_steps(wiring.database, list(pinned), run=run, codes=frozenset(customer or []))
        runs = undoable_runs(wiring.database, list(pinned))
        for code, theirs in chosen.items():
            what = _which_runs(theirs, runs)
            note(context, f"division {code} {pinned[code].name}: {what}")
            if not json:
                screen().print(undo_table(theirs, title=f"undo in {code} {pinned[code].name}: {what}"))
        for code in {each.division for each in runs} - chosen.keys():
            note(context, f"division {code} {pinned[code].name} has something to undo, too: --division {code}")
        where = ", ".join(f"{code} {pinned[code].name}" for code in chosen)
        ask(f"Take back {counted(sum(map(len, chosen.values())), 'change')} in Exact Online, in {where}?", yes=yes)
        with progress(context) as show:
            for code, theirs in chosen.items():
                try:
                    reports.append(_undo(wiring, pinned[code], theirs, _telling(wiring, code, "undo", show)))
                except ConnectorError as error:  # what was taken back in other divisions is still told
                    errors.append(error)
    _show_reports(reports, json=json, verb="taken back", errors=errors)


def _undo(
    wiring: Wiring, pinned: PinnedDivision, steps: Sequence[SetupStep], show: Callable[[int, int], None]
) -> SetupReport:
    """Take back what was shown of one division; with customers' codes there may be several."""
    client = wiring.exact(pinned, priority=Priority.SETUP)
    return undo_setup(wiring.database, client, pinned.code, steps=steps, clock=wiring.clock, progress=show)


def _which_runs(steps: Sequence[SetupStep], runs: Sequence[UndoableRun]) -> str:
    """The runs that these steps are of, and when each was."""
    of = {step.run_id for step in steps}
    return ", ".join(f"run {run.id} of {local_time(run.started_at)}" for run in runs if run.id in of)


def _show_reports(reports: list[SetupReport], *, json: bool, verb: str, errors: Sequence[ConnectorError] = ()) -> None:
    """The outcome, and the exit code that goes with it."""
    if json:
        documents = [report.as_json() for report in reports]
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        for report in reports:
            say(
                f"division {report.division}: {report.applied} {verb}, "
                + (f"{report.already_so} already so, " if report.already_so else "")
                + f"{len(report.skipped)} skipped, "
                f"{len(report.failed)} failed, {report.remaining} remaining; {report.api_calls} calls; run {report.run}"
            )
            for customer, action, error in report.failed:
                say(f"  {customer.code} {customer.name}: {action}: {error}")
            for skip in report.skipped:
                now = f" (now {skip.now})" if skip.now else ""
                say(f"  {skip.customer.code} {skip.customer.name}: skipped: {skip.reason.value}{now}")
    found = [*errors, *(report.stopped_by for report in reports if report.stopped_by is not None)]
    failed = sum(len(report.failed) for report in reports)
    if failed:
        found.append(
            Permanent(
                f"{failed} changes failed", hint="the list above says why; put it right and run the command again"
            )
        )
    finish(found)


@app.command("learn")
def learn_command(
    context: typer.Context,
    customer: Annotated[str, typer.Option("--customer", help="Code of a customer that was set by hand.")],
    division: Annotated[int | None, typer.Option("--division", help="Where the customer is.")] = None,
    yes: YesOption = False,
) -> None:
    """Take over the attachment type of a customer that was set by hand in Exact."""
    with terminal_of(context).wiring() as wiring:
        pinned = wiring.pinned([division] if division is not None else None)
        if len(pinned) > 1:
            raise WrongUsage("several divisions are connected", hint="say which one with --division")
        code = pinned[0].code
        lesson = find_lesson(wiring.database, code, customer)
        note(context, data_age(code, lesson.last_synced_at, wiring.clock()))
        if lesson.value == attachment_types.PDF:
            said = f"Customer {customer} has attachment type {lesson.value}, PDF only, as every new card in Exact has."
            note(context, f"{said} Was it set by hand? With it no e-invoice goes along.")
            ask("Use it for all customers?", yes=yes)
        learn(wiring.database, lesson)
        before = "nothing" if lesson.before is None else f"{lesson.before}, {attachment_types.in_words(lesson.before)}"
        words = attachment_types.in_words(lesson.value)
        say(f"division {code}: attachment type {lesson.value}, as on customer {customer}: {words}, as far as is known")
        say(f"  learnt before: {before}")
        _say_what_follows(wiring, pinned[0])


def _say_what_follows(wiring: Wiring, pinned: PinnedDivision) -> None:
    """Whether a setting wins over what was learnt, how many cards a plan would change now, and how to see it."""
    own = wiring.settings.setup.divisions.get(pinned.code)
    if own is not None and own.attachment_type is not None:
        key = f"setup.divisions.{pinned.code}.attachment_type"
        say(f"  the settings win: {key} is {own.attachment_type}; take it out to use what was learnt")
    try:
        planned = _plan(wiring, pinned, frozenset(), None)
    except InvalidSetting as error:
        say(f"  there is no plan yet: {error.message}")
        return
    say(f"  a plan would now change {planned.plan.to_change} of {planned.plan.customers} customers")
    say(f"  look at it: connector setup plan --division {pinned.code}")
