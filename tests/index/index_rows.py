"""Rows with families of edited copies, and how tests put them into an index."""

import random

import numpy as np
import polars as pl

from datalint.index import open_index, rows_of

VOCABULARY = [f"{first}{middle}{last}" for first in "bdfgklmnprst" for middle in "aeiou" for last in "lmnrst"]
HAN = [chr(code) for code in range(0x4E00, 0x4F00)]
BASE = (
    "The old harbour town keeps its market on Thursdays, when farmers from the hills bring apples, honey, "
    "smoked cheese and woollen blankets, and the ferry leaves an hour later than usual."
)


def mixed_rows(seed, families=20):
    """Copies with few and with many edits, a fifth in Chinese, some equal but for case."""
    rng = random.Random(seed)
    rows = []
    for family in range(families):
        vocabulary, space = (HAN, "") if family % 5 == 4 else (VOCABULARY + [str(n) for n in range(100, 120)], " ")
        base = rng.choices(HAN, k=rng.randint(35, 150)) if not space else rng.sample(vocabulary, rng.randint(18, 90))
        for _ in range(rng.randint(1, 6)):
            words = list(base)
            for place in rng.sample(range(len(words)), rng.randint(0, len(words) // 6)):
                words[place] = rng.choice((rng.choice(vocabulary), "", words[place] + space + rng.choice(vocabulary)))
            text = space.join(word for word in words if word)
            rows.append(text if rng.random() < 0.8 else text.upper())
    rng.shuffle(rows)
    return rows


def frames(texts, file="old.jsonl", size=7, lines=True):
    """Rows as they come out of a file, a few at a time."""
    numbers = np.arange(len(texts))
    for start in range(0, len(texts), size):
        part = numbers[start : start + size]
        yield rows_of(file, series(texts[start : start + size]), part, part + 1 if lines else None)


def add(where, texts, **options):
    return open_index(where, create=True).add(frames(texts, **options))


def seen(where, texts, definition=None):
    """{row: (file, row there, Jaccard, equal)}."""
    found = open_index(where).seen_before(series(texts), definition)
    return {row: (file, at, round(jaccard, 9), equal) for row, file, at, _, jaccard, equal in found.rows()}


def series(texts):
    return pl.Series("text", texts, dtype=pl.String)
