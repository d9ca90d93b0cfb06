"""What commands write into files: whole or not at all, for the owner's eyes only, and never through somebody's link."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from connector.errors import InvalidSetting


def write_file(path: Path, content: bytes) -> None:
    """Write what a command was asked to put into a file, over what is there; only its owner can read it.

    A file that is being replaced stays whole until the new one is. What is no file, such as /dev/stdout or a pipe, is
    written to as it is.

    Raises:
        InvalidSetting: It cannot be written, or is a link: who made it, and to what, is not ours to follow.
    """
    try:
        if _is_no_file(path):
            with path.open("wb") as device:
                device.write(content)
            return
        if path.is_symlink():
            raise InvalidSetting(f"{path} is a link, and is not written through", hint="name the file itself")
        _replace(path, content)
    except OSError as error:
        raise InvalidSetting(f"{path} cannot be written: {error.strerror}", hint="choose another file") from error


def _is_no_file(path: Path) -> bool:
    """Whether there is something that is no file and no folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _replace(path: Path, content: bytes) -> None:
    if path.is_dir():
        raise IsADirectoryError(None, "it is a folder")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")  # mode 600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
