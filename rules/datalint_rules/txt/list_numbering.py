"""TXT019."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, none
from datalint_rules.txt.context import text_at
from datalint_rules.txt.spans import blanked, fences

_LINE = re.compile(r"^([ \t]*)(?:(\d{1,3})[.)][ \t]+(?=\S))?(\S?)[^\n]*$", re.MULTILINE)
_TWICE = r"(?m)^[ \t]*1[.)][ \t]+\S(?s:.*)^[ \t]*1[.)][ \t]+\S"


@dataclass(frozen=True)
class ListNumbering(Rule):
    """An ordered list begins again at 1 before it ends.

    ## What it does
    Looks in answers for an item `1.` that follows another item of the same indentation with nothing between them but
    blank lines and lines that are indented deeper. A heading or a paragraph between them makes two lists; code is left
    out.

    ## Why is this bad?
    Pages that were turned into Markdown lose their numbers. The model learns to count 1, 1, 1.

    ## Example
    `1. Boil water.`, `1. Add tea.`, `1. Wait.`

    ## Fix safety
    There is no fix: whether it is one list or several is for a person to say.

    ## Options
    None.

    ## References
    FastChat's filter of wrong list numbers in ShareGPT's conversations.
    """

    code, name = "TXT019", "list-numbering"
    severity = "info"
    default = False
    message = "item {items} of the list is numbered 1"
    bad = [
        [{"prompt": "Tea?", "completion": "1. Boil water.\n1. Add tea.\n1. Wait."}],
        [{"prompt": "Tea?", "completion": "So:\n\n1. Boil water.\n\n   Hot.\n\n2. Add tea.\n\n1. Wait."}],
    ]
    good = [
        [{"prompt": "Tea?", "completion": "1. Boil water.\n2. Add tea.\n\nAnd coffee:\n1. Grind.\n2. Brew."}],
        [{"prompt": "Tea?", "completion": "1. Boil:\n   1. Fill.\n   2. Heat.\n2. Add:\n   1. Leaves.\n   2. Milk."}],
        [{"prompt": "Tea?", "completion": "```\n1. a\n1. b\n```\n1.5 l of water\n1.5 g of tea"}],
        [{"prompt": "1. a\n1. b", "completion": "1. a\n2. b"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        suspects = chunk.turns.filter((pl.col("role") == "assistant") & pl.col("content").str.contains(_TWICE))
        found = []
        for row, pointer, content in suspects.select("row", "pointer", "content").iter_rows():
            again = next(_restarts(blanked(content, fences(content))), None)
            if again is not None:
                start, end, number = again
                plain = text_at(chunk.values[row], pointer) is not None
                found.append((row, pointer, start if plain else None, end if plain else None, number))
        if not found:
            return none()
        schema = {"row": pl.UInt32, "pointer": pl.String, "start": pl.UInt32, "end": pl.UInt32, "items": pl.Int64}
        return pl.DataFrame(found, schema=schema, orient="row")


def _restarts(text: str) -> Iterator[tuple[int, int, int]]:
    """(start, end, which item it is) of every item 1 that is not the first of its list."""
    open_lists: list[tuple[int, int]] = []  # (indentation, items so far), outer lists first
    for line in _LINE.finditer(text):
        depth, number = len(line[1].expandtabs(4)), line[2]
        if number is None and not line[3]:
            continue
        # What is indented deeper than an item belongs to it; all else ends the lists below.
        while open_lists and (open_lists[-1][0] > depth or (number is None and open_lists[-1][0] == depth)):
            open_lists.pop()
        if number is None:
            continue
        if open_lists and open_lists[-1][0] == depth:
            items = open_lists.pop()[1] + 1
            if int(number) == 1:
                yield line.start(), line.end(), items
        else:
            items = 1
        open_lists.append((depth, items))
