"""TPL003."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, none
from datalint.views.conversation import Dialogue
from datalint_rules.tpl.parts import losses

# As Qwen3 has it: reasoning stays after the last user turn only, unless the row says otherwise.
_LATE = (
    "{% set ns = namespace(asked=0) %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% set ns.asked = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}{% set thought = m.reasoning_content or '' %}{% set text = m.content %}"
    "{% if '</think>' in text %}{% set thought = text.split('</think>')[0].split('<think>')[-1] %}"
    "{% set text = text.split('</think>')[-1] %}{% endif %}[{{ m.role }}]"
    "{% if thought and (keep_thinking or loop.index0 > ns.asked) %}<think>{{ thought | trim }}</think>{% endif %}"
    "{{ text | trim }}\n{% endfor %}"
)
_CHATML = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"


def _sample(template: str, *messages: dict[str, Any], **columns: Any) -> Sample:
    return Sample(
        {"train.jsonl": [{"messages": [*messages], **columns}], "x.jinja": template}, {"chat_template": "x.jinja"}
    )


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _said(text: str, **extra: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **extra}


@dataclass(frozen=True)
class ReasoningDropped(Rule):
    """The chat template leaves an answer's reasoning out.

    ## What it does
    Looks in the render of a row for the reasoning of each answer: text between `<think>` tags (also `thinking`,
    `thought`, `reasoning`), the keys `reasoning_content`, `reasoning` and `thinking` of a message, and blocks of the
    type `thinking`. White space is collapsed on both sides; a tag put into the reasoning tells short texts that stand
    elsewhere, too. In the last answer of a conversation the loss is an error (a warning where that answer is not
    trained), in earlier ones it is told as information: many templates keep reasoning only after the last question,
    on purpose. The row's `chat_template_kwargs` are the template's.

    ## Why is this bad?
    A model that is to learn to reason never sees the reasoning: it is trained to answer at once.

    ## Example
    `{"role": "assistant", "reasoning_content": "First I count.", "content": "Three."}`, and the template of Llama 3.

    ## Fix safety
    No fix: another template, reasoning in the content, or one row for each answer are a person's choice.

    ## Options
    None.

    ## References
    gem issue #44, ms-swift issue #4939; the patches of TRL's training templates.
    """

    code, name = "TPL003", "reasoning-dropped"
    severity = "warning"
    message = "the reasoning of {whose} is not in the text that the template renders"
    needs = ("template",)
    bad = [
        _sample(_CHATML, _user("q"), _said("Three.", reasoning_content="First I count.")),
        _sample(_CHATML, _user("q"), _said("Three.", thinking="Three")),
        _sample(_LATE, _user("q"), _said("<think>I count.</think>Three."), _user("r"), _said("Four.")),
        _sample("{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}", _said("I count.</think>3")),
    ]
    good = [
        _sample(_LATE, _user("q"), _said("<think>\nI  count.\n</think>\n\nThree.")),
        _sample(_LATE, _user("q"), _said("Three.", reasoning_content="I count.")),
        _sample(
            _LATE,
            _user("q"),
            _said("<think>I count.</think>Three."),
            _user("r"),
            _said("Four."),
            chat_template_kwargs={"keep_thinking": True},
        ),
        _sample(_LATE, _user("q"), _said("<think>\n\n</think>\n\nThree."), _user("r"), _said("Four.")),
        _sample(_CHATML, _user("<think>q"), _said("<think>I count.</think>Three.", reasoning_content="")),
        Sample(
            {"train.jsonl": [{"prompt": "a", "completion": "<think>b</think>"}], "x.jinja": "."},
            {"chat_template": "x.jinja"},
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A finding for each answer whose reasoning is not in the render."""
        found = [
            (dialogue.row, part.pointer, *_told(dialogue, part.thought))
            for dialogue, part in chunk.once(losses)
            if part.thought is not None
        ]
        schema = {"row": pl.UInt32, "pointer": pl.String, "whose": pl.String, "severity": pl.String}
        # Both sides of a preference row hold its prompt.
        return pl.DataFrame(found, schema=schema, orient="row").unique(maintain_order=True) if found else none()


def _told(dialogue: Dialogue, index: int) -> tuple[str, str]:
    roles = [message.get("role") for message in dialogue.conversation.messages]
    if "assistant" in roles[index + 1 :]:
        return "an earlier answer", "info"
    return "the last answer", "error" if dialogue.trained[index] else "warning"
