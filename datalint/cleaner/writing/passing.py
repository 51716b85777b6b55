"""Rows of a Parquet or Arrow input, passed on as Arrow: what no rule rewrote is written exactly as it was read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from datalint.cleaner.stored.arrow import cells_of
from datalint.cleaner.stored.schema import Seen, arrow_field
from datalint.errors import OutputError
from datalint.fixes import same
from datalint.source.columnar import is_json_text

if TYPE_CHECKING:
    import pyarrow as pa

# Metadata that describes columns, and is wrong once these are others.
_DESCRIPTIONS = (b"huggingface", b"pandas")


def passed_schema(schema: "pa.Schema", seen: Seen, retyped: set[str]) -> "pa.Schema":
    """The input's schema; columns that rewrites made have the type of their values, columns that they took away go."""
    import pyarrow as pa

    fields = [
        arrow_field(field.name, seen.keys[field.name]) if field.name in retyped else field
        for field in schema
        if not seen.keys or field.name in seen.keys
    ]
    fields += [arrow_field(name, below) for name, below in seen.keys.items() if name not in schema.names]
    made = pa.schema(fields, metadata=schema.metadata or None)
    return made if made.equals(schema) else without_descriptions(made)


def refuse_unstorable(schema: "pa.Schema", name: str) -> None:
    """Raise OutputError for a column of a type that Arrow has and Parquet has not, such as unions and intervals."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for field in schema:
        try:
            pq.ParquetWriter(pa.MockOutputStream(), pa.schema([field])).close()
        except (pa.ArrowException, OSError) as error:
            what = f"{name}: column {field.name[:80]!r} has the type {str(field.type)[:200]}, which Parquet has not"
            raise OutputError(f"{what}; give it another type, or clean with --to jsonl") from error


def without_descriptions(schema: "pa.Schema") -> "pa.Schema":
    """The schema without metadata about its columns."""
    left = {key: value for key, value in (schema.metadata or {}).items() if key not in _DESCRIPTIONS}
    return schema.with_metadata(left or None)


class ArrowRows:
    """The rows of record batches, as many as are asked for, in order and in bounded memory."""

    def __init__(self, batches: "Iterator[pa.RecordBatch]") -> None:
        """None of the batches is empty."""
        self._batches = batches
        self._rest: pa.RecordBatch | None = None

    def take(self, count: int) -> "pa.RecordBatch":
        """The next `count` rows. Raises StopIteration if there are fewer."""
        import pyarrow as pa

        parts: list[pa.RecordBatch] = []
        while count:
            batch = self._rest if self._rest is not None else next(self._batches)
            parts.append(batch.slice(0, count))
            self._rest = batch.slice(count) if batch.num_rows > count else None
            count -= parts[-1].num_rows
        return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


def passed(
    batch: "pa.RecordBatch",
    before: Sequence[Mapping[str, Any] | None],
    after: Sequence[Mapping[str, Any] | None],
    changed: Sequence[int],
    schema: "pa.Schema",
) -> "pa.RecordBatch":
    """The rows of a batch that are kept, with the cells that were rewritten in place of those that were read.

    `before` and `after` are the batch's rows as read and as repaired (None: left out), `changed` the rewritten ones.
    """
    import pyarrow as pa

    kept = np.array([at for at, row in enumerate(after) if row is not None], dtype=np.int64)
    arrays = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        if at < 0 or not alike(batch.schema.field(at), field):
            arrays.append(cells_of([(after[row] or {}).get(field.name) for row in kept.tolist()], field))
            continue
        array = batch.column(at)
        new = [row for row in changed if not _equal(before[row], after[row], field.name)]
        order = np.arange(len(array), dtype=np.int64)
        if new:
            order[new] = len(array) + np.arange(len(new))
            cells = cells_of([(after[row] or {}).get(field.name) for row in new], field)
            array = pa.concat_arrays([array, cells])
        whole = len(kept) == len(order) and not new
        arrays.append(array if whole else array.take(pa.array(order[kept])))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def alike(one: "pa.Field", other: "pa.Field") -> bool:
    """Whether columns hold their values in the same way."""
    return one.type == other.type and is_json_text(one) == is_json_text(other)


def _equal(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, name: str) -> bool:
    return same((before or {}).get(name), (after or {}).get(name))
