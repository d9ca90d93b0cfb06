"""`connector ingest`: invoices from files into the core.

What is in the files, and what becomes of it, is the use cases' affair.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli.terminal import finish, print_json, progress, say, terminal_of
from connector.composition import Wiring
from connector.delivery import State
from connector.storage import deliveries, invoices
from connector.storage.database import Database
from connector.usecases.deliver_next import DeliveryReport, deliver_due
from connector.usecases.handling import Handling
from connector.usecases.ingest_paths import FileOutcome, ingest_paths
from connector.usecases.run_once import route_received, tally

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help=".eml, .xml, .pdf, .zip, folders, Maildirs.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


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
        delivered = _deliver(wiring, handling, lambda sent: show("mails", sent, None))
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
            if file["trouble"]:
                say(f"  {file['file']}: {file['trouble']}")
    finish(list(delivered.errors.values()))


def _deliver(wiring: Wiring, handling: Handling, progress: Callable[[int], None]) -> DeliveryReport:
    """Send what is due; as long as nothing is, the mail settings may still be empty."""
    with wiring.database.reading() as session:
        states = deliveries.counts(session).keys()
    if not states & {State.DUE, State.SENDING}:
        return DeliveryReport()
    return deliver_due(wiring.database, wiring.channels, handling, clock=wiring.clock, progress=progress)


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
                    "trouble": outcome.trouble or None,
                    "invoice": first.id if first else None,
                    "invoices": outcome.invoices,
                }
            )
    return rows


def describe_tally(counts: dict[str, Any]) -> str:
    """The counts in words."""
    return (
        f"{counts['received']} invoices: {counts['delivered']} delivered, "
        f"{counts['routed'] - counts['delivered']} on their way, uncertain or left to others, {counts['held']} held, "
        f"{counts['invalid']} invalid, {counts['duplicates']} repeats, {counts['history']} history, "
        f"{counts['failed']} failed"
    )
