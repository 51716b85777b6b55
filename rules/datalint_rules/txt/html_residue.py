"""TXT005."""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from datalint.brief import line_of, part
from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.txt.spans import without_code
from datalint_rules.txt.visible import asked, mended, read_texts

_TAG = re.compile(r"</?(?:div|span|br|font|p)(?:\s{1,9}[\w:-]{1,30}\s?=[^<>]{0,300})?\s?/?>", re.IGNORECASE)
# What programs leave behind. Other names are those of variables in C: `p = &value;`.
_NAMES = (
    *("amp", "lt", "gt", "quot", "apos", "nbsp", "hellip", "mdash", "ndash", "bull", "middot", "szlig"),
    *("lsquo", "rsquo", "ldquo", "rdquo", "laquo", "raquo"),
)
_ACCENTS = ("acute", "grave", "circ", "uml", "tilde", "cedil", "ring", "slash", "caron", "elig")
# Some pages are escaped twice and more: that is one entity.
_ENTITY = re.compile(
    r"&(?:(?:amp|#38|#x26);){0,20}"
    rf"(#\d{{2,6}}|#[xX][0-9a-fA-F]{{2,5}}|{'|'.join(_NAMES)}|[a-zA-Z](?:{'|'.join(_ACCENTS)}));"
)
_WEB = (
    r"x?html\d?|css|xml|svg|php|jsx?|tsx?|ajax|javascript|typescript|react|vue|angular|jquery|markup|entit(?:y|ies)|tags?|"
    r"web[ -]?(?:pages?|sites?|apps?|development|scrap\w*)|browsers?|scrap(?:e[rs]?|ing)|un?escap(?:es?|ing)|front-?end"
)
_MEANT = re.compile(rf"\b(?:{_WEB})\b", re.IGNORECASE)
# Programs write tags too.
_CODING = re.compile(
    rf"\b(?:{_WEB}|code[ds]?|coding|program(?:s|ming)?|scripts?|functions?|components?|templates?|e-?mails?|markdown|"
    r"pars(?:e[rs]?|ing)|regex|regular expressions?|snippets?)\b|代码|程序",
    re.IGNORECASE,
)
_OWN = re.compile(r"\b(?:html|css|xml|php|javascript|tags?)\b", re.IGNORECASE)
_PAGE = re.compile(r"<(?:!doctype|html|head|body|script|style|template|\?php|\?xml)\b|\bclassName=", re.IGNORECASE)
# A table of Markdown has no other line break.
_TABLE_LINE = re.compile(r"^[^|\n]*\|[^|\n]*\|.*$", re.MULTILINE)


