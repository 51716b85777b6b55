"""Message lists as the rules about roles read them: one message's role, spelt however, and the list it stands in."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from datalint.chunk import Chunk
from datalint.location import resolve
from datalint.views.turns import ROLES, as_text

# Names that need no mapping, in messages with `role` and in ShareGPT's messages with `from`.
PLAIN = ("system", "developer", "user", "assistant", "tool")
SHAREGPT = (*PLAIN, "human", "gpt", "function_call", "observation")


def spoken(chunk: Chunk) -> pl.DataFrame:
    """Turns but the system's: row, field, role, said, pointer, and whether it is the first or last of its list."""
    turns = chunk.turns.select("row", "field", "role", "said", "pointer").filter(pl.col("role") != "system")
    # The turns of a list stand together; those of a preference's two sides are of two fields.
    row, field = pl.col("row"), pl.col("field")
    first = row.ne_missing(row.shift(1)) | field.ne_missing(field.shift(1))
    return turns.with_columns(first=first, last=first.shift(-1, fill_value=True))


def by_from(message: Mapping[str, Any]) -> bool:
    """A message of the ShareGPT form."""
    return "from" in message and "role" not in message


def folded(said: str) -> str:
    """A role without case and outer white space: `Assistant ` is `assistant`."""
    return said.strip().casefold()


def role_of(message: Any) -> str:
    """The role that a message means: system, user, assistant, tool, or what is written; "" where there is none."""
    if not isinstance(message, dict):
        return ""
    said = folded(as_text(message.get("from" if by_from(message) else "role", "")))
    return ROLES.get(said, said)


def list_at(row: Mapping[str, Any] | None, pointer: str) -> list[Any]:
    """The message list that a pointer to one of its messages, or into one, leads through; empty where it is none."""
    found = resolve(row, "/" + pointer.split("/")[1]) if row is not None else None
    return found if isinstance(found, list) else []
