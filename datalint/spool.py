"""Frames that wait until all is read: in memory, or on disk once they are too many.

On disk they are Arrow IPC files, each with one record batch a partition: whoever needs the rows of some keys reads
one batch of each file, and a count for each batch tells whether all of it came back.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import FileIO, RawIOBase
from pathlib import Path
from typing import Final, Self

import polars as pl

from datalint.errors import InputError, OutputError, UsageError

PARTITIONS: Final = 32
"""Of what has a key: so many times less than all is in memory while the rows of some keys meet."""

_UNITS: Final = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def parse_size(text: str, *, origin: str) -> int:
    """`4GB`, `512 MiB`, `1.5g` or a plain number of bytes, as bytes. Raises UsageError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", text.lower())
    if not match or (match[3] and not match[2]):
        raise UsageError(f"{origin}: {text!r} is not a size such as 4GB, 512MiB or 2000000000")
    return int(float(match[1]) * (_BINARY if match[3] else _UNITS)[match[2]])


def half_of_memory() -> int:
    """Half of the memory that this process may use, in bytes: the machine's, or its control group's if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    group = Path("/sys/fs/cgroup/memory.max")
    limit = group.read_text().strip() if group.is_file() else "max"
    return min(total, int(limit) if limit.isdigit() else total) // 2


@contextmanager
def temporary() -> Iterator[None]:
    """Tell failures to write to the folder for temporary files as what they are. Raises OutputError."""
    try:
        yield
    except OSError as error:
        # pyarrow puts a text of its own into `strerror`.
        reason = os.strerror(error.errno) if error.errno else str(error)
        where = f"{tempfile.tempdir or 'TMPDIR'}, the folder for temporary files,"
        raise OutputError(f"{where} cannot be written ({reason}); let TMPDIR name a folder with room") from error


def write_all(file: RawIOBase, data: memoryview) -> None:
    """Write bytes to a file that may take less than it is given. Raises OSError."""
    while data:
        data = data[file.write(data) or 0 :]


@dataclass
class Scratch:
    """A folder for what does not fit into memory, made when first needed; and how many bytes may be held."""

    limit: int = field(default_factory=half_of_memory)
    _stack: ExitStack = field(default_factory=ExitStack)
    _folder: Path | None = None
    _count: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._folder = None

    def open(self) -> FileIO:
        """A new file for writing and reading, closed and gone with this object. Nothing waits to be written in it."""
        with temporary():
            return self._stack.enter_context(self.file().open("x+b", buffering=0))

    def file(self) -> Path:
        """A name for a new file. The folder is under TMPDIR and goes away with this object."""
        if self._folder is None:
            with temporary():
                self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="datalint-")))
        self._count += 1
        return self._folder / str(self._count)


@dataclass(frozen=True)
class _Spilled:
    path: Path
    counts: Sequence[int]  # rows of each record batch, which is a partition


@dataclass
class Spool:
    """Frames in the order in which they came, to be gone through again and again.

    key: Columns whose equal values must meet; rows with a null there are left out.
    """

    scratch: Scratch
    key: Sequence[str] = ()
    held: int = 0  # bytes in memory
    size: int = 0  # bytes in all
    _frames: list[pl.DataFrame] = field(default_factory=list)
    _files: list[_Spilled] = field(default_factory=list)

    def append(self, frame: pl.DataFrame) -> None:
        """One frame more, in memory at first."""
        kept = frame.drop_nulls(list(self.key)) if any(frame[name].null_count() for name in self.key) else frame
        if kept.height:
            self._frames.append(kept)
            self.held += int(kept.estimated_size())
            self.size += int(kept.estimated_size())

    def spill(self) -> None:
        """Write what is held to disk."""
        if not self._frames:
            return
        import pyarrow as pa

        parts = self._split()
        path = self.scratch.file()
        schema = parts[0].to_arrow().schema
        with temporary(), pa.OSFile(os.fsencode(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for part in parts:
                table = part.to_arrow().combine_chunks()
                writer.write_batch(table.to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], schema))
        self._files.append(_Spilled(path, [part.height for part in parts]))
        self._frames, self.held = [], 0

    def frames(self, *columns: str) -> Iterator[pl.DataFrame]:
        """All rows in their order, a part at a time; only some columns if they are named. For what has no key."""
        for file in self._files:
            yield from (_read(file, number, columns) for number in range(len(file.counts)))
        yield from (pl.DataFrame([frame[c] for c in columns]) if columns else frame for frame in self._frames)

    def drain(self) -> Iterator[pl.DataFrame]:
        """As `frames`, for the last time: what has been gone through is let go."""
        for file in self._files:
            yield from (_read(file, number, ()) for number in range(len(file.counts)))
            file.path.unlink()
        waiting, self._frames, self._files, self.held = self._frames[::-1], [], [], 0
        while waiting:
            yield waiting.pop()

    def partitions(self) -> Iterator[pl.DataFrame]:
        """All rows, those with equal keys in one frame. In memory one partition is best."""
        if not self._files:
            if self._frames:
                yield _joined(self._frames)
            return
        self.spill()
        for number in range(len(self._files[0].counts)):
            yield _joined([_read(file, number, ()) for file in self._files])

    def _split(self) -> list[pl.DataFrame]:
        """What is held, of one schema: by key, or as it came."""
        whole = _joined(self._frames)
        if not self.key:
            heights = [frame.height for frame in self._frames]
            return [whole.slice(sum(heights[:i]), height) for i, height in enumerate(heights)]
        number = (pl.struct(self.key).hash(seed=0) % PARTITIONS).alias("partition")
        found = whole.with_columns(number).partition_by("partition", as_dict=True, include_key=False)
        return [found.get((p,), whole.clear()) for p in range(PARTITIONS)]


def _joined(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    # In one piece: once a filter has emptied one of several, `pl.format` of polars 2.1 may panic.
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed", rechunk=True)


def _read(file: _Spilled, number: int, columns: Sequence[str]) -> pl.DataFrame:
    import pyarrow as pa

    with pa.OSFile(os.fsencode(file.path), "rb") as source:
        schema = pa.ipc.open_file(source).schema
        options = pa.ipc.IpcReadOptions(included_fields=[schema.get_field_index(c) for c in columns] or None)
        batch = pa.ipc.open_file(source, options=options).get_batch(number)
    if batch.num_rows != file.counts[number]:
        raise InputError(f"{file.path}: {batch.num_rows} rows came back of {file.counts[number]}: is the disk failing?")
    frame = pl.from_arrow(pa.table(batch))
    assert isinstance(frame, pl.DataFrame)
    return frame.select(columns) if columns else frame
