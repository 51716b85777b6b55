import json

import pytest
from test_impact_report import FLAT, UP, report
from trainer_examples import examples, questions

import datalint
from datalint.cleaner.stored.manifest import read_manifest
from datalint.config import load
from datalint.errors import InputError, UsageError
from datalint.examples import read_examples
from datalint_trainer.impact import impact
from datalint_trainer.record import record, section

TRAIN, EVALUATION = questions()[:350], questions()[350:]


@pytest.fixture
def cleaned(tmp_path):
    raw = tmp_path / "raw.jsonl"
    rows = [*TRAIN, *TRAIN[:150]]
    raw.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    datalint.clean(raw, out=tmp_path / "clean", isolated=True)
    return raw, tmp_path / "clean"


def test_manifest_and_card_tell_the_verdict(cleaned):
    _, folder = cleaned
    before = json.loads((folder / "manifest.json").read_text())
    record(report("helped", UP, UP, UP), folder)
    told = json.loads((folder / "manifest.json").read_text())
    assert told.pop("impact")["verdict"] == "helped"
    assert told == before
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nconfigs:")
    assert "## What it was worth\n\nThe cleaning helped. Training on the cleaned file" in card


def test_a_later_verdict_takes_the_place_of_an_earlier_one(cleaned):
    _, folder = cleaned
    record(report("helped", UP, UP, UP), folder)
    record(report(raw=FLAT, placebo=FLAT), folder)
    card = (folder / "README.md").read_text()
    assert card.count("## What it was worth") == 1
    assert "The cleaning helped" not in card
    once = card
    record(report(raw=FLAT, placebo=FLAT), folder)
    assert (folder / "README.md").read_text() == once


def test_the_folder_is_still_a_clean_s_output(cleaned, tmp_path):
    raw, folder = cleaned
    record(report("helped", UP, UP, UP), folder)
    read_manifest(folder)
    assert len(read_examples(folder)) == 350
    datalint.cleaner.restore(folder, out=tmp_path / "restored")
    assert (tmp_path / "restored" / "raw.jsonl").read_bytes() == raw.read_bytes()
    again = datalint.clean(folder, out=tmp_path / "again", isolated=True)
    assert (again.rows_removed, again.rows_changed) == (0, 0)


def test_a_model_s_name_is_only_text_in_the_card():
    hostile = report()
    text = section(type(hostile)(**{**vars(hostile), "model": {"name": "<script>x</script>|`", "method": "m"}}))
    assert "<script>" not in text


@pytest.mark.train
def test_only_what_was_measured_is_recorded(cleaned, tmp_path):
    raw, folder = cleaned
    options = {"settings": load(isolated=True), "learning_curve": False, "by_rule": False}
    found = impact(raw, folder, examples(EVALUATION), record=folder, **options)
    told = json.loads((folder / "manifest.json").read_text())["impact"]
    assert told["sentence"] == found.sentence
    assert told["eval"] == found.to_dict()["eval"]
    with pytest.raises(UsageError, match="does not hold the rows that are measured"):
        impact(raw, raw, examples(EVALUATION), record=folder, **options)
    with pytest.raises(InputError):
        impact(raw, folder, examples(EVALUATION), record=tmp_path, **options)
