"""Which shape of tool arguments a chat template takes: found by rendering rows in the others.

A row that raises is rendered again with all its arguments in another shape. A row that renders is judged by its form:
one conversation of each form is rendered with marked arguments in every shape, and the marks tell how often a template
has escaped them. So few rows are rendered twice, and none where the first render already shows that all is well.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from datalint.brief import part
from datalint.chunk import Chunk
from datalint.location import parts, resolve
from datalint.tokens import Conversation, Rendered, RenderError, render_rows
from datalint.views.conversation import Dialogue
from datalint_rules.tool.calls import NotJsonError, dumps_like, loads
from datalint_rules.tool.shapes import (
    OBJECT,
    QUOTED,
    TEXT,
    LossyError,
    calls_of,
    exact,
    function_of,
    reshaped,
    shape_of,
    spoken,
    with_shape,
)
from datalint_rules.tpl.parts import form_of

_SHOWN = 80
_TOOLS = "the declared tools"
_FIRST_KEY = re.compile(r'\s*\{\s*"(\w[\w .-]*)"', re.ASCII)
_SHAPES = (OBJECT, TEXT)  # in the order of trial


class Fault(NamedTuple):
    """A row whose arguments, or tools, have a shape that the template does not take.

    `told` is what the template does with it, `to` the shape that it takes, `columns` those that hold the calls.
    """

    row: int
    pointer: str
    subject: str
    shape: str
    told: str
    to: str
    columns: list[str]
    fixable: bool
    raises: bool


class _Call(NamedTuple):
    """One call. `text`: the ShareGPT turn that it was read from, whose objects are in no shape of the row's own."""

    pointer: str
    name: str
    arguments: Any
    shape: str | None
    text: str | None


class _Case(NamedTuple):
    dialogue: Dialogue
    conversation: Conversation  # with objects for tools
    calls: list[_Call]


def faults(chunk: Chunk) -> list[Fault]:
    """The rows that another shape would mend, each once, in their order. For `Chunk.once`."""
    if chunk.target.template is None:
        return []
    found: dict[tuple[int, bool], Fault] = {}
    for fault in (*_quoted_tools(chunk), *_raising(chunk), *_escaping(chunk)):
        key = fault.row, fault.subject == _TOOLS
        if key in found:  # the other side of a preference row
            columns = dict.fromkeys((*found[key].columns, *fault.columns))
            fault = found[key]._replace(columns=list(columns), fixable=found[key].fixable and fault.fixable)
        found[key] = fault
    return sorted(found.values(), key=lambda fault: fault.row)


def _raising(chunk: Chunk) -> Iterator[Fault]:
    """Rows that the template refuses, and takes in another shape."""
    failed = [(d, r) for d, r in chunk.rendered if isinstance(r, RenderError) and r.kind == "raised" and _may_turn(d)]
    cases = [(_case(chunk, dialogue), error) for dialogue, error in failed]
    trials = [(number, to, talk) for number, (case, _) in enumerate(cases) for to, talk in _variants(case)]
    renders = _render(chunk, [talk for _, _, talk in trials])
    works: dict[int, str | None] = {}
    for (number, to, _), result in zip(trials, renders, strict=True):
        if isinstance(result, Rendered):
            works.setdefault(number, to)
    for number, to in works.items():
        case, error = cases[number]
        told = f"refuses ({part(' '.join(error.message.split()), 0, _SHOWN)})"
        if case.conversation.tools != case.dialogue.conversation.tools:
            yield _tools_fault(chunk, case.dialogue.row, TEXT, told, raises=True)
        if to is not None:
            yield from _fault(case, told, to, raises=True)


def _variants(case: _Case) -> Iterator[tuple[str | None, Conversation]]:
    """What of a case to render in its place, with the shape of its arguments; None: as they are."""
    if case.conversation is not case.dialogue.conversation:
        yield None, case.conversation
    messages = case.conversation.messages
    for shape in _SHAPES:
        if any(call.shape not in (None, shape) for call in case.calls):
            yield shape, replace(case.conversation, messages=with_shape(messages, shape))


def _escaping(chunk: Chunk) -> Iterator[Fault]:
    """Rows whose arguments the template writes into quotes, and does not in another shape."""
    doubtful = [
        _case(chunk, dialogue)
        for dialogue, result in chunk.rendered
        if isinstance(result, Rendered)
        and any(_may_be_escaped(result.text, arguments) for arguments in _arguments(dialogue))
    ]
    forms = [(form_of(case.dialogue), tuple(call.shape for call in case.calls)) for case in doubtful]
    first = dict(zip(reversed(forms), reversed(doubtful), strict=True))
    probes = [(form, to, _marked(case, to)) for form, case in first.items() for to in (None, *_SHAPES)]
    depths: dict[tuple[Any, str | None], dict[str, int]] = {}
    for (form, to, _), result in zip(probes, _render(chunk, [talk for _, _, talk in probes]), strict=True):
        depths[form, to] = _depths(result)
    for case, form in zip(doubtful, forms, strict=True):
        now = depths[form, None]
        better = [
            (max(there.values()), to)
            for to in _SHAPES
            if (there := depths[form, to]).keys() >= now.keys() and now and max(there.values()) < max(now.values())
        ]
        if better:
            told = "writes as text in quotes"
            yield from _fault(case, told, min(better, key=lambda pair: pair[0])[1], raises=False)


def _render(chunk: Chunk, talks: list[Conversation]) -> list[Rendered | RenderError]:
    template = chunk.target.template
    return render_rows(template, talks) if template is not None and talks else []


