"""Exact's limits are kept: the minute, the day and the refusals, over threads, wirings and restarts."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from connector.composition import Wiring
from connector.errors import ExactRateLimited, ExactRejected
from connector.exact.budget import Priority
from connector.settings import Settings
from connector.storage import cursors, customers
from connector.usecases.sync_division import least_calls

from .office import DIVISION, START, Office, OpenOffice

ACCOUNTS = "crm/Accounts"


def restarted(office: Office) -> Wiring:
    """The same installation in another process: all it knows is in the database."""
    return Wiring(Settings.load(office.folder / "config.toml", {}), clock=office.clock, sleep=office.clock.sleep)


def test_six_hundred_writes_meet_no_refusal(open_office: OpenOffice) -> None:
    """Many more writes than a minute allows: each goes out once, none beyond the limit."""
    office = open_office(customers=1, invoices=0, limits=True)
    account = office.server.state.accounts(DIVISION)[0]["ID"]
    client = office.wiring.exact(office.division, priority=Priority.SETUP)

    for number in range(600):
        client.put(ACCOUNTS, str(account), {"Phone": str(number)})

    assert office.server.calls(DIVISION, "PUT", ACCOUNTS) == 600
    assert office.server.refusals(429) == 0


def test_three_at_once_share_the_minute(open_office: OpenOffice) -> None:
    """Processes that work on one division at the same time take each call off once."""
    office = open_office(customers=1, invoices=0, limits=True)
    account = str(office.server.state.accounts(DIVISION)[0]["ID"])
    clients = [office.wiring.exact(office.division, priority=priority) for priority in list(Priority)[:3]]

    def work(number: int) -> None:
        for _ in range(70):
            clients[number].put(ACCOUNTS, account, {"Phone": str(number)})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert office.server.calls(DIVISION, "PUT", ACCOUNTS) == 210
    assert office.server.refusals(429) == 0


def test_next_process_knows_the_budget(open_office: OpenOffice) -> None:
    """A day that one process found spent is not asked about by the next."""
    office = open_office(customers=1, invoices=0, limits=True)
    office.server.state.limiter.per_day = 3
    with suppress(ExactRateLimited):
        for _ in range(10):
            office.client.read_all(ACCOUNTS, select=["ID"])
    office.server.reset_calls()

    with restarted(office) as wiring, pytest.raises(ExactRateLimited) as stopped:
        wiring.exact(wiring.pinned()[0]).read_all(ACCOUNTS, select=["ID"])

    assert office.server.calls_total == 0
    assert stopped.value.retry_at is not None


def test_sync_goes_on_when_the_day_begins(open_office: OpenOffice) -> None:
    """When the day's calls end in the middle of a sync it stops, says until when, and resumes there."""
    office = open_office(customers=3000, invoices=0, limits=True)
    office.server.state.limiter.per_day = 5 + office.server.calls(DIVISION)
    stopped = office.try_sync()
    assert isinstance(stopped.error, ExactRateLimited)
    assert stopped.error.exit_code == 4
    assert stopped.error.retry_at is not None
    with office.database.reading() as session:
        before = cursors.read(session, DIVISION, "sync/CRM/Accounts").timestamp
        assert 0 < customers.count(session, office.division.code) < len(office.server.state.accounts(DIVISION))
    office.server.state.limiter.per_day = 5000
    office.clock.forward(seconds=(stopped.error.retry_at - office.clock()).total_seconds() + 1)
    office.server.reset_calls()

    office.sync()

    with office.database.reading() as session:
        assert customers.count(session, office.division.code) == len(office.server.state.accounts(DIVISION))
    left = sum(int(str(row["Timestamp"])) > before for row in office.server.state.accounts(DIVISION))
    assert office.server.calls(DIVISION, "GET", "sync/CRM/Accounts") == -(-left // 1000)


def test_endpoint_rests_after_five_refusals(open_office: OpenOffice) -> None:
    """Of ten requests that Exact refuses at one endpoint five go out; the other endpoints go on."""
    office = open_office(customers=1, invoices=0, limits=True)
    client = office.client
    refused = rested = 0
    for _ in range(10):
        try:
            client.read_all(ACCOUNTS, select=["NoSuchField"])
        except ExactRejected:
            refused += 1
        except ExactRateLimited:
            rested += 1

    assert (refused, rested) == (5, 5)
    assert office.server.calls(DIVISION, "GET", ACCOUNTS) == 5
    assert client.read_all("crm/Contacts", select=["ID"])


def test_rest_ends_after_an_hour(open_office: OpenOffice) -> None:
    """An hour after the first refusal the endpoint is tried again, also by another process."""
    office = open_office(customers=1, invoices=0, limits=True)
    for _ in range(10):
        with suppress(ExactRejected, ExactRateLimited):
            office.client.read_all(ACCOUNTS, select=["NoSuchField"])
    office.clock.forward(hours=1)

    with restarted(office) as wiring:
        rows = wiring.exact(wiring.pinned()[0]).read_all(ACCOUNTS, select=["ID"])

    assert len(rows) == len(office.server.state.accounts(DIVISION))


def test_resting_stream_holds_no_other_up(open_office: OpenOffice) -> None:
    """While contacts rest after five refusals, the sync ends with exit 4, and everything else of Exact's comes in."""
    office = open_office(customers=3, invoices=3, limits=True)
    office.server.state.faults.on("refuse:400:sync/CRM/Contacts")
    for _ in range(5):
        office.try_sync()
    office.server.reset_calls()
    account = office.server.state.accounts(DIVISION)[0]
    office.server.state.ui_change_account(DIVISION, str(account["Code"]), Name="Nieuwe naam")

    report = office.try_sync()

    assert isinstance(report.error, ExactRateLimited)
    assert office.server.calls(DIVISION, "GET", "sync/CRM/Contacts") == 0
    assert office.server.calls(DIVISION, "GET", "sync/Deleted") == 1
    with office.database.reading() as session:
        stored = customers.find_by_code(session, office.division.code, str(account["Code"]))
    assert stored is not None
    assert stored.name == "Nieuwe naam"


def test_calls_of_a_sync_are_known_before(open_office: OpenOffice) -> None:
    """With nothing changed a sync takes just the calls that were foretold, on the same day and on the next."""
    office = open_office(customers=3, invoices=3, limits=True)
    office.sync()
    told, taken = [], []
    for days in (0, 1):
        office.clock.forward(days=days)
        told.append(least_calls(office.database, office.division.code, now=office.clock(), start_date=START))
        taken.append(office.sync().api_calls)

    assert told == taken == [6, 9]


def test_calls_of_a_full_sync_are_known_before(open_office: OpenOffice) -> None:
    """A sync of everything again takes a call more for each 1,000 rows."""
    office = open_office(customers=2100, invoices=0, limits=True)
    office.sync()
    told = least_calls(office.database, office.division.code, now=office.clock(), start_date=START, full=True)

    taken = office.sync(full=True).api_calls

    rows = [len(office.server.state.accounts(DIVISION)), len(office.server.state.contacts(DIVISION))]
    assert told == taken == 6 + sum(number // 1000 for number in rows)


def test_files_are_foretold(open_office: OpenOffice) -> None:
    """Before the first file is fetched the sync says how many calls are still to come."""
    office = open_office(customers=6, invoices=12, limits=True)
    told: list[int] = []

    report = office.sync(foresee=told.append)

    assert told == [report.fetched] == [office.server.calls(DIVISION, "GET", "docs/SysAttachment.aspx")]
