"""Arrow IPC: streams (what `save_to_disk` of Hugging Face `datasets` writes) and files (also Feather, version 2).

https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
An IPC reader takes offsets and sizes as they stand in the file: a batch is validated before anything of it is looked
at, and what its buffers say they expand to is added up before they do.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from datalint.source.parquet import BATCH_BYTES, BATCH_ROWS
from datalint.source.sharing import plain_batch, plain_schema, weight
from datalint.source.storage import open_arrow, open_bytes
from datalint.source.stream import MAX_RECORD

if TYPE_CHECKING:
    import pyarrow as pa

FILE, STREAM = b"ARROW1\0\0", b"\xff\xff\xff\xff"
MAX_EXPANDED = 16 * MAX_RECORD  # bytes of one batch once decompressed
_DICTIONARY, _RECORD_BATCH = 2, 3  # MessageHeader in format/Message.fbs


def arrow_schema(path: Path) -> "pa.Schema":
    """The schema of the batches with its metadata. Raises what pyarrow does for a damaged file."""
    import pyarrow as pa

    with open_arrow(path) as file:
        reader = pa.ipc.open_file(file) if _is_file(path) else pa.ipc.open_stream(file)
        return plain_schema(reader.schema)


def arrow_batches(path: Path) -> "Iterator[pa.RecordBatch]":
    """The rows in order, in batches of about BATCH_BYTES and at most BATCH_ROWS.

    Raises what pyarrow does for a damaged file, and ValueError for one that is cut off or would expand too much.
    """
    for batch in _whole_batches(path):
        batch.validate(full=True)
        rows, size = batch.num_rows, batch.nbytes
        if rows > 64 * (size + BATCH_ROWS):
            raise ValueError(f"a batch of {rows} rows in {size} bytes")
        step = max(1, min(BATCH_ROWS, BATCH_BYTES * rows // max(1, weight(batch))))
        for start in range(0, rows, step):
            yield plain_batch(batch.slice(start, step))


def _whole_batches(path: Path) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa

    with open_arrow(path) as file, open_bytes(path) as raw:
        if _is_file(path):
            _check_file(raw)
            reader = pa.ipc.open_file(file)
            yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
            return
        ended = _check_stream(raw)
        yield from pa.ipc.open_stream(file)
        if not ended:
            raise ValueError("the stream has no end, it may be cut off")


def _is_file(path: Path) -> bool:
    with open_bytes(path) as file:
        return file.read(len(FILE)) == FILE


def _check_stream(file: BinaryIO) -> bool:
    """Look at the messages of a stream; whether it has an end. Raises ValueError for one that expands too much."""
    at: int | None = 0
    while at is not None:
        file.seek(at)
        head = file.read(8)
        if head in (STREAM + b"\0\0\0\0", b"\0\0\0\0"):
            return True
        at = _checked(file, at)
    return False


def _check_file(file: BinaryIO) -> None:
    """Look at the messages that a file's footer (format/File.fbs) names. Raises ValueError as above."""
    end = file.seek(-10, 2)
    size = _int(file.read(10), 0, "i")
    file.seek(end - size)
    footer = file.read(size)
    root = _follow(footer, 0)
    for number in (2, 3):  # dictionaries, record batches
        if vector := _field(footer, root, number):
            start = _follow(footer, vector)
            for block in range(_int(footer, start, "I")):
                _checked(file, _int(footer, start + 4 + 24 * block, "q"))


def _checked(file: BinaryIO, at: int) -> int | None:
    """Where the message after the one at byte `at` begins; None if the file ends in it. Raises ValueError."""
    file.seek(at)
    head = file.read(8)
    skip = 4 if head.startswith(STREAM) else 0  # not there in files of before 2019
    if len(head) < skip + 4:
        return None
    size = _int(head, skip, "i")
    at += skip + 4
    file.seek(at)
    message = file.read(max(0, size))
    if len(message) < size or size <= 0:
        return None
    root = _follow(message, 0)
    kind, header, body = (_field(message, root, number) for number in (1, 2, 3))
    length = _int(message, body, "q") if body else 0
    what = message[kind] if kind else 0
    if header and what in (_DICTIONARY, _RECORD_BATCH):
        batch = _follow(message, header)
        if what == _DICTIONARY:
            batch = _follow(message, _field(message, batch, 1) or 0)
        if _field(message, batch, 3):  # its buffers are compressed
            expanded = sum(_expanded(file, message, batch, at + size))
            if expanded > MAX_EXPANDED:
                raise ValueError(f"a batch that expands to {expanded >> 20} MiB; at most {MAX_EXPANDED >> 20} are read")
    return at + size + length


def _expanded(file: BinaryIO, message: bytes, batch: int, body: int) -> Iterator[int]:
    """What each buffer of a batch takes once decompressed, which its first eight bytes tell."""
    if vector := _field(message, batch, 2):
        start = _follow(message, vector)
        for number in range(_int(message, start, "I")):
            offset, length = (_int(message, start + 4 + 16 * number + part, "q") for part in (0, 8))
            if length >= 8:
                file.seek(body + offset)
                yield max(0, _int(file.read(8), 0, "q"))


# FlatBuffers, as far as that takes (https://flatbuffers.dev/internals): a table begins with the distance to the list of
# where its fields are; what has no fixed size is an offset away.


def _int(data: bytes, at: int, kind: str) -> int:
    try:
        (value,) = struct.unpack_from("<" + kind, data, at)
    except struct.error:
        raise ValueError("a damaged message") from None
    return int(value)


def _follow(data: bytes, at: int) -> int:
    return at + _int(data, at, "I")


def _field(data: bytes, table: int, number: int) -> int | None:
    """Where a field of a table is; None if it is left out."""
    fields = table - _int(data, table, "i")
    if fields < 0 or 4 + 2 * number >= _int(data, fields, "H"):
        return None
    offset = _int(data, fields + 4 + 2 * number, "H")
    return table + offset if offset else None
