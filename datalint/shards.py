"""The shards of one file, `train-00000-of-00002.parquet` and those that follow it, as the file that they make.

Rules that judge a row by the rest of its file get the rows numbered as they are in the whole, so that a file and its
shards are judged alike; what these rules find is then told of the shard in which it stands.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

_PLACES = (("file", "row"), ("related_file", "related_row"))


@dataclass(frozen=True)
class Shards:
    """Where each shard stands in its whole, which has the number of the first of them."""

    whole: dict[int, int] = field(default_factory=dict)  # shard -> the first shard of the same file
    before: dict[int, int] = field(default_factory=dict)  # shard -> rows of the whole before its own

    @classmethod
    def of(cls, files: Iterable[tuple[int, Hashable | None, int]]) -> "Shards":
        """From files: number, what all shards of its whole have in common (None: it is no shard), rows."""
        groups: dict[Hashable, list[tuple[int, int]]] = {}
        for number, name, rows in files:
            if name is not None:
                groups.setdefault(name, []).append((number, rows))
        found = cls({}, {})
        for group in groups.values():
            start = 0
            for number, rows in group if len(group) > 1 else ():
                found.whole[number], found.before[number] = group[0][0], start
                start += rows
        return found

    def rows(self, file_rows: Mapping[int, int]) -> Mapping[int, int]:
        """Rows of each file, those of shards as rows of their whole."""
        found: dict[int, int] = {}
        for number, rows in file_rows.items():
            whole = self.whole.get(number, number)
            found[whole] = found.get(whole, 0) + rows
        return found

    def joined(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows (file, row) of shards as rows of their whole."""
        if not self.whole or not frame.height:
            return frame
        file = pl.col("file")
        start = file.replace_strict(self.before, default=0, return_dtype=pl.Int64)
        return frame.with_columns(row=pl.col("row") + start, file=file.replace(self.whole))

    def parted(self, found: pl.DataFrame) -> pl.DataFrame:
        """Findings on rows of a whole as findings on rows of its shards; one without a row stays with the first."""
        if not self.whole or not found.height:
            return found
        for file, row in _PLACES:
            if row in found.columns:
                found = found.with_columns(*self._parted(found[file], found[row]))
        return found

    def _parted(self, files: pl.Series, rows: pl.Series) -> tuple[pl.Series, pl.Series]:
        whole = files.fill_null(0).cast(pl.Int64).to_numpy()
        place = rows.fill_null(0).cast(pl.Int64).to_numpy()
        known = (files.is_not_null() & rows.is_not_null()).to_numpy()
        shard, start = whole.copy(), np.zeros_like(place)
        for first in {*self.whole.values()}:
            parts = np.array([number for number, lead in self.whole.items() if lead == first], dtype=np.int64)
            starts = np.array([self.before[number] for number in parts.tolist()], dtype=np.int64)
            here = known & (whole == first)
            # Of shards that start at one row, all but the last are empty.
            at = np.searchsorted(starts, place[here], side="right") - 1
            shard[here], start[here] = parts[at], starts[at]
        moved = pl.select(pl.when(files.is_not_null()).then(pl.Series(files.name, shard))).to_series()
        return moved.cast(files.dtype), rows - pl.Series(start)
