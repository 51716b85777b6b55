r"""Seams: places in a text where a tokenizer must cut, so that what is on either side can be tokenized alone.

A seam is a space (U+0020) after a visible character. Most pre-tokenizers cut there whatever stands around it, since no
alternative of their expressions reaches over a space that follows something visible: then the tokens of a few words
are those that the words have in their text, and a long text need not be tokenized for the sake of one place.
"""

import re
from typing import Any

import msgspec

from datalint.tokens import Tokenizer

# Letters, digits and ASCII punctuation: visible to every engine, whatever else it takes for white space.
_SEAM = re.compile(r"(?<=[\w!-/:-@\[-`{-~]) ")
# Kinds of pre-tokenizers that look at one character and its neighbour, and those of them that cut at every space.
_LOCAL = frozenset({"ByteLevel", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit", "BertPreTokenizer"})
_CUTTING = frozenset({"Whitespace", "WhitespaceSplit", "BertPreTokenizer"})

# An expression that never reaches over a seam: alternatives of white space alone, and such as take a space at their
# beginning at most. `[^\s..]` cannot be a space, nor can a class that names none.
_BLANK = r"\\s[*+](?:\[\\r\\n\]\+|\(\?!\\S\))?"
_PROPERTY = r"\\p\{[LMNPS][a-z]?\}"
_CLASS = rf"\[(?!\^)(?:\\[rn](?!-)|{_PROPERTY}|\\[^\w\s]|[^\]\\\s])+\]"
_ATOM = rf"(?:{_PROPERTY}|\[\^\\s(?:\\.|[^\]\\])*\]|{_CLASS}|\(\?i?:[\w'|]*\)|['\w/])(?:[*+?]|\{{\d(?:,\d)?\}})?"
_ALTERNATIVE = rf"(?:{_BLANK}|(?: \?|\\s\?|\[\^(?:\\.|[^\]\\])*\]\?)?(?:{_ATOM})+)"
_SAFE = re.compile(rf"{_ALTERNATIVE}(?:\|{_ALTERNATIVE})*")


def has_seams(tokenizer: Tokenizer) -> bool:
    """Whether it is certain that the tokenizer cuts at every seam; what is not known is not certain."""
    backend = tokenizer.backend
    added = backend.get_added_tokens_decoder().values()
    # A token that takes the space behind it along, or that holds a seam itself, reaches over one.
    if any(token.rstrip or _SEAM.search(token.content) for token in added):
        return False
    steps = _steps(backend.pre_tokenizer)
    return (
        all(_kind(step) == "NFC" for step in _steps(backend.normalizer))
        and all(_is_local(step) for step in steps)
        and any(_cuts(step) for step in steps)
    )


def of_bytes(tokenizer: Tokenizer) -> bool:
    """Whether tokens are made of bytes, all of them, as GPT-2 does."""
    return any(_kind(step) == "ByteLevel" for step in _steps(tokenizer.backend.pre_tokenizer))


def spells(tokenizer: Tokenizer) -> bool:
    """Whether tokens spell the text that they stand for, byte for byte: equal tokens, equal text."""
    return tokenizer.backend.normalizer is None and of_bytes(tokenizer)


def last_seam(text: str, end: int) -> int:
    """Where the last seam before `end` is; the beginning of the text where there is none."""
    while (end := text.rfind(" ", 0, end)) > 0:
        if _SEAM.match(text, end):
            return end
    return 0


def next_seam(text: str, start: int) -> int:
    """Where the first seam at or after `start` is; the end of the text where there is none."""
    found = _SEAM.search(text, start)
    return found.start() if found else len(text)


def _steps(part: Any) -> list[dict[str, Any]]:
    """What a normalizer or pre-tokenizer of the library does, one step after the other, as tokenizer.json has it."""
    if part is None:
        return []
    step = msgspec.json.decode(part.__getstate__())
    return step.get("pretokenizers") or step.get("normalizers") or [step]


def _kind(step: dict[str, Any]) -> Any:
    return step.get("type")


def _is_local(step: dict[str, Any]) -> bool:
    if _kind(step) == "ByteLevel":
        return not step.get("add_prefix_space")  # a space before every piece
    if _kind(step) == "Punctuation":
        return step.get("behavior") in ("Isolated", "Contiguous", "Removed")
    return _kind(step) in _LOCAL or (_kind(step) == "Split" and _is_safe(step))


def _cuts(step: dict[str, Any]) -> bool:
    """Whether the step cuts at seams by itself."""
    if _kind(step) == "ByteLevel":
        return bool(step.get("use_regex", True))
    return _kind(step) in _CUTTING or (_kind(step) == "Split" and r"\s+" in _pattern(step).split("|"))


def _is_safe(step: dict[str, Any]) -> bool:
    kept = step.get("behavior") == ("Removed" if step.get("invert") else "Isolated")
    return kept and _SAFE.fullmatch(_pattern(step)) is not None


def _pattern(step: dict[str, Any]) -> str:
    return str(step["pattern"].get("Regex", ""))
