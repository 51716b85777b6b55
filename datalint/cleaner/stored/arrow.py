"""Rows to Arrow and back. Values of the type `arrow.json` are JSON text there, and values here."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from datalint.cleaner.stored.schema import is_json
from datalint.source.columnar import is_json_text

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
Convert = Callable[[Any], Any]

_ENCODER = msgspec.json.Encoder(decimal_format="string")


def batch_of(rows: Sequence[Mapping[str, Any]], schema: "pa.Schema") -> "pa.RecordBatch":
    """Rows as a record batch; a column that a row does not have is null.

    Raises pyarrow.ArrowException (or a Python conversion error) for a value that its column's type does not hold.
    """
    import pyarrow as pa

    arrays = [cells_of([row.get(field.name) for row in rows], field) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def cells_of(values: list[Any], field: "pa.Field") -> "pa.Array":
    """Values of one column as an array for the field."""
    if is_json_text(field):
        values = [None if value is None else _encoded(value) for value in values]
    return column_of(values, field.type)


def column_of(values: list[Any], kind: "pa.DataType") -> "pa.Array":
    """Values of one column as an array of the type."""
    import pyarrow as pa

    encode = _through(kind, _encoded)
    if encode is not None:
        values = [None if value is None else encode(value) for value in values]
    stored = storage_of(kind)
    array = pa.array(values, type=stored)
    return array if stored == kind else array.cast(kind)


def rows_of(batch: "pa.RecordBatch") -> list[Row]:
    """The rows of a batch; every row has every column, structs have all their keys."""
    columns = []
    for field, array in zip(batch.schema, batch.columns, strict=True):
        decode = msgspec.json.decode if is_json_text(field) else _through(field.type, msgspec.json.decode)
        values = array.to_pylist()
        columns.append(values if decode is None else [None if v is None else decode(v) for v in values])
    names = batch.schema.names
    return (
        [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
        if columns
        else [{} for _ in range(batch.num_rows)]
    )


def storage_of(kind: "pa.DataType") -> "pa.DataType":
    """The type with strings in place of JSON text, which is how such values can be built."""
    import pyarrow as pa

    if is_json(kind):
        return kind.storage_type
    if pa.types.is_struct(kind):
        fields = [field.with_type(storage_of(field.type)) for field in kind]
        return kind if all(a.type == b.type for a, b in zip(fields, kind, strict=True)) else pa.struct(fields)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = kind.value_field.with_type(storage_of(kind.value_type))
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return kind if inner.type == kind.value_type else make(inner)
    return kind


def _encoded(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def _through(kind: "pa.DataType", convert: Convert) -> Convert | None:
    """What applies `convert` to the JSON places of a value of the type; None where there are none."""
    import pyarrow as pa

    if is_json(kind):
        return convert
    if pa.types.is_struct(kind):
        inner = {field.name: made for field in kind if (made := _through(field.type, convert))}
        return (lambda value: _in_struct(value, inner)) if inner else None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        item = _through(kind.value_type, convert)
        return (lambda value: [None if one is None else item(one) for one in value]) if item else None
    return None


def _in_struct(value: Mapping[str, Any], inner: Mapping[str, Convert]) -> Row:
    made = dict(value)
    for key, convert in inner.items():
        if made.get(key) is not None:
            made[key] = convert(made[key])
    return made


def without_padding(kind: "pa.DataType", *, keep: frozenset[str]) -> Convert | None:
    """What takes the null keys (but for those in `keep`) out of the structs of a value; None without structs.

    JSON text holds only the keys that were there, so what lies in it is left alone.
    """
    import pyarrow as pa

    if pa.types.is_struct(kind):
        inner = {field.name: made for field in kind if (made := without_padding(field.type, keep=keep))}

        def trimmed(value: Mapping[str, Any]) -> Mapping[str, Any]:
            if not inner and None not in value.values():
                return value
            return {
                key: inner[key](item) if item is not None and key in inner else item
                for key, item in value.items()
                if item is not None or key in keep
            }

        return trimmed
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        one = without_padding(kind.value_type, keep=keep)
        return (lambda value: [None if item is None else one(item) for item in value]) if one else None
    return None
