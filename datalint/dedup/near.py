"""Near duplicates: which rows of a dataset are reworded copies of another one, and which of them may go."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from datalint.dedup.cluster import cluster, groups
from datalint.dedup.compare import Pairs, Rows, Thresholds, prepare, verify
from datalint.dedup.lsh import band, candidates, rows_per_band, unpack
from datalint.dedup.ragged import I64, Ragged, among, run_starts
from datalint.dedup.tokens import Tokens, strip_boilerplate, tokenise

WINDOWS: Final = ((1, 1), (2, 3), (4, 12))
"""Places apart in a band bucket, from nearest to farthest; each step skips what is linked already."""

CHARACTERS_PER_WORD: Final = 2
"""In scripts without spaces. Below 46 characters one edit in the middle already leaves less than .8."""

_PAIRS: Final = {
    "left": pl.UInt32,
    "right": pl.UInt32,
    "jaccard_1": pl.Float64,
    "jaccard_2": pl.Float64,
    "jaccard_numbers": pl.Float64,
}
_DROPPED: Final = {"row": pl.UInt32, "kept": pl.UInt32, "jaccard": pl.Float64, "cluster": pl.UInt32}


@dataclass(frozen=True)
class NearDuplicates:
    """What `near_duplicates` found. Row numbers count the rows of the input from 0.

    pairs: left u32, right u32 (left < right), jaccard_1, jaccard_2, jaccard_numbers f64; sorted. In rows without
        spaces jaccard_1 is that of character 5-grams and the others are null. These are the pairs that were
        verified; rows of one cluster that are linked already are not compared any further.
    dropped: row u32, kept u32, jaccard f64 (jaccard_1 of the two), cluster u32 (smallest row number of the
        group of linked rows); sorted by row. A kept row is never dropped itself.
    """

    pairs: pl.DataFrame
    dropped: pl.DataFrame


def near_duplicates(
    texts: pl.Series,
    *,
    threshold: float = 0.8,
    bigram_threshold: float = 0.5,
    number_threshold: float = 0.8,
    min_words: int = 20,
    boilerplate_share: float = 0.01,
) -> NearDuplicates:
    """Find rows that repeat another row with a few words changed.

    Two rows are near duplicates if, after normalisation and without boilerplate lines, the Jaccard similarities
    of their sets of words, of word pairs and of numbers reach the thresholds. Rows equal after normalisation
    count as one row (the first) and are never paired. Rows in scripts without spaces compare by character
    5-grams alone. MinHash bands propose the pairs (at the threshold with probability .99 or more), exact sets
    decide. In a group of linked rows the longest stays; another one goes only if a row that stays is near to it.

    The answer depends on the contents alone, not on the order of the rows.

    Args:
        texts: String series, one row each with its turns joined by line feeds; null counts as empty.
        threshold: Smallest similarity of word sets, or of 5-gram sets, in 0..1.
        bigram_threshold: Smallest similarity of the sets of neighbouring words.
        number_threshold: Smallest similarity of the sets of words with a digit; two empty sets are equal.
        min_words: Shorter rows are left out; without spaces two characters count as a word.
        boilerplate_share: Lines that stand in this fraction of the distinct rows, and in 10 at least, do not
            count.

    """
    thresholds = Thresholds(threshold, bigram_threshold, number_threshold)
    tokens = tokenise(texts)
    contents, _ = _contents(tokens)
    kinds, sizes = list(_comparable(tokens, contents, min_words, boilerplate_share)), tokens.sizes
    del tokens  # half of the memory so far, not needed any more
    pairs, dropped = [pl.DataFrame(schema=_PAIRS)], [pl.DataFrame(schema=_DROPPED)]
    for rows, number in kinds:
        found = _search(rows, number, sizes, thresholds)
        pairs.append(found.pairs)
        dropped.append(found.dropped)
    return NearDuplicates(pl.concat(pairs).sort("left", "right"), pl.concat(dropped).sort("row"))


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
    thresholds = Thresholds(threshold, bigram_threshold, number_threshold)
    tokens = tokenise(pl.concat([texts.alias("text"), reference.alias("text")]))
    contents, content_of = _contents(tokens)
    ours, theirs = np.zeros((2, len(tokens.hashes)), bool)
    ours[contents[content_of[: len(texts)]]] = True
    theirs[contents[content_of[len(texts) :]]] = True
    frames = [pl.DataFrame(schema=_PAIRS)]
    for rows, number in _comparable(tokens, contents, min_words, boilerplate_share):
        proposed = candidates(band(rows.sets, rows_per_band(thresholds.sets)), 1, WINDOWS[-1][1])
        left, right = (number[side] for side in unpack(proposed))
        across = (ours[left] & theirs[right]) | (theirs[left] & ours[right])
        frame = _frame(verify(rows, proposed[across], thresholds), number)
        frames += [
            frame,
            frame.select(pl.col("right").alias("left"), pl.col("left").alias("right"), pl.exclude("left", "right")),
        ]
    # A content stands for all rows that have it, on either side.
    content = pl.Series(contents[content_of].astype(np.uint32))
    rows_of = pl.DataFrame({"row": np.arange(len(texts), dtype=np.uint32), "left": content[: len(texts)]})
    match_of = pl.DataFrame({"match": np.arange(len(reference), dtype=np.uint32), "right": content[len(texts) :]})
    return (
        pl.concat(frames)
        .join(match_of.unique("right", keep="first", maintain_order=True), on="right")
        .sort("left", -pl.col("jaccard_1"), "match")
        .unique("left", keep="first", maintain_order=True)
        .join(rows_of, on="left")
        .select("row", "match", "jaccard_1", "jaccard_2", "jaccard_numbers")
        .sort("row")
    )


def _contents(tokens: Tokens) -> tuple[I64, I64]:
    """The first row of each distinct text, ordered by content; and for every row the index of its content."""
    order = np.argsort(tokens.hashes, kind="stable")
    new = run_starts(tokens.hashes[order])
    content_of = np.empty_like(order)
    content_of[order] = np.cumsum(new) - 1
    return order[new], content_of


def _comparable(tokens: Tokens, contents: I64, min_words: int, share: float) -> Iterator[tuple[Rows, I64]]:
    """Rows that are long enough, those with spaces and those without; and the number of each in the input."""
    lines = strip_boilerplate(tokens, contents, share)
    in_line = tokens.tokens.lengths[lines.values]
    lengths = np.diff(np.concatenate(([0], np.cumsum(in_line)))[lines.offsets])
    for spaced in (True, False):
        # Without spaces the separator that ends the row is a token too.
        shortest = min_words if spaced else min_words * CHARACTERS_PER_WORD + 1
        members = np.flatnonzero((tokens.spaced[contents] == spaced) & (lengths >= shortest))
        if len(members) > 1:
            # From here on rows are numbered by length, then by content: ties do not depend on the order of the
            # input, and neighbours in a bucket are likely partners.
            members = members[np.argsort(lengths[members], kind="stable")]
            words = tokens.tokens.take(lines.take(members).values)
            yield prepare(Ragged.of(words.values, lengths[members]), spaced=spaced), contents[members]


def _search(rows: Rows, number: I64, sizes: I64, thresholds: Thresholds) -> NearDuplicates:
    """Near duplicates among rows of one kind; number[i] is the number that row i has in the input."""
    runs = band(rows.sets, rows_per_band(thresholds.sets))
    links = Pairs.none()
    seen = links.packed
    for nearest, farthest in WINDOWS:
        proposed = candidates(runs, nearest, farthest)
        label = groups(len(number), links.packed)
        left, right = unpack(proposed)
        proposed = proposed[(label[left] != label[right]) & ~among(proposed, seen)]
        links = links.merge(verify(rows, proposed, thresholds))
        seen = np.sort(np.concatenate((seen, proposed)))
    drops, links = cluster(rows, links, sizes[number], thresholds)

    first = np.full(len(number), len(sizes))
    label = groups(len(number), links.packed)
    np.minimum.at(first, label, number)
    dropped = {
        "row": number[drops.row],
        "kept": number[drops.kept],
        "jaccard": drops.similarity,
        "cluster": first[label[drops.row]],
    }
    return NearDuplicates(_frame(links, number), pl.DataFrame(dropped).cast(_DROPPED))  # type: ignore[arg-type]


def _frame(pairs: Pairs, number: I64) -> pl.DataFrame:
    left, right = (number[side] for side in unpack(pairs.packed))
    columns = {
        "left": np.minimum(left, right),
        "right": np.maximum(left, right),
        "jaccard_1": pairs.sets,
        "jaccard_2": pairs.bigrams,
        "jaccard_numbers": pairs.numbers,
    }
    return pl.DataFrame(columns).cast(_PAIRS).fill_nan(None)  # type: ignore[arg-type]
