"""What a file is, told from its first bytes and, where these leave it open, from its name."""

import json
import re
from itertools import pairwise

from datalint.source.block import Fault
from datalint.source.ipc import FILE, STREAM
from datalint.source.strict import may_go_on

CONTAINERS = {
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "json",
    "csv": "csv",
    "tsv": "csv",
    "parquet": "parquet",
    "arrow": "arrow",
    "arrows": "arrow",
    "feather": "arrow",
}
_COLUMNS = (
    (b"PAR1", "parquet"),
    (b"PARE", "parquet"),  # with an encrypted footer
    (FILE, "arrow"),
    (STREAM, "arrow-stream"),
)

_PICKLE = "a pickle, which is never loaded: it could run any command"
_MAGIC = (
    (b"PK\x03\x04", "a zip archive or a PyTorch file, which is never loaded"),
    (b"\x80\x02", _PICKLE),
    (b"\x80\x03", _PICKLE),
    (b"\x80\x04", _PICKLE),
    (b"\x80\x05", _PICKLE),
    (b"FEA1", "a Feather file of version 1; write it as Parquet"),
    (b"SQLite format 3\0", "an SQLite database; export its table as CSV or Parquet"),
    (b"\x89HDF\r\n", "an HDF5 file; write it as Parquet"),
    (b"Obj\x01", "an Avro file; write it as Parquet"),
    (b"BZh", "bzip2 data; decompress it, or compress with gzip or zstd"),
    (b"\xfd7zXZ\0", "xz data; decompress it, or compress with gzip or zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"%PDF-", "a PDF document"),
)
_CODE = frozenset({"pt", "pth", "ckpt", "pkl", "pickle", "joblib"})
_BOMS = (  # the longer ones first: the mark of UTF-32 begins like that of UTF-16
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_WITHOUT_BOM = (  # two ASCII characters, as every JSON text has them at its beginning
    (re.compile(rb"[\x09-\x7e]\0\0\0"), "utf-32-le"),
    (re.compile(rb"\0\0\0[\x09-\x7e]"), "utf-32-be"),
    (re.compile(rb"[\x09-\x7e]\0[\x09-\x7e]\0"), "utf-16-le"),
    (re.compile(rb"\0[\x09-\x7e]\0[\x09-\x7e]"), "utf-16-be"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_LINES = 50  # that are looked at


def no_data(head: bytes, ending: str, *, inner: bool = False) -> Fault | None:
    """Why a file is not read at all, if so. `inner`: `head` was compressed."""
    if not head and not inner:
        return Fault("FMT015", None, None, "the file is empty")
    if head.startswith(b"version https://git-lfs"):
        return Fault("FMT012", None, None, "a git-LFS pointer, not the data; run `git lfs pull`")
    if ending in _CODE:
        return Fault("FMT015", None, None, f"a .{ending} file is never loaded: it could run any command")
    if inner and columns_of(head):
        return Fault("FMT015", None, None, "Parquet or Arrow inside of other compression; decompress it first")
    if inner and compression_of(head):
        return Fault("FMT015", None, None, "compressed data inside of compressed data; decompress it once")
    what = next((what for magic, what in _MAGIC if head.startswith(magic)), None)
    return Fault("FMT015", None, None, f"the file is {what}") if what else None


def columns_of(head: bytes) -> str | None:
    """The container that holds columns, by its magic number: "parquet", "arrow" (the IPC file) or "arrow-stream"."""
    return next((name for magic, name in _COLUMNS if head.startswith(magic)), None)


def compression_of(head: bytes) -> str | None:
    """The packing, "gzip" (RFC 1952) or "zstd" (RFC 8878, skippable frames included) by its magic number."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zstd" if re.match(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", head) else None


def encoding_of(head: bytes) -> str:
    """UTF-16 and UTF-32 by their mark, or by where the zero bytes of two ASCII characters are; else UTF-8."""
    marked = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    return marked or next((name for form, name in _WITHOUT_BOM if form.match(head)), "utf-8")


def container_of(text: bytes, ending: str, *, whole: bool) -> str | None:
    """How records lie in a text: "jsonl", "json" or "csv"; None if the text is none of them.

    `text` is the beginning of the file without a byte order mark, `whole`: all of it.
    """
    named = CONTAINERS.get(ending)
    body = text.lstrip(b" \t\r\n")
    if not body:
        return named if named in ("json", "csv") else "jsonl"
    lines = [line for line in text.split(b"\n") if line.strip()]
    if not whole and len(lines) > 1:
        lines.pop()  # most likely cut
    objects = [_is_object(line) for line in lines[:_LINES]]
    if not any(objects) and len(text.translate(None, _CONTROLS)) < 0.9 * len(text):
        return None
    if body[:1] in (b"{", b"["):
        if named != "csv" or objects[0] or _is_document(body, whole=whole):
            return _json_form(body, lines, objects, named, whole=whole)
        return "csv"
    if named == "jsonl" or any(objects):
        return "jsonl"
    if named in ("json", "csv"):
        return named
    delimited = any(mark in lines[0] for mark in (b",", b"\t", b";"))
    return "csv" if named is None and delimited else None


def _json_form(body: bytes, lines: list[bytes], objects: list[bool], named: str | None, *, whole: bool) -> str:
    """Whether text that begins with a bracket is JSON Lines or one document."""
    first = lines[0].strip()
    if len(lines) == 1 and not whole:  # not even the first line is whole
        return "json" if named == "json" or body.startswith(b"[") else "jsonl"
    if objects[0] and named != "json":
        return "jsonl"
    if (len(lines) > 1 or not whole) and _is_document(first, whole=True):
        return "jsonl"
    if any(a and b for a, b in pairwise(objects)):
        return "jsonl"  # in a document a comma would stand between the two lines
    if named == "json" or _is_document(body, whole=whole):
        return "json"
    # What is neither: lines of which the first is broken, or a broken document. Documents indent.
    if any(here and line.startswith(b"{") for here, line in zip(objects, lines, strict=False)):
        return "jsonl"
    return "json" if first == b"{" or body.startswith(b"[") else "jsonl"


def _is_object(line: bytes) -> bool:
    line = line.strip()
    if not (line.startswith(b"{") and line.endswith(b"}")):
        return False
    try:
        return isinstance(json.loads(line.decode("utf-8", "replace")), dict)
    except (ValueError, RecursionError):
        return False


def _is_document(text: bytes, *, whole: bool) -> bool:
    """Whether text is JSON from its first to its last byte, or as far as it can be seen."""
    try:
        json.loads(text.decode("utf-8", "replace"))
    except json.JSONDecodeError as fault:
        return not whole and may_go_on(fault)
    except (ValueError, RecursionError):
        return False
    return True
