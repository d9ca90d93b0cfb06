"""`connector run`: the background sync as a service manager starts and stops it."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from connector.exact_sandbox import Mailbox

from .installation import Installation, delivered, mailed_numbers, running, wait_until


@pytest.fixture
def busy(connected: Installation) -> Installation:
    """An installation with short intervals."""
    connected.change("schedule", sync_every="1s", deliver_every="1s")
    return connected


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ask it to stop as a service manager does; the exit code and what it logged."""
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_service_delivers_and_stops_on_sigterm(busy: Installation, mailbox: Mailbox) -> None:
    """Everything deliverable is mailed once without anybody doing anything, and SIGTERM ends it with 0."""
    wanted = dict.fromkeys(delivered(busy.expected()), 1)

    with running("run", folder=busy.folder) as process:
        wait_until(lambda: len(mailed_numbers(mailbox.messages())) >= len(wanted), what="all mails")
        code, err = stop(process)

    assert code == 0, err
    assert mailed_numbers(mailbox.messages()) == wanted


def test_stopped_service_leaves_nothing_uncertain(busy: Installation, mailbox: Mailbox) -> None:
    """Stopped in the middle of delivering it lets the mail at hand finish; a pass afterwards sends the rest once."""
    with running("run", folder=busy.folder) as process:
        wait_until(lambda: len(mailbox.messages()) > 0, what="the first mail")
        code, err = stop(process)
    again = busy.run("run", "--once", "--json")

    assert (code, again.code, again.json["uncertain"]) == (0, 0, 0), err
    assert mailed_numbers(mailbox.messages()) == dict.fromkeys(delivered(busy.expected()), 1)


def test_service_stops_before_it_began(busy: Installation) -> None:
    """SIGTERM right after the start ends it with 0 too."""
    with running("run", folder=busy.folder) as process:
        assert process.stderr is not None
        assert any("scheduler.started" in line for line in process.stderr)
        code, err = stop(process)

    assert code == 0, err


def test_service_writes_log_lines_without_people_in_them(busy: Installation, mailbox: Mailbox) -> None:
    """Each line of its log is one JSON event; no mail address, no name of a customer stands in them."""
    with running("run", folder=busy.folder) as process:
        wait_until(lambda: len(mailbox.messages()) > 0, what="the first mail")
        _, err = stop(process)

    events = [json.loads(line) for line in err.splitlines() if not line.startswith("running;")]
    names = [card.name for division in busy.world.divisions for card in division.customers]
    assert {"event", "level", "timestamp"} <= set.intersection(*(set(event) for event in events))
    assert [name for name in ["@", *names] if name in err] == []
