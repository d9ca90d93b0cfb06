"""The background sync: APScheduler holds the times, the database holds the work.

One job per division and kind, none of them overlapping, and one that keeps idle connections alive; a lease in the
database keeps a second scheduler out. A stop lets the delivery at hand finish, and ends a sync at its next wait or
page: its cursor says where it goes on.
"""

import signal
import threading
from collections.abc import Callable
from datetime import timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from connector.composition import Wiring
from connector.customer import Division
from connector.errors import ConnectorError, Transient
from connector.storage import divisions
from connector.usecases.deliver_next import deliver_due
from connector.usecases.keep_token import INTERRUPTS, renew_idle
from connector.usecases.ownership import Lease
from connector.usecases.run_once import take_and_route
from connector.usecases.sync_division import sync_division

log = structlog.get_logger()

HEARTBEAT = timedelta(seconds=30)
LEASE = timedelta(minutes=2)
LOOK_FOR_DIVISIONS = timedelta(minutes=1)
LOOK_FOR_IDLE = timedelta(hours=1)
JITTER_SECONDS = 5


class Stopping(Transient):
    """Raised out of a wait when the process is asked to stop; what was done is kept."""


def run_until_stopped(wiring: Wiring) -> None:
    """Work on the intervals of the settings until SIGINT, SIGTERM or SIGHUP; divisions may come and go meanwhile.

    Raises:
        Busy: Another scheduler works on this database, from the start or since our lease ran out.
    """
    stop = threading.Event()

    def wait(seconds: float) -> None:
        if stop.wait(seconds):
            raise Stopping("stopped while waiting")

    wiring.sleep = wait
    previous = {number: signal.getsignal(number) for number in INTERRUPTS}
    with Lease(wiring.database, "scheduler", now=wiring.clock(), life=LEASE) as lease:
        scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        jobs = _Jobs(scheduler, wiring, stop)
        jobs.every(wiring.settings.schedule.deliver_every, "deliver", lambda: _deliver(wiring, stop))
        jobs.every(LOOK_FOR_IDLE, "keep_alive", lambda: _keep_alive(wiring))
        for number in previous:
            signal.signal(number, lambda *_: stop.set())
        scheduler.start()
        log.info("scheduler.started")
        try:
            _keep(wiring, lease, jobs, stop)
        finally:
            stop.set()
            scheduler.shutdown(wait=True)
            for number, handler in previous.items():
                signal.signal(number, handler)
            log.info("scheduler.stopped")


def _keep(wiring: Wiring, lease: Lease, jobs: "_Jobs", stop: threading.Event) -> None:
    """Hold the lease and follow which divisions are connected, in a loop of its own: no job can keep it waiting."""
    beat = look = wiring.clock()
    while True:
        now = wiring.clock()
        if now >= look:
            jobs.follow_divisions()
            look = now + LOOK_FOR_DIVISIONS
        if now >= beat:
            lease.take(now)
            beat = now + HEARTBEAT
        if stop.wait(1):
            return


class _Jobs:
    """The jobs of one scheduler: one for each connected division, and one that delivers."""

    def __init__(self, scheduler: BackgroundScheduler, wiring: Wiring, stop: threading.Event) -> None:
        self._scheduler = scheduler
        self._wiring = wiring
        self._stop = stop
        self._divisions: set[Division] = set()

    def every(self, pause: timedelta, name: str, job: Callable[[], None]) -> None:
        """Run `job` now and then at every `pause`, a little earlier or later so that not all start at once."""
        self._scheduler.add_job(
            _guarded(name, job, self._stop),
            "interval",
            seconds=pause.total_seconds(),
            jitter=min(JITTER_SECONDS, int(pause.total_seconds() // 2)) or None,
            id=name,
            next_run_time=self._wiring.clock(),
        )

    def follow_divisions(self) -> None:
        """Start syncing divisions that were connected since, and stop for those that no longer are."""
        with self._wiring.database.reading() as session:
            connected = {division.code for division in divisions.all(session)}
        for code in connected - self._divisions:
            self.every(
                self._wiring.settings.schedule.sync_every, f"sync:{code}", _sync_job(self._wiring, code, self._stop)
            )
            log.info("scheduler.division_added", division=code)
        for code in self._divisions - connected:
            self._scheduler.remove_job(f"sync:{code}")
            log.info("scheduler.division_removed", division=code)
        if not connected:
            log.warning("scheduler.no_division", remedy="connector connect")
        self._divisions = connected


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


def _sync_job(wiring: Wiring, code: Division, stop: threading.Event) -> Callable[[], None]:
    def job() -> None:
        pinned = wiring.pinned([code])[0]
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


def _keep_alive(wiring: Wiring) -> None:
    """Renew connections that no sync uses; one that fails is told of by the next round of deliveries."""
    exact = wiring.settings.exact
    errors = renew_idle(
        wiring.database, wiring.token_keeper, base_url=exact.site, client_id=exact.client_id, now=wiring.clock()
    )
    for error in errors:
        log.warning("keep_alive.failed", error=type(error).__name__, message=error.message)


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopping("stopped between two pages")


def _deliver(wiring: Wiring, stop: threading.Event) -> None:
    deliver_due(wiring.database, wiring.channels, wiring.handling(), clock=wiring.clock, stop=stop.is_set)
