"""The compiled kernels give the answers of the numpy ones, bit for bit."""

import sys
import threading
import unicodedata
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datalint.dedup import lsh, ragged, shingles, tokens
from datalint.dedup.compiled.alphabet import joins
from datalint.dedup.ragged import Ragged
from datalint.dedup.survey import strip_boilerplate
from datalint.dedup.text import fold_unicode

pytest.importorskip("numba")

from datalint.dedup import compiled
from datalint.dedup.compiled import tokens as compiled_tokens
from datalint.dedup.compiled.text import kernel

FIXTURES = Path(__file__).parents[2] / "fixtures"

# Characters that some step treats in its own way.
ODD = (
    "aB1_ .\n\t\r\x00\x0b\x1c\x1f\x7f"
    "\x85\xa0\u1680\u2003\u2028\u2029\u202f\u3000\ufeff\u200b\u200d"  # white space of all kinds, and what looks like it
    "\xb2\xbd\u0661\u0967\uff11\U0001d7d8\u2460\u4e00\u3007"  # digits and other numbers
    "\xc5\u212b\xe9\u0130\u0131\xdf\u1e9e\u03a3\u03c2\u0149\ufb01\u2026\u2122\xa8\xb4\ufdfa\u3300"  # fold to several
    "\u0301\u0308\u0323\u0338\u0345\u0e38\u0e48\u0e33\u094d\u093e\u09be\u0b56\u102e\u20dd\ufe0f\u3099\uff9e"  # marks
    "\u1100\u1161\u11a8\uac00\uac01\ud55c\u3131\U00016d63"  # Hangul, and another script whose letters join
    "\u4f60\u597d\uff0c\u3042\u30a2\uff71\u0e01\u1000\u1780\u0ead\u2f00\uf900\U00020000\U0002f800"  # no spaces
    "\u0416\u05d0\u0627\ufe8d\U0001f600\U0001f468\U000e0061\U0010ffff\ud7ff\ue000\ufffd\ufffe"
)
TEXTS = st.one_of(
    st.none(),
    st.text(st.sampled_from(ODD), max_size=40),
    st.text(st.sampled_from("ab1 \n"), max_size=60),
    st.text(st.sampled_from("\u4f60\u597d\u3042\u0e01 a\n\u3002"), max_size=30),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
VALUES = st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1))
ROWS = st.lists(st.lists(VALUES, max_size=30), min_size=1, max_size=12)


def assert_same_tokens(texts):
    series = pl.Series("t", texts, dtype=pl.String)
    found, expected = compiled.tokenise(series), tokens.tokenise(series)
    for name in ("lines", "first_line", "hashes", "sizes", "spaced"):
        assert_same(getattr(found, name), getattr(expected, name))
    assert_same(found.tokens.values, expected.tokens.values)
    assert_same(found.tokens.offsets, expected.tokens.offsets)


def assert_same(ours, theirs):
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert np.array_equal(ours, theirs)


def as_ragged(rows):
    values = np.array([value for row in rows for value in row], np.uint32)
    return Ragged.of(values, np.array([len(row) for row in rows], np.int64))


@st.composite
def rows_and_pairs(draw):
    rows = draw(ROWS)
    number = st.integers(0, len(rows) - 1)
    pairs = np.array(draw(st.lists(st.tuples(number, number), max_size=20)), np.int64).reshape(-1, 2)
    return as_ragged(rows), pairs[:, 0], pairs[:, 1]


@settings(max_examples=300)
@given(st.lists(TEXTS, max_size=8))
@example(["\u1100", "\u1161", "\u1100\u1161\u11a8"])
@example(["a\u0301", "\u0301", " \u0301"])
@example(["a \n b\n\n c \n", "\n", "", None, " \n \n "])
@example([])
def test_the_tokens_are_the_same(texts):
    assert_same_tokens(texts)


@settings(max_examples=100)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.integers(1, 40))
def test_they_are_where_rows_are_cut_and_blocks_are_small(texts, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "ROW_LIMIT", limit)
        patch.setattr(compiled_tokens, "_BLOCK", limit)
        assert_same_tokens(texts)


