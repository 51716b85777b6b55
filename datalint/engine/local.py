"""The engine in this process: every block is read once and mapped by all rules while it is at hand."""

import gc
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from datalint.chunk import Chunk
from datalint.engine.meet import Mapped, meet
from datalint.engine.plan import Job, Plan
from datalint.findings import empty, ordered, standard
from datalint.fingerprint import VERSION, canonical, digest
from datalint.rule import Rule
from datalint.source import Block, DataFile, open_source
from datalint.source.gather import gather


class Repair(Protocol):
    """What cleaning has decided so far, applied to rows as they are read."""

    def __call__(self, file: int, block: Block) -> Block:
        """The block with repaired rows; None in place of a dropped one."""
        ...


@dataclass(frozen=True)
class ReadFile:
    """What was learned of a file by reading it."""

    file: DataFile
    container: str
    compression: str | None
    rows: int
    unreadable: int
    formats: Mapping[str, int]  # format -> rows
    columns: Mapping[str, str]  # our field -> its column, where the names differ
    size: int  # bytes
    sha256: str
    lines: "Lines"
    prints: Sequence[bytes] = ()  # fingerprint of each row, if the run was asked for them

    @property
    def name(self) -> str:
        """The file's name as told to the user."""
        return self.file.name

    @property
    def split(self) -> str:
        """train, eval or reference."""
        return self.file.split

    def line(self, row: int) -> int | None:
        """The 1-based physical line of a row; None where there are no lines."""
        return int(self.lines.of(np.asarray([row], dtype=np.int64))[0]) or None

    @property
    def format(self) -> str:
        """The format of most rows; ties go to the first seen."""
        return max(self.formats, key=lambda name: self.formats[name], default="unknown")


@dataclass
class Lines:
    """Row -> physical line. Blocks where every record is one line keep two numbers, others an array."""

    first_rows: list[int] = field(default_factory=list)
    first_lines: list[int] = field(default_factory=list)
    odd: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)

    def add(self, block: Block) -> None:
        """Remember a block's lines."""
        if block.lines is None or not len(block):
            return
        lines = block.lines
        if not np.array_equal(lines, lines[0] + np.arange(len(lines))):
            self.odd[len(self.first_rows)] = lines
        self.first_rows.append(block.first_row)
        self.first_lines.append(int(lines[0]))

    def of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """1-based lines of some rows; 0 where there are none."""
        if not self.first_rows:
            return np.zeros(len(rows), dtype=np.int64)
        starts = np.asarray(self.first_rows, dtype=np.int64)
        blocks = np.searchsorted(starts, rows, side="right") - 1
        found = np.asarray(self.first_lines, dtype=np.int64)[blocks] + rows - starts[blocks]
        for number, lines in self.odd.items():
            inside = blocks == number
            found[inside] = lines[rows[inside] - starts[number]]
        return found


@dataclass(frozen=True)
class Outcome:
    """All findings of a run in the common schema, and the files as read."""

    findings: pl.DataFrame
    files: Sequence[ReadFile]


