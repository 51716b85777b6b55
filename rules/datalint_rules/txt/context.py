"""What stands around a turn: the question before it, and whether its text is one string that can be pointed into."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datalint.chunk import Chunk
from datalint.location import resolve
from datalint.views.turns import Turn

# A task of text in curly or angle brackets: engines, markup, and what people call the holes in a text.
TEMPLATING = re.compile(
    r"\b(?:jinja2?|handlebars|mustache|moustache|nunjucks|twig|django|flask|shopify|jekyll|laravel|wiki\w*|vue(?:\.?js)?|angular(?:js)?|svelte|"
    r"alpine\.?js|ansible|helm|terraform|freemarker|thymeleaf|bibtex|templat\w*|place-?holders?|variables?|"
    r"interpolat\w+|mail[- ]?merge|merge fields?|f-strings?|format strings?|string formatting|(?:curly|double) brac\w+|"
    r"curly brackets|angle brackets|dbt|n8n|zapier|postman|github actions|workflow file)\b|模板|占位符|变量|花括号",
    re.IGNORECASE,
)


def talks(chunk: Chunk, rows: Sequence[int]) -> Iterator[tuple[int, list[Turn]]]:
    """(row, its turns) of some rows, each once, in order."""
    for row in sorted(set(rows)):
        if chunk.turn_lists[row]:
            yield row, chunk.turn_lists[row]


def asked(turns: Sequence[Turn], before: int | None = None) -> str:
    """All that users say, up to a turn if its number is given."""
    return "\n".join(turn.content or "" for turn in turns[:before] if turn.role == "user")


def everything(turns: Sequence[Turn]) -> str:
    """All that is said in a row."""
    return "\n".join(turn.content or "" for turn in turns)


def text_at(row: Mapping[str, Any] | None, pointer: str) -> str | None:
    """The string at a pointer; None where there is none, or a list of content blocks."""
    try:
        found = resolve(row, pointer)
    except KeyError:
        return None
    return found if isinstance(found, str) else None
