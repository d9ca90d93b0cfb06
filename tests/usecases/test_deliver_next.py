"""What the recipient's mail server says decides; nothing is sent twice, and the sender hears of trouble once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from connector.delivery import Kind, State
from connector.errors import Busy, NothingFound, WrongUsage
from connector.storage import deliveries
from connector.storage.invoices import InvoiceState, ReceivedInvoice
from connector.usecases.release_invoice import release_invoice, retry_invoice, settle_delivered

from .office import NOTIFY, START, Killed, Office, OpenOffice


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """A synced office with a few invoices to deliver and one or more to hold; nothing sent yet."""
    office = open_office(customers=3, invoices=4, seed=1)  # 2 to deliver, 1 to hold, 1 of before
    office.sync()
    return office


def first_sent(office: Office) -> ReceivedInvoice:
    return office.invoice(office.expected_numbers("deliver")[0])


def held(office: Office) -> ReceivedInvoice:
    return office.invoice(office.expected_numbers("hold")[0])


def counts_of(office: Office) -> tuple[int, int]:
    return len(office.mails()), len(office.notices())


def release(office: Office, stored: ReceivedInvoice, to: str | None = None, **changes: object) -> ReceivedInvoice:
    return release_invoice(office.database, stored.id, office.handling(**changes), to=to, clock=office.clock)


def retry(office: Office, stored: ReceivedInvoice, **changes: object) -> ReceivedInvoice:
    handling = office.handling(**changes)
    return retry_invoice(office.database, stored.id, handling, refresh=office.refresh, clock=office.clock)


@pytest.mark.parametrize(
    ("answer", "delivery", "state", "reason"),
    [
        ("250 OK", State.DELIVERED, InvoiceState.DELIVERED, None),
        ("451 later", State.DUE, InvoiceState.ROUTED, None),
        ("554 no", State.FAILED, InvoiceState.FAILED, "delivery_failed"),
    ],
)
def test_answer_decides_state(
    office: Office, answer: str, delivery: State, state: InvoiceState, reason: str | None
) -> None:
    """The server's answer after the body decides what becomes of delivery and invoice."""
    office.mailbox.answer = answer

    office.work()

    stored = first_sent(office)
    assert [row.state for row in office.deliveries_of(stored)] == [delivery]
    assert (stored.state, stored.reason) == (state, reason)


def test_later_comes_back_after_a_growing_pause(office: Office) -> None:
    """After 451 a delivery waits 1, 2, 4 minutes, and is then delivered once."""
    office.mailbox.answer = "451 later"
    pauses = []
    office.work()
    for _ in range(3):
        row = office.deliveries_of(first_sent(office))[0]
        assert row.due_at is not None
        pauses.append(round((row.due_at - row.updated_at).total_seconds() / 60))
        assert office.deliver().deferred == 0  # not before it is due
        office.clock.forward(minutes=pauses[-1], seconds=1)
        if len(pauses) == 3:
            office.mailbox.answer = "250 OK"
        office.deliver()

    assert pauses == [1, 2, 4]
    assert first_sent(office).state is InvoiceState.DELIVERED
    assert len(office.mails()) == len(office.expected_numbers("deliver"))


def test_given_up_after_five_days(open_office: OpenOffice) -> None:
    """A server that says later for more than five days means that the delivery failed; the sender hears of it once."""
    office = open_office(customers=2, invoices=3)
    office.sync()
    office.mailbox.answer = "451 later"
    office.work()
    office.clock.forward(days=4, hours=23)
    office.deliver()
    assert first_sent(office).state is InvoiceState.ROUTED
    office.clock.forward(hours=2)

    office.deliver()
    office.mailbox.answer = "250 OK"
    office.clock.forward(days=1)
    office.deliver()

    assert first_sent(office).reason == "delivery_failed"
    assert len(office.mails()) == 0
    assert len(office.deliveries_of(first_sent(office), Kind.NOTICE)) == 1


def test_refused_recipient_is_told_once(office: Office) -> None:
    """A refused invoice gives one notice to mail.notify, with its number, and no other attempt."""
    address = office.expected()[office.expected_numbers("deliver")[0]].address or ""
    refused = [number for number, one in office.expected().items() if one.address == address]
    office.mailbox.recipient_answers[address] = "554 no such user"

    for _ in range(3):
        office.work()
        office.clock.forward(hours=1)

    about = [mail for mail in office.notices() if any(str(number) in mail.message["Subject"] for number in refused)]
    assert len(about) == len(refused)
    assert {mail.recipients for mail in about} == {(NOTIFY,)}
    assert all(office.deliveries_of(office.invoice(number))[0].attempts == 1 for number in refused)


