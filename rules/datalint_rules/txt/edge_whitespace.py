"""TXT017."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import replace
from datalint.rule import Fix, Found, Rule
from datalint_rules.txt.context import text_at

_SPACE = " \t\n\r\x0b\x0c\x85\xa0\u2028\u2029\u3000"


@dataclass(frozen=True)
class EdgeWhitespace(Rule):
    r"""An answer begins or ends with white space.

    ## What it does
    Looks at the answers of conversations and at outputs, completions, chosen and rejected answers. One space before a
    completion that is plain text is left out: it belongs to the word after it, as tokenizers see it. So are the steps
    of stepwise rows, which bring their separators, and answers of nothing but white space (FMT011).

    ## Why is this bad?
    The model learns to write blanks before it stops, and half of the templates strip them, so that what is trained is
    not what is in the file.

    ## Example
    `{"prompt": "Name a river.", "completion": "The Nile.\n\n"}`

    ## Fix safety
    Safe: white space at the end is removed. At the beginning it may be the indentation of code, and stays.

    ## Options
    None.

    ## References
    openai-python's validators of completions.
    """

    code, name = "TXT017", "edge-whitespace"
    severity = "info"
    default = False
    message = "the answer {edge} with white space"
    fix = Fix("rewrite", "safe")
    fix_title = "removes white space at the end"
    bad = [
        [{"prompt": "Name a river.", "completion": "The Nile.\n\n"}],
        [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "\n  b \u3000"}]}],
        [{"instruction": "Indent.", "input": "", "output": "    return x\n"}],
        [{"prompt": "a", "completion": "  b"}],
    ]
    good = [
        [{"prompt": "Answer:", "completion": " yes"}],
        [{"prompt": " Name a river.\n", "completion": "The\nNile."}],
        [{"prompt": "a", "completions": ["b\n", "c\n"], "labels": [True, False]}],
        [{"prompt": "a", "completion": " \n"}],
        [{"text": "The Nile.\n"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        content = pl.col("content")
        answers = chunk.turns.filter(
            (pl.col("role") == "assistant")
            & pl.col("field").is_in(["messages", "output", "completion", "chosen", "rejected"])
            & (content.str.strip_chars(_SPACE) != "")
        )
        begins = content.str.strip_chars_start(_SPACE) != content
        ends = content.str.strip_chars_end(_SPACE) != content
        # A completion that is no message goes on where its prompt stops.
        joined = (pl.col("field") == "completion") & (pl.col("pointer").str.count_matches("/") == 1)
        spaced = joined & (content.str.strip_chars_start(_SPACE) == content.str.slice(1)) & content.str.starts_with(" ")
        odd = answers.with_columns(begins=begins & ~spaced, ends=ends).filter(pl.col("begins") | pl.col("ends"))
        # Blocks of content are shown as one text, but are none that could be cut.
        places = odd.select("row", "pointer").iter_rows()
        plain = pl.Series([text_at(chunk.values[row], at) is not None for row, at in places], dtype=pl.Boolean)
        size = content.str.len_chars()
        kept = content.str.strip_chars_end(_SPACE).str.len_chars()
        return odd.select(
            "row",
            "pointer",
            start=pl.when("ends").then(kept).otherwise(0),
            end=pl.when("ends").then(size).otherwise(size - content.str.strip_chars_start(_SPACE).str.len_chars()),
            edge=pl.when(pl.col("begins") & pl.col("ends"))
            .then(pl.lit("begins and ends"))
            .when("ends")
            .then(pl.lit("ends"))
            .otherwise(pl.lit("begins")),
            fix_kind=pl.when(pl.col("ends") & plain).then(pl.lit("rewrite")),
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            text = text_at(row, item.pointer or "")
            if text is not None and text.strip(_SPACE):
                row = replace(row, item.pointer or "", text.rstrip(_SPACE))
        return row
