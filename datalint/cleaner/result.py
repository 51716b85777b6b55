"""How to clean, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datalint.cleaner.stored.manifest import Counts, FileEntry, Manifest
from datalint.report.model import Report


@dataclass(frozen=True)
class CleanOptions:
    """How to clean."""

    unsafe_fixes: bool = False
    overwrite: bool = False
    with_provenance: bool = False
    to: str = "parquet"
    max_shard_size: int | None = None  # bytes of rows in one data file, before compression


@dataclass(frozen=True)
class CleanResult:
    """What `clean` did. `report` is the check of the input; `manifest` what manifest.json holds."""

    out: Path
    report: Report
    manifest: Manifest
    removed_by_rule: Mapping[str, int]  # rows, unreadable ones included
    changed_by_rule: Mapping[str, int]
    offered: Mapping[str, int]  # rows that `unsafe_fixes` would also change or remove
    hints: Sequence[str] = ()  # what readers of the output should know

    @property
    def files(self) -> Sequence[FileEntry]:
        """One entry a data file: an input, or a shard of one."""
        return self.manifest.files

    def by_input(self) -> dict[str, Counts]:
        """The counts of each input, its shards together."""
        found: dict[str, Counts] = {}
        for file in self.files:
            found[file.input] = found.get(file.input, Counts()).plus(file)
        return found

    @property
    def rows_in(self) -> int:
        """Records read, unreadable ones included."""
        return self.manifest.counts.rows_in

    @property
    def rows_out(self) -> int:
        """Rows written."""
        return self.manifest.counts.rows_out

    @property
    def rows_removed(self) -> int:
        """Rows dropped by a rule."""
        return self.manifest.counts.rows_removed

    @property
    def rows_unreadable(self) -> int:
        """Records that could not be read."""
        return self.manifest.counts.rows_unreadable

    @property
    def rows_changed(self) -> int:
        """Rows written with a value that is not the input's."""
        return self.manifest.counts.rows_changed
