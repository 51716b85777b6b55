"""A row's declared tools, its calls of them and their results, in whatever form the row has them.

Tools: a list of objects, wrapped as the API has them (`{"type": "function", "function": {...}}`) or bare, itself or as
JSON text. Calls: `tool_calls` and `function_call` of messages, ShareGPT's function_call turns, and the column `answers`
of rows that have no messages. Nothing here changes a row.
"""

import json
import re
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.formats import UNKNOWN, Shape
from datalint.source.brackets import depth_of
from datalint.source.strict import MAX_DEPTH
from datalint.views.turns import ROLES, as_text, content_text, escape

COLUMNS = ("tools", "functions", "available_tools", "function")  # where rows declare tools, most usual first
ANSWERS = "answers"  # where rows of query, tools, answers have their calls
_CONTEXT = ("messages", "prompt")
_SIDES = ("completion", "chosen", "rejected")
_SCHEMAS = ("parameters", "input_schema", "inputSchema")
_LOOKS = ("name", "function", "type", "description", "function_declarations", *_SCHEMAS)
_THINK = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_STYLES: Sequence[dict[str, Any]] = [
    {"ensure_ascii": ascii_only, "separators": separators, "indent": indent}
    for ascii_only in (False, True)
    for separators, indent in (((", ", ": "), None), ((",", ":"), None), ((",", ": "), 2), ((",", ": "), 4))
]


class NotJsonError(ValueError):
    """Text that is no JSON."""


class Tool(NamedTuple):
    """One declared tool. `pointer` is that of the JSON text where the tools are one; `style` None: a provider's own."""

    pointer: str
    style: str | None  # wrapped, untyped (wrapped without a type), typed (type and name side by side), bare
    function: Mapping[str, Any]

    @property
    def name(self) -> str | None:
        """The name that calls use."""
        return _text(self.function.get("name")) or None

    @property
    def schema(self) -> Any:
        """The JSON Schema of its arguments; None where there is none."""
        return next((self.function[key] for key in _SCHEMAS if self.function.get(key) is not None), None)


class Tools(NamedTuple):
    """The tools of a row: the place of all of them, their list as decoded, and the text that it was decoded from."""

    pointer: str
    items: list[Any]
    text: str | None
    each: tuple[Tool, ...]

    def named(self, name: str | None) -> Tool | None:
        """The tool of that name, if just one has it."""
        found = [tool for tool in self.each if tool.name == name]
        return found[0] if name and len(found) == 1 else None


class Call(NamedTuple):
    """One call. `inside`: where in the JSON text at `at` the arguments are; None: they stand at `at` themselves."""

    pointer: str
    at: str
    inside: str | None
    name: str | None
    arguments: Any  # as written: a value, JSON text, or what was meant to be
    id: str | None = None
    text: str | None = None  # the text at `at`, where that is the JSON of the call and nothing else


class Message(NamedTuple):
    """One message. `broken`: it is a function_call turn whose text is no JSON."""

    role: str
    pointer: str
    content_at: str
    content: str | None
    calls: tuple[Call, ...] = ()
    answers: str | None = None  # the id of the call that a result names
    broken: bool = False


def loads(text: str) -> Any:
    """JSON text as Python's json.loads takes it, if no deeper than a row may be.

    Raises NotJsonError with a reason of one line.
    """
    levels = text.count("{") + text.count("[")  # at most
    if levels > MAX_DEPTH and depth_of(text.encode("utf-8", "replace")) > MAX_DEPTH:
        raise NotJsonError(f"nested more than {MAX_DEPTH} levels deep")
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass  # NaN and unpaired surrogates are JSON to json.loads, which is what trainers use
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise NotJsonError("nested too deep") from error
    except ValueError as error:  # a number of thousands of digits
        raise NotJsonError("a number is too long") from error


def dumps_like(text: str, value: Any) -> str | None:
    """`value` as JSON in the manner of `text`; None where `text` has none that json.dumps could write."""
    before = loads(text)
    return next((json.dumps(value, **style) for style in _STYLES if json.dumps(before, **style) == text), None)


