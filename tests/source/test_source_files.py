"""Which files a run reads, what they are called, and which split each is."""

import json
import os
import socket
from pathlib import Path

import pytest
from source_folders import found

from datalint.errors import InputError, UsageError
from datalint.source.names import split_of


def test_folders_are_searched_for_data_files_in_a_fixed_order(folder) -> None:
    folder(
        "data/b.jsonl", "data/a.csv.gz", "data/sub/c.parquet", "data/z.TSV", "data/n.ndjson.zst", "data/README.md",
        "data/config.json", "data/tokenizer.json", "data/dataset_info.json", "data/package.json", "data/model.pkl",
        "data/.hidden.jsonl", "data/.git/x.jsonl", "data/node_modules/x.json", "data/__pycache__/x.json",
        "data/datalint-suppressions.jsonl", "data/archive.zip",
    )  # fmt: skip
    names = ["data/a.csv.gz", "data/b.jsonl", "data/n.ndjson.zst", "data/z.TSV", "data/sub/c.parquet"]
    assert [name for name, _ in found("data")] == names
    assert [name for name, _ in found("data/")] == names
    assert [name for name, _ in found(".")] == names
    assert [name for name, _ in found("./data")] == [f"./{name}" for name in names]


def test_a_file_that_is_named_is_read_whatever_its_name(folder) -> None:
    folder("config.json", ".hidden.jsonl", "notes.txt")
    assert found("config.json", ".hidden.jsonl", "./notes.txt") == [
        ("config.json", "train"),
        (".hidden.jsonl", "train"),
        ("./notes.txt", "train"),
    ]


def test_a_file_is_read_once_under_its_first_name_and_an_explicit_split_wins(folder, tmp_path) -> None:
    folder("data/train.jsonl", "data/other.jsonl", "bench.jsonl")
    assert found("data/train.jsonl", "data", str(tmp_path / "data/train.jsonl"), eval=["./data/train.jsonl"]) == [
        ("data/train.jsonl", "eval"),
        ("data/other.jsonl", "train"),
    ]
    assert found("data/train.jsonl", reference=["bench.jsonl"]) == [
        ("data/train.jsonl", "train"),
        ("bench.jsonl", "reference"),
    ]
    Path("data/link.jsonl").symlink_to("train.jsonl")
    assert len(found("data")) == 2


def test_a_file_cannot_be_of_two_splits(folder) -> None:
    folder("a.jsonl")
    with pytest.raises(UsageError, match=r"a\.jsonl"):
        found(train=["a.jsonl"], eval=["a.jsonl"])


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.jsonl", "train"),
        ("train-00000-of-00002.parquet", "train"),
        ("test-00000-of-00001.parquet", "eval"),
        ("validation.csv", "eval"),
        ("valid.jsonl", "eval"),
        ("my_dev_set.jsonl", "eval"),
        ("gsm8k.test.jsonl.gz", "eval"),
        ("EVAL.jsonl", "eval"),
        ("train.eval.jsonl", "eval"),
        ("latest.jsonl", "train"),
        ("contest.jsonl", "train"),
        ("evaluator.jsonl", "train"),
        ("data.jsonl", "train"),
        ("test/part.jsonl", "eval"),
        ("test/train.jsonl", "train"),
        ("train/dev/part.jsonl", "eval"),
        ("medical/validation/0001.jsonl", "eval"),
    ],
)
def test_the_split_is_a_word_of_the_file_name_or_of_the_nearest_folder(name, split) -> None:
    assert split_of(Path(name).parts) == split


def test_folders_above_the_run_say_nothing_about_the_split(tmp_path, monkeypatch) -> None:
    deep = tmp_path / "test" / "data"
    deep.mkdir(parents=True)
    (deep / "part.jsonl").write_text("{}\n")
    assert found(deep / "part.jsonl") == [((deep / "part.jsonl").as_posix(), "train")]
    assert found(deep)[0][1] == "train"
    monkeypatch.chdir(tmp_path)
    assert found("test/data/part.jsonl")[0][1] == "eval"
    assert found(tmp_path / "test")[0][1] == "eval"


def manifest(folder: str, *outputs: str, **more: str) -> None:
    entries = [{"output": output, **more} for output in outputs]
    Path(folder, "manifest.json").write_text(json.dumps({"schema": "datalint-clean/1", "files": entries}))


def test_what_clean_wrote_is_read_as_its_data_files(folder) -> None:
    folder("out/train.parquet", "out/deep/more.parquet", "out/removed.parquet", "out/changes.parquet", "raw/a.jsonl")
    manifest("out", "train.parquet", "deep/more.parquet")
    names = [("out/train.parquet", "train"), ("out/deep/more.parquet", "train")]
    assert found("out") == names
    assert found(".") == [*names, ("raw/a.jsonl", "train")]
    manifest("out", "train.parquet", split="eval")
    assert found("out") == [("out/train.parquet", "eval")]


def test_the_manifest_of_somebody_else_is_not_obeyed(folder) -> None:
    folder("web/data.jsonl")
    Path("web/manifest.json").write_text('{"name": "app"}')
    assert found("web") == [("web/data.jsonl", "train")]
    Path("web/manifest.json").write_text("[" * 100_000)
    assert found("web") == [("web/data.jsonl", "train")]


@pytest.mark.parametrize("output", ["../secret.jsonl", "/etc/passwd", "missing.parquet"])
def test_a_manifest_cannot_name_what_is_outside_or_missing(folder, output) -> None:
    folder("out/train.parquet", "secret.jsonl")
    manifest("out", "train.parquet", output)
    with pytest.raises(InputError, match=r"manifest\.json"):
        found("out")


def test_paths_that_cannot_be_read_are_errors_that_name_them(folder, tmp_path) -> None:
    folder("empty/README.md", "x.jsonl")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    for path in ("nowhere.jsonl", "empty", "socket", "/dev/zero", "x" * 300, "x.jsonl/y", "null\0byte"):
        match = path[:7]
        with pytest.raises(InputError, match=match):
            found(path)
    with pytest.raises(InputError, match="no data files"):
        found()
    if os.geteuid():
        Path("x.jsonl").chmod(0)
        with pytest.raises(InputError, match="permission"):
            found("x.jsonl")
