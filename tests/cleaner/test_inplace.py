"""Files mended where they lie: only what a fix is about changes; a second run changes nothing."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cleaner_helpers import contents, lines
from inplace_helpers import GOOD, HIDDEN, MOJIBAKE, mend, records

import datalint
from datalint.cleaner.inplace.fix import fix


def test_only_the_value_that_is_at_fault_changes(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    odd = '{"prompt" : "a",  "completion":"b\\u200b", "n":1.00, "big":123456789012345678901234, "s":"\\u00e9\\/"}\r\n'
    rest = [
        '{"prompt":"c","completion":"d", "n": 1e5 }\n',
        "broken\r\n",
        "\n",
        " " + json.dumps(GOOD) + "\t\n",
        '{"x":1}',
    ]
    path.write_bytes("".join([rest[0], odd, *rest]).encode())
    result = mend(path, "TXT002")
    assert path.read_bytes().decode() == "".join([rest[0], odd.replace("b\\u200b", "b"), *rest])
    assert (result.fixed, result.rows, list(result.files)) == ({"TXT002": 1}, 1, [str(path)])
    assert "TXT002" not in set(result.report.findings["rule"])


def test_nothing_to_fix_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(lines(GOOD, "broken", GOOD))
    before = path.stat()
    result = mend(path)
    assert (result.fixed, result.rows, list(result.files)) == ({}, 0, [])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not result.report.passed  # the broken line is still told


def test_a_second_run_does_nothing_and_rows_are_never_dropped(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    other = {"prompt": "Name a hill.", "completion": "The Blorenge."}
    path.write_text(lines(HIDDEN, MOJIBAKE, other, other))
    first = mend(path)
    assert first.fixed == {"TXT001": 1, "TXT002": 1}
    assert [value for value, _ in records(path)][2:] == [other, other]
    assert any("1 row would be dropped" in hint and "datalint clean" in hint for hint in first.hints)
    inode = path.stat().st_ino
    assert mend(path).files == []
    assert path.stat().st_ino == inode


def test_unsafe_rewrites_are_made_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    talk = {"messages": [{"role": "user", "content": c} for c in "ab"] + [{"role": "assistant", "content": "c"}]}
    path.write_text(lines(talk))
    result = mend(path, "FMT104")
    assert (result.rows, list(result.hints)) == (0, ["1 more problem can be fixed with --unsafe-fixes"])
    result = mend(path, "FMT104", unsafe_fixes=True)
    assert result.fixed == {"FMT104": 1}
    assert path.read_text() == lines(
        {"messages": [{"role": "user", "content": "a\n\nb"}, {"role": "assistant", "content": "c"}]}
    )


def test_a_value_that_stands_twice_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "a", "note": "one", "note": "two", "completion": "b\\u200b"}\n')
    assert mend(path).fixed == {"TXT002": 1}
    assert path.read_text() == '{"prompt": "a", "note": "one", "note": "two", "completion": "b"}\n'


@pytest.mark.parametrize("ascii_only", [True, False])
def test_new_text_is_escaped_as_the_file_does_it(tmp_path: Path, ascii_only: bool) -> None:
    path = tmp_path / "train.jsonl"
    some = [{"prompt": f"Wörter {i}", "completion": "Sätze"} for i in range(3)]
    bad = {"prompt": "Name a singer.", "completion": "Fran&ccedil;oise&nbsp;Hardy"}
    path.write_text("".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in [*some, bad]), encoding="utf-8")
    assert mend(path, "TXT005", unsafe_fixes=True).rows == 1, datalint.check(path, isolated=True).findings
    assert path.read_bytes().isascii() == ascii_only
    assert records(path)[3][0]["completion"].startswith("Françoise")


def test_csv_and_tsv_keep_their_quotes_and_line_ends(tmp_path: Path) -> None:
    for name, mark in (("a.csv", ","), ("b.tsv", "\t"), ("c.csv", ";")):
        path = tmp_path / name
        head = f"prompt{mark}completion{mark}id\r\n"
        rows = [
            f'"a{mark} 1"{mark}x\u200b{mark}"1"\r\n',
            f'plain{mark}"two\r\nlines"{mark}2\n',
            f'q{mark}"b\u200b"{mark}3',
        ]
        path.write_bytes((head + "".join(rows)).encode())
        result = mend(path, "TXT002")
        assert (result.fixed, result.rows) == ({"TXT002": 2}, 2)
        assert path.read_bytes().decode() == (head + "".join(rows)).replace("\u200b", "")


def test_what_csv_cannot_hold_is_left_and_the_rest_of_the_row_is_fixed(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("prompt,completion,label\na,b\u200b,true\nc,d,False\n", encoding="utf-8")
    result = mend(path, "LAB004", "TXT002")
    assert result.fixed == {"TXT002": 1}
    assert path.read_text() == "prompt,completion,label\na,b,true\nc,d,False\n"
    assert mend(path, "LAB004", "TXT002").files == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_encoding_stays_unless_its_unsafe_fix_is_asked_for(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "train.jsonl"
    text = lines(HIDDEN, "not json", {"prompt": "😀", "completion": "ü"}).replace("\\u200b", "\u200b")
    path.write_bytes(text.encode(encoding))
    assert mend(path, "TXT002").rows == 1
    assert path.read_bytes() == text.replace("\u200b", "").encode(encoding)
    result = mend(path, "TXT002", unsafe_fixes=True)
    assert result.fixed == {"FMT002": 1}
    assert path.read_bytes() == text.replace("\u200b", "").encode()


def test_a_byte_order_mark_goes_and_no_line_with_it(tmp_path: Path) -> None:
    for name, text in (("a.jsonl", lines(GOOD, "x")), ("b.csv", "prompt,completion\na,b\n")):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        result = mend(tmp_path / name)
        assert (result.fixed, result.rows) == ({"FMT002": 1}, 0)
        assert (tmp_path / name).read_text() == text
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert mend(tmp_path / name, ignore=["FMT002"]).files == []


def test_an_array_on_a_line_takes_a_line_for_each_object(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    array = f'  [{json.dumps(HIDDEN)} ,\t{{"prompt":"a", "completion":"b","n":1.0}}, {json.dumps(GOOD)} ] '
    path.write_bytes(f"{json.dumps(GOOD)}\r\n{array}\r\n[{json.dumps(GOOD)}]".encode())
    result = mend(path, "TXT002")
    assert result.fixed == {"FMT001": 2, "TXT002": 1}
    assert result.rows == 4
    wanted = [json.dumps(GOOD), json.dumps({**HIDDEN, "prompt": "Name a sea."})]
    wanted += ['{"prompt":"a", "completion":"b","n":1.0}', json.dumps(GOOD), json.dumps(GOOD)]
    assert path.read_bytes().decode() == "\r\n".join(wanted)


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_json_lines_that_are_one_array_become_lines(tmp_path: Path, indent: Any, mark: bytes) -> None:
    path = tmp_path / "train.jsonl"
    rows = [{**HIDDEN, "n": i, "tags": [[], {}, {"a": [1, 2]}]} for i in range(2000)]
    path.write_bytes(mark + json.dumps(rows, indent=indent).replace('"n": 1999', '"n": 1.990e3').encode())
    result = mend(path, "TXT002")
    assert result.rows == 2000
    text = path.read_bytes()
    assert text.count(b"\n") == 2000
    assert b'"n": 1.990e3' in text
    assert [json.loads(line)["prompt"] for line in text.splitlines()] == ["Name a sea."] * 2000
    assert mend(path, "TXT002").files == []


def test_other_files_are_left_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines(HIDDEN).encode()))
    (tmp_path / "b.json").write_text(json.dumps([HIDDEN], indent=2))
    pq.write_table(pa.Table.from_pylist([HIDDEN]), tmp_path / "c.parquet")
    before = contents(tmp_path)
    result = mend(tmp_path, "TXT002")
    assert contents(tmp_path) == before
    (hint,) = result.hints
    assert "3 problems are in files that are not edited in place" in hint
    assert "datalint clean" in hint
    (tmp_path / "d.jsonl").write_text(lines(HIDDEN))
    assert mend(tmp_path, "TXT002").files == [f"{tmp_path}/d.jsonl"]


def test_evaluation_rows_are_mended_and_references_are_not(tmp_path: Path) -> None:
    for name in ("train", "eval", "bench"):
        (tmp_path / f"{name}.jsonl").write_text(lines(HIDDEN))
    result = fix(
        tmp_path / "train.jsonl",
        eval=[str(tmp_path / "eval.jsonl")],
        reference=[str(tmp_path / "bench.jsonl")],
        isolated=True,
        select=["TXT002"],
    )
    assert sorted(Path(name).name for name in result.files) == ["eval.jsonl", "train.jsonl"]
    assert (tmp_path / "bench.jsonl").read_text() == lines(HIDDEN)


def test_a_finding_that_is_ignored_is_not_fixed(tmp_path: Path) -> None:
    (tmp_path / "datalint.toml").write_text('[per-file-ignores]\n"old.jsonl" = ["TXT002"]\n')
    for name in ("old", "new"):
        (tmp_path / f"{name}.jsonl").write_text(lines(HIDDEN))
    fix(tmp_path, config=tmp_path / "datalint.toml")
    assert (tmp_path / "old.jsonl").read_text() == lines(HIDDEN)
    assert (tmp_path / "new.jsonl").read_text() == lines(GOOD)


def test_rules_that_compare_rows_are_heard_too(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    labels = ["Positive"] * 8 + ["positive "] + ["Negative"] * 8
    path.write_text(lines(*({"text": f"text number {i}", "label": label} for i, label in enumerate(labels))))
    assert mend(path, "LAB002").fixed == {"LAB002": 1}
    assert {value["label"] for value, _ in records(path)} == {"Positive", "Negative"}
