"""Equal rows and boilerplate lines, found in passes over parts."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint.dedup import survey as module
from datalint.dedup.packed import pack, unpack
from datalint.dedup.survey import strip_boilerplate, survey
from datalint.dedup.tokens import tokenise
from datalint.spool import Scratch, Spool

LINES = st.lists(st.sampled_from(["Be brief.", "be  BRIEF.", "one", "two", "three", "", "4"]), max_size=5)


def spooled(texts, part=7):
    """The texts in parts, every third of them on disk."""
    spool = Spool(Scratch())
    for number, start in enumerate(range(0, len(texts), part)):
        spool.append(pack(tokenise(pl.Series(texts[start : start + part], dtype=pl.String))))
        if number % 3 == 2:
            spool.spill()
    return spool


def bodies(texts, share=0.01):
    """For each row its tokens without boilerplate, as words."""
    known = survey(spooled(texts), share)
    tokens = tokenise(pl.Series(texts, dtype=pl.String))
    word = {}
    for text in texts:
        for piece in text.casefold().split():
            word[int(tokenise(pl.Series([piece])).tokens.values[0])] = piece
    rows = strip_boilerplate(tokens, np.arange(len(texts)), known.boilerplate)
    return [
        " ".join(word[value] for value in rows.values[start:stop].tolist())
        for start, stop in zip(rows.offsets, rows.offsets[1:], strict=False)
    ]


def test_a_line_that_ten_rows_share_is_boilerplate():
    shared = [f"You are a  HELPFUL assistant\nquestion {i}\nquestion {i}" for i in range(10)]
    assert bodies(shared) == [f"question {i} question {i}" for i in range(10)]
    assert bodies(shared[:9])[0] == "you are a helpful assistant question 0 question 0"


def test_a_line_repeated_within_rows_counts_once_for_each():
    assert bodies([f"yes\nyes\nanswer {i}" for i in range(6)])[0] == "yes yes answer 0"


def test_equal_rows_count_once():
    texts = [f"shared\nrow {i % 9}" for i in range(90)]
    assert bodies(texts)[0] == "shared row 0"


def test_in_larger_sets_the_share_decides():
    texts = [f"{'shared' if i < 39 else 'own ' + str(i)}\nrow {i}" for i in range(2000)]
    assert bodies(texts, share=0.02)[0] == "shared row 0"
    assert bodies(texts, share=0.0195)[0] == "row 0"


@given(st.lists(LINES, max_size=40), st.integers(1, 9))
def test_boilerplate_is_counted_exactly_however_rough_the_counters(rows, part):
    texts = ["\n".join(lines) for lines in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_COUNTERS", 2)
        known = survey(spooled(texts, part), 0.01)
    folded = {" ".join(text.casefold().split()): text for text in reversed(texts)}
    count = Counter(
        line
        for text in folded.values()
        for line in {" ".join(line.casefold().split()) for line in text.split("\n")} - {""}
    )
    expected = sorted(int(tokenise(pl.Series([line])).lines[0]) for line, n in count.items() if n >= 10)
    assert known.boilerplate.tolist() == expected
    assert int(known.first.sum()) == len(folded)


def test_packed_tokens_come_back():
    texts = pl.Series(["a b\nc", None, "", "\u4eba\u4eba 12"])
    tokens, spool = tokenise(texts), Spool(Scratch())
    spool.append(pack(tokens))
    (back,) = unpack(spool.frames())
    for name in ("lines", "first_line", "hashes", "sizes", "spaced"):
        assert np.array_equal(getattr(back, name), getattr(tokens, name))
    assert np.array_equal(back.tokens.values, tokens.tokens.values)
    assert np.array_equal(back.tokens.offsets, tokens.tokens.offsets)
