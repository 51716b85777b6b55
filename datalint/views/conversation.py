"""Rows as a chat template gets them: message lists as they are, ShareGPT turns with their usual roles.

A row gives one dialogue, a preference row one for each side, a row without message lists none: string prompts
and Alpaca fields have no template of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from datalint.formats import Shape
from datalint.tokens import Conversation
from datalint.views.turns import ROLES, Turn, as_text, escape

_CONTEXT = ("messages", "prompt")
_ANSWERS = ("completion", "chosen", "rejected")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation of a row, and where each of its messages stands in the row.

    `contents` are JSON pointers to the messages' content; `trained` says which messages the loss sees;
    `mapped` that messages were rewritten from the ShareGPT form.
    """

    row: int
    conversation: Conversation
    contents: tuple[str, ...]
    trained: tuple[bool, ...]
    mapped: bool


def dialogues_of(row: int, value: Mapping[str, Any], shape: Shape, turns: Sequence[Turn]) -> list[Dialogue]:
    """The conversations of one row; `turns` is its canonical view, for what is trained."""
    cells = {field: value.get(shape.fields[field]) for field in (*_CONTEXT, *_ANSWERS) if field in shape.fields}
    lists = {field: cell for field, cell in cells.items() if _is_talk(cell)}
    if not lists or len(lists) < len(cells):
        return []
    said = {field: _messages(shape.fields[field], cell) for field, cell in lists.items()}
    context = [pair for field in _CONTEXT for pair in said.get(field, [])]
    system = value.get("system")
    if isinstance(system, str) and system and not (context and _role(context[0][1]) == "system"):
        context.insert(0, ("/system", {"role": "system", "content": system}))
    answers = [said[field] for field in _ANSWERS if field in said] or [[]]
    trained = {turn.pointer for turn in turns if turn.trained}
    tools, variables = _tools(value.get("tools")), _variables(value)
    # A row without any message is FMT005's or FMT011's.
    whole = [context + answer for answer in answers if context + answer]
    return [_dialogue(row, pairs, trained, tools, variables) for pairs in whole]


def _dialogue(
    row: int,
    pairs: list[tuple[str, Any]],
    trained: set[str],
    tools: list[Any] | None,
    variables: dict[str, Any],
) -> Dialogue:
    pointers = tuple(pointer for pointer, _ in pairs)
    mapped = any(_by_from(message) for _, message in pairs)
    messages = [_mapped(message) if _by_from(message) else message for _, message in pairs]
    if mapped and tools is not None:
        # What ShareGPT files hold is the bare function; templates expect it as the API wraps it.
        tools = [{"type": "function", "function": tool} if _is_bare(tool) else tool for tool in tools]
    conversation = Conversation(messages, tools, variables)
    return Dialogue(row, conversation, pointers, tuple(pointer in trained for pointer in pointers), mapped)


def _is_talk(cell: Any) -> bool:
    return isinstance(cell, list) or (isinstance(cell, dict) and ("role" in cell or "from" in cell))


def _messages(column: str, cell: Any) -> list[tuple[str, Any]]:
    """(pointer to the content, message) of a message list, or of a single message."""
    base = "/" + escape(column)
    items = [(base, cell)] if isinstance(cell, dict) else [(f"{base}/{i}", item) for i, item in enumerate(cell)]
    return [
        (f"{place}/value" if _by_from(item) and "value" in item else f"{place}/content", item) for place, item in items
    ]


def _by_from(message: Any) -> bool:
    return isinstance(message, dict) and "from" in message and "role" not in message


def _role(message: Any) -> Any:
    said = message.get("role", message.get("from")) if isinstance(message, dict) else None
    return ROLES.get(said, said) if isinstance(said, str) else said


def _mapped(message: Mapping[str, Any]) -> dict[str, Any]:
    said, content = as_text(message["from"]), message.get("value", message.get("content"))
    calls = _calls(content) if said == "function_call" else None
    if calls is not None:
        return {"role": "assistant", "content": "", "tool_calls": calls}
    rest = {key: item for key, item in message.items() if key not in ("from", "value")}
    return {"role": ROLES.get(said, said), "content": content, **rest}


def _calls(content: Any) -> list[dict[str, Any]] | None:
    """Tool calls written as JSON text, one or a list of them; None where the text is no call."""
    calls = _decoded(content)
    calls = calls if isinstance(calls, list) else [calls]
    if not calls or not all(isinstance(call, dict) and "name" in call for call in calls):
        return None
    return [
        {"type": "function", "function": {"name": call["name"], "arguments": call.get("arguments", {})}}
        for call in calls
    ]


def _tools(cell: Any) -> list[Any] | None:
    """The declared tools: a list, or a list in JSON text as Parquet files and most trainers have it."""
    tools = _decoded(cell) if isinstance(cell, str) else cell
    return tools if isinstance(tools, list) else None


def _decoded(text: Any) -> Any:
    try:
        return msgspec.json.decode(text) if isinstance(text, str) else text
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None  # no JSON: other rules say so, a template gets the text


def _is_bare(tool: Any) -> bool:
    return isinstance(tool, dict) and "name" in tool and "function" not in tool


def _variables(value: Mapping[str, Any]) -> dict[str, Any]:
    """What else a row passes to its template: `documents`, and TRL's column of keyword arguments."""
    kwargs, documents = value.get("chat_template_kwargs"), value.get("documents")
    variables = dict(kwargs) if isinstance(kwargs, dict) else {}
    reserved = ("messages", "tools", "add_generation_prompt")
    variables = {key: item for key, item in variables.items() if isinstance(key, str) and key not in reserved}
    return variables | ({"documents": documents} if isinstance(documents, list) else {})
