"""`connector recipients`: the directory that routing uses.

What makes a good entry is `routing.directory`'s affair, what a hit means `routing.decision`'s.
"""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.files import write_file
from connector.cli.terminal import note, print_json, say, screen, terminal_of
from connector.errors import NothingFound, WrongUsage
from connector.listing import Column, Listing, Narrow
from connector.routing.directory import Recipient, read_recipient, rows_from_csv, rows_to_csv
from connector.storage import recipients

app = typer.Typer(no_args_is_help=True)


def register(program: typer.Typer) -> None:
    """Add the group."""
    program.add_typer(
        app, name="recipients", help="The directory that routing uses: who gets invoices for which number, and where."
    )


@app.command("list")
def list_recipients(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Everybody in the directory."""
    with terminal_of(context).wiring() as wiring, wiring.database.reading() as session:
        found = recipients.all(session)
    if json:
        print_json([as_json(recipient) for recipient in found])
        return
    if not found:
        note(context, "the directory is empty; see `connector recipients add --help`")
        return
    table = Listing(
        Column(heading="id", is_whole=True, most=24),
        Column(heading="name"),
        Column(heading="kvk", is_whole=True),
        *(Column(heading=heading, narrow=Narrow.LEFT_OUT) for heading in ("oin", "gln", "vat")),
        Column(heading="channel"),
        Column(heading="address", narrow=Narrow.BENEATH),
        Column(heading="language", narrow=Narrow.LEFT_OUT),
    )
    for recipient in found:
        table.add_row(*(str(value) for value in as_json(recipient).values()))
    screen().print(table)


def as_json(recipient: Recipient) -> dict[str, object]:
    """One entry of the directory."""
    return {
        "id": recipient.id,
        "name": recipient.name,
        "kvk": recipient.kvk,
        "oin": recipient.oin,
        "gln": recipient.gln,
        "vat": recipient.vat,
        "channel": recipient.channel,
        "address": recipient.address,
        "language": recipient.language,
    }


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", help="For people.")],
    email: Annotated[str, typer.Option("--email", help="The address that gets the invoices.")],
    kvk: Annotated[str, typer.Option("--kvk", help="KvK number.")] = "",
    oin: Annotated[str, typer.Option("--oin", help="OIN of a government body.")] = "",
    gln: Annotated[str, typer.Option("--gln", help="GLN.")] = "",
    vat: Annotated[str, typer.Option("--vat", help="VAT number.")] = "",
    language: Annotated[str, typer.Option("--language", help="Of the mails: nl or en.")] = "nl",
) -> None:
    """Add a recipient with an e-mail address and at least one number to know it by."""
    row = {"name": name, "kvk": kvk, "oin": oin, "gln": gln, "vat": vat, "channel": "email", "address": email}
    try:
        recipient = read_recipient({**row, "language": language})
    except ValueError as error:
        raise WrongUsage(str(error), hint="see `connector recipients add --help`") from error
    with terminal_of(context).wiring() as wiring, wiring.database.transaction() as session:
        added = recipients.add(session, recipient, now=wiring.clock())
    say(f"added recipient {added.id}: {added.name}")


@app.command("remove")
def remove(context: typer.Context, recipient: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Take a recipient out."""
    with terminal_of(context).wiring() as wiring, wiring.database.transaction() as session:
        removed = recipients.remove(session, recipient)
    if not removed:
        raise NothingFound(f"there is no recipient {recipient}", hint="see `connector recipients list`")
    say(f"removed recipient {recipient}")


@app.command("import")
def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="csv: name,kvk,oin,gln,vat,channel,address,language")],
) -> None:
    """Add the recipients of a csv file; all of them or, when a line is wrong, none. Those already there are left."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUsage(f"{file} cannot be read as UTF-8 text", hint="save it as csv (UTF-8)") from error
    rows = rows_from_csv(text)
    with terminal_of(context).wiring() as wiring, wiring.database.transaction() as session:
        added = recipients.add_new(session, rows, now=wiring.clock())
    say(f"added {added} recipients; {len(rows) - added} were there already")


@app.command("export")
def export_file(context: typer.Context, file: Annotated[Path, typer.Argument(help="The csv to write.")]) -> None:
    """Write the directory to a csv file."""
    with terminal_of(context).wiring() as wiring, wiring.database.reading() as session:
        found = recipients.all(session)
    write_file(file, rows_to_csv(found).encode())
    say(f"wrote {len(found)} recipients to {file}")
