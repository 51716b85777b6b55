"""JSON pointers, by the examples of RFC 6901."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint.location import parts, pointer, replace, resolve

EXAMPLE = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "m~n": 8, " ": 7}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", EXAMPLE), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/m~0n", 8),
        ("/ ", 7),
    ],
)  # fmt: skip
def test_the_examples_of_the_standard(text, value) -> None:
    assert resolve(EXAMPLE, text) == value


@pytest.mark.parametrize(
    "text", ["foo", "/nope", "/foo/2", "/foo/-1", "/foo/00", "/foo/x", "/foo/-", "/foo/0/x", "/ /x"]
)
def test_what_is_not_there_is_a_key_error(text) -> None:
    with pytest.raises(KeyError):
        resolve(EXAMPLE, text)
    with pytest.raises(KeyError):
        replace(EXAMPLE, text, 1)


@given(st.lists(st.text() | st.integers(0, 99)))
def test_a_pointer_gives_its_parts_back(tokens) -> None:
    assert parts(pointer(*tokens)) == [str(token) for token in tokens]


def test_replace_copies_along_the_path_alone() -> None:
    row = {"messages": [{"content": "a"}, {"content": "b"}], "other": []}
    new = replace(row, "/messages/1/content", "c")
    assert new == {"messages": [{"content": "a"}, {"content": "c"}], "other": []}
    assert row["messages"][1] == {"content": "b"}
    assert new["messages"][0] is row["messages"][0]
    assert new["other"] is row["other"]
    assert replace(row, "", 5) == 5
