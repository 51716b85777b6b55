"""TXT018."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import line_of, part
from datalint.chunk import Chunk
from datalint.location import replace
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.txt.context import asked, talks, text_at
from datalint_rules.txt.spans import Span, blanked, fences, without

# Buttons and errors of chat pages, each of which has a line of its own.
_LINE = re.compile(
    r"^[ \t]*(?:Regenerate response|Stop generating|Copy code"
    r"|Too many requests in 1 hour\. ?Try again later\.?|Too many requests in 1 hour\.?"
    r"|Network error\. There was an error generating a response\.?)[ \t]*(?:\n|\Z)",
    re.MULTILINE,
)
# The button above a code block, run together with the block's language: `pythonCopy code`.
_GLUED = re.compile(
    r"^([ \t]*(?:(?:```|~~~)[ \t]*)?[a-z][\w+#.-]{0,15}|[ \t]*(?:```|~~~)[ \t]*)Copy code(?=[ \t]*$)", re.M
)
# Which of several answers is shown: `2 / 3`, before the answer or run together with its first word.
_PAGER = re.compile(
    r"\A\s*(?P<page>\d{1,2}) / (?P<pages>\d{1,2})(?:(?=[A-Z][a-z])|(?P<apart>[ \t]*\n(?:[ \t]*\n)*)(?=[ \t]*\S))"
)
_NUMBERS = re.compile(
    r"\d|\b(?:fraction|ratio|probabilit|half|halves|odds|chance|divi|quarter|third|score|percent|simplif|equation)\w*",
    re.IGNORECASE,
)
_FORMULA = re.compile(r"[ \t]*[-=+*/<>×÷≈^(\d$\\]")
_PAGED = r"^\s*\d{1,2} / \d{1,2}(?:[A-Z\s]|$)"


@dataclass(frozen=True)
class UiScrape(Rule):
    """A text holds what stood around it on the page that it was copied from.

    ## What it does
    Looks in the turns of conversations for the buttons and messages of chat pages: a line that is "Copy code" or that
    ends a code block's language with it (`pythonCopy code`), "Regenerate response", "Too many requests in 1 hour", and
    the counter of answers (`2 / 3`) at the beginning. Words within a sentence, in the middle of a code block, and
    fractions are left out.

    ## Why is this bad?
    The model learns to write the buttons of a page that its users do not see.

    ## Example
    `2 / 2Sure, here is the script:` and, above the script, `pythonCopy code`.

    ## Fix safety
    Unsafe: the words are removed; a row with a turn that holds nothing else is dropped.

    ## Options
    None.

    ## References
    FastChat's cleaning of ShareGPT's conversations.
    """

    code, name = "TXT018", "ui-scrape"
    severity = "warning"
    message = "copied from a page: {text!r}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "removes the words"
    bad = [
        [{"prompt": "Print 1.", "completion": "Sure:\n```pythonCopy code\nprint(1)\n```"}],
        [{"prompt": "Print 1.", "completion": "pythonCopy code\n    print(1)\n\nCopy code\nRegenerate response"}],
        [{"prompt": "Tell me.", "completion": "2 / 2Sure, here it is."}],
        [{"prompt": "Tell me.", "completion": "1 / 2\n\nOf course."}],
        [
            {
                "messages": [
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": "Too many requests in 1 hour."},
                ]
            }
        ],
    ]
    good = [
        [{"prompt": "Which button?", "completion": "Press Copy code, then Regenerate response."}],
        [{"prompt": "Simplify 2/4.", "completion": "1 / 2\n\nBoth are divided by two."}],
        [{"prompt": "Half?", "completion": "1 / 2"}],
        [{"prompt": "Sum?", "completion": "1 / 2\n= 0.5"}],
        [{"prompt": "A button.", "completion": "```html\n<button>\nCopy code\n</button>\n```"}],
        [{"prompt": "What does 'Too many requests in 1 hour' mean?", "completion": "Wait."}],
    ]
    literals = ("copy code", "regenerate response", "too many requests in 1", "stop generating", "network error. there")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        rows = set(chunk.texts_with(self.literals)["row"].to_list())
        rows.update(chunk.turns.filter(pl.col("content").str.contains(_PAGED))["row"].to_list())
        found = []
        for row, turns in talks(chunk, sorted(rows)):
            for number, turn in enumerate(turns):
                text = turn.content or ""
                if turn.role not in ("user", "assistant") or turn.field in ("text", "label"):
                    continue
                pager = turn.role == "assistant" and _is_pager(text, asked(turns, number))
                spans = _words(text, pager=pager)
                if spans:
                    plain = text_at(chunk.values[row], turn.pointer) is not None
                    place = spans[0] if plain else (None, None)
                    kind = None if not plain else "rewrite" if _without(text, spans).strip() else "drop"
                    found.append((row, turn.pointer, *place, line_of(part(text, *spans[0]), 40), pager, kind))
        if not found:
            return none()
        schema = {"row": pl.UInt32, "pointer": pl.String, "start": pl.UInt32, "end": pl.UInt32}
        return pl.DataFrame(
            found, schema={**schema, "text": pl.String, "pager": pl.Boolean, "fix_kind": pl.String}, orient="row"
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            text = text_at(row, item.pointer or "")
            if text is not None:
                pager = (
                    item.start is not None and _PAGER.match(text) is not None and not item.args["text"][:1].isalpha()
                )
                row = replace(row, item.pointer or "", _without(text, _words(text, pager=pager)))
        return row


def _is_pager(text: str, question: str) -> bool:
    pager = _PAGER.match(text)
    if pager is None or not 1 <= int(pager["page"]) <= int(pager["pages"]) or int(pager["pages"]) < 2:
        return False
    # On a line of its own it may be a fraction.
    return pager["apart"] is None or not (_NUMBERS.search(question) or _FORMULA.match(text, pager.end()))


def _words(text: str, *, pager: bool) -> list[Span]:
    """What does not belong to the text, in order."""
    blocks = fences(text)
    found = [match.span() for match in _LINE.finditer(blanked(text, blocks))]
    # The button is on the line of the fence or on the first one inside.
    bodies = [(end, block[1]) for block in blocks if (end := _second_line_end(text, block[0])) < block[1]]
    found += [(match.end(1), match.end()) for match in _GLUED.finditer(blanked(text, bodies))]
    if pager and (counter := _PAGER.match(text)):
        found.append(counter.span())
    return sorted(found)


def _second_line_end(text: str, start: int) -> int:
    first = text.find("\n", start)
    second = text.find("\n", first + 1) if first >= 0 else -1
    return second if second >= 0 else len(text)


def _without(text: str, spans: Sequence[Span]) -> str:
    left = without(text, spans)
    # A last line that goes leaves the end of the line before it.
    return left.rstrip("\n") if spans and spans[-1][1] == len(text) else left
