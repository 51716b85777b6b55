"""A raw row's format, and its canonical view: turns with roles, text, and what is trained.

The formats are those of the field's trainers: `chat` (OpenAI messages), `sharegpt` (from/value), `alpaca`,
`prompt-completion`, `prompt-only`, `text`, `preference`, `unpaired`, `stepwise` (TRL's names), `classification`
(text and label) and `unknown`. A row is judged by its own columns; a file by the majority of its rows.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

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

# A role as written -> the role that it means. What is not here is left as it is.
ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "tool_response": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
}

REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
# The truth values that unpaired-preference files carry, right or wrong: only these make `label` a verdict.
_TRUTHS = {True, False, "true", "false", "True", "False", "TRUE", "FALSE"}


class Turn(NamedTuple):
    """One message of a row, whatever the row's format."""

    role: str  # system, user, assistant, tool; as written where it means none of these; "text" in text rows
    content: str | None  # visible text; None where the row has null or nothing
    trained: bool = False  # the loss sees it (an assistant's turn that is not switched off)
    pointer: str = ""  # JSON pointer to the content
    field: str = "messages"  # our name of the column that holds it
    said: str = ""  # the role as written
    calls: str | None = None  # tool calls as JSON text
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a row's columns say: its format, and which of its columns is which of our fields."""

    format: str
    fields: Mapping[str, str]
    also: str | None = None  # a second format that the same row matches (FMT004)


UNKNOWN = Shape("unknown", {})
# Kana, Han, Hangul, Thai, Lao, Burmese, Khmer: text whose length shows in characters.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_json = msgspec.json.Encoder(order="deterministic")


def as_text(value: Any) -> str:
    """A cell as text: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else _json.encode(value).decode()


def content_text(content: Any) -> str | None:
    """Visible text of a message's content: a string, or a list of blocks as multimodal APIs take it."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = []
        for block in content:
            if isinstance(block, dict):
                text = block.get("text")
                parts.append(text if isinstance(text, str) else f"<{block.get('type', 'block')}>")
            else:
                parts.append(as_text(block))
        return "\n".join(parts)
    return as_text(content)


def is_closed(answer: str, words: int = 5) -> bool:
    """An answer of so few words that it has one right form. Scripts without spaces count two characters a word."""
    spaced = len(answer.split()) <= words and len(answer) <= 12 * words
    return spaced and (answer.isascii() or len(_UNSPACED.findall(answer)) <= 2 * words)


class _Columns(dict[str, str]):
    """Our field -> the column of a row that stands for it. Compared by identity: `_columns` makes each only once."""

    __hash__ = object.__hash__  # type: ignore[assignment]
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
    "preference": ("messages", "prompt", "chosen", "rejected"),
    "unpaired": ("messages", "prompt", "completion", "label"),
    "stepwise": ("prompt", "completions", "labels"),
    "classification": ("text", "label"),
    "unknown": (),
}


def _shape(name: str, found: Mapping[str, str], also: str | None = None) -> Shape:
    return Shape(name, {field: found[field] for field in _FIELDS[name] if field in found}, also)


