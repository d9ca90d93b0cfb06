"""The state of one sandbox: its world, what changed since, its tokens and limits. HTTP is in `api` and `server`.

`ui_*` methods do what a person does in Exact's own screens: no API call is counted, row versions move all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any

from connector.exact_sandbox.database import Database
from connector.exact_sandbox.dates import stored_instant, today_in_amsterdam
from connector.exact_sandbox.faults import Faults
from connector.exact_sandbox.limits import Limiter
from connector.exact_sandbox.numbers import guid
from connector.exact_sandbox.oauth import TokenOffice
from connector.exact_sandbox.options import SandboxOptions
from connector.exact_sandbox.rows import USER_ID, USER_NAME, Row, Value, division_row, tables_of
from connector.exact_sandbox.store import DivisionStore, key_of, timestamp_of
from connector.exact_sandbox.world import World, build_world

_WORLD_PARAMETERS = ("customers", "invoices", "divisions", "seed", "first_division", "upload_address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row was written or deleted; `action` is Create, Update or Delete."""

    division: int
    table: str
    key: str
    action: str


class Sandbox:
    """World and state. Make one with `create`, or `open` a kept one; all access goes through `lock`."""

    def __init__(self, world: World, database: Database, options: SandboxOptions) -> None:
        self.world = world
        self.options = options
        self.lock = RLock()
        self.clock: Callable[[], datetime] = options.clock
        self._database = database
        self.stores = {division.code: DivisionStore(division.code) for division in world.divisions}
        self.division_rows: dict[int, Row] = {}
        self.contents: dict[str, tuple[str, bytes]] = {}
        for place, division in enumerate(world.divisions):
            self.stores[division.code].load(tables_of(world, division))
            self.division_rows[division.code] = division_row(world, division, main=place == 0)
            for document in division.documents:
                self.contents.update({file.id: (file.file_name, file.content) for file in document.attachments})
        self.current_division = world.divisions[0].code
        self.client_id = guid(world.seed, "client")
        self.client_secret = sha256(f"sandbox client {world.seed}".encode()).hexdigest()[:24]
        self.webhook_secret = sha256(f"sandbox webhook {world.seed}".encode()).hexdigest()[:24]
        self.on_change: Callable[[Change], None] | None = None
        self.office = TokenOffice(
            client_id=self.client_id, client_secret=self.client_secret, token_life=options.token_life, clock=self.clock,
            store=database.keep_chain, chains=database.chains(),
        )  # fmt: skip
        self.faults = Faults(options.faults)
        self.limiter = Limiter(clock=self.clock, speed=options.speed, enabled=options.limits)

    @classmethod
    def create(cls, path: Path | None, options: SandboxOptions) -> Sandbox:
        """A new sandbox; with a path its parameters, and later its changes, are kept there."""
        today = options.today or today_in_amsterdam(options.clock())
        chosen = {name: getattr(options, name) for name in _WORLD_PARAMETERS}
        database = Database(path)
        for name, value in {**chosen, "today": today.isoformat()}.items():
            database.keep_parameter(name, value)
        database.keep_parameter("token_life", options.token_life)
        return cls(build_world(**chosen, today=today), database, options)

    @classmethod
    def open(cls, path: Path, options: SandboxOptions | None = None) -> Sandbox:
        """A kept sandbox with everything that changed. World parameters in `options` do not count."""
        database = Database(path)
        kept = database.parameters()
        chosen = {name: kept[name] for name in _WORLD_PARAMETERS}
        sandbox = cls(
            build_world(**chosen, today=date.fromisoformat(kept["today"])),
            database,
            options or SandboxOptions(database=path),
        )
        sandbox.current_division = kept.get("current_division", sandbox.current_division)
        sandbox.contents.update(database.contents())
        for division, table, key, timestamp, row in database.changed_rows():
            store = sandbox.stores[division]
            if table == "divisions":
                sandbox.division_rows[division] = row or {}
            elif row is None:
                store.take_away(table, key)
                store.counter = max(store.counter, timestamp)
            else:
                store.put(table, row, timestamp=timestamp)
        return sandbox

    @classmethod
    def create_or_open(cls, options: SandboxOptions) -> Sandbox:
        """Open the database of the options when it holds a sandbox, else create."""
        path = options.database
        if path is not None and path.exists() and path.stat().st_size:
            return cls.open(path, options)
        return cls.create(path, options)

    def close(self) -> None:
        """Release the database file."""
        self._database.close()

    def keep(self, name: str, value: Any) -> None:
        """Keep a JSON value by name, for instance a port."""
        self._database.keep_parameter(name, value)

    def kept(self, name: str) -> Any:
        """A value that was kept, or None."""
        return self._database.parameters().get(name)

    # Reading, for tests and the demo

    def accounts(self, division: int) -> list[Row]:
        """Copies of all cards as they are now."""
        return self._copies(division, "accounts")

    def contacts(self, division: int) -> list[Row]:
        """Copies of all contacts as they are now."""
        return self._copies(division, "contacts")

    def rows(self, division: int, table: str) -> list[Row]:
        """Copies of all rows of a table of `rows.TABLES`, or of `deleted`."""
        return self._copies(division, table)

    def account(self, division: int, code: int | str) -> Row:
        """The card with this customer code; `KeyError` when there is none."""
        with self.lock:
            for row in self.stores[division].found("accounts", str(code)):
                return dict(row)
        raise KeyError(code)

    def contacts_of(self, division: int, code: int | str) -> list[Row]:
        """The contacts on the card with this customer code."""
        with self.lock:
            account = str(self.account(division, code)["ID"])
            return [dict(row) for row in self.stores[division].found("contacts", account)]

    def _copies(self, division: int, table: str) -> list[Row]:
        with self.lock:
            return [dict(row) for row in self.stores[division].rows(table)]

    # Writing

    def write(self, division: int, table: str, row: Row) -> Row:
        """Insert or replace a row: new version, new Modified, kept when there is a database, told to subscribers."""
        with self.lock:
            key = str(row[key_of(table)])
            action = "Create" if self.stores[division].get(table, key) is None else "Update"
            now = stored_instant(self.clock())
            fresh = {**row, "Modified": now, "Modifier": USER_ID, "ModifierFullName": USER_NAME}
            if "Created" not in row:
                fresh |= {"Created": now, "Creator": USER_ID, "CreatorFullName": USER_NAME, "Division": division}
            stamped = self.stores[division].put(table, fresh)
            self._database.keep_row(division, table, key, timestamp_of(stamped), stamped)
            self._tell(division, table, key, action)
            return stamped

    def delete(self, division: int, table: str, key: str) -> None:
        """Remove a row if it is there; sync/Deleted and subscribers are told."""
        with self.lock:
            store = self.stores[division]
            if store.get(table, key) is None:
                return
            log = store.remove(table, key, self.clock())
            self._database.keep_row(division, table, key, store.counter, None)
            if log is not None:
                self._database.keep_row(division, "deleted", str(log["ID"]), timestamp_of(log), log)
            self._tell(division, table, key, "Delete")

    def _tell(self, division: int, table: str, key: str, action: str) -> None:
        if self.on_change is not None:
            self.on_change(Change(division=division, table=table, key=key, action=action))

    def change_invoice(self, division: int, header: Row, **fields: Value) -> Row:
        """Change a header; header and lines all get new versions [docs, sync page]."""
        with self.lock:
            changed = self.write(division, "invoices", {**header, **fields})
            for line in self.stores[division].lines_of(str(header["InvoiceID"])):
                self.write(division, "lines", line)
            return changed

    def keep_content(self, key: str, name: str, content: bytes) -> None:
        """Keep the bytes of an attachment by its id."""
        with self.lock:
            self.contents[key] = (name, content)
            self._database.keep_content(key, name, content)

    # What a person does in Exact

    def ui_change_account(self, division: int, code: int | str, **fields: Value) -> Row:
        """Change fields on a card, e.g. ``ui_change_account(123456, 7, InvoicingMethod=32)``."""
        with self.lock:
            return self.write(division, "accounts", {**self.account(division, code), **fields})

    def ui_change_contact(self, division: int, contact_id: str, **fields: Value) -> Row:
        """Change fields of a contact; `KeyError` when there is none."""
        with self.lock:
            return self.write(division, "contacts", {**self.stores[division].tables["contacts"][contact_id], **fields})

    def ui_delete(self, division: int, table: str, key: str) -> None:
        """Delete a row of a table."""
        self.delete(division, table, key)

    def ui_change_invoice(self, division: int, number: int, **fields: Value) -> None:
        """Change a header as `change_invoice` does; `StopIteration` when no invoice has this number."""
        with self.lock:
            store = self.stores[division]
            header = next(row for row in store.rows("invoices") if row["InvoiceNumber"] == number)
            self.change_invoice(division, header, **fields)

    def ui_switch_division(self, division: int) -> None:
        """The user opens another company: Me.CurrentDivision follows, granted or not [clients], 2.2."""
        self.current_division = division
        self.keep("current_division", division)

    def move_division(self, division: int) -> None:
        """Move a division to another server: all row versions start anew, DivisionMoveDate tells [docs], 4.9.

        The move itself is not kept in the database: it is for tests of one process.
        """
        with self.lock:
            self.stores[division].reset_timestamps()
            self.division_rows[division]["DivisionMoveDate"] = stored_instant(self.clock())

    def revoke_consent(self) -> None:
        """The user withdraws the app's permission."""
        with self.lock:
            self.office.revoke()
