"""`connector doctor`: checks what the connector stands on, and says the remedy.

Looking is `diagnosis`' affair; nothing is put right here.
"""

from typing import Annotated

import typer

from connector.cli.terminal import print_json, say, terminal_of
from connector.diagnosis import Status, diagnose


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check settings, key, database, Exact, connections, mail and disk; say what to do."""
    terminal = terminal_of(context)
    checks = diagnose(terminal.settings, terminal.screen_language)
    if json:
        print_json({"checks": [check.as_json() for check in checks]})
    else:
        marks = {Status.OK: "ok     ", Status.WARNING: "warning", Status.ERROR: "error  "}
        for check in checks:
            say(f"{marks[check.status]} {check.name}: {check.message}")
            if check.remedy:
                say(f"        {check.remedy}")
    codes = [check.exit_code for check in checks if check.status is Status.ERROR]
    for code in (2, 3, 4, 1):
        if code in codes:
            raise typer.Exit(code)
