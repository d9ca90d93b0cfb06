"""The file that keeps a sandbox over its end: parameters, changed rows, token chains. Standard sqlite3, nothing clever.

Only rows that differ from the seeded world are written; `sandbox` builds the world again and lays these over it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connector.exact_sandbox.oauth import Chain, chain_from_json, chain_to_json
from connector.exact_sandbox.rows import Row

_SCHEMA = """
create table if not exists parameter (name text primary key, value text not null);
create table if not exists changed (division integer, name text, id text, timestamp integer, body text,
                                    primary key (division, name, id));
create table if not exists content (id text primary key, name text not null, body blob not null);
create table if not exists chain (id text primary key, body text not null);
"""


class Database:
    """One sandbox.db, or nothing at all when there is no path: then every write is forgotten."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        if path is not None:
            self._connection.execute("pragma journal_mode=wal")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def parameters(self) -> dict[str, Any]:
        """What was kept by name; empty in a fresh file."""
        return {
            name: json.loads(value) for name, value in self._connection.execute("select name, value from parameter")
        }

    def keep_parameter(self, name: str, value: Any) -> None:
        """Keep one JSON value."""
        self._connection.execute("insert or replace into parameter values (?, ?)", (name, json.dumps(value)))

    def keep_row(self, division: int, table: str, key: str, timestamp: int, row: Row | None) -> None:
        """Keep a changed row, or with None that it is gone."""
        if self.path is not None:
            body = None if row is None else json.dumps(row)
            self._connection.execute(
                "insert or replace into changed values (?, ?, ?, ?, ?)", (division, table, key, timestamp, body)
            )

    def changed_rows(self) -> Iterator[tuple[int, str, str, int, Row | None]]:
        """What was kept, in version order: division, table, key, version, row."""
        for division, name, key, timestamp, body in self._connection.execute(
            "select * from changed order by timestamp"
        ):
            yield division, name, key, timestamp, None if body is None else json.loads(body)

    def keep_content(self, key: str, name: str, body: bytes) -> None:
        """Keep the bytes of an attachment that came after the seeded world."""
        if self.path is not None:
            self._connection.execute("insert or replace into content values (?, ?, ?)", (key, name, body))

    def contents(self) -> dict[str, tuple[str, bytes]]:
        """The kept attachments by id: name and bytes."""
        return {key: (name, body) for key, name, body in self._connection.execute("select id, name, body from content")}

    def keep_chain(self, chain: Chain) -> None:
        """Keep a token chain as it is now."""
        self._connection.execute(
            "insert or replace into chain values (?, ?)", (chain.id, json.dumps(chain_to_json(chain)))
        )

    def chains(self) -> list[Chain]:
        """All kept chains, oldest first."""
        return [
            chain_from_json(json.loads(body))
            for (body,) in self._connection.execute("select body from chain order by rowid")
        ]
