"""`restore`: the input files again, from what a clean wrote. The proof that nothing was lost."""

import codecs
import gzip
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO

import msgspec

from datalint.cleaner.publish import published
from datalint.cleaner.restoring.kept import Notes, verify, written_records
from datalint.cleaner.restoring.rebuild_rows import write_rows
from datalint.cleaner.stored.manifest import NAME, FileEntry, inside, read_manifest
from datalint.errors import DatalintError, InputError


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
            verify(folder, manifest)
            notes = Notes(folder)
            for _, group in groupby(manifest.files, key=lambda entry: entry.relative):
                entries = list(group)
                path = _free(inside(target, _name(entries[0]), folder / NAME))
                path.parent.mkdir(parents=True, exist_ok=True)
                proof = _rebuilt(entries, folder, path, notes)
                rows = sum(entry.rows_in for entry in entries)
                name = path.relative_to(target.resolve())
                done.append(RestoredFile(entries[0].input, Path(out) / name, rows, proof))
    return RestoreResult(Path(out), tuple(done))


def _name(entry: FileEntry) -> str:
    """The name of the file below a folder, with bytes that are no UTF-8 where it has such."""
    return entry.relative if entry.name_bytes is None else os.fsdecode(entry.name_bytes)


def _free(path: Path) -> Path:
    """The path, or where the file system takes it for another file's, the first one with a number."""
    made, number = path, 1
    while made.exists():
        number += 1
        made = path.with_name(f"{number}-{path.name}")
    return made


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What goes wrong with damaged or changed files, as one line."""
    import pyarrow as pa

    try:
        yield
    except DatalintError:
        raise
    except (
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        RecursionError,
        EOFError,
        msgspec.MsgspecError,
        pa.ArrowException,
    ) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{folder}: cannot be restored, a file in it is damaged or was changed ({what})") from error


def _rebuilt(entries: Sequence[FileEntry], folder: Path, path: Path, notes: Notes) -> str:
    entry = entries[0]
    if entry.rebuild == "rows":
        found = write_rows(entries, folder, path, notes)
        wanted, what = entry.content_sha256, "identical row for row (sha256 of the rows)"
    elif entry.rebuild == "file":
        found = _write_file(entry, path, notes)
        wanted, what = entry.input_sha256, "identical (sha256)"
    else:
        found = _write_text(entries, folder, path, notes)
        wanted = entry.content_sha256
        what = "identical (sha256)" if entry.compression is None else "identical once decompressed (sha256)"
    if found != wanted:
        what = f"{entry.input} does not come back as it was (sha256 differs)"
        raise InputError(f"{folder}: {what}; the folder was changed")
    return what


def _write_file(entry: FileEntry, path: Path, notes: Notes) -> str:
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


def _write_text(entries: Sequence[FileEntry], folder: Path, path: Path, notes: Notes) -> str:
    found, encoding = hashlib.sha256(), entries[0].encoding
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with _packed(path, entries[0].compression) as stream:
        for piece in _pieces(entries, folder, notes):
            if encoding != "utf-8":
                piece = decoder.decode(piece).encode(encoding, "surrogatepass")
            found.update(piece)
            stream.write(piece)
    return found.hexdigest()


def _pieces(entries: Sequence[FileEntry], folder: Path, notes: Notes) -> Iterator[bytes]:
    """The records of a text file and what stands between them."""
    entry, rows = entries[0], sum(entry.rows_in for entry in entries)
    usual = entry.gap.encode("utf-8")
    written = written_records(folder, entries)
    removed, originals = notes.removed(entry.input), notes.originals(entry.input)
    taken, kept = next(removed, None), next(originals, None)
    for row in range(rows + 1):
        gap = b"" if row == 0 else usual
        if kept is not None and kept[:2] == (row, "gap"):
            gap = kept[2]
            kept = next(originals, None)
        yield gap
        if row == rows:
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
            raise InputError(f"{folder / NAME}: {entry.input} has no style; the manifest was changed")
        else:
            yield dump(values)
    if taken is not None or kept is not None:
        raise InputError(f"{folder}: {entry.input} has more rows than the manifest says; the folder was changed")
