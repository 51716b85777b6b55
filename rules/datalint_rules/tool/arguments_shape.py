"""TOOL002."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, Sample, none
from datalint_rules.tool.shapes import rewritten
from datalint_rules.tool.trials import faults, tools_of

_ASK = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}{% set f = c.function or c %}"
)
_END = "{% endfor %}\n{% endfor %}"
_QUOTING = _ASK + '{"name": "{{ f.name }}", "arguments": {{ f.arguments | tojson }}}' + _END  # as Qwen2.5
_ITEMS = _ASK + "{{ f.name }}{% for k, v in f.arguments.items() %}<{{ k }}>{{ v }}{% endfor %}" + _END  # as GLM-4
_JOINING = _ASK + "{{ f.name + f.arguments }}" + _END  # as DeepSeek-V3
_EITHER = _ASK + "{{ f.arguments if f.arguments is string else f.arguments | tojson }}" + _END  # as Qwen3
_SAID = '{"city": "Oslo", "days": 3}'


def _sample(template: str, *arguments: Any, bare: bool = False) -> Sample:
    functions = [{"name": "get_rain", "arguments": one} for one in arguments]
    calls = functions if bare else [{"type": "function", "function": function} for function in functions]
    talk = [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": "", "tool_calls": calls}]
    return Sample({"train.jsonl": [{"messages": talk}], "x.jinja": template}, {"chat_template": "x.jinja"})


def _shared(value: str, template: str) -> Sample:
    turns = [{"from": "human", "value": "Rain?"}, {"from": "function_call", "value": value}]
    return Sample({"train.jsonl": [{"conversations": turns}], "x.jinja": template}, {"chat_template": "x.jinja"})


@dataclass(frozen=True)
class ArgumentsShape(Rule):
    r"""The arguments of tool calls are an object where the template wants JSON text, or the other way round.

    ## What it does
    Renders rows with tool calls by the chat template in both shapes, objects and JSON text. Reports a row whose shape
    the template refuses, or writes into quotes (`"{\"city\": \"Oslo\"}"`), if the other shape is fine. The same for
    arguments that are JSON text in JSON text, for ShareGPT's function_call turns whose arguments are text again, and
    for `tools` that are a list of JSON texts or JSON text twice over; a whole list of tools as JSON text is decoded by
    trainers and fine. What is no JSON is TOOL001's.

    ## Why is this bad?
    No shape is right for all models: an object stops DeepSeek-V3, text stops GLM-4 and Qwen3.5, and Qwen2.5 writes
    text into quotes without a word. The model then learns to call tools with a string that its parser does not take.

    ## Example
    `"arguments": "{\"city\": \"Oslo\"}"` and the template of Qwen2.5.

    ## Fix safety
    Safe: text becomes the object that it stands for, or an object its JSON text, in all calls of the row. Left for a
    person where that would lose something: a key that stands twice, numbers such as `1e3` or `1.50`, and ShareGPT turns
    that are not written as `json.dumps` writes.

    ## Options
    None.

    ## References
    vortico/flama issue #258, oumi pull request #2599, mlx-lm issue #1065, transformers issue #45419.
    """

    code, name = "TOOL002", "arguments-shape"
    severity = "error"
    message = "{subject} are {shape}, which the template {told}; as {to} they are fine"
    needs = ("template",)
    fix = Fix("rewrite", "safe")
    fix_title = "writes the arguments in the shape that the template takes"
    bad = [
        _sample(_QUOTING, _SAID),
        _sample(_QUOTING, "{}", bare=True),
        _sample(_ITEMS, {"city": "Oslo"}, _SAID),
        _sample(_JOINING, {"city": "Oslo", "days": 3}),
        _sample(_EITHER, '"{\\"city\\": \\"Oslo\\"}"'),
        _sample(_QUOTING, '{"city": "Oslo", "city": "Rome", "days": 1e3}'),
        _shared('{"name": "get_rain", "arguments": "{\\"city\\": \\"Oslo\\"}"}', _QUOTING),
        Sample(
            {
                "train.jsonl": [{"messages": [{"role": "user", "content": "Rain?"}], "tools": ['{"name": "f"}']}],
                "x.jinja": "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}",
            },
            {"chat_template": "x.jinja"},
        ),
    ]
    good = [
        _sample(_QUOTING, {"city": 'the "old" town'}, {}),
        _sample(_ITEMS, {"city": "Oslo"}),
        _sample(_JOINING, _SAID),
        _sample(_EITHER, _SAID, {"city": "Oslo"}, '{"code": "print(\\"city\\")"}'),
        _sample(_JOINING, "{'city': 'Oslo'}"),
        _sample("{{ raise_exception('never') }}", _SAID),
        _sample("{% for m in messages %}{{ m.content }}{% endfor %}", _SAID),
        _shared('{"name": "get_rain", "arguments": {"city": "Oslo"}}', _JOINING),
        Sample(
            {
                "train.jsonl": [{"messages": [{"role": "user", "content": "Rain?"}], "tools": '[{"name": "f"}]'}],
                "x.jinja": "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}",
            },
            {"chat_template": "x.jinja"},
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A finding for each row whose arguments, or tools, want another shape."""
        found = [
            (f.row, f.pointer, f.subject, f.shape, f.told, f.to, f.columns, "rewrite" if f.fixable else None)
            for f in chunk.once(faults)
        ]
        texts = dict.fromkeys(("pointer", "subject", "shape", "told", "to"), pl.String)
        schema: dict[str, Any] = {"row": pl.UInt32, **texts, "columns": pl.List(pl.String), "fix_kind": pl.String}
        return pl.DataFrame(found, schema=schema, orient="row") if found else none()

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        """The row with its arguments, or its tools, in the other shape."""
        for one in found:
            for column in one.args["columns"]:
                cell = row.get(column)
                if one.pointer == "/tools":
                    made = tools_of(cell)
                elif isinstance(cell, list):
                    made = [rewritten(message, one.args["to"]) for message in cell]
                else:
                    made = rewritten(cell, one.args["to"])
                row = row if made is None else {**row, column: made}
        return row
