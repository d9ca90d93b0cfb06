"""`connector connect`, `connections`, `disconnect`: log-ins with Exact and the divisions they work for.

The consent itself is `connect_division`'s affair, keeping the tokens alive `keep_token`'s.
"""

import sys
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import typer

from connector import texts
from connector.cli.terminal import note, print_json, say, screen, terminal_of
from connector.composition import Wiring
from connector.errors import AuthorizationDenied, InvalidSetting, Misconfigured, WrongUsage
from connector.listing import Column, Listing, Narrow
from connector.settings import is_loopback
from connector.storage import connections, divisions
from connector.usecases.connect_division import (
    Consent,
    disconnect_division,
    finish_consent,
    forget_unused,
    pin_divisions,
    start_consent,
)

LONGEST_WAIT_SECONDS = 600
"""As long as a state counts."""

ANSWERED = b"""<!doctype html><html lang="nl"><meta charset="utf-8"><title>Connector</title>
<p>Exact Online heeft geantwoord. U kunt dit venster sluiten.
<p lang="en">Exact Online has answered. You can close this window.</html>"""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("connect")(connect)
    app.command("connections")(list_connections)
    app.command("disconnect")(disconnect)


def connect(
    context: typer.Context,
    paste: Annotated[bool, typer.Option("--paste", help="Read the redirected address from stdin.")] = False,
    division: Annotated[list[int] | None, typer.Option("--division", help="Connect this one; may be repeated.")] = None,
    all_divisions: Annotated[bool, typer.Option("--all-divisions", help="Connect every granted one.")] = False,
) -> None:
    """Connect an Exact log-in: consent in the browser, then choose the divisions to work for."""
    with terminal_of(context).wiring() as wiring:
        oauth = wiring.oauth
        redirect = wiring.settings.exact.redirect_uri
        if not redirect:
            raise InvalidSetting("exact.redirect_uri is empty", hint="fill in the address registered with Exact")
        wiring.vault  # noqa: B018  # a missing key should show before the consent, not after
        parts = urlsplit(redirect)
        listens = not paste and parts.scheme == "http" and is_loopback(parts.hostname)
        server = _listen(parts.hostname or "", parts.port or 80) if listens else None
        url, state = start_consent(wiring.database, oauth, now=wiring.clock())
        note(context, "Open this address, log in to Exact Online and agree:")
        say(url)
        sys.stdout.flush()
        query = _wait_for_answer(server) if server is not None else _read_pasted(context)
        consent = finish_consent(
            wiring.database,
            wiring.vault,
            oauth,
            wiring.exact_before_choice,
            query,
            state=state,
            base_url=wiring.settings.exact.site,
            client_id=wiring.settings.exact.client_id,
            clock=wiring.clock,
        )
        try:
            codes = _choose(context, consent, division or [], all_divisions=all_divisions)
            pinned = pin_divisions(wiring.database, consent, codes, now=wiring.clock(), today=wiring.today)
        finally:
            forget_unused(wiring.database, consent.connection.id)
        for each in pinned:
            kvk = f", KvK {each.kvk}" if each.kvk else ", without a KvK number"
            say(f"connected: division {each.code}, {each.name}{kvk}")
        _explain_delivery(context, wiring, pinned)


def _explain_delivery(context: typer.Context, wiring: Wiring, pinned: list[divisions.PinnedDivision]) -> None:
    """Say plainly who delivers, and from when."""
    words = {
        "all": "this installation delivers every invoice",
        "not_set_up": "InvoiceSharing delivers for customers that are set up, this installation the others",
        "none": "nothing is delivered from here; invoices are only retrieved, checked and shown",
    }
    note(context, f"deliver = {wiring.settings.routing.deliver}: {words[wiring.settings.routing.deliver]}.")
    for each in pinned:
        start = wiring.settings.routing.start_date or each.start_date
        note(context, f"Invoices of division {each.code} dated before {start} are history and never sent.")


def _choose(context: typer.Context, consent: Consent, wanted: list[int], *, all_divisions: bool) -> list[int]:
    """Which divisions to pin: the named ones, all, the only one, or what a person answers."""
    granted = [record.code for record in consent.divisions]
    if not granted:
        raise AuthorizationDenied("Exact granted no division", hint="tick at least one division on the consent page")
    if wanted:
        return wanted
    if all_divisions or len(granted) == 1:
        return granted
    for record in consent.divisions:
        note(context, f"  {record.code}  {record.description or record.customer_name or ''}")
    if not sys.stdin.isatty():
        raise WrongUsage(
            f"{len(granted)} divisions were granted and none was chosen",
            hint="say --division CODE (may be repeated) or --all-divisions, and connect again",
        )
    note(context, "Which of these? Codes with spaces between them, or `all`:")
    answer = sys.stdin.readline().split()
    if answer == ["all"]:
        return granted
    if not answer or not all(word.isdigit() for word in answer):
        raise WrongUsage("no division was chosen", hint="connect again, and type the codes")
    return [int(word) for word in answer]


