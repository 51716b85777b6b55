"""A row's canonical view: turns with roles, text, and what is trained, whatever the row's format."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from datalint.fingerprint import unusual
from datalint.formats import Shape

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

_SWITCHES = ("weight", "train", "loss")  # 0 or false: the turn is not trained
REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
# Kana, Han, Hangul, Thai, Lao, Burmese, Khmer: text whose length shows in characters.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_json = msgspec.json.Encoder(order="deterministic", enc_hook=unusual)


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


def as_text(value: Any) -> str:
    """A cell as text: strings as they are, all else as JSON. 1.0 is 1: a column of numbers is stored as one type."""
    if isinstance(value, str):
        return value
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53
    return _json.encode(int(value) if whole else value).decode()


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
    spaced = len(answer) <= 12 * words and len(answer.split()) <= words
    return spaced and (answer.isascii() or len(_UNSPACED.findall(answer)) <= 2 * words)


def escape(key: str) -> str:
    """One token of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


def role_of(said: str) -> str:
    """The role that a word means, whatever its case; itself where it means none."""
    return ROLES.get(said.strip().lower(), said)


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
        said = item.get("role")
        if len(item) == 2 and isinstance(said, str) and isinstance(text := item.get("content"), str):
            # The plain message, by far the most frequent one, at a quarter of the price.
            role = ROLES.get(said) or role_of(said)
            where = f"{base}/content" if single else f"{base}/{index}/content"
            turns.append(Turn(role, text, role == "assistant", where, field, said))
            continue
        by_from = "from" in item and "role" not in item
        said = as_text(item.get("from" if by_from else "role", ""))
        key = "value" if by_from and "value" in item else "content"
        role = role_of(said)
        content = content_text(item.get(key))
        calls = item.get("tool_calls") or item.get("function_call")
        if said == "function_call":
            calls = content
        trained = role == "assistant" and all(item.get(switch, 1) != 0 for switch in _SWITCHES)
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
    return turns if turns and turns[0].role == "system" else _system(row) + turns


def _system(row: Mapping[str, Any]) -> list[Turn]:
    """A system prompt in a column of its own."""
    system = row.get("system")
    if not isinstance(system, str) or not system:
        return []
    return [Turn("system", system, pointer="/system", field="system", said="system")]


def _alpaca(row: Mapping[str, Any], fields: Mapping[str, str]) -> list[Turn]:
    turns = _system(row) + _asked(row, fields)
    return turns + (_cell(row, fields["output"], "output", "assistant", trained=True) if "output" in fields else [])


def _asked(row: Mapping[str, Any], fields: Mapping[str, str]) -> list[Turn]:
    """instruction and input; an empty input is the usual way to say that there is none."""
    turns = []
    for field in ("instruction", "input"):
        if field in fields and (field == "instruction" or row[fields[field]]):
            turns += _cell(row, fields[field], field, "user")
    return turns


def _answered(row: Mapping[str, Any], fields: Mapping[str, str]) -> list[Turn]:
    """prompt, completion, chosen, rejected: whichever the row has, before them the conversation if there is one."""
    turns = _chat(row, fields) if "messages" in fields else []
    turns += _asked(row, fields)
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
