"""Offices for the tests of the use cases: a sandbox over HTTP, a mailbox over SMTP and SQLite in `tmp_path`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import certifi
import pytest

from connector.exact_sandbox import Mailbox, SandboxOptions, SandboxServer
from connector.storage.database import Database

from .office import TODAY, Clock, Office, OpenOffice


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables, to copy."""
    file = tmp_path_factory.mktemp("migrated") / "connector.db"
    database = Database(f"sqlite:///{file}")
    database.migrate()
    database.dispose()
    return file


@pytest.fixture(scope="session", autouse=True)
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One root instead of the many that each client of httpx reads: nothing here speaks TLS."""
    bundle = Path(certifi.where()).read_text(encoding="utf-8")
    file = tmp_path_factory.mktemp("roots") / "one.pem"
    end = "-----END CERTIFICATE-----\n"
    file.write_text(bundle.partition(end)[0] + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(scope="session")
def closing() -> Iterator[ThreadPoolExecutor]:
    """Where servers are stopped while the next test already runs."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        yield pool


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_office(tmp_path: Path, migrated: Path, clock: Clock, closing: ThreadPoolExecutor) -> Iterator[OpenOffice]:
    """Makes an office in a world of its own: ``open_office(customers=40, seed=2)``; connected unless told otherwise."""
    with ExitStack() as stack:

        def make(*, connected: bool = True, **options: Any) -> Office:
            world: dict[str, Any] = {"customers": 6, "invoices": 6, "limits": False, "today": TODAY, "clock": clock}
            server = SandboxServer(SandboxOptions(**world | options))
            server.start()
            stack.callback(closing.submit, server.stop)
            mailbox = stack.enter_context(Mailbox(tmp_path / "mails"))
            shutil.copy(migrated, tmp_path / "connector.db")
            office = Office(tmp_path, server, mailbox, clock)
            stack.enter_context(office.wiring)
            if connected:
                office.connect()
            return office

        yield make


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """A connected office with a handful of customers and invoices, nothing synced yet."""
    return open_office()
