"""CSV and TSV: records of text fields, with the physical lines and exact bytes of each.

The standard library's reader takes the lines in strict mode. Where a quote does not fit, the line on which the
record began is told and left out, and reading goes on at the next line: an open quote swallows nothing.
"""

import csv
import io
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import numpy as np

from datalint.source.block import EMPTY, Block, Fault
from datalint.source.decode import Undecodable, too_long
from datalint.source.jsonl import line_spans, whole_lines
from datalint.source.stream import BOM, MAX_RECORD, Tape
from datalint.source.strict import quote

_UNFINISHED = "unexpected end of data"
LOOKAHEAD = 16 * 1024 * 1024  # a quoted field that does not close within so many bytes is an open quote
_HELD_BLANKS = 1024 * 1024
_WINDOW = 256 * 1024  # bytes looked at together


def delimiter_of(header: str, ending: str) -> str:
    """The delimiter of a file: what its ending says, unless the header has none and another one."""
    first = "\t" if ending == "tsv" else ","
    return next((mark for mark in (first, "\t", ";", ",") if mark in header), first)


def read_table(tape: Tape, *, delimiter: str, max_record: int = MAX_RECORD, bounded: bool = False) -> Iterator[Block]:
    """The blocks of a CSV file whose first record is the header. All values are text.

    A line longer than `max_record` bytes is unreadable; one of several times that, or in a compressed file
    (`bounded`), ends the reading.
    """
    csv.field_size_limit(max(csv.field_size_limit(), max_record))
    return _Table(tape, delimiter, max_record, bounded).blocks()


def _reason(message: str) -> str:
    if message == _UNFINISHED:
        return "a quote that is not closed"
    return "a carriage return within a line" if message.startswith("new-line character") else message


@dataclass
class _Stretch:
    """Whole lines of the file, and the records found in them by the indices of their lines."""

    data: bytes
    lines: list[str]
    rows: list[list[str] | None] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)
    done: int = 0  # lines that are settled


