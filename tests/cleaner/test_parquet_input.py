"""Parquet in, Parquet out: schema, metadata and untouched cells exactly as they were; restored row for row."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaner_helpers import rows_in, rows_read

import datalint
from datalint.cleaner import restore

CHAT = pa.list_(
    pa.struct(
        [("role", pa.string()), ("content", pa.string()), ("tool_calls", pa.list_(pa.struct([("n", pa.int64())])))]
    )
)
TALKS = [
    [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [{"n": 1}]}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [{"n": 1}]}],
]
ODD = {
    "ns": (pa.timestamp("ns", "UTC"), [1_600_000_000_123_456_789, None, 5]),
    "day": (pa.date32(), [dt.date(2020, 1, 1), None, dt.date(1, 1, 1)]),
    "money": (pa.decimal128(20, 5), [Decimal("1.50000"), None, Decimal("-2")]),
    "raw": (pa.binary(), [b"\xff\x00", None, b""]),
    "small": (pa.int8(), [1, None, -128]),
    "real": (pa.float32(), [0.1, None, float("nan")]),
    "kind": (pa.dictionary(pa.int32(), pa.string()), ["x", "y", "x"]),
    "long": (pa.large_string(), ["x", None, "ü"]),
    "map": (pa.map_(pa.string(), pa.int64()), [[("a", 1)], None, []]),
    "fixed": (pa.list_(pa.int64(), 2), [[1, 2], None, [3, 4]]),
    "json": (pa.json_(), ['{"b":  1}', None, "no json"]),
    "none": (pa.null(), [None, None, None]),
    "deep": (pa.struct([("a", pa.list_(pa.struct([("b", pa.int64())])))]), [{"a": [{"b": None}]}, None, {"a": None}]),
}


def table() -> pa.Table:
    arrays = {"messages": pa.array(TALKS, type=CHAT)}
    for name, (kind, values) in ODD.items():
        if isinstance(kind, pa.JsonType):
            arrays[name] = pa.array(values, pa.string()).cast(kind)
        else:
            arrays[name] = pa.array(values, kind)
    return pa.table(arrays).replace_schema_metadata({"huggingface": '{"info": {}}', "mine": "kept"})


def cleaned(tmp_path: Path, data: pa.Table, *select: str, **options: Any) -> Any:
    pq.write_table(data, tmp_path / "train.parquet", row_group_size=300 if data.num_rows > 300 else 2)
    result = datalint.clean(
        tmp_path / "train.parquet", out=tmp_path / "out", isolated=True, select=list(select), **options
    )
    restore(tmp_path / "out", out=tmp_path / "back")
    return result


def same_rows(one: pa.Table, other: pa.Table) -> bool:
    """Equal, NaN included: to_pylist would make NaN unequal, and nanoseconds need pandas."""
    columns = zip(one.columns, other.columns, strict=True)
    return one.schema.equals(other.schema, check_metadata=True) and all(
        a.combine_chunks().to_string() == b.combine_chunks().to_string() and len(a) == len(b) for a, b in columns
    )


def test_what_nobody_rewrites_is_written_as_it_is(tmp_path: Path) -> None:
    data = table()
    result = cleaned(tmp_path, data, "FMT001")
    stored = pq.read_table(tmp_path / "train.parquet")
    assert same_rows(pq.read_table(tmp_path / "out/train.parquet"), stored)
    assert same_rows(pq.read_table(tmp_path / "back/train.parquet"), stored)
    assert result.files[0].rebuild == "rows"


def test_dropped_and_rewritten_rows_come_back_row_for_row(tmp_path: Path) -> None:
    data = table().select(["messages", "small", "map", "deep"])
    result = cleaned(tmp_path, data, "FMT104", "DUP001", unsafe_fixes=True)
    assert (result.rows_changed, result.rows_removed) == (1, 1)
    out = pq.read_table(tmp_path / "out/train.parquet")
    assert out.schema.equals(pq.read_schema(tmp_path / "train.parquet"), check_metadata=True)
    assert rows_read(tmp_path / "out/train.parquet")[0]["messages"] == [
        {"role": "user", "content": "a\n\nb"},
        {"role": "assistant", "content": "c"},
    ]
    assert out.column("deep").to_pylist() == [{"a": [{"b": None}]}, None]
    assert same_rows(pq.read_table(tmp_path / "back/train.parquet"), pq.read_table(tmp_path / "train.parquet"))


def test_many_rows_in_many_groups(tmp_path: Path) -> None:
    rows = [{"prompt": f"p{i % 4000}", "completion": f"c{i % 4000}", "n": i if i % 3 else None} for i in range(5000)]
    data = pa.Table.from_pylist(rows)
    result = cleaned(tmp_path, data, "DUP001", unsafe_fixes=True)
    assert (result.rows_in, result.rows_out, result.rows_removed) == (5000, 4000, 1000)
    assert rows_in(tmp_path / "out/train.parquet") == rows[:4000]
    assert same_rows(pq.read_table(tmp_path / "back/train.parquet"), data)


def test_a_second_clean_changes_nothing(tmp_path: Path) -> None:
    cleaned(tmp_path, table().select(["messages"]), "FMT104", "DUP001", unsafe_fixes=True)
    again = datalint.clean(
        tmp_path / "out", out=tmp_path / "two", isolated=True, select=["FMT104", "DUP001"], unsafe_fixes=True
    )
    assert (again.rows_removed, again.rows_changed) == (0, 0)
    assert pq.read_table(tmp_path / "two/train.parquet").equals(pq.read_table(tmp_path / "out/train.parquet"))


def test_text_that_is_no_utf_8_is_unreadable_and_comes_back(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"ok", b"caf\xe9"], pa.binary()).buffers())
    data = pa.table({"prompt": bad, "completion": ["a", "b"]})
    result = cleaned(tmp_path, data, "FMT002")
    assert (result.rows_out, result.rows_unreadable) == (1, 1)
    back = pq.read_table(tmp_path / "back/train.parquet")
    assert back.column("prompt").cast(pa.binary()).to_pylist() == [b"ok", b"caf\xe9"]


def test_a_damaged_file_keeps_its_readable_rows_and_comes_back_whole(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"prompt": [f"p{i}" * 50 for i in range(4000)]}),
        tmp_path / "whole.parquet",
        row_group_size=1000,
        write_page_checksum=True,
    )
    raw = bytearray((tmp_path / "whole.parquet").read_bytes())
    at = pq.read_metadata(tmp_path / "whole.parquet").row_group(2).column(0).dictionary_page_offset + 5000
    raw[at : at + 64] = bytes(byte ^ 0xFF for byte in raw[at : at + 64])
    (tmp_path / "train.parquet").write_bytes(raw)
    result = datalint.clean(tmp_path / "train.parquet", out=tmp_path / "out", isolated=True, select=["FMT015"])
    assert result.rows_out == 2000
    restore(tmp_path / "out", out=tmp_path / "back")
    assert (tmp_path / "back/train.parquet").read_bytes() == raw


@pytest.mark.parametrize("stream", [False, True])
def test_arrow_files_become_parquet_and_come_back_as_they_were(tmp_path: Path, stream: bool) -> None:
    data = pa.concat_tables([table().drop_columns(["kind", "messages"])] * 3)
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(tmp_path / "train.arrow"), "wb") as sink, new(sink, data.schema) as writer:
        writer.write_table(data, max_chunksize=2)
    result = datalint.clean(tmp_path / "train.arrow", out=tmp_path / "out", isolated=True, select=["DUP001"])
    assert (result.files[0].output, result.files[0].rebuild) == ("train.parquet", "rows")
    assert result.rows_removed > 0
    restore(tmp_path / "out", out=tmp_path / "back")
    with pa.OSFile(str(tmp_path / "back/train.arrow")) as source:
        back = (pa.ipc.open_stream if stream else pa.ipc.open_file)(source).read_all()
    assert same_rows(back.drop_columns(["deep"]), data.drop_columns(["deep"]))
    assert back.column("deep").to_pylist() == data.column("deep").to_pylist()


def test_an_arrow_file_with_dictionaries_is_kept_whole(tmp_path: Path) -> None:
    data = table().select(["kind", "small"])
    with pa.OSFile(str(tmp_path / "train.arrow"), "wb") as sink, pa.ipc.new_file(sink, data.schema) as writer:
        writer.write_table(data)
    result = datalint.clean(tmp_path / "train.arrow", out=tmp_path / "out", isolated=True, select=["DUP001"])
    assert result.files[0].rebuild == "file"
    restore(tmp_path / "out", out=tmp_path / "back")
    assert (tmp_path / "back/train.arrow").read_bytes() == (tmp_path / "train.arrow").read_bytes()


@pytest.mark.parametrize("rows", [0, 1])
def test_small_files(tmp_path: Path, rows: int) -> None:
    data = table().slice(0, rows)
    assert cleaned(tmp_path, data, "FMT001").rows_out == rows
    stored = pq.read_table(tmp_path / "train.parquet")
    assert same_rows(pq.read_table(tmp_path / "out/train.parquet"), stored)
