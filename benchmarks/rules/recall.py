"""What the rules find of faults that others planted or that people mended, and what they say where there is none.

    python benchmarks/rules/recall.py --data DIR

`planted` and `pairs` return one line a class: what was planted, found, missed, and false findings of the same rules.
Planted faults have line numbers; in the histories a file before and after its repair stands for a fault and its
absence. The share of the planted that is found must be 100 %; the last line says so, and the exit code.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from common import DEFINED, Recall, counts, lines_of, off, some, table, unpacked
from suites import broken_and_mended, containers, mojibake, naughty, tool_fixes

from datalint import check
from datalint.registry import all_rules
from datalint.report.model import Report

CLASSES: Mapping[str, Sequence[str]] = {
    "malformed": ("FMT001",),
    "missing_key": ("FMT005", "FMT006", "FMT011", "FMT101"),
    "role_order": ("FMT104",),
    "bad_role": ("FMT101",),
    "ends_user": ("FMT103",),
    "empty_asst": ("FMT011",),
    "ws_asst": ("FMT011",),
    "mojibake": ("TXT001", "TXT003"),  # where a byte was lost, what is left is U+FFFD
    "special": ("TOK006",),
    "email": ("PII001",),
    "phone": ("PII001",),
    "awskey": ("SEC001",),
    "skkey": ("SEC001",),
    "placeholder": ("TXT009", "TXT010"),
    "refusal": ("SAF001", "SAF002"),
    "trunc": ("TXT007",),
    "label_variant": ("LAB002",),
    "label_missing": ("FMT005",),
}
"""Classes of messy/ and the rules that must find them, if one of them is there and on. `verylong` is for none."""
REFUSAL = re.compile(r"\bAI language model\b|\bI cannot assist\b")  # planted under the name of placeholder

NOT_IN = {
    "alpaca": {"role_order", "bad_role", "ends_user", "label_variant", "label_missing"},
    "chat": {"label_variant", "label_missing"},
}
MARKS = {
    "mojibake": r"Ã|â€|\ufffd",
    "special": r"<\|\w+\|>|\[/?INST\]|</s>",
    "email": r"@",
    "phone": r"\d{3}[-. )]+\d{3,4}",
    "awskey": r"AKIA",
    "skkey": r"\bsk-",
    "label_variant": "",
    "label_missing": "",
}
"""In text/label rows only the prompt is left: a fault that was planted in the answer is not in the file."""


def truth_of(data: Path, name: str) -> list[dict[str, Any]]:
    """Lines of messy/NAME: `line`, `cls` and more."""
    file = "textlabel" if name == "textlabel" else "chat"
    return [json.loads(line) for line in unpacked(data / f"messy/{file}_truth.jsonl.gz").splitlines()]


def planted(data: Path, name: str) -> tuple[list[Recall], Report]:
    """Recall by class over messy/NAME.jsonl.gz, and the report of all rules."""
    path = data / f"messy/{name}.jsonl.gz"
    report = check(str(path), isolated=True, select=["ALL"])
    lines = unpacked(path).decode().split("\n")
    by_class: dict[str, set[int]] = {}
    for truth in truth_of(data, name):
        refused = truth["cls"] == "placeholder" and REFUSAL.search(lines[truth["line"] - 1])
        by_class.setdefault("refusal" if refused else truth["cls"], set()).add(truth["line"])
    clean = by_class["clean"]
    spoken = {code for code, rule in all_rules().items() if rule.default}
    told = []
    for cls, rules in CLASSES.items():
        there = by_class.get(cls, set())
        if name == "textlabel":
            there = {line for line in there if cls in MARKS and re.search(MARKS[cls], lines[line - 1])}
        if there and cls not in NOT_IN.get(name, set()):
            found = lines_of(report, rules)
            missed, false = sorted(there - found), sorted(found & clean)
            wanted = not spoken.isdisjoint(rules)
            told.append(Recall(f"messy/{name}", cls, rules, len(there), missed, false, wanted))
    return told, report


def elsewhere(data: Path, name: str, report: Report) -> Iterator[tuple[str, str, int, str]]:
    """Findings on lines of messy/NAME with nothing planted on them, by rule; in part faults of the real base rows."""
    clean = [truth["line"] for truth in truth_of(data, name) if truth["cls"] == "clean"]
    rest = report.found.filter(pl.col("line").is_in(clean), ~pl.col("rule").str.contains(f"^({'|'.join(DEFINED)})"))
    for (rule,), part in sorted(rest.partition_by("rule", as_dict=True).items()):
        yield f"messy/{name}", str(rule), part.height, some(part["line"].to_list())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    data: Path = parser.parse_args().data
    told: list[Recall] = []
    rest, totals = [], []
    for name in ("chat", "alpaca", "textlabel"):
        recalls, report = planted(data, name)
        told += recalls
        rest += [(*line, "off" if line[1] in off() else "") for line in elsewhere(data, name, report)]
        totals.append(f"messy/{name}: " + ", ".join(f"{code} {n}" for code, n in counts(report).items()))
    for source in (broken_and_mended, tool_fixes, mojibake, containers):
        told += source(data)
    head = ["where", "class", "rules", "planted", "found", "missed", "false", "at"]
    sys.stdout.write(table(head, (one.cells for one in told)) + "\n\nFindings where nothing was planted\n\n")
    sys.stdout.write(table(["where", "rule", "findings", "lines", "default"], rest) + "\n\n" + "\n".join(totals))
    sys.stdout.write(f"\n\nNaughty strings\n\n{naughty(data)}\n")
    missed = [f"{one.where} {one.name}" for one in told if one.wanted and (one.missed or one.false)]
    sys.stdout.write(f"\nNot complete, or with false findings: {', '.join(missed) or 'none'}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
