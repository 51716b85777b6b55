"""Findings that a configuration takes back, file by file."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import PurePosixPath

import polars as pl


def per_file(found: pl.DataFrame, names: Sequence[str], ignores: Mapping[str, frozenset[str]]) -> pl.DataFrame:
    """Without the findings of files that a pattern of `[per-file-ignores]` covers (pattern -> codes).

    A pattern is matched as a glob against the file's name as told to the user, its base name, and its last parts.
    """
    keep = pl.lit(True)  # noqa: FBT003 - polars' own way to say so
    for pattern, codes in ignores.items():
        files = [index for index, name in enumerate(names) if matches(name, pattern)]
        keep = keep & ~(pl.col("file").is_in(files) & pl.col("rule").is_in(sorted(codes)))
    return found.filter(keep)


def matches(name: str, pattern: str) -> bool:
    """`data/legacy/*` covers `data/legacy/a.jsonl`, and `./data/legacy/a.jsonl` from the folder above."""
    path = PurePosixPath(name)
    tails = ("/".join(path.parts[start:]) for start in range(len(path.parts)))
    return fnmatch(name, pattern) or any(fnmatch(tail, pattern) for tail in tails)
