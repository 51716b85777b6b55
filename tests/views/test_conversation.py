"""Rows as a chat template gets them."""

from typing import Any

from datalint.formats import shape_of
from datalint.views.conversation import Dialogue, dialogues_of
from datalint.views.turns import turns_of

ASK, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}


def dialogues(row: dict[str, Any]) -> list[Dialogue]:
    shape = shape_of(row)
    return dialogues_of(0, row, shape, turns_of(row, shape))


def test_messages_are_taken_as_they_are() -> None:
    messages = [{"role": "human", "content": None, "name": "x"}, ANSWER]
    (dialogue,) = dialogues({"messages": messages})
    assert dialogue.conversation.messages == messages
    assert dialogue.contents == ("/messages/0/content", "/messages/1/content")
    assert dialogue.trained == (False, True)


def test_turns_that_are_switched_off_are_not_trained() -> None:
    (dialogue,) = dialogues({"messages": [ASK, {**ANSWER, "weight": 0}, ASK, ANSWER]})
    assert dialogue.trained == (False, False, False, True)


def test_sharegpt_turns_get_their_usual_roles() -> None:
    row = {
        "conversations": [
            {"from": "human", "value": "w?"},
            {"from": "function_call", "value": '{"name": "w", "arguments": {"c": 1}}'},
            {"from": "observation", "value": "20"},
            {"from": "gpt", "value": "Warm."},
        ],
        "system": "Be brief.",
        "tools": '[{"name": "w", "parameters": {}}]',
    }
    (dialogue,) = dialogues(row)
    roles = [message["role"] for message in dialogue.conversation.messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant"]
    call = dialogue.conversation.messages[2]["tool_calls"][0]
    assert call == {"type": "function", "function": {"name": "w", "arguments": {"c": 1}}}
    assert dialogue.conversation.tools == [{"type": "function", "function": {"name": "w", "parameters": {}}}]
    assert dialogue.contents[:2] == ("/system", "/conversations/0/value")
    assert dialogue.mapped


def test_a_function_call_that_is_no_json_stays_text() -> None:
    (dialogue,) = dialogues({"conversations": [{"from": "function_call", "value": "w(c=1)"}]})
    assert dialogue.conversation.messages == [{"role": "assistant", "content": "w(c=1)"}]


def test_both_sides_of_a_preference_row() -> None:
    chosen, rejected = dialogues({"prompt": [ASK], "chosen": [ANSWER], "rejected": [{**ANSWER, "content": "b"}]})
    assert [m["content"] for m in chosen.conversation.messages] == ["q", "a"]
    assert [m["content"] for m in rejected.conversation.messages] == ["q", "b"]
    assert rejected.contents == ("/prompt/0/content", "/rejected/0/content")


def test_rows_without_message_lists_are_not_rendered() -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": "q", "completion": "a"},
        {"prompt": "q", "completion": [ANSWER]},
        {"instruction": "q", "input": "", "output": "a"},
        {"text": "t"},
        {"messages": []},
        {"messages": "[]"},
        {"something": "else"},
    ]
    assert [dialogues(row) for row in rows] == [[]] * len(rows)


def test_what_else_a_template_is_given() -> None:
    row = {"messages": [ASK], "documents": [{"title": "t"}], "chat_template_kwargs": {"thinking": True, "tools": 1}}
    (dialogue,) = dialogues(row)
    assert dialogue.conversation.variables == {"documents": [{"title": "t"}], "thinking": True}
    assert dialogue.conversation.tools is None
