"""The data files of one input: one, or shards of a size, as Hugging Face names them.

A size is that of rows before they are compressed, as `datasets` counts it: of JSON Lines the bytes of the lines, of
Parquet the bytes of the values. What a row takes does not depend on the rows around it, so that shards that are
cleaned again are as large as they were.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from datalint.cleaner.stored.names import Taken, shard_names
from datalint.cleaner.stored.tables import Writer

if TYPE_CHECKING:
    import pyarrow as pa


class RowFile(Protocol):
    """A file that rows are written to: a record batch (Parquet) or lines (JSON Lines) at a time."""

    def write(self, rows: Any) -> None:
        """Take more rows."""
        ...

    def close(self, marks: Mapping[int, bytes]) -> None:
        """Write what is waiting; `marks` (row -> digest) tell rows apart that are stored alike."""
        ...

    def abort(self) -> None:
        """Let go of the file."""
        ...


class Lines:
    """A file of JSON Lines."""

    def __init__(self, path: Path) -> None:
        """Open the file."""
        self._file = path.open("xb")

    def write(self, rows: Sequence[bytes]) -> None:
        """Take lines without their line ends."""
        if rows:
            self._file.write(b"\n".join(rows) + b"\n")

    def close(self, marks: Mapping[int, bytes]) -> None:
        """Close it. Lines are told apart by their bytes."""
        assert not marks
        self._file.close()

    def abort(self) -> None:
        """Let go of the file; what is in it does not matter any more."""
        with suppress(OSError):
            self._file.close()


@dataclass
class Shards:
    """The files that the rows of one input go to, in their order."""

    folder: Path
    output: str
    create: Callable[[Path], RowFile]
    limit: int | None = None  # bytes of rows in one file; a row that is larger has a file of its own
    _paths: list[Path] = field(default_factory=list)
    _file: RowFile | None = None
    _rows: int = 0  # in the file that is open
    _held: int = 0  # their bytes
    _marks: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._open()

    def write(self, rows: Any, marks: Mapping[int, bytes]) -> list[int]:
        """Take rows (a record batch or lines) and the marks of some; returns those with which a new file begins."""
        starts, at = [], 0
        while at < len(rows):
            rest = rows[at:] if at else rows
            count = len(rows) - at if self.limit is None else _fitting(rest, self.limit - self._held)
            if not count and self._rows:
                self._next()
                starts.append(at)
                continue
            some = rest[: max(count, 1)]
            assert self._file is not None
            self._file.write(some)
            if marks:
                self._marks.update({self._rows + i - at: marks[i] for i in range(at, at + len(some)) if i in marks})
            self._held += 0 if self.limit is None else stored_size(some)
            self._rows += len(some)
            at += len(some)
        return starts

    def finish(self, taken: Taken) -> list[str]:
        """Close the files, give them their names below the folder, and return these."""
        self._close()
        names = [self.output] if len(self._paths) == 1 else shard_names(self.output, len(self._paths), taken)
        for path, name in zip(self._paths, names, strict=True):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            path.rename(self.folder / name)
        return names

    def abort(self) -> None:
        """Let go of the files."""
        if self._file is not None:
            self._file.abort()

    def _open(self) -> None:
        # No name of an output begins with a dot and has no ending.
        self._paths.append(self.folder / f".shard-{len(self._paths)}")
        self._file = self.create(self._paths[-1])

    def _close(self) -> None:
        assert self._file is not None
        self._file.close(self._marks)
        self._file, self._marks, self._rows, self._held = None, {}, 0, 0

    def _next(self) -> None:
        self._close()
        self._open()


def parquet_file(schema: "pa.Schema") -> Callable[[Path], RowFile]:
    """What opens a Parquet file of the schema."""
    return lambda path: Writer(path, schema)


def _fitting(rows: Any, room: int) -> int:
    """How many of the first rows take no more than `room` bytes."""
    if stored_size(rows) <= room:
        return len(rows)
    return bisect_right(range(1, len(rows) + 1), room, key=lambda count: stored_size(rows[:count]))


def stored_size(rows: Any) -> int:
    """Bytes of lines or of a record batch's values; that of rows together is the sum of that of each."""
    if isinstance(rows, list):
        return sum(map(len, rows)) + len(rows)
    return sum(_bytes_of(column) for column in rows.columns)


def _bytes_of(array: "pa.Array") -> int:
    """Of an array: its values, and four or eight bytes for where each string or list begins."""
    import pyarrow as pa

    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _bytes_of(array.storage)
    if pa.types.is_struct(kind):
        return sum(_bytes_of(array.field(i)) for i in range(kind.num_fields))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        first, last = _ends(array, 4 if pa.types.is_list(kind) else 8)
        return 4 * len(array) + _bytes_of(array.values.slice(first, last - first))
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        first, last = _ends(array, 4)
        return 4 * len(array) + last - first
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        first, last = _ends(array, 8)
        return 4 * len(array) + last - first
    if pa.types.is_dictionary(kind):
        return 4 * len(array) + _bytes_of(array.dictionary_decode())
    try:
        return len(array) * max(1, int(kind.bit_width) // 8)
    except ValueError:  # maps, views and others that hardly a dataset has
        return int(array.nbytes)


def _ends(array: "pa.Array", width: int) -> tuple[int, int]:
    """Where the strings or lists of an array begin and end in its values. `width`: bytes of an offset."""
    import numpy as np

    if not len(array):
        return 0, 0
    offsets = np.frombuffer(array.buffers()[1], np.int32 if width == 4 else np.int64)
    return int(offsets[array.offset]), int(offsets[array.offset + len(array)])
