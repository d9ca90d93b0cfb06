"""What commands say, and before what."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from connector import demo
from connector.cli.app import main, program
from connector.cli.terminal import show_error
from connector.customer import Division
from connector.errors import DeliveryDeferred, NothingFound, SandboxFailed
from connector.exact_sandbox.mailbox import Mailbox
from connector.storage import divisions, kvk_reports
from connector.storage.tokens import TokenPair, accept_pair
from connector.storage.vault import Vault

from .conftest import NOON, Office


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_output_is_utf_8_whatever_the_code_page(office: Office, encoding: str) -> None:
    """An arrow, and letters that a code page lacks, do not end a command."""
    ended = office.run("kvk", "check", "5807003", "Żółw", env={"PYTHONIOENCODING": encoding})

    assert ended.returncode == 5
    assert "→ 05807003" in ended.stdout.decode()
    assert "Żółw" in ended.stdout.decode()


def test_half_a_character_is_written_out(office: Office) -> None:
    """A name that no encoding can hold is shown in ASCII, in JSON as JSON writes it."""
    ended = office.run("kvk", "check", "--json", "a\udcff")

    assert b"a\\udcff" in ended.stdout
    assert json.loads(ended.stdout)[0]["input"] == "a\udcff"


def test_table_is_not_for_a_file(office: Office) -> None:
    """Words that do not go together are refused before settings or database are looked at."""
    ended = office.run("--config", "none.toml", "audit", "kvk", "--output", "report.txt")

    assert ended.returncode == 2
    assert ended.stderr.decode().splitlines()[0] == "error: a table is for the screen"


def test_each_error_names_its_division(office: Office) -> None:
    """With several divisions every error line says of which one it is; with one that goes without saying."""
    for code in (1, 2):
        office.pin(code)

    both, one = office.run("sync"), office.run("sync", "--division", "2")

    def errors(stderr: bytes) -> list[str]:
        return [line for line in stderr.decode().splitlines() if line.startswith("error: ")]

    assert [line.split(": ")[1] for line in errors(both.stderr)] == ["division 1", "division 2"]
    (line,) = errors(one.stderr)
    assert not line.startswith("error: division 2")
    assert both.returncode == one.returncode != 0


NEVER_SYNCED = [
    ("setup", "plan"),
    ("setup", "apply", "--yes"),
    ("audit", "kvk", "--format", "csv"),
    ("kvk", "fill", "list.csv"),
]


@pytest.mark.parametrize("words", NEVER_SYNCED, ids=lambda words: " ".join(words[:2]))
def test_what_was_never_read_is_not_judged(office: Office, words: tuple[str, ...]) -> None:
    """Without a sync there are no customers to find fault with: that is said, and is no good outcome."""
    office.pin(1)
    (office.folder / "list.csv").write_bytes(b"division,customer_code,new_kvk\n1,1,69599084\n")

    ended = office.run(*words)

    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.decode().splitlines() == [
        "error: division 1 was never synced",
        "hint: run `connector sync` first",
    ]


def test_report_of_nothing_is_not_remembered(office: Office) -> None:
    """After a sync that never was, no report counts as the earlier one."""
    office.pin(1)
    office.run("audit", "kvk", "--format", "csv")

    with office.database.reading() as session:
        remembered = kvk_reports.first_day(session, Division(1))

    assert remembered is None


def test_lost_key_is_not_replaced_under_tokens(office: Office) -> None:
    """A new key would make the stored tokens unreadable for good: the old one has to come back."""
    key_file = office.folder / "connector.key"
    key = key_file.read_text(encoding="utf-8")
    pair = TokenPair(access_token="a", refresh_token="r", issued_at=NOON, expires_in=600)
    with office.database.transaction() as session:
        accept_pair(session, Vault([key]), office.connection.id, pair=pair, now=NOON)
    key_file.unlink()

    ended = office.run("init")

    error, hint = ended.stderr.decode().splitlines()
    assert ended.returncode == 2
    assert "the database holds tokens that only the old key opens" in error
    assert "put the old key file back" in hint
    assert not key_file.exists()


def test_lost_key_without_tokens_is_made_anew(office: Office) -> None:
    """Nothing is lost where nothing was sealed."""
    key_file = office.folder / "connector.key"
    key_file.unlink()

    ended = office.run("init")

    assert ended.returncode == 0
    assert key_file.exists()


def test_mailbox_that_cannot_start_is_the_sandboxs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps sandbox or mailbox from starting is told as that."""

    def fail(self: Mailbox) -> None:
        raise OSError("address in use")

    monkeypatch.setattr(Mailbox, "__enter__", fail)

    with pytest.raises(SandboxFailed, match="address in use"):
        run(tmp_path / "demo")


