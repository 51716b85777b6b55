"""TOOL007."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from datalint.brief import part
from datalint.chunk import Chunk
from datalint.location import parts, pointer, replace, resolve
from datalint.rule import Fix, Found, Rule, Totals, none
from datalint_rules.tool.calls import Call, NotJsonError, Tools, distinct, dumps_like, loads, with_calls, with_tools
from datalint_rules.tool.schema import MAX_DEPTH, kind_of, takes_null

_SHOWN = 60
# Keywords of JSON Schema under which a null is a value like any other.
_VALUES = frozenset({"default", "const", "enum", "example", "examples"})
_LISTED = 5  # keys that a message names
_NAMES = {
    "row": pl.UInt32, "pointer": pl.String, "number": pl.UInt32, "place": pl.String, "path": pl.String,
    "tool": pl.String, "key": pl.String, "verdict": pl.String, "fixable": pl.Boolean, "type": pl.String,
}  # fmt: skip


def _calls(*named: tuple[str, Any], tools: Any = None) -> list[dict[str, Any]]:
    rows = []
    for name, arguments in named:
        call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
        talk = [{"role": "user", "content": "Go."}, {"role": "assistant", "content": "", "tool_calls": [call]}]
        rows.append({"messages": talk, **({"tools": tools} if tools else {})})
    return rows


def _tool(name: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "description": "A tool.", "parameters": schema}}


_TEXT = {"type": "string"}


@dataclass(frozen=True)
class NullPaddedStruct(Rule):
    """Arguments or tool schemas carry null keys that belong to other rows.

    ## What it does
    Looks for keys that are null inside the arguments of a call or inside a tool's declaration, at a place where the
    dataset has values elsewhere. Nulls that the tool's own schema allows stay, and so do the values of `default`,
    `const`, `enum` and `examples`.

    ## Why is this bad?
    Arrow and Parquet give every struct of a column the same keys. Rows of different tools that were stored in this way
    come back with the keys of all tools, null where they are not theirs. The model then learns to call a tool with
    arguments that it does not have.

    ## Example
    `{"city": "Oslo", "n": null}` where `n` is the argument of another tool.

    ## Fix safety
    Safe for keys that the tool does not have: they are removed, and nothing is lost. Unsafe for optional arguments of
    the tool itself, whose null somebody may have meant. Text keeps its manner of writing; text in a manner of its own
    has no fix.

    ## Options
    None.

    ## References
    ms-swift issues #10110 and #10125, axolotl issue #2909, deepfabric issue #474.
    """

    code, name = "TOOL007", "null-padded-struct"
    severity = "warning"
    key = ("path",)
    within = "dataset"
    message = "{count} null keys in {tool} that have values in other places: {keys}"
    fix = Fix("rewrite", "safe")
    fix_title = "removes the null keys"
    bad = [
        _calls(
            ("weather", {"city": "Oslo", "n": None}), ("dice", {"city": None, "n": 2}),
            tools=[_tool("weather", city=_TEXT), _tool("dice", n={"type": "integer"})],
        ),
        _calls(("weather", '{"city":"Oslo","n":null}'), ("dice", '{"city":null,"n":2}')),
        _calls(
            ("weather", {"city": "Oslo", "unit": None}), ("weather", {"city": "Rome", "unit": "c"}),
            tools=[_tool("weather", city=_TEXT, unit=_TEXT)],
        ),
        [{**row, "tools": tools} for row, tools in zip(
            _calls(("weather", {"city": "Oslo"}), ("dice", {"n": 2})),
            ([_tool("weather", city=_TEXT, n=None)], [_tool("dice", city=None, n={"type": "integer"})]),
            strict=True,
        )],
    ]  # fmt: skip
    good = [
        _calls(("weather", {"city": "Oslo"}), ("dice", {"n": 2})),
        _calls(
            ("weather", {"city": "Oslo", "unit": None}), ("weather", {"city": "Rome", "unit": "c"}),
            tools=[_tool("weather", city=_TEXT, unit={"type": ["string", "null"]})],
        ),
        [{**row, "tools": tools} for row, tools in zip(
            _calls(("weather", {"city": "Oslo"}), ("weather", {"city": "Rome"})),
            ([_tool("weather", city={"type": "string", "default": None})],
             [_tool("weather", city={"type": "string", "default": "Oslo"})]),
            strict=True,
        )],
        _calls(("weather", {"city": None}), ("weather", {"city": None})),
    ]  # fmt: skip

    def map(self, chunk: Chunk) -> pl.DataFrame:
        tools = dict(with_tools(chunk))
        calls = {row: distinct(talks) for row, talks in with_calls(chunk)}
        # The bytes of a row tell at once that it has no null; where Arrow padded, nearly every row has some.
        rows = [row for row in sorted(tools.keys() | calls.keys()) if b"null" in chunk.raw(row)]
        nulls = [(*line, None) for row in rows for line in _nulls(row, tools.get(row), calls.get(row, []))]
        if not nulls:
            return none()
        seen: dict[tuple[str, str | None], tuple[int, str]] = {}
        for row in tools.keys() | calls.keys():
            for path, tool, kind in _typed(tools.get(row), calls.get(row, [])):
                seen.setdefault((path, tool), (row, kind))
        typed = [
            (row, None, None, None, path, tool, None, "typed", False, kind)
            for (path, tool), (row, kind) in seen.items()
        ]
        return pl.DataFrame([*nulls, *typed], schema=_NAMES, orient="row")

    def reduce(self, frame: pl.DataFrame) -> pl.DataFrame:
        typed = frame.filter(pl.col("verdict") == "typed")
        types = typed.sort("file", "row").group_by("path").agg(pl.col("type").first())
        own = typed.select("path", "tool", own=pl.lit(value=True)).unique()
        found = frame.filter(pl.col("verdict") != "typed").drop("type").join(types, on="path")
        return found.join(own, on=["path", "tool"], how="left", nulls_equal=True)

    def finish(self, frame: pl.DataFrame, totals: Totals) -> pl.DataFrame:
        # Without a schema, a tool that is never called with a value there does not have that argument.
        alien = (pl.col("verdict") == "alien") | ((pl.col("verdict") == "unknown") & pl.col("own").is_null())
        frame = frame.sort("file", "row", "pointer", "number").with_columns(
            fix_kind=pl.when("fixable").then(pl.lit("rewrite")),
            fix_safety=pl.when(alien).then(pl.lit("safe")).otherwise(pl.lit("unsafe")),
            told=pl.format("{} ({})", "key", "type"),
        )
        # One finding for each call and each list of tools: padding adds as many keys as the other rows have.
        groups = frame.group_by("file", "row", "pointer", "fix_kind", "fix_safety", maintain_order=True)
        return groups.agg(
            tool=pl.col("tool").first().fill_null("the declared tools"),
            count=pl.len(),
            keys=pl.col("told").unique(maintain_order=True).head(_LISTED).str.join(", "),
            places=pl.col("place"),
        )

    def rewrite(self, row: dict[str, Any], found: Sequence[Found]) -> dict[str, Any]:
        for one in found:
            cell = resolve(row, one.pointer or "")
            value = loads(cell) if isinstance(cell, str) else cell
            for place in one.args["places"]:
                value = _without(value, place)
            made = dumps_like(cell, value) if isinstance(cell, str) else value
            row = row if made is None else replace(row, one.pointer or "", made)
        return row


class _Key(NamedTuple):
    """A key somewhere in a value: the pointer to it, the same with * for list indices, and what it holds."""

    pointer: str
    path: str
    value: Any
    schema: Any  # of the object that has the key; None: not known


def _keys(value: Any, at: str = "", path: str = "", schema: Any = None, depth: int = 0) -> Iterator[_Key]:
    """All keys of the objects in a value, outside of what JSON Schema takes for values."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        known = schema.get("properties") if isinstance(schema, dict) else None
        for key, item in value.items():
            if len(key) > _SHOWN:
                continue
            token = pointer(key)
            yield _Key(at + token, path + token, item, schema)
            if isinstance(item, (dict, list)):
                inner = known.get(key) if isinstance(known, dict) else None
                yield from _keys(item, at + token, path + token, inner, depth + 1)
    elif isinstance(value, list):
        inner = schema.get("items") if isinstance(schema, dict) else None
        for index, item in enumerate(value):
            yield from _keys(item, f"{at}/{index}", f"{path}/*", inner, depth + 1)


