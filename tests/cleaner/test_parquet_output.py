"""The Parquet that `clean` writes: compressed, with check sums, in groups of a useful size, the same in every run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaner_helpers import contents, lines, rows_in

import datalint
from datalint.cleaner.stored import tables
from datalint.cleaner.stored.tables import GROUP_BYTES, GROUP_ROWS, Writer, read_batches

ROWS = [
    {
        "messages": [{"role": "user", "content": f"q {i % 90}"}, {"role": "assistant", "content": "a" * (i % 7)}],
        "meta": {f"k{i % 5}": i},
        "id": i if i % 11 else str(i),
    }
    for i in range(500)
]
# Two turns of one role, a copy and a line that is none: every table has rows.
FAULTY = [
    {"messages": [{"role": "user", "content": c} for c in "ab"] + [{"role": "assistant", "content": "c"}]},
    ROWS[0],
]


def clean(source: Path, out: Path, **options: Any) -> Any:
    options = {"isolated": True, "select": ["DUP001", "FMT104"], "unsafe_fixes": True, **options}
    return datalint.clean(source, out=out, **options)


def end_of(column: Any) -> int:
    """Where a column's last page ends in its file."""
    return (column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "train.jsonl").write_text(lines(*ROWS, *FAULTY, "broken"))
    return tmp_path / "train.jsonl"


def test_every_column_of_every_table_is_compressed_with_zstd_and_has_checked_pages(
    source: Path, tmp_path: Path
) -> None:
    clean(source, tmp_path / "out", max_shard_size="10kB")
    found = sorted((tmp_path / "out").glob("*.parquet"))
    assert len(found) > 5
    for path in found:
        file = pq.ParquetFile(path)
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
        columns = [group.column(i) for group in groups for i in range(group.num_columns)]
        assert {column.compression for column in columns} <= {"ZSTD"}
        if not columns:
            continue
        # No bit of a page changes unseen.
        raw = bytearray(path.read_bytes())
        largest = max(columns, key=lambda column: column.total_compressed_size)
        raw[end_of(largest) - 1] ^= 1
        (tmp_path / "flipped.parquet").write_bytes(raw)
        with pytest.raises((OSError, pa.ArrowException)):
            list(read_batches(tmp_path / "flipped.parquet"))


def test_the_next_reader_is_told_of_a_flipped_bit(source: Path, tmp_path: Path) -> None:
    clean(source, tmp_path / "out")
    path = tmp_path / "out/train.parquet"
    column = pq.read_metadata(path).row_group(0).column(1)
    raw = bytearray(path.read_bytes())
    raw[end_of(column) - 1] ^= 1
    path.write_bytes(raw)
    findings = datalint.check(tmp_path / "out", isolated=True, select=["FMT"]).findings
    assert findings["rule"].to_list() == ["FMT015"]


def test_row_groups_are_of_a_useful_size(tmp_path: Path) -> None:
    small, large = pa.schema([("n", pa.int64())]), pa.schema([("text", pa.large_string())])
    batches = {
        "small": [pa.record_batch([pa.array(range(i, i + 1000))], schema=small) for i in range(0, 300_000, 1000)],
        "large": [pa.record_batch([pa.array(["x" * 100_000] * 10, pa.large_string())], schema=large)] * 80,
    }
    for name, some in batches.items():
        writer = Writer(tmp_path / name, some[0].schema)
        for batch in some:
            writer.write(batch)
        writer.close()
        groups = [pq.read_metadata(tmp_path / name).row_group(i) for i in range(3)]
        rows = [group.num_rows for group in groups]
        assert sum(rows) == writer.rows == sum(batch.num_rows for batch in some)
        limit = GROUP_ROWS if name == "small" else GROUP_BYTES // 100_000
        assert all(limit <= count <= limit + 1000 for count in rows[:2])  # no group is cut short


@pytest.mark.parametrize("to", ["parquet", "jsonl"])
def test_two_runs_write_the_same_bytes(source: Path, tmp_path: Path, to: str) -> None:
    args = ["--unsafe-fixes", "--to", to, "--max-shard-size", "20kB", "--select", "DUP,FMT,CON", "--isolated"]
    for number in range(2):  # sets have another order in each
        subprocess.run(
            [sys.executable, "-m", "datalint", "clean", "train.jsonl", "--out", f"out{number}", "--quiet", *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": str(number)},
            check=True,
            capture_output=True,
        )
    assert contents(tmp_path / "out0") == contents(tmp_path / "out1")


def test_the_size_of_what_is_read_at_once_does_not_show(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean(source, tmp_path / "one")
    monkeypatch.setattr(tables, "_ROWS", 7)
    again = clean(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one/train.parquet").read_bytes() == (tmp_path / "two/train.parquet").read_bytes()
    assert again.rows_changed == 0


def test_objects_that_differ_are_json_and_the_schema_says_so(source: Path, tmp_path: Path) -> None:
    clean(source, tmp_path / "out")
    schema = pq.read_schema(tmp_path / "out/train.parquet")
    assert schema.names == ["messages", "meta", "id"]
    assert schema.field("meta").type == schema.field("id").type == pa.json_()
    talk = pa.struct([("role", pa.string()), ("content", pa.string())])
    assert schema.field("messages").type == pa.list_(talk)
    row = rows_in(tmp_path / "out/train.parquet")[3]
    assert (json.loads(row["meta"]), json.loads(row["id"])) == (ROWS[3]["meta"], ROWS[3]["id"])
