"""settings: one file and the environment, read strictly; and the example that shows every key."""

from __future__ import annotations

import re
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InvalidSetting, Misconfigured, MissingSecret, UnknownSetting
from connector.settings import Settings, is_loopback, known_keys, parse_duration

EXAMPLE = Path(__file__).parents[1] / "config.example.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with empty settings."""
    (tmp_path / "config.toml").write_text("")
    return tmp_path


def load(folder: Path, text: str = "", **environ: str) -> Settings:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return Settings.load(folder / "config.toml", environ)


def test_example_loads() -> None:
    """config.example.toml is a settings file as it stands."""
    assert Settings.load(EXAMPLE, {}).mail.from_address == "facturen@example.nl"


def test_example_names_every_setting() -> None:
    """Each key stands in its table of the example, set or as a comment."""
    named, section = set(), ""
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        if table := re.match(r"(?:# )?\[([a-z]+)(?:\.divisions\.\d+)?\]", line):
            section = table[1]
            named.add(f"{section}.divisions" if "divisions" in table[0] else section)
        elif key := re.match(r"(?:# )?([a-z_]+) = ", line):
            named.add(f"{section}.{key[1]}")

    # secrets are named by the line above them and given in the environment or in a file
    assert set(known_keys()) - named <= {"storage.secret_key", "mail.password"}
    assert named - set(known_keys()) == set()


def test_example_comments_are_settings_too() -> None:
    """With the comment signs before its keys taken off, the example still loads."""
    text = re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", EXAMPLE.read_text(encoding="utf-8"))

    settings = Settings(**tomllib.loads(text.replace("…@uploads.is", "0@uploads.is")))

    assert settings.setup.divisions[123456].upload_address == "0@uploads.is"


def test_example_values_are_the_defaults() -> None:
    """What the example sets without a comment sign is what holds without it, but for addresses that are one's own."""
    example, plain = Settings.load(EXAMPLE, {}).model_dump(), Settings().model_dump()
    for settings in (example, plain):
        settings["mail"] |= {"from_address": "", "notify": []}

    assert example == plain


@pytest.mark.parametrize(
    ("text", "named", "nearest"),
    [
        ("[routing]\nunknown_recipent = 'hold'", "routing.unknown_recipent", "routing.unknown_recipient"),
        ("[maill]\nhost = 'x'", "maill", "mail"),
        ("[exact]\nclientid = 'x'", "exact.clientid", "exact.client_id"),
        ("sync_every = '15m'", "sync_every", "schedule.sync_every"),
    ],
)
def test_unknown_key_is_named_with_the_nearest(folder: Path, text: str, named: str, nearest: str) -> None:
    """A key that nobody reads is an error that names it and the nearest known one."""
    with pytest.raises(UnknownSetting) as caught:
        load(folder, text)

    assert (caught.value.message, caught.value.hint) == (f"unknown setting {named}", f"did you mean {nearest}?")


def test_unknown_key_of_a_division_is_named(folder: Path) -> None:
    """The same inside the table of one division."""
    with pytest.raises(UnknownSetting, match=r"setup\.divisions\.123456\.upload_adress"):
        load(folder, "[setup.divisions.123456]\nupload_adress = 'a@b.example'")


@pytest.mark.parametrize("name", ["CONNECTOR_ROUTING_DELIVRE", "CONNECTOR_ROUTNG_DELIVER", "CONNECTOR_MAIL_PASWORD"])
def test_misspelt_variable_is_an_error(folder: Path, name: str) -> None:
    """A variable that nobody reads is not passed over in silence."""
    with pytest.raises(UnknownSetting):
        load(folder, **{name: "none"})


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("routing", 'deliver = "sometimes"'),
        ("routing", 'start_date = "31-12-2026"'),
        ("mail", "port = 70000"),
        ("mail", 'host = "mail.kantoor.example"'),
        ("mail", 'from_address = "nobody"'),
        ("mail", 'from_address = "a@b.example\\nBcc: c@d.example"'),
        ("mail", 'notify = ["nobody"]'),
        ("schedule", 'sync_every = "often"'),
        ("schedule", 'sync_every = "0m"'),
        ("exact", 'base_url = "http://start.exactonline.nl"'),
        ("exact", 'base_url = "start.exactonline.nl"'),
        ("exact", 'redirect_uri = "http://kantoor.example/callback"'),
        ("exact", 'redirect_uri = "http://127.0.0.1:8080/callback"'),
        ("exact", 'country = "uk"'),
        ("setup", 'attachment_type = "both"'),
        ("setup", 'contact_name = ""'),
    ],
)
def test_unusable_value_is_refused_by_name(folder: Path, section: str, line: str) -> None:
    """A value that cannot be used is an error that names its section."""
    with pytest.raises(InvalidSetting) as caught:
        load(folder, f"[{section}]\n{line}")

    assert caught.value.message.startswith(section)


@pytest.mark.parametrize(
    "line", ['[exact]\nclient_secret = ["hunter2"]', '[mail]\nport = "hunter2"', "[mail]\nhunter2"]
)
def test_values_are_not_repeated(folder: Path, line: str) -> None:
    """What stands in the wrong place may be a secret: the error does not show it."""
    with pytest.raises(InvalidSetting) as caught:
        load(folder, line)

    assert "hunter2" not in caught.value.message + caught.value.hint


def test_missing_file_is_named(tmp_path: Path) -> None:
    """Without a file the hint says how to make one."""
    with pytest.raises(Misconfigured) as caught:
        Settings.load(tmp_path / "nowhere.toml", {})

    assert ("nowhere.toml" in caught.value.message, "connector init" in caught.value.hint) == (True, True)