def _declared(tools: Tools) -> Iterator[_Key]:
    for key in _keys(tools.items, path="tools"):
        if _VALUES.isdisjoint(tokens := parts(key.pointer)) or "properties" in tokens[-2:-1]:
            yield key


def _called(call: Call, tools: Tools | None) -> Iterator[_Key]:
    """The keys of a call's arguments."""
    value = call.arguments
    if isinstance(value, str):
        if call.inside is not None:
            return  # text in text: whoever wrote that has no structs
        try:
            value = loads(value)
        except NotJsonError:
            return
    tool = tools.named(call.name) if tools else None
    yield from _keys(value, path="arguments", schema=tool.schema if tool else None)


def _name(call: Call) -> str:
    return part(call.name or "", 0, _SHOWN)


def _nulls(row: int, tools: Tools | None, calls: list[Call]) -> Iterator[tuple[Any, ...]]:
    """Lines of _NAMES without a type: null keys that may be padding."""
    if tools is not None:
        fixable = tools.text is None or dumps_like(tools.text, tools.items) is not None
        for number, key in enumerate(_declared(tools)):
            if key.value is None:
                name = parts(key.pointer)[-1]
                yield row, tools.pointer, number, key.pointer, key.path, None, name, "alien", fixable
    for call in calls:
        for number, key in enumerate(_called(call, tools)):
            name = parts(key.pointer)[-1]
            verdict = _verdict(key.schema, name) if key.value is None else None
            if verdict is not None:
                place = (call.inside or "") + key.pointer
                yield row, call.at, number, place, key.path, _name(call), name, verdict, _rewritable(call)


