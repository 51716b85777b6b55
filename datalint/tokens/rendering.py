"""What goes into a render and what comes out; the same plain data on both sides of the worker's pipe."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec


@dataclass(frozen=True, slots=True)
class Conversation:
    """One row as a chat template sees it.

    `tools` is a list of JSON schemas or None; `variables` are further template variables, such as `documents`
    or `enable_thinking`.
    """

    messages: list[Any]
    tools: list[Any] | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    add_generation_prompt: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text of one row and the [start, end) character spans that `{% generation %}` marks in it."""

    text: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RenderError:
    """Why one row could not be rendered.

    `kind` is "raised" (the template raised; `error` is the exception's class name, `message` its text),
    "limit" (`error` is memory, time, size or crash) or "given up" (the template hit limits too often).
    """

    kind: Literal["raised", "limit", "given up"]
    error: str
    message: str


class Request(msgspec.Struct, array_like=True, frozen=True):
    """A batch of encoded rows for one template; `now` is ISO 8601 or None."""

    digest: str
    named: dict[str, str]
    special_tokens: dict[str, str]
    now: str | None
    rows: list[bytes]


class Reply(msgspec.Struct, array_like=True, frozen=True):
    """One row's result: the text in UTF-8 (lone surrogates passed through), or (kind, error, message)."""

    text: bytes = b""
    spans: list[tuple[int, int]] = []
    error: tuple[Literal["raised", "limit"], str, str] | None = None


def encode_row(row: Conversation) -> bytes:
    """One byte for the form, then the row: msgpack, or JSON for what msgpack cannot hold."""
    try:
        return b"M" + msgspec.msgpack.encode(row)
    except (UnicodeEncodeError, OverflowError):
        # Lone surrogates and integers beyond 64 bits are legal in JSON data; the standard library has them.
        plain = (row.messages, row.tools, row.variables, row.add_generation_prompt)
        return b"J" + json.dumps(plain, default=placeholder).encode()


def decode_row(data: bytes) -> Conversation:
    """The inverse of encode_row. Raises RecursionError for a row nested too deeply."""
    if data[:1] == b"M":
        return msgspec.msgpack.decode(data[1:], type=Conversation)
    return Conversation(*json.loads(data[1:]))


def placeholder(value: object) -> str:
    """What a template sees of a value that JSON does not have, as in transformers 5.23."""
    return f"<{type(value).__name__}>"
