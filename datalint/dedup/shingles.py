"""Runs of neighbouring tokens: pairs of words, five characters."""

from typing import Final

import numpy as np

from datalint.dedup.ragged import F64, I64, Ragged, distinct, jaccard, ranges, row_sets, spans

BASE: Final = np.uint64(0x9E3779B97F4A7C15)
MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_HALF: Final = np.uint64(32)

_BATCH: Final = 1 << 19
"""Tokens whose bigrams are held at once: about 10 MiB of scratch."""


def shingle(rows: Ragged, n: int) -> Ragged:
    """Hashes of n consecutive tokens of a row; a row of t tokens has max(0, t - n + 1) of them."""
    if n == 1:
        return rows
    total = len(rows.values) - n + 1
    if total <= 0:
        return Ragged(rows.values[:0], np.zeros_like(rows.offsets))
    mixed = np.zeros(total, np.uint64)
    for i in range(n):
        mixed *= BASE
        mixed += rows.values[i : i + total]
    shingles = ((mixed * MIX) >> _HALF).astype(np.uint32)
    lengths = np.maximum(rows.lengths - n + 1, 0)
    return Ragged.of(shingles[ranges(rows.offsets[:-1], lengths)], lengths)


def bigram_jaccard(sequences: Ragged, left: I64, right: I64) -> F64:
    """Jaccard similarity of the sets of neighbouring tokens of rows left[p] and right[p]; 1 where both have none.

    The sets are built for a batch of pairs at a time: few rows come as far as this.
    """
    result = np.empty(len(left))
    lengths = sequences.lengths
    for start, stop in spans(lengths[left] + lengths[right], _BATCH):
        one, other = left[start:stop], right[start:stop]
        involved = distinct(np.concatenate((one, other)).astype(np.uint64)).astype(np.int64)
        bigrams = row_sets(shingle(sequences.take(involved), 2))
        result[start:stop] = jaccard(bigrams, np.searchsorted(involved, one), np.searchsorted(involved, other))
    return result
