"""Rounds of checking until nothing is left that may be fixed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from datalint.engine import Job, Plan, run
from datalint.engine.mapping import read
from datalint.errors import RulePackError
from datalint.fixes import Fixes, rewrites
from datalint.report.model import Report
from datalint.run import Setup, report_of

MAX_ROUNDS = 10


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
        fixes = replace(more, columns=_columns(mixed, more))
        plan = _narrowed(setup.plan, found, together=not latest.rewrites.height and (number > 0 or not mixed))
        found = report_of(setup, run(plan, repair=fixes), seconds=0.0).found
    codes = ", ".join(sorted({*latest.rewrites["rule"], *latest.drops["rule"]}))
    raise RulePackError(f"{codes}: still changing rows after {MAX_ROUNDS} rounds; leave one out with --ignore")


def _columns(jobs: Sequence[Job], fixes: Fixes) -> dict[int, list[str]]:
    """The columns of all rows of a file, in the order of their first appearance."""
    found = {}
    for job in jobs:
        rows = (value for chunk in read(job, fixes) for value in chunk.values if value is not None)
        found[job.index] = list(dict.fromkeys(key for row in rows for key in row))
    return found


def _narrowed(plan: Plan, found: pl.DataFrame, *, together: bool) -> Plan:
    """The plan with only the rules that may fix something.

    `together`: and only those that look at more than one row. No row was rewritten, so to the others nothing is new.
    """
    fired = set(found.filter(pl.col("fix_kind").is_not_null())["rule"])
    keep = {
        rule.code
        for rule in plan.rules
        if not rule.always
        and (rule.fix is not None or rewrites(rule) or rule.code in fired)
        and (rule.gathers or not together)
    }
    return replace(
        plan,
        rules=tuple(rule for rule in plan.rules if rule.code in keep),
        ready={job: tuple(rule for rule in rules if rule.code in keep) for job, rules in plan.ready.items()},
    )
