"""The pictures of a report, as SVG that takes its colours from the page around it.

Labels are content: they are shown with control characters visible and credentials masked, never read as formulas, and
escaped by the SVG writer.
"""

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from datalint.report.escape import shown
from datalint_trainer.details import ClassChange, Confusion, LearningCurve
from datalint_trainer.report import PERCENTAGES, ArmResult, ImpactReport
from datalint_trainer.verdict import Interval

# Colours that are in no palette stand for those of the page.
INK, LINE = "#010203", "#040506"
COLOURS = {"raw": "#d97706", "clean": "#2563eb", "placebo": "#8b949e"}
GAIN, LOSS = "#2563eb", "#c2410c"
MOST_CLASSES, MOST_CONFUSED, LONGEST = 20, 16, 26
# The figure that the placebos show, by what decides, and whether more of it is better.
_DECIDING = {"tempered": ("tempered_log_loss", -1), "Brier": ("brier", -1), "prompt": ("prompt_sensitivity", 1)}
_SETTINGS = {
    "svg.fonttype": "none", "svg.hashsalt": "datalint", "text.parse_math": False, "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": LINE, "axes.labelcolor": INK, "axes.titlecolor": INK,
    "axes.titlesize": 10, "axes.labelsize": 9, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 8, "legend.frameon": False, "grid.color": LINE,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "savefig.transparent": True,
}  # fmt: skip


def figures(report: ImpactReport) -> dict[str, str]:
    """Name -> SVG of every picture that there is something for, with `var(--ink)` and `var(--rule)` as colours."""
    details = report.details
    wanted: list[tuple[str, str, tuple[float, float], Callable[[Any], None]]] = [
        ("differences", "Clean minus raw and clean minus placebo, with intervals", (8, 2.6), _differences(report)),
        ("placebos", "The cleaned file among its placebos", (8, 1.9), _placebos(report)),
    ]
    if any(arm.curve.steps for arm in report.arms):
        wanted.append(("losses", "Training and validation loss of every model", (8, 3), _losses(report.arms)))
    if details.learning_curve:
        wanted.append(("learning", "Accuracy by size of the cleaned file", (5, 2.8), _learning(details.learning_curve)))
    if details.confusion and len(details.confusion.labels) > 1:
        chosen = _confused(details.confusion)
        size = (8, 5.5) if len(chosen) > 6 else (6.5, 3.8)
        wanted.append(("confusion", "Confusion before and after", size, _confusions(details.confusion, chosen)))
    if details.classes:
        size = (8, 0.9 + 0.22 * min(len(details.classes), MOST_CLASSES))
        wanted.append(("classes", "Change of F1 by class", size, _classes(details.classes)))
    return {name: _drawn(name, title, size, draw) for name, title, size, draw in wanted}


def standalone(svg: str) -> str:
    """The picture with colours of its own, for light and dark, to be used outside of a page."""
    light, dark = ("--ink: #1b1f24; --rule: #d0d7de;", "--ink: #e6edf3; --rule: #30363d;")
    style = f"<style>:root {{ {light} }} @media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}</style>"
    return re.sub(r"(<svg[^>]*>)", rf"\g<1>{style}", svg, count=1)


def _drawn(name: str, title: str, size: tuple[float, float], draw: Callable[[Any], None]) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out = io.StringIO()
    with _quiet(), mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    svg = text[text.index("<svg") :]
    svg = re.sub(r"<[^>]*>", lambda tag: _themed(tag[0], name), svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)


def _themed(tag: str, name: str) -> str:
    """Colours of the page, and identifiers that no other picture on it has."""
    tag = tag.replace(INK, "var(--ink)").replace(LINE, "var(--rule)")
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", tag)


