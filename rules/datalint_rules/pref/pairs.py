"""Both sides of preference rows, as the rules of this family compare them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.formats import Shape

# Columns besides `prompt` that say what is answered; the canonical view of preference rows leaves them out.
ASKED = ("instruction", "input", "context", "question", "query", "problem", "history")
# Where the answer begins in a transcript: HH's labels, and the headers of the usual templates.
ANSWERS = re.compile(
    r"(?:^|\n)(?:Assistant|ASSISTANT|AI|### Response|### Assistant):|<\|assistant\|>|\[/INST\]"
    r"|<\|im_start\|>assistant|<start_of_turn>model|assistant<\|end_header_id\|>"
)
_WORD = 64  # characters; what is longer is no word that a cut could spoil


def context_column(value: Mapping[str, Any], shape: Shape) -> str | None:
    """The column that holds the prompt of a preference row; None where the prompt is inside both sides."""
    names = [*ASKED[:1], shape.fields.get("prompt", ""), *ASKED[1:], shape.fields.get("messages", "")]
    column = next((name for name in names if value.get(name)), None)
    # UltraFeedback's `messages` are the chosen conversation once more.
    return None if column is not None and value[column] == value[shape.fields["chosen"]] else column


def is_pair(shape: Shape | None) -> bool:
    """A preference row with both sides; a format that the user forced may lack one."""
    return shape is not None and shape.format == "preference" and {"chosen", "rejected"} <= shape.fields.keys()


def pair_rows(chunk: Chunk) -> list[int]:
    """The preference rows that have both sides."""
    return sorted(row for form in chunk.forms if is_pair(form.shape) for row in form.rows)


def has_sides(chunk: Chunk) -> bool:
    """Whether any row has both sides, whatever its format: in most datasets none has."""
    return any({"chosen", "rejected"} <= form.shape.fields.keys() for form in chunk.forms)


def wholes(chunk: Chunk) -> pl.DataFrame:
    """One line a preference row: row, chosen, rejected (all of a side as one text), pointer (to what is rejected)."""
    said = pl.concat_str("role", "content", "calls", "reasoning", separator="\0", ignore_nulls=True)
    silent = pl.concat_str("content", "calls", "reasoning", ignore_nulls=True).str.strip_chars() == ""
    turns = chunk.turns.filter(pl.col("field").is_in(["chosen", "rejected"]))
    field = pl.col("field")
    # Two empty sides are FMT011's.
    return (
        turns.select("row", "field", "pointer", said=said, silent=silent)
        .group_by("row", maintain_order=True)
        .agg(
            chosen=pl.col("said").filter(field == "chosen").str.join("\0\0"),
            rejected=pl.col("said").filter(field == "rejected").str.join("\0\0"),
            pointer=pl.col("pointer").filter(field == "rejected").last(),
            silent=pl.col("silent").all(),
        )
        .filter(~pl.col("silent") & pl.col("pointer").is_not_null() & (pl.col("chosen") != ""))
        .drop("silent")
    )


def ending_alike(sides: pl.DataFrame, fold: Callable[[pl.Expr], pl.Expr]) -> pl.DataFrame:
    """Those of `wholes` whose last characters are equal after folding: to fold whole texts costs more than all else."""
    chosen, rejected = (
        fold(pl.col(side).str.strip_chars_end().str.tail(64)).str.tail(8) for side in ("chosen", "rejected")
    )
    # A run of what is folded away may leave too little to compare.
    short = pl.min_horizontal(chosen.str.len_chars(), rejected.str.len_chars()) < 8
    return sides.filter((chosen == rejected) | short)


def answers(chunk: Chunk) -> pl.DataFrame:
    """One line a preference row with two answers: row, chosen, rejected, the last trained text of each side.

    A prompt that both sides repeat in one text with the answer is left out.
    """
    field, trained = pl.col("field"), pl.col("trained")
    found = (
        chunk.turns.filter(field.is_in(["chosen", "rejected"]))
        .group_by("row", maintain_order=True)
        .agg(
            chosen=pl.col("content").filter((field == "chosen") & trained).last(),
            rejected=pl.col("content").filter((field == "rejected") & trained).last(),
            text=(pl.col("pointer").str.count_matches("/", literal=True) == 1).all(),
        )
        .drop_nulls()
    )
    # Texts without a prompt column are few, or all: the longest common prefix is nothing that polars has.
    whole = found.filter("text").drop("text")
    cut = [(line[0], *answers_of(*line[1:])) for line in whole.iter_rows() if _implicit(chunk, line[0])]
    found = found.drop("text")
    if not cut:
        return found
    shorter = pl.DataFrame(cut, schema=["row", "chosen", "rejected"], orient="row", schema_overrides={"row": pl.UInt32})
    return found.update(shorter, on="row", how="left")


def _implicit(chunk: Chunk, row: int) -> bool:
    value, shape = chunk.values[row], chunk.shapes[row]
    return value is not None and shape is not None and is_pair(shape) and context_column(value, shape) is None


def answers_of(chosen: str, rejected: str) -> tuple[str, str]:
    """What two texts that begin with the same prompt answer to it."""
    at = word_start(chosen, rejected, shared(chosen, rejected))
    # Answers that begin alike are cut where the last turn begins, if the text says so.
    begins = [match.end() for match in ANSWERS.finditer(chosen, 0, at)]
    at = begins[-1] if begins else at
    return chosen[at:], rejected[at:]


def shared(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def word_start(one: str, other: str, at: int) -> int:
    """The last place up to `at` that is not inside a word of either text; scripts without spaces have no such words."""
    place, floor = at, max(0, at - _WORD)
    while (
        place > floor and _in_word(one[place - 1]) and any(_in_word(text[place : place + 1]) for text in (one, other))
    ):
        place -= 1
    return place if place > floor or not floor else at


def _in_word(character: str) -> bool:
    return character.isalnum() and character < "\u0e00"
