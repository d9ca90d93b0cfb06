"""sending/smtp.py: what each step of the conversation means for the delivery."""

import email
import smtplib
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.delivery import Attachment, Kind
from connector.errors import (
    ConnectorError,
    DeliveryDeferred,
    DeliveryRefused,
    DeliveryUncertain,
    InvalidSetting,
)

from .servers import FROM, PDF, XML, accept_password, make_channel, make_claimed, nothing, running, scripted


def test_mail_arrives_whole() -> None:
    """A real server gets sender, recipient, text and files as they were, dots at line starts included."""
    claimed = make_claimed()

    with running() as postbox:
        make_channel(postbox.port).send(claimed, before_body=nothing)

    (envelope,) = postbox.mails
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, _class=EmailMessage, policy=email.policy.default)
    assert (envelope.mail_from, envelope.rcpt_tos) == (FROM, ["ap@gemeente.example"])
    text = mail.get_body()
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == claimed.text
    assert [part.get_payload(decode=True) for part in mail.iter_attachments()] == [XML, PDF]


def test_dots_are_doubled_on_the_line() -> None:
    """A line of one dot does not end the mail early (RFC 5321 4.5.2)."""
    with scripted() as server:
        make_channel(server.port).send(make_claimed(text="a\n.\n..b\n", attachments=()), before_body=nothing)

    assert server.body.endswith(b"\r\na\r\n..\r\n...b\r\n.\r\n")


@pytest.mark.parametrize(("kind", "sender"), [(Kind.INVOICE, f"<{FROM}>"), (Kind.NOTICE, "<>")])
def test_notices_have_no_envelope_sender(kind: Kind, sender: str) -> None:
    """A notice leaves with an empty envelope sender, so that nobody answers it by machine."""
    with scripted() as server:
        make_channel(server.port).send(make_claimed(kind=kind), before_body=nothing)

    (command,) = (command for command in server.commands if command.upper().startswith("MAIL"))
    assert command.upper().startswith(f"MAIL FROM:{sender.upper()}")


@pytest.mark.parametrize(
    ("step", "answer", "error"),
    [
        ("connect", "421 busy", DeliveryDeferred),
        ("connect", "554 no service", DeliveryDeferred),
        ("connect", "", DeliveryDeferred),
        ("connect", "nonsense", DeliveryDeferred),
        ("EHLO", "421 busy", DeliveryDeferred),
        ("EHLO", "", DeliveryDeferred),
        ("MAIL", "451 later", DeliveryDeferred),
        ("MAIL", "552 too large", DeliveryRefused),
        ("MAIL", "530 log in first", DeliveryDeferred),
        ("MAIL", "", DeliveryDeferred),
        ("RCPT", "450 greylisted", DeliveryDeferred),
        ("RCPT", "550 no such user", DeliveryRefused),
        ("RCPT", "", DeliveryDeferred),
        ("DATA", "451 later", DeliveryDeferred),
        ("DATA", "554 no", DeliveryRefused),
        ("DATA", "250 strange", DeliveryDeferred),
        ("DATA", "", DeliveryDeferred),
    ],
)
def test_before_the_body_nothing_is_uncertain(step: str, answer: str, error: type[ConnectorError]) -> None:
    """Until the body the answer alone decides, and whoever waits for the body to begin is not told that it did."""
    begun: list[bool] = []
    more = {"HELO": answer} if step == "EHLO" else {}

    with scripted(**{step: answer} | more) as server, pytest.raises(error) as caught:
        make_channel(server.port).send(make_claimed(), before_body=lambda: begun.append(True))

    assert begun == []
    assert caught.value.hint


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("451 later", DeliveryDeferred),
        ("554 no", DeliveryRefused),
        ("", DeliveryUncertain),
        ("354 what", DeliveryUncertain),
        ("nonsense", DeliveryUncertain),
    ],
)
def test_after_the_body_only_a_clear_no_is_certain(answer: str, error: type[ConnectorError]) -> None:
    """A clear 4xx or 5xx after the body means that it was not taken; silence means that nobody knows."""
    begun: list[bool] = []

    with scripted(body=answer) as server, pytest.raises(error):
        make_channel(server.port).send(make_claimed(), before_body=lambda: begun.append(True))

    assert begun == [True]


def test_server_that_never_answers_the_body() -> None:
    """A time-out after the body is uncertain, not failed."""
    with scripted() as server:
        server._say = lambda line, step: type(server)._say(server, line, step) if step != "body" else True  # type: ignore[method-assign]
        with pytest.raises(DeliveryUncertain):
            make_channel(server.port, timeout_seconds=0.3).send(make_claimed(), before_body=nothing)


LARGE = Attachment(name="groot.pdf", media_type="application/pdf", content=bytes(4_000_000))


def test_line_that_drops_within_the_body_is_certain() -> None:
    """Without its end mark nothing is taken, so the mail may go again, though its body was begun."""
    begun: list[bool] = []

    with scripted() as server:
        server.hang_up_after = 100_000
        with pytest.raises(DeliveryDeferred):
            make_channel(server.port).send(make_claimed(attachments=(LARGE,)), before_body=lambda: begun.append(True))

    assert begun == [True]
    assert not server.body.endswith(b"\r\n.\r\n")


