"""Answers that may be classes: the last one of each row."""

from typing import NamedTuple

from datalint.chunk import Chunk
from datalint.views.turns import Turn, is_closed

# Their labels are verdicts about an answer, not classes.
VERDICTS = ("unpaired", "stepwise", "preference")
_OTHERS = (*VERDICTS, "classification", "text")  # formats without an answer that could be a class


class Answer(NamedTuple):
    """The last answer of a row; `value` None: an open one, or a call of a tool."""

    row: int
    pointer: str
    where: str  # the column of a conversation, else the pointer
    value: str | None


def last_answers(chunk: Chunk) -> list[Answer]:
    """The last answers of all rows, but where one is open, that one alone: it shows that they are no classes."""
    closed: dict[str, list[Answer]] = {}
    opened: dict[str, Answer] = {}
    for shape, types, rows in chunk.forms:
        for row in rows if shape.format not in _OTHERS else ():
            last = next((turn for turn in reversed(chunk.turn_lists[row]) if turn.trained), None)
            if last is None:
                continue
            where = "/" + last.pointer.split("/")[1] if last.field == "messages" else last.pointer
            if where not in opened and _is_closed(last):
                closed.setdefault(where, []).append(Answer(row, last.pointer, where, last.content))
                continue
            opened.setdefault(where, Answer(row, last.pointer, where, None))
            if last.field == "messages" or types[shape.fields[last.field]] is str:
                break  # the other rows of this form have theirs in the same place
    return [*opened.values(), *(one for where, some in closed.items() if where not in opened for one in some)]


def _is_closed(turn: Turn) -> bool:
    answer = (turn.content or "").strip()
    return answer != "" and not turn.calls and is_closed(answer)
