"""What a place that holds an index has to offer: a folder of files, a Redis server."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import polars as pl

from datalint.dedup.ragged import I64, U32, U64, Bool, Ragged, distinct, ranges
from datalint.index.records import Place, Records

FORMAT: Final = 1
"""Version of what is stored. A reader refuses a higher one."""

NEAREST: Final = 12
"""Rows of one band bucket that one asked row is compared with, as many as SPL002 looks at: a giant bucket must not
cost its square."""


@dataclass(frozen=True)
class Info:
    """What an index says of itself."""

    where: str
    rows: int
    files: int  # distinct names that rows were added under
    parts: int | None  # one an `add`; None where there are none
    size: int | None  # bytes; None where nobody knows
    format: int
    version: str  # of the datalint that wrote last


@dataclass(frozen=True)
class Asked:
    """q rows, all with spaces or all without, that look for their like."""

    signatures: U32  # shape (q, 126)
    lengths: I64  # shape (q,), words
    spaced: bool
    shortest: int  # words of an indexed row that is worth a look
    rows_per_band: int


@dataclass(frozen=True)
class News:
    """What an `add` brings."""

    files: Sequence[str]  # names that `Records.file` counts
    records: Iterator[Records]  # in parts; no content twice
    boilerplate: U64  # sorted hashes of lines


class Store(Protocol):
    """An index's place. Rows have ids (uint64) that hold as long as the object does."""

    @property
    def where(self) -> str:
        """The place as it may be shown: without a password."""
        ...

    def info(self) -> Info:
        """Sizes and versions."""
        ...

    def boilerplate(self) -> U64:
        """Sorted hashes of lines that do not count."""
        ...

    def known(self, hashes: U64) -> Bool:
        """Which contents are there; shape of hashes."""
        ...

    def ids(self, hashes: U64) -> U64:
        """The rows of contents that are there."""
        ...

    def candidates(self, asked: Asked) -> tuple[I64, U64]:
        """Pairs of an asked row and an indexed one that agree in some band: at most `NEAREST` a band, distinct."""
        ...

    def bodies(self, ids: U64) -> Ragged:
        """Words of some rows."""
        ...

    def places(self, ids: U64) -> pl.DataFrame:
        """Where some rows stood: file, row, line (null: none)."""
        ...

    def append(self, news: "News") -> "tuple[Store, int]":
        """Store what is not there yet: the index as it is then, and how many rows are new."""
        ...

    def signatures(self) -> Iterator[tuple[Place, U32]]:
        """Every row's place and signature, shape (126,)."""
        ...


def band_keys(signatures: U32, rows: int) -> U64:
    """What each signature holds in each band, as one number; shape (n, 126 // rows)."""
    count, permutations = signatures.shape
    bands = permutations // rows
    values = signatures[:, : bands * rows].reshape(count, bands, rows)
    keys = np.empty((count, bands), np.uint64)
    keys[:] = np.arange(1, bands + 1, dtype=np.uint64)
    for value in range(rows):
        keys ^= values[:, :, value]
        keys *= np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys


@dataclass(frozen=True)
class Members:
    """m indexed rows as they stand in buckets that were asked for; a row stands in several."""

    bucket: I64  # shape (m,)
    row: I64  # shape (m,), a number below 2^32
    length: I64  # shape (m,), words, below 2^32
    content: U64  # shape (m,), hash of the row


def nearest(bucket: I64, row: I64, length: I64, members: Members) -> tuple[I64, I64]:
    """Who is compared with whom: of a large bucket the members nearest in length, whatever order they came in.

    Args:
        bucket: shape (a,), a bucket that is looked into.
        row: shape (a,), the asked row that does so.
        length: shape (a,), words of that row.
        members: What the buckets hold.

    Returns:
        Distinct pairs as asked rows and rows of members, sorted.

    """
    order = np.lexsort((members.content, members.length, members.bucket))
    held = members.bucket[order]
    at = np.searchsorted(held << 32 | members.length[order], bucket << 32 | length)
    start, stop = np.searchsorted(held, bucket, "left"), np.searchsorted(held, bucket, "right")
    low = np.clip(at - NEAREST // 2, start, np.maximum(start, stop - NEAREST))
    count = np.minimum(low + NEAREST, stop) - low
    pairs = distinct((np.repeat(row, count) << 32 | members.row[order][ranges(low, count)]).astype(np.uint64))
    return (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
