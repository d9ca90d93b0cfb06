"""`connector ingest` and `connector check`: invoices from files, into the core or only looked at."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from connector.cli.terminal import finish, note, print_json, progress, say, screen, terminal_of
from connector.errors import WrongUsage
from connector.ingest.checks import FORMATS
from connector.storage import invoices
from connector.storage.database import Database
from connector.usecases.check_paths import CheckedInvoice, check_paths
from connector.usecases.deliver_next import deliver_due
from connector.usecases.ingest_paths import FileOutcome, ingest_paths
from connector.usecases.run_once import route_received, tally

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help=".eml, .xml, .pdf, .zip, folders, Maildirs.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("ingest")(ingest)
    app.command("check")(check)


def ingest(
    context: typer.Context,
    paths: Paths,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Store, check and route invoices from files, and deliver what became due."""
    with terminal_of(context).wiring() as wiring, progress(context) as show:
        handling = wiring.handling()
        outcomes = ingest_paths(
            wiring.database, paths, handling, clock=wiring.clock, progress=lambda done: show("files", done, None)
        )
        ids = list(dict.fromkeys(invoice for outcome in outcomes for invoice in outcome.invoices))
        ids += [left for left in route_received(wiring.database, handling, clock=wiring.clock) if left not in ids]
        delivered = deliver_due(
            wiring.database,
            wiring.channels,
            handling,
            clock=wiring.clock,
            progress=lambda sent: show("mails", sent, None),
        )
        document: dict[str, Any] = tally(wiring.database, ids)
        files = _files(wiring.database, outcomes)
    document["no_invoice"] = sum(not outcome.invoices for outcome in outcomes)
    document |= {"files": files, "sync": None}
    if json:
        print_json(document)
    else:
        say(describe_tally(document) + f"; {document['no_invoice']} files hold no invoice")
        for file in files:
            if file["outcome"] not in {"delivered", "routed", "no_invoice"}:
                say(f"  {file['file']}: {file['outcome']}{': ' + file['reason'] if file['reason'] else ''}")
    finish([delivered.last_error] if delivered.last_error else [])


def _files(database: Database, outcomes: list[FileOutcome]) -> list[dict[str, Any]]:
    """Every file once, with what became of the first invoice in it; `invoices` names all of them."""
    rows = []
    with database.reading() as session:
        for outcome in outcomes:
            stored = [invoices.get(session, each) for each in outcome.invoices]
            first = stored[0] if stored else None
            rows.append(
                {
                    "file": outcome.file,
                    "outcome": first.state.value if first else "no_invoice",
                    "reason": (first.reason if first else outcome.trouble) or None,
                    "invoice": first.id if first else None,
                    "invoices": outcome.invoices,
                }
            )
    return rows


def describe_tally(counts: dict[str, Any]) -> str:
    """The counts in words."""
    return (
        f"{counts['received']} invoices: {counts['delivered']} delivered, "
        f"{counts['routed'] - counts['delivered']} on their way or uncertain, {counts['held']} held, "
        f"{counts['invalid']} invalid, {counts['duplicates']} repeats, {counts['history']} history, "
        f"{counts['failed']} failed"
    )


def check(
    context: typer.Context,
    paths: Paths,
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
            _show(each, language)
        if not checked:
            note(context, "no files found")
    if any(each.is_fatal for each in checked):
        raise typer.Exit(5)


def _show(checked: CheckedInvoice, language: str) -> None:
    document = checked.as_json(language)
    word = "valid" if document["valid"] else "not valid" if document["format"] else "no invoice"
    say(f"{document['file']}: {word}" + (f" ({document['format']})" if document["format"] else ""))
    if not document["findings"]:
        return
    table = Table("rule", "severity", "what", "where")
    for finding in document["findings"]:
        table.add_row(finding["rule"], finding["severity"], escape(finding["message"]), escape(finding["path"]))
    screen().print(table)
