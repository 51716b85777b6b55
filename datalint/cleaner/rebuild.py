"""`restore`: the input files again, from what a clean wrote. The proof that nothing was lost."""

import codecs
import gzip
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from datalint.cleaner.arrow import cells_of, rows_of
from datalint.cleaner.manifest import FileEntry, Manifest, inside, read_manifest
from datalint.cleaner.originals import unpacked_rows
from datalint.cleaner.passing import alike
from datalint.cleaner.publish import published
from datalint.cleaner.style import Dump, dumper
from datalint.cleaner.survey import row_digest
from datalint.cleaner.tables import Writer
from datalint.errors import DatalintError, InputError
from datalint.source import open_source

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 1024


@dataclass(frozen=True)
class RestoredFile:
    """One file that was rebuilt."""

    input: str  # as the clean named it
    path: Path
    rows: int
    proof: str  # what was found to be identical


@dataclass(frozen=True)
class RestoreResult:
    """What `restore` did."""

    out: Path
    files: tuple[RestoredFile, ...]


def restore(folder: str | Path, *, out: str | Path) -> RestoreResult:
    """Rebuild the inputs of a clean under their relative names in the new folder `out`.

    Text files come back byte for byte (compressed ones: what they decompress to), Parquet files row for row; each is
    held against the sha256 in the manifest before anything appears. Raises InputError if the folder is not the whole
    output of a clean or was changed, OutputError if `out` cannot be written.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    with published(Path(out)) as target:
        done = []
        with _told(folder):
            notes = _Notes(folder, manifest)
            for entry in manifest.files:
                path = inside(target, entry.relative, folder / "manifest.json")
                path.parent.mkdir(parents=True, exist_ok=True)
                proof = _rebuilt(entry, folder, path, notes)
                done.append(RestoredFile(entry.input, Path(out) / entry.relative, entry.rows_in, proof))
    return RestoreResult(Path(out), tuple(done))


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What goes wrong with damaged or changed files, as one line."""
    import pyarrow as pa

    try:
        yield
    except DatalintError:
        raise
    except (ValueError, LookupError, RecursionError, msgspec.MsgspecError, pa.ArrowException) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{folder}: cannot be restored, a file in it is damaged or was changed ({what})") from error


def _rebuilt(entry: FileEntry, folder: Path, path: Path, notes: "_Notes") -> str:
    if entry.rebuild == "rows":
        found = _write_rows(entry, folder, path, notes)
        wanted, what = entry.content_sha256, "identical row for row (sha256 of the rows)"
    elif entry.rebuild == "file":
        found = _write_file(entry, path, notes)
        wanted, what = entry.input_sha256, "identical (sha256)"
    else:
        found = _write_text(entry, folder, path, notes)
        wanted = entry.content_sha256
        what = "identical (sha256)" if entry.compression is None else "identical once decompressed (sha256)"
    if found != wanted:
        what = f"{entry.input} does not come back as it was (sha256 differs)"
        raise InputError(f"{folder}: {what}; the folder was changed")
    return what


