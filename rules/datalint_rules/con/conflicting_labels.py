"""CON002."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.fingerprint import canonical, digest
from datalint.location import replace
from datalint.rule import Fix, Found, Rule, none
from datalint.views.turns import as_text


@dataclass(frozen=True)
class ConflictingLabels(Rule):
    """The same text has different labels.

    ## What it does
    Groups the classification rows of a split whose texts are equal after normalisation. If their labels differ, every
    row of the group is reported and names one with another label.

    ## Why is this bad?
    One of the labels is wrong: the classifier cannot learn it, and accuracy on such rows is a coin toss.

    ## Example
    "card did not arrive" is `card_arrival` in one row and `lost_card` in another.

    ## Fix safety
    Unsafe: rows outside the majority take its label. Where there is no majority there is no fix.

    ## Options
    None.

    ## References
    deepchecks' conflicting labels; cleanlab's Datalab; openai-python's validators.
    """

    code, name = "CON002", "conflicting-labels"
    severity = "error"
    message = "the same text is labelled {label} here and {other} elsewhere{vote}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "takes the label of the majority"
    key = ("context_key",)
    bad = [
        [{"text": "win", "label": "spam"}, {"text": "win", "label": "spam"}, {"text": "Win", "label": 7}],
        [{"text": "win a phone", "label": "spam"}, {"text": "Win a phone", "label": "ham"}],
        [
            {"text": "win a phone", "label": 1},
            {"text": "win a phone", "label": 1},
            {"text": "win a phone", "label": 0},
        ],
    ]
    good = [
        [{"text": "win a phone", "label": "spam"}, {"text": "see you at nine", "label": "ham"}],
        [{"text": "win a phone", "label": "spam"}, {"text": "win a phone", "label": "spam"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        if not any(form.shape.format == "classification" for form in chunk.forms):
            return none()
        some = chunk.held.last_answers(("classification",))
        rows = [chunk.held.rows[place] for place, _ in some]
        cells = [self._label(chunk, row) for row in rows]
        return pl.DataFrame(
            {
                "row": pl.Series(rows, dtype=pl.UInt32),
                "context_key": pl.Series(digest(chunk.held.said(*one) for one in some), dtype=pl.Binary),
                "label": [None if value is None else as_text(value) for _, value in cells],
                "json": [canonical(value).decode() for _, value in cells],  # a number stays a number
                "pointer": [pointer for pointer, _ in cells],
            },
            schema_overrides={"label": pl.String},
        ).filter(pl.col("label").fill_null("") != "")

    @staticmethod
    def _label(chunk: Chunk, row: int) -> tuple[str, Any]:
        value, shape = chunk.values[row], chunk.shapes[row]
        turn = next(t for t in reversed(chunk.turn_lists[row]) if t.field == "label")
        return turn.pointer, None if value is None or shape is None else value[shape.fields["label"]]

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        odd = frame.filter(pl.col("label").n_unique().over("context_key") > 1).sort("file", "row")
        if not odd.height:
            return none()
        votes = odd.group_by("context_key", "label").agg(pl.len().alias("votes"), pl.col("file", "row", "json").first())
        votes = votes.sort("context_key", "votes", "label", descending=[False, True, False])
        lead = votes.group_by("context_key", maintain_order=True).agg(
            pl.col("label", "file", "row", "json").gather(0).name.prefix("top_"),
            pl.col("label", "file", "row").gather(1).name.prefix("next_"),
            majority=(pl.col("votes").gather(0) > pl.col("votes").gather(1)),
        )
        lead = lead.with_columns(pl.exclude("context_key", "majority").list.first(), pl.col("majority").list.first())
        found = odd.join(lead, on="context_key", maintain_order="left")
        leads = pl.col("label") == pl.col("top_label")
        fixable = pl.col("majority") & ~leads
        return found.select(
            "file",
            "row",
            "pointer",
            "label",
            other=pl.when(leads).then("next_label").otherwise("top_label"),
            related_file=pl.when(leads).then("next_file").otherwise("top_file"),
            related_row=pl.when(leads).then("next_row").otherwise("top_row"),
            vote=pl.when(pl.col("majority")).then(pl.format("; most rows say {}", "top_label")).otherwise(pl.lit("")),
            majority=pl.when("majority").then("top_json"),
            fix_kind=pl.when(fixable).then(pl.lit("rewrite")),
            fix_safety=pl.when(fixable).then(pl.lit("unsafe")),
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            majority = item.args["majority"]
            if item.pointer and majority is not None:
                row = replace(row, item.pointer, msgspec.json.decode(majority))
        return row
