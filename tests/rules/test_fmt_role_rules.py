"""FMT101, FMT102, FMT103, FMT105 and FMT109: what samples cannot express. FMT104 is there where their fixes meet."""

import copy
import gzip
import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint import check
from datalint.cleaner import clean
from datalint.rule import Found
from datalint_rules.fmt.role_label_in_content import RoleLabelInContent
from datalint_rules.fmt.system_position import SystemPosition
from datalint_rules.fmt.trailing_untrained_turn import TrailingUntrainedTurn

ROLE_RULES = ["FMT101", "FMT102", "FMT103", "FMT104", "FMT105"]
MESSY = Path(__file__).parents[3] / "shared" / "data" / "messy"

roles = st.sampled_from(["system", "developer", "user", "assistant", "tool", "narrator", "Assistant"])
talks = st.lists(roles, min_size=1, max_size=7).map(
    lambda said: [{"role": role, "content": f"text {number}"} for number, role in enumerate(said)]
)


def talk(*said: str) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": f"text {number}"} for number, role in enumerate(said)]}


def findings(folder: Path, rows: list[Any], *select: str) -> list[dict[str, Any]]:
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return check(str(folder / "train.jsonl"), select=list(select), isolated=True).found.to_dicts()


def test_a_name_is_safe_to_map_where_the_file_has_no_other_for_the_role(tmp_path: Path) -> None:
    alone = findings(tmp_path, [talk("human", "gpt"), talk("human", "gpt")], "FMT101")
    assert {item["fix_safety"] for item in alone} == {"safe"}
    two = findings(tmp_path, [talk("user", "gpt"), talk("user", "assistant")], "FMT101")
    assert [(item["row"], item["fix_safety"]) for item in two] == [(0, "unsafe")]


def test_another_spelling_of_a_known_name_is_always_safe_to_map(tmp_path: Path) -> None:
    found = findings(tmp_path, [talk("user", "ASSISTANT"), talk("user", "assistant"), talk("user", "bot")], "FMT101")
    assert [(item["row"], item["fix_safety"]) for item in found] == [(0, "safe"), (2, "unsafe")]


def test_names_that_the_template_knows_can_be_configured(tmp_path: Path) -> None:
    rows = [talk("document", "user", "assistant")]
    (tmp_path / "train.jsonl").write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    options: dict[str, Any] = {"select": ["FMT101"], "isolated": True}
    assert check(str(tmp_path), **options).found.height == 1
    assert check(str(tmp_path), rules={"FMT101": {"roles": ["document"]}}, **options).found.height == 0


def test_a_call_in_text_becomes_a_tool_call(tmp_path: Path) -> None:
    row = talk("user", "function_call", "observation", "assistant")
    row["messages"][1]["content"] = '{"name": "rain", "arguments": {"city": "Oslo"}}'
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    clean(tmp_path / "train.jsonl", out=tmp_path / "out", unsafe_fixes=True, select=["FMT101"], isolated=True)
    left = check(str(tmp_path / "out"), select=["FMT101", "FMT102", "FMT104", "FMT011"], isolated=True)
    assert left.found.height == 0


def test_rows_are_not_dropped_while_somebody_in_them_is_unknown(tmp_path: Path) -> None:
    found = findings(tmp_path, [talk("user"), talk("user", "narrator")], "FMT102")
    assert [(item["row"], item["fix_kind"]) for item in found] == [(0, "drop"), (1, None)]


def test_an_answer_before_any_question_is_not_made_the_end(tmp_path: Path) -> None:
    found = findings(tmp_path, [talk("system", "assistant", "user"), talk("user", "assistant", "user")], "FMT103")
    assert [(item["row"], item["fix_kind"]) for item in found] == [(0, None), (1, "rewrite")]


def test_all_fixes_of_roles_together_come_to_an_end(tmp_path: Path) -> None:
    names = ("system", "user", "assistant", "Bot", "tool")
    rows = [talk(*said) for length in range(1, 5) for said in itertools.product(names, repeat=length)]
    options: dict[str, Any] = {"select": ROLE_RULES, "isolated": True}
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    clean(tmp_path / "train.jsonl", out=tmp_path / "out", unsafe_fixes=True, **options)
    left = check(str(tmp_path / "out"), **options).found
    assert left.filter(left["fix_kind"].is_not_null()).is_empty()
    again = clean(tmp_path / "out", out=tmp_path / "again", unsafe_fixes=True, **options).manifest.counts
    assert (again.rows_changed, again.rows_removed) == (0, 0)


@given(talks)
def test_cutting_and_joining_are_idempotent_and_lose_no_answer(messages: list[dict[str, Any]]) -> None:
    for rule in (TrailingUntrainedTurn(), SystemPosition()):
        found = [Found("/messages/0", None, None, {})]
        once = rule.rewrite({"messages": copy.deepcopy(messages)}, found)
        assert rule.rewrite(copy.deepcopy(once), found) == once
        answers = [item for item in messages if item["role"].lower() == "assistant"]
        assert [item for item in once["messages"] if item["role"].lower() == "assistant"] == answers


@given(talks)
def test_joining_keeps_every_system_text(messages: list[dict[str, Any]]) -> None:
    made = SystemPosition().rewrite({"messages": copy.deepcopy(messages)}, [Found("/messages/0", None, None, {})])
    text = "\n\n".join(item["content"] for item in made["messages"])
    assert all(item["content"] in text for item in messages)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Assistant: Sure", "Sure"),
        (" Assistant: Sure", " Sure"),
        ("Assistant: Assistant: Sure", "Sure"),
        ("### Response:\n    return 1\n", "    return 1\n"),
        ("**Assistant:** \n\n  x", "  x"),
        ("Sure. Assistant: me", "Sure. Assistant: me"),
    ],
)
def test_a_label_goes_and_the_rest_stays(before: str, after: str) -> None:
    found = [Found("/completion", None, None, {"role": "assistant"})]
    row = RoleLabelInContent().rewrite({"prompt": "q", "completion": before}, found)
    assert row == {"prompt": "q", "completion": after}
    assert RoleLabelInContent().rewrite(dict(row), found) == row


def test_the_label_is_pointed_at(tmp_path: Path) -> None:
    text = "\n AI: Sure, here is one."
    (found,) = findings(tmp_path, [{"prompt": "q", "completion": text}], "FMT109")
    assert text[found["start"] : found["end"]].strip() == "AI:"


@pytest.mark.shared
@pytest.mark.skipif(not MESSY.is_dir(), reason="needs ../shared/data")
def test_every_planted_fault_of_roles_is_found_and_no_other() -> None:
    with gzip.open(MESSY / "chat_truth.jsonl.gz") as stream:
        planted = defaultdict(set)
        for line in stream:
            truth = json.loads(line)
            planted[truth["cls"]].add(truth["line"])
    found = defaultdict(set)
    for item in check(str(MESSY / "chat.jsonl.gz"), select=ROLE_RULES, isolated=True).found.to_dicts():
        found[item["rule"]].add(item["line"])
    assert planted["bad_role"] <= found["FMT101"] <= planted["bad_role"] | planted["missing_key"]
    assert planted["ends_user"] <= found["FMT103"] <= planted["ends_user"] | planted["role_order"]
    assert planted["role_order"] == found["FMT104"]
    assert not found["FMT102"] | found["FMT105"]
