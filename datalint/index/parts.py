"""The files of a file index: Arrow IPC, written once and whole, named by what is in them, mapped when read.

`part-000001-<xxh3-128 of its bytes>.bands`: a damaged or exchanged file is noticed, and the ending keeps an index
beside the data from being read as data. Rows stand in record batches; the schema's metadata says how they were made.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import xxhash

from datalint.dedup.lsh import PERMUTATIONS
from datalint.dedup.ragged import I64, U32, U64, Bool, Ragged, ranges
from datalint.disk import synced
from datalint.errors import InputError, OutputError, UsageError
from datalint.index.records import Records, scheme, signatures_of
from datalint.index.store import FORMAT
from datalint.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

NAME: Final = re.compile(r"part-(\d{6})-([0-9a-f]{32})\.bands")
_KEY: Final = b"datalint-index"
_ELEMENTS: Final = 1 << 23
"""Values of a record batch: 32 MiB of signatures and words."""


class Version(msgspec.Struct, frozen=True):
    """What every header says, whatever else it holds."""

    format: int


class Header(msgspec.Struct, frozen=True):
    """How a part was made."""

    format: int
    scheme: str
    version: str
    files: list[str]
    boilerplate: str  # hashes of lines: little-endian, eight bytes each, in hexadecimal

    @property
    def lines(self) -> U64:
        """Hashes of the lines that do not count. Raises ValueError if they are none."""
        return np.frombuffer(bytes.fromhex(self.boilerplate), "<u8").astype(np.uint64)


@dataclass(frozen=True)
class Batch:
    """n rows of a part, mapped."""

    hashes: U64
    spaced: Bool
    file: U32  # number in the header's list
    row: I64
    line: I64  # 0: none
    offsets: "np.ndarray[Any, np.dtype[np.int32]]"
    words: U32
    signatures: U32  # shape (n, 126)

    def __len__(self) -> int:
        return len(self.hashes)

    def bodies(self, rows: I64) -> Ragged:
        """The words of some rows."""
        starts = self.offsets[rows].astype(np.int64)
        lengths = self.offsets[rows + 1] - starts
        return Ragged.of(self.words[ranges(starts, lengths)], lengths)


@dataclass(frozen=True)
class Part:
    """One file, one `add`."""

    path: Path
    number: int
    digest: str

    @property
    def header(self) -> Header:
        """How it was made. Raises UsageError for what another version of datalint has to read, else InputError."""
        return self._opened[0]

    @property
    def batches(self) -> Sequence[Batch]:
        """The rows. Raises what `header` raises."""
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[Header, Sequence[Batch]]:
        import pyarrow as pa

        try:
            if _digest(self.path) != self.digest:
                raise InputError(f"{self.path}: damaged; {_REMEDY}")
            reader = pa.ipc.open_file(pa.memory_map(os.fsencode(self.path)))
            header = self._understood((reader.schema.metadata or {})[_KEY])
            return header, [_mapped(reader.get_batch(i), header) for i in range(reader.num_record_batches)]
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror or error}); check the path") from error
        except (pa.ArrowException, msgspec.MsgspecError, KeyError, ValueError) as error:
            raise InputError(f"{self.path}: no part of an index ({type(error).__name__}); {_REMEDY}") from error

    def _understood(self, data: bytes) -> Header:
        # Of a later format nothing is known but that it says so.
        version = msgspec.json.decode(data, type=Version).format
        if version > FORMAT:
            raise UsageError(
                f"{self.path.parent}: written by a newer datalint (index format {version}, this one reads {FORMAT}); "
                "update datalint"
            )
        header = msgspec.json.decode(data, type=Header)
        if header.scheme != scheme():
            raise UsageError(
                f"{self.path.parent}: datalint {header.version} compared words in another way than {__version__}; "
                "build the index anew with `datalint index add`"
            )
        _ = header.lines
        return header


_REMEDY: Final = "restore the index from a copy, or build it anew with `datalint index add`"


def parts_in(folder: Path) -> list[Part]:
    """The parts of an index, in the order in which they were added. Raises InputError if one is missing."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be opened ({error.strerror}); check the path") from error
    found = [match for match in map(NAME.fullmatch, names) if match]
    for expected, match in enumerate(found, start=1):
        if int(match[1]) != expected:
            raise InputError(f"{folder}: part {min(expected, int(match[1]))} is missing or double; {_REMEDY}")
    return [Part(folder / match[0], int(match[1]), match[2]) for match in found]