def test_body_goes_in_pieces_and_the_end_mark_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece has a timeout of its own, as `sendall` counts one for all that it is given."""
    pieces: list[bytes] = []
    send = smtplib.SMTP.send

    def record(self: smtplib.SMTP, data: bytes | str) -> None:
        pieces.append(data if isinstance(data, bytes) else data.encode())
        send(self, data)

    monkeypatch.setattr(smtplib.SMTP, "send", record)

    with scripted(EHLO="250 mail.gemeente.example") as server:
        make_channel(server.port).send(make_claimed(attachments=(LARGE,)), before_body=lambda: pieces.clear())

    assert max(map(len, pieces)) == 65_536
    end = next(index for index, piece in enumerate(pieces) if piece == b".\r\n")
    assert b"".join(pieces[: end + 1]) == server.body
    assert [piece.upper() for piece in pieces[end + 1 :]] == [b"QUIT\r\n"]


def test_slow_body_ends_before_the_lease_does() -> None:
    """When the time in all is over the mail waits, and the end mark is not sent."""
    with scripted() as server, pytest.raises(DeliveryDeferred, match="whole mail"):
        make_channel(server.port, in_all_seconds=0).send(make_claimed(), before_body=nothing)

    assert server.body == b""


def test_failing_end_mark_is_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the line drops while the end mark goes out, nobody knows whether it arrived."""
    send = smtplib.SMTP.send

    def fail(self: smtplib.SMTP, data: bytes | str) -> None:
        if data == b".\r\n":
            raise smtplib.SMTPServerDisconnected("gone")
        send(self, data)

    monkeypatch.setattr(smtplib.SMTP, "send", fail)

    with scripted() as server, pytest.raises(DeliveryUncertain):
        make_channel(server.port).send(make_claimed(), before_body=nothing)


def test_quit_may_fail() -> None:
    """A server that hangs up after it took the mail took it."""
    with scripted(QUIT="") as server:
        make_channel(server.port).send(make_claimed(), before_body=nothing)

    assert server.body


def test_before_body_stands_between_data_and_the_body() -> None:
    """At that moment the server has agreed to DATA and has nothing of the body."""
    seen: list[tuple[str, bytes]] = []

    with scripted() as server:
        make_channel(server.port).send(
            make_claimed(), before_body=lambda: seen.append((server.commands[-1].upper(), server.body))
        )

    assert seen == [("DATA", b"")]


def test_nothing_is_sent_when_before_body_fails() -> None:
    """Where the beginning of the body cannot be recorded there is no body: the error goes up as it is."""

    def fail() -> None:
        raise RuntimeError("database away")

    with scripted() as server, pytest.raises(RuntimeError, match="database away"):
        make_channel(server.port).send(make_claimed(), before_body=fail)

    assert server.body == b""


def test_nobody_listens() -> None:
    """A server that is not there is tried again later."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(DeliveryDeferred, match="connect"):
        make_channel(port).send(make_claimed(), before_body=nothing)


def test_error_shows_one_clean_line() -> None:
    """What a server says is shown on one line, without control characters, and not at length."""
    answer = "550-no \x1b[31m\r\n550 such user " + "x" * 400

    with scripted(RCPT=answer) as server, pytest.raises(DeliveryRefused) as caught:
        make_channel(server.port).send(make_claimed(), before_body=nothing)

    assert caught.value.message.startswith("the mail server answered 550 no [31m such user xxx")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 250


@pytest.mark.parametrize(("password", "taken"), [("geheim", True), ("fout", False)])
def test_log_in(certificate: ssl.SSLContext, password: str, taken: bool) -> None:
    """With the right password the mail goes; with a wrong one it waits, as that is no fault of the invoice."""
    with running(authenticator=accept_password, auth_required=True, tls_context=certificate) as postbox:
        channel = make_channel(postbox.port, security="starttls", username="kantoor", password=password)
        if taken:
            channel.send(make_claimed(), before_body=nothing)
        else:
            with pytest.raises(DeliveryDeferred, match="log-in") as caught:
                channel.send(make_claimed(), before_body=nothing)
            assert password not in caught.value.message

    assert len(postbox.mails) == taken


def test_server_without_log_in() -> None:
    """A log-in that the server does not offer is a matter of settings: the mail waits."""
    with scripted() as server, pytest.raises(DeliveryDeferred) as caught:
        make_channel(server.port, username="kantoor", password="geheim").send(make_claimed(), before_body=nothing)

    assert "[mail]" in caught.value.hint


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1 that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.gemeente.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_tls_from_the_start(certificate: ssl.SSLContext) -> None:
    """security = tls encrypts from the first byte."""
    with running(ssl=certificate) as postbox:
        make_channel(postbox.port, security="tls").send(make_claimed(), before_body=nothing)

    assert len(postbox.mails) == 1


def test_starttls(certificate: ssl.SSLContext) -> None:
    """security = starttls encrypts before anything of the mail is said."""
    with running(tls_context=certificate, require_starttls=True) as postbox:
        make_channel(postbox.port, security="starttls").send(make_claimed(), before_body=nothing)

    assert len(postbox.mails) == 1


def test_unknown_certificate_is_not_trusted(certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose certificate nobody vouches for gets nothing; the mail waits."""
    monkeypatch.delenv("SSL_CERT_FILE")

    with running(tls_context=certificate) as postbox, pytest.raises(DeliveryDeferred, match="secure"):
        make_channel(postbox.port, security="starttls").send(make_claimed(), before_body=nothing)

    assert postbox.mails == []


def test_starttls_is_not_given_up() -> None:
    """A server (or somebody between) that does not offer STARTTLS gets nothing in the clear."""
    with running() as postbox, pytest.raises(DeliveryDeferred, match="encryption"):
        make_channel(postbox.port, security="starttls").send(make_claimed(), before_body=nothing)

    assert postbox.mails == []


def test_sender_that_cannot_be() -> None:
    """A wrong mail.from_address is told at once, not delivery by delivery."""
    with pytest.raises(InvalidSetting, match="from_address"):
        make_channel(25, from_address="kantoor")
