"""TPL004."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Rule, Sample, none
from datalint.tokens import Rendered
from datalint.views.conversation import Dialogue
from datalint_rules.tpl.edges import Edge, edges_of, fates_of, is_changed_inside
from datalint_rules.tpl.parts import form_of

_STRIPS = "{% for m in messages %}<{{ m.role }}>\n{{ m.content | trim }}<end>\n{% endfor %}"
_KEEPS = "{% for m in messages %}<{{ m.role }}>\n{{ m.content }}<end>\n{% endfor %}"
_JOINS = "{% for m in messages %}<{{ m.role }}>\n{{ m.content.split() | join(' ') }}<end>\n{% endfor %}"


def _sample(template: str, answer: str) -> Sample:
    turns = [{"role": "user", "content": "Continue f."}, {"role": "assistant", "content": answer}]
    return Sample({"train.jsonl": [{"messages": turns}], "x.jinja": template}, {"chat_template": "x.jinja"})


@dataclass(frozen=True)
class WhitespaceChanged(Rule):
    """The chat template changes the white space of a message.

    ## What it does
    Renders conversations whose messages begin or end with white space with and without it, once for each form of
    conversation, and reports messages of which it makes no difference. Indentation that an answer's first line loses
    (a tab, or two spaces and more) is a warning, other white space at the ends information. White space that is
    changed inside of a message is a warning. Line ends between reasoning and the answer are the template's own.

    ## Why is this bad?
    An answer that continues a block of code is trained without its indentation, and is wrong code.

    ## Example
    An answer `    return x`, and the template of Llama 3.

    ## Fix safety
    No fix: the template is to be changed, or the answer is to begin elsewhere.

    ## Options
    None.

    ## References
    Of the 28 templates that TRL keeps copies of, 12 strip answers in front and 15 behind.
    """

    code, name = "TPL004", "whitespace-changed"
    severity = "info"
    message = "the template {change} of {whose}"
    needs = ("template",)
    bad = [
        _sample(_STRIPS, "    return x"),
        _sample(_STRIPS, "\nyes\n"),
        _sample(_STRIPS, " Continue"),
        _sample(_JOINS, "def f(x):\n    return x"),
    ]
    good = [
        _sample(_KEEPS, "    return x\n"),
        _sample(_STRIPS, "def f(x):\n    return x"),
        _sample(_STRIPS, "<think>a</think>\n\nreturn x"),
        _sample("{% for m in messages %}{{ m.content | tojson }}{% endfor %}", "\tif x:\n\t\treturn"),
        _sample("{% for m in messages %}{{ m.role }}{% endfor %}", " \n yes "),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A finding for each message whose white space does not reach the model."""
        shown = [
            (dialogue, list(edges_of(dialogue)), result.text)
            for dialogue, result in chunk.rendered
            if isinstance(result, Rendered)
        ]
        found = [
            (dialogue, edge, "changes white space inside", "warning")
            for dialogue, edges, text in shown
            for edge in edges
            if is_changed_inside(edge.core, text)
        ]
        edged = [(dialogue, some) for dialogue, edges, _ in shown if (some := [e for e in edges if e.lead or e.trail])]
        keys = [(form_of(dialogue), *((e[:2], e.lead, e.trail) for e in edges)) for dialogue, edges in edged]
        # Rows of one form with the same white space fare alike.
        first = {key: number for number, key in reversed(list(enumerate(keys)))}
        fates = dict(zip(first, fates_of(chunk, [edged[number] for number in first.values()]), strict=True))
        found += [
            (dialogue, edge, *told)
            for (dialogue, edges), key in zip(edged, keys, strict=True)
            for edge, (start, end) in zip(edges, fates[key], strict=True)
            if (told := _told(dialogue, edge, start, end)) is not None
        ]
        lines = [(d.row, edge.pointer(d), change, edge.whose(d), severity) for d, edge, change, severity in found]
        schema = {"row": pl.UInt32, **dict.fromkeys(("pointer", "change", "whose", "severity"), pl.String)}
        # Both sides of a preference row hold its prompt.
        return pl.DataFrame(lines, schema=schema, orient="row").unique(maintain_order=True) if lines else none()


def _told(dialogue: Dialogue, edge: Edge, start: str, end: str) -> tuple[str, str] | None:
    """What the template does, and how bad that is."""
    changed = [where for where, fate in (("start", start), ("end", end)) if fate != "kept"]
    if not changed:
        return None
    indentation = edge.lead.rpartition("\n")[2]
    answer = dialogue.conversation.messages[edge.message].get("role") == "assistant"
    if answer and start == "lost" and (len(indentation) > 1 or "\t" in indentation):
        return "strips the indentation at the start", "warning"
    return f"strips white space at the {changed[0]}" if len(changed) == 1 else "strips white space at both ends", "info"
