"""`connector sync`: customers, contacts, invoices, documents and deletions into the database.

What becomes of the invoices is left to `connector run`.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from connector.cli.terminal import finish, print_json, progress, say, terminal_of
from connector.usecases.sync_division import sync_division
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
    with terminal_of(context).wiring() as wiring, progress(context) as show:
        for pinned in wiring.pinned(division):
            reports.append(
                sync_division(
                    wiring.database,
                    wiring.exact(pinned),
                    pinned.code,
                    start_date=wiring.settings.routing.start_date,
                    full=full,
                    accept_fewer=accept_fewer,
                    clock=wiring.clock,
                    progress=_named(pinned.code, show),
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


def _named(division: int, show: Callable[[str, int, int | None], None]) -> Callable[[str, int], None]:
    """Progress that says of which division it is."""
    return lambda what, rows: show(f"{division} {what}", rows, None)


def describe(report: SyncReport) -> str:
    """One line about one division, with what was done in another way than usual and what was kept back."""
    customers, invoices = report.customers, report.invoices
    done = (
        f"division {report.division}: {customers.changed} of {customers.total} customers changed, "
        f"{invoices.changed} of {invoices.total} invoices changed, {report.fetched} files fetched, "
        f"{report.api_calls} calls"
    )
    return "; ".join([done, *report.notes, *(trouble.message for trouble in report.troubles)])
