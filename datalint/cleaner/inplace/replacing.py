"""One file that is replaced at once or not at all, and keeps its name, its mode, its owner and the links to it.

The new bytes are written to a temporary file in the same folder, forced to disk, and take the file's place by one
rename. Who replaces a file holds a lock on it; the kernel lets go of that when its holder dies, so that whatever
temporary file is found under the lock belongs to a dead run.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from datalint.disk import synced
from datalint.errors import InputError, OutputError

_LOCK_TRIES = 5


@dataclass(frozen=True)
class Held:
    """A file that nobody else replaces for now. `path` is the file itself, links followed."""

    path: Path
    name: str
    seen: os.stat_result  # the file before anything of it was read


@contextmanager
def held(path: Path, name: str) -> Iterator[Held]:
    """Lock a file, and remove what a dead run left beside it.

    Raises OutputError if it may not be written or another run is writing it.
    """
    path = path.resolve()
    with _told(name):
        handle = _locked(path, name)
    try:
        with _told(name):
            for left in leftovers(path):
                left.unlink()
        yield Held(path, name, os.fstat(handle))
    finally:
        # A signal may come when a temporary file is made and nobody knows its name yet. (Once the file was replaced,
        # the lock is another file's, and a temporary file another run's.)
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                for left in leftovers(path):
                    left.unlink()
        os.close(handle)


def leftovers(path: Path) -> list[Path]:
    """Temporary files for a file. Those of a live run are among them, unless the lock is held."""
    # What mkstemp draws has no dot: another file may be called as this one, and ".datalint-" something.
    temporary = re.compile(re.escape(_prefix(path)) + r"[a-z0-9_]+\.new")
    with os.scandir(path.parent) as entries:
        return [Path(entry.path) for entry in entries if temporary.fullmatch(entry.name)]


@contextmanager
def written(file: Held, pieces: Iterable[bytes]) -> Iterator[Path]:
    """A temporary file with the new bytes, on the disk, with all that describes the old one but its time.

    It is gone when the block ends, unless `put` has made it the file. Raises OutputError, and what `pieces` raises.
    """
    with _told(file.name):
        handle, name = tempfile.mkstemp(prefix=_prefix(file.path), suffix=".new", dir=file.path.parent)
    new = Path(name)
    try:
        with _told(file.name), os.fdopen(handle, "wb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            _described(new, file)
            os.fsync(stream.fileno())
        yield new
    finally:
        with suppress(FileNotFoundError):
            new.unlink()


def put(new: Path, file: Held) -> None:
    """Let the temporary file take the place of the file. Raises InputError if that is not what it was."""
    with _told(file.name):
        now = file.path.stat()
        if _state(now) != _state(file.seen):
            raise InputError(f"{file.name}: changed while it was read; run again when nobody writes to it")
        new.replace(file.path)
    with _told(file.name, "its new content is there, but a crash of the machine may lose it"):
        synced(file.path.parent)


def _state(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns


def _prefix(path: Path) -> str:
    return f".{path.name}.datalint-"


def _locked(path: Path, name: str) -> int:
    """A descriptor that holds the lock. The file itself is locked: a second file could be left behind."""
    for _ in range(_LOCK_TRIES):
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The holder before us may have replaced the file between our open and our lock.
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except BlockingIOError:
            os.close(handle)
            raise OutputError(f"{name} is being written by another run; try again when that has ended") from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
    raise OutputError(f"{name} is being written by other runs; try again")


def _described(new: Path, file: Held) -> None:
    """Owner, mode, access lists and extended attributes of the old file."""
    made = new.stat()
    if (made.st_uid, made.st_gid) != (file.seen.st_uid, file.seen.st_gid):
        try:
            os.chown(new, file.seen.st_uid, file.seen.st_gid)
        except PermissionError:
            what = "belongs to another user or group, which would lose it"
            raise OutputError(f"{file.name} {what}; let its owner run this, or write a new file") from None
    shutil.copystat(file.path, new)
    os.utime(new)  # what looks at times must see that it changed


@contextmanager
def _told(name: str, state: str = "it is as it was") -> Iterator[None]:
    """Failures of the disk as one line that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"{name} cannot be written ({reason}); {state}") from error
