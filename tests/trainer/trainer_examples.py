"""Small data sets for the trainer's tests: rows drawn from the demo's held-out questions, whose labels are right."""

import json
from collections.abc import Iterable, Sequence
from importlib.resources import files

import numpy as np

from datalint.examples import Example
from datalint_trainer.rows import Row, labelled

Pair = tuple[str, str]


def examples(pairs: Iterable[Pair]) -> list[Example]:
    return [
        Example(row=i, value={}, format="classification", turns=(), text=text, label=label)
        for i, (text, label) in enumerate(pairs)
    ]


def rows(pairs: Iterable[Pair]) -> list[Row]:
    return [labelled(text, label) for text, label in pairs]


def questions() -> list[Pair]:
    text = (files("datalint_trainer") / "demo_data" / "eval.jsonl").read_text(encoding="utf-8")
    return [(row["text"], row["label"]) for row in map(json.loads, text.splitlines())]


def split(train: int, classes: int = 8) -> tuple[list[Pair], list[Pair]]:
    """Some training pairs, the rest for evaluation."""
    chosen = sorted({label for _, label in questions()})[:classes]
    pairs = [pair for pair in questions() if pair[1] in chosen]
    return pairs[:train], pairs[train:]


def flip(pairs: Sequence[Pair], share: float, seed: int = 0) -> tuple[list[Pair], list[bool]]:
    """Give a share of the rows another label; says which."""
    draw = np.random.default_rng(seed)
    labels = sorted({label for _, label in pairs})
    flipped = [bool(x) for x in draw.random(len(pairs)) < share]
    wrong = [labels[(labels.index(label) + 1) % len(labels)] for _, label in pairs]
    return [(text, wrong[i] if flipped[i] else label) for i, (text, label) in enumerate(pairs)], flipped
