"""`check`: from paths and options to a report."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from datalint.advice import advice
from datalint.budget import budget_of
from datalint.config import Settings, load
from datalint.engine import Job, Outcome, Plan, plan, run
from datalint.engine.mapping import Repair, read
from datalint.engine.plan import HINTS
from datalint.frames import as_paths
from datalint.gate import judge, parse_limit
from datalint.jobs import jobs_of
from datalint.registry import all_rules, build
from datalint.report.model import Report, TokenReport, summarise
from datalint.rule import Rule
from datalint.selectors import choose, codes, expand
from datalint.spool import parse_size
from datalint.suppress import per_file
from datalint.version import __version__

Scope = Literal["row", "dataset", "all"]
_SHOWN = 1 << 16  # bytes of an unreadable row that an excerpt may come from


@dataclass(frozen=True)
class Setup:
    """A run made ready: settings, rules with their options, and the plan."""

    settings: Settings
    rules: Mapping[str, Rule]
    plan: Plan
    hints: Sequence[str]


def check(
    data: Any = None,
    *,
    config: str | Path | None = None,
    isolated: bool = False,
    scope: Scope = "all",
    progress: Callable[[int], None] | None = None,
    **options: Any,
) -> Report:
    """Lint datasets.

    `data` is a path, several paths, or a polars, pandas or pyarrow table or a `datasets.Dataset`; without it the
    datasets of the configuration, else the working directory. `options` are those of the command line in snake case:
    select, ignore, extend_select, severity, train, eval, reference, format, columns, tokenizer, chat_template,
    max_length, loss, profile, fail_on, gate, rules. Raises a DatalintError for anything that a user can put right.
    """
    flags = {key.replace("_", "-"): value for key, value in options.items()}
    settings = load(file=None if config is None else Path(config), isolated=isolated, flags=flags)
    with as_paths(data) as (paths, table):
        report = check_settings(paths, settings, scope=scope, progress=progress, fingerprints=True)
    if table is None:
        return report
    # The file that stood for the table is gone; its rows are not.
    return replace(report, fetch=lambda _, rows: {row: table.slice(row, 1).to_pylist()[0] for row in rows})


def check_settings(
    paths: Sequence[str | Path] | None,
    settings: Settings,
    *,
    scope: Scope = "all",
    progress: Callable[[int], None] | None = None,
    fingerprints: bool = False,
) -> Report:
    """`check` with settings that are loaded already."""
    began = time.perf_counter()
    setup = prepare(paths, settings, scope=scope)
    # A hook that looks at rows by themselves is not asked what an epoch costs.
    outcome = run(setup.plan, progress=progress, fingerprints=fingerprints, tokens=scope != "row")
    return report_of(setup, outcome, seconds=time.perf_counter() - began)


def prepare(paths: Sequence[str | Path] | None, settings: Settings, *, scope: Scope = "all") -> Setup:
    """Files, rules and plan of a run. Raises what the user has to put right before anything is read."""
    chosen, _ = _rules(settings)
    kept = [rule for rule in chosen if scope in ("all", rule.scope) or rule.always]
    limit = settings.config.memory_limit
    held = None if limit is None else parse_size(limit, origin="memory-limit")
    plans = plan(jobs_of(paths, settings), kept, held)
    hints = [*_asked_in_vain(plans, kept, settings.config.select or []), *_files_lacking(plans)]
    return Setup(settings, {rule.code: rule for rule in kept}, plans, hints)


def _asked_in_vain(plans: Plan, rules: Sequence[Rule], asked: Sequence[str]) -> list[str]:
    """Rules that somebody named and that lack what they need."""
    return [
        f"{rule.code} {rule.name} is silent: it needs {' and '.join(HINTS[need] for need in plans.lacking[rule.code])}"
        for rule in rules
        if rule.code in plans.lacking and any(rule.code.startswith(word) or word == rule.name for word in asked)
    ]


def _files_lacking(plans: Plan) -> list[str]:
    """Tokenizer folders that somebody gave and that lack a file which rules need."""
    folders = dict.fromkeys(job.target for job in plans.jobs if job.target.tokenizer_dir is not None)
    return [
        f"{target.tokenizer_dir} has no {what}: {', '.join(codes)} {'is' if len(codes) == 1 else 'are'} silent"
        for need, what in (("tokenizer", "tokenizer.json"), ("template", "chat template"))
        for target in folders
        if getattr(target, need) is None
        and (
            codes := [
                code
                for code, lack in plans.lacking.items()
                if lack[0] == need and set(lack) <= {"tokenizer", "template"}
            ]
        )
    ]


def report_of(setup: Setup, outcome: Outcome, *, seconds: float) -> Report:
    """What a finished run says: severities as configured, findings taken back, the gate judged."""
    settings, rules = setup.settings, setup.rules
    found = _severities(outcome.findings, settings)
    names = [file.name for file in outcome.files]
    config = settings.config
    ignores = {
        pattern: frozenset(expand(words, all_rules(), origin="per-file-ignores"))
        for pattern, words in config.per_file_ignores.items()
    }
    found = per_file(found, names, ignores)
    limits = {
        code: parse_limit(text, origin=f"gate.{word}")
        for word, text in config.gate.items()
        for code in codes(word, all_rules(), origin="gate")
    }
    rows = sum(file.rows for file in outcome.files if file.split != "reference")
    failures = judge(summarise(found, rules, rows), fail_on=config.fail_on, limits=limits)
    jobs = setup.plan.jobs
    return Report(
        found=found,
        files=outcome.files,
        rules=rules,
        failures=failures,
        fetch=lambda file, wanted: fetch(jobs[file], wanted),
        hints=setup.hints,
        version=__version__,
        config_digest=config_digest(settings, rules),
        seconds=seconds,
        tokens=dict(_tokens(setup, outcome)),
    )


def _tokens(setup: Setup, outcome: Outcome) -> Iterator[tuple[str, TokenReport]]:
    for name, parts in outcome.tokens.items():
        jobs = [job for job in setup.plan.jobs if job.file.dataset == name and job.file.split == "train"]
        target = jobs[0].target
        budget = budget_of(parts, target.max_length)
        if budget is not None:
            yield name, TokenReport(budget, advice(target, budget, {outcome.files[job.index].format for job in jobs}))


def fetch(job: Job, rows: Sequence[int], repair: Repair | None = None) -> dict[int, Any]:
    """Some rows of a file, read again: row -> value; of an unreadable row the beginning of its text."""
    wanted, found = sorted(set(rows)), {}
    for chunk in read(job, repair):
        first = chunk.block.first_row
        while wanted and wanted[0] < first + len(chunk):
            row = wanted.pop(0)
            value = chunk.values[row - first]
            found[row] = chunk.raw(row - first)[:_SHOWN].decode("utf-8", "replace") if value is None else value
        if not wanted:
            break
    return found


def config_digest(settings: Settings, rules: Mapping[str, Rule]) -> str:
    """sha256 over what decides the findings: the configuration, the rules and their options."""
    chosen = {code: {k: v for k, (v, _) in rule.options().items()} for code, rule in rules.items()}
    told = msgspec.to_builtins([__version__, settings.config, chosen], order="sorted")
    # ASCII: what the command line gives need not be UTF-8.
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _rules(settings: Settings) -> tuple[list[Rule], frozenset[str]]:
    known, config = all_rules(), settings.config
    chosen, told = choose(
        known,
        select=config.select,
        extend_select=config.extend_select,
        ignore=config.ignore,
        preview=config.preview,
    )
    options: dict[str, dict[str, Any]] = {}
    origin = str(settings.file) if settings.file else "rules"
    for word, values in config.rules.items():
        for code in codes(word, known, origin=f"[rules.{word}]"):
            options.setdefault(code, {}).update(values)
    built = {code: build(known[code], options.get(code, {}), origin=origin) for code in {*chosen, *options}}
    return [built[code] for code in chosen], told


def _severities(found: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Configured severities; a longer selector wins over a shorter one."""
    level = pl.col("severity")
    for word, severity in sorted(settings.config.severity.items(), key=lambda item: len(item[0])):
        meant = codes(word, all_rules(), origin="severity")
        level = pl.when(pl.col("rule").is_in(meant)).then(pl.lit(severity)).otherwise(level)
    return found.with_columns(severity=level)
