"""SmtpChannel: hands mails to the configured mail server, one connection a delivery.

It speaks SMTP step by step rather than through `send_message`, because what an error means depends on the step: until
the end mark nothing can have been taken (RFC 5321 4.1.1.4), after it only a clear answer says so.
"""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from connector.delivery import Claimed, Kind
from connector.errors import ConnectorError, DeliveryDeferred, DeliveryRefused, DeliveryUncertain, InvalidSetting
from connector.routing.directory import valid_address
from connector.sending.envelope import POLICY, around

_LONGEST_ANSWER = 200
_CHUNK = 65_536
"""Bytes of a body that have to leave within one timeout; at 60 s that is a line of 9 kbit/s."""
_UNDERWAY = 131_072
"""Bytes that the system may hold on to: what it took has not left yet, and the end mark must not wait behind it."""
_LOG_IN_FIRST = frozenset({530, 534, 535, 538})
"""RFC 4954 6: it is our log-in that they refuse, at whatever step. The operator's fault: the invoice waits."""
_CHECK_SETTINGS = "check [mail] in the settings: host, port, security, username and password"
_CHECK_RECIPIENT = "check the recipient's mail address"
_ASK_RECIPIENT = "ask the recipient whether it arrived: connector invoices settle, or connector invoices retry"


class SmtpChannel:
    """Sends over one mail server; a `Channel`.

    Args:
        security: none, starttls or tls; none only suits a server on this machine, which the settings see to.
        username: Empty for a server that asks for none.
        timeout_seconds: For each step and each 64 KB of the body, not for the whole.
        in_all_seconds: From the beginning to the end mark. With what may follow it stays below the lease of a
            delivery (15 minutes), or another process would take it for lost while it is on its way.

    Raises:
        InvalidSetting: No mail can have this sender.
    """

    def __init__(
        self,
        host: str,
        port: int,
        security: str,
        username: str,
        password: str,
        from_address: str,
        timeout_seconds: float = 60,
        in_all_seconds: float = 720,
    ) -> None:
        if not valid_address(from_address):
            raise InvalidSetting(
                "mail.from_address cannot be used as the sender of mails",
                hint="give one plain address, such as facturen@example.nl",
            )
        self._host = host
        self._port = port
        self._security = security
        self._username = username
        self._password = password
        self._from_address = from_address
        self._timeout_seconds = timeout_seconds
        self._in_all_seconds = in_all_seconds

    def send(self, claimed: Claimed, *, before_body: Callable[[], None]) -> None:
        """Hand one mail to the server; see `Channel.send`. A notice leaves with an empty envelope sender."""
        deadline = time.monotonic() + self._in_all_seconds
        body = _body(claimed, self._from_address)
        sender = "" if claimed.kind is Kind.NOTICE else self._from_address
        with self._session() as server:
            _envelope(server, sender, claimed.address, len(body))
            before_body()
            with _before_end("send the whole mail"):
                _transmit(server, body, deadline)
            _end(server)

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        """Connect, encrypt and log in; close the line in any case.

        The QUIT after a taken mail may fail: that changes nothing.
        """
        server = self._connect()
        try:
            with _before_end("log in to the mail server"):
                server.ehlo_or_helo_if_needed()
                if self._security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                    server.ehlo_or_helo_if_needed()
                if self._username:
                    server.login(self._username, self._password)
            yield server
            with suppress(OSError):
                server.quit()
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        with _before_end("connect to the mail server"):
            if self._security == "tls":
                return smtplib.SMTP_SSL(
                    self._host, self._port, timeout=self._timeout_seconds, context=ssl.create_default_context()
                )
            return smtplib.SMTP(self._host, self._port, timeout=self._timeout_seconds)


