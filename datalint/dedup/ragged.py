"""Rows of different length in two flat arrays, and the arithmetic of sets held that way."""

import itertools
from collections.abc import Callable, Iterator, Sequence
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

CHUNK: Final = 1 << 16
"""Elements handled at once: their 64-bit sort keys (512 KiB) stay in the processor's cache."""

_HALF: Final = np.uint64(32)
_LARGEST: Final = np.uint32(0xFFFFFFFF)


def ranges(starts: I64, lengths: I64) -> I64:
    """The concatenation of `arange(start, start + length)` over all pairs; shape (sum of lengths,)."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - ends + lengths, lengths) + np.arange(total)


def spans(sizes: I64, limit: int, classes: NDArray[Any] | None = None) -> Iterator[tuple[int, int]]:
    """Consecutive index ranges whose sizes add up to about `limit`; a larger item begins its range.

    Where `classes`, shape of sizes, is given, a range holds items of one class only.
    """
    group = np.cumsum(sizes) // limit
    cut = group[1:] != group[:-1]
    if classes is not None:
        cut |= classes[1:] != classes[:-1]
    edges = [0, *(np.flatnonzero(cut) + 1).tolist(), len(sizes)]
    return ((start, stop) for start, stop in itertools.pairwise(edges) if start < stop)


def run_starts(values: NDArray[Any]) -> Bool:
    """True where a value differs from the one before it, and at the first; shape of values."""
    starts = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=starts[1:])
    return starts


def distinct(values: U64, sort: Callable[[U64], U64] = np.sort) -> U64:
    """Sorted distinct values: a sort and a comparison, several times faster than numpy's hashing `unique`."""
    ordered = sort(values)
    return ordered[run_starts(ordered)]


def joined(parts: list[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    """The parts one after the other. Empties the list on the way, so that there are never two copies of all."""
    whole = np.empty(sum(map(len, parts)), dtype)
    done = len(whole)
    while parts:
        part = parts.pop()
        whole[done - len(part) : done] = part
        done -= len(part)
    return whole


def among(values: U64, ordered: U64) -> Bool:
    """True where a value stands among the `ordered` ones; shape of values."""
    if not len(ordered):
        return np.zeros(len(values), bool)
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: Bool = ordered[place] == values
    return found


@dataclass(frozen=True)
class Ragged:
    """n rows of unsigned 32-bit values: row i is `values[offsets[i]:offsets[i + 1]]`."""

    values: U32  # shape (total,)
    offsets: I64  # shape (n + 1,), from 0 to total

    @classmethod
    def of(cls, values: U32, lengths: NDArray[Any]) -> "Ragged":
        return cls(values, np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))))

    @classmethod
    def joined(cls, parts: Sequence["Ragged"]) -> "Ragged":
        """The rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls.of(np.concatenate([p.values for p in parts]), np.concatenate([p.lengths for p in parts]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> I64:
        return np.diff(self.offsets)

    def take(self, rows: NDArray[np.integer[Any]]) -> "Ragged":
        """The given rows, in the given order."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        taken = Ragged.of(np.empty(int(lengths.sum()), np.uint32), lengths)
        for first, last in spans(lengths, CHUNK):
            places = ranges(starts[first:last], lengths[first:last])
            self.values.take(places, out=taken.values[taken.offsets[first] : taken.offsets[last]], mode="clip")
        return taken

    def between(self, start: int, stop: int) -> "Ragged":
        """Rows start to stop, without a copy of their values."""
        first, last = self.offsets[start], self.offsets[stop]
        return Ragged(self.values[first:last], self.offsets[start : stop + 1] - first)

    def where(self, keep: Bool) -> "Ragged":
        """The same rows with only the values that `keep`, shape (total,), marks."""
        kept = np.flatnonzero(keep)
        return Ragged(self.values[kept], np.searchsorted(kept, self.offsets))


def row_sets(rows: Ragged) -> Ragged:
    """Each row as a set: sorted, every value once.

    Rows of about the same length are sorted side by side in a padded matrix, which numpy does an order of magnitude
    faster than one long sort of (row, value) keys. Fast where neighbours have similar lengths; right in any order.
    """
    values, sizes = [rows.values[:0]], [rows.offsets[:0]]
    classes = np.log2(np.maximum(rows.lengths, 1)) * 4 // 1
    for start, stop in spans(rows.lengths, CHUNK, classes):
        part = rows.between(start, stop)
        place = np.arange(int(part.lengths.max(initial=0)))
        filled = place < part.lengths[:, None]
        matrix = np.full(filled.shape, _LARGEST)
        matrix[filled] = part.values
        matrix.sort(axis=1)
        # The padding is sorted behind everything else, so that the filled places stay the same.
        filled[:, 1:] &= matrix[:, 1:] != matrix[:, :-1]
        values.append(matrix[filled])
        sizes.append(filled.sum(axis=1))
    return Ragged.of(np.concatenate(values), np.concatenate(sizes))


def jaccard(sets: Ragged, left: I64, right: I64) -> F64:
    """Jaccard similarity of the sets left[p] and right[p]; shape (p,), 1 where both are empty."""
    lengths = sets.lengths
    total = lengths[left] + lengths[right]
    common = np.zeros(len(left), np.int64)
    for start, stop in spans(total, CHUNK):
        pairs = np.arange(stop - start, dtype=np.uint64) << _HALF
        sides = [sets.take(side) for side in (left[start:stop], right[start:stop])]
        # Both sides are sorted already: a stable sort merges two runs and costs a tenth of a full sort.
        keys = np.concatenate([np.repeat(pairs, side.lengths) | side.values for side in sides])
        keys.sort(kind="stable")
        # A value that both sets hold stands twice, next to itself.
        both = keys[1:][keys[1:] == keys[:-1]] >> _HALF
        common[start:stop] = np.bincount(both.astype(np.int64), minlength=stop - start)
    return np.where(total == 0, 1.0, common / np.maximum(total - common, 1))
