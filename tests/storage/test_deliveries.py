"""The outbox: every delivery once, whatever dies when."""

import threading
from datetime import timedelta

import pytest
from sqlmodel import Session

from connector.delivery import DeliveryId, Kind, Outcome, State
from connector.errors import Busy
from connector.invoice import InvoiceType
from connector.storage import deliveries, envelopes, files, invoices
from connector.storage.database import Database
from connector.storage.envelopes import Envelope, Origin
from connector.storage.invoices import ReceivedInvoice

from .conftest import NOON

LEASE = timedelta(minutes=10)
AFTER = NOON + LEASE


@pytest.fixture
def invoice(database: Database, envelope: Envelope) -> ReceivedInvoice:
    """An invoice with XML, PDF and two more files, one of which wants the XML's name."""
    with database.transaction() as session:
        made = ReceivedInvoice(
            id=invoices.new_id(NOON),
            origin=Origin.FILE,
            envelope_id=envelope.id,
            number="2026/0042",
            type=InvoiceType.INVOICE,
            seller_name="Bakkerij Voorbeeld B.V.",
            seller_key="kvk:01234567",
            buyer_name="Gemeente Voorbeeldstad",
            currency="EUR",
            xml="received",
            xml_sha256=files.save(session, b"<Invoice/>"),
            pdf="rendered",
            pdf_sha256=files.save(session, b"%PDF-1.7"),
            extras=(
                ("2026_0042.XML", files.save(session, b"other")),
                ("../uren\r\n.xlsx", files.save(session, b"hours")),
            ),
            created_at=NOON,
            updated_at=NOON,
        )
        invoices.add(session, made)
    return made


def add(
    database: Database, invoice: ReceivedInvoice, address: str = "ap@gemeente.example", kind: Kind = Kind.INVOICE
) -> DeliveryId | None:
    """Put a delivery into the outbox at noon."""
    with database.transaction() as session:
        return deliveries.add(
            session,
            invoice_id=invoice.id,
            division=None,
            kind=kind,
            channel="email",
            address=address,
            name="Gemeente",
            subject="Factuur",
            text="Bijgaand",
            message_domain="bakkerij.example",
            now=NOON,
        )


def test_second_delivery_to_the_same_address_is_none(database: Database, invoice: ReceivedInvoice) -> None:
    """An invoice goes to an address once; a notice about it is another matter."""
    first, second = add(database, invoice), add(database, invoice)
    notice = add(database, invoice, kind=Kind.NOTICE)

    assert first is not None
    assert second is None
    assert notice is not None


def test_claimed_carries_the_files_with_one_stem(database: Database, invoice: ReceivedInvoice) -> None:
    """XML and PDF have the number as their stem; others keep safe names of their own; bytes are those stored."""
    add(database, invoice)

    with database.transaction() as session:
        claimed = deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)

    assert claimed is not None
    assert [(file.name, file.media_type, file.content) for file in claimed.attachments] == [
        ("2026_0042.xml", "application/xml", b"<Invoice/>"),
        ("2026_0042.pdf", "application/pdf", b"%PDF-1.7"),
        ("2026_0042-2.XML", "application/xml", b"other"),
        ("uren_.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"hours"),
    ]
    assert (claimed.attempts, claimed.first_due_at, claimed.kind) == (1, NOON, Kind.INVOICE)
    assert claimed.message_id.endswith("@bakkerij.example>")


def test_notice_has_no_files(database: Database, invoice: ReceivedInvoice) -> None:
    """A notice about an invoice does not carry it."""
    add(database, invoice, kind=Kind.NOTICE)

    with database.transaction() as session:
        claimed = deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)

    assert claimed is not None
    assert claimed.attachments == ()


def add_notice(session: Session, cause: str, address: str = "kantoor@bakkerij.example") -> DeliveryId | None:
    """Put a notice that is about no invoice into the outbox."""
    return deliveries.add(
        session,
        invoice_id=None,
        division=None,
        kind=Kind.NOTICE,
        cause=cause,
        channel="email",
        address=address,
        subject="Koppeling",
        text="Verbroken",
        now=NOON,
    )


def test_notice_about_no_invoice_is_added_once(database: Database) -> None:
    """One notice for each cause and address, also without an invoice, and its claim says that there is none."""
    with database.transaction() as session:
        first = add_notice(session, "lost 1")
        again = add_notice(session, "lost 1")
        others = [add_notice(session, "lost 2"), add_notice(session, "lost 1", "tweede@bakkerij.example")]

        claimed = deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)

    assert again is None
    assert None not in [first, *others]
    assert claimed is not None
    assert (claimed.id, claimed.invoice_id, claimed.attachments) == (first, None, ())


