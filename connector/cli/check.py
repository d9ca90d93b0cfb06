"""`connector check`: read and check invoices from files, storing nothing.

The rules are `ingest.checks`' affair; who gets an invoice is not asked.
"""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.terminal import note, print_json, say, screen, terminal_of
from connector.errors import WrongUsage
from connector.ingest.checks import FORMATS
from connector.listing import Column, Listing, Narrow
from connector.usecases.check_paths import CheckedInvoice, check_paths


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help=".eml, .xml, .pdf, .zip, folders, Maildirs.")],
    rules: Annotated[
        str | None, typer.Option("--rules", metavar="FORMAT", help="By the rules of this format: nlcius, en16931, …")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Read and check invoices without storing anything; exit 5 when one has a fatal finding."""
    if rules is not None and rules not in FORMATS:
        raise WrongUsage(f"there are no rules {rules}", hint="one of: " + ", ".join(sorted(FORMATS)))
    language = terminal_of(context).screen_language
    checked = check_paths(paths, rules=rules)
    if json:
        print_json([each.as_json(language) for each in checked])
    else:
        for each in checked:
            _show(each, language, rules)
        if not checked:
            note(context, "no files found")
    if any(each.is_fatal for each in checked):
        raise typer.Exit(5)


def _without_format(checked: CheckedInvoice) -> str:
    return "not readable" if checked.is_fatal else "no invoice"


def _show(checked: CheckedInvoice, language: str, rules: str | None) -> None:
    document = checked.as_json(language)
    word = "valid" if document["valid"] else "not valid" if document["format"] else _without_format(checked)
    by = f" by the rules of {rules}, claims {document['format']}" if rules else f" ({document['format']})"
    say(f"{document['file']}: {word}" + (by if document["format"] else ""))
    if not document["findings"]:
        return
    table = Listing(
        Column(heading="rule", is_whole=True),
        Column(heading="severity", is_whole=True),
        Column(heading="what"),
        Column(heading="where", narrow=Narrow.BENEATH),
    )
    for finding in document["findings"]:
        table.add_row(finding["rule"], finding["severity"], finding["message"], finding["path"])
    screen().print(table)
