"""Rows of one kind made ready: numbered, with band keys, and compared on demand wherever they are kept."""

import itertools
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datalint.dedup.compare import Pairs, Rows, Thresholds, sets_of, similar
from datalint.dedup.kernels import Kernels
from datalint.dedup.lsh import Runs, buckets, rows_per_band, unpack
from datalint.dedup.packed import unpack as tokens_of
from datalint.dedup.ragged import I64, U32, U64, Bool, Ragged, distinct, joined, ranges, spans
from datalint.dedup.store import Array, Keys, Sequences
from datalint.dedup.survey import Survey
from datalint.spool import Scratch, Spool

CHARACTERS_PER_WORD: Final = 2
"""In scripts without spaces. Below 46 characters one edit in the middle already leaves less than .8."""

_PART: Final = 1 << 22
"""Tokens that are made ready together."""


class Pool:
    """n rows of one kind: with spaces between words, or without.

    Rows are numbered by length, then by content, so that ties do not depend on the order of the input and neighbours
    in a bucket are likely partners. In memory while that takes less than a quarter of the limit; else token sequences
    and band keys are in files, and only numbers of rows stay in memory.
    """

    def __init__(self, *, spaced: bool, thresholds: Thresholds, kernels: Kernels, scratch: Scratch) -> None:
        self.thresholds = thresholds
        self._spaced, self.kernels, self._scratch = spaced, kernels, scratch
        limit = scratch.limit // 8
        self._sequences, self._keys = Sequences(scratch, limit), Keys(scratch, limit)
        self._runs = Array(np.uint32, scratch, limit)
        self._ends: list[int] | None = None
        self._sets: list[U32] = []
        self._rows: Rows | None = None
        self._numbers = list[I64]()
        self._set_sizes: list[NDArray[np.int32]] = []
        self._waiting: list[tuple[Ragged, I64]] = []
        self._tokens = 0

    def add(self, sequences: Ragged, numbers: I64) -> None:
        """More rows, and the numbers that they have in the input."""
        if len(sequences):
            self._waiting.append((sequences, numbers))
            self._tokens += len(sequences.values)
            if self._tokens > _PART:
                self._make_ready()

    def close(self, hashes: U64) -> None:
        """No more rows. `hashes` are those of all rows of the input."""
        self._make_ready()
        number: I64 = np.concatenate([np.zeros(0, np.int64), *self._numbers])
        order = np.lexsort((hashes[number], np.diff(self._sequences.offsets)))
        self.number = number[order]
        self._place = order
        self.set_sizes = np.concatenate([np.zeros(0, np.int32), *self._set_sizes])[order]
        if self._sets:
            lengths = np.concatenate(self._set_sizes)
            sets = Ragged.of(joined(self._sets, np.uint32), lengths)
            self._rows = Rows.of(self._sequences.whole(), sets, spaced=self._spaced, kernels=self.kernels)

    def __len__(self) -> int:
        return len(self.number)

    def buckets(self) -> Iterator[Runs]:
        """The shared buckets of each band, sorted out at the first call."""
        if self._ends is None:
            self._ends = [0]
            for band in range(self._keys.bands if len(self) > 1 else 0):
                runs = buckets(self._keys.of(band)[self._place], self.kernels.sort)
                self._runs.append(runs.run)
                self._runs.append(runs.row)
                self._ends.append(self._runs.length)
        for start, end in itertools.pairwise(self._ends):
            middle = (start + end) // 2
            yield Runs(self._runs.between(start, middle), self._runs.between(middle, end))

    def may_be_near(self, pairs: U64) -> Bool:
        """By size alone: two sets cannot be more alike than the smaller over the larger."""
        left, right = unpack(pairs)
        sizes = self.set_sizes[left], self.set_sizes[right]
        fit: Bool = np.minimum(*sizes) / np.maximum(*sizes) >= self.thresholds.sets
        return fit

    def verify(self, pairs: U64) -> Pairs:
        """Of packed pairs those whose exact similarities reach every threshold."""
        pairs = pairs[self.may_be_near(pairs)]
        found = [Pairs.none()]
        for batch, rows, one, other in self._loaded(pairs):
            near, sets, bigrams, numbers = similar(rows, one, other, self.thresholds)
            found.append(Pairs(batch[near], sets, bigrams, numbers))
        return Pairs.joined(found)

    def _loaded(self, pairs: U64) -> Iterator[tuple[U64, Rows, I64, I64]]:
        """Pairs in batches, with the rows that they need in memory, and each pair's numbers among those rows."""
        left, right = (self._place[side] for side in unpack(pairs))
        if self._rows is not None:
            yield pairs, self._rows, left, right
            return
        lengths, found = np.diff(self._sequences.offsets), np.empty(len(self), np.int32)
        for start, stop in spans(lengths[left] + lengths[right], max(_PART, self._scratch.limit // 48)):
            one, other = left[start:stop], right[start:stop]
            rows = distinct(np.concatenate((one, other)).astype(np.uint64)).astype(np.int64)
            sequences = self._sequences.take(rows)
            sets = sets_of(sequences, spaced=self._spaced)
            ready = Rows.of(sequences, sets, spaced=self._spaced, kernels=self.kernels)
            found[rows] = np.arange(len(rows))
            yield pairs[start:stop], ready, found[one].astype(np.int64), found[other].astype(np.int64)

    def _make_ready(self) -> None:
        if not self._waiting:
            return
        sequences, numbers = Ragged.joined([s for s, _ in self._waiting]), np.concatenate([n for _, n in self._waiting])
        self._waiting, self._tokens = [], 0
        order = np.argsort(sequences.lengths, kind="stable")
        sequences = sequences.take(order)
        sets = sets_of(sequences, spaced=self._spaced)
        self._numbers.append(numbers[order])
        self._set_sizes.append(sets.lengths.astype(np.int32))
        self._keys.append(self.kernels.band_keys(sets, rows_per_band(self.thresholds.sets)))
        self._sequences.append(sequences)
        if self._sequences.spilled:
            self._sets = []  # made again from the sequences of the few rows that are compared
        else:
            self._sets.append(sets.values)


def pools(parts: Spool, known: Survey, min_words: int, thresholds: Thresholds, make: Kernels) -> list[Pool]:
    """The rows that are long enough, one of each content: those with spaces between words, and those without.

    Empties `parts`: tokens that went into a pool, or do not count, are not needed twice.
    """
    kinds = (True, False)
    found = [Pool(spaced=kind, thresholds=thresholds, kernels=make, scratch=parts.scratch) for kind in kinds]
    start = 0
    for tokens in tokens_of(parts.drain()):
        rows = np.flatnonzero(known.first[start : start + len(tokens.hashes)])
        for pool, spaced in zip(found, kinds, strict=True):
            mine = rows[tokens.spaced[rows] == spaced]
            if len(mine):
                sequences = make.strip_boilerplate(tokens, mine, known.boilerplate)
                # The separator after the last line of a row without spaces is a token, but no character of the row.
                lengths = sequences.lengths - (not spaced)
                long = np.flatnonzero(lengths >= (min_words if spaced else min_words * CHARACTERS_PER_WORD))
                if len(long) < len(mine) or not spaced:
                    starts = sequences.offsets[long]
                    sequences = Ragged.of(sequences.values[ranges(starts, lengths[long])], lengths[long])
                pool.add(sequences, mine[long] + start)
        start += len(tokens.hashes)
    for pool in found:
        pool.close(known.hashes)
    return found
