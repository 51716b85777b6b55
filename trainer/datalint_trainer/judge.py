"""How predictions of the eval rows are judged: the same for every arm of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from datalint_trainer.fit import Fit
from datalint_trainer.rows import IntArray
from datalint_trainer.score import FloatArray, Resamples, brier_score, log_score, tempered

EvalLabels = Literal["noisy", "trusted"]
DECIDES = {"noisy": "tempered log-loss", "trusted": "Brier score"}


@dataclass(frozen=True)
class Judge:
    """The eval rows' classes, int (rows,), their near-copy groups, int (rows,), and bootstrap weights."""

    truth: IntArray
    group: IntArray
    resamples: Resamples
    eval_labels: EvalLabels

    def both_scores(self, fit: Fit) -> tuple[FloatArray, FloatArray]:
        """Minus the tempered log-loss and minus the Brier score of each row, (rows,); higher is better."""
        probability = tempered(fit.logits, self.truth, self.group % 2 == 1)
        return log_score(probability, self.truth), brier_score(probability, self.truth)

    def scores(self, fits: Sequence[Fit]) -> FloatArray:
        """The deciding score, (fits, rows)."""
        return np.stack([self.both_scores(fit)[self.eval_labels == "trusted"] for fit in fits])

    def accuracy(self, fits: Sequence[Fit]) -> FloatArray:
        """Bootstrapped, the data itself first: (fits, 1 + resamples)."""
        return np.stack([self.resamples.accuracy(fit.logits.argmax(axis=1), self.truth) for fit in fits])
