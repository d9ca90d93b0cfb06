"""Step 5 on a real sandbox: each invoice is printed at most once, and whatever Exact says of it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from connector.errors import (
    AnswerLost,
    Busy,
    ConnectorError,
    ExactRejected,
    ExactUnavailable,
    ExactUnexpected,
    NothingFound,
    RightsMissing,
    WrongUsage,
)
from connector.exact.client import ExactClient
from connector.storage import journal
from connector.storage.journal import RunKind, StepState
from connector.usecases.ownership import Lease
from connector.usecases.send_invoices import (
    PRINTED,
    UNKNOWN_OUTCOME,
    OpenInvoice,
    SendReport,
    choose,
    open_invoices,
    send_invoices,
)

from .office import DIVISION, START, Killed, Office, OpenOffice

FINISHED = 50


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """Customers that are set up, and some open invoices, synced."""
    office = open_office(customers=28, invoices=60)
    office.sync()
    office.apply()
    return office


def waiting(office: Office) -> list[OpenInvoice]:
    return open_invoices(office.database, office.division.code, office.wiring.wanted(DIVISION))


def send(office: Office, *chosen: OpenInvoice, client: ExactClient | None = None) -> SendReport:
    return send_invoices(office.database, client or office.client, office.division.code, chosen, clock=office.clock)


def in_exact(office: Office, each: OpenInvoice) -> dict[str, Any]:
    rows = office.server.state.rows(DIVISION, "invoices")
    return dict(next(row for row in rows if row["InvoiceID"] == each.invoice.id))


def prints(office: Office) -> int:
    return office.server.calls(DIVISION, "POST", PRINTED)


def unaddressed(office: Office, *, set_up: bool) -> OpenInvoice:
    """An open invoice that names nobody, of a customer with a contact of ours or one whose contact is taken away."""
    chosen = next(each for each in waiting(office) if upload_contacts(office, each))
    row = in_exact(office, chosen)
    office.server.state.change_invoice(DIVISION, row, InvoiceToContactPerson=None)
    for contact in [] if set_up else upload_contacts(office, chosen):
        office.server.state.ui_delete(DIVISION, "contacts", contact)
    office.sync()
    return next(each for each in waiting(office) if each.invoice.id == chosen.invoice.id)


def upload_contacts(office: Office, each: OpenInvoice) -> list[str]:
    address = office.world.upload_address(DIVISION)
    rows = office.server.state.contacts_of(DIVISION, each.customer.code)
    return [str(row["ID"]) for row in rows if row["Email"] == address]


def test_open_invoices_are_the_world_s(office: Office) -> None:
    """What waits is what stands at Status 20 in Exact."""
    rows = office.server.state.rows(DIVISION, "invoices")

    assert {each.invoice.id for each in waiting(office)} == {row["InvoiceID"] for row in rows if row["Status"] == 20}
    assert waiting(office)


def test_invoice_is_printed_and_sent(office: Office) -> None:
    """Printed in Exact, with the number that Exact gave, addressed as before; the next sync takes it in."""
    each = waiting(office)[0]
    before = in_exact(office, each)

    report = send(office, each)

    after = in_exact(office, each)
    assert (after["Status"], after["InvoiceToContactPerson"]) == (FINISHED, before["InvoiceToContactPerson"])
    assert [(sent.invoice.id, number) for sent, number, _ in report.sent] == [(each.invoice.id, after["InvoiceNumber"])]
    assert (report.failed, report.skipped, report.uncertain, report.remaining) == ([], [], {}, 0)
    office.sync()
    assert each.invoice.id not in {other.invoice.id for other in waiting(office)}


def test_unaddressed_invoice_goes_to_our_contact(office: Office) -> None:
    """An invoice that names nobody is addressed to the contact with the upload address, and mailed there."""
    each = unaddressed(office, set_up=True)

    report = send(office, each)

    assert in_exact(office, each)["InvoiceToContactPerson"] == upload_contacts(office, each)[0]
    assert report.sent[0][2]["EmailCreationSuccess"].endswith(office.world.upload_address(DIVISION))


def test_without_our_contact_nobody_is_named(office: Office) -> None:
    """Where the customer has no contact of ours, the invoice stays addressed to nobody and is printed all the same."""
    each = unaddressed(office, set_up=False)
    puts = office.server.calls(DIVISION, "PUT")

    send(office, each)

    assert (in_exact(office, each)["Status"], in_exact(office, each)["InvoiceToContactPerson"]) == (FINISHED, None)
    assert office.server.calls(DIVISION, "PUT") == puts


def test_errors_in_a_good_answer_are_told(office: Office) -> None:
    """Exact printed it but could not send it: that is a failure, in Exact's words."""
    each = unaddressed(office, set_up=True)
    office.server.state.faults.on("mail-fails")

    report = send(office, each)

    number = in_exact(office, each)["InvoiceNumber"]
    assert report.sent == []
    assert report.failed == [
        (str(number), "printed, but not sent: EmailCreationError: De e-mail kon niet worden aangemaakt")
    ]


