"""The local mail server stores what it accepts and answers as told."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from connector.exact_sandbox import Mailbox


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    with Mailbox(tmp_path) as running:
        yield running


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "seller@x.example", "ap@y.example", "Factuur €"
    message.set_content("Hierbij.")
    message.add_attachment(b"<Invoice/>", maintype="application", subtype="xml", filename="1.xml")
    return message


def send(mailbox: Mailbox, to: list[str] | None = None) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", mailbox.port, timeout=5) as line:
        return line.send_message(mail(), from_addr="bounce@x.example", to_addrs=to or ["ap@y.example"])


def test_message_is_stored_with_its_envelope(mailbox: Mailbox) -> None:
    """Sender and recipients of the envelope are kept beside the bytes as received."""
    send(mailbox, ["ap@y.example", "copy@y.example"])

    (stored,) = mailbox.messages()
    assert (stored.sender, stored.recipients) == ("bounce@x.example", ("ap@y.example", "copy@y.example"))
    assert stored.message["Subject"] == "Factuur €"
    assert stored.attachments() == {"1.xml": b"<Invoice/>"}
    assert not stored.raw.startswith(b"X-Envelope")


@pytest.mark.parametrize("answer", ["451 later", "554 no"])
def test_refused_message_is_not_stored(mailbox: Mailbox, answer: str) -> None:
    """What DATA is answered with reaches the sender, and nothing is kept."""
    mailbox.answer = answer

    with pytest.raises(smtplib.SMTPDataError) as caught:
        send(mailbox)

    assert caught.value.smtp_code == int(answer[:3])
    assert mailbox.messages() == []


def test_single_recipient_is_refused(mailbox: Mailbox) -> None:
    """Answers may differ by recipient."""
    mailbox.recipient_answers["gone@y.example"] = "550 unknown"

    refused = send(mailbox, ["ap@y.example", "gone@y.example"])

    assert refused == {"gone@y.example": (550, b"unknown")}
    assert mailbox.messages()[0].recipients == ("ap@y.example",)


def test_line_dropped_after_data(mailbox: Mailbox) -> None:
    """The message arrived, the sender does not know."""
    mailbox.drop_after_data = True

    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(mailbox)

    assert len(mailbox.messages()) == 1


def test_port_can_be_taken_again(tmp_path: Path) -> None:
    """A mailbox comes back on the port it had, its mails still there."""
    with Mailbox(tmp_path) as first:
        send(first)
        port = first.port
    with Mailbox(tmp_path, port=port) as again:
        send(again)

        assert len(again.messages()) == 2