def write_part(folder: Path, number: int, files: Sequence[str], boilerplate: U64, records: Iterable[Records]) -> int:
    """Write a part whole or not at all; returns its rows. Raises OutputError."""
    temporary = folder / f".{number}-{os.getpid()}.tmp"
    header = Header(FORMAT, scheme(), __version__, list(files), boilerplate.astype("<u8").tobytes().hex())
    try:
        rows = _write(temporary, header, records)
        synced(temporary)
        temporary.replace(folder / f"part-{number:06d}-{_digest(temporary)}.bands")
        synced(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); nothing was added") from error
    finally:
        temporary.unlink(missing_ok=True)
    return rows


def _write(path: Path, header: Header, records: Iterable[Records]) -> int:
    import pyarrow as pa

    schema = _schema().with_metadata({_KEY: msgspec.json.encode(header)})
    rows = 0
    with pa.OSFile(os.fsencode(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for part in _sized(records):
            columns = [
                pa.array(part.hashes),
                pa.array(part.spaced),
                pa.array(part.file),
                pa.array(part.row),
                pa.array(part.line),
                pa.ListArray.from_arrays(pa.array(part.body.offsets.astype(np.int32)), pa.array(part.body.values)),
                pa.FixedSizeListArray.from_arrays(
                    pa.array(signatures_of(part.body, part.spaced).ravel()), PERMUTATIONS
                ),
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            rows += len(part)
    return rows


def _sized(records: Iterable[Records]) -> Iterator[Records]:
    """The same rows in parts of about `_ELEMENTS` values."""
    waiting: list[Records] = []
    size = 0
    for part in records:
        waiting.append(part)
        size += len(part.body.values) + len(part) * PERMUTATIONS
        if size >= _ELEMENTS:
            yield Records.joined(waiting)
            waiting, size = [], 0
    if size:
        yield Records.joined(waiting)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    signature = pa.list_(pa.field("item", pa.uint32(), nullable=False), PERMUTATIONS)
    types: Mapping[str, pa.DataType] = {
        "hash": pa.uint64(),
        "spaced": pa.bool_(),
        "file": pa.uint32(),
        "row": pa.int64(),
        "line": pa.int64(),
        "words": pa.list_(pa.field("item", pa.uint32(), nullable=False)),
        "signature": signature,
    }
    return pa.schema([pa.field(name, dtype, nullable=False) for name, dtype in types.items()])


def _mapped(batch: "pa.RecordBatch", header: Header) -> Batch:
    """A record batch as arrays, without a copy. Raises ValueError for what `_write` never writes."""
    batch.validate(full=True)
    if not batch.schema.equals(_schema()):
        raise ValueError("other columns")
    columns = {field.name: column for field, column in zip(batch.schema, batch.columns, strict=True)}
    if any(column.null_count for column in columns.values()):
        raise ValueError("a null")
    file = columns["file"].to_numpy()
    if len(file) and int(file.max()) >= len(header.files):
        raise ValueError("a file without a name")
    return Batch(
        hashes=columns["hash"].to_numpy(),
        spaced=columns["spaced"].to_numpy(zero_copy_only=False),
        file=file,
        row=columns["row"].to_numpy(),
        line=columns["line"].to_numpy(),
        offsets=columns["words"].offsets.to_numpy(),
        words=columns["words"].values.to_numpy(),
        signatures=columns["signature"].flatten().to_numpy().reshape(-1, PERMUTATIONS),
    )


def _digest(path: Path) -> str:
    hashed = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            hashed.update(piece)
    return hashed.hexdigest()


def each(parts: Sequence[Part]) -> Iterator[tuple[int, Part, Batch]]:
    """All batches, with the number of their first row."""
    first = 0
    for part in parts:
        for batch in part.batches:
            yield first, part, batch
            first += len(batch)
