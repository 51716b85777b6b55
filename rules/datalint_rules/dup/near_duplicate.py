"""DUP002."""

from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from datalint.chunk import Chunk
from datalint.dedup import Definition, duplicates_in, places, pointed
from datalint.rule import Fix, Rule, Totals, option
from datalint.spool import Spool

_WORDS = "the reservoir above the village was drained in spring so that divers could look for the missing church bell"
_MORE = "which an old map places near the northern wall between two poplars and a boat house that nobody remembers"


@dataclass(frozen=True)
class NearDuplicate(Rule):
    """A row differs from another one of its split in a few words only.

    ## What it does
    MinHash finds candidates; each pair is then measured exactly. Two rows of at least 20 words are near duplicates
    if their sets of words have a Jaccard of 0.8 or more, their sets of word pairs 0.5 or more, and their sets of
    numbers 0.8 or more. Texts without spaces between words are compared by runs of five characters. Lines that stand
    in 1 % of the rows (at least ten) do not count. In each group the longest row stays; every reported row is a near
    duplicate of the row that the finding names.

    ## Why is this bad?
    Reworded copies are trained several times over, and leak between splits when the data is divided.

    ## Example
    The same answer with five of a hundred words replaced.

    ## Fix safety
    Unsafe: the row is dropped. Sentences that differ in one word on purpose (minimal pairs) are near duplicates too.

    ## Options
    - `threshold`, `bigram-threshold`, `number-threshold`: the three Jaccards.
    - `min-words`: shorter rows are never near duplicates.

    ## References
    Broder 1997 (resemblance of documents); Lee et al. 2022 (arXiv:2107.06499); alpaca-lora issue #65.
    """

    code, name = "DUP002", "near-duplicate"
    severity = "warning"
    message = "near duplicate (Jaccard {jaccard:.2f}) of a row at least as long, which stays"
    fix = Fix("drop", "unsafe")
    fix_title = "keeps the longest"
    bad = [
        [
            {"prompt": "Tell me news.", "completion": f"{_WORDS} {_MORE}"},
            {"prompt": "Tell me news.", "completion": f"{_WORDS} {_MORE}".replace("spring", "autumn")},
        ],
    ]
    good = [
        [
            {"prompt": "What is 330 plus 2739?", "completion": "3069"},
            {"prompt": "What is 330 plus 2740?", "completion": "3070"},
        ],
        [{"prompt": "Tell me news.", "completion": _WORDS}, {"prompt": "Tell me news.", "completion": _MORE}],
        [
            {"prompt": "Tell me news.", "completion": f"{_WORDS} {_MORE} in 1911 or 1912"},
            {"prompt": "Tell me news.", "completion": f"{_WORDS} {_MORE} in 1803 or 1804"},
        ],
    ]

    threshold: float = option(0.8, "Least Jaccard of the sets of words.")
    bigram_threshold: float = option(0.5, "Least Jaccard of the sets of word pairs.")
    number_threshold: float = option(0.8, "Least Jaccard of the sets of numbers.")
    min_words: int = option(20, "Fewest words of a row that is compared.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.packed

    def meet(self, parts: Spool, totals: Totals) -> pl.DataFrame:
        definition = Definition(self.threshold, self.bigram_threshold, self.number_threshold, self.min_words)
        where = places(parts)
        found = duplicates_in(parts, definition).dropped
        return found.select(*pointed(where, found["row"], found["kept"]), cs.starts_with("jaccard"), "cluster")
