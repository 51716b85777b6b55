"""Sets, pairs and sorting: the kernels of the search."""

import secrets
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from datalint.dedup.compiled.text import kernel
from datalint.dedup.lsh import FACTORS, MIX, PERMUTATIONS, SHIFTS
from datalint.dedup.ragged import F64, I64, U32, U64, Bool, Ragged
from datalint.dedup.shingles import BASE
from datalint.dedup.shingles import MIX as MIX_SHINGLE
from datalint.dedup.tokens import Tokens

_FEW: Final = 4000
"""Numbers that are not worth eight passes."""

_EMPTY: Final = np.uint32(0xFFFFFFFF)
_13, _16 = np.uint32(13), np.uint32(16)
_0, _1, _29, _32, _63 = (np.uint64(n) for n in (0, 1, 29, 32, 63))
_BYTE, _LAST_12 = np.uint64(0xFF), np.uint64(0xFFF)


def band_keys(sets: Ragged, rows: int) -> U64:
    """`datalint.dedup.lsh.band_keys`, compiled."""
    bands = PERMUTATIONS // rows
    used = bands * rows
    keys = np.empty((bands, len(sets)), np.uint64)
    _band_keys(*_arrays(sets), _fixed(FACTORS[:used]), _fixed(SHIFTS[:used]), np.empty(used, np.uint32), keys)
    return keys


def jaccard(sets: Ragged, left: I64, right: I64) -> F64:
    """`datalint.dedup.ragged.jaccard`, compiled."""
    result = np.empty(len(left))
    _jaccard(*_arrays(sets), _fixed(left), _fixed(right), result)
    return result


def bigram_jaccard(sequences: Ragged, left: I64, right: I64) -> F64:
    """Jaccard similarity of the sets of neighbouring tokens of rows left[p] and right[p]; 1 where there are none.

    Equal to `jaccard(row_sets(shingle(sequences, 2)), left, right)`, but no set is built.
    """
    result = np.empty(len(left))
    if len(left):
        lengths = sequences.lengths
        longest = int((lengths[left] + lengths[right]).max())
        table = np.zeros(1 << (2 * longest).bit_length(), np.uint64)
        # Nobody can write rows whose bigrams all fall on one place of the table. The answer does not depend on it.
        salt = np.uint64(secrets.randbits(64) | 1)
        _bigram_jaccard(*_arrays(sequences), _fixed(left), _fixed(right), salt, table, result)
    return result


def sort(values: U64) -> U64:
    """`numpy.sort`: by one byte after the other, the lowest first; three times faster for many numbers."""
    if len(values) < _FEW:
        return np.sort(values)
    ordered, other, counts = values.copy(), np.empty(len(values), np.uint64), np.empty(256, np.int64)
    for shift in range(0, 64, 8):
        if _order(ordered, np.uint64(shift), counts, other):
            ordered, other = other, ordered
    return ordered


def strip_boilerplate(tokens: Tokens, rows: I64, boilerplate: U64) -> Ragged:
    """`datalint.dedup.survey.strip_boilerplate`, compiled."""
    ends = tokens.tokens.offsets[tokens.first_line]
    kept = np.empty(int((ends[rows + 1] - ends[rows]).sum()), np.uint32)
    offsets = np.zeros(len(rows) + 1, np.int64)
    suspect = np.zeros(1 << 12, np.bool_)
    suspect[boilerplate & _LAST_12] = True
    lines = _fixed(tokens.lines), _fixed(tokens.first_line)
    _strip(*_arrays(tokens.tokens), *lines, _fixed(rows), _fixed(boilerplate), suspect, kept, offsets)
    return Ragged(kept[: offsets[-1]], offsets)


def _arrays(rows: Ragged) -> tuple[U32, I64]:
    return _fixed(rows.values), _fixed(rows.offsets)


def _fixed(values: NDArray[Any]) -> NDArray[Any]:
    """The same values as the one type of array that kernels are compiled for: contiguous and read-only."""
    fixed = np.ascontiguousarray(values).view()
    fixed.flags.writeable = False
    return fixed


@kernel
def _premix(value: np.uint32) -> np.uint32:
    value = np.uint32((value ^ value >> _16) * np.uint32(0x85EBCA6B))
    value = np.uint32((value ^ value >> _13) * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ value >> _16)


