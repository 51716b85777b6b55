"""A record's own bytes with other values in it: what a fix did not touch keeps every byte, spaces and escapes included.

Only the values that differ are written anew, between the record's own commas and colons and with its own habits of
escaping; where the record does not show these, the file's style decides. What comes out is read again before it is
believed.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from datalint.cleaner.stored.style import JsonStyle
from datalint.fixes import same
from datalint.source.strict import decode_record

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_OTHER = re.compile(r"[^ \t\n\r,\]}]+")
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[0-7])")  # what is not ASCII, as an escape
_BREAK = re.compile(rb"[ \t\r]*\n[ \t\r\n]*")  # in valid JSON a line feed stands only between tokens


def spliced_json(raw: bytes, before: Any, after: Any, style: JsonStyle) -> bytes | None:
    """The JSON text `raw`, which holds `before`, with what makes it hold `after`; None if JSON cannot hold that.

    Of keys that an object names twice only the last one counts, and is changed.
    """
    text = raw.decode("utf-8")
    try:
        root = _scan(text, _past(_SPACE, text, 0))
        made = text[: root.start] + _Json.of(text, root, style).value(root, before, after) + text[root.end :]
        encoded = made.encode("utf-8")
    except (ValueError, TypeError, RecursionError):  # NaN, a lone surrogate, a set: a rule made what is no JSON
        return None
    back = json.loads(made) if not isinstance(after, dict) else decode_record(encoded).value
    return encoded if same(back, after) else None


def spliced_csv(raw: bytes, before: Mapping[str, Any], after: Mapping[str, Any], delimiter: str) -> bytes | None:
    """The same for a record of delimited text; None if `after` has other columns, or values that are no text."""
    if before.keys() != after.keys() or not all(isinstance(value, str) for value in after.values()):
        return None
    text = raw.decode("utf-8")
    plain = re.compile(rf'"(?:[^"]|"")*+"|[^{re.escape(delimiter)}]*+')
    fields, at = [], 0
    while at <= len(text):
        end = _past(plain, text, at)
        fields.append(text[at:end])
        at = end + 1  # the delimiter
    if len(fields) != len(before):
        return None
    values = [str(after[key]) for key in before]
    odd = re.compile(rf'[{re.escape(delimiter)}"\r\n]')
    # A line without any character would be no record.
    alone = len(values) == 1
    cells = [
        field
        if old == new
        else _quoted(new)
        if field.startswith('"') or odd.search(new) or (alone and not new)
        else new
        for field, old, new in zip(fields, before.values(), values, strict=True)
    ]
    made = delimiter.join(cells)
    try:
        back = list(csv.reader(io.StringIO(made, newline="\n"), delimiter=delimiter, strict=True))
        encoded = made.encode("utf-8")
    except (csv.Error, UnicodeEncodeError):
        return None
    return encoded if back == [values] else None


def one_line(raw: bytes) -> bytes:
    """JSON text without its line breaks; strings hold none."""

    def joined(match: re.Match[bytes]) -> bytes:
        inside = raw[match.start() - 1 : match.start()] in (b"{", b"[") or raw[match.end() : match.end() + 1] in b"}]"
        return b"" if inside else b" "

    return _BREAK.sub(joined, raw.strip(b" \t\r\n"))


def _quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"'


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    if match is None:
        raise ValueError(f"not what the reader saw at character {at}")
    return match.end()


class _Node(NamedTuple):
    """Where a value stands: text[start:end]; members of an object or array in order."""

    start: int
    end: int
    members: "tuple[_Member, ...]" = ()


class _Member(NamedTuple):
    """text[start:named] is the key of an object's member, with its quotes."""

    key: str | None
    start: int
    named: int
    value: _Node