def test_refusal_is_told_in_exacts_words(office: Office) -> None:
    """A validation message ends up in the report, and the other invoices go on."""
    first, second = waiting(office)[:2]
    client = office.client
    real = client.post
    client.post = lambda path, body: real(path, body if body["InvoiceID"] == second.invoice.id else {})  # type: ignore[method-assign]

    report = send(office, first, second, client=client)

    assert [step.state for step in office.steps_of(report.run)] == [StepState.FAILED, StepState.DONE]
    assert report.failed == [(first.name, f"Exact refused {PRINTED}: Verplicht: Factuur")]
    assert [sent.invoice.id for sent, _, _ in report.sent] == [second.invoice.id]


def test_lost_answer_is_never_printed_twice(office: Office) -> None:
    """When the answer is lost the invoice is looked at: printed once, told as uncertain, and not printed again."""
    each = waiting(office)[0]
    office.server.state.faults.on("lost-posts")
    office.server.reset_calls()

    first = send(office, each)
    office.server.state.faults.off()
    second = send(office, each)

    assert prints(office) == 1
    assert list(first.uncertain) == [each.invoice.id]
    assert (first.sent, first.failed, second.uncertain) == ([], [], {})
    assert second.skipped == [(each.name, "already_printed")]


def dying(office: Office, *, when: str, error: BaseException) -> ExactClient:
    """A client that fails just before or after its POST reached Exact."""
    client = office.client
    real = client.post

    def post(path: str, body: Any) -> Any:
        if when == "after":
            real(path, body)
        raise error

    client.post = post  # type: ignore[method-assign]
    return client


def test_killed_after_printing(office: Office) -> None:
    """Killed after Exact printed, the next run says that it is printed, and does not print it again."""
    each = waiting(office)[0]
    with pytest.raises(Killed):
        send(office, each, client=dying(office, when="after", error=Killed()))

    report = send(office, each)

    assert (prints(office), list(report.uncertain), report.sent) == (1, [each.invoice.id], [])


def test_killed_before_printing(office: Office) -> None:
    """Killed before Exact had the order, a run after the pause prints it, and nothing is left open."""
    each = waiting(office)[0]
    with pytest.raises(Killed):
        send(office, each, client=dying(office, when="before", error=Killed()))
    office.clock.forward(minutes=11)

    report = send(office, each)

    assert (prints(office), [sent.invoice.id for sent, _, _ in report.sent]) == (1, [each.invoice.id])
    with office.database.reading() as session:
        assert not journal.open_steps(session, office.division.code, (RunKind.SEND,))


def test_order_without_an_answer_is_not_repeated_soon(office: Office) -> None:
    """Exact may still be printing: a second run right after orders nothing, and says until when; others are sent."""
    first, second = waiting(office)[:2]
    send(office, first, client=dying(office, when="before", error=AnswerLost("lost")))

    report = send(office, first, second)

    assert prints(office) == 1
    assert [sent.invoice.id for sent, _, _ in report.sent] == [second.invoice.id]
    assert [name for name, _ in report.waiting] == [first.name]
    assert report.waiting[0][1] - office.clock() <= timedelta(minutes=10)


def test_order_that_comes_too_late_is_not_sent(office: Office) -> None:
    """Asleep between intent and order for longer than the lease lasts: another run may have printed it by then."""
    each = waiting(office)[0]
    client = office.client
    real = client.post

    def post(path: str, body: Any) -> Any:
        office.clock.forward(minutes=11)
        return real(path, body)

    client.post = post  # type: ignore[method-assign]

    report = send(office, each, client=client)

    assert isinstance(report.stopped_by, Busy)
    assert prints(office) == 0


