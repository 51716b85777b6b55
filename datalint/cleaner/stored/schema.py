"""An Arrow schema for rows of JSON: what stood in each column, and the type that holds all of it unchanged.

A column of strings, booleans, numbers, lists or objects of one shape has the Arrow type of that name. What Arrow has
no exact type for is JSON text in the extension type `arrow.json`
(https://arrow.apache.org/docs/format/CanonicalExtensions.html#json): objects whose keys differ from row to row, which
a struct would pad with nulls, values of different types, and integers beyond 64 bits. Only lists of messages, which
every trainer expects to be nested, are structs with the union of their keys.

A column with an integer beyond 64 bits at any depth is JSON text in a plain string column, and the field's metadata
says so: `datasets` decodes `arrow.json` with a parser that refuses such numbers.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from datalint.source.columnar import JSON_TEXT

if TYPE_CHECKING:
    import pyarrow as pa

MAX_DEPTH = 12  # deeper values are JSON text: some readers of Parquet recurse
MAX_LEAVES = 1024  # columns that Parquet stores for one column of ours; a struct of more is JSON text
MAX_COLUMNS = 10_000
_INT64 = 1 << 63
_UINT64 = 1 << 64
_EXACT = 1 << 53  # integers up to here are exact as float64
_CALLS = frozenset({"function", "function_call", "tool_calls", "tools"})  # never padded, as things in lists
_NONE = type(None)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_JSON = re.compile(r'\s*(?!\d{4}-\d\d-\d\d)(?:-?\d|[\[{"]|true|false|null|NaN|-?Infinity)')


@dataclass
class Seen:
    """What stood at one place of all rows: types of values, and the same for what lies below."""

    depth: int = 0
    kinds: set[type] = field(default_factory=set)
    nulls: bool = False
    widest: int = 0  # largest absolute value of an integer
    items: "Seen | None" = None  # of lists
    keys: "dict[str, Seen]" = field(default_factory=dict)  # of objects, in the order of their first appearance
    shape: frozenset[str] | None = None  # the keys of the first object
    ragged: bool = False  # objects differ in their keys
    speaking: bool = True  # every object names a role
    dates: bool = False  # all texts of a chunk begin like dates
    json_like: bool = False  # a text begins like JSON

    def look(self, values: list[Any]) -> None:
        """Take in more values; a column at a time, because a call for each value would cost most of the time."""
        kinds = set(map(type, values))
        self.nulls |= _NONE in kinds
        kinds.discard(_NONE)
        self.kinds |= kinds
        if str in kinds:
            self.dates = self.dates or all(_DATE.match(value) for value in values if type(value) is str)
            self.json_like = self.json_like or any(_JSON.match(value) for value in values if type(value) is str)
        if self.depth > MAX_DEPTH:
            return
        if int in kinds:
            numbers = [value for value in values if type(value) is int]
            self.widest = max(self.widest, *map(abs, numbers))
        if list in kinds:
            if self.items is None:
                self.items = Seen(self.depth + 1)
            self.items.look(list(chain.from_iterable(value for value in values if type(value) is list)))
        if dict in kinds:
            self._look_inside([value for value in values if type(value) is dict])

    def _look_inside(self, objects: list[dict[str, Any]]) -> None:
        shapes = dict.fromkeys(map(tuple, objects))
        for keys in shapes:
            names = frozenset(keys)
            self.shape = names if self.shape is None else self.shape
            self.ragged |= names != self.shape
            self.speaking &= "role" in names or "from" in names
        if self.ragged and not self._nested():
            return
        for key in chain.from_iterable(shapes):
            self.keys.setdefault(key, Seen(self.depth + 1))
        for key, seen in self.keys.items():
            seen.look([value[key] for value in objects if key in value])

    def _nested(self) -> bool:
        """Rows themselves, and the messages of a column's list."""
        return self.depth == 0 or (self.depth == 2 and self.speaking)

    def merge(self, other: "Seen") -> None:
        """Take in all that another one has seen."""
        self.kinds |= other.kinds
        self.nulls |= other.nulls
        self.widest = max(self.widest, other.widest)
        self.ragged |= other.ragged or (
            self.shape is not None and other.shape is not None and self.shape != other.shape
        )
        self.speaking &= other.speaking
        self.dates |= other.dates
        self.json_like |= other.json_like
        self.shape = self.shape if self.shape is not None else other.shape
        if other.items is not None:
            self.items = self.items or Seen(self.depth + 1)
            self.items.merge(other.items)
        for key, seen in other.keys.items():
            self.keys.setdefault(key, Seen(self.depth + 1)).merge(seen)

    @property
    def huge(self) -> bool:
        """An integer beyond 64 bits is in here."""
        below = [*self.keys.values(), *([self.items] if self.items else [])]
        return self.widest >= _UINT64 or any(seen.huge for seen in below)

    def conflicts(self, other: "Seen") -> bool:
        """One type for both would make JSON text of values that have types of their own."""
        alone = (arrow_type(self), arrow_type(other))
        both = Seen(self.depth)
        both.merge(self)
        both.merge(other)
        scalar = not (self.kinds | other.kinds) & {list, dict}
        return scalar and is_json(arrow_type(both)) and not any(map(is_json, alone))


