"""The arms of the experiment: raw, clean, and placebos that lose as many rows, drawn at random.

Which rows are dropped moves all eval rows together, and only arms that drop other rows can show by how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datalint_trainer.rows import IntArray, Pool

VALIDATION_SHARE = 0.15
SHARES = (0.25, 0.5)  # of the clean rows, below the whole in a learning curve
_PLACEBO, _VALIDATION, _ORDER, _SHARE = range(4)  # streams of random numbers that must not coincide


@dataclass(frozen=True)
class Arm:
    """One model to fit.

    - name: "raw", "clean", "placebo-<j>" or "<share>%-<j>".
    - seed: fixes the validation groups and the batch order, equal for all arms with that seed.
    - train: int, positions in the pool that are trained on.
    - held: int, positions on which this arm stops early.
    """

    name: str
    seed: int
    train: IntArray
    held: IntArray

    @property
    def rows(self) -> int:
        """Rows of the arm, validation rows included."""
        return len(self.train) + len(self.held)


def placebo_drop(pool: Pool) -> int:
    """How many raw rows a placebo loses: as many as the cleaning removed or edited.

    A cleaning that edits most rows would leave the placebos next to none: they keep half as many as the clean arm.
    """
    n = len(pool.raw)
    return min(pool.changed, n - min(n, len(pool.clean)) // 2)


def make_arms(pool: Pool, seeds: Sequence[int], placebos: int) -> tuple[Arm, ...]:
    """Raw and clean on every seed, then placebo j on seed j mod S."""
    arms = [_split(pool, name, seed, getattr(pool, name)) for name in ("raw", "clean") for seed in seeds]
    keep = len(pool.raw) - placebo_drop(pool)
    for j in range(placebos):
        drawn = np.random.default_rng((_PLACEBO, j)).choice(pool.raw, keep, replace=False)
        arms.append(_split(pool, f"placebo-{j}", seeds[j % len(seeds)], np.sort(drawn)))
    return tuple(arms)


def share_arms(pool: Pool, seeds: Sequence[int], draws: int) -> tuple[Arm, ...]:
    """Parts of the clean rows, `draws` of each share; part j of a share holds part j of the smaller ones."""
    arms = []
    for j in range(draws):
        shuffled = np.random.default_rng((_SHARE, j)).permutation(pool.clean)
        for share in SHARES:
            part = np.sort(shuffled[: max(1, round(share * len(shuffled)))])
            arms.append(_split(pool, f"{share:.0%}-{j}", seeds[j % len(seeds)], part))
    return tuple(sorted(arms, key=lambda arm: arm.name))


def _split(pool: Pool, name: str, seed: int, positions: IntArray) -> Arm:
    draw = np.random.default_rng((_VALIDATION, seed)).random(int(pool.group.max(initial=0)) + 1)
    held = draw[pool.group[positions]] < VALIDATION_SHARE
    # A tiny arm may draw no validation rows at all, or nothing else: then it validates on what it trains on.
    if held.all() or not held.any():
        return Arm(name, seed, positions, positions)
    return Arm(name, seed, positions[~held], positions[held])


def batch_order(pool: Pool, arm: Arm, length: int) -> IntArray:
    """The first `length` training positions, epoch after epoch, int (length,).

    Every epoch shuffles all slots of the pool and leaves out what the arm lacks, so that arms of one seed see
    the rows they share in the same order and differ in nothing else.
    """
    priority = np.random.default_rng((_ORDER, arm.seed))
    slots, epochs, drawn = int(pool.slot.max(initial=0)) + 1, [], 0
    while drawn < length:
        epochs.append(arm.train[np.argsort(priority.random(slots)[pool.slot[arm.train]], kind="stable")])
        drawn += len(arm.train)
    return np.concatenate(epochs)[:length]
