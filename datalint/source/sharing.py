"""Arrow columns in which one value in memory stands for any number of rows: dictionaries, runs, views.

What their values take once each stands by itself, and the same columns in types that every reader of Parquet knows.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def weight(batch: "pa.RecordBatch") -> int:
    """Bytes of all rows, each by itself; an upper bound where a type shares values."""
    return sum(_weight(column) if _shares(column.type) else int(column.nbytes) for column in batch.columns)


def plain_schema(schema: "pa.Schema") -> "pa.Schema":
    """The schema without runs and views; dictionaries stay."""
    import pyarrow as pa

    return pa.schema([field.with_type(_plain_type(field.type)) for field in schema], metadata=schema.metadata)


def plain_batch(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """The batch in the types of `plain_schema`."""
    import pyarrow as pa

    schema = plain_schema(batch.schema)
    if schema == batch.schema:
        return batch
    columns = []
    for column, field in zip(batch.columns, schema, strict=True):
        if column.type == field.type:
            columns.append(column)
        elif _is_view(column.type):
            columns.append(column.cast(field.type))
        else:
            # pyarrow 26 has no cast for runs, and one for list views that drops elements
            columns.append(pa.array(column.to_pylist(), field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain_type(kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return kind
    if types.is_run_end_encoded(kind):
        return _plain_type(kind.value_type)
    if types.is_string_view(kind):
        return pa.string()
    if types.is_binary_view(kind):
        return pa.binary()
    if types.is_dictionary(kind) and _is_view(kind.value_type):
        return pa.dictionary(pa.int32(), _plain_type(kind.value_type), ordered=kind.ordered)
    if types.is_list(kind) or types.is_list_view(kind):
        return pa.list_(kind.value_field.with_type(_plain_type(kind.value_type)))
    if types.is_large_list(kind) or types.is_large_list_view(kind):
        return pa.large_list(kind.value_field.with_type(_plain_type(kind.value_type)))
    if types.is_struct(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        return pa.struct([field.with_type(_plain_type(field.type)) for field in fields])
    return kind


def _is_view(kind: "pa.DataType") -> bool:
    """Strings and bytes as views, in a dictionary or not: pyarrow casts these."""
    import pyarrow as pa

    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string_view(inner) or pa.types.is_binary_view(inner))


def _shares(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _shares(kind.storage_type)
    tests = (types.is_dictionary, types.is_run_end_encoded, types.is_list_view, types.is_large_list_view, _is_view)
    return any(test(kind) for test in tests) or any(_shares(kind.field(i).type) for i in range(kind.num_fields))


def _weight(array: "pa.Array") -> int:
    import pyarrow as pa

    kind, types = array.type, pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _weight(array.storage)
    if types.is_dictionary(kind):
        return len(array) * _heaviest(array.dictionary)
    if types.is_run_end_encoded(kind):
        return len(array) * _heaviest(array.values)
    if _is_view(kind):
        return _lengths(array)[0]
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return int(np.sum(array.sizes.to_numpy(), dtype=np.int64)) * _heaviest(array.values)
    if types.is_struct(kind):
        return sum(_weight(array.field(i)) for i in range(kind.num_fields))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _weight(array.values)
    return int(array.nbytes)


def _heaviest(values: "pa.Array") -> int:
    """Bytes that one of the values may have."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = values.type, pa.types
    if _is_view(kind):
        return _lengths(values)[1]
    if types.is_string(kind) or types.is_binary(kind) or types.is_large_string(kind) or types.is_large_binary(kind):
        return int(pc.max(pc.binary_length(values)).as_py() or 0)
    return _weight(values) if kind.num_fields else 8


def _lengths(array: "pa.Array") -> tuple[int, int]:
    """The sum and the largest of the lengths of string views: of each 16 bytes the first four."""
    views = array.buffers()[1]
    if views is None or not len(array):
        return 0, 0
    lengths = np.frombuffer(views, np.int32)[::4][array.offset : array.offset + len(array)]
    return int(lengths.sum(dtype=np.int64)), int(lengths.max())