def arguments_of(call: Call) -> Any:
    """The arguments as a value; nothing is an empty object. Raises NotJsonError."""
    value = loads(call.arguments) if isinstance(call.arguments, str) else call.arguments
    return {} if value is None else value


def with_tools(chunk: Chunk) -> ItemsView[int, Tools]:
    """Rows that declare tools."""
    return chunk.once(_with_tools).items()


def with_calls(chunk: Chunk) -> ItemsView[int, list[list[Message]]]:
    """Rows with calls or results, each with its conversations: one, or two where an answer was chosen."""
    return chunk.once(_with_calls).items()


def distinct(talks: Iterable[Iterable[Message]]) -> list[Call]:
    """The calls of some conversations, each once."""
    return list({call.pointer + (call.inside or ""): call for talk in talks for m in talk for call in m.calls}.values())


def talks_of(row: Mapping[str, Any], shape: Shape) -> list[list[Message]]:
    """The conversations of a row; those of a preference row share their beginning."""
    said = {
        field: _messages(row.get(column), "/" + escape(column))
        for field, column in shape.fields.items()
        if field in (*_CONTEXT, *_SIDES)
    }
    context = [message for field in _CONTEXT for message in said.get(field, [])]
    talks = [context + said[field] for field in _SIDES if said.get(field)] or [context]
    if not talks[0] and (calls := _answered(row)):
        talks = [[Message("assistant", f"/{ANSWERS}", f"/{ANSWERS}", None, calls)]]
    return [talk for talk in talks if talk]


def _with_tools(chunk: Chunk) -> dict[int, Tools]:
    names = [name for name in (chunk.columns.get("tools"), *COLUMNS) if name]
    # Tools have a column, or stand in a message, which is then no plain one.
    rows = {row for form in chunk.forms if not form.types.keys().isdisjoint(names) for row in form.rows}
    read = lru_cache(maxsize=None)(_tools)  # most rows of a file declare the same text
    found = {}
    for row in sorted(rows.union(chunk.odd)):
        cells = _cells(chunk.values[row] or {}, chunk.shapes[row] or UNKNOWN, names)
        tools = (read(pointer, cell) if isinstance(cell, str) else _tools(pointer, cell) for pointer, cell in cells)
        if first := next(filter(None, tools), None):
            found[row] = first
    return found


def _with_calls(chunk: Chunk) -> dict[int, list[list[Message]]]:
    rows = {row for form in chunk.forms if {ANSWERS, "tools"} <= form.types.keys() for row in form.rows}
    rows.update(chunk.turns.filter(pl.col("calls").is_not_null() | (pl.col("role") == "tool"))["row"])
    return {row: talks_of(chunk.values[row] or {}, chunk.shapes[row] or UNKNOWN) for row in sorted(rows)}