@dataclass(frozen=True)
class HtmlResidue(Rule):
    """A text holds left-overs of the web page that it was taken from.

    ## What it does
    Looks in contents, prompts and answers for entities (`&#x27;`, `&quot;`, `&nbsp;`) and for tags of layout (div,
    span, br, font, p). Code in fences or backticks, results of tools, pages that are given as a whole, and rows whose
    prompt speaks of HTML and its kin are left out; tags also where it speaks of code.

    ## Why is this bad?
    The model writes the entities where a quotation mark should stand, and its users see them.

    ## Example
    `It&#x27;s late.`

    ## Fix safety
    Unsafe: entities become the characters that they stand for, which is wrong where the text is about HTML after all.
    Tags are reported only: whether `<br>` was a line or a word nobody knows.

    ## Options
    None.

    ## References
    WHATWG HTML Standard, named character references. FastChat's cleaning of ShareGPT, data-juicer and datatrove do
    the like for web text.
    """

    code, name = "TXT005", "html-residue"
    severity = "info"
    message = "{n} {kind}: {shown}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "writes the characters that the entities stand for"
    literals = (
        *("&#", "<div", "</div", "<span", "</span", "<br", "<font", "</font", "<p>", "<p ", "</p>"),
        *(f"&{name};" for name in _NAMES),
        *(f"{accent};" for accent in _ACCENTS),
    )
    bad = [
        [{"prompt": "Is it late?", "completion": "It&#x27;s late &amp; dark."}],
        [{"instruction": "Name a singer.", "input": "", "output": "Fran&ccedil;oise&nbsp;Hardy"}],
        [{"prompt": "How do I cook rice?", "completion": "<p>Rinse it.</p>\n<p>Boil it.</p>"}],
        [{"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So.<br>Really."}]}],
        [{"text": "Q &amp;amp; A"}],
        [{"text": "He wrote &lt;p&gt; and &quot;so&quot;"}],
    ]
    good = [
        [{"prompt": "How do I write < in HTML?", "completion": "As &lt;, and a line break as <br>."}],
        [{"prompt": "Which sign?", "completion": "In XML, `&amp;` it is:\n```\n<p>&lt;</p>\n```"}],
        [{"prompt": "What fails here?", "completion": "shape = &circle; ptr = &value; a && b; AT&T; &c."}],
        [{"prompt": "Write a program that prints a table.", "completion": 'echo $line . "<br />";'}],
        [{"prompt": "Show a greeting.", "completion": "<!DOCTYPE html>\n<html><body><p>Hi&nbsp;you</p></body></html>"}],
        [
            {
                "messages": [
                    {"role": "user", "content": "Read it."},
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [{"function": {"name": "get", "arguments": "{}"}}],
                    },
                    {"role": "tool", "content": "<p>Caf&eacute;</p>"},
                    {"role": "assistant", "content": "It says: Café."},
                ]
            }
        ],
        [{"prompt": "Find the index of <p> in S_5.", "completion": "It is <p>'s."}],
        [{"prompt": "a < b && c > d?", "completion": "if a <p and q> b"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        some = read_texts(chunk, chunk.texts_with(self.literals)).select("row", "pointer", "text", "role")
        found = []
        for row, pointer, text, role in some.iter_rows():
            if role == "tool" or _PAGE.search(text) or _OWN.search(_TAG.sub(" ", text)):
                continue
            entities, tags = _entities(text), _tags(text)
            said = "\n".join(asked(chunk, row, pointer)) if entities or tags else ""
            if entities and not _MEANT.search(said):
                new = _unescaped(text)
                # Text that talks of tags has them as entities: it would not be better off.
                kind = "rewrite" if len(_tags(new)) == len(tags) and not _entities(new) else None
                found.append((row, pointer, "entities of HTML", kind, entities))
            if tags and not _CODING.search(said):
                found.append((row, pointer, "tags of HTML", None, tags))
        return _frame(found) if found else none()

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        return mended(row, found, _unescaped)


def _entities(text: str) -> list[re.Match[str]]:
    return list(_ENTITY.finditer(without_code(text)))


def _tags(text: str) -> list[re.Match[str]]:
    tags = list(_TAG.finditer(_TABLE_LINE.sub(lambda line: " " * len(line[0]), without_code(text))))
    # In mathematics <p> is what p generates: something must be closed, broken or styled.
    return tags if any(tag[0].lower().startswith(("</", "<br")) or "=" in tag[0] for tag in tags) else []


def _unescaped(text: str) -> str:
    """Until nothing changes: what was escaped otherwise may come to light."""
    while entities := _entities(text):
        edges = [0, *(edge for entity in entities for edge in entity.span()), len(text)]
        pieces = [text[start:end] for start, end in pairwise(edges)]
        new = "".join(_character(piece) if number % 2 else piece for number, piece in enumerate(pieces))
        if new == text:
            break
        text = new
    return text


def _character(entity: str) -> str:
    """What an entity stands for; itself if that is a control character or none."""
    char = html.unescape("&" + entity[1:].split(";")[-2] + ";")
    return entity if char in ("", "\ufffd") or unicodedata.category(char[0]) == "Cc" else char


def _frame(found: list[tuple[int, str, str, str | None, list[re.Match[str]]]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (
                row,
                pointer,
                *at[0].span(),
                len(at),
                kind,
                ", ".join(dict.fromkeys(line_of(part(m.string, *m.span()), 30) for m in at[:5])),
                fix,
            )
            for row, pointer, kind, fix, at in found
        ],
        schema=["row", "pointer", "start", "end", "n", "kind", "shown", "fix_kind"],
        schema_overrides={"fix_kind": pl.String},
        orient="row",
    )
