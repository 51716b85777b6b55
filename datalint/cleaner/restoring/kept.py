"""What a clean wrote, read again by `restore`: the records of an input in their order, and the notes about them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalint.cleaner.stored.arrow import rows_of
from datalint.cleaner.stored.manifest import FileEntry, Manifest, sha256_of
from datalint.cleaner.stored.names import LEDGERS
from datalint.cleaner.stored.style import SameStyle, dumper
from datalint.cleaner.stored.tables import read_batches
from datalint.cleaner.writing.lines import own_row
from datalint.errors import InputError
from datalint.source.stream import MAX_RECORD

if TYPE_CHECKING:
    import pyarrow as pa

Written = tuple[Callable[[Any], bytes] | None, Any]  # what makes a record's bytes of what was written, and this
_LONGEST = 8 * MAX_RECORD  # a line; escapes may make a record longer than it was


def verify(folder: Path, manifest: Manifest) -> None:
    """Hold every file against its sha256 in the manifest. Raises InputError for one that is missing or was changed."""
    for name in LEDGERS:
        if name not in manifest.outputs:
            raise InputError(f"{folder / 'manifest.json'}: does not name {name}; the folder is not whole")
    told = {**manifest.outputs, **{file.output: file.output_sha256 for file in manifest.files}}
    for name, sha256 in told.items():
        try:
            found = sha256_of(folder / name)
        except OSError as error:
            raise _unreadable(folder / name, error) from None
        if found != sha256:
            raise InputError(f"{folder / name}: is not what was written (sha256 differs); restore from another copy")


def _unreadable(path: Path, error: OSError) -> InputError:
    reason = error.strerror or (str(error).splitlines() or ["damaged"])[0]
    return InputError(f"{path}: cannot be read ({reason}); the folder is not whole")


def batches(path: Path, columns: Sequence[str] | None = None) -> "Iterator[pa.RecordBatch]":
    """The rows of a Parquet file. Raises InputError where it cannot be read."""
    reading = read_batches(path, columns)
    while True:
        try:
            batch = next(reading, None)
        except OSError as error:
            raise _unreadable(path, error) from None
        if batch is None:
            return
        yield batch


@dataclass
class Notes:
    """removed.parquet and originals.parquet, read along with the files in their order."""

    folder: Path

    def __post_init__(self) -> None:
        self._removed = _lines(self.folder / "removed.parquet", ["file", "row", "raw"])
        self._originals = _lines(self.folder / "originals.parquet", ["file", "row", "kind", "raw"])
        self._next_removed = next(self._removed, None)
        self._next_original = next(self._originals, None)

    def removed(self, file: str) -> Iterator[tuple[int, bytes]]:
        """(row, bytes) of what was taken from a file."""
        while self._next_removed is not None and self._next_removed["file"] == file:
            yield self._next_removed["row"], self._next_removed["raw"]
            self._next_removed = next(self._removed, None)

    def originals(self, file: str) -> Iterator[tuple[int, str, bytes]]:
        """(row, kind, bytes) of what was kept of a file."""
        while self._next_original is not None and self._next_original["file"] == file:
            yield self._next_original["row"], self._next_original["kind"], self._next_original["raw"]
            self._next_original = next(self._originals, None)


def _lines(path: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in batches(path, columns):
        yield from batch.to_pylist()


def written_batches(folder: Path, entries: Sequence[FileEntry]) -> "Iterator[pa.RecordBatch]":
    """The rows of an input's Parquet files."""
    for entry in entries:
        yield from batches(folder / entry.output)


def written_records(folder: Path, entries: Sequence[FileEntry]) -> Iterator[Written]:
    """What was written of each record that was kept. Raises InputError for the record behind the last one."""
    for entry in entries:
        path = folder / entry.output
        yield from _of_lines(path, entry) if path.suffix == ".jsonl" else _of_table(path, entry)
    raise InputError(f"{folder}: {entries[0].input} has fewer rows than the manifest says; the folder was changed")


def _of_table(path: Path, entry: FileEntry) -> Iterator[Written]:
    dump: Callable[[Any], bytes] | None = None
    for batch in batches(path):
        own = batch.select([name for name in batch.schema.names if name not in entry.provenance])
        if dump is None and entry.style is not None and not isinstance(entry.style, SameStyle):
            dump = dumper(entry.style, own.schema)
        for values in rows_of(own):
            yield dump, values


def _of_lines(path: Path, entry: FileEntry) -> Iterator[Written]:
    if entry.style is None or isinstance(entry.style, SameStyle):
        dump: Callable[[Any], bytes] | None = None if entry.style is None else bytes
    else:
        styled = dumper(entry.style, ())

        def dump(line: bytes) -> bytes:
            return styled(own_row(line, bool(entry.provenance)))

    try:
        with path.open("rb") as stream:
            while line := stream.readline(_LONGEST):
                if not line.endswith(b"\n"):
                    raise InputError(f"{path}: a line does not end; the file was changed")
                yield dump, line[:-1]
    except OSError as error:
        raise _unreadable(path, error) from None
