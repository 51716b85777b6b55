"""TXT004."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

import polars as pl

from datalint.brief import line_of
from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.txt.visible import foreign, mended, read_texts


@dataclass(frozen=True)
class NotNfc(Rule):
    r"""A text writes characters in pieces that Unicode has as one.

    ## What it does
    Compares each text that a model reads with its Normalization Form C.

    ## Why is this bad?
    `e` and a combining accent look like `é`, but are other tokens: the model learns a word twice, searches for
    duplicates and labels miss one of the two. macOS writes file names so.

    ## Example
    `cafe\u0301`

    ## Fix safety
    Safe: the text in Form C. Both forms are the same text by Unicode's definition and look the same.

    ## Options
    None.

    ## References
    Unicode Standard Annex 15; deepchecks, which looks for the like in columns of text.
    """

    code, name = "TXT004", "not-nfc"
    severity = "info"
    default = False
    message = "{word} has another form in NFC"
    fix = Fix("rewrite", "safe")
    fix_title = "writes it in NFC"
    bad = [
        [{"prompt": "Where?", "completion": "At the cafe\u0301."}],
        [{"text": "한국"}, {"text": "\u1112\u1161\u11ab"}],
        [{"text": "5 k\u2126"}],
    ]
    good = [
        [{"prompt": "Where?", "completion": "At the café, \u0e01\u0e33, ﬁne, ２, 한국."}],
        [{"text": "x\u0304 has no character of its own"}],
        [{"id": "cafe\u0301", "prompt": "a", "completion": "b"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        text = pl.col("text")
        some = read_texts(chunk, chunk.once(foreign).filter(text.str.normalize("NFC") != text))
        found = [
            (row, pointer, *_first(text))
            for row, pointer, text in some.select("row", "pointer", "text").iter_rows()
            if normalize("NFC", text) != text  # two Unicode versions may differ: the one that fixes decides
        ]
        return pl.DataFrame(found, schema=["row", "pointer", "start", "end", "word"], orient="row") if found else none()

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        return mended(row, found, lambda text: normalize("NFC", text))


def _first(text: str) -> tuple[int, int, str]:
    """Where the first word with another form begins and ends."""
    at = 0
    for word in text.split(" "):
        if normalize("NFC", word) != word:
            return at, at + len(word), line_of(word, 40)
        at += len(word) + 1
    return 0, len(text), line_of(text, 40)
