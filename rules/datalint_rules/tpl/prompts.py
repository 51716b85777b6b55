"""Prompts of conversations as a template renders them to be answered, and where they end in the full text."""

import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from datalint.chunk import Chunk
from datalint.tokens import ChatTemplate, Conversation, Rendered, render_rows
from datalint.views.conversation import Dialogue
from datalint_rules.tpl.parts import form_of
from datalint_rules.tpl.thoughts import thoughts

_ASKED, _ANSWERED = "ZqAskedZ", "ZqAnsweredZ"
# Texts that a template looks for in another text: 'x' in .., .split('x'), .startswith('x').
_LOOKS = re.compile(
    r"""(?:'([^'\n]*)'|"([^"\n]*)")\s*(?:not\s+)?in\b"""
    r"""|\.(?:split|startswith|endswith|find|rfind|index|partition|replace|count|removeprefix|removesuffix)\("""
    r"""\s*(?:'([^'\n]*)'|"([^"\n]*)")"""
)


@dataclass(frozen=True)
class Prompt:
    """The part of a dialogue before its last answer; `text` is the full render.

    `tail` is how the prompt's render ends, from where both renders may differ: `text` has `text[at:]` there.
    """

    dialogue: Dialogue
    text: str
    tail: str
    at: int

    @cached_property
    def parted(self) -> int:
        """Where the full text stops to be the prompt's: the prompt's end, if nothing else."""
        if self.text.startswith(self.tail, self.at):
            return self.at + len(self.tail)
        there = self.text[self.at : self.at + len(self.tail)]
        lengths = range(len(self.tail) + 1)
        return self.at + bisect_left(lengths, True, key=lambda n: self.tail[:n] != there[:n]) - 1  # noqa: FBT003


def split_of(dialogue: Dialogue) -> int:
    """Number of messages before the answer: the last column if there are several, else the last trained message."""
    columns = [pointer.split("/", 2)[1] for pointer in dialogue.contents]
    if len({*columns} - {"system"}) > 1:
        return columns.index(columns[-1])
    return max((index for index, trained in enumerate(dialogue.trained) if trained), default=0)


def prompts_of(chunk: Chunk) -> list[Prompt]:
    """Prompts of the chunk's dialogues; without those that have none, and those whose prompt does not render."""
    template = chunk.target.template
    if template is None:
        return []
    looks = _looks(template)
    found: list[Prompt | None] = []
    left: list[tuple[int, Dialogue, str, int]] = []
    forms: dict[tuple[Any, ...], _Form | None] = {}
    for dialogue, result in chunk.rendered:
        split = split_of(dialogue) if isinstance(result, Rendered) and any(dialogue.trained) else 0
        if not split or not isinstance(result, Rendered):
            continue
        key = _key(dialogue, split, looks)
        if key is not None and key not in forms:
            forms[key] = _form(template, dialogue)
        prompt = None if key is None else _placed(dialogue, result.text, forms[key])
        if prompt is None:
            left.append((len(found), dialogue, result.text, split))
        found.append(prompt)
    renders = render_rows(template, [asked(dialogue.conversation, split) for _, dialogue, _, split in left])
    for (number, dialogue, text, _), render in zip(left, renders, strict=True):
        if isinstance(render, Rendered):
            found[number] = Prompt(dialogue, text, render.text, 0)
    return [prompt for prompt in found if prompt is not None]


def asked(conversation: Conversation, split: int) -> Conversation:
    """The first messages of a conversation, and the generation prompt."""
    return replace(conversation, messages=conversation.messages[:split], add_generation_prompt=True)


@dataclass(frozen=True)
class _Form:
    """What stands behind the last question in the prompt, and in the full text before and behind the answer."""

    tail: str
    before: str
    behind: str


def _looks(template: ChatTemplate) -> list[str]:
    texts = {
        text
        for source in template.named.values()
        for groups in _LOOKS.findall(source)
        for text in groups
        if text.strip()
    }
    # A word alone is a key of a message, or a role.
    return sorted(text.replace("\\n", "\n") for text in texts if not re.fullmatch(r"\w+", text))


def _key(dialogue: Dialogue, split: int, looks: list[str]) -> tuple[Any, ...] | None:
    """What is the same in conversations that a template treats alike; None where that is more than their form."""
    messages = dialogue.conversation.messages
    question, answer = messages[split - 1].get("content"), messages[-1].get("content")
    if split < len(messages) - 1 or not isinstance(question, str) or not isinstance(answer, str):
        return None
    if not question.strip() or not answer.strip() or thoughts(answer):
        return None
    texts = "\n".join([text for message in messages if isinstance(text := message.get("content"), str)])
    if any(look in texts for look in looks):
        return None
    return form_of(dialogue), *_edges(question), *_edges(answer)


def _edges(text: str) -> tuple[str, str]:
    lead = len(text) - len(text.lstrip())
    return text[:lead], text[len(text.rstrip()) :]


def _marked(message: dict[str, Any], mark: str) -> dict[str, Any]:
    lead, trail = _edges(message["content"])
    return {**message, "content": lead + mark + trail}


def _form(template: ChatTemplate, dialogue: Dialogue) -> _Form | None:
    """The form of a dialogue, from renders with marks in place of the last two texts; None where marks get lost."""
    talk = dialogue.conversation
    *rest, question, answer = talk.messages
    marked = replace(talk, messages=[*rest, _marked(question, _ASKED), _marked(answer, _ANSWERED)])
    prompt, full = render_rows(template, [asked(marked, len(rest) + 1), marked])
    if not isinstance(prompt, Rendered) or not isinstance(full, Rendered):
        return None
    head, mark, tail = prompt.text.rpartition(_ASKED)
    same, _, behind = full.text.rpartition(_ASKED)
    before, answered, after = behind.partition(_ANSWERED)
    return _Form(tail, before, after) if mark and answered and head == same else None


def _placed(dialogue: Dialogue, text: str, form: _Form | None) -> Prompt | None:
    """The prompt, if the full text ends as its form says."""
    if form is None:
        return None
    question, answer = (message["content"].strip() for message in dialogue.conversation.messages[-2:])
    end = form.before + answer + form.behind
    return Prompt(dialogue, text, form.tail, len(text) - len(end)) if text.endswith(question + end) else None