def arrow_type(seen: Seen, name: str = "") -> "pa.DataType":
    """The type of a column."""
    import pyarrow as pa

    kind, _ = _type(seen, exact=False, listed=name in _CALLS)
    return kind if _leaves(kind) <= MAX_LEAVES else pa.json_()


def _leaves(kind: "pa.DataType") -> int:
    return sum(_leaves(kind.field(i).type) for i in range(kind.num_fields)) if kind.num_fields else 1


def _type(seen: Seen, *, exact: bool, listed: bool) -> "tuple[pa.DataType, bool]":
    """The type, and whether it is at home in what surrounds it.

    A scalar that has to be JSON text is not: in the object or list around it, it would have to be unwrapped one by one,
    so that one becomes JSON text as a whole. `exact`: an integer must not become a float. `listed`: the reader takes
    a null key of a struct for padding, so that an object with a null of its own cannot be one.
    """
    import pyarrow as pa

    kinds = seen.kinds
    if seen.depth > MAX_DEPTH and kinds & {list, dict}:
        return pa.json_(), True
    if not kinds or kinds == {str}:
        return pa.string(), True  # not every reader has a type for nothing but nulls
    if kinds == {bool}:
        return pa.bool_(), True
    if kinds == {int} and seen.widest < _INT64:
        return pa.int64(), True
    if kinds == {float} or (kinds == {int, float} and seen.widest <= _EXACT and not exact):
        return pa.float64(), True
    if kinds == {list} and seen.items is not None:
        item, home = _type(seen.items, exact=exact, listed=True)
        return (pa.list_(pa.field("element", item)) if home and not is_json(item) else pa.json_()), True
    if kinds == {dict}:
        messages = seen.depth == 2 and seen.speaking
        void = listed and any(below.nulls for below in seen.keys.values())
        if not seen.keys or ((seen.ragged or void) and not messages):
            return pa.json_(), True
        fields = {
            key: _type(below, exact=not messages, listed=listed or key in _CALLS) for key, below in seen.keys.items()
        }
        if not messages and not all(home for _, home in fields.values()):
            return pa.json_(), True
        return pa.struct([(key, kind) for key, (kind, _) in fields.items()]), True
    return pa.json_(), False


def is_json(kind: "pa.DataType") -> bool:
    """Whether values of the type are JSON text."""
    return getattr(kind, "extension_name", None) == "arrow.json"


def arrow_field(name: str, seen: Seen, kind: "pa.DataType | None" = None) -> "pa.Field":
    """A column; `kind` if its type is known already."""
    import pyarrow as pa

    if seen.huge:
        return pa.field(name, pa.string(), metadata=JSON_TEXT)
    return pa.field(name, kind or arrow_type(seen, name))


def agreed(files: Iterable[Seen]) -> "list[pa.Schema]":
    """The schemas of several files, with one type for all where files of the same columns can share it.

    `load_dataset` reads train and validation files with one schema; an object column must not be a struct in the one
    and JSON text in the other. Scalar columns keep their own types if sharing would turn them into JSON text.
    """
    import pyarrow as pa

    some = list(files)
    merged = together(some)
    return [
        pa.schema(
            [
                arrow_field(key, below, None if whole is None else arrow_type(whole, key))
                for (key, below), whole in zip(seen.keys.items(), columns, strict=True)
            ]
        )
        for seen, columns in zip(some, merged, strict=True)
    ]


def together(files: Sequence[Seen]) -> list[list[Seen | None]]:
    """Of each column of each file: what stood there in all files of the same columns; None where types conflict."""
    groups: dict[frozenset[str], list[Seen]] = {}
    for seen in files:
        groups.setdefault(frozenset(seen.keys), []).append(seen)
    merged = {
        (names, name): _merged([seen.keys[name] for seen in group]) for names, group in groups.items() for name in names
    }
    return [[merged[frozenset(seen.keys), key] for key in seen.keys] for seen in files]


def _merged(columns: list[Seen]) -> Seen | None:
    whole = Seen(1)
    for seen in columns:
        if whole.kinds and seen.kinds and whole.conflicts(seen):
            return None
        whole.merge(seen)
    return whole
