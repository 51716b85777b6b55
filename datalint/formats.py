"""A raw row's format, from its columns.

The formats are those of the field's trainers: `chat` (OpenAI messages), `sharegpt` (from/value), `alpaca`,
`prompt-completion`, `prompt-only`, `text`, `preference`, `unpaired`, `stepwise` (TRL's names), `classification`
(text and label) and `unknown`. A row is judged by its own columns; a file by the majority of its rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import NoneType
from typing import Any

FORMATS = (
    "chat",
    "sharegpt",
    "alpaca",
    "prompt-completion",
    "prompt-only",
    "text",
    "preference",
    "unpaired",
    "stepwise",
    "classification",
    "unknown",
)

# Our field -> the columns that people use for it, ours first. The order of columns is the order of trust.
ALIASES: dict[str, tuple[str, ...]] = {
    "messages": ("messages", "conversations", "conversation", "dialog", "dialogue"),
    "instruction": ("instruction",),
    "input": ("input", "context"),
    "output": ("output", "response", "answer", "completion"),
    "prompt": ("prompt", "question", "query", "problem", "input"),
    "completion": ("completion", "response", "answer", "output", "solution"),
    "text": ("text", "sentence", "tweet", "utterance"),
    "label": ("label", "category", "intent", "class", "sentiment"),
    "chosen": ("chosen",),
    "rejected": ("rejected",),
    "completions": ("completions",),
    "labels": ("labels",),
}

# The truth values that unpaired-preference files carry, right or wrong: only these make `label` a verdict.
_TRUTHS = {True, False, "true", "false", "True", "False", "TRUE", "FALSE"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a row's columns say: its format, and which of its columns is which of our fields."""

    format: str
    fields: Mapping[str, str]
    also: str | None = None  # a second format that the same row matches (FMT004)


UNKNOWN = Shape("unknown", {})


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows with the same columns and types of cells: one shape, or one for each answer to what a cell is asked."""

    verdict: str | None  # the column of text that may be a truth value
    talk: str | None  # the column of messages that may be ShareGPT's
    shapes: Mapping[tuple[bool, bool], Shape]

    def ask(self, row: Mapping[str, Any]) -> tuple[bool, bool]:
        """One of the rows: which of `shapes` it has."""
        return (
            self.verdict is not None and row[self.verdict] in _TRUTHS,
            self.talk is not None and _by_from(row[self.talk]),
        )


def shape_of(row: Mapping[str, Any], columns: Mapping[str, str] | None = None, forced: str | None = None) -> Shape:
    """The format of one row, from its columns' names and the types of the few cells that decide.

    `columns` maps our fields to the row's columns; `forced` names the format that the user gave.
    """
    renamed = tuple(sorted((columns or {}).items()))
    kind = kind_of(tuple(row), tuple(map(type, row.values())), renamed, forced)
    return kind.shapes[kind.ask(row)]


@lru_cache(maxsize=4096)
def kind_of(
    names: tuple[str, ...], types: tuple[type, ...], renamed: tuple[tuple[str, str], ...], forced: str | None
) -> Kind:
    """The kind of all rows with these columns, of these types. `renamed` and `forced` are those of `shape_of`."""
    cells = dict(zip(names, types, strict=True))
    if forced is not None:
        return Kind(None, None, {(False, False): _shape(forced, _columns(names, renamed))})
    if NoneType in types:
        # A null may stand for a column that only other rows have. If what is left is a whole format, that is the row's.
        left = {name: kind for name, kind in cells.items() if kind is not NoneType}
        kind = kind_of(tuple(left), tuple(left.values()), renamed, None)
        if all(shape.format not in ("unknown", "prompt-only", "text") for shape in kind.shapes.values()):
            return kind
    found = _columns(names, renamed)
    label, talk = found.get("label"), found.get("messages")
    told = label == "label" and cells["label"] is bool
    verdict = "label" if label == "label" and cells["label"] is str else None
    talk = talk if talk is not None and issubclass(cells[talk], list) else None
    shapes = {
        (true, by_from): _judged(cells, found, renamed=bool(renamed), verdict=true or told, by_from=by_from)
        for true in ((False, True) if verdict else (False,))
        for by_from in ((False, True) if talk else (False,))
    }
    return Kind(verdict, talk, shapes)


def _columns(names: tuple[str, ...], renamed: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Our field -> the column that stands for it, by name alone."""
    given = dict(renamed)
    found = {field: column for field, column in given.items() if column in names}
    for field, aliases in ALIASES.items():
        # Each field on its own: `input` is the prompt of input/output rows and the input of Alpaca rows.
        column = None if field in given else next((name for name in aliases if name in names), None)
        if column is not None:
            found[field] = column
    return found


