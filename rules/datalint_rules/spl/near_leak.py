"""SPL002."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import polars.selectors as cs

from datalint.chunk import Chunk
from datalint.dedup import Definition, matches_in, packed, places, pointed
from datalint.dedup.kernels import LARGE, kernels
from datalint.rule import Fix, Rule, Sample, Totals, none, option
from datalint.spool import Spool

_ASKED = (
    "A train leaves the northern station at seven in the morning with two hundred passengers, stops in four villages "
    "where some of them get off, and then crosses the long bridge. How many passengers are left when it arrives?"
)


@dataclass(frozen=True)
class NearLeak(Rule):
    """A training row asks nearly what a row of the evaluation split asks.

    ## What it does
    Holds the prompt of each training row (system turn, history and question, without the answer) against the prompts
    of the evaluation split, as DUP002 holds rows against each other: MinHash candidates, then exact Jaccards of words,
    word pairs and numbers. Prompts that are equal after normalisation are SPL001's.

    ## Why is this bad?
    The evaluation measures memory of a reworded question: scores rise and the model does not.

    ## Example
    The evaluation asks about a train, the training data about the same train with two words changed.

    ## Fix safety
    Unsafe: the training row is dropped. Evaluation rows are never touched.

    ## Options
    - `threshold`, `bigram-threshold`, `number-threshold`: the three Jaccards.
    - `min-words`: shorter prompts are never near leaks.

    ## References
    Lee et al. 2022 (arXiv:2107.06499); mteb issue #1036.
    """

    code, name = "SPL002", "near-leak"
    severity = "warning"
    message = "the evaluation split asks nearly the same (Jaccard {jaccard_1:.2f})"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the training row"
    needs = ("eval",)
    within = "dataset"
    bad = [
        Sample(
            files={
                "train.jsonl": [{"prompt": _ASKED.replace("some", "many"), "completion": "Forty."}],
                "eval.jsonl": [{"prompt": _ASKED, "completion": "Thirty."}],
            },
        )
    ]
    good = [
        Sample(
            files={
                "train.jsonl": [{"prompt": _ASKED, "completion": "Thirty."}],
                "eval.jsonl": [{"prompt": _ASKED, "completion": "Thirty."}],
            },
        ),
        Sample(
            files={
                "train.jsonl": [{"prompt": _ASKED.replace("some", "many"), "completion": "Forty."}],
                "more.jsonl": [{"prompt": _ASKED, "completion": "Thirty."}],
            },
        ),
        Sample(
            files={
                "train.jsonl": [{"prompt": "What is 330 plus 2739?", "completion": "3069"}],
                "eval.jsonl": [{"prompt": "What is 331 plus 2739?", "completion": "3070"}],
            },
        ),
    ]

    threshold: float = option(0.8, "Least Jaccard of the sets of words.")
    bigram_threshold: float = option(0.5, "Least Jaccard of the sets of word pairs.")
    number_threshold: float = option(0.8, "Least Jaccard of the sets of numbers.")
    min_words: int = option(20, "Fewest words of a prompt that is compared.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        asked = [(c.row, c.ends[-1]) for c in chunk.compared if c.ends]
        texts = ["\n".join(t.content for t in chunk.turn_lists[row][:end] if t.content) for row, end in asked]
        if not texts:
            return none()
        tokens = kernels(LARGE if chunk.large else 0).tokenise(pl.Series(texts, dtype=pl.String))
        return packed(np.array([row for row, _ in asked], np.uint32), tokens)

    def meet(self, parts: Spool, totals: Totals) -> pl.DataFrame:
        splits = [np.repeat(frame["split"] == "train", len(frame["rows"][0])) for frame in parts.frames()]
        ours = np.concatenate(splits)
        definition = Definition(self.threshold, self.bigram_threshold, self.number_threshold, self.min_words)
        where = places(parts)
        found = matches_in(parts, ours, definition)
        return found.select(*pointed(where, found["row"], found["match"]), cs.starts_with("jaccard"))
