"""Rows of an input into its data files, and beside them what `restore` cannot make of these again.

Tables  a text file to Parquet
Passed  a Parquet file to Parquet
(datalint.cleaner.writing.lines: any file to JSON Lines)
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, Protocol

from datalint.cleaner.stored.arrow import batch_of, rows_of
from datalint.cleaner.stored.originals import Gaps, packed_rows
from datalint.cleaner.stored.style import Dump, SameStyle, Style, best, candidates, dumper
from datalint.cleaner.stored.tables import Ledger
from datalint.cleaner.writing.passing import ArrowRows, passed
from datalint.cleaner.writing.shards import Shards
from datalint.cleaner.writing.survey import Survey
from datalint.errors import OutputError
from datalint.fingerprint import canonical, without_nulls
from datalint.fixes import Repaired
from datalint.source import Block
from datalint.source.columnar import rows_of as read_rows

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
Marks = Mapping[int, bytes]  # index among the rows that are kept -> digest

PROVENANCE = ("source_file", "source_row")
SAMPLE_BYTES = 256 << 10
SAMPLE_ROWS = 64


@dataclass(frozen=True)
class Sink:
    """Where the rows of one input go, and under which name they are told."""

    label: str
    schema: "pa.Schema"  # of the rows; provenance not among it
    survey: Survey
    shards: Shards
    originals: Ledger
    provenance: bool = False

    def keep(self, row: int, kind: str, raw: bytes) -> None:
        """A line of originals.parquet."""
        self.originals.add(self.label, row, kind, raw)

    def write(self, batch: "pa.RecordBatch", rows: Sequence[int], marks: Marks) -> list[int]:
        """Write a batch of rows, with the columns that say where each comes from if asked for."""
        import pyarrow as pa

        if self.provenance:
            names = pa.array([self.label] * len(rows), type=pa.string())
            fields = [*batch.schema, *map(pa.field, PROVENANCE, (pa.string(), pa.int64()))]
            arrays = [*batch.columns, names, pa.array(rows, type=pa.int64())]
            batch = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
        return self.shards.write(batch, marks)

    def prove(self, block: Block, rows: Sequence[tuple[int, Row]], back: Mapping[int, Row], what: str) -> None:
        """Raise OutputError if a row is not what is read back."""
        for at, value in rows:
            if not _alike(value, back[at]):
                where = f"{self.label}, row {block.first_row + at}"
                raise OutputError(f"{where}: would not come back as it is from {what}; please report this")


class Storer(Protocol):
    """How the rows of one input are stored."""

    style: Style | SameStyle | None
    gaps: Gaps

    def store(self, block: Block, repaired: Repaired, kept: Sequence[int], marks: Marks) -> list[int]:
        """Store the rows `kept` of a block; returns the numbers of those among them with which a new file begins."""
        ...

    def finish(self) -> None:
        """All blocks were stored."""
        ...


@dataclass
class Tables:
    """Rows of a text file as Parquet."""

    sink: Sink
    container: str
    delimiter: str
    style: Style | SameStyle | None = None
    gaps: Gaps = field(default_factory=Gaps)
    _dump: Dump | None = None

    def store(self, block: Block, repaired: Repaired, kept: Sequence[int], marks: Marks) -> list[int]:
        """See Storer."""
        values = [(at, value) for at in kept if (value := repaired.values[at]) is not None]
        batch = self.batch([value for _, value in values])
        back = rows_of(batch)
        odd = values
        if self.sink.survey.rebuild == "text":
            raws = [block.raw(at) for at in kept]
            if self._dump is None and kept:
                some = sample(raws)
                shown = [raws[i] for i in some]
                known = candidates(self.container, self.delimiter, shown)
                self.style = best(known, self.sink.schema, [back[i] for i in some], shown)
                self._dump = dumper(self.style, self.sink.schema)
            rebuilt = (self._dump is not None and self._dump(row) == raw for row, raw in zip(back, raws, strict=True))
            odd = [one for one, done in zip(values, rebuilt, strict=True) if not done or one[0] in repaired.steps]
            keep_odd(self.sink, self.gaps, block, [at for at, _ in odd])
        # A row that gives back its bytes has proved that it is whole; the others are compared.
        self.sink.prove(block, odd, dict(zip(kept, back, strict=True)), "Parquet")
        return self.sink.write(batch, [block.first_row + at for at in kept], marks)

    def batch(self, values: Sequence[Mapping[str, Any]]) -> "pa.RecordBatch":
        """Rows as Arrow. Raises OutputError for what no type holds."""
        import pyarrow as pa

        try:
            return batch_of(values, self.sink.schema)
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise OutputError(f"{self.sink.label}: cannot be stored as Parquet ({error})") from error

    def finish(self) -> None:
        """See Storer."""
        keep_end(self.sink, self.gaps)


@dataclass
class Passed:
    """Rows of a Parquet file as Parquet."""

    sink: Sink
    arrow: ArrowRows
    style: Style | SameStyle | None = None
    gaps: Gaps = field(default_factory=Gaps)

    def store(self, block: Block, repaired: Repaired, kept: Sequence[int], marks: Marks) -> list[int]:
        """See Storer."""
        if not len(block):
            return []
        batch = self.arrow.take(len(block))
        changed = sorted(repaired.steps)
        made = passed(batch, block.values, repaired.values, changed, self.sink.schema)
        place = {at: number for number, at in enumerate(kept)}
        back = read_rows(made.take([place[at] for at in changed])) if changed else []
        rows = [(at, repaired.values[at] or {}) for at in changed]
        self.sink.prove(block, rows, dict(zip(changed, back, strict=True)), "Parquet")
        odd = sorted({*changed, *(at for at, value in enumerate(repaired.values) if value is None)})
        if odd and self.sink.survey.rebuild == "rows":
            numbers = [block.first_row + at for at in odd]
            self.sink.keep(numbers[0], "rows", packed_rows(batch.take(odd), numbers))
        return self.sink.write(made, [block.first_row + at for at in kept], marks)

    def finish(self) -> None:
        """See Storer."""


def keep_odd(sink: Sink, gaps: Gaps, block: Block, rows: Sequence[int]) -> None:
    """Bytes of a block that `restore` cannot make from the rows. A gap stands before the record that follows it."""
    between = ((row, "gap", raw) for row, raw in gaps.of(block))
    records = ((block.first_row + at, "row", block.raw(at)) for at in rows)
    for row, kind, raw in sorted([*between, *records]):
        sink.keep(row, kind, raw)


def keep_end(sink: Sink, gaps: Gaps) -> None:
    """What stands behind the last record of a text file."""
    if sink.survey.rebuild == "text":
        for row, raw in gaps.end():
            sink.keep(row, "gap", raw)


def sample(raws: Sequence[bytes]) -> list[int]:
    """The records that decide about a file's style: the first ones, and the first that show how letters are escaped."""
    telling = (i for i, raw in enumerate(raws) if not raw.isascii() or b"\\u" in raw or b"\\/" in raw)
    some = sorted({*range(min(len(raws), SAMPLE_ROWS)), *islice(telling, SAMPLE_ROWS)})
    sizes = list(accumulate(len(raws[i]) for i in some))
    return some[: max(1, bisect_right(sizes, SAMPLE_BYTES))]


def _alike(value: Row, back: Row) -> bool:
    """Equal but for nulls, which columns and structs add, and with NaN equal to NaN."""
    return value == back or without_nulls(value) == without_nulls(back) or canonical(value) == canonical(back)
