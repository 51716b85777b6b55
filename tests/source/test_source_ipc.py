"""Arrow streams and files: rows as for Parquet; what is damaged, hostile or cut off is told, never raised."""

import io
import struct

import numpy as np
import pyarrow as pa
import pytest
from source_reading import read, read_bytes

from datalint.source import ipc

ROWS = [{"prompt": f"q {i}", "n": i, "tags": ["a", None] if i % 2 else []} for i in range(5000)]


def written(
    table: pa.Table, *, file: bool = False, compression: str | None = None, end: bool = True, rows: int = 1000
) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    writer = (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, table.schema, options=options)
    writer.write_table(table, max_chunksize=rows)
    if end:
        writer.close()
    return sink.getvalue()


@pytest.mark.parametrize(("file", "name"), [(False, "t.arrow"), (True, "t.arrow"), (True, "t.feather")])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_rows_are_those_that_were_written(tmp_path, file, name, compression) -> None:
    found = read_bytes(tmp_path, name, written(pa.Table.from_pylist(ROWS), file=file, compression=compression))
    assert found.source.container == ("arrow" if file else "arrow-stream")
    assert found.values == ROWS
    assert found.lines == [None] * 5000
    assert found.raws[1] == b'{"prompt":"q 1","n":1,"tags":["a",null]}'
    assert not found.faults


def test_a_name_that_says_otherwise_is_told(tmp_path) -> None:
    assert read_bytes(tmp_path, "t.jsonl", written(pa.Table.from_pylist(ROWS))).codes == ["FMT014"]


def test_the_schema_keeps_its_metadata_and_json_columns_are_objects(tmp_path) -> None:
    schema = pa.schema([pa.field("args", pa.json_())], metadata={"huggingface": "{}"})
    texts = pa.array(['{"city": "Rome"}', "[1]", None], pa.json_())
    found = read_bytes(tmp_path, "t.arrow", written(pa.table({"args": texts}, schema=schema)))
    assert found.values == [{"args": {"city": "Rome"}}, {"args": [1]}, {"args": None}]
    assert found.source.schema.metadata[b"huggingface"] == b"{}"


def shared_columns() -> dict[str, tuple[pa.Array, pa.DataType]]:
    """Columns whose values are shared in memory, and the types that their batches have."""
    views = pa.array(["a", None, "c" * 50]).cast(pa.string_view())
    lists = pa.ListViewArray.from_arrays(
        pa.array([1, 0, 0], pa.int32()), pa.array([2, 1, 0], pa.int32()), pa.array(["k", "l", "m"])
    )
    messages = pa.array([[{"role": "user", "content": "x"}], [], None])
    nested = pa.list_(pa.struct([("role", pa.string_view()), ("content", pa.string_view())]))
    return {
        "views": (views, pa.string()),
        "nested views": (messages.cast(nested), messages.type),
        "list views": (lists, pa.list_(pa.string())),
        "runs": (pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["x", "y"])), pa.string()),
        "dictionary": (pa.array(["a", "b", "a"]).dictionary_encode(), pa.dictionary(pa.int32(), pa.string())),
        "dictionary of views": (
            pa.DictionaryArray.from_arrays(pa.array([0, None, 0], pa.uint32()), views.slice(0, 1)),
            pa.dictionary(pa.int32(), pa.string()),
        ),
    }


@pytest.mark.parametrize("name", shared_columns())
def test_columns_in_newer_types_are_read_and_handed_on_in_plain_ones(tmp_path, name) -> None:
    column, kind = shared_columns()[name]
    found = read_bytes(tmp_path, "t.arrow", written(pa.table({"q": column}), file=True))
    assert [row["q"] for row in found.values] == column.to_pylist()
    assert found.source.schema.field("q").type.equals(kind)
    assert all(batch.schema.equals(found.source.schema) for batch in found.source.batches())


