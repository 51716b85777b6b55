"""FMT008."""

import ast
import json
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from datalint.chunk import Chunk
from datalint.formats import Shape
from datalint.location import parts, replace, resolve
from datalint.rule import Fix, Found, Rule, none
from datalint.source.strict import decode_record

# What is a list of objects wherever it stands, and what may be JSON text, as providers take it.
_NESTED = ("messages", "chosen", "rejected", "tool_calls")
# Python writes lists and objects so; a numpy array of them without commas, and whoever cuts a cell without an end.
_REPR = re.compile(r"\s*\[?\s*\{\s*'(?:role|from|content|value|type|name|function|id)'\s*:")
_LONGEST = 1 << 20  # characters of a Python literal that is taken apart


class _Meant(NamedTuple):
    """A text that stands for a structure: what it is, the structure if it can be had, whether nothing is lost."""

    how: str
    value: Any
    lossless: bool


@dataclass(frozen=True)
class StringifiedStructure(Rule):
    """Messages are text, or a structure was printed by Python instead of being written as JSON.

    ## What it does
    Reports a message column, an answer of a preference row, or `tool_calls`, that is JSON text, and any of these,
    `tools` and `arguments` that is Python's way of writing it (single quotes, `None`, `True`). JSON text is what many
    trainers want `tools` and `arguments` to be, so that is left alone; so is text that merely quotes a structure.

    ## Why is this bad?
    A loop over the text gives one character at a time: the trainer fails, or sees a conversation of single letters.
    Python's way of writing is no JSON: the model learns to make calls that no client can parse.

    ## Example
    `{"messages": "[{'role': 'user', 'content': 'hi'}]"}`

    ## Fix safety
    Safe where JSON text holds a message list and loses nothing by being read (no key twice); unsafe for Python's
    literals, which are read without being run: messages become a list, tools and arguments JSON text. What cannot be
    read is left for a person.

    ## Options
    None.

    ## References
    axolotl parses such columns; atropos issue #478.
    """

    code, name = "FMT008", "stringified-structure"
    severity = "warning"
    message = "{field} is {how}"
    fix = Fix("rewrite", "unsafe")
    fix_title = "reads the text as the structure that it holds"
    bad = [
        [{"messages": '[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello."}]'}],
        [{"messages": "[{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': \"It's\"}]"}],
        [{"conversations": "[{'from': 'human', 'value': 'hi'}\n {'from': 'gpt', 'value': 'Hello.'}]"}],
        [{"messages": '[{"role": "user", "content": "a", "content": "b"}]'}],
        [
            {
                "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello."}],
                "tools": "[{'type': 'function', 'function': {'name': 'f', 'strict': True}}]",
            }
        ],
        [
            {
                "messages": [
                    {"role": "user", "content": "hi"},
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [{"function": {"name": "f", "arguments": "{'city': 'Lima'}"}}],
                    },
                ]
            }
        ],
        [
            {
                "prompt": "hi",
                "chosen": '[{"role": "assistant", "content": "a"}]',
                "rejected": '[{"role": "assistant", "content": "b"}]',
            }
        ],
    ]
    good = [
        [
            {
                "messages": [
                    {"role": "user", "content": "[{'role': 'user', 'content': 'hi'}]"},
                    {
                        "role": "assistant",
                        "content": "{'a': 1}",
                        "tool_calls": [{"function": {"name": "f", "arguments": '{"city": "Lima"}'}}],
                    },
                ],
                "tools": '[{"type": "function", "function": {"name": "f"}}]',
            }
        ],
        [{"prompt": "Write a message list.", "completion": '[{"role": "user", "content": "hi"}]'}],
        [{"instruction": "A dict, please.", "output": "{'name': 'Ada'}"}],
        [{"prompt": "As JSON?", "chosen": '[{"city": "Lima"}]', "rejected": "{'city': 'Lima'}"}],
        [{"messages": [{"role": "user", "content": "hi"}], "tools": "[]"}],
    ]

    def map(self, chunk: Chunk) -> pl.DataFrame:
        # Texts that begin like a structure, in cells and where calls hold one.
        some = chunk.texts.filter(pl.col("text").str.contains(r"^\s*[\[{(]"))
        some = some.filter(pl.col("pointer").str.contains(r"^/[^/]+$|/(?:arguments|tool_calls|tools/\d+)$"))
        found = []
        for row, pointer, text in some.select("row", "pointer", "text").iter_rows():
            shape = chunk.shapes[row]
            field = None if shape is None else _field(pointer, shape)
            meant = None if field is None else _meant(field, text)
            if meant:
                safety = "safe" if meant.lossless else "unsafe"
                found.append((row, pointer, field, meant.how, None if meant.value is None else "rewrite", safety))
        if not found:
            return none()
        schema = ["row", "pointer", "field", "how", "fix_kind", "fix_safety"]
        return pl.DataFrame(found, schema=schema, orient="row")

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            where, field = one.pointer or "", str(one.args["field"])
            text = resolve(row, where)
            meant = _meant(field, text) if isinstance(text, str) else None
            if meant and meant.value is not None:
                nested = field in _NESTED
                row = replace(row, where, meant.value if nested else json.dumps(meant.value, ensure_ascii=False))
        return row


def _field(pointer: str, shape: Shape) -> str | None:
    """What stands at the pointer, if it is something that has a structure."""
    path = parts(pointer)
    if len(path) == 1:
        ours = next((field for field, column in shape.fields.items() if column == path[0]), path[0])
        return ours if ours in ("messages", "chosen", "rejected", "tools") else None
    if path[-1].isdigit():
        return "tools" if path[0] == "tools" else None
    called = "tool_calls" in path or "function_call" in path
    return path[-1] if path[-1] in ("tools", "tool_calls") or called else None


def _meant(field: str, text: str) -> _Meant | None:
    """The structure that a text stands for; None if it is text, or JSON text where that is usual."""
    value, lossless = _json(text)
    if value is not None:
        fits = field in _NESTED and _is_list(field, value)
        return _Meant("JSON text", value if lossless else None, lossless) if fits else None
    value = _literal(text)
    if value is None:
        return _Meant("a Python literal that cannot be read", None, lossless=False) if _REPR.match(text) else None
    fits = _is_list(field, value) if field in _NESTED else isinstance(value, (list, dict))
    return _Meant("a Python literal", value, lossless=False) if fits else None


def _is_list(field: str, value: Any) -> bool:
    """A list of messages or calls. An answer may be JSON by itself: only messages in it make it a conversation."""
    keys = ("role", "from") if field in ("chosen", "rejected") else ()
    items = value if isinstance(value, list) else [value]
    whole = all(isinstance(item, dict) and (not keys or any(key in item for key in keys)) for item in items)
    return whole and (bool(items) or not keys)


def _json(text: str) -> tuple[Any, bool]:
    """The list or object that is the JSON text, and whether all of the text is in it; None if it is none."""
    verdict = decode_record(b'{"v":' + text.encode("utf-8", "surrogatepass") + b"}")
    value = verdict.value
    if not isinstance(value, dict) or len(value) != 1 or not isinstance(value["v"], (list, dict)):
        return None, False
    return value["v"], verdict.code is None


def _literal(text: str) -> Any:
    """The list or object that Python would print so, as JSON would hold it; None if it is none. Nothing is run."""
    if len(text) > _LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes in the data
            value = ast.literal_eval(text.strip())
        written = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return _json(written)[0]
