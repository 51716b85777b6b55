"""What an index promises, in a folder and on a server: add, and find again."""

import random
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_rows import BASE, VOCABULARY, add, frames, mixed_rows, seen, series

from datalint.dedup import Definition, near_matches, normalise
from datalint.errors import UsageError
from datalint.index import open_index


def expected(old, new, **options):
    """What near_matches finds, and the rows that say the same."""
    matches = near_matches(series(new), series(old), **options)
    first = {}
    for row, text in enumerate(normalise(series(old))):
        first.setdefault(text, row)
    found = {row: (match, round(jaccard, 9), False) for row, match, jaccard, *_ in matches.rows()}
    equal = {row: (first[text], 1.0, True) for row, text in enumerate(normalise(series(new))) if text and text in first}
    return found | equal


@pytest.mark.parametrize("seed", range(8))
def test_an_index_finds_what_the_join_of_all_rows_finds(where, seed) -> None:
    rows = mixed_rows(seed)
    half = len(rows) // 2
    old, new = rows[:half] + rows[:2], [*rows[half:], *rows[:3], "", "??", "??"]
    assert add(where, old).added == len({text for text in normalise(series(old)) if text})
    found = seen(where, new)
    assert {row: rest for row, (_, *rest) in found.items()} == {
        row: list(rest) for row, rest in expected(old, new).items()
    }


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.floats(0.5, 1.0), st.floats(0.2, 1.0), st.floats(0.0, 1.0), st.integers(0, 30))
def test_any_definition_can_be_asked_for(seed, sets, bigrams, numbers, words) -> None:
    rows = mixed_rows(seed, families=8)
    old, new = rows[::2], rows[1::2]
    with tempfile.TemporaryDirectory() as folder:
        add(Path(folder) / "i.idx", old)
        found = seen(Path(folder) / "i.idx", new, Definition(sets, bigrams, numbers, words))
    options = {"threshold": sets, "bigram_threshold": bigrams, "number_threshold": numbers, "min_words": max(words, 1)}
    assert {row: tuple(rest) for row, (_, *rest) in found.items()} == expected(old, new, **options)


@settings(max_examples=30)
@given(st.lists(st.text(max_size=60), max_size=12), st.integers(1, 5))
def test_whatever_was_added_is_known(texts, size) -> None:
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "i.idx"
        done = add(where, texts, size=size)
        contents = [text for text in normalise(series(texts)) if text]
        assert (done.rows, done.added, done.empty) == (len(texts), len(set(contents)), len(texts) - len(contents))
        assert done.rows == done.added + done.known + done.empty
        assert [row for row, found in seen(where, texts).items() if found[3]] == [
            row for row, text in enumerate(normalise(series(texts))) if text
        ]


def test_a_row_is_kept_once_and_its_first_place_stays(where) -> None:
    add(where, ["A sea.", "B sea."], file="march.jsonl")
    done = add(where, ["c sea.", "a  SEA.", "C sea."], file="april.jsonl")
    assert (done.added, done.known, done.total) == (1, 2, 3)
    assert seen(where, ["a sea.", "c sea."]) == {0: ("march.jsonl", 0, 1.0, True), 1: ("april.jsonl", 0, 1.0, True)}


def test_the_order_of_adding_changes_no_answer(where, tmp_path) -> None:
    rows = list(dict.fromkeys(mixed_rows(3)))
    old, new = rows[::2], rows[1::2]
    parts = [old[start : start + 9] for start in range(0, len(old), 9)]
    random.Random(1).shuffle(parts)
    add(where, old)
    for part in parts:
        add(tmp_path / "other.idx", part)
    one, other = (open_index(place).seen_before(series(new)) for place in (where, tmp_path / "other.idx"))
    assert one.select("row", "jaccard", "equal").equals(other.select("row", "jaccard", "equal"))


def test_an_object_knows_what_it_has_added_itself(where) -> None:
    index = open_index(where, create=True)
    assert index.info().rows == 0
    assert index.seen_before(series(["A sea."])).is_empty()
    index.add(frames(["A sea."]))
    assert index.seen_before(series(["a sea."])).height == 1
    assert (index.info().rows, index.info().files) == (1, 1)


def test_lines_that_many_rows_share_do_not_count_then_and_later(where) -> None:
    prompt = "You are a careful assistant who answers every question of the user in full sentences and politely."
    rng = random.Random(4)
    rows = [f"{prompt}\n{' '.join(rng.sample(VOCABULARY, 22))}" for _ in range(12)]
    add(where, rows)
    # A single new row cannot tell by itself that its first line is boilerplate.
    assert seen(where, [f"{prompt}\n{' '.join(rng.sample(VOCABULARY, 22))}"]) == {}
    assert seen(where, [rows[3] + " really"])[0][1:] == (3, round(22 / 23, 9), False)
    assert seen(where, [rows[3].split("\n")[1]])[0][1:] == (3, 1.0, False)


def test_short_rows_are_found_only_if_they_say_the_same(where) -> None:
    add(where, ["Name a sea in Europe.", "", "  "])
    assert seen(where, ["name a SEA in europe.", "Name a sea in Asia.", "", "\n"]) == {
        0: ("old.jsonl", 0, 1.0, True),
    }


def test_a_giant_bucket_costs_no_square(where) -> None:
    rng = random.Random(5)
    template = BASE.split()
    rows = [" ".join([*template, *rng.sample(VOCABULARY, 2)]) for _ in range(3000)]
    add(where, rows[::2], size=500)
    found = open_index(where).seen_before(series(rows[1::2]))
    assert found.height == 1500
    assert found["jaccard"].min() > 0.8


def test_an_index_that_is_not_there_is_told_with_the_remedy(where) -> None:
    with pytest.raises(UsageError, match=r"no index there; make one with `datalint index add"):
        open_index(where)


def test_lines_are_kept_where_there_are_any(where) -> None:
    add(where, ["A sea."], file="a.jsonl")
    add(where, ["B sea."], file="b.parquet", lines=False)
    found = open_index(where).seen_before(series(["A sea.", "B sea."]))
    assert found.select("file", "at_row", "at_line").rows() == [("a.jsonl", 0, 1), ("b.parquet", 0, None)]


def test_names_of_files_may_be_odd(where) -> None:
    add(where, ["A sea."], file="\udcff/\u2028 ü.jsonl")
    assert seen(where, ["A sea."]) == {0: ("\\udcff/\u2028 ü.jsonl", 0, 1.0, True)}


def test_both_places_answer_alike(tmp_path, address) -> None:
    rows = mixed_rows(11, families=40)
    for place in (tmp_path / "i.idx", address):
        add(place, rows[::2], size=13)
    one, other = (open_index(place) for place in (tmp_path / "i.idx", address))
    assert one.seen_before(series(rows[1::2])).equals(other.seen_before(series(rows[1::2])))
    mine, theirs = ({place: tuple(held) for place, held in index.signatures()} for index in (one, other))
    assert mine == theirs


def test_a_band_of_another_width_finds_what_a_lower_threshold_asks_for(tmp_path) -> None:
    words = BASE.split()
    add(tmp_path / "i.idx", [BASE])
    half = " ".join([*words[:24], *VOCABULARY[:6]])
    assert seen(tmp_path / "i.idx", [half]) == {}
    (found,) = seen(tmp_path / "i.idx", [half], Definition(threshold=0.6)).values()
    sides = [set(re.findall(r"\w+", text.casefold())) for text in (BASE, half)]
    assert found[2] == round(len(sides[0] & sides[1]) / len(sides[0] | sides[1]), 9)
