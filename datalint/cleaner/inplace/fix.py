"""`check --fix`: rewrites made in the files themselves; every line without one stays as it was, byte for byte.

JSON Lines, CSV and TSV, not compressed, are edited; rows are never removed. Beside the rules' rewrites there are three
repairs of a file as a whole that its findings offer: a byte order mark is left out, an array takes a line for each of
its objects, and, as an unsafe one, UTF-16 becomes UTF-8.

What is written was proved before: the old bytes, as they were read for it, have the sha256 of the file that was
checked, and each new record is read back as what the fixes made of it.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from datalint.cleaner.inplace.editing import Edit
from datalint.cleaner.inplace.replacing import held, leftovers, put, written
from datalint.cleaner.settle import MAX_ROUNDS
from datalint.cleaner.stored.manifest import sha256_of
from datalint.config import Settings, load
from datalint.engine import Job, ReadFile, run
from datalint.errors import InputError, OutputError, RulePackError, UsageError
from datalint.fixes import Fixes, rewrites, taken
from datalint.report.model import Report
from datalint.run import Scope, Setup, check_settings, prepare, report_of
from datalint.source import open_source

Progress = Callable[[int], None]

_ROW_RULE = ["file", "row", "rule"]
_LINES = (".jsonl", ".ndjson")
_CLEAN = "`datalint clean --out DIR` does it"
_AT_ONCE = 256  # files that wait for each other, each with two open descriptors


@dataclass(frozen=True)
class FixOptions:
    """Which fixes to make, of which findings, and whether the report has fingerprints."""

    unsafe: bool = False
    scope: Scope = "all"
    fingerprints: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be fixed: the report as it is now, the rewrites, and the files that change."""

    report: Report
    fixes: Fixes
    edits: Sequence[Edit]
    fixed: Mapping[str, int]  # rule -> findings that will be gone
    setup: Setup
    editable: frozenset[int]  # files that can be edited, whether they change or not


@dataclass(frozen=True)
class FixResult:
    """What was fixed. `report` is the check of what is there now."""

    report: Report
    fixed: Mapping[str, int]  # rule -> findings that are gone
    rows: int  # that changed
    files: Sequence[str]  # that changed
    hints: Sequence[str]  # what was not fixed, and what would


def fix(
    data: str | Path | Sequence[str | Path] | None = None,
    *,
    unsafe_fixes: bool = False,
    config: str | Path | None = None,
    isolated: bool = False,
    scope: Scope = "all",
    progress: Progress | None = None,
    **options: Any,
) -> FixResult:
    """Mend files where they lie, as `datalint check --fix` does; `options` are those of `datalint.check`.

    Safe rewrites are made, with `unsafe_fixes` the others too; no row is removed. Only JSON Lines, CSV and TSV are
    edited, and in these only the values that change. Each file is replaced at once, and none before all of them are
    ready. Raises a DatalintError for anything that a user can put right, OutputError if a file cannot be written.
    """
    if not (data is None or isinstance(data, (str, Path, list, tuple))):
        raise UsageError(f"cannot fix a {type(data).__name__} in place: give a path, or use datalint.clean")
    flags = {key.replace("_", "-"): value for key, value in options.items()}
    settings = load(file=None if config is None else Path(config), isolated=isolated, flags=flags)
    paths = [data] if isinstance(data, (str, Path)) else data
    return fix_settings(paths, settings, FixOptions(unsafe_fixes, scope, fingerprints=True), progress)


def fix_settings(
    paths: Sequence[str | Path] | None, settings: Settings, options: FixOptions, progress: Progress | None = None
) -> FixResult:
    """`fix` with settings that are loaded already."""
    plan = plan_fixes(paths, settings, options, progress)
    _tidy(plan)
    rows = write(plan)
    report = (
        check_settings(paths, settings, scope=options.scope, fingerprints=options.fingerprints) if rows else plan.report
    )
    hints = left_over(plan, report, unsafe=options.unsafe)
    return FixResult(report, dict(plan.fixed) if rows else {}, sum(rows.values()), list(rows), hints)


