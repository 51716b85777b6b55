"""The compiled tokeniser: one pass from raw UTF-8 to hashes, with the answers of `datalint.dedup.tokens`.

Characters are folded by a table, each for itself. A row in which one may join with its neighbour (combining marks,
conjoining Hangul) is folded by Python first.
"""

import itertools
import threading
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, ParamSpec, TypeVar

import numba
import numpy as np
import polars as pl

from datalint.dedup import tokens as plain
from datalint.dedup.ragged import I64, U8, U32, U64, Bool, Ragged
from datalint.dedup.text import _FOLD, _fold_unicode
from datalint.dedup.tokens import _BASE, _DIGIT, _INVERSE, _MIX, _UNSPACED, _WORD, Tokens, _kind, _powers

P = ParamSpec("P")
R = TypeVar("R")

_BLOCK: Final = 1 << 19
"""Bytes of text cut at once."""

_CODES: Final = 0x110000

# A unit is one byte of folded text and what it belongs to. Shifted right by 20, units add up to a position in the low
# half of a word and a number of digits in the high half. (Spaces spill into the latter, which is read inside words
# only.)
_PART_OF_WORD: Final = np.uint64(1 << 8)
_LINE_FEED: Final = np.uint64(1 << 10)
_POSITION: Final = np.uint64(1 << 20)
_ONE_DIGIT: Final = np.uint64(1 << 52)
_SEPARATOR: Final = np.uint64(1 << 63)

# The place of a code point: index of its first unit << 24 | letters of scripts without spaces << 16 | letters beyond
# ASCII << 8 | number of units. Zero where the code point has not been looked up yet.
_JOINS: Final = np.uint64((1 << 64) - 1)

# Letters that join with the one before: Hangul vowels and finals, Kirat Rai vowels. All others that do are marks.
_JOINING: Final = (range(0x1160, 0x1200), range(0xD7B0, 0xD800), range(0x16D63, 0x16D6B))
_VARIATION_SELECTORS: Final = range(0xFE00, 0xFE10)  # marks that never join; emoji are full of them

