"""What the user says success is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from datalint.errors import UsageError
from datalint_trainer.report import METRICS, ArmResult, Objective, Operator
from datalint_trainer.rows import Task


@dataclass(frozen=True)
class Goal:
    """A target for the model that is trained on the cleaned file."""

    metric: str
    operator: Operator
    target: float

    @classmethod
    def parse(cls, text: str, task: Task) -> "Goal":
        """Of `METRIC >= NUMBER` or `METRIC <= NUMBER`. Raises UsageError."""
        parsed = re.fullmatch(r"\s*(\w+)\s*(>=|<=)\s*(\d*\.?\d+)\s*", text)
        if not parsed or parsed[1] not in METRICS[task]:
            known = ", ".join(METRICS[task])
            raise UsageError(f"objective {text!r} is not METRIC >= NUMBER or METRIC <= NUMBER with one of {known}")
        return cls(parsed[1], ">=" if parsed[2] == ">=" else "<=", float(parsed[3]))

    def judge(self, arms: Sequence[ArmResult]) -> Objective:
        """Mean over the seeds of the clean arm."""
        values = [arm.metrics[self.metric] for arm in arms if arm.name == "clean"]
        value = sum(values) / len(values)
        met = value >= self.target if self.operator == ">=" else value <= self.target
        return Objective(self.metric, self.operator, self.target, value, met=met)