def _body(claimed: Claimed, from_address: str) -> bytes:
    """Give the mail as it goes over the line: CRLF lines, a dot in front of a dot, no end mark (RFC 5321 4.5.2)."""
    try:
        plain = around(claimed, from_address=from_address).as_bytes(policy=POLICY)
    except ValueError as error:  # what EmailMessage refuses in a header
        raise DeliveryRefused("this cannot be put into a mail", hint=_CHECK_RECIPIENT) from error
    body = re.sub(rb"(?m)^\.", b"..", plain)
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def _envelope(server: smtplib.SMTP, sender: str, recipient: str, size: int) -> None:
    """Say from whom to whom, and ask to send the body (MAIL, RCPT, DATA)."""
    options = [f"SIZE={size}"] if server.has_extn("size") else []
    with _before_end("send"):
        _check(*server.mail(sender, options), taken=(250,))
        _check(*server.rcpt(recipient), taken=(250, 251))
        _check(*server.docmd("DATA"), taken=(354,))


def _transmit(server: smtplib.SMTP, body: bytes, deadline: float) -> None:
    """Send the body in pieces, each with a timeout of its own, until the monotonic clock reaches the deadline."""
    assert server.sock is not None
    server.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNDERWAY)
    for start in range(0, len(body), _CHUNK):
        if time.monotonic() >= deadline:
            raise TimeoutError
        server.send(body[start : start + _CHUNK])


def _end(server: smtplib.SMTP) -> None:
    """Send the end mark and read the answer; only a clear 4xx or 5xx means that the mail was not taken."""
    try:
        server.send(b".\r\n")
        code, text = server.getreply()
    except OSError as error:
        raise DeliveryUncertain(
            f"the line dropped before the mail server said that it took the mail ({type(error).__name__})",
            hint=_ASK_RECIPIENT,
        ) from error
    if not 200 <= code < 300 and not 400 <= code < 600:
        raise DeliveryUncertain(f"the mail server's answer means nothing: {_shown(code, text)}", hint=_ASK_RECIPIENT)
    _check(code, text, taken=range(200, 300))


@contextmanager
def _before_end(doing: str) -> Iterator[None]:
    """Translate what goes wrong before the end mark: nothing was taken, so it may be tried again unless told never."""
    try:
        yield
    except ConnectorError:
        raise
    except smtplib.SMTPAuthenticationError as error:
        raise _log_in_refused(error.smtp_code, error.smtp_error) from error
    except smtplib.SMTPResponseException as error:
        # At the greeting or EHLO a no concerns us, a relay on a block list for instance, and not this invoice.
        said = _shown(error.smtp_code, error.smtp_error)
        raise DeliveryDeferred(f"the mail server does not let us in: {said}", hint=_CHECK_SETTINGS) from error
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryDeferred(
            "the mail server does not offer the encryption or log-in that is set", hint=_CHECK_SETTINGS
        ) from error
    except ssl.SSLError as error:
        raise DeliveryDeferred("no secure connection to the mail server", hint=_CHECK_SETTINGS) from error
    except (OSError, UnicodeError) as error:
        raise DeliveryDeferred(f"could not {doing} ({type(error).__name__})", hint=_CHECK_SETTINGS) from error


def _check(code: int, text: bytes, *, taken: tuple[int, ...] | range) -> None:
    if code not in taken:
        raise _answer(code, text, hint=_CHECK_RECIPIENT)


def _answer(code: int, text: bytes | str, *, hint: str) -> ConnectorError:
    if code in _LOG_IN_FIRST:
        return _log_in_refused(code, text)
    kind = DeliveryRefused if 500 <= code < 600 else DeliveryDeferred
    return kind(f"the mail server answered {_shown(code, text)}", hint=hint)


def _log_in_refused(code: int, text: bytes | str) -> DeliveryDeferred:
    return DeliveryDeferred(f"the mail server refuses our log-in: {_shown(code, text)}", hint=_CHECK_SETTINGS)


def _shown(code: int, text: bytes | str) -> str:
    """Write a server's answer for people: one line, printable, not too long."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    printable = "".join(c if c.isprintable() else " " for c in words)
    return f"{code} {' '.join(printable.split())}"[:_LONGEST_ANSWER].strip()
