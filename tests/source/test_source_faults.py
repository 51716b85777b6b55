"""The input faults that every reader has to survive, by number: each is told with its place, and no row is lost."""

import gzip
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from source_reading import read

import datalint

GOOD = b'{"prompt": "q %d", "completion": "a %d"}'
Place = tuple[str, int | None, int | None]


class Case(NamedTuple):
    id: str
    name: str
    data: bytes
    told: list[Place]  # code, row, line
    rows: int  # readable ones
    unreadable: int = 0


def good(number: int) -> bytes:
    return GOOD % (number, number)


def around(bad: bytes, *, end: bytes = b"\n") -> bytes:
    """A bad line between good ones."""
    return end.join([good(0), bad, good(2), b""])


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def parquet(**options: object) -> bytes:
    sink = pa.BufferOutputStream()
    rows = [f"row {i}" for i in range(3000)]
    pq.write_table(pa.table({"prompt": rows, "completion": rows}), sink, row_group_size=1000, **options)
    return sink.getvalue().to_pybytes()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


PLAIN = parquet(write_page_checksum=True, use_dictionary=False, compression="none")
MANY = b"".join(good(i) + b"\n" for i in range(20_000))
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0f\nsize 12\n"
TABLE = b"prompt,completion\n1,2\n%s\n5,6\n"


def cases() -> Iterator[Case]:
    def one(name: str, bad: bytes, code: str = "FMT001") -> Case:
        return Case(name, "t.jsonl", around(bad), [(code, 1, 2)], 2, 1)

    yield one("1 malformed line", b'{"prompt": "q", "completion": "a"')
    yield Case("2 bad UTF-8", "t.jsonl", around(b'{"prompt": "\xff"}'), [("FMT002", None, 2)], 2, 1)
    unused = around(b'{"prompt": "q", "completion": "a", "unused": [{"k": "\xc3"}]}')
    yield Case("2 bad UTF-8 in a field that nothing reads", "t.jsonl", unused, [("FMT002", None, 2)], 2, 1)
    twice = around(b'{"prompt": "q", "prompt": "p", "completion": "a"}')
    yield Case("3 duplicate key", "t.jsonl", twice, [("FMT003", 1, 2)], 3)
    colon = around(b'{"prompt": "q \\u003a", "prompt": "p", "completion": "a"}')
    yield Case("3 duplicate key beside an escaped colon", "t.jsonl", colon, [("FMT003", 1, 2)], 3)
    yield one("4 NaN", b'{"prompt": "q", "completion": "a", "score": NaN}')
    yield one("4 Infinity", b'{"prompt": "q", "completion": "a", "score": -Infinity}')
    yield one("5 lone surrogate", b'{"prompt": "\\ud83d", "completion": "a"}', "FMT010")
    exact = around(b'{"prompt": "q", "completion": "a", "id": %d}' % 2**70)
    yield Case("6 integer of 71 bits", "t.jsonl", exact, [], 3)
    yield one("7 number out of range", b'{"prompt": "q", "completion": "a", "score": 1e400}')
    yield Case("8 byte order mark", "t.jsonl", b"\xef\xbb\xbf" + around(good(1)), [("FMT002", None, 1)], 3)
    yield Case("8 CR LF", "t.jsonl", around(good(1), end=b"\r\n"), [], 3)
    yield Case("8 U+2028", "t.jsonl", around('{"prompt": "q\u2028\u0085", "completion": "a"}'.encode()), [], 3)
    yield one("8 blank line", b"")
    yield Case("8 no line end", "t.jsonl", around(good(1)).rstrip(b"\n"), [], 3)
    yield one("9 depth 100,000", b'{"prompt":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    joined = around(b'{"prompt": "q",\n"completion": "a"}')
    yield Case("10 two lines that parse when joined", "t.jsonl", joined, [("FMT001", 1, 2), ("FMT001", 2, 3)], 2, 2)
    yield one("10 two objects on one line", good(1) + good(1))
    yield one("11 line of more than 64 MiB", b'{"prompt": "%s", "completion": "a"}' % (b"x" * (64 << 20)))
    for name, bad in (("ragged", b"3"), ("stray quote", b'3"x,"4"y'), ("open quote", b'"3,4')):
        yield Case(f"12 CSV, {name}", "t.csv", TABLE % bad, [("FMT013", 1, 3)], 2, 1)
    yield Case("13 Parquet, cut", "t.parquet", PLAIN[:-100], [("FMT015", None, None)], 0)
    flip = flipped(PLAIN, PLAIN.index(b"row 1500"))
    yield Case("13 Parquet, a bit flipped", "t.parquet", flip, [("FMT015", None, None)], 1000)
    yield Case("13 git-LFS pointer", "t.parquet", POINTER, [("FMT012", None, None)], 0)
    for ending, packed in (("gz", gzip.compress(MANY)), ("zst", zstd(MANY))):
        yield Case(f"14 {ending}, cut", f"t.jsonl.{ending}", packed[:-5], [("FMT015", None, None)], 19_000)
    yield Case("15 gzip of several members", "t.jsonl.gz", gzip.compress(MANY) * 2, [], 40_000)
    yield Case("16 wrong extension", "t.parquet", around(good(1)), [("FMT014", None, None)], 3)


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.id)
def test_input_fault(tmp_path, case: Case) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.data)
    found = read(path)
    assert sum(value is not None for value in found.values) >= case.rows
    assert len(found.unreadable) in (case.unreadable, case.unreadable + (case.id[:2] == "14"))
    report = datalint.check(path, isolated=True, select=["FMT"])
    codes = {code for code, _, _ in case.told}
    told = [(f["rule"], f["row"], f["line"]) for f in report.found.to_dicts() if f["rule"] in codes | {"FMT001"}]
    # Where a stream broke off, the line is that of the record in which it did.
    assert [place[:2] for place in told] == [place[:2] for place in case.told]
    assert case.id[:2] == "14" or told == case.told
    assert path.read_bytes() == case.data
