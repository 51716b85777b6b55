"""Reasoning that an answer holds between tags, as templates take it out."""

import re
from typing import NamedTuple

_TAG = re.compile(r"<(/?)(think|thinking|thought|reasoning)>")


class Thought(NamedTuple):
    """Reasoning between tags in an answer: where it stands with its tags, and where without."""

    start: int
    end: int
    inside: int
    outside: int


def thoughts(text: str) -> list[Thought]:
    """Reasoning between tags in an answer: from the start where no tag opens it, to the end where none closes it."""
    found: list[Thought] = []
    opened: re.Match[str] | None = None
    for tag in _TAG.finditer(text) if "<" in text else ():
        if not tag[1]:
            opened = opened or tag
        elif opened is not None and opened[2] == tag[2]:
            found.append(Thought(opened.start(), tag.end(), opened.end(), tag.start()))
            opened = None
        elif opened is None and not found:
            found.append(Thought(0, tag.end(), 0, tag.start()))
    if opened is not None:
        found.append(Thought(opened.start(), len(text), opened.end(), len(text)))
    return found


def spoken(text: str) -> list[str]:
    """What an answer says outside of its reasoning, piece by piece."""
    spans = thoughts(text)
    starts, ends = [0, *(span.end for span in spans)], [*(span.start for span in spans), len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]
