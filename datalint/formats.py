"""A raw row's format, from its columns.

The formats are those of the field's trainers: `chat` (OpenAI messages), `sharegpt` (from/value), `alpaca`,
`prompt-completion`, `prompt-only`, `text`, `preference`, `unpaired`, `stepwise` (TRL's names), `classification`
(text and label) and `unknown`. A row is judged by its own columns; a file by the majority of its rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
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


class _Columns(dict[str, str]):
    """Our field -> the column of a row that stands for it. Compared by identity: `_columns` makes each only once."""

    __hash__ = object.__hash__  # type: ignore[assignment] # dict says None: unhashable
    __eq__ = object.__eq__


@lru_cache(maxsize=4096)
def _columns(keys: frozenset[str], renamed: tuple[tuple[str, str], ...]) -> _Columns:
    """The columns of all rows with these keys, by name alone."""
    given = dict(renamed)
    found = _Columns({field: column for field, column in given.items() if column in keys})
    for field, names in ALIASES.items():
        # Each field on its own: `input` is the prompt of input/output rows and the input of Alpaca rows.
        column = None if field in given else next((name for name in names if name in keys), None)
        if column is not None:
            found[field] = column
    return found


def shape_of(row: Mapping[str, Any], columns: Mapping[str, str] | None = None, forced: str | None = None) -> Shape:
    """The format of one row, from its columns' names and the types of the few cells that decide.

    `columns` maps our fields to the row's columns; `forced` names the format that the user gave.
    """
    if forced is None and None in row.values():
        # A null may stand for a column that only other rows have. If what is left is a whole format, that is the row's.
        left = shape_of({key: value for key, value in row.items() if value is not None}, columns)
        if left.format not in ("unknown", "prompt-only", "text"):
            return left
    found = _columns(frozenset(row), tuple(sorted((columns or {}).items())))
    if forced is not None:
        return _shape(forced, found)
    talk = found.get("messages")
    has_talk = talk is not None and isinstance(row[talk], (list, str))
    if "completions" in found and "labels" in found and isinstance(row[found["completions"]], list):
        return _shape("stepwise", found)
    if "chosen" in found and "rejected" in found:
        return _shape("preference", found)
    label = row[found["label"]] if found.get("label") == "label" else None
    if isinstance(label, (bool, str)) and label in _TRUTHS and (has_talk or _pair(found)):
        return _shape("unpaired", found)
    pair, alpaca = _pair(found), "instruction" in found and "output" in found
    if has_talk:
        also = "alpaca" if alpaca else "prompt-completion" if pair == ("prompt", "completion") else None
        other = next((n for n in ALIASES["messages"][:2] if n != talk and isinstance(row.get(n), list)), None)
        return _shape(_talk(row[talk or ""]), found, also or ("a second conversation" if other else None))
    if alpaca:
        clash = "prompt" in row and "completion" in row and found["output"] != "completion"
        return _shape("alpaca", found, "prompt-completion" if clash else None)
    if pair:
        return _shape("prompt-completion", found)
    if "text" in found and "label" in found:
        return _shape("classification", found)
    if found.get("prompt") in ("prompt", "question", "query", "problem"):
        return _shape("prompt-only", found)
    if found.get("text") == "text" or (columns and "text" in found):
        return _shape("text", found)
    return UNKNOWN


def _pair(found: Mapping[str, str]) -> tuple[str, str] | None:
    if "instruction" in found or "prompt" not in found or "completion" not in found:
        return None
    return found["prompt"], found["completion"]


def _talk(messages: Any) -> str:
    """chat or sharegpt: by the keys of the first message."""
    first = messages[0] if isinstance(messages, list) and messages else None
    return "sharegpt" if isinstance(first, dict) and "from" in first and "role" not in first else "chat"


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
