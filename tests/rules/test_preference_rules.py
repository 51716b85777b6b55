"""PREF rules beyond their own examples."""

import copy
import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalint.cleaner import clean
from datalint.formats import shape_of
from datalint.rule import Found
from datalint.run import check
from datalint_rules.pref.pairs import answers_of, shared, word_start
from datalint_rules.pref.prompt_mismatch import PromptMismatch
from datalint_rules.pref.prompts import columns_of, divided, fault_of

Row = dict[str, Any]
Find = Callable[..., list[dict[str, Any]]]
DPO = Path(__file__).resolve().parents[3] / "shared" / "data" / "instruct" / "llama-factory" / "dpo_en_demo.json.gz"


def user(text: str) -> Row:
    return {"role": "user", "content": text}


def said(text: str) -> Row:
    return {"role": "assistant", "content": text}


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Findings of one rule on rows, in their order."""

    def found(rule: str, *rows: Row, **options: Any) -> list[dict[str, Any]]:
        path = write(tmp_path / "train.jsonl", list(rows))
        return check(str(path), select=[rule], isolated=True, **options).findings.to_dicts()

    return found


# --- PREF001, PREF002


@pytest.mark.parametrize("rule", ["PREF001", "PREF002"])
def test_a_side_may_be_text_a_message_or_a_list_of_messages(find: Find, rule: str) -> None:
    other = "A  river." if rule == "PREF001" else "a river"
    rows = [
        {"prompt": "What?", "chosen": "A river.", "rejected": other},
        {"conversations": [user("What?")], "chosen": said("A river."), "rejected": said(other)},
        {"chosen": [user("What?"), said("A river.")], "rejected": [user("What?"), said(other)]},
    ]
    assert [item["row"] for item in find(rule, *rows)] == [0, 1, 2]


def test_white_space_alone_is_told_once(find: Find) -> None:
    row = {"prompt": "What?", "chosen": "A river.", "rejected": " A\n river. "}
    assert find("PREF001", row)[0]["message"].endswith("but for white space")
    assert find("PREF002", row) == []


def test_the_history_counts_as_part_of_a_side(find: Find) -> None:
    row = {"chosen": [user("Left?"), said("Yes.")], "rejected": [user("Right?"), said("Yes.")]}
    assert find("PREF001", row) == []
    assert find("PREF002", row) == []


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [("x", "y"), ("10,5", "105"), ("a_b(c)", "ab(c)"), ("!", "?"), ("C++", "C--"), ("50%", "50"), ("", "")],
)
def test_marks_that_mean_something_are_no_trifle(find: Find, chosen: str, rejected: str) -> None:
    assert find("PREF002", {"prompt": "What is it?", "chosen": chosen, "rejected": rejected}) == []


@given(st.text(max_size=80), st.text(" \n\t\u00a0", max_size=80))
@settings(max_examples=30)
def test_more_white_space_between_words_makes_no_other_answer(text: str, space: str) -> None:
    import polars as pl

    from datalint_rules.pref.identical_pair import _folded
    from datalint_rules.pref.pairs import ending_alike

    spaced = "".join(c + " " + space if c.isspace() else c for c in text)
    sides = pl.DataFrame({"chosen": [text], "rejected": [spaced]})
    same = sides.select(_folded(pl.col("chosen")) == _folded(pl.col("rejected"))).item()
    assert ending_alike(sides, _folded).height >= same


# --- PREF003, PREF008: statistics


def test_cohens_d_is_that_of_the_textbook(find: Find) -> None:
    lengths = [(40 + i, 30 + i * i % 37) for i in range(30)]
    rows = [{"prompt": f"{i}?", "chosen": "a" * c, "rejected": "b" * r} for i, (c, r) in enumerate(lengths)]
    logs = [[math.log(pair[side]) for pair in lengths] for side in (0, 1)]
    means = [sum(side) / 30 for side in logs]
    spread = sum((x - mean) ** 2 for side, mean in zip(logs, means, strict=True) for x in side)
    d = (means[0] - means[1]) / math.sqrt(spread / 58)
    (finding,) = find("PREF003", *rows, rules={"PREF003": {"effect": 0.1}})
    assert finding["row"] is None
    assert json.loads(finding["args"])["d"] == f"{d:.2f}"


def test_long_prompts_inside_both_sides_do_not_hide_the_length(find: Find) -> None:
    prompt = f"\n\nHuman: {'Please. ' * 200}\n\nAssistant: "
    sides = [("word " * (i % 9 + 4), "term " * (i % 5 + 3)) for i in range(45)]
    implicit = [{"chosen": prompt + a, "rejected": prompt + b} for a, b in sides]
    explicit = [{"prompt": prompt, "chosen": a, "rejected": b} for a, b in sides]
    effects = [float(json.loads(find("PREF003", *rows)[0]["args"])["d"]) for rows in (implicit, explicit)]
    assert effects[0] == pytest.approx(effects[1], abs=0.05)


def test_shorter_chosen_answers_are_no_bias_towards_length(find: Find) -> None:
    assert find("PREF003", *({"prompt": f"{i}?", "chosen": "No.", "rejected": "no " * 40} for i in range(40))) == []


def test_a_feature_of_both_sides_separates_nothing(find: Find) -> None:
    rows = [
        {"prompt": f"{i}?", "chosen": "Yes.</s>" if i % 2 else "Yes.", "rejected": "No.</s>" if i % 3 else "No."}
        for i in range(60)
    ]
    assert find("PREF008", *rows) == []


def test_the_area_is_that_of_ranks_with_ties_as_half(find: Find) -> None:
    rows = [
        {"prompt": f"{i}?", "chosen": "Yes." + "</s>" * (i < 2), "rejected": "No, no." + "</s>" * (i >= 1)}
        for i in range(25)
    ]
    pairs = [(c, r) for c in [1] * 2 + [0] * 23 for r in [0] + [1] * 24]
    area = sum((r > c) + (r == c) / 2 for c, r in pairs) / len(pairs)
    (finding,) = [f for f in find("PREF008", *rows) if "token" in f["message"]]
    args = json.loads(finding["args"])
    assert args["auc"] == round(area, 2)
    assert (args["chosen"], args["rejected"]) == ("8%", "96%")


# --- PREF004, PREF005


@pytest.mark.parametrize(
    ("good", "bad", "severity"), [(9, 0, "error"), (0, 9, "error"), (9, 2, "warning"), (8, 2, None)]
)
def test_labels_are_judged_by_their_ratio(find: Find, good: int, bad: int, severity: str | None) -> None:
    rows = [{"prompt": f"{i}?", "completion": "Yes.", "label": i < good} for i in range(good + bad)]
    assert [item["severity"] for item in find("PREF004", *rows)] == ([severity] if severity else [])


def test_all_rows_of_a_contradiction_point_to_one_of_the_other_side(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Pet?", "chosen": "Cat", "rejected": "Dog"},
        {"prompt": "Pet?", "chosen": "Fish", "rejected": "Dog"},
        {"prompt": "Pet?", "chosen": "Dog", "rejected": "Cat"},
        {"prompt": "PET?", "chosen": "cat", "rejected": " dog"},
    ]
    found = check(str(write(tmp_path / "train.jsonl", rows)), select=["PREF005"], isolated=True).found
    assert [(row, related[0]["row"]) for row, related in found.select("row", "related").iter_rows()] == [
        (0, 2),
        (2, 0),
        (3, 2),
    ]


def test_a_copy_of_the_chosen_conversation_is_no_context(find: Find) -> None:
    cat, dog = [user("Pet?"), said("Cat")], [user("Pet?"), said("Dog")]
    for column in ({}, {"prompt": "Pet?"}):
        one = {**column, "messages": cat, "chosen": cat, "rejected": dog}
        assert len(find("PREF005", one, {**column, "messages": dog, "chosen": dog, "rejected": cat})) == 2


def test_other_columns_make_other_prompts(find: Find) -> None:
    for column in ("system", "instruction", "images"):
        one = {"prompt": "Is it?", column: "this", "chosen": "Yes", "rejected": "No"}
        assert find("PREF005", one, {**one, column: "that", "chosen": "No", "rejected": "Yes"}) == []


# --- PREF006


GOOD = {
    "explicit text": {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."},
    "implicit text": {"chosen": "The sky is blue.", "rejected": "The sky is green."},
    "explicit talk": {"prompt": [user("Hi")], "chosen": [said("Hello!")], "rejected": [said("What?")]},
    "implicit talk": {"chosen": [user("Hi"), said("Hello!")], "rejected": [user("Hi"), said("What?")]},
    "later turns differ": {
        "chosen": [user("Hi"), said("Hello!"), user("So?"), said("So.")],
        "rejected": [user("Hi"), said("What?"), user("Bye"), said("Bye.")],
    },
    "prefilled": {"prompt": [user("Hi"), said("Well,")], "chosen": [said(" hello!")], "rejected": [said(" no.")]},
    "with a system turn": {
        "chosen": [{"role": "system", "content": "s"}, user("Hi"), said("Hello!")],
        "rejected": [{"role": "system", "content": "s"}, user("Hi"), said("What?")],
    },
    "question column": {"question": "Where is Lima?", "chosen": "In Peru.", "rejected": "Far away."},
    "context of messages": {"messages": [user("Hi")], "chosen": "Hello!", "rejected": "What?"},
    "copy in messages": {
        "messages": [user("Hi"), said("Hello!")],
        "chosen": [user("Hi"), said("Hello!")],
        "rejected": [user("Hi"), said("What?")],
    },
}


@pytest.mark.parametrize("row", GOOD.values(), ids=GOOD)
def test_all_forms_of_preferences_are_fine_as_they_are(find: Find, row: Row) -> None:
    assert find("PREF006", row) == []


BAD = {
    "two prompts": ({"chosen": [user("Hi"), said("Yes.")], "rejected": [user("Ho"), said("No.")]}, "/chosen"),
    "other system turn": (
        {
            "chosen": [{"role": "system", "content": "s"}, user("Hi"), said("Yes.")],
            "rejected": [{"role": "system", "content": "t"}, user("Hi"), said("No.")],
        },
        "/chosen",
    ),
    "one side goes on": ({"chosen": [user("Hi"), said("Yes.")], "rejected": [user("Hi")]}, "/rejected/0"),
    "ends with the user": (
        {"prompt": [user("Hi")], "chosen": [said("Yes."), user("Ha")], "rejected": [said("No.")]},
        "/chosen/1",
    ),
    "user goes on": (
        {"prompt": [user("Hi")], "chosen": [said("Yes.")], "rejected": [user("So?"), said("No.")]},
        "/rejected",
    ),
    "prompt is text": ({"prompt": "Hi", "chosen": [said("Yes.")], "rejected": [said("No.")]}, "/prompt"),
    "transcript": (
        {
            "prompt": "Where does the Ucayali rise?",
            "chosen": "Human: Where does the Ucayali rise?\nAssistant: In Peru.",
            "rejected": "Human: Where does the Ucayali rise?\nAssistant: No.",
        },
        "/chosen",
    ),
    "one side repeats": (
        {
            "prompt": "Where does the Ucayali rise?",
            "chosen": "Where does the Ucayali rise? In Peru.",
            "rejected": "No.",
        },
        "/chosen",
    ),
}


@pytest.mark.parametrize(("row", "place"), BAD.values(), ids=BAD)
def test_what_has_no_sure_repair_has_no_fix(find: Find, row: Row, place: str) -> None:
    (finding,) = find("PREF006", row)
    assert (finding["pointer"], finding["fix"], finding["severity"]) == (place, None, "error")


REPAIRED = [
    (
        {"id": 7, "prompt": "Q: 2 + 2?\nA:", "chosen": "Q: 2 + 2?\nA: 4", "rejected": "Q: 2 + 2?\nA: 5"},
        {"id": 7, "prompt": "Q: 2 + 2?\nA:", "chosen": " 4", "rejected": " 5"},
    ),
    (
        {
            "prompt": [{"role": "system", "content": "s"}, user("Hi")],
            "chosen": [user("Hi"), said("Yes.")],
            "rejected": [user("Hi"), said("No.")],
        },
        {
            "prompt": [{"role": "system", "content": "s"}, user("Hi")],
            "chosen": [said("Yes.")],
            "rejected": [said("No.")],
        },
    ),
    (
        {"prompt": "Hi", "chosen": [user("Hi"), said("Yes.")], "rejected": [user("Hi"), said("No.")]},
        {"prompt": [user("Hi")], "chosen": [said("Yes.")], "rejected": [said("No.")]},
    ),
    (
        {
            "conversations": [{"from": "human", "value": "Hi"}],
            "chosen": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes."}],
            "rejected": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "No."}],
        },
        {
            "conversations": [{"from": "human", "value": "Hi"}],
            "chosen": [{"from": "gpt", "value": "Yes."}],
            "rejected": [{"from": "gpt", "value": "No."}],
        },
    ),
]


@pytest.mark.parametrize(("before", "after"), REPAIRED)
def test_the_safe_fix_takes_the_prompt_off_both_sides(find: Find, tmp_path: Path, before: Row, after: Row) -> None:
    (finding,) = find("PREF006", before)
    assert finding["safety"] == "safe"
    args = json.loads(finding["args"])
    rule, place = PromptMismatch(), Found(finding["pointer"], None, None, args)
    once = rule.rewrite(copy.deepcopy(before), [place])
    assert once == after
    assert rule.rewrite(copy.deepcopy(once), [place]) == once
    path = write(tmp_path / "one.jsonl", [before])
    done = clean(path, out=tmp_path / "out", select=["PREF006"], isolated=True)
    assert done.manifest.counts.rows_changed == 1
    assert check(str(tmp_path / "out"), select=["PREF006", "FMT"], isolated=True).found.is_empty()


words = st.lists(st.sampled_from(["The", "sky", "is", "blue", "?", "\n", " ", "Human:", "天空"]), max_size=9).map(
    " ".join
)
turns = st.lists(
    st.builds(
        lambda role, text: {"role": role, "content": text},
        st.sampled_from(["system", "user", "assistant"]),
        st.sampled_from("ab"),
    ),
    max_size=5,
)
sides = st.one_of(words, turns)


@given(st.fixed_dictionaries({"chosen": sides, "rejected": sides}, optional={"prompt": sides, "messages": turns}))
@settings(max_examples=400)
def test_a_fix_reaches_a_fixed_point_and_loses_nothing(row: Row) -> None:
    shape = shape_of(row)
    names = columns_of(row, shape)
    fault = fault_of(row, names, 3)
    if fault is None or fault.cut is None:
        return
    after = divided(row, names, fault)
    for side in ("chosen", "rejected"):
        assert row[side][: fault.cut] + after[side] == row[side]
    assert row["chosen"][: fault.cut] == row["rejected"][: fault.cut]
    again = fault_of(after, names, 3)
    found = [Found(fault.pointer, None, None, {"columns": list(names)})]
    if again is None:
        assert PromptMismatch().rewrite(copy.deepcopy(after), found) == after


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_the_shared_prefix_is_the_longest_one(lead: str, one: str, other: str) -> None:
    a, b = lead + one, lead + other
    at = shared(a, b)
    assert a[:at] == b[:at]
    assert at >= len(lead)
    assert at == min(len(a), len(b)) or a[at] != b[at]
    assert 0 <= word_start(a, b, at) <= at
    chosen, rejected = answers_of(a, b)
    assert a.endswith(chosen)
    assert b.endswith(rejected)


# --- PREF007, PREF009


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"score_chosen": 5, "score_rejected": 5}, True),
        ({"chosen_score": 6, "rejected_score": 5}, False),
        ({"chosenRating": 1, "rejectedRating": 2}, True),
        ({"chosen_avg_rating": 1, "rejected_avg_rating": 2}, True),
        # What the scores say as a whole decides, not one aspect, nor a second judge.
        ({"overall_score_chosen": 9, "overall_score_rejected": 7, "score_chosen": 1, "score_rejected": 2}, False),
        ({"chosen_toxicity_score": 1, "rejected_toxicity_score": 2}, False),
        ({"chosen_tokens": 1, "rejected_tokens": 2}, False),
        ({"chosen_score": True, "rejected_score": True}, False),
        ({"chosen_score": "n/a", "rejected_score": "2"}, False),
        ({"score_chosen": 10, "score_rejected": 2, "chosen_helpfulness": 1, "chosen_honesty": 2}, True),
        ({"score_chosen": 10, "score_rejected": 2, "chosen_helpfulness": 0.9, "chosen_honesty": 1.0}, False),
        ({"score_chosen": 9, "score_rejected": 2, "chosen_helpfulness": 1, "chosen_honesty": 2}, False),
        ({"score_chosen": 10, "score_rejected": 2, "chosen_length": 1, "chosen_tokens": 2}, False),
    ],
)
def test_scores_are_found_by_the_names_of_their_columns(find: Find, columns: Row, found: bool) -> None:
    row = {"prompt": "a", "chosen": "b", "rejected": "c", **columns}
    assert bool(find("PREF007", row)) == found


def test_scores_under_other_names_can_be_named(find: Find) -> None:
    row = {"prompt": "a", "chosen": "b", "rejected": "c", "w": 1, "l": 2}
    assert find("PREF007", row) == []
    assert find("PREF007", row, rules={"PREF007": {"chosen-column": "w", "rejected-column": "l"}})


def test_steps_and_labels_are_counted_in_lists_alone(find: Find) -> None:
    rows = [{"prompt": "a", "completions": ["b", "c"], "labels": labels} for labels in ([True], None, "true", [1, 0])]
    assert [item["row"] for item in find("PREF009", *rows)] == [0]


def test_a_forced_format_whose_columns_are_missing_is_no_crash(find: Find) -> None:
    assert (
        find("PREF", {"text": "a", "chosen": "b"}, {"prompt": 1, "chosen": [[]], "rejected": {}}, format="preference")
        == []
    )


# --- real rows


@pytest.mark.shared
@pytest.mark.skipif(not DPO.exists(), reason="no shared data")
def test_real_pairs_are_quiet_and_planted_faults_are_found(find: Find) -> None:
    rows = json.loads(gzip.decompress(DPO.read_bytes()))
    assert find("PREF", *rows) == []
    whole = [
        {side: [*row["conversations"], row[side]] for side in ("chosen", "rejected")} for row in copy.deepcopy(rows)
    ]
    assert find("PREF", *whole) == []
    same = [{**row, "rejected": row["chosen"]} for row in rows[:20]]
    turned = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in rows[20:40]]
    other = [{"chosen": a["chosen"], "rejected": b["rejected"]} for a, b in zip(whole[:20], whole[40:60], strict=True)]
    assert len(find("PREF001", *same, *rows[20:])) == 20
    assert len(find("PREF005", *rows, *turned)) >= 40
    assert len(find("PREF006", *other)) == 20
    assert find(
        "PREF008", *({**r, "rejected": {"from": "gpt", "value": r["rejected"]["value"] + "</s>"}} for r in rows)
    )
