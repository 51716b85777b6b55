"""FMT014."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample


@dataclass(frozen=True)
class MisnamedContainer(Rule):
    """The file's name says one container, its content is another.

    ## What it does
    Reports JSON Lines under `.json`, a JSON array under `.jsonl`, and compressed content under a name without the
    ending (or plain content under `.gz` or `.zst`). The content decides how the file is read.

    ## Why is this bad?
    Other tools go by the name, and fail or read one row.

    ## Example
    A `train.json` with one object a line.

    ## Fix safety
    There is no fix here: rename the file.

    ## Options
    None.

    ## References
    The readers of Hugging Face datasets and polars, which choose by the ending.
    """

    code, name = "FMT014", "misnamed-container"
    severity = "info"
    message = "{reason}"
    bad = [
        Sample(
            files={"train.json": '{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "d"}\n'},
        ),
        Sample(files={"train.jsonl": '[{"prompt": "a", "completion": "b"}]\n'}),
    ]
    good = [
        Sample(files={"train.json": '[{"prompt": "a", "completion": "b"}]\n'}),
        Sample(files={"train.json": '{"prompt": "a", "completion": "b"}\n'}),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.told(self.code)
