"""Token sequences and band keys of rows, in memory or, above a limit, on disk."""

import os
from collections.abc import Iterator
from io import FileIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from datalint.dedup.ragged import I64, U32, U64, Ragged, joined, ranges, spans
from datalint.errors import InputError
from datalint.spool import Scratch, temporary, write_all

_GAP: Final = 1 << 13
"""Values (32 KiB) that are read in vain rather than with a second call."""

_CALL: Final = 1 << 30

_SPAN: Final = 1 << 22
"""Values read by one call at most: 16 MiB."""


class Array:
    """A flat array that grows: in memory until it holds more than `limit` bytes, then in a file."""

    def __init__(self, dtype: type[np.generic], scratch: Scratch, limit: int) -> None:
        self.dtype = np.dtype(dtype)
        self.length = 0
        self._scratch, self._limit = scratch, limit
        self._parts: list[NDArray[Any]] = []
        self._file: FileIO | None = None

    @property
    def spilled(self) -> bool:
        """Whether it is in a file."""
        return self._file is not None

    def append(self, values: NDArray[Any]) -> None:
        """More values at the end."""
        self.length += len(values)
        if self._file is None and self.length * self.dtype.itemsize <= self._limit:
            self._parts.append(values)
            return
        waiting, self._parts = [*self._parts, values], []
        if self._file is None:
            self._file = self._scratch.open()
        with temporary():
            for part in waiting:
                write_all(self._file, np.ascontiguousarray(part, self.dtype).view(np.uint8).data)

    def whole(self) -> NDArray[Any]:
        """All values; of what is in memory always the same array."""
        if self._file is not None:
            return self.between(0, self.length)
        if len(self._parts) != 1:
            self._parts = [joined(self._parts, self.dtype)]
        return self._parts[0]

    def between(self, start: int, stop: int) -> NDArray[Any]:
        """Values start to stop."""
        if self._file is None:
            return self.whole()[start:stop]
        size = self.dtype.itemsize
        # One call gives 2 GiB at most.
        read = [
            os.pread(self._file.fileno(), min(_CALL, stop * size - at), at)
            for at in range(start * size, stop * size, _CALL)
        ]
        values = np.frombuffer(read[0] if len(read) == 1 else b"".join(read), self.dtype)
        if len(values) != stop - start:
            raise InputError(f"TMPDIR: {len(values)} values came back of {stop - start}: is the disk failing?")
        return values


class Sequences:
    """Token sequences of n rows, by the order in which they were appended."""

    def __init__(self, scratch: Scratch, limit: int) -> None:
        self._values = Array(np.uint32, scratch, limit)
        self._lengths = Array(np.int64, scratch, 1 << 62)
        self._offsets: I64 | None = None

    @property
    def spilled(self) -> bool:
        """Whether they are in a file."""
        return self._values.spilled

    @property
    def offsets(self) -> I64:
        """Shape (n + 1,); nothing may be appended any more."""
        if self._offsets is None:
            self._offsets = np.concatenate(([0], np.cumsum(self._lengths.whole())))
        return self._offsets

    def append(self, rows: Ragged) -> None:
        """More rows."""
        self._values.append(rows.values)
        self._lengths.append(rows.lengths)

    def whole(self) -> Ragged:
        """All rows."""
        return Ragged(self._values.whole(), self.offsets)

    def take(self, rows: I64) -> Ragged:
        """The given rows, sorted and distinct; read from a file in few pieces."""
        starts, ends = self.offsets[rows], self.offsets[rows + 1]
        lengths = ends - starts
        values: U32 = np.empty(int(lengths.sum()), np.uint32)
        done = 0
        for first, last in _pieces(starts, ends):
            at, size = int(starts[first]), int(lengths[first:last].sum())
            piece = self._values.between(at, int(ends[last - 1]))
            values[done : done + size] = piece[ranges(starts[first:last] - at, lengths[first:last])]
            done += size
        return Ragged.of(values, lengths)


def _pieces(starts: I64, ends: I64) -> Iterator[tuple[int, int]]:
    """Ranges of rows that are read by one call each."""
    gaps = np.append(0, starts[1:] - ends[:-1])[: len(starts)]
    far = gaps > _GAP
    return spans(ends - starts + np.where(far, 0, gaps), _SPAN, np.cumsum(far))


class Keys:
    """Band keys of n rows, by the order in which they were appended."""

    def __init__(self, scratch: Scratch, limit: int) -> None:
        self._values = Array(np.uint64, scratch, limit)
        self._counts: list[int] = []
        self.bands = 0

    def append(self, keys: U64) -> None:
        """More rows; shape (bands, rows)."""
        self._values.append(keys.reshape(-1))
        self._counts.append(keys.shape[1])
        self.bands = keys.shape[0]

    def of(self, band: int) -> U64:
        """The keys of one band, shape (n,)."""
        starts = np.concatenate(([0], np.cumsum(self._counts)))[:-1] * self.bands
        parts = [
            self._values.between(start + band * count, start + (band + 1) * count)
            for start, count in zip(starts.tolist(), self._counts, strict=True)
        ]
        return np.concatenate(parts)
