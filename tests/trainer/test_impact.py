import json
import math

import numpy as np
import pytest
from trainer_examples import examples, flip, questions, split

from datalint.errors import InputError, UsageError
from datalint_trainer.impact import impact
from datalint_trainer.report import METRICS

pytestmark = pytest.mark.train

TRAIN, EVALUATION = questions()[:350], questions()[350:]
NOISY, FLIPPED = flip(TRAIN, 0.3)
PLAIN = {"learning_curve": False}  # a third of the heads


@pytest.fixture(scope="module")
def helped():
    clean = [pair for pair, wrong in zip(NOISY, FLIPPED, strict=True) if not wrong]
    return impact(examples(NOISY), examples(clean), examples(EVALUATION), objective="macro_f1 >= 0.99")


def test_wrong_labels_removed_help(helped):
    assert helped.verdict == "helped"
    assert helped.clean_minus_raw["metric"].low > 0
    assert helped.sentence.startswith("The cleaning helped.")


def test_a_random_drop_does_not_help():
    chosen = np.random.default_rng(3).permutation(len(TRAIN))[:280]
    found = impact(examples(TRAIN), examples([TRAIN[i] for i in sorted(chosen)]), examples(EVALUATION), **PLAIN)
    assert found.verdict == "no measurable difference"


def test_good_rows_lost_hurt():
    labels = sorted({label for _, label in TRAIN})[:6]
    clean = [pair for pair in TRAIN if pair[1] not in labels]
    assert impact(examples(TRAIN), examples(clean), examples(EVALUATION), **PLAIN).verdict == "hurt"


def test_a_cleaning_that_changes_nothing_measures_nothing():
    found = impact(examples(TRAIN), examples(TRAIN[::-1]), examples(EVALUATION), **PLAIN)
    assert found.verdict == "no measurable difference"
    assert found.clean_minus_raw["metric"].estimate == 0
    assert "the cleaning changed nothing that is trained on" in found.notes


def test_leaked_rows_are_in_no_arm_and_earn_nothing():
    found = impact(examples(TRAIN + EVALUATION[:60]), examples(TRAIN), examples(EVALUATION), **PLAIN)
    assert found.train == {"raw": 410, "clean": 350, "left_out_for_leakage": 60}
    assert {arm.rows for arm in found.arms} == {350}
    assert found.verdict == "no measurable difference"


def test_few_eval_rows_give_figures_and_no_verdict():
    train, evaluation = split(200)
    noisy, wrong = flip(train, 0.3)
    clean = [pair for pair, bad in zip(noisy, wrong, strict=True) if not bad]
    found = impact(examples(noisy), examples(clean), examples(evaluation), **PLAIN)
    assert found.verdict == "not enough data"
    assert "accuracy" in found.clean_minus_raw


def test_a_class_with_few_eval_rows_gives_no_verdict():
    label = EVALUATION[0][1]
    thin = [pair for pair in EVALUATION if pair[1] != label] + [p for p in EVALUATION if p[1] == label][:4]
    found = impact(examples(NOISY), examples(TRAIN), examples(thin), **PLAIN)
    assert found.verdict == "not enough data"
    assert f"fewer than 5 distinct eval rows for {label}" in found.notes


def test_a_class_that_only_training_has_gives_no_verdict():
    """Dropping it can only look good where no eval row asks for it."""
    label = sorted({label for _, label in TRAIN})[0]
    without = [pair for pair in EVALUATION if pair[1] != label]
    clean = [pair for pair in TRAIN if pair[1] != label]
    found = impact(examples(TRAIN), examples(clean), examples(without), **PLAIN)
    assert found.verdict == "not enough data"


def test_another_spelling_of_a_label_is_no_class_of_its_own():
    label = sorted({label for _, label in TRAIN})[0]
    spelt = [(text, found.upper() if found == label and i % 2 else found) for i, (text, found) in enumerate(TRAIN)]
    assert impact(examples(spelt), examples(TRAIN), examples(EVALUATION), **PLAIN).verdict != "not enough data"


def test_the_same_input_gives_the_same_report(helped):
    clean = [pair for pair, wrong in zip(NOISY, FLIPPED, strict=True) if not wrong]
    again = impact(examples(NOISY), examples(clean), examples(EVALUATION), objective="macro_f1 >= 0.99")
    first, second = helped.to_dict(), again.to_dict()
    first.pop("cost")
    second.pop("cost")
    assert first == second


def test_the_json_contract(helped):
    found = json.loads(json.dumps(helped.to_dict(), allow_nan=False))
    assert found["schema"] == "datalint-impact/1"
    assert found["task"] == "classification"
    assert found["decided_by"] == "tempered log-loss"
    assert {"name", "digest"} <= set(found["model"])
    assert found["eval"]["rows"] == 350
    assert len(found["eval"]["digest"]) == 64
    assert [arm["name"] for arm in found["arms"]] == ["raw"] * 3 + ["clean"] * 3 + [f"placebo-{j}" for j in range(9)]
    assert {"accuracy", "macro_f1", "log_loss", "perplexity"} <= set(found["arms"][0]["metrics"])
    assert found["arms"][0]["metrics"]["perplexity"] == pytest.approx(math.exp(found["arms"][0]["metrics"]["log_loss"]))
    for side in ("clean_minus_raw", "clean_minus_placebo"):
        assert {"metric", "accuracy", "macro_f1"} <= set(found[side])
        for value in found[side].values():
            assert value["low"] <= value["estimate"] <= value["high"]
    assert [baseline["name"] for baseline in found["baselines"]][:2] == ["majority", "nearest neighbours"]
    assert found["rules"] == []
    assert found["objective"]["metric"] == "macro_f1"
    assert found["objective"]["target"] == 0.99
    assert found["objective"]["met"] is False
    assert found["cost"]["cpu_seconds"] > 0
    assert {"datalint", "python", "torch"} <= set(found["versions"])
    assert set(found["arms"][0]["metrics"]) == set(METRICS["classification"])
    assert found["seeds"] == [0, 1, 2]


def test_trusted_eval_labels_let_the_brier_score_decide():
    found = impact(examples(NOISY), examples(TRAIN), examples(EVALUATION), eval_labels="trusted", **PLAIN)
    assert found.decided_by == "Brier score"
    assert found.verdict == "helped"


def test_what_a_user_can_get_wrong():
    train, evaluation = examples(TRAIN), examples(EVALUATION)
    with pytest.raises(UsageError, match="more placebos than seeds"):
        impact(train, train, evaluation, placebos=3)
    with pytest.raises(UsageError, match="macro_f1"):
        impact(train, train, evaluation, objective="f1 > 3")
    with pytest.raises(InputError, match="the clean file has no rows"):
        impact(train, [], evaluation)
    with pytest.raises(InputError, match="eval file has no label of the other files"):
        impact(train, train, examples([(text, f"row {i}") for i, (text, _) in enumerate(EVALUATION)]))
    with pytest.raises(InputError, match="every training row matches"):
        impact(evaluation, evaluation, evaluation)
