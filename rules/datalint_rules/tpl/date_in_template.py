"""TPL008."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none
from datalint.tokens import ChatTemplate, Conversation, Rendered, render_rows
from datalint_rules.tpl.parts import form_of
from datalint_rules.tpl.whole import said, told

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DATE = re.compile(
    rf"\b(?:\d{{1,2}} {_MONTH},? (?:19|20)\d\d|{_MONTH} \d{{1,2}},? (?:19|20)\d\d|(?:19|20)\d\d-\d\d-\d\d)\b"
)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_ANOTHER_DAY = datetime(1999, 7, 23)
_FORMS = 64  # forms of conversations that are tried, a chunk

_BODY = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>\n{% endfor %}"
_DEFAULT = "{% if date_string is not defined %}{% set date_string = '26 Jul 2024' %}{% endif %}"
_ROWS = [{"messages": [{"role": "user", "content": "Name a lake."}, {"role": "assistant", "content": "Baikal."}]}]


def _sample(source: str, rows: list[dict[str, Any]] = _ROWS) -> Sample:
    return Sample({"train.jsonl": rows, "x.jinja": source}, {"chat_template": "x.jinja"})


@dataclass(frozen=True)
class DateInTemplate(Rule):
    """The template puts a date into every row: that of the day, or one that somebody wrote into it.

    ## What it does
    Where the source calls `strftime_now` or holds a date: renders one conversation of each form on two days, and
    reports a render that changes with the day, or that holds the date of the source. Told once a dataset; rows that
    bring their own date along (`chat_template_kwargs`) are silent.

    ## Why is this bad?
    With the day of training in all rows, two trainings on the same data differ, and no cache of tokens holds; with
    a date that never changes, the model learns that it is always that day.

    ## Example
    Llama 3.1: "Today Date: 26 Jul 2024".

    ## Fix safety
    No fix: pass a date to the template, or take it out.

    ## Options
    None.

    ## References
    sglang issue #3296.
    """

    code, name = "TPL008", "date-in-template"
    severity = "info"
    message = "{what}"
    needs = ("template",)
    within = "dataset"
    bad = [
        _sample("Today is {{ strftime_now('%d %b %Y') }}\n" + _BODY),
        _sample(_DEFAULT + "Today Date: {{ date_string }}\n" + _BODY),
    ]
    good = [
        _sample("Cutting Knowledge Date: December 2023\n" + _BODY),
        _sample("{# as of 26 Jul 2024 #}" + _BODY),
        _sample("{% if tools %}{{ strftime_now('%Y-%m-%d') }}{% endif %}" + _BODY),
        _sample(
            _DEFAULT + "Today Date: {{ date_string }}\n" + _BODY,
            [{**_ROWS[0], "chat_template_kwargs": {"date_string": "3 March"}}],
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """Dates in the renders of the chunk's forms of conversation."""
        template = chunk.target.template
        if template is None or not any(_dated(source) for source in template.named.values()):
            return none()
        forms = {
            (form_of(dialogue), *sorted(dialogue.conversation.variables)): dialogue.conversation
            for dialogue in reversed(chunk.dialogues)
        }
        return said(("info", what) for what in _dates(template, list(forms.values())[-_FORMS:]))

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """Each date once."""
        return told(frame)


def _dated(source: str) -> list[str]:
    """Dates that the source may write, `strftime_now` among them."""
    code = _COMMENT.sub("", source)
    return _DATE.findall(code) + (["strftime_now"] if "strftime_now" in code else [])


def _dates(template: ChatTemplate, conversations: Sequence[Conversation]) -> Iterator[str]:
    pairs = [
        (here.text, there.text, _dated(template.source(tools=conversation.tools is not None)))
        for conversation, here, there in zip(
            conversations,
            render_rows(template, conversations),
            render_rows(replace(template, now=_ANOTHER_DAY), conversations),
            strict=True,
        )
        if isinstance(here, Rendered) and isinstance(there, Rendered)
    ]
    if any(here != there for here, there, _ in pairs):
        yield "the template writes the day of the rendering into the rows (strftime_now)"
    written = {date for here, there, dates in pairs for date in dates if date in here and date in there}
    yield from (f"the template writes the date {date} into the rows" for date in sorted(written - {"strftime_now"}))
