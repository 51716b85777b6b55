"""What an index keeps of a row: where it stood, and its words as hashes. No text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datalint.dedup.compare import sets_of
from datalint.dedup.kernels import PLAIN, Kernels
from datalint.dedup.lsh import PERMUTATIONS, minhash
from datalint.dedup.packed import pack, unpack
from datalint.dedup.ragged import I64, U32, U64, Bool, Ragged, ranges
from datalint.dedup.survey import Survey, strip_boilerplate
from datalint.dedup.tokens import Tokens, tokenise
from datalint.spool import Spool

BOILERPLATE_SHARE: Final = 0.01
"""Lines that stand in this fraction of the rows, and in ten at least, do not count."""

PLACES: Final = pl.Schema({"file": pl.String(), "row": pl.Int64(), "line": pl.Int64()})

_PROBE: Final = ("A row of 12 words,\nstraße ＡＢＣ naïve 3½ x_1 𝔘 e\u0301", "一二三四五六七八九十，這是一行。")


class Place(NamedTuple):
    """Where a row stood when it was added: file as given, 0-based record, 1-based line (None without lines)."""

    file: str
    row: int
    line: int | None


@dataclass(frozen=True)
class Records:
    """n rows as they are kept, no two of the same content."""

    file: U32  # shape (n,), number in a list of names
    row: I64  # shape (n,)
    line: I64  # shape (n,), 0: none
    hashes: U64  # shape (n,), of the normalised text
    spaced: Bool  # shape (n,), False: a script without spaces
    body: Ragged  # what is compared: words or characters in reading order, boilerplate left out, as 32-bit hashes

    def __len__(self) -> int:
        return len(self.hashes)

    def take(self, rows: NDArray[Any]) -> "Records":
        """The given rows, in the given order."""
        mine = (self.file[rows], self.row[rows], self.line[rows], self.hashes[rows], self.spaced[rows])
        return Records(*mine, self.body.take(rows))

    @classmethod
    def joined(cls, parts: Sequence["Records"]) -> "Records":
        """All rows, one part after the other; at least one part."""
        return cls(
            file=np.concatenate([part.file for part in parts]),
            row=np.concatenate([part.row for part in parts]),
            line=np.concatenate([part.line for part in parts]),
            hashes=np.concatenate([part.hashes for part in parts]),
            spaced=np.concatenate([part.spaced for part in parts]),
            body=Ragged.joined([part.body for part in parts]),
        )


def rows_of(
    file: str, texts: pl.Series, rows: NDArray[Any], lines: NDArray[Any] | None, make: Kernels = PLAIN
) -> pl.DataFrame:
    """Some rows of a file as an index takes them: a frame of one row (see `dedup.packed`).

    Args:
        file: The name to keep.
        texts: String series of n rows, what DUP002 compares.
        rows: shape (n,), record numbers below 2^32.
        lines: shape (n,), 1-based physical lines; None where there are none.
        make: How to tokenise.

    """
    # A file's name may hold bytes that are no UTF-8.
    file = file.encode("utf-8", "backslashreplace").decode()
    numbers = np.zeros(len(rows), np.int64) if lines is None else lines
    held = pl.Series("line", numbers.astype(np.int64)).implode()
    return pack(make.tokenise(texts), rows).with_columns(pl.Series("file", [file]), held)


def records_in(parts: Spool, files: Sequence[str], known: Survey, boilerplate: U64) -> Iterator[Records]:
    """The distinct rows (of equal ones the first) that say anything, part by part; empties `parts`.

    `boilerplate` are sorted hashes of lines.
    """
    number = {name: i for i, name in enumerate(files)}
    start = 0
    for places in parts.drain():
        (tokens,) = unpack([places])
        stop = start + len(tokens.hashes)
        rows = np.flatnonzero(known.first[start:stop] & (tokens.sizes > 0))
        start = stop
        yield Records(
            file=np.full(len(rows), number[places["file"][0]], np.uint32),
            row=places["rows"][0].to_numpy()[rows].astype(np.int64),
            line=places["line"][0].to_numpy()[rows],
            hashes=tokens.hashes[rows],
            spaced=tokens.spaced[rows],
            body=body_of(tokens, rows, boilerplate),
        )


def body_of(tokens: Tokens, rows: I64, boilerplate: U64) -> Ragged:
    """What is compared of some rows."""
    whole = strip_boilerplate(tokens, rows, boilerplate)
    # The separator after the last line of a row without spaces is a token, but no character of the row.
    lengths = np.maximum(whole.lengths - ~tokens.spaced[rows], 0)
    return Ragged.of(whole.values[ranges(whole.offsets[:-1], lengths)], lengths)


def signatures_of(body: Ragged, spaced: Bool) -> U32:
    """MinHash signatures, shape (n, 126); the largest value throughout for a row without words."""
    signatures = np.empty((len(body), PERMUTATIONS), np.uint32)
    for kind in (True, False):
        # Shortest first: sets of similar rows are made together.
        members = np.flatnonzero(spaced == kind)
        members = members[np.argsort(body.lengths[members], kind="stable")]
        signatures[members] = minhash(sets_of(body.take(members), spaced=kind)).T
    return signatures


def scheme() -> str:
    """16 hexadecimal digits that change with whatever decides a signature: normalisation, word hash, permutations.

    Rows that were indexed under another scheme would not fail, but never be found.
    """
    import xxhash

    tokens = tokenise(pl.Series(_PROBE))
    body = body_of(tokens, np.arange(len(_PROBE)), tokens.lines[:0])
    seen = (tokens.hashes, tokens.lines, body.values, signatures_of(body, tokens.spaced))
    return xxhash.xxh3_64_hexdigest(b"".join(array.tobytes() for array in seen))
