"""Only what differs is written anew; the rest of a record keeps its bytes."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalint.cleaner.inplace.splice import one_line, spliced_csv, spliced_json
from datalint.cleaner.stored.style import JsonStyle
from datalint.fixes import same
from datalint.source.strict import decode_record


def spliced(raw: str, after: Any, style: JsonStyle | None = None) -> str:
    made = spliced_json(raw.encode(), json.loads(raw), after, style or JsonStyle())
    assert made is not None
    return made.decode()


@pytest.mark.parametrize(
    ("raw", "after", "made"),
    [
        # numbers, spaces and escapes beside the change stay as they are written
        (
            ' { "a":1.00,"b" : "x ", "c":[1e5 ,"\\u00e9"]} ',
            {"a": 1.0, "b": "x", "c": [1e5, "é"]},
            ' { "a":1.00,"b" : "x", "c":[1e5 ,"\\u00e9"]} ',
        ),
        # the row's own way with characters beyond ASCII, and with slashes
        ('{"a": "\\u00e9", "b": ""}', {"a": "é", "b": "ü"}, '{"a": "\\u00e9", "b": "\\u00fc"}'),
        ('{"a": "é", "b": ""}', {"a": "é", "b": "ü"}, '{"a": "é", "b": "ü"}'),
        ('{"a": "\\\\u00e9", "b": ""}', {"a": "\\u00e9", "b": "ü"}, '{"a": "\\\\u00e9", "b": "ü"}'),
        ('{"a": "1\\/2", "b": ""}', {"a": "1/2", "b": "3/4"}, '{"a": "1\\/2", "b": "3\\/4"}'),
        # keys that come, go and are renamed
        ('{"a":1,"b":2}', {"a": 1}, '{"a":1}'),
        ('{"a":1,"b":2}', {"b": 2}, '{"b":2}'),
        ('{"a":1,"b":2}', {}, "{}"),
        ("{}", {"a": [1, 2]}, '{"a": [1, 2]}'),
        ('{"Prompt":"p","c":"d"}', {"prompt": "p", "c": "d"}, '{"prompt":"p","c":"d"}'),
        ('{"a" : 1 , "b" : 2}', {"a": 1, "x": {"y": [1, 2]}, "b": 2}, '{"a" : 1 , "x" : {"y" : [1 , 2]} , "b" : 2}'),
        # lists that become longer and shorter
        ('{"m":[1.0, 2.00,3]}', {"m": [1.0, 3]}, '{"m":[1.0,3]}'),
        ('{"m":[1, 2]}', {"m": [0, 1, 2]}, '{"m":[0, 1, 2]}'),
        ('{"m":[]}', {"m": ["x"]}, '{"m":["x"]}'),
        ('{"m":[ {"r" :"u","c":"a"}, {"r":"u","c":"b"} ]}', {"m": [{"r": "u", "c": "ab"}]}, None),
        # another type
        ('{"a":"true","b":[1]}', {"a": True, "b": None}, '{"a":true,"b":null}'),
        ('{"a":12345678901234567890123,"b":"x "}', {"a": 12345678901234567890123, "b": "x"}, None),
    ],
)
def test_json(raw: str, after: Any, made: str | None) -> None:
    out = spliced(raw, after)
    assert same(json.loads(out), after)
    if made is not None:
        assert out == made


def test_a_merged_turn_keeps_its_own_spaces() -> None:
    raw = '{"m":[ {"r" :"u","c":"a"}, {"r":"u","c":"b"} ]}'
    assert spliced(raw, {"m": [{"r": "u", "c": "a b"}]}) == '{"m":[ {"r" :"u","c":"a b"} ]}'


def test_the_file_decides_where_the_row_does_not_show_it() -> None:
    escaped = JsonStyle(ascii=True, slash=True, comma=",", colon=":")
    assert spliced('{"a": ""}', {"a": "ü/"}, escaped) == '{"a": "\\u00fc\\/"}'
    assert spliced("{}", {"a": 1, "b": 2}, escaped) == '{"a":1,"b":2}'


def test_of_a_key_that_stands_twice_the_last_is_changed_and_the_first_stays() -> None:
    raw = b'{"a": "first", "b": "x ", "a": "last "}'
    made = spliced_json(raw, {"a": "last ", "b": "x "}, {"a": "last", "b": "x "}, JsonStyle())
    assert made == b'{"a": "first", "b": "x ", "a": "last"}'


@pytest.mark.parametrize("value", [float("nan"), "\ud800", {1, 2}, b"bytes"])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    assert spliced_json(b'{"a": 1}', {"a": 1}, {"a": value}, JsonStyle()) is None


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.one_of(texts, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=10,
)
rows = st.dictionaries(texts, values, max_size=4)


@st.composite
def pairs(draw: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row, and one that has much in common with it."""
    before, after = draw(rows), draw(rows)
    return before, {**draw(st.sampled_from([{}, before])), **after, **draw(st.sampled_from([{}, before]))}


@given(pairs(), st.sampled_from([(", ", ": "), (",", ":"), (" , ", "  : ")]), st.booleans())
@settings(max_examples=400)
def test_whatever_changes_the_record_is_read_back_as_the_new_row(pair: Any, layout: Any, ascii_only: bool) -> None:
    before, after = pair
    raw = json.dumps(before, ensure_ascii=ascii_only, separators=layout).encode()
    made = spliced_json(raw, before, after, JsonStyle())
    assert made is not None
    assert same(decode_record(made).value, after)
    assert b"\n" not in made
    assert spliced_json(raw, before, before, JsonStyle()) == raw
    # there and back again: what was not touched in between was not written anew
    if before.keys() == after.keys():
        back = spliced_json(made, after, before, JsonStyle(comma=layout[0], colon=layout[1], ascii=ascii_only))
        assert back is not None
        assert same(decode_record(back).value, before)


@given(rows)
@settings(max_examples=200)
def test_lines_are_joined_without_a_change_of_value(row: dict[str, Any]) -> None:
    made = one_line(b" \n" + json.dumps(row, indent=2).encode() + b"\n")
    assert b"\n" not in made
    assert same(json.loads(made), row)


cells = st.text(st.sampled_from('ab ,;"\n\r\tü'), max_size=6)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=4), st.sampled_from(",;\t"), st.booleans())
@settings(max_examples=400)
def test_csv_fields(table: list[tuple[str, str]], delimiter: str, quoted: bool) -> None:
    before = {str(i): old for i, (old, _) in enumerate(table)}
    after = {str(i): new for i, (_, new) in enumerate(table)}
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL).writerow(
        before.values()
    )
    raw = text.getvalue().removesuffix("\r\n").encode()
    made = spliced_csv(raw, before, after, delimiter)
    assert made is not None
    (back,) = csv.reader(io.StringIO(made.decode(), newline="\n"), delimiter=delimiter, strict=True)
    assert back == list(after.values())
    assert spliced_csv(raw, before, before, delimiter) == raw


def test_csv_fields_that_do_not_change_keep_their_quotes() -> None:
    before = {"a": "x", "b": "y ", "c": "z", "d": "w "}
    after = {**before, "b": "y", "d": 'w"'}
    assert spliced_csv(b'"x",y ,z,"w "', before, after, ",") == b'"x",y,z,"w"""'


@pytest.mark.parametrize("after", [{"a": True, "b": "y"}, {"a": "x"}, {"a": "x", "b": "y", "c": "z"}, {"a": "\ud800"}])
def test_csv_holds_text_in_its_columns_and_nothing_else(after: Any) -> None:
    assert spliced_csv(b"x,y", {"a": "x", "b": "y"}, after, ",") is None
