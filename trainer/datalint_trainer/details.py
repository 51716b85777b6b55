"""What a classification report shows beside the verdict. None of it decides."""

from dataclasses import asdict, dataclass
from typing import Any

from datalint_trainer.verdict import Interval


@dataclass(frozen=True)
class RuleEffect:
    """What one rule earned by itself, and what would be lost without it.

    - rows: training rows that the rule alone removes or changes.
    - score, accuracy: raw rows with this rule alone, minus placebos that lose as many; None: too few rows to measure.
    - unique: deciding score of the cleaned file minus that of a file cleaned by all other rules.
    - significant: after Holm's correction over all rules that were measured.
    """

    rule: str
    name: str
    rows: int
    score: Interval | None = None
    accuracy: Interval | None = None
    unique: Interval | None = None
    significant: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Of the JSON contract."""
        score = {"estimate": None, "low": None, "high": None} if self.score is None else asdict(self.score)
        return {"rule": self.rule, "name": self.name, "rows": self.rows, **score, "significant": self.significant} | {
            "accuracy": asdict(self.accuracy) if self.accuracy else None,
            "unique": asdict(self.unique) if self.unique else None,
        }


@dataclass(frozen=True)
class Point:
    """Accuracy of a model that was trained on a share of the cleaned rows."""

    share: float
    rows: int
    accuracy: Interval


@dataclass(frozen=True)
class LearningCurve:
    """The cleaned file at a quarter, a half and whole.

    - last_doubling: accuracy of the whole file minus that of its half.
    - forecast: accuracy that doubling the file once more would add, None where nothing can be said.
    """

    points: tuple[Point, ...]
    last_doubling: Interval
    forecast: float | None

    @property
    def more_data_helps(self) -> bool:
        """Only if the interval of the last doubling lies above zero."""
        return self.last_doubling.side > 0


@dataclass(frozen=True)
class ClassChange:
    """F1 of one class before and after, means over the seeds."""

    name: str
    rows: int  # eval rows
    raw: float
    clean: float
    change: Interval


@dataclass(frozen=True)
class Confusion:
    """Eval rows by true and predicted class, means over the seeds.

    - cells: those that are not empty: index of the true class, of the predicted one, rows before, rows after.
    """

    labels: tuple[str, ...]
    cells: tuple[tuple[int, int, float, float], ...]


@dataclass(frozen=True)
class Details:
    """All of it; empty for chat."""

    rules: tuple[RuleEffect, ...] = ()
    learning_curve: LearningCurve | None = None
    classes: tuple[ClassChange, ...] = ()
    confusion: Confusion | None = None


NO_DETAILS = Details()


def curve_dict(curve: LearningCurve | None) -> list[dict[str, Any]]:
    """`learning_curve` of the JSON contract."""
    if curve is None:
        return []
    return [{"share": point.share, "rows": point.rows, "accuracy": asdict(point.accuracy)} for point in curve.points]


def doubling_dict(curve: LearningCurve | None) -> dict[str, Any] | None:
    """`last_doubling` of the JSON contract."""
    if curve is None:
        return None
    return {
        **asdict(curve.last_doubling),
        "more_data_helps": curve.more_data_helps,
        "forecast": curve.forecast,
    }
