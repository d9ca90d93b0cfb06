"""The program as a process in a folder of its own, with settings and a database but nobody on the other side."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from connector.customer import Division
from connector.storage import connections, divisions
from connector.storage.connections import Connection
from connector.storage.database import Database
from connector.storage.divisions import PinnedDivision

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SITE = "http://127.0.0.1:1"
SETTINGS = f"""
[exact]
base_url = "{SITE}"
client_id = "app"
client_secret = "not-a-secret"
redirect_uri = "http://127.0.0.1:2/callback"

[setup]
upload_address = "abcdefghij@uploads.is"

[setup.divisions.2]
upload_address = "klmnopqrst@uploads.is"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A folder with config.toml and a migrated database."""

    folder: Path
    database: Database
    connection: Connection

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
        return subprocess.run(
            [sys.executable, "-m", "connector", *words],
            cwd=self.folder,
            env={**kept, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def pin(self, code: int) -> None:
        """Pin a division that was never synced."""
        with self.database.transaction() as session:
            divisions.pin(
                session,
                PinnedDivision(
                    code=Division(code),
                    connection_id=self.connection.id,
                    name=f"Kantoor {code}",
                    pinned_at=NOON,
                    start_date=date(2026, 11, 2),
                ),
            )


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An installation with a log-in that has no tokens, and no division yet."""
    (tmp_path / "config.toml").write_text(SETTINGS, encoding="utf-8")
    database = Database(f"sqlite:///{tmp_path / 'connector.db'}")
    database.migrate()
    with database.transaction() as session:
        connection = connections.add_or_find(
            session, base_url=SITE, client_id="app", user_id="user", user_name="Kim Voorbeeld", now=NOON
        )
    made = Office(folder=tmp_path, database=database, connection=connection)
    ended = made.run("init")
    assert ended.returncode == 0, ended.stderr
    yield made
    database.dispose()
