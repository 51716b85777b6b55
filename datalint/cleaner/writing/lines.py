"""Rows of any input as JSON Lines: a record that nobody changed keeps its bytes, another one is compact JSON.

Lines are told apart by their bytes. Rows that a rewrite made equal were not written twice, and a second clean must not
take them for copies: from the second one on they have white space behind the first brace, which no parser sees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from datalint.cleaner.stored.originals import Gaps
from datalint.cleaner.stored.style import Dump, SameStyle, Style, best, candidates, dumper
from datalint.cleaner.writing.storing import PROVENANCE, Marks, Sink, keep_end, keep_odd, sample
from datalint.cleaner.writing.survey import TEXT
from datalint.errors import UsageError
from datalint.fingerprint import digest
from datalint.fixes import Repaired
from datalint.source import Block
from datalint.source.block import row_json

_DECODER = msgspec.json.Decoder[Any]()
_SPACES = str.maketrans("01", " \t")


@dataclass
class Apart:
    """Lines of a run that may be equal, each with the mark of the bytes that it was read from."""

    _marks: dict[bytes, bytes] = field(default_factory=dict)  # digest of a line -> mark
    _given: dict[tuple[bytes, bytes], int] = field(default_factory=dict)  # (digest, mark) -> variant of the line
    _next: dict[bytes, int] = field(default_factory=dict)

    def line(self, line: bytes, mark: bytes) -> bytes:
        """The line, or a variant of it if it stands already for a record of another mark."""
        (key,) = digest([line])
        if self._marks.setdefault(key, mark) == mark:
            return line
        if (key, mark) not in self._given:
            number = self._next.get(key, 1)
            while self._marks.setdefault(digest([_variant(line, number)])[0], mark) != mark:
                number += 1
            self._given[key, mark] = number
            self._next[key] = number + 1
        return _variant(line, self._given[key, mark])


def _variant(line: bytes, number: int) -> bytes:
    return b"{" + f"{number:b}".translate(_SPACES).encode() + line[1:]


@dataclass
class AsLines:
    """Rows as JSON Lines."""

    sink: Sink
    container: str
    delimiter: str
    apart: Apart
    style: Style | SameStyle | None = None
    gaps: Gaps = field(default_factory=Gaps)
    _dump: Dump | None = None

    def store(self, block: Block, repaired: Repaired, kept: Sequence[int], marks: Marks) -> list[int]:
        """See Storer."""
        whole = self.unchanged(block, repaired)
        raws, lines, made = [block.raw(at) for at in kept], [], []
        for number, (at, raw) in enumerate(zip(kept, raws, strict=True)):
            own = at in whole and b"\n" not in raw and b"\r" not in raw
            line = raw if own else row_json(self.stored(block, at, repaired.values[at] or {}))
            if number in marks:
                line = self.apart.line(line, marks[number])
            if line is not raw:
                made.append(number)
            lines.append(line)
        if self.container in TEXT:  # JSON has no types for some values of others; such files are kept whole
            rows = [
                (kept[number], self.stored(block, kept[number], repaired.values[kept[number]] or {})) for number in made
            ]
            back = {kept[number]: _DECODER.decode(lines[number]) for number in made}
            self.sink.prove(block, rows, back, "JSON Lines")
        if self.sink.survey.rebuild == "text":
            keep_odd(self.sink, self.gaps, block, self.lost(repaired, kept, raws, lines))
        return self.sink.shards.write(lines, marks={})

    def finish(self) -> None:
        """See Storer."""
        keep_end(self.sink, self.gaps)

    def unchanged(self, block: Block, repaired: Repaired) -> frozenset[int]:
        """Records that are valid JSON objects as they stand."""
        if self.container not in ("jsonl", "json") or self.sink.provenance:
            return frozenset()
        told = {fault.row - block.first_row for fault in block.faults if fault.row is not None}
        return frozenset(range(len(block))) - told - repaired.steps.keys()

    def stored(self, block: Block, at: int, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """A row as it is written. Raises UsageError if its own columns are in the way of those that are added."""
        if not self.sink.provenance:
            return value
        for column in PROVENANCE:
            if column in value:
                raise UsageError(f"{self.sink.label}: has a column {column!r} already; leave out --with-provenance")
        return {**value, **dict(zip(PROVENANCE, (self.sink.label, block.first_row + at), strict=True))}

    def lost(self, repaired: Repaired, kept: Sequence[int], raws: Sequence[bytes], lines: Sequence[bytes]) -> list[int]:
        """The rows whose lines do not give back their records."""
        if self.style is None and kept:
            self.learn(raws, lines)
        if isinstance(self.style, SameStyle):
            return [at for at, raw, line in zip(kept, raws, lines, strict=True) if line is not raw and line != raw]
        return [
            at
            for at, raw, line in zip(kept, raws, lines, strict=True)
            if at in repaired.steps or self._dump is None or self._dump(own_row(line, self.sink.provenance)) != raw
        ]

    def learn(self, raws: Sequence[bytes], lines: Sequence[bytes]) -> None:
        """The style that turns most lines into the records that they were."""
        some = sample(raws)
        shown = [raws[i] for i in some]
        same = sum(lines[i] == raws[i] for i in some)
        self.style = SameStyle()
        if same < len(some):
            back = [own_row(lines[i], self.sink.provenance) for i in some]
            style = best(candidates(self.container, self.delimiter, shown), (), back, shown)
            dump = dumper(style, ())
            if same < sum(dump(row) == raw for row, raw in zip(back, shown, strict=True)):
                self.style, self._dump = style, dump


def own_row(line: bytes, provenance: bool) -> dict[str, Any]:  # noqa: FBT001 - whether its last columns are not its own
    """The row that stands on a line."""
    row: dict[str, Any] = _DECODER.decode(line)
    return {key: value for key, value in row.items() if key not in PROVENANCE} if provenance else row
