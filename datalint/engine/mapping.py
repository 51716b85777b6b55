"""One file mapped: every block is read once, and all rules look at it while it is at hand.

`map_file` is a plain function of values; what it leaves is small or, above the memory limit, on disk.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from datalint.budget import measured
from datalint.chunk import Chunk
from datalint.engine.meet import Gathered
from datalint.engine.plan import Job
from datalint.engine.reading import Lines, ReadFile
from datalint.findings import standard
from datalint.fingerprint import canonical, digest
from datalint.rule import Rule
from datalint.source import Block, open_source
from datalint.source.gather import gather


class Repair(Protocol):
    """What cleaning has decided so far, applied to rows as they are read."""

    def __call__(self, file: int, block: Block) -> Block:
        """The block with repaired rows; None in place of a dropped one."""
        ...


@dataclass(frozen=True)
class MappedFile:
    """What was learned of a file, and its finished findings."""

    file: ReadFile
    findings: Sequence[pl.DataFrame]
    tokens: Sequence[pl.DataFrame] = ()  # of `datalint.budget.measured`


def map_file(
    job: Job,
    rules: Sequence[Rule],
    gathered: Gathered,
    *,
    fingerprints: bool = False,
    tokens: bool = False,
    repair: Repair | None = None,
    progress: Callable[[int], None] | None = None,
) -> MappedFile:
    """Read a file and map it by all rules; what has to meet others goes to `gathered`. See `run` for the options."""
    lines, formats, columns, prints = Lines(), Counter[str](), dict[str, str](), list[bytes]()
    findings = defaultdict[tuple[int, object], list[pl.DataFrame]](list)
    budget: list[pl.DataFrame] = []
    rows = unreadable = done = 0
    size, sha256 = _file_digest(job)
    literals = literals_of(rules)
    source = open_source(job.file.path, name=job.file.name)
    for block in gather(source.blocks()):
        chunk = chunk_of(job, block if repair is None else repair(job.index, block), literals)
        rows += len(chunk)
        unreadable += block.values.count(None)
        lines.add(block)
        if fingerprints:
            prints += digest(chunk.raw(i) if v is None else canonical(v) for i, v in enumerate(chunk.values))
        for shape, _, alike in chunk.forms:
            columns.update({ours: theirs for ours, theirs in shape.fields.items() if ours != theirs})
            formats[shape.format] += len(alike)
        for number, rule in enumerate(rules):
            frame = rule.map(chunk)
            if frame.height:
                placed = _placed(frame, job.index, block.first_row)
                if rule.gathers:
                    gathered.add(rule, job.file, placed)
                else:
                    # Joined by schema, so that a column that is missing stays missing and no number is widened.
                    findings[number, tuple(placed.schema.items())].append(placed)
        if tokens:
            budget.append(measured(chunk))
        if progress:
            step = min(len(block.data), size - done)  # decompressed bytes may be more than the file has
            progress(step)
            done += step
    if progress:
        progress(size - done)
    container, compression = source.container, source.compression
    read_file = ReadFile(
        job.file, container, compression, rows, unreadable, formats, columns, size, sha256, lines, prints
    )
    told = [as_findings(pl.concat(parts), rules[number]) for (number, _), parts in findings.items()]
    return MappedFile(read_file, told, budget)


def read(job: Job, repair: Repair | None = None) -> Iterator[Chunk]:
    """A file's chunks."""
    source = open_source(job.file.path, name=job.file.name)
    for block in gather(source.blocks()):
        yield chunk_of(job, block if repair is None else repair(job.index, block))


def chunk_of(job: Job, block: Block, literals: frozenset[str] = frozenset()) -> Chunk:
    """A block as rules see it. `literals` are those of the rules, in lower case."""
    return Chunk(job.file, block, job.columns, job.format, job.target, job.large, literals)


def literals_of(rules: Sequence[Rule]) -> frozenset[str]:
    """What the rules search for, in lower case."""
    return frozenset(literal.lower() for rule in rules for literal in rule.literals)


def as_findings(frame: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """A rule's frame in the common schema."""
    kind, safety = (rule.fix.kind, rule.fix.safety) if rule.fix else (None, None)
    return standard(frame, rule=rule.code, severity=rule.severity, fix_kind=kind, fix_safety=safety)


def _placed(frame: pl.DataFrame, file: int, first_row: int) -> pl.DataFrame:
    """Local rows as rows of their file."""
    # Column by column: a query for each frame of each rule costs a tenth of a run.
    placed = frame.clone().replace_column(frame.get_column_index("row"), frame["row"].cast(pl.Int64) + first_row)
    return placed.insert_column(frame.width, pl.Series("file", [file], pl.UInt32).new_from_index(0, frame.height))


def _file_digest(job: Job) -> tuple[int, str]:
    with job.file.path.open("rb") as stream:
        hashed = hashlib.file_digest(stream, "sha256")
        return stream.tell(), hashed.hexdigest()