def plan_fixes(
    paths: Sequence[str | Path] | None, settings: Settings, options: FixOptions, progress: Progress | None = None
) -> Plan:
    """Check, and decide what is to be done; nothing is written."""
    began = time.perf_counter()
    setup = prepare(paths, settings, scope=options.scope)
    for job in setup.plan.jobs:
        if job.file.kept is not None:
            raise UsageError(f"--fix, --diff: {job.file.name} is a stream, not a file; write it to one first")
    outcome = run(setup.plan, progress=progress, fingerprints=options.fingerprints, tokens=options.scope != "row")
    report = report_of(setup, outcome, seconds=time.perf_counter() - began)
    jobs = {job.index: job for job in setup.plan.jobs if _editable(job, outcome.files[job.index], report.found)}
    wanted = report.found.filter(
        pl.col("file").is_in(list(jobs))
        & (pl.col("fix_kind") == "rewrite")
        & pl.col("fix_safety").is_in(["safe", "unsafe"] if options.unsafe else ["safe"])
    )
    fixes, fixed = _settle(setup, jobs, wanted, unsafe=options.unsafe)
    edits: dict[Path, Edit] = {}
    for i, job in jobs.items():
        edit = _edit(job, outcome.files[i], wanted.filter(pl.col("file") == i))
        if edit.strip or edit.unwrap or edit.container == "json" or any(one.rewrites_of(i) for one in fixes.rounds):
            # A file of two datasets is edited for one of them; the next run does what is left.
            edits.setdefault(job.file.path.resolve(), edit)
    for edit in edits.values():
        fixed["FMT002"] += edit.strip
        fixed["FMT001"] += len(edit.unwrap) + (edit.container == "json")
    return Plan(report, fixes, list(edits.values()), +fixed, setup, frozenset(jobs))


def write(plan: Plan) -> dict[str, int]:
    """Replace the files that change; name -> rows that changed.

    Raises OutputError, and InputError if a file is not what was checked.
    """
    done: dict[str, int] = {}
    for first in range(0, len(plan.edits), _AT_ONCE):
        with ExitStack() as stack:
            ready = []
            for edit in plan.edits[first : first + _AT_ONCE]:
                file = stack.enter_context(held(edit.job.file.path, edit.name))
                made = _Made(edit, plan.fixes)
                new = stack.enter_context(written(file, made.content()))
                if made.differs:
                    ready.append((new, file, made.rows))
            for new, file, rows in ready:
                put(new, file)
                done[file.name] = rows
    return done


@dataclass
class _Made:
    """The new bytes of a file, and what was seen on the way."""

    edit: Edit
    fixes: Fixes
    rows: int = 0
    differs: bool = False

    def content(self) -> Iterator[bytes]:
        edit, old = self.edit, hashlib.sha256()
        self.differs = edit.encoding != edit.target
        for piece in edit.pieces(self.fixes):
            old.update(_encoded(piece.old, edit.encoding))
            self.rows += piece.rows
            self.differs |= piece.new != piece.old
            yield _encoded(piece.new, edit.target)
        if old.hexdigest() == edit.sha256:
            return
        if sha256_of(edit.job.file.path) == edit.sha256:
            raise OutputError(f"{edit.name}: {edit.encoding.upper()} text that is damaged; repair or convert it first")
        raise InputError(f"{edit.name}: changed while it was read; run again when nobody writes to it")


def _encoded(text: bytes, encoding: str) -> bytes:
    return text if encoding == "utf-8" else text.decode("utf-8", "surrogatepass").encode(encoding, "surrogatepass")


def _editable(job: Job, read: ReadFile, found: pl.DataFrame) -> bool:
    if read.compression is not None or read.split == "reference":
        return False
    if read.container != "json":
        return read.container in ("jsonl", "csv")
    # A .jsonl file that is an array or an indented document has a fix: a line for each object.
    own = found.filter((pl.col("file") == job.index) & (pl.col("rule") == "FMT001") & pl.col("row").is_null())
    named = read.name.lower().endswith(_LINES)
    return named and read.unreadable == 0 and own["fix_kind"].to_list() == ["rewrite"]


def _edit(job: Job, read: ReadFile, wanted: pl.DataFrame) -> Edit:
    """What is to be done to a file beside its rows' rewrites."""
    source = open_source(job.file.path, name=job.file.name)
    strip = not wanted.filter((pl.col("rule") == "FMT002") & pl.col("row").is_null()).is_empty()
    arrays = wanted.filter((pl.col("rule") == "FMT001") & pl.col("row").is_not_null())
    target = "utf-8" if strip else source.encoding
    unwrap = tuple(sorted(arrays["row"]))
    return Edit(job, read.sha256, read.container, source.encoding, target, strip, unwrap)


