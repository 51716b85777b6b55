"""FMT015."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample


@dataclass(frozen=True)
class UnreadableContainer(Rule):
    """The file cannot be read, or there is no row in it.

    ## What it does
    Reports empty files, damaged or cut Parquet, gzip and zstd files, and files that are no data at all. What could
    be read before the damage is still checked.

    ## Why is this bad?
    A training job fails at this file, or goes on with less data than planned.

    ## Example
    A `train.jsonl.gz` whose download broke off.

    ## Fix safety
    There is no fix: get the file again.

    ## Options
    None.

    ## References
    RFC 1952 (gzip), RFC 8878 (zstd), the Apache Parquet file format.
    """

    code, name = "FMT015", "unreadable-container"
    severity = "error"
    message = "{reason}"
    always = True
    bad = [
        Sample(files={"train.jsonl": ""}),
        Sample(files={"train.parquet": b"PAR1 and then something else"}),
        Sample(files={"train.jsonl.gz": bytes.fromhex("1f8b0800000000000003ab562a28ca")}),
    ]
    good = [
        [{"prompt": "a", "completion": "b"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.told(self.code)
