"""A small report, made by hand: rules and rows that no other change touches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from datalint.findings import SCHEMA
from datalint.gate import Failure
from datalint.report.model import Report
from datalint.rule import Fix, Rule

# In two parts, so that no scanner takes it for a leak.
KEY = "AK" + "IA" + "4QZ7MWT2LJRXH6VD"


@dataclass(frozen=True)
class Empty(Rule):
    code, name, severity = "FMT011", "empty-field", "error"
    message = "{side} turn {turn} has {n} visible characters"
    fix, fix_title = Fix("drop", "unsafe"), "drops the row"


@dataclass(frozen=True)
class Copy(Rule):
    code, name, severity = "DUP001", "exact-duplicate", "warning"
    message = "says what an earlier row says"
    fix, fix_title = Fix("drop", "safe"), "keeps the first"


@dataclass(frozen=True)
class Conflict(Rule):
    code, name, severity = "CON001", "conflicting-answers", "error"
    message = "the same prompt is answered {answer!r} elsewhere"


@dataclass(frozen=True)
class Imbalance(Rule):
    code, name, severity = "LAB003", "label-imbalance", "info"
    message = "{what}"


@dataclass(frozen=True)
class Secret(Rule):
    code, name, severity = "SEC001", "secret", "error"
    message = "{kind}"
    fix, fix_title = Fix("rewrite", "unsafe"), "puts [SECRET] in its place"


@dataclass(frozen=True)
class File:
    name: str
    rows: int
    format: str = "chat"
    split: str = "train"
    container: str = "jsonl"
    columns: Mapping[str, str] = field(default_factory=dict)
    size: int = 1000
    sha256: str = "0" * 64

    def line(self, row: int) -> int | None:
        return None if self.container == "parquet" else row + 1


RULES = {rule.code: rule() for rule in (Empty, Copy, Conflict, Imbalance, Secret)}


def finding(rule: str, file: int | None, row: int | None, args: str = "{}", **more: Any) -> dict[str, Any]:
    made = RULES[rule]
    fix = made.fix if row is not None else None
    return {
        "rule": rule,
        "severity": made.severity,
        "file": file,
        "row": row,
        "line": None if row is None else row + 1,
        "args": args,
        "related": [],
        "fix_kind": fix.kind if fix else None,
        "fix_safety": fix.safety if fix else None,
        **more,
    }


def make_report(
    found: Sequence[Mapping[str, Any]],
    files: Sequence[File],
    rows: Mapping[tuple[int, int], Any] | None = None,
    failures: Sequence[Failure] = (),
) -> Report:
    values = rows or {}
    return Report(
        found=pl.DataFrame([{key: item.get(key) for key in SCHEMA} for item in found], schema=SCHEMA),
        files=files,
        rules=RULES,
        failures=failures,
        fetch=lambda file, wanted: {row: values.get((file, row)) for row in wanted},
        version="0.1.0",
        config_digest="c0ffee",
        seconds=1.94,
    )


def chat(*turns: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]}


def sample() -> Report:
    """Five rules, three files: long and odd texts, a span, a pair, a finding about a whole file."""
    files = [
        File("data/train.jsonl", 84_112),
        File("qa.parquet", 40, "prompt-completion", container="parquet", columns={"prompt": "question"}),
        File("eval.jsonl", 7, split="eval"),
    ]
    shell = chat("Show the config.", f"Here: {'x ' * 60}key={KEY} {'y ' * 60}")
    rows = {
        (0, 0): chat("Name a sea.", "The Baltic.", "Can you also show the SQL version?", "  \n"),
        (0, 4): chat("日本の首都は？", ""),
        (0, 7): shell,
        (0, 96): chat("Name a hill.", "Blorenge."),
        (0, 99): chat("Name a hill.", "Blorenge."),
        (1, 3): {"question": "Is Pluto a planet?", "completion": "yes"},
        (1, 5): {"question": "Is Pluto a planet?", "completion": "no"},
    }
    start = shell["messages"][1]["content"].index(KEY)
    empty = '{"side":"assistant","turn":%d,"n":0}'
    found = [
        finding("FMT011", 0, 0, empty % 3, pointer="/messages/3/content"),
        finding("FMT011", 0, 4, empty % 1, pointer="/messages/1/content", severity="warning"),
        *(finding("FMT011", 0, row, empty % 1, pointer="/messages/1/content") for row in (200,)),
        finding("SEC001", 0, 7, '{"kind":"AWS key"}', pointer="/messages/1/content", start=start, end=start + 20),
        finding("DUP001", 0, 99, related=[{"file": 0, "row": 96}], fingerprint="1abc"),
        finding("CON001", 1, 3, '{"answer":"no"}', line=None, related=[{"file": 1, "row": 5}]),
        finding("LAB003", 1, None, '{"what":"label \'yes\' has 39 of 40 rows"}', pointer="/completion"),
    ]
    failures = [Failure("FMT011", 3, 3 / 84159, "> 0"), Failure("CON001", 1, 1 / 84159, "> 0.001%")]
    return make_report(found, files, rows, failures)
