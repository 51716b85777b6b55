"""`--max-shard-size`: the rows of a file spread over files of a size, in their order, under Hugging Face's names."""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaner_helpers import contents, lines, rows_in, rows_read

import datalint
from datalint.cleaner import restore
from datalint.cleaner.stored.manifest import sha256_of
from datalint.cleaner.writing.shards import stored_size
from datalint.errors import InputError, UsageError

ROWS = [
    {
        "messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "a" * (i % 50)}],
        "tools": [{"function": {"name": "f", "parameters": {f"p{i}": {"type": "string"}}}}],
        "n": i,
    }
    for i in range(400)
]
FORMATS = pytest.mark.parametrize("to", ["parquet", "jsonl"])


def clean(source: Any, out: Path, **options: Any) -> Any:
    return datalint.clean(source, out=out, **{"isolated": True, "select": ["DUP001"], **options})


def in_files(result: Any) -> list[Any]:
    return [row for file in result.files for row in rows_read(result.out / file.output)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file with a copy, an unreadable line and a last line without its end."""
    content = lines(*ROWS[:200], ROWS[7], "broken", *ROWS[200:]).rstrip("\n")
    (tmp_path / "train.jsonl").write_text(content)
    return tmp_path / "train.jsonl"


@FORMATS
def test_every_file_has_its_share_in_the_order_of_the_rows(source: Path, tmp_path: Path, to: str) -> None:
    result = clean(source, tmp_path / "out", to=to, max_shard_size="10kB")
    count = len(result.files)
    assert count > 3
    assert [file.output for file in result.files] == [f"train-{i:05d}-of-{count:05d}.{to}" for i in range(count)]
    assert in_files(result) == ROWS
    sizes = []
    for file in result.files:
        path = tmp_path / "out" / file.output
        whole = path.stat().st_size if to == "jsonl" else sum(map(stored_size, pq.read_table(path).to_batches()))
        sizes.append(whole)
        assert whole <= 10_000
        assert path.stat().st_size <= 10_000
    assert min(sizes[:-1]) > 9_000  # each is as full as it can be


@FORMATS
def test_the_manifest_tells_every_shard_and_its_part_of_the_balance(source: Path, tmp_path: Path, to: str) -> None:
    result = clean(source, tmp_path / "out", to=to, max_shard_size="10kB")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    first = 0
    for entry in manifest["files"]:
        assert entry["output_sha256"] == sha256_of(tmp_path / "out" / entry["output"])
        assert entry.get("first_row", 0) == first
        assert entry["rows_in"] == entry["rows_out"] + entry["rows_removed"] + entry["rows_unreadable"]
        assert entry["rows_out"] == len(rows_read(tmp_path / "out" / entry["output"]))
        first += entry["rows_in"]
    assert first == 402
    assert result.manifest.counts == result.by_input()[str(source)]
    assert (result.rows_in, result.rows_out, result.rows_removed, result.rows_unreadable) == (402, 400, 1, 1)


@FORMATS
def test_the_input_comes_back_from_shards(source: Path, tmp_path: Path, to: str) -> None:
    clean(source, tmp_path / "out", to=to, max_shard_size="10kB")
    (file,) = restore(tmp_path / "out", out=tmp_path / "back").files
    assert (file.rows, file.proof) == (402, "identical (sha256)")
    assert contents(tmp_path / "back") == {"train.jsonl": source.read_bytes()}


def test_parquet_comes_back_from_shards_row_for_row(tmp_path: Path) -> None:
    table = pa.table({"prompt": [f"p{i % 300}" for i in range(400)], "day": pa.array(range(400), pa.date32())})
    pq.write_table(table, tmp_path / "train.parquet", row_group_size=70)
    result = clean(tmp_path / "train.parquet", tmp_path / "out", max_shard_size="1kB", unsafe_fixes=True)
    assert len(result.files) > 3
    assert sum(pq.read_table(result.out / file.output).num_rows for file in result.files) == 300
    restore(tmp_path / "out", out=tmp_path / "back")
    assert pq.read_table(tmp_path / "back/train.parquet").equals(table)


@FORMATS
def test_shards_are_cleaned_again_and_nothing_changes(source: Path, tmp_path: Path, to: str) -> None:
    first = clean(source, tmp_path / "out", to=to, max_shard_size="10kB", select=["DUP001", "FMT"])
    again = clean(tmp_path / "out", tmp_path / "again", to=to, max_shard_size="10kB", select=["DUP001", "FMT"])
    assert (again.rows_in, again.rows_removed, again.rows_changed) == (400, 0, 0)
    for file in first.files:
        assert (tmp_path / "again" / file.output).read_bytes() == (tmp_path / "out" / file.output).read_bytes()
    assert [file.split for file in again.files] == ["train"] * len(first.files)


def test_copies_that_are_stored_alike_are_told_apart_in_every_shard(tmp_path: Path) -> None:
    texts = [json.dumps({"prompt": "a", "n": i}) for i in range(100)]
    also = [json.dumps({"prompt": "a", "n": i}, separators=(",", ":")) for i in range(100)]
    (tmp_path / "train.jsonl").write_text("".join(text + "\n" for text in texts + also))
    first = clean(tmp_path / "train.jsonl", tmp_path / "out", max_shard_size="500")
    again = clean(tmp_path / "out", tmp_path / "again")
    assert len(first.files) > 3
    assert (first.rows_removed, again.rows_removed) == (0, 0)


def test_a_row_that_is_too_large_has_a_file_of_its_own(tmp_path: Path) -> None:
    sizes = (10, 5000, 10, 10, 5000)
    (tmp_path / "train.jsonl").write_text(lines(*({"text": "x" * size, "n": i} for i, size in enumerate(sizes))))
    result = clean(tmp_path / "train.jsonl", tmp_path / "out", max_shard_size="1kB")
    assert [file.rows_out for file in result.files] == [1, 1, 2, 1]


def test_what_fits_into_one_file_keeps_its_name(source: Path, tmp_path: Path) -> None:
    assert [file.output for file in clean(source, tmp_path / "out", max_shard_size="1GB").files] == ["train.parquet"]
    (tmp_path / "empty.jsonl").write_text("broken\n")
    assert clean(tmp_path / "empty.jsonl", tmp_path / "none", max_shard_size="1kB").files[0].output == "empty.parquet"


def test_names_of_shards_never_meet_those_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("train.jsonl", "train-00000-of-00002.jsonl", "TRAIN-00001-of-00002.jsonl"):
        (tmp_path / "in" / name).write_text(lines(*({"text": f"{name * 3}{i}"} for i in range(2))))
    result = clean(tmp_path / "in", tmp_path / "out", max_shard_size="60")
    names = [file.output for file in result.files]
    assert len(set(map(str.casefold, names))) == len(names) == 6
    assert len(in_files(result)) == 6
    restore(tmp_path / "out", out=tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tmp_path / "in")


def test_the_card_names_shards_by_a_pattern_that_matches_them_alone(tmp_path: Path) -> None:
    (tmp_path / "in/a").mkdir(parents=True)
    for name in ("train.jsonl", "test.jsonl", "a/more [x].jsonl"):
        (tmp_path / "in" / name).write_text(lines(*({"text": f"{name}{i}"} for i in range(9))))
    result = clean(tmp_path / "in", tmp_path / "out", max_shard_size="100")
    card = (tmp_path / "out/README.md").read_text()
    patterns = [json.loads(line[6:]) for line in card.splitlines() if line.startswith("    - ")]
    assert any("*" in pattern for pattern in patterns)
    found = [[f.output for f in result.files if fnmatchcase(f.output, pattern)] for pattern in patterns]
    assert sorted(name for names in found for name in names) == sorted(file.output for file in result.files)


def test_shards_that_the_manifest_mixes_up_are_refused(source: Path, tmp_path: Path) -> None:
    clean(source, tmp_path / "out", max_shard_size="10kB")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    for number, files in enumerate(
        (
            manifest["files"][1:],
            manifest["files"][::-1],
            [manifest["files"][0], {**manifest["files"][1], "input": "x"}],
            [manifest["files"][0], {**manifest["files"][1], "first_row": 0}],
            [*manifest["files"], manifest["files"][-1]],
        )
    ):
        (tmp_path / "out/manifest.json").write_text(json.dumps({**manifest, "files": files}))
        with pytest.raises(InputError, match="shards"):
            restore(tmp_path / "out", out=tmp_path / f"back{number}")
    (tmp_path / "out/manifest.json").write_text(json.dumps({**manifest, "files": manifest["files"][:-1]}))
    with pytest.raises(InputError, match=r"manifest says|differs"):
        restore(tmp_path / "out", out=tmp_path / "back")


@pytest.mark.parametrize("size", ["0", "many", "-1", ""])
def test_a_size_that_is_none_is_refused(source: Path, tmp_path: Path, size: str) -> None:
    with pytest.raises(UsageError, match="max-shard-size"):
        clean(source, tmp_path / "out", max_shard_size=size)


def test_provenance_counts_rows_of_the_input(source: Path, tmp_path: Path) -> None:
    result = clean(source, tmp_path / "out", max_shard_size="10kB", with_provenance=True)
    rows = [row["source_row"] for file in result.files for row in rows_in(result.out / file.output)]
    assert rows == [row for row in range(402) if row not in (200, 201)]


def test_the_command_tells_inputs_not_shards(datalint: Any, source: Path, tmp_path: Path) -> None:
    done = datalint("clean", "train.jsonl", "--out", "out", "--max-shard-size", "10kB", "--select", "DUP001")
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if line.startswith("train")]) == 1
    assert len(list((tmp_path / "out").glob("train-*-of-*.parquet"))) > 3
    checked = datalint("check", "out", "--select", "DUP001", "--statistics")
    assert checked.returncode == 0, checked.stderr
    assert datalint("clean", "train.jsonl", "--out", "two", "--max-shard-size", "x").returncode == 2
