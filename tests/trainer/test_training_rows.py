import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainer_examples import examples, rows

from datalint.errors import InputError
from datalint.examples import Example, Turn
from datalint_trainer.rows import detect_task, groups, loose, pool, training_rows

pairs = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("xy")), max_size=12)


@given(raw=pairs, data=st.data())
def test_order_of_the_clean_rows_does_not_matter(raw, data):
    kept = [pair for pair in raw if data.draw(st.booleans())]
    shuffled = data.draw(st.permutations(kept))
    first, second = pool(rows(raw), rows(kept), []), pool(rows(raw), rows(shuffled), [])
    assert first.in_clean.tolist() == second.in_clean.tolist()
    assert first.changed == second.changed == len(raw) - len(kept)
    assert len(first.rows) == len(raw)


def test_of_equal_rows_the_first_stay():
    found = pool(rows([("a", "x"), ("a", "x"), ("a", "x")]), rows([("a", "x"), ("a", "x")]), [])
    assert found.in_clean.tolist() == [True, True, False]


def test_an_edited_row_takes_the_place_of_its_raw_form():
    found = pool(rows([("a", "x"), ("b", "y")]), rows([("a", "x"), ("b", "x"), ("c", "x")]), [])
    assert [row.prompt for row in found.rows] == ["a", "b", "b", "c"]
    assert found.slot.tolist() == [0, 1, 1, 3]
    assert found.in_clean.tolist() == [True, False, True, True]
    assert found.group[1] == found.group[2]
    assert (found.changed, found.brought) == (2, 1.0)


def test_rows_that_match_an_eval_row_are_in_no_arm():
    found = pool(rows([("Where is it?", "x"), ("b", "y")]), rows([("b", "y")]), rows([("where  is it", "x")]))
    assert found.raw.tolist() == found.clean.tolist() == [1]
    assert found.changed == 0


def test_more_new_rows_than_lost_ones_count_as_changed():
    assert pool(rows([("a", "x")]), rows([("a", "x"), ("b", "x"), ("c", "x")]), []).changed == 2


def test_near_copies_share_a_group():
    texts = ["Top up my card!", "top  up my card", "Top up my cards", "?", "!"]
    assert groups(texts).tolist() == [0, 0, 1, 2, 3]
    assert loose("2+3") != loose("2-3")


LONG = "please tell me where my new card is because I ordered it in the bank app three weeks ago and nothing came yet"


def test_long_texts_with_a_word_changed_are_near_copies_and_leaks():
    changed = LONG.replace("yet", "so far")
    assert groups([LONG, changed, "another text"]).tolist() == [0, 0, 1]
    others = [(f"text {i}", "x") for i in range(20)]
    found = pool(rows([(changed, "x"), *others]), rows(others), rows([(LONG, "x")]))
    assert found.leaked.tolist() == [True] + [False] * 20


def test_the_wording_of_a_task_is_neither_copy_nor_leak():
    asked = [(f"{LONG} {first}{second}", "x") for first in "abcde" for second in "vwxyz"]
    assert len(set(groups([text for text, _ in asked]).tolist())) == 25
    assert not pool(rows(asked), rows(asked), rows([(f"{LONG} ten", "x")])).leaked.any()


def test_lone_surrogates_are_texts_too():
    assert groups(["\ud800 a", "b"]).tolist() == [0, 1]


def conversation(*turns):
    made = tuple(Turn(role, text, role == "assistant", f"/messages/{i}") for i, (role, text) in enumerate(turns))
    return Example(row=0, value={}, format="chat", turns=made, text="", label=None)


def test_closed_answers_make_a_classification_task():
    closed = [conversation(("user", f"Is {i} even?"), ("assistant", "yes" if i % 2 else "no")) for i in range(20)]
    assert detect_task(closed) == "classification"
    first = training_rows(closed, "classification")[0]
    assert (first.prompt, first.answer) == ("Is 0 even?", "no")


def test_open_answers_make_a_chat_task():
    opened = [conversation(("user", "hi"), ("assistant", f"My name is number {i}.")) for i in range(20)]
    assert detect_task(opened) == "chat"


def test_a_row_without_a_label_is_not_trained():
    labelled = examples([("a", "x"), ("b", "y")])
    missing = Example(row=2, value={}, format="classification", turns=(), text="c", label=None)
    assert len(training_rows([*labelled, missing], "classification")) == 2


def test_bare_text_is_no_task():
    bare = [Example(row=i, value={}, format="text", turns=(), text="a", label=None) for i in range(3)]
    with pytest.raises(InputError, match="3 of 3 rows are text"):
        detect_task(bare)
