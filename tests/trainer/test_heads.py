import numpy as np
import pytest
from trainer_examples import rows, split

from datalint_trainer.arms import make_arms
from datalint_trainer.features import embedded_encoder
from datalint_trainer.head import CHECKPOINTS, fit_heads
from datalint_trainer.rows import pool

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def problem():
    train, evaluation = split(140)
    found = pool(rows(train), rows(train[:120]), rows(evaluation))
    names = sorted({label for _, label in train})
    encoder = embedded_encoder()
    labels = np.array([names.index(row.answer) for row in found.rows])
    truth = np.array([names.index(label) for _, label in evaluation])
    features = encoder.encode([row.prompt for row in found.rows])
    return found, features, labels, encoder.encode([text for text, _ in evaluation]), truth


def test_a_head_learns(problem):
    found, features, labels, eval_features, truth = problem
    fits = fit_heads(found, make_arms(found, range(2), 4), features, labels, eval_features, 8)
    for fit in fits:
        assert (fit.logits.argmax(1) == truth).mean() > 0.7
        assert fit.steps in CHECKPOINTS


def test_arms_trained_together_do_not_touch_each_other(problem):
    found, features, labels, eval_features, _ = problem
    arms = make_arms(found, range(2), 4)
    together = fit_heads(found, arms, features, labels, eval_features, 8)
    alone = fit_heads(found, arms[2:3], features, labels, eval_features, 8)
    assert alone[0].logits == pytest.approx(together[2].logits, abs=1e-3)
    assert alone[0].steps == together[2].steps


def test_the_same_input_gives_the_same_figures(problem):
    found, features, labels, eval_features, _ = problem
    arms = make_arms(found, range(1), 2)
    first, second = (fit_heads(found, arms, features, labels, eval_features, 8) for _ in range(2))
    assert all(np.array_equal(a.logits, b.logits) for a, b in zip(first, second, strict=True))
