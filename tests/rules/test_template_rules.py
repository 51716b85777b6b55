"""Rules about rows and their chat template, beyond the rules' own examples."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalint.engine import Job
from datalint.engine.mapping import read
from datalint.rule import Found
from datalint.run import check
from datalint.source import DataFile
from datalint.target import Target
from datalint.tokens import render_rows
from datalint_rules.tpl.markers import family_of
from datalint_rules.tpl.prefix_not_preserved import faulty_of
from datalint_rules.tpl.pretemplated_text import PretemplatedText
from datalint_rules.tpl.prompts import asked
from datalint_rules.tpl.repairs import alternating, without_system
from datalint_rules.tpl.template_error import TemplateError

Find = Callable[..., list[dict[str, Any]]]
RULE = "TPL001"
TRL = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat-templates" / "trl"


def turn(role: str, content: Any, **extra: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **extra}


def talk(*turns: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {"messages": list(turns), **columns}


CAUSES = {
    "system turn unsupported": talk(turn("system", "s"), turn("user", "u")),
    "turns do not alternate": talk(turn("user", "u"), turn("user", "v")),
    "null content": talk(turn("user", None)),
    "content is a list": talk(turn("user", [{"type": "text", "text": "u"}])),
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


def test_a_row_that_other_tool_arguments_would_mend_is_told_once(find: Find) -> None:
    call = turn("assistant", "", tool_calls=[{"function": {"name": "f", "arguments": "{}"}}])
    rows = [talk(turn("user", "u"), call), talk(turn("system", "s"), turn("user", "u"), call)]
    found = find(STRICT, *rows, select="TPL001,TOOL002")
    assert [(finding["row"], finding["rule"]) for finding in found] == [(0, "TOOL002"), (1, "TPL001")]


def test_only_causes_with_a_sure_repair_have_a_fix(find: Find) -> None:
    fixes = [find(STRICT, row)[0]["fix"] for row in CAUSES.values()]
    assert fixes == ["rewrite", "rewrite", None, None, None, None]


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


# TPL003

LATE = (
    "{% set ns = namespace(asked=0) %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% set ns.asked = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}{% set thought, text = m.reasoning_content or '', m.content or '' %}"
    "{% if '</think>' in text %}{% set thought = text.split('</think>')[0].split('<think>')[-1] %}"
    "{% set text = text.split('</think>')[-1] %}{% endif %}[{{ m.role }}]"
    "{% if thought and (keep or loop.index0 > ns.asked) %}<think>{{ thought | trim }}</think>{% endif %}"
    "{{ text | trim }}{{ m.tool_calls }}\n{% endfor %}"
)
BARE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"


def reasoning(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(finding["pointer"], finding["severity"]) for finding in found]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_under_a_key_that_the_template_does_not_read(find: Find, key: str) -> None:
    row = talk(turn("user", "q"), turn("assistant", "4", **{key: "2 + 2"}))
    assert reasoning(find(BARE, row, select="TPL003")) == [(f"/messages/1/{key}", "error")]
    assert find(LATE, row, select="TPL003") == []


def test_the_last_answer_counts_and_not_what_follows_it(find: Find) -> None:
    row = talk(turn("user", "q"), turn("assistant", "<think>hm</think>4"), turn("user", "thanks"))
    assert reasoning(find(LATE, row, select="TPL003")) == [("/messages/1/content", "error")]


def test_reasoning_before_a_tool_call_stays_where_only_a_new_question_ends_it(find: Find) -> None:
    call = turn("assistant", "<think>look it up</think>", tool_calls=[{"function": {"name": "f", "arguments": {}}}])
    row = talk(turn("user", "q"), call, turn("tool", "7"), turn("assistant", "<think>so</think>Seven."))
    assert find(LATE, row, select="TPL002,TPL003") == []


def test_arguments_of_the_row_for_its_template(find: Find) -> None:
    turns = turn("user", "q"), turn("assistant", "<think>hm</think>4"), turn("user", "r"), turn("assistant", "5")
    rows = talk(*turns), talk(*turns, chat_template_kwargs={"keep": True})
    assert [finding["row"] for finding in find(LATE, *rows, select="TPL003")] == [0]


def test_short_reasoning_that_stands_in_the_answer_is_missed_by_its_tag(find: Find) -> None:
    row = talk(turn("user", "Is it 4?"), turn("assistant", "It is 4.", reasoning_content="4"))
    assert reasoning(find(BARE, row, select="TPL003")) == [("/messages/1/reasoning_content", "error")]


def test_reasoning_in_a_block_and_in_a_share_gpt_row(find: Find) -> None:
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "4"}]
    keeps_text = "{% for m in messages %}{% for b in m.content %}{{ b.text }}{% endfor %}{% endfor %}"
    row = talk(turn("assistant", blocks))
    assert reasoning(find(keeps_text, row, select="TPL002,TPL003")) == [("/messages/0/content", "error")]
    shared = {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a <think>b</think> c"}]}
    strips = (
        "{% for m in messages %}{{ m.content.split('<think>')[0] }}{{ m.content.split('</think>')[-1] }}{% endfor %}"
    )
    assert reasoning(find(strips, shared, select="TPL002,TPL003")) == [("/conversations/1/value", "error")]


@pytest.mark.shared
@pytest.mark.skipif(not TRL.exists(), reason="no development data beside the checkout")
def test_reasoning_in_real_templates(find: Find) -> None:
    thought = {"reasoning_content": "Carry the one, then add."}
    row = talk(
        turn("user", "q"), turn("assistant", "12", **thought), turn("user", "r"), turn("assistant", "13", **thought)
    )
    earlier, last = ("/messages/1/reasoning_content", "info"), ("/messages/3/reasoning_content", "error")
    assert reasoning(find(TRL / "qwen3.jinja", row, select="TPL003")) == [earlier]
    assert reasoning(find(TRL / "llama3.jinja", row, select="TPL003")) == [earlier, last]
    assert find(TRL / "qwen3_training.jinja", row, select="TPL003") in (
        [],
        find(TRL / "qwen3.jinja", row, select="TPL003"),
    )


# TPL004

TRIMS = "{% for m in messages %}<{{ m.role }}>\n{{ m.content | trim }}<end>\n{% endfor %}"


@pytest.mark.parametrize(
    ("answer", "change", "severity"),
    [
        ("    return x", "strips the indentation at the start", "warning"),
        ("\treturn x\n", "strips the indentation at the start", "warning"),
        ("\n    return x", "strips the indentation at the start", "warning"),
        (" yes", "strips white space at the start", "info"),
        ("\nyes", "strips white space at the start", "info"),
        ("yes\n", "strips white space at the end", "info"),
        ("\nyes\n", "strips white space at both ends", "info"),
    ],
)
def test_what_a_template_strips(find: Find, answer: str, change: str, severity: str) -> None:
    # "yes" stands in the question, and a line end before the answer: neither hides the loss.
    (finding,) = find(TRIMS, talk(turn("user", "Say \nyes\n or  yes"), turn("assistant", answer)), select="TPL004")
    assert finding["message"] == f"the template {change} of the assistant turn"
    assert (finding["pointer"], finding["severity"]) == ("/messages/1/content", severity)


def test_white_space_that_is_kept_or_written_as_json_is_no_change(find: Find) -> None:
    row = talk(turn("user", "\n q \t"), turn("assistant", "\tif x:\r\n\t\treturn\n"))
    assert find(BARE, row, select="TPL004") == []
    assert find("{% for m in messages %}{{ m.content | tojson }}{% endfor %}", row, select="TPL004") == []


def test_line_ends_behind_reasoning_are_the_templates_but_indentation_is_the_answers(find: Find) -> None:
    fine = talk(turn("user", "q"), turn("assistant", "<think>\nhm\n</think>\n\ndef f(x):\n    return x"))
    lost = talk(turn("user", "q"), turn("assistant", "<think>\nhm\n</think>\n\n    return x"))
    found = find(LATE, fine, lost, select="TPL004")
    assert [(finding["row"], finding["severity"]) for finding in found] == [(1, "warning")]


def test_one_row_with_white_space_among_many_forms(find: Find) -> None:
    rows = [talk(turn("user", f"q{n}"), turn("assistant", text)) for n, text in enumerate(["a", "  b", "c ", "  d"])]
    assert [finding["row"] for finding in find(TRIMS, *rows, select="TPL004")] == [1, 2, 3]


# TPL009


def parsed(*messages: dict[str, Any], **columns: Any) -> Any:
    """The messages after TPL009's fix; None where it has none."""
    row = talk(*messages, **columns)
    texts = [message["content"] for message in messages]
    hit = family_of(texts)
    assert hit is not None
    found = Found("/messages/0/content", None, None, {"family": hit[0].name})
    fixed = PretemplatedText().rewrite(row, [found])["messages"]
    return None if fixed == list(messages) else [(m["role"], m["content"]) for m in fixed]