def escape(key: str) -> str:
    """One token of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


def turns_of(row: Mapping[str, Any], shape: Shape) -> list[Turn]:
    """The canonical view of one row. Unknown rows have no turns."""
    return _READERS[shape.format](row, shape.fields)


def _messages(value: Any, column: str, field: str, *, last_only: bool = False) -> list[Turn]:
    """Turns of a message list; a single message object counts as a list of one."""
    single = isinstance(value, dict)
    items: Sequence[Any] = [value] if single else value if isinstance(value, list) else []
    base = "/" + escape(column)
    turns = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        by_from = "from" in item and "role" not in item
        said = as_text(item.get("from" if by_from else "role", ""))
        key = "value" if by_from and "value" in item else "content"
        role = ROLES.get(said, said)
        content = content_text(item.get(key))
        calls = item.get("tool_calls") or item.get("function_call")
        if said == "function_call":
            calls = content
        trained = role == "assistant" and item.get("weight", 1) != 0 and item.get("train", True) is not False
        reasoning = next((item[k] for k in REASONING_KEYS if isinstance(item.get(k), str)), None)
        where = f"{base}/{key}" if single else f"{base}/{index}/{key}"
        turns.append(Turn(role, content, trained, where, field, said, None if not calls else as_text(calls), reasoning))
    if last_only:
        last = max((i for i, turn in enumerate(turns) if turn.trained), default=-1)
        turns = [turn._replace(trained=turn.trained and i == last) for i, turn in enumerate(turns)]
    return turns


def _cell(row: Mapping[str, Any], column: str, field: str, role: str, *, trained: bool = False) -> list[Turn]:
    """A cell as turns: a message list as its messages, anything else as one turn of `role`."""
    value = row[column]
    if isinstance(value, list) and all(isinstance(item, dict) for item in value) and value:
        return _messages(value, column, field, last_only=role == "assistant")
    if isinstance(value, dict) and ("role" in value or "from" in value):
        return _messages(value, column, field)
    content = None if value is None else content_text(value) if isinstance(value, list) else as_text(value)
    return [Turn(role, content, trained, "/" + escape(column), field, role)]


def _chat(row: Mapping[str, Any], fields: Mapping[str, str]) -> list[Turn]:
    column = fields.get("messages")
    if column is None:
        return []
    turns = _messages(row[column], column, "messages")
    system = row.get("system")
    if isinstance(system, str) and system and (not turns or turns[0].role != "system"):
        turns.insert(0, Turn("system", system, pointer="/system", field="system", said="system"))
    return turns


def _alpaca(row: Mapping[str, Any], fields: Mapping[str, str]) -> list[Turn]:
    turns = []
    for field in ("instruction", "input"):
        # An empty input is the usual way to say that there is none.
        if field in fields and (field == "instruction" or row[fields[field]]):
            turns += _cell(row, fields[field], field, "user")
    return turns + (_cell(row, fields["output"], "output", "assistant", trained=True) if "output" in fields else [])


def _answered(row: Mapping[str, Any], fields: Mapping[str, str]) -> list[Turn]:
    """prompt, completion, chosen, rejected: whichever the row has, before them the conversation if there is one."""
    turns = _chat(row, fields) if "messages" in fields else []
    if "prompt" in fields:
        turns += _cell(row, fields["prompt"], "prompt", "user")
    for field in ("completion", "chosen", "rejected"):
        if field in fields:
            turns += _cell(row, fields[field], field, "assistant", trained=True)
    return turns


def _text(row: Mapping[str, Any], fields: Mapping[str, str]) -> list[Turn]:
    return _cell(row, fields["text"], "text", "text", trained=True) if "text" in fields else []


def _stepwise(row: Mapping[str, Any], fields: Mapping[str, str]) -> list[Turn]:
    turns = _cell(row, fields["prompt"], "prompt", "user") if "prompt" in fields else []
    column = fields.get("completions", "")
    steps = row.get(column)
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        where = f"/{escape(column)}/{index}"
        turns.append(
            Turn("assistant", content_text(step), trained=True, pointer=where, field="completions", said="assistant")
        )
    return turns


def _classification(row: Mapping[str, Any], fields: Mapping[str, str]) -> list[Turn]:
    turns = _cell(row, fields["text"], "text", "user") if "text" in fields else []
    return turns + (_cell(row, fields["label"], "label", "assistant", trained=True) if "label" in fields else [])


_READERS: dict[str, Callable[[Mapping[str, Any], Mapping[str, str]], list[Turn]]] = {
    "chat": _chat,
    "sharegpt": _chat,
    "alpaca": _alpaca,
    "prompt-completion": _answered,
    "prompt-only": _answered,
    "text": _text,
    "preference": _answered,
    "unpaired": _answered,
    "stepwise": _stepwise,
    "classification": _classification,
    "unknown": lambda row, fields: [],  # noqa: ARG005
}
