"""DUP005."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.dedup import Definition, places
from datalint.rule import Rule, Sample, Totals, option
from datalint.spool import Spool

_WORDS = "the reservoir above the village was drained in spring so that divers could look for the missing church bell"
_MORE = "which an old map places near the northern wall between two poplars and a boat house that nobody remembers"
_ROW = {"prompt": "Tell me news.", "completion": f"{_WORDS} {_MORE}"}


def _sample(row: dict[str, str], *seen: dict[str, str]) -> Sample:
    return Sample({"train.jsonl": [row]}, {"against": list(seen)})


@dataclass(frozen=True)
class SeenBefore(Rule):
    """A row repeats one of an earlier dataset, as the index of `--against` remembers it.

    ## What it does
    Holds each row against the rows that `datalint index add` has put into an index, as DUP002 holds rows against each
    other: MinHash candidates, then exact Jaccards of words, word pairs and numbers. Rows of any length that say the
    same after normalisation are reported with a Jaccard of 1.00. The message names where the earlier row stood.

    ## Why is this bad?
    A team that adds data every week pays again for what it has, trains it twice, and sooner or later trains on what
    it evaluates with.

    ## Example
    This week's file holds a reworded answer of a file that was indexed in March.

    ## Fix safety
    There is no fix: only a person knows which of the two rows is to stay.

    ## Options
    - `threshold`, `bigram-threshold`, `number-threshold`: the three Jaccards.
    - `min-words`: shorter rows are reported only if they say the same.

    ## References
    Broder 1997 (resemblance of documents); Lee et al. 2022 (arXiv:2107.06499).
    """

    code, name = "DUP005", "seen-before"
    severity = "warning"
    message = "seen before (Jaccard {jaccard:.2f}): {seen}"
    needs = ("index",)
    within = "dataset"
    bad = [
        _sample(_ROW, _ROW | {"completion": f"{_WORDS} {_MORE}".replace("spring", "autumn")}),
        _sample({"prompt": "Name a sea.", "completion": "The Baltic."}, {"text": "name a sea.\n\nThe\u00a0baltic."}),
    ]
    good = [
        _sample(_ROW, _ROW | {"completion": _WORDS}, _ROW | {"completion": _MORE}),
        _sample(
            {"prompt": "What is 330 plus 2739?", "completion": "3069"},
            {"prompt": "What is 330 plus 2740?", "completion": "3070"},
        ),
    ]

    threshold: float = option(0.8, "Least Jaccard of the sets of words.")
    bigram_threshold: float = option(0.5, "Least Jaccard of the sets of word pairs.")
    number_threshold: float = option(0.8, "Least Jaccard of the sets of numbers.")
    min_words: int = option(20, "Fewest words of a row that is compared.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.packed.with_columns(against=pl.lit(chunk.target.against, dtype=pl.String))

    def meet(self, parts: Spool, totals: Totals) -> pl.DataFrame:
        from datalint.index import open_index

        # The files of a dataset have one index.
        (where,) = {name for frame in parts.frames("against") for name in frame["against"]}
        file, row = places(parts)
        definition = Definition(self.threshold, self.bigram_threshold, self.number_threshold, self.min_words)
        found = open_index(where).seen_in(parts, definition)
        here = found["row"].to_numpy()
        at = pl.coalesce(pl.format(":{}", "at_line"), pl.format(" row {}", "at_row"))
        return found.select(
            pl.Series("file", file[here]),
            pl.Series("row", row[here]),
            "jaccard",
            pl.concat_str("file", at).alias("seen"),
            pl.col("file").alias("seen_file"),
            pl.col("at_row").alias("seen_row"),
            pl.col("at_line").alias("seen_line"),
        )
