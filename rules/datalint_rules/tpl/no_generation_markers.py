"""TPL005."""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, Totals, none
from datalint.tokens import ChatTemplate
from datalint.tokens.probe import probe_of
from datalint_rules.tpl.stock import stock_name
from datalint_rules.tpl.whole import has_answers, said, told

_PLAIN = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>\n{% endfor %}"
_MARKED = (
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<end>"
    "{% endgeneration %}{% else %}{{ m.content }}<end>{% endif %}\n{% endfor %}"
)
_ROWS = [{"messages": [{"role": "user", "content": "Name a lake."}, {"role": "assistant", "content": "Baikal."}]}]


def _sample(source: str, rows: list[dict[str, Any]] = _ROWS, **options: Any) -> Sample:
    return Sample({"train.jsonl": rows, "x.jinja": source}, {"chat_template": "x.jinja", **options})


@dataclass(frozen=True)
class NoGenerationMarkers(Rule):
    """The loss is to see assistant turns only, and the template does not say where they are.

    ## What it does
    With `--loss assistant`, or a profile whose loss that is: renders a short conversation, and reports a template
    that marks nothing of it with `{% generation %}`. Told once a dataset. A stock template of which TRL keeps a copy
    with markers is named, with that copy; under `--profile trl` this is only an info, because TRL puts its copy in
    place by itself. The template named tool_use is looked at where rows have tools.

    ## Why is this bad?
    The mask of assistant tokens comes from these markers. Without them it is empty: trainers stop, or train on
    nothing.

    ## Example
    `--loss assistant` and the template that Qwen3 ships.

    ## Fix safety
    No fix: the template has to change, not the data.

    ## Options
    None.

    ## References
    TRL's templates for training; marin issue #7237, transformers issue #34172, Qwen3 issue #1522.
    """

    code, name = "TPL005", "no-generation-markers"
    severity = "warning"
    message = "{what}"
    needs = ("template",)
    within = "dataset"
    bad = [
        _sample(_PLAIN, loss="assistant"),
        _sample("{# {% generation %} #}" + _PLAIN, loss="assistant"),
    ]
    good = [
        _sample(_PLAIN),
        _sample(_PLAIN, loss="completion"),
        _sample(_MARKED, loss="assistant"),
        _sample(_PLAIN, [{"prompt": "a", "completion": "b"}], loss="assistant"),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """The fault of each template that the chunk's rows use."""
        target = chunk.target
        if target.template is None or (target.loss or target.trainer.loss) != "assistant" or not has_answers(chunk):
            return none()
        template = target.template
        used = sorted({template.source(tools=d.conversation.tools is not None) for d in chunk.dialogues})
        unmarked = [source for source in used if not _marks(replace(template, named={"default": source}))]
        return said(_fault(source, target.profile) for source in unmarked)

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        """Each fault once."""
        return told(frame)


def _marks(template: ChatTemplate) -> bool:
    probe = probe_of(template)
    return template.has_generation_tags() if probe is None else any(start < end for start, end in probe.spans)


def _fault(source: str, profile: str | None) -> tuple[str, str]:
    what = "the template has no {% generation %} markers, so a loss on assistant turns sees no token"
    name = stock_name(source)
    if name is None:
        return "warning", f"{what}; put them around what the assistant writes, its turn end included"
    known = f"{what}; it is the stock template {name}, of which TRL has a copy with markers, {name}_training.jinja"
    return ("info", f"{known}, and takes it by itself") if profile == "trl" else ("warning", known)
