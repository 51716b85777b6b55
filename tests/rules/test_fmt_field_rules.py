"""Rules about fields, keys and what they hold: FMT005, 006, 007, 008, 009, 106, 107, 108."""

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint import check
from datalint.rule import Found
from datalint_rules.fmt.bad_content_block import BadContentBlock
from datalint_rules.fmt.bad_weight import BadWeight
from datalint_rules.fmt.misspelled_key import MisspelledKey
from datalint_rules.fmt.spelling import near
from datalint_rules.fmt.stringified_structure import StringifiedStructure

USER, ANSWER = {"role": "user", "content": "Name a sea."}, {"role": "assistant", "content": "The Baltic."}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def found(tmp_path: Path) -> Any:
    """Findings of one rule on rows: (row, pointer) of each."""

    def run(code: str, rows: list[Any] | str, name: str = "train.jsonl", **options: Any) -> list[tuple[int, str]]:
        text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name).write_text(text, encoding="utf-8")
        report = check(str(tmp_path / name), select=[code], isolated=True, **options).found
        return [(row, pointer) for rule, row, pointer in report.select("rule", "row", "pointer").rows() if rule == code]

    return run


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, and the order of keys counts."""
    return json.dumps(one) == json.dumps(other)


class TestMissingField:
    def test_what_is_missing_follows_most_rows_of_the_file_wherever_they_stand(self, found):
        whole, bare = {"question": "a", "answer": "b"}, {"question": "c"}
        assert found("FMT005", [bare, whole, whole]) == [(0, "/answer")]
        assert found("FMT005", [whole, whole, bare]) == [(2, "/answer")]

    def test_a_prompt_alone_is_a_format_only_where_all_rows_are_so(self, found):
        assert found("FMT005", [{"prompt": "a"}] * 3) == []
        assert found("FMT005", [{"prompt": "a"}] * 2 + [{"prompt": "a", "completion": "b"}]) == [
            (0, "/completion"),
            (1, "/completion"),
        ]

    def test_the_column_is_called_as_other_rows_call_it(self, found):
        row = {"instruction": "a", "context": "", "response": "b", "category": "qa"}
        less = [{key: value for key, value in row.items() if key != lost} for lost in row]
        assert found("FMT005", [row] * 5 + less) == [(5, "/instruction"), (7, "/response")]

    def test_each_of_several_files_has_a_format_of_its_own(self, tmp_path):
        (tmp_path / "a.jsonl").write_text('{"prompt": "a"}\n')
        (tmp_path / "b.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "c"}\n')
        report = check(str(tmp_path), select=["FMT005"], isolated=True).found
        assert report.select("file", "row").rows() == [(1, 1)]

    def test_rows_of_another_format_lack_nothing_but_what_is_null_in_them(self, found):
        other = [{"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": None}]
        assert found("FMT005", [{"messages": [USER, ANSWER]}] * 3 + other) == [(4, "/completion")]

    @pytest.mark.parametrize("lost", ["chosen", "rejected"])
    def test_a_preference_row_without_one_side(self, found, lost):
        row = {"conversations": [{"from": "human", "value": "x"}], "chosen": "a", "rejected": "b"}
        assert found("FMT005", [row] * 2 + [{**row, lost: None}]) == [(2, f"/{lost}")]

    def test_a_row_of_no_known_column_lacks_all_that_the_others_need(self, found):
        rows = [{"instruction": "a", "output": "b"}] * 2 + [{"foo": "bar"}, {}]
        assert found("FMT005", rows) == [(r, f"/{c}") for r in (2, 3) for c in ("instruction", "output")]

    def test_columns_that_the_user_mapped(self, found):
        rows = [{"q": "a", "a": "b"}] * 2 + [{"q": "a"}]
        assert found("FMT005", rows, columns={"prompt": "q", "completion": "a"}) == [(2, "/a")]

    @pytest.mark.shared
    @pytest.mark.parametrize(("name", "number"), [("alpaca", 30), ("chat", 10)])
    def test_every_planted_missing_key_is_found_and_nothing_else(self, shared, name, number):
        messy = shared / "data" / "messy"
        lines = gzip.decompress((messy / f"{name}.jsonl.gz").read_bytes()).split(b"\n")
        truth = map(json.loads, gzip.decompress((messy / "chat_truth.jsonl.gz").read_bytes()).splitlines())
        # In chat rows the other twenty lack a key of a message: FMT011 and FMT101.
        planted = {t["line"] - 1 for t in truth if t["cls"] == "missing_key"}
        planted = {row for row in planted if b'"messages"' not in lines[row]}
        report = check(str(messy / f"{name}.jsonl.gz"), select=["FMT005", "FMT006"], isolated=True).found
        missing = report.filter(report["rule"] == "FMT005")
        assert set(missing["row"]) == planted
        assert len(planted) == number
        assert set(report.filter(report["rule"] == "FMT006")["row"]) == (planted if name == "chat" else set())


class TestMisspelledKey:
    @pytest.mark.parametrize(
        ("key", "name", "how"),
        [
            ("Completion", "completion", "case"),
            (" completion", "completion", "case"),
            ("prompts", "prompt", "plural"),
            ("message", "messages", "plural"),
            ("queries", "query", "plural"),
            ("promt", "prompt", "typo"),
            ("prompte", "prompt", "typo"),
            ("pronpt", "prompt", "typo"),
            ("promtp", "prompt", "typo"),
        ],
    )
    def test_near(self, key, name, how):
        assert near(key, frozenset({"prompt", "completion", "messages", "query"})) == ((name, how),)

    @pytest.mark.parametrize("key", ["prompt", "prompt1", "_prompt", "pormtp", "pr", "", "system_prompt"])
    def test_not_near(self, key):
        assert near(key, frozenset({"prompt"})) == ()

    @given(st.text("abc", max_size=5), st.text("abc", max_size=5))
    def test_a_typo_is_one_edit(self, key, name):
        def distance(a: str, b: str) -> int:
            if not a or not b:
                return len(a) + len(b)
            best = min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))
            return min(best, distance(a[2:], b[2:]) + 1) if a[:2] == b[1::-1] and len(a) > 1 < len(b) else best

        assert any(n.how == "typo" for n in near(key, frozenset({name}))) == (distance(key, name) == 1 and key != "")

    def test_a_whole_column_is_reported_row_by_row_so_that_each_row_can_be_repaired(self, found):
        assert found("FMT006", [{"prompt": "a", "Completion": "b"}] * 3) == [(r, "/Completion") for r in range(3)]
        assert found("FMT006", "Text,Label\na,x\n", "train.csv") == [(0, "/Label"), (0, "/Text")]

    def test_short_words_are_misspelled_only_where_other_rows_have_the_right_one(self, found):
        assert found("FMT006", [{"txt": "a"}]) == []
        assert found("FMT006", [{"text": "a"}] * 2 + [{"txt": "a"}]) == [(2, "/txt")]

    @given(st.dictionaries(st.sampled_from(["Prompt", "id", "n", "tags"]), json_values, min_size=1))
    def test_the_fix_renames_the_key_in_its_place_and_changes_nothing_else(self, row):
        row = {**row, "Prompt": "x"}
        place = Found("/Prompt", None, None, {"target": "prompt"})
        fixed = MisspelledKey().rewrite(copy.deepcopy(row), [place])
        assert same(fixed, {"prompt" if key == "Prompt" else key: value for key, value in row.items()})
        assert same(MisspelledKey().rewrite(copy.deepcopy(fixed), [place]), fixed)

    def test_the_fix_never_overwrites(self):
        row = {"prompt": "x", "Prompt": "y"}
        place = Found("/Prompt", None, None, {"target": "prompt"})
        assert MisspelledKey().rewrite(dict(row), [place]) == row
        assert MisspelledKey().rewrite({"prompt": None, "Prompt": "y"}, [place]) == {"prompt": "y"}


class TestMixedType:
    def test_types_that_differ_within_a_row_are_told_in_the_order_of_its_messages(self, found):
        blocks = {"role": "assistant", "content": [{"type": "text", "text": "The Baltic."}]}
        assert found("FMT007", [{"messages": [USER, blocks]}]) == [(0, "/messages/1/content")]
        assert found("FMT007", [{"messages": [blocks, USER]}]) == [(0, "/messages/1/content")]

    def test_empty_conversations_say_nothing_of_the_type(self, found):
        rows = [{"messages": []}, {"messages": [USER, {**ANSWER, "content": 7}]}, {"messages": [USER, ANSWER]}]
        assert found("FMT007", rows) == [(1, "/messages/1/content")]


class TestStringifiedStructure:
    messages = st.lists(
        st.fixed_dictionaries({"role": st.just("user"), "content": texts}, optional={"note": json_values}),
        min_size=1,
        max_size=3,
    )

    @given(messages)
    def test_json_text_and_python_literals_become_what_they_were_written_from(self, messages):
        for text in (json.dumps(messages), json.dumps(messages, ensure_ascii=False), repr(messages)):
            place = Found("/messages", None, None, {"field": "messages"})
            fixed = StringifiedStructure().rewrite({"messages": text}, [place])
            assert same(fixed, {"messages": messages})
            assert same(StringifiedStructure().rewrite(fixed, [place]), fixed)

    @given(st.dictionaries(texts, json_values, min_size=1))
    def test_arguments_become_json_text(self, arguments):
        place = Found("/arguments", None, None, {"field": "arguments"})
        text = repr(arguments)
        fixed = StringifiedStructure().rewrite({"arguments": text}, [place])["arguments"]
        # A literal that is JSON already is left as it is.
        assert same(json.loads(fixed), arguments)

    def test_only_what_loses_nothing_is_safe(self, tmp_path):
        rows = [
            '[{"role": "user", "content": "a"}]',
            '[{"role": "user", "content": "a", "content": "b"}]',
            "[{'role': 'user', 'content': 'a'}]",
            "[{'role': 'user', 'content': array(['a'])}]",
        ]
        path = tmp_path / "train.jsonl"
        path.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows))
        report = check(str(path), select=["FMT008"], isolated=True).found
        assert report.select("fix_kind", "fix_safety").rows() == [
            ("rewrite", "safe"),
            (None, None),
            ("rewrite", "unsafe"),
            (None, None),
        ]

    @pytest.mark.parametrize(
        "text",
        ["[" * 100_000, "[" * 500 + "]" * 500, "(" * 5000, "{'a':" * 300, '[1], "x": 2', "[1, 2]", "{1, 2}", "["],
    )
    def test_hostile_texts_are_no_structure(self, found, text):
        rows = [{"messages": text}, {"messages": [USER, ANSWER], "tools": text}]
        assert found("FMT008", rows) == []


class TestStringifiedNull:
    def test_a_null_is_written_in_one_of_a_few_ways(self, found):
        words = ["nan", "NaN", "None", "null", "undefined", "<NA>", "none", "NULL", "N/A", "nil", "Nan", "-"]
        rows = [{"prompt": f"{number}?", "completion": word} for number, word in enumerate(words)]
        assert found("FMT009", rows) == [(row, "/completion") for row in range(6)]

    def test_the_words_can_be_set(self, found):
        rows = [{"prompt": "a", "completion": "null"}, {"prompt": "b", "completion": "N/A"}]
        assert found("FMT009", rows, rules={"FMT009": {"values": ["N/A"]}}) == [(1, "/completion")]

    def test_an_input_is_emptied_where_an_answer_costs_the_row(self, tmp_path):
        path = tmp_path / "train.jsonl"
        path.write_text(json.dumps({"instruction": "a", "input": "nan", "output": "null"}) + "\n")
        report = check(str(path), select=["FMT009"], isolated=True).found
        assert report.select("pointer", "fix_kind", "fix_safety").rows() == [
            ("/input", "rewrite", "unsafe"),
            ("/output", "drop", "unsafe"),
        ]


class TestBadWeight:
    @given(
        st.sampled_from(["system", "user", "human", "tool", "observation"]), json_values.filter(lambda v: v is not None)
    )
    def test_a_weight_that_trains_nothing_goes_and_nothing_else_does(self, role, weight):
        row = {"messages": [{"role": role, "weight": weight, "content": "a"}, {**ANSWER, "weight": 0.5}]}
        places = [Found(f"/messages/{index}/weight", None, None, {}) for index in (0, 1)]
        fixed = BadWeight().rewrite(copy.deepcopy(row), places)
        assert same(fixed, {"messages": [{"role": role, "content": "a"}, row["messages"][1]]})

    def test_a_role_that_nobody_knows_keeps_its_weight(self, found):
        assert found("FMT106", [{"messages": [USER, {"role": "asistant", "content": "a", "weight": 0}]}]) == []


class TestBadContentBlock:
    @given(texts, st.dictionaries(st.sampled_from(["id", "cache"]), json_values))
    def test_the_text_moves_and_the_block_stays(self, text, more):
        row = {"messages": [{"role": "user", "content": [{"type": "text", "value": text, **more}, {"type": "image"}]}]}
        place = Found("/messages/0/content/0", None, None, {})
        fixed = BadContentBlock().rewrite(copy.deepcopy(row), [place])
        assert same(fixed["messages"][0]["content"], [{"type": "text", "text": text, **more}, {"type": "image"}])
        assert same(BadContentBlock().rewrite(copy.deepcopy(fixed), [place]), fixed)

    def test_the_finding_is_at_the_block_or_at_the_message_that_differs(self, found):
        block = {"type": "text", "text": "a"}
        rows = [
            {"messages": [{"role": "user", "content": [block, {"type": "text", "value": "b"}]}]},
            {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [block]}, ANSWER]},
        ]
        assert found("FMT107", rows) == [(0, "/messages/0/content/1"), (1, "/messages/1/content")]


class TestMediaCount:
    def row(self, text: str, **media: Any) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": text}, ANSWER], **media}

    def test_media_without_places_count_only_where_places_are_the_habit(self, found):
        none, one = self.row("What?", images=["a.jpg"]), self.row("<image>What?", images=["a.jpg"])
        assert found("FMT108", [none] * 3) == []
        assert found("FMT108", [one, one, none]) == [(2, "/images")]

    def test_a_tag_in_a_text_is_a_place_only_where_the_file_has_images_or_a_user_puts_it_first_or_last(self, found):
        inside = self.row("Explain the <image> element of RSS.")
        assert found("FMT108", [inside]) == []
        assert found("FMT108", [self.row("What is this?\n<image>")]) == [(0, "/messages/0/content")]
        assert found("FMT108", [self.row("<image>?", images=["a.jpg"]), inside]) == [(1, "/messages/0/content")]

    def test_blocks_that_hold_their_image_need_no_column(self, found):
        held = {"type": "image_url", "image_url": {"url": "a.jpg"}}
        rows = [{"messages": [{"role": "user", "content": [block]}]} for block in (held, {"type": "image"})]
        assert found("FMT108", rows) == [(1, "/messages")]

    def test_the_answers_of_a_preference_share_the_prompts_images(self, found):
        row = {"prompt": "<image>What?", "chosen": "See <image>", "rejected": "a", "images": ["a.jpg"]}
        assert found("FMT108", [row]) == []
