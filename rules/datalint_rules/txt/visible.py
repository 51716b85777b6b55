"""What several text rules ask: whether a model reads a text, what was said before it, how a message quotes it."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import parts, replace, resolve
from datalint.rule import Found

# Columns that templates take beside those of the format.
_BESIDE = frozenset({"system", "tools", "documents"})


def foreign(chunk: Chunk) -> pl.DataFrame:
    """Those of `chunk.texts` that are not plain ASCII, as two lengths tell: of most datasets few."""
    text = pl.col("text").str
    return chunk.texts.filter(text.len_bytes() != text.len_chars())


def read_texts(chunk: Chunk, texts: pl.DataFrame) -> pl.DataFrame:
    """Those of some `chunk.texts` that a model reads: not ids, sources and other columns beside a known format."""
    keep = [_is_read(chunk, row, pointer) for row, pointer in texts.select("row", "pointer").iter_rows()]
    return texts.filter(pl.Series(keep, dtype=pl.Boolean))


def _is_read(chunk: Chunk, row: int, pointer: str) -> bool:
    shape = chunk.shapes[row]
    if shape is None or shape.format == "unknown":
        return shape is not None
    column = parts(pointer)[0]
    return column in shape.fields.values() or column in _BESIDE


def answers(chunk: Chunk) -> pl.DataFrame:
    """The lines of `chunk.turns` with what a model is to say: no labels, calls or nulls, no rejected answers."""
    said = pl.col("content").is_not_null() & ~pl.col("field").is_in(["label", "rejected"]) & pl.col("calls").is_null()
    verdict = pl.col("label").str.to_lowercase() == "false"
    refused = chunk.rows.filter(pl.col("format") == "unpaired").filter(verdict)
    found = chunk.turns.filter(pl.col("trained") & said)
    return found.join(refused, on="row", how="anti") if refused.height else found


def asked(chunk: Chunk, row: int, pointer: str) -> list[str]:
    """What a row says before the turn at a pointer. The other answers of a preference row are not before this one."""
    said = []
    for turn in chunk.turn_lists[row]:
        if turn.pointer == pointer or pointer.startswith(turn.pointer + "/"):
            break
        if turn.content and turn.field not in ("chosen", "rejected", "completion"):
            said.append(turn.content)
    return said


def mended(row: dict[str, Any], found: Sequence[Found], mend: Callable[[str], str]) -> dict[str, Any]:
    """The row with `mend` done to each text that findings point to, as those texts are now."""
    for pointer in dict.fromkeys(one.pointer or "" for one in found):
        if isinstance(text := resolve(row, pointer), str):
            row = replace(row, pointer, mend(text))
    return row
