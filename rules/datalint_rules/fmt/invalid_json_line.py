"""FMT001."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample


@dataclass(frozen=True)
class InvalidJsonLine(Rule):
    """A line of a JSON Lines file, or an element of a JSON array, is not one JSON object.

    ## What it does
    Reports syntax errors, `NaN` and `Infinity`, numbers that no float holds, several values on one line, values that
    are no object, and blank lines in the middle of a file. A line or a whole `.jsonl` file that is a JSON array of
    objects is read as these objects.

    ## Why is this bad?
    Trainers stop at the line, or skip it without a word; some readers lose the rest of the file.

    ## Example
    `{"prompt": "Name a river.", "completion": ` (the line ends here)

    ## Fix safety
    Safe for arrays: their elements become rows. A line that cannot be read has no fix; `clean` moves its bytes to
    `removed.parquet`.

    ## Options
    None.

    ## References
    RFC 8259; openai-python's fine-tuning validators; unsloth issue #337.
    """

    code, name = "FMT001", "invalid-json-line"
    severity = "error"
    message = "not one JSON object: {reason}"
    fix_title = "takes the objects out of the array"
    always = True
    bad = [
        ['{"prompt": "Name a river.", "completion": '],
        ['{"prompt": "a", "completion": NaN}'],
        ['{"prompt": "a", "completion": "b"} {"prompt": "c", "completion": "d"}'],
        ['{"prompt": "a", "completion": "b"}', "", '{"prompt": "c", "completion": "d"}'],
        ['[{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "d"}]'],
        ["17"],
    ]
    good = [
        [{"prompt": "a", "completion": "b \u2028 c"}],
        [
            '{"prompt": "a", "completion": "12345678901234567890123"}\r',
            '{"prompt": "c", "completion": "d"}',
            "",
            "",
        ],
        Sample(files={"train.json": '[{"prompt": "a", "completion": "b"}]'}),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        return chunk.told(self.code)
