"""What datalint makes of files: what it finds, what it reads, and whether `clean` and `restore` give the bytes back.

`probe` runs in a child of the launcher, because a file may bring down whoever reads it.
"""

import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.faults.common import Bench, Trial

RULES = "FMT001,FMT003,FMT010,FMT013,FMT014,FMT101,FMT104,DUP001,TXT002,TXT003"
HOW = ("read", "check", "clean")


@dataclass(frozen=True)
class Case:
    """A file, and what must be found in it.

    `told`: rules, each with the line (None: not looked at); nothing else of family FMT0 may be told, unless `more`.
    `rows`: the values that must be read, None for a record that is unreadable; not looked at if there is no list.
    """

    kind: str
    name: str
    data: bytes = field(repr=False)
    told: Sequence[tuple[str, int | None]] = ()
    rows: Sequence[Any] | None = None
    more: bool = False
    label: str = ""
    refused: str = ""  # what `clean` must name in its one line where it cannot store the file as Parquet


def digest(value: Any) -> str:
    """A row in a few letters."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()[:12]


def trials(
    bench: Bench,
    cases: Iterable[Case],
    *,
    how: str = "clean",
    rules: str = RULES,
    limits: Mapping[str, int] | None = None,
) -> Iterator[Trial]:
    """Probe each case, and judge it. `limits` are those of resource.setrlimit."""
    kept = list(cases)
    with bench.folder() as folder:
        for number, case in enumerate(kept):
            (folder / f"{number:06}").mkdir()
            (folder / f"{number:06}" / case.name).write_bytes(case.data)
        call = "benchmarks.faults.probe:probe"
        found = bench.each(call, folder, how, rules, cwd=folder, items=len(kept), limits=limits)
        for case, seen in zip(kept, found, strict=True):
            problem = judged(case, seen)
            what = case.label or repr(case.data[:120])
            yield Trial(case.kind, problem and f"{case.kind}, {case.name}: {problem}: {what}")


def judged(case: Case, seen: Any) -> str:
    """What is wrong with what was seen of a case."""
    if "died" in seen:
        return f"died: {seen['died']}"
    if case.refused:
        raised, what = str(seen["raised"]), f"/{case.name}: column {case.refused}, which Parquet has not; "
        refused = raised.startswith("OutputError: ") and what in raised and "\n" not in raised
        return "" if refused else f"not refused as {what!r}, but {raised!r}"
    if seen["raised"]:
        return f"raised {seen['raised']}"
    if seen.get("lost"):
        return str(seen["lost"])
    told = [(rule, line) for rule, line, _ in seen["found"] if rule.startswith("FMT0")]
    for rule, line in case.told:
        if not any(rule == code and line in (None, at) for code, at in told):
            return f"no {rule} at line {line}, but {seen['found']}"
    if not case.more and {code for code, _ in told} - {rule for rule, _ in case.told}:
        return f"also told {told}"
    if case.rows is not None and seen["rows"] != [None if row is None else digest(row) for row in case.rows]:
        return f"other rows were read ({len(seen['rows'])} for {len(case.rows)})"
    return ""


def probe(first: str, folder: str, how: str, rules: str) -> None:
    """In the child: a line of JSON for each case from `first` on."""
    for case in sorted(Path(folder).iterdir())[int(first) :]:
        (path,) = case.iterdir()
        print(json.dumps(probed(path, how, rules)), flush=True)


def probed(path: Path, how: str, rules: str) -> dict[str, Any]:
    """What datalint makes of one file. Errors for users count as raised too: what can be opened is told as findings."""
    seen: dict[str, Any] = {"raised": None, "rows": [], "found": []}
    try:
        seen |= _read(path)
        if how != "read":
            seen["found"] = _checked(path, rules)
        if how == "clean":
            with tempfile.TemporaryDirectory(prefix="faults-") as name:
                seen["lost"] = _there_and_back(path, Path(name), rules, len(seen["rows"]))
    except Exception as error:
        seen["raised"] = f"{type(error).__name__}: {error}"[:300]
    return seen


def _read(path: Path) -> dict[str, Any]:
    from datalint.source import open_source

    rows: list[str | None] = []
    found = []
    for block in open_source(path, name=path.name).blocks():
        rows += [None if value is None else digest(value) for value in block.values]
        found += [[fault.code, fault.line, fault.reason] for fault in block.faults]
    return {"rows": rows, "found": found}


def _checked(path: Path, rules: str) -> list[list[Any]]:
    import datalint

    report = datalint.check(path, isolated=True, select=rules.split(","))
    return [[row["rule"], row["line"], row["row"]] for row in report.findings.iter_rows(named=True)]


def _there_and_back(path: Path, folder: Path, rules: str, rows: int) -> str:
    """What was lost on the way through `clean` and `restore`."""
    import datalint
    from datalint.cleaner import restore

    before = path.read_bytes()
    result = datalint.clean(path, out=folder / "out", isolated=True, select=rules.split(","))
    counts = result.manifest.counts
    if counts.rows_in != rows or rows != counts.rows_out + counts.rows_removed + counts.rows_unreadable:
        return f"{rows} rows were read, but counted are {counts}"
    back = restore(folder / "out", out=folder / "back").files[0].path
    if path.read_bytes() != before:
        return "the input was changed"
    lost = "" if unpacked(back.read_bytes()) == unpacked(before) or _equal_rows(path, back) else "restored otherwise"
    shutil.rmtree(folder / "out")
    return lost


def _equal_rows(path: Path, back: Path) -> bool:
    """Parquet and Arrow files come back row for row."""
    return path.read_bytes().startswith((b"PAR1", b"ARROW1")) and _read(path)["rows"] == _read(back)["rows"]


def unpacked(data: bytes) -> bytes:
    """What a compressed file holds; the compressed bytes need not come back."""
    import pyarrow as pa

    try:
        if data.startswith(b"\x1f\x8b"):
            return gzip.decompress(data)
        if data.startswith(b"\x28\xb5\x2f\xfd"):
            return pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    except (OSError, EOFError, ValueError):
        return data
    return data
