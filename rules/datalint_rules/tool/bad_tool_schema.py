"""TOOL006."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.tool.calls import Tool, Tools, dumps_like, loads, with_tools
from datalint_rules.tool.schema import Problem, faults, kind_of, shown, types_of

_MOST = 5  # contradictions that are told of one tool
_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}


def _row(*tools: Any) -> list[dict[str, Any]]:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi!"}]
    return [{"messages": talk, "tools": list(tools)}]


def _bare(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "A tool.", "parameters": _PARAMETERS, **more}


def _wrapped(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": _bare(name, **more)}


@dataclass(frozen=True)
class BadToolSchema(Rule):
    """A declared tool lacks a part, or its schema cannot be right.

    ## What it does
    Looks at the tools of every row: each needs a name, a description and parameters; parameters are an object, of the
    type object where they name one; an enum lists only values of its own type. Reports names that two tools of a row
    share, and rows that mix wrapped tools (`{"type": "function", "function": {...}}`) with bare ones.
    Tools that a provider runs, which have a type of their own, are left out.

    ## Why is this bad?
    Interfaces and trainers refuse such rows. A template that expects one form writes the other out as empty text, and
    a call can never satisfy an enum that its type forbids.

    ## Example
    `[{"name": "a", ...}, {"type": "function", "function": {"name": "b", ...}}]`

    ## Fix safety
    Safe: where forms are mixed, bare tools are wrapped; their content stays. Other faults have no fix.

    ## Options
    None.

    ## References
    mistral-finetune's and Amazon Nova's validation of tools; ShishirPatil/gorilla #826, enum values whose type was not
    the declared one.
    """

    code, name = "TOOL006", "bad-tool-schema"
    severity = "error"
    message = "{what}"
    fix = Fix("rewrite", "safe")
    fix_title = "wraps bare tools where others are wrapped"
    bad = [
        _row(_bare("a"), _wrapped("b")),
        [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi!"}],
          "tools": "[{\"name\":\"a\",\"description\":\"\u00e4\",\"parameters\":{}},{\"type\":\"function\",\"function\":"
                   "{\"name\":\"b\",\"description\":\"d\",\"parameters\":{}}}]"}],
        _row({"description": "A tool.", "parameters": _PARAMETERS}),
        _row({"name": "a", "parameters": _PARAMETERS}),
        _row({"type": "function", "function": {"name": "a", "description": "A tool."}}),
        _row(_bare("a", parameters=["city"])),
        _row(_bare("a", parameters={"type": "string"})),
        _row(_bare("a"), _bare("a")),
        _row(_bare("a", parameters={"type": "object", "properties": {"n": {"type": "integer", "enum": ["1", "2"]}}})),
    ]  # fmt: skip
    good = [
        _row(_wrapped("a"), _wrapped("b", parameters={"type": "object", "properties": {}})),
        _row(_bare("a"), _bare("b", parameters={}), {"type": "code_interpreter"}),
        [*_row(_bare("a")), *_row(_wrapped("a"))],
        _row(_bare("a", parameters={"type": "dict", "properties": {"n": {"type": "float", "enum": [1, 2.5]}}})),
        _row("hammer", "saw"),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found: list[dict[str, Any]] = []
        known: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row, tools in with_tools(chunk):
            if tools.text is None:
                lines = list(_faults(tools))
            else:
                # Most rows of a file declare the same text: it is judged once.
                lines = known.setdefault((tools.pointer, tools.text), []) or list(_faults(tools)) or [{}]
                known[tools.pointer, tools.text] = lines
            found += [{"row": row, **line} for line in lines if line]
        return pl.DataFrame(found, infer_schema_length=None) if found else none()

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            cell = resolve(row, one.pointer or "")
            if isinstance(cell, str):
                made = dumps_like(cell, [_wrap(item) for item in loads(cell)])
                row = row if made is None else replace(row, one.pointer or "", made)
            elif isinstance(cell, list):
                row = replace(row, one.pointer or "", [_wrap(item) for item in cell])
        return row


def _faults(tools: Tools) -> Iterator[dict[str, Any]]:
    for tool in tools.each:
        told = f"the tool {shown(tool.name)}" if tool.name else "a tool"
        for problem in _of(tool) if tool.style else ():
            yield _line(tool.pointer + (problem.pointer if tools.text is None else ""), f"{told}: {problem.text}")
    for name, count in Counter(tool.name for tool in tools.each if tool.name).items():
        if count > 1:
            yield _line(tools.pointer, f"{count} tools have the name {shown(name)}")
    styles = dict.fromkeys(tool.style for tool in tools.each if tool.style)
    if len(styles) > 1:
        able = tools.text is None or dumps_like(tools.text, tools.items) is not None
        yield _line(tools.pointer, f"tools in several forms: {', '.join(styles)}", fixable=able)


def _of(tool: Tool) -> Iterator[Problem]:
    inner = "/function" if tool.style in ("wrapped", "untyped") else ""
    name, schema = tool.function.get("name"), tool.schema
    if tool.name is None:
        yield Problem("", "has no name" if name in (None, "") else f"its name is {kind_of(name)}")
    if tool.function.get("description") is None:
        yield Problem("", "has no description")
    if schema is None:
        yield Problem("", "has no parameters")
    elif not isinstance(schema, dict):
        yield Problem("", f"its parameters are {kind_of(schema)}, not an object")
    else:
        types = types_of(schema)
        if types is not None and "object" not in types:
            yield Problem("", f"its parameters have the type {' or '.join(types)}, not object")
        key = next(key for key, value in tool.function.items() if value is schema)
        yield from islice(faults(schema, f"{inner}/{key}"), _MOST)


def _line(pointer: str, what: str, *, fixable: bool = False) -> dict[str, Any]:
    kind, safety = ("rewrite", "safe") if fixable else (None, None)
    return {"pointer": pointer, "what": what, "fix_kind": kind, "fix_safety": safety}


def _wrap(item: Any) -> Any:
    """A tool as the interface wraps it; provider's own tools, and what is no tool, as they are."""
    if not isinstance(item, dict) or item.get("type", "function") not in ("function", "object", None):
        return item
    if isinstance(item.get("function"), dict):
        return item if item.get("type") else {"type": "function", **{k: v for k, v in item.items() if k != "type"}}
    if "function_declarations" in item or "functionDeclarations" in item:
        return item
    typed = item.get("type") == "function"
    return {"type": "function", "function": {k: v for k, v in item.items() if not (typed and k == "type")}}
