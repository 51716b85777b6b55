"""clean, then restore: the input again, byte for byte, whatever it looked like."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cleaner_helpers import contents, lines, rows_in, rows_read
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from json_styles import json_lines

import datalint
from datalint.cleaner import restore
from datalint.fingerprint import without_nulls

# Each example is a whole run: shrinking one that fails would take longer than reading it.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
OFF = {"isolated": True, "select": ["FMT001", "DUP001", "FMT104"]}


Trip = Callable[..., tuple[bytes, Any, Path]]


@pytest.fixture(scope="session")
def trip(tmp_path_factory: pytest.TempPathFactory) -> Trip:
    """Clean a file in a folder of its own: what restore makes of it, the result, and the folder."""

    def there_and_back(name: str, content: bytes, **options: Any) -> tuple[bytes, Any, Path]:
        folder = tmp_path_factory.mktemp("trip")
        (folder / "in").mkdir()
        (folder / "in" / name).write_bytes(content)
        result = datalint.clean(folder / "in", out=folder / "out", **{**OFF, **options})
        restore(folder / "out", out=folder / "back")
        assert (folder / "in" / name).read_bytes() == content
        return (folder / "back" / name).read_bytes(), result, folder

    return there_and_back


def balanced(result: Any) -> bool:
    return all(
        file.rows_in == file.rows_out + file.rows_removed + file.rows_unreadable
        and len(rows_read(result.out / file.output)) == file.rows_out
        for file in result.files
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"])},
        optional={"content": st.one_of(texts, st.none()), "name": texts, "tool_calls": st.lists(values, max_size=2)},
    ),
    max_size=3,
)
# A few rows that come again and again, so that there are copies, and turns of one role in a row.
common = st.sampled_from(
    [
        {"prompt": "a", "completion": "b"},
        {"prompt": "a", "completion": "b", "meta": None},
        {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
        {"messages": [{"role": "user", "content": "a\n\nb"}]},
    ]
)
rows = st.one_of(
    common,
    common,
    st.fixed_dictionaries({"prompt": texts, "completion": texts}, optional={"meta": values, "id": scalars}),
    st.fixed_dictionaries({"messages": messages}, optional={"tools": values}),
    st.dictionaries(texts, values, min_size=1, max_size=3),
)


files = json_lines(rows)
# What is written, and into how many files.
outputs = st.fixed_dictionaries(
    {"to": st.sampled_from(["parquet", "jsonl"]), "max_shard_size": st.sampled_from([None, None, 1, 100, 1000])}
)


@given(files, outputs)
@settings(max_examples=200, phases=PHASES)
def test_json_lines_come_back_byte_for_byte(trip: Trip, content: bytes, how: dict[str, Any]) -> None:
    back, result, _ = trip("train.jsonl", content, **how)
    assert back == content
    assert balanced(result)


@given(files, outputs)
@settings(max_examples=80, phases=PHASES)
def test_rows_are_read_from_the_output_as_they_were_read_from_the_input(
    trip: Trip, content: bytes, how: dict[str, Any]
) -> None:
    _, result, folder = trip("train.jsonl", content, select=["FMT104"], **how)
    before = [row for row in rows_read(folder / "in" / "train.jsonl") if row is not None]
    after = [row for file in result.files for row in rows_read(result.out / file.output)]
    if how["to"] == "parquet":
        # Nulls do not count (columns that a row did not have), nor whether 1 in a column of fractions is 1.0.
        before, after = [[without_nulls(row) for row in some] for some in (before, after)]
        before = before if any(before) else []
    else:
        before, after = [[json.dumps(row) for row in some] for some in (before, after)]
    assert after == before


@given(files, outputs)
@settings(max_examples=60, phases=PHASES)
def test_a_second_clean_changes_nothing(trip: Trip, content: bytes, how: dict[str, Any]) -> None:
    _, result, folder = trip("train.jsonl", content, unsafe_fixes=True, **how)
    again = datalint.clean(result.out, out=folder / "again", **OFF, unsafe_fixes=True, **how)
    assert (again.rows_removed, again.rows_changed) == (0, 0)
    assert not rows_in(folder / "again" / "changes.parquet")
    data = [{file.output: (one.out / file.output).read_bytes() for file in one.files} for one in (result, again)]
    assert data[0] == data[1]


cells = st.text(st.sampled_from('ab ,;"\n\r\tü'), max_size=6)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=8), st.data(), outputs)
@settings(max_examples=100, phases=PHASES)
def test_csv_comes_back_byte_for_byte(trip: Trip, table: list[list[str]], data: Any, how: dict[str, Any]) -> None:
    text = io.StringIO(newline="")
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(text, quoting=quoting, lineterminator=data.draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerow(["prompt", "completion"])
    writer.writerows(table)
    content = text.getvalue().encode()
    content = content if data.draw(st.booleans()) else content.rstrip(b"\r\n")
    back, result, _ = trip("train.csv", content, select=["FMT013", "DUP001"], **how)
    assert back == content
    assert balanced(result)


@given(st.lists(rows, min_size=1, max_size=6), st.sampled_from([None, 2, 4, "\t"]), st.booleans(), outputs)
@settings(max_examples=80, phases=PHASES)
def test_json_documents_come_back_byte_for_byte(
    trip: Trip, some: list[Any], indent: Any, ascii_only: bool, how: dict[str, Any]
) -> None:
    content = json.dumps(some, indent=indent, ensure_ascii=ascii_only).encode() + b"\n"
    back, result, _ = trip("train.json", content, **how)
    assert back == content
    assert balanced(result)


def test_an_indented_document_is_rebuilt_from_its_rows(trip: Trip) -> None:
    rows = [{"prompt": f"question {i}", "completion": f"answer {i}", "meta": {"n": [i]}} for i in range(50)]
    back, result, _ = trip("train.json", json.dumps(rows, indent=2).encode())
    assert json.loads(back) == rows
    kept = rows_in(result.out / "originals.parquet")
    assert [row["kind"] for row in kept] == ["gap", "gap"]  # the brackets


@pytest.mark.parametrize(
    "dump",
    [
        json.dumps,
        lambda row: json.dumps(row, ensure_ascii=False),
        lambda row: json.dumps(row, separators=(",", ":")),
        lambda row: json.dumps(row, separators=(",", ":")).replace("/", "\\/"),
    ],
)
def test_a_style_that_many_writers_have_needs_no_originals(trip: Trip, dump: Any) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"a/b é {i}"},
                {"role": "assistant", "content": None, "tool_calls": [{"n": i}]},
            ]
        }
        for i in range(200)
    ]
    content = "".join(dump(row) + "\n" for row in rows).encode()
    back, result, _ = trip("train.jsonl", content)
    assert back == content
    assert not rows_in(result.out / "originals.parquet")


def test_compressed_files_come_back_as_what_they_decompress_to(trip: Trip) -> None:
    content = lines(*({"prompt": f"p{i}", "completion": f"c{i}"} for i in range(100))).encode()
    back, result, _ = trip("train.jsonl.gz", gzip.compress(content))
    assert gzip.decompress(back) == content
    assert result.files[0].output == "train.parquet"
    assert result.files[0].content_sha256 == hashlib.sha256(content).hexdigest()
    packed = pa.compress(content, codec="zstd", asbytes=True)
    back, _, _ = trip("train.jsonl.zst", packed)
    assert pa.decompress(back, decompressed_size=len(content), codec="zstd", asbytes=True) == content


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_comes_back(trip: Trip, encoding: str) -> None:
    content = lines({"prompt": "Grüße", "completion": "😀"}, "not json", {"prompt": "b", "completion": "c"}).encode(
        encoding
    )
    back, result, _ = trip("train.jsonl", content)
    assert back == content
    assert result.files[0].rebuild == "text"
    assert (result.rows_out, result.rows_unreadable) == (2, 1)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
        ("train.jsonl", b""),
        ("train.parquet", b"PAR1 this is none PAR1"),
        ("train.jsonl.gz", gzip.compress(lines({"prompt": "a" * 5000, "completion": "b"}).encode(), mtime=0)[:-12]),
        ("train.jsonl", b"\n\n\n"),
        ("train.csv", b"prompt,completion\n"),
        ("train.jsonl", b"\x80\x04garbage"),
        ("train.jsonl", b"{}\n{}\n"),
        ("train.json", b"\xef\xbb\xbf{}"),
    ],
)
def test_a_file_that_is_no_data_is_kept_whole(trip: Trip, name: str, content: bytes) -> None:
    back, result, _ = trip(name, content)
    assert back == content
    assert balanced(result)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = [{"prompt": f"p{i % 7}", "completion": f"c{i % 5}", "extra": {"n": i}} for i in range(300)]
    (tmp_path / "train.jsonl").write_text(lines(*rows, "broken"))
    for out in ("one", "two"):
        datalint.clean(tmp_path / "train.jsonl", out=tmp_path / out, **OFF)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
