"""FMT010."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule


@dataclass(frozen=True)
class LoneSurrogate(Rule):
    r"""A string holds half of a UTF-16 surrogate pair.

    ## What it does
    Reports rows with an escape such as `\ud83d` that no other half follows.

    ## Why is this bad?
    Such a string cannot be encoded: it crashes Parquet writers and tokenizers written in Rust.

    ## Example
    `{"prompt": "hi \ud83d", "completion": "hello"}`

    ## Fix safety
    The row cannot be stored at all; `clean` moves its bytes to `removed.parquet`.

    ## Options
    None.

    ## References
    The Unicode standard, section 3.8 (surrogates); RFC 8259, section 8.2.
    """

    code, name = "FMT010", "lone-surrogate"
    severity = "error"
    message = "{reason}"
    bad = [
        ['{"prompt": "hi \\ud83d", "completion": "hello"}'],
    ]
    good = [
        ['{"prompt": "hi \\ud83d\\ude00", "completion": "hello"}'],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.told(self.code)
