"""Text made visible, and excerpts that fit: properties over any text."""

import unicodedata

import msgspec
import pytest
from hostile import HOSTILE, LONE_SURROGATES
from hypothesis import given
from hypothesis import strategies as st
from report_samples import KEY, chat
from rich.cells import cell_len

from datalint.report.escape import encodable, inert_json, visible
from datalint.report.excerpt import excerpt, fit, overview

any_text = st.text(st.characters(codec=None)) | st.sampled_from(list(HOSTILE.values()))
utf8_text = st.text(st.characters(codec="utf-8")) | st.sampled_from(list(HOSTILE.values()))


def test_controls_are_named_and_letters_stay() -> None:
    assert visible("a\nb\tc\r\x1b[0m\x9b\x7f") == r"a\nb\tc\r\x1b[0m\x9b\x7f"
    assert visible("\u202e\u200b\u2028\U000e0041\ud800\U000e0101") == r"\u202e\u200b\u2028\U000e0041\ud800\U000e0101"
    for plain in ("naïve 東京\u3000です", "vingt\u202f%\u00a0?", "❤️ ok", "C:\\new", "e\u0301"):
        assert visible(plain) == plain


@given(any_text)
def test_what_is_visible_is_printable_and_stays_so(text: str) -> None:
    once = visible(text)
    assert all(char.isprintable() or unicodedata.category(char) == "Zs" for char in once)
    assert visible(once) == once


@given(utf8_text)
def test_inert_json_is_the_same_value(text: str) -> None:
    inert = inert_json(msgspec.json.encode({"a": text}))
    assert msgspec.json.decode(inert) == {"a": text}
    assert visible(inert.decode()) == inert.decode()


@pytest.mark.parametrize("name", LONE_SURROGATES)
def test_names_can_always_be_encoded(name: str) -> None:
    assert encodable(name).encode()
    assert encodable("日本.jsonl") == "日本.jsonl"


@given(utf8_text, st.integers(0, 60), st.integers(0, 60), st.integers(10, 80))
def test_an_excerpt_fits_and_its_caret_is_under_it(text: str, start: int, length: int, width: int) -> None:
    for span in (None, (start, start + length)):
        shown, (at, cells) = fit(text, span, width)
        assert cell_len(shown) <= width + 2  # an ellipsis or a quote on either side
        assert visible(shown) == shown
        assert at >= 0
        assert cells >= 1
        assert at + cells <= max(cell_len(shown), at + 1)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(10, 60))
def test_the_caret_is_under_the_span(before: int, after: int, width: int) -> None:
    text = "a" * before + "|fault|" + "z" * after
    shown, (at, cells) = fit(text, (before, before + 7), width)
    assert shown[at : at + cells] == "|fault|"
    assert shown.startswith("…") == (not text.startswith(shown.strip("…")))
    assert len(shown) >= min(len(text), width)


def test_wide_characters_take_two_cells() -> None:
    assert fit("東京 fault", (3, 8), 40) == ("東京 fault", (5, 5))


def test_blank_texts_are_quoted() -> None:
    assert fit("", None, 20) == ('""', (0, 2))
    assert fit(" \n", None, 20) == ('" \\n"', (0, 5))
    assert fit("ab ", (0, 2), 20) == ('"ab "', (1, 2))
    assert fit("ab", (2, 2), 20) == ("ab", (2, 1))


def test_a_credential_is_masked_before_anything_is_cut() -> None:
    text = "x" * 30 + " " + KEY + " " + "y" * 30
    for at in range(len(text)):
        shown, _ = fit(text, (at, at + 1), 12)
        assert not any(KEY[i : i + 3] in shown for i in range(4, 18))


def test_a_message_is_shown_after_the_one_before_it() -> None:
    row = chat("one", "two", "three", "four")
    lines = excerpt(row, "/messages/2/content", (1, 3), columns={}, width=40)
    assert [(line.label, line.text, line.caret) for line in lines] == [
        ("[1] assistant", "two", None),
        ("[2] user", "three", (1, 2)),
    ]
    assert [line.label for line in excerpt(row, "/messages/0", None, columns={}, width=40)] == ["[0] user"]


def test_what_is_inside_of_a_message_is_named() -> None:
    call = {"function": {"name": "w", "arguments": '{"city": "x"}'}}
    row = {"messages": [{"role": "assistant", "content": "", "tool_calls": [call]}]}
    (line,) = excerpt(row, "/messages/0/tool_calls/0/function/arguments", (2, 6), columns={}, width=40)
    assert (line.label, line.text) == ("[0] assistant tool_calls/0/function/arguments", '{"city": "x"}')
    assert line.caret == (2, 4)


def test_a_message_is_shown_for_what_it_lacks() -> None:
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "tool_calls": [{"a": 1}]}]}
    for where in ("/messages/1/content", "/messages/1/name"):
        lines = excerpt(row, where, None, columns={}, width=40)
        assert [(x.label, x.text) for x in lines] == [("[0] user", "q"), ("[1] assistant", '[{"a":1}]')]


def test_other_rows_show_the_field() -> None:
    row = {"question": "q?", "answer": "a", "n": [1]}
    assert [(x.label, x.text) for x in excerpt(row, "/answer", None, columns={}, width=40)] == [("answer", "a")]
    assert [(x.label, x.text) for x in excerpt(row, None, None, columns={}, width=40)] == [
        ("question", "q?"),
        ("answer", "a"),
    ]


def test_what_is_not_there_shows_the_row() -> None:
    for row in ({"a": 1, "b": None}, {"text": "t", "label": 1}, chat("q", "a"), {}):
        for where in ("/nowhere", "/messages/7/content", "/label/0", "no pointer"):
            assert excerpt(row, where, (0, 1), columns={}, width=40) == overview(row, columns={}, width=40)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | utf8_text,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(utf8_text, inner, max_size=3),
    ),
    st.sampled_from(["", "/messages", "/messages/0", "/messages/0/content", "/prompt", "/text"]),
)
def test_rows_of_any_shape_can_be_shown(value: object, where: str) -> None:
    for row in ({"messages": value}, {"prompt": value, "completion": value}, {"text": value}, {"x": value}):
        for line in excerpt(row, where, (1, 4), columns={}, width=30):
            assert visible(line.text) == line.text
            assert cell_len(line.text) <= 32
