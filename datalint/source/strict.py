"""The reference for one record of JSON: the standard library, with every leniency taken away.

Slow, and asked only about the few records that the fast decoder refuses or that are in doubt.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from datalint.brief import part
from datalint.location import pointer
from datalint.source.brackets import depth_of

# In valid JSON a backslash stands only inside strings, so one pass over the escapes finds unpaired halves.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
# Half of what Python's stack allows a recursive function with two calls for each level, and far more than data has.
MAX_DEPTH = 200
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"

_SPACE = re.compile(r"[ \t\n\r]*")
_KINDS = {str: "string", int: "number", float: "number", bool: "boolean", list: "array"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One JSON value: `code` None or FMT003 (the value stands), or why it is unreadable (value None)."""

    value: Any
    code: str | None = None
    reason: str = ""
    pointer: str | None = None
    misshapen: bool = False  # quotes or brackets may not be where they seem to be


class _NotJsonError(ValueError):
    def __init__(self, reason: str, *, misshapen: bool = False) -> None:
        super().__init__(reason)
        self.misshapen = misshapen


def quote(text: str, limit: int = 40) -> str:
    """Content for a message: escaped to ASCII, cut to `limit` characters."""
    shown = text if len(text) <= limit else part(text, 0, limit - 3) + "..."
    return "'" + json.dumps(shown)[1:-1] + "'"


def _refuse_constant(name: str) -> NoReturn:
    raise _NotJsonError(f"{name} is no JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise _NotJsonError(f"the number {digits[:20]} is out of range")
    return number


class _Reader:
    """Decodes values out of one text and remembers objects that name a key twice."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.doubled: list[tuple[dict[str, Any], str]] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=_refuse_constant, parse_float=_finite
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) < len(pairs):
            seen = set[str]()
            for key, _ in pairs:
                if key in seen:
                    self.doubled.append((value, key))
                    break
                seen.add(key)
        return value

    def skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def value(self, at: int) -> tuple[Any, int]:
        """The value that starts at `at` and where it ends.

        Raises _NotJsonError with a reason that names the byte.
        """
        self.doubled.clear()
        try:
            value, end = self._decoder.raw_decode(self.text, at)
        except json.JSONDecodeError as fault:
            reason = f"{fault.msg.removesuffix(' at').removesuffix(' starting')} at {self.place(fault.pos)}"
            raise _NotJsonError(reason, misshapen=True) from None
        except RecursionError:
            raise _NotJsonError(_TOO_DEEP) from None
        except _NotJsonError:
            raise
        except ValueError:  # int() refuses to convert what would take quadratic time
            raise _NotJsonError("an integer of more than 4300 digits") from None
        if end - at > 2 * MAX_DEPTH and depth_of(self.text[at:end].encode("utf-8")) > MAX_DEPTH:
            raise _NotJsonError(_TOO_DEEP)
        return value, end

    def place(self, at: int) -> str:
        return f"byte {len(self.text[:at].encode('utf-8'))}"

    def judge(self, value: Any, start: int, end: int) -> Verdict:
        """What is to be said about a value that was decoded from text[start:end]."""
        for match in _ESCAPE.finditer(self.text, start, end):
            if match[1]:
                place = _find(value, lambda node: isinstance(node, str) and not _encodable(node))
                return Verdict(None, "FMT010", f"lone surrogate \\{match[1]} at {self.place(match.start())}", place)
        if self.doubled:
            keys = dict.fromkeys(key for _, key in self.doubled)
            first, key = self.doubled[0]
            place = _find(value, lambda node: node is first)
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            return Verdict(
                value,
                "FMT003",
                f"duplicate key {quote(key)}{more}",
                None if place is None else place + pointer(key),
            )
        return Verdict(value)


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _find(value: Any, wanted: Any) -> str | None:
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, node = stack.pop()
        if wanted(node):
            return path
        if isinstance(node, dict):
            stack.extend((path + pointer(key), child) for key, child in node.items())
        elif isinstance(node, list):
            stack.extend((path + pointer(i), child) for i, child in enumerate(node))
    return None


def _text(raw: bytes | memoryview) -> str | Verdict:
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError as fault:
        return Verdict(None, "FMT002", f"0x{raw[fault.start]:02x} at byte {fault.start}")


def decode_record(raw: bytes | memoryview) -> Verdict:
    """Decode the bytes of one record, which must be one JSON object and nothing else."""
    text = _text(raw)
    if isinstance(text, Verdict):
        return text
    reader = _Reader(text)
    start = reader.skip(0)
    if start == len(text):
        return Verdict(None, "FMT001", "blank line")
    try:
        value, end = reader.value(start)
    except _NotJsonError as fault:
        return Verdict(None, "FMT001", str(fault), misshapen=fault.misshapen)
    rest = reader.skip(end)
    if rest < len(text):
        reason = f"more than one JSON value: extra data at {reader.place(rest)}"
        return Verdict(None, "FMT001", reason, misshapen=True)
    if not isinstance(value, dict):
        kind = "JSON null" if value is None else f"a JSON {_KINDS[type(value)]}"
        return Verdict(None, "FMT001", f"{kind}, not an object")
    return reader.judge(value, start, end)


def decode_elements(raw: bytes | memoryview) -> list[tuple[Verdict, int, int]] | None:
    """The elements of a JSON array of objects with their byte spans; None if it is anything else or empty."""
    text = _text(raw)
    if isinstance(text, Verdict):
        return None
    reader = _Reader(text)
    at = reader.skip(0)
    if text[at : at + 1] != "[":
        return None
    found: list[tuple[Verdict, int, int]] = []
    byte, counted = 0, 0  # characters are turned into bytes piece by piece, so that this stays linear
    for start, end, verdict in _spans(reader, at + 1):
        if verdict is None:
            return None
        byte += len(text[counted:start].encode("utf-8"))
        width = len(text[start:end].encode("utf-8"))
        found.append((verdict, byte, byte + width))
        byte, counted = byte + width, end
    return found or None


def _spans(reader: _Reader, at: int) -> Iterator[tuple[int, int, Verdict | None]]:
    text = reader.text
    while True:
        start = reader.skip(at)
        try:
            value, end = reader.value(start)
        except _NotJsonError:
            yield start, start, None
            return
        yield start, end, reader.judge(value, start, end) if isinstance(value, dict) else None
        at = reader.skip(end)
        if text[at : at + 1] == "]":
            if reader.skip(at + 1) < len(text):
                yield at, at, None
            return
        if text[at : at + 1] != ",":
            yield at, at, None
            return
        at += 1


def may_go_on(fault: json.JSONDecodeError) -> bool:
    """Whether more text could have healed this: the fault is at the end, or in a string without an end."""
    return fault.msg.startswith("Unterminated string") or fault.pos >= len(fault.doc.rstrip()) - 16


def is_broken(raw: bytes) -> bool:
    """Whether `raw` is not even the beginning of a JSON value."""
    try:
        json.JSONDecoder().raw_decode(raw.decode("utf-8", "replace"))
    except json.JSONDecodeError as fault:
        return not may_go_on(fault)
    except (ValueError, RecursionError):
        return False
    return False
