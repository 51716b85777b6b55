"""What a file will be once its fixes are made, line by line; the lines between are passed on as they were read."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from datalint.cleaner.inplace.splice import one_line, spliced_csv, spliced_json
from datalint.cleaner.stored.style import JsonStyle, best, candidates
from datalint.engine import Job
from datalint.errors import OutputError, RulePackError
from datalint.fixes import Fixes, Repaired, same
from datalint.source import Block, open_source
from datalint.source.stream import BOM

_SAMPLE = 64  # rows that tell a file's style
_ARRAY = b"[], \t\r\n"


class Piece(NamedTuple):
    """Whole lines of a file as they are and as they will be, in UTF-8; `new is old` where nothing changes.

    Of a file that is one array a piece may end within a line.
    """

    old: bytes
    new: bytes
    rows: int = 0  # that change


@dataclass(frozen=True)
class Edit:
    """One file that changes: its rows by the rules' fixes, and what else is to be done to it."""

    job: Job
    sha256: str  # of the file that was checked
    container: str
    encoding: str
    target: str  # the encoding to write
    strip: bool = False  # leave out the byte order mark
    unwrap: tuple[int, ...] = ()  # rows at which a line that is an array begins, in order

    @property
    def name(self) -> str:
        """The file's name as told to the user."""
        return self.job.file.name

    def pieces(self, fixes: Fixes) -> Iterator[Piece]:
        """The file from its first to its last byte. Raises RulePackError if a fix makes what the file cannot hold."""
        return _Reading(self, fixes).pieces()


class _Change(NamedTuple):
    """data[start:end] of a block becomes `new`."""

    start: int
    end: int
    new: bytes
    rows: int = 0


@dataclass
class _Reading:
    edit: Edit
    fixes: Fixes
    style: JsonStyle = field(default_factory=JsonStyle)
    began: bool = False
    learned: bool = False
    delimiter: str = ","

    def pieces(self) -> Iterator[Piece]:
        source = open_source(self.edit.job.file.path, name=self.edit.name)
        self.delimiter = getattr(source, "delimiter", ",")
        for block in source.blocks():
            data = bytes(block.data)
            if not data:
                continue
            repaired = self.fixes.repaired(self.edit.job.index, block)
            if self.edit.container == "json":
                yield Piece(data, *self.unwrapped(block, data, repaired))
            elif changes := sorted(self.changes(block, data, repaired)):
                yield from _by_line(data, changes)
            else:
                yield Piece(data, data)
            self.began = True

    def changes(self, block: Block, data: bytes, repaired: Repaired) -> Iterator[_Change]:
        if not self.began and self.edit.strip and data.startswith(BOM):
            yield _Change(0, len(BOM), b"")
        changed = [at for at in repaired.steps if not same(block.values[at], repaired.values[at])]
        for at in changed:
            yield _Change(int(block.starts[at]), int(block.ends[at]), self.record(block, at, repaired), 1)
        here = (
            bisect_left(self.edit.unwrap, block.first_row),
            bisect_left(self.edit.unwrap, block.first_row + len(block)),
        )
        for row in self.edit.unwrap[slice(*here)]:
            yield from self.lines_of(block, data, row - block.first_row, {*changed})

    def record(self, block: Block, at: int, repaired: Repaired) -> bytes:
        """A record's new bytes."""
        before, after = block.values[at] or {}, repaired.values[at] or {}
        raw = self.raw(block, at)
        if self.edit.container == "csv":
            made = spliced_csv(raw, before, after, self.delimiter)
        else:
            self.learn(block)
            made = spliced_json(raw, before, after, self.style)
        if made is None:
            codes = ", ".join(dict.fromkeys(step.rule for step in repaired.steps[at]))
            where = f"{self.edit.name}, row {block.first_row + at}"
            raise RulePackError(f"{codes}: its fix of {where} cannot be written as {self.edit.container}; use --ignore")
        return made

    def raw(self, block: Block, at: int) -> bytes:
        return one_line(block.raw(at)) if self.edit.container == "json" else block.raw(at)

    def learn(self, block: Block) -> None:
        """How the file writes JSON, from the first block in which something changes."""
        if self.learned:
            return
        some = [at for at, value in enumerate(block.values) if value is not None][:_SAMPLE]
        raws = [self.raw(block, at) for at in some]
        # No Arrow fields: nothing was stored, so nothing was padded.
        found = best(candidates("jsonl", ",", raws), (), [block.values[at] or {} for at in some], raws)
        assert isinstance(found, JsonStyle)
        self.style, self.learned = found, True

    def lines_of(self, block: Block, data: bytes, first: int, counted: set[int]) -> Iterator[_Change]:
        """A line for each object of an array on one line: what stands between them becomes line ends.

        Rows that are `counted` change in themselves.
        """
        assert block.lines is not None
        last = first
        while last + 1 < len(block) and block.lines[last + 1] == block.lines[first]:
            last += 1
        begin = data.rfind(b"\n", 0, int(block.starts[first])) + 1
        if begin == 0 and not self.began and data.startswith(BOM):
            begin = len(BOM)
        end = data.find(b"\n", int(block.ends[last]))
        end = len(data) if end < 0 else end
        crlf = data[end - 1 : end] == b"\r"
        end -= crlf
        places = [begin, *(int(at) for i in range(first, last + 1) for at in (block.starts[i], block.ends[i])), end]
        gaps = list(zip(places[::2], places[1::2], strict=True))
        for number, (start, stop) in enumerate(gaps):
            self.refuse_text(data[start:stop])
            between = 0 < number < len(gaps) - 1
            end_of_line = b"\r\n" if crlf else b"\n"
            more = number > 0 and first + number - 1 not in counted
            yield _Change(start, stop, end_of_line if between else b"", int(more))

    def unwrapped(self, block: Block, data: bytes, repaired: Repaired) -> tuple[bytes, int]:
        """A line for each record of a block of an array."""
        for number, gap in enumerate(block.gaps()):
            self.refuse_text(gap.removeprefix(BOM) if number == 0 and not self.began else gap)
        lines = [
            self.record(block, at, repaired) if at in repaired.steps else self.raw(block, at)
            for at in range(len(block))
        ]
        head = BOM if not self.began and data.startswith(BOM) and not self.edit.strip else b""
        return head + b"".join(line + b"\n" for line in lines), len(block)

    def refuse_text(self, gap: bytes) -> None:
        if gap.strip(_ARRAY):
            raise OutputError(f"{self.edit.name}: text between the elements of an array; clean writes its rows anew")


def _by_line(data: bytes, changes: list[_Change]) -> Iterator[Piece]:
    """The block in pieces of whole lines: changed lines that touch each other together, and what is between them."""
    done = at = 0
    while at < len(changes):
        begin, end = data.rfind(b"\n", 0, changes[at].start) + 1, 0
        new, rows, copied = [], 0, begin
        while at < len(changes) and (changes[at].start <= end or not end):
            start, stop, made, count = changes[at]
            new += [data[copied:start], made]
            copied, rows, at = stop, rows + count, at + 1
            feed = data.find(b"\n", stop)
            end = len(data) if feed < 0 else feed + 1
        if done < begin:
            unchanged = data[done:begin]
            yield Piece(unchanged, unchanged)
        yield Piece(data[begin:end], b"".join([*new, data[copied:end]]), rows)
        done = end
    if done < len(data):
        unchanged = data[done:]
        yield Piece(unchanged, unchanged)
