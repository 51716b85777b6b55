"""TXT001."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import line_of, part
from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.txt.visible import foreign, mended, read_texts

# The encodings that UTF-8 is taken for, as Python names them.
_TAKEN_FOR = (*(f"cp125{n}" for n in (0, 1, 2, 3, 4, 7)), "latin-1", "iso8859-2", "mac-roman", "cp437")
# Texts about encodings show what goes wrong with them.
_SUBJECT = (
    r"(?i)mojibake|garbled|char(?:acter )?sets?\b|unicode|utf-?(?:8|16)|latin-?1\b|(?:cp|windows)-?125\d|iso-?8859|"
    r"\b(?:en|de)cod(?:e[drs]?|ing)s?\b|code ?pages?\b"
)
# U+0085 is a line end to some; where it closes a word before a blank it is Windows-1252's ellipsis.
_LINE_END = re.compile(r"\x85(?! )|(?<!\w)\x85")


def _classes() -> str:
    """A Rust expression: where the bytes of a UTF-8 character could stand, read in one of the encodings.

    A first byte and one that follows it, by encoding; where the second was a no-break space, often a plain one now.
    C1 controls are what Latin-1 makes of Windows-1252.
    """

    def chars(first: int, last: int, encoding: str) -> str:
        read = bytes(range(first, last)).decode(encoding, errors="ignore")
        return "".join(rf"\x{{{ord(char):x}}}" for char in read if ord(char) > 0x9F)

    # From 0xC0 on and with U+FFFD, since what writes mojibake also overlongs, and loses what it cannot show.
    pairs = [f"[{chars(0xC0, 0xF5, name)}][{chars(0x80, 0xC0, name)}\ufffd]" for name in _TAKEN_FOR]
    return "|".join([r"[\x{80}-\x{9f}]|[ÂÃ][ \x{a0}]", *pairs])


_POSSIBLE = _classes()


@dataclass(frozen=True)
class Mojibake(Rule):
    """A text holds UTF-8 that was read in another encoding.

    ## What it does
    Looks in all texts that a model reads for runs of characters that nobody writes (`Ã§`, `â€™`, `РґРѕ`) and that
    are plain text once they are encoded back and decoded as UTF-8. Ftfy's heuristic judges, and only what its
    `fix_encoding` changes is reported. What was lost for good (U+FFFD) is TXT003.

    ## Why is this bad?
    A model learns to write what it reads. The damaged words are also other tokens, several times as many.

    ## Example
    `FranÃ§oise`, which was `Françoise`.

    ## Fix safety
    Safe: only the characters that came of the wrong encoding change; quotes, dashes and all else stay. Unsafe in a
    row that talks of encodings, which may show the damage on purpose.

    ## Options
    None.

    ## References
    ftfy 6.3 (R. Speer), `fix_encoding`; not `fix_text`, which also changes what is right. data-juicer, datatrove and
    NeMo Curator run it on web text.
    """

    code, name = "TXT001", "mojibake"
    severity = "warning"
    message = "{before} should read {after}"
    fix = Fix("rewrite", "safe")
    fix_title = "decodes it as it was meant"
    bad = [
        [{"prompt": "Who sings?", "completion": "FranÃ§oise Hardy."}],
        [{"instruction": "Itâ€™s late, isnâ€™t it?", "input": "", "output": "Yes."}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "é is right, Ã© is not."}]}],
        [{"text": "РґРѕСЂРѕРіРµ #С„СѓС‚Р±РѕР»"}],
        [{"prompt": "A word?", "completion": "voilÃ  le travail"}],
        [{"text": "He said \x93no\x94."}],
        [{"prompt": "What encoding is this?", "completion": "cafÃ© is UTF-8 read as Latin-1."}],
    ]
    good = [
        [{"prompt": "Who sings?", "completion": "Françoise Hardy — “La question”, 1971 …"}],
        [{"text": "Привет, «мир»! Ещё раз: «её», №5. Η «Ελλάδα» ¨είναι¨"}],
        [{"text": "NESTLÉ® À «gauche», São Paulo, ÇA VA, 50°, ±3 €, ½ × 2²"}],
        [{"text": "今天天气很好。 ありがとう… 🏳️‍🌈 ( ՞ਊ ՞)"}],
        [{"id": "FranÃ§oise", "prompt": "a", "completion": "b"}],
        [{"text": "a\x85b"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        some = read_texts(chunk, chunk.once(foreign).filter(pl.col("text").str.contains(_POSSIBLE)))
        found = [
            (row, pointer, start, end, line_of(part(text, start, end), 30), line_of(fixed, 30))
            for row, pointer, text in some.select("row", "pointer", "text").iter_rows()
            for start, end, fixed in _damage(text)
        ]
        if not found:
            return none()
        schema = {"row": pl.UInt32, "pointer": pl.String, "start": pl.Int64, "end": pl.Int64}
        frame = pl.DataFrame(found, schema={**schema, "before": pl.String, "after": pl.String}, orient="row")
        near = chunk.turns.filter(pl.col("row").is_in(frame["row"].unique().implode()))
        about = near.filter(pl.col("content").str.contains(_SUBJECT))["row"].unique()
        unsafe = pl.col("row").is_in(about.implode())
        return frame.with_columns(fix_safety=pl.when(unsafe).then(pl.lit("unsafe")).otherwise(pl.lit("safe")))

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        return mended(row, found, _mended)


def _mended(text: str) -> str:
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    # `fix_encoding` asks the same first, and of most texts the same question.
    return text if "\x85" in text and not is_bad(_LINE_END.sub("", text)) else fix_encoding(text)


def _damage(text: str) -> list[tuple[int, int, str]]:
    """Where the first damaged word begins and ends, and what it was; nothing if the text is as it should be."""
    fixed = _mended(text)
    if fixed == text:
        return []
    at = next((n for n, (a, b) in enumerate(zip(text, fixed, strict=False)) if a != b), min(len(text), len(fixed)))
    start = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at)) + 1
    return [(start, start + len(_word(text[start:], at - start)), _word(fixed[start:], at - start))]


def _word(text: str, inner: int) -> str:
    match = re.compile(r"\S*").match(text, inner)
    return text[: match.end() if match else inner]
