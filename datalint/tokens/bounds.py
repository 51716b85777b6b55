"""How many tokens a text can have, told from its length and its words.

Upper bound: a token stands for at least one byte of the normalised text in all models of the library. Lower bounds:
if no token of the vocabulary holds more than n letters, or the beginnings of more than n words, then a text with more
of them needs more tokens. They hold only where nothing that counts is dropped or joined on the way from the text to
the tokens; what is not known to be so here has no lower bound.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

# What a normalizer can make of one UTF-8 byte, at most (Unicode FAQ on normalisation; U+0130 in lower case).
_EXPANSION = {"Prepend": 1, "Strip": 1, "StripAccents": 1, "Lowercase": 2, "NFC": 3, "NFD": 3}
# Normalizers that leave each character in its place, and those that at least leave each word a character.
_KEEP_LETTERS = frozenset({"Prepend", "Replace"})
_KEEP_WORDS = _KEEP_LETTERS | {"NFC", "NFD", "Lowercase"}
_ONLY_SPLIT = frozenset({"ByteLevel", "Metaspace", "Digits", "Punctuation", "Split", "UnicodeScripts"})
# The pattern of cl100k matches every character, so "what it does not match is removed" removes nothing.
_MATCHES_ALL = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPACE = 0x20
_META = "▁"  # how sentencepiece spells a space


@cache
def _counted() -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which bytes begin a character that counts, shape [256], bool.

    Bytes that begin white space or U+2581 do not count, nor does any other character with the same first byte:
    a token may absorb the white space beside it. Bytes beyond U+3FFFF are missing in some vocabularies.
    """
    table = np.zeros(256, dtype=np.bool_)
    table[0x21:0x7F] = True
    table[0xC3:0xF1] = True
    table[0xE1:0xE4] = False
    return table


def letters_and_words(text: bytes) -> tuple[int, int]:
    """How many characters of a UTF-8 text count, and how many of them follow a space."""
    data = np.frombuffer(text, dtype=np.uint8)
    counted = _counted()[data]
    return int(np.count_nonzero(counted)), int(np.count_nonzero(counted[1:] & (data[:-1] == _SPACE)))


