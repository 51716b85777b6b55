"""Other libraries read what `clean` writes. Each is skipped where it is not installed."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaner_helpers import lines

import datalint
from datalint.fingerprint import without_nulls

Rows = list[dict[str, Any]]


def called(**arguments: Any) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}


def tool(**properties: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": properties}}}


# Objects that differ from row to row; types that differ; what readers that guess take for something else.
DATA: dict[str, Rows] = {
    "chat with tools": [
        {
            "messages": [
                {"role": "system", "content": "Be brief. é 😀"},
                {"role": "user", "content": "2020-01-01"},
                {"role": "assistant", "content": None, "tool_calls": [called(city="SF") if i % 2 else called(n=i)]},
                {"role": "tool", "name": "f", "content": '{"a": 1}', "tool_call_id": "1"},
            ],
            "tools": [tool(city={"type": "string"}) if i % 2 else tool(n={"type": "integer", "default": None})],
            "meta": {"page": i} if i % 3 else {"url": "x", "tags": []},
        }
        for i in range(7)
    ],
    "preference": [
        {
            "prompt": [{"role": "user", "content": f"q{i}"}],
            "chosen": [{"role": "assistant", "content": "a" * i}],
            "rejected": [{"role": "assistant", "content": "b"}, {"role": "user", "content": ""}][: 1 + i % 2],
            "score": i / 2,
        }
        for i in range(7)
    ],
    "classification": [{"text": f"t {i}\n\u2028\x85", "label": i % 3, "sure": i % 2 == 0} for i in range(7)],
    "mixed types": [
        {"prompt": "p", "completion": "c", "id": value, "also": [value, "x"]}
        for value in (1, "one", 1.5, True, None, {"a": "1"}, [1, "1"], "")
    ],
    "text that is JSON": [
        {
            "messages": [{"role": "user", "content": content}, {"role": "assistant", "content": "42"}],
            "meta": {"a": content},
            "text": "1",
        }
        for content in ("1", "null", [{"type": "text", "text": "1"}], '{"a": 1}')
    ],
    "dates as text": [
        {"prompt": "p", "completion": "c", "day": f"2020-01-0{i}", "at": {"time": f"2020-01-0{i}T00:00:00Z"}}
        for i in range(1, 8)
    ],
    "nulls and what is empty": [
        {"prompt": "p", "completion": "c", "none": None, "list": [], "object": {}, "deep": [[], [[1]], [[], [2]]]},
        {"prompt": "q", "completion": None, "none": None, "list": [], "object": {}, "deep": []},
        {"completion": "only"},
    ],
    "numbers": [
        {"prompt": "p", "completion": "c", "i": 2**63 - 1, "u": 2**64 - 1, "f": 1e300, "w": 1.0, "z": -1.5, "n": i}
        for i in range(3)
    ],
}
HUGE: Rows = [{"prompt": "p", "completion": "c", "huge": 2**70 + i, "deep": {"x": [-(2**65)]}} for i in range(3)]
CSV = 'prompt,completion,label,day\r\n"a\nb","say ""x""",1,2020-01-01\r\nc,,001,\r\n'
CSV_ROWS: Rows = [
    {"prompt": "a\nb", "completion": 'say "x"', "label": "1", "day": "2020-01-01"},
    {"prompt": "c", "completion": "", "label": "001", "day": ""},
]


def cleaned(tmp_path: Path, rows: Rows, **options: Any) -> Path:
    """The folder that a clean of the rows writes; a copy and a broken line are taken away."""
    (tmp_path / "train.jsonl").write_text(lines(*rows, rows[0], "broken"))
    options = {"isolated": True, "select": ["DUP001"], **options}
    result = datalint.clean(tmp_path / "train.jsonl", out=tmp_path / "out", **options)
    assert result.rows_out == len(rows)
    return tmp_path / "out"


def with_all_columns(rows: Rows) -> Rows:
    return [{key: row.get(key) for key in dict.fromkeys(key for row in rows for key in row)} for row in rows]


