"""A Parquet or Arrow input again: the rows as they were written, but for those that were removed or changed."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datalint.cleaner.restoring.kept import Notes, written_batches
from datalint.cleaner.stored.arrow import cells_of, rows_of
from datalint.cleaner.stored.manifest import FileEntry
from datalint.cleaner.stored.originals import unpacked_rows, unpacked_schema
from datalint.cleaner.stored.tables import Writer
from datalint.cleaner.writing.passing import alike
from datalint.cleaner.writing.survey import row_digest
from datalint.errors import InputError
from datalint.source import open_source
from datalint.source.storage import create_arrow

if TYPE_CHECKING:
    import pyarrow as pa


def write_rows(entries: Sequence[FileEntry], folder: Path, path: Path, notes: Notes) -> str:
    """Write a file with the schema and the rows that an input had; returns the sha256 of its rows.

    Raises InputError if there are fewer than the manifest says.
    """
    import pyarrow as pa

    entry = entries[0]
    removed = {row for row, _ in notes.removed(entry.input)}
    originals = notes.originals(entry.input)
    first = next(originals, None)
    if first is None or first[1] != "schema":
        raise InputError(f"{folder}: the schema of {entry.input} is missing; the folder was changed")
    schema = unpacked_schema(first[2])
    writer = Writer(path, schema) if entry.container == "parquet" else ArrowFile(path, schema, entry.container)
    try:
        rows = _Rows(written_batches(folder, entries), schema, writer, f"{folder}: {entry.input}")
        for _, _, raw in originals:
            numbers, batch = unpacked_rows(raw)
            batch = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
            for at, number in enumerate(numbers):
                rows.pass_on(number)
                writer.write(batch.slice(at, 1))
                rows.row += 1
                if number not in removed:  # changed: its new form is among the rows written
                    rows.some(1)
        rows.pass_on(sum(entry.rows_in for entry in entries))
        writer.close()
    except BaseException:
        writer.abort()
        raise
    found = hashlib.sha256()
    for block in open_source(path, name=entry.relative).blocks():
        for value in block.values:
            found.update(row_digest(value))
    return found.hexdigest()


class ArrowFile:
    """An Arrow IPC file, or with the container "arrow-stream" a stream, which is what `save_to_disk` writes."""

    def __init__(self, path: Path, schema: "pa.Schema", container: str) -> None:
        """Open the file."""
        import pyarrow as pa

        self._sink = create_arrow(path)
        new = pa.ipc.new_stream if container == "arrow-stream" else pa.ipc.new_file
        self._file = new(self._sink, schema)

    def write(self, batch: "pa.RecordBatch") -> None:
        """Take a batch of the schema."""
        self._file.write_batch(batch)

    def close(self) -> None:
        """Write the end."""
        self._file.close()
        self._sink.close()

    def abort(self) -> None:
        """Let go of the file; what is in it does not matter any more."""
        with suppress(OSError):
            self._sink.close()


@dataclass
class _Rows:
    """The rows that were written, as many as are asked for."""

    source: "Iterator[pa.RecordBatch]"
    schema: "pa.Schema"
    writer: "Writer | ArrowFile"
    where: str
    row: int = 0
    _rest: "pa.RecordBatch | None" = None

    def some(self, count: int) -> "pa.RecordBatch":
        """At most so many of the next ones."""
        if self._rest is None or not self._rest.num_rows:
            self._rest = next(self.source, None)
            if self._rest is None:
                raise InputError(f"{self.where} has fewer rows than the manifest says; the folder was changed")
        found, self._rest = self._rest.slice(0, count), self._rest.slice(min(count, self._rest.num_rows))
        return found

    def pass_on(self, upto: int) -> None:
        """Write the rows up to `upto`, which were neither removed nor changed."""
        while self.row < upto:
            batch = self.some(upto - self.row)
            self.writer.write(_as(batch, self.schema))
            self.row += batch.num_rows


def _as(batch: "pa.RecordBatch", schema: "pa.Schema") -> "pa.RecordBatch":
    """The batch in the input's columns; a column that was given another type goes through its values."""
    import pyarrow as pa

    arrays = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        if at >= 0 and alike(batch.schema.field(at), field):
            arrays.append(batch.column(at))
        else:
            rows = rows_of(batch.select([field.name])) if at >= 0 else []
            arrays.append(cells_of([row[field.name] for row in rows] or [None] * batch.num_rows, field))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
