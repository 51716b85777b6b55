"""MinHash and banding: from word sets to pairs of rows that are worth an exact comparison.

Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", chapter 3.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from datalint.dedup.ragged import I64, U32, U64, Ragged, distinct, run_starts, spans

PERMUTATIONS: Final = 126
"""Values of a signature: 21 bands of 6 at the default threshold."""

_SEED: Final = 0x5DEECE66D
_EMPTY: Final = np.uint32(0xFFFFFFFF)
_ELEMENTS: Final = 1 << 16


def _splitmix(count: int, seed: int) -> list[int]:
    """The first `count` values of SplitMix64 (Steele, Lea, Flood 2014), whatever numpy's generators become."""
    mask = (1 << 64) - 1
    values = []
    for i in range(1, count + 1):
        x = (seed + i * 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        values.append(x ^ (x >> 31))
    return values


_DRAWS: Final = _splitmix(PERMUTATIONS, _SEED)
_FACTORS: Final = np.array([(draw & 0xFFFFFFFF) | 1 for draw in _DRAWS], np.uint32)
_SHIFTS: Final = np.array([draw >> 32 for draw in _DRAWS], np.uint32)


@dataclass(frozen=True)
class Runs:
    """m places of rows in band buckets. Inside a run rows rise, so whoever numbers the rows orders the runs."""

    run: U64  # shape (m,), equal for the rows of one bucket
    row: U64  # shape (m,), row numbers


def rows_per_band(threshold: float) -> int:
    """The longest band that still makes a pair at the threshold a candidate with probability >= .99.

    126 // r bands of r values: P = 1 - (1 - J^r)^(126 // r). At J = .8 that is r = 6, 21 bands, P = .998.
    """
    fitting = [r for r in range(1, 19) if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= 0.99]
    return max(fitting, default=1)


def minhash(sets: Ragged, permutations: slice = slice(None)) -> U32:
    """MinHash signatures under fixed affine permutations modulo 2^32.

    Args:
        sets: n sets of 32-bit hashes (repeated values do no harm).
        permutations: Which of the 126 permutations.

    Returns:
        shape (permutations, n). Empty sets get the largest value everywhere.

    """
    factors, shifts = _FACTORS[permutations], _SHIFTS[permutations]
    signatures = np.full((len(factors), len(sets)), _EMPTY, np.uint32)
    lengths = sets.lengths
    filled = np.flatnonzero(lengths)
    for start, stop in spans(lengths[filled], _ELEMENTS):
        rows = filled[start:stop]
        part = sets.take(rows) if len(filled) < len(sets) else sets.between(start, stop)
        permuted = np.empty_like(part.values)
        for signature, factor, shift in zip(signatures, factors, shifts, strict=True):
            np.multiply(part.values, factor, out=permuted)
            np.add(permuted, shift, out=permuted)
            signature[rows] = np.minimum.reduceat(permuted, part.offsets[:-1])
    return signatures


def band(sets: Ragged, rows: int) -> Runs:
    """Rows whose signatures agree with that of another row in all values of some band.

    One band's share of the signatures is held at a time: 4 * rows bytes per row instead of 504.

    Args:
        sets: n sets of 32-bit hashes.
        rows: Values per band; 126 // rows bands.

    Returns:
        The runs of all bands, those without company left out.

    """
    count = len(sets)
    bits = np.uint64(count.bit_length())
    numbers = np.arange(count, dtype=np.uint64)
    keys, members = [numbers[:0]], [numbers[:0]]
    for first in range(0, PERMUTATIONS - rows + 1, rows):
        key = np.full(count, first, np.uint64)
        for value in minhash(sets, slice(first, first + rows)):
            key = (key ^ value) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
        # Key and row number in one word: a plain sort instead of a slower argsort. The bits that the key loses
        # can only add candidates, which are verified.
        ordered = np.sort((key << bits) | numbers)
        key = ordered >> bits
        starts = run_starts(key)
        alone = starts & np.append(starts[1:], True)
        keys.append(np.cumsum(starts[~alone], dtype=np.uint64) + np.uint64(first << 32))
        members.append(ordered[~alone] & ((np.uint64(1) << bits) - np.uint64(1)))
    return Runs(np.concatenate(keys), np.concatenate(members))


def candidates(runs: Runs, nearest: int, farthest: int) -> U64:
    """Pairs of rows that stand `nearest` to `farthest` places apart in some run.

    A run of m rows holds m^2 / 2 pairs: the places bound that to m * farthest, whatever one giant bucket holds.

    Returns:
        Sorted distinct pairs, left << 32 | right with left < right.

    """
    found: list[U64] = [np.zeros(0, np.uint64)]
    places = np.arange(len(runs.run))
    for distance in range(1, farthest + 1):
        places = places[places + distance < len(runs.run)]
        places = places[runs.run[places + distance] == runs.run[places]]
        if distance >= nearest:
            found.append(runs.row[places] << np.uint64(32) | runs.row[places + distance])
    return distinct(np.concatenate(found))


def pack(one: I64, other: I64) -> U64:
    """Pairs of row numbers in one word each, smaller << 32 | larger."""
    low, high = np.minimum(one, other).astype(np.uint64), np.maximum(one, other).astype(np.uint64)
    packed: U64 = low << np.uint64(32) | high
    return packed


def unpack(pairs: U64) -> tuple[I64, I64]:
    """Left and right row numbers of packed pairs."""
    return (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
