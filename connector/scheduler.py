"""The background sync: APScheduler holds the times, the database holds the work.

One job per division and kind, none of them overlapping; a lease in the database keeps a second scheduler out. A stop
lets the delivery at hand finish, and ends a sync at its next wait or page: its cursor says where it goes on.
"""

import signal
import threading
from collections.abc import Callable
from datetime import timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from connector.composition import Wiring
from connector.errors import ConnectorError, Transient
from connector.storage.divisions import PinnedDivision
from connector.usecases.deliver_next import deliver_due
from connector.usecases.ownership import Lease
from connector.usecases.run_once import take_and_route
from connector.usecases.sync_division import sync_division

log = structlog.get_logger()

HEARTBEAT = timedelta(seconds=30)
LEASE = timedelta(minutes=2)
JITTER_SECONDS = 5


class Stopping(Transient):
    """Raised out of a wait when the process is asked to stop; what was done is kept."""


def run_until_stopped(wiring: Wiring) -> None:
    """Work on the intervals of the settings until SIGINT or SIGTERM.

    Raises:
        Busy: Another scheduler works on this database.
        NothingFound: No division is connected.
    """
    stop = threading.Event()

    def wait(seconds: float) -> None:
        if stop.wait(seconds):
            raise Stopping("stopped while waiting")

    wiring.sleep = wait
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with Lease(wiring.database, "scheduler", now=wiring.clock(), life=LEASE) as lease:
        scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        _add_jobs(scheduler, wiring, lease, stop)
        for number in previous:
            signal.signal(number, lambda *_: stop.set())
        scheduler.start()
        log.info("scheduler.started", jobs=len(scheduler.get_jobs()))
        try:
            while not stop.wait(1):
                pass
        finally:
            stop.set()
            scheduler.shutdown(wait=True)
            for number, handler in previous.items():
                signal.signal(number, handler)
            log.info("scheduler.stopped")


def _add_jobs(scheduler: BackgroundScheduler, wiring: Wiring, lease: Lease, stop: threading.Event) -> None:
    schedule = wiring.settings.schedule

    def every(pause: timedelta, name: str, job: Callable[[], None], *, jitter: int = JITTER_SECONDS) -> None:
        scheduler.add_job(
            _guarded(name, job, stop),
            "interval",
            seconds=pause.total_seconds(),
            jitter=min(jitter, int(pause.total_seconds() // 2)) or None,
            id=name,
            next_run_time=wiring.clock(),
        )

    for division in wiring.pinned():
        every(schedule.sync_every, f"sync:{division.code}", _sync_job(wiring, division, stop))
    every(schedule.deliver_every, "deliver", lambda: _deliver(wiring, stop))
    every(HEARTBEAT, "heartbeat", lambda: lease.take(wiring.clock()), jitter=0)


def _guarded(name: str, job: Callable[[], None], stop: threading.Event) -> Callable[[], None]:
    """A job that logs what goes wrong and leaves the next run to try again."""

    def run() -> None:
        if stop.is_set():
            return
        try:
            job()
        except Stopping:
            log.info("job.stopped", job=name)
        except ConnectorError as error:
            level = log.warning if isinstance(error, Transient) else log.error
            level("job.failed", job=name, error=type(error).__name__, message=error.message, hint=error.hint)
        except Exception:
            log.exception("job.broken", job=name)

    return run


def _sync_job(wiring: Wiring, division: PinnedDivision, stop: threading.Event) -> Callable[[], None]:
    def job() -> None:
        pinned = wiring.pinned([division.code])[0]
        handling = wiring.handling()
        report = sync_division(
            wiring.database,
            wiring.exact(pinned),
            pinned.code,
            start_date=wiring.settings.routing.start_date,
            clock=wiring.clock,
            progress=lambda what, rows: _check(stop),
        )
        if report.error is not None:
            raise report.error
        take_and_route(wiring.database, [pinned], handling, clock=wiring.clock, progress=lambda *_: _check(stop))

    return job


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopping("stopped between two pages")


def _deliver(wiring: Wiring, stop: threading.Event) -> None:
    deliver_due(wiring.database, wiring.channels, wiring.handling(), clock=wiring.clock, stop=stop.is_set)
