"""Templates that attack: each is the error of its rows, within the pool's limits, and the next template renders."""

from contextlib import suppress

import pytest

from datalint.tokens import ChatTemplate, Conversation, Rendered, RenderError, RenderPool

# What takes memory, time or room without end.
BOMBS = {
    "long string": "{{ 'a' * 10**9 }}",
    "padded by %": "{{ '%1000000000d' | format(1) }}",
    "padded by a star": "{{ '%*d' % (10**9, 1) }}",
    "padded by format": "{{ '{:1000000000}'.format(1) }}",
    "padded by a method": "{{ 'a'.ljust(10**10) }}",
    "padded by a filter": "{{ 'a' | center(10**10) }}",
    "wide tabs": "{{ 'a\t'.expandtabs(10**10) }}",
    "wide indent": "{{ messages | tojson(indent=10**10) }}",
    "replaced to death": "{{ ('a' * 10**5).replace('a', 'b' * 10**5) }}",
    "joined to death": "{{ (['a' * 10**5] * 10**5) | join }}",
    "big number": "{{ 10 ** (10 ** 8) }}",
    "big list": "{{ ([1] * 10**9) | length }}",
    "big dictionary": "{{ dict.fromkeys((range(10**5) | list) * 10**4) | length }}",
    "endless loop": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "endless recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "recursive loop": "{% for x in [messages] recursive %}{{ loop([messages]) }}{% endfor %}",
    "doubling": "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "list in lists": "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}"
    "{{ n.x }}",
    "long output": "{% for i in range(90000) %}{{ 'abcdefghijklmnop' * 100 }}{% endfor %}",
    "long generation": "{% generation %}{% for i in range(90000) %}{{ 'abcdefghijklmnop' * 100 }}{% endfor %}"
    "{% endgeneration %}",
    "many generations": "{% for i in range(99999) %}{% generation %}{% endgeneration %}{% endfor %}" * 9,
    "deep brackets": "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
    "deep blocks": "{% if 1 %}" * 5000 + "{% endif %}" * 5000,
    "long source": "{{ messages[0] }}" * 200_000,
}

# What would reach Python behind the template.
ESCAPES = [
    "{{ messages.__class__ }}",
    "{{ messages['__class__'] }}",
    "{{ '' | attr('__class__') }}",
    "{{ '' | attr('\\x5f_class__') }}",
    "{{ ''['__cla' ~ 'ss__'].__mro__ }}",
    "{{ messages | map(attribute='__class__') | map(attribute='__mro__') | list }}",
    "{{ '{0.__class__}'.format(messages) }}",
    "{{ '{0.__class__.__mro__}'.format_map({'0': messages}) }}",
    "{{ ('{0.__cla' ~ 'ss__}') | format(messages) }}{{ ('{0.__class__}' ~ '').format(1) }}",
    "{{ [messages] | map('string') | map(attribute='format') | first | attr('__self__') }}",
    "{{ raise_exception.__globals__ }}",
    "{{ raise_exception['__glo' ~ 'bals__']['__builtins__'] }}",
    "{{ strftime_now.__closure__ }}",
    "{{ strftime_now.__code__ }}",
    "{{ lipsum.__globals__['os']._exit(0) }}",
    "{{ cycler.__init__.__globals__.os.fork() }}",
    "{{ joiner.__init__.__globals__.os.kill(1, 9) }}",
    "{{ dict.__call__.__globals__ }}{{ dict.__init__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{% set n = namespace(__class__=1) %}{{ n }}",
    "{% set n = namespace() %}{% set n.__dict__ = messages %}",
    "{% set n = namespace() %}{% set n._Namespace__attrs = messages %}{{ n._Namespace__attrs }}",
    "{{ self._TemplateReference__context.environment }}",
    "{{ self.__init__.__globals__ }}",
    "{{ loop.__class__ }}{% for m in messages %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% for m in messages %}{{ loop._iterable.__class__ }}{% endfor %}",
    "{% macro f() %}{% endmacro %}{{ f._func.__globals__ }}",
    "{% macro f() %}{{ caller.__class__ }}{{ caller._environment }}{% endmacro %}{% call f() %}{% endcall %}",
    "{{ (messages | map('upper')).gi_frame.f_globals }}",
    "{{ messages.append(1) }}",
    "{{ messages[0].update({'role': 'system'}) }}",
    "{% set _ = messages[0].__setitem__('role', 'system') %}",
    "{% include '/etc/hostname' %}",
    "{% import 'os' as os %}{{ os.system('true') }}",
    "{% extends '/etc/hostname' %}",
    "{{ exit() }}",
    "{{ open('/etc/hostname').read() }}",
]
# Parts of what Python's own objects would print.
INSIDE = ("<class", "<built-in", "<function", "<module", "<bound", "<code", "<jinja2", "_exit", "Environment")


def user(text: str) -> Conversation:
    return Conversation([{"role": "user", "content": text}])


def template(source: str) -> ChatTemplate:
    return ChatTemplate({"default": source})


@pytest.fixture
def pool() -> RenderPool:
    return RenderPool(cpu_seconds=1, memory=256 << 20)


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_the_error_of_its_row_and_the_pool_goes_on(pool: RenderPool, bomb: str) -> None:
    source = "{% if messages[0].content == 'boom' %}" + bomb + "{% else %}fine{% endif %}"
    # A bomb of constants goes off in the compiler, before any row: it may take all rows with it.
    results = pool.render(template(source), [user("a"), user("boom"), user("b")])
    assert isinstance(results[1], RenderError)
    assert pool.render(template("still {{ messages[0].content }}"), [user("here")]) == [Rendered("still here")]


def test_no_template_reaches_python(pool: RenderPool) -> None:
    for source in ESCAPES:
        result = pool.render(template(source), [user("a")])[0]
        # Where jinja2 has an undefined value and no error, nothing of Python may show.
        shown = result.text if isinstance(result, Rendered) else ""
        assert not any(part in shown for part in INSIDE), (source, shown)
        assert isinstance(result, Rendered) or result.kind == "raised", (source, result)
    assert pool.render(template("still {{ messages[0].content }}"), [user("here")]) == [Rendered("still here")]


@pytest.mark.parametrize("name", ["append", "update", "__class__", "format", "mro", "items"])
def test_a_key_named_like_a_method_or_secret_is_what_jinja2_says(pool: RenderPool, name: str) -> None:
    import jinja2.sandbox

    source = "{{ messages[0]." + name + " }}|{{ messages[0]['" + name + "'] }}"
    message = {"role": "user", name: "of the row"}
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment()
    expected: str | None = None
    with suppress(jinja2.exceptions.SecurityError):
        expected = environment.from_string(source).render(messages=[message])
    result = pool.render(template(source), [Conversation([message])])[0]
    if expected is None:
        assert isinstance(result, RenderError)
        assert result.error == "SecurityError"
    else:
        assert isinstance(result, Rendered)
        assert result.text.partition(" at 0x")[0] == expected.partition(" at 0x")[0]
