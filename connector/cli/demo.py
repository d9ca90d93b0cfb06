"""`connector demo`: the whole main job on the sandbox, and a summary a person understands.

What is done, and in which order, is `connector.demo`'s affair.
"""

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from connector import texts
from connector.cli.terminal import cell, print_json, progress, say, screen, terminal_of
from connector.demo import DemoReport, run_demo


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    customers: Annotated[int, typer.Option("--customers", min=1, help="Cards in the sandbox's division.")] = 40,
    invoices: Annotated[int, typer.Option("--invoices", min=0, help="Sales invoices in it.")] = 60,
    seed: Annotated[int, typer.Option("--seed", help="Same seed and day, same world.")] = 1,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Leave settings, database, reports and mails here.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """The whole main job with no account and no network, on a sandbox and a local mailbox."""
    terminal = terminal_of(context)
    folder = keep or Path(tempfile.mkdtemp(prefix="connector-demo-"))
    try:
        with progress(context) as show:
            report = run_demo(
                folder,
                customers=customers,
                invoices=invoices,
                seed=seed,
                language=terminal.reader_language,
                progress=show,
            )
        if json:
            print_json(report.as_json(kept=keep is not None))
        else:
            _summarise(report, terminal.screen_language, keep)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


WORDS = {
    "en": {
        "title": "What happened, in {seconds:.0f} seconds",
        "division": "Administration {code}, {name}: {customers} customers, {invoices} invoices read",
        "setup": "Customers set up",
        "setup_done": "{applied} changes made on their cards, {skips} customers left alone",
        "kvk": "KvK numbers",
        "kvk_done": "of {customers} customers {missing} without and {invalid} with a wrong number",
        "risk": "At risk",
        "risk_done": "{invoices} invoices of the last 12 months, {amount}",
        "delivered": "Delivered",
        "delivered_done": "{delivered} of {due} invoices dated on or after {start}",
        "history": "History",
        "history_done": "{history} older invoices: kept, never sent",
        "held": "Held",
        "reason": "{count} × {title}",
        "mails": "Mails",
        "mails_done": "{mails} in the local mailbox: the invoices, and a notice to the sender for each that is held",
        "where": "Look around",
        "again": "To look around yourself: connector demo --keep demo",
    },
    "nl": {
        "title": "Wat er is gebeurd, in {seconds:.0f} seconden",
        "division": "Administratie {code}, {name}: {customers} relaties, {invoices} facturen gelezen",
        "setup": "Relaties ingesteld",
        "setup_done": "{applied} wijzigingen op hun kaarten, {skips} relaties met rust gelaten",
        "kvk": "KvK-nummers",
        "kvk_done": "van {customers} relaties {missing} zonder en {invalid} met een fout nummer",
        "risk": "Op het spel",
        "risk_done": "{invoices} facturen van de laatste 12 maanden, {amount}",
        "delivered": "Bezorgd",
        "delivered_done": "{delivered} van {due} facturen met een datum vanaf {start}",
        "history": "Historie",
        "history_done": "{history} oudere facturen: bewaard, nooit verstuurd",
        "held": "Wacht op u",
        "reason": "{count} × {title}",
        "mails": "Mails",
        "mails_done": "{mails} in de lokale mailbox: de facturen, en een bericht aan de afzender voor elke die wacht",
        "where": "Rondkijken",
        "again": "Zelf rondkijken: connector demo --keep demo",
    },
}


def _summarise(report: DemoReport, language: str, keep: Path | None) -> None:
    words, counts, summary = WORDS[language], report.tally, report.audit.summary
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row(
        words["setup"],
        words["setup_done"].format(applied=report.setup.applied, skips=report.planned_skips),
    )
    table.add_row(
        words["kvk"],
        words["kvk_done"].format(missing=summary.missing, invalid=summary.invalid, customers=summary.customers),
    )
    amount = texts.money(summary.amount_at_risk, report.division.currency or "EUR", language)
    table.add_row(words["risk"], words["risk_done"].format(invoices=summary.invoices_at_risk, amount=amount))
    start = texts.day(report.start_date, language)
    due = counts["received"] - counts["history"]
    table.add_row(
        words["delivered"], words["delivered_done"].format(delivered=counts["delivered"], due=due, start=start)
    )
    table.add_row(words["history"], words["history_done"].format(history=counts["history"]))
    reasons = Counter(stored.reason or "" for stored in report.held).most_common()
    for number, (reason, count) in enumerate(reasons):
        title = texts.reason_text(reason, language).title
        table.add_row(words["held"] if number == 0 else "", words["reason"].format(count=count, title=title))
    table.add_row(words["mails"], words["mails_done"].format(mails=report.mails))
    if keep is not None:
        config = keep / "config.toml"
        for number, command in enumerate(
            (
                f"connector --config {config} sandbox",
                f"connector --config {config} invoices list",
                f"connector --config {config} audit kvk",
                f"{keep / 'reports' / 'kvk.csv'}   {keep / 'mails' / 'new'}",
            )
        ):
            table.add_row(words["where"] if number == 0 else "", cell(command))
    console = screen()
    console.print()
    console.print(cell(words["title"].format(seconds=report.seconds)), style="bold")
    console.print(
        cell(
            words["division"].format(
                code=report.division.code,
                name=report.division.name,
                customers=report.sync.customers.total,
                invoices=report.sync.invoices.total,
            )
        )
    )
    console.print()
    console.print(table)
    if keep is None:
        say("")
        say(words["again"])
