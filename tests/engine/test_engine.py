"""The engine's promises: what is found depends on the rows, not on how they were cut or in which file they lie."""

import functools
import json
import random

import pytest

from datalint.engine import mapping
from datalint.report import render
from datalint.run import check
from datalint.source.gather import gather

WORDS = [f"word{i}" for i in range(400)]


def rows(seed: int, n: int) -> list[dict]:
    rng = random.Random(seed)
    made = []
    for i in range(n):
        text = " ".join(rng.choices(WORDS, k=60))
        made.append({"prompt": f"Question {i}: {text}", "completion": "" if i % 97 == 0 else f"yes {text[:20]}"})
    made += [dict(made[i]) for i in range(0, n, 50)]
    made += [{**made[i], "prompt": made[i]["prompt"].replace(" word1 ", " x ", 1)} for i in range(1, n, 60)]
    return made


def found(path) -> list:
    report = check(str(path), isolated=True)
    return report.found.drop("related").rows()


def test_findings_do_not_depend_on_how_the_file_is_cut_into_chunks(tmp_path, monkeypatch) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(1, 2500)))
    whole = found(path)
    monkeypatch.setattr(mapping, "gather", functools.partial(gather, rows=1, size=1))
    assert found(path) == whole
    assert {line[0] for line in whole} >= {"FMT011", "DUP001", "DUP002"}


@pytest.mark.parametrize("limit", ["1", "20kB"])
def test_findings_do_not_depend_on_the_memory_limit(tmp_path, monkeypatch, limit) -> None:
    made = rows(3, 1200)
    answers = [{"prompt": row["prompt"], "completion": f"no {i}"} for i, row in enumerate(made[:50])]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made + answers))
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made[1100:]))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setattr(mapping, "gather", functools.partial(gather, rows=100, size=1 << 30))
    whole = check(str(tmp_path), isolated=True)
    spilled = check(str(tmp_path), isolated=True, memory_limit=limit)
    assert spilled.found.equals(whole.found)
    assert {"DUP001", "DUP002", "SPL001", "SPL002", "CON001"} <= set(whole.found["rule"])
    assert list(scratch.iterdir()) == []


def test_a_dataset_may_lie_in_one_file_or_in_several(tmp_path) -> None:
    made = [json.dumps(row) + "\n" for row in rows(2, 300)]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "train.jsonl").write_text("".join(made))
    (tmp_path / "two" / "train-00000-of-00002.jsonl").write_text("".join(made[:100]))
    (tmp_path / "two" / "train-00001-of-00002.jsonl").write_text("".join(made[100:]))
    one, two = check(str(tmp_path / "one"), isolated=True), check(str(tmp_path / "two"), isolated=True)
    assert one.summary.drop("share").rows() == two.summary.drop("share").rows()


def test_rows_of_an_evaluation_split_are_never_offered_for_dropping(tmp_path) -> None:
    row = json.dumps({"prompt": "Name a sea.", "completion": "The Baltic."}) + "\n"
    (tmp_path / "eval.jsonl").write_text(row * 2)
    report = check(str(tmp_path / "eval.jsonl"), isolated=True)
    assert report.found["rule"].to_list() == ["DUP001"]
    assert report.found["fix_kind"].to_list() == [None]


def test_splits_are_judged_apart_and_leaks_across(tmp_path) -> None:
    row = json.dumps({"prompt": "Name a sea.", "completion": "The Baltic."}) + "\n"
    (tmp_path / "train.jsonl").write_text(row)
    (tmp_path / "test.jsonl").write_text(row)
    report = check(str(tmp_path), isolated=True)
    assert report.found["rule"].to_list() == ["SPL001"]
    assert report.files[report.found["file"][0]].name.endswith("train.jsonl")


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "pandas", "datasets"])
def test_tables_in_memory_are_read_as_files_are(kind) -> None:
    module = pytest.importorskip(kind if kind != "datasets" else "datasets")
    columns = {"prompt": ["Name a sea.", "Name a lake."], "completion": ["The Baltic.", ""]}
    table = {
        "polars": lambda: module.DataFrame(columns),
        "pyarrow": lambda: module.table(columns),
        "pandas": lambda: module.DataFrame(columns),
        "datasets": lambda: module.Dataset.from_dict(columns),
    }[kind]()
    report = check(table, select=["FMT011"], isolated=True)
    assert "Name a lake." in render(report) or '""' in render(report)
    findings = report.findings
    assert findings["row"].to_list() == [1]
    assert findings["pointer"].to_list() == ["/completion"]
