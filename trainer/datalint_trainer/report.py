"""The outcome of a comparison: one JSON document, one sentence. report_text and report_html show it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from datalint_trainer.details import NO_DETAILS, Details, curve_dict, doubling_dict
from datalint_trainer.fit import NO_CURVE, Curve
from datalint_trainer.rows import Task
from datalint_trainer.verdict import Interval, Word

SCHEMA = "datalint-impact/1"
PERCENTAGES = ("accuracy", "macro_f1", "precision", "recall")
METRICS: Mapping[Task, tuple[str, ...]] = {
    "classification": (*PERCENTAGES, "log_loss", "perplexity", "tempered_log_loss", "brier"),
    "chat": ("bits_per_byte", "prompt_sensitivity", "log_loss", "perplexity"),
}
Operator: TypeAlias = Literal[">=", "<="]
HEADLINES = {
    "helped": "The cleaning helped.",
    "hurt": "The cleaning hurt.",
    "no measurable difference": "No measurable difference.",
    "not enough data": "Not enough data for a verdict.",
}


@dataclass(frozen=True)
class ArmResult:
    """One trained model: where it stopped early, what it scored on the eval rows, and its losses on the way."""

    name: str
    seed: int
    rows: int
    steps: int
    metrics: Mapping[str, float]
    curve: Curve = NO_CURVE


@dataclass(frozen=True)
class Objective:
    """A target for the model trained on the cleaned file, such as macro_f1 >= 0.85."""

    metric: str
    operator: Operator
    target: float
    value: float
    met: bool

    def reached(self, value: float) -> bool:
        """Whether another model's figure would meet it."""
        return value >= self.target if self.operator == ">=" else value <= self.target


