"""Parquet: rows as they were before Arrow stored them; damage is told, never raised."""

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_reading import read, read_bytes

from datalint.source import parquet


def test_rows_have_neither_lines_nor_bytes_and_are_shown_as_json(tmp_path) -> None:
    pq.write_table(pa.table({"q": ["x", None], "n": [1, 2]}), tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    assert found.source.container == "parquet"
    assert found.values == [{"q": "x", "n": 1}, {"q": None, "n": 2}]
    assert found.lines == [None, None]
    assert found.raws == [b'{"q":"x","n":1}', b'{"q":null,"n":2}']


def test_the_schema_keeps_its_metadata(tmp_path) -> None:
    schema = pa.schema([("q", pa.string())], metadata={"huggingface": "{}"})
    pq.write_table(pa.table({"q": ["x"]}, schema=schema), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").source.schema.metadata[b"huggingface"] == b"{}"


def test_nulls_that_arrow_put_into_messages_are_left_out_again(tmp_path) -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": {"x": 1}}}
    rows = [
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}], "note": None},
        {"messages": [{"role": "user", "content": None}], "note": "n", "meta": {"a": None, "b": 1}},
        {"messages": None, "note": None, "meta": {"a": 2}},
    ]
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([
        ("messages", pa.list_(pa.struct([
            ("role", pa.string()), ("content", pa.string()),
            ("tool_calls", pa.list_(pa.struct([
                ("id", pa.string()),
                ("function", pa.struct([
                    ("name", pa.string()), ("arguments", pa.struct([("x", pa.int64()), ("y", pa.int64())])),
                ])),
            ]))),
        ]))),
        ("note", pa.string()),
        ("meta", pa.struct([("a", pa.int64()), ("b", pa.int64())])),
    ])), tmp_path / "t.parquet")  # fmt: skip
    assert read(tmp_path / "t.parquet").values == [
        {
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
            ],
            "note": None,
            "meta": None,
        },
        {"messages": [{"role": "user", "content": None}], "note": "n", "meta": {"a": None, "b": 1}},
        {"messages": None, "note": None, "meta": {"a": 2, "b": None}},
    ]


def test_json_columns_are_objects_again_also_inside_of_lists(tmp_path) -> None:
    texts = pa.array(['{"city": "Rome"}', None, "not json"], pa.json_())
    calls = pa.ListArray.from_arrays(
        pa.array([0, 1, 1, 3], pa.int32()),
        pa.StructArray.from_arrays([texts, pa.array(["f", "g", "h"])], ["args", "name"]),
    )
    pq.write_table(pa.table({"args": texts, "calls": calls}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").values == [
        {"args": {"city": "Rome"}, "calls": [{"args": {"city": "Rome"}, "name": "f"}]},
        {"args": None, "calls": []},
        {"args": "not json", "calls": [{"name": "g"}, {"args": "not json", "name": "h"}]},
    ]


def test_slices_of_nested_columns_are_read_from_their_own_offsets(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(parquet, "BATCH_ROWS", 7)
    rows = [
        {"m": [{"role": "user"} if i % 3 else {"content": str(i)} for _ in range(i % 4)] or None} for i in range(50)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet", row_group_size=20)
    expected = [
        {"m": [{"content": None, **message} for message in row["m"]] if row["m"] is not None else None} for row in rows
    ]
    assert read(tmp_path / "t.parquet").values == expected


def test_values_that_json_does_not_have_stay_python_objects(tmp_path) -> None:
    row = {"t": dt.datetime(2020, 1, 2), "d": Decimal("1.50"), "b": b"\xff", "n": float("inf")}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    assert found.values == [row]
    assert json.loads(found.raws[0])["t"] == "2020-01-02T00:00:00"


def test_times_that_python_does_not_have_are_text(tmp_path) -> None:
    column = pa.array([1, 2**62], pa.timestamp("ns"))
    far = pa.array([2**60, 0], pa.timestamp("ms"))
    nested = pa.StructArray.from_arrays([column], ["at"])
    pq.write_table(pa.table({"near": column, "far": far, "s": nested}), tmp_path / "t.parquet", version="2.6")
    found = read(tmp_path / "t.parquet")
    assert not found.faults
    assert found.values[0]["near"] == "1970-01-01 00:00:00.000000001"
    assert found.values[0]["s"] == {"at": "1970-01-01 00:00:00.000000001"}


def test_a_flipped_bit_is_told_where_pages_have_check_sums(tmp_path) -> None:
    path = tmp_path / "t.parquet"
    texts = [f"row {i} of some text" for i in range(4000)]
    pq.write_table(
        pa.table({"q": texts}),
        path,
        row_group_size=1000,
        write_page_checksum=True,
        use_dictionary=False,
        compression="none",
    )
    data = bytearray(path.read_bytes())
    data[data.index(b"row 2500")] ^= 4
    found = read_bytes(tmp_path, "t.parquet", bytes(data))
    assert found.codes == ["FMT015"]
    assert found.values == [{"q": text} for text in texts[:2000]]


@pytest.mark.parametrize("cut", [5, 100, -100, -1])
def test_a_cut_file_is_told(tmp_path, cut) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"q": ["x"] * 1000}), path)
    found = read_bytes(tmp_path, "t.parquet", path.read_bytes()[:cut])
    assert found.codes == ["FMT015"]
    assert found.source.schema is None


def test_a_file_without_rows_is_told(tmp_path) -> None:
    pq.write_table(pa.table({"q": pa.array([], pa.string())}), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet").codes == ["FMT015"]


def test_text_that_is_not_utf8_is_one_finding_and_costs_its_rows(tmp_path) -> None:
    texts = pa.array([b"x", b"\xff", b"y"]).view(pa.string())
    pq.write_table(pa.table({"q": texts}), tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    assert found.values == [{"q": "x"}, None, {"q": "y"}]
    assert found.codes == ["FMT002"]


def test_a_dictionary_that_stands_for_much_more_is_read_in_small_batches(tmp_path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"q": pa.array(["x" * 1_000_000] * 300)}), path)
    assert path.stat().st_size < 300_000
    blocks = [len(block) for block in read(path).source.blocks()]
    assert max(blocks) <= 8


def test_good_and_corrupt_files_of_the_parquet_project(shared) -> None:
    for path in sorted((shared / "data/badinput/parquet-testing").rglob("*.parquet*")):
        found = read(path, name="t.parquet")
        if path.parent.name == "bad_data" or path.suffix == ".encrypted":
            assert found.codes == ["FMT015"], path.name


def test_what_fuzzers_found_raises_nothing(shared) -> None:
    for path in sorted((shared / "data/badinput/arrow-testing/parquet").rglob("*fuzz*")):
        if path.is_file():
            assert "FMT015" in read(path, name="t.parquet").codes, path.name
