"""Another reader for `benchmarks.sync`: the client `exactonline` from PyPI, which gives the rows as a list of dicts.

Its first word is the endpoints: ``crm`` (60 rows a page: what its own `relations` and `contacts` read) or ``sync``
(1,000 rows a page, as the connector); a second, ``keep``, puts the rows into a SQLite file, in the shortest way there
is. Reads where the sandbox is as JSON on stdin, tells its reading on stdout.
"""

import json
import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from exactonline.api import ExactApi
from exactonline.http import opt_secure
from exactonline.resource import GET
from exactonline.storage import ExactOnlineConfig, MissingSetting

from benchmarks.measuring import measure, tell
from benchmarks.site import CALLBACK, DIVISION, Site
from connector.exact.records import ACCOUNTS, CONTACTS, Account, Contact

PAGES = "100000"
"""It stops after 50 pages unless told otherwise."""


class Memory(ExactOnlineConfig):  # type: ignore[misc]  # the package has no types
    """Its settings, in memory."""

    def __init__(self, site: Site) -> None:
        api = f"{site.base_url}/api"
        self.values = {
            ("server", "auth_url"): f"{api}/oauth2/auth",
            ("server", "rest_url"): api,
            ("server", "token_url"): f"{api}/oauth2/token",
            ("application", "base_url"): CALLBACK,
            ("application", "client_id"): site.client_id,
            ("application", "client_secret"): site.client_secret,
            ("application", "iteration_limit"): PAGES,
            ("transient", "division"): str(DIVISION),
        }

    def get(self, section: str, option: str) -> str:
        """A setting."""
        try:
            return self.values[section, option]
        except KeyError:
            raise MissingSetting(section, option) from None

    def set(self, section: str, option: str, value: str) -> None:
        """Keep a setting."""
        self.values[section, option] = value


class CountingApi(ExactApi):  # type: ignore[misc]  # as above
    """The client as it is, with its calls counted."""

    calls = 0

    def _rest_query(self, request: Any) -> Any:
        self.calls += 1
        return super()._rest_query(request)


def connect(site: Site) -> CountingApi:
    """Let it fetch tokens in its own way; http has to be allowed, as its own tests do."""
    opt_secure.protocols = ("http", "https")
    api = CountingApi(storage=Memory(site))
    answer = httpx.get(api.create_auth_request_url(), follow_redirects=False)
    [code] = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
    api.request_token(code)
    return api


Rows = Sequence[dict[str, Any]]


def read_sync(api: CountingApi) -> list[Rows]:
    """Read the streams that the connector reads, the same fields of them."""
    found = []
    for stream in (ACCOUNTS, CONTACTS):
        query = f"$select={','.join(stream.fields)}&$filter={quote('Timestamp gt 1L')}"
        found.append(api.restv1(GET(f"{stream.path}?{query}")))
    return found


def read_crm(api: CountingApi) -> list[Rows]:
    """Read as its users do."""
    accounts = api.relations.filter(select=",".join(Account.FIELDS))
    contacts = api.contacts.filter(select=",".join(Contact.FIELDS))
    return [accounts, contacts]


def keep(found: list[Rows], file: Path) -> None:
    """Put the fields into one table each as they came, nothing read or checked, in one transaction."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for name, rows, fields in zip(("account", "contact"), found, (Account.FIELDS, Contact.FIELDS), strict=True):
            columns = ", ".join(f'"{field}"' for field in fields)
            connection.execute(f'CREATE TABLE {name} ({columns}, PRIMARY KEY ("ID"))')
            values = ", ".join("?" * len(fields))
            connection.executemany(
                f"INSERT OR REPLACE INTO {name} ({columns}) VALUES ({values})",
                ([row[field] for field in fields] for row in rows),
            )


def main() -> None:
    """Read all customers and contacts of the division."""
    api = connect(Site(**json.load(sys.stdin)))
    read_rows = {"sync": read_sync, "crm": read_crm}[sys.argv[1]]
    with tempfile.TemporaryDirectory() as folder:

        def read() -> tuple[int, int]:
            found = read_rows(api)
            if sys.argv[2:] == ["keep"]:
                keep(found, Path(folder) / "kept.db")
            return sum(len(rows) for rows in found), api.calls

        tell(measure(read))


if __name__ == "__main__":
    main()
