"""`connector invoices`: what came in, what became of it and why, and what a person can do about it.

What a person's word leads to is `release_invoice`'s affair; sending is left to the outbox.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from connector import texts
from connector.cli.files import write_file
from connector.cli.terminal import ask, finish, note, print_json, say, screen, terminal_of
from connector.composition import Wiring
from connector.delivery import Kind
from connector.errors import ConnectorError, WrongUsage
from connector.exact.budget import Priority
from connector.listing import Column, Listing, Narrow
from connector.storage import deliveries, invoices
from connector.storage.divisions import PinnedDivision
from connector.storage.invoices import InvoiceState, ReceivedInvoice
from connector.usecases.deliver_next import deliver_due
from connector.usecases.release_invoice import find_invoice, release_invoice, retry_invoice, settle_delivered
from connector.usecases.show_invoice import page_of
from connector.usecases.sync_division import sync_cards

app = typer.Typer(no_args_is_help=True)
ID_WIDTH = 24
"""An id of ours is copied from the table: it stays on one line."""

Ids = Annotated[list[str], typer.Argument(metavar="ID…", help="As `connector invoices list` shows them.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def register(program: typer.Typer) -> None:
    """Add the group."""
    program.add_typer(app, name="invoices", help="What came in, what became of it and why.")


@app.command("list")
def list_invoices(
    context: typer.Context,
    state: Annotated[InvoiceState | None, typer.Option("--state", help="Only in this state.")] = None,
    division: Annotated[int | None, typer.Option("--division", help="Only of this division.")] = None,
    json: JsonOption = False,
) -> None:
    """Every invoice with its state."""
    with terminal_of(context).wiring() as wiring, wiring.database.reading() as session:
        found = invoices.all(session, division=division, state=state)
        sent = deliveries.of_invoices(session, [stored.id for stored in found])
    if json:
        print_json([as_json(stored, sent.get(stored.id, ())) for stored in found])
        return
    if not found:
        note(context, "no invoices")
        return
    table = Listing(
        Column(heading="id", is_whole=True, most=ID_WIDTH),
        Column(heading="number"),
        Column(heading="date", is_whole=True, narrow=Narrow.LEFT_OUT),
        Column(heading="buyer"),
        Column(heading="amount", is_whole=True, is_right=True),
        Column(heading="state", is_whole=True),
        Column(heading="reason", narrow=Narrow.BENEATH),
    )
    language = terminal_of(context).screen_language
    for stored in found:
        amount = texts.money(stored.payable, stored.currency, language) if stored.payable is not None else ""
        table.add_row(
            stored.id,
            stored.number,
            str(stored.issue_date or ""),
            stored.buyer_name,
            amount,
            stored.state.value,
            stored.reason or "",
        )
    screen().print(table)


@app.command("show")
def show(
    context: typer.Context,
    invoice: Annotated[str, typer.Argument(metavar="ID")],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write what the invoice says as a web page.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """One invoice with everything that was decided about it, when and why."""
    terminal = terminal_of(context)
    with terminal.wiring() as wiring:
        stored = find_invoice(wiring.database, invoice)
        if html is not None:
            write_file(html, page_of(wiring.database, stored, language=terminal.reader_language).encode())
            note(context, f"written to {html}")
        with wiring.database.reading() as session:
            sent = deliveries.of_invoice(session, invoice)
            events = invoices.events(session, invoice)
    document = as_json(stored, sent)
    document |= {
        "detail": stored.detail,
        "format": stored.format,
        "customer": stored.customer_id,
        "findings": [
            {
                "rule": f.rule,
                "severity": f.severity.value,
                "path": f.path,
                "message": f.message_nl if terminal.screen_language == "nl" else f.message_en,
            }
            for f in stored.findings
        ],
        "timeline": [{"at": event.at, "event": event.event, "facts": event.facts} for event in events],
    }
    if json:
        print_json(document)
        return
    _show(stored, document, terminal.screen_language)


def _show(stored: ReceivedInvoice, document: dict[str, Any], language: str) -> None:
    say(f"{stored.type.value} {stored.number} of {stored.issue_date}, {stored.seller_name} to {stored.buyer_name}")
    say(f"state: {stored.state.value}" + (f" ({stored.reason})" if stored.reason else ""))
    if stored.reason in texts.REASONS:
        why = texts.reason_text(stored.reason, language, invoice_id=stored.id)
        say(why.explanation)
        say(why.remedy)
    if stored.detail:
        say(f"detail: {stored.detail}")
    say(f"xml: {stored.xml or 'none'}; pdf: {stored.pdf}")
    for each in document["deliveries"]:
        error = f" ({each['last_error']})" if each["last_error"] else ""
        say(f"delivery by {each['channel']} to {each['address']}: {each['state']}, {each['attempts']} attempts{error}")
    for finding in document["findings"]:
        say(f"{finding['severity']} {finding['rule']}: {finding['message']}")
    for event in document["timeline"]:
        facts = "; ".join(str(fact) for fact in event["facts"].get("facts", []))
        say(f"{event['at']:%Y-%m-%d %H:%M:%S} {event['event']}" + (f": {facts}" if facts else ""))


def as_json(stored: ReceivedInvoice, sent: tuple[deliveries.StoredDelivery, ...]) -> dict[str, Any]:
    """One entry of `invoices list --json`; notices are left out of its deliveries."""
    return {
        "id": stored.id,
        "division": stored.division,
        "origin": stored.origin.value,
        "number": stored.number,
        "type": stored.type.value,
        "issue_date": stored.issue_date,
        "seller": {"name": stored.seller_name, "kvk": stored.seller_kvk},
        "buyer": {"name": stored.buyer_name, "kvk": stored.buyer_kvk},
        "currency": stored.currency,
        "payable_amount": stored.payable,
        "state": stored.state.value,
        "reason": stored.reason,
        "xml": stored.xml,
        "pdf": stored.pdf,
        "deliveries": [
            {
                "channel": row.channel,
                "address": row.address,
                "state": row.state.value,
                "attempts": row.attempts,
                "last_error": row.last_error,
            }
            for row in sent
            if row.kind is Kind.INVOICE
        ],
    }


@app.command("retry")
def retry(
    context: typer.Context,
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending again what may have arrived.")] = False,
    json: JsonOption = False,
) -> None:
    """Try again what stopped, after something was put right; cards are read from Exact first."""
    with terminal_of(context).wiring() as wiring:
        uncertain = [each for each in ids if find_invoice(wiring.database, each).reason == "delivery_uncertain"]
        if uncertain:
            ask(f"{len(uncertain)} of these may have arrived already. Send again all the same?", yes=yes)
        handling = wiring.handling()
        refreshed: set[int] = set()

        def refresh(division: PinnedDivision) -> None:
            if division.code not in refreshed:
                sync_cards(
                    wiring.database,
                    wiring.exact(division, priority=Priority.SETUP),
                    division.code,
                    facts=True,
                    clock=wiring.clock,
                )
                refreshed.add(division.code)

        _each(
            context,
            wiring,
            ids,
            lambda each: retry_invoice(wiring.database, each, handling, refresh=refresh, clock=wiring.clock),
            json=json,
        )


@app.command("release")
def release(
    context: typer.Context,
    ids: Ids,
    to: Annotated[
        str | None, typer.Option("--to", metavar="RECIPIENT", help="An id of the directory, or an e-mail address.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Let held invoices go in spite of what held them; where numbers contradict each other, --to says where."""
    with terminal_of(context).wiring() as wiring:
        handling = wiring.handling()
        _each(
            context,
            wiring,
            ids,
            lambda each: release_invoice(wiring.database, each, handling, to=to, clock=wiring.clock),
            json=json,
        )


