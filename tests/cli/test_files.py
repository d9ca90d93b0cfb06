"""Files that commands write: for the owner alone, whole or not at all, and over nothing that somebody needs."""

import os
import stat
from pathlib import Path

import pytest

from connector.cli import files
from connector.cli.files import write_file
from connector.errors import InvalidSetting

from .conftest import Office

LIST = b"division;customer_code;new_kvk\n1;10;69599084\n1;11;\n"


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    """Reports and plans hold customers' data: a new file, and one that was readable for all, get mode 600."""
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_bytes(b"old")
    old.chmod(0o644)

    for path in (old, new):
        write_file(path, b"content")

    assert {(path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) for path in (old, new)} == {(b"content", 0o600)}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new.csv", "old.csv"]


def test_what_is_not_finished_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up on the way costs the new file, not the old one, and leaves no pieces."""
    path = tmp_path / "plan.json"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)

    with pytest.raises(InvalidSetting, match="No space left on device"):
        write_file(path, b"new")

    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("plan.json", b"old")]


@pytest.mark.parametrize("target_exists", [True, False])
def test_link_is_not_followed(tmp_path: Path, target_exists: bool) -> None:
    """Somebody else's link in a shared folder does not lead our data to another file, there or not."""
    target, link = tmp_path / "target", tmp_path / "kvk-plan.json"
    if target_exists:
        target.write_bytes(b"untouched")
    link.symlink_to(target)

    with pytest.raises(InvalidSetting, match="is a link"):
        write_file(link, b"content")

    assert target.exists() == target_exists
    assert not target_exists or target.read_bytes() == b"untouched"


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """A pipe stays a pipe, and gets the bytes: --output /dev/stdout replaces no device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    write_file(pipe, b"content")

    received = os.read(reader, 100)
    os.close(reader)
    assert (received, stat.S_ISFIFO(pipe.stat().st_mode)) == (b"content", True)


def test_report_does_not_go_over_a_list_that_is_being_filled_in(office: Office) -> None:
    """Numbers that somebody looked up are not written over; the error says how many there are."""
    (office.folder / "kvk.csv").write_bytes(LIST)

    ended = office.run("audit", "kvk", "--format", "csv", "--output", "kvk.csv")

    assert (ended.returncode, (office.folder / "kvk.csv").read_bytes()) == (2, LIST)
    assert ended.stderr.decode().splitlines()[0] == "error: kvk.csv is a list in which 1 row is filled in"


def test_plan_does_not_go_over_its_list(office: Office) -> None:
    """--out with the name of the list itself is refused, also by another way to it."""
    (office.folder / "kvk.csv").write_bytes(LIST)

    ended = office.run("kvk", "fill", "kvk.csv", "--out", str(office.folder / "kvk.csv"))

    assert (ended.returncode, (office.folder / "kvk.csv").read_bytes()) == (2, LIST)
    assert "is the list itself" in ended.stderr.decode()
