"""Rows by form: what columns, types and format tell of rows is told once for all rows that share them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, compress, islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datalint.formats import Shape, kind_of
from datalint.views.turns import escape, role_of


class Form(NamedTuple):
    """Rows with the same columns, the same types of cells, and the same format."""

    shape: Shape
    types: Mapping[str, type]  # of the cells, by column
    rows: list[int]


def forms_of(
    values: Sequence[dict[str, Any] | None], columns: Mapping[str, str] | None = None, forced: str | None = None
) -> list[Form]:
    """The forms of some rows, in the order of their first rows; rows that could not be read have none.

    `columns` and `forced` are those of `shape_of`.
    """
    alike = defaultdict[tuple[Any, ...], list[int]](list)
    for row, value in enumerate(values):
        if value is not None:
            alike[(*value, *map(type, value.values()))].append(row)
    renamed, forms = tuple(sorted((columns or {}).items())), []
    for key, rows in alike.items():
        names, types = key[: len(key) // 2], key[len(key) // 2 :]
        kind = kind_of(names, types, renamed, forced)
        cells = dict(zip(names, types, strict=True))
        if len(kind.shapes) == 1:
            forms += [Form(shape, cells, rows) for shape in kind.shapes.values()]
            continue
        answers = [kind.ask(values[row] or {}) for row in rows]
        for answer in set(answers):
            some = [row for row, own in zip(rows, answers, strict=True) if own == answer]
            forms.append(Form(kind.shapes[answer], cells, some))
    return sorted(forms, key=lambda form: form.rows[0])


class Talk(NamedTuple):
    """Plain messages of some rows, one after the other: parallel lists."""

    row: NDArray[np.int64]
    said: list[str]  # the role as written
    role: list[str]
    content: list[str]
    pointer: list[str]  # to the content


@dataclass(frozen=True)
class Plain:
    """The plain rows of a form: cells are scalars or lists of messages that hold two strings, a role and a text."""

    form: Form
    values: list[dict[str, Any]]
    rows: list[int]

    def cells(self, column: str) -> list[Any]:
        """One column."""
        return [value[column] for value in self.values]

    @cached_property
    def talks(self) -> Mapping[str, Talk]:
        """The messages of each column that has such lists."""
        return {column: self._talk(column) for column, kind in self.form.types.items() if kind is list}

    def _talk(self, column: str) -> Talk:
        who, what = _keys_of(self.form)
        lists = self.cells(column)
        messages = list(chain.from_iterable(lists))
        sizes = list(map(len, lists))
        places = [f"/{escape(column)}/{index}/{what}" for index in range(max(sizes, default=0))]
        said = [message[who] for message in messages]
        roles = {word: role_of(word) for word in set(said)}
        return Talk(
            np.repeat(np.asarray(self.rows, np.int64), sizes),
            said,
            [roles[word] for word in said],
            [message[what] for message in messages],
            [place for size in sizes for place in places[:size]],
        )


def plain_of(values: Sequence[dict[str, Any] | None], form: Form) -> Plain:
    """What is plain of the rows of a form; `values` are all rows."""
    rows, (who, what) = form.rows, _keys_of(form)
    if dict in form.types.values():
        rows = []
    some = [values[row] or {} for row in rows]
    for column in (column for column, kind in form.types.items() if kind is list):
        lists = [value[column] for value in some]
        plain = [
            type(item) is dict and len(item) == 2 and type(item.get(what)) is str and type(item.get(who)) is str
            for item in chain.from_iterable(lists)
        ]
        if not all(plain):
            marks = iter(plain)
            kept = [all(list(islice(marks, len(cell)))) for cell in lists]
            rows, some = list(compress(rows, kept)), list(compress(some, kept))
    return Plain(form, some, rows)


def _keys_of(form: Form) -> tuple[str, str]:
    """Where a plain message of these rows has its speaker, and what is said."""
    return ("from", "value") if form.shape.format == "sharegpt" else ("role", "content")
