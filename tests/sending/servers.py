"""Mail servers on 127.0.0.1 for the tests of sending/, and deliveries to send to them."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from connector.delivery import Attachment, Claimed, DeliveryId, Kind
from connector.sending.smtp import SmtpChannel

FROM = "facturen@kantoor.example"
XML = b'<?xml version="1.0"?>\n<Invoice>\n.\n..\n\xc3\xa9\r\n</Invoice>'
PDF = b"%PDF-1.7\n\x00\xff\r\n.\r\nbinary"


def make_claimed(**fields: Any) -> Claimed:
    """An invoice on its way to a made-up municipality."""
    facts: dict[str, Any] = {
        "id": DeliveryId(17),
        "kind": Kind.INVOICE,
        "channel": "email",
        "address": "ap@gemeente.example",
        "attempts": 1,
        "first_due_at": datetime(2026, 11, 2, 12, tzinfo=UTC),
        "message_id": "17.abc@kantoor.example",
        "invoice_id": "3f1c",
        "subject": "Factuur 2026-1 van Café Verzonnen",
        "text": "Geachte heer, mevrouw,\n\n.\n.. € 121,00\n",
        "attachments": (
            Attachment(name="2026-1.xml", media_type="application/xml", content=XML),
            Attachment(name="2026-1.pdf", media_type="application/pdf", content=PDF),
        ),
    }
    return Claimed(**facts | fields)


def make_channel(port: int, **fields: Any) -> SmtpChannel:
    """A channel to a server of ours, without encryption and log-in unless told."""
    facts: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "username": "",
        "password": "",
        "from_address": FROM,
        "timeout_seconds": 5,
    }
    return SmtpChannel(**facts | fields)


@dataclass
class Postbox:
    """An aiosmtpd handler that keeps what comes in."""

    port: int = 0
    mails: list[Envelope] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take every mail."""
        self.mails.append(envelope)
        return "250 OK"


@contextmanager
def running(**options: Any) -> Iterator[Postbox]:
    """Run an aiosmtpd server in a thread; `ssl` among the options makes it speak TLS from the start."""
    postbox, loop = Postbox(), asyncio.new_event_loop()
    tls: ssl.SSLContext | None = options.pop("ssl", None)

    def protocol() -> SMTP:
        return SMTP(postbox, hostname="mail.gemeente.example", loop=loop, **options)

    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0, ssl=tls))
    postbox.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield postbox
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(_end_conversations())
        loop.close()


async def _end_conversations() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)  # transports close in the next rounds of the loop


def accept_password(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    """Let in whoever knows the password."""
    return AuthResult(success=data.password == b"geheim", handled=False)


SCRIPT = {
    "connect": "220 mail.gemeente.example",
    "EHLO": "250-mail.gemeente.example\r\n250 SIZE 1000000",
    "HELO": "250 mail.gemeente.example",
    "AUTH": "235 OK",
    "MAIL": "250 OK",
    "RCPT": "250 OK",
    "DATA": "354 go on",
    "body": "250 taken",
    "QUIT": "221 bye",
}
"""What a server says at each step when all is well; an empty answer means that it hangs up."""


@dataclass
class ScriptedServer:
    """A server that says exactly what it is told at each step, for the faults that real servers seldom show."""

    answers: dict[str, str]
    port: int = 0
    commands: list[str] = field(default_factory=list)
    body: bytes = b""
    hang_up_after: int | None = None
    """Bytes of the body after which it hangs up."""

    def serve(self, listener: socket.socket) -> None:
        """Serve one client, until it or the script hangs up."""
        client, _ = listener.accept()
        with client, client.makefile("rwb") as line:
            if not self._say(line, "connect"):
                return
            for command in iter(line.readline, b""):
                self.commands.append(command.decode().strip())
                verb = self.commands[-1][:4].upper()
                if not self._say(line, verb):
                    return
                if verb == "DATA" and self.answers["DATA"].startswith("354"):
                    while not self.body.endswith(b"\r\n.\r\n"):
                        received = line.readline()
                        if not received:
                            return
                        self.body += received
                        if self.hang_up_after is not None and len(self.body) >= self.hang_up_after:
                            return
                    if not self._say(line, "body"):
                        return

    def _say(self, line: Any, step: str) -> bool:
        answer = self.answers.get(step, "502 unknown")
        if answer:
            line.write(answer.encode() + b"\r\n")
            line.flush()
        return bool(answer)


@contextmanager
def scripted(**answers: str) -> Iterator[ScriptedServer]:
    """Run a `ScriptedServer` for one client."""
    server = ScriptedServer(answers=SCRIPT | answers)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        yield server
        thread.join(timeout=10)


def nothing() -> None:
    """Do nothing before the body."""
