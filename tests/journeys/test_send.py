"""`connector send` on the command line: lists, shows, asks, prints once."""

from __future__ import annotations

from typing import Any

import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer

from .installation import DIVISION, SPEED, Installation


@pytest.fixture
def exact() -> Any:
    """A sandbox with enough invoices that some are open."""
    with SandboxServer(SandboxOptions(customers=12, invoices=60, speed=SPEED)) as server:
        yield server


def open_ids(installation: Installation) -> list[str]:
    """Open invoices in Exact, the newest first: old ones are from before the start date."""
    rows = installation.server.state.rows(DIVISION, "invoices")
    found = sorted((row for row in rows if row["Status"] == 20), key=lambda row: str(row["InvoiceDate"]), reverse=True)
    return [str(row["InvoiceID"]) for row in found]


def test_without_an_id_the_open_invoices_are_listed(synced: Installation) -> None:
    """`send --json` without an ID names every open invoice and does nothing."""
    listed = synced.run("send", "--json")

    assert (listed.code, sorted(each["invoice"] for each in listed.json)) == (0, sorted(open_ids(synced)))
    assert synced.server.calls(DIVISION, "POST") == 0


def test_nothing_is_sent_without_a_yes(synced: Installation) -> None:
    """Without a terminal and without --yes: exit 2, nothing printed."""
    asked = synced.run("send", open_ids(synced)[0])

    assert asked.code == 2
    assert synced.server.calls(DIVISION, "POST") == 0


def test_send_tells_what_exact_said(synced: Installation) -> None:
    """With --yes it is printed, and what Exact said comes back; a second time there is nothing to do."""
    invoice = open_ids(synced)[0]
    first = synced.run("send", invoice, "--yes", "--json")
    second = synced.run("send", invoice, "--yes", "--json")

    assert (first.code, [each["invoice"] for each in first.json["sent"]]) == (0, [invoice])
    assert (second.code, second.json["skipped"]) == (0, [{"invoice": invoice, "reason": "already_printed"}])
    assert invoice not in open_ids(synced)


def test_failures_decide_the_exit_code(synced: Installation) -> None:
    """Printed but not mailed is exit 1, with Exact's words; an answer that was lost is exit 3, and no second print."""
    failing, lost = open_ids(synced)[:2]
    synced.change("routing", start_date="2000-01-01")
    for code in {str(row["Code"]) for row in synced.server.state.accounts(DIVISION)}:
        synced.server.state.ui_change_account(DIVISION, code, InvoicingMethod=2)
    synced.server.state.faults.on("mail-fails")
    failed = synced.run("send", failing, "--yes")
    synced.server.state.faults.off()
    synced.server.state.faults.on("lost-posts")

    uncertain = synced.run("send", lost, "--yes")

    assert (failed.code, "De e-mail kon niet worden aangemaakt" in failed.out) == (1, True)
    assert (uncertain.code, synced.server.calls(DIVISION, "POST")) == (3, 2)
