"""`connector sandbox`: an Exact Online look-alike for anyone who builds against Exact.

What it answers is left to `exact_sandbox`.
"""

import sys
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import typer

from connector.cli.terminal import note, terminal_of
from connector.errors import SandboxFailed, WrongUsage
from connector.exact_sandbox.faults import OFTEN_MEANS, WrongFault, explained
from connector.exact_sandbox.options import SandboxOptions
from connector.exact_sandbox.server import serve_forever

_EPILOG = f"Faults (OFTEN: {OFTEN_MEANS}):\n\n\b\n{explained()}"


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sandbox", epilog=_EPILOG)(sandbox)


def sandbox(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 0,
    customers: Annotated[int, typer.Option("--customers", min=1, help="Cards per division.")] = 40,
    invoices: Annotated[int, typer.Option("--invoices", min=0, help="Sales invoices per division.")] = 60,
    divisions: Annotated[
        int, typer.Option("--divisions", min=1, max=1000, help="Administrations, each a world of its own.")
    ] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Same seed and day, same world.")] = 1,
    today: Annotated[
        datetime | None, typer.Option("--today", formats=["%Y-%m-%d"], help="The world's day; else today.")
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", min=0.001, help="Shortens the minute and the day; 60: a minute lasts a second.")
    ] = 1.0,
    limits: Annotated[Switch, typer.Option("--limits", help="Count calls and refuse too many.")] = Switch.ON,
    token_life: Annotated[int, typer.Option("--token-life", min=1, help="Seconds an access token lives.")] = 600,
    consent: Annotated[bool, typer.Option("--consent", help="Show the page where divisions are ticked.")] = False,
    faults: Annotated[
        list[str] | None,
        typer.Option(
            "--faults",
            metavar="PROFILE",
            help="What goes wrong: names of faults from the list below, separated by commas, e.g. "
            "slow-token:5,lost-posts. May be given several times.",
        ),
    ] = None,
) -> None:
    """An Exact Online look-alike on 127.0.0.1 until Ctrl-C; prints a ready [exact] block."""
    kept = terminal_of(context).config.parent / "sandbox.db"
    if kept.exists():
        note(context, f"going on with the sandbox in {kept}; its world stays as it is")
    day: date | None = today.date() if today else None
    options = SandboxOptions(
        port=port,
        customers=customers,
        invoices=invoices,
        divisions=divisions,
        seed=seed,
        today=day,
        speed=speed,
        limits=limits is Switch.ON,
        token_life=token_life,
        consent=consent,
        faults=",".join(faults or ()),
        database=kept if kept.exists() else None,
    )
    try:
        serve_forever(options, sys.stdout)
    except WrongFault as wrong:
        raise WrongUsage(f"--faults: {wrong}", hint=f"{wrong.hint}; `connector sandbox --help` lists all") from wrong
    except OSError as error:
        raise SandboxFailed(
            f"the sandbox cannot start: {error.strerror or error}", hint="choose another --port"
        ) from error
