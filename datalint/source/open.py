"""Which reader a file needs: the content decides, not the name."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from datalint.errors import InputError
from datalint.source.batches import ColumnSource
from datalint.source.block import EMPTY, Block, Fault
from datalint.source.document import read_document
from datalint.source.jsonl import read_lines
from datalint.source.sniff import CONTAINERS, columns_of, compression_of, container_of, encoding_of, no_data
from datalint.source.storage import open_bytes
from datalint.source.stream import BOM, CHUNK, MAX_RECORD, Origin
from datalint.source.table import delimiter_of, read_table

if TYPE_CHECKING:
    import pyarrow as pa


class Source(Protocol):
    """One file, ready to be read as often as needed."""

    @property
    def container(self) -> str:
        """How records lie in it: "jsonl", "json", "csv", "parquet", "arrow" (file),
        "arrow-stream"; "none" if it holds no data.
        """

    @property
    def compression(self) -> str | None:
        """What it is packed with: "gzip", "zstd" or None."""

    @property
    def encoding(self) -> str:
        """The encoding that the blocks are transcoded from; mostly "utf-8"."""

    @property
    def schema(self) -> Any:
        """The `pyarrow.Schema` of what holds columns, with its metadata, else None."""

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """The rows of what holds columns as Arrow batches; those of a text are no such."""

    def blocks(self) -> Iterator[Block]:
        """The records in order; reads the file again each time."""


@dataclass(frozen=True)
class TextSource:
    """JSON Lines, a JSON document, CSV or TSV. `notes` are faults of the file that its beginning shows."""

    origin: Origin
    container: str
    notes: tuple[Fault, ...] = ()
    delimiter: str = ","
    max_record: int = MAX_RECORD
    schema: None = None

    @property
    def compression(self) -> str | None:
        """What it is packed with: "gzip", "zstd" or None."""
        return self.origin.compression

    @property
    def encoding(self) -> str:
        """The encoding that the blocks are transcoded from; mostly "utf-8"."""
        return self.origin.encoding

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """None."""
        return iter(())

    def blocks(self) -> Iterator[Block]:
        """The records in order."""
        tape, bounded = self.origin.tape(), self.compression is not None
        if self.container == "csv":
            blocks = read_table(tape, delimiter=self.delimiter, max_record=self.max_record, bounded=bounded)
        elif self.container == "json":
            blocks = read_document(tape, max_record=self.max_record, bounded=bounded)
        else:
            blocks = read_lines(tape, max_record=self.max_record, bounded=bounded)
        notes = self.notes
        for block in blocks:
            # a file without any row has that one finding alone
            told, notes = (notes, ()) if len(block) else ((), notes)
            yield replace(block, faults=told + block.faults) if told else block


@dataclass(frozen=True)
class NoSource:
    """A file that holds no data; the fault says what it is instead."""

    origin: Origin
    fault: Fault
    container: str = "none"
    encoding: str = "utf-8"
    schema: None = None

    @property
    def compression(self) -> str | None:
        """What it is packed with: "gzip", "zstd" or None."""
        return self.origin.compression

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """None."""
        return iter(())

    def blocks(self) -> Iterator[Block]:
        """The bytes of the file, all of them gap, and the fault."""
        yield Block(0, [], None, b"", EMPTY, EMPTY, (self.fault,))
        tape = self.origin.tape()
        while chunk := tape.read():
            yield Block(0, [], None, chunk, EMPTY, EMPTY)


_TITLES = {"jsonl": "JSON Lines", "json": "a JSON document", "csv": "CSV", "parquet": "Parquet", "arrow": "Arrow"}
_LONGEST_HEAD = 16 * CHUNK


def open_source(path: Path, *, name: str, max_record: int = MAX_RECORD) -> Source:
    """Open a data file; its first bytes decide how it is read. `max_record` bounds one record, in bytes.

    Raises InputError for a file that is missing, a folder or not permitted. All else is told as faults.
    """
    try:
        with open_bytes(path) as file:
            head = file.read(512)
    except OSError as fault:
        raise InputError(f"{name}: cannot be opened ({fault.strerror}); check the path") from None
    ending, packed = _endings(name)
    origin = Origin(path, compression_of(head))
    if refused := no_data(head, ending):
        return NoSource(origin, refused)
    if columns := columns_of(head):
        return ColumnSource(path, columns, tuple(_misnamed(columns, ending)))
    if origin.compression:
        head = _peek(origin)[0][:512]
        if refused := no_data(head, ending, inner=True):
            return NoSource(origin, refused)
    origin = replace(origin, encoding=encoding_of(head))
    head, whole, cut = _peek(origin)
    text = head.removeprefix(BOM)
    container = container_of(text, ending, whole=whole)
    if container is None or (cut and not head):
        parquet = "damaged Parquet file: it does not begin as one"
        reason = cut or (parquet if ending == "parquet" else "not a text, JSON, CSV or Parquet file")
        return NoSource(origin, Fault("FMT015", None, None, reason))
    notes = [*_text_notes(origin, head), *_packing_notes(origin, ending, packed)]
    if container == "json" and CONTAINERS.get(ending) == "jsonl":
        what = "a JSON array" if text.lstrip().startswith(b"[") else "JSON over several lines"
        notes.append(Fault("FMT001", None, 1, f"{what}, not one object a line", None, "rewrite", "safe"))
    notes += _misnamed(container, ending)
    header = text.lstrip(b"\r\n").partition(b"\n")[0].decode("utf-8", "replace")
    return TextSource(origin, container, tuple(notes), delimiter_of(header, ending), max_record)


def _peek(origin: Origin) -> tuple[bytes, bool, str | None]:
    """The beginning of the text with at least one line end, whether it is all, and why it broke off."""
    tape, head = origin.tape(), b""
    while len(head) < CHUNK or (b"\n" not in head and len(head) < _LONGEST_HEAD):
        if not (chunk := tape.read()):
            return head, tape.cut is None, tape.cut
        head += chunk
    return head, False, None


def _endings(name: str) -> tuple[str, str | None]:
    """The last ending of a file name without its dot, and the "gz" or "zst" behind it."""
    *stem, last = name.rpartition("/")[2].lower().split(".")
    packed = last if last in ("gz", "zst") and stem else None
    if packed:
        *stem, last = stem
    return (last if stem else ""), packed


def _text_notes(origin: Origin, head: bytes) -> Iterator[Fault]:
    if origin.encoding != "utf-8":
        yield Fault("FMT002", None, 1, f"{origin.encoding.upper()} text, not UTF-8", None, "rewrite", "unsafe")
    elif head.startswith(BOM):
        yield Fault("FMT002", None, 1, "byte order mark", None, "rewrite", "safe")


def _packing_notes(origin: Origin, ending: str, packed: str | None) -> Iterator[Fault]:
    told = {"gz": "gzip", "zst": "zstd"}.get(packed or "")
    if origin.compression != told and (ending or packed):  # standard input has no name to be wrong
        content = f"{origin.compression} data" if origin.compression else "content that is not compressed"
        place = f"a file named .{packed}" if packed else "a file whose name does not say so"
        yield Fault("FMT014", None, None, f"{content} in {place}")


def _misnamed(container: str, ending: str) -> Iterator[Fault]:
    named, container = CONTAINERS.get(ending), container.removesuffix("-stream")
    if named not in (None, container):
        yield Fault("FMT014", None, None, f"{_TITLES[container]} in a file named .{ending}")
