"""Near duplicates: which rows of a dataset are reworded copies of another one, and which of them may go."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datalint.dedup.cluster import cluster
from datalint.dedup.compare import Pairs, Thresholds
from datalint.dedup.kernels import PLAIN, Kernels, kernels
from datalint.dedup.lsh import unpack
from datalint.dedup.packed import pack
from datalint.dedup.pool import pools
from datalint.dedup.ragged import I64, Bool, run_starts
from datalint.dedup.search import first_rows, links, matches
from datalint.dedup.survey import Survey, survey
from datalint.dedup.tokens import Tokens
from datalint.spool import Scratch, Spool, half_of_memory

_PAIRS: Final = pl.Schema(
    {
        "left": pl.UInt32,
        "right": pl.UInt32,
        "jaccard_1": pl.Float64,
        "jaccard_2": pl.Float64,
        "jaccard_numbers": pl.Float64,
    }
)
_DROPPED: Final = pl.Schema(
    {
        "row": pl.UInt32,
        "kept": pl.UInt32,
        "jaccard": pl.Float64,
        "jaccard_2": pl.Float64,
        "jaccard_numbers": pl.Float64,
        "cluster": pl.UInt32,
    }
)


@dataclass(frozen=True)
class Definition:
    """What a near duplicate is."""

    threshold: float = 0.8  # smallest Jaccard of word sets, or of 5-gram sets, in 0..1
    bigram_threshold: float = 0.5  # of the sets of neighbouring words
    number_threshold: float = 0.8  # of the sets of words with a digit; two empty sets are equal
    min_words: int = 20  # shorter rows are left out; without spaces two characters count as a word
    boilerplate_share: float = 0.01  # lines in this fraction of the distinct rows, and in 10, do not count

    @property
    def thresholds(self) -> Thresholds:
        """The three Jaccards."""
        return Thresholds(self.threshold, self.bigram_threshold, self.number_threshold)


@dataclass(frozen=True)
class NearDuplicates:
    """What `near_duplicates` found. Row numbers count the rows of the input from 0.

    pairs: left u32, right u32 (left < right), jaccard_1, jaccard_2, jaccard_numbers f64; sorted. In rows without
        spaces jaccard_1 is that of character 5-grams and the others are null. These are the pairs that were
        verified; rows of one cluster that are linked already are not compared any further.
    dropped: row u32, kept u32, jaccard f64 (jaccard_1 of the two), jaccard_2, jaccard_numbers f64, cluster u32
        (smallest row number of the group of linked rows); sorted by row. A kept row is never dropped itself, and is
        at least as long.
    """

    pairs: pl.DataFrame
    dropped: pl.DataFrame

    def at(self, threshold: float) -> "NearDuplicates":
        """What of it holds at a higher threshold, without another search.

        Every row still dropped has a kept partner above the new threshold. (A new search may drop a few more: it
        would compare rows with each other that were, at the lower threshold, both near to a third.)
        """
        return replace(
            self,
            pairs=self.pairs.filter(pl.col("jaccard_1") >= threshold),
            dropped=self.dropped.filter(pl.col("jaccard") >= threshold),
        )


def near_duplicates(
    texts: pl.Series | Iterable[pl.Series],
    *,
    threshold: float = 0.8,
    bigram_threshold: float = 0.5,
    number_threshold: float = 0.8,
    min_words: int = 20,
    boilerplate_share: float = 0.01,
    memory_limit: int | None = None,
    compiled: bool | None = None,
) -> NearDuplicates:
    """Find rows that repeat another row with a few words changed.

    Two rows are near duplicates if, after normalisation and without boilerplate lines, the Jaccard similarities
    of their sets of words, of word pairs and of numbers reach the thresholds. Rows equal after normalisation
    count as one row (the first) and are never paired. Rows in scripts without spaces compare by character
    5-grams alone. MinHash bands propose the pairs (at the threshold with probability .99 or more), exact sets
    decide. In a group of linked rows the longest stays; another one goes only if a row that stays is near to it.

    The answer depends on the contents alone, not on the order of the rows, on how they are cut into series, on the
    memory limit, or on whether compiled kernels are installed.

    Args:
        texts: String series, one row each with its turns joined by line feeds; null counts as empty. Several series
            are one input: give them one after the other if there is no room for all.
        threshold: Smallest similarity of word sets, or of 5-gram sets, in 0..1.
        bigram_threshold: Smallest similarity of the sets of neighbouring words.
        number_threshold: Smallest similarity of the sets of words with a digit; two empty sets are equal.
        min_words: Shorter rows are left out; without spaces two characters count as a word.
        boilerplate_share: Lines that stand in this fraction of the distinct rows, and in 10 at least, do not
            count.
        memory_limit: Bytes to make do with, half of the memory by default; what does not fit goes to a folder in
            TMPDIR. A few numbers of each row stay in memory.
        compiled: Whether to use compiled kernels (the extra `[fast]`); by default where they are installed and the
            input is large enough for that to pay. The answer is the same.

    """
    definition = Definition(threshold, bigram_threshold, number_threshold, min_words, boilerplate_share)
    with Scratch(memory_limit or half_of_memory()) as scratch:
        parts, make = _packed([texts] if isinstance(texts, pl.Series) else texts, scratch, compiled)
        return duplicates_in(parts, definition, make)


def near_matches(
    texts: pl.Series,
    reference: pl.Series,
    *,
    threshold: float = 0.8,
    bigram_threshold: float = 0.5,
    number_threshold: float = 0.8,
    min_words: int = 20,
    boilerplate_share: float = 0.01,
) -> pl.DataFrame:
    """For each row of `texts` the row of `reference` that it nearly repeats: leaks between two splits.

    Definition and options are those of `near_duplicates`; rows equal after normalisation do not match each other.

    Returns:
        row u32 (of texts), match u32 (of reference, the most similar by jaccard_1, then the first), jaccard_1,
        jaccard_2, jaccard_numbers f64; one line for each row that has a match, sorted by row.

    """
    definition = Definition(threshold, bigram_threshold, number_threshold, min_words, boilerplate_share)
    with Scratch() as scratch:
        parts, make = _packed([texts.alias("text"), reference.alias("text")], scratch, None)
        ours = np.arange(len(texts) + len(reference)) < len(texts)
        found = matches_in(parts, ours, definition, make)
    return found.with_columns(pl.col("match") - len(texts))


def duplicates_in(parts: Spool, definition: Definition, make: Kernels | None = None) -> NearDuplicates:
    """`near_duplicates` of rows that are tokenised and packed already; empties `parts`."""
    known = survey(parts, definition.boilerplate_share)
    make = make or kernels(parts.size)
    pairs, dropped = [pl.DataFrame(schema=_PAIRS)], [pl.DataFrame(schema=_DROPPED)]
    for pool in pools(parts, known, definition.min_words, definition.thresholds, make):
        drops, found = cluster(links(pool), known.sizes[pool.number], pool.verify)
        first = first_rows(pool, found)
        columns = {
            "row": pool.number[drops.row],
            "kept": pool.number[drops.kept],
            "jaccard": found.sets[drops.link],
            "jaccard_2": found.bigrams[drops.link],
            "jaccard_numbers": found.numbers[drops.link],
            "cluster": first[drops.row],
        }
        dropped.append(pl.DataFrame(columns).cast(_DROPPED).fill_nan(None))
        pairs.append(_frame(found, pool.number))
    return NearDuplicates(pl.concat(pairs).sort("left", "right"), pl.concat(dropped).sort("row"))


def matches_in(parts: Spool, ours: Bool, definition: Definition, make: Kernels | None = None) -> pl.DataFrame:
    """`near_matches` of rows that are packed already; empties `parts`. `ours`, shape (n,), marks the first side's rows.

    Returns the columns of `near_matches`; `match` counts the rows of both sides.
    """
    known = survey(parts, definition.boilerplate_share)
    make = make or kernels(parts.size)
    content = _contents(known)
    sides = [np.zeros(len(ours), bool) for _ in range(2)]
    sides[0][content[ours]] = sides[1][content[~ours]] = True
    frames = [pl.DataFrame(schema=_PAIRS)]
    for pool in pools(parts, known, definition.min_words, definition.thresholds, make):
        found = matches(pool, *(side[pool.number] for side in sides))
        frame = _frame(found, pool.number)
        frames += [frame, frame.rename({"left": "right", "right": "left"}).select(frame.columns)]
    # A content stands for all rows that have it, on either side.
    columns = {"row": np.arange(len(ours), dtype=np.uint32), "content": content.astype(np.uint32), "ours": ours}
    rows = pl.DataFrame(columns)
    here = rows.filter("ours").select("row", left="content")
    there = rows.filter(~pl.col("ours")).select(match="row", right="content")
    return (
        pl.concat(frames)
        .join(there.unique("right", keep="first", maintain_order=True), on="right")
        .sort("left", -pl.col("jaccard_1"), "match")
        .unique("left", keep="first", maintain_order=True)
        .join(here, on="left")
        .select("row", "match", "jaccard_1", "jaccard_2", "jaccard_numbers")
        .sort("row")
    )


def packed(rows: NDArray[Any], tokens: Tokens) -> pl.DataFrame:
    """Some rows of a chunk as `duplicates_in` takes them: a frame of one row, whose `row` is that of the chunk's start.

    Args:
        rows: shape (n,), row numbers in the chunk.
        tokens: What each says.

    """
    return pack(tokens, rows).insert_column(0, pl.Series("row", [0], dtype=pl.UInt32))


def _packed(texts: Iterable[pl.Series], scratch: Scratch, compiled: bool | None) -> tuple[Spool, Kernels]:  # noqa: FBT001
    spool, make, size = Spool(scratch), PLAIN, 0
    for series in texts:
        size += int(series.str.len_bytes().sum())
        make = kernels(size, compiled=compiled)
        spool.append(pack(make.tokenise(series)))
        if spool.held > scratch.limit // 8:
            spool.spill()
    return spool, make


def _contents(known: Survey) -> I64:
    """For every row the first row of its content."""
    order = np.argsort(known.hashes, kind="stable")
    starts = run_starts(known.hashes[order])
    found = np.empty_like(order)
    found[order] = order[starts][np.cumsum(starts) - 1]
    return found


def _frame(pairs: Pairs, number: I64) -> pl.DataFrame:
    left, right = (number[side] for side in unpack(pairs.packed))
    columns = {
        "left": np.minimum(left, right),
        "right": np.maximum(left, right),
        "jaccard_1": pairs.sets,
        "jaccard_2": pairs.bigrams,
        "jaccard_numbers": pairs.numbers,
    }
    return pl.DataFrame(columns).cast(_PAIRS).fill_nan(None)
