"""One search for the literals of all rules: which of them stand in a text, so that an expression need look at it."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import polars as pl

_MOST: Final = 100
"""Words of one automaton; with more of them aho-corasick makes one that takes three times as long."""

_SIGNS: Final = "<[&"
"""Up to three bytes that words may begin with are found by a scan that is ten times faster than an automaton."""


def hits(texts: pl.Series, literals: frozenset[str]) -> pl.DataFrame:
    """Which literals (lower case) stand in which texts, in any (ASCII) case: text (number), literal."""
    text = pl.col("text").str
    some = [text.contains_any(words, ascii_case_insensitive=True) for words in _searches(literals)]
    every = text.extract_many(sorted(literals), ascii_case_insensitive=True, overlapping=True)
    return (
        texts.rename("text")
        .to_frame()
        .lazy()
        .with_row_index("number")
        .filter(pl.any_horizontal(some))
        .select(pl.col("number").alias("text"), every.list.unique().alias("literal"))
        .explode("literal")
        .with_columns(pl.col("literal").str.to_lowercase())
        .collect()
    )


@lru_cache(maxsize=16)
def _searches(literals: Iterable[str]) -> list[list[str]]:
    """Words to search for that stand in every text in which any of the literals does, in groups."""
    least = sorted(word for word in literals if not any(other != word and other in word for other in literals))
    signs = [word for word in least if word[:1] in _SIGNS]
    others = [word for word in least if word[:1] not in _SIGNS]
    parts = [others[start : start + _MOST] for start in range(0, len(others), _MOST)]
    return [part for part in (signs, *parts) if part] or [[]]
