"""TPL001 and TPL002 beyond their own examples."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datalint.run import check
from datalint_rules.tpl.repairs import alternating, without_system
from datalint_rules.tpl.template_error import TemplateError

Find = Callable[..., list[dict[str, Any]]]
TRL = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat-templates" / "trl"


def turn(role: str, content: Any, **extra: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **extra}


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Findings of TPL rules on rows, with a template given as text or file."""

    def found(template: str | Path, *rows: dict[str, Any], select: str = "TPL001") -> list[dict[str, Any]]:
        data = tmp_path / "train.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        path = template if isinstance(template, Path) else tmp_path / "template.jinja"
        if isinstance(template, str):
            path.write_text(template, encoding="utf-8")
        options = {"select": select.split(","), "chat_template": str(path), "isolated": True}
        return check(str(data), **options).findings.to_dicts()

    return found


def talk(*turns: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {"messages": list(turns), **columns}


CAUSES = {
    "system turn unsupported": talk(turn("system", "s"), turn("user", "u")),
    "turns do not alternate": talk(turn("user", "u"), turn("user", "v")),
    "null content": talk(turn("user", None)),
    "content is a list": talk(turn("user", [{"type": "text", "text": "u"}])),
    "form of tool arguments": talk(
        turn("user", "u"),
        turn("assistant", "", tool_calls=[{"function": {"name": "f", "arguments": "{}"}}]),
    ),
    "tool turns unsupported": talk(turn("user", "u"), turn("tool", "r"), turn("assistant", "a")),
    "the row as a whole": talk(turn("assistant", "a")),
}
STRICT = """
{%- for m in messages %}
{%- if m.role not in ['user', 'assistant'] or (m.role == 'user') != (loop.index0 % 2 == 0) %}
{{- raise_exception('no') }}{% endif %}
{{- m.content + '\n' }}
{%- for call in m.tool_calls or [] %}{{ call.function.arguments.items() | list }}{% endfor %}
{%- endfor %}"""


@pytest.mark.parametrize("cause", CAUSES)
def test_the_cause_is_what_has_to_change(find: Find, cause: str) -> None:
    (finding,) = find(STRICT, CAUSES[cause])
    assert json.loads(finding["args"])["cause"] == cause


def test_only_causes_with_a_sure_repair_have_a_fix(find: Find) -> None:
    fixes = [find(STRICT, row)[0]["fix"] for row in CAUSES.values()]
    assert fixes == ["rewrite", "rewrite", None, None, None, None, None]


def test_a_template_that_hits_limits_is_told_three_times_and_given_up(find: Find) -> None:
    found = find("{{ 'a' * 10**9 }}", *[talk(turn("user", str(i))) for i in range(50)])
    assert [finding["row"] for finding in found] == [0, 1, 2]
    assert "given up" in found[-1]["message"]


def test_an_error_message_stays_on_one_line(find: Find) -> None:
    (finding,) = find("{{ raise_exception('first\n\nsecond') }}", talk(turn("user", "u")))
    assert "first second" in finding["message"]


def test_a_folder_without_a_template_leaves_the_rules_silent(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(talk(turn("user", "u"))))
    (tmp_path / "model").mkdir()
    report = check(str(tmp_path / "train.jsonl"), select=["TPL"], tokenizer=str(tmp_path / "model"), isolated=True)
    assert report.findings.is_empty()


def test_system_text_goes_before_the_user_turn_that_follows() -> None:
    messages = [turn("system", "s"), turn("user", "u"), turn("assistant", "a"), turn("system", "t"), turn("user", "v")]
    assert without_system(messages) == [turn("user", "s\n\nu"), turn("assistant", "a"), turn("user", "t\n\nv")]
    assert without_system(messages[1:3]) is None
    assert without_system([turn("user", "u"), turn("system", "last")]) is None


def test_system_text_before_a_list_of_blocks() -> None:
    image = {"type": "image"}
    folded = without_system([turn("system", "s"), turn("user", [image])])
    assert folded == [turn("user", [{"type": "text", "text": "s"}, image])]


def test_calls_and_results_are_never_joined() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{}]}
    assert alternating([call, turn("assistant", "x")]) is None
    assert alternating([turn("tool", "1"), turn("tool", "2")]) is None
    assert alternating([{"from": "function_call", "value": "f"}, {"from": "gpt", "value": "g"}]) is None
    joined = alternating([{"from": "human", "value": "a"}, {"from": "human", "value": "b"}])
    assert joined == [{"from": "human", "value": "a\n\nb"}]


