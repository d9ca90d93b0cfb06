"""The sandbox over real HTTP on 127.0.0.1: a Starlette app, uvicorn in a thread, and `serve_forever`."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self, TextIO

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Address
from starlette.requests import Request as WebRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from connector.exact_sandbox.api import Api
from connector.exact_sandbox.http import Answer, Request
from connector.exact_sandbox.mailbox import Mailbox
from connector.exact_sandbox.options import SandboxOptions
from connector.exact_sandbox.sandbox import Sandbox
from connector.exact_sandbox.webhooks import Notifier

_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
_START_SECONDS = 10.0


class _Torn(Response):
    """An answer that ends too early: after some bytes of the body it declared, or before anything was sent."""

    def __init__(self, answer: Answer, hang_up: Callable[[], None]) -> None:
        super().__init__(content=answer.body, status_code=answer.status, media_type=answer.content_type)
        self._closes_at = answer.closes_at or 0
        self._hang_up = hang_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._closes_at >= 0:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            part = bytes(self.body)[: self._closes_at]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        self._hang_up()
        while (await receive())["type"] != "http.disconnect":
            pass


def make_app(api: Api, base_url: str, hang_up: Callable[[Address | None], None]) -> Starlette:
    """An ASGI app with one route: everything goes to `Api.answer`. `hang_up` closes the connection of a client."""

    async def everything(web: WebRequest) -> Response:
        request = Request(
            method=web.method, path=web.url.path, query=web.url.query, base_url=base_url, body=await web.body(),
            headers={name.lower(): value for name, value in web.headers.items()},
        )  # fmt: skip
        answer = await run_in_threadpool(api.answer, request)
        await asyncio.sleep(answer.waits)
        if answer.closes_at is not None:
            return _Torn(answer, lambda: hang_up(web.client))
        headers = dict(answer.headers)
        if answer.body:
            headers["Content-Type"] = answer.content_type
        return Response(content=answer.body, status_code=answer.status, headers=headers)

    return Starlette(routes=[Route("/{path:path}", everything, methods=_METHODS)])


def bind_loopback(port: int) -> socket.socket:
    """A bound socket on 127.0.0.1; port 0 takes a free one.

    The protocol is named because asyncio sets TCP_NODELAY only then: else each answer waits 40 ms for an ACK.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock


class SandboxServer:
    """A running sandbox: ``with SandboxServer(SandboxOptions()) as server: …``.

    `state` is the sandbox itself, for looking behind the API and for changes a person makes in Exact's screens.
    """

    def __init__(self, options: SandboxOptions | None = None, *, sandbox: Sandbox | None = None) -> None:
        self.options = options or SandboxOptions()
        self.state = sandbox or Sandbox.create_or_open(self.options)
        self._own_state = sandbox is None
        self._api = Api(self.state)
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None
        self._notifier: Notifier | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bind and serve in a thread; returns when the port answers. The port is kept in the database."""
        self._socket = bind_loopback(self.options.port or int(self.state.kept("http_port") or 0))
        self.port = self._socket.getsockname()[1]
        self.state.keep("http_port", self.port)
        self._notifier = Notifier(self.state, self.base_url)
        self._notifier.start()
        app = make_app(self._api, self.base_url, self._hang_up)
        config = uvicorn.Config(app, http="h11", log_config=None, lifespan="off", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True, name="exact-sandbox"
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop serving and release port and database; notices that were not sent yet are dropped."""
        if self._notifier is not None:
            self._notifier.stop()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(_START_SECONDS)
        if self._socket is not None:
            self._socket.close()
        if self._own_state:
            self.state.close()

    def _hang_up(self, client: Address | None) -> None:
        """Close the connection of this client; what was written to it is still sent."""
        assert self._server is not None
        for connection in self._server.server_state.connections:
            if isinstance(connection, H11Protocol) and client is not None and connection.client == tuple(client):
                connection.transport.close()

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:<port>``, what `exact.base_url` is set to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def client_id(self) -> str:
        """The registered app; the same for the same seed."""
        return self.state.client_id

    @property
    def client_secret(self) -> str:
        """Its secret; the same for the same seed, worth nothing elsewhere."""
        return self.state.client_secret

    @property
    def webhook_secret(self) -> str:
        """What notices to webhooks are signed with; as good as the client secret."""
        return self.state.webhook_secret

    @property
    def calls_total(self) -> int:
        """All requests since the start or `reset_calls`, token calls and downloads included."""
        return sum(self._api.calls.values())

    def calls(self, division: int | None = None, method: str | None = None, endpoint: str | None = None) -> int:
        """How often something was asked, e.g. ``calls(123456, "GET", "sync/CRM/Accounts")``; None stands for any.

        Endpoints without a division: oauth2/auth, oauth2/token, current/Me. Downloads: docs/SysAttachment.aspx.
        """
        wanted = (division, method, endpoint)
        return sum(
            count
            for call, count in self._api.calls.items()
            if all(want is None or want == part for want, part in zip(wanted, call, strict=True))
        )

    def refusals(self, status: int) -> int:
        """How many answers had this status, of 400 and above."""
        return self._api.refused[status]

    def reset_calls(self) -> None:
        """Start counting anew."""
        self._api.calls.clear()
        self._api.refused.clear()


def keep_mailbox(sandbox: Sandbox, folder: Path, port: int) -> None:
    """Keep where a mailbox belongs to this sandbox, so that `serve_forever` opens it again on the same port."""
    sandbox.keep("mailbox", {"folder": str(folder.resolve()), "port": port})


def settings_block(server: SandboxServer) -> str:
    """A ready ``[exact]`` block of config.toml, client id and secret included."""
    with bind_loopback(0) as free:
        callback = free.getsockname()[1]
    return (
        "[exact]\n"
        f'base_url = "{server.base_url}"\n'
        f'client_id = "{server.client_id}"\n'
        f'client_secret = "{server.client_secret}"\n'
        f'redirect_uri = "http://127.0.0.1:{callback}/callback"\n'
    )


def serve_forever(options: SandboxOptions, out: TextIO) -> None:
    """Serve until SIGINT or SIGTERM: prints the settings block and ``ready`` on `out`, then waits.

    With a database that kept a mailbox (the demo's), that mailbox is opened on its port as well.
    """
    stopped = Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with SandboxServer(options) as server:
            kept = server.state.kept("mailbox")
            mailbox = Mailbox(Path(kept["folder"]), port=int(kept["port"])) if kept else None
            if mailbox is not None:
                mailbox.start()
            out.write(settings_block(server))
            out.write(f"# or without the secret in the file: CONNECTOR_EXACT_CLIENT_SECRET={server.client_secret}\n")
            out.write(f"# notices to webhooks are signed with {server.webhook_secret}\n")
            if mailbox is not None:
                out.write(f"# mailbox on 127.0.0.1:{mailbox.port}, messages in {mailbox.folder}\n")
            out.write("ready\n")
            out.flush()
            while not stopped.wait(0.5):
                pass
            if mailbox is not None:
                mailbox.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
