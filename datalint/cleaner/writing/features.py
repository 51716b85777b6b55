"""The types of JSON Lines as a dataset card tells them (`dataset_info`), so that nobody has to guess.

Hugging Face `datasets` takes text of dates for times, and pads objects whose keys differ with nulls, unless the card
says what a column holds. Its type `json` gives objects and lists back as they were, but not a text that is JSON itself,
such as "1": where such a text may stand, the object or list around it is `json` as a whole.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from datalint.cleaner.stored.schema import Seen, arrow_type, is_json, together

if TYPE_CHECKING:
    import pyarrow as pa

Feature = dict[str, Any]

_HUGE = "`datasets` reads integers beyond 64 bits in JSON Lines as floats, or not at all"
_TEXT = "`datasets` takes text in JSON Lines that looks like a number or an object for one in columns of several types"
_KEEP = "; --to parquet keeps them"


def features_of(files: Sequence[Seen]) -> list[list[Feature]]:
    """Of each file, the features of its columns; the same for all files of the same columns where that can be."""
    return [
        [
            _column(key, below if whole is None else whole)
            for (key, below), whole in zip(seen.keys.items(), all_, strict=True)
        ]
        for seen, all_ in zip(files, together(files), strict=True)
    ]


def warnings(seen: Seen) -> list[str]:
    """What `datasets` will not give back as it was, a line each."""
    huge = [key for key, below in seen.keys.items() if below.huge]
    text = [key for key, below in seen.keys.items() if not below.huge and _told(arrow_type(below, key), below)[1]]
    return [f"{_names(some)}: {what}{_KEEP}" for some, what in ((huge, _HUGE), (text, _TEXT)) if some]


def _names(columns: Sequence[str]) -> str:
    shown = ", ".join(map(repr, columns[:3]))
    return f"column {shown}" if len(columns) == 1 else f"columns {shown}{' and others' if columns[3:] else ''}"


def _column(name: str, seen: Seen) -> Feature:
    if seen.huge and seen.kinds <= {int, float}:
        return {"name": name, "dtype": "float64"}  # its parser of `json` refuses integers beyond 64 bits
    kind = arrow_type(seen, name)
    told, fragile = _told(kind, seen)
    return {"name": name, **(told if not fragile or is_json(kind) else {"dtype": "string"})}


def _told(kind: "pa.DataType", seen: Seen) -> tuple[Feature, bool]:
    """The feature of a place, and whether a text that is JSON would be taken for what it says."""
    import pyarrow as pa

    if is_json(kind) or (pa.types.is_string(kind) and seen.dates):
        return {"dtype": "json"}, str in seen.kinds and seen.json_like
    if pa.types.is_list(kind) and seen.items is not None:
        below, fragile = _told(kind.value_type, seen.items)
        return ({"dtype": "json"} if fragile else {"list": below.get("dtype") or below.get("struct") or below}), False
    if pa.types.is_struct(kind):
        fields = {field.name: _told(field.type, seen.keys[field.name]) for field in kind}
        if any(fragile for _, fragile in fields.values()):
            return {"dtype": "json"}, False
        return {"struct": [{"name": name, **below} for name, (below, _) in fields.items()]}, False
    names = {pa.float64(): "float64", pa.bool_(): "bool", pa.int64(): "int64", pa.string(): "string"}
    return {"dtype": names[kind]}, False