@kernel
def _band_keys(values: U32, offsets: I64, factors: U32, shifts: U32, signature: U32, keys: U64) -> None:
    bands, count = keys.shape
    rows = len(factors) // bands
    for row in range(count):
        signature[:] = _EMPTY
        first, last = offsets[row], offsets[row + 1] - 1
        # Four values at a time, so that most of the work happens in registers; the last may be taken repeatedly.
        for at in range(first, last + 1, 4):
            a, b = _premix(values[at]), _premix(values[min(at + 1, last)])
            c, d = _premix(values[min(at + 2, last)]), _premix(values[min(at + 3, last)])
            for p in range(len(factors)):
                factor, shift = factors[p], shifts[p]
                one = min(np.uint32(a * factor + shift), np.uint32(b * factor + shift))
                other = min(np.uint32(c * factor + shift), np.uint32(d * factor + shift))
                signature[p] = min(signature[p], one, other)
        for band in range(bands):
            key = np.uint64(band)
            for p in range(band * rows, band * rows + rows):
                key = (key ^ np.uint64(signature[p])) * MIX
                key ^= key >> _29
            keys[band, row] = key


@kernel
def _jaccard(values: U32, offsets: I64, left: I64, right: I64, result: F64) -> None:
    for p in range(len(left)):
        a, last_a = np.uint64(offsets[left[p]]), np.uint64(offsets[left[p] + 1])
        b, last_b = np.uint64(offsets[right[p]]), np.uint64(offsets[right[p] + 1])
        union, common = last_a - a + (last_b - b), _0
        # Both sides are sorted. No branches: which side is the smaller cannot be predicted.
        while a < last_a and b < last_b:
            one, other = values[a], values[b]
            common += np.uint64(one == other)
            a += np.uint64(one <= other)
            b += np.uint64(one >= other)
        union -= common
        result[p] = common / union if union else 1.0


@kernel
def _bigram_jaccard(values: U32, offsets: I64, left: I64, right: I64, salt: np.uint64, table: U64, result: F64) -> None:
    # One table for all pairs: an entry is a bigram and, above it, a number that tells of which pair and side it is.
    for p in range(len(left)):
        mine, theirs = np.uint64(2 * p + 1) << _32, np.uint64(2 * p + 2) << _32
        first_a, last_a = offsets[left[p]], offsets[left[p] + 1] - 1
        first_b, last_b = offsets[right[p]], offsets[right[p] + 1] - 1
        size, shift = 2, _63
        while size < 2 * (last_a - first_a + last_b - first_b):
            size, shift = 2 * size, shift - _1
        mask = np.uint64(size - 1)
        union, common = 0, 0
        for at in range(first_a, last_a):
            bigram = _bigram(values[at], values[at + 1])
            place = bigram * salt >> shift
            while table[place] >= mine and table[place] != mine | bigram:
                place = place + _1 & mask
            union += table[place] < mine
            table[place] = mine | bigram
        for at in range(first_b, last_b):
            bigram = _bigram(values[at], values[at + 1])
            place = bigram * salt >> shift
            while table[place] >= mine and table[place] != mine | bigram and table[place] != theirs | bigram:
                place = place + _1 & mask
            union += table[place] < mine
            common += table[place] == mine | bigram
            table[place] = theirs | bigram
        result[p] = common / union if union else 1.0


@kernel
def _bigram(one: np.uint32, other: np.uint32) -> np.uint64:
    mixed = (np.uint64(one) * BASE + np.uint64(other)) * MIX_SHINGLE
    return mixed >> _32


@kernel
def _strip(
    values: U32,
    offsets: I64,
    lines: U64,
    first_line: I64,
    rows: I64,
    boilerplate: U64,
    suspect: Bool,
    kept: U32,
    kept_offsets: I64,
) -> None:
    """Copy the lines of some rows that are not among the boilerplate, which only `suspect` ones can be."""
    count = 0
    for p in range(len(rows)):
        for line in range(first_line[rows[p]], first_line[rows[p] + 1]):
            low, high = 0, len(boilerplate) if suspect[lines[line] & _LAST_12] else 0
            while low < high:
                middle = low + high >> 1
                if boilerplate[middle] < lines[line]:
                    low = middle + 1
                elif boilerplate[middle] > lines[line]:
                    high = middle
                else:
                    break
            if low >= high:
                for at in range(offsets[line], offsets[line + 1]):
                    kept[count] = values[at]
                    count += 1
        kept_offsets[p + 1] = count


@kernel
def _order(values: U64, shift: np.uint64, counts: I64, ordered: U64) -> bool:
    """Stable order by one byte; False, and nothing done, if it is the same everywhere."""
    counts[:] = 0
    for value in values:
        counts[value >> shift & _BYTE] += 1
    if counts[values[0] >> shift & _BYTE] == len(values):
        return False
    place = 0
    for byte in range(len(counts)):
        place, counts[byte] = place + counts[byte], place
    for value in values:
        byte = value >> shift & _BYTE
        ordered[counts[byte]] = value
        counts[byte] += 1
    return True
