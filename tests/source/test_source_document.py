"""JSON documents: elements are rows, in bounded memory, and one broken element costs one row."""

import contextlib
import json
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_reading import NotReadError, read_bytes, strict

from datalint.source.document import read_document
from datalint.source.stream import CHUNK, Tape


def test_the_elements_of_an_array_are_rows_without_lines(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.json", b'\xef\xbb\xbf[\n  {"a": "]}"},\r\n  {"a": {"b": ["\\\\\\""]}}\n]\n')
    assert found.source.container == "json"
    assert found.values == [{"a": "]}"}, {"a": {"b": ['\\"']}}]
    assert found.lines == [None, None]
    assert found.raws == [b'{"a": "]}"}', b'{"a": {"b": ["\\\\\\""]}}']
    assert found.codes == ["FMT002"]


def test_one_object_is_one_row(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.json", b' {\n "a": 1,\n "b": [{"a": 2}]\n}\n')
    assert found.values == [{"a": 1, "b": [{"a": 2}]}]
    assert found.lines == [None]
    assert not found.faults


def test_objects_over_several_lines_one_after_another_are_rows(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.json", b'{\n "a": 1\n}\n{\n "a": 2\n}\n')
    assert found.values == [{"a": 1}, {"a": 2}]
    [fault] = found.faults
    assert (fault.code, fault.row, fault.fix_kind, fault.fix_safety) == ("FMT001", None, "rewrite", "safe")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b'{"a": NaN}', "FMT001"),
        (b'{"a": 1e400}', "FMT001"),
        (b'{"a": 1 "b": 2}', "FMT001"),
        (b'{"a": tru}', "FMT001"),
        (b'{"a": "x" y"}', "FMT001"),
        (b'{"a": "x\n"}', "FMT001"),
        (b'{"a": [1}', "FMT001"),
        (b'{"a": [1]]}', "FMT001"),
        (b'{"a": {"b": 1}', "FMT001"),
        (b'{"a": "never closed', "FMT001"),
        (b'{"a', "FMT001"),
        (b"17", "FMT001"),
        (b'"a, b"', "FMT001"),
        (b'[{"a": 1}]', "FMT001"),
        (b'{"a": "\\ud83d"}', "FMT010"),
        (b'{"a": "\xff"}', "FMT002"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "FMT001"),
    ],
    ids=lambda bad: repr(bad[:20]),
)
def test_a_broken_element_is_one_unreadable_row_and_the_others_are_read(tmp_path, bad, code) -> None:
    for comma in (b",", b",\n  "):
        found = read_bytes(
            tmp_path, "train.json", b"[" + comma.join([b'{"a": 0}', bad, b'{"a": 2}', b'{"a": 3}']) + b"]"
        )
        assert found.values == [{"a": 0}, None, {"a": 2}, {"a": 3}]
        assert found.unreadable == {1: code}
        assert found.codes == [code]
        assert found.raws[1] == bad


