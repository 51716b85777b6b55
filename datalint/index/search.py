"""Which rows an index has seen before: equal ones, and near duplicates by the definition of DUP002."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from datalint.dedup import Definition
from datalint.dedup.compare import Rows, sets_of, similar
from datalint.dedup.kernels import Kernels
from datalint.dedup.lsh import minhash, rows_per_band
from datalint.dedup.packed import unpack
from datalint.dedup.pool import CHARACTERS_PER_WORD
from datalint.dedup.ragged import F64, I64, U64, Ragged, distinct
from datalint.dedup.survey import survey
from datalint.index.records import body_of
from datalint.index.store import Asked, Store
from datalint.spool import Spool

SLICE: Final = 1 << 15
"""Rows that look through the index together: their band keys and what they hit are held in memory."""

PAIRS: Final = 1 << 18
"""Pairs whose words are held together."""

_SEEN: Final = pl.Schema(
    {
        "row": pl.UInt32(),
        "file": pl.String(),
        "at_row": pl.Int64(),
        "at_line": pl.Int64(),
        "jaccard": pl.Float64(),
        "equal": pl.Boolean(),
    }
)
_FOUND: Final = pl.Schema({"content": pl.UInt64(), **{name: _SEEN[name] for name in _SEEN.names()[1:]}})


def seen_before(store: Store, parts: Spool, definition: Definition, make: Kernels) -> pl.DataFrame:
    """For each row the indexed one that says the same, else the one that it nearly repeats most. Empties `parts`.

    Returns:
        row u32 (number in `parts`), file str, at_row i64, at_line i64 (null: none), jaccard f64, equal bool; a line
        for each row that was seen before, sorted by row. Of equally similar rows the first by file and row is named.

    """
    known = survey(parts, definition.boilerplate_share)
    boilerplate = distinct(np.concatenate((known.boilerplate, store.boilerplate())))
    frames = [pl.DataFrame(schema=_FOUND)]
    pools = [_Pool(store, definition, make, spaced=spaced) for spaced in (True, False)]
    start = 0
    for tokens in unpack(parts.drain()):
        rows = np.flatnonzero(known.first[start : start + len(tokens.hashes)] & (tokens.sizes > 0))
        start += len(tokens.hashes)
        there = store.known(tokens.hashes[rows])
        equal = tokens.hashes[rows[there]]
        frames.append(_told(store, equal, store.ids(equal), np.ones(len(equal)), equal=True))
        rows = rows[~there]
        body = body_of(tokens, rows, boilerplate)
        for pool in pools:
            mine = np.flatnonzero(tokens.spaced[rows] == pool.spaced)
            frames += pool.add(tokens.hashes[rows[mine]], body.take(mine))
    for pool in pools:
        frames += pool.close()
    best = pl.concat(frames).sort("content", -pl.col("jaccard"), "file", "at_row").unique("content", keep="first")
    asked = {"row": np.arange(start, dtype=np.uint32), "content": known.hashes}
    return pl.DataFrame(asked).join(best, on="content", maintain_order="left").select(_SEEN.names())


class _Pool:
    """Rows of one kind that wait until there are enough of them to go through the index."""

    def __init__(self, store: Store, definition: Definition, make: Kernels, *, spaced: bool) -> None:
        self.spaced = spaced
        self._store, self._make, self._thresholds = store, make, definition.thresholds
        self._shortest = max(definition.min_words * (1 if spaced else CHARACTERS_PER_WORD), 1)
        self._waiting: list[tuple[U64, Ragged]] = []

    def add(self, contents: U64, body: Ragged) -> Iterator[pl.DataFrame]:
        """More rows; yields what is found by those that need not wait any longer."""
        long = np.flatnonzero(body.lengths >= self._shortest)
        self._waiting.append((contents[long], body.take(long)))
        if sum(len(part) for _, part in self._waiting) >= SLICE:
            yield from self.close()

    def close(self) -> Iterator[pl.DataFrame]:
        """What is found by the rest."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        contents, body = np.concatenate([c for c, _ in waiting]), Ragged.joined([part for _, part in waiting])
        if not len(contents):
            return
        order = np.argsort(body.lengths, kind="stable")
        contents, body = contents[order], body.take(order)
        signatures = minhash(sets_of(body, spaced=self.spaced)).T
        bands = rows_per_band(self._thresholds.sets)
        asked = Asked(signatures, body.lengths, self.spaced, self._shortest, bands)
        mine, ids = self._store.candidates(asked)
        for start in range(0, len(mine), PAIRS):
            rows, others = mine[start : start + PAIRS], ids[start : start + PAIRS]
            near, sets = self._similar(body, rows, others)
            yield _told(self._store, contents[rows[near]], others[near], sets, equal=False)

    def _similar(self, body: Ragged, rows: I64, ids: U64) -> tuple[I64, F64]:
        """Places of the pairs that are near, and how near."""
        mine, left = np.unique(rows, return_inverse=True)
        theirs, right = np.unique(ids, return_inverse=True)
        both = Ragged.joined([body.take(mine), self._store.bodies(theirs)])
        # Shortest first, which is what making sets is fast on.
        order = np.argsort(both.lengths, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        left, right = place[left], place[len(mine) + right]
        both = both.take(order)
        sets = sets_of(both, spaced=self.spaced)
        sizes = sets.lengths[left], sets.lengths[right]
        # Two sets cannot be more alike than the smaller over the larger.
        may = np.flatnonzero(np.minimum(*sizes) / np.maximum(*sizes) >= self._thresholds.sets)
        ready = Rows.of(both, sets, spaced=self.spaced, kernels=self._make)
        near, jaccard, _, _ = similar(ready, left[may], right[may], self._thresholds)
        return may[near], jaccard


def _told(store: Store, contents: U64, ids: U64, jaccard: F64, *, equal: bool) -> pl.DataFrame:
    """The most similar pairs of each content, with the places of the indexed rows."""
    found = pl.DataFrame({"content": contents, "id": ids, "jaccard": jaccard}).filter(
        pl.col("jaccard") == pl.col("jaccard").max().over("content")
    )
    every = found["id"].unique().sort()
    places = store.places(every.to_numpy()).rename({"row": "at_row", "line": "at_line"}).with_columns(id=every)
    told = found.join(places, on="id").with_columns(equal=pl.lit(equal))
    return told.select(pl.col(name).cast(dtype) for name, dtype in _FOUND.items())
