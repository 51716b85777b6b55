"""FMT101."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from datalint.brief import heads
from datalint.chunk import Chunk
from datalint.location import replace, resolve
from datalint.rule import Fix, Found, Rule, Totals, option
from datalint.views.turns import ROLES
from datalint_rules.fmt.talk import PLAIN, SHAREGPT, by_from, folded

# The name that a role has in ShareGPT rows.
_NATIVE = {"user": "human", "assistant": "gpt", "tool": "observation", "system": "system"}
_CALL = "function_call"
_LINE = {
    "row": pl.UInt32,
    "pointer": pl.String,  # null in lines that only say which names there are
    "said": pl.String,
    "role": pl.String,
    "target": pl.String,  # what it is to be called
    "sure": pl.Boolean,  # another spelling, nothing else
    "call": pl.Boolean,  # a tool call as text
}


@dataclass(frozen=True)
class UnknownRole(Rule):
    """A message's role is none that chat templates know.

    ## What it does
    Looks at the role of every message. Known are system, developer, user, assistant and tool; in ShareGPT messages
    (`from`) also human, gpt, function_call and observation. Names of other tools (human, gpt, bot, chatbot, model,
    ai, function, function_call, observation, ipython) and other spellings (`Assistant`) are reported with the name
    that they mean. A message without a role is reported too.

    ## Why is this bad?
    Many templates render nothing for a role that they do not know, and raise nothing: the turn is gone. Other
    trainers skip the row or stop.

    ## Example
    `{"role": "gpt", "content": "The Ucayali."}`

    ## Fix safety
    The role is renamed, the text stays. Safe where the name is another spelling, or where the file writes that role
    with this name alone; unsafe where it has several names for it: they may be several speakers. A `function_call`
    among messages becomes an assistant's `tool_calls`, which is unsafe. Names that nobody knows have no fix.

    ## Options
    - `roles`: more names that the template in use knows.

    ## References
    LLaMA-Factory pull request #8197 and issue #2481 (rows skipped for their role's name); the message checks of
    openai-python, together-python and torchtune.
    """

    code, name = "FMT101", "unknown-role"
    severity = "error"
    within = "file"
    message = "{what}"
    fix = Fix("rewrite", "safe")
    fix_title = "renames the role"
    bad = [
        [
            {"messages": [{"role": "user", "content": "Name a lake."}, {"role": "bot", "content": "Baikal."}]},
            {"messages": [{"role": "user", "content": "Name a hill."}, {"role": "bot", "content": "Blorenge."}]},
        ],
        [{"messages": [{"role": "human", "content": "a"}, {"role": "gpt", "content": "b"}]}],
        [{"messages": [{"role": "User", "content": "a"}, {"role": "ASSISTANT ", "content": "b"}]}],
        [{"conversations": [{"from": "human", "value": "a"}, {"from": "bot", "value": "b"}]}],
        [{"messages": [{"role": "user", "content": "a"}, {"role": "narrator", "content": "b"}]}],
        [{"messages": [{"content": "a"}, {"role": "assistant", "content": "b"}]}],
        [{"prompt": [{"role": "human", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}],
        [
            {
                "messages": [
                    {"role": "user", "content": "Rain in Oslo?"},
                    {"role": "function_call", "content": '{"name": "rain", "arguments": {"city": "Oslo"}}'},
                    {"role": "observation", "content": "yes"},
                    {"role": "assistant", "content": "It rains."},
                ]
            }
        ],
    ]
    good = [
        [
            {
                "messages": [
                    {"role": "developer", "content": "d"},
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]},
                    {"role": "tool", "content": "x"},
                    {"role": "assistant", "content": "b"},
                ]
            }
        ],
        [
            {
                "conversations": [
                    {"from": "system", "value": "s"},
                    {"from": "human", "value": "a"},
                    {"from": "function_call", "value": "{}"},
                    {"from": "observation", "value": "x"},
                    {"from": "gpt", "value": "b"},
                ]
            }
        ],
        [{"conversations": [{"from": "human", "content": "a"}, {"from": "gpt", "content": "b"}]}],
        [{"prompt": "role: bot", "completion": "model", "role": "bot"}],
    ]

    roles: tuple[str, ...] = option((), "More names of roles that the template in use knows.")

    def map(self, chunk: Chunk) -> pl.DataFrame:
        """A line for each message at fault, and one for each name that the chunk has for a role."""
        talk = chunk.turns.select("row", "said", "pointer", "field")
        talk = talk.filter(~pl.col("field").is_in(["text", "completions", "system"])).drop("field")
        said, known = set(talk["said"].unique()), {*PLAIN, *self.roles}
        odd = talk.filter(pl.col("said").is_in([*said - known])) if said - known else talk.clear()
        native = pl.col("pointer").str.ends_with("/value") & pl.col("said").is_in(SHAREGPT)
        # A pointer of one part leads to a cell of text, which has no role of its own.
        odd = odd.filter(~native & pl.col("pointer").str.contains("/.*/"))
        lines = [self._line(chunk, *turn) for turn in odd.iter_rows()]
        names = {(folded(name), ROLES.get(folded(name))) for name in said}
        lines += [(0, None, said, role, None, None, None) for said, role in sorted(names, key=str) if said != _CALL]
        return pl.DataFrame([line for line in lines if line], schema=_LINE, orient="row")

    def _line(self, chunk: Chunk, row: int, said: str, pointer: str) -> tuple[Any, ...] | None:
        place = pointer.rpartition("/")[0]
        message = resolve(chunk.values[row], place)
        sharegpt, name = by_from(message), folded(said)
        if sharegpt and said in SHAREGPT:
            return None
        role, sure = ROLES.get(name), name in (SHAREGPT if sharegpt else PLAIN)
        target = name if sure else role and (_NATIVE[role] if sharegpt else role)
        call = name == _CALL and not sure
        if call and _calls(message.get("content")) is None:
            target = None
        key = "from" if sharegpt else "role"
        return row, f"{place}/{key}" if key in message else place, said, role, target, sure, call

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        told, means = pl.col("pointer").is_not_null(), pl.coalesce("target", "role")
        names = frame.filter(~told).group_by("file", "role").agg(names=pl.col("said").n_unique())
        found = frame.filter(told).join(names, on=["file", "role"], how="left", maintain_order="left")
        safe = pl.col("sure") | (pl.col("names") == 1) & ~pl.col("call")
        hint = pl.when(means.is_not_null()).then(pl.format("; it means {}", means)).otherwise(pl.lit(""))
        found = found.with_columns(heads(found["said"], 40))
        said = pl.col("said")
        return found.select(
            "file",
            "row",
            "pointer",
            said=said,
            target="target",
            what=pl.when(said == "")
            .then(pl.lit("the message has no role"))
            .otherwise(pl.format("role '{}' is unknown to chat templates{}", said, hint)),
            fix_kind=pl.when(pl.col("target").is_not_null()).then(pl.lit("rewrite")),
            fix_safety=pl.when(safe).then(pl.lit("safe")).otherwise(pl.lit("unsafe")),
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for item in found:
            place, _, key = (item.pointer or "").rpartition("/")
            message, target = resolve(row, place), item.args["target"]
            if not isinstance(message, dict) or key not in message or target is None:
                continue
            if key == "role" and folded(str(message[key])) == _CALL:
                # The text was the call: as an answer's text it would be trained as prose.
                made = {**message, "role": target, "content": "", "tool_calls": _calls(message.get("content"))}
                row = replace(row, place, made)
            else:
                row = replace(row, item.pointer or "", target)
        return row


def _calls(content: Any) -> list[dict[str, Any]] | None:
    """Tool calls in JSON text, one or a list, as the API wraps them; None where the text is none."""
    try:
        calls = msgspec.json.decode(content) if isinstance(content, str) else None
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    calls = calls if isinstance(calls, list) else [calls]
    if not calls or not all(isinstance(call, dict) and call.keys() == {"name", "arguments"} for call in calls):
        return None
    return [{"type": "function", "function": call} for call in calls]
