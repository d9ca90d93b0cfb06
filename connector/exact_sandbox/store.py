"""The rows of a running sandbox, in memory: tables per division, each in the order of its row versions.

Says nothing about fields; `api` decides what may be written and `database` keeps it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from connector.exact_sandbox.dates import stored_instant
from connector.exact_sandbox.entities import DELETED_TYPES
from connector.exact_sandbox.numbers import guid
from connector.exact_sandbox.rows import TABLES, USER_ID, Row

T = TypeVar("T")
KEYS = {"invoices": "InvoiceID"}
_FIRST_TIMESTAMP = 4_000_000
_REMEMBERED = 8
_FOUND_BY = {"accounts": "Code", "contacts": "Account", "lines": "InvoiceID", "attachments": "Document"}
_NUMBERED_BY = {"accounts": "Code", "contacts": "HID", "documents": "HID"}
_HEADER_ONLY = ("AmountDiscount", "AmountDiscountExclVat", "AmountFCExclVat")  # [docs: PiDocs, sync page]


def key_of(table: str) -> str:
    """The key field of a table's rows."""
    return KEYS.get(table, "ID")


def timestamp_of(row: Row) -> int:
    """The row version."""
    value = row["Timestamp"]
    assert isinstance(value, int)
    return value


@dataclass(slots=True)
class DivisionStore:
    """The tables of one division and its counter of row versions (unique per division, higher at each change)."""

    code: int
    counter: int = _FIRST_TIMESTAMP
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: {name: {} for name in (*TABLES, "deleted")})
    _lists: dict[str, list[Row]] = field(default_factory=dict)
    _index: dict[tuple[str, str], dict[str, Row]] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _before: dict[tuple[str, str], Row] = field(default_factory=dict)
    _remembered: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def load(self, tables: dict[str, list[Row]]) -> None:
        """Take a world's rows. An invoice's lines get their versions right after its header."""
        lines: dict[Any, list[Row]] = {}
        for row in tables["lines"]:
            lines.setdefault(row["InvoiceID"], []).append(row)
        for table, rows in tables.items():
            if table == "lines":
                continue
            for row in rows:
                self.put(table, row)
                if table == "invoices":
                    for line in lines.get(row["InvoiceID"], ()):
                        self.put("lines", line)

    def put(self, table: str, row: Row, *, timestamp: int | None = None) -> Row:
        """Insert or replace; the row moves to the end of its stream with a new version, unless one is given."""
        if timestamp is None:
            self.counter += 3
            timestamp = self.counter
        self.counter = max(self.counter, timestamp)
        stamped: Row = {**row, "Timestamp": timestamp}
        key = str(stamped[key_of(table)])
        rows = self.tables[table]
        older = rows.pop(key, None)
        if older is not None:
            self._before[table, key] = older
            self._unlist(table, key, older)
        rows[key] = stamped
        self._enlist(table, key, stamped)
        self._forget(table)
        return stamped

    def remove(self, table: str, key: str, now: datetime) -> Row | None:
        """Delete, and log it where sync/Deleted reports this kind. Returns the log row."""
        if not self.take_away(table, key) or table not in DELETED_TYPES:
            return None
        log: Row = {
            "ID": guid(self.code, "deleted", key, self.counter), "EntityType": DELETED_TYPES[table], "EntityKey": key,
            "DeletedBy": USER_ID, "DeletedDate": stored_instant(now), "Division": self.code,
        }  # fmt: skip
        return self.put("deleted", log)

    def forget_deletions(self, before: datetime) -> None:
        """Cut off the log of deletions."""
        kept = stored_instant(before)
        for key in [key for key, row in self.tables["deleted"].items() if str(row["DeletedDate"]) < kept]:
            self.take_away("deleted", key)

    def take_away(self, table: str, key: str) -> bool:
        """Delete without a log row; False when there was nothing to delete."""
        older = self.tables[table].pop(key, None)
        if older is not None:
            self._unlist(table, key, older)
            self._forget(table)
        return older is not None

    def rows(self, table: str) -> list[Row]:
        """All rows in version order. Callers do not change them."""
        found = self._lists.get(table)
        if found is None:
            found = self._flat() if table == "flat" else list(self.tables[table].values())
            self._lists[table] = found
        return found

    def get(self, table: str, key: str) -> Row | None:
        """One row, by its key in lower case."""
        return self.tables[table].get(key.lower())

    def place_after(self, table: str, timestamp: int) -> int:
        """Where in `rows` the higher versions begin. `flat` is the stream of invoice headers and lines."""
        return bisect_right(self.rows(table), timestamp, key=timestamp_of)

    def before_change(self, table: str, row: Row) -> Row | None:
        """A row of a stream as it was before its last change; None when it never changed."""
        if table != "flat":
            return self._before.get((table, str(row[key_of(table)])))
        header = self._before.get(("invoices", str(row["InvoiceID"])))
        if row["LineNumber"] == 0:
            return None if header is None else _header_row(header)
        line = self._before.get(("lines", str(row["ID"])))
        return None if line is None else _flat_line(header or {}, line)

    def lines_of(self, invoice_id: str) -> list[Row]:
        """The lines of an invoice, by number."""
        return sorted(self.found("lines", invoice_id), key=lambda row: int(str(row["LineNumber"])))

    def found(self, table: str, value: str) -> list[Row]:
        """Without going through all: accounts of a code, contacts of an account, lines of an invoice, files."""
        return list(self._index.get((table, value), {}).values())

    def next_number(self, table: str) -> int:
        """One more than the highest code of an account, or the highest HID of a contact or document, ever given."""
        return self._numbers.get(table, 0) + 1

    def remembered(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What `make` gives, kept until a row of this division changes, so that a next page need not sort anew."""
        found: T | None = self._remembered.get(key)
        if found is None:
            found = make()
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            self._remembered[key] = found
        return found

    def reset_timestamps(self) -> None:
        """As after a division move: every row gets a new, low version in the same order."""
        ordered = sorted(
            ((table, row) for table, rows in self.tables.items() for row in rows.values()),
            key=lambda pair: timestamp_of(pair[1]),
        )
        self.counter = 1000
        self._before.clear()
        self._index.clear()
        for rows in self.tables.values():
            rows.clear()
        for table, row in ordered:
            self.put(table, row)

    def _flat(self) -> list[Row]:
        """Header rows and line rows in one stream."""
        flat: list[Row] = []
        headers = self.tables["invoices"]
        flat += [_header_row(header) for header in headers.values()]
        flat += [_flat_line(headers.get(str(line["InvoiceID"]), {}), line) for line in self.tables["lines"].values()]
        return sorted(flat, key=timestamp_of)

    def _enlist(self, table: str, key: str, row: Row) -> None:
        if table in _FOUND_BY:
            self._index.setdefault((table, str(row[_FOUND_BY[table]])), {})[key] = row
        given = str(row.get(_NUMBERED_BY.get(table, "")))
        if given.isdecimal():
            self._numbers[table] = max(self._numbers.get(table, 0), int(given))

    def _unlist(self, table: str, key: str, row: Row) -> None:
        if table in _FOUND_BY:
            self._index[table, str(row[_FOUND_BY[table]])].pop(key)

    def _forget(self, table: str) -> None:
        self._lists.pop(table, None)
        self._remembered.clear()
        if table in ("invoices", "lines"):
            self._lists.pop("flat", None)


def _header_row(header: Row) -> Row:
    """LineNumber 0, ID = InvoiceID [assumed]."""
    return {**header, "ID": header["InvoiceID"], "LineNumber": 0}


def _flat_line(header: Row, line: Row) -> Row:
    """The header's values are repeated on each line."""
    return {**header, **dict.fromkeys(_HEADER_ONLY), **line}


def newest(rows: Iterable[Row]) -> int:
    """The highest version among rows, 0 when there are none."""
    return max((timestamp_of(row) for row in rows), default=0)
