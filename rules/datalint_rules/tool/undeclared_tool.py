"""TOOL003."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import brief, part
from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none
from datalint_rules.tool.calls import Message, distinct, with_calls, with_tools

_SHOWN = 60
_TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather.", "parameters": {}}}


@dataclass(frozen=True)
class UndeclaredTool(Rule):
    """A call names a tool that its row does not declare.

    ## What it does
    Compares the name of every call with the names of the row's tools. A row that declares no tools is reported if
    other rows of the dataset do, unless its prompts or its system text name the tool: some datasets describe their
    tools there. A dataset without any declared tools is not looked at.

    ## Why is this bad?
    The model learns to call tools that it was not offered, and makes names up when it is used.

    ## Example
    `"tools": [{"name": "get_weather", ...}]` and a call of `getWeather`.

    ## Fix safety
    There is no fix: only the author knows whether the call or the list of tools is wrong.

    ## Options
    None.

    ## References
    mistral-finetune's data validation, which refuses such rows.
    """

    code, name = "TOOL003", "undeclared-tool"
    severity = "error"
    within = "dataset"
    message = "{tool} is called but not declared; declared: {declared}"
    bad = [
        [{"messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": "{}"}}]},
        ], "tools": [_TOOL]}],
        [{"conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": "[{\"name\": \"get_weather\", \"arguments\": {}}, {\"name\": \"now\"}]"},
        ], "tools": "[{\"name\": \"get_weather\", \"description\": \"d\", \"parameters\": {}}]"}],
        [
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi!"}],
             "tools": [_TOOL]},
            {"messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": "",
                 "tool_calls": [{"function": {"name": "get_weather", "arguments": "{}"}}]}]},
        ],
    ]  # fmt: skip
    good = [
        [{"messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "",
             "tool_calls": [{"function": {"name": "get_weather", "arguments": "{}"}}]},
        ], "tools": [_TOOL]}],
        [{"messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": "{}"}}]},
        ]}],
        [
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi!"}],
             "tools": [_TOOL]},
            {"messages": [
                {"role": "system", "content": "You may call weather(city)."}, {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": "",
                 "tool_calls": [{"function": {"name": "weather", "arguments": "{}"}}]}]},
        ],
    ]  # fmt: skip

    def map(self, chunk: Chunk) -> pl.DataFrame:
        declared = {row: [tool.name for tool in tools.each if tool.name] for row, tools in with_tools(chunk)}
        declared = {row: names for row, names in declared.items() if names}
        found: list[dict[str, Any]] = []
        for row, talks in with_calls(chunk):
            names = declared.get(row)
            for call in distinct(talks):
                if call.name is not None and (
                    not _names(talks, call.name) if names is None else call.name not in names
                ):
                    found.append(
                        {
                            "row": row,
                            "pointer": call.pointer,
                            "tool": part(call.name, 0, _SHOWN),
                            "declared": _listed(names),
                            "alone": names is None,
                        }
                    )
        # A line without a pointer: there are tools in this dataset.
        found += [{"row": next(iter(declared)), "pointer": None, "alone": False}] if declared else []
        return pl.DataFrame(found, infer_schema_length=None) if found else none()

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        if frame["pointer"].null_count() == 0:
            return none()
        return frame.filter(pl.col("pointer").is_not_null()).drop("alone")


def _names(talks: list[list[Message]], tool: str) -> bool:
    """The row's prompts name the tool."""
    return any(
        tool in message.content
        for talk in talks
        for message in talk
        if message.content and message.role not in ("assistant", "tool")
    )


def _listed(names: list[str] | None) -> str:
    text = ", ".join(names[:5]) + (", …" if len(names) > 5 else "") if names else "none"
    return brief(text, 2 * _SHOWN)
