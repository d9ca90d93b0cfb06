"""A database restored from a backup is recognised by the fence beside the key file, before Exact hears of it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connector.composition import Wiring
from connector.errors import AuthorizationLost
from connector.settings import Settings
from connector.storage import connections
from connector.storage.connections import Connection, ConnectionState
from connector.usecases.keep_token import TokenKeeper

from .office import Killed, Office, OpenOffice

LIFE = 40
TOKEN_CALL = (None, "POST", "oauth2/token")


@pytest.fixture
def office(open_office: OpenOffice) -> Office:
    """A connected office whose tokens live 40 s."""
    return open_office(customers=1, invoices=0, token_life=LIFE)


def connection(office: Office) -> Connection:
    with office.database.reading() as session:
        return connections.all(session)[0]


def keeper(office: Office) -> TokenKeeper:
    """What a process that starts now makes."""
    return office.wiring.token_keeper(connection(office).id)


def renew(office: Office, times: int = 1) -> None:
    """Let the token grow old and be renewed."""
    for _ in range(times):
        office.clock.forward(seconds=LIFE + 1)
        keeper(office)()


def back_up(office: Office) -> Path:
    """Copy the database as docs/operations.md says."""
    copy = office.folder / "backup.db"
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(office.folder / "connector.db")) as from_, closing(sqlite3.connect(copy)) as to:
        from_.backup(to)
    return copy


def restore(office: Office, copy: Path) -> None:
    """Put a copy in the place of the database."""
    office.database.dispose()
    for left in office.folder.glob("connector.db-*"):
        left.unlink()
    shutil.copy(copy, office.folder / "connector.db")


@pytest.mark.parametrize("behind", [1, 5])
def test_restored_database_stops_before_any_call(office: Office, behind: int) -> None:
    """One renewal behind or many: the cause is `restored`, and the used-up token is never shown to Exact."""
    renew(office)
    copy = back_up(office)
    renew(office, behind)
    restore(office, copy)
    office.clock.forward(seconds=LIFE + 1)
    office.server.reset_calls()

    with pytest.raises(AuthorizationLost) as lost:
        keeper(office)()

    assert (lost.value.cause, lost.value.exit_code) == ("restored", 3)
    assert (connection(office).state, connection(office).cause) == (ConnectionState.NEEDS_PERSON, "restored")
    assert office.server.calls(*TOKEN_CALL) == 0


def test_backup_of_a_renewal_under_way_is_recognised(office: Office) -> None:
    """Also a backup that was made while a renewal was under way is an older copy."""
    copies: list[Path] = []
    office.clock.forward(seconds=LIFE + 1)
    office.wiring.oauth._http.event_hooks["request"].append(lambda _: copies.append(back_up(office)))
    keeper(office)()
    del office.wiring.oauth._http.event_hooks["request"][-1]
    restore(office, copies[0])
    office.clock.forward(minutes=5)

    with pytest.raises(AuthorizationLost) as lost:
        keeper(office)()

    assert lost.value.cause == "restored"


def test_connecting_again_ends_it(office: Office) -> None:
    """After a new consent the restored database goes on by itself, though its numbers are lower than the old fence."""
    copy = back_up(office)
    renew(office, 5)
    restore(office, copy)
    office.clock.forward(seconds=LIFE + 1)
    with pytest.raises(AuthorizationLost):
        keeper(office)()

    office.connect()

    renew(office, 3)
    assert connection(office).state is ConnectionState.ACTIVE


def test_crash_before_the_fence_is_no_restore(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who dies between storing the pair and raising the fence leaves a low fence; the next one mends it."""

    def die(*_: object) -> None:
        raise Killed

    renew(office)
    with monkeypatch.context() as patch:
        patch.setattr(office.wiring.fences, "raise_to", die)
        with pytest.raises(Killed):
            renew(office)
    low = office.wiring.fences.read(connection(office).fence)

    keeper(office)()

    assert low == connection(office).version - 1
    assert office.wiring.fences.read(connection(office).fence) == connection(office).version
    renew(office)
    assert connection(office).state is ConnectionState.ACTIVE


def test_new_installation_beside_old_fences(office: Office, migrated: Path) -> None:
    """A new database in a folder with an old key file and old fences is not taken for a restored one."""
    renew(office, 5)
    restore(office, migrated)

    office.connect()

    renew(office, 2)
    assert connection(office).state is ConnectionState.ACTIVE


def test_key_from_the_environment_has_a_fence_too(office: Office) -> None:
    """Without a key file the fence lies where the key file would be."""
    file = office.folder / "connector.key"
    environ = {"CONNECTOR_SECRET_KEY": file.read_text(encoding="utf-8")}
    file.unlink()
    settings = Settings.load(office.folder / "config.toml", environ)
    office.clock.forward(seconds=LIFE + 1)

    with Wiring(settings, clock=office.clock) as wiring:
        wiring.token_keeper(connection(office).id)()

    now = connection(office)
    fence = office.folder / f"connector.key.fence-{now.fence}"
    assert int(fence.read_text(encoding="ascii")) == now.version == 2


def test_folder_that_cannot_be_written_loses_nothing(office: Office) -> None:
    """Where no fence can be written the tokens are renewed and stored all the same."""
    environ = {
        "CONNECTOR_SECRET_KEY": (office.folder / "connector.key").read_text(encoding="utf-8"),
        "CONNECTOR_STORAGE_SECRET_KEY_FILE": "nowhere/connector.key",
    }
    settings = Settings.load(office.folder / "config.toml", environ)
    office.clock.forward(seconds=LIFE + 1)

    with Wiring(settings, clock=office.clock) as wiring:
        given = wiring.token_keeper(connection(office).id)()

    assert office.server.state.office.divisions_of(given) is not None
    assert (connection(office).version, connection(office).state) == (2, ConnectionState.ACTIVE)