def test_a_duplicate_key_in_an_element(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.json", b'[{"a": 1}, {"a": {"k": 1, "k": 2}}]')
    assert found.values == [{"a": 1}, {"a": {"k": 2}}]
    assert [(fault.code, fault.row, fault.pointer) for fault in found.faults] == [("FMT003", 1, "/a/k")]


@pytest.mark.parametrize(
    ("text", "rows", "unreadable", "reason"),
    [
        (b'[{"a": 1}, {"a": 2},]', 2, 0, "a comma too many"),
        (b'[{"a": 1},, {"a": 2}]', 2, 0, "a comma too many"),
        (b'[{"a": 1} {"a": 2}]', 2, 0, "no comma"),
        (b'[{"a": 1}, {"a": 2}', 2, 0, "not closed"),
        (b'[{"a": 1}, {"a": 2', 2, 1, "delimiter"),
        (b'[{"a": 1}, {"a": "x', 2, 1, "Unterminated"),
        (b'[{"a": 1}}, {"a": 2}]', 3, 1, "bracket too many"),
        (b'[{"a": 1}] {"a": 2}', 2, 1, "behind the end"),
        (b'["x"', 1, 1, "string, not an object"),
        (b"nope", 1, 1, "Expecting value"),
    ],
)
def test_faults_of_the_array_itself_lose_nothing(tmp_path, text, rows, unreadable, reason) -> None:
    found = read_bytes(tmp_path, "train.json", text)
    assert len(found.values) == rows
    assert len(found.unreadable) == unreadable
    assert found.codes == ["FMT001"]
    assert reason in found.faults[0].reason
    assert found.data == text


@pytest.mark.parametrize("text", [b"[]", b"[\n]\n", b"[", b"\xef\xbb\xbf[]"])
def test_an_array_without_elements_holds_no_row(tmp_path, text) -> None:
    assert read_bytes(tmp_path, "train.json", text).codes == ["FMT015"]


def test_scalars_among_the_elements_are_rows_that_cannot_be_read(tmp_path) -> None:
    found = read_bytes(tmp_path, "train.json", b'[1, "a, b", {"a": 1}, true, null]')
    assert found.values == [None, None, {"a": 1}, None, None]
    assert found.raws == [b"1", b'"a, b"', b'{"a": 1}', b"true", b"null"]


def test_memory_does_not_follow_the_length_of_the_array() -> None:
    element = json.dumps({"a": "x" * 400, "b": [1, 2]}).encode()

    def chunks(n: int):
        yield b"["
        for _ in range(n):
            yield (element + b",") * 600
        yield element + b"]"

    rows = 0
    tracemalloc.start()
    for block in read_document(Tape(chunks(100))):
        rows += len(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 60_001
    assert peak < 32 * CHUNK


def test_an_element_larger_than_the_buffer_with_children_like_itself_is_one_row(tmp_path) -> None:
    child = {"a": "x" * 1000}
    large = {"a": "y", "children": [child] * 2000}
    found = read_bytes(tmp_path, "train.json", json.dumps([child, large, child], indent=1).encode())
    assert found.values == [child, large, child]


def test_an_element_that_is_too_long_is_unreadable(tmp_path) -> None:
    rows = [{"a": 1}, {"a": "x" * 9000}, {"a": 3}]
    found = read_bytes(tmp_path, "train.json", json.dumps(rows).encode(), max_record=4096)
    assert found.values == [{"a": 1}, None, {"a": 3}]
    assert found.codes == ["FMT001"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100)
@given(
    st.lists(st.dictionaries(st.text(max_size=5), values, max_size=4), min_size=1, max_size=30),
    st.sampled_from([None, 1, "\t"]),
    st.booleans(),
    st.integers(1, 300),
)
def test_any_array_is_read_as_json_reads_it(rows, indent, ascii_only, size) -> None:
    data = json.dumps(rows, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    blocks = list(read_document(Tape(data[i : i + size] for i in range(0, len(data), size))))
    assert b"".join(block.data for block in blocks) == data
    assert [repr(value) for block in blocks for value in block.values] == [repr(row) for row in rows]


@pytest.mark.parametrize("comma", [b",", b", ", b",\n"])
def test_of_a_long_array_with_many_broken_elements_all_others_are_read(comma) -> None:
    rng = random.Random(7)
    rows = []
    for i in range(4000):
        row = json.dumps({"question": f"Why {i}? {{x}}", "answer": "a" * rng.randrange(200), "n": [i]}).encode()
        if rng.random() < 0.03:
            at = rng.randrange(len(row))
            row = rng.choice(
                [row[:at], row[:at] + b'"' + row[at:], row[:at] + row[at + 1 :], row[:at] + b"]" + row[at:]]
            )
        rows.append(row)
    data = b"[" + comma.join(rows) + b"]"
    expected = []
    for row in rows:
        with contextlib.suppress(NotReadError):
            expected.append(strict(row))
    blocks = list(read_document(Tape(data[i : i + CHUNK] for i in range(0, len(data), CHUNK))))
    assert b"".join(block.data for block in blocks) == data
    assert [value for block in blocks for value in block.values if value is not None] == expected
