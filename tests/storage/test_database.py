"""Engine, transactions, schema version."""

import sqlite3
import stat
import threading
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from sqlalchemy.exc import DBAPIError

from connector.errors import Busy, DatabaseBehind, InvalidSetting
from connector.storage import budgets, learned, leases
from connector.storage.database import Database, _alembic_config
from connector.storage.tables import Row

from .conftest import NOON, fresh_database


def test_migrations_and_tables_agree(empty_url: str) -> None:
    """What the migrations make is what the rows say: Alembic finds no difference."""
    database = Database(empty_url)

    database.migrate()

    with database.engine.begin() as connection:
        command.check(_alembic_config(connection))
        made = set(sqlalchemy.inspect(connection).get_table_names())
    assert made == {*Row.metadata.tables, "alembic_version"}
    database.dispose()


def test_migrating_again_keeps_what_is_there(database: Database) -> None:
    """Migrating a database that is up to date changes nothing."""
    with database.transaction() as session:
        budgets.save(session, 7, {"minute": 3})

    database.migrate()

    with database.reading() as session:
        assert budgets.read(session, 7) == {"minute": 3}


def test_two_processes_migrate_at_once(empty_url: str) -> None:
    """Of two that migrate the same database, one waits; neither fails."""
    failures: list[Exception] = []

    def migrate() -> None:
        own = Database(empty_url)
        try:
            own.migrate()
        except Exception as error:
            failures.append(error)
        finally:
            own.dispose()

    threads = [threading.Thread(target=migrate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    database = Database(empty_url)
    database.require_current()
    database.dispose()


def test_missing_database_is_not_made_by_asking(tmp_path: Path) -> None:
    """Asking whether the database is current says what to do, and leaves no empty file behind."""
    file = tmp_path / "connector.db"

    with pytest.raises(DatabaseBehind) as caught:
        Database(f"sqlite:///{file}").require_current()

    assert "connector init" in caught.value.hint
    assert not file.exists()


def test_empty_database_is_behind(empty_url: str) -> None:
    """A database without tables asks for `connector init`."""
    database = Database(empty_url)

    with pytest.raises(DatabaseBehind) as caught:
        database.require_current()

    assert "connector init" in caught.value.hint
    database.dispose()


@pytest.mark.parametrize("asked", ["require_current", "migrate"])
def test_newer_database_is_refused(database: Database, asked: str) -> None:
    """A database of a later version is neither used nor touched."""
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(DatabaseBehind, match="newer"):
        getattr(database, asked)()


def test_tables_of_others_are_refused(empty_url: str) -> None:
    """A database where somebody else has a table of our names is not taken over."""
    database = Database(empty_url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE customer (id INTEGER)")

    with pytest.raises(DatabaseBehind, match="customer"):
        database.migrate()

    database.dispose()


def test_unmigrated_table_says_init(empty_url: str) -> None:
    """Using a database without its tables names the remedy."""
    database = Database(empty_url)

    with pytest.raises(DatabaseBehind) as caught, database.transaction() as session:
        budgets.read(session, 1)

    assert "connector init" in caught.value.hint
    database.dispose()


def test_other_file_is_no_database(tmp_path: Path) -> None:
    """A file that is something else is named as such, and left as it is."""
    file = tmp_path / "letter.txt"
    file.write_text("Geachte heer, " * 100)

    with pytest.raises(DatabaseBehind, match="not a database"):
        Database(f"sqlite:///{file}").migrate()

    assert file.read_text() == "Geachte heer, " * 100


@pytest.mark.parametrize(
    "url", ["sqlite:////no/such/folder/connector.db", "postgresql+psycopg://kim:hush@127.0.0.1:1/none"]
)
def test_unreachable_database_is_the_operators(url: str) -> None:
    """A folder or server that is not there is a setting to mend; the password is not shown."""
    with pytest.raises(DatabaseBehind) as caught:
        Database(url).migrate()

    assert caught.value.hint
    assert "hush" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("url", ["", "connector.db", "mysql://localhost/x"])
def test_unusable_url_is_a_wrong_setting(url: str) -> None:
    """A URL that names no database we know is refused before anything is opened."""
    with pytest.raises(InvalidSetting):
        Database(url)


def test_new_file_is_the_owners(tmp_path: Path) -> None:
    """Nobody else on the machine can read a new database."""
    file = tmp_path / "connector.db"

    database = Database(f"sqlite:///{file}")
    database.migrate()
    database.dispose()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_failed_transaction_leaves_nothing(database: Database) -> None:
    """What was written before an error inside the block is gone."""

    def fail() -> None:
        with database.transaction() as session:
            budgets.save(session, 1, {"day": 1})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    with database.reading() as session:
        assert budgets.read(session, 1) is None


def test_reading_cannot_write(database: Database) -> None:
    """A session for reading refuses to write, and the next one for writing does not."""
    with pytest.raises((DBAPIError, DatabaseBehind)), database.reading() as session:
        budgets.save(session, 1, {"day": 1})

    with database.transaction() as session:
        budgets.save(session, 1, {"day": 2})
    with database.reading() as session:
        assert budgets.read(session, 1) == {"day": 2}


def test_reading_sees_one_state(database: Database) -> None:
    """What others commit meanwhile is not seen before the next session."""
    with database.transaction() as session:
        learned.save(session, 1, "day", 1)

    with database.reading() as session:
        before = learned.read(session, 1, "day")
        with database.transaction() as other:
            learned.save(other, 1, "day", 2)
            learned.save(other, 2, "day", 2)
        meanwhile = learned.read(session, 1, "day"), learned.read(session, 2, "day")
    with database.reading() as session:
        after = learned.read(session, 1, "day")

    assert (before, meanwhile, after) == (1, (1, None), 2)


def test_locked_file_is_busy(tmp_path: Path) -> None:
    """A file that another writer holds on to is busy: worth another try."""
    file = tmp_path / "connector.db"
    database = Database(f"sqlite:///{file}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=10")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Busy), database.transaction() as session:
        budgets.save(session, 1, {})

    other.close()
    database.dispose()


def test_lost_connection_is_busy(postgres_url: str, postgres_template: str) -> None:
    """A server that drops the line in mid-transaction is worth another try, and the next transaction works."""
    with fresh_database(postgres_url, template=postgres_template) as url:
        database = Database(url)

        with pytest.raises(Busy), database.transaction() as session:
            session.connection().exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

        with database.transaction() as session:
            assert budgets.read(session, 1) is None
        database.dispose()


def test_nothing_is_lost_between_writers(database: Database) -> None:
    """Eight threads that read a number and write it back one higher count to 80."""
    with database.transaction() as session:
        budgets.save(session, 1, {"count": 0})

    def count() -> None:
        for number in range(10):
            while True:
                with database.transaction() as session:
                    until = NOON.replace(year=2027)
                    name = threading.current_thread().name
                    if not leases.take(session, "count", owner=name, now=NOON, until=until):
                        continue
                    state = budgets.read(session, 1) or {}
                    budgets.save(session, 1, {"count": state["count"] + 1, "last": number})
                    leases.release(session, "count", owner=name)
                    break

    threads = [threading.Thread(target=count, name=f"thread-{number}") for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.reading() as session:
        state = budgets.read(session, 1)
    assert state is not None
    assert state["count"] == 80


def test_json_keeps_what_it_can_and_replaces_the_rest(database: Database) -> None:
    """Decimals and dates become text; characters that no database holds are replaced; others stay."""
    value = {"amount": Decimal("1E+3"), "date": NOON.date(), "name": "a\x00b\ud800c \U0001f600 é \\u0000"}

    with database.transaction() as session:
        learned.save(session, 1, "odd", value)

    with database.reading() as session:
        assert learned.read(session, 1, "odd") == {
            "amount": "1000",
            "date": "2026-11-02",
            "name": "a\ufffdb\ufffdc \U0001f600 é \\u0000",
        }
