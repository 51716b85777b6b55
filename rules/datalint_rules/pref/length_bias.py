"""PREF003."""

import math
from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none, option
from datalint_rules.pref.pairs import answers, has_sides


@dataclass(frozen=True)
class LengthBias(Rule):
    """The chosen answers are the longer ones.

    ## What it does
    Takes the length in characters of both answers of every pair of a dataset. Reports when Cohen's d of the
    logarithms (chosen minus rejected, by the pooled standard deviation) reaches 0.8, or when the chosen answer is
    the longer one in more than 80 % of the pairs.

    ## Why is this bad?
    The model learns that long is good: answers grow with every step of training, and benchmarks judged by a model
    hide it, for judges prefer long answers as well.

    ## Example
    40 pairs, each with a chosen answer of three sentences and a rejected one of a few words.

    ## Fix safety
    There is no fix: add pairs whose better answer is the shorter one, or train with a loss that is normalised by
    length.

    ## Options
    - `effect`: smallest Cohen's d that is reported.
    - `longer-share`: largest share of pairs whose chosen answer is the longer one.
    - `min-rows`: fewer pairs say nothing.

    ## References
    Soup's checks of preference data; direct-preference-optimization issue #35 (answers grow longer and longer);
    FastChat issue #3911 (the longer answer wins 68 % of the votes). Cohen, Statistical Power Analysis, 1988.
    """

    code, name = "PREF003", "length-bias"
    severity = "warning"
    message = "the chosen answer is the longer one in {share} of {rows} pairs (Cohen's d of log length: {d})"
    splits = ("train",)
    bad = [
        [
            {"prompt": f"What is {i}?", "chosen": f"{i} is a number, and here is more of it.", "rejected": "Dunno."}
            for i in range(20)
        ],
        [
            {
                "chosen": [{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": "more " * (9 + i)}],
                "rejected": [{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": "less " * 8}],
            }
            for i in range(20)
        ],
        # The prompt that both sides repeat is no part of the answers.
        [
            {
                "chosen": f"\n\nHuman: {'Please. ' * 50}\n\nAssistant: {'word ' * (i % 9 + 4)}",
                "rejected": f"\n\nHuman: {'Please. ' * 50}\n\nAssistant: {'term ' * (i % 5 + 3)}",
            }
            for i in range(45)
        ],
    ]
    good = [
        [
            {"prompt": f"What is {i}?", "chosen": "word " * (i % 7 + 3), "rejected": "term " * (9 - i % 7)}
            for i in range(42)
        ],
        [{"prompt": f"What is {i}?", "chosen": "A number, and a fine one.", "rejected": "No."} for i in range(5)],
        [{"prompt": f"What is {i}?", "completion": "A number, and a fine one.", "label": True} for i in range(40)],
    ]

    effect: float = option(0.8, "Smallest Cohen's d that is reported.")
    longer_share: float = option(0.8, "Largest share of pairs whose chosen answer is the longer one.")
    min_rows: int = option(20, "Fewest pairs that say something about length.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found = chunk.once(answers) if has_sides(chunk) else none()
        if not found.height:
            return none()
        chosen, rejected = (pl.col(side).str.len_chars() for side in ("chosen", "rejected"))
        # An empty answer is as long as one character: the logarithm needs something.
        logs = [side.clip(1).cast(pl.Float64).log() for side in (chosen, rejected)]
        return found.select(
            pl.col("row").first(),
            rows=pl.len().cast(pl.Int64),
            longer=(chosen > rejected).sum().cast(pl.Int64),
            chosen=logs[0].sum(),
            chosen_squares=(logs[0] * logs[0]).sum(),
            rejected=logs[1].sum(),
            rejected_squares=(logs[1] * logs[1]).sum(),
        )

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        sums = frame.select(pl.exclude("file", "row").sum()).row(0, named=True)
        rows, share = sums["rows"], sums["longer"] / sums["rows"]
        means = {side: sums[side] / rows for side in ("chosen", "rejected")}
        spread = sum(sums[f"{side}_squares"] - rows * mean**2 for side, mean in means.items())
        # All answers of a side equally long: rounding may leave less than nothing.
        deviation = math.sqrt(max(spread, 0.0) / (2 * max(rows - 1, 1)))
        d = (means["chosen"] - means["rejected"]) / deviation if deviation > 1e-6 else 0.0
        if rows < self.min_rows or (d < self.effect and share <= self.longer_share):
            return none()
        return pl.DataFrame({"file": frame["file"].min(), "share": f"{share:.0%}", "rows": rows, "d": f"{d:.2f}"})