def _settle(setup: Setup, jobs: Mapping[int, Job], wanted: pl.DataFrame, *, unsafe: bool) -> tuple[Fixes, Counter[str]]:
    """Rewrite, check, rewrite again until nothing is left to rewrite; and how many of the findings are gone then.

    Raises RulePackError if that does not come to an end.
    """
    keep = {code for code, rule in setup.rules.items() if rewrites(rule)}
    plan = setup.plan
    plan = replace(
        plan,
        rules=tuple(rule for rule in plan.rules if rule.code in keep),
        ready={i: tuple(rule for rule in rules if rule.code in keep) for i, rules in plan.ready.items()},
    )
    fixes, found = Fixes(setup.rules), wanted
    refused = wanted.select(_ROW_RULE).clear()
    for _ in range(MAX_ROUNDS + 1):
        found = found.filter(pl.col("file").is_in(list(jobs)) & (pl.col("fix_kind") == "rewrite"))
        more = fixes.then(found.join(refused, on=_ROW_RULE, how="anti"), unsafe=unsafe)
        while (bad := _unwritable(more, jobs, refused)).height:
            refused = pl.concat([refused, bad])
            more = fixes.then(found.join(refused, on=_ROW_RULE, how="anti"), unsafe=unsafe)
        if more.rounds[-1].empty:
            mended = taken(wanted, setup.rules, unsafe=unsafe).join(refused, on=_ROW_RULE, how="anti")
            gone = mended.join(found, on=[*_ROW_RULE, "pointer"], how="anti", nulls_equal=True)
            return fixes, Counter(gone["rule"].to_list())
        fixes = more
        found = report_of(setup, run(plan, repair=fixes), seconds=0.0).found
    codes = ", ".join(sorted(set(more.rounds[-1].rewrites["rule"])))
    raise RulePackError(f"{codes}: still changing rows after {MAX_ROUNDS} rounds; leave one out with --ignore")


def _unwritable(fixes: Fixes, jobs: Mapping[int, Job], like: pl.DataFrame) -> pl.DataFrame:
    """Row and rule where a rewrite of the last round makes something that its file cannot hold: CSV has text alone."""
    bad: set[tuple[int, int, str]] = set()
    for i, job in jobs.items():
        if not fixes.rounds[-1].rewrites_of(i):
            continue
        source = open_source(job.file.path, name=job.file.name)
        if source.container != "csv":
            continue
        for block in source.blocks():
            for at, steps in fixes.repaired(i, block).steps.items():
                columns = (block.values[at] or {}).keys()
                for step in steps:
                    if step.after.keys() != columns or not all(isinstance(cell, str) for cell in step.after.values()):
                        bad.add((i, block.first_row + at, step.rule))
                        break  # later rewrites stand on this one
    return pl.DataFrame(sorted(bad), schema=like.schema, orient="row")


def _tidy(plan: Plan) -> None:
    """Remove what dead runs left beside the files of this one."""
    jobs = [job for job in plan.setup.plan.jobs if job.index in plan.editable]
    folders = {path.parent for job in jobs if leftovers(path := job.file.path.resolve())}
    for job in jobs:
        path = job.file.path.resolve()
        if path.parent in folders and leftovers(path):
            # A live run holds its lock, and what may not be written is not ours to tidy.
            with suppress(OutputError), held(path, job.file.name):
                pass


def left_over(plan: Plan, report: Report, *, unsafe: bool) -> list[str]:
    """What is still there and how it can be fixed, a line for each way."""
    found = report.found.filter(pl.col("row").is_not_null() & pl.col("fix_kind").is_not_null())
    able = pl.col("rule").is_in([code for code, rule in plan.setup.rules.items() if rewrites(rule)])
    here = pl.col("file").is_in(list(plan.editable))
    safe = pl.col("fix_safety") == "safe"
    changed = found.filter((pl.col("fix_kind") == "rewrite") & able)
    lines = []
    if not unsafe and (more := changed.filter(here & ~safe).height):
        lines.append(f"{_many(more, 'more problem')} can be fixed with --unsafe-fixes")
    if other := changed.filter(~here & (safe | pl.lit(unsafe))).height:
        what = "is in a file that is" if other == 1 else "are in files that are"
        lines.append(
            f"{_many(other, 'problem')} {what} not edited in place (only plain JSON Lines, CSV and TSV are); {_CLEAN}"
        )
    drops = found.filter((pl.col("fix_kind") == "drop") & (safe | pl.lit(unsafe)))
    if rows := drops.select("file", "row").n_unique():
        lines.append(f"{_many(rows, 'row')} would be dropped, which is never done in place; {_CLEAN}")
    return lines


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
