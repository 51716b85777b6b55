"""PREF004."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none, option


@dataclass(frozen=True)
class OneSidedLabels(Rule):
    """Unpaired preferences have only one label, or nearly so.

    ## What it does
    Counts the labels of a dataset of unpaired preferences (an answer with `true` or `false`, as KTO takes it). One
    label alone is an error; more than four of one for each of the other is a warning.

    ## Why is this bad?
    KTO compares desirable with undesirable answers: with one kind there is nothing to compare, and the loss only
    moves all answers. With an uneven count its authors advise weights that bring the ratio between 1:1 and 4:3.

    ## Example
    120 rows, all with `"label": true`.

    ## Fix safety
    There is no fix: collect the missing kind, or set the trainer's desirable and undesirable weights.

    ## Options
    - `max-ratio`: most rows of one label for each of the other.
    - `min-rows`: fewer rows say nothing.

    ## References
    TRL's KTO trainer (desirable_weight, undesirable_weight); LLaMA-Factory's KTO loader; Amazon Nova's validator
    (candidates of a prompt need different labels); Soup; Ethayarajh et al., KTO, 2024.
    """

    code, name = "PREF004", "one-sided-labels"
    severity = "error"
    message = "{what}"
    splits = ("train",)
    bad = [
        [{"prompt": f"What is {i}?", "completion": "A number.", "label": True} for i in range(8)],
        [{"prompt": f"What is {i}?", "completion": "A number.", "label": "false"} for i in range(8)],
        [{"prompt": f"What is {i}?", "completion": "A number.", "label": i > 0} for i in range(6)],
        [
            {
                "messages": [{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": "A number."}],
                "label": False,
            }
            for i in range(8)
        ],
    ]
    good = [
        [{"prompt": f"What is {i}?", "completion": "A number.", "label": i % 2 == 0} for i in range(8)],
        [{"prompt": f"What is {i}?", "completion": "A number.", "label": i > 0} for i in range(5)],
        [{"text": f"What is {i}?", "label": "true"} for i in range(8)],
        [{"prompt": f"What is {i}?", "completions": ["A", "B"], "labels": [True, True]} for i in range(8)],
    ]

    max_ratio: float = option(4.0, "Most rows of one label for each of the other.")
    min_rows: int = option(2, "Fewest rows that are judged.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        if not any(form.shape.format == "unpaired" for form in chunk.forms):
            return none()
        label = pl.col("label").str.to_lowercase()
        verdicts = chunk.rows.filter((pl.col("format") == "unpaired") & label.is_in(["true", "false"]))
        return verdicts.group_by(value=label == "true", where="label_at", maintain_order=True).agg(
            pl.col("row").first(), count=pl.len().cast(pl.Int64)
        )

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        good = int(frame.filter("value")["count"].sum())
        bad = int(frame.filter(~pl.col("value"))["count"].sum())
        rare, frequent = sorted((good, bad))
        if good + bad < self.min_rows or frequent <= self.max_ratio * rare:
            return none()
        kinds = ("desirable (true)", "undesirable (false)")
        if rare:
            name, weight = ("undesirable_weight", good / bad) if good > bad else ("desirable_weight", bad / good)
            what = f"{good} rows are {kinds[0]}, {bad} {kinds[1]}: a {name} of about {weight:.1f} evens them out"
        else:
            what = f"all {frequent} rows are {kinds[good < bad]}: there is nothing to compare them with"
        first = frame.sort("file", "row").row(0, named=True)
        severity = "warning" if rare else "error"
        return pl.DataFrame({"file": first["file"], "pointer": first["where"], "what": what, "severity": severity})
