"""What a person does about invoices that stopped: release, retry, settle."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.exact_sandbox import Mailbox, SandboxOptions, SandboxServer
from connector.exact_sandbox.people import Kind

from .installation import DIVISION, SPEED, Installation, invoice_mails, mailed_numbers


@pytest.fixture
def exact() -> Iterator[SandboxServer]:
    """A world in which invoices are held because a KvK number is missing."""
    with SandboxServer(SandboxOptions(invoices=30, speed=SPEED)) as server:
        yield server


@pytest.fixture
def passed(connected: Installation) -> Installation:
    """An installation that made one pass."""
    connected.make_pass()
    return connected


def held_number(installation: Installation, reason: str) -> int:
    """An invoice that the world expects to be held for this reason."""
    return next(number for number, one in installation.expected().items() if one.reason == reason)


def test_released_invoice_goes_where_it_is_told(passed: Installation, mailbox: Mailbox) -> None:
    """`release --to ADDRESS` sends a held invoice there, with XML and PDF."""
    number = held_number(passed, "without_kvk")

    ended = passed.run("invoices", "release", passed.id_of(number), "--to", "ap@klant.example", "--json")

    assert [entry["state"] for entry in ended.json] == ["delivered"]
    mail = next(mail for mail in invoice_mails(mailbox.messages()) if mail.recipients == ("ap@klant.example",))
    assert set(mail.attachments()) == {f"{number}.xml", f"{number}.pdf"}


def test_invoice_is_delivered_after_the_card_was_put_right(passed: Installation, mailbox: Mailbox) -> None:
    """A number filled in on the card in Exact lets the held invoice go: `sync`, then `retry`."""
    number = held_number(passed, "without_kvk")
    buyer = next(one.invoice_to for one in passed.world.division(DIVISION).invoices if one.number == number)
    assert buyer.kind is not Kind.OWN_NUMBER
    passed.server.state.ui_change_account(DIVISION, buyer.code, ChamberOfCommerce="69599084")
    passed.sync()

    ended = passed.run("invoices", "retry", passed.id_of(number), "--json")

    assert [entry["state"] for entry in ended.json] == ["delivered"]
    assert mailed_numbers(mailbox.messages())[number] == 1


def test_delivered_invoice_is_not_sent_again(passed: Installation, mailbox: Mailbox) -> None:
    """There is nothing to retry or release about a delivered invoice."""
    number = min(mailed_numbers(mailbox.messages()))
    invoice = passed.id_of(number)

    codes = [passed.run("invoices", word, invoice).code for word in ("retry", "release")]

    assert codes == [2, 2]
    assert mailed_numbers(mailbox.messages())[number] == 1


@pytest.fixture
def uncertain(connected: Installation, mailbox: Mailbox) -> tuple[Installation, str]:
    """An installation whose mail server dropped the line after each body, and one such invoice."""
    mailbox.drop_after_data = True
    connected.make_pass()
    mailbox.drop_after_data = False
    return connected, connected.id_of(min(mailed_numbers(mailbox.messages())))


def test_uncertain_invoice_can_be_settled(uncertain: tuple[Installation, str]) -> None:
    """A person who knows that it arrived says so, and it is delivered."""
    installation, invoice = uncertain

    ended = installation.run("invoices", "settle", invoice, "--delivered")

    assert ended.code == 0
    assert installation.run("invoices", "show", invoice, "--json").json["state"] == "delivered"


def test_uncertain_invoice_is_sent_again_only_when_asked_twice(
    uncertain: tuple[Installation, str], mailbox: Mailbox
) -> None:
    """`retry` of what may have arrived asks first; with --yes it goes once more, under the same Message-ID."""
    installation, invoice = uncertain
    mailbox_before = len(mailbox.messages())

    asked = installation.run("invoices", "retry", invoice)
    between = len(mailbox.messages())
    sent = installation.run("invoices", "retry", invoice, "--yes")

    assert (asked.code, between, sent.code) == (2, mailbox_before, 0)
    assert len({m.message["Message-ID"] for m in mailbox.messages()}) == mailbox_before
    assert len(mailbox.messages()) == mailbox_before + 1
