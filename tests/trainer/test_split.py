import json
from collections import Counter

import pytest
from trainer_examples import examples, questions

from datalint.errors import InputError
from datalint.examples import Example, Turn, read_examples
from datalint_trainer.impact import impact
from datalint_trainer.rows import loose
from datalint_trainer.split import split_off, write_examples

PAIRS = questions()


def pairs_of(some):
    return [(example.text, example.label) for example in some]


def test_a_fifth_of_every_label():
    split = split_off(examples(PAIRS * 3 + [(f"{text} and more", label) for text, label in PAIRS]))
    counts = Counter(label for _, label in pairs_of(split.evaluation))
    assert len(counts) == 20
    assert set(counts.values()) <= {13, 14}  # of nearly 70 distinct ones


def test_a_small_file_gives_more_so_that_there_may_be_a_verdict():
    assert 240 <= len(split_off(examples(PAIRS)).evaluation) <= 270
    assert len(split_off(examples(PAIRS[:200])).evaluation) >= 90


def test_copies_of_eval_rows_are_neither_trained_nor_counted_twice():
    copied = [*PAIRS, *((f"  {text.upper()}!", label) for text, label in PAIRS)]
    split = split_off(examples(copied))
    asked = {loose(text) for text, _ in pairs_of(split.evaluation)}
    assert len(asked) == len(split.evaluation)
    assert not asked & {loose(text) for text, _ in pairs_of(split.train)}
    assert len(split.train) + 2 * len(split.evaluation) == len(copied)
    assert "near copies left out" in split.note


def test_a_label_with_ten_rows_gives_the_five_that_a_verdict_needs():
    split = split_off(examples([*PAIRS, *((f"a rare matter {word}", "rare") for word in "abcdefghij")]))
    assert Counter(label for _, label in pairs_of(split.evaluation))["rare"] == 5


def test_the_same_rows_give_the_same_split_and_another_seed_another():
    first, again, other = (split_off(examples(PAIRS), seed) for seed in (0, 0, 1))
    assert pairs_of(first.evaluation) == pairs_of(again.evaluation) != pairs_of(other.evaluation)


def test_rows_without_a_label_stay_with_the_training_rows():
    bare = Example(row=0, value={"text": "hm"}, format="classification", turns=(), text="hm", label=None)
    split = split_off([bare, *examples(PAIRS)])
    assert bare in split.train
    assert bare not in split.evaluation


def test_too_few_rows_are_told():
    with pytest.raises(InputError, match="give --eval"):
        split_off(examples([("one", "x"), ("One!", "x")]))


def test_conversations_are_split_by_their_prompts():
    def talk(number):
        turns = (
            Turn("user", f"Tell me of {number // 2}", False, "/0"),
            Turn("assistant", f"Well, {number} it is.", True, "/1"),
        )
        return Example(number, {}, "chat", turns, "", None)

    split = split_off([talk(i) for i in range(400)])
    prompts = [{e.turns[0].content for e in side} for side in (split.train, split.evaluation)]
    assert not prompts[0] & prompts[1]
    assert len(split.evaluation) == 100  # half of 200 distinct prompts: too few for a verdict anyway


def test_values_are_written_for_the_cleaning_to_read(tmp_path):
    odd = {"text": "two\nlines", "label": "x", "weight": float("nan"), "n": 2**70, "tags": ["é"]}
    row = Example(row=0, value=odd, format="classification", turns=(), text="", label="x")
    write_examples([row], tmp_path / "t.jsonl")
    (back,) = read_examples(tmp_path / "t.jsonl")
    assert back.value == odd | {"weight": None}


@pytest.mark.train
def test_a_raw_file_alone_is_split_then_cleaned(tmp_path):
    rows = [{"text": text, "label": label} for text, label in [*PAIRS, *PAIRS[:100]]]
    raw = tmp_path / "raw.jsonl"
    raw.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = raw.read_bytes()
    found = impact(raw, learning_curve=False, by_rule=False)
    told = found.to_dict()
    assert told["eval"]["split_off"] is True
    assert len(told["eval"]["digest"]) == 64
    assert told["train"]["left_out_for_leakage"] == 0
    assert told["train"]["clean"] < told["train"]["raw"] < 700  # copies are gone, and so are the eval rows
    assert found.notes[0].startswith("no --eval: ")
    assert raw.read_bytes() == before
