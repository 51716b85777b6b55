"""What the rules of this family share: which texts they read, and how what they found is taken out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import polars as pl

from datalint.chunk import Chunk
from datalint.location import parts, replace, resolve
from datalint.rule import Found

Item = TypeVar("Item")


def found_in(
    chunk: Chunk, texts: pl.DataFrame, find: Callable[[str], Iterable[Item]]
) -> Iterator[tuple[int, str, str, Item]]:
    """Row, pointer, text and one of what is found there, of some texts (of the view `texts`) that training reads.

    Columns beside the conversation (ids, sources, links) are not told to the model. Of a row of unknown format nobody
    knows which they are: all of it counts.
    """
    for row, pointer, text in texts.select("row", "pointer", "text").iter_rows():
        for item in find(text):
            shape = chunk.shapes[row]
            if shape is not None and (not shape.fields or parts(pointer)[0] in {*shape.fields.values(), "system"}):
                yield row, pointer, text, item


def rewritten(row: dict[str, Any], found: Sequence[Found], redact: Callable[[str], str]) -> dict[str, Any]:
    """The row with `redact` of each text that something was found in."""
    for where in dict.fromkeys(one.pointer or "" for one in found):
        row = replace(row, where, redact(resolve(row, where)))
    return row
