"""TXT006."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import polars as pl

from datalint.brief import line_of
from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, none, option
from datalint_rules.txt.loops import Loop, loops
from datalint_rules.txt.spans import Span, fences
from datalint_rules.txt.visible import answers, asked

_NEAR = 300  # characters
_SHORT = 8  # characters; shorter units are words or parts of them
# What lines, boxes, tables and pictures are drawn with.
_DRAWN = re.compile(r"[\s\-=_*#~.·•…–—+^|/\\<>:;,'\"¯´xX\u2500-\u25ff\u2800-\u28ff]*")
_ROW = re.compile(
    r"[^|\n]*\|[^|\n]*\|.*|[^\w\n]*|[^\s,;]*(?:[,;][^\s,;]*)+|[^\t\n]*(?:\t[^\t\n]*)+"
)  # of a table, or a rule
_VALUE = re.compile(r"\s*(?:null|none|nil|nan|true|false|undefined),\s*", re.IGNORECASE)
_DATA = re.compile(r"[][{}()<>=;\"]")
_BLOB = re.compile(r"[0-9A-Za-z+/=_-]*")
# Prompts that ask for repetition, and those that ask for what has a refrain.
_REPEAT = re.compile(
    r"\brepeat|over and over|\b(?:say|write|print|type|output|copy)\b[^.?!\n]{0,80}\btimes\b", re.IGNORECASE
)
_VERSE = re.compile(
    r"\b(?:songs?|lyrics?|poems?|poetry|verses?|chorus|refrain|rap|rhymes?|hymns?|anthems?|chants?|mantras?|sing|sings|"
    r"singing|jingles?|ballads?|carols?|lullab(?:y|ies)|litany|prayers?)\b|歌|诗",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class RepetitionLoop(Rule):
    """An answer repeats itself, as models do that are caught in a loop.

    ## What it does
    Looks in answers and texts for a phrase of 8 to 120 characters, a word or a character that comes again and again
    with nothing in between. A word is what stands between spaces. Drawn lines, rows of tables, numbers, refrains
    where the prompt asks for verse, repetition where it asks for that, and a line that comes a few times in the
    midst of a longer text are left out; code and data may repeat themselves ten times.

    ## Why is this bad?
    The row was made by a model that failed, and it teaches the next one to: a loop is learned from few examples.

    ## Example
    `Eat a banana!Eat a banana!Eat a banana!Eat a banana!`

    ## Fix safety
    Unsafe: the row is dropped.

    ## Options
    - `phrases`: fewest times that a phrase comes, four or more.
    - `words`: fewest times that a word comes, ten or more.
    - `characters`: fewest times that a character comes.

    ## References
    dolma (four times and more), datatrove's filters after Gopher, open-instruct, NeMo Curator. Gopher's share of
    10-grams also hits songs and code, so it is not used. LLaMA-Factory's glaive demo has such a row.
    """

    code, name = "TXT006", "repetition-loop"
    severity = "warning"
    message = "{what} comes {n} times in a row"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    bad = [
        [{"prompt": "What now?", "completion": "Eat a banana!" * 5}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "Yes, of course. " * 4}]}],
        [{"instruction": "Name it.", "input": "", "output": "It is the" + " very" * 10 + " best."}],
        [{"prompt": "Hash it.", "completion": "```\nh = 0x" + "0" * 60 + "\n```"}],
        [{"text": "Some words first.\n" + "I cannot help with that.\n" * 12}],
        [{"prompt": "问?", "completion": "我不知道这个问题的答案。" * 6}],
    ]
    good = [
        [{"prompt": "What now?", "completion": "Eat a banana! Eat a banana! Eat a banana!"}],
        [{"prompt": "Write a song.", "completion": "Verse\n" + "Na na na hey hey\n" * 6 + "Goodbye"}],
        [
            {
                "prompt": "Who sang it?",
                "completion": "It goes:\n" + "Hey hey hey, goodbye\n" * 4 + "It was in the stadium every evening. " * 3,
            }
        ],
        [
            {
                "prompt": "A table.",
                "completion": "| a | b |\n|---|---|\n"
                + "| 0 | 1 |\n" * 9
                + "yes,no\n" * 12
                + "=" * 80
                + "\n"
                + "_" * 90,
            }
        ],
        [{"prompt": "A matrix.", "completion": "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n" * 9 + "[0, 1], " * 8}],
        [{"prompt": "Code.", "completion": "```\n" + '    add("milk", 1)\n' * 6 + "x = [" + "None, " * 12 + "]\n```"}],
        [{"prompt": "Say no 20 times.", "completion": "no " * 20}],
        [{"prompt": "Count the dogs: " + "dog and cat " * 12, "completion": "12"}],
        [{"prompt": "q", "completion": "ok " * 8 + "." * 70 + " " * 70}],
    ]

    phrases: int = option(4, "Fewest times that a phrase comes, four or more.")
    words: int = option(10, "Fewest times that a word comes, ten or more.")
    characters: int = option(50, "Fewest times that a character comes.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        said = chunk.once(answers).select("row", "pointer", pl.col("content").str.strip_chars_end())
        said = said.filter(pl.col("content").str.len_chars() >= 2 * self.words - 1)
        found = []
        for number, some in groupby(loops(said["content"].to_list()), key=attrgetter("text")):
            row, pointer, text = said.row(number)
            prompt = "\n".join(asked(chunk, row, pointer))
            if _REPEAT.search(prompt):
                continue
            least, code = 12 if _VERSE.search(prompt) else 1, fences(text)
            loop = next((loop for loop in some if self._counts(loop, text, code) and loop.times >= least), None)
            if loop is not None:
                found.append((row, pointer, loop.start, loop.end, _shown(loop, text), loop.times))
        schema = ["row", "pointer", "start", "end", "what", "n"]
        return pl.DataFrame(found, schema=schema, orient="row") if found else none()

    def _counts(self, loop: Loop, text: str, code: Sequence[Span]) -> bool:
        """Whether the unit comes too often for what it is."""
        unit = loop.unit
        if _DRAWN.fullmatch(unit):
            return False
        if len(unit) == 1:
            return loop.times >= self.characters and not _is_blob(loop, text)
        if not any(char.isalpha() for char in unit) or _ROW.fullmatch(_line(text, loop.start + len(unit))):
            return False
        return loop.times >= self._least(loop, text, code)

    def _least(self, loop: Loop, text: str, code: Sequence[Span]) -> int:
        """How often the unit must come."""
        unit, word = loop.unit, _from_a_word(loop.unit)
        is_spaced = any(char.isspace() for char in unit) and not _VALUE.fullmatch(word) and not _DATA.search(unit)
        if is_spaced and (len(unit) < _SHORT or len(word.split()) == 1):
            return self.words
        if len(unit) < _SHORT:
            return 1 + 200 // len(unit)
        if _DATA.search(unit) or any(start <= loop.start < end for start, end in code):
            return max(self.phrases, 10)
        # A refrain: lines in the midst of other ones.
        ends = loop.end >= len(text) - len(unit)
        if "\n" in unit and not ends and 2 * (loop.end - loop.start) < len(text):
            return max(self.phrases, 8)
        return self.phrases


def _line(text: str, place: int) -> str:
    """The line that a place is in, or as much of it as says what it is."""
    start, stop = max(place - _NEAR, 0), place + _NEAR
    end = text.find("\n", place, stop)
    return text[max(text.rfind("\n", start, place) + 1, start) : end if end >= 0 else stop]


def _shown(loop: Loop, text: str) -> str:
    if len(loop.unit) == 1:
        return f"the character {loop.unit}"
    whole = loop.start == 0 or text[loop.start - 1].isspace()
    return f"“{line_of((loop.unit if whole else _from_a_word(loop.unit)).strip(), 40)}”"


def _is_blob(loop: Loop, text: str) -> bool:
    """Whether a run of one character is part of encoded data: base64 is full of them."""
    before = _BLOB.match(text[max(loop.start - 40, 0) : loop.start][::-1])
    after = _BLOB.match(text, loop.end, loop.end + 40)
    return (len(before[0]) if before else 0) + (len(after[0]) if after else 0) >= 30


def _from_a_word(unit: str) -> str:
    """The unit turned so that it begins with a word."""
    space = next((n for n, char in enumerate(unit) if char.isspace()), -1)
    return (unit[space + 1 :] + unit[: space + 1]).strip()
