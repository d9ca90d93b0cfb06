"""The database: engine, transactions, schema version. What is in it is the stores' affair.

One `with database.transaction() as session:` is one transaction; it commits at the end or not at all. The
driver's errors are translated here, once: `Busy` for what passes, `DatabaseBehind` for what an operator mends.
"""

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlmodel import Session

from connector.errors import Busy, ConnectorError, DatabaseBehind, InvalidSetting
from connector.storage.tables import Row, storable

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x636F6E6E6563746F
"""Key of PostgreSQL's advisory lock around a migration: "connecto" in ASCII; any constant would do."""

INIT_HINT = "run `connector init`"
PASSING = re.compile(
    r"database (table )?is locked|database is busy|deadlock detected|could not serialize|lock timeout"
    r"|the database system is (starting up|shutting down)|in recovery mode"
    r"|too many clients|remaining connection slots",
    re.IGNORECASE,
)
"""Messages of SQLite and PostgreSQL that mean: the same statement may succeed in a moment."""
ONE_STATE_ON_POSTGRESQL: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Every statement of a transaction sees what the first one saw; SQLite's readers have that in WAL mode anyway."""
BUSY_SECONDS = 5
"""How long a statement on SQLite waits for another process's lock."""
WAL_PAUSE_SECONDS = 0.02
UNMIGRATED = re.compile(r"no such (table|column)|(relation|column) .* does not exist", re.IGNORECASE)
ESCAPED_UNSTORABLE = re.compile(r"\\u(0000|d[89a-f])")


def make_engine(url: str) -> Engine:
    """Make the engine for a database URL; nothing is opened yet.

    Raises:
        InvalidSetting: The URL cannot be read, or names a database that is neither SQLite nor PostgreSQL.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"):
            raise InvalidSetting(f"no such kind of database: {parsed.drivername}", hint=URL_HINT)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(
            parsed,
            pool_pre_ping=not parsed.drivername.startswith("sqlite"),
            hide_parameters=True,  # error texts end up in logs; parameters are people's data
            json_serializer=_write_json,
        )
    except ArgumentError as error:
        raise InvalidSetting("the database URL cannot be read", hint=URL_HINT) from error
    except ModuleNotFoundError as error:
        raise InvalidSetting(
            "PostgreSQL needs the extra `postgres`", hint="pip install 'connector[postgres]'"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


URL_HINT = "storage.database_url is sqlite:///connector.db or postgresql+psycopg://user@host/name"


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not start transactions: _begin_sqlite does
    try:
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        _turn_to_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute("PRAGMA " + pragma)
    except sqlite3.Error:
        connection.close()  # nobody else does: the pool never got to know it
        raise


def _turn_to_wal(connection: sqlite3.Connection) -> None:
    """Set the journal mode, which a new file's first users do at once and which SQLite does not wait for by itself."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not PASSING.search(str(error)) or time.monotonic() > deadline:
                raise
            time.sleep(WAL_PAUSE_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A plain BEGIN that turns into a write later fails at once when another writer was first.
    reads_only = bool(connection.get_execution_options().get("read_only"))
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reads_only else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _write_json(value: Any) -> str:
    """JSON for a column: Decimals, dates and instants as text, and nothing that no database can hold."""
    written = json.dumps(value, default=_plain, allow_nan=False)
    if ESCAPED_UNSTORABLE.search(written):
        written = json.dumps(_storable_all(json.loads(written)), allow_nan=False)
    return written


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} does not go into a JSON column")


def _storable_all(value: Any) -> Any:
    if isinstance(value, str):
        # Halves of a pair that JSON wrote apart become one character again, only lonely ones are replaced.
        return storable(value)
    if isinstance(value, list):
        return [_storable_all(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): _storable_all(item) for key, item in value.items()}
    return value


