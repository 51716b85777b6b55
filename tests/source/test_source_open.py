"""The content decides how a file is read; what its name says otherwise is told."""

import gzip
import io
import pickle
import zipfile
import zlib

import pyarrow as pa
import pytest
from source_reading import COLUMNS, read, read_bytes

from datalint.errors import InputError
from datalint.source import open_source

ROWS = b"".join(b'{"a": %d, "t": "some text %d"}\n' % (i, i * i) for i in range(20_000))
ARRAY = b'[{"a": 1},\n{"a": 2}]\n'
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0f\nsize 12\n"


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("zst", zstd)])
def test_compressed_files_are_read_as_their_content(tmp_path, ending, pack) -> None:
    packed = pack(ROWS)
    for name, data, rows in (("one", packed, 20_000), ("two", packed + packed, 40_000)):
        found = read_bytes(tmp_path, f"{name}.jsonl.{ending}", data)
        assert len(found.values) == rows
        assert found.data == ROWS * (rows // 20_000)
        assert not found.faults


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("zst", zstd)])
def test_of_a_cut_stream_all_that_is_whole_is_read(tmp_path, ending, pack) -> None:
    packed = pack(ROWS)
    for size in (len(packed) // 3, len(packed) // 2, len(packed) - 1):
        found = read_bytes(tmp_path, f"t.jsonl.{ending}", packed[:size])
        assert ROWS.startswith(found.data)
        assert len(found.data) > size / len(packed) * len(ROWS) - 256 * 1024  # zstd has blocks of 128 KiB
        assert found.codes == ["FMT015"]
        assert found.values[:-1] == [{"a": i, "t": f"some text {i * i}"} for i in range(len(found.values) - 1)]
        assert set(found.unreadable.values()) <= {"FMT015"}


def test_a_wrong_check_sum_is_told_after_all_rows(tmp_path) -> None:
    found = read_bytes(tmp_path, "t.jsonl.gz", gzip.compress(ROWS)[:-8] + b"\0" * 8)
    assert found.data == ROWS
    assert found.codes == ["FMT015"]


def test_what_follows_the_gzip_data(tmp_path) -> None:
    padded = read_bytes(tmp_path, "padded.jsonl.gz", gzip.compress(ROWS) + b"\0" * 700)
    assert not padded.faults
    followed = read_bytes(tmp_path, "followed.jsonl.gz", gzip.compress(ROWS) + b"junk")
    assert followed.codes == ["FMT015"]
    assert padded.data == followed.data == ROWS


@pytest.mark.parametrize("begin", [b'{"a": "', b'[{"a": "', b"q,a\n"])
def test_a_compressed_line_without_end_stops_the_reading(tmp_path, begin) -> None:
    data = gzip.compress(begin + b"x" * 5_000_000)
    found = read_bytes(tmp_path, "t.data.gz", data, max_record=100_000)
    assert found.codes == ["FMT015"]
    assert len(found.data) < 1_500_000


def test_a_torn_record_of_each_container_is_no_finding_of_its_own(tmp_path) -> None:
    def cut(data: bytes) -> bytes:
        deflate = zlib.compressobj(wbits=31)
        return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)

    for name, data in (
        ("t.jsonl.gz", b'{"a": 1}\n{"a": 2'),
        ("t.json.gz", b'[{"a": 1}, {"a": 2'),
        ("t.csv.gz", b"q,a\n1,2\n3,4"),
        ("t.jsonl.gz", b'{"a": 1}\n{"a": "\xc3'),
        ("t.json.gz", b'[{"a": 1}, {"a": "\xc3'),
        ("t.csv.gz", b"q,a\n1,2\n3,\xc3"),
    ):
        found = read_bytes(tmp_path, name, cut(data))
        assert found.data == data
        assert found.codes == ["FMT015"], name
        assert found.unreadable == {1: "FMT015"}
        assert found.values[0] is not None


@pytest.mark.parametrize(
    ("name", "data", "container", "codes"),
    [
        ("t.jsonl", ROWS, "jsonl", []),
        ("t.ndjson", ROWS, "jsonl", []),
        ("t.JSONL", ROWS, "jsonl", []),
        ("t.json", ROWS, "jsonl", ["FMT014"]),
        ("t.csv", ROWS, "jsonl", ["FMT014"]),
        ("t.parquet", ROWS, "jsonl", ["FMT014"]),
        ("t", ROWS, "jsonl", []),
        ("t.txt", ROWS, "jsonl", []),
        ("t.json", ARRAY, "json", []),
        ("t.txt", ARRAY, "json", []),
        ("t.jsonl", ARRAY, "json", ["FMT001", "FMT014"]),
        ("t.jsonl", b'[{"a": 1}, {"a": 2}]', "json", ["FMT001", "FMT014"]),
        ("t.ndjson", b'{\n "a": 1\n}', "json", ["FMT001", "FMT014"]),
        ("t.csv", ARRAY, "json", ["FMT014"]),
        ("t.json", b'{"a": 1}\n', "json", []),
        ("t.jsonl", b'{"a": 1}\n', "jsonl", []),
        ("t.jsonl", b'[{"a": 1}]\n{"a": 2}\n', "jsonl", ["FMT001"]),
        ("t.json", b'[{"a": 1}]\n{"a": 2}\n', "jsonl", ["FMT001", "FMT014"]),
        ("t.txt", b"q,a\n1,2\n", "csv", []),
        ("t.gz", gzip.compress(ROWS, mtime=0), "jsonl", []),
        ("t.jsonl", gzip.compress(ROWS, mtime=0), "jsonl", ["FMT014"]),
        ("t.jsonl.gz", ROWS, "jsonl", ["FMT014"]),
        ("t.jsonl.zst", gzip.compress(ROWS, mtime=0), "jsonl", ["FMT014"]),
    ],
)
def test_name_and_content(tmp_path, name, data, container, codes) -> None:
    found = read_bytes(tmp_path, name, data)
    assert found.source.container == container
    assert sorted(found.codes) == codes
    assert all(isinstance(value, dict) for value in found.values)
    assert found.values


