"""FMT104."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.rule import Fix, Found, Rule, none
from datalint.views.turns import ROLES
from datalint_rules.fmt.talk import spoken


@dataclass(frozen=True)
class RoleOrder(Rule):
    """Two turns of one role follow each other, or the assistant speaks before any user.

    ## What it does
    Looks at the roles of every message list, system turns left out. Results of parallel tool calls may follow each
    other. The finding is at the second of the two turns.

    ## Why is this bad?
    Many templates raise, others render the row as a conversation that never happens; LLaMA-Factory drops it with a
    log line.

    ## Example
    The roles user, assistant, user, user.

    ## Fix safety
    Unsafe: neighbouring turns of one role become one, joined by a blank line. Turns with tool calls or with content
    that is no text, and an assistant that speaks first, are left for a person.

    ## Options
    None.

    ## References
    together-python's and torchtune's message checks; smol-course issue #260.
    """

    code, name = "FMT104", "role-order"
    severity = "error"
    message = "{said} follows {before}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "joins the turns with a blank line"
    bad = [
        [
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                    {"role": "user", "content": "c"},
                    {"role": "user", "content": "d"},
                    {"role": "assistant", "content": "e"},
                ]
            }
        ],
        [
            {
                "conversations": [
                    {"from": "human", "value": "a"},
                    {"from": "human", "value": "b"},
                    {"from": "gpt", "value": "c"},
                ]
            }
        ],
    ]
    good = [
        [
            {
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}, {"id": "2"}]},
                    {"role": "tool", "content": "x"},
                    {"role": "tool", "content": "y"},
                    {"role": "assistant", "content": "b"},
                ]
            }
        ],
        [
            {
                "conversations": [
                    {"from": "human", "value": "a"},
                    {"from": "function_call", "value": "{}"},
                    {"from": "observation", "value": "x"},
                    {"from": "gpt", "value": "b"},
                ]
            }
        ],
        [
            {
                "prompt": [{"role": "user", "content": "a"}],
                "completion": [{"role": "assistant", "content": "b"}],
            }
        ],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        again = ~pl.col("first") & (pl.col("role") == pl.col("role").shift(1)) & (pl.col("role") != "tool")
        early = pl.col("first") & (pl.col("role") == "assistant") & (pl.col("field") != "completion")
        odd = chunk.once(spoken).filter((again | early) & (pl.col("field") != "completions"))
        # Cells that are plain text have no order of roles.
        odd = odd.filter(pl.col("pointer").str.contains(r"/\d+/[^/]+$"))
        asks = pl.col("field").is_in(["messages", "prompt"])
        if not odd.select(asks).to_series().all():
            # An answer of its own follows what the row asks elsewhere.
            asked = chunk.turns.filter((pl.col("role") == "user") & asks)["row"]
            odd = odd.filter(~pl.col("first") | asks | ~pl.col("row").is_in(asked.implode()))
        if odd.is_empty():
            return none()
        odd = odd.with_columns(pl.col("pointer").str.replace(r"/[^/]+$", ""))
        # Only rows at fault come here: whether two turns can be joined is a question for Python.
        joins = [
            not first and _mergeable(chunk.values[row], where)
            for first, row, where in odd.select("first", "row", "pointer").iter_rows()
        ]
        fixable = pl.lit(pl.Series(joins, dtype=pl.Boolean))
        return odd.select(
            "row",
            "pointer",
            "said",
            before=pl.when("first").then(pl.lit("no user turn")).otherwise(pl.format("another {}", "role")),
            fix_kind=pl.when(fixable).then(pl.lit("rewrite")),
            fix_safety=pl.when(fixable).then(pl.lit("unsafe")),
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for column in {f.pointer.split("/")[1] for f in found if f.pointer}:
            if isinstance(row.get(column), list):
                row[column] = _merged(row[column])
        return row


def _mergeable(row: dict[str, Any] | None, where: str) -> bool:
    """The turn at `where` and the one right before it can become one."""
    *_, column, index = where.split("/")
    messages = (row or {}).get(column.replace("~1", "/").replace("~0", "~"))
    at = int(index)
    if not isinstance(messages, list) or at == 0:
        return False
    last, item = messages[at - 1], messages[at]
    return isinstance(last, dict) and isinstance(item, dict) and _joins(last, item)


def _merged(messages: list[Any]) -> list[Any]:
    done: list[Any] = []
    for item in messages:
        last = done[-1] if done else None
        if isinstance(item, dict) and isinstance(last, dict) and _joins(last, item):
            key = "value" if "value" in item else "content"
            done[-1] = {**last, key: f"{last[key]}\n\n{item[key]}"}
        else:
            done.append(item)
    return done


def _joins(last: dict[str, Any], item: dict[str, Any]) -> bool:
    """Same role, both plain text, nothing else in the later turn that would be lost."""
    who, key = ("from", "value") if "value" in item else ("role", "content")
    role = ROLES.get(str(item.get(who)), item.get(who))
    same = ROLES.get(str(last.get(who)), last.get(who)) == role and role not in ("tool", "system")
    plain = isinstance(last.get(key), str) and isinstance(item.get(key), str)
    more = {k for k, v in item.items() if v is not None and last.get(k) != v} - {who, key}
    return same and plain and not more and not last.get("tool_calls") and item.get(who) != "function_call"
