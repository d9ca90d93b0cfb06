"""sending/envelope.py: the mail around a delivery."""

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.delivery import Attachment, Claimed
from connector.errors import DeliveryRefused
from connector.sending.envelope import around

from .servers import FROM, PDF, XML, make_claimed

HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "X-Connector-Invoice", "Auto-Submitted"]


def sent(claimed: Claimed) -> EmailMessage:
    """The mail as the other side reads it."""
    content = around(claimed, from_address=FROM).as_bytes()
    return email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)


def test_headers() -> None:
    """The headers of interfaces.md, with the Message-ID of the delivery."""
    mail = sent(make_claimed())

    assert [(name, mail[name]) for name in HEADERS] == [
        ("From", "facturen@kantoor.example"),
        ("To", "ap@gemeente.example"),
        ("Subject", "Factuur 2026-1 van Café Verzonnen"),
        ("Date", "Mon, 02 Nov 2026 12:00:00 +0000"),
        ("Message-ID", "<17.abc@kantoor.example>"),
        ("X-Connector-Invoice", "3f1c"),
        ("Auto-Submitted", "auto-generated"),
    ]


def test_long_message_id_stays_whole() -> None:
    """A Message-ID that is longer than a line is neither folded nor encoded: it has to be recognised."""
    message_id = f"<{'a' * 150}@kantoor.example>"

    content = around(make_claimed(message_id=message_id), from_address=FROM).as_bytes()

    assert b"Message-ID: " + message_id.encode() + b"\r\n" in content


def test_attachments_arrive_byte_for_byte() -> None:
    """Line ends and bytes that are no text are kept, under their names and types."""
    files = list(sent(make_claimed()).iter_attachments())

    assert [(f.get_filename(), f.get_content_type(), f.get_payload(decode=True)) for f in files] == [
        ("2026-1.xml", "application/xml", XML),
        ("2026-1.pdf", "application/pdf", PDF),
    ]


def test_text_arrives_as_written() -> None:
    """Letters with accents and signs survive."""
    claimed = make_claimed(attachments=())

    assert sent(claimed).get_content().replace("\r\n", "\n") == claimed.text


@pytest.mark.parametrize("media_type", ["", "pdf", "multipart/mixed", "message/rfc822", "a/b/c", "text/x; name=y"])
def test_odd_media_type_is_just_bytes(media_type: str) -> None:
    """Whatever type an XML gives for what it embeds, the bytes travel."""
    file = Attachment(name="bijlage", media_type=media_type, content=PDF)

    (arrived,) = sent(make_claimed(attachments=(file,))).iter_attachments()

    assert (arrived.get_content_type(), arrived.get_payload(decode=True)) == ("application/octet-stream", PDF)


@pytest.mark.parametrize("field", ["subject", "message_id", "invoice_id"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x1e", "\x85", "\u2028", "\x00"])
def test_line_break_in_a_header_is_refused(field: str, end: str) -> None:
    """What would begin a header of its own never leaves."""
    claimed = make_claimed(**{field: f"2026-1{end}Bcc: dief@elders.example"})

    with pytest.raises(DeliveryRefused, match="line break"):
        around(claimed, from_address=FROM)


def test_endless_subjects_and_names_are_shortened() -> None:
    """The middle is left out: a file name keeps its extension, and no header takes minutes to fold."""
    file = Attachment(name="é" * 5000 + ".xml", media_type="application/xml", content=XML)

    mail = sent(make_claimed(subject="Factuur " + "é" * 5000, attachments=(file,)))

    (arrived,) = mail.iter_attachments()
    name = arrived.get_filename() or ""
    assert (len(mail["Subject"]), len(name), name.endswith("é.xml")) == (250, 250, True)


@pytest.mark.parametrize(
    "message_id", ["", "17", "17 b@c.example", "é@c.example", "=?utf-8?q?a?=@c.example", ".a@c.example"]
)
def test_message_id_has_to_be_one(message_id: str) -> None:
    """What is no Message-ID would be changed on the way, and repeats no longer be seen."""
    with pytest.raises(DeliveryRefused, match="Message-ID"):
        around(make_claimed(message_id=message_id), from_address=FROM)


def test_line_break_in_a_file_name_is_refused() -> None:
    """File names stand in headers too."""
    file = Attachment(name="a\r\nBcc: dief@elders.example\r\n.xml", media_type="application/xml", content=XML)

    with pytest.raises(DeliveryRefused, match="line break"):
        around(make_claimed(attachments=(file,)), from_address=FROM)


@pytest.mark.parametrize(
    "address", ["", "ap", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example", "é@b.example"]
)
def test_bad_address_is_refused(address: str) -> None:
    """Only one plain address is written to."""
    with pytest.raises(DeliveryRefused, match="address"):
        around(make_claimed(address=address), from_address=FROM)


hostile = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]))
    | st.sampled_from(["=?utf-8?q?x=0D=0ABcc:_dief=40elders.example?=", "=?utf-8?b?DQpCY2M6IHg=?=", "==??=?="])
    | st.builds("=?utf-8?q?{}?=".format, st.text("=0DAB:xc_? ", max_size=30))
)


@given(hostile, hostile, hostile)
def test_no_text_becomes_a_header(subject: str, invoice_id: str, name: str) -> None:
    """Not even text that looks like an encoded word: the mail has our headers and no other, in lines of ASCII."""
    file = Attachment(name=name, media_type="application/xml", content=XML)
    claimed = make_claimed(subject=subject, invoice_id=invoice_id, attachments=(file,))

    content = around(claimed, from_address=FROM).as_bytes()

    mail = email.message_from_bytes(content, policy=email.policy.compat32)
    assert sorted(mail.keys()) == sorted([*HEADERS, "MIME-Version", "Content-Type"])
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
