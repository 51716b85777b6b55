"""TPL001."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import part
from datalint.chunk import Chunk
from datalint.location import parts
from datalint.rule import Fix, Found, Rule, Sample, none
from datalint.tokens import RenderError
from datalint_rules.tool.trials import faults
from datalint_rules.tpl.repairs import FIXABLE, causes_of, role_of

_STRICT = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('no such order') }}{% endif %}"
    "<{{ m.role }}>{{ m.content }}\n{% endfor %}"
)


def _sample(*roles: str) -> Sample:
    rows = [{"messages": [{"role": role, "content": f"{role} says {i}"} for i, role in enumerate(roles)]}]
    return Sample({"train.jsonl": rows, "strict.jinja": _STRICT}, {"chat_template": "strict.jinja"})


@dataclass(frozen=True)
class TemplateError(Rule):
    """The model's chat template refuses the row.

    ## What it does
    Renders every row that has message lists with the template, in a sandboxed process with limits, and
    reports what raises, in the template's own words. The cause is found by trying: the row is rendered again
    without system turns, with neighbours of one role joined, without null contents, with lists of blocks as text
    and texts as lists, and without tool turns. A row that tool arguments in another shape would mend is TOOL002's. A
    template that runs into the limits three times is given up.

    ## Why is this bad?
    The trainer stops at this row, or drops it with a line in a log.

    ## Example
    A system turn, and the template of Gemma: "System role not supported".

    ## Fix safety
    Unsafe: a system text is put before the user turn that follows it, and neighbours of one role become one
    turn, each with a blank line between. Other causes are left for a person.

    ## Options
    None.

    ## References
    mistral.rs issue #45, unsloth issue #334; the environment is that of transformers' chat templates.
    """

    code, name = "TPL001", "template-error"
    severity = "error"
    message = "{told} (cause: {cause})"
    needs = ("template",)
    fix = Fix("rewrite", "unsafe")
    fix_title = "moves the system text into the user turn, or joins turns of one role"
    bad = [
        _sample("system", "user", "assistant"),
        _sample("user", "user", "assistant"),
        _sample("system", "user", "user", "assistant"),
        _sample("assistant", "user"),
    ]
    good = [
        _sample("user", "assistant"),
        _sample("user", "assistant", "user"),
        Sample(
            {"train.jsonl": [{"prompt": "a", "completion": "b"}], "x.jinja": _STRICT},
            {"chat_template": "x.jinja"},
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A finding for each row that raises or hits a limit."""
        failed = [(d, result) for d, result in chunk.rendered if isinstance(result, RenderError)]
        # Rows after a template was given up say nothing of themselves.
        failed = [(d, result) for d, result in failed if result.kind != "given up"]
        if failed:
            explained = {fault.row for fault in chunk.once(faults) if fault.raises}  # TOOL002's
            failed = [(d, result) for d, result in failed if d.row not in explained]
        if not failed:
            return none()
        causes = causes_of(chunk, [d for d, error in failed if error.kind == "raised"])
        found = []
        for dialogue, error in failed:
            cause, place = causes.get(id(dialogue), ("limits of rendering", None))
            if dialogue.mapped and cause == "form of tool arguments":
                continue  # the form is our choice in a ShareGPT row
            said = part(error.message, 0, 2000)
            told = said if error.kind == "limit" else f"the template raises: {said}"
            kind = "rewrite" if cause in FIXABLE and place is not None else None
            found.append((dialogue.row, place, " ".join(told.split()), cause, kind))
        schema = {
            "row": pl.UInt32,
            "pointer": pl.String,
            "told": pl.String,
            "cause": pl.String,
            "fix_kind": pl.String,
        }
        return pl.DataFrame(found, schema=schema, orient="row").unique(
            ["row", "told"], keep="first", maintain_order=True
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        """The row with the change that let the template render it."""
        for finding in found:
            repair = FIXABLE.get(finding.args["cause"])
            column = parts(finding.pointer or "/")[0]
            if repair is None or not isinstance(row.get(column), list):
                continue
            messages, system = row[column], row.get("system")
            outside = "system" in finding.args["cause"] and bool(system) and isinstance(system, str)
            if outside and role_of(messages[0]) != "system":
                messages = [{"role": "system", "content": system}, *messages]
            repaired = repair(messages)
            if repaired is not None:
                row[column] = repaired
                if outside:
                    del row["system"]
        return row
