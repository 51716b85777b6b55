"""FMT004."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none


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
    within = "file"
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
        count, first = Counter[tuple[str, ...]](), dict[tuple[str, ...], int]()
        lines: list[tuple[int, str, list[str], int, str | None]] = []
        for shape, _, rows in chunk.forms:
            kind = (shape.format, *shape.fields.values())
            count[kind] += len(rows)
            first.setdefault(kind, rows[0])
            lines += [(row, shape.format, [], 1, shape.also) for row in rows if shape.also]
        lines += [(first[kind], kind[0], list(kind[1:]), number, None) for kind, number in count.items()]
        if not lines:
            return none()
        schema: dict[str, Any] = {
            "row": pl.UInt32,
            "format": pl.String,
            "columns": pl.List(pl.String),
            "count": pl.Int64,
            "also": pl.String,
        }
        return pl.DataFrame(lines, schema=schema, orient="row")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        twice = frame.filter(pl.col("also").is_not_null())
        both = twice.select("file", "row", what=pl.format("the row is {} and {} at once", "format", "also"))
        kinds = (
            frame.filter(pl.col("also").is_null() & (pl.col("format") != "unknown"))
            .group_by("file", "format")
            .agg(pl.col("row").min(), pl.col("count").sum(), pl.col("columns").explode().unique())
            .sort("file", "count", "row", descending=[False, True, False])
            .with_columns(
                main=pl.col("format").first().over("file"),
                mains=pl.col("columns").first().over("file", mapping_strategy="join"),
            )
        )
        # A row whose columns all belong to the file's format lacks a field; it is of no other kind.
        other = kinds.filter(
            (pl.col("format") != pl.col("main")) & (pl.col("columns").list.set_difference("mains").list.len() > 0)
        )
        text = pl.format("{} rows are {}, most of the file is {}; this is the first", "count", "format", "main")
        return pl.concat([both, other.select("file", "row", what=text)])
