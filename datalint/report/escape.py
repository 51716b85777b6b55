"""Content of datasets made harmless for people's screens. Never applied to data, only to what is reported of it."""

import re
from collections.abc import Callable

from datalint import pii, secrets

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Variation selectors, but for the two that choose between text and emoji: bytes can be smuggled in them.
_SELECTOR = re.compile("[\ufe00-\ufe0d\U000e0100-\U000e01ef]")
# What runners of CI obey wherever it stands in a line: `##[x]` GitHub and Azure, `##vso[x]` Azure, `##teamcity[x]`.
_COMMAND = re.compile(r"##(?=[A-Za-z]*\[)")
_BYTE = re.compile("[\udc80-\udcff]")  # a byte that is no UTF-8, as Python has it in the names of files
# Not "printable" to Unicode, yet harmless, and common in French and Japanese.
_SPACES = frozenset("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")


def visible(text: str) -> str:
    r"""The text with every character that shows nothing, or does something, as \\n, \\xNN, \\uNNNN or \\UNNNNNNNN.

    These are controls (ESC, CR, DEL, C1), direction marks and overrides, zero-width and tag characters, line and
    paragraph separators, lone surrogates, and whatever else Unicode does not call printable. Spaces of any width
    stay. Idempotent.
    """
    return _each(text, _escaped)


def shown(text: str) -> str:
    """A message or a name as it may be shown: credentials and personal data masked, the rest visible."""
    return visible(pii.mask(secrets.mask(text)))


def named(name: str) -> str:
    """The name of a file or a setting: as `shown`, but for personal data. Whoever has to find it must know it."""
    return visible(encodable(secrets.mask(name)))


def told(text: str) -> str:
    """A line that a command prints of its own: what it quotes is as `named` has it, and nothing in it is a command."""
    return inert(named(text))


def encodable(text: str) -> str:
    r"""The text with what a file's name may hold and UTF-8 may not escaped: odd bytes as \xNN, surrogates as \uNNNN."""
    return _BYTE.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", text).encode("utf-8", "backslashreplace").decode()


def inert(line: str) -> str:
    """A line that no runner of CI takes for a command: GitHub's `::x` at the start, `##[x]` and its like anywhere."""
    start = len(line) - len(line.lstrip())
    guarded = line[:start] + "\\x3a" + line[start + 1 :] if line.startswith("::", start) else line
    return _COMMAND.sub(r"#\\x23", guarded) if "##" in guarded else guarded


def inert_json(encoded: bytes) -> bytes:
    r"""The same JSON value (without line breaks), its odd characters as \\uNNNN.

    Encoders escape what JSON demands, below U+0020; C1 controls, direction overrides and workflow commands they pass
    on, and a report that is printed may steer neither a terminal nor a runner.
    """
    if b"##" in encoded:
        encoded = _COMMAND.sub(r"#\\u0023", encoded.decode()).encode()
    return encoded if encoded.isascii() and b"\x7f" not in encoded else _each(encoded.decode(), _json_escaped).encode()


def inert_html(page: str) -> str:
    """A page of escaped text that shows the same and is `inert` line by line, should it be printed."""
    return _COMMAND.sub("#&#35;", re.sub(r"^(\s*):(?=:)", r"\1&#58;", page, flags=re.MULTILINE))


def _each(text: str, escaped: Callable[[str], str]) -> str:
    if text.isprintable() and (text.isascii() or not _SELECTOR.search(text)):
        return text
    return "".join(c if (c.isprintable() or c in _SPACES) and not _SELECTOR.match(c) else escaped(c) for c in text)


def _escaped(char: str) -> str:
    point = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _json_escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
