"""Normalisation: what two texts have in common when case, width and white space do not count."""

import itertools
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

ROW: Final = 0xFF
"""The byte between rows of a folded buffer: it never occurs in UTF-8, so no text can forge it."""

BLOCK: Final = 1 << 17
"""Bytes of text folded at once: the arrays derived from a block of this size stay in the processor's cache."""

# White space to Python that NFKC leaves as it is; all the rest is ASCII or becomes a plain space.
_UNICODE_SPACES: Final = "\x85\u1680\u2028\u2029"

# What makes most rows differ from their NFKC form. Replaced first, it spares them the full algorithm (forty times
# slower on Chinese text); the result is the same, because compatibility decomposition goes character by character.
_COMPATIBLE: Final = [(c, unicodedata.normalize("NFKC", c)) for c in "，：；！？（）…％～＋－＝／\u3000\xa0"]


def _fold_table() -> bytes:
    table = bytearray(range(256))
    for byte in range(128):
        table[byte] = ord(" ") if chr(byte).isspace() else ord(chr(byte).lower())
    table[ord("\n")] = ord("\n")
    return bytes(table)


FOLD: Final = _fold_table()


def normalise(texts: pl.Series) -> pl.Series:
    """Texts with letters case-folded, compatibility forms unified and white space collapsed.

    Equal, row by row, to `" ".join(unicodedata.normalize("NFKC", text).casefold().split())`: NFKC (Unicode
    Standard Annex 15), full case folding, every run of white space one space, none at the ends.

    Args:
        texts: String series of n rows, nulls allowed.

    Returns:
        String series of n rows under the same name; nulls stay null.

    """
    rows: list[str] = []
    for start, stop in blocks(texts):
        lines = fold(texts[start:stop].to_list())[1:-1].replace(b"\n", b" ")
        # No carriage return is left in folded text, so that it can stand for what ends a row.
        rows += lines.replace(b"\xff", b"\r").decode().split("\r")
    result = pl.Series(texts.name, rows, dtype=pl.String)
    if texts.null_count():
        return result.set(texts.is_null(), None)
    return result


def blocks(texts: pl.Series) -> list[tuple[int, int]]:
    """Consecutive row ranges (start, stop) of about `BLOCK` bytes each; a longer row ends its range."""
    return ranges(texts.str.len_bytes().fill_null(0).to_numpy())


def ranges(sizes: NDArray[Any]) -> list[tuple[int, int]]:
    """Consecutive ranges (start, stop) of rows of these sizes, of about `BLOCK` each; a longer row ends its range.

    They bound memory and have no influence on any result.
    """
    before = np.cumsum(sizes, dtype=np.int64) // BLOCK
    cuts = np.flatnonzero(before[1:] != before[:-1]) + 1
    return [(start, stop) for start, stop in itertools.pairwise([0, *cuts.tolist(), len(sizes)]) if start < stop]


def fold(texts: Sequence[str | None]) -> bytes:
    """One buffer of normalised rows that keeps lines apart: `ff row ff row ff ... row ff`.

    Inside a row, lines are normalised each for itself, empty ones left out, and joined by a line feed, so that
    replacing line feeds by spaces gives exactly the normalised row. Null is folded as the empty text.
    """
    parts = [b"" if text is None else text.encode() if text.isascii() else fold_unicode(text) for text in texts]
    return _collapse(b"\xff".join((b"", *parts, b"")).translate(FOLD))


def joined(folded: bytes, starts: NDArray[Any], without: Sequence[int] = ()) -> bytes:
    """A folded buffer of n texts as one of fewer rows, which have several of them as lines.

    Args:
        folded: What `fold` returns.
        starts: Number of the first text of each row.
        without: Numbers of texts that are left out.

    """
    if len(without):
        texts = folded[1:-1].split(b"\xff")
        for text in without:
            texts[text] = b""
        folded = b"\xff".join((b"", *texts, b""))
    codes = np.frombuffer(folded, np.uint8).copy()
    edges = np.flatnonzero(codes == ROW)
    before, filled = edges[:-1], np.diff(edges) > 1
    inside = np.ones(len(filled), bool)
    inside[starts] = False
    codes[before[inside]] = ord("\n")
    # An empty text is no line, and a row begins with none.
    counts = np.concatenate(([0], np.cumsum(filled)))
    begun = counts[:-1] > np.repeat(counts[starts], np.diff(np.append(starts, len(filled))))
    gone = before[inside & ~(filled & begun)]
    return np.delete(codes, gone).tobytes() if len(gone) else codes.tobytes()


def fold_unicode(text: str) -> bytes:
    """NFKC, case folding, and spaces beyond ASCII as plain ones; runs of white space are not collapsed yet."""
    if not unicodedata.is_normalized("NFKC", text):
        for character, plain in _COMPATIBLE:
            text = text.replace(character, plain)
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    for space in _UNICODE_SPACES:
        text = text.replace(space, " ")
    return text.encode()


def _collapse(buffer: bytes) -> bytes:
    """Of each run of separators keep the strongest: row ends over a line feed over a space."""
    codes = np.frombuffer(buffer, np.uint8)
    separator = (codes == ord(" ")) | (codes == ord("\n")) | (codes == ROW)
    touching = separator[1:] & separator[:-1]
    if not touching.any():
        return buffer
    in_run = np.zeros(len(codes), bool)
    in_run[1:] = touching
    in_run[:-1] |= touching
    places = np.flatnonzero(in_run)
    first = np.concatenate(([True], ~touching[places[1:] - 1]))
    strength = (codes[places] == ord("\n")).astype(np.uint8) + 2 * (codes[places] == ROW).astype(np.uint8)
    strongest = np.maximum.reduceat(strength, np.flatnonzero(first))
    run = np.cumsum(first) - 1
    codes = codes.copy()
    codes[places[first & (strongest[run] == 1)]] = ord("\n")
    # Every row end of a run stays (rows may be empty); otherwise the first place stands for the whole run.
    kept = np.where(strongest[run] == 2, strength == 2, first)
    keep = np.ones(len(codes), bool)
    keep[places[~kept]] = False
    return codes[keep].tobytes()
