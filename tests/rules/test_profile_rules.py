"""QTY002 and what profiles change in FMT109, TOK001, TOK002 and TOK004."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from datalint.profiles import Profile
from datalint.rule import Found
from datalint.run import check
from datalint_rules.qty.provider_limits import _dataset
from datalint_rules.tok.missing_eos import MissingEos

Find = Callable[..., list[dict[str, Any]]]
WORDS = {
    "version": "1.0",
    "added_tokens": [
        {
            "id": 1,
            "content": "</s>",
            "special": True,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
    ],
    "pre_tokenizer": {"type": "WhitespaceSplit"},
    "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"},
}
PLAIN = "{% for m in messages %}{{ m.role }}: {{ m.content }} </s>\n{% endfor %}"
TALK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Findings on rows, with a tokenizer of words and a template."""

    def found(code: str, *rows: dict[str, Any], name: str = "train.jsonl", **options: Any) -> list[dict[str, Any]]:
        data, folder = tmp_path / name, tmp_path / "model"
        folder.mkdir(exist_ok=True)
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        (folder / "tokenizer.json").write_text(json.dumps(WORDS), encoding="utf-8")
        (folder / "tokenizer_config.json").write_text('{"eos_token": "</s>"}', encoding="utf-8")
        (folder / "chat_template.jinja").write_text(PLAIN, encoding="utf-8")
        options = {"tokenizer": str(folder), "isolated": True} | options
        return check(str(data), select=[code], **options).findings.to_dicts()

    return found


def args(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(item["args"]) for item in found]


def calls(arguments: Any, **more: Any) -> dict[str, Any]:
    call = {"id": "abc", "type": "function", "function": {"name": "f", "arguments": arguments}} | more
    return {"messages": [TALK[0], {"role": "assistant", "tool_calls": [call]}]}


def test_too_few_rows_is_one_finding_about_the_dataset_with_limit_and_value(find: Find) -> None:
    [found] = find("QTY002", *[{"messages": TALK}] * 3, profile="openai")
    assert (found["row"], found["severity"]) == (None, "error")
    assert args([found]) == [{"profile": "openai", "limit": "takes 10 rows or more", "value": "there are 3"}]
    assert find("QTY002", *[{"messages": TALK}] * 10, profile="openai") == []


def test_what_is_only_advised_is_an_info(find: Find) -> None:
    row = {"contents": [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "a"}]}]}
    [found] = find("QTY002", *[row] * 20, profile="vertex-gemini")
    assert found["severity"] == "info"
    [found] = find("QTY002", *[row] * 5, profile="vertex-gemini")
    assert found["severity"] == "error"


def test_sizes_are_judged_by_split_and_by_file() -> None:
    profile = Profile("", [], max_rows=5, max_eval_rows=2, max_file_bytes=100)
    frame = pl.DataFrame(
        {"split": ["train", "train", "eval"], "file": [0, 1, 2], "rows": [3, 3, 3], "bytes": [99, 101, 0]}
    )
    found = [(file, value) for file, _, _, value, _ in _dataset("x", profile, frame)]
    assert found == [(0, "there are 6"), (2, "there are 3"), (1, "this one has 101")]


def test_columns_that_do_not_fit_are_told_once_for_all_rows_that_have_them(find: Find) -> None:
    rows = [{"messages": TALK}] * 8 + [{"instruction": "q", "output": "a"}] * 5
    [found] = find("QTY002", *rows, profile="openai")
    assert found["row"] == 8
    assert "in 5 rows" in args([found])[0]["value"]


def test_extra_columns_and_what_other_rules_tell_are_not_told_again(find: Find) -> None:
    odd = [
        {"messages": TALK, "id": 1},
        {"messages": [TALK[0], TALK[0], TALK[1]]},
        {"messages": [TALK[0]]},
        {"messages": [*TALK, {"role": "narrator", "content": "n"}]},
        {"messages": [TALK[0], {"role": "assistant", "content": "a", "weight": 0.5}]},
    ]
    assert find("QTY002", *odd, profile="together") == []


