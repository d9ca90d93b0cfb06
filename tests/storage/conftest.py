"""Databases for the tests of storage: every test runs on SQLite and on a real PostgreSQL server."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from cryptography.fernet import Fernet

from connector.storage import connections, envelopes
from connector.storage.database import Database
from connector.storage.vault import Vault

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
NUMBERS = count(1)


def unprivileged() -> dict[str, Any]:
    """As whom PostgreSQL is started: itself refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def find_server() -> Path | None:
    """The folder of an installed server's programs."""
    on_path = shutil.which("initdb")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += [Path(place) for place in ("/opt/homebrew/bin", "/usr/local/pgsql/bin")]
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


@contextmanager
def installed_server(programs: Path) -> Iterator[str]:
    """A server of the installed version in a temporary folder, reached through a socket there."""
    folder = Path(tempfile.mkdtemp(prefix="connector-pg-", dir="/tmp"))
    who = unprivileged()
    if who:
        os.chown(folder, who["user"], who["group"])
    data, quiet = folder / "data", {"stdout": subprocess.DEVNULL, "cwd": folder, **who}
    settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c full_page_writes=off"
    control = [str(programs / "pg_ctl"), "-D", str(data)]
    try:
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*initdb, "--no-sync", "--locale=C"], check=True, **quiet)
        start = [*control, "-w", "-l", str(folder / "log"), "-o", settings, "start"]
        subprocess.run(start, check=True, **quiet)
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-w", "-m", "immediate", "stop"], check=False, **quiet)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def packaged_server() -> Iterator[str]:
    """A server from the PyPI package, which also runs as root."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR, which a container has not
        import pgserver

    folder = tempfile.mkdtemp(prefix="connector-pgserver-")
    server = pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]  # not re-exported
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server where databases can be made: TEST_PG_DSN, an installed one, or the one from PyPI."""
    with ExitStack() as stack:
        programs = find_server()
        if dsn := os.environ.get("TEST_PG_DSN"):
            yield dsn.replace("postgresql://", "postgresql+psycopg://", 1)
        elif programs is not None and sys.platform != "win32":
            yield stack.enter_context(installed_server(programs))
        else:
            try:
                yield stack.enter_context(packaged_server())
            except ImportError:
                reason = "no PostgreSQL: set TEST_PG_DSN, install a server, or pgserver (Python < 3.13)"
                if os.environ.get("CI") == "true":
                    pytest.fail(reason)
                pytest.skip(reason)


@contextmanager
def fresh_database(server: str, *, template: str = "template1") -> Iterator[str]:
    """A database of its own on a server, as a URL."""
    name = f"connector_{os.getpid()}_{next(NUMBERS)}"
    admin = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield admin.url.set(database=name).render_as_string(hide_password=False)
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        admin.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file that tests start from a copy of."""
    file = tmp_path_factory.mktemp("template") / "connector.db"
    database = Database(f"sqlite:///{file}")
    database.migrate()
    database.dispose()
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of a migrated database that tests start from a copy of."""
    with fresh_database(postgres_url) as url:
        database = Database(url)
        database.migrate()
        database.dispose()
        yield str(sqlalchemy.make_url(url).database)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables; with SQLite there is not even a file."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'connector.db'}"
    else:
        with fresh_database(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database of its own."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            file = tmp_path / "connector.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), file)
            url = f"sqlite:///{file}"
        else:
            template = request.getfixturevalue("postgres_template")
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_url"), template=template))
        database = Database(url)
        stack.callback(database.dispose)
        yield database


@pytest.fixture
def vault() -> Vault:
    """A vault with a key of its own."""
    return Vault([Fernet.generate_key().decode()])


@pytest.fixture
def connection(database: Database) -> connections.Connection:
    """A connection without tokens."""
    with database.transaction() as session:
        return connections.add_or_find(
            session,
            base_url="https://start.exactonline.nl",
            client_id="app",
            user_id="user",
            user_name="Kim Voorbeeld",
            now=NOON,
        )


@pytest.fixture
def envelope(database: Database) -> envelopes.Envelope:
    """An arrival with one file."""
    with database.transaction() as session:
        return envelopes.add(session, origin=envelopes.Origin.FILE, contents=[("inv42.xml", b"<Invoice/>")], now=NOON)