def _scan(text: str, start: int) -> _Node:
    """Where everything stands in a valid JSON value."""
    first = text[start]
    if first == '"':
        return _Node(start, _past(_STRING, text, start))
    if first not in "{[":
        return _Node(start, _past(_OTHER, text, start))
    members = []
    at = _past(_SPACE, text, start + 1)
    while text[at] not in "}]":
        begin, named, key = at, at, None
        if first == "{":
            named = _past(_STRING, text, at)
            key = json.loads(text[at:named])
            at = _past(_SPACE, text, _past(_SPACE, text, named) + 1)  # behind the colon
        value = _scan(text, at)
        members.append(_Member(key, begin, named, value))
        at = _past(_SPACE, text, value.end)
        if text[at] == ",":
            at = _past(_SPACE, text, at + 1)
    return _Node(start, at + 1, tuple(members))


@dataclass(frozen=True)
class _Json:
    """One record that is being changed, and how it writes."""

    text: str
    encode: Callable[[Any], str]
    comma: str
    colon: str

    @classmethod
    def of(cls, text: str, root: _Node, style: JsonStyle) -> "_Json":
        some = root.members
        comma = text[some[0].value.end : some[1].start] if len(some) > 1 else style.comma
        colon = text[some[0].named : some[0].value.start] if some and some[0].key is not None else style.colon
        ascii_only = style.ascii if text.isascii() and not _ESCAPED.search(text) else text.isascii()
        slash = "\\/" in text if "/" in text else style.slash
        encoder = json.JSONEncoder(ensure_ascii=ascii_only, separators=(comma, colon), allow_nan=False)

        def encode(value: Any) -> str:
            made = encoder.encode(value)
            return made.replace("/", "\\/") if slash else made

        return cls(text, encode, comma, colon)

    def value(self, node: _Node, before: Any, after: Any) -> str:
        if same(before, after):
            return self.text[node.start : node.end]
        if isinstance(before, dict) and isinstance(after, dict):
            return self.object(node, before, after)
        if isinstance(before, list) and isinstance(after, list):
            return self.array(node, before, after)
        return self.encode(after)

    def object(self, node: _Node, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
        last = {member.key: at for at, member in enumerate(node.members)}
        keys: list[str] = []
        parts: list[tuple[int | None, str]] = []
        for at, member in enumerate(node.members):
            key = member.key or ""
            if key in after:
                counts = last[key] == at
                made = self.value(member.value, before[key], after[key]) if counts else self.raw(member.value)
                keys.append(key)
                parts.append((at, self.text[member.start : member.value.start] + made))
        previous = -1
        for key, value in after.items():
            if key in before:
                previous = keys.index(key)
                continue
            previous += 1
            keys.insert(previous, key)
            parts.insert(previous, (None, self.encode(key) + self.colon + self.encode(value)))
        return self.joined(node, parts)

    def array(self, node: _Node, before: Sequence[Any], after: Sequence[Any]) -> str:
        most = min(len(before), len(after))
        head = next((i for i in range(most) if not same(before[i], after[i])), most)
        tail = next((i for i in range(most - head) if not same(before[-1 - i], after[-1 - i])), most - head)
        parts: list[tuple[int | None, str]] = []
        for index, value in enumerate(after):
            at = index if index < len(after) - tail else index + len(before) - len(after)
            if at < len(before) - tail or index >= len(after) - tail:
                parts.append((at, self.value(node.members[at].value, before[at], value)))
            else:
                parts.append((None, self.encode(value)))
        return self.joined(node, parts)

    def joined(self, node: _Node, parts: Sequence[tuple[int | None, str]]) -> str:
        """Members between the brackets; a number says which one of before it is, so that it keeps what stood before."""
        members = node.members
        first, last = self.text[node.start], self.text[node.end - 1]
        if not parts or not members:
            return first + self.comma.join(made for _, made in parts) + last
        usual = self.text[members[0].value.end : members[1].start] if len(members) > 1 else self.comma
        pieces = [first, self.text[node.start + 1 : members[0].start]]
        for number, (at, made) in enumerate(parts):
            if number:
                pieces.append(self.text[members[at - 1].value.end : members[at].start] if at else usual)
            pieces.append(made)
        return "".join([*pieces, self.text[members[-1].value.end : node.end - 1], last])

    def raw(self, node: _Node) -> str:
        return self.text[node.start : node.end]
