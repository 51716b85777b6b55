"""Parquet files that are written and read a few rows at a time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from datalint.source.parquet import MARKS
from datalint.source.storage import create_arrow, open_arrow

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_BYTES = 32 << 20
GROUP_ROWS = 1 << 17
_PROBE = 16
_ROWS = 1024
_BYTES = 8 << 20


class Writer:
    """Record batches into row groups of a useful size. Same rows, same bytes."""

    def __init__(self, path: Path, schema: "pa.Schema") -> None:
        """Open the file. Pages have check sums: most flipped bits change data without an error otherwise."""
        import pyarrow.parquet as pq

        self.schema = schema
        self.rows = 0
        self._waiting: list[pa.RecordBatch] = []
        self._held = self._count = 0
        self._sink = create_arrow(path)
        try:
            self._file = pq.ParquetWriter(self._sink, schema, compression="zstd", write_page_checksum=True)
        except BaseException:
            self._closed()
            raise

    def write(self, batch: "pa.RecordBatch") -> None:
        """Take a batch of the schema."""
        if not batch.num_rows:
            return
        self._waiting.append(batch)
        self._held += batch.nbytes
        self._count += batch.num_rows
        if self._held >= GROUP_BYTES or self._count >= GROUP_ROWS:
            self._flush()

    def close(self, marks: Mapping[int, bytes] = MappingProxyType({})) -> None:
        """Write what is waiting, the marks of rows that are stored alike, and the footer."""
        self._flush()
        if marks:
            self._file.add_key_value_metadata({MARKS: msgspec.json.encode(marks)})
        self._file.close()
        self._sink.close()

    def abort(self) -> None:
        """Let go of the file; what is in it does not matter any more. Never fails: others are let go of after it."""
        self._waiting.clear()
        self._file.is_open = False  # pyarrow closes it otherwise when it is collected, and prints what fails then
        self._closed()

    def _closed(self) -> None:
        with suppress(OSError):
            self._sink.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._file.write_table(pa.Table.from_batches(self._waiting, self.schema))
            self.rows += self._count
            self._waiting, self._held, self._count = [], 0, 0


class Ledger:
    """A table of few columns, row by row."""

    def __init__(self, path: Path, schema: "pa.Schema") -> None:
        """Open the file."""
        self._writer = Writer(path, schema)
        self._rows: list[Sequence[Any]] = []
        self._held = 0

    def add(self, *cells: Any) -> None:
        """One more row."""
        self._rows.append(cells)
        self._held += 64 + sum(len(cell) for cell in cells if isinstance(cell, (bytes, str)))
        if self._held >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the rest."""
        self._flush()
        self._writer.close()

    def abort(self) -> None:
        """Let go of the file."""
        self._writer.abort()

    @property
    def rows(self) -> int:
        """Rows written, once closed."""
        return self._writer.rows

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            columns = zip(*self._rows, strict=True)
            schema = self._writer.schema
            arrays = [pa.array(list(cells), type=field.type) for cells, field in zip(columns, schema, strict=True)]
            self._writer.write(pa.RecordBatch.from_arrays(arrays, schema=schema))
            self._rows, self._held = [], 0


def read_batches(path: Path, columns: Sequence[str] | None = None) -> "Iterator[pa.RecordBatch]":
    """The rows of a file in batches of bounded size, with the check sums of its pages verified."""
    import pyarrow.parquet as pq

    with open_arrow(path) as stream, pq.ParquetFile(stream, page_checksum_verification=True, pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            # What a row takes is not in the metadata: a dictionary lets a few bytes stand for megabytes.
            probe = next(file.iter_batches(_PROBE, row_groups=[group], columns=columns), None)
            if probe is None or not probe.num_rows:
                continue
            size = max(1, min(_ROWS, _BYTES // max(1, probe.nbytes // probe.num_rows)))
            batches = file.iter_batches(size, row_groups=[group], columns=columns)
            yield from (batch for batch in batches if batch.num_rows)


def removed_schema() -> "pa.Schema":
    """removed.parquet: what is in no data file, with its exact bytes."""
    import pyarrow as pa

    return pa.schema(
        [
            ("file", pa.string()),
            ("row", pa.int64()),
            ("line", pa.int64()),
            ("rules", pa.list_(pa.string())),
            ("reason", pa.string()),
            ("raw", pa.binary()),
        ]
    )


def changes_schema() -> "pa.Schema":
    """changes.parquet: every value that a rewrite changed. Text as it is, anything else as JSON."""
    import pyarrow as pa

    names = ("file", "row", "rule", "pointer", "before", "after")
    return pa.schema([(name, pa.int64() if name == "row" else pa.string()) for name in names])


def originals_schema() -> "pa.Schema":
    """originals.parquet: what `restore` cannot derive. See datalint.cleaner.stored.originals for the kinds."""
    import pyarrow as pa

    return pa.schema([("file", pa.string()), ("row", pa.int64()), ("kind", pa.string()), ("raw", pa.binary())])
