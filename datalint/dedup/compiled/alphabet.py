"""Folding by table, one character at a time: what the compiled tokeniser knows about characters.

Normal forms are defined on texts, but nearly all characters are normalised the same way wherever they stand. Those are
in the table. A row with one of the others (combining marks, conjoining Hangul) is folded by Python first.
"""

import unicodedata
from collections.abc import Iterable
from typing import Final

import numpy as np

from datalint.dedup.ragged import U64
from datalint.dedup.text import FOLD, fold_unicode
from datalint.dedup.tokens import DIGIT, UNSPACED, WORD, kind_of

CODES: Final = 0x110000
"""Code points, and the distance between the places of raw and of folded characters."""

# A unit is one byte of folded text (low eight bits) and what it belongs to. Shifted right by 20, units add up to a
# position in the low half of a word and a number of digits in the high half. (Separators spill into the latter; it is
# compared inside words only.)
PART_OF_WORD: Final = 1 << 8
LINE_FEED: Final = 1 << 10
POSITION: Final = 1 << 20
NUMERAL: Final = 1 << 52
SEPARATOR: Final = 1 << 63

JOINS: Final = (1 << 64) - 1
"""The place of a character that has no units, because normalisation may mix it with the one before it."""

# Letters that do so: Hangul vowels and finals, vowels of Kirat Rai. All others are marks.
_JOINING: Final = (range(0x1160, 0x1200), range(0xD7B0, 0xD800), range(0x16D63, 0x16D6B))
_VARIATION_SELECTORS: Final = range(0xFE00, 0xFE10)  # marks that never join; emoji are full of them


class Alphabet:
    """The characters met so far. Threads must not share one: kernels read it without a lock.

    A place says where to find a character: index of its first unit << 24 | letters of scripts without spaces << 16 |
    letters beyond ASCII << 8 | number of units. It is 0 for a character that nobody has asked for, and `JOINS`.
    """

    def __init__(self) -> None:
        self.units: U64 = np.zeros(1 << 12, np.uint64)  # first those of bytes: 0 beyond ASCII, where characters begin
        self.places: U64 = np.zeros(2 * CODES, np.uint64)  # by code point: of raw characters, then of folded ones
        self.units[:128] = [units(chr(code))[0] for code in FOLD[:128]]
        self._used = 256

    def learn(self, numbers: Iterable[int]) -> None:
        """Look up characters by their numbers in `places`."""
        for number in numbers:
            if not self.places[number]:
                self._learn(number)

    def _learn(self, number: int) -> None:
        folded = chr(number % CODES)
        if number < CODES:
            if joins(folded):
                self.places[number] = JOINS
                return
            folded = fold_unicode(folded).translate(FOLD).decode()
        new = [unit for character in folded for unit in units(character)]
        kinds = [kind_of(ord(character)) for character in folded if not character.isascii()]
        unspaced = sum(kind & UNSPACED != 0 for kind in kinds)
        letters = sum(kind & (WORD | UNSPACED) != 0 for kind in kinds)
        if self._used + len(new) > len(self.units):
            self.units = np.concatenate((self.units, np.zeros_like(self.units)))
        self.units[self._used : self._used + len(new)] = new
        self.places[number] = self._used << 24 | unspaced << 16 | letters << 8 | len(new)
        self._used += len(new)


def units(character: str) -> list[int]:
    """The units of one folded character."""
    kind = kind_of(ord(character))
    flags = POSITION | (PART_OF_WORD if kind & WORD else 0)
    if character in " \n":
        # Lines hash as if they were joined by spaces.
        return [ord(" ") | flags | SEPARATOR | (LINE_FEED if character == "\n" else 0)]
    # NUL must not hash as nothing, so it borrows a byte that UTF-8 never uses.
    first, *rest = [(byte or 0xFE) | flags for byte in character.encode()]
    return [first | (NUMERAL if kind & DIGIT else 0), *rest]


def joins(character: str) -> bool:
    """Whether there may be a text in which normalisation mixes a character with the one before it.

    There is none if its own normal form begins with a starter that no composition ends with: before such a character
    the text may be cut and both sides normalised alone (Unicode Standard Annex 15, "Concatenation").
    """
    code = ord(unicodedata.normalize("NFKC", character)[0])
    if code in _VARIATION_SELECTORS:
        return False
    return unicodedata.category(chr(code))[0] == "M" or any(code in letters for letters in _JOINING)
