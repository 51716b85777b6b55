"""The shapes that the arguments of a tool call can have: an object, JSON text of it, or JSON text of that text.

Which of them a chat template takes, only the template tells. What changes the shape here loses nothing: it raises
LossyError where a number would be spelt otherwise or a key stands twice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from datalint_rules.tool.calls import NotJsonError, dumps_like, loads

OBJECT, TEXT, QUOTED = _SHAPES = "an object", "JSON text", "JSON text in JSON text"


class LossyError(ValueError):
    """Another shape of these arguments would not hold all that they hold."""


def function_of(call: Any) -> Mapping[str, Any]:
    """The function of a call, wrapped as the API has it or bare; empty for anything else."""
    inner = call.get("function", call) if isinstance(call, dict) else None
    return inner if isinstance(inner, dict) else {}


def calls_of(message: Any) -> list[Any]:
    """What a message has under tool_calls."""
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    return calls if isinstance(calls, list) else []


def shape_of(arguments: Any) -> str | None:
    """OBJECT, TEXT or QUOTED; None for what is, or stands for, no object."""
    return _told(arguments)[0]


def reshaped(arguments: Any, shape: str, *, lossless: bool = True) -> Any:
    """The arguments in another shape; those that are no object in any shape stay. Raises LossyError if `lossless`."""
    now, value = _told(arguments)
    if now in (None, shape):
        return arguments
    if now == QUOTED and shape == TEXT:
        return loads(arguments)  # as somebody has written it
    if lossless and isinstance(arguments, str):
        value = exact(arguments)
        value = exact(value) if now == QUOTED else value
    for _ in range(_SHAPES.index(shape)):
        value = _written(value, lossless=lossless)
    return value


def with_shape(messages: Sequence[Any], shape: str, *, lossless: bool = False) -> list[Any]:
    """The messages with the arguments of their calls in a shape; where that is not possible they stay."""

    def change(arguments: Any) -> Any:
        try:
            return reshaped(arguments, shape, lossless=lossless)
        except LossyError:
            return arguments

    return [_with_calls(message, change) for message in messages]


def rewritten(message: Any, shape: str) -> Any:
    """The message with the arguments of its calls in a shape, as far as nothing is lost."""
    if calls_of(message):
        return with_shape([message], shape, lossless=True)[0]
    if shape == OBJECT and isinstance(message, dict) and isinstance(text := message.get("value"), str):
        return {**message, "value": spoken(text) or text}
    return message


def spoken(text: str) -> str | None:
    """The text of a ShareGPT function_call turn with objects for arguments; None where it cannot be written so."""
    try:
        value = loads(text)
        calls = value if isinstance(value, list) else [value]
        calls = [_with_arguments(call, lambda arguments: reshaped(arguments, OBJECT)) for call in calls]
        # Text in a known manner of writing holds nothing that its value does not: no key twice, no 1e3.
        return dumps_like(text, calls if isinstance(value, list) else calls[0])
    except (NotJsonError, LossyError):
        return None


def exact(text: str) -> Any:
    """JSON text as a value that says all that the text says but its white space. Raises LossyError."""
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_int=_same(int), parse_float=_same(float), parse_constant=_never
        )
        json.dumps(value, ensure_ascii=False).encode()
    except LossyError:
        raise
    except (ValueError, RecursionError) as error:
        raise LossyError(str(error)) from error
    return value


def _told(arguments: Any) -> tuple[str | None, Any]:
    """The shape of arguments, and the object that they stand for."""
    value = arguments
    for shape in _SHAPES:
        if isinstance(value, dict):
            return shape, value
        if not isinstance(value, str) or value.lstrip()[:1] not in ("{", '"'):
            break
        try:
            value = loads(value)
        except NotJsonError:
            break
    return None, None


def _written(value: Any, *, lossless: bool) -> str:
    try:
        if lossless:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            text.encode()
            return text
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except (ValueError, TypeError, RecursionError) as error:
        raise LossyError(str(error)) from error


def _with_calls(message: Any, change: Callable[[Any], Any]) -> Any:
    calls = calls_of(message)
    return {**message, "tool_calls": [_with_arguments(call, change) for call in calls]} if calls else message


def _with_arguments(call: Any, change: Callable[[Any], Any]) -> Any:
    function = function_of(call)
    if "arguments" not in function:
        return call
    made = {**function, "arguments": change(function["arguments"])}
    return made if function is call else {**call, "function": made}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise LossyError("a key stands twice")
    return value


def _same(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = kind(text)
        if repr(value) != text:
            raise LossyError(f"{text} would be written {value!r}")
        return value

    return parse


def _never(text: str) -> Any:
    raise LossyError(f"{text} is no JSON")
