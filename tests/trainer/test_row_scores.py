import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support

from datalint_trainer.score import TEMPERATURES, Resamples, brier_score, log_score, tempered

DRAW = np.random.default_rng(0)
TRUTH = DRAW.integers(0, 4, 300)
LOGITS = DRAW.normal(size=(300, 4)) + 2 * np.eye(4)[TRUTH]
HALF = np.arange(300) % 2 == 1


def test_seventeen_temperatures_around_one():
    assert len(TEMPERATURES) == 17
    assert TEMPERATURES[8] == pytest.approx(1.0)


def test_a_temperature_undoes_sharpness():
    base = log_score(tempered(LOGITS, TRUTH, HALF), TRUTH).mean()
    assert log_score(tempered(LOGITS * 2, TRUTH, HALF), TRUTH).mean() == pytest.approx(base, abs=1e-3)


def test_each_half_is_scored_with_the_temperature_of_the_other():
    misleading = LOGITS.copy()
    misleading[~HALF] = 10 * DRAW.normal(size=misleading[~HALF].shape)  # sure and wrong: asks for the flattest
    probability = tempered(misleading, TRUTH, HALF)
    flattest = misleading[HALF] / TEMPERATURES[-1]
    assert probability[HALF] == pytest.approx(flattest - np.log(np.exp(flattest).sum(1, keepdims=True)))


def test_scores_are_those_of_the_textbook():
    probability = np.log(DRAW.dirichlet(np.ones(4), 300))
    assert -log_score(probability, TRUTH).mean() == pytest.approx(log_loss(TRUTH, np.exp(probability)))
    brier = ((np.exp(probability) - np.eye(4)[TRUTH]) ** 2).sum(1)
    assert brier_score(probability, TRUTH) == pytest.approx(-brier)


def test_metrics_equal_scikit_learn_on_the_data_itself():
    predicted = LOGITS.argmax(1)
    found = Resamples.draw(np.arange(300)).metrics(predicted, TRUTH, 5)  # class 4 is in no eval row
    precision, recall, f1, _ = precision_recall_fscore_support(
        TRUTH, predicted, labels=range(4), average="macro", zero_division=0
    )
    assert found["accuracy"][0] == pytest.approx(accuracy_score(TRUTH, predicted))
    assert [found[name][0] for name in ("precision", "recall", "macro_f1")] == pytest.approx([precision, recall, f1])


def test_resamples_draw_whole_groups():
    weights = Resamples.draw(np.array([0, 0, 1, 2])).weights
    assert np.array_equal(weights[:, 0], weights[:, 1])
    assert np.all(weights[1:, 1:].sum(1) == 3)
