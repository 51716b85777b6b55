"""Where the brackets of JSON text are, those within strings left out: a scan without a parser, block by block."""

import numpy as np
import numpy.typing as npt

from datalint.source.block import EMPTY, Offsets

_QUOTE, _BACKSLASH, _OPEN, _CLOSE = 0x22, 0x5C, 0x7B, 0x7D


def brackets(buffer: npt.NDArray[np.uint8]) -> tuple[Offsets, npt.NDArray[np.bool_]]:
    """The positions of the brackets outside of strings, and which of them open. The text begins outside."""
    folded = buffer | 0x20  # [ and { become {, ] and } become }
    found = np.flatnonzero((folded == _OPEN) | (folded == _CLOSE))
    quotes = np.flatnonzero(buffer == _QUOTE)
    slashes = np.flatnonzero(buffer == _BACKSLASH)
    if len(slashes):
        # a quote is escaped after an odd number of backslashes
        heads = np.r_[True, np.diff(slashes) != 1]
        run = np.maximum.accumulate(np.where(heads, np.arange(len(slashes)), 0))
        odd = ((np.arange(len(slashes)) - run) & 1) == 0
        quotes = quotes[~np.isin(quotes, slashes[odd] + 1, assume_unique=True)]
    if len(quotes):
        found = found[(np.searchsorted(quotes, found) & 1) == 0]
    return found, folded[found] == _OPEN


def depths(opens: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """How deep the text is nested behind each bracket. In narrow numbers: a text may be nothing but brackets."""
    return np.cumsum(np.where(opens, np.int8(1), np.int8(-1)), dtype=np.int32)


def depth_of(text: bytes) -> int:
    """How deep JSON text is nested."""
    _, opens = brackets(np.frombuffer(text, np.uint8))
    return int(depths(opens).max(initial=0))


def with_many_opening(data: bytes, starts: Offsets, ends: Offsets, limit: int) -> Offsets:
    """Which of the records data[starts:ends] have more than `limit` opening brackets, in strings or not.

    Only those that are long enough to close them again.
    """
    long = np.flatnonzero(ends - starts > 2 * limit)
    if not len(long):
        return EMPTY
    opens = np.flatnonzero((np.frombuffer(data, np.uint8) | 0x20) == _OPEN)
    if len(opens) <= limit:
        return EMPTY
    return long[np.searchsorted(opens, ends[long]) - np.searchsorted(opens, starts[long]) > limit]
