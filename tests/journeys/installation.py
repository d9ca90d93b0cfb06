"""An installation in a folder of its own, and the program `connector` run on it as a process.

The other side (sandbox and mailbox) runs in the test's process, so that tests can look behind it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from connector.composition import Wiring
from connector.exact_sandbox import Mailbox, ReceivedMail, SandboxServer, World
from connector.exact_sandbox.expectations import ExpectedInvoice, invoices
from connector.exact_sandbox.server import bind_loopback
from connector.settings import Settings
from connector.storage import invoices as received
from connector.storage.database import Database
from connector.storage.vault import new_key
from connector.usecases.connect_division import finish_consent, pin_divisions, start_consent
from connector.usecases.run_once import run_once
from connector.usecases.sync_division import sync_division

PROGRAM = [sys.executable, "-m", "connector"]
DIVISION = 123456
HISTORY = timedelta(days=30)
"""The installation starts so long before the world's today, as the demo does."""
ATTACHMENT_TYPE = 4097
SPEED = 600.0
"""The sandbox's minute lasts a tenth of a second: its limits are met and do not take long."""
TOKEN = "stampNL001."
"""How every code and token of the sandbox begins."""
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as one JSON document; anything beside it is an error."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """What the `error:` lines say."""
        return self._lines("error: ")

    @property
    def hints(self) -> list[str]:
        """What the `hint:` lines say."""
        return self._lines("hint: ")

    def _lines(self, start: str) -> list[str]:
        return [line.removeprefix(start) for line in self.err.splitlines() if line.startswith(start)]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without settings and proxies; warnings are errors in the program too."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("CONNECTOR_") and "proxy" not in name.lower()
    }
    return {**kept, "PYTHONWARNINGS": "error", **(more or {})}


def run_program(
    *words: str | Path, folder: Path, stdin: str = "", env: Mapping[str, str] | None = None, secrets: Sequence[str] = ()
) -> Ended:
    """Run a command to its end; one that shows a traceback or a secret fails whatever test runs it."""
    done = subprocess.run(
        [*PROGRAM, *map(str, words)],
        cwd=folder,
        env=environment(env),
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    ended = Ended(code=done.returncode, out=done.stdout, err=done.stderr)
    assert "Traceback" not in ended.err, ended.err
    for secret in (TOKEN, *secrets):
        assert secret not in ended.out + ended.err, f"a secret is shown: {ended}"
    return ended


@contextmanager
def running(*words: str | Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a command and go on; what still runs at the end is killed."""
    process = subprocess.Popen(
        [*PROGRAM, *map(str, words)],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


def wait_until(happened: Callable[[], bool], *, what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


class Installation:
    """Settings, key and database in `folder`; `settings` may be changed at any time, then `write` them."""

    def __init__(self, folder: Path, server: SandboxServer, mailbox: Mailbox) -> None:
        self.folder = folder
        self.server = server
        self.mailbox = mailbox
        self.key = new_key()
        self.callback = free_port()
        self.settings: dict[str, dict[str, Any]] = {
            "exact": {
                "base_url": server.base_url,
                "client_id": server.client_id,
                "client_secret": server.client_secret,
                "redirect_uri": f"http://127.0.0.1:{self.callback}/callback",
            },
            "setup": {"upload_address": self.world.upload_address(DIVISION), "attachment_type": ATTACHMENT_TYPE},
            "routing": {"start_date": (self.world.today - HISTORY).isoformat()},
            "mail": {
                "host": "127.0.0.1",
                "port": mailbox.port,
                "from_address": "facturen@kantoor.example",
                "notify": ["administratie@kantoor.example"],
            },
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "connector.key").write_text(self.key + "\n", encoding="utf-8")
        self.write()

    @property
    def world(self) -> World:
        """What the sandbox started with."""
        return self.server.state.world

    @property
    def database(self) -> Path:
        """The database file."""
        return self.folder / "connector.db"

    def write(self) -> None:
        """Write config.toml."""
        tables = [
            f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
            for name, table in self.settings.items()
        ]
        (self.folder / "config.toml").write_text("\n".join(tables), encoding="utf-8")

    def change(self, section: str, **values: Any) -> None:
        """Change some settings."""
        self.settings.setdefault(section, {}).update(values)
        self.write()

    def run(self, *words: str | Path, stdin: str = "", env: Mapping[str, str] | None = None) -> Ended:
        """Run a command of this installation to its end."""
        secrets = (self.server.client_secret, self.key)
        return run_program(*words, folder=self.folder, stdin=stdin, env=env, secrets=secrets)

    def make_database(self) -> None:
        """What `connector init` does about the database, without a process of its own."""
        database = Database(f"sqlite:///{self.database}")
        database.migrate()
        database.dispose()

    def connect(self) -> None:
        """What `connector connect --all-divisions` does, without a process of its own."""
        with self.wiring() as wiring:
            url, state = start_consent(wiring.database, wiring.oauth, now=wiring.clock())
            consent = finish_consent(
                wiring.database,
                wiring.vault,
                wiring.oauth,
                wiring.exact_before_choice,
                granted(url),
                state=state,
                base_url=wiring.settings.exact.site,
                client_id=wiring.settings.exact.client_id,
                clock=wiring.clock,
            )
            codes = [record.code for record in consent.divisions]
            pin_divisions(wiring.database, consent, codes, now=wiring.clock(), today=wiring.today)

    def end_pause(self) -> None:
        """Let the pause after a failed renewal of the tokens be over, as if its time had come."""
        with closing(sqlite3.connect(self.database)) as database, database:
            database.execute("UPDATE connection SET retry_at = token_issued_at WHERE retry_at IS NOT NULL")

    def sync(self) -> None:
        """What `connector sync` does, without a process of its own."""
        with self.wiring() as wiring:
            for division in wiring.pinned():
                start = wiring.settings.routing.start_date
                report = sync_division(
                    wiring.database, wiring.exact(division), division.code, start_date=start, clock=wiring.clock
                )
                assert report.error is None

    def make_pass(self) -> None:
        """What `connector run --once` does, without a process of its own; how it ends is left to the mail server."""
        with self.wiring() as wiring:
            run_once(
                wiring.database,
                wiring.pinned(),
                wiring.exact,
                wiring.channels,
                wiring.handling(),
                clock=wiring.clock,
            )

    def id_of(self, number: int) -> str:
        """The id of the invoice from Exact that has this number."""
        with self.wiring() as wiring, wiring.database.reading() as session:
            return next(stored.id for stored in received.all(session) if stored.number == str(number))

    def wiring(self) -> Wiring:
        """The program's own clients and database on these settings."""
        return Wiring(Settings.load(self.folder / "config.toml", {}))

    def expected(self, *, directory: Sequence[Mapping[str, str]] = ()) -> dict[int, ExpectedInvoice]:
        """By invoice number, what the world says should become of it."""
        return invoices(self.world, DIVISION, start_date=self.world.today - HISTORY, directory=directory)


def granted(url: str) -> dict[str, str]:
    """The parameters that a browser comes back with when the sandbox grants at once."""
    answer = httpx.get(url, follow_redirects=False, timeout=30)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with bind_loopback(0) as free:
        return int(free.getsockname()[1])


def invoice_mails(mails: Sequence[ReceivedMail]) -> list[ReceivedMail]:
    """The mails that carry an invoice; the others are notices."""
    return [mail for mail in mails if mail.attachments()]


def mailed_numbers(mails: Sequence[ReceivedMail]) -> Counter[int]:
    """How often each invoice number was mailed, by the names of the attached XML files."""
    names = (name for mail in mails for name in mail.attachments() if name.endswith(".xml"))
    return Counter(int(name.removesuffix(".xml")) for name in names)


def delivered(expected: Mapping[int, ExpectedInvoice]) -> set[int]:
    """The numbers of the invoices that should be delivered."""
    return {number for number, one in expected.items() if one.outcome == "deliver"}
