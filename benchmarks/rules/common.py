"""What the benchmarks of the rules share: the corpus of real data, findings by rule, tables."""

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from datalint import check
from datalint.registry import all_rules
from datalint.report.model import Report

Row = Mapping[str, Any]
DEFINED = ("DUP", "CON", "LAB")
"""Families whose findings are true by the definition of the rule: nobody need read them."""


@dataclass(frozen=True)
class Dataset:
    """Files as upstream has them, or the rows that `rows` makes of them, and the options of the run."""

    name: str
    path: str
    rows: Callable[[Iterable[Any]], Iterator[Row]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def splits(documents: Iterable[Any]) -> Iterator[Row]:
    """CLINC: one object of splits, each a list of [text, label]."""
    for document in documents:
        for pairs in document.values():
            yield from ({"text": text, "label": label} for text, label in pairs)


def instances(tasks: Iterable[Any]) -> Iterator[Row]:
    """Self-instruct: tasks with their examples inside, as the Alpaca rows that people make of them."""
    for task in tasks:
        for one in task["instances"]:
            yield {"instruction": task["instruction"], **one}


def turn_pairs(questions: Iterable[Any]) -> Iterator[Row]:
    """MT-bench: the questions of a conversation, without answers."""
    for question in questions:
        yield from ({"prompt": text} for text in question["turns"])


def written_out(rows: Iterable[Any]) -> Iterator[Row]:
    """Preference rows as Anthropic's HH publishes them: the whole conversation as text, once with each answer."""
    said = {"human": "Human", "gpt": "Assistant", "system": "System"}
    for row in rows:
        talk = "".join(f"\n\n{said[turn['from']]}: {turn['value']}" for turn in row["conversations"])
        yield {side: f"{talk}\n\nAssistant: {row[side]['value']}" for side in ("chosen", "rejected")}


_FACTORY = "instruct/llama-factory"
_EVALS = {"columns": {"prompt": "question", "chosen": "answer_matching_behavior",
                      "rejected": "answer_not_matching_behavior"}}  # fmt: skip
CORPUS = (
    Dataset("gsm8k-train", "reasoning/gsm8k/train.jsonl.gz"),
    Dataset("gsm8k-test", "reasoning/gsm8k/test.jsonl.gz"),
    Dataset("mbpp", "reasoning/mbpp/mbpp.jsonl.gz", options={"columns": {"prompt": "text", "completion": "code"}}),
    Dataset("humaneval", "reasoning/humaneval/HumanEval.jsonl.gz",
            options={"columns": {"completion": "canonical_solution"}}),
    Dataset("dolly", "instruct/dolly/dolly_3k.json.gz"),
    Dataset("gpteacher-codegen", "instruct/gpteacher/codegen-instruct.json.gz"),
    Dataset("gpteacher-roleplay", "instruct/gpteacher/roleplay-simple-deduped-roleplay-instruct.json.gz"),
    Dataset("gpteacher-toolformer", "instruct/gpteacher/toolformer-dedupe-only-dataset.json.gz"),
    Dataset("clinc", "classification/clinc/data_full.json.gz", splits),
    Dataset("banking77-train", "classification/banking77/train.csv.gz"),
    Dataset("banking77-test", "classification/banking77/test.csv.gz"),
    Dataset("belle-eval", "instruct/belle/eval_set.json.gz", options={"columns": {"completion": "std_answer"}}),
    Dataset("belle-seed", "instruct/belle/zh_seed_tasks.json", instances),
    Dataset("factory-identity", f"{_FACTORY}/identity.json"),
    Dataset("factory-dpo", f"{_FACTORY}/dpo_en_demo.json.gz"),
    Dataset("factory-dpo-as-hh", f"{_FACTORY}/dpo_en_demo.json.gz", written_out),
    Dataset("factory-kto", f"{_FACTORY}/kto_en_demo.json.gz"),
    Dataset("factory-glaive", f"{_FACTORY}/glaive_toolcall_en_demo.json.gz"),
    Dataset("factory-c4", f"{_FACTORY}/c4_demo.jsonl.gz"),
    Dataset("self-instruct-seed", "instruct/self-instruct/seed_tasks.jsonl", instances),
    Dataset("self-instruct-user", "instruct/self-instruct/user_oriented_instructions.jsonl", instances),
    Dataset("gorilla", "instruct/gorilla/torchhub_train.json.gz"),
    Dataset("fastchat", "instruct/fastchat/dummy_conversation.json.gz"),
    Dataset("mt-bench", "instruct/fastchat/mt_bench_question.jsonl", turn_pairs),
    Dataset("distillanything", "repos/distillanything/data/train.jsonl"),
    Dataset("wikisql-text", "repos/mlx-examples-lora/lora/data/train.jsonl"),
    Dataset("anthropic-evals", "repos/anthropic-evals/persona/neuroticism.jsonl", options=_EVALS),
)  # fmt: skip


def unpacked(path: Path) -> bytes:
    """A file's bytes, decompressed."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def records(path: Path) -> Iterator[Any]:
    """Records of a .json, .jsonl or .csv file that is as it should be."""
    text = unpacked(path).decode()
    if ".csv" in path.suffixes:
        yield from csv.DictReader(io.StringIO(text, newline=""))
        return
    try:
        whole = json.loads(text)
    except ValueError:
        whole = [json.loads(line) for line in text.split("\n") if line]
    yield from whole if isinstance(whole, list) else [whole]


@contextmanager
def linted(dataset: Dataset, data: Path, *select: str) -> Iterator[Report]:
    """The report over a dataset, of the default rules if none are named; its rows can be fetched inside."""
    options: dict[str, Any] = {**dataset.options, **({"select": list(select)} if select else {})}
    with tempfile.TemporaryDirectory(prefix="datalint-") as folder:
        path = data / dataset.path
        if dataset.rows is not None:
            made = Path(folder) / "rows.jsonl"
            write(made, dataset.rows(records(path)))
            path = made
        yield check(str(path), isolated=True, **options)


def write(path: Path, rows: Iterable[Any]) -> None:
    """Rows as JSON Lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def lint_rows(rows: Iterable[Any], *select: str) -> Report:
    """The report over rows at hand."""
    with tempfile.TemporaryDirectory(prefix="datalint-") as folder:
        path = Path(folder) / "rows.jsonl"
        write(path, rows)
        return check(str(path), isolated=True, **({"select": list(select)} if select else {}))


def counts(report: Report) -> dict[str, int]:
    """Findings by rule."""
    return dict(report.found.group_by("rule").len().sort("rule").iter_rows())


def off() -> frozenset[str]:
    """Rules that are silent unless they are selected."""
    return frozenset(code for code, rule in all_rules().items() if not rule.default)


def lines_of(report: Report, rules: Sequence[str]) -> set[int]:
    """Physical lines on which any of the rules found something."""
    return set(report.found.filter(pl.col("rule").is_in(list(rules)))["line"].drop_nulls())


@dataclass(frozen=True)
class Recall:
    """One class: how many were planted, what was missed, what the same rules found where nothing was planted."""

    where: str
    name: str
    rules: Sequence[str]
    planted: int
    missed: Sequence[object]
    false: Sequence[object]
    wanted: bool = True  # it must be complete

    @property
    def cells(self) -> list[object]:
        """As a line of the table."""
        share = f"{100 * (1 - len(self.missed) / self.planted):.1f} %" if self.planted else "-"
        return [self.where, self.name, " ".join(self.rules), self.planted, share, some(self.missed),
                len(self.false), some(self.false)]  # fmt: skip


def some(items: Sequence[object]) -> str:
    """The first few, and how many there are."""
    shown = ", ".join(map(str, items[:6]))
    return f"{shown}, … ({len(items)})" if len(items) > 6 else shown


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    numeric = [all(row[i][:1].isdigit() or row[i] in ("", "-") for row in cells) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        padded = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = (("-" * (w - 1) + ":") if n else "-" * w for w, n in zip(widths, numeric, strict=True))
    return "\n".join([line(head), f"| {' | '.join(rule)} |", *(line(row) for row in cells)])
