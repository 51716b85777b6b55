"""TXT007."""

import re
from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none, option
from datalint_rules.txt.visible import answers

# Letters (but of scripts without full stops), commas and open brackets end no sentence. Numbers and signs may.
_OPEN_END = r"(?:[\p{L}\p{M}--\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]|[,，、(\[{“«])\s*$"
_LIST_OR_CODE = re.compile(r"\s|[-*+•#>|]|\(?\w{1,3}[.)]\s|```|~~~")
_FENCE = re.compile(r"^[ \t>]*(?:```|~~~)", re.MULTILINE)
_MATHS = re.compile(r"[=\\$<>^{}#]|//|\S[@/]\S")
_SIGNED = re.compile(
    r"\b(?:sincerely|regards|yours|faithfully|truly|cheers|signed|wishes|love|respect|hope|mrs?|dr)\b[^.!?\n]{0,60}$"
    r"|[-–—~] ?\w+(?: \w+){0,2}$",
    re.IGNORECASE,
)
_TAIL = 40  # characters shown
_LINE_END = re.compile(r"[^\W\d_]$|[,(\d]$")


@dataclass(frozen=True)
class TruncatedAnswer(Rule):
    """An answer stops in the middle of a sentence.

    ## What it does
    Looks for long answers whose last character is a letter, a comma or an open bracket, where the dataset's answers
    hardly ever end so. Left out are code, lists, verse and letters (answers most of whose lines end so), formulas,
    addresses, and what ends in a number or a sign, as the answers of mathematics do.

    ## Why is this bad?
    It was cut by a limit of length when it was made. The model learns to stop there.

    ## Example
    `... They are used for clustering and dimensionality reduction. For`

    ## Fix safety
    There is no fix: nobody knows what came next.

    ## Options
    - `min-chars`: length of a long answer.
    - `max-share`: share of long answers from which on an open end is the dataset's habit.

    ## References
    C4's filter of lines without terminal punctuation, and NeMo Curator's after it. 14 % of GSM8K's answers end
    without punctuation and are complete.
    """

    code, name = "TXT007", "truncated-answer"
    severity = "info"
    default = False
    message = "the answer ends with “{tail}”"
    bad = [
        [
            *[{"prompt": f"Why {n}?", "completion": f"{n}: " + "All of it was said before. " * 9} for n in range(40)],
            {"prompt": "What for?", "completion": "They help with many things. " * 9 + "For"},
        ]
    ]
    good = [
        [{"prompt": f"Why {n}?", "completion": f"{n}: " + "Nobody here ends a sentence " * 9} for n in range(40)],
        [
            *[{"prompt": f"Why {n}?", "completion": f"{n}: " + "All of it was said before. " * 9} for n in range(80)],
            {"prompt": "How much?", "completion": "He has 3 apples and buys 4 more of them. " * 6 + "\n#### 7"},
            {"prompt": "Solve it.", "completion": "We add the two sides and divide. " * 8 + "So x = a + b"},
            {"prompt": "Code.", "completion": "def f(a):\n" + "    a = g(a)\n" * 20 + "    return a"},
            {
                "prompt": "A list.",
                "completion": "Here are some of them:\n" + "- one more of them\n" * 12 + "- the last",
            },
            {
                "prompt": "A letter.",
                "completion": "Dear Sir,\n" + "I wrote it all down. " * 12 + "\nYours,\nJohn Smith",
            },
            {"prompt": "A poem.", "completion": "The rain came down on every street\n" * 8 + "and all was gone"},
            {"prompt": "Where?", "completion": "It has been explained elsewhere. " * 8 + "See https://example.org/a"},
            {"prompt": "Short?", "completion": "A short one may end as it likes"},
        ],
    ]

    min_chars: int = option(200, "Length of a long answer.")
    max_share: float = option(0.05, "Share of long answers from which on an open end is the dataset's habit.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        long = answers(chunk).filter(
            (pl.col("field") != "text") & (pl.col("content").str.len_chars() >= self.min_chars)
        )
        if not long.height:
            return none()
        some = long.filter(pl.col("content").str.contains(_OPEN_END)).select("row", "pointer", "content")
        found = [
            (row, pointer, max(len(text) - _TAIL, 0), len(text), text[-_TAIL:])
            for row, pointer, text in some.iter_rows()
            if _is_cut(text)
        ]
        schema = {"row": pl.UInt32, "pointer": pl.String, "start": pl.UInt32, "end": pl.UInt32, "tail": pl.String}
        cut = pl.DataFrame(found, schema=schema, orient="row")
        # Beside the findings one line that counts.
        counts = pl.DataFrame({"row": [long["row"][0]], "long": [long.height], "open": [some.height]})
        return pl.concat([cut, counts.cast({"row": pl.UInt32})], how="diagonal")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        found = frame.filter(pl.col("pointer").is_not_null())
        if int(frame["open"].sum()) >= self.max_share * int(frame["long"].sum()):
            return none()
        return found.drop("long", "open")


def _is_cut(text: str) -> bool:
    *lines, last = [line for line in text.split("\n") if line.strip()]
    if len(_FENCE.findall(text)) % 2 or _LIST_OR_CODE.match(last) or _MATHS.search(last[-60:]):
        return False
    if (lines and len(last.split()) <= 5) or _SIGNED.search(last):
        return False
    open_ends = sum(_LINE_END.search(line.rstrip()) is not None for line in lines)
    return 2 * open_ends <= len(lines)
