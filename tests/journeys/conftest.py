"""What the journeys share: an Exact, a mailbox and an installation, each made anew, and work done once a run."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.exact_sandbox import Mailbox, SandboxOptions, SandboxServer

from .installation import SPEED, Installation


@pytest.fixture
def exact() -> Iterator[SandboxServer]:
    """A small sandbox with short minutes; a module that needs another one has a fixture of this name."""
    with SandboxServer(SandboxOptions(customers=12, invoices=10, speed=SPEED)) as server:
        yield server


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    """A mail server that keeps what it gets."""
    with Mailbox(tmp_path / "mails") as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, exact: SandboxServer, mailbox: Mailbox) -> Installation:
    """Settings, key and an empty database; nobody is connected yet."""
    installation = Installation(tmp_path / "office", exact, mailbox)
    installation.make_database()
    return installation


@pytest.fixture
def connected(office: Installation) -> Installation:
    """An installation that is connected and has not synced yet."""
    office.connect()
    return office


@pytest.fixture
def synced(connected: Installation) -> Installation:
    """An installation that is connected and has synced."""
    connected.sync()
    return connected


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Give the folder that a function filled: once a run of the tests, however many processes share it."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if base.name.startswith("popen-") else base  # a process of pytest-xdist has its own below

    def fill(name: str, make: Callable[[Path], None]) -> Path:
        folder, made = root / name, root / f"{name}.made"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                folder.mkdir()
                make(folder)
                made.touch()
        return folder

    return fill