# numba makes a float of an unsigned and a signed integer: constants are unsigned as well.
_0, _1, _2, _3, _6, _8, _12, _16, _18, _20, _24, _32 = (
    np.uint64(n) for n in (0, 1, 2, 3, 6, 8, 12, 16, 18, 20, 24, 32)
)
_ASCII, _THREE_BYTES, _FOUR_BYTES = (np.uint64(n) for n in (0x80, 0xE0, 0xF0))
_LAST_8, _LAST_6, _LOW = np.uint64(0xFF), np.uint64(0x3F), np.uint64(0xFFFFFFFF)
_63: Final = np.int64(63)
_EVEN: Final = np.uint32(0xFFFFFFFE)


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at the first call, or load what an earlier process compiled."""
    try:
        compiled: Callable[P, R] = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep the code in: compile in each process
        compiled = numba.njit(nogil=True)(function)
    return compiled


class _Text(NamedTuple):
    """A block of n rows."""

    codes: U8  # UTF-8, one row after the other
    edges: I64  # shape (n + 1,), row i is codes[edges[i]:edges[i + 1]]
    table: I64  # shape (n,), where the places of the row's code points begin: those of raw or of folded text


class _Work(NamedTuple):
    """Scratch of one length: that of the longest row, and two."""

    sums: U64  # at each edge of a word the running sum
    marks: U64  # and position and digits
    folded: U8
    values: U32
    lines: U64
    line_tokens: I64  # tokens up to the end of each line
    line_ends: U64  # position of the separator behind the line, in its row


class _Rows(NamedTuple):
    """What is found for each of n rows."""

    first_line: I64  # shape (n + 1,)
    hashes: U64
    sizes: I64
    spaced: Bool


class _Alphabet:
    """Characters met so far: what each is folded to, and what the result is. Only ever grows."""

    def __init__(self) -> None:
        self.units: U64 = np.zeros(1 << 12, np.uint64)
        self.places: U64 = np.zeros(2 * _CODES, np.uint64)  # of raw text, then of folded text; a page at a time
        self.units[:128] = [_units(chr(_FOLD[code]))[0] for code in range(128)]
        self._used = 256  # bytes beyond ASCII have no unit: there a character begins
        self._lock = threading.Lock()

    def learn(self, places: list[int]) -> None:
        with self._lock:
            for place in places:
                if not self.places[place]:
                    self._learn(place)

    def _learn(self, place: int) -> None:
        character = chr(place % _CODES)
        if place < _CODES:
            if _joins(character):
                self.places[place] = _JOINS
                return
            character = _fold_unicode(character).translate(_FOLD).decode()
        units = [unit for c in character for unit in _units(c)]
        kinds = [_kind(ord(c)) for c in character if not c.isascii()]
        if self._used + len(units) > len(self.units):
            # Those who read the old ones read on; a place is written only after its units.
            self.units = np.concatenate((self.units, np.zeros_like(self.units)))
        self.units[self._used : self._used + len(units)] = units
        unspaced = sum(kind & _UNSPACED != 0 for kind in kinds)
        letters = sum(kind & (_WORD | _UNSPACED) != 0 for kind in kinds)
        self.places[place] = self._used << 24 | unspaced << 16 | letters << 8 | len(units)
        self._used += len(units)


def _units(character: str) -> list[int]:
    """The units of one folded character."""
    kind = _kind(ord(character))
    flags = int(_POSITION) | (int(_PART_OF_WORD) if kind & _WORD else 0)
    if character in " \n":
        return [ord(" ") | flags | int(_SEPARATOR) | (int(_LINE_FEED) if character == "\n" else 0)]
    # NUL must not hash as nothing, so it borrows a byte that UTF-8 never uses.
    first, *rest = [(byte or 0xFE) | flags for byte in character.encode()]
    return [first | (int(_ONE_DIGIT) if kind & _DIGIT else 0), *rest]


def _joins(character: str) -> bool:
    """Whether normalisation may mix a character with the one before it, in some text.

    If the first character of its own normal form is a starter that never composes with what precedes, then it is
    normalised in any text as it is alone (Unicode Standard Annex 15, section 9.1, "Stable code points").
    """
    code = ord(unicodedata.normalize("NFKC", character)[0])
    if code in _VARIATION_SELECTORS:
        return False
    return unicodedata.category(chr(code))[0] == "M" or any(code in letters for letters in _JOINING)


@lru_cache(maxsize=1)
def _alphabet() -> _Alphabet:
    return _Alphabet()


@lru_cache(maxsize=1)
def _hashing(count: int) -> tuple[U64, U64]:
    return _powers(_BASE, count), _powers(_INVERSE, count)


def tokenise(texts: pl.Series) -> Tokens:
    """`datalint.dedup.tokens.tokenise`, compiled."""
    room = plain.ROW_LIMIT + 2
    work = _Work(
        sums=np.empty(room, np.uint64),
        marks=np.empty(room, np.uint64),
        folded=np.empty(room, np.uint8),
        values=np.empty(room, np.uint32),
        lines=np.empty(room, np.uint64),
        line_tokens=np.empty(room, np.int64),
        line_ends=np.empty(room, np.uint64),
    )
    parts = [part for block in _blocks(texts.fill_null("")) for part in _tokenise_block(block, work)]
    if not parts:
        return plain.tokenise(texts)
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


def _blocks(texts: pl.Series) -> Iterator[pl.Series]:
    before = texts.str.len_bytes().cum_sum().to_numpy() // _BLOCK
    edges = [0, *(np.flatnonzero(before[1:] != before[:-1]) + 1).tolist(), len(texts)]
    return (texts[start:stop] for start, stop in itertools.pairwise(edges) if start < stop)


def _tokenise_block(block: pl.Series, work: _Work) -> Iterator[Tokens]:
    alphabet = _alphabet()
    powers, inverse = _hashing(len(work.folded))
    count = len(block)
    reader = _Reader(block.cast(pl.Binary).to_list(), alphabet)
    rows = _Rows(
        np.zeros(count + 1, np.int64), np.empty(count, np.uint64), np.empty(count, np.int64), np.empty(count, bool)
    )
    start = 0
    while start < count:
        stop, tokens, lines = _cut(start, reader.text, alphabet.units, alphabet.places, powers, inverse, work, rows)
        if stop > start:
            yield Tokens(
                tokens=Ragged(work.values[:tokens].copy(), np.concatenate(([0], work.line_tokens[:lines]))),
                lines=work.lines[:lines].copy(),
                first_line=np.concatenate(([0], rows.first_line[start + 1 : stop + 1])),
                hashes=rows.hashes[start:stop],
                sizes=rows.sizes[start:stop],
                spaced=rows.spaced[start:stop],
            )
            start = stop
        elif not reader.learn(start):
            # Too long: its own identity comes from all of it, its tokens from the start.
            yield plain.tokenise(block[start : start + 1])
            start += 1


class _Reader:
    """Rows as one buffer, in which characters become known."""

    def __init__(self, rows: list[bytes], alphabet: _Alphabet) -> None:
        self._rows, self._alphabet = rows, alphabet
        self._table = np.zeros(len(rows), np.int64)
        self.text = self._join()

    def _join(self) -> _Text:
        edges = np.zeros(len(self._rows) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, self._rows), np.int64, len(self._rows)), out=edges[1:])
        return _Text(np.frombuffer(b"".join(self._rows), np.uint8), edges, self._table)

    def learn(self, start: int) -> bool:
        """Look up what characters there are from row `start` on; whether any of them was news."""
        unknown = np.empty(1 << 12, np.uint64)
        joined = np.zeros(len(self._rows), bool)
        news = False
        while count := _scan(start, self.text, self._alphabet.places, unknown, joined):
            self._alphabet.learn(unknown[:count].tolist())
            news = True
        if joined.any():
            for row in np.flatnonzero(joined).tolist():
                self._rows[row] = _fold_unicode(self._rows[row].decode())
            self._table[joined] = _CODES
            self.text = self._join()
            news = True
        return news


@kernel
def _code_point(codes: U8, i: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The character beyond ASCII that begins at i, and where the next one begins."""
    first = np.uint64(codes[i])
    code = np.uint64(codes[i + _1]) & _LAST_6
    if first < _THREE_BYTES:
        return (first & np.uint64(0x1F)) << _6 | code, i + _2
    code = code << _6 | np.uint64(codes[i + _2]) & _LAST_6
    if first < _FOUR_BYTES:
        return (first & np.uint64(0xF)) << _12 | code, i + _3
    return (first & np.uint64(7)) << _18 | code << _6 | np.uint64(codes[i + _3]) & _LAST_6, i + _3 + _1


