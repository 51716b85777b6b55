"""What the benchmarks of near duplicates share: real rows, planted copies, groups of linked rows, tables."""

import csv
import gzip
import io
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from datalint.dedup import normalise

SEED = 20261121

POOL = (
    "instruct/gpteacher/codegen-instruct.json.gz",
    "instruct/gpteacher/roleplay-simple-deduped-roleplay-instruct.json.gz",
    "instruct/gpteacher/toolformer-dedupe-only-dataset.json.gz",
    "instruct/dolly/dolly_3k.json.gz",
    "instruct/llama-factory/c4_demo.jsonl.gz",
    "instruct/gorilla/torchhub_train.json.gz",
    "reasoning/gsm8k/train.jsonl.gz",
    "messy/alpaca.jsonl.gz",
    "messy/eval_chat.jsonl.gz",
)
PROMPT = ("instruction", "input", "question")
ANSWER = ("output", "response", "answer", "std_answer", "text", "code")

Truth = list[tuple[str, int, int]]
"""(class, row, copy) of each planted copy; the class is the share of edited words: "5 %"."""


def read(path: Path) -> Iterator[Any]:
    """Records of a .json array, .jsonl or .csv file, gzip-compressed or not; None for a broken line."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = raw.decode()
    if ".csv" in path.suffixes:
        yield from csv.DictReader(io.StringIO(text, newline=""))
    elif text.lstrip().startswith("["):
        yield from json.loads(text)
    else:
        for line in text.split("\n"):
            if line:
                try:
                    yield json.loads(line)
                except ValueError:
                    yield None


def turns_of(row: Any) -> list[str]:
    """The contents of the turns; of a row without turns the prompt and the answer."""
    if row is None:
        return []
    turns = row.get("messages") or row.get("conversations")
    if turns:
        return [str(turn.get("content") or turn.get("value") or "") for turn in turns]
    parts = ("\n".join(str(row[field]) for field in fields if row.get(field)) for fields in (PROMPT, ANSWER))
    return [part for part in parts if part]


def texts(path: Path) -> pl.Series:
    """The rows of a file, each as one text: its turns, one under the other; null for a broken line."""
    return pl.Series([None if row is None else "\n".join(turns_of(row)) for row in read(path)], dtype=pl.String)


def edited(text: str, share: float, vocabulary: list[str], rng: random.Random) -> str:
    """The text with a share of its words replaced, left out or doubled by another one."""
    tokens = text.split(" ")
    for place in rng.sample(range(len(tokens)), round(share * len(tokens))):
        tokens[place] = rng.choice(
            (rng.choice(vocabulary), rng.choice(vocabulary), "", f"{tokens[place]} {rng.choice(vocabulary)}")
        )
    return " ".join(token for token in tokens if token)


def distinct(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    first = normalise(pl.Series(["\n".join(row) for row in rows], dtype=pl.String)).is_first_distinct()
    return [row for row, is_first in zip(rows, first, strict=True) if is_first]


def with_copies(real: list[tuple[str, ...]], rows: int) -> tuple[list[tuple[str, ...]], Truth]:
    """`rows` rows of texts: real ones and, one third, copies of them with 0, 5, 10 or 15 % of the words edited.

    A copy with 0 % is written in capitals. Where the real rows do not suffice, halves of two make another one.
    """
    rng = random.Random(SEED)
    base = list(real)
    vocabulary = [word for row in rng.sample(base, 2000) for text in row for word in text.split()]
    while len(base) < rows - rows // 3:
        one, other = rng.choice(real), rng.choice(real)
        halves = [(x.split(" "), y.split(" ")) for x, y in zip(one, other, strict=False)]
        base.append(tuple(" ".join(x[: len(x) // 2] + y[len(y) // 2 :]) for x, y in halves))
    rng.shuffle(base)
    base = base[: rows - rows // 3]
    items = [(row, i, "") for i, row in enumerate(base)]
    for i in rng.sample(range(len(base)), rows // 3):
        percent = rng.choice((0, 5, 10, 15))
        copy = (edited(t, percent / 100, vocabulary, rng) if percent else t.upper() for t in base[i])
        items.append((tuple(copy), i, f"{percent} %"))
    rng.shuffle(items)
    place = {origin: at for at, (_, origin, kind) in enumerate(items) if not kind}
    return [row for row, _, _ in items], [(kind, place[i], at) for at, (_, i, kind) in enumerate(items) if kind]


def planted(data: Path, rows: int) -> tuple[pl.Series, Truth]:
    """Real instruct rows as texts, a third of them copies."""
    pool = pl.concat([texts(data / source) for source in POOL]).drop_nulls()
    found, truth = with_copies(distinct([(text,) for text in pool]), rows)
    return pl.Series([text for (text,) in found], dtype=pl.String), truth


def planted_chat(data: Path, rows: int) -> tuple[list[dict[str, Any]], Truth]:
    """Real instruct rows of two turns as OpenAI messages under one system prompt, a third of them copies."""
    pool = [tuple(turns_of(row)) for source in POOL for row in read(data / source)]
    found, truth = with_copies(distinct([row for row in pool if len(row) == 2]), rows)
    system = {"role": "system", "content": "You are a helpful assistant."}
    chat = [[system, {"role": "user", "content": ask}, {"role": "assistant", "content": say}] for ask, say in found]
    return [{"messages": turns} for turns in chat], truth


def groups(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """For each of `count` rows a name of its group of linked rows (union-find)."""
    group = list(range(count))

    def root(row: int) -> int:
        while group[row] != row:
            group[row] = group[group[row]]
            row = group[row]
        return row

    for left, right in pairs:
        group[root(left)] = root(right)
    return [root(row) for row in range(count)]


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table; the first column is left-aligned, the others right."""
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]

    def show(line: Sequence[str]) -> str:
        first, *others = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        return "| " + " | ".join([first, *others]) + " |"

    print(show(head))
    print(
        "|"
        + "|".join(("-" * (w + 1)).ljust(w + 2, "-") if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths))
        + "|"
    )
    for line in lines:
        print(show(line))
    print(flush=True)
