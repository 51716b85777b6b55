"""TOOL008."""

import re
from dataclasses import dataclass

import polars as pl

from datalint.brief import line_of
from datalint.chunk import Chunk
from datalint.rule import Rule, Totals, none
from datalint_rules.tool.calls import NotJsonError, loads

_SHOWN = 60
# What models write calls in: Hermes and Qwen, Llama, glaive, Mistral, LFM2, DeepSeek, Anthropic.
_MARKED = re.compile(
    r"<tool_call>\s*[{\[<]|<tool_call>[^<]{1,2000}</tool_call>|<function=[\w.-]+>|<functioncall>\s*\{"
    r"|\[TOOL_CALLS\]|<\|tool_call_start\|>|<\|python_tag\|>|<｜tool▁call▁begin｜>|<invoke name="
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_FENCED = re.compile(r"\s*```(?:json|tool_call|tool_code)?\s*\n(.*?)\n?```\s*", re.DOTALL)
_CALL = {"id", "type", "name", "arguments", "parameters"}
_TOOLS = {"user": {"role": "user", "content": "Weather?"}}
_CALLING = {
    "messages": [
        _TOOLS["user"],
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get", "arguments": "{}"}}],
        },
    ]
}


def _saying(text: str) -> dict[str, list[dict[str, str]]]:
    return {"messages": [_TOOLS["user"], {"role": "assistant", "content": text}]}


@dataclass(frozen=True)
class CallAsText(Rule):
    r"""An answer writes a tool call into its text, while other rows have their calls in `tool_calls`.

    ## What it does
    Looks in the assistant's answers for calls in a model's notation (`<tool_call>{...}`, `<function=name>`,
    `[TOOL_CALLS]` and the like) and for answers that are nothing but the JSON of a call. Reports them if any row of
    the dataset has calls in a place of their own. Code blocks and inline code are explanation, not calls.

    ## Why is this bad?
    The template writes proper calls in the notation of the model that is trained. Calls in the text stay as they are,
    in another model's notation perhaps: half of the calls then teach what nothing parses.

    ## Example
    `"content": "<tool_call>{\"name\": \"get_weather\", ...}</tool_call>"` beside rows with `tool_calls`.

    ## Fix safety
    There is no fix: where the text around a call goes is the author's choice.

    ## Options
    None.

    ## References
    The notes of TRL on LFM2's template, which writes calls of its own only.
    """

    code, name = "TOOL008", "call-as-text"
    severity = "warning"
    within = "dataset"
    message = "a tool call in the text ({preview}); other rows have theirs in tool_calls"
    literals = (
        "<tool_call", "<function", "[tool_calls]", "<|tool_call_start|>", "<|python_tag|>", "<｜tool▁call▁begin｜>",
        "<invoke name=", '"arguments"', '"parameters"',
    )  # fmt: skip
    bad = [
        [_CALLING, _saying('<tool_call>\n{"name": "get", "arguments": {}}\n</tool_call>')],
        [_CALLING, _saying("Let me see. <function=get>{}</function>")],
        [_CALLING, _saying('{"name": "get", "arguments": {"city": "Oslo"}}')],
        [_CALLING, _saying('```json\n[{"name": "get", "parameters": {"city": "Oslo"}}]\n```')],
    ]
    good = [
        [_saying('<tool_call>\n{"name": "get", "arguments": {}}\n</tool_call>')],
        [_CALLING, _saying("Qwen writes its calls between <tool_call> tags.")],
        [_CALLING, _saying('Write `<tool_call>{"name": "get"}</tool_call>`, or:\n```\n<function=get>\n```')],
        [_CALLING, _saying('{"name": "get", "description": "Weather.", "parameters": {"type": "object"}}')],
        [_CALLING, _saying('The body is {"name": "get", "arguments": {}}, sent by POST.')],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        found = [
            {
                "row": row,
                "pointer": pointer,
                "start": span[0],
                "end": span[1],
                "preview": line_of(text[span[0] :], _SHOWN),
            }
            for row, pointer, text in self._said(chunk).select("row", "pointer", "text").iter_rows()
            if (span := _call_in(text)) is not None
        ]
        calling = chunk.turns["row"].filter(chunk.turns["calls"].is_not_null())
        # A line without a pointer: there are calls in their own place in this dataset.
        marks = [{"row": calling[0], "pointer": None}] if len(calling) else []
        return pl.DataFrame([*found, *marks], infer_schema_length=None) if found or marks else none()

    def _said(self, chunk: Chunk) -> pl.DataFrame:
        """Those of the chunk's texts that an assistant says and that may hold a call."""
        texts = chunk.texts_with(self.literals)
        if texts.is_empty():
            return texts
        # Contents that are lists have their texts a level further down.
        texts = texts.with_columns(turn=pl.col("pointer").str.replace(r"/\d+/text$", ""))
        turns = chunk.turns.filter((pl.col("role") == "assistant") & (pl.col("field") != "rejected"))
        turns = turns.filter(pl.col("said") != "function_call").select("row", turn="pointer")
        return texts.join(turns, on=["row", "turn"], how="semi", maintain_order="left")

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        if frame["pointer"].null_count() in (0, frame.height):
            return none()
        return frame.filter(pl.col("pointer").is_not_null())


def _call_in(text: str) -> tuple[int, int] | None:
    """Where a text calls a tool: start and end in characters."""
    fenced = _FENCED.fullmatch(text)
    if _is_call(fenced[1] if fenced else text):
        return 0, len(text)
    # Code blanked out rather than cut, so that places stay.
    match = _MARKED.search(_CODE.sub(lambda code: " " * len(code[0]), text) if "`" in text else text)
    return match.span() if match else None


def _is_call(text: str) -> bool:
    """The text is the JSON of one call or a list of them, and nothing else."""
    if text.strip()[:1] not in ("{", "["):
        return False
    try:
        value = loads(text)
    except NotJsonError:
        return False
    calls = value if isinstance(value, list) else [value]
    return bool(calls) and all(_is_one(call) for call in calls)


def _is_one(call: object) -> bool:
    if not isinstance(call, dict):
        return False
    call = call["function"] if isinstance(call.get("function"), dict) and call.keys() <= _CALL | {"function"} else call
    given = call.get("arguments", call.get("parameters"))
    # A schema in `parameters` is a tool's description.
    described = isinstance(given, dict) and "properties" in given
    return (
        call.keys() <= _CALL and isinstance(call.get("name"), str) and isinstance(given, (dict, str)) and not described
    )
