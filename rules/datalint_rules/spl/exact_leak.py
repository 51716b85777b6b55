"""SPL001."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.fingerprint import digest
from datalint.rule import Fix, Rule, Sample, none

_TRAIN = [
    {"prompt": "Name a sea.", "completion": "The Baltic."},
    {"prompt": "Name a hill.", "completion": "Blorenge."},
]


@dataclass(frozen=True)
class ExactLeak(Rule):
    """A training row asks what a row of the evaluation split asks.

    ## What it does
    Compares, after normalisation, all that stands before a trained answer in the training split with all that stands
    before the last answer of each evaluation row: system turn, history and prompt. Answers may differ. Rows that are
    plain text are compared whole.

    ## Why is this bad?
    The evaluation measures memory: scores rise and the model does not.

    ## Example
    `train.jsonl` and `eval.jsonl` were cut from one file that had duplicates.

    ## Fix safety
    Unsafe: the training row is dropped. Evaluation rows are never touched.

    ## Options
    None.

    ## References
    deepchecks' train-test sample mix; OpenRLHF issue #1089, huggingface/datasets issue #4261.
    """

    code, name = "SPL001", "exact-leak"
    severity = "error"
    message = "the evaluation split asks the same"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the training row"
    needs = ("eval",)
    key = ("context_key",)
    within = "dataset"
    bad = [
        Sample(
            files={
                "train.jsonl": _TRAIN,
                "eval.jsonl": [{"prompt": "name a  SEA.", "completion": "The Aral."}],
            },
        )
    ]
    good = [
        Sample(
            files={
                "train.jsonl": _TRAIN,
                "eval.jsonl": [{"prompt": "Name a lake.", "completion": "The Baltic."}],
            },
        ),
        Sample(
            files={
                "train.jsonl": _TRAIN,
                "more.jsonl": [{"prompt": "Name a sea.", "completion": "The Aral."}],
            }
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        trains = chunk.file.split == "train"
        asked = [(c.row, c.context(end)) for c in chunk.compared for end in (c.ends if trains else c.ends[-1:])]
        if not asked:
            return none()
        rows, contexts = zip(*asked, strict=True)
        return pl.DataFrame({"row": pl.Series(rows, dtype=pl.UInt32), "context_key": digest(contexts)})

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        held = (
            frame.filter(pl.col("split") == "eval")
            .sort("file", "row")
            .group_by("context_key", maintain_order=True)
            .agg(pl.col("file").first().alias("related_file"), pl.col("row").first().alias("related_row"))
        )
        leaked = frame.filter(pl.col("split") == "train").join(held, on="context_key")
        return (
            leaked.sort("file", "row", "related_file", "related_row")
            .unique(["file", "row"], keep="first")
            .drop("context_key", "split")
        )
