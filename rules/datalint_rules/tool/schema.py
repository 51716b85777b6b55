"""The part of JSON Schema that tools use: type, enum, required, properties, items, additionalProperties, anyOf.

What is not known here is no constraint: a call is reported only for what it certainly breaks. The names of types
that tool lists take from Python and from Gemini (`dict`, `float`, `STRING`) mean what they say.
Source: JSON Schema draft 2020-12, Validation, sections 6.1 and 6.5; Core, section 10.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from datalint.brief import brief
from datalint.views.turns import escape

MAX_DEPTH = 32  # of values and of schemas; deeper ones are not looked into
_SHOWN = 40
_TYPES = {
    "string": "string", "str": "string",
    "integer": "integer", "int": "integer", "long": "integer",
    "number": "number", "float": "number", "double": "number",
    "boolean": "boolean", "bool": "boolean",
    "array": "array", "list": "array", "tuple": "array",
    "object": "object", "dict": "object",
    "null": "null", "none": "null",
}  # fmt: skip
_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


class Problem(NamedTuple):
    """What of a value breaks its schema: where in the value (a JSON pointer), and how."""

    pointer: str
    text: str


def shown(value: Any) -> str:
    """A value for a message: JSON, cut."""
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, (dict, list)) else kind_of(value)
    return brief(text, _SHOWN)


def kind_of(value: Any) -> str:
    """The JSON type of a value, with its article."""
    return _article(_KINDS.get(type(value), "null"))


def types_of(schema: Mapping[str, Any]) -> list[str] | None:
    """The types that a schema allows; None if it does not say, or says it with a word that is not known."""
    given = schema.get("type")
    names = given if isinstance(given, list) else [given]
    types = [_TYPES.get(name.lower()) if isinstance(name, str) else None for name in names]
    known = [kind for kind in types if kind is not None]
    return known if known and len(known) == len(types) else None


def fits(value: Any, types: list[str]) -> bool:
    """Whether a value is of one of the types. A whole number is an integer however it is written; true is no number."""
    kind = _KINDS.get(type(value), "null")
    whole = kind == "integer" or (kind == "number" and value.is_integer())
    return kind in types or (whole and "integer" in types) or (kind == "integer" and "number" in types)


def takes_null(schema: Any) -> bool:
    """Whether null is a value of the schema, or nothing says that it is not."""
    if not isinstance(schema, dict):
        return True
    types, enum = types_of(schema), schema.get("enum")
    if schema.get("nullable") is True or (isinstance(enum, list) and None in enum) or schema.get("default", 0) is None:
        return True
    return types is None or "null" in types


def problems(value: Any, schema: Any, pointer: str = "", depth: int = 0) -> Iterator[Problem]:
    """What of the value breaks the schema, in the order of the schema."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return
    choices = schema.get("anyOf", schema.get("oneOf"))
    if isinstance(choices, list) and choices:
        broken = [next(problems(value, choice, pointer, depth + 1), None) for choice in choices]
        if all(broken):
            yield Problem(pointer, f"{shown(value)} is none of the {len(choices)} forms that the schema allows")
            return
    enum, types = schema.get("enum"), types_of(schema)
    listed = isinstance(enum, list) and any(_same(value, item) for item in enum)
    if listed or (value is None and takes_null(schema)):
        return  # an enum that its own type refuses is the schema's fault
    if types is not None and not fits(value, types):
        held = f"{shown(value)} is " if isinstance(value, (str, bool, int, float)) else ""
        yield Problem(pointer, f"{held}{kind_of(value)}, not {' or '.join(map(_article, types))}")
    elif isinstance(enum, list) and enum:
        some = ", ".join(shown(item) for item in enum[:5]) + (", …" if len(enum) > 5 else "")
        yield Problem(pointer, f"{shown(value)} is not one of {some}")
    elif isinstance(value, dict):
        yield from _in_object(value, schema, pointer, depth)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from problems(item, schema.get("items"), f"{pointer}/{index}", depth + 1)


def _in_object(value: Mapping[str, Any], schema: Mapping[str, Any], pointer: str, depth: int) -> Iterator[Problem]:
    declared, needed, more = schema.get("properties"), schema.get("required"), schema.get("additionalProperties")
    known = declared if isinstance(declared, dict) else {}
    required = [key for key in needed if isinstance(key, str)] if isinstance(needed, list) else []
    for key in required:
        if key not in value:
            yield Problem(pointer, f"the required {shown(key)} is missing")
    for key, item in value.items():
        where = f"{pointer}/{escape(key)}"
        if key in known:
            # Null for what may be left out is the padding that TOOL007 tells of.
            if item is not None or key in required:
                yield from problems(item, known[key], where, depth + 1)
        elif more is False and "patternProperties" not in schema:
            yield Problem(where, f"{shown(key)} is not declared, and nothing else is allowed")
        elif isinstance(more, dict):
            yield from problems(item, more, where, depth + 1)


def faults(schema: Any, pointer: str = "", depth: int = 0) -> Iterator[Problem]:
    """What of a schema contradicts itself: values of enum that its type does not allow."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return
    types, enum = types_of(schema), schema.get("enum")
    if types is not None and isinstance(enum, list):
        # Lists whose enum names their items are common, and clear.
        odd = [item for item in enum if item is not None and "array" not in types and not fits(item, types)]
        if odd:
            yield Problem(f"{pointer}/enum", f"its enum has {shown(odd[0])}, which is no {' or '.join(types)}")
    declared = schema.get("properties")
    for key, item in declared.items() if isinstance(declared, dict) else ():
        yield from faults(item, f"{pointer}/properties/{escape(key)}", depth + 1)
    yield from faults(schema.get("items"), f"{pointer}/items", depth + 1)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _article(kind: str) -> str:
    return kind if kind == "null" else f"{'an' if kind[0] in 'aio' else 'a'} {kind}"
