"""The engine in this process: files are mapped one after the other, then what they left meets."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from datalint.engine.mapping import Repair, as_findings, map_file
from datalint.engine.meet import Gathered
from datalint.engine.plan import Plan
from datalint.engine.reading import ReadFile
from datalint.findings import empty, ordered
from datalint.fingerprint import VERSION
from datalint.spool import Scratch, half_of_memory


@dataclass(frozen=True)
class Outcome:
    """All findings of a run in the common schema, and the files as read."""

    findings: pl.DataFrame
    files: Sequence[ReadFile]
    tokens: Mapping[str, Sequence[pl.DataFrame]] = field(default_factory=dict)  # dataset -> what was measured of it


def run(
    plan: Plan,
    *,
    fingerprints: bool = False,
    tokens: bool = False,
    repair: Repair | None = None,
    progress: Callable[[int], None] | None = None,
) -> Outcome:
    """Read every file once, map, meet, finish.

    `fingerprints` asks for the names of the rows found, `tokens` for what an epoch over the training splits costs;
    `repair` changes blocks as they are read (cleaning looks at its own result that way); `progress` is told how many
    bytes more have been dealt with. What is to meet waits in memory up to a quarter of the plan's memory limit, then
    in TMPDIR.
    """
    findings: list[pl.DataFrame] = []
    budgets: dict[str, list[pl.DataFrame]] = {}
    files = []
    with without_gc(), Scratch(plan.memory_limit or half_of_memory()) as scratch:
        gathered = Gathered(plan.rules, scratch)
        for job in plan.jobs:
            rules = plan.ready[job.index]
            trains = tokens and job.file.split == "train" and job.target.tokenizer is not None
            done = map_file(
                job, rules, gathered, fingerprints=fingerprints, tokens=trains, repair=repair, progress=progress
            )
            files.append(done.file)
            if trains:
                budgets.setdefault(job.file.dataset, []).extend(done.tokens)
            findings += done.findings
        for rule in plan.rules:
            if rule.gathers:
                findings.append(as_findings(gathered.meet(rule, files), rule))
    return Outcome(_located(pl.concat([empty(), *findings]), files), files, budgets)


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
def without_gc() -> Iterator[None]:
    """Decoding short rows costs twice as much while the collector walks what it has decoded."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