@pytest.mark.parametrize(
    ("profile", "row", "pointer"),
    [
        ("mistral-finetune", calls({"n": 1}), "/messages/1/tool_calls/0/function/arguments"),
        ("mistral-finetune", calls("{}", id=None), "/messages/1/tool_calls/0"),
        ("mistral-finetune", {"messages": [*TALK, {"role": "tool", "content": "x"}, TALK[1]]}, "/messages/2"),
        ("mistral-finetune", {"interactions": [{"role": "gpt", "content": "a"}]}, "/interactions/0"),
        ("together", {"messages": [*TALK, *[{"role": "tool", "content": "x"}] * 2, TALK[1]]}, "/messages/3"),
        ("together", {"messages": [{"role": "developer", "content": "d"}, *TALK]}, "/messages/0"),
        (
            "together",
            {"input": {"messages": TALK[:1]}, "preferred_output": TALK, "non_preferred_output": TALK[1:]},
            "/preferred_output",
        ),
        ("trl", {"prompt": [*TALK, {"role": "system", "content": "s"}]}, "/prompt/2"),
        ("llamafactory", {"messages": [TALK[0], {"role": "tool", "content": "x"}, TALK[1]]}, "/messages/1"),
        ("bedrock-nova", {"messages": [TALK[0], {**TALK[1], "content": [{"text": "a"}]}]}, "/messages/0/content"),
        (
            "bedrock-nova",
            {
                "messages": [
                    {"role": "user", "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}}]},
                    {"role": "assistant", "content": [{"text": "a"}]},
                ]
            },
            "/messages/0/content/0",
        ),
        (
            "bedrock-nova",
            {"messages": [{"role": "user", "content": [{"toolUse": {"name": "f", "input": "{}"}}]}]},
            "/messages/0/content/0/toolUse/input",
        ),
        (
            "bedrock-nova",
            {"messages": [], "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}] * 2}},
            "/toolConfig/tools",
        ),
        (
            "bedrock-nova",
            {"messages": [{"role": "assistant", "candidates": [{"content": [], "preferenceLabel": "preferred"}] * 2}]},
            "/messages/0/candidates",
        ),
    ],
)
def test_a_row_that_a_provider_refuses_is_found_where_the_fault_is(
    find: Find, profile: str, row: dict[str, Any], pointer: str
) -> None:
    found = [item for item in find("QTY002", row, profile=profile) if item["row"] is not None]
    assert [(item["row"], item["pointer"]) for item in found] == [(0, pointer)]


@pytest.mark.parametrize(
    ("profile", "row"),
    [
        ("mistral-finetune", calls('{"n": 1}')),
        ("mistral-finetune", {"messages": TALK, "tools": None}),
        ("llamafactory", {"messages": [TALK[0], TALK[1], *[{"role": "tool", "content": "x"}] * 2, TALK[1]]}),
        (
            "llamafactory",
            {
                "conversations": [
                    {"from": "system", "value": "s"},
                    {"from": "human", "value": "q"},
                    {"from": "gpt", "value": "a"},
                ]
            },
        ),
        ("trl", {"prompt": "p", "chosen": "a", "rejected": "b", "margin": 1}),
        ("trl", {"prompt": TALK[:1]}),
        ("bedrock-nova", {"messages": TALK, "tools": [], "reference_answer": "x"}),
        ("axolotl", {"anything": 1}),
    ],
)
def test_a_row_that_a_provider_takes_is_quiet(find: Find, profile: str, row: dict[str, Any]) -> None:
    assert [item for item in find("QTY002", row, profile=profile) if item["row"] is not None] == []


def test_tokens_of_a_row_are_counted_where_there_is_a_tokenizer(find: Find) -> None:
    row = {"contents": [{"role": "user", "parts": [{"text": "w " * 131_073}]}]}
    [found] = [item for item in find("QTY002", row, profile="vertex-gemini") if item["row"] is not None]
    assert "there are 131,0" in args([found])[0]["value"]


def test_reserved_words_are_errors_anywhere_and_a_label_is_told_once(find: Find) -> None:
    blocks = {
        "messages": [{"role": "user", "content": [{"text": "See <image>, [EOS]."}]}],
        "system": [{"text": "Bot: be"}],
    }
    found = find(
        "FMT109",
        blocks,
        {"messages": [TALK[0], {"role": "assistant", "content": "Assistant: Sure"}]},
        profile="bedrock-nova",
    )
    places = [(item["row"], item["pointer"], json.loads(item["args"])["label"]) for item in found]
    assert sorted(places) == [
        (0, "/messages/0/content/0/text", "<image>"),
        (0, "/messages/0/content/0/text", "[EOS]"),
        (0, "/system/0/text", "Bot:"),
        (1, "/messages/1/content", "Assistant:"),
    ]
    assert {item["severity"] for item in found} == {"error"}
    assert [item["fix"] for item in found if item["row"] == 1] == ["rewrite"]


def test_a_row_over_the_limit_is_an_error_unless_its_rest_is_trained_in_the_next_sequence(find: Find) -> None:
    row = {"text": "a b c d e f"}
    assert [item["severity"] for item in find("TOK001", row, max_length=5)] == ["error"]
    [found] = find("TOK001", row, max_length=5, profile="mistral-finetune")
    assert (found["severity"], found["fix"]) == ("info", None)
    assert find("TOK001", row, max_length=6) == []


def test_an_appended_end_token_counts(find: Find) -> None:
    row = {"prompt": "a b", "completion": " c d"}
    assert find("TOK001", row, max_length=4) == []
    assert args(find("TOK001", row, max_length=4, profile="trl")) == [{"tokens": 5, "limit": 4}]
    [cut] = find("TOK002", row, max_length=4, profile="trl")
    assert cut["severity"] == "warning"


def test_the_cut_of_the_trainer_decides_what_is_lost(find: Find) -> None:
    row = {"messages": [{"role": "user", "content": "a b c d e f g h"}, {"role": "assistant", "content": "x y"}]}
    [start] = find("TOK002", row, max_length=6)
    assert (start["severity"], start["fix"]) == ("error", "drop")
    assert "keeps the first 6" in args([start])[0]["keeps"]
    [drop] = find("TOK002", row, max_length=6, profile="axolotl")
    assert "drops rows" in args([drop])[0]["keeps"]
    assert "in silence" in args([drop])[0]["what"]
    assert find("TOK002", row, max_length=7, profile="llamafactory") == []
    assert find("TOK002", row, max_length=6, profile="mistral-finetune") == []


def test_trl_trains_whole_conversations_so_that_only_the_end_is_lost(find: Find) -> None:
    row = {"messages": [{"role": "user", "content": "a b c d e f g h"}, {"role": "assistant", "content": "x"}]}
    [found] = find("TOK002", row, max_length=6, profile="trl")
    assert found["severity"] == "warning"
    [found] = find("TOK002", row, max_length=6, profile="trl", loss="assistant")
    assert found["severity"] == "error"
    assert "in silence" in args([found])[0]["what"]


def test_a_dataset_without_end_tokens_is_told_as_one_and_by_row(find: Find) -> None:
    found = find("TOK004", {"text": "a"}, {"text": "b"})
    assert [item["row"] for item in found] == [None, 0, 1]
    assert [item["fix"] for item in found] == [None, "rewrite", "rewrite"]
    found = find("TOK004", {"text": "a </s>"}, {"text": "b"})
    assert [(item["row"], item["pointer"]) for item in found] == [(1, "/text")]


def test_nobody_appends_an_end_token_without_a_profile(find: Find) -> None:
    row = {"prompt": "a", "completion": " b"}
    assert {item["severity"] for item in find("TOK004", row)} == {"warning"}
    for profile in ("trl", "axolotl", "llamafactory", "mistral-finetune"):
        assert find("TOK004", row, profile=profile) == []


def test_the_end_token_is_appended_once() -> None:
    found = [Found("/completion", None, None, {"token": "</s>"})]
    row = {"prompt": "a", "completion": " b\n"}
    once = MissingEos().rewrite(row, found)
    assert once == {"prompt": "a", "completion": " b\n</s>"}
    assert MissingEos().rewrite(once, found) == once
