"""A sandbox that is stopped and started again goes on where it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx

from connector.exact_sandbox import Mailbox, Sandbox, SandboxOptions, SandboxServer
from connector.exact_sandbox.server import keep_mailbox

from .helpers import DIVISION, TODAY, Client, Clock

_SERVE = """
import sys
from pathlib import Path
from connector.exact_sandbox import SandboxOptions, serve_forever
serve_forever(SandboxOptions(database=Path(sys.argv[1])), sys.stdout)
"""


def test_changes_survive(tmp_path: Path, clock: Clock) -> None:
    """Changed cards, new and deleted contacts and the deletion log are there again, row versions included."""
    options = SandboxOptions(today=TODAY, clock=clock, database=tmp_path / "sandbox.db")
    with SandboxServer(options) as server:
        client = Client(server)
        card = server.state.account(DIVISION, 7)
        client.send("POST", "crm/Contacts", {"Account": card["ID"], "LastName": "Nieuw"})
        client.send("PUT", f"crm/Accounts(guid'{card['ID']}')", {"InvoicingMethod": 32})
        old = server.state.contacts_of(DIVISION, 2)[0]["ID"]
        client.send("DELETE", f"crm/Contacts(guid'{old}')")
        client.http.close()
        before = [server.state.rows(DIVISION, table) for table in ("accounts", "contacts", "deleted", "invoices")]

    kept = Sandbox.open(tmp_path / "sandbox.db")
    after = [kept.rows(DIVISION, table) for table in ("accounts", "contacts", "deleted", "invoices")]
    kept.close()

    assert after == before


def test_tokens_and_port_survive(tmp_path: Path, clock: Clock) -> None:
    """The same tokens work on the same port."""
    options = SandboxOptions(today=TODAY, clock=clock, database=tmp_path / "sandbox.db")
    with SandboxServer(options) as server:
        client = Client(server)
        client.http.close()
        port = server.port
    with SandboxServer(options) as again:
        headers = dict(client.http.headers)
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/{DIVISION}/crm/Accounts", headers=headers)

    assert again.port == port
    assert answer.status_code == 200


def test_kept_world_wins_over_options(tmp_path: Path) -> None:
    """A database knows its own world."""
    path = tmp_path / "sandbox.db"
    Sandbox.create_or_open(SandboxOptions(today=TODAY, customers=5, invoices=3, database=path)).close()

    again = Sandbox.create_or_open(SandboxOptions(database=path))
    count = len(again.accounts(DIVISION))
    again.close()

    assert (count, again.world.today) == (5, TODAY)


def test_serve_forever_prints_settings_and_ready(tmp_path: Path) -> None:
    """The block is TOML with the secret, `ready` comes last, the kept mailbox listens, SIGTERM ends it with 0."""
    path = tmp_path / "sandbox.db"
    with Mailbox(tmp_path / "mails") as mailbox:
        port = mailbox.port
    sandbox = Sandbox.create(path, SandboxOptions(today=TODAY, customers=3, invoices=3, database=path))
    keep_mailbox(sandbox, tmp_path / "mails", port)
    webhook_secret = sandbox.webhook_secret
    sandbox.close()

    with subprocess.Popen([sys.executable, "-c", _SERVE, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "ready\n":
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)

    exact = tomllib.loads("".join(lines[:-1]))["exact"]
    assert code == 0
    assert set(exact) == {"base_url", "client_id", "client_secret", "redirect_uri"}
    assert f"127.0.0.1:{port}" in "".join(lines)
    assert f"# notices to webhooks are signed with {webhook_secret}\n" in lines
