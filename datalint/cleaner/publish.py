"""A directory that appears at once or not at all.

Everything is written to a folder beside the target, forced to disk, and then takes the target's place by one rename.
A lock file beside it makes a second run to the same target fail; the kernel lets go of it when its holder dies, so
that whatever unfinished folder is found under the lock belongs to a dead run.
"""

import ctypes
import errno
import fcntl
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from datalint.cleaner.stored.manifest import files_in
from datalint.disk import synced, usual_mode
from datalint.errors import OutputError

_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_AT_FDCWD = -100
_LOCK_TRIES = 5


@contextmanager
def published(out: Path, *, overwrite: bool = False, again: str = "") -> Iterator[Path]:
    """A new folder to write to. It becomes `out` when the block ends, and vanishes if the block fails.

    `again` says what to do where `out` is there already. Raises OutputError if `out` may not be replaced, cannot be
    written, or is being written by another run.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100 - resolve() would follow the link that _refuse looks for
    if "\0" in str(out):
        raise OutputError(f"{str(out)!r} has a null byte, which no path may have; name another folder")
    with _told(out):
        _refuse(out, overwrite=overwrite, again=again)
        out.parent.mkdir(parents=True, exist_ok=True)
    with _locked(out), _told(out), _swept(out):
        _refuse(out, overwrite=overwrite, again=again)
        new = Path(tempfile.mkdtemp(prefix=_prefix(out), suffix=".new", dir=out.parent))
        yield new
        new.chmod(usual_mode(0o777))
        for path in [*new.rglob("*"), new]:
            synced(path)
        _refuse(out, overwrite=overwrite, again=again)
        _swap(new, out)


def _refuse(out: Path, *, overwrite: bool, again: str) -> None:
    """Whether the target is free, or may be replaced: only what datalint wrote is ever taken away."""
    if out.is_symlink():
        raise OutputError(f"{out} is a symbolic link; name the folder itself")
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"{out} is a file; name a folder that is not there yet")
    try:
        empty = not any(out.iterdir())
    except OSError as error:
        raise OutputError(f"{out} cannot be read ({error.strerror})") from None
    if empty:
        return
    if not overwrite:
        raise OutputError(f"{out} is there already; {again or 'name another folder'}")
    if not (ours := files_in(out)):
        raise OutputError(f"{out} was not written by datalint; --overwrite does not replace it, name another folder")
    inside = sorted(
        path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_symlink() or not path.is_dir()
    )
    if other := [name for name in inside if name not in ours]:
        what = f"{out} holds {other[0]!r}{f' and {len(other) - 1:,} more' if other[1:] else ''}"
        raise OutputError(
            f"{what}, which clean did not write and --overwrite would delete; move it or name another folder"
        )


def _prefix(out: Path) -> str:
    return f".{out.name}.datalint-"


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """Failures of the disk as one line that names the target."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        number = getattr(error, "errno", None)  # pyarrow puts a text of its own into `strerror`
        reason = os.strerror(number) if number else (str(error).splitlines() or [type(error).__name__])[0]
        named = getattr(error, "filename", None)
        # What failed may be an input that went away, or the disk of TMPDIR.
        elsewhere = isinstance(named, str) and not Path(named).absolute().is_relative_to(out.parent)
        raise OutputError(f"{out} cannot be written ({f'{named}: ' if elsewhere else ''}{reason})") from error


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    lock = out.parent / f".{out.name}.datalint.lock"
    with ExitStack() as stack:
        with _told(out):
            _acquire(lock, out, stack)
        yield


def _acquire(lock: Path, out: Path, stack: ExitStack) -> None:
    """Hold the lock until the stack is left."""
    for _ in range(_LOCK_TRIES):
        with ExitStack() as ours:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o666)
            ours.callback(os.close, handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
                raise OutputError(f"{out} is being written by another run (process {holder or 'unknown'})") from None
            # The holder before us may have removed the file between our open and our lock.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), lock.stat()):
                    ours.callback(_remove, lock)
                    os.truncate(handle, 0)
                    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
                    stack.push(ours.pop_all())
                    return
    raise OutputError(f"{out} is being written by other runs; try again")


def _remove(lock: Path) -> None:
    with suppress(OSError):
        lock.unlink()


@contextmanager
def _swept(out: Path) -> Iterator[None]:
    """Before and afterwards nothing unfinished lies beside the target. For the holder of the lock."""
    _sweep(out)
    try:
        yield
    finally:
        try:
            _sweep(out)
        except BaseException:  # a signal; it comes only once
            _sweep(out)
            raise


def _sweep(out: Path) -> None:
    """What dead runs left: unfinished folders go; an old output that was moved aside comes back if it must."""
    # What mkdtemp draws has no dot: another target may be called as this one, and ".datalint-" something.
    temporary = re.compile(re.escape(_prefix(out)) + r"[a-z0-9_]+\.(new|old)")
    left = [path for path in out.parent.iterdir() if temporary.fullmatch(path.name)]
    for path in left:
        if path.suffix == ".old" and not out.exists():
            path.rename(out)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _swap(new: Path, out: Path) -> None:
    """Put `new` in the place of `out`; what was there is removed afterwards."""
    try:
        new.rename(out)  # also takes the place of an empty folder
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchanged(new, out):
            old = new.with_suffix(".old")
            out.rename(old)
            new.rename(out)
    synced(out.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two folders in one step; False where the system has no such call."""
    if not sys.platform.startswith("linux"):
        return False
    rename: Callable[..., int] | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    return rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0
