"""Work that only one may do at a time: refused, or waited for."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from connector.errors import Busy
from connector.usecases.ownership import Lease

from .office import Office, OpenOffice


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    return open_office(customers=1, invoices=0, connected=False)


def test_second_one_is_refused(office: Office) -> None:
    """While one holds the lease nobody else gets it."""
    with Lease(office.database, "work", now=office.clock()), pytest.raises(Busy):
        Lease(office.database, "work", now=office.clock())


def test_waiting_one_gets_it_after_the_first(office: Office) -> None:
    """One that waits goes on as soon as the first has ended, not before."""
    order: list[str] = []
    begun = threading.Event()

    def second() -> None:
        begun.set()
        with Lease(office.database, "work", now=office.clock(), wait=timedelta(minutes=1)):
            order.append("second")

    thread = threading.Thread(target=second)
    with Lease(office.database, "work", now=office.clock()):
        thread.start()
        begun.wait()
        thread.join(0.5)  # long enough for it to ask more than once
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_waiting_ends(office: Office) -> None:
    """One that waited in vain says so."""
    with Lease(office.database, "work", now=office.clock()), pytest.raises(Busy):
        Lease(office.database, "work", now=office.clock(), wait=timedelta(seconds=0.3))
