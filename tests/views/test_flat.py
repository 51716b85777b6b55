"""Turns and texts read column by column are those that are read row by row."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from datalint.formats import shape_of
from datalint.views.compared import held
from datalint.views.flat import strings, texts, turns
from datalint.views.forms import forms_of, plain_of
from datalint.views.turns import turns_of

TEXT = st.sampled_from(["", " ", "a", "A b.", "ä\n\nb", "true", "x y z"])
ROLE = st.sampled_from(["user", "assistant", "Assistant", "system", "tool", "nobody"])
MESSAGE = st.fixed_dictionaries({"role": ROLE, "content": TEXT})
FROM = st.fixed_dictionaries({"from": st.sampled_from(["human", "gpt", "function_call"]), "value": TEXT})
ODD = st.one_of(
    MESSAGE, FROM, st.just("no message"), st.fixed_dictionaries({"role": ROLE, "content": TEXT, "weight": st.just(0)})
)
ROW = st.one_of(
    st.fixed_dictionaries({"messages": st.lists(MESSAGE, max_size=3)}),
    st.fixed_dictionaries({"messages": st.lists(MESSAGE, max_size=3), "system": TEXT}),
    st.fixed_dictionaries({"id": TEXT, "conversations": st.lists(FROM, max_size=3), "n": st.just(1)}),
    st.fixed_dictionaries({"messages": st.lists(ODD, max_size=3)}),
    st.fixed_dictionaries({"instruction": TEXT, "input": TEXT, "output": TEXT, "system": TEXT}),
    st.fixed_dictionaries({"prompt": TEXT, "completion": TEXT, "label": st.one_of(TEXT, st.booleans())}),
    st.fixed_dictionaries({"prompt": TEXT, "chosen": st.lists(MESSAGE, max_size=2), "rejected": TEXT}),
    st.fixed_dictionaries({"text": TEXT, "label": st.sampled_from(["a", 1, 1.5, None])}),
    st.fixed_dictionaries({"prompt": TEXT, "completions": st.lists(TEXT, max_size=2), "labels": st.just([True])}),
    st.fixed_dictionaries({"text": TEXT}),
    st.fixed_dictionaries({"what": TEXT, "else": st.lists(TEXT, max_size=2)}),
    st.none(),
)


@st.composite
def chunks(draw: st.DrawFn) -> list[dict[str, Any] | None]:
    """Rows of few forms, so that some have many rows."""
    some = draw(st.lists(ROW, min_size=1, max_size=8))
    return draw(st.lists(st.sampled_from(some), min_size=1, max_size=60))


@given(chunks())
def test_forms_are_of_one_shape_each(values) -> None:
    forms = forms_of(values)
    assert sorted(row for form in forms for row in form.rows) == [i for i, v in enumerate(values) if v is not None]
    for form in forms:
        for row in form.rows:
            assert shape_of(values[row]) == form.shape
            assert {key: type(cell) for key, cell in values[row].items()} == form.types


@given(chunks())
def test_turns_by_column_are_those_of_each_row(values) -> None:
    found = turns(values, [plain_of(values, form) for form in forms_of(values)])
    expected = [(row, *turn) for row, v in enumerate(values) if v is not None for turn in turns_of(v, shape_of(v))]
    assert [(int(row), *rest) for row, *rest in zip(*found, strict=True)] == expected
    numbers = [number for v in values if v is not None for number, _ in enumerate(turns_of(v, shape_of(v)))]
    assert found.numbers().tolist() == numbers


@given(chunks())
def test_texts_by_column_are_those_of_each_row(values) -> None:
    found = texts(values, [plain_of(values, form) for form in forms_of(values)])
    expected = [(row, *told) for row, v in enumerate(values) if v is not None for told in strings(v, "", None)]
    assert [(int(row), *rest) for row, *rest in zip(*found, strict=True)] == expected


@given(chunks())
def test_rows_that_say_the_same_are_equal_wherever_they_stand(values) -> None:
    def of(rows: list[dict[str, Any] | None]) -> list[tuple[bytes, str, tuple[int, ...], list[bytes]]]:
        forms = forms_of(rows)
        every = held(rows, forms, turns(rows, [plain_of(rows, form) for form in forms]))
        last = dict(every.last_answers(("chat", "sharegpt", "alpaca", "classification")))
        assert all(every.compared()[place].ends[-1] == end for place, end in last.items())
        contexts = [[one.context(end) for end in one.ends] for one in every.compared()]
        some = zip(every.whole(), every.compared(), contexts, strict=True)
        return [(whole, one.text, one.ends, context) for whole, one, context in some]

    assert of(values) == [told for value in values if value is not None for told in of([value])]
