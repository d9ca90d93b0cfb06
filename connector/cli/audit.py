"""`connector audit kvk`: the report on customers without a good KvK number.

Judging the numbers is `customers.audit`'s affair, how the report looks `customers.report`'s.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.files import write_file
from connector.cli.terminal import Terminal, note, print_json, progress, screen, show_error, terminal_of
from connector.composition import Wiring
from connector.customers.report.csv_file import as_csv
from connector.customers.report.json_file import as_json, json_bytes
from connector.customers.report.rows import DivisionAudit
from connector.customers.report.screen import as_table
from connector.customers.sheet import LARGEST, read_sheet
from connector.errors import ConnectorError, WrongUsage
from connector.storage.divisions import PinnedDivision
from connector.texts import counted
from connector.usecases.audit_kvk import audit_kvk, changes_since, remember_report
from connector.usecases.look_up_kvk import look_up_kvk, price_of, questions_open


class Format(StrEnum):
    """How the report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    HTML = "html"
    PDF = "pdf"


BINARY = frozenset({Format.XLSX, Format.PDF})


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
    format: Annotated[
        Format, typer.Option("--format", help="How it is written; xlsx has a column to fill in for `kvk fill`.")
    ] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("--output", help="Into this file instead of stdout.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Also customers that are in order.")] = False,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Only what changed since the newest report made on or before this day (2026-11-02); every report "
            "but a table on the screen is remembered.",
        ),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="Of the csv; else ; with --lang nl and , with en.")
    ] = None,
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="End with exit code 5 when found.")] = None,
) -> None:
    """Which customers miss a KvK number or have a wrong one, and what money hangs on it.

    With a key to the KVK register each good number is looked up there, at about € 0.016 in 30 days; what it comes to
    is said first.
    """
    terminal = terminal_of(context)
    if delimiter is not None and (format is not Format.CSV or len(delimiter) != 1 or delimiter in '\r\n"'):
        raise WrongUsage("--delimiter takes one character and goes with --format csv")
    if output is not None and format is Format.TABLE:
        raise WrongUsage("a table is for the screen", hint="give --output with another --format, such as xlsx")
    if output is None and format in BINARY and sys.stdout.isatty():
        raise WrongUsage(f"{format.value} is not for the screen", hint=f"say where to: --output kvk.{format.value}")
    if output is not None:
        _require_not_filled_in(output)
    with terminal.wiring() as wiring:
        chosen = wiring.synced(division)
        stopped_by = _ask_register(context, wiring, chosen)
        whole = [_audit(wiring, pinned) for pinned in chosen]
        audits = [_compare(wiring, each, since.date()) for each in whole] if since else whole
        _write(terminal, audits, format, output, delimiter, everybody)
        if format is not Format.TABLE:
            for each in whole:
                remember_report(wiring.database, each.division, each.audit, today=wiring.today)
    summaries = [each.audit.summary for each in audits]
    missing = any(summary.missing for summary in summaries)
    invalid = any(summary.invalid for summary in summaries)
    if stopped_by is not None:  # before 5: a script would take half an answer for the whole
        raise typer.Exit(stopped_by.exit_code)
    if (fail_on is FailOn.MISSING and missing) or (fail_on is FailOn.ANY and (missing or invalid)):
        raise typer.Exit(5)


def _ask_register(context: typer.Context, wiring: Wiring, chosen: Sequence[PinnedDivision]) -> ConnectorError | None:
    """Look up what is not known yet, when there is a key, and say what it costs; gives what stopped it early."""
    client = wiring.register()
    if client is None:
        return None
    codes = [pinned.code for pinned in chosen]
    questions = questions_open(wiring.database, codes, today=wiring.today)
    if not questions:
        note(context, "KVK register: everything is known from the last 30 days")
        return None
    paid, price = price_of(questions)
    free = len(questions) - paid
    note(context, f"KVK register: asking for {paid} numbers (paid, about € {price:.2f}) and {free} names (free)")
    with progress(context) as show:
        report = look_up_kvk(
            wiring.database,
            client,
            questions,
            clock=wiring.clock,
            progress=lambda done, total: show("KVK register", done, total),
        )
    note(context, f"KVK register: {report.answered} answers, {report.paid_calls} paid calls")
    for refusal in report.refusals:
        note(context, refusal)
    if report.not_checked:
        note(context, f"KVK register: {report.not_checked} not checked; nothing is said of these")
    if report.stopped_by is not None:
        show_error(report.stopped_by)
    return report.stopped_by


def _audit(wiring: Wiring, pinned: PinnedDivision) -> DivisionAudit:
    return DivisionAudit(
        division=pinned.code,
        name=pinned.name,
        generated_at=wiring.clock(),
        audit=audit_kvk(wiring.database, pinned.code, today=wiring.today),
        currency=pinned.currency or "EUR",
    )


def _compare(wiring: Wiring, whole: DivisionAudit, day: date) -> DivisionAudit:
    audit, earlier = changes_since(wiring.database, whole.division, whole.audit, day)
    return replace(whole, audit=audit, since=earlier)


def _write(
    terminal: Terminal,
    audits: Sequence[DivisionAudit],
    format: Format,
    output: Path | None,
    delimiter: str | None,
    everybody: bool,
) -> None:
    language = terminal.reader_language
    match format:
        case Format.TABLE:
            screen().print(as_table(audits, language=language, everybody=everybody))
        case Format.JSON:
            document = as_json(audits, language=terminal.screen_language, everybody=everybody)
            if output is None:
                print_json(document)
            else:
                _put(output, json_bytes(document))
        case Format.CSV:
            _put(output, as_csv(audits, language=language, delimiter=delimiter, everybody=everybody))
        case Format.XLSX:
            from connector.customers.report.xlsx_file import as_xlsx

            _put(output, as_xlsx(audits, language=language, everybody=everybody))
        case Format.HTML:
            from connector.customers.report.html_page import as_html

            _put(output, as_html(audits, language=language, everybody=everybody))
        case Format.PDF:
            from connector.customers.report.pdf_pages import as_pdf

            _put(output, as_pdf(audits, language=language, everybody=everybody))


def _require_not_filled_in(output: Path) -> None:
    """Make sure that no list with numbers that somebody filled in is written over.

    Raises:
        WrongUsage: It is one.
    """
    try:
        with output.open("rb") as file:
            rows = read_sheet(file.read(LARGEST + 1)) if output.is_file() else ()
    except (OSError, WrongUsage):  # not there yet, or no list: writing says what is wrong with it
        return
    if count := sum(bool(row.new_kvk.text or row.new_kvk.is_formula or row.is_broken) for row in rows):
        raise WrongUsage(
            f"{output} is a list in which {counted(count, 'row')} {'is' if count == 1 else 'are'} filled in",
            hint=f"read it back first: connector kvk fill {output}; or choose another file",
        )


def _put(output: Path | None, content: bytes) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    write_file(output, content)
