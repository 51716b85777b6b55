"""The search: from buckets to verified pairs, within one set of rows or between two."""

import itertools
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from datalint.dedup.cluster import groups
from datalint.dedup.compare import Pairs
from datalint.dedup.lsh import Runs, candidates, pack, unpack
from datalint.dedup.pool import Pool
from datalint.dedup.ragged import I64, U64, Bool, among, distinct

WINDOWS: Final = ((1, 1), (2, 3), (4, 12))
"""Places apart in a band bucket, from nearest to farthest; each step skips what is linked already."""

_PROPOSED: Final = 1 << 22
"""Pairs put in order together: 32 MiB."""

_WAITING: Final = 1 << 24
"""Pairs that wait to be verified, at most: 128 MiB. Many at once, for each time rows may have to be read from disk."""

_SEEN: Final = 1 << 25
"""Pairs remembered so that they are verified once: 256 MiB. Forgetting them costs time and changes no answer."""


def links(pool: Pool) -> Pairs:
    """Verified pairs that link all near rows of a pool, as far as the windows reach.

    A bucket of m rows holds m^2 / 2 pairs. Only neighbours are compared, up to 12 places apart: who is linked already
    is not compared again, so one giant bucket of copies costs one comparison a row.
    """
    found, seen = Pairs.none(), np.zeros(0, np.uint64)
    for nearest, farthest in WINDOWS:
        label = groups(len(pool), found.packed)
        neighbours = (candidates(run, d) for run in pool.buckets() for d in range(nearest, farthest + 1))
        apart = (pairs[_differ(label, pairs)] for pairs in _batches(neighbours, pool.kernels.sort))
        verified, seen = _verified(pool, apart, seen)
        found = Pairs.joined([found, verified])
    return found


def matches(pool: Pool, ours: Bool, theirs: Bool) -> Pairs:
    """Verified pairs of a row of ours and a row of theirs.

    Each of our rows is compared with the six rows of theirs before and behind it in each of its buckets.

    Args:
        pool: n rows, of both sides.
        ours: shape (n,), by the pool's numbers.
        theirs: shape (n,), by the pool's numbers.

    """
    neighbours = (part for run in pool.buckets() for part in _across(run, ours, theirs))
    return _verified(pool, _batches(neighbours, pool.kernels.sort), np.zeros(0, np.uint64))[0]


def _verified(pool: Pool, proposed: Iterator[U64], seen: U64) -> tuple[Pairs, U64]:
    """Those of the proposed pairs that are near and not seen before; and all that have been seen now."""
    found, waiting, count = [Pairs.none()], [np.zeros(0, np.uint64)], 0
    for pairs in itertools.chain(proposed, [None]):
        if pairs is not None:
            waiting.append(pairs[pool.may_be_near(pairs)])
            count += len(waiting[-1])
        if pairs is None or count > _WAITING:
            new = distinct(np.concatenate(waiting), pool.kernels.sort)
            new = new[~among(new, seen)]
            waiting, count = [new], len(new)
            if pairs is None or count > _WAITING // 2:
                found.append(pool.verify(new))
                seen = np.sort(np.concatenate((seen, new))) if len(seen) < _SEEN else new
                waiting, count = [new[:0]], 0
    return Pairs.joined(found), seen


def _differ(label: I64, pairs: U64) -> Bool:
    left, right = unpack(pairs)
    differ: Bool = label[left] != label[right]
    return differ


def _across(runs: Runs, ours: Bool, theirs: Bool) -> Iterator[U64]:
    """Pairs of a row of ours with the nearest of theirs in its run."""
    row = runs.row.astype(np.int64)
    places = np.flatnonzero(theirs[row])
    wanted = np.flatnonzero(ours[row])
    behind = np.searchsorted(places, wanted)
    for step in range(-WINDOWS[-1][1] // 2, WINDOWS[-1][1] // 2):
        other = behind + step
        inside = (other >= 0) & (other < len(places))
        mine, their = wanted[inside], places[other[inside]]
        same = (runs.run[mine] == runs.run[their]) & (row[mine] != row[their])
        yield pack(row[mine[same]], row[their[same]])


def _batches(parts: Iterator[U64], sort: Callable[[U64], U64]) -> Iterator[U64]:
    """Sorted distinct pairs, in batches that fit in memory."""
    waiting: list[U64] = []
    total = 0
    for part in parts:
        waiting.append(part)
        total += len(part)
        if total > _PROPOSED:
            yield distinct(np.concatenate(waiting), sort)
            waiting, total = [], 0
    if total:
        yield distinct(np.concatenate(waiting), sort)


def first_rows(pool: Pool, found: Pairs) -> I64:
    """For each row of a pool the smallest number, in the input, among the rows that it is linked with."""
    label = groups(len(pool), found.packed)
    first: I64 = np.full(len(pool), np.iinfo(np.int64).max)
    np.minimum.at(first, label, pool.number)
    return first[label]
