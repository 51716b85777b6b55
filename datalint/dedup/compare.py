"""What makes two rows near duplicates: the exact comparison behind every reported pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datalint.dedup.kernels import PLAIN, Kernels
from datalint.dedup.ragged import F64, I64, U64, Ragged, row_sets, run_starts
from datalint.dedup.shingles import shingle


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
    kernels: Kernels = PLAIN

    @classmethod
    def of(cls, sequence: Ragged, sets: Ragged, *, spaced: bool, kernels: Kernels = PLAIN) -> "Rows":
        """Rows of one kind; `sets` are `sets_of` their sequences."""
        is_number = (sets.values & 1).astype(bool) if spaced else np.zeros(len(sets.values), bool)
        return cls(sequence, sets, sets.where(is_number), spaced, kernels)


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

    @classmethod
    def joined(cls, parts: Sequence["Pairs"]) -> "Pairs":
        """All of them together; what stands in several is kept once."""
        packed = np.concatenate([part.packed for part in parts])
        order = np.argsort(packed, kind="stable")
        order = order[run_starts(packed[order])]
        return cls(
            packed[order],
            np.concatenate([part.sets for part in parts])[order],
            np.concatenate([part.bigrams for part in parts])[order],
            np.concatenate([part.numbers for part in parts])[order],
        )


def sets_of(sequence: Ragged, *, spaced: bool) -> Ragged:
    """What rows are compared by first: their distinct words, or distinct 5-grams of characters."""
    return row_sets(shingle(sequence, 1 if spaced else 5))


def similar(rows: Rows, left: I64, right: I64, thresholds: Thresholds) -> tuple[I64, F64, F64, F64]:
    """Of some pairs those whose exact similarities reach every threshold.

    The tests run from cheap to dear, each on what the one before let through: numbers, words, bigrams.

    Args:
        rows: n rows.
        left: shape (p,), row numbers.
        right: shape (p,), row numbers.
        thresholds: What is asked.

    Returns:
        Places in left and right, sorted; similarity of sets, of bigrams and of numbers (NaN in rows without spaces).

    """
    jaccard = rows.kernels.jaccard
    found = np.arange(len(left))
    numbers = bigrams = np.full(len(left), np.nan)
    if rows.spaced:
        numbers = jaccard(rows.numbers, left, right)
        found = np.flatnonzero(numbers >= thresholds.numbers)
    sets = jaccard(rows.sets, left[found], right[found])
    found, sets = found[sets >= thresholds.sets], sets[sets >= thresholds.sets]
    if rows.spaced:
        bigrams = rows.kernels.bigram_jaccard(rows.sequence, left[found], right[found])
        near = bigrams >= thresholds.bigrams
        found, sets, bigrams = found[near], sets[near], bigrams[near]
        return found, sets, bigrams, numbers[found]
    return found, sets, bigrams[found], numbers[found]
