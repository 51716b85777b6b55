"""The second reading of an input: its kept rows to Parquet, and all the rest to the ledgers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalint.cleaner.arrow import batch_of, rows_of
from datalint.cleaner.changes import changes_between
from datalint.cleaner.originals import Gaps, keep_file, packed_rows
from datalint.cleaner.passing import ArrowRows, passed, without_descriptions
from datalint.cleaner.style import Dump, Style, best, candidates, dumper
from datalint.cleaner.survey import Survey, row_print
from datalint.cleaner.tables import Ledger, Writer, changes_schema, originals_schema, removed_schema
from datalint.engine import Job
from datalint.errors import InputError, OutputError, UsageError
from datalint.findings import message
from datalint.fingerprint import canonical, digest, without_nulls
from datalint.fixes import Drop, Fixes, Repaired
from datalint.rule import Rule
from datalint.source import Block, open_source
from datalint.source.columnar import rows_of as read_rows
from datalint.source.gather import gather

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]

PROVENANCE = ("source_file", "source_row")
SAMPLE_BYTES = 256 << 10
SAMPLE_ROWS = 64


@dataclass
class Written:
    """What became of the rows of one input."""

    rows_in: int = 0
    rows_out: int = 0
    rows_removed: int = 0
    rows_unreadable: int = 0
    rows_changed: int = 0
    removed_by: Counter[str] = field(default_factory=Counter)
    changed_by: Counter[str] = field(default_factory=Counter)
    style: Style | None = None
    gap: str = "\n"


class Ledgers:
    """The three tables beside the data files."""

    def __init__(self, folder: Path) -> None:
        """Open them."""
        self.removed = Ledger(folder / "removed.parquet", removed_schema())
        self.changes = Ledger(folder / "changes.parquet", changes_schema())
        self.originals = Ledger(folder / "originals.parquet", originals_schema())

    def close(self) -> None:
        """Write what is left."""
        for ledger in (self.removed, self.changes, self.originals):
            ledger.close()

    def abort(self) -> None:
        """Let go of the files."""
        for ledger in (self.removed, self.changes, self.originals):
            ledger.abort()


@dataclass(frozen=True)
class Target:
    """Where an input's rows go, and under which name they are told."""

    path: Path
    label: str
    schema: "pa.Schema"
    alike: frozenset[int] = frozenset()  # prints that more than one row of the run has
    provenance: bool = False


def write_file(
    job: Job, fixes: Fixes, survey: Survey, target: Target, ledgers: Ledgers, rules: Mapping[str, Rule]
) -> Written:
    """Write one input. Raises OutputError if a row does not come back as it was from what was written."""
    schema = _with_provenance(target.schema, job.file.name) if target.provenance else target.schema
    writer = Writer(target.path, schema)
    try:
        file = _File(job, fixes, survey, target, ledgers, rules, writer)
        done = file.write()
        writer.close(file.marks)
    except BaseException:
        writer.abort()
        raise
    return done


def _with_provenance(schema: "pa.Schema", name: str) -> "pa.Schema":
    import pyarrow as pa

    for column in PROVENANCE:
        if column in schema.names:
            raise UsageError(f"{name}: has a column {column!r} already; leave out --with-provenance")
    made = schema.append(pa.field(PROVENANCE[0], pa.string())).append(pa.field(PROVENANCE[1], pa.int64()))
    return without_descriptions(made)


