"""Other libraries read what `clean` writes. Each is skipped where it is not installed."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cleaner_helpers import lines

import datalint

ROWS = [
    {
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "1", "function": {"name": "f", "arguments": {"city": "SF"} if i % 2 else {"n": i}}}
                ],
            },
        ],
        "meta": {"a": i},
        "mixed": i if i % 2 else "text",
        "huge": 2**70 + i,
        "nothing": None,
    }
    for i in range(6)
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A clean of a training and a test file."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/train.jsonl").write_text(lines(*ROWS, ROWS[0], "broken"))
    (tmp_path / "in/test.jsonl").write_text(lines(*ROWS[:2]))
    datalint.clean(tmp_path / "in", out=tmp_path / "out", isolated=True, select=["DUP001"])
    return tmp_path / "out"


def calls(row: dict[str, Any]) -> Any:
    return row["messages"][1]["tool_calls"][0]["function"]["arguments"]


def test_polars(out: Path) -> None:
    frame = pl.read_parquet(out / "train.parquet")
    assert frame.height == 6
    assert json.loads(frame.to_dicts()[1]["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"city": "SF"}
    assert pl.read_parquet(out / "removed.parquet")["rules"].to_list() == [["DUP001"], ["FMT001"]]


def test_pandas(out: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(out / "train.parquet")
    assert list(frame.columns) == list(ROWS[0])
    assert json.loads(frame["huge"][0]) == 2**70


def test_duckdb(out: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.sql(f"select count(*), max(meta.a) from '{out}/train.parquet'").fetchall()
    assert found == [(6, 5)]


def test_hugging_face_reads_the_folder_as_its_data_files(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in found.items()} == {"train": 6, "test": 2}
    assert calls(found["train"][1]) == {"city": "SF"}
    assert calls(found["train"][2]) == {"n": 2}
    assert found["train"][0]["mixed"] == "text"
    assert found["train"][1]["mixed"] == 1
    assert json.loads(found["train"][0]["huge"]) == 2**70
