"""`connector sync`: customers, contacts, invoices, documents and deletions into the database.

What becomes of the invoices is left to `connector run`.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from connector.cli.terminal import finish, local_time, note, print_json, progress, say, terminal_of
from connector.composition import Wiring
from connector.exact.budget import Priority, ready_at
from connector.usecases.sync_division import least_calls, sync_division
from connector.usecases.sync_report import SyncReport


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sync")(sync)


def sync(
    context: typer.Context,
    division: Annotated[list[int] | None, typer.Option("--division", help="Only this one; may be repeated.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything again, not only what changed.")] = False,
    accept_fewer: Annotated[
        bool, typer.Option("--accept-fewer", help="Believe Exact when it shows far fewer rows than before.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Bring customers, contacts, invoices and documents up to date; incremental and resumable."""
    reports: list[SyncReport] = []
    priority = Priority.HISTORY if full else None
    with terminal_of(context).wiring() as wiring, progress(context) as show:
        start = wiring.settings.routing.start_date
        for pinned in wiring.pinned(division):
            least = least_calls(wiring.database, pinned.code, now=wiring.clock(), start_date=start, full=full)
            note(context, _foreseen(wiring, pinned.code, least, f"{least} calls to Exact at least", priority))
            reports.append(
                sync_division(
                    wiring.database,
                    wiring.exact(pinned, priority=priority),
                    pinned.code,
                    start_date=start,
                    full=full,
                    accept_fewer=accept_fewer,
                    clock=wiring.clock,
                    progress=_named(pinned.code, show),
                    foresee=partial(_note_files, context, wiring, pinned.code, priority),
                )
            )
    if json:
        print_json({"divisions": [report.as_json() for report in reports]})
    else:
        for report in reports:
            say(describe(report))
    errors = [(report.division, error) for report in reports for error in report.errors]
    parts = [f"division {code}" for code, _ in errors] if len(reports) > 1 else ()
    finish([error for _, error in errors], parts=parts)


def _note_files(context: typer.Context, wiring: Wiring, division: int, priority: Priority | None, files: int) -> None:
    """Say how many files are still to come, and when they will be here."""
    what = "1 file to fetch" if files == 1 else f"{files} files to fetch, a call each"
    note(context, _foreseen(wiring, division, files, what, priority or Priority.DOCUMENTS))


def _foreseen(wiring: Wiring, division: int, calls: int, what: str, priority: Priority | None) -> str:
    """How many calls are needed, how many there are, and when the last of them can go out."""
    budget, now = wiring.budget(division), wiring.clock()
    done = ready_at(budget, calls, now, priority=priority or Priority.CUSTOMERS)
    when = "" if done == now else f"; done at about {local_time(done)}"
    return f"division {division}: {what}, {budget.day_left} left today{when}"


def _named(division: int, show: Callable[[str, int, int | None], None]) -> Callable[[str, int], None]:
    """Progress that says of which division it is."""
    return lambda what, rows: show(f"{division} {what}", rows, None)


def describe(report: SyncReport) -> str:
    """One line about one division, with what was done in another way than usual."""
    customers, invoices = report.customers, report.invoices
    files = "1 file" if report.fetched == 1 else f"{report.fetched} files"
    done = (
        f"division {report.division}: {customers.changed} of {customers.total} customers changed, "
        f"{invoices.changed} of {invoices.total} invoices changed, {files} fetched, "
        f"{report.api_calls} calls"
    )
    return "; ".join([done, *report.notes])
