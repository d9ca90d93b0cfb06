"""`init`, `connect`, `connections` and `disconnect`: from an empty folder to pinned divisions and back."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from connector.exact_sandbox import SandboxOptions, SandboxServer

from .installation import DIVISION, PROGRAM, SPEED, TOKEN, Installation, environment, run_program

SECOND, THIRD = DIVISION + 1, DIVISION + 2


@contextmanager
def consenting(office: Installation, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running `connect`, and the address that it told to open."""
    process = subprocess.Popen(
        [*PROGRAM, "connect", *words],
        cwd=office.folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().rstrip("\n")
        finally:
            if process.poll() is None:
                process.kill()


def end(process: subprocess.Popen[str], pasted: str = "") -> tuple[int, str, str]:
    """Exit code, stdout and stderr, which show no token."""
    out, err = process.communicate(pasted, timeout=60)
    assert TOKEN not in out + err
    assert "Traceback" not in err
    return process.returncode, out, err


@pytest.fixture
def exact() -> Iterator[SandboxServer]:
    """Three divisions, and the page where they are ticked."""
    options = SandboxOptions(customers=3, invoices=2, divisions=3, consent=True, speed=SPEED)
    with SandboxServer(options) as server:
        yield server


def tick(url: str, *divisions: int, decision: str = "allow") -> httpx.Response:
    """Tick divisions on Exact's page and press a button; the answer is the redirect back."""
    asked = dict(httpx.URL(url).params)
    form = {**asked, "division": [str(code) for code in divisions], "decision": decision}
    return httpx.post(f"{httpx.URL(url).copy_with(query=None)}", data=form, timeout=30)


def follow(answer: httpx.Response) -> httpx.Response:
    return httpx.get(answer.headers["Location"], timeout=30)


def pinned(office: Installation) -> list[int]:
    """The connected divisions as `connections` tells them."""
    known = office.run("connections", "--json").json["connections"]
    return [entry["division"] for connection in known for entry in connection["divisions"]]


def test_init_makes_private_files(tmp_path: Path) -> None:
    """Settings, key and database come into being, readable by their owner only."""
    ended = run_program("init", folder=tmp_path)

    assert ended.code == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("config.toml", "connector.key", "connector.db"), 0o600)


def test_init_keeps_what_is_there(tmp_path: Path) -> None:
    """A second `init` changes no file and ends well; a missing one is made again."""
    run_program("init", folder=tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("connector.key", "connector.db")}
    (tmp_path / "config.toml").write_text('[mail]\nfrom_address = "facturen@kantoor.example"\n')
    (tmp_path / "connector.db").unlink()

    ended = run_program("init", folder=tmp_path)

    assert ended.code == 0
    assert (tmp_path / "config.toml").read_text().startswith("[mail]")
    assert (tmp_path / "connector.key").read_bytes() == before["connector.key"]
    assert (tmp_path / "connector.db").exists()


def test_loopback_redirect_connects(office: Installation) -> None:
    """`connect` listens where redirect_uri points, and the browser gets a page that says to close it."""
    with consenting(office, "--all-divisions") as (process, url):
        page = follow(tick(url, DIVISION, THIRD))
        code, _, err = end(process)

    assert (code, page.status_code) == (0, 200), err
    assert pinned(office) == [DIVISION, THIRD]


def test_pasted_address_connects(office: Installation) -> None:
    """With --paste the address that the browser ended at is read from stdin."""
    with consenting(office, "--paste", "--division", str(SECOND)) as (process, url):
        code, out, err = end(process, tick(url, DIVISION, SECOND).headers["Location"] + "\n")

    assert (code, f"division {SECOND}" in out) == (0, True), err
    assert pinned(office) == [SECOND]


def test_only_granted_division_needs_no_choice(office: Installation, exact: SandboxServer) -> None:
    """With one division ticked there is nothing to choose."""
    exact.state.ui_switch_division(SECOND)

    with consenting(office, "--paste") as (process, url):
        code, _, err = end(process, tick(url, SECOND).headers["Location"] + "\n")

    assert code == 0, err
    assert pinned(office) == [SECOND]


def test_current_division_may_lie_outside_the_grant(office: Installation) -> None:
    """The company that the user last opened need not be among the ticked ones (exact-online-api.md 2.2)."""
    with consenting(office, "--paste") as (process, url):
        code, _, err = end(process, tick(url, THIRD).headers["Location"] + "\n")

    assert code == 0, err
    assert pinned(office) == [THIRD]


def deny(url: str) -> str:
    return str(tick(url, DIVISION, decision="deny").headers["Location"])


def answer_another_question(url: str) -> str:
    return str(tick(url.replace("state=", "state=x"), DIVISION).headers["Location"])


def choose_nothing(url: str) -> str:
    return str(tick(url, DIVISION, SECOND).headers["Location"])


def paste_nonsense(url: str) -> str:
    return "not an address"


@pytest.mark.parametrize(
    ("answer", "code"), [(deny, 3), (answer_another_question, 3), (choose_nothing, 2), (paste_nonsense, 2)]
)
def test_failed_consent_connects_nobody(office: Installation, answer: Callable[[str], str], code: int) -> None:
    """Refused, forged or ambiguous answers end with one sentence and leave nothing connected."""
    with consenting(office, "--paste") as (process, url):
        ended, _, err = end(process, answer(url) + "\n")

    lines = err.splitlines()
    assert (ended, sum(line.startswith("error: ") for line in lines)) == (code, 1), err
    assert pinned(office) == []


@pytest.fixture
def connected(office: Installation) -> Installation:
    """All three divisions are connected."""
    with consenting(office, "--paste", "--all-divisions") as (process, url):
        code, _, err = end(process, tick(url, DIVISION, SECOND, THIRD).headers["Location"] + "\n")
    assert code == 0, err
    return office


def test_connections_tell_state_and_days(connected: Installation) -> None:
    """`connections --json` has who, which divisions, state and days left."""
    entry = connected.run("connections", "--json").json["connections"][0]

    assert (entry["state"], entry["days_left"], entry["site"]) == ("active", 30, connected.server.base_url)
    assert [division["kvk"] for division in entry["divisions"]] == [
        division.seller.kvk for division in connected.world.divisions
    ]


def test_last_disconnect_takes_the_tokens(connected: Installation) -> None:
    """The log-in stays as long as one of its divisions is connected, and goes with the last one."""
    left = []
    for code in (DIVISION, SECOND, THIRD):
        assert connected.run("disconnect", str(code)).code == 0
        left.append(len(connected.run("connections", "--json").json["connections"]))

    assert left == [1, 1, 0]
