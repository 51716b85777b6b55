"""MinHash and banding: from word sets to pairs of rows that are worth an exact comparison.

Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and Ullman,
"Mining of Massive Datasets", chapter 3.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from datalint.dedup.ragged import I64, U32, U64, Ragged, run_starts, spans

PERMUTATIONS: Final = 126
"""Values of a signature: 21 bands of 6 at the default threshold."""

_EMPTY: Final = np.uint32(0xFFFFFFFF)
_ELEMENTS: Final = 1 << 16
MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def _mersenne_twister(seed: int, count: int) -> list[int]:
    """The first 32-bit values of MT19937 (Matsumoto, Nishimura 1998), seeded as numpy's `RandomState(seed)`.

    Python's generator is the same one; only seeding differs. (`numpy.random` takes a while to import.)
    """
    state = [seed]
    for i in range(1, 624):
        state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + i) & 0xFFFFFFFF)
    generator = random.Random()  # noqa: S311 - constants, not secrets
    generator.setstate((3, (*state, 624), None))
    return [generator.getrandbits(32) for _ in range(count)]


# The permutations of datasketch's MinHash (scheme "affine32", seed 1): signatures can be exchanged.
_DRAWS: Final = _mersenne_twister(1, 2 * PERMUTATIONS)
FACTORS: Final = np.array([2 * (draw & 0x7FFFFFFF) + 1 for draw in _DRAWS[:PERMUTATIONS]], np.uint32)
SHIFTS: Final = np.array(_DRAWS[PERMUTATIONS:], np.uint32)


def premix(values: U32) -> U32:
    """The finalizer of MurmurHash3 (Appleby 2011), a bijection that spreads what affine permutations would not."""
    mixed = values ^ (values >> np.uint32(16))
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed


@dataclass(frozen=True)
class Runs:
    """m places of rows in the buckets of one band. Inside a run rows rise: whoever numbers the rows orders the runs."""

    run: U32  # shape (m,), equal for the rows of one bucket
    row: U32  # shape (m,), row numbers


def rows_per_band(threshold: float) -> int:
    """The longest band that still makes a pair at the threshold a candidate with probability >= .99.

    126 // r bands of r values: P = 1 - (1 - J^r)^(126 // r). At J = .8 that is r = 6, 21 bands, P = .998.
    """
    fitting = [r for r in range(1, 19) if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= 0.99]
    return max(fitting, default=1)


def minhash(sets: Ragged, permutations: slice = slice(None)) -> U32:
    """MinHash signatures under fixed affine permutations modulo 2^32, those of datasketch's "affine32" scheme.

    Args:
        sets: n sets of 32-bit hashes (repeated values do no harm).
        permutations: Which of the 126 permutations.

    Returns:
        shape (permutations, n). Empty sets get the largest value everywhere.

    """
    factors, shifts = FACTORS[permutations], SHIFTS[permutations]
    signatures = np.full((len(factors), len(sets)), _EMPTY, np.uint32)
    lengths = sets.lengths
    filled = np.flatnonzero(lengths)
    for start, stop in spans(lengths[filled], _ELEMENTS):
        rows = filled[start:stop]
        part = sets.take(rows) if len(filled) < len(sets) else sets.between(start, stop)
        values = premix(part.values)
        permuted = np.empty_like(values)
        for signature, factor, shift in zip(signatures, factors, shifts, strict=True):
            np.multiply(values, factor, out=permuted)
            np.add(permuted, shift, out=permuted)
            signature[rows] = np.minimum.reduceat(permuted, part.offsets[:-1])
    return signatures


def band_keys(sets: Ragged, rows: int) -> U64:
    """For each row what its signature holds in each band, as one number.

    Args:
        sets: n sets of 32-bit hashes.
        rows: Values per band.

    Returns:
        shape (126 // rows, n).

    """
    bands = PERMUTATIONS // rows
    keys = np.empty((bands, len(sets)), np.uint64)
    for start, stop in spans(sets.lengths, _ELEMENTS):
        signatures = minhash(sets.between(start, stop), slice(bands * rows)).reshape(bands, rows, stop - start)
        part = keys[:, start:stop]
        part[:] = np.arange(bands, dtype=np.uint64)[:, None]
        for value in range(rows):
            part ^= signatures[:, value]
            part *= MIX
            part ^= part >> np.uint64(29)
    return keys


def buckets(keys: U64, sort: Callable[[U64], U64] = np.sort) -> Runs:
    """Rows of one band that share their key with another one.

    Args:
        keys: shape (n,), those of one band.
        sort: `numpy.sort`, or a faster one.

    """
    bits = np.uint64(len(keys).bit_length())
    numbers = np.arange(len(keys), dtype=np.uint64)
    # Key and row number in one word: a plain sort instead of a slower argsort. The bits that the key loses can only
    # add candidates, which are verified.
    ordered = sort((keys << bits) | numbers)
    key = ordered >> bits
    starts = run_starts(key)
    alone = starts & np.append(starts[1:], True)
    members = ordered[~alone] & ((np.uint64(1) << bits) - np.uint64(1))
    return Runs(np.cumsum(starts[~alone], dtype=np.uint32), members.astype(np.uint32))


def candidates(runs: Runs, distance: int) -> U64:
    """Pairs of rows that stand `distance` places apart in some run.

    A run of m rows holds m^2 / 2 pairs: a few distances bound that, whatever one giant bucket holds.

    Returns:
        Packed pairs in the order of the runs.

    """
    rows = runs.row.astype(np.uint64)
    places = np.flatnonzero(runs.run[distance:] == runs.run[:-distance])
    packed: U64 = rows[places] << np.uint64(32) | rows[places + distance]
    return packed


def pack(one: I64, other: I64) -> U64:
    """Pairs of row numbers in one word each, smaller << 32 | larger."""
    low, high = np.minimum(one, other).astype(np.uint64), np.maximum(one, other).astype(np.uint64)
    packed: U64 = low << np.uint64(32) | high
    return packed


def unpack(pairs: U64) -> tuple[I64, I64]:
    """Left and right row numbers of packed pairs."""
    return (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
