"""A local mail server that keeps what it gets: one file a message in a Maildir-like folder, answers to order for tests.

Stores bytes as they came,
with the envelope in two headers before them. Reading the mails as invoices is left to others.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

_READY_SECONDS = 10.0
MAX_BYTES = 50 * 1024 * 1024
ACCEPTED = "250 OK"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail:
    """One stored message. `raw` is what came over the line, without the envelope headers."""

    path: Path
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    message: EmailMessage = field(repr=False)

    def attachments(self) -> dict[str, bytes]:
        """The attached files by name."""
        found = {}
        for part in self.message.iter_attachments():
            content = part.get_payload(decode=True)
            found[part.get_filename() or ""] = content if isinstance(content, bytes) else b""
        return found


class _Handler:
    """What aiosmtpd asks at each step; the answers stand in the mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self._mailbox.recipient_answers.get(address, self._mailbox.recipient_answer)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mailbox = self._mailbox
        if mailbox.answer.startswith("2") or mailbox.store_refused:
            try:
                mailbox.store(envelope)
            except OSError:
                return "451 4.3.0 cannot store"
        if mailbox.drop_after_data and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return mailbox.answer


class Mailbox:
    """``with Mailbox(folder) as mailbox:`` listens on `port` (0: a free one) of 127.0.0.1 in a thread.

    `answer` is what DATA gets,
    `recipient_answer` and `recipient_answers[address]` what RCPT gets; set them at any time.
    `drop_after_data` cuts the line after the body without an answer: the message is stored when `answer` accepts it.
    """

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        self.answer = ACCEPTED
        self.recipient_answer = ACCEPTED
        self.recipient_answers: dict[str, str] = {}
        self.drop_after_data = False
        self.store_refused = False
        self._count = 0
        self._lock = Lock()
        self._end: Callable[[], object] | None = None
        self._thread: Thread | None = None
        for name in ("new", "tmp", "cur"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; returns when the port is open."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", self.port))
        except OSError:
            sock.close()
            raise
        self.port = sock.getsockname()[1]
        ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve(sock, ready)), daemon=True, name="sandbox-mailbox")
        self._thread.start()
        if not ready.wait(_READY_SECONDS):
            raise RuntimeError("the mailbox did not start")

    async def _serve(self, sock: socket.socket, ready: Event) -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()

        def session() -> SMTP:
            return SMTP(_Handler(self), hostname="mailbox.example", data_size_limit=MAX_BYTES, loop=loop)

        server = await loop.create_server(session, sock=sock)
        self._end = lambda: loop.call_soon_threadsafe(stopped.set)
        ready.set()
        await stopped.wait()
        server.close()

    def stop(self) -> None:
        """Close the port."""
        if self._end is not None and self._thread is not None:
            self._end()
            self._thread.join(_READY_SECONDS)
            self._end = None

    def store(self, envelope: Envelope) -> Path:
        """Write one message: to tmp/, fsync, then by rename to new/."""
        content = envelope.content
        body = content if isinstance(content, bytes) else (content or "").encode()
        head = f"X-Envelope-From: {envelope.mail_from or ''}\r\nX-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n"
        with self._lock:
            self._count += 1
            name = f"{time.time_ns():020d}.{os.getpid()}_{self._count}.mailbox"
        draft, final = self.folder / "tmp" / name, self.folder / "new" / name
        with draft.open("wb") as file:
            file.write(head.encode() + body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(final)
        return final

    def messages(self) -> list[ReceivedMail]:
        """All stored messages, oldest first; those of earlier runs included."""
        return [read_mail(path) for path in sorted((self.folder / "new").iterdir())]

    def clear(self) -> None:
        """Forget all stored messages."""
        for path in (self.folder / "new").iterdir():
            path.unlink()


def read_mail(path: Path) -> ReceivedMail:
    """A stored message, its envelope headers taken off again."""
    first, second, raw = path.read_bytes().split(b"\r\n", 2)
    sender = first.decode().partition(":")[2].strip()
    recipients = tuple(part.strip() for part in second.decode().partition(":")[2].split(",") if part.strip())
    return ReceivedMail(
        path=path, sender=sender, recipients=recipients, raw=raw, message=message_from_bytes(raw, policy=policy.default)
    )
