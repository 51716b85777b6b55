"""JSON documents: an array of objects, one object, or objects one after another, in bounded memory.

A scan for brackets outside of strings finds where the elements lie; each is then decoded on its own. After an
element whose quotes or brackets do not match, the scan would be lost. It is taken up again where the next
element seems to begin: at an object that begins with the same key.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from datalint.source.block import EMPTY, Block, Fault, Offsets, Record
from datalint.source.decode import Decoder, Undecodable, record_fault, verdict_on
from datalint.source.strict import Verdict
from datalint.source.stream import BOM, CHUNK, MAX_RECORD, Tape

_BLANK = b" \t\n\r"
_COMMA = re.compile(rb"[ \t\n\r]*,[ \t\n\r]*")
_PIECE = re.compile(rb'(?:"(?:[^"\\]|\\.)*"|[^",]|")+', re.DOTALL)  # what stands between commas
_FIRST_KEY = re.compile(rb'\{\s*("(?:[^"\\]|\\.){0,200}")\s*:')
_RESCAN = 16 * 1024  # bytes scanned first after a loss: a whole chunk each time would be quadratic


@dataclass
class _Found:
    """Records of one stretch of the document, as they are collected; offsets in the document's buffer."""

    values: list[Record | None] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)


def read_document(tape: Tape, *, max_record: int = MAX_RECORD, bounded: bool = False) -> Iterator[Block]:
    """The blocks of a JSON document. Each element of an array, or each value outside of one, is a record.

    A record longer than `max_record` bytes is unreadable; `bounded` (compressed files): it ends the reading.
    """
    return _Document(tape, max_record, bounded).blocks()


@dataclass
class _Document:
    tape: Tape
    max_record: int
    bounded: bool
    data: bytes = b""
    start: int = 0  # of what is not handed on yet, in data
    at: int = 0  # where in data the scan goes on
    offset: int = 0  # of data in the file
    row: int = 0
    array: bool = False
    key: bytes | None = None  # the first key of the elements
    decoder: Decoder = field(default_factory=Decoder)
    undecodable: Undecodable = field(default_factory=Undecodable)

    def blocks(self) -> Iterator[Block]:
        while not self.data.removeprefix(BOM).strip(_BLANK) and self.more(len(self.data) + CHUNK):
            pass
        self.at = len(self.data) - len(self.data.removeprefix(BOM).lstrip(_BLANK))
        self.array = self.data[self.at : self.at + 1] == b"["
        self.at += self.array
        yield from self.elements()
        faults = self.undecodable.faults()
        if self.tape.cut is not None:
            reason = f"{self.tape.cut}: nothing can be read from byte {self.offset + self.start} on"
            faults += (Fault("FMT015", None, None, reason),)
        elif self.row == 0:
            faults += (Fault("FMT015", None, None, "the file holds no row"),)
        elif self.row > 1 and not self.array:
            reason = "JSON values one after another, not in an array"
            faults += (Fault("FMT001", None, 1, reason, fix_kind="rewrite", fix_safety="safe"),)
        if faults:
            yield Block(self.row, [], None, b"", EMPTY, EMPTY, faults)

    def elements(self) -> Iterator[Block]:
        window = CHUNK
        while True:
            stop = min(len(self.data), self.at + window)
            starts, ends, close = value_spans(self.data, self.at, stop)
            found = _Found()
            if len(ends) or close >= 0:
                lost = self.decode(found, starts[: len(ends)], ends)
                window = _RESCAN if lost else CHUNK
                if close < 0 or lost:
                    yield self.emit(found, found.ends[-1])
                elif self.array and self.data[close] == ord("]"):
                    self.gap(found, int(ends[-1]) if len(ends) else self.at, close, closing=True)
                    yield self.emit(found, close + 1)
                    yield from self.rest()
                    return
                else:
                    self.gap(found, int(ends[-1]) if len(ends) else self.at, close)
                    verdict = Verdict(None, "FMT001", "a closing bracket too many")
                    self.take(found, verdict, close, close + 1)
                    yield self.emit(found, close + 1)
                continue
            if stop < len(self.data):
                window *= 4
                continue
            size = len(self.data) - self.start
            first = int(starts[0]) if len(starts) else stop
            overlong = size > self.max_record
            if overlong and self.bounded:
                self.tape.cut = f"a record expands to more than {self.max_record >> 20} MiB"
            elif not overlong or self.following(first, stop) < 0:
                if self.more(max(CHUNK, 2 * size)):
                    window = len(self.data)
                    continue
            self.unfinished(found, first)
            yield self.emit(found, found.ends[-1] if found.ends and found.ends[-1] < stop else stop)
            if self.start == len(self.data) or not self.data[self.start :].strip(_BLANK):
                return
            window = _RESCAN
