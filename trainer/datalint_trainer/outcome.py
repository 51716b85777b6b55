"""What both tasks hand to the report: fitted arms, their comparisons, the word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datalint_trainer.arms import Arm
from datalint_trainer.details import NO_DETAILS, Details
from datalint_trainer.report import ArmResult
from datalint_trainer.score import FloatArray
from datalint_trainer.verdict import Interval, Spread, Word


@dataclass(frozen=True)
class Outcome:
    """The measured part of a report; the fields are those of ImpactReport.

    - shortage: why there is no verdict, if there is none: a note, or nothing.
    """

    verdict: Word
    decided_by: str
    model: Mapping[str, Any]
    arms: tuple[ArmResult, ...]
    clean_minus_raw: Mapping[str, Interval]
    clean_minus_placebo: Mapping[str, Interval]
    baselines: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    details: Details = NO_DETAILS
    advice: tuple[str, ...] = ()
    shortage: tuple[str, ...] = ()


def of_arm(values: FloatArray, arms: Sequence[Arm], name: str) -> FloatArray:
    """The models of one arm, "raw", "clean" or "placebo", out of (arms, ...)."""
    return values[[arm.name.split("-")[0] == name for arm in arms]]


def placebo_seeds(arms: Sequence[Arm]) -> list[int]:
    """The seed of each placebo, in order."""
    return [arm.seed for arm in arms if arm.name.startswith("placebo")]


def shown_intervals(values: FloatArray, arms: Sequence[Arm], brought: float) -> tuple[Interval, Interval]:
    """Clean minus raw and clean minus placebo of a bootstrapped metric, with the placebo spread in both.

    - values: (arms, 1 + resamples), the figure itself first.
    """
    raw, clean, placebo = (of_arm(values, arms, name) for name in ("raw", "clean", "placebo"))
    spread = Spread.of(placebo[:, 0], placebo_seeds(arms), brought)
    D = clean.mean(axis=0) - raw.mean(axis=0)
    Q = clean.mean(axis=0) - placebo.mean(axis=0)
    return (
        spread.versus_raw(float(D[0]), float(np.var(D[1:]))),
        spread.versus_placebo(float(Q[0]), float(np.var(Q[1:]))),
    )
