"""Truth about broken files and rows that other projects keep: repairs in their histories, test suites of readers.

Used by recall.py.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from common import DEFINED, Recall, lint_rows, records, table, unpacked

from datalint import check

REFUSED = {
    "column_chunk_key_value_metadata",  # holds no row
    "large_string_map.brotli",  # one row of 2 GiB
}
"""Sound Parquet files that FMT015 rightly tells of."""

UNLIKE = {
    "location_coordinates",  # the truth has another telephone number
    "newlines_crlf",  # a checkout has made its CR LF plain LF
}
"""Tables of csv-spectrum that are not what their truth says."""


def broken_and_mended(data: Path) -> Iterator[Recall]:
    """Tables and documents as people pushed them, and as they repaired them."""
    rules = ("FMT001", "FMT013", "FMT015", "FMT002")
    pairs = [
        (data / "history/prompts-csv" / pair["bad"], data / "history/prompts-csv" / pair["fixed"])
        for pair in records(data / "history/prompts-csv/pairs.truth.jsonl")
    ]
    supplement = data / "history/zh-supplement"
    for name, some in (
        ("prompts-csv", pairs),
        ("zh-supplement", [(supplement / "terms.bad.json", supplement / "terms.fixed.json")]),
    ):
        missed = [bad.name for bad, _ in some if not _has(bad, rules)]
        false = [fixed.name for _, fixed in some if _has(fixed, rules)]
        yield Recall("history", name, rules, len(some), missed, false)


def _has(path: Path, rules: Sequence[str]) -> bool:
    return not set(rules).isdisjoint(check(str(path), isolated=True).found["rule"])


def tool_fixes(data: Path) -> Iterator[Recall]:
    """Tool declarations before and after BFCL's repairs, as chat rows with tools."""
    rules = ("TOOL006",)
    for kind, wanted in (("enum-type", True), ("param-type", False)):
        folder = data / "history/bfcl-fixes" / kind
        truth = {(row["file"], row["row_id"]) for row in records(folder / "rows.truth.jsonl")}
        missed: list[object] = []
        false: list[object] = []
        for file in sorted({file for file, _ in truth}):
            sides = {}
            for side in ("before", "after"):
                (path,) = folder.glob(f"{file}.{side}.jsonl*")
                rows = list(records(path))
                found = lint_rows(map(_with_tools, rows), *rules).findings
                sides[side] = {(rows[row]["id"], text) for row, text in found.select("row", "message").iter_rows()}
            # Other faults of the same kind that upstream left in are in both files, and true.
            mended = {row for row, _ in sides["before"] - sides["after"]}
            missed += sorted(row for name, row in truth if name == file and row not in mended)
            false += sorted(sides["after"] - sides["before"])
        # That a pressure may be a fraction is nothing that a schema could tell.
        yield Recall("history", f"bfcl {kind}", rules, len(truth), missed, false, wanted)


def _with_tools(row: Mapping[str, Any]) -> dict[str, Any]:
    asked = [turn for turns in row["question"] for turn in turns]
    return {"messages": [*asked, {"role": "assistant", "content": "Done."}], "tools": row["function"]}


def mojibake(data: Path) -> Iterator[Recall]:
    """ftfy's pairs: what its encoding repair changes must be found, what must stay as it is must not."""
    rules = ("TXT001",)
    for path in sorted((data / "badinput/ftfy").glob("*.json")):
        cases = list(records(path))
        found = set(lint_rows(({"text": case["original"]} for case in cases), *rules).found["row"])
        broken = {i for i, case in enumerate(cases) if case.get("fixed-encoding", case["fixed"]) != case["original"]}
        missed = [cases[i]["label"] for i in sorted(broken - found)]
        false = [cases[i]["label"] for i in sorted(found - broken)]
        known = path.stem.startswith("known-failures")  # of ftfy itself
        yield Recall("ftfy", path.stem, rules, len(broken), missed, false, wanted=not known)


def containers(data: Path) -> Iterator[Recall]:
    """Suites of broken and odd files: what is broken is told, what is not is read in silence."""
    bad = data / "badinput"
    yield _files("csv-spectrum", ("FMT013", "FMT015"), [], sorted((bad / "csv-spectrum/csvs").glob("*.csv")))
    tables = {path.stem: path for path in sorted((bad / "csv-spectrum/csvs").glob("*.csv"))}
    for name in UNLIKE:
        del tables[name]
    wrong = [name for name, path in tables.items() if _read(path) != _truth(bad / f"csv-spectrum/json/{name}.json")]
    yield Recall("badinput", "csv-spectrum cells", (), len(tables), wrong, [])
    tests = sorted((bad / "JSONTestSuite/test_parsing").glob("*.json"))
    broken = [path for path in tests if path.name.startswith("n_")]
    objects = [path for path in tests if path.name.startswith("y_") and _is_object(path)]
    told = ("FMT001", "FMT002", "FMT015")
    yield _files("JSONTestSuite n_, y_ objects", told, broken, objects)
    parquet = bad / "parquet-testing"
    good = [path for path in sorted((parquet / "data").glob("*.parquet"))
            if "corrupt" not in path.name and path.stem not in REFUSED]  # fmt: skip
    corrupt = sorted((parquet / "bad_data").glob("*.parquet"))
    yield _files("parquet-testing", ("FMT015",), corrupt, good)
    yield _files("lfs-pointers", ("FMT012",), sorted((bad / "lfs-pointers").rglob("*.jsonl*")), [])


def _read(path: Path) -> list[Any]:
    report = check(str(path), isolated=True)
    return [_cells(row) for row in report.fetch(0, range(report.rows)).values()]


def _truth(path: Path) -> list[Any]:
    read = json.loads(path.read_bytes())
    return [_cells(row) for row in (read if isinstance(read, list) else [read])]


def _cells(row: Any) -> dict[str, str]:
    """Cells as text: what a table reader makes of numbers and nothing is its own matter."""
    return {key: "" if value is None else str(value) for key, value in row.items()}


def _is_object(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


def _files(
    name: str, rules: Sequence[str], broken: Sequence[Path], good: Sequence[Path], *, wanted: bool = True
) -> Recall:
    has = partial(_has, rules=rules)
    missed = [path.name for path in broken if not has(path)]
    return Recall("badinput", name, rules, len(broken), missed, [path.name for path in good if has(path)], wanted)


def naughty(data: Path) -> str:
    """What the default rules say about the naughty strings, each as the user's text of a chat, by section and rule."""
    strings = [json.loads(line) for line in unpacked(data / "badinput/naughty-strings/blns-half0.jsonl").splitlines()]
    answer = {"role": "assistant", "content": "I do not know."}
    talks = [{"messages": [{"role": "user", "content": one["text"] or "?"}, answer]} for one in strings]
    with tempfile.TemporaryDirectory(prefix="datalint-") as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(talk) + "\n" for talk in talks))
        report = check(str(path), isolated=True, ignore=list(DEFINED))
    sections = [(strings[row]["section"], rule) for row, rule in report.found.select("row", "rule").iter_rows()
                if row is not None]  # fmt: skip
    lines = [(section, rule, sections.count((section, rule))) for section, rule in sorted(set(sections))]
    return table(["section", "rule", "findings"], lines)
