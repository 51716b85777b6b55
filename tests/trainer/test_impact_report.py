import io
from dataclasses import replace

import pytest
from rich.console import Console

from datalint_trainer.report import ArmResult, ImpactReport, signed
from datalint_trainer.report_text import show
from datalint_trainer.verdict import Interval

UP, FLAT, DOWN = Interval(0.011, 0.002, 0.02), Interval(0.001, -0.01, 0.012), Interval(-0.02, -0.03, -0.01)


def report(verdict="no measurable difference", raw=FLAT, placebo=FLAT, accuracy=FLAT, task="classification"):
    headline = "accuracy" if task == "classification" else "bits_per_byte"
    arms = tuple(ArmResult(name, 0, 10, 22, {headline: 0.8}) for name in ("raw", "clean", "placebo-0"))
    return ImpactReport(
        task=task,
        verdict=verdict,
        decided_by="tempered log-loss",
        model={"name": "tiny"},
        evaluation={"rows": 1234, "digest": ""},
        train={"raw": 10, "clean": 9, "left_out_for_leakage": 0},
        arms=arms,
        clean_minus_raw={"metric": raw, headline: accuracy},
        clean_minus_placebo={"metric": placebo, headline: FLAT},
        baselines=({"name": "majority", headline: 0.1},),
        objective=None,
        notes=("a note",),
        cost={"cpu_seconds": 1.0},
        versions={},
        seeds=(0,),
    )


def test_one_sentence_for_a_manager():
    assert report("helped", UP, UP, UP).sentence == (
        "The cleaning helped. Training on the cleaned file instead of the raw one: +1.1 points [0.2, 2.0] "
        "of accuracy on 1,234 held-out rows."
    )
    assert report(task="chat").sentence.endswith(
        "bits per byte of held-out answers (less is better) on 1,234 held-out rows."
    )
    by_sensitivity = replace(report("helped", UP, UP, task="chat"), decided_by="prompt sensitivity, after Holm")
    assert "one: +0.0110 [0.0020, 0.0200] bits per byte that an answer costs more" in by_sensitivity.sentence


@pytest.mark.parametrize("verdict", ["hurt", "no measurable difference", "not enough data"])
@pytest.mark.parametrize("raw", [UP, FLAT, DOWN])
@pytest.mark.parametrize("placebo", [UP, FLAT, DOWN])
def test_only_the_verdict_says_that_cleaning_helped(verdict, raw, placebo):
    found = report(verdict, raw, placebo)
    assert "help" not in found.sentence + found.explanation


def test_found_but_not_worth_dropping():
    assert "fix instead of drop" in report(raw=FLAT, placebo=UP).explanation


def test_lost_rows_are_told_apart_from_bad_choices():
    assert "so does dropping as many rows at random" in report(raw=DOWN, placebo=FLAT).explanation
    assert "check the rules" in report(raw=FLAT, placebo=DOWN).explanation
    assert "merely dislike" in report("hurt", DOWN, DOWN).explanation


def test_help_that_accuracy_does_not_show_is_explained():
    assert "accuracy alone shows nothing" in report("helped", UP, UP, FLAT).explanation
    assert "accuracy alone" not in report("helped", UP, UP, UP).explanation


def test_shares_are_points_and_scores_are_themselves():
    assert signed("accuracy", UP) == "+1.1 points [0.2, 2.0]"
    assert signed("bits_per_byte", DOWN) == "-0.0200 [-0.0300, -0.0100]"
    assert signed("bits_per_byte", Interval(-1e-9, -1e-9, 1e-9)) == "+0.0000 [0.0000, 0.0000]"


@pytest.mark.parametrize("task", ["classification", "chat"])
def test_the_table_has_every_figure(task):
    out = io.StringIO()
    show(report(task=task), Console(file=out, width=140))
    shown = out.getvalue()
    for part in (
        "clean - raw",
        "clean - placebo",
        "decided by tempered log-loss",
        "majority",
        "note: a note",
    ):
        assert part in shown