def _cells(row: Mapping[str, Any], shape: Shape, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        if row.get(name):
            yield "/" + escape(name), row[name]
    column = shape.fields.get("messages", "")
    talk = row.get(column)
    for index, message in enumerate(talk[:2] if isinstance(talk, list) else []):
        if isinstance(message, dict) and len(message) > 2 and message.get("tools"):
            yield f"/{escape(column)}/{index}/tools", message["tools"]


def _tools(pointer: str, cell: Any) -> Tools | None:
    text = cell if isinstance(cell, str) else None
    try:
        items = _listed(cell if text is None else loads(text))
    except NotJsonError:
        return None
    return Tools(pointer, items, text, _each(items, pointer, inside=text is not None)) if items else None


def _listed(cell: Any) -> list[Any] | None:
    """A cell as a list of tools, never empty; None if it is none: any column may be called tools."""
    items = [cell] if isinstance(cell, dict) and ("name" in cell or isinstance(cell.get("function"), dict)) else cell
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    return items if any(key in item for item in items for key in _LOOKS) else None


def _each(items: list[Any], pointer: str, *, inside: bool) -> tuple[Tool, ...]:
    found = []
    for index, item in enumerate(items):
        where = pointer if inside else f"{pointer}/{index}"
        kind, inner = item.get("type"), item.get("function")
        if isinstance(inner, dict):
            found.append(Tool(where, "untyped" if kind is None else "wrapped", inner))
        elif isinstance(kind, str) and kind not in ("function", "object"):
            # A tool that the provider runs, such as a code interpreter: its type is all that it needs.
            found.append(Tool(where, None, {"name": kind, **item}))
        elif isinstance(many := item.get("function_declarations", item.get("functionDeclarations")), list):
            found += [Tool(where, None, one) for one in many if isinstance(one, dict)]
        else:
            found.append(Tool(where, "typed" if kind == "function" else "bare", item))
    return tuple(found)


def _messages(cell: Any, base: str) -> list[Message]:
    items: Sequence[Any] = [cell] if isinstance(cell, dict) else cell if isinstance(cell, list) else []
    return [
        _message(item, base if isinstance(cell, dict) else f"{base}/{index}")
        for index, item in enumerate(items)
        if isinstance(item, dict)
    ]


def _message(item: Mapping[str, Any], pointer: str) -> Message:
    by_from = "from" in item and "role" not in item
    said = as_text(item.get("from" if by_from else "role", ""))
    content_at = f"{pointer}/{'value' if by_from and 'value' in item else 'content'}"
    content = content_text(item.get(content_at.rpartition("/")[2]))
    role = ROLES.get(said, said)
    if said == "function_call" and isinstance(content, str) and not item.get("tool_calls"):
        calls = _said(content, content_at)
        return Message(role, pointer, content_at, content, calls or (), broken=calls is None)
    answers = _text(item.get("tool_call_id")) or None
    return Message(role, pointer, content_at, content, tuple(_calls(item, pointer)), answers)


def _said(text: str, pointer: str) -> tuple[Call, ...] | None:
    """The calls that a function_call turn holds as JSON text, after its reasoning if it has one; None: no JSON."""
    thought = _THINK.match(text)
    try:
        value = loads(text[thought.end() :] if thought else text)
    except NotJsonError:
        return None
    whole = None if thought else text
    places = [(f"/{index}", call) for index, call in enumerate(value)] if isinstance(value, list) else [("", value)]
    return tuple(
        Call(pointer, pointer, f"{at}/arguments", _text(call["name"]), call.get("arguments"), None, whole)
        for at, call in places
        if isinstance(call, dict) and "name" in call
    )


def _calls(item: Mapping[str, Any], pointer: str) -> Iterator[Call]:
    calls = item.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else []):
        if isinstance(call, dict):
            yield _call(call, f"{pointer}/tool_calls/{index}")
    if isinstance(item.get("function_call"), dict):
        yield _call(item["function_call"], f"{pointer}/function_call")


def _call(call: Mapping[str, Any], pointer: str) -> Call:
    inner = call.get("function")
    function, where = (inner, f"{pointer}/function") if isinstance(inner, dict) else (call, pointer)
    name, identity = _text(function.get("name")), _text(call.get("id")) or None
    return Call(pointer, f"{where}/arguments", None, name, function.get("arguments"), identity)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _answered(row: Mapping[str, Any]) -> tuple[Call, ...]:
    """The calls of a row of query, tools, answers; none unless all answers are calls."""
    cell, pointer = row.get(ANSWERS), f"/{ANSWERS}"
    try:
        items = loads(cell) if isinstance(cell, str) else cell
    except NotJsonError:
        return ()
    if not isinstance(items, list) or not all(isinstance(i, dict) and {"name", "arguments"} <= i.keys() for i in items):
        return ()
    if isinstance(cell, str):
        return _said(cell, pointer) or ()
    return tuple(_call(item, f"{pointer}/{index}") for index, item in enumerate(items))