def test_no_notice_about_a_notice(office: Office) -> None:
    """When the notice itself cannot be delivered, that is all: nothing is written about it."""
    office.mailbox.answer = "554 no"

    office.work()
    office.work()

    everybody = office.all_invoices()
    notices = [row for stored in everybody for row in office.deliveries_of(stored, Kind.NOTICE)]
    troubled = [stored for stored in everybody if stored.reason is not None]
    assert len(notices) == len(troubled)
    assert {row.state for row in notices} == {State.FAILED}


def test_dropped_line_is_never_sent_again_by_itself(office: Office) -> None:
    """When the line drops after the body nobody knows: held, told once, and not repeated for days."""
    office.mailbox.drop_after_data = True
    office.work()
    office.mailbox.drop_after_data = False
    arrived = len(office.mails())

    for _ in range(4):
        office.clock.forward(days=2)
        office.work()

    stored = first_sent(office)
    assert (stored.state, stored.reason) == (InvoiceState.HELD, "delivery_uncertain")
    assert len(office.mails()) == arrived == len(office.expected_numbers("deliver"))
    assert len(office.deliveries_of(stored, Kind.NOTICE)) == 1


def test_busy_database_after_sending(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent is recorded also when the database is locked at that moment: nothing becomes uncertain."""
    real, refused = deliveries.record, []

    def record(*args: object, **kwargs: object) -> None:
        if len(refused) < 2:
            refused.append(1)
            raise Busy("the database is locked")
        real(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(deliveries, "record", record)

    office.work()
    office.clock.forward(hours=1)
    office.deliver()

    assert {row.state for row in office.deliveries_of(first_sent(office))} == {State.DELIVERED}
    assert len(office.mails()) == len(office.expected_numbers("deliver"))


@pytest.mark.parametrize(
    ("body_begun", "state", "mails"), [(False, InvoiceState.DELIVERED, 1), (True, InvoiceState.HELD, 0)]
)
def test_killed_while_sending(office: Office, body_begun: bool, state: InvoiceState, mails: int) -> None:
    """Killed before the body the delivery is made again; killed after it began, it is uncertain and waits."""
    channel = office.wiring.channels["email"]

    class Dying:
        def send(self, claimed: object, *, before_body: object) -> None:
            if body_begun:
                before_body()  # type: ignore[operator]  # a function
            raise Killed

    office.wiring.channels["email"] = Dying()
    with pytest.raises(Killed):
        office.work()
    office.wiring.channels["email"] = channel
    office.clock.forward(minutes=16)

    office.deliver()

    stored = next(one for one in office.all_invoices() if office.deliveries_of(one))
    first = min((row for one in office.all_invoices() for row in office.deliveries_of(one)), key=lambda row: row.id)
    hit = next(one for one in office.all_invoices() if one.id == first.invoice_id)
    assert stored is not None
    assert hit.state is state
    assert len([m for m in office.mails() if m.message["X-Connector-Invoice"] == hit.id]) == mails


def test_mail_server_away(office: Office) -> None:
    """Without a mail server everything waits, and is sent once it is back."""
    office.mailbox.stop()
    office.work()
    waiting = first_sent(office).state

    office.mailbox.start()
    office.clock.forward(minutes=2)
    office.deliver()

    assert waiting is InvoiceState.ROUTED
    assert first_sent(office).state is InvoiceState.DELIVERED


# What a person does


def test_settled_as_delivered(office: Office) -> None:
    """A person says that an uncertain invoice arrived: it is delivered and not sent again."""
    office.mailbox.drop_after_data = True
    office.work()
    office.mailbox.drop_after_data = False
    before = counts_of(office)[0]

    settled = settle_delivered(office.database, first_sent(office).id, clock=office.clock)
    office.deliver()

    assert settled.state is InvoiceState.DELIVERED
    assert counts_of(office)[0] == before


def test_settling_what_is_not_uncertain(office: Office) -> None:
    """Only an uncertain delivery can be settled."""
    office.work()

    with pytest.raises(WrongUsage, match="uncertain"):
        settle_delivered(office.database, first_sent(office).id, clock=office.clock)


@pytest.mark.parametrize("uncertain", [True, False])
def test_retry_sends_again(office: Office, uncertain: bool) -> None:
    """A person sends a failed or uncertain invoice once more, under the same Message-ID."""
    office.mailbox.drop_after_data = uncertain
    office.mailbox.answer = "250 OK" if uncertain else "554 no"
    office.work()
    office.mailbox.drop_after_data, office.mailbox.answer = False, "250 OK"
    stored = first_sent(office)
    known = office.deliveries_of(stored)[0].message_id

    retry(office, stored)
    office.deliver()

    assert first_sent(office).state is InvoiceState.DELIVERED
    assert [mail.message["Message-ID"] for mail in office.mails()][-1] == known


def test_retry_after_the_card_was_put_right(office: Office) -> None:
    """A held invoice is decided anew after what held it was put right in Exact."""
    office.work()
    stored = next(one for one in office.all_invoices() if one.reason == "without_kvk")
    code = next(
        str(row["Code"])
        for row in office.server.state.accounts(stored.division or 0)
        if row["ID"] == stored.customer_id
    )
    assert retry(office, stored).reason == "without_kvk"
    office.server.state.ui_change_account(stored.division or 0, code, ChamberOfCommerce="20000006")
    office.sync()

    retry(office, stored)
    office.deliver()

    assert office.invoice(stored.number).state is InvoiceState.DELIVERED
    assert len(office.deliveries_of(stored, Kind.NOTICE)) == 1


def test_retry_of_what_did_not_stop(office: Office) -> None:
    """What is delivered or history cannot be tried again."""
    office.work()

    for number in (office.expected_numbers("deliver")[0], office.expected_numbers("history")[0]):
        with pytest.raises(WrongUsage, match="nothing to try again"):
            retry(office, office.invoice(number))


def test_release_sends_in_spite_of_a_missing_number(office: Office) -> None:
    """A person lets an invoice go that was held for a missing KvK number: it goes to the customer's own address."""
    office.work()
    stored = next(one for one in office.all_invoices() if one.reason == "without_kvk")

    release(office, stored)
    office.deliver()

    assert office.invoice(stored.number).state is InvoiceState.DELIVERED


def test_release_to_an_address(office: Office) -> None:
    """Or to whom that person names."""
    office.work()

    release(office, held(office), to="iemand@anders.example")
    office.deliver()

    assert office.mails()[-1].recipients == ("iemand@anders.example",)
    assert held(office).state is InvoiceState.DELIVERED


def test_release_to_nobody(office: Office) -> None:
    """Neither an entry of the directory nor an address: an error, and the invoice stays held."""
    office.work()

    with pytest.raises(NothingFound, match="no recipient"):
        release(office, held(office), to="17")

    assert held(office).state is InvoiceState.HELD


def test_release_never_sends_history(office: Office) -> None:
    """Not even a person sends what is dated before the start date: the release finds it to be history."""
    office.work()
    stored = held(office)

    released = release(office, stored, to="iemand@anders.example", start_date=START + timedelta(days=60))
    office.deliver()

    assert released.state is InvoiceState.HISTORY
    assert office.deliveries_of(stored) == []


def test_uncertain_is_not_released(office: Office) -> None:
    """An invoice that may have arrived is not let go by a release; that asks for settle or retry."""
    office.mailbox.drop_after_data = True
    office.work()

    with pytest.raises(WrongUsage, match="may have arrived"):
        release(office, first_sent(office))


def test_release_of_what_is_not_held(office: Office) -> None:
    """A delivered invoice cannot be released."""
    office.work()

    with pytest.raises(WrongUsage, match="not held"):
        release(office, first_sent(office))


def test_released_under_deliver_none_waits(office: Office) -> None:
    """With deliver = none also what a person let go stays here; it alone leaves once the rule changed."""
    office.work(deliver="none")
    release(office, first_sent(office), deliver="none")

    office.deliver(deliver="none")
    while_none = office.mailbox.messages()
    office.deliver()

    assert while_none == []
    assert len(office.mailbox.messages()) == 1
    assert first_sent(office).state is InvoiceState.DELIVERED


def test_deliver_none_stops_what_was_due(office: Office) -> None:
    """What was put into the outbox before the rule became none does not leave either."""
    office.mailbox.answer = "451 later"
    office.work()
    office.mailbox.answer = "250 OK"
    office.clock.forward(hours=1)

    office.deliver(deliver="none")

    assert office.mailbox.messages() == []


def test_unknown_invoice(office: Office) -> None:
    """An id that does not exist is an error for all three."""
    with pytest.raises(NothingFound):
        settle_delivered(office.database, "inv_0", clock=office.clock)
    with pytest.raises(NothingFound):
        retry_invoice(office.database, "inv_0", office.handling(), refresh=office.refresh, clock=office.clock)
    with pytest.raises(NothingFound):
        release_invoice(office.database, "inv_0", office.handling(), clock=office.clock)


def test_deliveries_are_claimed_once(office: Office) -> None:
    """Two rounds at the same time send each invoice once."""
    office.mailbox.stop()
    office.work()
    office.mailbox.start()
    office.clock.forward(minutes=2)
    threads = [threading.Thread(target=office.deliver) for _ in range(3)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(office.mails()) == len(office.expected_numbers("deliver"))
    with office.database.reading() as session:
        assert set(deliveries.counts(session)) == {State.DELIVERED}
