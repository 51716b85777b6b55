"""Reasoning between `<think>` and `</think>`: where the tags are, what is wrong with them, a text without the fault."""

import re
from collections.abc import Sequence
from itertools import pairwise

from datalint_rules.txt.spans import Span, blanked, without, without_code

Tag = re.Match[str]  # group 1: "/" of a closing tag, group 2: its name

UNCLOSED, ORPHAN = "the reasoning is never closed", "</think> without <think>"
NESTED, EMPTY = "reasoning inside of reasoning", "the reasoning is empty"
LEAKED = "reasoning in a user's turn"

_TAG = re.compile(r"<(/?)(think|thinking)>", re.IGNORECASE)
# A tag that is talked about: named as one, quoted, or between words that speak of it.
_NAMED = re.compile(
    r"[\"'“‘(]</?think(?:ing)?>[\"'”’)]"
    r"|\b(?:the|an?|use|using|no|without|opening|closing|between|within|inside|your|these|those)[ \t]+[\"'“‘]?"
    r"<(/?)think(?:ing)?>(?:[ \t]*(?:and|\.{3}|…|,|/|to|or)?[ \t]*</think(?:ing)?>)?"
    r"|</?think(?:ing)?>[\"'”’]?[ \t]+(?:tags?|tokens?|blocks?|elements?|markers?|sections?|delimiters?)\b",
    re.IGNORECASE,
)
# What goes with a tag: the end of its line and blank lines, or one space before the next word.
_BLANK = re.compile(r"(?:[ \t]*\n)+| (?=\S)")
_FORMAT = re.compile(
    r"\b(?:respond|reply|answer|output|think|reason|write)\b[^.\n]{0,40}<think|"
    r"\btags?\b|\benclos\w*|\bwrap\w*|\bformat\w*|<answer>|process here|标签|格式",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:why|what|how|does|mean\w*|print\w*|output\w*|model\w*|pars\w*|html|xml|llms?|stop)\b", re.IGNORECASE
)
# What switches reasoning off in the models that can do both: an empty block is their way to say so.
OFF = r"(?i)/no_?think\b|\bdetailed thinking off\b|\breasoning:? off\b|\bthinking:? off\b"
_OFF = re.compile(OFF)
# A prompt of plain text may open the block of its answer, at its end and on a line of its own.
_OPENED = re.compile(r"(?:(?:^|[\n>:])[ \t]*<think(?:ing)?>\s*|<think(?:ing)?>[ \t]*\n\s*)\Z", re.IGNORECASE)


def has_tags(text: str) -> bool:
    """Whether it is worth a closer look."""
    return _TAG.search(text) is not None


def switches_off(prompt: str) -> bool:
    """Whether a prompt says that there is to be no reasoning."""
    return _OFF.search(prompt) is not None


def opens(prompt: str) -> bool:
    """Whether a prompt of plain text ends in the tag that its answer goes on from."""
    return _OPENED.search(prompt) is not None


def _tags(text: str, *, code: bool) -> list[Tag]:
    """Tags in their order; without those in code if `code`, and without those that are only talked about."""
    seen = without_code(text) if code else text
    return list(_TAG.finditer(blanked(seen, [match.span() for match in _NAMED.finditer(seen)])))


def fault(text: str, *, opened: bool = False) -> str | None:
    """The first fault of an answer's tags; `opened`: its prompt ends in `<think>`.

    A fence that reasoning leaves open would hide its end, and code may hold tags that are none: a fault is one only if
    it is there with code and without.
    """
    with_code = _walk(text, _tags(text, code=False), opened=opened)
    return with_code and _walk(text, _tags(text, code=True), opened=opened)


def _walk(text: str, tags: Sequence[Tag], *, opened: bool) -> str | None:
    inside: int | None = 0 if opened else None  # where the open block's text begins
    empty = False
    for tag in tags:
        if not tag[1]:
            if inside is not None:
                return NESTED
            inside = tag.end()
        elif inside is None:
            return ORPHAN
        else:
            empty = empty or not (text[inside : tag.start()].strip() or opened)
            inside = None
    return UNCLOSED if inside is not None else EMPTY if empty else None


def leaks(text: str) -> bool:
    """Reasoning in a user's turn. Saying how to reason, or asking about a tag within a sentence, is fine."""
    if _FORMAT.search(text):
        return False
    tags = _tags(text, code=True)
    blocks = any(text[start.end() : end.start()].strip() for start, end in _pairs(tags))
    return blocks or begins_line(text) or bool(tags and not _ABOUT.search(text))


def begins_line(text: str) -> bool:
    """Whether a tag begins a line: within a sentence it may only be spoken of."""
    return any(not text[text.rfind("\n", 0, tag.start()) + 1 : tag.start()].strip() for tag in _tags(text, code=True))


def _pairs(tags: Sequence[Tag]) -> list[tuple[Tag, Tag]]:
    """Opening tags and the closing ones right after them."""
    return [(one, other) for one, other in pairwise(tags) if not one[1] and other[1]]


def repaired(text: str, what: str) -> str:
    """The text without one of the faults above, as far as that can be told: what is not reasoning stays as it is."""
    tags = _tags(text, code=True)
    if what == ORPHAN and tags and tags[0][1] and text[: tags[0].start()].strip():
        return f"<{tags[0][2]}>\n{text}"
    if what == ORPHAN:
        gone = [_with_blank(text, tag.start(), tag.end()) for tag in _orphans(tags)]
    elif what == NESTED:
        gone = [tag.span() for tag in _inner(tags)]
    elif what == EMPTY:
        gone = [
            _with_blank(text, start.start(), end.end())
            for start, end in _pairs(tags)
            if not text[start.end() : end.start()].strip()
        ]
    elif what == LEAKED:
        blocks = [_with_blank(text, start.start(), end.end()) for start, end in _pairs(tags)]
        gone = blocks + [_with_blank(text, *tag.span()) for tag in tags]
    else:
        gone = []
    return without(text, gone)


def _with_blank(text: str, start: int, end: int) -> Span:
    """A span, with the blank rest of its line if it begins one; the indentation of the next text line stays."""
    begins = not text[text.rfind("\n", 0, start) + 1 : start].strip()
    blank = _BLANK.match(text, end) if begins else None
    return start, end if blank is None else blank.end()


def _orphans(tags: Sequence[Tag]) -> list[Tag]:
    """Closing tags that nothing opened."""
    found, inside = [], False
    for tag in tags:
        if tag[1] and not inside:
            found.append(tag)
        inside = not tag[1]
    return found


def _inner(tags: Sequence[Tag]) -> list[Tag]:
    """Tags of blocks inside of a block."""
    found, depth = [], 0
    for tag in tags:
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > (0 if tag[1] else 1):
            found.append(tag)
    return found