@pytest.mark.parametrize("file", [False, True])
def test_of_a_cut_file_what_is_whole_is_read(tmp_path, file) -> None:
    data = written(pa.Table.from_pylist(ROWS), file=file)
    for size in (9, 100, len(data) // 2, len(data) - 1):
        found = read_bytes(tmp_path, "t.arrow", data[:size])
        assert found.codes == ["FMT015"]
        assert found.values == ROWS[: len(found.values)]
    assert len(found.values) == (0 if file else 5000), "a file has its table of contents at the end"


def test_a_stream_without_its_end_is_told_after_all_rows(tmp_path) -> None:
    found = read_bytes(tmp_path, "t.arrow", written(pa.Table.from_pylist(ROWS), end=False))
    assert found.values == ROWS
    assert found.codes == ["FMT015"]
    assert "no end" in found.faults[0].reason


@pytest.mark.parametrize("file", [False, True])
def test_any_flipped_byte_is_survived(tmp_path, file) -> None:
    table = pa.table(
        {"q": ["some text", "é", None], "n": [[1, 2], [], None], "d": pa.array(["x"] * 3).dictionary_encode()}
    )
    data = written(table, file=file)
    for at in range(len(data)):
        found = read_bytes(tmp_path, "t.arrow", data[:at] + bytes([data[at] ^ 0x81]) + data[at + 1 :])
        assert found.values or found.faults


def test_a_file_without_rows_is_told(tmp_path) -> None:
    assert read_bytes(tmp_path, "t.arrow", written(pa.table({"q": pa.array([], pa.string())}))).codes == ["FMT015"]


@pytest.mark.parametrize("file", [False, True])
def test_what_expands_to_too_much_is_not_expanded(tmp_path, monkeypatch, file) -> None:
    monkeypatch.setattr(ipc, "MAX_EXPANDED", 1 << 20)
    bomb = pa.table({"q": ["x" * 2_000_000]})
    found = read_bytes(tmp_path, "t.arrow", written(bomb, file=file, compression="zstd"))
    assert not found.values
    assert "expands to" in found.faults[0].reason


def test_rows_that_take_no_bytes_are_not_counted_out(tmp_path) -> None:
    found = read_bytes(tmp_path, "t.arrow", written(pa.table({"q": pa.nulls(10**9)}), rows=10**9))
    assert found.codes == ["FMT015"]


def one_megabyte_for_each_row() -> dict[str, pa.Array]:
    big, rows = "x" * 1_000_000, 100
    view = pa.array([big]).cast(pa.string_view())
    _, head, *data = view.buffers()
    views = pa.Array.from_buffers(pa.string_view(), rows, [None, pa.py_buffer(bytes(head)[:16] * rows), *data])
    indices = pa.array([0] * 20 + [1] * (rows - 20), pa.int32())
    dictionary = pa.DictionaryArray.from_arrays(indices, pa.array(["small", big]))
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32))
    zeros, counts = pa.array([0] * rows, pa.int32()), pa.array([1000] * rows, pa.int32())
    return {
        "dictionary": dictionary,
        "nested dictionary": pa.ListArray.from_arrays(offsets, dictionary),
        "views": views,
        "runs": pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), pa.array([big])),
        "list views": pa.ListViewArray.from_arrays(zeros, counts, pa.array(["k" * 1000] * 1000)),
    }


@pytest.mark.parametrize("name", one_megabyte_for_each_row())
def test_what_stands_for_much_more_is_read_in_small_batches(tmp_path, name) -> None:
    data = written(pa.table({"q": one_megabyte_for_each_row()[name]}))
    assert len(data) < 2_000_000
    path = tmp_path / "t.arrow"
    path.write_bytes(data)
    found = read(path)
    assert len(found.values) == 100
    assert max(len(block) for block in found.source.blocks()) <= 8


def test_what_no_writer_wrote_is_validated_before_it_is_looked_at(tmp_path) -> None:
    data = bytearray(written(pa.table({"q": ["ab", "cd"]})))
    at = data.index(struct.pack("<3i", 0, 2, 4))
    data[at : at + 12] = struct.pack("<3i", 0, 1 << 30, 4)
    found = read_bytes(tmp_path, "t.arrow", bytes(data))
    assert found.codes == ["FMT015"]
    assert not found.values


def test_what_fuzzers_found_raises_nothing(shared) -> None:
    for path in sorted((shared / "data/badinput/arrow-testing/arrow-ipc-file").iterdir()):
        found = read(path, name="t.arrow")
        assert found.values or "FMT015" in found.codes, path.name
