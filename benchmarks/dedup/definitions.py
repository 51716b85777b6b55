"""What counts as a near duplicate: datalint's definition, and those that other tools work with, found exactly.

Tools estimate a Jaccard by MinHash; here it is computed, so that the definitions are compared and not the estimates.
The join is that of Bayardo, Ma and Srikant, "Scaling up all pairs similarity search" (2007), with the positional
filter of Xiao et al., "Efficient similarity joins for near duplicate detection" (2008).
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import polars as pl
from common import groups
from numpy.typing import NDArray

from datalint.dedup import near_duplicates, normalise

Rows = NDArray[np.int64]
_BATCH = 1 << 16
"""Pairs that are compared together."""


@dataclass(frozen=True)
class Found:
    """What a definition finds among `count` rows. Rows equal after normalisation are one: `first` of each row."""

    first: list[int]
    pairs: list[tuple[int, int]]  # of rows that are not equal

    @cached_property
    def group(self) -> list[int]:
        """A name of the group of linked rows, for each row; single linkage, as the tools do it."""
        return groups(len(self.first), [*self.pairs, *enumerate(self.first)])

    @cached_property
    def hit(self) -> set[int]:
        """Rows that a pair names, with the rows that are equal to one."""
        named = {row for pair in self.pairs for row in pair}
        return {row for row, first in enumerate(self.first) if first in named}


Definition = Callable[[pl.Series], Found]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def word_shingles(text: str, n: int) -> set[str]:
    found = words(text)
    return {" ".join(found[i : i + n]) for i in range(len(found) - n + 1)}


def character_shingles(text: str, n: int) -> set[str]:
    return {text[i : i + n] for i in range(len(text) - n + 1)}


def firsts(texts: pl.Series) -> list[int]:
    """For each row the first one that is equal to it after normalisation."""
    frame = pl.DataFrame({"text": normalise(texts.fill_null(""))}).with_row_index("row")
    return frame.select(pl.col("row").first().over("text")).to_series().to_list()


def datalint(texts: pl.Series, threshold: float = 0.8, min_words: int = 20) -> Found:
    found = near_duplicates(texts, threshold=threshold, min_words=min_words)
    return Found(firsts(texts), list(found.pairs.select("left", "right").iter_rows()))


def jaccard(texts: pl.Series, shingles: Callable[[str], set[str]], threshold: float) -> Found:
    """Pairs of rows whose sets of shingles have a Jaccard of `threshold` or more."""
    first = firsts(texts)
    normal = normalise(texts.fill_null("")).to_list()
    rows = [row for row, one in enumerate(first) if row == one]
    number: dict[str, int] = {}
    sets = [np.array([number.setdefault(s, len(number)) for s in shingles(normal[row])], np.int64) for row in rows]
    left, right = similar(sets, threshold)
    return Found(first, [(rows[a], rows[b]) for a, b in zip(left.tolist(), right.tolist(), strict=True)])


def similar(sets: Sequence[Rows], threshold: float) -> tuple[Rows, Rows]:
    """All pairs of sets of non-negative numbers with a Jaccard of `threshold` or more, empty sets left out."""
    sizes = np.array([len(one) for one in sets])
    items = np.concatenate([*sets, np.zeros(0, np.int64)])
    count = np.bincount(items)
    rank = np.empty_like(count)
    rank[np.argsort(count, kind="stable")] = np.arange(len(count))
    # Every set from its rarest item on: two similar sets share one of the first few.
    row = np.repeat(np.arange(len(sets)), sizes)
    keys = np.sort(row * len(count) + rank[items])
    row, item = np.divmod(keys, max(len(count), 1))
    place = np.arange(len(keys)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    size = sizes[row]
    in_prefix = place < size - np.ceil(threshold * size - 1e-9) + 1
    prefix = pl.DataFrame({"item": item, "row": row, "left": size - place, "size": size}).filter(in_prefix)
    needed = (pl.col("size") + pl.col("size_right")) * (threshold / (1 + threshold)) - 1e-9
    proposed = (
        prefix.lazy()
        .join(prefix.lazy(), on="item")
        .filter(
            (pl.col("row") < pl.col("row_right"))
            & (pl.min_horizontal("size", "size_right") >= threshold * pl.max_horizontal("size", "size_right") - 1e-9)
            & (pl.min_horizontal("left", "left_right") >= needed)
        )
        .select("row", "row_right")
        .unique()
        .sort("row", "row_right")
        .collect()
    )
    one, other = proposed["row"].to_numpy().astype(np.int64), proposed["row_right"].to_numpy().astype(np.int64)
    # Most of the proposed pairs fall by a look at 1,024 bits: each bit that one set has alone is an item of its own.
    bits = np.zeros((len(sets), 16), np.uint64)
    np.bitwise_or.at(bits, (row, item // 64 % 16), np.uint64(1) << (item % 64).astype(np.uint64))
    kept = [np.zeros(0, np.int64)]
    for start in range(0, len(one), _BATCH):
        a, b = one[start : start + _BATCH], other[start : start + _BATCH]
        most = sizes[a] - np.bitwise_count(bits[a] & ~bits[b]).sum(axis=1, dtype=np.int64)
        pairs = start + np.flatnonzero(most >= threshold * (sizes[a] + sizes[b] - most) - 1e-9)
        a, b = one[pairs], other[pairs]
        shared = _shared(keys, sizes, len(count), a, b)
        kept.append(pairs[shared >= threshold * (sizes[a] + sizes[b] - shared) - 1e-9])
    near = np.concatenate(kept)
    return one[near], other[near]


def _shared(keys: Rows, sizes: Rows, items: int, one: Rows, other: Rows) -> Rows:
    """How many items the sets of each pair share; keys are row * items + item, sorted; no set is empty."""
    if not len(one):
        return np.zeros(0, np.int64)
    count = sizes[one]
    ends = np.cumsum(count)
    place = np.arange(ends[-1]) + np.repeat((np.cumsum(sizes) - sizes)[one] - ends + count, count)
    wanted = keys[place] + np.repeat((other - one) * items, count)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.add.reduceat(keys[at] == wanted, ends - count, dtype=np.int64)


DEFINITIONS: dict[str, Definition] = {
    "datalint": datalint,
    "threshold .75": partial(datalint, threshold=0.75),
    "from 5 words": partial(datalint, min_words=5),
    "word-1 >= .8": partial(jaccard, shingles=partial(word_shingles, n=1), threshold=0.8),
    "word-5 >= .8": partial(jaccard, shingles=partial(word_shingles, n=5), threshold=0.8),
    "word-5 >= .7": partial(jaccard, shingles=partial(word_shingles, n=5), threshold=0.7),
    "char-5 >= .7": partial(jaccard, shingles=partial(character_shingles, n=5), threshold=0.7),
}
