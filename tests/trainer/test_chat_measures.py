import numpy as np
import pytest
import torch

from datalint_trainer.arms import Arm
from datalint_trainer.chat_measures import judge, measure, shown
from datalint_trainer.chat_tokens import Tokens, padded
from datalint_trainer.verdict import Interval

pytestmark = pytest.mark.train

NONE = np.zeros(0, dtype=np.int64)
ARMS = [Arm(name, seed, NONE, NONE) for name in ("raw", "clean") for seed in range(2)]
ARMS += [Arm(f"placebo-{j}", j % 2, NONE, NONE) for j in range(6)]
GROUP = np.arange(300)


def scores(bits=0.0, sensitivity=0.0, luck=0.001, seed=0):
    """Scores (arms, 2, eval rows); the clean arm is better by so much, and every arm has its luck."""
    draw = np.random.default_rng(seed)
    found = draw.normal(0, 0.01, (len(ARMS), 2, 300)) + draw.normal(0, luck, (len(ARMS), 2, 1))
    for i, arm in enumerate(ARMS):
        if arm.name == "clean":
            found[i] += np.array([[bits], [sensitivity]])
    return found


def row(answer: list[int], prompt: int = 3, size: int = 4) -> Tokens:
    ids = np.array([1] * prompt + answer)
    return Tokens(ids, np.arange(len(ids)) >= prompt, prompt, size, size)


class Model(torch.nn.Module):
    """Every token costs as many bits as its id says, and one more where the prompt before it is longer than three."""


def losses(_model, rows):
    ids, trained = padded(rows)
    bits = ids[:, 1:] + torch.tensor([[float(tokens.answer > 3)] for tokens in rows])
    return bits * trained[:, 1:] * np.log(2)


def test_bits_per_byte_and_prompt_sensitivity():
    own = [row([2, 2]), row([4], size=8), row([0, 0, 0])]
    foreign = [row([2, 2], prompt=5), row([4], prompt=4, size=8), row([0, 0, 0], prompt=9)]
    found = measure(Model(), losses, own, foreign, micro=2)
    assert found.metrics["bits_per_byte"] == pytest.approx((4 + 4 + 0) / 16)
    assert found.metrics["prompt_sensitivity"] == pytest.approx((2 + 1 + 3) / 16)
    assert found.metrics["log_loss"] == pytest.approx(8 * np.log(2) / 6)
    assert -found.scores[0] * 16 / 3 == pytest.approx([4, 4, 0])
    assert found.scores[1] * 16 / 3 == pytest.approx([2, 1, 3])


def test_either_measure_can_decide():
    assert judge(scores(), ARMS, GROUP, 0.0).word == "no measurable difference"
    by_bits, by_sensitivity = (
        judge(scores(bits=0.02), ARMS, GROUP, 0.0),
        judge(scores(sensitivity=0.02), ARMS, GROUP, 0.0),
    )
    assert (by_bits.word, by_bits.deciding) == ("helped", 0)
    assert (by_sensitivity.word, by_sensitivity.deciding) == ("helped", 1)
    assert judge(scores(bits=-0.02), ARMS, GROUP, 0.0).word == "hurt"


def test_measures_that_contradict_each_other_decide_nothing():
    found = judge(scores(bits=0.02, sensitivity=-0.02), ARMS, GROUP, 0.0)
    assert (found.word, found.deciding) == ("no measurable difference", 0)


def test_luck_of_the_drop_is_rarely_called_an_effect():
    words = [judge(scores(luck=0.02, seed=seed), ARMS, GROUP, 0.0).word for seed in range(300)]
    assert words.count("helped") <= 9
    assert words.count("hurt") <= 9


def test_figures_keep_their_direction_and_the_metric_is_the_one_that_decided():
    bits, sensitivity = Interval(0.2, 0.1, 0.3), Interval(0.5, 0.4, 0.6)
    found = shown([bits, sensitivity], 1)
    assert found == {
        "metric": sensitivity,
        "bits_per_byte": Interval(-0.2, -0.3, -0.1),
        "prompt_sensitivity": sensitivity,
    }
    assert shown([bits, sensitivity], 0)["metric"] == bits
