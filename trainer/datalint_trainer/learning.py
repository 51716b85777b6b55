"""Would more data help? The cleaned file at a quarter, a half and whole."""

from collections.abc import Sequence

import numpy as np

from datalint_trainer.arms import SHARES, Arm
from datalint_trainer.details import LearningCurve, Point
from datalint_trainer.rows import IntArray
from datalint_trainer.score import FloatArray
from datalint_trainer.verdict import Interval, Spread, mean_variance


def learning_curve(
    arms: Sequence[Arm],
    scores: FloatArray,
    accuracy: FloatArray,
    clean_scores: FloatArray,
    clean_accuracy: FloatArray,
    rows: int,
    group: IntArray,
) -> LearningCurve:
    """From the parts' arms and the clean arms.

    "More data helps" only if the interval of the last doubling lies above zero, the luck of which half was drawn
    included: every half is a draw, as the whole file is.

    - scores: (arms, eval rows), the deciding score; accuracy: (arms, 1 + resamples), bootstrapped; clean_*: likewise
      of the clean arms. rows: of the clean file. group: int (eval rows,), near-copy groups.
    """
    means, points, spreads = [], [], []
    for share in SHARES:
        chosen = np.array([arm.name.startswith(f"{share:.0%}-") for arm in arms])
        seeds = [arm.seed for arm, of_share in zip(arms, chosen, strict=True) if of_share]
        means.append((scores[chosen].mean(axis=0), accuracy[chosen].mean(axis=0)))
        spreads.append(
            (Spread.of(scores[chosen].mean(axis=1), seeds), Spread.of(accuracy[chosen][:, 0], seeds))
        )
    means.append((clean_scores.mean(axis=0), clean_accuracy.mean(axis=0)))
    for share, (_, reached), (_, luck) in zip((*SHARES, 1.0), means, (*spreads, spreads[-1]), strict=True):
        interval = luck.versus_raw(float(reached[0]), float(np.var(reached[1:])))
        points.append(Point(share, max(1, round(share * rows)), interval))

    (score_half, reached_half), (score, reached) = means[-2:]
    luck_of_score, luck_of_accuracy = spreads[-1]
    doubling = luck_of_score.versus_placebo(
        float((score - score_half).mean()), mean_variance(score - score_half, group)
    )
    gain = reached - reached_half
    return LearningCurve(
        points=tuple(points),
        last_doubling=doubling,
        accuracy=luck_of_accuracy.versus_placebo(float(gain[0]), float(np.var(gain[1:]))),
        forecast=_forecast([float(accuracies[0]) for _, accuracies in means], doubling),
    )


def _forecast(reached: Sequence[float], doubling: Interval) -> float | None:
    """What doubling the file once more would add to the accuracy, if its gains go on shrinking as they did."""
    quarter, half, whole = reached
    before, last = half - quarter, whole - half
    if doubling.side < 1 or before <= 0 or last <= 0:
        return None
    return last * min(last / before, 1.0)