def test_a_json_array_under_a_lines_name_has_a_safe_fix(tmp_path) -> None:
    fault = read_bytes(tmp_path, "t.jsonl", ARRAY).faults[0]
    assert (fault.line, fault.row, fault.fix_kind, fault.fix_safety) == (1, None, "rewrite", "safe")
    assert "a JSON array" in fault.reason


@pytest.mark.parametrize("first", [b'{"a": "cut', b'{"a": 1', b'{"a":', b"{'a': 1}", b"oops", b""])
def test_lines_are_recognised_although_the_first_is_broken(tmp_path, first) -> None:
    found = read_bytes(tmp_path, "t.jsonl", first + b'\n{"a": 1}\n{"a":\n{"a": 3}\n')
    assert found.source.container == "jsonl"
    assert found.values == [None, {"a": 1}, None, {"a": 3}]
    assert found.lines == [1, 2, 3, 4]


def test_a_first_line_larger_than_what_is_looked_at(tmp_path) -> None:
    large = b'{"a": "%s"}' % (b"x" * 6_000_000)
    lines = read_bytes(tmp_path, "t.jsonl", large + b'\n{"a": 1}\n')
    assert (lines.source.container, len(lines.values), lines.codes) == ("jsonl", 2, [])
    array = read_bytes(tmp_path, "t.json", b"[" + large + b', {"a": 1}]')
    assert (array.source.container, len(array.values), array.codes) == ("json", 2, [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_other_unicode_encodings_are_told_once_and_read(tmp_path, encoding) -> None:
    text = "".join(f'{{"a": "é𝄞 {i}"}}\n' for i in range(30_000))
    found = read_bytes(tmp_path, "t.jsonl", text.encode(encoding))
    assert [value["a"] for value in found.values] == [f"é𝄞 {i}" for i in range(30_000)]
    assert found.told("FMT002") == [(None, 1)]
    assert (found.faults[0].fix_kind, found.faults[0].fix_safety) == ("rewrite", "unsafe")
    assert found.data.decode("utf-8-sig") == text
    assert found.source.encoding.startswith(encoding[:6])


def test_half_a_pair_in_utf16_costs_its_row_and_an_odd_byte_is_damage(tmp_path) -> None:
    text = '{"a": "x"}\n{"a": "\ud83d"}\n{"a": "y"}\n'.encode("utf-16", "surrogatepass")
    found = read_bytes(tmp_path, "t.jsonl", text + b"\0")
    assert found.values == [{"a": "x"}, None, {"a": "y"}]
    assert found.unreadable == {1: "FMT002"}
    assert sorted(found.codes) == ["FMT002", "FMT002", "FMT015"]


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("train.jsonl", ROWS)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.jsonl", b""),
        ("t.jsonl", archive()),
        ("model.pt", archive()),
        ("data.pkl", pickle.dumps([{"a": 1}])),
        ("data.pkl", ROWS),
        ("t.jsonl", pickle.dumps([{"a": 1}])),
        ("t.jsonl", bytes(range(256)) * 100),
        ("t.csv", bytes(range(256)) * 100),
        ("t.parquet", b"no parquet"),
        ("t.txt", b"Some words\nin a text file\n"),
        ("t.jsonl.gz", gzip.compress(gzip.compress(ROWS, mtime=0), mtime=0)),
        ("t.parquet.gz", gzip.compress(b"PAR1" + bytes(100) + b"PAR1", mtime=0)),
        ("t.jsonl.gz", gzip.compress(ROWS, mtime=0)[:7]),
        ("t.jsonl", b"\x89HDF\r\n\x1a\n"),
    ],
)
def test_what_is_no_data_is_one_finding(tmp_path, name, data) -> None:
    found = read_bytes(tmp_path, name, data)
    assert found.codes == ["FMT015"]
    assert not found.values


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.parquet", "t.csv"])
def test_a_pointer_of_git_lfs_is_that_one_finding(tmp_path, name) -> None:
    found = read_bytes(tmp_path, name, POINTER)
    assert found.codes == ["FMT012"]
    assert found.data == POINTER
    assert not found.values


def test_what_cannot_be_opened_is_an_error_that_names_it(tmp_path) -> None:
    for path in (tmp_path / "missing.jsonl", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="the name"):
            open_source(path, name="the name")


def test_any_bad_input_is_told_without_an_exception_and_without_loss(shared) -> None:
    """The invariants of `read` hold for every file of the collection, under each name."""
    files = [path for path in sorted((shared / "data/badinput").rglob("*")) if path.is_file()]
    assert len(files) > 300
    for path in files:
        for name in ("t.jsonl", "t.json", "t.csv", path.name):
            found = read(path, name=name)
            assert found.values or found.faults
            if found.source.container not in COLUMNS and not found.source.compression:
                data = path.read_bytes()
                assert found.source.encoding != "utf-8" or found.data == data
