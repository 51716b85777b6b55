"""TXT014."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import replace
from datalint.rule import Fix, Found, Rule, Totals, none, option
from datalint.views.turns import Turn
from datalint_rules.txt.context import asked, talks, text_at
from datalint_rules.txt.thinking import (
    EMPTY,
    LEAKED,
    OFF,
    UNCLOSED,
    begins_line,
    fault,
    has_tags,
    leaks,
    opens,
    repaired,
    switches_off,
)

_SILENT = r"(?i)<think(?:ing)?>\s*</think(?:ing)?>"
_REASONS = r"(?i)<think(?:ing)?>\s*[^\s<]|[^\s>]\s*</think(?:ing)?>"


@dataclass(frozen=True)
class ThinkTags(Rule):
    r"""Reasoning tags are out of balance, nested, empty or in a user's turn, or only a part of the dataset reasons.

    ## What it does
    Looks at `<think>` and `<thinking>` in the turns of conversations, outside of code and where a tag is not just
    talked about: one that is never closed, a `</think>` that nothing opened (unless the prompt text ends in
    `<think>`), a block inside of a block, an empty block (unless the prompt switches reasoning off, as `/no_think`
    does), and reasoning in a user's turn. Over the dataset it reports when between 5 % and 95 % of the answers reason,
    in tags or in a field of their own; answers that say that reasoning is off are not counted.

    ## Why is this bad?
    Templates and servers cut the reasoning off at its tags: where they are broken, the model shows its reasoning as
    the answer, or has none. Trained on both kinds, it reasons at random.

    ## Example
    An answer `2+2\n</think>\n\n4` without the opening tag.

    ## Fix safety
    Unsafe: an empty block is removed, an orphan `</think>` gets its `<think>`, the tags of a nested block and reasoning
    in a user's turn are removed; a row whose reasoning never ends is dropped.

    ## Options
    - `low`: smallest share of answers that reason for the dataset to be mixed.
    - `high`: largest share of answers that reason for the dataset to be mixed.
    - `min-rows`: fewer rows say nothing about the dataset.

    ## References
    NeMo Curator's filters for Nemotron's reasoning data, open-instruct's filters of chains of thought, TRL issue #6361.
    """

    code, name = "TXT014", "think-tags"
    severity = "warning"
    message = "{what}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "repairs or removes the tags"
    literals = (
        *("think>", "thinking>", "/no_think", "/nothink"),
        *("thinking off", "thinking: off", "reasoning off", "reasoning: off"),
    )
    bad = [
        [{"prompt": "2+2?", "completion": "2+2\n</think>\n\n4"}],
        [{"prompt": "2+2?", "completion": "<think>I add two to"}],
        [{"prompt": "2+2?", "completion": "<think>\n\n</think>\n\n4"}],
        [{"prompt": "2+2?", "completion": "<think>a<think>b</think>c</think>4"}],
        [
            {
                "messages": [
                    {"role": "user", "content": "<think>They want 4.</think>2+2?"},
                    {"role": "assistant", "content": "4"},
                ]
            }
        ],
        [{"prompt": f"{i}+1?", "completion": f"<think>add</think>{i + 1}" if i % 2 else f"{i + 1}"} for i in range(10)],
    ]
    good = [
        [{"prompt": "2+2?", "completion": "<think>\nadd\n</think>\n\n4"}],
        [{"prompt": "2+2?<think>\n", "completion": "add</think>\n\n4"}],
        [{"prompt": "2+2? /no_think", "completion": "<think>\n\n</think>\n\n4"}],
        [{"prompt": "2+2? Reason inside <think> </think> tags.", "completion": "<think>add</think>4"}],
        [{"prompt": "What opens it?", "completion": "The <think> tag does; `</think>` closes it."}],
        [{"prompt": f"{i}+1?", "completion": f"<think>add</think>{i + 1}" if i else "1"} for i in range(40)],
        [{"text": "<think>"}],
    ]

    low: float = option(0.05, "Smallest share of answers that reason for the dataset to be mixed.")
    high: float = option(0.95, "Largest share of answers that reason for the dataset to be mixed.")
    min_rows: int = option(4, "Fewest rows that say something about the dataset.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        suspects = chunk.texts_with(self.literals)["row"].unique()
        found = [
            (row, turn.pointer, what, kind)
            for row, turns in talks(chunk, suspects.to_list())
            for number, turn in enumerate(turns)
            for what, kind in [_fault(turns, number, chunk.values[row])]
            if what
        ]
        schema = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String, "fix_kind": pl.String}
        faults = pl.DataFrame(found, schema=schema, orient="row")
        return pl.concat([faults, _habit(chunk, suspects)], how="diagonal_relaxed")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        faults = frame.filter(pl.col("what").is_not_null())
        faults = faults.select("file", "row", "pointer", "what", "fix_kind")
        if "answers" not in frame.columns:  # no row has an answer of its own
            return faults
        habit = frame.select(pl.col("reasons", "answers").sum(), pl.col("file").min())
        reasons, answers, file = habit.row(0)
        if answers < self.min_rows or not self.low <= reasons / answers <= self.high:
            return faults
        what = f"only a part of the dataset reasons: {reasons} of {answers} answers"
        mixed = pl.DataFrame({"file": [file], "what": [what]}, schema_overrides={"file": pl.UInt32})
        return pl.concat([mixed, faults], how="diagonal_relaxed")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            text = text_at(row, item.pointer or "")
            if text is not None:
                row = replace(row, item.pointer or "", repaired(text, item.args["what"]))
        return row


def _habit(chunk: Chunk, suspects: pl.Series) -> pl.DataFrame:
    """How many rows have an answer that might reason, and how many do: a line, or none."""
    said, row = pl.col("content").fill_null(""), pl.col("row")
    answers = chunk.turns.filter(
        (pl.col("role") == "assistant") & pl.col("field").is_in(["messages", "output", "completion", "chosen"])
    )
    # An answer that is all tool call has no room for reasoning in its text.
    answers = answers.filter((said.str.contains(r"\S") & pl.col("calls").is_null()) | pl.col("reasoning").is_not_null())
    if not answers.height:
        return none()
    apart = answers.filter(pl.col("reasoning").is_not_null())
    reason, silent = [apart.filter(pl.col("reasoning").str.strip_chars() != "")["row"]], []
    rows = answers["row"]
    # Expressions run over the few texts with a tag or a switch; all other rows are but counted.
    if len(suspects):
        near, tagged = (frame.filter(row.is_in(suspects.implode())) for frame in (chunk.turns, answers))
        reason.append(tagged.filter(said.str.contains(_REASONS))["row"])
        prompts = near.filter(pl.col("role") != "assistant")
        silent = [tagged.filter(said.str.contains(_SILENT))["row"], prompts.filter(said.str.contains(OFF))["row"]]
    reasons = pl.concat(reason).unique()
    if silent:
        off = pl.concat(silent).implode()
        rows = answers.filter(row.is_in(reasons.implode()) | row.is_in(off).not_())["row"]
    if not len(rows):
        return none()
    counts = {"row": [rows[0]], "reasons": [len(reasons)], "answers": [rows.n_unique()]}
    return pl.DataFrame(counts, schema_overrides={"row": pl.UInt32})


def _fault(turns: Sequence[Turn], number: int, value: dict[str, Any] | None) -> tuple[str | None, str | None]:
    """What is wrong with a turn's tags, and how it is fixed: rewrite, drop, or None."""
    turn, before = turns[number], turns[number - 1] if number else None
    text = turn.content or ""
    if turn.role not in ("user", "assistant") or turn.field in ("text", "label", "completions"):
        return None, None
    plain = text_at(value, turn.pointer) is not None
    if turn.role == "user":
        # What a prompt of plain text opens at its end is its answer's.
        if not has_tags(text) or (turn.field == "prompt" and opens(text)) or not leaks(text):
            return None, None
        return LEAKED, "rewrite" if plain and repaired(text, LEAKED).strip() else None
    opened = before is not None and before.field == "prompt" and opens(before.content or "")
    what = fault(text, opened=opened) if opened or has_tags(text) else None
    if what == EMPTY and any(switches_off(t.content or "") for t in turns[:number] if t.role != "assistant"):
        return None, None
    # Who asks about the tags is answered with them.
    if what not in (None, EMPTY) and not begins_line(text) and has_tags(asked(turns, number)):
        return None, None
    if what is None or not plain:
        return what, None
    fixed = repaired(text, what)
    mended = what != UNCLOSED and fixed.strip() and fault(fixed, opened=opened) is None
    return what, "rewrite" if mended else "drop"
