"""Which reader a file needs: the content decides, not the name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from datalint.errors import InputError
from datalint.source.block import Block
from datalint.source.jsonl import read_lines
from datalint.source.stream import Origin


class Source(Protocol):
    """One file, ready to be read as often as needed."""

    @property
    def container(self) -> str:
        """ "jsonl", "json", "csv" or "parquet"."""

    @property
    def compression(self) -> str | None:
        """ "gzip", "zstd" or None."""

    @property
    def schema(self) -> Any:
        """The `pyarrow.Schema` of a Parquet file with its metadata, else None."""

    def blocks(self) -> Iterator[Block]:
        """The records in order; reads the file again each time."""


@dataclass(frozen=True)
class LinesSource:
    """JSON Lines."""

    origin: Origin
    container: str = "jsonl"
    schema: None = None

    @property
    def compression(self) -> str | None:
        """ "gzip", "zstd" or None."""
        return self.origin.compression

    def blocks(self) -> Iterator[Block]:
        """The records in order."""
        return read_lines(self.origin.tape(), hold=self.compression is not None)


def open_source(path: Path, *, name: str) -> Source:
    """Open a data file. Raises InputError if it is missing, a folder or not permitted."""
    if path.is_dir():
        raise InputError(f"{name}: is a folder; give a file, or let the folder be searched for data files")
    if not path.exists():
        raise InputError(f"{name}: no such file; check the path")
    return LinesSource(Origin(path))
