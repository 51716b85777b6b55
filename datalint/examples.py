"""Rows as training examples: the same canonical view that the rules have, one object a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datalint.formats import shape_of
from datalint.source import discover, open_source
from datalint.views.turns import Turn, as_text, turns_of

__all__ = ["Example", "Turn", "read_examples"]


@dataclass(frozen=True)
class Example:
    """One readable row.

    `text` is what is classified (classification), else all turns' contents, a line each; `label` is the row's label
    as text, None where it has none.
    """

    row: int  # record index in its file
    value: dict[str, Any]
    format: str
    turns: tuple[Turn, ...]
    text: str
    label: str | None


def read_examples(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - the option's name
    columns: Mapping[str, str] | None = None,
) -> list[Example]:
    """The readable rows of a file, of a folder's data files, or of a clean's output folder.

    Raises InputError for a path that cannot be opened. Rows that cannot be read are left out: `check` tells them.
    """
    return [
        _example(block.first_row + index, value, format, columns or {})
        for file in discover([path])
        for block in open_source(file.path, name=file.name).blocks()
        for index, value in enumerate(block.values)
        if value is not None
    ]


def _example(row: int, value: dict[str, Any], forced: str | None, columns: Mapping[str, str]) -> Example:
    shape = shape_of(value, columns, forced)
    turns = tuple(turns_of(value, shape))
    label = value.get(shape.fields.get("label", "label"))
    shown = [t.content for t in turns if t.content and t.field != "label"]
    return Example(row, value, shape.format, turns, "\n".join(shown), None if label is None else as_text(label))
