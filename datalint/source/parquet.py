"""Parquet: rows in batches of bounded size, with the pages' check sums verified."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from datalint.source.storage import open_arrow
from datalint.source.stream import MAX_RECORD

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# Metadata of a file that `clean` wrote: row -> digest of its bytes as they were, for rows that are stored alike.
MARKS = b"datalint:marks"
BATCH_ROWS = 1024
BATCH_BYTES = 8 * 1024 * 1024
_PROBE = 16  # rows of a row group that are read first, to see how large they are


def parquet_schema(path: Path) -> "pa.Schema":
    """The Arrow schema with its metadata. Raises what pyarrow does for a damaged file."""
    import pyarrow.parquet as pq

    with open_arrow(path) as file:
        schema = pq.read_schema(file)
    return schema.with_metadata({k: v for k, v in (schema.metadata or {}).items() if k != MARKS} or None)


def parquet_batches(path: Path) -> "Iterator[pa.RecordBatch]":
    """The rows in order, in batches of about BATCH_BYTES and at most BATCH_ROWS. Raises what pyarrow does."""
    import pyarrow.parquet as pq

    with (
        open_arrow(path) as stream,
        pq.ParquetFile(stream, page_checksum_verification=True, pre_buffer=False) as file,
    ):
        for group in range(file.num_row_groups):
            yield from file.iter_batches(_batch_rows(file, group), row_groups=[group])


def marks_of(path: Path) -> Mapping[int, bytes]:
    """The marks of a file; a text that is none of ours is not looked at."""
    import pyarrow.parquet as pq

    with open_arrow(path) as file:
        told = (pq.read_metadata(file).metadata or {}).get(MARKS, b"{}")
    try:
        return msgspec.json.decode(told, type=dict[int, bytes])
    except msgspec.DecodeError:
        return {}


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
