"""`connector send`: prints and sends open invoices in Exact, after showing them and asking.

How is `send_invoices`' affair; the invoices come to us with the next sync.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

import typer

from connector import texts
from connector.cli.terminal import ask, data_age, finish, local_time, note, print_json, say, screen, terminal_of
from connector.customer import Contact, Division
from connector.customers.setup_wording import method
from connector.errors import AnswerLost, ConnectorError, DeliveryUncertain, Permanent
from connector.exact.budget import Priority
from connector.listing import Column, Listing, Narrow
from connector.usecases.send_invoices import (
    OpenInvoice,
    SendReport,
    choose,
    is_history,
    open_invoices,
    send_invoices,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("send")(send)


def send(
    context: typer.Context,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]…", help="Number or id in Exact; without one the open invoices are listed."),
    ] = None,
    division: Annotated[list[int] | None, typer.Option("--division", help="Only this one; may be repeated.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Print and send open invoices in Exact "based on customer" (step 5). Asks first."""
    reports: list[SendReport] = []
    errors: list[ConnectorError] = []
    with terminal_of(context).wiring() as wiring:
        pinned = wiring.pinned(division)
        candidates = [
            each for one in pinned for each in open_invoices(wiring.database, one.code, wiring.wanted(one.code))
        ]
        start = wiring.settings.routing.start_date
        starts: dict[int, date] = {one.code: start or one.start_date for one in pinned}
        chosen = choose(candidates, ids or [], starts)
        currencies = {one.code: one.currency or "EUR" for one in pinned}
        for one in pinned:
            note(context, data_age(one.code, one.last_synced_at, wiring.clock()))
        if not json or not chosen:
            _show(chosen if ids else candidates, starts, currencies, terminal_of(context).screen_language, json=json)
        if not chosen:
            return
        if wiring.settings.routing.deliver == "all":
            note(context, 'routing.deliver is "all": after the next sync this installation delivers them, too')
        ask(question(chosen), yes=yes)
        for one in pinned:
            theirs = [each for each in chosen if each.division == one.code]
            if not theirs:
                continue
            try:
                client = wiring.exact(one, priority=Priority.SETUP)
                reports.append(send_invoices(wiring.database, client, one.code, theirs, clock=wiring.clock))
            except ConnectorError as error:  # what was sent in other divisions is still told
                errors.append(error)
    _report(reports, errors, json=json)


def question(chosen: list[OpenInvoice]) -> str:
    """What is asked before anything is printed, with how many go elsewhere than the set-up is for."""
    elsewhere = sum(not each.goes_to_upload for each in chosen)
    return (
        f"Print and send these {len(chosen)} invoices in Exact Online?"
        + (f" {elsewhere} of them do not go to InvoiceSharing." if elsewhere else "")
        + " This cannot be undone."
    )


def _show(
    invoices: list[OpenInvoice],
    starts: Mapping[int, date],
    currencies: Mapping[Division, str],
    language: str,
    *,
    json: bool,
) -> None:
    """The open invoices, to whom they would go, and which are never sent from here."""
    if json:
        print_json([_as_json(each, before_start=is_history(each, starts)) for each in invoices])
        return
    table = Listing(
        Column(heading="id", is_whole=True, most=36, narrow=Narrow.LEFT_OUT),
        Column(heading="number", is_whole=True),
        Column(heading="date", is_whole=True),
        Column(heading="customer"),
        Column(heading="amount", is_whole=True, is_right=True),
        Column(heading="goes by", narrow=Narrow.BENEATH),
        Column(heading="contact person", narrow=Narrow.BENEATH),
        Column(heading="InvoiceSharing"),
        title="open invoices",
    )
    for each in invoices:
        amount = each.invoice.amount
        is_early = is_history(each, starts)
        table.add_row(
            each.invoice.id,
            str(each.invoice.number or ""),
            str(each.invoice.invoice_date or ""),
            f"{each.customer.code} {each.customer.name}",
            texts.money(amount, currencies[each.division], language) if amount is not None else "",
            method(each.customer.invoicing_method),
            _addressee(each),
            "before the start date: not from here" if is_early else "yes" if each.goes_to_upload else "no",
            style="dim" if is_early else "",
        )
    screen().print(table)


def _as_json(each: OpenInvoice, *, before_start: bool) -> dict[str, object]:
    return {
        "division": each.division,
        "invoice": each.invoice.id,
        "number": each.invoice.number,
        "date": each.invoice.invoice_date,
        "customer": {"id": each.customer.id, "code": each.customer.code, "name": each.customer.name},
        "amount": each.invoice.amount,
        "invoicing_method": each.customer.invoicing_method,
        "contact": each.contact_id,
        "new_contact": each.new_contact.id if each.new_contact else None,
        "to_invoicesharing": each.goes_to_upload,
        "before_start_date": before_start,
    }


def _addressee(each: OpenInvoice) -> str:
    def words(contact: Contact) -> str:
        return f"{contact.full_name} <{contact.email}>" if contact.email else contact.full_name

    if each.contact_id is not None:
        return words(each.contact) if each.contact is not None else each.contact_id
    return f"- → {words(each.new_contact)}" if each.new_contact is not None else "-"


def _report(reports: list[SendReport], errors: list[ConnectorError], *, json: bool) -> None:
    """What came of it, and the exit code that goes with it."""
    if json:
        documents = [report.as_json() for report in reports]
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        for report in reports:
            say(
                f"division {report.division}: {len(report.sent)} sent, "
                f"{len(report.skipped) + len(report.waiting)} skipped, "
                f"{len(report.failed)} failed, {report.remaining} remaining; {report.api_calls} calls; run {report.run}"
            )
            for each, number, said in report.sent:
                say(f"  {number or each.name} {each.customer.name}: {'; '.join(said.values()) or 'printed'}")
            for name, reason in report.skipped:
                say(f"  {name}: skipped: {reason}")
            for name, until in report.waiting:
                say(f"  {name}: skipped: Exact may still print it, until {local_time(until)}")
            for name, error in report.failed:
                say(f"  {name}: {error}")
            for name in report.uncertain.values():
                say(f"  {name}: printed, but Exact's answer was lost")
    found = [*errors, *(report.stopped_by for report in reports if report.stopped_by is not None)]
    if failed := sum(len(report.failed) for report in reports):
        found.append(Permanent(f"{failed} invoices were not sent", hint="the list above says why"))
    if waiting := [until for report in reports for _, until in report.waiting]:
        found.append(
            AnswerLost(
                f"{len(waiting)} invoices were ordered before, and Exact may still print them",
                hint="look at them in Exact Online before you print them there",
                retry_at=max(waiting),
            )
        )
    if uncertain := sum(len(report.uncertain) for report in reports):
        found.append(
            DeliveryUncertain(
                f"of {uncertain} printed invoices it is not known whether Exact sent them",
                hint="look at them in Exact Online; they are not sent again from here",
            )
        )
    finish(found)