def _read_pasted(context: typer.Context) -> dict[str, str]:
    """The parameters of the address that the browser ended at."""
    note(context, "Then paste the whole address that the browser ended at, and press Enter:")
    pasted = sys.stdin.readline().strip()
    query = dict(parse_qsl(urlsplit(pasted).query, keep_blank_values=True))
    if not query:
        raise WrongUsage("this is not the address that Exact redirected to", hint="paste all of it, from https:// on")
    return query


def _listen(host: str, port: int) -> HTTPServer:
    """A server for one redirect; loopback only, so only for the sandbox."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
            if "state" in query:  # a browser also asks for its icon
                self.server.query = query  # type: ignore[attr-defined]  # read by _wait_for_answer
            self.send_response(200 if "state" in query else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(ANSWERED if "state" in query else b"")

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the address holds a code."""

    try:
        server = HTTPServer((host, port), Answer)
    except OSError as error:
        raise Misconfigured(
            f"cannot listen at {host}:{port} for the answer ({error.strerror})", hint="or connect with --paste"
        ) from error
    server.timeout = LONGEST_WAIT_SECONDS
    return server


def _wait_for_answer(server: HTTPServer) -> dict[str, str]:
    with server:
        for _ in range(10):
            server.handle_request()
            query: dict[str, str] | None = getattr(server, "query", None)
            if query is not None:
                return query
    raise AuthorizationDenied("no answer came from Exact", hint="connect again")


def list_connections(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Who is connected, which divisions, in what state, and how long the log-in still lasts without use."""
    with terminal_of(context).wiring() as wiring:
        with wiring.database.reading() as session:
            known = connections.all(session)
            pinned = divisions.all(session)
        now = wiring.clock()
    rows: list[dict[str, Any]] = []
    for connection in known:
        theirs = [division for division in pinned if division.connection_id == connection.id]
        rows.append(
            {
                "id": connection.id,
                "site": connection.base_url,
                "user": connection.user_name,
                "state": connection.state.value,
                "cause": connection.cause,
                "days_left": connections.days_left(connection, now),
                "trouble": connection.trouble,
                "retry_at": connection.retry_at,
                "divisions": [
                    {"division": d.code, "name": d.name, "kvk": d.kvk, "last_synced_at": d.last_synced_at}
                    for d in theirs
                ],
            }
        )
    if json:
        print_json({"connections": rows})
        return
    if not rows:
        note(context, "nobody is connected yet; run `connector connect`")
        return
    table = Listing(
        Column(heading="division", is_whole=True),
        Column(heading="name"),
        Column(heading="KvK", is_whole=True, narrow=Narrow.LEFT_OUT),
        Column(heading="connected as", narrow=Narrow.BENEATH),
        Column(heading="state"),
        Column(heading="days left", is_whole=True, is_right=True),
        Column(heading="next attempt", narrow=Narrow.LEFT_OUT),
        Column(heading="last sync", narrow=Narrow.LEFT_OUT),
    )
    for row in rows:
        for each in row["divisions"]:
            state = f"{row['state']} ({row['cause']})" if row["cause"] else str(row["state"])
            table.add_row(
                str(each["division"]),
                each["name"],
                each["kvk"],
                str(row["user"]),
                state,
                str(row["days_left"]),
                _minute(row["retry_at"]),
                _minute(each["last_synced_at"]) or "never",
            )
    screen().print(table)
    for connection in known:
        _explain(connection, terminal_of(context).screen_language)


def _explain(connection: connections.Connection, language: str) -> None:
    """Say in words what is the matter with a log-in, and what to do."""
    if connection.state is connections.ConnectionState.NEEDS_PERSON and connection.cause is not None:
        why = texts.cause_text(connection.cause, language)
        say(f"{connection.user_name}: {why.title}. {why.explanation}\n{why.remedy}")
    elif connection.trouble is not None:
        say(f"{connection.user_name}: {texts.trouble_text(connection.trouble, language)}")


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def disconnect(context: typer.Context, division: Annotated[int, typer.Argument(help="Code of the division.")]) -> None:
    """Stop working for a division; with the last one of a log-in its tokens go too."""
    with terminal_of(context).wiring() as wiring:
        tokens_went = disconnect_division(wiring.database, division)
    say(f"disconnected: division {division}" + (", and the log-in with its tokens" if tokens_went else ""))
