"""A client that is not ours, ossobv/exactonline, works against the sandbox as it does against Exact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import exactonline.http
import httpx
import pytest
from exactonline.api import ExactApi
from exactonline.storage.base import ExactOnlineConfig, MissingSetting

from connector.exact_sandbox import SandboxOptions, SandboxServer

from .helpers import DIVISION, REDIRECT, TODAY, Clock


class Settings(ExactOnlineConfig):  # type: ignore[misc]  # the package has no types
    """What the client keeps, in memory."""

    def __init__(self, server: SandboxServer) -> None:
        self.kept = {
            ("server", "auth_url"): f"{server.base_url}/api/oauth2/auth",
            ("server", "rest_url"): f"{server.base_url}/api",
            ("server", "token_url"): f"{server.base_url}/api/oauth2/token",
            ("application", "base_url"): REDIRECT,
            ("application", "client_id"): "{" + server.client_id + "}",
            ("application", "client_secret"): server.client_secret,
        }

    def get(self, section: str, option: str) -> str:
        try:
            return self.kept[section, option]
        except KeyError:
            raise MissingSetting(option, section) from None

    def set(self, section: str, option: str, value: str) -> None:
        self.kept[section, option] = value


@pytest.fixture
def server(clock: Clock) -> Iterator[SandboxServer]:
    with SandboxServer(SandboxOptions(today=TODAY, clock=clock, customers=130, divisions=2)) as running:
        yield running


@pytest.fixture
def api(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> ExactApi:
    """The client after consent and choice of the division. It speaks https only unless told otherwise."""
    monkeypatch.setattr(exactonline.http.opt_secure, "protocols", ("https", "http"))
    connected = ExactApi(storage=Settings(server))
    location = httpx.get(connected.create_auth_request_url()).headers["location"]
    connected.request_token(parse_qs(urlsplit(location).query)["code"][0])
    connected.set_division(DIVISION)
    return connected


def test_it_finds_the_divisions(api: ExactApi, server: SandboxServer) -> None:
    """It asks Me for the current division and hrm/Divisions for all."""
    choices, current = api.get_divisions()

    assert current == DIVISION
    assert choices == {division.code: division.seller.name for division in server.state.world.divisions}


def test_it_reads_all_accounts(api: ExactApi, server: SandboxServer) -> None:
    """Three pages, joined by its own unwrapping of `d`, `results` and `__next`."""
    accounts = api.relations.all()

    assert {(row["Code"].strip(), row["Name"]) for row in accounts} == {
        (row["Code"], row["Name"]) for row in server.state.accounts(DIVISION)
    }


def test_it_finds_an_account_by_its_padded_code(api: ExactApi, server: SandboxServer) -> None:
    """It pads the code to 18 itself, and asks for two rows to see that there is but one."""
    found = api.relations.get(relation_code="7")

    assert found["ID"] == server.state.account(DIVISION, 7)["ID"]


def test_it_reads_contacts_and_vat_codes(api: ExactApi, server: SandboxServer) -> None:
    """Other lists as it asks for them."""
    contacts = api.contacts.filter(select="ID")
    codes = api.vatcodes.filter(select="Code")

    assert {row["ID"] for row in contacts} == {row["ID"] for row in server.state.contacts(DIVISION)}
    assert "4  " in {row["Code"] for row in codes}


def test_its_literals_of_a_day_are_understood(api: ExactApi) -> None:
    """It writes datetime literals without a time."""
    day = api.relations._remote_datetime(TODAY - timedelta(days=20000))

    assert len(api.relations.filter(filter=f"Created gt {day}")) == 130


def test_it_writes_and_deletes(api: ExactApi, server: SandboxServer) -> None:
    """POST gives it the new key, PUT and DELETE the emptiness it insists on."""
    account = server.state.account(DIVISION, 7)["ID"]

    made = api.contacts.create({"Account": account, "LastName": "Nieuw"})
    api.contacts.update(made["ID"], {"LastName": "Anders"})
    names = [row["LastName"] for row in server.state.contacts_of(DIVISION, 7)]
    api.contacts.delete(made["ID"])

    assert "Anders" in names
    assert made["ID"] not in {row["ID"] for row in server.state.contacts_of(DIVISION, 7)}


def test_it_refreshes_by_itself(api: ExactApi, clock: Clock) -> None:
    """When the token has less than 30 s to live by its own count, it renews it and goes on."""
    clock.forward(seconds=580)
    old = api.storage.get_refresh_token()
    api.storage.set_access_expiry(0)

    api.relations.filter(top=1)

    assert api.storage.get_refresh_token() != old


def test_it_refreshes_after_a_401(api: ExactApi, clock: Clock) -> None:
    """An expired token it did not know of makes it renew and ask again."""
    clock.forward(seconds=601)

    assert len(api.relations.filter(top=1)) == 1


def test_it_reads_the_limits(api: ExactApi) -> None:
    """It checks that resets are in milliseconds, and remembers what is left."""
    api.relations.filter(top=1)

    left = sorted(remaining for _limit, remaining in api.limiter._reset_times.values())
    assert left == [58, 4998]  # choosing the division was a call as well