@dataclass
class _Table:
    tape: Tape
    delimiter: str
    max_record: int
    bounded: bool
    header: list[str] | None = None
    held: int = 0  # bytes of a record whose end was looked for in vain
    row: int = 0
    line: int = 1
    undecodable: Undecodable = field(default_factory=Undecodable)

    def blocks(self) -> Iterator[Block]:
        rest = b""
        for piece in whole_lines(self.tape, self.max_record, bounded=self.bounded):
            long = len(piece) > self.max_record and piece.find(b"\n", 0, -1) < 0
            rest = rest if long else rest + piece
            final = long or not piece.endswith(b"\n")
            rest = yield from self.stretches(rest, final=final)
            if long and self.header is None:
                self.tape.cut = "the header is a line that is too long to be read"
            elif long:
                yield self.too_long(piece)
        yield from self.stretches(rest, final=True)
        faults = self.undecodable.faults()
        if self.tape.cut is not None:
            reason = f"{self.tape.cut}: nothing can be read from here on"
            faults += (Fault("FMT015", None, self.line, reason),)
        elif self.row == 0:
            what = "no row" if self.header is None else "a header but no row"
            faults = (Fault("FMT015", None, None, f"the file holds {what}"),)
        if faults:
            yield Block(self.row, [], EMPTY, b"", EMPTY, EMPTY, faults)

    def stretches(self, data: bytes, *, final: bool) -> Generator[Block, None, bytes]:
        """The blocks of some lines; returns what is left of them, an unfinished record unless they are `final`.

        Few lines at a time: an open quote leaves many to be read as records of their own.
        """
        window = max(_WINDOW, self.held)
        while data and (final or len(data) >= window):
            cut = len(data) if len(data) <= window else data.rfind(b"\n", 0, window) + 1
            block = self.block(data[:cut], final=final and cut == len(data)) if cut else None
            if block is not None and block.data:
                yield block
                data, window = data[len(block.data) :], _WINDOW
            else:
                window *= 2  # what is held back is read again: in doubling steps that stays linear
        self.held = window
        return data

    def too_long(self, data: bytes) -> Block:
        """One line that is too long to be read."""
        torn = self.tape.cut is not None and not data.endswith(b"\n")
        reason = too_long(len(data), self.max_record).reason
        faults = () if torn else (Fault("FMT013", self.row, self.line, reason),)
        end = len(data) - data.endswith(b"\n") - data.endswith(b"\r\n")
        line, start, stop = (np.array([at], dtype=np.int64) for at in (self.line, 0, end))
        block = Block(self.row, [None], line, data, start, stop, faults, {0: "FMT015" if torn else "FMT013"})
        self.row, self.line = self.row + 1, self.line + (not torn)
        return block

    def block(self, data: bytes, *, final: bool) -> Block:
        gap = len(BOM) if self.line == 1 and data.startswith(BOM) else 0
        try:
            text, clean = data[gap:].decode("utf-8"), True
        except UnicodeDecodeError:
            text, clean = data[gap:].decode("utf-8", "surrogateescape"), False
        found = _Stretch(data, io.StringIO(text, newline="\n").readlines())
        self.parse(found, final=final)
        starts, ends = line_spans(data, gap)
        first, last = ([span[side] for span in found.spans] for side in (0, 1))
        begin, end = starts[np.array(first, dtype=np.int64)], ends[np.array(last, dtype=np.int64) - 1]
        torn = final and self.tape.cut is not None and not data.endswith(b"\n")
        if torn and last[-1:] == [len(found.lines)]:
            # a field that was cut off looks whole
            found.rows[-1], found.unreadable[len(last) - 1] = None, "FMT015"
            found.faults = [fault for fault in found.faults if fault.row != self.row + len(last) - 1]
        if not clean:
            self.check_text(found, begin.tolist(), end.tolist())
        size = len(data) if found.done == len(found.lines) else int(starts[found.done])
        lines = np.array(first, dtype=np.int64) + self.line
        faults = tuple(found.faults)
        names = self.header or []
        values = [None if row is None else dict(zip(names, row, strict=True)) for row in found.rows]
        block = Block(self.row, values, lines, data[:size], begin, end, faults, found.unreadable)
        self.row += len(block)
        self.line += found.done - torn
        return block

    def parse(self, found: _Stretch, *, final: bool) -> None:
        """Find the records of a stretch. Unless it is final, an unfinished record is left for the next one."""
        lines, rows, spans, at = found.lines, found.rows, found.spans, 0
        feed, fed = iter(lines), 0  # the lines not yet given to the reader, the number of those that were
        while at < len(lines):
            width = -1 if self.header is None else len(self.header)
            reader, base = csv.reader(feed, delimiter=self.delimiter, strict=True), at
            try:
                for fields in reader:
                    fed = base + reader.line_num
                    if len(fields) == width:
                        rows.append(fields)
                        spans.append((at, fed))
                    elif not self.odd_record(found, at, fed, fields):
                        at += 1  # the quote on this line has swallowed others: go back to the next line
                        break
                    else:
                        width = -1 if self.header is None else len(self.header)
                    at = fed
            except csv.Error as fault:
                fed = base + reader.line_num
                held = sum(map(len, lines[at:])) if not final and str(fault) == _UNFINISHED else LOOKAHEAD
                if held < min(LOOKAHEAD, self.max_record):
                    break
                self.refuse(found, at, at + 1, _reason(str(fault)))
                at += 1
                if len(found.data) > _WINDOW:
                    break  # what an open quote made wait is read in smaller pieces
            if fed != at:
                feed = map(lines.__getitem__, range(at, len(lines)))  # no copy: many lines may be refused
        found.done = at
        small = len(found.data) < _HELD_BLANKS
        while found.spans and not lines[found.spans[-1][0]].strip() and len(self.header or ()) == 1:
            start, _ = found.spans.pop()  # empty rows at the end are none; whether it is the end is not known
            found.rows.pop()
            found.done = start if small and not final else found.done

    def odd_record(self, found: _Stretch, start: int, end: int, fields: list[str]) -> bool:
        """Take the lines `start` to `end` - 1, which hold the header or not as many fields as it.

        False if they should not have been one record.
        """
        header = self.header
        blank = not fields or (len(fields) == 1 and end == start + 1 and not found.lines[start].strip())
        if header is None:
            if not blank:
                self.name_columns(found, start, fields)
            return True
        if blank and len(header) > 1:
            return True
        if blank:
            found.rows.append([""])
            found.spans.append((start, end))
            return True
        reason = f"{len(fields)} {'field' if len(fields) == 1 else 'fields'}, but the header has {len(header)}"
        if end > start + 1 and self.fits(found.lines[start + 1]):
            self.refuse(found, start, start + 1, f"a quote that is not closed ({reason})")
            return False
        self.refuse(found, start, end, reason)
        return True

    def fits(self, line: str) -> bool:
        """Whether a line is a record on its own."""
        try:
            rows = list(csv.reader([line], delimiter=self.delimiter, strict=True))
        except csv.Error:
            return False
        return len(rows) == 1 and len(rows[0]) == len(self.header or ()) > 1

    def refuse(self, found: _Stretch, start: int, end: int, reason: str) -> None:
        """Tell a record that cannot be read; a header is read all the same."""
        if self.header is None:
            found.faults.append(Fault("FMT013", None, self.line + start, f"header: {reason}"))
            # Leniently, but the reader takes no carriage return within a line even then.
            line = found.lines[start].rstrip("\r\n").replace("\r", " ")
            self.name_columns(found, start, next(csv.reader([line], delimiter=self.delimiter), []))
            return
        at = len(found.rows)
        found.faults.append(Fault("FMT013", self.row + at, self.line + start, reason))
        found.unreadable[at] = "FMT013"
        found.rows.append(None)
        found.spans.append((start, end))

    def name_columns(self, found: _Stretch, start: int, fields: list[str]) -> None:
        """Take the header. A name that is there already gets a number."""
        if not all(map(str.isprintable, fields)) and any("\udc80" <= c <= "\udcff" for c in "".join(fields)):
            self.undecodable.add(self.line + start, "in the header")
            fields = [name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in fields]
        names: dict[str, None] = {}
        numbers = Counter[str]()
        for name in fields:
            unique = name
            while unique in names:
                numbers[name] += 1
                unique = f"{name}.{numbers[name]}"
            names[unique] = None
        self.header = list(names)
        if doubled := [name for name, count in Counter(fields).items() if count > 1]:
            more = f" and {len(doubled) - 1} more" if len(doubled) > 1 else ""
            reason = f"header: column {quote(doubled[0])} is there more than once{more}"
            found.faults.append(Fault("FMT013", None, self.line + start, reason))

    def check_text(self, found: _Stretch, starts: list[int], ends: list[int]) -> None:
        """Leave out the records that are not UTF-8."""
        for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
            try:
                found.data[start:end].decode("utf-8")
            except UnicodeDecodeError as fault:
                if found.unreadable.get(i) == "FMT015":
                    continue
                line = self.line + found.spans[i][0]
                byte = found.data[start + fault.start]
                self.undecodable.add(line, f"0x{byte:02x} at byte {fault.start} of the record on line {line}")
                found.rows[i], found.unreadable[i] = None, "FMT002"
                found.faults = [told for told in found.faults if told.row != self.row + i]
