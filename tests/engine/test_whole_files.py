"""The shards of a file, by Hugging Face's names, are judged as the file that they are parts of."""

import json
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

import datalint
from datalint.report.model import Report
from datalint.shards import Shards
from datalint.source.names import whole_of

# Most rows are chat; a dozen that are not stand together, and the last rows say what the numbers before them mean.
ROWS = [
    *({"messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "a"}]} for i in range(30)),
    *({"prompt": f"p{i}", "completion": f"c{i}", "label": i % 2} for i in range(12)),
    {"prompt": "last", "completion": "one", "label": True},
    {"messages": [], "id": "x"},
]


def found(report: Report) -> list[tuple[object, ...]]:
    """All findings, rows counted over all files."""
    before = dict(
        zip(range(len(report.files)), [0, *pl.Series([f.rows for f in report.files]).cum_sum()], strict=False)
    )
    told = report.found.sort("rule", "file", "row", "pointer")
    return sorted(
        (rule, None if row is None else before[file] + row, pointer or "", args, kind)
        for rule, file, row, pointer, args, kind in told.select(
            "rule", "file", "row", "pointer", "args", "fix_kind"
        ).iter_rows()
    )


def check(folder: Path, parts: dict[str, list[dict[str, object]]]) -> Report:
    folder.mkdir()
    for name, rows in parts.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return datalint.check(folder, isolated=True)


@pytest.mark.parametrize("cuts", [[30], [5, 33], [0, 30, 30, 43], [42]])
def test_shards_are_judged_as_their_file(tmp_path: Path, cuts: list[int]) -> None:
    edges = [0, *cuts, len(ROWS)]
    parts = [ROWS[a:b] for a, b in pairwise(edges)]
    named = {f"train-{i:05d}-of-{len(parts):05d}.jsonl": part for i, part in enumerate(parts)}
    whole, shards = check(tmp_path / "whole", {"train.jsonl": ROWS}), check(tmp_path / "shards", named)
    told = [one for one in found(shards) if one[0] != "FMT015"]  # a shard without rows is a finding of its own
    assert told == found(whole)
    assert {"FMT004", "LAB004"} <= {str(one[0]) for one in told}


def test_files_that_are_no_shards_of_one_file_are_judged_by_themselves(tmp_path: Path) -> None:
    report = check(
        tmp_path / "in", {"train-00000-of-00002.jsonl": ROWS[:30], "train-00001-of-00003.jsonl": ROWS[30:42]}
    )
    assert "FMT004" not in set(report.found["rule"])


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("train-00000-of-00002.parquet", "train-of-00002.parquet"),
        ("a/data-00001-of-00010.arrow", "a/data-of-00010.arrow"),
        ("train-00000-of-00002.jsonl.gz", "train-of-00002.jsonl.gz"),
        ("train.parquet", None),
        ("train-0-of-2.parquet", None),
        ("train-00000-of-00002", None),
    ],
)
def test_what_shards_have_in_common(name: str, whole: str | None) -> None:
    assert whole_of(Path(name)) == (None if whole is None else Path(whole))


def test_rows_of_shards_and_back() -> None:
    shards = Shards.of([(0, "a", 2), (1, None, 7), (2, "a", 0), (3, "a", 3)])
    rows = {"file": [0, 1, 3, 3], "row": [1, 6, 0, 2], "related_file": [3, None, 0, 1], "related_row": [0, None, 1, 5]}
    frame = pl.DataFrame(rows, schema_overrides={"file": pl.UInt32, "related_file": pl.UInt32})
    joined = shards.joined(frame.select("file", "row"))
    assert joined.rows() == [(0, 1), (1, 6), (0, 2), (0, 4)]
    related = pl.DataFrame(
        {"related_file": [0, None, 0, 1], "related_row": [2, None, 1, 5]},
        schema_overrides={"file": pl.UInt32, "related_file": pl.UInt32},
    )
    assert shards.parted(joined.hstack(related)).equals(frame)
    assert shards.rows({0: 2, 1: 7, 2: 0, 3: 3}) == {0: 5, 1: 7}
