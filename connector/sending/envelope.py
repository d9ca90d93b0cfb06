"""The mail around a delivery: headers, text, attachments; pure. Who hands it over is the channel's affair."""

import re
import unicodedata
from datetime import UTC
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from connector.delivery import Claimed
from connector.errors import DeliveryRefused
from connector.routing.directory import valid_address

POLICY = SMTP.clone(cte_type="7bit")
"""CRLF line ends and nothing but ASCII, so that any mail server takes it unchanged."""
_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that end a header or break it: control characters, lone surrogates, line and paragraph ends."""
_LONGEST = 250
"""Characters of a subject or file name: nobody reads more, and the email package takes minutes over endless ones."""
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
"""A dot-atom on both sides (RFC 5322 3.6.4), of characters that no server touches."""


def around(claimed: Claimed, *, from_address: str) -> EmailMessage:
    """Make the mail that carries a delivery.

    The same delivery makes the same headers each time: Message-ID and Date (when it first became due) let the
    other side recognise a repeat.

    Raises:
        DeliveryRefused: An address, or something that goes into a header, cannot stand in a mail.
    """
    invoice_id = claimed.invoice_id or ""
    headers = (claimed.subject, claimed.message_id, invoice_id, *(file.name for file in claimed.attachments))
    if any(unicodedata.category(character) in _UNFIT for text in headers for character in text):
        raise DeliveryRefused(
            "a line break or control character in the subject, an id or a file name",
            hint="correct the invoice number or the name of the file where it was made",
        )
    message_id = claimed.message_id.strip("<>")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise DeliveryRefused("the delivery's Message-ID cannot stand in a mail")
    if not valid_address(claimed.address):
        raise DeliveryRefused("the recipient's mail address cannot be used", hint="correct it on the customer's card")
    message = EmailMessage(policy=POLICY)
    message["From"] = Address(addr_spec=from_address)
    message["To"] = Address(addr_spec=claimed.address)
    message["Subject"] = _literal(claimed.subject)
    message["Date"] = format_datetime(claimed.first_due_at.astimezone(UTC))
    message["Message-ID"] = f"<{message_id}>"
    if claimed.invoice_id is not None:
        message["X-Connector-Invoice"] = _literal(invoice_id)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(claimed.text, cte="quoted-printable")
    for file in claimed.attachments:
        main_type, sub_type = _types(file.media_type)
        message.add_attachment(file.content, maintype=main_type, subtype=sub_type, filename=_literal(file.name))
    return message


def _literal(text: str) -> str:
    """Keep the email package from decoding what looks like an encoded word (RFC 2047).

    It would turn ``=?utf-8?q?=0D=0ABcc:_x=40y.example?=`` in an invoice number into a header of its own. Of a text
    that is too long the middle is left out, so that a file name keeps its extension.
    """
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 21]}…{text[-20:]}"
    return text.replace("=?", "= ?")


def _types(media_type: str) -> tuple[str, str]:
    """Take a media type apart; whatever is none, or would not travel as plain bytes, is just bytes."""
    match = re.fullmatch(r"(application|audio|image|text|video)/([A-Za-z0-9.+_-]+)", media_type.strip().lower())
    return (match[1], match[2]) if match else ("application", "octet-stream")