def _rewritable(call: Call) -> bool:
    """The arguments are a value, or text in a manner that can be written again."""
    text = call.arguments if call.inside is None else call.text
    if isinstance(text, str):
        return dumps_like(text, loads(text)) is not None
    return call.inside is None


def _verdict(schema: Any, key: str) -> str | None:
    """Whether a null key is another tool's (alien), may have been meant (own), or cannot be told; None: it is fine."""
    known = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(known, Mapping):
        return "unknown"
    if known.get(key) is None:  # the schema may be padded too
        return "own" if schema.get("additionalProperties") else "alien"
    required = schema.get("required")
    needed = isinstance(required, list) and key in required  # TOOL004's
    return None if needed or takes_null(known[key]) else "own"


def _typed(tools: Tools | None, calls: list[Call]) -> Iterator[tuple[str, str | None, str]]:
    if tools is not None:
        yield from ((key.path, None, kind_of(key.value)) for key in _declared(tools) if key.value is not None)
    for call in calls:
        for key in _called(call, tools):
            if key.value is not None:
                yield key.path, _name(call), kind_of(key.value)


def _without(value: Any, where: str) -> Any:
    """The value without the key at the pointer, if it is null there."""
    above, _, last = where.rpartition("/")
    try:
        parent = resolve(value, above)
        gone = parts("/" + last)[0]
        if not isinstance(parent, dict) or gone not in parent or parent[gone] is not None:
            return value
    except KeyError:
        return value
    left = {key: item for key, item in parent.items() if key != gone}
    return replace(value, above, left)
