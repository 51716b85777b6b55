"""What is asked of a comparison of labelled rows."""

from collections.abc import Callable
from dataclasses import dataclass, field

from datalint_trainer.attribution import Plan
from datalint_trainer.judge import EvalLabels
from datalint_trainer.objective import Goal
from datalint_trainer.store import Store


@dataclass(frozen=True)
class Request:
    """What is asked of a comparison.

    - eval_labels: "noisy" lets the tempered log-loss decide, "trusted" the Brier score, which has more power but is
      misled by wrong eval labels.
    - model: folder or hub id, fine-tuned with LoRA; None: heads over frozen features. max_length: tokens it reads.
    - learning_curve: fit parts of the cleaned file too. rules: arms of single rules.
    - announce: told the cost of `model` beforehand. track: told the number of steps; returns what is called after
      each. store: what was fitted before.
    """

    eval_labels: EvalLabels = "noisy"
    model: str | None = None
    max_length: int | None = None
    learning_curve: bool = True
    rules: Plan | None = None
    goal: Goal | None = None
    announce: Callable[[str], None] = lambda _line: None
    track: Callable[[int], Callable[[], None]] = lambda _total: lambda: None
    store: Store = field(default_factory=Store)
