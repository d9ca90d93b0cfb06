"""What `demo --keep` leaves: an installation, a sandbox and a mailbox that go on where the demo ended."""

from __future__ import annotations

import signal
import stat
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.exact_sandbox import Mailbox

from .installation import free_port, run_program, running

FEW = ("--customers", "8", "--invoices", "6")


@pytest.fixture(scope="module")
def kept(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """The folder of a small demo."""

    def make(folder: Path) -> None:
        ended = run_program("demo", *FEW, "--keep", folder / "demo", folder=folder)
        assert ended.code == 0, ended.err
        (folder / "summary").write_text(ended.out, encoding="utf-8")

    return once("kept", make) / "demo"


@pytest.fixture
def going_on(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str], str]]:
    """A demo of its own, its sandbox running again, and what that printed."""
    folder = tmp_path / "demo"
    ended = run_program("demo", *FEW, "--keep", folder, folder=tmp_path)
    assert ended.code == 0, ended.err
    with running("--config", folder / "config.toml", "sandbox", folder=tmp_path) as process:
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if line == "ready\n":
                break
        yield folder, process, printed


def test_kept_sandbox_goes_on(going_on: tuple[Path, subprocess.Popen[str], str]) -> None:
    """On the kept sandbox, on the same ports, a pass of `run --once` finds that everything is done."""
    folder, _, _ = going_on
    before = len(Mailbox(folder / "mails").messages())

    ended = run_program("--config", folder / "config.toml", "run", "--once", "--json", folder=folder)

    assert (ended.code, ended.err) == (0, "")
    assert {key: ended.json[key] for key in ("received", "routed", "failed")} == dict.fromkeys(
        ("received", "routed", "failed"), 0
    )
    assert len(Mailbox(folder / "mails").messages()) == before


def test_kept_mailbox_takes_mail(going_on: tuple[Path, subprocess.Popen[str], str], tmp_path: Path) -> None:
    """The kept mailbox listens on the port of the settings: an invoice released to somebody arrives."""
    folder, _, _ = going_on
    config = ("--config", folder / "config.toml")
    first = run_program(*config, "invoices", "list", "--state", "delivered", "--json", folder=folder).json[0]
    (tmp_path / "again.xml").write_bytes(changed_invoice(folder, first["number"]))
    run_program(
        *config, "recipients", "add", "--name", "A", "--kvk", "69599084", "--email", "a@b.example", folder=folder
    )

    ended = run_program(*config, "ingest", tmp_path / "again.xml", "--json", folder=folder)

    assert (ended.code, ended.json["delivered"]) == (0, 1)


def changed_invoice(folder: Path, number: str) -> bytes:
    """A mailed invoice under another number."""
    mails = Mailbox(folder / "mails").messages()
    xml = next(mail.attachments()[f"{number}.xml"] for mail in mails if f"{number}.xml" in mail.attachments())
    return xml.replace(f"<cbc:ID>{number}</cbc:ID>".encode(), b"<cbc:ID>99999999</cbc:ID>")


def test_sandbox_prints_the_settings_that_were_kept(going_on: tuple[Path, subprocess.Popen[str], str]) -> None:
    """The printed [exact] block names the same address, client and secret as the kept config.toml."""
    folder, _, printed = going_on

    told = tomllib.loads(printed.replace("ready\n", ""))["exact"]

    kept = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))["exact"]
    assert {**told, "redirect_uri": ""} == {**kept, "redirect_uri": ""}


def test_sandbox_stops_on_sigterm(going_on: tuple[Path, subprocess.Popen[str], str]) -> None:
    """SIGTERM ends the sandbox well."""
    _, process, _ = going_on

    process.send_signal(signal.SIGTERM)

    assert process.wait(30) == 0


def test_kept_settings_are_private(kept: Path) -> None:
    """Settings, key and database of a kept demo are readable by their owner only."""
    modes = {
        name: stat.S_IMODE((kept / name).stat().st_mode) for name in ("config.toml", "connector.key", "connector.db")
    }

    assert modes == dict.fromkeys(modes, 0o600)


def test_demo_does_not_overwrite_a_demo(kept: Path) -> None:
    """A folder that holds a demo is refused and left alone."""
    before = (kept / "config.toml").read_bytes()

    ended = run_program("demo", *FEW, "--keep", kept, folder=kept)

    assert (ended.code, len(ended.errors)) == (2, 1)
    assert (kept / "config.toml").read_bytes() == before


def test_summary_says_where_to_look(kept: Path) -> None:
    """The summary for people names the commands that go on with what was kept."""
    summary = (kept.parent / "summary").read_text(encoding="utf-8")

    assert f"connector --config {kept / 'config.toml'} sandbox" in summary


def test_demo_without_keep_leaves_nothing(tmp_path: Path) -> None:
    """Without --keep the demo tidies up after itself."""
    ended = run_program(
        "demo", "--customers", "1", "--invoices", "0", "--json", folder=tmp_path, env={"TMPDIR": str(tmp_path)}
    )

    assert (ended.code, ended.json["kept"], list(tmp_path.iterdir())) == (0, None, [])


def test_taken_port_is_said(tmp_path: Path) -> None:
    """A sandbox on a port that is taken ends with one sentence."""
    with running("sandbox", "--port", str(port := free_port()), folder=tmp_path) as first:
        assert first.stdout is not None
        assert any(line == "ready\n" for line in first.stdout)

        ended = run_program("sandbox", "--port", str(port), folder=tmp_path)

    assert (ended.code, len(ended.errors), len(ended.hints)) == (1, 1, 1)
