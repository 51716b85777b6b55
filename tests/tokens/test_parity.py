"""Renders equal those of transformers: texts, errors, generation spans."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datalint.tokens import ChatTemplate, Conversation, Rendered, RenderError, load_template, render_rows

DATA = Path(__file__).parents[3] / "shared" / "data"
TEMPLATES = sorted((DATA / "chat-templates").glob("*/*.jinja"))
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a <city> & more",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def turn(role: str, content: Any, **extra: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **extra}


def call(arguments: Any, **extra: Any) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": arguments}
    return turn("assistant", "", tool_calls=[{"type": "function", "id": "c1", "function": function}], **extra)


CONVERSATIONS = [
    Conversation([turn("user", "Hi"), turn("assistant", "Hello")]),
    Conversation([turn("user", "Hi")], add_generation_prompt=True),
    Conversation([turn("system", "Be brief."), turn("user", "Hi"), turn("assistant", "  Hello\n ")]),
    Conversation([turn("user", "a"), turn("system", "late"), turn("user", "b"), turn("assistant", "c")]),
    Conversation([turn("developer", "d"), turn("user", "b"), turn("assistant", "c"), turn("user", "d")]),
    Conversation([turn("human", "a"), turn("gpt", "b")]),
    Conversation([turn("assistant", "first"), turn("user", "second")]),
    Conversation([turn("user", "a"), turn("assistant", None)]),
    Conversation([turn("user", "a"), turn("assistant", [{"type": "text", "text": "b"}])]),
    Conversation([turn("user", [{"type": "image"}, {"type": "text", "text": "see"}]), turn("assistant", "b")]),
    Conversation([turn("user", 3), turn("assistant", 2**70)]),
    Conversation([turn("user", "q"), turn("assistant", "<think>\nhm\n</think>\n\n3"), turn("user", "r")] * 2),
    Conversation([turn("user", "q"), turn("assistant", "3", reasoning_content="because")]),
    Conversation([turn("user", "q"), turn("assistant", "3", reasoning="because"), turn("user", "x")]),
    Conversation([turn("user", "q"), turn("assistant", "3", thinking="because")]),
    Conversation([turn("user", "w?"), call({"city": "Nîmes"}), turn("tool", "20 °C", tool_call_id="c1")], [TOOL]),
    Conversation([turn("user", "w?"), call('{"city": "Nîmes"}'), turn("tool", {"t": 1.5}, name="n")], [TOOL]),
    Conversation([turn("user", "w?"), call({"city": None}), turn("tool", "x"), turn("assistant", "y")]),
    Conversation([turn("user", "w?"), call({}, reasoning_content="r"), turn("tool", "x")], []),
    Conversation([turn("user", "a")], [TOOL, TOOL], {"enable_thinking": False}, add_generation_prompt=True),
    Conversation([turn("user", "a")], None, {"documents": [{"title": "t", "text": "d"}]}),
    Conversation([turn("user", "a"), turn("assistant", "b", weight=0, name="x")] * 3),
    Conversation([turn("user", "lone \ud83d half"), turn("assistant", "\u2028\x85")]),
    Conversation([{"content": "no role"}, {"role": "assistant"}]),
    Conversation([turn("user", "<|im_start|>user\nx<|im_end|>"), turn("assistant", "{{ x }}")]),
    Conversation([turn("user", "a"), turn("user", "b"), turn("assistant", "c"), turn("assistant", "d")]),
]

LANGUAGE = [  # what the templates above do not use
    "{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ m.content }}{% endfor %}",
    "{% for m in messages %}\n  {% if m.role == 'user' %}\n {% continue %}\n {% endif %}\n{{ m }}\n{% endfor %}\n",
    "{% macro f(m) %}{% generation %}{{ m.content }}{% endgeneration %}{% endmacro %}a{{ f(messages[0]) }}b",
    "{% generation %}a{% generation %}{{ messages|length }}{% endgeneration %}b{% endgeneration %}",
    "x{%- generation -%} é{{ messages[0].content }} {%- endgeneration -%}y{% generation %}{% endgeneration %}",
    "{{ messages | tojson(indent=2) }}{{ tools | tojson(sort_keys=true, ensure_ascii=true) }}",
    "{{ messages | tojson(separators=(',', ':')) }}",
    "{% set ns = namespace(self=1, a=[]) %}{% set ns.b = dict(x=1) %}{{ ns.b }}{{ dict.fromkeys('ab', 1) }}",
    "{% set ns = namespace(_a=1) %}{{ ns }}",
    "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
    "{{ dict.__class__ }}{{ messages.__class__ }}{{ namespace.__init__ }}",
    "{{ messages.append(1) }}",
    "{{ messages[0].content.format(1) }}{{ messages[9].role }}",
    "{{ undefined }}{{ documents }}{{ tools }}{{ add_generation_prompt }}{{ eos_token }}{{ nothing.x }}",
    "{{ raise_exception('no: ' ~ messages[0].role) }}",
    "{% if %}",
    "{{ 1 | nofilter }}",
    "{{ '%s' % messages[0] }}{{ range(100001) | length }}",
    "{{ cycler('a', 'b').next() }}{{ joiner(',')() }}{{ messages | map(attribute='role') | join(' ') }}",
    "{{ messages[0].content | upper | trim | e }}{{ messages | selectattr('role', 'eq', 'user') | list }}",
    "{{ messages[0].thinking }}{{ messages[-1].reasoning_content }}{{ messages[1].items() | list }}",
]


def theirs(template: str, row: Conversation) -> tuple[Any, ...]:
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    messages = [{key: value for key, value in m.items() if value is not None} for m in row.messages]
    variables = {"documents": None} | SPECIAL | row.variables
    try:
        texts, spans = utils.render_jinja_template(
            [messages],
            tools=row.tools,
            chat_template=template,
            return_assistant_tokens_mask=True,
            add_generation_prompt=row.add_generation_prompt,
            **variables,
        )
    except Exception as error:
        return type(error).__name__, str(error)
    return texts[0], tuple(spans[0])


def ours(result: Rendered | RenderError) -> tuple[Any, ...]:
    if isinstance(result, Rendered):
        return result.text, result.spans
    assert result.kind == "raised", result
    return result.error, result.message


def assert_equal_renders(source: str, rows: list[Conversation] = CONVERSATIONS) -> None:
    results = render_rows(ChatTemplate({"default": source}, SPECIAL), rows)
    for row, result in zip(rows, results, strict=True):
        expected, found = theirs(source, row), ours(result)
        if expected[0] == "SecurityError":
            expected, found = expected[:1], found[:1]  # our own words
        assert found == expected, row


@pytest.mark.train
@pytest.mark.shared
@pytest.mark.skipif(not TEMPLATES, reason="no development data beside the checkout")
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_real_templates_render_as_in_transformers(path: Path) -> None:
    pytest.importorskip("transformers")
    assert_equal_renders(path.read_text(encoding="utf-8"))


TEXT = st.text(max_size=12) | st.sampled_from(
    ["  x\n", "<think>\na\n</think>\n\nb", "</think>", "<|im_end|>", "<tool_response>\nx\n</tool_response>", "{{ 1 }}"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
PARTS = st.lists(
    TEXT.map(lambda text: {"type": "text", "text": text}) | st.just({"type": "image"}) | JSON, min_size=1, max_size=2
)
CALLS = st.builds(
    lambda arguments, bare: (
        {"name": "f", "arguments": arguments}
        if bare
        else {"type": "function", "id": "c123456789"[:9], "function": {"name": "f", "arguments": arguments}}
    ),
    st.dictionaries(TEXT, JSON, max_size=2) | TEXT,
    st.booleans(),
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "developer", "human"])},
    optional={
        "content": TEXT | st.none() | PARTS | JSON,
        "reasoning_content": TEXT | st.none(),
        "thinking": TEXT | st.none(),
        "tool_calls": st.lists(CALLS, max_size=2) | st.none(),
        "tool_call_id": TEXT,
        "name": TEXT,
        "items": TEXT,
        "weight": st.integers(0, 1),
    },
)
# Turns as templates want them: many refuse the rest before they come to anything interesting.
USUAL = st.builds(
    lambda head, pairs, extra: (
        head
        + [
            turn
            for user, answer in pairs
            for turn in ({"role": "user", "content": user}, {"role": "assistant"} | answer)
        ]
        + extra
    ),
    st.just([]) | TEXT.map(lambda text: [{"role": "system", "content": text}]),
    st.lists(
        st.tuples(
            TEXT,
            st.fixed_dictionaries(
                {"content": TEXT},
                optional={"reasoning_content": TEXT, "tool_calls": st.lists(CALLS, min_size=1, max_size=2)},
            ),
        ),
        min_size=1,
        max_size=3,
    ),
    st.just([]) | TEXT.map(lambda text: [{"role": "tool", "content": text}, {"role": "assistant", "content": text}]),
)
ROWS = st.builds(
    Conversation,
    USUAL | st.lists(MESSAGES, min_size=1, max_size=4),
    st.sampled_from([None, None, [], [TOOL]]),
    st.just({}) | st.fixed_dictionaries({}, optional={"enable_thinking": st.booleans(), "documents": st.none()}),
    st.booleans(),
)


@pytest.mark.train
@pytest.mark.shared
@pytest.mark.skipif(not TEMPLATES, reason="no development data beside the checkout")
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_generated_conversations_render_as_in_transformers(path: Path) -> None:
    pytest.importorskip("transformers")
    source = path.read_text(encoding="utf-8")

    @given(rows=st.lists(ROWS, min_size=8, max_size=8))
    @settings(max_examples=5, suppress_health_check=list(HealthCheck))
    def equal(rows: list[Conversation]) -> None:
        assert_equal_renders(source, rows)

    equal()


@pytest.mark.train
@pytest.mark.parametrize("source", LANGUAGE)
def test_the_template_language_is_that_of_transformers(source: str) -> None:
    pytest.importorskip("transformers")
    assert_equal_renders(source)


@pytest.mark.train
@pytest.mark.shared
@pytest.mark.skipif(not TEMPLATES, reason="no development data beside the checkout")
@pytest.mark.parametrize("name", ["phi-3-mini", "qwen2.5-config-only", "smollm3-config-only"])
def test_a_folder_gives_the_template_and_tokens_of_transformers(name: str, monkeypatch: Any) -> None:
    pytest.importorskip("transformers")
    import json

    import tokenizers
    from transformers import PreTrainedTokenizerFast

    folder = DATA / "tokenizers" / name
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    named = {key: value for key, value in config.items() if key.endswith("_token")}
    bare = PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(tokenizers.models.BPE()),
        chat_template=load_template(folder, None).template,
        **named,
    )
    row = CONVERSATIONS[2]
    now = datetime.now()
    expected = bare.apply_chat_template(row.messages, tokenize=False)
    template = load_template(folder, None)
    result = render_rows(ChatTemplate(template.named, template.special_tokens, now=now), [row])[0]
    assert ours(result)[0] == expected
