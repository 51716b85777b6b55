import numpy as np
import pytest
from trainer_examples import rows

from datalint_trainer.arms import make_arms, share_arms
from datalint_trainer.learning import learning_curve
from datalint_trainer.rows import pool

PAIRS = [(f"text {i}", "xy"[i % 2]) for i in range(400)]
POOL = pool(rows(PAIRS), rows(PAIRS[:320]), [])
PARTS = share_arms(POOL, range(3), 9)


def curve(quarter, half, whole, luck=0.002):
    """Bootstrapped accuracies around given ones."""
    draw = np.random.default_rng(0)
    level = {"25%": quarter, "50%": half}

    def of(mean):
        return mean + luck * draw.normal() + np.concatenate([[0.0], 0.001 * draw.normal(size=200)])

    parts = np.stack([of(level[arm.name.split("-")[0]]) for arm in PARTS])
    return learning_curve(PARTS, parts, np.stack([of(whole) for _ in range(3)]), 320)


def test_parts_are_nested_and_of_the_clean_rows():
    clean = set(POOL.clean.tolist())
    rows_of = {arm.name: {*arm.train.tolist(), *arm.held.tolist()} for arm in PARTS}
    assert len(rows_of) == 18
    for j in range(9):
        assert rows_of[f"25%-{j}"] < rows_of[f"50%-{j}"] < clean
        assert (len(rows_of[f"25%-{j}"]), len(rows_of[f"50%-{j}"])) == (80, 160)
    assert len({frozenset(some) for some in rows_of.values()}) == 18
    assert {arm.seed for arm in PARTS} == {arm.seed for arm in make_arms(POOL, range(3), 0)}


def test_a_clear_gain_says_that_more_data_would_help_and_by_how_much():
    found = curve(0.70, 0.80, 0.85)
    assert found.more_data_helps
    assert found.last_doubling.estimate == pytest.approx(0.05, abs=0.005)
    assert found.forecast == pytest.approx(0.025, abs=0.005)
    assert [(point.share, point.rows) for point in found.points] == [(0.25, 80), (0.5, 160), (1.0, 320)]


def test_a_gain_that_may_be_luck_says_nothing():
    found = curve(0.80, 0.81, 0.82, luck=0.02)
    assert not found.more_data_helps
    assert found.forecast is None


def test_gains_are_never_forecast_to_grow():
    assert curve(0.80, 0.81, 0.85).forecast == pytest.approx(0.04, abs=0.005)


def test_a_loss_on_the_way_has_no_forecast():
    assert curve(0.82, 0.80, 0.85).forecast is None
