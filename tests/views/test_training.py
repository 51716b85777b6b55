"""What a trainer sees of a row: trained characters, end token, cut."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint.formats import shape_of
from datalint.profiles import Cut
from datalint.target import Target
from datalint.tokens import Rendered, load_template, render_rows
from datalint.views.conversation import dialogues_of
from datalint.views.training import TrainedText, as_trained, kept_tokens, trained_texts, trained_tokens
from datalint.views.turns import turns_of

SHARED = Path(__file__).parents[3] / "shared" / "data"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}"
    "{% for c in m.tool_calls or [] %}{{ c.function.name }}({{ c.function.arguments | tojson }}){% endfor %}"
    "<|im_end|>\n{% endfor %}"
)
ESCAPED = "{% for m in messages %}[{{ m.role }}]{{ m.content | tojson }}\n{% endfor %}"
LOUD = "{% for m in messages %}[{{ m.role }}]{{ m.content | upper }}\n{% endfor %}"
MARKED = (
    "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<end>"
    "{% endgeneration %}{% else %}{{ m.content }}<end>{% endif %}\n{% endfor %}"
)
CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "find", "arguments": {"n": 1}}}]}


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def seen(row: dict[str, Any], source: str = "", loss: str | None = None) -> list[TrainedText]:
    """The trained texts of a row, rendered by a template."""
    shape = shape_of(row)
    turns = turns_of(row, shape)
    dialogues = dialogues_of(0, row, shape, turns)
    template = load_template(None, None)
    rendered = []
    if source and dialogues:
        template = type(template)({"default": source}, {"eos_token": ""})
        rendered = list(zip(dialogues, render_rows(template, [d.conversation for d in dialogues]), strict=True))
    return list(trained_texts(rendered, {d.row for d in dialogues}, [shape], [turns], loss))


def parts(row: dict[str, Any], source: str = CHATML, loss: str | None = None) -> list[list[str]]:
    return [[text.text[start:end] for start, end in text.spans] for text in seen(row, source, loss)]


def test_of_a_conversation_the_assistant_is_trained_with_what_ends_the_last_turn() -> None:
    row = {"messages": [turn("user", "q"), turn("assistant", "one"), turn("user", "r"), turn("assistant", " two\n")]}
    assert parts(row) == [["one", "two<|im_end|>"]]
    assert parts(row, loss="completion") == [["two<|im_end|>"]]
    assert parts(row, loss="all")[0][0].startswith("<|im_start|>user")


def test_an_answer_that_also_stands_in_the_prompt_is_found_in_its_own_place() -> None:
    row = {
        "messages": [turn("user", "Say yes or no."), turn("assistant", "no"), turn("user", "yes?"), turn("user", "no")]
    }
    [text] = seen(row, CHATML)
    assert text.text[: text.spans[0][0]].endswith("<|im_start|>assistant\n")


@pytest.mark.parametrize("word", ["a", "e", "i", "is", "or"])
def test_short_words_are_not_found_inside_the_names_of_roles(word: str) -> None:
    [text] = seen({"messages": [turn("user", word), turn("assistant", word)]}, CHATML)
    assert text.text[: text.spans[0][0]].endswith("<|im_start|>assistant\n")


def test_what_a_template_escapes_or_changes_keeps_its_place() -> None:
    row = {"messages": [turn("user", 'Say "hi".\nü'), turn("assistant", 'He said "hi".')]}
    [text] = seen(row, ESCAPED)
    assert text.text[text.spans[0][0] :].startswith('He said \\"hi\\".')
    [text] = seen({"messages": [turn("user", "ask me"), turn("assistant", "tell me")]}, LOUD)
    assert "TELL ME" in text.text[text.spans[0][0] :]
    assert "ASK ME" not in text.text[text.spans[0][0] :]


def test_reasoning_is_trained_with_the_answer() -> None:
    row = {"messages": [turn("user", "q"), turn("assistant", "<think>\nlong\n</think>\n\nshort")]}
    assert parts(row) == [["long\n</think>\n\nshort<|im_end|>"]]
    kept = "{% for m in messages %}{{ m.role }}: {{ m.reasoning_content }} {{ m.content }}\n{% endfor %}"
    row = {"messages": [turn("user", "q"), turn("assistant", "short") | {"reasoning_content": "long"}]}
    assert parts(row, kept) == [["long short"]]


def test_blocks_and_calls_are_found() -> None:
    blocks = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    spread = "{% for m in messages %}<{{ m.role }}>{% for b in m.content %}{{ b.text }}{% endfor %}\n{% endfor %}"
    assert parts({"messages": [turn("user", blocks), turn("assistant", blocks)]}, spread) == [["onetwo"]]
    [[call]] = parts({"messages": [turn("user", "q"), CALL]}, CHATML.replace("m.content", "(m.content or '')"))
    assert call == 'find({"n": 1})<|im_end|>'


def test_generation_markers_are_believed() -> None:
    row = {"messages": [turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d")]}
    assert parts(row, MARKED) == [["b<end>", "d<end>"]]
    assert parts(row, MARKED, "completion") == [["d<end>"]]


def test_of_prompt_and_completion_the_completion_is_trained_all_of_it() -> None:
    row = {
        "prompt": [turn("user", "q"), turn("assistant", "old"), turn("user", "r")],
        "completion": [turn("assistant", "new")],
    }
    assert parts(row) == [["new<|im_end|>"]]
    row = {"prompt": [turn("user", "q")], "completion": [CALL, turn("tool", "x"), turn("assistant", "new")]}
    [[text]] = parts(row, CHATML.replace("m.content", "(m.content or '')"))
    assert text.startswith("find(")
    assert text.endswith("new<|im_end|>")
    assert parts({"prompt": "q:", "completion": " a"}, "") == [[" a"]]
    assert parts({"prompt": "q:", "completion": " a"}, "", "all") == [["q: a"]]
    assert parts({"text": "q: a"}, "") == [["q: a"]]


def test_a_preference_row_has_two_texts() -> None:
    row = {"prompt": [turn("user", "q")], "chosen": [turn("assistant", "good")], "rejected": [turn("assistant", "bad")]}
    assert parts(row) == [["good<|im_end|>"], ["bad<|im_end|>"]]
    whole = {
        side: [turn("user", "q"), turn("assistant", "x"), turn("user", "r"), turn("assistant", side)]
        for side in ("chosen", "rejected")
    }
    assert parts(whole) == [["chosen<|im_end|>"], ["rejected<|im_end|>"]]
    assert parts({"prompt": "q", "chosen": " a", "rejected": " b"}, "") == [[" a"], [" b"]]


def test_a_profile_says_what_is_trained_where_the_user_does_not() -> None:
    [text] = seen({"messages": [turn("user", "q"), turn("assistant", "a")]}, CHATML)
    assert as_trained(text, Target(profile="trl")).spans == [(0, len(text.text.rstrip()))]
    assert as_trained(text, Target(profile="trl", loss="assistant")) == text
    assert as_trained(text, Target(profile="axolotl")) == text
    [text] = seen({"prompt": [turn("user", "q")], "completion": [turn("assistant", "a")]}, CHATML)
    assert as_trained(text, Target(profile="trl")) == text


def test_mistral_trains_the_last_answer_of_a_row_with_tools() -> None:
    messages = [turn("user", "q"), turn("assistant", "one"), turn("user", "r"), turn("assistant", "two")]
    tools = [{"type": "function", "function": {"name": "f"}}]
    [text] = seen({"messages": messages, "tools": tools}, CHATML)
    assert len(as_trained(text, Target(profile="mistral-finetune")).spans) == 1
    [text] = seen({"messages": messages}, CHATML)
    assert len(as_trained(text, Target(profile="mistral-finetune")).spans) == 2


def test_a_trainer_that_appends_the_end_token_is_taken_at_its_word(tmp_path: Path) -> None:
    model = {"type": "WordLevel", "vocab": {"?": 0, "</s>": 1}, "unk_token": "?"}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "</s>"}')
    [text] = seen({"prompt": "q:", "completion": " a"})
    ended = as_trained(text, Target(tmp_path, profile="trl"))
    assert (ended.text, ended.spans) == ("q: a</s>", [(2, 8)])
    assert as_trained(ended, Target(tmp_path, profile="trl")) == ended
    assert as_trained(text, Target(tmp_path)) == text


def numbers(cut: Cut, limit: int, spans: Sequence[tuple[int, int]], total: int = 10) -> list[int]:
    """What is left of ten tokens of one character each."""
    tokens = np.array([(place, place + 1) for place in range(total)], dtype=np.int32)
    return np.flatnonzero(kept_tokens(tokens, spans, limit, cut)).tolist()


def test_each_cut_keeps_its_own() -> None:
    assert numbers("keep-start", 4, [(8, 10)]) == [0, 1, 2, 3]
    assert numbers("keep-end", 4, [(8, 10)]) == [6, 7, 8, 9]
    assert numbers("drop", 4, [(8, 10)]) == []
    assert numbers("none", 4, [(8, 10)]) == list(range(10))
    assert numbers("drop", 10, [(8, 10)]) == list(range(10))


def test_by_turn_the_shorter_side_is_kept_whole() -> None:
    assert numbers("by-turn", 6, [(8, 10)]) == [0, 1, 2, 3, 8, 9]
    assert numbers("by-turn", 6, [(2, 10)]) == [0, 1, 2, 3, 4, 5]
    assert numbers("by-turn", 6, [(5, 10)]) == [0, 1, 2, 5, 6, 7]
    assert numbers("by-turn", 4, [(2, 4), (6, 10)]) == [0, 1, 2, 3]


@given(
    total=st.integers(1, 60),
    limit=st.integers(1, 60),
    cut=st.sampled_from(["keep-start", "keep-end", "drop", "by-turn"]),
    edges=st.lists(st.integers(0, 60), max_size=6),
)
def test_no_cut_keeps_more_than_the_limit(total: int, limit: int, cut: Cut, edges: list[int]) -> None:
    places = sorted({min(edge, total) for edge in edges})
    spans = list(zip(places[::2], places[1::2], strict=False))
    assert len(numbers(cut, limit, spans, total)) <= max(limit, total if total <= limit else 0)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(0, 40), st.integers(0, 40))
def test_a_token_is_trained_if_a_character_of_it_is(lengths: list[int], start: int, size: int) -> None:
    ends = np.cumsum(lengths)
    tokens = np.stack([ends - lengths, ends], axis=1).astype(np.int32)
    wanted = [any(start <= at < start + size for at in range(a, b)) for a, b in tokens.tolist()]
    assert trained_tokens(tokens, [(start, start + size)] if size else []).tolist() == wanted


def test_the_tokenizers_own_last_token_ends_a_trained_text() -> None:
    tokens = np.array([(0, 0), (0, 1), (1, 2), (0, 0)], dtype=np.int32)
    assert trained_tokens(tokens, [(1, 2)]).tolist() == [False, False, True, True]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared chat templates")
def test_answers_are_found_in_the_renders_of_stock_templates() -> None:
    folder = SHARED / "tokenizers" / "phi-3-mini"
    answers = ("4", "no", "    return x", 'He said "hi".\nüß', "The answer is in the answer.")
    rows = [{"messages": [turn("user", f"{answer} or 4, no?"), turn("assistant", answer)]} for answer in answers]
    looked = 0
    for path in sorted(SHARED.glob("chat-templates/*/*.jinja")):
        template = load_template(folder, path)
        for row, answer in zip(rows, answers, strict=True):
            shape = shape_of(row)
            turns = turns_of(row, shape)
            dialogues = dialogues_of(0, row, shape, turns)
            [render] = render_rows(template, [dialogues[0].conversation])
            if not isinstance(render, Rendered) or answer.strip() not in render.text.partition("no?")[2]:
                continue
            [text] = trained_texts([(dialogues[0], render)], {0}, [shape], [turns], None)
            where = render.text.rindex(answer.strip())
            assert text.spans[0][0] <= where < text.spans[0][1], path
            assert "no?" not in text.text[text.spans[0][0] :], path
            looked += 1
    assert looked > 200