def test_open_order_that_cannot_be_looked_at_keeps_no_other_back(office: Office) -> None:
    """Where Exact refuses to show the invoice of an open order, it stays open, and the others are sent."""
    first, second = waiting(office)[:2]
    send(office, first, client=dying(office, when="before", error=AnswerLost("lost")))
    office.clock.forward(minutes=11)

    report = send(office, first, second, client=refusing_to_show(office, first))

    assert [sent.invoice.id for sent, _, _ in report.sent] == [second.invoice.id]
    with office.database.reading() as session:
        assert len(journal.open_steps(session, office.division.code, (RunKind.SEND,))) == 1


def refusing_to_show(office: Office, each: OpenInvoice) -> ExactClient:
    """A client to which Exact refuses one invoice."""
    client = office.client
    real = client.get_one

    def get_one(path: str, guid: str, select: Sequence[str]) -> Any:
        if guid == each.invoice.id:
            raise ExactRejected("Exact refused it", status=400)
        return real(path, guid, select)

    client.get_one = get_one  # type: ignore[method-assign]
    return client


@pytest.mark.parametrize("error", [ExactRejected("no", status=400), ExactUnavailable("away")])
def test_number_that_cannot_be_asked_loses_no_report(office: Office, error: ConnectorError) -> None:
    """When Exact does not give the number after printing, the invoice counts as sent all the same."""
    each = waiting(office)[0]
    client = office.client
    real = client.get_one

    def get_one(path: str, guid: str, select: Sequence[str]) -> Any:
        if prints(office):
            raise error
        return real(path, guid, select)

    client.get_one = get_one  # type: ignore[method-assign]

    report = send(office, each, client=client)

    assert [(sent.invoice.id, number) for sent, number, _ in report.sent] == [(each.invoice.id, None)]


def test_error_on_the_way_loses_no_report(office: Office) -> None:
    """A right that is missing all at once stops the run; what was sent before is told, and the rest remains."""
    first, second = waiting(office)[:2]
    client = office.client
    real = client.post

    def post(path: str, body: Any) -> Any:
        if body["InvoiceID"] == second.invoice.id:
            raise RightsMissing("forbidden")
        return real(path, body)

    client.post = post  # type: ignore[method-assign]

    report = send(office, first, second, client=client)

    assert isinstance(report.stopped_by, RightsMissing)
    assert ([sent.invoice.id for sent, _, _ in report.sent], report.remaining) == ([first.invoice.id], 1)


@pytest.mark.parametrize("answer", [{"EmailCreationSuccess": 7}, ExactUnexpected("no 'd'")])
def test_unreadable_answer_is_no_refusal(office: Office, answer: Any) -> None:
    """Exact printed and its answer cannot be read: not "not sent", but uncertain."""
    each = waiting(office)[0]
    client = office.client
    real = client.post

    def post(path: str, body: Any) -> Any:
        real(path, body)
        if isinstance(answer, Exception):
            raise answer
        return answer

    client.post = post  # type: ignore[method-assign]

    report = send(office, each, client=client)

    assert (list(report.uncertain), report.failed) == ([each.invoice.id], [])


def test_answer_lost_before_printing_stops_the_run(office: Office) -> None:
    """Without an answer and without a print nothing more is sent in this run, and the journal keeps the question."""
    first, second = waiting(office)[:2]

    report = send(office, first, second, client=dying(office, when="before", error=AnswerLost("lost")))

    assert isinstance(report.stopped_by, AnswerLost)
    assert (report.remaining, prints(office)) == (2, 0)
    with office.database.reading() as session:
        steps = journal.open_steps(session, office.division.code, (RunKind.SEND,))
    assert [step.state for step in steps] == [StepState.INTENDED]


def test_set_up_leaves_intended_prints_alone(office: Office) -> None:
    """A set-up run does not settle what a send run left open, nor does undo offer to take it back."""
    each = waiting(office)[0]
    with pytest.raises(Killed):
        send(office, each, client=dying(office, when="after", error=Killed()))

    office.apply()

    with office.database.reading() as session:
        assert len(journal.open_steps(session, office.division.code, (RunKind.SEND,))) == 1
        steps = journal.undoable_steps(session, office.division.code)
    assert {step.action for step in steps} <= {"create_contact", "update_contact", "set_invoicing"}


