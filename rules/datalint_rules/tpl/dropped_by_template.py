"""TPL002."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.conversation import Dialogue
from datalint.rule import Rule, Sample, none
from datalint.tokens import Conversation, Rendered, render_rows
from datalint_rules.tpl.parts import Part, form_of, parts_of, shows

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
        shown = [(dialogue, result.text) for dialogue, result in chunk.rendered if isinstance(result, Rendered)]
        if not shown:
            return none()
        seen = [(dialogue, *parts_of(dialogue), text) for dialogue, text in shown]
        lost = [{part.key for part in parts if not shows(text, part)} for _, parts, _, text in seen]
        # One tagged conversation of each form tells what the template drops; rows where that would be news are
        # tagged themselves, since templates also look into texts.
        first = {form_of(dialogue): number for number, (dialogue, _) in reversed(list(enumerate(shown)))}
        dropped = dict(zip(first, _dropped(chunk, [seen[number] for number in first.values()]), strict=True))
        doubtful = [n for n, (dialogue, _) in enumerate(shown) if dropped[form_of(dialogue)] - lost[n]]
        for number, keys in zip(doubtful, _dropped(chunk, [seen[n] for n in doubtful]), strict=True):
            lost[number] |= keys
        found = [
            (dialogue.row, part.pointer, part.what)
            for (dialogue, parts, _, _), keys in zip(seen, lost, strict=True)
            for part in parts
            # A call that is dropped takes its arguments along.
            if part.key in keys and not (len(part.key) > 2 and part.key[:2] in keys)
        ]
        schema = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String}
        # Both sides of a preference row hold its prompt.
        return pl.DataFrame(found, schema=schema, orient="row").unique(maintain_order=True) if found else none()


def _dropped(chunk: Chunk, seen: list[tuple[Dialogue, list[Part], Conversation, str]]) -> list[set[tuple[Any, ...]]]:
    """Keys of the parts whose tags are not in the render of the tagged conversation; none where that raises."""
    template = chunk.target.template
    assert template is not None
    renders = render_rows(template, [tagged for _, _, tagged, _ in seen])
    return [
        {part.key for part in parts if part.tag is not None and part.tag not in result.text}
        if isinstance(result, Rendered)
        else set()
        for (_, parts, _, _), result in zip(seen, renders, strict=True)
    ]
