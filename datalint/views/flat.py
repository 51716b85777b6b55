"""What rows say, column by column: the turns and the texts of many rows at once.

Most rows of a file are plain, and those of one form differ in their strings only. So one row of a form tells what
turns all of them have, and a list of plain messages is read without a look at each of its rows. What is left is
read row by row.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from datalint.formats import Shape
from datalint.views.forms import Form, Plain
from datalint.views.turns import Turn, as_text, escape, role_of, turns_of

# Rows of a form from which reading them column by column is cheaper.
_MANY = 8

Values = Sequence[dict[str, Any] | None]
Piece = Sequence[Any]  # parallel lists, row numbers first


class Turns(NamedTuple):
    """Turns of all rows, in their order: parallel lists, those of `Turn` after the row."""

    row: NDArray[np.int64]
    role: list[str]
    content: list[str | None]
    trained: list[bool]
    pointer: list[str]
    field: list[str]
    said: list[str]
    calls: list[str | None]
    reasoning: list[str | None]

    def numbers(self) -> NDArray[np.int64]:
        """The number of each turn in its row."""
        places, first = np.arange(len(self.row)), np.ones(len(self.row), bool)
        first[1:] = self.row[1:] != self.row[:-1]
        return places - np.maximum.accumulate(np.where(first, places, 0))


class Texts(NamedTuple):
    """Strings of all rows but names of roles, in their order: parallel lists."""

    row: NDArray[np.int64]
    pointer: list[str]
    text: list[str]
    role: list[str | None]  # of the message that it stands in


class TurnLists(Sequence[list[Turn]]):
    """Each row's turns, made when they are asked for; empty for rows that are unknown or could not be read."""

    def __init__(self, values: Values, shapes: Sequence[Shape | None]) -> None:
        """`values` and `shapes` of the same rows."""
        self._values, self._shapes = values, shapes

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, row: int) -> list[Turn]: ...
    @overload
    def __getitem__(self, row: slice) -> list[list[Turn]]: ...
    def __getitem__(self, row: int | slice) -> list[Turn] | list[list[Turn]]:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        value, shape = self._values[row], self._shapes[row]
        return [] if value is None or shape is None else turns_of(value, shape)


def turns(values: Values, plains: Sequence[Plain]) -> Turns:
    """The turns of some rows, given what is plain of each of their forms."""
    pieces, loose = list[Piece](), list[tuple[int, list[Turn]]]()
    for plain in plains:
        form, column = plain.form, _place_of_turns(plain.form)
        if form.shape.format == "unknown":
            continue
        at_once = len(plain.rows) >= _MANY and column is not None
        loose += [(row, turns_of(values[row] or {}, form.shape)) for row in _others(plain, at_once=at_once)]
        if at_once and column is not None:
            pieces += [_spoken(plain, column)] if column else _alike(plain)
    several = [turn for _, turns in loose for turn in turns]
    if several:
        pieces.append([[row for row, turns in loose for _ in turns], *zip(*several, strict=True)])
    return Turns(*merged([*pieces, [[] for _ in Turns._fields]]))


def texts(values: Values, plains: Sequence[Plain]) -> Texts:
    """The strings of some rows, given what is plain of each of their forms."""
    pieces, loose = list[Piece](), list[int]()
    for plain in plains:
        at_once = len(plain.rows) >= _MANY
        loose += _others(plain, at_once=at_once)
        for column, kind in plain.form.types.items() if at_once else ():
            if kind is str:
                where, none = ["/" + escape(column)] * len(plain.rows), [None] * len(plain.rows)
                pieces.append([plain.rows, where, plain.cells(column), none])
            elif kind is list:
                talk = plain.talks[column]
                pieces.append([talk.row, talk.pointer, talk.content, talk.role])
    several = [(row, *found) for row in loose for found in strings(values[row], "", None)]
    if several:
        pieces.append(list(zip(*several, strict=True)))
    return Texts(*merged([*pieces, [[] for _ in Texts._fields]]))


def _others(plain: Plain, *, at_once: bool) -> list[int]:
    """The rows of a form that are read one by one."""
    if not at_once:
        return plain.form.rows
    known = set(plain.rows)
    return [row for row in plain.form.rows if row not in known]


def _place_of_turns(form: Form) -> str | None:
    """The column of messages that are all turns; empty: turns are cells; None: a row has to be looked at to tell."""
    if list not in form.types.values():
        return ""
    column = form.shape.fields.get("messages", "")
    alone = form.shape.format in ("chat", "sharegpt") and form.types.get("system") is not str
    return column if alone and form.types.get(column) is list else None


def _spoken(plain: Plain, column: str) -> Piece:
    """The turns of conversations."""
    row, said, role, content, pointer = plain.talks[column]
    none = [None] * len(row)
    calls: Sequence[str | None] = none
    if plain.form.shape.format == "sharegpt":
        calls = [text or None if word == "function_call" else None for word, text in zip(said, content, strict=True)]
    trained = [word == "assistant" for word in role]
    return [row, role, content, trained, pointer, ["messages"] * len(row), said, calls, none]


def _alike(plain: Plain) -> Iterator[Piece]:
    """The turns of rows without lists: those of one row, with the cells of the others."""
    shape, types = plain.form.shape, plain.form.types
    columns = {"/" + escape(column): column for column in types}
    # Where these are empty they are no turns.
    optional = [column for column in (shape.fields.get("input", ""), "system") if column in types]
    parts = defaultdict[tuple[bool, ...], list[int]](list)
    for at, value in enumerate(plain.values):
        parts[tuple(bool(value[column]) for column in optional)].append(at)
    for part in parts.values():
        rows, values = [plain.rows[at] for at in part], [plain.values[at] for at in part]
        for turn in turns_of(values[0], shape):
            column = columns[turn.pointer]
            cells = [value[column] for value in values]
            if types[column] is not str:
                cells = [None if cell is None else as_text(cell) for cell in cells]
            role, _, *others = ([item] * len(rows) for item in turn)
            yield [rows, role, cells, *others]


def merged(pieces: Sequence[Piece]) -> list[Any]:
    """Parallel lists joined, in the order of the rows in the first of them; what is of one row stays in its order."""
    numbers, *lists = zip(*pieces, strict=True)
    rows = np.concatenate([np.asarray(number, np.int64) for number in numbers])
    columns = [list(chain.from_iterable(parts)) for parts in lists]
    if (rows[1:] < rows[:-1]).any():
        order = np.argsort(rows, kind="stable")
        # Most of what stands together stays together.
        edges = np.flatnonzero(np.diff(order) != 1) + 1
        starts, stops = order[[0, *edges]].tolist(), (order[[*(edges - 1), -1]] + 1).tolist()
        spans = list(map(slice, starts, stops))
        rows, columns = rows[order], [list(chain.from_iterable(map(c.__getitem__, spans))) for c in columns]
    return [rows, *columns]


def strings(value: Any, pointer: str, role: str | None) -> Iterator[tuple[str, str, str | None]]:
    """Every string leaf as (pointer, text, role of the message it stands in)."""
    if isinstance(value, str):
        yield pointer, value, role
    elif isinstance(value, dict):
        said = value.get("role", value.get("from"))
        if len(value) == 2 and isinstance(said, str) and isinstance(text := value.get("content"), str):
            yield f"{pointer}/content", text, role_of(said)  # the plain message, by far the most frequent one
            return
        speaks = isinstance(said, str)
        role = role_of(said) if isinstance(said, str) else role
        for key, item in value.items():
            if not (speaks and key in ("role", "from")):
                yield from strings(item, f"{pointer}/{escape(key)}", role)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, f"{pointer}/{index}", role)
