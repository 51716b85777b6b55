"""What the rows that are kept look like, before one of them is written."""

import codecs
import hashlib
import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import xxhash

from datalint.cleaner.stored.arrow import cells_of
from datalint.cleaner.stored.manifest import Rebuild
from datalint.cleaner.stored.schema import MAX_COLUMNS, Seen
from datalint.cleaner.writing.passing import refuse_unstorable
from datalint.engine import Job
from datalint.errors import OutputError
from datalint.fingerprint import canonical
from datalint.fixes import Fixes, Repaired, same
from datalint.source import Block, open_source
from datalint.source.block import row_json
from datalint.source.columnar import rows_of
from datalint.source.gather import gather
from datalint.source.stream import Origin

if TYPE_CHECKING:
    import pyarrow as pa


TEXT = frozenset({"jsonl", "json", "csv"})  # containers of records that have bytes of their own
_WHOLE = re.compile(rb"(?<=[:,\[])(-?\d+)\.0(?=[,}\]])")


@dataclass
class Survey:
    """One input: its columns as they are to be written, and how it can be rebuilt."""

    seen: Seen = field(default_factory=Seen)
    wide: bool = False  # more columns than a table has
    schema: "pa.Schema | None" = None  # of a Parquet or Arrow input
    retyped: set[str] = field(default_factory=set)  # its columns that no longer hold their values
    encoding: str = "utf-8"
    compression: str | None = None
    rebuild: Rebuild = "file"
    content_sha256: str = ""
    prints: "array[int]" = field(default_factory=lambda: array("Q"))  # 64 bits of each kept row as it will be stored


def survey(job: Job, fixes: Fixes, *, sha256: str, to: str = "parquet") -> Survey:
    """Read a file once more. `sha256` is that of its bytes, `to` what its rows become: Parquet or JSON Lines."""
    source = open_source(job.file.path, name=job.file.name)
    found = Survey(encoding=source.encoding, compression=source.compression, content_sha256=sha256)
    if to == "parquet":
        found.schema = source.schema
        if found.schema is not None:
            refuse_unstorable(found.schema, job.file.name)
    columnar, text = found.schema is not None, source.container in TEXT
    looks = not columnar or any(one.rewrites_of(job.index) for one in fixes.rounds)
    content = _Content(source.encoding)
    damaged = False
    for block in gather(source.blocks()):
        damaged |= any(fault.code == "FMT015" for fault in block.faults)
        if columnar:
            content.add_rows(block)
        else:
            content.add_text(block)
        repaired = fixes.repaired(job.index, block)
        kept = [value for value in repaired.values if value is not None]
        found.prints.extend(map(row_print, kept))
        if looks and not found.wide:
            found.seen.look(kept if text or columnar else _as_json(kept))
            if found.schema is not None:
                _retype(found, block, repaired)
            elif len(found.seen.keys) > MAX_COLUMNS:
                if to == "parquet":
                    what = f"its rows have more than {MAX_COLUMNS:,} different keys, which is no table"
                    raise OutputError(f"{job.file.name}: {what}; turn the keys into values of one column")
                found.wide, found.seen = True, Seen()
    if found.schema is not None:
        # The writer of an Arrow file refuses dictionaries that change from batch to batch.
        plain = source.container == "parquet" or not any(map(_coded, found.schema.types))
        if plain and not damaged:
            found.rebuild, found.content_sha256 = "rows", content.digest
    elif text:
        original = _content_of(job.file.path, source.compression, sha256)
        if original == content.digest:
            found.rebuild, found.content_sha256 = "text", original
    return found


def stored_alike(surveys: Iterable[Survey]) -> frozenset[int]:
    """The prints that more than one row of the run has."""
    every = np.concatenate([np.frombuffer(one.prints, dtype=np.uint64) for one in surveys] or [np.empty(0, np.uint64)])
    every.sort()
    return frozenset(every[1:][every[1:] == every[:-1]].tolist())


@dataclass
class _Content:
    """sha256 over what `restore` will write."""

    encoding: str
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("surrogateescape")
    )

    def add_text(self, block: Block) -> None:
        if self.encoding == "utf-8":
            self._hash.update(block.data)
        else:
            self._hash.update(self._decoder.decode(bytes(block.data)).encode(self.encoding, "surrogatepass"))

    def add_rows(self, block: Block) -> None:
        for value in block.values:
            self._hash.update(row_digest(value))

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _coded(kind: "pa.DataType") -> bool:
    """Whether a dictionary is in a type."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return pa.types.is_dictionary(kind) or any(_coded(kind.field(i).type) for i in range(kind.num_fields))


def _as_json(rows: list[dict[str, Any]]) -> list[Any]:
    """Rows of Parquet or Arrow as JSON has them: a date is text."""
    return [msgspec.json.decode(row_json(row)) for row in rows]


def row_print(value: object) -> int:
    """64 bits that are equal for rows that are stored alike; a whole number is stored as a fraction beside others."""
    text = canonical(value)
    return xxhash.xxh3_64_intdigest(_WHOLE.sub(rb"\1", text) if b".0" in text else text)


def row_digest(value: object) -> bytes:
    """What stands for a row of Parquet in the sha256 of its file's content."""
    return b"\0" if value is None else canonical(value) + b"\n"


def _content_of(path: Path, compression: str | None, sha256: str) -> str | None:
    """sha256 of the decompressed file; None if it is damaged."""
    if compression is None:
        return sha256
    tape, found = Origin(path, compression).tape(), hashlib.sha256()
    while chunk := tape.read():
        found.update(chunk)
    return found.hexdigest() if tape.cut is None else None


def _retype(found: Survey, block: Block, repaired: Repaired) -> None:
    """Note the columns of a Parquet input whose type does not hold what a rewrite made of them."""
    assert found.schema is not None
    for at in repaired.steps:
        before, after = block.values[at] or {}, repaired.values[at] or {}
        for name, value in after.items():
            if name in found.retyped or name not in found.schema.names:
                continue
            if not (name in before and same(before[name], value)) and not _fits(name, value, found.schema):
                found.retyped.add(name)


def _fits(name: str, value: object, schema: "pa.Schema") -> bool:
    import pyarrow as pa

    one = schema.field(name)
    try:
        array = cells_of([value], one)
    except (ValueError, TypeError, OverflowError, pa.ArrowException):
        return False
    back = rows_of(pa.RecordBatch.from_arrays([array], schema=pa.schema([one])))[0][name]
    return same(back, value)
