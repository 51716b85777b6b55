"""The part of a row that a finding is about, in a few lines of bounded width, with the place to point at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from datalint import pii, secrets
from datalint.formats import shape_of
from datalint.location import parts, pointer, resolve
from datalint.report.escape import shown, visible
from datalint.views.turns import Turn, as_text, turns_of

_ELLIPSIS = "…"
_REACH = 512  # characters: longer than a piece of personal data with the word before it that tells what it is


@dataclass(frozen=True, slots=True)
class Line:
    """A label, the text behind it as it may be printed, and the caret: first cell and cells under the text."""

    label: str
    text: str
    caret: tuple[int, int] | None = None


def excerpt(
    row: Mapping[str, Any] | str,
    where: str | None,
    span: tuple[int, int] | None,
    *,
    columns: Mapping[str, str],
    width: int,
) -> list[Line]:
    """What stands at the JSON pointer `where`, and the turn before it; the caret is under `span` (characters) or all.

    A row that is meant as a whole, or that lacks what the pointer names, is shown as its first and last turns.
    """
    if isinstance(row, str):
        return overview(row, columns=columns, width=width)
    turns = turns_of(row, shape_of(row, columns))
    at = next((i for i, turn in enumerate(turns) if where and _is_inside(where, turn)), None)
    try:
        value = resolve(row, where or "")
    except KeyError:  # a message that lacks what is pointed to is shown for it, else the row
        value, where = (row, None) if at is None else (None, _message(turns[at]))
    if at is None:
        if isinstance(value, (dict, list)):
            return overview(row, columns=columns, width=width)
        return [_pointed("/".join(parts(where or "")), value, span, width)]
    turn = turns[at]
    label, inside = _label(turn), (where or "")[len(_message(turn)) + 1 :]
    if not inside or where == turn.pointer:
        value = value if span and isinstance(value, str) else _said(turn)
    else:
        label = f"{label} {inside}"
    before = [_plain(turns[at - 1], width)] if at else []
    return [*before, _pointed(label, value, span, width)]


def overview(row: Mapping[str, Any] | str, *, columns: Mapping[str, str], width: int) -> list[Line]:
    """A row in at most three lines: its fields, or the first turn after the system's and the last."""
    if isinstance(row, str):  # what is left of a row that could not be read
        return [Line("", fit(row, None, width)[0])]
    turns = turns_of(row, shape_of(row, columns))
    if len(turns) > 3:
        turns = [next((turn for turn in turns if turn.role != "system"), turns[0]), turns[-1]]
    if turns:
        return [_plain(turn, width) for turn in turns]
    return [Line(shown(name), fit(_text(value), None, width)[0]) for name, value in list(row.items())[:3]]


def fit(text: str, span: tuple[int, int] | None, width: int) -> tuple[str, tuple[int, int]]:
    """As much of a text around a span as `width` cells hold, odd characters visible; and the caret.

    Credentials and personal data are masked.

    Blank text, and text with blank ends, is shown in quotes.
    """
    # A slice could cut a credential in two that the mask would no longer know.
    text = secrets.mask(text)
    start, end = (0, len(text)) if span is None else (min(span[0], len(text)), min(span[1], len(text)))
    near = slice(max(start - width - _REACH, 0), start + 2 * width + _REACH)
    text = text[: near.start] + pii.mask(text[near]) + text[near.stop :]
    quote = '"' if text != text.strip() or not text else ""
    middle = _take(text[start:end][: width + 1], width)
    room = width - middle.cells
    tail = _take(text[end : end + width + 1], room // 2)
    head = _take(reversed(text[max(start - width - 1, 0) : start]), room - tail.cells)
    tail = _take(text[end : end + width + 1], room - head.cells)
    left = "".join(reversed(head.pieces))
    left = quote + left if head.chars == start else _ELLIPSIS + left
    cut = middle.chars < end - start or tail.chars < len(text) - end
    right = "".join(tail.pieces if middle.chars == end - start else []) + (_ELLIPSIS if cut else quote)
    if span is None:
        whole = left + "".join(middle.pieces) + right
        return whole, (0, max(_cells(whole), 1))
    return left + "".join(middle.pieces) + right, (_cells(left), max(middle.cells, 1))


@dataclass(frozen=True, slots=True)
class _Taken:
    pieces: list[str]  # one a character
    cells: int

    @property
    def chars(self) -> int:
        return len(self.pieces)


def _take(chars: Iterable[str], room: int) -> _Taken:
    """Characters from the front, made visible, as long as they fit."""
    pieces: list[str] = []
    used = 0
    for char in chars:
        piece = visible(char)
        used += _cells(piece)
        if used > room:
            return _Taken(pieces, used - _cells(piece))
        pieces.append(piece)
    return _Taken(pieces, used)


def _cells(text: str) -> int:
    """How many columns of a terminal the text takes: two for a Chinese character, none for a combining mark."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _pointed(label: str, value: Any, span: tuple[int, int] | None, width: int) -> Line:
    text, caret = fit(_text(value), span if isinstance(value, str) else None, width)
    return Line(shown(label), text, caret)


def _plain(turn: Turn, width: int) -> Line:
    return Line(shown(_label(turn)), fit(_text(_said(turn)), None, width)[0])


def _said(turn: Turn) -> Any:
    """The turn's text; where it has none, its calls."""
    return turn.calls if turn.calls and not turn.content else turn.content


def _text(value: Any) -> str:
    return as_text(value)


def _label(turn: Turn) -> str:
    """`[3] assistant` in a conversation, `chosen[1] assistant` in another column, the column's name for a cell."""
    path = parts(turn.pointer)
    if len(path) < 3:
        return path[0]
    return f"{'' if turn.field == 'messages' else path[0]}[{path[1]}] {turn.said}"


def _message(turn: Turn) -> str:
    """The pointer of the message that the turn is, or of the cell."""
    path = parts(turn.pointer)
    return pointer(*path[:2]) if len(path) > 2 else turn.pointer


def _is_inside(where: str, turn: Turn) -> bool:
    """The pointer means a message, or something in it; a cell is no message."""
    base = _message(turn)
    return base != turn.pointer and (where == base or where.startswith(base + "/"))
