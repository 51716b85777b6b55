"""How a file writes its records, found by writing some of them again.

A style is what turns a row as it is read back from Parquet into the record's bytes. Rows for which it does not are
kept as they were, so that the style decides about the size of a clean's output, never about what can be restored.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from datalint.cleaner.stored.arrow import without_padding

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE = 64  # rows that decide
_SPOKEN = frozenset({"content", "value"})  # keys that the reader leaves null in a message
_INDENTED = re.compile(rb"[{\[](\r?\n)([ \t]+)\S.*?(?:\r?\n)([ \t]*)[}\]]$", re.DOTALL)

Row = Mapping[str, Any]
Dump = Callable[[Row], bytes]
Padding = Literal["all", "spoken", "none"]
_COMPILED = frozenset({(", ", ": "), (",", ":")})
_PADDINGS: Final[tuple[Padding, ...]] = ("spoken", "none", "all")


class JsonStyle(msgspec.Struct, frozen=True, tag="json", kw_only=True):
    """JSON as `json.dumps` has it, with the habits of other writers."""

    comma: str = ", "
    colon: str = ": "
    ascii: bool = False  # everything else as \\uXXXX
    slash: bool = False  # "/" as "\\/"
    nulls: bool = True  # columns that are null are written
    padding: Padding = "spoken"  # null keys in messages that are written
    indent: str = ""
    margin: str = ""  # before every line of a record but the first
    newline: str = "\n"
    compiled: bool = False  # fractions as msgspec writes them; Python has 1e+16 for 1e16, and takes longer


class CsvStyle(msgspec.Struct, frozen=True, tag="csv", kw_only=True):
    """Delimited text."""

    delimiter: str = ","
    quoted: bool = False  # every field


class SameStyle(msgspec.Struct, frozen=True, tag="same", kw_only=True):
    """Of JSON Lines: a line has the bytes of the record."""


Style = JsonStyle | CsvStyle
Fields = Iterable["pa.Field"]


def dumper(style: Style, fields: Fields) -> Dump:
    """What writes a row of the schema in the style. The row has all columns and all keys of structs."""
    return _csv(style) if isinstance(style, CsvStyle) else _json(style, fields)


def best(candidates: Sequence[Style], fields: Fields, rows: Sequence[Row], raws: Sequence[bytes]) -> Style:
    """The style that gives back most of the records; the first one on a tie."""
    chosen, most = candidates[0], -1
    for style in candidates:
        dump = dumper(style, fields)
        hits = sum(dump(row) == raw for row, raw in zip(rows, raws, strict=True))
        if hits > most:
            chosen, most = style, hits
        if hits == len(rows):
            break
    return chosen


def candidates(container: str, delimiter: str, sample: Sequence[bytes]) -> list[Style]:
    """Styles that a file may have, the usual ones first."""
    if container == "csv":
        return [CsvStyle(delimiter=delimiter, quoted=quoted) for quoted in (False, True)]
    found: list[Style] = []
    for layout in _layouts(sample):
        habits = product((False, True), (False, True), (True, False), _PADDINGS, _writers(layout))
        for ascii_only, slash, nulls, padding, compiled in habits:
            found.append(
                JsonStyle(
                    comma=layout.comma,
                    colon=layout.colon,
                    indent=layout.indent,
                    margin=layout.margin,
                    newline=layout.newline,
                    ascii=ascii_only,
                    slash=slash,
                    nulls=nulls,
                    padding=padding,
                    compiled=compiled,
                )
            )
    return found


@dataclass(frozen=True)
class _Layout:
    comma: str = ", "
    colon: str = ": "
    indent: str = ""
    margin: str = ""
    newline: str = "\n"


def _layouts(sample: Sequence[bytes]) -> Iterator[_Layout]:
    for raw in sample:
        if match := _INDENTED.search(raw):
            newline, inner, margin = (part.decode("ascii") for part in match.groups())
            if inner.startswith(margin) and inner != margin:
                yield _Layout(",", ": ", inner[len(margin) :], margin, newline)
            break
    yield _Layout(", ", ": ")
    yield _Layout(",", ":")
    yield _Layout(",", ": ")


def _writers(layout: _Layout) -> tuple[bool, ...]:
    """Whether msgspec writes this layout, the faster way first."""
    return (True, False) if not layout.indent and (layout.comma, layout.colon) in _COMPILED else (False,)


def _encoder(style: JsonStyle) -> Callable[[Row], str]:
    python = json.JSONEncoder(
        ensure_ascii=style.ascii, separators=(style.comma, style.colon), indent=style.indent or None
    )
    if not style.compiled:
        return python.encode
    compiled, spaced = msgspec.json.Encoder(), style.comma != ","

    def encode(row: Row) -> str:
        text = compiled.encode(row)
        if style.ascii and not text.isascii():
            return python.encode(row)
        return (msgspec.json.format(text, indent=0) if spaced else text).decode("utf-8")

    return encode


def _json(style: JsonStyle, fields: Fields) -> Dump:
    encode = _encoder(style)
    keep = {"spoken": _SPOKEN, "none": frozenset[str]()}.get(style.padding)
    trim = {
        field.name: made
        for field in fields
        if keep is not None and (made := without_padding(field.type, keep=keep)) is not None
    }

    def dump(row: Row) -> bytes:
        if trim or not style.nulls:
            row = {
                name: trim[name](value) if value is not None and name in trim else value
                for name, value in row.items()
                if style.nulls or value is not None
            }
        text = encode(row)
        if style.slash:
            text = text.replace("/", "\\/")
        if style.indent:
            text = text.replace("\n", style.newline + style.margin)
        return text.encode("utf-8")

    return dump


def _csv(style: CsvStyle) -> Dump:
    quoting: Any = csv.QUOTE_ALL if style.quoted else csv.QUOTE_MINIMAL

    def dump(row: Row) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=style.delimiter, quoting=quoting).writerow(row.values())
        return text.getvalue().removesuffix("\r\n").encode("utf-8")

    return dump
