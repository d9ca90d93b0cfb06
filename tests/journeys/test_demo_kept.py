"""What `demo --keep` leaves: an installation, a sandbox and a mailbox that go on where the demo ended."""

from __future__ import annotations

import signal
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.exact_sandbox import Mailbox
from connector.exact_sandbox.server import bind_loopback

from .installation import Ended, invoice_mails, mailed_numbers, run_program, running

FEW = ("--customers", "8", "--invoices", "6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The folder of a small demo, what the demo said, and what its sandbox printed when it was started again."""

    folder: Path
    summary: str
    printed: str

    def run(self, *words: str | Path) -> Ended:
        """A command on what was kept."""
        return run_program("--config", self.folder / "config.toml", *words, folder=self.folder)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A demo whose sandbox and mailbox run again."""
    folder = tmp_path_factory.mktemp("kept") / "demo"
    ended = run_program("demo", *FEW, "--keep", folder, folder=folder.parent)
    assert ended.code == 0, ended.err
    with running("--config", folder / "config.toml", "sandbox", folder=folder.parent) as process:
        yield Kept(folder=folder, summary=ended.out, printed=until_ready(process))


def until_ready(process: subprocess.Popen[str]) -> str:
    """What a starting sandbox prints before `ready`."""
    assert process.stdout is not None
    return "".join(iter(process.stdout.readline, "ready\n"))


def test_kept_sandbox_goes_on(kept: Kept) -> None:
    """On the kept sandbox, on the same ports, a pass of `run --once` finds that everything is done."""
    before = len(Mailbox(kept.folder / "mails").messages())

    ended = kept.run("run", "--once", "--json")

    assert (ended.code, ended.err) == (0, "")
    assert [ended.json[name] for name in ("received", "routed", "failed")] == [0, 0, 0]
    assert len(Mailbox(kept.folder / "mails").messages()) == before


def test_kept_set_up_is_still_done_after_a_sync(kept: Kept) -> None:
    """What the demo set up stands in the kept Exact: read again from the start, it needs no change."""
    assert kept.run("sync", "--full").code == 0

    assert kept.run("setup", "plan", "--check").code == 0


def test_kept_mailbox_takes_mail(kept: Kept, tmp_path: Path) -> None:
    """The kept mailbox listens on the port of the settings: one more invoice arrives."""
    before = len(Mailbox(kept.folder / "mails").messages())
    (tmp_path / "again.xml").write_bytes(renumbered_invoice(kept.folder))

    ended = kept.run("ingest", tmp_path / "again.xml", "--json")

    assert (ended.code, ended.json["delivered"]) == (0, 1)
    assert len(Mailbox(kept.folder / "mails").messages()) == before + 1


def renumbered_invoice(folder: Path) -> bytes:
    """A mailed invoice under another number."""
    mail = invoice_mails(Mailbox(folder / "mails").messages())[0]
    number = next(iter(mailed_numbers([mail])))
    xml = mail.attachments()[f"{number}.xml"]
    return xml.replace(f"<cbc:ID>{number}</cbc:ID>".encode(), b"<cbc:ID>99999999</cbc:ID>")


def test_sandbox_prints_the_settings_that_were_kept(kept: Kept) -> None:
    """The printed [exact] block names the same address, client and secret as the kept config.toml."""
    told = tomllib.loads(kept.printed)["exact"]

    settings = tomllib.loads((kept.folder / "config.toml").read_text(encoding="utf-8"))["exact"]
    assert {**told, "redirect_uri": ""} == {**settings, "redirect_uri": ""}


def test_kept_settings_are_private(kept: Kept) -> None:
    """Settings, key and database of a kept demo are readable by their owner only."""
    modes = {
        name: stat.S_IMODE((kept.folder / name).stat().st_mode)
        for name in ("config.toml", "connector.key", "connector.db")
    }

    assert modes == dict.fromkeys(modes, 0o600)


def test_demo_does_not_overwrite_a_demo(kept: Kept) -> None:
    """A folder that holds a demo is refused and left alone."""
    before = (kept.folder / "config.toml").read_bytes()

    ended = run_program("demo", *FEW, "--keep", kept.folder, folder=kept.folder)

    assert (ended.code, len(ended.errors)) == (2, 1)
    assert (kept.folder / "config.toml").read_bytes() == before


def test_summary_says_where_to_look(kept: Kept) -> None:
    """The summary for people names the command that goes on with what was kept."""
    assert f"connector --config {kept.folder / 'config.toml'} sandbox" in kept.summary


def test_demo_without_keep_leaves_nothing(tmp_path: Path) -> None:
    """Without --keep the demo tidies up after itself."""
    ended = run_program(
        "demo", "--customers", "1", "--invoices", "0", "--json", folder=tmp_path, env={"TMPDIR": str(tmp_path)}
    )

    assert (ended.code, ended.json["kept"], list(tmp_path.iterdir())) == (0, None, [])


def test_sandbox_stops_on_sigterm(tmp_path: Path) -> None:
    """A sandbox without a demo starts on a free port, and SIGTERM ends it well."""
    with running("sandbox", "--customers", "1", "--invoices", "0", folder=tmp_path) as process:
        until_ready(process)
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0


def test_taken_port_is_said(tmp_path: Path) -> None:
    """A sandbox on a port that is taken ends with one sentence."""
    with bind_loopback(0) as taken:
        taken.listen()

        ended = run_program("sandbox", "--port", str(taken.getsockname()[1]), folder=tmp_path)

    assert (ended.code, len(ended.errors), len(ended.hints)) == (1, 1, 1)
