"""From folded text to words: hashes of words, lines and rows, all read off one running sum over the bytes.

The hash of bytes b[s:e] is the polynomial sum of b[i] * P^(i-s) modulo 2^64 (Karp and Rabin 1987). A running sum
of b[i] * P^i over a whole block gives it for any span at once, without a loop over words.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl

from datalint.dedup.ragged import I64, U8, U32, U64, Bool, Ragged
from datalint.dedup.text import ROW, blocks, fold

ROW_LIMIT: Final = 1 << 20
"""Bytes of a normalised row that are compared. A longer row keeps its own identity and is compared by its start."""

BASE: Final = 0x9E3779B97F4A7C15
INVERSE: Final = pow(BASE, -1, 1 << 64)
MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_HALF: Final = np.uint64(32)

WORD, DIGIT, UNSPACED = 1, 2, 4

# Scripts that put no spaces between words: Han with its radicals, kana, Thai, Lao, Burmese, Khmer.
_UNSPACED_SCRIPTS: Final = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x19E0, 0x19FF),
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3021, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


@lru_cache(maxsize=1 << 14)
def kind_of(code: int) -> int:
    """What a code point is: bits of WORD, DIGIT and UNSPACED."""
    character = chr(code)
    word = WORD if character.isalnum() or character == "_" else 0
    digit = DIGIT if character.isdecimal() else 0
    unspaced = UNSPACED if any(first <= code <= last for first, last in _UNSPACED_SCRIPTS) else 0
    return word | digit | unspaced


_KINDS: Final = bytes(kind_of(code) if code < 128 else 0 for code in range(256))
# NUL must not hash as nothing, so it borrows a byte that UTF-8 never uses.
_NUL: Final = 0xFE


@dataclass(frozen=True)
class Tokens:
    """n rows cut into lines and tokens.

    A token is a word, or a single character in rows of a script without spaces. Token hashes have their lowest
    bit set exactly when the word is a number (holds a decimal digit).
    """

    tokens: Ragged  # one row per line
    lines: U64  # shape (lines,), hash of each normalised line
    first_line: I64  # shape (n + 1,), the lines of row i are first_line[i]:first_line[i + 1]
    hashes: U64  # shape (n,), hash of each normalised row
    sizes: I64  # shape (n,), bytes of each normalised row
    spaced: Bool  # shape (n,), False: a script without spaces


def tokenise(texts: pl.Series) -> Tokens:
    r"""Cut texts into lines and words, as hashes.

    A word is a run of `\w` (Python's: letters, digits, underscore) after normalisation. Where at least half of a
    row's letters and digits belong to a script without spaces, every character is a token.

    Args:
        texts: String series of n rows; null counts as empty.

    """
    return tokenise_folded(fold(texts[start:stop].to_list()) for start, stop in blocks(texts))


def tokenise_folded(buffers: Iterable[bytes]) -> Tokens:
    """`tokenise` of texts that `text.fold` has written."""
    powers, inverse = powers_of(BASE, 1), powers_of(INVERSE, 1)
    parts = [_tokenise_block(b"\xff", powers, inverse)]
    for folded in buffers:
        buffer, whole = _cap(folded)
        if len(buffer) > len(powers):
            powers, inverse = powers_of(BASE, 2 * len(buffer)), powers_of(INVERSE, 2 * len(buffer))
        part = _tokenise_block(buffer, powers, inverse)
        for row, (digest, size) in whole.items():
            part.hashes[row], part.sizes[row] = digest, size
        parts.append(part)
    return Tokens(
        tokens=Ragged.of(
            np.concatenate([part.tokens.values for part in parts]),
            np.concatenate([part.tokens.lengths for part in parts]),
        ),
        lines=np.concatenate([part.lines for part in parts]),
        first_line=np.concatenate(([0], np.cumsum(np.concatenate([np.diff(part.first_line) for part in parts])))),
        hashes=np.concatenate([part.hashes for part in parts]),
        sizes=np.concatenate([part.sizes for part in parts]),
        spaced=np.concatenate([part.spaced for part in parts]),
    )


def _classify(buffer: bytes, codes: U8) -> tuple[U8, bool]:
    """What each byte's character is, as bits, shape of codes; and whether any is of a script without spaces."""
    kinds = np.frombuffer(buffer.translate(_KINDS), np.uint8)
    lead = np.flatnonzero((codes >= 0xC0) & (codes != ROW))
    if not len(lead):
        return kinds, False
    first = codes[lead].astype(np.int64)
    extra = 1 + (first >= 0xE0) + (first >= 0xF0)
    code = first & (0x3F >> extra)
    for i in (1, 2, 3):
        more = extra >= i
        code[more] = code[more] << 6 | codes[lead[more] + i] & 0x3F
    # One look at each distinct character: marked in a table, then classified in it.
    marks = np.zeros(int(code.max()) + 1, bool)
    marks[code] = True
    seen, table = np.flatnonzero(marks), marks.view(np.uint8)
    table[seen] = [kind_of(value) for value in seen.tolist()]
    kind = table[code]
    kinds = kinds.copy()
    kinds[lead] = kind
    for i in (1, 2, 3):
        more = extra >= i
        kinds[lead[more] + i] = kind[more]
    return kinds, bool((kind & UNSPACED).any())


def _spaced(codes: U8, kinds: U8, row_ends: I64) -> Bool:
    """False for rows of which at least half of the letters and digits are of a script without spaces."""
    letters = np.flatnonzero((kinds & (WORD | UNSPACED) != 0) & ((codes & 0xC0) != 0x80))
    owner = np.searchsorted(row_ends, letters)
    unspaced = owner[(kinds[letters] & UNSPACED) != 0]
    counts = np.bincount(owner, minlength=len(row_ends))
    of_unspaced = np.bincount(unspaced, minlength=len(row_ends))
    spaced: Bool = (of_unspaced == 0) | (2 * of_unspaced < counts)
    return spaced


def powers_of(base: int, count: int) -> U64:
    """1, base, base^2, ... modulo 2^64."""
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64)


