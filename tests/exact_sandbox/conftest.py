"""A running sandbox and an authorised client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer

from .helpers import TODAY, Client, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[SandboxServer]:
    with SandboxServer(SandboxOptions(today=TODAY, clock=clock)) as running:
        yield running


@pytest.fixture
def client(server: SandboxServer) -> Iterator[Client]:
    connected = Client(server)
    yield connected
    connected.http.close()


@pytest.fixture(scope="session")
def reader() -> Iterator[Client]:
    """A client of a sandbox without limits that tests share and leave as it is."""
    with SandboxServer(SandboxOptions(today=TODAY, clock=Clock(), limits=False)) as running:
        connected = Client(running)
        yield connected
        connected.http.close()
