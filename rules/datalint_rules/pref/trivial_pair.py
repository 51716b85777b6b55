"""PREF002."""

import re
from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, none
from datalint_rules.pref.pairs import ending_alike, has_sides, wholes

# Marks that end, part or quote; the other punctuation (#, /, %, @, _) tells C# from C and a/b from ab.
_MARKS = re.compile(r"[\s.,;:!?…'\"“”‘’«»„‚()\[\]\-‐–—¿¡。，、；：！？「」『』（）【】《》]+|\*\*")
# In code, case and punctuation are the answer.
_CODE = re.compile(r"[`={}<>\\_]|\w\(")
_NUMBER = re.compile(r"(?:(?<!\w)[-−])?\d+(?:[.,:/–-]\d+)*")
# Rows that teach spelling differ in nothing else.
_SPELLING = re.compile(r"(?i)capitali[sz]|punctuat|upper.?case|lower.?case|title.?case|all caps|proofread|typo|grammar")


@dataclass(frozen=True)
class TrivialPair(Rule):
    """The two answers differ only in case, punctuation or white space.

    ## What it does
    Compares both sides without case, white space and the marks of sentences. Numbers with their signs and points
    must be equal too. Answers that look like code, and prompts about spelling or punctuation, are left out.

    ## Why is this bad?
    The pair says that a full stop is what makes an answer good, and the model believes it.

    ## Example
    `{"prompt": "Is Lima in Peru?", "chosen": "Yes.", "rejected": "Yes"}`

    ## Fix safety
    Unsafe: the row is dropped.

    ## Options
    None.

    ## References
    None read: derived from PREF001.
    """

    code, name = "PREF002", "trivial-pair"
    severity = "warning"
    message = "chosen and rejected differ only in {how}"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    bad = [
        [{"prompt": "Is Lima in Peru?", "chosen": "Yes.", "rejected": "Yes"}],
        [{"prompt": "Is Lima in Peru?", "chosen": "Yes, it is!", "rejected": "yes it is"}],
        [{"prompt": "利马在秘鲁吗？", "chosen": "是的，在秘鲁。", "rejected": "是的在秘鲁"}],
        [
            {
                "prompt": [{"role": "user", "content": "How much?"}],
                "chosen": [{"role": "assistant", "content": "It is **2.50** today."}],
                "rejected": [{"role": "assistant", "content": "it is 2.50 today"}],
            }
        ],
    ]
    good = [
        [{"prompt": "Is Lima in Peru?", "chosen": "Yes.", "rejected": "No."}],
        [{"prompt": "Is Lima in Peru?", "chosen": "Yes.", "rejected": " Yes. "}],
        [{"prompt": "How much?", "chosen": "1.5", "rejected": "15"}],
        [{"prompt": "How cold?", "chosen": "-5 degrees", "rejected": "5 degrees"}],
        [{"prompt": "Which language?", "chosen": "C#", "rejected": "C"}],
        [{"prompt": "How do you feel?", "chosen": ":)", "rejected": ":("}],
        [{"prompt": "The first element?", "chosen": "`a[0]`", "rejected": "`a(0)`"}],
        [{"prompt": "Capitalize this: the old man", "chosen": "The Old Man", "rejected": "the old man"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        if not has_sides(chunk):
            return none()
        sides = ending_alike(chunk.once(wholes), _bare)
        differ = pl.col("chosen") != pl.col("rejected")
        alike = sides.filter(differ & (_bare(pl.col("chosen")) == _bare(pl.col("rejected"))))
        # Only what survives the coarse comparison comes here.
        found = [
            (row, pointer, how)
            for row, chosen, rejected, pointer in alike.iter_rows()
            if (how := _difference(chosen, rejected)) and not self._teaches_spelling(chunk, row)
        ]
        return pl.DataFrame(found, schema={"row": pl.UInt32, "pointer": pl.String, "how": pl.String}, orient="row")

    @staticmethod
    def _teaches_spelling(chunk: Chunk, row: int) -> bool:
        asked = [turn.content or "" for turn in chunk.turn_lists[row] if turn.role in ("system", "user")]
        more = (chunk.values[row] or {}).get("instruction")
        return any(_SPELLING.search(text) for text in (*asked, more if isinstance(more, str) else ""))


def _bare(side: pl.Expr) -> pl.Expr:
    return side.str.replace_all(r"[\p{P}\s]+", "").str.to_lowercase()


def _difference(chosen: str, rejected: str) -> str | None:
    """What tells two sides apart, if it is nothing that matters; what only collapsed white space does is PREF001's."""
    if [part.split() for part in chosen.split("\0")] == [part.split() for part in rejected.split("\0")]:
        return None
    bare = [_MARKS.sub("", side) for side in (chosen, rejected)]
    # An answer without anything else is all punctuation: a smile is no frown.
    if bare[0].casefold() != bare[1].casefold() or bare[0].endswith("\0"):
        return None
    if _CODE.search(chosen) or _CODE.search(rejected) or _NUMBER.findall(chosen) != _NUMBER.findall(rejected):
        return None
    tight = ["".join(side.split()) for side in (chosen, rejected)]
    if tight[0] == tight[1]:
        return "white space"
    case, marks = tight[0].casefold() == tight[1].casefold(), bare[0] == bare[1]
    return "case" if case else "punctuation" if marks else "case and punctuation"
