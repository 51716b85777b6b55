"""What has to be known of all rows before any two are compared: which are equal, and which lines are boilerplate."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from datalint.dedup.packed import Parts, columns
from datalint.dedup.ragged import I64, U64, Bool, Ragged, among, ranges, run_starts
from datalint.dedup.tokens import Tokens

_COUNTERS: Final = 1 << 20
"""Of lines, by some bits of their hash: a line is frequent only if its counter is high."""


@dataclass(frozen=True)
class Survey:
    """n rows in short: about 33 bytes a row."""

    hashes: U64  # shape (n,), hash of each normalised row
    sizes: I64  # shape (n,), bytes of each normalised row
    first: Bool  # shape (n,), whether no earlier row has the same content
    boilerplate: U64  # sorted hashes of the lines that do not count


def survey(parts: Parts, share: float) -> Survey:
    """Two passes, over the hashes of rows and over those of lines.

    System prompts, tool descriptions and fixed headings say nothing about whether two rows are the same: in a sample
    of tool-calling prompts they alone made two thirds of the rows look alike.

    Args:
        parts: All rows.
        share: Lines in this fraction of the distinct rows, and in 10 at least, are boilerplate.

    """
    seen = list(columns(parts, "hashes", "sizes"))
    hashes: U64 = np.concatenate([np.zeros(0, np.uint64), *(part[0] for part in seen)])
    sizes: I64 = np.concatenate([np.zeros(0, np.int64), *(part[1] for part in seen)])
    order = np.argsort(hashes, kind="stable")
    first = np.zeros(len(hashes), bool)
    first[order[run_starts(hashes[order])]] = True
    limit = max(10, int(np.ceil(share * np.count_nonzero(first))))
    return Survey(hashes, sizes, first, _boilerplate(parts, first, limit))


def _boilerplate(parts: Parts, first: Bool, limit: int) -> U64:
    """Lines in `limit` or more distinct rows: counted roughly, then those that may be frequent exactly."""
    counters, waiting, total = np.zeros(_COUNTERS, np.int64), list[NDArray[Any]](), 0
    for (lines,) in columns(parts, "lines"):
        waiting.append(lines)
        total += len(lines)
        if total >= _COUNTERS:
            counters += _counted(waiting)
            waiting, total = [], 0
    counters += _counted(waiting)
    if counters.max() < limit:
        return np.zeros(0, np.uint64)
    frequent = counters >= limit
    found: list[tuple[U64, I64]] = []
    start = 0
    for lines, per_row in columns(parts, "lines", "lines_per_row"):
        counted = first[start : start + len(per_row)]
        start += len(per_row)
        suspect = np.flatnonzero(frequent[_counter(lines)] & np.repeat(counted, per_row))
        owner = np.repeat(np.arange(len(per_row)), per_row)[suspect]
        # Sorted by hash with owners rising inside, so that a line repeated within one row counts once.
        order = np.argsort(lines[suspect], kind="stable")
        line = lines[suspect[order]]
        line = line[run_starts(line) | run_starts(owner[order])]
        found.append(_totals(line, np.ones(len(line), np.int64)))
    lines, counts = _totals(*(np.concatenate(column) for column in zip(*found, strict=True)))
    return lines[counts >= limit]


def _counter(lines: U64) -> I64:
    return (lines & np.uint64(_COUNTERS - 1)).astype(np.int64)


def _counted(parts: list[NDArray[Any]]) -> I64:
    return np.bincount(_counter(np.concatenate([np.zeros(0, np.uint64), *parts])), minlength=_COUNTERS)


def _totals(lines: U64, counts: I64) -> tuple[U64, I64]:
    """Distinct lines in order, and the sum of the counts of each."""
    order = np.argsort(lines, kind="stable")
    lines, counts = lines[order], counts[order]
    starts = np.flatnonzero(run_starts(lines))
    return lines[starts], np.add.reduceat(counts, starts) if len(starts) else counts


def strip_boilerplate(tokens: Tokens, rows: I64, boilerplate: U64) -> Ragged:
    """The tokens of some rows without the lines that do not count.

    Args:
        tokens: A part of the input.
        rows: shape (m,), row numbers of that part.
        boilerplate: Sorted hashes of lines.

    """
    whole = Ragged(tokens.tokens.values, tokens.tokens.offsets[tokens.first_line]).take(rows)
    if not len(boilerplate):
        return whole
    starts, per_row = tokens.first_line[rows], np.diff(tokens.first_line)[rows]
    places = ranges(starts, per_row)
    counts = ~among(tokens.lines[places], boilerplate)
    if counts.all():
        return whole
    in_line = tokens.tokens.lengths[places]
    owner = np.repeat(np.arange(len(rows)), per_row)
    lengths = np.bincount(owner[counts], in_line[counts], len(rows)).astype(np.int64)
    return Ragged.of(whole.values[np.repeat(counts, in_line)], lengths)
