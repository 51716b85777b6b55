"""Softmax heads over frozen features, one for each arm, all trained in one batched matrix product."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy

from datalint_trainer.arms import Arm, batch_order
from datalint_trainer.fit import Curve, Fit
from datalint_trainer.rows import IntArray, Pool

CHECKPOINTS = (22, 50, 110, 250, 400)
BATCH, LEARNING_RATE, WEIGHT_DECAY = 128, 0.01, 0.1
WATCHED = (0, 5, 10, 22, 36, 50, 75, 110, 160, 200, 250, 300, 350, 400)  # steps whose losses are shown
WATCHED_ROWS = 2_000  # training rows of an arm that these losses are of

# Features of length 1 are scaled to unit variance in 256 dimensions, and weights averaged over all steps so far.
# Of the settings tried this one had the smallest placebo spread for the same effect, so the most power.
FEATURE_LENGTH = 16.0


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
    watched = [(_few(arm.train, device), torch.from_numpy(arm.held).to(device)) for arm in arms]
    losses: list[list[tuple[float, float]]] = [[] for _ in arms]
    best: list[tuple[float, npt.NDArray[np.float64], int]] = [(np.inf, np.zeros((0, 0)), 0)] * len(arms)

    for step in range(CHECKPOINTS[-1] + 1):
        if step:
            rows = order[:, (step - 1) * BATCH : step * BATCH]
            logits = torch.baddbmm(bias, X[rows], weight)
            # The sum over arms of each arm's mean: no arm's gradient depends on another arm.
            loss = cross_entropy(logits.flatten(0, 1), y[rows].flatten(), reduction="sum") / BATCH
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
            optimizer.step()
            with torch.no_grad():
                mean_weight += (weight - mean_weight) / step
                mean_bias += (bias - mean_bias) / step
            advance()
        if step in WATCHED:
            with torch.no_grad():
                for i, parts in enumerate(watched):
                    found = [float(cross_entropy(X[at] @ mean_weight[i] + mean_bias[i], y[at])) for at in parts]
                    losses[i].append((found[0], found[1]))
                    if step in CHECKPOINTS and found[1] < best[i][0]:
                        scores = (X_eval @ mean_weight[i] + mean_bias[i]).double().cpu().numpy()
                        best[i] = (found[1], scores, step)
    return tuple(
        Fit(scores, step, Curve(WATCHED, *zip(*of_arm, strict=True)))
        for (_, scores, step), of_arm in zip(best, losses, strict=True)
    )


def _few(positions: IntArray, device: str) -> torch.Tensor:
    """At most WATCHED_ROWS of them, at equal distances."""
    return torch.from_numpy(positions[:: -(-len(positions) // WATCHED_ROWS)]).to(device)
