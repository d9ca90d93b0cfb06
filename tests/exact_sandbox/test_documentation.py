"""What docs/sandbox.md shows works when it is typed over."""

from __future__ import annotations

import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer
from connector.exact_sandbox.server import bind_loopback

from .helpers import DIVISION

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    """As `connector sandbox` starts one: seed 1, today."""
    with SandboxServer(SandboxOptions()) as running:
        yield running


@pytest.fixture
def receiver(tmp_path: Path, server: SandboxServer) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The receiver of webhooks as printed on the page; its port, and itself."""
    script = tmp_path / "receiver.py"
    script.write_text(next(block for block in blocks("python") if "HTTPServer(" in block))
    with bind_loopback(0) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, str(script), str(port), server.webhook_secret]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield port, process
    process.kill()
    process.communicate()


def test_shell_examples_work(server: SandboxServer, receiver: tuple[int, subprocess.Popen[str]]) -> None:
    """In one shell, in the order of the page: a first call, an invoice of one's own, a webhook that is told."""
    port, process = receiver
    script = "\n".join(blocks("sh"))
    assert server.client_id in script
    assert server.client_secret in script
    assert server.webhook_secret in PAGE
    script = script.replace("127.0.0.1:8765", f"127.0.0.1:{server.port}").replace(":9000/", f":{port}/")
    waiting = f"until curl -s -o /dev/null -d '' http://127.0.0.1:{port}/; do sleep 0.05; done\n"

    ran = subprocess.run(["sh", "-eu", "-c", waiting + script], capture_output=True, text=True, timeout=60)

    assert (ran.returncode, ran.stderr, "error" in ran.stdout) == (0, "", False), ran.stdout
    invoice = server.state.rows(DIVISION, "invoices")[-1]
    assert (invoice["AmountFC"], invoice["Status"]) == (36.26, 50)  # 29.97 and 21 %
    assert f'"InvoiceNumber": {invoice["InvoiceNumber"]}' in ran.stdout
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 10)[0], "nothing was told"
    assert "'Action': 'Update'" in process.stdout.readline()


def test_python_examples_run() -> None:
    """Those that are whole by themselves."""
    whole = [block for block in blocks("python") if "SandboxServer(" in block and "def " not in block]

    assert len(whole) == 2
    for block in whole:
        ran = subprocess.run([sys.executable, "-W", "error", "-c", block], capture_output=True, text=True, timeout=60)
        assert (ran.returncode, ran.stderr) == (0, "")
