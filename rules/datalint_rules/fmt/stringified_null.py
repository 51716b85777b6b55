"""FMT009."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.formats import ALIASES
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, none, option

_CELLS = ("system", *ALIASES["messages"])


@dataclass(frozen=True)
class StringifiedNull(Rule):
    """A field's whole text is a null that was written out.

    ## What it does
    Looks for prompts, inputs, answers, labels and messages that are nothing but `nan`, `None`, `null` and the like,
    in exactly this spelling. `none`, `N/A` and longer texts that contain the word are answers. Results of tools may be
    `null`, and `None` may be the name of a class: both are left out.

    ## Why is this bad?
    A data frame wrote a missing value as text. The model is asked "nan", or learns to answer it.

    ## Example
    `{"instruction": "Count to ten.", "input": "nan", "output": "1 2 3 4 5 6 7 8 9 10"}`

    ## Fix safety
    Unsafe: an input, a system message, or the text beside tool calls is emptied; any other row is dropped. The word
    may be meant: `null` is German for zero.

    ## Options
    - `values`: the texts that are nulls.

    ## References
    huggingface/datasets issue #4467; ms-swift issue #306; the empty inputs that AlpacaDataCleaned repairs.
    """

    code, name = "FMT009", "stringified-null"
    severity = "warning"
    message = "the whole text is {text}"
    fix = Fix("drop", "unsafe")
    fix_title = "empties the field, or drops the row"
    bad = [
        [{"instruction": "Count to three.", "input": "nan", "output": "1 2 3"}],
        [{"prompt": "Name a sea.", "completion": "null"}],
        [{"prompt": " None ", "completion": "The Baltic."}],
        [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "undefined"}]}],
        [
            {
                "messages": [
                    {"role": "system", "content": "None"},
                    {"role": "user", "content": "Weather?"},
                    {"role": "assistant", "content": "None", "tool_calls": [{"function": {"name": "w"}}]},
                ]
            }
        ],
        [{"text": "refund please", "label": "<NA>"}],
        [{"instruction": "Say hi.", "output": "Hi.", "system": "nan"}],
        [{"messages": "nan"}],
        [{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "NaN"}]}],
    ]
    good = [
        [{"instruction": "Which are prime?", "input": "4, 6", "output": "None of them."}],
        [{"prompt": "Any side effects?", "completion": "none"}, {"prompt": "Due date?", "completion": "N/A"}],
        [{"prompt": "What does it print?", "completion": "It prints null."}],
        [{"prompt": "Name a bread.", "completion": "Nan bread"}, {"prompt": "And?", "completion": "NAN, naan"}],
        [{"text": "a sentence without a stance", "label": "None"}],
        [
            {
                "messages": [
                    {"role": "user", "content": "Delete it."},
                    {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "rm"}}]},
                    {"role": "tool", "content": "null"},
                    {"role": "assistant", "content": "Done."},
                ]
            }
        ],
        [{"prompt": "Name a sea.", "completion": "The Baltic.", "source": "nan"}],
    ]

    values: tuple[str, ...] = option(
        ("nan", "NaN", "None", "null", "undefined", "<NA>"), "Texts that stand for a value that was missing."
    )

    def map(self, chunk: Chunk) -> pl.DataFrame:
        turns = chunk.turns.select("row", "pointer", "field", "role", "calls", text=pl.col("content").str.strip_chars())
        said = turns.filter(pl.col("text").is_in(self.values))
        # No view has turns for a conversation that is a text, nor for a system text beside an instruction.
        if any(form.types.get(column) is str for form in chunk.forms for column in _CELLS):
            texts = chunk.texts.filter(pl.col("pointer").is_in([f"/{column}" for column in _CELLS]))
            texts = texts.with_columns(pl.col("text").str.strip_chars()).filter(pl.col("text").is_in(self.values))
            cells = texts.select(
                "row",
                "pointer",
                pl.col("pointer").str.slice(1).alias("field"),
                role=pl.lit(""),
                calls=pl.lit(None),
                text="text",
            )
            said = pl.concat([said, cells], how="vertical_relaxed")
        if said.is_empty():
            return none()
        field = pl.col("field")
        found = said.filter((pl.col("role") != "tool") & ~((field == "label") & (pl.col("text") == "None"))).unique(
            ["row", "pointer"], keep="first", maintain_order=True
        )
        spare = field.is_in(["input", "system"]) | (pl.col("role") == "system") | pl.col("calls").is_not_null()
        kind = pl.when(spare).then(pl.lit("rewrite")).otherwise(pl.lit("drop"))
        return found.select("row", "pointer", "text", fix_kind=kind, fix_safety=pl.lit("unsafe"))

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            where = one.pointer or ""
            if isinstance(text := resolve(row, where), str) and text.strip() in self.values:
                row = replace(row, where, "")
        return row
