"""Rows of different length in two flat arrays, and the arithmetic of sets held that way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

CHUNK: Final = 1 << 17
"""Elements handled at once: their 64-bit sort keys (1 MiB) stay in the processor's cache."""

_HALF: Final = np.uint64(32)


def ranges(starts: I64, lengths: I64) -> I64:
    """The concatenation of `arange(start, start + length)` over all pairs; shape (sum of lengths,)."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - ends + lengths, lengths) + np.arange(total)


def spans(sizes: I64, limit: int = CHUNK) -> Iterator[tuple[int, int]]:
    """Consecutive index ranges whose sizes add up to about `limit`; a larger item ends its range."""
    group = np.cumsum(sizes) // limit
    edges = [0, *(np.flatnonzero(group[1:] != group[:-1]) + 1).tolist(), len(sizes)]
    return ((start, stop) for start, stop in zip(edges, edges[1:], strict=False) if start < stop)


def run_starts(values: NDArray[Any]) -> Bool:
    """True where a value differs from the one before it, and at the first; shape of values."""
    starts = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=starts[1:])
    return starts


def distinct(values: U64) -> U64:
    """Sorted distinct values: a sort and a comparison, several times faster than numpy's hashing `unique`."""
    ordered = np.sort(values)
    return ordered[run_starts(ordered)]


@dataclass(frozen=True)
class Ragged:
    """n rows of unsigned 32-bit values: row i is `values[offsets[i]:offsets[i + 1]]`."""

    values: U32  # shape (total,)
    offsets: I64  # shape (n + 1,), from 0 to total

    @classmethod
    def of(cls, values: U32, lengths: NDArray[Any]) -> "Ragged":
        return cls(values, np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> I64:
        return np.diff(self.offsets)

    def take(self, rows: I64) -> "Ragged":
        """The given rows, in the given order."""
        lengths = self.lengths[rows]
        return Ragged.of(self.values[ranges(self.offsets[rows], lengths)], lengths)

    def between(self, start: int, stop: int) -> "Ragged":
        """Rows start to stop, without a copy of their values."""
        first, last = self.offsets[start], self.offsets[stop]
        return Ragged(self.values[first:last], self.offsets[start : stop + 1] - first)

    def where(self, keep: Bool) -> "Ragged":
        """The same rows with only the values that `keep`, shape (total,), marks."""
        counts = np.concatenate(([0], np.cumsum(keep)))
        return Ragged(self.values[keep], counts[self.offsets].astype(np.int64))


def row_sets(rows: Ragged) -> Ragged:
    """Each row as a set: sorted, every value once.

    One sort of (row, value) keys for many rows; numpy's `unique` hashes 64-bit keys and is several times slower.
    """
    values, sizes = [], []
    for start, stop in spans(rows.lengths):
        part = rows.between(start, stop)
        keys = np.repeat(np.arange(stop - start, dtype=np.uint64) << _HALF, part.lengths) | part.values
        keys.sort()
        keys = keys[run_starts(keys)]
        values.append(keys.astype(np.uint32))
        sizes.append(np.bincount((keys >> _HALF).astype(np.int64), minlength=stop - start))
    if not values:
        return rows
    return Ragged.of(np.concatenate(values), np.concatenate(sizes))


def jaccard(sets: Ragged, left: I64, right: I64) -> F64:
    """Jaccard similarity of the sets left[p] and right[p]; shape (p,), 1 where both are empty."""
    lengths = sets.lengths
    total = lengths[left] + lengths[right]
    common = np.zeros(len(left), np.int64)
    for start, stop in spans(total):
        pairs = np.arange(stop - start, dtype=np.uint64) << _HALF
        keys = []
        for side in (left[start:stop], right[start:stop]):
            part = sets.take(side)
            keys.append(np.repeat(pairs, part.lengths) | part.values)
        key = np.concatenate(keys)
        key.sort()
        # A value that both sets hold stands twice, next to itself.
        both = key[1:][key[1:] == key[:-1]] >> _HALF
        common[start:stop] = np.bincount(both.astype(np.int64), minlength=stop - start)
    return np.where(total == 0, 1.0, common / np.maximum(total - common, 1))
