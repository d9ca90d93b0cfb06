"""Who holds a lease: names for processes, and whether the holder of an old lease can still be at work."""

import os
import socket
import time
import uuid
from datetime import datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from connector.errors import Busy
from connector.storage import leases
from connector.storage.database import Database

_HOST = socket.gethostname()
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NUMBERS = Path("/proc/self/ns/pid")
"""On Linux: which set of process numbers this process is in. Containers may share a host name, never this."""
POLL_SECONDS = 0.2
_RUN = uuid.uuid4().hex[:8]


def new_owner() -> str:
    """A name to take one lease under: host, process number, a word that is new each start, and one for each lease.

    Two threads of one process are two owners.
    """
    return f"{_place()}/{os.getpid()}/{_RUN}/{uuid.uuid4().hex[:8]}"


def _place() -> str:
    """Where process numbers mean what they mean here; hosts may share a name, a boot they do not."""
    try:
        return f"{_HOST}:{_BOOT.read_text().strip()}:{os.readlink(_NUMBERS)}"
    except OSError:
        return _HOST


def is_gone(owner: str) -> bool:
    """Whether `owner` was a process of this machine that no longer runs.

    A lease protects against two at work at once, not against one that died; so a restart on the same machine need
    not wait for the lease to run out. Where the place cannot be told for certain (only Linux says it), the answer is
    no and the lease runs out by itself.
    """
    host, number, run, *_ = [*owner.split("/"), "", ""]
    if host != _place() or ":" not in host or not number.isdigit():
        return False
    if int(number) == os.getpid():
        return run != _RUN  # our number at another start: the machine or the container began anew
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class Lease:
    """One kind of work that only one process may do at a time, as a `with` block.

    Args:
        wait: How long to wait for another one to end first.

    Raises:
        Busy: Another process that may still run holds it.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        *,
        now: datetime,
        life: timedelta = timedelta(minutes=10),
        wait: timedelta = timedelta(0),
    ) -> None:
        self._database = database
        self._name = name
        self._life = life
        self._owner = new_owner()
        deadline = time.monotonic() + wait.total_seconds()
        while True:
            try:
                self.take(now)
                return
            except Busy:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(POLL_SECONDS)
            now += timedelta(seconds=POLL_SECONDS)

    def take(self, now: datetime) -> None:
        """Take the lease, or make it last again from `now`."""
        owner = self._owner
        with self._database.transaction() as session:
            if leases.take(session, self._name, owner=owner, now=now, until=now + self._life):
                return
            holder = leases.holder(session, self._name)
            if holder is not None and is_gone(holder):
                leases.release(session, self._name, owner=holder)
                if leases.take(session, self._name, owner=owner, now=now, until=now + self._life):
                    return
        raise Busy(f"another process is at it: {self._name}", hint="wait until it has ended, then try again")

    def keep(self, session: Session, now: datetime) -> None:
        """Make the lease last again from `now`, within the caller's transaction: what that stores, only its holder may.

        Raises:
            Busy: It ran out meanwhile, and another process was or is at it.
        """
        owner = self._owner
        if leases.holder(session, self._name) != owner or not leases.take(
            session, self._name, owner=owner, now=now, until=now + self._life
        ):
            raise Busy(f"another process took over: {self._name}", hint="wait until it has ended, then try again")

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        with self._database.transaction() as session:
            leases.release(session, self._name, owner=self._owner)