def test_a_system_column_is_folded_in_and_goes(find: Find) -> None:
    from datalint.rule import Found

    row = {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}], "system": "s"}
    (finding,) = find(STRICT, row)
    seen = Found(finding["pointer"], None, None, json.loads(finding["args"]))
    fixed = TemplateError().rewrite(row, [seen])
    assert fixed == {"conversations": [{"from": "human", "value": "s\n\nu"}, {"from": "gpt", "value": "a"}]}
    assert find(STRICT, fixed) == []


# TPL002

CHATML = (
    "{% for m in messages %}{% if m.role in ['user', 'assistant'] %}<{{ m.role }}>{{ m.content | trim }}\n"
    "{% endif %}{% endfor %}"
)


def dropped(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (finding["pointer"], finding["message"].removesuffix(" is not in the text that the template renders"))
        for finding in found
    ]


def test_a_short_answer_that_stands_in_the_question_is_missed_by_its_tag(find: Find) -> None:
    found = find(CHATML, talk(turn("user", "Is it 4?"), turn("gpt", "4")), select="TPL002")
    assert dropped(found) == [("/messages/1/content", "the content of the gpt turn")]


def test_a_call_whose_name_stands_in_the_list_of_tools(find: Find) -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": "deep"}}}]}
    row = talk(turn("user", "q"), call, tools=[{"name": "f"}])
    found = find("{{ tools | tojson }}" + CHATML, row, select="TPL002")
    assert dropped(found) == [("/messages/1/tool_calls/0", "the tool call f")]


@pytest.mark.parametrize("written", ["c.arguments | tojson", "c.arguments | tojson | tojson", "c.arguments"])
def test_ways_to_write_an_argument(find: Find, written: str) -> None:
    arguments = {"a": 'quoted "é"\nline', "b": [1, 2.5, True, None], "c": {"d": "x/y\\z"}}
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}
    calls = "{% for c in m.tool_calls | map(attribute='function') %}{{ c.name }}{{ WRITTEN }}{% endfor %}"
    template = "{% for m in messages %}" + calls + "{% endfor %}"
    assert find(template.replace("WRITTEN", written), talk(call), select="TPL002") == []
    left_out = template.replace("WRITTEN", "c.arguments.b")
    names = [what for _, what in dropped(find(left_out, talk(call), select="TPL002"))]
    assert names == ["the argument a of the tool call f", "the argument c of the tool call f"]


def test_white_space_is_no_loss_and_an_empty_content_neither(find: Find) -> None:
    row = talk(turn("user", "  a\n\n b\t"), turn("assistant", " \n"))
    template = "{% for m in messages %}{{ m.content.split() | join(' ') }};{% endfor %}"
    assert find(template, row, select="TPL002") == []


def test_reasoning_that_is_removed_is_not_reported_but_the_answer_is(find: Find) -> None:
    row = talk(turn("user", "q"), turn("assistant", "<think>long thoughts</think>\n\nThe answer."))
    strips = "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}"
    keeps_thoughts = "{% for m in messages %}{{ m.content.split('</think>')[0] }}{% endfor %}"
    assert find(strips, row, select="TPL002") == []
    assert len(find(keeps_thoughts, row, select="TPL002")) == 1


def test_a_row_that_raises_is_reported_once_by_its_own_rule(find: Find) -> None:
    found = find("{{ raise_exception('no') }}", talk(turn("user", "u")), select="TPL001,TPL002")
    assert [finding["rule"] for finding in found] == ["TPL001"]


@pytest.mark.shared
@pytest.mark.skipif(not TRL.exists(), reason="no development data beside the checkout")
def test_real_templates_and_what_their_makers_say_of_them(find: Find) -> None:
    call = turn("assistant", "", tool_calls=[{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}])
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    row = talk(turn("user", "q"), call, turn("tool", "42 degrees"), turn("assistant", "Warm."), tools=tools)
    assert dropped(find(TRL / "lfm2.jinja", row, select="TPL002")) == [("/messages/1/tool_calls/0", "the tool call f")]
    assert find(TRL / "qwen3.jinja", row, select="TPL001,TPL002") == []
    aliases = talk(turn("human", "Name a lake."), turn("gpt", "Lake Baikal."))
    assert len(find(TRL / "qwen2_5.jinja", aliases, select="TPL002")) == 2
