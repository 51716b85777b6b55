"""TXT003."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.txt.visible import foreign, mended, read_texts

_C0 = "".join(map(chr, [*range(9), 11, 12, *range(14, 32), 127]))
_C0_CHAR, _LOST_CHAR = re.compile(f"[{re.escape(_C0)}]"), re.compile("[\x80-\x9f\ufffd]")
# Sets of up to ten characters each: Rust's expressions look for those many bytes at a time.
_C0_ANY = r"[\x00-\x08]|[\x0b\x0c\x0e-\x15]|[\x16-\x1f]|\x7f"
_LOST_ANY = r"[\x{80}-\x{9f}\x{fffd}]"
# Control sequences of a terminal (ECMA-48: CSI, and OSC as xterm ends it), or one character.
_CONTROL = re.compile(rf"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[{re.escape(_C0)}]")
# LaTeX whose backslash and first letter were read as an escape: "\frac" in JSON or in a string of code.
_LATEX = re.compile(
    r"\x07(?=(?:lpha|ngle|pprox|rccos|rcsin|rctan|rg|lign|rray|cute)(?![a-z]))"
    r"|\x08(?=(?:eta|inom|oxed|egin|ar|ullet|ig|igcup|igcap|igoplus|igg|mod|ecause|ot|f|oldsymbol|reve)(?![a-z]))"
    r"|\x0b(?=(?:ec|ert|arepsilon|arphi|artheta|arnothing|ee|dots|space|phantom|erb)(?![a-z]))"
    r"|\x0c(?=(?:rac|orall|box|lat|ootnote)(?![a-z]))"
)
_ESCAPES = {"\x07": r"\a", "\x08": r"\b", "\x0b": r"\v", "\x0c": r"\f"}
# Texts that show U+FFFD on purpose.
_SUBJECT = re.compile(r"replacement char|U\+FFFD|\\ufffd|&#xfffd|mojibake|garbled|unicode|utf-?(?:8|16)", re.IGNORECASE)


@dataclass(frozen=True)
class ControlChars(Rule):
    r"""A text holds control characters, or marks of characters that were lost.

    ## What it does
    Looks in all texts that a model reads for the control characters of ASCII (C0 and U+007F, but for tab and line
    ends), those of Latin-1 (C1), and U+FFFD, which decoders put where they cannot read. Texts that talk of Unicode may
    show U+FFFD.

    ## Why is this bad?
    Nobody types them: they are left of terminals, broken escapes (a form feed and `rac` is `\frac`) and files that
    were read in the wrong encoding. Tokenizers spell them byte by byte, C programs stop at U+0000.

    ## Example
    `The quick\u0000 fox`, `caf\ufffd`

    ## Fix safety
    Safe for ASCII's: they are removed, with the whole sequence if it is a terminal's; a page break between two words
    becomes a line break, and the command of LaTeX that lost its backslash gets it back. Unsafe for the others: C1
    becomes what Windows-1252 has there, U+FFFD is removed, and nobody knows what it was.

    ## Options
    None.

    ## References
    AlpacaDataCleaned, list of fixes, item 10; ECMA-48; Unicode Standard, chapter 23.1 and 23.8.
    """

    code, name = "TXT003", "control-chars"
    severity = "warning"
    message = "{n} {what}: {names}"
    fix = Fix("rewrite", "safe")
    fix_title = "removes them"
    bad = [
        [{"prompt": "a\x00b", "completion": "c"}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "\x1b[31mred\x1b[0m"}]}],
        [{"text": "you\ufffdve been to the caf\ufffd"}],
        [{"text": "He said \x93no\x94 and\x85"}],
        [{"prompt": "Half?", "completion": "$\x0crac{1}{2}$ of \x08eta"}],
        [{"text": "page one\x0cpage two\x0c\n"}],
        [{"text": "\x01"}],
    ]
    good = [
        [{"prompt": "a\tb\r\nc", "completion": "d\u2028e\xa0f\u200b"}],
        [{"text": r"\x00 and \u0000 and ^[[31m"}],
        [{"raw": "a\x00b", "prompt": "a", "completion": "b"}],
        [{"prompt": "What is U+FFFD?", "completion": "The replacement character, \ufffd."}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found = []
        for row, pointer, text in _holding(chunk, chunk.texts, _C0_ANY):
            places = [char.start() for char in _C0_CHAR.finditer(text)]
            # A text of nothing else would be an empty one.
            kind = "rewrite" if _without_c0(text).strip() else None
            found.append((row, pointer, places, "control characters", _names(text, places), kind, "safe"))
        for row, pointer, text in _holding(chunk, chunk.once(foreign), _LOST_ANY):
            if not any(turn.content and _SUBJECT.search(turn.content) for turn in chunk.turn_lists[row]):
                places = [char.start() for char in _LOST_CHAR.finditer(text)]
                kind = "rewrite" if _without_lost(text).strip() else None
                found.append((row, pointer, places, "unreadable characters", _names(text, places), kind, "unsafe"))
        if not found:
            return none()
        schema = ["row", "pointer", "places", "what", "names", "fix_kind", "fix_safety"]
        frame = pl.DataFrame(found, schema=schema, orient="row", schema_overrides={"fix_kind": pl.String})
        first = pl.col("places").list.first()
        return frame.select(pl.exclude("places"), start=first, end=first + 1, n=pl.col("places").list.len())

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        lost = [one for one in found if one.args["what"] == "unreadable characters"]
        row = mended(row, [one for one in found if one not in lost], _without_c0)
        return mended(row, lost, _without_lost)


def _holding(chunk: Chunk, texts: pl.DataFrame, pattern: str) -> Iterator[tuple[int, str, str]]:
    """Row, pointer and text of those of some texts that a model reads and that match."""
    some = read_texts(chunk, texts.filter(pl.col("text").str.contains(pattern)))
    return some.select("row", "pointer", "text").iter_rows()


def _without_c0(text: str) -> str:
    text = _LATEX.sub(lambda match: _ESCAPES[match[0]], text)
    return _CONTROL.sub(lambda match: "\n" if match[0] in "\v\f" and _is_between_words(match) else "", text)


def _is_between_words(match: re.Match[str]) -> bool:
    around = match.string[max(match.start() - 1, 0) : match.start()], match.string[match.end() : match.end() + 1]
    return all(side and not side.isspace() and side not in _C0 for side in around)


def _without_lost(text: str) -> str:
    return _LOST_CHAR.sub(lambda match: _readable(match[0]), text)


def _readable(char: str) -> str:
    """What Windows-1252 has in place of a C1 control; a line end for U+0085, which is one; nothing for U+FFFD."""
    return "\n" if char == "\x85" else bytes([ord(char) & 0xFF]).decode("cp1252", "ignore") if char < "\xff" else ""


def _names(text: str, places: Sequence[int]) -> str:
    return ", ".join(sorted({f"U+{ord(text[place]):04X}" for place in places})[:5])
