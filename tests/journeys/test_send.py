"""`connector send` on the command line: lists, shows, asks, prints once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connector.cli.send import question
from connector.customer import Division
from connector.exact_sandbox import SandboxOptions, SandboxServer
from connector.usecases.send_invoices import open_invoices

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


def test_list_marks_what_is_too_old(synced: Installation) -> None:
    """An invoice from before the start date, which `send ID` refuses, is marked in the list."""
    synced.change("routing", start_date="2999-01-01")

    listed = synced.run("send", "--json")
    refused = synced.run("send", open_ids(synced)[0], "--yes")

    assert {each["before_start_date"] for each in listed.json} == {True}
    assert refused.code == 2


def test_list_says_how_old_it_is(synced: Installation) -> None:
    """The list comes from the last sync, and says how long ago that was."""
    assert "was synced 0 minutes ago" in synced.run("send").err


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


@pytest.fixture
def mailing(synced: Installation) -> Installation:
    """All customers get their invoices by e-mail, and no invoice is too old."""
    synced.change("routing", start_date="2000-01-01")
    for row in synced.server.state.accounts(DIVISION):
        synced.server.state.ui_change_account(DIVISION, str(row["Code"]), InvoicingMethod=2)
    synced.sync()
    return synced


def test_mail_that_exact_could_not_send(mailing: Installation) -> None:
    """Printed but not mailed is exit 1, with Exact's words."""
    mailing.server.state.faults.on("mail-fails")

    failed = mailing.run("send", open_ids(mailing)[0], "--yes")

    assert (failed.code, "De e-mail kon niet worden aangemaakt" in failed.out) == (1, True)


def test_answer_that_was_lost(mailing: Installation) -> None:
    """An answer that was lost is exit 3, after one order."""
    mailing.server.state.faults.on("lost-posts")

    uncertain = mailing.run("send", open_ids(mailing)[0], "--yes")

    assert (uncertain.code, mailing.server.calls(DIVISION, "POST")) == (3, 1)


def test_order_that_may_still_be_carried_out(mailing: Installation) -> None:
    """Ordered again while Exact is silent: exit 4 with the moment from which it may be, and no second order."""
    invoice = open_ids(mailing)[0]
    mailing.server.state.faults.on("refuse:503:POST:salesinvoice/PrintedSalesInvoices")
    first = mailing.run("send", invoice, "--yes")
    mailing.server.state.faults.off()

    second = mailing.run("send", invoice, "--yes", "--json")

    assert (first.code, second.code, mailing.server.calls(DIVISION, "POST")) == (4, 4, 1)
    assert [each["reason"] for each in second.json["skipped"]] == ["answer_awaited"]
    assert "It goes on after" in second.err


def test_question_counts_what_goes_elsewhere(mailing: Installation) -> None:
    """Before anybody says yes, the number of invoices that do not go to InvoiceSharing is told."""
    with mailing.wiring() as wiring:
        found = open_invoices(wiring.database, Division(DIVISION), wiring.wanted(DIVISION))
    chosen = [replace(each, goes_to_upload=number > 0) for number, each in enumerate(found)]

    assert f"these {len(found)} invoices in Exact Online? 1 of them do not go to InvoiceSharing" in question(chosen)
