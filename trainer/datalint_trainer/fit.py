"""What one arm's training leaves behind: predictions, where it stopped, and the way there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

NAMES = ("logits", "steps", "curve_steps", "curve_train", "curve_validation")  # of packed fits


@dataclass(frozen=True)
class Curve:
    """Mean loss (nats a row or token) along the way, at some optimisation steps: on training and on validation rows."""

    steps: tuple[int, ...] = ()
    train: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()


NO_CURVE = Curve()


@dataclass(frozen=True)
class Fit:
    """What one arm predicts.

    - logits: float64 (eval rows, classes); each is a float32 number, so that nothing is lost on disk.
    - steps: the optimisation step at which early stopping took the weights.
    - curve: losses on the way; they decide nothing.
    """

    logits: npt.NDArray[np.float64]
    steps: int
    curve: Curve = NO_CURVE

    @property
    def log_probabilities(self) -> npt.NDArray[np.float64]:
        """Without any temperature, (eval rows, classes)."""
        return np.asarray(log_softmax(self.logits, axis=-1))


def packed(fits: Sequence[Fit]) -> dict[str, npt.NDArray[Any]]:
    """Fits of one batch as arrays, for the store; their curves have the same steps."""
    return {
        "logits": np.stack([fit.logits.astype(np.float32) for fit in fits]),
        "steps": np.array([fit.steps for fit in fits]),
        "curve_steps": np.array(fits[0].curve.steps, dtype=np.int64),
        "curve_train": np.array([fit.curve.train for fit in fits], dtype=np.float64),
        "curve_validation": np.array([fit.curve.validation for fit in fits], dtype=np.float64),
    }


def unpacked(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[Fit, ...]:
    """The reverse of `packed`."""
    steps = tuple(arrays["curve_steps"].tolist())
    curves = zip(arrays["curve_train"].tolist(), arrays["curve_validation"].tolist(), strict=True)
    return tuple(
        Fit(logits.astype(np.float64), int(stopped), Curve(steps, tuple(train), tuple(validation)))
        for logits, stopped, (train, validation) in zip(arrays["logits"], arrays["steps"], curves, strict=True)
    )