def _judged(
    cells: Mapping[str, type], found: Mapping[str, str], *, renamed: bool, verdict: bool, by_from: bool
) -> Shape:
    """The shape of rows whose cells have these types; `verdict`: the label is a truth value."""
    talk = found.get("messages")
    has_talk = talk is not None and issubclass(cells[talk], (list, str))
    if "completions" in found and "labels" in found and issubclass(cells[found["completions"]], list):
        return _shape("stepwise", found)
    if "chosen" in found and "rejected" in found:
        return _shape("preference", found)
    if verdict and (has_talk or _pair(found)):
        return _shape("unpaired", found)
    pair, alpaca = _pair(found), "instruction" in found and "output" in found
    if has_talk:
        also = "alpaca" if alpaca else "prompt-completion" if pair == ("prompt", "completion") else None
        names = [name for name in ALIASES["messages"][:2] if name != talk and issubclass(cells.get(name, str), list)]
        return _shape("sharegpt" if by_from else "chat", found, also or ("a second conversation" if names else None))
    if alpaca:
        clash = "prompt" in cells and "completion" in cells and found["output"] != "completion"
        return _shape("alpaca", found, "prompt-completion" if clash else None)
    if pair:
        return _shape("prompt-completion", found)
    if "text" in found and "label" in found:
        return _shape("classification", found)
    if found.get("prompt") in ("prompt", "question", "query", "problem"):
        return _shape("prompt-only", found)
    if found.get("text") == "text" or (renamed and "text" in found):
        return _shape("text", found)
    return UNKNOWN


def _pair(found: Mapping[str, str]) -> tuple[str, str] | None:
    if "instruction" in found or "prompt" not in found or "completion" not in found:
        return None
    return found["prompt"], found["completion"]


def _by_from(messages: list[Any]) -> bool:
    """sharegpt rather than chat: by the keys of the first message."""
    first = messages[0] if messages else None
    return isinstance(first, dict) and "from" in first and "role" not in first


_FIELDS: dict[str, tuple[str, ...]] = {
    "chat": ("messages",),
    "sharegpt": ("messages",),
    "alpaca": ("instruction", "input", "output"),
    "prompt-completion": ("prompt", "completion"),
    "prompt-only": ("prompt",),
    "text": ("text",),
    "preference": ("messages", "instruction", "input", "prompt", "chosen", "rejected"),
    "unpaired": ("messages", "instruction", "input", "prompt", "completion", "label"),
    "stepwise": ("prompt", "completions", "labels"),
    "classification": ("text", "label"),
    "unknown": (),
}


def _shape(name: str, found: Mapping[str, str], also: str | None = None) -> Shape:
    fields = {field: found[field] for field in _FIELDS[name] if field in found}
    if name in ("preference", "unpaired"):
        # With an instruction, `input` is what Alpaca means by it; without, it is the prompt itself.
        if "instruction" not in fields:
            fields.pop("input", None)
        elif fields.get("prompt") == fields.get("input"):
            fields.pop("prompt", None)
    return Shape(name, fields, also)