def test_printed_by_hand_meanwhile(office: Office) -> None:
    """Somebody printed it in Exact after the sync: it is skipped, and nothing is printed."""
    each = waiting(office)[0]
    office.server.state.change_invoice(DIVISION, in_exact(office, each), Status=FINISHED)

    report = send(office, each)

    assert (report.skipped, prints(office)) == ([(each.name, "already_printed")], 0)


@pytest.mark.parametrize(
    "change",
    [{"AmountDC": 1.23}, {"InvoiceToContactPerson": None}, {"Status": 10}, {"InvoiceDate": "2026-10-31"}],
)
def test_changed_meanwhile(office: Office, change: dict[str, Any]) -> None:
    """What is no longer what was shown is not sent."""
    each = next(each for each in waiting(office) if each.contact_id)
    office.server.state.change_invoice(DIVISION, in_exact(office, each), **change)

    report = send(office, each)

    assert (report.skipped, prints(office)) == ([(each.name, "changed_meanwhile")], 0)


def test_payer_is_the_customer(office: Office) -> None:
    """Of an invoice for another account than the one that ordered, the card of the one that pays counts."""
    each = waiting(office)[0]
    rows = office.server.state.accounts(DIVISION)
    other = next(row["ID"] for row in rows if row["ID"] != each.customer.id and row["Status"] == "C")
    office.server.state.change_invoice(DIVISION, in_exact(office, each), InvoiceTo=other)

    office.sync()

    assert {one.invoice.id: one.customer.id for one in waiting(office)}[each.invoice.id] == other


def test_deleted_meanwhile(office: Office) -> None:
    """An invoice that is gone in Exact is not printed."""
    each = waiting(office)[0]
    office.server.state.ui_delete(DIVISION, "invoices", each.invoice.id)

    report = send(office, each)

    assert (report.skipped, prints(office)) == ([(each.name, "changed_meanwhile")], 0)


@pytest.mark.parametrize(
    "change",
    [{"InvoicingMethod": 1}, {"Email": "iemand@vreemd.example"}, {"Blocked": True}],
    ids=lambda one: next(iter(one)),
)
def test_card_changed_meanwhile(office: Office, change: dict[str, Any]) -> None:
    """When the card sends the invoice another way than was shown, it is not sent."""
    each = next(each for each in waiting(office) if each.customer.invoicing_method == 2)
    office.server.state.ui_change_account(DIVISION, each.customer.code, **change)

    report = send(office, each)

    assert (report.skipped, prints(office)) == ([(each.name, "changed_meanwhile")], 0)


def test_other_payer_meanwhile(office: Office) -> None:
    """An invoice that goes to another customer now is not sent: its card says where, and nobody has seen that."""
    each = waiting(office)[0]
    rows = office.server.state.accounts(DIVISION)
    other = next(row["ID"] for row in rows if row["ID"] != each.customer.id and row["Status"] == "C")
    office.server.state.change_invoice(DIVISION, in_exact(office, each), InvoiceTo=other)

    report = send(office, each)

    assert (report.skipped, prints(office)) == ([(each.name, "changed_meanwhile")], 0)


def test_killed_between_addressing_and_printing(office: Office) -> None:
    """Killed once our contact was named on the invoice, the next run prints it: that is what somebody said yes to."""
    each = unaddressed(office, set_up=True)
    with pytest.raises(Killed):
        send(office, each, client=dying(office, when="before", error=Killed()))
    office.clock.forward(minutes=11)

    report = send(office, each)

    assert (prints(office), report.skipped, len(report.sent)) == (1, [], 1)
    assert in_exact(office, each)["InvoiceToContactPerson"] == upload_contacts(office, each)[0]


