"""A KVK register on 127.0.0.1: Zoeken v2 and Basisprofiel v1 over a handful of made-up businesses.

Bodies and errors have the shapes of developers.kvk.nl; the codes are those of libraries.md and of open clients.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "l7xx-key-of-the-tests"
SEARCH = "/api/v2/zoeken"
PROFILE = "/api/v1/basisprofielen/"
KNOWN_PARAMETERS = {"naam", "postcode", "straatnaam", "plaats", "kvkNummer", "pagina", "resultatenPerPagina"}


@dataclass(frozen=True, kw_only=True)
class Business:
    """A business in the register; `trade_names` belong to its main branch."""

    number: str
    name: str
    trade_names: tuple[str, ...] = ()
    street: str = "Dorpsstraat"
    postcode: str = "1234AB"
    city: str = "Ons Dorp"
    closed: str = ""

    def profile(self) -> dict[str, Any]:
        """The answer of Basisprofiel."""
        registered = {"datumAanvang": "20150101"} | ({"datumEinde": self.closed} if self.closed else {})
        address = {"type": "bezoekadres", "straatnaam": self.street, "postcode": self.postcode, "plaats": self.city}
        trade_names = [{"naam": name, "volgorde": place} for place, name in enumerate(self.trade_names)]
        return {
            "kvkNummer": self.number,
            "naam": self.name,
            "materieleRegistratie": registered,
            "statutaireNaam": self.name,
            "handelsnamen": trade_names,
            "_embedded": {"hoofdvestiging": {"handelsnamen": trade_names, "adressen": [address]}, "eigenaar": {}},
        }

    def result(self) -> dict[str, Any]:
        """One result of Zoeken."""
        address = {"type": "bezoekadres", "straatnaam": self.street, "postcode": self.postcode, "plaats": self.city}
        return {
            "kvkNummer": self.number,
            "naam": self.name,
            "adres": {"binnenlandsAdres": address},
            "type": "hoofdvestiging",
            "actief": "Nee" if self.closed else "Ja",
        }


@dataclass
class Register:
    """What the server knows, what it was asked, and what goes wrong on order."""

    businesses: list[Business] = field(default_factory=list)
    port: int = 0
    calls: list[str] = field(default_factory=list)
    """Paths with their query, in order."""
    faults: list[tuple[int, str]] = field(default_factory=list)
    """Status and body of the next answers; status 0 hangs up."""
    headers: dict[str, str] = field(default_factory=dict)
    """What answers say beside their length."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paid(self) -> list[str]:
        """The numbers whose Basisprofiel was asked for."""
        return [call.removeprefix(PROFILE) for call in self.calls if call.startswith(PROFILE)]

    def answer(self, target: str, key: str | None) -> tuple[int, str]:
        """Status and body for one call."""
        self.calls.append(target)
        if self.faults:
            return self.faults.pop(0)
        if key != KEY:
            return 401, '{"fault": {"faultstring": "Invalid ApiKey"}}'
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        if set(query) - KNOWN_PARAMETERS:
            return 400, fault("IPD0010", "De parameter is niet toegestaan.")
        if parts.path.startswith(PROFILE):
            return self._profile(parts.path.removeprefix(PROFILE))
        return self._search(query) if parts.path == SEARCH else (404, "<html>not here</html>")

    def _profile(self, number: str) -> tuple[int, str]:
        found = next((each for each in self.businesses if each.number == number), None)
        if found is None:
            return 404, fault("IPD0005", f"Geen gegevens gevonden voor KVK-nummer {number}.")
        return 200, json.dumps(found.profile())

    def _search(self, query: dict[str, str]) -> tuple[int, str]:
        """Any word of the name finds; a place that is named has to be right; closed ones are not given unasked."""
        words = set(query.get("naam", "").lower().split())
        found = [
            each
            for each in self.businesses
            if words & set(" ".join((each.name, *each.trade_names)).lower().split())
            and not each.closed
            and query.get("postcode", each.postcode) == each.postcode
            and query.get("straatnaam", each.street) == each.street
            and query.get("plaats", each.city) == each.city
        ]
        if not found:
            return 404, fault("IPD5200", "Er zijn geen resultaten gevonden.")
        page = [each.result() for each in found[: int(query.get("resultatenPerPagina", 10))]]
        return 200, json.dumps({"pagina": 1, "totaal": len(found), "resultaten": page})


def fault(code: str, words: str) -> str:
    """An error body of the register's."""
    return json.dumps({"fout": [{"code": code, "omschrijving": words}]})


@contextmanager
def serving(*businesses: Business) -> Iterator[Register]:
    """Run a register in a thread."""
    register = Register(businesses=list(businesses))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = register.answer(self.path, self.headers.get("apikey"))
            if status == 0:
                self.close_connection = True
                return
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            for name, value in register.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        register.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield register
        finally:
            server.shutdown()
            thread.join()
