"""`check --fix`, `check --diff` and `clean --diff`: what was done or would be, in the words of the command line."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import rich_click as click

from datalint.cli.colors import wanted
from datalint.cli.guard import GATE_FAILED
from datalint.cli.progress import bar
from datalint.cli.say import note
from datalint.errors import UsageError

if TYPE_CHECKING:
    from datalint.cleaner.inplace.differences import Style
    from datalint.config import Settings
    from datalint.report.model import Report

Paths = tuple[str, ...] | None


def refuse_contradictions(flags: Mapping[str, Any]) -> None:
    """Raise UsageError for flags of `check` that mean nothing together."""
    if flags["exit_non_zero_on_fix"] and not flags["fix"]:
        raise UsageError("--exit-non-zero-on-fix: says how --fix ends; add --fix")
    if flags["unsafe_fixes"] and not (flags["fix"] or flags["diff"]):
        raise UsageError("--unsafe-fixes: says which fixes to make; add --fix, or --diff to see them")
    if flags["diff"] and flags["outputs"]:
        raise UsageError("--diff: prints a difference, not a report; leave out --output-format")


def fixed(
    paths: Paths, settings: "Settings", flags: Mapping[str, Any], *, fingerprints: bool
) -> "tuple[Report, Sequence[str]]":
    """Fix files in place, say so on stderr, and return the report of what remains, and the files that changed."""
    from datalint.cleaner.inplace.fix import FixOptions, fix_settings

    options = FixOptions(flags["unsafe_fixes"], flags["scope"], fingerprints)
    with bar("fixing", paths, settings, show=flags["progress"]) as progress:
        done = fix_settings(paths, settings, options, progress)
    if not flags["quiet"]:
        if done.files:
            note(f"Fixed {_what(done.fixed, done.rows)}")
        for hint in done.hints:
            note(hint)
    return done.report, done.files


def show_fixes(paths: Paths, settings: "Settings", flags: Mapping[str, Any]) -> int:
    """Print what `--fix` would change, as a unified difference. The exit code is 1 if there is something."""
    from datalint.cleaner.inplace.differences import Counts, unified
    from datalint.cleaner.inplace.fix import FixOptions, plan_fixes

    options = FixOptions(flags["unsafe_fixes"], flags["scope"])
    with bar("checking", paths, settings, show=flags["progress"]) as progress:
        plan = plan_fixes(paths, settings, options, progress)
    counts = Counts()
    differ = False
    for edit in plan.edits:
        differ |= _print(unified(edit, plan.fixes, counts, _style(flags["color"])))
    if not flags["quiet"]:
        note(f"Would fix {_what(plan.fixed, counts.changed)}" if differ else "No problem would be fixed")
    return GATE_FAILED if differ and not flags["exit_zero"] else 0


def show_cleaning(paths: Paths, settings: "Settings", flags: Mapping[str, Any]) -> int:
    """Print what `clean` would change and take away, row by row."""
    from datalint.cleaner.inplace.differences import Counts, by_row
    from datalint.cleaner.settle import settle
    from datalint.report.look import Look
    from datalint.run import prepare

    setup = prepare(paths, settings)
    with bar("checking", paths, settings, show=flags["progress"]) as progress:
        settled = settle(setup, unsafe=flags["unsafe_fixes"], padded=flags["to"] == "parquet", progress=progress)
    jobs = [job for job in setup.plan.jobs if job.file.split != "reference"]
    counts = Counts()
    _print(by_row(jobs, setup.rules, settled, counts, _style("auto"), Look().width))
    for hint in settled.report.hints:
        note(hint)
    if not flags["quiet"]:
        some = f"change {counts.changed:,}, remove {counts.removed:,} and leave out {counts.unreadable:,} unreadable"
        note(f"Would {some} of {_many(counts.rows, 'row')}; nothing is written")
    return 0


def _print(lines: Iterable[str]) -> bool:
    some = False
    for line in lines:
        # Bytes: a text stream would turn the file's line ends into the system's.
        sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
        some = True
    sys.stdout.buffer.flush()
    return some


def _style(color: str) -> "Style":
    return click.style if wanted(color) else lambda text, **_: text


def _what(problems: Mapping[str, int], rows: int) -> str:
    worst_first = sorted(problems.items(), key=lambda item: (-item[1], item[0]))
    codes = ", ".join(f"{code} {number:,}" for code, number in worst_first)
    return f"{_many(sum(problems.values()), 'problem')} in {_many(rows, 'row')}: {codes}"


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