U, A = "user", "assistant"


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        (
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n",
            [("system", "S"), (U, "Q")],
        ),
        ("<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nQ [/INST]", [("system", "S"), (U, "Q")]),
        ("<s>[INST] Q [/INST] A </s><s>[INST] R [/INST]", [(U, "Q"), (A, "A"), (U, "R")]),
        (
            "<|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n",
            [(U, "Q")],
        ),
        ("<bos><start_of_turn>user\nQ<end_of_turn>\n<start_of_turn>model\n", [(U, "Q")]),
        ("<|user|>\nQ<|end|>\n<|assistant|>\n", [(U, "Q")]),
        ("### Human: Q\n### Assistant:", [(U, "Q")]),
        ("### Instruction:\nQ\n\n### Response:\n", [(U, "Q")]),
        ("<｜User｜>Q<｜Assistant｜>", [(U, "Q")]),
    ],
)
def test_a_question_in_a_template_is_taken_apart(text: str, turns: list[tuple[str, str]]) -> None:
    assert parsed(turn("user", text), turn("assistant", "    code")) == [*turns, ("assistant", "    code")]


def test_an_answer_that_runs_on_is_taken_apart() -> None:
    on = "First.<|im_end|>\n<|im_start|>user\nMore?<|im_end|>\n<|im_start|>assistant\n    x = 1\n    y<|im_end|>"
    turns = [("user", "q"), ("assistant", "First."), ("user", "More?"), ("assistant", "    x = 1\n    y")]
    assert parsed(turn("user", "q"), turn("assistant", on)) == turns


