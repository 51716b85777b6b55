"""What the file system is asked for where something has to be there, whole, after a crash."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def synced(path: Path) -> None:
    """Have a file's bytes, or the names in a folder, survive a power cut. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def usual_mode(allowed: int) -> int:
    """The mode of something new that is not a temporary file's: 0o666 or 0o777 less the user's mask."""
    mask = os.umask(0)
    os.umask(mask)
    return allowed & ~mask


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of another one once it is whole, with its mode. Raises OSError.

    A link is replaced, not what it points to.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".new", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fsync(handle)
        new.chmod(_mode(path))
        new.replace(path)
    finally:
        with suppress(FileNotFoundError):
            new.unlink()


def _mode(path: Path) -> int:
    """The mode of a file that is replaced, or of a new one."""
    if path.is_file() and not path.is_symlink():
        return stat.S_IMODE(path.stat().st_mode)
    return usual_mode(0o666)
