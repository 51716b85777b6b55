"""From a path to decompressed UTF-8 bytes, in order and in bounded memory."""

import codecs
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 256 * 1024  # larger blocks leave the processor's cache: 8 MiB cost up to twice as much
MAX_RECORD = 64 * 1024 * 1024  # one line or array element

BOM = codecs.BOM_UTF8


class CutShortError(Exception):
    """Raised after the last good byte of a damaged stream; the message says what is wrong."""


@dataclass
class Tape:
    """Bytes read one chunk after the other. `cut` says why they ended early, once they have."""

    chunks: Iterator[bytes]
    cut: str | None = None

    def read(self) -> bytes:
        """The next chunk; empty at the end, and once the tape is cut."""
        if self.cut is not None:
            return b""
        try:
            return next(self.chunks, b"")
        except CutShortError as fault:
            self.cut = str(fault)
            return b""


@dataclass(frozen=True)
class Origin:
    """How the bytes of a file are to be read."""

    path: Path
    compression: str | None = None  # "gzip" or "zstd"
    encoding: str = "utf-8"

    def tape(self) -> Tape:
        """A tape at the beginning of the file."""
        return Tape(self._transcoded(self._expanded()))

    def _expanded(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            if self.compression == "gzip":
                yield from _gunzip(file)
            elif self.compression == "zstd":
                yield from _unzstd(file)
            else:
                while chunk := file.read(CHUNK):
                    yield chunk

    def _transcoded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        if self.encoding == "utf-8":
            yield from chunks
            return
        # Half a surrogate pair is passed on as bytes that are no UTF-8: its record is then told as such.
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="surrogatepass")
        try:
            for chunk in chunks:
                yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as fault:
            raise CutShortError(f"damaged {self.encoding.upper()} text ({fault.reason})") from None


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    """Every member of a gzip file (RFC 1952), each with its check sum."""
    inflate = zlib.decompressobj(wbits=31)
    pending, first = b"", True
    while True:
        pending = pending or file.read(CHUNK)
        if not pending:
            break
        try:
            out = inflate.decompress(pending, CHUNK)
        except zlib.error as fault:
            raise CutShortError(f"damaged gzip data ({str(fault).rpartition(': ')[2]})") from None
        if out:
            yield out
        pending = inflate.unconsumed_tail
        if inflate.eof:
            pending = inflate.unused_data.lstrip(b"\0")  # tape blocks are padded with zeros
            while not pending and (more := file.read(CHUNK)):
                pending = more.lstrip(b"\0")
            if not pending:
                return
            if not (pending + b"\x1f\x8b"[len(pending) :]).startswith(b"\x1f\x8b"):
                raise CutShortError("bytes that are no gzip data after the end of the gzip data")
            inflate, first = zlib.decompressobj(wbits=31), False
    raise CutShortError("the gzip data is cut off" + ("" if first else " in a later member"))


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    import pyarrow as pa

    with pa.CompressedInputStream(file, "zstd") as stream:
        while True:
            try:
                chunk = stream.read(CHUNK)
            except (OSError, pa.ArrowException) as fault:
                raise CutShortError(f"damaged zstd data ({str(fault).splitlines()[0][:80]})") from None
            if not chunk:
                return
            yield chunk
