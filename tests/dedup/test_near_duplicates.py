"""near_duplicates against an exact join of all pairs, and what it promises about rows that may go."""

import gzip
import json
import random

import polars as pl
import pytest
from dedup_oracle import folded, near_pairs, similarities
from hypothesis import given, settings
from hypothesis import strategies as st

from datalint.dedup import near_duplicates, near_matches

VOCABULARY = [f"{first}{middle}{last}" for first in "bdfgklmnprst" for middle in "aeiou" for last in "lmnrst"]
NUMBERS = [str(n) for n in range(100, 200)]
HAN = [chr(code) for code in range(0x4E00, 0x4F00)]

BASE = (
    "The old harbour town keeps its market on Thursdays, when farmers from the hills bring apples, honey, "
    "smoked cheese and woollen blankets, and the ferry leaves an hour later than usual."
)


def found_pairs(texts, **options):
    return near_duplicates(pl.Series("t", texts, dtype=pl.String), **options).pairs


def edit(tokens, count, vocabulary, rng):
    tokens = list(tokens)
    for place in rng.sample(range(len(tokens)), count):
        tokens[place] = rng.choice((rng.choice(vocabulary), "", f"{tokens[place]} {rng.choice(vocabulary)}"))
    return [token for token in tokens if token]


def mixed_rows(seed, families=25):
    """Families of copies with few and with many edits, some of several lines, some in Chinese, some equal."""
    rng = random.Random(seed)
    rows = []
    for family in range(families):
        if family % 5 == 4:
            base, vocabulary, space = rng.choices(HAN, k=rng.randint(35, 150)), HAN, ""
        else:
            base = rng.sample(VOCABULARY + NUMBERS[:20], rng.randint(18, 90))
            vocabulary, space = VOCABULARY + NUMBERS[:20], " "
        for _ in range(rng.randint(1, 6)):
            text = space.join(edit(base, rng.randint(0, len(base) // 6), vocabulary, rng))
            rows.append(text if rng.random() < 0.8 else f"You are a helpful assistant.\n{text.upper()}")
    rng.shuffle(rows)
    return rows


def groups(pairs, count):
    group = list(range(count))
    for left, right in pairs:
        old, new = group[left], group[right]
        group = [new if name == old else name for name in group]
    return {frozenset(i for i in range(count) if group[i] == name) for name in group}


@pytest.mark.parametrize("seed", range(12))
def test_small_sets_agree_with_the_exact_join(seed):
    rows = mixed_rows(seed)
    exact = near_pairs(rows)
    pairs = found_pairs(rows)
    reported = {(left, right): tuple(values) for left, right, *values in pairs.rows()}
    assert reported.items() <= exact.items()
    # Rows of a group are not all compared with each other, but the groups are the same.
    assert groups(reported, len(rows)) == groups(exact, len(rows))


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.floats(0.5, 1.0), st.floats(0.2, 1.0), st.floats(0.0, 1.0))
def test_every_reported_pair_reaches_every_threshold(seed, sets, bigrams, numbers):
    rows = mixed_rows(seed, families=8)
    exact = near_pairs(rows, sets, bigrams, numbers)
    pairs = found_pairs(rows, threshold=sets, bigram_threshold=bigrams, number_threshold=numbers)
    assert {(left, right): tuple(values) for left, right, *values in pairs.rows()}.items() <= exact.items()


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_a_row_goes_only_for_a_longer_row_that_stays(seed):
    rows = mixed_rows(seed, families=8)
    exact = near_pairs(rows)
    dropped = near_duplicates(pl.Series(rows)).dropped
    gone = set(dropped["row"].to_list())
    assert len(gone) == len(dropped)
    for row, kept, *jaccards, _ in dropped.rows():
        assert kept not in gone
        assert exact[min(row, kept), max(row, kept)] == tuple(jaccards)
        assert len(folded(rows[row]).encode()) <= len(folded(rows[kept]).encode())


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(seed, rng):
    rows = list(dict.fromkeys(mixed_rows(seed, families=8)))
    shuffled = rng.sample(rows, len(rows))

    def by_content(texts):
        found = near_duplicates(pl.Series(texts))
        drops = {(folded(texts[row]), folded(texts[kept])) for row, kept in found.dropped.select("row", "kept").rows()}
        return drops, {
            frozenset((folded(texts[a]), folded(texts[b]))) for a, b in found.pairs.select("left", "right").rows()
        }

    assert by_content(rows) == by_content(shuffled)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([1 << 30, 1 << 12, 1]), st.booleans())
def test_neither_parts_nor_memory_nor_kernels_matter(seed, part, limit, compiled):
    if compiled:
        pytest.importorskip("numba")
    rows = pl.Series(mixed_rows(seed, families=8), dtype=pl.String)
    parts = (rows[start : start + part] for start in range(0, len(rows), part))
    whole, cut = near_duplicates(rows), near_duplicates(parts, memory_limit=limit, compiled=compiled)
    assert cut.pairs.equals(whole.pairs)
    assert cut.dropped.equals(whole.dropped)


def test_a_higher_threshold_needs_no_second_search():
    rows = pl.Series(mixed_rows(1))
    found, higher = near_duplicates(rows), near_duplicates(rows, threshold=0.9)
    stricter = found.at(0.9)
    assert 0 < len(stricter.pairs) < len(found.pairs)
    assert set(stricter.pairs.rows()) <= set(found.pairs.rows())
    assert stricter.dropped["jaccard"].min() >= 0.9
    kept = set(stricter.dropped["kept"])
    assert kept.isdisjoint(stricter.dropped["row"])
    assert set(stricter.dropped["row"]) <= set(higher.dropped["row"]) | set(higher.dropped["kept"])


def test_frames_have_fixed_columns_even_when_empty():
    for texts in ([], [None], ["", "a"], [BASE, BASE]):
        found = near_duplicates(pl.Series("t", texts, dtype=pl.String))
        assert found.pairs.is_empty()
        assert found.pairs.schema == {
            "left": pl.UInt32,
            "right": pl.UInt32,
            "jaccard_1": pl.Float64,
            "jaccard_2": pl.Float64,
            "jaccard_numbers": pl.Float64,
        }
        assert found.dropped.is_empty()
        assert found.dropped.schema == {
            "row": pl.UInt32,
            "kept": pl.UInt32,
            "jaccard": pl.Float64,
            "jaccard_2": pl.Float64,
            "jaccard_numbers": pl.Float64,
            "cluster": pl.UInt32,
        }


def test_one_changed_word_makes_a_near_duplicate_and_the_longest_stays():
    found = near_duplicates(pl.Series([BASE.replace("hour", "h"), "short", BASE, BASE.replace("an hour", "one hour")]))
    assert found.pairs.select("left", "right").rows() == [(0, 2), (0, 3), (2, 3)]
    assert found.dropped.select("row", "kept", "cluster").rows() == [(0, 3, 0), (2, 3, 0)]


def test_equal_rows_count_once_and_never_pair_with_each_other():
    copy = BASE.replace("an hour", "one hour")
    pairs = found_pairs([BASE, BASE.upper(), copy, f"  {BASE}\n", copy])
    assert pairs.select("left", "right").rows() == [(0, 2)]


def test_another_number_makes_another_row():
    other = BASE.replace("an hour", "17 hours")
    assert found_pairs([other, other.replace("17", "18")]).is_empty()
    assert len(found_pairs([other, other.replace("17", "18")], number_threshold=0.0)) == 1


def test_the_same_words_in_another_order_are_another_row():
    words = BASE.split()
    assert found_pairs([BASE, " ".join(sorted(words))]).is_empty()
    assert len(found_pairs([BASE, " ".join(sorted(words))], bigram_threshold=0.0)) == 1


def test_short_rows_are_left_out():
    words = BASE.split()
    nineteen = " ".join(words[:19])
    assert found_pairs([nineteen, nineteen.replace("harbour", "mining")]).is_empty()
    assert len(found_pairs([nineteen, nineteen.replace("keeps", "holds")], min_words=19)) == 1


def test_shared_system_prompts_do_not_make_rows_alike():
    prompt = "You are a careful assistant who answers every question of the user in full sentences and politely."
    rng = random.Random(4)
    rows = [f"{prompt}\n{' '.join(rng.sample(VOCABULARY, 22))}" for _ in range(12)]
    assert found_pairs(rows).is_empty()
    assert found_pairs([*rows, rows[3] + " really"]).select("left", "right").rows() == [(3, 12)]


def test_text_without_spaces_is_compared_by_characters():
    rng = random.Random(2)
    han = "".join(rng.choices(HAN, k=120))
    thai = "".join(chr(rng.randint(0x0E01, 0x0E2E)) for _ in range(120))
    rows = [han, han[:60] + "\u4eba" + han[61:], thai, thai[:50] + "\u0e01" + thai[50:]]
    pairs = found_pairs(rows)
    assert pairs.select("left", "right").rows() == [(0, 1), (2, 3)]
    assert pairs["jaccard_1"].to_list() == [similarities(rows[0], rows[1])[0], similarities(rows[2], rows[3])[0]]
    assert pairs["jaccard_2"].to_list() == [None, None]


def test_a_chain_does_not_drift():
    """Each row is near to the next, the ends share nothing: what goes has a near row that stays."""
    words = random.Random(3).sample(VOCABULARY, 300)
    rows = [" ".join(words[i : i + 60]) for i in range(0, 240, 3)]
    found = near_duplicates(pl.Series(rows))
    exact = near_pairs(rows)
    kept = set(range(len(rows))) - set(found.dropped["row"].to_list())
    assert len(set(found.dropped["cluster"].to_list())) == 1
    assert 10 < len(kept) < 40
    for row, partner in found.dropped.select("row", "kept").rows():
        assert partner in kept
        assert (min(row, partner), max(row, partner)) in exact


@pytest.mark.parametrize("seed", range(12))
def test_matches_between_two_splits_are_the_exact_join_across_them(seed):
    rows = mixed_rows(seed, families=10)
    half = len(rows) // 2
    train, evaluation = rows[:half] + rows[:2], rows[half:] + rows[:1]
    matches = near_matches(pl.Series(train, dtype=pl.String), pl.Series(evaluation, dtype=pl.String))
    exact = near_pairs(rows)
    near = {frozenset((folded(rows[a]), folded(rows[b]))): values for (a, b), values in exact.items()}
    best = {}
    for row, text in enumerate(train):
        for match, other in enumerate(evaluation):
            values = near.get(frozenset((folded(text), folded(other))))
            if values and folded(text) != folded(other):
                best[row] = min(best.get(row, (0, 0)), (-values[0], match))
    reported = {row: (-jaccard, match) for row, match, jaccard, *_ in matches.rows()}
    assert matches["row"].is_sorted()
    assert reported == best


def load(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().split("\n") if line]


@pytest.mark.shared
def test_gsm8k_holds_a_handful_of_repeats(shared):
    rows = load(shared / "data/reasoning/gsm8k/train.jsonl.gz")
    found = near_duplicates(pl.Series([f"{row['question']}\n{row['answer']}" for row in rows]))
    assert 10 <= len(found.dropped) <= 12


@pytest.mark.shared
@pytest.mark.parametrize(("name", "floors"), [("alpaca", (100, 100, 70)), ("textlabel", (75, 68, 50))])
def test_planted_copies_are_found_and_template_rows_are_not(shared, name, floors):
    rows, keys = [], ("instruction", "input", "output", "text")
    for line in gzip.decompress((shared / f"data/messy/{name}.jsonl.gz").read_bytes()).decode().split("\n"):
        try:
            row = json.loads(line)
        except ValueError:
            row = {}
        rows.append("\n".join(str(row[key]) for key in keys if row.get(key)))
    truth = load(shared / f"data/messy/{'textlabel' if name == 'textlabel' else 'chat'}_truth.jsonl.gz")
    line_of = {item["uid"]: item["line"] - 1 for item in truth if "uid" in item}
    found = near_duplicates(pl.Series(rows))
    linked = set(found.pairs["left"].to_list()) | set(found.pairs["right"].to_list())
    planted = set()
    for cls, floor in zip(("near5", "near10", "near15"), floors, strict=True):
        copies = [(item["line"] - 1, line_of[item["partner"]]) for item in truth if item["cls"] == cls]
        assert sum(row in linked and partner in linked for row, partner in copies) >= floor
        planted |= {row for pair in copies for row in pair}
    assert linked <= planted


@pytest.mark.shared
def test_customer_questions_with_different_labels_are_never_paired(shared):
    import csv

    with gzip.open(shared / "data/classification/banking77/train.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pairs = found_pairs([row["text"] for row in rows])
    assert not pairs.is_empty()
    assert all(
        rows[left]["category"] == rows[right]["category"] for left, right in pairs.select("left", "right").rows()
    )
