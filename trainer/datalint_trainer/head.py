"""Softmax heads over frozen features, one for each arm, all trained in one batched matrix product."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_softmax
from torch.nn.functional import cross_entropy

from datalint_trainer.arms import Arm, batch_order
from datalint_trainer.rows import IntArray, Pool

CHECKPOINTS = (22, 50, 110, 250, 400)
BATCH, LEARNING_RATE, WEIGHT_DECAY = 128, 0.01, 0.1

# Features of length 1 are scaled to unit variance in 256 dimensions, and weights averaged over all steps so far.
# Of the settings tried this one had the smallest placebo spread for the same effect, so the most power.
FEATURE_LENGTH = 16.0


@dataclass(frozen=True)
class Fit:
    """What one arm predicts.

    - logits: float64 (eval rows, classes).
    - steps: the optimisation step at which early stopping took the weights.
    """

    logits: npt.NDArray[np.float64]
    steps: int

    @property
    def log_probabilities(self) -> npt.NDArray[np.float64]:
        """Without any temperature, (eval rows, classes)."""
        return np.asarray(log_softmax(self.logits, axis=-1))


def fit_heads(
    pool: Pool,
    arms: Sequence[Arm],
    features: npt.NDArray[np.float32],
    labels: IntArray,
    eval_features: npt.NDArray[np.float32],
    classes: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Fit, ...]:
    """Train one softmax head for each arm: equal steps, early stopping on the arm's own validation rows.

    - features: (pool rows, d), of length 1.
    - labels: int (pool rows,), below `classes`.
    - eval_features: (eval rows, d), of length 1.
    - advance: called once a step.
    """
    with one_thread():
        return _fit(pool, arms, features, labels, eval_features, classes, advance)


@contextmanager
def one_thread() -> Iterator[None]:
    """Small products gain little from more threads, and figures must not depend on the machine's cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit(
    pool: Pool,
    arms: Sequence[Arm],
    features: npt.NDArray[np.float32],
    labels: IntArray,
    eval_features: npt.NDArray[np.float32],
    classes: int,
    advance: Callable[[], None],
) -> tuple[Fit, ...]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    X = torch.from_numpy(features).to(device) * FEATURE_LENGTH
    X_eval = torch.from_numpy(eval_features).to(device) * FEATURE_LENGTH
    y = torch.from_numpy(labels).to(device)
    orders = np.stack([batch_order(pool, arm, CHECKPOINTS[-1] * BATCH) for arm in arms])
    order = torch.from_numpy(orders).to(device)

    # Zeros, not random numbers: the problem is convex, and a seed shall mean the split and the order alone.
    weight = torch.zeros(len(arms), X.shape[1], classes, device=device, requires_grad=True)
    bias = torch.zeros(len(arms), 1, classes, device=device, requires_grad=True)
    optimizer = torch.optim.AdamW([weight, bias], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    mean_weight, mean_bias = torch.zeros_like(weight), torch.zeros_like(bias)
    best: list[tuple[float, Fit]] = [(np.inf, Fit(np.zeros((0, 0)), 0))] * len(arms)

    for step in range(1, CHECKPOINTS[-1] + 1):
        rows = order[:, (step - 1) * BATCH : step * BATCH]
        logits = torch.baddbmm(bias, X[rows], weight)
        # The sum over arms of each arm's mean: no arm's gradient depends on another arm.
        loss = cross_entropy(logits.flatten(0, 1), y[rows].flatten(), reduction="sum") / BATCH
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            mean_weight += (weight - mean_weight) / step
            mean_bias += (bias - mean_bias) / step
            if step in CHECKPOINTS:
                for i, arm in enumerate(arms):
                    held = torch.from_numpy(arm.held).to(device)
                    held_loss = float(cross_entropy(X[held] @ mean_weight[i] + mean_bias[i], y[held]))
                    if held_loss < best[i][0]:
                        scores = (X_eval @ mean_weight[i] + mean_bias[i]).double().cpu().numpy()
                        best[i] = (held_loss, Fit(scores, step))
        advance()
    return tuple(fit for _, fit in best)
