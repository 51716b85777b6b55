"""JSON Lines: what is a row, what is told, and that no byte is lost."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_reading import NotReadError, read, read_bytes, strict

from datalint.source import stream
from datalint.source.jsonl import read_lines
from datalint.source.stream import Tape


def lines(*rows: bytes) -> bytes:
    return b"".join(row + b"\n" for row in rows)


def test_each_line_is_a_row_with_its_line_and_exact_bytes(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.jsonl", b'{"a": 1}\n{"a":2.50}\n')
    assert found.values == [{"a": 1}, {"a": 2.5}]
    assert found.lines == [1, 2]
    assert found.raws == [b'{"a": 1}', b'{"a":2.50}']
    assert not found.faults


@pytest.mark.parametrize(
    "bad",
    [
        b'{"a": 1',
        b'{"a": 1}}',
        b'{"a": 1} {"a": 2}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": "\x01"}',
        b"{'a': 1}",
        b'{"a": 1,}',
        b"17",
        b"null",
        b'"text"',
        b"[]",
        b'[{"a": 1}, 2]',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
        b"",
        b"  \t",
        b"\x00" * 50,
    ],
    ids=lambda bad: repr(bad[:20]),
)
def test_what_is_not_one_json_object_is_told_with_its_line_and_the_others_are_read(tmp_path, bad) -> None:
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a": 0}', bad, b'{"a": 2}'))
    assert found.values == [{"a": 0}, None, {"a": 2}]
    assert found.told("FMT001") == [(1, 2)]
    assert found.unreadable == {1: "FMT001"}
    assert found.raws[1].strip() == bad.strip()
    assert len(found.faults) == 1


@pytest.mark.parametrize(("depth", "readable"), [(200, True), (201, False), (700, False), (990, False)])
@pytest.mark.parametrize("text", [b"%s1%s", b'"]]]]}}", %s1%s', b'"\\\\", %s"[{"%s'])
def test_how_deep_a_row_may_be_nested_does_not_depend_on_the_stack(tmp_path, depth, readable, text) -> None:
    row = b'{"a": [%s]}' % (text % (b"[" * (depth - 2), b"]" * (depth - 2)))
    flat = b'{"a": [%s]}' % b",".join([b"{}"] * 500)
    found = read_bytes(tmp_path, "train.jsonl", lines(flat, row, flat))
    assert [value is not None for value in found.values] == [True, readable, True]
    array = read_bytes(tmp_path, "train.json", b"[" + b",".join([flat, row, flat]) + b"]")
    assert array.values == found.values


def test_two_lines_that_parse_only_when_joined_are_two_bad_rows(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a": 0}', b'{"a":', b"1}", b'{"a": {"b": 1}', b'{"c": 2}}'))
    assert found.values == [{"a": 0}, None, None, None, None]
    assert found.told("FMT001") == [(1, 2), (2, 3), (3, 4), (4, 5)]


def test_joined_and_split_objects_do_not_make_up_for_each_other(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a":0}', b'{"a":1}{"a":2}', b'{"a":3', b"}", b'{"a":4}'))
    assert found.values == [{"a": 0}, None, None, None, {"a": 4}]


def test_integers_beyond_64_bits_stay_exact(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a": %d}' % 2**70, b'{"a": %d}' % -(2**63) + b""))
    assert found.values == [{"a": 2**70}, {"a": -(2**63)}]
    assert not found.faults


@pytest.mark.parametrize(
    ("line", "value", "pointer", "key"),
    [
        (b'{"a": 1, "a": 2}', {"a": 2}, "/a", "'a'"),
        (b'{"a": 1, "\\u0061": 2}', {"a": 2}, "/a", "'a'"),
        (b'{"x": [{"k": {}, "k": []}]}', {"x": [{"k": []}]}, "/x/0/k", "'k'"),
        (b'{"a": 1, "a": "\\u003a"}', {"a": ":"}, "/a", "'a'"),
        (b'{"\\u003A\\u003a": 1, "b": ":", "b": 2}', {"::": 1, "b": 2}, "/b", "'b'"),
        (b'{"a/b": 1, "a/b": "\\n"}', {"a/b": "\n"}, "/a~1b", "'a/b'"),
    ],
)
def test_a_key_that_is_named_twice_is_told_and_the_last_value_stands(tmp_path, line, value, pointer, key) -> None:
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"ok": ":"}', line, b'{"ok": 2}'))
    assert found.values == [{"ok": ":"}, value, {"ok": 2}]
    [fault] = found.faults
    assert (fault.code, fault.row, fault.line, fault.pointer) == ("FMT003", 1, 2, pointer)
    assert key in fault.reason
    assert not found.unreadable


def test_a_message_escapes_and_shortens_what_it_quotes(tmp_path) -> None:
    key = b"\\u001b[31m" + b"k" * 300
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"%s": 1, "%s": 2}' % (key, key)))
    assert "\x1b" not in found.faults[0].reason
    assert len(found.faults[0].reason) < 80


@pytest.mark.parametrize("text", [b'{"a": "\\ud83d"}', b'{"\\uDE00": 1}', b'{"a": "\\ud83d\\ud83d\\ude00"}'])
def test_a_lone_surrogate_is_unreadable(tmp_path, text) -> None:
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a": "\\ud83d\\ude00"}', text))
    assert found.values == [{"a": "\U0001f600"}, None]
    assert found.told("FMT010") == [(1, 2)]
    assert found.unreadable == {1: "FMT010"}


def test_an_escaped_backslash_before_a_u_is_no_surrogate(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a": "\\\\ud83d", "a": 1}', b'{"a": "\\\\\\\\ud83d"}'))
    assert found.values == [{"a": 1}, {"a": "\\\\ud83d"}]
    assert found.codes == ["FMT003"]


def test_an_array_on_a_line_becomes_rows_of_that_line(tmp_path) -> None:
    row = '[ {"a": "é"} ,{"a": 2, "a": 3}, {"a": "\\ud83d"}]'.encode()
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a": 0}', row, b'{"a": 4}', b"{", b'[{"a":5}]'))
    assert found.values == [{"a": 0}, {"a": "é"}, {"a": 3}, None, {"a": 4}, None, {"a": 5}]
    assert found.lines == [1, 2, 2, 2, 3, 4, 5]
    assert found.raws[1:4] == ['{"a": "é"}'.encode(), b'{"a": 2, "a": 3}', b'{"a": "\\ud83d"}']
    assert found.told("FMT001") == [(1, 2), (5, 4), (6, 5)]
    assert found.told("FMT003") == [(2, 2)]
    assert found.told("FMT010") == [(3, 2)]
    array = found.faults[0]
    assert (array.fix_kind, array.fix_safety) == ("rewrite", "safe")


def test_blank_lines_are_rows_in_the_middle_and_gap_at_the_end(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.jsonl", b'\n{"a": 1}\n\n \t\r\n{"a": 2}\n\n\n  \n')
    assert found.values == [None, {"a": 1}, None, None, {"a": 2}]
    assert found.lines == [1, 2, 3, 4, 5]
    assert {fault.reason for fault in found.faults} == {"blank line"}


def test_blank_lines_between_blocks_are_counted_all_the_same(monkeypatch) -> None:
    monkeypatch.setattr("datalint.source.jsonl.BLANKS", 3)
    data = b'{"a": 1}\n' + b"\n" * 10 + b'{"a": 2}\n' + b"\n" * 10
    blocks = list(read_lines(Tape(data[i : i + 1] for i in range(len(data)))))
    assert [line for block in blocks for line in block.lines.tolist()] == list(range(1, 13))
    assert sum(value is None for block in blocks for value in block.values) == 10
    assert b"".join(block.data for block in blocks) == data


def test_lines_end_at_line_feeds_alone(tmp_path) -> None:
    text = '{"a": "x\u2028y\u0085z\u2029"}\r\n{"a":\r1}\r\n{"a": "no line end"}'
    found = read_bytes(tmp_path, "train.jsonl", text.encode())
    assert [row["a"] for row in found.values] == ["x\u2028y\u0085z\u2029", 1, "no line end"]
    assert found.raws[1] == b'{"a":\r1}'
    assert not found.faults


def test_a_byte_order_mark_is_told_once_and_is_no_part_of_the_first_row(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.jsonl", b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n')
    assert found.values == [{"a": 1}, {"a": 2}]
    assert found.raws[0] == b'{"a": 1}'
    [fault] = found.faults
    assert (fault.code, fault.row, fault.line, fault.fix_kind, fault.fix_safety) == (
        "FMT002", None, 1, "rewrite", "safe",
    )  # fmt: skip


def test_bytes_that_are_not_utf8_are_one_finding_for_the_file(tmp_path) -> None:
    rows = (b'{"a": 0}', b'{"a": "\xff"}', b'{"a": 2}', b'{"unused": {"\xe9t\xe9": 1}, "a": 3}', b'{"a": 4')
    found = read_bytes(tmp_path, "train.jsonl", lines(*rows))
    assert found.values == [{"a": 0}, None, {"a": 2}, None, None]
    assert found.unreadable == {1: "FMT002", 3: "FMT002", 4: "FMT001"}
    assert found.told("FMT002") == [(None, 2)]
    [fault] = [fault for fault in found.faults if fault.code == "FMT002"]
    assert fault.reason.startswith("2 records hold")
    assert "0xff at byte 7 of line 2" in fault.reason
    assert found.told("FMT001") == [(4, 5)]


def test_a_line_that_is_too_long_is_unreadable_and_the_others_are_read(tmp_path) -> None:
    long = b'{"a": "%s"}' % (b"x" * 5000)
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a": 0}', long, b'{"a": 2}'), max_record=4096)
    assert found.values == [{"a": 0}, None, {"a": 2}]
    assert found.told("FMT001") == [(1, 2)]
    assert found.raws[1] == long


def test_a_line_of_many_blocks_is_read(tmp_path) -> None:
    row = json.dumps({"a": "x" * (3 * stream.CHUNK)}).encode()
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a": 0}', row, b'{"a": 2}'))
    assert [len(str(value["a"])) for value in found.values] == [1, 3 * stream.CHUNK, 1]


def test_reading_again_gives_the_same(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.jsonl", lines(b'{"a": 0}', b"{", b'{"a": "\xff"}'))
    assert [block.faults for block in found.source.blocks()] == [block.faults for block in found.source.blocks()]


@pytest.mark.parametrize("data", [b"", b"\n\n", b" ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_file_without_a_row_is_told_and_nothing_else(tmp_path, data) -> None:
    found = read_bytes(tmp_path, "train.jsonl", data)
    assert found.codes == ["FMT015"]
    assert found.data == data


@pytest.mark.parametrize("twice", [0, 17, 99])
@pytest.mark.parametrize("escaped", [None, 1, 18, 98])
def test_a_key_that_is_named_twice_is_found_among_rows_with_escaped_colons(tmp_path, twice, escaped) -> None:
    """Each of them changes the number of colons, the one up and the other down."""
    rows = [f'{{"a": {i}, "b": "c"}}' for i in range(100)]
    rows[twice] = '{"a": 1, "a": 2}'
    if escaped is not None:
        rows[escaped] = '{"a": "\\u003a", "b": "\\\\u003A"}'
    found = read_bytes(tmp_path, "train.jsonl", "\n".join(rows).encode())
    assert [(fault.code, fault.row) for fault in found.faults] == [("FMT003", twice)]
    assert found.values == [json.loads(row) for row in rows]


SEEDS = [
    b'{"messages": [{"role": "user", "content": "Why: \\"so\\"?"}, {"role": "system", "content": null}], "n": 1.5e3}',
    '{"text": "naïve \\u003a \\ud83d\\ude00 日本", "meta": {"a:b": [1, -0.0, true], "k": {}}}'.encode(),
    b'{"a": 1, "b": {"a": 1, "c": ":"}, "d": 12345678901234567890123}',
]
TOKENS = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u003a", b"\\ud83d", b"NaN", b"1e999", b"\xff", b"\x00", b"\r",
    b" ", b"0", b"-", b'"a": 1, ', b"{}", b"\xe2\x80\xa8",
]  # fmt: skip
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(TOKENS) | st.binary(max_size=3)), max_size=3
)


def mutated(seed: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for where, cut, token in changes:
        at = int(where * len(seed))
        seed = seed[:at] + token + seed[at + cut :]
    return seed.replace(b"\n", b" ")


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from(SEEDS), edits), min_size=1, max_size=40),
    st.sampled_from([b"\n", b"\r\n"]),
    st.integers(1, 400),
)
def test_mutated_lines_are_read_exactly_as_strict_json_reads_them(rows, line_end, size) -> None:
    written = [mutated(seed, changes) for seed, changes in rows] + [b'{"last": 1}']
    data = b"".join(row + line_end for row in written)
    blocks = list(read_lines(Tape(data[i : i + size] for i in range(0, len(data), size))))
    assert b"".join(block.data for block in blocks) == data
    by_line: dict[int, list[tuple[bytes, object]]] = {}
    for block in blocks:
        for i, line in enumerate([] if block.lines is None else block.lines.tolist()):
            by_line.setdefault(line, []).append((block.raw(i), block.values[i]))
    for number, row in enumerate(written, 1):
        raws, values = zip(*by_line[number], strict=True)
        if len(values) == 1 and row[:1] != b"[":
            assert raws[0].rstrip(b"\r") == row.rstrip(b"\r") or not row.strip()
            try:
                expected = strict(row)
            except NotReadError:
                expected = None
            assert repr(values[0]) == repr(expected)


def test_json_test_suite(shared) -> None:
    """`y_` must parse, `n_` must fail; each as the value of a field, in a line of its own."""
    judged = 0
    for path in sorted((shared / "data/badinput/JSONTestSuite").rglob("[yn]_*.json")):
        text = path.read_bytes()
        if b"\n" in text or b"\r" in text or text.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            continue
        [block, *_] = read_lines(Tape(iter([b'{"v":' + text + b"}\n"])))
        try:
            readable = strict(b'{"v":' + text + b"}") is not None
        except NotReadError:
            readable = False
        assert (block.values[0] is not None) == readable, path.name
        if path.name.startswith("y_"):
            assert readable, path.name
        judged += 1
    assert judged > 100


def test_naughty_strings_are_rows(shared) -> None:
    path = shared / "data/badinput/naughty-strings/blns-half0.jsonl"
    found = read(path)
    assert len(found.values) == path.read_bytes().count(b"\n")
    assert not found.faults
