"""TOOL005."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import part
from datalint.chunk import Chunk
from datalint.rule import Rule, none
from datalint_rules.tool.calls import Call, Message, with_calls

_SHOWN = 60
# An answer that calls in its text, in one of many notations: tags, f(x), JSON, code, ReAct.
_CALLS_IN_TEXT = re.compile(r"<[|/]?[A-Za-z_]|\w\(|\{|```|^\s*Action\b|\[TOOL_CALLS\]", re.MULTILINE)
_RESULT_IN_TEXT = re.compile(r"\s*<tool_(?:response|result)|\s*<\|?(?:observation|tool_outputs?)")


def _call(name: str, identity: str | None = None) -> dict[str, Any]:
    call = {"type": "function", "function": {"name": name, "arguments": "{}"}}
    return call if identity is None else {"id": identity, **call}


def _said(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


@dataclass(frozen=True)
class OrphanResult(Rule):
    """A tool result answers no call, or a call is never answered although the conversation goes on.

    ## What it does
    Follows every conversation: a result must come after a call that is still open, and where both carry ids, name its
    id; a call must be answered before the user or the assistant goes on. Results of parallel calls may come in any
    order, one result without an id may answer several calls, and the last call of a conversation needs none. An
    assistant that calls in its text counts as a call.

    ## Why is this bad?
    Interfaces refuse such conversations, and templates pair what does not belong together. The model learns to answer
    from results that it never asked for, or to go on without them.

    ## Example
    A `tool` message right after the user's.

    ## Fix safety
    There is no fix: what is missing cannot be made up.

    ## Options
    None.

    ## References
    The message order of OpenAI's chat completions interface; torchtune and mistral-finetune validate it;
    openai-agents-python issue #873.
    """

    code, name = "TOOL005", "orphan-result"
    severity = "error"
    message = "{what}"
    bad = [
        [{"messages": [
            _said("user", "Weather?"), _said("tool", "rain", tool_call_id="c1"), _said("assistant", "Wet."),
        ]}],
        [{"messages": [
            _said("user", "Weather?"), _said("assistant", "", tool_calls=[_call("w", "c1")]),
            _said("tool", "rain", tool_call_id="c9"), _said("assistant", "Wet."),
        ]}],
        [{"messages": [
            _said("user", "Weather?"), _said("assistant", "", tool_calls=[_call("w", "c1"), _call("w", "c2")]),
            _said("tool", "rain", tool_call_id="c2"), _said("assistant", "Wet."),
        ]}],
        [{"conversations": [
            {"from": "human", "value": "Weather?"}, {"from": "function_call", "value": "{\"name\": \"w\"}"},
            {"from": "gpt", "value": "It rains."},
        ]}],
    ]  # fmt: skip
    good = [
        [{"messages": [
            _said("user", "Weather?"), _said("assistant", "", tool_calls=[_call("w", "c1"), _call("w", "c2")]),
            _said("tool", "rain", tool_call_id="c2"), _said("tool", "sun", tool_call_id="c1"),
            _said("assistant", "Both."),
        ]}],
        [{"messages": [_said("user", "Weather?"), _said("assistant", "", tool_calls=[_call("w", "c1")])]}],
        [{"conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": "[{\"name\": \"w\"}, {\"name\": \"t\"}]"},
            {"from": "observation", "value": "rain, noon"}, {"from": "gpt", "value": "It rains."},
        ]}],
        [{"conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "gpt", "value": "<tool_call>\n{\"name\": \"w\"}\n</tool_call>"},
            {"from": "tool", "value": "<tool_response>rain</tool_response>"}, {"from": "gpt", "value": "It rains."},
        ]}],
    ]  # fmt: skip

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found = []
        for row, talks in with_calls(chunk):
            faults = {pointer: what for talk in talks for pointer, what in _orphans(talk)}
            found += [{"row": row, "pointer": pointer, "what": what} for pointer, what in faults.items()]
        return (
            pl.DataFrame(found, schema={"row": pl.UInt32, "pointer": pl.String, "what": pl.String}) if found else none()
        )


def _orphans(talk: list[Message]) -> Iterator[tuple[str, str]]:
    """(pointer, what is wrong) of the results and calls that have no counterpart."""
    group: list[Call] = []  # the calls since somebody last said something else
    waiting: list[Call] = []  # those of them without a result
    late = set[str | None]()  # ids that were reported as unanswered: what comes for them later is no news
    expected = False  # results may come: there were calls, in their own place or in the text
    for message in talk:
        if message.role == "tool":
            named = message.answers is not None and any(call.id for call in group)
            if message.answers in late:
                continue
            if not expected:
                yield message.pointer, "a tool result that no call asked for"
            elif not named:
                waiting = []  # without ids only order tells, and one result may be that of all calls
            elif all(call.id != message.answers for call in group):
                yield (
                    message.pointer,
                    f"the result names the call {part(message.answers or '', 0, _SHOWN)!r}, which is not open",
                )
            waiting = [call for call in waiting if call.id != message.answers]
        elif message.calls or message.broken:
            group, waiting, expected = [*group, *message.calls], [*waiting, *message.calls], True
        elif message.role != "system":
            text = message.content or ""
            if not _RESULT_IN_TEXT.match(text):
                for call in waiting:
                    yield (
                        call.pointer,
                        f"the call of {part(call.name or '', 0, _SHOWN)} has no result, and the talk goes on",
                    )
                late |= {call.id for call in waiting if call.id}
            group, waiting = [], []
            expected = message.role == "assistant" and _CALLS_IN_TEXT.search(text) is not None
