"""Did the cleaning help? Intervals that know about luck, and the word that follows from them.

The usual interval over eval rows (or over seeds) calls a random drop of rows "helped" or "hurt" in one of
five trials: which rows are dropped moves all eval rows together, and no resampling of eval rows can see that.
Placebo arms can, so their spread is part of every interval here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from datalint_trainer.rows import IntArray
from datalint_trainer.score import FloatArray

Word = Literal["helped", "hurt", "no measurable difference", "not enough data"]

MIN_EVAL_ROWS, MIN_ROWS_PER_CLASS = 200, 5
NORMAL_FROM = 9  # placebos; with fewer, Student's t
NORMAL = 1.96


@dataclass(frozen=True)
class Interval:
    """An estimate with a two-sided interval; above zero is better for scores."""

    estimate: float
    low: float
    high: float

    @property
    def side(self) -> int:
        """1 if all of it lies above zero, -1 if all below, else 0."""
        return int(self.low > 0) - int(self.high < 0)


def interval_of(estimate: float, variance: float) -> Interval:
    """The usual interval of 95 %, for comparisons in which no rows are dropped."""
    half = NORMAL * float(np.sqrt(variance))
    return Interval(estimate, estimate - half, estimate + half)


@dataclass(frozen=True)
class Spread:
    """What the placebos say about luck.

    - variance: between placebos, their seeds' means taken out.
    - placebos: B. seeds: S.
    - brought: rows that the cleaning edited or added, as a share of those it changed. Placebos only lose rows; what
      comes in is luck of the same size once more.
    """

    variance: float
    placebos: int
    seeds: int
    brought: float = 0.0

    @classmethod
    def of(cls, means: FloatArray, seeds: Sequence[int], brought: float = 0.0) -> "Spread":
        """From each placebo's mean score, (B,), and its seed."""
        of_seed = np.array(seeds)
        excess = means - np.array([means[of_seed == seed].mean() for seed in seeds])
        S = len(set(seeds))
        return cls(float((excess**2).sum() / (len(means) - S)), len(means), S, brought)

    def factor(self, level: float) -> float:
        """How many standard errors the interval reaches: 1.96 at level .05 and nine placebos."""
        tail = 1 - level / 2
        if self.placebos >= NORMAL_FROM:
            return float(stats.norm.ppf(tail))
        return float(stats.t.ppf(tail, self.placebos - self.seeds))

    def versus_placebo(self, estimate: float, row_variance: float, level: float = 0.05) -> Interval:
        """Interval of clean minus the mean placebo; the clean arm is one more draw from the same luck."""
        return self._interval(estimate, row_variance + self.variance * (1 + self.brought + 1 / self.placebos), level)

    def versus_raw(self, estimate: float, row_variance: float, level: float = 0.05) -> Interval:
        """Interval of clean minus raw."""
        return self._interval(estimate, row_variance + self.variance * (1 + self.brought), level)

    def chance(self, interval: Interval) -> float:
        """Two-sided p of an interval of level .05: how often chance alone is as far from zero."""
        half = interval.high - interval.estimate
        if half == 0:
            return float(interval.estimate == 0)
        errors = abs(interval.estimate) / half * self.factor(0.05)
        if self.placebos >= NORMAL_FROM:
            return float(2 * stats.norm.sf(errors))
        return float(2 * stats.t.sf(errors, self.placebos - self.seeds))

    def _interval(self, estimate: float, variance: float, level: float) -> Interval:
        half = self.factor(level) * float(np.sqrt(variance))
        return Interval(estimate, estimate - half, estimate + half)


@dataclass(frozen=True)
class Comparison:
    """Two intervals of one score at one level, and what they say together."""

    clean_minus_placebo: Interval
    clean_minus_raw: Interval

    @property
    def word(self) -> Word:
        """A side is taken only where both comparisons take it."""
        if self.clean_minus_placebo.side == self.clean_minus_raw.side == 1:
            return "helped"
        if self.clean_minus_placebo.side == self.clean_minus_raw.side == -1:
            return "hurt"
        return "no measurable difference"


def compare(
    raw: FloatArray,
    clean: FloatArray,
    placebo: FloatArray,
    placebo_seeds: Sequence[int],
    group: IntArray,
    brought: float = 0.0,
    level: float = 0.05,
) -> Comparison:
    """Compare the arms on row scores.

    - raw, clean: (S, eval rows), higher is better. placebo: (B, eval rows), with the seed of each.
    - group: int (eval rows,), near-copy groups: rows of one group are one piece of evidence.
    - brought: see Spread.
    - level: chance of a false side that is accepted, two-sided.
    """
    spread = Spread.of(placebo.mean(axis=1), placebo_seeds, brought)
    Q = clean.mean(axis=0) - placebo.mean(axis=0)
    D = clean.mean(axis=0) - raw.mean(axis=0)
    return Comparison(
        spread.versus_placebo(float(Q.mean()), mean_variance(Q, group), level),
        spread.versus_raw(float(D.mean()), mean_variance(D, group), level),
    )


def mean_variance(values: FloatArray, group: IntArray) -> float:
    """Variance of the mean of values, (rows,), whose groups are independent; var / n if each is one row."""
    totals = np.bincount(group, weights=values - values.mean())
    totals = totals[np.bincount(group) > 0]
    if len(totals) < 2:
        return float("inf")
    return float((totals**2).sum() / len(values) ** 2 * len(totals) / (len(totals) - 1))


def holm(comparisons: Sequence[tuple[Comparison, Comparison]]) -> Word:
    """One word from two measures, each compared at level .025 and at .05 (Holm 1979).

    The first to take a side must do so at .025; then .05 is enough for the other. Measures that take opposite
    sides cancel.
    """
    strict = [at_half.word for at_half, _ in comparisons]
    decided = [word for word in strict if word != "no measurable difference"]
    if not decided:
        return "no measurable difference"
    words = {at_full.word for _, at_full in comparisons} - {"no measurable difference"}
    return words.pop() if len(words) == 1 else "no measurable difference"


def adjusted(chances: Sequence[float]) -> list[float]:
    """p values after Holm's correction for having looked at all of them (Holm 1979), in the order given."""
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    found, highest = [0.0] * len(chances), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, chances[i] * (len(chances) - rank)))
        found[i] = highest
    return found


def shortage(truth: IntArray, group: IntArray, needed: Sequence[int], names: Sequence[str]) -> str | None:
    """Why there is too little to judge by, in words, or None.

    - truth: int (eval rows,), classes.
    - group: int (eval rows,), near-copy groups; a group counts once.
    - needed: classes that the eval rows must hold; names: of all classes.
    """
    first = np.unique(group, return_index=True)[1]
    if len(first) < MIN_EVAL_ROWS:
        return f"{len(first)} distinct eval rows; a verdict needs {MIN_EVAL_ROWS}"
    thin = [names[c] for c in needed if np.sum(truth[first] == c) < MIN_ROWS_PER_CLASS]
    if thin:
        named = ", ".join(thin[:3]) + (f" and {len(thin) - 3} more" if len(thin) > 3 else "")
        return f"fewer than {MIN_ROWS_PER_CLASS} distinct eval rows for {named}"
    return None
