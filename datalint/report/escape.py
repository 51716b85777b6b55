"""Content of datasets made harmless for people's screens. Never applied to data, only to what is reported of it."""

import msgspec

from datalint.secrets import mask

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Variation selectors but the two that choose between text and emoji: bytes can be smuggled in them.
_SELECTORS = frozenset(map(chr, [*range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0)]))


def visible(text: str) -> str:
    r"""The text with every character that shows nothing, or does something, as \\n, \\xNN, \\uNNNN or \\UNNNNNNNN.

    These are: controls (ESC, CR, DEL, C1), direction marks and overrides, zero-width and tag characters, line and
    paragraph separators, lone surrogates, and whatever else Unicode does not call printable. Spaces of any width
    stay. Idempotent.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _shows(char) else _escaped(char) for char in text)


def shown(text: str) -> str:
    """A message or a name as it may be shown: credentials masked, the rest made visible."""
    return visible(mask(text))


def encodable(text: str) -> str:
    """The text with lone surrogates, which a file's name may hold and UTF-8 may not, escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def inert_json(encoded: bytes) -> bytes:
    r"""The same JSON value, its odd characters as \\uNNNN escapes: a report that is printed may not steer a terminal.

    Encoders escape what JSON says (below U+0020); C1 controls and direction overrides they pass on.
    """
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    text = encoded.decode()
    return "".join(char if _shows(char) or char == "\n" else _json_escaped(char) for char in text).encode()


def _shows(char: str) -> bool:
    # The spaces beside U+0020 are not "printable", yet harmless and common in French and Japanese.
    return (char.isprintable() and char not in _SELECTORS) or (char > "\x9f" and char.isspace() and char not in "\u2028\u2029")


def _escaped(char: str) -> str:
    point = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _json_escaped(char: str) -> str:
    pairs = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{pairs[at : at + 4]}" for at in range(0, len(pairs), 4))


def as_json(value: object) -> str:
    """A decoded value as one line of JSON for an excerpt, whatever it holds."""
    return msgspec.json.encode(value).decode()
