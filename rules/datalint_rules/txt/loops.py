"""Where texts repeat themselves back to back, found in time linear in their length."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_GRAM = 8  # characters of a sample
_BLOCK = 1 << 18  # characters compared with all lags while they are in the cache
_LONGEST = 120
_SLACK = 2  # characters: the last time, what parts one time from the next is missing
# Lag -> characters that must equal the one a lag later: four times a unit of 8 or more characters, ten times a word
# of two letters and sixteen times one of a letter. Other words come round at a multiple of their own length.
_LAGS = {2: 30, 3: 26, **{lag: 3 * lag - _SLACK for lag in range(8, _LONGEST + 1)}}
# Characters between two samples -> the lags whose loops are so long that one sample at least falls into each.
_STEPS = {
    8: [lag for lag in _LAGS if lag < 16],
    32: [lag for lag in _LAGS if 16 <= lag < 32],
    64: [lag for lag in _LAGS if lag >= 32],
}
_REACH = 4 * _LONGEST
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
    padded = np.concatenate([codes, np.arange(_REACH + 2 * _GRAM, dtype=np.uint32).astype(np.uint8)])
    found: list[tuple[int, int]] = []
    for begin in range(0, len(codes), _BLOCK):
        block = padded[begin : begin + _BLOCK + _REACH]
        for step, lags in _STEPS.items():
            count = (len(block) - _LONGEST - _GRAM) // step
            samples = _grams(block, 0, step, count)
            solid = ~np.isin(samples, _FILLING)
            for lag in lags:
                same = (samples == _grams(block, lag, step, count)) & solid
                if same.any():
                    found += [(begin + n * step, lag) for n in _runs(same, (_LAGS[lag] - _GRAM + 1) // step)]
    return sorted(found)


def _grams(block: npt.NDArray[np.uint8], offset: int, step: int, count: int) -> npt.NDArray[np.uint64]:
    """Eight characters from every `step`th one on, as one number each."""
    return np.ndarray((count,), dtype="<u8", buffer=block, offset=offset, strides=(step,))


def _runs(same: npt.NDArray[np.bool_], length: int) -> list[int]:
    """Where runs of at least `length` true values begin."""
    reached = 1
    while reached < length:  # hardly any run is long, so that most are gone after a step or two
        step = min(reached, length - reached)
        same, reached = same[:-step] & same[step:], reached + step
    if not same.any():
        return []
    begins: list[int] = (np.flatnonzero(np.diff(same, prepend=False) & same)).tolist()
    return begins


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
