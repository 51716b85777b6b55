"""Would more data help? The cleaned file at a quarter, a half and whole."""

from collections.abc import Sequence

import numpy as np

from datalint_trainer.arms import SHARES, Arm
from datalint_trainer.details import LearningCurve, Point
from datalint_trainer.score import FloatArray
from datalint_trainer.verdict import Interval, Spread


def learning_curve(arms: Sequence[Arm], accuracy: FloatArray, clean_accuracy: FloatArray, rows: int) -> LearningCurve:
    """From the parts' arms and the clean arms.

    The interval of the last doubling counts the luck of which half was drawn: a half is a draw from the whole file,
    as that is from whatever the rows are drawn from.

    - accuracy: (arms, 1 + resamples), bootstrapped; clean_accuracy: likewise of the clean arms. rows: clean ones.
    """
    means, spreads = [], []
    for share in SHARES:
        chosen = np.array([arm.name.startswith(f"{share:.0%}-") for arm in arms])
        seeds = [arm.seed for arm, of_share in zip(arms, chosen, strict=True) if of_share]
        means.append(accuracy[chosen].mean(axis=0))
        spreads.append(Spread.of(accuracy[chosen][:, 0], seeds))
    means.append(clean_accuracy.mean(axis=0))
    points = [
        Point(share, max(1, round(share * rows)), luck.versus_raw(float(reached[0]), float(np.var(reached[1:]))))
        for share, reached, luck in zip((*SHARES, 1.0), means, (*spreads, spreads[-1]), strict=True)
    ]
    gain = means[-1] - means[-2]
    doubling = spreads[-1].versus_placebo(float(gain[0]), float(np.var(gain[1:])))
    return LearningCurve(tuple(points), doubling, _forecast([float(reached[0]) for reached in means], doubling))


def _forecast(reached: Sequence[float], doubling: Interval) -> float | None:
    """What doubling the file once more would add, if its gains go on shrinking as they did."""
    quarter, half, whole = reached
    before, last = half - quarter, whole - half
    if doubling.side < 1 or before <= 0:
        return None
    return last * min(last / before, 1.0)
