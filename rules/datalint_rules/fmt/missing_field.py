"""FMT005."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, Sample, Totals, none
from datalint.views.turns import escape
from datalint_rules.fmt.columns import KINDS, as_kind, kinds_of, lacking, main_of


@dataclass(frozen=True)
class MissingField(Rule):
    """A row lacks a field that the file's format needs.

    ## What it does
    Takes the format that most rows of a file have and reports every row in which one of its columns is absent or
    null. Rows that are whole in another format are FMT004's. A prompt without an answer is a format of its own only
    where all rows of the file are so. An Alpaca row needs no input; a preference row needs a prompt if most have one.
    Fields of messages are looked at by other rules: a null content is FMT011, a missing role FMT101.

    ## Why is this bad?
    Some trainers stop at the row with a KeyError, others read an empty text or the word "None" and train on it.

    ## Example
    `{"prompt": "Name a sea."}` in a file of `prompt` and `completion`.

    ## Fix safety
    Unsafe: the row is dropped.

    ## Options
    None.

    ## References
    openai-python's fine-tuning validators; the checks of together-python; TRL's dataset formats; the data validator
    for Amazon Nova.
    """

    code, name = "FMT005", "missing-field"
    severity = "error"
    within = "file"
    message = "{column} is {state}: rows here are {format}"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    bad = [
        [{"prompt": "a", "completion": "b"}, {"prompt": "c"}, {"prompt": "d", "completion": "e"}],
        [{"prompt": "a", "completion": None}],
        [{"prompt": "c"}, {"prompt": "d"}, {"prompt": "a", "completion": "b"}],
        [{"instruction": "a", "input": "b", "output": "c"}] * 2 + [{"input": "b", "output": "c"}],
        [{"instruction": "a", "input": "b", "output": "c"}] * 2 + [{"instruction": "a", "input": ""}],
        [{"messages": [{"role": "user", "content": "a"}]}] * 2 + [{"message": []}, {"messages": None}],
        [{"text": "a", "label": "x"}, {"text": "b", "label": None}],
        [{"prompt": "a", "chosen": "b", "rejected": "c"}] * 2 + [{"prompt": "a", "chosen": "b"}],
        [{"prompt": "a", "chosen": "b", "rejected": "c"}] * 2 + [{"chosen": "b", "rejected": "c"}],
        [{"prompt": "a", "completion": "b", "label": True}] * 2 + [{"prompt": "a", "completion": "b", "label": None}],
        Sample(files={"train.jsonl": [{"prompt": "a"}]}, options={"format": "prompt-completion"}),
    ]
    good = [
        [{"prompt": "a"}, {"prompt": "b"}],
        [{"instruction": "a", "output": "b"}, {"instruction": "a", "input": None, "output": "b"}],
        [{"prompt": "a", "completion": "b", "source": None}, {"prompt": "a", "completion": "b"}],
        [{"prompt": "a", "completion": ""}],
        [{"messages": [{"role": "user", "content": None}]}],
        [{"prompt": "a", "completion": "b"}] * 2 + [{"text": "whole in another format"}],
        [{"text": "a", "category": None}, {"text": "b"}, {"text": "c", "category": None}],
        [{"chosen": "a", "rejected": "b"}, {"chosen": "c", "rejected": "d"}],
        [{"turns": ["of no format that is known"]}, {"turns": ["b"]}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        # Rows of one kind mostly stand together: runs of them are few, where rows are many.
        lines = [(rows[0], *_runs(rows), *map(_list, kind)) for kind, rows in chunk.once(kinds_of).items()]
        if not lines:
            return none()
        runs_of: dict[str, Any] = {"row": pl.UInt32, "starts": pl.List(pl.UInt32), "counts": pl.List(pl.UInt32)}
        return pl.DataFrame(lines, schema=runs_of | KINDS, orient="row")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        found: list[tuple[int, int, str, str, str, str]] = []
        for (file,), part in frame.group_by("file", maintain_order=True):
            lines = [(as_kind(line), line) for line in part.to_dicts()]
            main = main_of([(kind, sum(line["counts"]), line["row"]) for kind, line in lines])
            if main is None:
                continue
            for kind, line in lines:
                name = main.format if kind.format == "unknown" else kind.format
                name = main.format if main.columns.issuperset(kind.columns) else name
                for _, column, state in lacking(kind, main):
                    found += [
                        (file, row, "/" + escape(column), column, state, name)
                        for start, count in zip(line["starts"], line["counts"], strict=True)
                        for row in range(line["row"] + start, line["row"] + start + count)
                    ]
        schema = ["file", "row", "pointer", "column", "state", "format"]
        return pl.DataFrame(found, schema=schema, orient="row") if found else none()


def _runs(rows: Sequence[int]) -> tuple[list[int], list[int]]:
    """Runs of consecutive numbers: where each starts, counted from the first number of all, and its length."""
    numbers = np.array(rows)
    starts = np.flatnonzero(np.diff(numbers, prepend=-2) != 1)
    return (numbers[starts] - numbers[0]).tolist(), np.diff(starts, append=len(rows)).tolist()


def _list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
