"""originals.parquet: what `restore` needs and cannot derive from the rows that were written.

    kind    row                             raw
    gap     index of the record behind it   bytes between two records, where they are not the usual ones
    row     index of the record             the record's bytes, where writing the row again does not give them
    schema  0                               of a Parquet input: its Arrow schema
    rows    index of the first              of a Parquet input: the removed and changed rows of a batch (Arrow IPC)
    file    number of the piece             a file that cannot be rebuilt from records, in pieces

The lines of a file stand together, in the order of its records.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from datalint.cleaner.stored.tables import Ledger
from datalint.source import Block
from datalint.source.storage import open_bytes

if TYPE_CHECKING:
    import pyarrow as pa

PIECE = 4 << 20
_ROWS = b"datalint:rows"


@dataclass
class Gaps:
    """The bytes around the records of one file, and those of them that are not the usual ones."""

    usual: bytes | None = None  # between two records; the first one seen
    row: int = 0
    _pending: bytes = b""

    def of(self, block: Block) -> Iterator[tuple[int, bytes]]:
        """(index of the record behind it, bytes) of the odd gaps of a block."""
        if not len(block):
            self._pending += bytes(block.data)
            return
        starts, ends = block.starts, block.ends
        first = self._pending + bytes(block.data[: starts[0]])
        if self.usual is None:
            self._learn(block, first)
        if first != (b"" if self.row == 0 else self.usual):
            yield self.row, first
        for at in self._odd(block):
            yield self.row + at, bytes(block.data[ends[at - 1] : starts[at]])
        self._pending = bytes(block.data[ends[-1] :])
        self.row += len(block)

    def end(self) -> Iterator[tuple[int, bytes]]:
        """The same, of what is behind the last record; without any record, of the whole file."""
        if self._pending != (b"" if self.row == 0 else self.usual or b"\n"):
            yield self.row, self._pending

    def _learn(self, block: Block, first: bytes) -> None:
        if self.row:
            self.usual = first
        elif len(block) > 1:
            self.usual = bytes(block.data[block.ends[0] : block.starts[1]])
        if self.usual is not None and not _is_text(self.usual):
            self.usual = b"\n"

    def _odd(self, block: Block) -> list[int]:
        """Indices of records in the block, the first one excepted, before which something unusual stands."""
        if len(block) < 2:
            return []
        usual = self.usual or b"\n"
        starts, ends = block.starts[1:], block.ends[:-1]
        odd = starts - ends != len(usual)
        fit = np.flatnonzero(~odd)
        if len(fit):
            buffer = np.frombuffer(block.data, np.uint8)
            wanted = np.frombuffer(usual, np.uint8)
            found = buffer[ends[fit][:, None] + np.arange(len(usual))]
            odd[fit] = (found != wanted).any(axis=1)
        return (np.flatnonzero(odd) + 1).tolist()


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def keep_file(ledger: Ledger, label: str, path: Path) -> None:
    """A whole file as it lies on the disk."""
    with open_bytes(path) as stream:
        number = 0
        while piece := stream.read(PIECE):
            ledger.add(label, number, "file", piece)
            number += 1


def packed_rows(batch: "pa.RecordBatch", rows: list[int]) -> bytes:
    """Rows of a Parquet input (`rows`: their indices in the file) as an Arrow IPC stream."""
    import pyarrow as pa

    numbered = batch.replace_schema_metadata({**(batch.schema.metadata or {}), _ROWS: msgspec.json.encode(rows)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, numbered.schema) as stream:
        stream.write_batch(numbered)
    return bytes(sink.getvalue())


def unpacked_rows(raw: bytes) -> "tuple[list[int], pa.RecordBatch]":
    """The inverse of packed_rows. Raises ValueError or an ArrowException for bytes that are no such."""
    import pyarrow as pa

    with _readable(), pa.ipc.open_stream(raw) as stream:
        batch = stream.read_next_batch()
    for column in batch.columns:
        # Somebody may have made these bytes. That text is UTF-8 is not asked: such rows are kept here for not being it.
        column.view(_as_bytes(column.type)).validate(full=True)
    metadata: Mapping[bytes, bytes] = batch.schema.metadata or {}
    return msgspec.json.decode(metadata[_ROWS], type=list[int]), batch


def unpacked_schema(raw: bytes) -> "pa.Schema":
    """The schema of a Parquet input. Raises ValueError or an ArrowException for bytes that are none."""
    import pyarrow as pa

    with _readable():
        return pa.ipc.read_schema(pa.py_buffer(raw))


@contextmanager
def _readable() -> Iterator[None]:
    """pyarrow calls it a fault of the disk if bytes in memory are no Arrow."""
    try:
        yield
    except OSError as error:
        raise ValueError(str(error)) from error


def _as_bytes(kind: "pa.DataType") -> "pa.DataType":
    """The type with bytes in place of text."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _as_bytes(kind.storage_type)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_as_bytes(field.type)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return make(kind.value_field.with_type(_as_bytes(kind.value_type)))
    return {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}.get(kind, kind)
