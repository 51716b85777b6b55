"""The inner loops that exist twice: in numpy, and compiled by numba where the extra `[fast]` is installed.

Answers are equal. Importing numba and loading compiled code takes longer than the numpy loops need for a small input,
so only large ones ask for it.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl

from datalint.dedup import lsh, ragged, shingles, survey, tokens
from datalint.dedup.ragged import F64, I64, U64, Ragged
from datalint.errors import MissingExtraError

LARGE: Final = 48_000_000
"""Bytes of input from which compiled kernels pay."""


@dataclass(frozen=True)
class Kernels:
    """Functions of one make; see those of numpy for what they do."""

    tokenise: Callable[[pl.Series], tokens.Tokens]
    band_keys: Callable[[Ragged, int], U64]
    jaccard: Callable[[Ragged, I64, I64], F64]
    bigram_jaccard: Callable[[Ragged, I64, I64], F64]
    sort: Callable[[U64], U64]
    strip_boilerplate: Callable[[tokens.Tokens, I64, U64], Ragged]


PLAIN: Final = Kernels(
    tokens.tokenise,
    lsh.band_keys,
    ragged.jaccard,
    shingles.bigram_jaccard,
    np.sort,
    survey.strip_boilerplate,
)


def kernels(size: int, *, compiled: bool | None = None) -> Kernels:
    """The ones to take for an input of `size` bytes; `compiled` decides otherwise.

    Raises MissingExtraError if compiled ones are asked for and numba is not installed.
    """
    installed = importlib.util.find_spec("numba") is not None
    if compiled and not installed:
        raise MissingExtraError("compiled kernels need the extra [fast]: pip install 'datalint-ft[fast]'")
    return _compiled() if compiled or (compiled is None and size >= LARGE and installed) else PLAIN


@lru_cache(maxsize=1)
def _compiled() -> Kernels:
    from datalint.dedup import compiled

    return Kernels(
        compiled.tokenise,
        compiled.band_keys,
        compiled.jaccard,
        compiled.bigram_jaccard,
        compiled.sort,
        compiled.strip_boilerplate,
    )
