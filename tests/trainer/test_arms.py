import numpy as np
from trainer_examples import rows

from datalint_trainer.arms import batch_order, make_arms, placebo_drop
from datalint_trainer.rows import pool

RAW = [(f"text {i // 2}", "xy"[i % 2]) for i in range(400)]  # pairs of near copies


def arms_of(clean, seeds=3, placebos=9):
    found = pool(rows(RAW), rows(clean), [])
    return found, make_arms(found, range(seeds), placebos)


def test_raw_and_clean_on_every_seed_and_placebos_in_turn():
    _, arms = arms_of(RAW[:300])
    assert [(arm.name, arm.seed) for arm in arms[:6]] == [(n, s) for n in ("raw", "clean") for s in range(3)]
    assert [(arm.name, arm.seed) for arm in arms[6:]] == [(f"placebo-{j}", j % 3) for j in range(9)]


def test_a_placebo_loses_as_many_rows_as_the_cleaning_dropped():
    _, arms = arms_of(RAW[:300])
    assert {arm.rows for arm in arms if arm.name != "raw"} == {300}
    drawn = [frozenset(np.concatenate([arm.train, arm.held]).tolist()) for arm in arms[6:]]
    assert len(set(drawn)) == 9


def test_an_edited_row_counts_like_a_dropped_one():
    edited = [(text, "z") if i < 30 else (text, label) for i, (text, label) in enumerate(RAW)]
    found, arms = arms_of(edited)
    assert placebo_drop(found) == 30
    assert arms[3].rows == 400
    assert arms[6].rows == 370


def test_edits_alone_never_leave_a_placebo_without_rows():
    found, _ = arms_of([(text.upper() + " now", label) for text, label in RAW])
    assert found.changed == 400
    assert placebo_drop(found) == 200


def test_rows_that_the_cleaning_adds_are_no_reason_for_equal_placebos():
    found, arms = arms_of([*RAW, *((f"new {i}", "x") for i in range(600))])
    assert placebo_drop(found) == 200
    assert {arm.rows for arm in arms[6:]} == {200}


def test_near_copies_never_stand_on_both_sides_of_the_validation_split():
    found, arms = arms_of(RAW[:300])
    for arm in arms:
        assert not set(found.group[arm.train]) & set(found.group[arm.held])
        assert 0.08 < len(arm.held) / arm.rows < 0.22


def test_arms_of_one_seed_share_validation_groups_and_order():
    found, arms = arms_of(RAW[:300])
    raw, clean = (next(arm for arm in arms if (arm.name, arm.seed) == (name, 1)) for name in ("raw", "clean"))
    assert set(clean.held) <= set(raw.held)
    epoch = batch_order(found, raw, len(raw.train))
    assert [i for i in epoch if i in set(clean.train)] == batch_order(found, clean, len(clean.train)).tolist()


def test_every_epoch_holds_every_row_once_in_another_order():
    found, arms = arms_of(RAW[:300])
    n = len(arms[0].train)
    order = batch_order(found, arms[0], 2 * n)
    assert sorted(order[:n]) == sorted(order[n:]) == sorted(arms[0].train)
    assert order[:n].tolist() != order[n:].tolist()