def test_what_would_be_no_conversation_is_left_for_a_person() -> None:
    system = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>"
    assert parsed(turn("system", "T"), turn("user", system)) is None
    assert parsed(turn("user", system), system="T") is None
    assert parsed(turn("user", "Hello\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n")) is None
    assert parsed(turn("user", system, name="Ann")) is None
    assert parsed(turn("user", "<|im_start|>user\nQ<|im_end|>stray<|im_end|>\n<|im_start|>assistant\n")) is None


@pytest.mark.parametrize(
    "text",
    [
        "Why does <|im_start|>user come before <|im_start|>assistant?",
        "Explain `<|im_start|>user\n` to me.\n<|im_start|>user",
        "```\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n```",
        "Where do I put [INST] and [/INST]?",
        "### Instruction: one\n### Instruction: two",
        "## Human: the species\n## Assistant: the job",
        "<|user|> is a marker",
    ],
)
def test_a_template_that_is_spoken_of(text: str) -> None:
    assert family_of([text]) is None


TEXTS = st.text("ab \n[]<|>/#:INSTUser", max_size=30)
PIECES = st.sampled_from(
    [
        "<|im_start|>user\n",
        "<|im_start|>assistant\n",
        "<|im_end|>\n",
        "[INST] ",
        " [/INST]",
        "</s>",
        "### Human: ",
        "\n",
    ]
)


@given(st.lists(st.one_of(TEXTS, PIECES), min_size=2, max_size=12), st.sampled_from([U, A]))
def test_taking_apart_is_done_once_and_loses_no_word(pieces: list[str], role: str) -> None:
    text = "".join(pieces)
    hit = family_of([text])
    if hit is None:
        return
    row = talk(turn(role, text))
    found = Found("/messages/0/content", None, None, {"family": hit[0].name})
    fixed = PretemplatedText().rewrite(json.loads(json.dumps(row)), [found])
    assert PretemplatedText().rewrite(json.loads(json.dumps(fixed)), [found]) == fixed
    if fixed != row:
        assert family_of([message["content"] for message in fixed["messages"]]) is None
        place = 0
        for message in fixed["messages"]:
            place = text.index(message["content"], place) + len(message["content"])


# TPL007

