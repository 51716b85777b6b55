"""Sources that hold columns: Arrow batches as blocks of rows, whatever container they come from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from datalint.source.block import EMPTY, Block, Fault
from datalint.source.columnar import rows_of
from datalint.source.decode import Undecodable
from datalint.source.ipc import arrow_batches, arrow_schema
from datalint.source.parquet import marks_of, parquet_batches, parquet_schema
from datalint.source.sharing import weight
from datalint.source.strict import quote

if TYPE_CHECKING:
    import pyarrow as pa


class _Form(NamedTuple):
    title: str
    schema: "Callable[[Path], pa.Schema]"
    batches: "Callable[[Path], Iterator[pa.RecordBatch]]"
    marks: Callable[[Path], Mapping[int, bytes]] = lambda _: {}


_FORMS = {
    "parquet": _Form("Parquet", parquet_schema, parquet_batches, marks_of),
    "arrow": _Form("Arrow", arrow_schema, arrow_batches),
    "arrow-stream": _Form("Arrow", arrow_schema, arrow_batches),
}


@dataclass(frozen=True)
class ColumnSource:
    """A Parquet file, an Arrow file or an Arrow stream."""

    path: Path
    container: str
    notes: tuple[Fault, ...] = ()
    compression: None = None
    encoding: str = "utf-8"

    @property
    def schema(self) -> "pa.Schema | None":
        """The Arrow schema with its metadata; None if the file cannot be read."""
        import pyarrow as pa

        try:
            return _FORMS[self.container].schema(self.path)
        except (OSError, ValueError, pa.ArrowException):
            return None

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """The rows in order, in batches of bounded size; none of them is empty. Raises what pyarrow does."""
        return (batch for batch in _FORMS[self.container].batches(self.path) if batch.num_rows)

    def blocks(self) -> Iterator[Block]:
        """The rows in order."""
        import pyarrow as pa

        row, notes = 0, self.notes
        undecodable = Undecodable()
        faults: tuple[Fault, ...] = ()
        form = _FORMS[self.container]
        try:
            marks = form.marks(self.path)
            for batch in self.batches():
                block = _block(batch, row, undecodable, notes, marks)
                row, notes = row + len(block), ()
                yield block
        except (OSError, ValueError, LookupError, MemoryError, RecursionError, pa.ArrowException) as fault:
            message = quote((str(fault).splitlines() or [type(fault).__name__])[0], 120)[1:-1]
            told = f"rows from {row} on cannot be read" if row else "not one row can be read"
            faults = (Fault("FMT015", None, None, f"damaged {form.title} file, {told}: {message}"),)
        faults += undecodable.faults()
        if not row and not faults:
            faults = (Fault("FMT015", None, None, "the file holds no row"),)
        if faults:
            yield Block(row, [], None, b"", EMPTY, EMPTY, faults)


def _block(
    batch: "pa.RecordBatch",
    row: int,
    undecodable: Undecodable,
    notes: tuple[Fault, ...],
    marks: Mapping[int, bytes],
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
    return Block(row, values, None, b"", zeros, zeros, notes, unreadable, here, weight(batch))
