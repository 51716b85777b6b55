"""What makes two rows near duplicates: the exact comparison behind every reported pair."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from datalint.dedup.lsh import unpack
from datalint.dedup.ragged import F64, I64, U64, Bool, Ragged, distinct, jaccard, ranges, row_sets, run_starts, spans
from datalint.dedup.tokens import shingle

_BATCH: Final = 1 << 19
"""Tokens whose bigrams are held at once: about 10 MiB of scratch."""


@dataclass(frozen=True)
class Thresholds:
    """Smallest Jaccard similarities of a near-duplicate pair, each in 0..1."""

    sets: float  # distinct words, or character 5-grams
    bigrams: float  # pairs of neighbouring words
    numbers: float  # words with a digit


@dataclass(frozen=True)
class Rows:
    """n rows ready to be compared."""

    sequence: Ragged  # tokens in reading order
    sets: Ragged  # distinct words; in rows without spaces distinct character 5-grams
    numbers: Ragged  # the words of `sets` that hold a digit
    spaced: bool


@dataclass(frozen=True)
class Pairs:
    """p verified pairs, sorted and distinct."""

    packed: U64  # left << 32 | right, left < right
    sets: F64
    bigrams: F64  # NaN in rows without spaces
    numbers: F64  # NaN in rows without spaces

    def __len__(self) -> int:
        return len(self.packed)

    @classmethod
    def none(cls) -> "Pairs":
        """No pairs at all."""
        return cls(np.zeros(0, np.uint64), np.zeros(0), np.zeros(0), np.zeros(0))

    def where(self, keep: Bool) -> "Pairs":
        """The pairs that `keep`, shape (p,), marks."""
        return Pairs(self.packed[keep], self.sets[keep], self.bigrams[keep], self.numbers[keep])

    def merge(self, other: "Pairs") -> "Pairs":
        """Both together; what stands in both is kept once."""
        packed = np.concatenate((self.packed, other.packed))
        order = np.argsort(packed, kind="stable")
        order = order[run_starts(packed[order])]
        return Pairs(
            packed[order],
            np.concatenate((self.sets, other.sets))[order],
            np.concatenate((self.bigrams, other.bigrams))[order],
            np.concatenate((self.numbers, other.numbers))[order],
        )


def prepare(sequence: Ragged, *, spaced: bool) -> Rows:
    """Rows of one kind, shortest first, with the sets that are compared."""
    if spaced:
        sets = row_sets(shingle(sequence, 1))
        return Rows(sequence, sets, sets.where((sets.values & 1).astype(bool)), spaced=True)
    # The separator after the last line is no character of the row.
    lengths = sequence.lengths - 1
    sequence = Ragged.of(sequence.values[ranges(sequence.offsets[:-1], lengths)], lengths)
    sets = row_sets(shingle(sequence, 5))
    return Rows(sequence, sets, sets.where(np.zeros(len(sets.values), bool)), spaced=False)


def verify(rows: Rows, pairs: U64, thresholds: Thresholds) -> Pairs:
    """Of packed candidate pairs those whose exact similarities reach every threshold.

    The tests run from cheap to dear, each on what the one before let through: sizes alone (two sets cannot be more
    alike than the smaller over the larger), numbers, words, bigrams.
    """
    left, right = unpack(pairs)
    sizes = rows.sets.lengths
    pairs = pairs[np.minimum(sizes[left], sizes[right]) / np.maximum(sizes[left], sizes[right]) >= thresholds.sets]
    unknown = np.full(len(pairs), np.nan)
    found = Pairs(pairs, unknown, unknown, unknown)
    if rows.spaced:
        numbers = jaccard(rows.numbers, *unpack(found.packed))
        found = replace(found, numbers=numbers).where(numbers >= thresholds.numbers)
    words = jaccard(rows.sets, *unpack(found.packed))
    found = replace(found, sets=words).where(words >= thresholds.sets)
    if rows.spaced:
        bigrams = _bigram_jaccard(rows.sequence, *unpack(found.packed))
        found = replace(found, bigrams=bigrams).where(bigrams >= thresholds.bigrams)
    return found


def _bigram_jaccard(sequence: Ragged, left: I64, right: I64) -> F64:
    """Similarity of the sets of neighbouring tokens, built for a batch of pairs at a time: few rows need them."""
    result = np.empty(len(left))
    lengths = sequence.lengths
    for start, stop in spans(lengths[left] + lengths[right], _BATCH):
        one, other = left[start:stop], right[start:stop]
        involved = distinct(np.concatenate((one, other)).astype(np.uint64)).astype(np.int64)
        bigrams = row_sets(shingle(sequence.take(involved), 2))
        result[start:stop] = jaccard(bigrams, np.searchsorted(involved, one), np.searchsorted(involved, other))
    return result
