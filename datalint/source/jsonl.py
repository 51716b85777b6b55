"""JSON Lines: one object a line, with the exact bytes of every line."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from datalint.source.block import EMPTY, Block, Fault, Offsets
from datalint.source.decode import Decoder, Undecodable, record_fault, too_long, verdict_on
from datalint.source.stream import BOM, HELD, MAX_RECORD, Tape
from datalint.source.strict import decode_elements

BLANKS = 65536  # blank lines told in one block

_LF, _CR, _OPEN, _CLOSE = 10, 13, 123, 125


@dataclass
class _Place:
    """Where the reader is, and what it has put off."""

    row: int = 0
    line: int = 1
    blanks: int = 0  # blank lines just before here: gap at the end of the file, else rows
    undecodable: Undecodable = field(default_factory=Undecodable)
    decoder: Decoder = field(default_factory=Decoder)


def read_lines(tape: Tape, *, max_record: int = MAX_RECORD, bounded: bool = False) -> Iterator[Block]:
    """The blocks of a JSON Lines file.

    A line longer than `max_record` bytes is unreadable; one of several times that, or in a compressed file
    (`bounded`), ends the reading.
    """
    place = _Place()
    for data in whole_lines(tape, max_record, bounded=bounded):
        gap = len(BOM) if place.line == 1 and data.startswith(BOM) else 0
        torn = tape.cut is not None and data[-1] != _LF
        yield from _piece(data, gap, place, max_record, torn=torn)
        place.line -= torn
    faults = place.undecodable.faults()
    if tape.cut is not None:
        faults += (Fault("FMT015", None, place.line, f"{tape.cut}: nothing can be read from here on"),)
    elif place.row == 0:
        faults += (Fault("FMT015", None, None, "the file holds no row"),)
    if faults:
        yield Block(place.row, [], EMPTY, b"", EMPTY, EMPTY, faults)


def whole_lines(tape: Tape, longest: int, *, bounded: bool) -> Iterator[bytes]:
    """Chunks of whole lines; the last may lack its line feed. A line of more than `longest` bytes is a chunk by itself.

    One that is too long to be held cuts the tape.
    """
    rest: list[bytes] = []
    size, limit = 0, longest if bounded else HELD * longest
    while chunk := tape.read():
        cut = chunk.rfind(b"\n") + 1
        if cut:
            first = chunk.find(b"\n") + 1 if size > longest else cut
            yield b"".join((*rest, chunk[:first]))
            if first < cut:
                yield chunk[first:cut]
            rest, size = [], 0
        if cut < len(chunk):
            rest.append(chunk[cut:])
            size += len(chunk) - cut
        if size > limit:
            tape.cut = f"a line {'expands to' if bounded else 'of'} more than {limit >> 20} MiB"
            break
    if size:
        yield b"".join(rest)


def line_spans(data: bytes, gap: int = 0) -> tuple[Offsets, Offsets]:
    """Where the lines of `data` start (the first after `gap` bytes) and end, line ends (LF, CR LF) left out."""
    buffer = np.frombuffer(data, np.uint8)
    feeds = np.flatnonzero(buffer == _LF)
    starts = np.empty(len(feeds) + 1, dtype=np.int64)
    starts[0], starts[1:] = gap, feeds + 1
    ends = feeds - ((buffer[feeds - 1] == _CR) & (feeds > starts[:-1]))
    if data[-1] == _LF:
        return starts[:-1], ends
    return starts, np.append(ends, len(data))


def _piece(data: bytes, gap: int, place: _Place, max_record: int, *, torn: bool) -> Iterator[Block]:
    if len(data) > max_record and data.find(b"\n", 0, -1) < 0:
        yield from _too_long(data, gap, place, max_record, torn=torn)
        return
    starts, ends = line_spans(data, gap)
    buffer = np.frombuffer(data, np.uint8)
    objects: npt.NDArray[np.bool_] = buffer[np.minimum(starts, len(data) - 1)] == _OPEN
    objects &= buffer[ends - 1] == _CLOSE
    lines = np.arange(place.line, place.line + len(starts), dtype=np.int64)
    place.line += len(starts)
    kept = len(starts)
    if not objects.all():
        # whether blank lines at the end of the piece are rows depends on what follows
        while kept and not data[starts[kept - 1] : ends[kept - 1]].strip(b" \t\r"):
            kept -= 1
    if not kept:
        place.blanks += len(starts)
        yield Block(place.row, [], EMPTY, data, EMPTY, EMPTY)
        return
    yield from _blank_rows(int(lines[0]) - place.blanks, int(lines[0]), place)
    place.blanks = len(starts) - kept
    starts, ends, lines = starts[:kept], ends[:kept], lines[:kept]
    values, doubtful = place.decoder.decode(data, starts, ends, objects[:kept])
    if len(data) > max_record:
        doubtful = sorted({*doubtful, *np.flatnonzero(ends - starts > max_record).tolist()})
    block = Block(place.row, values, lines, data, starts, ends)
    if doubtful:
        block = _settled(block, doubtful, place.undecodable, max_record, torn=torn)
    place.row += len(block)
    yield block


def _too_long(data: bytes, gap: int, place: _Place, max_record: int, *, torn: bool) -> Iterator[Block]:
    """One line that is too long to be read. It may be so long that nothing of its size is made beside it."""
    yield from _blank_rows(place.line - place.blanks, place.line, place)
    end = len(data) - data.endswith(b"\n") - data.endswith(b"\r\n")
    line, start, stop = (np.array([at], dtype=np.int64) for at in (place.line, gap, end))
    told = () if torn else (record_fault(too_long(end - gap, max_record), place.row, place.line),)
    yield Block(place.row, [None], line, data, start, stop, told, {0: "FMT015" if torn else "FMT001"})
    place.row, place.line, place.blanks = place.row + 1, place.line + 1, 0


def _blank_rows(first: int, following: int, place: _Place) -> Iterator[Block]:
    """Rows for the blank lines `first` to `following` - 1, whose bytes were in the blocks before."""
    for start in range(first, following, BLANKS):
        lines = np.arange(start, min(start + BLANKS, following), dtype=np.int64)
        zeros = np.zeros(len(lines), dtype=np.int64)
        faults = [Fault("FMT001", place.row + i, line, "blank line") for i, line in enumerate(lines.tolist())]
        unreadable = dict.fromkeys(range(len(lines)), "FMT001")
        yield Block(place.row, [None] * len(lines), lines, b"", zeros, zeros, tuple(faults), unreadable)
        place.row += len(lines)


def _settled(block: Block, doubtful: list[int], undecodable: Undecodable, max_record: int, *, torn: bool) -> Block:
    """The block with its doubtful lines read strictly; a line that holds an array becomes several rows.

    `torn`: the stream broke off in the last line, which is told once, for the file.
    """
    values, faults, unreadable = block.values, list(block.faults), dict(block.unreadable)
    spread: dict[int, list[tuple[int, int]]] = {}  # line of the block -> spans of the elements on it
    ahead = 0  # rows that lines before have had beyond one
    assert block.lines is not None
    for i in doubtful:
        start, end, line = int(block.starts[i]), int(block.ends[i]), int(block.lines[i])
        raw = block.data[start:end]
        verdicts = [verdict_on(raw, max_record)]
        if verdicts[0].reason.startswith("a JSON array") and (elements := decode_elements(raw)):
            verdicts = [verdict for verdict, _, _ in elements]
            spread[i] = [(start + a, start + b) for _, a, b in elements]
            reason, row = f"a JSON array of {len(elements)} objects on one line", block.first_row + i + ahead
            faults.append(Fault("FMT001", row, line, reason, None, "rewrite", "safe"))
        for at, verdict in enumerate(verdicts, i + ahead):
            code = verdict.code
            if torn and i == len(block.lines) - 1 and verdict.value is None:
                code = "FMT015"
            elif code == "FMT002":
                undecodable.add(line, f"{verdict.reason} of line {line}")
            elif code is not None:
                faults.append(record_fault(verdict, block.first_row + at, line))
            if verdict.value is None:
                unreadable[at] = code or "FMT001"
        values[i + ahead : i + ahead + 1] = [verdict.value for verdict in verdicts]
        ahead += len(verdicts) - 1
    starts, ends, lines = block.starts, block.ends, block.lines
    if spread:
        counts = [len(spread.get(i, "1")) for i in range(len(lines))]
        starts, ends, lines = (np.repeat(column, counts) for column in (starts, ends, lines))
        before = np.cumsum([0, *counts])
        for i, spans in spread.items():
            starts[before[i] : before[i + 1]], ends[before[i] : before[i + 1]] = zip(*spans, strict=True)
    return Block(block.first_row, values, lines, block.data, starts, ends, tuple(faults), unreadable)
