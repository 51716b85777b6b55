"""From a path to decompressed UTF-8 bytes, in order and in bounded memory."""

import codecs
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from datalint.source.storage import open_arrow, open_bytes

CHUNK = 256 * 1024  # larger blocks leave the processor's cache: 8 MiB cost up to twice as much
MAX_RECORD = 64 * 1024 * 1024  # one line or array element
HELD = 4  # times that: a longer one is not even held, it ends the reading

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
            return next(filter(None, self.chunks), b"")
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
        if self.compression == "zstd":
            yield from _unzstd(self.path)
            return
        with open_bytes(self.path) as file:
            if self.compression == "gzip":
                yield from _gunzip(file)
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
    inflate, pending = zlib.decompressobj(wbits=31), b""
    while pending := pending or file.read(CHUNK):
        before = inflate.copy()
        try:
            out = inflate.decompress(pending, CHUNK)
        except zlib.error as fault:
            yield from _salvaged(before, pending)
            raise CutShortError(f"damaged gzip data ({str(fault).rpartition(': ')[2]})") from None
        if out:
            yield out
        pending = inflate.unconsumed_tail
        if inflate.eof:
            pending = inflate.unused_data.lstrip(b"\0")  # tapes pad their last block with zeros
            while not pending and (more := file.read(CHUNK)):
                pending = more.lstrip(b"\0")
            if not pending:
                return
            if not pending.startswith(b"\x1f\x8b"[: len(pending)]):
                raise CutShortError("bytes that are no gzip data after the end of the gzip data")
            inflate = zlib.decompressobj(wbits=31)
    raise CutShortError("the gzip data is cut off")


def _salvaged(inflate: "zlib._Decompress", pending: bytes) -> Iterator[bytes]:
    """What a call that failed could have given: all up to the byte at which it fails."""
    for i in range(len(pending)):
        try:
            yield inflate.decompress(pending[i : i + 1])
        except zlib.error:
            return


def _unzstd(path: Path) -> Iterator[bytes]:
    """Every frame of a zstd file (RFC 8878); the end of the last one must be there."""
    done, fault = yield from _zstd_chunks(path, 0, CHUNK)
    if fault:
        # with the fault the stream drops what it had of the last chunk: fetch that byte by byte
        yield from _zstd_chunks(path, done, 1)
        raise CutShortError(f"damaged zstd data ({fault})")


def _zstd_chunks(path: Path, skip: int, size: int) -> Generator[bytes, None, tuple[int, str | None]]:
    """What can be read from byte `skip` on, in chunks of `size`; returns how far, and why not further."""
    import pyarrow as pa

    done = 0
    with pa.CompressedInputStream(open_arrow(path), "zstd") as stream:
        while True:
            try:
                chunk = stream.read(min(CHUNK, skip - done) if done < skip else size)
            except (OSError, pa.ArrowException) as fault:
                return done, str(fault).partition("\n")[0][:80]
            if not chunk:
                return done, None
            if done >= skip:
                yield chunk
            done += len(chunk)
