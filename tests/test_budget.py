"""Token budgets: exact where everything is tokenized, near enough where a sample is."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datalint import budget
from datalint.budget import Budget, budget_of, measured
from datalint.config import load
from datalint.engine.mapping import read
from datalint.jobs import jobs_of
from datalint.tokens import load_tokenizer

MODEL = Path(__file__).parents[1] / "fixtures" / "model"
TEXT = "the rain in the hills falls on lakes and roads while people walk home 12 miles"
WORDS = TEXT.split()


def rows(n: int, seed: int = 0) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {
            "prompt": " ".join(draw.choices(WORDS, k=draw.randint(1, 60))),
            "completion": " " + " ".join(draw.choices(WORDS, k=draw.randint(1, 40))),
        }
        for _ in range(n)
    ]


def budget_for(path: Path, data: list[dict[str, Any]], **flags: Any) -> Budget:
    path.write_text("".join(json.dumps(row) + "\n" for row in data), encoding="utf-8")
    settings = load(isolated=True, flags={"tokenizer": str(MODEL), **flags})
    parts = [measured(chunk) for job in jobs_of([path], settings) for chunk in read(job)]
    found = budget_of(parts, settings.config.max_length)
    assert found is not None
    return found


def counted(data: list[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    tokenizer = load_tokenizer(MODEL)
    assert tokenizer is not None
    return tokenizer.count([row["prompt"] + row["completion"] for row in data])


def test_few_rows_are_counted_exactly(tmp_path: Path) -> None:
    data = rows(50)
    found, tokens = budget_for(tmp_path / "a.jsonl", data, **{"max-length": 40}), counted(data)
    assert found.exact
    assert (found.texts, found.tokens, found.error) == (50, tokens.sum(), 0.0)
    assert found.cut == np.maximum(tokens - 40, 0).sum()
    assert found.trained + found.read + found.cut == found.tokens
    assert found.lengths[3] == tokens.max()


@pytest.mark.parametrize("max_length", [None, 100])
def test_many_rows_are_sampled_and_the_error_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_length: int | None
) -> None:
    monkeypatch.setattr(budget, "SAMPLE", 200)
    misses = 0
    for seed in range(10):
        data = rows(3000, seed)
        found, tokens = budget_for(tmp_path / "a.jsonl", data, **{"max-length": max_length}), counted(data)
        assert found.tokenized < 3000
        assert found.trained + found.read + found.cut == pytest.approx(found.tokens, abs=2)
        misses += abs(found.tokens - tokens.sum()) > found.error * tokens.sum()
        if max_length is not None:  # what is over the limit is never guessed
            assert found.cut == np.maximum(tokens - max_length, 0).sum()
    assert misses <= 3  # two standard errors: one of twenty


def test_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    data = rows(300)
    assert budget_for(tmp_path / "a.jsonl", data) == budget_for(tmp_path / "a.jsonl", data[::-1])


def test_padding_fills_batches(tmp_path: Path) -> None:
    same = [{"prompt": "walk", "completion": " home"}] * 20
    assert budget_for(tmp_path / "a.jsonl", same).padding == 0
    one_long = [*same[:7], {"prompt": "walk", "completion": " home" * 50}]
    tokens = counted(one_long)
    assert budget_for(tmp_path / "a.jsonl", one_long).padding == (tokens.max() - tokens).sum()


def test_the_loss_decides_what_is_trained(tmp_path: Path) -> None:
    data = rows(20)
    all_of_it = budget_for(tmp_path / "a.jsonl", data, loss="all")
    assert (all_of_it.read, all_of_it.trained) == (0, all_of_it.tokens)
    assert budget_for(tmp_path / "a.jsonl", data).read > 0
