"""Standard input and pipes: they can be read once only, so that they are kept on disk for as long as they are needed.

The file has no name where the system allows that: whatever ends the process, nothing stays behind.
"""

import os
import select
import stat
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from datalint.errors import InputError

STDIN = "-"
_PIECE = 1 << 20

Place = tuple[int, int]
"""Device and inode: two names of one stream have the same."""


class Kept:
    """Keeps a temporary file, which goes with this object. To another process only its path is of use."""

    __slots__ = ("_file",)

    def __init__(self, file: IO[bytes] | None) -> None:
        """`file` removes itself when it is closed."""
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Kept, (None,)


@dataclass
class Once:
    """The streams that a run has kept: one that is named twice is read once."""

    _kept: dict[Place, tuple[Path, Kept]] = field(default_factory=dict)

    def keep(self, path: Path, name: str) -> tuple[Path, Kept]:
        """Read a stream to its end, and where it is then. Raises InputError if it is closed or the disk is full."""
        try:
            if is_stdin(path):
                if sys.stdin is None:
                    raise InputError(f"{name}: standard input is closed; name a file")
                return self._keep(sys.stdin.buffer, name)
            place = _place(path.stat())
            if place in self._kept:
                return self._kept[place]
            with path.open("rb", buffering=0) as stream:
                return self._keep(stream, name)
        except OSError as fault:
            raise InputError(f"{name}: cannot be read ({fault.strerror}); check the path") from None

    def _keep(self, stream: IO[bytes], name: str) -> tuple[Path, Kept]:
        try:
            place = _place(os.fstat(stream.fileno()))
        except OSError:  # a stream in memory that stands for standard input
            place = (-1, -1)
        if place not in self._kept:
            path, file = _temporary(name)
            while (piece := stream.read(_PIECE)) != b"":
                if piece is None:  # a stream that does not wait by itself
                    select.select([stream], [], [])
                else:
                    _write(file, piece, name)
            self._kept[place] = path, Kept(file)
        return self._kept[place]


def is_stdin(path: Path) -> bool:
    """Whether a path means standard input: it is not to be opened a second time."""
    if str(path) == STDIN:
        return True
    try:
        return os.path.samestat(path.stat(), os.fstat(0))
    except OSError:
        return False


def is_stream(path: Path) -> bool:
    """Whether what a path means can be read once only. Raises OSError."""
    if str(path) == STDIN:
        return True
    mode = path.stat().st_mode
    return stat.S_ISFIFO(mode) or (not stat.S_ISREG(mode) and not stat.S_ISDIR(mode) and is_stdin(path))


def _place(found: os.stat_result) -> Place:
    return found.st_dev, found.st_ino


def _temporary(name: str) -> tuple[Path, IO[bytes]]:
    """A file to write to, and the path at which it can be opened until it is closed."""
    try:
        file: IO[bytes] = tempfile.TemporaryFile(prefix="datalint-", buffering=0)  # noqa: SIM115 - the caller closes it
        path = Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        if path.exists():
            return path, file
        file.close()  # a system on which a file without a name cannot be opened again
        named = tempfile.NamedTemporaryFile(prefix="datalint-", buffering=0)  # noqa: SIM115  it is to stay
    except OSError as fault:
        raise _no_room(name, fault) from None
    return Path(named.name), named


def _write(file: IO[bytes], piece: bytes, name: str) -> None:
    try:
        left = memoryview(piece)
        while left:
            left = left[file.write(left) :]
    except OSError as fault:
        raise _no_room(name, fault) from None


def _no_room(name: str, fault: OSError) -> InputError:
    return InputError(f"{name}: cannot be kept on disk ({fault.strerror}); let TMPDIR name a folder with room")
