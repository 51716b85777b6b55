"""A run that is killed goes on where it was, and the report is the same to the last digit."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tiny_model import make_model
from trainer_examples import examples, flip, questions, split

from datalint.config import load
from datalint_trainer import lora
from datalint_trainer.impact import impact

pytestmark = pytest.mark.train


def without_cost(report):
    return {name: value for name, value in report.items() if name != "cost"}


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    noisy, wrong = flip(questions()[:350], 0.3)
    clean = [pair for pair, bad in zip(noisy, wrong, strict=True) if not bad]
    for name, pairs in (("raw", noisy), ("clean", clean), ("eval", questions()[350:])):
        lines = [json.dumps({"text": text, "label": label}) for text, label in pairs]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    three = [str(tmp_path / f"{name}.jsonl") for name in ("raw", "clean", "eval")]
    words = ["impact", *three[:2], "--eval", three[2], "--isolated", "--no-learning-curve"]
    words += ["--resume", str(tmp_path / "cache"), "--output-format", f"json:{tmp_path / 'never.json'}"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen([sys.executable, "-m", "datalint", *words], env=environment)
    while not list((tmp_path / "cache").glob("*.npz")):
        assert run.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (tmp_path / "never.json").exists()
    kept = len(list((tmp_path / "cache").glob("*.npz")))
    options = {"settings": load(isolated=True), "learning_curve": False}
    resumed, fresh = impact(*three, cache=tmp_path / "cache", **options), impact(*three, **options)
    assert resumed.cost["found_in_cache"] == kept >= 1
    assert fresh.cost["found_in_cache"] == 0
    assert without_cost(resumed.to_dict()) == without_cost(fresh.to_dict())


class KilledError(Exception):
    pass


@pytest.fixture
def fine_tuning(tmp_path, monkeypatch):
    monkeypatch.setattr(lora, "MIN_STEPS", 4)
    monkeypatch.setattr(lora, "MAX_STEPS", 4)
    train, evaluation = split(60, 4)
    noisy, wrong = flip(train, 0.3)
    clean = [pair for pair, bad in zip(noisy, wrong, strict=True) if not bad]
    model = make_model(tmp_path / "model", [text for text, _ in train])

    def run(**options):
        three = (examples(pairs) for pairs in (noisy, clean, evaluation))
        return impact(*three, model=str(model), seeds=1, placebos=3, **options)

    return run


def test_arms_that_were_fine_tuned_are_not_fine_tuned_again(fine_tuning, tmp_path):
    said = []

    def dying(total):
        steps = iter(range(total))

        def advance():
            if next(steps) == 10:  # in the third arm
                raise KilledError

        return advance

    with pytest.raises(KilledError):
        fine_tuning(cache=tmp_path / "cache", track=dying)
    resumed = fine_tuning(cache=tmp_path / "cache", announce=said.append)
    assert said[0].startswith("3 fine-tunings of 4 steps")
    assert resumed.cost["found_in_cache"] == 3  # two arms, and the frozen features
    assert without_cost(resumed.to_dict()) == without_cost(fine_tuning().to_dict())


def test_a_fine_tuned_report_has_frozen_features_as_rivals_and_losses(fine_tuning):
    found = fine_tuning().to_dict()
    names = [baseline["name"] for baseline in found["baselines"]]
    assert len([name for name in names if name.startswith("frozen features and logistic regression (")]) == 2
    assert found["learning_curve"] == []
    curve = found["arms"][0]["curve"]
    assert curve["steps"] == [1, 2, 3, 4]
    assert len(curve["train"]) == len(curve["validation"]) == 4
    assert all(loss > 0 for loss in (*curve["train"], *curve["validation"]))


def test_other_rows_are_other_entries(tmp_path):
    train, evaluation = split(120, 4)
    options = {"learning_curve": False, "cache": tmp_path, "by_rule": False}
    first = impact(examples(train), examples(train[:100]), examples(evaluation), **options)
    again = impact(examples(train), examples(train[:100]), examples(evaluation), **options)
    other = impact(examples(train), examples(train[:101]), examples(evaluation), **options)
    # Arms in one batch, and the rivals in another entry.
    assert [report.cost["found_in_cache"] for report in (first, again, other)] == [0, 2, 0]
