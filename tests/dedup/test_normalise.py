import unicodedata

import numpy as np
import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from datalint.dedup import normalise
from datalint.dedup.text import fold, joined
from datalint.dedup.tokens import tokenise, tokenise_folded

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    " \t\n\r\x0b\x1c\x85\xa0aA\u3000", max_size=20
)


def expected(text):
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@given(st.lists(TEXTS | st.none(), max_size=8))
@example(["", " ", "\n\n", None])
@example(["a \n b", "A\u00a0B", "\ufb01n", "Stra\u00dfe", "\u0130", "\u1e9e", "a\u2028b", "\x00 \x00", "x\u0345"])
def test_normalised_text_is_nfkc_casefolded_with_single_spaces(texts):
    series = pl.Series("t", texts, dtype=pl.String)
    assert normalise(series).to_list() == [None if text is None else expected(text) for text in texts]


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_folding_keeps_lines_apart_and_changes_nothing_else(texts):
    rows = fold(texts)[1:-1].split(b"\xff")
    assert [row.replace(b"\n", b" ").decode() for row in rows] == [expected(text) for text in texts]
    for row, text in zip(rows, texts, strict=True):
        lines = [expected(line) for line in text.split("\n")]
        assert row.decode() == "\n".join(line for line in lines if line)


def test_name_and_length_are_kept_over_many_blocks():
    texts = pl.Series("body", [f"Row {i}  " + "x" * 500 for i in range(2000)])
    result = normalise(texts)
    assert result.name == "body"
    assert result.to_list() == [expected(text) for text in texts]


def test_no_rows_give_no_rows():
    assert normalise(pl.Series("t", [], dtype=pl.String)).to_list() == []


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=4), max_size=6), st.data())
def test_words_are_the_same_whether_a_row_was_folded_in_parts(rows, data):
    texts = [text for turns in rows for text in turns]
    without = data.draw(st.sets(st.sampled_from(range(len(texts))))) if texts else set()
    starts = np.cumsum([0, *map(len, rows)])[:-1]
    kept = iter("" if number in without else text for number, text in enumerate(texts))
    whole = pl.Series(["\n".join(next(kept) for _ in turns) for turns in rows], dtype=pl.String)
    found, expected = tokenise_folded([joined(fold(texts), starts, sorted(without))]), tokenise(whole)
    for name in ("lines", "first_line", "hashes", "sizes", "spaced"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert np.array_equal(found.tokens.values, expected.tokens.values)
