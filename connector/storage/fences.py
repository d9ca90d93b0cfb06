"""Fences: beside the key file, how often each chain of tokens was stored, so that a restored database shows.

A database with a lower number is an older copy: its refresh token was used up long ago (docs/decisions/0013). When
that is looked at, and what follows, is `usecases.keep_token`'s affair.
"""

import os
import uuid
from pathlib import Path


class Fences:
    """The numbers of this host, a small file for each chain."""

    def __init__(self, key_file: Path) -> None:
        """Take the place of the key file, which need not exist: the key may come from the environment."""
        self._key_file = key_file

    @property
    def folder(self) -> Path:
        """Where the files are; it has to be writable."""
        return self._key_file.parent

    def read(self, fence: str) -> int:
        """The number of a chain; 0 when this host has not written one, or it cannot be read."""
        try:
            return int(self._file(fence).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def raise_to(self, fence: str, number: int) -> None:
        """Write a number unless there is a higher one; on disk when this returns.

        Raises:
            OSError: The folder cannot be written to.
        """
        if self.read(fence) >= number:
            return
        file = self._file(fence)
        draft = file.with_name(f"{file.name}.{uuid.uuid4().hex[:8]}")
        try:
            with draft.open("w", encoding="ascii") as out:
                out.write(f"{number}\n")
                out.flush()
                os.fsync(out.fileno())
            draft.replace(file)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        if os.name == "posix":  # elsewhere a folder cannot be synced, and need not be
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _file(self, fence: str) -> Path:
        return self._key_file.with_name(f"{self._key_file.name}.fence-{fence}")
