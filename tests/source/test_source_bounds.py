"""Memory follows the chunk and the longest line that is read, whatever a file expands to; no input makes it crawl."""

import gzip
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_reading import read, read_bytes

from datalint.source import open_source, table
from datalint.source.block import Block
from datalint.source.gather import CHUNK_BYTES, gather
from datalint.source.stream import Tape
from datalint.source.table import read_table

MIB = 1 << 20
ROW = b'{"prompt": "q", "completion": "a"}\n'


class Cost(NamedTuple):
    rows: int
    unreadable: int
    codes: list[str]
    peak: int  # MiB of the whole process


def cost_of(path: Path) -> Cost:
    """Read a file in a process of its own, four gigabytes of address space and no more."""
    program = f"""
        import json, resource, re, sys
        from pathlib import Path
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        from datalint.source import open_source
        from datalint.source.gather import gather
        rows = unreadable = 0
        codes = []
        for block in gather(open_source(Path({str(path)!r}), name={path.name!r}).blocks()):
            rows += len(block)
            unreadable += block.values.count(None)
            codes += [fault.code for fault in block.faults]
        peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10
        print(json.dumps([rows, unreadable, codes, peak]))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-500:]
    return Cost(*json.loads(done.stdout))


def write(path: Path, *pieces: bytes | Iterable[bytes]) -> Path:
    opened = gzip.open(path, "wb", compresslevel=1) if path.suffix == ".gz" else path.open("wb")  # noqa: SIM115 - closed below
    if path.suffix == ".zst":
        opened = pa.CompressedOutputStream(str(path), "zstd")
    with opened as file:
        for piece in pieces:
            for part in [piece] if isinstance(piece, bytes) else piece:
                file.write(part)
    return path


def many(piece: bytes, times: int) -> Iterable[bytes]:
    return (piece for _ in range(times))


def test_a_line_of_nearly_64_mib_is_read(tmp_path) -> None:
    long = b'{"prompt": "%s", "completion": "a"}\n' % (b"x" * (63 * MIB))
    cost = cost_of(write(tmp_path / "t.jsonl", ROW * 1000, long, ROW * 1000))
    assert cost[:3] == (2001, 0, [])
    assert cost.peak < 600


@pytest.mark.parametrize(
    ("name", "begin", "end"),
    [
        ("t.jsonl", ROW * 1000 + b'{"prompt": "', b'", "completion": "a"}\n' + ROW * 1000),
        ("t.csv", b"prompt,completion\n" + b"q,a\n" * 1000 + b'"', b'",a\n' + b"q,a\n" * 1000),
        ("t.json", b"[" + b",".join([ROW[:-1]] * 1000) + b', {"prompt": "', b'"}, ' + b",".join([ROW] * 1000) + b"]"),
    ],
)
def test_a_record_of_200_mb_is_one_unreadable_row_among_others(tmp_path, name, begin, end) -> None:
    cost = cost_of(write(tmp_path / name, begin, many(b"x" * MIB, 190), end))
    assert cost[:3] == (2001, 1, ["FMT013" if name == "t.csv" else "FMT001"])
    assert cost.peak < 1400


@pytest.mark.parametrize(
    ("name", "begin"), [("t.jsonl", b""), ("t.csv", b"q,a\n1,2\n"), ("t.json", b'[{"a": 1}, {"a": "')]
)
def test_what_has_no_end_is_not_held(tmp_path, name, begin) -> None:
    path = write(tmp_path / name, begin)
    with path.open("r+b") as file:
        file.truncate(3 << 30)  # a hole: zeros without end
    if name == "t.jsonl":
        with path.open("r+b") as file:
            file.write(ROW + b"[")
    cost = cost_of(path)
    assert cost.codes[-1] == "FMT015"
    assert cost.peak < 1600


@pytest.mark.parametrize("ending", ["gz", "zst"])
@pytest.mark.parametrize(
    ("name", "begin", "rows"),
    [
        ("t.jsonl", ROW * 1000 + b'{"a": "', 1001),
        ("t.csv", b"q,a\n" + b"1,2\n" * 1000 + b'"', 1001),
        ("t.json", b"[" + b",".join([ROW] * 1000) + b', {"a": "', 1001),
    ],
)
def test_what_expands_to_gigabytes_ends_the_reading_with_the_rows_before(tmp_path, name, begin, rows, ending) -> None:
    path = write(tmp_path / f"{name}.{ending}", begin, many(b"x" * MIB, 2000))
    assert path.stat().st_size < 12 * MIB
    cost = cost_of(path)
    assert (cost.rows, cost.unreadable, cost.codes) == (rows, 1, ["FMT015"])
    assert cost.peak < 700


def test_many_small_rows_of_a_small_file_are_read_in_bounded_memory(tmp_path) -> None:
    path = write(tmp_path / "t.jsonl.gz", many(ROW * 1000, 500))
    assert path.stat().st_size < MIB
    cost = cost_of(path)
    assert cost[:3] == (500_000, 0, [])
    assert cost.peak < 200


@pytest.mark.parametrize("first", [0, 64])
def test_a_dictionary_that_stands_for_gigabytes(tmp_path, first) -> None:
    """The bomb may be hidden behind small rows."""
    big, rows = "x" * MIB, first + 1500
    indices = pa.array([0] * first + [1] * 1500, pa.int32())
    pq.write_table(
        pa.table({"q": pa.DictionaryArray.from_arrays(indices, pa.array(["small", big]))}), tmp_path / "t.parquet"
    )
    cost = cost_of(tmp_path / "t.parquet")
    assert cost[:3] == (rows, 0, [])
    assert cost.peak < 700


def test_large_rows_of_columns_are_gathered_by_their_size(tmp_path) -> None:
    pq.write_table(pa.table({"q": [f"{i:04}" * 250_000 for i in range(40)]}), tmp_path / "t.parquet")
    chunks = list(gather(open_source(tmp_path / "t.parquet", name="t.parquet").blocks()))
    assert sum(map(len, chunks)) == 40
    assert all(chunk.size <= 4 * CHUNK_BYTES for chunk in chunks)


def test_a_long_record_is_not_copied_to_stand_beside_short_ones() -> None:
    def block(first: int, data: bytes) -> Block:
        at = np.array([first + 1]), np.array([0]), np.array([len(data)])
        return Block(first, [{}], at[0], data, at[1], at[2])

    long = b"x" * (CHUNK_BYTES + 1)
    chunks = list(gather(iter([block(0, b"a"), block(1, long), block(2, b"c"), block(3, b"d")])))
    assert [chunk.first_row for chunk in chunks] == [0, 1, 2]
    assert chunks[1].data is long


def test_an_open_quote_before_many_rows_leaves_blocks_of_the_usual_size(monkeypatch) -> None:
    monkeypatch.setattr(table, "LOOKAHEAD", 4 * MIB)
    data = b'q,a\n"open,1\n' + b"1,2\n" * (2 * MIB)
    blocks = list(read_table(Tape(data[i : i + MIB] for i in range(0, len(data), MIB)), delimiter=","))
    assert sum(len(block) for block in blocks) == 2 * MIB + 1
    assert max(len(block) for block in blocks) <= 65536
    assert b"".join(bytes(block.data) for block in blocks) == data


# Inputs on which a reader that looks back, copies what is left, or searches again from the start takes minutes.
CRAWLS = {
    "white space in an open string": (b'[{"a": 1}, {"a": "x' + b" " * MIB + b'}, {"a": 2}]', "json", 3),
    "line feeds before a broken element": (b'[{"a": 1}, ' + b"\n" * MIB + b'{"a": tru}, {"a": 2}]', "json", 3),
    "brackets that only open": (b'[{"a": 1}, ' + b"{" * MIB, "json", 2),
    "brackets that only close": (b'[{"a": 1}' + b"}" * MIB + b', {"a": 2}]', "json", None),
    "objects in objects": (b'[{"a": 1}, ' + b'{"a":' * (MIB // 4) + b"}", "json", 2),
    "quotes": (b'[{"a": 1}, ' + b'"' * MIB + b"}", "json", None),
    "arrays on a line": (b"[[" * MIB + b'\n{"a": 1}\n', "jsonl", None),
    "objects on a line": (b'{"a":1}' * (MIB // 4) + b'\n{"a": 1}\n', "jsonl", 2),
    "surrogates": (b'{"a": "' + b"\\ud800" * (MIB // 4) + b'"}\n{"a": 1}\n', "jsonl", 2),
    "equal keys": (b"{" + b",".join([b'"a":1'] * (MIB // 4)) + b'}\n{"a": 1}\n', "jsonl", 2),
    "quotes in a table": (b"q,a\n" + b'"x\n' * (MIB // 8) + b"1,2\n", "csv", MIB // 8 + 1),
    "every third quote open": (b"q,a\n" + b'1,"x\n1,2\n1,2\n' * (MIB // 32), "csv", 3 * (MIB // 32)),
    "equal columns": (b",".join([b"c"] * 30_000) + b"\n" + b"," * 29_999 + b"\n", "csv", 1),
}


@pytest.mark.parametrize("name", CRAWLS)
def test_no_input_makes_reading_crawl(tmp_path, name) -> None:
    data, ending, rows = CRAWLS[name]
    found = read_bytes(tmp_path, f"t.{ending}", data)
    assert found.faults
    assert found.data == data
    assert rows is None or len(found.values) == rows


def test_an_array_in_which_every_element_is_broken(tmp_path) -> None:
    path = write(tmp_path / "t.json", b"[" + b",".join(b'{"a": "x%d}' % i for i in range(5000)) + b"]")
    found = read(path)
    assert len(found.values) == len(found.unreadable) == 5000
