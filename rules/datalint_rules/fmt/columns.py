"""What rows of a file need: kinds of rows by the columns that they fill, and the format that most rows have."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, NamedTuple

import polars as pl

from datalint.chunk import Chunk
from datalint.formats import ALIASES, Shape
from datalint.views.forms import Form
from datalint.views.turns import escape

NAMES = frozenset(name for names in ALIASES.values() for name in names)
# What each format cannot do without; of several fields in one group any will do.
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "chat": (("messages",),),
    "sharegpt": (("messages",),),
    "alpaca": (("instruction",), ("output",)),
    "prompt-completion": (("prompt",), ("completion",)),
    "prompt-only": (("prompt",),),
    "text": (("text",),),
    "preference": (("chosen",), ("rejected",)),
    "unpaired": (("completion", "messages"), ("label",)),
    "stepwise": (("prompt",), ("completions",), ("labels",)),
    "classification": (("text",), ("label",)),
    "unknown": (),
}
KINDS: dict[str, Any] = {
    "format": pl.String,
    "fields": pl.List(pl.String),
    "columns": pl.List(pl.String),
    "filled": pl.List(pl.String),
    "nulls": pl.List(pl.String),
}


class Kind(NamedTuple):
    """All that counts of a row's columns; rows of one kind lack the same."""

    format: str
    fields: tuple[str, ...]  # ours
    columns: tuple[str, ...]  # the row's, one for each of `fields`
    filled: tuple[str, ...]  # columns with a name that we know, not null
    nulls: tuple[str, ...]  # the same, null


class Need(NamedTuple):
    """Something that every row of a file must have."""

    fields: tuple[str, ...]  # any of these
    column: str  # as most rows call it


class Main(NamedTuple):
    """The format of a file, after most of its rows."""

    format: str
    columns: frozenset[str]
    needs: tuple[Need, ...]
    most: bool  # at least half of the rows are of a format that we know


def kind_of(form: Form, columns: Mapping[str, str]) -> Kind:
    """The kind of the rows of a form; `columns` as the user gave them."""
    shape, types, _ = form
    there = sorted(NAMES.union(columns.values()).intersection(types))
    return Kind(
        shape.format,
        tuple(shape.fields),
        tuple(shape.fields.values()),
        tuple(name for name in there if types[name] is not NoneType),
        tuple(name for name in there if types[name] is NoneType),
    )


def kinds_of(chunk: Chunk) -> dict[Kind, list[int]]:
    """The readable rows of each kind, in the order of the kinds' first rows."""
    kinds: dict[Kind, list[int]] = {}
    for form in chunk.forms:
        kinds.setdefault(kind_of(form, chunk.columns), []).extend(form.rows)
    return {kind: sorted(rows) for kind, rows in kinds.items()}


def as_kind(line: Mapping[str, Any]) -> Kind:
    """A line of a frame with the columns KINDS."""
    return Kind(line["format"], *(tuple(line[name]) for name in Kind._fields[1:]))


def main_of(lines: Sequence[tuple[Kind, int, int]]) -> Main | None:
    """The format of a file from (kind, number of rows, first row); None if no row has a format that we know."""
    rows, columns, first = Counter[str](), dict[str, Counter[tuple[str, str]]](), dict[str, int]()
    filled = Counter[tuple[str, str]]()
    for kind, count, row in lines:
        rows[kind.format] += count
        first[kind.format] = min(row, first.get(kind.format, row))
        pairs = list(zip(kind.fields, kind.columns, strict=True))
        columns.setdefault(kind.format, Counter()).update(dict.fromkeys(pairs, count))
        filled.update({(kind.format, field): count for field, column in pairs if column in kind.filled})
    known = sorted((name for name in rows if name != "unknown"), key=lambda f: (-rows[f], -len(columns[f]), first[f]))
    if not known:
        return None
    # A prompt alone is a format only if no row has more: else it is a row without its answer.
    fuller = (f for f in known if f != "prompt-only" and any(field == "prompt" for field, _ in columns[f]))
    main = next(fuller, known[0]) if known[0] == "prompt-only" else known[0]
    groups = list(NEEDED[main])
    if main in ("preference", "unpaired"):
        # The prompt may be part of the answers, but then it is so in all rows.
        asked = max(filled[main, "prompt"], filled[main, "messages"])
        groups += [("prompt", "messages")] if 2 * asked > rows[main] and ("messages",) not in groups else []
    needs = [Need(group, _usual(group, columns[main])) for group in groups]
    if main == "classification" and 2 * filled[main, "label"] < rows[main]:
        # A category that most rows lack is a note on texts, not what they are to be sorted into.
        needs = [need for need in needs if need.column == "label" or "label" not in need.fields]
    total = sum(rows.values())
    names = frozenset(column for _, column in columns[main])
    return Main(main, names, tuple(needs), 2 * (total - rows["unknown"]) >= total)


def _usual(group: tuple[str, ...], columns: Counter[tuple[str, str]]) -> str:
    seen = [(column, count) for (field, column), count in columns.items() if field in group]
    return max(seen, key=lambda item: item[1])[0] if seen else group[0]


def lacking(kind: Kind, main: Main) -> list[tuple[Need, str, str]]:
    """What rows of a kind lack in a file: the need, the column, and whether it is `missing` or `null`."""
    own = dict(zip(kind.fields, kind.columns, strict=True))
    needs: Sequence[Need] = main.needs
    if kind.format == "unknown":
        if not main.most and main.columns.isdisjoint(kind.filled):
            return []
    elif kind.format != main.format and not main.columns.issuperset(own.values()):
        # A row of another format is FMT004's; here it counts only if it is not whole itself.
        needs = [
            Need(group, column)
            for group in NEEDED[kind.format]
            if (column := next((own[field] for field in group if field in own), None))
        ]
    found = []
    for need in needs:
        names = {own[field] for field in need.fields if field in own}
        if kind.format != main.format:
            names |= {need.column, *(name for field in need.fields for name in ALIASES[field])}
        if names.isdisjoint(kind.filled):
            column = next((own[field] for field in need.fields if field in own), need.column)
            found.append((need, column, "null" if column in kind.nulls else "missing"))
    return found


class Talk(NamedTuple):
    """A message list, or a single message."""

    base: str  # pointer to the cell
    messages: list[Any]  # as they stand in the row: most are objects
    single: bool

    def at(self, index: int) -> str:
        """The pointer to a message."""
        return self.base if self.single else f"{self.base}/{index}"


def talks(row: Mapping[str, Any], shape: Shape) -> Iterator[Talk]:
    """The message lists of a row."""
    for column in shape.fields.values():
        cell = row[column]
        if isinstance(cell, list):
            yield Talk("/" + escape(column), cell, single=False)
        elif isinstance(cell, dict) and ("role" in cell or "from" in cell):
            yield Talk("/" + escape(column), [cell], single=True)


def messages_of(row: Mapping[str, Any], shape: Shape) -> Iterator[tuple[Talk, int, dict[str, Any]]]:
    """The messages of a row: `talk.at(index)` points to one."""
    for talk in talks(row, shape):
        for index, message in enumerate(talk.messages):
            if isinstance(message, dict):
                yield talk, index, message
