"""Mapped rows meet: those of one dataset (and split), in partitions by key; then reduce, then finish."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from datalint.rule import Rule, Totals
from datalint.source import DataFile


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one rule's map left of one chunk."""

    dataset: str
    split: str
    frame: pl.DataFrame


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


def meet(rule: Rule, mapped: Sequence[Mapped], files: Sequence[Counted]) -> pl.DataFrame:
    """Findings of a rule that looks beyond one chunk."""
    found = []
    for dataset, split, frame in _together(rule, mapped):
        inside = {
            index: read.rows
            for index, read in enumerate(files)
            if read.file.dataset == dataset and split in (read.file.split, None)
        }
        reduced = [rule.reduce(part) for part in partitions(frame, rule.key)]
        left = pl.concat([part for part in reduced if part.height] or reduced[:1], how="diagonal_relaxed")
        done = rule.finish(left, Totals(sum(inside.values()), inside)) if left.height else left
        if done.height:
            found.append(done)
    return pl.concat(found, how="diagonal_relaxed") if found else pl.DataFrame()


def _together(rule: Rule, mapped: Sequence[Mapped]) -> Iterator[tuple[str, str | None, pl.DataFrame]]:
    """(dataset, split or None for all splits, frame); across splits the frame has a `split` column."""
    groups: dict[tuple[str, str | None], list[pl.DataFrame]] = {}
    for item in mapped:
        across = rule.within == "dataset"
        frame = item.frame.with_columns(split=pl.lit(item.split)) if across else item.frame
        groups.setdefault((item.dataset, None if across else item.split), []).append(frame)
    for (dataset, split), frames in sorted(groups.items(), key=lambda g: (g[0][0], g[0][1] or "")):
        yield dataset, split, pl.concat(frames, how="diagonal_relaxed")


def partitions(frame: pl.DataFrame, key: Sequence[str]) -> list[pl.DataFrame]:
    """Rows with equal keys in one part. In memory one part is best; a shuffle over files has many."""
    return [frame.drop_nulls(list(key))] if key else [frame]
