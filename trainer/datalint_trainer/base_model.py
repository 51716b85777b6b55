"""The rival of a chat model: itself before fine-tuning. If it does as well, the task needs no fine-tuning."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from datalint_trainer.chat_measures import Measured
from datalint_trainer.report import Objective, signed
from datalint_trainer.rows import IntArray
from datalint_trainer.score import FloatArray
from datalint_trainer.verdict import Interval, interval_of, mean_variance

NAME = "the model before fine-tuning"


def rival(base: Measured, clean: FloatArray, group: IntArray) -> dict[str, Any]:
    """Its figures, and its bits per byte minus those of the models of the cleaned file.

    - clean: (seeds, eval rows), scores of bits per byte. group: int (eval rows,), near-copy groups.
    """
    gain = clean.mean(axis=0) - base.scores[0]
    of_seeds = float(np.var(clean.mean(axis=1), ddof=1)) / len(clean) if len(clean) > 1 else 0.0
    difference = interval_of(float(gain.mean()), mean_variance(gain, group) + of_seeds)
    return {"name": NAME, **base.metrics, "difference": asdict(difference)}


def conclusion(found: Mapping[str, Any], objective: Objective | None, *, fine_tuned: bool) -> str:
    """Is fine-tuning needed? One sentence. `fine_tuned`: a model of the user's, not the package's small one."""
    if objective and objective.reached(found[objective.metric]):
        return f"You do not need fine-tuning for this: {NAME} meets the objective."
    gain = Interval(**found["difference"])
    shown = f"{signed('bits_per_byte', gain)} bits per byte"
    if gain.side > 0:
        return f"Fine-tuning teaches something: {NAME} is worse than the cleaned file's model ({shown})."
    if gain.estimate > 0:
        return f"Whether fine-tuning teaches anything cannot be told from these rows ({shown})."
    how = "is better than" if gain.side < 0 else "does as well as"
    if fine_tuned:
        return f"You do not need fine-tuning for this: {NAME} {how} the cleaned file's model ({shown})."
    return (
        f"You may not need fine-tuning for this: {NAME} {how} the cleaned file's model ({shown}); "
        "--model tries a larger one."
    )
