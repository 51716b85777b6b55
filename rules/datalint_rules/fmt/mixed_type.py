"""FMT007."""

from dataclasses import dataclass
from itertools import islice

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none, option
from datalint.views.turns import escape

# What pyarrow's JSON reader takes for a timestamp: an ISO date, alone or with a time.
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"


@dataclass(frozen=True)
class MixedType(Rule):
    """A column holds two JSON types.

    ## What it does
    Follows the type of every column, and of the content of messages, through the file, and reports the first row
    whose type differs from the first one seen; integers and fractions are one type, nulls are none. Also reports a
    column that is null for the first 10,000 rows and typed after, and a trained column in which all texts are dates.

    ## Why is this bad?
    Arrow-based readers guess a column's type from its first rows, then fail at the row that differs, turn the
    numbers into text, or turn answers into timestamps.

    ## Example
    `{"image": "a.jpg"}` in row 1, `{"image": ["a.jpg", "b.jpg"]}` in row 5.

    ## Fix safety
    There is no fix: only the author knows which type was meant. `clean` stores such a column as JSON text.

    ## Options
    - `null-rows`: how many rows of nulls mislead a reader.
    - `date-rows`: fewest answers that make a column of dates.

    ## References
    huggingface/datasets issues #6460, #7322, #7222, #7664; LLaMA-Factory issue #5883.
    """

    code, name = "FMT007", "mixed-type"
    severity = "error"
    within = "file"
    message = "{what}"
    bad = [
        [
            {"prompt": "a", "completion": "b", "image": "a.jpg"},
            {"prompt": "c", "completion": "d", "image": ["a.jpg"]},
        ],
        [
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]},
        ],
        [{"prompt": "When?", "completion": f"2024-03-{day:02}"} for day in range(1, 13)],
        Sample(
            files={
                "train.jsonl": [{"prompt": "a", "completion": "b", "note": None}] * 12
                + [{"prompt": "a", "completion": "b", "note": "x"}]
            },
            options={"rules": {"FMT007": {"null-rows": 10}}},
        ),
    ]
    good = [
        [{"prompt": "a", "completion": "b", "score": 1}, {"prompt": "c", "completion": "d", "score": 0.5}],
        [{"prompt": "a", "completion": "b", "note": None}, {"prompt": "c", "completion": "d", "note": "x"}],
        [{"prompt": "a", "completion": "b", "created_at": "2024-01-01"} for _ in range(12)],
        [{"prompt": "When?", "completion": "2024-03-01"}, {"prompt": "And when?", "completion": "In May."}],
    ]

    null_rows: int = option(10_000, "Rows of nulls after which readers have decided on a type.")
    date_rows: int = option(2, "Fewest answers that make a column of dates.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        seen: dict[tuple[str, str], tuple[int, str]] = {}
        for form in chunk.forms:
            for column, kind in form.types.items():
                seen.setdefault((column, _TYPES.get(kind, "text")), (form.rows[0], "/" + escape(column)))
        for row, column in _talking(chunk):
            for index, item in enumerate((chunk.values[row] or {})[column]):
                if isinstance(item, dict) and "content" in item:
                    kind = type(item["content"])
                    where = f"/{escape(column)}/{index}/content"
                    seen.setdefault(("messages[].content", _TYPES.get(kind, "text")), (row, where))
        if not seen:
            return none()
        rows = [(row, column, kind, where) for (column, kind), (row, where) in seen.items()]
        schema = {"row": pl.UInt32, "column": pl.String, "type": pl.String, "where": pl.String}
        types = pl.DataFrame(rows, schema=schema, orient="row")
        if all(form.shape.fields.keys() <= {"messages", "label"} for form in chunk.forms):
            return types
        return pl.concat([types, self._dates(chunk)], how="diagonal_relaxed")

    def _dates(self, chunk: Chunk) -> pl.DataFrame:
        """Trained columns of texts: how many of them are dates."""
        answers = chunk.turns.filter(pl.col("trained") & ~pl.col("field").is_in(["messages", "label"]))
        answers = answers.filter(pl.col("content") != "")
        return (
            answers.with_columns(date=pl.col("content").str.contains(_DATE), where=pl.col("pointer"))
            .group_by(column=pl.col("field"), maintain_order=True)
            .agg(
                pl.col("row").first(),
                pl.col("where").first(),
                pl.lit("dates").alias("type"),
                pl.col("date").sum().cast(pl.Int64).alias("dates"),
                pl.len().cast(pl.Int64).alias("count"),
            )
        )

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        kinds = (
            frame.filter(pl.col("type") != "dates")
            .group_by("file", "column", "type", maintain_order=True)
            .agg(pl.all().sort_by("row").first())
            .sort("file", "column", "row", maintain_order=True)
        )
        typed = kinds.filter(pl.col("type") != "null")
        first = typed.group_by("file", "column", maintain_order=True).agg(
            pl.col("type", "row").first().name.prefix("first_")
        )
        mixed = typed.join(first, on=["file", "column"]).filter(pl.col("type") != pl.col("first_type"))
        mixed = mixed.group_by("file", "column", maintain_order=True).first()
        nulls = kinds.filter((pl.col("type") == "null") & (pl.col("row") == 0))
        late = first.join(nulls.select("file", "column"), on=["file", "column"]).filter(
            pl.col("first_row") >= self.null_rows
        )
        dates = frame.filter(pl.col("type") == "dates").group_by("file", "column", maintain_order=True)
        found = [
            mixed.select(
                "file",
                "row",
                pointer="where",
                what=pl.format("column {} is {} here and {} before", "column", "type", "first_type"),
            ),
            late.select(
                "file",
                pl.col("first_row").alias("row"),
                pl.format("/{}", "column").alias("pointer"),
                what=pl.format(
                    "column {} is null for {} rows and {} from here on", "column", "first_row", "first_type"
                ),
            ),
        ]
        if "dates" in frame.columns:
            all_dates = dates.agg(pl.col("row", "where").first(), pl.col("dates", "count").sum()).filter(
                (pl.col("dates") == pl.col("count")) & (pl.col("count") >= self.date_rows)
            )
            text = pl.format("all {} texts of {} are dates: Arrow readers make timestamps of them", "count", "column")
            found.append(all_dates.select("file", "row", pointer="where", what=text))
        return pl.concat(found, how="diagonal_relaxed")


def _talking(chunk: Chunk) -> list[tuple[int, str]]:
    """Rows with a message list, and its column; of rows whose contents are all texts, one of each form will do."""
    odd, found = set(chunk.odd), list[tuple[int, str]]()
    for form in chunk.forms:
        column = form.shape.fields.get("messages", "")
        if form.types.get(column) is list:
            plain = (row for row in form.rows if row not in odd and (chunk.values[row] or {})[column])
            found += [(row, column) for row in (*odd.intersection(form.rows), *islice(plain, 1))]
    return sorted(found)


_TYPES: dict[type, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true/false",
    list: "a list",
    dict: "an object",
    type(None): "null",
}
