"""The types of JSON Lines as a dataset card tells them (`dataset_info`), so that nobody has to guess.

Hugging Face `datasets` takes text of dates for times, and pads objects whose keys differ with nulls, unless the card
says what a column holds. Its type `json` gives any value back as it was.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from datalint.cleaner.schema import Seen, arrow_type, is_json, together

if TYPE_CHECKING:
    import pyarrow as pa

Feature = dict[str, Any]


def features_of(files: Sequence[Seen]) -> list[list[Feature]]:
    """Of each file, the features of its columns; the same for all files of the same columns where that can be."""
    return [
        [
            _feature(key, below if whole is None else whole)
            for (key, below), whole in zip(seen.keys.items(), all_, strict=True)
        ]
        for seen, all_ in zip(files, together(files), strict=True)
    ]


def _feature(name: str, seen: Seen) -> Feature:
    if seen.huge and seen.kinds <= {int, float}:
        return {"name": name, "dtype": "float64"}  # its parser of `json` refuses integers beyond 64 bits
    if seen.dated:
        return {"name": name, "dtype": "json"}
    return {"name": name, **_told(arrow_type(seen, name))}


def _told(kind: "pa.DataType") -> Feature:
    import pyarrow as pa

    if is_json(kind):
        return {"dtype": "json"}
    if pa.types.is_list(kind):
        below = _told(kind.value_type)
        return {"list": below.get("dtype") or below.get("struct") or below}
    if pa.types.is_struct(kind):
        return {"struct": [{"name": field.name, **_told(field.type)} for field in kind]}
    names = {pa.float64(): "float64", pa.bool_(): "bool", pa.int64(): "int64", pa.string(): "string"}
    return {"dtype": names[kind]}
