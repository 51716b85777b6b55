"""Any number of rows made of pieces of real ones, one third of them copies; the same rows on every machine.

A row is eight pieces, eighths of real instruct rows, on two lines, about 540 bytes. Which pieces, which words a copy
changes: all follows from the row's number, so that parts are made one at a time and rows may be copies of rows far
away. The pieces are small enough that the share of near pairs among the other rows does not grow with their number.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from common import POOL, texts
from numpy.typing import NDArray

from datalint.dedup import normalise

Numbers = NDArray[np.int64]
U64 = NDArray[np.uint64]

PART = 100_000
"""Rows that are made together."""
PIECES = 8
LONGEST = 40
"""Words of a piece."""
SHARES = np.array([0, 5, 10, 15])
"""Per cent of the words that a copy changes; 0: it is written in capitals."""


def draws(numbers: NDArray[np.integer], stream: int) -> U64:
    """Random 64-bit words that depend on the numbers and the stream alone (SplitMix64)."""
    x = (numbers.astype(np.uint64) + np.uint64(stream << 48)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class Pieces:
    """Eighths of real rows, or less: piece i is words[ids[starts[i] : starts[i] + lengths[i]]]."""

    words: pl.Series  # all distinct ones; the last is a line feed
    ids: Numbers
    starts: Numbers
    lengths: Numbers
    plain: Numbers  # ids of the words without a digit

    @classmethod
    def of(cls, data: Path) -> "Pieces":
        rows = pl.concat([texts(data / source) for source in POOL]).drop_nulls()
        split = rows.filter(normalise(rows).is_first_distinct()).str.extract_all(r"\S+")
        split = split.filter(split.list.len() >= 2 * PIECES)
        flat, lengths = split.explode(), split.list.len().to_numpy().astype(np.int64)
        words = flat.unique().sort()
        # Long rows in more pieces, lest one piece be most of a row and make near pairs of all rows that hold it.
        cuts = np.maximum(PIECES, lengths // LONGEST + 1)
        turn = np.arange(cuts.sum()) - np.repeat(np.cumsum(cuts) - cuts, cuts)
        starts = np.repeat(np.cumsum(lengths) - lengths, cuts) + np.repeat(lengths, cuts) * turn // np.repeat(
            cuts, cuts
        )
        return cls(
            pl.concat([words.alias("word"), pl.Series("word", ["\n"])]),
            words.search_sorted(flat).to_numpy().astype(np.int64),
            starts,
            np.diff(np.append(starts, lengths.sum())),
            np.flatnonzero(~words.str.contains(r"\d").to_numpy()),
        )


@dataclass(frozen=True)
class Plan:
    """Which rows are copies of which: every third row copies a base row, each base row at most once."""

    rows: int

    def originals(self, numbers: Numbers) -> Numbers:
        """For each row the base row that it says: itself, or the one that it copies."""
        bases = self.rows - self.rows // 3
        factor = next(f for f in range(7_368_787, 7_400_000) if math.gcd(f, bases) == 1)
        base = (numbers // 3 * factor + 11) % bases
        return np.where(numbers % 3 == 2, base // 2 * 3 + base % 2, numbers)

    def shares(self, numbers: Numbers) -> Numbers:
        """Per cent of the words that are edited, for rows that are copies."""
        return SHARES[(draws(numbers, 1) % np.uint64(len(SHARES))).astype(np.int64)]

    def copies(self) -> pl.DataFrame:
        """left, right u32 (left < right), share i64: every copy with the row that it copies."""
        copies = np.arange(2, self.rows, 3)
        pair = np.sort(np.stack((copies, self.originals(copies))), axis=0).astype(np.uint32)
        return pl.DataFrame({"left": pair[0], "right": pair[1], "share": self.shares(copies)})


def parts(pieces: Pieces, rows: int) -> Iterator[pl.Series]:
    """The rows as texts, PART at a time."""
    plan = Plan(rows)
    joined = _joined(pieces.words.gather(pieces.ids), pieces.lengths)
    for start in range(0, rows, PART):
        numbers = np.arange(start, min(start + PART, rows))
        share = np.where(numbers % 3 == 2, plan.shares(numbers), 0)
        # Most rows are pieces as they are; only those with edited words are put together word by word.
        edited = np.flatnonzero(share)
        chosen = _chosen(pieces, plan.originals(numbers))
        columns = [joined.gather(chosen[:, i]) for i in range(PIECES)]
        columns.insert(PIECES // 2, pl.repeat("\n", len(numbers), dtype=pl.String, eager=True))
        text = pl.select(pl.concat_str(columns, separator=" ").alias("text")).to_series()
        ids, lengths = _edited(pieces, *_assembled(pieces, chosen[edited]), share[edited], numbers[edited])
        text = text.scatter(edited, _joined(pieces.words.gather(ids), lengths))
        capitals = pl.Series((numbers % 3 == 2) & (share == 0))
        yield pl.select(pl.when(capitals).then(text.str.to_uppercase()).otherwise(text).alias("text")).to_series()


def _joined(words: pl.Series, lengths: Numbers) -> pl.Series:
    """As many words after each other as each length says."""
    frame = pl.DataFrame({"row": np.repeat(np.arange(len(lengths)), lengths), "word": words})
    return frame.group_by("row", maintain_order=True).agg(pl.col("word").str.join(" "))["word"]


def _chosen(pieces: Pieces, rows: Numbers) -> Numbers:
    """The pieces of each row, shape (rows, PIECES)."""
    wanted = rows[:, None] * PIECES + np.arange(PIECES)
    return (draws(wanted, 2) % np.uint64(len(pieces.starts))).astype(np.int64)


def _assembled(pieces: Pieces, chosen: Numbers) -> tuple[Numbers, Numbers]:
    """Word ids of each row, one after the other, and how many each has: its pieces with a line feed in the middle."""
    lengths = pieces.lengths[chosen]
    flat, ends = lengths.ravel(), np.cumsum(lengths.ravel())
    ids = pieces.ids[np.arange(ends[-1]) + np.repeat(pieces.starts[chosen].ravel() - ends + flat, flat)]
    middle = ends.reshape(-1, PIECES)[:, PIECES // 2 - 1]
    return np.insert(ids, middle, len(pieces.words) - 1), lengths.sum(axis=1) + 1


def _edited(
    pieces: Pieces, ids: Numbers, lengths: Numbers, share: Numbers, numbers: Numbers
) -> tuple[Numbers, Numbers]:
    """The same with a share of each row's words replaced (1 of 2), left out or followed by another (1 of 4 each)."""
    ends = np.cumsum(lengths)
    row = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    editable = np.zeros(len(pieces.words), bool)
    editable[pieces.plain] = True
    # In each row the words that come first in a random order are edited; those with a digit come last.
    luck = draws((numbers[row] << 20) + place, 3)
    random = (luck >> np.uint64(33)) | (~editable[ids]).astype(np.uint64) << np.uint64(31)
    order = np.argsort((row.astype(np.uint64) << np.uint64(32)) | random)
    turn = np.empty_like(place)
    turn[order] = place
    hit = (turn < np.rint(share * lengths / 100)[row]) & editable[ids]
    kind = (luck & np.uint64(3)).astype(np.int64)
    other = pieces.plain[(draws(luck, 4) % np.uint64(len(pieces.plain))).astype(np.int64)]
    replaced = np.where(hit & (kind < 2), other, ids)
    times = np.where(hit & (kind == 2), 0, np.where(hit & (kind == 3), 2, 1))
    found = np.repeat(replaced, times)
    after = (np.cumsum(times) - 1)[hit & (kind == 3)]
    found[after] = other[hit & (kind == 3)]
    return found, np.bincount(row, weights=times, minlength=len(lengths)).astype(np.int64)
