"""TXT010."""

import re
from dataclasses import dataclass

import polars as pl

from datalint.brief import line_of
from datalint.chunk import Chunk
from datalint.rule import Rule, none
from datalint_rules.txt.context import TEMPLATING, everything, talks, text_at
from datalint_rules.txt.spans import blanked, prose

# Rust's expressions look neither back nor ahead: what passes this one is looked at by the others.
_SUSPECT = r"\{\{ ?[\w.]{2,}|<[A-Z][A-Z0-9_]+>"
_VARIABLE = re.compile(
    r"(?<![\\^_${=\w])(?<!= )\{\{(?P<pad> ?)(?=[^\W\d])[\w.]{2,64}(?P=pad)\}\}(?!\})"
    r"|(?<![\w<$])<(?P<angle>[A-Z][A-Z0-9_]{1,40})>"
)
# The argument of a LaTeX command, be it one of several.
_LATEX = re.compile(r"(?:\\[A-Za-z]+\*?|[\^_])(?:\s?\[[^\]\n]{0,80}\])?(?:\s?\{\{?[^{}\n]{0,200}\}\}?)+")
# Braces that a program or a page is made of; `{%` and `{{#` belong to template engines, `f"` doubles braces itself.
_MARKUP = re.compile(
    r"\{%|\[\[[^\]\n]{1,80}\]\]|@[a-z]{2,20}\{|\{\{[#/!>~^&-]|\{\{[^{}\n]*\||</[A-Za-z][\w-]*>|\bf[\"']|\.format\(|\bv-(?:if|for|model)\b"
)
# Grammar of commands and notations, where capitals in angle brackets are the way to write it.
_NOTATION = re.compile(
    r"\b(?:usage|syntax|command(?: line)?|cli|grammar|bnf|ebnf|html|xml|sgml|tags?|tokens?|anonymi[sz]\w*|redact\w*|"
    r"de-?identif\w+|mask(?:ed|ing)?|generics?|enum|git|docker|kubectl|curl|npm|pip|ssh|sudo|replace[ds]?|substitut\w+)\b",
    re.IGNORECASE,
)
_KNOWN = (
    # control tokens of models
    "PAD UNK BOS EOS SEP CLS MASK CTX EOT EOD SOS NULL NONE IMAGE IMG VIDEO AUDIO THINK ANSWER TOOL_CALL "
    # what anonymisers and corpora of tweets put in the place of what they take out
    "PERSON EMAIL EMAIL_ADDRESS PHONE PHONE_NUMBER URL LOCATION DATE_TIME IP_ADDRESS CREDIT_CARD IBAN_CODE US_SSN "
    "USER NUMBER NUM HASHTAG MENTION RETWEET SMILE REDACTED SECRET "
    # HTML
    "HTML HEAD BODY TITLE META LINK BASE STYLE SCRIPT DIV SPAN PRE CODE BR HR IMG UL OL LI DL DT DD TABLE TR TD TH "
    "THEAD TBODY TFOOT CAPTION FORM INPUT BUTTON SELECT OPTION LABEL TEXTAREA FONT CENTER BLOCKQUOTE STRONG EM SUP SUB "
    "H1 H2 H3 H4 H5 H6 IFRAME FRAME FRAMESET APPLET PARAM OBJECT NOBR"
)
_NO_VARIABLE = frozenset(_KNOWN.split())


@dataclass(frozen=True)
class UnfilledVariable(Rule):
    """A text holds a template's variable where its value should stand.

    ## What it does
    Looks in prompts and answers for `{{name}}`, `{{ name }}` and `<NAME>`: an identifier of at least two characters.
    Code and mathematics are left out, and so are rows that are about templates (Jinja, Handlebars, placeholders,
    ...) or hold markup; `<NAME>` also where a command, a syntax or tags are explained, and where it is a name of HTML,
    a control token or the mark of an anonymiser. `${x}` and `[Your Name]` are no variables.

    ## Why is this bad?
    The script that should have filled it in was not run, or looked for another name. The model learns to say
    "{{name}}" to its users.

    ## Example
    `I am {{name}}, an assistant made by {{author}}.`

    ## Fix safety
    There is no fix: only the author knows the value.

    ## Options
    None.

    ## References
    LLaMA-Factory issue #2651 and its identity.json: 85 of 91 published rows wait for a name.
    """

    code, name = "TXT010", "unfilled-variable"
    severity = "error"
    message = "{variables} was never filled in"
    bad = [
        [{"instruction": "Who are you?", "input": "", "output": "I am {{name}}, made by {{ author }}."}],
        [{"prompt": "Hello <NAME>, how are you?", "completion": "Fine."}],
        [
            {
                "messages": [
                    {"role": "system", "content": "You are {{bot.name}}."},
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": "Hello."},
                ]
            }
        ],
    ]
    good = [
        [{"prompt": "How do I print a name in Jinja?", "completion": "Write {{ name }} where it belongs."}] * 3,
        [{"prompt": "And in a page?", "completion": "Like `{{name}}`, or:\n```html\n<p>{{name}}</p>\n```"}],
        [{"prompt": "Solve.", "completion": r"$\frac{{ab}}{{cd}}$ and \sqrt{{ D}}, x_{{max}}, \bar{{xy}}"}],
        [{"prompt": "Use ${{ secrets.TOKEN }} and ${x}.", "completion": "Dear [Your Name], {{1, 2}, {3, 4}}, {{12}}"}],
        [{"prompt": "x", "completion": "<BR> <DIV> List<INT> a <MASK> token, <URL>, <NOTE>markup</NOTE>"}],
        [{"prompt": "What is the usage of git push?", "completion": "git push <REMOTE> <BRANCH>"}],
        [{"prompt": "p", "completion": "c", "source": "{{name}}"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        suspects = chunk.turns.filter((pl.col("role") != "tool") & pl.col("content").str.contains(_SUSPECT))
        found = []
        for row, turns in talks(chunk, suspects["row"].to_list()):
            said = everything(turns)
            if TEMPLATING.search(said) or _MARKUP.search(said):
                continue
            notation = _NOTATION.search(said) is not None
            for turn in turns:
                text = turn.content or ""
                # Most turns of such a row hold none: braces and brackets first, Markdown after.
                if turn.role == "tool" or not _VARIABLE.search(text):
                    continue
                names = _variables(text, notation=notation)
                if names:
                    plain = text_at(chunk.values[row], turn.pointer) is not None
                    start, end = names[0].span() if plain else (None, None)
                    told = line_of(", ".join(dict.fromkeys(match[0] for match in names)), 80)
                    found.append((row, turn.pointer, start, end, told))
        if not found:
            return none()
        schema = {"row": pl.UInt32, "pointer": pl.String, "start": pl.UInt32, "end": pl.UInt32, "variables": pl.String}
        return pl.DataFrame(found, schema=schema, orient="row")


def _variables(text: str, *, notation: bool) -> list[re.Match[str]]:
    """Variables outside of code and mathematics."""
    text = prose(text)
    text = blanked(text, [match.span() for match in _LATEX.finditer(text)]) if "\\" in text or "{" in text else text
    return [
        match
        for match in _VARIABLE.finditer(text)
        if match["angle"] is None or not (notation or match["angle"] in _NO_VARIABLE)
    ]
