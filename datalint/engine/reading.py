"""What is learned of a file by reading it, and which line each of its rows stands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from datalint.source import Block, DataFile


@dataclass(frozen=True)
class ReadFile:
    """What was learned of a file by reading it."""

    file: DataFile
    container: str
    compression: str | None
    rows: int
    unreadable: int
    formats: Mapping[str, int]  # format -> rows
    columns: Mapping[str, str]  # our field -> its column, where the names differ
    size: int  # bytes
    sha256: str
    lines: "Lines"
    prints: Sequence[bytes] = ()  # fingerprint of each row, if the run was asked for them

    @property
    def name(self) -> str:
        """The file's name as told to the user."""
        return self.file.name

    @property
    def split(self) -> str:
        """train, eval or reference."""
        return self.file.split

    def line(self, row: int) -> int | None:
        """The 1-based physical line of a row; None where there are no lines."""
        return int(self.lines.of(np.asarray([row], dtype=np.int64))[0]) or None

    @property
    def format(self) -> str:
        """The format of most rows; ties go to the first seen."""
        return max(self.formats, key=lambda name: self.formats[name], default="unknown")


@dataclass
class Lines:
    """Row -> physical line. Blocks where every record is one line keep two numbers, others an array."""

    first_rows: list[int] = field(default_factory=list)
    first_lines: list[int] = field(default_factory=list)
    odd: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)

    def add(self, block: Block) -> None:
        """Remember a block's lines."""
        if block.lines is None or not len(block):
            return
        lines = block.lines
        if not np.array_equal(lines, lines[0] + np.arange(len(lines))):
            self.odd[len(self.first_rows)] = lines
        self.first_rows.append(block.first_row)
        self.first_lines.append(int(lines[0]))

    def of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """1-based lines of some rows; 0 where there are none."""
        if not self.first_rows:
            return np.zeros(len(rows), dtype=np.int64)
        starts = np.asarray(self.first_rows, dtype=np.int64)
        blocks = np.searchsorted(starts, rows, side="right") - 1
        found = np.asarray(self.first_lines, dtype=np.int64)[blocks] + rows - starts[blocks]
        for number, lines in self.odd.items():
            inside = blocks == number
            found[inside] = lines[rows[inside] - starts[number]]
        return found
