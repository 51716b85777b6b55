"""CSV and TSV: rows of text with their physical lines; a quote that does not fit costs one row."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_reading import read, read_bytes

from datalint.source import table
from datalint.source.stream import Tape
from datalint.source.table import read_table


def test_records_are_rows_of_text_and_their_line_is_the_first_one(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.csv", b'q,a\r\n"two\nlines, ""so""",1\r\n\r\nx,\r\n')
    assert found.source.container == "csv"
    assert found.values == [{"q": 'two\nlines, "so"', "a": "1"}, {"q": "x", "a": ""}]
    assert found.lines == [2, 5]
    assert found.raws == [b'"two\nlines, ""so""",1', b"x,"]
    assert not found.faults


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.tsv", b"q\ta\n1,5\t2\n"),
        ("t.csv", b"q\ta\n1,5\t2\n"),
        ("t.csv", b"q;a\n1,5;2\n"),
        ("t.tsv", b'q,a\n"1,5",2\n'),
        ("t.data", b"q\ta\n1,5\t2\n"),
    ],
)
def test_the_delimiter_is_that_of_the_ending_or_else_of_the_header(tmp_path, name, text) -> None:
    assert read_bytes(tmp_path, name, text).values == [{"q": "1,5", "a": "2"}]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"1", "1 field, but the header has 2"),
        (b"1,2,3", "3 fields, but the header has 2"),
        (b'"a"b,2', "expected after"),
        (b'"open,2', "not closed"),
        (b'1,"open', "not closed"),
        (b"1\rx,2", "carriage return"),
    ],
)
def test_a_record_that_does_not_fit_is_told_and_the_others_are_read(tmp_path, bad, reason) -> None:
    found = read_bytes(tmp_path, "train.csv", b"q,a\n1,2\n" + bad + b"\n3,4\n5,6\n")
    assert found.values == [{"q": "1", "a": "2"}, None, {"q": "3", "a": "4"}, {"q": "5", "a": "6"}]
    assert found.told("FMT013") == [(1, 3)]
    assert reason in found.faults[0].reason
    assert found.raws[1] == bad
    assert found.lines == [2, 3, 4, 5]


@pytest.mark.parametrize("header", [b"q\r", b"q\rx", b'"q"\rx', b'"q\rx'])
def test_a_header_with_a_carriage_return_is_told_and_read(tmp_path, header) -> None:
    found = read_bytes(tmp_path, "train.csv", header + b"\n1\n2\n")
    assert [list(row.values()) for row in found.values] == [["1"], ["2"]]
    assert found.told("FMT013") in ([], [(None, 1)])
    assert bool(found.faults) == (header != b"q\r")


