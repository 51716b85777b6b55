import numpy as np
import pytest
import torch
from trainer_examples import rows

from datalint_trainer.arms import make_arms
from datalint_trainer.finetune import Recipe, fine_tune, spread_checkpoints
from datalint_trainer.rows import pool

pytestmark = pytest.mark.train

# A file of numbers: row i says that the answer is i % 2, except that the last rows lie.
RAW = [(f"question {i} of many", str(i % 2)) for i in range(80)]
POOL = pool(rows(RAW), rows(RAW[:60]), [])
ARMS = make_arms(POOL, range(2), 3)
LENGTHS = np.arange(80) % 7
INPUTS = torch.randn(80, 5, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(80) % 2 * 1.0


def make_model() -> torch.nn.Linear:
    torch.manual_seed(1)
    return torch.nn.Linear(5, 1)


def loss_of(model, positions):
    """Rows weigh differently, as rows of different lengths do."""
    weight = torch.from_numpy(positions % 3 + 1)
    found = ((model(INPUTS[positions])[:, 0] - TARGETS[positions]) ** 2 * weight).sum()
    return found, int(weight.sum())


def optimizer(model):
    return torch.optim.SGD([{"params": list(model.parameters()), "peak": 0.05}])


def fitted(arms=ARMS, micro=16, checkpoints=(4, 8), averaged=False, model=None):
    """Weights and step of each arm."""
    model = model or make_model()
    recipe = Recipe(16, micro, checkpoints, optimizer, averaged)
    found = fine_tune(model, POOL, arms, loss_of, recipe, LENGTHS, lambda _: None, lambda _: lambda: None)
    return [(model.weight.detach().clone(), step) for _, step, _ in found]


def test_every_arm_starts_at_the_same_point():
    alone = fitted(arms=ARMS[3:4])
    assert torch.equal(alone[0][0], fitted()[3][0])


def test_the_model_is_left_as_it_was_found():
    model = make_model()
    before = model.weight.detach().clone()
    fitted(model=model)
    assert torch.equal(model.weight, before)


def test_how_a_batch_is_cut_into_parts_changes_nothing():
    for (whole, _), (parts, _) in zip(fitted(micro=16), fitted(micro=3), strict=True):
        assert torch.allclose(whole, parts, atol=1e-5)


def test_weights_are_taken_where_the_validation_loss_is_least(monkeypatch):
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr("datalint_trainer.finetune._held_loss", lambda *_: next(losses))
    ((best, step),) = fitted(arms=ARMS[:1], checkpoints=(2, 4, 6))
    assert step == 4
    monkeypatch.undo()
    monkeypatch.setattr("datalint_trainer.finetune._held_loss", lambda *_: 0.0)
    ((first, step),) = fitted(arms=ARMS[:1], checkpoints=(4, 6))
    assert step == 4
    assert torch.equal(best, first)


def test_averaged_weights_lie_between_those_of_the_steps():
    ((average, _),) = fitted(arms=ARMS[:1], checkpoints=(3,), averaged=True)
    path = []
    for steps in (1, 2, 3):
        model = make_model()
        recipe = Recipe(16, 16, (3,), optimizer)
        seen = []

        def spy(model, positions, seen=seen):
            seen.append(model.weight.detach().clone())
            return loss_of(model, positions)

        list(fine_tune(model, POOL, ARMS[:1], spy, recipe, LENGTHS, lambda _: None, lambda _: lambda: None))
        path.append(seen[2 + steps])  # two steps tell the cost; then the weights before each step, and after the last
    assert torch.allclose(average, torch.stack(path).mean(dim=0), atol=1e-6)


def test_the_cost_is_told_before_and_every_step_is_counted():
    said, counted = [], []

    def track(total):
        said.append(total)
        return lambda: counted.append(1)

    recipe = Recipe(16, 16, (2, 4), optimizer)
    list(fine_tune(make_model(), POOL, ARMS, loss_of, recipe, LENGTHS, said.append, track))
    assert said[0].startswith("7 fine-tunings of 4 steps with 16 rows each, about 1 minutes on this ")
    assert said[1] == len(counted) == 28


def test_checkpoints():
    assert spread_checkpoints(100, 4) == (25, 50, 75, 100)
    assert spread_checkpoints(4, 4) == (1, 2, 3, 4)
    assert spread_checkpoints(2, 4) == (1, 2)
