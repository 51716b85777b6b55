"""JSON pointers (RFC 6901): where in a record something is."""

from itertools import pairwise
from typing import Any


def pointer(*parts: str | int) -> str:
    """The pointer with these reference tokens; no part at all points to the whole record ("")."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def parts(text: str) -> list[str]:
    """The reference tokens of a pointer. Raises KeyError if it does not begin with a slash."""
    if not text:
        return []
    if not text.startswith("/"):
        raise KeyError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _index(node: list[Any], part: str) -> int:
    # RFC 6901, section 4: no sign, no leading zero.
    if not (part.isascii() and part.isdigit()) or (part[0] == "0" and part != "0") or int(part) >= len(node):
        raise KeyError(part)
    return int(part)


def resolve(value: Any, text: str) -> Any:
    """What the pointer points to in `value`. Raises KeyError if there is nothing."""
    for part in parts(text):
        if isinstance(value, list):
            value = value[_index(value, part)]
        elif isinstance(value, dict):
            value = value[part]
        else:
            raise KeyError(part)
    return value


def replace(value: Any, text: str, new: Any) -> Any:
    """`value` with `new` at the pointer; copies along the path alone. Raises KeyError if there is nothing."""
    path = parts(text)
    if not path:
        return new
    root = copy = _shallow(value, path[0])
    for part, following in pairwise(path):
        key: Any = _index(copy, part) if isinstance(copy, list) else part
        child = _shallow(copy[key], following)
        copy[key] = child
        copy = child
    if isinstance(copy, list):
        copy[_index(copy, path[-1])] = new
    elif path[-1] in copy:
        copy[path[-1]] = new
    else:
        raise KeyError(path[-1])
    return root


def _shallow(node: Any, part: str) -> Any:
    if isinstance(node, list):
        return list(node)
    if isinstance(node, dict):
        return dict(node)
    raise KeyError(part)
