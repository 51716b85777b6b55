"""TOK002 and TOK006 beyond their own examples."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint.rule import Found
from datalint.run import check
from datalint_rules.tok.special_token import SpecialTokenInContent

Find = Callable[..., list[dict[str, Any]]]
# One token a word; <end> and <mark> are added tokens.
WORDS = {
    "version": "1.0",
    "added_tokens": [
        {
            "id": i,
            "content": c,
            "special": s,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        for i, c, s in [(1, "<end>", True), (2, "<think>", False), (3, "<image>", True), (4, "  ", False)]
    ],
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"},
}
PLAIN = "{% for m in messages %}{{ m.role }}: {{ m.content }} <end>\n{% endfor %}"
MARKED = (
    "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }} <end>"
    "{% endgeneration %}{% else %}{{ m.content }} <end>{% endif %}\n{% endfor %}"
)


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Findings on rows with a tokenizer of words, and a template."""

    def found(code: str, *rows: dict[str, Any], template: str = PLAIN, **options: Any) -> list[dict[str, Any]]:
        data, folder = tmp_path / "train.jsonl", tmp_path / "model"
        folder.mkdir(exist_ok=True)
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        (folder / "tokenizer.json").write_text(json.dumps(WORDS), encoding="utf-8")
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        options = {"tokenizer": str(folder), "isolated": True} | options
        return check(str(data), select=[code], **options).findings.to_dicts()

    return found


def talk(*pairs: tuple[str, Any], **columns: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in pairs], **columns}


def words(n: int) -> str:
    return " ".join(f"word{i}" for i in range(n))


@pytest.mark.parametrize("template", [PLAIN, MARKED])
@pytest.mark.parametrize(
    ("system", "answer", "severity"),
    [(5, 4, None), (40, 5, "error"), (5, 40, "warning"), (10, 1, "error"), (9, 1, "warning"), (8, 1, None)],
)
def test_what_the_cut_leaves(find: Find, template: str, system: int, answer: int, severity: str | None) -> None:
    # Tokens: role and <end> are two of each turn; 16 are kept.
    row = talk(("system", words(system)), ("user", "q"), ("assistant", words(answer)))
    found = find("TOK002", row, template=template, max_length=16)
    assert [finding["severity"] for finding in found] == ([severity] if severity else [])
    assert all(finding["fix"] == ("drop" if severity == "error" else None) for finding in found)


def test_the_place_is_the_answer_that_is_lost(find: Find) -> None:
    row = talk(("user", "a"), ("assistant", "b"), ("user", words(50)), ("assistant", "c"))
    (finding,) = find("TOK002", row, max_length=20)
    assert (finding["severity"], finding["pointer"]) == ("warning", "/messages/3/content")
    (finding,) = find("TOK002", row, max_length=20, loss="completion")
    assert (finding["severity"], finding["pointer"]) == ("error", "/messages/3/content")
    (finding,) = find("TOK002", row, max_length=20, loss="all")
    assert finding["severity"] == "warning"


def test_an_answer_that_repeats_the_question_is_found_behind_it(find: Find) -> None:
    row = talk(("user", words(30)), ("assistant", "word3"))
    (finding,) = find("TOK002", row, max_length=20)
    assert finding["severity"] == "error"


def test_rows_without_a_template_are_prompt_and_completion_or_text(find: Find) -> None:
    rows = [
        {"prompt": words(30), "completion": " done"},
        {"prompt": "q", "completion": " " + words(30)},
        {"prompt": words(10), "completion": " done"},
    ]
    found = find("TOK002", *rows, max_length=20)
    assert [(finding["row"], finding["severity"]) for finding in found] == [(0, "error"), (1, "warning")]
    assert [f["message"] for f in find("TOK002", {"text": words(30)}, max_length=20)] == [
        "the end of the text is cut: 30 tokens, the trainer keeps the first 20"
    ]


def test_the_worse_side_of_a_preference_row_counts(find: Find) -> None:
    row = {"prompt": words(10), "chosen": words(30), "rejected": "no"}
    assert len(find("TOK002", row, max_length=20)) == 1
    row = {"prompt": words(30), "chosen": words(30), "rejected": "no"}
    assert [finding["severity"] for finding in find("TOK002", row, max_length=20)] == ["error"]


def test_only_the_tokenizers_own_tokens_count_where_there_is_one(find: Find) -> None:
    row = talk(("user", "What is <end>?"), ("assistant", "Like <|im_end|>."))
    (finding,) = find("TOK006", row)
    assert (finding["pointer"], finding["severity"]) == ("/messages/0/content", "error")
    (finding,) = find("TOK006", row, tokenizer=None)
    assert (finding["pointer"], finding["severity"]) == ("/messages/1/content", "warning")


def test_tokens_of_white_space_ready_made_text_and_metadata_do_not_count(find: Find) -> None:
    rows = [talk(("user", "two  spaces"), ("assistant", "a"), id="<end>"), talk(("user", "u"), source="<end>")]
    assert find("TOK006", *rows) == []
    assert find("TOK006", {"text": "user: hi <end>"}) == []


def test_reasoning_tags_belong_into_answers_and_not_into_questions(find: Find) -> None:
    found = find("TOK006", talk(("user", "<think>"), ("assistant", "<think>deep")))
    assert [finding["pointer"] for finding in found] == ["/messages/0/content"]


def test_placeholders_of_media_that_the_row_brings_along(find: Find) -> None:
    turns = (("user", "<image> What?"), ("assistant", "A lake."))
    assert find("TOK006", talk(*turns, images=["lake.png"])) == []
    assert len(find("TOK006", talk(*turns))) == 1


def test_tool_arguments_and_declared_tools_are_read_too(find: Find) -> None:
    call = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"function": {"name": "f", "arguments": '{"a": "<end>"}'}}],
    }
    row = {"messages": [{"role": "user", "content": "q"}, call], "tools": [{"name": "f", "description": "<end>"}]}
    pointers = [finding["pointer"] for finding in find("TOK006", row)]
    assert pointers == ["/messages/1/tool_calls/0/function/arguments", "/tools/0/description"]


@given(text=st.text(alphabet="<|im_end> ", max_size=40), token=st.sampled_from(["<|im_end|>", "<end>", "[INST]"]))
def test_a_broken_token_is_gone_and_breaking_it_again_changes_nothing(text: str, token: str) -> None:
    rule = SpecialTokenInContent()
    found = [Found("/prompt", None, None, {"token": token})]
    once = rule.rewrite({"prompt": text + token + text, "completion": ""}, found)
    assert token not in once["prompt"]
    assert rule.rewrite(once, found) == once


def test_the_end_token_may_end_an_answer_that_no_template_ends(find: Find, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "tokenizer_config.json").write_text('{"eos_token": "<end>"}')
    assert find("TOK006", {"prompt": "a", "completion": " b <end>"}) == []
    assert len(find("TOK006", {"prompt": "a", "completion": " b <end> c"})) == 1
    assert len(find("TOK006", {"prompt": "a <end>", "completion": " b"})) == 1
    assert len(find("TOK006", talk(("user", "a"), ("assistant", "b <end>")))) == 1
