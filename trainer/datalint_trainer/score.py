"""What a model's predictions are worth, eval row by eval row, and the figures shown beside the verdict."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from datalint_trainer.rows import IntArray

FloatArray = npt.NDArray[np.float64]

TEMPERATURES = np.geomspace(0.25, 4.0, 17)
SHOWN = ("accuracy", "macro_f1", "precision", "recall")
RESAMPLES = 500


def tempered(logits: FloatArray, truth: IntArray, half: npt.NDArray[np.bool_]) -> FloatArray:
    """Log-probabilities after one temperature for each half of the eval rows, fitted on the other half.

    Plain log-loss with wrong eval labels punishes a model for being sure, and so calls perfect cleaning
    harmful; a temperature takes sharpness out of the comparison (Guo et al. 2017, "On Calibration of Modern
    Neural Networks").

    - logits: (rows, classes). truth: int (rows,). half: bool (rows,), the two halves.

    - returns (rows, classes).
    """

    def scaled(temperature: float) -> FloatArray:
        return np.asarray(log_softmax(logits / temperature, axis=-1))

    losses = np.stack([-log_score(scaled(temperature), truth) for temperature in TEMPERATURES])  # (17, rows)
    result = np.empty_like(logits)
    for side in (half, ~half):
        other = ~side if (~side).any() else side
        result[side] = scaled(TEMPERATURES[losses[:, other].mean(axis=1).argmin()])[side]
    return result


def log_score(log_probability: FloatArray, truth: IntArray) -> FloatArray:
    """Minus the log-loss of each row, (rows,); higher is better."""
    return np.take_along_axis(log_probability, truth[:, None], axis=-1)[:, 0]


def brier_score(log_probability: FloatArray, truth: IntArray) -> FloatArray:
    """Minus the squared distance of prediction and label, (rows,); higher is better (Brier 1950)."""
    miss = np.exp(log_probability)
    miss[np.arange(len(truth)), truth] -= 1.0
    return np.asarray(-(miss**2).sum(axis=1))


@dataclass(frozen=True)
class Resamples:
    """Bootstrap weights: how often each eval row is drawn, float64 (RESAMPLES + 1, rows); row 0 is the data.

    Whole near-copy groups are drawn, because copies of one row are no independent evidence.
    """

    weights: FloatArray

    @classmethod
    def draw(cls, group: IntArray) -> "Resamples":
        """Draw from the groups of the eval rows, int (rows,); the seed is fixed."""
        number = int(group.max(initial=-1)) + 1
        counts = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), size=RESAMPLES)
        return cls(np.vstack([np.ones((1, len(group))), counts[:, group].astype(np.float64)]))

    def metrics(self, predicted: IntArray, truth: IntArray, classes: int) -> dict[str, FloatArray]:
        """Accuracy and macro averages over the classes that the eval rows have, each (RESAMPLES + 1,)."""
        hit, true, positive = self._counts(predicted, truth, classes)
        present = true > 0
        number = np.maximum(present.sum(axis=1), 1)
        averaged = {
            "macro_f1": _share(2 * hit, true + positive),
            "precision": _share(hit, positive),
            "recall": _share(hit, true),
        }
        return {"accuracy": _share(hit.sum(axis=1), self.weights.sum(axis=1))} | {
            name: (values * present).sum(axis=1) / number for name, values in averaged.items()
        }

    def accuracy(self, predicted: IntArray, truth: IntArray) -> FloatArray:
        """Accuracy alone, (RESAMPLES + 1,)."""
        return _share(self.weights @ (predicted == truth), self.weights.sum(axis=1))

    def f1(self, predicted: IntArray, truth: IntArray, classes: int) -> FloatArray:
        """F1 of each class, (RESAMPLES + 1, classes)."""
        hit, true, positive = self._counts(predicted, truth, classes)
        return _share(2 * hit, true + positive)

    def _counts(self, predicted: IntArray, truth: IntArray, classes: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Rows of each class that are found, that there are, and that are predicted, each (RESAMPLES + 1, classes)."""
        columns = np.arange(classes)
        is_true, is_predicted = truth[:, None] == columns, predicted[:, None] == columns
        return self.weights @ (is_true & is_predicted), self.weights @ is_true, self.weights @ is_predicted


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Zero where there is nothing to have a share of."""
    return np.asarray(part / np.maximum(whole, 1))
