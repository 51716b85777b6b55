"""TOOL001."""

import ast
import json
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import brief, part
from datalint.chunk import Chunk
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.tool.calls import Call, Message, NotJsonError, loads, with_calls

_MAX_CHARS = 20_000  # of a literal that is read: the compiler takes some hundred times the memory of its text
_MAX_DEPTH = 32
_SHOWN = 60


@dataclass(frozen=True)
class ArgumentsNotJson(Rule):
    r"""The arguments of a tool call are text that is no JSON.

    ## What it does
    Reads the arguments of every call that has them as text (`tool_calls`, `function_call`) and the whole of ShareGPT's
    function_call turns as `json.loads` does, and reports those that fail. Says so when the text is a Python literal,
    as `str()` of a dict makes it. Arguments that are objects are not text, and fine.

    ## Why is this bad?
    Trainers and templates that need the arguments as an object stop at such a row or skip it. Others put the text into
    the prompt as it is, and the model learns calls that no caller can parse.

    ## Example
    `"arguments": "{'city': 'SF'}"` in place of `"arguments": "{\"city\": \"SF\"}"`

    ## Fix safety
    Unsafe: a Python literal is written again as JSON, empty arguments as `{}`. The literal is parsed, never executed,
    and left alone if it is long, deep, or holds what JSON has not (tuples become lists). Other faults have no fix.

    ## Options
    None.

    ## References
    NousResearch/atropos issue #478; mistral-finetune and axolotl stop at such rows; RFC 8259.
    """

    code, name = "TOOL001", "arguments-not-json"
    severity = "error"
    message = "{what} of {tool} {is_are} no JSON: {why}: {preview}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "writes a Python literal as JSON"
    bad = [
        [{"messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get", "arguments": "{'city': \"what's up\"}"}}]},
        ]}],
        [{"messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "tool_calls": [
                {"type": "function", "function": {"name": "get", "arguments": "{\"city\": \"Os"}}]},
        ]}],
        [{"messages": [
            {"role": "user", "content": "Now?"},
            {"role": "assistant", "content": None, "function_call": {"name": "now", "arguments": ""}},
        ]}],
        [{"conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": "{'name': 'get', 'arguments': {'city': 'Oslo', 'days': (1, 2)}}"},
            {"from": "observation", "value": "rain"}, {"from": "gpt", "value": "It rains."},
        ]}],
    ]  # fmt: skip
    good = [
        [{"messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "tool_calls": [
                {"function": {"name": "get", "arguments": "{\"city\": \"what's the {'weather'}\"}"}},
                {"function": {"name": "get", "arguments": {"city": "{'Oslo'}"}}},
                {"function": {"name": "now", "arguments": "{}"}},
                {"function": {"name": "now", "arguments": None}}]},
            {"role": "tool", "content": "{'not': 'an argument'}"},
        ]}],
        [{"conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": "<think>Oslo.</think>\n{\"name\": \"get\", \"arguments\": {}}"},
            {"from": "observation", "value": "{'rain': True}"}, {"from": "gpt", "value": "{'It': 'rains'}"},
        ]}],
    ]  # fmt: skip

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found = []
        for row, talks in with_calls(chunk):
            lines = {line["pointer"]: line for talk in talks for message in talk for line in _faults(message)}
            found += [{"row": row, **line} for line in lines.values()]
        return pl.DataFrame(found, infer_schema_length=None) if found else none()

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            text = resolve(row, one.pointer or "")
            made = _as_json(text) if isinstance(text, str) else None
            if made is not None:
                row = replace(row, one.pointer or "", made)
        return row


def _faults(message: Message) -> Iterator[dict[str, Any]]:
    if message.broken:
        yield _fault("the text", "a function_call turn", message.content_at, message.content or "")
    for call in message.calls:
        if isinstance(call.arguments, str) and not _is_json(call.arguments):
            yield _fault("the arguments", _name(call), call.at, call.arguments, whole=call.inside is None)


def _fault(what: str, tool: str, pointer: str, text: str, *, whole: bool = True) -> dict[str, Any]:
    fixable = whole and _as_json(text) is not None
    return {
        "pointer": pointer,
        "what": what,
        "tool": tool,
        "is_are": "are" if what.endswith("s") else "is",
        "why": _reason(text),
        "preview": brief(text, _SHOWN),
        "fix_kind": "rewrite" if fixable else None,
        "fix_safety": "unsafe" if fixable else None,
    }


def _name(call: Call) -> str:
    return part(call.name or "a call without a name", 0, _SHOWN)


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except NotJsonError:
        return False
    return True


def _reason(text: str) -> str:
    if not text.strip():
        return "empty"
    if _literal(text) is not None:
        return "a Python literal"
    try:
        loads(text)
    except NotJsonError as error:
        return str(error)
    return "not JSON"


def _as_json(text: str) -> str | None:
    """The text as JSON; None if it is JSON already or no literal of what JSON has."""
    if _is_json(text):
        return None
    value = _literal(text) if text.strip() else {}
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _literal(text: str) -> dict[str, Any] | list[Any] | None:
    """The dict or list that a Python literal stands for, as JSON has it; None for anything else.

    Only the text's syntax tree is looked at: nothing is executed, imported or called.
    """
    text = text.strip()
    if len(text) > _MAX_CHARS or text[:1] not in ("{", "["):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an unknown escape in a string: its meaning is anybody's guess
            value = ast.literal_eval(text)
        value = _plain(value)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, Warning):
        return None
    return value if isinstance(value, (dict, list)) else None


def _plain(value: Any, depth: int = 0) -> Any:
    """The value with lists for tuples.

    Raises ValueError for what JSON has not (sets, bytes, keys that are no text) and for deep nesting.
    """
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth < _MAX_DEPTH and isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if depth < _MAX_DEPTH and isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    raise ValueError(type(value).__name__)