@app.command("settle")
def settle(
    context: typer.Context,
    invoice: Annotated[str, typer.Argument(metavar="ID")],
    delivered: Annotated[bool, typer.Option("--delivered", help="It did arrive.")] = False,
) -> None:
    """Say that an uncertain invoice did arrive."""
    if not delivered:
        raise WrongUsage("say what is known", hint=f"connector invoices settle {invoice} --delivered")
    with terminal_of(context).wiring() as wiring:
        stored = settle_delivered(wiring.database, invoice, clock=wiring.clock)
    say(f"{stored.id}: {stored.state.value}")


def _each(
    context: typer.Context,
    wiring: Wiring,
    ids: list[str],
    act: Callable[[str], ReceivedInvoice],
    *,
    json: bool,
) -> None:
    """Do it to each, deliver what became due, and show where each then stands."""
    errors: list[ConnectorError] = []
    for each in ids:
        try:
            act(each)
        except ConnectorError as error:
            if len(ids) == 1:
                raise
            errors.append(error)
    report = deliver_due(wiring.database, wiring.channels, wiring.handling(), clock=wiring.clock)
    errors += report.errors.values()
    with wiring.database.reading() as session:
        found = [stored for stored in (invoices.get(session, each) for each in ids) if stored is not None]
        sent = deliveries.of_invoices(session, [stored.id for stored in found])
    if json:
        print_json([as_json(stored, sent.get(stored.id, ())) for stored in found])
    else:
        for stored in found:
            say(f"{stored.id}: {stored.state.value}" + (f" ({stored.reason})" if stored.reason else ""))
            if stored.reason in texts.REASONS:
                language = terminal_of(context).screen_language
                note(context, texts.reason_text(stored.reason, language, invoice_id=stored.id).remedy)
    finish(errors)
