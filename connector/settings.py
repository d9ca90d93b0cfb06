"""config.toml and the environment, read once into frozen `Settings`; nothing else reads either.

Adapters and use cases receive values, never `Settings`; `composition` hands them out.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from connector.errors import InvalidSetting, Misconfigured, MissingSecret, UnknownSetting

SITES = {country: f"https://start.exactonline.{country}" for country in ("nl", "be", "de", "fr", "es", "co.uk", "com")}
"""One host per country serves log-in, tokens and API [one source for the list; nl, be, de, fr, co.uk seen in use].
Source: NangoHQ/nango, providers.yaml."""

ALIASES = {
    "CONNECTOR_SECRET_KEY": "CONNECTOR_STORAGE_SECRET_KEY",
    "CONNECTOR_SMTP_PASSWORD": "CONNECTOR_MAIL_PASSWORD",
}


OTHER_NAMES = frozenset({"CONNECTOR_CONFIG", "CONNECTOR_LANG"})
"""What the command line itself reads."""


def is_loopback(host: str | None) -> bool:
    """Whether `host` (a name or an address) can only be this machine."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_duration(value: object) -> timedelta:
    """Read `90s`, `15m`, `2h` or `1d`.

    >>> parse_duration("15m")
    datetime.timedelta(seconds=900)
    """
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"\s*(\d+)\s*([smhd])\s*", str(value))
    if match is None or int(match[1]) == 0:
        raise ValueError("a duration is a number and a unit: 90s, 15m, 2h, 1d")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def _date_or_none(value: object) -> object:
    return None if value == "" else value


def _words(value: object) -> object:
    """A list in TOML, or addresses separated by commas in the environment."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _mail_address(value: str) -> str:
    if value and not re.fullmatch(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+", value):
        raise ValueError("this is not an e-mail address")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
MailAddress = Annotated[str, Field(max_length=254), BeforeValidator(lambda value: _mail_address(str(value).strip()))]


class Section(BaseModel):
    """A table of config.toml: unknown keys are refused, values never shown in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ExactSettings(Section):
    """[exact]: the site and the app registration."""

    country: Literal["nl", "be", "de", "fr", "es", "co.uk", "com"] = "nl"
    base_url: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    client_secret_file: str = ""
    redirect_uri: str = ""

    @model_validator(mode="after")
    def _only_safe_addresses(self) -> Self:
        for name, url in (("base_url", self.base_url), ("redirect_uri", self.redirect_uri)):
            parts = urlsplit(url)
            if url and (parts.scheme not in {"https", "http"} or not parts.hostname):
                raise ValueError(f"{name} must be a whole address, such as https://start.exactonline.nl")
            if parts.scheme == "http" and not is_loopback(parts.hostname):
                raise ValueError(f"{name} must be https; http is for a loopback address (the sandbox) only")
        if urlsplit(self.redirect_uri).scheme == "http" and not is_loopback(urlsplit(self.site).hostname):
            raise ValueError("an http redirect_uri goes with a base_url on loopback only; Exact wants https")
        return self

    @property
    def site(self) -> str:
        """The address of the Exact site, without a slash at its end."""
        return (self.base_url or SITES[self.country]).rstrip("/")


class StorageSettings(Section):
    """[storage]: the database and the key that encrypts tokens in it."""

    database_url: str = "sqlite:///connector.db"
    secret_key: SecretStr = SecretStr("")
    secret_key_file: str = "connector.key"


class DivisionSetup(Section):
    """[setup.divisions.N]: what differs for one division."""

    upload_address: MailAddress | None = None
    contact_name: str | None = None
    attachment_type: int | None = None
    invoicing_method: int | None = None


class SetupSettings(Section):
    """[setup]: the state that every customer's card is brought into."""

    upload_address: MailAddress = ""
    contact_name: str = Field(default="InvoiceSharing Email", min_length=1, max_length=100)
    attachment_type: int | None = None
    invoicing_method: int = 2
    divisions: dict[int, DivisionSetup] = {}


class RoutingSettings(Section):
    """[routing]: who gets an invoice, and from when."""

    deliver: Literal["all", "not_set_up", "none"] = "all"
    unknown_recipient: Literal["email", "upload", "hold"] = "email"
    without_kvk: Literal["hold", "send"] = "hold"
    start_date: Annotated[date | None, BeforeValidator(_date_or_none)] = None


