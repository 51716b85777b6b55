import re

import polars as pl
from dedup_oracle import folded
from hypothesis import given
from hypothesis import strategies as st

from datalint.dedup.shingles import shingle
from datalint.dedup.tokens import ROW_LIMIT, tokenise

SPACED = st.text(st.sampled_from("abAB0\u0661 .,_-\u00e9\u0416\u03c3\u00a0\u2019\n\u00b2\U0001d7d8"), max_size=60)


def token_lists(texts):
    tokens = tokenise(pl.Series(texts, dtype=pl.String))
    flat = tokens.tokens
    return [
        flat.values[flat.offsets[first] : flat.offsets[last]].tolist()
        for first, last in zip(tokens.first_line[:-1], tokens.first_line[1:], strict=True)
    ]


@given(st.lists(SPACED, min_size=1, max_size=6))
def test_a_word_is_a_run_of_word_characters_after_normalisation(texts):
    named = {}
    for hashes, text in zip(token_lists(texts), texts, strict=True):
        words = re.findall(r"\w+", folded(text))
        assert len(hashes) == len(words)
        for value, word in zip(hashes, words, strict=True):
            assert named.setdefault(word, value) == value
            assert value & 1 == bool(re.search(r"\d", word))
    assert len(set(named.values())) == len(named)


def test_rows_without_spaces_are_cut_into_characters():
    tokens = tokenise(
        pl.Series(
            [
                "\u4f60\u597d\uff0c\u4e16\u754c",
                "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
                "hello \u4f60",
                "\ud55c\uad6d\uc5b4 \ubb38\uc7a5",
            ]
        )
    )
    assert tokens.spaced.tolist() == [False, False, True, True]
    # Five and six characters, each row with the separator that follows it.
    assert tokens.tokens.lengths.tolist() == [6, 7, 2, 2]


def test_hashes_do_not_depend_on_where_a_row_stands():
    rows = [f"line {i} of a text\nand a second one" for i in range(5000)]
    together = tokenise(pl.Series(rows))
    alone = tokenise(pl.Series([rows[4321]]))
    assert together.hashes[4321] == alone.hashes[0]
    assert together.lines[together.first_line[4321]] == alone.lines[0]


def test_rows_are_equal_if_their_normalised_texts_are():
    hashes = tokenise(pl.Series(["A  b\nc", "a b c", "a b  C ", "a b", "a b\x00", None, "", " \n "])).hashes
    assert hashes[0] == hashes[1] == hashes[2]
    assert hashes[5] == hashes[6] == hashes[7]
    assert len(set(hashes[2:6].tolist())) == 4


def test_a_huge_row_is_compared_by_its_start_and_known_by_all_of_it():
    start = "word " * (ROW_LIMIT // 5 + 10)
    tokens = tokenise(pl.Series([start + "a", start + "b", start + " A", "x"]))
    assert tokens.hashes[0] == tokens.hashes[2] != tokens.hashes[1]
    assert tokens.sizes.tolist() == [len(start) + 1, len(start) + 1, len(start) + 1, 1]
    assert tokens.tokens.lengths.max() <= ROW_LIMIT // 5 + 1


def test_shingles_never_cross_rows():
    flat = tokenise(pl.Series(["a b c", "d", "a b"])).tokens
    pairs = shingle(flat, 2)
    assert pairs.lengths.tolist() == [2, 0, 1]
    assert pairs.values[0] == pairs.values[2] != pairs.values[1]