@dataclass
class _File:
    job: Job
    fixes: Fixes
    survey: Survey
    target: Target
    ledgers: Ledgers
    rules: Mapping[str, Rule]
    writer: Writer
    done: Written = field(default_factory=Written)
    gaps: Gaps = field(default_factory=Gaps)
    dump: Dump | None = None
    marks: dict[int, bytes] = field(default_factory=dict)

    def write(self) -> Written:
        source = open_source(self.job.file.path, name=self.job.file.name)
        arrow: ArrowRows | None = None
        if self.survey.schema is not None:
            arrow = ArrowRows(self.job.file.path)
        if self.survey.rebuild == "rows" and self.survey.schema is not None:
            self.keep(0, "schema", self.survey.schema.serialize().to_pybytes())
        if self.survey.rebuild == "file":
            keep_file(self.ledgers.originals, self.target.label, self.job.file.path)
        unread = {}
        for block in gather(source.blocks()):
            unread.update({fault.row: fault.reason for fault in block.faults if fault.row is not None})
            repaired = self.storable(self.fixes.repaired(self.job.index, block))
            self.mark(block, repaired)
            self.count(block, repaired)
            self.tell(block, repaired, unread)
            if arrow is not None:
                self.pass_on(block, repaired, arrow)
            else:
                self.store(block, repaired, source.container, getattr(source, "delimiter", ","))
            unread.clear()
        if self.survey.rebuild == "text":
            for row, raw in self.gaps.end():
                self.keep(row, "gap", raw)
            self.done.gap = (self.gaps.usual or b"\n").decode("utf-8")
        return self.done

    def storable(self, repaired: Repaired) -> Repaired:
        """Rows of a file in which no row has a key have no column to be stored in: they are taken away."""
        if self.target.schema.names or self.survey.schema is not None:
            return repaired
        left = {at: Drop(()) for at, value in enumerate(repaired.values) if value is not None}
        return Repaired([None] * len(repaired.values), {}, {**repaired.drops, **left})

    def mark(self, block: Block, repaired: Repaired) -> None:
        """Tell rows apart that are stored alike but were not written alike: to a second clean they are no copies."""
        row = self.done.rows_out
        for at, value in enumerate(repaired.values):
            if value is not None:
                if self.target.alike and row_print(value) in self.target.alike:
                    self.marks[row] = block.marks.get(at) or digest([block.raw(at)])[0]
                row += 1

    def count(self, block: Block, repaired: Repaired) -> None:
        done = self.done
        done.rows_in += len(block)
        done.rows_out += sum(value is not None for value in repaired.values)
        done.rows_removed += len(repaired.drops)
        done.rows_unreadable += sum(value is None for value in block.values)
        done.rows_changed += len(repaired.steps)

    def tell(self, block: Block, repaired: Repaired, unread: Mapping[int, str]) -> None:
        """What is taken away and what is changed."""
        label = self.target.label
        for at, value in enumerate(repaired.values):
            if value is not None and at not in repaired.steps:
                continue
            row = block.first_row + at
            if value is None:
                drop = repaired.drops.get(at)
                codes, reason = self.why(drop) if drop else ([block.unreadable.get(at, "FMT001")], unread.get(row))
                line = None if block.lines is None else int(block.lines[at])
                self.ledgers.removed.add(label, row, line, codes, reason or "cannot be read", block.raw(at))
                self.done.removed_by.update(codes)
            else:
                for step in repaired.steps[at]:
                    for pointer, before, after in changes_between(step.before, step.after):
                        self.ledgers.changes.add(label, row, step.rule, pointer, before, after)
                self.done.changed_by.update({step.rule for step in repaired.steps[at]})

    def why(self, drop: Drop) -> tuple[list[str], str]:
        if not drop.reasons:
            return ["FMT016"], "an object without keys: there is no column to store it in"
        codes = list(dict.fromkeys(code for code, _ in drop.reasons))
        told = dict.fromkeys(message(self.rules[code].message, args) for code, args in drop.reasons)
        return codes, "; ".join(told)

    def pass_on(self, block: Block, repaired: Repaired, arrow: ArrowRows) -> None:
        """Rows of a Parquet input."""
        if not len(block):
            return
        batch = arrow.take(len(block))
        changed = sorted(repaired.steps)
        made = passed(batch, block.values, repaired.values, changed, self.target.schema)
        rows = [at for at, value in enumerate(repaired.values) if value is not None]
        place = {at: number for number, at in enumerate(rows)}
        back = read_rows(made.take([place[at] for at in changed])) if changed else []
        self.prove(block, [(at, repaired.values[at] or {}) for at in changed], dict(zip(changed, back, strict=True)))
        self.writer.write(self.sourced(made, [block.first_row + at for at in rows]))
        odd = sorted({*changed, *(at for at, value in enumerate(repaired.values) if value is None)})
        if odd and self.survey.rebuild == "rows":
            numbers = [block.first_row + at for at in odd]
            self.keep(numbers[0], "rows", packed_rows(batch.take(odd), numbers))

    def store(self, block: Block, repaired: Repaired, container: str, delimiter: str) -> None:
        """Rows of a text input."""
        kept = [(at, value) for at, value in enumerate(repaired.values) if value is not None]
        batch = self.batch([value for _, value in kept])
        back = rows_of(batch)
        odd = list(kept)
        if self.survey.rebuild == "text":
            raws = [block.raw(at) for at, _ in kept]
            if self.dump is None and kept:
                self.learn(container, delimiter, raws, back)
            rebuilt = (self.dump is not None and self.dump(row) == raw for row, raw in zip(back, raws, strict=True))
            odd = [one for one, done in zip(kept, rebuilt, strict=True) if not done or one[0] in repaired.steps]
            self.keep_odd(block, [at for at, _ in odd])
        # A row that gives back its bytes has proved that it is whole; the others are compared.
        self.prove(block, odd, dict(zip((at for at, _ in kept), back, strict=True)))
        self.writer.write(self.sourced(batch, [block.first_row + at for at, _ in kept]))

    def prove(self, block: Block, rows: Sequence[tuple[int, Row]], back: Mapping[int, Row]) -> None:
        """Raise OutputError if a row is not what is read from the batch."""
        for at, value in rows:
            if not _alike(value, back[at]):
                where = f"{self.target.label}, row {block.first_row + at}"
                raise OutputError(f"{where}: would not come back as it is from Parquet; please report this")

    def keep_odd(self, block: Block, rows: Sequence[int]) -> None:
        """Bytes that `restore` cannot make from the rows. A gap stands before the record that follows it."""
        gaps = ((row, "gap", raw) for row, raw in self.gaps.of(block))
        records = ((block.first_row + at, "row", block.raw(at)) for at in rows)
        for row, kind, raw in sorted([*gaps, *records]):
            self.keep(row, kind, raw)

    def batch(self, values: Sequence[Mapping[str, Any]]) -> "pa.RecordBatch":
        import pyarrow as pa

        try:
            return batch_of(values, self.target.schema)
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise OutputError(f"{self.target.label}: cannot be stored as Parquet ({error})") from error

    def learn(self, container: str, delimiter: str, raws: Sequence[bytes], back: Sequence[Mapping[str, Any]]) -> None:
        """The file's style, from its first rows."""
        count, size = 0, 0
        while count < min(len(raws), SAMPLE_ROWS) and (not count or size + len(raws[count]) <= SAMPLE_BYTES):
            size += len(raws[count])
            count += 1
        known = candidates(container, delimiter, raws[:count])
        self.done.style = best(known, self.target.schema, back[:count], raws[:count])
        self.dump = dumper(self.done.style, self.target.schema)

    def sourced(self, batch: "pa.RecordBatch", rows: Sequence[int]) -> "pa.RecordBatch":
        """With the columns that say where each row comes from, if asked for."""
        import pyarrow as pa

        if not self.target.provenance:
            return batch
        names = pa.array([self.target.label] * len(rows), type=pa.string())
        arrays = [*batch.columns, names, pa.array(rows, type=pa.int64())]
        return pa.RecordBatch.from_arrays(arrays, schema=self.writer.schema)

    def keep(self, row: int, kind: str, raw: bytes) -> None:
        self.ledgers.originals.add(self.target.label, row, kind, raw)


def _alike(value: Row, back: Row) -> bool:
    """Equal but for nulls, which columns and structs add, and with NaN equal to NaN."""
    return value == back or without_nulls(value) == without_nulls(back) or canonical(value) == canonical(back)


def check_unchanged(job: Job, sha256: str, now: str) -> None:
    """Raises InputError if a file is no longer what the first check read."""
    if sha256 != now:
        raise InputError(f"{job.file.name}: changed while it was read; run again when nobody writes to it")
