"""LAB002 and LAB004: what samples cannot express."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint import check
from datalint.cleaner import clean
from datalint.rule import Found
from datalint_rules.lab.label_variant import _folded
from datalint_rules.lab.non_boolean_label import NonBooleanLabel

MESSY = Path(__file__).parents[3] / "shared" / "data" / "messy"


def findings(path: Path, rows: list[Any], *select: str) -> list[dict[str, Any]]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return check(str(path.parent), select=list(select), isolated=True).found.to_dicts()


@pytest.mark.parametrize(
    "spellings",
    [
        ("yes", "Yes", "YES ", "yes.", '"yes"', "*Yes*", "(yes)"),
        ("lost_card", "Lost card", "lost-card", "LOST  CARD"),
        ("type 1", "type_1", "Type-1"),
    ],
)
def test_spellings_of_one_class(spellings: tuple[str, ...]) -> None:
    assert len({_folded(text) for text in spellings}) == 1


@pytest.mark.parametrize(
    "labels",
    [
        ("C", "C++", "C#"),
        ("+", "-", "+-"),
        ("1", "-1", "+1", "1/2", ".1"),
        (":-)", ":-("),
        ("<5", ">5", "5", "5%"),
        ("2020-21", "2020 21"),
        ("*", "**", "***"),
        ("not spam", "spam"),
    ],
)
def test_signs_that_tell_classes_apart(labels: tuple[str, ...]) -> None:
    assert len({_folded(text) for text in labels}) == len(labels)


@given(st.text(max_size=20))
def test_a_folded_label_is_folded(text: str) -> None:
    assert _folded(_folded(text)) == _folded(text)


def test_of_two_equally_frequent_spellings_the_tidy_one_stays(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": " spam"}, {"text": "b", "label": "spam"}]
    (found,) = findings(tmp_path / "train.jsonl", rows, "LAB002")
    assert found["row"] == 0


def test_spellings_count_across_splits(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"text": "a", "label": "spam"}\n{"text": "b", "label": "spam"}\n')
    (found,) = findings(tmp_path / "test.jsonl", [{"text": "c", "label": "Spam"}], "LAB002")
    assert found["fix_safety"] == "safe"


def test_a_mapped_label_is_all_that_changes(tmp_path: Path) -> None:
    rows = [{"text": f"Text {i} ", "label": "spam" if i % 5 else "Spam.", "id": i} for i in range(20)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = clean(tmp_path / "train.jsonl", out=tmp_path / "out", select=["LAB002"], isolated=True)
    assert done.manifest.counts.rows_changed == 4
    assert pl.read_parquet(tmp_path / "out" / "train.parquet").to_dicts() == [{**row, "label": "spam"} for row in rows]


def test_one_open_answer_shows_that_answers_are_no_classes_wherever_it_stands(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"prompt": f"Is {i} odd?", "completion": "Yes" if i else "yes"} for i in range(120)]
    assert [item["row"] for item in findings(tmp_path / "train.jsonl", rows, "LAB002")] == [0]
    opened = {"prompt": "Why?", "completion": "Because two does not divide it without a rest.", "id": 1}
    for place in (0, 60, 120):
        assert not findings(tmp_path / "train.jsonl", [*rows[:place], opened, *rows[place:]], "LAB001", "LAB002")


def test_zeros_and_ones_have_no_fix_beside_other_numbers(tmp_path: Path) -> None:
    steps = {"prompt": "p", "completions": ["a", "b"]}
    mixed = findings(tmp_path / "train.jsonl", [{**steps, "labels": [1, 0]}, {**steps, "labels": [1, -1]}], "LAB004")
    assert [item["fix_kind"] for item in mixed] == [None, None]
    plain = findings(tmp_path / "train.jsonl", [{**steps, "labels": [1, 0]}, {**steps, "labels": [True, 1]}], "LAB004")
    assert [(item["pointer"], item["fix_kind"]) for item in plain] == [
        ("/labels/0", "rewrite"),
        ("/labels/1", "rewrite"),
    ]


def test_the_words_are_all_that_csv_can_hold(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("prompt,completion,label\n2 + 2?,5,False\n1 + 1?,2,True\n")
    found = check(str(tmp_path), select=["LAB004"], isolated=True)
    assert {item["severity"] for item in found.found.to_dicts()} == {"info"}
    clean(tmp_path / "train.csv", out=tmp_path / "out", select=["LAB004"], isolated=True)
    assert check(str(tmp_path / "out"), select=["LAB004"], isolated=True).found.height == 0


@given(st.lists(st.sampled_from([True, False, "true", "False ", 0, 1, 1.0, "0"]), min_size=1))
def test_booleans_come_of_all_that_means_one(labels: list[Any]) -> None:
    row = {"prompt": "p", "completions": ["s"] * len(labels), "labels": labels}
    found = [Found("/labels/0", None, None, {})]
    made = NonBooleanLabel().rewrite(dict(row), found)
    assert all(isinstance(label, bool) for label in made["labels"])
    assert NonBooleanLabel().rewrite(dict(made), found) == made
    assert {**made, "labels": labels} == row


@pytest.mark.shared
@pytest.mark.skipif(not MESSY.is_dir(), reason="needs ../shared/data")
def test_every_planted_variant_is_found_and_no_other() -> None:
    with gzip.open(MESSY / "textlabel_truth.jsonl.gz") as stream:
        planted = {truth["line"] for truth in map(json.loads, stream) if truth["cls"] == "label_variant"}
    found = check(str(MESSY / "textlabel.jsonl.gz"), select=["LAB002"], isolated=True).found
    assert set(found["line"]) == planted
