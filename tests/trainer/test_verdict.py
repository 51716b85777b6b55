# ruff: noqa: N806 -- R, C, P, Q and D are the protocol's names
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from datalint_trainer.verdict import Comparison, Interval, Spread, adjusted, compare, holm, mean_variance, shortage

SEEDS = [j % 3 for j in range(9)]


def test_the_formula():
    draw = np.random.default_rng(0)
    R, C, P = draw.normal(size=(3, 400)), draw.normal(0.1, 1, (3, 400)), draw.normal(size=(9, 400))
    found = compare(R, C, P, SEEDS, np.arange(400))

    n, B, S = 400, 9, 3
    Q, D, m = C.mean(0) - P.mean(0), C.mean(0) - R.mean(0), P.mean(1)
    e = m - np.array([np.mean([m[i] for i in range(B) if SEEDS[i] == SEEDS[j]]) for j in range(B)])
    s2 = (e**2).sum() / (B - S)
    half_Q = 1.96 * np.sqrt(Q.var(ddof=1) / n + s2 * (1 + 1 / B))
    half_D = 1.96 * np.sqrt(D.var(ddof=1) / n + s2)
    assert found.clean_minus_placebo.estimate == pytest.approx(Q.mean())
    assert found.clean_minus_placebo.low == pytest.approx(Q.mean() - half_Q, abs=1e-4)
    assert found.clean_minus_raw.high == pytest.approx(D.mean() + half_D, abs=1e-4)


def test_fewer_than_nine_placebos_pay_with_students_t():
    assert Spread(1.0, 9, 3).factor(0.05) == pytest.approx(1.95996, abs=1e-5)
    assert Spread(1.0, 6, 2).factor(0.05) == pytest.approx(stats.t.ppf(0.975, 4))


def test_rows_that_come_in_are_luck_once_more():
    edits, drops = Spread(1.0, 9, 3, brought=1.0), Spread(1.0, 9, 3)
    assert drops.versus_raw(0.0, 0.0).high == pytest.approx(1.96, abs=1e-4)
    assert edits.versus_raw(0.0, 0.0).high == pytest.approx(1.96 * np.sqrt(2), abs=1e-4)
    assert edits.versus_placebo(0.0, 0.0).high == pytest.approx(1.96 * np.sqrt(2 + 1 / 9), abs=1e-4)


def test_both_comparisons_must_agree():
    up, flat, down = Interval(1, 0.5, 1.5), Interval(0.1, -1, 1.2), Interval(-1, -1.5, -0.5)
    assert Comparison(up, up).word == "helped"
    assert Comparison(down, down).word == "hurt"
    for pair in ((up, flat), (flat, up), (up, down), (down, up), (flat, down)):
        assert Comparison(*pair).word == "no measurable difference"


def test_an_interval_that_touches_zero_takes_no_side():
    assert Interval(0.0, 0.0, 0.0).side == 0


def test_copies_of_eval_rows_are_no_evidence():
    values = np.random.default_rng(0).normal(size=200)
    once = mean_variance(values, np.arange(200))
    assert once == pytest.approx(values.var(ddof=1) / 200)
    assert mean_variance(np.tile(values, 5), np.tile(np.arange(200), 5)) == pytest.approx(once)


def test_luck_of_the_drop_is_rarely_called_an_effect():
    """Which rows are dropped moves all eval rows together; the clean arm here is one more placebo."""
    draw = np.random.default_rng(1)
    words = []
    for _ in range(400):
        common = draw.normal(0, 0.05, (13, 1))  # clean, raw on three seeds, nine placebos: the luck of each
        P = common[4:] + draw.normal(0, 0.3, (9, 300))
        C = common[:1] + draw.normal(0, 0.3, (3, 300))
        R = 0.0 * common[1:4] + draw.normal(0, 0.3, (3, 300))
        words.append(compare(R, C, P, SEEDS, np.arange(300)).word)
    assert words.count("helped") <= 16
    assert words.count("hurt") <= 16


def test_two_measures_after_holm():
    def measure(strict, full):
        interval = {"up": Interval(1, 0.5, 2), "flat": Interval(0, -1, 1), "down": Interval(-1, -2, -0.5)}
        return Comparison(interval[strict], interval[strict]), Comparison(interval[full], interval[full])

    assert holm([measure("up", "up"), measure("flat", "flat")]) == "helped"
    assert holm([measure("up", "up"), measure("flat", "down")]) == "no measurable difference"
    assert holm([measure("flat", "up"), measure("flat", "up")]) == "no measurable difference"
    assert holm([measure("down", "down"), measure("flat", "down")]) == "hurt"


def test_too_little_to_judge_by():
    truth = np.repeat(np.arange(4), 60)
    names = ["a", "b", "c", "d", "e", "f", "g", "h"]
    assert shortage(truth, np.arange(240), range(4), names) is None
    assert shortage(truth, np.tile(np.arange(60), 4), range(4), names) == "60 distinct eval rows; a verdict needs 200"
    assert shortage(truth[:199], np.arange(199), range(3), names) == "199 distinct eval rows; a verdict needs 200"
    assert shortage(truth, np.arange(240), range(5), names) == "fewer than 5 distinct eval rows for e"
    assert shortage(truth, np.arange(240), range(8), names) == "fewer than 5 distinct eval rows for e, f, g and 1 more"


def test_the_chance_of_an_interval_is_that_of_its_distance_from_zero():
    spread = Spread(0.01, 9, 3)
    touching = spread.versus_raw(1.0, (1 / spread.factor(0.05)) ** 2 - 0.01)
    assert touching.low == pytest.approx(0)
    assert spread.chance(touching) == pytest.approx(0.05)
    assert spread.chance(Interval(0.0, 0.0, 0.0)) == 1.0
    assert spread.chance(Interval(0.0, -1.0, 1.0)) == 1.0
    few = Spread(0.01, 4, 2)
    assert few.chance(few.versus_raw(1.0, 0.1)) > spread.chance(spread.versus_raw(1.0, 0.1))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_makes_no_chance_smaller_and_keeps_their_order(chances):
    found = adjusted(chances)
    assert all(old <= new <= 1 for old, new in zip(chances, found, strict=True))
    assert [x for _, x in sorted(zip(chances, found, strict=True))] == sorted(found)
    assert min(found) == pytest.approx(min(1.0, len(chances) * min(chances)))


def test_holm_steps_down():
    assert adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
