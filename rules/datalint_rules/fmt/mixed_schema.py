"""FMT004."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none

# A row of these formats lacks a field of another one rather than being of a different kind (FMT005's matter).
_LESS = {("prompt-completion", "prompt-only"), ("classification", "text"), ("unpaired", "chat")}
_LESS |= {("unpaired", "sharegpt"), ("unpaired", "prompt-completion")}


@dataclass(frozen=True)
class MixedSchema(Rule):
    """Rows of one file have different formats, or one row has two.

    ## What it does
    Detects each row's format from its columns and reports, for every format but the file's most frequent one, the
    first row that has it, with the number of such rows. A row that holds two formats at once (messages and
    prompt/completion, say) is reported by itself. Extra columns such as `id`, `source` or `tools` are no format.

    ## Why is this bad?
    Trainers choose one reader for a file; the other rows fail, or are trained as something that they are not.

    ## Example
    Row 1 has `messages`, row 9 has `conversations`.

    ## Fix safety
    There is no fix: convert the rows, or split the file.

    ## Options
    None.

    ## References
    The dataset checks of together-python and TRL's dataset formats; SenseNova-SI issue #31.
    """

    code, name = "FMT004", "mixed-schema"
    severity = "error"
    message = "{what}"
    bad = [
        [
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            {"conversations": [{"from": "human", "value": "c"}, {"from": "gpt", "value": "d"}]},
        ],
        [{"prompt": "a", "completion": "b"}, {"prompt": "c", "completion": "d"}, {"text": "e"}],
        [{"messages": [{"role": "user", "content": "a"}], "prompt": "a", "completion": "b"}],
    ]
    good = [
        [
            {"prompt": "a", "completion": "b", "id": 1},
            {"prompt": "c", "completion": "d", "source": "wiki", "tools": []},
        ],
        [{"instruction": "a", "output": "b"}, {"instruction": "a", "input": "c", "output": "b"}],
        [{"instruction": "a", "input": "", "output": "b", "text": "### Instruction: a ### Response: b"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        count, first = Counter[str](), dict[str, int]()
        lines = []
        for row, shape in enumerate(chunk.shapes):
            if shape is not None:
                count[shape.format] += 1
                first.setdefault(shape.format, row)
                if shape.also:
                    lines.append((row, shape.format, 1, shape.also))
        lines += [(first[name], name, number, None) for name, number in count.items()]
        if not lines:
            return none()
        schema = {"row": pl.UInt32, "format": pl.String, "count": pl.Int64, "also": pl.String}
        return pl.DataFrame(lines, schema=schema, orient="row")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        twice = frame.filter(pl.col("also").is_not_null())
        both = twice.select("file", "row", what=pl.format("the row is {} and {} at once", "format", "also"))
        kinds = (
            frame.filter(pl.col("also").is_null())
            .group_by("file", "format")
            .agg(pl.col("row").min(), pl.col("count").sum())
            .filter(pl.col("format") != "unknown")
            .with_columns(main=pl.col("format").sort_by(pl.col("count"), -pl.col("row")).last().over("file"))
            .filter(pl.col("format") != pl.col("main"))
        )
        less = pl.struct("main", "format").map_elements(
            lambda pair: (pair["main"], pair["format"]) in _LESS, return_dtype=pl.Boolean
        )
        other = kinds.filter(~less) if kinds.height else kinds
        text = pl.format("{} rows are {}, most of the file is {}; this is the first", "count", "format", "main")
        return pl.concat([both, other.select("file", "row", what=text)])
