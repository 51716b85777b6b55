"""`--to jsonl`: the same folder, with data files of JSON Lines that hold the original objects."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaner_helpers import contents, lines, rows_in, rows_read

import datalint
from datalint.cleaner import restore
from datalint.cleaner.writing.lines import Apart
from datalint.errors import UsageError

SEA = {"prompt": "Name a sea.", "completion": "The Baltic."}
ODD = [
    {"z": 1, "prompt": "a", "completion": "b", "meta": {"y": None, "x": [1, {"w": 2.0}]}},
    {"completion": "b", "prompt": "c", "id": 2**70, "score": 1},
    {"prompt": "d", "completion": "é/\u2028", "score": 1.0, "when": "2020-01-01"},
    {},
]


def clean(source: Any, out: Path, *select: str, **options: Any) -> Any:
    options = {"isolated": True, "select": list(select or ("FMT001",)), "to": "jsonl", **options}
    return datalint.clean(source, out=out, **options)


def restored(out: Path) -> dict[str, bytes]:
    restore(out, out=out.with_name(out.name + ".back"))
    return contents(out.with_name(out.name + ".back"))


def test_the_folder_is_the_same_but_for_its_data_files(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(lines(*ODD, "broken", ODD[0]))
    lined, tabled = (clean(tmp_path / "train.jsonl", tmp_path / to, "DUP001", to=to) for to in ("jsonl", "parquet"))
    beside = {"README.md", "manifest.json", "removed.parquet", "changes.parquet", "originals.parquet"}
    assert contents(tmp_path / "jsonl").keys() == {"train.jsonl", *beside}
    assert contents(tmp_path / "parquet").keys() == {"train.parquet", *beside}
    for name in ("removed.parquet", "changes.parquet"):
        assert rows_in(tmp_path / "jsonl" / name) == rows_in(tmp_path / "parquet" / name)
    assert lined.manifest.counts == tabled.manifest.counts
    assert (lined.rows_in, lined.rows_out, lined.rows_removed, lined.rows_unreadable) == (6, 4, 1, 1)


def test_a_record_that_nobody_changed_keeps_its_bytes(tmp_path: Path) -> None:
    kept = [
        json.dumps(ODD[0]),
        json.dumps(ODD[1], separators=(",", ":")),
        '  {"prompt" : "d"}\t',
        "{}",
        '{"prompt": "\\u00e9"}',
    ]
    content = b"\xef\xbb\xbf" + "\r\n".join([*kept[:2], "", "broken", *kept[2:]]).encode()
    (tmp_path / "train.jsonl").write_bytes(content)
    clean(tmp_path / "train.jsonl", tmp_path / "out")
    assert (tmp_path / "out/train.jsonl").read_text() == "".join(f"{line}\n" for line in kept)
    assert restored(tmp_path / "out") == {"train.jsonl": content}
    kinds = [row["kind"] for row in rows_in(tmp_path / "out/originals.parquet")]
    assert set(kinds) == {"gap"}


def test_a_record_that_a_rule_rewrote_is_compact_json_in_the_order_of_its_keys(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]
    source = tmp_path / "train.jsonl"
    source.write_text(lines({"z": [1, {"b": 1, "a": None}], "messages": talk, "id": 7}, SEA))
    result = clean(source, tmp_path / "out", "FMT104", unsafe_fixes=True)
    assert result.rows_changed == 1
    first, second = (tmp_path / "out/train.jsonl").read_text().splitlines()
    assert first == (
        '{"z":[1,{"b":1,"a":null}],"messages":[{"role":"user","content":"a\\n\\nb"},'
        '{"role":"assistant","content":"c"}],"id":7}'
    )
    assert second == json.dumps(SEA)
    assert restored(tmp_path / "out") == {"train.jsonl": source.read_bytes()}


def test_a_key_that_stood_twice_stands_once(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"prompt": "a", "prompt": "b", "completion": "c"}\n')
    clean(tmp_path / "train.jsonl", tmp_path / "out")
    assert (tmp_path / "out/train.jsonl").read_text() == '{"prompt":"b","completion":"c"}\n'
    assert restored(tmp_path / "out") == {"train.jsonl": (tmp_path / "train.jsonl").read_bytes()}


@pytest.mark.parametrize("indent", [None, 2])
def test_the_records_of_a_document_become_lines(tmp_path: Path, indent: int | None) -> None:
    (tmp_path / "train.json").write_text(json.dumps(ODD, indent=indent) + "\n")
    clean(tmp_path / "train.json", tmp_path / "out")
    assert rows_read(tmp_path / "out/train.jsonl") == ODD
    assert restored(tmp_path / "out") == {"train.json": (tmp_path / "train.json").read_bytes()}
    rows = [row for row in rows_in(tmp_path / "out/originals.parquet") if row["kind"] == "row"]
    assert len(rows) <= 2  # numbers and escapes that no style of writing gives back


def test_csv_is_text_in_columns(tmp_path: Path) -> None:
    content = 'prompt,completion,n\r\n"a\nb","say ""x""",1\r\nc,,2.50\r\n'
    (tmp_path / "train.csv").write_bytes(content.encode())
    clean(tmp_path / "train.csv", tmp_path / "out", "FMT013")
    assert rows_read(tmp_path / "out/train.jsonl") == [
        {"prompt": "a\nb", "completion": 'say "x"', "n": "1"},
        {"prompt": "c", "completion": "", "n": "2.50"},
    ]
    assert restored(tmp_path / "out") == {"train.csv": content.encode()}


