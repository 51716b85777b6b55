"""FMT107."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import resolve
from datalint.rule import Fix, Found, Rule, Sample, none
from datalint_rules.fmt.columns import Talk, talks


@dataclass(frozen=True)
class BadContentBlock(Rule):
    """A message's content is a list, and a block in it is not what templates read.

    ## What it does
    Where content is a list, every item must be an object with a `type`; if that is `text` (or ends so), it must have
    the text under `text`. Also reports the first message of a conversation whose content is a list where those before
    it are plain text, or the other way round. Blocks without a type are right for Amazon Nova: in rows that say
    `schemaVersion` and with the profile `bedrock-nova`.

    ## Why is this bad?
    Templates skip a block that they do not know, without a word: the model is asked nothing. Arrow cannot store a
    column that holds text in one row and lists in another.

    ## Example
    `{"role": "user", "content": [{"type": "text", "value": "hi"}]}`

    ## Fix safety
    Safe: a text under `value` moves to `text`. All else is for a person.

    ## Options
    None.

    ## References
    The checks of together-python; the data validator for Amazon Nova; LLaMA-Factory's first demo of such rows, which
    has `value`.
    """

    code, name = "FMT107", "bad-content-block"
    severity = "error"
    message = "{reason}"
    fix = Fix("rewrite", "safe")
    fix_title = "moves the text from value to text"
    bad = [
        [{"messages": [{"role": "user", "content": [{"type": "text", "value": "hi"}]}]}],
        [{"messages": [{"role": "user", "content": [{"type": "text"}]}]}],
        [{"messages": [{"role": "user", "content": [{"text": "hi"}]}]}],
        [{"messages": [{"role": "user", "content": ["hi"]}]}],
        [{"messages": [{"role": "user", "content": [{"type": "text", "text": ["hi"]}]}]}],
        [
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "hi"}]},
                    {"role": "assistant", "content": "Hello."},
                ]
            }
        ],
        [{"prompt": [{"role": "user", "content": [{"value": "hi"}]}], "completion": "Hello."}],
    ]
    good = [
        [
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]},
                    {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]},
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a.jpg"}}]},
                    {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]},
                ]
            }
        ],
        [{"messages": [{"role": "user", "content": '[{"type": "text", "value": "hi"}]'}]}],
        [{"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}]}]}],
        [{"schemaVersion": "bedrock-conversation-2024", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}],
        Sample(
            files={"train.jsonl": [{"messages": [{"role": "user", "content": [{"text": "hi"}]}]}]},
            options={"profile": "bedrock-nova"},
        ),
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        blocks = chunk.target.trainer.content_blocks
        # The views hold content as text; which type it was is seen only here.
        found = [
            (row, where, reason, fixable)
            for row, value, shape in ((row, chunk.values[row], chunk.shapes[row]) for row in chunk.odd)
            if value is not None and shape is not None
            for talk in talks(value, shape)
            for where, reason, fixable in _faults(talk, typed=not (blocks or "schemaVersion" in value))
        ]
        if not found:
            return none()
        frame = pl.DataFrame(found, schema=["row", "pointer", "reason", "fixable"], orient="row")
        kind = pl.when(pl.col("fixable")).then(pl.lit("rewrite"))
        return frame.select("row", "pointer", "reason", fix_kind=kind, fix_safety=pl.lit("safe"))

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            block = resolve(row, one.pointer or "")
            if isinstance(block, dict) and _movable(block):
                moved = {"text" if key == "value" else key: item for key, item in block.items() if key != "text"}
                block.clear()
                block.update(moved)
        return row


def _faults(talk: Talk, *, typed: bool) -> Iterator[tuple[str, str, bool]]:
    """Of one conversation: (pointer, reason, whether the text can be moved)."""
    first, mixed = None, False
    for index, message in enumerate(talk.messages):
        if not isinstance(message, dict):
            continue
        key = "value" if "from" in message and "role" not in message and "value" in message else "content"
        content = message.get(key)
        kind = type(content)
        if kind is list:
            for number, block in enumerate(content or ()):
                reason = _fault(block, typed=typed)
                if reason:
                    yield f"{talk.at(index)}/{key}/{number}", reason, isinstance(block, dict) and _movable(block)
        if kind is str or kind is list:
            first = first or kind
            if kind is not first and not mixed:
                mixed = True
                reason = (
                    "content is a list here and text before" if kind is list else "content is text here, a list before"
                )
                yield f"{talk.at(index)}/{key}", reason, False


def _fault(block: Any, *, typed: bool) -> str | None:
    if not isinstance(block, dict):
        return "a block of content is no object"
    kind = block.get("type")
    if kind is None and typed:
        return "a block of content has no type"
    if isinstance(kind, str) and kind.endswith("text") and not isinstance(block.get("text"), str):
        return "a block's text is under value" if isinstance(block.get("value"), str) else "a text block has no text"
    return None


def _movable(block: Mapping[str, Any]) -> bool:
    text = isinstance(block.get("value"), str) and block.get("text") is None
    return text and str(block.get("type")).endswith("text")
