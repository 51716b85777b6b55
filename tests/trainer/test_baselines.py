import numpy as np
import pytest
from trainer_examples import split

from datalint_trainer.baselines import FROZEN, Rival, compared, conclusion, rivals
from datalint_trainer.features import embedded_encoder
from datalint_trainer.report import Objective
from datalint_trainer.score import Resamples
from datalint_trainer.store import Store

pytestmark = pytest.mark.train


def rival(name, accuracy, low, high, *, frozen=False):
    difference = {"estimate": (low + high) / 2, "low": low, "high": high}
    return {"name": name, "accuracy": accuracy, "macro_f1": accuracy, "frozen": frozen, "difference": difference}


MAJORITY = rival("majority", 0.1, -0.8, -0.7)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    train, evaluation = split(160)
    names = sorted({label for _, label in train})
    encoder = embedded_encoder()
    words, eval_words = [text for text, _ in train], [text for text, _ in evaluation]
    y = np.array([names.index(label) for _, label in train])
    truth = np.array([names.index(label) for _, label in evaluation])
    features = {encoder.name: (encoder.encode(words), encoder.encode(eval_words))}
    store = Store(tmp_path_factory.mktemp("store"))
    return lambda: rivals(words, y, eval_words, features, store), truth, len(names), store


def test_four_rivals_and_what_they_are_worth(fitted):
    fit, truth, classes, store = fitted
    found = fit()
    resamples = Resamples.draw(np.arange(len(truth)))
    best = np.maximum.reduce([(one.predicted == truth).mean() for one in found])
    clean = np.full((3, len(resamples.weights)), best)
    table = compared(found, truth, classes, resamples, clean)
    assert [one["name"] for one in table] == [
        "majority",
        "nearest neighbours",
        "TF-IDF and logistic regression",
        FROZEN,
    ]
    accuracy = [one["accuracy"] for one in table]
    assert accuracy[0] < 0.3 < 0.7 < min(accuracy[1:])
    assert max(one["difference"]["estimate"] for one in table) == pytest.approx(0)
    assert [one["frozen"] for one in table] == [False, False, False, True]

    again = fit()
    assert store.found == 1
    assert all(np.array_equal(a.predicted, b.predicted) for a, b in zip(found, again, strict=True))


def test_with_one_label_only_the_simple_ones_are_left():
    features = np.ones((4, 2), dtype=np.float32)
    found = rivals(["a"] * 4, np.zeros(4, dtype=np.int64), ["b"], {"x": (features, features[:1])}, Store())
    assert [one.name for one in found] == ["majority", "nearest neighbours"]


def test_the_interval_counts_eval_rows_and_seeds():
    truth = np.arange(200) % 2
    resamples = Resamples.draw(np.arange(200))
    alike = Rival("alike", truth)
    same = np.ones((3, len(resamples.weights)))
    differing = same - np.array([0.0, 0.02, 0.04])[:, None]
    sure, unsure = (compared([alike], truth, 2, resamples, clean)[0]["difference"] for clean in (same, differing))
    assert sure == {"estimate": 0.0, "low": 0.0, "high": 0.0}
    assert unsure["estimate"] == pytest.approx(0.02)
    assert unsure["high"] - unsure["low"] == pytest.approx(2 * 1.96 * 0.02 / np.sqrt(3))


@pytest.mark.parametrize(
    ("best", "fine_tuned", "said"),
    [
        (rival("TF-IDF", 0.9, 0.01, 0.03), True, "You do not need fine-tuning for this: TF-IDF is better than"),
        (rival("TF-IDF", 0.9, -0.01, 0.01), True, "You do not need fine-tuning for this: TF-IDF does as well as"),
        (rival("TF-IDF", 0.9, -0.01, 0.01), False, "You may not need fine-tuning for this: TF-IDF does as well as"),
        (rival("TF-IDF", 0.8, -0.03, 0.01), True, "Whether the model of this run beats TF-IDF cannot be told"),
        (rival("TF-IDF", 0.8, -0.05, -0.01), True, "The best rival, TF-IDF, is worse than"),
        (rival("frozen", 0.9, 0.0, 0.02, frozen=True), True, "You do not need fine-tuning for this: frozen"),
        (rival("frozen", 0.9, 0.0, 0.02, frozen=True), False, "The best rival, majority, is worse than"),
    ],
)
def test_whether_fine_tuning_is_needed(best, fine_tuned, said):
    assert conclusion([MAJORITY, best], None, fine_tuned=fine_tuned).startswith(said)


def test_a_rival_that_meets_the_objective_is_enough():
    goal = Objective("accuracy", ">=", 0.75, 0.95, met=True)
    worse = rival("TF-IDF", 0.8, -0.2, -0.1)
    assert conclusion([MAJORITY, worse], goal, fine_tuned=True) == (
        "You do not need fine-tuning for this: TF-IDF meets the objective."
    )