def _translated(error: Exception, shown_url: str, *, writes: bool) -> ConnectorError | None:
    """What one of the driver's errors means to the caller; None when it is a fault of ours."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return Busy("all connections to the database are in use")
    if not isinstance(error, DBAPIError) or isinstance(error, sqlalchemy.exc.IntegrityError):
        return None
    cause = str(error.orig)
    if PASSING.search(cause):
        return Busy("the database is busy")
    if writes and isinstance(error, sqlalchemy.exc.InternalError):
        return Busy("the database does not take writes at the moment")  # read-only while another server takes over
    if error.connection_invalidated:
        return Busy("the connection to the database was lost")
    if UNMIGRATED.search(cause):
        return DatabaseBehind(f"the database {shown_url} lacks a table or column", hint=INIT_HINT)
    if "not a database" in cause or "malformed" in cause:
        return DatabaseBehind(
            f"{shown_url} is not a database, or is damaged", hint="restore a backup, or name another file"
        )
    if isinstance(error, sqlalchemy.exc.OperationalError):
        first_line = cause.strip().splitlines()[0] if cause.strip() else type(error.orig).__name__
        return DatabaseBehind(
            f"the database {shown_url} cannot be used: {first_line}",
            hint="check storage.database_url, that its folder exists and is writable, or that its server runs",
        )
    return None


class Database:
    """The one database of an installation. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Raises InvalidSetting for a URL that cannot be used; does not connect."""
        self.engine = make_engine(url)
        self._reads = self.engine.execution_options(
            read_only=True,
            **(ONE_STATE_ON_POSTGRESQL if self.engine.dialect.name == "postgresql" else {}),
        )

    @property
    def shown_url(self) -> str:
        """The URL without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back when it raises.

        On SQLite it holds the only write lock from its first statement on: keep it short, no network inside.

        Raises:
            Busy: Another writer was too long at it, or the connection was lost. Nothing was kept.
            DatabaseBehind: The database is missing, unreachable, of another version or no database.
        """
        with self._errors(writes=True), Session(self.engine, expire_on_commit=False) as session:
            yield session
            session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database and cannot write; never waits for writers.

        Raises:
            Busy, DatabaseBehind: As for `transaction`.
        """
        with self._errors(), Session(self._reads, expire_on_commit=False) as session:
            yield session
            session.rollback()

    @contextmanager
    def _errors(self, *, writes: bool = False) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlalchemy.exc.TimeoutError) as error:
            translated = _translated(error, self.shown_url, writes=writes)
            if translated is None:
                raise
            raise translated from error

    @property
    def _file(self) -> Path | None:
        name = self.engine.url.database
        return Path(name) if self.engine.dialect.name == "sqlite" and name and name != ":memory:" else None

    def migrate(self) -> None:
        """Create the tables, or bring those of an older version up to date; all of it or nothing.

        A new SQLite file is readable by its owner only. On PostgreSQL a second process waits for the first.

        Raises:
            DatabaseBehind: The database cannot be opened, belongs to a newer connector or to something else.
            Busy: Another process writes to it.
        """
        if self._file is not None and not self._file.exists() and self._file.parent.is_dir():
            os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))
        with self._errors(), self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            config = _alembic_config(connection)
            script = ScriptDirectory.from_config(config)
            current = _current(connection)
            if current is None:
                self._refuse_foreign_tables(connection)
            elif not _knows(script, current):
                raise self._newer()
            command.upgrade(config, "head")

    def require_current(self) -> None:
        """Check that the tables are those of this version; creates nothing.

        Raises:
            DatabaseBehind: Missing, older or newer; the hint says what to do.
            Busy: It cannot be asked just now.
        """
        if self._file is not None and not self._file.exists():
            raise DatabaseBehind(f"there is no database {self.shown_url}", hint=INIT_HINT)
        with self._errors(), self._reads.connect() as connection:
            script = ScriptDirectory.from_config(_alembic_config(connection))
            current = _current(connection)
        if current is None:
            raise DatabaseBehind(f"the database {self.shown_url} is empty", hint=INIT_HINT)
        if not _knows(script, current):
            raise self._newer()
        if current != script.get_current_head():
            raise DatabaseBehind(f"the database {self.shown_url} is of an older version", hint=INIT_HINT)

    def _newer(self) -> DatabaseBehind:
        return DatabaseBehind(
            f"the database {self.shown_url} is of a newer connector than this one",
            hint="install that version again, then run `connector init`",
        )

    def _refuse_foreign_tables(self, connection: Connection) -> None:
        ours = set(Row.metadata.tables) & set(inspect(connection).get_table_names())
        if ours:
            raise DatabaseBehind(
                f"the database {self.shown_url} has other software's tables: {', '.join(sorted(ours))}",
                hint="name an empty database in storage.database_url",
            )

    @property
    def size(self) -> int:
        """Bytes the database takes on disk, without SQLite's journal."""
        with self._errors(), self._reads.connect() as connection:
            if connection.dialect.name == "postgresql":
                return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())
            pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
            return pages * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())

    def dispose(self) -> None:
        """Close all connections; the next use opens new ones."""
        self.engine.dispose()


def _alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _knows(script: ScriptDirectory, revision: str) -> bool:
    return revision in {known.revision for known in script.walk_revisions()}
