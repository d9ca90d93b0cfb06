"""`connector run`: the background sync, for good or for one pass.

When what runs is `scheduler`'s affair, one pass `run_once`'s.
"""

import logging
from typing import Annotated

import typer

from connector import log
from connector.cli.ingest import describe_tally
from connector.cli.sync import describe
from connector.cli.terminal import finish, note, print_json, progress, say, terminal_of
from connector.errors import WrongUsage
from connector.scheduler import run_until_stopped
from connector.usecases.run_once import run_once


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="One whole pass, then exit.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --once: one JSON document on stdout.")] = False,
) -> None:
    """Sync, take, route and deliver in the background until stopped; with --once one pass."""
    if json and not once:
        raise WrongUsage("--json goes with --once", hint="the running service writes log lines")
    terminal = terminal_of(context)
    with terminal.wiring() as wiring:
        if not once:
            log.configure(logging.DEBUG if terminal.verbose else logging.WARNING if terminal.quiet else logging.INFO)
            note(context, "running; stop with Ctrl-C or SIGTERM")
            run_until_stopped(wiring)
            return
        with progress(context) as show:
            report = run_once(
                wiring.database,
                wiring.pinned(),
                wiring.exact,
                wiring.channels,
                wiring.handling(),
                clock=wiring.clock,
                progress=lambda what, number: show(what, number, None),
            )
    if json:
        print_json(report.as_json())
    else:
        for sync in report.syncs:
            say(describe(sync))
        say(describe_tally(report.tally))
    finish(report.errors)
