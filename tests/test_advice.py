"""Trainer arguments follow from the data, the template and the tokenizer."""

import json
from pathlib import Path
from typing import Any

import pytest

from datalint.run import check

MODEL = Path(__file__).parents[1] / "fixtures" / "model"
PLAIN = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
MARKED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}"
)


def talk(answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Walk?"}, {"role": "assistant", "content": answer}]}


def fitting(folder: Path, rows: list[dict[str, Any]], template: str = PLAIN, **options: Any) -> dict[str, str]:
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "t.jinja").write_text(template, encoding="utf-8")
    report = check(
        folder / "train.jsonl", tokenizer=str(MODEL), chat_template=str(folder / "t.jinja"), isolated=True, **options
    )
    return {one.name: one.value for told in report.tokens.values() for one in told.arguments}


def test_the_length_that_cuts_nothing_unless_few_texts_are_far_longer(tmp_path: Path) -> None:
    short = [talk("walk home " * n) for n in range(1, 120)]
    assert fitting(tmp_path, short)["max_length"] == "640"
    one_long = [*short, talk("walk home " * 2000)]
    assert fitting(tmp_path, one_long)["max_length"] == "640"


def test_what_the_loss_needs(tmp_path: Path) -> None:
    assert fitting(tmp_path, [talk("yes")], MARKED)["assistant_only_loss"] == "True"
    assert "assistant_only_loss" not in fitting(tmp_path, [talk("yes")], loss="all")
    strings = fitting(tmp_path, [{"prompt": "walk", "completion": " home"}])
    assert strings["completion_only_loss"] == "True"
    assert "eos_token" not in strings


def test_the_end_token_is_what_the_template_writes(tmp_path: Path) -> None:
    assert fitting(tmp_path, [talk("yes")])["eos_token"] == "'<|im_end|>'"
    other = PLAIN.replace("<|im_end|>", "<|endoftext|>")
    assert fitting(tmp_path, [talk("yes")], other)["eos_token"] == "'<|endoftext|>'"


def test_packing_where_batches_would_be_padding(tmp_path: Path) -> None:
    assert "packing" not in fitting(tmp_path, [talk("yes")] * 16)
    assert fitting(tmp_path, [talk("walk " * 40 * (n % 2) + str(n)) for n in range(64)])["packing"] == "True"


@pytest.mark.parametrize(("profile", "name"), [("axolotl", "sequence_len"), ("llamafactory", "cutoff_len")])
def test_each_trainer_has_its_own_names(tmp_path: Path, profile: str, name: str) -> None:
    assert name in fitting(tmp_path, [talk("yes")], profile=profile)
    assert fitting(tmp_path, [talk("yes")], profile="openai") == {}
