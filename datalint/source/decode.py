"""Many records of JSON at once, each exactly as the strict reading of the standard library has it.

A fast decoder (msgspec) takes runs of lines. It is exact except that it lets an object name a key twice, which
shows in the number of colons: a row that is encoded again has fewer of them. Records in doubt go one by one to
the strict reading.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from datalint.source.block import Fault, Offsets, Record
from datalint.source.brackets import depth_of, with_many_opening
from datalint.source.strict import MAX_DEPTH, Verdict, decode_record

RUN = 16  # lines decoded in one call: more would cost too much again where a line is bad

_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_COLON = 58
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")


@dataclass
class Decoder:
    """Decodes spans of a buffer."""

    _decoder: msgspec.json.Decoder[Any] = field(default_factory=msgspec.json.Decoder)
    _encoder: msgspec.json.Encoder = field(default_factory=msgspec.json.Encoder)
    _scratch: bytearray = field(default_factory=bytearray)

    def decode(
        self, data: bytes, starts: Offsets, ends: Offsets, plain: npt.NDArray[np.bool_], *, commas: bool = False
    ) -> tuple[list[Record | None], list[int]]:
        """The values of the records, None where in doubt, and the indices of those that are in doubt.

        `plain` (bool [n]): the record begins with { and ends with }, and nothing but a line end lies between it
        and the one before; with `commas`: nothing but a comma and white space.
        """
        view = memoryview(data)
        count = len(starts)
        values: list[Record | None] = []
        doubtful: list[int] = []
        whole = np.logical_and.reduceat(plain, np.arange(0, count, RUN)).tolist()
        for first, together in zip(range(0, count, RUN), whole, strict=True):
            last = min(first + RUN, count)
            rows = self._run(view[starts[first] : ends[last - 1]], commas=commas) if together else []
            if len(rows) == last - first:
                values += rows
                continue
            spans = zip(starts[first:last].tolist(), ends[first:last].tolist(), strict=True)
            for i, (start, end) in enumerate(spans, first):
                value = self._one(view[start:end])
                values.append(value)
                if value is None:
                    doubtful.append(i)
        for i in with_many_opening(data, starts, ends, MAX_DEPTH).tolist():
            if values[i] is not None and depth_of(data[starts[i] : ends[i]]) > MAX_DEPTH:
                values[i] = None
                doubtful.append(i)
        expected = _count_colons(data) - sum(data.count(b":", starts[i], ends[i]) for i in doubtful)
        escapes = b"\\" in data and (b"\\u003a" in data or b"\\u003A" in data)
        if escapes or self._colons(values) != expected:
            doubtful += self._odd(data, starts, ends, values)
        return values, sorted(doubtful)

    def _odd(self, data: bytes, starts: Offsets, ends: Offsets, values: list[Record | None]) -> list[int]:
        """The decoded records that may name a key twice: those that have other colons when they are encoded again.

        A colon that is written as an escape hides that, so that records with one are in doubt, too.
        """
        places = np.flatnonzero(np.frombuffer(data, np.uint8) == _COLON)
        told = (np.searchsorted(places, ends) - np.searchsorted(places, starts)).tolist()
        escapes = [match.start() for match in _ESCAPED_COLON.finditer(data)]
        hidden = {*(np.searchsorted(starts, escapes, side="right") - 1).tolist()}
        found = [i for i in hidden if i >= 0 and values[i] is not None]
        for first in range(0, len(values), RUN):
            run = enumerate(values[first : first + RUN], first)
            rows = [i for i, value in run if value is not None and i not in hidden]
            if self._colons([values[i] for i in rows]) != sum(told[i] for i in rows):
                found += [i for i in rows if self._colons(values[i]) != told[i]]
        return found

    def _run(self, raw: memoryview, *, commas: bool) -> list[Record]:
        """The values of a run of records, if they are as many as the records; else anything.

        Lines that each begin with { and end with } cannot share an object: inside of a value no { may follow
        a }. So as many values as lines means one value on each. Between commas the brackets have been matched
        before: if the text is valid, they stand where they seem to.
        """
        try:
            return self._decoder.decode(b"".join((b"[", raw, b"]"))) if commas else self._decoder.decode_lines(raw)
        except _REFUSED:
            return []

    def _one(self, raw: memoryview) -> Record | None:
        try:
            value = self._decoder.decode(raw)
        except _REFUSED:
            return None
        return value if type(value) is dict else None

    def _colons(self, value: Any) -> int:
        try:
            self._encoder.encode_into(value, self._scratch)
        except (RecursionError, UnicodeEncodeError, OverflowError):
            return -1  # in doubt
        return _count_colons(self._scratch)


def _count_colons(data: bytes | bytearray) -> int:
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == _COLON))  # four times as fast as bytes.count


def verdict_on(raw: bytes | memoryview, max_record: int) -> Verdict:
    """The strict reading of one record that is in doubt."""
    return too_long(len(raw), max_record) if len(raw) > max_record else decode_record(raw)


def too_long(size: int, max_record: int) -> Verdict:
    """What is told of a record that is longer than is read."""
    return Verdict(None, "FMT001", f"a record of {size} bytes; at most {max_record >> 20} MiB are read")


@dataclass
class Undecodable:
    """Records that are not UTF-8: counted, and told in one finding for the file."""

    count: int = 0
    line: int | None = None
    reason: str = ""

    def add(self, line: int | None, reason: str) -> None:
        """Count one more record; the first is the one that is described."""
        if not self.count:
            self.line, self.reason = line, reason
        self.count += 1

    def faults(self) -> tuple[Fault, ...]:
        """The finding about the file, if there is something to tell."""
        if not self.count:
            return ()
        what = "1 record holds" if self.count == 1 else f"{self.count} records hold"
        reason = f"{what} bytes that are not UTF-8; the first is {self.reason}"
        return (Fault("FMT002", None, self.line, reason),)


def record_fault(verdict: Verdict, row: int, line: int | None, where: str = "") -> Fault:
    """What is told about one record; `where` is added to the reason."""
    assert verdict.code is not None
    fix = ("rewrite", "unsafe") if verdict.code == "FMT010" else (None, None)
    return Fault(verdict.code, row, line, verdict.reason + where, verdict.pointer, *fix)
