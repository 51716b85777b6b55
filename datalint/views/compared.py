"""Rows as they are held against others: what they say, normalised, and the bytes that stand for a question asked."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from datalint.dedup.text import fold, joined, ranges
from datalint.fingerprint import canonical, digest
from datalint.views.flat import Turns, Values, merged, strings
from datalint.views.forms import Form
from datalint.views.turns import as_text

# Stands between the parts of a row that is compared: no text that white-space folding could make or eat.
_PART = b"\x00"


@dataclass(frozen=True, slots=True)
class Compared:
    """One readable row as it is held against others."""

    row: int
    ends: tuple[int, ...]  # for each trained answer the number of turns before it: leaks, conflicts
    held: "Held"
    place: int

    @property
    def text(self) -> str:
        """The contents of all turns as written, one below the other: near duplicates."""
        turns, (start, stop) = self.held.turns, self.held.bounds[self.place : self.place + 2]
        some = zip(turns.content[start:stop], turns.field[start:stop], strict=True)
        return "\n".join(content for content, field in some if content and field != "label")

    def context(self, end: int) -> bytes:
        """Equal where the same is said before a trained answer, one of `ends`."""
        return self.held.said(self.place, end)


@dataclass(frozen=True)
class Held:
    """n readable rows, normalised (NFKC, casefold, white space folded). What no rule asks for is not made.

    A row without turns, of unknown format or broken, has one here: all of its strings.
    """

    rows: list[int]
    bounds: list[int]  # n + 1 numbers: the turns of row i are bounds[i]:bounds[i + 1]
    forms: Sequence[Form]
    turns: Turns
    labels: Mapping[int, bytes]  # of rows that have one
    records: Mapping[int, bytes]  # of rows without turns: all of the row

    @cached_property
    def folded(self) -> list[tuple[slice, bytes]]:
        """Consecutive rows, and their turns as `fold` writes them, lines apart."""
        sizes = [0 if text is None else len(text) for text in self.turns.content]
        before = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))[self.bounds]
        return [
            (slice(start, stop), fold(self.turns.content[self.bounds[start] : self.bounds[stop]]))
            for start, stop in ranges(np.diff(before))
        ]

    @cached_property
    def lines(self) -> list[bytes]:
        """The content of each turn, on one line."""
        return [line for _, block in self.folded for line in block[1:-1].replace(b"\n", b" ").split(b"\xff")]

    def rows_folded(self) -> Iterator[bytes]:
        """Rows as `fold` writes them: the contents of a row's turns, but its label, one below the other."""
        for rows, block in self.folded:
            first = np.asarray(self.bounds[rows.start : rows.stop])
            fields = self.turns.field[self.bounds[rows.start] : self.bounds[rows.stop]]
            labels = [turn for turn, field in enumerate(fields) if field == "label"] if "label" in fields else []
            yield joined(block, first - self.bounds[rows.start], labels)

    @cached_property
    def _parts(self) -> list[bytes]:
        """Three for each turn: role, digest of the content, calls."""
        roles = {role: role.encode() + _PART for role in set(self.turns.role)}
        calls: Iterable[bytes] = repeat(_PART, len(self.lines))
        if any(self.turns.calls):
            calls = ((call or "").encode() + _PART for call in self.turns.calls)
        parts = zip(map(roles.__getitem__, self.turns.role), digest(self.lines), calls, strict=True)
        return list(chain.from_iterable(parts))

    def said(self, place: int, turns: int) -> bytes:
        """Roles, contents and calls of the first turns of the row at a place: equal bytes where they are equal."""
        start = self.bounds[place]
        return b"".join(self._parts[3 * start : 3 * (start + turns)])

    def whole(self) -> list[bytes]:
        """The same of all turns of each row, with its label: exact duplicates."""
        parts, bounds = self._parts, [3 * bound for bound in self.bounds]
        whole = [b"".join(parts[start:stop]) for start, stop in pairwise(bounds)]
        if self.labels or self.records:
            labels, records = self.labels, self.records
            return [records.get(row) or text + labels.get(row, b"") for row, text in zip(self.rows, whole, strict=True)]
        return whole

    @cached_property
    def answers(self) -> NDArray[np.int64]:
        """Which turns are trained answers that something is said before, a rejected one excepted. Ascending."""
        count = len(self.lines)
        trained = np.flatnonzero(np.fromiter(self.turns.trained, bool, count))
        if "rejected" in self.turns.field:
            # That is not what the model is to say.
            trained = trained[[self.turns.field[turn] != "rejected" for turn in trained.tolist()]]
        said = np.concatenate(([0], np.cumsum(np.fromiter(map(bool, self.lines), bool, count))))
        told: NDArray[np.bool_] = said[trained] > said[np.asarray(self.bounds)[self.places(trained)]]
        return trained[told]

    def places(self, turns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The place of the row of each of some turns."""
        places: NDArray[np.int64] = np.searchsorted(np.asarray(self.rows), self.turns.row[turns])
        return places

    def last_answers(self, formats: Container[str]) -> list[tuple[int, int]]:
        """(place of a row, number of turns before the last of its `answers`), of rows of some formats."""
        wanted = np.zeros(self.rows[-1] + 1 if self.rows else 0, bool)
        for form in self.forms:
            wanted[form.rows] = form.shape.format in formats
        turns = self.answers[wanted[self.turns.row[self.answers]]]
        places = self.places(turns)
        last = np.append(places[1:] != places[:-1], True)[: len(places)]
        found = zip(places[last].tolist(), turns[last].tolist(), strict=True)
        return [(place, turn - self.bounds[place]) for place, turn in found]

    def compared(self) -> list[Compared]:
        """One entry a row."""
        ends: list[list[int]] = [[] for _ in self.rows]
        for place, turn in zip(self.places(self.answers).tolist(), self.answers.tolist(), strict=True):
            ends[place].append(turn - self.bounds[place])
        formats = {row: form.shape.format for form in self.forms for row in form.rows}
        for place, row in enumerate(self.rows):
            kind, (start, stop) = formats[row], self.bounds[place : place + 2]
            # What is said to the model ends with a prompt that has no answer; plain text is all there is.
            if kind == "text" or (kind == "prompt-only" and not any(self.turns.trained[start:stop])):
                end = 1 if kind == "text" else stop - start
                ends[place] = [end] if row not in self.records and any(self.lines[start : start + end]) else []
        return [Compared(row, tuple(own), self, at) for at, (row, own) in enumerate(zip(self.rows, ends, strict=True))]


def held(values: Values, forms: Sequence[Form], turns: Turns) -> Held:
    """Some rows with their forms and turns."""
    labels: dict[int, bytes] = {}
    for form in forms:
        column = form.shape.fields.get("label", "label")
        for row in form.rows if column in form.types else ():
            label = (values[row] or {})[column]
            if label is not None:
                labels[row] = _PART + " ".join(as_text(label).casefold().split()).encode()
    there = np.zeros(len(values), bool)
    for form in forms:
        there[form.rows] = True
    rows = np.flatnonzero(there)
    there[turns.row] = False
    silent, records = np.flatnonzero(there).tolist(), dict[int, bytes]()
    if silent:
        whole = fold([canonical(values[row]).decode() for row in silent])[1:-1].replace(b"\n", b" ")
        records = dict(zip(silent, whole.split(b"\xff"), strict=True))
        said = ["\n".join(text for _, text, _ in strings(values[row], "", None)) for row in silent]
        none, blank = [None] * len(silent), [""] * len(silent)
        turns = Turns(*merged([turns, [silent, blank, said, [False] * len(silent), *[blank] * 3, none, none]]))
    bounds = np.searchsorted(turns.row, np.append(rows, len(values)))
    return Held(rows.tolist(), bounds.tolist(), forms, turns, labels, records)
