"""Where texts repeat themselves back to back, found in time linear in their length."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_GRAM = 8  # characters of a sample
_LONGEST = 120
_SLACK = 2  # characters: the last time, what parts one time from the next is missing
# Lag -> characters that must equal the one a lag later: four times a unit of 8 or more characters, ten times a word
# of two letters and sixteen times one of a letter. Other words come round at a multiple of their own length.
_LAGS = {2: 30, 3: 26, **{lag: 3 * lag - _SLACK for lag in range(8, _LONGEST + 1)}}
# Lag -> characters between two samples: so few that one sample at least falls into each of its loops.
_STEPS = {lag: 64 if lag >= 32 else 32 if lag >= 16 else 8 for lag in _LAGS}
_WIDTH = max(_STEPS.values())
_BLOCK = 1 << 21  # characters that are laid out at once
_REACH = 8 * _WIDTH  # beyond a block: as many samples as the longest loop needs, and what they are compared with
# Characters of a sample that are compared first: few places are left for the others.
_FIRST = (0, 4, 7)
# Indentation and rules: by far the most frequent repetition, and none that matters.
_FILLING = [int.from_bytes(bytes([char]) * _GRAM, "little") for char in b" \t\n-=_*#~.+|"]


class Loop(NamedTuple):
    """Characters `start` to `end` of a text are `unit` again and again, the last time perhaps not to its end."""

    text: int
    start: int
    end: int
    unit: str

    @property
    def times(self) -> int:
        """How often the unit stands there; the white space at its end may be missing the last time."""
        whole, rest = divmod(self.end - self.start, len(self.unit))
        missing = self.unit[rest:]
        return whole + (rest > 0 and len(missing) <= _SLACK and missing.isspace())


def loops(texts: Sequence[str]) -> Iterator[Loop]:
    """Repetitions in each text, in order: units of 8 to 120 characters at least four times, short words ten times."""
    joined = "\0".join(texts)
    ends = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)
    covered = 0
    for place, lag in _candidates(_codes(joined)):
        if place < covered:
            continue
        number = int(np.searchsorted(ends, place, side="right"))
        stop = int(ends[number]) - 1
        first = stop - len(texts[number])
        start, end = _extended(joined, place, lag, first, stop)
        if end - start < _LAGS[lag] + lag:
            continue
        covered = end
        unit = joined[start : start + lag]
        yield Loop(number, start - first, end - first, unit[: (unit + unit).find(unit, 1)])


def _codes(text: str) -> npt.NDArray[np.uint8]:
    """One byte a character: equal characters have equal ones, and eight others hardly ever have."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint8)


def _candidates(codes: npt.NDArray[np.uint8]) -> list[tuple[int, int]]:
    """(place, lag), sorted: from the place on, as many samples as a loop would have equal those a lag later."""
    padding = np.arange(_REACH + -len(codes) % _WIDTH, dtype=np.uint32).astype(np.uint8)  # repeats nothing nearby
    padded = np.concatenate([codes, padding])
    found: list[tuple[int, int]] = []
    for begin in range(0, len(codes), _BLOCK):
        block = padded[begin : begin + _BLOCK + _REACH]
        # Column k holds every 64th character from the k-th on: what is compared lies side by side.
        columns = block.reshape(-1, _WIDTH).T.copy()
        alike = [_alike(columns, lag) for lag in _LAGS]
        places, lags = np.concatenate(alike), np.repeat(list(_LAGS), [len(some) for some in alike])
        grams = np.ndarray((len(block) - _GRAM,), dtype="<u8", buffer=block, strides=(1,))
        samples = grams[places]
        same = (samples == grams[places + lags]) & ~np.isin(samples, _FILLING)
        found += _runs(begin, places[same], lags[same])
    return sorted(found)


def _alike(columns: npt.NDArray[np.uint8], lag: int) -> npt.NDArray[np.int64]:
    """Places of the samples whose first characters equal those a lag later."""
    rows = columns.shape[1] - (_LONGEST + _GRAM) // _WIDTH - 1

    def same(place: int) -> npt.NDArray[np.bool_]:
        (begin, at), (later, then) = divmod(place, _WIDTH), divmod(place + lag, _WIDTH)
        equal: npt.NDArray[np.bool_] = columns[at, begin : begin + rows] == columns[then, later : later + rows]
        return equal

    offsets = range(0, _WIDTH, _STEPS[lag])
    return np.sort(
        np.concatenate([_WIDTH * np.flatnonzero(reduce(and_, [same(at + k) for k in _FIRST])) + at for at in offsets])
    )


def _runs(begin: int, places: npt.NDArray[np.int64], lags: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Where runs of samples begin that are long enough for a loop, and their lags; the first place is `begin`."""
    steps, lengths = (np.array([by.get(lag, 0) for lag in range(_LONGEST + 1)]) for by in (_STEPS, _LAGS))
    begins = np.flatnonzero((np.diff(lags, prepend=0) != 0) | (np.diff(places, prepend=0) != steps[lags]))
    sizes, of = np.diff(begins, append=len(lags)), lags[begins]
    long = sizes >= (lengths[of] - _GRAM + 1) // steps[of]
    return zip((begin + places[begins[long]]).tolist(), of[long].tolist(), strict=True)


def _extended(text: str, place: int, lag: int, first: int, stop: int) -> tuple[int, int]:
    """The longest stretch around a place, within `first` and `stop`, that equals itself a lag later; lag included."""
    end = place
    size = 64
    while size:
        if end + lag + size <= stop and text[end : end + size] == text[end + lag : end + lag + size]:
            end, size = end + size, 2 * size
        else:
            size //= 2
    start, size = place, 64
    while size:
        if start - size >= first and text[start - size : start] == text[start - size + lag : start + lag]:
            start, size = start - size, 2 * size
        else:
            size //= 2
    return start, end + lag