def test_stalled_notice_about_no_invoice_holds_none(database: Database) -> None:
    """A notice that a dead process was sending is uncertain, and no invoice follows it."""
    with database.transaction() as session:
        add_notice(session, "lost 1")
        claimed = deliveries.claim_next(session, now=NOON, owner="dead", lease=LEASE)
        assert claimed is not None
        deliveries.begin_body(session, claimed.id, owner="dead", now=NOON)

        recovered = deliveries.recover_stalled(session, now=AFTER)

        assert recovered.uncertain == ()
        assert deliveries.counts(session) == {State.UNCERTAIN: 1}


def test_eight_threads_get_each_delivery_once(database: Database, invoice: ReceivedInvoice) -> None:
    """However many claim at once, every delivery has one owner."""
    added = [add(database, invoice, f"ap{number}@gemeente.example") for number in range(40)]
    barrier, claimed_ids = threading.Barrier(8), []

    def claim_all(owner: str) -> None:
        barrier.wait()
        while True:
            with database.transaction() as session:
                claimed = deliveries.claim_next(session, now=NOON, owner=owner, lease=LEASE)
            if claimed is None:
                return
            claimed_ids.append(claimed.id)

    threads = [threading.Thread(target=claim_all, args=(f"thread-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed_ids) == sorted(each for each in added if each is not None)


def test_claim_waits_for_its_time(database: Database, invoice: ReceivedInvoice) -> None:
    """What is not due yet is not claimed."""
    add(database, invoice)

    with database.transaction() as session:
        early = deliveries.claim_next(session, now=NOON - timedelta(seconds=1), owner="us", lease=LEASE)
        in_time = deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)

    assert early is None
    assert in_time is not None


def test_outcome_is_stored_once(database: Database, invoice: ReceivedInvoice) -> None:
    """Recording an attempt frees the delivery, and a second record of it changes nothing."""
    add(database, invoice)
    later = NOON + timedelta(minutes=1)
    with database.transaction() as session:
        claimed = deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)
        assert claimed is not None

        again = Outcome(state=State.DUE, due_at=later, error="451 later")
        first = deliveries.record(session, claimed.id, owner="us", outcome=again, now=NOON)
        second = deliveries.record(session, claimed.id, owner="us", outcome=Outcome(state=State.FAILED), now=NOON)
        (stored,) = deliveries.of_invoice(session, invoice.id)

    assert (first, second) == (True, False)
    assert (stored.state, stored.due_at, stored.last_error, stored.attempts) == (State.DUE, later, "451 later", 1)


@pytest.mark.parametrize(
    ("body_begun", "now", "state"),
    [
        (False, AFTER - timedelta(seconds=1), State.SENDING),
        (False, AFTER, State.DUE),
        (True, AFTER, State.UNCERTAIN),
    ],
)
def test_stalled_goes_by_its_body(
    database: Database, invoice: ReceivedInvoice, body_begun: bool, now: object, state: State
) -> None:
    """A row whose process died is due again before the body, uncertain after it, untouched within its lease."""
    add(database, invoice)
    with database.transaction() as session:
        claimed = deliveries.claim_next(session, now=NOON, owner="dead", lease=LEASE)
        assert claimed is not None
        if body_begun:
            deliveries.begin_body(session, claimed.id, owner="dead", now=NOON)

        recovered = deliveries.recover_stalled(session, now=now)  # type: ignore[arg-type]  # a datetime

        (stored,) = deliveries.of_invoice(session, invoice.id)
    assert stored.state == state
    assert recovered.due_again == (state == State.DUE)
    assert recovered.uncertain == ((invoice.id,) if state == State.UNCERTAIN else ())


def test_owner_that_is_gone_need_not_run_out(database: Database, invoice: ReceivedInvoice) -> None:
    """A delivery of a process that is known to have died is due at once; that of another is left alone."""
    add(database, invoice, "one@gemeente.example")
    add(database, invoice, "two@gemeente.example")
    with database.transaction() as session:
        for owner in ("dead", "alive"):
            deliveries.claim_next(session, now=NOON, owner=owner, lease=LEASE)

        recovered = deliveries.recover_stalled(session, now=NOON, is_gone=lambda owner: owner == "dead")

        assert recovered.due_again == 1
        assert [each.state for each in deliveries.of_invoice(session, invoice.id)] == [State.DUE, State.SENDING]


def test_body_is_not_begun_after_the_lease_went(database: Database, invoice: ReceivedInvoice) -> None:
    """A process that was too slow is stopped before it sends what another may be sending."""
    add(database, invoice)
    with database.transaction() as session:
        claimed = deliveries.claim_next(session, now=NOON, owner="slow", lease=LEASE)
        assert claimed is not None
        deliveries.recover_stalled(session, now=AFTER)
        deliveries.claim_next(session, now=AFTER, owner="quick", lease=LEASE)

        with pytest.raises(Busy):
            deliveries.begin_body(session, claimed.id, owner="slow", now=AFTER)


def test_slow_process_may_still_resolve_uncertain(database: Database, invoice: ReceivedInvoice) -> None:
    """A delivery taken for uncertain is delivered once its own process says so."""
    add(database, invoice)
    with database.transaction() as session:
        claimed = deliveries.claim_next(session, now=NOON, owner="slow", lease=LEASE)
        assert claimed is not None
        deliveries.begin_body(session, claimed.id, owner="slow", now=NOON)
        deliveries.recover_stalled(session, now=AFTER)

        done = Outcome(state=State.DELIVERED)
        stored = deliveries.record(session, claimed.id, owner="slow", outcome=done, now=AFTER)

        assert stored
        assert [each.state for each in deliveries.of_invoice(session, invoice.id)] == [State.DELIVERED]


def test_killed_claim_leaves_nothing(database: Database, invoice: ReceivedInvoice) -> None:
    """A claim whose transaction did not end was never made."""
    add(database, invoice)

    def die() -> None:
        with database.transaction() as session:
            deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die()

    with database.reading() as session:
        (stored,) = deliveries.of_invoice(session, invoice.id)
    assert (stored.state, stored.attempts) == (State.DUE, 0)


@pytest.mark.parametrize("state", [State.FAILED, State.UNCERTAIN])
def test_retry_keeps_the_message_id(database: Database, invoice: ReceivedInvoice, state: State) -> None:
    """What is retried by hand has five new days and the same Message-ID."""
    add(database, invoice)
    with database.transaction() as session:
        claimed = deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)
        assert claimed is not None
        deliveries.record(session, claimed.id, owner="us", outcome=Outcome(state=state, error="no"), now=NOON)

        requeued = deliveries.requeue(session, invoice.id, now=AFTER)
        again = deliveries.claim_next(session, now=AFTER, owner="us", lease=LEASE)

    assert requeued == 1
    assert again is not None
    assert (again.message_id, again.attempts, again.first_due_at) == (claimed.message_id, 1, AFTER)


