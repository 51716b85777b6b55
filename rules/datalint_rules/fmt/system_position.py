"""FMT105."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, none
from datalint_rules.fmt.talk import by_from, list_at, role_of


@dataclass(frozen=True)
class SystemPosition(Rule):
    """A system turn is not the first one, or there are several.

    ## What it does
    Reports, once for a message list, the first system turn that does not open it. A developer turn may follow the
    system turn that opens the list, as some APIs have it.

    ## Why is this bad?
    Templates read the first message as the system prompt. A later one raises, or is dropped, or is rendered in a
    form that the model never saw.

    ## Example
    The roles user, system, assistant.

    ## Fix safety
    Unsafe: the system turns become one at the front, joined by a blank line, a text that repeats only once: the
    instruction then holds from the start. No fix where joining would lose something: content that is no text, other
    keys, or a `system` column beside.

    ## Options
    None.

    ## References
    The message checks of torchtune, mistral-finetune and LLaMA-Factory; of 28 stock chat templates 3 drop a system
    turn in the middle.
    """

    code, name = "FMT105", "system-position"
    severity = "warning"
    message = "{what}: templates take the first message alone for the system prompt"
    fix = Fix("rewrite", "unsafe")
    fix_title = "joins the system turns at the front"
    bad = [
        [
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "system", "content": "s"},
                    {"role": "assistant", "content": "b"},
                ]
            }
        ],
        [
            {
                "conversations": [
                    {"from": "system", "value": "s"},
                    {"from": "system", "value": "t"},
                    {"from": "human", "value": "a"},
                    {"from": "gpt", "value": "b"},
                ]
            }
        ],
        [
            {
                "system": "s",
                "conversations": [
                    {"from": "human", "value": "a"},
                    {"from": "gpt", "value": "b"},
                    {"from": "system", "value": "t"},
                ],
            }
        ],
        [
            {
                "prompt": [{"role": "user", "content": "a"}, {"role": "system", "content": "s"}],
                "completion": [{"role": "assistant", "content": "b"}],
            }
        ],
    ]
    good = [
        [
            {
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "developer", "content": "d"},
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                ]
            }
        ],
        [{"system": "s", "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}],
        [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "system"}]}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        system = chunk.turns.filter(pl.col("role") == "system")
        later = system.filter(
            pl.col("field").is_in(["messages", "prompt"]) & pl.col("pointer").str.contains(r"/0*[1-9]\d*/[^/]+$")
        )
        if later.is_empty():
            return none()
        later = later.unique(["row", "field"], keep="first", maintain_order=True)
        # Only rows with a later system turn come here.
        found = [_line(chunk.values[row], row, where) for row, where in later.select("row", "pointer").iter_rows()]
        names = {"row": pl.UInt32, "pointer": pl.String, "what": pl.String, "fix_kind": pl.String}
        frame = pl.DataFrame([line for line in found if line], schema=names, orient="row")
        return frame.with_columns(fix_safety=pl.lit("unsafe"))

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            messages = list_at(row, item.pointer or "")
            joined = _joined(row, messages)
            if joined is not None:
                messages[:] = joined
        return row


def _line(row: Mapping[str, Any] | None, number: int, where: str) -> tuple[int, str, str, str | None] | None:
    messages = list_at(row, where)
    odd = _odd(messages)
    if row is None or not odd:
        return None
    first = role_of(messages[0]) == "system"
    what = "there is a second system turn" if first else "the system turn is not the first one"
    place = f"/{where.split('/')[1]}/{odd[0]}"
    return number, place, what, None if _joined(row, messages) is None else "rewrite"


def _said(message: Mapping[str, Any]) -> Any:
    return message.get("from" if by_from(message) else "role")


def _odd(messages: Sequence[Any]) -> list[int]:
    """Where system turns stand that should not: all but the first, and a developer's turn right after it."""
    places = [at for at, message in enumerate(messages) if role_of(message) == "system"]
    opened = places[:2] == [0, 1] and (_said(messages[0]), _said(messages[1])) == ("system", "developer")
    return [at for at in places if at > opened]


def _joined(row: Mapping[str, Any], messages: Sequence[Any]) -> list[Any] | None:
    """The messages with their system turns joined at the front; None where that would lose something."""
    if row.get("system") or not all(isinstance(message, dict) for message in messages):
        return None
    turns = [message for message in messages if role_of(message) == "system"]
    front = []
    for said in ("system", "developer"):
        same = [turn for turn in turns if _said(turn) == said]
        if len(same) > 1:
            key = "value" if "value" in same[0] else "content"
            texts = [turn.get(key) for turn in same]
            rest = [{k: v for k, v in turn.items() if k != key} for turn in same]
            if not all(isinstance(text, str) for text in texts) or any(other != rest[0] for other in rest):
                return None
            same = [{**same[0], key: "\n\n".join(dict.fromkeys(texts))}]
        front += same
    if len(front) < len({_said(turn) for turn in turns}):
        return None
    return front + [message for message in messages if role_of(message) != "system"]
