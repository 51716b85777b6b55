"""TXT002."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.txt.visible import mended, read_texts

_INVISIBLE = "\xad\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff"
_RUN = re.compile(f"[{_INVISIBLE}]+")
# Scripts in which joiners choose the form of a letter: Arabic and its kin to N'Ko, the scripts of India, Tibet and
# South East Asia, Mongolian, and those beyond the basic plane.
_JOINING = re.compile(
    "[\u0600-\u08ff\u0900-\u109f\u1780-\u18af\u1900-\u1cff\ua840-\ua9ff\uaa00-\uaaff\uabc0-\uabff\ufb50-\ufdff"
    "\ufe70-\ufefe\U00010a00-\U00011fff\U0001e900-\U0001e95f]"
)
# Scripts without spaces, where U+200B marks the end of a word: Thai, Lao, Tibetan, Burmese, Khmer and neighbours.
_UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\u1900-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa00-\uaadf]")
_MONGOLIAN = re.compile("[\u1800-\u18af]")
# What a joiner makes one picture of: symbols and pictures, and the selectors and skin tones that follow them.
_PICTURE = re.compile("[\u00a9\u00ae\u203c-\u20e3\u2139-\u2bff\u3030-\u303d\u3297\u3299\ufe0f\U0001f000-\U0001fbff]")
# Texts that talk of these characters, and show one.
_SUBJECT = re.compile(
    r"zero[ -]?width|invisible char|non-?joiner|soft[ -]hyphen|byte[ -]order mark|word joiner|(?:U\+|\\u|&#x)"
    r"(?:00AD|180E|200[BCD]|206[0-4]|FEFF)|&(?:shy|zwn?j);",
    re.IGNORECASE,
)
# Code that shows one: a string or a set of nothing else.
_SHOWN = re.compile(f"['\"`“‘\\[][{_INVISIBLE}|-]+['\"`”’\\]]")


@dataclass(frozen=True)
class InvisibleChars(Rule):
    r"""A text holds characters that nobody sees.

    ## What it does
    Looks in all texts that a model reads for zero-width spaces (U+200B), joiners (U+200C, U+200D, U+2060), invisible
    operators (U+2061 to U+2064), soft hyphens (U+00AD), byte order marks (U+FEFF) and U+180E. Those that a script
    needs are left out: joiners beside Arabic, Indic, Khmer and other joining letters or inside of an emoji, word
    breaks beside Thai, Lao, Khmer or Burmese ones; so are those that stand alone in quotes, and texts that talk
    of them.

    ## Why is this bad?
    They come with text that was copied from web pages and word processors. The same word becomes two: other tokens,
    no match for duplicates, no match for labels; or they carry a hidden message.

    ## Example
    `less \u200bis`, which shows as `less is`.

    ## Fix safety
    Safe: the characters are removed, and what shows is what it was.

    ## Options
    None.

    ## References
    Unicode Standard Annex 14 and chapter 23.2; Unicode Technical Standard 51 (emoji joiners). GSM8K's training file
    has one such row.
    """

    code, name = "TXT002", "invisible-chars"
    severity = "warning"
    message = "{n} invisible characters: {names}"
    fix = Fix("rewrite", "safe")
    fix_title = "removes them"
    literals = tuple(_INVISIBLE)
    bad = [
        [{"prompt": "Which is less \u200bis it?", "completion": "a"}],
        [
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": "co\xadop\u2060era\ufefftion"},
                ]
            }
        ],
        [{"text": "f\u2061(x) and a\u200db and c\u200cd"}],
        [{"text": "refund\u200b", "label": "re\u200cfund"}],
        [{"prompt": "a", "completion": "\ufeffHello \U0001f600\u200d, there."}],
    ]
    good = [
        [{"prompt": "خانه", "completion": "می\u200cخواهم کتاب\u200cها USB\u200cها"}],
        [{"text": "क्\u200dष और श्री\u200cमान, ශ්\u200dරී, ক্\u200cষ"}],
        [{"text": "ភាសា\u200bខ្មែរ ภาษา\u200bไทย မြန်မာ\u200bစာ"}],
        [{"text": "👨\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 👩🏽\u200d⚕️ ❤️\u200d🔥 🏴\u200d☠️"}],
        [{"text": "ᠬᠠᠷ\u180eᠠ"}],
        [{"prompt": "Strip it.", "completion": "s.replace('\u200b', '')"}],
        [{"prompt": "What is a zero-width space?", "completion": "It is \u200b, U+200B."}],
        [{"source": "a\u200bb", "prompt": "a", "completion": "b"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        some = read_texts(chunk, chunk.texts_with(self.literals)).select("row", "pointer", "text")
        found = [
            (row, pointer, places[0], places[0] + 1, len(places), _names({text[place] for place in places}))
            for row, pointer, text in some.iter_rows()
            if (places := _needless(text))
            and not any(turn.content and _SUBJECT.search(turn.content) for turn in chunk.turn_lists[row])
        ]
        schema = ["row", "pointer", "start", "end", "n", "names"]
        return pl.DataFrame(found, schema=schema, orient="row") if found else none()

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        return mended(row, found, _without)


def _without(text: str) -> str:
    places = _needless(text)
    return "".join(text[a + 1 : b] for a, b in pairwise([-1, *places, len(text)]))


def _needless(text: str) -> list[int]:
    """Where the invisible characters stand that no script and no picture needs."""
    shown = {place for span in _SHOWN.finditer(text) for place in range(*span.span())}
    return [
        place
        for run in _RUN.finditer(text)
        for place in range(*run.span())
        if place not in shown
        and not _is_needed(text[place], text[max(run.start() - 1, 0) : run.start()], text[run.end() : run.end() + 1])
    ]


def _is_needed(char: str, before: str, after: str) -> bool:
    """Whether the characters around a run want this one in it; "" stands for an end of the text."""
    around = before + after
    if char in "\u200c\u200d" and _JOINING.search(around):
        return True
    if char == "\u200d":
        return bool(_PICTURE.match(before) and _PICTURE.match(after))
    script = {"\u200b": _UNSPACED, "\u180e": _MONGOLIAN}.get(char)
    return script is not None and script.search(around) is not None


def _names(chars: set[str]) -> str:
    return ", ".join(f"U+{ord(char):04X} {unicodedata.name(char).lower()}" for char in sorted(chars))
