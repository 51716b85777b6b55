"""Mapped rows meet: those of one dataset (and split), in partitions by key."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import polars as pl

from datalint.rule import Rule, Totals
from datalint.shards import Shards
from datalint.source import DataFile
from datalint.source.names import whole_of
from datalint.spool import Scratch, Spool


class Counted(Protocol):
    """A file and its records."""

    @property
    def file(self) -> DataFile:
        """The file."""
        ...

    @property
    def rows(self) -> int:
        """Its records."""
        ...


class Gathered:
    """What the rules' maps have left so far, by rule, dataset and split; on disk where it is too much for memory."""

    def __init__(self, rules: Sequence[Rule], scratch: Scratch) -> None:
        self._scratch = scratch
        self._groups: Mapping[str, dict[tuple[str, str | None], Spool]] = {r.code: {} for r in rules if r.gathers}

    def add(self, rule: Rule, file: DataFile, frame: pl.DataFrame) -> None:
        """What one rule's map left of one chunk. A rule that looks across splits gets a `split` column."""
        across = rule.within == "dataset"
        group = (file.dataset, None if across else file.split)
        spool = self._groups[rule.code].setdefault(group, Spool(self._scratch, rule.key))
        spool.append(frame.with_columns(split=pl.lit(file.split)) if across else frame)
        spools = [spool for groups in self._groups.values() for spool in groups.values()]
        if sum(spool.held for spool in spools) > self._scratch.limit // 4:
            for spool in spools:
                spool.spill()

    def meet(self, rule: Rule, files: Sequence[Counted]) -> pl.DataFrame:
        """Findings of a rule that looks beyond one chunk."""
        found = []
        groups = self._groups[rule.code]
        for dataset, split in sorted(groups, key=lambda group: (group[0], group[1] or "")):
            some = [
                (index, read)
                for index, read in enumerate(files)
                if read.file.dataset == dataset and split in (read.file.split, None)
            ]
            inside = {index: read.rows for index, read in some}
            # To a rule that looks across splits a file is nothing but a place.
            parted = [(index, whole_of(read.file.path), read.rows) for index, read in some if split is not None]
            shards = Shards.of(parted)
            parts = groups.pop((dataset, split))
            if parts.size:
                done = rule.meet(parts, Totals(sum(inside.values()), shards.rows(inside), shards))
                if done.height:
                    found.append(done)
        return pl.concat(found, how="diagonal_relaxed") if found else pl.DataFrame()
