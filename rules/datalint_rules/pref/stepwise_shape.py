"""PREF009."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule
from datalint.views.turns import escape


@dataclass(frozen=True)
class StepwiseShape(Rule):
    """A row of stepwise supervision has not one label for each step.

    ## What it does
    Compares the lengths of the lists `completions` (the steps) and `labels`. Columns that are missing or null are
    FMT005's.

    ## Why is this bad?
    Trainers pair steps and labels by position: from the first missing one on, every step has the label of another
    step, and what is left over is dropped.

    ## Example
    `{"prompt": "9.8 or 9.11?", "completions": ["9.8 = 9.80.", "80 > 11.", "9.8."], "labels": [true, true]}`

    ## Fix safety
    There is no fix: only the annotator knows which label is missing.

    ## Options
    None.

    ## References
    TRL's stepwise supervision type.
    """

    code, name = "PREF009", "stepwise-shape"
    severity = "error"
    message = "{steps} steps have {labels} labels"
    bad = [
        [{"prompt": "9.8 or 9.11?", "completions": ["9.8 = 9.80.", "80 > 11.", "9.8."], "labels": [True, True]}],
        [{"prompt": "9.8 or 9.11?", "completions": ["9.8."], "labels": [True, False]}],
        [{"prompt": "9.8 or 9.11?", "completions": ["9.8."], "labels": []}],
    ]
    good = [
        [{"prompt": "9.8 or 9.11?", "completions": ["9.8 = 9.80.", "9.8."], "labels": [True, True]}],
        [{"prompt": "9.8 or 9.11?", "completion": "9.8.", "labels": ["maths", "easy"]}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        # The labels of a row are in no frame; only stepwise rows are looked at.
        found = []
        for shape, _, rows in chunk.forms:
            column = shape.fields.get("labels", "")
            for row in rows if shape.format == "stepwise" else ():
                value = chunk.values[row] or {}
                steps, labels = value.get(shape.fields.get("completions", "")), value.get(column)
                if isinstance(steps, list) and isinstance(labels, list) and len(steps) != len(labels):
                    found.append((row, "/" + escape(column), len(steps), len(labels)))
        schema = {"row": pl.UInt32, "pointer": pl.String, "steps": pl.Int64, "labels": pl.Int64}
        return pl.DataFrame(found, schema=schema, orient="row")
