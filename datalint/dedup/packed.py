"""Tokens of many rows as one row of a frame: what waits between reading and comparing, and goes through a file."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datalint.dedup.ragged import I64, U32, Ragged
from datalint.dedup.tokens import Tokens

COLUMNS: Final[dict[str, Any]] = {
    "rows": np.uint32,
    "hashes": np.uint64,
    "sizes": np.int64,
    "spaced": np.uint8,
    "lines": np.uint64,
    "lines_per_row": np.uint32,
    "tokens": np.uint32,
    "tokens_per_line": np.uint32,
}


class Parts(Protocol):
    """Frames of one row a part (see `pack`), in the order of the rows, to be gone through again and again."""

    def frames(self, *columns: str) -> Iterable[pl.DataFrame]:
        """The parts; only some columns if they are named."""
        ...


def pack(tokens: Tokens, rows: NDArray[Any] | None = None) -> pl.DataFrame:
    """The arrays of `tokens` as lists of numbers, one column each; nothing is copied.

    Args:
        tokens: n rows.
        rows: shape (n,), the numbers that they have where they come from; by default 0, 1, 2, ...

    """
    count = len(tokens.hashes)
    arrays: list[NDArray[Any]] = [
        np.arange(count) if rows is None else rows,
        tokens.hashes,
        tokens.sizes,
        tokens.spaced,
        tokens.lines,
        np.diff(tokens.first_line),
        tokens.tokens.values,
        tokens.tokens.lengths,
    ]
    named = zip(COLUMNS.items(), arrays, strict=True)
    return pl.DataFrame([pl.Series(name, array.astype(dtype, copy=False)).implode() for (name, dtype), array in named])


def unpack(frames: Iterable[pl.DataFrame]) -> Iterator[Tokens]:
    """The tokens of each part."""
    names = [name for name in COLUMNS if name != "rows"]
    for arrays in _arrays(frames, names):
        found = dict(zip(names, arrays, strict=True))
        yield Tokens(
            tokens=Ragged.of(found["tokens"], found["tokens_per_line"]),
            lines=found["lines"],
            first_line=np.concatenate(([0], np.cumsum(found["lines_per_row"], dtype=np.int64))),
            hashes=found["hashes"],
            sizes=found["sizes"],
            spaced=found["spaced"].astype(bool),
        )


def columns(parts: Parts, *names: str) -> Iterator[list[NDArray[Any]]]:
    """Some arrays of each part."""
    return _arrays(parts.frames(*names), names)


def _arrays(frames: Iterable[pl.DataFrame], names: Sequence[str]) -> Iterator[list[NDArray[Any]]]:
    for frame in frames:
        for row in range(frame.height):
            yield [frame[name][row].to_numpy() for name in names]


def pointed(where: tuple[U32, I64], rows: pl.Series, others: pl.Series) -> list[pl.Series]:
    """Rows and the ones that they are like, as the columns file, row, related_file and related_row of findings.

    Args:
        where: What `places` returns.
        rows: Row numbers among all parts.
        others: The same, of the rows on the other side.

    """
    here, there = rows.to_numpy(), others.to_numpy()
    columns = {"file": where[0][here], "row": where[1][here]}
    columns |= {"related_file": where[0][there], "related_row": where[1][there]}
    return [pl.Series(name, values) for name, values in columns.items()]


def places(parts: Parts) -> tuple[U32, I64]:
    """For each row its file and its number there, of parts with the columns `file` and `row` (that of the first)."""
    files, rows = [np.zeros(0, np.uint32)], [np.zeros(0, np.int64)]
    for frame in parts.frames("file", "row", "rows"):
        for file, first, local in zip(frame["file"], frame["row"], frame["rows"], strict=True):
            files.append(np.full(len(local), file, np.uint32))
            rows.append(local.to_numpy().astype(np.int64) + first)
    return np.concatenate(files), np.concatenate(rows)
