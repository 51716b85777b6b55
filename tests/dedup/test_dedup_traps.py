"""Shapes of data that make a careless search quadratic. The bounds are counts and bytes, never seconds."""

import random
import sys
import tracemalloc
from dataclasses import replace

import polars as pl
import pytest

from datalint.dedup import near, near_duplicates
from datalint.dedup.kernels import PLAIN

VOCABULARY = [f"{a}{b}{c}{d}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst" for d in "aeiou"]
MIB = 1 << 20


@pytest.fixture
def compared(monkeypatch):
    """How many pairs of sets were compared exactly."""
    counts = []

    def counting(sets, left, right):
        counts.append(len(left))
        return PLAIN.jaccard(sets, left, right)

    monkeypatch.setattr(near, "kernels", lambda *_, **__: replace(PLAIN, jaccard=counting))
    return counts


def search(rows, **options):
    """The result and the peak of memory that numpy and Python asked for on the way."""
    texts = pl.Series("t", rows, dtype=pl.String)
    tracemalloc.start()
    found = near_duplicates(texts, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, peak


def test_identical_rows_are_one_row(compared):
    found, _ = search(["the same old row " * 30] * 100_000)
    assert found.pairs.is_empty()
    assert sum(compared) == 0


def test_one_giant_bucket_is_linked_without_all_its_pairs(compared):
    base = " ".join(VOCABULARY[:60])
    found, peak = search([f"{base} {a}{b}" for a in VOCABULARY[100:170] for b in VOCABULARY[200:270]])
    assert len(found.dropped) == 4899
    assert len(found.dropped["cluster"].unique()) == 1
    assert sum(compared) < 3 * 15 * 4900
    assert peak < 64 * MIB


def test_a_bucket_of_rows_that_differ_in_numbers_costs_little(compared):
    base = " ".join(VOCABULARY[:60])
    found, peak = search([f"{base} {i} and {7 * i}" for i in range(5000)])
    assert found.pairs.is_empty()
    assert sum(compared) < 12 * 21 * 5000
    assert peak < 64 * MIB


def test_a_bucket_of_shuffled_words_costs_little(compared):
    rng = random.Random(1)
    found, peak = search([" ".join(rng.sample(VOCABULARY[:60], 60)) for _ in range(2000)])
    assert found.pairs.is_empty()
    assert sum(compared) < 3 * 12 * 2000
    assert peak < 64 * MIB


def test_many_leaders_in_one_group_are_bounded(compared):
    """Rows around one centre that are near to some but not to most others of their group."""
    rng = random.Random(1)
    base = VOCABULARY[:52]
    found, _ = search([" ".join(base + rng.sample(VOCABULARY[52:], 8)) for _ in range(3000)])
    assert 0 < len(found.dropped) < 3000
    assert sum(compared) < 3 * 3000 * (12 * 21 + 64)


def test_arithmetic_templates_are_no_duplicates(compared):
    rng = random.Random(1)
    found, _ = search([f"What is {rng.randrange(1000)} plus {rng.randrange(10000)}?" for _ in range(5000)])
    assert found.pairs.is_empty()
    assert sum(compared) == 0


def test_rows_without_words_are_left_out():
    found, _ = search(["?!,. " * i for i in range(600)] + ["\U0001f600" * i for i in range(300)] + [None] * 50)
    assert found.pairs.is_empty()


@pytest.mark.parametrize("compiled", [False, True])
def test_rows_of_50_mb_have_bounded_scratch(compiled):
    if compiled:
        pytest.importorskip("numba")
    rng = random.Random(1)
    huge = " ".join(rng.choices(VOCABULARY, k=11_000_000))
    assert len(huge) > 50_000_000
    rows = [huge, huge + " end", "x" * len(huge), "\u00e9 " * (len(huge) // 3), "short"]
    found, peak = search(rows, compiled=compiled)
    assert found.pairs.select("left", "right").rows() == [(0, 1)]
    assert peak < 16 * len(huge)


def test_memory_per_row_is_small():
    rng = random.Random(1)
    rows = [" ".join(rng.choices(VOCABULARY, k=80)) for _ in range(20_000)]
    _, peak = search(rows)
    assert peak / len(rows) < 3000


def test_a_small_input_waits_for_nothing_heavy():
    import subprocess

    code = (
        "import sys, polars as pl; from datalint.dedup import near_duplicates;"
        "near_duplicates(pl.Series(['a row of words ' * 9 + str(i) for i in range(1000)]));"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"pyarrow", "scipy", "torch", "pandas", "numba", "datasketch"} & set(loaded)


@pytest.mark.parametrize("rows", range(14))
def test_any_number_of_short_rows_is_searched(rows: int) -> None:
    texts = pl.Series([f"row {i}\nof {i} and more" for i in range(rows)], dtype=pl.String)
    assert near_duplicates(texts).dropped.is_empty()
    assert near_duplicates(texts, min_words=1).pairs.height >= 0