def test_journal_keeps_that_the_outcome_is_unknown(office: Office) -> None:
    """Of an invoice that was printed by a killed run the journal says that nobody knows whether it was sent."""
    each = waiting(office)[0]
    with pytest.raises(Killed):
        send(office, each, client=dying(office, when="after", error=Killed()))
    with office.database.reading() as session:
        (step,) = journal.open_steps(session, office.division.code, (RunKind.SEND,))

    send(office, each)

    (kept,) = office.steps_of(step.run_id)
    assert (kept.state, kept.error) == (StepState.DONE, UNKNOWN_OUTCOME)


@pytest.mark.parametrize("way", ["Document", "Email", "PostboxMessage", "Peppol"])
def test_every_error_of_the_answer_is_told(office: Office, way: str) -> None:
    """Whichever way of sending failed, Exact's words are in the report and in the journal."""
    each = waiting(office)[0]
    client = office.client
    real = client.post
    name, words = f"{way}CreationError", "Het kan niet"
    client.post = lambda path, body: {**real(path, body), name: words}  # type: ignore[method-assign]

    report = send(office, each, client=client)

    (step,) = office.steps_of(report.run)
    assert report.sent == []
    assert [error for _, error in report.failed] == [f"printed, but not sent: {name}: {words}"]
    assert step.error == f"{name}: {words}"


def test_long_run_keeps_its_turn(office: Office) -> None:
    """However long the printing takes, nobody else begins to send in this division in the meantime."""
    chosen = waiting(office)
    client = office.client
    real = client.post

    def post(path: str, body: Any) -> Any:
        office.clock.forward(minutes=3)
        with pytest.raises(Busy), Lease(office.database, f"send:{DIVISION}", now=office.clock()):
            pass  # pragma: no cover
        answer = real(path, body)
        office.clock.forward(minutes=6)
        return answer

    client.post = post  # type: ignore[method-assign]

    report = send(office, *chosen, client=client)

    assert len(report.sent) == len(chosen) > 1


def test_start_date_itself_may_be_sent(office: Office) -> None:
    """An invoice dated on the start date is no history."""
    first = waiting(office)[0]
    on_the_day = replace(first, invoice=replace(first.invoice, number=8, invoice_date=START))

    assert choose([on_the_day], ["8"], {DIVISION: START}) == [on_the_day]


def test_contact_changed_meanwhile(office: Office) -> None:
    """When the contact that it goes to got another address than was shown, it is not sent."""
    each = unaddressed(office, set_up=True)
    contact = upload_contacts(office, each)[0]
    office.server.state.ui_change_contact(DIVISION, contact, Email="iemand@vreemd.example")

    report = send(office, each)

    assert (report.skipped, prints(office)) == ([(each.name, "changed_meanwhile")], 0)


@pytest.mark.parametrize("set_up", [True, False])
def test_list_says_what_goes_to_invoicesharing(office: Office, set_up: bool) -> None:
    """By e-mail to the contact with the upload address it goes to InvoiceSharing, without that contact it does not."""
    each = unaddressed(office, set_up=set_up)

    assert (each.customer.invoicing_method, each.goes_to_upload) == (2, set_up)


def test_choice_by_number_and_id(office: Office) -> None:
    """An invoice is named by its id or its number, in any case, and counts once."""
    first, second = waiting(office)[:2]
    numbered = replace(second, invoice=replace(second.invoice, number=26700042))
    starts = {DIVISION: date.min}

    chosen = choose([first, numbered], [first.invoice.id.upper(), "26700042", first.invoice.id], starts)

    assert chosen == [first, numbered]


def test_choice_of_an_unknown_one(office: Office) -> None:
    """A number that no open invoice has is refused."""
    with pytest.raises(NothingFound):
        choose(waiting(office), ["26700042"], {DIVISION: START})


def test_choice_of_a_number_that_two_have(office: Office) -> None:
    """A number that two open invoices have names neither."""
    both = [replace(each, invoice=replace(each.invoice, number=7)) for each in waiting(office)[:2]]

    with pytest.raises(WrongUsage, match="2 open invoices"):
        choose(both, ["7"], {DIVISION: START})


def test_choice_from_before_the_start_date(office: Office) -> None:
    """An invoice dated before the start date is refused, whoever names it."""
    first = waiting(office)[0]
    early = replace(first, invoice=replace(first.invoice, number=8, invoice_date=date(2026, 9, 1)))

    with pytest.raises(WrongUsage, match="start date"):
        choose([early], ["8"], {DIVISION: START})
