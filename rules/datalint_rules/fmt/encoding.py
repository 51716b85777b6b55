"""FMT002."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample


@dataclass(frozen=True)
class Encoding(Rule):
    """The file is not plain UTF-8.

    ## What it does
    Reports, once for a file, bytes that are no UTF-8 (how many lines, where the first one is), UTF-16 or UTF-32, and
    a byte order mark.

    ## Why is this bad?
    Python's json module refuses a byte order mark; other readers replace what they cannot decode, and the model
    learns the replacement character.

    ## Example
    The bytes `EF BB BF` before the first `{`.

    ## Fix safety
    Safe for a byte order mark, which is left out. Unsafe for UTF-16 and UTF-32: the text is re-encoded. Lines with
    undecodable bytes are not guessed at; `clean` moves them to `removed.parquet`.

    ## Options
    None.

    ## References
    The Unicode standard, chapter 3, on UTF-8; MedQA-ChatGLM issue #2.
    """

    code, name = "FMT002", "encoding"
    severity = "error"
    message = "{reason}"
    fix_title = "writes plain UTF-8"
    always = True
    bad = [
        Sample(files={"train.jsonl": b'\xef\xbb\xbf{"prompt": "a", "completion": "b"}\n'}),
        Sample(files={"train.jsonl": b'{"prompt": "a", "completion": "caf\xe9"}\n'}),
        Sample(files={"train.jsonl": '{"prompt": "a", "completion": "b"}\n'.encode("utf-16")}),
    ]
    good = [
        Sample(files={"train.jsonl": '{"prompt": "a", "completion": "café"}\n'.encode()}),
        [{"prompt": "a", "completion": "\ufeff in the middle of a text is a character"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.told(self.code)
