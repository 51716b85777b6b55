"""The report for a terminal: the sentence, the table, and what stands beside it."""

from typing import TYPE_CHECKING

from datalint.report.escape import visible
from datalint_trainer.details import LearningCurve, RuleEffect
from datalint_trainer.report import ImpactReport, plain, signed
from datalint_trainer.verdict import Interval

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

STYLES = {"helped": "bold green", "hurt": "bold red"}


def show(report: ImpactReport, console: "Console") -> None:
    """Print verdict, tables, advice and notes."""
    from rich.text import Text

    console.print(Text(report.sentence, style=STYLES.get(report.verdict, "bold yellow")))
    console.print(Text(report.explanation + "\n"))
    console.print(_arms(report))
    console.print(Text(f"decided by {report.decided_by}; the rest is shown and decides nothing"))
    if report.details.rules:
        console.print()
        console.print(_rules(report))
        console.print(Text(RULES_LEGEND, style="dim"))
    if report.details.learning_curve:
        console.print(Text("\n" + learning(report.details.learning_curve)))
    if report.baselines:
        console.print()
        console.print(_rivals(report))
    if report.objective:
        console.print(Text("\n" + objective(report)))
    if report.advice:
        console.print()
    for line in report.advice:
        console.print(Text(line, style="bold"))
    for note in report.notes:
        console.print(Text(f"note: {visible(note)}", style="dim"))


RULES_TITLE = "which rule earned it (suggestive)"
RULES_LEGEND = (
    "each rule alone minus placebos that lose as many rows; * significant after Holm's correction; "
    "unique: what the other rules would not find"
)


def learning(curve: LearningCurve) -> str:
    """The learning curve in one line."""
    shares = ", ".join(f"{p.share:.0%} {plain('accuracy', p.accuracy.estimate)}" for p in curve.points)
    return f"accuracy by share of the cleaned file: {shares}; last doubling {signed('accuracy', curve.last_doubling)}"


def objective(report: ImpactReport) -> str:
    """Whether the user's target is met, in one line."""
    goal = report.objective
    assert goal is not None
    met = "met" if goal.met else "MISSED"
    return f"objective {goal.metric} {goal.operator} {goal.target:g}: {met} ({goal.value:.4g})"


def _columns(*names: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left", no_wrap=number < 4)
    return table


def _arms(report: ImpactReport) -> "Table":
    table = _columns("", "raw", "clean", "placebo", "clean - raw", "clean - placebo")
    sides = (report.clean_minus_raw, report.clean_minus_placebo)
    for name in report.clean_minus_raw:
        if name != "metric":
            means = [plain(name, report.mean(arm, name)) for arm in ("raw", "clean", "placebo")]
            table.add_row(name, *means, *(signed(name, side[name]) for side in sides))
    if report.task == "classification":
        table.add_row(report.decided_by, "", "", "", *(signed("metric", side["metric"]) for side in sides))
    return table


def _rules(report: ImpactReport) -> "Table":
    table = _columns(RULES_TITLE, "rows", "accuracy", report.decided_by, "unique")
    for effect in report.details.rules:
        table.add_row(f"{effect.rule} {effect.name}", f"{effect.rows:,}", *rule_figures(effect))
    return table


def rule_figures(effect: RuleEffect) -> tuple[str, str, str]:
    """Accuracy, deciding score (with the star) and unique part of a rule."""
    if effect.score is None or effect.accuracy is None or effect.unique is None:
        return ("too few rows to measure", "", "")
    star = " *" if effect.significant else ""
    return signed("accuracy", effect.accuracy), signed("metric", effect.score) + star, signed("metric", effect.unique)


def _rivals(report: ImpactReport) -> "Table":
    metric = report.headline_metric
    table = _columns("without fine-tuning", metric, "minus the cleaned file's model")
    for rival in report.baselines:
        gain = Interval(**rival["difference"]) if "difference" in rival else None
        table.add_row(rival["name"], plain(metric, rival[metric]), signed(metric, gain) if gain else "")
    return table
