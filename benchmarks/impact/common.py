"""The data of the trials, and how a rate is shown.

DATA holds public sets under their own names: classification/{banking77,clinc,sms-spam,hate-offensive},
instruct/{gpteacher,dolly}, reasoning/gsm8k.
"""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from datalint_trainer.embedded_chat import seen_by_base

Pair = tuple[str, str]
Pairs = Sequence[Pair]
HELD_OUT = 2_000


def read_labelled(folder: Path, data: str) -> tuple[Pairs, Pairs]:
    """Training and held-out (text, label) pairs of banking77, clinc, sms or hate."""

    def text(path: str) -> str:
        return gzip.decompress((folder / "classification" / path).read_bytes()).decode()

    if data == "banking77":
        parts = (text(f"banking77/{part}.csv.gz") for part in ("train", "test"))
        train, test = ([(r["text"], r["category"]) for r in csv.DictReader(io.StringIO(p))] for p in parts)
        return train, test
    if data == "clinc":
        splits = json.loads(text("clinc/data_full.json.gz"))
        return [tuple(pair) for pair in splits["train"]], [tuple(pair) for pair in splits["test"]]
    if data == "sms":
        lines = [line.split("\t", 1) for line in text("sms-spam/sms.tsv.gz").split("\n") if line]
        rows = [(message, label) for label, message in lines]
    else:
        table = csv.DictReader(io.StringIO(text("hate-offensive/labeled_data.csv.gz")))
        rows = [(r["tweet"], r["class"]) for r in table]
    order = np.random.default_rng(0).permutation(len(rows))
    shuffled = [rows[i] for i in order]
    return shuffled[HELD_OUT:], shuffled[:HELD_OUT]


def read_chat(folder: Path, data: str) -> list[Pair]:
    """Prompts and answers of toolformer, code, role, dolly or gsm8k that the embedded model has not been trained on."""

    def text(path: str) -> str:
        return gzip.decompress((folder / path).read_bytes()).decode()

    if data == "gsm8k":
        lines = "".join(text(f"reasoning/gsm8k/{part}.jsonl.gz") for part in ("train", "test")).splitlines()
        rows = [(row["question"], row["answer"]) for row in map(json.loads, lines)]
    else:
        path, answer = {
            "toolformer": ("gpteacher/toolformer-dedupe-only-dataset", "response"),
            "code": ("gpteacher/codegen-instruct", "response"),
            "role": ("gpteacher/roleplay-simple-deduped-roleplay-instruct", "response"),
            "dolly": ("dolly/dolly_3k", "output"),
        }[data]
        rows = [
            ("\n".join(part for part in (row["instruction"], row["input"]) if part), row[answer])
            for row in json.loads(text(f"instruct/{path}.json.gz"))
        ]
    return [(prompt, answer) for prompt, answer in rows if answer.strip() and not seen_by_base(prompt)]


def rate(false: int, number: int) -> str:
    """Share with its 95 % interval (Clopper and Pearson 1934)."""
    interval = stats.binomtest(false, number).proportion_ci(0.95)
    return f"{false} of {number}, {false / number:.1%} [{interval.low:.1%}, {interval.high:.1%}]"