def test_compressed_and_utf_16_files_become_plain_lines(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    text = lines(SEA, {"prompt": "ü", "completion": "😀"})
    (tmp_path / "in/a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "in/b.jsonl").write_bytes(text.encode("utf-16"))
    clean(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out/a.jsonl").read_text() == text
    assert (tmp_path / "out/b.jsonl").read_text() == text
    back = restored(tmp_path / "out")
    assert gzip.decompress(back["a.jsonl.gz"]) == text.encode()
    assert back["b.jsonl"] == text.encode("utf-16")


def test_parquet_becomes_json_and_comes_back_byte_for_byte(tmp_path: Path) -> None:
    nested = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("name", pa.string())]))
    columns = {
        "messages": pa.array([[{"role": "user", "content": "a", "name": None}], []], nested),
        "when": pa.array([0, None], pa.timestamp("us", "UTC")),
        "share": pa.array([0.5, float("nan")]),
        "raw": pa.array([b"\xff", None]),
        "args": pa.array(['{"b": 1}', None]).cast(pa.json_()),
    }
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    clean(tmp_path / "train.parquet", tmp_path / "out")
    assert rows_read(tmp_path / "out/train.jsonl") == [
        {
            "messages": [{"role": "user", "content": "a"}],
            "when": "1970-01-01T00:00:00Z",
            "share": 0.5,
            "raw": "/w==",
            "args": {"b": 1},
        },
        {"messages": [], "when": None, "share": None, "raw": None, "args": None},  # JSON has no NaN
    ]
    assert restored(tmp_path / "out") == {"train.parquet": (tmp_path / "train.parquet").read_bytes()}