def test_delivered_is_never_retried(database: Database, invoice: ReceivedInvoice) -> None:
    """What was delivered stays delivered, also when the invoice is retried."""
    add(database, invoice)
    with database.transaction() as session:
        claimed = deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)
        assert claimed is not None
        deliveries.record(session, claimed.id, owner="us", outcome=Outcome(state=State.DELIVERED), now=NOON)

        assert deliveries.requeue(session, invoice.id, now=AFTER) == 0
        assert [each.state for each in deliveries.of_invoice(session, invoice.id)] == [State.DELIVERED]


def test_settled_is_delivered(database: Database, invoice: ReceivedInvoice) -> None:
    """An uncertain delivery that somebody saw arrive is delivered."""
    add(database, invoice)
    with database.transaction() as session:
        claimed = deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)
        assert claimed is not None
        deliveries.record(session, claimed.id, owner="us", outcome=Outcome(state=State.UNCERTAIN), now=NOON)

        assert deliveries.settle(session, invoice.id, now=AFTER) == 1
        assert [each.state for each in deliveries.of_invoice(session, invoice.id)] == [State.DELIVERED]


def test_failed_delivery_to_a_former_address_is_dropped(database: Database, invoice: ReceivedInvoice) -> None:
    """Of what failed, only what still goes there stays; other states, and notices, stay whatever is kept."""
    for address in ("kept@gemeente.example", "former@gemeente.example"):
        add(database, invoice, address)
    add(database, invoice, "former@gemeente.example", kind=Kind.NOTICE)
    with database.transaction() as session:
        for _ in range(3):
            claimed = deliveries.claim_next(session, now=NOON, owner="us", lease=LEASE)
            assert claimed is not None
            deliveries.record(session, claimed.id, owner="us", outcome=Outcome(state=State.FAILED), now=NOON)
    add(database, invoice, "waiting@gemeente.example")

    with database.transaction() as session:
        dropped = deliveries.drop_failed(session, invoice.id, keep=[("email", "kept@gemeente.example")])
        again = deliveries.drop_failed(session, invoice.id, keep=[("email", "kept@gemeente.example")])
        left = deliveries.of_invoice(session, invoice.id)

    assert (dropped, again) == (1, 0)
    assert [(each.kind, each.address) for each in left] == [
        (Kind.INVOICE, "kept@gemeente.example"),
        (Kind.NOTICE, "former@gemeente.example"),
        (Kind.INVOICE, "waiting@gemeente.example"),
    ]


def test_envelope_comes_back(database: Database, envelope: Envelope) -> None:
    """An arrival comes back with its files in order; hostile names are kept storable."""
    with database.transaction() as session:
        mail = envelopes.add(
            session,
            origin=Origin.EMAIL,
            message_id="<1@mail.example>",
            contents=[("b\x00.xml", b"1"), ("a.pdf", b"2")],
            kept=envelope.files,
            now=NOON,
        )

    with database.reading() as session:
        assert envelopes.get(session, mail.id) == mail
        assert mail.message_id == "<1@mail.example>"
        assert [name for name, _ in mail.files] == ["inv42.xml", "b\ufffd.xml", "a.pdf"]
        assert [files.load(session, sha256) for _, sha256 in mail.files] == [b"<Invoice/>", b"1", b"2"]
