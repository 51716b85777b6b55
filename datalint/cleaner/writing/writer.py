"""The second reading of an input: its kept rows to data files, and all the rest to the ledgers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from datalint.cleaner.stored.manifest import Counts
from datalint.cleaner.stored.names import Taken
from datalint.cleaner.stored.originals import keep_file
from datalint.cleaner.stored.style import SameStyle, Style
from datalint.cleaner.stored.tables import Ledger, changes_schema, originals_schema, removed_schema
from datalint.cleaner.writing.changes import changes_between
from datalint.cleaner.writing.lines import Apart, AsLines
from datalint.cleaner.writing.passing import ArrowRows, without_descriptions
from datalint.cleaner.writing.shards import Lines, Shards, parquet_file
from datalint.cleaner.writing.storing import PROVENANCE, Passed, Sink, Storer, Tables
from datalint.cleaner.writing.survey import Survey
from datalint.engine import Job
from datalint.errors import InputError, OutputError, UsageError
from datalint.findings import message
from datalint.fingerprint import digest
from datalint.fixes import Drop, Fixes, Repaired
from datalint.rule import Rule
from datalint.source import Block, open_source
from datalint.source.gather import gather
from datalint.source.open import Source

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class Written:
    """What became of the rows of one input."""

    parts: list[Counts]  # of each of its files
    names: Sequence[str] = ()  # of these files
    removed_by: Counter[str] = field(default_factory=Counter)
    changed_by: Counter[str] = field(default_factory=Counter)
    style: Style | SameStyle | None = None
    gap: str = "\n"

    @property
    def rows_out(self) -> int:
        """Rows written, of all files."""
        return sum(part.rows_out for part in self.parts)


class Ledgers:
    """The three tables beside the data files."""

    def __init__(self, folder: Path) -> None:
        """Open them, all or none."""
        with ExitStack() as opened:
            self.removed = Ledger(folder / "removed.parquet", removed_schema())
            opened.callback(self.removed.abort)
            self.changes = Ledger(folder / "changes.parquet", changes_schema())
            opened.callback(self.changes.abort)
            self.originals = Ledger(folder / "originals.parquet", originals_schema())
            opened.pop_all()

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
    """How the rows of a run are written."""

    folder: Path
    ledgers: Ledgers
    taken: Taken  # names that are spoken for
    apart: Apart
    to: str = "parquet"  # or "jsonl"
    shard_size: int | None = None  # bytes
    provenance: bool = False
    alike: frozenset[int] = frozenset()  # prints that more than one row of the run has


def write_file(
    job: Job,
    fixes: Fixes,
    survey: Survey,
    target: Target,
    rules: Mapping[str, Rule],
    *,
    label: str,
    output: str,
    schema: "pa.Schema",
) -> Written:
    """Write one input. Raises OutputError if a row does not come back as it was from what was written."""
    import pyarrow as pa

    stored = _with_provenance(schema, label) if target.provenance and target.to == "parquet" else schema
    shards = Shards(target.folder, output, parquet_file(stored) if target.to == "parquet" else Lines, target.shard_size)
    try:
        sink = Sink(label, schema, survey, shards, target.ledgers.originals, target.provenance)
        file = _File(job, fixes, sink, target, rules)
        done = file.write()
        done.names = shards.finish(target.taken)
    except BaseException as error:
        shards.abort()
        if isinstance(error, pa.ArrowException):  # a failing disk is an OSError
            what = f"{label}: cannot be stored ({str(error).partition(chr(10))[0]})"
            raise OutputError(f"{what}; give its columns other types, or clean with --to jsonl") from error
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
    sink: Sink
    target: Target
    rules: Mapping[str, Rule]
    done: Written = field(default_factory=lambda: Written([Counts()]))

    def write(self) -> Written:
        source = open_source(self.job.file.path, name=self.job.file.name)
        storer = self.storer(source)
        rebuild = self.sink.survey.rebuild
        if rebuild == "rows" and self.sink.survey.schema is not None:
            self.sink.keep(0, "schema", self.sink.survey.schema.serialize().to_pybytes())
        if rebuild == "file":
            keep_file(self.sink.originals, self.sink.label, self.job.file.path)
        unread = {}
        for block in gather(source.blocks()):
            unread.update({fault.row: fault.reason for fault in block.faults if fault.row is not None})
            repaired = self.storable(self.fixes.repaired(self.job.index, block))
            kept = [at for at, value in enumerate(repaired.values) if value is not None]
            self.tell(block, repaired, unread)
            starts = storer.store(block, repaired, kept, self.marks(block, kept))
            self.count(block, repaired, [kept[number] for number in starts])
            unread.clear()
        storer.finish()
        self.done.style = storer.style
        if rebuild == "text":
            self.done.gap = (storer.gaps.usual or b"\n").decode("utf-8")
        return self.done

    def storer(self, source: Source) -> Storer:
        container, delimiter = source.container, getattr(source, "delimiter", ",")
        if self.target.to == "jsonl":
            return AsLines(self.sink, container, delimiter, self.target.apart)
        if self.sink.survey.schema is not None:
            return Passed(self.sink, ArrowRows(source.batches()))
        return Tables(self.sink, container, delimiter)

    def storable(self, repaired: Repaired) -> Repaired:
        """Rows of a file in which no row has a key have no column to be stored in: they are taken away."""
        if self.target.to == "jsonl" or self.sink.schema.names or self.sink.survey.schema is not None:
            return repaired
        left = {at: Drop(()) for at, value in enumerate(repaired.values) if value is not None}
        return Repaired([None] * len(repaired.values), {}, {**repaired.drops, **left})

    def marks(self, block: Block, kept: Sequence[int]) -> dict[int, bytes]:
        """Tell rows apart that are stored alike but were not written alike: to a second clean they are no copies."""
        if not self.target.alike:
            return {}
        first = self.done.rows_out
        prints = self.sink.survey.prints[first : first + len(kept)]
        return {
            number: block.marks.get(at) or digest([block.raw(at)])[0]
            for number, (at, one) in enumerate(zip(kept, prints, strict=True))
            if one in self.target.alike
        }

    def count(self, block: Block, repaired: Repaired, starts: Sequence[int]) -> None:
        """Add the rows of a block to those of the files; `starts`: the rows with which a new file begins."""
        for number, (first, last) in enumerate(pairwise([0, *starts, len(block)])):
            values, read = repaired.values[first:last], block.values[first:last]
            here = Counts(
                rows_in=last - first,
                rows_out=sum(value is not None for value in values),
                rows_removed=sum(first <= at < last for at in repaired.drops),
                rows_unreadable=sum(value is None for value in read),
                rows_changed=sum(first <= at < last for at in repaired.steps),
            )
            if number:
                self.done.parts.append(here)
            else:
                self.done.parts[-1] = self.done.parts[-1].plus(here)

    def tell(self, block: Block, repaired: Repaired, unread: Mapping[int, str]) -> None:
        """What is taken away and what is changed."""
        label, ledgers = self.sink.label, self.target.ledgers
        for at in sorted({*repaired.steps, *(at for at, value in enumerate(repaired.values) if value is None)}):
            row = block.first_row + at
            if repaired.values[at] is None:
                drop = repaired.drops.get(at)
                codes, reason = self.why(drop) if drop else ([block.unreadable.get(at, "FMT001")], unread.get(row))
                line = None if block.lines is None else int(block.lines[at])
                ledgers.removed.add(label, row, line, codes, reason or "cannot be read", block.raw(at))
                self.done.removed_by.update(codes)
            else:
                for step in repaired.steps[at]:
                    for pointer, before, after in changes_between(step.before, step.after):
                        ledgers.changes.add(label, row, step.rule, pointer, before, after)
                self.done.changed_by.update({step.rule for step in repaired.steps[at]})

    def why(self, drop: Drop) -> tuple[list[str], str]:
        if not drop.reasons:
            return ["FMT016"], "an object without keys: there is no column to store it in"
        codes = list(dict.fromkeys(code for code, _ in drop.reasons))
        told = dict.fromkeys(message(self.rules[code].message, args) for code, args in drop.reasons)
        return codes, "; ".join(told)


def check_unchanged(job: Job, sha256: str, now: str) -> None:
    """Raises InputError if a file is no longer what the first check read."""
    if sha256 != now:
        raise InputError(f"{job.file.name}: changed while it was read; run again when nobody writes to it")
