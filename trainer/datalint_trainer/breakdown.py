"""Class by class: what the cleaning changed, and what is taken for what."""

from collections.abc import Sequence

import numpy as np

from datalint_trainer.arms import Arm
from datalint_trainer.details import ClassChange, Confusion
from datalint_trainer.fit import Fit
from datalint_trainer.judge import Judge
from datalint_trainer.outcome import placebo_seeds
from datalint_trainer.rows import IntArray
from datalint_trainer.score import FloatArray
from datalint_trainer.verdict import Spread


def class_changes(
    arms: Sequence[Arm], fits: Sequence[Fit], judge: Judge, names: Sequence[str], brought: float
) -> tuple[ClassChange, ...]:
    """F1 of each class that the eval rows have, the greatest change first; intervals as those of the whole."""
    kinds = np.array([arm.name.split("-")[0] for arm in arms])
    f1 = [judge.resamples.f1(fit.logits.argmax(axis=1), judge.truth, len(names)) for fit in fits]
    raw, clean = (np.mean([f1[i] for i in np.flatnonzero(kinds == kind)], axis=0) for kind in ("raw", "clean"))
    placebo = np.array([f1[i][0] for i in np.flatnonzero(kinds == "placebo")])  # (B, classes)
    seeds = placebo_seeds(arms)
    rows = np.bincount(judge.truth, minlength=len(names))
    changes = []
    for c in np.flatnonzero(rows).tolist():
        gain = clean[:, c] - raw[:, c]
        interval = Spread.of(placebo[:, c], seeds, brought).versus_raw(float(gain[0]), float(np.var(gain[1:])))
        changes.append(ClassChange(names[c], int(rows[c]), float(raw[0, c]), float(clean[0, c]), interval))
    return tuple(sorted(changes, key=lambda change: (-abs(change.change.estimate), change.name)))


def confusion(arms: Sequence[Arm], fits: Sequence[Fit], truth: IntArray, names: Sequence[str]) -> Confusion:
    """Eval rows by true and predicted class for the raw and the clean arms, means over the seeds."""
    before, after = (_counted(arms, fits, truth, len(names), kind) for kind in ("raw", "clean"))
    cells = [
        (int(t), int(p), round(float(before[t, p]), 4), round(float(after[t, p]), 4))
        for t, p in zip(*np.nonzero(before + after), strict=True)
    ]
    return Confusion(tuple(names), tuple(cells))


def _counted(arms: Sequence[Arm], fits: Sequence[Fit], truth: IntArray, classes: int, kind: str) -> FloatArray:
    chosen = [fit for arm, fit in zip(arms, fits, strict=True) if arm.name == kind]
    total = np.zeros((classes, classes))
    for fit in chosen:
        np.add.at(total, (truth, fit.logits.argmax(axis=1)), 1 / len(chosen))
    return total
