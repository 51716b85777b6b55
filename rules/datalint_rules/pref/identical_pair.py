"""PREF001."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, none
from datalint_rules.pref.pairs import ending_alike, has_sides, wholes


@dataclass(frozen=True)
class IdenticalPair(Rule):
    """The chosen answer is the rejected answer.

    ## What it does
    Compares both sides of a preference row, all turns with their tool calls and reasoning, after runs of white space
    are made one space. Sides that are both empty are FMT011's.

    ## Why is this bad?
    The loss of such a pair is the same whatever the model does (0.693 for DPO): the row costs time, and it hides
    that the step that made the pairs is broken.

    ## Example
    `{"prompt": "2 + 2 =", "chosen": "4", "rejected": "4 "}`

    ## Fix safety
    Unsafe: the row is dropped.

    ## Options
    None.

    ## References
    Soup's checks of preference data.
    """

    code, name = "PREF001", "identical-pair"
    severity = "error"
    message = "chosen and rejected are the same answer{how}"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    bad = [
        [{"prompt": "2 + 2 =", "chosen": "4", "rejected": "4"}],
        [{"prompt": "Name two rivers.", "chosen": "Ucayali,\n Tigre", "rejected": "Ucayali, Tigre "}],
        [
            {
                "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
                "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
            }
        ],
        [
            {
                "conversations": [{"from": "human", "value": "Hi"}],
                "chosen": {"from": "gpt", "value": "Hello!"},
                "rejected": {"from": "gpt", "value": "Hello!"},
            }
        ],
    ]
    good = [
        [{"prompt": "2 + 2 =", "chosen": "4", "rejected": "5"}],
        [{"prompt": "Is it?", "chosen": "Yes.", "rejected": "yes"}],
        [
            {
                "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
                "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "What?"}],
            }
        ],
        [
            {
                "prompt": [{"role": "user", "content": "Weather in Lima?"}],
                "chosen": [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather"}}]}],
                "rejected": [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "time"}}]}],
            }
        ],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        if not has_sides(chunk):
            return none()
        sides = ending_alike(chunk.once(wholes), _folded)
        exact = pl.col("chosen") == pl.col("rejected")
        return sides.filter(exact | (_folded(pl.col("chosen")) == _folded(pl.col("rejected")))).select(
            "row", "pointer", how=pl.when(exact).then(pl.lit("")).otherwise(pl.lit(" but for white space"))
        )


def _folded(side: pl.Expr) -> pl.Expr:
    return side.str.replace_all(r"\s+", " ").str.strip_chars().str.replace_all(" ?\0 ?", "\0")