# Each character is a token, "\n\n" is one, and <b> and <e> are added tokens.
VOCABULARY = {
    text: number for number, text in enumerate(["?", "\n", "\n\n", *map(chr, range(32, 63)), *map(chr, range(64, 127))])
}
PLAIN_TOKEN = {"special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
CHARACTERS = {
    "version": "1.0",
    "added_tokens": [{"id": 200 + n, "content": text, **PLAIN_TOKEN} for n, text in enumerate(["<b>", "<e>"])],
    "model": {"type": "BPE", "vocab": VOCABULARY, "merges": [["\n", "\n"]], "unk_token": "?"},
}
MARKED = (
    "{% for m in messages %}<b>{{ m.role }}\n{{ m.content }}<e>{% endfor %}"
    "{% if add_generation_prompt %}<b>assistant\n{% endif %}"
)


@pytest.fixture
def prefixes(tmp_path: Path) -> Find:
    """TPL007 on rows with a template and the tokenizer of characters."""

    def found(template: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
        data, folder = tmp_path / "train.jsonl", tmp_path / "model"
        folder.mkdir(exist_ok=True)
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        (folder / "tokenizer.json").write_text(json.dumps(CHARACTERS), encoding="utf-8")
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        return check(str(data), select=["TPL007"], tokenizer=str(folder), isolated=True).findings.to_dicts()

    return found


def test_a_token_over_the_boundary_is_the_rows_doing(prefixes: Find) -> None:
    answers = ["fine", "\nmerged", " fine", "", "fine\n\n", "\n"]
    found = prefixes(MARKED, *[talk(turn("user", "q"), turn("assistant", text)) for text in answers])
    assert [(finding["row"], finding["pointer"]) for finding in found] == [
        (1, "/messages/1/content"),
        (5, "/messages/1/content"),
    ]


def test_what_every_answer_meets_is_the_templates_doing_and_told_once(prefixes: Find) -> None:
    thinks = MARKED.replace("assistant\n{% endif", "assistant\n<think>{% endif")
    rows = [talk(turn("user", f"q{n}"), turn("assistant", text)) for n, text in enumerate(["a", "<think>b", "c"])]
    (finding,) = prefixes(thinks, *rows)
    assert finding["row"] is None
    assert "'<think>' where the row has 'a<e>'" in finding["message"]
    assert "2 of 3 rows" in finding["message"]


def test_the_prompt_of_a_row_is_its_column_else_all_before_the_last_trained_message(prefixes: Find) -> None:
    ask, answer, bad = turn("user", "q"), turn("assistant", "a"), turn("assistant", "\nb")
    rows = [
        {"prompt": [ask], "completion": [answer, ask, bad]},
        {"prompt": [ask, bad, ask], "completion": [answer]},
        {"prompt": [ask], "chosen": [answer], "rejected": [bad]},
        talk(ask, bad, ask, answer),
        talk(ask, answer, ask, bad, ask),
        talk(bad),
    ]
    found = [(finding["row"], finding["pointer"]) for finding in prefixes(MARKED, *rows)]
    assert found == [(2, "/rejected/0/content"), (4, "/messages/3/content")]


def test_a_template_that_looks_into_texts_is_asked_for_each(prefixes: Find) -> None:
    switched = MARKED.replace(
        "assistant\n{% endif", "assistant\n{% if '/off' in messages[0].content %}<off>{% endif %}{% endif"
    )
    rows = [talk(turn("user", text), turn("assistant", "a")) for text in ("q", "r /off", "s")]
    assert [finding["row"] for finding in prefixes(switched, *rows)] == [1]


def test_an_answer_that_is_not_rendered_at_all_is_not_told_here(prefixes: Find) -> None:
    asks = MARKED.replace("for m in messages", "for m in messages if m.role == 'user'")
    assert prefixes(asks, talk(turn("user", "q"), turn("assistant", "a"))) == []


@pytest.mark.shared
@pytest.mark.skipif(not TRL.exists(), reason="no development data beside the checkout")
@pytest.mark.parametrize("folder", ["phi-3-mini", "olmo-dolma2", "phi-2", "falcon"])
@pytest.mark.parametrize("template", ["qwen2_5", "qwen3", "llama3_1", "phi3", "gemma"])
def test_windows_and_forms_tell_what_whole_renders_and_tokens_tell(tmp_path: Path, folder: str, template: str) -> None:
    starts = ["", "\n", " ", "    ", "\n\n", "\t", "<think>\nhm\n</think>\n\n", "</think>"]
    texts = [
        "Yes, I do",
        "中文，一个没有空格的回答",
        "12 apples",
        "'s",
        "...",
        "<|end|> x",
        "[/INST]",
        "é" * 40,
        "x" * 300,
    ]
    rows = [
        talk(turn("user", texts[n % 5]), turn("assistant", start + text))
        for n, start in enumerate(starts)
        for text in texts
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    target = Target(TRL.parents[1] / "tokenizers" / folder, TRL / f"{template}.jinja")
    (chunk,) = read(Job(0, DataFile(path, "train.jsonl", "train"), target=target))
    assert target.tokenizer is not None
    assert target.template is not None
    faulty = {prompt.dialogue.row for prompt in faulty_of(chunk, target.tokenizer)}
    talks = [dialogue.conversation for dialogue in chunk.dialogues]
    short = render_rows(target.template, [asked(conversation, 1) for conversation in talks])
    whole = render_rows(target.template, talks)
    texts = [(one.text, other.text) for one, other in zip(short, whole, strict=True)]
    pairs = [target.tokenizer.ids(pair) for pair in texts]
    assert faulty == {row for row, (one, other) in enumerate(pairs) if other[: len(one)] != one}
