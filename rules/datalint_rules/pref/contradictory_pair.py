"""PREF005."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.fingerprint import digest
from datalint.rule import Fix, Rule, none
from datalint.views.turns import as_text
from datalint_rules.pref.pairs import pair_rows

# What makes two equal prompts different questions, where it stands in columns of its own.
_MORE = ("system", "instruction", "input", "context", "history", "tools", "documents")
_MEDIA = ("image", "images", "audio", "audios", "video", "videos")


@dataclass(frozen=True)
class ContradictoryPair(Rule):
    """One row prefers an answer to another, and a second row prefers them the other way round.

    ## What it does
    Looks in a split for pairs with the same prompt and the same two answers (after normalisation) on opposite sides.

    ## Why is this bad?
    The two rows pull the model apart with equal force; at least one of them is wrong.

    ## Example
    `{"prompt": "Best pet?", "chosen": "A cat.", "rejected": "A dog."}` and the same with the sides exchanged.

    ## Fix safety
    Unsafe: all rows of the contradiction are dropped, for nobody knows which one is right.

    ## Options
    None.

    ## References
    None read: what CON001 is for answers, for pairs.
    """

    code, name = "PREF005", "contradictory-pair"
    severity = "error"
    message = "another row prefers the answer that is rejected here to the one that is chosen"
    fix = Fix("drop", "unsafe")
    fix_title = "drops all rows of the contradiction"
    key = ("pair_key",)
    bad = [
        [
            {"prompt": "Best pet?", "chosen": "A cat.", "rejected": "A dog."},
            {"prompt": "best  pet?", "chosen": "A dog.", "rejected": "a cat."},
        ],
        [
            {
                "chosen": [{"role": "user", "content": "Pet?"}, {"role": "assistant", "content": "Cat."}],
                "rejected": [{"role": "user", "content": "Pet?"}, {"role": "assistant", "content": "Dog."}],
            },
            {
                "chosen": [{"role": "user", "content": "Pet?"}, {"role": "assistant", "content": "Dog."}],
                "rejected": [{"role": "user", "content": "Pet?"}, {"role": "assistant", "content": "Cat."}],
            },
        ],
    ]
    good = [
        [
            {"prompt": "Best pet?", "chosen": "A cat.", "rejected": "A dog."},
            {"prompt": "Best guard?", "chosen": "A dog.", "rejected": "A cat."},
        ],
        [
            {"prompt": "Best pet?", "chosen": "A cat.", "rejected": "A dog."},
            {"prompt": "Best pet?", "chosen": "A cat.", "rejected": "A fish."},
            {"prompt": "Best pet?", "chosen": "A dog.", "rejected": "A fish."},
        ],
        [
            {"instruction": "Is it a pet?", "input": "", "chosen": "Yes", "rejected": "No"},
            {"instruction": "Is it a lion?", "input": "", "chosen": "No", "rejected": "Yes"},
        ],
        [{"prompt": "Best pet?", "chosen": "A cat.", "rejected": "a cat."}] * 2,
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        rows = pair_rows(chunk)
        if not rows:
            return none()
        said = _said(chunk, rows).filter(pl.col("chosen") != pl.col("rejected"))
        pairs = [(_more(chunk.values[row] or {}), *texts) for row, *texts in said.iter_rows()]
        return said.select(
            "row",
            first=pl.col("chosen") < pl.col("rejected"),
            pair_key=pl.Series(
                digest("\0\0".join((more, asked, *sorted(sides))).encode() for more, asked, *sides in pairs)
            ),
        )

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        odd = frame.filter(pl.col("first").n_unique().over("pair_key") > 1).sort("file", "row")
        if not odd.height:
            return none()
        others = odd.group_by("pair_key", "first", maintain_order=True).agg(
            related_file=pl.col("file").first(), related_row=pl.col("row").first()
        )
        others = others.with_columns(~pl.col("first"))
        return odd.join(others, on=["pair_key", "first"], how="left", maintain_order="left").select(
            "file", "row", "related_file", "related_row"
        )


def _said(chunk: Chunk, rows: list[int]) -> pl.DataFrame:
    """row, asked, chosen, rejected: the prompt and both sides of some rows, normalised."""
    field, content = pl.col("field"), pl.col("content").fill_null("")
    folded = content.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    turns = chunk.turns.filter(pl.col("row").is_in(rows)).select(
        "row", "field", said=pl.concat_str("role", folded, "calls", separator="\0", ignore_nulls=True)
    )
    parts = {name: pl.col("said").filter(field == name).str.join("\0") for name in ("prompt", "chosen", "rejected")}
    # `messages` beside a prompt repeat the chosen conversation (UltraFeedback): they are no context.
    talk = pl.col("said").filter(field == "messages").str.join("\0")
    frame = turns.group_by("row", maintain_order=True).agg(**parts, talk=talk)
    asked = pl.when(pl.col("prompt") != "").then("prompt").when(pl.col("talk") != pl.col("chosen")).then("talk")
    return frame.select("row", asked.otherwise(pl.lit("")).alias("asked"), "chosen", "rejected")


def _more(value: Mapping[str, Any]) -> str:
    """What else is asked, in columns of its own."""
    texts = [name + " ".join(as_text(value[name]).casefold().split()) for name in _MORE if value.get(name)]
    return "\0".join((*texts, *(name + as_text(value[name]) for name in _MEDIA if value.get(name))))