@pytest.mark.parametrize("content", [b"[exact\n", b"\xff\xfe\x00", b"a = 1\na = 2\n"])
def test_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """What is no TOML ends with one sentence."""
    (tmp_path / "config.toml").write_bytes(content)

    with pytest.raises(InvalidSetting, match="cannot be read"):
        Settings.load(tmp_path / "config.toml", {})


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("CONNECTOR_ROUTING_DELIVER", "none", lambda s: s.routing.deliver == "none"),
        ("CONNECTOR_ROUTING_START_DATE", "2026-11-02", lambda s: s.routing.start_date == date(2026, 11, 2)),
        (
            "CONNECTOR_MAIL_NOTIFY",
            "a@b.example, c@d.example",
            lambda s: s.mail.notify == ["a@b.example", "c@d.example"],
        ),
        ("CONNECTOR_SCHEDULE_SYNC_EVERY", "30s", lambda s: s.schedule.sync_every == timedelta(seconds=30)),
        ("CONNECTOR_EXACT_CLIENT_SECRET", "x y", lambda s: s.client_secret() == "x y"),
        ("CONNECTOR_SECRET_KEY", "one,two", lambda s: s.secret_keys() == ["one", "two"]),
        ("CONNECTOR_SMTP_PASSWORD", "p", lambda s: s.mail.password.get_secret_value() == "p"),
        ("CONNECTOR_SETUP_DIVISIONS", '{"7": {"upload_address": "a@b.example"}}', lambda s: 7 in s.setup.divisions),
    ],
)
def test_environment_wins(folder: Path, name: str, value: str, read: Any) -> None:
    """Every key can be given in the environment, and goes before the file."""
    text = '[routing]\ndeliver = "all"\nstart_date = "2020-01-01"\n[mail]\nnotify = []\n[schedule]\nsync_every = "1d"\n'

    assert read(load(folder, text, **{name: value}))


def test_secrets_are_not_shown(folder: Path) -> None:
    """Neither text nor representation of the settings holds a secret."""
    settings = load(folder, '[exact]\nclient_secret = "hunter2"\n[mail]\npassword = "hunter2"')

    assert "hunter2" not in f"{settings} {settings!r} {settings.model_dump()}"


def test_secret_is_read_from_its_file(folder: Path) -> None:
    """A file named by a key that ends in _file is looked for where config.toml lies; its line end does not count."""
    (folder / "exact.secret").write_text("hunter2\n")

    assert load(folder, '[exact]\nclient_secret_file = "exact.secret"').client_secret() == "hunter2"


def test_missing_secret_says_where_it_belongs(folder: Path) -> None:
    """The error names the variable and the key, not a value."""
    with pytest.raises(MissingSecret) as caught:
        load(folder).client_secret()

    assert "CONNECTOR_EXACT_CLIENT_SECRET" in caught.value.hint


def test_relative_paths_start_at_the_file(folder: Path) -> None:
    """A relative database lies beside config.toml, wherever the command was started."""
    assert load(folder).database_url == f"sqlite:///{folder / 'connector.db'}"


def test_other_databases_stay_as_they_are(folder: Path) -> None:
    """An absolute path and another kind of database are left alone."""
    url = "postgresql+psycopg://connector@db.example/connector"

    assert load(folder, f'[storage]\ndatabase_url = "{url}"').database_url == url


def test_each_of_several_divisions_needs_its_own_address(folder: Path) -> None:
    """The common upload address counts only for the only division."""
    settings = load(folder, '[setup]\nupload_address = "a@uploads.is"')

    assert settings.setup_of(1).upload_address == "a@uploads.is"
    with pytest.raises(InvalidSetting, match="division 1 has no upload address"):
        settings.setup_of(1, alone=False)


def test_two_divisions_may_not_share_an_address(folder: Path) -> None:
    """The same address for two divisions is an error that names both, however it is written."""
    text = (
        '[setup.divisions.1]\nupload_address = "a@uploads.is"\n[setup.divisions.2]\nupload_address = "A@uploads.is"\n'
    )

    with pytest.raises(InvalidSetting, match="divisions 1 and 2"):
        load(folder, text).setup_of(1, alone=False)


def test_division_takes_over_what_it_does_not_change(folder: Path) -> None:
    """Of [setup] a division changes only what stands in its own table."""
    text = (
        '[setup]\ncontact_name = "Inbox"\ninvoicing_method = 2\n[setup.divisions.1]\nupload_address = "a@uploads.is"\n'
    )

    own = load(folder, text).setup_of(1, alone=False)

    assert (own.upload_address, own.contact_name, own.invoicing_method) == ("a@uploads.is", "Inbox", 2)


@given(number=st.integers(min_value=1, max_value=10_000), unit=st.sampled_from("smhd"))
def test_durations_are_a_number_and_a_unit(number: int, unit: str) -> None:
    """Seconds, minutes, hours, days; blanks around them do not count."""
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]

    assert parse_duration(f" {number}{unit} ") == timedelta(seconds=number * seconds)


@given(text=st.text(max_size=8))
def test_other_texts_are_no_durations(text: str) -> None:
    """Whatever is not a number with a unit is refused, and never raises anything else."""
    try:
        parse_duration(text)
    except ValueError:
        return

    assert re.fullmatch(r"\s*\d+\s*[smhd]\s*", text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("0.0.0.0", False),
        ("192.168.0.1", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback_is_this_machine_only(host: str | None, loopback: bool) -> None:
    """Plain http and unencrypted mail are for hosts that can only be this machine."""
    assert is_loopback(host) is loopback