class _Notes:
    """removed.parquet and originals.parquet, read along with the files in their order."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        for name in ("removed.parquet", "originals.parquet"):
            if name not in manifest.outputs:
                raise InputError(f"{folder / 'manifest.json'}: does not name {name}; the folder is not whole")
        self._removed = _lines(folder / "removed.parquet", ["file", "row", "raw"])
        self._originals = _lines(folder / "originals.parquet", ["file", "row", "kind", "raw"])
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
    for batch in _batches(path, columns):
        yield from batch.to_pylist()


def _batches(path: Path, columns: list[str] | None = None) -> "Iterator[pa.RecordBatch]":
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); the folder is not whole") from None
    with file:
        yield from file.iter_batches(_BATCH, columns=columns)


def _write_file(entry: FileEntry, path: Path, notes: _Notes) -> str:
    for _ in notes.removed(entry.input):
        pass
    found = hashlib.sha256()
    with path.open("xb") as stream:
        for _, _, raw in notes.originals(entry.input):
            found.update(raw)
            stream.write(raw)
    return found.hexdigest()


@contextmanager
def _packed(path: Path, compression: str | None) -> Iterator[IO[bytes]]:
    """A file to write to that compresses as told. The same bytes give the same file."""
    import pyarrow as pa

    with path.open("xb") as raw:
        if compression == "gzip":
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
                yield stream  # type: ignore[misc] # it writes, but its stubs do not call it a BinaryIO
        elif compression == "zstd":
            with pa.CompressedOutputStream(raw, "zstd") as stream:
                yield stream
        else:
            yield raw


def _write_text(entry: FileEntry, folder: Path, path: Path, notes: _Notes) -> str:
    found = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with _packed(path, entry.compression) as stream:
        for piece in _pieces(entry, folder, notes):
            if entry.encoding != "utf-8":
                piece = decoder.decode(piece).encode(entry.encoding, "surrogatepass")
            found.update(piece)
            stream.write(piece)
    return found.hexdigest()


def _pieces(entry: FileEntry, folder: Path, notes: _Notes) -> Iterator[bytes]:
    """The records of a text file and what stands between them."""
    usual = entry.gap.encode("utf-8")
    written = _records(entry, folder)
    removed, originals = notes.removed(entry.input), notes.originals(entry.input)
    taken, kept = next(removed, None), next(originals, None)
    for row in range(entry.rows_in + 1):
        gap = b"" if row == 0 else usual
        if kept is not None and kept[:2] == (row, "gap"):
            gap = kept[2]
            kept = next(originals, None)
        yield gap
        if row == entry.rows_in:
            break
        if taken is not None and taken[0] == row:
            yield taken[1]
            taken = next(removed, None)
            continue
        dump, values = next(written)
        if kept is not None and kept[:2] == (row, "row"):
            yield kept[2]
            kept = next(originals, None)
        elif dump is None:
            raise InputError(f"{folder / 'manifest.json'}: {entry.input} has no style; the manifest was changed")
        else:
            yield dump(values)
    if taken is not None or kept is not None:
        raise InputError(f"{folder}: {entry.input} has more rows than the manifest says; the folder was changed")


def _records(entry: FileEntry, folder: Path) -> Iterator[tuple[Dump | None, dict[str, Any]]]:
    """The rows that were written, and what turns one into its bytes."""
    path = folder / entry.output
    dump: Dump | None = None
    for batch in _batches(path):
        own = batch.select([name for name in batch.schema.names if name not in entry.provenance])
        if dump is None and entry.style is not None:
            dump = dumper(entry.style, own.schema)
        for values in rows_of(own):
            yield dump, values
    raise InputError(f"{path}: has fewer rows than the manifest says; the folder was changed")


def _write_rows(entry: FileEntry, folder: Path, path: Path, notes: _Notes) -> str:
    """A Parquet file with the schema and the rows that it had."""
    import pyarrow as pa

    removed = {row for row, _ in notes.removed(entry.input)}
    originals = notes.originals(entry.input)
    first = next(originals, None)
    if first is None or first[1] != "schema":
        raise InputError(f"{folder}: the schema of {entry.input} is missing; the folder was changed")
    schema = pa.ipc.read_schema(pa.py_buffer(first[2]))
    writer = Writer(path, schema)
    try:
        _write_row_batches(entry, folder, schema, writer, originals, removed)
        writer.close()
    except BaseException:
        writer.abort()
        raise
    found = hashlib.sha256()
    for block in open_source(path, name=entry.relative).blocks():
        for value in block.values:
            found.update(row_digest(value))
    return found.hexdigest()


def _write_row_batches(
    entry: FileEntry,
    folder: Path,
    schema: "pa.Schema",
    writer: Writer,
    originals: Iterator[tuple[int, str, bytes]],
    removed: set[int],
) -> None:
    """Rows as written, but for those that were removed or changed, which come from originals.parquet."""
    import pyarrow as pa

    source, row = _batches(folder / entry.output), 0
    rest: pa.RecordBatch | None = None

    def some(count: int) -> "pa.RecordBatch":
        """At most so many of the next rows that were written."""
        nonlocal rest
        if rest is None or not rest.num_rows:
            rest = next(source, None)
            if rest is None:
                raise InputError(f"{folder}: {entry.output} has fewer rows than the manifest says")
        found, rest = rest.slice(0, count), rest.slice(min(count, rest.num_rows))
        return found

    def pass_on(upto: int) -> None:
        """The rows up to `upto`, which were neither removed nor changed."""
        nonlocal row
        while row < upto:
            batch = some(upto - row)
            writer.write(_as(batch, schema))
            row += batch.num_rows

    for _, _, raw in originals:
        numbers, batch = unpacked_rows(raw)
        batch = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        for at, number in enumerate(numbers):
            pass_on(number)
            writer.write(batch.slice(at, 1))
            row += 1
            if number not in removed:  # changed: its new form is among the rows written
                some(1)
    pass_on(entry.rows_in)


def _as(batch: "pa.RecordBatch", schema: "pa.Schema") -> "pa.RecordBatch":
    """The batch in the input's columns; a column that was given another type goes through its values."""
    import pyarrow as pa

    arrays = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        if at >= 0 and alike(batch.schema.field(at), field):
            arrays.append(batch.column(at))
        else:
            rows = rows_of(batch.select([field.name])) if at >= 0 else []
            arrays.append(cells_of([row[field.name] for row in rows] or [None] * batch.num_rows, field))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
