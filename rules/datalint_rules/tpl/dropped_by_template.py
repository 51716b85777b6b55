"""TPL002."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.chunk import Chunk
from datalint.conversation import Dialogue
from datalint.rule import Rule, Sample, none
from datalint.tokens import Rendered

_CHATML = (
    "{% for m in messages %}{% if m.role in ['system', 'user', 'assistant'] %}"
    "[{{ m.role }}]{{ m.content | trim }}\n{% endif %}{% endfor %}"
)
# Reasoning that a template takes out of an answer: tagged, or all before a closing tag alone.
_REASONING = re.compile(r"<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)|\A.*?</(?:think|thinking)>", re.DOTALL)


def _sample(*messages: dict[str, Any], **columns: Any) -> Sample:
    rows = [{"messages": list(messages), **columns}]
    return Sample({"train.jsonl": rows, "plain.jinja": _CHATML}, {"chat_template": "plain.jinja"})


_ASK, _ANSWER = (
    {"role": "user", "content": "Name a lake."},
    {"role": "assistant", "content": " Lake  Baikal.\n"},
)
_CALL = {
    "role": "assistant",
    "tool_calls": [{"function": {"name": "find_lake", "arguments": {"depth": 1642}}}],
}


@dataclass(frozen=True)
class DroppedByTemplate(Rule):
    """Something in the row never reaches the model: the chat template leaves it out and says nothing.

    ## What it does
    Renders every row that has message lists, and looks in the result for each message's content, the name and
    argument values of each tool call, each tool result and the declared tools. White space is collapsed on
    both sides, JSON escapes are allowed for. Reasoning that a template removes is TPL003's, a row that raises
    TPL001's. Rows with messages are rendered as they are, ShareGPT rows with their usual roles.

    ## Why is this bad?
    Many stock templates skip a role that they do not know, tool calls or results, without an error: the model
    is trained on an answer to nothing, or on nothing.

    ## Example
    The roles `human` and `gpt` in a `messages` column, and the template of Qwen2.5.

    ## Fix safety
    No fix: the template, the roles or the data are wrong, and only a person knows which.

    ## Options
    None.

    ## References
    TRL's notes on the templates that it ships (LFM2 never reads tool calls).
    """

    code, name = "TPL002", "dropped-by-template"
    severity = "error"
    message = "{what} is not in the text that the template renders"
    needs = ("template",)
    bad = [
        _sample({"role": "human", "content": "Name a lake."}, {"role": "gpt", "content": "Baikal."}),
        _sample(_ASK, _CALL),
        _sample(_ASK, {"role": "tool", "content": "Baikal, 1642 m"}, _ANSWER),
        _sample(_ASK, _ANSWER, tools=[{"type": "function", "function": {"name": "find_lake"}}]),
    ]
    good = [
        _sample(_ASK, _ANSWER),
        _sample(_ASK, {"role": "assistant", "content": [{"type": "text", "text": "Lake Baikal."}]}),
        _sample(_ASK, {"role": "assistant", "content": ""}, tools=[]),
        Sample(
            {
                "train.jsonl": [{"messages": [_ASK, {"role": "assistant", "content": "<think>deep</think>Baikal."}]}],
                "x.jinja": "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}",
            },
            {"chat_template": "x.jinja"},
        ),
        Sample(
            {"train.jsonl": [{"prompt": "a", "completion": "b"}], "x.jinja": "."},
            {"chat_template": "x.jinja"},
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A finding for each content, call or result that is not in the render."""
        found = [
            (dialogue.row, pointer, what)
            for dialogue, result in chunk.rendered
            if isinstance(result, Rendered)
            for pointer, what in _absent(dialogue, result.text)
        ]
        schema = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String}
        # Both sides of a preference row hold its prompt.
        return pl.DataFrame(found, schema=schema, orient="row").unique(maintain_order=True) if found else none()


def _absent(dialogue: Dialogue, text: str) -> Iterator[tuple[str, str]]:
    render = _Render(text)
    for pointer, message in zip(dialogue.contents, dialogue.conversation.messages, strict=True):
        role = message.get("role")
        if not all(render.shows(part) for part in _contents(message.get("content"), answer=role == "assistant")):
            yield pointer, f"the content of the {role} turn" if role != "tool" else "the tool result"
        calls = message.get("tool_calls")
        for index, call in enumerate(calls if isinstance(calls, list) else []):
            place = pointer if dialogue.mapped else f"{pointer.rpartition('/')[0]}/tool_calls/{index}"
            yield from ((place, what) for what in _absent_call(call, render))
    names = [name for tool in dialogue.conversation.tools or [] if (name := _function(tool).get("name"))]
    if names and not any(render.shows(name) for name in names):
        yield "/tools", "the list of tools"


def _absent_call(call: Any, render: "_Render") -> Iterator[str]:
    name, arguments = _function(call).get("name"), _function(call).get("arguments")
    if isinstance(name, str) and not render.shows(name):
        yield f"the tool call {name}"
        return
    if isinstance(arguments, str):
        arguments = None if render.shows(arguments) else _decoded(arguments)
    for key, value in arguments.items() if isinstance(arguments, dict) else []:
        if not all(render.shows(leaf) for leaf in _leaves(value)):
            yield f"the argument {key} of the tool call {name}"


def _function(item: Any) -> dict[str, Any]:
    inner = item.get("function", item) if isinstance(item, dict) else None
    return inner if isinstance(inner, dict) else {}


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {"(all)": text}


def _contents(content: Any, *, answer: bool) -> Iterator[Any]:
    """The texts of a message that must be in the render, reasoning left out of an assistant's."""
    if isinstance(content, str):
        yield from _REASONING.sub("\0", content).split("\0") if answer else [content]
    elif isinstance(content, list):
        blocks = [block.get("text") if isinstance(block, dict) else block for block in content]
        yield from (part for block in blocks if block is not None for part in _contents(block, answer=answer))
    else:
        yield from _leaves(content)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif value is not None:
        yield value


@dataclass(frozen=True, slots=True)
class _Render:
    """A rendered text that can be asked whether it shows a value."""

    text: str

    def shows(self, value: Any) -> bool:
        forms = _forms(value)
        if forms[0].strip() in self.text:
            return True
        folded = _folded(self.text)
        return any(_folded(form) in folded for form in forms)


def _folded(text: str) -> str:
    return " ".join(text.split())


def _forms(value: Any) -> list[str]:
    """How templates write a value: as it is, in JSON once or twice, as Python shows it."""
    if not isinstance(value, str):
        return [json.dumps(value), str(value)]
    once = json.dumps(value, ensure_ascii=False)[1:-1]
    return [
        value,
        once,
        json.dumps(once, ensure_ascii=False)[1:-1],
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
    ]
