"""EXA001."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, Sample, option


@dataclass(frozen=True)
class Shouting(Rule):
    """An answer shouts: several exclamation marks in a row.

    ## What it does
    Looks in every text that is trained on (answers, not prompts) for more than `most` exclamation marks in a row.

    ## Why is this bad?
    A model takes over the tone of its training data, and our assistant does not shout.

    ## Example
    `That is a great question!!!`

    ## Fix safety
    Unsafe: the marks that are too many go, and the model is trained on another text than before.

    ## Options
    - `most`: what is still polite.

    ## References
    Our guide to style, section 4.
    """

    code, name = "EXA001", "shouting"
    severity = "warning"
    message = "{count} exclamation marks in a row"
    fix = Fix("rewrite", "unsafe")
    fix_title = "takes away those that are too many"
    bad = [
        [{"prompt": "Hi", "completion": "Great!!! Go on!!"}],
        [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "No!!!!"}]}],
        Sample(
            files={"train.jsonl": [{"text": "Go!!!!"}]},
            options={"rules": {"EXA001": {"most": 3}}},
        ),
    ]
    good = [
        [{"prompt": "Help me!!!", "completion": "Of course! Is it a != b, or !a?"}],
        Sample(
            files={"train.jsonl": [{"text": "Go!!!"}]},
            options={"rules": {"EXA001": {"most": 3}}},
        ),
    ]

    most: int = option(1, "Most exclamation marks in a row.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        content = pl.col("content")
        shouts = chunk.turns.filter(pl.col("trained") & content.str.contains(self._runs))
        runs = content.str.extract_all(self._runs)
        return shouts.select("row", "pointer", count=runs.list.eval(pl.element().str.len_chars()).list.max())

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            text = resolve(row, one.pointer or "")
            if isinstance(text, str):  # not a list of blocks, as chat APIs also take them
                row = replace(row, one.pointer or "", re.sub(self._runs, "!" * self.most, text))
        return row

    @property
    def _runs(self) -> str:
        return f"!{{{self.most + 1},}}"
