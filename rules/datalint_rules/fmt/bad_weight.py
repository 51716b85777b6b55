"""FMT106."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.brief import part
from datalint.chunk import Chunk
from datalint.location import resolve
from datalint.rule import Fix, Found, Rule, none
from datalint.views.turns import ROLES
from datalint_rules.fmt.columns import messages_of


@dataclass(frozen=True)
class BadWeight(Rule):
    """A message's weight is not 0 or 1, or stands on a message that is never trained on.

    ## What it does
    Looks at `weight` in every message: on an assistant's it must be the integer 0 or 1, on any other role there must
    be none. A null is no weight.

    ## Why is this bad?
    Providers refuse the file, or read any weight but 0 as 1: half a weight is a whole one. A weight on a user's message
    does nothing, so whoever wrote it is mistaken about what is trained.

    ## Example
    `{"role": "assistant", "content": "Rome.", "weight": 0.5}`

    ## Fix safety
    Safe: the key is removed where the role is system, user or tool; the loss never saw it. What a wrong weight on an
    answer was meant to be is for a person.

    ## Options
    None.

    ## References
    OpenAI's fine-tuning guide; the checks of together-python and mistral-finetune.
    """

    code, name = "FMT106", "bad-weight"
    severity = "error"
    message = "weight {weight} on {role}: {reason}"
    fix = Fix("rewrite", "safe")
    fix_title = "removes the weight where it has no meaning"
    bad = [
        [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": value}]}]
        for value in (0.5, 2, -1, "1", True, [1])
    ] + [
        [
            {
                "messages": [
                    {"role": "system", "content": "s", "weight": 0},
                    {"role": "user", "content": "a", "weight": 1},
                    {"role": "assistant", "content": "b", "weight": 1},
                ]
            }
        ],
        [{"conversations": [{"from": "human", "value": "a", "weight": 0}, {"from": "gpt", "value": "b"}]}],
    ]
    good = [
        [
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b", "weight": 0},
                    {"role": "user", "content": "c", "weight": None},
                    {"role": "assistant", "content": "d", "weight": 1},
                ]
            }
        ],
        [{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b", "weight": 1}]}],
        [{"prompt": "a", "completion": "b", "weight": 0.5}],
        [{"messages": [{"role": "user", "content": '{"weight": 0.5}'}, {"role": "assistant", "content": "b"}]}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found: list[tuple[int, str, str, str, str, str | None]] = []
        # No view holds weights.
        for row in chunk.odd:
            value, shape = chunk.values[row], chunk.shapes[row]
            if value is None or shape is None:
                continue
            for talk, index, message in messages_of(value, shape):
                weight = message.get("weight")
                if weight is None:
                    continue
                said = str(message.get("role", message.get("from", "no role")))
                told = (row, f"{talk.at(index)}/weight", part(repr(weight), 0, 80), part(said, 0, 80))
                if _untrained(message):
                    found.append((*told, "only an assistant's message has one", "rewrite"))
                elif not _is_weight(weight):
                    found.append((*told, "it must be the integer 0 or 1", None))
        if not found:
            return none()
        schema = ["row", "pointer", "weight", "role", "reason", "fix_kind"]
        return pl.DataFrame(found, schema=schema, orient="row").with_columns(fix_safety=pl.lit("safe"))

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            message = resolve(row, (one.pointer or "").removesuffix("/weight"))
            if _untrained(message):
                message.pop("weight", None)
        return row


def _untrained(message: dict[str, Any]) -> bool:
    """Certainly so: a role that nobody knows may be an assistant's, misspelled."""
    said = message.get("role", message.get("from"))
    return isinstance(said, str) and ROLES.get(said) in ("system", "user", "tool")


def _is_weight(value: Any) -> bool:
    # An integer that shares its column with fractions is stored as 1.0, so that is one as well.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value in (0, 1)
