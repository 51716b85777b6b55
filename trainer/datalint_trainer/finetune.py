"""Fine-tuning one model on arm after arm, each from the same starting point, with the same steps and batch order."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from datalint_trainer.arms import Arm, batch_order
from datalint_trainer.fit import Curve
from datalint_trainer.rows import IntArray, Pool

WARMUP_SHARE = 0.1
CLIP = 1.0
AVERAGED_STEPS = 20
MAX_HELD = 128  # validation rows that tell when to stop; more cost time and change nothing

Announce = Callable[[str], None]
Track = Callable[[int], Callable[[], None]]
Weights = dict[str, torch.Tensor]


class Batch(Protocol):
    """Losses of some rows, as a task computes them."""

    def __call__(self, model: Any, positions: IntArray) -> tuple[torch.Tensor, int]:
        """Return the summed loss of the pool rows at `positions`, a scalar with gradient, and of how many terms."""


@dataclass(frozen=True)
class Recipe:
    """How a model is fine-tuned; equal for all arms.

    - batch: rows a step. micro: rows that go through the model at once; a batch is made of such parts.
    - checkpoints: the steps after which weights may be taken; the last is the budget.
    - optimizer: of a model; its groups carry their peak learning rate as "peak".
    - averaged: take the average of the last steps' weights, which differs less between arms by mere chance.
    """

    batch: int
    micro: int
    checkpoints: tuple[int, ...]
    optimizer: Callable[[Any], torch.optim.Optimizer]
    averaged: bool = False

    @property
    def steps(self) -> int:
        """The budget."""
        return self.checkpoints[-1]

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the outcome, beside the model and the rows."""
        sizes = {"batch": self.batch, "micro": self.micro, "checkpoints": self.checkpoints, "averaged": self.averaged}
        return sizes | {"device": device().type}


class Trained(NamedTuple):
    """An arm, the step at which its weights were taken, and its losses: training since the checkpoint before."""

    arm: Arm
    step: int
    curve: Curve


def spread_checkpoints(steps: int, number: int) -> tuple[int, ...]:
    """Checkpoints at equal distances, the last at `steps`; fewer where there are fewer steps."""
    return tuple(sorted({max(1, steps * (i + 1) // number) for i in range(number)}))


def device() -> torch.device:
    """The graphics card where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fine_tune(
    model: Any,
    pool: Pool,
    arms: Sequence[Arm],
    loss_of: Batch,
    recipe: Recipe,
    lengths: IntArray,
    announce: Announce,
    track: Track,
) -> Iterator[Trained]:
    """Train arm after arm from the same start; yields each arm while the model holds its best weights.

    Best is the checkpoint with the least loss on the arm's own validation rows.

    - lengths: int (pool rows,), what a row costs; rows of like length go through the model together.
    - announce: told the expected cost. track: told the number of steps; returns what is called after each.
    """
    if not arms:
        return
    start = _trainable(model)
    announce(_cost(model, pool, arms, loss_of, recipe, lengths))
    _restore(model, start)
    advance = track(recipe.steps * len(arms))
    for arm in arms:
        _restore(model, start)
        torch.manual_seed(arm.seed)
        optimizer = recipe.optimizer(model)
        warmup = max(1, int(WARMUP_SHARE * recipe.steps))
        order = batch_order(pool, arm, recipe.steps * recipe.batch)
        best, best_step, best_weights = np.inf, recipe.steps, start
        held_rows = _parts(arm.held[:: -(-len(arm.held) // MAX_HELD)], 2 * recipe.micro, lengths)
        average = _trainable(model) if recipe.averaged else None
        losses: list[float] = []
        points: list[tuple[float, float]] = []
        for step in range(1, recipe.steps + 1):
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * min(1.0, step / warmup)
            positions = order[(step - 1) * recipe.batch : step * recipe.batch]
            losses.append(_step(model, optimizer, loss_of, _parts(positions, recipe.micro, lengths)))
            if average:
                _follow(average, model, 1 / min(step, AVERAGED_STEPS))
            if step in recipe.checkpoints:
                last = _trainable(model)
                _restore(model, average or last)
                held = _held_loss(model, loss_of, held_rows)
                points.append((float(np.mean(losses)), held))
                losses.clear()
                if held < best:
                    best, best_step, best_weights = held, step, _trainable(model)
                _restore(model, last)
            advance()
        _restore(model, best_weights)
        model.eval()
        yield Trained(arm, best_step, Curve(recipe.checkpoints, *zip(*points, strict=True)))
    _restore(model, start)


def _cost(model: Any, pool: Pool, arms: Sequence[Arm], loss_of: Batch, recipe: Recipe, lengths: IntArray) -> str:
    """Time two steps, and say what all of them will take."""
    order = batch_order(pool, arms[0], 2 * recipe.batch)
    optimizer = recipe.optimizer(model)
    _step(model, optimizer, loss_of, _parts(order[: recipe.batch], recipe.micro, lengths))
    began = time.perf_counter()
    _step(model, optimizer, loss_of, _parts(order[recipe.batch :], recipe.micro, lengths))
    # A third more for validation and evaluation.
    minutes = (time.perf_counter() - began) * recipe.steps * len(arms) * 4 / 3 / 60
    return (
        f"{len(arms)} fine-tunings of {recipe.steps} steps with {recipe.batch} rows each, "
        f"about {max(1, round(minutes)):,} minutes on this {'GPU' if device().type == 'cuda' else 'CPU'}"
    )


def _step(model: Any, optimizer: torch.optim.Optimizer, loss_of: Batch, parts: Sequence[IntArray]) -> float:
    """Returns the mean loss before the step."""
    model.train()
    optimizer.zero_grad()
    terms, total = 0, 0.0
    for part in parts:
        loss, count = loss_of(model, part)
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        terms += count
        total += float(loss.detach())
    trained = [p for p in model.parameters() if p.grad is not None]
    # Parts differ in tokens: only the sum over all of them knows what one token weighs.
    for parameter in trained:
        parameter.grad.div_(max(terms, 1))
    torch.nn.utils.clip_grad_norm_(trained, CLIP)
    optimizer.step()
    return total / max(terms, 1)


def _held_loss(model: Any, loss_of: Batch, parts: Sequence[IntArray]) -> float:
    model.eval()
    with torch.no_grad():
        found = [loss_of(model, part) for part in parts]
    return sum(float(loss) for loss, _ in found) / max(sum(count for _, count in found), 1)


def _parts(positions: IntArray, size: int, lengths: IntArray) -> list[IntArray]:
    ordered = positions[np.argsort(lengths[positions], kind="stable")]
    return [ordered[i : i + size] for i in range(0, len(ordered), size)]


def _trainable(model: Any) -> Weights:
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def _follow(average: Weights, model: Any, weight: float) -> None:
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            average[name].lerp_(parameter.detach(), weight)


def _restore(model: Any, weights: Weights) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(weights[name])
