"""Rendering in the worker: hostile templates, odd rows, many rows."""

import multiprocessing
import os
from datetime import datetime
from pathlib import Path

import pytest

from datalint.errors import TokenizerError
from datalint.tokens import ChatTemplate, Conversation, Rendered, RenderError, RenderPool, render_rows

BOMB = "{{ 'a' * 10**9 }}"


def user(text: str) -> Conversation:
    return Conversation([{"role": "user", "content": text}])


def template(source: str) -> ChatTemplate:
    return ChatTemplate({"default": source})


@pytest.fixture
def pool() -> RenderPool:
    return RenderPool(cpu_seconds=1, memory=256 << 20)


def test_only_the_row_that_triggers_the_bomb_is_lost(pool: RenderPool) -> None:
    loop = "{% for i in range(messages[0].content|length * 10**4) %}{% for j in range(99999) %}{% endfor %}"
    source = loop + "{% endfor %}ok"
    results = pool.render(template(source), [user(""), user("x"), user("")])
    assert results[0] == results[2] == Rendered("ok")
    assert results[1] == RenderError("limit", "time", "the template used up the time limit")


def test_a_template_that_keeps_hitting_limits_is_given_up(pool: RenderPool) -> None:
    results = pool.render(template(BOMB), [user(f"{i}") for i in range(1000)])
    kinds = [result.kind for result in results if isinstance(result, RenderError)]
    assert kinds == ["limit"] * 3 + ["given up"] * 997
    assert pool.render(template(BOMB), [user("x")])[0] == results[-1]


def test_the_error_is_the_templates_own(pool: RenderPool) -> None:
    source = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    results = pool.render(template(source), [Conversation([{"role": "system", "content": ""}]), user("x")])
    assert results == [RenderError("raised", "TemplateError", "System role not supported"), Rendered("")]


def test_a_syntax_error_is_every_rows_error(pool: RenderPool) -> None:
    results = pool.render(template("{% if %}"), [user("x")] * 5)
    assert [result.error for result in results if isinstance(result, RenderError)] == ["TemplateSyntaxError"] * 5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Conversation([]), "the conversation has no messages"),
        (Conversation(["text"]), "message 0 is no object with role and content"),
        (Conversation([{"role": "user"}], ["tool"]), "a tool is no JSON object with a schema"),
    ],
)
def test_rows_that_are_no_conversations(pool: RenderPool, row: Conversation, message: str) -> None:
    result = pool.render(template("x"), [row])[0]
    assert isinstance(result, RenderError)
    assert result.message == message


def test_values_that_json_or_msgpack_cannot_hold(pool: RenderPool) -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    rows = [
        user("lone \ud83d"),
        Conversation([{"role": "user", "content": 2**80}]),
        Conversation([{"role": "user", "content": b"bytes"}]),
        Conversation([{"role": "user", "content": deep}]),
        user("after"),
    ]
    results = pool.render(template("{{ messages[0].content }}"), rows)
    texts = [result.text if isinstance(result, Rendered) else result.error for result in results]
    assert texts == ["lone \ud83d", str(2**80), "<bytes>", "RecursionError", "after"]


def test_order_is_kept_over_many_batches(pool: RenderPool) -> None:
    rows = [user(f"{number}" * (1 + 5000 * (number % 100 == 0))) for number in range(3000)]
    results = pool.render(template("{{ messages[0].content }}"), rows)
    assert results == [Rendered(row.messages[0]["content"]) for row in rows]


def test_identical_rows_are_rendered_once(pool: RenderPool) -> None:
    source = template("{{ range(10**5) | random }} {{ messages[0].content }}")
    results = pool.render(source, [user("a"), user("b"), user("a"), user("a")])
    assert results[0] == results[2] == results[3] != results[1]


def test_generation_spans_and_fixed_time(pool: RenderPool) -> None:
    source = "é{% generation %}{{ messages[0].content }}{% endgeneration %} {{ strftime_now('%d %b %Y') }}"
    fixed = ChatTemplate({"default": source}, now=datetime(2024, 7, 26))
    assert pool.render(fixed, [user("abc")]) == [Rendered("éabc 26 Jul 2024", ((1, 4),))]


def test_tools_choose_their_template_and_variables_reach_it(pool: RenderPool) -> None:
    named = ChatTemplate({"default": "d{{ bos_token }}", "tool_use": "t{{ x }}"}, {"bos_token": "<s>"})
    rows = [user("a"), Conversation([{"role": "user"}], [{"name": "f"}], {"x": 1})]
    assert pool.render(named, rows) == [Rendered("d<s>"), Rendered("t1")]


def test_no_template_and_no_rows(pool: RenderPool) -> None:
    assert pool.render(template("x"), []) == []
    with pytest.raises(TokenizerError, match="no chat template"):
        pool.render(ChatTemplate(), [user("x")])


def test_the_worker_imports_nothing_from_the_folder_of_the_data(
    pool: RenderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("jinja2", "msgspec", "datalint"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    assert pool.render(template("x"), [user("a")]) == [Rendered("x")]


def _render_in_child(queue: "multiprocessing.Queue[object]") -> None:
    queue.put(render_rows(template("{{ messages[0].content }}"), [user("child")]))


def test_renders_inside_a_daemonic_fork_and_leaves_the_parents_worker_alone() -> None:
    source = template("{{ messages[0].content }}")
    assert render_rows(source, [user("parent")]) == [Rendered("parent")]
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    queue: multiprocessing.Queue[object] = context.Queue()
    child = context.Process(target=_render_in_child, args=(queue,), daemon=True)
    child.start()
    assert queue.get(timeout=60) == [Rendered("child")]
    child.join()
    assert render_rows(source, [user("parent")]) == [Rendered("parent")]