@pytest.mark.parametrize("error", [OSError("disk full"), RuntimeError("something else"), NothingFound("no customer")])
def test_later_trouble_is_not_the_sandboxs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Once both run, an error is what it says it is."""

    def fail(*anything: object) -> None:
        raise error

    monkeypatch.setattr(demo, "_write_settings", fail)

    with pytest.raises(type(error)) as caught:
        run(tmp_path / "demo")

    assert caught.value is error


def run(folder: Path) -> None:
    """The smallest demo there is."""
    demo.run_demo(folder, customers=1, invoices=0, seed=1, language="en", progress=lambda *anything: None)


def test_long_errors_are_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """An error is one line, however long, without control characters, and names its part first."""
    show_error(DeliveryDeferred("451 " + "x" * 300 + "\r\n\x1b[31mlater"), part="division 7")

    assert capsys.readouterr().err == "error: division 7: 451 " + "x" * 300 + " [31mlater\n"


@pytest.mark.parametrize("format", ["xlsx", "pdf"])
def test_binary_report_is_not_for_a_terminal(tmp_path: Path, format: str) -> None:
    """A sheet or a PDF does not run over somebody's screen: the error says where it can go. A pipe may have it."""
    terminal, screen = os.openpty()
    words = [sys.executable, "-m", "connector", "audit", "kvk", "--format", format]
    try:
        ended = subprocess.run(words, cwd=tmp_path, stdout=screen, stderr=subprocess.PIPE, timeout=120, check=False)
    finally:
        os.close(screen)
        os.close(terminal)
    piped = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=120, check=False)

    assert ended.returncode == 2
    assert ended.stderr.decode().splitlines() == [
        f"error: {format} is not for the screen",
        f"hint: say where to: --output kvk.{format}",
    ]
    assert "not for the screen" not in piped.stderr.decode()


@pytest.mark.parametrize("words", [("setup", "plan"), ("setup", "apply", "--yes")])
def test_upload_address_of_another_host_is_told(office: Office, words: tuple[str, ...]) -> None:
    """An address that is not InvoiceSharing's would get every invoice: said before anything is agreed to."""
    office.pin(1)
    with office.database.transaction() as session:
        divisions.update(session, Division(1), last_synced_at=NOON)

    ours = office.run(*words)
    foreign = office.run(*words, env={"CONNECTOR_SETUP_UPLOAD_ADDRESS": "someone@post.example"})

    warning = "division 1: the upload address someone@post.example is not at uploads.is"
    assert (ours.returncode, foreign.returncode) == (0, 0)
    assert ("warning" in ours.stderr.decode(), warning in foreign.stderr.decode()) == (False, True)


def test_status_says_what_an_unknown_attachment_type_needs(office: Office) -> None:
    """Nobody is in order as long as it is not known: the way to learn it is named, until it is."""
    office.pin(1)

    unknown = office.run("setup", "status")
    known = office.run("setup", "status", env={"CONNECTOR_SETUP_ATTACHMENT_TYPE": "4097"})

    assert "`connector setup learn --customer CODE`" in unknown.stderr.decode()
    assert (known.returncode, known.stderr) == (0, b"")


WRONG_WORDS = [
    (("setup", "plan", "--division", "abc"), "--division: a whole number is needed", "setup plan"),
    (("setup", "plan", "--customer"), "--customer needs a value", "setup plan"),
    (("audit", "kvk", "--format", "doc"), "--format: doc is not one of table, json, csv, xlsx, html, pdf", "audit kvk"),
    (("audit", "kvk", "--since", "2026"), "--since: 2026 is no day such as 2026-11-02", "audit kvk"),
    (("audit", "kvk", "--delimiter", "ab"), "--delimiter takes one character and goes with --format csv", "audit kvk"),
    (("setup", "apply", "--limit", "0"), "--limit: at least 1 is needed", "setup apply"),
    (("setup", "learn"), "--customer is missing", "setup learn"),
    (("setup", "nothing"), "there is no command nothing", "setup"),
    (("kvk", "check"), "NUMBER… is missing", "kvk check"),
]


@pytest.mark.parametrize(("words", "message", "command"), WRONG_WORDS, ids=lambda value: str(value)[:30])
def test_wrong_words_are_told_in_plain_words(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str, command: str
) -> None:
    """Exit 2, one line that names the word, and one with the command whose help explains it."""
    code = main([*words])

    said = capsys.readouterr().err.splitlines()
    assert (code, said) == (2, [f"error: {message}", f"hint: see `connector {command} --help`"])


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    below = getattr(command, "commands", {})
    if not below:
        yield path
    for name, each in below.items():
        yield from _commands(each, (*path, name))


@pytest.mark.parametrize("words", list(_commands(get_command(program([])))), ids=" ".join)
def test_values_have_names_of_ours(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """The help of no command calls the value of an option by a type of the program's language."""
    main([*words, "--help"])

    options = capsys.readouterr().out.partition("Options:")[2]
    assert re.findall(r"<(?:int|str|path|float|list|datetime)\b.*?>", options) == []
