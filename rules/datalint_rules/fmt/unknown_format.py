"""FMT016."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none


@dataclass(frozen=True)
class UnknownFormat(Rule):
    """The file's columns fit no format that datalint knows.

    ## What it does
    Reports, once for a file, that most of its rows have no columns from which to tell what is asked and what is
    answered. Rules over texts still run on all strings of the rows.

    ## Why is this bad?
    Rules about turns, answers and labels cannot see into the rows.

    ## Example
    `{"turns": ["Write a poem.", "Now in French."]}`

    ## Fix safety
    There is no fix: name the format with `--format`, or the columns with `columns = { prompt = "turns" }`.

    ## Options
    None.

    ## References
    TRL's dataset formats; `docs/formats.md` lists those that are known.
    """

    code, name = "FMT016", "unknown-format"
    severity = "info"
    within = "file"
    message = "no known format in columns {columns}; say which with --format, or map them with `columns`"
    bad = [[{"turns": ["Write a poem.", "Now in French."]}]]
    good = [
        [{"question": "Name a sea.", "answer": "The Baltic."}],
        [{"sentence": "refund please", "label": "refund"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        if not chunk.forms:
            return none()
        rows = sum(len(form.rows) for form in chunk.forms)
        known = sum(len(form.rows) for form in chunk.forms if form.shape.format != "unknown")
        columns = next((list(form.types) for form in chunk.forms if not form.shape.fields), [])
        return pl.DataFrame({"row": [0], "known": [known], "rows": [rows], "columns": [", ".join(columns[:8])]})

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        files = frame.group_by("file", maintain_order=True).agg(
            pl.col("known", "rows").sum(), pl.col("columns").filter(pl.col("columns") != "").first()
        )
        return files.filter(pl.col("known") * 2 < pl.col("rows")).select("file", "columns")
