"""FMT013."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample


@dataclass(frozen=True)
class RaggedRow(Rule):
    """A CSV or TSV record does not fit the header, or its quotes do not close.

    ## What it does
    Reports records with more or fewer fields than the header, text after a closing quote, and quotes that never
    close; reading goes on at the next line.

    ## Why is this bad?
    Readers shift the columns, drop the record, or swallow the rest of the file into one field.

    ## Example
    `prompt,completion` followed by `Name a sea.,The Baltic, or so.`

    ## Fix safety
    There is no fix; `clean` moves the bytes of the record to `removed.parquet`.

    ## Options
    None.

    ## References
    RFC 4180; the repaired commits of the prompt list f/awesome-chatgpt-prompts.
    """

    code, name = "FMT013", "ragged-row"
    severity = "error"
    message = "{reason}"
    always = True
    bad = [
        Sample(files={"train.csv": "prompt,completion\nName a sea.,The Baltic, or so.\nName a lake.,Baikal.\n"}),
        Sample(files={"train.csv": 'prompt,completion\n"Name a sea.,The Baltic.\nName a lake.,Baikal.\n'}),
    ]
    good = [
        Sample(
            files={"train.csv": 'prompt,completion\n"Name two, please.","Say ""a""\nand b"\nName a lake.,Baikal.\n'}
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.told(self.code)