@kernel
def _scan(start: int, text: _Text, places: U64, unknown: U64, joined: Bool) -> int:
    """Note places of characters that are not in the alphabet, how many; and mark rows in which some may join."""
    count = 0
    for r in range(start, len(text.table)):
        any_byte = np.uint8(0)
        for at in range(text.edges[r], text.edges[r + 1]):
            any_byte = np.uint8(any_byte | text.codes[at])
        if any_byte < _ASCII:
            continue
        table = np.uint64(text.table[r])
        i, stop = np.uint64(text.edges[r]), np.uint64(text.edges[r + 1])
        while i < stop:
            if text.codes[i] < _ASCII:
                i += _1
                continue
            code, i = _code_point(text.codes, i)
            place = places[table + code]
            joined[r] |= place == _JOINS
            if place == _0:
                unknown[count] = table + code
                count += 1
                if count == len(unknown):
                    return count
    return count


@kernel
def _hash(total: np.uint64) -> np.uint64:
    mixed = total * np.uint64(_MIX)
    return mixed ^ mixed >> _32


@kernel
def _cut(
    start: int, text: _Text, units: U64, places: U64, powers: U64, inverse: U64, work: _Work, rows: _Rows
) -> tuple[int, np.uint64, np.uint64]:
    """Cut rows into lines and tokens, from row `start` on.

    Returns the row before which it stopped, and how many tokens and lines it wrote. It stops where there is no room
    for more, and where it cannot cut a row: one that is too long, or has characters that are unknown or may join.
    """
    room = np.uint64(len(work.folded))
    limit = room - _2
    tokens = lines = _0
    for r in range(start, len(text.table)):
        i, stop, table = np.uint64(text.edges[r]), np.uint64(text.edges[r + 1]), np.uint64(text.table[r])
        if stop - i > limit:
            return r, tokens, lines
        unit, last_unit = _0, _0  # of a character beyond ASCII
        marks, total, edges = _0, _0, _0
        previous = _SEPARATOR
        letters, unspaced = _0, _0
        first_line, line_start, line_sum = lines, _0, _0
        while True:
            if unit < last_unit:
                u = units[unit]
                unit += _1
            elif i < stop:
                u = units[text.codes[i]]
                if u == _0:
                    code, i = _code_point(text.codes, i)
                    place = places[table + code]
                    if place + _1 <= _1:  # unknown, or one that joins
                        return r, tokens, first_line
                    unit = place >> _24
                    last_unit = unit + (place & _LAST_8)
                    letters += place >> _8 & _LAST_8
                    unspaced += place >> _16 & _LAST_8
                    if (marks & _LOW) + (last_unit - unit) + (stop - i) > limit:
                        return r, tokens, first_line
                    continue
                i += _1
            else:
                break
            at = marks & _LOW
            # All bits, if this is a separator after a separator: then it takes no place.
            skipped = np.uint64(np.int64(u & previous) >> _63)
            if u & _LINE_FEED and at:
                # Of a run of separators the first stands for all; a line feed anywhere in it ends the line there.
                end = at + skipped
                if line_start <= end:
                    if lines == room:
                        return r, tokens, first_line
                    before = total - (skipped & _32) * powers[end]
                    work.lines[lines] = _hash((before - line_sum) * inverse[line_start])
                    work.line_tokens[lines] = tokens + (edges + (previous >> _8 & _1) >> _1)
                    work.line_ends[lines] = end
                    lines += _1
                    line_start, line_sum = end + _1, before + _32 * powers[end]
            # No branch for the edges of words: they come too irregularly to be predicted.
            work.sums[edges] = total
            work.marks[edges] = marks
            edges += (u ^ previous) >> _8 & _1
            kept = u & ~skipped
            work.folded[at] = kept & _LAST_8
            total += (kept & _LAST_8) * powers[at]
            marks += kept >> _20
            previous = u

        work.sums[edges] = total
        work.marks[edges] = marks
        edges += previous >> _8 & _1
        size = marks & _LOW
        if previous & _SEPARATOR and size:
            size -= _1
            total -= _32 * powers[size]
        if tokens + size + _1 > room or lines == room:
            return r, tokens, first_line
        if line_start <= size:
            work.lines[lines] = _hash((total - line_sum) * inverse[line_start])
            work.line_tokens[lines] = tokens + (edges >> _1)
            work.line_ends[lines] = size
            lines += _1
        spaced = unspaced == _0
        if not spaced:
            for byte in work.folded[:size]:
                letters += units[byte] >> _8 & _1
            spaced = _2 * unspaced < letters
        if spaced:
            tokens = _words(tokens, edges, inverse, work)
        else:
            tokens = _characters(tokens, first_line, lines, powers, inverse, work)
        rows.first_line[r + 1] = lines
        rows.hashes[r] = _hash(total)
        rows.sizes[r] = size
        rows.spaced[r] = spaced
    return len(text.table), tokens, lines


@kernel
def _words(tokens: np.uint64, edges: np.uint64, inverse: U64, work: _Work) -> np.uint64:
    edge = _0
    while edge < edges:
        start, end = work.marks[edge], work.marks[edge + _1]
        mixed = _hash((work.sums[edge + _1] - work.sums[edge]) * inverse[start & _LOW])
        number = end - start > _LOW
        work.values[tokens] = np.uint32(mixed >> _32) & _EVEN | np.uint32(number)
        tokens += _1
        edge += _2
    return tokens


@kernel
def _characters(
    tokens: np.uint64, line: np.uint64, last_line: np.uint64, powers: U64, inverse: U64, work: _Work
) -> np.uint64:
    at = _0
    while line < last_line:
        end = work.line_ends[line]
        work.folded[end] = 32
        while at <= end:
            start = at
            total = np.uint64(work.folded[at]) * powers[at]
            at += _1
            while at <= end and work.folded[at] >> 6 == 2:
                total += np.uint64(work.folded[at]) * powers[at]
                at += _1
            work.values[tokens] = np.uint32(_hash(total * inverse[start]) >> _32) & _EVEN
            tokens += _1
        work.line_tokens[line] = tokens
        line += _1
    return tokens
