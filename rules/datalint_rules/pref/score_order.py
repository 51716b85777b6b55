"""PREF007."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import pointer
from datalint.rule import Fix, Rule, option
from datalint_rules.pref.pairs import is_pair, pair_rows
from datalint_rules.pref.scores import flipped, scores_of

_SCHEMA = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String, "fix_kind": pl.String, "fix_safety": pl.String}


@dataclass(frozen=True)
class ScoreOrder(Rule):
    """The row's own scores say that the rejected answer is as good or better.

    ## What it does
    Finds the score of each side: two columns whose names differ in "chosen" and "rejected" alone and say score,
    rating, reward or grade (not those of single aspects, of harm, length or rank), or such a key inside both sides.
    Reports rows whose chosen answer has no higher score. Also reports an overall score of 10 whose sub-scores are
    all low, which is a 1 that was read as 10.

    ## Why is this bad?
    The pair teaches the opposite of what its annotator said, or, at equal scores, the toss of a coin.

    ## Example
    `{"prompt": "...", "chosen": "...", "rejected": "...", "score_chosen": 1.0, "score_rejected": 8.0}`

    ## Fix safety
    Unsafe: the row is dropped. The sides are never exchanged.

    ## Options
    - `chosen-column`, `rejected-column`: the columns of scores, where their names are others.
    - `top-score`: the overall score that is doubted.
    - `low-score`: highest sub-score that is low.

    ## References
    UltraFeedback issue #8 (about 2,000 answers with a rating of 1 were stored as 10).
    """

    code, name = "PREF007", "score-order"
    severity = "error"
    message = "{what}"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    bad = [
        [{"prompt": "a", "chosen": "b", "rejected": "c", "score_chosen": 1.0, "score_rejected": 8.0}],
        [{"prompt": "a", "chosen": "b", "rejected": "c", "chosen-rating": 4, "rejected-rating": 4}],
        [{"prompt": "a", "chosen": "b", "rejected": "c", "reward_chosen": "-1.5", "reward_rejected": "0.5"}],
        [
            {
                "prompt": "a",
                "chosen": {"role": "assistant", "content": "b", "score": 2},
                "rejected": {"role": "assistant", "content": "c", "score": 7},
            }
        ],
        [
            {
                "prompt": "a",
                "chosen": "b",
                "rejected": "c",
                "chosen_overall_score": 10,
                "rejected_overall_score": 7,
                "chosen_ratings": {"helpfulness": 1, "honesty": 2, "truthfulness": 1},
            }
        ],
        [
            {
                "instruction": "a",
                "completions": [
                    {
                        "response": "b",
                        "overall_score": 10.0,
                        "annotations": {"honesty": {"Rating": "1"}, "helpfulness": {"Rating": "2", "Type": ["5"]}},
                    }
                ],
            }
        ],
    ]
    good = [
        [{"prompt": "a", "chosen": "b", "rejected": "c", "score_chosen": 8.0, "score_rejected": 1.0}],
        [{"prompt": "a", "chosen": "b", "rejected": "c", "chosen_length": 1, "rejected_length": 900}],
        [{"prompt": "a", "chosen": "b", "rejected": "c", "rank_chosen": 1, "rank_rejected": 2}],
        [{"prompt": "a", "chosen": "b", "rejected": "c", "chosen_harm_score": 0.1, "rejected_harm_score": 0.9}],
        [{"prompt": "a", "chosen": "b", "rejected": "c", "score_chosen": None, "score_rejected": 3}],
        [
            {
                "prompt": "a",
                "chosen": "b",
                "rejected": "c",
                "score_chosen": 10,
                "score_rejected": 7,
                "chosen_ratings": {"helpfulness": 5, "honesty": 2, "truthfulness": 5},
            }
        ],
        [
            {
                "prompt": "a",
                "chosen": "b",
                "rejected": "c",
                "score_chosen": 8,
                "score_rejected": 7,
                "chosen_honesty_score": 3,
                "rejected_honesty_score": 4,
            }
        ],
    ]

    chosen_column: str = option("", "The column of the chosen answer's score.")
    rejected_column: str = option("", "The column of the rejected answer's score.")
    top_score: float = option(10.0, "The overall score that is doubted.")
    low_score: float = option(3.0, "Highest sub-score that is low.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found: list[tuple[Any, ...]] = []
        named = (self.chosen_column, self.rejected_column) if self.chosen_column and self.rejected_column else None
        # Scores stand in columns that no frame has.
        several = [form.rows for form in chunk.forms if issubclass(form.types.get("completions", str), list)]
        for row in sorted({*pair_rows(chunk), *chain.from_iterable(several)}):
            value, shape = chunk.values[row], chunk.shapes[row]
            if value is None:
                continue
            if shape is not None and is_pair(shape):
                scores = scores_of(value, shape, named)
                if scores is not None and scores.chosen <= scores.rejected:
                    verb = "as much as" if scores.chosen == scores.rejected else "less than"
                    what = f"chosen scores {scores.chosen:g}, {verb} rejected ({scores.rejected:g})"
                    found.append((row, scores.pointer, what, "drop", "unsafe"))
                elif scores is not None and scores.chosen == self.top_score and self._low(scores.parts):
                    found.append((row, scores.pointer, self._doubt(scores.parts), "drop", "unsafe"))
            elif isinstance(value.get("completions"), list):
                # One answer of several: what is to become of the row is for a person to say.
                found += [
                    (row, pointer("completions", at, key), self._doubt(parts), None, None)
                    for at, key, overall, parts in flipped(value["completions"])
                    if overall == self.top_score and self._low(parts)
                ]
        return pl.DataFrame(found, schema=_SCHEMA, orient="row")

    def _low(self, parts: tuple[float, ...]) -> bool:
        # From 0 to 1, 0.9 is high.
        fraction = bool(parts) and max(parts) <= 1 and min(parts) < 1
        return len(parts) > 1 and max(parts) <= self.low_score and not fraction

    def _doubt(self, parts: tuple[float, ...]) -> str:
        shown = ", ".join(f"{part:g}" for part in parts[:8])
        return f"an overall score of {self.top_score:g} with sub-scores of {shown} is a 1 that was read as 10"
