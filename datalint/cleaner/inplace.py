"""`check --fix`: rewrites made in the files themselves, and every line without one left as it was, byte for byte.

JSON Lines, CSV and TSV, not compressed, are edited; rows are never removed. Beside the rules' rewrites there are three
repairs of a file as a whole that its findings offer: a byte order mark is left out, an array takes a line for each of
its objects, and, as an unsafe one, UTF-16 becomes UTF-8.

What is written was proved before: the old bytes, as they were read for it, have the sha256 of the file that was
checked, and each new record is read back as what the fixes made of it.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from datalint.cleaner.manifest import sha256_of
from datalint.cleaner.replacing import held, leftovers, put, written
from datalint.cleaner.settle import MAX_ROUNDS
from datalint.cleaner.splice import one_line, spliced_csv, spliced_json
from datalint.cleaner.style import JsonStyle, best, candidates
from datalint.cleaner.writer import SAMPLE_ROWS
from datalint.config import Settings, load
from datalint.engine import Job, ReadFile, run
from datalint.errors import InputError, OutputError, RulePackError, UsageError
from datalint.fixes import Fixes, Repaired, rewrites, same, taken
from datalint.report.model import Report
from datalint.run import Scope, Setup, check_settings, prepare, report_of
from datalint.source import Block, open_source
from datalint.source.stream import BOM

Progress = Callable[[int], None]

_PLACE = ["file", "row", "rule"]
_LINES = (".jsonl", ".ndjson")


class Piece(NamedTuple):
    """Whole lines of a file as they are and as they will be, in UTF-8; the same object where nothing changes."""

    old: bytes
    new: bytes
    rows: int = 0  # that change


@dataclass(frozen=True)
class Edit:
    """One file that changes. `unwrapped`: the rows at which a line that holds an array begins."""

    job: Job
    sha256: str
    container: str
    encoding: str
    target: str  # the encoding that is written
    strip: bool = False  # the byte order mark
    unwrapped: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """The file's name as told to the user."""
        return self.job.file.name


@dataclass(frozen=True)
class Planned:
    """What would be fixed: the report as it is now, the fixes, and the files that they change."""

    report: Report
    fixes: Fixes
    edits: Sequence[Edit]
    fixed: Mapping[str, int]  # rule -> findings that will be gone
    hints: Sequence[str] = ()


@dataclass(frozen=True)
class FixResult:
    """What was fixed. `report` is the check of what is there now."""

    report: Report
    fixed: Mapping[str, int]  # rule -> findings that are gone
    rows: int  # that changed
    files: Sequence[str] = ()  # that changed
    hints: Sequence[str] = ()


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
    edited, and of these only the values that change. Each file is replaced at once. Raises a DatalintError for anything
    that a user can put right, OutputError if a file cannot be written; no file has changed then.
    """
    if not (data is None or isinstance(data, (str, Path, list, tuple))):
        raise UsageError(f"cannot fix a {type(data).__name__} in place: give a path, or use datalint.clean")
    flags = {key.replace("_", "-"): value for key, value in options.items()}
    settings = load(file=None if config is None else Path(config), isolated=isolated, flags=flags)
    paths = [data] if isinstance(data, (str, Path)) else data
    return fix_settings(paths, settings, unsafe=unsafe_fixes, scope=scope, progress=progress, fingerprints=True)


def fix_settings(
    paths: Sequence[str | Path] | None,
    settings: Settings,
    *,
    unsafe: bool = False,
    scope: Scope = "all",
    progress: Progress | None = None,
    fingerprints: bool = False,
) -> FixResult:
    """`fix` with settings that are loaded already."""
    planned = plan_fixes(
        paths, settings, unsafe=unsafe, scope=scope, progress=progress, fingerprints=fingerprints, tidy=True
    )
    rows = written_rows = Counter[str]()
    written_rows = _write(planned)
    rows = sum(written_rows.values())
    if not written_rows:
        return FixResult(planned.report, {}, 0, (), planned.hints)
    report = check_settings(paths, settings, scope=scope, fingerprints=fingerprints)
    return FixResult(report, planned.fixed, rows, list(written_rows), planned.hints)
