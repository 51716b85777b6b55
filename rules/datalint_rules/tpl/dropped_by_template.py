"""TPL002."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, none
from datalint_rules.tpl.parts import losses

_CHATML = (
    "{% for m in messages %}{% if m.role in ['system', 'user', 'assistant'] %}"
    "[{{ m.role }}]{{ m.content | trim }}\n{% endif %}{% endfor %}"
)


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
    both sides, JSON escapes are allowed for; a tag put into each part tells short texts that stand elsewhere,
    too. Reasoning that a template removes is TPL003's, a row that raises TPL001's. Rows with messages are
    rendered as they are, ShareGPT rows with their usual roles.

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
            (dialogue.row, part.pointer, part.what) for dialogue, part in chunk.once(losses) if part.thought is None
        ]
        schema = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String}
        # Both sides of a preference row hold its prompt.
        return pl.DataFrame(found, schema=schema, orient="row").unique(maintain_order=True) if found else none()