@dataclass(frozen=True, slots=True)
class Bounds:
    """`factor`: how many tokens one byte becomes at most; `prefix`: how many more a text has.

    `letters` and `words` are how many of them one token holds at most, words by their beginnings. None is unknown.
    """

    factor: int | None
    prefix: int
    letters: int | None
    words: int | None

    def upper(self, n_bytes: int) -> int | None:
        """Most tokens that a text of `n_bytes` UTF-8 bytes can have, or None."""
        return None if self.factor is None else self.prefix + self.factor * n_bytes

    def lower(self, text: bytes) -> int:
        """Fewest tokens that a UTF-8 text can have; 0 where nothing is known."""
        if self.letters is None and self.words is None:
            return 0
        letters, words = letters_and_words(text)
        by_letters = 0 if self.letters is None else -(-letters // self.letters)
        return max(by_letters, 0 if self.words is None else -(-words // self.words))


def bounds_of(config: Mapping[str, Any], vocabulary: Iterable[str]) -> Bounds:
    """The bounds of a tokenizer.json and its model's vocabulary (added tokens come from the file)."""
    normalizers = _flat(config.get("normalizer"), "normalizers")
    splitters = _flat(config.get("pre_tokenizer"), "pretokenizers")
    tokens = set(vocabulary)
    added = [_spelt(token["content"]) for token in config.get("added_tokens") or ()]
    factor, prefix = _growth(normalizers, splitters, tokens, min(map(len, added), default=1))
    of_bytes = any(part["type"] == "ByteLevel" for part in splitters)
    sound = (
        all(part["type"] in _KEEP_WORDS for part in normalizers)
        and all(_is_space_to_meta(part) for part in normalizers if part["type"] == "Replace")
        and all(map(_only_splits, splitters))
        and _spells_all(config["model"], tokens, of_bytes=of_bytes)
    )
    if not sound:
        return Bounds(factor, prefix, None, None)
    spelt = added + [_spelt_bytes(token) if of_bytes else _spelt(token) for token in tokens]
    uncounted = bytes(np.flatnonzero(~_counted()).tolist())
    words = max(1, *(len(token.decode(errors="replace").split()) for token in spelt))
    letters = max(1, *(len(token.translate(None, uncounted)) for token in spelt))
    in_place = all(part["type"] in _KEEP_LETTERS for part in normalizers)
    return Bounds(factor, prefix, letters if in_place else None, words)


def _flat(part: Any, key: str) -> list[dict[str, Any]]:
    if part is None:
        return []
    return [leaf for item in part[key] for leaf in _flat(item, key)] if part["type"] == "Sequence" else [part]


def _growth(
    normalizers: Sequence[Mapping[str, Any]], splitters: Sequence[Mapping[str, Any]], tokens: set[str], shortest: int
) -> tuple[int | None, int]:
    """`factor` and `prefix` of Bounds; `shortest` is the length of the shortest added token, in bytes."""

    def cost(text: str) -> int:
        # A character that is no token may become one token a byte.
        return sum(1 if char in tokens else len(char.encode("utf-8", "surrogatepass")) for char in text)

    factor, prefix = 1, 0
    for part in normalizers:
        times = _EXPANSION.get(part["type"])
        if part["type"] == "Prepend":
            prefix += cost(part["prepend"])
        if part["type"] == "Replace":
            # The usual " " -> "▁" gives one token a character; what a regular expression takes may be empty.
            pattern = part["pattern"].get("String")
            times = -(-cost(part["content"]) // len(pattern.encode())) if pattern else None
        if times is None:
            return None, prefix
        factor *= max(1, times)
    for place, part in enumerate(splitters):
        own = cost(_META) if part["type"] == "Metaspace" else int(bool(part.get("add_prefix_space")))
        prefix += own
        factor += own if place else 0  # each piece of an earlier splitter gets it
    # Each added token begins a new piece of text with a prefix of its own.
    return max(factor, -(-(1 + prefix) // shortest)), prefix


def _is_space_to_meta(part: Mapping[str, Any]) -> bool:
    return bool(part["pattern"] == {"String": " "} and part["content"] == _META)


def _only_splits(part: Mapping[str, Any]) -> bool:
    """Whether a pre-tokenizer drops nothing."""
    if part["type"] not in _ONLY_SPLIT:
        return False
    if part["type"] == "Metaspace" and part.get("replacement") != _META:
        return False
    if part.get("behavior") != "Removed":
        return True
    return part["type"] == "Split" and part.get("invert") is True and part["pattern"] == {"Regex": _MATCHES_ALL}


def _spells_all(model: Mapping[str, Any], tokens: set[str], *, of_bytes: bool) -> bool:
    """Whether each character that counts is in a token: none is dropped, and unknown ones are not fused into one."""
    kind = model.get("type")
    if kind not in ("BPE", "Unigram"):
        return False  # WordPiece makes one token of a long word
    if of_bytes and tokens.issuperset(char for char, byte in _alphabet().items() if byte == _SPACE or _counted()[byte]):
        return True
    if model.get("byte_fallback") and tokens.issuperset(f"<0x{byte:02X}>" for byte in range(256)):
        return True
    return kind == "BPE" and model.get("unk_token") is not None and not model.get("fuse_unk")


@cache
def _alphabet() -> dict[str, int]:
    """The characters by which byte-level models spell bytes (GPT-2): visible Latin-1 as itself, the rest moved up."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + place): byte for place, byte in enumerate(moved)}


@cache
def _translation() -> dict[int, int]:
    return {ord(char): byte for char, byte in _alphabet().items()}


def _spelt_bytes(token: str) -> bytes:
    """What a byte-level token stands for; one that is spelt otherwise counts for more than it can stand for."""
    try:
        return token.translate(_translation()).encode("latin-1")
    except UnicodeEncodeError:
        return _spelt(token)


def _spelt(token: str) -> bytes:
    return token.replace(_META, " ").encode("utf-8", "surrogatepass")
