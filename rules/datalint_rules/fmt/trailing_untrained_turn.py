"""FMT103."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.fmt.talk import list_at, role_of, spoken

_UNTRAINED = ("user", "tool")


@dataclass(frozen=True)
class TrailingUntrainedTurn(Rule):
    """A conversation goes on after its last answer.

    ## What it does
    Reports message lists in which the last turn is a user's or a tool's, system turns left out. The finding is at
    the last turn. Rows without any turn of the assistant are FMT102's; prompts of preference rows end like that.

    ## Why is this bad?
    Nothing is learnt from that tail. Trainers cut it off without a word, warn, drop the row, or pay for tokens that
    have no loss.

    ## Example
    The roles user, assistant, user.

    ## Fix safety
    Unsafe: the tail is cut off. No fix where no user speaks before the last answer: there the turns may be out of
    order.

    ## Options
    None.

    ## References
    The message checks of mistral-finetune, FastChat, axolotl (a warning) and LLaMA-Factory (drops the row).
    """

    code, name = "FMT103", "trailing-untrained-turn"
    severity = "warning"
    message = "the conversation ends with {said}: nothing is learnt from what follows the last answer"
    fix = Fix("rewrite", "unsafe")
    fix_title = "cuts off what follows the last answer"
    bad = [
        [
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                    {"role": "user", "content": "c"},
                    {"role": "user", "content": "d"},
                ]
            }
        ],
        [
            {
                "conversations": [
                    {"from": "human", "value": "a"},
                    {"from": "function_call", "value": "{}"},
                    {"from": "observation", "value": "x"},
                ]
            }
        ],
        [
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                    {"role": "user", "content": "c"},
                    {"role": "system", "content": "s"},
                ]
            }
        ],
        [{"messages": [{"role": "assistant", "content": "b"}, {"role": "user", "content": "a"}]}],
        [
            {
                "prompt": [{"role": "user", "content": "a"}],
                "completion": [{"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}],
            }
        ],
    ]
    good = [
        [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}],
        [
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                    {"role": "user", "content": "c"},
                    {"role": "assistant", "content": "d", "weight": 0},
                ]
            }
        ],
        [{"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}],
        [{"messages": [{"role": "user", "content": "a"}]}],
        [
            {
                "conversations": [
                    {"from": "human", "value": "a"},
                    {"from": "gpt", "value": "b"},
                    {"from": "human", "value": "c"},
                ],
                "chosen": {"from": "gpt", "value": "d"},
                "rejected": {"from": "gpt", "value": "e"},
            }
        ],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        ends = chunk.once(spoken).filter(pl.col("last") & (pl.col("role") != "assistant"))
        listed = pl.col("field").is_in(["messages", "completion"]) & pl.col("pointer").str.contains(r"/\d+/[^/]+$")
        ends = ends.filter(pl.col("role").is_in(_UNTRAINED) & listed)
        if ends.is_empty():
            return none()
        ends = ends.with_columns(pl.col("pointer").str.replace(r"/[^/]+$", ""))
        # Only rows at fault come here: what else the row holds is a question for Python.
        lists = [list_at(chunk.values[row], where) for row, where in ends.select("row", "pointer").iter_rows()]
        asked = [
            _is_conversation(chunk, row, field) and any(role_of(item) == "assistant" for item in messages)
            for row, field, messages in zip(ends["row"], ends["field"], lists, strict=True)
        ]
        fixable = [_cut(messages) is not None for messages in lists]
        ends = ends.with_columns(fix_kind=pl.when(pl.Series(fixable, dtype=pl.Boolean)).then(pl.lit("rewrite")))
        return ends.filter(pl.Series(asked, dtype=pl.Boolean)).select(
            "row", "pointer", "said", "fix_kind", fix_safety=pl.lit("unsafe")
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            messages = list_at(row, item.pointer or "")
            cut = _cut(messages)
            if cut is not None:
                messages[:] = cut
        return row


def _is_conversation(chunk: Chunk, row: int, field: str) -> bool:
    """The list holds the answer; it is not the prompt of an answer that stands in another column."""
    shape = chunk.shapes[row]
    return shape is not None and (
        field == "completion" or not {"completion", "chosen", "rejected"} & shape.fields.keys()
    )


def _cut(messages: Sequence[Any]) -> list[Any] | None:
    """The messages without users and tools after the last answer; None where no user speaks before that."""
    roles = [role_of(message) for message in messages]
    last = max((at for at, role in enumerate(roles) if role == "assistant"), default=-1)
    if "user" not in roles[: last + 1] or not set(roles[last + 1 :]) & {*_UNTRAINED}:
        return None
    return [item for at, item in enumerate(messages) if at <= last or roles[at] not in _UNTRAINED]
