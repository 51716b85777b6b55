"""What a reader hands on: blocks of decoded records with their exact bytes, and what it could not take."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]
Record = dict[str, Any]

EMPTY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something the reader could not take as it is.

    `row` is the record index in the file (None: about the whole file), `line` the 1-based physical line
    (None where there are no lines). `reason` is one short line in which quoted content is escaped.
    """

    code: str
    row: int | None
    line: int | None
    reason: str
    pointer: str | None = None
    fix_kind: str | None = None
    fix_safety: str | None = None


@dataclass(frozen=True)
class Block:
    """Consecutive records of one file.

    `values` holds the decoded records, None where `unreadable` (index in the block -> code) says why.
    `lines` is int64 [n], the 1-based physical line of each record; None for columns and inside a JSON array.
    `data` are the bytes of the block: the blocks of a file, joined, are the decompressed file in UTF-8.
    `starts` and `ends` are int64 [n]: record i is `data[starts[i]:ends[i]]`, without its line end. All that
    lies between records (line ends, brackets, commas, a CSV header, a byte order mark) is the gap.
    For what holds columns `data` is empty and the offsets are zero. `marks` (index in the block -> digest) tells rows
    apart whose bytes differed before they were stored alike.
    """

    first_row: int
    values: list[Record | None]
    lines: Offsets | None
    data: bytes | memoryview
    starts: Offsets
    ends: Offsets
    faults: tuple[Fault, ...] = ()
    unreadable: dict[int, str] = field(default_factory=dict)
    marks: dict[int, bytes] = field(default_factory=dict)
    weight: int = 0  # bytes of the rows where `data` is empty

    @property
    def size(self) -> int:
        """About how many bytes the records have."""
        return self.weight or len(self.data)

    def __len__(self) -> int:
        return len(self.values)

    def raw(self, i: int) -> bytes:
        """The exact bytes of record i; a Parquet row, which has none, as compact JSON."""
        if len(self.data) or self.ends[i] or self.values[i] is None:
            return bytes(self.data[self.starts[i] : self.ends[i]])
        return row_json(self.values[i])

    def gaps(self) -> Iterator[bytes]:
        """The len(self) + 1 pieces of `data` around the records, in order."""
        at = 0
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            yield bytes(self.data[at:start])
            at = end
        yield bytes(self.data[at:])


def row_json(value: Any) -> bytes:
    """Compact JSON of a decoded row; dates as ISO 8601, decimals as text, bytes as base64."""
    import msgspec

    from datalint.fingerprint import unusual

    return msgspec.json.encode(value, enc_hook=unusual)
