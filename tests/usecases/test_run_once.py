"""One pass does everything, over all divisions, and what fails keeps nothing else back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector.errors import Busy, ExactUnavailable, RightsMissing
from connector.exact.client import ExactClient
from connector.storage.invoices import InvoiceState
from connector.usecases.ownership import Lease
from connector.usecases.run_once import PassReport, run_once

from .office import DIVISION, Office, OpenOffice

ENDS = ("duplicates", "history", "invalid", "held", "routed", "failed")
OTHER = DIVISION + 1


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """An office with two divisions."""
    office = open_office(customers=3, invoices=4, divisions=2, connected=False)
    office.connect(DIVISION, OTHER)
    return office


def run(office: Office, **changes: object) -> PassReport:
    return run_once(
        office.database,
        office.wiring.pinned(),
        office.wiring.exact,
        office.wiring.channels,
        office.handling(**changes),
        clock=office.clock,
    )


def test_one_pass_does_it_all(office: Office) -> None:
    """Both divisions are synced, and every finished invoice came to its end."""
    report = run(office)

    assert [sync.division for sync in report.syncs] == [DIVISION, OTHER]
    assert report.errors == []
    finished = [one for division in office.world.divisions for one in division.invoices if one.finished]
    assert report.tally["received"] == len(finished)
    assert report.tally["delivered"] == len(office.mails()) > 0


def test_tally_adds_up(office: Office) -> None:
    """received is the sum of all ends; routed holds what is delivered, uncertain or due."""
    office.mailbox.drop_after_data = True

    report = run(office)

    counts = report.as_json()
    assert counts["received"] == sum(counts[end] for end in ENDS)
    assert counts["routed"] == counts["delivered"] + counts["uncertain"]
    assert counts["uncertain"] > 0
    assert len(counts["sync"]["divisions"]) == 2


def test_what_waits_counts_as_routed(office: Office) -> None:
    """Invoices that are due later are routed and not delivered; the pass tells of the mail server."""
    office.mailbox.answer = "451 later"

    report = run(office)

    assert report.tally["received"] == sum(report.tally[end] for end in ENDS)
    assert report.tally["routed"] > report.tally["delivered"] == 0
    assert len(report.errors) == 1


def test_second_pass_is_idle(office: Office) -> None:
    """Nothing new, nothing done: six calls for each division and no mail."""
    run(office)
    mails = len(office.mailbox.messages())

    report = run(office)

    assert [sync.api_calls for sync in report.syncs] == [6, 6]
    assert report.tally["received"] == 0
    assert len(office.mailbox.messages()) == mails


def test_division_that_fails_keeps_nothing_back(office: Office) -> None:
    """Without the right to one division the other is worked for all the same."""
    office.server.state.office.chains[-1].divisions.remove(DIVISION)

    report = run(office)

    assert isinstance(report.syncs[0].error, RightsMissing)
    assert {stored.division for stored in office.all_invoices()} == {OTHER}
    assert report.tally["delivered"] > 0


def test_invoice_waits_for_its_files(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be fetched may be the invoice's XML: nothing is sent without it, and a later pass goes on."""

    def away(client: ExactClient, url: str, name: str) -> bytes:
        raise ExactUnavailable("Exact cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(ExactClient, "download", away)
        run(office)
    sent_without = [mail.message["Subject"] for mail in office.mails()]
    office.clock.forward(days=1)

    report = run(office)

    with_files = {str(d.invoice.number) for each in office.world.divisions for d in each.documents if d.attachments}
    assert not [subject for subject in sent_without if any(number in subject for number in with_files)]
    assert report.tally["delivered"] > 0


def test_division_in_use_keeps_nothing_back(office: Office) -> None:
    """While another process takes one division's invoices, the other's are taken, decided and sent."""
    with Lease(office.database, f"take:{DIVISION}", now=office.clock()):
        report = run(office)

    assert [type(error) for error in report.errors] == [Busy]
    assert {stored.division for stored in office.all_invoices()} == {OTHER}
    assert report.tally["delivered"] > 0


def test_deciding_elsewhere_does_not_stop_deliveries(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process decides for too long, the pass goes on, and the next one decides the rest."""
    monkeypatch.setattr("connector.usecases.run_once.ROUTE_WAIT", timedelta(0))
    with Lease(office.database, "route", now=office.clock()):
        first = run(office)

    second = run(office)

    assert [type(error) for error in first.errors] == [Busy]
    assert second.errors == []
    assert InvoiceState.RECEIVED not in {stored.state for stored in office.all_invoices()}


def test_two_divisions_need_addresses_of_their_own(office: Office) -> None:
    """With two divisions and one upload address nobody counts as set up, and invoices are sent all the same."""
    report = run(office, deliver="not_set_up")

    assert report.tally["delivered"] == report.tally["routed"] > 0
