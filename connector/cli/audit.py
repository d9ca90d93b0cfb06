"""`connector audit kvk`: the report on customers without a good KvK number.

Judging the numbers is `customers.audit`'s affair, how the report looks `customers.report`'s.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.terminal import note, print_json, screen, terminal_of, write_file
from connector.customers import report
from connector.customers.report import DivisionAudit
from connector.errors import WrongUsage
from connector.usecases.audit_kvk import audit_kvk


class Format(StrEnum):
    """How the report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class FailOn(StrEnum):
    """When the report ends with exit code 5."""

    MISSING = "missing"
    ANY = "any"


def register(app: typer.Typer) -> None:
    """Add the group with its command."""
    group = typer.Typer(no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("kvk")(kvk)
    app.add_typer(group, name="audit", help="Reports on customers' cards.")


def kvk(
    context: typer.Context,
    division: Annotated[list[int] | None, typer.Option("--division", help="Only this one; may be repeated.")] = None,
    format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("--output", help="Into this file instead of stdout.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Also customers that are in order.")] = False,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="Of the csv; else ; with --lang nl and , with en.")
    ] = None,
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="End with exit code 5 when found.")] = None,
) -> None:
    """Which customers miss a KvK number or have a wrong one, and what money hangs on it."""
    terminal = terminal_of(context)
    if delimiter is not None and (format is not Format.CSV or len(delimiter) != 1):
        raise WrongUsage("--delimiter takes one character and goes with --format csv")
    if output is not None and format is Format.TABLE:
        raise WrongUsage("a table is for the screen", hint="give --format csv or --format json with --output")
    with terminal.wiring() as wiring:
        audits = [
            DivisionAudit(
                division=pinned.code,
                name=pinned.name,
                generated_at=wiring.clock(),
                audit=audit_kvk(wiring.database, pinned.code, today=wiring.today),
                currency=pinned.currency or "EUR",
            )
            for pinned in wiring.pinned(division)
        ]
        never = [pinned.code for pinned in wiring.pinned(division) if pinned.last_synced_at is None]
    for code in never:
        note(context, f"division {code} was never synced; run `connector sync` first")
    language = terminal.reader_language
    if format is Format.CSV:
        _write(output, report.as_csv(audits, language=language, delimiter=delimiter, everybody=everybody))
    elif format is Format.JSON:
        document = report.as_json(audits, language=terminal.screen_language, everybody=everybody)
        if output is None:
            print_json(document)
        else:
            _write(output, report.json_bytes(document))
    else:
        screen().print(report.as_table(audits, language=language, everybody=everybody))
    summaries = [each.audit.summary for each in audits]
    missing = any(summary.missing for summary in summaries)
    invalid = any(summary.invalid for summary in summaries)
    if (fail_on is FailOn.MISSING and missing) or (fail_on is FailOn.ANY and (missing or invalid)):
        raise typer.Exit(5)


def _write(output: Path | None, content: bytes) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    write_file(output, content)