def _arguments(dialogue: Dialogue) -> Iterator[Any]:
    for message in dialogue.conversation.messages:
        for call in calls_of(message):
            yield function_of(call).get("arguments")


def _may_turn(dialogue: Dialogue) -> bool:
    tools = dialogue.conversation.tools or ()
    return any(isinstance(tool, str) for tool in tools) or any(isinstance(a, (dict, str)) for a in _arguments(dialogue))


def _may_be_escaped(text: str, arguments: Any) -> bool:
    """Whether a render can hold the arguments in quotes: an escaped quote stands before their first key."""
    if isinstance(arguments, str):
        key = _FIRST_KEY.match(arguments)
        return f'\\"{key[1]}' in text if key else arguments[:1] == '"' or json.dumps(arguments) in text
    first = next(iter(arguments), None) if isinstance(arguments, dict) else None
    return first is not None and (f'\\"{first}' if str(first).isascii() else '\\"') in text


def _marked(case: _Case, shape: str | None) -> Conversation:
    """The conversation with a mark for the arguments of each call, in one shape or (None) each in its own."""
    messages = list(case.conversation.messages)
    number = 0
    for at, message in enumerate(messages):
        calls = []
        for call in calls_of(message):
            own, function = case.calls[number].shape, function_of(call)
            if own is not None:
                made = {**function, "arguments": reshaped({f"ZqA{number}Z": "a"}, shape or own, lossless=False)}
                call = made if function is call else {**call, "function": made}
            calls.append(call)
            number += 1
        if calls:
            messages[at] = {**message, "tool_calls": calls}
    return replace(case.conversation, messages=messages)


def _depths(result: Rendered | RenderError) -> dict[str, int]:
    """How many backslashes stand before the quote of each mark, at most; none where the template raises."""
    depths: dict[str, int] = {}
    for escapes, mark in re.findall(r'(\\*)"?(ZqA\d+Z)', result.text if isinstance(result, Rendered) else ""):
        depths[mark] = max(depths.get(mark, 0), len(escapes))
    return depths


def _case(chunk: Chunk, dialogue: Dialogue) -> _Case:
    calls = []
    row = chunk.values[dialogue.row]
    for message, place in zip(dialogue.conversation.messages, dialogue.contents, strict=True):
        base = place.rpartition("/")[0]
        text = None
        if dialogue.mapped and calls_of(message) and not calls_of(resolve(row, base)):
            text = resolve(row, place)
        for number, call in enumerate(calls_of(message)):
            function = function_of(call)
            inner = "" if function is call else "/function"
            pointer = place if text is not None else f"{base}/tool_calls/{number}{inner}/arguments"
            name, arguments = function.get("name"), function.get("arguments")
            shown = part(name, 0, _SHOWN) if isinstance(name, str) else "a call without a name"
            calls.append(_Call(pointer, shown, arguments, shape_of(arguments), text))
    tools = dialogue.conversation.tools
    if tools and any(isinstance(tool, str) for tool in tools):
        made = replace(dialogue.conversation, tools=[_loaded(tool) for tool in tools])
        return _Case(dialogue, made, calls)
    return _Case(dialogue, dialogue.conversation, calls)


def _loaded(tool: Any) -> Any:
    try:
        return loads(tool) if isinstance(tool, str) else tool
    except NotJsonError:
        return tool


def _fault(case: _Case, told: str, to: str, *, raises: bool) -> Iterator[Fault]:
    # An object in a ShareGPT turn is no shape of the row's own: who reads the turn makes of it what the model needs.
    calls = [call for call in case.calls if call.shape not in (None, to) and (call.text is None or to == OBJECT)]
    if calls:
        first = calls[0]
        columns = list(dict.fromkeys(parts(call.pointer)[0] for call in calls))
        fixable = all(_can_turn(call, to) for call in calls)
        subject = f"the arguments of {first.name}"
        yield Fault(case.dialogue.row, first.pointer, subject, first.shape or "", told, to, columns, fixable, raises)


def _can_turn(call: _Call, to: str) -> bool:
    if call.text is not None:
        return spoken(call.text) is not None
    try:
        reshaped(call.arguments, to)
    except LossyError:
        return False
    return True


def _quoted_tools(chunk: Chunk) -> Iterator[Fault]:
    """Rows whose tools are JSON text in JSON text: every trainer decodes them once, and has no list then."""
    for row in sorted({dialogue.row for dialogue in chunk.dialogues if dialogue.conversation.tools is None}):
        cell = (chunk.values[row] or {}).get("tools")
        if isinstance(cell, str) and cell.lstrip()[:1] == '"':
            inner = _loaded(cell)
            if isinstance(inner, str) and isinstance(_loaded(inner), list):
                yield _tools_fault(chunk, row, QUOTED, "does not get as a list", raises=False)


def _tools_fault(chunk: Chunk, row: int, shape: str, told: str, *, raises: bool) -> Fault:
    fixable = tools_of((chunk.values[row] or {}).get("tools")) is not None
    return Fault(row, "/tools", _TOOLS, shape, told, "a list of objects", ["tools"], fixable, raises)


def tools_of(cell: Any) -> Any:
    """The column of tools with objects for tools; None where something would be lost."""
    try:
        if not isinstance(cell, str):
            return [exact(tool) if isinstance(tool, str) else tool for tool in cell]
        value = loads(cell)
        if isinstance(value, str):
            return value
        return dumps_like(cell, tools_of(value))
    except (LossyError, NotJsonError):
        return None