def test_an_open_quote_that_another_quote_closes_far_below_swallows_nothing(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.csv", b'q,a\n"x,1\n2,3\n4,5\n6,y"\n7,8\n')
    assert [None if row is None else row["q"] for row in found.values] == [None, "2", "4", "6", "7"]
    assert found.told("FMT013") == [(0, 2)]


def test_an_open_quote_swallows_no_more_than_the_look_ahead(monkeypatch) -> None:
    monkeypatch.setattr(table, "LOOKAHEAD", 1000)
    data = b'q,a\n1,2\n"open,3\n' + b"".join(b"%d,x\n" % i for i in range(5000))
    blocks = list(read_table(Tape(data[i : i + 500] for i in range(0, len(data), 500)), delimiter=","))
    assert sum(len(block) for block in blocks) == 5002
    assert [fault.line for block in blocks for fault in block.faults] == [3]
    assert b"".join(block.data for block in blocks) == data


def test_a_long_field_over_many_blocks_is_one_row() -> None:
    text = "line of text\n" * 50_000
    data = b'q,a\n1,2\n"' + text.encode() + b'",3\n4,5\n'
    blocks = list(read_table(Tape(data[i : i + 9999] for i in range(0, len(data), 9999)), delimiter=","))
    assert [row["q"] for block in blocks for row in block.values] == ["1", text, "4"]
    assert [line for block in blocks for line in block.lines.tolist()] == [2, 3, 50_004]


def test_a_column_that_is_named_twice_is_told_and_keeps_both_values(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.csv", b",a,a,a.1\n0,1,2,3\n")
    assert found.values == [{"": "0", "a": "1", "a.1": "2", "a.1.1": "3"}]
    assert found.told("FMT013") == [(None, 1)]


def test_a_broken_header_is_told_and_the_rows_are_read(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.csv", b'"q"x,a\n1,2\n')
    assert found.values == [{"qx": "1", "a": "2"}]
    assert found.told("FMT013") == [(None, 1)]


def test_empty_lines_are_rows_of_a_table_with_one_column_alone(tmp_path) -> None:
    one = read_bytes(tmp_path, "one.csv", b"text\nx\n\ny\n\n\n")
    assert one.values == [{"text": "x"}, {"text": ""}, {"text": "y"}]
    two = read_bytes(tmp_path, "two.csv", b"q,a\nx,1\n\n  \ny,2\n\n\n")
    assert [row["q"] for row in two.values] == ["x", "y"]
    assert not one.faults + two.faults


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.csv", b'\xef\xbb\xbf"q",a\n1,2\n')
    assert found.values == [{"q": "1", "a": "2"}]
    assert found.codes == ["FMT002"]


def test_bytes_that_are_not_utf8_are_one_finding_for_the_file(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.csv", b"q,a\n1,\xe9\n2,\xc3\xa9\n3\xff,4,5\n")
    assert found.values == [None, {"q": "2", "a": "é"}, None]
    assert found.unreadable == {0: "FMT002", 2: "FMT002"}
    assert found.codes == ["FMT002"]
    assert found.told("FMT002") == [(None, 2)]


def test_a_header_that_is_not_utf8_is_told(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.csv", b"q,r\xe9ponse\n1,2\n")
    assert found.values == [{"q": "1", "r\ufffdponse": "2"}]
    assert found.codes == ["FMT002"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"q,a\n", b"q,a"])
def test_a_table_without_a_record_holds_no_row(tmp_path, data) -> None:
    assert read_bytes(tmp_path, "train.csv", data).codes == ["FMT015"]


fields = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12) | st.sampled_from(
    ['"', '""', "a,b", "x\ny", "\r\n", "\n\n", " ", "'", '"\n"']
)


@settings(max_examples=100)
@given(
    st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(fields, min_size=n, max_size=n), min_size=1, max_size=20)),
    st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
    st.integers(1, 200),
)
def test_what_the_standard_library_wrote_is_read_back(rows, style, size) -> None:
    header = [f"c{i}" for i in range(len(rows[0]))]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=style[0], quoting=style[1]).writerows([header, *rows])
    data = text.getvalue().encode()
    blocks = list(read_table(Tape(data[i : i + size] for i in range(0, len(data), size)), delimiter=","))
    assert b"".join(block.data for block in blocks) == data
    assert [list(row.values()) for block in blocks for row in block.values] == rows
    assert not any(block.faults for block in blocks)


def test_csv_spectrum(shared) -> None:
    folder = shared / "data/badinput/csv-spectrum"
    tables = sorted(folder.rglob("csvs/*.csv"))
    assert len(tables) > 5
    for path in tables:
        # two of the files differ from their parsed form in other things: a phone number, a carriage return
        if path.stem not in ("location_coordinates", "newlines_crlf"):
            expected = json.loads((path.parent.parent / "json" / f"{path.stem}.json").read_text())
            assert read(path).values == expected, path.name


def test_broken_commits_of_a_prompt_list_lose_only_the_broken_rows(shared) -> None:
    for path in sorted((shared / "data/history/prompts-csv").glob("*.bad.csv")):
        bad, fixed = read(path), read(path.with_name(path.name.replace(".bad", ".fixed")))
        assert len(bad.values) == len(fixed.values)
        assert 1 <= len(bad.told("FMT013")) <= 3
        assert not fixed.faults
