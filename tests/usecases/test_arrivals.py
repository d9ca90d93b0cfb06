"""Which files belong together, before anything is read into the core."""

from pathlib import Path

from connector.usecases.ingest_paths import arrivals


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    """A link beside an invoice could lead to a key or settings file, which would then be mailed with it."""
    (tmp_path / "secret").write_text("key")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "f.xml").write_text("<Invoice/>")
    (folder / "f.txt").symlink_to(tmp_path / "secret")

    found = list(arrivals([folder]))

    assert [path.name for arrival in found for path in arrival.paths] == ["f.xml"]


def test_files_named_one_by_one_belong_together(tmp_path: Path) -> None:
    """An XML and a PDF of one stem that are given as two arguments arrive as one."""
    (tmp_path / "f.xml").write_text("<Invoice/>")
    (tmp_path / "f.pdf").write_bytes(b"%PDF-1.4")

    found = list(arrivals([tmp_path / "f.xml", tmp_path / "f.pdf"]))

    assert [len(arrival.files) for arrival in found] == [2]
