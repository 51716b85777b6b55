import re
from dataclasses import replace

import pytest
from test_impact_report import DOWN, FLAT, UP, report
from trainer_examples import examples, flip, questions

from datalint_trainer.details import ClassChange, Confusion, Details, LearningCurve, Point, RuleEffect
from datalint_trainer.fit import Curve
from datalint_trainer.impact import impact
from datalint_trainer.report_html import render
from datalint_trainer.report_plots import figures, standalone

pytestmark = pytest.mark.train

HOSTILE = "</text></svg><script>alert(1)</script> $\\frac{1}{0$ \u202e\x07 日本"
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def full(label="card_arrival", task="classification"):
    base = report("helped", UP, UP, UP, task=task)
    if task == "classification":
        metrics = {"accuracy": 0.8, "tempered_log_loss": 0.5}
    else:
        metrics = {"bits_per_byte": 2.1, "prompt_sensitivity": 0.02}
    curve = Curve((1, 2), (2.0, 1.0), (2.0, 1.5))
    arms = tuple(replace(arm, metrics=metrics, curve=curve, steps=2) for arm in base.arms)
    details = Details(
        rules=(
            RuleEffect("CON002", "conflicting-labels", 40, UP, UP, FLAT, significant=True),
            RuleEffect("FMT011", "empty-field", 2),
        ),
        learning_curve=LearningCurve((Point(0.5, 50, UP), Point(1.0, 100, UP)), UP, 0.01),
        classes=(ClassChange(label, 30, 0.5, 0.7, UP), ClassChange("other", 30, 0.7, 0.5, DOWN)),
        confusion=Confusion((label, "other"), ((0, 0, 20.0, 25.0), (0, 1, 10.0, 5.0), (1, 1, 30.0, 30.0))),
    )
    if task == "chat":
        base, details = replace(base, decided_by="prompt sensitivity, after Holm"), Details()
    return replace(base, arms=arms, details=details, advice=("Do it.",))


def test_the_page_has_the_sentence_the_tables_and_six_pictures():
    page = render(full())
    for part in ("The cleaning helped.", "Do it.", "CON002 conflicting-labels", "too few rows to measure", "majority"):
        assert part in page
    assert page.count("<svg") == page.count("</svg>") == 6
    assert "suggestive" in page
    assert "none;" in page  # the content security policy
    assert not re.search(r'(?:src|href)="(?!#)', page)


def test_the_page_of_a_chat_comparison():
    page = render(full(task="chat"))
    assert page.count("<svg") == 3
    assert "bits_per_byte" in page


def test_labels_are_text_and_nothing_else():
    page = render(full(HOSTILE))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert "\x07" not in page
    assert "$\\frac" in page  # no formula
    assert SECRET not in render(full(SECRET))


def test_pictures_take_their_colours_from_the_page_and_share_no_identifiers():
    drawn = figures(full())
    assert set(drawn) == {"differences", "placebos", "losses", "learning", "confusion", "classes"}
    identifiers = [name for svg in drawn.values() for name in set(re.findall(r'\bid="([^"]+)"', svg))]
    assert len(identifiers) == len(set(identifiers))
    for svg in drawn.values():
        used = {*re.findall(r"url\(#([^)]+)\)", svg), *re.findall(r'href="#([^"]+)"', svg)}
        assert used <= set(identifiers)
        assert "var(--ink)" in svg
        assert "#010203" not in svg
        assert "--ink: #" in standalone(svg)


def test_the_same_report_gives_the_same_page():
    assert render(full()) == render(full())


def test_a_report_with_hardly_anything_has_a_page():
    bare = replace(report("not enough data"), baselines=())
    page = render(
        replace(bare, arms=tuple(replace(a, metrics={"accuracy": 0.1, "tempered_log_loss": 1}) for a in bare.arms))
    )
    assert page.count("<svg") == 2
    assert "Which rule" not in page


def test_a_real_report_has_a_page():
    noisy, wrong = flip(questions()[:120], 0.3)
    clean = [pair for pair, bad in zip(noisy, wrong, strict=True) if not bad]
    found = impact(examples(noisy), examples(clean), examples(questions()[120:400]))
    page = render(found)
    assert page.count("<svg") == 6
    assert page.count('class="open"') + page.count('class="helped"') >= 1
