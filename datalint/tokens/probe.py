"""What a template writes around answers: a short conversation whose texts stand nowhere else, rendered."""

import re
from dataclasses import dataclass, replace
from typing import Any

from datalint.tokens.pool import render_rows
from datalint.tokens.rendering import Conversation, Rendered
from datalint.tokens.template import ChatTemplate

_ANSWER = "ZqAnswerZ"
_EOS = "<ZqEos>"  # stands for an end token whose text nobody told
_TURNS = (("user", "ZqFirstZ"), ("assistant", _ANSWER), ("user", "ZqSecondZ"), ("assistant", _ANSWER))
# Control tokens as all families spell them: <|im_end|>, </s>, <end_of_turn>, [/INST], [gMASK].
_CONTROL = re.compile(r"<[^<>\s]+>|\[/?[A-Za-z_]+\]")


@dataclass(frozen=True)
class Probe:
    """A rendered conversation; `ends` are what stands behind each answer, up to the next turn's text.

    `marked` tells for each answer whether the loss sees its turn end: None where no end token follows, or where
    no generation span covers the answer.
    """

    text: str
    ends: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    marked: tuple[bool | None, ...]

    @property
    def run(self) -> str:
        """Behind the last answer, all up to white space: one control token, or several that touch."""
        return next(iter(self.ends[-1].split()), "")

    @property
    def turn_end(self) -> str | None:
        """The control token right behind the last answer; None where there is none, or it is an unknown end token."""
        token = _CONTROL.match(self.run)
        return None if token is None or token.group() == _EOS else token.group()


def probe_of(template: ChatTemplate) -> Probe | None:
    """The probe of the template's default source; None where it renders no plain conversation."""
    eos = template.special_tokens.get("eos_token") or _EOS
    template = replace(template, special_tokens={**template.special_tokens, "eos_token": eos})
    texts: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in _TURNS]
    blocks: list[dict[str, Any]] = [
        {"role": role, "content": [{"type": "text", "text": text}]} for role, text in _TURNS
    ]
    tried = [texts, blocks, texts[:2], blocks[:2]]
    renders = render_rows(template, [Conversation(messages) for messages in tried])
    for messages, render in zip(tried, renders, strict=True):
        if isinstance(render, Rendered) and render.text.count(_ANSWER) == len(messages) // 2:
            return _read(render)
    return None


def _read(render: Rendered) -> Probe:
    starts = [found.end() for found in re.finditer(_ANSWER, render.text)]
    ends = tuple(render.text[start:].partition("ZqSecondZ")[0].partition(_ANSWER)[0] for start in starts)
    marked = tuple(_marked(render, start, end) for start, end in zip(starts, ends, strict=True))
    return Probe(render.text, ends, render.spans, marked)


def _marked(render: Rendered, start: int, end: str) -> bool | None:
    token = start + len(end) - len(end.lstrip())
    if _CONTROL.match(end.lstrip()) is None or not _covers(render, start - 1):
        return None
    return _covers(render, token)


def _covers(render: Rendered, place: int) -> bool:
    return any(first <= place < last for first, last in render.spans)