class MailSettings(Section):
    """[mail]: the mail server that takes our mail, and who hears of trouble."""

    host: str = "127.0.0.1"
    port: int = Field(default=1025, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: SecretStr = SecretStr("")
    password_file: str = ""
    from_address: MailAddress = ""
    notify: Annotated[list[MailAddress], NoDecode, BeforeValidator(_words)] = []

    @model_validator(mode="after")
    def _no_open_line(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError('security = "none" is for a mail server on loopback only; use "starttls" or "tls"')
        return self


class ScheduleSettings(Section):
    """[schedule]: how often the background sync works."""

    sync_every: Duration = timedelta(minutes=15)
    deliver_every: Duration = timedelta(minutes=1)


class KvkSettings(Section):
    """[kvk]: the KVK register; without a key numbers are checked by their form only."""

    api_key: SecretStr = SecretStr("")
    api_key_file: str = ""
    base_url: str = "https://api.kvk.nl"

    @model_validator(mode="after")
    def _only_safe_address(self) -> Self:
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("base_url must be a whole address, such as https://api.kvk.nl")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("base_url must be https; http is for a loopback address only")
        return self


class Settings(BaseSettings):
    """All settings; made by `Settings.load`."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix="CONNECTOR_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
    )

    exact: ExactSettings = ExactSettings()
    storage: StorageSettings = StorageSettings()
    setup: SetupSettings = SetupSettings()
    routing: RoutingSettings = RoutingSettings()
    mail: MailSettings = MailSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    kvk: KvkSettings = KvkSettings()
    folder: Path = Field(default=Path("."), exclude=True)
    """Where config.toml lies; relative paths in it start there."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` passes in counts; it has laid the environment over the file already."""
        return (init_settings,)

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str]) -> Self:
        """Read `path` and lay the environment over it.

        Raises:
            UnknownSetting: A key that nobody reads; the hint names the nearest known one.
            InvalidSetting: Not TOML, or a value that cannot be used.
            Misconfigured: There is no such file.
        """
        try:
            from_file = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise Misconfigured(
                f"there is no {path}", hint="run `connector init`, or name the file with --config"
            ) from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidSetting(f"{path} cannot be read: {error}", hint="see config.example.toml") from error
        values = _overlay(from_file, _from_environment(cls, environ))
        values.pop("folder", None)
        try:
            return cls(**values, folder=path.resolve().parent)
        except ValidationError as error:
            raise _explain(error.errors(include_input=False)[0]) from None

    def path(self, name: str) -> Path:
        """A path of config.toml, made absolute."""
        return (self.folder / Path(name).expanduser()).resolve()

    @property
    def database_url(self) -> str:
        """The database's URL; a relative SQLite path starts where config.toml lies."""
        url = self.storage.database_url
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/") and ":memory:" not in url:
            return prefix + str(self.path(url[len(prefix) :]))
        return url

    def client_secret(self) -> str:
        """The app registration's secret.

        Raises:
            MissingSecret: It is neither in the environment nor in the named file.
        """
        return self._secret(
            self.exact.client_secret,
            self.exact.client_secret_file,
            "the client secret of Exact",
            "CONNECTOR_EXACT_CLIENT_SECRET, or name a file in exact.client_secret_file",
        )

    def secret_keys(self) -> list[str]:
        """The keys that encrypt tokens, newest first; given as text with commas or lines between them.

        Raises:
            MissingSecret: There is none in the environment or in the key file.
        """
        text = self._secret(
            self.storage.secret_key,
            self.storage.secret_key_file,
            "the secret key",
            "CONNECTOR_SECRET_KEY, or run `connector init` to make storage.secret_key_file",
        )
        return [key.strip() for key in text.replace(",", "\n").splitlines() if key.strip()]

    def smtp_password(self) -> str:
        """The mail server's password; empty when there is no user name."""
        if not self.mail.username:
            return ""
        return self._secret(
            self.mail.password,
            self.mail.password_file,
            "the mail server's password",
            "CONNECTOR_SMTP_PASSWORD, or name a file in mail.password_file",
        )

    def kvk_key(self) -> str:
        """The key to the KVK register; empty when none is configured.

        Raises:
            MissingSecret: The named file is not there or is empty.
        """
        if not self.kvk.api_key.get_secret_value() and not self.kvk.api_key_file:
            return ""
        return self._secret(
            self.kvk.api_key,
            self.kvk.api_key_file,
            "the key to the KVK register",
            "CONNECTOR_KVK_API_KEY, or name a file in kvk.api_key_file",
        )

    def _secret(self, value: SecretStr, file: str, name: str, remedy: str) -> str:
        if value.get_secret_value():
            return value.get_secret_value()
        if file:
            try:
                found = self.path(file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise MissingSecret(
                    f"{name} cannot be read from {file}: {error.strerror}", hint=f"set {remedy}"
                ) from error
            if found:
                return found
        raise MissingSecret(f"{name} is missing", hint=f"set {remedy}")

    def setup_of(self, division: int, *, alone: bool = True) -> DivisionSetup:
        """What the set-up of one division aims at; every field but `attachment_type` is filled.

        Args:
            alone: Whether it is the only connected division; with several each needs its own upload address.

        Raises:
            InvalidSetting: No upload address for it, or one that another division has too.
        """
        own = self.setup.divisions.get(division, DivisionSetup())
        address = own.upload_address or (self.setup.upload_address if alone else "")
        where = f"setup.divisions.{division}.upload_address"
        if not address:
            hint = f"set {where}" if not alone else "set setup.upload_address to the address InvoiceSharing gave you"
            raise InvalidSetting(f"division {division} has no upload address of its own", hint=hint)
        for other, theirs in self.setup.divisions.items():
            if other != division and (theirs.upload_address or "").lower() == address.lower():
                raise InvalidSetting(
                    f"divisions {division} and {other} have the same upload address", hint=f"correct {where}"
                )
        return DivisionSetup(
            upload_address=address,
            contact_name=own.contact_name or self.setup.contact_name,
            attachment_type=self.setup.attachment_type if own.attachment_type is None else own.attachment_type,
            invoicing_method=own.invoicing_method if own.invoicing_method is not None else self.setup.invoicing_method,
        )

    def upload_addresses(self) -> frozenset[str]:
        """Every upload address that is configured, in lower case."""
        found = [self.setup.upload_address, *(own.upload_address for own in self.setup.divisions.values())]
        return frozenset(address.lower() for address in found if address)


def _from_environment(model: type[BaseSettings], environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings that the environment holds, in the shape of the file."""
    named = {name.upper(): value for name, value in environ.items() if name.upper().startswith("CONNECTOR_")}
    sections = {section.upper() for section in model.model_fields}
    for name in sorted(named.keys() - OTHER_NAMES - ALIASES.keys()):
        if name.split("_")[1] not in sections:
            nearest = difflib.get_close_matches(name, [f"CONNECTOR_{section}_…" for section in sorted(sections)], n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else "names are CONNECTOR_<SECTION>_<KEY>"
            raise UnknownSetting(f"unknown setting {name} in the environment", hint=hint)
    for alias, name in ALIASES.items():
        if alias in named:
            named.setdefault(name, named[alias])
    source = EnvSettingsSource(model)
    source.env_vars = {name.lower(): value for name, value in named.items() if name not in ALIASES}
    return dict(source())


def _overlay(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `above` over `below`, table by table."""
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        merged[key] = _overlay(known, value) if isinstance(known, dict) and isinstance(value, Mapping) else value
    return merged


def _explain(error: ErrorDetails) -> Misconfigured:
    """The first thing that is wrong, as one of our errors; values are never repeated."""
    place = [str(part) for part in error["loc"]]
    name = ".".join(place)
    if error["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(name, known_keys(), n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]}?" if nearest else "see config.example.toml for every key"
        return UnknownSetting(f"unknown setting {name}", hint=hint)
    message = error["msg"].removeprefix("Value error, ")
    return InvalidSetting(f"{name}: {message}", hint="see config.example.toml")


def known_keys() -> list[str]:
    """Every key of config.toml as `section.key`, the sections themselves too."""
    keys: list[str] = []
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            keys += [section, *(f"{section}.{key}" for key in field.annotation.model_fields)]
    return keys
