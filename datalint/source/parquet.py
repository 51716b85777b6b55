"""Parquet: rows in batches of bounded size, with the pages' check sums verified."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from datalint.source.block import EMPTY, Block, Fault
from datalint.source.columnar import rows_of
from datalint.source.decode import Undecodable
from datalint.source.stream import MAX_RECORD
from datalint.source.strict import quote

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# Metadata of a file that `clean` wrote: row -> digest of its bytes as they were, for rows that are stored alike.
MARKS = b"datalint:marks"
BATCH_ROWS = 1024
BATCH_BYTES = 8 * 1024 * 1024
_PROBE = 16  # rows of a row group that are read first, to see how large they are


@dataclass(frozen=True)
class ParquetSource:
    """A Parquet file."""

    path: Path
    notes: tuple[Fault, ...] = ()
    container: str = "parquet"
    compression: None = None
    encoding: str = "utf-8"

    @property
    def schema(self) -> "pa.Schema | None":
        """The Arrow schema with its metadata; None if the file cannot be read."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            schema = pq.read_schema(self.path)
            return schema.with_metadata({k: v for k, v in (schema.metadata or {}).items() if k != MARKS} or None)
        except (OSError, ValueError, pa.ArrowException):
            return None

    def blocks(self) -> Iterator[Block]:
        """The rows in order."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        row, notes = 0, self.notes
        undecodable = Undecodable()
        faults: tuple[Fault, ...] = ()
        try:
            with pq.ParquetFile(self.path, page_checksum_verification=True, pre_buffer=False) as file:
                marks = _marks(file)
                for group in range(file.num_row_groups):
                    for batch in file.iter_batches(_batch_rows(file, group), row_groups=[group]):
                        if batch.num_rows:
                            block = _block(batch, row, undecodable, notes, marks)
                            row, notes = row + len(block), ()
                            yield block
        except (OSError, ValueError, LookupError, MemoryError, RecursionError, pa.ArrowException) as fault:
            message = quote((str(fault).splitlines() or [type(fault).__name__])[0], 120)[1:-1]
            told = f"rows from {row} on cannot be read" if row else "not one row can be read"
            faults = (Fault("FMT015", None, None, f"damaged Parquet file, {told}: {message}"),)
        faults += undecodable.faults()
        if not row and not faults:
            faults = (Fault("FMT015", None, None, "the file holds no row"),)
        if faults:
            yield Block(row, [], None, b"", EMPTY, EMPTY, faults)


def _batch_rows(file: "pq.ParquetFile", group: int) -> int:
    """How many rows of a row group take about BATCH_BYTES in memory.

    The metadata tells too little: a dictionary lets a few bytes of a page stand for megabytes. Raises ValueError
    for rows that are too large.
    """
    told = file.metadata.row_group(group)  # its columns are not asked: on damaged files pyarrow 26 aborts there
    size, rows = max(0, int(told.total_byte_size)), max(1, int(told.num_rows))
    if size > MAX_RECORD * rows:
        raise ValueError(f"rows of more than {MAX_RECORD >> 20} MiB")
    probe = max(1, min(_PROBE, 4 * MAX_RECORD // max(1, size)))
    batch = next(file.iter_batches(probe, row_groups=[group]), None)
    if batch is None or not batch.num_rows:
        return BATCH_ROWS
    row_bytes = max(1, size // rows, int(batch.nbytes) // int(batch.num_rows))
    return max(1, min(BATCH_ROWS, BATCH_BYTES // row_bytes))


def _marks(file: "pq.ParquetFile") -> dict[int, bytes]:
    """The marks of a file; a text that is none of ours is not looked at."""
    told = (file.metadata.metadata or {}).get(MARKS, b"{}")
    try:
        return msgspec.json.decode(told, type=dict[int, bytes])
    except msgspec.DecodeError:
        return {}


def _block(
    batch: "pa.RecordBatch",
    row: int,
    undecodable: Undecodable,
    notes: tuple[Fault, ...],
    marks: dict[int, bytes],
) -> Block:
    zeros = np.zeros(batch.num_rows, dtype=np.int64)
    unreadable: dict[int, str] = {}
    values: list[dict[str, Any] | None] = []
    try:
        values += rows_of(batch)
    except UnicodeDecodeError:
        for i in range(batch.num_rows):
            try:
                values += rows_of(batch.slice(i, 1))
            except UnicodeDecodeError as fault:
                byte = fault.object[fault.start]
                undecodable.add(None, f"0x{byte:02x} in row {row + i}")
                unreadable[i] = "FMT002"
                values.append(None)
    here = {i: marks[row + i] for i in range(batch.num_rows) if row + i in marks} if marks else {}
    return Block(row, values, None, b"", zeros, zeros, notes, unreadable, here)