def run(
    plan: Plan,
    *,
    fingerprints: bool = False,
    repair: Repair | None = None,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Read every file once, map, meet, finish.

    `fingerprints` asks for the names of the rows found; `repair` changes blocks as they are read (cleaning looks at
    its own result that way); `progress` is told how many bytes more have been dealt with.
    """
    findings: list[pl.DataFrame] = []
    mapped: dict[str, list[Mapped]] = {rule.code: [] for rule in plan.rules if rule.gathers}
    files = []
    with _without_gc():
        for job in plan.jobs:
            files.append(_map_file(job, plan.ready[job.index], findings, mapped, repair, fingerprints=fingerprints))
            if progress:
                progress(files[-1].size)
        for rule in plan.rules:
            if rule.gathers and mapped[rule.code]:
                findings.append(_standard(meet(rule, mapped.pop(rule.code), files), rule))
    return Outcome(_located(pl.concat([empty(), *findings]), files), files)


def read(job: Job, repair: Repair | None = None) -> Iterator[Chunk]:
    """A file's chunks."""
    source = open_source(job.file.path, name=job.file.name)
    for block in gather(source.blocks()):
        yield _chunk(job, block if repair is None else repair(job.index, block))


def _chunk(job: Job, block: Block) -> Chunk:
    return Chunk(job.file, block, job.columns, job.format, job.target)


def _map_file(
    job: Job,
    rules: Sequence[Rule],
    findings: list[pl.DataFrame],
    mapped: Mapping[str, list[Mapped]],
    repair: Repair | None,
    *,
    fingerprints: bool,
) -> ReadFile:
    source = open_source(job.file.path, name=job.file.name)
    lines, formats, columns, prints = Lines(), Counter[str](), dict[str, str](), list[bytes]()
    rows = unreadable = 0
    for block in gather(source.blocks()):
        chunk = _chunk(job, block if repair is None else repair(job.index, block))
        rows += len(chunk)
        unreadable += block.values.count(None)
        lines.add(block)
        if fingerprints:
            prints += digest(chunk.raw(i) if v is None else canonical(v) for i, v in enumerate(chunk.values))
        for shape in {id(s): s for s in chunk.shapes if s is not None}.values():
            columns.update({ours: theirs for ours, theirs in shape.fields.items() if ours != theirs})
        formats.update(shape.format for shape in chunk.shapes if shape is not None)
        for rule in rules:
            frame = rule.map(chunk)
            if frame.height:
                tagged = frame.with_columns(
                    pl.lit(job.index, dtype=pl.UInt32).alias("file"),
                    pl.col("row").cast(pl.Int64) + block.first_row,
                )
                if rule.gathers:
                    mapped[rule.code].append(Mapped(job.file.dataset, job.file.split, tagged))
                else:
                    findings.append(_standard(tagged, rule))
    size, sha256 = _file_digest(job)
    return ReadFile(
        job.file,
        source.container,
        source.compression,
        rows,
        unreadable,
        formats,
        columns,
        size,
        sha256,
        lines,
        prints,
    )


def _file_digest(job: Job) -> tuple[int, str]:
    with job.file.path.open("rb") as stream:
        hashed = hashlib.file_digest(stream, "sha256")
        return stream.tell(), hashed.hexdigest()


def _standard(frame: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    kind, safety = (rule.fix.kind, rule.fix.safety) if rule.fix else (None, None)
    return standard(frame, rule=rule.code, severity=rule.severity, fix_kind=kind, fix_safety=safety)


def _located(findings: pl.DataFrame, files: Sequence[ReadFile]) -> pl.DataFrame:
    """Lines filled in; no drop offered for rows of an eval or reference split; in the order of the files."""
    parts = []
    for (file,), part in findings.partition_by("file", as_dict=True, maintain_order=True).items():
        if file is not None:
            read = files[int(file)]
            rows = part["row"].fill_null(-1).to_numpy()
            known = np.where(rows >= 0, read.lines.of(np.maximum(rows, 0)), 0)
            line = pl.Series("line", known, dtype=pl.Int64)
            part = part.with_columns(line=pl.coalesce("line", pl.when(line > 0).then(line)))
            if read.prints:
                known_prints = [None if row < 0 else VERSION + read.prints[row].hex() for row in rows.tolist()]
                part = part.with_columns(pl.Series("fingerprint", known_prints, dtype=pl.String))
            if read.file.split != "train":
                kept = pl.when(pl.col("fix_kind") == "drop").then(None)
                part = part.with_columns(kept.otherwise(c).alias(c) for c in ("fix_kind", "fix_safety"))
        parts.append(part)
    return ordered(pl.concat([empty(), *parts]))


@contextmanager
def _without_gc() -> Iterator[None]:
    """Decoding short rows costs twice as much while the collector walks what it has decoded."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
