"""`connector sync`: customers, contacts, invoices, documents and deletions into the database.

What becomes of the invoices is left to `connector run`.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from connector.cli.terminal import finish, print_json, progress, say, terminal_of
from connector.usecases.sync_division import SyncReport, sync_division


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sync")(sync)


def sync(
    context: typer.Context,
    division: Annotated[list[int] | None, typer.Option("--division", help="Only this one; may be repeated.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything again, not only what changed.")] = False,
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
                    clock=wiring.clock,
                    progress=_named(pinned.code, show),
                )
            )
    if json:
        print_json({"divisions": [report.as_json() for report in reports]})
    else:
        for report in reports:
            say(describe(report))
    errors = {report.division: report.error for report in reports if report.error is not None}
    finish(list(errors.values()), parts=[f"division {code}" for code in errors] if len(reports) > 1 else ())


def _named(division: int, show: Callable[[str, int, int | None], None]) -> Callable[[str, int], None]:
    """Progress that says of which division it is."""
    return lambda what, rows: show(f"{division} {what}", rows, None)


def describe(report: SyncReport) -> str:
    """One line about one division."""
    customers, invoices = report.customers, report.invoices
    return (
        f"division {report.division}: {customers.changed} of {customers.total} customers changed, "
        f"{invoices.changed} of {invoices.total} invoices changed, {report.fetched} files fetched, "
        f"{report.api_calls} calls"
    )
