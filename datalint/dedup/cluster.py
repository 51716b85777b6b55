"""Groups of linked rows, and which row of a group stands for the others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from datalint.dedup.compare import Pairs
from datalint.dedup.lsh import pack, unpack
from datalint.dedup.ragged import I64, U64, among, distinct, run_starts

ROUNDS: Final = 64
"""Rows of one group that are compared with all others of it; beyond, only links already found decide."""


@dataclass(frozen=True)
class Drops:
    """d rows that may go, each with a row that stays and to which it is similar enough."""

    row: I64
    kept: I64
    link: I64  # which of the links says so


def groups(count: int, pairs: U64) -> I64:
    """Connected components (single link): for each of `count` rows the smallest row number of its group.

    Label propagation with pointer jumping; the number of passes grows with the logarithm of a group's diameter.
    """
    left, right = unpack(pairs)
    label = np.arange(count)
    while not np.array_equal(label[left], label[right]):
        low = np.minimum(label[left], label[right])
        np.minimum.at(label, label[left], low)
        np.minimum.at(label, label[right], low)
        while not np.array_equal(jumped := label[label], label):
            label = jumped
    return label


def cluster(links: Pairs, sizes: I64, verify: Callable[[U64], Pairs]) -> tuple[Drops, Pairs]:
    """The leader rule: single link alone drifts, so a row may go only for a row that stays and is similar to it.

    Inside a group the longest row leads (then the smaller row number); what is near to it goes, and the longest of
    the rest leads next.

    Args:
        links: Verified pairs. Row numbers follow content, so that ties do not depend on the order of the input.
        sizes: shape (n,), bytes per row.
        verify: Of packed pairs those that are near.

    Returns:
        The drops, sorted by row, and the links together with the pairs verified on the way.

    """
    label = groups(len(sizes), links.packed)
    waiting = distinct(np.concatenate(unpack(links.packed)).astype(np.uint64)).astype(np.int64)
    waiting = waiting[np.lexsort((waiting, -sizes[waiting], label[waiting]))]
    kept_by = np.full(len(sizes), -1)
    for _ in range(ROUNDS):
        group = label[waiting]
        leads = run_starts(group)
        leader, waiting = waiting[leads][np.cumsum(leads) - 1][~leads], waiting[~leads]
        if not len(waiting):
            break
        pairs = pack(leader, waiting)
        links = Pairs.joined([links, verify(np.sort(pairs[~among(pairs, links.packed)]))])
        near = among(pairs, links.packed)
        kept_by[waiting[near]] = leader[near]
        waiting = waiting[~near]
    _by_links_alone(waiting, links, kept_by)
    row = np.flatnonzero(kept_by >= 0)
    kept = kept_by[row]
    return Drops(row, kept, np.searchsorted(links.packed, pack(row, kept))), links


def _by_links_alone(waiting: I64, links: Pairs, kept_by: I64) -> None:
    """The leader rule for what the rounds left over, in the same order, without further comparisons."""
    still_open = np.zeros(len(kept_by), bool)
    still_open[waiting] = True
    left, right = unpack(links.packed)
    between = still_open[left] & still_open[right]
    neighbours: dict[int, list[int]] = {}
    # The leader rule is sequential: who leads depends on who went before. Few rows come this far.
    for one, other in zip(left[between].tolist(), right[between].tolist(), strict=True):
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    open_rows = set(waiting.tolist())
    for leader in waiting.tolist():
        if kept_by[leader] < 0:
            for row in neighbours.get(leader, []):
                if kept_by[row] < 0 and row in open_rows:
                    kept_by[row] = leader
            open_rows.discard(leader)
