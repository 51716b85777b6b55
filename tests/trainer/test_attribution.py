"""Which rule earned it: on a file with wrong labels that stand against right copies, and with plain copies."""

import json
from collections import Counter

import numpy as np
import pytest
from trainer_examples import examples, questions

import datalint
from datalint.config import load
from datalint.errors import UsageError
from datalint_trainer.attribution import plan_rules
from datalint_trainer.impact import impact
from datalint_trainer.recleaning import recleaned
from datalint_trainer.rows import training_rows
from datalint_trainer.sources import clean_output, read_source

pytestmark = pytest.mark.train

TRAIN, EVALUATION = questions()[:300], questions()[300:]
LABELS = sorted({label for _, label in TRAIN})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of 300 questions 120 stand there three times, once with a wrong label; 60 others twice; five are empty."""
    place = tmp_path_factory.mktemp("data")
    wrong = [(text, LABELS[(LABELS.index(label) + 7) % 20]) for text, label in TRAIN[:120]]
    rows = [*TRAIN, *TRAIN[:120], *wrong, *TRAIN[120:180], *(("", LABELS[0]) for _ in range(5))]
    order = np.random.default_rng(0).permutation(len(rows))
    lines = [json.dumps({"text": rows[i][0], "label": rows[i][1]}) for i in order]
    (place / "raw.jsonl").write_text("\n".join(lines) + "\n")
    datalint.clean(place / "raw.jsonl", out=place / "clean", unsafe_fixes=True, isolated=True)
    return place


@pytest.fixture(scope="module")
def report(folder):
    isolated = load(isolated=True)
    return impact(folder / "raw.jsonl", folder / "clean", examples(EVALUATION), settings=isolated, learning_curve=False)


def read(path):
    return training_rows(read_source(path, "train", None, None), "classification")


def test_rules_are_asked_one_by_one(folder):
    found = clean_output(folder / "clean")
    again, left = recleaned(folder / "raw.jsonl", *found, load(isolated=True), read, most=2)
    assert [rule.code for rule in again.rules] == ["DUP001", "CON002"]
    assert left == ("FMT011",)
    assert Counter(row.key for row in again.whole) == Counter(row.key for row in read(folder / "clean"))
    copies, conflicts = again.rules
    assert len(copies.alone) == 421  # wrong labels stay, and one of the empty rows
    assert len(conflicts.alone) == 605
    assert sum(row.prompt == "" for row in conflicts.alone) == 5


def test_the_rule_that_mends_labels_earns_it_and_not_the_one_that_takes_the_copies(report):
    effects = {effect.rule: effect for effect in report.details.rules}
    assert report.details.rules[0].rule == "CON002"
    assert effects["CON002"].rows == 120
    assert effects["CON002"].significant
    assert effects["CON002"].score.low > 0
    assert effects["CON002"].unique.low > 0
    assert effects["DUP001"].score.estimate < effects["CON002"].score.estimate
    assert effects["FMT011"].score is None  # five rows are too few to measure


def test_rules_do_not_touch_the_verdict(folder, report):
    isolated = load(isolated=True)
    without = impact(
        folder / "raw.jsonl",
        folder / "clean",
        examples(EVALUATION),
        settings=isolated,
        learning_curve=False,
        by_rule=False,
    ).to_dict()
    told = report.to_dict()
    assert [effect["rule"] for effect in told["rules"]][:1] == ["CON002"]
    assert set(told["rules"][0]) >= {"rule", "rows", "estimate", "low", "high", "significant"}
    for name in ("rules", "cost"):
        told.pop(name), without.pop(name)
    assert told == without


def test_a_clean_that_these_rules_do_not_give_is_not_attributed(folder, tmp_path):
    datalint.clean(folder / "raw.jsonl", out=tmp_path / "clean", unsafe_fixes=True, isolated=True)
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join((folder / "raw.jsonl").read_text().splitlines()[:400]) + "\n")
    found = impact(other, tmp_path / "clean", examples(EVALUATION), settings=load(isolated=True), learning_curve=False)
    assert found.details.rules == ()
    assert any("does not give CLEAN" in note for note in found.notes)


def test_asking_for_rules_needs_a_clean(folder):
    with pytest.raises(UsageError, match="--by-rule needs CLEAN"):
        impact(examples(TRAIN), examples(TRAIN[:200]), examples(EVALUATION), by_rule=True)


def test_leaked_rows_are_nobody_s_merit(folder):
    found = clean_output(folder / "clean")
    again, _ = recleaned(folder / "raw.jsonl", *found, load(isolated=True), read, most=9)
    raw, clean = read(folder / "raw.jsonl"), read(folder / "clean")
    plan = plan_rules(raw, clean, raw[:400], again)
    assert all(not plan.pool.leaked[arm.train].any() for one in plan.rules for arm in one.arms)
    free = plan_rules(raw, clean, [], again)
    rows = {one.rule.code: one.pool.changed for one in free.rules}
    assert {one.rule.code: one.pool.changed for one in plan.rules}["CON002"] < rows["CON002"] == 120


def test_a_file_inside_of_a_clean_is_known_as_such(folder, tmp_path):
    assert clean_output(folder / "clean" / "raw.parquet")[0] == (folder / "clean").resolve()
    assert clean_output(folder / "raw.jsonl") is None
    assert clean_output(folder / "clean" / "removed.parquet") is None
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "data.jsonl").write_text('{"text": "a", "label": "b"}\n')
    assert clean_output(tmp_path / "data.jsonl") is None