def test_they_are_on_real_rows():
    lines = [line for path in FIXTURES.glob("*/*") for line in path.read_text(encoding="utf-8").split("\n")]
    assert_same_tokens(lines)
    assert_same_tokens(["\n".join(lines[i : i + 50]) for i in range(0, len(lines), 50)])


def test_they_are_around_the_largest_row():
    limit = tokens.ROW_LIMIT
    long = "w0rd " * (limit // 5 + 1)
    assert_same_tokens(
        [long[: limit + more] for more in (-1, 0, 1, 2)] + ["x", "\ufdfa" * (limit // 16), long + "\xe9"]
    )


def test_every_character_is_folded_as_python_folds_it():
    codes = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    changed = [code for code in codes if fold_unicode(chr(code)) != chr(code).encode()]
    listed = [code for code in codes if unicodedata.category(chr(code)) not in {"Cn", "Co", "Lo"}]
    assert_same_tokens([f"x{chr(code)}y1" for code in {*changed, *listed, *codes[::101]}])


def test_who_may_join_with_a_neighbour_is_left_to_python():
    codes = [code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in {"Cn", "Co", "Cs"}]
    alone = {code for code in codes if not joins(chr(code))}
    ends_of_compositions = {
        int(parts[1], 16)
        for code in codes
        if len(parts := unicodedata.decomposition(chr(code)).split()) == 2 and not parts[0].startswith("<")
    }
    assert alone.isdisjoint(ends_of_compositions)
    assert alone.isdisjoint({*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)})
    assert not any(unicodedata.combining(unicodedata.normalize("NFKC", chr(code))[0]) for code in alone)
    assert len(alone) > 0.95 * len(codes)


def test_threads_get_the_same_tokens():
    texts = pl.Series([f"{chr(0x4E00 + i)} line {chr(0x400 + i % 200)} {i}" for i in range(3000)])
    expected, found = tokens.tokenise(texts), {}

    def work(number):
        found[number] = compiled.tokenise(texts)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in found.values():
        assert_same(result.tokens.values, expected.tokens.values)
        assert_same(result.hashes, expected.hashes)


@settings(max_examples=100)
@given(ROWS, st.integers(1, 18))
def test_the_band_keys_are_the_same(rows, per_band):
    sets = ragged.row_sets(as_ragged(rows))
    assert_same(compiled.band_keys(sets, per_band), lsh.band_keys(sets, per_band))


@settings(max_examples=100)
@given(rows_and_pairs())
def test_the_similarities_are_the_same(drawn):
    rows, left, right = drawn
    sets = ragged.row_sets(rows)
    assert_same(compiled.jaccard(sets, left, right), ragged.jaccard(sets, left, right))


@settings(max_examples=100)
@given(rows_and_pairs())
def test_the_similarities_of_bigrams_are_the_same(drawn):
    assert_same(compiled.bigram_jaccard(*drawn), shingles.bigram_jaccard(*drawn))


@settings(max_examples=100)
@given(st.lists(st.text(st.sampled_from("a1 \n"), max_size=20), min_size=1, max_size=10), st.data())
def test_the_lines_that_count_are_the_same(texts, data):
    cut = tokens.tokenise(pl.Series(texts))
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1), unique=True)), np.int64)
    fixed = data.draw(st.sets(st.sampled_from(cut.lines.tolist())))
    # Some that differ in the high bits only.
    boilerplate = np.array(sorted({*fixed, *(line ^ 1 << 60 for line in fixed)}), np.uint64)
    found, expected = compiled.strip_boilerplate(cut, rows, boilerplate), strip_boilerplate(cut, rows, boilerplate)
    assert_same(found.values, expected.values)
    assert_same(found.offsets, expected.offsets)


@pytest.mark.parametrize("high", [1, 300, 2**40, 2**64 - 1])
@pytest.mark.parametrize("count", [0, 1, 3999, 4000, 10_000])
def test_sorting_is_sorting(count, high):
    values = np.random.default_rng(count).integers(0, high, count, np.uint64, endpoint=True)
    before = values.copy()
    assert_same(compiled.sort(values), np.sort(values))
    assert_same(values, before)


def test_kernels_work_where_no_code_can_be_kept():
    namespace = {}
    exec("def twice(number):\n    return 2 * number", namespace)  # of no file: there is no place for a cache
    assert kernel(namespace["twice"])(21) == 42
