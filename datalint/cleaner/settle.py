"""Rounds of checking until nothing is left that may be fixed.

After the first round, a rule that judges each row by itself has something new to say only about rows that were
rewritten, or are of another format now: it is asked about these alone. Rules that compare rows see all of them again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from datalint.engine import Job, Plan, run
from datalint.engine.mapping import as_findings, chunk_of, literals_of, read
from datalint.errors import RulePackError
from datalint.fixes import Fixes, rewrites
from datalint.report.model import Report
from datalint.rule import Rule
from datalint.run import Setup, report_of
from datalint.source import Block

MAX_ROUNDS = 10
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Settled:
    """What the first check said, and all that is to be done about it."""

    report: Report
    fixes: Fixes


def settle(
    setup: Setup, *, unsafe: bool, padded: bool = True, progress: Callable[[int], None] | None = None
) -> Settled:
    """Check, fix, check the fixed rows, and so on, until a round finds nothing more to fix.

    `padded`: rows will have all columns of their file, as those of a table have. Raises RulePackError if that does
    not come to an end.
    """
    began = time.perf_counter()
    outcome = run(setup.plan, progress=progress)
    report = report_of(setup, outcome, seconds=time.perf_counter() - began)
    # A row without a column will have a null in it, which may make another format of it. Where all rows are of one
    # format, a null column changes nothing.
    mixed = [job for job in setup.plan.jobs if padded and len(outcome.files[job.index].formats) > 1]
    fixes, found = Fixes(setup.rules), report.found
    for number in range(MAX_ROUNDS + 1):
        more = fixes.then(found, unsafe=unsafe)
        latest = more.rounds[-1]
        if latest.empty and (number or not mixed):
            return Settled(report, fixes)
        before, fixes = fixes.columns, replace(more, columns=_columns(mixed, more))
        wider = frozenset(file for file, columns in fixes.columns.items() if columns != before.get(file))
        found = _again(setup, fixes, found, wider)
    codes = ", ".join(sorted({*latest.rewrites["rule"], *latest.drops["rule"]}))
    raise RulePackError(f"{codes}: still changing rows after {MAX_ROUNDS} rounds; leave one out with --ignore")


def _columns(jobs: Sequence[Job], fixes: Fixes) -> dict[int, list[str]]:
    """The columns of all rows of a file, in the order of their first appearance."""
    found = {}
    for job in jobs:
        rows = (value for chunk in read(job, fixes) for value in chunk.values if value is not None)
        forms = dict.fromkeys(map(tuple, rows))
        found[job.index] = list(dict.fromkeys(key for form in forms for key in form))
    return found


def _again(setup: Setup, fixes: Fixes, found: pl.DataFrame, wider: frozenset[int]) -> pl.DataFrame:
    """What is found on the rows as the fixes leave them, by rules that may fix something.

    `found` is what was found before; rows of the files `wider` have other columns than when it was.
    """
    fired = set(found.filter(pl.col("fix_kind").is_not_null())["rule"])
    rules = [
        rule for rule in setup.plan.rules if not rule.always and (rule.fix or rewrites(rule) or rule.code in fired)
    ]
    together = {rule.code for rule in rules if rule.gathers}
    alone = {rule.code for rule in rules} - together
    ready = setup.plan.ready
    plan: Plan = replace(
        setup.plan,
        rules=tuple(rules),
        ready={job: tuple(rule for rule in some if rule.code in together) for job, some in ready.items()},
    )
    own = {job: tuple(rule for rule in some if rule.code in alone) for job, some in ready.items()}
    changed = _Changed(fixes, {job.index: job for job in plan.jobs}, own, wider)
    outcome = run(plan, repair=changed)
    outcome = replace(outcome, findings=pl.concat([outcome.findings, *changed.findings]))
    return report_of(setup, outcome, seconds=0.0).found


@dataclass(frozen=True)
class _Changed:
    """The engine's `repair`; while blocks pass by, rules look at the rows that are not what they were."""

    fixes: Fixes
    jobs: dict[int, Job]
    rules: dict[int, tuple[Rule, ...]]  # file -> rules that judge a row by itself
    wider: frozenset[int]
    findings: list[pl.DataFrame] = field(default_factory=list)

    def __call__(self, file: int, block: Block) -> Block:
        """The block as the fixes leave it."""
        made = self.fixes(file, block)
        if rules := self.rules.get(file):
            rewritten = self.fixes.rounds[-1].of("rewrites", file, block.first_row, len(block))["row"]
            rows = {row - block.first_row for row in rewritten.unique().to_list()}
            if file in self.wider:
                rows |= self.reformed(self.jobs[file], block, made)
            kept = np.array(sorted(row for row in rows if made.values[row] is not None), dtype=np.int64)
            if len(kept):
                self.judge(self.jobs[file], _part(made, kept), kept + block.first_row, rules)
        return made

    def reformed(self, job: Job, block: Block, made: Block) -> set[int]:
        """The rows that null columns give another format."""
        bare = replace(block, values=self.fixes.repaired(job.index, block).values)
        one, other = (chunk_of(job, some).shapes for some in (bare, made))
        return {row for row, (before, after) in enumerate(zip(one, other, strict=True)) if before != after}

    def judge(self, job: Job, block: Block, rows: Rows, rules: Sequence[Rule]) -> None:
        """Map a block of some rows; `rows` are their numbers in the file."""
        chunk = chunk_of(job, block, literals_of(rules))
        for rule in rules:
            frame = rule.map(chunk)
            frame = frame.drop_nulls("row") if frame.height else frame
            if frame.height:
                places = pl.Series("row", rows[frame["row"].to_numpy()], pl.Int64)
                files = pl.lit(job.index, pl.UInt32).alias("file")
                told = as_findings(frame.with_columns(places, files), rule)
                if job.file.split != "train":  # whose rows are never dropped
                    kept = pl.when(pl.col("fix_kind") == "drop").then(None)
                    told = told.with_columns(kept.otherwise(c).alias(c) for c in ("fix_kind", "fix_safety"))
                self.findings.append(told)


def _part(block: Block, rows: Rows) -> Block:
    """Some rows of a block, by their numbers in it."""
    place = {row: at for at, row in enumerate(rows.tolist())}
    here = {block.first_row + row: at for row, at in place.items()}
    return Block(
        0,
        [block.values[row] for row in place],
        None if block.lines is None else block.lines[rows],
        block.data,
        block.starts[rows],
        block.ends[rows],
        tuple(replace(fault, row=here[fault.row]) for fault in block.faults if fault.row in here),
        {},
        {at: block.marks[row] for row, at in place.items() if row in block.marks},
    )
