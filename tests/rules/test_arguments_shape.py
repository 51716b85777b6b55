"""TOOL002: which shape of tool arguments a template takes, and what it costs a row to have it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint.cleaner import clean
from datalint.rule import Found
from datalint.run import check
from datalint_rules.tool.arguments_shape import ArgumentsShape
from datalint_rules.tool.shapes import OBJECT, QUOTED, TEXT, LossyError, exact, reshaped, shape_of

Find = Callable[..., list[dict[str, Any]]]
RULE = "TOOL002"
TRL = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat-templates" / "trl"
CALLS = "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{% set f = c.function or c %}"
END = "{% endfor %}{% endfor %}"
QUOTING = CALLS + "{{ f.name }} {{ f.arguments | tojson }}" + END
JOINING = CALLS + "{{ f.name + f.arguments }}" + END
ITEMS = CALLS + "{% for k, v in f.arguments.items() %}{{ k }}={{ v }}{% endfor %}" + END
EITHER = CALLS + "{{ f.arguments if f.arguments is string else f.arguments | tojson }}" + END
TOOLS = [{"type": "function", "function": {"name": "get", "description": "d", "parameters": {"type": "object"}}}]


def talk(*arguments: Any, **columns: Any) -> dict[str, Any]:
    calls = [{"type": "function", "function": {"name": "get", "arguments": one}} for one in arguments]
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": calls}]
    return {"messages": [*turns, {"role": "tool", "content": "r"}, {"role": "assistant", "content": "a"}], **columns}


def rewritten(row: dict[str, Any], finding: dict[str, Any]) -> dict[str, Any]:
    return ArgumentsShape().rewrite(row, [Found(finding["pointer"], None, None, json.loads(finding["args"]))])


def test_the_place_is_the_first_call_in_the_wrong_shape(find: Find) -> None:
    (finding,) = find(QUOTING, talk({"a": 1}, '{"a": 2}', '{"a": 3}'))
    assert finding["pointer"] == "/messages/1/tool_calls/1/function/arguments"
    assert finding["message"] == (
        "the arguments of get are JSON text, which the template writes as text in quotes; as an object they are fine"
    )


def test_rows_without_calls_and_rows_in_the_right_shape_are_quiet(find: Find) -> None:
    plain = {"messages": [{"role": "user", "content": 'Say "{\\"a\\": 1}"'}, {"role": "assistant", "content": "a"}]}
    assert find(QUOTING, plain, talk({"a": 'it\'s "so"'}), talk({})) == []
    assert find(EITHER, plain, talk({"a": 1}), talk('{"a": 1}'), talk('{"say": "{\\"say\\": 1}"}')) == []


def test_what_no_shape_mends_is_not_about_shapes(find: Find) -> None:
    assert find("{{ raise_exception('no') }}", talk({"a": 1}), talk('{"a": 1}')) == []
    assert find(ITEMS, talk("{'a': 1}"), talk("[1]"), talk('"a"'), talk(""), talk(None)) == []
    assert find(CALLS + "{{ f.arguments | tojson | tojson }}" + END, talk({"a": 1})) == []


def test_a_template_that_is_right_only_for_text(find: Find) -> None:
    quoting_objects = CALLS + "{{ f.arguments if f.arguments is string else f.arguments | tojson | tojson }}" + END
    assert [f["row"] for f in find(quoting_objects, talk({"a": 1}), talk('{"a": 1}'))] == [0]
    (finding,) = find(JOINING, talk({"a": 1}), talk('{"a": 1}'))
    assert rewritten(talk({"a": 1, "b": ["ü", None]}), finding) == talk('{"a":1,"b":["ü",null]}')


def test_text_of_text_is_unwrapped_even_where_either_shape_is_fine(find: Find) -> None:
    row = talk(json.dumps('{"a": 1.5}'))
    (finding,) = find(EITHER, row)
    assert json.loads(finding["args"])["shape"] == QUOTED
    assert rewritten(row, finding) == talk({"a": 1.5})
    (finding,) = find(JOINING, row)
    assert rewritten(row, finding) == talk('{"a": 1.5}')


def test_bare_calls_and_both_sides_of_a_preference_row(find: Find) -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"name": "get", "arguments": '{"a": 1}'}]}
    row = {"prompt": [{"role": "user", "content": "q"}], "chosen": [call], "rejected": [call]}
    (finding,) = find(QUOTING, row)
    assert finding["pointer"] == "/chosen/0/tool_calls/0/arguments"
    fixed = rewritten(row, finding)
    assert [fixed[side][0]["tool_calls"][0]["arguments"] for side in ("chosen", "rejected")] == [{"a": 1}] * 2
    assert find(QUOTING, fixed) == []


def test_other_columns_are_left_alone(find: Find) -> None:
    row = talk('{"a": 1}', raw=talk('{"a": 1}')["messages"], tools=json.dumps(TOOLS))
    (finding,) = find(QUOTING, row)
    assert rewritten(row, finding) == {**talk({"a": 1}), "raw": row["raw"], "tools": row["tools"]}


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 2}', '{"a": {"b": 1, "b": 1}}', '{"a": 1e3}', '{"a": 1.50}', '{"a": -0}', '{"a": NaN}'],
)
def test_no_fix_where_something_would_be_lost(find: Find, text: str) -> None:
    (finding,) = find(QUOTING, talk('{"fine": 1}', text))
    assert finding["fix"] is None


@pytest.mark.parametrize("text", ['{"a": 123456789012345678901234567890, "b": 0.1, "c": 1.0, "d": "\\u00e9"}', "{ }"])
def test_a_fix_where_nothing_is(find: Find, text: str) -> None:
    row = talk(text)
    (finding,) = find(ITEMS if text == "{ }" else QUOTING, row)
    assert (finding["fix"], finding["safety"]) == ("rewrite", "safe")
    assert rewritten(row, finding) == talk(json.loads(text))


def said(value: str) -> dict[str, Any]:
    turns = [("human", "q"), ("function_call", value), ("observation", "r"), ("gpt", "a")]
    return {"conversations": [{"from": who, "value": what} for who, what in turns]}


def test_sharegpt_turns_count_only_where_their_arguments_are_text_again(find: Find) -> None:
    assert find(JOINING, said('{"name": "get", "arguments": {"a": 1}}')) == []  # the shape is the reader's choice
    assert find(QUOTING, said('{"name": "get", "arguments": {"a": 1}}')) == []
    row = said('[{"name": "get", "arguments": "{\\"a\\": 1}"}, {"name": "now", "arguments": {}}]')
    (finding,) = find(QUOTING, row)
    assert finding["pointer"] == "/conversations/1/value"
    assert rewritten(row, finding) == said('[{"name": "get", "arguments": {"a": 1}}, {"name": "now", "arguments": {}}]')
    (finding,) = find(QUOTING, said('{ "name":"get", "arguments": "{\\"a\\": 1}"}'))
    assert finding["fix"] is None  # a manner of its own


def test_tools(find: Find) -> None:
    template = "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}"
    plain = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    wrong = [[json.dumps(TOOLS[0])], json.dumps(json.dumps(TOOLS)), json.dumps([json.dumps(TOOLS[0])])]
    fine = [TOOLS, json.dumps(TOOLS), [], None, "", '"a text"']
    for cell in wrong:
        (finding,) = find(template, {"messages": plain, "tools": cell})
        assert (finding["pointer"], finding["fix"]) == ("/tools", "rewrite")
        fixed = rewritten({"messages": plain, "tools": cell}, finding)["tools"]
        assert (json.loads(fixed) if isinstance(fixed, str) else fixed) == TOOLS
        assert find(template, {"messages": plain, "tools": fixed}) == []
    assert find(template, *[{"messages": plain, "tools": cell} for cell in fine]) == []


def test_what_clean_writes_needs_no_fix(find: Find, tmp_path: Path) -> None:
    rows = [
        talk('{"city": "Oslo", "big": 12345678901234567890123, "f": 1.0}', tools=json.dumps(TOOLS)),
        talk('{"days": 3, "deep": {"a": [1, null, "x"]}}', "{}", tools=json.dumps(TOOLS)),
        talk('{"city": "Rome"}', '{"a": 1, "a": 2}', tools=json.dumps(TOOLS)),
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "tools": None},
    ]
    before = find(QUOTING, *rows)
    assert [(finding["row"], finding["fix"]) for finding in before] == [(0, "rewrite"), (1, "rewrite"), (2, None)]
    options = {"chat_template": str(tmp_path / "template.jinja"), "isolated": True, "select": ["TOOL002"]}
    clean(tmp_path / "train.jsonl", out=tmp_path / "out", **options)
    assert [finding["row"] for finding in check(str(tmp_path / "out"), **options).findings.to_dicts()] == [2]
    again = clean(tmp_path / "out", out=tmp_path / "again", **options)
    assert again.manifest.counts.rows_changed == 0
    back = check(str(tmp_path / "out"), **(options | {"chat_template": None, "select": ["TOOL001", "TOOL007", "FMT"]}))
    assert back.findings.is_empty()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=st.dictionaries(st.text(), JSON, max_size=4))
def test_shapes_go_into_each_other_and_back(value: dict[str, Any]) -> None:
    try:
        text = reshaped(value, TEXT)
    except LossyError:
        assert not json.dumps(value, ensure_ascii=False).isprintable()  # half of a surrogate pair
        return
    assert (shape_of(value), shape_of(text), shape_of(json.dumps(text))) == (OBJECT, TEXT, QUOTED)
    assert json.loads(text) == value
    assert reshaped(text, OBJECT) == reshaped(json.dumps(text), OBJECT) == value
    assert reshaped(json.dumps(text), TEXT) == text


@given(text=st.text(alphabet='{}[]":, 0123456789.eE+-ab', max_size=30))
def test_exact_values_say_all_that_the_text_says_but_its_white_space(text: str) -> None:
    try:
        value = exact(text)
    except LossyError:
        return
    dense = re.sub(r'("[^"]*")|\s+', lambda match: match[1] or "", text)
    assert json.dumps(value, separators=(",", ":")) == dense


# What the catalogue says of each (section 2.3), and what TRL's copies of the templates do.
TAKES = {
    "deepseekv3": TEXT, "glm4moe": OBJECT, "qwen3_5_think": OBJECT, "qwen3_5_nothink": OBJECT, "qwen3_6": OBJECT,
    "nemotron_3_nano": OBJECT, "lfm2_2_5": OBJECT, "diffusion_gemma": OBJECT, "qwen2_5": OBJECT, "gptoss": OBJECT,
    "llama3_1": OBJECT, "llama3_2": OBJECT, "deepseekv3_training": OBJECT,
    "qwen3": None, "qwen3_vl": None, "qwen3_instruct_2507": None,
    "llama3": None, "phi3": None, "lfm2": None, "qwen2_5_vl": None,  # leave calls out: TPL002's
    "gemma3": None, "cohere2": None, "idefics3": None,  # refuse calls in any shape: TPL001's
}  # fmt: skip


@pytest.mark.shared
@pytest.mark.skipif(not TRL.exists(), reason="no development data beside the checkout")
@pytest.mark.parametrize("template", TAKES)
def test_stock_templates(find: Find, template: str) -> None:
    arguments = {"city": 'the "old" town', "days": 3, "deep": {"a": [1.5, None]}}
    rows = [talk(arguments, tools=TOOLS), talk(json.dumps(arguments), tools=TOOLS)]
    found = find(TRL / f"{template}.jinja", *rows)
    wrong = {TEXT: [0], OBJECT: [1], None: []}[TAKES[template]]
    assert [finding["row"] for finding in found] == wrong
    for finding in found:
        fixed = rewritten(rows[finding["row"]], finding)
        assert find(TRL / f"{template}.jinja", fixed, select="TOOL002,TPL001") == []