@contextmanager
def _quiet() -> Iterator[None]:
    """Matplotlib tells about its font cache and about letters that its own font lacks; browsers have others."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _differences(report: ImpactReport) -> Callable[[Any], None]:
    shares = [name for name in report.clean_minus_raw if name in PERCENTAGES]
    others = [name for name in report.clean_minus_raw if name not in PERCENTAGES and name != "metric"]
    panels = [(shares, 100.0, "points")] if shares else []
    panels += [([name], 1.0, name) for name in others]
    if report.task == "classification":
        panels.append((["metric"], 1.0, f"{report.decided_by} (decides)"))
    sides = {"raw": report.clean_minus_raw, "placebo": report.clean_minus_placebo}

    def draw(figure: Any) -> None:
        widths = [2 if len(names) > 1 else 1 for names, _, _ in panels]
        axes = figure.subplots(1, len(panels), width_ratios=widths, squeeze=False)[0]
        for axis, (names, factor, unit) in zip(axes, panels, strict=True):
            axis.axvline(0, color=INK, linewidth=0.8)
            for offset, (side, intervals) in zip((-0.14, 0.14), sides.items(), strict=True):
                for row, name in enumerate(names):
                    _interval(axis, row + offset, intervals[name], factor, COLOURS[side], f"clean - {side}", row == 0)
            axis.set_yticks(*((range(len(names)), names) if len(names) > 1 else ([],)))
            axis.set_ylim(len(names) - 0.5, -0.5)
            axis.set_xlabel(unit)
            axis.grid(axis="x")
        axes[0].legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=2)

    return draw


def _interval(axis: Any, y: float, value: Interval, factor: float, colour: str, label: str, told: bool) -> None:  # noqa: FBT001
    if not all(np.isfinite([value.low, value.high])):
        return
    axis.plot([factor * value.low, factor * value.high], [y, y], color=colour, linewidth=2)
    axis.plot([factor * value.estimate], [y], "o", color=colour, markersize=5, label=label if told else None)


def _placebos(report: ImpactReport) -> Callable[[Any], None]:
    metric, sign = _DECIDING.get(report.decided_by.split()[0], ("bits_per_byte", -1))
    raw = {arm.seed: arm.metrics[metric] for arm in report.arms if arm.name == "raw"}

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        axis.axvline(0, color=INK, linewidth=0.8)
        for y, kind in enumerate(("clean", "placebo")):
            of_kind = [arm for arm in report.arms if arm.name.split("-")[0] == kind]
            gains = [sign * (arm.metrics[metric] - raw[arm.seed]) for arm in of_kind]
            axis.plot(gains, [y] * len(gains), "o", color=COLOURS[kind], markersize=7, alpha=0.55, markeredgewidth=0)
            mean = float(np.mean(gains))
            axis.plot([mean, mean], [y - 0.3, y + 0.3], color=COLOURS[kind], linewidth=2)
        axis.set_yticks([0, 1], ["cleaned file", "placebos"])
        axis.set_ylim(1.6, -0.6)
        axis.set_xlabel(f"better than the raw file's model of the same seed, in {metric.replace('_', ' ')}")
        axis.grid(axis="x")

    return draw


def _losses(arms: Sequence[ArmResult]) -> Callable[[Any], None]:
    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for kind in ("placebo", "raw", "clean"):
            of_kind = [arm for arm in arms if arm.name.split("-")[0] == kind and arm.curve.steps]
            for number, arm in enumerate(of_kind):
                style = {"color": COLOURS[kind], "linewidth": 1.2, "alpha": 0.5 if kind == "placebo" else 0.9}
                left.plot(arm.curve.steps, arm.curve.train, **style, label=None if number else kind)
                right.plot(arm.curve.steps, arm.curve.validation, **style)
                stopped = arm.curve.steps.index(arm.steps)
                right.plot([arm.steps], [arm.curve.validation[stopped]], "o", color=COLOURS[kind], markersize=4)
        left.set_title("on training rows")
        right.set_title("on the arm's own validation rows (dot: taken)")
        left.set_ylabel("loss")
        left.legend()
        for axis in (left, right):
            axis.set_xlabel("optimisation steps")
            axis.grid()

    return draw


def _learning(curve: LearningCurve) -> Callable[[Any], None]:
    def draw(figure: Any) -> None:
        axis = figure.subplots()
        rows = [point.rows for point in curve.points]
        reached = [100 * point.accuracy.estimate for point in curve.points]
        for point in curve.points:
            ends = [100 * point.accuracy.low, 100 * point.accuracy.high]
            axis.plot([point.rows] * 2, ends, color=COLOURS["clean"], linewidth=2, alpha=0.5)
        axis.plot(rows, reached, "o-", color=COLOURS["clean"])
        if curve.forecast is not None:
            ahead = reached[-1] + 100 * curve.forecast
            axis.plot([rows[-1], 2 * rows[-1]], [reached[-1], ahead], ":", color=COLOURS["clean"])
            axis.plot([2 * rows[-1]], [ahead], "o", color=COLOURS["clean"], markerfacecolor="none", label="forecast")
            rows = [*rows, 2 * rows[-1]]
            axis.legend(loc="lower right")
        axis.set_xscale("log", base=2)
        axis.set_xticks(rows, [f"{count:,}" for count in rows], minor=False)
        axis.set_xlabel("rows of the cleaned file")
        axis.set_ylabel("accuracy, %")
        axis.grid()

    return draw


def _confused(confusion: Confusion) -> list[int]:
    """Classes that are confused most, before or after, in the order of their names."""
    wrong = np.zeros(len(confusion.labels))
    for true, predicted, before, after in confusion.cells:
        if true != predicted:
            wrong[[true, predicted]] += max(before, after)
    return sorted(np.argsort(-wrong, kind="stable")[:MOST_CONFUSED].tolist())


def _confusions(confusion: Confusion, chosen: Sequence[int]) -> Callable[[Any], None]:
    place = {c: i for i, c in enumerate(chosen)}
    totals = np.zeros((2, len(confusion.labels)))
    shares = np.zeros((2, len(chosen), len(chosen)))
    for true, predicted, *rows in confusion.cells:
        totals[:, true] += rows
        if true in place and predicted in place:
            shares[:, place[true], place[predicted]] = rows
    shares /= np.maximum(totals[:, list(chosen), None], 1e-9)
    names = [_short(confusion.labels[c]) for c in chosen]

    def draw(figure: Any) -> None:
        for axis, share, title in zip(figure.subplots(1, 2, sharey=True), shares, ("raw", "clean"), strict=True):
            for row, column in zip(*np.nonzero(share > 0.004), strict=True):
                right = row == column
                # Few wrong rows matter as much as many right ones, so their colour starts stronger.
                strength = share[row, column] if right else min(1.0, 0.15 + 1.7 * share[row, column])
                corner = (column - 0.5, row - 0.5)
                colour = GAIN if right else LOSS
                axis.add_patch(_rectangle(corner, colour, float(strength)))
                if len(chosen) <= MOST_CONFUSED:
                    figure_in_cell = f"{100 * share[row, column]:.0f}"
                    axis.text(column, row, figure_in_cell, ha="center", va="center", fontsize=6)
            axis.set_xticks(range(len(names)), names, rotation=90)
            axis.set_yticks(range(len(names)), names)
            axis.set_xlim(-0.5, len(names) - 0.5)
            axis.set_ylim(len(names) - 0.5, -0.5)
            axis.set_aspect("equal")
            axis.set_title(f"{title}: % of a label's rows")
            axis.set_xlabel("predicted")
        figure.axes[0].set_ylabel("label")

    return draw


def _rectangle(corner: tuple[float, float], colour: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 1, 1, facecolor=colour, alpha=alpha, linewidth=0)


def _classes(classes: Sequence[ClassChange]) -> Callable[[Any], None]:
    some = classes[:MOST_CLASSES]

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        axis.axvline(0, color=INK, linewidth=0.8)
        for y, one in enumerate(some):
            gain = 100 * one.change.estimate
            axis.barh(y, gain, height=0.55, color=GAIN if gain > 0 else LOSS, alpha=0.6)
            if all(np.isfinite([one.change.low, one.change.high])):
                axis.plot([100 * one.change.low, 100 * one.change.high], [y, y], color=INK, linewidth=1)
        axis.set_yticks(range(len(some)), [f"{_short(one.name)} ({one.rows:,})" for one in some])
        axis.set_ylim(len(some) - 0.5, -0.5)
        axis.set_xlabel("points of F1, clean minus raw (eval rows in brackets)")
        axis.grid(axis="x")

    return draw


def _short(label: str) -> str:
    text = shown(label)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