def plain(value: Any) -> Any:
    """Values of pandas and numpy as Python's."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def parsed(value: Any, kind: pa.DataType) -> Any:
    """JSON text as what it stands for."""
    if value is None:
        return None
    if isinstance(kind, pa.JsonType):
        return json.loads(value)
    if pa.types.is_list(kind):
        return [parsed(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {field.name: parsed(value.get(field.name), field.type) for field in kind}
    return value


def of_table(rows: Rows, schema: pa.Schema) -> Rows:
    """Rows of a Parquet file as they were before it; nulls do not count."""
    found = []
    for row in rows:
        assert list(row) == schema.names
        cells = {
            field.name: parsed(plain(row[field.name]), pa.json_() if field.metadata else field.type) for field in schema
        }
        found.append(without_nulls(cells))
    return found


def by_pyarrow(path: Path) -> Rows:
    return pq.read_table(path, page_checksum_verification=True).to_pylist()


def by_polars(path: Path) -> Rows:
    return pl.read_parquet(path).to_dicts()


def by_pandas(path: Path) -> Rows:
    pandas = pytest.importorskip("pandas")
    return pandas.read_parquet(path).to_dict("records")


def by_duckdb(path: Path) -> Rows:
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.sql(f"select * from '{path}'")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("read", [by_pyarrow, by_polars, by_pandas, by_duckdb])
@pytest.mark.parametrize("name", [*DATA, "huge"])
def test_a_table_holds_the_rows(tmp_path: Path, name: str, read: Callable[[Path], Rows]) -> None:
    rows = DATA.get(name, HUGE)
    path = cleaned(tmp_path, rows) / "train.parquet"
    assert of_table(read(path), pq.read_schema(path)) == [without_nulls(row) for row in rows]


@pytest.mark.parametrize("read", [by_pyarrow, by_polars, by_pandas, by_duckdb])
def test_csv_stays_text(tmp_path: Path, read: Callable[[Path], Rows]) -> None:
    (tmp_path / "train.csv").write_bytes(CSV.encode())
    datalint.clean(tmp_path / "train.csv", out=tmp_path / "out", isolated=True, select=["FMT013"])
    assert read(tmp_path / "out/train.parquet") == CSV_ROWS


@pytest.mark.parametrize("read", [by_polars, by_pandas, by_duckdb])
def test_what_was_taken_away_is_a_table_too(tmp_path: Path, read: Callable[[Path], Rows]) -> None:
    removed = read(cleaned(tmp_path, DATA["classification"]) / "removed.parquet")
    assert [plain(row["rules"]) for row in removed] == [["DUP001"], ["FMT001"]]
    assert removed[1]["raw"] == b"broken"


def loaded(out: Path, tmp_path: Path, config: str | None = None) -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(str(out), config, cache_dir=str(tmp_path / "cache"))


def as_they_were(rows: Rows) -> Rows:
    """Rows whose messages, which are of one type, have no keys that only others have."""
    talks = ("messages", "prompt", "chosen", "rejected")

    def unpadded(key: str, value: Any) -> Any:
        if key not in talks or not isinstance(value, list):
            return value
        return [{k: v for k, v in message.items() if v is not None or k == "content"} for message in value]

    return [{key: unpadded(key, value) for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("size", [None, "300"])
@pytest.mark.parametrize("to", ["parquet", "jsonl"])
@pytest.mark.parametrize("name", DATA)
def test_hugging_face_gives_back_the_original_objects(tmp_path: Path, name: str, to: str, size: str | None) -> None:
    rows = DATA[name]
    found = loaded(cleaned(tmp_path, rows, to=to, max_shard_size=size), tmp_path)
    assert list(found) == ["train"]
    assert found["train"].column_names == list(with_all_columns(rows)[0])
    back, wanted = as_they_were(list(found["train"])), with_all_columns(rows)
    assert back == wanted
    assert [json.dumps(row, sort_keys=True) for row in back] == [json.dumps(row, sort_keys=True) for row in wanted]


def test_hugging_face_gives_back_numbers_and_text_of_numbers(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "completion": "c", "id": value} for value in (1, "1", "null", None)]
    assert list(loaded(cleaned(tmp_path, rows), tmp_path)["train"]) == rows


def test_hugging_face_gives_integers_beyond_64_bits_as_their_digits(tmp_path: Path) -> None:
    found = loaded(cleaned(tmp_path, HUGE), tmp_path)["train"]
    assert [json.loads(text) for text in found["huge"]] == [row["huge"] for row in HUGE]
    assert [json.loads(text) for text in found["deep"]] == [row["deep"] for row in HUGE]


@pytest.mark.parametrize("to", ["parquet", "jsonl"])
def test_hugging_face_reads_csv_as_text(tmp_path: Path, to: str) -> None:
    (tmp_path / "train.csv").write_bytes(CSV.encode())
    datalint.clean(tmp_path / "train.csv", out=tmp_path / "out", isolated=True, select=["FMT013"], to=to)
    assert list(loaded(tmp_path / "out", tmp_path)["train"]) == CSV_ROWS


@pytest.mark.parametrize("to", ["parquet", "jsonl"])
def test_hugging_face_sees_splits_and_one_configuration_for_each_kind_of_rows(tmp_path: Path, to: str) -> None:
    (tmp_path / "in/more [1]").mkdir(parents=True)
    pairs = DATA["preference"]
    for name, rows in (
        ("train.jsonl", DATA["dates as text"]),
        ("test.jsonl", DATA["dates as text"][:2]),
        ("more [1]/dev-é😀\u2028.jsonl", DATA["dates as text"][:3]),
        ("more [1]/pairs.jsonl", pairs),
        ("empty.jsonl", []),
    ):
        (tmp_path / "in" / name).write_text(lines(*rows))
    datalint.clean(tmp_path / "in", out=tmp_path / "out", isolated=True, select=["FMT001"], to=to, max_shard_size="200")
    found = loaded(tmp_path / "out", tmp_path)
    assert {name: split.num_rows for name, split in found.items()} == {"train": 7, "validation": 3, "test": 2}
    assert list(found["validation"]) == DATA["dates as text"][:3]
    assert list(loaded(tmp_path / "out", tmp_path, "part2")["train"]) == pairs


@pytest.mark.parametrize("to", ["parquet", "jsonl"])
def test_json_lines_and_tables_of_provenance_load(tmp_path: Path, to: str) -> None:
    found = loaded(cleaned(tmp_path, DATA["dates as text"], to=to, with_provenance=True), tmp_path)["train"]
    assert found["source_row"][:3] == [0, 1, 2]
    assert set(found["source_file"]) == {str(tmp_path / "train.jsonl")}
