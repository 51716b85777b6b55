"""TOOL004."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import polars as pl

from datalint.brief import brief, part
from datalint.chunk import Chunk
from datalint.rule import Rule, none, option
from datalint_rules.tool.calls import Call, NotJsonError, Tools, arguments_of, distinct, with_calls, with_tools
from datalint_rules.tool.schema import kind_of, problems

_SHOWN = 100
_TOOL = {"type": "function", "function": {"name": "book", "description": "Book.", "parameters": {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "unit": {"type": "string", "enum": ["c", "f"]},
        "who": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        "days": {"type": "array", "items": {"type": "integer"}},
        "price": {"type": "number"},
    },
    "required": ["n"], "additionalProperties": False,
}}}  # fmt: skip


def _row(arguments: Any) -> list[dict[str, Any]]:
    call = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": arguments}}
    return [
        {
            "messages": [
                {"role": "user", "content": "Book it."},
                {"role": "assistant", "content": "", "tool_calls": [call]},
            ],
            "tools": [_TOOL],
        }
    ]


@dataclass(frozen=True)
class SchemaViolation(Rule):
    """The arguments of a tool call break the schema that the row declares for the tool.

    ## What it does
    Holds the arguments of every call of a declared tool against its JSON Schema: a required argument that is missing, a
    value of another type, a value that an enum does not list, an argument that is not declared where
    `additionalProperties` is false; in nested objects and lists too. Parts of JSON Schema that it does not know are no
    constraint. A null for an optional argument is TOOL007's; text that is no JSON is TOOL001's.

    ## Why is this bad?
    The model learns calls that the tool refuses, and to disregard the schema that it is given.

    ## Example
    `{"n": "3"}` where `n` is an integer.

    ## Fix safety
    There is no fix: the call or the schema may be wrong, and an answer is not for a tool to change.

    ## Options
    - `max-problems`: how many problems of one call are told.

    ## References
    JSON Schema draft 2020-12. The published glaive tool-call demo of LLaMA-Factory has one such call in 211.
    """

    code, name = "TOOL004", "schema-violation"
    severity = "error"
    message = "the call of {tool} breaks its schema: {place}{problem}"
    bad = [
        _row({"n": "3"}),
        _row('{"unit": "c"}'),
        _row('{"n": 1, "unit": "kelvin"}'),
        _row({"n": 1, "who": {"name": 7}}),
        _row({"n": 1, "days": [1, "2"]}),
        _row({"n": 1, "colour": "red"}),
        _row({"n": True}),
        _row("[1]"),
    ]
    good = [
        _row({"n": 1, "unit": "c", "who": {"name": "Ann", "age": 3}, "days": [1, 2], "price": 3}),
        _row('{"n": 3.0, "unit": null, "price": 2.5}'),
        _row("{'n': '3'}"),
    ]

    max_problems: int = option(5, "Most problems that are told of one call.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        declared = dict(with_tools(chunk))
        found: list[dict[str, Any]] = []
        for row, talks in with_calls(chunk) if declared else ():
            if row in declared:
                lines = (line for call in distinct(talks) for line in self._broken(call, declared[row]))
                found += [{"row": row, **line} for line in lines]
        return pl.DataFrame(found, infer_schema_length=None) if found else none()

    def _broken(self, call: Call, tools: Tools) -> Iterator[dict[str, Any]]:
        tool = tools.named(call.name)
        if tool is None or tool.style is None or not isinstance(tool.schema, dict):
            return
        try:
            value = arguments_of(call)
        except NotJsonError:
            return
        if not isinstance(value, dict):
            yield self._line(call, "", f"the arguments are {kind_of(value)}, not an object")
            return
        for problem in islice(problems(value, tool.schema), self.max_problems):
            yield self._line(call, problem.pointer, problem.text)

    def _line(self, call: Call, inner: str, text: str) -> dict[str, Any]:
        plain = call.inside is None and not isinstance(call.arguments, str)
        return {
            "pointer": call.at + inner if plain else call.at,
            "tool": part(call.name or "", 0, _SHOWN),
            "place": f"{part(inner, 1, _SHOWN)}: " if inner else "",
            "problem": brief(text, 2 * _SHOWN),
        }