@dataclass(frozen=True)
class ImpactReport:
    """What cleaning a training file was worth (schema `datalint-impact/1`).

    - decided_by: the score that decides; all other figures are shown beside it and decide nothing.
    - clean_minus_raw, clean_minus_placebo: intervals by metric; "metric" is the deciding score, of which more
      is better whatever its name; the others are in their own units.
    - notes: what a reader should know about this run, one sentence each.
    - seeds: the seeds of raw and clean.
    - details: rules, learning curve, classes; shown, and deciding nothing.
    - advice: what follows beside the verdict (is fine-tuning needed, would more data help), one sentence each.
    """

    task: Task
    verdict: Word
    decided_by: str
    model: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    train: Mapping[str, int]
    arms: tuple[ArmResult, ...]
    clean_minus_raw: Mapping[str, Interval]
    clean_minus_placebo: Mapping[str, Interval]
    baselines: tuple[Mapping[str, Any], ...]
    objective: Objective | None
    notes: tuple[str, ...]
    cost: Mapping[str, float]
    versions: Mapping[str, str]
    seeds: tuple[int, ...]
    details: Details = NO_DETAILS
    advice: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON contract; figures are plain numbers."""
        told = {
            "schema": SCHEMA,
            "task": self.task,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "decided_by": self.decided_by,
            "model": dict(self.model),
            "eval": dict(self.evaluation),
            "train": dict(self.train),
            "arms": [asdict(arm) for arm in self.arms],
            "clean_minus_raw": {name: asdict(value) for name, value in self.clean_minus_raw.items()},
            "clean_minus_placebo": {name: asdict(value) for name, value in self.clean_minus_placebo.items()},
            "rules": [effect.to_dict() for effect in self.details.rules],
            "baselines": [dict(baseline) for baseline in self.baselines],
            "learning_curve": curve_dict(self.details.learning_curve),
            "last_doubling": doubling_dict(self.details.learning_curve),
            "classes": [asdict(change) for change in self.details.classes],
            "confusion": asdict(self.details.confusion) if self.details.confusion else None,
            "advice": list(self.advice),
            "objective": asdict(self.objective) if self.objective else None,
            "notes": list(self.notes),
            "cost": dict(self.cost),
            "versions": dict(self.versions),
            "seeds": list(self.seeds),
        }
        return {name: _finite(value) for name, value in told.items()}

    def mean(self, arm: str, metric: str) -> float:
        """Mean of a metric over the models of an arm: "raw", "clean" or "placebo"."""
        values = [result.metrics[metric] for result in self.arms if result.name.split("-")[0] == arm]
        return sum(values) / len(values)

    @property
    def headline_metric(self) -> str:
        """The metric that the sentence speaks in."""
        return "accuracy" if self.task == "classification" else "bits_per_byte"

    @property
    def sentence(self) -> str:
        """The verdict for somebody who reads one sentence."""
        figure = signed(self.headline_metric, self.clean_minus_raw[self.headline_metric])
        if self.decided_by.startswith("prompt sensitivity"):
            # Bits per byte need not show what this measure sees; a figure that shows nothing would belie the verdict.
            figure = signed("prompt_sensitivity", self.clean_minus_raw["metric"])
            figure += " bits per byte that an answer costs more after another row's prompt (more is better)"
        elif self.task == "chat":
            figure += " bits per byte of held-out answers (less is better)"
        else:
            figure += " of accuracy"
        return (
            f"{HEADLINES[self.verdict]} Training on the cleaned file instead of the raw one: {figure} "
            f"on {self.evaluation['rows']:,} held-out rows."
        )

    @property
    def explanation(self) -> str:
        """Why the verdict is what it is, from the two comparisons of the deciding score."""
        raw, placebo = self.clean_minus_raw["metric"].side, self.clean_minus_placebo["metric"].side
        if self.verdict == "not enough data":
            return (
                "The figures below are no basis for a decision: the first note says what is missing. "
                "Give more rows with --eval."
            )
        if self.verdict == "helped":
            better = "Better than the raw file, and better than dropping as many rows at random."
            unsure = self.task == "classification" and not self.clean_minus_raw["accuracy"].side
            return f"{better} Right labels get more probability; accuracy alone shows nothing." if unsure else better
        if self.verdict == "hurt":
            return (
                "Worse than the raw file, and worse than dropping as many rows at random: rows are gone that the "
                "model needs, as happens where rules drop what they merely dislike." + self._own_faults
            )
        if raw == placebo != 0:
            return "One measure points somewhere, but not clearly enough where two are asked."
        if placebo > 0:
            return "Bad rows were found, but dropping them cost as much as they did: fix instead of drop."
        if placebo < 0:
            worse = "The rows that went were worth more than random ones: check the rules that dropped them."
            return worse + self._own_faults
        if raw < 0:
            same = "The cleaned file trains a worse model, but so does dropping as many rows at random."
            return same + self._own_faults
        if raw > 0:
            return "Better than the raw file, but not better than dropping as many rows at random."
        return "Whatever the cleaning changed is smaller than what chance does to these models."

    @property
    def _own_faults(self) -> str:
        if not self.evaluation.get("split_off"):
            return ""
        return (
            " Or labels are wrong in one way throughout: the evaluation rows are raw rows too, on which such labels "
            "look right; --eval with checked rows tells."
        )


def plain(metric: str, value: float) -> str:
    """A figure in its unit: per cent for shares."""
    return f"{100 * value:z.1f} %" if metric in PERCENTAGES else f"{value:z.4f}"


def signed(metric: str, value: Interval) -> str:
    """A difference with its interval: "+1.1 points [0.2, 2.0]" for shares."""
    if metric in PERCENTAGES:
        return f"{100 * value.estimate:+z.1f} points [{100 * value.low:z.1f}, {100 * value.high:z.1f}]"
    return f"{value.estimate:+z.4f} [{value.low:z.4f}, {value.high:z.4f}]"


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 row", "1,234 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _finite(value: Any) -> Any:
    """JSON has no number for an interval without an end."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
