"""The kernels of the compiled tokeniser: from raw UTF-8 to hashes in one pass."""

from collections.abc import Callable
from typing import Final, NamedTuple, ParamSpec, TypeVar

import numba
import numpy as np

from datalint.dedup.compiled import alphabet
from datalint.dedup.ragged import I64, U8, U32, U64, Bool
from datalint.dedup.tokens import MIX

P = ParamSpec("P")
R = TypeVar("R")

# numba makes a float of an unsigned and a signed integer, so that constants are unsigned as well. It keeps compiled
# code until this file changes: touch it when a constant from elsewhere does.
_0, _1, _2, _3, _6, _8, _12, _16, _18, _20, _24, _32 = (
    np.uint64(n) for n in (0, 1, 2, 3, 6, 8, 12, 16, 18, 20, 24, 32)
)
_ASCII, _THREE_BYTES, _FOUR_BYTES = (np.uint64(n) for n in (0x80, 0xE0, 0xF0))
_LAST_6, _LAST_8, _LAST_32 = (np.uint64((1 << n) - 1) for n in (6, 8, 32))
_LINE_FEED, _SEPARATOR = np.uint64(alphabet.LINE_FEED), np.uint64(alphabet.SEPARATOR)
_JOINS: Final = np.uint64(alphabet.JOINS)
_63: Final = np.int64(63)
_EVEN: Final = np.uint32(0xFFFFFFFE)


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at the first call, or load what an earlier process has compiled."""
    try:
        compiled: Callable[P, R] = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep code in: every process compiles
        compiled = numba.njit(nogil=True)(function)
    return compiled


class Text(NamedTuple):
    """A block of n rows."""

    codes: U8  # UTF-8, one row after the other
    edges: I64  # shape (n + 1,), row i is codes[edges[i]:edges[i + 1]]
    table: I64  # shape (n,), number of the first place: 0 for raw text, CODES for folded text


class Work(NamedTuple):
    """Scratch, all of one length: the longest row and two."""

    sums: U64  # at each edge of a word: the running sum
    marks: U64  # at each edge of a word: position, and digits so far
    folded: U8
    values: U32
    lines: U64
    line_tokens: I64  # tokens up to the end of each line
    line_ends: U64  # position, in the row, of the separator behind each line


class Rows(NamedTuple):
    """What is found for each of n rows."""

    first_line: I64  # shape (n + 1,)
    hashes: U64
    sizes: I64
    spaced: Bool


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
def scan(start: int, text: Text, places: U64, unknown: U64, joining: Bool) -> int:
    """Note characters that have no place yet, and how many; mark raw rows in which some may join."""
    count = 0
    for row in range(start, len(text.table)):
        table = np.uint64(text.table[row])
        i, stop = np.uint64(text.edges[row]), np.uint64(text.edges[row + 1])
        while i < stop:
            if text.codes[i] < _ASCII:
                i += _1
                continue
            code, i = _code_point(text.codes, i)
            place = places[table + code]
            joining[row] |= place == _JOINS
            if place == _0:
                unknown[count] = table + code
                count += 1
                if count == len(unknown):
                    return count
    return count


@kernel
def _hash(total: np.uint64) -> np.uint64:
    mixed = total * MIX
    return mixed ^ mixed >> _32


@kernel
def cut(
    start: int, text: Text, units: U64, places: U64, powers: U64, inverse: U64, work: Work, rows: Rows
) -> tuple[int, np.uint64, np.uint64]:
    """Cut rows into lines and tokens, from row `start` on.

    Returns the row before which it stopped, and how many tokens and lines it wrote. It stops where there is no room
    for more, and where it cannot go on: at a row that is too long, or has characters without a place or that may join.
    """
    tokens = lines = _0
    for row in range(start, len(text.table)):
        first_line = lines
        done, size, total, edges, lines, letters, unspaced = _read(
            row, tokens, first_line, text, units, places, powers, inverse, work
        )
        if not done:
            return row, tokens, first_line
        if unspaced:
            for byte in work.folded[:size]:
                letters += units[byte] >> _8 & _1
        if unspaced and _2 * unspaced >= letters:
            tokens = _characters(tokens, first_line, lines, powers, inverse, work)
            rows.spaced[row] = False
        else:
            tokens = _words(tokens, edges, inverse, work)
            rows.spaced[row] = True
        rows.first_line[row + 1] = lines
        rows.hashes[row] = _hash(total)
        rows.sizes[row] = size
    return len(text.table), tokens, lines


# A function of its own: together with what comes after the row, the loop runs out of registers.
@kernel
def _read(
    row: int,
    tokens: np.uint64,
    lines: np.uint64,
    text: Text,
    units: U64,
    places: U64,
    powers: U64,
    inverse: U64,
    work: Work,
) -> tuple[bool, np.uint64, np.uint64, np.uint64, np.uint64, np.uint64, np.uint64]:
    """Fold a row, note its edges of words, and write its lines.

    Returns whether it could be done; size and sum of the folded row; numbers of edges and of lines; letters beyond
    ASCII, and those of scripts without spaces.
    """
    room = np.uint64(len(work.folded))
    limit = room - _2
    i, stop, table = np.uint64(text.edges[row]), np.uint64(text.edges[row + 1]), np.uint64(text.table[row])
    unit, last_unit = _0, _0  # what is left of a character beyond ASCII
    letters, unspaced = _0, _0
    marks, total, edges = _0, _0, _0
    line_start, line_sum = _0, _0
    previous = _SEPARATOR
    if stop - i > limit:
        return False, _0, total, edges, lines, letters, unspaced
    while True:
        if unit < last_unit:
            u = units[unit]
            unit += _1
        elif i < stop:
            u = units[text.codes[i]]
            if u == _0:
                code, i = _code_point(text.codes, i)
                place = places[table + code]
                unit = place >> _24
                last_unit = unit + (place & _LAST_8)
                letters += place >> _8 & _LAST_8
                unspaced += place >> _16 & _LAST_8
                longest = (marks & _LAST_32) + (last_unit - unit) + (stop - i)
                if place in (_0, _JOINS) or longest > limit:
                    return False, _0, total, edges, lines, letters, unspaced
                continue
            i += _1
        else:
            break
        at = marks & _LAST_32
        # All ones for a separator after a separator, which takes no place.
        skipped = np.uint64(np.int64(u & previous) >> _63)
        if u & _LINE_FEED and at:
            # Of a run of separators the first one stands for all; a line feed anywhere in it ends the line there.
            end = at + skipped
            if line_start <= end:
                if lines == room:
                    return False, _0, total, edges, lines, letters, unspaced
                before = total - (skipped & _32) * powers[end]
                work.lines[lines] = _hash((before - line_sum) * inverse[line_start])
                work.line_tokens[lines] = tokens + (edges + (previous >> _8 & _1) >> _1)
                work.line_ends[lines] = end
                lines += _1
                line_start, line_sum = end + _1, before + _32 * powers[end]
        # Edges of words come too irregularly for a branch: what would be noted there is written each time.
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
    size = marks & _LAST_32
    if previous & _SEPARATOR and size:
        size -= _1
        total -= _32 * powers[size]
    if tokens + size + _1 > room or lines == room:
        return False, size, total, edges, lines, letters, unspaced
    if line_start <= size:
        work.lines[lines] = _hash((total - line_sum) * inverse[line_start])
        work.line_tokens[lines] = tokens + (edges >> _1)
        work.line_ends[lines] = size
        lines += _1
    return True, size, total, edges, lines, letters, unspaced


@kernel
def _words(tokens: np.uint64, edges: np.uint64, inverse: U64, work: Work) -> np.uint64:
    """Hashes of the words between edges; returns how many tokens there are then."""
    edge = _0
    while edge < edges:
        start, end = work.marks[edge], work.marks[edge + _1]
        mixed = _hash((work.sums[edge + _1] - work.sums[edge]) * inverse[start & _LAST_32])
        number = end - start > _LAST_32
        work.values[tokens] = np.uint32(mixed >> _32) & _EVEN | np.uint32(number)
        tokens += _1
        edge += _2
    return tokens


@kernel
def _characters(
    tokens: np.uint64, line: np.uint64, last_line: np.uint64, powers: U64, inverse: U64, work: Work
) -> np.uint64:
    """Hashes of the single characters of some lines, each with the separator behind it; how many tokens then."""
    at = _0
    while line < last_line:
        end = work.line_ends[line]
        work.folded[end] = 32
        while at <= end:
            start, total = at, np.uint64(work.folded[at]) * powers[at]
            at += _1
            while at <= end and work.folded[at] >> 6 == 2:
                total += np.uint64(work.folded[at]) * powers[at]
                at += _1
            work.values[tokens] = np.uint32(_hash(total * inverse[start]) >> _32) & _EVEN
            tokens += _1
        work.line_tokens[line] = tokens
        line += _1
    return tokens
