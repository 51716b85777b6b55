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
from datalint.source.brackets import brackets, depths
from datalint.source.decode import Decoder, Undecodable, record_fault, verdict_on
from datalint.source.stream import BOM, CHUNK, HELD, MAX_RECORD, Tape
from datalint.source.strict import Verdict, is_broken

_BLANK = b" \t\n\r"
_COMMA = re.compile(rb"[ \t\n\r]*,[ \t\n\r]*")
_PIECE = re.compile(rb'(?:"(?:[^"\\]|\\.)*"|[^",]|")+', re.DOTALL)  # what stands between commas
_FIRST_KEY = re.compile(rb'\{\s*("(?:[^"\\]|\\.){0,200}")\s*:')
_BETWEEN = 4096  # bytes looked at between two elements
# After a loss so many bytes are scanned first, and one element is decoded, then more: a whole chunk each time would be
# quadratic.
_RESCAN = 4 * 1024


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

    A record longer than `max_record` bytes is unreadable; one of several times that, or in a compressed file
    (`bounded`), ends the reading.
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
        self.more(CHUNK)
        self.at = len(BOM) if self.data.startswith(BOM) else 0
        while not self.data[self.at :].strip(_BLANK):
            yield self.emit(_Found(), len(self.data))
            if not self.more(CHUNK):
                break
        self.at = len(self.data) - len(self.data[self.at :].lstrip(_BLANK))
        self.array = self.data[self.at : self.at + 1] == b"["
        self.at += self.array
        yield from self.elements()
        faults = self.undecodable.faults()
        if self.tape.cut is not None:
            reason = f"{self.tape.cut}: nothing can be read from byte {self.offset + self.start} on"
            faults += (Fault("FMT015", None, None, reason),)
        elif self.row == 0:
            faults = (Fault("FMT015", None, None, "the file holds no row"),)
        elif self.row > 1 and not self.array:
            reason = "JSON values one after another, not in an array"
            faults += (Fault("FMT001", None, 1, reason, fix_kind="rewrite", fix_safety="safe"),)
        if faults:
            yield Block(self.row, [], None, b"", EMPTY, EMPTY, faults)

    def elements(self) -> Iterator[Block]:
        window, trust = CHUNK, CHUNK
        while True:
            stop = min(len(self.data), self.at + window)
            starts, ends, close = value_spans(self.data, self.at, stop)
            if len(ends) > trust:
                ends, close = ends[:trust], -1
            found = _Found()
            if len(ends) or close >= 0:
                lost = self.decode(found, starts[: len(ends)], ends)
                window, trust = (_RESCAN, 1) if lost else (CHUNK, 4 * trust)
                if lost or close < 0:
                    yield self.emit(found, found.ends[-1])
                    continue
                last = int(ends[-1]) if len(ends) else self.at
                if self.array and self.data[close] == ord("]"):
                    self.gap(found, last, close, closing=True)
                    yield self.emit(found, close + 1)
                    yield from self.rest()
                    return
                if self.data[last:close].strip(_BLANK):
                    self.gap(found, last, close)
                end = close + 1
                while self.data[end : end + 1] == b"}":
                    end += 1
                self.take(found, Verdict(None, "FMT001", "a closing bracket too many"), close, end)
                yield self.emit(found, end)
                window, trust = _RESCAN, 1
                continue
            first = int(starts[0]) if len(starts) else stop
            if self.following(first, stop) < 0 or not is_broken(self.data[first:stop]):
                # nothing is wrong so far: look further
                if stop < len(self.data):
                    window *= 4
                    continue
                size, ahead = len(self.data) - self.start, first - self.start
                limit = self.max_record if self.bounded else HELD * self.max_record
                if size > limit:
                    what = "expands to" if self.bounded else "of"
                    self.tape.cut = f"a record {what} more than {limit >> 20} MiB"
                if self.more(min(2 * size, limit) + CHUNK):
                    window = len(self.data)
                    continue
                first = self.start + ahead
            window = _RESCAN
            if not self.unfinished(found, first):
                yield self.emit(found, len(self.data))
                return
            yield self.emit(found, found.ends[-1])

    def decode(self, found: _Found, starts: Offsets, ends: Offsets) -> bool:
        """Decode elements into `found`; True if the scan was lost in one, which then is the last one."""
        if not len(ends):
            return False
        firsts, lasts = starts.tolist(), ends.tolist()
        gaps = [self.data[a:b] for a, b in zip([self.at, *lasts], firsts, strict=False)]
        usual = {gap for gap in set(gaps) if _COMMA.fullmatch(gap) or (not self.array and not gap.strip(_BLANK))}
        odd = {i for i, gap in enumerate(gaps) if gap not in usual} | ({0} if self.row == 0 else set())
        piece = self.data[self.start : lasts[-1]]
        plain = (np.frombuffer(self.data, np.uint8)[starts] == ord("{")) & self.array
        plain[sorted(odd - {0})] = False
        values, doubtful = self.decoder.decode(piece, starts - self.start, ends - self.start, plain, commas=True)
        suspects = {*doubtful, *np.flatnonzero(ends - starts > self.max_record).tolist()}
        done = 0
        for i in [*sorted(suspects | odd), len(lasts)]:
            found.values += values[done:i]
            found.starts += firsts[done:i]
            found.ends += lasts[done:i]
            if i == len(lasts):
                break
            if i in odd:
                self.gap(found, self.at if i == 0 else lasts[i - 1], firsts[i])
            done = i
            if i in suspects:
                done = i + 1
                verdict = verdict_on(self.data[firsts[i] : lasts[i]], self.max_record)
                beyond = self.broken_off(firsts[i], lasts[i]) if verdict.misshapen else -1
                self.take(found, verdict, firsts[i], lasts[i] if beyond < 0 else beyond)
                if beyond >= 0:
                    return True
        if self.key is None and (match := _FIRST_KEY.match(self.data, firsts[0])):
            self.key = match[1]
        return False

    def broken_off(self, start: int, end: int) -> int:
        """Where a misshapen element really ends, if another one begins inside of data[start:end]; else -1."""
        closed = self.data[end : end + CHUNK].lstrip(_BLANK)[:1] in (b"", b",", b"]") or not self.array
        return self.following(start, end if closed else len(self.data))

    def following(self, start: int, stop: int) -> int:
        """The end of the broken element at `start`: where, before `stop`, a next one seems to begin; else -1."""
        match = _FIRST_KEY.match(self.data, start, stop)
        keys = {key for key in (self.key, match[1] if match else None) if key}
        if not keys:
            return -1
        names = b"|".join(re.escape(key) for key in sorted(keys))
        # What stands before the bracket is looked at backwards: a search for it would be quadratic in long white space.
        for found in re.compile(rb"\{\s*(?:" + names + rb")\s*:").finditer(self.data, start + 1, stop):
            before = self.data[max(start + 1, found.start() - _BETWEEN) : found.start()]
            bare = before.rstrip(_BLANK)
            if bare.endswith(b","):
                return found.start() - len(before) + len(bare[:-1].rstrip(_BLANK))
            if b"\n" in before[len(bare) :]:
                return found.start() - len(before) + len(bare)
        return -1

    def unfinished(self, found: _Found, start: int) -> bool:
        """The last value, at `start`, has no end: one unreadable record, unless another seems to begin in it."""
        if start < len(self.data):
            self.gap(found, self.at, start)
        elif self.array:
            self.gap(found, self.at, start, closing=True)
            if self.tape.cut is None and self.row and not found.values:
                reason = "the array is not closed"
                found.faults.append(Fault("FMT001", None, None, reason, fix_kind="rewrite", fix_safety="safe"))
            return False
        else:
            start = self.at + len(self.data[self.at :]) - len(self.data[self.at :].lstrip(_BLANK))
        beyond = self.following(start, len(self.data))
        end = beyond if beyond >= 0 else len(self.data.rstrip(_BLANK))
        if start < end:
            verdict = verdict_on(self.data[start:end], self.max_record)
            if self.tape.cut is not None and beyond < 0:
                verdict = Verdict(None, "FMT015")  # told once, for the file
            self.take(found, verdict, start, end)
        return beyond >= 0

    def rest(self) -> Iterator[Block]:
        """Behind the closing bracket there should be nothing."""
        while self.more(self.max_record) or self.start < len(self.data):
            found, text = _Found(), self.data[self.start :]
            if piece := text.strip(_BLANK):
                start = self.start + text.index(piece)
                verdict = Verdict(None, "FMT001", "more text behind the end of the array")
                self.take(found, verdict, start, start + len(piece))
            yield self.emit(found, len(self.data))

    def gap(self, found: _Found, start: int, end: int, *, closing: bool = False) -> None:
        """What stands between two elements: one comma, or else things that are told."""
        text = self.data[start:end]
        first = self.row + len(found.values) == 0
        if not text.strip(_BLANK) if first or closing else _COMMA.fullmatch(text):
            return
        pieces = 0
        for match in _PIECE.finditer(text):
            if piece := match[0].strip(_BLANK):
                a = start + match.start() + match[0].index(piece)
                self.take(found, verdict_on(piece, self.max_record), a, a + len(piece))
                pieces += 1
        commas = _PIECE.sub(b"", text).count(b",")
        expected = pieces - closing + (not first)
        if commas != expected and self.array:
            what = "no comma" if commas < expected else "a comma too many"
            where = "before the closing bracket" if closing else "between elements"
            row = None if closing else self.row + len(found.values)
            reason = f"{what} {where}, at byte {self.offset + start}"
            found.faults.append(Fault("FMT001", row, None, reason, fix_kind="rewrite", fix_safety="safe"))

    def take(self, found: _Found, verdict: Verdict, start: int, end: int) -> None:
        """One record that was read strictly."""
        at, code = len(found.values), verdict.code
        where = f" (record at byte {self.offset + start})"
        if code == "FMT002":
            self.undecodable.add(None, verdict.reason + where)
        elif code is not None and code != "FMT015":
            found.faults.append(record_fault(verdict, self.row + at, None, where))
        if verdict.value is None:
            found.unreadable[at] = code or "FMT001"
        found.values.append(verdict.value)
        found.starts.append(start)
        found.ends.append(end)

    def more(self, size: int) -> bool:
        """Read on until `size` bytes wait; False if there is nothing more."""
        parts = [self.data[self.start :]]
        held = waiting = len(parts[0])
        while held < size and (chunk := self.tape.read()):
            parts.append(chunk)
            held += len(chunk)
        self.at -= self.start
        self.offset += self.start
        self.start, self.data = 0, b"".join(parts)
        return held > waiting

    def emit(self, found: _Found, end: int) -> Block:
        """The next block: the bytes up to `end`."""
        starts, ends = (np.array(column, dtype=np.int64) - self.start for column in (found.starts, found.ends))
        data, faults = self.data[self.start : end], tuple(found.faults)
        block = Block(self.row, found.values, None, data, starts, ends, faults, found.unreadable)
        self.start = self.at = end
        self.row += len(block)
        return block


def value_spans(data: bytes, at: int, stop: int) -> tuple[Offsets, Offsets, int]:
    """Where objects and arrays that stand side by side in data[at:stop] start and end, and the bracket too many.

    A value without an end has a start alone. The bracket (-1: none) is the first that closes what was not
    opened; nothing behind it is looked at.
    """
    found, opens = brackets(np.frombuffer(data, np.uint8)[at:stop])
    depth = depths(opens)
    close = -1
    if len(depth) and depth.min() < 0:
        first = int(np.argmax(depth < 0))
        close = at + int(found[first])
        found, opens, depth = found[:first], opens[:first], depth[:first]
    return found[opens & (depth == 1)] + at, found[~opens & (depth == 0)] + at + 1, close
