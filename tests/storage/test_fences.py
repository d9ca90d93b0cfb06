"""A fence is a number beside the key file that only goes up."""

import threading
from pathlib import Path

import pytest

from connector.storage.fences import Fences


@pytest.fixture
def fences(tmp_path: Path) -> Fences:
    return Fences(tmp_path / "connector.key")


def test_number_only_goes_up(fences: Fences) -> None:
    """A late writer with a lower number changes nothing; another chain has its own number."""
    found = []
    for number in (3, 2, 4):
        fences.raise_to("chain", number)
        found.append(fences.read("chain"))

    assert found == [3, 3, 4]
    assert fences.read("other") == 0


def test_many_writers_leave_one_whole_number(fences: Fences) -> None:
    """Writers at the same moment leave a number that one of them wrote, and no draft."""
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        fences.raise_to("chain", number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert fences.read("chain") in range(1, 9)
    assert [file.name for file in fences.folder.iterdir()] == ["connector.key.fence-chain"]


def test_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Where nothing can be written the caller hears of it, and reading gives no number."""
    fences = Fences(tmp_path / "nowhere" / "connector.key")

    with pytest.raises(OSError, match="nowhere"):
        fences.raise_to("chain", 1)

    assert fences.read("chain") == 0
