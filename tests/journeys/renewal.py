"""What the processes of the token tests do: ask for an access token, or sync a division.

A module of its own with few imports, because hundreds of processes start with it.
"""

from __future__ import annotations

import logging
from multiprocessing.synchronize import Barrier
from pathlib import Path

import structlog

from connector.composition import Wiring
from connector.settings import Settings
from connector.storage import connections
from connector.usecases.keep_token import TokenKeeper
from connector.usecases.sync_division import sync_division


def keeper_of(wiring: Wiring) -> TokenKeeper:
    """The keeper of the only connection."""
    with wiring.database.reading() as session:
        return wiring.token_keeper(connections.all(session)[0].id)


def renew(folder: str) -> None:
    """Ask for an access token with clients and a database of its own."""
    with quiet_wiring(folder) as wiring:
        keeper_of(wiring)()


def sync(folder: str, division: int, start: Barrier) -> None:
    """Sync a division when all are ready; what goes wrong ends the process with another code than 0."""
    with quiet_wiring(folder) as wiring:
        (pinned,) = wiring.pinned([division])
        client = wiring.exact(pinned)
        start.wait(60)
        report = sync_division(wiring.database, client, pinned.code, start_date=None, clock=wiring.clock)
    if report.error is not None:
        raise report.error


def quiet_wiring(folder: str) -> Wiring:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return Wiring(Settings.load(Path(folder) / "config.toml", {}))
