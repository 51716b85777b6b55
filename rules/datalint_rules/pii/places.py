"""What the rules of this family share: which texts they read, and how what they found is taken out."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import parts, replace, resolve
from datalint.rule import Found


def read(chunk: Chunk, texts: pl.DataFrame) -> Iterator[tuple[int, str, str]]:
    """Row, pointer and text of those of some texts (of the view `texts`) that training reads.

    Columns beside the conversation (ids, sources, links) are not told to the model. Of a row of unknown format nobody
    knows which they are: all of it counts.
    """
    for row, pointer, text in texts.select("row", "pointer", "text").iter_rows():
        shape = chunk.shapes[row]
        if shape is not None and (not shape.fields or parts(pointer)[0] in {*shape.fields.values(), "system"}):
            yield row, pointer, text


def rewritten(row: dict[str, Any], found: Sequence[Found], redact: Callable[[str], str]) -> dict[str, Any]:
    """The row with `redact` of each text that something was found in."""
    for where in dict.fromkeys(one.pointer or "" for one in found):
        row = replace(row, where, redact(resolve(row, where)))
    return row