def _cap(buffer: bytes) -> tuple[bytes, dict[int, tuple[int, int]]]:
    """Cut rows over the limit; their hash and size over all bytes, by row number."""
    if len(buffer) <= ROW_LIMIT:
        return buffer, {}
    rows = buffer[1:-1].split(b"\xff")
    whole: dict[int, tuple[int, int]] = {}
    for i, row in enumerate(rows):
        if len(row) > ROW_LIMIT:
            digest = hashlib.blake2b(row.replace(b"\n", b" "), digest_size=8).digest()
            whole[i] = (int.from_bytes(digest, "little"), len(row))
            rows[i] = row[:ROW_LIMIT].decode(errors="ignore").encode()
    return b"\xff%b\xff" % b"\xff".join(rows), whole


def _tokenise_block(buffer: bytes, powers: U64, inverse: U64) -> Tokens:
    """The tokens of a folded buffer; `powers` and `inverse` are those of P and of 1 / P, at least one per byte."""
    codes = np.frombuffer(buffer, np.uint8)
    kinds, any_unspaced = _classify(buffer, codes)
    breaks = np.flatnonzero((codes == ord("\n")) | (codes == ROW))
    sums = _running_sum(codes, breaks, powers)

    def span_hash(starts: I64, ends: I64) -> U64:
        mixed = sums[ends]
        mixed -= sums[starts]
        mixed *= inverse[starts]
        mixed *= MIX
        return mixed

    line_starts, line_ends = breaks[:-1] + 1, breaks[1:]
    row_ends = breaks[codes[breaks] == ROW]
    row_starts, row_ends = row_ends[:-1] + 1, row_ends[1:]

    word, digit = kinds & WORD, kinds & DIGIT
    edges = np.flatnonzero(word[1:] != word[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    number = np.zeros(len(starts), bool)
    number[np.searchsorted(starts, np.flatnonzero(digit[1:] > digit[:-1]) + 1, side="right") - 1] = True

    spaced = np.ones(len(row_ends), bool)
    if any_unspaced:
        spaced = _spaced(codes, kinds, row_ends)
        words = spaced[np.searchsorted(row_ends, starts)]
        character_starts, character_ends = _characters(codes, row_ends, ~spaced)
        starts = np.concatenate((starts[words], character_starts))
        ends = np.concatenate((ends[words], character_ends))
        number = np.concatenate((number[words], np.zeros(len(character_starts), bool)))
        order = np.argsort(starts, kind="stable")
        starts, ends, number = starts[order], ends[order], number[order]

    values: U32 = (span_hash(starts, ends) >> _HALF).astype(np.uint32)
    values &= np.uint32(0xFFFFFFFE)
    values |= number
    return Tokens(
        tokens=Ragged(values, np.concatenate(([0], np.searchsorted(starts, line_ends, side="right")))),
        lines=_whole(span_hash(line_starts, line_ends)),
        first_line=np.concatenate(([0], np.searchsorted(line_ends, row_ends, side="right"))),
        hashes=_whole(span_hash(row_starts, row_ends)),
        sizes=row_ends - row_starts,
        spaced=spaced,
    )


def _running_sum(codes: U8, breaks: I64, powers: U64) -> U64:
    """Sums of b[i] * P^i over the bytes before each place, shape (len(codes) + 1,)."""
    hashed = codes.copy()
    hashed[breaks] = ord(" ")  # line and row ends hash as spaces
    if not hashed.all():
        hashed[codes == 0] = _NUL
    sums = np.empty(len(codes) + 1, np.uint64)
    sums[0], sums[1:] = 0, hashed
    sums[1:] *= powers[: len(codes)]
    return np.cumsum(sums, out=sums)


def _whole(mixed: U64) -> U64:
    """All 64 bits of a hash made good; of the upper ones, which stand for a word, nothing changes."""
    return mixed ^ (mixed >> _HALF)


def _characters(codes: U8, row_ends: I64, wanted: Bool) -> tuple[I64, I64]:
    """Starts and ends of the single characters of the wanted rows.

    The separator after a line is one of them: it stands for the space between two lines.
    """
    edges = np.append(np.flatnonzero((codes & 0xC0) != 0x80), len(codes))[1:]
    inside = wanted[np.searchsorted(row_ends, edges[:-1])]
    return edges[:-1][inside], edges[1:][inside]
