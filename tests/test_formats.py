"""What a row's columns say."""

import pytest

from datalint.formats import shape_of
from datalint.views.turns import is_closed, turns_of

CHAT = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
SHARE = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"messages": CHAT}, "chat"),
        ({"conversations": CHAT}, "chat"),
        ({"messages": CHAT, "tools": [], "id": 1}, "chat"),
        ({"conversations": SHARE}, "sharegpt"),
        ({"messages": SHARE}, "sharegpt"),
        ({"instruction": "a", "output": "b"}, "alpaca"),
        ({"instruction": "a", "context": "", "response": "b"}, "alpaca"),
        ({"prompt": "a", "completion": "b"}, "prompt-completion"),
        ({"question": "a", "answer": "b"}, "prompt-completion"),
        ({"query": "a", "response": "b"}, "prompt-completion"),
        ({"input": "a", "output": "b"}, "prompt-completion"),
        ({"prompt": CHAT[:1], "completion": CHAT[1:]}, "prompt-completion"),
        ({"prompt": "a"}, "prompt-only"),
        ({"text": "a"}, "text"),
        ({"text": "a", "label": 1}, "classification"),
        ({"text": "a", "category": "b"}, "classification"),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference"),
        ({"chosen": CHAT, "rejected": CHAT}, "preference"),
        ({"conversations": SHARE[:1], "chosen": SHARE[1], "rejected": SHARE[1]}, "preference"),
        ({"prompt": "a", "completion": "b", "label": True}, "unpaired"),
        ({"prompt": "a", "completion": "b", "label": "False"}, "unpaired"),
        ({"messages": CHAT, "label": True}, "unpaired"),
        ({"prompt": "a", "completions": ["b"], "labels": [True]}, "stepwise"),
        ({"messages": None, "conversations": SHARE}, "sharegpt"),
        ({"messages": None, "prompt": "a", "completion": "b"}, "prompt-completion"),
        ({"prompt": "a", "completion": None}, "prompt-completion"),
        ({"instruction": "a", "input": None, "output": None}, "alpaca"),
        ({"foo": "a"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_columns_decide_the_format(row, expected) -> None:
    assert shape_of(row).format == expected


def test_a_user_may_name_the_columns() -> None:
    shape = shape_of({"dialog": CHAT}, {"messages": "dialog"})
    assert shape.format == "chat"
    assert turns_of({"dialog": CHAT}, shape)[1].pointer == "/dialog/1/content"


def test_turns_have_one_shape_whatever_the_format() -> None:
    rows = [
        {"messages": CHAT},
        {"conversations": SHARE},
        {"instruction": "a", "input": "", "output": "b"},
        {"prompt": "a", "completion": "b"},
        {"text": "a", "label": "b"},
    ]
    for row in rows:
        turns = turns_of(row, shape_of(row))
        assert [(t.role, t.content, t.trained) for t in turns] == [("user", "a", False), ("assistant", "b", True)]


def test_switched_off_turns_are_not_trained() -> None:
    row = {"messages": [CHAT[0], {**CHAT[1], "weight": 0}]}
    assert not any(t.trained for t in turns_of(row, shape_of(row)))


def test_content_blocks_are_their_text() -> None:
    blocks = [{"type": "image"}, {"type": "text", "text": "what is it?"}]
    row = {"messages": [{"role": "user", "content": blocks}]}
    assert turns_of(row, shape_of(row))[0].content == "<image>\nwhat is it?"


def test_messages_that_are_no_objects_do_not_crash() -> None:
    row = {"messages": ["a", None, 3, {"role": None, "content": {"x": 1}}]}
    assert [t.content for t in turns_of(row, shape_of(row))] == ['{"x":1}']


@pytest.mark.parametrize(
    ("answer", "closed"),
    [
        ("Yes", True),
        ("about five hundred", True),
        ("one two three four five six", False),
        ("巴黎", True),
        ("您好，我是一个由团队打造的人工智能助手", False),
    ],
)
def test_closed_answers(answer, closed) -> None:
    assert is_closed(answer) is closed


def test_an_instruction_and_its_input_are_the_prompt_of_a_preference_row() -> None:
    row = {"instruction": "Name it.", "input": "", "chosen": "The Baltic.", "rejected": "The Aral."}
    shape = shape_of(row)
    assert shape.format == "preference"
    assert [(turn.field, turn.content) for turn in turns_of(row, shape)] == [
        ("instruction", "Name it."),
        ("chosen", "The Baltic."),
        ("rejected", "The Aral."),
    ]
    row = {"input": "Name a sea.", "chosen": "The Baltic.", "rejected": "The Aral."}
    assert [turn.field for turn in turns_of(row, shape_of(row))] == ["prompt", "chosen", "rejected"]
