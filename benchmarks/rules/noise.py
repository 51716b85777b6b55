"""How much the rules say about real data that nobody broke on purpose, and how much of it is false.

    python benchmarks/rules/noise.py --data DIR [--only NAME ...] [--show CODE ...]

`noise.toml` beside this file holds what was found when somebody read it: by dataset and rule the number of findings,
the rows of those that are false (known limits of the rule; -1 stands for the dataset, "all" for any), and one reason.
The script names whatever differs from it. `--show` prints findings to read.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from common import CORPUS, DEFINED, Dataset, counts, linted, off, table

from datalint.location import resolve
from datalint.report.model import Report

EXPECTED = Path(__file__).with_name("noise.toml")
SHOWN = 20


@dataclass(frozen=True)
class Judged:
    """What the rules said about one dataset, held against what was read."""

    name: str
    rows: int
    found: Mapping[str, int]
    false: Mapping[str, int]
    why: Mapping[str, str]
    differences: Sequence[str]


def expectations() -> dict[str, dict[str, Any]]:
    """By dataset: `rows`, and by rule `hits`, `false` (rows), `why`."""
    return tomllib.loads(EXPECTED.read_text(encoding="utf-8"))


def judge(dataset: Dataset, report: Report, expected: Mapping[str, Any]) -> Judged:
    """Findings that stand on rows where the rule is known to be wrong are false; all else was read or is named."""
    found, false = counts(report), {}
    known: dict[str, Mapping[str, Any]] = {code: entry for code, entry in expected.items() if code != "rows"}
    differences = []
    if report.rows != expected.get("rows"):
        differences.append(f"{dataset.name}: {report.rows} rows, expected {expected.get('rows')}")
    for code in sorted({*found, *known}):
        entry = known.get(code, {})
        hits, wanted = found.get(code, 0), entry.get("hits", 0)
        if hits != wanted:
            differences.append(f"{dataset.name}: {code} {hits} findings, expected {wanted}")
        rows, known_wrong = report.found.filter(rule=code)["row"].fill_null(-1), entry.get("false", [])
        if wrong := hits if known_wrong == "all" else int(rows.is_in(known_wrong).sum()):
            false[code] = wrong
    why = {code: entry["why"] for code, entry in known.items()}
    return Judged(dataset.name, report.rows, found, false, why, differences)


def hits(report: Report, codes: Sequence[str]) -> Iterator[str]:
    """Findings for people: what the message says and the text around the place."""
    few = report.found.with_row_index("number").filter(pl.col("rule").str.contains(f"^({'|'.join(codes)})"))
    few = few.group_by("rule", maintain_order=True).head(SHOWN)
    rows = report.fetch(0, few["row"].drop_nulls().to_list())
    messages = report.findings["message"]
    for item in few.iter_rows(named=True):
        text = ""
        if item["row"] is not None and item["pointer"]:
            value = resolve(rows[item["row"]], item["pointer"]) if isinstance(rows[item["row"]], dict) else ""
            start = item["start"] or 0
            text = ascii(str(value)[max(0, start - 80) : start + 160])
        yield f"{item['rule']} row {item['row']} {item['pointer']}: {messages[item['number']]}  {text}"


def rates(judged: Sequence[Judged], rules: Sequence[str]) -> str:
    """Findings per 10,000 rows: a line a rule and dataset with what is known of them, then the rule over all."""
    lines: list[list[object]] = []
    total = sum(one.rows for one in judged)
    for rule in rules:
        those = [one for one in judged if rule in one.found]
        for one in those:
            count, wrong = one.found[rule], one.false.get(rule, 0)
            lines.append([rule, one.name, count, f"{1e4 * count / one.rows:.1f}", wrong, one.why.get(rule, "not read")])
        count, wrong = sum(one.found[rule] for one in those), sum(one.false.get(rule, 0) for one in those)
        lines.append([rule, "(all)", count, f"{1e4 * count / total:.2f}", wrong, f"{1e4 * wrong / total:.2f} false"])
    return table(["rule", "dataset", "findings", "per 10,000", "false", "read as"], lines)


def summary(judged: Sequence[Judged]) -> str:
    """By dataset: rows, findings of the rules that are on, false ones."""
    silent = off()

    def on(told: Mapping[str, int]) -> int:
        return sum(count for code, count in told.items() if code not in silent)

    lines = [[one.name, one.rows, on(one.found), on(one.false), f"{1e4 * on(one.false) / one.rows:.1f}"]
             for one in judged]  # fmt: skip
    return table(["dataset", "rows", "findings", "false", "false per 10,000"], lines)


def rate(judged: Sequence[Judged], rules: Sequence[str]) -> float:
    """False findings of some rules together per 10,000 rows."""
    rows = sum(one.rows for one in judged)
    return 1e4 * sum(one.false.get(code, 0) for one in judged for code in rules) / rows if rows else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[], help="datasets by name")
    parser.add_argument("--show", nargs="+", default=[], metavar="CODE", help="print findings of these rules to read")
    options = parser.parse_args()

    expected, judged = expectations(), []
    for dataset in CORPUS:
        if options.only and dataset.name not in options.only:
            continue
        with linted(dataset, options.data, "ALL") as report:
            judged.append(judge(dataset, report, expected.get(dataset.name, {})))
            if options.show:
                sys.stdout.writelines(f"{dataset.name} {line}\n" for line in hits(report, options.show))
    silent = off()
    told = sorted({code for one in judged for code in one.found})
    on = [code for code in told if code not in silent]
    sys.stdout.write(f"\n{summary(judged)}\n\nRules that are on, findings per 10,000 rows\n\n{rates(judged, on)}\n")
    if quiet := [code for code in told if code in silent]:
        sys.stdout.write(f"\nRules that are off by default\n\n{rates(judged, quiet)}\n")
    differences = [line for one in judged for line in one.differences]
    if differences:
        sys.stdout.write("\nNot as expected:\n" + "".join(f"  {line}\n" for line in differences))
    read = sum(one.found[code] for one in judged for code in on if code in one.found and not code.startswith(DEFINED))
    short = {dataset.name for dataset in CORPUS if dataset.path.startswith("classification/")}
    everywhere, longer = rate(judged, on), rate([one for one in judged if one.name not in short], on)
    total = sum(one.rows for one in judged)
    sys.stdout.write(
        f"\n{total:,} rows; {len(on)} rules that are on spoke, {read:,} findings of theirs to read; {len(differences)} "
        f"not as expected; false findings of all rules that are on: {everywhere:.2f} per 10,000 rows, {longer:.2f} "
        "without the short rows of classification (goal: 5)\n"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
