"""FMT003."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule


@dataclass(frozen=True)
class DuplicateJsonKey(Rule):
    """An object has the same key twice.

    ## What it does
    Compares the keys of every object of a row, nested ones included.

    ## Why is this bad?
    Parsers keep one of the values, most of them the last, and say nothing: half of what was written is not trained.

    ## Example
    `{"prompt": "Name a gas.", "prompt": "Name a rare gas.", "completion": "Neon."}`

    ## Fix safety
    There is no fix: only the author knows which value was meant.

    ## Options
    None.

    ## References
    RFC 8259, section 4.
    """

    code, name = "FMT003", "duplicate-json-key"
    severity = "warning"
    message = "{reason}; parsers keep the last value"
    bad = [
        ['{"prompt": "a", "prompt": "b", "completion": "c"}'],
        ['{"prompt": "a", "completion": "c", "meta": {"id": 1, "i\\u0064": 2}}'],
    ]
    good = [
        ['{"prompt": "a", "completion": "prompt: a, prompt: b"}'],
        ['{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.told(self.code)