def test_there_and_back_through_parquet_is_the_same_data(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(lines(*ODD[:3]))
    clean(tmp_path / "train.jsonl", tmp_path / "tables", to="parquet")
    clean(tmp_path / "tables", tmp_path / "out")
    keys = dict.fromkeys(key for row in ODD[:3] for key in row)
    whole = [{key: row.get(key) for key in keys} for row in ODD[:3]]  # tables have all columns in every row
    assert rows_read(tmp_path / "out/train.jsonl") == whole


@pytest.mark.parametrize("unsafe", [False, True])
def test_a_second_clean_changes_nothing_even_where_rewrites_made_rows_equal(tmp_path: Path, unsafe: bool) -> None:
    merged = {"messages": [{"role": "user", "content": "a\n\nb"}, {"role": "assistant", "content": "c"}]}
    talk = {"messages": [{"role": "user", "content": c} for c in "ab"] + [{"role": "assistant", "content": "c"}]}
    texts = [
        json.dumps(talk),
        json.dumps(talk, separators=(",", ":")),
        json.dumps(talk, indent=None, separators=(" ,", ":")),
        json.dumps(merged, separators=(",", ":")),
        json.dumps(merged),
        json.dumps(merged),
    ]
    (tmp_path / "train.jsonl").write_text("".join(text + "\n" for text in texts))
    (tmp_path / "more.jsonl").write_text(texts[3] + "\n" + texts[0] + "\n")
    names = [tmp_path / "train.jsonl", tmp_path / "more.jsonl"]
    first = clean(names, tmp_path / "out", "FMT104", "DUP001", unsafe_fixes=unsafe)
    again = clean(tmp_path / "out", tmp_path / "again", "FMT104", "DUP001", unsafe_fixes=unsafe)
    assert (again.rows_removed, again.rows_changed) == (0, 0)
    for file in first.files:
        assert (tmp_path / "again" / file.output).read_bytes() == (tmp_path / "out" / file.output).read_bytes()
    assert restored(tmp_path / "out") == {name.name: name.read_bytes() for name in names}


def test_copies_of_different_bytes_stay_apart_and_copies_of_the_same_stay_together() -> None:
    apart, line = Apart(), b'{"a": 1}'
    made = {mark: apart.line(line, mark) for mark in (b"1", b"2", b"3", b"4")}
    assert made[b"1"] == line
    assert len(set(made.values())) == 4
    assert all(json.loads(one) == {"a": 1} and len(one) <= len(line) + 2 for one in made.values())
    assert {mark: apart.line(line, mark) for mark in made} == made
    assert apart.line(made[b"2"], b"5") not in made.values()  # somebody's own line may look like a variant


def test_provenance_is_two_keys_at_the_end(tmp_path: Path) -> None:
    source = tmp_path / "train.jsonl"
    source.write_text(lines(SEA, "broken", ODD[0]))
    clean(source, tmp_path / "out", with_provenance=True)
    rows = rows_read(tmp_path / "out/train.jsonl")
    assert rows == [
        {**SEA, "source_file": str(source), "source_row": 0},
        {**ODD[0], "source_file": str(source), "source_row": 2},
    ]
    assert restored(tmp_path / "out") == {"train.jsonl": source.read_bytes()}
    assert not [row for row in rows_in(tmp_path / "out/originals.parquet") if row["kind"] == "row"]
    with pytest.raises(UsageError, match="source_file"):
        clean(tmp_path / "out", tmp_path / "again", with_provenance=True)


def test_rows_of_very_many_keys_are_lines_where_they_are_no_table(tmp_path: Path) -> None:
    rows = [{f"k{i}": i} for i in range(10_001)]
    (tmp_path / "train.jsonl").write_text(lines(*rows))
    clean(tmp_path / "train.jsonl", tmp_path / "out")
    assert rows_read(tmp_path / "out/train.jsonl") == rows
    assert "dataset_info" not in (tmp_path / "out/README.md").read_text()


def test_what_hugging_face_cannot_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(lines({**ODD[1], "or": 1, "text": "1"}, {**ODD[1], "or": "1"}))
    huge, mixed = clean(tmp_path / "train.jsonl", tmp_path / "out").hints
    assert huge.startswith(f"{tmp_path / 'train.jsonl'}: column 'id': ")
    assert "64 bits" in huge
    assert mixed.startswith(f"{tmp_path / 'train.jsonl'}: column 'or': ")
    assert not clean(tmp_path / "train.jsonl", tmp_path / "tables", to="parquet").hints


def test_the_command_writes_json_lines(datalint: Any, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(lines(SEA))
    done = datalint("clean", "train.jsonl", "--out", "out", "--to", "jsonl", "--isolated")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out/train.jsonl").read_text() == lines(SEA)
    refused = datalint("clean", "train.jsonl", "--out", "two", "--to", "xml")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "parquet or jsonl" in refused.stderr
