"""FMT102."""

from dataclasses import dataclass

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Rule, none
from datalint.views.turns import escape
from datalint_rules.fmt.talk import PLAIN, role_of

# Formats with one conversation to learn from, and where it stands. The sides of a preference are PREF006's.
_ANSWER = {
    "chat": ("messages",),
    "sharegpt": ("messages",),
    "prompt-completion": ("completion",),
    "unpaired": ("completion", "messages"),
}


@dataclass(frozen=True)
class NoTrainableTurn(Rule):
    """A conversation has no turn that the loss sees.

    ## What it does
    Reports rows of messages, and completions that are message lists, without a turn of the assistant, and those in
    which every turn of the assistant is switched off (`weight: 0`, `train: false`). A tool call is a turn to learn.

    ## Why is this bad?
    With the loss on answers alone the row is all mask: providers refuse the file, trainers divide by zero or spend
    a step on nothing.

    ## Example
    `{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a river."}]}`

    ## Fix safety
    Unsafe: the row is dropped, unless it has messages whose role nobody knows (FMT101): one may be the answer.

    ## Options
    None.

    ## References
    The message checks of openai-python, together-python and the validator for Amazon Nova; EAGLE issue #51.
    """

    code, name = "FMT102", "no-trainable-turn"
    severity = "error"
    message = "{why}: the loss sees nothing of this row"
    fix = Fix("drop", "unsafe")
    fix_title = "drops the row"
    bad = [
        [{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a river."}]}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": 0}]}],
        [{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a", "train": False}]}],
        [{"messages": []}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "narrator", "content": "n"}]}],
        [{"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "user", "content": "a"}]}],
    ]
    good = [
        [
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": "a", "weight": 0},
                    {"role": "user", "content": "r"},
                    {"role": "assistant", "content": "b", "weight": 1},
                ]
            }
        ],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "Assistant", "content": "a"}]}],
        [{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [{"id": "1"}]}]}],
        [{"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "{}"}]}],
        [{"prompt": [{"role": "user", "content": "q"}]}],
        [{"prompt": "q", "completion": "a"}],
        [
            {
                "conversations": [{"from": "human", "value": "q"}],
                "chosen": {"from": "gpt", "value": "a"},
                "rejected": {"from": "gpt", "value": "b"},
            }
        ],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        learnt = chunk.turns["row"].filter(chunk.turns["trained"]).unique()
        silent = chunk.rows.filter(pl.col("format").is_in([*_ANSWER]) & ~pl.col("row").is_in(learnt.implode()))
        # Only rows at fault come here: why is a question for Python.
        lines = [line for row in silent["row"] if (line := _line(chunk, row))]
        if not lines:
            return none()
        return pl.DataFrame(
            lines,
            schema={"row": pl.UInt32, "pointer": pl.String, "why": pl.String, "fix_kind": pl.String},
            orient="row",
        ).with_columns(fix_safety=pl.lit("unsafe"))


def _line(chunk: Chunk, row: int) -> tuple[int, str, str, str | None] | None:
    value, shape = chunk.values[row], chunk.shapes[row]
    if value is None or shape is None:
        return None
    column = next((shape.fields[field] for field in _ANSWER[shape.format] if field in shape.fields), "")
    cell = value.get(column)
    messages = [cell] if isinstance(cell, dict) else cell
    if not isinstance(messages, list):
        return None  # missing (FMT005), or messages in text (FMT008)
    roles = [role_of(message) for message in messages]
    answers = [message for message, role in zip(messages, roles, strict=True) if role == "assistant"]
    if any(message.get("weight", 1) != 0 and message.get("train", True) is not False for message in answers):
        return None  # an assistant under another spelling (FMT101)
    why = "every turn of the assistant is switched off" if answers else "there is no turn of the assistant"
    return row, "/" + escape(column), why, "drop" if all(role in PLAIN for role in roles) else None
