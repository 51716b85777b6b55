"""LAB004."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import brief
from datalint.chunk import Chunk
from datalint.fingerprint import digest
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, Totals, none
from datalint.views.turns import as_text, escape

_BOOLEAN = {"true": True, "false": False, "1": True, "0": False}
_KINDS = ("boolean", "word", "number", "other")  # mildest first
# Formats whose rows may be unpaired preferences that a wrong label hides.
_WITH_LABEL = ("unpaired", "prompt-completion", "chat", "sharegpt")
_LINE = {
    "row": pl.UInt32,
    "pointer": pl.String,
    "column": pl.String,
    "label": pl.String,
    "kind": pl.String,  # of _KINDS: word is true or false, number 0 or 1
    "format": pl.String,
    "verdict": pl.Boolean,  # the format says that labels are verdicts
    "answer": pl.Binary,  # digest of what is judged
    "typed": pl.Boolean,  # the file's container has types
}


@dataclass(frozen=True)
class NonBooleanLabel(Rule):
    """The verdict on an answer is not true or false.

    ## What it does
    Looks at the `label` of rows with one judged answer (unpaired preferences, as for KTO) and at the `labels` of
    stepwise rows. Text such as `"False"`, 0 and 1, and other values are reported. A column of 0 and 1 beside prompt
    and completion is a verdict unless the completions repeat like classes; a column with more than a tenth of other
    values and no boolean holds classes. In CSV, whose cells have no type, the words true and false are an info.

    ## Why is this bad?
    `"False"` is a true value: every bad answer is trained as a good one. LLaMA-Factory takes a label that is no
    boolean for none at all and trains the row as plain supervised data.

    ## Example
    `{"prompt": "2 + 2?", "completion": "5", "label": "False"}`

    ## Fix safety
    Safe: true and false in text, in any case, and 0 and 1 become booleans; 0 and 1 only where the column has no
    other values, such as -1, that give them another meaning. Other values have no fix.

    ## Options
    None.

    ## References
    LLaMA-Factory's converter (`isinstance(label, bool)`); TRL's unpaired-preference and stepwise formats.
    """

    code, name = "LAB004", "non-boolean-label"
    severity = "error"
    message = "the label {label} is no boolean"
    fix = Fix("rewrite", "safe")
    fix_title = "makes it true or false"
    bad = [
        [{"prompt": "2 + 2?", "completion": "5", "label": "False"}],
        [{"prompt": "2 + 2?", "completion": "5", "label": True}, {"prompt": "a", "completion": "b", "label": 0}],
        [{"prompt": "2 + 2?", "completion": "5", "label": 0}, {"prompt": "a", "completion": "b", "label": 1}],
        [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "label": "true"}],
        [{"prompt": "2 + 2?", "completion": "5", "label": True}, {"prompt": "a", "completion": "b", "label": "good"}],
        [{"prompt": "2 + 2?", "completions": ["4", "so 4"], "labels": ["True", 1]}],
        [{"prompt": "2 + 2?", "completions": ["4", "so 5"], "labels": [1, -1]}],
    ]
    good = [
        [{"prompt": "2 + 2?", "completion": "5", "label": False}],
        [{"prompt": "2 + 2?", "completions": ["4", "so 4"], "labels": [True, True]}],
        [{"prompt": "a", "completion": "b", "label": "spam"}, {"prompt": "c", "completion": "d", "label": "ham"}],
        [{"prompt": f"review {i}", "completion": "good" if i % 2 else "bad", "label": i % 2} for i in range(9)],
        [{"text": "a", "label": "true"}, {"text": "b", "label": 1}],
        [
            {"prompt": f"claim {i}", "completion": f"evidence {i}", "label": ["true", "false", "mixture"][i % 3]}
            for i in range(9)
        ],
        [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "label": 1}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A line for each label that is no boolean, and one for a column that has booleans."""
        rows = chunk.rows.filter(
            (pl.col("format") == "stepwise")
            | (pl.col("label").fill_null("") != "") & pl.col("format").is_in(_WITH_LABEL)
        )
        # Types are Python's, so rows with labels, and no others, are looked at in Python.
        lines = [_line(chunk, *item) for item in rows.select("row", "format", "label_at").iter_rows()]
        if not lines:
            return none()
        frame = pl.DataFrame(lines, schema=_LINE, orient="row")
        boolean = pl.col("kind") == "boolean"
        known = frame.filter(boolean).unique("column", keep="first", maintain_order=True)
        return pl.concat([frame.filter(~boolean), known.with_columns(answer=pl.lit(None, pl.Binary))])

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        found = []
        for part in frame.partition_by("file", "column", maintain_order=True):
            others = part.filter(pl.col("kind") == "other").height
            if not _judges(part, others):
                continue
            word, number = pl.col("kind") == "word", pl.col("kind") == "number"
            found.append(
                part.filter(pl.col("kind") != "boolean").select(
                    "file",
                    "row",
                    "pointer",
                    "label",
                    severity=pl.when(word & ~pl.col("typed")).then(pl.lit("info")).otherwise(pl.lit("error")),
                    fix_kind=pl.when(word | number & pl.lit(others == 0)).then(pl.lit("rewrite")),
                    fix_safety=pl.lit("safe"),
                )
            )
        return pl.concat(found) if found else none()

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            column = "/" + (item.pointer or "").split("/")[1]
            cell = resolve(row, column)
            row = replace(row, column, [_boolean(one) for one in cell] if isinstance(cell, list) else _boolean(cell))
        return row


def _line(chunk: Chunk, row: int, form: str, pointer: str) -> tuple[Any, ...]:
    value, shape = chunk.values[row] or {}, chunk.shapes[row]
    fields = shape.fields if shape else {}
    steps = form == "stepwise"
    column = "/" + escape(fields["labels"]) if steps else pointer
    cell = resolve(value, column)
    labels = cell if steps and isinstance(cell, list) else [cell]
    kinds = [_kind(label) for label in labels]
    # A row has the kind of its worst label, and is reported at its first bad one.
    kind = max(kinds, key=_KINDS.index, default="boolean")
    at = next((at for at, one in enumerate(kinds) if one != "boolean"), 0)
    shown = brief(as_text(labels[at]), 40) if labels else ""
    judged = value.get(fields.get("completion", "")) if form == "prompt-completion" and kind == "number" else None
    answer = None if judged is None else digest([as_text(judged).encode()])[0]
    verdict = steps or chunk.format == "unpaired"
    typed = not {".csv", ".tsv"} & {*chunk.file.path.suffixes}
    return row, f"{column}/{at}" if labels is cell else column, column, shown, kind, form, verdict, answer, typed


def _kind(label: Any) -> str:
    if isinstance(label, bool):
        return "boolean"
    text = as_text(label).strip().lower()
    return "other" if text not in _BOOLEAN else "word" if text in ("true", "false") else "number"


def _boolean(label: Any) -> Any:
    return label if isinstance(label, bool) else _BOOLEAN.get(as_text(label).strip().lower(), label)


def _judges(part: pl.DataFrame, others: int) -> bool:
    """The labels of a column are verdicts, not classes."""
    kinds = {*part["kind"]}
    if part["verdict"].any() or "boolean" in kinds:
        return True
    if "word" in kinds:
        return others <= 0.1 * part.height
    # Zeros and ones alone: classes if the completions are their names.
    names = part["answer"].n_unique()
    repeat = names < part.height and names <= max(2, min(50, 0.05 * part.height))
    return kinds == {"number"} and {*part["format"]} == {"prompt-completion"} and not repeat
