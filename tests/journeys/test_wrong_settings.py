"""Wrong words, settings and files: one sentence that names the thing, one that helps, the right exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .installation import Ended, Installation, run_program


def is_one_sentence(ended: Ended) -> bool:
    """One `error:` line, at most one `hint:` line, nothing else on stderr and no data on stdout."""
    lines = ended.err.splitlines()
    return len(ended.errors) == 1 and len(ended.hints) <= 1 and len(lines) <= 2 and ended.out == ""


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("sync", "--fast"), "--fast"),
        (("kvk", "check", "--quiet", "69599084"), "--quiet"),
        (("--lang", "fr", "sync"), "fr"),
        (("check", ".", "--rules", "nlcuis"), "nlcuis"),
        (("invoices", "settle", "inv_1"), "known"),
        (("recipients", "add", "--name", "A", "--email", "a@b.example", "--kvk", "123"), "123"),
    ],
)
def test_wrong_words_are_named(tmp_path: Path, words: tuple[str, ...], named: str) -> None:
    """Words that do not go together end with exit 2 and a sentence that names them; no settings are needed for that."""
    ended = run_program(*words, folder=tmp_path)

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert named in ended.errors[0]


def test_unknown_override_is_named(office: Installation) -> None:
    """A conflict that cannot be overridden ends with exit 2, whoever is connected."""
    ended = office.run("setup", "plan", "--override", "blocked")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert "blocked" in ended.errors[0]


def test_unknown_setting_is_named_with_the_nearest(office: Installation) -> None:
    """An unknown key is an error that names it and the nearest known one."""
    office.change("routing", unknown_recipent="hold")

    ended = office.run("sync")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert "routing.unknown_recipent" in ended.errors[0]
    assert "routing.unknown_recipient" in ended.hints[0]


def test_wrong_value_is_named_and_not_repeated(office: Installation) -> None:
    """A value that cannot be used ends with exit 2 and the name of its setting; the value may be a secret."""
    office.change("mail", from_address="hunter2")

    ended = office.run("sync")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert ended.errors[0].startswith("mail.from_address")
    assert "hunter2" not in ended.err


def break_toml(office: Installation) -> None:
    (office.folder / "config.toml").write_text("[exact\n")


def remove_settings(office: Installation) -> None:
    (office.folder / "config.toml").unlink()


def remove_database(office: Installation) -> None:
    office.database.unlink()


def break_database(office: Installation) -> None:
    office.database.write_bytes(b"this is no database, " * 100)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (break_toml, "config.toml"),
        (remove_settings, "config.toml"),
        (remove_database, "connector.db"),
        (break_database, "connector.db"),
    ],
)
def test_missing_and_damaged_files_are_named(
    office: Installation, damage: Callable[[Installation], None], named: str
) -> None:
    """Settings and database that are missing or damaged end with exit 2, and the sentence names them."""
    damage(office)

    ended = office.run("invoices", "list")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert named in ended.errors[0]


@pytest.mark.parametrize(
    ("section", "values", "named"),
    [
        ("exact", {"client_id": ""}, "exact.client_id"),
        ("storage", {"secret_key_file": "nowhere.key"}, "nowhere.key"),
        ("storage", {"secret_key": "too short"}, "secret key"),
    ],
)
def test_what_connect_needs_is_named_before_the_consent(
    office: Installation, section: str, values: dict[str, str], named: str
) -> None:
    """What is missing for the log-in shows before a person is sent to Exact."""
    office.change(section, **values)

    ended = office.run("connect", "--paste")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert named in ended.errors[0]


def test_other_key_is_said(connected: Installation) -> None:
    """With another key than the one the tokens were encrypted with, a sync says so."""
    ended = connected.run("sync", env={"CONNECTOR_SECRET_KEY": "A" * 43 + "="})

    assert (ended.code, len(ended.errors), len(ended.hints)) == (2, 1, 1), ended
    assert "secret key" in ended.errors[0]


def test_nobody_connected_is_said(office: Installation) -> None:
    """A sync without a division ends with a sentence that says how to connect."""
    ended = office.run("sync")

    assert (ended.code, is_one_sentence(ended)) == (1, True), ended
    assert "connector connect" in ended.hints[0]


def test_other_division_is_said(connected: Installation) -> None:
    """A division that is not connected is named."""
    ended = connected.run("sync", "--division", "999999")

    assert (ended.code, is_one_sentence(ended)) == (1, True), ended
    assert "999999" in ended.errors[0]


def test_missing_upload_address_is_said(synced: Installation) -> None:
    """A plan without an upload address ends with exit 2 and the name of the setting."""
    synced.change("setup", upload_address="")

    ended = synced.run("setup", "plan")

    assert (ended.code, is_one_sentence(ended)) == (2, True), ended
    assert "setup.upload_address" in ended.hints[0]


def test_verbose_shows_where_an_error_came_from(tmp_path: Path) -> None:
    """Only -v adds a traceback, for whoever reports a fault."""
    with pytest.raises(AssertionError, match="Traceback"):
        run_program("-v", "sync", folder=tmp_path)


def test_group_without_a_command_shows_its_help(tmp_path: Path) -> None:
    """`connector setup` alone is wrong usage that explains itself."""
    ended = run_program("setup", folder=tmp_path)

    assert ended.code == 2
    assert "plan" in ended.out + ended.err
