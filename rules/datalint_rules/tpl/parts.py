"""What a template must show of a conversation, and the same conversation with a tag in each such part.

A text that is missing from a render is easily seen, unless it is short or stands elsewhere too: the name of a
tool in the list of tools, the answer in the question. A tag stands nowhere else.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from datalint.conversation import Dialogue
from datalint.tokens import Conversation

# Reasoning that a template takes out of an answer: tagged, or all before a closing tag alone.
_REASONING = re.compile(
    r"<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)|\A.*?</(?:think|thinking|thought|reasoning)>", re.DOTALL
)
_TOOLS_TAG = "ZqTools"


class Part(NamedTuple):
    """Something that must be in the render: all values of one of `groups`.

    `key` is the same in all conversations of one form; `tag` is None where the part carries none.
    """

    key: tuple[Any, ...]
    pointer: str
    what: str
    groups: list[list[Any]]
    tag: str | None = None


def form_of(dialogue: Dialogue) -> tuple[Any, ...]:
    """What a template can tell of a conversation beside its texts: templates drop by form."""
    messages = [(m.get("role"), *_types(m), len(_calls(m))) for m in dialogue.conversation.messages]
    return bool(dialogue.conversation.tools), *messages


def _types(message: dict[str, Any]) -> tuple[Any, ...]:
    return tuple((key, type(value), bool(value)) for key, value in message.items())


def _calls(message: dict[str, Any]) -> list[Any]:
    calls = message.get("tool_calls")
    return calls if isinstance(calls, list) else []


def parts_of(dialogue: Dialogue) -> tuple[list[Part], Conversation]:
    """The parts of a conversation, and a copy of it that carries their tags."""
    parts: list[Part] = []
    messages = []
    for index, message in enumerate(dialogue.conversation.messages):
        content, place = message.get("content"), dialogue.contents[index]
        role, copy = message.get("role"), dict(message)
        values = list(_texts(content, answer=role == "assistant"))
        if any(str(value).strip() for value in values):
            tag = f"ZqC{index}Z"
            said = "turn without a role" if role is None else f"{role} turn"
            what = "the tool result" if role == "tool" else f"the content of the {said}"
            copy["content"] = _tagged(content, tag)
            parts.append(Part((index,), place, what, [values], tag if copy["content"] != content else None))
        if _calls(message):
            base = place.rpartition("/")[0] + "/tool_calls/"
            copy["tool_calls"] = [
                _call(call, (index, number), place if dialogue.mapped else f"{base}{number}", parts)
                for number, call in enumerate(_calls(message))
            ]
        messages.append(copy)
    tools = dialogue.conversation.tools
    names = [[name] for tool in tools or [] if isinstance(name := function_of(tool).get("name"), str)]
    if names:
        parts.append(Part((), "/tools", "the list of tools", names, _TOOLS_TAG))
        tools = [_renamed(tool, _TOOLS_TAG) for tool in tools or []]
    return parts, replace(dialogue.conversation, messages=messages, tools=tools)


def _tagged(content: Any, tag: str) -> Any:
    if isinstance(content, str):
        return f"{content} {tag}"
    if isinstance(content, list):
        return [{**block, "text": f"{block['text']} {tag}"} if _has_text(block) else block for block in content]
    return content


def _has_text(block: Any) -> bool:
    return isinstance(block, dict) and isinstance(block.get("text"), str)


def _call(call: Any, key: tuple[int, int], pointer: str, parts: list[Part]) -> Any:
    """A copy of a tool call with its tag; adds what of the call must be shown."""
    name, arguments = function_of(call).get("name"), function_of(call).get("arguments")
    if not isinstance(name, str):
        return call
    tag = f"ZqT{key[0]}Z{key[1]}Z"
    parts.append(Part(key, pointer, f"the tool call {name}", [[name]], tag))
    raw = [[arguments]] if isinstance(arguments, str) else []
    values = _decoded(arguments) if isinstance(arguments, str) else arguments
    for argument, value in values.items() if isinstance(values, dict) else []:
        what = f"the argument {argument} of the tool call {name}"
        parts.append(Part((*key, argument), pointer, what, [*raw, list(_leaves(value))]))
    return _renamed(call, tag)


def function_of(item: Any) -> dict[str, Any]:
    """The function of a tool or tool call, wrapped as the API has it or bare."""
    inner = item.get("function", item) if isinstance(item, dict) else None
    return inner if isinstance(inner, dict) else {}


def _renamed(item: Any, tag: str) -> Any:
    name = function_of(item).get("name")
    if not isinstance(name, str):
        return item
    if isinstance(item.get("function"), dict):
        return {**item, "function": {**item["function"], "name": name + tag}}
    return {**item, "name": name + tag}


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return {"(all)": text}  # TOOL001's


def _texts(content: Any, *, answer: bool) -> Iterator[Any]:
    """The texts of a message, reasoning left out of an assistant's."""
    if isinstance(content, str):
        yield from _REASONING.sub("\0", content).split("\0") if answer else [content]
    elif isinstance(content, list):
        blocks = [block.get("text") if isinstance(block, dict) else block for block in content]
        yield from (text for block in blocks if block is not None for text in _texts(block, answer=answer))
    else:
        yield from _leaves(content)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif value is not None:
        yield value


def shows(text: str, part: Part) -> bool:
    """Whether a rendered text holds the part; white space is collapsed, escapes are allowed for."""
    return any(all(_is_in(text, value) for value in group) for group in part.groups)


def _is_in(text: str, value: Any) -> bool:
    if str(value).strip() in text:
        return True
    folded = " ".join(text.split())
    return any(" ".join(form.split()) in folded for form in _forms(value))


def _forms(value: Any) -> list[str]:
    """How templates write a value: as it is, in JSON once or twice, as Python shows it."""
    if not isinstance(value, str):
        return [json.dumps(value)]
    once = json.dumps(value, ensure_ascii=False)[1:-1]
    return [value, once, json.dumps(once, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1], repr(value)[1:-1]]
