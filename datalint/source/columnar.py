"""Arrow columns to Python values, a column at a time, and rows as they were before Arrow stored them.

Arrow gives every struct of a column the same fields. A key that one message has and another lacks therefore
comes back as null: inside of lists (messages, tools, calls) such keys are left out again.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from datalint.source.brackets import depth_of
from datalint.source.strict import MAX_DEPTH

if TYPE_CHECKING:
    import pyarrow as pa

# Structs of these columns differ from row to row even where they are not in a list.
_LOOSE = frozenset({"function", "function_call", "tool_calls", "tools"})
# A null here is said on purpose: an assistant turn that only calls tools has the content null.
_KEPT = frozenset({"content", "value"})
_SPEAKER = frozenset({"role", "from"})
# Metadata of a string column that holds JSON which other readers of `arrow.json` could not decode.
JSON_TEXT = {b"datalint:type": b"json"}


def rows_of(batch: "pa.RecordBatch") -> list[dict[str, Any]]:
    """The rows of a batch. Raises UnicodeDecodeError for text that is not UTF-8."""
    names = batch.schema.names
    columns = [
        _parsed(column.to_pylist()) if is_json_text(field) else _values(column, loose=field.name in _LOOSE)
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]
    if not columns:
        return [{} for _ in range(batch.num_rows)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def is_json_text(field: "pa.Field") -> bool:
    """Whether a plain string column holds JSON."""
    return JSON_TEXT.items() <= (field.metadata or {}).items()


def _values(array: "pa.Array", *, loose: bool) -> list[Any]:
    import pyarrow as pa

    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        inner = _values(array.storage, loose=loose)
        return _parsed(inner) if kind.extension_name == "arrow.json" else inner
    if _counts_nanoseconds(kind):
        # As text where microseconds would lose something, whether pandas (with times of its own) is there or not.
        try:
            return list(
                array.cast(
                    pa.timestamp("us", kind.tz) if pa.types.is_timestamp(kind) else pa.duration("us")
                ).to_pylist()
            )
        except (ValueError, OverflowError, LookupError, pa.ArrowException):
            return list(array.cast(pa.string()).to_pylist())
    nested = pa.types.is_struct(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not _is_special(array, loose=loose):
        try:
            return list(array.to_pylist())
        except UnicodeDecodeError:
            raise
        except (ValueError, OverflowError, LookupError, pa.ArrowException):
            # nanoseconds, or a date that Python's calendar or zones do not have
            if not nested:
                return list(array.cast(pa.string()).to_pylist())
    return _structs(array, loose=loose) if pa.types.is_struct(kind) else _lists(array)


def _counts_nanoseconds(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool((pa.types.is_timestamp(kind) or pa.types.is_duration(kind)) and kind.unit == "ns")


def _is_special(array: "pa.Array", *, loose: bool) -> bool:
    """Whether Arrow's own conversion, much the fastest, would give other values than were stored."""
    import pyarrow as pa

    kind = array.type
    if isinstance(kind, pa.BaseExtensionType) or _counts_nanoseconds(kind):
        return True
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _is_special(array.values, loose=True)
    if not pa.types.is_struct(kind):
        return False
    fields = [(array.field(i), loose or kind.field(i).name in _LOOSE) for i in range(kind.num_fields)]
    return any((inside and child.null_count) or _is_special(child, loose=inside) for child, inside in fields)


def _lists(array: "pa.Array") -> list[Any]:
    offsets = array.offsets.to_numpy().tolist()
    first = offsets[0]
    values = _values(array.values.slice(first, offsets[-1] - first), loose=True)
    lists = [values[start - first : end - first] for start, end in pairwise(offsets)]
    return _masked(lists, array)


def _structs(array: "pa.StructArray", *, loose: bool) -> list[Any]:
    names = [field.name for field in array.type]
    children = [
        _values(child, loose=loose or name in _LOOSE) for name, child in zip(names, array.flatten(), strict=True)
    ]
    if not children:
        return _masked([{} for _ in range(len(array))], array)
    if not loose:
        rows = [dict(zip(names, row, strict=True)) for row in zip(*children, strict=True)]
    else:
        kept = _KEPT if _SPEAKER.intersection(names) else frozenset()
        rows = [
            {name: value for name, value in zip(names, row, strict=True) if value is not None or name in kept}
            for row in zip(*children, strict=True)
        ]
    return _masked(rows, array)


def _masked(values: list[Any], array: "pa.Array") -> list[Any]:
    if not array.null_count:
        return values
    return [value if valid else None for value, valid in zip(values, array.is_valid().to_pylist(), strict=True)]


def _parsed(texts: Sequence[Any]) -> list[Any]:
    decoder = msgspec.json.Decoder[Any]()
    values: list[Any] = []
    for text in texts:
        try:
            value = None if text is None else decoder.decode(text)
            deep = text is not None and len(text) > 2 * MAX_DEPTH and depth_of(text.encode("utf-8")) > MAX_DEPTH
            values.append(text if deep else value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            values.append(text)  # what another writer stored as JSON and is none
    return values
