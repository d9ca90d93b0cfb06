"""What a sandbox is started with. The command line fills this in; tests and the demo do so directly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from connector.exact_sandbox.dates import utc_now
from connector.exact_sandbox.world import FIRST_DIVISION, UPLOAD_ADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """All have defaults: `SandboxOptions()` is a world of 40 customers on a free port, in memory.

    Args:
        port: 0 takes the kept port of the database, else a free one.
        today: None is the current date in Amsterdam.
        speed: Shortens the minute, hour and day of the limits; 60 makes a minute a second.
        limits: False turns minute, day and error limits off, and no X-RateLimit headers are sent.
        token_life: Seconds; refreshing is refused until 30 s before the end.
        consent: True shows the page where divisions are ticked; else all divisions are granted at once.
        redirect_uris: https addresses that are registered besides every http address on a loopback host.
        database: A file that keeps what changes. When it exists, its world counts and not the one described here.
        faults: What goes wrong from the start, e.g. ``slow-token:5,lost-posts``; `faults.KINDS` has them all.
        clock: Gives the aware time.
    """

    port: int = 0
    customers: int = 40
    invoices: int = 60
    divisions: int = 1
    seed: int = 1
    today: date | None = None
    first_division: int = FIRST_DIVISION
    upload_address: str = UPLOAD_ADDRESS
    speed: float = 1.0
    limits: bool = True
    token_life: int = 600
    consent: bool = False
    redirect_uris: tuple[str, ...] = ()
    database: Path | None = None
    faults: str = ""
    clock: Callable[[], datetime] = utc_now
